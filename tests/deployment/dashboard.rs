//! The dashboards as Grafana reads them: well formed, and every query in them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::compose::load;
use super::{path, text};

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// A query, and the panel it is for.
pub(super) struct Query {
    pub(super) panel: String,
    pub(super) expression: String,
}

/// Each of them, the one that Grafana shows first at the beginning.
const NAMES: &[&str] = &["switchyard", "commands", "shards", "nodes", "failover"];

fn dashboards() -> Vec<Value> {
    let read = |name: &&str| {
        let text = text(&format!("config/grafana/dashboards/{name}.json"));
        serde_json::from_str(&text).expect("JSON")
    };
    NAMES.iter().map(read).collect()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

/// What a dashboard's variables stand for when everything is chosen.
fn everything(dashboard: &Value) -> Vec<(String, String)> {
    let variables = dashboard["templating"]["list"].as_array();
    let variables = variables.expect("variables").iter();
    let chosen = variables.map(|variable| {
        let word = |key: &str| variable[key].as_str().expect("a text").to_owned();
        (format!("${}", word("name")), word("allValue"))
    });
    chosen.collect()
}

/// Every query of every panel, as Grafana sends it for all proxies and a range of rates of `rate_interval`.
pub(super) fn queries(rate_interval: &str) -> Vec<Query> {
    let dashboards = dashboards();
    dashboards
        .iter()
        .flat_map(|dashboard| queries_of(dashboard, rate_interval))
        .collect()
}

fn queries_of(dashboard: &Value, rate_interval: &str) -> Vec<Query> {
    let everything = everything(dashboard);
    let mut queries = Vec::new();
    for panel in panels(dashboard)
        .iter()
        .filter(|panel| panel["type"] != "row")
    {
        for target in panel["targets"].as_array().expect("queries") {
            let written = target["expr"].as_str().expect("a query");
            let mut expression = written.replace("$__rate_interval", rate_interval);
            for (variable, all) in &everything {
                expression = expression.replace(variable, all);
            }
            assert!(
                !expression.contains('$'),
                "{expression}: a variable that is not known"
            );
            queries.push(Query {
                panel: panel["title"].as_str().expect("a title").to_owned(),
                expression,
            });
        }
    }
    queries
}

#[test]
fn it_shows_all_that_was_promised() {
    let all: String = queries("1m")
        .into_iter()
        .map(|query| query.expression + "\n")
        .collect();
    for word in [
        "sum by (command)",
        "sum by (outcome)",
        "histogram_quantile(0.5,",
        "histogram_quantile(0.99,",
        "histogram_quantile(0.999,",
        "(le, proxy)",
        "switchyard_proxy_clients",
        "switchyard_proxy_waiting_bytes",
        "switchyard_proxy_pipes_open",
        "switchyard_proxy_pipes_lost_total",
        "switchyard_proxy_shard_reachable",
        "outcome!=\"ok\"",
        "switchyard_proxy_error_replies_total",
        "switchyard_proxy_parts_total",
        "switchyard_proxy_refused_requests_total",
        "switchyard_proxy_shard_copies_in_sync",
        "switchyard_proxy_follower_lag_bytes",
        "sum by (shard, cause)",
        "switchyard_proxy_store_reachable",
        "switchyard_proxy_conditions",
        "switchyard_proxy_takeover_waiting_requests",
        "switchyard_proxy_condition{",
        "switchyard_proxy_store_answer_age_seconds",
        "switchyard_proxy_nodes_suspected",
        "sum by (command, shard)",
        "sum by (shard, outcome)",
        "ALERTS{",
        "switchyard_node_memory_counted_bytes",
        "switchyard_node_memory_max_bytes",
        "switchyard_node_evicted_keys_total",
        "switchyard_node_expired_keys_total",
        "switchyard_node_keyspace_misses_total",
        "switchyard_node_follower_lag_bytes",
        "switchyard_node_log_fsync_duration_seconds_bucket",
        "switchyard_node_log_last_write_ok",
        "switchyard_node_snapshot_last_ok",
        "switchyard_node_thread_cpu_seconds_total",
    ] {
        assert!(all.contains(word), "{word}");
    }
}

/// The unit of what an expression comes to, by the names in it.
fn unit_of(expression: &str) -> &'static str {
    let has = |word: &str| expression.contains(word);
    if has("histogram_quantile(") {
        "s"
    } else if has("_misses_total") || (has("rate(") && has("_seconds_total")) {
        "percentunit"
    } else if has("rate(") && has("_keys_total") {
        "ops"
    } else if has("rate(") && has("_bytes_total") {
        "Bps"
    } else if has("rate(") && (has("connections_total") || has("pipes_lost_total")) {
        "cps"
    } else if has("rate(") && has("_messages_total") {
        "mps"
    } else if has("rate(") && has("_resubscriptions_total") {
        "ops"
    } else if has("rate(") {
        "reqps"
    } else if has("_bytes{") {
        "bytes"
    } else if has("_seconds{") {
        "s"
    } else {
        "short"
    }
}

/// Labels by which an expression is split; `le` is the quantile's own.
fn split_by(expression: &str) -> BTreeSet<&str> {
    let outermost = expression
        .strip_prefix("histogram_quantile(")
        .and_then(|rest| rest.split_once(", "))
        .map_or(expression, |(_, rest)| rest);
    let aggregation = outermost.split_once(' ').map_or("", |(word, _)| word);
    if !["sum", "min", "max"].contains(&aggregation) {
        return BTreeSet::new();
    }
    let labels = outermost
        .split_once("by (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(labels, _)| labels);
    labels
        .split(", ")
        .filter(|label| !label.is_empty() && *label != "le")
        .collect()
}

/// Labels that a legend names.
fn named_in(legend: &str) -> BTreeSet<&str> {
    let parts = legend.split("{{").skip(1);
    parts
        .map(|part| part.split_once("}}").expect("it ends").0)
        .collect()
}

#[test]
fn units_and_legends_are_those_of_the_queries() {
    let dashboards = dashboards();
    let all = dashboards.iter().flat_map(panels);
    for panel in all.filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().expect("a title");
        let mut legends = BTreeSet::new();
        for target in panel["targets"].as_array().expect("queries") {
            let expression = target["expr"].as_str().expect("a query");
            let legend = target["legendFormat"].as_str().expect("a legend");
            assert_eq!(
                panel["fieldConfig"]["defaults"]["unit"],
                unit_of(expression),
                "{title}: {expression}"
            );
            assert_eq!(
                named_in(legend),
                split_by(expression),
                "{title}: {legend}: {expression}"
            );
            assert!(legends.insert(legend), "{title}: two are called {legend}");
            let is_called = |name: &str| {
                [title, legend].map(|text| text.split([' ', ',']).any(|word| word == name))
            };
            for (quantile, name) in [("(0.5,", "p50"), ("(0.99,", "p99"), ("(0.999,", "p99.9")] {
                assert_eq!(
                    expression.contains(quantile),
                    is_called(name).contains(&true),
                    "{title}: {legend}: {expression}"
                );
            }
        }
    }
}

#[test]
fn quantiles_of_each_proxy_are_shown() {
    for quantile in ["0.5", "0.99", "0.999"] {
        let wanted = format!("histogram_quantile({quantile}, sum by (le, proxy) (");
        let shown = queries("1m");
        assert!(
            shown
                .iter()
                .any(|query| query.expression.starts_with(&wanted)),
            "{quantile}"
        );
    }
}

#[test]
fn each_is_there_and_leads_to_the_others() {
    let folder = fs::read_dir(path("config/grafana/dashboards")).expect("a folder");
    let mut files: Vec<String> = folder
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let mut expected: Vec<String> = NAMES.iter().map(|name| format!("{name}.json")).collect();
    files.sort_unstable();
    expected.sort_unstable();
    assert_eq!(files, expected);
    let mut known = BTreeSet::new();
    for dashboard in dashboards() {
        for key in ["uid", "title"] {
            let word = dashboard[key].as_str().expect("a text").to_owned();
            assert!(known.insert(word), "two have one {key}");
        }
        let link = &dashboard["links"][0];
        assert_eq!(dashboard["tags"], link["tags"]);
    }
}

#[test]
fn each_is_well_formed() {
    for dashboard in dashboards() {
        check_form(&dashboard);
    }
}

fn check_form(dashboard: &Value) {
    let provisioned = load("config/grafana/provisioning/datasources/prometheus.yml");
    let source = &provisioned["datasources"][0]["uid"];
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels(dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(
            ids.insert(panel["id"].as_u64().expect("an id")),
            "{title}: its id is taken"
        );
        let place = |side: &str| panel["gridPos"][side].as_u64().expect("a place");
        assert!(
            place("x") + place("w") <= COLUMNS,
            "{title}: beyond the edge"
        );
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title}: over another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], *source, "{title}");
        let mut letters = BTreeSet::new();
        for target in panel["targets"].as_array().expect("queries") {
            assert_eq!(target["datasource"]["uid"], *source, "{title}");
            assert!(
                letters.insert(target["refId"].as_str().expect("a letter")),
                "{title}"
            );
            assert!(
                target["legendFormat"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{title}"
            );
        }
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title}: no unit"
        );
    }
    for variable in dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
    {
        assert_eq!(variable["datasource"]["uid"], *source);
    }
    assert!(dashboard["uid"].is_string() && dashboard["schemaVersion"].is_u64());
}
