//! Commands on bits.
//! Pure.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[
    bitcount,
    |draw| bitfield("BITFIELD", draw),
    |draw| bitfield("BITFIELD", draw),
    |draw| bitfield("BITFIELD_RO", draw),
    bitop,
    bitpos,
    |draw| request!["GETBIT", draw.key(), draw.bit_offset()],
    |draw| request!["SETBIT", draw.key(), draw.bit_offset(), bit(draw)],
    |draw| request!["SETBIT", draw.key(), draw.bit_offset(), bit(draw)],
];

fn bit(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&[
        "0", "1", "1", "0", "1", "2", "-1", "", "a", "01", "1\0", " 1", "+1", "-0",
    ]))
}

fn unit(draw: &mut Draw) -> Vec<u8> {
    let unit = *draw.dice.pick(&[
        "BIT", "BYTE", "BIT", "BYTE", "BIT", "BYTE", "BITS", "", "BIT\0",
    ]);
    draw.any_case(unit.as_bytes())
}

fn bitcount(draw: &mut Draw) -> Request {
    let mut request = request!["BITCOUNT", draw.key()];
    match draw.dice.below(6) {
        0 => {}
        1 => request.push(draw.index()),
        2..=3 => request.extend([draw.index(), draw.index()]),
        _ => request.extend([draw.index(), draw.index(), unit(draw)]),
    }
    request
}

fn bitpos(draw: &mut Draw) -> Request {
    let mut request = request!["BITPOS", draw.key(), bit(draw)];
    match draw.dice.below(6) {
        0 => {}
        1 => request.push(draw.index()),
        2..=3 => request.extend([draw.index(), draw.index()]),
        _ => request.extend([draw.index(), draw.index(), unit(draw)]),
    }
    request
}

fn bitop(draw: &mut Draw) -> Request {
    let operation = *draw
        .dice
        .pick(&["AND", "OR", "XOR", "NOT", "NOT", "NAND", "NOT\0", ""]);
    let count = if operation == "NOT" && draw.dice.percent(80) {
        2
    } else {
        2 + draw.dice.below(4)
    };
    let mut request = request!["BITOP", draw.any_case(operation.as_bytes())];
    request.extend(draw.keys_of_one_slot(count));
    request
}

fn bitfield(name: &str, draw: &mut Draw) -> Request {
    let mut request = request![name, draw.key()];
    for _ in 0..draw.dice.below(5) {
        let word = *draw
            .dice
            .pick(&["GET", "SET", "INCRBY", "OVERFLOW", "GET", "BOGUS"]);
        let word = if name == "BITFIELD_RO" && draw.dice.percent(85) {
            "GET"
        } else {
            word
        };
        if word == "BOGUS" && draw.dice.percent(80) {
            continue;
        }
        request.push(draw.any_case(word.as_bytes()));
        match word {
            "OVERFLOW" => {
                let policy = *draw
                    .dice
                    .pick(&["WRAP", "SAT", "FAIL", "SAT", "FAIL", "NONE"]);
                request.push(draw.any_case(policy.as_bytes()));
            }
            "GET" => request.extend([kind(draw), field_offset(draw)]),
            _ => request.extend([kind(draw), field_offset(draw), draw.integer()]),
        }
    }
    request
}

fn kind(draw: &mut Draw) -> Vec<u8> {
    if draw.dice.percent(85) {
        let sign = *draw.dice.pick(&["u", "i"]);
        let bits = *draw.dice.pick(&[1, 2, 3, 5, 8, 12, 16, 31, 32, 33, 63]);
        format!("{sign}{bits}").into_bytes()
    } else {
        Vec::from(*draw.dice.pick(&[
            "i64",
            "i64",
            "u64",
            "i65",
            "u0",
            "i0",
            "u-1",
            "x8",
            "u",
            "",
            "8",
            "U8",
            "I8",
            "u08",
            "i8 ",
            "u8\0",
            "i 8",
            "i+8",
            "u8x",
            "u4294967304",
            "i18446744073709551624",
        ]))
    }
}

fn field_offset(draw: &mut Draw) -> Vec<u8> {
    match draw.dice.below(10) {
        0..=5 => draw.bit_offset(),
        6..=8 => format!("#{}", draw.dice.below(20)).into_bytes(),
        _ => Vec::from(*draw.dice.pick(&[
            "#",
            "#-1",
            "#abc",
            "##1",
            "#9223372036854775807",
            "#4294967296",
            "#0",
            "#-0",
            "#01",
            "# 1",
            "#1\0",
            "-0",
        ])),
    }
}
