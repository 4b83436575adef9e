//! What is known of the way to a node: whether it can be reached, and since when a connection has been silent.
//! Pure: is told what happened and what time it is.

use std::time::Duration;

/// A connection that owes replies and says nothing is given up after so many deadlines, even if something was sent in between: else those who go on sending to
/// a dead connection would keep it.
const MOST_SILENT_DEADLINES: u32 = 3;

/// What is known of the way to one node. Commands wait for it, but not longer than a deadline, and from then on fail at once until it is back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Since when nothing could be sent, monotonic milliseconds; `None` while it can.
    lost_since_ms: Option<u64>,
    /// The last attempt failed because the node does not take the proxy's password.
    is_barred: bool,
}

impl Reach {
    /// A connection is ready.
    pub(crate) fn connected(&mut self) {
        self.lost_since_ms = None;
        self.is_barred = false;
    }

    /// A connection was lost, or an attempt that began at `now_ms` failed.
    pub(crate) fn lost(&mut self, now_ms: u64) {
        self.lost_since_ms.get_or_insert(now_ms);
        self.is_barred = false;
    }

    /// An attempt that began at `now_ms` failed because the node does not take the proxy's password. Unless it is tried again and fails otherwise, commands
    /// are told so.
    pub(crate) fn barred(&mut self, now_ms: u64) {
        self.lost(now_ms);
        self.is_barred = true;
    }

    /// Whether the node is there and does not take the proxy's password.
    pub(crate) fn is_barred(&self) -> bool {
        self.is_barred
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

/// How long a connection that owes replies has been silent, monotonic milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Silence {
    /// When it last said something; when it owed nothing, when it was next asked.
    since_ms: u64,
    /// When it was last asked.
    asked_ms: u64,
}

impl Silence {
    /// Something was sent; the node owed replies before, or not.
    #[inline]
    pub(crate) fn asked(&mut self, now_ms: u64, owed: bool) {
        self.asked_ms = now_ms;
        if !owed {
            self.since_ms = now_ms;
        }
    }

    /// Something was received.
    #[inline]
    pub(crate) fn heard(&mut self, now_ms: u64) {
        self.since_ms = now_ms;
    }

    /// Whether nothing has been received for so long.
    pub(crate) fn is_quiet(&self, now_ms: u64, quiet_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) >= quiet_ms
    }

    /// Whether a connection that owes replies is to be given up. Its patience begins with what it was last sent: as long as somebody's own time is not over, a
    /// node that is busy is waited for.
    pub(crate) fn is_over(&self, now_ms: u64, deadline: Duration) -> bool {
        let silent_for = u128::from(now_ms.saturating_sub(self.since_ms));
        let asked_before = u128::from(now_ms.saturating_sub(self.asked_ms));
        let deadline_ms = deadline.as_millis();
        deadline_ms > 0
            && (silent_for.min(asked_before) >= deadline_ms
                || silent_for >= deadline_ms * u128::from(MOST_SILENT_DEADLINES))
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
    fn a_node_that_refuses_the_password_is_lost_for_another_reason() {
        let mut reach = Reach::default();
        reach.barred(5);
        assert!(reach.is_lost() && reach.is_barred());
        reach.lost(9);
        assert!(reach.is_lost() && !reach.is_barred());
        reach.barred(10);
        reach.connected();
        assert!(!reach.is_lost() && !reach.is_barred());
    }

    #[test]
    fn without_a_deadline_nothing_waits() {
        let mut reach = Reach::default();
        reach.lost(5);
        assert!(!reach.waits(5, Duration::ZERO));
    }

    #[test]
    fn patience_begins_with_what_was_last_sent_and_has_an_end() {
        let deadline = Duration::from_millis(100);
        let mut silence = Silence::default();
        // A long command, and others behind it.
        silence.asked(1_000, false);
        assert!(!silence.is_over(1_099, deadline));
        assert!(silence.is_over(1_100, deadline));
        silence.asked(1_090, true);
        assert!(!silence.is_over(1_189, deadline));
        assert!(silence.is_over(1_190, deadline));
        silence.asked(1_180, true);
        silence.asked(1_270, true);
        assert!(!silence.is_over(1_299, deadline));
        assert!(silence.is_over(1_300, deadline), "three deadlines");
        silence.heard(1_300);
        assert!(!silence.is_over(1_399, deadline));
        assert!(!silence.is_over(u64::MAX, Duration::ZERO));
    }
}
