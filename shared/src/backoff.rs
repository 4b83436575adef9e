//! How long to wait before trying again: twice as long from failure to failure, up to a bound, with jitter so that many who lost the same
//! node do not come back in step. Pure: the dice are passed in, the sleeping is the caller's.
//!
//! "Equal jitter": half of the pause is fixed, half is drawn. The fixed half keeps a dead peer from being hammered however the dice fall.

use std::time::Duration;

/// Pauses between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// The first pause is about `shortest`, none is longer than `longest`, which is at least `shortest`.
    #[must_use]
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self {
            shortest,
            longest: longest.max(shortest),
            failures: 0,
        }
    }

    /// Notes a failure and says how long to wait now. `dice` is any 64 random bits.
    #[must_use]
    pub fn after_failure(&mut self, dice: u64) -> Duration {
        // 2^32 times anything worth waiting for is beyond `longest`; the shift stays in range.
        let doublings = self.failures.min(31);
        let full = self
            .shortest
            .saturating_mul(1 << doublings)
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = full / 2;
        half + scaled(full - half, dice)
    }

    /// Notes a success: the next pause is a short one again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// From nothing, for dice of 0, nearly up to `most`, for the greatest dice.
fn scaled(most: Duration, dice: u64) -> Duration {
    let nanoseconds = most.as_nanos().min(u128::from(u64::MAX));
    let drawn = (nanoseconds * u128::from(dice)) >> 64;
    Duration::from_nanos(u64::try_from(drawn).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(ms(20), ms(1_000));
        let pauses: Vec<Duration> = (0..8).map(|_| backoff.after_failure(0)).collect();
        let halves = [10, 20, 40, 80, 160, 320, 500, 500].map(ms);
        assert_eq!(pauses, halves);
        assert_eq!(backoff.failures(), 8);
        backoff.reset();
        assert_eq!(backoff.after_failure(0), ms(10));
    }

    #[test]
    fn a_longest_pause_below_the_shortest_is_the_shortest() {
        let mut backoff = Backoff::new(ms(20), ms(1));
        assert_eq!(backoff.after_failure(0), ms(10));
        assert_eq!(backoff.after_failure(0), ms(10));
    }

    proptest! {
        #[test]
        fn no_pause_is_longer_than_the_longest_or_shorter_than_half_the_shortest(
            shortest in 1_u64..u64::MAX, longest in 1_u64..u64::MAX, dice in any::<u64>(), failures in 1_u32..100,
        ) {
            let (shortest, longest) = (Duration::from_nanos(shortest), Duration::from_nanos(longest));
            let mut backoff = Backoff::new(shortest, longest);
            let mut last = Duration::ZERO;
            for _ in 0..failures {
                let pause = backoff.after_failure(dice);
                prop_assert!(pause <= longest.max(shortest));
                prop_assert!(pause >= shortest / 2);
                prop_assert!(pause >= last, "the same dice never shorten a pause");
                last = pause;
            }
        }
    }
}
