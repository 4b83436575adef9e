//! How long a busy loop waits before it looks at its sockets again, as network cards moderate their interrupts.
//! Pure: is told what turns cost, says how long to wait. Never: sleeps, reads a clock.
//!
//! A turn of a loop with many sockets has a price for each that it touches (a read, a write), whatever that brings. A loop that has no rest and looks again
//! at once finds little behind many sockets, and pays the price for each little. Waiting for a share of what a turn costs lets more gather behind the same
//! sockets: fewer turns, each dearer, all together cheaper, so that those who wait are answered no later.
//!
//! Invariants: a loop that had time to spare does not wait; a wait is a share of the turns before it, and has a bound of its own.

use std::time::Duration;

/// Turns from one look at the clocks to the next: the processor time of a thread is read by a system call.
const TURNS_PER_SAMPLE: u32 = 16;

/// A loop that worked for so large a share of its time, waits apart, is busy: what came in had to stand in line anyway. In percent.
const BUSY_PERCENT: u64 = 85;

/// A wait is so large a share of what a turn costs, in percent: throughput cannot fall by more, even if nothing is gained.
const SHARE_PERCENT: u64 = 40;

/// Shorter waits are not worth their two switches of context.
const LEAST_WAIT_NS: u64 = 15_000;

/// What the clocks said at some moment, nanoseconds since any other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Time that has passed.
    pub elapsed_ns: u64,
    /// Processor time that the loop's thread has used.
    pub worked_ns: u64,
}

/// One loop's waits.
#[derive(Clone, Debug)]
pub struct Moderation {
    most_ns: u64,
    wait_ns: u64,
    turns: u32,
    waited_ns: u64,
    last: Sample,
}

impl Moderation {
    /// Waits are at most so long; zero for never.
    #[must_use]
    pub fn new(most: Duration) -> Self {
        Self {
            most_ns: u64::try_from(most.as_nanos()).unwrap_or(u64::MAX),
            wait_ns: 0,
            turns: 0,
            waited_ns: 0,
            last: Sample::default(),
        }
    }

    /// A turn has ended; whether the clocks are to be looked at ([`Self::sample`]).
    #[inline]
    pub fn turn(&mut self) -> bool {
        self.turns += 1;
        self.turns >= TURNS_PER_SAMPLE && self.most_ns > 0
    }

    /// Decides on the waits to come, by what the turns since the last sample have cost.
    pub fn sample(&mut self, now: Sample) {
        let elapsed_ns = now.elapsed_ns.saturating_sub(self.last.elapsed_ns);
        let worked_ns = now.worked_ns.saturating_sub(self.last.worked_ns);
        let awake_ns = elapsed_ns.saturating_sub(self.waited_ns);
        let is_busy = worked_ns.saturating_mul(100) >= awake_ns.saturating_mul(BUSY_PERCENT);
        let turn_ns = worked_ns / u64::from(self.turns.max(1));
        let wanted_ns = turn_ns.saturating_mul(SHARE_PERCENT) / 100;
        // Half way to what is wanted, so that one odd sample changes little; none at once when there is time to spare.
        let wait_ns = self.wait_ns.midpoint(wanted_ns.min(self.most_ns));
        self.wait_ns = if is_busy && wait_ns >= LEAST_WAIT_NS {
            wait_ns
        } else {
            0
        };
        self.last = now;
        self.turns = 0;
        self.waited_ns = 0;
    }

    /// How long to wait before the next turn.
    #[inline]
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        (self.wait_ns > 0).then(|| Duration::from_nanos(self.wait_ns))
    }

    /// So long a wait is over.
    pub fn waited(&mut self, ns: u64) {
        self.waited_ns += ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loop whose turns cost so much, and which then has nothing to do for so long: the wait it comes to.
    fn wait_of(most: Duration, turn_ns: u64, idle_ns: u64) -> Option<Duration> {
        let mut moderation = Moderation::new(most);
        let mut now = Sample::default();
        for _ in 0..1_000 {
            now.worked_ns += turn_ns;
            now.elapsed_ns += turn_ns + idle_ns;
            if moderation.turn() {
                moderation.sample(now);
            }
            if let Some(wait) = moderation.wait() {
                let ns = u64::try_from(wait.as_nanos()).unwrap();
                now.elapsed_ns += ns;
                moderation.waited(ns);
            }
        }
        moderation.wait()
    }

    #[test]
    fn a_busy_loop_waits_for_a_share_of_its_turns_within_its_bound() {
        let most = Duration::from_micros(200);
        let share = Duration::from_micros(40);
        let wait = wait_of(most, 100_000, 0).expect("it waits");
        assert!(
            wait <= share && wait + Duration::from_micros(1) > share,
            "{wait:?}"
        );
        let bound = wait_of(most, 10_000_000, 0).expect("it waits");
        assert!(
            bound <= most && bound + Duration::from_micros(1) > most,
            "{bound:?}"
        );
    }

    #[test]
    fn a_loop_with_time_to_spare_or_with_cheap_turns_never_waits() {
        let most = Duration::from_micros(200);
        assert_eq!(wait_of(most, 100_000, 50_000), None);
        assert_eq!(wait_of(most, 10_000, 0), None);
        assert_eq!(wait_of(Duration::ZERO, 100_000, 0), None);
    }

    #[test]
    fn it_stops_waiting_with_the_first_sample_that_is_not_busy() {
        let mut moderation = Moderation::new(Duration::from_micros(200));
        let mut now = Sample::default();
        let mut turns = |moderation: &mut Moderation, worked_ns: u64, elapsed_ns: u64| {
            for _ in 0..TURNS_PER_SAMPLE {
                now.worked_ns += worked_ns;
                now.elapsed_ns += elapsed_ns;
                if moderation.turn() {
                    moderation.sample(now);
                }
            }
        };
        turns(&mut moderation, 100_000, 100_000);
        assert!(moderation.wait().is_some());
        turns(&mut moderation, 10_000, 100_000);
        assert_eq!(moderation.wait(), None);
    }
}
