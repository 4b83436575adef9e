//! A command that waits for keys of several shards: BLPOP, BRPOP, BZPOPMIN, BZPOPMAX, as queues with priorities use them (BRPOP high default low).
//! Pure. Never: asks anybody.
//!
//! ```text
//!  ask ─► the keys in their order, neighbours on one shard together: LMPOP, ZMPOP    something ─► that is the answer
//!   ▲                     │ nothing
//!   │                     ▼
//!   └── which ◄── await: every shard says when one of its keys has something; nothing is taken
//! ```
//!
//! Invariants: at any time no more than one request that takes something is under way, so that no element is taken for nobody and the order of the keys holds; who finds
//! nothing where something was said to be, because somebody else was first, awaits again.

use std::collections::VecDeque;

use bytes::Bytes;
use shared::command::{CommandId, CommandSpec};
use shared::resp::{Args, encode_request};
use shared::topology::{ShardIndex, Version};

use crate::pipe::lease::LeaseKey;
use crate::topology::{Snapshot, Within};

/// How keys are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pop {
    /// What takes an element of the first key that has one.
    pub(crate) asks: CommandId,
    /// From which end.
    end: &'static str,
    /// What the keys hold.
    kind: &'static str,
}

impl Pop {
    /// How the keys of this command are asked, if it may wait for several shards.
    pub(crate) fn of(spec: &CommandSpec) -> Option<Self> {
        let (asks, end, kind) = match spec.id {
            CommandId::Blpop => (CommandId::Lmpop, "LEFT", "LIST"),
            CommandId::Brpop => (CommandId::Lmpop, "RIGHT", "LIST"),
            CommandId::Bzpopmin => (CommandId::Zmpop, "MIN", "ZSET"),
            CommandId::Bzpopmax => (CommandId::Zmpop, "MAX", "ZSET"),
            _ => return None,
        };
        Some(Self { asks, end, kind })
    }

    /// Appends the request that takes an element of the first of these keys that has one.
    pub(crate) fn encode(self, args: Args<'_>, keys: &[usize], out: &mut Vec<u8>) {
        let count = keys.len().to_string();
        let mut words: Vec<&[u8]> = vec![self.asks.name().as_bytes(), count.as_bytes()];
        words.extend(keys.iter().map(|at| args.at(*at)));
        words.push(self.end.as_bytes());
        encode_request(out, words);
    }

    /// Appends the request that waits until one of these keys has something.
    pub(crate) fn encode_await(
        self,
        args: Args<'_>,
        keys: &[usize],
        left_ms: u64,
        out: &mut Vec<u8>,
    ) {
        let left = left_ms.to_string();
        let mut words: Vec<&[u8]> = vec![b"NODE", b"AWAIT", self.kind.as_bytes()];
        words.extend(keys.iter().map(|at| args.at(*at)));
        words.push(left.as_bytes());
        encode_request(out, words);
    }
}

/// A shard that is to say when one of these keys has something.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// The shard.
    pub(crate) shard: ShardIndex,
    /// Which arguments the keys are.
    pub(crate) keys: Vec<usize>,
    /// The connection over which it is asked.
    pub(crate) lease: Option<LeaseKey>,
}

/// How far such a command is.
#[derive(Debug)]
pub(crate) struct Apart {
    /// Keys that are to be asked, some at a time.
    pub(crate) asks: VecDeque<(ShardIndex, Vec<usize>)>,
    /// The first of them are being asked.
    pub(crate) is_asking: bool,
    /// All keys were asked in vain once.
    pub(crate) has_awaited: bool,
    /// The shards, by the topology of this version.
    pub(crate) awaited: Vec<Awaited>,
    version: Version,
}

impl Apart {
    /// All keys are to be asked.
    pub(crate) fn new(args: Args<'_>, snapshot: Within<'_>) -> Self {
        let mut asks: VecDeque<(ShardIndex, Vec<usize>)> = VecDeque::new();
        for at in keys(args) {
            let shard = owner(args, at, snapshot);
            match asks.back_mut() {
                Some((last, keys)) if *last == shard => keys.push(at),
                _ => asks.push_back((shard, vec![at])),
            }
        }
        Self {
            asks,
            is_asking: false,
            has_awaited: false,
            awaited: Vec::new(),
            version: Version(0),
        }
    }

    /// Whether the shards are known by this topology.
    pub(crate) fn is_of(&self, snapshot: &Snapshot) -> bool {
        self.version == snapshot.version()
    }

    /// All shards are to be awaited, as this topology knows them; connections to those of another one are given up.
    pub(crate) fn await_all(&mut self, args: Args<'_>, snapshot: Within<'_>) -> Vec<LeaseKey> {
        let before = std::mem::take(&mut self.awaited);
        self.version = snapshot.version();
        self.has_awaited = true;
        for at in keys(args) {
            let shard = owner(args, at, snapshot);
            match self.awaited.iter_mut().find(|known| known.shard == shard) {
                Some(known) => known.keys.push(at),
                None => self.awaited.push(Awaited {
                    shard,
                    keys: vec![at],
                    lease: None,
                }),
            }
        }
        before.into_iter().filter_map(|known| known.lease).collect()
    }

    /// One of the shards says that this key has something: it is to be asked, before those that stand behind it in the command.
    pub(crate) fn is_there(&mut self, args: Args<'_>, key: &[u8], snapshot: Within<'_>) {
        let Some(at) = keys(args).find(|at| args.at(*at) == key) else {
            return;
        };
        let place = self.asks.partition_point(|(_, keys)| keys[0] < at);
        self.asks
            .insert(place, (owner(args, at, snapshot), vec![at]));
    }
}

fn keys(args: Args<'_>) -> std::ops::Range<usize> {
    1..args.len() - 1
}

fn owner(args: Args<'_>, at: usize, snapshot: Within<'_>) -> ShardIndex {
    snapshot.owner(snapshot.slot_of(args.at(at)))
}

/// What LMPOP or ZMPOP has said, as BLPOP or BZPOPMIN says it: what comes first, and the rest as it came. `None`: it is no such reply.
pub(crate) fn as_blocking_says(reply: &Bytes) -> Option<(Vec<u8>, Bytes)> {
    let rest = reply.strip_prefix(b"*2\r\n$")?;
    let line = rest.iter().position(|byte| *byte == b'\r')?;
    let length: usize = std::str::from_utf8(&rest[..line]).ok()?.parse().ok()?;
    let key_end = line + 2 + length + 2;
    let (key, behind) = (rest.get(..key_end)?, rest.get(key_end..)?);
    let behind = behind.strip_prefix(b"*1\r\n")?;
    let (count, last) = match behind.strip_prefix(b"*2\r\n") {
        Some(pair) => (3, pair),
        None => (2, behind),
    };
    let head = [format!("*{count}\r\n$").as_bytes(), key].concat();
    Some((head, reply.slice_ref(last)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::topology_of;
    use shared::command;
    use shared::resp::ArgRange;

    /// Slots of `foo`, `b` and `a` are of three shards.
    const LINE: &str = "BLPOP foo {foo}2 b {foo}3 0";

    fn with_args(check: impl FnOnce(Args<'_>, Pop)) {
        let mut at = 0;
        let ranges: Vec<ArgRange> = LINE
            .split(' ')
            .map(|word| {
                at += word.len() + 1;
                ArgRange::new(at - word.len() - 1, word.len())
            })
            .collect();
        let args = Args::new(LINE.as_bytes(), &ranges);
        check(args, Pop::of(command::resolve(args).unwrap()).unwrap());
    }

    fn words(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        let text = String::from_utf8(out).unwrap();
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        words.join(" ").trim_end().to_owned()
    }

    #[test]
    fn neighbours_on_one_shard_are_asked_together_and_each_shard_is_awaited_once() {
        let three = topology_of(&["a", "b", "c"]);
        with_args(|args, pop| {
            let mut apart = Apart::new(args, three.within(0));
            let asked: Vec<String> = apart
                .asks
                .iter()
                .map(|(_, keys)| words(|out| pop.encode(args, keys, out)))
                .collect();
            let expected = [
                "LMPOP 2 foo {foo}2 LEFT",
                "LMPOP 1 b LEFT",
                "LMPOP 1 {foo}3 LEFT",
            ];
            let upper: Vec<String> = asked
                .iter()
                .map(|line| line.replace("lmpop", "LMPOP"))
                .collect();
            assert_eq!(upper, expected);
            assert!(!apart.is_of(&three));
            apart.asks.clear();
            apart.await_all(args, three.within(0));
            assert!(apart.is_of(&three));
            let awaited: Vec<String> = apart
                .awaited
                .iter()
                .map(|known| words(|out| pop.encode_await(args, &known.keys, 70, out)))
                .collect();
            assert_eq!(
                awaited,
                [
                    "NODE AWAIT LIST foo {foo}2 {foo}3 70",
                    "NODE AWAIT LIST b 70"
                ]
            );
            for key in ["{foo}3", "nobody's", "b", "foo"] {
                apart.is_there(args, key.as_bytes(), three.within(0));
            }
            let next: Vec<usize> = apart.asks.iter().map(|(_, keys)| keys[0]).collect();
            assert_eq!(next, [1, 3, 4], "in the order of the command");
        });
    }

    #[test]
    fn what_was_popped_is_said_as_by_a_command_that_waits() {
        for (reply, expected) in [
            (
                "*2\r\n$2\r\nab\r\n*1\r\n$1\r\nx\r\n",
                Some("*2\r\n$2\r\nab\r\n$1\r\nx\r\n"),
            ),
            (
                "*2\r\n$2\r\nab\r\n*1\r\n*2\r\n$1\r\nm\r\n$1\r\n5\r\n",
                Some("*3\r\n$2\r\nab\r\n$1\r\nm\r\n$1\r\n5\r\n"),
            ),
            (
                "*2\r\n$2\r\n\r\n\r\n*1\r\n*2\r\n$1\r\nm\r\n,5\r\n",
                Some("*3\r\n$2\r\n\r\n\r\n$1\r\nm\r\n,5\r\n"),
            ),
            ("*-1\r\n", None),
            ("-ERR no\r\n", None),
            ("*2\r\n$9\r\nab\r\n", None),
        ] {
            let said = as_blocking_says(&Bytes::from_static(reply.as_bytes()));
            let said =
                said.map(|(head, rest)| String::from_utf8([&head[..], &rest].concat()).unwrap());
            assert_eq!(said.as_deref(), expected);
        }
    }
}
