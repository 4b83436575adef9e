use crate::commands::testing::TestNode;

fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn members_are_added_found_and_removed() {
    check(&[
        ("SADD s 3 1 2 3", ":3"),
        ("SADD s 1", ":0"),
        ("SMEMBERS s", "*3 $1 1 $1 2 $1 3"),
        ("OBJECT ENCODING s", "$6 intset"),
        ("SCARD s", ":3"),
        ("SCARD none", ":0"),
        ("SISMEMBER s 2", ":1"),
        ("SISMEMBER s two", ":0"),
        ("SMISMEMBER s 1 two 3", "*3 :1 :0 :1"),
        ("SMISMEMBER none 1 2", "*2 :0 :0"),
        ("SADD s two", ":1"),
        ("OBJECT ENCODING s", "$9 hashtable"),
        ("SREM s 1 9 two", ":2"),
        ("SREM none 1", ":0"),
        ("SREM s 2 3", ":2"),
        ("EXISTS s", ":0"),
        ("SMEMBERS s", "*0"),
        ("SADD s a", ":1"),
        ("SSCAN s 0", "*2 $1 0 *1 $1 a"),
        ("SSCAN s 0 MATCH b COUNT 3", "*2 $1 0 *0"),
        ("SSCAN none 0 ZORK", "*2 $1 0 *0"),
    ]);
}

#[test]
fn members_are_moved() {
    check(&[
        ("SADD a 1 2", ":2"),
        ("SMOVE none a 1", ":0"),
        ("SMOVE a b 9", ":0"),
        ("SMOVE a a 1", ":1"),
        ("SMOVE a a 9", ":0"),
        ("SMOVE a b 1", ":1"),
        ("SMOVE a b 2", ":1"),
        ("EXISTS a", ":0"),
        ("SMEMBERS b", "*2 $1 1 $1 2"),
        ("SET s v", "+OK"),
        ("SMOVE none s 1", ":0"),
        ("SMOVE s b 1", WRONG),
        ("SMOVE b s 9", WRONG),
    ]);
}

#[test]
fn sets_are_combined() {
    check(&[
        ("SADD a 1 2 3 4", ":4"),
        ("SADD b 3 4 5", ":3"),
        ("SADD c 4", ":1"),
        ("SINTER a b", "*2 $1 3 $1 4"),
        ("SINTER a b c", "*1 $1 4"),
        ("SINTER a none", "*0"),
        ("SUNION a b none", "*5 $1 1 $1 2 $1 3 $1 4 $1 5"),
        ("SDIFF a b", "*2 $1 1 $1 2"),
        ("SDIFF none a", "*0"),
        ("SDIFF a none", "*4 $1 1 $1 2 $1 3 $1 4"),
        ("SDIFF a a", "*0"),
        ("SINTERSTORE to a b", ":2"),
        ("SMEMBERS to", "*2 $1 3 $1 4"),
        ("SUNIONSTORE a a b", ":5"),
        ("SDIFFSTORE to a b", ":2"),
        ("SMEMBERS to", "*2 $1 1 $1 2"),
        ("SET to v", "+OK"),
        ("SINTERSTORE to a none", ":0"),
        ("EXISTS to", ":0"),
        ("SET to v EX 100", "+OK"),
        ("SUNIONSTORE to b", ":3"),
        ("TTL to", ":-1"),
        ("SINTERCARD 2 a b", ":3"),
        ("SINTERCARD 2 a b LIMIT 2", ":2"),
        ("SINTERCARD 2 a b LIMIT 0", ":3"),
        ("SINTERCARD 2 a none", ":0"),
        ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD x a", "-ERR numkeys should be greater than 0"),
        (
            "SINTERCARD 2 a",
            "-ERR Number of keys can't be greater than number of args",
        ),
        ("SINTERCARD 1 a LIMIT", "-ERR syntax error"),
        ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 a b", "-ERR syntax error"),
        ("SET s v", "+OK"),
        ("SINTER none s", WRONG),
        ("SUNION a s", WRONG),
        ("SDIFFSTORE to none s", WRONG),
        ("SCARD to", ":3"),
    ]);
}

#[test]
fn differences_come_out_the_same_either_way() {
    let mut node = TestNode::new();
    let mut first = vec!["SADD".to_owned(), "first".to_owned()];
    first.extend((0..1000).map(|number| format!("m{number}")));
    node.run(&first);
    let mut line = vec!["SDIFF".to_owned(), "first".to_owned()];
    for nth in 0..50 {
        node.send(&format!("SADD k{nth} m{nth} other"));
        line.push(format!("k{nth}"));
    }
    // Fifty sets of two: they are taken away one by one.
    let reply = node.run(&line);
    let members: std::collections::BTreeSet<&str> =
        reply.lines().filter(|line| line.starts_with('m')).collect();
    assert_eq!(members.len(), 950, "{reply}");
    assert!((0..50).all(|nth| !members.contains(format!("m{nth}").as_str())));
    let mut short = line[..3].to_vec();
    assert!(node.run(&short).starts_with("*999\r\n"));
    "SDIFFSTORE".clone_into(&mut line[0]);
    line.insert(1, "to".to_owned());
    assert_eq!(node.run(&line), ":950\r\n");
    short.clear();
    while node.store.expire_step(crate::store::EXPIRE_SLICE).again {}
    node.expect(&[("FLUSHALL", "+OK")]);
    assert_eq!(node.store.memory().objects, 0);
}

#[test]
fn members_are_drawn() {
    let mut node = TestNode::new();
    node.expect(&[
        ("SPOP none", "$-1"),
        ("SPOP none 3", "*0"),
        ("SRANDMEMBER none", "$-1"),
        ("SRANDMEMBER none -3", "*0"),
        ("SADD s 7", ":1"),
        ("SRANDMEMBER s", "$1 7"),
        ("SRANDMEMBER s 5", "*1 $1 7"),
        ("SRANDMEMBER s -2", "*2 $1 7 $1 7"),
        ("SPOP s 0", "*0"),
        ("SPOP s -1", "-ERR value is out of range, must be positive"),
        ("SPOP s x", "-ERR value is out of range, must be positive"),
        ("SPOP s 1 2", "-ERR syntax error"),
        ("SRANDMEMBER s 1 2", "-ERR syntax error"),
        ("SPOP s", "$1 7"),
        ("EXISTS s", ":0"),
        ("SADD s 1 2 3", ":3"),
        ("SPOP s 3", "*3 $1 1 $1 2 $1 3"),
        ("EXISTS s", ":0"),
    ]);
    let mut words = vec!["SADD".to_owned(), "s".to_owned()];
    words.extend((0..600).map(|number| number.to_string()));
    node.run(&words);
    node.expect(&[("OBJECT ENCODING s", "$9 hashtable")]);
    assert!(node.send("SPOP s 100").starts_with("*100\r\n"));
    node.expect(&[("SCARD s", ":500"), ("OBJECT ENCODING s", "$9 hashtable")]);
    assert!(node.send("SPOP s 450").starts_with("*450\r\n"));
    // Hardly any are left, so the set is made anew.
    node.expect(&[("SCARD s", ":50"), ("OBJECT ENCODING s", "$6 intset")]);
}

#[test]
fn replies_have_the_shapes_of_resp3() {
    TestNode::new_resp3().expect(&[
        ("SADD s 1", ":1"),
        ("SMEMBERS s", "~1 $1 1"),
        ("SINTER s", "~1 $1 1"),
        ("SUNION s", "~1 $1 1"),
        ("SDIFF s", "~1 $1 1"),
        ("SRANDMEMBER s 1", "*1 $1 1"),
        ("SMISMEMBER s 1", "*1 :1"),
        ("SPOP s 2", "~1 $1 1"),
        ("SPOP s 2", "~0"),
        ("SMEMBERS s", "~0"),
        ("SPOP s", "_"),
    ]);
}

#[test]
fn effects_are_what_changed() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("SADD s 1 2", "select 0 SADD s 1 2"),
        ("SADD s 1", ""),
        ("SREM s 9", ""),
        ("SMOVE s t 1", "sadd t 1 srem s 1"),
        ("SPOP s", "srem s 2"),
        ("SPOP t 5", "del t"),
        ("SADD a 1 2", "SADD a 1 2"),
        ("SUNIONSTORE b a", "multi sadd b 1 2 exec"),
        ("SINTERSTORE b a b", "multi del b sadd b 1 2 exec"),
        ("SDIFFSTORE b a b", "multi del b exec"),
        ("SDIFFSTORE b a a", ""),
    ]);
}
