use crate::commands::testing::TestNode;

/// Sends the commands of a script one by one to a new node and compares the replies.
fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

#[test]
fn set_obeys_its_options() {
    check(&[
        ("SET k v", "+OK"),
        ("GET k", "$1 v"),
        ("SET k w NX", "$-1"),
        ("SET k w nx get", "$1 v"),
        ("SET new w XX", "$-1"),
        ("SET new w XX GET", "$-1"),
        ("SET new w NX GET", "$-1"),
        ("GET new", "$1 w"),
        ("SET k w XX EX 100", "+OK"),
        ("PTTL k", ":100000"),
        ("SET k v KEEPTTL", "+OK"),
        ("TTL k", ":100"),
        ("SET k v GET", "$1 v"),
        ("SET k x", "+OK"),
        ("TTL k", ":-1"),
        ("SET k v PX 1 PX 2000", "+OK"),
        ("PTTL k", ":2000"),
        ("SET k v EXAT 1767225700", "+OK"),
        ("TTL k", ":100"),
        ("SET k v PXAT 1767225600500", "+OK"),
        ("PEXPIRETIME k", ":1767225600500"),
        ("SET k v PXAT 1", "+OK"),
        ("GET k", "$-1"),
    ]);
}

#[test]
fn a_string_may_have_to_be_the_expected_one() {
    check(&[
        ("SET k new IFEQ old", "$-1"),
        ("SET k new IFEQ old GET", "$-1"),
        ("EXISTS k", ":0"),
        ("SET k old", "+OK"),
        ("SET k new IFEQ older", "$-1"),
        ("SET k new IFEQ old EX 100", "+OK"),
        ("TTL k", ":100"),
        ("SET k x IFEQ old GET", "$3 new"),
        ("SET k 17 ifeq new GET KEEPTTL", "$3 new"),
        ("TTL k", ":100"),
        ("SET k 18 IFEQ 017", "$-1"),
        ("SET k 18 IFEQ 17", "+OK"),
        ("SET k 19 IFEQ", "-ERR syntax error"),
        ("SET k 19 IFEQ 18 NX", "-ERR syntax error"),
        ("SET k 19 XX IFEQ 18", "-ERR syntax error"),
        ("SET k 19 IFEQ 18 IFEQ 18", "-ERR syntax error"),
        ("DELIFEQ k 17", ":0"),
        ("DELIFEQ k 18", ":1"),
        ("DELIFEQ k 18", ":0"),
        ("RPUSH l a", ":1"),
        (
            "SET l x IFEQ a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "DELIFEQ l a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("SET k old", "select 0 set k old"),
        ("SET k new IFEQ old GET", "set k new"),
        ("DELIFEQ k new", "del k"),
    ]);
}

#[test]
fn conflicting_options_of_set_are_syntax_errors() {
    for options in [
        "NX XX",
        "XX NX",
        "EX 10 PX 10",
        "EX 10 KEEPTTL",
        "KEEPTTL EXAT 10",
        "EX",
        "PXAT",
        "PERSIST",
        "what",
        "GET GET EX 1 EXAT 5",
    ] {
        let mut node = TestNode::new();
        let reply = node.send(&format!("SET k v {options}"));
        assert_eq!(reply, "-ERR syntax error\r\n", "{options}");
        assert_eq!(node.send("GET k"), "$-1\r\n");
    }
}

#[test]
fn times_that_are_none_are_refused() {
    let not_positive = ["0", "-1", "9223372036854775807", "-9223372036854775808"];
    for (command, name) in [
        ("SET k v EX", "set"),
        ("SET k v EXAT", "set"),
        ("GETEX there EX", "getex"),
        ("GETEX there EXAT", "getex"),
    ] {
        for number in not_positive {
            let mut node = TestNode::new();
            node.send("SET there v");
            let expected = format!("-ERR invalid expire time in '{name}' command\r\n");
            assert_eq!(
                node.send(&format!("{command} {number}")),
                expected,
                "{command} {number}"
            );
        }
    }
    check(&[
        ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
        (
            "PSETEX k -5 v",
            "-ERR invalid expire time in 'psetex' command",
        ),
        ("SET k v PXAT 9223372036854775807", "+OK"),
        (
            "SET k v PX 9223372036854775807",
            "-ERR invalid expire time in 'set' command",
        ),
        (
            "SET k v EX 1.5",
            "-ERR value is not an integer or out of range",
        ),
        (
            "SETEX k abc v",
            "-ERR value is not an integer or out of range",
        ),
    ]);
}

#[test]
fn the_older_forms_of_set_still_work() {
    check(&[
        ("SETNX k v", ":1"),
        ("SETNX k w", ":0"),
        ("SETEX k 10 v", "+OK"),
        ("TTL k", ":10"),
        ("PSETEX k 1500 v", "+OK"),
        ("PTTL k", ":1500"),
        ("GETSET k w", "$1 v"),
        ("PTTL k", ":-1"),
        ("GETSET none w", "$-1"),
        ("GETDEL none", "$1 w"),
        ("GETDEL none", "$-1"),
    ]);
}

#[test]
fn getex_changes_only_the_expiry() {
    check(&[
        ("GETEX none EX abc", "$-1"),
        ("GETEX none what", "-ERR syntax error"),
        ("SET k v", "+OK"),
        ("GETEX k", "$1 v"),
        ("GETEX k EX 10 EX 20", "$1 v"),
        ("TTL k", ":20"),
        ("GETEX k", "$1 v"),
        ("TTL k", ":20"),
        ("GETEX k PERSIST PERSIST", "$1 v"),
        ("TTL k", ":-1"),
        ("GETEX k EX 10 PERSIST", "-ERR syntax error"),
        ("GETEX k PERSIST EX 10", "-ERR syntax error"),
        ("GETEX k EX 10 PX 10", "-ERR syntax error"),
        ("GETEX k EX", "-ERR syntax error"),
        ("GETEX k KEEPTTL", "-ERR syntax error"),
        (
            "GETEX k EX abc",
            "-ERR value is not an integer or out of range",
        ),
        ("GETEX k PXAT 5", "$1 v"),
        ("EXISTS k", ":0"),
    ]);
}

#[test]
fn many_strings_are_set_and_read_at_once() {
    check(&[
        ("MSET a 1 b 2 a 3", "+OK"),
        ("MGET a none b a", "*4 $1 3 $-1 $1 2 $1 3"),
        (
            "MSET a",
            "-ERR wrong number of arguments for 'mset' command",
        ),
        (
            "MSET a 1 b",
            "-ERR wrong number of arguments for 'mset' command",
        ),
        (
            "MSETNX c 1 d",
            "-ERR wrong number of arguments for 'msetnx' command",
        ),
        ("MSETNX c 1 a 9", ":0"),
        ("MGET c a", "*2 $-1 $1 3"),
        ("MSETNX c 1 d 2", ":1"),
        ("MGET c d", "*2 $1 1 $1 2"),
    ]);
}

#[test]
fn numbers_add_up_within_64_bits() {
    check(&[
        ("INCR n", ":1"),
        ("INCRBY n 41", ":42"),
        ("DECR n", ":41"),
        ("DECRBY n -1", ":42"),
        ("EXPIRE n 10", ":1"),
        ("INCR n", ":43"),
        ("TTL n", ":10"),
        ("SET n 9223372036854775807", "+OK"),
        ("INCR n", "-ERR increment or decrement would overflow"),
        ("DECRBY n -1", "-ERR increment or decrement would overflow"),
        (
            "DECRBY n -9223372036854775808",
            "-ERR decrement would overflow",
        ),
        ("SET n -9223372036854775808", "+OK"),
        ("DECR n", "-ERR increment or decrement would overflow"),
        (
            "INCRBY n 9223372036854775808",
            "-ERR value is not an integer or out of range",
        ),
        ("SET n 007", "+OK"),
        ("INCR n", "-ERR value is not an integer or out of range"),
        ("SET n 1", "+OK"),
        ("APPEND n 2", ":2"),
        ("OBJECT ENCODING n", "$3 raw"),
        ("INCR n", ":13"),
        ("OBJECT ENCODING n", "$3 int"),
    ]);
}

#[test]
fn floats_add_up_as_in_redis() {
    check(&[
        ("INCRBYFLOAT f 10.5", "$4 10.5"),
        ("INCRBYFLOAT f 0.1", "$4 10.6"),
        ("INCRBYFLOAT f -5e0", "$3 5.6"),
        ("SET f 5.0e3 EX 10", "+OK"),
        ("INCRBYFLOAT f 2.0e2", "$4 5200"),
        ("TTL f", ":10"),
        ("OBJECT ENCODING f", "$6 embstr"),
        ("INCR f", ":5201"),
        ("INCRBYFLOAT f abc", "-ERR value is not a valid float"),
        (
            "INCRBYFLOAT f inf",
            "-ERR increment would produce NaN or Infinity",
        ),
        ("SET f word", "+OK"),
        ("INCRBYFLOAT f 1", "-ERR value is not a valid float"),
    ]);
}

#[test]
fn strings_are_edited_in_place() {
    check(&[
        ("APPEND k Hello", ":5"),
        ("APPEND k _", ":6"),
        ("SETRANGE k 6 World", ":11"),
        ("GETRANGE k 0 4", "$5 Hello"),
        ("GETRANGE k -5 -1", "$5 World"),
        ("SUBSTR k 6 100", "$5 World"),
        ("GETRANGE k 5 2", "$0 "),
        ("GETRANGE k -1 -5", "$0 "),
        ("GETRANGE k -100 -100", "$1 H"),
        ("GETRANGE k -99 -100", "$0 "),
        ("GETRANGE none 0 -1", "$0 "),
        (
            "GETRANGE k a 1",
            "-ERR value is not an integer or out of range",
        ),
        ("STRLEN k", ":11"),
        ("STRLEN none", ":0"),
        ("SETRANGE none 5 ", ":0"),
        ("EXISTS none", ":0"),
        ("SETRANGE k 100 ", ":11"),
        ("SETRANGE k -1 x", "-ERR offset is out of range"),
        (
            "SETRANGE k 536870911 xy",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
        (
            "SETRANGE k 9223372036854775807 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
        ("SETRANGE zeros 3 x", ":4"),
        ("GET zeros", "$4 \0\0\0x"),
    ]);
}

#[test]
fn the_longest_string_is_a_setting() {
    let mut node = TestNode::new();
    node.node.settings.hot.bulk_bytes = 10;
    node.expect(&[
        ("APPEND k 12345", ":5"),
        ("APPEND k 67890", ":10"),
        (
            "APPEND k 1",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
        ("SETRANGE k 9 x", ":10"),
        (
            "SETRANGE k 9 xy",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
        ("STRLEN k", ":10"),
    ]);
}

#[test]
fn lcs_finds_what_two_strings_share() {
    check(&[
        ("MSET a ohmytext b mynewtext", "+OK"),
        ("LCS a b", "$6 mytext"),
        ("LCS b a", "$6 mytext"),
        ("LCS a b LEN", ":6"),
        (
            "LCS a b IDX",
            "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6",
        ),
        (
            "LCS b a IDX MINMATCHLEN 4 WITHMATCHLEN",
            "*4 $7 matches *1 *3 *2 :5 :8 *2 :4 :7 :4 $3 len :6",
        ),
        ("LCS a none", "$0 "),
        ("LCS a none IDX", "*4 $7 matches *0 $3 len :0"),
        ("LCS a b MINMATCHLEN", "-ERR syntax error"),
        (
            "LCS a b MINMATCHLEN x",
            "-ERR value is not an integer or out of range",
        ),
        ("LCS a b WHAT", "-ERR syntax error"),
        (
            "LCS a b IDX LEN",
            "-ERR If you want both the length and indexes, please just use IDX.",
        ),
        ("SETRANGE a 20000 x", ":20001"),
        (
            "LCS a a",
            "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ),
    ]);
    let mut node = TestNode::new_resp3();
    node.expect(&[
        ("MSET a abc b xaz", "+OK"),
        (
            "LCS a b IDX",
            "%2 $7 matches *1 *2 *2 :0 :0 *2 :1 :1 $3 len :1",
        ),
    ]);
}

/// The longest common subsequence's length by its definition.
fn lcs_len(first: &[u8], second: &[u8]) -> usize {
    let mut above = vec![0; second.len() + 1];
    for byte in first {
        let mut row = vec![0];
        for (column, other) in second.iter().enumerate() {
            let longest = if byte == other {
                above[column] + 1
            } else {
                row[column].max(above[column + 1])
            };
            row.push(longest);
        }
        above = row;
    }
    above[second.len()]
}

#[test]
fn lcs_of_long_strings_comes_in_pieces_and_is_the_longest() {
    let mut node = TestNode::new();
    let text = |len: usize, seed: usize| -> String {
        let letter = |index: usize| b"abcd"[(index * index / 7 + index * seed) % 4];
        (0..len).map(|index| char::from(letter(index))).collect()
    };
    for (first_len, second_len) in [(3_000, 700), (700, 3_000), (40_000, 3), (1, 70_000)] {
        let (first, second) = (text(first_len, 3), text(second_len, 5));
        node.send(&format!("MSET a {first} b {second}"));
        let expected = lcs_len(first.as_bytes(), second.as_bytes());
        assert_eq!(node.send("LCS a b LEN"), format!(":{expected}\r\n"));
        let reply = node.send("LCS a b");
        let common = reply.split("\r\n").nth(1).expect("a string");
        assert_eq!(common.len(), expected);
        for whole in [&first, &second] {
            let mut rest = whole.bytes();
            assert!(common.bytes().all(|byte| rest.any(|other| other == byte)));
        }
        let runs = node.send("LCS a b IDX WITHMATCHLEN");
        let tail = format!("$3\r\nlen\r\n:{expected}\r\n");
        assert!(runs.ends_with(&tail), "{first_len} {second_len}");
    }
}

#[test]
fn effects_are_deterministic_and_only_of_changes() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("SET k v", "select 0 set k v"),
        ("SET k v EX 10", "set k v PXAT 1767225610000"),
        ("SETEX k 10 v", "set k v PXAT 1767225610000"),
        ("SET k v NX", ""),
        ("SET k w XX GET", "set k w"),
        ("SET k v KEEPTTL", "set k v KEEPTTL"),
        ("SETNX k v", ""),
        ("GETEX k", ""),
        ("GETEX k PERSIST", ""),
        ("GETEX k PX 500", "pexpireat k 1767225600500"),
        ("GETEX k PERSIST", "persist k"),
        ("GETEX k PXAT 5", "del k"),
        ("GETDEL k", ""),
        ("GETSET k v", "set k v"),
        ("GETDEL k", "del k"),
        ("INCRBYFLOAT k 1.50", "set k 1.5 KEEPTTL"),
        ("INCR k", ""),
        ("INCR n", "set n 1 KEEPTTL"),
        ("MSETNX n 1 m 2", ""),
        ("MSETNX m 2", "set m 2"),
        ("APPEND m ", "append m "),
        ("SETRANGE m 0 ", ""),
        ("GETRANGE m 0 1", ""),
    ]);
}

#[test]
fn reads_are_counted_as_redis_counts_them() {
    let mut node = TestNode::new();
    for line in [
        "SET k v",
        "GET k",
        "GET none",
        "MGET k none",
        "STRLEN k",
        "GETRANGE none 0 1",
        "GETSET k v",
        "SET k v GET",
        "GETEX none",
        "INCR n",
        "APPEND n 1",
        "SETNX k v",
        "LCS k none",
    ] {
        node.send(line);
    }
    let counters = node.store.counters();
    assert_eq!((counters.keyspace_hits, counters.keyspace_misses), (6, 5));
}
