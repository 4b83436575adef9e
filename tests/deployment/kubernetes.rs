//! The manifests under config/kubernetes, held to the binary and to each other: settings exist, probes ask what is there, names lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::bounds::{AS_IT_LIES, MEMORY_PER_MAXMEMORY, PROXY_OWN_BYTES, SNAPSHOT_SECONDS};
use super::compose::{seconds, strings};
use super::files::passes;
use super::{is_there, path, root, setting, settings, text};
use crate::support::servers::SWITCHYARD;

const FOLDER: &str = "config/kubernetes";

/// Applied by hand, once, with other words in it.
const EXAMPLE: &str = "secret.example.yaml";

/// One thing that is applied.
struct Thing {
    file: String,
    value: Value,
}

impl Thing {
    fn kind(&self) -> &str {
        self.value["kind"].as_str().expect("a kind")
    }

    fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().expect("a name")
    }

    /// What its pods are.
    fn pod(&self) -> &Value {
        &self.value["spec"]["template"]["spec"]
    }

    fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    fn labels(&self) -> &Value {
        &self.value["spec"]["template"]["metadata"]["labels"]
    }

    fn is_workload(&self) -> bool {
        ["StatefulSet", "Deployment", "Job"].contains(&self.kind())
    }

    /// What its container finds in its environment.
    fn environment(&self, all: &[Thing]) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        for source in self.container()["envFrom"].as_array().into_iter().flatten() {
            let name = source["configMapRef"]["name"].as_str().expect("a map");
            let settings = named(all, "ConfigMap", name).value["data"].clone();
            for (name, value) in settings.as_object().expect("settings") {
                // What is no text is refused by Kubernetes.
                environment.insert(name.clone(), value.as_str().expect("a text").to_owned());
            }
        }
        for variable in self.container()["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().expect("a name").to_owned();
            let from = &variable["valueFrom"];
            let value = match (
                variable["value"].as_str(),
                from["fieldRef"]["fieldPath"].as_str(),
            ) {
                (Some(text), _) => environment.iter().fold(
                    text.to_owned(),
                    |text: String, (name, value): (&String, &String)| {
                        text.replace(&format!("$({name})"), value)
                    },
                ),
                (_, Some("status.podIP")) => "10.1.2.3".to_owned(),
                (_, Some(field)) if field.contains("pod-index") => "1".to_owned(),
                (_, Some(field)) => field.replace("metadata.name", "etcd-0"),
                _ => secret(all, &from["secretKeyRef"]),
            };
            environment.insert(name, value);
        }
        environment
    }
}

/// What the example of a secret has at a key.
fn secret(all: &[Thing], reference: &Value) -> String {
    let name = reference["name"].as_str().expect("a secret");
    let key = reference["key"].as_str().expect("a key");
    let value = &named(all, "Secret", name).value["stringData"][key];
    value
        .as_str()
        .unwrap_or_else(|| panic!("{name}: no {key}"))
        .to_owned()
}

fn named<'a>(all: &'a [Thing], kind: &str, name: &str) -> &'a Thing {
    let found = all
        .iter()
        .find(|thing| thing.kind() == kind && thing.name() == name);
    found.unwrap_or_else(|| panic!("no {kind} is called {name}"))
}

/// The files that are applied, and the example.
fn files() -> Vec<String> {
    let kustomization = yaml(&text(&format!("{FOLDER}/kustomization.yaml")));
    let mut files = strings(&kustomization["resources"]);
    files.push(EXAMPLE.to_owned());
    files
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn things() -> Vec<Thing> {
    let mut things = Vec::new();
    for file in files() {
        for document in text(&format!("{FOLDER}/{file}")).split("\n---\n") {
            things.push(Thing {
                file: file.clone(),
                value: yaml(document),
            });
        }
    }
    things
}

/// Bytes of `2Gi`, or of `1gb`.
fn bytes(text: &str) -> u64 {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "Mi" | "mb" => 1 << 20,
        "Gi" | "gb" => 1 << 30,
        other => panic!("{text}: {other}"),
    };
    digits.parse::<u64>().expect("a number") * unit
}

#[test]
fn every_file_is_applied_but_the_example() {
    let folder = fs::read_dir(path(FOLDER)).expect("a folder").flatten();
    let mut there: Vec<String> = folder
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "kustomization.yaml")
        .collect();
    let mut expected = files();
    there.sort_unstable();
    expected.sort_unstable();
    assert_eq!(there, expected);
}

#[test]
fn settings_exist_and_fit_what_each_may_take() {
    let all = things();
    for (kind, name, role) in [
        ("StatefulSet", "node", "node"),
        ("Deployment", "proxy", "proxy"),
    ] {
        let thing = named(&all, kind, name);
        let mut environment = thing.environment(&all);
        environment.remove("POD_IP");
        environment.remove("POD_INDEX");
        let checked = environment.remove("SWITCHYARD_CHECK_PASSWORD");
        let prefix = format!("SWITCHYARD_{}_", role.to_uppercase());
        for variable in environment.keys() {
            assert!(variable.starts_with(&prefix), "{name}: {variable}");
        }
        let words = strings(&thing.container()["args"]);
        assert_eq!(words, [role]);
        let made = settings(&[role], &environment);
        let limit = thing.container()["resources"]["limits"]["memory"].as_str();
        let limit = bytes(limit.expect("a bound"));
        let grace = seconds(setting(&made, "shutdown-grace"));
        let (further, least) = if role == "node" {
            assert_eq!(
                checked,
                environment.get("SWITCHYARD_NODE_REQUIREPASS").cloned()
            );
            assert_eq!(setting(&made, "announce"), "10.1.2.3:6379");
            // As the topology calls the first.
            assert_eq!(setting(&made, "name"), "n1");
            let data = &thing.container()["volumeMounts"][0]["mountPath"];
            let data = data.as_str().expect("a path");
            assert!(setting(&made, "data-dir").starts_with(data));
            (
                SNAPSHOT_SECONDS,
                MEMORY_PER_MAXMEMORY * bytes(&environment["SWITCHYARD_NODE_MAXMEMORY"]),
            )
        } else {
            assert_eq!(setting(&made, "gossip-advertise"), "10.1.2.3:7946");
            let clients = bytes(&environment["SWITCHYARD_PROXY_CLIENTS_BUFFER_LIMIT"]);
            (
                seconds(setting(&made, "drain-delay")),
                PROXY_OWN_BYTES + clients * AS_IT_LIES.0 / AS_IT_LIES.1,
            )
        };
        assert!(limit >= least, "{name}: {limit} bytes of {least}");
        let stop = thing.pod()["terminationGracePeriodSeconds"].as_u64();
        assert!(stop.expect("a time") > grace + further, "{name} is killed");
    }
    let [node, proxy] = [("StatefulSet", "node"), ("Deployment", "proxy")]
        .map(|(kind, name)| named(&all, kind, name).environment(&all));
    let same = |one: &str, other: &str| assert_eq!(node[one], proxy[other]);
    same(
        "SWITCHYARD_NODE_REQUIREPASS",
        "SWITCHYARD_PROXY_NODE_PASSWORD",
    );
    same(
        "SWITCHYARD_NODE_JOIN_PASSWORD",
        "SWITCHYARD_PROXY_REQUIREPASS",
    );
    same(
        "SWITCHYARD_NODE_PROTO_MAX_BULK_LEN",
        "SWITCHYARD_PROXY_PROTO_MAX_BULK_LEN",
    );
    let (service, _) = node["SWITCHYARD_NODE_JOIN"]
        .split_once(':')
        .expect("NAME:PORT");
    named(&all, "Service", service);
}

#[test]
fn the_first_topology_has_every_node_and_is_put_where_proxies_look() {
    let all = things();
    let job = named(&all, "Job", "topology");
    let nodes = named(&all, "StatefulSet", "node");
    let etcd = named(&all, "StatefulSet", "etcd");
    let pods = |set: &Thing, port: u16| -> Vec<String> {
        let (name, service) = (set.name(), set.value["spec"]["serviceName"].as_str());
        let service = service.expect("a service");
        assert_eq!(
            named(&all, "Service", service).value["spec"]["clusterIP"],
            "None"
        );
        let count = set.value["spec"]["replicas"].as_u64().expect("a number");
        let first = set.value["spec"]["ordinals"]["start"].as_u64();
        let first = first.unwrap_or_default();
        (first..first + count)
            .map(|number| format!("{name}-{number}.{service}:{port}"))
            .collect()
    };
    let place = format!("etcd://{}", pods(etcd, 2379).join(","));
    let proxy = named(&all, "Deployment", "proxy").environment(&all);
    assert_eq!(proxy["SWITCHYARD_PROXY_TOPOLOGY"], place);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("topology.toml").display().to_string();
    let words = strings(&job.container()["args"]);
    let here: Vec<String> = words
        .iter()
        .map(|word| word.replace(&place, &file))
        .collect();
    assert_ne!(here, words);
    let here: Vec<&str> = here.iter().map(String::as_str).collect();
    passes(SWITCHYARD, &here);
    passes(SWITCHYARD, &here);
    let made = fs::read_to_string(&file).expect("a topology");
    let listed = made
        .lines()
        .filter_map(|line| line.strip_prefix("address = "));
    let listed: Vec<&str> = listed.map(|address| address.trim_matches('"')).collect();
    assert_eq!(listed, pods(nodes, 6379));

    let environment = etcd.environment(&all);
    let peers = pods(etcd, 2380);
    let members = peers.iter().map(|peer| {
        let (name, _) = peer.split_once('.').expect("NAME.SERVICE");
        format!("{name}=http://{peer}")
    });
    let members: Vec<String> = members.collect();
    assert_eq!(environment["ETCD_INITIAL_CLUSTER"], members.join(","));
    let own = &environment["ETCD_INITIAL_ADVERTISE_PEER_URLS"];
    assert_eq!(*own, format!("http://{}", peers[0]));
}

#[test]
fn probes_ask_what_is_there() {
    let all = things();
    for thing in all
        .iter()
        .filter(|thing| thing.is_workload() && thing.kind() != "Job")
    {
        let (name, container) = (thing.name(), thing.container());
        let ports = container["ports"].as_array().expect("ports");
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let probe = &container[probe];
            for asked in [&probe["httpGet"], &probe["tcpSocket"]] {
                if asked.is_null() {
                    continue;
                }
                assert!(
                    ports.iter().any(|port| port["name"] == asked["port"]),
                    "{name}"
                );
                let known = ["/healthz", "/readyz", "/health"].map(|path| json!(path));
                assert!(
                    asked["path"].is_null() || known.contains(&asked["path"]),
                    "{name}"
                );
            }
            let words = strings(&probe["exec"]["command"]);
            if words.is_empty() {
                continue;
            }
            assert_eq!(words[..2], ["/usr/local/bin/switchyard", "check"], "{name}");
            // Nobody listens there: the words are right, and it says no.
            let output = Command::new(SWITCHYARD)
                .args(["check", "127.0.0.1:1"])
                .args(&words[3..])
                .output();
            assert_eq!(output.expect("it runs").status.code(), Some(69), "{name}");
            let timeout = probe["timeoutSeconds"].as_u64().expect("a time");
            assert!(
                timeout > seconds(&words[4]),
                "{name}: killed before it says why"
            );
        }
        assert!(!container["readinessProbe"].is_null(), "{name}");
    }
    // Of a proxy that reaches no node its clients hear so; killing it heals nothing.
    let proxy = named(&all, "Deployment", "proxy").container();
    assert_eq!(proxy["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(proxy["livenessProbe"]["httpGet"]["path"], "/healthz");
}

#[test]
fn nobody_has_rights_that_he_does_not_need() {
    let all = things();
    for thing in all.iter().filter(|thing| thing.is_workload()) {
        let (name, pod, container) = (thing.name(), thing.pod(), thing.container());
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{name}");
        assert_eq!(security["runAsUser"], 65532, "{name}: as the image says");
        assert_eq!(
            security["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        let expected = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container["securityContext"], expected, "{name}");
        assert!(
            container["resources"]["limits"]["memory"].is_string(),
            "{name}"
        );
    }
    // Passwords are in the example, and nowhere else.
    for file in files().iter().filter(|file| *file != EXAMPLE) {
        assert!(
            !text(&format!("{FOLDER}/{file}")).contains("change-me"),
            "{file}"
        );
    }
    let restricted = "pod-security.kubernetes.io/enforce";
    let namespace = named(&all, "Namespace", "switchyard");
    assert_eq!(
        namespace.value["metadata"]["labels"][restricted],
        "restricted"
    );
}

#[test]
fn who_serves_is_found_and_goes_one_at_a_time() {
    let all = things();
    let pods: Vec<&Value> = all
        .iter()
        .filter(|thing| thing.is_workload())
        .map(Thing::labels)
        .collect();
    let mut guarded = BTreeSet::new();
    for thing in &all {
        let spec = &thing.value["spec"];
        let selector = match thing.kind() {
            "Service" => &spec["selector"],
            "NetworkPolicy" => &spec["podSelector"]["matchLabels"],
            "PodDisruptionBudget" | "StatefulSet" | "Deployment" => {
                &spec["selector"]["matchLabels"]
            }
            _ => continue,
        };
        assert!(
            pods.contains(&selector),
            "{} {}: {selector}",
            thing.file,
            thing.name()
        );
        if thing.kind() == "PodDisruptionBudget" {
            guarded.insert(selector["app"].as_str().expect("a label").to_owned());
        }
    }
    assert_eq!(
        guarded,
        BTreeSet::from(["etcd", "node", "proxy"].map(str::to_owned))
    );
    for (kind, name) in [
        ("StatefulSet", "etcd"),
        ("StatefulSet", "node"),
        ("Deployment", "proxy"),
    ] {
        let thing = named(&all, kind, name);
        assert!(
            !thing.pod()["affinity"]["podAntiAffinity"].is_null(),
            "{name}"
        );
        let keeps = thing.value["spec"]["volumeClaimTemplates"].is_array();
        assert_eq!(keeps, kind == "StatefulSet", "{name}");
    }
}

#[test]
fn the_schemas_of_kubernetes_take_every_file() {
    if !is_there(
        "kubernetes-validate",
        &["--version"],
        "the schemas of Kubernetes",
    ) {
        return;
    }
    for file in files() {
        let file = root().join(FOLDER).join(file).display().to_string();
        passes("kubernetes-validate", &["--strict", &file]);
    }
}
