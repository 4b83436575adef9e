//! What may wait for company: lives that are not listed, followers that have caught up, copies that are missing or were replaced.
//! Pure: knowledge in, at most one change of a shard out. Nothing of it is done while the shard has no primary that leads by this very version.

use std::collections::BTreeSet;

use shared::topology::Zone;

use super::document::Entry;
use super::knowledge::Knowledge;
use super::notice::Change;
use super::proposed::Proposed;
use super::urgent::evidence_of;
use crate::member::Member;
use crate::replica::Instruction;

/// What would be good for a shard, if anything. `taken` are spares that others get.
pub(super) fn gentle<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    taken: &BTreeSet<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let entry = known.document.shards.get(shard)?;
    known.leading(shard)?;
    grow(known, shard, entry)
        .or_else(|| register(known, shard, entry, now_ms))
        .or_else(|| attach(known, shard, entry, taken, now_ms))
        .or_else(|| dismiss(known, shard, entry, now_ms))
}

fn grow<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
) -> Option<Proposed<S, N>> {
    let membership = &entry.membership;
    let (_, leading) = known.leading(shard)?;
    let mut joined = membership.learners.intersection(&leading.joined);
    let member = joined.next()?;
    let evidence = evidence_of(known, [&membership.primary.node].into_iter());
    let next = membership.grow(&evidence, member).ok()?;
    let node = member.node.clone();
    Some(Proposed::of(next, Change::Grown(shard.clone(), node)))
}

fn register<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let membership = &entry.membership;
    let listed = membership.in_sync.iter().chain(&membership.learners);
    let mut restarted = listed.filter(|member| {
        known.is_over(member) && known.lives.may_be_taken_up(&member.node, now_ms)
    });
    // Its present life may be listed beside the one that is over.
    let (next, node) = restarted.find_map(|member| {
        let evidence = evidence_of(known, [&member.node].into_iter());
        let next = membership.register(&evidence, &member.node).ok()?;
        Some((next, member.node.clone()))
    })?;
    Some(Proposed::of(next, Change::Registered(shard.clone(), node)))
}

/// The nodes of a shard that are not given up.
fn hoped_for<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    entry: &Entry<N>,
    now_ms: u64,
) -> BTreeSet<N> {
    let mut nodes = entry.membership.nodes();
    nodes.retain(|node| known.absent_for_ms(node, now_ms) < known.settings.replace_ms);
    nodes
}

/// How many copies a shard is short of.
pub(super) fn missing<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    entry: &Entry<N>,
    now_ms: u64,
) -> usize {
    let hoped_for = hoped_for(known, entry, now_ms);
    entry.copies.saturating_sub(hoped_for.len())
}

/// Gives the shard a spare, in a zone where it has nobody if there is one.
fn attach<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
    taken: &BTreeSet<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    if missing(known, entry, now_ms) == 0 {
        return None;
    }
    let zone_of = |node: &N| zone_of(known, node);
    let own = hoped_for(known, entry, now_ms);
    let zones: BTreeSet<&Zone> = own.iter().filter_map(zone_of).collect();
    let rank = |node: &&N| match zone_of(node) {
        Some(zone) if !zones.contains(zone) => 0,
        None => 1,
        Some(_) => 2,
    };
    let free = spares(known).filter(|node| !taken.contains(*node));
    let node = free.min_by_key(rank)?.clone();
    let evidence = evidence_of(known, [&node].into_iter());
    let next = entry.membership.register(&evidence, &node).ok()?;
    let is_listed = known.document.nodes.contains_key(&node);
    let announced = known.announced.get(&node).filter(|_| !is_listed);
    Some(Proposed {
        node: announced.map(|announced| (node.clone(), announced.clone())),
        ..Proposed::of(next, Change::Attached(shard.clone(), node))
    })
}

fn zone_of<'a, S: Clone + Ord, N: Clone + Ord>(
    known: &'a Knowledge<S, N>,
    node: &N,
) -> Option<&'a Zone> {
    match known.document.nodes.get(node) {
        Some(zone) => zone.as_ref(),
        None => known.announced.get(node)?.zone.as_ref(),
    }
}

/// Nodes that no shard has, that answer, and that were nothing yet in this life: epochs of another shard would be in their way.
fn spares<S: Clone + Ord, N: Clone + Ord>(known: &Knowledge<S, N>) -> impl Iterator<Item = &N> {
    let statuses = known.evidence.statuses.iter();
    let is_spare = |node: &N| !known.home.contains_key(node) && !known.is_down(node);
    statuses
        .filter(move |(node, status)| {
            is_spare(node) && status.role.is_none() && status.seen_epoch.0 == 0
        })
        .map(|(node, _)| node)
}

/// With all the copies that it is to have, a shard does not wait for one whose node is gone.
fn dismiss<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    entry: &Entry<N>,
    now_ms: u64,
) -> Option<Proposed<S, N>> {
    let membership = &entry.membership;
    if membership.in_sync.len() < entry.copies {
        return None;
    }
    let hoped_for = hoped_for(known, entry, now_ms);
    let mut gone = membership.learners.iter().filter_map(|member| {
        let is_gone = !hoped_for.contains(&member.node);
        let next = is_gone.then(|| membership.dismiss(&member.node).ok());
        Some((next.flatten()?, member.node.clone()))
    });
    let (next, node) = gone.next()?;
    Some(Proposed::of(next, Change::Dismissed(shard.clone(), node)))
}

/// What the primary is told so that copies which have nearly all can be in sync soon.
pub(super) fn joins<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
) -> Vec<Instruction<N>> {
    let (Some(membership), Some((status, leading))) =
        (known.membership(shard), known.leading(shard))
    else {
        return Vec::new();
    };
    let lacks_little = |member: &&Member<N>| {
        let mut others = leading.others.iter();
        let own = others.find(|(life, _)| *life == member.incarnation);
        let is_near = own.is_some_and(|(_, offset)| {
            offset.0.saturating_add(known.settings.join_bytes) >= status.position.offset.0
        });
        let heard = known.status(&member.node);
        let is_whole = heard.is_some_and(|heard| {
            heard.incarnation == member.incarnation && !heard.is_syncing && !heard.needs_sync
        });
        is_near && is_whole && !known.is_down(&member.node)
    };
    let ready = membership.learners.iter().filter(lacks_little);
    ready
        .filter_map(|member| membership.order_to_join(status, member))
        .collect()
}

/// Whether the version must rise although nothing changes: the primary waits for one that was to join and has gone, or one that copies may throw its copy away
/// and has seen this very version already without being told.
pub(super) fn needs_new_version<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    now_ms: u64,
) -> bool {
    let (Some(membership), Some((_, leading))) = (known.membership(shard), known.leading(shard))
    else {
        return false;
    };
    let mut joining = leading.waits_for.difference(&membership.in_sync);
    let is_stuck = joining.any(|member| {
        known.is_over(member)
            || known.stalled_for_ms(shard, member, now_ms) >= known.settings.shrink_ms
    });
    let mut copying = membership.learners.iter();
    let is_mute = copying.any(|member| {
        known.status(&member.node).is_some_and(|status| {
            status.incarnation == member.incarnation
                && status.needs_sync
                && status.seen_rev >= membership.version
                && status
                    .role
                    .is_some_and(|role| role.epoch == membership.epoch)
        })
    });
    is_stuck || is_mute
}
