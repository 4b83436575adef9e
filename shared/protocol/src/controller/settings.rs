//! How patient a controller is.
//! Pure.

use crate::range::{OutOfRange, out_of_range};

/// How patient a controller is. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Between two questions to a node: 10 to 10,000.
    pub ask_ms: u64,
    /// How long a promotion waits for other candidates, of whom one might have more: 0 to 10,000.
    pub gather_ms: u64,
    /// How long a follower may hold up its primary, or be down, before the primary goes on without it: 100 to 600,000.
    pub shrink_ms: u64,
    /// After a change of leadership the shard's primary is not replaced on mere suspicion for so long: 0 to 600,000.
    pub cool_down_ms: u64,
    /// Changes that are not urgent wait so long after the last one, so that many go together: 0 to 60,000.
    pub gentle_ms: u64,
    /// How long clients are held for a planned change of a primary, at most: 20 to 10,000.
    pub hold_ms: u64,
    /// How long a planned change is tried for, or an operator's word waits for nodes that do not answer: `hold_ms` to 600,000.
    pub request_ms: u64,
    /// A copy whose node has not answered for so long is replaced when a spare is there: 1,000 to a week.
    pub replace_ms: u64,
    /// When all who were in sync have restarted, a node that only copied is waited for so long: 1,000 to a week.
    pub give_up_ms: u64,
    /// How much may be missing from a copy that the primary is told to wait for: 0 to 1 GiB, in bytes.
    pub join_bytes: u64,
}

const WEEK_MS: u64 = 7 * 86_400_000;

impl Settings {
    /// What holds when nothing is said.
    pub const DEFAULT: Self = Self {
        ask_ms: 100,
        gather_ms: 200,
        shrink_ms: 1_000,
        cool_down_ms: 5_000,
        gentle_ms: 250,
        hold_ms: 200,
        request_ms: 2_000,
        replace_ms: 60_000,
        give_up_ms: 30_000,
        join_bytes: 1 << 20,
    };

    /// What is not within its range; nothing when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<OutOfRange> {
        out_of_range(&[
            ("ask_ms", self.ask_ms, 10, 10_000),
            ("gather_ms", self.gather_ms, 0, 10_000),
            ("shrink_ms", self.shrink_ms, 100, 600_000),
            ("cool_down_ms", self.cool_down_ms, 0, 600_000),
            ("gentle_ms", self.gentle_ms, 0, 60_000),
            ("hold_ms", self.hold_ms, 20, 10_000),
            ("request_ms", self.request_ms, self.hold_ms, 600_000),
            ("replace_ms", self.replace_ms, 1_000, WEEK_MS),
            ("give_up_ms", self.give_up_ms, 1_000, WEEK_MS),
            ("join_bytes", self.join_bytes, 0, 1 << 30),
        ])
    }
}
