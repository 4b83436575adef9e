//! Who we are to etcd: a user and a password, and the token that stands for both until etcd forgets it.
//! Pure but for its lock. Never: sends anything; shows the password or the token.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use shared::config::{Secret, UserName};

use super::messages::{self, Message};
use crate::error::EtcdError;

/// gRPC's codes for who is not known, and for what is wrong with a request.
const UNAUTHENTICATED: u64 = 16;
const INVALID_ARGUMENT: u64 = 3;
const FAILED_PRECONDITION: u64 = 9;

/// What etcd says, under a code that says it of much else, of a token that is missing, or older than the last change of its users.
const WORDS_OF_STALE: [&str; 2] = ["user name is empty", "revision of auth store is old"];

/// … and when it lets everybody in.
const WORDS_OF_OPEN: &str = "authentication is not enabled";

/// A user of etcd.
#[derive(Clone, Debug, PartialEq)]
pub struct EtcdUser {
    /// Its name.
    pub name: UserName,
    /// Its password.
    pub password: Secret,
}

/// As whom every member is asked.
pub(super) struct Identity {
    user: EtcdUser,
    known: Mutex<Known>,
}

/// What is known of the way in.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing: a token is to be asked for.
    Nothing,
    /// etcd lets everybody in.
    Open,
    /// It has given this token.
    Token(String),
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.user.name)
    }
}

impl Identity {
    pub(super) fn new(user: EtcdUser) -> Self {
        Self {
            user,
            known: Mutex::new(Known::Nothing),
        }
    }

    /// The user's name.
    pub(super) fn name(&self) -> &str {
        self.user.name.as_str()
    }

    /// What a token is asked for with.
    pub(super) fn question(&self) -> Message {
        messages::authenticate(self.name(), self.user.password.reveal())
    }

    /// What is known.
    pub(super) fn known(&self) -> Known {
        self.with_known(|known| known.clone())
    }

    /// Takes note.
    pub(super) fn learn(&self, new: &Known) {
        self.with_known(|known| known.clone_from(new));
    }

    /// What was used is worth nothing any more, unless another one has been learnt meanwhile.
    pub(super) fn forget(&self, used: &Known) {
        self.with_known(|known| {
            if known == used {
                *known = Known::Nothing;
            }
        });
    }

    fn with_known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether etcd says that the token is worth nothing, or that it wants one; then it has done nothing.
pub(super) fn is_stale(error: &EtcdError) -> bool {
    let EtcdError::Refused { code, message, .. } = error else {
        return false;
    };
    let says = |words: &&str| message.contains(*words);
    *code == UNAUTHENTICATED || *code == INVALID_ARGUMENT && WORDS_OF_STALE.iter().any(says)
}

/// Whether etcd says that it lets everybody in.
pub(super) fn is_open(error: &EtcdError) -> bool {
    let EtcdError::Refused { code, message, .. } = error else {
        return false;
    };
    *code == FAILED_PRECONDITION && message.contains(WORDS_OF_OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::config::SettingValue as _;
    use shared::topology::Address;

    fn identity() -> Identity {
        Identity::new(EtcdUser {
            name: UserName::parse("root").unwrap(),
            password: Secret::new("sesame"),
        })
    }

    #[test]
    fn a_token_is_kept_until_it_is_worth_nothing() {
        let identity = identity();
        assert!(identity.known() == Known::Nothing);
        let (one, two) = (Known::Token("1".to_owned()), Known::Token("2".to_owned()));
        identity.learn(&one);
        assert!(identity.known() == one);
        identity.learn(&two);
        identity.forget(&one);
        assert!(identity.known() == two, "another one has renewed it");
        identity.forget(&two);
        assert!(identity.known() == Known::Nothing);
    }

    #[test]
    fn neither_password_nor_token_is_shown() {
        let identity = identity();
        identity.learn(&Known::Token("t0ken".to_owned()));
        assert_eq!(format!("{identity:?}"), "root");
    }

    #[test]
    fn what_is_wrong_with_a_token_is_told_from_what_is_wrong_with_a_request() {
        let refused = |code, message: &str| EtcdError::Refused {
            endpoint: Address::loopback(1),
            code,
            message: message.to_owned(),
        };
        for (code, words) in [
            (16, "etcdserver: invalid auth token"),
            (3, "etcdserver: user name is empty"),
            (3, "etcdserver: revision of auth store is old"),
        ] {
            assert!(is_stale(&refused(code, words)), "{words}");
        }
        for (code, words) in [
            (
                3,
                "etcdserver: authentication failed, invalid user ID or password",
            ),
            (7, "etcdserver: permission denied"),
            (9, "etcdserver: authentication is not enabled"),
        ] {
            assert!(!is_stale(&refused(code, words)), "{words}");
        }
        assert!(is_open(&refused(
            9,
            "etcdserver: authentication is not enabled"
        )));
        assert!(!is_open(&refused(9, "etcdserver: something else")));
        assert!(!is_open(&EtcdError::LeaseEnded) && !is_stale(&EtcdError::LeaseEnded));
    }
}
