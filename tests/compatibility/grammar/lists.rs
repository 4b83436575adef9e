//! Commands on lists.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group but those that block.
pub(super) const COMMANDS: &[Command] = &[
    |draw| push("LPUSH", draw),
    |draw| push("RPUSH", draw),
    |draw| push("RPUSH", draw),
    |draw| push("LPUSHX", draw),
    |draw| push("RPUSHX", draw),
    |draw| pop("LPOP", draw),
    |draw| pop("RPOP", draw),
    |draw| request!["LLEN", draw.key()],
    |draw| request!["LRANGE", draw.key(), draw.index(), draw.index()],
    |draw| request!["LINDEX", draw.key(), draw.index()],
    |draw| request!["LREM", draw.key(), draw.integer(), draw.value()],
    |draw| request!["LREM", draw.key(), "0", draw.value()],
    |draw| request!["LTRIM", draw.key(), draw.index(), draw.index()],
    |draw| request!["LTRIM", draw.key(), "1", "-1"],
    |draw| request!["LSET", draw.key(), draw.index(), draw.value()],
    lpos,
    linsert,
    lmove,
    rpoplpush,
    lmpop,
];

fn push(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key()];
    let count = *draw.dice.pick(&[1, 1, 1, 2, 3, 8]);
    request.extend((0..count).map(|_| draw.value()));
    request
}

fn pop(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key()];
    if draw.dice.percent(40) {
        request.push(draw.index());
    }
    request
}

fn end(draw: &mut Draw) -> Vec<u8> {
    let end = *draw
        .dice
        .pick(&["LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT", "RIGHT", "UP", ""]);
    draw.any_case(end.as_bytes())
}

fn lpos(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| request!["RANK", draw.index()],
        |draw| request!["COUNT", draw.index()],
        |draw| request!["MAXLEN", draw.index()],
    ];
    let mut request = request!["LPOS", draw.key(), draw.value()];
    request.extend(draw.options(3, OPTIONS));
    request
}

fn linsert(draw: &mut Draw) -> Request {
    let side = *draw
        .dice
        .pick(&["BEFORE", "AFTER", "BEFORE", "AFTER", "BESIDE"]);
    let side = draw.any_case(side.as_bytes());
    request!["LINSERT", draw.key(), side, draw.value(), draw.value()]
}

fn lmove(draw: &mut Draw) -> Request {
    let mut request = request!["LMOVE"];
    request.extend(draw.keys_of_one_slot(2));
    request.extend([end(draw), end(draw)]);
    request
}

fn rpoplpush(draw: &mut Draw) -> Request {
    let mut request = request!["RPOPLPUSH"];
    request.extend(draw.keys_of_one_slot(2));
    request
}

fn lmpop(draw: &mut Draw) -> Request {
    let mut request = counted("LMPOP", draw);
    request.push(end(draw));
    request.extend(draw.options(2, &[|draw| request!["COUNT", draw.index()]]));
    request
}

/// A command with its keys, whose number stands before them and is nearly always true.
pub(super) fn counted(name: &str, draw: &mut Draw) -> Request {
    let count = 1 + draw.dice.below(3);
    let told = if draw.dice.percent(95) {
        count.to_string().into_bytes()
    } else {
        draw.integer()
    };
    let mut request = request![name, told];
    request.extend(draw.keys_of_one_slot(count));
    request
}
