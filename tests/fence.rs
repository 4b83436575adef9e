//! Nodes as members of a shard, ordered about by the test as proxies would: what was acknowledged by all that are in sync is there whoever dies, and a node that leads
//! no more acknowledges nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::snapshots::start_keeper;
use crate::support::dice::Dice;
use crate::support::eventually::{Stopwatch, eventually_within, pause};
use crate::support::servers::{Server, start_node};
use crate::support::{Client, Reply, encode};

/// Seconds for a copy on a busy machine.
const A_WHILE: Duration = Duration::from_secs(30);
/// So long nothing comes that must not come.
const NEVER: Duration = Duration::from_millis(300);

/// A shard of two nodes, and what its proxies would know.
struct Shard {
    nodes: Vec<Server>,
    epoch: u64,
    rev: u64,
}

/// What a node says of itself.
pub(crate) type Status = BTreeMap<String, String>;

pub(crate) fn read_status(reply: &Reply) -> Status {
    let elements = match reply {
        Reply::Array(elements) => elements,
        other => panic!("a status: {other:?}"),
    };
    let pairs = elements.chunks(2);
    pairs.map(|pair| (pair[0].text(), pair[1].text())).collect()
}

/// As soon as it says so: not while it reads its data.
fn status(node: &Server) -> Status {
    let mut client = node.connect();
    let mut reply = Reply::Null;
    eventually_within(A_WHILE, "it has read its data", || {
        reply = client.call(&["NODE", "STATUS"]);
        !reply
            .error_text()
            .is_some_and(|text| text.starts_with("LOADING "))
    });
    read_status(&reply)
}

impl Shard {
    fn new(nodes: Vec<Server>) -> Self {
        Self {
            nodes,
            epoch: 0,
            rev: 0,
        }
    }

    fn name(&self, node: usize) -> String {
        format!("n{node}@{}", status(&self.nodes[node])["life"])
    }

    /// Gives an order by the present document, and says what was answered.
    fn try_order(&self, node: usize, what: &str, further: &[&str]) -> Reply {
        let (epoch, rev) = (self.epoch.to_string(), self.rev.to_string());
        let me = self.name(node);
        let mut words = vec!["NODE", what, "s1", &epoch, &rev, &me];
        words.extend(further);
        self.nodes[node].connect().call(&words)
    }

    fn order(&self, node: usize, what: &str, further: &[&str]) -> Status {
        let reply = self.try_order(node, what, further);
        assert!(reply.error_text().is_none(), "{what}: {reply:?}");
        read_status(&reply)
    }

    /// `node` leads from now on, and waits for these.
    fn promote(&mut self, node: usize, in_sync: &[usize]) {
        self.epoch += 1;
        self.rev += 1;
        let names: Vec<String> = in_sync.iter().map(|node| self.name(*node)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.order(node, "PROMOTE", &names);
    }

    fn follow(&self, node: usize, leader: usize, may_wipe: bool) {
        let name = self.name(leader);
        let address = self.nodes[leader].address;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut words = vec![name.as_str(), &host, &port];
        if may_wipe {
            words.push("MAY-WIPE");
        }
        self.order(node, "FOLLOW", &words);
    }

    /// The follower has all, and the leader waits for it from now on: what proxies do when one grows into the in-sync set.
    fn grow(&mut self, leader: usize, follower: usize) {
        eventually_within(A_WHILE, "the follower has begun", || {
            let others = &status(&self.nodes[leader])["others"];
            let follower = status(&self.nodes[follower]);
            let has_begun = follower["needs-sync"] == "no" && follower["syncing"] == "no";
            has_begun && others.contains(&follower["life"])
        });
        let name = self.name(follower);
        self.order(leader, "JOIN", &[&name]);
        eventually_within(A_WHILE, "it has joined", || {
            status(&self.nodes[leader])["joined"].contains(&name)
        });
        self.rev += 1;
        let leader_name = self.name(leader);
        self.order(leader, "INSYNC", &[&leader_name, &name]);
    }

    /// A pipe as a proxy opens it; `in-sync` if its writes wait for followers.
    fn pipe(&self, node: usize, in_sync: bool) -> Client {
        let words: &[&str] = if in_sync { &["IN-SYNC"] } else { &[] };
        self.fenced(node, words)
    }

    fn fenced(&self, node: usize, further: &[&str]) -> Client {
        let mut client = self.nodes[node].connect();
        let (epoch, rev) = (self.epoch.to_string(), self.rev.to_string());
        let me = self.name(node);
        let mut words = vec!["NODE", "FENCE", "s1", &epoch, &rev, &me];
        words.extend(further);
        assert_eq!(client.call(&words), Reply::ok());
        client
    }
}

/// Two nodes, of which the first leads and the second has all.
fn two(nodes: Vec<Server>) -> Shard {
    let mut shard = Shard::new(nodes);
    shard.promote(0, &[0]);
    shard.follow(1, 0, true);
    shard.grow(0, 1);
    shard
}

#[test]
fn a_write_is_acknowledged_when_all_in_sync_have_it() {
    let shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut pipe = shard.pipe(0, true);
    assert_eq!(pipe.call(&["SET", "k", "1"]), Reply::ok());
    let mut other = shard.nodes[1].connect();
    assert_eq!(other.call(&["GET", "k"]), Reply::bulk("1"));
    shard.nodes[1].freeze();
    pipe.set_read_deadline(NEVER);
    pipe.send(&encode(&["SET", "k", "2"])).expect("sent");
    assert!(pipe.receive().is_err(), "nobody else has it");
    // Who does not want that waits for nobody.
    let mut quick = shard.pipe(0, false);
    assert_eq!(quick.call(&["SET", "j", "1"]), Reply::ok());
    shard.nodes[1].thaw();
    pipe.set_read_deadline(A_WHILE);
    assert_eq!(pipe.receive().expect("a reply"), Reply::ok());
    let many: Vec<Vec<Vec<u8>>> = (0..1_000)
        .map(|number| {
            let words = ["SET".to_owned(), format!("k{number}"), "v".to_owned()];
            words.map(String::into_bytes).to_vec()
        })
        .collect();
    assert!(
        pipe.pipeline(&many)
            .iter()
            .all(|reply| *reply == Reply::ok())
    );
    assert_eq!(other.call(&["DBSIZE"]), Reply::Integer(1_002));
}

#[test]
fn a_read_waits_for_the_last_write_to_its_slot_and_for_no_other() {
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut writer = shard.pipe(0, true);
    for key in ["{a}1", "{b}1"] {
        assert_eq!(writer.call(&["SET", key, "0"]), Reply::ok());
    }
    shard.nodes[1].freeze();
    let set = [encode(&["GET", "{b}1"]), encode(&["SET", "{a}1", "1"])];
    writer.send(&set.concat()).expect("sent");
    assert_eq!(
        writer.receive().expect("a reply"),
        Reply::bulk("0"),
        "what stands before a write does not wait for it"
    );
    let mut reader = shard.pipe(0, true);
    let others: [(&[&str], Reply); 4] = [
        (&["GET", "{b}1"], Reply::bulk("0")),
        (&["GET", "{b}2"], Reply::NullBulk),
        (
            &["MGET", "{b}1", "{c}1"],
            Reply::Array(vec![Reply::bulk("0"), Reply::NullBulk]),
        ),
        (&["SETNX", "{b}1", "1"], Reply::Integer(0)),
    ];
    for (words, reply) in others {
        assert_eq!(reader.call(words), reply, "{words:?}");
    }
    let mut waiting = Vec::new();
    let same: [&[&str]; 5] = [
        &["GET", "{a}1"],
        &["EXISTS", "{a}2"],
        &["MGET", "{b}1", "{a}1"],
        &["LLEN", "{a}1"],
        &["DBSIZE"],
    ];
    for words in same {
        let mut reader = shard.pipe(0, true);
        reader.set_read_deadline(NEVER);
        reader.send(&encode(words)).expect("sent");
        waiting.push((reader, words));
    }
    for (reader, words) in &mut waiting {
        assert!(reader.receive().is_err(), "{words:?}: nobody else has it");
    }
    // A pipe that asks for nothing of the kind is told what is here.
    let mut other = shard.pipe(0, false);
    assert_eq!(other.call(&["GET", "{a}1"]), Reply::bulk("1"));
    shard.nodes[1].thaw();
    writer.set_read_deadline(A_WHILE);
    assert_eq!(writer.receive().expect("a reply"), Reply::ok());
    for (reader, words) in &mut waiting {
        reader.set_read_deadline(A_WHILE);
        assert!(reader.receive().is_ok(), "{words:?}");
    }
    // Who leads anew knows of no slot when it was written last: nothing is told before all is on everybody.
    let (me, other) = (shard.name(0), shard.name(1));
    shard.nodes[1].freeze();
    shard.epoch += 1;
    shard.rev += 1;
    shard.order(0, "PROMOTE", &[&me, &other]);
    let mut reader = shard.pipe(0, true);
    reader.set_read_deadline(NEVER);
    reader.send(&encode(&["GET", "{b}1"])).expect("sent");
    assert!(
        reader.receive().is_err(),
        "it is not known what others have"
    );
}

/// A pipe whose reads are told only when all in sync have confirmed that they follow.
const LINEARIZABLE: [&str; 4] = ["ACKS", "IN-SYNC", "READS", "LINEARIZABLE"];

#[test]
fn a_linearizable_read_waits_until_all_in_sync_say_that_they_follow() {
    let shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut pipe = shard.fenced(0, &LINEARIZABLE);
    assert_eq!(pipe.call(&["SET", "k", "1"]), Reply::ok());
    for _ in 0..100 {
        assert_eq!(pipe.call(&["GET", "k"]), Reply::bulk("1"));
    }
    let many: Vec<Vec<Vec<u8>>> = (0..1_000)
        .map(|_| [b"GET".to_vec(), b"k".to_vec()].to_vec())
        .collect();
    let replies = pipe.pipeline(&many);
    assert!(replies.iter().all(|reply| *reply == Reply::bulk("1")));
    shard.nodes[1].freeze();
    let mut waiting = Vec::new();
    for words in [&["GET", "k"][..], &["GET", "other"], &["DBSIZE"], &["PING"]] {
        let mut pipe = shard.fenced(0, &LINEARIZABLE);
        pipe.set_read_deadline(NEVER);
        pipe.send(&encode(words)).expect("sent");
        waiting.push((pipe, words));
    }
    for (pipe, words) in &mut waiting {
        assert!(pipe.receive().is_err(), "{words:?}");
    }
    let mut other = shard.pipe(0, true);
    assert_eq!(other.call(&["GET", "k"]), Reply::bulk("1"), "all have it");
    shard.nodes[1].thaw();
    for (pipe, words) in &mut waiting {
        pipe.set_read_deadline(A_WHILE);
        assert!(pipe.receive().is_ok(), "{words:?}");
    }
}

#[test]
fn a_linearizable_read_of_a_node_without_followers_waits_for_nobody() {
    let mut shard = Shard::new(vec![start_node(&[])]);
    shard.promote(0, &[0]);
    let mut pipe = shard.fenced(0, &LINEARIZABLE);
    assert_eq!(pipe.call(&["SET", "k", "1"]), Reply::ok());
    assert_eq!(pipe.call(&["GET", "k"]), Reply::bulk("1"));
}

#[test]
fn a_primary_that_was_replaced_tells_no_linearizable_reader_anything() {
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut reader = shard.fenced(0, &LINEARIZABLE);
    assert_eq!(reader.call(&["SET", "k", "old"]), Reply::ok());
    let mut weaker = shard.pipe(0, true);
    // The first hears nothing of what happens to it.
    shard.nodes[0].freeze();
    shard.promote(1, &[1]);
    assert_eq!(shard.pipe(1, true).call(&["SET", "k", "new"]), Reply::ok());
    shard.nodes[0].thaw();
    assert_eq!(
        weaker.call(&["GET", "k"]),
        Reply::bulk("old"),
        "it believes that it leads, and all who were in sync had this"
    );
    reader.set_read_deadline(NEVER);
    reader.send(&encode(&["GET", "k"])).expect("sent");
    assert!(reader.receive().is_err(), "nobody confirms that it leads");
}

#[test]
fn orders_of_another_life_or_an_older_document_change_nothing() {
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let stranger = "n0@00000000000000aa".to_owned();
    let (epoch, rev) = (shard.epoch.to_string(), shard.rev.to_string());
    let mut client = shard.nodes[0].connect();
    let refused = client.call(&["NODE", "FENCE", "s1", &epoch, &rev, &stranger]);
    let text = refused.error_text().expect("refused");
    assert!(text.starts_with("STALEINCARNATION "), "{text}");
    let mut pipe = shard.pipe(0, true);
    shard.promote(1, &[1]);
    // The former leader does not know yet; a pipe of the new epoch tells it.
    let old = shard.try_order(0, "FENCE", &[]);
    assert_eq!(old, Reply::ok());
    let text = pipe.call(&["SET", "k", "v"]).error_text();
    assert!(text.expect("refused").starts_with("STALEEPOCH 2 "));
    let mut direct = shard.nodes[0].connect();
    let text = direct.call(&["SET", "k", "v"]).error_text();
    assert!(text.expect("refused").starts_with("STALEEPOCH 2 "));
    shard.epoch = 1;
    let text = shard.try_order(1, "FENCE", &[]).error_text();
    assert!(text.expect("refused").starts_with("STALEEPOCH 2 "));
    let name = shard.name(0);
    let text = shard.try_order(0, "PROMOTE", &[&name]).error_text();
    assert!(text.expect("refused").starts_with("STALEEPOCH 2 "));
}

#[test]
fn a_node_that_was_asleep_while_another_was_promoted_acknowledges_nothing_more() {
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut pipe = shard.pipe(0, true);
    assert_eq!(pipe.call(&["SET", "k", "1"]), Reply::ok());
    shard.nodes[0].freeze();
    pipe.send(&encode(&["SET", "k", "lost"])).expect("sent");
    let epoch = shard.epoch;
    shard.promote(1, &[1]);
    let mut next = shard.pipe(1, true);
    assert_eq!(next.call(&["SET", "k", "2"]), Reply::ok());
    shard.nodes[0].thaw();
    pipe.set_read_deadline(NEVER);
    let reply = pipe.receive();
    assert!(reply.is_err(), "acknowledged at epoch {epoch}: {reply:?}");
    // It comes back as a follower, without what it had too much.
    shard.follow(0, 1, true);
    shard.grow(1, 0);
    assert_eq!(next.call(&["SET", "j", "3"]), Reply::ok());
    let mut old = shard.nodes[0].connect();
    assert_eq!(old.call(&["GET", "k"]), Reply::bulk("2"));
    assert_eq!(old.call(&["GET", "j"]), Reply::bulk("3"));
}

#[test]
fn a_leader_that_comes_back_empty_does_not_wipe_its_follower() {
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut pipe = shard.pipe(0, true);
    for number in 0..100 {
        pipe.call(&["SET", &format!("k{number}"), "v"]);
    }
    shard.nodes[0].kill();
    shard.nodes[0].restart();
    let mut follower = shard.nodes[1].connect();
    let begin = Stopwatch::start();
    while begin.elapsed() < Duration::from_secs(2) {
        assert_eq!(follower.call(&["DBSIZE"]), Reply::Integer(100));
    }
    shard.promote(1, &[1]);
    let mut pipe = shard.pipe(1, true);
    assert_eq!(pipe.call(&["GET", "k7"]), Reply::bulk("v"));
    // Without permission it would keep what it has; it has nothing.
    shard.follow(0, 1, true);
    shard.grow(1, 0);
    assert_eq!(
        shard.nodes[0].connect().call(&["DBSIZE"]),
        Reply::Integer(100)
    );
}

#[test]
fn a_copy_is_thrown_away_with_permission_only() {
    let mut shard = Shard::new(vec![start_node(&[]), start_node(&[])]);
    for node in 0..2 {
        let mut client = shard.nodes[node].connect();
        client.call(&["SET", "own", &node.to_string()]);
    }
    shard.promote(0, &[0]);
    shard.follow(1, 0, false);
    eventually_within(A_WHILE, "it says that it cannot", || {
        status(&shard.nodes[1])["needs-sync"] == "yes"
    });
    let mut other = shard.nodes[1].connect();
    assert_eq!(other.call(&["GET", "own"]), Reply::bulk("1"));
    let before = shard.name(1);
    shard.rev += 1;
    let name = shard.name(0);
    shard.order(0, "INSYNC", &[&name]);
    shard.follow(1, 0, true);
    shard.grow(0, 1);
    assert_eq!(other.call(&["GET", "own"]), Reply::bulk("0"));
    assert_ne!(shard.name(1), before, "a new life");
}

#[test]
fn a_node_with_the_data_of_a_shard_serves_nobody_before_it_is_told_what_it_is() {
    let further = [
        "--save",
        "",
        "--appendonly",
        "true",
        "--appendfsync",
        "always",
    ];
    let mut shard = two(vec![start_keeper(&further), start_keeper(&further)]);
    let mut pipe = shard.pipe(0, true);
    for number in 0..100 {
        let reply = pipe.call(&["SET", &format!("k{number}"), "v"]);
        assert_eq!(reply, Reply::ok());
    }
    let before: Vec<Status> = shard.nodes.iter().map(status).collect();
    for node in &mut shard.nodes {
        node.kill();
        node.restart();
    }
    for (node, before) in shard.nodes.iter().zip(&before) {
        let mut client = node.connect();
        // What a leader says to its followers by itself was promised to nobody, and may not have been on disk.
        let said = encode(&["PING"]).len() as u64;
        eventually_within(A_WHILE, "it has its data", || {
            let offset = |status: &Status| status["offset"].parse::<u64>().expect("a number");
            let (now, before) = (offset(&status(node)), offset(before));
            now == before || now + said == before
        });
        assert_eq!(status(node)["last-epoch"], before["last-epoch"]);
        assert_ne!(status(node)["life"], before["life"]);
        let text = client.call(&["GET", "k1"]).error_text();
        assert!(text.expect("refused").starts_with("STALEEPOCH 0 0 "));
        let text = client.call(&["REPLICAOF", "127.0.0.1", "1"]).error_text();
        assert!(text.expect("refused").contains("belongs to shard s1"));
    }
    // All are back: the one with most leads, the other goes on from where it is.
    shard.promote(0, &[0]);
    shard.follow(1, 0, false);
    shard.grow(0, 1);
    let mut pipe = shard.pipe(0, true);
    assert_eq!(pipe.call(&["DBSIZE"]), Reply::Integer(100));
    assert_eq!(pipe.call(&["SET", "more", "1"]), Reply::ok());
    assert_eq!(status(&shard.nodes[0])["last-epoch"], "2");
    let mut client = shard.nodes[0].connect();
    assert_eq!(
        crate::replication::told(&mut client, "stats", "sync_full"),
        "0"
    );
}

#[test]
fn a_primary_that_is_held_ends_what_it_has_begun_and_begins_nothing() {
    let shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut pipe = shard.pipe(0, true);
    assert_eq!(pipe.call(&["SET", "k", "1"]), Reply::ok());
    let held = shard.order(0, "HOLD", &["300"]);
    assert_eq!(held["held"], shard.rev.to_string());
    let text = pipe.call(&["SET", "k", "2"]).error_text();
    assert!(text.expect("refused").starts_with("STALEEPOCH "));
    eventually_within(A_WHILE, "it goes on by itself", || {
        shard.pipe(0, true).call(&["SET", "k", "3"]) == Reply::ok()
    });
    // What was refused comes again over another pipe; what stood behind it here must not have been before it.
    let text = pipe.call(&["SET", "k", "4"]).error_text();
    assert!(text.expect("refused, too").starts_with("STALEEPOCH "));
    assert_eq!(shard.pipe(0, true).call(&["GET", "k"]), Reply::bulk("3"));
}

/// The leader dies, or sleeps, again and again while a client writes.
#[test]
fn a_pipe_whose_replies_wait_for_nobody_outlives_the_role_and_is_refused() {
    let mut shard = two((0..2).map(|_| start_node(&[])).collect());
    let mut pipe = shard.pipe(0, true);
    assert_eq!(pipe.call_words("SET k 1"), Reply::ok());
    // The other leads: what is read afterwards was carried out by nobody, and whoever sent it hears that.
    shard.order(0, "HOLD", &["200"]);
    shard.promote(1, &[0, 1]);
    shard.follow(0, 1, false);
    for words in ["SET k 2", "GET k"] {
        let refused = pipe.call_words(words).error_text().expect("an error");
        assert!(refused.starts_with("STALEEPOCH "), "{words}: {refused}");
    }

    // A reply that waits is not told any more: it ends with its pipe.
    let mut pipe = shard.pipe(1, true);
    shard.nodes[0].freeze();
    pipe.send(&encode(&["SET", "k", "3"])).expect("sent");
    pause(NEVER);
    shard.epoch += 1;
    shard.rev += 1;
    assert_eq!(shard.try_order(1, "FENCE", &[]), Reply::ok());
    assert!(pipe.is_closed_by_server());
    shard.nodes[0].thaw();
}

#[test]
fn nothing_acknowledged_is_lost_whoever_dies() {
    let seed = Dice::seed_from_environment();
    let mut dice = Dice::new(seed);
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut acknowledged = 0_u64;
    let mut sent = 0_u64;
    for round in 0..12 {
        let (leader, follower) = (round % 2, (round + 1) % 2);
        let mut pipe = shard.pipe(leader, true);
        let reply = pipe.call(&["GET", "counter"]);
        let have: u64 = match reply.is_null() {
            true => 0,
            false => reply.text().parse().expect("a count"),
        };
        assert!(
            (acknowledged..=sent).contains(&have),
            "{have}, {acknowledged} of {sent} were acknowledged; seed {seed}"
        );
        sent = have;
        for _ in 0..10 + dice.below(200) {
            sent += 1;
            let reply = pipe.call(&["INCR", "counter"]);
            acknowledged = u64::try_from(reply.integer()).expect("a count");
            assert_eq!(acknowledged, sent);
        }
        // One that is under way.
        pipe.send(&encode(&["INCR", "counter"])).expect("sent");
        sent += 1;
        let sleeps = dice.percent(50);
        match sleeps {
            true => shard.nodes[leader].freeze(),
            false => shard.nodes[leader].kill(),
        }
        shard.promote(follower, &[follower]);
        match sleeps {
            true => shard.nodes[leader].thaw(),
            false => shard.nodes[leader].restart(),
        }
        shard.follow(leader, follower, true);
        shard.grow(follower, leader);
    }
}

/// Keys end when who leads says so: a member that leads no more leaves its keys, and its log, as they are.
#[test]
fn a_member_without_a_role_changes_nothing_by_itself() {
    let mut shard = two(vec![start_node(&[]), start_node(&[])]);
    let mut pipe = shard.pipe(0, true);
    for number in 0..200 {
        pipe.call(&["SET", &format!("k{number}"), "v", "PX", "200"]);
    }
    shard.epoch += 1;
    assert_eq!(shard.try_order(0, "FENCE", &[]), Reply::ok());
    let before = status(&shard.nodes[0]);
    let mut client = shard.nodes[0].connect();
    client.call(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    client.call(&["CONFIG", "SET", "maxmemory", "1"]);
    pause(Duration::from_millis(600));
    assert_eq!(status(&shard.nodes[0])["offset"], before["offset"]);
}

#[test]
fn a_node_that_reads_its_data_takes_no_orders_and_does_not_say_what_it_has() {
    let further = ["--save", "", "--appendonly", "true"];
    let mut shard = two(vec![start_keeper(&further), start_keeper(&further)]);
    let mut pipe = shard.pipe(0, true);
    let many: Vec<Vec<Vec<u8>>> = (0..100_000)
        .map(|number| {
            let words = ["SET".to_owned(), format!("k{number}"), "v".to_owned()];
            words.map(String::into_bytes).to_vec()
        })
        .collect();
    for chunk in many.chunks(1_000) {
        assert!(
            pipe.pipeline(chunk)
                .iter()
                .all(|reply| *reply == Reply::ok())
        );
    }
    let before = status(&shard.nodes[0]);
    shard.nodes[0].kill();
    shard.nodes[0].restart();
    let mut client = shard.nodes[0].connect();
    eventually_within(A_WHILE, "it says what it has", || {
        let reply = client.call(&["NODE", "STATUS"]);
        match reply.error_text() {
            Some(text) => assert!(text.starts_with("LOADING "), "{text}"),
            // Nothing but all of it.
            None => assert_eq!(read_status(&reply)["offset"], before["offset"]),
        }
        reply.error_text().is_none()
    });
}
