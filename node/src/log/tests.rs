//! The law that effects replay.

use crate::commands::testing::TestNode;
use crate::store::{
    DbIndex, HashRef, Kind, ListRef, Position, SetRef, SortedSetRef, StreamId, StreamRef,
    StringRef, Value,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A history's next line: a command, or time going by.
pub(crate) fn line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    prop_oneof![
        (key(), 0..40_i64).prop_map(|(key, value)| format!("SET {key} {value}")),
        (key(), 1..50_u64).prop_map(|(key, ms)| format!("SET {key} v PX {ms}")),
        (key(), 1..50_u64).prop_map(|(key, ms)| format!("SET {key} w KEEPTTL GET NX PX {ms}")),
        key().prop_map(|key| format!("SET {key} kept KEEPTTL")),
        (key(), key()).prop_map(|(one, two)| format!("MSET {one} 1 {two} two")),
        (key(), key()).prop_map(|(one, two)| format!("MSETNX {one} 1 {two} two")),
        key().prop_map(|key| format!("INCR {key}")),
        key().prop_map(|key| format!("INCRBYFLOAT {key} 1.25")),
        key().prop_map(|key| format!("APPEND {key} x")),
        (key(), 0..20_u8).prop_map(|(key, at)| format!("SETRANGE {key} {at} yy")),
        (key(), 0..90_u8).prop_map(|(key, at)| format!("SETBIT {key} {at} 1")),
        key().prop_map(|key| format!("BITFIELD {key} SET u8 #1 200 INCRBY u4 3 7")),
        (key(), key(), key()).prop_map(|(to, one, two)| format!("BITOP XOR {to} {one} {two}")),
        key().prop_map(|key| format!("GETDEL {key}")),
        (key(), 1..50_u64).prop_map(|(key, ms)| format!("GETEX {key} PX {ms}")),
        key().prop_map(|key| format!("GETEX {key} PERSIST")),
        key().prop_map(|key| format!("GETSET {key} other")),
        (key(), 0..9_u8).prop_map(|(key, field)| format!("HSET {key} {field} x f{field} 2")),
        (key(), 0..9_u8).prop_map(|(key, field)| format!("HINCRBYFLOAT {key} {field} 0.1")),
        (key(), 0..9_u8).prop_map(|(key, field)| format!("HDEL {key} {field} f1")),
        (key(), 0..9_u8).prop_map(|(key, member)| format!("SADD {key} {member} 3 m{member}")),
        (key(), 0..4_u8).prop_map(|(key, count)| format!("SPOP {key} {count}")),
        (key(), key()).prop_map(|(to, from)| format!("SUNIONSTORE {to} {from} {to}")),
        (key(), key()).prop_map(|(to, from)| format!("SDIFFSTORE {to} {from} k0")),
        (key(), key()).prop_map(|(one, two)| format!("DEL {one} {two}")),
        (key(), -5..60_i64).prop_map(|(key, ms)| format!("PEXPIRE {key} {ms}")),
        (key(), 1..60_i64).prop_map(|(key, ms)| format!("PEXPIRE {key} {ms} GT")),
        key().prop_map(|key| format!("PERSIST {key}")),
        (key(), key()).prop_map(|(one, two)| format!("RENAME {one} {two}")),
        (key(), key()).prop_map(|(one, two)| format!("RENAMENX {one} {two}")),
        (key(), key()).prop_map(|(one, two)| format!("COPY {one} {two} DB 1 REPLACE")),
        key().prop_map(|key| format!("MOVE {key} 1")),
        list_line(),
        timed_line(),
        sorted_set_line(),
        carry_line(),
        other_line(),
        stream_line(),
        group_line(),
        key().prop_map(|key| format!("GET {key}")),
        (0..2_u8).prop_map(|db| format!("SELECT {db}")),
        Just("SWAPDB 0 1".to_owned()),
        Just("FLUSHDB".to_owned()),
        (1..40_u64).prop_map(|ms| format!("+{ms}")),
    ]
}

/// A command on fields that end. Their keys are few, and shared with all others.
fn timed_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    let field = || (0..4_u8).prop_map(|number| format!("{number}"));
    let ms = || 0..60_u64;
    prop_oneof![
        (key(), field(), ms())
            .prop_map(|(key, field, ms)| format!("HPEXPIRE {key} {ms} FIELDS 2 {field} f1")),
        (key(), field(), ms())
            .prop_map(|(key, field, ms)| format!("HPEXPIRE {key} {ms} LT FIELDS 1 {field}")),
        (key(), field()).prop_map(|(key, field)| format!("HPERSIST {key} FIELDS 2 {field} f1")),
        (key(), field()).prop_map(|(key, field)| format!("HGETDEL {key} FIELDS 2 {field} none")),
        (key(), field(), ms())
            .prop_map(|(key, field, ms)| format!("HGETEX {key} PX {ms} FIELDS 2 {field} f2")),
        (key(), field()).prop_map(|(key, field)| format!("HGETEX {key} PERSIST FIELDS 1 {field}")),
        (key(), field(), ms())
            .prop_map(|(key, field, ms)| format!("HSETEX {key} PX {ms} FIELDS 2 {field} 1 f1 2")),
        (key(), field(), ms())
            .prop_map(|(key, field, ms)| format!("HSETEX {key} FNX PX {ms} FIELDS 1 {field} 5")),
        (key(), field())
            .prop_map(|(key, field)| format!("HSETEX {key} KEEPTTL FIELDS 1 {field} 7")),
        (key(), field()).prop_map(|(key, field)| format!("HINCRBY {key} {field} 2")),
        Just("SWEEP".to_owned()),
    ]
}

/// A command on lists. Their keys are few, and shared with all others.
fn list_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    let ends = || prop_oneof![Just("LEFT"), Just("RIGHT")];
    prop_oneof![
        (key(), 0..9_u8).prop_map(|(key, text)| format!("RPUSH {key} {text} a long:{text}")),
        (key(), 0..9_u8).prop_map(|(key, text)| format!("LPUSHX {key} {text} b")),
        (key(), 0..3_u8).prop_map(|(key, count)| format!("LPOP {key} {count}")),
        key().prop_map(|key| format!("RPOP {key}")),
        (key(), key(), ends())
            .prop_map(|(one, two, end)| format!("LMPOP 2 {one} {two} {end} COUNT 2")),
        (key(), key(), ends(), ends())
            .prop_map(|(from, to, one, other)| format!("LMOVE {from} {to} {one} {other}")),
        (key(), key()).prop_map(|(from, to)| format!("RPOPLPUSH {from} {to}")),
        (key(), -2..3_i8).prop_map(|(key, count)| format!("LREM {key} {count} a")),
        (key(), 0..3_u8, -3..3_i8)
            .prop_map(|(key, start, stop)| format!("LTRIM {key} {start} {stop}")),
        (key(), -3..3_i8).prop_map(|(key, at)| format!("LSET {key} {at} set")),
        key().prop_map(|key| format!("LINSERT {key} AFTER a inserted")),
    ]
}

/// A value that is dumped and restored under another name.
fn carry_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    let options = prop_oneof![
        Just(""),
        Just(" REPLACE"),
        Just(" REPLACE ABSTTL"),
        Just(" IDLETIME 5")
    ];
    (key(), key(), 0..60_u8, options)
        .prop_map(|(from, to, ttl, options)| format!("CARRY {from} {to} {ttl}{options}"))
}

/// Dumps the first key that the words name, and restores it as the others say.
fn carry(node: &mut TestNode, words: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    let reply = node.run_bytes(&["DUMP", words[0]]);
    let Some(head) = reply.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    // Where there is no such key the payload is none.
    let payload = reply.get(head + 1..reply.len() - 2).unwrap_or_default();
    let mut restore = vec![
        &b"RESTORE"[..],
        words[1].as_bytes(),
        words[2].as_bytes(),
        payload,
    ];
    restore.extend(words[3..].iter().map(|word| word.as_bytes()));
    node.run_bytes(&restore);
}

/// A command on sorted sets. Their keys are few, and shared with all others.
fn sorted_set_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    prop_oneof![
        (key(), 0..9_u8).prop_map(|(key, one)| format!("ZADD {key} {one} m{one} 2.5 a inf b")),
        (key(), 0..9_u8).prop_map(|(key, one)| format!("ZADD {key} XX GT CH {one} a 7 m7")),
        (key(), 0..9_u8).prop_map(|(key, by)| format!("ZINCRBY {key} {by}.1 a")),
        key().prop_map(|key| format!("ZADD {key} INCR -inf b")),
        (key(), 0..9_u8).prop_map(|(key, one)| format!("ZREM {key} m{one} a")),
        (key(), 0..3_u8).prop_map(|(key, count)| format!("ZPOPMIN {key} {count}")),
        (key(), key()).prop_map(|(one, two)| format!("ZMPOP 2 {one} {two} MAX COUNT 2")),
        (key(), -2..2_i8).prop_map(|(key, stop)| format!("ZREMRANGEBYRANK {key} 1 {stop}")),
        (key(), 0..9_u8).prop_map(|(key, least)| format!("ZREMRANGEBYSCORE {key} ({least} 9")),
        key().prop_map(|key| format!("ZREMRANGEBYLEX {key} [a (m")),
        (key(), key()).prop_map(|(to, from)| format!("ZRANGESTORE {to} {from} 0 1 REV")),
        (key(), key(), key())
            .prop_map(|(to, one, two)| format!("ZUNIONSTORE {to} 2 {one} {two} WEIGHTS 1 0.3")),
        (key(), key(), key())
            .prop_map(|(to, one, two)| format!("ZINTERSTORE {to} 2 {one} {two} AGGREGATE MAX")),
        (key(), key(), key()).prop_map(|(to, one, two)| format!("ZDIFFSTORE {to} 2 {one} {two}")),
    ]
}

/// A command on sketches or places, a SORT, or one that compares. Their keys are few, and shared with all others.
fn other_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    prop_oneof![
        (key(), 0..9_u8).prop_map(|(key, one)| format!("PFADD {key} {one} a")),
        key().prop_map(|key| format!("PFCOUNT {key}")),
        (key(), key(), key()).prop_map(|(to, one, two)| format!("PFMERGE {to} {one} {two}")),
        key().prop_map(|key| format!("PFDEBUG TODENSE {key}")),
        (key(), 0..9_u8).prop_map(|(key, one)| format!("GEOADD {key} {one} 1.5 m{one} 2 3 a")),
        (key(), key()).prop_map(|(to, from)| {
            format!("GEOSEARCHSTORE {to} {from} FROMLONLAT 2 2 BYRADIUS 300 km STOREDIST")
        }),
        (key(), key()).prop_map(|(to, from)| format!("GEORADIUS {from} 2 2 300 km STORE {to}")),
        (key(), key()).prop_map(|(to, from)| format!("SORT {from} ALPHA DESC STORE {to}")),
        (key(), key()).prop_map(|(to, from)| {
            format!("SORT {from} BY k* LIMIT 0 2 GET # GET k* STORE {to}")
        }),
        (key(), 0..9_i64).prop_map(|(key, old)| format!("SET {key} new IFEQ {old} KEEPTTL")),
        (key(), 0..9_i64).prop_map(|(key, value)| format!("DELIFEQ {key} {value}")),
    ]
}

/// A command on streams. Their keys are few, and shared with all others.
fn stream_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    prop_oneof![
        key().prop_map(|key| format!("XADD {key} * a 1 b long:value")),
        (key(), 0..9_u8).prop_map(|(key, ms)| format!("XADD {key} {ms}-* a {ms}")),
        (key(), 0..4_u8).prop_map(|(key, most)| format!("XADD {key} MAXLEN ~ {most} * a 2")),
        (key(), 1..9_u8).prop_map(|(key, ms)| format!("XADD {key} MINID {ms} {ms}-9 c 3")),
        (key(), 0..9_u8).prop_map(|(key, ms)| format!("XDEL {key} {ms}-0 {ms}-1 1-9")),
        (key(), 0..3_u8).prop_map(|(key, most)| format!("XTRIM {key} MAXLEN {most}")),
        (key(), 0..9_u8).prop_map(|(key, ms)| format!("XTRIM {key} MINID ~ {ms}")),
        (key(), 0..12_u8).prop_map(|(key, ms)| format!("XSETID {key} {ms}-5")),
        key().prop_map(|key| format!("XSETID {key} 12 ENTRIESADDED 40 MAXDELETEDID 3")),
    ]
}

/// A command on groups of consumers.
fn group_line() -> impl Strategy<Value = String> {
    let key = || (0..6_u8).prop_map(|number| format!("k{number}"));
    let group = || prop_oneof![Just("g"), Just("h")];
    let id = || (0..9_u8).prop_map(|ms| format!("{ms}-0"));
    prop_oneof![
        (key(), group()).prop_map(|(key, group)| format!("XGROUP CREATE {key} {group} 0 MKSTREAM")),
        (key(), group())
            .prop_map(|(key, group)| format!("XGROUP CREATE {key} {group} $ ENTRIESREAD 3")),
        (key(), group(), id())
            .prop_map(|(key, group, id)| format!("XGROUP SETID {key} {group} {id}")),
        (key(), group())
            .prop_map(|(key, group)| format!("XGROUP CREATECONSUMER {key} {group} new")),
        (key(), group()).prop_map(|(key, group)| format!("XGROUP DELCONSUMER {key} {group} c")),
        (key(), group()).prop_map(|(key, group)| format!("XGROUP DESTROY {key} {group}")),
        (key(), group())
            .prop_map(|(key, group)| format!("XREADGROUP GROUP {group} c STREAMS {key} >")),
        (key(), group()).prop_map(|(key, group)| format!(
            "XREADGROUP GROUP {group} d NOACK COUNT 1 STREAMS {key} >"
        )),
        (key(), key(), group()).prop_map(|(one, two, group)| format!(
            "XREADGROUP GROUP {group} c COUNT 2 STREAMS {one} {two} > 0"
        )),
        (key(), group(), id()).prop_map(|(key, group, id)| format!("XACK {key} {group} {id} 1-9")),
        (key(), group(), id())
            .prop_map(|(key, group, id)| format!("XCLAIM {key} {group} d 5 {id} LASTID {id}")),
        (key(), group(), id()).prop_map(|(key, group, id)| format!(
            "XCLAIM {key} {group} e 0 {id} IDLE 3 RETRYCOUNT 4 FORCE"
        )),
        (key(), group()).prop_map(|(key, group)| format!("XAUTOCLAIM {key} {group} e 9 0 COUNT 2")),
        (key(), group()).prop_map(|(key, group)| format!("XAUTOCLAIM {key} {group} d 0 - JUSTID")),
    ]
}

/// A stream with its groups, but for moments: whoever replays has a clock that stands.
fn show_stream(stream: StreamRef<'_>, elements: &mut Vec<String>) {
    elements.push(format!(
        "last {:?} deleted {:?} added {} first {:?}",
        stream.last_id(),
        stream.max_deleted_id(),
        stream.entries_added(),
        stream.first_entry(),
    ));
    stream.walk(StreamId::MIN, StreamId::MAX, |entry| {
        let fields: Vec<_> = entry.fields().collect();
        elements.push(format!("{:?} {fields:?}", entry.id));
        true
    });
    for group in stream.groups() {
        let name = group.name().escape_ascii();
        let (last, read, lag) = (group.last_id(), group.entries_read(), group.lag());
        elements.push(format!("group {name} {last:?} {read:?} {lag:?}"));
        for consumer in group.consumers() {
            let (name, pending) = (consumer.name().escape_ascii(), consumer.pending_count());
            elements.push(format!("consumer {name} {pending}"));
        }
        group.walk_pending(StreamId::MIN, |entry| {
            let consumer = entry.consumer.escape_ascii();
            elements.push(format!("{:?} {consumer} {}", entry.id, entry.count));
            true
        });
    }
}

/// Value and expiry by database and key.
pub(crate) type Keyspace = BTreeMap<(u8, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// A value as bytes, whatever its kind; hashes and sets in an order of their own.
fn shown(value: Value<'_>) -> Vec<u8> {
    let text = |text: StringRef<'_>| match text {
        StringRef::Integer(number) => number.to_string(),
        StringRef::Bytes(bytes) => bytes.escape_ascii().to_string(),
    };
    let mut elements = Vec::new();
    let all = Position::default();
    match value.kind() {
        Kind::Hash => {
            let hash = HashRef::of(value).expect("a hash");
            hash.walk(all, usize::MAX, |field, value| {
                let end = format!("until {:?}", hash.end_of(field));
                elements.push([text(field), text(value), end].join(" => "));
            });
        }
        Kind::Set => {
            let set = SetRef::of(value).expect("a set");
            set.walk(all, usize::MAX, |member| elements.push(text(member)));
        }
        Kind::List => {
            let list = ListRef::of(value).expect("a list");
            list.walk(0, u64::MAX, |element| elements.push(text(element)));
        }
        Kind::SortedSet => {
            let set = SortedSetRef::of(value).expect("a sorted set");
            set.walk(0, u64::MAX, |member, score| {
                elements.push(format!("{} => {score}", text(member)));
            });
        }
        Kind::Stream => show_stream(StreamRef::of(value).expect("a stream"), &mut elements),
        Kind::String => elements.push(text(StringRef::of(value).expect("a string"))),
    }
    if matches!(value.kind(), Kind::Hash | Kind::Set) {
        elements.sort();
    }
    format!("{} {}", value.kind().name(), elements.join(", ")).into_bytes()
}

/// Every key of the first two databases.
pub(crate) fn everything(node: &mut TestNode) -> Keyspace {
    let mut all = Keyspace::new();
    for number in 0..2 {
        let db = DbIndex(number);
        let mut keys = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = node.store.scan(db, cursor, 100, &mut |key, value| {
                keys.push((key.to_vec(), shown(value)));
            });
            if cursor == 0 {
                break;
            }
        }
        for (key, value) in keys {
            let hash = node.store.hash(&key);
            let entry = crate::store::Key { bytes: &key, hash };
            let expiry = node.store.expiry(db, entry).flatten();
            all.insert((number, key), (value, expiry));
        }
    }
    all
}

/// Lets a line of a history happen.
pub(crate) fn play(node: &mut TestNode, line: &str) {
    if let Some(ms) = line.strip_prefix('+') {
        node.advance_ms(ms.parse().expect("a number"));
    } else if let Some(words) = line.strip_prefix("CARRY ") {
        carry(node, words);
    } else if line == "SWEEP" {
        while node.store.expire_step(64).again {}
    } else {
        node.send(line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn effects_of_any_history_make_the_same_keyspace_out_of_nothing(
        history in prop::collection::vec(line(), 1..60)
    ) {
        let mut node = TestNode::new();
        let start_ms = node.now_ms;
        node.store.start_recording();
        for line in &history {
            play(&mut node, line);
        }
        // Whoever replays does not let keys expire by itself: it waits to be told. So its clock stands.
        let mut log = node.store.take_effects().into_bytes();
        let mut replayed = TestNode::new();
        prop_assert_eq!(replayed.now_ms, start_ms);
        let replies = replayed.run_stream(&mut log);
        prop_assert!(!replies.starts_with(b"-") , "{}", String::from_utf8_lossy(&replies));
        // What has expired since the last command is gone on both sides.
        replayed.advance_ms(node.now_ms - start_ms);
        prop_assert_eq!(everything(&mut node), everything(&mut replayed));
    }
}
