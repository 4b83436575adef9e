//! What the dashboard makes of a load that is known to the last request: each panel counts what its name says.
//! Rates are asked for as plain counts since the start, so that no answer depends on when it was asked for.

use std::net::SocketAddr;

use super::dashboard::queries;
use super::running::{Deployment, fetch};
use crate::support::eventually::eventually;
use crate::support::{Client, Reply, encode};

/// Stands for the range of a rate, and goes with it.
const RANGE: &str = "30s";

/// Requests of each kind; no two sums of them are the same.
const SETS: usize = 20;
const GETS: usize = 30;
const PINGS: usize = 11;

/// Long enough that what comes in and what goes out cannot be taken for each other.
const VALUE_BYTES: usize = 5_000;

/// Connections that are held open; another number than there are threads.
const CLIENTS: usize = 7;

/// The query of a panel, without its rate.
fn count_of(panel: &str, nth: usize) -> String {
    let mut all = queries(RANGE)
        .into_iter()
        .filter(|query| query.panel == panel);
    let query = all.nth(nth).unwrap_or_else(|| panic!("no {panel}"));
    query
        .expression
        .replace("rate(", "(")
        .replace(&format!("[{RANGE}]"), "")
}

/// What a panel shows, all lines of it together.
fn shown(deployment: &Deployment, panel: &str, nth: usize) -> f64 {
    deployment
        .ask_prometheus(&count_of(panel, nth))
        .iter()
        .sum()
}

/// What both proxies say at this moment.
fn said_by_proxies(deployment: &Deployment, metric: &str) -> f64 {
    let said = [11, 12].map(|host| {
        let page = fetch(deployment.address(host, 9121), "/metrics").expect("a page");
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.map_or(0.0, |number| number.parse().expect("a number"))
    });
    said.iter().sum()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a small one"))
}

/// Waits until Prometheus knows of all that was asked so far.
fn wait_for_prometheus(deployment: &Deployment) {
    for (panel, nth, metric) in [
        ("Requests", 0, "switchyard_proxy_requests_total"),
        (
            "Connections accepted",
            0,
            "switchyard_proxy_connections_total",
        ),
        (
            "Bytes from and to clients",
            1,
            "switchyard_proxy_sent_bytes_total",
        ),
    ] {
        eventually(&format!("{metric} is collected"), || {
            let said = said_by_proxies(deployment, metric);
            said > 0.0 && shown(deployment, panel, nth) == said
        });
    }
}

/// The load, over one connection; returns how many bytes it sent, and how many it was sent.
fn load(client: &mut Client) -> (usize, usize) {
    let value = "v".repeat(VALUE_BYTES);
    let set: &[&str] = &["SET", "long", &value];
    let short: &[&str] = &["SET", "short", "v"];
    let mut sent = 0;
    let mut ask = |words: &[&str], expected: &Reply| {
        assert_eq!(client.call(words), *expected);
        sent += encode(words).len();
    };
    for _ in 1..SETS {
        ask(set, &Reply::ok());
    }
    ask(short, &Reply::ok());
    for _ in 0..GETS {
        ask(&["GET", "short"], &Reply::bulk("v"));
    }
    for _ in 0..PINGS {
        ask(&["PING"], &Reply::Simple(b"PONG".to_vec()));
    }
    let told = SETS * "+OK\r\n".len() + GETS * "$1\r\nv\r\n".len() + PINGS * "+PONG\r\n".len();
    (sent, told)
}

#[test]
fn each_panel_counts_what_its_name_says() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    // Its checks are requests, too.
    deployment.script(&["stop", "haproxy"]);
    wait_for_prometheus(&deployment);
    let panels: &[(&str, usize)] = &[
        ("Requests", 0),
        ("By command", 0),
        ("By outcome", 0),
        ("By proxy", 0),
        ("By shard", 0),
        ("Without a node", 0),
        ("Connections accepted", 0),
        ("Bytes from and to clients", 0),
        ("Bytes from and to clients", 1),
    ];
    let before: Vec<f64> = panels
        .iter()
        .map(|(panel, nth)| shown(&deployment, panel, *nth))
        .collect();
    let proxies: [SocketAddr; 2] = [11, 12].map(|host| deployment.address(host, 6379));
    let mut clients: Vec<Client> = proxies
        .iter()
        .cycle()
        .take(CLIENTS)
        .map(|proxy| Client::connect(*proxy))
        .collect();
    let (sent, told) = load(&mut clients[0]);
    let expected = [
        SETS + GETS + PINGS,
        SETS + GETS,
        SETS + GETS,
        SETS + GETS + PINGS,
        SETS + GETS,
        PINGS,
        CLIENTS,
        sent,
        told,
    ];
    for (((panel, nth), before), expected) in panels.iter().zip(before).zip(expected) {
        eventually(&format!("{panel}, {nth}: {expected} more"), || {
            shown(&deployment, panel, *nth) - before == number(expected)
        });
    }
    for nth in [0, 1] {
        eventually("the panels of clients show those who are connected", || {
            shown(&deployment, "Clients", nth) == number(CLIENTS)
        });
    }
}

#[test]
fn what_is_missing_is_shown_as_missing() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    let shows = |panel: &str, expected: f64| {
        eventually(&format!("{panel}: {expected}"), || {
            shown(&deployment, panel, 0) == expected
        });
    };
    // Three shards, each within reach of two proxies.
    shows("Proxies that answer", 2.0);
    shows("Shards within reach", 6.0);
    shows("Shards out of reach", 0.0);
    eventually("no alert, not even one that waits", || {
        // That one only tells of what has healed.
        deployment.alerts().iter().all(|alert| alert == "Failover")
    });
    // Both of a shard.
    deployment.script(&["stop", "node5"]);
    deployment.script(&["stop", "node2"]);
    shows("Shards out of reach", 1.0);
    let alerted = |name: &str| deployment.alerts().contains(name);
    for name in ["ShardUnreachable", "NodeSuspected", "ShardLeaderless"] {
        eventually(&format!("alert {name}"), || alerted(name));
    }
    shows("Shards within reach", 4.0);
    assert!(
        shown(&deployment, "Lost", 0) > 0.0,
        "connections to the node"
    );
    deployment.script(&["stop", "proxy2"]);
    shows("Proxies that answer", 1.0);
    eventually("alert ProxyDown", || alerted("ProxyDown"));
    deployment.script(&["start", "node2"]);
    deployment.script(&["start", "node5"]);
    shows("Shards out of reach", 0.0);
    for name in ["ShardUnreachable", "NodeSuspected", "ShardLeaderless"] {
        eventually(&format!("no alert {name}"), || !alerted(name));
    }
}
