//! The counters of all threads as one page that Prometheus reads.
//! Never: asks a thread.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use metrics::{Label, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;
use pages::Page;
use shared::command::CommandId;

use super::threads::{State, Word};
use super::{failover, limits};
use crate::control::requests::Shown;
use crate::facts::ProxyShared;
use crate::metrics::Cell;
use crate::metrics::histogram::Histogram;
use crate::metrics::readiness::{self, Access, Readiness};
use crate::metrics::thread_report::ThreadReport;

/// What stands in place of a shard's name where several shards answer; no shard can be called so.
const SEVERAL_SHARDS: &str = "several shards";

/// What each counter says, for people who see it on a dashboard for the first time.
const COUNTERS: &[(&str, &str)] = &[
    (
        "switchyard_proxy_requests_total",
        "Requests of clients that ended, each once: answered by nodes, answered by the proxy, refused or lost.",
    ),
    (
        "switchyard_proxy_error_replies_total",
        "Error replies that clients were given, each once, whoever said them; not those that a client did not want to hear (CLIENT REPLY).",
    ),
    (
        "switchyard_proxy_local_requests_total",
        "Requests that the proxy answered or refused without a node.",
    ),
    (
        "switchyard_proxy_refused_requests_total",
        "Requests that the proxy answered with an error of its own and that were not applied: unknown, wrong, not allowed, or for a shard that cannot be reached.",
    ),
    (
        "switchyard_proxy_cross_slot_refusals_total",
        "Requests of these that were refused because keys that they name together lie in several slots (CROSSSLOT); switchyard topology advise says which, and what would help.",
    ),
    (
        "switchyard_proxy_pipes_lost_total",
        "Connections to nodes that were lost.",
    ),
    (
        "switchyard_proxy_messages_total",
        "Messages of channels that clients were sent.",
    ),
    (
        "switchyard_proxy_resubscriptions_total",
        "Times that a thread had lost a shard and has subscribed there again to all that its clients have subscribed to; messages published there meanwhile did not reach them.",
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
        "Connections of clients that were accepted, those included that were turned away.",
    ),
    (
        "switchyard_proxy_rejected_connections_total",
        "Connections of clients that were turned away: beyond maxclients, or because no thread took them in.",
    ),
    (
        "switchyard_proxy_proxies_left_out_total",
        "Other proxies that were asked for their clients (CLIENT LIST ALL) and did not answer in time.",
    ),
    (
        "switchyard_proxy_commands_total",
        "Requests of clients for nodes, each once, by command, shard (or several shards) and outcome: ok, error (the reply is one, wanted or not), shard_down (not applied), unknown (sent, no reply), left (the client had gone). These and the local ones are all requests.",
    ),
    (
        "switchyard_proxy_parts_total",
        "Parts of requests that several shards answer, by shard and outcome, as in switchyard_proxy_commands_total; a shard may be asked for several parts of one request.",
    ),
];

/// As [`COUNTERS`], of gauges.
const GAUGES: &[(&str, &str)] = &[
    ("switchyard_proxy_threads", "Threads that serve clients."),
    (
        "switchyard_proxy_threads_silent",
        "Threads of these that do not answer; what is shown of them is what they said last.",
    ),
    ("switchyard_proxy_clients", "Clients connected."),
    ("switchyard_proxy_pipes_open", "Connections to nodes."),
    (
        "switchyard_proxy_leases",
        "Connections to nodes that belong to one client for a while, which waits or watches.",
    ),
    (
        "switchyard_proxy_requests_waiting",
        "Requests sent, or to be sent, to nodes that have no reply yet.",
    ),
    (
        "switchyard_proxy_takeover_waiting_requests",
        "Requests of these, by shard, that wait until its primary can be reached and obeys, or another node leads.",
    ),
    (
        "switchyard_proxy_waiting_bytes",
        "Bytes of requests to nodes that have no reply yet.",
    ),
    (
        "switchyard_proxy_client_bytes",
        "Bytes of requests and replies kept for clients, as of the last ticks; clients-buffer-limit bounds them.",
    ),
    (
        "switchyard_proxy_topology_version",
        "Version of the topology in use.",
    ),
    (
        "switchyard_proxy_hot_key_share_ratio",
        "Which part of all accesses of keys through this proxy the most used key has, as in the last minutes; /api/v1/hot-keys names it.",
    ),
    (
        "switchyard_proxy_big_key_bytes",
        "Bytes of the largest request or reply of one key that was seen in the last hour; /api/v1/big-keys names it.",
    ),
    (
        "switchyard_proxy_shard_reachable",
        "Whether the primary of a shard can be reached: 1 or 0.",
    ),
];

/// Whether clients should be sent here.
pub(super) fn readiness(words: &[Word], store_away_ms: Option<u64>) -> Readiness {
    let silent = count_of(words, State::Silent);
    readiness::judge(&shards(words), silent, words.len(), store_away_ms)
}

pub(super) fn count_of(words: &[Word], state: State) -> usize {
    words.iter().filter(|word| word.state == state).count()
}

/// What is known of the way to each shard: by those who answer; if nobody does, by what was said last.
pub(super) fn shards(words: &[Word]) -> BTreeMap<&str, Access> {
    let does_anybody_answer = count_of(words, State::Answers) > 0;
    let counts = |word: &&Word| word.state == State::Answers || !does_anybody_answer;
    let reports = words.iter().filter(counts).filter_map(report_of);
    readiness::of_all_threads(reports.flat_map(|report| &report.reachable))
}

pub(super) fn report_of(word: &Word) -> Option<&ThreadReport> {
    word.report.as_deref()
}

/// The cells of all threads.
#[derive(Default)]
struct Cells<'a> {
    /// By shard, or what is said for several of them, and command.
    commands: BTreeMap<(&'a str, CommandId), Cell>,
    /// By shard.
    parts: BTreeMap<&'a str, Cell>,
}

impl<'a> Cells<'a> {
    fn of(words: &'a [Word]) -> Self {
        let mut all = Self::default();
        for report in words.iter().filter_map(report_of) {
            let name = |shard: usize| report.shards.get(shard).map_or("", |name| &**name);
            for (shard, command, cell) in report.stats.cells() {
                let key = (shard.map_or(SEVERAL_SHARDS, name), command);
                add(all.commands.entry(key), cell);
            }
            for shard in &report.shards {
                all.parts.entry(shard).or_insert_with(Cell::new);
            }
            for (shard, cell) in report.stats.parts() {
                add(all.parts.entry(name(shard)), cell);
            }
        }
        all
    }
}

fn add<K: Ord>(place: Entry<'_, K, Cell>, cell: &Cell) {
    match place {
        Entry::Vacant(place) => {
            place.insert(cell.clone());
        }
        Entry::Occupied(mut place) => place.get_mut().add(cell),
    }
}

/// The page.
pub(super) fn render(proxy: &ProxyShared, words: &[Word], shown: &Shown) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let cells = Cells::of(words);
    metrics::with_local_recorder(&recorder, || {
        for (name, text) in COUNTERS.iter().chain(failover::COUNTERS) {
            describe_counter!(*name, *text);
        }
        for (name, text) in GAUGES.iter().chain(failover::GAUGES) {
            describe_gauge!(*name, *text);
        }
        whole_proxy(proxy, words);
        hot_and_big(proxy);
        failover::record(shown);
        for ((shard, command), cell) in &cells.commands {
            let command = Label::new("command", command.name());
            let labels = vec![command, Label::new("shard", (*shard).to_owned())];
            outcomes("switchyard_proxy_commands_total", &labels, cell);
        }
        for (shard, cell) in &cells.parts {
            let labels = [Label::new("shard", (*shard).to_owned())];
            outcomes("switchyard_proxy_parts_total", &labels, cell);
        }
    });
    let mut page = Page::behind(recorder.handle().render());
    page.put(&limits::samples(proxy, words));
    latencies(&cells, &mut page);
    page.into_text()
}

fn whole_proxy(proxy: &ProxyShared, words: &[Word]) {
    let reports = || words.iter().filter_map(report_of);
    let sum = |part: fn(&ThreadReport) -> u64| reports().map(part).sum::<u64>();
    let count = |part: fn(&ThreadReport) -> usize| as_gauge(reports().map(part).sum());
    counter!("switchyard_proxy_requests_total").absolute(sum(|report| report.stats.requests));
    counter!("switchyard_proxy_cross_slot_refusals_total")
        .absolute(sum(|report| report.stats.cross_slots.refused));
    counter!("switchyard_proxy_error_replies_total")
        .absolute(sum(|report| report.stats.error_replies));
    counter!("switchyard_proxy_local_requests_total").absolute(sum(|report| report.stats.local));
    counter!("switchyard_proxy_refused_requests_total")
        .absolute(sum(|report| report.stats.refused));
    counter!("switchyard_proxy_pipes_lost_total").absolute(sum(|report| report.stats.pipes_lost));
    counter!("switchyard_proxy_messages_total").absolute(sum(|report| report.stats.messages));
    counter!("switchyard_proxy_resubscriptions_total").absolute(proxy.counters.resubscribed.all());
    counter!("switchyard_proxy_received_bytes_total")
        .absolute(sum(|report| report.stats.received_bytes));
    counter!("switchyard_proxy_sent_bytes_total").absolute(sum(|report| report.stats.sent_bytes));
    counter!("switchyard_proxy_connections_total").absolute(proxy.counters.accepted.all());
    counter!("switchyard_proxy_rejected_connections_total").absolute(proxy.counters.rejected.all());
    counter!("switchyard_proxy_proxies_left_out_total")
        .absolute(proxy.counters.proxies_left_out.all());
    let ended = count_of(words, State::Ended);
    gauge!("switchyard_proxy_threads").set(as_gauge(words.len() - ended));
    gauge!("switchyard_proxy_threads_silent").set(as_gauge(count_of(words, State::Silent)));
    gauge!("switchyard_proxy_clients").set(count(|report| report.clients));
    gauge!("switchyard_proxy_pipes_open").set(count(|report| report.pipes_open));
    gauge!("switchyard_proxy_leases").set(count(|report| report.leases));
    gauge!("switchyard_proxy_requests_waiting").set(count(|report| report.requests_waiting));
    gauge!("switchyard_proxy_waiting_bytes").set(count(|report| report.bytes_waiting));
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    for (shard, count) in reports().flat_map(|report| &report.waiting) {
        *waiting.entry(shard).or_default() += count;
    }
    for (shard, count) in waiting {
        gauge!("switchyard_proxy_takeover_waiting_requests", "shard" => shard.to_owned())
            .set(as_gauge(count));
    }
    gauge!("switchyard_proxy_client_bytes").set(as_gauge(proxy.counters.kept_bytes()));
    let version = proxy.topology.load().version().0;
    gauge!("switchyard_proxy_topology_version")
        .set(as_gauge(usize::try_from(version).unwrap_or(usize::MAX)));
    for (shard, access) in shards(words) {
        gauge!("switchyard_proxy_shard_reachable", "shard" => shard.to_owned())
            .set(f64::from(u8::from(access == Access::Open)));
    }
}

/// How hot and how big: which keys these are is told to those who may give orders.
fn hot_and_big(proxy: &ProxyShared) {
    let seen = proxy.all_seen();
    let (hot, big) = (seen.hot_keys().keys, seen.big_keys().largest);
    let share = hot.first().map_or(0.0, |key| key.used.share);
    let bytes = big.first().map_or(0, |key| key.bytes);
    gauge!("switchyard_proxy_hot_key_share_ratio").set(share);
    gauge!("switchyard_proxy_big_key_bytes").set(as_gauge(bytes));
}

/// All of them, also those that have not come to pass: the rate of a series that is born with its first hundred errors begins after these.
fn outcomes(name: &'static str, labels: &[Label], cell: &Cell) {
    for (outcome, count) in [
        ("ok", cell.replies),
        ("error", cell.errors),
        ("shard_down", cell.down),
        ("unknown", cell.unknown),
        ("left", cell.left),
    ] {
        let outcome = Label::from_static_parts("outcome", outcome);
        let labels: Vec<Label> = labels.iter().cloned().chain([outcome]).collect();
        counter!(name, labels).absolute(count);
    }
}

const COMMANDS: (&str, &str) = (
    "switchyard_proxy_command_duration_seconds",
    "Time from reading a request to having its reply from its node or nodes, or to telling its client that there is none.",
);

const PARTS: (&str, &str) = (
    "switchyard_proxy_part_duration_seconds",
    "As switchyard_proxy_command_duration_seconds, of each shard's part of requests that several shards answer.",
);

/// Histograms are counted in buckets already, and the exporter only takes single values.
fn latencies(cells: &Cells<'_>, page: &mut Page) {
    let (name, help) = COMMANDS;
    page.histograms(name, help);
    for ((shard, command), cell) in &cells.commands {
        let labels = [("command", command.name()), ("shard", *shard)];
        latency(name, &labels, &cell.latency, page);
    }
    let (name, help) = PARTS;
    page.histograms(name, help);
    for (shard, cell) in &cells.parts {
        latency(name, &[("shard", *shard)], &cell.latency, page);
    }
}

fn latency(
    name: &'static str,
    labels: &[(&'static str, &str)],
    latency: &Histogram,
    page: &mut Page,
) {
    let (count, sum_ns) = (latency.count(), latency.sum_ns());
    page.histogram(name, labels, latency.cumulative(), count, sum_ns);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; nobody has 2^52 clients"
)]
pub(super) fn as_gauge(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ThreadStats;

    #[test]
    fn every_series_of_a_histogram_has_the_same_buckets() {
        let mut cells = Cells::default();
        for (command, us) in [(CommandId::Get, 5), (CommandId::Keys, 3_000_000)] {
            let mut stats = ThreadStats::default();
            stats.record(command, 0, 1, 0, us * 1_000);
            let (_, _, cell) = stats.cells().next().unwrap();
            cells.commands.insert(("s1", command), cell.clone());
        }
        let mut page = Page::default();
        latencies(&cells, &mut page);
        let page = page.into_text();
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

    fn word(state: State, requests: u64, access: Access) -> Word {
        let mut report = ThreadReport::default();
        report.stats.requests = requests;
        report.reachable = vec![("s1".into(), access)];
        Word {
            state,
            report: Some(report.into()),
        }
    }

    #[test]
    fn a_silent_thread_makes_a_proxy_unready_and_says_nothing_of_shards() {
        use State::{Answers, Silent};
        let lost = word(Answers, 1, Access::Lost);
        let silent = word(Silent, 1, Access::Open);
        let words = [lost.clone(), silent.clone()];
        assert_eq!(shards(&words), BTreeMap::from([("s1", Access::Lost)]));
        assert!(!readiness(&words, None).is_ready);
        assert_eq!(shards(&[silent]), BTreeMap::from([("s1", Access::Open)]));
        let open = word(Answers, 1, Access::Open);
        assert!(readiness(&[lost, open], Some(5)).is_ready);
    }
}
