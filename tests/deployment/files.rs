//! The files beside the compose file, but for HAProxy's and the image's: each is there, names what exists, and its own tool loads it where that is installed.

use std::fs;
use std::process::Command;

use super::compose::{MINIMAL, ONE_SHOT, Service, load, seconds, services, with_role};
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
fn the_first_topology_has_every_node_and_is_put_where_proxies_look_once() {
    let service = service(ONE_SHOT);
    let command = service.command();
    let proxies = with_role("proxy");
    let place = proxies[0].setting("TOPOLOGY");
    let members: Vec<String> = services()
        .iter()
        .filter(|service| service.kind() == "etcd")
        .map(|etcd| format!("{}:2379", etcd.name))
        .collect();
    assert_eq!(place, format!("etcd://{}", members.join(",")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("topology.toml").display().to_string();
    let here: Vec<String> = command
        .iter()
        .map(|word| word.replace(&place, &file))
        .collect();
    assert_ne!(here, command, "it is put where proxies look");
    let here: Vec<&str> = here.iter().map(String::as_str).collect();
    passes(SWITCHYARD, &here);
    let made = fs::read_to_string(&file).expect("a topology");
    let listed: Vec<&str> = made
        .lines()
        .filter_map(|line| line.strip_prefix("address = "))
        .map(|address| address.trim_matches('"'))
        .collect();
    assert_eq!(listed, addresses("node", Service::client_port));
    assert_eq!(made.matches("\n[[shard]]\n").count() * 2, listed.len());
    // At the next start of everything it is there.
    passes(SWITCHYARD, &here);
    assert_eq!(fs::read_to_string(&file).expect("a topology"), made);
    for service in services() {
        let restarts = &service.value["restart"];
        assert_eq!(*restarts == "no", service.name == ONE_SHOT, "{restarts}");
    }
}

#[test]
fn members_of_etcd_find_each_other() {
    let members: Vec<Service> = services()
        .into_iter()
        .filter(|service| service.kind() == "etcd")
        .collect();
    let all: Vec<String> = members
        .iter()
        .map(|etcd| format!("{0}=http://{0}:2380", etcd.name))
        .collect();
    for etcd in &members {
        let (name, environment) = (&etcd.name, etcd.environment());
        for (variable, value) in [
            ("NAME", name.clone()),
            ("INITIAL_CLUSTER", all.join(",")),
            ("LISTEN_CLIENT_URLS", "http://0.0.0.0:2379".to_owned()),
            ("LISTEN_PEER_URLS", "http://0.0.0.0:2380".to_owned()),
            ("ADVERTISE_CLIENT_URLS", format!("http://{name}:2379")),
            ("INITIAL_ADVERTISE_PEER_URLS", format!("http://{name}:2380")),
        ] {
            assert_eq!(environment[&format!("ETCD_{variable}")], value, "{name}");
        }
    }
}

#[test]
fn proxies_tell_each_other_where_they_hear() {
    for proxy in with_role("proxy") {
        let port = proxy.port_of("SWITCHYARD_PROXY_GOSSIP");
        let expected = format!("{}:{port}", proxy.name);
        assert_eq!(proxy.setting("GOSSIP_ADVERTISE"), expected);
    }
}

/// Folders that are volumes' in containers.
const VOLUMES: &[&str] = &["/prometheus", "/var/lib/"];

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
            let is_of_a_volume = VOLUMES.iter().any(|folder| inside.starts_with(folder));
            let is_of_the_image = inside.starts_with("/usr/local/bin/");
            if inside.starts_with('/') && !is_of_a_volume && !is_of_the_image {
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
fn prometheus_asks_everybody_and_grafana_asks_prometheus() {
    let file = load("config/prometheus/prometheus.yml");
    let targets = |job: usize| &file["scrape_configs"][job]["static_configs"][0]["targets"];
    let proxies = addresses("proxy", |proxy| proxy.port_of("SWITCHYARD_PROXY_ADMIN"));
    assert_eq!(*targets(0), serde_json::json!(proxies));
    let nodes = addresses("node", |node| node.port_of("SWITCHYARD_NODE_ADMIN"));
    assert_eq!(*targets(1), serde_json::json!(nodes));
    assert_eq!(*targets(2), serde_json::json!(["haproxy:8404"]));
    let members = services();
    let members = members.iter().filter(|service| service.kind() == "etcd");
    let members: Vec<String> = members.map(|etcd| format!("{}:2379", etcd.name)).collect();
    assert_eq!(*targets(3), serde_json::json!(members));
    // The label by which the dashboards choose: the name, without the port.
    for (job, label) in ["proxy", "node"].iter().enumerate() {
        assert_eq!(
            file["scrape_configs"][job]["relabel_configs"],
            serde_json::json!([{ "source_labels": ["__address__"], "regex": r"(.+):\d+", "target_label": label }])
        );
        assert_eq!(
            file["scrape_configs"][job]["job_name"],
            format!("switchyard-{label}")
        );
    }
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
    let rules = file["rule_files"][0].as_str().expect("a pattern");
    let (rules, _) = rules.split_once('/').expect("a folder");
    assert!(path(&format!("config/prometheus/{rules}")).is_dir());
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
    for word in service(ONE_SHOT).command() {
        assert!(script.contains(&word), "{word}");
    }
    for service in services()
        .iter()
        .filter(|service| !["grafana", MINIMAL, ONE_SHOT].contains(&service.name.as_str()))
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
