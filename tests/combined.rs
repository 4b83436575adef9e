//! Commands that make one set of several, or one count of several sketches, over keys of several shards: answered through a proxy as by one node that has all of them.

use crate::support::dice::Dice;
use crate::support::servers::{Cluster, start_node};
use crate::support::{Client, Reply};

/// Keys of each kind; over three shards some lie on each.
const KEYS: usize = 9;

/// Commands that are compared.
const COMMANDS: usize = 3_000;

type Words = Vec<String>;

fn words(line: &str) -> Words {
    line.split(' ').map(str::to_owned).collect()
}

/// What fills the keys: sets, sorted sets, lists in the place of either; some keys stay empty.
fn contents(dice: &mut Dice) -> Vec<Words> {
    let mut contents = Vec::new();
    for number in 0..KEYS - 1 {
        let mut set = words(&format!("SADD set:{number}"));
        let mut scores = words(&format!("ZADD scores:{number}"));
        for _ in 0..1 + dice.below(30) {
            set.push(format!("m{}", dice.below(20)));
            let score = dice.pick(&["1", "2", "-3.5", "0.25", "1000000", "8"]);
            scores.push((*score).to_owned());
            scores.push(format!("m{}", dice.below(20)));
        }
        contents.extend([set, scores]);
    }
    contents.push(words("RPUSH list:0 a"));
    contents
}

fn key(dice: &mut Dice, kind: &str) -> String {
    match dice.below(40) {
        0 => "list:0".to_owned(),
        1 => String::new(),
        _ => format!("{kind}:{}", dice.below(KEYS)),
    }
}

fn command(dice: &mut Dice) -> Words {
    let names = [
        "SUNION",
        "SINTER",
        "SDIFF",
        "SINTERCARD",
        "ZUNION",
        "ZINTER",
        "ZDIFF",
        "ZINTERCARD",
    ];
    let name = *dice.pick(&names);
    let count = 1 + dice.below(5);
    let kind = match name.starts_with('S') || dice.percent(20) {
        true => "set",
        false => "scores",
    };
    let mut command = vec![name.to_owned()];
    if name.starts_with('Z') || name.ends_with("CARD") {
        command.push(match dice.below(20) {
            0 => dice.between(-1, 9).to_string(),
            _ => count.to_string(),
        });
    }
    command.extend((0..count).map(|_| key(dice, kind)));
    if name.ends_with("CARD") && dice.percent(50) {
        command.extend(words(&format!("LIMIT {}", dice.between(-1, 9))));
    }
    if name == "ZUNION" || name == "ZINTER" {
        if dice.percent(40) {
            command.push("WEIGHTS".to_owned());
            let weight = |dice: &mut Dice| *dice.pick(&["1", "2", "-0.5", "3", "4", "0x10"]);
            command.extend((0..count).map(|_| weight(dice).to_owned()));
        }
        if dice.percent(40) {
            let how = *dice.pick(&["SUM", "min", "MAX", "MAX", "AVG"]);
            command.extend(words(&format!("AGGREGATE {how}")));
        }
    }
    if name.starts_with('Z') && !name.ends_with("CARD") && dice.percent(60) {
        command.push("WITHSCORES".to_owned());
    }
    command
}

/// The order of a set is free.
fn comparable(command: &Words, mut reply: Reply) -> Reply {
    let is_set = ["SUNION", "SINTER", "SDIFF"].contains(&&command[0][..]);
    if let (Reply::Array(elements) | Reply::Set(elements), true) = (&mut reply, is_set) {
        elements.sort();
    }
    reply
}

#[test]
fn sets_of_three_shards_are_combined_as_those_of_one_node() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (cluster, node) = (Cluster::start(3), start_node(&[]));
    let mut clients = [cluster.connect(), node.connect()];
    for content in contents(&mut dice) {
        for client in &mut clients {
            client.call(&content);
        }
    }
    for protocol in ["2", "3"] {
        for client in &mut clients {
            client.call(&["HELLO", protocol]);
        }
        for _ in 0..COMMANDS / 2 {
            let command = command(&mut dice);
            let [ours, expected] = clients
                .each_mut()
                .map(|client| comparable(&command, client.call(&command)));
            assert!(
                ours == expected,
                "SWITCHYARD_SEED={seed} {command:?}\n  ours {ours:?}\n  one node {expected:?}"
            );
        }
    }
}

/// A client of three shards, with the key of each.
fn on_three_shards() -> (Cluster, Client, [String; 3]) {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let keys = [0, 1, 2].map(|shard| cluster.keys_on(shard, 1).remove(0));
    for key in &keys {
        client.call(&["DEL", key]);
    }
    (cluster, client, keys)
}

#[test]
fn infinite_scores_and_weights_are_put_together_as_by_redis() {
    let (_cluster, mut client, [a, b, c]) = on_three_shards();
    client.call_words(&format!("ZADD {a} inf x 1 y"));
    client.call_words(&format!("ZADD {b} -inf x 2 y 3 z"));
    client.call_words(&format!("ZADD {c} 5 x"));
    let mut check = |line: String, expected: &str| {
        let reply = client.call_words(&line);
        let words: Vec<String> = reply.elements().iter().map(Reply::text).collect();
        assert_eq!(words.join(" "), expected, "{line}");
    };
    check(format!("ZUNION 2 {a} {b} WITHSCORES"), "x 0 y 3 z 3");
    check(format!("ZINTER 2 {b} {a} WITHSCORES"), "x 0 y 3");
    // The key with the fewest members is the first: 5 + inf - inf.
    check(format!("ZINTER 3 {a} {b} {c} WITHSCORES"), "x 0");
    check(
        format!("ZUNION 2 {a} {b} WEIGHTS -1 inf AGGREGATE MIN WITHSCORES"),
        "x -inf y -1 z inf",
    );
    check(
        format!("ZINTER 2 {a} {c} AGGREGATE MAX WITHSCORES"),
        "x inf",
    );
}

#[test]
fn what_is_wrong_is_said_as_by_one_server() {
    let (_cluster, mut client, [a, b, c]) = on_three_shards();
    client.call_words(&format!("SET {b} text"));
    client.call_words(&format!("SADD {a} x"));
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let syntax = "ERR syntax error";
    for (line, expected) in [
        (format!("SUNION {a} {b} {c}"), wrong_type),
        (format!("ZDIFF 2 {a} {b}"), wrong_type),
        // Types are looked at before options, whichever shard has the key.
        (format!("ZUNION 2 {a} {b} ZORK"), wrong_type),
        (format!("ZUNION 2 {a} {b} WEIGHTS x 1"), wrong_type),
        (format!("ZUNION 2 {a} {c} ZORK"), syntax),
        (format!("ZUNION 3 {a} {c} WEIGHTS 1 2"), syntax),
        (
            format!("ZUNION 2 {a} {c} WEIGHTS 1 x"),
            "ERR weight value is not a float",
        ),
        (
            format!("ZUNION 0 {a} {c}"),
            "ERR at least 1 input key is needed for 'zunion' command",
        ),
        (format!("ZUNION 5 {a} {c}"), syntax),
        (
            format!("SINTERCARD 2 {a} {b} LIMIT -1"),
            "ERR LIMIT can't be negative",
        ),
        (
            format!("SINTERCARD 9 {a} {b}"),
            "ERR Number of keys can't be greater than number of args",
        ),
        (format!("LMPOP 2 {a} LEFT"), syntax),
        (format!("LMPOP 3 {a} {c} LEFT COUNT 1"), syntax),
        (format!("ZMPOP 2 {a} MIN COUNT 1"), syntax),
    ] {
        let reply = client.call_words(&line).error_text();
        assert_eq!(reply.as_deref(), Some(expected), "{line}");
    }
    for line in [
        format!("SUNIONSTORE {a} {b}"),
        format!("ZUNIONSTORE {a} 1 {c}"),
        format!("ZMPOP 2 {a} {b} MIN"),
    ] {
        let reply = client.call_words(&line).error_text().expect("refused");
        assert!(reply.starts_with("CROSSSLOT Keys in request"), "{reply}");
    }
}

#[test]
fn more_than_is_put_together_is_refused_and_one_shard_does_it() {
    let (cluster, mut client, [a, b, _]) = on_three_shards();
    let many: Words = (0..6_000).map(|number| format!("m{number}")).collect();
    for key in [&a, &b, &format!("{{{a}}}2")] {
        let mut add = vec!["SADD".to_owned(), key.clone()];
        add.extend(many.clone());
        assert_eq!(client.call(&add).integer(), 6_000);
    }
    let refused = client.call_words(&format!("SINTERCARD 2 {a} {b}"));
    assert_eq!(
        refused.error_text().as_deref(),
        Some(
            "ERR the sets of several shards have more than 10000 members together; name their keys with one hash tag"
        )
    );
    let one_shard = format!("SINTERCARD 2 {a} {{{a}}}2");
    assert_eq!(client.call_words(&one_shard).integer(), 6_000);
    let mut long = vec!["SUNION".to_owned(); 9_000];
    let small = format!("{{{a}}}small");
    client.call(&["SADD", &small, "m1"]);
    long[1..].fill(small);
    long[1].clone_from(&a);
    assert_eq!(client.call(&long).elements().len(), 6_000);
    long[8_999].clone_from(&b);
    let refused = client.call(&long).error_text().expect("refused");
    assert!(refused.starts_with("ERR 'sunion' over several shards takes at most"));
    drop(cluster);
}

#[test]
fn without_one_of_its_shards_there_is_no_answer() {
    let (mut cluster, mut client, [a, b, c]) = on_three_shards();
    client.call_words(&format!("SADD {a} x"));
    cluster.nodes[1].kill();
    let reply = client.call_words(&format!("SUNION {a} {b} {c}"));
    let text = reply.error_text().expect("a shard is missing");
    assert!(text.starts_with("CLUSTERDOWN shard s1 "), "{text}");
    assert_eq!(
        client
            .call_words(&format!("SUNION {a} {c}"))
            .elements()
            .len(),
        1
    );
}

/// What fills keys with sketches: small ones, which are sparse, and dense ones; a list and strings that are none, or are broken.
fn sketches(dice: &mut Dice) -> Vec<Vec<Vec<u8>>> {
    let mut contents = Vec::new();
    for number in 0..KEYS - 2 {
        let key = format!("h:{number}");
        for _ in 0..1 + number * 4 {
            let mut add = vec![b"PFADD".to_vec(), key.clone().into()];
            let elements = (0..1 + dice.below(400)).map(|_| dice.below(20_000).to_string().into());
            add.extend(elements.collect::<Vec<Vec<u8>>>());
            contents.push(add);
        }
    }
    let sparse = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80";
    let too_many_registers = [&sparse[..], b"\x7f\xff\0"].concat();
    for (key, text) in [
        ("text", b"no sketch".to_vec()),
        ("number", b"12345678901234567".to_vec()),
        ("empty", Vec::new()),
        ("corrupted", too_many_registers),
        ("dense", [b"HYLL\0", &[0; 100][..]].concat()),
    ] {
        contents.push(vec![b"SET".to_vec(), key.into(), text]);
    }
    contents.push(["RPUSH", "list:0", "a"].map(Vec::from).to_vec());
    contents
}

#[test]
fn sketches_of_three_shards_are_counted_as_those_of_one_node() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (cluster, node) = (Cluster::start(3), start_node(&[]));
    let mut clients = [cluster.connect(), node.connect()];
    for content in sketches(&mut dice) {
        let [ours, expected] = clients.each_mut().map(|client| client.call(&content));
        assert_eq!(ours, expected);
    }
    let mut counts = 0;
    for protocol in ["2", "3"] {
        for client in &mut clients {
            client.call(&["HELLO", protocol]);
        }
        for _ in 0..500 {
            let mut command = words("PFCOUNT");
            for _ in 0..1 + dice.below(6) {
                let others = ["text", "number", "empty", "corrupted", "dense", "list:0"];
                command.push(match dice.below(30) {
                    0 => (*dice.pick(&others)).to_owned(),
                    _ => format!("h:{}", dice.below(KEYS)),
                });
            }
            let [ours, expected] = clients.each_mut().map(|client| client.call(&command));
            assert_eq!(ours, expected, "SWITCHYARD_SEED={seed} {command:?}");
            counts += usize::from(ours.error_text().is_none());
        }
    }
    assert!(counts > 300, "{counts} counts");
}

#[test]
fn more_sketches_than_are_counted_together_are_refused_and_one_shard_counts_them() {
    let (_cluster, mut client, [a, b, _]) = on_three_shards();
    client.call_words(&format!("PFADD {a} x y"));
    client.call_words(&format!("PFADD {b} y z"));
    let mut count = vec!["PFCOUNT".to_owned(); 87];
    count[1..].fill(a.clone());
    assert_eq!(client.call(&count), Reply::Integer(2));
    count[86].clone_from(&b);
    let refused = client.call(&count).error_text();
    let expected =
        "ERR PFCOUNT over several shards takes at most 85 keys; name them with one hash tag";
    assert_eq!(refused.as_deref(), Some(expected));
    count.remove(1);
    assert_eq!(client.call(&count), Reply::Integer(3));
    let refused = client.call_words(&format!("PFMERGE {a} {b}")).error_text();
    let refused = refused.expect("two slots");
    assert!(
        refused.starts_with("CROSSSLOT Keys in request"),
        "{refused}"
    );
}

#[test]
fn sketches_are_not_counted_without_one_of_their_shards() {
    let (mut cluster, mut client, [a, b, c]) = on_three_shards();
    client.call_words(&format!("PFADD {a} x"));
    cluster.nodes[1].kill();
    let reply = client.call_words(&format!("PFCOUNT {a} {b} {c}"));
    let text = reply.error_text().expect("a shard is missing");
    assert!(text.starts_with("CLUSTERDOWN shard s1 "), "{text}");
    let reply = client.call_words(&format!("PFCOUNT {a} {c}"));
    assert_eq!(reply, Reply::Integer(1));
}
