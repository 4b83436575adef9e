use super::super::testing::TestNode;
use crate::commands::Errand;
use crate::execute::{Stop, Wait};
use crate::node_state::{Feeding, Follower, FollowerState, Link, Place};
use crate::store::Pieces;
use shared::wait_time::Awaited;

fn errand(node: &TestNode) -> Option<Errand> {
    match node.stop {
        Stop::Errand { errand, .. } => Some(errand),
        _ => None,
    }
}

fn follow(node: &mut TestNode) {
    let place = Place {
        host: "10.0.0.1".to_owned(),
        port: 6_379,
    };
    node.node.replication.follow(place);
    let until_ms = node.node.keeps_all_until_ms();
    node.store.keep_all_until(until_ms);
}

#[test]
fn whom_to_follow_is_told_to_the_shell() {
    let mut node = TestNode::new();
    assert_eq!(node.send("REPLICAOF NO ONE"), "+OK\r\n");
    for port in ["x", "65536", "-1", ""] {
        let reply = node.run(&["REPLICAOF", "h", port]);
        assert_eq!(reply, "-ERR Invalid master port\r\n", "{port}");
    }
    node.send("SLAVEOF somewhere 7000");
    assert_eq!(errand(&node), Some(Errand::Follow));
    let wanted = node.node.replication.wanted.take().expect("a place");
    assert_eq!((wanted.host.as_str(), wanted.port), ("somewhere", 7_000));
    follow(&mut node);
    assert_eq!(
        node.send("REPLICAOF 10.0.0.1 6379"),
        "+OK Already connected to specified master\r\n"
    );
    node.send("replicaof no one");
    assert_eq!(errand(&node), Some(Errand::Lead));
}

#[test]
fn a_follower_says_what_it_is_and_refuses_writes() {
    let mut node = TestNode::new();
    assert_eq!(node.send("ROLE"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    node.send("SET a 1");
    follow(&mut node);
    let role = "*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.1\r\n:6379\r\n$7\r\nconnect\r\n:-1\r\n";
    assert_eq!(node.send("ROLE"), role);
    let refused = "-READONLY You can't write against a read only replica.\r\n";
    for line in ["SET a 2", "DEL a", "FLUSHALL", "PFADD p x"] {
        assert_eq!(node.send(line), refused, "{line}");
    }
    assert_eq!(node.send("GET a"), "$1\r\n1\r\n");
    assert!(
        node.send("WAIT 1 1")
            .starts_with("-ERR WAIT cannot be used")
    );
    let info = node.send("INFO replication");
    for line in [
        "role:slave",
        "master_host:10.0.0.1",
        "master_link_status:down",
    ] {
        assert!(info.contains(line), "{line}: {info}");
    }
    node.send("CONFIG SET replica-serve-stale-data no");
    assert!(
        node.send("GET a")
            .starts_with("-MASTERDOWN Link with MASTER")
    );
    assert_eq!(
        node.send("PING"),
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n"
    );
    let now_ms = node.now_ms;
    node.node.replication.set_link(Link::Connected, now_ms);
    assert_eq!(node.send("GET a"), "$1\r\n1\r\n");
    node.send("CONFIG SET replica-read-only no");
    assert_eq!(node.send("SET b 1"), "+OK\r\n");
}

/// A follower at 10.0.0.2:7000 that gets the log.
fn followed(node: &mut TestNode) {
    let id = node.node.clients.next_id();
    let identity = crate::client::Identity::new(id, 0);
    let session = crate::client::Session::default();
    let client = node.node.clients.enter(identity, session);
    node.node.replication.joined(Follower {
        client,
        place: Place {
            host: "10.0.0.2".to_owned(),
            port: 7_000,
        },
        life: None,
        state: FollowerState::Online,
        sent: 0,
        acknowledged: 0,
        on_disk: 0,
        heard_ms: 0,
    });
}

#[test]
fn a_failover_that_cannot_be_is_refused_as_redis_refuses_it() {
    let mut node = TestNode::new();
    let check = |node: &mut TestNode, words: &str, error: &str| {
        assert_eq!(
            node.send(format!("FAILOVER {words}").trim_end()),
            format!("-{error}\r\n"),
            "{words}"
        );
    };
    let alone = "ERR FAILOVER requires connected replicas.";
    let number = "ERR value is not an integer or out of range";
    let syntax = "ERR syntax error";
    let timeout = "ERR FAILOVER timeout must be greater than 0";
    for (words, error) in [
        ("", alone),
        ("ABORT", "ERR No failover in progress."),
        ("TO 1.1.1.1 5", alone),
        ("TIMEOUT 0", timeout),
        ("TIMEOUT -5", timeout),
        ("TIMEOUT x", number),
        ("TIMEOUT", syntax),
        ("TO a", syntax),
        ("TO a x", number),
        ("TO a -1", alone),
        ("TO a 99999999999999999999", number),
        ("TO a 1 TO b 2", syntax),
        ("TIMEOUT 5 TIMEOUT 6", syntax),
        ("FORCE", alone),
        ("FORCE FORCE", syntax),
        ("ABORT ABORT", syntax),
        ("ABORT TIMEOUT 1", syntax),
        ("TO a 1 ABORT", syntax),
        ("x", syntax),
        ("TIMEOUT 9223372036854775807", alone),
    ] {
        check(&mut node, words, error);
    }
    followed(&mut node);
    let force = "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    for (words, error) in [
        ("FORCE", force),
        ("FORCE TIMEOUT 5", force),
        ("TO 10.0.0.2 7000 FORCE", force),
        (
            "TO 10.0.0.2 7001",
            "ERR FAILOVER target HOST and PORT is not a replica.",
        ),
        (
            "TO 10.0.0.3 7000",
            "ERR FAILOVER target HOST and PORT is not a replica.",
        ),
    ] {
        check(&mut node, words, error);
    }
    follow(&mut node);
    check(
        &mut node,
        "",
        "ERR FAILOVER is not valid when server is a replica.",
    );
    let mut member = TestNode::new();
    followed(&mut member);
    member.node.member.belong("s1".parse().expect("a name"));
    let refused = member.send("FAILOVER");
    assert!(
        refused.contains("switchyard topology failover"),
        "{refused}"
    );
}

#[test]
fn writes_wait_while_the_leadership_is_handed_over() {
    let mut node = TestNode::new();
    followed(&mut node);
    assert!(
        node.send("INFO replication")
            .contains("master_failover_state:no-failover")
    );
    assert_eq!(
        node.send("FAILOVER TO 10.0.0.2 7000 TIMEOUT 100 FORCE"),
        "+OK\r\n"
    );
    assert!(
        node.send("INFO replication")
            .contains("master_failover_state:waiting-for-sync")
    );
    assert_eq!(node.send("SET a 1"), "");
    assert_eq!(node.stop, Stop::NotYet(Wait::Pause));
    assert_eq!(node.send("GET a"), "$-1\r\n");
    assert_eq!(node.send("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(node.send("SET a 1"), "", "that was no pause of a client");
    for (line, error) in [
        ("FAILOVER", "-ERR FAILOVER already in progress.\r\n"),
        (
            "REPLICAOF h 1",
            "-ERR REPLICAOF not allowed while failing over.\r\n",
        ),
        (
            "PSYNC ? -1",
            "-NOMASTERLINK Can't SYNC while failing over\r\n",
        ),
    ] {
        assert_eq!(node.send(line), error, "{line}");
    }
    node.send("FAILOVER ABORT");
    assert_eq!(errand(&node), Some(Errand::AbortFailover));
    let failover = node.node.replication.failover.clone().expect("one");
    let until_ms = Some(node.now_ms + 100);
    assert_eq!((failover.is_forced, failover.until_ms), (true, until_ms));
}

#[test]
fn only_who_follows_the_same_log_takes_over() {
    let mut node = TestNode::new();
    let id = node.node.replication.id().to_owned();
    let refused = "-ERR PSYNC FAILOVER can't be sent to a master.\r\n";
    assert_eq!(node.run(&["PSYNC", &id, "1", "FAILOVER"]), refused);
    follow(&mut node);
    let refused = "-ERR PSYNC FAILOVER replid must match my replid.\r\n";
    assert_eq!(node.send("PSYNC another 1 FAILOVER"), refused);
    node.run(&["PSYNC", &id, "1", "failover"]);
    assert_eq!(node.stop, Stop::Feed(Feeding::TakeOver(Some(0))));
}

#[test]
fn disks_are_waited_for_as_in_redis_7_2() {
    let mut node = TestNode::new();
    for (words, reply) in [
        ("x 1 1", "ERR value is not an integer or out of range"),
        (
            "2 1 1",
            "ERR value is out of range, value must between 0 and 1",
        ),
        (
            "-1 1 1",
            "ERR value is out of range, value must between 0 and 1",
        ),
        ("0 -1 1", "ERR value is out of range, must be positive"),
        ("0 x 1", "ERR value is out of range, must be positive"),
        ("0 1 x", "ERR timeout is not an integer or out of range"),
        ("0 1 -1", "ERR timeout is negative"),
        (
            "1 0 1",
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ),
    ] {
        let said = node.send(&format!("WAITAOF {words}"));
        assert_eq!(said, format!("-{reply}\r\n"), "{words}");
    }
    let awaited = |followers, on_disk, timeout_ms| {
        Some(Errand::WaitForFollowers(Awaited {
            followers,
            on_disk,
            timeout_ms,
        }))
    };
    node.send("WAITAOF 0 3 7");
    assert_eq!(errand(&node), awaited(3, Some(false), 7));
    node.node.settings.hot.append_only = true;
    node.send("WAITAOF 1 0 0");
    assert_eq!(errand(&node), awaited(0, Some(true), 0));
    node.send("WAIT -1 5");
    assert_eq!(errand(&node), awaited(0, None, 5));
    follow(&mut node);
    let refused = "-ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.\r\n";
    assert_eq!(node.send("WAITAOF 1 0 0"), refused);
}

#[test]
fn keys_of_a_follower_end_for_readers_and_stay_for_the_leader() {
    let mut node = TestNode::new();
    node.send("SET a 1 PX 10");
    follow(&mut node);
    node.advance_ms(11);
    assert_eq!(node.send("GET a"), "$-1\r\n");
    assert_eq!(
        node.send("DBSIZE"),
        ":1\r\n",
        "its leader says when it goes"
    );
}

#[test]
fn a_follower_gets_what_it_lacks() {
    let mut node = TestNode::new();
    node.node.replication.keep_backlog();
    let bytes = Pieces::from(b"0123456789".to_vec());
    node.node.replication.append(&bytes);
    let id = node.node.replication.id().to_owned();
    let mut ask = |id: &str, offset: &str| {
        node.run(&["PSYNC", id, offset]);
        match node.stop {
            Stop::Feed(feeding) => Some(feeding),
            _ => None,
        }
    };
    assert_eq!(ask("?", "-1"), Some(Feeding::Full));
    assert_eq!(ask(&id, "4"), Some(Feeding::Continue(3)));
    assert_eq!(ask(&id, "11"), Some(Feeding::Continue(10)));
    assert_eq!(ask(&id, "12"), Some(Feeding::Full));
    assert_eq!(ask("another", "4"), Some(Feeding::Full));
    assert_eq!(ask(&id, "zork"), None);
    assert_eq!(node.node.stats.partial_syncs, 2);
    follow(&mut node);
    let refused = "-NOMASTERLINK Can't SYNC while not connected with my master\r\n";
    assert_eq!(node.send("PSYNC ? -1"), refused);
}

#[test]
fn what_a_follower_says_of_itself_is_remembered() {
    let mut node = TestNode::new();
    let mut check = |line: &str, reply: &str| assert_eq!(node.send(line), reply, "{line}");
    check("REPLCONF listening-port 7001 ip-address h", "+OK\r\n");
    check("REPLCONF capa eof capa psync2", "+OK\r\n");
    check("REPLCONF version 7.2.4", "+OK\r\n");
    check("REPLCONF ACK 5", "");
    check("REPLCONF capa", "-ERR syntax error\r\n");
    check(
        "REPLCONF zork 1",
        "-ERR Unrecognized REPLCONF option: zork\r\n",
    );
    assert_eq!(node.session.listening_port, 7_001);
    assert_eq!(node.session.announced_host, "h");
}

#[test]
fn too_few_followers_refuse_writes_where_that_is_wanted() {
    let mut node = TestNode::new();
    node.send("CONFIG SET min-replicas-to-write 1");
    assert_eq!(
        node.send("SET a 1"),
        "-NOREPLICAS Not enough good replicas to write.\r\n"
    );
    assert_eq!(node.send("GET a"), "$-1\r\n");
    node.send("CONFIG SET min-replicas-to-write 0");
    assert_eq!(node.send("SET a 1"), "+OK\r\n");
}
