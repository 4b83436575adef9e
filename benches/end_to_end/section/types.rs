//! Collections beside a redis-server: resident bytes per element by size, and CPU per command on one of a million elements. Goals: COLLECTIONS.md's.

use crate::Settings;
use crate::collections::{self, Shape, fill};
use crate::compare::alternate;
use crate::load::Cell;
use crate::peers::{self, Target};
use crate::support::eventually::pause;
use crate::table::{Table, digits};
use std::time::Duration;

/// Elements of the collection whose commands are timed, and of all small ones together.
const ELEMENTS: usize = 1_000_000;

/// Elements per collection at which memory is looked at, besides the greatest.
const SIZES: [usize; 3] = [200, 10_000, ELEMENTS];

/// A command with a key and a random element; the ratios of CPU to reach at 16 and 100 in flight.
struct Timed {
    words: &'static str,
    weight: f64,
    goals: [f64; 2],
}

const fn timed(words: &'static str, weight: f64, goals: [f64; 2]) -> Timed {
    Timed {
        words,
        weight,
        goals,
    }
}

/// A shape, the bytes per element to reach with most elements, and its commands.
const SHAPES: &[(Shape, f64, &[Timed])] = &[
    (
        collections::SET,
        22.0,
        &[
            timed("sismember c:0 memb__rand_int__", 1.0, [0.45, 0.35]),
            timed("srem c:0 memb__rand_int__", 1.5, [0.6, 0.55]),
            timed("sadd c:0 memb__rand_int__", 1.5, [0.45, 0.35]),
        ],
    ),
    (collections::INTEGERS, 8.0, &[]),
    (
        collections::LONG_INTEGERS,
        10.0,
        &[timed("sismember c:0 1__rand_int__", 1.0, [0.45, 0.35])],
    ),
    (
        collections::HASH,
        41.0,
        &[
            timed("hget c:0 memb__rand_int__", 1.0, [0.45, 0.35]),
            timed(
                "hset c:0 memb__rand_int__ 0123456789abcdef",
                1.5,
                [0.5, 0.4],
            ),
            timed("hdel c:0 memb__rand_int__", 1.5, [0.65, 0.6]),
        ],
    ),
    (
        collections::LONG_HASH,
        134.0,
        &[timed("hget c:0 memb__rand_int__", 1.0, [0.45, 0.4])],
    ),
    (
        collections::SORTED_SET,
        39.0,
        &[
            timed("zscore c:0 memb__rand_int__", 1.0, [0.6, 0.55]),
            timed("zrank c:0 memb__rand_int__", 3.0, [0.4, 0.3]),
            timed("zadd c:0 __rand_int__ memb__rand_int__", 3.0, [0.4, 0.3]),
            timed("zrange c:0 500000 500099", 15.0, [0.3, 0.25]),
            timed("zrem c:0 memb__rand_int__", 3.0, [0.45, 0.35]),
        ],
    ),
    (collections::SORTED_BY_INTEGERS, 32.0, &[]),
    (collections::EQUAL_SCORES, 26.0, &[]),
    (
        collections::LIST,
        18.3,
        &[
            timed("lrange c:0 0 99", 15.0, [0.5, 0.5]),
            timed("lindex c:0 500000", 20.0, [0.15, 0.15]),
            timed("lpush c:0 0123456789abcdef", 1.0, [0.75, 0.7]),
            timed("lpop c:0", 1.0, [0.75, 0.7]),
        ],
    ),
    (collections::LONG_LIST, 105.5, &[]),
    (
        collections::STREAM,
        41.5,
        &[
            timed("xrange c:0 - + COUNT 100", 30.0, [0.3, 0.3]),
            timed(
                "xadd c:0 * one 0123456789abcdef two 0123456789abcdef",
                2.0,
                [0.5, 0.5],
            ),
        ],
    ),
];

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let wanted = |shape: &Shape| shape.name.starts_with(&settings.shape);
    for (shape, goal, commands) in SHAPES.iter().filter(|(shape, ..)| wanted(shape)) {
        let mut sizes = SIZES.to_vec();
        if settings.elements > ELEMENTS {
            sizes.push(settings.elements);
        }
        for size in sizes {
            let pair = [peers::redis(), peers::node()];
            let [redis, ours] = pair
                .each_ref()
                .map(|target| bytes_per_element(target, *shape, size));
            let what = format!("{}, {size} elements: bytes each", shape.name);
            let ours_text = format!("{} B", digits(ours));
            if size == settings.elements {
                table.at_most(&what, *goal, ours, " B");
            } else {
                table.figure(&what, &ours_text);
            }
            let ratio = format!("{} B, {} x", digits(redis), digits(ours / redis));
            table.figure("  redis, and the ratio to it", &ratio);
            if size == ELEMENTS {
                time(&pair, *shape, commands, settings, table);
            }
        }
    }
}

/// Fills `target`, and what each element costs it.
fn bytes_per_element(target: &Target, shape: Shape, size: usize) -> f64 {
    let mut client = target.front.connect();
    let before = target.front.resident_bytes();
    let count = size.max(ELEMENTS);
    fill(&mut client, shape, "c", 0..count, size);
    pause(Duration::from_secs(1));
    let grown = target.front.resident_bytes().saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "bytes with a few digits")]
    let each = grown as f64 / count as f64;
    each
}

fn time(
    pair: &[Target; 2],
    shape: Shape,
    commands: &[Timed],
    settings: &Settings,
    table: &mut Table,
) {
    let targets: Vec<&Target> = pair.iter().collect();
    let small = Settings {
        keys: ELEMENTS,
        ..settings.clone()
    };
    for timed in commands {
        for (pipeline, goal) in [
            (1, None),
            (16, Some(timed.goals[0])),
            (100, Some(timed.goals[1])),
        ] {
            let cell = Cell {
                weight: timed.weight,
                ..Cell::new(timed.words, pipeline)
            };
            let rounds = alternate(&targets, cell, &small);
            let ratio = rounds[1].ratio(&rounds[0], |figures| figures.own_us);
            let what = format!("{}: {}, CPU / redis", shape.name, cell.name());
            match goal {
                Some(goal) => table.at_most(&what, goal, ratio, " x"),
                None => table.figure(&what, &format!("{} x", digits(ratio))),
            }
            let each = rounds
                .iter()
                .map(|rounds| digits(rounds.median(|figures| figures.own_us)))
                .collect::<Vec<_>>();
            table.figure("  redis, node", &format!("{} us", each.join(", ")));
            if takes_out(timed.words) {
                fill_anew(pair, shape);
            }
        }
        fill_anew(pair, shape);
    }
}

/// Whether a command leaves fewer elements than there were: the next cell would find few.
fn takes_out(words: &str) -> bool {
    ["srem ", "hdel ", "zrem ", "lpop "]
        .iter()
        .any(|name| words.starts_with(name))
}

/// What was taken out or put in is as it was.
fn fill_anew(pair: &[Target; 2], shape: Shape) {
    for target in pair {
        let mut client = target.front.connect();
        client.call_words("DEL c:0").integer();
        fill(&mut client, shape, "c", 0..ELEMENTS, ELEMENTS);
    }
}
