//! Streams against a `BTreeMap`: entries, and what is pending.

use super::group::{ConsumerNumber, Delivery};
use super::*;
use crate::store::StoreFull;
use crate::store::object::Large;
use crate::store::value::chance::below;
use crate::store::value::leaves::Pools;
use shared::resp::{ArgRange, Args};
use std::collections::BTreeMap;

const LIMITS: NodeLimits = NodeLimits {
    bytes: 4096,
    entries: 100,
};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn append(
    stream: &mut Stream,
    leaves: &mut Leaves,
    id: StreamId,
    fields: &Fields,
    limits: NodeLimits,
) -> Result<(), StoreFull> {
    let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        let start = u32::try_from(buffer.len()).unwrap();
        let len = u32::try_from(text.len()).unwrap();
        ranges.push(ArgRange { start, len });
        buffer.extend_from_slice(text);
    }
    let record = Args::new(&buffer, &ranges);
    stream.entries.append(leaves, id, record, limits)
}

fn owned(value: StringRef<'_>) -> Vec<u8> {
    match value {
        StringRef::Integer(number) => number.to_string().into_bytes(),
        StringRef::Bytes(bytes) => bytes.to_vec(),
    }
}

fn fields_of(entry: EntryRef<'_>) -> Fields {
    let fields: Fields = entry
        .fields()
        .map(|(name, value)| (owned(name), owned(value)))
        .collect();
    assert_eq!(fields.len() as u64, entry.count);
    fields
}

/// Ordinary and hostile records: mostly of the same names, some long, some of many.
fn record(chance: &mut u64) -> Fields {
    let value = |chance: &mut u64| match below(chance, 12) {
        0 => below(chance, 1 << 40).to_string().into_bytes(),
        1 => Vec::new(),
        2 => vec![b'v'; 235 + usize::try_from(below(chance, 20)).unwrap()],
        3 if below(chance, 9) == 0 => vec![b'w'; 600],
        3 if below(chance, 9) == 0 => vec![b'x'; 6000],
        _ => format!("value {}", below(chance, 100)).into_bytes(),
    };
    let names: Vec<Vec<u8>> = match below(chance, 9) {
        0 => vec![b"other".to_vec()],
        1 if below(chance, 9) == 0 => (0..200).map(|n| format!("n{n}").into_bytes()).collect(),
        1 if below(chance, 9) == 0 => vec![vec![b'n'; 900]],
        _ => vec![b"temperature".to_vec(), b"7".to_vec()],
    };
    names
        .into_iter()
        .map(|name| {
            let value = value(chance);
            (name, value)
        })
        .collect()
}

/// Somewhere among the identifiers that there are, or beside one.
fn some_id(chance: &mut u64, last: StreamId) -> StreamId {
    id(below(chance, last.ms + 3), below(chance, 4))
}

fn check_reads(
    stream: &Stream,
    leaves: &Leaves,
    plain: &BTreeMap<StreamId, Fields>,
    chance: &mut u64,
) {
    stream.check(leaves);
    let entries = &stream.entries;
    assert_eq!(entries.len(), plain.len() as u64);
    assert_eq!(entries.last(leaves), plain.keys().next_back().copied());
    let first = plain.keys().next().copied().unwrap_or_default();
    assert_eq!(entries.first(), first);
    let last = entries.last(leaves).unwrap_or_default();
    let (from, to) = (some_id(chance, last), some_id(chance, last));
    let limit = usize::try_from(below(chance, 300)).unwrap() + 1;
    let mut found = Vec::new();
    let mut note = |entry: EntryRef<'_>| {
        found.push((entry.id, fields_of(entry)));
        found.len() < limit
    };
    entries.walk(leaves, (from, to), &mut note);
    let within = |from, to| {
        let is_range = from <= to;
        is_range
            .then(|| plain.range(from..=to))
            .into_iter()
            .flatten()
    };
    let expected: Vec<_> = within(from, to).take(limit).collect();
    assert!(found.iter().map(|(id, fields)| (id, fields)).eq(expected));
    let mut found = Vec::new();
    let mut note = |entry: EntryRef<'_>| {
        found.push((entry.id, fields_of(entry)));
        found.len() < limit
    };
    entries.walk_back(leaves, (from, to), &mut note);
    let mut expected: Vec<_> = within(from, to).collect();
    expected.reverse();
    expected.truncate(limit);
    assert!(found.iter().map(|(id, fields)| (id, fields)).eq(expected));
    let sought = some_id(chance, last);
    let found = entries.get(leaves, sought).map(fields_of);
    assert_eq!(found.as_ref(), plain.get(&sought));
}

fn trim(
    stream: &mut Stream,
    leaves: &mut Leaves,
    plain: &mut BTreeMap<StreamId, Fields>,
    chance: &mut u64,
) {
    let len = plain.len() as u64;
    let last = stream.entries.last(leaves).unwrap_or_default();
    let trim = Trim {
        to: match below(chance, 2) {
            0 => TrimTo::Length(len.saturating_sub(below(chance, 150))),
            _ => TrimTo::Id(some_id(chance, id(last.ms / 20, 0))),
        },
        is_approximate: below(chance, 2) == 0,
        limit: (below(chance, 3) == 0).then_some(120),
    };
    let (trimmed, released) = stream.trim(leaves, trim);
    if let Some(mut released) = released {
        assert_eq!(
            stream.leaf_bytes() + released.leaf_bytes(),
            leaves.live_bytes()
        );
        while !released.free_slice(leaves) {}
    }
    let wanted = match trim.to {
        TrimTo::Length(most) => len.saturating_sub(most),
        TrimTo::Id(least) => plain.range(..least).count() as u64,
    };
    if trim.is_approximate || trim.limit.is_some() {
        assert!(trimmed <= wanted, "{trim:?}");
    } else {
        assert_eq!(trimmed, wanted, "{trim:?}");
    }
    for _ in 0..trimmed {
        plain.pop_first();
    }
}

fn check(seed: u64, limits: NodeLimits, most: usize) {
    let mut chance = seed;
    let mut leaves = Leaves::new(seed);
    let mut stream = Stream::default();
    let mut plain = BTreeMap::new();
    let mut last = StreamId::MIN;
    for step in 0..20_000_u64 {
        let grows = step % 5000 < 2500 && plain.len() < most;
        match below(&mut chance, 100) {
            0..90 if grows => {
                last = match below(&mut chance, 4) {
                    0 => last.next().unwrap(),
                    1 => id(last.ms, last.seq + below(&mut chance, 300) + 1),
                    _ => id(last.ms + 1 + below(&mut chance, 3), below(&mut chance, 3)),
                };
                let fields = record(&mut chance);
                append(&mut stream, &mut leaves, last, &fields, limits).unwrap();
                plain.insert(last, fields);
            }
            0..97 => {
                let sought = match below(&mut chance, 3) {
                    0 => some_id(&mut chance, last),
                    _ => {
                        let nth = below(&mut chance, plain.len() as u64 + 1);
                        let mut ids = plain.keys().skip(usize::try_from(nth).unwrap());
                        ids.next().copied().unwrap_or_default()
                    }
                };
                let was_there = stream.remove(&mut leaves, sought);
                assert_eq!(was_there, plain.remove(&sought).is_some());
            }
            _ => trim(&mut stream, &mut leaves, &mut plain, &mut chance),
        }
        if step % 200 == 0 {
            check_reads(&stream, &leaves, &plain, &mut chance);
        }
        assert_eq!(stream.leaf_bytes(), leaves.live_bytes());
    }
    let mut others = Leaves::new(seed);
    let mut copy = Stream::default();
    let mut pools = Pools::Two(&leaves, &mut others);
    while !copy.entries.copy_some(&stream.entries, &mut pools).unwrap() {}
    check_reads(&copy, &others, &plain, &mut chance);
    assert_eq!(copy.entries.nodes(), stream.entries.nodes());
    assert_eq!(copy.leaf_bytes(), others.live_bytes());
    for (mut stream, mut leaves) in [(stream, leaves), (copy, others)] {
        while !stream.free_slice(&mut leaves) {}
        assert_eq!(leaves.live_bytes(), 0, "all is given back");
    }
}

#[test]
fn any_operations_leave_what_a_map_would() {
    check(1, LIMITS, 60);
    check(2, LIMITS, 3000);
    let limits = NodeLimits {
        bytes: 0,
        entries: 0,
    };
    check(3, limits, 3000);
    let limits = NodeLimits {
        bytes: 4096,
        entries: 3,
    };
    check(4, limits, 500);
}

#[test]
fn what_is_trimmed_of_a_long_stream_is_freed_by_others() {
    let mut chance = 1;
    let mut leaves = Leaves::new(1);
    let mut stream = Stream::default();
    for number in 1..=30_000 {
        let fields = record(&mut chance);
        append(&mut stream, &mut leaves, id(number, 0), &fields, LIMITS).unwrap();
    }
    let trims = [
        (TrimTo::Length(20_050), 9_950),
        (TrimTo::Id(id(29_990, 0)), 20_039),
    ];
    for (to, expected) in trims {
        let (is_approximate, limit) = (false, None);
        let trim = Trim {
            to,
            is_approximate,
            limit,
        };
        let (trimmed, released) = stream.trim(&mut leaves, trim);
        let mut released = released.expect("most of it");
        assert_eq!(trimmed, expected);
        assert!(released.entries.len() * 2 > trimmed);
        released.check(&leaves);
        stream.check(&leaves);
        assert_eq!(
            stream.leaf_bytes() + released.leaf_bytes(),
            leaves.live_bytes()
        );
        while !released.free_slice(&mut leaves) {}
        assert_eq!(stream.leaf_bytes(), leaves.live_bytes());
    }
    assert_eq!(stream.entries.first(), id(29_990, 0));
}

#[test]
fn a_node_may_stay_without_entries_as_in_redis() {
    let mut leaves = Leaves::new(1);
    let mut stream = Stream::default();
    let fields = vec![(b"f".to_vec(), b"v".to_vec())];
    for number in 5..=8 {
        append(&mut stream, &mut leaves, id(number, 0), &fields, LIMITS).unwrap();
    }
    assert!(stream.remove(&mut leaves, id(8, 0)));
    let to = TrimTo::Id(id(8, 0));
    let (is_approximate, limit) = (false, None);
    let trim = Trim {
        to,
        is_approximate,
        limit,
    };
    assert_eq!(stream.trim(&mut leaves, trim).0, 3);
    assert_eq!((stream.entries.len(), stream.entries.nodes()), (0, 1));
    assert_eq!(stream.entries.last(&leaves), None);
    stream.check(&leaves);
    // After XSETID the next one may be less than what the node began with.
    append(&mut stream, &mut leaves, id(2, 0), &fields, LIMITS).unwrap();
    append(&mut stream, &mut leaves, id(9, 0), &fields, LIMITS).unwrap();
    assert_eq!((stream.entries.len(), stream.entries.nodes()), (2, 2));
    assert_eq!(stream.entries.first(), id(2, 0));
    assert!(stream.entries.get(&leaves, id(2, 0)).is_some());
    assert!(stream.entries.get(&leaves, id(9, 0)).is_some());
    let mut copied = stream.copied(&mut Pools::One(&mut leaves)).unwrap();
    while !copied.free_slice(&mut leaves) {}
    assert_eq!(stream.leaf_bytes(), leaves.live_bytes());
    let to = TrimTo::Length(1);
    assert_eq!(stream.trim(&mut leaves, Trim { to, ..trim }).0, 1);
    assert_eq!((stream.entries.len(), stream.entries.nodes()), (1, 1));
    stream.remove(&mut leaves, id(9, 0));
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn identifiers_at_the_edges_stand_where_they_belong() {
    let mut leaves = Leaves::new(1);
    let mut stream = Stream::default();
    let ids = [
        id(0, 1),
        id(0, u64::MAX),
        id(1, 0),
        id(1 << 63, 1 << 63),
        id(u64::MAX, 0),
        id(u64::MAX, u64::MAX - 1),
        StreamId::MAX,
    ];
    for entries in [100, 1] {
        let limits = NodeLimits { entries, ..LIMITS };
        for id in ids {
            let fields = vec![(b"f".to_vec(), id.text().as_bytes().to_vec())];
            append(&mut stream, &mut leaves, id, &fields, limits).unwrap();
        }
        stream.check(&leaves);
        for id in ids {
            let entry = stream.entries.get(&leaves, id).unwrap();
            assert_eq!(fields_of(entry)[0].1, id.text().as_bytes());
        }
        for id in ids {
            assert_eq!(stream.entries.first(), id);
            assert!(stream.remove(&mut leaves, id));
        }
        assert_eq!(stream.entries.first(), StreamId::MIN);
        assert_eq!(leaves.live_bytes(), 0);
    }
}

#[test]
fn nodes_end_where_those_of_redis_do() {
    // Measured at redis-server 7.0.15: XADD of `f` and such a value, and how many nodes 1,000 entries make.
    for (value_bytes, limits, nodes) in [
        (1, LIMITS, 10),
        (16, LIMITS, 10),
        (100, LIMITS, 28),
        (1000, LIMITS, 250),
        (5000, LIMITS, 1000),
    ] {
        let mut leaves = Leaves::new(1);
        let mut stream = Stream::default();
        for number in 1..=1000 {
            let fields = vec![(b"f".to_vec(), vec![b'v'; value_bytes])];
            append(&mut stream, &mut leaves, id(number, 1), &fields, limits).unwrap();
        }
        assert_eq!(stream.entries.nodes(), nodes, "{value_bytes}");
    }
}

#[test]
fn an_entry_of_two_short_fields_takes_little_more_than_its_values() {
    const ENTRIES: u64 = 600_000;
    let mut leaves = Leaves::new(1);
    let mut stream = Stream::default();
    let mut last = id(1_767_225_600_000, 0);
    for number in 0..ENTRIES {
        // As XADD * gives them: now and then two in a millisecond.
        last = match number % 3 {
            0 => id(last.ms, last.seq + 1),
            gap => id(last.ms + gap, 0),
        };
        let value = |salt: u64| {
            format!(
                "{:016x}",
                (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            )
        };
        let fields = vec![
            (b"temperature".to_vec(), value(1).into_bytes()),
            (b"humidity".to_vec(), value(2).into_bytes()),
        ];
        append(&mut stream, &mut leaves, last, &fields, LIMITS).unwrap();
    }
    let hundredths = (leaves.live_bytes() + leaves.overhead_bytes()) * 100 / ENTRIES;
    assert!(hundredths <= 4150, "{hundredths} hundredths of a byte");
}

/// What is pending, in plain: whose, and how often.
type Pending = BTreeMap<StreamId, (String, u64)>;

fn check_pending(group: &Group, leaves: &Leaves, plain: &Pending, from: StreamId) {
    group.check(leaves);
    let mut found = Vec::new();
    group.pending.walk(leaves, from, &mut |id, record| {
        let delivery = Delivery::read(record);
        let consumer = group.consumer(delivery.consumer).unwrap();
        let name = String::from_utf8(consumer.name.to_vec()).unwrap();
        assert_eq!(delivery.at_ms, id.ms);
        found.push((id, (name, delivery.count)));
        true
    });
    let expected = plain.range(from..);
    assert!(found.iter().map(|(id, entry)| (id, entry)).eq(expected));
    let ends = plain.keys().next().zip(plain.keys().next_back());
    assert_eq!(
        group.pending.ends(leaves),
        ends.map(|(one, other)| (*one, *other))
    );
    for consumer in group.each_consumer() {
        let name = std::str::from_utf8(&consumer.name).unwrap();
        let own = plain.values().filter(|(owner, _)| owner == name);
        assert_eq!(consumer.pending.len(), own.count() as u64);
    }
}

#[test]
fn what_is_pending_is_what_a_map_would_say() {
    let mut chance = 5;
    let mut leaves = Leaves::new(5);
    let mut stream = Stream::default();
    stream.adopt(0, Box::new(Group::new(b"g", StreamId::MIN, None)));
    let mut plain = Pending::new();
    let mut last = 0;
    for step in 0..60_000_u64 {
        let name = format!("consumer {}", below(&mut chance, 7));
        let some = id(below(&mut chance, last + 2), below(&mut chance, 2));
        let choice = below(&mut chance, 1000);
        let grows = step % 20_000 < 10_000;
        let changed = stream.change_group(&mut leaves, b"g", |group, _, leaves| {
            let mut deliver = |group: &mut Group, id: StreamId, leaves: &mut Leaves| {
                let (consumer, _) = group.greet_consumer(name.as_bytes(), 1);
                let (at_ms, count) = (id.ms, step);
                let delivery = Delivery {
                    consumer,
                    at_ms,
                    count,
                };
                group.deliver(leaves, id, delivery).unwrap();
                plain.insert(id, (name.clone(), step));
            };
            match choice {
                0 => {
                    let pending = group.remove_consumer(leaves, name.as_bytes());
                    let before = plain.len();
                    plain.retain(|_, (owner, _)| *owner != name);
                    assert_eq!(pending.unwrap_or(0), (before - plain.len()) as u64);
                }
                1..600 if grows => {
                    last += below(&mut chance, 2);
                    deliver(group, id(last, step % 2), leaves);
                }
                600..700 => deliver(group, some, leaves),
                _ => {
                    let was_there = group.settle(leaves, some);
                    assert_eq!(was_there, plain.remove(&some).is_some());
                }
            }
            if step % 500 == 0 {
                check_pending(group, leaves, &plain, some);
            }
        });
        assert!(changed.is_some());
        assert_eq!(stream.leaf_bytes(), leaves.live_bytes());
    }
    assert!(plain.len() > 100, "{}", plain.len());
    stream.check(&leaves);
    let mut copied = stream.copied(&mut Pools::One(&mut leaves)).unwrap();
    assert_eq!(
        stream.leaf_bytes() + copied.leaf_bytes(),
        leaves.live_bytes()
    );
    while !copied.free_slice(&mut leaves) {}
    check_pending(&stream.groups[0], &leaves, &plain, StreamId::MIN);
    while !stream.free_slice(&mut leaves) {}
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn a_queue_that_is_acknowledged_keeps_its_leaves_few() {
    let mut leaves = Leaves::new(1);
    let mut group = Group::new(b"g", StreamId::MIN, None);
    let (consumer, _) = group.greet_consumer(b"c", 1);
    for number in 0..50_000_u64 {
        let delivery = Delivery {
            consumer,
            at_ms: 1,
            count: 1,
        };
        group.deliver(&mut leaves, id(number, 0), delivery).unwrap();
        if number >= 200 {
            assert!(group.settle(&mut leaves, id(number - 200, 0)));
        }
    }
    assert!(leaves.live_bytes() < 16_000, "{}", leaves.live_bytes());
    assert_eq!(consumer, ConsumerNumber(0));
}

#[test]
fn a_stream_of_many_nodes_is_right_at_both_ends() {
    let mut chance = 1;
    let mut leaves = Leaves::new(1);
    let mut stream = Stream::default();
    let mut plain = BTreeMap::new();
    let limits = NodeLimits {
        entries: 1,
        ..LIMITS
    };
    for number in 1..=12_000 {
        let fields = record(&mut chance);
        append(&mut stream, &mut leaves, id(number, 0), &fields, limits).unwrap();
        plain.insert(id(number, 0), fields);
        if number % 3000 == 0 {
            check_reads(&stream, &leaves, &plain, &mut chance);
            for sought in 1..=number {
                let rank = stream.entries.rank(&leaves, id(sought, 0));
                assert_eq!(rank, sought - 1);
            }
        }
    }
    while !plain.is_empty() {
        for _ in 0..30 {
            let removed = match below(&mut chance, 3) {
                0 => plain.pop_last(),
                _ => plain.pop_first(),
            };
            let Some((id, _)) = removed else {
                break;
            };
            assert!(stream.remove(&mut leaves, id));
        }
        stream.check(&leaves);
        assert_eq!(stream.entries.len(), plain.len() as u64);
    }
    assert_eq!(leaves.live_bytes(), 0, "all is given back");
}
