//! Collections to be measured: what their elements look like, and how they are put in.

use std::ops::Range;

use crate::load::send_and_check;
use crate::support::dice::Dice;
use crate::support::{Client, encode};

/// Elements put in by one command, where a command takes several.
const PER_COMMAND: usize = 16;

/// Commands in a write.
const PER_WRITE: usize = 16;

/// A kind of collection with elements of a kind. Names of elements have 16 bytes and end in their number, as `redis-benchmark` writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    verb: &'static str,
    element: fn(usize, &[u8]) -> Vec<Vec<u8>>,
    /// One command puts in one element.
    one_by_one: bool,
}

impl Shape {
    const fn new(
        name: &'static str,
        verb: &'static str,
        element: fn(usize, &[u8]) -> Vec<Vec<u8>>,
    ) -> Self {
        Self {
            name,
            verb,
            element,
            one_by_one: false,
        }
    }
}

fn member(number: usize) -> Vec<u8> {
    format!("memb{number:012}").into_bytes()
}

/// `length` of the random bytes, others for each number.
fn value(number: usize, length: usize, random: &[u8]) -> Vec<u8> {
    let start = number * 7919 % (random.len() - length);
    random[start..start + length].to_vec()
}

/// Some score that is not whole, the same one for the same number.
fn score(number: usize) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9) % 1_000_000_007;
    format!("{mixed}.{:03}", number % 999 + 1)
}

pub(crate) const SET: Shape = Shape::new("set, 16 B", "SADD", |number, _| vec![member(number)]);
/// Of 31 bits, each number another one.
pub(crate) const INTEGERS: Shape = Shape::new("set of integers of 31 bits", "SADD", |number, _| {
    let mixed = number.wrapping_mul(0x9e37_79b9) & 0x7fff_ffff;
    vec![mixed.to_string().into_bytes()]
});
/// As `redis-benchmark` writes them: of 41 bits, so of two bytes more.
pub(crate) const LONG_INTEGERS: Shape =
    Shape::new("set of integers of 41 bits", "SADD", |number, _| {
        vec![(1_000_000_000_000 + number).to_string().into_bytes()]
    });
pub(crate) const HASH: Shape = Shape::new("hash, 16 + 16 B", "HSET", |number, random| {
    vec![member(number), value(number, 16, random)]
});
pub(crate) const LONG_HASH: Shape = Shape::new("hash, 16 + 100 B", "HSET", |number, random| {
    vec![member(number), value(number, 100, random)]
});
pub(crate) const SORTED_SET: Shape = Shape::new("sorted set, doubles", "ZADD", |number, _| {
    vec![score(number).into_bytes(), member(number)]
});
pub(crate) const SORTED_BY_INTEGERS: Shape =
    Shape::new("sorted set, integers", "ZADD", |number, _| {
        vec![number.to_string().into_bytes(), member(number)]
    });
pub(crate) const EQUAL_SCORES: Shape =
    Shape::new("sorted set, equal scores", "ZADD", |number, _| {
        vec![b"1".to_vec(), member(number)]
    });
pub(crate) const LIST: Shape = Shape::new("list, 16 B", "RPUSH", |number, random| {
    vec![value(number, 16, random)]
});
pub(crate) const LONG_LIST: Shape = Shape::new("list, 100 B", "RPUSH", |number, random| {
    vec![value(number, 100, random)]
});
pub(crate) const STREAM: Shape = Shape {
    one_by_one: true,
    ..Shape::new("stream, 2 fields of 16 B", "XADD", |number, random| {
        [
            b"*".to_vec(),
            b"one".to_vec(),
            value(number, 16, random),
            b"two".to_vec(),
            value(number + 1, 16, random),
        ]
        .into()
    })
};

/// Puts the elements of these numbers into collections of `size` each, called `name:0` and so on; a single one is called `name:0`.
pub(crate) fn fill(
    client: &mut Client,
    shape: Shape,
    name: &str,
    numbers: Range<usize>,
    size: usize,
) {
    // Random bytes: nothing may be gained by values that are alike.
    let random = Dice::new(numbers.len() as u64).bytes(1 << 20);
    let per_command = if shape.one_by_one {
        1
    } else {
        PER_COMMAND.min(size)
    };
    let commands = numbers.len().div_ceil(per_command);
    let command = |index: usize| {
        let start = numbers.start + index * per_command;
        let end = (start + per_command).min(numbers.end);
        let key = format!("{name}:{}", start / size);
        let mut words = vec![shape.verb.as_bytes().to_vec(), key.into_bytes()];
        words.extend((start..end).flat_map(|number| (shape.element)(number, &random)));
        encode(&words)
    };
    for start in (0..commands).step_by(PER_WRITE) {
        let end = (start + PER_WRITE).min(commands);
        send_and_check(client, start..end, &command);
    }
}
