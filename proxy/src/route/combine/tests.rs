//! What each shard is asked; and random commands in parts against a model that has all keys in one place.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use shared::resp::{Frame, RequestBatch, RequestLimits, RequestScanner, decode, encode_request};

use super::*;
use crate::route::merge::{Part, Parts, Pieces, Plan, merge};
use crate::route::split::tests::requests;
use crate::topology::Snapshot;
use crate::topology::testing::topology_of;

/// Calls `check` with the row and the arguments of a command.
fn with_args<T>(
    words: &[Vec<u8>],
    check: impl FnOnce(&'static CommandSpec, Args<'_>, Request) -> T,
) -> T {
    let mut frame = Vec::new();
    encode_request(&mut frame, words);
    let mut batch = RequestBatch::default();
    RequestScanner::new(RequestLimits::AUTHENTICATED)
        .scan(&mut frame, &mut batch, 1)
        .unwrap();
    let request = batch.requests()[0];
    let args = batch.args(&frame, &request);
    check(command::resolve(args).unwrap(), args, request)
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// What each shard is asked, in the order of the parts; `None` when something is wrong.
fn asked(words: &[Vec<u8>], snapshot: &Snapshot) -> Option<(Making, Vec<Vec<Vec<u8>>>)> {
    with_args(words, |spec, args, _| {
        let keys = keys(spec, args)?;
        let combined = Combined::of(spec, args, keys.clone())?;
        let mut split = Split::default();
        split.plan_keys(spec, args, keys, snapshot.within(0));
        let mut out = Vec::new();
        for (part, shard) in (0..).zip(split.shards()) {
            combined.encode(args, &split, (part, shard), &mut out);
        }
        Some((combined.making(), requests(out)))
    })
}

#[test]
fn each_shard_is_asked_for_what_its_own_keys_come_to() {
    // Slots 12182 and 3300: foo is at the second of two shards, b at the first.
    let snapshot = topology_of(&["a", "b"]);
    let check = |line: &str, expected: &[&str]| {
        let (_, parts) = asked(&words(line), &snapshot).unwrap();
        let parts: Vec<String> = parts
            .iter()
            .map(|part| String::from_utf8(part.join(&b' ')).unwrap())
            .collect();
        assert_eq!(parts, expected, "{line}");
    };
    check(
        "SUNION foo b {foo}2 foo",
        &["sunion foo {foo}2 foo", "sunion b"],
    );
    check("sinter b foo", &["sinter b", "sinter foo"]);
    check(
        "SDIFF foo b {b}2 {foo}2",
        &["sdiff foo {foo}2", "sunion b {b}2"],
    );
    check("SINTERCARD 2 foo b LIMIT 3", &["sinter foo", "sinter b"]);
    check(
        "ZUNION 3 foo b {foo}2 weights 1 2 inf AGGREGATE max WITHSCORES",
        &[
            "zunion 2 foo {foo}2 WEIGHTS 1 inf AGGREGATE max WITHSCORES",
            "zunion 1 b WEIGHTS 2 AGGREGATE max WITHSCORES",
        ],
    );
    check(
        "ZINTER 2 foo b",
        &["zinter 1 foo WITHSCORES", "zinter 1 b WITHSCORES"],
    );
    check(
        "ZDIFF 3 foo b {foo}2",
        &["zdiff 2 foo {foo}2 WITHSCORES", "zunion 1 b"],
    );
    check("ZINTERCARD 2 foo b", &["zinter 1 foo", "zinter 1 b"]);
}

#[test]
fn what_is_wrong_is_left_to_nodes() {
    let snapshot = topology_of(&["a", "b"]);
    let check = |line: &str, is_whole: bool| {
        assert_eq!(asked(&words(line), &snapshot).is_some(), is_whole, "{line}");
    };
    check("ZUNION 2 foo b WEIGHTS 1", false);
    check("ZUNION 3 foo b WEIGHTS 1 2", false);
    check("ZUNION 2 foo b AGGREGATE avg", false);
    check("ZUNION 2 foo b zork", false);
    check("ZUNION x foo b", false);
    check("ZUNION 9 foo b", false);
    check("ZDIFF 2 foo b WEIGHTS 1 2", false);
    check("SINTERCARD 2 foo b LIMIT -1", false);
    check("SINTERCARD 2 foo b LIMIT 0 LIMIT x", false);
    check("ZINTERCARD 2 foo b LIMIT", false);
    check("SINTERCARD 4 foo b LIMIT 5", true);
    check("ZUNION 2 foo b WEIGHTS 1 2 WEIGHTS 3 4 withscores", true);
}

#[test]
fn a_long_command_is_one_only_where_one_shard_owns_all() {
    let snapshot = topology_of(&["a", "b"]);
    let mut long = vec![b"SUNION".to_vec()];
    long.extend((0..MOST_ARGS).map(|number| format!("{{foo}}{number}").into_bytes()));
    with_args(&long, |spec, args, request| {
        assert!(is_too_long(&request));
        let keys = keys(spec, args).unwrap();
        assert!(one_owner(args, keys, snapshot.within(0)).is_some());
    });
    long[5] = b"b".to_vec();
    with_args(&long, |spec, args, _| {
        let keys = keys(spec, args).unwrap();
        assert!(one_owner(args, keys, snapshot.within(0)).is_none());
    });
}

type Scores = BTreeMap<Vec<u8>, f64>;

/// Every key's members.
type Keys = BTreeMap<Vec<u8>, Scores>;

/// The reply of one server that has these keys. Slow and plain, for the sub-commands and the whole.
fn answer(words: &[Vec<u8>], data: &Keys, protocol: Protocol) -> Vec<u8> {
    let name = String::from_utf8(words[0].to_ascii_lowercase()).unwrap();
    let text = |at: usize| String::from_utf8(words[at].clone()).unwrap();
    let is_counted = name.starts_with('z') || name.ends_with("card");
    let (first, end) = match is_counted {
        true => (2, 2 + text(1).parse::<usize>().unwrap()),
        false => (1, words.len()),
    };
    let option = |word: &str| (end..words.len()).find(|at| text(*at).eq_ignore_ascii_case(word));
    let weight = |nth: usize| -> f64 {
        option("WEIGHTS").map_or(1.0, |at| text(at + 1 + nth).parse().unwrap())
    };
    let aggregate = option("AGGREGATE").map_or("SUM".to_owned(), |at| text(at + 1));
    let sets: Vec<Scores> = (first..end)
        .map(|at| {
            let weighed =
                |(member, score): (&Vec<u8>, &f64)| (member.clone(), score * weight(at - first));
            let set = data.get(&words[at]).cloned().unwrap_or_default();
            set.iter().map(weighed).collect()
        })
        .collect();
    let mut made = Scores::new();
    let all: BTreeSet<&Vec<u8>> = sets.iter().flat_map(Scores::keys).collect();
    for member in all {
        let scores: Vec<f64> = sets
            .iter()
            .filter_map(|set| set.get(member).copied())
            .collect();
        let is_in = if name.contains("union") {
            true
        } else if name.contains("inter") {
            scores.len() == sets.len()
        } else {
            sets[0].contains_key(member) && scores.len() == 1
        };
        if is_in {
            let score = scores
                .into_iter()
                .reduce(|one, other| match &aggregate[..] {
                    "MIN" => one.min(other),
                    "MAX" => one.max(other),
                    _ => one + other,
                });
            made.insert(member.clone(), score.unwrap());
        }
    }
    let mut out = Vec::new();
    let mut reply = ReplyWriter::new(&mut out, protocol);
    if name.ends_with("card") {
        let limit = option("LIMIT").map_or(0, |at| text(at + 1).parse::<usize>().unwrap());
        let count = if limit == 0 {
            made.len()
        } else {
            made.len().min(limit)
        };
        reply.integer(i64::try_from(count).unwrap());
        return out;
    }
    if !is_counted {
        reply.set(made.len());
        made.keys().for_each(|member| reply.bulk(member));
        return out;
    }
    let mut made: Vec<(f64, Vec<u8>)> = made
        .into_iter()
        .map(|(text, score)| (score, text))
        .collect();
    made.sort_by(|one, other| one.partial_cmp(other).unwrap());
    let with_scores = option("WITHSCORES").is_some();
    let has_pairs = with_scores && protocol == Protocol::Resp3;
    let is_flat = with_scores && !has_pairs;
    reply.array(made.len() * (1 + usize::from(is_flat)));
    for (score, member) in made {
        if has_pairs {
            reply.array(2);
        }
        reply.bulk(&member);
        if with_scores {
            reply.double(score);
        }
    }
    out
}

/// The order of a set is free.
fn comparable(reply: &[u8], is_set: bool) -> String {
    let (frame, _) = decode(reply).unwrap().expect("whole");
    let mut elements = match frame {
        Frame::Array(elements) | Frame::Set(elements) if is_set => elements,
        frame => return format!("{frame:?}"),
    };
    elements.sort_by_key(|element| format!("{element:?}"));
    format!("{elements:?}")
}

/// The command in parts, which servers answer that have all keys but are asked for those of a shard alone.
fn check(words: &[Vec<u8>], data: &Keys, protocol: Protocol) -> Result<(), TestCaseError> {
    let snapshot = topology_of(&["a", "b", "c"]);
    let (making, requests) = asked(words, &snapshot).expect("nothing is wrong");
    let parts: Vec<Part> = requests
        .iter()
        .map(|request| Part::Reply(Bytes::from(answer(request, data, protocol))))
        .collect();
    let shards = vec!["s".into(); parts.len()];
    let mut out = Pieces::new(Vec::new(), protocol);
    merge(
        &Plan::Combined(making),
        &Parts::of(&parts, &shards, 0),
        &mut out,
    );
    let merged = out.into_vec().concat();
    let is_set = matches!(making.told, Told::Members);
    let expected = answer(words, data, protocol);
    prop_assert_eq!(merged.first(), expected.first());
    prop_assert_eq!(comparable(&merged, is_set), comparable(&expected, is_set));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn parts_come_to_what_one_server_says(
        sets in proptest::collection::vec(
            proptest::collection::btree_map(0..12_u8, (-8..8_i8).prop_filter("no zeros", |score| *score != 0), 0..10), 8),
        named in proptest::collection::vec(0..10_usize, 1..6),
        weights in proptest::option::of(proptest::collection::vec(-3..4_i8, 5)),
        aggregate in proptest::option::of(proptest::sample::select(vec!["SUM", "MIN", "MAX"])),
        with_scores: bool,
        limit in proptest::option::of(0..6_u8),
        is_resp3: bool,
    ) {
        // Quarters: sums are exact in every order. No zeros, for a weight makes negative ones of them.
        let scores = |set: BTreeMap<u8, i8>| -> Scores {
            set.into_iter()
                .map(|(member, score)| (format!("m{member}").into_bytes(), f64::from(score) / 4.0))
                .collect()
        };
        let data: Keys = (0..)
            .zip(sets)
            .map(|(number, set)| (format!("key:{number}").into_bytes(), scores(set)))
            .collect();
        let keys: Vec<Vec<u8>> = named
            .iter()
            .map(|number| format!("key:{number}").into_bytes())
            .collect();
        let protocol = if is_resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        for name in ["SUNION", "SINTER", "SDIFF"] {
            let mut words = vec![name.as_bytes().to_vec()];
            words.extend(keys.clone());
            check(&words, &data, protocol)?;
        }
        for name in ["SINTERCARD", "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD"] {
            let count = keys.len().to_string().into_bytes();
            let mut words = vec![name.as_bytes().to_vec(), count];
            words.extend(keys.clone());
            let mut say = |text: String| words.extend(text.split(' ').map(Vec::from));
            if name.ends_with("CARD") {
                if let Some(limit) = limit {
                    say(format!("LIMIT {limit}"));
                }
            } else {
                let is_weighed = name != "ZDIFF";
                if let (Some(weights), true) = (&weights, is_weighed) {
                    say("WEIGHTS".to_owned());
                    for weight in weights.iter().take(keys.len()) {
                        say(if *weight == 0 { 7 } else { *weight }.to_string());
                    }
                }
                if let (Some(aggregate), true) = (aggregate, is_weighed) {
                    say(format!("AGGREGATE {aggregate}"));
                }
                if with_scores {
                    say("WITHSCORES".to_owned());
                }
            }
            check(&words, &data, protocol)?;
        }
    }
}
