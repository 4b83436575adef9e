//! Commands of hashes: replies, errors, effects.

mod expire;
mod timed;

use crate::commands::testing::TestNode;

fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

#[test]
fn fields_are_set_and_read() {
    check(&[
        ("HSET h a 1 b two", ":2"),
        ("HSET h a 3 c 4", ":1"),
        ("HGET h a", "$1 3"),
        ("HGET h none", "$-1"),
        ("HGET none a", "$-1"),
        ("HMGET h a none b", "*3 $1 3 $-1 $3 two"),
        ("HMGET none a b", "*2 $-1 $-1"),
        ("HGETALL h", "*6 $1 a $1 3 $1 b $3 two $1 c $1 4"),
        ("HKEYS h", "*3 $1 a $1 b $1 c"),
        ("HVALS h", "*3 $1 3 $3 two $1 4"),
        ("HGETALL none", "*0"),
        ("HLEN h", ":3"),
        ("HLEN none", ":0"),
        ("HEXISTS h b", ":1"),
        ("HEXISTS h none", ":0"),
        ("HSTRLEN h b", ":3"),
        ("HSTRLEN h none", ":0"),
        ("HSETNX h a 5", ":0"),
        ("HSETNX h d 5", ":1"),
        ("HMSET h e 6 f 7", "+OK"),
        ("HDEL h a none b", ":2"),
        ("HDEL none a", ":0"),
        ("HDEL h c d e f", ":4"),
        ("EXISTS h", ":0"),
        ("TYPE h", "+none"),
    ]);
}

#[test]
fn numbers_are_added_to() {
    check(&[
        ("HINCRBY h n 5", ":5"),
        ("HINCRBY h n -7", ":-2"),
        (
            "HINCRBY h n x",
            "-ERR value is not an integer or out of range",
        ),
        ("HSET h t text big 9223372036854775807", ":2"),
        ("HINCRBY h t 1", "-ERR hash value is not an integer"),
        (
            "HINCRBY h big 1",
            "-ERR increment or decrement would overflow",
        ),
        ("HINCRBYFLOAT h n 0.5", "$4 -1.5"),
        ("HINCRBY h n 1", "-ERR hash value is not an integer"),
        ("HINCRBYFLOAT h f 1e3", "$4 1000"),
        ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h n x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h n inf", "-ERR value is NaN or Infinity"),
        ("HINCRBYFLOAT h n nan", "-ERR value is not a valid float"),
        ("HSET h n inf", ":0"),
        (
            "HINCRBYFLOAT h n 1",
            "-ERR increment would produce NaN or Infinity",
        ),
        ("OBJECT ENCODING h", "$8 listpack"),
    ]);
}

#[test]
fn arguments_and_types_are_checked_in_the_order_of_redis() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&[
        ("SET s v", "+OK"),
        ("HSET s a 1", wrong),
        (
            "HSET s a 1 b",
            "-ERR wrong number of arguments for 'hset' command",
        ),
        (
            "HMSET s a",
            "-ERR wrong number of arguments for 'hmset' command",
        ),
        ("HGET s a", wrong),
        ("HMGET s a", wrong),
        ("HGETALL s", wrong),
        ("HDEL s a", wrong),
        ("HSCAN s x", "-ERR invalid cursor"),
        ("HSCAN s 0", wrong),
        ("HSCAN none 0 ZORK", "*2 $1 0 *0"),
        ("HRANDFIELD s", wrong),
        (
            "HRANDFIELD s x",
            "-ERR value is not an integer or out of range",
        ),
        ("HRANDFIELD s 1 ZORK", "-ERR syntax error"),
        (
            "HRANDFIELD s -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        (
            "HRANDFIELD s 9223372036854775807 WITHVALUES",
            "-ERR value is out of range",
        ),
        (
            "HINCRBY s a x",
            "-ERR value is not an integer or out of range",
        ),
        ("HINCRBY s a 1", wrong),
        ("HSET h a 1", ":1"),
        ("GET h", wrong),
        ("APPEND h x", wrong),
        ("HSCAN h 0 ZORK", "-ERR syntax error"),
        ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
        ("HSCAN h 0 TYPE hash", "-ERR syntax error"),
        (
            "HSCAN h 0 COUNT x",
            "-ERR value is not an integer or out of range",
        ),
        ("HSCAN h 0 MATCH a COUNT 5", "*2 $1 0 *2 $1 a $1 1"),
        ("HSCAN h 0 MATCH b", "*2 $1 0 *0"),
        ("SET h over", "+OK"),
        ("GET h", "$4 over"),
    ]);
}

#[test]
fn replies_have_the_shapes_of_resp3() {
    let mut node = TestNode::new_resp3();
    node.expect(&[
        ("HSET h a 1", ":1"),
        ("HGETALL h", "%1 $1 a $1 1"),
        ("HGETALL none", "%0"),
        ("HKEYS h", "*1 $1 a"),
        ("HGET h none", "_"),
        ("HMGET h none", "*1 _"),
        ("HRANDFIELD h", "$1 a"),
        ("HRANDFIELD none", "_"),
        ("HRANDFIELD none 5", "*0"),
        ("HRANDFIELD h 2 WITHVALUES", "*1 *2 $1 a $1 1"),
        ("HRANDFIELD h -2 WITHVALUES", "*2 *2 $1 a $1 1 *2 $1 a $1 1"),
        ("HRANDFIELD h -2", "*2 $1 a $1 a"),
        ("HSCAN h 0", "*2 $1 0 *2 $1 a $1 1"),
    ]);
}

#[test]
fn the_name_follows_the_settings_and_the_expiry_stays() {
    check(&[
        ("CONFIG SET hash-max-ziplist-entries 2", "+OK"),
        ("CONFIG SET hash-max-listpack-value 5", "+OK"),
        ("HSET h a 1 b 2", ":2"),
        ("PEXPIRE h 5000", ":1"),
        ("OBJECT ENCODING h", "$8 listpack"),
        ("HSET h a 123456", ":0"),
        ("OBJECT ENCODING h", "$9 hashtable"),
        ("HSET h a 1", ":0"),
        ("OBJECT ENCODING h", "$9 hashtable"),
        ("PTTL h", ":5000"),
        ("HSET g a 1 b 2 c 3", ":3"),
        ("OBJECT ENCODING g", "$9 hashtable"),
        ("COPY g f", ":1"),
        ("OBJECT ENCODING f", "$9 hashtable"),
        ("OBJECT REFCOUNT f", ":1"),
        ("RENAME f e", "+OK"),
        ("HGETALL e", "*6 $1 a $1 1 $1 b $1 2 $1 c $1 3"),
        ("MOVE e 1", ":1"),
        ("SELECT 1", "+OK"),
        ("HGET e c", "$1 3"),
        ("SCAN 0 TYPE hash", "*2 $1 0 *1 $1 e"),
    ]);
}

#[test]
fn effects_are_what_changed() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("HSET h a 1", "select 0 HSET h a 1"),
        ("HSETNX h a 2", ""),
        ("HSETNX h b 2", "HSETNX h b 2"),
        ("HINCRBY h a 2", "HINCRBY h a 2"),
        ("HINCRBYFLOAT h a 2.5", "hset h a 5.5"),
        ("HDEL h none", ""),
        ("HDEL h a b", "HDEL h a b"),
        ("EXISTS h", ""),
    ]);
}

#[test]
fn a_large_hash_is_scanned_drawn_from_and_removed() {
    let mut node = TestNode::new();
    for start in (0..5000).step_by(100) {
        let mut words = vec!["HSET".to_owned(), "h".to_owned()];
        words
            .extend((start..start + 100).flat_map(|number| [format!("f{number}"), "v".repeat(30)]));
        assert_eq!(node.run(&words), ":100\r\n");
    }
    node.expect(&[
        ("HLEN h", ":5000"),
        ("HGET h f4999", &format!("$30 {}", "v".repeat(30))),
    ]);
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let reply = node.send(&format!("HSCAN h {cursor} COUNT 100"));
        let lines: Vec<&str> = reply.split("\r\n").collect();
        cursor = lines[2].to_owned();
        seen.extend(
            lines
                .iter()
                .filter(|line| line.starts_with('f'))
                .map(|line| (*line).to_owned()),
        );
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 5000);
    for count in [10, 1000, 4000, 5000, 9000] {
        let reply = node.send(&format!("HRANDFIELD h {count}"));
        let drawn: std::collections::BTreeSet<&str> =
            reply.lines().filter(|line| line.starts_with('f')).collect();
        assert_eq!(drawn.len(), count.min(5000));
    }
    let before = node.store.memory().objects;
    assert!(before > 5000 * 36);
    node.expect(&[("DEL h", ":1"), ("HLEN h", ":0")]);
    while node.store.expire_step(crate::store::EXPIRE_SLICE).again {}
    assert_eq!(node.store.memory().objects, 0);
}
