//! The longest pause of a node while it grows: 16 new keys at a time, one batch after the other, each batch timed.
//!
//! Two figures of each batch: the time that the client waited, which contains whatever else the machine did, and the CPU time that the
//! server's threads used, which does not; the second is the pause that is the server's own. A PING run shows what the machine adds.

use crate::Settings;
use crate::load::send_and_check;
use crate::machine::cpu_nanoseconds;
use crate::peers::{self, Target};
use crate::support::encode;
use crate::support::eventually::Stopwatch;
use crate::table::{Table, digits};

/// New keys in a batch.
const BATCH: usize = 16;

/// What the longest pause may be, milliseconds.
const GOAL_MS: f64 = 1.0;

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let keys = settings.growth_keys;
    let value = "x".repeat(32);
    let set = |number: usize| encode(&["SET", &format!("key:{number:012}"), &value]);
    let ours = longest(&peers::node(), keys, &set);
    let redis = longest(&peers::redis(), keys, &set);
    let noise = longest(&peers::node(), keys / 5, &|_| encode(&["PING"]));
    let millions = keys / 1_000_000;
    let what = format!("longest pause, growing to {millions} M keys");
    table.at_most(
        &format!("{what}: the node's own"),
        GOAL_MS,
        ours.cpu_ms,
        " ms",
    );
    for (name, longest) in [
        ("node", &ours),
        ("redis", &redis),
        ("node, PING only", &noise),
    ] {
        let figure = format!(
            "{} / {} ms",
            digits(longest.waited_ms),
            digits(longest.cpu_ms)
        );
        table.figure(
            &format!("  {name}: longest wait / CPU of one batch"),
            &figure,
        );
        let p9999 = format!("{} ms", digits(longest.p9999_waited_ms));
        table.figure("    99.99 % of batches waited at most", &p9999);
    }
}

struct Longest {
    waited_ms: f64,
    p9999_waited_ms: f64,
    cpu_ms: f64,
}

fn longest(target: &Target, count: usize, command: &impl Fn(usize) -> Vec<u8>) -> Longest {
    let mut client = target.front.connect();
    let pids = target.pids();
    let mut waits = Vec::with_capacity(count / BATCH + 1);
    let mut most_cpu = 0;
    let mut used = cpu_nanoseconds(&pids);
    for start in (0..count).step_by(BATCH) {
        let watch = Stopwatch::start();
        send_and_check(&mut client, start..start + BATCH, command);
        waits.push(watch.elapsed().as_secs_f64() * 1000.0);
        let now = cpu_nanoseconds(&pids);
        // The first batches start the server's lazily made parts; that is no pause of growth.
        if start >= 100 * BATCH {
            most_cpu = most_cpu.max(now - used);
        }
        used = now;
    }
    waits.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds with a few digits")]
    let cpu_ms = most_cpu as f64 / 1e6;
    Longest {
        waited_ms: waits[waits.len() - 1],
        p9999_waited_ms: waits[waits.len() - 1 - waits.len() / 10_000],
        cpu_ms,
    }
}
