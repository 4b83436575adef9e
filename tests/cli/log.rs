//! The log's file: put aside when it is full, one for each process, changed by signals; and a disk that takes nothing stops nobody.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Server, command};

fn eventually(fact: &str, mut is_so: impl FnMut() -> bool) {
    let found = (0..3_000).any(|_| {
        let is_so = is_so();
        if !is_so {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        is_so
    });
    assert!(found, "never: {fact}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_full_file_is_put_aside_and_signals_change_what_is_logged() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("node.log");
    let line = format!(
        "node --listen 127.0.0.1:0 --log-format json --log-max-size 4kb --log-keep 2 --log-file {}",
        log.display()
    );
    let node = Server::start(command(&line));
    node.signal(Signal::SIGUSR1);
    eventually("it says more", || {
        read(&log).contains("SIGUSR1: the log has")
    });
    node.signal(Signal::SIGUSR2);
    eventually("as before", || read(&log).contains("SIGUSR2: the log is"));
    let aside = |number: u32| folder.path().join(format!("node.log.{number}"));
    eventually("two are kept", || {
        node.signal(Signal::SIGUSR1);
        aside(2).exists()
    });
    let first = read(&aside(2));
    eventually("the oldest goes", || {
        node.signal(Signal::SIGUSR1);
        read(&aside(2)) != first
    });
    assert!(!aside(3).exists());
    for path in [aside(1), aside(2)] {
        let text = read(&path);
        assert!((1..=4_096).contains(&text.len()), "{}", text.len());
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(line["fields"]["message"].is_string(), "{line}");
        }
    }
    node.signal(Signal::SIGTERM);
    assert_eq!(node.end().0, Some(0));
    assert!(
        read(&log).contains("node has stopped"),
        "written to its end"
    );
}

#[test]
fn each_process_of_a_cluster_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("up.log");
    let line = format!(
        "up --listen 127.0.0.1:0 --threads 1 --admin off --processes --log-file {}",
        log.display()
    );
    let up = Server::start(command(&line));
    up.signal(Signal::SIGTERM);
    assert_eq!(up.end().0, Some(0));
    for (name, said) in [
        ("up.log", "SIGTERM"),
        ("up.n1.log", "node serves clients"),
        ("up.n2.log", "node serves clients"),
        ("up.proxy.log", "stopping"),
    ] {
        let text = read(&folder.path().join(name));
        assert!(text.contains(said), "{name}: {text}");
    }
}

#[test]
fn a_disk_that_takes_nothing_stops_nobody() {
    let line = "node --listen 127.0.0.1:0 --log debug --log-file /dev/full";
    let node = Server::start(command(line));
    node.ask(b"SET key value\r\nGET key\r\n", b"+OK\r\n$5\r\nvalue\r\n");
    node.signal(Signal::SIGTERM);
    assert_eq!(node.end().0, Some(0));
    let nowhere = command("node --listen 127.0.0.1:0 --log-file /nowhere/log").output();
    let nowhere = nowhere.expect("the binary runs");
    let told = String::from_utf8_lossy(&nowhere.stderr);
    assert!(
        told.starts_with("switchyard: cannot open the file that --log-file names"),
        "{told}"
    );
    assert_eq!(nowhere.status.code(), Some(71));
}
