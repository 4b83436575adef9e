//! config/loopback.sh: the processes that it starts are those of the compose file, nobody is left behind, and what is wrong is one line.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};

use super::compose::{Service, services_with};
use super::path;
use super::running::{Deployment, PASSWORDS};
use crate::support::eventually::{eventually, now_nanoseconds, pause};
use crate::support::{Client, Reply};

/// Rounds of a start that is told to end.
const ROUNDS: u64 = 6;

/// About as long as a start takes, milliseconds.
const START_MS: u64 = 3_000;

/// Where HAProxy is, the last part of the address.
const HAPROXY: u8 = 21;

/// The address of a service, without the port.
const HOSTS: &[(&str, u8)] = &[
    ("node1", 1),
    ("node2", 2),
    ("node3", 3),
    ("node4", 4),
    ("node5", 5),
    ("node6", 6),
    ("etcd1", 41),
    ("etcd2", 42),
    ("etcd3", 43),
    ("proxy1", 11),
    ("proxy2", 12),
    ("haproxy", HAPROXY),
    ("prometheus", 31),
];

/// What stands in /proc of a process, at its zero bytes.
fn words_of(process: Pid, file: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).expect("it runs");
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// Processes whose working folder is the deployment's.
fn processes_of(deployment: &Deployment) -> Vec<String> {
    let folder = deployment.folder();
    let all = fs::read_dir("/proc").expect("processes").flatten();
    all.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default())
        .collect()
}

/// The command of a service as the script must have started it.
fn expected_command(deployment: &Deployment, service: &Service, host: &str) -> Vec<String> {
    let here = |inside: &str| match inside.strip_prefix("/prometheus") {
        Some(below) => deployment.folder().join("prometheus").join(below),
        None => path(&service.mounted(inside)),
    };
    let mut words: Vec<String> = match service.role().as_str() {
        "" if service.name == "prometheus" => vec!["prometheus".to_owned()],
        // Wherever it lies here.
        "" if service.kind() == "etcd" => return vec!["etcd".to_owned()],
        "" => Vec::new(),
        _ => vec![deployment.binary().display().to_string()],
    };
    words.extend(service.command().iter().map(|word| {
        let (flag, value) = word.split_once('=').unwrap_or(("", word));
        if !value.starts_with('/') {
            return word.clone();
        }
        let value = here(value).display().to_string();
        let value = value.trim_end_matches('/');
        if flag.is_empty() {
            value.to_owned()
        } else {
            format!("{flag}={value}")
        }
    }));
    if service.name == "prometheus" {
        let port = deployment.prometheus_port;
        words.push(format!("--web.listen-address={host}:{port}"));
    }
    words
}

#[test]
fn it_starts_what_the_compose_file_says_with_the_same_settings() {
    let Some(deployment) = Deployment::start(PASSWORDS) else {
        return;
    };
    for (name, last) in HOSTS {
        let mut services = services_with(PASSWORDS).into_iter();
        let service = services.find(|service| service.name == *name);
        let service = service.expect("a service");
        let host = deployment.address(*last, 1).ip().to_string();
        let process = deployment.process(name);
        assert_eq!(
            getpgid(Some(process)),
            Ok(process),
            "{name}: Ctrl-C on who called the script would reach it"
        );
        assert_eq!(
            words_of(process, "cmdline"),
            expected_command(&deployment, &service, &host),
            "{name}"
        );
        let mut expected = service.environment();
        // Only the health check reads it.
        expected.remove("SWITCHYARD_CHECK_PASSWORD");
        // Of the network that is believed, HAProxy alone is here.
        if let Some(believed) = expected.get_mut("SWITCHYARD_PROXY_PROXY_PROTOCOL_FROM") {
            *believed = deployment.address(HAPROXY, 1).ip().to_string();
        }
        let own = deployment.folder().join(name).display().to_string();
        for value in expected.values_mut() {
            *value = value.replace("0.0.0.0", &host);
            if value.starts_with("/var/lib/") {
                value.clone_from(&own);
            }
        }
        let ours: &[&str] = match service.kind() {
            "etcd" => &["ETCD_"],
            "haproxy" => &["APPLICATIONS_"],
            _ => &["SWITCHYARD_NODE_", "SWITCHYARD_PROXY_"],
        };
        let found: BTreeMap<String, String> = words_of(process, "environ")
            .iter()
            // The tests have variables of their own.
            .filter(|word| ours.iter().any(|prefix| word.starts_with(prefix)))
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
    let again = deployment.run(&["up"]);
    assert_eq!(again.status.code(), Some(73));
    deployment.script(&["status"]);
    {
        let mut client = Client::connect(deployment.haproxy());
        client.call_words("AUTH of-applications");
        assert_eq!(client.call_words("SET kept v"), Reply::ok());
        // HAProxy would wait for who is there.
    }
    deployment.script(&["stop", "proxy2"]);
    let again = deployment.run(&["up"]);
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("; not running: proxy2. "), "{told}");
    assert_eq!(deployment.run(&["status"]).status.code(), Some(69));
    deployment.script(&["down"]);
    assert_eq!(processes_of(&deployment), Vec::<String>::new());
    assert!(deployment.folder().join("node1/switchyard.shard").exists());
    // The topology is there, and the keys; both are gone with the volumes.
    let expected = "holds version ";
    deployment.script(&["up"]);
    let told = fs::read_to_string(deployment.folder().join("topology.log")).expect("a log");
    assert!(told.contains(expected), "{told}");
    let mut client = Client::connect(deployment.address(11, 6379));
    client.call_words("AUTH of-applications");
    eventually("what was written is there", || {
        client.call_words("GET kept") == Reply::bulk("v")
    });
    deployment.script(&["down", "--volumes"]);
    assert!(!deployment.folder().join("node1").exists());
}

#[test]
fn a_service_is_started_only_into_the_deployment_that_it_belongs_to() {
    let Some(deployment) = Deployment::start(PASSWORDS) else {
        return;
    };
    deployment.script(&["stop", "node2"]);
    let check = |variable: &str, value: &str, words: &str| {
        let mut command = deployment.command(&["start", "node2"]);
        let output = command.env(variable, value).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{told}");
        assert!(told.lines().count() == 1 && told.contains(words), "{told}");
    };
    check("LOOPBACK_NETWORK", "127.63.1", "say LOOPBACK_NETWORK=127.");
    check("NODES_PASSWORD", "", "NODES_PASSWORD was set");
    deployment.script(&["start", "node2"]);
    // Of another folder nobody knows here what runs.
    let mut elsewhere = deployment.command(&["down"]);
    let output = elsewhere.env("LOOPBACK_FOLDER", "elsewhere").output();
    let told = output.expect("it runs").stdout;
    assert!(
        String::from_utf8_lossy(&told).starts_with("nothing was running in "),
        "{}",
        String::from_utf8_lossy(&told)
    );
}

#[test]
fn of_two_starts_at_once_one_starts_everything_and_the_other_nothing() {
    let Some(deployment) = Deployment::prepare(&[]) else {
        return;
    };
    let both = [(), ()].map(|()| {
        let mut up = deployment.command(&["up"]);
        let up = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        up.expect("the script runs")
    });
    let mut codes = both.map(|mut up| up.wait().expect("it ends").code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(73)]);
    assert!(!processes_of(&deployment).is_empty());
    deployment.script(&["down"]);
    assert_eq!(processes_of(&deployment), Vec::<String>::new());
}

#[test]
fn a_worker_of_haproxy_that_hangs_is_killed_with_it() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    let master = deployment.process("haproxy");
    let children = format!("/proc/{master}/task/{master}/children");
    let children = fs::read_to_string(children).expect("it runs");
    let worker = children.trim().parse().expect("one worker");
    kill(Pid::from_raw(worker), Signal::SIGSTOP).expect("it runs");
    // Without its master the script has nobody to wait for.
    kill(master, Signal::SIGKILL).expect("it runs");
    let stopped = deployment.run(&["stop", "haproxy"]);
    let told = String::from_utf8_lossy(&stopped.stderr);
    assert!(stopped.status.success(), "{told}");
    assert!(told.contains("haproxy has not ended in time"), "{told}");
    deployment.script(&["start", "haproxy"]);
}

#[test]
fn a_start_that_is_told_to_end_leaves_nobody_behind() {
    let Some(deployment) = Deployment::prepare(&[]) else {
        return;
    };
    for round in 0..ROUNDS {
        // Close together at first: that is when processes are started one after the other.
        let wait_ms = now_nanoseconds() / 1_000 % (START_MS * (round + 1) / ROUNDS);
        let mut up = deployment.command(&["up"]);
        let mut up = up.stdout(Stdio::null()).spawn().expect("the script runs");
        pause(Duration::from_millis(wait_ms));
        let id = i32::try_from(up.id()).expect("a process id");
        let is_killed = round % 2 == 1;
        let signal = if is_killed {
            Signal::SIGKILL
        } else {
            Signal::SIGTERM
        };
        kill(Pid::from_raw(id), signal).expect("it was not waited for");
        let code = up.wait().expect("it ends").code();
        let left = processes_of(&deployment);
        // A start that was through already has succeeded; one that is killed leaves it to `down`.
        if code != Some(0) && !is_killed {
            assert_eq!(left, Vec::<String>::new(), "told after {wait_ms} ms");
        }
        // What a killed one was waiting for may hold the lock for a moment longer.
        assert!(deployment.run(&["down"]).status.success());
        let left = processes_of(&deployment);
        assert_eq!(left, Vec::<String>::new(), "told after {wait_ms} ms");
    }
}

#[test]
fn it_says_in_one_line_why_it_does_not_start() {
    let Some(deployment) = Deployment::prepare(&[]) else {
        return;
    };
    let check = |arguments: &[&str], folder: &str, code: i32, words: &str| {
        let mut command = deployment.command(arguments);
        if !folder.is_empty() {
            command.env("LOOPBACK_FOLDER", folder);
        }
        let output = command.output().expect("the script runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(
            told.lines().count() == 1 && told.contains(words),
            "{arguments:?}: {told}"
        );
    };
    check(
        &["start", "node1"],
        "",
        69,
        "begin with: config/loopback.sh up",
    );
    check(&["stop", "node7"], "", 64, "there is no \"node7\" here");
    check(
        &["stop", "topology"],
        "",
        64,
        "there is no \"topology\" here",
    );
    check(&["down", "--all"], "", 64, "down --volumes");
    check(&["up"], "/proc/nobody-can", 73, "cannot make the folder");
    check(&["up"], "binary", 73, "is no folder");
    let open = deployment.folder().with_file_name("open");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("it is ours");
    check(&["up"], "open", 77, "others may write there");
    check(&["down"], "open", 77, "others may write there");
    fs::create_dir(deployment.folder().with_file_name("full")).expect("a folder");
    fs::write(deployment.folder().with_file_name("full/hosts"), "").expect("written");
    check(&["up"], "full", 73, "holds something else");
    // Another deployment's node answers there, as well as one could wish.
    let taken = TcpListener::bind(deployment.address(1, 6379)).expect("a free address");
    check(&["up"], "", 69, "another process listens at");
    drop(taken);
    assert_eq!(processes_of(&deployment), Vec::<String>::new());
}
