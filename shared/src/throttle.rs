//! Lines of the log that strangers provoke: of each kind one a second, with how many were left out. Holds two numbers, so that all threads of a process may
//! share one. Never: reads a clock, says anything.
//! Invariant: whatever strangers do, a kind of line takes no more of the log than one line a second.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shortest time between two lines of a kind: enough to see that it goes on, and nothing to fill a disk with.
const PAUSE_MS: u64 = 1_000;

/// One kind of line. A `static` beside the line that it limits.
#[derive(Debug)]
pub struct Throttle {
    /// Wall-clock milliseconds of the last line; 0 before the first.
    last_ms: AtomicU64,
    /// Lines left out since.
    left_out: AtomicU64,
}

impl Throttle {
    /// Nothing was said yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last_ms: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether there may be a line now, wall-clock milliseconds: then how many were left out since the last one.
    ///
    /// Wall time, for clocks of several threads have only that in common; where it goes back, the next line is not late.
    pub fn admit(&self, now_ms: u64) -> Option<u64> {
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        let is_due = now_ms.abs_diff(last_ms) >= PAUSE_MS;
        // Of several threads that find it due one says it.
        let is_ours = is_due
            && self
                .last_ms
                .compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_ours {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_says_how_many_were_left_out() {
        let lines = Throttle::new();
        let check = |now_ms: u64, left_out: Option<u64>| {
            assert_eq!(lines.admit(now_ms), left_out, "at {now_ms}");
        };
        check(5_000, Some(0));
        check(5_000, None);
        check(5_999, None);
        check(6_000, Some(2));
        check(6_500, None);
        // The clock was set back by an hour; then it goes on.
        check(2_000, Some(1));
        check(2_999, None);
        check(90_000, Some(1));
    }

    #[test]
    fn of_many_threads_one_says_it_and_every_line_is_counted() {
        let lines = Throttle::new();
        let said: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| (0..1_000).filter(|_| lines.admit(7_000).is_some()).count())
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(said, 1);
        assert_eq!(lines.admit(9_000), Some(7_999));
    }
}
