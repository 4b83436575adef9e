//! What is known of shards, their copies and the topology's store, as gauges and counters: what matters before, at and after a failover.
//! Never: asks anybody; it is told what is [`Shown`].

use metrics::{counter, gauge};
use shared::topology::Shard;

use super::report::as_gauge;
use super::shown::lag_bytes;
use crate::control::counts::Cause;
use crate::control::requests::Shown;

/// What each counter says.
pub(super) const COUNTERS: &[(&str, &str)] = &[
    (
        "switchyard_proxy_failovers_total",
        "Changes of a shard's primary that this proxy has written into the topology, by cause: lost (it was gone, or had restarted), planned (an operator wanted it), all_restarted (all copies had restarted, and the one with most leads), accepted_loss (an operator has given up what was only on others).",
    ),
    (
        "switchyard_proxy_node_refusals_total",
        "Orders and questions of this proxy that nodes have refused, as those of an older epoch or with a wrong password.",
    ),
];

/// As [`COUNTERS`], of gauges.
pub(super) const GAUGES: &[(&str, &str)] = &[
    (
        "switchyard_proxy_shard_epoch",
        "Epoch of a shard: it rises with every change of its primary.",
    ),
    (
        "switchyard_proxy_shard_copies_wanted",
        "Nodes that a shard is to have by the topology, its primary among them.",
    ),
    (
        "switchyard_proxy_shard_copies_in_sync",
        "Nodes that have every acknowledged write of a shard by the topology, its primary among them.",
    ),
    (
        "switchyard_proxy_follower_lag_bytes",
        "Bytes of its primary's log that a follower lacked when both were heard last; nothing is shown of one that copies anew, or was not heard.",
    ),
    (
        "switchyard_proxy_nodes_suspected",
        "Nodes of shards that this proxy takes for gone.",
    ),
    (
        "switchyard_proxy_spares",
        "Nodes that have announced themselves, belong to no shard and answer.",
    ),
    (
        "switchyard_proxy_leads",
        "Whether this proxy is the one that changes the topology: 1 or 0.",
    ),
    (
        "switchyard_proxy_store_reachable",
        "Whether the topology's store answers: 1 or 0. While it does not, traffic goes on, and nobody can take over.",
    ),
    (
        "switchyard_proxy_store_answer_age_seconds",
        "Seconds since the topology's store has answered this proxy; it is asked every few seconds.",
    ),
    (
        "switchyard_proxy_conditions",
        "Conditions that hold and that people should know of; GET /topology says them in words.",
    ),
    (
        "switchyard_proxy_condition",
        "Such a condition, by its name and the shard that it is about: 1 as long as it holds.",
    ),
];

/// Records all of it.
pub(super) fn record(shown: &Shown) {
    for shard in &shown.topology.shards {
        of_shard(shown, shard);
    }
    counter!("switchyard_proxy_node_refusals_total").absolute(shown.counts.refused);
    let listed = shown.topology.nodes.iter();
    let suspected =
        listed.filter(|node| shown.nodes.get(&node.id).is_some_and(|seen| seen.is_down));
    gauge!("switchyard_proxy_nodes_suspected").set(as_gauge(suspected.count()));
    let spares = shown.spares.iter().filter(|spare| !spare.is_down);
    gauge!("switchyard_proxy_spares").set(as_gauge(spares.count()));
    gauge!("switchyard_proxy_leads").set(f64::from(u8::from(shown.is_controller)));
    if let Some(store) = &shown.store {
        let is_there = store.away_since_ms.is_none();
        gauge!("switchyard_proxy_store_reachable").set(f64::from(u8::from(is_there)));
        let age_ms = shown.now_ms.saturating_sub(store.answered_ms);
        gauge!("switchyard_proxy_store_answer_age_seconds").set(seconds(age_ms));
    }
    gauge!("switchyard_proxy_conditions").set(as_gauge(shown.matters.len()));
    for lasting in &shown.matters {
        let matter = &lasting.matter;
        let shard = matter.shard().map_or_else(String::new, ToString::to_string);
        gauge!("switchyard_proxy_condition", "condition" => matter.kind(), "shard" => shard)
            .set(1.0);
    }
}

fn of_shard(shown: &Shown, shard: &Shard) {
    let name = || shard.id.to_string();
    let epoch = usize::try_from(shard.epoch.0).unwrap_or(usize::MAX);
    gauge!("switchyard_proxy_shard_epoch", "shard" => name()).set(as_gauge(epoch));
    gauge!("switchyard_proxy_shard_copies_wanted", "shard" => name()).set(as_gauge(shard.copies));
    let in_sync = as_gauge(shard.in_sync.len());
    gauge!("switchyard_proxy_shard_copies_in_sync", "shard" => name()).set(in_sync);
    // All causes, from the beginning: the rate of a series that is born with its first failover misses that one.
    for cause in Cause::ALL {
        let count = shown.counts.failovers.get(&(shard.id.clone(), cause));
        counter!("switchyard_proxy_failovers_total", "shard" => name(), "cause" => cause.word())
            .absolute(count.copied().unwrap_or_default());
    }
    for (_, member) in shared::topology::table::places(shard) {
        if let Some(lag) = lag_bytes(shown, shard, &member) {
            let lag = usize::try_from(lag).unwrap_or(usize::MAX);
            let node = member.node.to_string();
            gauge!("switchyard_proxy_follower_lag_bytes", "shard" => name(), "node" => node)
                .set(as_gauge(lag));
        }
    }
}

fn seconds(ms: u64) -> f64 {
    as_gauge(usize::try_from(ms).unwrap_or(usize::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::shown::testing::shown;
    use crate::control::matters::Matter;
    use crate::control::requests::{Lasting, Spare};
    use metrics_exporter_prometheus::PrometheusBuilder;
    use shared::topology::{Address, NodeId};

    fn page(shown: &Shown) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || record(shown));
        recorder.handle().render()
    }

    fn check(change: impl FnOnce(&mut Shown), lines: &[&str]) {
        let mut shown = shown();
        change(&mut shown);
        let page = page(&shown);
        for line in lines {
            let found = page.lines().any(|found| found == *line);
            assert!(found, "{line}\n{page}");
        }
    }

    #[test]
    fn what_matters_of_a_shard_is_shown() {
        let prefix = "switchyard_proxy_";
        let line = |rest: &str| format!("{prefix}{rest}");
        let lines = [
            line("shard_epoch{shard=\"s1\"} 1"),
            line("shard_copies_wanted{shard=\"s1\"} 3"),
            line("shard_copies_in_sync{shard=\"s1\"} 2"),
            line("follower_lag_bytes{shard=\"s1\",node=\"n2\"} 0"),
            line("follower_lag_bytes{shard=\"s1\",node=\"n3\"} 6000"),
            line("failovers_total{shard=\"s1\",cause=\"lost\"} 0"),
            line("failovers_total{shard=\"s1\",cause=\"accepted_loss\"} 0"),
            line("nodes_suspected 0"),
            line("leads 1"),
            line("spares 0"),
            line("conditions 0"),
        ];
        check(|_| {}, &lines.each_ref().map(String::as_str));
        assert!(!page(&shown()).contains("store_reachable"), "nobody knows");
    }

    #[test]
    fn what_has_happened_and_what_lasts_is_shown() {
        let change = |shown: &mut Shown| {
            let shard = shown.topology.shards[0].id.clone();
            shown.nodes.get_mut(&NodeId::numbered(2)).unwrap().is_down = true;
            shown.counts.refused = 7;
            let key = (shard.clone(), Cause::Planned);
            shown.counts.failovers.insert(key, 3);
            for (number, is_down) in [(8, false), (9, true)] {
                shown.spares.push(Spare {
                    node: NodeId::numbered(number),
                    address: Address::loopback(7_008),
                    is_down,
                });
            }
            for matter in [
                Matter::StoreAway,
                Matter::NotAdopted(shard, "n2 has more".to_owned()),
            ] {
                shown.matters.push(Lasting {
                    matter,
                    for_ms: 5_000,
                });
            }
        };
        check(
            change,
            &[
                "switchyard_proxy_nodes_suspected 1",
                "switchyard_proxy_node_refusals_total 7",
                "switchyard_proxy_failovers_total{shard=\"s1\",cause=\"planned\"} 3",
                "switchyard_proxy_spares 1",
                "switchyard_proxy_conditions 2",
                "switchyard_proxy_condition{condition=\"store_away\",shard=\"\"} 1",
                "switchyard_proxy_condition{condition=\"not_looked_after\",shard=\"s1\"} 1",
            ],
        );
    }
}
