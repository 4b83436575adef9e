//! Values of all types as payloads, through RESTORE and DUMP of a node without sockets. [`streams`]: those of streams.

mod streams;
mod timed;

use super::{Encoding, crc64};
use crate::commands::testing::TestNode;
use crate::store::EXPIRE_SLICE;
use proptest::prelude::*;
use timed::{LATER_MS, ending, timed, timed_listpack, timed_of};

const BAD_FORMAT: &[u8] = b"-ERR Bad data format\r\n";
const BAD_SEAL: &[u8] = b"-ERR DUMP payload version or checksum are wrong\r\n";

/// A payload with this value.
fn sealed(version: u16, value: &[u8]) -> Vec<u8> {
    let mut payload = value.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    let crc = crc64(0, &payload);
    payload.extend_from_slice(&crc.to_le_bytes());
    payload
}

/// What DUMP gives.
fn dump(node: &mut TestNode, key: &str) -> Vec<u8> {
    let reply = node.run_bytes(&["DUMP", key]);
    let head = reply
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a head")
        + 1;
    reply[head..reply.len() - 2].to_vec()
}

fn restore(node: &mut TestNode, key: &str, payload: &[u8]) -> Vec<u8> {
    node.run_bytes(&[b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"])
}

/// All that a key holds, sorted where there is no order.
fn content(node: &mut TestNode, key: &str) -> (String, Vec<Vec<u8>>) {
    let kind = node.send(&format!("TYPE {key}"));
    let (words, width): (&[&str], usize) = match kind.trim_end() {
        "+list" => (&["LRANGE", key, "0", "-1"], 0),
        "+set" => (&["SMEMBERS", key], 1),
        "+hash" => (&["HGETALL", key], 2),
        "+zset" => (&["ZRANGE", key, "0", "-1", "WITHSCORES"], 0),
        "+stream" => {
            let all = node.run_bytes(&["XINFO", "STREAM", key, "FULL", "COUNT", "0"]);
            return (node.send(&format!("OBJECT ENCODING {key}")), vec![all]);
        }
        _ => (&["GET", key], 0),
    };
    let reply = node.run_bytes(words);
    let mut elements = elements(&reply);
    if width > 0 {
        let mut groups: Vec<Vec<Vec<u8>>> = elements.chunks(width).map(<[_]>::to_vec).collect();
        groups.sort();
        elements = groups.concat();
    }
    (node.send(&format!("OBJECT ENCODING {key}")), elements)
}

/// The strings of a reply, however they are nested.
fn elements(mut reply: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    while let Some(end) = reply.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&reply[1..end - 1]).expect("digits");
        let is_string = reply[0] == b'$' && head != "-1";
        reply = &reply[end + 1..];
        if is_string {
            let len: usize = head.parse().expect("a length");
            elements.push(reply[..len].to_vec());
            reply = &reply[len + 2..];
        }
    }
    elements
}

/// Nothing is left of what was removed, and nothing is missing.
fn settled_memory(node: &mut TestNode) -> u64 {
    while node.store.expire_step(EXPIRE_SLICE).again {}
    node.store.used_memory()
}

/// Gives a value a key by the command that makes it.
fn make(node: &mut TestNode, command: &str, key: &str, elements: &[Vec<u8>]) {
    for some in elements.chunks(512) {
        let mut words = vec![command.as_bytes().to_vec(), key.as_bytes().to_vec()];
        words.extend_from_slice(some);
        let reply = node.run_bytes(&words);
        assert!(!reply.starts_with(b"-"), "{}", reply.escape_ascii());
    }
}

/// What is dumped comes back, with the encoding that it had.
fn comes_back(command: &str, elements: &[Vec<u8>]) -> Vec<u8> {
    let mut node = TestNode::new();
    make(&mut node, command, "from", elements);
    let payload = dump(&mut node, "from");
    assert_eq!(restore(&mut node, "to", &payload), b"+OK\r\n");
    assert_eq!(content(&mut node, "to"), content(&mut node, "from"));
    // The same bytes for the same value, where order is kept.
    if command != "SADD" && command != "HSET" {
        assert_eq!(dump(&mut node, "to"), payload);
    }
    payload
}

fn number(nth: usize) -> Vec<u8> {
    nth.to_string().into_bytes()
}

fn element(prefix: &str, nth: usize) -> Vec<u8> {
    format!("{prefix}:{nth}").into_bytes()
}

#[test]
fn each_value_has_the_encoding_that_redis_gives_it() {
    let names = |count| {
        (0..count)
            .map(|nth| element("element", nth))
            .collect::<Vec<_>>()
    };
    let scored = |count| {
        let pairs = (0..count).map(|nth| [format!("{nth}.5").into_bytes(), element("m", nth)]);
        pairs.flatten().collect::<Vec<_>>()
    };
    for (command, elements, encoding) in [
        ("SET", vec![b"text".to_vec()], Encoding::String),
        ("RPUSH", names(3), Encoding::ListNodes),
        ("RPUSH", names(5000), Encoding::ListNodes),
        ("SADD", names(3), Encoding::Set),
        ("SADD", names(5000), Encoding::Set),
        ("SADD", (0..300).map(number).collect(), Encoding::SetIntset),
        ("SADD", (0..1000).map(number).collect(), Encoding::Set),
        ("HSET", names(6), Encoding::HashListpack),
        ("HSET", names(6000), Encoding::Hash),
        ("ZADD", scored(4), Encoding::SortedSetListpack),
        ("ZADD", scored(4000), Encoding::SortedSet),
    ] {
        let payload = comes_back(command, &elements);
        assert_eq!(
            payload[0],
            encoding.number(),
            "{command} of {}",
            elements.len()
        );
        assert_eq!(payload[payload.len() - 10..payload.len() - 8], [10, 0]);
    }
}

#[test]
fn long_values_come_back_a_piece_at_a_time() {
    let random: Vec<u8> = (0..3_000_000_u32)
        .map(|number| number.wrapping_mul(0x9e37_79b1).to_be_bytes()[0] ^ number.to_le_bytes()[1])
        .collect();
    for text in [
        random.clone(),
        vec![b'z'; 3_000_000],
        random[..300_000].to_vec(),
    ] {
        comes_back("SET", std::slice::from_ref(&text));
        comes_back("RPUSH", &[b"short".to_vec(), text.clone(), b"12".to_vec()]);
        comes_back(
            "HSET",
            &[text.clone(), b"value".to_vec(), b"field".to_vec(), text],
        );
    }
    comes_back("SET", &[b"-9223372036854775808".to_vec()]);
    comes_back("RPUSH", &(0..60_000).map(number).collect::<Vec<_>>());
    comes_back("SADD", &(0..60_000).map(number).collect::<Vec<_>>());
    let mut scores = Vec::new();
    for (nth, score) in ["inf", "-inf", "0", "-0.0", "1e300", "-5e-324", "0.1"]
        .iter()
        .enumerate()
    {
        scores.extend([score.as_bytes().to_vec(), element("edge", nth)]);
    }
    comes_back("ZADD", &scores);
    for nth in 0..1000 {
        scores.extend([number(nth % 7), element("more", nth)]);
    }
    comes_back("ZADD", &scores);
}

#[test]
fn what_elements_are_packed_in_may_be_long() {
    let mut node = TestNode::new();
    for setting in ["hash-max-listpack-entries", "hash-max-listpack-value"] {
        node.send(&format!("CONFIG SET {setting} 100000"));
    }
    // More elements than a head counts, and long ones among them.
    let mut elements: Vec<Vec<u8>> = (0..80_000).map(|nth| element("e", nth)).collect();
    elements.extend([vec![b'f'; 70_000], vec![b'v'; 20_000]]);
    make(&mut node, "HSET", "from", &elements);
    let payload = dump(&mut node, "from");
    assert_eq!(payload[0], Encoding::HashListpack.number());
    assert_eq!(restore(&mut node, "to", &payload), b"+OK\r\n");
    assert!(content(&mut node, "to") == content(&mut node, "from"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_value_comes_back(
        command in prop_oneof![Just("RPUSH"), Just("SADD"), Just("HSET"), Just("ZADD")],
        texts in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..90),
            (0..70_u8, 0..400_usize).prop_map(|(byte, len)| vec![byte; len]),
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            (-200..200_i64).prop_map(|number| number.to_string().into_bytes()),
        ], 1..150),
        scores in prop::collection::vec(any::<f64>().prop_filter("a number", |score| !score.is_nan()), 150)
    ) {
        let elements: Vec<Vec<u8>> = match command {
            "HSET" => texts.iter().flat_map(|text| [text.clone(), text.repeat(2)]).collect(),
            "ZADD" => texts.iter().zip(scores).flat_map(|(text, score)| [score.to_string().into_bytes(), text.clone()]).collect(),
            _ => texts,
        };
        comes_back(command, &elements);
    }
}

/// A ziplist of texts, made by hand.
fn ziplist(texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let (mut before, mut last) = (0_usize, 10_usize);
    for text in texts {
        last = bytes.len();
        bytes.push(u8::try_from(before).expect("short"));
        bytes.push(u8::try_from(text.len()).expect("short"));
        bytes.extend_from_slice(text.as_bytes());
        before = bytes.len() - last;
    }
    bytes.push(0xff);
    let word = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
    let (len, last) = (word(bytes.len()), word(last));
    bytes[..4].copy_from_slice(&len);
    bytes[4..8].copy_from_slice(&last);
    bytes[8..10].copy_from_slice(&word(texts.len())[..2]);
    bytes
}

/// A listpack of texts, made by hand.
fn listpack(texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0; 6];
    for text in texts {
        let len = u8::try_from(text.len()).expect("short");
        bytes.push(0x80 | len);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(len + 1);
    }
    bytes.push(0xff);
    let word = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
    let len = word(bytes.len());
    bytes[..4].copy_from_slice(&len);
    bytes[4..6].copy_from_slice(&word(texts.len())[..2]);
    bytes
}

/// A value: its encoding, then strings, each behind its length.
fn value(encoding: Encoding, strings: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![encoding.number()];
    for string in strings {
        bytes.push(u8::try_from(string.len()).expect("short"));
        bytes.extend_from_slice(string);
    }
    bytes
}

/// The same with a count before the strings.
fn counted(encoding: Encoding, count: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut bytes = value(encoding, strings);
    bytes.insert(1, count);
    bytes
}

/// A value of each encoding, what it is here, and what it holds.
fn values() -> Vec<(Vec<u8>, &'static str, Vec<&'static str>)> {
    use Encoding as Is;
    let intset = b"\x02\0\0\0\x02\0\0\0\xff\xff\x05\0";
    let doubles = [1.5_f64.to_le_bytes(), f64::NEG_INFINITY.to_le_bytes()];
    let binary = [&b"\x02\x01a"[..], &doubles[0], b"\x01b", &doubles[1]].concat();
    let nodes = [
        &b"\x03\x02"[..],
        &value(Is::String, &[&listpack(&["a", "b"])])[1..],
        b"\x01\x04long\x02",
        &value(Is::String, &[&listpack(&["c"])])[1..],
    ]
    .concat();
    let pairs = ["f", "v", "g", "w"];
    let scores = ["b", "-inf", "a", "1.5"];
    let zipmap = b"\x02\x01f\x01\0v\x01g\x01\x01w\0\xff";
    let scored = vec!["b", "-inf", "a", "1.5"];
    vec![
        (value(Is::String, &[b"text"]), "embstr", vec!["text"]),
        (b"\0\xc0\x0c".to_vec(), "int", vec!["12"]),
        (
            counted(Is::List, 2, &[b"a", b"b"]),
            "quicklist",
            vec!["a", "b"],
        ),
        (
            counted(Is::Set, 2, &[b"a", b"b"]),
            "hashtable",
            vec!["a", "b"],
        ),
        (counted(Is::Set, 2, &[b"1", b"2"]), "intset", vec!["1", "2"]),
        (
            b"\x03\x02\x01a\x031.5\x01b\xff".to_vec(),
            "listpack",
            scored.clone(),
        ),
        (
            counted(Is::Hash, 2, &[b"f", b"v", b"g", b"w"]),
            "listpack",
            pairs.to_vec(),
        ),
        ([vec![5], binary].concat(), "listpack", scored.clone()),
        (value(Is::HashZipmap, &[zipmap]), "listpack", pairs.to_vec()),
        (
            value(Is::ListZiplist, &[&ziplist(&["a", "b"])]),
            "quicklist",
            vec!["a", "b"],
        ),
        (value(Is::SetIntset, &[intset]), "intset", vec!["-1", "5"]),
        (
            value(Is::SortedSetZiplist, &[&ziplist(&scores)]),
            "listpack",
            scored.clone(),
        ),
        (
            value(Is::HashZiplist, &[&ziplist(&pairs)]),
            "listpack",
            pairs.to_vec(),
        ),
        (
            counted(
                Is::ListZiplists,
                2,
                &[&ziplist(&["a", "b"]), &ziplist(&["c"])],
            ),
            "quicklist",
            vec!["a", "b", "c"],
        ),
        (
            value(Is::HashListpack, &[&listpack(&pairs)]),
            "listpack",
            pairs.to_vec(),
        ),
        (
            value(Is::SortedSetListpack, &[&listpack(&scores)]),
            "listpack",
            scored,
        ),
        (
            [vec![18], nodes].concat(),
            "quicklist",
            vec!["a", "b", "long", "c"],
        ),
        (
            value(Is::SetListpack, &[&listpack(&["a", "b"])]),
            "hashtable",
            vec!["a", "b"],
        ),
        (
            timed(2, b"\x01\x01f\x01v\0\x01g\x01w"),
            "listpackex",
            vec!["f", "v", "g", "w"],
        ),
        (
            ending(&[("f", "v", LATER_MS), ("g", "w", -1)]),
            "listpackex",
            vec!["f", "v", "g", "w"],
        ),
        (
            timed_listpack(&[("f", "v", LATER_MS), ("g", "w", 0)]),
            "listpackex",
            vec!["f", "v", "g", "w"],
        ),
    ]
}

#[test]
fn every_encoding_is_read() {
    for (value, encoding, expected) in values() {
        let mut node = TestNode::new();
        for version in [1, 9, 10, 11, 12, 80] {
            assert_eq!(
                restore(&mut node, "k", &sealed(version, &value)),
                b"+OK\r\n",
                "{value:?}"
            );
        }
        let (name, elements) = content(&mut node, "k");
        assert_eq!(
            name,
            format!("${}\r\n{encoding}\r\n", encoding.len()),
            "{value:?}"
        );
        let texts: Vec<String> = elements
            .iter()
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect();
        assert_eq!(texts, expected, "{value:?}");
        // Whatever stands behind a value is not looked at.
        let longer = [&value[..], b"rest"].concat();
        assert_eq!(restore(&mut node, "k", &sealed(10, &longer)), b"+OK\r\n");
        let payload = dump(&mut node, "k");
        assert_eq!(restore(&mut node, "l", &payload), b"+OK\r\n");
        assert_eq!(content(&mut node, "l").1, elements);
    }
}

#[test]
fn what_is_no_value_is_refused() {
    use Encoding as Is;
    let mut node = TestNode::new();
    node.send("SET k before");
    let nan = [&b"\x05\x01\x01a"[..], &f64::NAN.to_le_bytes()].concat();
    let node_of_no_kind = [
        &b"\x12\x01\x03"[..],
        &value(Is::String, &[&listpack(&["a"])])[1..],
    ]
    .concat();
    let empty_nodes = [
        &b"\x12\x01\x02"[..],
        &value(Is::String, &[&listpack(&[])])[1..],
    ]
    .concat();
    for broken in [
        Vec::new(),
        vec![0],
        // Without elements.
        counted(Is::List, 0, &[]),
        counted(Is::Set, 0, &[]),
        counted(Is::Hash, 0, &[]),
        counted(Is::SortedSet, 0, &[]),
        counted(Is::ListNodes, 0, &[]),
        value(Is::ListZiplist, &[&ziplist(&[])]),
        value(Is::HashListpack, &[&listpack(&[])]),
        value(Is::SetIntset, &[b"\x02\0\0\0\0\0\0\0"]),
        value(Is::HashZipmap, &[b"\0\xff"]),
        empty_nodes,
        node_of_no_kind,
        // Twice the same.
        counted(Is::Set, 2, &[b"a", b"a"]),
        counted(Is::Set, 2, &[b"1", b"1"]),
        counted(Is::Hash, 2, &[b"f", b"v", b"f", b"w"]),
        b"\x03\x02\x01a\x011\x01a\x012".to_vec(),
        value(Is::HashListpack, &[&listpack(&["f", "v", "f", "w"])]),
        value(Is::SetListpack, &[&listpack(&["f", "f"])]),
        value(Is::SortedSetListpack, &[&listpack(&["f", "1", "f", "2"])]),
        value(Is::HashZiplist, &[&ziplist(&["f", "v", "f", "w"])]),
        value(Is::HashZipmap, &[b"\x02\x01f\x01\0v\x01f\x01\0w\xff"]),
        // Halves of pairs.
        value(Is::HashListpack, &[&listpack(&["f", "v", "g"])]),
        value(Is::SortedSetZiplist, &[&ziplist(&["f"])]),
        // No scores.
        nan,
        b"\x03\x01\x01a\xfd".to_vec(),
        value(Is::SortedSetListpack, &[&listpack(&["f", "nan"])]),
        value(Is::SortedSetListpack, &[&listpack(&["f", "x"])]),
        // Fields whose ends are none.
        timed(0, b""),
        timed(2, b"\0\x01f\x01v\0\x01f\x01w"),
        timed(1, b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01f\x01v"),
        timed(1, b"\x81\0\x01\0\0\0\0\0\0\x01f\x01v"),
        timed_listpack(&[]),
        timed_listpack(&[("f", "v", -1)]),
        timed_listpack(&[("f", "v", 1 << 48)]),
        timed_listpack(&[("f", "v", 0), ("f", "w", 0)]),
        timed_of(&listpack(&["f", "v", "w"])),
        ending(&[]),
        ending(&[("f", "v", -2)]),
        ending(&[("f", "v", LATER_MS), ("f", "w", -1)]),
        // Streams that are none, modules, and what nobody knows.
        value(Is::String, &[b"x"]).into_iter().skip(1).collect(),
        b"\x0f\x01x".to_vec(),
        b"\x13\x01x".to_vec(),
        b"\x15\x01x".to_vec(),
        b"\x07\x01x".to_vec(),
        b"\xff\x01x".to_vec(),
        // Counts that lie.
        b"\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a".to_vec(),
        b"\x12\x81\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
    ] {
        let before = settled_memory(&mut node);
        let reply = restore(&mut node, "k", &sealed(10, &broken));
        assert_eq!(
            reply.escape_ascii().to_string(),
            BAD_FORMAT.escape_ascii().to_string(),
            "{broken:?}"
        );
        assert_eq!(settled_memory(&mut node), before);
        assert_eq!(node.send("GET k"), "$6\r\nbefore\r\n");
    }
}

#[test]
fn a_payload_is_sealed() {
    let mut node = TestNode::new();
    let value = value(Encoding::String, &[b"text"]);
    let good = sealed(10, &value);
    for end in 0..good.len() {
        assert_eq!(restore(&mut node, "k", &good[..end]), BAD_SEAL, "{end}");
    }
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 4;
        assert_eq!(restore(&mut node, "k", &changed), BAD_SEAL, "{at}");
    }
    assert_eq!(restore(&mut node, "k", &sealed(13, &value)), BAD_SEAL);
    assert_eq!(restore(&mut node, "k", &sealed(0, b"")), BAD_FORMAT);
    assert_eq!(restore(&mut node, "k", &good), b"+OK\r\n");
}

#[test]
fn no_string_unpacks_to_more_than_a_string_may_have() {
    let mut node = TestNode::new();
    node.send("CONFIG SET proto-max-bulk-len 1mb");
    // Three bytes give 264 each.
    let most = 1024 * 1024 / 264;
    for (repetitions, expected) in [
        (most - 1, &b"+OK\r\n"[..]),
        (
            most + 1,
            b"-ERR the value would be longer than proto-max-bulk-len when it is unpacked\r\n",
        ),
    ] {
        let packed = [&b"\0a"[..], &b"\xe0\xff\0".repeat(repetitions)].concat();
        let mut value = vec![0, 0xc3, 0x80];
        value.extend_from_slice(&u32::try_from(packed.len()).expect("short").to_be_bytes());
        value.push(0x80);
        value.extend_from_slice(
            &u32::try_from(1 + 264 * repetitions)
                .expect("short")
                .to_be_bytes(),
        );
        value.extend_from_slice(&packed);
        let reply = restore(&mut node, "k", &sealed(10, &value));
        assert_eq!(
            reply.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
    assert_eq!(
        node.send("STRLEN k"),
        format!(":{}\r\n", 1 + 264 * (most - 1))
    );
}

/// How many payloads are changed at random.
fn flips() -> usize {
    let number = std::env::var("SWITCHYARD_RESTORE_FLIPS").ok();
    number.and_then(|text| text.parse().ok()).unwrap_or(2000)
}

/// Values of all encodings, by hand and from commands.
fn all_values() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = values().into_iter().map(|(value, ..)| value).collect();
    all.extend(streams::values());
    let mut node = TestNode::new();
    let long = |nth: usize| vec![b'x'; nth * 40];
    let commands: [(&str, Vec<Vec<u8>>); 6] = [
        ("SET", vec![b"abcabcabcabc".repeat(9)]),
        ("RPUSH", (0..12).map(long).collect()),
        ("SADD", (0..20).map(|nth| element("member", nth)).collect()),
        (
            "SADD",
            [1, 500, 70_000, 1 << 40]
                .map(|number: u64| number.to_string().into())
                .to_vec(),
        ),
        ("HSET", (0..20).map(|nth| long(nth % 5 + 1 + nth)).collect()),
        (
            "ZADD",
            (0..20)
                .map(|nth| {
                    if nth % 2 == 0 {
                        number(nth * 1000)
                    } else {
                        element("m", nth)
                    }
                })
                .collect(),
        ),
    ];
    for (command, elements) in commands {
        node.send("DEL k");
        make(&mut node, command, "k", &elements);
        let payload = dump(&mut node, "k");
        all.push(payload[..payload.len() - 10].to_vec());
    }
    all
}

/// A value or an error comes of it, and a value can be used.
fn is_answered(node: &mut TestNode, empty: u64, changed: &[u8]) {
    let reply = restore(node, "k", &sealed(10, changed));
    if reply == b"+OK\r\n" {
        // All of its fields may be over.
        if node.send("EXISTS k") == ":1\r\n" {
            let payload = dump(node, "k");
            assert_eq!(restore(node, "l", &payload), b"+OK\r\n", "{changed:?}");
            assert_eq!(content(node, "l").1, content(node, "k").1, "{changed:?}");
        }
    } else {
        assert!(reply.starts_with(b"-ERR "), "{}", reply.escape_ascii());
    }
    node.send("DEL k l");
    assert_eq!(settled_memory(node), empty, "{changed:?}");
}

#[test]
fn whatever_is_cut_or_changed_does_no_harm() {
    let all = all_values();
    let mut node = TestNode::new();
    // Memory that is taken once and kept.
    for value in &all {
        restore(&mut node, "k", &sealed(10, value));
    }
    node.send("DEL k l");
    let empty = settled_memory(&mut node);
    for value in &all {
        for end in 0..value.len() {
            let reply = restore(&mut node, "k", &sealed(10, &value[..end]));
            assert_eq!(reply, BAD_FORMAT, "{value:?} cut at {end}");
        }
        assert_eq!(settled_memory(&mut node), empty);
    }
    let mut chance = 20_261_130;
    let mut below = |bound: usize| {
        usize::try_from(crate::store::below(&mut chance, bound as u64)).expect("below a usize")
    };
    for nth in 0..flips() {
        let mut changed = all[nth % all.len()].clone();
        for _ in 0..1 + below(3) {
            let at = below(changed.len());
            match below(4) {
                0 => changed[at] = 0xff,
                1 => changed[at] = u8::try_from(below(256)).expect("a byte"),
                _ => changed[at] ^= 1 << below(8),
            }
        }
        is_answered(&mut node, empty, &changed);
    }
}
