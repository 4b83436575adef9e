//! How fast a counter grows, averaged over the last samples, as Redis' `instantaneous_…` fields.
//! Pure: the tick tells it the counter and the time.

/// Samples averaged.
const SAMPLES: usize = 16;

/// Growth of a counter per second.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    per_second: [u64; SAMPLES],
    next: usize,
    last_count: u64,
    last_ms: u64,
}

impl Rate {
    /// The counter stands at `count` at monotonic `now_ms`.
    pub fn sample(&mut self, count: u64, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.last_ms);
        if self.last_ms > 0 && elapsed_ms > 0 {
            let grown = count.saturating_sub(self.last_count);
            self.per_second[self.next] = grown.saturating_mul(1_000) / elapsed_ms;
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last_count = count;
        self.last_ms = now_ms;
    }

    /// Average of the samples.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        self.per_second.iter().sum::<u64>() / SAMPLES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn a_steady_counter_has_its_rate_after_sixteen_samples() {
        let mut rate = Rate::default();
        for sample in 0..=16 {
            rate.sample(sample * 500, 1 + sample * 100);
        }
        assert_eq!(rate.per_second(), 5_000);
    }
}
