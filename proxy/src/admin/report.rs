//! The counters of all threads as one page that Prometheus reads.
//! Never: holds a thread up; each one copies its numbers when it comes to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use metrics::{Label, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;
use shared::command::CommandId;
use tokio::sync::oneshot;

use crate::facts::ProxyShared;
use crate::metrics::Cell;
use crate::metrics::readiness::{self, Access, Readiness};
use crate::metrics::thread_report::ThreadReport;
use crate::orders::Order;

/// A thread that does not answer within this time is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// What each counter says, for people who see it on a dashboard for the first time.
const COUNTERS: &[(&str, &str)] = &[
    (
        "switchyard_proxy_requests_total",
        "Requests that ended: answered by a node, answered by the proxy, refused or lost.",
    ),
    (
        "switchyard_proxy_local_requests_total",
        "Requests that the proxy answered or refused without a node.",
    ),
    (
        "switchyard_proxy_refused_requests_total",
        "Requests that the proxy answered with an error of its own without sending them to a node: unknown, wrong, not allowed, or for a shard that cannot be reached.",
    ),
    (
        "switchyard_proxy_pipes_lost_total",
        "Connections to nodes that were lost.",
    ),
    (
        "switchyard_proxy_received_bytes_total",
        "Bytes of requests that came from clients.",
    ),
    (
        "switchyard_proxy_sent_bytes_total",
        "Bytes of replies that clients took.",
    ),
    (
        "switchyard_proxy_connections_total",
        "Connections of clients that were accepted.",
    ),
    (
        "switchyard_proxy_rejected_connections_total",
        "Connections of clients beyond maxclients.",
    ),
    (
        "switchyard_proxy_commands_total",
        "Commands sent to nodes, by command, shard and outcome: ok, error (the reply is one), shard_down (not sent), unknown (sent, no reply).",
    ),
];

/// As [`COUNTERS`], of gauges.
const GAUGES: &[(&str, &str)] = &[
    ("switchyard_proxy_threads", "Threads that serve clients."),
    ("switchyard_proxy_clients", "Clients connected."),
    ("switchyard_proxy_pipes_open", "Connections to nodes."),
    (
        "switchyard_proxy_requests_waiting",
        "Requests sent, or to be sent, to nodes that have no reply yet.",
    ),
    (
        "switchyard_proxy_waiting_bytes",
        "Bytes of requests to nodes that have no reply yet.",
    ),
    (
        "switchyard_proxy_client_bytes",
        "Bytes of requests and replies kept for clients, as of the last ticks; maxmemory-clients bounds them.",
    ),
    (
        "switchyard_proxy_topology_version",
        "Version of the topology in use.",
    ),
    (
        "switchyard_proxy_shard_reachable",
        "Whether the primary of a shard can be reached: 1 or 0.",
    ),
];

/// Asks every thread.
pub(crate) async fn ask(proxy: &ProxyShared) -> Vec<ThreadReport> {
    let mut reports = Vec::new();
    for thread in proxy.threads() {
        let (answer, answered) = oneshot::channel();
        if thread.send(Order::Report(answer)).await.is_err() {
            continue;
        }
        if let Ok(Ok(report)) = tokio::time::timeout(PATIENCE, answered).await {
            reports.push(report);
        }
    }
    reports
}

/// Whether clients should be sent here.
pub(crate) async fn readiness(proxy: &ProxyShared) -> Readiness {
    let reports = ask(proxy).await;
    readiness::judge(&shards(&reports), !reports.is_empty())
}

fn shards(reports: &[ThreadReport]) -> BTreeMap<&str, Access> {
    readiness::of_all_threads(reports.iter().flat_map(|report| &report.reachable))
}

/// The page.
pub(crate) async fn render(proxy: &ProxyShared) -> String {
    let reports = ask(proxy).await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let mut cells: BTreeMap<(&str, CommandId), Cell> = BTreeMap::new();
    for report in &reports {
        for (shard, command, cell) in report.stats.cells() {
            let name = report.shards.get(shard).map_or("", |name| &**name);
            match cells.entry((name, command)) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(cell.clone());
                }
                std::collections::btree_map::Entry::Occupied(mut place) => {
                    place.get_mut().add(cell);
                }
            }
        }
    }
    metrics::with_local_recorder(&recorder, || {
        for (name, text) in COUNTERS {
            describe_counter!(*name, *text);
        }
        for (name, text) in GAUGES {
            describe_gauge!(*name, *text);
        }
        whole_proxy(proxy, &reports);
        for ((shard, command), cell) in &cells {
            per_command(shard, *command, cell);
        }
    });
    let mut page = recorder.handle().render();
    latencies(&cells, &mut page);
    page
}

fn whole_proxy(proxy: &ProxyShared, reports: &[ThreadReport]) {
    let sum = |part: fn(&ThreadReport) -> u64| reports.iter().map(part).sum::<u64>();
    let count = |part: fn(&ThreadReport) -> usize| as_gauge(reports.iter().map(part).sum());
    counter!("switchyard_proxy_requests_total").absolute(sum(|report| report.stats.requests));
    counter!("switchyard_proxy_local_requests_total").absolute(sum(|report| report.stats.local));
    counter!("switchyard_proxy_refused_requests_total")
        .absolute(sum(|report| report.stats.refused));
    counter!("switchyard_proxy_pipes_lost_total").absolute(sum(|report| report.stats.pipes_lost));
    counter!("switchyard_proxy_received_bytes_total")
        .absolute(sum(|report| report.stats.received_bytes));
    counter!("switchyard_proxy_sent_bytes_total").absolute(sum(|report| report.stats.sent_bytes));
    counter!("switchyard_proxy_connections_total").absolute(proxy.counters.accepted.all());
    counter!("switchyard_proxy_rejected_connections_total").absolute(proxy.counters.rejected.all());
    gauge!("switchyard_proxy_threads").set(as_gauge(reports.len()));
    gauge!("switchyard_proxy_clients").set(count(|report| report.clients));
    gauge!("switchyard_proxy_pipes_open").set(count(|report| report.pipes_open));
    gauge!("switchyard_proxy_requests_waiting").set(count(|report| report.requests_waiting));
    gauge!("switchyard_proxy_waiting_bytes").set(count(|report| report.bytes_waiting));
    gauge!("switchyard_proxy_client_bytes").set(as_gauge(proxy.counters.kept_bytes()));
    let version = proxy.topology.load().version().0;
    gauge!("switchyard_proxy_topology_version")
        .set(as_gauge(usize::try_from(version).unwrap_or(usize::MAX)));
    for (shard, access) in shards(reports) {
        gauge!("switchyard_proxy_shard_reachable", "shard" => shard.to_owned())
            .set(f64::from(u8::from(access == Access::Open)));
    }
}

fn per_command(shard: &str, command: CommandId, cell: &Cell) {
    for (outcome, count) in [
        ("ok", cell.replies),
        ("error", cell.errors),
        ("shard_down", cell.down),
        ("unknown", cell.unknown),
    ] {
        // All of them, also those that have not come to pass: the rate of a series that is born with its first hundred errors begins after these.
        let labels = vec![
            Label::new("command", command.name()),
            Label::new("shard", shard.to_owned()),
            Label::from_static_parts("outcome", outcome),
        ];
        counter!("switchyard_proxy_commands_total", labels).absolute(count);
    }
}

/// Histograms are counted in buckets already; the exporter only takes single values, so these lines are written here. Every series has all buckets: sums over
/// series, bucket by bucket, are wrong where some have fewer.
#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn latencies(cells: &BTreeMap<(&str, CommandId), Cell>, page: &mut String) {
    const NAME: &str = "switchyard_proxy_command_duration_seconds";
    let _ = writeln!(
        page,
        "# HELP {NAME} Time from reading a request to having its reply from the node."
    );
    let _ = writeln!(page, "# TYPE {NAME} histogram");
    for ((shard, command), cell) in cells {
        let labels = format!("command=\"{}\",shard=\"{shard}\"", command.name());
        let all = cell.latency.count();
        for (bound_us, count) in cell.latency.cumulative() {
            let bound = seconds(bound_us);
            let _ = writeln!(page, "{NAME}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(page, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {all}");
        let _ = writeln!(
            page,
            "{NAME}_sum{{{labels}}} {}",
            seconds(cell.latency.sum_us())
        );
        let _ = writeln!(page, "{NAME}_count{{{labels}}} {all}");
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; nobody has 2^52 clients"
)]
fn as_gauge(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ThreadStats;

    #[test]
    fn every_series_of_a_histogram_has_the_same_buckets() {
        let mut cells = BTreeMap::new();
        for (command, us) in [(CommandId::Get, 5), (CommandId::Keys, 3_000_000)] {
            let mut stats = ThreadStats::default();
            stats.record(command, 0, 1, 0, us * 1_000);
            let (_, _, cell) = stats.cells().next().unwrap();
            cells.insert(("s1", command), cell.clone());
        }
        let mut page = String::new();
        latencies(&cells, &mut page);
        let bounds_of = |command: &str| -> Vec<&str> {
            page.lines()
                .filter(|line| line.contains("_bucket{") && line.contains(command))
                .map(|line| line.split("le=").nth(1).unwrap().split('}').next().unwrap())
                .collect()
        };
        let bounds = bounds_of("\"get\"");
        assert!(bounds.len() > 20 && bounds.last() == Some(&"\"+Inf\""));
        assert_eq!(bounds, bounds_of("\"keys\""));
    }
}
