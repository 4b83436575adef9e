//! MONITOR: clients that are shown every command that is carried out, as one line of text each, in the form of Redis.
//! Pure. Bounds: of very long commands a line shows the beginning ([`MOST_SHOWN_BYTES`]); a client that does not read its lines is cut as others are that do not read
//! their replies.

use super::NodeState;
use super::clients::{ClientKey, Delivery};
use super::letter::Letter;
use crate::client::{Identity, Session};
use shared::resp::Args;
use std::io::Write as _;

/// Bytes of arguments in one line: writing more would hold everybody up. Redis shows all.
const MOST_SHOWN_BYTES: usize = 64 * 1024;

/// A command that was carried out.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// With its name.
    pub args: Args<'a>,
    /// Who asked for it.
    pub identity: &'a Identity,
    /// What that client had chosen when it was over; says which arguments nobody may see.
    pub session: &'a Session,
    /// A script of its asked.
    pub is_of_script: bool,
}

impl NodeState {
    /// Shows a command to all who want to see it.
    #[cold]
    pub fn show_to_monitors(&mut self, shown: Shown<'_>) {
        let text = line(self.now_us, shown);
        let mut letter = Letter::line(&text);
        let most_bytes = self.settings.hot.output_limit.most_bytes();
        for client in self.monitors.clone() {
            let protocol = shown.session.spoken_to();
            match self
                .clients
                .deliver(client, &mut letter, protocol, most_bytes)
            {
                Delivery::Done(bytes) => self.stats.output_bytes += bytes as u64,
                Delivery::Cut => self.stats.output_limit_disconnections += 1,
                Delivery::Gone => {}
            }
        }
    }

    /// A client wants to see commands no more, or has gone.
    pub fn stop_monitoring(&mut self, client: ClientKey) {
        self.monitors.retain(|other| *other != client);
    }
}

/// The line that tells of a command.
fn line(now_us: u64, shown: Shown<'_>) -> Vec<u8> {
    let Shown {
        args,
        identity,
        session,
        is_of_script,
    } = shown;
    let mut text = Vec::new();
    let (seconds, us) = (now_us / 1_000_000, now_us % 1_000_000);
    let db = session.db.0;
    let address = if is_of_script {
        "lua"
    } else {
        &*identity.address
    };
    // Writing to memory cannot fail.
    write!(text, "+{seconds}.{us:06} [{db} {address}]").ok();
    let mut left = MOST_SHOWN_BYTES;
    for (index, arg) in args.iter_from(0).enumerate() {
        text.push(b' ');
        if session.hides(index) {
            text.extend_from_slice(b"\"(redacted)\"");
            continue;
        }
        if left == 0 {
            write!(text, "... ({} more arguments)", args.len() - index).ok();
            break;
        }
        let shown = arg.len().min(left);
        left -= shown;
        quote(&mut text, &arg[..shown]);
        if shown < arg.len() {
            write!(text, "... ({} more bytes)", arg.len() - shown).ok();
        }
    }
    text.extend_from_slice(b"\r\n");
    text
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
    use super::{MOST_SHOWN_BYTES, Shown, line};
    use crate::client::{Identity, Session};
    use crate::store::DbIndex;
    use shared::resp::{ArgRange, Args};

    fn shown(words: &[&[u8]], secret_args: u64) -> String {
        let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
        for word in words {
            ranges.push(ArgRange::new(buffer.len(), word.len()));
            buffer.extend_from_slice(word);
        }
        let mut identity = Identity::new(1, 0);
        identity.address = "127.0.0.1:5".into();
        let session = Session {
            db: DbIndex(3),
            secret_args,
            ..Session::default()
        };
        let shown = Shown {
            args: Args::new(&buffer, &ranges),
            identity: &identity,
            session: &session,
            is_of_script: false,
        };
        String::from_utf8_lossy(&line(1_339_518_083_007_412, shown)).into_owned()
    }

    #[test]
    fn a_line_is_that_of_redis() {
        let check = |words: &[&[u8]], expected: &str| {
            let expected = format!("+1339518083.007412 [3 127.0.0.1:5] {expected}\r\n");
            assert_eq!(shown(words, 0), expected);
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
        let text = shown(&[b"AUTH", b"user", b"password"], 0b110);
        assert!(text.ends_with("] \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n"));
        let long = vec![b'x'; MOST_SHOWN_BYTES];
        let text = shown(&[b"SET", b"a", &long, b"NX"], 0);
        assert!(text.ends_with("xx\"... (4 more bytes) ... (1 more arguments)\r\n"));
        let text = shown(&[b"SET", &long[4..]], 0);
        assert!(text.ends_with("xx\"\r\n"), "{}", &text[text.len() - 40..]);
    }
}
