//! Which epoch each entry of a log has: a log and this table are written, kept and cut together.
//! Pure. Invariant: epochs rise strictly, offsets never fall, and every entry of the log has exactly one epoch.

use shared::topology::Epoch;

use crate::position::{Offset, Position};

/// Where the entries of each epoch begin, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EpochTable {
    begins: Vec<(Epoch, Offset)>,
}

impl EpochTable {
    /// Of a log that was kept elsewhere; `None` when epochs do not rise or offsets fall.
    #[must_use]
    pub fn new(begins: Vec<(Epoch, Offset)>) -> Option<Self> {
        let rises = begins
            .windows(2)
            .all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        rises.then_some(Self { begins })
    }

    /// Where the entries of each epoch begin, oldest first.
    #[must_use]
    pub fn begins(&self) -> &[(Epoch, Offset)] {
        &self.begins
    }

    /// An entry of this epoch is about to be appended at `end`.
    ///
    /// # Panics
    /// When the log has entries of a newer epoch: nobody may append behind those.
    pub fn append(&mut self, epoch: Epoch, end: Offset) {
        let last = self.begins.last();
        assert!(
            last.is_none_or(|(newest, _)| *newest <= epoch),
            "entries of an older epoch are not appended behind those of a newer one"
        );
        if last.is_none_or(|(newest, _)| *newest < epoch) {
            self.begins.push((epoch, end));
        }
    }

    /// The newest epoch of which there are entries.
    #[must_use]
    pub fn newest(&self) -> Option<Epoch> {
        self.begins.last().map(|(epoch, _)| *epoch)
    }

    /// Forgets all but the newest so many: what is older is the beginning of nothing any more.
    pub fn keep_last(&mut self, count: usize) {
        let old = self.begins.len().saturating_sub(count);
        self.begins.drain(..old);
    }

    /// The log ends at `end` from now on; what came behind is gone.
    pub fn cut(&mut self, end: Offset) {
        self.begins.retain(|(_, first)| *first < end);
    }

    /// The position of a log that ends at `end`.
    #[must_use]
    pub fn position(&self, end: Offset) -> Position {
        let before = self.begins.iter().rev().find(|(_, first)| *first < end);
        Position {
            last_epoch: before.map_or(Epoch(0), |(epoch, _)| *epoch),
            offset: end,
        }
    }

    /// Whether the log, which ends at `end`, begins with all of one that ends at `position`: then that one is continued, and not copied anew. An entry must end
    /// at its offset, which the log itself knows. Nothing at all is the beginning of every log.
    #[must_use]
    pub fn continues(&self, position: Position, end: Offset) -> bool {
        position.offset <= end
            && (position.offset == Offset(0) || self.position(position.offset) == position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(begins: &[(u64, u64)]) -> EpochTable {
        let begins = begins
            .iter()
            .map(|(epoch, at)| (Epoch(*epoch), Offset(*at)));
        EpochTable::new(begins.collect()).unwrap()
    }

    fn at(epoch: u64, offset: u64) -> Position {
        Position {
            last_epoch: Epoch(epoch),
            offset: Offset(offset),
        }
    }

    #[test]
    fn each_entry_has_the_epoch_in_which_it_was_appended() {
        let mut log = EpochTable::default();
        for (epoch, end) in [(1, 0), (1, 10), (4, 20), (4, 30), (5, 40)] {
            log.append(Epoch(epoch), Offset(end));
        }
        assert_eq!(log, table(&[(1, 0), (4, 20), (5, 40)]));
        for (end, epoch) in [(0, 0), (10, 1), (20, 1), (30, 4), (40, 4), (50, 5)] {
            assert_eq!(log.position(Offset(end)), at(epoch, end));
        }
        log.cut(Offset(40));
        assert_eq!(log, table(&[(1, 0), (4, 20)]));
        log.cut(Offset(20));
        assert_eq!(log, table(&[(1, 0)]));
    }

    #[test]
    fn only_the_beginning_of_the_same_log_is_continued() {
        let log = table(&[(1, 0), (4, 20)]);
        let check = |position: Position, expected: bool| {
            assert_eq!(
                log.continues(position, Offset(50)),
                expected,
                "{position:?}"
            );
        };
        check(at(0, 0), true);
        check(at(9, 0), true);
        check(at(1, 10), true);
        check(at(1, 20), true);
        check(at(1, 30), false);
        check(at(4, 30), true);
        check(at(3, 30), false);
        check(at(4, 50), true);
        check(at(4, 51), false);
    }

    #[test]
    fn a_table_that_does_not_rise_is_none() {
        let begins = |begins: &[(u64, u64)]| {
            let begins = begins
                .iter()
                .map(|(epoch, at)| (Epoch(*epoch), Offset(*at)));
            EpochTable::new(begins.collect())
        };
        assert_eq!(begins(&[(2, 0), (2, 5)]), None);
        assert_eq!(begins(&[(3, 0), (2, 5)]), None);
        assert_eq!(begins(&[(2, 6), (3, 5)]), None);
        assert!(begins(&[(2, 5), (3, 5)]).is_some());
    }
}
