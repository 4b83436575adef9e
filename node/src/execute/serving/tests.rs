use crate::client::Peer;
use crate::commands::testing::TestNode;
use crate::commands::{Release, release};
use crate::execute::Stop;
use crate::node_state::Hold;
use crate::store::DbIndex;
use shared::resp::Protocol;
use std::rc::Rc;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const WITHOUT_STREAM: &str = "-UNBLOCKED the stream key no longer exists";
const WITHOUT_GROUP: &str =
    "-NOGROUP the consumer group this client was blocked on no longer exists";

/// Sends `script` with blanks between commands that `;` divides, and returns what the clients that `wait` are told, by the order in which they came.
#[track_caller]
fn served(before: &[&str], wait: &[&str], script: &str) -> Vec<(usize, String)> {
    let mut node = TestNode::new();
    for line in before {
        let reply = node.send(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
    let clients: Vec<u64> = wait.iter().map(|line| node.block(line).id()).collect();
    for line in script.split("; ") {
        node.send(line);
    }
    let answers = node.answers().into_iter().map(|(client, reply)| {
        let place = clients.iter().position(|known| *known == client);
        (place.unwrap(), reply)
    });
    let answers = answers.collect();
    for client in clients {
        let client = node.node.clients.key_of(client).unwrap();
        release(&mut node.store, &mut node.node, client, Release::TimeIsOver);
    }
    node.answers();
    node.send("PING");
    assert!(node.node.blocked.is_empty(), "nobody leaves a trace");
    answers
}

#[track_caller]
fn check(before: &[&str], wait: &[&str], script: &str, expected: &[(usize, &str)]) {
    let answers = served(before, wait, script);
    let answers: Vec<(usize, &str)> = answers
        .iter()
        .map(|(who, reply)| (*who, reply.as_str()))
        .collect();
    assert_eq!(answers, expected, "{wait:?} {script}");
}

#[test]
fn who_came_first_is_served_first_and_as_many_as_there_are_elements() {
    let three = ["BLPOP a 0", "BLPOP b a 0", "BRPOP a 0"];
    check(
        &[],
        &three,
        "RPUSH a 1 2",
        &[(0, "*2 $1 a $1 1"), (1, "*2 $1 a $1 2")],
    );
    check(
        &[],
        &three,
        "RPUSH a 1; RPUSH b 2; RPUSH a 3",
        &[
            (0, "*2 $1 a $1 1"),
            (1, "*2 $1 b $1 2"),
            (2, "*2 $1 a $1 3"),
        ],
    );
    check(
        &[],
        &["BLMPOP 0 2 x a LEFT COUNT 2", "BLMPOP 0 1 a RIGHT"],
        "RPUSH a 1 2 3 4",
        &[(0, "*2 $1 a *2 $1 1 $1 2"), (1, "*2 $1 a *1 $1 4")],
    );
    check(
        &[],
        &["BZPOPMIN z 0", "BZPOPMAX y z 0", "BZMPOP 0 1 z MAX COUNT 9"],
        "ZADD z 1 a 2 b 3 c",
        &[
            (0, "*3 $1 z $1 a $1 1"),
            (1, "*3 $1 z $1 c $1 3"),
            (2, "*2 $1 z *1 *2 $1 b $1 2"),
        ],
    );
}

#[test]
fn who_awaits_keys_is_told_which_one_has_something_and_takes_nothing() {
    let four = [
        "NODE AWAIT LIST b a 0",
        "BLPOP a 0",
        "NODE AWAIT LIST a 0",
        "NODE AWAIT ZSET a b 0",
    ];
    let first = [(0, "$1 a"), (1, "*2 $1 a $1 1")];
    check(&[], &four, "RPUSH a 1", &first);
    check(
        &[],
        &four,
        "RPUSH a 1 2",
        &[first[0], first[1], (2, "$1 a")],
    );
    check(&[], &four, "SET a x; ZADD b 1 m", &[(3, "$1 b")]);
    let mut node = TestNode::new();
    node.send("RPUSH a 1");
    assert_eq!(node.send("NODE AWAIT LIST b a 0"), "$1\r\na\r\n");
    assert_eq!(node.send("LLEN a"), ":1\r\n");
    for line in [
        "NODE AWAIT",
        "NODE AWAIT LIST 0",
        "NODE AWAIT SET a 0",
        "NODE AWAIT LIST a x",
        "NODE AWAIT LIST a -1",
    ] {
        assert!(node.send(line).starts_with("-ERR "), "{line}");
    }
}

#[test]
fn a_client_is_served_by_the_key_that_changed_first() {
    let both = "MULTI; RPUSH b 1; RPUSH a 2; EXEC";
    check(&[], &["BLPOP a b 0"], both, &[(0, "*2 $1 b $1 1")]);
    check(&[], &["BLPOP a a 0"], "RPUSH a 1", &[(0, "*2 $1 a $1 1")]);
}

#[test]
fn what_is_over_with_the_transaction_wakes_nobody() {
    check(&[], &["BLPOP a 0"], "MULTI; RPUSH a 1; DEL a; EXEC", &[]);
    check(&[], &["BLPOP a 0"], "SET a 1; APPEND a 1; SADD b 1", &[]);
    check(&[], &["BZPOPMIN a 0"], "RPUSH a 1; RPOP a", &[]);
    check(
        &[],
        &["BLPOP a 0"],
        "SET a x; DEL a; RPUSH a 3",
        &[(0, "*2 $1 a $1 3")],
    );
}

#[test]
fn every_way_to_a_key_wakes() {
    for way in [
        "RPUSH l 1; RENAME l a",
        "RPUSH l 1; COPY l a",
        "SET a x; RPUSH l 1; COPY l a REPLACE",
        "RPUSH l 1; SORT l STORE a",
        "SELECT 9; RPUSH a 1; SWAPDB 9 0",
        "SELECT 9; RPUSH a 1; MOVE a 0",
        "RPUSH l 1; RPOPLPUSH l a",
        "RPUSH x 0; RPUSH a 1; LINSERT x BEFORE 0 1",
    ] {
        check(&[], &["BLPOP a 0"], way, &[(0, "*2 $1 a $1 1")]);
    }
    for way in [
        "ZADD z 1 m; ZUNIONSTORE a 1 z",
        "ZADD z 1 m; ZRANGESTORE a z 0 -1",
    ] {
        check(&[], &["BZPOPMIN a 0"], way, &[(0, "*3 $1 a $1 m $1 1")]);
    }
}

#[test]
fn an_element_that_is_moved_on_serves_the_next() {
    check(
        &[],
        &["BLPOP c 0", "BLMOVE b c LEFT RIGHT 0", "BRPOPLPUSH a b 0"],
        "RPUSH a 1",
        &[(2, "$1 1"), (1, "$1 1"), (0, "*2 $1 c $1 1")],
    );
    // In a ring it comes back.
    check(
        &[],
        &[
            "BLMOVE a b LEFT LEFT 0",
            "BLMOVE b a LEFT LEFT 0",
            "BLMOVE a a LEFT LEFT 0",
        ],
        "RPUSH a 1; LRANGE a 0 -1",
        &[(0, "$1 1"), (1, "$1 1"), (2, "$1 1")],
    );
    // Where it cannot go it stays for the next one.
    check(
        &["SET s x"],
        &["BLMOVE a s LEFT LEFT 0", "BLPOP a 0"],
        "RPUSH a 1",
        &[(0, WRONG_TYPE), (1, "*2 $1 a $1 1")],
    );
}

#[test]
fn who_reads_streams_gets_what_is_new_and_all_of_them_do() {
    check(
        &["XADD s 1-1 f v"],
        &["XREAD BLOCK 0 STREAMS t s 0 $", "XREAD BLOCK 0 STREAMS s 5"],
        "XADD s 2-1 f v; XADD s 5-1 f w",
        &[
            (0, "*1 *2 $1 s *1 *2 $3 2-1 *2 $1 f $1 v"),
            (1, "*1 *2 $1 s *1 *2 $3 5-1 *2 $1 f $1 w"),
        ],
    );
    check(
        &[],
        &[
            "XREAD BLOCK 0 COUNT 1 STREAMS s $",
            "XREAD BLOCK 0 STREAMS s $",
        ],
        "MULTI; XADD s 1-1 a b; XADD s 2-1 a b; EXEC",
        &[
            (0, "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 b"),
            (
                1,
                "*1 *2 $1 s *2 *2 $3 1-1 *2 $1 a $1 b *2 $3 2-1 *2 $1 a $1 b",
            ),
        ],
    );
}

#[test]
fn who_reads_for_a_group_gets_what_nobody_got_or_hears_that_it_has_gone() {
    let group = ["XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATE s h $"];
    let read = |group: &str| format!("XREADGROUP GROUP {group} c BLOCK 0 STREAMS s >");
    let (of_g, of_h) = (read("g"), read("h"));
    check(
        &group,
        &[&of_g, &of_g, &of_h],
        "XADD s 1-1 f v",
        &[
            (0, "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 v"),
            (2, "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 v"),
        ],
    );
    for (script, told) in [
        ("DEL s", WITHOUT_STREAM),
        ("SET s x", WITHOUT_STREAM),
        ("FLUSHALL", WITHOUT_STREAM),
        ("SWAPDB 0 5", WITHOUT_STREAM),
        ("RENAME s t", WITHOUT_STREAM),
        ("MULTI; DEL s; SADD s x; EXEC", WITHOUT_STREAM),
        ("XGROUP DESTROY s g", WITHOUT_GROUP),
        ("MULTI; DEL s; XADD s 1 f v; EXEC", WITHOUT_GROUP),
    ] {
        check(&group, &[&of_g], script, &[(0, told)]);
    }
    let again = "MULTI; DEL s; XGROUP CREATE s g $ MKSTREAM; EXEC";
    check(&group, &[&of_g], again, &[]);
}

#[test]
fn in_a_transaction_nobody_waits() {
    let mut node = TestNode::new();
    for (line, reply) in [
        ("BLPOP k 0", "*-1"),
        ("BRPOP k 0", "*-1"),
        ("BLMPOP 0 1 k LEFT", "*-1"),
        ("BLMOVE a b LEFT LEFT 0", "$-1"),
        ("BRPOPLPUSH a b 0", "$-1"),
        ("BZPOPMIN z 0", "*-1"),
        ("BZMPOP 0 1 z MIN", "*-1"),
        ("XREAD BLOCK 0 STREAMS s $", "*-1"),
        ("BLPOP k -1", "-ERR timeout is negative"),
    ] {
        let exec = format!("*1 {reply}");
        node.expect(&[("MULTI", "+OK"), (line, "+QUEUED"), ("EXEC", &exec)]);
    }
    assert!(node.node.blocked.is_empty());
}

#[test]
fn times_and_words_are_refused_as_redis_does() {
    let mut node = TestNode::new();
    node.send("SET str x");
    let float = "-ERR timeout is not a float or out of range";
    let negative = "-ERR timeout is negative";
    let syntax = "-ERR syntax error";
    node.expect(&[
        ("BLPOP k -1", negative),
        ("BLPOP k nan", float),
        ("BLPOP k inf", negative),
        ("BLPOP k 1e20", negative),
        ("BLPOP k abc", float),
        ("BLPOP k 1e-5000", float),
        ("BLPOP str -1", negative),
        ("BLPOP k str 1", WRONG_TYPE),
        ("BZPOPMIN str 1", WRONG_TYPE),
        ("BLMOVE str x LEFT LEFT 0", WRONG_TYPE),
        ("BLMOVE a b LEFT UP 0", syntax),
        ("BLMOVE a b UP LEFT x", syntax),
        ("BLMOVE a b LEFT LEFT x", float),
        ("BRPOPLPUSH str x x", float),
        ("BLMPOP x 0 k LEFT", "-ERR numkeys should be greater than 0"),
        ("BLMPOP 0 2 k LEFT", syntax),
        ("BLMPOP 0 1 k UP", syntax),
        (
            "BLMPOP 0 1 k LEFT COUNT 0",
            "-ERR count should be greater than 0",
        ),
        ("BZMPOP x 1 k MIN", float),
        (
            "XREAD BLOCK 9223372036854775808 STREAMS s 0",
            "-ERR timeout is not an integer or out of range",
        ),
        ("XREAD BLOCK -1 STREAMS s 0", negative),
    ]);
    for line in [
        "BLPOP k -0.0001",
        "BLPOP k 9223372036854775",
        "BLPOP k str1 0x0.1",
    ] {
        node.block(line);
    }
}

#[test]
fn the_log_has_what_would_have_been_asked_for_at_that_moment() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[("SET first 1", "select 0 set first 1")]);
    for (waits, pushes, effects) in [
        ("BLPOP a 0", "RPUSH a 1 2", "RPUSH a 1 2 lpop a"),
        ("BRPOP x a 0", "RPUSH a 3", "RPUSH a 3 rpop a"),
        (
            "BLMPOP 0 1 b LEFT COUNT 5",
            "RPUSH b 1 2",
            "RPUSH b 1 2 lpop b 2",
        ),
        (
            "BLMOVE b c LEFT RIGHT 0",
            "RPUSH b 1",
            "RPUSH b 1 lmove b c LEFT RIGHT",
        ),
        ("BRPOPLPUSH b c 0", "RPUSH b 1", "RPUSH b 1 rpoplpush b c"),
        ("BZPOPMAX z 0", "ZADD z 1 a", "ZADD z 1 a zpopmax z"),
        ("BZMPOP 0 1 z MIN", "ZADD z 1 a", "ZADD z 1 a zpopmin z 1"),
    ] {
        node.send("DEL a");
        node.store.take_effects();
        node.block(waits);
        node.expect_effects(&[(pushes, effects)]);
        assert_eq!(node.answers().len(), 1);
    }
    node.block("BLPOP a 0");
    node.expect_effects(&[("MULTI", ""), ("RPUSH a 1", ""), ("RPUSH q 1", "")]);
    node.expect_effects(&[("EXEC", "multi RPUSH a 1 RPUSH q 1 exec lpop a")]);
}

#[test]
fn a_key_that_is_held_serves_nobody_before_it_is_free() {
    let mut node = TestNode::new();
    node.block("BLMOVE a b LEFT LEFT 0");
    let mut hold = Hold::new(true, 1);
    hold.mark(node.store.hash(b"b"));
    node.node.hold = Some(hold);
    assert_eq!(node.send("RPUSH a 1"), ":1\r\n");
    assert_eq!(node.answers(), []);
    node.node.hold = None;
    node.node.blocked.look_again();
    node.executor
        .serve(&mut node.store, &mut node.node, node.now_ms);
    assert_eq!(node.answers().len(), 1);
    node.expect(&[("LLEN a", ":0"), ("LLEN b", ":1")]);
}

#[test]
fn a_long_push_serves_when_it_is_over() {
    let mut node = TestNode::new();
    let client = node.block("BLMPOP 0 1 a RIGHT COUNT 5000").id();
    let many: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let words: Vec<&str> = ["RPUSH", "a"]
        .into_iter()
        .chain(many.iter().map(String::as_str))
        .collect();
    assert_eq!(node.run(&words), ":20000\r\n");
    let answers = node.answers();
    assert_eq!(answers[0].0, client);
    assert!(answers[0].1.starts_with("*2 $1 a *5000 $5 19999 "));
    node.expect(&[("LLEN a", ":15000")]);
    assert!(node.node.hold.is_none());
}

#[test]
fn client_unblock_ends_the_waiting_of_others() {
    let mut node = TestNode::new();
    for (how, told) in [
        ("", "*-1"),
        (" TIMEOUT", "*-1"),
        (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        for line in ["BLMOVE a b LEFT LEFT 0", "XREAD BLOCK 0 STREAMS s $"] {
            let client = node.block(line).id();
            let unblock = format!("CLIENT UNBLOCK {client}{how}");
            node.expect(&[(&unblock, ":1")]);
            assert_eq!(node.answers(), [(client, told.to_owned())]);
            node.expect(&[(&unblock, ":0"), ("RPUSH a 1", ":1"), ("DEL a", ":1")]);
        }
    }
    node.expect(&[
        ("CLIENT UNBLOCK 99", ":0"),
        ("CLIENT UNBLOCK -1", ":0"),
        ("CLIENT UNBLOCK 1", ":0"),
    ]);
    assert!(node.node.blocked.is_empty());
}

#[test]
fn replies_are_in_the_clients_protocol_and_only_if_it_wants_them() {
    let mut node = TestNode::new();
    let [loud, silent] = [node.connect(), node.connect()];
    let first = node.switch_to(loud);
    node.session.protocol = Protocol::Resp3;
    node.send("XREAD BLOCK 0 STREAMS s $");
    node.switch_to(silent);
    node.send("CLIENT REPLY SKIP");
    node.send("BLPOP a 0");
    assert_eq!(node.stop, Stop::Blocked);
    node.switch_to(first);
    node.send("XADD s 1-1 f v");
    node.send("RPUSH a 1");
    let entry = "%1 $1 s *1 *2 $3 1-1 *2 $1 f $1 v";
    assert_eq!(
        node.answers(),
        [(loud.id(), entry.to_owned()), (silent.id(), String::new())]
    );
    node.switch_to(silent);
    assert_eq!(node.send("PING"), "+PONG\r\n", "it skipped one reply");
}

#[test]
fn a_push_looks_at_nobody_whom_it_does_not_serve() {
    let mut node = TestNode::new();
    let clients: Vec<_> = (0..10_000).map(|_| node.block("BLPOP a 0")).collect();
    for client in &clients[..3] {
        node.send("RPUSH a x");
        let answers = node.answers();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].0, client.id());
    }
    let waiting = node.node.clients.at(clients[5]).memory_bytes(&node.session);
    let free = node.node.clients.at(clients[0]).memory_bytes(&node.session);
    assert!(waiting > free, "what waits takes memory");
    // One listens for all.
    for client in &clients[3..] {
        release(
            &mut node.store,
            &mut node.node,
            *client,
            Release::RoleChanged,
        );
    }
    let answers = node.node.blocked.take_answers();
    assert!(answers.iter().all(|answer| answer.closes));
    assert_eq!(answers.len(), 9_997);
    assert!(node.node.blocked.is_empty());
}

#[test]
fn who_has_hung_up_takes_nothing_and_stands_in_nobodys_way() {
    #[derive(Debug)]
    struct Gone;
    impl Peer for Gone {
        fn has_hung_up(&self) -> bool {
            true
        }
    }
    let mut node = TestNode::new();
    for line in ["BLPOP a 0", "BLMPOP 0 2 b a LEFT", "BZPOPMIN z 0"] {
        let gone = node.block(line);
        node.node.clients.at(gone).peer = Some(Rc::new(Gone));
    }
    node.expect(&[("RPUSH b 1", ":1"), ("ZADD z 1 m", ":1")]);
    assert_eq!(node.answers(), []);
    node.expect(&[("LLEN b", ":1"), ("ZCARD z", ":1")]);
    let there = node.block("BRPOP a 0").id();
    node.send("RPUSH a 1 2");
    assert_eq!(node.answers(), [(there, "*2 $1 a $1 2".to_owned())]);
    node.expect(&[("LLEN a", ":1")]);
}

#[test]
fn places_are_bounded_and_who_gets_none_leaves_nothing() {
    let mut node = TestNode::new();
    let keys = 1 << 16;
    let words: Vec<&str> = std::iter::once("BLPOP")
        .chain(std::iter::repeat_n("k", keys))
        .chain(["0"])
        .collect();
    let mut clients = Vec::new();
    while clients.len() * keys < 1 << 20 {
        clients.push(node.connect());
        let before = node.switch_to(clients[clients.len() - 1]);
        assert_eq!(node.run(&words), "");
        assert_eq!(node.stop, Stop::Blocked);
        node.switch_to(before);
    }
    let refused = node.send("BLPOP other 0");
    assert!(
        refused.starts_with("-ERR too many keys are listened to"),
        "{refused}"
    );
    for client in clients {
        release(&mut node.store, &mut node.node, client, Release::Forced);
    }
    node.answers();
    assert!(node.node.blocked.is_empty());
    node.block("BLPOP other 0");
}

#[test]
fn who_waits_at_a_node_that_follows_meanwhile_is_not_served_there() {
    let mut node = TestNode::new();
    let client = node.block("BLPOP a 0").id();
    node.node.replication.follow(crate::node_state::Place {
        host: "10.0.0.1".to_owned(),
        port: 1,
    });
    // As its leader would.
    let key = crate::store::Key {
        bytes: b"a",
        hash: node.store.hash(b"a"),
    };
    let list = crate::store::ListEdit::of(node.store.slot(DbIndex(0), key)).unwrap();
    let words = crate::store::Wording::Told;
    list.push(
        crate::store::ListEnd::Back,
        std::iter::once(&b"1"[..]),
        words,
    )
    .unwrap();
    node.executor
        .serve(&mut node.store, &mut node.node, node.now_ms);
    let readonly = "-READONLY You can't write against a read only replica.";
    assert_eq!(node.answers(), [(client, readonly.to_owned())]);
    node.expect(&[("LLEN a", ":1")]);
}
