//! A client that minds its own business while others are at work, and how long it waits for each reply.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::machine::own_times;
use crate::peers::Target;
use crate::support::eventually::{Stopwatch, pause};
use crate::support::servers::Server;
use crate::support::thread_times::{ThreadTimes, thread_times};
use crate::support::{Client, Reply};

/// How long it waited.
pub(crate) struct Waits {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) greatest_ms: f64,
    /// The greatest wait without the time for which threads stood in line for a core: its own, and that one of the servers' which stood longest.
    /// No more than what the servers made it wait, then, on a machine that had a core for everybody.
    pub(crate) served_ms: f64,
    /// The most CPU time that one thread of the servers used while one reply was waited for.
    pub(crate) own_ms: f64,
}

/// How often resident memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What was seen while somebody was at work.
pub(crate) struct Seen {
    pub(crate) waits: Waits,
    /// By what the server's resident memory had grown at most.
    pub(crate) grown_mb: f64,
    /// The same of all the servers that stand behind it.
    pub(crate) behind_mb: f64,
}

/// Repeats `work` for `length` at least, once in any case, and for a tenth of it watches what comes after.
pub(crate) fn watched(
    target: &Target,
    length: Duration,
    mut work: impl FnMut(SocketAddr) + Send,
) -> Seen {
    let bystander = Bystander::new(target);
    let resident = || {
        let behind = target.behind.iter().map(Server::resident_bytes);
        [target.front.resident_bytes(), behind.sum()]
    };
    let before = resident();
    let mut most = before;
    let mut look = || {
        let now = resident();
        most = [most[0].max(now[0]), most[1].max(now[1])];
    };
    let waits = thread::scope(|scope| {
        let watching = scope.spawn(|| bystander.watch());
        let address = target.address;
        let working = scope.spawn(move || {
            let watch = Stopwatch::start();
            while {
                work(address);
                watch.elapsed() < length
            } {}
        });
        while !working.is_finished() {
            look();
            pause(LOOK_EVERY);
        }
        // The aftermath counts as well: what is closed has to be cleared away.
        pause(length / 10);
        look();
        bystander.end();
        working.join().expect("the work was done");
        watching.join().expect("the bystander was served")
    });
    #[expect(clippy::cast_precision_loss, reason = "megabytes with a few digits")]
    let grown = |nth: usize| (most[nth] - before[nth]) as f64 / 1024.0 / 1024.0;
    Seen {
        waits,
        grown_mb: grown(0),
        behind_mb: grown(1),
    }
}

/// The client, and when it is to stop.
struct Bystander<'a> {
    target: &'a Target,
    ends: AtomicBool,
}

impl<'a> Bystander<'a> {
    /// Of this server.
    fn new(target: &'a Target) -> Self {
        let reply = target.front.connect().call_words("SET bystander v");
        assert_eq!(reply, Reply::ok());
        Self {
            target,
            ends: AtomicBool::new(false),
        }
    }

    /// The reply that it waits for now is its last.
    fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Asks until the end. Other clients have been there before: its connection is one of the first.
    fn watch(&self) -> Waits {
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
