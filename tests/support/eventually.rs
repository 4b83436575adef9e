//! Waiting for facts: polls until a condition holds or a deadline has passed. The only door to the clock in these tests.
//! Never: a sleep that hopes; every wait has a condition and a deadline.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a fact may take when nothing else is promised: long enough for a busy machine, short enough to see a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks: short against every deadline here, long enough not to take a core.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `holds` is true; panics with `fact` after [`PATIENCE`].
pub(crate) fn eventually(fact: &str, holds: impl FnMut() -> bool) {
    eventually_within(PATIENCE, fact, holds);
}

/// Waits until `holds` is true; panics with `fact` after `deadline`. Returns how long it took.
pub(crate) fn eventually_within(
    deadline: Duration,
    fact: &str,
    mut holds: impl FnMut() -> bool,
) -> Duration {
    let watch = Stopwatch::start();
    loop {
        if holds() {
            return watch.elapsed();
        }
        assert!(
            watch.elapsed() < deadline,
            "not so within {deadline:?}: {fact}"
        );
        pause(LOOK_EVERY);
    }
}

/// Lets `time` pass: for faults that must last a while, never to wait for something.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a test thread rests; it serves nobody"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Time since a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests measure real time that passes in other processes"
    )]
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Nanoseconds of the wall clock, to draw seeds from.
#[expect(
    clippy::disallowed_methods,
    reason = "a seed that differs from run to run; it is printed"
)]
pub(crate) fn now_nanoseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}
