//! MONITOR: which commands those are shown who watch, what they may ask themselves, and the line that tells of a command, in the form of Redis 7.0.
//! Pure. Bound: of a long command a line shows the beginning ([`MOST_SHOWN_BYTES`]).

use std::fmt;
use std::io::Write as _;

use crate::command::{CommandFlags, CommandId, CommandSpec};
use crate::resp::Args;

/// Bytes of arguments in one line: writing more would hold everybody up. Redis shows all.
pub const MOST_SHOWN_BYTES: usize = 64 * 1024;

/// Whether a command is shown when it has been carried out. Those that run scripts are not, for whoever carries them out shows them before what they do.
#[must_use]
pub fn is_shown(spec: &CommandSpec) -> bool {
    let is = |flag| spec.flags.contains(flag);
    !is(CommandFlags::ADMIN) && !is(CommandFlags::SKIP_MONITOR)
}

/// Whether a client that monitors may ask for it: for Redis it is a replica, which has nothing to do with keys, and publishes nothing.
#[must_use]
pub fn may_ask(spec: &CommandSpec) -> bool {
    let is = |flag| spec.flags.contains(flag);
    let publishes = matches!(spec.id, CommandId::Publish | CommandId::Spublish);
    !publishes && !is(CommandFlags::READ) && !is(CommandFlags::WRITE) && !spec.runs_script()
}

/// A command, as it is shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// When, wall-clock microseconds.
    pub now_us: u64,
    /// The database of its client when it was over.
    pub database: u16,
    /// Its client's address, or `lua`.
    pub source: &'a dyn fmt::Display,
    /// With its name.
    pub args: Args<'a>,
    /// Says of an argument that nobody may see it.
    pub hides: &'a dyn Fn(usize) -> bool,
}

impl Shown<'_> {
    /// Appends the line that tells of it, line end included.
    pub fn write(&self, text: &mut Vec<u8>) {
        let (seconds, us) = (self.now_us / 1_000_000, self.now_us % 1_000_000);
        let Self {
            database,
            source,
            args,
            ..
        } = self;
        // Writing to memory cannot fail.
        write!(text, "+{seconds}.{us:06} [{database} {source}]").ok();
        let mut left = MOST_SHOWN_BYTES;
        for (index, arg) in args.iter_from(0).enumerate() {
            text.push(b' ');
            if (self.hides)(index) {
                text.extend_from_slice(b"\"(redacted)\"");
                continue;
            }
            if left == 0 {
                write!(text, "... ({} more arguments)", args.len() - index).ok();
                break;
            }
            let shown = arg.len().min(left);
            left -= shown;
            quote(text, &arg[..shown]);
            if shown < arg.len() {
                write!(text, "... ({} more bytes)", arg.len() - shown).ok();
            }
        }
        text.extend_from_slice(b"\r\n");
    }
}

/// A text in quotes, whatever bytes it has.
fn quote(text: &mut Vec<u8>, bytes: &[u8]) {
    text.push(b'"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend_from_slice(&[b'\\', *byte]),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\t' => text.extend_from_slice(b"\\t"),
            0x07 => text.extend_from_slice(b"\\a"),
            0x08 => text.extend_from_slice(b"\\b"),
            b' '..=b'~' => text.push(*byte),
            _ => {
                write!(text, "\\x{byte:02x}").ok();
            }
        }
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;
    use crate::resp::ArgRange;

    fn shown(words: &[&[u8]], secret: &[usize]) -> String {
        let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
        for word in words {
            ranges.push(ArgRange::new(buffer.len(), word.len()));
            buffer.extend_from_slice(word);
        }
        let mut text = Vec::new();
        Shown {
            now_us: 1_339_518_083_007_412,
            database: 3,
            source: &"127.0.0.1:5",
            args: Args::new(&buffer, &ranges),
            hides: &|index| secret.contains(&index),
        }
        .write(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn a_line_is_that_of_redis() {
        let check = |words: &[&[u8]], expected: &str| {
            let expected = format!("+1339518083.007412 [3 127.0.0.1:5] {expected}\r\n");
            assert_eq!(shown(words, &[]), expected);
        };
        check(&[b"keys", b"*"], "\"keys\" \"*\"");
        check(&[b"GET", b""], "\"GET\" \"\"");
        check(
            &[b"\x00\"\n\r\t\x07\x08\\\xff~ \x7f"],
            r#""\x00\"\n\r\t\a\b\\\xff~ \x7f""#,
        );
    }

    #[test]
    fn secrets_are_not_shown_and_long_commands_in_part() {
        let text = shown(&[b"AUTH", b"user", b"password"], &[1, 2]);
        assert!(text.ends_with("] \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n"));
        let long = vec![b'x'; MOST_SHOWN_BYTES];
        let text = shown(&[b"SET", b"a", &long, b"NX"], &[]);
        assert!(text.ends_with("xx\"... (4 more bytes) ... (1 more arguments)\r\n"));
        let text = shown(&[b"SET", &long[4..]], &[]);
        assert!(text.ends_with("xx\"\r\n"), "{}", &text[text.len() - 40..]);
    }

    #[test]
    fn what_administers_is_not_shown_and_who_monitors_has_no_keys() {
        let row = |name: &str| command::lookup_full_name(name.as_bytes()).unwrap();
        let check = |name: &str, is_seen: bool, is_allowed: bool| {
            assert_eq!(is_shown(row(name)), is_seen, "{name}");
            assert_eq!(may_ask(row(name)), is_allowed, "{name}");
        };
        check("get", true, false);
        check("auth", true, true);
        check("eval", false, false);
        check("script|load", true, true);
        check("publish", true, false);
        check("subscribe", true, true);
        check("config|get", false, true);
        check("monitor", false, true);
        check("dbsize", true, false);
        check("ping", true, true);
    }
}
