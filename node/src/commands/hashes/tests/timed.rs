//! HGETDEL, HGETEX, HSETEX.

use super::*;

const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const NUMBER: &str = "-ERR Number of fields must be a positive integer";
const MISMATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";
const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn fields_are_read_and_removed_at_once() {
    check(&[
        ("HSET h a 1 b two c 3", ":3"),
        ("HEXPIRE h 100 FIELDS 1 a", "*1 :1"),
        ("HGETDEL h FIELDS 4 a none b a", "*4 $1 1 $-1 $3 two $-1"),
        ("HKEYS h", "*1 $1 c"),
        ("HSET h a 1", ":1"),
        ("HTTL h FIELDS 1 a", "*1 :-1"),
        ("HGETDEL h FIELDS 2 a c", "*2 $1 1 $1 3"),
        ("EXISTS h", ":0"),
        ("HGETDEL h FIELDS 2 a c", "*2 $-1 $-1"),
        ("SET s v", "+OK"),
        ("HGETDEL s FIELDS 0 a", WRONG),
        ("HGETDEL h FIELD 1 a", NO_FIELDS),
        ("HGETDEL h FIELDS 0 a", NUMBER),
        ("HGETDEL h FIELDS x a", NUMBER),
        ("HGETDEL h FIELDS 2 a", MISMATCH),
        ("HGETDEL h FIELDS 1 a b", MISMATCH),
        (
            "HGETDEL h FIELDS 1",
            "-ERR wrong number of arguments for 'hgetdel' command",
        ),
    ]);
}

#[test]
fn fields_are_read_and_their_end_changed() {
    let mut node = TestNode::new();
    let noon = node.now_ms;
    let invalid = "-ERR invalid expire time in 'hgetex' command";
    node.expect(&[
        ("HSET h a 1 b 2 c 3 d 4", ":4"),
        ("HGETEX h FIELDS 2 a none", "*2 $1 1 $-1"),
        ("HTTL h FIELDS 1 a", "*1 :-1"),
        ("HGETEX h EX 10 FIELDS 2 a none", "*2 $1 1 $-1"),
        ("HGETEX h px 1500 fields 1 b", "*1 $1 2"),
        ("HPTTL h FIELDS 2 a b", "*2 :10000 :1500"),
        ("HGETEX h EXAT 4000000000 FIELDS 1 c", "*1 $1 3"),
        (&format!("HGETEX h PXAT {} FIELDS 1 b", noon + 7), "*1 $1 2"),
        ("HPTTL h FIELDS 1 b", "*1 :7"),
        ("HEXPIRETIME h FIELDS 1 c", "*1 :4000000000"),
        ("HGETEX h PERSIST FIELDS 3 a d none", "*3 $1 1 $1 4 $-1"),
        ("HTTL h FIELDS 1 a", "*1 :-1"),
        ("HGETEX h PXAT 1 FIELDS 3 a a none", "*3 $1 1 $-1 $-1"),
        ("HEXISTS h a", ":0"),
        ("HGETEX none EX 1 FIELDS 1 a", "*1 $-1"),
        ("SET s v", "+OK"),
        ("HGETEX s EX x FIELDS 0 a", WRONG),
        (
            "HGETEX h EX x FIELDS 1 a",
            "-ERR value is not an integer or out of range",
        ),
        (
            "HGETEX h EX -1 FIELDS 1 a",
            "-ERR invalid expire time, must be >= 0",
        ),
        ("HGETEX h PXAT 70368744177664 FIELDS 1 a", invalid),
        ("HGETEX h EX 10 PERSIST FIELDS 1 a", NO_FIELDS),
        ("HGETEX h KEEPTTL FIELDS 1 a", NO_FIELDS),
        ("HGETEX h FIELDS 0 a", NUMBER),
        ("HGETEX h EX 10 FIELDS", NUMBER),
        ("HGETEX h FIELDS 2 a", MISMATCH),
        (
            "HGETEX h FIELDS 1",
            "-ERR wrong number of arguments for 'hgetex' command",
        ),
    ]);
}

#[test]
fn fields_are_set_with_their_end() {
    check(&[
        ("HSETEX h EX 10 FIELDS 2 a 1 b 2", ":1"),
        ("HTTL h FIELDS 2 a b", "*2 :10 :10"),
        ("HSETEX h FIELDS 1 a 3", ":1"),
        ("HTTL h FIELDS 2 a b", "*2 :-1 :10"),
        ("HSETEX h KEEPTTL FIELDS 3 a 4 b 5 c 6", ":1"),
        ("HTTL h FIELDS 3 a b c", "*3 :-1 :10 :-1"),
        ("HGETALL h", "*6 $1 a $1 4 $1 b $1 5 $1 c $1 6"),
        ("HSETEX h FNX PX 5 FIELDS 2 c 7 new 7", ":0"),
        ("HSETEX h FXX PX 5 FIELDS 2 c 7 new 7", ":0"),
        ("HGET h c", "$1 6"),
        ("HSETEX h FXX EXAT 4000000000 FIELDS 1 c 7", ":1"),
        ("HSETEX h EX 20 FNX FIELDS 1 new 8", ":1"),
        ("HEXPIRETIME h FIELDS 1 c", "*1 :4000000000"),
        ("HTTL h FIELDS 1 new", "*1 :20"),
        ("HSETEX h PXAT 1 FIELDS 2 a 1 none 1", ":1"),
        ("HMGET h a none", "*2 $-1 $-1"),
        ("HSETEX other PXAT 1 FIELDS 1 a 1", ":1"),
        ("EXISTS other", ":0"),
        ("HSETEX other FXX FIELDS 1 a 1", ":0"),
        ("EXISTS other", ":0"),
    ]);
}

#[test]
fn what_is_wrong_is_said_as_redis_says_it() {
    let arity = "-ERR wrong number of arguments for 'hsetex' command";
    let ends = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    let conditions = "-ERR Only one of FXX or FNX arguments can be specified";
    let number = "-ERR invalid number of fields";
    check(&[
        ("SET s v", "+OK"),
        ("HSETEX s FIELDS 1 a 1", WRONG),
        ("HSETEX h FIELDS 1 a", arity),
        ("HSETEX h FNX FIELDS 1 a", arity),
        ("HSETEX h FIELDS 2 a 1", arity),
        ("HSETEX h FIELDS 1 a 1 b", arity),
        ("HSETEX h FIELDS 1 a 1 b 2", arity),
        ("HSETEX h FIELDS 0 a 1", number),
        ("HSETEX h FIELDS x a 1", number),
        ("HSETEX h FIELDS 2147483648 a 1", number),
        ("HSETEX h EX 1 PX 1 FIELDS 1 a 1", ends),
        ("HSETEX h KEEPTTL EX 1 FIELDS 1 a 1", ends),
        ("HSETEX h KEEPTTL KEEPTTL FIELDS 1 a 1", ends),
        ("HSETEX h FNX FXX FIELDS 1 a 1", conditions),
        ("HSETEX h FNX FNX FIELDS 1 a 1", conditions),
        (
            "HSETEX h EX x FIELDS 1 a 1",
            "-ERR value is not an integer or out of range",
        ),
        (
            "HSETEX h EX -1 FIELDS 1 a 1",
            "-ERR invalid expire time, must be >= 0",
        ),
        (
            "HSETEX h EX 70368744178 FIELDS 1 a 1",
            "-ERR invalid expire time in 'hsetex' command",
        ),
        (
            "HSETEX h PERSIST FIELDS 1 a 1",
            "-ERR unknown argument: PERSIST",
        ),
        ("HSETEX h FNX EX 1 KEEP", "-ERR unknown argument: KEEP"),
        ("HSETEX h FNX KEEPTTL FXX a", conditions),
        ("HSETEX h EX 1 FNX PX", ends),
        ("HSETEX h FNX KEEPTTL", arity),
        ("HSETEX s FNX EX 5 FIELDS", arity),
        ("EXISTS h", ":0"),
    ]);
    let mut node = TestNode::new();
    node.expect(&[
        ("HSETEX h EX 5 FNX", arity),
        ("HSETEX h EX 5 FXX EX", ends),
        ("HSETEX h FNX fields x x x", number),
    ]);
}

#[test]
fn effects_name_moments_and_what_changed() {
    let mut node = TestNode::new();
    node.store.start_recording();
    let at = node.now_ms + 5000;
    node.expect_effects(&[
        (
            "HSETEX h EX 5 FIELDS 2 a 1 b 2",
            &format!("select 0 hsetex h PXAT {at} FIELDS 2 a 1 b 2"),
        ),
        (
            "HSETEX h FXX KEEPTTL FIELDS 1 a 3",
            "hsetex h KEEPTTL FIELDS 1 a 3",
        ),
        ("HSETEX h FNX FIELDS 1 a 3", ""),
        ("HSETEX h FIELDS 1 c 3", "hsetex h FIELDS 1 c 3"),
        ("HSETEX h PXAT 1 FIELDS 2 c 3 d 4", "hdel h c"),
        ("HGETEX h FIELDS 1 a", ""),
        (
            "HGETEX h PX 5000 FIELDS 2 a none",
            &format!("hpexpireat h {at} FIELDS 1 a"),
        ),
        ("HGETEX h PERSIST FIELDS 2 a none", "hpersist h FIELDS 1 a"),
        ("HGETEX h PERSIST FIELDS 1 a", ""),
        ("HGETEX h EXAT 1 FIELDS 2 a none", "hdel h a"),
        ("HGETDEL h FIELDS 1 none", ""),
        ("HGETDEL h FIELDS 2 none b", "hdel h b"),
        ("EXISTS h", ""),
    ]);
}

#[test]
fn a_reply_that_would_be_too_long_changes_nothing() {
    let mut node = TestNode::new();
    let value = "v".repeat(1_000_000);
    node.run(&["HSET", "h", "big", &value]);
    let limit = "normal 1500000 0 0";
    node.run(&["CONFIG", "SET", "client-output-buffer-limit", limit]);
    let too_long = "-ERR the reply exceeds the hard limit of client-output-buffer-limit; ask for fewer keys at once";
    let reply = node.send("HGETEX h EX 5 FIELDS 2 big big");
    assert_eq!(reply.trim_end(), too_long);
    node.expect(&[("HTTL h FIELDS 1 big", "*1 :-1")]);
    assert!(
        node.send("HGETDEL h FIELDS 2 none big")
            .starts_with("*2\r\n$-1\r\n$1000000\r\n")
    );
}
