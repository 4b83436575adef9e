//! Commands over many keys, long replies, and values that are long to treat: what others see meanwhile, and what comes of them.

mod large;

use super::{LongEnd, STRIDE_KEYS, UNDIVIDED_ARGS};
use crate::client::{Identity, Session};
use crate::commands::testing::TestNode;
use crate::execute::{Stop, Turn, Wait};
use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

/// Numbers of keys around those at which something changes.
const COUNTS: [usize; 8] = [
    1,
    STRIDE_KEYS - 1,
    STRIDE_KEYS,
    STRIDE_KEYS + 1,
    UNDIVIDED_ARGS - 1,
    UNDIVIDED_ARGS,
    UNDIVIDED_ARGS + 1,
    3 * UNDIVIDED_ARGS,
];

/// A command over the keys of these numbers, with `value` behind each where there is one.
fn words(name: &str, keys: impl Iterator<Item = usize>, value: Option<&str>) -> Vec<String> {
    let mut words = vec![name.to_owned()];
    for number in keys {
        words.push(format!("key:{number}"));
        words.extend(value.map(str::to_owned));
    }
    words
}

#[test]
fn many_keys_are_treated_as_a_few_are() {
    for count in COUNTS {
        let mut node = TestNode::new();
        let all = || 0..count;
        assert_eq!(node.run(&words("MSET", all(), Some("v"))), "+OK\r\n");
        assert_eq!(node.send("DBSIZE"), format!(":{count}\r\n"));
        let twice = (0..count).chain(0..2 * count);
        assert_eq!(
            node.run(&words("EXISTS", twice, None)),
            format!(":{}\r\n", 2 * count)
        );
        assert_eq!(
            node.run(&words("TOUCH", 0..count + 5, None)),
            format!(":{count}\r\n")
        );
        let values = node.run(&words("MGET", 0..count + 1, None));
        let expected = format!("*{}\r\n{}$-1\r\n", count + 1, "$1\r\nv\r\n".repeat(count));
        assert!(values == expected, "of {count} keys");
        // One key that is there, far behind, is enough for none to be set.
        let last_is_there = (count..2 * count).chain(count - 1..count);
        let set = node.run(&words("MSETNX", last_is_there, Some("x")));
        assert_eq!(set, ":0\r\n");
        assert_eq!(node.send("DBSIZE"), format!(":{count}\r\n"));
        let set = node.run(&words("MSETNX", count..2 * count, Some("x")));
        assert_eq!(set, ":1\r\n");
        for (name, keys) in [("DEL", 0..count + 3), ("UNLINK", count..2 * count)] {
            let removed = node.run(&words(name, keys.clone(), None));
            let expected = if name == "DEL" {
                (count + 3).min(2 * count)
            } else {
                count - 3.min(count)
            };
            assert_eq!(removed, format!(":{expected}\r\n"), "{name} of {count}");
        }
        assert_eq!(node.send("DBSIZE"), ":0\r\n");
    }
}

#[test]
fn the_last_value_of_a_key_stands_and_a_missing_one_is_noticed_first() {
    for count in COUNTS {
        let mut node = TestNode::new();
        let mut pairs = words("MSET", 0..count, Some("early"));
        pairs.extend(["key:0".to_owned(), "late".to_owned()]);
        assert_eq!(node.run(&pairs), "+OK\r\n");
        assert_eq!(node.send("GET key:0"), "$4\r\nlate\r\n");
        node.send("FLUSHALL");
        pairs.push("one more".to_owned());
        for name in ["mset", "msetnx"] {
            name.clone_into(&mut pairs[0]);
            assert_eq!(
                node.run(&pairs),
                format!("-ERR wrong number of arguments for '{name}' command\r\n")
            );
        }
        assert_eq!(node.send("DBSIZE"), ":0\r\n");
    }
}

#[test]
fn a_command_is_counted_once_and_its_effects_make_the_same_keyspace() {
    let mut node = TestNode::new();
    node.store.start_recording();
    let count = 3 * UNDIVIDED_ARGS;
    node.run(&words("MSETNX", (0..count).chain(0..9), Some("v")));
    node.run(&words("DEL", 0..count / 2, None));
    let mut effects = node.store.take_effects().into_bytes();
    let mut replayed = TestNode::new();
    replayed.run_stream(&mut effects);
    let all = words("MGET", 0..count, None);
    assert!(replayed.run(&all) == node.run(&all));
    let half = format!(":{}\r\n", count - count / 2);
    assert_eq!(
        [replayed.send("DBSIZE"), node.send("DBSIZE")],
        [half.clone(), half]
    );
    let stats = node.send("INFO commandstats");
    for line in ["cmdstat_msetnx:calls=1,", "cmdstat_del:calls=1,"] {
        assert!(stats.contains(line), "{stats}");
    }
}

#[test]
fn a_reply_stops_growing_at_the_hard_limit() {
    let mut node = TestNode::new();
    node.run(&[
        "CONFIG",
        "SET",
        "client-output-buffer-limit",
        "normal 1mb 0 0",
    ]);
    node.run(&["SET", "key:0", &"v".repeat(1_000)]);
    for count in [2_000, 2 * UNDIVIDED_ARGS] {
        let same = std::iter::repeat_n(0, count);
        let reply = node.run(&words("MGET", same, None));
        assert!(reply.starts_with("-ERR the reply exceeds"), "{count}");
    }
    assert_eq!(node.run(&words("EXISTS", 0..1, None)), ":1\r\n");
}

/// Runs a long command on `node` and gives its reply; `meanwhile` is called between the strides, with another client.
fn with_others(
    node: &mut TestNode,
    command: &[impl AsRef<[u8]>],
    mut meanwhile: impl FnMut(&mut TestNode),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(&mut bytes, command);
    let mut batch = RequestBatch::default();
    RequestScanner::new(RequestLimits::AUTHENTICATED)
        .scan(&mut bytes, &mut batch, 1)
        .unwrap();
    let args = batch.args(&bytes, &batch.requests()[0]);
    let (identity, mut session) = (Identity::new(2, node.now_ms), Session::default());
    let mut long = None;
    loop {
        let mut turn = Turn {
            store: &mut node.store,
            node: &mut node.node,
            identity: &identity,
            session: &mut session,
            now_ms: node.now_ms,
        };
        let Some(begun) = long.take() else {
            let mut begun = node.executor.begin(&mut turn, args);
            // Its keys are marked, and it has done a little; then others come, however fast it is.
            for _ in 0..2 {
                let over = node.executor.step(&mut turn, &mut begun, args);
                assert_eq!(over, Ok(false), "it is cut");
            }
            long = Some(begun);
            meanwhile(node);
            continue;
        };
        match node.executor.go_on(&mut turn, begun, args) {
            LongEnd::NotYet(rest) => long = Some(rest),
            LongEnd::Over(reply) => return reply.into_pieces().concat(),
        }
        meanwhile(node);
    }
}

/// Whether another client's command has to wait.
fn is_held(node: &mut TestNode, line: &str) -> bool {
    let reply = node.send(line);
    let is_held = node.stop == Stop::NotYet(Wait::Keys);
    assert_eq!(reply.is_empty(), is_held, "{line}");
    is_held
}

#[test]
fn others_are_served_while_very_much_is_sorted_searched_counted_or_compared() {
    const COUNT: usize = 60_000;
    let mut node = TestNode::new();
    let numbers = || (0..COUNT).map(|number| number.to_string());
    node.run(
        &["RPUSH", "list"]
            .map(str::to_owned)
            .into_iter()
            .chain(numbers())
            .collect::<Vec<_>>(),
    );
    let mut places = vec!["GEOADD".to_owned(), "places".to_owned()];
    for number in 0..COUNT {
        let degrees = number % 170;
        places.extend([
            degrees.to_string(),
            (degrees / 3).to_string(),
            number.to_string(),
        ]);
    }
    node.run(&places);
    for (key, len) in [("bits", 4 << 20), ("text", 6_000), ("other", 5_000)] {
        node.run(&["SET".to_owned(), key.to_owned(), "\0".repeat(len)]);
    }
    let mut add = vec!["PFADD".to_owned(), "sketch".to_owned()];
    add.extend(numbers());
    let line = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let unknown_keys = "SORT list BY w:* LIMIT 0 3";
    // What is not to be waited for while it is at work, and what is.
    for (command, free, held) in [
        (line("SORT list"), "GET w:1", "RPUSH list x"),
        (line("SORT list"), "SET w:1 1", "DEL list"),
        (
            line("SORT list DESC STORE stored"),
            "SET w:1 1",
            "LLEN stored",
        ),
        (line(unknown_keys), "GET w:1", "SET w:1 1"),
        (
            line("GEOSEARCH places FROMLONLAT 1 1 BYRADIUS 20000 km ASC"),
            "ZCARD places",
            "ZREM places 1",
        ),
        (
            line("GEORADIUS places 1 1 20000 km STORE near"),
            "SET w:1 1",
            "ZCARD near",
        ),
        (add, "SET w:1 1", "PFCOUNT sketch"),
        (line("BITCOUNT bits"), "GETBIT bits 1", "SETBIT bits 1 0"),
        (line("BITPOS bits 1"), "GETBIT bits 1", "DEL bits"),
        (line("LCS text other"), "GET text", "APPEND text x"),
        (line("LCS other text LEN"), "GET text", "DEL text"),
    ] {
        let mut turns = 0;
        with_others(&mut node, &command, |node| {
            turns += 1;
            node.send(free);
            assert_ne!(node.stop, Stop::NotYet(Wait::Keys), "{free}");
            node.send(held);
            assert_eq!(node.stop, Stop::NotYet(Wait::Keys), "{held}");
        });
        assert!(turns > 0, "{command:?} is cut");
    }
    node.expect(&[
        ("LINDEX stored 0", "$5 59999"),
        ("ZCARD near", ":60000"),
        ("PFCOUNT sketch", ":60453"),
    ]);
}

#[test]
fn what_goes_while_it_is_sorted_is_sorted_anew() {
    let mut node = TestNode::new();
    let mut push = vec!["RPUSH".to_owned(), "list".to_owned()];
    push.extend((0..60_000).map(|number| number.to_string()));
    node.run(&push);
    node.send("PEXPIRE list 10");
    let sort = ["SORT", "list", "STORE", "stored"].map(str::to_owned);
    let mut turns = 0;
    with_others(&mut node, &sort, |node| {
        turns += 1;
        node.advance_ms(20);
    });
    // It went before all of it was read, or it was sorted as it was.
    let stored = node.send("LLEN stored");
    assert!(
        [":0\r\n", ":60000\r\n"].contains(&stored.as_str()),
        "{stored} in {turns} turns"
    );
}

#[test]
fn others_are_served_meanwhile_and_kept_from_its_keys() {
    let count = 200_000;
    let mut node = TestNode::new();
    node.run(&["MSET", "beside", "1", "key:0", "old"]);
    let mut turns = 0;
    with_others(&mut node, &words("MSET", 0..count, Some("new")), |node| {
        turns += 1;
        for line in [
            "PING",
            "INFO",
            "CLIENT LIST",
            "CONFIG GET maxmemory",
            "SELECT 0",
        ] {
            assert!(!is_held(node, line), "{line}");
        }
        for line in [
            "GET key:0",
            "SET key:0 x",
            "MGET beside key:0",
            "COPY key:0 c",
        ] {
            assert!(is_held(node, line), "{line}");
        }
        for line in ["DBSIZE", "KEYS *", "SCAN 0", "FLUSHALL", "SWAPDB 0 1"] {
            assert!(is_held(node, line), "{line}");
        }
        // When a pause has begun nothing is written.
        for line in ["CLIENT PAUSE 1", "CLIENT PAUSE 1 WRITE"] {
            assert!(is_held(node, line), "{line}");
        }
        assert!(!is_held(node, "CLIENT UNPAUSE"));
        assert_eq!(node.send("INCR beside"), format!(":{}\r\n", turns + 1));
    });
    assert!(turns > 0, "a command of {count} keys is cut");
    assert_eq!(node.send("GET key:0"), "$3\r\nnew\r\n");
    assert_eq!(node.send("DBSIZE"), format!(":{}\r\n", count + 1));
    // Those who only look at the keys of one who only looks are not in the way.
    with_others(&mut node, &words("MGET", 0..count, None), |node| {
        for line in [
            "GET key:0",
            "DBSIZE",
            "SCAN 0",
            "MGET key:0 key:1",
            "SET beside 1",
        ] {
            assert!(!is_held(node, line), "{line}");
        }
        for line in [
            "SET key:0 x",
            "DEL key:1 key:0",
            "FLUSHDB",
            "EXPIRE key:0 9",
        ] {
            assert!(is_held(node, line), "{line}");
        }
    });
    // There is one of them at a time.
    with_others(&mut node, &words("EXISTS", 0..count, None), |node| {
        let another = words("EXISTS", count..2 * count, None);
        assert_eq!(node.run(&another), "");
        assert_eq!(node.stop, Stop::NotYet(Wait::Keys));
    });
    assert!(!is_held(&mut node, "SET key:0 x"));
}

/// A node with long collections at `hash`, `set`, `list` and `zset`, and 40 long strings at `long:` …
fn node_with_much() -> TestNode {
    let mut node = TestNode::new();
    let name = |number: usize| format!("{number:0>90}");
    for part in 0..50 {
        let numbers = || part * 100..(part + 1) * 100;
        let names = |command: &str, key: &str, step: fn(usize, String) -> Vec<String>| {
            let mut words = vec![command.to_owned(), key.to_owned()];
            words.extend(numbers().flat_map(|number| step(number, name(number))));
            words
        };
        node.run(&names("HSET", "hash", |_, name| vec![name.clone(), name]));
        node.run(&names("SADD", "set", |_, name| vec![name]));
        node.run(&names("RPUSH", "list", |_, name| vec![name]));
        node.run(&names("ZADD", "zset", |number, name| {
            vec![number.to_string(), name]
        }));
    }
    for number in 0..40 {
        node.run(&[
            "SET".to_owned(),
            format!("long:{number}"),
            "v".repeat(20_000),
        ]);
    }
    node
}

/// Commands with long replies, and how many words each has.
fn long_replies() -> Vec<(String, usize)> {
    let keys: Vec<String> = (0..41).map(|number| format!("long:{number}")).collect();
    [
        ("HGETALL hash".to_owned(), 10_000),
        ("HKEYS hash".to_owned(), 5_000),
        ("HVALS hash".to_owned(), 5_000),
        ("SMEMBERS set".to_owned(), 5_000),
        ("LRANGE list 1 -2".to_owned(), 4_998),
        ("ZRANGE zset 0 -1 WITHSCORES".to_owned(), 10_000),
        ("ZREVRANGE zset 1 -1".to_owned(), 4_999),
        (format!("MGET {}", keys.join(" ")), 41),
    ]
    .into()
}

#[test]
fn a_long_reply_comes_in_pieces_and_is_whole() {
    let mut node = node_with_much();
    for (line, count) in long_replies() {
        let reply = node.send(&line);
        assert!(reply.len() > 400_000, "{line}: {}", reply.len());
        assert!(reply.starts_with(&format!("*{count}\r\n")), "{line}");
        let mut scanner = shared::resp::ReplyScanner::default();
        let end = scanner.scan(reply.as_bytes()).expect("a reply");
        assert_eq!(end, Some(reply.len()), "{line}");
    }
    let forth = node.send("ZRANGE zset 0 -1");
    let mut lines: Vec<&str> = forth.split("\r\n").skip(2).step_by(2).collect();
    lines.reverse();
    let back = node.send("ZREVRANGE zset 0 -1");
    let in_order: Vec<&str> = back.split("\r\n").skip(2).step_by(2).collect();
    assert_eq!(in_order, lines);
}

#[test]
fn a_long_reply_is_that_of_one_moment() {
    for (line, _) in long_replies() {
        let mut node = node_with_much();
        let words: Vec<&str> = line.split(' ').collect();
        let mut bytes = Vec::new();
        encode_request(&mut bytes, &words);
        let mut batch = RequestBatch::default();
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        scanner.scan(&mut bytes, &mut batch, 1).expect("a request");
        let args = batch.args(&bytes, &batch.requests()[0]);
        let mut turn = Turn {
            store: &mut node.store,
            node: &mut node.node,
            identity: &node.identity,
            session: &mut node.session,
            now_ms: node.now_ms,
        };
        let mut long = node.executor.begin(&mut turn, args);
        for _ in 0..10 {
            let over = node.executor.step(&mut turn, &mut long, args);
            assert_eq!(over, Ok(false), "{line}");
        }
        // It is evicted meanwhile; nobody else may touch it.
        let bytes = words[1].as_bytes();
        let hash = turn.store.hash(bytes);
        let key = crate::store::Key { bytes, hash };
        assert!(turn.store.remove(turn.session.db, key), "{line}");
        let reply = loop {
            match node.executor.go_on(&mut turn, long, args) {
                LongEnd::NotYet(rest) => long = rest,
                LongEnd::Over(reply) => break reply.into_pieces().concat(),
            }
        };
        if line.starts_with("MGET") {
            // Strings were looked up one after the other, each at its moment.
            assert!(reply.starts_with(b"*41\r\n$20000\r\n"));
        } else {
            assert_eq!(reply, b"*0\r\n", "{line}");
        }
    }
}

#[test]
fn a_long_value_is_written_and_read_at_one_moment() {
    let mut node = TestNode::new();
    for first in (0..100_000).step_by(1000) {
        let elements = (first..first + 1000).map(|number| format!("element:{number}"));
        let words = ["RPUSH", "from"].map(str::to_owned).into_iter();
        node.run(&words.chain(elements).collect::<Vec<_>>());
    }
    let mut turns = 0;
    let reply = with_others(&mut node, &["DUMP", "from"], |node| {
        turns += 1;
        for line in ["LLEN from", "GET to", "SET beside 1"] {
            assert!(!is_held(node, line), "{line}");
        }
        for line in ["RPUSH from x", "DEL from", "FLUSHALL"] {
            assert!(is_held(node, line), "{line}");
        }
    });
    assert!(turns > 0, "it is cut");
    let head = reply
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a head")
        + 1;
    let payload = &reply[head..reply.len() - 2];
    turns = 0;
    let restore: [&[u8]; 4] = [b"RESTORE", b"to", b"0", payload];
    let reply = with_others(&mut node, &restore, |node| {
        turns += 1;
        for line in ["LLEN from", "SET beside 1"] {
            assert!(!is_held(node, line), "{line}");
        }
        for line in ["EXISTS to", "SET to 1", "DBSIZE"] {
            assert!(is_held(node, line), "{line}");
        }
    });
    assert_eq!(reply, b"+OK\r\n");
    assert!(turns > 0, "it is cut");
    assert_eq!(node.send("LLEN to"), ":100000\r\n");
    // What goes by itself meanwhile is not there.
    node.send("PEXPIRE from 5");
    let reply = with_others(&mut node, &["DUMP", "from"], |node| node.advance_ms(10));
    assert_eq!(reply, b"$-1\r\n");
}
