//! The compose file as values, and what it must say: services, flags and variables that exist, order, ports that agree, nothing beyond loopback.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

use super::{path, text};
use crate::support::servers::SWITCHYARD;

/// The image that this tree builds.
const OWN_IMAGE: &str = "switchyard:local";

/// What is published, and where health is asked for inside the container.
const PUBLISHED: &[(&str, &str, &str)] = &[
    ("haproxy", "6379", "http://127.0.0.1:8404/healthz"),
    ("prometheus", "9090", "http://127.0.0.1:9090/-/ready"),
    ("grafana", "3000", "http://127.0.0.1:3000/api/health"),
];

/// Who is started before whom, and stopped after: names, each with what must be true of it.
const ORDER: &[(&str, &[&str], &str)] = &[
    ("etcd", &[], ""),
    ("topology", &["etcd1", "etcd2", "etcd3"], "service_healthy"),
    ("node", &[], ""),
    (
        "proxy",
        &["node1", "node2", "node3", "node4", "node5", "node6"],
        "service_started",
    ),
    ("proxy", &["topology"], "service_completed_successfully"),
    ("haproxy", &["proxy1", "proxy2"], "service_healthy"),
    ("prometheus", &["proxy1", "proxy2"], "service_healthy"),
    ("grafana", &["prometheus"], "service_healthy"),
    ("cache", &[], ""),
];

/// Services that are numbered.
const NUMBERED: &[(&str, usize)] = &[("etcd", 3), ("node", 6), ("proxy", 2)];

/// Services of which there is one.
const SINGLE: &[&str] = &["topology", "haproxy", "prometheus", "grafana", "cache"];

/// One service.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) value: Value,
}

/// The service in place of all others, on a laptop.
pub(super) const MINIMAL: &str = "cache";

/// The one that ends.
pub(super) const ONE_SHOT: &str = "topology";

/// Every service, by name, as without an environment.
pub(super) fn services() -> Vec<Service> {
    services_with(&[])
}

/// Every service, by name, with these variables in the environment.
pub(super) fn services_with(variables: &[(&str, &str)]) -> Vec<Service> {
    let file = load_with("docker-compose.yml", variables);
    let services = file["services"].as_object().expect("services");
    let service = |(name, value): (&String, &Value)| Service {
        name: name.clone(),
        value: value.clone(),
    };
    services.iter().map(service).collect()
}

/// A YAML file of the tree, each `${NAME:-default}` replaced by its default, as without an environment.
pub(super) fn load(below: &str) -> Value {
    load_with(below, &[])
}

/// As [`load`], with variables.
fn load_with(below: &str, variables: &[(&str, &str)]) -> Value {
    let text = replaced(&text(below), variables);
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{below}: {error}"))
}

fn replaced(text: &str, variables: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').expect("a variable ends");
        out.push_str(before);
        if let Some((name, word)) = variable.split_once(":+") {
            let is_set = variables.iter().any(|(other, _)| *other == name);
            out.push_str(if is_set { word } else { "" });
        } else {
            let (name, default) = variable.split_once(":-").unwrap_or_else(|| {
                panic!("{variable} has no default: one command would not be enough")
            });
            let set = variables.iter().find(|(other, _)| *other == name);
            out.push_str(set.map_or(default, |(_, value)| value));
        }
        rest = after;
    }
    out + rest
}

impl Service {
    /// Whether it runs the image that this tree builds.
    pub(super) fn is_own(&self) -> bool {
        self.value["image"] == OWN_IMAGE
    }

    /// What it is without its number: `etcd` of `etcd1`.
    pub(super) fn kind(&self) -> &str {
        self.name
            .trim_end_matches(|last: char| last.is_ascii_digit())
    }

    /// Whether it is a node or a proxy, by itself.
    pub(super) fn is_server(&self) -> bool {
        ["node", "proxy"].contains(&self.role().as_str())
    }

    /// The words of its command.
    pub(super) fn command(&self) -> Vec<String> {
        strings(&self.value["command"])
    }

    /// `node`, `proxy`, or another command of our binary; empty for what is not ours.
    pub(super) fn role(&self) -> String {
        if self.is_own() {
            self.command().first().cloned().unwrap_or_default()
        } else {
            String::new()
        }
    }

    /// Its environment: the file, and what stands in the compose file and beats it.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        if let Some(file) = self.value["env_file"].as_str() {
            let text = text(file);
            for line in text
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                let (name, value) = line.split_once('=').expect("NAME=VALUE");
                assert!(
                    all.insert(name.to_owned(), value.to_owned()).is_none(),
                    "{file}: {name} twice"
                );
            }
        }
        if let Some(own) = self.value["environment"].as_object() {
            for (name, value) in own {
                // What stands without a value is null in YAML, and empty to the process.
                all.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
            }
        }
        all
    }

    /// What is mounted: path in the tree, path in the container. Named volumes are left out.
    pub(super) fn mounts(&self) -> Vec<(String, String)> {
        let volumes = strings(&self.value["volumes"]).into_iter();
        let mounts = volumes.filter_map(|volume| {
            let (from, rest) = volume.strip_prefix("./")?.split_once(':')?;
            let to = rest
                .strip_suffix(":ro")
                .unwrap_or_else(|| panic!("{volume} may be written"));
            Some((from.to_owned(), to.to_owned()))
        });
        mounts.collect()
    }

    /// The file of the tree that is seen at `inside` in the container.
    pub(super) fn mounted(&self, inside: &str) -> String {
        let found = self.mounts().into_iter().find_map(|(from, to)| {
            inside
                .strip_prefix(&to)
                .map(|below| format!("{from}{below}"))
        });
        let found =
            found.unwrap_or_else(|| panic!("{}: nothing is mounted at {inside}", self.name));
        assert!(path(&found).exists(), "{}: {found} is not there", self.name);
        found
    }

    /// The port of a setting that is an address.
    pub(super) fn port_of(&self, setting: &str) -> u16 {
        let environment = self.environment();
        let address = environment
            .get(setting)
            .unwrap_or_else(|| panic!("{}: no {setting}", self.name));
        let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
        assert_eq!(
            host, "0.0.0.0",
            "{setting}: others reach a container at an address it does not know"
        );
        port.parse().expect("a port")
    }

    /// Where clients connect.
    pub(super) fn client_port(&self) -> u16 {
        self.port_of(&format!("SWITCHYARD_{}_LISTEN", self.role().to_uppercase()))
    }

    /// What the service's own binary makes of its settings, in place of starting.
    fn print_config(&self) -> Output {
        let mut command = Command::new(SWITCHYARD);
        command.env_clear().envs(self.environment());
        command.args(self.command()).arg("--print-config");
        command.output().expect("the binary runs")
    }

    /// A setting as its binary would take it, also where nothing is said of it: the text behind `name =`, without quotes.
    pub(super) fn printed(&self, name: &str) -> String {
        let output = self.print_config();
        let all = String::from_utf8(output.stdout).expect("text");
        let value = all
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        let value = value.unwrap_or_else(|| panic!("{}: no {name}", self.name));
        value.trim_matches('"').to_owned()
    }

    /// What stands in the compose file as a number of bytes.
    pub(super) fn bytes_at(&self, key: &str) -> u64 {
        let text = self.value[key].as_str();
        bytes(text.unwrap_or_else(|| panic!("{}: no {key}", self.name)))
    }

    pub(super) fn seconds(&self, key: &str) -> u64 {
        let text = self.value[key]
            .as_str()
            .unwrap_or_else(|| panic!("{}: no {key}", self.name));
        seconds(text)
    }

    /// A setting of its environment that is a number of seconds.
    pub(super) fn seconds_of(&self, setting: &str) -> u64 {
        seconds(self.setting(setting).as_str())
    }

    /// A setting of its environment that is a number of bytes.
    pub(super) fn bytes_of(&self, setting: &str) -> u64 {
        bytes(self.setting(setting).as_str())
    }

    /// A setting of its environment, by the last words of its name.
    pub(super) fn setting(&self, words: &str) -> String {
        let name = format!("SWITCHYARD_{}_{words}", self.role().to_uppercase());
        let value = self.environment().remove(&name);
        value.unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    /// The words of its health check.
    pub(super) fn health(&self) -> Vec<String> {
        strings(&self.value["healthcheck"]["test"])
    }
}

pub(super) fn strings(value: &Value) -> Vec<String> {
    let Some(list) = value.as_array() else {
        return Vec::new();
    };
    list.iter()
        .map(|item| item.as_str().expect("a text").to_owned())
        .collect()
}

/// The services with this role, of which there must be some.
pub(super) fn with_role(role: &str) -> Vec<Service> {
    let found: Vec<Service> = services()
        .into_iter()
        .filter(|service| service.role() == role)
        .collect();
    assert!(!found.is_empty(), "no {role}");
    found
}

/// A whole number of seconds as `15s`.
pub(super) fn seconds(text: &str) -> u64 {
    let number = text.strip_suffix('s').and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{text}: no seconds"))
}

/// A whole number of bytes as `512mb`, `1g`.
fn bytes(text: &str) -> u64 {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].trim_end_matches('b') {
        "m" => 1 << 20,
        "g" => 1 << 30,
        other => panic!("{text}: {other}"),
    };
    digits.parse::<u64>().expect("a number") * unit
}

#[test]
fn it_has_two_proxies_six_nodes_and_what_belongs_to_them() {
    let mut names: Vec<String> = services().into_iter().map(|service| service.name).collect();
    let numbered = NUMBERED
        .iter()
        .flat_map(|(kind, count)| (1..=*count).map(move |number| format!("{kind}{number}")));
    let single = SINGLE.iter().map(|name| (*name).to_owned());
    let mut expected: Vec<String> = numbered.chain(single).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!((with_role("node").len(), with_role("proxy").len()), (6, 2));
}

#[test]
fn the_cache_alone_is_started_by_its_name_and_never_with_the_others() {
    for service in services() {
        let profiles = strings(&service.value["profiles"]);
        let expected: &[&str] = if service.name == MINIMAL {
            &["minimal"]
        } else {
            &[]
        };
        assert_eq!(profiles, expected, "{}", service.name);
    }
}

#[test]
fn every_flag_and_variable_exists_and_has_a_value_in_range() {
    for service in services().iter().filter(|service| service.is_server()) {
        let output = service.print_config();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {errors}", service.name);
        // The prefix of another role would be read by nobody.
        let prefix = format!("SWITCHYARD_{}_", service.role().to_uppercase());
        for name in service.environment().keys() {
            assert!(
                name.starts_with(&prefix) || name == "SWITCHYARD_CHECK_PASSWORD",
                "{}: {name}",
                service.name
            );
        }
    }
    let help = Command::new(SWITCHYARD)
        .args(["check", "--help"])
        .output()
        .expect("the binary runs");
    assert!(String::from_utf8_lossy(&help.stdout).contains("SWITCHYARD_CHECK_PASSWORD"));
}

#[test]
fn a_variable_that_does_not_exist_would_be_found() {
    let mut node = with_role("node").remove(0);
    node.value["environment"]["SWITCHYARD_NODE_MAXMEMRY"] = Value::from("1gb");
    assert_eq!(node.print_config().status.code(), Some(78));
}

#[test]
fn the_image_is_built_once_and_asked_of_no_registry() {
    // The cache alone is not started with the others.
    let own = services()
        .into_iter()
        .filter(|service| service.is_own() && service.name != MINIMAL);
    let (building, using): (Vec<Service>, Vec<Service>) =
        own.partition(|service| !service.value["build"].is_null());
    assert_eq!(building.len(), 1, "side by side they fail over its name");
    for service in using {
        assert_eq!(service.value["pull_policy"], "never", "{}", service.name);
    }
}

#[test]
fn everybody_is_started_and_stopped_in_order() {
    for service in services() {
        let name = &service.name;
        let mut orders = ORDER
            .iter()
            .filter(|(of, ..)| *of == name || *of == service.kind())
            .peekable();
        assert!(orders.peek().is_some(), "{name}: no order");
        let expected: BTreeMap<&str, Value> = orders
            .flat_map(|(_, earlier, condition)| {
                let condition = serde_json::json!({ "condition": condition });
                earlier.iter().map(move |other| (*other, condition.clone()))
            })
            .collect();
        let found = service.value["depends_on"].as_object();
        let found: BTreeMap<&str, Value> = found
            .into_iter()
            .flatten()
            .map(|(other, condition)| (other.as_str(), condition.clone()))
            .collect();
        assert_eq!(found, expected, "{name}");
        let signal = (name == "haproxy").then_some("SIGUSR1");
        assert_eq!(service.value["stop_signal"].as_str(), signal, "{name}");
    }
}

#[test]
fn nothing_is_published_beyond_loopback_and_nodes_are_the_proxies_own() {
    for service in services() {
        let name = &service.name;
        let published = PUBLISHED.iter().find(|(of, ..)| of == name);
        let mut ports = Vec::new();
        if name == MINIMAL {
            ports.push("127.0.0.1:6379:6379".to_owned());
        }
        if let Some((_, port, health)) = published {
            ports.push(format!("127.0.0.1:{port}:{port}"));
            let asking = ["CMD", "wget", "-q", "-O", "/dev/null", health];
            assert_eq!(service.health(), asking, "{name}");
        }
        assert_eq!(strings(&service.value["ports"]), ports, "{name}");
        let networks = strings(&service.value["networks"]);
        let expected: &[&str] = match service.kind() {
            "etcd" | ONE_SHOT => &["topology"],
            "node" => &["nodes", "metrics"],
            "proxy" => &["topology", "nodes", "front"],
            "prometheus" => &["topology", "metrics", "front"],
            _ => &["front"],
        };
        assert_eq!(networks, expected, "{name}");
    }
    let front = &load("docker-compose.yml")["networks"]["front"]["ipam"]["config"][0]["subnet"];
    for proxy in with_role("proxy") {
        // In it HAProxy alone connects to proxies, and says whose each connection is.
        assert_eq!(*front, proxy.setting("PROXY_PROTOCOL_FROM"));
    }
    for network in ["topology", "nodes", "metrics"] {
        let network = &load("docker-compose.yml")["networks"][network];
        assert_eq!(network["internal"], true);
    }
}

#[test]
fn what_keeps_something_has_a_volume_of_its_own() {
    let file = load("docker-compose.yml");
    let mut named: Vec<&String> = file["volumes"]
        .as_object()
        .expect("volumes")
        .keys()
        .collect();
    let mut used = Vec::new();
    for service in services() {
        let keeps = match service.kind() {
            "etcd" => Some(("ETCD_DATA_DIR", "/var/lib/etcd")),
            "node" => Some(("SWITCHYARD_NODE_DATA_DIR", "/var/lib/switchyard")),
            _ => None,
        };
        if let Some((variable, inside)) = keeps {
            assert_eq!(service.environment()[variable], inside);
            let volume = format!("{}:{inside}", service.name);
            assert_eq!(strings(&service.value["volumes"]), [volume]);
        }
        for volume in strings(&service.value["volumes"]) {
            if !volume.starts_with("./") {
                let (name, _) = volume.split_once(':').expect("NAME:PATH");
                used.push(name.to_owned());
            }
        }
    }
    named.sort_unstable();
    used.sort_unstable();
    assert_eq!(named, used.iter().collect::<Vec<_>>());
}

#[test]
fn what_the_example_of_an_environment_names_is_read() {
    let compose = text("docker-compose.yml");
    for line in text(".env.example")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        if let Some((name, _)) = line.split_once('=') {
            assert!(compose.contains(&format!("${{{name}:-")), "{name}");
        }
    }
}
