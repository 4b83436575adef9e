//! DEBUG: for tests and for people who look for trouble; allowed as `enable-debug-command` says.
//! Pure: a sleep is an [`Errand`]. What Redis can do to itself and this node cannot is an unknown subcommand.

use super::super::arguments::{integer, is_word};
use super::{Action, Call, Errand};
use crate::store::encoding_name;
use shared::glob::Glob;
use shared::resp::ErrorReply;

/// Longest DEBUG SLEEP; a typing error should not need a kill.
const LONGEST_SLEEP_US: u64 = 300_000_000;
/// What Redis answers, and what is not meant to be pi.
#[expect(
    clippy::approx_constant,
    reason = "clients' tests wait for this number"
)]
const EXAMPLE_DOUBLE: f64 = 3.141;
/// Longest text that DEBUG STRINGMATCH-LEN matches.
const LONGEST_MATCHED: i64 = 1 << 20;

/// DEBUG subcommand \[argument …\]
pub(super) fn debug(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let word = args.at(1);
    let is = |name: &str, arguments: usize| is_word(word, name) && args.len() == 2 + arguments;
    if is("sleep", 1) {
        return Ok(Action::Errand(sleep(call)));
    }
    if is("object", 1) {
        return object(call);
    }
    if is("stringmatch-len", 2) {
        return match_long(call);
    }
    if is("protocol", 1) {
        return protocol(call);
    }
    if is("error", 1) {
        return Err(ErrorReply::in_the_words_of_the_client(args.at(2)));
    }
    if is("help", 0) {
        call.reply.array(HELP.len());
        for line in HELP {
            call.reply.simple(line);
        }
        return Ok(Action::Continue);
    }
    if is("set-active-expire", 1) {
        call.node.active_expire = args.at(2) != b"0";
    } else if !(is("change-repl-id", 0)
        || is("jmap", 0)
        || is("log", 1)
        || is("pause-cron", 1)
        || is("quicklist-packed-threshold", 1)
        || is("set-disable-deny-scripts", 1)
        || is("replybuffer", 2))
    {
        return Err(ErrorReply::unknown_subcommand_or_arity("DEBUG", word));
    }
    // What is left tunes parts that this node does not have: there is nothing to do, and that is done.
    call.reply.ok();
    Ok(Action::Continue)
}

/// The node's own, in the form of every HELP.
const HELP: [&str; 19] = [
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ERROR <string>",
    "    Answers with <string> as an error.",
    "OBJECT <key>",
    "    Shows how the value of <key> is stored.",
    "PROTOCOL <type>",
    "    Answers with an example of <type>.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Whether keys that expired are removed before somebody asks for them.",
    "SLEEP <seconds>",
    "    Stops the whole node for so long. Decimals are allowed.",
    "STRINGMATCH-LEN <len> <pattern>",
    "    Matches <len> letters 'a' with <pattern>.",
    "CHANGE-REPL-ID | JMAP | LOG <message> | PAUSE-CRON <0|1>",
    "    Accepted, without effect.",
    "QUICKLIST-PACKED-THRESHOLD <size> | REPLYBUFFER <option> <value>",
    "    Accepted, without effect.",
    "HELP",
    "    Prints this help.",
];

/// What is no number counts as 0, as in Redis.
fn sleep(call: &Call<'_>) -> Errand {
    let seconds: f64 = std::str::from_utf8(call.args.at(2))
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "casting saturates, and the bound is far below"
    )]
    let us = (seconds.max(0.0) * 1e6) as u64;
    Errand::Stall {
        us: us.min(LONGEST_SLEEP_US),
    }
}

fn object(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(2));
    let value = call.store.peek(db, key);
    let encoding = value.map(encoding_name).ok_or(ErrorReply::NoSuchKey)?;
    let usage = call.store.usage(db, key);
    let idle = usage.map_or(0, |usage| usage.idle_seconds);
    let bytes = call.store.key_bytes(db, key).unwrap_or_default();
    call.reply.simple(&format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{bytes} lru:0 lru_seconds_idle:{idle}"
    ));
    Ok(Action::Continue)
}

fn match_long(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let len = integer(call.args.at(2))?.clamp(0, LONGEST_MATCHED);
    let text = vec![b'a'; usize::try_from(len).unwrap_or_default()];
    let matches = Glob::new(call.args.at(3))?.matches(&text)?;
    call.reply.integer(i64::from(matches));
    Ok(Action::Continue)
}

fn protocol(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let word = call.args.at(2).to_ascii_lowercase();
    let reply = &mut call.reply;
    match word.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12_345),
        b"double" => reply.double(EXAMPLE_DOUBLE),
        b"null" => reply.null(),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if reply.protocol() == shared::resp::Protocol::Resp3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if reply.protocol() == shared::resp::Protocol::Resp2 {
                return Err(ErrorReply::Text(
                    "ERR RESP2 is not supported by this command".into(),
                ));
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        _ => {
            return Err(ErrorReply::Text(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false".into(),
            ));
        }
    }
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;
    use crate::client::Identity;
    use crate::commands::Errand;
    use crate::execute::Stop;
    use shared::access::Login;

    #[test]
    fn it_is_allowed_as_the_setting_says() {
        let mut node = TestNode::new();
        assert!(
            node.send("DEBUG SLEEP 0")
                .starts_with("-ERR DEBUG command not allowed.")
        );
        node.require("pw");
        assert!(
            node.send("DEBUG SLEEP 0")
                .starts_with("-ERR DEBUG command not allowed.")
        );
        node.session.login = Login::default();
        node.node.settings.preset("enable-debug-command", "local");
        assert!(
            node.send("DEBUG SLEEP 0")
                .starts_with("-ERR DEBUG command not allowed.")
        );
        let at = |address: &str| Identity {
            address: address.into(),
            ..Identity::new(1, 0)
        };
        node.identity = at("127.0.0.1:5000");
        assert_eq!(node.send("DEBUG SLEEP 0.5"), "");
        let stall = Stop::Errand {
            errand: Errand::Stall { us: 500_000 },
            is_heard: true,
        };
        assert_eq!(node.stop, stall);
        // What it held up everybody for is in the slow log, without being waited for.
        let log = node.send("SLOWLOG GET");
        assert!(log.contains(":500000\r\n*3\r\n$5\r\nDEBUG\r\n"), "{log}");
        node.node.settings.preset("enable-debug-command", "yes");
        node.identity = at("10.0.0.1:5000");
        assert_eq!(node.send("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK\r\n");
        assert!(!node.node.active_expire);
        assert_eq!(node.send("DEBUG OBJECT zork"), "-ERR no such key\r\n");
        assert_eq!(
            node.send("DEBUG ZORK"),
            "-ERR unknown subcommand or wrong number of arguments for 'ZORK'. Try DEBUG HELP.\r\n"
        );
        assert_eq!(
            node.send("DEBUG PROTOCOL array"),
            "*3\r\n:0\r\n:1\r\n:2\r\n"
        );
    }
}
