//! Periodic jobs, each in slices that leave the thread to the clients in between: expiry, memory, rates, clients that were silent or blocked too long.
//! Decides nothing about keys: the store does. Invariant: no slice holds the thread for much longer than [`SLICE_NS`].

use crate::execute::{Room, make_room};
use crate::processor;
use crate::shell::{Core, Shell};
use std::rc::Rc;
use std::time::Duration;
use tracing::{debug, warn};

/// Longest time that a job holds the thread before the clients have their turn.
const SLICE_NS: u64 = 200_000;
/// Entries that the sweep looks at between two looks at the stopwatch; a few microseconds' worth.
const SWEEP_ENTRIES: usize = 256;
/// Slices of one job in one tick: with the yields between, less than a quarter of the thread.
const SLICES_PER_TICK: usize = 100;
/// Milliseconds between two looks at all clients.
const CLIENTS_EVERY_MS: u64 = 1_000;

/// What the jobs remember from tick to tick.
#[derive(Debug, Default)]
struct Tick {
    clients_seen_ms: u64,
}

/// Runs the jobs `hz` times a second, until it is dropped.
pub(crate) async fn run(shell: Rc<Shell>) {
    let mut tick = Tick::default();
    loop {
        let hz = shell.core.borrow().node.settings.hot.hz.max(1);
        tokio::time::sleep(Duration::from_millis(1_000 / hz)).await;
        sweep(&shell).await;
        evict(&shell).await;
        tick.look_around(&shell);
    }
}

/// Removes expired keys. The store paces itself so that every key is seen every few seconds; here it only gets the time.
async fn sweep(shell: &Shell) {
    for slice in 1..=SLICES_PER_TICK {
        let again = sweep_slice(shell);
        if !again {
            return;
        }
        if slice == SLICES_PER_TICK {
            shell.core.borrow_mut().node.stats.sweep_cut += 1;
        }
        tokio::task::yield_now().await;
    }
}

/// One slice of the sweep; whether there is more to do.
fn sweep_slice(shell: &Shell) -> bool {
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    if !core.node.active_expire || core.node.pause.is_on(now_ms) {
        return false;
    }
    core.store.set_now(now_ms);
    let watch = core.executor.watch().clone();
    let start = watch.read();
    let mut again = true;
    let mut took_ns = 0;
    while again && took_ns < SLICE_NS {
        again = core.store.expire_step(SWEEP_ENTRIES).again;
        took_ns = watch.since_ns(start);
    }
    let Core {
        store,
        node,
        executor,
    } = core;
    if executor.effects.is_recording() {
        let mark = executor.effects.mark();
        executor.effects.insert_expired(mark, store);
    }
    node.stats.sweep_ns += took_ns;
    note_latency(core, "expire-cycle", now_ms, took_ns);
    again
}

/// Brings memory back under `maxmemory` when it was lowered, or when one command took more than it could make room for.
async fn evict(shell: &Shell) {
    for _ in 0..SLICES_PER_TICK {
        let room = {
            let core = &mut *shell.core.borrow_mut();
            let watch = core.executor.watch().clone();
            let effects = &mut core.executor.effects;
            make_room(&mut core.store, &mut core.node, effects, &watch)
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
            let stats = &mut core.node.stats;
            stats.command_rate.sample(stats.commands, monotonic_ms);
            stats.input_rate.sample(stats.input_bytes, monotonic_ms);
            stats.output_rate.sample(stats.output_bytes, monotonic_ms);
            stats.peak_memory = stats.peak_memory.max(core.store.used_memory());
            if monotonic_ms < self.clients_seen_ms + CLIENTS_EVERY_MS {
                Vec::new()
            } else {
                self.clients_seen_ms = monotonic_ms;
                stats.resident_bytes = processor::resident_bytes();
                stats.processor = processor::time();
                condemned(core, now_ms)
            }
        };
        shell.cut(&condemned);
    }
}

/// Clients that were silent for `timeout`, or have not read their replies for as long as `client-output-buffer-limit` allows.
fn condemned(core: &mut Core, now_ms: u64) -> Vec<u64> {
    let hot = &core.node.settings.hot;
    let idle_ms = hot.idle_timeout_seconds.saturating_mul(1_000);
    let limit = hot.output_limit;
    let stall_ms = limit.soft_seconds.saturating_mul(1_000);
    let mut condemned = Vec::new();
    for client in core.node.clients.iter() {
        let silent_ms = now_ms.saturating_sub(client.last_active_ms);
        if idle_ms > 0 && silent_ms > idle_ms && client.output_bytes == 0 {
            debug!(client = client.id, silent_ms, "closed: timeout");
            condemned.push(client.id);
            continue;
        }
        let blocked_ms = now_ms.saturating_sub(client.output_progress_ms);
        let over = limit.soft_bytes > 0 && client.output_bytes as u64 > limit.soft_bytes;
        if over && stall_ms > 0 && blocked_ms > stall_ms {
            let waiting_bytes = client.output_bytes;
            warn!(client = client.id, waiting_bytes, "cut: reads no replies");
            core.node.stats.output_limit_disconnections += 1;
            condemned.push(client.id);
        }
    }
    condemned
}
