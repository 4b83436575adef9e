//! Every file beside the compose file: it is there, names what exists, and its own tool loads it where that is installed.

use std::process::Command;

use super::compose::{Service, load, services, with_role};
use super::{is_there, path, root, text};
use crate::support::servers::SWITCHYARD;

/// What the image's build needs beside the sources.
const NEEDED_BY_THE_BUILD: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "benches",
    "node",
    "proxy",
    "shared",
    "src",
    "tests",
];

/// Runs a tool over files of the tree, which must succeed.
fn passes(program: &str, arguments: &[&str]) {
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

fn service(name: &str) -> Service {
    let found = services().into_iter().find(|service| service.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

/// `node1:6379` for each service of a role.
fn addresses(role: &str, port: impl Fn(&Service) -> u16) -> Vec<String> {
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
fn haproxy_leads_to_the_proxies_that_are_ready() {
    let text = text("config/haproxy/haproxy.cfg");
    let mut servers = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(server) = line.strip_prefix("server ") {
            let words: Vec<&str> = server.split(' ').collect();
            assert!(words[1].starts_with(&format!("{}:", words[0])), "{line}");
            servers.push(words[1].to_owned());
        }
    }
    assert_eq!(servers, addresses("proxy", Service::client_port));
    let admin = with_role("proxy")[0].port_of("SWITCHYARD_PROXY_ADMIN");
    assert!(text.contains(&format!("check port {admin} ")));
    assert!(text.contains("option httpchk GET /readyz"));
    let published = &service("haproxy").value["ports"][0];
    let inside = published
        .as_str()
        .and_then(|port| port.rsplit(':').next())
        .expect("a port");
    assert!(text.contains(&format!("bind \"${{SWITCHYARD_LOOPBACK-}}:{inside}\"")));
    let most = |prefix: &str, text: &str| -> u64 {
        let line = text
            .lines()
            .map(str::trim)
            .find_map(|line| line.strip_prefix(prefix));
        line.and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("no {prefix}"))
    };
    let maxclients = &with_role("proxy")[0].environment()["SWITCHYARD_PROXY_MAXCLIENTS"];
    assert!(
        most("maxconn ", &text) <= maxclients.parse().expect("a number"),
        "one proxy takes all"
    );
    let files = service("haproxy").value["ulimits"]["nofile"]
        .as_u64()
        .expect("a number");
    assert!(files > 2 * most("maxconn ", &text), "two sockets for each");
    let health = service("haproxy").value["healthcheck"]["test"].to_string();
    assert!(
        health.contains("http://127.0.0.1:8404/healthz")
            && text.contains(":8404\"")
            && text.contains("monitor-uri /healthz")
    );
}

#[test]
fn haproxy_takes_its_file() {
    if is_there("haproxy", &["-v"], "HAProxy's own check of its file") {
        passes("haproxy", &["-c", "-f", "config/haproxy/haproxy.cfg"]);
    }
}

#[test]
fn prometheus_asks_every_proxy_and_grafana_asks_prometheus() {
    let file = load("config/prometheus/prometheus.yml");
    let targets = &file["scrape_configs"][0]["static_configs"][0]["targets"];
    let proxies = addresses("proxy", |proxy| proxy.port_of("SWITCHYARD_PROXY_ADMIN"));
    assert_eq!(*targets, serde_json::json!(proxies));
    let source = &load("config/grafana/provisioning/datasources/prometheus.yml")["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    assert_eq!(
        source["jsonData"]["timeInterval"],
        file["global"]["scrape_interval"]
    );
    let published = &service("prometheus").value["ports"][0];
    assert!(
        published
            .as_str()
            .is_some_and(|port| port.ends_with(":9090"))
    );
    let provider = &load("config/grafana/provisioning/dashboards/switchyard.yml")["providers"][0];
    let folder = provider["options"]["path"].as_str().expect("a path");
    service("grafana").mounted(&format!("{folder}/switchyard.json"));
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
fn the_script_starts_and_stops_as_the_compose_file_says() {
    let script = text("config/loopback.sh");
    for service in services()
        .iter()
        .filter(|service| service.name != "grafana")
    {
        let name = &service.name;
        for word in service.command() {
            let (flag, value) = word.split_once('=').unwrap_or((&word, ""));
            // Paths in the container are paths of the tree or of the script's folder there.
            let expected = match (flag.starts_with('/'), value.starts_with('/')) {
                (true, _) => continue,
                (false, true) => flag,
                (false, false) => word.as_str(),
            };
            assert!(script.contains(expected), "{name}: {expected}");
        }
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
    for (name, port) in [("LISTEN", "6379"), ("ADMIN", "9121")] {
        let setting = format!("SWITCHYARD_PROXY_{name}");
        assert_eq!(with_role("proxy")[0].port_of(&setting).to_string(), port);
        assert!(script.contains(&format!("{setting}=$own:{port}")));
    }
    let port = with_role("node")[0].client_port();
    assert!(script.contains(&format!("SWITCHYARD_NODE_LISTEN=$own:{port}")));
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

#[test]
fn the_image_is_built_from_what_is_there_and_nobody_is_root_in_it() {
    let dockerfile = text("config/docker/Dockerfile");
    let build = service("node1").value["build"].clone();
    assert_eq!(build["dockerfile"], "config/docker/Dockerfile");
    for (name, default) in build["args"].as_object().expect("arguments") {
        let default = default.as_str().expect("an image");
        assert!(
            dockerfile.contains(&format!("ARG {name}={default}\n")),
            "{name}"
        );
        assert!(dockerfile.contains(&format!("FROM ${{{name}}}")), "{name}");
    }
    assert!(
        dockerfile
            .lines()
            .filter(|line| line.starts_with("FROM "))
            .all(|line| line.starts_with("FROM ${"))
    );
    let user = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("USER "));
    assert!(user.is_some_and(|user| {
        user.split(':')
            .all(|id| id.parse::<u32>().is_ok_and(|id| id > 0))
    }));
    for port in [
        with_role("proxy")[0].client_port(),
        with_role("proxy")[0].port_of("SWITCHYARD_PROXY_ADMIN"),
    ] {
        let exposed = dockerfile
            .lines()
            .find_map(|line| line.strip_prefix("EXPOSE "));
        assert!(
            exposed.is_some_and(|ports| ports.split(' ').any(|other| other == port.to_string()))
        );
    }
    let ignore = text(".dockerignore");
    assert!(
        ignore.lines().any(|line| line == "*"),
        "all that is not named stays out"
    );
    let mut let_in: Vec<&str> = ignore
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let_in.sort_unstable();
    assert_eq!(let_in, NEEDED_BY_THE_BUILD);
    for name in let_in {
        assert!(path(name).exists(), "{name}");
    }
}
