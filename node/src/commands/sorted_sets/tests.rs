use crate::commands::testing::TestNode;

/// Sends the commands of a script one by one to a new node and compares the replies.
fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

#[test]
fn members_get_scores() {
    check(&[
        ("ZADD z 1 a 2 b", ":2"),
        ("ZADD z 1 a 3 b 4 c", ":1"),
        ("ZADD z CH 1 a 5 b 4 d", ":2"),
        ("ZADD z NX 9 a 9 e", ":1"),
        ("ZADD z XX CH 9 a 9 f", ":1"),
        ("ZADD z GT CH 8 a 10 e", ":1"),
        ("ZADD z LT CH 8 a 11 e", ":1"),
        ("ZADD z INCR 1 a", "$1 9"),
        ("ZADD z NX INCR 1 a", "$-1"),
        ("ZADD z XX INCR 1 none", "$-1"),
        ("ZADD z GT INCR -1 a", "$-1"),
        ("ZINCRBY z 2.5 new", "$3 2.5"),
        ("ZINCRBY z inf new", "$3 inf"),
        (
            "ZINCRBY z -inf new",
            "-ERR resulting score is not a number (NaN)",
        ),
        ("ZSCORE z new", "$3 inf"),
        (
            "ZRANGE z 0 -1 WITHSCORES",
            "*12 $1 c $1 4 $1 d $1 4 $1 b $1 5 $1 a $1 9 $1 e $2 10 $3 new $3 inf",
        ),
        ("ZADD none XX 1 a", ":0"),
        ("EXISTS none", ":0"),
        ("TYPE z", "+zset"),
        ("SET s v", "+OK"),
        (
            "ZADD s 1 a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "ZSCORE s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn wrong_additions_are_refused() {
    check(&[
        (
            "ZADD z 1",
            "-ERR wrong number of arguments for 'zadd' command",
        ),
        ("ZADD z 1 a 2", "-ERR syntax error"),
        (
            "ZADD z NX",
            "-ERR wrong number of arguments for 'zadd' command",
        ),
        (
            "ZADD z NX XX 1 a",
            "-ERR XX and NX options at the same time are not compatible",
        ),
        (
            "ZADD z GT LT 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible",
        ),
        (
            "ZADD z GT NX 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible",
        ),
        (
            "ZADD z INCR 1 a 2 b",
            "-ERR INCR option supports a single increment-element pair",
        ),
        ("ZADD z x a", "-ERR value is not a valid float"),
        ("ZADD z 1 a nan b", "-ERR value is not a valid float"),
        ("ZADD z 1e400 a", "-ERR value is not a valid float"),
        ("ZINCRBY z nx a", "-ERR syntax error"),
        ("ZINCRBY z x a", "-ERR value is not a valid float"),
        ("EXISTS z", ":0"),
    ]);
}

#[test]
fn scores_ranks_and_counts_are_told() {
    check(&[
        ("ZADD z 1 a 2 b 2 c inf d", ":4"),
        ("ZCARD z", ":4"),
        ("ZCARD none", ":0"),
        ("ZSCORE z d", "$3 inf"),
        ("ZSCORE z x", "$-1"),
        ("ZSCORE none x", "$-1"),
        ("ZMSCORE z a x c", "*3 $1 1 $-1 $1 2"),
        ("ZMSCORE none a", "*1 $-1"),
        ("ZRANK z c", ":2"),
        ("ZREVRANK z c", ":1"),
        ("ZRANK z x", "$-1"),
        ("ZRANK none x", "$-1"),
        ("ZCOUNT z 1 2", ":3"),
        ("ZCOUNT z (1 (inf", ":2"),
        ("ZCOUNT z -inf +inf", ":4"),
        ("ZCOUNT z 2 1", ":0"),
        ("ZCOUNT z x 1", "-ERR min or max is not a float"),
        ("ZCOUNT none 0 1", ":0"),
        ("ZADD x 0 a 0 b 0 c", ":3"),
        ("ZLEXCOUNT x - +", ":3"),
        ("ZLEXCOUNT x (a [c", ":2"),
        ("ZLEXCOUNT x + -", ":0"),
        (
            "ZLEXCOUNT x a c",
            "-ERR min or max not valid string range item",
        ),
        ("ZLEXCOUNT none - +", ":0"),
    ]);
}

#[test]
fn ranges_are_told_by_rank_score_and_text() {
    check(&[
        ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
        ("ZRANGE z 1 2", "*2 $1 b $1 c"),
        (
            "ZRANGE z 0 -2 REV WITHSCORES",
            "*6 $1 d $1 4 $1 c $1 3 $1 b $1 2",
        ),
        ("ZREVRANGE z 0 0 WITHSCORES", "*2 $1 d $1 4"),
        ("ZRANGE z (1 3 BYSCORE", "*2 $1 b $1 c"),
        ("ZRANGE z 3 (1 BYSCORE REV", "*2 $1 c $1 b"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "*2 $1 b $1 c"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "*0"),
        (
            "ZRANGEBYSCORE z -inf +inf LIMIT 2 -5 WITHSCORES",
            "*4 $1 c $1 3 $1 d $1 4",
        ),
        ("ZREVRANGEBYSCORE z +inf 2 LIMIT 1 1", "*1 $1 c"),
        ("ZREVRANGEBYSCORE z 2 3", "*0"),
        ("ZADD x 0 a 0 b 0 c 0 d", ":4"),
        ("ZRANGEBYLEX x [b +", "*3 $1 b $1 c $1 d"),
        ("ZRANGEBYLEX x - + LIMIT 1 2", "*2 $1 b $1 c"),
        ("ZREVRANGEBYLEX x (d -", "*3 $1 c $1 b $1 a"),
        ("ZRANGE x [a (c BYLEX", "*2 $1 a $1 b"),
        ("ZRANGE x + - BYLEX REV LIMIT 0 1", "*1 $1 d"),
        ("ZRANGE none 0 -1", "*0"),
        (
            "ZRANGE z 0 -1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ),
        ("ZRANGE z 0 -1 LIMIT 5 -1", "*4 $1 a $1 b $1 c $1 d"),
        (
            "ZRANGE x - + BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ),
        ("ZRANGE z a b BYSCORE", "-ERR min or max is not a float"),
        (
            "ZRANGE z a b BYLEX",
            "-ERR min or max not valid string range item",
        ),
        (
            "ZRANGE z 0 x",
            "-ERR value is not an integer or out of range",
        ),
        ("ZRANGE z 0 1 FOO", "-ERR syntax error"),
        ("ZREVRANGE z 0 1 REV", "-ERR syntax error"),
        ("ZRANGE z 0 1 LIMIT 0", "-ERR syntax error"),
    ]);
}

#[test]
fn ranges_are_stored() {
    check(&[
        ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
        ("ZRANGESTORE d z 1 2", ":2"),
        ("ZRANGE d 0 -1 WITHSCORES", "*4 $1 b $1 2 $1 c $1 3"),
        ("ZRANGESTORE d z 5 2 BYSCORE REV LIMIT 0 2", ":2"),
        ("ZRANGE d 0 -1", "*2 $1 c $1 d"),
        ("ZRANGESTORE d z 9 9", ":0"),
        ("EXISTS d", ":0"),
        ("SET d v", "+OK"),
        ("ZRANGESTORE d z 0 0", ":1"),
        ("TYPE d", "+zset"),
        ("ZRANGESTORE d none 0 -1", ":0"),
        ("EXISTS d", ":0"),
        ("ZRANGESTORE z z 1 -1", ":3"),
        ("ZRANGE z 0 -1", "*3 $1 b $1 c $1 d"),
        ("ZRANGESTORE d z 0 1 WITHSCORES", "-ERR syntax error"),
        ("SET s v", "+OK"),
        (
            "ZRANGESTORE d s 0 -1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn members_are_taken_out() {
    check(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
        ("ZREM z a x", ":1"),
        ("ZREM none a", ":0"),
        ("ZREMRANGEBYRANK z 0 0", ":1"),
        ("ZREMRANGEBYRANK z -100 -99", ":0"),
        ("ZREMRANGEBYSCORE z (3 4", ":1"),
        ("ZREMRANGEBYSCORE z 9 1", ":0"),
        ("ZRANGE z 0 -1", "*2 $1 c $1 e"),
        ("ZREM z c e", ":2"),
        ("EXISTS z", ":0"),
        ("ZADD x 0 a 0 b 0 c", ":3"),
        ("ZREMRANGEBYLEX x (a [b", ":1"),
        ("ZRANGE x 0 -1", "*2 $1 a $1 c"),
        ("ZREMRANGEBYRANK x 0 -1", ":2"),
        ("EXISTS x", ":0"),
        (
            "ZREMRANGEBYRANK z a 1",
            "-ERR value is not an integer or out of range",
        ),
        ("ZREMRANGEBYSCORE z a 1", "-ERR min or max is not a float"),
        (
            "ZREMRANGEBYLEX z a 1",
            "-ERR min or max not valid string range item",
        ),
        ("ZREMRANGEBYLEX z - +", ":0"),
    ]);
}

#[test]
fn ends_are_taken() {
    check(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
        ("ZPOPMIN z", "*2 $1 a $1 1"),
        ("ZPOPMAX z 2", "*4 $1 e $1 5 $1 d $1 4"),
        ("ZPOPMIN z 0", "*0"),
        (
            "ZPOPMIN z -1",
            "-ERR value is out of range, must be positive",
        ),
        (
            "ZPOPMIN z x",
            "-ERR value is out of range, must be positive",
        ),
        ("ZPOPMIN z 1 2", "-ERR syntax error"),
        ("ZMPOP 2 none z MIN", "*2 $1 z *1 *2 $1 b $1 2"),
        ("ZMPOP 2 none z MAX COUNT 9", "*2 $1 z *1 *2 $1 c $1 3"),
        ("EXISTS z", ":0"),
        ("ZMPOP 1 z MIN", "*-1"),
        ("ZPOPMIN z", "*0"),
        ("ZPOPMAX z 3", "*0"),
        ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"),
        ("ZMPOP 1 z MID", "-ERR syntax error"),
        (
            "ZMPOP 1 z MIN COUNT 0",
            "-ERR count should be greater than 0",
        ),
        ("SET s v", "+OK"),
        (
            "ZMPOP 1 s MIN",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "ZPOPMIN s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn random_members_are_told() {
    check(&[
        ("ZADD z 1 a", ":1"),
        ("ZRANDMEMBER z", "$1 a"),
        ("ZRANDMEMBER z 5 WITHSCORES", "*2 $1 a $1 1"),
        ("ZRANDMEMBER z -3", "*3 $1 a $1 a $1 a"),
        ("ZRANDMEMBER z 0", "*0"),
        ("ZRANDMEMBER none", "$-1"),
        ("ZRANDMEMBER none 2", "*0"),
        ("ZADD z 2 b", ":1"),
        ("ZRANDMEMBER z 2 WITHSCORES", "*4 $1 b $1 2 $1 a $1 1"),
        (
            "ZRANDMEMBER z x",
            "-ERR value is not an integer or out of range",
        ),
        ("ZRANDMEMBER z 1 FOO", "-ERR syntax error"),
        ("ZRANDMEMBER z 1 WITHSCORES x", "-ERR syntax error"),
        (
            "ZRANDMEMBER z -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        (
            "ZRANDMEMBER z 9223372036854775807 WITHSCORES",
            "-ERR value is out of range",
        ),
    ]);
}

#[test]
fn a_new_protocol_has_pairs_and_doubles() {
    TestNode::new_resp3().expect(&[
        ("ZADD z 1 a 2.5 b 3 c 4 d 5 e", ":5"),
        ("ZADD z INCR 1 a", ",2"),
        ("ZSCORE z b", ",2.5"),
        ("ZSCORE z x", "_"),
        ("ZMSCORE z b x", "*2 ,2.5 _"),
        ("ZRANGE z 0 1 WITHSCORES", "*2 *2 $1 a ,2 *2 $1 b ,2.5"),
        ("ZRANGE z 0 1", "*2 $1 a $1 b"),
        (
            "ZREVRANGEBYSCORE z 3 2 WITHSCORES",
            "*3 *2 $1 c ,3 *2 $1 b ,2.5 *2 $1 a ,2",
        ),
        ("ZPOPMIN z", "*2 $1 a ,2"),
        ("ZPOPMIN z 1", "*1 *2 $1 b ,2.5"),
        ("ZPOPMAX none", "*0"),
        ("ZMPOP 1 z MAX COUNT 2", "*2 $1 z *2 *2 $1 e ,5 *2 $1 d ,4"),
        ("ZMPOP 1 none MAX", "_"),
        ("ZRANDMEMBER z 1 WITHSCORES", "*1 *2 $1 c ,3"),
        ("ZRANK z x", "_"),
    ]);
}

#[test]
fn sets_are_united_intersected_and_subtracted() {
    check(&[
        ("ZADD a 1 x 2 y 3 z", ":3"),
        ("ZADD b 10 y 20 z 30 w", ":3"),
        (
            "ZUNION 2 a b WITHSCORES",
            "*8 $1 x $1 1 $1 y $2 12 $1 z $2 23 $1 w $2 30",
        ),
        (
            "ZUNION 2 a b WEIGHTS 2 0.5 WITHSCORES",
            "*8 $1 x $1 2 $1 y $1 9 $1 w $2 15 $1 z $2 16",
        ),
        (
            "ZUNION 2 a b AGGREGATE MIN WITHSCORES",
            "*8 $1 x $1 1 $1 y $1 2 $1 z $1 3 $1 w $2 30",
        ),
        ("ZUNION 2 a none", "*3 $1 x $1 y $1 z"),
        ("ZINTER 2 a b WITHSCORES", "*4 $1 y $2 12 $1 z $2 23"),
        (
            "ZINTER 2 a b AGGREGATE MAX WEIGHTS 100 1 WITHSCORES",
            "*4 $1 y $3 200 $1 z $3 300",
        ),
        ("ZINTER 2 a none", "*0"),
        (
            "ZINTER 2 a a WITHSCORES",
            "*6 $1 x $1 2 $1 y $1 4 $1 z $1 6",
        ),
        ("ZDIFF 2 a b WITHSCORES", "*2 $1 x $1 1"),
        ("ZDIFF 1 b", "*3 $1 y $1 z $1 w"),
        ("ZDIFF 2 none a", "*0"),
        ("ZINTERCARD 2 a b", ":2"),
        ("ZINTERCARD 2 a b LIMIT 1", ":1"),
        ("ZINTERCARD 2 a b LIMIT 0", ":2"),
        ("ZADD i inf x -inf y", ":2"),
        ("ZUNION 1 i WEIGHTS 0 WITHSCORES", "*4 $1 x $1 0 $1 y $1 0"),
        ("ZADD j -inf x inf y", ":2"),
        ("ZUNION 2 i j WITHSCORES", "*4 $1 x $1 0 $1 y $1 0"),
    ]);
}

#[test]
fn results_are_stored() {
    check(&[
        ("ZADD a 1 x 2 y 3 z", ":3"),
        ("ZADD b 10 y 20 z 30 w", ":3"),
        ("ZUNIONSTORE d 2 a b", ":4"),
        (
            "ZRANGE d 0 -1 WITHSCORES",
            "*8 $1 x $1 1 $1 y $2 12 $1 z $2 23 $1 w $2 30",
        ),
        ("ZINTERSTORE d 2 a b WEIGHTS 1 2", ":2"),
        ("ZRANGE d 0 -1 WITHSCORES", "*4 $1 y $2 22 $1 z $2 43"),
        ("ZDIFFSTORE d 2 a b", ":1"),
        ("ZRANGE d 0 -1 WITHSCORES", "*2 $1 x $1 1"),
        ("ZUNIONSTORE a 2 a a", ":3"),
        (
            "ZRANGE a 0 -1 WITHSCORES",
            "*6 $1 x $1 2 $1 y $1 4 $1 z $1 6",
        ),
        ("ZINTERSTORE d 2 a none", ":0"),
        ("EXISTS d", ":0"),
        ("SET d v", "+OK"),
        ("ZUNIONSTORE d 1 a", ":3"),
        ("TYPE d", "+zset"),
        ("PEXPIRE d 100000", ":1"),
        ("ZUNIONSTORE d 1 b", ":3"),
        ("PTTL d", ":-1"),
    ]);
}

#[test]
fn wrong_combinations_are_refused() {
    check(&[
        ("ZADD a 1 x", ":1"),
        ("SET s v", "+OK"),
        (
            "ZUNION 0 a",
            "-ERR at least 1 input key is needed for 'zunion' command",
        ),
        (
            "ZINTERSTORE d 0 a",
            "-ERR at least 1 input key is needed for 'zinterstore' command",
        ),
        (
            "ZDIFF -1 a",
            "-ERR at least 1 input key is needed for 'zdiff' command",
        ),
        ("ZUNION x a", "-ERR value is not an integer or out of range"),
        ("ZUNION 2 a", "-ERR syntax error"),
        (
            "ZUNION 1 s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "ZUNION 2 a s FOO",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("ZUNION 1 a FOO", "-ERR syntax error"),
        ("ZUNION 1 a WEIGHTS", "-ERR syntax error"),
        ("ZUNION 1 a WEIGHTS x", "-ERR weight value is not a float"),
        ("ZUNION 1 a AGGREGATE AVG", "-ERR syntax error"),
        ("ZUNIONSTORE d 1 a WITHSCORES", "-ERR syntax error"),
        ("ZDIFF 1 a WEIGHTS 1", "-ERR syntax error"),
        ("ZINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
        ("ZINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative"),
        ("ZINTERCARD 1 a WITHSCORES", "-ERR syntax error"),
        ("EXISTS d", ":0"),
    ]);
}

#[test]
fn members_are_scanned() {
    check(&[
        ("ZADD z 1 a 2.5 b inf c", ":3"),
        ("ZSCAN z 0", "*2 $1 0 *6 $1 a $1 1 $1 b $3 2.5 $1 c $3 inf"),
        (
            "ZSCAN z 0 MATCH [ac] COUNT 1",
            "*2 $1 0 *4 $1 a $1 1 $1 c $3 inf",
        ),
        ("ZSCAN z x", "-ERR invalid cursor"),
        ("ZSCAN z 0 COUNT 0", "-ERR syntax error"),
        ("ZSCAN z 0 MATCH", "-ERR syntax error"),
        ("ZSCAN z 0 TYPE zset", "-ERR syntax error"),
        ("ZSCAN none 0 FOO", "*2 $1 0 *0"),
        ("ZSCAN none x", "-ERR invalid cursor"),
        ("SET s v", "+OK"),
        (
            "ZSCAN s 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn scans_and_combinations_in_a_new_protocol() {
    TestNode::new_resp3().expect(&[
        ("ZADD a 1 x 2 y", ":2"),
        ("ZADD b 10 y", ":1"),
        ("ZSCAN a 0", "*2 $1 0 *4 $1 x $1 1 $1 y $1 2"),
        ("ZUNION 2 a b WITHSCORES", "*2 *2 $1 x ,1 *2 $1 y ,12"),
        ("ZDIFF 2 a b", "*1 $1 x"),
        ("ZINTER 2 a b WITHSCORES", "*1 *2 $1 y ,12"),
    ]);
}

#[test]
fn a_scan_of_a_large_set_shows_each_member() {
    let mut node = TestNode::new();
    for number in 0..2000 {
        node.send(&format!("ZADD z {} member:{number}", number % 7));
    }
    let (mut cursor, mut seen) = ("0".to_owned(), std::collections::BTreeSet::new());
    loop {
        let reply = node.send(&format!("ZSCAN z {cursor} COUNT 50"));
        let words: Vec<&str> = reply.split("\r\n").collect();
        cursor = words[2].to_owned();
        let members = words.iter().filter(|word| word.starts_with("member:"));
        seen.extend(members.map(|member| (*member).to_owned()));
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 2000);
}

/// A node that records, and forgets what made its first keys.
fn recording(first: &str) -> TestNode {
    let mut node = TestNode::new();
    node.send(first);
    node.store.start_recording();
    node.send("SET first 1");
    node.store.take_effects();
    node
}

#[test]
fn effects_say_what_was_done() {
    recording("ZADD z 1 a 2 b 3 c 4 d 5 e").expect_effects(&[
        ("ZADD z 1 a 7 f", "ZADD z 1 a 7 f"),
        ("ZADD z 1 a", ""),
        ("ZINCRBY z 1 a", "ZINCRBY z 1 a"),
        ("ZINCRBY z 0 a", ""),
        ("ZREM z none", ""),
        ("ZREM z a none", "ZREM z a none"),
        ("ZPOPMIN z", "ZPOPMIN z"),
        ("ZPOPMAX z 0", ""),
        ("ZMPOP 2 none z MAX COUNT 1", "zpopmax z 1"),
        ("ZREMRANGEBYRANK z 5 6", ""),
        ("ZREMRANGEBYSCORE z 5 5", "ZREMRANGEBYSCORE z 5 5"),
        ("ZRANGESTORE d z 0 -1", "multi del d zadd d 3 c 4 d exec"),
        ("ZRANGESTORE d z 9 9", "del d"),
        (
            "ZUNIONSTORE d 1 z WEIGHTS 2",
            "multi del d zadd d 6 c 8 d exec",
        ),
        ("ZINTERSTORE d 2 z none", "del d"),
        ("ZRANGESTORE d z 9 9", ""),
        ("ZRANGE z 0 -1", ""),
    ]);
}

#[test]
fn a_large_set_is_what_a_small_one_was() {
    let mut node = TestNode::new();
    for number in 0..3000 {
        node.send(&format!("ZADD z {number} member:{number}"));
    }
    node.expect(&[
        ("ZCARD z", ":3000"),
        ("ZRANK z member:2000", ":2000"),
        ("ZSCORE z member:1234", "$4 1234"),
        (
            "ZRANGE z (100 102 BYSCORE",
            "*2 $10 member:101 $10 member:102",
        ),
        ("ZINCRBY z 5000 member:0", "$4 5000"),
        ("ZREVRANK z member:0", ":0"),
        ("ZREMRANGEBYSCORE z 1 1000", ":1000"),
        ("ZRANGESTORE d z 0 1498", ":1499"),
        ("ZPOPMAX d", "*2 $11 member:2499 $4 2499"),
        ("COPY z y", ":1"),
        ("DEL z", ":1"),
        ("ZCARD y", ":2000"),
        ("ZREMRANGEBYRANK y 0 -1", ":2000"),
        ("EXISTS y", ":0"),
    ]);
}

#[test]
fn random_choices_are_members_and_differ() {
    let mut node = TestNode::new();
    for number in 0..100 {
        node.send(&format!("ZADD z {number} {number}"));
    }
    for count in [1, 40, 99] {
        let reply = node.send(&format!("ZRANDMEMBER z {count}"));
        let members: std::collections::BTreeSet<&str> =
            reply.split("\r\n").skip(2).step_by(2).collect();
        assert_eq!(members.len(), count, "{reply}");
    }
    let reply = node.send("ZRANDMEMBER z -500");
    assert!(reply.starts_with("*500\r\n"));
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
    let member = "x".repeat(300);
    node.send(&format!(
        "ZADD z 1 a{member} 2 b{member} 3 c{member} 4 d{member}"
    ));
    assert!(node.send("ZRANGE z 0 2").starts_with("*3\r\n"));
    let refused = "-ERR the reply exceeds the hard limit";
    assert!(node.send("ZRANGE z 0 -1").starts_with(refused));
    assert!(node.send("ZPOPMIN z 4").starts_with(refused));
    assert!(node.send("ZRANDMEMBER z -9000000000").starts_with(refused));
    assert_eq!(node.send("ZCARD z"), ":4\r\n");
}

#[test]
fn a_direction_is_given_once() {
    TestNode::new().expect(&[
        ("ZRANGE z 1 2 BYSCORE REV REV", "-ERR syntax error"),
        ("ZRANGE z 1 2 BYSCORE BYSCORE", "-ERR syntax error"),
        ("ZREVRANGE z 0 1 REV", "-ERR syntax error"),
    ]);
}

#[test]
fn a_union_of_the_same_set_many_times_adds_up_and_keeps_what_others_have() {
    const TIMES: usize = 100;
    let mut node = TestNode::new();
    // Together far more than are kept before equal ones are joined.
    for (key, members) in [("same", 0..3_000), ("other", 1_000..60_000)] {
        let pairs = members.map(|number| [number.to_string(), format!("m{number}")]);
        let all: Vec<[String; 2]> = pairs.collect();
        for some in all.chunks(500) {
            let words = ["ZADD".to_owned(), key.to_owned()].into_iter();
            node.run(
                &words
                    .chain(some.iter().flatten().cloned())
                    .collect::<Vec<_>>(),
            );
        }
    }
    let mut words = [
        "ZUNIONSTORE".to_owned(),
        "to".to_owned(),
        (TIMES + 1).to_string(),
    ]
    .to_vec();
    words.extend(std::iter::repeat_n("same".to_owned(), TIMES));
    words.push("other".to_owned());
    assert_eq!(node.run(&words), ":60000\r\n");
    for (member, score) in [(0, 0), (999, 999 * TIMES), (1_000, 1_000 * (TIMES + 1))] {
        let score = score.to_string();
        let expected = format!("${} {score}", score.len());
        node.expect(&[(&format!("ZSCORE to m{member}"), &expected)]);
    }
    node.expect(&[
        ("ZSCORE to m2999", "$6 302899"),
        ("ZSCORE to m3000", "$4 3000"),
        ("ZSCORE to m59999", "$5 59999"),
        ("ZREVRANGE to 0 0", "*1 $5 m2999"),
    ]);
}
