//! Which arguments are keys: Redis 7's key specifications, and the few commands whose syntax they cannot tell.
//! Pure. No argument can make it panic, overflow or visit an index beyond the arguments.

use std::ops::Range;

use super::{CommandId, CommandSpec, KeyFlags};
use crate::resp::{Args, parse_integer};

/// Where keys begin, how far they go, and what is done with them.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Where the first one is.
    pub begin: BeginSearch,
    /// Which arguments from there on.
    pub find: FindKeys,
    /// What the command does with them.
    pub flags: KeyFlags,
    /// Why, where it is not plain.
    pub note: Option<&'static str>,
}

/// Where a specification's keys begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginSearch {
    /// At this argument.
    Index(i16),
    /// Behind this word, looked for from this argument on; when negative, backwards from that far before the end.
    Keyword(&'static str, i16),
    /// No rule can tell.
    Unknown,
}

/// Which arguments are keys, from the beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// Up to `last`, every `step`-th.
    Range {
        /// Relative to the first; when negative, to the number of arguments.
        last: i16,
        /// From key to key.
        step: i16,
        /// With `last` -1: only the first `1/limit` of the rest, when above 1.
        limit: i16,
    },
    /// The first argument says how many, they follow it.
    Counted,
    /// No rule can tell.
    Unknown,
}

/// A row's specifications in the form in which keys are found quickest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyShape {
    /// There are none.
    None,
    /// Exactly one, at this argument.
    One(u16),
    /// From `first` to `last` (negative: from the end), every `step`-th.
    Each { first: u16, last: i16, step: u16 },
    /// The specifications must be read.
    Search,
}

/// Arguments `first`, `first + step`, … not beyond `last`.
#[derive(Clone, Copy)]
struct KeyRange {
    first: usize,
    last: usize,
    step: usize,
}

/// More specifications than any row has; checked at compile time.
const MOST_SPECS: usize = 4;

impl KeyShape {
    /// One range, or ranges that continue each other, are one shape.
    #[expect(
        clippy::cast_sign_loss,
        reason = "places of the table, asserted not to be negative"
    )]
    pub(super) const fn of(keys: &[KeySpec]) -> Self {
        assert!(keys.len() <= MOST_SPECS);
        let mut shape = Self::None;
        let mut at = 0;
        while at < keys.len() {
            let spec = keys[at];
            at += 1;
            if spec.flags.contains(KeyFlags::NOT_KEY) {
                continue;
            }
            let BeginSearch::Index(first) = spec.begin else {
                return Self::Search;
            };
            let FindKeys::Range {
                last,
                step,
                limit: 0,
            } = spec.find
            else {
                return Self::Search;
            };
            assert!(first > 0 && step > 0, "a place before the arguments");
            let end = if last >= 0 { first + last } else { last };
            shape = match shape {
                Self::None if end == first => Self::One(first as u16),
                Self::None => Self::Each {
                    first: first as u16,
                    last: end,
                    step: step as u16,
                },
                Self::One(before) if before as i16 + 1 == first && step == 1 => Self::Each {
                    first: before,
                    last: end,
                    step: 1,
                },
                Self::Each {
                    first: before,
                    last,
                    step: 1,
                } if last + 1 == first && step == 1 => Self::Each {
                    first: before,
                    last: end,
                    step: 1,
                },
                _ => return Self::Search,
            };
        }
        shape
    }
}

impl KeySpec {
    fn is_counted(&self) -> bool {
        self.find == FindKeys::Counted
    }

    /// `Ok(None)`: an option that is not there. `Err`: the arguments do not fit, or no rule can tell.
    fn range(&self, args: Args<'_>) -> Result<Option<KeyRange>, ()> {
        let count = args.len();
        let first = match self.begin {
            BeginSearch::Index(index) => usize::try_from(index).map_err(|_| ())?,
            BeginSearch::Keyword(word, from) => match find_word(args, word, from) {
                Some(at) => at + 1,
                None => return Ok(None),
            },
            BeginSearch::Unknown => return Err(()),
        };
        let range = match self.find {
            FindKeys::Range { last, step, limit } => KeyRange {
                first,
                last: last_of(first, count, last, limit).ok_or(())?,
                step: usize::try_from(step).map_err(|_| ())?,
            },
            FindKeys::Counted => {
                let keys = args.get(first).and_then(key_count).ok_or(())?;
                let last = first.checked_add(keys).ok_or(())?;
                KeyRange {
                    first: first + 1,
                    last,
                    step: 1,
                }
            }
            FindKeys::Unknown => return Err(()),
        };
        // `PFMERGE destination` has no sources. (Redis finds no key at all then, and a cluster of it would not know where to go.)
        let open_end = matches!(self.find, FindKeys::Range { last: ..0, .. });
        if open_end && range.last + 1 == range.first {
            return Ok(None);
        }
        if range.first > range.last
            || range.last >= count
            || self.flags.contains(KeyFlags::INCOMPLETE)
        {
            return Err(());
        }
        Ok(Some(range))
    }
}

fn last_of(first: usize, count: usize, last: i16, limit: i16) -> Option<usize> {
    let last = isize::from(last);
    if last >= 0 {
        return first.checked_add_signed(last);
    }
    if limit <= 1 {
        return count.checked_add_signed(last);
    }
    let share = count.checked_sub(first)? / usize::try_from(limit).ok()?;
    first.checked_add(share)?.checked_add_signed(last)
}

/// The index of `word`, in any letter case.
fn find_word(args: Args<'_>, word: &str, from: i16) -> Option<usize> {
    let is_word = |index: &usize| {
        args.get(*index)
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    match usize::try_from(from) {
        Ok(from) => (from..args.len()).find(is_word),
        Err(_) => {
            let start = args.len().checked_add_signed(isize::from(from))?;
            (2..=start).rev().find(is_word)
        }
    }
}

/// A number of keys.
fn key_count(digits: &[u8]) -> Option<usize> {
    usize::try_from(parse_integer(digits)?).ok()
}

impl CommandSpec {
    /// Calls `visit` with the index of each argument that is a key, in order. Arguments that break the rule have no keys.
    #[inline]
    pub fn for_each_key(&self, args: Args<'_>, mut visit: impl FnMut(usize)) {
        match self.shape {
            KeyShape::None => {}
            KeyShape::One(at) => {
                if usize::from(at) < args.len() {
                    visit(usize::from(at));
                }
            }
            KeyShape::Each { first, last, step } => {
                let Some(last) = last_of(0, args.len(), last, 0) else {
                    return;
                };
                if last < args.len() {
                    (usize::from(first)..=last)
                        .step_by(usize::from(step))
                        .for_each(visit);
                }
            }
            KeyShape::Search => self.search_keys(args, &mut |at, _| visit(at)),
        }
    }

    /// The index of the first key, if there is one.
    #[inline]
    #[must_use]
    pub fn first_key(&self, args: Args<'_>) -> Option<usize> {
        match self.shape {
            KeyShape::None => None,
            KeyShape::One(at) => (usize::from(at) < args.len()).then_some(usize::from(at)),
            KeyShape::Each { .. } | KeyShape::Search => {
                let mut found = None;
                self.for_each_key(args, |at| {
                    found.get_or_insert(at);
                });
                found
            }
        }
    }

    /// Calls `visit` with the index of each key and what is done with it, in order.
    pub fn for_each_key_with_flags(&self, args: Args<'_>, mut visit: impl FnMut(usize, KeyFlags)) {
        self.search_keys(args, &mut visit);
    }

    /// Calls `visit` with the index of each argument that is a pattern of further keys, behind BY or GET of SORT.
    pub fn for_each_key_pattern(&self, args: Args<'_>, mut visit: impl FnMut(usize)) {
        if matches!(self.id, CommandId::Sort | CommandId::SortRo) {
            walk_sort_options(args, |option, at| {
                if option != SortOption::Store {
                    visit(at);
                }
            });
        }
    }

    /// From one key to the next: 2 where a value stands behind each (`MSET`).
    #[must_use]
    pub fn key_step(&self) -> usize {
        match self.shape {
            KeyShape::Each { step, .. } => usize::from(step),
            KeyShape::None | KeyShape::One(_) | KeyShape::Search => 1,
        }
    }

    /// Whether a number stands before its keys.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.keys.iter().any(KeySpec::is_counted)
    }

    /// Its keys before which their number stands; `None` when there are none, or the number cannot be true.
    #[must_use]
    pub fn counted_keys(&self, args: Args<'_>) -> Option<Range<usize>> {
        let spec = self.keys.iter().find(|spec| spec.is_counted())?;
        let KeyRange { first, last, .. } = spec.range(args).ok()??;
        Some(first..last + 1)
    }

    /// Whether some arguments of it may be keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.shape != KeyShape::None
    }

    fn search_keys(&self, args: Args<'_>, visit: &mut dyn FnMut(usize, KeyFlags)) {
        let mut ranges = [None; MOST_SPECS];
        let specs = || {
            self.keys
                .iter()
                .filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY))
        };
        // All or none: one rule that is broken makes the whole command a syntax error.
        for (spec, range) in specs().zip(&mut ranges) {
            match spec.range(args) {
                Ok(found) => *range = found,
                Err(()) => return self.keys_by_syntax(args, visit),
            }
        }
        for (spec, range) in specs().zip(ranges) {
            let Some(KeyRange { first, last, step }) = range else {
                continue;
            };
            let flags = if spec.flags.contains(KeyFlags::VARIABLE) {
                self.flags_by_syntax(args)
            } else {
                spec.flags
            };
            (first..=last).step_by(step).for_each(|at| visit(at, flags));
        }
    }

    /// The commands whose specifications are incomplete, or say less than the syntax when it is broken.
    fn keys_by_syntax(&self, args: Args<'_>, visit: &mut dyn FnMut(usize, KeyFlags)) {
        const READ: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
        const STORE: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);
        if args.len() < 2 {
            return;
        }
        match self.id {
            CommandId::SortRo => visit(1, READ),
            CommandId::Sort => {
                visit(1, READ);
                if let Some(at) = sort_destination(args) {
                    visit(at, STORE);
                }
            }
            CommandId::Georadius | CommandId::Georadiusbymember => {
                visit(1, READ);
                if let Some(at) = last_option_value(args, 5, &[b"store", b"storedist"]) {
                    visit(at, STORE);
                }
            }
            CommandId::Migrate => {
                let flags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
                migrated_keys(args).for_each(|at| visit(at, flags));
            }
            _ => {}
        }
    }

    fn flags_by_syntax(&self, args: Args<'_>) -> KeyFlags {
        let says = |from: usize, word: &[u8]| {
            args.iter_from(from)
                .any(|arg| arg.eq_ignore_ascii_case(word))
        };
        let read_write = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE);
        match self.id {
            CommandId::Set if !says(3, b"get") && !says(3, b"ifeq") => {
                KeyFlags::OW.union(KeyFlags::UPDATE)
            }
            CommandId::Bitfield if bitfield_only_reads(args) => {
                KeyFlags::RO.union(KeyFlags::ACCESS)
            }
            _ => read_write,
        }
    }
}

/// The last `STORE` counts, as Redis says.
fn sort_destination(args: Args<'_>) -> Option<usize> {
    let mut found = None;
    walk_sort_options(args, |option, at| {
        if option == SortOption::Store {
            found = Some(at);
        }
    });
    found
}

/// Options of SORT that name keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SortOption {
    Pattern,
    Store,
}

/// Shows where what such options name stands; words that belong to other options are stepped over. (A destination is not stepped over: so does Redis.)
fn walk_sort_options(args: Args<'_>, mut show: impl FnMut(SortOption, usize)) {
    let mut at = 2;
    while let Some(arg) = args.get(at) {
        let has_value = at + 1 < args.len();
        if arg.eq_ignore_ascii_case(b"limit") {
            at += 2;
        } else if arg.eq_ignore_ascii_case(b"get") || arg.eq_ignore_ascii_case(b"by") {
            at += 1;
            if has_value {
                show(SortOption::Pattern, at);
            }
        } else if arg.eq_ignore_ascii_case(b"store") && has_value {
            show(SortOption::Store, at + 1);
        }
        at += 1;
    }
}

fn last_option_value(args: Args<'_>, from: usize, words: &[&[u8]]) -> Option<usize> {
    let mut found = None;
    let mut at = from;
    while at + 1 < args.len() {
        let arg = args.get(at)?;
        if words.iter().any(|word| arg.eq_ignore_ascii_case(word)) {
            at += 1;
            found = Some(at);
        }
        at += 1;
    }
    found
}

/// Argument 3, or, where that is empty, all behind KEYS.
fn migrated_keys(args: Args<'_>) -> Range<usize> {
    let mut at = 6;
    while let Some(arg) = args.get(at) {
        if arg.eq_ignore_ascii_case(b"keys") {
            let named_twice = args.get(3).is_some_and(|key| !key.is_empty());
            return if named_twice {
                0..0
            } else {
                at + 1..args.len()
            };
        }
        if arg.eq_ignore_ascii_case(b"auth") {
            at += 1;
        } else if arg.eq_ignore_ascii_case(b"auth2") {
            at += 2;
        }
        at += 1;
    }
    if args.len() > 3 { 3..4 } else { 0..0 }
}

/// GET with its two arguments, OVERFLOW with its one; whatever else there is writes, or may.
fn bitfield_only_reads(args: Args<'_>) -> bool {
    let mut at = 2;
    while let Some(arg) = args.get(at) {
        let following = args.len() - at - 1;
        at += if arg.eq_ignore_ascii_case(b"get") && following >= 2 {
            3
        } else if arg.eq_ignore_ascii_case(b"overflow") && following >= 1 {
            2
        } else {
            return false;
        };
    }
    true
}
