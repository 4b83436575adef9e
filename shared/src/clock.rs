//! The only door through which time enters: wall time, monotonic time, and a stopwatch cheap enough for every command.
//! Reads the machine's clocks. Never sleeps, and nobody else may call `Instant::now` or `SystemTime::now` (`.clippy.toml` sees to it).
//! Invariant: monotonic readings never go back; wall readings may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time: the machine's, or one that a test turns by hand. Cloning gives the same clock.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clocks.
    System(SystemClock),
    /// Stands still until told to move.
    Manual(ManualClock),
}

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self::System(SystemClock::new())
    }

    /// Milliseconds since 1970-01-01 UTC. May go back when the machine's clock is set.
    #[must_use]
    #[inline]
    pub fn wall_ms(&self) -> u64 {
        match self {
            Self::System(clock) => clock.wall_ms(),
            Self::Manual(clock) => clock.wall_ms(),
        }
    }

    /// Microseconds since 1970-01-01 UTC, as TIME answers. May go back when the machine's clock is set.
    #[must_use]
    pub fn wall_us(&self) -> u64 {
        match self {
            Self::System(clock) => clock.wall_us(),
            Self::Manual(clock) => clock.wall_us(),
        }
    }

    /// Nanoseconds since some moment before this process' first reading; never goes back.
    #[must_use]
    #[inline]
    pub fn monotonic_ns(&self) -> u64 {
        match self {
            Self::System(clock) => clock.monotonic_ns(),
            Self::Manual(clock) => clock.monotonic_ns(),
        }
    }

    /// Milliseconds since some moment before this process' first reading; never goes back.
    #[must_use]
    #[inline]
    pub fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns() / 1_000_000
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

/// The machine's clocks.
#[derive(Clone, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Monotonic readings count from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// See [`Clock::wall_ms`].
    #[must_use]
    #[inline]
    pub fn wall_ms(&self) -> u64 {
        whole_u64(since_1970().as_millis())
    }

    /// See [`Clock::wall_us`].
    #[must_use]
    pub fn wall_us(&self) -> u64 {
        whole_u64(since_1970().as_micros())
    }

    /// See [`Clock::monotonic_ns`].
    #[must_use]
    #[inline]
    pub fn monotonic_ns(&self) -> u64 {
        whole_u64(self.start.elapsed().as_nanos())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// A clock set before 1970 reads as 1970: wrong either way, and nothing downstream has to know negative times.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
#[inline]
fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// 64 bits of nanoseconds last 584 years; what does not fit stays at the end of time.
#[inline]
fn whole_u64(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A clock for tests: stands still until told to move. Clones share their hands, across threads too.
#[derive(Clone, Debug)]
pub struct ManualClock {
    hands: Arc<Hands>,
}

#[derive(Debug)]
struct Hands {
    wall_us: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl ManualClock {
    /// Wall time is `wall_ms`, monotonic time 0.
    #[must_use]
    pub fn at(wall_ms: u64) -> Self {
        Self {
            hands: Arc::new(Hands {
                wall_us: AtomicU64::new(wall_ms.saturating_mul(1_000)),
                monotonic_ns: AtomicU64::new(0),
            }),
        }
    }

    /// Moves both hands on.
    pub fn advance(&self, by: Duration) {
        self.hands
            .wall_us
            .fetch_add(whole_u64(by.as_micros()), Ordering::Relaxed);
        self.hands
            .monotonic_ns
            .fetch_add(whole_u64(by.as_nanos()), Ordering::Relaxed);
    }

    /// Sets the wall hand alone, as an operator or NTP may do, backwards too.
    pub fn set_wall_ms(&self, wall_ms: u64) {
        self.hands
            .wall_us
            .store(wall_ms.saturating_mul(1_000), Ordering::Relaxed);
    }

    /// See [`Clock::wall_ms`].
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        self.wall_us() / 1_000
    }

    /// See [`Clock::wall_us`].
    #[must_use]
    pub fn wall_us(&self) -> u64 {
        self.hands.wall_us.load(Ordering::Relaxed)
    }

    /// See [`Clock::monotonic_ns`].
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        self.hands.monotonic_ns.load(Ordering::Relaxed)
    }
}

/// Times single commands: reads the processor's time stamp counter where it is steady (about 10 ns a reading, 25–40 for the operating
/// system's clock), else falls back to that clock. The first one in a process takes up to some milliseconds to calibrate.
///
/// Commands of a batch can share readings: the end of one is the start of the next.
#[derive(Clone, Debug)]
pub struct Stopwatch {
    counter: quanta::Clock,
}

/// One reading of a [`Stopwatch`]; says something only beside another of the same process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading(u64);

impl Stopwatch {
    /// Calibrates when it is the first of this process.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counter: quanta::Clock::new(),
        }
    }

    /// The counter now.
    #[must_use]
    #[inline]
    pub fn read(&self) -> Reading {
        Reading(self.counter.raw())
    }

    /// Nanoseconds from `start` to `end`, 0 when they stand the other way round.
    #[must_use]
    #[inline]
    pub fn between_ns(&self, start: Reading, end: Reading) -> u64 {
        self.counter.delta_as_nanos(start.0, end.0)
    }

    /// Nanoseconds from `start` to now.
    #[must_use]
    #[inline]
    pub fn since_ns(&self, start: Reading) -> u64 {
        self.between_ns(start, self.read())
    }
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clock_lies_after_2020_and_monotonic_time_does_not_go_back() {
        let clock = Clock::system();
        assert!(clock.wall_ms() > 1_577_836_800_000);
        assert!(clock.wall_us() / 1_000 >= 1_577_836_800_000);
        let readings: Vec<u64> = (0..1_000).map(|_| clock.monotonic_ns()).collect();
        assert!(readings.is_sorted());
    }

    #[test]
    fn a_manual_clock_moves_only_when_told_to_and_clones_move_together() {
        let hands = ManualClock::at(1_000);
        let clock = Clock::from(hands.clone());
        assert_eq!((clock.wall_ms(), clock.monotonic_ns()), (1_000, 0));
        hands.advance(Duration::from_millis(5));
        assert_eq!((clock.wall_ms(), clock.monotonic_ms()), (1_005, 5));
        hands.set_wall_ms(10);
        assert_eq!((clock.wall_ms(), clock.monotonic_ms()), (10, 5));
    }

    #[test]
    fn a_stopwatch_agrees_with_the_clock() {
        let (watch, clock) = (Stopwatch::new(), Clock::system());
        let (first, before_ns) = (watch.read(), clock.monotonic_ns());
        while clock.monotonic_ns() < before_ns + 20_000_000 {
            std::hint::spin_loop();
        }
        let inner_ns = clock.monotonic_ns() - before_ns;
        let outer_ns = watch.since_ns(first);
        // The outer reading may be longer by any time the scheduler takes away, never much shorter.
        assert!(
            outer_ns + 1_000_000 > inner_ns,
            "{outer_ns} ns around {inner_ns} ns"
        );
        assert_eq!(watch.between_ns(watch.read(), first), 0);
    }
}
