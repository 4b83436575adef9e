//! Commands on hashes.
//! Pure.

use super::Command;
use super::keys::CURSORS;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[
    |draw| pairs("HSET", draw),
    |draw| pairs("HSET", draw),
    |draw| pairs("HSET", draw),
    |draw| pairs("HMSET", draw),
    |draw| {
        let (key, field) = (draw.key_of("hash"), draw.element());
        request!["HSETNX", key, field, draw.value()]
    },
    |draw| request!["HGET", draw.key_of("hash"), draw.element()],
    |draw| fields("HMGET", draw),
    |draw| request!["HGETALL", draw.key_of("hash")],
    |draw| fields("HDEL", draw),
    |draw| fields("HDEL", draw),
    |draw| request!["HEXISTS", draw.key_of("hash"), draw.element()],
    |draw| request!["HLEN", draw.key_of("hash")],
    |draw| request!["HKEYS", draw.key_of("hash")],
    |draw| request!["HVALS", draw.key_of("hash")],
    |draw| {
        let (key, field) = (draw.key_of("hash"), draw.element());
        request!["HINCRBY", key, field, draw.integer()]
    },
    |draw| {
        let (key, field) = (draw.key_of("hash"), draw.element());
        request!["HINCRBYFLOAT", key, field, draw.float()]
    },
    |draw| request!["HSTRLEN", draw.key_of("hash"), draw.element()],
    |draw| scan("HSCAN", "hash", draw),
    random_field,
    |draw| request!["OBJECT", "ENCODING", draw.key_of("hash")],
    |draw| request!["DEL", draw.key_of("hash")],
];

fn pairs(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key_of("hash")];
    for field in draw.elements() {
        request.push(field);
        request.push(draw.value());
    }
    if draw.dice.percent(3) {
        request.pop();
    }
    request
}

fn fields(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key_of("hash")];
    request.extend(draw.elements());
    request
}

fn random_field(draw: &mut Draw) -> Request {
    let mut request = request!["HRANDFIELD", draw.key_of("hash")];
    if draw.dice.percent(80) {
        request.push(draw.chosen_count());
        request.extend(draw.options(1, &[|_| request!["WITHVALUES"]]));
    }
    request
}

/// One step of a scan of elements.
pub(super) fn scan(name: &str, kind: &str, draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| request!["MATCH", draw.pattern()],
        |draw| request!["COUNT", draw.integer()],
        |_| request!["COUNT", "10"],
        |_| request!["TYPE", "hash"],
    ];
    let cursor = match draw.dice.percent(60) {
        true => "0",
        false => draw.dice.pick::<&str>(CURSORS),
    };
    let mut request = request![name, draw.key_of(kind), cursor];
    request.extend(draw.options(3, OPTIONS));
    request
}
