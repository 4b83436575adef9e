//! Who belongs to a shard, and what the document says of it.
//! Pure. Invariant: a change makes the version rise by one; one that gives the shard another primary makes its epoch rise by one.

use std::collections::BTreeSet;

use shared::topology::{Epoch, Incarnation, Version};

/// One life of a node. `N` is how its user names nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member<N> {
    /// The node.
    pub node: N,
    /// The life.
    pub incarnation: Incarnation,
}

/// What the document says of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Membership<N: Ord> {
    /// Version of the document.
    pub version: Version,
    /// One more per change of its primary.
    pub epoch: Epoch,
    /// Who leads.
    pub primary: Member<N>,
    /// Who has every acknowledged write, the primary among them.
    pub in_sync: BTreeSet<Member<N>>,
    /// Who copies.
    pub learners: BTreeSet<Member<N>>,
}

impl<N: Clone + Ord> Membership<N> {
    /// Every node of the shard once.
    #[must_use]
    pub fn nodes(&self) -> BTreeSet<N> {
        let all = self.in_sync.iter().chain(&self.learners);
        all.map(|member| member.node.clone()).collect()
    }

    /// The same with a version that is greater by one, for a change to be made.
    pub(crate) fn next(&self) -> Self {
        Self {
            version: Version(self.version.0 + 1),
            ..self.clone()
        }
    }

    /// Lists a life of a node as one that copies, instead of any other one.
    pub(crate) fn list_learner(&mut self, member: Member<N>) {
        self.learners.retain(|learner| learner.node != member.node);
        self.learners.insert(member);
    }

    /// Lists a member that was in sync as one that copies, unless a newer life of its node is listed already.
    pub(crate) fn demote(&mut self, member: &Member<N>) {
        self.in_sync.remove(member);
        if self
            .learners
            .iter()
            .all(|learner| learner.node != member.node)
        {
            self.learners.insert(member.clone());
        }
    }
}
