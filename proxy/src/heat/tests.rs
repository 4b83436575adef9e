//! What is seen of requests and replies as they pass, however they come in bundles.

use super::shown::{AllSeen, ShownName};
use super::*;
use crate::dice::Dice;
use shared::resp::encode_request;
use std::sync::Arc;

fn pass(heat: &mut Heat, lines: &[&str], replies: &[u8], dice: &mut Dice) {
    let mut requests = Vec::new();
    for line in lines {
        encode_request(&mut requests, line.split(' ').collect::<Vec<_>>());
    }
    let count = u32::try_from(lines.len()).unwrap();
    let passing = Passing {
        requests: &requests,
        total: count,
        before: 0,
        count,
        replies: Replies::Here(replies),
        database: 0,
    };
    if heat.wants_to_look(count, requests.len().max(replies.len())) {
        heat.look(&passing, || dice.throw());
    }
}

/// As after a second; the decay of a second is in it.
fn seen(heat: &mut Heat, sample: u32) -> AllSeen {
    let now_ms = heat.decayed_ms + SHOWN_EVERY_MS;
    let seen = heat.tick(now_ms).expect("a second is over");
    AllSeen::new(sample, vec![Arc::new(seen)])
}

#[test]
fn keys_are_counted_with_what_passes_for_them() {
    let (mut heat, mut dice) = (Heat::new(1, 0), Dice::new());
    pass(
        &mut heat,
        &["GET user:1", "GET user:2", "GET user:1"],
        b"$2\r\nab\r\n$-1\r\n$2\r\nab\r\n",
        &mut dice,
    );
    pass(&mut heat, &["SET cart:1 12345"], b"+OK\r\n", &mut dice);
    pass(
        &mut heat,
        &["MGET user:1 user:3"],
        b"*2\r\n$2\r\nab\r\n$-1\r\n",
        &mut dice,
    );
    pass(
        &mut heat,
        &["MSET cart:1 xy cart:2 z", "PING"],
        b"+OK\r\n+PONG\r\n",
        &mut dice,
    );
    let seen = seen(&mut heat, 1);
    let hot = seen.hot_keys();
    let second = seen.per_second() * 0.5_f64.powf(1.0 / 60.0);
    let shown: Vec<(&str, f64, Option<f64>)> = hot
        .keys
        .iter()
        .map(|key| {
            let accesses = (key.used.accesses_per_second / second).round();
            (key.name.name.as_str(), accesses, key.used.hit_ratio)
        })
        .collect();
    let expected = [
        ("user:1", 3.0, Some(1.0)),
        ("cart:1", 2.0, None),
        ("cart:2", 1.0, None),
        ("user:2", 1.0, Some(0.0)),
        ("user:3", 1.0, Some(0.0)),
    ];
    assert_eq!(shown, expected);
    let of_user: Vec<f64> = hot.keys[..1]
        .iter()
        .flat_map(|key| {
            [
                key.used.request_bytes_per_second,
                key.used.reply_bytes_per_second,
            ]
        })
        .map(|bytes| (bytes / second).round())
        .collect();
    // Two GETs of 25 bytes and the key of an MGET; three replies of 8.
    assert_eq!(of_user, [56.0, 24.0]);
    let prefixes = seen.prefixes().prefixes;
    let shown: Vec<(&str, Option<f64>)> = prefixes
        .iter()
        .map(|prefix| (prefix.name.name.as_str(), prefix.used.hit_ratio))
        .collect();
    assert_eq!(shown, [("user:", Some(0.6)), ("cart:", None)]);
    assert_eq!(hot.counting.sample, 1);
    assert_eq!(hot.counting.unseen_at_most_per_second, 0.0);
}

#[test]
fn the_commands_of_a_transaction_count_each() {
    for words in ["NODE EXEC", "NODE EXEC WATCHED 7 1"] {
        count_commands_of(words);
    }
}

fn count_commands_of(words: &str) {
    let (mut heat, mut dice) = (Heat::new(1, 0), Dice::new());
    let words = words.split(' ').map(|word| word.as_bytes().to_vec());
    let mut frames: Vec<_> = words.collect();
    for line in ["GET a:1", "SET b:1 x", "GET c:1"] {
        let mut frame = Vec::new();
        encode_request(&mut frame, line.split(' ').collect::<Vec<_>>());
        frames.push(frame);
    }
    let mut request = Vec::new();
    encode_request(&mut request, frames.iter().map(Vec::as_slice));
    let passing = Passing {
        requests: &request,
        total: 1,
        before: 0,
        count: 1,
        replies: Replies::Here(b"*3\r\n$1\r\n1\r\n+OK\r\n$-1\r\n"),
        database: 3,
    };
    assert!(heat.wants_to_look(1, request.len()));
    heat.look(&passing, || dice.throw());
    let hot = seen(&mut heat, 1).hot_keys();
    let shown: Vec<(&str, u32, Option<f64>)> = hot
        .keys
        .iter()
        .map(|key| {
            (
                key.name.name.as_str(),
                key.name.database,
                key.used.hit_ratio,
            )
        })
        .collect();
    let expected = [
        ("a:1", 3, Some(1.0)),
        ("b:1", 3, None),
        ("c:1", 3, Some(0.0)),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_is_asked_on_behalf_of_somebody_counts_as_what_it_is() {
    let (mut heat, mut dice) = (Heat::new(1, 0), Dice::new());
    let line = "NODE FOR 1.2 SET a:1 x";
    pass(
        &mut heat,
        &[line, "NODE FOR"],
        b"+OK\r\n-ERR\r\n",
        &mut dice,
    );
    let keys = seen(&mut heat, 1).hot_keys().keys;
    let names: Vec<&str> = keys.iter().map(|key| key.name.name.as_str()).collect();
    assert_eq!(names, ["a:1"]);
}

#[test]
fn a_sample_tells_what_all_would_however_requests_are_bundled() {
    const SAMPLE: u32 = 16;
    for bundle in [1, 3, 16, 250] {
        let (mut heat, mut dice) = (Heat::new(SAMPLE, 0), Dice::new());
        // Always in the same order: whoever looked at each sixteenth would see few of them.
        let keys: Vec<String> = (0..16)
            .map(|number| match number {
                0..8 => "GET hot".to_owned(),
                8..12 => "GET warm".to_owned(),
                _ => format!("GET cold{number}"),
            })
            .collect();
        let all: Vec<&str> = (0..64_000).map(|at| keys[at % 16].as_str()).collect();
        for lines in all.chunks(bundle) {
            pass(
                &mut heat,
                lines,
                "$1\r\nx\r\n".repeat(lines.len()).as_bytes(),
                &mut dice,
            );
        }
        let keys = seen(&mut heat, SAMPLE).hot_keys().keys;
        let share = |name: &str| {
            let key = keys.iter().find(|key| key.name.name == name);
            key.map_or(0.0, |key| key.used.share)
        };
        // 4,000 are looked at: more than six times the deviation.
        for (name, expected) in [("hot", 0.5), ("warm", 0.25), ("cold12", 0.0625)] {
            let found = share(name);
            assert!(
                (found - expected).abs() < 0.05,
                "{name} in bundles of {bundle}: {found}"
            );
        }
        let looked_at = keys.iter().map(|key| key.used.share).sum::<f64>();
        assert!((looked_at - 1.0).abs() < 0.01);
    }
}

#[test]
fn large_ones_are_seen_without_being_of_the_sample_and_do_not_count() {
    let (mut heat, mut dice) = (Heat::new(1_000_000, 0), Dice::new());
    let value = "x".repeat(LARGE_BYTES);
    pass(
        &mut heat,
        &[&format!("SET big {value}")],
        b"+OK\r\n",
        &mut dice,
    );
    let reply = format!("${}\r\n{value}{value}\r\n", 2 * LARGE_BYTES);
    pass(&mut heat, &["GET large:1"], reply.as_bytes(), &mut dice);
    let many = ["GET small"; 4_000];
    pass(
        &mut heat,
        &many,
        "$1\r\nx\r\n".repeat(4_000).as_bytes(),
        &mut dice,
    );
    let seen = seen(&mut heat, 1_000_000);
    let shown: Vec<(String, bool, &str)> = seen
        .big_keys()
        .largest
        .into_iter()
        .map(|key| (key.name.name, key.is_reply, key.command))
        .collect();
    let expected = [("large:1", true, "get"), ("big", false, "set")];
    assert_eq!(
        shown,
        expected.map(|(name, is_reply, command)| (name.to_owned(), is_reply, command))
    );
    assert!(seen.hot_keys().keys.is_empty());
    assert!(seen.big_keys().most_bytes.is_empty());
}

#[test]
fn what_has_flown_by_in_pieces_is_measured_too() {
    let (mut heat, mut dice) = (Heat::new(1, 0), Dice::new());
    let mut requests = Vec::new();
    encode_request(&mut requests, ["GET", "a:1"]);
    encode_request(&mut requests, ["GET", "b:1"]);
    let passing = Passing {
        requests: &requests,
        total: 2,
        before: 1,
        count: 1,
        replies: Replies::Flown(5_000_000),
        database: 0,
    };
    assert!(heat.wants_to_look(1, 5_000_000));
    heat.look(&passing, || dice.throw());
    let big = seen(&mut heat, 1).big_keys();
    let shown = |name: &ShownName| (name.name.clone(), name.length);
    assert_eq!(shown(&big.largest[0].name), ("b:1".to_owned(), 3));
    assert_eq!(big.largest[0].bytes, 5_000_000);
    assert_eq!(shown(&big.most_bytes[0].name), ("b:1".to_owned(), 3));
}

#[test]
fn who_does_not_want_it_has_nothing_looked_at() {
    let (mut heat, mut dice) = (Heat::new(0, 0), Dice::new());
    let value = "x".repeat(LARGE_BYTES);
    pass(
        &mut heat,
        &[&format!("SET big {value}")],
        b"+OK\r\n",
        &mut dice,
    );
    assert!(!heat.wants_to_look(u32::MAX, usize::MAX));
    assert!(heat.tick(1_000_000).is_none());
    assert!(heat.biggest.all().is_empty());
}

#[test]
fn rates_are_right_from_the_first_second_on() {
    let (mut heat, mut dice) = (Heat::new(1, 0), Dice::new());
    let mut now_ms = 0;
    for second in 1..=300 {
        for _ in 0..10 {
            pass(&mut heat, &["INCR a"], b":1\r\n", &mut dice);
        }
        now_ms += 1_000;
        let seen = AllSeen::new(1, vec![Arc::new(heat.tick(now_ms).unwrap())]);
        let rate = seen.hot_keys().keys[0].used.accesses_per_second;
        assert!((rate - 10.0).abs() < 0.2, "{rate} after {second} s");
    }
    // Ten half-lives without a request.
    let seen = AllSeen::new(
        1,
        vec![Arc::new(heat.tick(now_ms + 10 * HALF_LIFE_MS).unwrap())],
    );
    let keys = seen.hot_keys().keys;
    assert!(keys[0].used.accesses_per_second < 0.02, "{keys:?}");
}

#[test]
fn info_tells_each_in_a_line() {
    let (mut heat, mut dice) = (Heat::new(1, 0), Dice::new());
    let long = format!("GET {}", "n".repeat(300));
    pass(
        &mut heat,
        &["GET a,b\r\nc:1", &long],
        b"$-1\r\n$-1\r\n",
        &mut dice,
    );
    let lines = seen(&mut heat, 1).info();
    let value = |name: &str| {
        let line = lines.iter().find(|(known, _)| known == name);
        line.map_or_else(
            || panic!("{name} in {lines:?}"),
            |(_, value)| value.as_str(),
        )
    };
    assert_eq!(value("hot_keys_sample"), "1");
    assert!(
        value("hot_key_1").ends_with(",hit_ratio=0,db=0,length=8,is_cut=0,name=a\\x2cb\\r\\nc:1"),
        "{lines:?}"
    );
    let cut = format!(",length=300,is_cut=1,name={}", "n".repeat(name::MOST_KEPT));
    assert!(value("hot_key_2").ends_with(&cut), "{lines:?}");
    assert!(value("big_key_1").contains(",command=get,"), "{lines:?}");
    assert!(
        value("prefix_1").contains("name=a\\x2cb\\r\\nc:"),
        "{lines:?}"
    );
    assert!(lines.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
}
