//! Error texts that quote what a client has sent. The bytes go back as they came, be they UTF-8 or not; where Redis cuts them, so do we.
//! Pure. Invariant: what is quoted is bounded, and cannot end the line that it stands in.

use std::borrow::Cow;
use std::fmt;

use super::encode::blank_line_ends;
use super::{Args, ErrorReply};

/// Bytes of one quotation that Redis prints at most.
const LONGEST_QUOTATION: usize = 128;

/// A whole error text with bytes of a client in it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserText(Box<[u8]>);

impl UserText {
    /// The fixed `pieces` with one of `quotations` between each two of them; what is quoted ends at a NUL byte, as a C string does.
    fn new<const N: usize>(first: &str, quoted: [(&[u8], &str); N]) -> Self {
        let mut text = first.as_bytes().to_vec();
        for (quotation, after) in quoted {
            text.extend_from_slice(cut(quotation, LONGEST_QUOTATION));
            text.extend_from_slice(after.as_bytes());
        }
        Self::from(text)
    }

    /// The text, without line ends.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for UserText {
    /// Line ends at the end are dropped, others become blanks, as in Redis.
    fn from(mut text: Vec<u8>) -> Self {
        while text
            .last()
            .is_some_and(|byte| matches!(byte, b'\r' | b'\n'))
        {
            text.pop();
        }
        blank_line_ends(&mut text);
        Self(text.into())
    }
}

impl fmt::Display for UserText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for UserText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

impl ErrorReply {
    /// No such command: quotes its name and the beginning of its arguments.
    #[must_use]
    pub fn unknown_command(args: &Args<'_>) -> Self {
        let mut shown = Vec::new();
        for arg in args.iter_from(1) {
            let Some(room @ 1..) = LONGEST_QUOTATION.checked_sub(shown.len()) else {
                break;
            };
            shown.push(b'\'');
            shown.extend_from_slice(cut(arg, room));
            shown.extend_from_slice(b"' ");
        }
        let name = args.get(0).unwrap_or_default();
        let mut text = b"ERR unknown command '".to_vec();
        text.extend_from_slice(cut(name, LONGEST_QUOTATION));
        text.extend_from_slice(b"', with args beginning with: ");
        text.extend_from_slice(&shown);
        Self::Quoting(text.into())
    }

    /// No such subcommand of `container` (such as `CONFIG`, in any case).
    #[must_use]
    pub fn unknown_subcommand(container: &str, given: &[u8]) -> Self {
        let help = format!("'. Try {} HELP.", container.to_ascii_uppercase());
        Self::Quoting(UserText::new("ERR unknown subcommand '", [(given, &help)]))
    }

    /// DEBUG's own words for the same.
    #[must_use]
    pub fn unknown_subcommand_or_arity(container: &str, given: &[u8]) -> Self {
        let help = format!("'. Try {} HELP.", container.to_ascii_uppercase());
        Self::Quoting(UserText::new(
            "ERR unknown subcommand or wrong number of arguments for '",
            [(given, &help)],
        ))
    }

    /// EXPIRE and friends: an option that they do not have.
    #[must_use]
    pub fn unsupported_expire_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::new("ERR Unsupported option ", [(given, "")]))
    }

    /// HELLO: an option that it does not have, or that lacks its argument.
    #[must_use]
    pub fn hello_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::new(
            "ERR Syntax error in HELLO option '",
            [(given, "'")],
        ))
    }

    /// CLIENT LIST TYPE and CLIENT KILL TYPE.
    #[must_use]
    pub fn unknown_client_type(given: &[u8]) -> Self {
        Self::Quoting(UserText::new("ERR Unknown client type '", [(given, "'")]))
    }

    /// CLIENT KILL USER.
    #[must_use]
    pub fn no_such_user(given: &[u8]) -> Self {
        Self::Quoting(UserText::new("ERR No such user '", [(given, "'")]))
    }

    /// CONFIG SET of a setting that there is not.
    #[must_use]
    pub fn unknown_setting(given: &[u8]) -> Self {
        Self::Quoting(UserText::new(
            "ERR Unknown option or number of arguments for CONFIG SET - '",
            [(given, "'")],
        ))
    }

    /// CONFIG SET of a value that the setting cannot have.
    #[must_use]
    pub fn setting_refused(setting: &str, reason: &str) -> Self {
        Self::Text(Cow::Owned(format!(
            "ERR CONFIG SET failed (possibly related to argument '{setting}') - {reason}"
        )))
    }

    /// LATENCY GRAPH.
    #[must_use]
    pub fn no_latency_samples(event: &[u8]) -> Self {
        Self::Quoting(UserText::new(
            "ERR No samples available for event '",
            [(event, "'")],
        ))
    }

    /// Keys of one command live in different shards or slots; names two of them.
    #[must_use]
    pub fn cross_slot(first: &[u8], second: &[u8]) -> Self {
        Self::Quoting(UserText::new(
            "CROSSSLOT Keys in request don't hash to the same slot: '",
            [(first, "' and '"), (second, "'")],
        ))
    }
}

/// The beginning of `bytes`: up to a NUL byte, and not longer than `longest`.
fn cut(bytes: &[u8], longest: usize) -> &[u8] {
    let bytes = bytes.get(..longest).unwrap_or(bytes);
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::super::ArgRange;
    use super::*;

    fn check(error: &ErrorReply, expected: &[u8]) {
        let mut out = Vec::new();
        error.write_text(&mut out);
        assert_eq!(
            out.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    fn unknown(args: &[&[u8]]) -> ErrorReply {
        let mut ranges = Vec::new();
        let mut buffer = Vec::new();
        for arg in args {
            ranges.push(ArgRange::new(buffer.len(), arg.len()));
            buffer.extend_from_slice(arg);
        }
        ErrorReply::unknown_command(&Args::new(&buffer, &ranges))
    }

    #[test]
    fn unknown_commands_are_quoted_as_redis_does() {
        check(
            &unknown(&[b"foo", b"a", b"b"]),
            b"ERR unknown command 'foo', with args beginning with: 'a' 'b' ",
        );
        check(
            &unknown(&[b"foo"]),
            b"ERR unknown command 'foo', with args beginning with: ",
        );
        check(
            &unknown(&[b"fo\r\no", b"a\r\nb", b"\0q", b"\xff"]),
            b"ERR unknown command 'fo  o', with args beginning with: 'a  b' '' '\xff' ",
        );
    }

    #[test]
    fn long_arguments_are_cut_where_redis_cuts_them() {
        let long = [b'a'; 200];
        let mut expected = b"ERR unknown command '".to_vec();
        expected.extend_from_slice(&long[..128]);
        expected.extend_from_slice(b"', with args beginning with: '");
        expected.extend_from_slice(&long[..128]);
        expected.extend_from_slice(b"' ");
        check(&unknown(&[&long, &long, b"b"]), &expected);

        let mut expected = b"ERR unknown command 'f', with args beginning with: 'a' '".to_vec();
        expected.extend_from_slice(&long[..124]);
        expected.extend_from_slice(b"' ");
        check(&unknown(&[b"f", b"a", &long, b"b"]), &expected);
    }

    #[test]
    fn quotations_stand_between_redis_own_words() {
        check(
            &ErrorReply::unknown_subcommand("config", b"a\r\nb"),
            b"ERR unknown subcommand 'a  b'. Try CONFIG HELP.",
        );
        check(
            &ErrorReply::unsupported_expire_option(b"x\r\n"),
            b"ERR Unsupported option x",
        );
        check(
            &ErrorReply::cross_slot(b"a", b"\xffb"),
            b"CROSSSLOT Keys in request don't hash to the same slot: 'a' and '\xffb'",
        );
        check(
            &ErrorReply::setting_refused("maxmemory", "argument must be a memory value"),
            b"ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
        );
    }
}
