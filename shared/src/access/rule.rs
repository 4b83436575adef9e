//! Rules as words: what is wrong with one, and those that were written apart and belong together.
//! Pure. The texts are those of Redis 7.0, word for word.

use std::borrow::Cow;

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RuleError {
    /// `+name`, `-name`, `+@name`, `-@name` of something that there is not.
    #[error("Unknown command or category name in ACL")]
    UnknownCommand,
    /// No rule at all.
    #[error("Syntax error")]
    Syntax,
    /// Keys where all keys are allowed.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    BehindAllKeys,
    /// Channels where all channels are allowed.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    BehindAllChannels,
    /// `<password` and `!hash` of one that the user does not have.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    /// `#hash` and `!hash` of something that is none.
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    )]
    BrokenHash,
    /// `+container|subcommand|argument`
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
    /// More than a user may have. Ours: Redis has no bound.
    #[error(
        "A user has at most {MOST_OF_A_KIND} passwords, selectors, and patterns and first arguments in each"
    )]
    TooMany,
    /// Longer than is compared with names. Ours: Redis has no bound.
    #[error("The pattern is longer than 1024 bytes")]
    TooLong,
}

/// Most passwords and selectors of a user, and patterns and first arguments of a selector: each is looked at whenever one of its commands is.
pub(super) const MOST_OF_A_KIND: usize = 1_024;

/// Longest pattern of keys or channels.
pub(super) const LONGEST_PATTERN_BYTES: usize = 1_024;

/// Most rules of one command, or of one line of a file: done in some milliseconds.
pub(super) const MOST_RULES: usize = 4_096;

/// A selector begins at this rule, and never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unmatched(pub(super) usize);

/// Rules with each selector as one, also where blanks within it have made several words of it.
pub(super) fn joined<'a>(
    rules: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Cow<'a, [u8]>>, Unmatched> {
    let mut whole = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (at, rule) in rules.enumerate() {
        let closes = rule.ends_with(b")");
        if rule.starts_with(b"(") && !closes {
            open = Some((at, rule.to_vec()));
            continue;
        }
        let Some((began, mut text)) = open.take() else {
            whole.push(Cow::Borrowed(rule));
            continue;
        };
        text.push(b' ');
        text.extend_from_slice(until_nul(rule));
        match closes {
            true => whole.push(Cow::Owned(text)),
            false => open = Some((began, text)),
        }
    }
    match open {
        Some((began, _)) => Err(Unmatched(began)),
        None => Ok(whole),
    }
}

/// As a C string.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    &bytes[..end]
}

/// Whether something would not come back from a file as it was written: blanks and NUL bytes.
pub(super) fn has_blanks(text: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r' | 0);
    text.iter().any(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_joined_from_words() {
        let check = |line: &str, expected: Result<&[&str], usize>| {
            let found = joined(line.split(' ').map(str::as_bytes));
            let found = found.map(|rules| {
                let text = |rule: &Cow<'_, [u8]>| String::from_utf8_lossy(rule).into_owned();
                rules.iter().map(text).collect::<Vec<_>>()
            });
            let expected = expected.map(<[&str]>::to_vec);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{line}"),
                (found, expected) => assert_eq!(found.err(), expected.err().map(Unmatched)),
            }
        };
        check("on (+get ~a) off", Ok(&["on", "(+get ~a)", "off"]));
        check("( +get ) on", Ok(&["( +get )", "on"]));
        check("on (+get", Err(1));
        check("(", Err(0));
        // A second one that opens takes the place of the first, as in Redis.
        check("(+get (+set ~b) ~c)", Ok(&["(+set ~b)", "~c)"]));
    }
}
