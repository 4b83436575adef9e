//! `switchyard topology` where the topology is in a real etcd, or in a file: made, checked, shown, compared, got and put.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::admin::get;
use crate::support::Reply;
use crate::support::etcd::Members;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, free_address, start_node};

/// A folder, an etcd, and a place in it.
struct Stage {
    folder: tempfile::TempDir,
    etcd: Members,
    place: String,
}

impl Stage {
    fn new() -> Self {
        let etcd = Members::start(1);
        eventually("etcd serves", || etcd.serves(0));
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            place: format!("etcd://127.0.0.1:{}/caches/blue", etcd.port(0)),
            etcd,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// `switchyard topology WORDS`; `ETCD` stands for the place, names of files for those of the folder.
    fn topology(&self, words: &str) -> Output {
        let words = words.split_whitespace().map(|word| match word {
            "ETCD" => self.place.clone(),
            file if file.ends_with(".toml") => self.path(file).display().to_string(),
            word => word.to_owned(),
        });
        let mut command = Command::new(SWITCHYARD);
        command.arg("topology").args(words);
        command.output().expect("the binary runs")
    }

    fn done(&self, words: &str) -> String {
        let output = self.topology(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn refused(&self, words: &str, code: i32, part: &str) {
        let output = self.topology(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(part), "{words}: {said}");
        assert!(output.stdout.is_empty(), "{words}");
    }
}

const NODES: &str = "--node 127.0.0.1:7001 --node 127.0.0.1:7002";

#[test]
fn a_topology_is_made_in_etcd_once_and_read_there() {
    let stage = Stage::new();
    for words in ["check ETCD", "show ETCD", "get ETCD", "diff ETCD ETCD"] {
        stage.refused(
            words,
            66,
            "there is no topology yet; put one there: switchyard topology init",
        );
    }
    assert_eq!(stage.done(&format!("init {NODES} --output ETCD")), "");
    let again = "holds version 1 already; it was left as it is";
    stage.refused("init --node 127.0.0.1:9 --output ETCD", 73, again);
    let said = stage.done("init --node 127.0.0.1:9 --output ETCD --unless-there");
    assert!(said.ends_with(&format!("{again}\n")), "{said}");
    stage.refused(
        &format!("init {NODES} --output ETCD --force"),
        64,
        "topology put",
    );
    stage.done(&format!("init {NODES} --output old.toml"));
    stage.done("init --node 127.0.0.1:9 --output old.toml --unless-there");
    let file = fs::read_to_string(stage.path("old.toml")).expect("read");
    assert_eq!(stage.done("get ETCD"), file);
    assert_eq!(stage.done("show ETCD"), stage.done("show old.toml"));
    assert_eq!(stage.done("diff ETCD old.toml"), "");
    let checked = stage.done("check ETCD");
    let expected = format!("{}: version 1 has 2 shards and 2 nodes", stage.place);
    assert!(checked.starts_with(&expected), "{checked}");
    stage.refused("show ETCD --admin 127.0.0.1:9", 64, "leave one out");
}

/// The same topology, in which both shards have exchanged their slots.
fn exchanged(text: &str) -> String {
    let slots: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("slots = "))
        .collect();
    let [one, other] = slots[..] else {
        panic!("two shards: {text}");
    };
    text.replace(one, "@@")
        .replace(other, one)
        .replace("@@", other)
}

#[test]
fn what_is_put_follows_what_is_there_and_loses_nothing() {
    let stage = Stage::new();
    let first = stage.done(&format!("init {NODES}"));
    for (place, name) in [
        ("ETCD", stage.place.clone()),
        ("kept.toml", stage.path("kept.toml").display().to_string()),
    ] {
        let put = |file: &str| format!("put {file} --to {place}");
        stage.write("t.toml", &first);
        assert_eq!(
            stage.done(&put("t.toml")),
            format!("{name}: version 1 is the first\n")
        );
        stage.refused(&put("t.toml"), 65, "says version 1, and");
        stage.refused(
            &put("t.toml"),
            65,
            "holds version 1 already; look at what has changed, and say version 2",
        );

        let second = first.replace("version = 1", "version = 2");
        stage.write("t.toml", &second.replace("version = 2", "version = 3"));
        stage.refused(&put("t.toml"), 65, "holds version 1; the next one is 2");
        stage.write(
            "t.toml",
            &second.replace("127.0.0.1:7002", "127.0.0.1:7001"),
        );
        stage.refused(&put("t.toml"), 65, "have the same address");
        // All keys would be those of the other shard, and stay behind.
        let exchanged = exchanged(&second);
        stage.write("t.toml", &exchanged);
        stage.refused(
            &put("t.toml"),
            65,
            "16384 slots change hands, and their keys do not travel",
        );
        assert_eq!(
            stage.done(&format!("get {place}")),
            first,
            "nothing was changed"
        );

        let meant = format!("key-loss-accepted-at-version = 2\n{exchanged}");
        stage.write("t.toml", &meant);
        assert_eq!(
            stage.done(&put("t.toml")),
            format!("{name}: version 2 is in the place of version 1\n")
        );
        let there = stage.done(&format!("get {place}"));
        assert!(
            there.contains("\nkey-loss-accepted-at-version = 2\n"),
            "{there}"
        );
        // What was accepted is taken out again by who takes it out.
        stage.write("t.toml", &exchanged.replace("version = 2", "version = 3"));
        stage.done(&put("t.toml"));
        let there = stage.done(&format!("get {place}"));
        assert!(!there.contains("\nkey-loss-"), "{there}");
        stage.refused(&put("nowhere.toml"), 66, "there is no such file");
    }
}

#[test]
fn a_proxy_whose_store_is_away_serves_on_and_says_so() {
    let mut stage = Stage::new();
    let node = start_node(&[]);
    stage.done(&format!("init --node {} --output ETCD", node.address));
    let admin = free_address();
    let proxy = Server::start(SWITCHYARD, |address, _| {
        let line = format!(
            "proxy --listen {address} --admin {admin} --topology {}",
            stage.place
        );
        line.split_whitespace().map(str::to_owned).collect()
    });
    let mut client = proxy.connect();
    assert_eq!(client.call(&["SET", "key", "value"]), Reply::ok());
    let reachable = |number: u8| {
        let line = format!("\nswitchyard_proxy_store_reachable {number}\n");
        eventually("the store is seen", || {
            get(admin, "/metrics").1.contains(&line)
        });
    };
    reachable(1);
    assert_eq!(
        get(admin, "/readyz"),
        (200, "ok: 1 of 1 shards can be reached\n".to_owned())
    );

    stage.etcd.kill(0);
    reachable(0);
    let (status, ready) = get(admin, "/readyz");
    assert_eq!(status, 200, "{ready}");
    assert!(
        ready.contains("; the topology's store has not answered for "),
        "{ready}"
    );
    eventually("it is shown", || {
        get(admin, "/topology?as=table")
            .1
            .contains("condition for less than a minute: the topology's store does not answer")
    });
    let (_, page) = get(admin, "/metrics");
    assert!(
        page.contains("switchyard_proxy_condition{condition=\"store_away\",shard=\"\"} 1"),
        "{page}"
    );
    assert_eq!(client.call(&["GET", "key"]), Reply::bulk("value"));

    stage.etcd.run(0);
    reachable(1);
    eventually("nothing is wrong any more", || {
        get(admin, "/metrics")
            .1
            .contains("\nswitchyard_proxy_conditions 0\n")
    });
    // A person changes the topology: the proxy follows.
    let text = stage.done("get ETCD");
    stage.write("t.toml", &text.replace("version = 1", "version = 2"));
    stage.done("put t.toml --to ETCD");
    eventually("it is taken up", || {
        get(admin, "/metrics")
            .1
            .contains("\nswitchyard_proxy_topology_version 2\n")
    });
}

#[test]
fn an_etcd_that_is_away_is_said_and_nothing_is_waited_for_long() {
    let mut stage = Stage::new();
    stage.write("t.toml", &stage.done(&format!("init {NODES}")));
    stage.etcd.kill(0);
    for words in [
        "check ETCD",
        "show ETCD",
        "get ETCD",
        "put t.toml --to ETCD",
        &format!("init {NODES} --output ETCD"),
    ] {
        stage.refused(words, 69, "cannot be reached");
    }
}
