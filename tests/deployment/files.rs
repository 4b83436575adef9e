//! The files beside the compose file, but for HAProxy's and the image's: each is there, names what exists, and its own tool loads it where that is installed.

use std::process::Command;

use super::compose::{Service, load, seconds, services, with_role};
use super::{is_there, path, root, text};
use crate::support::servers::SWITCHYARD;

/// Runs a tool over files of the tree, which must succeed.
pub(super) fn passes(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {}: {}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

pub(super) fn service(name: &str) -> Service {
    let found = services().into_iter().find(|service| service.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

/// `node1:6379` for each service of a role.
pub(super) fn addresses(role: &str, port: impl Fn(&Service) -> u16) -> Vec<String> {
    let address = |service: &Service| format!("{}:{}", service.name, port(service));
    with_role(role).iter().map(address).collect()
}

#[test]
fn the_topology_is_what_init_writes_for_the_nodes() {
    let nodes = addresses("node", Service::client_port);
    let mut init = Command::new(SWITCHYARD);
    init.args(["topology", "init"]);
    for node in &nodes {
        init.args(["--node", node]);
    }
    let output = init.output().expect("the binary runs");
    for proxy in with_role("proxy") {
        let command = proxy.command();
        assert_eq!(command[1], "--topology");
        let file = proxy.mounted(&command[2]);
        passes(SWITCHYARD, &["topology", "check", &file]);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            text(&file),
            "{file} is made by `switchyard topology init`"
        );
    }
}

#[test]
fn every_mounted_file_is_there() {
    for service in services() {
        for (from, _) in service.mounts() {
            assert!(path(&from).is_dir(), "{}: {from}", service.name);
        }
        for word in service.command() {
            let inside = word
                .split_once('=')
                .map_or(word.as_str(), |(_, value)| value);
            // The last is a volume's, not a mounted file's.
            if inside.starts_with('/') && !word.starts_with("--storage.") {
                service.mounted(inside);
            }
        }
        if let Some(dashboard) = service
            .environment()
            .get("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH")
        {
            service.mounted(dashboard);
        }
    }
}

#[test]
fn prometheus_asks_every_proxy_and_grafana_asks_prometheus() {
    let file = load("config/prometheus/prometheus.yml");
    let targets = &file["scrape_configs"][0]["static_configs"][0]["targets"];
    let proxies = addresses("proxy", |proxy| proxy.port_of("SWITCHYARD_PROXY_ADMIN"));
    assert_eq!(*targets, serde_json::json!(proxies));
    // The label by which the dashboard chooses: the name, without the port.
    assert_eq!(
        file["scrape_configs"][0]["relabel_configs"],
        serde_json::json!([{ "source_labels": ["__address__"], "regex": r"(.+):\d+", "target_label": "proxy" }])
    );
    assert_eq!(file["scrape_configs"][0]["job_name"], "switchyard-proxy");
    let global = |key: &str| seconds(file["global"][key].as_str().expect(key));
    assert!(
        global("scrape_timeout") < global("scrape_interval"),
        "one that is slow is told from one that is gone"
    );
    let grafana = service("grafana");
    let below = "/etc/grafana/provisioning";
    let datasources = grafana.mounted(&format!("{below}/datasources/prometheus.yml"));
    let source = &load(&datasources)["datasources"][0];
    let health = service("prometheus").value["healthcheck"]["test"][5].clone();
    let own = health.as_str().and_then(|url| url.strip_suffix("/-/ready"));
    assert_eq!(
        source["url"],
        own.expect("a URL").replace("127.0.0.1", "prometheus")
    );
    assert_eq!(
        source["jsonData"]["timeInterval"],
        file["global"]["scrape_interval"]
    );
    let dashboards = grafana.mounted(&format!("{below}/dashboards/switchyard.yml"));
    let provider = &load(&dashboards)["providers"][0];
    let folder = provider["options"]["path"].as_str().expect("a path");
    let shown = grafana.mounted(&format!("{folder}/switchyard.json"));
    assert_eq!(shown, "config/grafana/dashboards/switchyard.json");
    let home = &grafana.environment()["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(*home, format!("{folder}/switchyard.json"));
}

#[test]
fn prometheus_takes_its_file() {
    if is_there(
        "promtool",
        &["--version"],
        "Prometheus' own check of its file",
    ) {
        passes(
            "promtool",
            &["check", "config", "config/prometheus/prometheus.yml"],
        );
    }
}

#[test]
fn the_script_stops_as_the_compose_file_says() {
    let script = text("config/loopback.sh");
    for service in services()
        .iter()
        .filter(|service| service.name != "grafana")
    {
        let name = &service.name;
        let grace = service.seconds("stop_grace_period") * 10;
        assert!(
            script.contains(&format!("[{name}]={grace}")),
            "{name}: {grace}"
        );
        if let Some(signal) = service.value["stop_signal"].as_str() {
            let signal = signal.trim_start_matches("SIG");
            assert!(script.contains(&format!("[ \"$name\" != {name} ] || signal={signal}")));
        }
    }
}

#[test]
fn a_container_engine_takes_the_compose_file() {
    if is_there("docker", &["compose", "version"], "`docker compose config`") {
        passes(
            "docker",
            &[
                "compose",
                "--file",
                "docker-compose.yml",
                "config",
                "--quiet",
            ],
        );
    }
}
