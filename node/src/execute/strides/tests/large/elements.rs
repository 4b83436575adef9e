//! Commands of very many elements: each is treated once, and none when one is wrong.

use super::{members, pairs, strings, words};
use crate::commands::testing::TestNode;
use shared::resp::ReplyScanner;

/// Numbers of elements around those at which something changes.
const COUNTS: [usize; 6] = [1, 200, 1_021, 1_024, 1_025, 5_000];

#[test]
fn of_very_many_elements_each_is_treated_once() {
    for count in COUNTS {
        let mut node = TestNode::new();
        let all = || members(0..count);
        let each = |text: &str| format!("*{count}\r\n{}", text.repeat(count));
        let number = |count: usize| format!(":{count}\r\n");
        let announced = |line: &str| format!("{line} FIELDS {count}");
        let fields = || (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let value = |member: String| format!("${}\r\n{member}\r\n", member.len());
        let values: String = all().into_iter().map(value).collect();
        let twice = all().into_iter().chain(all());
        for (command, rest, reply) in [
            ("SADD set", twice.collect(), number(count)),
            ("SADD set", all(), number(0)),
            ("SMISMEMBER set", all(), each(":1\r\n")),
            ("SMISMEMBER none", all(), each(":0\r\n")),
            (
                "ZADD zset NX CH",
                pairs(count, |_| "1".into()),
                number(count),
            ),
            (
                "ZADD zset XX CH",
                pairs(count, |_| "2".into()),
                number(count),
            ),
            ("ZADD zset", pairs(count, |_| "3".into()), number(0)),
            ("ZMSCORE zset", all(), each("$1\r\n3\r\n")),
            ("HSET hash", pairs(count, |n| n.to_string()), number(count)),
            (
                "HMSET hash",
                pairs(count, |n| n.to_string()),
                "+OK\r\n".into(),
            ),
            ("HMGET none", all(), each("$-1\r\n")),
            (
                announced("HEXPIRE hash 1000").as_str(),
                fields(),
                each(":1\r\n"),
            ),
            (announced("HTTL hash").as_str(), fields(), each(":1000\r\n")),
            (
                announced("HPERSIST hash").as_str(),
                fields(),
                each(":1\r\n"),
            ),
            (
                announced("HEXPIRETIME hash").as_str(),
                fields(),
                each(":-1\r\n"),
            ),
            (
                announced("HSETEX hash FNX EX 10").as_str(),
                pairs(count, |n| n.to_string()),
                number(0),
            ),
            (
                announced("HSETEX hash FXX EX 1000").as_str(),
                pairs(count, |n| n.to_string()),
                number(1),
            ),
            (announced("HTTL hash").as_str(), fields(), each(":1000\r\n")),
            (
                announced("HGETEX hash PERSIST").as_str(),
                fields(),
                format!("*{count}\r\n{values}"),
            ),
            (announced("HTTL hash").as_str(), fields(), each(":-1\r\n")),
            (
                announced("HGETDEL hash").as_str(),
                fields(),
                format!("*{count}\r\n{values}"),
            ),
            (
                announced("HGETDEL hash").as_str(),
                fields(),
                each("$-1\r\n"),
            ),
            ("HSET hash", pairs(count, |n| n.to_string()), number(count)),
            ("RPUSH list", all(), number(count)),
            ("RPUSHX list", all(), number(2 * count)),
            ("LPUSHX none", all(), number(0)),
            (
                "GEOADD places",
                pairs(count, |_| "1 1".into())
                    .join(" ")
                    .split(' ')
                    .map(str::to_owned)
                    .collect(),
                number(count),
            ),
            ("GEOHASH places", all(), each("$11\r\ns00twy01mt0\r\n")),
            ("SREM set", members(1..count + 9), number(count - 1)),
            ("ZREM zset", members(1..count + 9), number(count - 1)),
            (
                "HDEL hash",
                (1..count + 9).map(|n| n.to_string()).collect(),
                number(count - 1),
            ),
            ("SREM none", all(), number(0)),
        ] {
            assert_eq!(node.run(&words(command, rest)), reply, "{command}, {count}");
        }
        node.expect(&[
            ("SMEMBERS set", "*1 $8 member:0"),
            ("ZRANGE zset 0 -1", "*1 $8 member:0"),
            ("HGETALL hash", "*2 $1 0 $8 member:0"),
            ("LINDEX list 0", "$8 member:0"),
            ("DBSIZE", ":5"),
        ]);
    }
}

#[test]
fn of_very_many_identifiers_each_is_treated_once() {
    let count = 3_000;
    let mut node = TestNode::new();
    node.send("XGROUP CREATE stream group 0 MKSTREAM");
    for number in 1..=count {
        node.run(&["XADD", "stream", &format!("{number}-0"), "f", "v"]);
    }
    node.send("XREADGROUP GROUP group one STREAMS stream >");
    let ids = || (1..count + 9).map(|number| format!("{number}-0"));
    let wrong = || ids().chain(["none".to_owned()]);
    let claimed = node.run(&words(
        "XCLAIM stream group two 0",
        ids().chain(["IDLE".to_owned(), "5".to_owned(), "JUSTID".to_owned()]),
    ));
    let expected: Vec<String> = ids().take(count).collect();
    assert!(
        strings(&claimed).iter().eq(&expected),
        "those that are there"
    );
    let full = node.send("XINFO STREAM stream FULL COUNT 0");
    let mut scanner = ReplyScanner::default();
    let end = scanner.scan(full.as_bytes()).expect("a reply");
    assert_eq!(end, Some(full.len()), "as long as its heads say");
    assert_eq!(full.matches("\r\n1500-0\r\n").count(), 3);
    let invalid = "-ERR Invalid stream ID specified as stream command argument\r\n";
    assert_eq!(node.run(&words("XACK stream group", wrong())), invalid);
    assert_eq!(node.run(&words("XDEL stream", wrong())), invalid);
    node.expect(&[("XLEN stream", ":3000")]);
    assert!(
        node.send("XPENDING stream group")
            .starts_with("*4\r\n:3000")
    );
    assert_eq!(node.run(&words("XACK stream none", wrong())), ":0\r\n");
    assert_eq!(node.run(&words("XDEL none", wrong())), ":0\r\n");
    assert_eq!(node.run(&words("XACK stream group", ids())), ":3000\r\n");
    assert_eq!(node.run(&words("XDEL stream", ids())), ":3000\r\n");
    node.expect(&[("XLEN stream", ":0")]);
}

#[test]
fn one_wrong_element_far_behind_is_enough_for_none_to_be_treated() {
    let mut node = TestNode::new();
    node.send("SET text 1");
    let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    let not_float = "-ERR value is not a valid float\r\n";
    let last = |mut words: Vec<String>, at_end: usize, text: &str| {
        let at = words.len() - at_end;
        text.clone_into(&mut words[at]);
        words
    };
    let scored = || words("ZADD zset", pairs(3_000, |number| number.to_string()));
    let places = || {
        let places = pairs(3_000, |_| "1".to_owned()).into_iter();
        words(
            "GEOADD zset",
            places.flat_map(|word| match word.as_str() {
                "1" => vec!["1".to_owned(), "1".to_owned()],
                _ => vec![word],
            }),
        )
    };
    for (command, reply) in [
        (last(scored(), 2, "x"), not_float),
        (last(places(), 3, "x"), not_float),
        (
            words("HSET hash", members(0..3_001)),
            "-ERR wrong number of arguments for 'hset' command\r\n",
        ),
        (words("SADD text", members(0..3_000)), wrong_type),
        (words("RPUSH text", members(0..3_000)), wrong_type),
        (words("SMISMEMBER text", members(0..3_000)), wrong_type),
    ] {
        assert_eq!(node.run(&command), reply, "{}", command[0]);
    }
    node.expect(&[("DBSIZE", ":1")]);
}
