//! Others are served meanwhile, and kept from the keys; what goes by itself went before; effects make the same keyspace.

use super::super::super::LongEnd;
use super::super::{is_held, with_others};
use super::{members, node_with_two_of_each, pairs, words};
use crate::commands::testing::TestNode;
use crate::execute::Turn;
use crate::store::{DbIndex, Key};
use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

/// What is long, what is not to be waited for while it is at work, and what is.
fn long_commands(count: usize) -> Vec<(Vec<String>, &'static str, &'static str)> {
    let line = |line: &str| words(line, []);
    vec![
        (
            words("SADD many", members(0..count)),
            "GET other",
            "SCARD many",
        ),
        (
            words("SMISMEMBER set:one", members(0..count)),
            "SCARD set:one",
            "SREM set:one x",
        ),
        (
            words("RPUSH many", members(0..count)),
            "SET other 1",
            "LLEN many",
        ),
        (
            words("ZADD many", pairs(count, |n| n.to_string())),
            "SET other 1",
            "ZCARD many",
        ),
        (
            words("HMGET hash:one", members(0..count)),
            "HLEN hash:one",
            "HDEL hash:one x",
        ),
        (
            line("SUNION set:one set:two"),
            "SCARD set:two",
            "SADD set:two x",
        ),
        (
            line("SINTERCARD 2 set:one set:two"),
            "SCARD set:two",
            "SREM set:one x",
        ),
        (
            line("SUNIONSTORE stored set:one set:two"),
            "SET other 1",
            "SCARD stored",
        ),
        (
            line("SDIFFSTORE stored set:one set:two"),
            "SET other 1",
            "SREM set:two x",
        ),
        (
            line("ZUNION 2 zset:one zset:two"),
            "ZCARD zset:two",
            "ZREM zset:two x",
        ),
        (
            line("ZUNIONSTORE stored 2 zset:one zset:two"),
            "SET other 1",
            "ZCARD stored",
        ),
        (
            line("ZINTERSTORE stored 2 zset:one set:two"),
            "SET other 1",
            "SADD set:two x",
        ),
        (
            line("ZRANGESTORE stored zset:one 0 -1"),
            "SET other 1",
            "ZREM zset:one x",
        ),
        (
            line("COPY set:one stored REPLACE"),
            "SET other 1",
            "SADD set:one x",
        ),
        (
            line("COPY zset:one stored REPLACE"),
            "SET other 1",
            "EXISTS stored",
        ),
        (
            line("COPY list:one stored REPLACE"),
            "SET other 1",
            "RPUSH list:one x",
        ),
        (
            line("XRANGE stream:one - +"),
            "XLEN stream:one",
            "XADD stream:one * f v",
        ),
        (
            line("XREAD STREAMS stream:one 0"),
            "XLEN stream:one",
            "XTRIM stream:one MAXLEN 100000",
        ),
        (line("LPOP list:one 9000"), "SET other 1", "LLEN list:one"),
        (
            line("ZREMRANGEBYRANK zset:one 1 9000"),
            "SET other 1",
            "ZCARD zset:one",
        ),
        (
            line("ZPOPMIN zset:one 9000"),
            "SET other 1",
            "ZCARD zset:one",
        ),
        (line("SPOP set:one 9000"), "SET other 1", "SCARD set:one"),
        (
            line("HSCAN hash:one 0 COUNT 40000"),
            "HLEN hash:one",
            "HSET hash:one f v",
        ),
        (
            line("SRANDMEMBER set:two 30000"),
            "SCARD set:two",
            "SREM set:two x",
        ),
        (
            line("SRANDMEMBER set:two 9000"),
            "SCARD set:two",
            "SREM set:two x",
        ),
        (
            line("HRANDFIELD hash:two 50000"),
            "HLEN hash:two",
            "HDEL hash:two x",
        ),
        (
            line("ZRANDMEMBER zset:two 9000"),
            "ZCARD zset:two",
            "ZREM zset:two x",
        ),
        (
            line("ZRANDMEMBER zset:two 50000"),
            "ZCARD zset:two",
            "ZREM zset:two x",
        ),
        (
            words(
                &format!("HEXPIRE hash:two 100 FIELDS {count}"),
                members(0..count),
            ),
            "SET other 1",
            "HLEN hash:two",
        ),
        (
            words(
                &format!("HGETDEL hash:two FIELDS {count}"),
                members(0..count),
            ),
            "SET other 1",
            "HLEN hash:two",
        ),
        (
            line("XINFO STREAM stream:one FULL COUNT 0"),
            "XLEN stream:one",
            "XADD stream:one * f v",
        ),
        (
            line("XTRIM stream:one MAXLEN 5"),
            "SET other 1",
            "XLEN stream:one",
        ),
        (
            line("XADD stream:two MAXLEN = 7 * f v"),
            "SET other 1",
            "XLEN stream:two",
        ),
        (line("MOVE hash:one 1"), "SET other 1", "HLEN hash:one"),
    ]
}

#[test]
fn others_are_served_while_a_large_collection_is_treated() {
    let count = 40_000;
    let mut node = node_with_two_of_each(count);
    for (command, free, held) in long_commands(count) {
        node.send("DEL many");
        let mut turns = 0;
        with_others(&mut node, &command, |node| {
            turns += 1;
            assert!(!is_held(node, free), "{free} during {}", command[0]);
            assert!(is_held(node, held), "{held} during {}", command[0]);
        });
        assert!(turns > 0, "{} is cut", command[0]);
        assert!(!is_held(&mut node, held), "{held} after {}", command[0]);
    }
}

/// The reply of a command whose first key goes when some steps are done, as if it were evicted.
fn without_its_key(node: &mut TestNode, command: &[String], key: &str, steps: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(&mut bytes, command);
    let mut batch = RequestBatch::default();
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    scanner.scan(&mut bytes, &mut batch, 1).expect("a request");
    let args = batch.args(&bytes, &batch.requests()[0]);
    let mut turn = Turn {
        store: &mut node.store,
        node: &mut node.node,
        identity: &node.identity,
        session: &mut node.session,
        now_ms: node.now_ms,
    };
    let mut long = node.executor.begin(&mut turn, args);
    for _ in 0..steps {
        let over = node.executor.step(&mut turn, &mut long, args);
        assert_eq!(over, Ok(false), "{}", command[0]);
    }
    let bytes = key.as_bytes();
    let hash = turn.store.hash(bytes);
    turn.store.remove(DbIndex(0), Key { bytes, hash });
    loop {
        match node.executor.go_on(&mut turn, long, args) {
            LongEnd::NotYet(rest) => long = rest,
            LongEnd::Over(reply) => return reply.into_pieces().concat(),
        }
    }
}

#[test]
fn what_goes_meanwhile_is_as_if_it_had_gone_before() {
    let count = 3_000;
    let line = |line: &str| words(line, []);
    for (command, key, reply, state) in [
        // All of it is in the new set, not a part.
        (
            words("SADD set:one", members(0..count)),
            "set:one",
            ":3000",
            ("SCARD set:one", ":3000"),
        ),
        (
            words("SREM set:one", members(0..count)),
            "set:one",
            ":0",
            ("EXISTS set:one", ":0"),
        ),
        (
            words("RPUSH list:one", members(0..count)),
            "list:one",
            ":3000",
            ("LLEN list:one", ":3000"),
        ),
        (
            words("RPUSHX list:one", members(0..count)),
            "list:one",
            ":0",
            ("LLEN list:one", ":0"),
        ),
        (
            line("SINTERCARD 2 set:one set:two"),
            "set:one",
            ":0",
            ("SCARD set:two", ":3000"),
        ),
        (
            line("SUNIONSTORE stored set:one set:two"),
            "set:one",
            ":3000",
            ("SCARD stored", ":3000"),
        ),
        (
            line("SDIFFSTORE stored set:one set:two"),
            "set:one",
            ":0",
            ("SCARD stored", ":0"),
        ),
        (
            line("ZUNIONSTORE stored 2 zset:one zset:two"),
            "zset:one",
            ":3000",
            ("ZCARD stored", ":3000"),
        ),
        (
            line("ZRANGESTORE stored zset:one 0 -1"),
            "zset:one",
            ":0",
            ("ZCARD stored", ":0"),
        ),
        (
            line("COPY zset:one stored"),
            "zset:one",
            ":0",
            ("EXISTS stored", ":0"),
        ),
        (
            line("COPY stream:one stored"),
            "stream:one",
            ":0",
            ("EXISTS stored", ":0"),
        ),
        (
            line("MOVE hash:one 1"),
            "hash:one",
            ":0",
            ("EXISTS hash:one", ":0"),
        ),
    ] {
        let mut node = node_with_two_of_each(count);
        // The keys are marked in the first step, the second begins, and some elements are treated in the third.
        let got = without_its_key(&mut node, &command, key, 3);
        assert_eq!(
            String::from_utf8_lossy(&got).trim_end(),
            reply,
            "{}",
            command[0]
        );
        node.expect(&[state]);
    }
}

#[test]
fn effects_of_long_trims_and_claims_make_the_same_streams() {
    let count = 40_000;
    let mut node = TestNode::new();
    node.store.start_recording();
    let mut replayed = TestNode::new();
    for stream in ["one", "two"] {
        for number in 1..=count {
            node.run(&["XADD", stream, &format!("{number}-0"), "f", "v"]);
        }
    }
    node.send("XGROUP CREATE one group 0");
    node.send("XREADGROUP GROUP group a COUNT 2000 STREAMS one >");
    let ids = || (1..=2_000).map(|number| format!("{number}-0"));
    let claimed = node.run(&words("XCLAIM one group b 0", ids()));
    assert!(claimed.starts_with("*2000\r\n"));
    node.expect(&[
        ("XTRIM one MAXLEN 1001", ":38999"),
        ("XTRIM two MINID ~ 39950 LIMIT 0", ":39900"),
        ("XADD two MAXLEN 10 50000-0 f v", "$7 50000-0"),
        ("XLEN one", ":1001"),
        ("XLEN two", ":10"),
    ]);
    replayed.run_stream(&mut node.store.take_effects().into_bytes());
    for show in [
        "XRANGE one - +",
        "XRANGE two - +",
        "XPENDING one group",
        "XINFO STREAM one FULL COUNT 0",
    ] {
        assert!(node.send(show) == replayed.send(show), "{show}");
    }
}

#[test]
fn effects_of_large_commands_make_the_same_keyspace() {
    let count = 2_000;
    let mut node = TestNode::new();
    node.store.start_recording();
    let mut replayed = TestNode::new();
    for command in [
        words("SADD set:one", members(0..count)),
        words("SADD set:two", members(count / 2..count)),
        words("SREM set:one", members(0..count / 4)),
        words("ZADD zset:one", pairs(count, |number| number.to_string())),
        words("ZREM zset:one", members(0..1_100)),
        words("HSET hash:one", pairs(count, |number| number.to_string())),
        words("RPUSH list:one", members(0..count)),
        words("LPUSH list:one", members(0..count)),
        words("SUNIONSTORE union set:one set:two", []),
        words("SDIFFSTORE difference set:one set:two", []),
        words("ZUNIONSTORE scored 2 zset:one set:one", []),
        words("ZRANGESTORE part zset:one 5 800", []),
        words("COPY hash:one hash:copy", []),
        words("COPY zset:one zset:copy DB 1", []),
        words("LREM list:one -3 member:5", []),
        words("LTRIM list:one 3 -1500", []),
        words("LPOP list:one 1100", []),
        words("ZREMRANGEBYRANK zset:one 2 400", []),
        words("ZPOPMAX zset:one 300", []),
        words("SPOP set:one 700", []),
        words("MOVE list:one 1", []),
    ] {
        node.run(&command);
    }
    replayed.run_stream(&mut node.store.take_effects().into_bytes());
    for db in ["SELECT 0", "SELECT 1"] {
        let mut both = [&mut node, &mut replayed];
        for show in [
            "DBSIZE",
            "ZRANGE zset:one 0 -1 WITHSCORES",
            "ZRANGE zset:copy 0 -1 WITHSCORES",
            "ZRANGE scored 0 -1 WITHSCORES",
            "ZRANGE part 0 -1 WITHSCORES",
            "LRANGE list:one 0 -1",
            "HLEN hash:copy",
            "SCARD set:one",
            "SCARD union",
            "SCARD difference",
            "SINTERCARD 2 union set:one",
        ] {
            let [told, again] = both.each_mut().map(|node| {
                node.send(db);
                node.send(show)
            });
            assert!(told == again, "{show} of {db}");
        }
    }
}
