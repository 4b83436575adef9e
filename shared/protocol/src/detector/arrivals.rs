//! How long it usually takes from one answer of a node to the next.
//! Pure. Whole milliseconds throughout, so that the same answers give the same patience everywhere. Invariant: patience lies between the shortest and the longest
//! pause, whatever arrived and when.

use std::collections::VecDeque;

use super::Settings;

/// Fewer intervals say nothing about how they are spread.
const FEWEST: usize = 4;

/// The last intervals between two answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrivals {
    intervals_ms: VecDeque<u64>,
    sum: u64,
    squares: u64,
}

impl Arrivals {
    /// So long after the last answer came the next.
    pub(super) fn note(&mut self, interval_ms: u64, settings: &Settings) {
        // A silence that was longer says that the node was away, and not how it answers.
        let interval_ms = interval_ms.min(settings.longest_pause_ms);
        self.intervals_ms.push_back(interval_ms);
        self.sum += interval_ms;
        self.squares += interval_ms * interval_ms;
        if self.intervals_ms.len() as u64 > settings.window
            && let Some(oldest) = self.intervals_ms.pop_front()
        {
            self.sum -= oldest;
            self.squares -= oldest * oldest;
        }
    }

    /// The silence at which φ reaches the threshold: the mean, and so many deviations (in thousandths) of it.
    pub(super) fn patience_ms(&self, deviations: u64, settings: &Settings) -> u64 {
        let (mean, deviation) = if self.intervals_ms.len() < FEWEST {
            (settings.interval_ms, settings.least_deviation_ms)
        } else {
            let count = self.intervals_ms.len() as u64;
            // n² times the variance: never below zero, and exact.
            let spread = count * self.squares - self.sum * self.sum;
            let deviation = spread.isqrt().div_ceil(count);
            let mean = self.sum.div_ceil(count);
            (mean, deviation.max(settings.least_deviation_ms))
        };
        let patience = mean + (deviation * deviations).div_ceil(1_000);
        patience
            .min(settings.longest_pause_ms)
            .max(settings.shortest_pause_ms)
    }
}
