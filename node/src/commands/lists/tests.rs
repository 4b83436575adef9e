use crate::commands::testing::TestNode;

/// Sends the commands of a script one by one to a new node and compares the replies.
fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

#[test]
fn elements_are_pushed_at_either_end() {
    check(&[
        ("RPUSH l a b", ":2"),
        ("LPUSH l c d", ":4"),
        ("LRANGE l 0 -1", "*4 $1 d $1 c $1 a $1 b"),
        ("LLEN l", ":4"),
        ("LPUSHX l e", ":5"),
        ("RPUSHX l f", ":6"),
        ("LRANGE l 0 -1", "*6 $1 e $1 d $1 c $1 a $1 b $1 f"),
        ("LPUSHX none x", ":0"),
        ("RPUSHX none x", ":0"),
        ("EXISTS none", ":0"),
        ("LLEN none", ":0"),
        ("TYPE l", "+list"),
        ("SET s v", "+OK"),
        (
            "RPUSH s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "LPUSHX s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "LLEN s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn elements_are_found_by_position() {
    check(&[
        ("RPUSH l a b c 1", ":4"),
        ("LINDEX l 0", "$1 a"),
        ("LINDEX l 3", "$1 1"),
        ("LINDEX l -1", "$1 1"),
        ("LINDEX l -4", "$1 a"),
        ("LINDEX l -5", "$-1"),
        ("LINDEX l 4", "$-1"),
        ("LINDEX l x", "-ERR value is not an integer or out of range"),
        ("LINDEX none x", "$-1"),
        ("LRANGE l 1 2", "*2 $1 b $1 c"),
        ("LRANGE l -3 -3", "*1 $1 b"),
        ("LRANGE l -100 -99", "*0"),
        ("LRANGE l 3 1", "*0"),
        ("LRANGE l 4 9", "*0"),
        ("LRANGE l -100 0", "*1 $1 a"),
        ("LRANGE none 0 -1", "*0"),
        (
            "LRANGE none x 1",
            "-ERR value is not an integer or out of range",
        ),
        ("LSET l 0 A", "+OK"),
        ("LSET l -1 2", "+OK"),
        ("LSET l 4 x", "-ERR index out of range"),
        ("LSET l -5 x", "-ERR index out of range"),
        ("LSET l x x", "-ERR value is not an integer or out of range"),
        ("LSET none x x", "-ERR no such key"),
        ("LRANGE l 0 -1", "*4 $1 A $1 b $1 c $1 2"),
    ]);
}

#[test]
fn elements_are_put_beside_others() {
    check(&[
        ("RPUSH l a b a", ":3"),
        ("LINSERT l BEFORE a x", ":4"),
        ("LINSERT l after b y", ":5"),
        ("LINSERT l after none y", ":-1"),
        ("LINSERT none before a x", ":0"),
        ("LINSERT l beside a x", "-ERR syntax error"),
        ("LRANGE l 0 -1", "*5 $1 x $1 a $1 b $1 y $1 a"),
    ]);
}

#[test]
fn ends_are_taken() {
    check(&[
        ("RPUSH l a b c d e f", ":6"),
        ("LPOP l", "$1 a"),
        ("RPOP l", "$1 f"),
        ("LPOP l 2", "*2 $1 b $1 c"),
        ("RPOP l 0", "*0"),
        ("RPOP l 9", "*2 $1 e $1 d"),
        ("EXISTS l", ":0"),
        ("LPOP l", "$-1"),
        ("LPOP l 1", "*-1"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("LPOP l x", "-ERR value is out of range, must be positive"),
        (
            "LPOP l 1 2",
            "-ERR wrong number of arguments for 'lpop' command",
        ),
        ("RPUSH l a b c", ":3"),
        ("RPOP l 2", "*2 $1 c $1 b"),
        ("LRANGE l 0 -1", "*1 $1 a"),
        ("SET s v", "+OK"),
        (
            "LPOP s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "RPOP s 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn the_first_list_of_many_is_taken_from() {
    check(&[
        ("RPUSH b 1 2 3", ":3"),
        ("LMPOP 2 a b LEFT", "*2 $1 b *1 $1 1"),
        ("LMPOP 2 a b right COUNT 9", "*2 $1 b *2 $1 3 $1 2"),
        ("LMPOP 2 a b LEFT", "*-1"),
        ("LMPOP 0 a LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP x a LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 a LEFT", "-ERR syntax error"),
        ("LMPOP 1 a UP", "-ERR syntax error"),
        (
            "LMPOP 1 a LEFT COUNT 0",
            "-ERR count should be greater than 0",
        ),
        ("LMPOP 1 a LEFT COUNT 1 COUNT 1", "-ERR syntax error"),
        ("LMPOP 1 a LEFT COUNT", "-ERR syntax error"),
        ("SET s v", "+OK"),
        ("RPUSH b 1", ":1"),
        (
            "LMPOP 2 s b LEFT",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("LMPOP 9223372036854775807 a LEFT", "-ERR syntax error"),
    ]);
}

#[test]
fn elements_are_dropped() {
    check(&[
        ("RPUSH l a b a c a b", ":6"),
        ("LREM l 2 a", ":2"),
        ("LRANGE l 0 -1", "*4 $1 b $1 c $1 a $1 b"),
        ("LREM l -1 b", ":1"),
        ("LRANGE l 0 -1", "*3 $1 b $1 c $1 a"),
        ("LREM l 0 none", ":0"),
        ("LREM none 0 a", ":0"),
        ("LREM l x a", "-ERR value is not an integer or out of range"),
        ("LREM l 0 c", ":1"),
        ("LREM l -9223372036854775808 b", ":1"),
        ("LREM l 0 a", ":1"),
        ("EXISTS l", ":0"),
        ("RPUSH l 0 1 2 3 4", ":5"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "*3 $1 1 $1 2 $1 3"),
        ("LTRIM l 0 9", "+OK"),
        ("LTRIM l 5 6", "+OK"),
        ("EXISTS l", ":0"),
        ("LTRIM none 0 1", "+OK"),
        (
            "LTRIM none x 1",
            "-ERR value is not an integer or out of range",
        ),
    ]);
}

#[test]
fn positions_of_equal_elements_are_told() {
    check(&[
        ("RPUSH l a b c 1 2 3 c c", ":8"),
        ("LPOS l c", ":2"),
        ("LPOS l c RANK 2", ":6"),
        ("LPOS l c RANK -1", ":7"),
        ("LPOS l c RANK -1 COUNT 2", "*2 :7 :6"),
        ("LPOS l c COUNT 0", "*3 :2 :6 :7"),
        ("LPOS l c COUNT 2 RANK 2", "*2 :6 :7"),
        ("LPOS l c MAXLEN 2", "$-1"),
        ("LPOS l c MAXLEN 3 COUNT 0", "*1 :2"),
        ("LPOS l c RANK -2 MAXLEN 1", "$-1"),
        ("LPOS l c RANK 4", "$-1"),
        ("LPOS l x", "$-1"),
        ("LPOS l x COUNT 1", "*0"),
        ("LPOS none a", "$-1"),
        ("LPOS none a COUNT 1", "*0"),
        (
            "LPOS l c RANK 0",
            "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        ),
        ("LPOS l c RANK -9223372036854775808", ":7"),
        ("LPOS l c COUNT -1", "-ERR COUNT can't be negative"),
        ("LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative"),
        ("LPOS l c RANK", "-ERR syntax error"),
        ("LPOS l c FOO 1", "-ERR syntax error"),
        ("LPOS l 2", ":4"),
    ]);
}

#[test]
fn elements_move_between_lists_and_round_one() {
    check(&[
        ("RPUSH l a b c", ":3"),
        ("LMOVE l m LEFT RIGHT", "$1 a"),
        ("LMOVE l m right left", "$1 c"),
        ("LRANGE m 0 -1", "*2 $1 c $1 a"),
        ("LMOVE l m LEFT LEFT", "$1 b"),
        ("EXISTS l", ":0"),
        ("LMOVE l m LEFT LEFT", "$-1"),
        ("LMOVE m m LEFT RIGHT", "$1 b"),
        ("LMOVE m m RIGHT LEFT", "$1 b"),
        ("LMOVE m m LEFT LEFT", "$1 b"),
        ("LMOVE m m RIGHT RIGHT", "$1 a"),
        ("LRANGE m 0 -1", "*3 $1 b $1 c $1 a"),
        ("RPOPLPUSH m m", "$1 a"),
        ("RPOPLPUSH m n", "$1 c"),
        ("RPOPLPUSH none n", "$-1"),
        ("LMOVE m n UP LEFT", "-ERR syntax error"),
        ("SET s v", "+OK"),
        (
            "LMOVE m s LEFT LEFT",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "LMOVE s m LEFT LEFT",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("LMOVE none s LEFT LEFT", "$-1"),
        ("LRANGE m 0 -1", "*2 $1 a $1 b"),
        ("RPUSH one x", ":1"),
        ("LMOVE one one LEFT RIGHT", "$1 x"),
        ("LRANGE one 0 -1", "*1 $1 x"),
    ]);
}

#[test]
fn a_new_protocol_has_its_own_nulls() {
    TestNode::new_resp3().expect(&[
        ("LPOP none", "_"),
        ("LPOP none 1", "_"),
        ("LINDEX none 0", "_"),
        ("LPOS none a", "_"),
        ("LMPOP 1 none LEFT", "_"),
        ("LMOVE none none LEFT LEFT", "_"),
    ]);
}

/// A node that records, and forgets what made its first keys.
fn recording(first: &str) -> TestNode {
    let mut node = TestNode::new();
    node.send(first);
    node.store.start_recording();
    node.send("SELECT 0");
    node.send("SET first 1");
    node.store.take_effects();
    node
}

#[test]
fn effects_say_what_was_done() {
    recording("RPUSH l a b c d e a a").expect_effects(&[
        ("RPUSH l x y", "RPUSH l x y"),
        ("LPUSHX none x", ""),
        ("LPOP l", "LPOP l"),
        ("RPOP l 2", "RPOP l 2"),
        ("RPOP l 0", ""),
        ("LMPOP 2 none l LEFT COUNT 1", "lpop l 1"),
        ("LREM l 1 none", ""),
        ("LREM l 1 a", "lrem l 1 a"),
        ("LTRIM l 0 -1", ""),
        ("LSET l 0 C", "LSET l 0 C"),
        ("LINSERT l BEFORE none y", ""),
        ("LINSERT l BEFORE C y", "LINSERT l BEFORE C y"),
        ("LMOVE l m LEFT RIGHT", "LMOVE l m LEFT RIGHT"),
        ("RPOPLPUSH l l", "RPOPLPUSH l l"),
        ("LTRIM l 9 9", "LTRIM l 9 9"),
        ("LRANGE l 0 -1", ""),
    ]);
}

#[test]
fn a_long_list_is_what_a_short_one_was() {
    let mut node = TestNode::new();
    for number in 0..3000 {
        node.send(&format!("RPUSH l {number} element:{number}"));
    }
    node.expect(&[
        ("LLEN l", ":6000"),
        ("LINDEX l 4001", "$12 element:2000"),
        ("LPOS l element:2999", ":5999"),
        ("LINSERT l AFTER element:1500 new", ":6001"),
        ("LINDEX l 3002", "$3 new"),
        ("LREM l -1 element:10", ":1"),
        ("LTRIM l 10 -11", "+OK"),
        ("LLEN l", ":5980"),
        ("LPOP l", "$1 5"),
        ("COPY l m", ":1"),
        ("DEL l", ":1"),
        ("RPOP m", "$12 element:2994"),
        ("LLEN m", ":5978"),
        ("LTRIM m 1 0", "+OK"),
        ("EXISTS m", ":0"),
    ]);
}

#[test]
fn a_range_beyond_the_bound_of_replies_is_an_error() {
    let mut node = TestNode::new();
    let limit = [
        "CONFIG",
        "SET",
        "client-output-buffer-limit",
        "normal 1000 0 0",
    ];
    assert_eq!(node.run(&limit), "+OK\r\n");
    let element = "x".repeat(300);
    node.send(&format!("RPUSH l {element} {element} {element}"));
    assert!(node.send("LRANGE l 0 -1").starts_with("*3\r\n"));
    node.send(&format!("RPUSH l {element}"));
    let refused = "-ERR the reply exceeds the hard limit";
    assert!(node.send("LRANGE l 0 -1").starts_with(refused));
    assert!(node.send("LPOP l 4").starts_with(refused));
    assert_eq!(node.send("LLEN l"), ":4\r\n");
}
