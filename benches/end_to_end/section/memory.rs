//! Resident bytes per key in a freshly started server, at rest and at the worst moment of growth.

use crate::Settings;
use crate::load::send_and_check;
use crate::peers::{self, Target};
use crate::support::dice::Dice;
use crate::support::encode;
use crate::support::eventually::pause;
use crate::table::{Table, digits};
use std::time::Duration;

/// Keys between two looks at the resident memory.
const LOOK_EVERY: usize = 50_000;

/// Below this many keys what is there from the start weighs too much for a figure per key.
const WORST_FROM: usize = 1_000_000;

/// What a key and its value look like; keys have 16 bytes.
struct Shape {
    name: &'static str,
    /// Bytes of the value; none for a counter.
    value_bytes: usize,
    with_ttl: bool,
    goal: f64,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "16 + 32 B",
        value_bytes: 32,
        with_ttl: false,
        goal: 66.0,
    },
    Shape {
        name: "16 + 32 B with TTL",
        value_bytes: 32,
        with_ttl: true,
        goal: 74.0,
    },
    Shape {
        name: "16 + 100 B",
        value_bytes: 100,
        with_ttl: false,
        goal: 138.0,
    },
    Shape {
        name: "counter",
        value_bytes: 0,
        with_ttl: false,
        goal: 40.0,
    },
];

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    for shape in SHAPES {
        for &keys in &settings.memory_keys {
            let millions = keys / 1_000_000;
            let ours = bytes_per_key(&peers::node(), shape, keys);
            let redis = bytes_per_key(&peers::redis(), shape, keys);
            let what = format!("memory {}, {millions} M keys", shape.name);
            table.at_most(
                &format!("{what}: resident per key"),
                shape.goal,
                ours.at_rest,
                " B",
            );
            table.at_most(
                &format!("{what}: worst while growing"),
                shape.goal,
                ours.worst,
                " B",
            );
            table.figure("  redis", &format!("{} B", digits(redis.at_rest)));
            table.figure(
                "  ratio to redis",
                &format!("{} x", digits(ours.at_rest / redis.at_rest)),
            );
            if let Some(valkey) = peers::valkey() {
                let valkey = bytes_per_key(&valkey, shape, keys);
                table.figure("  valkey", &format!("{} B", digits(valkey.at_rest)));
            }
        }
    }
}

struct PerKey {
    at_rest: f64,
    worst: f64,
}

fn bytes_per_key(target: &Target, shape: &Shape, keys: usize) -> PerKey {
    let mut client = target.front.connect();
    let before = target.front.resident_bytes();
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes per key with a few digits"
    )]
    let per_key =
        |count: usize| (target.front.resident_bytes().saturating_sub(before)) as f64 / count as f64;
    // Random bytes: nothing may be gained by values that are alike.
    let random = Dice::new(keys as u64).bytes(1 << 20);
    let command = |number: usize| {
        let key = format!("k{number:015}").into_bytes();
        if shape.value_bytes == 0 {
            return encode(&[
                b"INCRBY".to_vec(),
                key,
                (number % 100_000).to_string().into_bytes(),
            ]);
        }
        let start = number * 7919 % (random.len() - shape.value_bytes);
        let value = random[start..start + shape.value_bytes].to_vec();
        let mut words = vec![b"SET".to_vec(), key, value];
        if shape.with_ttl {
            words.extend([b"EX".to_vec(), b"100000".to_vec()]);
        }
        encode(&words)
    };
    let mut worst: f64 = 0.0;
    for start in (0..keys).step_by(500) {
        send_and_check(&mut client, start..(start + 500).min(keys), &command);
        let present = start + 500;
        if present >= WORST_FROM && present.is_multiple_of(LOOK_EVERY) {
            worst = worst.max(per_key(present));
        }
    }
    // Lets what is freed in small steps be freed; a server at rest is what the figure is about.
    pause(Duration::from_secs(1));
    PerKey {
        at_rest: per_key(keys),
        worst,
    }
}
