//! HEXPIRE and HTTL with their kind, HPERSIST; and what other commands see of fields that end.

use super::*;

const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const MISMATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";

#[test]
fn ends_are_set_told_and_taken_away() {
    let mut node = TestNode::new();
    let noon = node.now_ms;
    let (later, seconds) = (noon + 1500, (noon + 1500).div_ceil(1000));
    node.expect(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HPEXPIRE h 1500 FIELDS 2 a none", "*2 :1 :-2"),
        ("HPTTL h FIELDS 3 a b none", "*3 :1500 :-1 :-2"),
        ("HTTL h FIELDS 1 a", "*1 :2"),
        ("HPEXPIRETIME h FIELDS 1 a", &format!("*1 :{later}")),
        ("HEXPIRETIME h FIELDS 1 a", &format!("*1 :{seconds}")),
        ("HEXPIRE h 100 FIELDS 1 a", "*1 :1"),
        ("HTTL h FIELDS 1 a", "*1 :100"),
        ("HEXPIREAT h 4000000000 FIELDS 1 b", "*1 :1"),
        ("HEXPIRETIME h FIELDS 1 b", "*1 :4000000000"),
        ("HPEXPIREAT h 4000000000001 FIELDS 1 b", "*1 :1"),
        ("HEXPIRETIME h FIELDS 1 b", "*1 :4000000001"),
        ("HPERSIST h FIELDS 4 a c none a", "*4 :1 :-1 :-2 :-1"),
        (
            "HTTL h FIELDS 2 a b",
            &format!("*2 :-1 :{}", (4_000_000_000_001 - noon).div_ceil(1000)),
        ),
        ("HTTL none FIELDS 2 a b", "*2 :-2 :-2"),
        ("HPERSIST none FIELDS 1 a", "*1 :-2"),
        ("HEXPIRE none 5 FIELDS 2 a b", "*2 :-2 :-2"),
        ("EXISTS none", ":0"),
    ]);
}

#[test]
fn conditions_are_those_of_redis() {
    check(&[
        ("HSET h t 1 u 2", ":2"),
        ("HEXPIRE h 100 XX FIELDS 2 t u", "*2 :0 :0"),
        ("HEXPIRE h 100 GT FIELDS 1 t", "*1 :0"),
        ("HEXPIRE h 100 NX FIELDS 2 t t", "*2 :1 :0"),
        ("HEXPIRE h 100 gt FIELDS 1 t", "*1 :0"),
        ("HEXPIRE h 100 LT FIELDS 1 t", "*1 :0"),
        ("HEXPIRE h 101 GT FIELDS 1 t", "*1 :1"),
        ("HEXPIRE h 50 lt FIELDS 2 t u", "*2 :1 :1"),
        ("HEXPIRE h 70 XX FIELDS 1 t", "*1 :1"),
        ("HTTL h FIELDS 2 t u", "*2 :70 :50"),
    ]);
}

#[test]
fn a_time_that_is_past_takes_the_field_and_with_the_last_one_the_key() {
    check(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HEXPIRE h 0 FIELDS 3 a a none", "*3 :2 :-2 :-2"),
        ("HKEYS h", "*2 $1 b $1 c"),
        ("HPEXPIREAT h 1 NX FIELDS 1 b", "*1 :2"),
        ("HPEXPIREAT h 1 XX FIELDS 1 c", "*1 :0"),
        ("HEXPIREAT h 0 FIELDS 1 c", "*1 :2"),
        ("EXISTS h", ":0"),
    ]);
}

#[test]
fn what_is_wrong_is_said_as_redis_says_it() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let arity = |name: &str| format!("-ERR wrong number of arguments for '{name}' command");
    let invalid = |name: &str| format!("-ERR invalid expire time in '{name}' command");
    let count = "-ERR Parameter `numFields` should be greater than 0";
    let number = "-ERR Number of fields must be a positive integer";
    let not_integer = "-ERR value is not an integer or out of range";
    let mut node = TestNode::new();
    node.expect(&[
        ("SET s v", "+OK"),
        ("HSET h a 1", ":1"),
        ("HEXPIRE s x NX 1", &arity("hexpire")),
        ("HEXPIRE s x FIELDS 1 a", wrong),
        ("HEXPIRE h x FIELDS 1 a", not_integer),
        (
            "HEXPIRE h -1 FIELDS 1 a",
            "-ERR invalid expire time, must be >= 0",
        ),
        ("HEXPIRE h 70368744178 FIELDS 1 a", &invalid("hexpire")),
        (
            "HPEXPIREAT h 70368744177664 FIELDS 1 a",
            &invalid("hpexpireat"),
        ),
        ("HPEXPIREAT h 70368744177663 FIELDS 1 a", "*1 :1"),
        ("HPEXPIRE h 70368744177663 FIELDS 1 a", &invalid("hpexpire")),
        (
            "HEXPIREAT h 9223372036854775807 FIELDS 1 a",
            &invalid("hexpireat"),
        ),
        ("HEXPIRE h 1 FIELD 1 a", NO_FIELDS),
        ("HEXPIRE h 1 NX XX FIELDS 1 a", NO_FIELDS),
        ("HEXPIRE h 1 FIELDS 0 a", count),
        ("HEXPIRE h 1 FIELDS x a", count),
        ("HEXPIRE h 1 FIELDS -1 a", count),
        ("HEXPIRE h 1 FIELDS 2 a", MISMATCH),
        ("HEXPIRE h 1 FIELDS 1 a b", MISMATCH),
        ("HEXPIRE h 1 NX FIELDS 1", MISMATCH),
        ("HEXPIRE h 1 FIELDS 9223372036854775807 a", MISMATCH),
        ("HTTL h FIELDS 1", &arity("httl")),
        ("HTTL s FIELDS x a", wrong),
        ("HTTL h a 1 FIELDS", NO_FIELDS),
        ("HPTTL h FIELDS 0 a", number),
        ("HEXPIRETIME h FIELDS 2 a", MISMATCH),
        ("HPERSIST s FIELDS 0 a", wrong),
        ("HPERSIST h FIELDS 0 a", number),
        ("HPERSIST h FIELDS 3 a", MISMATCH),
        ("HPERSIST h FIELDS 1", &arity("hpersist")),
    ]);
}

#[test]
fn a_field_that_is_over_is_seen_by_no_command() {
    for fields in [3, 3000] {
        let mut node = TestNode::new();
        let mut words = vec!["HSET".to_owned(), "h".to_owned()];
        words.extend((0..fields).flat_map(|number| [format!("f{number}"), "7".to_owned()]));
        node.run(&words);
        node.expect(&[
            ("HPEXPIRE h 10 FIELDS 2 f0 f1", "*2 :1 :1"),
            ("HGET h f0", "$1 7"),
        ]);
        node.advance_ms(10);
        let left = fields - 2;
        node.expect(&[
            ("HGET h f0", "$-1"),
            ("HMGET h f0 f2", "*2 $-1 $1 7"),
            ("HEXISTS h f1", ":0"),
            ("HSTRLEN h f1", ":0"),
            ("HLEN h", &format!(":{left}")),
            ("HTTL h FIELDS 2 f0 f2", "*2 :-2 :-1"),
            ("HPERSIST h FIELDS 1 f0", "*1 :-2"),
            ("HEXPIRE h 100 FIELDS 1 f1", "*1 :-2"),
            ("HDEL h f0 f1", ":0"),
            ("SADD s f0", ":1"),
            ("SORT s BY nosort GET h->f0 GET #", "*2 $-1 $2 f0"),
        ]);
        for command in ["HKEYS h", "HGETALL h", "HSCAN h 0 COUNT 10000"] {
            let reply = node.send(command);
            assert!(
                !reply.contains("f0\r\n") && !reply.contains("f1\r\n"),
                "{command}"
            );
            assert!(reply.contains("f2\r\n"), "{command}");
        }
        let drawn = node.send("HRANDFIELD h 5000");
        assert!(drawn.starts_with(&format!("*{left}\r\n")) && !drawn.contains("f0\r\n"));
        assert!(node.send("HVALS h").starts_with(&format!("*{left}\r\n")));
    }
}

#[test]
fn what_meets_a_field_that_is_over_begins_anew() {
    let mut node = TestNode::new();
    node.expect(&[
        ("HSET h a 5 b 5 c 5 d 5 stays 1", ":5"),
        ("HPEXPIRE h 10 FIELDS 4 a b c d", "*4 :1 :1 :1 :1"),
    ]);
    node.advance_ms(10);
    node.expect(&[
        ("HINCRBY h a 2", ":2"),
        ("HINCRBYFLOAT h b 1.5", "$3 1.5"),
        ("HSETNX h c new", ":1"),
        ("HSET h d 6", ":1"),
        ("HTTL h FIELDS 4 a b c d", "*4 :-1 :-1 :-1 :-1"),
        ("HLEN h", ":5"),
    ]);
}

#[test]
fn writes_keep_or_drop_the_end_of_a_field_as_in_redis() {
    check(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HEXPIRE h 100 FIELDS 3 a b c", "*3 :1 :1 :1"),
        ("HINCRBY h a 1", ":2"),
        ("HINCRBYFLOAT h b 0.5", "$3 2.5"),
        ("HTTL h FIELDS 3 a b c", "*3 :100 :100 :100"),
        ("HSETNX h c 9", ":0"),
        ("HTTL h FIELDS 1 c", "*1 :100"),
        ("HSET h a 1", ":0"),
        ("HMSET h b 1", "+OK"),
        ("HTTL h FIELDS 3 a b c", "*3 :-1 :-1 :100"),
        ("HDEL h c", ":1"),
        ("HSET h c 1", ":1"),
        ("HTTL h FIELDS 1 c", "*1 :-1"),
    ]);
}

#[test]
fn a_key_all_of_whose_fields_are_over_is_not_there() {
    let mut node = TestNode::new();
    node.expect(&[
        ("HSET h a 1 b 2", ":2"),
        ("HPEXPIRE h 10 FIELDS 1 a", "*1 :1"),
        ("HPEXPIRE h 20 FIELDS 1 b", "*1 :1"),
    ]);
    node.advance_ms(10);
    node.expect(&[("EXISTS h", ":1"), ("HGETALL h", "*2 $1 b $1 2")]);
    node.advance_ms(10);
    node.expect(&[
        ("TYPE h", "+none"),
        ("HGETALL h", "*0"),
        ("SET other 1", "+OK"),
        ("RENAME h x", "-ERR no such key"),
        ("SET h text", "+OK"),
        ("GET h", "$4 text"),
        ("DEL h", ":1"),
        ("HLEN h", ":0"),
        ("HSET h c 1", ":1"),
        ("HLEN h", ":1"),
    ]);
}

#[test]
fn names_and_numbers_tell_of_them() {
    let mut node = TestNode::new();
    node.expect(&[
        ("HSET h a 1 b 2", ":2"),
        ("OBJECT ENCODING h", "$8 listpack"),
        ("HPEXPIRE h 10 FIELDS 1 a", "*1 :1"),
        ("OBJECT ENCODING h", "$10 listpackex"),
        ("COPY h g", ":1"),
        ("OBJECT ENCODING g", "$10 listpackex"),
    ]);
    assert!(
        node.send("INFO keyspace")
            .contains("keys=2,expires=0,avg_ttl=0,subexpiry=2\r\n")
    );
    node.advance_ms(10);
    node.expect(&[("HDEL g a", ":0"), ("OBJECT ENCODING g", "$8 listpack")]);
    assert!(node.send("INFO keyspace").contains("subexpiry=1\r\n"));
    assert!(
        node.send("INFO stats")
            .contains("\r\nexpired_subkeys:1\r\n")
    );
}

#[test]
fn effects_name_moments_and_what_changed() {
    let mut node = TestNode::new();
    node.store.start_recording();
    let at = node.now_ms + 5000;
    node.expect_effects(&[
        ("HSET h a 1 b 2 c 3 d 4", "select 0 HSET h a 1 b 2 c 3 d 4"),
        (
            "HEXPIRE h 5 FIELDS 2 a none",
            &format!("hpexpireat h {at} FIELDS 1 a"),
        ),
        (
            "HEXPIRE h 5 NX FIELDS 2 a b",
            &format!("hpexpireat h {at} FIELDS 1 b"),
        ),
        ("HEXPIRE h 5 GT FIELDS 2 c d", ""),
        ("HINCRBY h a 2", "HINCRBY h a 2"),
        ("HINCRBYFLOAT h a 0.5", "hsetex h KEEPTTL FIELDS 1 a 3.5"),
        ("HINCRBYFLOAT h c 0.5", "hset h c 3.5"),
        ("HEXPIREAT h 1 FIELDS 2 d d", "hdel h d"),
        ("HPERSIST h FIELDS 3 a c none", "hpersist h FIELDS 1 a"),
        ("HPERSIST h FIELDS 1 a", ""),
    ]);
    node.advance_ms(5000);
    node.expect_effects(&[
        ("HGET h b", ""),
        ("HINCRBY h b 1", "hdel h b HINCRBY h b 1"),
        (
            "HPEXPIRE h 1 FIELDS 3 a b c",
            &format!("hpexpireat h {} FIELDS 3 a b c", at + 1),
        ),
    ]);
    node.advance_ms(1);
    node.expect_effects(&[("HGET h b", "del h")]);
}

#[test]
fn very_many_fields_that_are_over_hold_nobody_up() {
    let mut node = TestNode::new();
    let fields: Vec<String> = (0..20_000).map(|number| format!("f{number}")).collect();
    for some in fields.chunks(1000) {
        let mut words = vec!["HSETEX", "h", "PX", "10", "FIELDS", "1000"];
        words.extend(some.iter().flat_map(|field| [field.as_str(), "v"]));
        assert_eq!(node.run(&words), ":1\r\n");
    }
    node.expect(&[("HSET h stays 1", ":1")]);
    node.advance_ms(10);
    node.expect(&[
        ("HLEN h", ":1"),
        ("HGETALL h", "*2 $5 stays $1 1"),
        ("HKEYS h", "*1 $5 stays"),
        ("HVALS h", "*1 $1 1"),
    ]);
    for command in ["HRANDFIELD h 3", "HRANDFIELD h -3"] {
        let reply = node.send(command);
        let only = |line: &str| !line.starts_with('f');
        assert!(reply.lines().all(only), "{reply}");
    }
    let (mut cursor, mut calls, mut seen) = ("0".to_owned(), 0, 0);
    loop {
        let reply = node.send(&format!("HSCAN h {cursor}"));
        cursor = reply.lines().nth(2).expect("a cursor").to_owned();
        seen += reply.matches("stays").count();
        calls += 1;
        if cursor == "0" {
            break;
        }
    }
    assert!(calls > 20 && seen == 1, "{calls} {seen}");
}

#[test]
fn a_long_reply_is_that_of_one_moment_while_fields_end() {
    let mut node = TestNode::new();
    let value = "v".repeat(1000);
    for start in (0..4000).step_by(500) {
        let mut words = vec!["HSET".to_owned(), "h".to_owned()];
        let fields = start..start + 500;
        words.extend(
            fields
                .clone()
                .flat_map(|number| [format!("f{number}"), value.clone()]),
        );
        node.run(&words);
        let mut words: Vec<String> = ["HPEXPIRE", "h", "10", "FIELDS", "250"]
            .map(str::to_owned)
            .to_vec();
        words.extend(fields.step_by(2).map(|number| format!("f{number}")));
        node.run(&words);
    }
    assert!(node.send("HGETALL h").starts_with("*8000\r\n"));
    node.advance_ms(10);
    let reply = node.send("HGETALL h");
    assert!(reply.starts_with("*4000\r\n"));
    assert_eq!(reply.matches(&value).count(), 2000);
}
