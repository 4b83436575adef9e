//! Error texts that quote what a client has sent. The bytes go back as they came, be they UTF-8 or not; where Redis cuts them, so do we.
//! Pure. Invariant: what is quoted is bounded, ends at a NUL byte as a C string does, and cannot end the line that it stands in.

use std::fmt;

use super::encode::blank_line_ends;
use super::{Args, ErrorReply};

/// Bytes of names of commands that Redis prints at most.
const LONGEST_NAME: usize = 128;

/// Bytes of one quotation where Redis has no bound: more than anybody reads, and far less than the longest line that a proxy takes for a reply.
const LONGEST_QUOTATION: usize = 1 << 20;

/// A whole error text with bytes of a client in it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserText(Box<[u8]>);

impl UserText {
    /// `given` between two fixed pieces.
    pub(super) fn around(before: &str, given: &[u8], after: &str) -> Self {
        Self::joined(before, cut(given, LONGEST_QUOTATION), after)
    }

    /// As [`Self::around`], of a name that Redis cuts.
    fn around_name(before: &str, given: &[u8], after: &str) -> Self {
        Self::joined(before, cut(given, LONGEST_NAME), after)
    }

    fn joined(before: &str, shown: &[u8], after: &str) -> Self {
        Self::from([before.as_bytes(), shown, after.as_bytes()].concat())
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
    /// A write while the log cannot be written.
    #[must_use]
    pub fn log_fails(reason: &str) -> Self {
        Self::Text(format!("MISCONF Errors writing to the AOF file: {reason}").into())
    }

    /// A script names a key of another shard by itself.
    #[must_use]
    pub fn key_of_another_shard(key: &[u8]) -> Self {
        let key = cut(key, LONGEST_NAME);
        Self::Quoting(UserText::around(
            "CROSSSLOT the script names key '",
            key,
            "' of another shard: declare it among its KEYS, or keep its keys together by a rule [[colocate]] of the topology",
        ))
    }

    /// No such command: quotes its name and the beginning of its arguments.
    #[must_use]
    pub fn unknown_command(args: &Args<'_>) -> Self {
        let mut shown = Vec::new();
        for arg in args.iter_from(1) {
            let Some(room @ 1..) = LONGEST_NAME.checked_sub(shown.len()) else {
                break;
            };
            shown.push(b'\'');
            shown.extend_from_slice(cut(arg, room));
            shown.extend_from_slice(b"' ");
        }
        let name = args.get(0).unwrap_or_default();
        let mut text = b"ERR unknown command '".to_vec();
        text.extend_from_slice(cut(name, LONGEST_NAME));
        text.extend_from_slice(b"', with args beginning with: ");
        text.extend_from_slice(&shown);
        Self::Quoting(text.into())
    }

    /// No such subcommand of `container` (such as `CONFIG`, in any case).
    #[must_use]
    pub fn unknown_subcommand(container: &str, given: &[u8]) -> Self {
        let help = format!("'. Try {} HELP.", container.to_ascii_uppercase());
        Self::Quoting(UserText::around_name(
            "ERR unknown subcommand '",
            given,
            &help,
        ))
    }

    /// DEBUG's own words for the same.
    #[must_use]
    pub fn unknown_subcommand_or_arity(container: &str, given: &[u8]) -> Self {
        let help = format!("'. Try {} HELP.", container.to_ascii_uppercase());
        Self::Quoting(UserText::around_name(
            "ERR unknown subcommand or wrong number of arguments for '",
            given,
            &help,
        ))
    }

    /// EXPIRE and friends: an option that they do not have.
    #[must_use]
    pub fn unsupported_expire_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR Unsupported option ", given, ""))
    }

    /// HSETEX: an argument that it does not have.
    #[must_use]
    pub fn unknown_argument(given: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR unknown argument: ", given, ""))
    }

    /// HELLO: an option that it does not have, or that lacks its argument.
    #[must_use]
    pub fn hello_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR Syntax error in HELLO option '",
            given,
            "'",
        ))
    }

    /// CLIENT SETINFO of something else.
    #[must_use]
    pub fn unrecognized_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR Unrecognized option '", given, "'"))
    }

    /// REPLCONF of something else.
    #[must_use]
    pub fn unrecognized_replconf_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR Unrecognized REPLCONF option: ",
            given,
            "",
        ))
    }

    /// CLIENT LIST TYPE and CLIENT KILL TYPE.
    #[must_use]
    pub fn unknown_client_type(given: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR Unknown client type '", given, "'"))
    }

    /// CLIENT KILL USER.
    #[must_use]
    pub fn no_such_user(given: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR No such user '", given, "'"))
    }

    /// CLUSTER REPLICAS and friends.
    #[must_use]
    pub fn unknown_cluster_node(given: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR Unknown node ", given, ""))
    }

    /// CONFIG SET of a setting that there is not.
    #[must_use]
    pub fn unknown_setting(given: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR Unknown option or number of arguments for CONFIG SET - '",
            given,
            "'",
        ))
    }

    /// CONFIG SET of a value that the setting cannot have.
    #[must_use]
    pub fn setting_refused(setting: &[u8], reason: &str) -> Self {
        Self::Quoting(UserText::around(
            "ERR CONFIG SET failed (possibly related to argument '",
            setting,
            &format!("') - {reason}"),
        ))
    }

    /// PFDEBUG.
    #[must_use]
    pub fn unknown_sketch_subcommand(given: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR Unknown PFDEBUG subcommand '",
            given,
            "'",
        ))
    }

    /// XPENDING and the like of a group that is not there.
    #[must_use]
    pub fn no_such_group(key: &[u8], group: &[u8]) -> Self {
        Self::no_group(
            ["NOGROUP No such key '", "' or consumer group '", "'"],
            key,
            group,
        )
    }

    /// XREADGROUP of the same.
    #[must_use]
    pub fn no_such_group_to_read(key: &[u8], group: &[u8]) -> Self {
        let last = "' in XREADGROUP with GROUP option";
        Self::no_group(
            ["NOGROUP No such key '", "' or consumer group '", last],
            key,
            group,
        )
    }

    /// XGROUP and XINFO of a stream without such a group.
    #[must_use]
    pub fn no_such_group_of(key: &[u8], group: &[u8]) -> Self {
        let pieces = ["NOGROUP No such consumer group '", "' for key name '", "'"];
        Self::no_group(pieces, group, key)
    }

    fn no_group([before, between, after]: [&str; 3], one: &[u8], other: &[u8]) -> Self {
        let mut text = before.as_bytes().to_vec();
        text.extend_from_slice(cut(one, LONGEST_QUOTATION));
        text.extend_from_slice(between.as_bytes());
        text.extend_from_slice(cut(other, LONGEST_QUOTATION));
        text.extend_from_slice(after.as_bytes());
        Self::Quoting(text.into())
    }

    /// XCLAIM: an option that it does not have, or that lacks its argument.
    #[must_use]
    pub fn unrecognized_claim_option(given: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR Unrecognized XCLAIM option '",
            given,
            "'",
        ))
    }

    /// GEOSEARCH and GEOSEARCHSTORE from nowhere; the command's name as it was written.
    #[must_use]
    pub fn no_centre_of_search(command: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ",
            command,
            "",
        ))
    }

    /// GEOSEARCH and GEOSEARCHSTORE of no shape; the command's name as it was written.
    #[must_use]
    pub fn no_extent_of_search(command: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR exactly one of BYRADIUS and BYBOX can be specified for ",
            command,
            "",
        ))
    }

    /// Degrees, longitude and latitude, that no place has, or one too near to a pole.
    #[must_use]
    pub fn not_on_earth(longitude: f64, latitude: f64) -> Self {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        Self::Quoting(text.into_bytes().into())
    }

    /// LATENCY GRAPH.
    #[must_use]
    pub fn no_latency_samples(event: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR No samples available for event '",
            event,
            "'",
        ))
    }

    /// DEBUG ERROR: the client's own words, NUL bytes and blanked line ends too.
    #[must_use]
    pub fn in_the_words_of_the_client(given: &[u8]) -> Self {
        let mut text = given.get(..LONGEST_QUOTATION).unwrap_or(given).to_vec();
        blank_line_ends(&mut text);
        Self::Quoting(UserText(text.into()))
    }
}

/// As much of a name as an error quotes.
pub(super) fn named(bytes: &[u8]) -> &[u8] {
    cut(bytes, LONGEST_NAME)
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
    fn options_and_settings_are_quoted_whole() {
        let long = [b'a'; 1_000];
        check(
            &ErrorReply::hello_option(&long),
            &[b"ERR Syntax error in HELLO option '", &long[..], b"'"].concat(),
        );
        let endless = vec![b'a'; 2 * LONGEST_QUOTATION];
        let mut out = Vec::new();
        ErrorReply::unknown_setting(&endless).write_text(&mut out);
        assert!(out.len() < LONGEST_QUOTATION + 100, "{}", out.len());
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
            &ErrorReply::unsupported_expire_option(b"\r\n1\r\0x"),
            b"ERR Unsupported option   1",
        );
        check(
            &ErrorReply::in_the_words_of_the_client(b"a\0b\r\nc\xff\r\n"),
            b"a\0b  c\xff  ",
        );
        check(
            &ErrorReply::setting_refused(b"maxmemory", "argument must be a memory value"),
            b"ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
        );
    }
}
