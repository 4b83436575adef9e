//! Messages on their way, in an order of their own, so that sets of them can be compared.

use std::collections::BTreeSet;

use protocol::{Acknowledgement, Instruction, Member, Offset, What};
use shared::topology::{Epoch, Incarnation, Version};

use crate::world::Node;

/// An order on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderTo {
    pub(crate) node: Node,
    pub(crate) order: Instruction<Node>,
}

impl OrderTo {
    fn key(&self) -> (Node, u64, u64, u64, u8, Vec<(Node, u64)>) {
        let members = |set: &BTreeSet<Member<Node>>| {
            set.iter()
                .map(|one| (one.node, one.incarnation.0))
                .collect()
        };
        let (kind, who) = match &self.order.what {
            What::Fence => (0, Vec::new()),
            What::Promote(set) => (1, members(set)),
            What::InSync(set) => (2, members(set)),
            What::Join(one) => (3, vec![(one.node, one.incarnation.0)]),
            What::Hold { .. } => (4, Vec::new()),
            What::Follow { leader, may_wipe } => (
                5 + u8::from(*may_wipe),
                vec![(leader.node, leader.incarnation.0)],
            ),
        };
        let order = &self.order;
        (
            self.node,
            order.epoch.0,
            order.rev.0,
            order.incarnation.0,
            kind,
            who,
        )
    }
}

impl PartialOrd for OrderTo {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderTo {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// An acknowledgement, in an order of its own.
pub(crate) type AckKey = (u64, u64, u64, u64, u64);

pub(crate) fn key_of(heard: &Acknowledgement) -> AckKey {
    (
        heard.epoch.0,
        heard.follower.0,
        heard.offset.0,
        heard.rev.0,
        heard.confirms,
    )
}

pub(crate) fn of_key(key: AckKey) -> Acknowledgement {
    Acknowledgement {
        epoch: Epoch(key.0),
        follower: Incarnation(key.1),
        offset: Offset(key.2),
        rev: Version(key.3),
        confirms: key.4,
    }
}
