//! The topology changes under full load, and a node dies and returns: no reply is lost, doubled or out of order.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::eventually::{eventually, pause};
use crate::support::servers::{Cluster, even_slots, topology_path, write_topology};
use crate::support::{Client, Reply, encode};

/// Clients at full load; each has keys of its own.
const CLIENTS: usize = 12;

/// Commands of a client under way at a time.
const WINDOW: u64 = 32;

/// Lets whoever disturbs see how far the clients are, and the clients when to end.
#[derive(Default)]
struct Load {
    replies: AtomicU64,
    refused: AtomicU64,
    ends: AtomicBool,
}

impl Load {
    /// Waits until `count` more replies have come: a fault or a swap meets commands under way, on any machine.
    fn advances_by(&self, count: u64) {
        let goal = self.replies.load(Ordering::Relaxed) + count;
        eventually("the clients go on", || {
            self.replies.load(Ordering::Relaxed) >= goal
        });
    }
}

/// Command `number` of a client. Its reply tells its number, whichever node executes it and whatever that node holds:
/// the length that SETRANGE makes, for offsets only grow; every fourth is an ECHO, which no fault can touch.
fn numbered_command(client: usize, number: u64) -> Vec<u8> {
    if number.is_multiple_of(4) {
        return encode(&["ECHO", &format!("{client}:{number}")]);
    }
    let key = format!("client:{client}:{}", number / 512);
    encode(&["SETRANGE", &key, &(number % 512).to_string(), "x"])
}

fn check_reply(client: usize, number: u64, reply: &Reply, load: &Load) {
    if number.is_multiple_of(4) {
        assert_eq!(*reply, Reply::bulk(format!("{client}:{number}")));
        return;
    }
    match reply.error_text() {
        None => {
            let length = i64::try_from(number % 512 + 1).expect("small");
            assert_eq!(*reply, Reply::Integer(length), "client {client}, {number}");
        }
        Some(text) => {
            let is_known = text.starts_with("CLUSTERDOWN ") || text.starts_with("UNKNOWN ");
            assert!(is_known, "client {client}, {number}: {text}");
            load.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Keeps a window of commands under way until the load ends; then no reply may be missing and none too many.
fn run_client(mut client: Client, name: usize, load: &Load) {
    let (mut sent, mut received) = (0, 0);
    loop {
        let ends = load.ends.load(Ordering::Relaxed);
        let mut bytes = Vec::new();
        while !ends && sent < received + WINDOW {
            bytes.extend(numbered_command(name, sent));
            sent += 1;
        }
        client.send(&bytes).expect("the proxy lives");
        if received == sent {
            break;
        }
        let reply = client.receive().expect("no reply is lost");
        check_reply(name, received, &reply, load);
        received += 1;
        load.replies.fetch_add(1, Ordering::Relaxed);
    }
    let end = client.call(&["ECHO", "nothing came before this"]);
    assert_eq!(end, Reply::bulk("nothing came before this"));
}

/// Runs the clients while `disturb` works on the cluster.
fn under_load(cluster: &mut Cluster, disturb: impl FnOnce(&mut Cluster, &Load)) -> Load {
    let load = Load::default();
    thread::scope(|scope| {
        for name in 0..CLIENTS {
            let client = cluster.connect();
            let load = &load;
            scope.spawn(move || run_client(client, name, load));
        }
        let ending = EndsLoad(&load);
        disturb(cluster, &load);
        drop(ending);
    });
    load
}

/// The clients must end also when the disturbing thread fails, or the failure would look like a hang.
struct EndsLoad<'a>(&'a Load);

impl Drop for EndsLoad<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

fn addresses(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.nodes.iter().map(|node| node.address).collect()
}

#[test]
fn no_reply_is_lost_doubled_or_out_of_order_while_topology_and_nodes_change() {
    let mut cluster = Cluster::start(3);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let load = under_load(&mut cluster, |cluster, load| {
        for change in 1..=100 {
            // All slots move on by one shard: every key has another owner from now on.
            let mut slots = even_slots(3);
            slots.rotate_left(change % 3);
            write_topology(&topology, 1 + change as u64, &nodes, &slots);
            load.advances_by(500);
            if change % 10 == 5 {
                cluster.nodes[1].kill();
                load.advances_by(500);
                cluster.nodes[1].restart();
                load.advances_by(500);
            }
        }
    });
    let refused = load.refused.load(Ordering::Relaxed);
    let replies = load.replies.load(Ordering::Relaxed);
    eprintln!("{replies} replies, {refused} of them refusals while a node was down");
    assert!(replies > 50_000);
    the_last_topology_rules(&cluster, &nodes, 101);
}

/// After the last change (101 - 1 = 100, rotated by one) keys go where it says.
fn the_last_topology_rules(cluster: &Cluster, nodes: &[SocketAddr], version: u64) {
    let topology = topology_path(cluster.proxy.folder());
    // Everything to the last shard: seen at once by looking at the nodes.
    let slots = ["".to_owned(), "".to_owned(), "0-16383".to_owned()];
    write_topology(&topology, version + 1, nodes, &slots);
    eventually("the newest topology rules", || {
        let mut client = cluster.connect();
        client.call_words("FLUSHALL");
        for number in 0..30 {
            client.call(&["SET", &format!("after:{number}"), "v"]);
        }
        let mut last = cluster.nodes[2].connect();
        last.call_words("DBSIZE") == Reply::Integer(30)
    });
}

#[test]
fn a_change_that_moves_no_slot_disturbs_no_counter() {
    let mut cluster = Cluster::start(3);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let ends = AtomicBool::new(false);
    let counted = AtomicU64::new(0);
    thread::scope(|scope| {
        for name in 0..CLIENTS {
            let mut client = cluster.connect();
            let (ends, counted) = (&ends, &counted);
            scope.spawn(move || {
                let key = format!("counter:{name}").into_bytes();
                let batch = vec![vec![b"INCR".to_vec(), key]; 16];
                let mut value = 0;
                while !ends.load(Ordering::Relaxed) {
                    for reply in client.pipeline(&batch) {
                        value += 1;
                        assert_eq!(reply, Reply::Integer(value), "each once, in order");
                    }
                    counted.fetch_add(16, Ordering::Relaxed);
                }
            });
        }
        for version in 2..=60 {
            write_topology(&topology, version, &nodes, &even_slots(3));
            let goal = counted.load(Ordering::Relaxed) + 500;
            eventually("the clients go on", || {
                counted.load(Ordering::Relaxed) >= goal
            });
        }
        ends.store(true, Ordering::Relaxed);
    });
    assert!(cluster.proxy.is_alive());
}

#[test]
fn a_broken_or_older_topology_file_is_refused_and_the_old_one_stays() {
    let mut cluster = Cluster::start(2);
    let nodes = addresses(&cluster);
    let topology = topology_path(cluster.proxy.folder());
    let mut client = cluster.connect();
    let everything_on = |shard: usize| {
        let slots = |number| if number == shard { "0-16383" } else { "" };
        [slots(0).to_owned(), slots(1).to_owned()]
    };
    let mut arrives_at = |cluster: &Cluster, shard: usize, value: &str| {
        client.call(&["SET", "wanderer", value]);
        let mut node = cluster.nodes[shard].connect();
        node.call(&["GET", "wanderer"]) == Reply::bulk(value)
    };
    write_topology(&topology, 5, &nodes, &everything_on(1));
    eventually("version 5 is taken", || arrives_at(&cluster, 1, "five"));
    let look = || std::fs::write(&topology, "version = 9\n[[node").expect("written");
    let refused: [(&str, &dyn Fn()); 3] = [
        ("older", &|| {
            write_topology(&topology, 3, &nodes, &everything_on(0));
        }),
        ("torn", &look),
        ("slots without owner", &|| {
            let slots = ["0-100".to_owned(), "200-16383".to_owned()];
            write_topology(&topology, 9, &nodes, &slots);
        }),
    ];
    for (what, write) in refused {
        write();
        // Nothing tells that a file was refused but that it never rules: time in which it would have.
        for round in 0..30 {
            pause(Duration::from_millis(10));
            let value = format!("{what} {round}");
            assert!(
                arrives_at(&cluster, 1, &value),
                "a file that is {what} was taken"
            );
        }
    }
    write_topology(&topology, 10, &nodes, &everything_on(0));
    eventually("a good file is taken again", || {
        arrives_at(&cluster, 0, "ten")
    });
    assert!(cluster.proxy.is_alive());
}
