//! Subscriptions of one thread against shards that the test plays: what each is told, in which order, and what is left when all have gone.
//! Never: a socket.

use super::relay::Target;
use super::{Channels, Key};
use crate::pipe::set::Fence;
use crate::slab::Slab;
use crate::topology::Snapshot;
use crate::topology::testing::topology_of;
use shared::pubsub::Topic;
use shared::topology::{Address, NodeId};

fn target(node: usize, is_plain: bool) -> Target {
    Target {
        node: NodeId::numbered(node),
        address: Address::loopback(1000),
        fence: Fence::Unfenced,
        is_plain,
    }
}

/// Two shards, and clients that come and go.
struct Bench {
    channels: Channels,
    snapshot: Snapshot,
    clients: Slab<()>,
}

impl Bench {
    fn new() -> Self {
        let mut channels = Channels::new(1);
        channels.follow(vec![target(1, false), target(2, false)]);
        Self {
            channels,
            snapshot: topology_of(&["a", "b"]),
            clients: Slab::new(),
        }
    }

    fn open(&mut self, shard: usize) {
        let relay = self.channels.relay(shard).expect("a shard");
        relay.begin();
        relay.opened(0);
    }

    fn subscribe(&mut self, client: Key, topic: Topic, name: &str) -> bool {
        let subscribed = self.channels.subscribe(client, topic, name.as_bytes());
        subscribed.expect("within bounds")
    }

    /// What a shard is told next.
    fn said(&mut self, shard: usize) -> String {
        let mut out = Vec::new();
        let snapshot = &self.snapshot;
        let is_any = self.channels.next_words(shard, snapshot, 0, &mut out);
        assert_eq!(is_any, !out.is_empty());
        let words = String::from_utf8(out).expect("text");
        let is_word = |word: &&str| !word.starts_with(['*', '$']);
        let words: Vec<&str> = words.split("\r\n").filter(is_word).collect();
        words.join(" ").trim_end().to_owned()
    }

    fn answer(&mut self, shard: usize) {
        self.channels.relay(shard).expect("a shard").answered(0);
    }
}

#[test]
fn a_name_is_told_once_and_for_how_many_it_is() {
    let mut bench = Bench::new();
    let clients = [(); 3].map(|()| bench.clients.insert(()));
    bench.open(0);
    assert_eq!(bench.said(0), "PING");
    assert_eq!(bench.said(0), "");
    assert!(bench.subscribe(clients[0], Topic::Channel, "a"));
    assert!(!bench.subscribe(clients[0], Topic::Channel, "a"));
    assert_eq!(bench.said(0), "SUBSCRIBE a PING");
    bench.subscribe(clients[1], Topic::Channel, "a");
    bench.subscribe(clients[2], Topic::Channel, "a");
    bench.subscribe(clients[2], Topic::Pattern, "a*");
    assert_eq!(
        bench.said(0),
        "NODE LISTENERS CHANNEL a 3 PSUBSCRIBE a* PING"
    );
    assert!(bench.channels.unsubscribe(clients[0], Topic::Channel, b"a"));
    assert!(!bench.channels.unsubscribe(clients[0], Topic::Channel, b"a"));
    bench.channels.leave(clients[2]);
    assert_eq!(
        bench.said(0),
        "NODE LISTENERS CHANNEL a 1 PUNSUBSCRIBE a* PING"
    );
    let late = bench.clients.insert(());
    bench.subscribe(late, Topic::Channel, "a");
    bench.channels.leave(clients[1]);
    bench.channels.leave(late);
    assert_eq!(bench.said(0), "UNSUBSCRIBE a PING");
    assert!(!bench.channels.are_wanted() && bench.channels.name_bytes == 0);
}

#[test]
fn a_shard_channel_is_told_to_its_shard_and_a_plain_server_no_count() {
    let mut bench = Bench::new();
    let snapshot = topology_of(&["a", "b"]);
    bench
        .channels
        .follow(vec![target(1, false), target(3, true)]);
    let (one, other) = (bench.clients.insert(()), bench.clients.insert(()));
    for shard in [0, 1] {
        bench.open(shard);
        bench.said(shard);
    }
    bench.snapshot = snapshot;
    for client in [one, other] {
        // The second shard's slot.
        bench.subscribe(client, Topic::ShardChannel, "foo");
    }
    assert_eq!(bench.said(0), "PING");
    assert_eq!(bench.said(1), "SSUBSCRIBE foo PING");
}

#[test]
fn who_subscribes_waits_for_every_shard_that_can_be_reached() {
    let mut bench = Bench::new();
    let client = bench.clients.insert(());
    bench.open(0);
    bench.said(0);
    bench.answer(0);
    let second = bench.channels.relay(1).expect("a shard");
    second.begin();
    bench.subscribe(client, Topic::Channel, "a");
    bench.channels.wait(client);
    assert!(bench.channels.is_pending(client, Topic::Channel, b"a"));
    assert_eq!(bench.channels.take_confirmed(), []);
    bench.said(0);
    bench.answer(0);
    assert_eq!(bench.channels.take_confirmed(), [], "the other one opens");
    bench.channels.relay(1).expect("a shard").not_opened();
    assert_eq!(bench.channels.take_confirmed(), [client]);
    bench.channels.confirm(client);
    assert!(!bench.channels.is_pending(client, Topic::Channel, b"a"));
    assert_eq!(bench.channels.take_confirmed(), [], "once");
}

#[test]
fn over_a_new_connection_all_is_told_anew_some_at_a_time() {
    let mut bench = Bench::new();
    let client = bench.clients.insert(());
    bench.open(0);
    for number in 0..1_200 {
        bench.subscribe(client, Topic::Channel, &number.to_string());
    }
    bench.subscribe(client, Topic::Pattern, "p");
    bench.channels.wait(client);
    let mut told = 0;
    let mut batches = 0;
    loop {
        let said = bench.said(0);
        if said.is_empty() {
            break;
        }
        assert_eq!(bench.channels.take_confirmed(), [], "not all is told");
        told += said.matches("SUBSCRIBE").count();
        batches += 1;
    }
    assert!(
        (1_201, 3) == (told, batches) || batches > 3,
        "{told} {batches}"
    );
    for _ in 0..batches {
        assert_eq!(bench.channels.take_confirmed(), []);
        bench.answer(0);
    }
    assert_eq!(bench.channels.take_confirmed(), [client]);
    // Another primary: the connection is given up, and the next one is told all.
    bench
        .channels
        .follow(vec![target(9, false), target(2, false)]);
    let relay = bench.channels.relay(0).expect("a shard");
    assert!(relay.is_doomed());
    relay.lost();
    assert!(relay.opened(0), "there was one before");
    assert!(bench.said(0).starts_with("SUBSCRIBE 0 SUBSCRIBE 1 "));
}

#[test]
fn more_changes_than_are_kept_are_found_by_looking_through_all_names() {
    let mut bench = Bench::new();
    let client = bench.clients.insert(());
    bench.open(0);
    bench.said(0);
    bench.subscribe(client, Topic::Channel, "goes");
    for number in 0..2_000 {
        bench.subscribe(client, Topic::Channel, &format!("stays{number}"));
    }
    while !bench.said(0).is_empty() {}
    bench.channels.unsubscribe(client, Topic::Channel, b"goes");
    for number in 0..70_000 {
        let name = number.to_string();
        bench.subscribe(client, Topic::Channel, &name);
        bench
            .channels
            .unsubscribe(client, Topic::Channel, name.as_bytes());
    }
    // What was said is more than one batch, and is looked through as well.
    let mut said = String::new();
    loop {
        let next = bench.said(0);
        if next.is_empty() {
            break;
        }
        said += &next.replace("PING", "");
    }
    assert_eq!(said.trim(), "UNSUBSCRIBE goes");
}
