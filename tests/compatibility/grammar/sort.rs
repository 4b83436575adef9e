//! SORT, over keys of its own. In which order it tells what it takes for equal is chance: texts found elsewhere are compared only where elements lie in an order and all are told.
//! Redis takes an error of the last conversion of a number, whoever wanted it, for one of its own: see [`CONVERSION`].
//! A sorted set is a skip list from the start, for Redis makes one of each that it sorts.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// SORT, SORT_RO, and what fills the keys.
pub(super) const COMMANDS: &[Command] = &[
    of_numbers,
    of_numbers,
    of_texts,
    of_texts_elsewhere,
    of_set,
    faulty,
    fill_list,
    |draw| {
        let mut request = request!["SADD", SET];
        request.extend(elements(draw));
        request
    },
    |draw| {
        let mut request = request!["ZADD", SORTED_SET, "17", "m".repeat(100)];
        for element in elements(draw) {
            request.extend([draw.dice.below(5).to_string().into_bytes(), element]);
        }
        request
    },
    |draw| {
        request![
            "SET",
            format!("{{a}}w_{}", draw.dice.below(20)),
            weight(draw)
        ]
    },
    |draw| {
        request![
            "HSET",
            format!("{{a}}h_{}", draw.dice.below(20)),
            "f",
            weight(draw),
            "g",
            draw.value()
        ]
    },
    |draw| request!["LRANGE", *draw.dice.pick(LISTS), "0", "-1"],
    |draw| {
        request![
            "DEL",
            *draw
                .dice
                .pick(&["{a}sorted", "{a}sorted set", "{a}sorted zset", "{a}stored"])
        ]
    },
];

/// Converts numbers without an error, and does nothing else.
pub(super) const CONVERSION: &[&str] = &["GEORADIUS_RO", "{a}nothing", "1", "1", "1", "m"];

const LISTS: &[&str] = &["{a}sorted", "{a}stored"];
const SET: &str = "{a}sorted set";
const SORTED_SET: &str = "{a}sorted zset";

fn elements(draw: &mut Draw) -> Request {
    let count = *draw.dice.pick(&[1, 1, 2, 5, 20]);
    (0..count)
        .map(|_| draw.dice.between(0, 25).to_string().into_bytes())
        .collect()
}

fn fill_list(draw: &mut Draw) -> Request {
    let mut request = request!["RPUSH", *draw.dice.pick(LISTS)];
    request.extend(elements(draw));
    if draw.dice.percent(5) {
        request.push(draw.value());
    }
    request
}

fn weight(draw: &mut Draw) -> Vec<u8> {
    match draw.dice.percent(90) {
        true => draw.dice.between(-5, 5).to_string().into_bytes(),
        false => draw.value(),
    }
}

fn pattern(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&[
        "{a}w_*",
        "{a}w_*",
        "{a}h_*->f",
        "{a}h_*->g",
        "{a}h_*->",
        "{a}nothing_*",
        "{a}h_*",
        "{a}w_*->f",
        "#",
        "{a}w_1",
        "{a}*d set",
        "{a}w_*\0x",
        "",
    ]))
}

/// What is read only, or may be stored.
fn begun(draw: &mut Draw, key: &str) -> Request {
    let name = *draw.dice.pick(&["SORT", "SORT", "SORT", "SORT_RO"]);
    request![name, key]
}

const GET: Command = |draw| request!["GET", pattern(draw)];
const UP: Command = |_| request!["ASC"];
const DOWN: Command = |_| request!["DESC"];
const LIMIT: Command = |draw| request!["LIMIT", draw.index(), draw.index()];

fn stored(draw: &mut Draw, mut request: Request) -> Request {
    if draw.dice.percent(25) {
        request.extend(request!["STORE", "{a}stored"]);
    }
    request
}

fn of_numbers(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |draw| request!["BY", pattern(draw)],
        GET,
        GET,
        UP,
        DOWN,
        LIMIT,
    ];
    let key = *draw
        .dice
        .pick(&["{a}sorted", "{a}sorted", "{a}stored", SORTED_SET]);
    let mut request = begun(draw, key);
    // As it lies a sorted set has an order too, but texts are not numbers.
    if key == SORTED_SET {
        request.extend(request![
            "BY",
            *draw.dice.pick(&["nosort", "nosort", "{a}w_*"])
        ]);
    }
    request.extend(draw.options(4, OPTIONS));
    stored(draw, request)
}

fn of_texts(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[GET, UP, DOWN, LIMIT];
    let key = *draw.dice.pick(&["{a}sorted", "{a}stored", SORTED_SET]);
    let mut request = begun(draw, key);
    request.extend(request!["ALPHA"]);
    request.extend(draw.options(4, OPTIONS));
    stored(draw, request)
}

fn of_texts_elsewhere(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[GET, UP, DOWN];
    let key = *draw.dice.pick(LISTS);
    let mut request = begun(draw, key);
    request.extend(request!["ALPHA", "BY", pattern(draw)]);
    request.extend(draw.options(3, OPTIONS));
    stored(draw, request)
}

/// Sets lie in an order that is each server's own.
fn of_set(draw: &mut Draw) -> Request {
    let mut request = begun(draw, SET);
    match draw.dice.below(4) {
        0 => request.extend(request!["DESC", "LIMIT", "1", "3"]),
        1 => request.extend(request!["ALPHA", "GET", "#", "GET", "{a}w_*"]),
        2 => request.extend(request!["BY", "{a}w_*", "LIMIT", "0", "4"]),
        _ => return request!["SORT", SET, "BY", "nosort", "STORE", "{a}stored"],
    }
    stored(draw, request)
}

/// Of no collection, or with what is no option.
fn faulty(draw: &mut Draw) -> Request {
    let key = *draw.dice.pick(&["{a}w_1", "{a}h_1", "{a}nothing"]);
    let mut request = request!["SORT", key];
    let rest: &[&str] = draw.dice.pick::<&[&str]>(&[
        &[],
        &["STORE", "{a}stored"],
        &["LIMIT", "1"],
        &["LIMIT", "1", "x"],
        &["BY"],
        &["GET"],
        &["WHAT"],
    ]);
    request.extend(rest.iter().map(|word| Vec::from(*word)));
    request
}
