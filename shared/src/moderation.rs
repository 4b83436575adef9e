//! How long a busy loop waits before it looks at its sockets again, as network cards moderate their interrupts.
//! Pure: is told what turns cost, says how long to wait. Never: sleeps, reads a clock.
//!
//! A turn of a loop with many sockets has a price for each that it touches (a read, a write), whatever that brings. A loop that looks again at once finds
//! little behind many sockets, and pays the price for each little. Waiting for a share of what a turn costs lets more gather behind the same sockets: fewer
//! turns, each dearer, all together cheaper, and cheaper for those at the other ends as well, who read and write as often. The more sockets a turn touches,
//! the more of them the next would touch again, and the larger a share is worth waiting.
//!
//! Whether that pays cannot be told from inside: it does where the other ends are what everything waits for, and costs latency where they are not. So with a
//! crowd of clients a loop that is busy, but not without rest, tries it: it waits in every other of a few short windows, and goes on waiting for a while if more
//! got done in these. Clients that wait for their replies before they ask again get more done only if they are answered sooner.
//!
//! Few clients wait for their own replies, and gathering would only keep these from them: they make a loop wait when it has no rest anyway.
//!
//! Invariants: a loop that had time to spare does not wait; a wait is a share of the turns before it, and has a bound of its own; of the time of a loop that
//! gains nothing by waiting, trials take a few percent at most.

use std::time::Duration;

/// Turns from one look at the clocks to the next: the processor time of a thread is read by a system call.
const TURNS_PER_SAMPLE: u32 = 16;

/// A loop that worked for so large a share of its time, waits apart, has no rest: what came in had to stand in line anyway. In percent.
const NO_REST_PERCENT: u64 = 85;

/// With [`CROWD`] clients one that worked for so large a share of its time is busy enough to try. In percent.
const BUSY_PERCENT: u64 = 50;

/// So many clients are a crowd. With 16 the median latency of pipelines of 16 rises by half if they are made to wait.
const CROWD: u32 = 32;

/// How long a window of a trial is: long against a turn, short against what changes a load.
const WINDOW_NS: u64 = 10_000_000;

/// Windows of a trial, with and without waits by turns.
const WINDOWS: u32 = 8;

/// What is got done with waits must be so much of what is without, in percent, that they go on.
const GAIN_PERCENT: u128 = 105;

/// So long after a trial the next is made; if waits brought nothing twice as long each time…
const SETTLED_NS: u64 = 1_000_000_000;

/// … up to so many times as long.
const MOST_SETTLED_TIMES: u64 = 16;

/// A wait is so large a share of what a turn costs, in percent, if the turn touches no socket…
const SHARE_PERCENT: u64 = 30;

/// … so much larger for each that it touches…
const SHARE_PERCENT_PER_SOCKET: u64 = 2;

/// … and no larger than this: throughput cannot fall by more, even if nothing is gained.
const MOST_SHARE_PERCENT: u64 = 60;

/// Shorter waits are not worth their two switches of context…
const LEAST_WAIT_NS: u64 = 15_000;

/// … of this thread. In a crowd those at the other ends are spared as many.
const LEAST_WAIT_OF_A_CROWD_NS: u64 = 4_000;

/// What the clocks said at some moment, nanoseconds since any other, and what was done by then.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Time that has passed.
    pub elapsed_ns: u64,
    /// Processor time that the loop's thread has used.
    pub worked_ns: u64,
    /// Requests that have come in.
    pub requests: u64,
}

/// Requests, and the time in which they came.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    requests: u64,
    ns: u64,
}

impl Done {
    fn add(&mut self, from: Sample, to: Sample) {
        self.requests += to.requests.saturating_sub(from.requests);
        self.ns += to.elapsed_ns.saturating_sub(from.elapsed_ns);
    }

    /// Whether so much a second is worth more than `other`, by [`GAIN_PERCENT`].
    fn is_worth_more_than(self, other: Self) -> bool {
        let ours = u128::from(self.requests) * u128::from(other.ns);
        let others = u128::from(other.requests) * u128::from(self.ns);
        ours * 100 >= others * GAIN_PERCENT && self.requests > 0
    }
}

/// What is known of whether waiting pays.
#[derive(Clone, Copy, Debug)]
enum Trial {
    /// Nobody asks.
    Off,
    /// In this window, from this sample on; waits are made in those of odd number.
    Window {
        number: u32,
        from: Sample,
        with: Done,
        without: Done,
    },
    /// It is known, until then.
    Settled { pays: bool, until_ns: u64 },
}

/// One loop's waits.
#[derive(Clone, Debug)]
pub struct Moderation {
    most_ns: u64,
    wait_ns: u64,
    /// Whether they are made.
    is_waiting: bool,
    turns: u32,
    touched: u32,
    is_crowded: bool,
    waited_ns: u64,
    last: Sample,
    trial: Trial,
    /// How many times [`SETTLED_NS`] the next trial that brings nothing is believed.
    settled_times: u64,
}

impl Moderation {
    /// Waits are at most so long; zero for never.
    #[must_use]
    pub fn new(most: Duration) -> Self {
        Self {
            most_ns: u64::try_from(most.as_nanos()).unwrap_or(u64::MAX),
            wait_ns: 0,
            is_waiting: false,
            turns: 0,
            touched: 0,
            is_crowded: false,
            waited_ns: 0,
            last: Sample::default(),
            trial: Trial::Off,
            settled_times: 1,
        }
    }

    /// So many clients have lately asked for something.
    pub fn clients(&mut self, active: u32) {
        self.is_crowded = active >= CROWD;
    }

    /// A turn has ended that wrote to so many sockets of those whom the loop asks; whether the clocks are to be looked at ([`Self::sample`]).
    #[inline]
    pub fn turn(&mut self, touched: u32) -> bool {
        self.turns += 1;
        self.touched = self.touched.saturating_add(touched);
        self.turns >= TURNS_PER_SAMPLE && self.most_ns > 0
    }

    /// Decides on the waits to come, by what the turns since the last sample have cost.
    pub fn sample(&mut self, now: Sample) {
        let elapsed_ns = now.elapsed_ns.saturating_sub(self.last.elapsed_ns);
        let worked_ns = now.worked_ns.saturating_sub(self.last.worked_ns);
        let awake_ns = elapsed_ns.saturating_sub(self.waited_ns);
        let worked_percent = worked_ns.saturating_mul(100) / awake_ns.max(1);
        let turns = u64::from(self.turns.max(1));
        let gained = SHARE_PERCENT_PER_SOCKET.saturating_mul(u64::from(self.touched)) / turns;
        let share = SHARE_PERCENT.saturating_add(gained).min(MOST_SHARE_PERCENT);
        let wanted_ns = (worked_ns / turns).saturating_mul(share) / 100;
        // Half way to what is wanted, so that one odd sample changes little.
        self.wait_ns = self.wait_ns.midpoint(wanted_ns.min(self.most_ns));
        let pays = self.follow_trial(now, worked_percent >= BUSY_PERCENT);
        let has_no_rest = worked_percent >= NO_REST_PERCENT && self.wait_ns >= LEAST_WAIT_NS;
        self.is_waiting = has_no_rest || (pays && self.wait_ns >= LEAST_WAIT_OF_A_CROWD_NS);
        self.last = now;
        self.turns = 0;
        self.touched = 0;
        self.waited_ns = 0;
    }

    /// Goes on with what is tried or believed; whether to wait until the next sample.
    fn follow_trial(&mut self, now: Sample, is_busy: bool) -> bool {
        if !is_busy || !self.is_crowded {
            if !self.is_crowded {
                self.trial = Trial::Off;
                self.settled_times = 1;
            }
            return false;
        }
        match &mut self.trial {
            Trial::Window {
                number,
                from,
                with,
                without,
            } => {
                if now.elapsed_ns.saturating_sub(from.elapsed_ns) >= WINDOW_NS {
                    let done = if *number % 2 == 1 {
                        &mut *with
                    } else {
                        &mut *without
                    };
                    done.add(*from, now);
                    (*number, *from) = (*number + 1, now);
                }
                let (number, pays) = (*number, with.is_worth_more_than(*without));
                if number < WINDOWS {
                    return number % 2 == 1;
                }
                self.settle(pays, now);
                pays
            }
            Trial::Settled { pays, until_ns } if now.elapsed_ns < *until_ns => *pays,
            Trial::Off | Trial::Settled { .. } => {
                self.trial = Trial::Window {
                    number: 0,
                    from: now,
                    with: Done::default(),
                    without: Done::default(),
                };
                false
            }
        }
    }

    fn settle(&mut self, pays: bool, now: Sample) {
        if pays {
            self.settled_times = 1;
        }
        let for_ns = SETTLED_NS * self.settled_times;
        let until_ns = now.elapsed_ns.saturating_add(for_ns);
        self.trial = Trial::Settled { pays, until_ns };
        self.settled_times = (self.settled_times * 2).min(MOST_SETTLED_TIMES);
    }

    /// How long to wait before the next turn.
    #[inline]
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.is_waiting.then(|| Duration::from_nanos(self.wait_ns))
    }

    /// So long a wait is over.
    pub fn waited(&mut self, ns: u64) {
        self.waited_ns += ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loop of so many clients whose turns cost so much, touch so many sockets, bring so many requests, and so many after a wait, and which then has nothing
    /// to do for so long.
    #[derive(Clone, Copy)]
    struct Loop {
        most: Duration,
        clients: u32,
        touched: u32,
        turn_ns: u64,
        idle_ns: u64,
        requests: u64,
        after_wait: u64,
    }

    const QUIET: Loop = Loop {
        most: Duration::from_micros(200),
        clients: 1,
        touched: 0,
        turn_ns: 100_000,
        idle_ns: 0,
        requests: 100,
        after_wait: 100,
    };

    /// Many clients that are answered sooner if the loop waits.
    const CROWDED: Loop = Loop {
        clients: CROWD,
        idle_ns: 50_000,
        after_wait: 200,
        ..QUIET
    };

    /// After so many turns: the wait it has come to, in whole microseconds, rounded up, and the share of turns that it waited after, in percent.
    fn run(kind: Loop, turns: u64) -> (Option<u64>, u64) {
        let mut moderation = Moderation::new(kind.most);
        moderation.clients(kind.clients);
        let mut now = Sample::default();
        let mut waits = 0;
        for _ in 0..turns {
            now.worked_ns += kind.turn_ns;
            now.elapsed_ns += kind.turn_ns + kind.idle_ns;
            now.requests += kind.requests;
            if moderation.turn(kind.touched) {
                moderation.sample(now);
            }
            if let Some(wait) = moderation.wait() {
                let ns = u64::try_from(wait.as_nanos()).unwrap();
                now.elapsed_ns += ns;
                now.requests += kind.after_wait - kind.requests;
                moderation.waited(ns);
                waits += 1;
            }
        }
        let wait = moderation.wait().map(|wait| wait.as_nanos());
        let wait_us = wait.map(|ns| u64::try_from(ns).unwrap().div_ceil(1_000));
        (wait_us, waits * 100 / turns)
    }

    fn wait_of(kind: Loop) -> Option<u64> {
        run(kind, 3_000).0
    }

    #[test]
    fn a_loop_without_rest_waits_for_a_share_of_its_turns_within_its_bound() {
        assert_eq!(wait_of(QUIET), Some(30));
        let turn_ns = 10_000_000;
        assert_eq!(wait_of(Loop { turn_ns, ..QUIET }), Some(200));
    }

    #[test]
    fn the_more_sockets_a_turn_touches_the_longer_the_wait() {
        let of = |touched| wait_of(Loop { touched, ..QUIET });
        assert_eq!(
            (of(5), of(64), of(u32::MAX)),
            (Some(40), Some(60), Some(60))
        );
    }

    #[test]
    fn time_to_spare_is_left_alone_but_for_a_crowd_that_gains() {
        assert_eq!(wait_of(CROWDED), Some(30));
        let clients = CROWD - 1;
        assert_eq!(wait_of(Loop { clients, ..CROWDED }), None);
        let idle_ns = 101_000;
        assert_eq!(wait_of(Loop { idle_ns, ..CROWDED }), None);
        // A wait of 30 us in 180 must bring a fifth more, and a twentieth above that.
        let after_wait = 125;
        assert_eq!(
            wait_of(Loop {
                after_wait,
                ..CROWDED
            }),
            None
        );
        let after_wait = 130;
        assert_eq!(
            wait_of(Loop {
                after_wait,
                ..CROWDED
            }),
            Some(30)
        );
    }

    #[test]
    fn trials_of_what_brings_nothing_grow_rare() {
        let barren = Loop {
            after_wait: 100,
            ..CROWDED
        };
        let minute = 400_000;
        let (wait, percent) = run(barren, minute);
        assert_eq!((wait, percent), (None, 0));
        let (_, percent) = run(CROWDED, minute);
        assert!(percent > 90, "{percent}");
    }

    #[test]
    fn a_loop_with_cheap_turns_or_without_leave_never_waits() {
        let turn_ns = 40_000;
        assert_eq!(wait_of(Loop { turn_ns, ..QUIET }), None);
        let crowd = Loop {
            turn_ns,
            idle_ns: 10_000,
            ..CROWDED
        };
        assert_eq!(wait_of(crowd), Some(12));
        let (turn_ns, idle_ns) = (10_000, 5_000);
        assert_eq!(
            wait_of(Loop {
                turn_ns,
                idle_ns,
                ..CROWDED
            }),
            None
        );
        let most = Duration::ZERO;
        assert_eq!(wait_of(Loop { most, ..CROWDED }), None);
    }

    #[test]
    fn it_stops_waiting_with_the_first_sample_that_is_not_busy() {
        let mut moderation = Moderation::new(Duration::from_micros(200));
        let mut now = Sample::default();
        let mut turns = |moderation: &mut Moderation, worked_ns: u64, elapsed_ns: u64| {
            for _ in 0..TURNS_PER_SAMPLE {
                now.worked_ns += worked_ns;
                now.elapsed_ns += elapsed_ns;
                if moderation.turn(0) {
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
