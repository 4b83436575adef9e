//! DUMP and RESTORE beside a real redis-server 7.0.15: each takes what the other gives, in every encoding, and both refuse the same broken bytes.
//! `SWITCHYARD_RESTORE_FLIPS` says how many payloads are broken at random.

use std::net::SocketAddr;

use crate::support::dice::Dice;
use crate::support::payload::{old_values, sealed};
use crate::support::servers::{Cluster, Server, start_node};
use crate::support::{Client, Reply, redis_server};

/// Payloads broken where nothing else is said.
const FLIPS: usize = 2000;

/// Elements with a little of everything: words, integers of all widths, lengths in one, two and five bytes, what can be packed and what cannot.
fn element(dice: &mut Dice, longest: usize) -> Vec<u8> {
    match dice.below(8) {
        0 => dice.between(-10, 200).to_string().into(),
        1 => dice.between(-100_000, 100_000).to_string().into(),
        2 => (dice.bits().cast_signed() >> dice.below(63))
            .to_string()
            .into(),
        3 => vec![b'z'; dice.below(longest)],
        4 => {
            let length = dice.below(longest);
            dice.bytes(length)
        }
        5 => format!("user:{}:name", dice.below(1000)).repeat(3).into(),
        _ => format!("e{}", dice.below(10_000)).into(),
    }
}

/// A command that makes `key` a value of some type and size.
fn make(dice: &mut Dice, key: &str) -> Vec<Vec<u8>> {
    let count = *dice.pick(&[1, 2, 5, 30, 127, 129, 600]);
    let longest = *dice.pick(&[10, 60, 64, 70, 3000, 20_000]);
    let name = *dice.pick(&["SET", "RPUSH", "SADD", "SADD", "HSET", "ZADD"]);
    let mut words = vec![Vec::from(name), Vec::from(key)];
    let only_integers = dice.percent(50);
    for _ in 0..count {
        match name {
            "SADD" if only_integers => {
                let shift = *dice.pick(&[20, 40, 50]);
                let number = dice.bits().cast_signed() >> shift;
                words.push(number.to_string().into());
            }
            "HSET" => words.extend([element(dice, longest), element(dice, longest)]),
            "ZADD" => {
                let score = match dice.below(5) {
                    0 => dice.between(-5, 5).to_string(),
                    1 => "-inf".to_owned(),
                    2 => format!("{}e{}", dice.between(-99, 99), dice.between(-300, 300)),
                    _ => format!("{}.{}", dice.between(-99, 99), dice.below(1000)),
                };
                words.extend([score.into(), element(dice, longest)]);
            }
            _ => words.push(element(dice, longest)),
        }
        if name == "SET" {
            break;
        }
    }
    words
}

/// Makes `key` a stream with some of what there can be: entries whose fields have other names, removed ones, groups, consumers, entries that are pending.
fn make_stream(client: &mut Client, dice: &mut Dice, key: &str, longest: usize) {
    client.call_words(&format!("XADD {key} 3-1 f v"));
    for number in 0..*dice.pick(&[1, 5, 20, 150, 900]) {
        let (id, few, one) = (dice.below(number + 4), dice.below(3), dice.below(2));
        let line = match dice.below(16) {
            0..8 => {
                let milliseconds = (3 + number / 4).to_string();
                let id = format!("{milliseconds}-*");
                let names = *dice.pick(&[&["f"][..], &["f", "g"], &["7", "", "f"]]);
                let mut words: Vec<Vec<u8>> = vec!["XADD".into(), key.into(), id.into()];
                for name in names {
                    words.extend([Vec::from(*name), element(dice, longest)]);
                }
                client.call(&words);
                continue;
            }
            8 => format!("XDEL {key} {id}-0 {id}-1 {id}-2"),
            9 => {
                let how = *dice.pick(&["MAXLEN ~", "MAXLEN", "MINID ~", "MINID"]);
                format!("XTRIM {key} {how} {}", dice.below(number + 5) / 2)
            }
            10 => format!("XGROUP CREATE {key} {few} {}", dice.pick(&["0", "$"])),
            11 => format!("XGROUP CREATECONSUMER {key} {few} worker-with-a-long-name-{few}"),
            12 => format!("XREADGROUP GROUP {few} c{one} COUNT {id} STREAMS {key} >"),
            13 => format!("XACK {key} {few} {id}-0 {id}-1"),
            14 => format!("XCLAIM {key} {few} c{one} 0 {id}-0 {id}-1 FORCE RETRYCOUNT {id}"),
            _ => format!(
                "XSETID {key} {}-7 ENTRIESADDED {}",
                number / 4 + 4,
                2000 + number
            ),
        };
        client.call_words(&line);
    }
}

/// Makes `key` a value of some type and size.
fn make_any(client: &mut Client, dice: &mut Dice, key: &str) {
    if dice.percent(35) {
        let longest = *dice.pick(&[10, 60, 3000]);
        return make_stream(client, dice, key, longest);
    }
    let made = client.call(&make(dice, key));
    assert!(made.error_text().is_none(), "{made:?}");
}

fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    match client.call(&["DUMP", key]) {
        Reply::Bulk(payload) => payload,
        other => panic!("DUMP answered {other:?}"),
    }
}

fn restore(client: &mut Client, key: &str, payload: &[u8]) -> Reply {
    client.call(&[b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"])
}

/// What a key holds, in an order of its own where there is none, and how.
fn content(client: &mut Client, key: &str) -> (Reply, Reply) {
    let kind = client.call(&["TYPE", key]).text();
    let (words, width): (&[&str], usize) = match kind.as_str() {
        "list" => (&["LRANGE", key, "0", "-1"], 0),
        "set" => (&["SMEMBERS", key], 1),
        "hash" => (&["HGETALL", key], 2),
        "zset" => (&["ZRANGE", key, "0", "-1", "WITHSCORES"], 0),
        "stream" => (&["XINFO", "STREAM", key, "FULL", "COUNT", "0"], 0),
        _ => (&["GET", key], 0),
    };
    let mut value = client.call(words);
    if width > 0 {
        value = in_groups_of(width, &value);
    }
    if kind == "stream" {
        value = without_inner_nodes(&value);
    }
    (client.call(&["OBJECT", "ENCODING", key]), value)
}

/// The elements, each with what belongs to it, in an order of their own.
fn in_groups_of(width: usize, value: &Reply) -> Reply {
    let mut groups: Vec<&[Reply]> = value.elements().chunks(width).collect();
    groups.sort();
    Reply::Array(groups.concat())
}

/// What XINFO tells of a stream, but for how many nodes its tree has, which is another one here.
fn without_inner_nodes(value: &Reply) -> Reply {
    let mut elements = value.elements().to_vec();
    let name = Reply::bulk("radix-tree-nodes");
    if let Some(at) = elements.iter().position(|element| *element == name) {
        elements.drain(at..at + 2);
    }
    Reply::Array(elements)
}

/// Values of all types and sizes go from one to the other by `DUMP` and `RESTORE`.
fn values_travel(from: SocketAddr, to: SocketAddr, seed: u64) {
    let mut dice = Dice::new(seed);
    let (mut from, mut to) = (Client::connect(from), Client::connect(to));
    for _ in 0..150 {
        from.call(&["DEL", "{k}"]);
        make_any(&mut from, &mut dice, "{k}");
        let payload = dump(&mut from, "{k}");
        assert_eq!(restore(&mut to, "{k}", &payload), Reply::ok());
        let (there, here) = (content(&mut to, "{k}"), content(&mut from, "{k}"));
        assert!(there == here, "SWITCHYARD_SEED={seed}\n{there:?}\n{here:?}");
        // And back.
        let back = dump(&mut to, "{k}");
        assert_eq!(back[0], payload[0], "the same encoding");
        assert_eq!(restore(&mut from, "{k}2", &back), Reply::ok());
        assert!(content(&mut from, "{k}2") == here, "SWITCHYARD_SEED={seed}");
    }
}

#[test]
fn values_travel_between_a_redis_server_and_a_node() {
    let Some(redis) = redis_server::start(&["--sanitize-dump-payload", "yes"]) else {
        return;
    };
    let node = start_node(&[]);
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    values_travel(redis.address, node.address, seed);
    values_travel(node.address, redis.address, seed + 1);
}

#[test]
fn values_travel_between_a_redis_server_and_a_proxy() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let cluster = Cluster::start(3);
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    values_travel(redis.address, cluster.proxy.address, seed);
}

#[test]
fn what_redis_calls_an_encoding_travels_with_the_limits_of_both() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = start_node(&[]);
    let (mut ours, mut redis) = (node.connect(), redis.connect());
    for client in [&mut ours, &mut redis] {
        assert_eq!(
            client.call(&["SADD", "s", "1", "2", "3", "4", "5"]),
            Reply::Integer(5)
        );
        client.call(&[
            "HSET",
            "h",
            "f",
            "1",
            "g",
            "2",
            "h",
            "3",
            "i",
            "4",
            "j",
            &"x".repeat(70),
        ]);
        client.call(&["HSET", "short", "f", "1", "g", "2"]);
        client.call(&["ZADD", "z", "1", "a", "2", "b", "3", &"y".repeat(63)]);
    }
    let payloads: Vec<(&str, Vec<u8>)> = ["s", "h", "short", "z"]
        .map(|key| (key, dump(&mut redis, key)))
        .to_vec();
    for (setting, value) in [
        ("set-max-intset-entries", "3"),
        ("hash-max-listpack-entries", "1"),
        ("hash-max-listpack-entries", "100"),
        ("hash-max-listpack-value", "0"),
        ("zset-max-listpack-value", "5"),
        ("zset-max-listpack-entries", "2"),
    ] {
        for client in [&mut ours, &mut redis] {
            assert_eq!(client.call(&["CONFIG", "SET", setting, value]), Reply::ok());
        }
        for (key, payload) in &payloads {
            for client in [&mut ours, &mut redis] {
                assert_eq!(restore(client, key, payload), Reply::ok());
            }
            let (here, there) = (content(&mut ours, key), content(&mut redis, key));
            assert_eq!(here, there, "{key} under {setting} {value}");
        }
    }
}

/// A score of -0 is 0 here.
fn without_signs_of_zero(value: &Reply) -> Reply {
    let elements = value.elements().iter().map(|element| {
        if *element == Reply::bulk("-0") {
            return Reply::bulk("0");
        }
        element.clone()
    });
    Reply::Array(elements.collect())
}

fn flips() -> usize {
    let number = std::env::var("SWITCHYARD_RESTORE_FLIPS").ok();
    number.and_then(|text| text.parse().ok()).unwrap_or(FLIPS)
}

#[test]
fn a_node_refuses_what_a_careful_redis_server_refuses() {
    let Some(redis) = redis_server::start(&["--sanitize-dump-payload", "yes"]) else {
        return;
    };
    let node = start_node(&[]);
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (mut ours, mut redis_client) = (node.connect(), redis.connect());
    let mut values = old_values();
    for value in &values {
        let payload = sealed(value, 10);
        for client in [&mut ours, &mut redis_client] {
            assert_eq!(restore(client, "k", &payload), Reply::ok());
        }
        let (here, there) = (content(&mut ours, "k"), content(&mut redis_client, "k"));
        assert_eq!(here, there);
    }
    for nth in 0..90 {
        redis_client.call(&["DEL", "k"]);
        if nth % 3 == 0 {
            make_stream(&mut redis_client, &mut dice, "k", 20);
            let payload = dump(&mut redis_client, "k");
            values.push(payload[..payload.len() - 10].to_vec());
            continue;
        }
        let mut command = make(&mut dice, "k");
        // Short ones, so that what is changed is met.
        command.truncate(2 + 2 * 4);
        command.iter_mut().for_each(|word| word.truncate(90));
        redis_client.call(&command);
        if redis_client.call(&["EXISTS", "k"]) == Reply::Integer(1) {
            let payload = dump(&mut redis_client, "k");
            values.push(payload[..payload.len() - 10].to_vec());
        }
    }
    let mut taken = 0;
    for nth in 0..flips() {
        let mut value: Vec<u8> = values[nth % values.len()].clone();
        let at = dice.below(value.len());
        match dice.below(4) {
            0 => value.truncate(at),
            1 => value[at] = dice.bytes(1)[0],
            _ => value[at] ^= 1 << dice.below(8),
        }
        let payload = sealed(&value, 10);
        let strict = restore(&mut ours, "k", &payload);
        // Redis reads on into the seal, where a value is cut; so it is shown to us as a part of the value.
        let here = restore(&mut ours, "k", &sealed(&payload, 10));
        let there = restore(&mut redis_client, "k", &payload);
        assert!(strict == here || strict == bad_format(), "{strict:?}");
        if is_known_to_differ(&value, &here, &there) {
            continue;
        }
        let shown = value.escape_ascii().to_string();
        assert_eq!(here, there, "SWITCHYARD_SEED={seed}\n{shown}");
        if here == Reply::ok() {
            taken += 1;
            let (here, there) = (content(&mut ours, "k"), content(&mut redis_client, "k"));
            // A packed sorted set that is in disorder stays so in Redis.
            let is_scored = matches!(value[0], 3 | 5 | 12 | 17);
            let [here, there] = [here.1, there.1].map(|value| match is_scored {
                true => in_groups_of(2, &without_signs_of_zero(&value)),
                false => value,
            });
            assert_eq!(here, there, "SWITCHYARD_SEED={seed}\n{shown}");
        }
    }
    eprintln!("{taken} of {} were taken", flips());
    assert!(redis.connect().call_words("PING").error_text().is_none());
}

#[test]
fn what_elements_are_packed_in_travels_however_long_it_is() {
    let Some(redis) = redis_server::start(&["--sanitize-dump-payload", "yes"]) else {
        return;
    };
    let node = start_node(&[]);
    let (mut ours, mut redis) = (node.connect(), redis.connect());
    for client in [&mut ours, &mut redis] {
        let setting = ["CONFIG", "SET", "hash-max-listpack-entries", "100000"];
        assert_eq!(client.call(&setting), Reply::ok());
    }
    for first in (0..40_000).step_by(1000) {
        let mut words = vec!["HSET".to_owned(), "k".to_owned()];
        for number in first..first + 1000 {
            words.extend([format!("field:{number}"), number.to_string()]);
        }
        assert_eq!(ours.call(&words), Reply::Integer(1000));
    }
    let payload = dump(&mut ours, "k");
    assert_eq!(payload[0], 16);
    assert_eq!(restore(&mut redis, "k", &payload), Reply::ok());
    assert!(content(&mut redis, "k") == content(&mut ours, "k"));
    let back = dump(&mut redis, "k");
    assert_eq!(restore(&mut ours, "l", &back), Reply::ok());
    assert!(content(&mut ours, "l") == content(&mut ours, "k"));
}

fn bad_format() -> Reply {
    Reply::Error(b"ERR Bad data format".to_vec())
}

/// What is packed and said to unpack to nothing is an empty string to Redis, whatever is packed.
fn is_packed_nothing(bytes: &[u8]) -> bool {
    let ([0xc3, ..64 | 192.., behind @ ..]
    | [0xc3, 64..128, _, behind @ ..]
    | [0xc3, 0x80, _, _, _, _, behind @ ..]) = bytes
    else {
        return false;
    };
    matches!(
        behind,
        [0 | 0xc0, ..] | [0x40, 0, ..] | [0x80, 0, 0, 0, 0, ..]
    )
}

/// Where Redis takes what is nonsense, or knows what is not known here.
fn is_known_to_differ(value: &[u8], here: &Reply, there: &Reply) -> bool {
    let encoding = value.first().copied().unwrap_or_default();
    let refused_here = *here == bad_format();
    let mut tails = (0..value.len()).map(|at| &value[at..]);
    if refused_here && *there == Reply::ok() && tails.any(is_packed_nothing) {
        return true;
    }
    match encoding {
        // Of streams Redis takes what says other things in two places, or is in disorder. A score that is no number is 0 to Redis, or as much as can be read of it.
        15 | 19 | 3 | 12 | 17 => refused_here && *there == Reply::ok(),
        // Streams and small sets of Redis 7.2, hashes of Valkey 9.
        20..=22 => there.error_text().is_some(),
        _ => false,
    }
}

#[test]
fn long_values_are_dumped_and_restored_while_others_are_served() {
    let node = start_node(&[]);
    let mut client = node.connect();
    let mut words = vec![b"HSET".to_vec(), b"k".to_vec()];
    for number in 0..100_000_u32 {
        words.push(format!("field:{number}").into());
        words.push(number.wrapping_mul(0x9e37_79b1).to_string().into());
    }
    for some in words[2..].chunks(2000) {
        let command = [&words[..2], some].concat();
        assert_eq!(client.call(&command), Reply::Integer(1000));
    }
    let payload = dump(&mut client, "k");
    assert_eq!(payload[0], 4);
    let (mut client, payload) = restored_while_others_are_served(&node, client, payload);
    assert!(dump(&mut client, "l").len() == payload.len());
    assert_eq!(client.call_words("HLEN l"), Reply::Integer(100_000));
    assert_eq!(content(&mut client, "l"), content(&mut client, "k"));
}

#[test]
fn long_streams_are_dumped_and_restored_while_others_are_served() {
    let node = start_node(&[]);
    let mut client = node.connect();
    client.call_words("XGROUP CREATE k g $ MKSTREAM");
    for first in (1..100_000).step_by(1000) {
        let command = |number: usize| {
            [
                "XADD",
                "k",
                &format!("{number}-1"),
                "field",
                &format!("value:{number}"),
            ]
            .map(Vec::from)
            .to_vec()
        };
        let commands: Vec<Vec<Vec<u8>>> = (first..first + 1000).map(command).collect();
        client.pipeline(&commands);
    }
    client.call_words("XREADGROUP GROUP g c COUNT 50000 STREAMS k >");
    let payload = dump(&mut client, "k");
    assert_eq!(payload[0], 19);
    let (mut client, payload) = restored_while_others_are_served(&node, client, payload);
    assert!(dump(&mut client, "l") == payload);
    assert_eq!(client.call_words("XLEN l"), Reply::Integer(100_000));
    assert!(content(&mut client, "l") == content(&mut client, "k"));
}

/// Restores a payload as `l` and dumps that, while others get answers.
fn restored_while_others_are_served(
    node: &Server,
    mut client: Client,
    payload: Vec<u8>,
) -> (Client, Vec<u8>) {
    let mut bystander = node.connect();
    let sending = std::thread::spawn(move || {
        assert_eq!(restore(&mut client, "l", &payload), Reply::ok());
        dump(&mut client, "l");
        (client, payload)
    });
    let mut answers = 0;
    while !sending.is_finished() {
        assert_eq!(bystander.call_words("GET none"), Reply::NullBulk);
        answers += 1;
    }
    let sent = sending.join().expect("restored");
    assert!(answers > 3, "{answers} answers");
    sent
}
