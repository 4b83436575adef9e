//! One user: whether and how it may log in, and what it may do then.
//! Pure. Invariants: the first selector is its own and always there; whoever has a [`User`] that is shared has one that has been settled.

use super::password::PasswordHash;
use super::rule::{MOST_OF_A_KIND, RuleError};
use super::selector::{ChannelsByDefault, Selector};
use crate::resp::{is_word, split_line};

/// The user that everybody is who has not said otherwise.
pub const DEFAULT_USER: &[u8] = b"default";

/// Somebody who may log in.
#[derive(Clone, Debug)]
pub struct User {
    name: Box<[u8]>,
    is_on: bool,
    /// Any password is right.
    needs_none: bool,
    /// What was said of RESTORE, of which nothing comes here: whatever is restored is looked at.
    sanitizes: Option<bool>,
    passwords: Vec<PasswordHash>,
    selectors: Vec<Selector>,
    /// Some selector allows everything.
    is_unlimited: bool,
}

impl User {
    /// One that may neither log in nor do anything.
    pub(super) fn new(name: &[u8], channels: ChannelsByDefault) -> Self {
        let mut user = Self {
            name: name.into(),
            is_on: false,
            needs_none: false,
            sanitizes: None,
            passwords: Vec::new(),
            selectors: vec![Selector::new(channels)],
            is_unlimited: false,
        };
        user.settle();
        user
    }

    /// The default user as it is where nobody has said anything: without a password, and without limits.
    pub(super) fn unlimited() -> Self {
        let mut user = Self::new(DEFAULT_USER, ChannelsByDefault::None);
        for rule in ["on", "nopass", "+@all", "~*", "&*"] {
            let applied = user.apply(rule.as_bytes(), ChannelsByDefault::None);
            debug_assert_eq!(applied, Ok(()));
        }
        user.settle();
        user
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether it may log in.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether any password is right.
    #[must_use]
    pub fn needs_no_password(&self) -> bool {
        self.needs_none
    }

    /// Whether it may do everything, so that nothing is asked.
    #[inline]
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.is_unlimited
    }

    /// Its own selector, and the others.
    pub(super) fn selectors(&self) -> (&Selector, &[Selector]) {
        match &self.selectors[..] {
            [own, others @ ..] => (own, others),
            [] => unreachable!("the first selector is always there"),
        }
    }

    /// All its selectors.
    pub(super) fn all_selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// Words for whether and how it may log in.
    pub(super) fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.is_on, "on"),
            (!self.is_on, "off"),
            (self.needs_none, "nopass"),
            (self.sanitizes == Some(false), "skip-sanitize-payload"),
            (self.sanitizes == Some(true), "sanitize-payload"),
        ];
        flags
            .into_iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, word)| word)
    }

    /// Its passwords' hashes.
    pub(super) fn password_hashes(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(|hash| hash.hex())
    }

    /// Whether it may log in with this password.
    pub(super) fn lets_in(&self, password: PasswordHash) -> bool {
        // All are compared, so that nobody learns how many come before the right one.
        let hashes = self.passwords.iter();
        let is_right = hashes.fold(false, |found, hash| found | hash.matches(password));
        self.is_on && (self.needs_none || is_right)
    }

    /// The only password from now on; none, and any is right.
    pub(super) fn set_password(&mut self, password: &[u8]) {
        self.passwords.clear();
        self.needs_none = password.is_empty();
        if !password.is_empty() {
            self.passwords.push(PasswordHash::of(password));
        }
    }

    /// What follows from its rules is looked up no more: to be called when they have been applied.
    pub(super) fn settle(&mut self) {
        self.selectors.iter_mut().for_each(Selector::settle);
        self.is_unlimited = self.selectors.iter().any(Selector::is_unlimited);
    }

    /// Applies one rule.
    pub(super) fn apply(
        &mut self,
        rule: &[u8],
        channels: ChannelsByDefault,
    ) -> Result<(), RuleError> {
        let is = |word: &str| is_word(rule, word);
        if rule.is_empty() {
            return Ok(());
        }
        if is("on") || is("off") {
            self.is_on = is("on");
        } else if is("skip-sanitize-payload") {
            self.sanitizes = Some(false);
        } else if is("sanitize-payload") {
            self.sanitizes = Some(true);
        } else if is("nopass") || is("resetpass") {
            self.needs_none = is("nopass");
            self.passwords.clear();
        } else if is("clearselectors") {
            self.selectors.truncate(1);
        } else if is("reset") {
            let name = std::mem::take(&mut self.name);
            *self = Self::new(&name, channels);
            self.sanitizes = Some(true);
        } else {
            return match rule {
                [b'>', password @ ..] => self.add_password(Some(PasswordHash::of(password))),
                [b'#', hash @ ..] => self.add_password(PasswordHash::from_hex(hash)),
                [b'<', password @ ..] => self.remove_password(Some(PasswordHash::of(password))),
                [b'!', hash @ ..] => self.remove_password(PasswordHash::from_hex(hash)),
                [b'(', rules @ .., b')'] => self.add_selector(rules, channels),
                _ => self.selectors[0].apply(rule),
            };
        }
        Ok(())
    }

    fn add_password(&mut self, hash: Option<PasswordHash>) -> Result<(), RuleError> {
        let hash = hash.ok_or(RuleError::BrokenHash)?;
        if !self.passwords.iter().any(|known| known.matches(hash)) {
            if self.passwords.len() >= MOST_OF_A_KIND {
                return Err(RuleError::TooMany);
            }
            self.passwords.push(hash);
        }
        self.needs_none = false;
        Ok(())
    }

    fn remove_password(&mut self, hash: Option<PasswordHash>) -> Result<(), RuleError> {
        let hash = hash.ok_or(RuleError::BrokenHash)?;
        let mut known = self.passwords.iter();
        let place = known.position(|known| known.matches(hash));
        self.passwords
            .remove(place.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    fn add_selector(&mut self, rules: &[u8], channels: ChannelsByDefault) -> Result<(), RuleError> {
        if self.selectors.len() > MOST_OF_A_KIND {
            return Err(RuleError::TooMany);
        }
        let mut selector = Selector::new(channels);
        // A quote that is not closed makes nothing of all of it, as in Redis.
        for rule in split_line(rules).unwrap_or_default() {
            selector.apply(&rule)?;
        }
        self.selectors.push(selector);
        Ok(())
    }
}
