//! What a proxy thread costs by the number of shards: the thread alone on its core, nodes and load on the other; and what five thousand clients cost.
//! The thread's own CPU time per request counts, and how much of its core it took: one that idles only looks cheap.

use std::fs;
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Settings;
use crate::compare::{alternate, median};
use crate::load::{Cell, Seen, ask, fill};
use crate::machine::{LOAD_CPU, SERVER_CPU};
use crate::peers::{self, Target};
use crate::support::eventually::Stopwatch;
use crate::support::thread_times::thread_times;
use crate::table::{Table, digits};

const PIPELINES: [usize; 3] = [1, 16, 100];

/// Shards, and microseconds per request to reach with so many in flight.
const SHARDS: [(usize, Option<[f64; 3]>); 4] = [
    (1, None),
    (4, Some([7.5, 0.65, 0.22])),
    (16, Some([9.5, 0.9, 0.3])),
    (64, Some([11.5, 1.6, 0.5])),
];

/// Many clients that ask one thing at a time, and what they may cost together with the nodes, against a redis-server.
const MANY_CLIENTS: usize = 5_000;
const GOAL_OF_MANY: f64 = 1.15;

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    beside_redis(settings, table);
    for (shards, goals) in SHARDS {
        let target = peers::up(shards);
        fill(target.address, settings.keys);
        let thread = part_threads(&target);
        for (nth, pipeline) in PIPELINES.into_iter().enumerate() {
            let rounds: Vec<Round> = (0..settings.runs)
                .map(|_| Round::of(&target, thread, Cell::new("get", pipeline), settings))
                .collect();
            let middle =
                |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
            let what = format!("proxy thread, {shards} shards, GET P{pipeline}");
            let own_us = middle(&|round| round.own_us);
            match goals {
                Some(goals) => table.at_most(&what, goals[nth], own_us, " us"),
                None => table.figure(&what, &format!("{} us", digits(own_us))),
            }
            let rate = middle(&|round| round.seen.per_second) / 1000.0;
            let (p50, p99) = (
                middle(&|round| round.seen.p50_ms),
                middle(&|round| round.seen.p99_ms),
            );
            let busy = middle(&|round| round.busy_percent);
            table.figure(
                &format!("  {rate:.0} k/s, p50 {p50:.2} ms, p99 {p99:.2} ms"),
                &format!("{busy:.0} % busy"),
            );
        }
    }
}

/// A redis-server and the proxies of others on a core of their own, for comparison; and many clients at redis and at a proxy with its node.
fn beside_redis(settings: &Settings, table: &mut Table) {
    let (redis, ours) = (peers::redis(), peers::proxy(1, &[]));
    let others = peers::other_proxies();
    let mut targets = vec![&redis, &ours];
    targets.extend(&others);
    for target in &targets {
        fill(target.address, settings.keys);
    }
    for pipeline in PIPELINES {
        let rounds = alternate(&targets, Cell::new("get", pipeline), settings);
        for (target, rounds) in targets.iter().zip(&rounds) {
            let own = digits(rounds.median(|figures| figures.own_us));
            table.figure(
                &format!("  {}, GET P{pipeline}: its own CPU", target.name),
                &format!("{own} us"),
            );
        }
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let many = Cell {
        clients: MANY_CLIENTS,
        ..Cell::new("get", 1)
    };
    let rounds = alternate(&targets[..2], many, settings);
    let ratio = rounds[1].ratio(&rounds[0], |figures| figures.all_us);
    table.at_most(
        &format!("proxy and node, {MANY_CLIENTS} clients, GET P1 / redis"),
        GOAL_OF_MANY,
        ratio,
        " x",
    );
}

/// Sets the proxy's thread on the server's core and all others of the process on that of the load; which it is.
fn part_threads(target: &Target) -> u32 {
    let pid = target.front.pid();
    let mut found = None;
    for thread in thread_times(&[pid]).iter().map(|times| times.thread) {
        let name =
            fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm")).unwrap_or_default();
        let is_proxy = name.starts_with("proxy-");
        let core = if is_proxy { SERVER_CPU } else { LOAD_CPU };
        let pinned = Command::new("taskset")
            .args(["-pc", core, &thread.to_string()])
            .output();
        assert!(pinned.is_ok_and(|output| output.status.success()), "{name}");
        if is_proxy {
            found = Some(thread);
        }
    }
    found.expect("a thread of the proxy's")
}

/// One run of the load.
struct Round {
    seen: Seen,
    own_us: f64,
    busy_percent: f64,
}

impl Round {
    fn of(target: &Target, thread: u32, cell: Cell, settings: &Settings) -> Self {
        let used = || {
            let all = thread_times(&[target.front.pid()]);
            let own = all.iter().find(|times| times.thread == thread);
            own.map_or(0, |times| times.used_ns)
        };
        let (before, watch) = (used(), Stopwatch::start());
        let seen = ask(target, cell, settings.keys, settings.length);
        let (own_ns, all_ns) = (used() - before, watch.elapsed().as_nanos());
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let busy_percent = 100.0 * own_ns as f64 / all_ns as f64;
        Self {
            own_us: seen.us_each(own_ns),
            seen,
            busy_percent,
        }
    }
}
