//! Clients that are shown what all others ask for: once each, in order, without secrets, and not at the cost of the proxy's memory.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read as _, Write as _};

use shared::config::{ByteCount, ProxyConfig};

use crate::support::client::Client;
use crate::support::node::FakeNode;
use crate::support::{eventually, settings, start};

/// What a line says behind its time and its client.
fn shown(line: &str) -> &str {
    let (head, words) = line.split_once("] ").unwrap();
    assert!(
        head.starts_with('+') && head.contains(" [0 127.0.0.1:"),
        "{line}"
    );
    words.trim_end()
}

#[test]
fn clients_of_all_threads_are_shown_to_monitors_of_all_threads() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    // Threads take turns.
    let mut monitors: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for monitor in &mut monitors {
        assert_eq!(monitor.ask("MONITOR"), "+OK\r\n");
    }
    let mut clients: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&[
            &format!("SET k{number} 1"),
            &format!("GET k{number}"),
            "PING",
        ]);
        for _ in 0..3 {
            client.reply().unwrap();
        }
    }
    for monitor in &mut monitors {
        let mut lines: Vec<String> = (0..12).map(|_| monitor.reply().unwrap()).collect();
        for number in 0..4 {
            let key = format!("\"k{number}\"");
            let place = |wanted: &str| lines.iter().position(|line| shown(line) == wanted);
            let (set, get) = (format!("\"SET\" {key} \"1\""), format!("\"GET\" {key}"));
            assert!(place(&set).unwrap() < place(&get).unwrap(), "{lines:?}");
        }
        lines.retain(|line| shown(line) == "\"PING\"");
        assert_eq!(lines.len(), 4);
    }
    // Who goes is missed by nobody; who says RESET is shown nothing more, but its RESET to the others.
    drop(monitors.pop());
    let mut former = monitors.pop().unwrap();
    assert_eq!(former.ask("RESET"), "+RESET\r\n");
    assert_eq!(clients[0].ask("PING"), "+PONG\r\n");
    for monitor in &mut monitors {
        let lines: Vec<String> = (0..2).map(|_| monitor.reply().unwrap()).collect();
        let mut words: Vec<&str> = lines.iter().map(|line| shown(line)).collect();
        words.sort_unstable();
        assert_eq!(words, ["\"PING\"", "\"RESET\""]);
    }
    assert_eq!(former.ask("GET mine"), "$4\r\nmine\r\n");
    proxy.stop().unwrap();
}

#[test]
fn who_monitors_asks_for_no_keys_and_is_seen_as_what_it_is() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut monitor = Client::connect(proxy.client_address());
    // The reply stands behind that of what was asked before, and lines behind it.
    monitor.send(&["GET before", "MONITOR", "PING"]);
    assert_eq!(monitor.reply().unwrap(), "$6\r\nbefore\r\n");
    assert_eq!(monitor.reply().unwrap(), "+OK\r\n");
    let mut both = [monitor.reply().unwrap(), monitor.reply().unwrap()];
    both.sort_unstable_by_key(String::len);
    assert_eq!(both[0], "+PONG\r\n");
    assert_eq!(shown(&both[1]), "\"PING\"");
    for line in [
        "GET a",
        "SET a 1",
        "PUBLISH a b",
        "EVAL text 0",
        "DBSIZE",
        "MGET a b",
    ] {
        let refused = "-ERR Replica can't interact with the keyspace\r\n";
        assert_eq!(monitor.ask(line), refused, "{line}");
    }
    let mut other = Client::connect(proxy.client_address());
    let list = other.ask("CLIENT LIST");
    assert!(list.contains(" flags=O "), "{list}");
    // It is not answered a second time.
    monitor.send(&["MONITOR", "QUIT"]);
    assert_eq!(monitor.reply().unwrap(), "+OK\r\n", "that is QUIT's");
    assert_eq!(monitor.reply(), None);
    eventually("nobody monitors", || {
        !other.ask("CLIENT LIST").contains(" flags=O ")
    });
    proxy.stop().unwrap();
}

#[test]
fn what_was_refused_or_is_secret_is_not_shown() {
    let nodes = [FakeNode::start(), FakeNode::start()];
    let proxy = start(settings(), &[&nodes[0], &nodes[1]]);
    let mut monitor = Client::connect(proxy.client_address());
    assert_eq!(monitor.ask("MONITOR"), "+OK\r\n");
    let mut client = Client::connect(proxy.client_address());
    for line in [
        "NOPE",
        "GET",
        "CONFIG GET port",
        "CLIENT LIST",
        "RENAME foo b",
        "AUTH hunter2",
        "MULTI",
        "SET {a}1 1",
        "DISCARD",
        "HELLO 3 AUTH default hunter2",
        "MULTI",
        "GET {a}1",
        "GET",
        "EXEC",
        "SELECT 0",
    ] {
        client.ask(line);
    }
    for expected in [
        "\"AUTH\" \"(redacted)\"",
        "\"MULTI\"",
        "\"DISCARD\"",
        "\"HELLO\" \"3\" \"AUTH\" \"(redacted)\" \"(redacted)\"",
        "\"MULTI\"",
        "\"EXEC\"",
        "\"SELECT\" \"0\"",
    ] {
        assert_eq!(shown(&monitor.reply().unwrap()), expected);
    }
    proxy.stop().unwrap();
}

#[test]
fn a_monitor_that_reads_nothing_is_cut_and_nobody_else_suffers() {
    let node = FakeNode::start();
    let config = ProxyConfig {
        client_output_hard_limit: ByteCount(256 << 10),
        ..settings()
    };
    let proxy = start(config, &[&node]);
    let mut monitors: Vec<Client> = (0..2)
        .map(|_| Client::connect_with_window(proxy.client_address(), 4096))
        .collect();
    for monitor in &mut monitors {
        assert_eq!(monitor.ask("MONITOR"), "+OK\r\n");
    }
    let mut client = Client::connect(proxy.client_address());
    let line = format!("SET k {}", "x".repeat(100_000));
    eventually("both are cut", || {
        assert_eq!(client.ask(&line), "+OK\r\n");
        !client.ask("CLIENT LIST").contains(" flags=O ")
    });
    for monitor in &mut monitors {
        let mut rest = Vec::new();
        let end = monitor.stream().read_to_end(&mut rest);
        assert!(end.is_err() || rest.len() < 16 << 20);
        assert!(monitor.stream().write_all(b"PING\r\n").is_err() || rest.len() < 16 << 20);
    }
    proxy.stop().unwrap();
}
