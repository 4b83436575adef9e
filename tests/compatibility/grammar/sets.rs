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

fn combine(name: &str, draw: &mut Draw) -> Request {
    let count = 1 + usize::from(name.ends_with("STORE")) + draw.dice.below(4);
    let mut request = request![name];
    request.extend(draw.keys_of("set", count));
    request
}

fn count_intersection(draw: &mut Draw) -> Request {
    let count = 1 + draw.dice.below(3);
    let announced = match draw.dice.percent(85) {
        true => count.to_string().into_bytes(),
        // None that would take an option for a key, which may lie in another slot.
        false => Vec::from(*draw.dice.pick(&["0", "-1", "100", "abc", "", "+1"])),
    };
    let mut request = request!["SINTERCARD", announced];
    request.extend(draw.keys_of("set", count));
    request.extend(draw.options(2, &[|draw| request!["LIMIT", draw.integer()]]));
    request
}
