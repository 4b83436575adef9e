//! All users there are: who may log in, and what becomes of them.
//! Pure. Invariants: the default user is always there; a user that somebody holds does not change, another one takes its place.
//! Bound: [`MOST_USERS`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::password::PasswordHash;
use super::rule::{MOST_RULES, has_blanks, joined};
use super::selector::ChannelsByDefault;
use super::user::{DEFAULT_USER, User};
use crate::config::Secret;
use crate::resp::{AccessError, ErrorReply};

/// Most users: listing all of them takes some milliseconds. Ours: Redis has no bound.
pub const MOST_USERS: usize = 16 * 1024;

/// Everybody, by name.
#[derive(Clone, Debug)]
pub struct Users {
    by_name: BTreeMap<Box<[u8]>, Arc<User>>,
    default: Arc<User>,
}

/// A user has become another one, or has come, or gone.
#[derive(Clone, Debug)]
pub struct Changed {
    /// As it was, if it was there.
    pub before: Option<Arc<User>>,
    /// As it is, if it still is.
    pub after: Option<Arc<User>>,
}

impl Changed {
    /// Whether somebody who has subscribed to what it might hear before may not hear all of that any more, as far as the rules tell.
    #[must_use]
    pub fn hears_less(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(_), Some(after)) => !after.has_all_channels(),
            _ => false,
        }
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::new(&Secret::default())
    }
}

impl Users {
    /// The default user alone, with this password; an empty one asks for none.
    #[must_use]
    pub fn new(password: &Secret) -> Self {
        let mut user = User::unlimited();
        user.set_password(password.reveal().as_bytes());
        let default = Arc::new(user);
        Self {
            by_name: BTreeMap::from([(DEFAULT_USER.into(), Arc::clone(&default))]),
            default,
        }
    }

    /// Who a client is that has just connected.
    #[must_use]
    pub fn default_user(&self) -> &Arc<User> {
        &self.default
    }

    /// The user of this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// Whether clients must log in.
    #[must_use]
    pub fn needs_password(&self) -> bool {
        !(self.default.is_on() && self.default.needs_no_password())
    }

    /// Whether protected mode, where it is on, lets somebody from `address` connect: with a password everybody, without one only this machine.
    #[must_use]
    pub fn is_safe_for(&self, address: IpAddr) -> bool {
        !self.default.needs_no_password() || address.to_canonical().is_loopback()
    }

    /// Lets somebody in, or not.
    ///
    /// # Errors
    /// [`ErrorReply::WrongPassword`], which does not say what is wrong.
    pub fn log_in(&self, name: &[u8], password: &[u8]) -> Result<Arc<User>, ErrorReply> {
        let password = PasswordHash::of(password);
        let user = self.get(name).filter(|user| user.lets_in(password));
        user.cloned().ok_or(ErrorReply::WrongPassword)
    }

    /// ACL SETUSER: applies rules to a user, a new one if there is none of that name. All of them, or none.
    ///
    /// # Errors
    /// The name cannot be one; or the first rule that is wrong.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an iterator that callers make for this, and that is gone through twice"
    )]
    pub fn set<'a>(
        &mut self,
        name: &[u8],
        rules: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        channels: ChannelsByDefault,
    ) -> Result<Changed, ErrorReply> {
        if has_blanks(name) {
            return Err(AccessError::UserName.into());
        }
        if rules.len() > MOST_RULES {
            return Err(ErrorReply::TooManyNames);
        }
        let whole = joined(rules.clone()).map_err(|unmatched| {
            let beginning = rules.clone().nth(unmatched.0);
            ErrorReply::unmatched_parenthesis(beginning.unwrap_or_default())
        })?;
        let mut user = match self.get(name) {
            Some(user) => User::clone(user),
            None if self.by_name.len() >= MOST_USERS => {
                return Err(AccessError::TooManyUsers.into());
            }
            None => User::new(name, channels),
        };
        for rule in &whole {
            let applied = user.apply(rule, channels);
            applied.map_err(|error| ErrorReply::rule_refused(rule, &error.to_string()))?;
        }
        Ok(self.put(user))
    }

    /// ACL DELUSER: how many there were of these names, and who they were.
    ///
    /// # Errors
    /// The default user is among them; then nobody is removed.
    pub fn delete<'a>(
        &mut self,
        names: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<Vec<Changed>, ErrorReply> {
        if names.clone().any(|name| name == DEFAULT_USER) {
            return Err(AccessError::DefaultUserStays.into());
        }
        let gone = names.filter_map(|name| self.by_name.remove(name));
        Ok(gone
            .map(|user| Changed {
                before: Some(user),
                after: None,
            })
            .collect())
    }

    /// `requirepass`: the only password of the default user from now on.
    pub fn set_default_password(&mut self, password: &Secret) -> Changed {
        let mut user = User::clone(&self.default);
        user.set_password(password.reveal().as_bytes());
        self.put(user)
    }

    /// The text of a file that makes these users.
    #[must_use]
    pub fn describe(&self) -> Vec<u8> {
        let lines = self
            .iter()
            .flat_map(|user| [user.describe(), b"\n".to_vec()]);
        lines.collect::<Vec<_>>().concat()
    }

    /// Puts a user in the place of the one of its name.
    pub(super) fn put(&mut self, mut user: User) -> Changed {
        user.settle();
        let user = Arc::new(user);
        if user.name() == DEFAULT_USER {
            self.default = Arc::clone(&user);
        }
        Changed {
            before: self.by_name.insert(user.name().into(), Arc::clone(&user)),
            after: Some(user),
        }
    }

    /// What is another one in `others`, or not there, or only there.
    #[must_use]
    pub fn differences(&self, others: &Self) -> Vec<Changed> {
        let names = self.by_name.keys().chain(others.by_name.keys());
        let mut names: Vec<Cow<'_, [u8]>> = names.map(|name| Cow::Borrowed(&**name)).collect();
        names.sort_unstable();
        names.dedup();
        let pairs = names.iter().map(|name| (self.get(name), others.get(name)));
        pairs
            .filter(|(before, after)| {
                before.map(|user| user.describe()) != after.map(|user| user.describe())
            })
            .map(|(before, after)| Changed {
                before: before.cloned(),
                after: after.cloned(),
            })
            .collect()
    }
}
