//! What is done to the cluster under the clients, one thing after another, and what is looked at between: progress, work while all wait, memory.
//! Touches: the nodes' processes, the topology file, `/proc`. Invariant: every disturbance is over when the next begins.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::model::SHARDS;
use super::world::World;
use super::{CLIENTS, STUCK_AFTER};
use crate::support::Client;
use crate::support::dice::Dice;
use crate::support::eventually::{Stopwatch, eventually_within, pause};
use crate::support::servers::Server;
use crate::support::thread_times::{busiest, thread_times};

/// What a proxy may hold: for each client a pipeline and its replies, both bounded by the client, and the same once more for what is copied and what the
/// allocator keeps; the rest is its own.
const PROXY_BYTES: u64 = (64 + CLIENTS as u64 * 2 * 12) * 1024 * 1024;

/// What a node may hold: the large values of all clients, those they left behind with their names, and what it keeps for pipes.
const NODE_BYTES: u64 = 512 * 1024 * 1024;

/// How long threads are watched while all wait.
const WATCHED: Duration = Duration::from_millis(600);

/// How long nobody must have got on for all to wait.
const QUIET: Duration = Duration::from_millis(100);

/// What a thread may use of a core meanwhile, percent.
const IDLE_PERCENT: u128 = 5;

/// How often it is tried to find all waiting: in between some get their errors, for deadlines pass.
const WATCH_ATTEMPTS: usize = 6;

/// Who disturbs.
pub(super) struct Disturbance<'a> {
    world: &'a World,
    dice: Dice,
    proxy: &'a Server,
    nodes: &'a mut [Server],
    publish: &'a dyn Fn(u64),
    operator: Client,
    counts: Counts,
}

/// How often what was done.
#[derive(Debug, Default)]
struct Counts {
    stops: u64,
    kills: u64,
    exchanges: u64,
    watched: u64,
    most_percent: u128,
    proxy_mb: u64,
    node_mb: u64,
}

impl fmt::Display for Disturbance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.counts)
    }
}

impl<'a> Disturbance<'a> {
    pub(super) fn new(
        world: &'a World,
        dice: Dice,
        proxy: &'a Server,
        nodes: &'a mut [Server],
        publish: &'a dyn Fn(u64),
    ) -> Self {
        Self {
            world,
            dice,
            proxy,
            nodes,
            publish,
            operator: proxy.connect(),
            counts: Counts::default(),
        }
    }

    /// One disturbance; then everybody gets on.
    pub(super) fn once(&mut self) {
        let node = self.dice.below(SHARDS);
        match self.dice.below(12) {
            0..3 => self.stop(node, |_| {}),
            3 => self.kill(node, |_| {}),
            4..6 => self.kill(node, Self::exchange_slots),
            6..8 => self.exchange_slots(),
            8 => self.stop(node, Self::exchange_slots),
            9 => self.stop(node, |this| {
                let other = (node + 1) % SHARDS;
                this.kill(other, |_| {});
            }),
            10 => self.watch_threads_while_nodes_are_stopped(),
            _ => self.watch_threads_in_a_pause(),
        }
        self.everybody_gets_on();
        self.memory_is_bounded();
    }

    fn rest(&mut self, most_ms: usize) {
        let length = self.dice.below(most_ms);
        pause(Duration::from_millis(length as u64));
    }

    fn stop(&mut self, node: usize, meanwhile: impl FnOnce(&mut Self)) {
        self.world.note(format_args!("node {node} is stopped"));
        self.nodes[node].freeze();
        // Beyond the deadline of commands now and then.
        let most_ms = *self.dice.pick(&[50, 400, 1_500, 5_000]);
        self.rest(most_ms);
        meanwhile(self);
        self.nodes[node].thaw();
        self.world.note(format_args!("node {node} goes on"));
        self.counts.stops += 1;
    }

    fn kill(&mut self, node: usize, meanwhile: impl FnOnce(&mut Self)) {
        self.world.note(format_args!("node {node} is killed"));
        let world = self.world;
        let deaths = &world.deaths[node];
        let death = deaths.begun.fetch_add(1, Ordering::SeqCst) + 1;
        self.nodes[node].kill();
        deaths.over.fetch_add(1, Ordering::SeqCst);
        deaths.present.store(death, Ordering::SeqCst);
        self.rest(500);
        meanwhile(self);
        self.rest(1_500);
        deaths.present.store(0, Ordering::SeqCst);
        self.nodes[node].restart();
        self.world.note(format_args!("node {node} is back"));
        self.counts.kills += 1;
    }

    fn exchange_slots(&mut self) {
        let version = self.world.version.load(Ordering::SeqCst) + 1;
        self.world.version.store(version, Ordering::SeqCst);
        self.world
            .note(format_args!("version {version} is published"));
        (self.publish)(version);
        self.wait_for_version(version);
        self.world.version_in_use.store(version, Ordering::SeqCst);
        let deaths = self.world.deaths.iter();
        deaths.for_each(|deaths| deaths.version_in_use(version));
        self.world.note(format_args!("version {version} is in use"));
        self.counts.exchanges += 1;
    }

    /// All threads of the proxy read the same place at the beginning of a turn: what one has seen, no request of a later turn misses.
    pub(super) fn wait_for_version(&mut self, version: u64) {
        let line = format!("topology_version:{version}\r\n");
        eventually_within(STUCK_AFTER, "the version is in use", || {
            self.operator
                .call_words("INFO proxy")
                .text()
                .contains(&line)
        });
    }

    fn watch_threads_while_nodes_are_stopped(&mut self) {
        self.calmly(|this| {
            this.world.note("all nodes are stopped");
            this.nodes.iter().for_each(Server::freeze);
            this.watch_threads("all nodes are stopped");
            this.nodes.iter().for_each(Server::thaw);
            this.world.note("all nodes go on");
        });
    }

    fn watch_threads_in_a_pause(&mut self) {
        self.calmly(|this| {
            this.world.note("CLIENT PAUSE 2000 ALL");
            this.operator.call_words("CLIENT PAUSE 2000 ALL");
            this.watch_threads("clients are paused");
            this.operator.call_words("CLIENT UNPAUSE");
        });
    }

    /// Nobody else pauses meanwhile.
    fn calmly(&mut self, act: impl FnOnce(&mut Self)) {
        self.world.is_calm.store(true, Ordering::SeqCst);
        act(self);
        self.world.is_calm.store(false, Ordering::SeqCst);
    }

    /// Whoever waits costs nothing.
    fn watch_threads(&mut self, while_what: &str) {
        let pids = [self.proxy.pid()];
        for _ in 0..WATCH_ATTEMPTS {
            let activity = self.world.activity_of_waiting();
            pause(QUIET);
            if activity.is_none() || activity != self.world.activity_of_waiting() {
                continue;
            }
            let (watch, before) = (Stopwatch::start(), thread_times(&pids));
            pause(WATCHED);
            let after = thread_times(&pids);
            let lasted = watch.elapsed();
            if activity != self.world.activity_of_waiting() {
                continue;
            }
            let busiest = busiest(&before, &after);
            let percent = u128::from(busiest.used_ns) * 100 / lasted.as_nanos();
            assert!(
                percent <= IDLE_PERCENT,
                "{percent} % of a core while {while_what} and all wait: {busiest:?}; what happened:\n{}",
                self.world.events()
            );
            self.counts.watched += 1;
            self.counts.most_percent = self.counts.most_percent.max(percent);
            return;
        }
    }

    fn everybody_gets_on(&self) {
        let before = self.world.replies();
        eventually_within(STUCK_AFTER * 2, "every client gets on", || {
            let now = self.world.replies();
            self.world.ends() || now.iter().zip(&before).all(|(now, before)| now > before)
        });
    }

    fn memory_is_bounded(&mut self) {
        let mb = |bytes: u64| bytes / 1024 / 1024;
        let proxy = self.proxy.resident_bytes();
        self.counts.proxy_mb = self.counts.proxy_mb.max(mb(proxy));
        assert!(proxy <= PROXY_BYTES, "the proxy holds {} MB", mb(proxy));
        for (number, node) in self.nodes.iter().enumerate() {
            let held = node.resident_bytes();
            self.counts.node_mb = self.counts.node_mb.max(mb(held));
            assert!(held <= NODE_BYTES, "node {number} holds {} MB", mb(held));
        }
    }
}
