use crate::commands::testing::TestNode;
use crate::store::{DbIndex, EvictionPolicy, EvictionSettings};

/// Sends the commands of a script one by one to a new node and compares the replies.
fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

#[test]
fn keys_are_counted_and_removed() {
    check(&[
        ("MSET a 1 b 2", "+OK"),
        ("EXISTS a a none b", ":3"),
        ("TOUCH a none a", ":2"),
        ("TYPE a", "+string"),
        ("TYPE none", "+none"),
        ("DEL a none a", ":1"),
        ("UNLINK a b", ":1"),
        ("EXISTS a b", ":0"),
    ]);
}

#[test]
fn deadlines_come_in_four_forms() {
    check(&[
        ("SET k v", "+OK"),
        ("TTL k", ":-1"),
        ("EXPIRETIME k", ":-1"),
        ("PTTL none", ":-2"),
        ("PEXPIRETIME none", ":-2"),
        ("EXPIRE k 10", ":1"),
        ("TTL k", ":10"),
        ("EXPIRETIME k", ":1767225610"),
        ("PEXPIRE k 1499", ":1"),
        ("TTL k", ":1"),
        ("PEXPIRE k 1500", ":1"),
        ("TTL k", ":2"),
        ("EXPIREAT k 1767225605", ":1"),
        ("PTTL k", ":5000"),
        ("PEXPIREAT k 1767225600001", ":1"),
        ("PEXPIRETIME k", ":1767225600001"),
        ("PERSIST k", ":1"),
        ("PERSIST k", ":0"),
        ("PERSIST none", ":0"),
        ("TTL k", ":-1"),
        ("EXPIRE none 10", ":0"),
    ]);
}

#[test]
fn a_deadline_gone_by_removes_the_key() {
    for command in [
        "EXPIRE k 0",
        "EXPIRE k -1",
        "PEXPIRE k -9223372036854775808",
        "EXPIREAT k 1",
        "PEXPIREAT k 1767225600000",
        "EXPIREAT k -5 LT",
    ] {
        check(&[
            ("SET k v", "+OK"),
            (command, ":1"),
            ("EXISTS k", ":0"),
            (command, ":0"),
        ]);
    }
}

#[test]
fn deadlines_beyond_64_bits_are_refused() {
    for (command, name) in [
        ("EXPIRE k 9223372036854775", "expire"),
        ("EXPIRE k 9223372036854775807", "expire"),
        ("EXPIRE k -9223372036854775808", "expire"),
        ("PEXPIRE k 9223372036854775807", "pexpire"),
        ("EXPIREAT k 9223372036854775807", "expireat"),
    ] {
        let expected = format!("-ERR invalid expire time in '{name}' command");
        check(&[(command, &expected)]);
    }
    check(&[
        ("PEXPIREAT none 9223372036854775807", ":0"),
        (
            "EXPIRE none 1.5",
            "-ERR value is not an integer or out of range",
        ),
    ]);
}

#[test]
fn deadlines_are_taken_under_conditions() {
    check(&[
        ("SET k v", "+OK"),
        ("EXPIRE k 100 XX", ":0"),
        ("EXPIRE k 100 GT", ":0"),
        ("EXPIRE k 100 NX", ":1"),
        ("EXPIRE k 200 nx", ":0"),
        ("EXPIRE k 100 GT", ":0"),
        ("EXPIRE k 101 GT XX", ":1"),
        ("EXPIRE k 101 LT", ":0"),
        ("EXPIRE k 100 lt xx", ":1"),
        ("TTL k", ":100"),
        ("PERSIST k", ":1"),
        ("EXPIRE k 100 LT", ":1"),
        (
            "EXPIRE k 1 NX GT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (
            "EXPIRE k 1 XX NX",
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (
            "EXPIRE k 1 GT LT",
            "-ERR GT and LT options at the same time are not compatible",
        ),
        ("EXPIRE k a WHAT", "-ERR Unsupported option WHAT"),
        ("EXPIRE k 100 WHAT\0EVER", "-ERR Unsupported option WHAT"),
        ("EXPIRE k 100 XX\0EVER", ":1"),
    ]);
    let quoted = TestNode::new().run_bytes(&[&b"EXPIRE"[..], b"k", b"1", b"\xff\xfe"]);
    assert_eq!(quoted, b"-ERR Unsupported option \xff\xfe\r\n");
}

#[test]
fn a_deadline_of_any_year_is_kept_exactly() {
    check(&[
        ("SET k v", "+OK"),
        ("EXPIREAT k 9223372036854775", ":1"),
        ("EXPIREAT k 9223372036854775 GT", ":0"),
        ("EXPIREAT k 9223372036854775 LT", ":0"),
        ("PEXPIREAT k 281474976710654 GT", ":0"),
        ("PEXPIREAT k 281474976710654 LT", ":1"),
        ("PEXPIREAT k 281474976710655 GT", ":1"),
        ("PEXPIRETIME k", ":281474976710655"),
        ("PEXPIREAT k 281474976710656 GT", ":1"),
        ("PEXPIREAT k 281474976710657 LT", ":0"),
        ("PEXPIRETIME k", ":281474976710656"),
        ("SET k v PXAT 9007199254740991", "+OK"),
        ("PEXPIRETIME k", ":9007199254740991"),
        ("PEXPIREAT k 9223372036854775807 GT", ":1"),
        ("PEXPIRETIME k", ":9223372036854775807"),
        ("COPY k l", ":1"),
        ("PEXPIRETIME l", ":9223372036854775807"),
        ("EXPIRE l 5 LT", ":1"),
        ("PTTL l", ":5000"),
        ("PERSIST k", ":1"),
        ("GET k", "$1 v"),
    ]);
}

#[test]
fn keys_get_other_names() {
    check(&[
        ("RENAME none x", "-ERR no such key"),
        ("RENAME none none", "-ERR no such key"),
        ("RENAMENX none x", "-ERR no such key"),
        ("SET a v EX 10", "+OK"),
        ("RENAME a a", "+OK"),
        ("RENAMENX a a", ":0"),
        ("RENAME a b", "+OK"),
        ("EXISTS a", ":0"),
        ("TTL b", ":10"),
        ("SET c w", "+OK"),
        ("RENAMENX b c", ":0"),
        ("RENAME c b", "+OK"),
        ("GET b", "$1 w"),
        ("TTL b", ":-1"),
        ("RENAMENX b c", ":1"),
    ]);
}

#[test]
fn keys_are_copied_and_moved() {
    let mut node = TestNode::new();
    node.expect(&[
        ("COPY none b", ":0"),
        ("SET a v EX 10", "+OK"),
        ("COPY a b", ":1"),
        ("TTL b", ":10"),
        ("SET a w", "+OK"),
        ("COPY a b", ":0"),
        ("COPY a b REPLACE", ":1"),
        ("GET b", "$1 w"),
        ("TTL b", ":-1"),
        (
            "COPY a a",
            "-ERR source and destination objects are the same",
        ),
        (
            "COPY a a DB 0",
            "-ERR source and destination objects are the same",
        ),
        ("COPY a a DB 1", ":1"),
        ("COPY a a DB 16", "-ERR DB index is out of range"),
        ("COPY a a DB -1", "-ERR DB index is out of range"),
        (
            "COPY a a DB 2147483648",
            "-ERR value is out of range, value must between -2147483648 and 2147483647",
        ),
        (
            "COPY a a DB x",
            "-ERR value is not an integer or out of range",
        ),
        ("COPY a b DB", "-ERR syntax error"),
        ("COPY a b WHAT", "-ERR syntax error"),
        (
            "MOVE a 0",
            "-ERR source and destination objects are the same",
        ),
        ("MOVE a 16", "-ERR DB index is out of range"),
        ("MOVE a x", "-ERR value is not an integer or out of range"),
        ("MOVE a 1", ":0"),
        ("MOVE none 1", ":0"),
        ("MOVE b 1", ":1"),
        ("EXISTS b", ":0"),
    ]);
    node.session.db = DbIndex(1);
    node.expect(&[("MGET a b", "*2 $1 w $1 w")]);
}

#[test]
fn keys_are_listed_without_the_dead() {
    let mut node = TestNode::new();
    node.expect(&[
        ("KEYS *", "*0"),
        ("RANDOMKEY", "$-1"),
        ("SET live v", "+OK"),
        ("SET dead v PX 10", "+OK"),
    ]);
    node.advance_ms(10);
    node.expect(&[
        ("KEYS *", "*1 $4 live"),
        ("KEYS l?v[a-e]", "*1 $4 live"),
        ("KEYS x*", "*0"),
        ("RANDOMKEY", "$4 live"),
        ("SCAN 0 COUNT 100", "*2 $1 0 *1 $4 live"),
        ("SCAN 0 MATCH x* COUNT 100", "*2 $1 0 *0"),
        ("SCAN 0 TYPE STRING COUNT 100", "*2 $1 0 *1 $4 live"),
        ("SCAN 0 TYPE list COUNT 100", "*2 $1 0 *0"),
    ]);
}

#[test]
fn scan_visits_every_key() {
    let mut node = TestNode::new();
    for number in 0..500 {
        node.send(&format!("SET key:{number} v"));
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = "0".to_owned();
    for _ in 0..500 {
        let reply = node.send(&format!("SCAN {cursor} COUNT 7"));
        let lines: Vec<&str> = reply.split("\r\n").collect();
        cursor = lines[2].to_owned();
        let keys = lines[4..].iter().filter(|line| line.starts_with("key:"));
        seen.extend(keys.map(|key| (*key).to_owned()));
        if cursor == "0" {
            break;
        }
    }
    assert_eq!((cursor.as_str(), seen.len()), ("0", 500));
    let all = node.send("KEYS key:*");
    assert!(all.starts_with("*500\r\n"));
}

#[test]
fn scan_reads_its_arguments_as_redis_does() {
    for (line, expected) in [
        ("SCAN x", "-ERR invalid cursor"),
        ("SCAN 1x", "-ERR invalid cursor"),
        ("SCAN -", "-ERR invalid cursor"),
        ("SCAN 18446744073709551616", "-ERR invalid cursor"),
        ("SCAN 0 COUNT 0", "-ERR syntax error"),
        ("SCAN 0 COUNT -1", "-ERR syntax error"),
        (
            "SCAN 0 COUNT x",
            "-ERR value is not an integer or out of range",
        ),
        ("SCAN 0 COUNT", "-ERR syntax error"),
        ("SCAN 0 WHAT 1", "-ERR syntax error"),
        ("SCAN +0", "*2 $1 0 *0"),
        ("SCAN 18446744073709551615", "*2 $1 0 *0"),
    ] {
        check(&[(line, expected)]);
    }
    let empty_cursor = TestNode::new().run(&["SCAN", ""]);
    assert_eq!(empty_cursor, "*2\r\n$1\r\n0\r\n*0\r\n");
}

#[test]
fn object_tells_how_a_value_is_kept() {
    let long = "x".repeat(45);
    check(&[
        ("SET k 123", "+OK"),
        ("OBJECT ENCODING k", "$3 int"),
        ("OBJECT REFCOUNT k", ":2147483647"),
        ("SET k 10000", "+OK"),
        ("OBJECT REFCOUNT k", ":1"),
        ("SET k word", "+OK"),
        ("OBJECT ENCODING k", "$6 embstr"),
        (&format!("SET k {long}"), "+OK"),
        ("OBJECT ENCODING k", "$3 raw"),
        ("OBJECT ENCODING none", "$-1"),
        ("OBJECT REFCOUNT none", "$-1"),
        ("OBJECT FREQ none", "$-1"),
    ]);
}

#[test]
fn use_is_told_as_the_policy_counts_it() {
    let mut node = TestNode::new();
    node.send("SET k v");
    node.advance_ms(20_000);
    let idle = node.send("OBJECT IDLETIME k");
    let idle_seconds: u64 = idle[1..].trim_end().parse().expect("an integer");
    assert!((15..=25).contains(&idle_seconds), "{idle_seconds}");
    let not_tracked = "-ERR An LFU maxmemory policy is not selected, access frequency not tracked.";
    assert!(node.send("OBJECT FREQ k").starts_with(not_tracked));
    node.store.set_eviction(EvictionSettings {
        policy: EvictionPolicy::AllKeysLfu,
        ..EvictionSettings::default()
    });
    assert!(node.send("OBJECT FREQ k").starts_with(':'));
    let not_tracked = "-ERR An LFU maxmemory policy is selected, idle time not tracked.";
    assert!(node.send("OBJECT IDLETIME k").starts_with(not_tracked));
}

#[test]
fn effects_name_unix_time_and_only_changes() {
    let mut node = TestNode::new();
    node.send("SET k v");
    node.store.start_recording();
    node.expect_effects(&[
        ("EXPIRE k 10", "select 0 pexpireat k 1767225610000"),
        ("EXPIRE k 10 NX", ""),
        ("PEXPIREAT k 1767225610000", "pexpireat k 1767225610000"),
        ("PERSIST k", "persist k"),
        ("PERSIST k", ""),
        ("COPY k l", "copy k l DB 0 REPLACE"),
        ("COPY k l", ""),
        ("RENAMENX k l", ""),
        ("RENAMENX k m", "rename k m"),
        ("RENAME m m", ""),
        ("RENAME m k", "rename m k"),
        ("MOVE k 1", "move k 1"),
        ("EXPIRE l -1", "del l"),
        ("DEL l k", ""),
    ]);
}

#[test]
fn lookups_are_counted_as_redis_counts_them() {
    let mut node = TestNode::new();
    for line in [
        "SET k v",
        "EXISTS k none",
        "TYPE k",
        "TYPE none",
        "TTL none",
        "TOUCH k",
        "OBJECT ENCODING k",
        "COPY k l",
        "EXPIRE none 1",
        "RENAME none k",
        "KEYS *",
        "SCAN 0 COUNT 100",
        "SCAN 0 COUNT 100 TYPE list",
    ] {
        node.send(line);
    }
    let counters = node.store.counters();
    assert_eq!((counters.keyspace_hits, counters.keyspace_misses), (7, 3));
}

#[test]
fn a_pattern_holds_nobody_up_whatever_the_key() {
    let mut node = TestNode::new();
    let key = "a".repeat(60_000);
    assert_eq!(node.send(&format!("SET {key} 1")), "+OK\r\n");
    let class = format!("*[{}]", "b".repeat(60_000));
    assert_eq!(
        node.send(&format!("SCAN 0 MATCH {class}")),
        "*2\r\n$1\r\n0\r\n*0\r\n"
    );
    assert_eq!(node.send(&format!("KEYS {class}")), "*0\r\n");
    // Where there is no answer in time there is none, and not a wrong one.
    let pieces = format!("*{}b*", "a".repeat(30_000));
    let alike = "-ERR pattern and name are too long and too alike to be compared; use a shorter pattern\r\n";
    assert_eq!(node.send(&format!("KEYS {pieces}")), alike);
    assert_eq!(node.send(&format!("SCAN 0 MATCH {pieces}")), alike);
    let long = "?".repeat(70_000);
    let too_long = "-ERR the pattern has more than 65536 bytes; use a shorter pattern\r\n";
    for command in [
        "KEYS",
        "SCAN 0 MATCH",
        "CONFIG GET",
        "COMMAND LIST FILTERBY PATTERN",
    ] {
        assert_eq!(
            node.send(&format!("{command} {long}")),
            too_long,
            "{command}"
        );
    }
}

/// What DUMP gives.
fn payload_of(node: &mut TestNode, key: &str) -> Vec<u8> {
    let reply = node.run_bytes(&["DUMP", key]);
    let head = reply
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a head")
        + 1;
    reply[head..reply.len() - 2].to_vec()
}

/// Sends a RESTORE, with its payload in the place of the word `payload`, and gives its reply without the line end.
fn restored(node: &mut TestNode, line: &str, payload: &[u8]) -> String {
    let words: Vec<&[u8]> = line
        .split(' ')
        .map(|word| match word {
            "payload" => payload,
            word => word.as_bytes(),
        })
        .collect();
    node.run(&words).trim_end().to_owned()
}

#[test]
fn a_value_is_dumped_and_restored_as_asked() {
    let mut node = TestNode::new();
    node.send("SET k v");
    assert_eq!(node.send("DUMP none"), "$-1\r\n");
    let payload = payload_of(&mut node, "k");
    assert_eq!(payload[..5], [0, 1, b'v', 10, 0]);
    for (line, expected) in [
        (
            "RESTORE k 0 payload",
            "-BUSYKEY Target key name already exists.",
        ),
        (
            "RESTORE k x payload",
            "-BUSYKEY Target key name already exists.",
        ),
        (
            "RESTORE l x payload",
            "-ERR value is not an integer or out of range",
        ),
        (
            "RESTORE l -1 payload",
            "-ERR Invalid TTL value, must be >= 0",
        ),
        ("RESTORE l -1 zork", "-ERR Invalid TTL value, must be >= 0"),
        (
            "RESTORE l 0 zork",
            "-ERR DUMP payload version or checksum are wrong",
        ),
        ("RESTORE l 0 payload ZORK", "-ERR syntax error"),
        ("RESTORE l 0 payload IDLETIME", "-ERR syntax error"),
        (
            "RESTORE l 0 payload IDLETIME -1",
            "-ERR Invalid IDLETIME value, must be >= 0",
        ),
        (
            "RESTORE l 0 payload IDLETIME x",
            "-ERR value is not an integer or out of range",
        ),
        (
            "RESTORE l 0 payload FREQ 256",
            "-ERR Invalid FREQ value, must be >= 0 and <= 255",
        ),
        (
            "RESTORE l 0 payload FREQ -1",
            "-ERR Invalid FREQ value, must be >= 0 and <= 255",
        ),
        ("RESTORE l 0 payload IDLETIME 1 FREQ 1", "-ERR syntax error"),
        ("RESTORE l 0 payload FREQ 1 IDLETIME 1", "-ERR syntax error"),
        ("RESTORE l 5000 payload", "+OK"),
        ("RESTORE m 1767225601000 payload absttl", "+OK"),
        ("RESTORE n 1 payload absttl", "+OK"),
        ("RESTORE o 9223372036854775807 payload", "+OK"),
        ("RESTORE k 0 payload IDLETIME 20000 replace", "+OK"),
        ("RESTORE-ASKING p 0 payload", "+OK"),
    ] {
        assert_eq!(restored(&mut node, line, &payload), expected, "{line}");
    }
    node.expect(&[
        ("PTTL l", ":5000"),
        ("PTTL m", ":1000"),
        ("EXISTS n o", ":0"),
        ("OBJECT IDLETIME k", ":19980"),
        ("MGET k l m p", "*4 $1 v $1 v $1 v $1 v"),
    ]);
    assert_eq!(
        restored(&mut node, "RESTORE k 1 payload ABSTTL REPLACE", &payload),
        "+OK"
    );
    assert_eq!(node.send("EXISTS k"), ":0\r\n");
}

#[test]
fn a_restored_key_has_been_used_as_often_as_is_said() {
    let mut node = TestNode::new();
    node.store.set_eviction(EvictionSettings {
        policy: EvictionPolicy::AllKeysLfu,
        ..EvictionSettings::default()
    });
    node.send("SET k v");
    let payload = payload_of(&mut node, "k");
    for (options, frequency) in [
        ("FREQ 200", 200),
        ("REPLACE", 5),
        ("IDLETIME 9", 5),
        ("FREQ 0", 0),
    ] {
        let line = format!("RESTORE k 0 payload REPLACE {options}");
        assert_eq!(restored(&mut node, &line, &payload), "+OK");
        assert_eq!(
            node.send("OBJECT FREQ k"),
            format!(":{frequency}\r\n"),
            "{options}"
        );
    }
}

#[test]
fn effects_of_a_restored_key_are_that_it_is_restored_again() {
    let mut node = TestNode::new();
    // Long ones are read in strides; their effects stand between MULTI and EXEC.
    let long = vec![b'x'; 300_000];
    for value in [&b"v"[..], &long] {
        node.run_bytes(&[&b"SET"[..], b"k", value]);
        let payload = payload_of(&mut node, "k");
        node.store.start_recording();
        node.store.take_effects();
        for (line, ttl, last) in [
            (
                "RESTORE l 5000 payload IDLETIME 7",
                Some("1767225605000"),
                "ABSTTL",
            ),
            ("RESTORE m 0 payload", Some("0"), "payload"),
            (
                "RESTORE m 1767225609000 payload ABSTTL REPLACE",
                Some("1767225609000"),
                "REPLACE",
            ),
            ("RESTORE m 1 payload ABSTTL", None, ""),
            ("RESTORE m 1 payload ABSTTL REPLACE", None, "m"),
            ("RESTORE m 1 payload ABSTTL REPLACE", None, ""),
            ("RESTORE l 1 payload", None, ""),
        ] {
            restored(&mut node, line, &payload);
            let effects = node.store.take_effects().into_bytes();
            let words = words_of(&effects);
            let words: Vec<&[u8]> = words
                .iter()
                .map(Vec::as_slice)
                .filter(|word| ![&b"multi"[..], b"exec", b"select"].contains(word))
                .collect();
            let at = words.iter().position(|word| *word == b"RESTORE");
            let told = at.map(|at| String::from_utf8_lossy(words[at + 2]).into_owned());
            assert_eq!(told.as_deref(), ttl, "{line}");
            let end = words.last().copied().unwrap_or_default();
            let is_payload = last == "payload" && end == payload;
            assert!(
                is_payload || end == last.as_bytes(),
                "{line}: {}",
                end.escape_ascii()
            );
        }
        node.send("FLUSHALL");
    }
}

/// All words of some requests.
fn words_of(mut requests: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    while let Some(end) = requests.iter().position(|byte| *byte == b'\n') {
        let len: usize = String::from_utf8_lossy(&requests[1..end - 1])
            .parse()
            .expect("a length");
        let is_word = requests[0] == b'$';
        requests = &requests[end + 1..];
        if is_word {
            words.push(requests[..len].to_vec());
            requests = &requests[len + 2..];
        }
    }
    words
}
