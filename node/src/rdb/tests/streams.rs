//! Streams as bytes: what is dumped comes back, and what no stream can be is refused.

use super::{BAD_FORMAT, content, dump, listpack, restore, sealed, settled_memory};
use crate::commands::testing::TestNode;
use crate::rdb::Encoding;
use crate::rdb::length::Written;

type Id = (u64, u64);

/// A stream to be written by hand.
#[derive(Clone, Debug)]
struct Parts {
    nodes: Vec<(Id, Vec<&'static str>)>,
    len: u64,
    last: Id,
    first: Id,
    max_deleted: Id,
    added: u64,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    name: &'static str,
    last: Id,
    read: u64,
    pending: Vec<(Id, i64, u64)>,
    consumers: Vec<(&'static str, i64, Vec<Id>)>,
}

/// Two nodes, whose entries have names of the node's and of their own, one removed; a group with two consumers, and one without any.
fn good() -> Parts {
    let first = "2 1 1 f 0 | 2 0 0 a 4 | 3 1 0 b 4 | 0 2 0 1 g c 6";
    let second = "1 0 2 f g 0 | 2 0 7 v w 5";
    let words = |text: &'static str| text.split(' ').filter(|word| *word != "|").collect();
    Parts {
        nodes: vec![((1, 0), words(first)), ((9, 1), words(second))],
        len: 3,
        last: (9, 8),
        first: (1, 0),
        max_deleted: (2, 0),
        added: 4,
        groups: vec![
            Group {
                name: "g",
                last: (9, 8),
                read: 4,
                pending: vec![((1, 0), 1000, 1), ((3, 0), 2000, 7)],
                consumers: vec![
                    ("c", 5000, vec![(3, 0)]),
                    ("d", 6000, vec![(1, 0)]),
                    ("e", 0, vec![]),
                ],
            },
            Group {
                name: "h",
                last: (0, 0),
                read: u64::MAX,
                pending: vec![],
                consumers: vec![],
            },
        ],
    }
}

fn raw((ms, seq): Id) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

impl Parts {
    fn value(&self, encoding: Encoding) -> Vec<u8> {
        let mut out = vec![encoding.number()];
        let count = |out: &mut Vec<u8>, count| out.extend(Written::new(count).as_bytes());
        let text = |out: &mut Vec<u8>, text: &[u8]| {
            count(out, text.len() as u64);
            out.extend_from_slice(text);
        };
        let id = |out: &mut Vec<u8>, (ms, seq): Id| {
            count(out, ms);
            count(out, seq);
        };
        count(&mut out, self.nodes.len() as u64);
        for (first, words) in &self.nodes {
            text(&mut out, &raw(*first));
            text(&mut out, &listpack(words));
        }
        count(&mut out, self.len);
        id(&mut out, self.last);
        let is_old = encoding == Encoding::StreamListpacks;
        if !is_old {
            id(&mut out, self.first);
            id(&mut out, self.max_deleted);
            count(&mut out, self.added);
        }
        count(&mut out, self.groups.len() as u64);
        for group in &self.groups {
            text(&mut out, group.name.as_bytes());
            id(&mut out, group.last);
            if !is_old {
                count(&mut out, group.read);
            }
            count(&mut out, group.pending.len() as u64);
            for (pending, at_ms, times) in &group.pending {
                out.extend(raw(*pending));
                out.extend_from_slice(&at_ms.to_le_bytes());
                count(&mut out, *times);
            }
            count(&mut out, group.consumers.len() as u64);
            for (name, seen_ms, owned) in &group.consumers {
                text(&mut out, name.as_bytes());
                out.extend_from_slice(&seen_ms.to_le_bytes());
                if encoding == Encoding::StreamListpacks3 {
                    out.extend_from_slice(&(-1_i64).to_le_bytes());
                }
                count(&mut out, owned.len() as u64);
                owned.iter().for_each(|owned| out.extend(raw(*owned)));
            }
        }
        out
    }
}

/// Streams of all encodings.
pub(super) fn values() -> Vec<Vec<u8>> {
    use Encoding as Is;
    let mut empty = good();
    (empty.nodes, empty.len, empty.first) = (Vec::new(), 0, (0, 0));
    let encodings = [
        Is::StreamListpacks,
        Is::StreamListpacks2,
        Is::StreamListpacks3,
    ];
    let all = encodings.map(|encoding| good().value(encoding));
    let empty = encodings.map(|encoding| empty.value(encoding));
    let mut node = TestNode::new();
    let random = [1, 2, 3].map(|seed| {
        node.send("DEL s");
        grow(&mut node, "s", seed, 40);
        let payload = dump(&mut node, "s");
        payload[..payload.len() - 10].to_vec()
    });
    [&all[..], &empty, &random].concat()
}

/// The version that writes an encoding first.
fn version_of(value: &[u8]) -> u16 {
    match value[0] {
        21 => 11,
        19 => 10,
        _ => 9,
    }
}

#[test]
fn streams_of_every_version_are_read() {
    let mut node = TestNode::new();
    for value in values().iter().take(3) {
        let payload = sealed(version_of(value), value);
        assert_eq!(restore(&mut node, "s", &payload), b"+OK\r\n");
        node.expect(&[
            (
                "XRANGE s - +",
                "*3 *2 $3 1-0 *2 $1 f $1 a *2 $3 3-0 *2 $1 g $1 c *2 $3 9-8 *4 $1 f $1 v $1 g $1 w",
            ),
            (
                "XPENDING s g",
                "*4 :2 $3 1-0 $3 3-0 *2 *2 $1 c $1 1 *2 $1 d $1 1",
            ),
        ]);
        let is_old = value[0] == Encoding::StreamListpacks.number();
        let read = node.send("XINFO GROUPS s");
        // Where it is not said, a group that is behind all has read all; 0-0 is before the first.
        let expected: &[&str] = match is_old {
            true => &[":3", ":0", ":0", ":3"],
            false => &[":4", ":0", "$-1", "$-1"],
        };
        let lines: Vec<&str> = read.split("\r\n").collect();
        let behind = |name: &str| {
            let found = lines.iter().enumerate().filter(|(_, line)| **line == name);
            found.map(|(nth, _)| lines[nth + 1]).collect::<Vec<_>>()
        };
        let (read, lag) = (behind("entries-read"), behind("lag"));
        assert_eq!([read[0], lag[0], read[1], lag[1]], expected, "{lines:?}");
        let dumped = dump(&mut node, "s");
        assert_eq!(dumped[0], Encoding::StreamListpacks2.number());
        assert_eq!(restore(&mut node, "t", &dumped), b"+OK\r\n");
        assert_eq!(content(&mut node, "t"), content(&mut node, "s"));
    }
}

#[test]
fn what_no_stream_can_be_is_refused() {
    type Lie = fn(&mut Parts);
    let lies: &[(&str, Lie)] = &[
        ("fewer entries", |it| it.len = 2),
        ("more entries", |it| it.len = 4),
        ("last before the last entry", |it| it.last = (9, 7)),
        ("another first", |it| it.first = (1, 1)),
        ("removed behind the last", |it| it.max_deleted = (9, 9)),
        ("fewer than there are", |it| it.added = 2),
        ("a node again", |it| it.nodes[1].0 = (1, 0)),
        ("nodes in disorder", |it| it.nodes.swap(0, 1)),
        ("a node within another", |it| it.nodes[1].0 = (2, 9)),
        ("entries in disorder", |it| it.nodes[0].1[16] = "0"),
        ("an entry at 0-0", |it| {
            (it.nodes[0].1[6], it.first) = ("-1", (0, 0));
        }),
        ("a wrong count", |it| it.nodes[0].1[0] = "3"),
        ("a wrong count of removed ones", |it| it.nodes[0].1[1] = "0"),
        ("a count below 0", |it| it.nodes[0].1[1] = "-1"),
        ("no count", |it| it.nodes[0].1[0] = "x"),
        ("no names", |it| it.nodes[0].1[2] = "0"),
        ("more names", |it| it.nodes[0].1[2] = "2"),
        ("no zero", |it| it.nodes[0].1[4] = "1"),
        ("unknown flags", |it| it.nodes[0].1[5] = "6"),
        ("removed in truth", |it| it.nodes[0].1[5] = "3"),
        ("another length", |it| it.nodes[0].1[9] = "5"),
        ("cut", |it| it.nodes[0].1.truncate(21)),
        ("longer", |it| it.nodes[0].1.push("0")),
        ("an empty node", |it| it.nodes[0].1.clear()),
        ("a node of nothing", |it| {
            it.nodes.push(((20, 0), vec!["0", "0", "1", "f", "0"]));
        }),
        ("a node of removed ones that is not the first", |it| {
            let removed = ["0", "1", "1", "f", "0", "3", "0", "0", "", "4"];
            it.nodes.push(((20, 0), removed.to_vec()));
        }),
        ("groups in disorder", |it| it.groups.swap(0, 1)),
        ("a group again", |it| it.groups[1].name = "g"),
        ("pending twice", |it| {
            let again = it.groups[0].pending[0];
            it.groups[0].pending.push(again);
        }),
        ("nobody's", |it| it.groups[0].consumers[0].2.clear()),
        ("two consumers'", |it| {
            it.groups[0].consumers[2].2.push((3, 0));
        }),
        ("a consumer's twice", |it| {
            it.groups[0].consumers[0].2.push((3, 0));
        }),
        ("not pending", |it| it.groups[0].consumers[0].2[0] = (2, 0)),
        ("consumers in disorder", |it| {
            it.groups[0].consumers.swap(0, 1);
        }),
        ("a consumer again", |it| it.groups[0].consumers[1].0 = "c"),
        ("given out before 1970", |it| it.groups[0].pending[0].1 = -1),
        ("given out at no time", |it| {
            it.groups[0].pending[0].1 = 1 << 48;
        }),
        ("seen before 1970", |it| it.groups[0].consumers[0].1 = -5),
    ];
    let mut node = TestNode::new();
    node.send("SET k before");
    for (what, lie) in lies {
        let mut parts = good();
        lie(&mut parts);
        let before = settled_memory(&mut node);
        let payload = sealed(10, &parts.value(Encoding::StreamListpacks2));
        let reply = restore(&mut node, "k", &payload);
        assert_eq!(reply, BAD_FORMAT, "{what}");
        assert_eq!(settled_memory(&mut node), before, "{what}");
        assert_eq!(node.send("GET k"), "$6\r\nbefore\r\n");
    }
    // Counts of what is not there cost nothing.
    let most = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff";
    for head in [
        &b"\x13"[..],
        b"\x13\0\0\0\0\0\0\0\0\0",
        b"\x13\0\0\0\0\0\0\0\0\0\x01\x01g\0\0\0",
    ] {
        let reply = restore(&mut node, "k", &sealed(10, &[head, most].concat()));
        assert_eq!(reply, BAD_FORMAT);
    }
}

/// Lets a stream live for so many commands: with entries, groups, consumers, and much that was removed.
fn grow(node: &mut TestNode, key: &str, seed: u64, commands: usize) {
    let mut chance = seed;
    let mut below = |bound: u64| {
        usize::try_from(crate::store::below(&mut chance, bound)).expect("below a usize")
    };
    node.send(&format!("XADD {key} 3-1 f v"));
    for number in 0..commands {
        let [some, few, one] = [below(60), below(4), below(2)];
        let id = format!("{}-{few}", 3 + some);
        let command = match below(16) {
            0..6 => {
                let names = ["f", "f g", "other"][few % 3];
                let field = |name: &str| format!("{name} {}", ["12", "value", "-7"][one]);
                let fields: Vec<String> = names.split(' ').map(field).collect();
                let long = "z".repeat(if some == 0 { 3000 } else { 3 });
                format!(
                    "XADD {key} {}-* {} l{one} {long}",
                    3 + number / 3,
                    fields.join(" ")
                )
            }
            6 => format!("XDEL {key} {id} {}-0", 4 + some),
            7 => match few {
                0 => format!("XTRIM {key} MAXLEN ~ {some}"),
                1 => format!("XTRIM {key} MAXLEN {some}"),
                2 => format!("XTRIM {key} MINID ~ {}", some / 3),
                _ => format!("XTRIM {key} MINID {}", some / 3),
            },
            8 => format!("XGROUP CREATE {key} g{few} {}", ["0", "$"][one]),
            9 => format!("XGROUP CREATECONSUMER {key} g{few} c{some}"),
            10..13 => {
                node.advance_ms(some as u64);
                format!("XREADGROUP GROUP g{few} c{one} COUNT {some} STREAMS {key} >")
            }
            13 => format!("XACK {key} g{few} {id} {}-0", 4 + some),
            14 => format!("XCLAIM {key} g{few} c{one} 0 {id} FORCE RETRYCOUNT {some}"),
            _ => match few {
                0 => format!(
                    "XSETID {key} {}-9 ENTRIESADDED {}",
                    70 + number,
                    5000 + some
                ),
                1 => format!("XGROUP DELCONSUMER {key} g{one} c{one}"),
                2 => format!("XGROUP DESTROY {key} g{one}"),
                _ => format!("XGROUP SETID {key} g{one} {id} ENTRIESREAD {some}"),
            },
        };
        node.send(&command);
    }
}

#[test]
fn any_stream_comes_back_and_lives_on_as_it_would_have() {
    for seed in 1..150 {
        let mut node = TestNode::new();
        let (bytes, entries) = [("4096", "100"), ("300", "8"), ("0", "0")][seed % 3];
        node.send(&format!("CONFIG SET stream-node-max-bytes {bytes}"));
        node.send(&format!("CONFIG SET stream-node-max-entries {entries}"));
        grow(&mut node, "s", seed as u64, 30 + seed * 7);
        let payload = dump(&mut node, "s");
        assert_eq!(restore(&mut node, "t", &payload), b"+OK\r\n", "seed {seed}");
        assert_eq!(
            content(&mut node, "t"),
            content(&mut node, "s"),
            "seed {seed}"
        );
        assert_eq!(dump(&mut node, "t"), payload, "seed {seed}");
        // What goes with an approximate trim shows where nodes end.
        for again in 0..3 {
            let now = node.now_ms;
            grow(&mut node, "s", seed as u64 + again, 40);
            node.now_ms = now;
            node.store.set_now(now);
            grow(&mut node, "t", seed as u64 + again, 40);
            assert_eq!(
                content(&mut node, "t"),
                content(&mut node, "s"),
                "seed {seed}"
            );
        }
        node.send("DEL s t");
        let empty = settled_memory(&mut node);
        assert_eq!(restore(&mut node, "t", &payload), b"+OK\r\n");
        node.send("DEL t");
        assert_eq!(settled_memory(&mut node), empty, "seed {seed}");
    }
}

#[test]
fn a_node_of_many_leaves_does_not_unpack_its_names_into_all_of_them() {
    let mut node = TestNode::new();
    node.send("CONFIG SET stream-node-max-bytes 0");
    node.send("CONFIG SET proto-max-bulk-len 1mb");
    let name = "n".repeat(100_000);
    let entry = |number: usize| {
        [
            "2".to_owned(),
            number.to_string(),
            "0".into(),
            "v".into(),
            "4".into(),
        ]
    };
    let payload = |entries: usize| {
        let head = [
            entries.to_string(),
            "0".into(),
            "1".into(),
            name.clone(),
            "0".into(),
        ];
        let words: Vec<String> = head
            .into_iter()
            .chain((0..entries).flat_map(entry))
            .collect();
        let mut writer = crate::rdb::packed::ListpackWriter::new();
        for word in &words {
            writer.push(word.as_bytes()).expect("short");
        }
        let pack = writer.finish().to_vec();
        let mut value = vec![19, 1, 16];
        value.extend(raw((1, 0)));
        value.extend(Written::new(pack.len() as u64).as_bytes());
        value.extend(pack);
        for number in [
            entries as u64,
            entries as u64,
            0,
            1,
            0,
            0,
            0,
            entries as u64,
            0,
        ] {
            value.extend(Written::new(number).as_bytes());
        }
        sealed(10, &value)
    };
    assert_eq!(restore(&mut node, "k", &payload(5000)), b"+OK\r\n");
    assert_eq!(node.send("XLEN k"), ":5000\r\n");
    let back = dump(&mut node, "k");
    assert_eq!(restore(&mut node, "l", &back), b"+OK\r\n");
    assert_eq!(content(&mut node, "l").1, content(&mut node, "k").1);
    let reply = restore(&mut node, "k", &payload(40_000));
    assert!(reply.starts_with(b"-ERR the value would be longer"));
}
