//! A client's replies come in the order of its commands, each exactly once, however slow a shard is and however the bytes arrive.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;

use crate::support::dice::Dice;
use crate::support::fault::Relay;
use crate::support::servers::{Cluster, Server, start_node, start_proxy};
use crate::support::{Client, Reply, encode, redis_server};

/// Three nodes of which the second answers late, and a proxy over them.
struct SlowShard {
    _nodes: Vec<Server>,
    _relay: Relay,
    proxy: Server,
}

fn one_slow_shard_of_three(delay_ms: u64) -> SlowShard {
    let nodes: Vec<Server> = (0..3).map(|_| start_node(&[])).collect();
    let relay = Relay::start(nodes[1].address);
    let proxy = start_proxy(&[nodes[0].address, relay.address, nodes[2].address], &[]);
    relay.delay_replies(delay_ms);
    SlowShard {
        _nodes: nodes,
        _relay: relay,
        proxy,
    }
}

/// A command on keys that only this client uses, and the one reply it must get.
fn draw_command(dice: &mut Dice, client: usize, number: usize) -> (Vec<Vec<u8>>, Reply) {
    let words = |words: &[&str]| words.iter().map(|word| Vec::from(*word)).collect();
    let marker = format!("{client}-{number}");
    let key = |part: usize| format!("client:{client}:{part}");
    match dice.below(6) {
        // Answered by the proxy itself: the quickest of all must wait as well.
        0 => (words(&["ECHO", &marker]), Reply::bulk(marker)),
        1 => (words(&["PING", &marker]), Reply::bulk(marker)),
        2 => {
            let key = format!("{}:{number}", key(0));
            (words(&["SET", &key, &marker, "GET"]), Reply::NullBulk)
        }
        3 => {
            // Says which command it answers: the length that it makes.
            let length = i64::try_from(number + 1).expect("small");
            let key = format!("{}:{}", key(1), dice.below(5));
            (
                words(&["SETRANGE", &key, &number.to_string(), "x"]),
                Reply::Integer(length),
            )
        }
        4 => {
            let keys: Vec<String> = (0..4)
                .map(|part| format!("fixed:{client}:{part}"))
                .collect();
            let order = [dice.below(4), dice.below(4), dice.below(4), dice.below(4)];
            let mut command = words(&["MGET"]);
            command.extend(order.iter().map(|part| keys[*part].clone().into_bytes()));
            let values = order
                .iter()
                .map(|part| Reply::bulk(format!("value {part}")));
            (command, Reply::Array(values.collect()))
        }
        _ => {
            let part = dice.below(4);
            (
                words(&["GET", &format!("fixed:{client}:{part}")]),
                Reply::bulk(format!("value {part}")),
            )
        }
    }
}

fn run_client(mut client: Client, number: usize, seed: u64, commands: usize) {
    let mut dice = Dice::new(seed.wrapping_add(number as u64));
    for part in 0..4 {
        let set = format!("SET fixed:{number}:{part} value\u{20}{part}");
        let words: Vec<&str> = set.splitn(3, ' ').collect();
        assert_eq!(client.call(&words), Reply::ok());
    }
    let drawn: Vec<_> = (0..commands)
        .map(|index| draw_command(&mut dice, number, index))
        .collect();
    let mut sender = client.sender();
    thread::scope(|scope| {
        let commands = &drawn;
        scope.spawn(move || {
            for batch in commands.chunks(64) {
                let bytes: Vec<u8> = batch
                    .iter()
                    .flat_map(|(command, _)| encode(command))
                    .collect();
                sender.write_all(&bytes).expect("sent");
            }
        });
        for (index, (command, expected)) in drawn.iter().enumerate() {
            let reply = client.receive().expect("a reply for each command");
            assert_eq!(
                reply, *expected,
                "seed {seed}, client {number}, {index}: {command:?}"
            );
        }
    });
}

#[test]
fn replies_keep_the_order_of_commands_while_a_shard_is_slow() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let system = one_slow_shard_of_three(3);
    thread::scope(|scope| {
        for number in 0..8 {
            let client = system.proxy.connect();
            scope.spawn(move || run_client(client, number, seed, 3_000));
        }
    });
}

#[test]
fn commands_of_one_client_on_one_key_never_overtake_each_other() {
    let cluster = Cluster::start(3);
    thread::scope(|scope| {
        for number in 0..8 {
            let mut client = cluster.connect();
            scope.spawn(move || {
                let key = format!("counter:{number}");
                let commands: Vec<Vec<Vec<u8>>> = (0..5_000)
                    .map(|_| vec![b"INCR".to_vec(), key.clone().into_bytes()])
                    .collect();
                let replies = client.pipeline(&commands);
                let expected: Vec<Reply> = (1..=5_000).map(Reply::Integer).collect();
                assert!(replies == expected, "counter {number} went out of order");
            });
        }
    });
}

#[test]
fn requests_cut_at_every_byte_are_answered() {
    let node = start_node(&[]);
    let cluster = Cluster::start(1);
    let mut bytes = encode(&["SET", "cut", "a\r\nb$3\r\n"]);
    bytes.extend(b"PING\r\n");
    bytes.extend(encode(&["MGET", "cut", "other"]));
    let expected = [
        Reply::ok(),
        Reply::Simple(b"PONG".to_vec()),
        Reply::Array(vec![Reply::bulk("a\r\nb$3\r\n"), Reply::NullBulk]),
    ];
    for address in [node.address, cluster.proxy.address] {
        for cut in 1..bytes.len() {
            let mut client = Client::connect(address);
            client.send(&bytes[..cut]).expect("sent");
            client.send(&bytes[cut..]).expect("sent");
            for reply in &expected {
                assert_eq!(client.receive().expect("a reply"), *reply, "cut at {cut}");
            }
        }
        let mut client = Client::connect(address);
        for byte in &bytes {
            client.send(std::slice::from_ref(byte)).expect("sent");
        }
        for reply in &expected {
            assert_eq!(client.receive().expect("a reply"), *reply, "byte by byte");
        }
    }
}

#[test]
fn large_and_small_replies_keep_their_order() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let large = vec![b'L'; 1_000_000];
    for key in ["large:1", "large:2", "large:3"] {
        let set = [b"SET".to_vec(), key.into(), large.clone()];
        assert_eq!(client.call(&set), Reply::ok());
        assert_eq!(
            client.call(&["SET", &format!("small:{key}"), key]),
            Reply::ok()
        );
    }
    let mut commands = Vec::new();
    for round in 0..20 {
        let key = format!("large:{}", round % 3 + 1);
        commands.push(vec![b"GET".to_vec(), key.clone().into_bytes()]);
        commands.push(vec![b"GET".to_vec(), format!("small:{key}").into_bytes()]);
        commands.push(vec![b"ECHO".to_vec(), round.to_string().into_bytes()]);
    }
    let replies = client.pipeline(&commands);
    for (round, replies) in replies.chunks(3).enumerate() {
        assert!(replies[0] == Reply::Bulk(large.clone()), "round {round}");
        assert_eq!(replies[1], Reply::bulk(format!("large:{}", round % 3 + 1)));
        assert_eq!(replies[2], Reply::bulk(round.to_string()));
    }
}

#[test]
fn a_slow_shard_does_not_delay_the_clients_of_others() {
    let nodes: Vec<Server> = (0..2).map(|_| start_node(&[])).collect();
    let relay = Relay::start(nodes[1].address);
    let proxy = start_proxy(&[nodes[0].address, relay.address], &[]);
    let mut client = proxy.connect();
    let mut direct = nodes[0].connect();
    let find = |client: &mut Client, direct: &mut Client, on_first: bool| {
        (0..1000)
            .map(|number| format!("key:{number}"))
            .find(|key| {
                client.call(&["SET", key, "v"]);
                direct.call(&["EXISTS", key]) == Reply::Integer(i64::from(on_first))
            })
            .expect("two shards share the keys")
    };
    let quick = find(&mut client, &mut direct, true);
    let slow = find(&mut client, &mut direct, false);
    relay.hold();
    let mut waiting = proxy.connect();
    waiting.send(&encode(&["GET", &slow])).expect("sent");
    // Served while the other shard says nothing at all: that is the fact; how fast is a benchmark's business.
    for _ in 0..1_000 {
        assert_eq!(client.call(&["GET", &quick]), Reply::bulk("v"));
    }
    relay.release();
    let late = waiting.receive().expect("a reply");
    let is_answer = late == Reply::bulk("v") || late.error_text().is_some();
    assert!(is_answer, "{late:?}");
}

/// Sends all commands in one write, from a thread of its own, for replies may have to be read before all are taken; checks each reply.
fn check_in_one_write(address: SocketAddr, commands: &[(Vec<u8>, Reply)]) {
    let mut client = Client::connect(address);
    let mut sender = client.sender();
    let bytes: Vec<u8> = commands
        .iter()
        .flat_map(|(bytes, _)| bytes.clone())
        .collect();
    thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&bytes).expect("sent"));
        for (number, (_, expected)) in commands.iter().enumerate() {
            let reply = client.receive().expect("a reply for each command");
            assert_eq!(reply, *expected, "command {number}");
        }
    });
}

#[test]
fn what_may_be_a_whole_collection_comes_by_other_pipes_than_the_first_reads_of_others() {
    let cluster = Cluster::start_with(1, &[], &["--threads", "1"]);
    let mut warm = cluster.connect();
    warm.call_words("HSET h f v");
    warm.call_words("GET k");
    // What each connection of the node was asked last.
    let last = || {
        let mut asks = cluster.nodes[0].connect();
        let list = asks.call_words("CLIENT LIST").text();
        let names = list.lines().filter_map(|line| line.split(" cmd=").nth(1));
        names
            .filter_map(|name| name.split(' ').next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (reads, replies) in [("HGETALL h", 2), ("LRANGE none 0 -1", 0), ("HGETALL h", 2)] {
        let (mut much, mut little) = (cluster.connect(), cluster.connect());
        assert_eq!(much.call_words(reads).elements().len(), replies);
        assert!(little.call_words("GET k").is_null());
        // A client whose small reads are known reads much for the first time.
        let mut later = cluster.connect();
        later.call_words("GET k");
        later.call_words("EXISTS k");
        later.call_words(reads);
        let (asked, name) = (last(), reads.split(' ').next().expect("a name"));
        for name in [&name.to_lowercase(), "get", "exists"] {
            assert!(asked.iter().any(|asked| asked == name), "{name}: {asked:?}");
        }
        // Once it is known to be little, it comes by the pipe that is shared.
        warm.call_words(reads);
        warm.call_words(reads);
        assert_eq!(last().iter().filter(|asked| **asked == "exists").count(), 0);
    }
}

#[test]
fn a_pipeline_longer_than_a_turn_is_answered_in_order() {
    const COUNT: usize = 50_000;
    let node = start_node(&[]);
    let cluster = Cluster::start(1);
    let ping = |number: usize| {
        let number = number.to_string();
        (encode(&["PING", &number]), Reply::bulk(number))
    };
    let numbered: Vec<_> = (0..COUNT).map(ping).collect();
    // The shortest there is: as many in a read as can be.
    let bare = vec![(b"PING\r\n".to_vec(), Reply::Simple(b"PONG".to_vec())); COUNT];
    for address in [node.address, cluster.proxy.address] {
        check_in_one_write(address, &numbered);
        check_in_one_write(address, &bare);
    }
}

#[test]
fn requests_that_are_put_aside_go_on_without_new_bytes() {
    // Whichever bound stops a batch, what has been read of it waits, and nothing more will come from the client.
    for bound in [
        ["--client-requests-in-flight", "7"],
        ["--pipe-queue-requests", "16"],
        ["--pipe-queue-bytes", "64kb"],
    ] {
        let cluster = Cluster::start_with(2, &[], &bound);
        let value = "v".repeat(300);
        let commands: Vec<_> = (0..5_000_usize)
            .map(|number| {
                let key = format!("key:{}", number / 5);
                match number % 5 {
                    0 => (encode(&["SET", &key, &value]), Reply::ok()),
                    1 => (encode(&["GET", &key]), Reply::bulk(value.clone())),
                    2 => (encode(&["ECHO", &key]), Reply::bulk(key)),
                    // Of both shards, so that a part of one may have room where the other has none.
                    3 => {
                        let reply = Reply::Array(vec![Reply::bulk(value.clone()), Reply::NullBulk]);
                        (encode(&["MGET", &key, &format!("no-{key}")]), reply)
                    }
                    _ => (encode(&["DEL", &key, "nothing"]), Reply::Integer(1)),
                }
            })
            .collect();
        check_in_one_write(cluster.proxy.address, &commands);
    }
}

#[test]
fn a_request_that_asks_for_nothing_is_one_that_is_skipped() {
    let node = start_node(&[]);
    let redis = redis_server::start(&[]);
    let servers = [Some(&node), redis.as_ref()];
    for server in servers.into_iter().flatten() {
        for empty in ["*0\r\n", "\r\n", "*-1\r\n", "\n", "\r\n*0\r\n\r\n"] {
            let skip = "CLIENT REPLY SKIP\r\n";
            for (parts, heard) in [
                (vec![format!("{skip}{empty}ECHO 1\r\nECHO 2\r\n")], "12"),
                (
                    vec![skip.to_owned(), empty.to_owned(), "ECHO 1\r\n".to_owned()],
                    "1",
                ),
                (vec![skip.to_owned(), format!("{empty}ECHO 1\r\n")], "1"),
                (vec![format!("{skip}{empty}"), "ECHO 1\r\n".to_owned()], "1"),
                (vec![format!("{skip}ECHO 1\r\n{empty}ECHO 2\r\n")], "2"),
                (vec![format!("{empty}{skip}ECHO 1\r\nECHO 2\r\n")], "2"),
            ] {
                let mut client = server.connect();
                // Each part comes by itself: what is behind it comes when it has been taken in.
                let mut other = server.connect();
                for part in &parts {
                    client.send(part.as_bytes()).expect("sent");
                    for _ in 0..3 {
                        assert!(other.call(&["PING"]).error_text().is_none());
                    }
                }
                client.send(b"ECHO end\r\n").expect("sent");
                let mut said = String::new();
                loop {
                    match client.receive().expect("a reply").text() {
                        text if text == "end" => break,
                        text => said += &text,
                    }
                }
                assert_eq!(said, heard, "{parts:?}");
            }
        }
    }
}
