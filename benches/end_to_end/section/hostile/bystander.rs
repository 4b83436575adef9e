//! A client that minds its own business, and how long it waits for each reply.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::machine::own_times;
use crate::peers::Target;
use crate::support::eventually::Stopwatch;
use crate::support::thread_times::{ThreadTimes, thread_times};
use crate::support::{Client, Reply};

/// How long it waited.
pub(super) struct Waits {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) greatest_ms: f64,
    /// The greatest wait without the time for which threads stood in line for a core: its own, and that one of the servers' which stood longest.
    /// No more than what the servers made it wait, then, on a machine that had a core for everybody.
    pub(super) served_ms: f64,
    /// The most CPU time that one thread of the servers used while one reply was waited for.
    pub(super) own_ms: f64,
}

/// The client, and when it is to stop.
pub(super) struct Bystander<'a> {
    target: &'a Target,
    ends: AtomicBool,
}

impl<'a> Bystander<'a> {
    /// Of this server.
    pub(super) fn new(target: &'a Target) -> Self {
        let reply = target.front.connect().call_words("SET bystander v");
        assert_eq!(reply, Reply::ok());
        Self {
            target,
            ends: AtomicBool::new(false),
        }
    }

    /// The reply that it waits for now is its last.
    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Asks until the end. Other clients have been there before: its connection is one of the first.
    pub(super) fn watch(&self) -> Waits {
        let mut client: Client = self.target.front.connect();
        let pids = self.target.pids();
        let expected = [
            ("PING", Reply::Simple(b"PONG".to_vec())),
            ("GET bystander", Reply::bulk("v")),
        ];
        let mut waits = Vec::new();
        let (mut own_ms, mut served_ms): (f64, f64) = (0.0, 0.0);
        let mut before = (thread_times(&pids), own_times());
        while !self.ends.load(Ordering::Relaxed) {
            for (words, expected) in &expected {
                let watch = Stopwatch::start();
                let reply = client.call_words(words);
                let waited_ms = watch.elapsed().as_secs_f64() * 1000.0;
                waits.push(waited_ms);
                assert_eq!(reply, *expected);
                let now = (thread_times(&pids), own_times());
                // The kernel's books lag behind by a tick where a thread runs on and on: no more than the wait itself can be true.
                let used_ms = most(&before.0, &now.0, |times| times.used_ns);
                own_ms = own_ms.max(used_ms.min(waited_ms));
                let queued_ms = most(&before.0, &now.0, |times| times.queued_ns)
                    + milliseconds(now.1.queued_ns - before.1.queued_ns);
                served_ms = served_ms.max(waited_ms - queued_ms);
                before = now;
            }
        }
        waits.sort_by(f64::total_cmp);
        let last = waits.len() - 1;
        Waits {
            p50_ms: waits[last / 2],
            p99_ms: waits[last - last / 100],
            greatest_ms: waits[last],
            served_ms,
            own_ms,
        }
    }
}

/// Milliseconds by which the thread that got on most has got on.
fn most(before: &[ThreadTimes], after: &[ThreadTimes], of: impl Fn(&ThreadTimes) -> u64) -> f64 {
    let since = |now: &ThreadTimes| {
        let known = before.iter().find(|known| known.thread == now.thread);
        of(now) - known.map_or(of(now), &of)
    };
    milliseconds(after.iter().map(since).max().unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds with a few digits")]
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
