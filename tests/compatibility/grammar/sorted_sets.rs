//! Commands on sorted sets. Ranges of texts mean something among equal scores alone, so they have a key of their own. ZSCAN and real choices of ZRANDMEMBER
//! come in an order that is each server's own, and are not here. Sets of several shards have scores whose sums are exact: they are added in another order there.
//! Pure.

use super::Command;
use super::lists::counted;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group but those that block, ZSCAN and the STORE forms of many keys, which are drawn with the others.
pub(super) const COMMANDS: &[Command] = &[
    zadd,
    zadd,
    zadd,
    |draw| request!["ZADD", TEXTS, "0", member(draw), "0", member(draw)],
    |draw| request!["ZADD", TEXTS, "0", member(draw), "0", member(draw)],
    |draw| request!["ZINCRBY", draw.key(), score(draw), member(draw)],
    |draw| request!["ZREM", draw.key(), member(draw), member(draw)],
    |draw| request!["ZCARD", draw.key()],
    |draw| request!["ZSCORE", draw.key(), member(draw)],
    |draw| request!["ZMSCORE", draw.key(), member(draw), member(draw)],
    |draw| request!["ZRANK", draw.key(), member(draw)],
    |draw| request!["ZREVRANK", draw.key(), member(draw)],
    |draw| request!["ZCOUNT", draw.key(), border(draw), border(draw)],
    |draw| request!["ZLEXCOUNT", TEXTS, text(draw), text(draw)],
    zrange,
    zrange,
    |draw| by_rank("ZREVRANGE", draw),
    |draw| by_score("ZRANGEBYSCORE", draw),
    |draw| by_score("ZREVRANGEBYSCORE", draw),
    |draw| by_text("ZRANGEBYLEX", draw),
    |draw| by_text("ZREVRANGEBYLEX", draw),
    |draw| request!["ZREMRANGEBYRANK", draw.key(), draw.index(), draw.index()],
    |draw| request!["ZREMRANGEBYSCORE", draw.key(), border(draw), border(draw)],
    |draw| request!["ZREMRANGEBYLEX", TEXTS, text(draw), text(draw)],
    |draw| pop("ZPOPMIN", draw),
    |draw| pop("ZPOPMAX", draw),
    zmpop,
    zrandmember,
    zrangestore,
    |draw| combined("ZUNION", draw),
    |draw| combined("ZINTER", draw),
    |draw| combined("ZDIFF", draw),
    spread_zadd,
    spread_zadd,
    spread_zadd,
    |draw| request!["ZREM", draw.spread_key_of("scores"), draw.element()],
    |draw| spread("ZUNION", SPREAD, draw),
    |draw| spread("ZUNION", SPREAD, draw),
    |draw| spread("ZINTER", SPREAD, draw),
    |draw| spread("ZINTER", SPREAD, draw),
    |draw| spread("ZDIFF", SPREAD, draw),
    |draw| spread("ZINTERCARD", &[LIMIT_OF_COUNT], draw),
    |_| request!["SET", "scores:5", "a text"],
    |draw| request!["DEL", draw.spread_key_of("scores")],
    |draw| stored("ZUNIONSTORE", draw),
    |draw| stored("ZINTERSTORE", draw),
    |draw| stored("ZDIFFSTORE", draw),
    zintercard,
];

/// The sorted set whose scores are all equal.
const TEXTS: &str = "texts";

fn member(draw: &mut Draw) -> Vec<u8> {
    if draw.dice.percent(70) {
        draw.word().into()
    } else {
        draw.value()
    }
}

/// A number as a score, sometimes none. Negative zeros are left out: here they are zeros, while Redis prints some of them.
fn score(draw: &mut Draw) -> Vec<u8> {
    let score = match draw.dice.below(10) {
        0..=4 => draw.dice.between(-5, 20).to_string().into_bytes(),
        5 => draw.float(),
        _ => Vec::from(*draw.dice.pick(&[
            "inf",
            "-inf",
            "+inf",
            "Infinity",
            "1.5",
            "0x1p3",
            "3.0000000000000004",
            "1e300",
            "5e-324",
            ".5",
            "5.",
            "nan",
            "1e400",
            "",
            "1x",
            " 1",
            "(1",
        ])),
    };
    let is_zero = String::from_utf8_lossy(&score).parse() == Ok(0.0_f64);
    if is_zero { b"0".to_vec() } else { score }
}

fn border(draw: &mut Draw) -> Vec<u8> {
    let mut border = score(draw);
    if draw.dice.percent(30) {
        border.insert(0, b'(');
    }
    border
}

fn text(draw: &mut Draw) -> Vec<u8> {
    let mut text = Vec::from(*draw.dice.pick(&[
        "[", "(", "[", "(", "-", "+", "-", "+", "[", "(", "", "-\0", "x",
    ]));
    if matches!(text[..], [b'[' | b'(']) {
        text.extend(member(draw));
    }
    text
}

fn zadd(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["NX"],
        |_| request!["XX"],
        |_| request!["GT"],
        |_| request!["LT"],
        |_| request!["CH"],
        |_| request!["INCR"],
    ];
    let mut request = request!["ZADD", draw.key()];
    request.extend(draw.options(3, OPTIONS));
    for _ in 0..*draw.dice.pick(&[1, 1, 1, 2, 3, 8]) {
        request.extend([score(draw), member(draw)]);
    }
    request
}

const LIMIT: Command = |draw| request!["LIMIT", draw.index(), draw.index()];

const WITH_SCORES: Command = |_| request!["WITHSCORES"];

fn by_rank(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key(), draw.index(), draw.index()];
    request.extend(draw.options(1, &[WITH_SCORES]));
    request
}

fn by_score(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key(), border(draw), border(draw)];
    request.extend(draw.options(2, &[WITH_SCORES, LIMIT]));
    request
}

fn by_text(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, TEXTS, text(draw), text(draw)];
    request.extend(draw.options(2, &[WITH_SCORES, LIMIT]));
    request
}

fn zrange(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[|_| request!["REV"], WITH_SCORES, LIMIT];
    let mut request = match draw.dice.below(3) {
        0 => request!["ZRANGE", draw.key(), draw.index(), draw.index()],
        1 => request!["ZRANGE", draw.key(), border(draw), border(draw), "BYSCORE"],
        _ => request!["ZRANGE", TEXTS, text(draw), text(draw), "BYLEX"],
    };
    request.extend(draw.options(3, OPTIONS));
    request
}

fn zrangestore(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[|_| request!["REV"], LIMIT];
    let mut request = request!["ZRANGESTORE"];
    request.extend(draw.keys_of_one_slot(2));
    if draw.dice.percent(50) {
        request.extend([draw.index(), draw.index()]);
    } else {
        request.extend([border(draw), border(draw), b"BYSCORE".to_vec()]);
    }
    request.extend(draw.options(2, OPTIONS));
    request
}

fn pop(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key()];
    if draw.dice.percent(40) {
        request.push(draw.index());
    }
    request
}

fn zmpop(draw: &mut Draw) -> Request {
    let mut request = counted("ZMPOP", draw);
    let end = *draw.dice.pick(&["MIN", "MAX", "MIN", "MAX", "MID"]);
    request.push(draw.any_case(end.as_bytes()));
    request.extend(draw.options(2, &[|draw| request!["COUNT", draw.index()]]));
    request
}

/// All members, or an error.
fn zrandmember(draw: &mut Draw) -> Request {
    let count = *draw.dice.pick(&[
        "1000000",
        "4611686018427387904",
        "-9223372036854775808",
        "0",
        "x",
        "",
    ]);
    let mut request = request!["ZRANDMEMBER", draw.key(), count];
    request.extend(draw.options(1, &[WITH_SCORES]));
    request
}

fn weights(draw: &mut Draw) -> Request {
    let mut request = request!["WEIGHTS"];
    let weight = |draw: &mut Draw| *draw.dice.pick(&["1", "2", "0.5", "3", "inf", "x"]);
    let count = 1 + draw.dice.below(3);
    request.extend((0..count).map(|_| Vec::from(weight(draw))));
    request
}

const COMBINED: &[Command] = &[
    weights,
    |_| request!["AGGREGATE", "SUM"],
    |_| request!["AGGREGATE", "MIN"],
    |_| request!["AGGREGATE", "MAX"],
    |_| request!["AGGREGATE", "AVG"],
    WITH_SCORES,
];

fn combined(name: &str, draw: &mut Draw) -> Request {
    let mut request = counted(name, draw);
    request.extend(draw.options(3, COMBINED));
    request
}

fn spread_zadd(draw: &mut Draw) -> Request {
    let mut request = request!["ZADD", draw.spread_key_of("scores")];
    for _ in 0..1 + draw.dice.below(6) {
        // Quarters; no zeros, of which a weight would make negative ones.
        let score = *draw
            .dice
            .pick(&["1", "2", "-3", "0.25", "-1.5", "7.75", "20", "1024"]);
        request.extend([Vec::from(score), draw.element()]);
    }
    request
}

fn exact_weights(draw: &mut Draw) -> Request {
    let mut request = request!["WEIGHTS"];
    let count = 1 + draw.dice.below(3);
    let weights = ["1", "2", "0.5", "-3", "0x1p2", "x"];
    request.extend((0..count).map(|_| Vec::from(*draw.dice.pick(&weights))));
    request
}

const SPREAD: &[Command] = &[
    exact_weights,
    exact_weights,
    |_| request!["AGGREGATE", "SUM"],
    |_| request!["AGGREGATE", "MIN"],
    |_| request!["AGGREGATE", "MAX"],
    |_| request!["AGGREGATE", "AVG"],
    WITH_SCORES,
    WITH_SCORES,
];

const LIMIT_OF_COUNT: Command = |draw| request!["LIMIT", draw.index()];

/// Over keys of several shards; sets are sorted sets, too.
fn spread(name: &str, options: &[Command], draw: &mut Draw) -> Request {
    let count = 1 + draw.dice.below(3);
    let told = match draw.dice.percent(90) {
        true => count.to_string().into_bytes(),
        false => draw.dice.between(-1, 8).to_string().into_bytes(),
    };
    let kind = *draw.dice.pick(&["scores", "scores", "scores", "set"]);
    let mut request = request![name, told];
    request.extend(draw.spread_keys_of(kind, count));
    request.extend(draw.options(4, options));
    request
}

fn stored(name: &str, draw: &mut Draw) -> Request {
    let count = 1 + draw.dice.below(3);
    let mut keys = draw.keys_of_one_slot(count + 1);
    let destination = keys.remove(0);
    let mut request = request![name, destination, count.to_string()];
    request.extend(keys);
    request.extend(draw.options(3, COMBINED));
    request
}

fn zintercard(draw: &mut Draw) -> Request {
    let mut request = counted("ZINTERCARD", draw);
    request.extend(draw.options(2, &[|draw| request!["LIMIT", draw.index()]]));
    request
}
