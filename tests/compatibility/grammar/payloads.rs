//! Commands that write values as bytes and read them: DUMP and RESTORE. The payloads are made here, so that both servers get the same.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};
use crate::support::payload::sealed;

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[|draw| request!["DUMP", key(draw)], restore, restore];

fn key(draw: &mut Draw) -> Vec<u8> {
    if draw.dice.percent(30) {
        return draw.key();
    }
    let kind = *draw.dice.pick(&["hash", "list", "set", "zset", "stream"]);
    draw.key_of(kind)
}

fn restore(draw: &mut Draw) -> Request {
    const OPTIONS: &[Command] = &[
        |_| request!["REPLACE"],
        |_| request!["REPLACE"],
        |_| request!["ABSTTL"],
        |draw| request!["IDLETIME", draw.integer()],
        |_| request!["IDLETIME", "100"],
        |draw| request!["FREQ", draw.integer()],
        |_| request!["FREQ", "255"],
        |_| request!["IDLETIME"],
        |_| request!["ZORK"],
    ];
    let name = match draw.dice.percent(95) {
        true => "RESTORE",
        false => "restore",
    };
    let is_moment = draw.dice.percent(15);
    let ttl = match draw.dice.below(3) {
        _ if is_moment => draw.moment_milliseconds(),
        0 => draw.milliseconds(),
        _ => b"0".to_vec(),
    };
    let mut request = request![name, key(draw), ttl, payload(draw)];
    if is_moment {
        request.extend(request!["ABSTTL"]);
    }
    request.extend(draw.options(3, OPTIONS));
    request
}

/// Mostly a value that is sealed, now and then one that is not, or says what is not true.
fn payload(draw: &mut Draw) -> Vec<u8> {
    let mut value = value(draw);
    match draw.dice.below(20) {
        0 => return draw.value(),
        // What is merely cut Redis reads on into the seal.
        1 => drop(value.splice(1..1, [0x81, 0x40, 0, 0, 0, 0, 0, 0, 0])),
        2 => value.extend_from_slice(b"rest"),
        3 => value[0] = *draw.dice.pick(&[6, 7, 8, 15, 22, 255]),
        _ => {}
    }
    let version = *draw.dice.pick(&[1, 6, 9, 10, 10, 10, 300]);
    let mut payload = sealed(&value, version);
    if draw.dice.percent(3) {
        payload.pop();
        payload.push(draw.dice.bytes(1)[0]);
    }
    payload
}

/// A value of one of the plain encodings, in which nothing is packed.
fn value(draw: &mut Draw) -> Vec<u8> {
    let encoding = draw.dice.below(6);
    let mut elements = draw.elements();
    elements.sort();
    elements.dedup();
    let mut value = vec![u8::try_from(encoding).expect("one of six")];
    if encoding == 0 {
        append(&mut value, &draw.value());
        return value;
    }
    append_length(&mut value, elements.len());
    for element in elements {
        append(&mut value, &element);
        match encoding {
            3 => {
                let score = draw.dice.between(-1000, 1000).to_string();
                append(&mut value, score.as_bytes());
            }
            4 => append(&mut value, &draw.value()),
            5 => {
                let score = f64::from(i32::from_le_bytes([0, 0, 0, draw.dice.bytes(1)[0]])) / 7.0;
                value.extend_from_slice(&score.to_le_bytes());
            }
            _ => {}
        }
    }
    value
}

fn append(value: &mut Vec<u8>, text: &[u8]) {
    append_length(value, text.len());
    value.extend_from_slice(text);
}

fn append_length(value: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short @ ..64) => value.push(short),
        _ => {
            value.push(0x80);
            let length = u32::try_from(length).expect("short");
            value.extend_from_slice(&length.to_be_bytes());
        }
    }
}
