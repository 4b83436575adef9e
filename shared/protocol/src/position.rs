//! How far a log has come.
//! Pure. Epoch, incarnation and version are nouns of the topology and live there.

use shared::topology::Epoch;

/// Byte position in a shard's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// How far a log has come: by the epoch of its last entry first, then by the offset behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Epoch of the last entry.
    pub last_epoch: Epoch,
    /// Where it ends.
    pub offset: Offset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_is_farther_than_any_offset() {
        let at = |epoch, offset| Position {
            last_epoch: Epoch(epoch),
            offset: Offset(offset),
        };
        assert!(at(1, 900) < at(2, 0));
        assert!(at(2, 0) < at(2, 1));
        assert_eq!(at(2, 1).max(at(1, 2)), at(2, 1));
    }
}
