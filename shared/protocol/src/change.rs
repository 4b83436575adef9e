//! How a shard's membership may change, and by which evidence; and what each node is to be told then.
//! Pure. Never: talks to the store or a node, or believes in a detector: whether somebody is suspected is for speed alone, and nobody asks here.
//! Invariants: a change counts for exactly one version of the document, and only evidence that was asked for after that version was loaded counts for it; the
//! in-sync set shrinks before anybody stops waiting, and grows after everybody waits.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Epoch, Version};

use crate::guard::RoleKind;
use crate::member::{Member, Membership};
use crate::replica::{Instruction, Status, What};

/// What was learned of the nodes while one version of the document was the newest that was known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Evidence<N: Ord> {
    /// The version that was loaded before anybody was asked.
    pub version: Version,
    /// Who answered, and what.
    pub statuses: BTreeMap<N, Status<N>>,
}

/// Why a change is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// The evidence is of another version: load the document, and ask again.
    OldEvidence,
    /// Nobody has heard from a node that must be heard.
    Unheard,
    /// The document or a node's own word is against it.
    Unfit,
}

impl<N: Clone + Ord> Evidence<N> {
    /// None yet, for this version.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            statuses: BTreeMap::new(),
        }
    }

    fn of(&self, now: &Membership<N>, node: &N) -> Result<&Status<N>, NotAllowed> {
        if self.version != now.version {
            return Err(NotAllowed::OldEvidence);
        }
        self.statuses.get(node).ok_or(NotAllowed::Unheard)
    }
}

fn must(holds: bool) -> Result<(), NotAllowed> {
    holds.then_some(()).ok_or(NotAllowed::Unfit)
}

impl<N: Clone + Ord> Membership<N> {
    /// The present life of a node is listed as one that copies.
    ///
    /// # Errors
    /// It is in sync, or listed already.
    pub fn register(&self, evidence: &Evidence<N>, node: &N) -> Result<Self, NotAllowed> {
        let status = evidence.of(self, node)?;
        let member = Member {
            node: node.clone(),
            incarnation: status.incarnation,
        };
        must(!self.in_sync.contains(&member) && !self.learners.contains(&member))?;
        let mut next = self.next();
        next.list_learner(member);
        Ok(next)
    }

    /// A follower that is in sync leads from now on.
    ///
    /// # Errors
    /// It is not in sync in its present life, has half a copy, or another one that could lead has more.
    pub fn promote(&self, evidence: &Evidence<N>, node: &N) -> Result<Self, NotAllowed> {
        let status = evidence.of(self, node)?;
        let member = Member {
            node: node.clone(),
            incarnation: status.incarnation,
        };
        must(*node != self.primary.node && self.in_sync.contains(&member) && !status.is_syncing)?;
        let may_lead = |(node, other): (&N, &Status<N>)| {
            let other_life = Member {
                node: node.clone(),
                incarnation: other.incarnation,
            };
            *node != self.primary.node && self.in_sync.contains(&other_life) && !other.is_syncing
        };
        let farthest = evidence.statuses.iter().filter(|one| may_lead(*one));
        let farthest = farthest.map(|(_, status)| status.position).max();
        must(farthest == Some(status.position))?;
        let mut next = self.next();
        next.epoch = Epoch(self.epoch.0 + 1);
        next.demote(&self.primary);
        next.learners.retain(|learner| *learner != member);
        next.primary = member;
        Ok(next)
    }

    /// A follower is not waited for any more. Needs no evidence: it is for whoever decides to say that it is gone.
    ///
    /// # Errors
    /// It is not in sync, or leads.
    pub fn shrink(&self, member: &Member<N>) -> Result<Self, NotAllowed> {
        must(self.in_sync.contains(member) && *member != self.primary)?;
        let mut next = self.next();
        next.demote(member);
        Ok(next)
    }

    /// A follower that the primary waits for, and that has all, is in sync from now on.
    ///
    /// # Errors
    /// The primary does not lead by this very document, does not wait for it, or it has not all.
    pub fn grow(&self, evidence: &Evidence<N>, member: &Member<N>) -> Result<Self, NotAllowed> {
        let status = evidence.of(self, &self.primary.node)?;
        let leads = status
            .role
            .is_some_and(|role| role.kind == RoleKind::Primary && role.epoch == self.epoch);
        let Some(leading) = &status.leading else {
            return Err(NotAllowed::Unfit);
        };
        must(
            leads
                && status.incarnation == self.primary.incarnation
                && leading.applied_rev == self.version
                && leading.joined.contains(member)
                && !self.in_sync.contains(member)
                && member.node != self.primary.node,
        )?;
        let mut next = self.next();
        next.learners.remove(member);
        // A former life of the node has nothing any more.
        next.in_sync.retain(|other| other.node != member.node);
        next.in_sync.insert(member.clone());
        Ok(next)
    }

    /// All who were in sync have restarted, so that nothing better can turn up than what they have now: the one with most leads, alone. One that was not in sync
    /// may have more, when a member was chosen or waited for alone and lost what it had: all are heard, but for those `given_up`, which did not answer for as long
    /// as anybody wants to wait.
    ///
    /// # Errors
    /// One of those who were in sync has not answered, or lives on; or another one has not answered, and is not given up.
    pub fn recover(
        &self,
        evidence: &Evidence<N>,
        given_up: &BTreeSet<N>,
    ) -> Result<Self, NotAllowed> {
        for member in &self.in_sync {
            let status = evidence.of(self, &member.node)?;
            must(status.incarnation != member.incarnation)?;
        }
        for node in self.nodes().difference(given_up) {
            evidence.of(self, node)?;
        }
        self.led_by_the_farthest(evidence)
    }

    /// Nobody who is in sync answers, and an operator has said that what only those had may be lost: the one with most of those that answer leads, alone.
    ///
    /// # Errors
    /// One who is in sync answers, so that nothing need be lost; or nobody answers who has a whole copy.
    pub fn accept_loss(&self, evidence: &Evidence<N>) -> Result<Self, NotAllowed> {
        must(self.version == evidence.version).map_err(|_| NotAllowed::OldEvidence)?;
        for member in &self.in_sync {
            let status = evidence.statuses.get(&member.node);
            must(status.is_none_or(|status| status.incarnation != member.incarnation))?;
        }
        self.led_by_the_farthest(evidence)
    }

    /// The one with most of all who answer leads, alone; the others copy.
    fn led_by_the_farthest(&self, evidence: &Evidence<N>) -> Result<Self, NotAllowed> {
        let whole = evidence
            .statuses
            .iter()
            .filter(|(_, status)| !status.is_syncing);
        let nodes = self.nodes();
        let (node, status) = whole
            .filter(|(node, _)| nodes.contains(*node))
            .max_by_key(|(_, status)| status.position)
            .ok_or(NotAllowed::Unheard)?;
        let leader = Member {
            node: node.clone(),
            incarnation: status.incarnation,
        };
        let mut next = self.next();
        next.epoch = Epoch(self.epoch.0 + 1);
        for member in self.in_sync.iter().filter(|one| one.node != leader.node) {
            next.demote(member);
        }
        next.in_sync = [leader.clone()].into();
        next.learners.retain(|learner| learner.node != leader.node);
        for (node, status) in &evidence.statuses {
            if *node != leader.node && nodes.contains(node) {
                next.list_learner(Member {
                    node: node.clone(),
                    incarnation: status.incarnation,
                });
            }
        }
        next.primary = leader;
        Ok(next)
    }

    /// A node that only copies is listed no more: its copy is not needed.
    ///
    /// # Errors
    /// It leads, is in sync, or is not listed.
    pub fn dismiss(&self, node: &N) -> Result<Self, NotAllowed> {
        let has = |set: &BTreeSet<Member<N>>| set.iter().any(|member| member.node == *node);
        must(has(&self.learners) && !has(&self.in_sync) && self.primary.node != *node)?;
        let mut next = self.next();
        next.learners.retain(|learner| learner.node != *node);
        Ok(next)
    }

    /// What a node of the shard is to be told by this document, after it has said this. Telling it again does no harm.
    #[must_use]
    pub fn orders(&self, node: &N, status: &Status<N>) -> Option<Instruction<N>> {
        let member = Member {
            node: node.clone(),
            incarnation: status.incarnation,
        };
        let is_current = status.role.is_some_and(|role| role.epoch == self.epoch);
        let what = if member == self.primary {
            match &status.leading {
                Some(leading) if is_current && leading.applied_rev >= self.version => return None,
                Some(_) if is_current => What::InSync(self.in_sync.clone()),
                _ => What::Promote(self.in_sync.clone()),
            }
        } else {
            if is_current && status.seen_rev >= self.version && !status.needs_sync {
                return None;
            }
            What::Follow {
                leader: self.primary.clone(),
                may_wipe: self.learners.contains(&member),
            }
        };
        Some(self.instruction(&member, what))
    }

    /// What the primary is to be told so that a follower which copies, and has nearly all, can grow into the in-sync set: wait for it first.
    #[must_use]
    pub fn order_to_join(&self, status: &Status<N>, learner: &Member<N>) -> Option<Instruction<N>> {
        let leading = status.leading.as_ref()?;
        let fits = self.learners.contains(learner)
            && leading.applied_rev == self.version
            && !leading.waits_for.contains(learner);
        fits.then(|| self.instruction(&self.primary, What::Join(learner.clone())))
    }

    /// What the primary is to be told so that nothing new begins before another one leads.
    #[must_use]
    pub fn order_to_hold(&self, status: &Status<N>, most_ms: u64) -> Option<Instruction<N>> {
        let leading = status.leading.as_ref()?;
        let leads = status.incarnation == self.primary.incarnation
            && status.role.is_some_and(|role| role.epoch == self.epoch);
        let fits = leads && leading.applied_rev == self.version;
        fits.then(|| self.instruction(&self.primary, What::Hold { most_ms }))
    }

    fn instruction(&self, to: &Member<N>, what: What<N>) -> Instruction<N> {
        Instruction {
            epoch: self.epoch,
            rev: self.version,
            incarnation: to.incarnation,
            what,
        }
    }
}
