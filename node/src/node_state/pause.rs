//! CLIENT PAUSE: which commands wait, and until when.
//! Pure: waiting is done by the shell, which is told of every change.

use shared::session::PauseKind;

/// The pause under way, if any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pause {
    until_ms: u64,
    all: bool,
    changed: bool,
}

impl Pause {
    /// Begins a pause, or changes the present one: the later end and the stricter kind stand, as in Redis.
    pub fn begin(&mut self, kind: PauseKind, until_ms: u64, now_ms: u64) {
        if !self.is_on(now_ms) {
            *self = Self::default();
        }
        self.until_ms = self.until_ms.max(until_ms);
        self.all |= kind == PauseKind::All;
        self.changed = true;
    }

    /// CLIENT UNPAUSE.
    pub fn end(&mut self) {
        *self = Self {
            changed: true,
            ..Self::default()
        };
    }

    /// Whether it is another one than the last time; the shell then lets those who wait look again.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether anything waits.
    #[must_use]
    #[inline]
    pub fn is_on(&self, now_ms: u64) -> bool {
        self.until_ms > now_ms
    }

    /// Whether a command waits; `writes` when it may change the keyspace.
    #[must_use]
    #[inline]
    pub fn holds(&self, writes: bool, now_ms: u64) -> bool {
        self.is_on(now_ms) && (self.all || writes)
    }

    /// Unix milliseconds at which it ends.
    #[must_use]
    pub fn until_ms(&self) -> u64 {
        self.until_ms
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
