//! A planned change of a shard's primary: clients are held at the primary, what is under way ends, a follower that has all leads.
//! Pure: knowledge in, the next thing to do out. Invariants: nobody is held before a follower is ready, and for no longer than the bound; a primary that
//! answers is replaced only by one that has what it has to the last byte, after all of it was acknowledged.
//!
//! HOLD serves the ease of the change alone. Commands that come to a held primary are not applied, and proxies let them wait; those that it has taken are
//! acknowledged, since its followers go on to copy. So no client sees an error. If anything goes wrong the hold ends by itself and all is as it was.

use shared::topology::{Epoch, Version};

use super::knowledge::Knowledge;
use super::notice::{Change, Reason, Why};
use super::proposed::Proposed;
use super::urgent::{evidence_of, may_lose_one};
use crate::member::Membership;
use crate::position::Position;
use crate::replica::Instruction;

/// A change that an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned<N> {
    /// Who is to lead; anybody who may if `None`.
    pub(super) to: Option<N>,
    /// The epoch by which the shard was led when it was asked for.
    pub(super) at: Epoch,
    pub(super) began_ms: u64,
    /// HOLD was sent by this version, at this time.
    pub(super) hold: Option<(Version, u64)>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next<S: Ord, N: Ord> {
    Wait,
    Hold(Instruction<N>),
    Switch(Proposed<S, N>),
    GiveUp(Reason),
}

impl<N: Clone + Ord> Planned<N> {
    /// Asked for now.
    pub(super) fn new(to: Option<N>, at: Epoch, now_ms: u64) -> Self {
        Self {
            to,
            at,
            began_ms: now_ms,
            hold: None,
        }
    }

    pub(super) fn next<S: Clone + Ord>(
        &self,
        known: &Knowledge<S, N>,
        shard: &S,
        now_ms: u64,
    ) -> Next<S, N> {
        let bounds = &known.settings;
        let held = self.hold.filter(|(version, _)| *version == known.version());
        let is_over = match held {
            Some((_, since_ms)) => now_ms.saturating_sub(since_ms) >= bounds.hold_ms,
            None => now_ms.saturating_sub(self.began_ms) >= bounds.request_ms,
        };
        if is_over {
            return Next::GiveUp(Reason::NotInTime);
        }
        let Some(membership) = known.membership(shard) else {
            return Next::Wait;
        };
        if membership.epoch > self.at {
            return Next::GiveUp(Reason::LedAnew);
        }
        let Some((status, leading)) = known.leading(shard) else {
            return self.without_primary(known, shard, membership, now_ms);
        };
        if held.is_none() {
            let is_ready = self.successor(known, membership, |position| {
                let end = position.offset.0.saturating_add(bounds.join_bytes);
                end >= status.position.offset.0
            });
            let order = membership.order_to_hold(status, bounds.hold_ms);
            let order = order.filter(|_| is_ready.is_some());
            return order.map_or(Next::Wait, Next::Hold);
        }
        let is_quiet =
            leading.held == Some(known.version()) && leading.commit == Some(status.position.offset);
        let found = self.successor(known, membership, |position| position == status.position);
        match found.filter(|_| is_quiet) {
            Some((next, node)) => {
                let change = Change::Promoted(shard.clone(), node, Why::Planned);
                Next::Switch(Proposed::of(next, change))
            }
            None => Next::Wait,
        }
    }

    /// Nobody leads: there is nothing to hold, and whoever has most of those that are in sync may lead at the operator's word, whatever the proxies think of it.
    fn without_primary<S: Clone + Ord>(
        &self,
        known: &Knowledge<S, N>,
        shard: &S,
        membership: &Membership<N>,
        now_ms: u64,
    ) -> Next<S, N> {
        let primary = &membership.primary.node;
        if known.absent_for_ms(primary, now_ms) < known.settings.shrink_ms {
            return Next::Wait;
        }
        let entry = known.document.shards.get(shard);
        if entry.is_some_and(|entry| !may_lose_one(entry)) {
            return Next::GiveUp(Reason::TooFewInSync);
        }
        match self.successor(known, membership, |_| true) {
            Some((next, node)) => {
                let change = Change::Promoted(shard.clone(), node, Why::Planned);
                Next::Switch(Proposed::of(next, change))
            }
            None => Next::Wait,
        }
    }

    /// A follower that may lead, has as much as is asked for, and is the one that is wanted.
    fn successor<S: Clone + Ord>(
        &self,
        known: &Knowledge<S, N>,
        membership: &Membership<N>,
        has_enough: impl Fn(Position) -> bool,
    ) -> Option<(Membership<N>, N)> {
        let members = membership.in_sync.iter();
        let evidence = evidence_of(known, members.map(|member| &member.node));
        let is_wanted = |node: &&N| self.to.as_ref().is_none_or(|to| to == *node);
        let is_fit = |node: &&N| {
            let status = &evidence.statuses[*node];
            !known.is_down(node) && has_enough(status.position)
        };
        let fit = || evidence.statuses.keys().filter(is_wanted).filter(is_fit);
        let promoted = |node: &N| Some((membership.promote(&evidence, node).ok()?, node.clone()));
        // One that refuses writes only where no other can be had.
        let can_write = |node: &&N| !evidence.statuses[*node].cannot_write;
        let first = fit().filter(can_write).find_map(promoted);
        first.or_else(|| fit().find_map(promoted))
    }
}
