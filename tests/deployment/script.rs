//! config/loopback.sh: the processes that it starts are those of the compose file, nobody is left behind, and what is wrong is one line.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::compose::{Service, services};
use super::path;
use super::running::Deployment;
use crate::support::eventually::{now_nanoseconds, pause};

/// Rounds of a start that is told to end.
const ROUNDS: u64 = 6;

/// About as long as a start takes, milliseconds.
const START_MS: u64 = 1_500;

/// The address of a service, without the port.
const HOSTS: &[(&str, u8)] = &[
    ("node1", 1),
    ("node2", 2),
    ("node3", 3),
    ("proxy1", 11),
    ("proxy2", 12),
    ("haproxy", 21),
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
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    for (name, last) in HOSTS {
        let service = services().into_iter().find(|service| service.name == *name);
        let service = service.expect("a service");
        let host = deployment.address(*last, 1).ip().to_string();
        let process = deployment.process(name);
        assert_eq!(
            words_of(process, "cmdline"),
            expected_command(&deployment, &service, &host),
            "{name}"
        );
        if service.role().is_empty() {
            continue;
        }
        let mut expected = service.environment();
        // Only the health check reads it.
        expected.remove("SWITCHYARD_CHECK_PASSWORD");
        for value in expected.values_mut() {
            *value = value.replace("0.0.0.0", &host);
        }
        let found: BTreeMap<String, String> = words_of(process, "environ")
            .iter()
            // The tests have variables of their own.
            .filter(|word| {
                let ours = ["SWITCHYARD_NODE_", "SWITCHYARD_PROXY_"];
                ours.iter().any(|prefix| word.starts_with(prefix))
            })
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
    let again = deployment.run(&["up"]);
    assert_eq!(again.status.code(), Some(73));
    deployment.script(&["stop", "proxy2"]);
    let again = deployment.run(&["up"]);
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("; not running: proxy2. "), "{told}");
    deployment.script(&["down"]);
    assert_eq!(processes_of(&deployment), Vec::<String>::new());
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
        let mut up = up
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the script runs");
        pause(Duration::from_millis(wait_ms));
        let id = i32::try_from(up.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it was not waited for");
        let code = up.wait().expect("it ends").code();
        let left = processes_of(&deployment);
        // A start that was through already has succeeded.
        if code != Some(0) {
            assert_eq!(left, Vec::<String>::new(), "told after {wait_ms} ms");
        }
        deployment.script(&["down"]);
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
    check(&["stop", "node4"], "", 64, "there is no \"node4\" here");
    check(&["up"], "/proc/nobody-can", 73, "cannot make the folder");
    check(&["up"], "binary", 73, "is no folder");
    let open = deployment.folder().with_file_name("open");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("it is ours");
    check(&["up"], "open", 77, "others may write there");
    check(&["down"], "open", 77, "others may write there");
    // Another deployment's node answers there, as well as one could wish.
    let taken = TcpListener::bind(deployment.address(1, 6379)).expect("a free address");
    check(&["up"], "", 69, "another process listens at");
    drop(taken);
    assert_eq!(processes_of(&deployment), Vec::<String>::new());
}
