//! How long a silence is borne.
//! Pure. Invariant: what is within its ranges makes a detector that ends every silence in suspicion, within the longest pause and two intervals.

use crate::range::{OutOfRange, out_of_range};

/// How a detector judges. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Between two probes of a node: 20 to 10,000.
    pub interval_ms: u64,
    /// φ from which on a silence is too long, 1 to 16: one in 10^φ silences of a healthy node is as long, if its answers keep to a normal distribution.
    pub threshold: u64,
    /// How many intervals between answers are remembered: 4 to 1,000.
    pub window: u64,
    /// The least deviation of intervals that is reckoned with, however regular the answers: 1 to 10,000.
    pub least_deviation_ms: u64,
    /// A silence from which on a node is doubted, which nobody acts on: `interval_ms` to `shortest_pause_ms`.
    pub doubt_ms: u64,
    /// No shorter silence is suspicious while nobody refuses a connection. It bears a process that stands still for 300 ms: twice `interval_ms` to 60,000.
    pub shortest_pause_ms: u64,
    /// Every longer silence is suspicious: `shortest_pause_ms` to 120,000.
    pub longest_pause_ms: u64,
    /// The silence that is suspicious when connections are refused meanwhile: `interval_ms` to `shortest_pause_ms`.
    pub refused_pause_ms: u64,
    /// How many refusals it takes, with no answer between them: 2 to 100. One is no proof: who has just begun to start refuses, too.
    pub refusals: u64,
}

impl Settings {
    /// What holds when nothing is said.
    pub const DEFAULT: Self = Self {
        interval_ms: 100,
        threshold: 8,
        window: 64,
        least_deviation_ms: 20,
        doubt_ms: 200,
        shortest_pause_ms: 500,
        longest_pause_ms: 1_000,
        refused_pause_ms: 250,
        refusals: 2,
    };

    /// What is not within its range; nothing when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<OutOfRange> {
        let (interval, shortest) = (self.interval_ms, self.shortest_pause_ms);
        out_of_range(&[
            ("interval_ms", interval, 20, 10_000),
            ("threshold", self.threshold, 1, MOST_THRESHOLD),
            ("window", self.window, 4, 1_000),
            ("least_deviation_ms", self.least_deviation_ms, 1, 10_000),
            ("doubt_ms", self.doubt_ms, interval, shortest),
            ("shortest_pause_ms", shortest, 2 * interval, 60_000),
            ("longest_pause_ms", self.longest_pause_ms, shortest, 120_000),
            (
                "refused_pause_ms",
                self.refused_pause_ms,
                interval,
                shortest,
            ),
            ("refusals", self.refusals, 2, 100),
        ])
    }

    /// How many thousandths of a deviation beyond the mean a silence reaches the threshold.
    pub(super) fn deviations(&self) -> u64 {
        let phi = self.threshold.clamp(1, MOST_THRESHOLD);
        // φ and what is left of the curve: 10^-φ = 1 / (1 + e^g(y)), solved for g.
        let goal = (10_f64.powi(i32::try_from(phi).unwrap_or(1)) - 1.0).ln();
        let reaches = |thousandths: &u32| exponent(f64::from(*thousandths) / 1_000.0) >= goal;
        let found = (0..MOST_DEVIATIONS).find(reaches);
        u64::from(found.unwrap_or(MOST_DEVIATIONS))
    }
}

/// Beyond it the approximation of the curve is worth nothing, and nobody waits as long.
const MOST_THRESHOLD: u64 = 16;

/// In thousandths; g(y) of it is far beyond the greatest threshold.
const MOST_DEVIATIONS: u32 = 20_000;

/// g(y) in F(y) ≈ 1 / (1 + e^-g(y)), the logistic curve that runs within 0.0002 of the normal distribution. It rises with y.
fn exponent(y: f64) -> f64 {
    y * (1.5976 + 0.070_566 * y * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_when_nothing_is_said_is_within_its_ranges() {
        assert_eq!(Settings::DEFAULT.problems(), []);
    }

    #[test]
    fn everything_that_is_wrong_is_said_together() {
        let wrong = Settings {
            threshold: 0,
            longest_pause_ms: 499,
            refusals: 1,
            ..Settings::DEFAULT
        };
        let named: Vec<_> = wrong.problems().iter().map(|one| one.setting).collect();
        assert_eq!(named, ["threshold", "longest_pause_ms", "refusals"]);
    }

    /// Thousandths of a deviation: for each, what is left of the curve there is 10^-φ, and a thousandth less leaves more.
    #[test]
    fn a_threshold_is_a_number_of_deviations() {
        for threshold in 1..=16 {
            let settings = Settings {
                threshold,
                ..Settings::DEFAULT
            };
            let found = settings.deviations();
            let phi = |thousandths: u64| {
                let y = thousandths as f64 / 1_000.0;
                exponent(y).exp().ln_1p() / std::f64::consts::LN_10
            };
            assert!(
                phi(found) >= threshold as f64 - 1e-9,
                "{threshold}: {found}"
            );
            assert!(phi(found - 1) < threshold as f64, "{threshold}: {found}");
        }
    }
}
