//! How one client wants to be told: CLIENT TRACKING and CLIENT CACHING read, and what becomes of what it had.
//! Pure.

use crate::resp::{Args, ErrorReply, ReplyWriter, TrackingError, integer, is_word};
use std::collections::BTreeSet;

/// Prefixes of one client. Redis has no bound, and compares each with each.
pub const MOST_PREFIXES: usize = 1_024;

/// Bytes of all of them: they are compared with each other where two overlap.
pub const MOST_PREFIX_BYTES: usize = 16 * 1024;

/// Which reads are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    All,
    /// Those before which CLIENT CACHING YES is said.
    OptIn,
    /// All but those before which CLIENT CACHING NO is said.
    OptOut,
}

/// What CLIENT TRACKING asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackingWish {
    is_on: bool,
    redirect: u64,
    is_broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<Box<[u8]>>,
}

impl TrackingWish {
    /// Reads CLIENT TRACKING ON | OFF \[REDIRECT client-id\] \[PREFIX prefix …\] \[BCAST\] \[OPTIN\] \[OPTOUT\] \[NOLOOP\]; `is_client` says whether somebody has a number.
    ///
    /// # Errors
    /// What Redis says of the first word that is wrong.
    pub fn read(args: Args<'_>, is_client: impl Fn(u64) -> bool) -> Result<Self, ErrorReply> {
        let mut wish = Self {
            is_on: false,
            redirect: 0,
            is_broadcast: false,
            opt_in: false,
            opt_out: false,
            no_loop: false,
            prefixes: Vec::new(),
        };
        let mut words = args.iter_from(3);
        while let Some(word) = words.next() {
            match word {
                _ if is_word(word, "redirect") => {
                    let id = words.next().ok_or(ErrorReply::Syntax)?;
                    wish.read_redirect(id, &is_client)?;
                }
                _ if is_word(word, "bcast") => wish.is_broadcast = true,
                _ if is_word(word, "optin") => wish.opt_in = true,
                _ if is_word(word, "optout") => wish.opt_out = true,
                _ if is_word(word, "noloop") => wish.no_loop = true,
                _ if is_word(word, "prefix") => {
                    let prefix = words.next().ok_or(ErrorReply::Syntax)?;
                    if wish.prefixes.len() == MOST_PREFIXES {
                        return Err(TrackingError::TooManyPrefixes.into());
                    }
                    wish.prefixes.push(prefix.into());
                }
                _ => return Err(ErrorReply::Syntax),
            }
        }
        wish.is_on = match args.at(2) {
            word if is_word(word, "on") => true,
            word if is_word(word, "off") => false,
            _ => return Err(ErrorReply::Syntax),
        };
        Ok(wish)
    }

    fn read_redirect(
        &mut self,
        word: &[u8],
        is_client: impl Fn(u64) -> bool,
    ) -> Result<(), ErrorReply> {
        if self.redirect != 0 {
            return Err(TrackingError::OneRedirection.into());
        }
        let id = u64::try_from(integer(word)?).ok();
        let there = id.filter(|id| *id > 0 && is_client(*id));
        self.redirect = there.ok_or(TrackingError::NoSuchClient)?;
        Ok(())
    }

    /// The client that is to be told in its place, if another one is.
    #[must_use]
    pub fn redirect(&self) -> Option<u64> {
        (self.is_on && self.redirect != 0).then_some(self.redirect)
    }

    /// Whether changes by prefix are asked for.
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.is_on && self.is_broadcast
    }

    /// Whether the client's own changes are not to be told to it.
    #[must_use]
    pub fn is_without_own(&self) -> bool {
        self.is_on && self.no_loop
    }

    fn choice(&self) -> Result<Choice, TrackingError> {
        match (self.opt_in, self.opt_out) {
            (true, true) => Err(TrackingError::BothChoices),
            (true, false) => Ok(Choice::OptIn),
            (false, true) => Ok(Choice::OptOut),
            (false, false) => Ok(Choice::All),
        }
    }
}

/// How a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Of keys that begin so, whoever has read them; `None`: of keys that it has read.
    prefixes: Option<BTreeSet<Box<[u8]>>>,
    choice: Choice,
    no_loop: bool,
    /// In its place this client is told; 0 is itself.
    redirect: u64,
    is_broken: bool,
    /// What CLIENT CACHING has said of the next command.
    is_chosen: bool,
}

impl Mode {
    /// What becomes of what a client `has`; `None`: it is told no more.
    pub(super) fn changed(
        has: Option<&Self>,
        wish: &TrackingWish,
    ) -> Result<Option<Self>, ErrorReply> {
        if !wish.is_on {
            return Ok(None);
        }
        if !wish.is_broadcast && !wish.prefixes.is_empty() {
            return Err(TrackingError::PrefixWithoutBroadcast.into());
        }
        if has.is_some_and(|has| has.is_broadcast() != wish.is_broadcast) {
            return Err(TrackingError::SwitchesBroadcast.into());
        }
        if wish.is_broadcast && (wish.opt_in || wish.opt_out) {
            return Err(TrackingError::ChoiceOfBroadcast.into());
        }
        let choice = wish.choice()?;
        let had = has.map_or(Choice::All, |has| has.choice);
        if had != choice && had != Choice::All && choice != Choice::All {
            return Err(TrackingError::SwitchesChoice.into());
        }
        let prefixes = match wish.is_broadcast {
            true => Some(all_prefixes(
                has.and_then(|has| has.prefixes.as_ref()),
                wish,
            )?),
            false => None,
        };
        Ok(Some(Self {
            prefixes,
            choice,
            no_loop: wish.no_loop,
            redirect: wish.redirect,
            is_broken: false,
            is_chosen: has.is_some_and(|has| has.is_chosen),
        }))
    }

    /// Whether it hears of prefixes, and not of what it has read.
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.prefixes.is_some()
    }

    /// Whether it does not hear of what it changes itself.
    #[must_use]
    pub fn is_without_own(&self) -> bool {
        self.no_loop
    }

    /// Who is told in its place; 0 is itself.
    #[must_use]
    pub fn redirect(&self) -> u64 {
        self.redirect
    }

    /// Whether that one was found to have gone.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Its prefixes, in order.
    pub fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.prefixes.iter().flatten().map(|prefix| &**prefix)
    }

    /// Whether what it reads is remembered.
    pub(super) fn wants_reads(&self) -> bool {
        match self.choice {
            _ if self.is_broadcast() => false,
            Choice::All => true,
            Choice::OptIn => self.is_chosen,
            Choice::OptOut => !self.is_chosen,
        }
    }

    pub(super) fn choose(&mut self, wants: bool) -> Result<(), TrackingError> {
        match (self.choice, wants) {
            (Choice::OptIn, true) | (Choice::OptOut, false) => {
                self.is_chosen = true;
                Ok(())
            }
            (_, true) => Err(TrackingError::NotOptIn),
            (_, false) => Err(TrackingError::NotOptOut),
        }
    }

    pub(super) fn forget_choice(&mut self) {
        self.is_chosen = false;
    }

    pub(super) fn note_broken(&mut self) {
        self.is_broken = true;
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self
                .prefixes()
                .map(|prefix| prefix.len() + 32)
                .sum::<usize>()
    }

    /// Letters of CLIENT LIST: `t` and, where they hold, `R` and `B`.
    #[must_use]
    pub fn letters(&self) -> &'static str {
        match (self.is_broken, self.is_broadcast()) {
            (false, false) => "t",
            (true, false) => "tR",
            (false, true) => "tB",
            (true, true) => "tRB",
        }
    }

    fn words(&self) -> Vec<&'static str> {
        let (opt_in, opt_out) = (self.choice == Choice::OptIn, self.choice == Choice::OptOut);
        let words = [
            (true, "on"),
            (self.is_broadcast(), "bcast"),
            (opt_in, "optin"),
            (opt_in && self.is_chosen, "caching-yes"),
            (opt_out, "optout"),
            (opt_out && self.is_chosen, "caching-no"),
            (self.no_loop, "noloop"),
            (self.is_broken, "broken_redirect"),
        ];
        let those = words.into_iter().filter(|(holds, _)| *holds);
        those.map(|(_, word)| word).collect()
    }
}

/// The prefixes that a client has and those that it asks for, none of which begins another.
fn all_prefixes(
    has: Option<&BTreeSet<Box<[u8]>>>,
    wish: &TrackingWish,
) -> Result<BTreeSet<Box<[u8]>>, ErrorReply> {
    let mut all = has.cloned().unwrap_or_default();
    if wish.prefixes.is_empty() {
        all.insert(Box::default());
        return Ok(all);
    }
    let both = all.iter().chain(&wish.prefixes);
    let all_bytes: usize = both.map(|prefix| prefix.len()).sum();
    if all.len() + wish.prefixes.len() > MOST_PREFIXES || all_bytes > MOST_PREFIX_BYTES {
        return Err(TrackingError::TooManyPrefixes.into());
    }
    // Where none begins another one, those that do are neighbours.
    let mut sorted: Vec<&[u8]> = all
        .iter()
        .chain(&wish.prefixes)
        .map(|prefix| &**prefix)
        .collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[1].starts_with(pair[0])) {
        return Err(first_overlap(&all, &wish.prefixes));
    }
    all.extend(wish.prefixes.iter().cloned());
    Ok(all)
}

/// What Redis says of prefixes of which one begins another.
#[cold]
fn first_overlap(all: &BTreeSet<Box<[u8]>>, given: &[Box<[u8]>]) -> ErrorReply {
    let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
    for (index, prefix) in given.iter().enumerate() {
        if let Some(existing) = all.iter().find(|existing| overlap(existing, prefix)) {
            return ErrorReply::overlapping_prefix(prefix, existing);
        }
        let others = &given[index + 1..];
        if let Some(other) = others.iter().find(|other| overlap(other, prefix)) {
            return ErrorReply::overlapping_prefixes(prefix, other);
        }
    }
    TrackingError::TooManyPrefixes.into()
}

/// CLIENT TRACKINGINFO of a client that is told so, or not at all.
pub fn write_info(mode: Option<&Mode>, reply: &mut ReplyWriter<'_>) {
    reply.map(3);
    reply.bulk(b"flags");
    let words = mode.map_or_else(|| vec!["off"], Mode::words);
    reply.set(words.len());
    words.iter().for_each(|word| reply.bulk(word.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(mode.map_or(-1, |mode| i64::try_from(mode.redirect).unwrap_or(i64::MAX)));
    reply.bulk(b"prefixes");
    reply.array(mode.map_or(0, |mode| mode.prefixes().count()));
    let prefixes = mode.into_iter().flat_map(Mode::prefixes);
    prefixes.for_each(|prefix| reply.bulk(prefix));
}
