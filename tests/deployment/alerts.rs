//! The rules by which Prometheus alerts: every metric in them is one that proxies or nodes have, every alert says what to do, and comes when it should.

use std::collections::BTreeSet;

use serde_json::Value;

use super::compose::{load, with_role};
use super::files::passes;
use super::{is_there, text};

const RULES: &str = "config/prometheus/rules/switchyard.yml";
const TESTS: &str = "config/prometheus/tests/switchyard.yml";

/// Where the names of metrics stand, and where those of conditions.
pub(super) const TABLES: &[&str] = &[
    "proxy/src/admin/report.rs",
    "proxy/src/admin/failover.rs",
    "proxy/src/admin/limits.rs",
    "node/src/admin/mod.rs",
    "node/src/report/counted.rs",
    "node/src/report/disk.rs",
    "node/src/report/keyspace.rs",
    "node/src/report/page.rs",
    "node/src/report/replication.rs",
];
const CONDITIONS: &str = "proxy/src/control/matters.rs";

/// What else is asked for: metrics of Prometheus itself.
const OTHERS: &[&str] = &["up"];

/// How much a person is in a hurry.
const SEVERITIES: &[&str] = &["critical", "warning", "info"];

/// Every rule.
fn rules() -> Vec<Value> {
    let file = load(RULES);
    let groups = file["groups"].as_array().expect("groups").iter();
    groups
        .flat_map(|group| group["rules"].as_array().expect("rules").clone())
        .collect()
}

fn word<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key}: {rule}"))
}

/// Names before a brace, a bracket or an operator: metrics, and what PromQL has of its own.
fn names(expression: &str) -> BTreeSet<&str> {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = expression.split(|letter| !is_of_a_name(letter));
    words
        .filter(|word| word.starts_with("switchyard_") || OTHERS.contains(word))
        .collect()
}

#[test]
fn every_metric_of_a_rule_is_one_that_there_is() {
    let tables: String = TABLES.iter().map(|table| text(table)).collect();
    let conditions = text(CONDITIONS);
    for rule in rules() {
        let (alert, expression) = (word(&rule, "alert"), word(&rule, "expr"));
        let found = names(expression);
        assert!(!found.is_empty(), "{alert} is about nothing: {expression}");
        for name in found {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(
                OTHERS.contains(&name) || tables.contains(&format!("\"{family}\"")),
                "{alert}: nobody has {name}"
            );
        }
        for part in expression.split("condition=\"").skip(1) {
            let (condition, _) = part.split_once('"').expect("it ends");
            assert!(
                conditions.contains(&format!("=> \"{condition}\"")),
                "{alert}: no condition is called {condition}"
            );
        }
    }
}

#[test]
fn every_condition_and_every_collected_job_has_an_alert() {
    let all: String = rules()
        .iter()
        .map(|rule| word(rule, "expr").to_owned())
        .collect();
    // The first two have alerts of their own: by the store's metric, and by copies.
    let by_other_metrics = ["store_away", "copies_missing"];
    let source = text(CONDITIONS);
    let conditions = source
        .split("=> \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for condition in conditions.filter(|word| !word.contains(' ')) {
        assert!(
            all.contains(&format!("condition=\"{condition}\""))
                || by_other_metrics.contains(&condition),
            "{condition}"
        );
    }
    let file = load("config/prometheus/prometheus.yml");
    for job in file["scrape_configs"].as_array().expect("jobs") {
        let job = word(job, "job_name");
        assert!(all.contains(&format!("up{{job=\"{job}\"}}")), "{job}");
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let mut known = BTreeSet::new();
    for rule in rules() {
        let alert = word(&rule, "alert").to_owned();
        assert!(SEVERITIES.contains(&word(&rule["labels"], "severity")));
        for key in ["summary", "action"] {
            let told = word(&rule["annotations"], key);
            assert!(
                told.ends_with('.') && told.len() > 20,
                "{alert}: {key}: {told}"
            );
        }
        assert!(known.insert(alert.clone()), "{alert} twice");
    }
}

#[test]
fn bounds_in_rules_are_those_of_the_settings() {
    let bound_of = |alert: &str| {
        let rules = rules();
        let rule = rules.iter().find(|rule| word(rule, "alert") == alert);
        let (_, share) = word(rule.expect(alert), "expr")
            .split_once("> 0.8 * ")
            .expect("four fifths");
        share.parse::<u64>().expect("a number")
    };
    let proxy = with_role("proxy").remove(0);
    assert_eq!(
        bound_of("ClientBuffersNearLimit"),
        proxy.bytes_of("CLIENTS_BUFFER_LIMIT")
    );
    assert_eq!(
        bound_of("LeasesNearLimit").to_string(),
        proxy.printed("leases")
    );
}

#[test]
fn each_alert_comes_when_it_should_and_not_before() {
    let tests = text(TESTS);
    for rule in rules() {
        let alert = word(&rule, "alert");
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert}");
    }
    if is_there("promtool", &["--version"], "tests of the alerts") {
        passes("promtool", &["check", "rules", RULES]);
        passes("promtool", &["test", "rules", TESTS]);
    }
}
