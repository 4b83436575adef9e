//! A file of users, read: `user name rule …`, a line each.
//! Pure: text in, users or a text about all that is wrong out. Invariant: a file of which anything is wrong makes nobody.
//! Words and order of what is said are those of Redis 7.0.

use std::fmt::Write as _;

use super::password::PasswordHash;
use super::rule::{MOST_RULES, RuleError, has_blanks, joined, until_nul};
use super::selector::ChannelsByDefault;
use super::user::{DEFAULT_USER, User};
use super::users::{MOST_USERS, Users};
use crate::config::Secret;

/// What is said behind all errors of a file that is read again.
const NO_CHANGE: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

impl Users {
    /// The users of a file called `path`. If it does not name the default user, that one has this `password`, or needs none.
    ///
    /// # Errors
    /// All that is wrong, in one line.
    pub fn of_file(
        path: &str,
        text: &str,
        password: &Secret,
        channels: ChannelsByDefault,
    ) -> Result<Self, String> {
        let mut reader = Reader {
            path,
            channels,
            users: Self::new(password),
            has_default: false,
            errors: String::new(),
        };
        for (at, line) in text.split('\n').enumerate() {
            reader.line(at + 1, line.trim_matches([' ', '\t', '\r', '\n']));
        }
        match reader.errors.is_empty() {
            true => Ok(reader.users),
            false => Err(reader.errors + NO_CHANGE),
        }
    }
}

/// The same text with hashes in the place of passwords, for whom it is no secret then what they are not.
#[must_use]
pub fn without_passwords(text: &str) -> String {
    let hashed = |line: &str| -> String {
        let words = line.split(' ').map(|word| {
            // As rules are applied.
            let (sign, password) = match word.trim_ascii().as_bytes() {
                [b'>', password @ ..] => ('#', password),
                [b'<', password @ ..] => ('!', password),
                _ => return word.to_owned(),
            };
            format!("{sign}{}", PasswordHash::of(password).hex())
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(|line| hashed(line.trim_end())).collect()
}

/// A file being read.
struct Reader<'a> {
    path: &'a str,
    channels: ChannelsByDefault,
    users: Users,
    has_default: bool,
    errors: String,
}

impl Reader<'_> {
    #[expect(
        clippy::let_underscore_must_use,
        reason = "writing to memory cannot fail"
    )]
    fn line(&mut self, number: usize, line: &str) {
        if line.is_empty() {
            return;
        }
        let path = self.path;
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let [b"user", name, rules @ ..] = &words[..] else {
            let _ = write!(
                self.errors,
                "{path}:{number} should start with user keyword followed by the username. "
            );
            return;
        };
        let shown = String::from_utf8_lossy(name);
        if has_blanks(name) {
            let _ = write!(
                self.errors,
                "'{path}:{number}: username '{shown}' contains invalid characters. "
            );
            return;
        }
        let is_known = match *name == DEFAULT_USER {
            true => std::mem::replace(&mut self.has_default, true),
            false => self.users.get(name).is_some(),
        };
        if is_known {
            let _ = write!(
                self.errors,
                "WARNING: Duplicate user '{shown}' found on line {number}. "
            );
            return;
        }
        if self.users.iter().len() >= MOST_USERS || rules.len() > MOST_RULES {
            let _ = write!(
                self.errors,
                "{path}:{number}: there are at most {MOST_USERS} users of {MOST_RULES} rules each. "
            );
            return;
        }
        self.user(number, User::new(name, self.channels), rules);
    }

    #[expect(
        clippy::let_underscore_must_use,
        reason = "writing to memory cannot fail"
    )]
    fn user(&mut self, number: usize, mut user: User, rules: &[&[u8]]) {
        let path = self.path;
        let Ok(whole) = joined(rules.iter().copied()) else {
            let _ = write!(
                self.errors,
                "{path}:{number}: Unmatched parenthesis in selector definition."
            );
            self.users.put(user);
            return;
        };
        let mut is_broken = false;
        for rule in &whole {
            let rule = rule.trim_ascii();
            match user.apply(rule, self.channels) {
                Ok(()) => {}
                Err(error @ RuleError::UnknownCommand) => {
                    let shown = String::from_utf8_lossy(until_nul(rule));
                    let _ = write!(
                        self.errors,
                        "{path}:{number}: Error in applying operation '{shown}': {error}. "
                    );
                }
                // Others may follow from the first.
                Err(_) if is_broken => {}
                Err(error) => {
                    is_broken = true;
                    let _ = write!(self.errors, "{path}:{number}: {error}. ");
                }
            }
        }
        self.users.put(user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let users = Users::of_file("u", text, &Secret::default(), ChannelsByDefault::None);
        users.map(|users| String::from_utf8_lossy(&users.describe()).into_owned())
    }

    #[test]
    fn a_file_makes_the_users_that_it_describes() {
        let text = "user a on nopass %R~x* resetchannels &c -@all +get (~y resetchannels -@all +set)\n\
                    user default on nopass ~* &* +@all\n";
        assert_eq!(read(text).as_deref(), Ok(text));
        let longer = format!("\n  {}\t\r\n\n", text.replace('\n', "\r\n"));
        assert_eq!(read(&longer).as_deref(), Ok(text));
        assert_eq!(
            read("").as_deref(),
            Ok("user default on nopass ~* &* +@all\n")
        );
        let secret = Secret::new("pw");
        let users = Users::of_file("u", "", &secret, ChannelsByDefault::None).expect("users");
        assert!(users.needs_password(), "the password that was set holds");
    }

    #[test]
    fn passwords_become_hashes_and_nothing_else_changes() {
        let text = "user a on >pw ~x* +get\r\nuser b on nopass (~y +set)\n\n";
        let hashed = without_passwords(text);
        assert!(
            !hashed.contains('>') && !hashed.contains("pw ~"),
            "{hashed}"
        );
        assert_eq!(read(&hashed), read(text));
        assert_eq!(without_passwords(&hashed), hashed);
        // Those that are taken away are secrets elsewhere, perhaps; a tab hides none.
        let text = "user c on >one >two <two \t>three\t ~x +get\n";
        let hashed = without_passwords(text);
        for secret in ["one", "two", "three", "<", ">"] {
            assert!(!hashed.contains(secret), "{hashed}");
        }
        assert!(hashed.contains(" !"), "{hashed}");
        assert_eq!(read(&hashed), read(text));
        assert!(read(text).is_ok());
        assert_eq!(without_passwords(&hashed), hashed);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let wrong = read(
            "user a on +get\nfoo b\nuser c +nosuch foo #zz\nuser c on\nuser d (+get ~x\n\
             user  e on\nuser f on  >x ~* ~y +@none bar\n\n   \nuser",
        );
        let text = "u:2 should start with user keyword followed by the username. \
            u:3: Error in applying operation '+nosuch': Unknown command or category name in ACL. u:3: Syntax error. \
            WARNING: Duplicate user 'c' found on line 4. u:5: Unmatched parenthesis in selector definition.\
            u:6: Syntax error. u:7: Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
            Try 'resetkeys' to start with an empty list of patterns. \
            u:7: Error in applying operation '+@none': Unknown command or category name in ACL. \
            u:10 should start with user keyword followed by the username. \
            WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
        assert_eq!(wrong, Err(text.to_owned()));
        let blank = read("user b\t on");
        assert!(blank.is_err_and(|text| text.starts_with("'u:1: username 'b\t' contains")));
        assert!(read("user default on\nuser default off").is_err());
    }
}
