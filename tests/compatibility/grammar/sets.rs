//! Commands on sets.
//! Pure.

use super::Command;
use super::hashes::scan;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[
    |draw| members("SADD", draw),
    |draw| members("SADD", draw),
    |draw| members("SADD", draw),
    |draw| spread_members("SADD", draw),
    |draw| spread_members("SADD", draw),
    |draw| spread_members("SREM", draw),
    |draw| members("SREM", draw),
    |draw| members("SREM", draw),
    |draw| request!["SCARD", draw.key_of("set")],
    |draw| request!["SISMEMBER", draw.key_of("set"), draw.element()],
    |draw| members("SMISMEMBER", draw),
    |draw| request!["SMEMBERS", draw.key_of("set")],
    |draw| {
        let mut request = request!["SMOVE"];
        request.extend(draw.keys_of("set", 2));
        request.push(draw.element());
        request
    },
    pop,
    random_member,
    |draw| scan("SSCAN", "set", draw),
    |draw| combine("SINTER", draw),
    |draw| combine("SUNION", draw),
    |draw| combine("SDIFF", draw),
    |draw| combine("SINTERSTORE", draw),
    |draw| combine("SUNIONSTORE", draw),
    |draw| combine("SDIFFSTORE", draw),
    count_intersection,
    |draw| request!["OBJECT", "ENCODING", draw.key_of("set")],
    |draw| request!["DEL", draw.key_of("set")],
];

fn members(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key_of("set")];
    request.extend(draw.elements());
    request
}

/// All members, none, or an error: what is left of a set must not be chance.
fn pop(draw: &mut Draw) -> Request {
    let count = *draw.dice.pick(&[
        "0",
        "1000000",
        "9223372036854775807",
        "-1",
        "9223372036854775808",
        "abc",
        "",
        " 1",
    ]);
    request!["SPOP", draw.key_of("set"), count]
}

fn random_member(draw: &mut Draw) -> Request {
    let mut request = request!["SRANDMEMBER", draw.key_of("set")];
    if draw.dice.percent(80) {
        request.push(draw.chosen_count());
    }
    request
}

fn spread_members(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.spread_key_of("set")];
    request.extend(draw.elements());
    request
}

/// Keys of commands that read them in any slots: sets, and now and then something else.
fn read_keys(count: usize, draw: &mut Draw) -> Request {
    let key = |draw: &mut Draw| match draw.dice.below(20) {
        0..=10 => draw.spread_key_of("set"),
        11..=18 => draw.key_of("set"),
        _ => draw.key(),
    };
    (0..count).map(|_| key(draw)).collect()
}

fn combine(name: &str, draw: &mut Draw) -> Request {
    let count = 1 + usize::from(name.ends_with("STORE")) + draw.dice.below(4);
    let mut request = request![name];
    request.extend(match name.ends_with("STORE") {
        true => draw.keys_of("set", count),
        false => read_keys(count, draw),
    });
    request
}

fn count_intersection(draw: &mut Draw) -> Request {
    let count = 1 + draw.dice.below(3);
    let announced = match draw.dice.percent(85) {
        true => count.to_string().into_bytes(),
        false => Vec::from(
            *draw
                .dice
                .pick(&["0", "1", "3", "5", "-1", "100", "abc", "", "+1"]),
        ),
    };
    let mut request = request!["SINTERCARD", announced];
    request.extend(read_keys(count, draw));
    request.extend(draw.options(2, &[|draw| request!["LIMIT", draw.integer()]]));
    request
}
