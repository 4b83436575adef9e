//! What each service may take, by the compose file, and that it fits what the service is told to hold: memory, files, time to start and to stop.

use std::process::Command;

use super::compose::{ONE_SHOT, seconds, services, with_role};
use super::files::service;
use super::text;
use crate::support::servers::{SWITCHYARD, free_address};

/// What a node may take beyond `maxmemory` is at least as much again.
pub(super) const MEMORY_PER_MAXMEMORY: u64 = 2;

/// What `clients-buffer-limit` counts, and how it lies in memory: merged replies of many megabytes, which grow where they lie, took 2.7 times of what is counted.
/// Of the settings alone; that clients take no more than it names is the proxy's to show.
pub(super) const AS_IT_LIES: (u64, u64) = (3, 1);

/// What a proxy takes besides.
pub(super) const PROXY_OWN_BYTES: u64 = 256 << 20;

/// HAProxy's two buffers of a connection, `tune.bufsize` unless set.
const HAPROXY_BUFFERS: u64 = 2 * 16_384;

/// What HAProxy takes besides.
const HAPROXY_OWN_BYTES: u64 = 64 << 20;

/// The least with which Prometheus and Grafana are known to work.
const LEAST_FOR_OTHERS: u64 = 512 << 20;

/// Files beside those of clients: listeners, pipes to nodes, what libraries keep open.
pub(super) const FILES_BESIDE_CLIENTS: u64 = 1_000;

/// A snapshot of a full node, which is taken at its end, on a slow disk.
pub(super) const SNAPSHOT_SECONDS: u64 = 30;

/// How long an ill service may pass for a healthy one, seconds.
const KNOWN_TO_BE_ILL: u64 = 30;

/// How long a service may take to start before it is called ill, seconds.
const STARTS: std::ops::RangeInclusive<u64> = 10..=60;

#[test]
fn an_ill_service_is_known_soon_and_ended_ones_start_again() {
    for service in services() {
        let name = &service.name;
        if name == ONE_SHOT {
            assert_eq!(service.value["healthcheck"]["disable"], true);
            continue;
        }
        assert_eq!(service.value["restart"], "unless-stopped", "{name}");
        let log = &service.value["logging"]["options"];
        assert!(
            log["max-size"].is_string() && log["max-file"].is_string(),
            "{name}: its log grows for ever"
        );
        let check = &service.value["healthcheck"];
        let timing = |key: &str| seconds(check[key].as_str().expect(key));
        let retries = check["retries"].as_u64().expect("a number");
        assert!(retries > 1, "{name}: one lost answer makes nobody ill");
        let known = retries * (timing("interval") + timing("timeout"));
        assert!(known <= KNOWN_TO_BE_ILL, "{name}: known after {known} s");
        assert!(STARTS.contains(&timing("start_period")), "{name}");
        if !service.is_own() {
            continue;
        }
        let health = service.health();
        let address = "127.0.0.1:6379";
        if service.is_server() {
            assert_eq!(service.client_port(), 6379, "{name}");
        }
        assert_eq!(
            health[..5],
            ["CMD", "switchyard", "check", address, "--deadline"],
            "{name}"
        );
        assert!(
            timing("timeout") > seconds(&health[5]),
            "{name}: killed before it can say why"
        );
        // The same words against a port where nobody listens: the command exists, and says no.
        let nobody = free_address().to_string();
        let output = Command::new(SWITCHYARD)
            .args(["check", &nobody])
            .args(&health[4..])
            .output();
        assert_eq!(
            output.expect("the binary runs").status.code(),
            Some(69),
            "{name}"
        );
    }
}

#[test]
fn a_full_node_makes_room_and_keeps_within_its_memory() {
    for service in with_role("node") {
        let name = &service.name;
        let limit = service.bytes_at("mem_limit");
        let maxmemory = service.bytes_of("MAXMEMORY");
        assert!(limit >= MEMORY_PER_MAXMEMORY * maxmemory, "{name}");
        let one_proxy = service.bytes_of("CLIENT_QUERY_BUFFER_LIMIT")
            + service.bytes_of("CLIENT_OUTPUT_HARD_LIMIT");
        assert!(
            limit >= maxmemory + one_proxy,
            "{name}: full, it has no room for what one proxy may have it hold"
        );
        let policy = service.printed("maxmemory-policy");
        assert!(
            policy.starts_with("allkeys-"),
            "{name}: full, it refuses writes: {policy}"
        );
        let longest = with_role("proxy")[0].bytes_of("PROTO_MAX_BULK_LEN");
        assert_eq!(
            service.bytes_of("PROTO_MAX_BULK_LEN"),
            longest,
            "a value that the proxy takes and the node does not"
        );
    }
}

#[test]
fn what_all_clients_may_have_waiting_fits_into_a_proxy() {
    for service in with_role("proxy") {
        let name = &service.name;
        let all = service.bytes_of("CLIENTS_BUFFER_LIMIT");
        let as_it_lies = all * AS_IT_LIES.0 / AS_IT_LIES.1;
        assert!(
            service.bytes_at("mem_limit") >= PROXY_OWN_BYTES + as_it_lies,
            "{name}: {all} bytes of clients"
        );
        let one = service.bytes_of("CLIENT_QUERY_BUFFER_LIMIT")
            + service.bytes_of("CLIENT_OUTPUT_HARD_LIMIT");
        assert!(all >= one, "{name}: one client is closed for all");
        let value = service.bytes_of("PROTO_MAX_BULK_LEN");
        assert!(
            service.bytes_of("CLIENT_OUTPUT_HARD_LIMIT") >= 16 * value,
            "{name}: who asks for some long values at once is closed before it can read them"
        );
    }
}

#[test]
fn the_others_have_the_memory_that_they_need_and_nobody_swaps() {
    for service in services() {
        let name = &service.name;
        let limit = service.bytes_at("mem_limit");
        assert_eq!(limit, service.bytes_at("memswap_limit"), "{name} swaps");
        let least = match name.as_str() {
            "haproxy" => {
                let config = text("config/haproxy/haproxy.cfg");
                let connections: u64 = config
                    .lines()
                    .find_map(|line| line.strip_prefix("    maxconn "))
                    .and_then(|number| number.parse().ok())
                    .expect("the first is all connections'");
                HAPROXY_OWN_BYTES + connections * HAPROXY_BUFFERS
            }
            "prometheus" | "grafana" | "etcd1" => LEAST_FOR_OTHERS,
            _ => 0,
        };
        assert!(limit >= least, "{name}: {limit} bytes of {least}");
    }
}

#[test]
fn as_many_files_may_be_open_as_clients_may_come() {
    for service in services().iter().filter(|service| service.is_server()) {
        let clients: u64 = service.printed("maxclients").parse().expect("a number");
        let files = service.value["ulimits"]["nofile"].as_u64();
        assert!(
            files.expect("a number") >= clients + FILES_BESIDE_CLIENTS,
            "{}: {clients} clients",
            service.name
        );
    }
}

#[test]
fn nobody_is_killed_before_he_has_drained() {
    for service in services().iter().filter(|service| service.is_server()) {
        let mut longest = service.seconds_of("SHUTDOWN_GRACE");
        if service.role() == "proxy" {
            longest += service.seconds_of("DRAIN_DELAY");
        } else {
            longest += SNAPSHOT_SECONDS;
        }
        assert!(
            service.seconds("stop_grace_period") > longest,
            "{}",
            service.name
        );
    }
    let stop = service("prometheus").seconds("stop_grace_period");
    assert!(stop >= 30, "it writes what it has: {stop} s");
}
