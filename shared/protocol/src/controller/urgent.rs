//! What cannot wait: a shard without a primary, and a primary that waits for somebody who is gone.
//! Pure: knowledge in, at most one change of a shard out. Never: believes in a suspicion where the proxies do not agree on it.
//! Invariant: every change is one that [`Membership`] allows by the evidence.

use std::collections::BTreeSet;

use super::document::Entry;
use super::knowledge::Knowledge;
use super::notice::{Change, Reason, Why};
use super::proposed::Proposed;
use crate::change::{Evidence, NotAllowed};
use crate::member::{Member, Membership};
use crate::opinion::Standing;

/// What must be done for a shard now, if anything.
pub(super) fn urgent<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let entry = known.document.shards.get(shard)?;
    promote(known, shard, entry, now_ms)
        .or_else(|| recover(known, shard, entry, now_ms))
        .or_else(|| shrink(known, shard, entry, now_ms))
}

/// Why the shard's primary leads no more, if so.
pub(super) fn gone<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    now_ms: u64,
) -> Option<Why> {
    let primary = &known.membership(shard)?.primary;
    if known.is_over(primary) {
        return Some(Why::Restarted);
    }
    let is_down = known.is_down(&primary.node) && known.has_cooled_down(shard, now_ms);
    is_down.then_some(Why::Down)
}

/// Whether one fewer may be in sync.
pub(super) fn may_lose_one<N: Clone + Ord>(entry: &Entry<N>) -> bool {
    entry.membership.in_sync.len() > entry.min_in_sync.max(1)
}

fn promote<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let why = gone(known, shard, now_ms)?;
    // A life that is over comes back no more: to wait for it would be to wait for ever.
    if why == Why::Down && !may_lose_one(entry) {
        return None;
    }
    let membership = &entry.membership;
    let mut others = candidates(known, membership);
    let has_waited = now_ms.saturating_sub(known.loaded_ms) >= known.settings.gather_ms;
    if !has_waited && others.any(|member| known.status(&member.node).is_none()) {
        return None;
    }
    let (next, node) = successor(known, membership)?;
    Some(Proposed::of(
        next,
        Change::Promoted(shard.clone(), node, why),
    ))
}

/// Those who might lead instead of the primary.
fn candidates<'a, S: Clone + Ord, N: Clone + Ord>(
    known: &'a Knowledge<S, N>,
    membership: &'a Membership<N>,
) -> impl Iterator<Item = &'a Member<N>> {
    membership
        .in_sync
        .iter()
        .filter(|member| member.node != membership.primary.node && !known.is_down(&member.node))
}

/// The one with most of those who may lead and answer; one that refuses writes only where no other can be had.
fn successor<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    membership: &Membership<N>,
) -> Option<(Membership<N>, N)> {
    let nodes = || candidates(known, membership).map(|member| &member.node);
    let can_write = |node: &&N| {
        known
            .status(node)
            .is_some_and(|status| !status.cannot_write)
    };
    let farthest = |evidence: Evidence<N>| {
        let may_lead = |node: &N| Some((membership.promote(&evidence, node).ok()?, node.clone()));
        evidence.statuses.keys().find_map(may_lead)
    };
    // All of them have what was acknowledged.
    farthest(evidence_of(known, nodes().filter(can_write)))
        .or_else(|| farthest(evidence_of(known, nodes())))
}

/// What is known of these nodes alone.
pub(super) fn evidence_of<'a, S: Clone + Ord, N: Clone + Ord + 'a>(
    known: &Knowledge<S, N>,
    nodes: impl Iterator<Item = &'a N>,
) -> Evidence<N> {
    let heard = nodes.filter_map(|node| Some((node.clone(), known.status(node)?.clone())));
    Evidence {
        version: known.evidence.version,
        statuses: heard.collect(),
    }
}

fn recover<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let membership = &entry.membership;
    if !membership
        .in_sync
        .iter()
        .all(|member| known.is_over(member))
    {
        return None;
    }
    let is_waited_for = |node: &N| membership.in_sync.iter().any(|one| one.node == *node);
    let is_given_up = |node: &N| {
        !is_waited_for(node) && known.absent_for_ms(node, now_ms) >= known.settings.give_up_ms
    };
    let nodes = membership.nodes();
    let given_up: BTreeSet<N> = nodes
        .iter()
        .filter(|node| is_given_up(node))
        .cloned()
        .collect();
    let evidence = evidence_of(known, nodes.iter());
    let next = membership.recover(&evidence, &given_up).ok()?;
    let node = next.primary.node.clone();
    Some(Proposed::of(next, Change::Recovered(shard.clone(), node)))
}

/// A primary that leads goes on without a follower that is gone. It must have been heard later than what speaks against the follower: while nobody leads nobody is
/// given up, for it might be the one to lead.
fn shrink<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let membership = &entry.membership;
    known.leading(shard)?;
    let primary = &membership.primary.node;
    let is_silent = known.absent_for_ms(primary, now_ms) > 2 * known.settings.ask_ms;
    if known.is_down(primary) || is_silent {
        return None;
    }
    let was_heard_later = |member: &&Member<N>| {
        known.absent_for_ms(primary, now_ms) <= known.absent_for_ms(&member.node, now_ms)
    };
    let followers = membership
        .in_sync
        .iter()
        .filter(|one| **one != membership.primary)
        .filter(was_heard_later);
    let mut gone = followers.filter_map(|one| Some((one, hinders(known, shard, one, now_ms)?)));
    // To wait for one that would have to copy anew, and may not while it is in sync, would be to wait for ever.
    let (member, why) = gone.find(|(_, why)| may_lose_one(entry) || *why == Why::NeedsSync)?;
    let next = membership.shrink(member).ok()?;
    let node = member.node.clone();
    Some(Proposed::of(next, Change::Shrunk(shard.clone(), node, why)))
}

/// Why a follower is not to be waited for any more, if so.
pub(super) fn hinders<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    member: &Member<N>,
    now_ms: u64,
) -> Option<Why> {
    if known.is_over(member) {
        return Some(Why::Restarted);
    }
    if known
        .status(&member.node)
        .is_some_and(|status| status.needs_sync)
    {
        return Some(Why::NeedsSync);
    }
    let bound = known.settings.shrink_ms;
    if known.down_for_ms(&member.node, now_ms) >= bound {
        return Some(Why::Down);
    }
    let (_, leading) = known.leading(shard)?;
    let holds_up = leading.blocked_on.contains(member)
        && known.stalled_for_ms(shard, member, now_ms) >= bound
        && known.standing() == Standing::Sound;
    holds_up.then_some(Why::HoldsUp)
}

/// What an operator has accepted is carried out, if nothing better is left.
pub(super) fn accept_loss<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    proof: String,
) -> Result<Proposed<S, N>, Reason> {
    let membership = known.membership(shard).ok_or(Reason::UnknownShard)?;
    let evidence = evidence_of(known, membership.nodes().iter());
    let next = membership
        .accept_loss(&evidence)
        .map_err(|reason| match reason {
            NotAllowed::Unfit => Reason::NothingIsLost,
            NotAllowed::Unheard | NotAllowed::OldEvidence => Reason::NobodyAnswers,
        })?;
    let node = next.primary.node.clone();
    Ok(Proposed {
        loss: Some(proof),
        ..Proposed::of(next, Change::LossAccepted(shard.clone(), node))
    })
}
