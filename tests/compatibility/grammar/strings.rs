//! Commands on strings.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[
    |draw| request!["APPEND", draw.key(), draw.value()],
    |draw| request!["DECR", draw.key()],
    |draw| request!["DECRBY", draw.key(), draw.integer()],
    |draw| request!["GET", draw.key()],
    |draw| request!["GETDEL", draw.key()],
    getex,
    |draw| request!["GETRANGE", draw.key(), draw.index(), draw.index()],
    |draw| request!["GETSET", draw.key(), draw.value()],
    |draw| request!["INCR", draw.key()],
    |draw| request!["INCRBY", draw.key(), draw.integer()],
    |draw| request!["INCRBYFLOAT", draw.key(), draw.float()],
    lcs,
    |draw| with_keys("MGET", draw, false),
    |draw| pairs("MSET", draw, false),
    |draw| pairs("MSETNX", draw, true),
    |draw| request!["PSETEX", draw.key(), draw.milliseconds(), draw.value()],
    set,
    set,
    |draw| request!["SET", draw.key(), draw.value()],
    |draw| request!["SET", draw.key(), draw.value()],
    |draw| request!["SETEX", draw.key(), draw.seconds(), draw.value()],
    |draw| request!["SETNX", draw.key(), draw.value()],
    |draw| request!["SETRANGE", draw.key(), draw.byte_offset(), draw.value()],
    |draw| request!["STRLEN", draw.key()],
    |draw| request!["SUBSTR", draw.key(), draw.index(), draw.index()],
];

/// Options that say when a key goes.
const EXPIRY_OPTIONS: &[Command] = &[
    |draw| request!["EX", draw.seconds()],
    |draw| request!["PX", draw.milliseconds()],
    |draw| request!["EXAT", draw.moment_seconds()],
    |draw| request!["PXAT", draw.moment_milliseconds()],
];

fn set(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["NX"],
        |_| request!["XX"],
        |_| request!["GET"],
        |_| request!["KEEPTTL"],
        EXPIRY_OPTIONS[0],
        EXPIRY_OPTIONS[1],
        EXPIRY_OPTIONS[2],
        EXPIRY_OPTIONS[3],
        |_| request!["PERSIST"],
        |_| request!["E"],
        |_| request![""],
    ];
    let mut request = request!["SET", draw.key(), draw.value()];
    request.extend(draw.options(4, OPTIONS));
    request
}

fn getex(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["PERSIST"],
        EXPIRY_OPTIONS[0],
        EXPIRY_OPTIONS[1],
        EXPIRY_OPTIONS[2],
        EXPIRY_OPTIONS[3],
        |_| request!["KEEPTTL"],
    ];
    let mut request = request!["GETEX", draw.key()];
    request.extend(draw.options(3, OPTIONS));
    request
}

fn lcs(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["LEN"],
        |_| request!["IDX"],
        |_| request!["WITHMATCHLEN"],
        |draw| request!["MINMATCHLEN", draw.integer()],
        |_| request!["MINMATCHLEN", "2"],
    ];
    let mut request = request!["LCS"];
    request.extend(draw.keys_of_one_slot(2));
    request.extend(draw.options(4, OPTIONS));
    request
}

/// A command followed by one to six keys.
pub(super) fn with_keys(name: &str, draw: &mut Draw, of_one_slot: bool) -> Request {
    let count = 1 + draw.dice.below(6);
    let mut request = request![name];
    request.extend(match of_one_slot {
        true => draw.keys_of_one_slot(count),
        false => draw.keys_of_any_slot(count),
    });
    request
}

fn pairs(name: &str, draw: &mut Draw, of_one_slot: bool) -> Request {
    let keys = with_keys(name, draw, of_one_slot);
    let mut request = request![name];
    for key in &keys[1..] {
        request.push(key.clone());
        request.push(draw.value());
    }
    if draw.dice.percent(3) {
        request.pop();
    }
    request
}
