//! Settings: what CONFIG REWRITE changed over a socket is in the file, and nothing else of the file is touched; every value that is accepted works.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::config::{NodeConfig, ProxyConfig, Settings};

use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, start_node, start_proxy};
use crate::support::{Client, Reply};

const BEFORE: &str = "\
# The cache of the shop.
[node]
maxmemory = \"64mb\"   # a quarter of the machine
# hz = 500
hz = 20

[proxy]
node-deadline = \"2s\" # not the node's
";

const AFTER: &str = "\
# The cache of the shop.
[node]
maxmemory = \"96mb\"   # a quarter of the machine
# hz = 500
hz = 20
maxmemory-policy = \"allkeys-lru\"

[proxy]
node-deadline = \"2s\" # not the node's
";

fn file_in(folder: &Path) -> PathBuf {
    folder.join("switchyard.toml")
}

fn words(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

/// `node --config FILE`, the file holding [`BEFORE`] unless it is there.
fn node_with_file() -> Server {
    Server::start(SWITCHYARD, |address, folder| {
        fs::write(file_in(folder), BEFORE).expect("written");
        let file = file_in(folder).display().to_string();
        words(&format!("node --config {file} --listen {address}"))
    })
}

fn setting(client: &mut Client, name: &str) -> Reply {
    let Reply::Array(mut pair) = client.call(&["CONFIG", "GET", name]) else {
        panic!("CONFIG GET {name}");
    };
    pair.pop().expect("a value")
}

#[test]
fn a_node_writes_what_was_changed_into_its_file_and_comes_back_with_it() {
    let mut node = node_with_file();
    let file = file_in(node.folder());
    let mut client = node.connect();
    client.call_words("CONFIG SET maxmemory 96mb maxmemory-policy allkeys-lru");
    assert_eq!(fs::read_to_string(&file).expect("read"), BEFORE);
    assert_eq!(client.call_words("CONFIG REWRITE"), Reply::ok());
    assert_eq!(fs::read_to_string(&file).expect("read"), AFTER);
    node.ask_to_stop();
    node.wait_for_exit(Duration::from_secs(30));
    node.restart();
    let mut client = node.connect();
    assert_eq!(setting(&mut client, "maxmemory"), Reply::bulk("100663296"));
    assert_eq!(setting(&mut client, "hz"), Reply::bulk("20"));
    // Back to what the node started with is a change as well.
    client.call_words("CONFIG SET maxmemory 1gb");
    assert_eq!(client.call_words("CONFIG REWRITE"), Reply::ok());
    client.call_words("CONFIG SET maxmemory 96mb");
    assert_eq!(client.call_words("CONFIG REWRITE"), Reply::ok());
    assert_eq!(fs::read_to_string(&file).expect("read"), AFTER);
}

#[test]
fn a_node_without_a_file_says_so() {
    let node = start_node(&[]);
    assert_eq!(
        node.connect().call_words("CONFIG REWRITE"),
        Reply::Error(b"ERR The server is running without a config file".to_vec())
    );
}

#[test]
fn a_file_that_is_gone_or_wrong_is_an_error_and_left_alone() {
    let node = node_with_file();
    let file = file_in(node.folder());
    let mut client = node.connect();
    client.call_words("CONFIG SET maxmemory 96mb");
    fs::write(&file, "[node]\nhzz = 1\n").expect("written");
    let name = file.display();
    let error = |reason: &str| {
        let text = format!("ERR Rewriting config file: {name}{reason}");
        Reply::Error(text.into_bytes())
    };
    assert_eq!(
        client.call_words("CONFIG REWRITE"),
        error(":2: unknown key \"hzz\" in [node]; did you mean \"hz\"?")
    );
    assert_eq!(
        fs::read_to_string(&file).expect("read"),
        "[node]\nhzz = 1\n"
    );
    fs::remove_file(&file).expect("removed");
    assert_eq!(
        client.call_words("CONFIG REWRITE"),
        error(": there is no such file")
    );
    assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
}

#[test]
fn the_nodes_of_a_local_cluster_share_their_file() {
    for further in ["", " --processes"] {
        let up = Server::start(SWITCHYARD, |address, folder| {
            fs::write(file_in(folder), BEFORE).expect("written");
            let file = file_in(folder).display().to_string();
            words(&format!(
                "up --shards 3 --threads 1 --admin off --config {file} --listen {address}{further}"
            ))
        });
        let mut client = up.connect();
        let set = client.call_words("CONFIG SET maxmemory 288mb maxmemory-policy allkeys-lru");
        assert_eq!(set, Reply::ok());
        assert_eq!(client.call_words("CONFIG REWRITE"), Reply::ok());
        let text = fs::read_to_string(file_in(up.folder())).expect("read");
        assert_eq!(text, AFTER, "{further}");
        let beside = fs::read_dir(up.folder()).expect("a folder").flatten();
        let left: Vec<_> = beside
            .map(|entry| entry.file_name())
            .filter(|name| name.to_string_lossy().ends_with(".tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Settings that must move with another one when that is set to an end of its range.
const COMPANY: &[(&str, &str, &[&str])] = &[
    (
        "client-output-soft-limit",
        "16gb",
        &["--client-output-hard-limit", "64gb"],
    ),
    (
        "client-output-hard-limit",
        "1mb",
        &["--client-output-soft-limit", "64kb"],
    ),
    (
        "client-query-buffer-limit",
        "1mb",
        &["--proto-max-bulk-len", "1mb"],
    ),
    (
        "reconnect-pause-min",
        "1m",
        &["--reconnect-pause-max", "10m"],
    ),
    (
        "reconnect-pause-max",
        "1ms",
        &["--reconnect-pause-min", "1ms"],
    ),
];

/// Both ends of every range, and for durations that may be nothing the least that is something.
fn ends_of_ranges<C: Settings>() -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for setting in C::table() {
        let Some((low, high)) = setting.range else {
            continue;
        };
        let least = (low == "0s").then_some("1us");
        for value in [low, high].into_iter().chain(least) {
            let mut line = vec![format!("--{}", setting.name), value.to_owned()];
            let company = COMPANY
                .iter()
                .find(|(name, at, _)| (*name, *at) == (setting.name, value));
            if let Some((_, _, further)) = company {
                line.extend(further.iter().map(ToString::to_string));
            }
            lines.push(line);
        }
    }
    assert!(lines.len() > 20, "{lines:?}");
    lines
}

/// New clients are taken in, and answered in order. Deadlines of next to nothing may be missed now and then, but not for ever.
fn serves(server: &Server) {
    let value = "v".repeat(100_000);
    eventually("clients are served", || {
        let exchange = || {
            let mut client = Client::try_connect(server.address)?;
            for command in [&["SET", "k", &value][..], &["GET", "k"], &["DEL", "k"]] {
                if let Some(error) = client.try_call(command)?.error_text() {
                    return Err(std::io::Error::other(error));
                }
            }
            Ok::<_, std::io::Error>(())
        };
        exchange().is_ok()
    });
}

#[test]
fn a_node_works_at_both_ends_of_every_setting() {
    for line in ends_of_ranges::<NodeConfig>() {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let mut node = start_node(&words);
        serves(&node);
        node.ask_to_stop();
        let status = node.wait_for_exit(Duration::from_secs(30));
        assert!(status.success(), "{words:?}: {status}");
    }
}

#[test]
fn a_proxy_works_at_both_ends_of_every_setting() {
    let node = start_node(&["--databases", "255"]);
    for line in ends_of_ranges::<ProxyConfig>() {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        // A request of which nobody waits for the answer longer than that has none.
        if words == ["--request-deadline", "1us"] {
            continue;
        }
        let mut proxy = start_proxy(&[node.address], &words);
        serves(&proxy);
        if words == ["--drain-delay", "10m"] {
            // Told to stop it serves for so long.
            proxy.ask_to_stop();
            serves(&proxy);
            proxy.kill();
            continue;
        }
        proxy.ask_to_stop();
        let status = proxy.wait_for_exit(Duration::from_secs(30));
        assert!(status.success(), "{words:?}: {status}");
    }
}

/// The bounds that the complaint about a value far beyond any of them names.
fn bounds(complaint: &str) -> Option<[String; 2]> {
    let (_, rest) = complaint.split_once("between ")?;
    let (least, rest) = rest.split_once(" and ")?;
    let most = rest.split([' ', '\'']).next()?;
    Some([least.to_owned(), most.to_owned()])
}

#[test]
fn a_node_works_at_both_ends_of_every_number_that_config_set_takes() {
    let node = start_node(&[]);
    let mut client = node.connect();
    let Reply::Array(pairs) = client.call_words("CONFIG GET *") else {
        panic!("CONFIG GET");
    };
    let mut driven = 0;
    for pair in pairs.chunks(2) {
        let (name, before) = (pair[0].text(), pair[1].text());
        let is_number = !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || name == "maxclients" {
            continue;
        }
        let mut ends = Vec::new();
        for beyond in ["-9000000000000000000", "99999999999999999999"] {
            let reply = client.call(&["CONFIG", "SET", &name, beyond]);
            ends.extend(reply.error_text().and_then(|text| bounds(&text)));
        }
        for end in ends.iter().flatten() {
            let set = client.call(&["CONFIG", "SET", &name, end]);
            // What is not there yet is refused with a reason, whatever its range.
            if set
                .error_text()
                .is_some_and(|text| text.ends_with(" yet") || text.contains("no TLS port"))
            {
                continue;
            }
            assert_eq!(set, Reply::ok(), "{name} {end}");
            // What these promise is that writes are refused.
            let refuses = ["maxmemory", "min-replicas-to-write", "min-slaves-to-write"];
            if !refuses.contains(&name.as_str()) {
                serves(&node);
            }
            driven += 1;
        }
        client.call(&["CONFIG", "SET", &name, &before]);
    }
    assert!(driven > 100, "{driven}");
}

#[test]
fn buffers_beyond_what_offsets_can_count_are_refused() {
    let node = start_node(&[]);
    let proxy = start_proxy(&[node.address], &[]);
    for server in [&node, &proxy] {
        let mut client = server.connect();
        for (name, most) in [
            ("client-query-buffer-limit", "3gb"),
            ("proto-max-bulk-len", "512mb"),
        ] {
            let refused = client.call(&["CONFIG", "SET", name, "8gb"]);
            assert!(refused.error_text().is_some(), "{name}: {refused:?}");
            let is_node = server.address == node.address;
            let set = client.call(&["CONFIG", "SET", name, most]);
            // A proxy's buffers are its own, and as they were at its start.
            assert_eq!(
                set == Reply::ok(),
                is_node || name == "proto-max-bulk-len",
                "{set:?}"
            );
        }
    }
}
