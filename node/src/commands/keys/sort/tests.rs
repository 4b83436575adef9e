use crate::commands::testing::TestNode;
use crate::store::below;
use std::cmp::Reverse;

#[test]
fn elements_are_sorted_as_redis_does() {
    let mut node = TestNode::new();
    node.expect(&[
        ("RPUSH l 3 1 10 2", ":4"),
        ("SORT l", "*4 $1 1 $1 2 $1 3 $2 10"),
        ("SORT l DESC", "*4 $2 10 $1 3 $1 2 $1 1"),
        ("SORT l ALPHA", "*4 $1 1 $2 10 $1 2 $1 3"),
        ("SORT l LIMIT 1 2", "*2 $1 2 $1 3"),
        ("SORT l DESC LIMIT 0 1", "*1 $2 10"),
        ("SORT l LIMIT -5 2", "*2 $1 1 $1 2"),
        ("SORT l LIMIT 9 2", "*0"),
        ("SORT l LIMIT 1 -1", "*3 $1 2 $1 3 $2 10"),
        ("SORT l LIMIT 1 0", "*0"),
        ("SORT l BY nosort", "*4 $1 3 $1 1 $2 10 $1 2"),
        ("SORT l BY nosort DESC LIMIT 1 2", "*2 $2 10 $1 1"),
        ("SORT l BY nosort BY w_*", "*4 $1 3 $1 1 $2 10 $1 2"),
        ("MSET w_1 9 w_2 8 w_3 7 n_1 one n_2 two n_3 three", "+OK"),
        ("SORT l BY w_*", "*4 $2 10 $1 3 $1 2 $1 1"),
        (
            "SORT l BY w_* DESC GET # GET n_* GET nothing",
            "*12 $1 1 $3 one $-1 $1 2 $3 two $-1 $1 3 $5 three $-1 $2 10 $-1 $-1",
        ),
        ("SORT l BY n_* ALPHA", "*4 $2 10 $1 1 $1 3 $1 2"),
        ("SORT l BY n_* ALPHA DESC", "*4 $1 2 $1 3 $1 1 $2 10"),
        (
            "SORT l BY n_*",
            "-ERR One or more scores can't be converted into double",
        ),
        ("HSET h_1 f 5 g x", ":2"),
        ("HSET h_2 f 4", ":1"),
        (
            "SORT l BY h_*->f GET h_*->g GET #",
            "*8 $-1 $2 10 $-1 $1 3 $-1 $1 2 $1 x $1 1",
        ),
        ("SORT l BY h_*->", "*4 $1 1 $2 10 $1 2 $1 3"),
        (
            "SORT l GET h_* GET w_*->f",
            "*8 $-1 $-1 $-1 $-1 $-1 $-1 $-1 $-1",
        ),
        ("SADD s 3 1 2", ":3"),
        ("SORT s DESC", "*3 $1 3 $1 2 $1 1"),
        ("SORT s BY nosort STORE d", ":3"),
        ("LRANGE d 0 -1", "*3 $1 1 $1 2 $1 3"),
        ("ZADD z 5 a 4 b 3 c", ":3"),
        ("SORT z BY nosort", "*3 $1 c $1 b $1 a"),
        ("SORT z BY nosort DESC LIMIT 0 2", "*2 $1 a $1 b"),
        ("SORT z ALPHA", "*3 $1 a $1 b $1 c"),
        (
            "SORT z",
            "-ERR One or more scores can't be converted into double",
        ),
        ("SORT l STORE d", ":4"),
        ("TYPE d", "+list"),
        ("LRANGE d 0 -1", "*4 $1 1 $1 2 $1 3 $2 10"),
        ("SORT l BY w_* GET n_* GET # STORE d", ":8"),
        (
            "LRANGE d 0 -1",
            "*8 $0  $2 10 $5 three $1 3 $3 two $1 2 $3 one $1 1",
        ),
        ("SORT l LIMIT 9 1 STORE d", ":0"),
        ("EXISTS d", ":0"),
        ("SORT nothing", "*0"),
        ("SORT nothing STORE l", ":0"),
        ("EXISTS l", ":0"),
        ("RPUSH l a", ":1"),
        (
            "SORT l",
            "-ERR One or more scores can't be converted into double",
        ),
        (
            "SORT l STORE d",
            "-ERR One or more scores can't be converted into double",
        ),
        ("SORT_RO l ALPHA GET #", "*1 $1 a"),
        ("SORT_RO l STORE d", "-ERR syntax error"),
        ("SORT l LIMIT 1", "-ERR syntax error"),
        (
            "SORT l LIMIT 1 x",
            "-ERR value is not an integer or out of range",
        ),
        ("SORT l what", "-ERR syntax error"),
        ("SET k 1", "+OK"),
        (
            "SORT k",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("SORT k what", "-ERR syntax error"),
    ]);
}

#[test]
fn what_is_stored_is_told() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("RPUSH l 2 1", "select 0 RPUSH l 2 1"),
        ("SORT l STORE d", "multi del d rpush d 1 2 exec"),
        ("SORT nothing STORE d", "del d"),
    ]);
    for line in [
        "SORT l",
        "SORT_RO l",
        "SORT l LIMIT 0 0 STORE d",
        "SORT l BY w_* GET #",
    ] {
        node.send(line);
        assert!(node.store.take_effects().is_empty(), "{line}");
    }
}

/// `*n` and the texts of these numbers.
fn reply_of(numbers: &[u64]) -> String {
    let texts = numbers.iter().map(u64::to_string);
    let bulks = texts.map(|text| format!("${}\r\n{text}\r\n", text.len()));
    format!("*{}\r\n{}", numbers.len(), bulks.collect::<String>())
}

#[test]
fn any_number_of_elements_is_sorted() {
    let mut chance = 9;
    for count in [1, 2, 100, 511, 512, 513, 5_000] {
        let mut node = TestNode::new();
        let mut numbers: Vec<u64> = (0..count).map(|_| below(&mut chance, 1_000_000)).collect();
        for (command, key) in [("RPUSH", "list"), ("SADD", "set"), ("RPUSH", "as-it-lies")] {
            let mut words = vec![command.to_owned(), key.to_owned()];
            words.extend(numbers.iter().map(u64::to_string));
            node.run(&words);
        }
        let mut weights = vec!["MSET".to_owned()];
        for number in &numbers {
            weights.extend([format!("w:{number}"), (number % 1_000).to_string()]);
        }
        node.run(&weights);
        assert!(node.send("SORT as-it-lies BY nothing") == reply_of(&numbers));
        numbers.sort_unstable();
        assert!(node.send("SORT list") == reply_of(&numbers));
        assert_eq!(node.send("SORT list STORE stored"), format!(":{count}\r\n"));
        assert!(node.send("LRANGE stored 0 -1") == reply_of(&numbers));
        let part: Vec<u64> = numbers.iter().copied().skip(3).take(700).collect();
        assert!(node.send("SORT list LIMIT 3 700") == reply_of(&part));
        let mut by_weight = numbers.clone();
        // Equal weights are sorted by text.
        by_weight.sort_by_key(|number| (number % 1_000, number.to_string()));
        assert!(node.send("SORT list BY w:*") == reply_of(&by_weight));
        by_weight.reverse();
        assert!(node.send("SORT list BY w:* DESC GET #") == reply_of(&by_weight));
        numbers.dedup();
        numbers.sort_by_key(|number| Reverse(*number));
        assert!(node.send("SORT set DESC") == reply_of(&numbers));
    }
}
