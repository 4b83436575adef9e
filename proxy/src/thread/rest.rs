//! The rest of a busy thread between two turns: what its turns cost is read off the clocks, and it sleeps as long as that is worth it.
//! Reaches: the thread's processor time, its sleep. Never: decides for how long ([`shared::moderation`] does). Bound: `turn-wait-max`.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use shared::moderation::{Moderation, Sample};

use crate::request::Exchange;

/// By how much the kernel may lengthen a sleep, ns: its usual 50 µs would be as long as the sleep itself.
const TIMER_SLACK_NS: u64 = 1_000;

/// One thread's rest.
#[derive(Debug)]
pub(super) struct Rest {
    moderation: Moderation,
}

impl Rest {
    /// For the thread that calls this; at most so long at a time, zero for never.
    pub(super) fn new(most: Duration) -> Self {
        if !most.is_zero()
            && let Err(error) = nix::sys::prctl::set_timerslack(TIMER_SLACK_NS)
        {
            tracing::debug!(%error, "short sleeps will be longer than they should be");
        }
        Self {
            moderation: Moderation::new(most),
        }
    }

    /// So many clients have asked for something since the last tick.
    pub(super) fn note_clients(&mut self, active: u32) {
        self.moderation.clients(active);
    }

    /// A turn has ended, and what it brought is written, to so many pipes.
    #[inline]
    pub(super) fn after_turn(&mut self, exchange: &Exchange, pipes: u32) {
        if self.moderation.turn(pipes) {
            self.moderation.sample(Sample {
                elapsed_ns: exchange.clock.monotonic_ns(),
                worked_ns: worked_ns(),
                requests: exchange.receivers.stats.requests,
            });
        }
        if let Some(wait) = self.moderation.wait() {
            let stopwatch = &exchange.receivers.stopwatch;
            let began = stopwatch.read();
            sleep(wait);
            self.moderation.waited(stopwatch.since_ns(began));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread is to look at none of its sockets meanwhile: that is the point"
)]
fn sleep(wait: Duration) {
    std::thread::sleep(wait);
}

/// Processor time of this thread; 0 where the system does not tell, and then nobody waits.
pub(super) fn worked_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
