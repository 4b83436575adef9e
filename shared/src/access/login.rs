//! As whom a client has come in: what its session keeps of [`Users`], by node and proxy alike.
//! Pure. Invariant: [`Login::is_free`] says yes only of who has logged in, or needs not, as a user that may do everything.

use std::sync::{Arc, LazyLock};

use super::decide::Denied;
use super::user::User;
use super::users::Users;
use crate::command::{CommandFlags, CommandSpec};
use crate::resp::{Args, ErrorReply};

/// A client's user.
#[derive(Clone, Debug)]
pub struct Login {
    user: Arc<User>,
    is_authenticated: bool,
    /// Nothing is asked: looked at for each command.
    is_free: bool,
}

/// Why a command does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client has not logged in.
    Stranger,
    /// Its user may not.
    Denied(Denied),
}

impl Refused {
    /// What is said of it.
    #[must_use]
    pub fn reply(self, spec: &CommandSpec) -> ErrorReply {
        match self {
            Self::Stranger => ErrorReply::NoAuth,
            Self::Denied(denied) => denied.reply(spec),
        }
    }
}

impl Default for Login {
    /// Somebody who may do everything: no client, but the server itself.
    fn default() -> Self {
        static UNLIMITED: LazyLock<Arc<User>> = LazyLock::new(|| Arc::new(User::unlimited()));
        Self {
            user: Arc::clone(&UNLIMITED),
            is_authenticated: true,
            is_free: true,
        }
    }
}

impl Login {
    /// Somebody who has just connected: the default user, if that needs no password.
    #[must_use]
    pub fn new(users: &Users) -> Self {
        let mut login = Self {
            user: Arc::clone(users.default_user()),
            is_authenticated: !users.needs_password(),
            is_free: false,
        };
        login.settle();
        login
    }

    /// Its user.
    #[must_use]
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether it has logged in, or needed not.
    #[inline]
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// Whether nothing is to be asked of its commands.
    #[inline]
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.is_free
    }

    /// It has shown that it may come in as this user.
    pub fn log_in(&mut self, user: Arc<User>) {
        self.user = user;
        self.is_authenticated = true;
        self.settle();
    }

    /// Its user has other rules now.
    pub fn follow(&mut self, user: &Arc<User>) {
        self.user = Arc::clone(user);
        self.settle();
    }

    /// Its user is no more: it is a stranger.
    pub fn lose(&mut self, users: &Users) {
        self.user = Arc::clone(users.default_user());
        self.is_authenticated = false;
        self.settle();
    }

    /// Whether it may run the command, whose arity has been checked.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, users: &Users, spec: &CommandSpec, args: Args<'_>) -> Result<(), Refused> {
        let is_stranger = !self.is_authenticated && users.needs_password();
        if is_stranger && !spec.flags.contains(CommandFlags::NO_AUTH) {
            return Err(Refused::Stranger);
        }
        self.user.check(spec, args).map_err(Refused::Denied)
    }

    fn settle(&mut self) {
        self.is_free = self.is_authenticated && self.user.is_unlimited();
    }
}
