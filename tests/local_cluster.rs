//! `switchyard up` as its user sees it: what it says, what it gives each node, what it does when a child crashes.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Reply;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, free_address};

/// The id of the process that runs as `name` now.
fn process_of(up: &Server, name: &str) -> Pid {
    let started = told(up, &format!("{name}: process "));
    let id = started.last().and_then(|rest| rest.split(',').next());
    Pid::from_raw(id.and_then(|id| id.parse().ok()).expect("a process id"))
}

fn up(further: &str) -> Server {
    Server::start(SWITCHYARD, |address, _| {
        let line = format!("up --threads 1 --followers 0 --listen {address} {further}");
        line.split_whitespace().map(str::to_owned).collect()
    })
}

/// Its lines that begin with `start`, without it.
fn told(up: &Server, start: &str) -> Vec<String> {
    let output = up.output();
    let lines = output.lines().filter_map(|line| line.strip_prefix(start));
    lines.map(str::to_owned).collect()
}

#[test]
fn maxmemory_is_for_all_nodes_together_unless_it_is_said_per_node() {
    let check = |further: &str, each: &str, words: &str| {
        let up = up(&format!("--shards 3 --admin off {further}"));
        let Reply::Array(pair) = up.connect().call_words("CONFIG GET maxmemory") else {
            panic!("CONFIG GET");
        };
        assert_eq!(pair[1], Reply::bulk(each), "{further}");
        assert_eq!(told(&up, "maxmemory: "), [words]);
    };
    check(
        "--maxmemory 96mb",
        "100663296",
        "96mb in all, 32mb for each of 3 nodes",
    );
    check(
        "--node maxmemory=96mb",
        "301989888",
        "288mb in all, 96mb for each of 3 nodes",
    );
    check("", "0", "no bound, see --maxmemory");
}

#[test]
fn the_line_that_says_ready_names_all_that_is_served() {
    for further in ["", "--processes"] {
        let admin = free_address();
        let up = up(&format!("--admin {admin} {further}"));
        let served = format!("{}, metrics at http://{admin}/metrics", up.address);
        assert_eq!(told(&up, "ready: clients at "), [served], "{further}");
    }
}

#[test]
fn a_node_that_crashes_is_started_again_without_its_keys_and_twice_in_a_row_ends_the_cluster() {
    let mut up = up("--shards 2 --admin off --processes");
    let mut client = up.connect();
    for number in 0..100 {
        client.call(&["SET", &format!("key:{number}"), "v"]);
    }
    let crash = |up: &Server| {
        kill(process_of(up, "node n1"), Signal::SIGKILL).expect("a child of our child");
        told(up, "node n1: process ").len()
    };
    let times = crash(&up);
    eventually("it is started again", || {
        told(&up, "node n1: process ").len() > times
    });
    eventually("all keys can be written", || {
        (0..100).all(|number| client.call(&["SET", &format!("key:{number}"), "w"]) == Reply::ok())
    });
    let ended = "reason=\"node n1 ended: signal: 9 (SIGKILL)\"";
    assert!(up.output().contains(ended), "{}", up.output());

    crash(&up);
    let status = up.wait_for_exit(Duration::from_secs(30));
    assert_eq!(status.code(), Some(70), "{}", up.output());
    let last = "\nswitchyard: node n1 ended: signal: 9 (SIGKILL)\n";
    assert!(up.output().ends_with(last), "{}", up.output());
}

#[test]
fn a_proxy_that_crashes_is_started_again_and_the_data_stays() {
    let admin = free_address();
    let mut up = up(&format!("--shards 2 --admin {admin} --processes"));
    let mut client = up.connect();
    for number in 0..100 {
        client.call(&["SET", &format!("key:{number}"), "v"]);
    }
    kill(process_of(&up, "proxy"), Signal::SIGKILL).expect("a child of our child");
    eventually("it is started again", || {
        told(&up, "proxy: process ").len() == 2
    });
    // At the same address, and so is what is served beside.
    let mut client = up.connect();
    for number in 0..100 {
        let value = client.call(&["GET", &format!("key:{number}")]);
        assert_eq!(value, Reply::bulk("v"), "{number}");
    }
    std::net::TcpStream::connect(admin).expect("the admin listener");

    kill(process_of(&up, "proxy"), Signal::SIGKILL).expect("a child of our child");
    let status = up.wait_for_exit(Duration::from_secs(30));
    assert_eq!(status.code(), Some(70), "{}", up.output());
    let last = "\nswitchyard: proxy ended: signal: 9 (SIGKILL)\n";
    assert!(up.output().ends_with(last), "{}", up.output());
}

#[test]
fn what_a_killed_cluster_left_behind_goes_with_the_next_start() {
    let mut up = up("--admin off");
    let folders = |up: &Server| -> Vec<String> {
        let entries = std::fs::read_dir(up.folder()).expect("a folder").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|name| name.starts_with("switchyard-"))
            .collect()
    };
    let left = folders(&up);
    assert_eq!(left.len(), 1, "{left:?}");
    // Another that lives keeps its own, in the same place.
    let other = std::process::Command::new(SWITCHYARD)
        .args([
            "up",
            "--threads",
            "1",
            "--followers",
            "0",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "off",
        ])
        .env("TMPDIR", up.folder())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut other = KilledAtEnd(other);
    eventually("it has a folder", || folders(&up).len() == 2);
    up.kill();
    up.restart();
    let now = folders(&up);
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(!now.contains(&left[0]), "{now:?}");
    assert!(up.output().contains("removed: its process was killed"));
    assert!(other.0.try_wait().expect("own child").is_none());
}

/// A process that goes when the test does.
struct KilledAtEnd(std::process::Child);

impl Drop for KilledAtEnd {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
