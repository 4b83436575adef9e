//! Rounds against the command as a whole, with nodes that are maps.

use std::collections::HashMap;

use proptest::prelude::*;
use shared::command;
use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

use super::*;
use crate::route::merge::{Part, Parts, Pieces, merge};
use crate::route::split::Split;
use crate::route::split::tests::requests;
use crate::topology::testing::topology_of;

type Words = Vec<Vec<u8>>;
type Node = HashMap<Vec<u8>, Vec<u8>>;

/// A command found in its frame.
struct Found {
    frame: Vec<u8>,
    batch: RequestBatch,
}

impl Found {
    fn new(words: &Words) -> Self {
        let mut frame = Vec::new();
        encode_request(&mut frame, words);
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        Self { frame, batch }
    }

    fn request(&self) -> &Request {
        &self.batch.requests()[0]
    }

    fn args(&self) -> Args<'_> {
        self.batch.args(&self.frame, self.request())
    }

    fn spec(&self) -> &'static CommandSpec {
        command::resolve(self.args()).unwrap()
    }
}

/// What a node does with a command.
fn executed(node: &mut Node, words: &Words) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reply = ReplyWriter::new(&mut out, Protocol::Resp2);
    let keys = &words[1..];
    match &words[0][..] {
        b"MSET" => {
            for pair in keys.chunks(2) {
                node.insert(pair[0].clone(), pair[1].clone());
            }
            reply.simple("OK");
        }
        b"MGET" => {
            reply.array(keys.len());
            for key in keys {
                match node.get(key) {
                    Some(value) => reply.bulk(value),
                    None => reply.null(),
                }
            }
        }
        b"DEL" => {
            let gone = keys.iter().filter(|key| node.remove(*key).is_some());
            reply.integer(i64::try_from(gone.count()).unwrap());
        }
        _ => {
            let there = keys.iter().filter(|key| node.contains_key(*key));
            reply.integer(i64::try_from(there.count()).unwrap());
        }
    }
    out
}

/// The command in rounds over `nodes`; its reply, and the number of rounds.
fn in_rounds(words: &Words, nodes: &mut [Node], names: &[&str]) -> (Vec<u8>, usize) {
    let (found, snapshot) = (Found::new(words), topology_of(names));
    let (spec, args) = (found.spec(), found.args());
    let mut split = Split::default();
    let mut rounds = Rounds::new(spec, 1, args.len());
    let mut flowed: Vec<Bytes> = Vec::new();
    for count in 1.. {
        let round = rounds.next_round(args);
        let keys = round.len() / spec.key_step();
        assert!((1..=ROUND_KEYS).contains(&keys), "a round of {keys} keys");
        split.plan_keys(spec, args, round.clone(), snapshot.within(0));
        rounds.begin(&round);
        let (mut parts, mut shards) = (Vec::new(), Vec::new());
        for shard in split.shards() {
            let mut out = Vec::new();
            split.encode(spec, args, shard, &mut out);
            let part = requests(out).remove(0);
            let reply = executed(&mut nodes[shard.as_usize()], &part);
            parts.push(Part::Reply(reply.into()));
            shards.push("s".into());
        }
        let mut reply = Pieces::new(Vec::new(), Protocol::Resp2);
        let parts = Parts::of(&parts, &shards, 0);
        merge(&split.merge_plan(spec), &parts, &mut reply);
        if rounds.answered(reply) {
            flowed.extend(rounds.into_reply().unwrap());
            return (flowed.concat(), count);
        }
        flowed.extend(rounds.take_flowing());
        assert!(rounds.bytes() <= HELD_BYTES, "what is kept has a bound");
    }
    unreachable!("the last round ends the command")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn rounds_put_together_are_the_whole(
        commands in proptest::collection::vec((0usize..4, 1usize..9000, any::<usize>()), 1..4),
        shards in 1usize..6,
    ) {
        let names = &["a", "b", "c", "d", "e"][..shards];
        let mut nodes = vec![Node::new(); shards];
        let mut whole = Node::new();
        for (kind, keys, seed) in commands {
            let name = ["MSET", "MGET", "DEL", "EXISTS"][kind];
            let mut words = vec![name.as_bytes().to_vec()];
            for number in 0..keys {
                // Some keys come more than once.
                let mixed = number.wrapping_mul(0x9e37_79b1) ^ seed;
                words.push(format!("key{}", mixed % 6000).into_bytes());
                if name == "MSET" {
                    let length = if mixed % 2000 == 0 { 700_000 } else { mixed % 9 };
                    words.push([format!("{number}").into_bytes(), vec![b'v'; length]].concat());
                }
            }
            let (reply, count) = in_rounds(&words, &mut nodes, names);
            prop_assert!(reply == executed(&mut whole, &words), "{name} of {keys} keys over {shards} shards");
            prop_assert!(count >= keys.div_ceil(ROUND_KEYS));
        }
    }
}

#[test]
fn a_failure_ends_the_command() {
    let words: Words = (0..=ROUND_KEYS + 1).map(|_| b"DEL".to_vec()).collect();
    let found = Found::new(&words);
    assert!(is_long(found.spec(), found.request()));
    let mut rounds = Rounds::new(found.spec(), 1, words.len());
    let round = rounds.next_round(found.args());
    assert_eq!(round, 1..ROUND_KEYS + 1);
    assert!(!rounds.is_begun());
    rounds.begin(&round);
    assert!(rounds.is_under_way());
    assert!(!rounds.answered(said(":7\r\n")), "a key is left");
    assert!(rounds.is_begun());
    let round = rounds.next_round(found.args());
    assert_eq!(round, ROUND_KEYS + 1..ROUND_KEYS + 2);
    rounds.begin(&round);
    assert!(rounds.answered(said("-ERR x\r\n")));
    assert_eq!(rounds.into_reply().unwrap().concat(), b"-ERR x\r\n");
}

fn said(text: &str) -> Pieces {
    let mut reply = Pieces::new(Vec::new(), Protocol::Resp2);
    reply.writer().raw(text.as_bytes());
    reply
}

/// A round's reply: so many values of so many bytes.
fn values(count: usize, bytes: usize) -> Pieces {
    let whole = Bytes::from(format!("${bytes}\r\n{}\r\n", "v".repeat(bytes)));
    let mut reply = Pieces::new(Vec::new(), Protocol::Resp2);
    reply.writer().array(count);
    (0..count).for_each(|_| reply.share(&whole, &whole));
    reply
}

#[test]
fn rounds_of_large_values_are_short_and_flow() {
    let mut words: Words = vec![b"k".to_vec(); 1_000];
    words.insert(0, b"MGET".to_vec());
    let found = Found::new(&words);
    assert!(is_long(found.spec(), found.request()));
    let mut rounds = Rounds::new(found.spec(), 1, words.len());
    let (mut flowed, mut asked) = (0, Vec::new());
    loop {
        let round = rounds.next_round(found.args());
        asked.push(round.len());
        rounds.begin(&round);
        let is_last = rounds.answered(values(round.len(), 1 << 20));
        if is_last {
            break;
        }
        flowed += rounds.take_flowing().iter().map(Bytes::len).sum::<usize>();
        assert_eq!(rounds.bytes(), 0, "nothing is kept");
    }
    assert_eq!(asked[0], FIRST_VALUES);
    assert!(asked[1..].iter().all(|keys| *keys <= 4), "{asked:?}");
    let rest: usize = rounds.into_reply().unwrap().iter().map(Bytes::len).sum();
    let value = "$1048576\r\n\r\n".len() + (1 << 20);
    assert_eq!(flowed + rest, "*1000\r\n".len() + 1_000 * value);
}

#[test]
fn rounds_grow_as_long_as_values_are_small() {
    let mut words: Words = vec![b"k".to_vec(); 9_000];
    words.insert(0, b"MGET".to_vec());
    let found = Found::new(&words);
    let mut rounds = Rounds::new(found.spec(), 1, words.len());
    let mut asked = Vec::new();
    loop {
        let round = rounds.next_round(found.args());
        asked.push(round.len());
        rounds.begin(&round);
        if rounds.answered(values(round.len(), 10)) {
            break;
        }
        assert!(rounds.take_flowing().is_empty(), "little enough to be kept");
    }
    assert_eq!(asked, [128, 1_024, 4_096, 3_752]);
}

#[test]
fn a_failure_behind_the_beginning_of_a_reply_is_no_reply() {
    let mut words: Words = vec![b"k".to_vec(); 1_000];
    words.insert(0, b"MGET".to_vec());
    let found = Found::new(&words);
    let mut rounds = Rounds::new(found.spec(), 1, words.len());
    rounds.begin(&rounds.next_round(found.args()));
    rounds.answered(values(FIRST_VALUES, 1 << 20));
    assert!(!rounds.take_flowing().is_empty());
    rounds.begin(&rounds.next_round(found.args()));
    assert!(rounds.answered(said("-ERR x\r\n")));
    assert_eq!(rounds.into_reply().unwrap_err(), &b"-ERR x\r\n"[..]);
}

#[test]
fn long_is_more_keys_or_more_bytes_than_one_round_has() {
    let check = |words: Words, expected: bool| {
        let found = Found::new(&words);
        assert_eq!(is_long(found.spec(), found.request()), expected);
    };
    let keys = |name: &str, count: usize| {
        let mut words = vec![b"k".to_vec(); count];
        words.insert(0, name.as_bytes().to_vec());
        words
    };
    check(keys("MGET", FIRST_VALUES), false);
    check(keys("MGET", FIRST_VALUES + 1), true);
    check(keys("DEL", ROUND_KEYS), false);
    check(keys("DEL", ROUND_KEYS + 1), true);
    check(keys("MSET", 2 * ROUND_KEYS), false);
    check(keys("MSET", 2 * ROUND_KEYS + 2), true);
    check(vec![b"DEL".to_vec(), vec![b'k'; ROUND_BYTES]], true);
}
