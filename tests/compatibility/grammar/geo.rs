//! Commands on places. Two places hardly ever are equally far from a third one: in which order they are told is chance.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[
    add,
    add,
    add,
    |draw| request!["GEOPOS", key(draw), member(draw), member(draw)],
    |draw| request!["GEOHASH", key(draw), member(draw), member(draw)],
    distance,
    search,
    search,
    search,
    search_and_store,
    radius,
    radius_of_member,
    |draw| request!["ZRANGE", key(draw), "0", "-1", "WITHSCORES"],
    |draw| request!["ZADD", key(draw), score(draw), member(draw)],
    |draw| request!["ZREM", key(draw), member(draw)],
    |draw| request!["DEL", key(draw)],
];

fn key(draw: &mut Draw) -> Vec<u8> {
    draw.key_of("places")
}

fn member(draw: &mut Draw) -> Vec<u8> {
    format!("m{}", draw.dice.below(30)).into_bytes()
}

/// Scores that no place has, too.
fn score(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&[
        "3479099956230698",
        "0",
        "1",
        "4503599627370495",
        "4503599627370496",
        "9007199254740992",
        "1.5",
        "-1",
        "1e300",
        "-inf",
        "18446744073709551615",
    ]))
}

fn degrees(draw: &mut Draw, most: i64) -> Vec<u8> {
    if draw.dice.percent(90) {
        let (whole, part) = (
            draw.dice.between(1 - most, most - 1),
            draw.dice.below(1_000_000),
        );
        return format!("{whole}.{part:06}").into_bytes();
    }
    Vec::from(*draw.dice.pick(&[
        "0",
        "-180",
        "180",
        "85.05112878",
        "-85.05112878",
        "85.05112879",
        "-180.0000001",
        "90",
        "1e300",
        "-inf",
        "nan",
        "x",
        "",
        "0x10",
    ]))
}

/// Longitude and latitude, half of them within some hundred kilometres.
fn point(draw: &mut Draw) -> Request {
    if draw.dice.percent(50) {
        let mut near = |whole: i64| {
            let whole = whole + draw.dice.between(0, 2);
            format!("{whole}.{:06}", draw.dice.below(1_000_000)).into_bytes()
        };
        return vec![near(13), near(37)];
    }
    vec![degrees(draw, 180), degrees(draw, 85)]
}

fn add(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[|_| request!["NX"], |_| request!["XX"], |_| request!["CH"]];
    let mut request = request!["GEOADD", key(draw)];
    request.extend(draw.options(2, OPTIONS));
    for _ in 0..*draw.dice.pick(&[1, 1, 2, 3, 12]) {
        request.extend(point(draw));
        request.push(member(draw));
    }
    request
}

fn unit(draw: &mut Draw) -> Vec<u8> {
    let unit = *draw
        .dice
        .pick(&["m", "km", "ft", "mi", "km", "km", "m", "km", "yd", ""]);
    draw.any_case(unit.as_bytes())
}

fn distance(draw: &mut Draw) -> Request {
    let mut request = request!["GEODIST", key(draw), member(draw), member(draw)];
    if draw.dice.percent(60) {
        request.push(unit(draw));
    }
    request
}

fn length(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&[
        "0", "1", "100", "200", "200.5", "500", "1000", "3000", "8000", "20000", "100000", "1e7",
        "0.001", "-1", "x", "inf", "nan", "5e-324",
    ]))
}

const DETAILS: &[Command] = &[
    |_| request!["WITHDIST"],
    |_| request!["WITHCOORD"],
    |_| request!["WITHHASH"],
];

const CHOICE: &[Command] = &[
    |_| request!["ASC"],
    |_| request!["DESC"],
    |draw| request!["COUNT", count(draw)],
    |draw| request!["COUNT", count(draw), "ANY"],
    |_| request!["ANY"],
];

fn count(draw: &mut Draw) -> Vec<u8> {
    match draw.dice.percent(90) {
        true => (1 + draw.dice.below(5)).to_string().into_bytes(),
        false => draw.integer(),
    }
}

fn from(draw: &mut Draw) -> Request {
    match draw.dice.percent(50) {
        true => request!["FROMMEMBER", member(draw)],
        false => {
            let mut request = request!["FROMLONLAT"];
            request.extend(point(draw));
            request
        }
    }
}

fn by(draw: &mut Draw) -> Request {
    match draw.dice.percent(60) {
        true => request!["BYRADIUS", length(draw), unit(draw)],
        false => request!["BYBOX", length(draw), length(draw), unit(draw)],
    }
}

/// Where, how far, and options, in some order; now and then one of them twice or not at all.
fn searched(draw: &mut Draw, more: &[Command]) -> Request {
    let mut parts = vec![
        from(draw),
        by(draw),
        draw.options(2, CHOICE),
        draw.options(2, more),
    ];
    match draw.dice.below(20) {
        0 => parts.push(from(draw)),
        1 => parts.push(by(draw)),
        2 => drop(parts.remove(0)),
        3 => drop(parts.remove(1)),
        _ => {}
    }
    let turn = draw.dice.below(parts.len());
    parts.rotate_left(turn);
    parts.concat()
}

fn search(draw: &mut Draw) -> Request {
    let mut request = request!["GEOSEARCH", key(draw)];
    request.extend(searched(draw, DETAILS));
    request
}

fn search_and_store(draw: &mut Draw) -> Request {
    let mut request = request!["GEOSEARCHSTORE"];
    request.extend(draw.keys_of("places", 2));
    request.extend(searched(
        draw,
        &[
            |_| request!["STOREDIST"],
            |_| request!["STOREDIST"],
            |_| request!["WITHDIST"],
        ],
    ));
    request
}

/// The options of the older forms. A key of theirs lies where the first one does.
fn older(draw: &mut Draw, request: &mut Request) {
    request.extend([length(draw), unit(draw)]);
    request.extend(draw.options(2, CHOICE));
    if draw.dice.percent(60) {
        request.extend(draw.options(2, DETAILS));
    } else {
        let word = *draw.dice.pick(&["STORE", "STOREDIST"]);
        request.extend([draw.any_case(word.as_bytes()), key(draw)]);
    }
}

fn radius(draw: &mut Draw) -> Request {
    let name = *draw.dice.pick(&["GEORADIUS", "GEORADIUS", "GEORADIUS_RO"]);
    let mut request = request![name, key(draw)];
    request.extend(point(draw));
    older(draw, &mut request);
    request
}

fn radius_of_member(draw: &mut Draw) -> Request {
    let name = *draw.dice.pick(&[
        "GEORADIUSBYMEMBER",
        "GEORADIUSBYMEMBER",
        "GEORADIUSBYMEMBER_RO",
    ]);
    let mut request = request![name, key(draw), member(draw)];
    older(draw, &mut request);
    request
}
