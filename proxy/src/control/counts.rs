//! What this proxy has done for shards, counted. Plain data. Pure.

use std::collections::BTreeMap;

use protocol::controller::{Change, Why};
use shared::topology::{NodeId, ShardId};

/// Why a shard got another primary, or the same in another life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The primary was lost, or had restarted.
    Lost,
    /// An operator wanted it.
    Planned,
    /// All who were in sync had restarted.
    AllRestarted,
    /// An operator has accepted that what others had is lost.
    AcceptedLoss,
}

impl Cause {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::Lost,
        Self::Planned,
        Self::AllRestarted,
        Self::AcceptedLoss,
    ];

    /// Where machines read it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Planned => "planned",
            Self::AllRestarted => "all_restarted",
            Self::AcceptedLoss => "accepted_loss",
        }
    }

    fn of(change: &Change<ShardId, NodeId>) -> Option<(&ShardId, Self)> {
        match change {
            Change::Promoted(shard, _, Why::Planned) => Some((shard, Self::Planned)),
            Change::Promoted(shard, ..) => Some((shard, Self::Lost)),
            Change::Recovered(shard, _) => Some((shard, Self::AllRestarted)),
            Change::LossAccepted(shard, _) => Some((shard, Self::AcceptedLoss)),
            Change::Shrunk(..)
            | Change::Grown(..)
            | Change::Registered(..)
            | Change::Attached(..)
            | Change::Dismissed(..) => None,
        }
    }
}

/// All that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Changes of a primary that this proxy has written.
    pub(crate) failovers: BTreeMap<(ShardId, Cause), u64>,
    /// Orders and questions that nodes have refused.
    pub(crate) refused: u64,
}

impl Counts {
    /// A change was written.
    pub(super) fn changed(&mut self, change: &Change<ShardId, NodeId>) {
        if let Some((shard, cause)) = Cause::of(change) {
            *self.failovers.entry((shard.clone(), cause)).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_a_primary_are_counted_by_cause() {
        let (shard, node) = (ShardId::numbered(1), NodeId::numbered(2));
        let mut counts = Counts::default();
        for why in [Why::Down, Why::Restarted, Why::Planned] {
            counts.changed(&Change::Promoted(shard.clone(), node.clone(), why));
        }
        counts.changed(&Change::Recovered(shard.clone(), node.clone()));
        counts.changed(&Change::LossAccepted(shard.clone(), node.clone()));
        counts.changed(&Change::Grown(shard.clone(), node.clone()));
        counts.changed(&Change::Shrunk(shard.clone(), node, Why::Down));
        let of = |cause| counts.failovers.get(&(shard.clone(), cause)).copied();
        assert_eq!(Cause::ALL.map(of), [Some(2), Some(1), Some(1), Some(1)]);
    }
}
