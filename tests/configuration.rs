//! CONFIG REWRITE: what was changed over a socket is in the file, and nothing else of the file is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::servers::{SWITCHYARD, Server, start_node};
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
        let set = client.call_words("CONFIG SET maxmemory 96mb maxmemory-policy allkeys-lru");
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
