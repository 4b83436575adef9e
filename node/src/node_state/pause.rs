//! CLIENT PAUSE and FAILOVER: which commands wait, and until when.
//! Pure: waiting is done by the shell, which is told of every change.

use shared::session::PauseKind;

/// The pause under way, if any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pause {
    until_ms: u64,
    all: bool,
    changed: bool,
    /// The leadership is being handed over: writes wait, whatever is said of the pause.
    holds_writes: bool,
}

impl Pause {
    /// Begins a pause, or changes the present one: the later end and the stricter kind stand, as in Redis.
    pub fn begin(&mut self, kind: PauseKind, until_ms: u64, now_ms: u64) {
        if self.until_ms <= now_ms {
            (self.until_ms, self.all) = (0, false);
        }
        self.until_ms = self.until_ms.max(until_ms);
        self.all |= kind == PauseKind::All;
        self.changed = true;
    }

    /// CLIENT UNPAUSE.
    pub fn end(&mut self) {
        *self = Self {
            changed: true,
            holds_writes: self.holds_writes,
            ..Self::default()
        };
    }

    /// Whether writes wait for the end of a FAILOVER.
    pub fn hold_writes(&mut self, holds: bool) {
        self.holds_writes = holds;
        self.changed = true;
    }

    /// Whether it is another one than the last time; the shell then lets those who wait look again.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether anything waits.
    #[must_use]
    #[inline]
    pub fn is_on(&self, now_ms: u64) -> bool {
        self.holds_writes || self.until_ms > now_ms
    }

    /// Whether a command waits; `writes` when it may change the keyspace.
    #[must_use]
    #[inline]
    pub fn holds(&self, writes: bool, now_ms: u64) -> bool {
        self.holds_writes && writes || self.until_ms > now_ms && (self.all || writes)
    }

    /// Unix milliseconds at which it ends; the greatest number where nobody knows.
    #[must_use]
    pub fn until_ms(&self) -> u64 {
        match self.holds_writes {
            true => u64::MAX,
            false => self.until_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pause, PauseKind};

    #[test]
    fn the_later_end_and_the_stricter_kind_stand_until_it_ends() {
        let mut pause = Pause::default();
        pause.begin(PauseKind::All, 100, 0);
        pause.begin(PauseKind::Write, 50, 0);
        assert!(pause.holds(false, 99) && !pause.holds(true, 100));
        pause.begin(PauseKind::Write, 300, 200);
        assert!(pause.holds(true, 250) && !pause.holds(false, 250));
        pause.end();
        assert!(!pause.is_on(250));
    }

    #[test]
    fn writes_wait_for_the_end_of_a_failover_whatever_is_said_of_the_pause() {
        let mut pause = Pause::default();
        pause.hold_writes(true);
        assert!(pause.take_changed());
        assert!(pause.holds(true, u64::MAX) && !pause.holds(false, 0));
        pause.begin(PauseKind::All, 100, 0);
        assert!(pause.holds(false, 99) && !pause.holds(false, 100) && pause.holds(true, 100));
        pause.end();
        assert!(pause.holds(true, 0) && !pause.holds(false, 0));
        assert_eq!(pause.until_ms(), u64::MAX);
        pause.hold_writes(false);
        assert!(!pause.is_on(0) && pause.take_changed());
    }

    #[test]
    fn every_change_is_told_also_one_that_follows_an_end() {
        let mut pause = Pause::default();
        assert!(!pause.take_changed());
        pause.begin(PauseKind::All, 60_000, 0);
        assert!(pause.take_changed() && !pause.take_changed());
        // Those who wait for the old end must learn of the new one.
        pause.end();
        pause.begin(PauseKind::All, 10, 0);
        assert!(pause.take_changed() && !pause.take_changed());
    }
}
