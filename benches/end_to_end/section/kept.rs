//! What it costs to keep data: a log on disk, a follower, acknowledgements of both copies, a snapshot, a start. Beside a redis-server that does the same.

use std::time::Duration;

use super::Section;
use crate::Settings;
use crate::bystander::watched;
use crate::collections::{self, Shape, fill as fill_collection};
use crate::compare::{Rounds, alternate};
use crate::load::{Cell, Figures, fill, fill_with};
use crate::peers::{self, Target};
use crate::support::eventually::{Stopwatch, eventually_within};
use crate::support::{Client, Reply, encode};
use crate::table::{Table, digits};

/// What somebody may wait while a snapshot is written, milliseconds, but for the time that threads stood in line for the one core.
const PAUSE_MS: f64 = 1.0;

/// How long a snapshot or a rewritten log may take.
const SAVED_WITHIN: Duration = Duration::from_secs(300);

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let parts: [Section; 5] = [
        ("log", log),
        ("follower", follower),
        ("copies", copies),
        ("snapshot", snapshots),
        ("start", start),
    ];
    for (name, measure) in parts {
        if name.starts_with(&settings.shape) {
            measure(settings, table);
        }
    }
}

fn own(figures: &Figures) -> f64 {
    figures.own_us
}

fn all(figures: &Figures) -> f64 {
    figures.all_us
}

/// What each has cost, how fast and how late it was.
fn show(table: &mut Table, targets: &[&Target], rounds: &[Rounds]) {
    for (target, rounds) in targets.iter().zip(rounds) {
        let rate = rounds.median(|figures| figures.per_second) / 1000.0;
        let p99 = digits(rounds.median(|figures| figures.p99_ms));
        let what = format!(
            "  {}, {rate:.0} k/s, p99 {p99} ms: own CPU, all",
            target.name
        );
        let (own, all) = (rounds.median(own), rounds.median(all));
        table.figure(&what, &format!("{}, {} us", digits(own), digits(all)));
    }
}

/// SET with a log that is brought to disk at each `appendfsync`.
fn log(settings: &Settings, table: &mut Table) {
    for policy in ["no", "everysec", "always"] {
        let redis = peers::redis_with(&["--appendonly", "yes", "--appendfsync", policy]);
        let node = peers::node_with_data(&["--appendonly", "true", "--appendfsync", policy]);
        let targets = [&redis, &node];
        for target in targets {
            fill(target.address, settings.keys);
        }
        for pipeline in [1, 16] {
            let mut cell = Cell::new("set", pipeline);
            if policy == "always" {
                cell.weight = 5.0;
            }
            let rounds = alternate(&targets, cell, settings);
            let name = format!("log, {policy}, {}: CPU / redis", cell.name());
            table.at_most(&name, 1.0, rounds[1].ratio(&rounds[0], own), " x");
            show(table, &targets, &rounds);
        }
    }
}

/// SET at a leader with one follower.
fn follower(settings: &Settings, table: &mut Table) {
    let redis = peers::followed(peers::redis(), peers::redis());
    let node = peers::followed(peers::node(), peers::node());
    let targets = [&redis, &node];
    for target in targets {
        fill(target.address, settings.keys);
    }
    let rounds = alternate(&targets, Cell::new("set", 16), settings);
    let ratio = rounds[1].ratio(&rounds[0], own);
    table.at_most("followed, SET P16: leader's CPU / redis", 0.6, ratio, " x");
    let ratio = rounds[1].ratio(&rounds[0], all);
    table.at_most("followed, SET P16: CPU of both / redis", 0.6, ratio, " x");
    show(table, &targets, &rounds);
}

/// Through a proxy: a shard with a follower beside a shard of one node, and replies that wait for the follower beside those that do not.
fn copies(settings: &Settings, table: &mut Table) {
    let mut plain = peers::proxy(1, &["--admin", "off"]);
    let mut fenced = peers::proxy_of_two_copies(&["--acks", "async"]);
    let mut in_sync = peers::proxy_of_two_copies(&["--acks", "in-sync"]);
    plain.name = "one node".to_owned();
    fenced.name = "two copies, async".to_owned();
    in_sync.name = "two copies, in-sync".to_owned();
    let targets = [&plain, &fenced, &in_sync];
    for target in targets {
        fill(target.address, settings.keys);
    }
    for (command, pipeline) in [
        ("get", 1),
        ("get", 16),
        ("get", 100),
        ("set", 1),
        ("set", 16),
    ] {
        let cell = Cell::new(command, pipeline);
        let rounds = alternate(&targets, cell, settings);
        let name = format!("fenced, {}: proxy's CPU / unfenced", cell.name());
        let ratio = rounds[1].ratio(&rounds[0], own);
        if command == "get" {
            table.at_most(&name, 1.01, ratio, " x");
        } else {
            // The follower works on the same core, and turns bring fewer requests each.
            table.figure(&name, &format!("{} x", digits(ratio)));
        }
        let ratio = rounds[2].ratio(&rounds[1], all);
        let name = format!("  {}, in-sync / async: CPU of all", cell.name());
        table.figure(&name, &format!("{} x", digits(ratio)));
        show(table, &targets, &rounds);
    }
}

fn snapshots(settings: &Settings, table: &mut Table) {
    snapshot(settings, table, "keys", None);
    snapshot(settings, table, "fields of a hash", Some(collections::HASH));
}

/// What a bystander waits while a snapshot is taken of much data that changes meanwhile, and how much memory that takes.
fn snapshot(settings: &Settings, table: &mut Table, what: &str, shape: Option<Shape>) {
    let count = settings.growth_keys;
    for (is_ours, target) in [(true, peers::node_with_data(&[])), (false, peers::redis())] {
        match shape {
            None => fill(target.address, count),
            Some(shape) => {
                let mut client = target.front.connect();
                fill_collection(&mut client, shape, "c", 0..count, count);
            }
        }
        let data = resident(&target);
        let seen = watched(&target, Duration::from_millis(10), |address| {
            let mut client = Client::connect(address);
            client.call_words("BGSAVE");
            change_until_saved(&mut client, count, shape.is_some());
        });
        let name = format!("snapshot of {count} {what}, {}", target.name);
        let grown = 100.0 * seen.grown_mb / data;
        let waited = format!("{name}: waits but for lines");
        let served_ms = seen.waits.served_ms;
        if is_ours {
            table.at_most(&waited, PAUSE_MS, served_ms, " ms");
            table.at_most("  memory more", 5.0, grown, " %");
        } else {
            table.figure(&waited, &format!("{} ms", digits(served_ms)));
            let grown = format!("{} %", digits(grown));
            table.figure("  memory more, the forked child's apart", &grown);
        }
        let waits = &seen.waits;
        let figure = format!("{}, {} ms", digits(waits.p99_ms), digits(waits.greatest_ms));
        table.figure("  a bystander waited, p99, greatest", &figure);
    }
}

#[expect(clippy::cast_precision_loss, reason = "megabytes with a few digits")]
fn resident(target: &Target) -> f64 {
    target.front.resident_bytes() as f64 / 1024.0 / 1024.0
}

/// Writes over keys or fields, sixteen at a time, until the snapshot has been written.
fn change_until_saved(client: &mut Client, count: usize, is_hash: bool) {
    let value = "y".repeat(if is_hash { 16 } else { 32 });
    let mut at = 0;
    loop {
        let start = at;
        fill_with(client, 1_600, 16, |number| {
            let number = (start + number).wrapping_mul(7_919) % count;
            match is_hash {
                true => encode(&["HSET", "c:0", &format!("memb{number:012}"), &value]),
                false => encode(&["SET", &format!("key:{number:012}"), &value]),
            }
        });
        at += 1_600;
        if !says(client, "rdb_bgsave_in_progress:1") {
            return;
        }
    }
}

fn says(client: &mut Client, what: &str) -> bool {
    client.call_words("INFO persistence").text().contains(what)
}

/// From the start of the process until it answers, with all its keys: from a snapshot, and from a log that was not rewritten.
fn start(settings: &Settings, table: &mut Table) {
    let count = settings.growth_keys;
    let starts: [(&str, Target, f64); 4] = [
        ("a snapshot", peers::node_with_data(&[]), 2.0),
        ("a snapshot, redis", peers::redis(), f64::INFINITY),
        (
            "a log",
            peers::node_with_data(&["--appendonly", "true"]),
            2.0,
        ),
        (
            "a log, redis",
            peers::redis_with(&["--appendonly", "yes"]),
            f64::INFINITY,
        ),
    ];
    for (what, mut target, goal) in starts {
        fill(target.address, count);
        let is_log = what.starts_with("a log");
        if !is_log {
            let mut client = target.front.connect();
            client.call_words("BGSAVE");
            eventually_within(SAVED_WITHIN, "it is saved", || {
                !says(&mut client, "rdb_bgsave_in_progress:1")
            });
        }
        target.front.ask_to_stop();
        target.front.wait_for_exit(SAVED_WITHIN);
        let watch = Stopwatch::start();
        target.front.restart();
        let all = Reply::Integer(i64::try_from(count).expect("some millions"));
        let mut client = target.front.connect();
        eventually_within(SAVED_WITHIN, "it has all keys", || {
            client.call_words("DBSIZE") == all
        });
        let seconds = watch.elapsed().as_secs_f64();
        let name = format!("start with {count} keys from {what}");
        match goal.is_finite() {
            true => table.at_most(&name, goal, seconds, " s"),
            false => table.figure(&name, &format!("{} s", digits(seconds))),
        }
    }
}
