//! Whether the topology's store answers, and since when not. Pure: who looks says what was seen, and when.

/// What is known of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreSeen {
    /// When it answered last.
    pub(crate) answered_ms: u64,
    /// Since when it has been known not to answer.
    pub(crate) away_since_ms: Option<u64>,
    /// How often it had answered when that was looked at.
    answers: u64,
}

impl StoreSeen {
    /// It has just answered: the topology in use is from there.
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            answered_ms: now_ms,
            away_since_ms: None,
            answers: 0,
        }
    }

    /// It has answered so often by now.
    pub(super) fn count(&mut self, answers: u64, now_ms: u64) {
        if answers != self.answers {
            self.answers = answers;
            self.answered(now_ms);
        }
    }

    /// It has answered, whatever it said.
    pub(super) fn answered(&mut self, now_ms: u64) {
        self.answered_ms = now_ms;
        self.away_since_ms = None;
    }

    /// It was asked, and has not answered.
    pub(super) fn is_silent(&mut self, now_ms: u64) {
        self.away_since_ms.get_or_insert(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_away_from_the_first_silence_to_the_next_answer() {
        let mut seen = StoreSeen::new(5);
        seen.is_silent(10);
        seen.is_silent(20);
        seen.count(0, 30);
        assert_eq!((seen.answered_ms, seen.away_since_ms), (5, Some(10)));
        seen.count(1, 40);
        assert_eq!((seen.answered_ms, seen.away_since_ms), (40, None));
        seen.count(1, 50);
        assert_eq!(seen.answered_ms, 40, "nothing new");
        seen.answered(60);
        assert_eq!(seen.answered_ms, 60);
    }
}
