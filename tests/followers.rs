//! `switchyard up` with followers: a node that is killed costs a moment, data is kept from one start to the next, and an operator's orders are carried out.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::admin::get;
use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::{SWITCHYARD, Server, free_address};
use crate::support::{Client, Reply};

/// A cluster with an admin listener, which is at the address that is returned.
fn up(further: &str) -> (Server, SocketAddr) {
    let admin = free_address();
    let up = Server::start(SWITCHYARD, |address, folder| {
        let line = format!("up --threads 1 --listen {address} --admin {admin} {further}");
        let folder = folder.display().to_string();
        let words = line.split_whitespace();
        words.map(|word| word.replace("FOLDER", &folder)).collect()
    });
    eventually("it says ready", || up.output().contains("\nready: "));
    (up, admin)
}

fn topology(admin: SocketAddr, words: &str) -> Output {
    Command::new(SWITCHYARD)
        .arg("topology")
        .args(words.split_whitespace())
        .args(["--admin", &admin.to_string()])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn said(output: &Output) -> String {
    let text = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// How many lines of the table begin with `place`.
fn count(admin: SocketAddr, place: &str) -> usize {
    let shown = said(&topology(admin, "show"));
    let lines = shown
        .lines()
        .filter(|line| line.trim_start().starts_with(place));
    lines.count()
}

/// Whoever leads `shard`: `n1`.
fn primary_of(admin: SocketAddr, shard: &str) -> String {
    let shown = said(&topology(admin, "show"));
    let block = shown
        .split("\n\n")
        .find(|block| block.starts_with(&format!("shard {shard} ")));
    let mut words = block.expect("the shard").split_whitespace();
    words.find(|word| *word == "primary").expect("a primary");
    words.next().expect("a name").to_owned()
}

fn kill_node(up: &Server, name: &str) {
    let output = up.output();
    let start = format!("node {name}: process ");
    let mut started = output.lines().filter_map(|line| line.strip_prefix(&start));
    let id = started.next_back().and_then(|rest| rest.split(',').next());
    let id = id.and_then(|id| id.parse().ok()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGKILL).expect("a child of our child");
}

fn write_all(client: &mut Client, value: &str) {
    for number in 0..100 {
        let key = format!("key:{number}");
        eventually("it is written", || {
            client.call(&["SET", &key, value]) == Reply::ok()
        });
    }
}

fn has_all(client: &mut Client, value: &str) -> bool {
    (0..100).all(|number| client.call(&["GET", &format!("key:{number}")]) == Reply::bulk(value))
}

#[test]
fn a_node_that_is_killed_comes_back_as_a_follower_and_its_keys_are_there_meanwhile() {
    let (up, admin) = up("--shards 2 --processes");
    eventually("all are in sync", || count(admin, "in sync") == 2);
    let mut client = up.connect();
    write_all(&mut client, "v");
    // Who lags is not to be the one with most.
    eventually("all have all", || {
        count(admin, "in sync") == 2 && lag_is_zero(admin)
    });
    assert_eq!(primary_of(admin, "s1"), "n1");
    kill_node(&up, "n1");
    eventually("its follower leads", || primary_of(admin, "s1") == "n2");
    eventually("all keys are there", || has_all(&mut client, "v"));
    write_all(&mut client, "w");
    eventually("it is in sync again", || count(admin, "in sync") == 2);
    assert!(
        up.output().contains("\nnode n1: process "),
        "{}",
        up.output()
    );

    // Again, at once: it gets a pause, and the others go on.
    kill_node(&up, "n1");
    eventually("it gets a pause", || {
        up.output().contains("again and again")
    });
    eventually("nobody misses it", || has_all(&mut client, "w"));
    let starts = || up.output().matches("\nnode n1: process ").count();
    eventually("its pause is over", || starts() == 2);
    eventually("it is in sync again", || count(admin, "in sync") == 2);
    assert!(has_all(&mut client, "w"));
}

/// Where a node of `up --processes` was started last.
fn address_of(up: &Server, name: &str) -> SocketAddr {
    let output = up.output();
    let start = format!("node {name}: process ");
    let mut started = output.lines().filter_map(|line| line.strip_prefix(&start));
    let line = started.next_back().expect("it was started");
    let (_, place) = line.split_once(" at ").expect("its address");
    let address = place.split(',').next().and_then(|text| text.parse().ok());
    address.expect("an address")
}

fn setting(client: &mut Client, name: &str) -> String {
    match client.call(&["CONFIG", "GET", name]) {
        Reply::Array(pair) => format!("{:?}", pair.last()),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_was_set_while_it_ran_is_set_at_every_copy_and_stays_when_another_leads() {
    let (up, admin) = up("--shards 2 --processes");
    eventually("all are in sync", || count(admin, "in sync") == 2);
    let mut client = up.connect();
    let settings = [
        ("maxmemory", "200mb"),
        ("maxmemory-policy", "allkeys-lfu"),
        ("notify-keyspace-events", "KEAn"),
        ("hash-max-ziplist-entries", "9"),
    ];
    for (name, value) in settings {
        assert_eq!(client.call(&["CONFIG", "SET", name, value]), Reply::ok());
    }
    let names = settings.map(|(name, _)| name);
    let at = |name: &str| {
        let mut node = Client::connect(address_of(&up, name));
        names.map(|name| setting(&mut node, name))
    };
    let meant = at("n1");
    assert!(meant[0].contains("104857600"), "{meant:?}");
    assert!(meant[1].contains("allkeys-lfu"), "{meant:?}");
    for follower in ["n2", "n4"] {
        eventually("its follower has them", || at(follower) == meant);
    }
    let before = names.map(|name| setting(&mut client, name));

    kill_node(&up, "n1");
    eventually("its follower leads", || primary_of(admin, "s1") == "n2");
    eventually("it is served", || {
        names.map(|name| setting(&mut client, name)) == before
    });
    let starts = || up.output().matches("\nnode n1: process ").count();
    eventually("it is started again", || starts() == 2);
    eventually("it is in sync again", || count(admin, "in sync") == 2);
    eventually("who came back has them", || at("n1") == meant);
}

fn lag_is_zero(admin: SocketAddr) -> bool {
    !said(&topology(admin, "show")).contains("lag up to")
}

#[test]
fn data_and_topology_are_kept_from_one_start_to_the_next() {
    for further in ["", "--processes"] {
        let (mut up, admin) = up(&format!("--shards 2 --data-dir FOLDER/data {further}"));
        eventually("all are in sync", || count(admin, "in sync") == 2);
        write_all(&mut up.connect(), "v");
        up.ask_to_stop();
        assert!(up.wait_for_exit(PATIENCE).success(), "{}", up.output());

        up.restart();
        let mut client = up.connect();
        eventually("all keys are there", || has_all(&mut client, "v"));
        eventually("all are in sync", || count(admin, "in sync") == 2);
        let data = up.folder().join("data");
        refused(&data, "--shards 2", "another cluster uses this folder");
        up.ask_to_stop();
        assert!(up.wait_for_exit(PATIENCE).success(), "{}", up.output());
        refused(&data, "--shards 3", "start with --shards 2 --followers 1,");
    }
}

/// A start over this data is refused.
fn refused(data: &Path, further: &str, words: &str) {
    let output = Command::new(SWITCHYARD)
        .args(["up", "--listen", "127.0.0.1:0", "--admin", "off"])
        .arg("--data-dir")
        .arg(data)
        .args(further.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = said(&output);
    assert!(!output.status.success(), "{further}: {text}");
    assert!(text.contains(words), "{text}");
}

/// The first of these names whose slot is of this shard.
fn key_of(admin: SocketAddr, shard: &str, name: &str) -> String {
    let shown = said(&topology(admin, "show"));
    let block = shown.split("\n\n");
    let mut blocks = block.filter(|block| block.starts_with(&format!("shard {shard} ")));
    let block = blocks.next().expect("the shard");
    let lines = block
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("slots "));
    let ranges: Vec<(u16, u16)> = lines
        .expect("its slots")
        .split_whitespace()
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (
                first.parse().expect("a slot"),
                last.parse().expect("a slot"),
            )
        })
        .collect();
    let is_of = |key: &String| {
        let slot = shared::slot::SlotId::of_key(key.as_bytes()).number();
        let mut of_shard = ranges.iter();
        of_shard.any(|(first, last)| (*first..=*last).contains(&slot))
    };
    let mut keys = (0..1_000).map(|number| format!("{name}{number}"));
    keys.find(is_of).expect("one of a few")
}

#[test]
fn who_waits_goes_on_where_another_node_leads_and_hears_what_is_not_known() {
    let (up, admin) = up("--shards 2 --processes");
    eventually("all are in sync", || count(admin, "in sync") == 2);
    let (first, second) = (key_of(admin, "s1", "q"), key_of(admin, "s2", "q"));
    let (stream, alone) = (key_of(admin, "s1", "s"), key_of(admin, "s1", "a"));
    let begin = |line: &str| {
        let mut client = up.connect();
        let words: Vec<&str> = line.split(' ').collect();
        client.send(&crate::support::encode(&words)).expect("sent");
        client
    };
    let waits = |wanted: usize| {
        eventually("they wait", || crate::leases::blocked(&up) == wanted);
    };
    let told = |mut client: Client, who: &str| client.receive().expect(who);
    let mut other = up.connect();
    let mut push = |key: &str, element: &str| {
        let pushed = other.call(&["RPUSH", key, element]);
        assert_eq!(pushed, Reply::Integer(1));
    };

    // The leadership is handed over: nobody hears of it.
    let pop = begin(&format!("BLPOP {alone} 0"));
    let apart = begin(&format!("BLPOP {first} {second} 0"));
    let new = begin(&format!("XREAD BLOCK 0 STREAMS {stream} $"));
    waits(3);
    eventually("it is carried out", || {
        topology(admin, "failover s1 --to n2").status.success()
    });
    up.connect().call(&["XADD", &stream, "4-1", "f", "v"]);
    assert!(format!("{:?}", told(new, "new")).contains("4-1"));
    push(&alone, "1");
    assert_eq!(told(pop, "pop").elements()[1], Reply::bulk("1"));
    push(&first, "1");
    assert_eq!(told(apart, "apart").elements()[1], Reply::bulk("1"));
    eventually("all are in sync", || count(admin, "in sync") == 2);

    // Its node is killed: it may have popped something.
    let pop = begin(&format!("BLPOP {alone} 0"));
    let apart = begin(&format!("BLPOP {first} {second} 0"));
    let read = begin(&format!("XREAD BLOCK 0 STREAMS {stream} 5-0"));
    let new = begin(&format!("XREAD BLOCK 0 STREAMS {stream} $"));
    let mut watching = up.connect();
    assert_eq!(watching.call(&["WATCH", &first]), Reply::ok());
    waits(4);
    kill_node(&up, "n2");
    let unknown = told(pop, "the second pop").error_text().expect("an error");
    assert!(unknown.starts_with("UNKNOWN "), "{unknown}");
    // Until then what is sent may get lost as well.
    eventually("its follower leads", || primary_of(admin, "s1") == "n1");
    push(&first, "2");
    assert_eq!(
        told(apart, "the second apart").elements()[1],
        Reply::bulk("2")
    );
    up.connect().call(&["XADD", &stream, "6-1", "f", "v"]);
    assert!(format!("{:?}", told(read, "read")).contains("6-1"));
    assert!(format!("{:?}", told(new, "the second new")).contains("6-1"));
    for words in [&["MULTI"][..], &["SET", &first, "v"]] {
        watching.call(words);
    }
    assert!(watching.call(&["EXEC"]).is_null());
}

#[test]
fn an_operator_changes_primaries_and_nobody_sees_an_error() {
    let (up, admin) = up("--shards 2");
    eventually("all are in sync", || count(admin, "in sync") == 2);
    let mut client = up.connect();
    write_all(&mut client, "v");
    for leader in ["n2", "n1", "n2"] {
        let order = format!("failover s1 --to {leader}");
        eventually("it is carried out", || {
            let output = topology(admin, &order);
            // Who has just followed has not joined yet, or a busy machine takes too long: the primary goes on then.
            let is_refused = output.status.code() == Some(69);
            assert!(output.status.success() || is_refused, "{output:?}");
            output.status.success()
        });
        assert_eq!(primary_of(admin, "s1"), leader);
        assert!(has_all(&mut client, "v"));
        for number in 0..100 {
            let key = format!("key:{number}");
            assert_eq!(client.call(&["SET", &key, "v"]), Reply::ok(), "{leader}");
        }
        eventually("all are in sync", || count(admin, "in sync") == 2);
    }
    let refused = |words: &str, text: &str| {
        let output = topology(admin, words);
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        assert!(said(&output).contains(text), "{words}: {output:?}");
    };
    refused("failover s1 --to n2", "leads shard s1 already");
    refused("failover s1 --to n3", "is not in sync in shard s1");
    refused(
        "failover s1 --epoch 1",
        "and the change was asked for before; nothing is changed",
    );
    assert_eq!(primary_of(admin, "s1"), "n2");
    let (_, page) = get(admin, "/metrics");
    for line in [
        "failovers_total{shard=\"s1\",cause=\"planned\"} 3",
        "failovers_total{shard=\"s1\",cause=\"lost\"} 0",
        "shard_epoch{shard=\"s1\"} 4",
        "shard_copies_wanted{shard=\"s1\"} 2",
        "shard_copies_in_sync{shard=\"s1\"} 2",
        "leads 1",
        "store_reachable 1",
        "nodes_suspected 0",
    ] {
        assert!(
            page.contains(&format!("\nswitchyard_proxy_{line}\n")),
            "{line}: {page}"
        );
    }
    refused(
        "failover s1 --accept-loss --proof burnt --yes",
        "nothing need be lost",
    );
}
