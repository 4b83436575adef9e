//! Commands on keys of any type.
//! Pure.

use super::Command;
use super::strings::with_keys;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group that works behind a proxy as on a server alone.
pub(super) const COMMANDS: &[Command] = &[
    copy,
    |draw| with_keys("DEL", draw, false),
    |draw| with_keys("EXISTS", draw, false),
    |draw| expire("EXPIRE", Draw::seconds, draw),
    |draw| expire("EXPIREAT", Draw::moment_seconds, draw),
    |draw| request!["EXPIRETIME", draw.key()],
    |draw| request!["KEYS", draw.pattern()],
    |draw| object("ENCODING", draw),
    |draw| object("FREQ", draw),
    |draw| object("IDLETIME", draw),
    |draw| object("REFCOUNT", draw),
    |draw| object("BOGUS", draw),
    |draw| request!["PERSIST", draw.key()],
    |draw| expire("PEXPIRE", Draw::milliseconds, draw),
    |draw| expire("PEXPIREAT", Draw::moment_milliseconds, draw),
    |draw| request!["PEXPIRETIME", draw.key()],
    |draw| request!["PTTL", draw.key()],
    |draw| rename("RENAME", draw),
    |draw| rename("RENAMENX", draw),
    onto_itself,
    scan,
    scan,
    |draw| with_keys("TOUCH", draw, false),
    |draw| request!["TTL", draw.key()],
    |draw| request!["TYPE", draw.key()],
    |draw| with_keys("UNLINK", draw, false),
];

/// Those that answer for a whole server, or name a database.
pub(super) const WHOLE_SERVER_COMMANDS: &[Command] = &[
    |_| request!["RANDOMKEY"],
    |_| request!["DBSIZE"],
    |draw| request!["MOVE", draw.key(), draw.database()],
    |draw| request!["MOVE", draw.key(), draw.database()],
    |draw| request!["SWAPDB", draw.database(), draw.database()],
    |draw| request!["SELECT", draw.database()],
];

/// One key under two names that are the same.
fn onto_itself(draw: &mut Draw) -> Request {
    let name = *draw.dice.pick(&["RENAME", "RENAMENX", "COPY", "LCS"]);
    let key = draw.key();
    let mut request = request![name, key.clone(), key];
    if name == "COPY" && draw.dice.percent(60) {
        request.extend(request!["DB", draw.database()]);
    }
    request
}

fn copy(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["REPLACE"],
        |draw| request!["DB", draw.database()],
    ];
    let mut request = request!["COPY"];
    request.extend(draw.keys_of_one_slot(2));
    request.extend(draw.options(3, OPTIONS));
    request
}

fn expire(name: &str, time: fn(&mut Draw) -> Vec<u8>, draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["NX"],
        |_| request!["XX"],
        |_| request!["GT"],
        |_| request!["LT"],
    ];
    let mut request = request![name, draw.key(), time(draw)];
    request.extend(draw.options(4, OPTIONS));
    request
}

fn object(subcommand: &str, draw: &mut Draw) -> Request {
    request!["OBJECT", draw.any_case(subcommand.as_bytes()), draw.key()]
}

fn rename(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name];
    request.extend(draw.keys_of_one_slot(2));
    request
}

/// One step of a scan: which keys it gives is free, that it gives a cursor and an array, or an error, is not.
fn scan(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| request!["MATCH", draw.pattern()],
        |draw| request!["COUNT", draw.integer()],
        |_| request!["COUNT", "10"],
        |draw| {
            request![
                "TYPE",
                *draw
                    .dice
                    .pick(&["string", "STRING", "string\0x", "hash", "set", "bogus", ""])
            ]
        },
    ];
    let cursor = match draw.dice.percent(50) {
        true => "0",
        false => draw.dice.pick::<&str>(CURSORS),
    };
    let mut request = request!["SCAN", cursor];
    request.extend(draw.options(3, OPTIONS));
    request
}

/// Cursors of scans, as they should and should not be.
pub(super) const CURSORS: &[&str] = &[
    "abc",
    "-1",
    "-0",
    "+0",
    "+1",
    "",
    " ",
    " 0",
    "\t0",
    "\x0b0",
    "\x000",
    "\0abc",
    "0\0",
    "0 ",
    "00",
    "0x0",
    "0x1",
    "+",
    "-",
    "--1",
    "+-1",
    "- 1",
    "1.0",
    "00000000000000000000000000",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-18446744073709551615",
    "-18446744073709551616",
    "99999999999999999999999",
];
