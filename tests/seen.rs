//! `switchyard status`, `top`, `events`, `clients`, `slowlog` and `explain`: what whoever is on call sees, and is told when it cannot be seen.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::admin::get;
use crate::support::Reply;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, free_address, start_node, start_proxy};

fn command(words: &[&str], admin: SocketAddr, password: &str) -> Command {
    let mut command = Command::new(SWITCHYARD);
    // What stands behind the command of `explain` is that one's.
    command.arg(words[0]).args(["--admin", &admin.to_string()]);
    command.args(&words[1..]).stdin(Stdio::null());
    command.env("SWITCHYARD_ADMIN_PASSWORD", password);
    command
}

fn run(words: &[&str], admin: SocketAddr) -> Output {
    let output = command(words, admin, "sesame").output();
    output.expect("the binary runs")
}

fn said(words: &[&str], admin: SocketAddr) -> String {
    let output = run(words, admin);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn started() -> (Server, Server, SocketAddr) {
    let node = start_node(&["--slowlog-log-slower-than", "0s"]);
    let admin = free_address();
    let text = admin.to_string();
    let further = ["--admin", &text, "--requirepass", "sesame"];
    let proxy = start_proxy(&[node.address], &further);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    (node, proxy, admin)
}

#[test]
fn a_proxy_is_seen_from_a_terminal() {
    let (node, proxy, admin) = started();
    let mut client = proxy.connect();
    assert_eq!(client.call_words("AUTH sesame"), Reply::ok());
    assert_eq!(client.call_words("CLIENT SETNAME basket"), Reply::ok());
    assert_eq!(client.call(&["SET", "key:\u{1b}[2J", "v"]), Reply::ok());
    eventually("the node has said what it holds", || {
        said(&["status"], admin).contains("there")
    });
    let status = said(&["status"], admin);
    for part in [
        "ok: 1 of 1 shards can be reached",
        "SHARD",
        "s0",
        "1 of 1",
        "NODE",
    ] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert!(status.contains(&node.address.to_string()), "{status}");
    assert!(said(&["clients"], admin).contains("basket"));
    let slow = said(&["slowlog"], admin);
    assert!(slow.contains("SET key:\\u{1b}[2J v"), "{slow}");
    let told = said(&["explain", "GET", "foo"], admin);
    assert!(told.contains("foo: slot 12182, shard s0"), "{told}");
    assert!(told.contains("refused   no"), "{told}");
    let told = said(&["explain", "SHUTDOWN", "--nothing"], admin);
    assert!(told.contains("not possible through a proxy"), "{told}");
    assert_eq!(said(&["events"], admin).trim_end(), "nothing has happened");
    for (words, name) in [
        (&["status", "--json"][..], "status"),
        (&["clients", "--json"], "clients"),
        (&["slowlog", "--json"], "commands"),
        (&["events", "--json"], "events"),
        (&["explain", "--json", "GET", "foo"], "keys"),
    ] {
        let text = said(words, admin);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert!(!value[name].is_null(), "{words:?}: {text}");
    }
}

#[test]
fn who_follows_events_hears_what_happens_next_and_top_goes_on() {
    let (_node, proxy, admin) = started();
    let start = |words: &[&str]| {
        let child = command(words, admin, "sesame")
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("the binary runs");
        let output = child.stdout.take().expect("piped");
        (child, BufReader::new(output))
    };
    let (mut following, mut lines) = start(&["events", "--follow"]);
    proxy.hang_up();
    std::fs::write(proxy.folder().join("topology.toml"), "nodes = 1").expect("written");
    proxy.hang_up();
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    assert!(
        line.contains("topology_refused: topology not used"),
        "{line}"
    );
    let (mut top, mut lines) = start(&["top", "--json"]);
    for _ in 0..2 {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["status"]["is_ready"], true);
    }
    for child in [&mut following, &mut top] {
        child.kill().expect("a child of ours");
        child.wait().expect("it ends");
    }
}

#[test]
fn what_cannot_be_seen_is_told_with_what_to_do() {
    let (_node, _proxy, admin) = started();
    let wrong = |output: Output, code: i32, words: &str| {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{words}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    };
    for words in [
        &["clients"][..],
        &["slowlog"],
        &["events"],
        &["explain", "PING"],
    ] {
        let output = command(words, admin, "simsim").output();
        wrong(output.expect("it runs"), 69, "SWITCHYARD_ADMIN_PASSWORD");
    }
    wrong(run(&["top"], admin), 64, "--json prints a line a second");
    wrong(
        run(&["status"], free_address()),
        69,
        "is it the admin address of a running proxy?",
    );
}
