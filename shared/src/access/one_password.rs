//! Who may come in where there is one user and one password: orders over a proxy's admin listener.
//! Pure: told the settings, says yes or no.

use std::net::IpAddr;

use super::DEFAULT_USER;
use crate::config::Secret;
use crate::resp::ErrorReply;

/// What is asked of those who connect.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    password: &'a Secret,
}

impl<'a> Access<'a> {
    /// The default user's password; an empty one asks for none.
    #[must_use]
    pub fn new(password: &'a Secret) -> Self {
        Self { password }
    }

    /// Whether clients must log in.
    #[must_use]
    pub fn needs_password(self) -> bool {
        !self.password.is_empty()
    }

    /// Lets somebody in, or not. Where no password is set, the default user's is any.
    ///
    /// # Errors
    /// [`ErrorReply::WrongPassword`], which does not say which of both was wrong.
    pub fn log_in(self, user: &[u8], password: &[u8]) -> Result<(), ErrorReply> {
        let is_right = !self.needs_password() || self.password.matches(password);
        if user == DEFAULT_USER && is_right {
            Ok(())
        } else {
            Err(ErrorReply::WrongPassword)
        }
    }

    /// Whether protected mode, where it is on, lets somebody from `address` connect: with a password everybody, without one only this machine.
    #[must_use]
    pub fn is_safe_for(self, address: IpAddr) -> bool {
        self.needs_password() || address.to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_user_needs_its_password_where_there_is_one() {
        let check = |set: &str, user: &[u8], password: &[u8], is_let_in: bool| {
            let secret = Secret::new(set);
            let expected = if is_let_in {
                Ok(())
            } else {
                Err(ErrorReply::WrongPassword)
            };
            assert_eq!(Access::new(&secret).log_in(user, password), expected);
        };
        check("", DEFAULT_USER, b"anything", true);
        check("", b"somebody", b"", false);
        check("pw", DEFAULT_USER, b"pw", true);
        check("pw", DEFAULT_USER, b"", false);
        check("pw", b"Default", b"pw", false);
    }

    #[test]
    fn without_a_password_only_this_machine_is_safe() {
        let check = |password: &str, address: &str, expected: bool| {
            let secret = Secret::new(password);
            let address = address.parse().expect("an address");
            assert_eq!(Access::new(&secret).is_safe_for(address), expected);
        };
        check("", "127.0.0.1", true);
        check("", "::1", true);
        check("", "::ffff:127.9.9.9", true);
        check("", "10.0.0.1", false);
        check("", "::ffff:10.0.0.1", false);
        check("pw", "10.0.0.1", true);
    }
}
