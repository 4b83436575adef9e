//! What the effects of a history make of an empty keyspace, and commands with very much to do, step by step.

use super::{Asked, LongEnd, Origin, Stop, Turn, Wait};
use crate::client::{Identity, Session};
use crate::commands::testing::TestNode;
use proptest::prelude::*;
use shared::command;
use shared::resp::{RequestBatch, RequestLimits, RequestScanner};

/// Runs what the log tells on `node`; how many units it was told of. Every command of the log succeeds.
fn replay(node: &mut TestNode, mut log: Vec<u8>) -> usize {
    let mut batch = RequestBatch::default();
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    scanner
        .scan(&mut log, &mut batch, usize::MAX)
        .expect("whole commands");
    assert_eq!(scanner.finished_bytes(), log.len());
    let (identity, mut session) = (Identity::new(9, 0), Session::default());
    let (mut units, mut is_within) = (0, false);
    for request in batch.requests() {
        let args = batch.args(&log, request);
        match args.at(0) {
            b"multi" | b"exec" => {
                assert_eq!(is_within, args.at(0) == b"exec", "units do not overlap");
                is_within = !is_within;
                units += usize::from(is_within);
                continue;
            }
            _ => {}
        }
        let asked = Asked {
            args,
            hashes: &[],
            request_bytes: 0,
        };
        let mut turn = Turn {
            store: &mut node.store,
            node: &mut node.node,
            identity: &identity,
            session: &mut session,
            now_ms: node.now_ms,
        };
        let row = command::resolve_served(args, command::CommandSpec::is_served_by_node);
        let mut reply = Vec::new();
        let stop = node
            .executor
            .perform(&mut turn, Origin::Log, row, asked, &mut reply);
        assert!(matches!(stop, Stop::Done | Stop::Long | Stop::NewLimits));
        assert!(!reply.starts_with(b"-"), "{}", reply.escape_ascii());
    }
    assert!(!is_within, "what begins ends");
    units
}

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Everything that commands can see of the keyspace.
fn keyspace(node: &mut TestNode) -> Vec<String> {
    let mut seen = Vec::new();
    for db in 0..3 {
        node.send(&format!("SELECT {db}"));
        for key in KEYS {
            seen.push(node.send(&format!("GET {key}")));
            seen.push(sorted(&node.send(&format!("HGETALL {key}")), 4));
            let reply = node.send(&format!("HKEYS {key}"));
            let mut fields: Vec<&str> = reply.lines().skip(2).step_by(2).collect();
            fields.sort_unstable();
            let (count, fields) = (fields.len(), fields.join(" "));
            seen.push(node.send(&format!("HPEXPIRETIME {key} FIELDS {count} {fields}")));
            seen.push(sorted(&node.send(&format!("SMEMBERS {key}")), 2));
            seen.push(node.send(&format!("PEXPIRETIME {key}")));
        }
    }
    seen
}

/// The elements of a reply in an order of their own; each has so many lines.
fn sorted(reply: &str, lines: usize) -> String {
    let all: Vec<&str> = reply.lines().collect();
    let mut elements: Vec<&[&str]> = all[1..].chunks(lines).collect();
    elements.sort_unstable();
    format!("{} {elements:?}", all[0])
}

/// Commands on hashes and sets.
fn of_collections() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(&KEYS[..]);
    let element = || {
        prop_oneof![
            3 => (0..30_u32).prop_map(|number| number.to_string()),
            1 => (0..30_u32).prop_map(|number| format!("f{number}")),
            1 => (240..5000_usize).prop_map(|len| "l".repeat(len)),
        ]
    };
    prop_oneof![
        3 => (key(), element(), element()).prop_map(|(key, field, value)| format!("HSET {key} {field} {value} x 1")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HSETNX {key} {field} new")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HINCRBY {key} {field} 7")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HINCRBYFLOAT {key} {field} 1.5")),
        2 => (key(), element()).prop_map(|(key, field)| format!("HDEL {key} {field} x")),
        3 => (key(), element(), 0..900_u32).prop_map(|(key, field, ms)| format!("HPEXPIRE {key} {ms} FIELDS 2 {field} x")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HEXPIRE {key} 1 GT FIELDS 2 x {field}")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HPERSIST {key} FIELDS 1 {field}")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HGETDEL {key} FIELDS 2 {field} {field}")),
        1 => (key(), element(), 0..900_u32).prop_map(|(key, field, ms)| format!("HGETEX {key} PX {ms} FIELDS 1 {field}")),
        2 => (key(), element(), 0..900_u32).prop_map(|(key, field, ms)| format!("HSETEX {key} PX {ms} FIELDS 2 {field} 1 x 2")),
        1 => (key(), element()).prop_map(|(key, field)| format!("HSETEX {key} FXX KEEPTTL FIELDS 1 {field} kept")),
        3 => (key(), element(), element()).prop_map(|(key, one, two)| format!("SADD {key} {one} {two}")),
        1 => (key(), element()).prop_map(|(key, member)| format!("SREM {key} {member}")),
        2 => (key(), 0..4_u32).prop_map(|(key, count)| format!("SPOP {key} {count}")),
        1 => key().prop_map(|key| format!("SPOP {key}")),
        1 => (key(), key(), element()).prop_map(|(from, to, member)| format!("SMOVE {from} {to} {member}")),
        1 => (key(), key(), key()).prop_map(|(to, one, two)| format!("SUNIONSTORE {to} {one} {two}")),
        1 => (key(), key(), key()).prop_map(|(to, one, two)| format!("SINTERSTORE {to} {one} {two}")),
        1 => (key(), key(), key()).prop_map(|(to, one, two)| format!("SDIFFSTORE {to} {one} {two}")),
    ]
}

fn commands() -> impl Strategy<Value = Vec<String>> {
    let key = || prop::sample::select(&KEYS[..]);
    let number = || 0..2_000_u32;
    let command = prop_oneof![
        12 => of_collections(),
        4 => (key(), number()).prop_map(|(key, number)| format!("SET {key} {number}")),
        2 => (key(), number()).prop_map(|(key, ms)| format!("SET {key} v PX {}", ms + 1)),
        2 => (key(), number()).prop_map(|(key, by)| format!("INCRBY {key} {by}")),
        1 => (key(), number()).prop_map(|(key, by)| format!("INCRBYFLOAT {key} {by}.5")),
        2 => (key(), number()).prop_map(|(key, more)| format!("APPEND {key} {more}")),
        1 => (key(), number()).prop_map(|(key, at)| format!("SETRANGE {key} {at} x")),
        1 => (key(), number()).prop_map(|(key, bit)| format!("SETBIT {key} {bit} 1")),
        1 => (key(), number()).prop_map(|(key, bit)| format!("BITFIELD {key} INCRBY u8 {bit} 7")),
        2 => (key(), number()).prop_map(|(key, ms)| format!("PEXPIRE {key} {ms}")),
        1 => key().prop_map(|key| format!("EXPIRE {key} -1")),
        1 => key().prop_map(|key| format!("GETEX {key} PERSIST")),
        1 => key().prop_map(|key| format!("GETDEL {key}")),
        1 => key().prop_map(|key| format!("GET {key}")),
        1 => (key(), key()).prop_map(|(from, to)| format!("RENAME {from} {to}")),
        1 => (key(), key()).prop_map(|(from, to)| format!("COPY {from} {to} DB 1 REPLACE")),
        1 => (key(), key()).prop_map(|(to, from)| format!("BITOP OR {to} {from} {to}")),
        1 => (key(), key()).prop_map(|(one, two)| format!("MSETNX {one} 1 {two} 2")),
        1 => (key(), key()).prop_map(|(one, two)| format!("DEL {one} {two}")),
        1 => key().prop_map(|key| format!("MOVE {key} 2")),
        2 => (0..3_u8).prop_map(|db| format!("SELECT {db}")),
        1 => Just("SWAPDB 0 1".to_owned()),
        1 => Just("FLUSHDB".to_owned()),
        3 => (1..900_u32).prop_map(|ms| format!("sleep {ms}")),
    ];
    prop::collection::vec(command, 0..90)
}

proptest! {
    #[test]
    fn the_effects_of_a_history_make_the_same_keyspace(commands in commands()) {
        let mut node = TestNode::new();
        node.store.start_recording();
        for command in &commands {
            match command.strip_prefix("sleep ") {
                Some(ms) => node.advance_ms(ms.parse().unwrap()),
                None => drop(node.send(command)),
            }
        }
        let log = node.store.take_effects().into_bytes();
        let mut replayed = TestNode::new();
        replay(&mut replayed, log);
        replayed.advance_ms(node.now_ms - replayed.now_ms);
        prop_assert_eq!(keyspace(&mut replayed), keyspace(&mut node));
    }
}

#[test]
fn what_the_log_tells_happens_whatever_the_settings_say() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.send("SET a 1");
    let log = node.store.take_effects().into_bytes();
    let mut replayed = TestNode::new();
    replayed.send("CONFIG SET maxmemory 1");
    replayed.send("CLIENT PAUSE 1000 WRITE");
    assert!(replayed.send("SET a 1").is_empty());
    replay(&mut replayed, log);
    assert_eq!(replayed.send("GET a"), "$1\r\n1\r\n");
}

#[test]
fn a_long_command_is_one_unit_of_the_effects() {
    let mut node = TestNode::new();
    node.store.start_recording();
    let mut words = vec!["MSET".to_owned()];
    words.extend((0..40_000).map(|number| format!("key:{}", number / 2)));
    assert_eq!(node.run(&words), "+OK\r\n");
    node.send("SET after 1");
    let log = node.store.take_effects().into_bytes();
    let text = String::from_utf8_lossy(&log);
    let end = text.find("exec").expect("it ends");
    assert!(text.find("multi").is_some_and(|begin| begin < end));
    assert!(text.find("after").is_some_and(|after| end < after));
    let mut replayed = TestNode::new();
    assert_eq!(replay(&mut replayed, log), 1);
    assert_eq!(replayed.send("DBSIZE"), node.send("DBSIZE"));
    // Whoever only looks changes nothing.
    "MGET".clone_into(&mut words[0]);
    node.run(&words);
    assert!(node.store.take_effects().is_empty());
}

/// Runs a BITOP over long strings step by step; `meanwhile` is called between.
fn combine(node: &mut TestNode, line: &str, mut meanwhile: impl FnMut(&mut TestNode)) -> Vec<u8> {
    let mut bytes = line.as_bytes().to_vec();
    bytes.extend_from_slice(b"\r\n");
    let mut batch = RequestBatch::default();
    RequestScanner::new(RequestLimits::AUTHENTICATED)
        .scan(&mut bytes, &mut batch, 1)
        .expect("a line");
    let args = batch.args(&bytes, &batch.requests()[0]);
    let (identity, mut session) = (Identity::new(2, 0), Session::default());
    let mut long = None;
    loop {
        let mut turn = Turn {
            store: &mut node.store,
            node: &mut node.node,
            identity: &identity,
            session: &mut session,
            now_ms: node.now_ms,
        };
        let begun = long.take();
        let begun = begun.unwrap_or_else(|| node.executor.begin(&mut turn, args));
        match node.executor.go_on(&mut turn, begun, args) {
            LongEnd::NotYet(rest) => long = Some(rest),
            LongEnd::Over(reply) => return reply.into_pieces().concat(),
        }
        meanwhile(node);
    }
}

#[test]
fn long_strings_are_combined_while_others_are_served() {
    const LEN: usize = 9_000_000;
    let mut node = TestNode::new();
    let values = [[0b1100_u8; LEN].to_vec(), vec![0b1010_u8; LEN - 5]];
    for (key, value) in ["one", "two"].iter().zip(&values) {
        node.run_bytes(&[b"SET".as_slice(), key.as_bytes(), value]);
    }
    node.send("SET beside 1");
    // One after the other until the time of others comes, for this takes some turns.
    for (operation, both, one) in [
        ("AND", 0b1000, 0),
        ("OR", 0b1110, 0b1100),
        ("XOR", 0b0110, 0b1100),
    ] {
        let mut turns = 0;
        let line = format!("BITOP {operation} to one two");
        let reply = combine(&mut node, &line, |node| {
            turns += 1;
            node.send("INCR beside");
            assert_eq!(node.send("SET one x"), "", "nobody changes a source");
            assert_eq!(node.stop, Stop::NotYet(Wait::Keys));
        });
        assert_eq!(reply, format!(":{LEN}\r\n").into_bytes());
        assert!(turns > 0, "{operation} of {LEN} bytes is cut");
        let mut expected = vec![both; LEN - 5];
        expected.extend([one; 5]);
        let result = node.run_bytes(&["GET", "to"]);
        assert!(
            result.ends_with(&[&expected[..], b"\r\n"].concat()),
            "{operation}"
        );
    }
    assert_eq!(node.send("OBJECT ENCODING to"), "$3\r\nraw\r\n");
}

#[test]
fn a_source_that_expires_meanwhile_is_no_part_of_any_of_the_result() {
    const LEN: usize = 9_000_000;
    let mut node = TestNode::new();
    for (key, byte) in [("one", 1), ("two", 2)] {
        node.run_bytes(&[b"SET".as_slice(), key.as_bytes(), &vec![byte; LEN]]);
    }
    node.send("PEXPIRE two 1000");
    let mut turns = 0;
    let reply = combine(&mut node, "BITOP OR to one two", |node| {
        turns += 1;
        if turns == 2 {
            node.advance_ms(2_000);
        }
    });
    assert_eq!(reply, format!(":{LEN}\r\n").into_bytes());
    assert!(turns >= 2);
    let result = node.run_bytes(&["GET", "to"]);
    assert!(result.ends_with(&[&[1; LEN][..], b"\r\n"].concat()));
}

#[test]
fn fields_that_are_over_go_while_a_long_reply_shows_the_others() {
    let mut node = TestNode::new();
    for (prefix, count, ms) in [("over", 10_000, "10"), ("later", 100, "2000")] {
        for start in (0..count).step_by(100) {
            let mut words: Vec<String> = ["HSETEX", "h", "PX", ms, "FIELDS", "100"]
                .map(str::to_owned)
                .to_vec();
            words.extend((start..start + 100).flat_map(|number| {
                let value = "v".repeat(20);
                [format!("{prefix}:{number}"), value]
            }));
            assert_eq!(node.run(&words), ":1\r\n");
        }
    }
    for start in (0..9900).step_by(100) {
        let mut words = vec!["HSET".to_owned(), "h".to_owned()];
        words.extend((start..start + 100).flat_map(|number| {
            let value = "v".repeat(20);
            [format!("stays:{number}"), value]
        }));
        node.run(&words);
    }
    node.advance_ms(10);
    let (mut turns, mut gone) = (0, 0);
    let reply = combine(&mut node, "HGETALL h", |node| {
        turns += 1;
        let hold = node.node.hold.as_ref().expect("a command is under way");
        let until_ms = hold.moment_ms();
        node.advance_ms(600);
        for _ in 0..20 {
            node.store.expire_step_sparing(4096, &|_| until_ms);
        }
        gone = node.store.counters().expired_subkeys;
    });
    assert!(turns > 0 && gone > 0, "{turns} {gone}");
    assert!(gone <= 10_000, "the others were not over when it began");
    let reply = String::from_utf8(reply).expect("text");
    assert_eq!(reply.lines().next(), Some("*20000"));
    let fields: std::collections::BTreeSet<&str> =
        reply.lines().filter(|line| line.contains(':')).collect();
    assert_eq!(fields.len(), 10_000);
    assert_eq!(reply.lines().count(), 1 + 2 * 20_000);
    assert!(!reply.contains("over:") && reply.contains("later:99\r\n"));
}
