//! CLIENT PAUSE: what is held up, and until when.
//! Touches: atomics that every thread reads, and a channel that wakes those who wait. Never: a clock; it is told what time it is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// What CLIENT PAUSE holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Writes.
    Writes,
    /// Every command.
    All,
}

/// The pause of a proxy.
#[derive(Debug)]
pub(crate) struct Pause {
    /// Monotonic milliseconds; 0: there is none.
    until_ms: AtomicU64,
    /// Not only writes.
    holds_all: AtomicBool,
    /// It has changed.
    news: watch::Sender<()>,
}

impl Pause {
    /// Nothing is held up.
    pub(crate) fn new() -> Self {
        Self {
            until_ms: AtomicU64::new(0),
            holds_all: AtomicBool::new(false),
            news: watch::Sender::new(()),
        }
    }

    /// Whether nobody needs to look at a clock to know that nothing is held up.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.until_ms.load(Ordering::Relaxed) == 0
    }

    /// What is held up now.
    #[inline]
    pub(crate) fn hold(&self, now_ms: u64) -> Option<Hold> {
        if now_ms >= self.until_ms.load(Ordering::Relaxed) {
            return None;
        }
        if self.holds_all.load(Ordering::Relaxed) {
            Some(Hold::All)
        } else {
            Some(Hold::Writes)
        }
    }

    /// Begins a pause; one for 0 ms lets everything go. As in Redis, a pause that is there is made longer and stricter, not shorter.
    pub(crate) fn begin(&self, now_ms: u64, for_ms: u64, all: bool) {
        if for_ms == 0 {
            self.until_ms.store(0, Ordering::Relaxed);
        } else if self.hold(now_ms).is_some() {
            self.holds_all.fetch_or(all, Ordering::Relaxed);
            self.until_ms
                .fetch_max(now_ms.saturating_add(for_ms), Ordering::Relaxed);
        } else {
            self.holds_all.store(all, Ordering::Relaxed);
            self.until_ms
                .store(now_ms.saturating_add(for_ms), Ordering::Relaxed);
        }
        self.news.send_replace(());
    }

    /// How long it still lasts, in milliseconds. What is over is forgotten.
    pub(crate) fn left_ms(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        let left = until_ms.saturating_sub(now_ms);
        if left == 0 {
            // Unless somebody has just begun another one.
            self.until_ms
                .compare_exchange(until_ms, 0, Ordering::Relaxed, Ordering::Relaxed)
                .ok();
            return None;
        }
        Some(left)
    }

    /// Tells when it begins, ends or changes.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_and_ends() {
        let pause = Pause::new();
        assert!(pause.is_off() && pause.left_ms(5).is_none());
        pause.begin(1_000, 50, false);
        pause.begin(1_010, 5, true);
        assert_eq!(pause.hold(1_049), Some(Hold::All));
        assert_eq!(pause.left_ms(1_040), Some(10));
        assert_eq!(pause.hold(1_050), None);
        assert!(!pause.is_off());
        assert_eq!(pause.left_ms(1_050), None);
        assert!(pause.is_off());
        pause.begin(2_000, 50, false);
        assert_eq!(pause.hold(2_001), Some(Hold::Writes), "strictness ends too");
        pause.begin(2_001, 0, false);
        assert!(pause.is_off());
    }
}
