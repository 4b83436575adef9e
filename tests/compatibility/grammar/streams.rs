//! Commands on streams and their groups.
//! Pure. Never: lets a clock choose an identifier, for there are two.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group, without BLOCK.
pub(super) const COMMANDS: &[Command] = &[
    xadd,
    xadd,
    xadd,
    xadd,
    xadd,
    |draw| request!["XLEN", key(draw)],
    |draw| range("XRANGE", draw),
    |draw| range("XREVRANGE", draw),
    |draw| with_ids(request!["XDEL", key(draw)], draw),
    |draw| with_ids(request!["XDEL", key(draw)], draw),
    xtrim,
    xtrim,
    xsetid,
    xread,
    xread,
    xgroup,
    xgroup,
    xgroup,
    xreadgroup,
    xreadgroup,
    xreadgroup,
    |draw| with_ids(request!["XACK", key(draw), group(draw)], draw),
    xpending,
    xpending,
    xclaim,
    xclaim,
    xautoclaim,
    xautoclaim,
    xinfo,
    xinfo,
];

fn key(draw: &mut Draw) -> Vec<u8> {
    draw.key_of("stream")
}

fn group(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&["g", "g", "g", "g", "h", "h", "none"]))
}

fn consumer(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&["c", "c", "d", "e", "", "consumer"]))
}

/// Mostly near those that there are; seldom on an edge, or none.
fn id(draw: &mut Draw) -> Vec<u8> {
    match draw.dice.below(20) {
        0..=11 => format!("{}-{}", draw.dice.below(60), draw.dice.below(4)).into_bytes(),
        12..=15 => draw.dice.below(60).to_string().into_bytes(),
        16 => Vec::from(*draw.dice.pick(&[
            "18446744073709551615-18446744073709551615",
            "18446744073709551615-0",
            "9223372036854775807-3",
            "9223372036854775808-1",
            "18446744073709551615",
            "0-18446744073709551615",
            "30-18446744073709551615",
            "0-0",
            "0",
        ])),
        17 => Vec::from(*draw.dice.pick(&[
            "007-03", " 7-3", "+7-3", "7--03", "7-+3", "7- 3", "7-3\0x", "\t7",
        ])),
        18 => Vec::from(*draw.dice.pick(&[
            "-1",
            "7-",
            "-",
            "+",
            "$",
            ">",
            "7-3-1",
            "x",
            "7-x",
            "18446744073709551616",
            "7 ",
            "0x7",
            "",
            "7-*",
        ])),
        _ => draw.integer(),
    }
}

/// An identifier for an entry that is to be added: most of them behind the last.
fn new_id(draw: &mut Draw) -> Vec<u8> {
    match draw.dice.below(20) {
        0..=9 => format!("{}-*", draw.dice.below(60)).into_bytes(),
        10..=12 => b"60-*".to_vec(),
        _ => loop {
            let id = id(draw);
            // The rest of the run would be over for this stream, or [`last_id`] not the last.
            if id.len() < 15 && id != b"*" {
                return id;
            }
        },
    }
}

fn with_ids(mut request: Request, draw: &mut Draw) -> Request {
    let count = *draw.dice.pick(&[1, 1, 1, 2, 3, 12]);
    request.extend((0..count).map(|_| id(draw)));
    request
}

/// Options that say what is trimmed.
fn trimming(draw: &mut Draw) -> Request {
    let strategy = *draw.dice.pick(&["MAXLEN", "MINID", "maxlen", "MINID"]);
    let mut request = request![strategy];
    let sign = *draw.dice.pick(&["", "=", "~", "~"]);
    if !sign.is_empty() {
        request.push(sign.into());
    }
    request.push(match strategy {
        "MINID" => id(draw),
        _ if draw.dice.percent(90) => draw.dice.below(40).to_string().into_bytes(),
        _ => draw.integer(),
    });
    if draw.dice.percent(if sign == "~" { 40 } else { 4 }) {
        request.extend(request!["LIMIT", draw.index()]);
    }
    request
}

fn xadd(draw: &mut Draw) -> Request {
    let mut request = request!["XADD", key(draw)];
    if draw.dice.percent(10) {
        request.push(b"NOMKSTREAM".to_vec());
    }
    if draw.dice.percent(15) {
        request.extend(trimming(draw));
    }
    request.push(new_id(draw));
    let names = *draw.dice.pick(&[
        &["a"][..],
        &["a"],
        &["temperature", "humidity"],
        &["temperature", "humidity"],
        &["7", "-3", "x"],
    ]);
    for name in names {
        request.push(match draw.dice.percent(95) {
            true => (*name).into(),
            false => draw.value(),
        });
        request.push(draw.value());
    }
    request
}

fn xtrim(draw: &mut Draw) -> Request {
    let mut request = request!["XTRIM", key(draw)];
    request.extend(trimming(draw));
    if draw.dice.percent(3) {
        request.extend(trimming(draw));
    }
    request
}

/// An identifier that may become a stream's last: behind all it ever had. Redis takes one before entries that were removed as well, puts what is added then behind
/// those that it still keeps, and no longer finds it where it trims.
fn last_id(draw: &mut Draw) -> Vec<u8> {
    match draw.dice.below(10) {
        0..=7 => format!("60-{}", 1_000 * draw.next_number()).into_bytes(),
        _ => Vec::from(
            *draw
                .dice
                .pick(&["x", "7-", "-", "$", "7-*", "18446744073709551616"]),
        ),
    }
}

fn xsetid(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| request!["ENTRIESADDED", draw.index()],
        |draw| request!["MAXDELETEDID", id(draw)],
    ];
    let key = format!("{{a}}stream{}", draw.dice.below(4));
    let mut request = request!["XSETID", key];
    request.push(last_id(draw));
    request.extend(draw.options(2, OPTIONS));
    request
}

fn border(draw: &mut Draw, end: &str) -> Vec<u8> {
    match draw.dice.below(4) {
        0..=1 => end.into(),
        2 => [b"(".to_vec(), id(draw)].concat(),
        _ => id(draw),
    }
}

fn range(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, key(draw)];
    let ends = [border(draw, "-"), border(draw, "+")];
    request.extend(ends);
    if name == "XREVRANGE" {
        request[2..].reverse();
    }
    if draw.dice.percent(40) {
        request.extend(request!["COUNT", draw.index()]);
    }
    request
}

/// Streams with where each is to be read from.
fn streams(draw: &mut Draw, id: fn(&mut Draw) -> Vec<u8>) -> Request {
    let count = *draw.dice.pick(&[1, 1, 1, 2, 3]);
    let mut request = request!["STREAMS"];
    request.extend((0..count).map(|_| key(draw)));
    request.extend((0..count).map(|_| id(draw)));
    request
}

fn xread(draw: &mut Draw) -> Request {
    let mut request = request!["XREAD"];
    if draw.dice.percent(60) {
        request.extend(request!["COUNT", draw.index()]);
    }
    if draw.dice.percent(3) {
        request.extend(request!["NOACK"]);
    }
    request.extend(streams(draw, |draw| match draw.dice.below(10) {
        0 => b"$".to_vec(),
        1..=3 => b"0".to_vec(),
        _ => id(draw),
    }));
    request
}

fn xreadgroup(draw: &mut Draw) -> Request {
    let mut request = request!["XREADGROUP", "GROUP", group(draw), consumer(draw)];
    if draw.dice.percent(70) {
        request.extend(request![
            "COUNT",
            *draw.dice.pick(&["1", "2", "5", "0", "-1", "x"])
        ]);
    }
    if draw.dice.percent(15) {
        request.extend(request!["NOACK"]);
    }
    request.extend(streams(draw, |draw| match draw.dice.below(10) {
        0..=6 => b">".to_vec(),
        7..=8 => b"0".to_vec(),
        _ => id(draw),
    }));
    request
}

fn xgroup(draw: &mut Draw) -> Request {
    let subcommand = *draw.dice.pick(&[
        "CREATE",
        "CREATE",
        "CREATE",
        "SETID",
        "SETID",
        "DESTROY",
        "CREATECONSUMER",
        "DELCONSUMER",
        "HELP",
        "BOGUS",
    ]);
    let mut request = request!["XGROUP", subcommand];
    if subcommand == "HELP" {
        return request;
    }
    request.extend([key(draw), group(draw)]);
    match subcommand {
        "CREATE" | "SETID" => {
            request.push(match draw.dice.below(4) {
                0 => b"$".to_vec(),
                1 => b"0".to_vec(),
                _ => id(draw),
            });
            if draw
                .dice
                .percent(if subcommand == "CREATE" { 40 } else { 3 })
            {
                request.extend(request!["MKSTREAM"]);
            }
            if draw.dice.percent(30) {
                request.extend(request!["ENTRIESREAD", draw.index()]);
            }
        }
        "CREATECONSUMER" | "DELCONSUMER" => request.push(consumer(draw)),
        _ => {}
    }
    request
}

fn xpending(draw: &mut Draw) -> Request {
    let mut request = request!["XPENDING", key(draw), group(draw)];
    if draw.dice.percent(30) {
        return request;
    }
    if draw.dice.percent(20) {
        request.extend(request![
            "IDLE",
            *draw.dice.pick(&["0", "100000000", "-5", "x"])
        ]);
    }
    let ends = [border(draw, "-"), border(draw, "+")];
    request.extend(ends);
    request.push(draw.index());
    if draw.dice.percent(40) {
        request.push(consumer(draw));
    }
    request
}

/// Times to be idle that are over, or never.
fn min_idle(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&["0", "0", "0", "-5", "100000000", "x"]))
}

fn xclaim(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| {
            request![
                "IDLE",
                *draw
                    .dice
                    .pick(&["0", "1000", "-1", "9223372036854775807", "x"])
            ]
        },
        |draw| {
            request![
                "TIME",
                *draw
                    .dice
                    .pick(&["0", "1700000000000", "-1", "9223372036854775807"])
            ]
        },
        |draw| request!["RETRYCOUNT", draw.index()],
        |draw| request!["LASTID", id(draw)],
        |_| request!["FORCE"],
        |_| request!["FORCE"],
        |_| request!["JUSTID"],
        |_| request!["BOGUS"],
    ];
    let mut request = request![
        "XCLAIM",
        key(draw),
        group(draw),
        consumer(draw),
        min_idle(draw)
    ];
    request = with_ids(request, draw);
    request.extend(draw.options(3, OPTIONS));
    request
}

fn xautoclaim(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| request!["COUNT", draw.index()],
        |draw| request!["COUNT", *draw.dice.pick(&["1", "2", "5"])],
        |_| request!["JUSTID"],
    ];
    let mut request = request!["XAUTOCLAIM", key(draw), group(draw), consumer(draw)];
    request.push(min_idle(draw));
    request.push(border(draw, "0"));
    request.extend(draw.options(2, OPTIONS));
    request
}

fn xinfo(draw: &mut Draw) -> Request {
    let subcommand = *draw.dice.pick(&[
        "STREAM",
        "STREAM",
        "STREAM",
        "GROUPS",
        "CONSUMERS",
        "HELP",
        "BOGUS",
    ]);
    let mut request = request!["XINFO", subcommand];
    if subcommand == "HELP" {
        return request;
    }
    request.push(key(draw));
    match subcommand {
        "STREAM" if draw.dice.percent(50) => {
            request.extend(request!["FULL"]);
            if draw.dice.percent(60) {
                request.extend(request!["COUNT", draw.index()]);
            }
        }
        "CONSUMERS" => request.push(group(draw)),
        _ => {}
    }
    request
}
