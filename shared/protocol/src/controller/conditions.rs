//! What lasts and people should know of.
//! Pure.

use std::collections::BTreeSet;

use super::knowledge::Knowledge;
use super::notice::Condition;
use super::{gentle, urgent};
use crate::opinion::Standing;

/// What is so now, of what people should know.
pub(super) fn conditions<S: Clone + Ord, N: Clone + Ord>(
    known: &Knowledge<S, N>,
    now_ms: u64,
) -> BTreeSet<Condition<S, N>> {
    let mut conditions = BTreeSet::new();
    if known.standing() != Standing::Sound {
        conditions.insert(Condition::Standing(known.standing()));
    }
    for (shard, entry) in &known.document.shards {
        let is_leaderless = urgent::gone(known, shard, now_ms).is_some()
            && urgent::urgent(known, shard, now_ms).is_none();
        if is_leaderless {
            conditions.insert(Condition::Leaderless(shard.clone()));
        }
        let mut members = entry.membership.in_sync.iter();
        let is_short = !urgent::may_lose_one(entry)
            && entry.min_in_sync > 1
            && members.any(|member| urgent::hinders(known, shard, member, now_ms).is_some());
        if is_short {
            conditions.insert(Condition::TooFewInSync(shard.clone()));
        }
        if gentle::missing(known, entry, now_ms) > 0 {
            conditions.insert(Condition::CopiesMissing(shard.clone()));
        }
        let nodes = entry.membership.nodes().into_iter();
        let restless = nodes.filter(|node| known.lives.is_restless(node, now_ms));
        conditions.extend(restless.map(|node| Condition::Restless(shard.clone(), node)));
    }
    conditions
}
