//! Commands that wait for a key, through a proxy: over connections of their clients' own, which are bounded, end with their clients, and say what is known when a node is
//! lost or its slots go elsewhere. WATCH, over connections that others share.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::support::eventually::{PATIENCE, Stopwatch, eventually};
use crate::support::servers::{Cluster, Server, topology_path, write_topology_that_loses_keys};
use crate::support::{Client, Reply, encode, redis_server};

/// How many clients wait.
pub(crate) fn blocked(server: &Server) -> usize {
    let info = server.connect().call_words("INFO clients").text();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("told")
}

pub(crate) fn begin(client: &mut Client, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    client.send(&encode(&words)).expect("sent");
}

/// A client that sends a command which waits, when it does so at a node.
pub(crate) fn block(cluster: &Cluster, line: &str) -> Client {
    let before = blocked(&cluster.proxy);
    let mut client = cluster.connect();
    begin(&mut client, line);
    eventually("it waits", || blocked(&cluster.proxy) == before + 1);
    eventually("it waits at a node", || {
        let at_nodes: usize = cluster.nodes.iter().map(blocked).sum();
        at_nodes > before
    });
    client
}

pub(crate) fn popped(key: &str, element: &str) -> Reply {
    Reply::Array(vec![Reply::bulk(key), Reply::bulk(element)])
}

pub(crate) fn told(client: &mut Client) -> Reply {
    client.receive().expect("a reply")
}

#[test]
fn who_waits_is_served_in_turn_and_what_is_sent_behind_waits() {
    let cluster = Cluster::start(3);
    let mut first = block(&cluster, "BLPOP {q}a {q}b 0");
    let mut second = block(&cluster, "BRPOP {q}a 0");
    for line in ["PING", "BLPOP {q}none 0.01", "LLEN {q}a"] {
        begin(&mut first, line);
    }
    let mut other = cluster.connect();
    let list = other.call_words("CLIENT LIST").text();
    let waiting = list.lines().filter(|line| line.contains("flags=b "));
    assert_eq!(waiting.count(), 2, "{list}");
    assert!(list.contains("cmd=blpop "), "{list}");
    assert_eq!(other.call_words("RPUSH {q}a 1 2 3"), Reply::Integer(3));
    assert_eq!(told(&mut first), popped("{q}a", "1"));
    assert_eq!(told(&mut first).text(), "PONG");
    assert!(told(&mut first).is_null());
    assert_eq!(told(&mut first), Reply::Integer(1));
    assert_eq!(told(&mut second), popped("{q}a", "3"));
    eventually("nobody waits", || blocked(&cluster.proxy) == 0);
    // The same connections serve whoever waits next.
    for number in 0..200 {
        let number = number.to_string();
        other.call(&["RPUSH", "{q}c", &number]);
        assert_eq!(second.call_words("BLPOP {q}c 1"), popped("{q}c", &number));
    }
    let received = cluster.nodes.iter().map(|node| {
        let info = node.connect().call_words("INFO stats").text();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.and_then(|count| count.trim().parse::<usize>().ok())
            .expect("told")
    });
    assert!(received.sum::<usize>() < 150, "a connection per command");
}

#[test]
fn time_ends_the_waiting_and_no_timeout_or_silence_of_the_proxy_does() {
    let cluster = Cluster::start_with(3, &[], &["--timeout", "1s", "--request-deadline", "1s"]);
    let began = Stopwatch::start();
    let mut late = block(&cluster, "BLPOP a 2.5");
    let mut patient = block(&cluster, "BLMOVE {a}1 {a}2 LEFT RIGHT 0");
    assert!(told(&mut late).is_null());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2_500), "{took:?}");
    let mut other = cluster.connect();
    other.call_words("RPUSH {a}1 x");
    assert_eq!(told(&mut patient), Reply::bulk("x"));
    for line in [
        "BLPOP a x",
        "BLPOP a -1",
        "BLPOP a",
        "XREAD BLOCK x STREAMS s $",
        "BLMPOP 0 1 a UP",
    ] {
        let refused = other.call_words(line).error_text();
        assert!(refused.is_some(), "{line}");
    }
    let apart = other
        .call_words("BLMPOP 0 2 a b LEFT")
        .error_text()
        .expect("an error");
    assert!(apart.starts_with("CROSSSLOT "), "{apart}");
}

#[test]
fn who_goes_waits_at_no_node_and_takes_nothing() {
    let cluster = Cluster::start(3);
    let nobody_waits = || {
        eventually("nobody waits", || {
            blocked(&cluster.proxy) == 0 && cluster.nodes.iter().all(|node| blocked(node) == 0)
        });
    };
    for line in ["BLPOP a 0", "XREAD BLOCK 0 STREAMS a $", "BZPOPMIN a 0"] {
        drop(block(&cluster, line));
        nobody_waits();
        let half = block(&cluster, line);
        half.socket()
            .shutdown(std::net::Shutdown::Write)
            .expect("shut");
        nobody_waits();
    }
    let mut killed = block(&cluster, "BLPOP a 0");
    let mut other = cluster.connect();
    let list = other.call_words("CLIENT LIST").text();
    let line = list
        .lines()
        .find(|line| line.contains("flags=b "))
        .expect("it is listed");
    let id = line.split([' ', '=']).nth(1).expect("an id");
    assert_eq!(
        other.call_words(&format!("CLIENT KILL ID {id}")),
        Reply::Integer(1)
    );
    assert!(killed.is_closed_by_server());
    nobody_waits();
    assert_eq!(other.call_words("RPUSH a 1"), Reply::Integer(1));
    assert_eq!(other.call_words("LLEN a"), Reply::Integer(1));
}

#[test]
fn others_end_the_waiting_of_a_client_as_at_redis() {
    let cluster = Cluster::start_with(2, &[], &["--threads", "2"]);
    let mut other = cluster.connect();
    for (how, expected) in [
        ("", None),
        (" TIMEOUT", None),
        (
            " ERROR",
            Some("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        ),
    ] {
        let mut waiting = cluster.connect();
        let id = waiting.call_words("CLIENT ID").integer();
        assert_eq!(
            other.call_words(&format!("CLIENT UNBLOCK {id}")),
            Reply::Integer(0)
        );
        begin(&mut waiting, "BLPOP a 0");
        eventually("it waits", || blocked(&cluster.proxy) == 1);
        assert_eq!(
            other.call_words(&format!("CLIENT UNBLOCK {id}{how}")),
            Reply::Integer(1)
        );
        let reply = told(&mut waiting);
        assert_eq!(reply.error_text().as_deref(), expected, "{how}");
        assert_eq!(reply.is_null(), expected.is_none(), "{how}");
        assert_eq!(waiting.call_words("PING").text(), "PONG");
        assert_eq!(blocked(&cluster.proxy), 0);
    }
}

#[test]
fn a_thousand_clients_wait_over_as_many_connections_and_one_more_is_told_which_setting() {
    let cluster = Cluster::start_with(2, &[], &["--threads", "1", "--leases", "1000"]);
    let mut waiting: Vec<Client> = (0..1_000).map(|_| cluster.connect()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        begin(client, &format!("BLPOP q:{} 0", number % 10));
    }
    eventually("all wait", || {
        cluster.nodes.iter().map(blocked).sum::<usize>() == 1_000
    });
    let mut other = cluster.connect();
    let refused = other
        .call_words("BLPOP q:1 0")
        .error_text()
        .expect("an error");
    assert!(
        refused.contains("'leases'") && refused.contains("1000"),
        "{refused}"
    );
    // WATCH takes none.
    assert_eq!(other.call_words("WATCH q:1"), Reply::ok());
    assert_eq!(other.call_words("UNWATCH"), Reply::ok());
    for number in 0..1_000 {
        other.call(&["RPUSH", &format!("q:{}", number % 10), &number.to_string()]);
    }
    let mut seen: Vec<u32> = waiting
        .iter_mut()
        .map(|client| match told(client) {
            Reply::Array(pair) => pair[1].text().parse().expect("a number"),
            other => panic!("{other:?}"),
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..1_000).collect::<Vec<u32>>());
    // They have made room.
    assert!(other.call_words("BLPOP q:1 0.01").is_null());
}

fn addresses(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.nodes.iter().map(|node| node.address).collect()
}

/// All slots go to the node of this number.
pub(crate) fn give_all_to(cluster: &Cluster, version: u64, node: usize) {
    let mut slots = vec!["0".to_owned(), "1".to_owned()];
    slots[node] = match node {
        0 => "0 2-16383".to_owned(),
        _ => "1-16383".to_owned(),
    };
    let path = topology_path(cluster.proxy.folder());
    write_topology_that_loses_keys(&path, version, &addresses(cluster), &slots);
}

/// Until the slots that change their owners are this node's.
pub(crate) fn await_owner(cluster: &Cluster, node: usize) {
    eventually("it has all", || {
        ["{a}k", "{b}k"].iter().all(|key| {
            cluster.connect().call(&["SET", key, "v"]);
            cluster.nodes[node].connect().call(&["DEL", key]) == Reply::Integer(1)
        })
    });
}

#[test]
fn who_waits_follows_its_keys_to_another_shard() {
    let cluster = Cluster::start(2);
    give_all_to(&cluster, 2, 0);
    await_owner(&cluster, 0);
    let began = Stopwatch::start();
    let mut pop = block(&cluster, "BLPOP a 0");
    let mut timed = block(&cluster, "BRPOP never 3");
    let mut read = block(&cluster, "XREAD BLOCK 0 STREAMS s 5-0");
    let mut new = block(&cluster, "XREAD BLOCK 0 STREAMS s $");
    give_all_to(&cluster, 3, 1);
    eventually("they wait at the second", || {
        blocked(&cluster.nodes[1]) == 4
    });
    assert_eq!(blocked(&cluster.nodes[0]), 0);
    let mut other = cluster.connect();
    other.call_words("RPUSH a 1");
    assert_eq!(told(&mut pop), popped("a", "1"));
    other.call_words("XADD s 6-1 f v");
    assert!(format!("{:?}", told(&mut read)).contains("6-1"));
    assert!(format!("{:?}", told(&mut new)).contains("6-1"));
    assert!(told(&mut timed).is_null());
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(3), "{took:?}");
}

#[test]
fn who_reads_what_is_new_misses_nothing_that_came_while_it_went_elsewhere() {
    let cluster = Cluster::start(2);
    give_all_to(&cluster, 2, 0);
    await_owner(&cluster, 0);
    let mut client = cluster.connect();
    for line in [
        "XADD {s}a 5-1 f old",
        "XADD {s}b 5-1 f old",
        "XADD {s}b 5-2 f old",
        "XDEL {s}b 5-2",
    ] {
        client.call_words(line);
    }
    let mut one = block(&cluster, "XREAD BLOCK 0 STREAMS {s}a $");
    let mut many = block(
        &cluster,
        "XREAD COUNT 7 BLOCK 100000 STREAMS {s}none {s}b {s}a $ $ 6-1",
    );
    // One that is named as others name the moment reads what is there.
    let mut sign = block(&cluster, "XREAD BLOCK 0 STREAMS {s}$ 0");
    // The other node has all that, and what was added before they come to it.
    let mut direct = cluster.nodes[1].connect();
    for line in [
        "XADD {s}a 5-1 f old",
        "XADD {s}a 6-1 f new",
        "XADD {s}b 5-2 f old",
        "XADD {s}b 6-2 f new",
        "XADD {s}none 1-1 f new",
    ] {
        direct.call_words(line);
    }
    give_all_to(&cluster, 3, 1);
    let stream = |key: &str, id: &str| {
        let entry = vec![Reply::bulk(id), popped("f", "new")];
        let entries = Reply::Array(vec![Reply::Array(entry)]);
        Reply::Array(vec![Reply::bulk(key), entries])
    };
    assert_eq!(told(&mut one), Reply::Array(vec![stream("{s}a", "6-1")]));
    let both = vec![stream("{s}none", "1-1"), stream("{s}b", "6-2")];
    assert_eq!(told(&mut many), Reply::Array(both));
    client.call_words("XADD {s}$ 1-1 f new");
    assert_eq!(told(&mut sign), Reply::Array(vec![stream("{s}$", "1-1")]));
}

#[test]
fn what_a_lost_node_may_have_popped_is_unknown_and_what_takes_nothing_is_asked_again() {
    let mut cluster = Cluster::start_with(1, &[], &["--node-deadline", "30s"]);
    let mut pop = block(&cluster, "BLPOP a 0");
    let mut read = block(&cluster, "XREAD BLOCK 0 STREAMS s 0");
    let mut new = block(&cluster, "XREAD BLOCK 0 STREAMS s $");
    let mut short = cluster.connect();
    cluster.nodes[0].kill();
    let text = told(&mut pop).error_text().expect("an error");
    assert!(text.starts_with("UNKNOWN "), "{text}");
    // It waits for its node no longer than it wants to wait at it.
    begin(&mut short, "BLPOP a 0.3");
    let mut later = cluster.connect();
    begin(&mut later, "BLPOP a 0");
    cluster.nodes[0].restart();
    eventually("all wait again", || blocked(&cluster.nodes[0]) == 3);
    assert!(told(&mut short).is_null());
    let mut other = cluster.connect();
    other.call_words("RPUSH a 1");
    other.call_words("XADD s 6-1 f v");
    assert_eq!(told(&mut later), popped("a", "1"));
    assert!(format!("{:?}", told(&mut read)).contains("6-1"));
    assert!(format!("{:?}", told(&mut new)).contains("6-1"));
}

#[test]
fn a_proxy_that_stops_ends_the_waiting_and_loses_nothing() {
    let mut cluster = Cluster::start(2);
    let mut waiting = block(&cluster, "BLPOP a 0");
    begin(&mut waiting, "SET behind it");
    cluster.proxy.ask_to_stop();
    assert!(told(&mut waiting).is_null());
    assert!(waiting.is_closed_by_server());
    assert!(cluster.proxy.wait_for_exit(PATIENCE).success());
    assert!(cluster.nodes.iter().all(|node| blocked(node) == 0));
    let exists = |node: &Server| node.connect().call_words("EXISTS behind") == Reply::Integer(1);
    assert!(!cluster.nodes.iter().any(exists));
}

fn run(client: &mut Client, lines: &[&str]) -> Reply {
    assert_eq!(client.call_words("MULTI"), Reply::ok());
    for line in lines {
        assert_eq!(client.call_words(line).text(), "QUEUED", "{line}");
    }
    client.call_words("EXEC")
}

#[test]
fn a_watched_key_that_changes_voids_the_transaction_and_no_other_does() {
    for shards in [1, 3] {
        let cluster = Cluster::start(shards);
        let (mut client, mut other) = (cluster.connect(), cluster.connect());
        let ran = |value: &str| Reply::Array(vec![Reply::ok(), Reply::bulk(value)]);
        let lines = ["SET {a}1 mine", "GET {a}1"];
        assert_eq!(client.call_words("WATCH {a}1 {a}2"), Reply::ok());
        assert_eq!(run(&mut client, &lines), ran("mine"));
        assert_eq!(client.call_words("WATCH {a}1"), Reply::ok());
        other.call_words("SET {a}1 theirs");
        assert!(run(&mut client, &lines).is_null());
        assert_eq!(client.call_words("GET {a}1"), Reply::bulk("theirs"));
        // One that was watched before does not count any more.
        for forget in ["UNWATCH", "RESET", "MULTI|DISCARD", "MULTI|EXEC"] {
            client.call_words("WATCH {a}1");
            other.call_words("SET {a}1 theirs");
            for line in forget.split('|') {
                client.call_words(line);
            }
            assert_eq!(run(&mut client, &lines), ran("mine"), "{forget}");
        }
        client.call_words("WATCH {a}1");
        client.call_words("WATCH {a}2");
        other.call_words("DEL {a}none");
        assert_eq!(run(&mut client, &lines), ran("mine"));
        client.call_words("WATCH {a}1");
        client.call_words("WATCH {a}2");
        other.call_words("SET {a}2 v");
        assert!(run(&mut client, &lines).is_null());
        client.call_words("WATCH {a}1");
        other.call_words("PEXPIRE {a}1 1");
        eventually("it has expired", || {
            other.call_words("EXISTS {a}1") == Reply::Integer(0)
        });
        assert!(run(&mut client, &lines).is_null());
        client.call_words("WATCH {a}1");
        assert_eq!(run(&mut client, &[]), Reply::Array(vec![]));
        client.call_words("WATCH {a}1");
        other.call_words("SET {a}1 v");
        assert!(run(&mut client, &[]).is_null());
        client.call_words("WATCH {a}1");
        client.call_words("MULTI");
        assert_eq!(
            client.call_words("WATCH {a}1").text(),
            "ERR WATCH inside MULTI is not allowed"
        );
        assert_eq!(client.call_words("UNWATCH").text(), "QUEUED");
        let ran = client.call_words("EXEC");
        assert_eq!(ran, Reply::Array(vec![Reply::ok()]));
    }
}

#[test]
fn a_watch_knows_its_database_protocol_and_slot() {
    let cluster = Cluster::start(3);
    let (mut client, mut other) = (cluster.connect(), cluster.connect());
    client.call_words("WATCH {a}1");
    for line in ["WATCH b", "WATCH {a}2 b"] {
        let text = client.call_words(line).error_text().expect("an error");
        assert!(
            text.starts_with("CROSSSLOT ") && text.contains("{a}"),
            "{text}"
        );
    }
    client.call_words("MULTI");
    let text = client.call_words("SET b 1").error_text().expect("an error");
    assert!(text.starts_with("CROSSSLOT "), "{text}");
    assert!(client.call_words("EXEC").text().starts_with("EXECABORT "));
    client.call_words("WATCH {a}1");
    client.call_words("SELECT 3");
    client.call_words("HELLO 3");
    assert_eq!(
        run(&mut client, &["SET {a}1 three"]),
        Reply::Array(vec![Reply::ok()])
    );
    assert_eq!(client.call_words("GET {a}1"), Reply::bulk("three"));
    assert_eq!(other.call_words("EXISTS {a}1"), Reply::Integer(0));
    client.call_words("WATCH {a}1");
    client.call_words("SELECT 0");
    client.call_words("WATCH {a}1");
    other.call_words("SELECT 3");
    other.call_words("SET {a}1 x");
    assert_eq!(run(&mut client, &["GET {a}1"]), Reply::Null);
    assert_eq!(
        run(&mut client, &["GET {a}1"]),
        Reply::Array(vec![Reply::Null])
    );
}

/// Clients that the nodes know to watch something.
fn watching(cluster: &Cluster) -> usize {
    let field = |server: &Server| {
        let info = server.connect().call_words("INFO clients").text();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("watching_clients:"));
        line.expect("the field").parse::<usize>().expect("a number")
    };
    cluster.nodes.iter().map(field).sum()
}

#[test]
fn a_node_forgets_what_is_watched_no_more() {
    let mut cluster = Cluster::start_with(2, &[], &["--threads", "1"]);
    let mut clients: Vec<Client> = (0..4).map(|_| cluster.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.call_words(&format!("WATCH k{number}")), Reply::ok());
        client.call_words(&format!("WATCH k{number}"));
    }
    assert_eq!(watching(&cluster), 4);
    clients[0].call_words("UNWATCH");
    assert!(matches!(
        run(&mut clients[1], &["SET k1 1"]),
        Reply::Array(_)
    ));
    clients[2].call_words("SELECT 3");
    assert!(matches!(run(&mut clients[2], &["PING"]), Reply::Array(_)));
    clients[2].call_words("MULTI");
    drop(clients);
    eventually("they are forgotten", || watching(&cluster) == 0);
    // Where the slot has gone elsewhere, and where the proxy has.
    give_all_to(&cluster, 2, 0);
    await_owner(&cluster, 0);
    let (mut moved, mut left) = (cluster.connect(), cluster.connect());
    for client in [&mut moved, &mut left] {
        client.call_words("WATCH a");
    }
    give_all_to(&cluster, 3, 1);
    await_owner(&cluster, 1);
    moved.call_words("WATCH a");
    assert!(run(&mut moved, &["SET a 1"]).is_null());
    assert!(run(&mut left, &["SET a 1"]).is_null());
    left.call_words("MULTI");
    moved.call_words("WATCH a");
    eventually("one watches", || watching(&cluster) == 1);
    cluster.proxy.kill();
    eventually("nobody watches", || watching(&cluster) == 0);
}

#[test]
fn a_transaction_does_not_run_in_another_database_than_its_client_means() {
    let cluster = Cluster::start_with(1, &["--databases", "2"], &[]);
    let mut client = cluster.connect();
    assert_eq!(client.call_words("WATCH a"), Reply::ok());
    client.call_words("SELECT 5");
    assert_eq!(client.call_words("MULTI"), Reply::ok());
    client.call_words("SET a 1");
    let text = client.call_words("EXEC").error_text().expect("an error");
    assert!(text.contains("DB index"), "{text}");
    client.call_words("SELECT 0");
    assert_eq!(client.call_words("GET a"), Reply::NullBulk);
    assert_eq!(
        run(&mut client, &["SET a 1"]),
        Reply::Array(vec![Reply::ok()])
    );
}

#[test]
fn many_count_with_watch_and_nothing_is_lost() {
    let cluster = Cluster::start(3);
    let counters: Vec<_> = (0..4)
        .map(|_| {
            let mut client = cluster.connect();
            thread::spawn(move || {
                for _ in 0..50 {
                    loop {
                        client.call_words("WATCH n");
                        let now = client.call_words("GET n");
                        let next = match now {
                            Reply::NullBulk => 1,
                            now => now.text().parse::<u32>().expect("a number") + 1,
                        };
                        if !run(&mut client, &[&format!("SET n {next}")]).is_null() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for counter in counters {
        counter.join().expect("it has counted");
    }
    assert_eq!(cluster.connect().call_words("GET n"), Reply::bulk("200"));
}

#[test]
fn a_watch_whose_node_is_lost_or_whose_slot_has_moved_voids_the_transaction() {
    let mut cluster = Cluster::start(2);
    give_all_to(&cluster, 2, 0);
    await_owner(&cluster, 0);
    let mut client = cluster.connect();
    client.call_words("WATCH a");
    give_all_to(&cluster, 3, 1);
    await_owner(&cluster, 1);
    assert!(run(&mut client, &["SET a 1"]).is_null());
    assert_eq!(
        run(&mut client, &["SET a 1"]),
        Reply::Array(vec![Reply::ok()])
    );
    client.call_words("WATCH a");
    cluster.nodes[1].kill();
    cluster.nodes[1].restart();
    eventually("it is back", || {
        client.call_words("GET a") == Reply::NullBulk
    });
    assert!(run(&mut client, &["SET a 1"]).is_null());
    // One that never watched hears of a lost node as ever, and the next watch is as good as any.
    client.call_words("WATCH a");
    assert_eq!(
        run(&mut client, &["SET a 1"]),
        Reply::Array(vec![Reply::ok()])
    );
    client.call_words("WATCH a");
    cluster.nodes[1].freeze();
    client.call_words("MULTI");
    client.call_words("SET a 2");
    begin(&mut client, "EXEC");
    cluster.nodes[1].kill();
    let text = told(&mut client).error_text().expect("an error");
    assert!(text.starts_with("UNKNOWN "), "{text}");
}

#[test]
fn plain_servers_serve_who_waits_who_watches_and_transactions() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let proxy = Server::start(crate::support::servers::SWITCHYARD, |address, folder| {
        let topology = topology_path(folder);
        let text = format!(
            "version = 1\n\n[[node]]\nid = \"r0\"\naddress = \"{}\"\nkind = \"redis\"\n\n[[shard]]\nid = \"s0\"\nepoch = 1\nprimary = \"r0\"\nin-sync = [\"r0\"]\nslots = \"0-16383\"\n",
            redis.address
        );
        std::fs::write(&topology, text).expect("a file in a temporary folder");
        let line = format!(
            "proxy --admin off --listen {address} --topology {}",
            topology.display()
        );
        line.split(' ').map(str::to_owned).collect()
    });
    let (mut client, mut other) = (proxy.connect(), proxy.connect());
    begin(&mut client, "BLPOP a 0");
    eventually("it waits", || blocked(&redis) == 1);
    other.call_words("RPUSH a 1");
    assert_eq!(told(&mut client), popped("a", "1"));
    let ran = Reply::Array(vec![Reply::ok(), Reply::bulk("1")]);
    assert_eq!(run(&mut client, &["SET a 1", "GET a"]), ran);
    client.call_words("WATCH a");
    assert_eq!(run(&mut client, &["SET a 1", "GET a"]), ran);
    client.call_words("WATCH a");
    other.call_words("SET a 2");
    assert!(run(&mut client, &["SET a 1", "GET a"]).is_null());
    assert_eq!(client.call_words("GET a"), Reply::bulk("2"));
}
