//! What nodes are told and asked.
//! Pure. Invariants: an order follows from the document and from what the node said last; the same is not sent again while it may be on its way; a question carries
//! the version under which its answer is evidence.

use super::Action;
use super::gentle;
use super::knowledge::Knowledge;

/// Orders to one node that may be on their way.
const MOST_SENT: usize = 16;

/// Sends a node what the document says to it, as far as it has not said that it knows; not the same again while that may be on its way.
pub(super) fn order<S: Clone + Ord, N: Clone + Ord>(
    known: &mut Knowledge<S, N>,
    node: &N,
    now_ms: u64,
    actions: &mut Vec<Action<S, N>>,
) {
    let Some(shard) = known.home.get(node).cloned() else {
        return;
    };
    let (Some(membership), Some(status)) = (
        known.membership(&shard),
        known.nodes.get(node).and_then(|known| known.last.as_ref()),
    ) else {
        return;
    };
    let mut orders = Vec::from_iter(membership.orders(node, status));
    if membership.primary.node == *node {
        orders.extend(gentle::joins(known, &shard));
    }
    let (pause, version) = (known.settings.ask_ms, known.version());
    let Some(known) = known.nodes.get_mut(node) else {
        return;
    };
    let is_recent = |at: u64| now_ms.saturating_sub(at) < pause;
    known.sent.retain(|(_, at)| is_recent(*at));
    orders.retain(|order| known.sent.iter().all(|(sent, _)| sent != order));
    // One that says another thing each time is not answered as often as it speaks.
    if orders.is_empty() || known.sent.len() >= MOST_SENT {
        return;
    }
    for order in orders {
        known.sent.push((order.clone(), now_ms));
        let (node, shard) = (node.clone(), shard.clone());
        actions.push(Action::Send { node, shard, order });
    }
    // What came of it.
    known.asked_ms = Some(now_ms);
    let node = node.clone();
    actions.push(Action::Ask { node, version });
}

/// Holds a shard's primary for so long, whatever it was told before.
pub(super) fn hold<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    shard: &S,
    most_ms: u64,
    actions: &mut Vec<Action<S, N>>,
) {
    let (Some(membership), Some((status, _))) = (known.membership(shard), known.leading(shard))
    else {
        return;
    };
    if let Some(order) = membership.order_to_hold(status, most_ms) {
        actions.push(Action::Send {
            node: membership.primary.node.clone(),
            shard: shard.clone(),
            order,
        });
    }
}

/// Asks the nodes that were last asked so long ago; `pause_ms` says for each how long that is.
pub(super) fn ask<S: Clone + Ord, N: Clone + Ord>(
    known: &mut Knowledge<S, N>,
    now_ms: u64,
    pause_ms: impl Fn(&N) -> u64,
    actions: &mut Vec<Action<S, N>>,
) {
    let version = known.version();
    for (node, known) in &mut known.nodes {
        let is_due = |at: u64| now_ms.saturating_sub(at) >= pause_ms(node);
        if known.asked_ms.is_none_or(is_due) {
            known.asked_ms = Some(now_ms);
            let node = node.clone();
            actions.push(Action::Ask { node, version });
        }
    }
}
