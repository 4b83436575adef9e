//! Commands for a node that cannot be reached: they wait for it, but not longer than a deadline, and from then on fail at once until it is back.
//! Pure: is told what happened and what time it is.

use std::time::Duration;

/// What is known of the way to one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Since when nothing could be sent, monotonic milliseconds; `None` while it can.
    lost_since_ms: Option<u64>,
}

impl Reach {
    /// A connection is ready.
    pub(crate) fn connected(&mut self) {
        self.lost_since_ms = None;
    }

    /// A connection was lost, or an attempt that began at `now_ms` failed.
    pub(crate) fn lost(&mut self, now_ms: u64) {
        self.lost_since_ms.get_or_insert(now_ms);
    }

    /// Whether commands for the node still wait, rather than fail at once.
    pub(crate) fn waits(&self, now_ms: u64, deadline: Duration) -> bool {
        self.lost_since_ms
            .is_none_or(|since| u128::from(now_ms.saturating_sub(since)) < deadline.as_millis())
    }

    /// Whether the last attempt failed.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost_since_ms.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_wait_until_the_deadline_and_then_fail_at_once_until_the_node_is_back() {
        let deadline = Duration::from_millis(100);
        let mut reach = Reach::default();
        assert!(reach.waits(0, deadline));
        reach.lost(1_000);
        assert!(reach.waits(1_099, deadline));
        // Later failures do not begin the deadline anew.
        reach.lost(1_090);
        assert!(!reach.waits(1_100, deadline));
        assert!(!reach.waits(9_999, deadline));
        reach.connected();
        assert!(reach.waits(10_000, deadline));
        assert!(!reach.is_lost());
    }

    #[test]
    fn without_a_deadline_nothing_waits() {
        let mut reach = Reach::default();
        reach.lost(5);
        assert!(!reach.waits(5, Duration::ZERO));
    }
}
