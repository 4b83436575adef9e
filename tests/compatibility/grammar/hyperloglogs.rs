//! Commands on HyperLogLogs. PFSELFTEST is not here: Redis' own takes seconds.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group, and what shows the bytes of a sketch.
pub(super) const COMMANDS: &[Command] = &[
    add,
    add,
    add,
    |draw| keys("PFCOUNT", 1, draw),
    |draw| keys("PFCOUNT", 1, draw),
    |draw| keys("PFCOUNT", 3, draw),
    spread_add,
    spread_count,
    |draw| keys("PFMERGE", 1, draw),
    |draw| keys("PFMERGE", 3, draw),
    debug,
    |draw| request!["GET", key(draw)],
    |draw| request!["STRLEN", key(draw)],
    |draw| request!["OBJECT", "ENCODING", key(draw)],
    |draw| request!["DEL", key(draw)],
    written,
    broken,
];

/// Over several shards.
fn spread_add(draw: &mut Draw) -> Request {
    let mut request = request!["PFADD", draw.spread_key_of("sketch")];
    request.extend(draw.elements());
    request
}

fn spread_count(draw: &mut Draw) -> Request {
    let mut request = request!["PFCOUNT"];
    request.extend(draw.spread_keys_of("sketch", 3));
    request
}

fn key(draw: &mut Draw) -> Vec<u8> {
    draw.key_of("sketch")
}

/// Now and then so many that a sketch becomes dense.
fn add(draw: &mut Draw) -> Request {
    let mut request = request!["PFADD", key(draw)];
    match draw.dice.below(10) {
        0 => {}
        1 => {
            let count = *draw.dice.pick(&[200, 256, 257, 400, 2_000]);
            let first = draw.dice.below(10_000);
            request.extend((first..first + count).map(|number| number.to_string().into_bytes()));
        }
        _ => request.extend(draw.elements()),
    }
    request
}

fn keys(name: &str, most: usize, draw: &mut Draw) -> Request {
    let count = match draw.dice.percent(3) {
        true => 30,
        false => 1 + draw.dice.below(most),
    };
    let mut request = request![name];
    request.extend(draw.keys_of("sketch", count));
    request
}

fn debug(draw: &mut Draw) -> Request {
    let word = *draw.dice.pick(&[
        "ENCODING", "DECODE", "ENCODING", "DECODE", "DECODE", "TODENSE", "GETREG", "WHAT", "",
    ]);
    request!["PFDEBUG", draw.any_case(word.as_bytes()), key(draw)]
}

/// A sketch as bytes: empty or of three elements, with kept counts of several kinds; or nearly one.
fn written(draw: &mut Draw) -> Request {
    let codes: &[u8] = draw
        .dice
        .pick::<&[u8]>(&[b"\x7f\xff", b"\x4f\xff\x84\x6f\xfe"]);
    let header: &[u8] = draw.dice.pick::<&[u8]>(&[
        b"HYLL\x01\0\0\0",
        b"HYLL\x01abc",
        b"HYLL\x02\0\0\0",
        b"HYLM\x01\0\0\0",
    ]);
    request!["SET", key(draw), [header, kept_count(draw), codes].concat()]
}

fn kept_count(draw: &mut Draw) -> &'static [u8] {
    draw.dice.pick::<&[u8]>(&[
        b"\0\0\0\0\0\0\0\0",
        b"\x07\0\0\0\0\0\0\0",
        b"\0\0\0\0\0\0\0\x80",
    ])
}

/// A sketch whose registers are too few or too many, and what is said of it. It has a key of its own, for Redis keeps what PFADD did of it before it failed.
fn broken(draw: &mut Draw) -> Request {
    const KEY: &str = "{a}broken sketch";
    let codes: &[u8] =
        draw.dice
            .pick::<&[u8]>(&[b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80", b""]);
    match draw.dice.below(6) {
        0 => {
            let sketch = [b"HYLL\x01\0\0\0", kept_count(draw), codes].concat();
            request!["SET", KEY, sketch]
        }
        1 => request!["PFADD", KEY, draw.word()],
        2 => request!["PFCOUNT", KEY],
        3 => request!["PFCOUNT", "{a}sketch0", KEY],
        4 => request!["PFMERGE", "{a}sketch0", KEY],
        _ => {
            let word = *draw.dice.pick(&["GETREG", "DECODE", "ENCODING", "TODENSE"]);
            request!["PFDEBUG", word, KEY]
        }
    }
}
