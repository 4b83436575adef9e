//! Access marks: 16 bits in every entry that say when it was last used, or how often.
//! Pure.
//!
//! *Time* (LRU, random, TTL policies, none). Recent marks count seconds in 15 bits, old ones minutes in 15 bits with the top bit set. A walk over all entries every two hours (see `expiry`) turns recent marks older than 4½ hours into old ones and holds old ones at eleven days, so neither ever wraps round.
//! *Frequency* (LFU policies). Low byte: Redis' logarithmic counter. High byte: the decay period of the last change, modulo 256; the walk comes round before that wraps.
//! *Queue* (FIFO, S3-FIFO, SIEVE): see `eviction::queue_mark`.

use super::eviction::{EvictionPolicy, EvictionSettings, Ticks, queue_mark};
use super::hash::splitmix;

/// Marks old ones.
const OLD: u16 = 1 << 15;

const CLOCK: u64 = OLD as u64 - 1;

/// A recent mark older than this is made an old one: half of its range.
const RECENT_SECONDS: u64 = 1 << 14;

/// Old marks are held at this age: half of their range, 11 days.
const OLDEST_MINUTES: u64 = 1 << 14;

/// A new key's counter, so that it is not evicted before it had a chance (`LFU_INIT_VAL`).
const FREQUENCY_AT_FIRST: u8 = 5;

/// How often the walk must come round: well within the recent marks' range, and within 256 minutes.
pub(super) const WALK_PERIOD_MS: u64 = 2 * 60 * 60 * 1000;

/// What marks mean under the policy in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MarkKind {
    Time,
    Frequency,
    Queue,
}

/// The present, as marks are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccessClock {
    seconds: u64,
    kind: MarkKind,
    settings: EvictionSettings,
    ticks: Ticks,
    chance: u64,
}

fn low_clock(count: u64) -> u16 {
    (count & CLOCK) as u16
}

/// How far `mark` lies behind `now`, both modulo the clock's range.
fn behind(now: u64, mark: u16) -> u64 {
    now.wrapping_sub(u64::from(mark)) & CLOCK
}

impl AccessClock {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seconds: 0,
            kind: MarkKind::Time,
            settings: EvictionSettings::default(),
            ticks: Ticks::default(),
            chance: seed,
        }
    }

    #[inline]
    pub(super) fn set_now(&mut self, now_ms: u64) {
        self.seconds = now_ms / 1000;
    }

    pub(super) fn settings(&self) -> EvictionSettings {
        self.settings
    }

    /// Other settings; `false` when marks that were made under the old ones mean something else now.
    pub(super) fn set_settings(&mut self, settings: EvictionSettings) -> bool {
        let before = (self.kind, self.settings.lfu_decay_minutes);
        self.settings = settings;
        self.kind = match settings.policy {
            EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => MarkKind::Frequency,
            EvictionPolicy::AllKeysFifo
            | EvictionPolicy::AllKeysS3Fifo
            | EvictionPolicy::AllKeysSieve => MarkKind::Queue,
            _ => MarkKind::Time,
        };
        let is_same_period = before.1 == settings.lfu_decay_minutes;
        self.kind == before.0 && (self.kind != MarkKind::Frequency || is_same_period)
    }

    /// The mark of all keys when marks come to mean something else: as if they were used now, for the last time or the first, and no newcomers.
    pub(super) fn restarted(&mut self, len: usize) -> u16 {
        self.added(len, true)
    }

    /// How queue marks count.
    pub(super) fn ticks(&self) -> Ticks {
        self.ticks
    }

    fn period(&self) -> u8 {
        let minutes = self.seconds / 60;
        let period = minutes / u64::from(self.settings.lfu_decay_minutes.max(1));
        period.to_le_bytes()[0]
    }

    /// The mark of a key that is added; `len` keys are there, and the key goes to S3-FIFO's main queue at once if `to_main`.
    #[inline]
    pub(super) fn added(&mut self, len: usize, to_main: bool) -> u16 {
        match self.kind {
            MarkKind::Time => low_clock(self.seconds),
            MarkKind::Frequency => u16::from_le_bytes([FREQUENCY_AT_FIRST, self.period()]),
            MarkKind::Queue => {
                self.ticks.count(len);
                self.ticks.mark(to_main)
            }
        }
    }

    /// The mark after one more use.
    #[inline]
    pub(super) fn used(&mut self, mark: u16) -> u16 {
        if self.kind == MarkKind::Time {
            return low_clock(self.seconds);
        }
        self.used_without_time(mark)
    }

    #[inline(never)]
    fn used_without_time(&mut self, mark: u16) -> u16 {
        match self.kind {
            MarkKind::Time => mark,
            MarkKind::Frequency => {
                let frequency = self.frequency(mark);
                let frequency = self.count_use(frequency);
                u16::from_le_bytes([frequency, self.period()])
            }
            MarkKind::Queue => queue_mark::used(mark),
        }
    }

    /// The mark of a key that was added as `mark`, of which somebody else tells how it was used.
    pub(super) fn told(&self, mark: u16, idle_seconds: Option<u64>, frequency: Option<u8>) -> u16 {
        match (self.kind, idle_seconds) {
            (MarkKind::Time, Some(idle)) if idle < RECENT_SECONDS => {
                low_clock(self.seconds.wrapping_sub(idle))
            }
            (MarkKind::Time, Some(idle)) => {
                let minutes = (idle / 60).min(OLDEST_MINUTES);
                OLD | low_clock((self.seconds / 60).wrapping_sub(minutes))
            }
            (MarkKind::Frequency, _) => {
                let frequency = frequency.unwrap_or(FREQUENCY_AT_FIRST);
                u16::from_le_bytes([frequency, self.period()])
            }
            (MarkKind::Time | MarkKind::Queue, _) => mark,
        }
    }

    /// As Redis' `LFULogIncr`: the higher the counter, the less likely it grows.
    fn count_use(&mut self, frequency: u8) -> u8 {
        if frequency == u8::MAX {
            return frequency;
        }
        let above = u64::from(frequency.saturating_sub(FREQUENCY_AT_FIRST));
        let one_in = above * u64::from(self.settings.lfu_log_factor) + 1;
        if splitmix(&mut self.chance).is_multiple_of(one_in) {
            frequency + 1
        } else {
            frequency
        }
    }

    /// The counter now, decay included; Redis' first value where frequency is not kept.
    #[inline]
    pub(super) fn frequency(&self, mark: u16) -> u8 {
        if self.kind != MarkKind::Frequency {
            return FREQUENCY_AT_FIRST;
        }
        let [frequency, then] = mark.to_le_bytes();
        if self.settings.lfu_decay_minutes == 0 {
            return frequency;
        }
        frequency.saturating_sub(self.period().wrapping_sub(then))
    }

    /// Seconds since the last use; 0 where time is not kept.
    #[inline]
    pub(super) fn idle_seconds(&self, mark: u16) -> u64 {
        if self.kind != MarkKind::Time {
            0
        } else if mark & OLD == 0 {
            behind(self.seconds, mark)
        } else {
            behind(self.seconds / 60, mark & !OLD) * 60
        }
    }

    /// What the walk makes of a mark, before its clock wraps round.
    pub(super) fn aged(&self, mark: u16) -> u16 {
        match self.kind {
            MarkKind::Queue => return mark,
            MarkKind::Frequency => {
                let decayed = self.frequency(mark);
                let [frequency, _] = mark.to_le_bytes();
                // Without decay so far the period stays: part of one may have passed.
                if decayed == frequency && self.settings.lfu_decay_minutes != 0 {
                    return mark;
                }
                return u16::from_le_bytes([decayed, self.period()]);
            }
            MarkKind::Time => {}
        }
        let minutes = self.seconds / 60;
        if mark & OLD == 0 {
            let idle = behind(self.seconds, mark);
            if idle < RECENT_SECONDS {
                return mark;
            }
            return OLD | low_clock(minutes.wrapping_sub(idle / 60));
        }
        if behind(minutes, mark & !OLD) < OLDEST_MINUTES {
            return mark;
        }
        OLD | low_clock(minutes.wrapping_sub(OLDEST_MINUTES))
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessClock, WALK_PERIOD_MS};
    use crate::store::eviction::{EvictionPolicy, EvictionSettings};

    fn clock(policy: EvictionPolicy) -> AccessClock {
        let mut clock = AccessClock::new(1);
        clock.set_settings(EvictionSettings {
            policy,
            ..EvictionSettings::default()
        });
        clock
    }

    #[test]
    fn idle_time_is_known_for_days_when_the_walk_comes_round() {
        let mut clock = clock(EvictionPolicy::AllKeysLru);
        let start = 1_795_000_000_000;
        clock.set_now(start);
        let mut mark = clock.added(1, false);
        for walk in 1..200 {
            let now = start + walk * WALK_PERIOD_MS;
            clock.set_now(now);
            mark = clock.aged(mark);
            let (idle, really) = (clock.idle_seconds(mark), (now - start) / 1000);
            let eleven_days = (1 << 14) * 60;
            if really < eleven_days {
                assert!(idle.abs_diff(really) <= 120, "{idle} {really}");
            } else {
                assert!(idle >= eleven_days - 120, "{idle} {really}");
            }
        }
        mark = clock.used(mark);
        assert_eq!(clock.idle_seconds(mark), 0);
    }

    #[test]
    fn the_frequency_grows_by_logarithm_and_decays_by_the_minute() {
        let mut clock = clock(EvictionPolicy::AllKeysLfu);
        clock.set_now(1_795_000_000_000);
        let mut mark = clock.added(1, false);
        assert_eq!(clock.frequency(mark), 5);
        for _ in 0..1000 {
            mark = clock.used(mark);
        }
        let frequency = clock.frequency(mark);
        assert!(
            (10..30).contains(&frequency),
            "Redis' table says 18: {frequency}"
        );
        clock.set_now(1_795_000_000_000 + 3 * 60_000);
        assert_eq!(clock.frequency(mark), frequency - 3);
        clock.set_now(1_795_000_000_000 + WALK_PERIOD_MS);
        mark = clock.aged(mark);
        clock.set_now(1_795_000_000_000 + 3 * WALK_PERIOD_MS);
        assert_eq!(clock.frequency(mark), 0);
    }
}
