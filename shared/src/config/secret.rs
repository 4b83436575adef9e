//! Passwords in memory. Pure.
//! Invariant: no formatting of a [`Secret`], nor of what contains one, shows it; only [`Secret::reveal`] does.

use std::fmt;
use std::hint::black_box;

/// A password. Empty means that none is set.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes the password in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether no password is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The password itself, for sending it or for handing it on to a child; never for printing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `attempt` is this password. Takes a time that depends on the attempt's length alone, so that nobody can guess byte by byte.
    #[must_use]
    pub fn matches(&self, attempt: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let mut differences = usize::from(own.len() != attempt.len());
        for (index, byte) in attempt.iter().enumerate() {
            let expected = own.get(index % own.len().max(1)).copied().unwrap_or(0);
            differences |= black_box(usize::from(byte ^ expected));
        }
        differences == 0
    }
}

/// What stands for a password wherever one would be shown.
pub(super) const HIDDEN: &str = "(hidden)";

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_empty() { "(none)" } else { HIDDEN })
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_matches() {
        let check = |own: &str, attempt: &str, expected: bool| {
            assert_eq!(
                Secret::new(own).matches(attempt.as_bytes()),
                expected,
                "{own:?} against {attempt:?}"
            );
        };
        check("secret", "secret", true);
        check("secret", "secreT", false);
        check("secret", "secretsecret", false);
        check("secret", "", false);
        check("", "", true);
        check("", "x", false);
        check("", "\0", false);
    }

    #[test]
    fn a_password_never_prints() {
        assert_eq!(format!("{:?}", Secret::new("open sesame")), "(hidden)");
        assert_eq!(format!("{:?}", Secret::default()), "(none)");
    }
}
