//! A node is down, silent or not there yet: its keys get a clear error in time, all others are served, and it heals by itself.

use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use crate::support::eventually::{Stopwatch, eventually, pause};
use crate::support::servers::{
    Cluster, even_slots, free_address, start_node, start_proxy, topology_path, write_topology,
};
use crate::support::{Client, Reply, encode};

/// Short deadlines, so that the tests need not wait long for them.
const SHORT: &[&str] = &["--node-deadline", "300ms", "--request-deadline", "2s"];

/// No reply may take longer than the request deadline; the rest is for a busy machine.
const AT_MOST: Duration = Duration::from_secs(10);

fn assert_unavailable(reply: &Reply, shard: &str) {
    let text = reply
        .error_text()
        .unwrap_or_else(|| panic!("an error, not {reply:?}"));
    let is_known = text.starts_with("CLUSTERDOWN ") || text.starts_with("UNKNOWN ");
    assert!(is_known && text.contains(shard), "{text}");
}

/// Keys of each of the three shards, present everywhere.
fn filled(cluster: &Cluster) -> Vec<Vec<String>> {
    let keys: Vec<Vec<String>> = (0..cluster.nodes.len())
        .map(|index| cluster.keys_on(index, 5))
        .collect();
    let mut client = cluster.connect();
    for key in keys.iter().flatten() {
        assert_eq!(client.call(&["SET", key, "v"]), Reply::ok());
    }
    keys
}

#[test]
fn a_killed_node_fails_its_own_keys_alone_and_heals_on_return() {
    let mut cluster = Cluster::start_with(3, &[], SHORT);
    let keys = filled(&cluster);
    let mut client = cluster.connect();
    cluster.nodes[1].kill();
    let watch = Stopwatch::start();
    for key in &keys[1] {
        assert_unavailable(&client.call(&["GET", key]), "s1");
        assert_unavailable(&client.call(&["SET", key, "w"]), "s1");
    }
    assert!(watch.elapsed() < AT_MOST, "{:?}", watch.elapsed());
    for key in keys[0].iter().chain(&keys[2]) {
        assert_eq!(client.call(&["GET", key]), Reply::bulk("v"));
        assert_eq!(client.call(&["SET", key, "v"]), Reply::ok());
    }
    // A part that fails fails the whole, and says where.
    let over_all = ["MGET", &keys[0][0], &keys[1][0], &keys[2][0]];
    assert_unavailable(&client.call(&over_all), "s1");
    assert_unavailable(&client.call_words("DBSIZE"), "s1");
    assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    cluster.nodes[1].restart();
    eventually("the shard serves again", || {
        client.call(&["SET", &keys[1][0], "back"]) == Reply::ok()
    });
    assert_eq!(client.call(&["GET", &keys[1][0]]), Reply::bulk("back"));
}

#[test]
fn a_pipeline_across_a_dead_shard_gets_every_reply_in_its_place() {
    let mut cluster = Cluster::start_with(3, &[], SHORT);
    let keys = filled(&cluster);
    let mut client = cluster.connect();
    cluster.nodes[2].kill();
    let mut commands = Vec::new();
    for round in 0..200 {
        for key in [&keys[0][0], &keys[2][1], &keys[1][2]] {
            commands.push(vec![b"GET".to_vec(), key.clone().into_bytes()]);
        }
        commands.push(vec![b"ECHO".to_vec(), round.to_string().into_bytes()]);
    }
    for (round, replies) in client.pipeline(&commands).chunks(4).enumerate() {
        assert_eq!(replies[0], Reply::bulk("v"));
        assert_unavailable(&replies[1], "s2");
        assert_eq!(replies[2], Reply::bulk("v"));
        assert_eq!(replies[3], Reply::bulk(round.to_string()));
    }
}

#[test]
fn a_silent_node_fails_its_own_keys_alone_and_heals_when_it_speaks() {
    let cluster = Cluster::start_with(3, &[], SHORT);
    let keys = filled(&cluster);
    let mut client = cluster.connect();
    let mut other = cluster.connect();
    cluster.nodes[0].freeze();
    let watch = Stopwatch::start();
    client
        .send(&encode(&["SET", &keys[0][0], "perhaps"]))
        .expect("sent");
    client.send(&encode(&["GET", &keys[0][1]])).expect("sent");
    // All of these are answered while the first two wait.
    for key in keys[1].iter().chain(&keys[2]) {
        assert_eq!(other.call(&["GET", key]), Reply::bulk("v"));
    }
    let write = client.receive().expect("a reply within the deadline");
    assert_unavailable(&write, "s0");
    let text = write.error_text().expect("an error");
    assert!(
        text.starts_with("UNKNOWN "),
        "it was sent and may be applied: {text}"
    );
    assert_unavailable(
        &client.receive().expect("a reply within the deadline"),
        "s0",
    );
    assert!(watch.elapsed() < AT_MOST, "{:?}", watch.elapsed());
    cluster.nodes[0].thaw();
    eventually("the shard serves again", || {
        client.call(&["SET", &keys[0][0], "sure"]) == Reply::ok()
    });
    assert_eq!(client.call(&["GET", &keys[0][0]]), Reply::bulk("sure"));
    assert_eq!(client.call(&["GET", &keys[0][1]]), Reply::bulk("v"));
}

#[test]
fn a_proxy_starts_with_any_subset_of_its_nodes() {
    let present = start_node(&[]);
    let absent: SocketAddr = free_address();
    let proxy = start_proxy(&[present.address, absent], SHORT);
    let mut client = proxy.connect();
    let (mut served, mut refused) = (0, 0);
    for number in 0..40 {
        let reply = client.call(&["SET", &format!("key:{number}"), "v"]);
        if reply == Reply::ok() {
            served += 1;
        } else {
            assert_unavailable(&reply, "s1");
            let text = reply.error_text().expect("an error");
            assert!(text.starts_with("CLUSTERDOWN "), "never sent: {text}");
            refused += 1;
        }
    }
    assert!(
        served > 5 && refused > 5,
        "{served} served, {refused} refused"
    );
    let without_any = start_proxy(&[free_address(), free_address()], SHORT);
    assert_eq!(
        without_any.connect().call_words("PING"),
        Reply::Simple(b"PONG".to_vec())
    );
}

#[test]
fn a_lost_connection_to_a_living_node_is_made_again() {
    use crate::support::fault::Relay;
    let node = start_node(&[]);
    let relay = Relay::start(node.address);
    let proxy = start_proxy(&[relay.address], SHORT);
    let mut client = proxy.connect();
    assert_eq!(client.call_words("SET k v"), Reply::ok());
    for _ in 0..5 {
        relay.cut();
        // Reads are repeated by the proxy; at worst the shard counts as down for the moment of reconnecting.
        eventually("the shard serves again", || {
            client.call_words("GET k") == Reply::bulk("v")
        });
    }
}

#[test]
fn an_overloaded_shard_is_slow_for_its_clients_and_loses_nothing() {
    let cluster = Cluster::start(2);
    let keys = cluster.keys_on(0, 1);
    let key = keys[0].clone();
    let mut clients: Vec<Client> = (0..20).map(|_| cluster.connect()).collect();
    cluster.nodes[0].freeze();
    let batch: Vec<u8> = (0..2_000).flat_map(|_| encode(&["INCR", &key])).collect();
    for client in &mut clients {
        client
            .send(&batch)
            .expect("the kernel or the proxy takes it");
    }
    // Long enough for the queues to fill, short of the request deadline.
    pause(Duration::from_millis(200));
    cluster.nodes[0].thaw();
    let mut seen = vec![false; 20 * 2_000];
    for client in &mut clients {
        let mut last = 0;
        for _ in 0..2_000 {
            let value = client.receive().expect("a reply").integer();
            assert!(value > last, "out of order: {value} after {last}");
            last = value;
            let place = usize::try_from(value - 1).expect("positive");
            assert!(
                !std::mem::replace(&mut seen[place], true),
                "{value} came twice"
            );
        }
    }
    assert!(seen.into_iter().all(|seen| seen));
}

#[test]
fn a_write_that_was_given_up_is_not_applied_after_a_later_one() {
    let settings = ["--node-deadline", "6s", "--request-deadline", "300ms"];
    let cluster = Cluster::start_with(1, &[], &settings);
    let mut client = cluster.connect();
    for round in 0..5 {
        let (late, new) = (format!("late{round}"), format!("new{round}"));
        eventually("the node serves", || {
            client.call(&["SET", "k", "before"]) == Reply::ok()
        });
        cluster.nodes[0].freeze();
        let watch = Stopwatch::start();
        // A read fails at its own deadline, not at that of the node besides.
        let read = client.call(&["GET", "k"]);
        assert!(
            watch.elapsed() < Duration::from_secs(5),
            "{:?}",
            watch.elapsed()
        );
        assert_unavailable(&read, "s0");
        assert_unavailable(&client.call(&["SET", "k", &late]), "s0");
        cluster.nodes[0].thaw();
        eventually("the node serves again", || {
            client.call(&["SET", "k", &new]) == Reply::ok()
        });
        for _ in 0..20 {
            assert_eq!(client.call(&["GET", "k"]), Reply::bulk(&new));
            pause(Duration::from_millis(2));
        }
    }
}

#[test]
fn a_database_that_the_nodes_do_not_have_hurts_only_those_who_ask_for_it() {
    let cluster = Cluster::start_with(2, &["--databases", "2"], SHORT);
    let mut client = cluster.connect();
    let mut bystander = cluster.connect();
    assert_eq!(client.call(&["SELECT", "5"]), Reply::ok());
    for command in ["GET x", "SET x 1", "MGET a b c d", "DBSIZE"] {
        let reply = client.call_words(command);
        let text = reply.error_text().unwrap_or_default();
        assert_eq!(text, "ERR DB index is out of range", "{command}");
        let info = bystander.call_words("INFO proxy").text();
        assert!(info.contains("shards_reachable:2"), "{info}");
        assert_eq!(bystander.call(&["SET", "y", "1"]), Reply::ok());
    }
    assert_eq!(client.call(&["SELECT", "1"]), Reply::ok());
    assert_eq!(client.call(&["SET", "x", "1"]), Reply::ok());
}

#[test]
fn what_reached_a_proxy_that_stood_still_is_not_done_for_who_has_gone_elsewhere() {
    let node = start_node(&[]);
    let stopped = start_proxy(&[node.address], &["--threads", "1"]);
    let other = start_proxy(&[node.address], &[]);
    let connect = |_| {
        let mut client = stopped.connect();
        assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
        client
    };
    let mut hasty: Vec<Client> = (0..20).map(connect).collect();
    let mut patient = connect(20);
    stopped.freeze();
    for client in &mut hasty {
        client.send(&encode(&["SET", "key", "old"])).unwrap();
    }
    patient.send(&encode(&["SET", "own", "kept"])).unwrap();
    // They give up, and ask another proxy.
    drop(hasty);
    pause(Duration::from_millis(1_500));
    let mut client = other.connect();
    assert_eq!(client.call_words("SET key new"), Reply::ok());
    stopped.thaw();
    assert_eq!(patient.receive().unwrap(), Reply::ok());
    for _ in 0..20 {
        assert_eq!(client.call_words("GET key"), Reply::bulk("new"));
        pause(Duration::from_millis(10));
    }
    assert_eq!(client.call_words("GET own"), Reply::bulk("kept"));
    assert_eq!(patient.call_words("GET key"), Reply::bulk("new"));
    // Who comes later and says at once that it has no more to ask is served as ever.
    for _ in 0..20 {
        let mut client = stopped.connect();
        client.send(&encode(&["GET", "key"])).unwrap();
        client.socket().shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.receive().unwrap(), Reply::bulk("new"));
    }
}

#[test]
fn what_a_proxy_that_stood_still_had_not_sent_is_not_sent_for_who_has_gone_elsewhere() {
    stand_still_with_a_full_line(false);
}

#[test]
fn nor_is_what_was_set_aside_for_a_newer_topology() {
    stand_still_with_a_full_line(true);
}

fn stand_still_with_a_full_line(is_set_aside: bool) {
    let node = start_node(&[]);
    let stopped = start_proxy(
        &[node.address],
        &["--threads", "1", "--pipe-queue-bytes", "64mb"],
    );
    let other = start_proxy(&[node.address], &[]);
    node.freeze();
    // Some 33 MB, several times what sockets hold, so that what follows stays in the proxy's line; of no client so much that it is kept apart.
    let padding = "x".repeat(8_000);
    let mut patient: Vec<Client> = (0..600).map(|_| stopped.connect()).collect();
    for client in &mut patient {
        let pad = encode(&["SET", "pad", &padding]).repeat(7);
        client.send(&pad).unwrap();
    }
    let mut observer = stopped.connect();
    let until_asked = |observer: &mut Client, clients: usize| {
        eventually("it is read", || {
            let list = observer.call_words("CLIENT LIST").text();
            list.matches(" cmd=set ").count() >= clients
        });
        // What is in the line by now does not go on while the node stands.
        pause(Duration::from_millis(500));
    };
    until_asked(&mut observer, 600);
    let mut hasty: Vec<Client> = (0..20).map(|_| stopped.connect()).collect();
    for client in &mut hasty {
        client.send(&encode(&["SET", "key", "old"])).unwrap();
    }
    until_asked(&mut observer, 620);
    // What is in the line is set aside for a newer topology, of the same owners.
    if is_set_aside {
        let topology = topology_path(stopped.folder());
        write_topology(&topology, 2, &[node.address], &even_slots(1));
        pause(Duration::from_millis(500));
    }
    stopped.freeze();
    drop(hasty);
    pause(Duration::from_millis(1_200));
    node.thaw();
    let mut client = other.connect();
    eventually("the node serves", || {
        client.call_words("SET key new") == Reply::ok()
    });
    stopped.thaw();
    for client in &mut patient {
        for _ in 0..7 {
            assert_eq!(client.receive().unwrap(), Reply::ok());
        }
    }
    for _ in 0..20 {
        assert_eq!(client.call_words("GET key"), Reply::bulk("new"));
        pause(Duration::from_millis(10));
    }
}
