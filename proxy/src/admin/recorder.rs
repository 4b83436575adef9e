//! Takes a sample every few seconds, as long as the admin listener serves.
//! Reaches: the threads' words, the nodes' vitals. Never: waits for a node beyond what [`super::vitals`] bounds.

use std::collections::BTreeMap;

use shared::topology::{NodeId, Topology};
use tokio::time::MissedTickBehavior;

use super::desk::Desk;
use super::history::{NodeSample, SAMPLE_EVERY, Sample};
use super::shown::lag_bytes;
use super::totals::Totals;
use super::vitals::{AllVitals, Vitals};
use crate::control::requests::Shown;

/// What nodes have said, and when.
type Said = BTreeMap<NodeId, (u64, Vitals)>;

/// Until it is dropped.
pub(super) async fn record(desk: Desk) {
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut vitals = AllVitals::default();
    let mut before: Option<(u64, Totals)> = None;
    loop {
        ticks.tick().await;
        let (words, shown) = tokio::join!(desk.words(), desk.shown());
        let now_ms = desk.shared.clock.monotonic_ms();
        let config = &desk.shared.config;
        vitals.ask(&shown.topology, config, now_ms).await;
        let said = vitals.said();
        let totals = Totals::of(&words);
        let mut kept = desk.kept();
        if let Some((before_ms, before)) = &before {
            let sample = Sample {
                at_ms: desk.shared.clock.wall_ms(),
                rates: totals.since(before, now_ms.saturating_sub(*before_ms)),
                hit_ratio: hit_ratio(&kept.vitals, &said, &shown.topology),
            };
            kept.history.push(sample, nodes(&shown, &said, now_ms));
        }
        kept.vitals = said;
        drop(kept);
        before = Some((now_ms, totals));
    }
}

/// What each node holds and lacks, of those that have just said so.
fn nodes(shown: &Shown, said: &Said, now_ms: u64) -> BTreeMap<NodeId, NodeSample> {
    let topology = &shown.topology;
    let of = |node: &NodeId| {
        let shard = topology.shard_of_node(node);
        let lag = shard.and_then(|shard| {
            let mut places = shared::topology::table::places(shard);
            let (_, member) = places.find(|(_, member)| member.node == *node)?;
            lag_bytes(shown, shard, &member)
        });
        let fresh = said.get(node).filter(|(said_ms, _)| *said_ms == now_ms);
        NodeSample {
            used_memory_bytes: fresh.and_then(|(_, vitals)| vitals.used_memory_bytes),
            lag_bytes: lag,
        }
    };
    let names = topology.nodes.iter().map(|node| node.id.clone());
    names
        .map(|node| {
            let sample = of(&node);
            (node, sample)
        })
        .collect()
}

/// Of the reads that primaries have done between two looks, the part that found a key.
fn hit_ratio(before: &Said, now: &Said, topology: &Topology) -> Option<f64> {
    let (mut hits, mut reads) = (0, 0);
    for shard in &topology.shards {
        let ends = now.get(&shard.primary).zip(before.get(&shard.primary));
        let Some(((_, now), (_, before))) = ends else {
            continue;
        };
        // One that has begun anew counts from nothing.
        let grown = |now: Option<u64>, before: Option<u64>| {
            let (now, before) = (now.unwrap_or_default(), before.unwrap_or_default());
            now.checked_sub(before).unwrap_or(now)
        };
        let found = grown(now.hits, before.hits);
        hits += found;
        reads += found + grown(now.misses, before.misses);
    }
    (reads > 0).then(|| ratio(hits, reads))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio is a float; nobody reads 2^52 keys in a few seconds"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::topology_of;

    fn said(node: &NodeId, hits: u64, misses: u64) -> Said {
        let vitals = Vitals {
            hits: Some(hits),
            misses: Some(misses),
            ..Vitals::default()
        };
        [(node.clone(), (1, vitals))].into()
    }

    #[test]
    fn the_hit_ratio_is_that_of_the_reads_since() {
        let topology = topology_of(&["a"]).topology.clone();
        let node = topology.shards[0].primary.clone();
        let check = |before: (u64, u64), now: (u64, u64), expected: Option<f64>| {
            let before = said(&node, before.0, before.1);
            let now = said(&node, now.0, now.1);
            assert_eq!(hit_ratio(&before, &now, &topology), expected);
        };
        check((100, 100), (103, 101), Some(0.75));
        check((100, 100), (100, 100), None);
        check((100, 100), (1, 1), Some(0.5));
        assert_eq!(hit_ratio(&Said::new(), &said(&node, 1, 1), &topology), None);
    }
}
