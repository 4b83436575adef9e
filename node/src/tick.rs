//! Periodic jobs, each in slices that leave the thread to the clients in between: expiry, memory, rates, clients that were silent or blocked too long.
//! Decides nothing about keys: the store does. Invariant: no slice holds the thread for much longer than [`SLICE_NS`].

use crate::client::Session;
use crate::commands::forget_proxied;
use crate::execute::{Room, make_room};
use crate::processor;
use crate::recording;
use crate::replication;
use crate::saving;
use crate::shell::{Core, Shell};
use shared::throttle::Throttle;
use std::rc::Rc;
use std::time::Duration;
use tracing::{debug, warn};

/// Longest time that a job holds the thread before the clients have their turn.
const SLICE_NS: u64 = 200_000;
/// Entries that the sweep looks at between two looks at the stopwatch; a few microseconds' worth.
const SWEEP_ENTRIES: usize = 256;
/// Slices of one job before the other jobs have their turn. The clients have theirs between any two: where they are busy, the job gets a small share of the
/// thread, where they are not, all of it.
const SLICES_PER_TICK: usize = 100;
/// Keys that are watched no more, for the proxy's connection has gone, and are let go in one tick: a fraction of a millisecond's worth.
const UNWATCHED_AT_ONCE: usize = 1_024;
/// Milliseconds between two looks at all clients.
const CLIENTS_EVERY_MS: u64 = 1_000;

/// What the jobs remember from tick to tick.
#[derive(Debug, Default)]
struct Tick {
    clients_seen_ms: u64,
    followers: replication::Watch,
}

/// Runs the jobs `hz` times a second, until it is dropped.
pub(crate) async fn run(shell: Rc<Shell>) {
    let mut tick = Tick::default();
    loop {
        let hz = shell.core.borrow().node.settings.hot.hz.max(1);
        tokio::time::sleep(Duration::from_millis(1_000 / hz)).await;
        jobs(&shell, &mut tick).await;
        recording::look_after(&shell);
        replication::look_after(&shell, &mut tick.followers);
        if saving::is_due(&shell.core.borrow(), shell.clock.wall_ms()) {
            tokio::task::spawn_local(saving::save_in_background(Rc::clone(&shell)));
        }
    }
}

/// What the sweep has left to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing that could not wait for the next tick.
    Nothing,
    /// More dead keys than there was time for: a storm of some hundred thousand or more.
    Dead,
}

/// All jobs, one after the other, until what is left may wait for the next tick.
async fn jobs(shell: &Shell, tick: &mut Tick) {
    loop {
        let left = sweep(shell).await;
        evict(shell).await;
        tick.look_around(shell);
        if left == Left::Nothing {
            return;
        }
    }
}

/// Removes expired keys. The store paces itself so that every key is seen every few seconds; here it only gets the time.
async fn sweep(shell: &Shell) -> Left {
    for _ in 0..SLICES_PER_TICK {
        let again = sweep_slice(shell);
        if !again {
            return Left::Nothing;
        }
        tokio::task::yield_now().await;
    }
    shell.core.borrow_mut().node.stats.sweep_cut += 1;
    Left::Dead
}

/// One slice of the sweep; whether there is more to do.
fn sweep_slice(shell: &Shell) -> bool {
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    let is_loading = core.node.persistence.loading.is_some();
    if is_loading
        || core.node.is_passive()
        || !core.node.active_expire
        || core.node.pause.is_on(now_ms)
    {
        return false;
    }
    core.store.set_now(now_ms);
    let watch = core.executor.watch().clone();
    let start = watch.read();
    let mut again = true;
    let mut took_ns = 0;
    while again && took_ns < SLICE_NS {
        // What is read a piece at a time stays as it is for who reads it.
        let hold = core.node.hold.as_ref();
        let until = |key| match hold {
            Some(hold) if hold.holds(key) => hold.moment_ms(),
            _ => u64::MAX,
        };
        let step = core.store.expire_step_sparing(SWEEP_ENTRIES, &until);
        again = step.again;
        took_ns = watch.since_ns(start);
    }
    shell.record(core);
    shell.send_out(core);
    core.node.stats.sweep_ns += took_ns;
    note_latency(core, "expire-cycle", now_ms, took_ns);
    again
}

/// Brings memory back under `maxmemory` when it was lowered, or when one command took more than it could make room for.
async fn evict(shell: &Shell) {
    for _ in 0..SLICES_PER_TICK {
        let room = {
            let now_ms = shell.clock.wall_ms();
            let core = &mut *shell.core.borrow_mut();
            if core.node.pause.is_on(now_ms)
                || core.node.persistence.loading.is_some()
                || core.node.is_passive()
            {
                // The keyspace stays as it is.
                return;
            }
            let watch = core.executor.watch().clone();
            let room = make_room(&mut core.store, &mut core.node, &watch);
            shell.record(core);
            shell.send_out(core);
            room
        };
        if matches!(room, Room::Enough | Room::None) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn note_latency(core: &mut Core, event: &'static str, now_ms: u64, took_ns: u64) {
    let threshold_ms = core.node.settings.hot.latency_threshold_ms;
    let took_ms = took_ns / 1_000_000;
    if threshold_ms > 0 && took_ms >= threshold_ms {
        core.node.latency.add(event, now_ms / 1_000, took_ms);
    }
}

impl Tick {
    /// Rates, peaks, and clients that have had their time.
    fn look_around(&mut self, shell: &Shell) {
        let now_ms = shell.clock.wall_ms();
        let monotonic_ms = shell.clock.monotonic_ms();
        let condemned = {
            let core = &mut *shell.core.borrow_mut();
            core.store.set_now(now_ms);
            forget_abandoned(core);
            let stats = &mut core.node.stats;
            stats.command_rate.sample(stats.commands, monotonic_ms);
            stats.input_rate.sample(stats.input_bytes, monotonic_ms);
            stats.output_rate.sample(stats.output_bytes, monotonic_ms);
            let used = core.store.used_memory() + stats.client_bytes;
            stats.peak_memory = stats.peak_memory.max(used);
            // As often as Redis does: some microseconds.
            stats.resident_bytes = pages::resident_bytes();
            if monotonic_ms < self.clients_seen_ms + CLIENTS_EVERY_MS {
                Vec::new()
            } else {
                self.clients_seen_ms = monotonic_ms;
                stats.processor = processor::time();
                let watched_bytes = core.node.watches.memory_bytes();
                stats.client_bytes = core.node.clients.memory_bytes() + watched_bytes;
                condemned(core, now_ms)
            }
        };
        shell.cut(&condemned);
    }
}

/// What clients of proxies watched whose connections have gone goes, some of it at a time.
fn forget_abandoned(core: &mut Core) {
    let mut keys = 0;
    while keys < UNWATCHED_AT_ONCE
        && let Some(name) = core.node.watches.abandoned()
    {
        keys += forget_proxied(&mut core.store, &mut core.node, name);
    }
}

/// Clients that were silent for `timeout`, or have not read their replies for as long as `client-output-buffer-limit` allows.
fn condemned(core: &mut Core, now_ms: u64) -> Vec<u64> {
    let hot = &core.node.settings.hot;
    let idle_ms = hot.idle_timeout_seconds.saturating_mul(1_000);
    let mut condemned = Vec::new();
    for client in core.node.clients.iter() {
        let (id, traffic) = (client.identity.id, &client.traffic);
        let silent_ms = now_ms.saturating_sub(traffic.last_active_ms);
        let session = client.session.as_deref();
        let listens = |session: &Session| session.subscribed.are_any() || session.is_monitor;
        // Who waits for the node, or for what others have to say, is not idle.
        let is_idle =
            client.outbox.is_empty() && traffic.waits.is_none() && !session.is_some_and(listens);
        if idle_ms > 0 && silent_ms > idle_ms && is_idle {
            debug!(client = id, silent_ms, "closed: timeout");
            condemned.push(id);
            continue;
        }
        // What may not be written yet is not the client's to read.
        let unread_bytes = client.outbox.ready_bytes();
        let limit = session.map_or(hot.output_limit, |session| session.output_limit(hot));
        let stall_ms = limit.soft_seconds.saturating_mul(1_000);
        let blocked_ms = now_ms.saturating_sub(traffic.progress_ms);
        let over = limit.soft_bytes > 0 && unread_bytes as u64 > limit.soft_bytes;
        if over && traffic.is_unread && stall_ms > 0 && blocked_ms > stall_ms {
            static READS_NOTHING: Throttle = Throttle::new();
            if let Some(left_out) = READS_NOTHING.admit(now_ms) {
                let peer = &client.identity.address;
                warn!(peer, unread_bytes, left_out, "cut: reads no replies");
            }
            core.node.stats.output_limit_disconnections += 1;
            condemned.push(id);
        }
    }
    condemned
}

#[cfg(test)]
mod tests {
    use super::{Tick, condemned, jobs};
    use crate::client::{Identity, Session, WaitsFor};
    use crate::node_state::NodeState;
    use crate::settings::Start;
    use crate::shell::Shell;
    use crate::store::{DbIndex, ExpiryChange, HashEdit, Key, Limits, Store, StringEdit, Wording};
    use shared::clock::{Clock, ManualClock};
    use shared::config::NodeConfig;
    use shared::resp::{ArgRange, Args};
    use shared::session::PauseKind;
    use std::time::Duration;

    /// 2026-01-01 00:00:00 UTC.
    const NOON_MS: u64 = 1_767_225_600_000;

    /// Time between two ticks with the default `hz`.
    const TICK_MS: usize = 100;

    /// How long a dead key may stay.
    const PROMISE_MS: u64 = 5_000;

    fn put(shell: &Shell, name: &str, at_ms: u64) {
        let store = &mut shell.core.borrow_mut().store;
        let key = Key {
            bytes: name.as_bytes(),
            hash: store.hash(name.as_bytes()),
        };
        let slot = store.slot(DbIndex(0), key);
        StringEdit::put(slot, b"value", ExpiryChange::At(at_ms)).expect("there is room");
    }

    /// A hash of two fields, of which one ends.
    fn put_hash(shell: &Shell, name: &str, at_ms: u64) {
        let store = &mut shell.core.borrow_mut().store;
        let key = Key {
            bytes: name.as_bytes(),
            hash: store.hash(name.as_bytes()),
        };
        let limits = Limits {
            entries: 128,
            element_bytes: 64,
            blob_bytes: Limits::MOST_BLOB_BYTES,
        };
        let hash = HashEdit::of(store.slot(DbIndex(0), key), limits).expect("a hash");
        hash.set(b"stays", b"v", Wording::Told).expect("room");
        let hash = HashEdit::of(store.slot(DbIndex(0), key), limits).expect("a hash");
        let ranges = [ArgRange::new(0, 4), ArgRange::new(4, 1)];
        let expiry = ExpiryChange::At(at_ms.max(NOON_MS + 1));
        hash.set_timed(Args::new(b"goesv", &ranges), 0, expiry)
            .expect("room");
    }

    fn shell_at(clock: &ManualClock) -> Shell {
        let start = Start::from(NodeConfig::default());
        let (store, node) = (Store::new(16, 7), NodeState::default());
        Shell::new(start, store, node, Clock::from(clock.clone()))
    }

    fn block_on(work: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(work);
    }

    #[test]
    fn resident_memory_is_noted_with_every_tick() {
        let clock = ManualClock::at(NOON_MS);
        let shell = shell_at(&clock);
        let mut tick = Tick::default();
        for _ in 0..3 {
            block_on(jobs(&shell, &mut tick));
            let stats = &mut shell.core.borrow_mut().node.stats;
            assert!(std::mem::take(&mut stats.resident_bytes) > 0);
            clock.advance(Duration::from_millis(100));
        }
    }

    #[test]
    fn the_peak_is_the_most_that_was_in_use() {
        let clock = ManualClock::at(NOON_MS);
        let shell = shell_at(&clock);
        shell.core.borrow_mut().store.set_now(NOON_MS);
        // Pages that are nearly empty are no memory in use.
        for name in ["a", "b", "c"] {
            put(&shell, name, NOON_MS + 1_000_000);
        }
        block_on(jobs(&shell, &mut Tick::default()));
        let core = &*shell.core.borrow();
        let peak = core.node.stats.peak_memory;
        assert_eq!(peak, core.store.used_memory());
    }

    #[test]
    fn nothing_goes_during_a_pause_and_who_waits_is_not_idle() {
        let clock = ManualClock::at(NOON_MS);
        let shell = shell_at(&clock);
        shell.core.borrow_mut().store.set_now(NOON_MS);
        put(&shell, "dies", NOON_MS + 1);
        put(&shell, "stays", NOON_MS + 1_000_000);
        let keys = {
            let core = &mut *shell.core.borrow_mut();
            core.node
                .pause
                .begin(PauseKind::All, NOON_MS + 60_000, NOON_MS);
            core.node.settings.preset("timeout", "1");
            core.node.settings.preset("maxmemory", "1");
            core.node.settings.preset("maxmemory-policy", "allkeys-lru");
            core.store.set_eviction(core.node.settings.hot.eviction);
            let clients = &mut core.node.clients;
            [1, 2].map(|id| clients.enter(Identity::new(id, NOON_MS), Session::default()))
        };
        let clients_at = |key| {
            let core = &mut *shell.core.borrow_mut();
            core.node.clients.at(key).traffic.waits = Some(WaitsFor::Pause);
        };
        clients_at(keys[0]);
        clock.set_wall_ms(NOON_MS + 30_000);
        block_on(jobs(&shell, &mut Tick::default()));
        let core = &mut *shell.core.borrow_mut();
        assert_eq!(core.store.len(DbIndex(0)), 2);
        assert_eq!(
            condemned(core, NOON_MS + 30_000),
            [2],
            "the other one waits"
        );
    }

    #[test]
    fn fields_that_are_over_are_gone_five_seconds_later() {
        let clock = ManualClock::at(NOON_MS);
        let shell = shell_at(&clock);
        shell.core.borrow_mut().store.set_now(NOON_MS);
        let hashes: u64 = 300;
        for number in 0..hashes {
            put_hash(&shell, &format!("hash:{number}"), NOON_MS + number * 10);
        }
        let mut tick = Tick::default();
        for now_ms in (NOON_MS..NOON_MS + 9_000).step_by(TICK_MS) {
            clock.set_wall_ms(now_ms);
            block_on(jobs(&shell, &mut tick));
        }
        let store = &shell.core.borrow().store;
        assert_eq!(store.counters().expired_subkeys, hashes);
        assert!(store.counters().expired_longest_stay_ms <= PROMISE_MS);
        assert_eq!(store.len_timed(DbIndex(0)), 0);
        assert_eq!(store.len(DbIndex(0)), 300, "another field stays");
    }

    /// Dead keys are gone within the promise, whatever their number and however their moments lie, with nothing but ticks.
    #[test]
    fn every_dead_key_is_gone_five_seconds_later() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        // All at once, spread over ten seconds, and few among many that stay.
        let shapes: [(u64, &dyn Fn(u64) -> u64); 4] = [
            (300_000, &|_| 1),
            (300_000, &|number| number % 10_000),
            (100, &|number| number),
            (200_000, &|number| {
                if number % 1_000 == 0 { 1 } else { 1_000_000 }
            }),
        ];
        for (count, dies_after_ms) in shapes {
            let clock = ManualClock::at(NOON_MS);
            let start = Start::from(NodeConfig::default());
            let store = Store::new(16, 7);
            let shell = Shell::new(
                start,
                store,
                NodeState::default(),
                Clock::from(clock.clone()),
            );
            shell.core.borrow_mut().store.set_now(NOON_MS);
            for number in 0..count {
                put(
                    &shell,
                    &format!("key:{number}"),
                    NOON_MS + dies_after_ms(number),
                );
            }
            let mut tick = Tick::default();
            for now_ms in (NOON_MS..NOON_MS + 20_000).step_by(TICK_MS) {
                clock.set_wall_ms(now_ms);
                runtime.block_on(jobs(&shell, &mut tick));
            }
            let store = &shell.core.borrow().store;
            let dead = (0..count)
                .filter(|number| dies_after_ms(*number) < 15_000)
                .count();
            let gone = usize::try_from(store.counters().expired_keys).expect("small");
            assert_eq!(gone, dead);
            let stay_ms = store.counters().expired_longest_stay_ms;
            assert!(stay_ms <= PROMISE_MS, "{count} keys: {stay_ms}");
        }
    }
}
