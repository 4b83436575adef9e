//! Whatever a client or a node sends: no crash, no growth beyond the bounds, and everybody else is served.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::idle::affordable_clients;
use crate::support::dice::Dice;
use crate::support::eventually::{Stopwatch, eventually, pause};
use crate::support::servers::{Cluster, Server, start_node, start_proxy};
use crate::support::{Client, Reply, encode};

/// What a server may grow by, whatever one client does: its hard output limit is far above, so that the soft one must do it.
const GROWTH: u64 = 256 * 1024 * 1024;

/// Runs `attack` against a node and a proxy; meanwhile and afterwards each serves others, and has not grown beyond the bounds.
/// (How soon others are served is what `cargo bench --bench end_to_end -- hostile` prints.)
fn survives(attack: impl Fn(SocketAddr)) {
    let mut node = start_node(&[]);
    check_survival(&mut node, &attack);
    let mut cluster = Cluster::start(1);
    check_survival(&mut cluster.proxy, &attack);
    assert!(cluster.nodes[0].is_alive());
}

fn check_survival(server: &mut Server, attack: &impl Fn(SocketAddr)) {
    let mut bystander = server.connect();
    assert_eq!(bystander.call_words("SET bystander v"), Reply::ok());
    let before = server.resident_bytes();
    let answers = answered_during(server.connect(), || attack(server.address));
    eprintln!("others had {answers} answers meanwhile");
    assert!(server.is_alive(), "crashed: {}", server.output());
    assert_eq!(bystander.call_words("GET bystander"), Reply::bulk("v"));
    assert_eq!(
        server.connect().call_words("PING"),
        Reply::Simple(b"PONG".to_vec())
    );
    let growth = server.resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH, "grew by {growth} bytes");
}

/// Ends what others do also when the attack fails, or the failure would look like a hang.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks PING and GET by turns while `attack` runs: each is answered rightly, within the client's deadline. Gives their number, at least one of each.
fn answered_during(mut bystander: Client, attack: impl FnOnce()) -> u64 {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut answers = 0;
            loop {
                let pong = bystander.call_words("PING");
                assert_eq!(pong, Reply::Simple(b"PONG".to_vec()));
                assert_eq!(bystander.call_words("GET bystander"), Reply::bulk("v"));
                answers += 2;
                if is_over.load(Ordering::Relaxed) {
                    return answers;
                }
            }
        });
        let ends = Ends(&is_over);
        attack();
        drop(ends);
        serving.join().expect("others were served")
    })
}

/// Sends what the server may refuse to read to its end, and reads what it says.
fn throw(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut client = Client::connect(address);
    drop(client.send(bytes));
    client.set_read_deadline(Duration::from_secs(5));
    client.receive().ok()
}

#[test]
fn huge_and_negative_lengths_are_refused_in_the_words_of_redis() {
    survives(|address| {
        let check = |bytes: &[u8], expected: &str| {
            let reply = throw(address, bytes).expect("an answer");
            assert_eq!(reply.error_text().expect("an error"), expected);
        };
        check(
            b"*2147483648\r\n",
            "ERR Protocol error: invalid multibulk length",
        );
        check(
            b"*9223372036854775807\r\n",
            "ERR Protocol error: invalid multibulk length",
        );
        check(
            b"*1\r\n$536870913\r\n",
            "ERR Protocol error: invalid bulk length",
        );
        check(b"*1\r\n$-1\r\n", "ERR Protocol error: invalid bulk length");
        check(
            b"*1\r\n$-9223372036854775808\r\n",
            "ERR Protocol error: invalid bulk length",
        );
        check(
            b"*1\r\nPING\r\n",
            "ERR Protocol error: expected '$', got 'P'",
        );
        check(
            &vec![b'a'; 70_000],
            "ERR Protocol error: too big inline request",
        );
        check(
            &[b"*".as_slice(), &vec![b'1'; 70_000]].concat(),
            "ERR Protocol error: too big mbulk count string",
        );
        check(
            &[b"*1\r\n$".as_slice(), &vec![b'1'; 70_000]].concat(),
            "ERR Protocol error: too big bulk count string",
        );
    });
}

#[test]
fn announced_but_never_sent_bytes_take_no_memory() {
    survives(|address| {
        // Together they announce 100 GB.
        let clients: Vec<Client> = (0..200)
            .map(|_| {
                let mut client = Client::connect(address);
                client
                    .send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly this")
                    .expect("sent");
                client
            })
            .collect();
        let many_arguments: Vec<Client> = (0..50)
            .map(|_| {
                let mut client = Client::connect(address);
                client.send(b"*1048576\r\n$4\r\nMGET\r\n").expect("sent");
                client
            })
            .collect();
        // The server has read them when it has answered somebody who came later.
        for _ in 0..20 {
            assert_eq!(
                Client::connect(address).call_words("PING"),
                Reply::Simple(b"PONG".to_vec())
            );
        }
        drop((clients, many_arguments));
    });
}

#[test]
fn half_frames_byte_by_byte_are_waited_for() {
    survives(|address| {
        let frame = encode(&["SET", "half", "frame"]);
        let mut halves: Vec<Client> = (1..frame.len())
            .map(|cut| {
                let mut client = Client::connect(address);
                for byte in &frame[..cut] {
                    client.send(std::slice::from_ref(byte)).expect("sent");
                }
                client
            })
            .collect();
        assert_eq!(
            Client::connect(address).call_words("PING"),
            Reply::Simple(b"PONG".to_vec())
        );
        for (client, cut) in halves.iter_mut().zip(1..) {
            client.send(&frame[cut..]).expect("sent");
            assert_eq!(
                client.receive().expect("a reply"),
                Reply::ok(),
                "cut at {cut}"
            );
        }
    });
}

#[test]
fn a_million_arguments_are_one_command() {
    survives(|address| {
        let mut client = Client::connect(address);
        const COUNT: usize = 1_048_575;
        let mut bytes = format!("*{}\r\n$6\r\nEXISTS\r\n", COUNT + 1).into_bytes();
        for number in 0..COUNT {
            let key = (number % 100_000).to_string();
            bytes.extend_from_slice(format!("${}\r\n{key}\r\n", key.len()).as_bytes());
        }
        client.send(&bytes).expect("sent");
        assert_eq!(client.receive().expect("a reply"), Reply::Integer(0));
        // More than Redis takes.
        let mut too_many = Client::connect(address);
        too_many.send(b"*2147483648\r\n").expect("sent");
        assert!(too_many.receive().expect("a reply").error_text().is_some());
    });
}

#[test]
fn a_million_names_are_refused_or_looked_through() {
    const TOO_MANY: &str = "ERR too many names in one request, ask for fewer at a time";
    survives(|address| {
        for (words, argument, expected) in [
            ("CONFIG GET", "*a*b*c*d*", TOO_MANY),
            ("COMMAND INFO", "get", TOO_MANY),
            ("COMMAND DOCS", "client", TOO_MANY),
            ("LATENCY HISTOGRAM", "get", TOO_MANY),
            ("COMMAND GETKEYS MGET", "key", TOO_MANY),
            (
                "BITOP OR destination",
                "source",
                "ERR too many arguments for one 'bitop' command, give some of them to another",
            ),
            (
                "PING",
                "x",
                "ERR wrong number of arguments for 'ping' command",
            ),
            ("CLIENT KILL ID 7 ID", "7", "ERR syntax error"),
        ] {
            let mut client = Client::connect(address);
            let mut bytes = encode(&words.split(' ').collect::<Vec<_>>());
            let own = words.split(' ').count();
            let rest = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .expect("a head")
                + 1;
            bytes.splice(..rest, format!("*{}\r\n", own + 1_000_000).into_bytes());
            bytes.extend(
                format!("${}\r\n{argument}\r\n", argument.len())
                    .repeat(1_000_000)
                    .bytes(),
            );
            client.send(&bytes).expect("sent");
            let reply = client.receive().expect("a reply");
            assert_eq!(reply.error_text().as_deref(), Some(expected), "{words}");
        }
    });
}

#[test]
fn binary_rubbish_is_answered_or_cut() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    survives(|address| {
        let mut dice = Dice::new(seed);
        for round in 0..300 {
            let mut client = Client::connect(address);
            let length = 1 + dice.below(3_000);
            let mut bytes = dice.bytes(length);
            if round % 3 == 0 {
                // Rubbish that begins like a command.
                bytes.splice(0..0, b"*3\r\n$3\r\nSET\r\n$5\r\n".iter().copied());
            }
            // The server may close before it has read everything.
            drop(client.send(&bytes));
        }
    });
}

#[test]
fn http_and_tls_hellos_are_turned_away() {
    survives(|address| {
        for hello in [
            &b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\n\r\n"[..],
            b"POST /?q=FLUSHALL HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nFLUSHALL\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let mut client = Client::connect(address);
            client.send(hello).expect("sent");
            // Redis closes on `POST` and `Host:`, so that a web page cannot speak to it; nothing after them is executed.
            if !hello.starts_with(b"PRI") {
                assert!(client.is_closed_by_server());
            }
        }
        let mut tls = Client::connect(address);
        tls.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello without a line end")
            .expect("sent");
        assert_eq!(
            Client::connect(address).call_words("GET bystander"),
            Reply::bulk("v")
        );
    });
}

/// 200,000 replies of 10 KB, none of them read.
#[test]
fn a_client_that_never_reads_is_stopped_from_being_read() {
    survives(|address| {
        let mut setter = Client::connect(address);
        let value = "v".repeat(10_000);
        assert_eq!(setter.call(&["SET", "large", &value]), Reply::ok());
        let lazy = TcpStream::connect(address).expect("connected");
        lazy.set_write_timeout(Some(Duration::from_millis(300)))
            .expect("a deadline");
        let request = encode(&["GET", "large"]);
        let batch: Vec<u8> = request.repeat(1_000);
        let mut taken = 0;
        for _ in 0..200 {
            // Once the server has stopped reading, the kernel's buffers fill and nothing more goes through.
            match (&lazy).write(&batch) {
                Ok(bytes) => taken += bytes / request.len(),
                Err(_) => break,
            }
            let answer = setter.call_words("STRLEN large");
            assert_eq!(answer, Reply::Integer(10_000), "others are served");
        }
        eprintln!("{taken} of 200000 requests were taken from the lazy client");
        // Two gigabytes of replies would show in the resident memory, which the caller checks while it is still connected.
        let mut others: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
        for other in &mut others {
            assert_eq!(other.call_words("STRLEN large"), Reply::Integer(10_000));
        }
        // Keeps the connection open until the caller has measured: leaked on purpose, it ends with the process.
        std::mem::forget(lazy);
    });
}

#[test]
fn a_lazy_client_gets_every_reply_when_it_reads_at_last() {
    survives(|address| {
        let mut setter = Client::connect(address);
        setter.call(&["SET", "large", &"v".repeat(10_000)]);
        let mut lazy = Client::connect(address);
        let mut sender = lazy.sender();
        const COUNT: usize = 5_000;
        thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..COUNT {
                    let mut bytes = encode(&["GET", "large"]);
                    bytes.extend(encode(&["ECHO", &number.to_string()]));
                    sender.write_all(&bytes).expect("taken in the end");
                }
            });
            pause(Duration::from_millis(500));
            for number in 0..COUNT {
                assert_eq!(lazy.receive().expect("a reply").text().len(), 10_000);
                assert_eq!(
                    lazy.receive().expect("a reply"),
                    Reply::bulk(number.to_string())
                );
            }
        });
    });
}

#[test]
fn ten_thousand_connections_come_and_go() {
    let count = affordable_clients(9_900);
    survives(|address| {
        for _ in 0..2 {
            let mut clients: Vec<TcpStream> = Vec::new();
            for number in 0..count {
                let mut client = TcpStream::connect(address).expect("connected");
                if number % 2 == 0 {
                    client.write_all(b"*1\r\n$4\r\nPI").expect("sent");
                }
                clients.push(client);
            }
        }
        eventually("the places are free again", || {
            Client::try_connect(address)
                .and_then(|mut client| client.try_call(&["PING"]))
                .is_ok_and(|reply| reply == Reply::Simple(b"PONG".to_vec()))
        });
    });
}

/// What a few bytes can ask for: more than a hundred kilobytes each, 7,000 times.
const SHORT_REQUESTS: [&str; 3] = ["COMMAND\r\n", "COMMAND DOCS\r\n", "INFO\r\n"];

/// What such a client may make a server grow by: the soft limit of its output, a long reply, and buffers on the way.
const GROWTH_FOR_LONG_REPLIES: u64 = 64 * 1024 * 1024;

/// With turns that only end when all requests of a read are carried out, a proxy would make a gigabyte of replies before anybody else is served.
#[test]
fn long_replies_to_short_requests_are_made_as_they_are_taken() {
    let check = |server: &Server| {
        let mut setter = server.connect();
        assert_eq!(setter.call_words("SET bystander v"), Reply::ok());
        for words in SHORT_REQUESTS {
            let before = server.resident_bytes();
            let mut most = before;
            let greedy = server.connect();
            let mut sender = greedy.sender();
            let mut others = server.connect();
            thread::scope(|scope| {
                // None of its replies is read: when it has sent all, or the server takes no more, everything that will be made has been asked for.
                sender
                    .set_write_timeout(Some(Duration::from_millis(500)))
                    .expect("a deadline");
                let sending =
                    scope.spawn(move || drop(sender.write_all(words.repeat(7_000).as_bytes())));
                let mut rounds = 0;
                while rounds < 200 || !sending.is_finished() {
                    assert_eq!(others.call_words("GET bystander"), Reply::bulk("v"));
                    most = most.max(server.resident_bytes());
                    rounds += 1;
                }
            });
            let growth = most - before;
            eprintln!("{}: grew by {} KiB", words.trim_end(), growth / 1024);
            assert!(growth < GROWTH_FOR_LONG_REPLIES, "{words}: {growth}");
            drop(greedy);
        }
    };
    check(&start_node(&[]));
    check(&Cluster::start(2).proxy);
}

#[test]
fn work_of_one_client_does_not_starve_the_others() {
    survives(|address| {
        let mut greedy = Client::connect(address);
        let batch: Vec<u8> = (0..200_000)
            .flat_map(|_| encode(&["INCR", "greedy"]))
            .collect();
        let mut sender = greedy.sender();
        thread::scope(|scope| {
            scope.spawn(move || sender.write_all(&batch).expect("sent"));
            let first = greedy.receive().expect("a reply");
            assert_eq!(first, Reply::Integer(1));
            // Its other commands are under way; a newcomer is answered before they are done.
            let mut modest = Client::connect(address);
            for _ in 0..10 {
                assert_eq!(modest.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
            }
            for value in 2..=200_000 {
                assert_eq!(greedy.receive().expect("a reply"), Reply::Integer(value));
            }
        });
    });
}

/// A node that answers whatever is asked with `reply`, over and over.
fn rogue_node(reply: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let reply = reply.clone();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while socket.read(&mut buffer).is_ok_and(|length| length > 0) {
                    if socket.write_all(&reply).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_rogue_node_hurts_only_its_own_keys() {
    let nested = |depth: usize, open: &str| open.repeat(depth).into_bytes();
    let replies = [
        nested(100_000, "*1\r\n"),
        nested(1_000_000, "%1\r\n"),
        b"*2147483647\r\n".to_vec(),
        b"*-9223372036854775808\r\n".to_vec(),
        b"$99999999999\r\nfew".to_vec(),
        b"$-7\r\n".to_vec(),
        b"\x00\xff\xfe rubbish\r\n".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        // Answers that nobody asked for.
        b"+OK\r\n".repeat(10_000),
        vec![b'+'; 1_000_000],
    ];
    for reply in replies {
        let shown = reply.get(..20).unwrap_or(&reply).escape_ascii().to_string();
        let good = start_node(&[]);
        let rogue = rogue_node(reply);
        let mut proxy = start_proxy(
            &[good.address, rogue],
            &["--node-deadline", "200ms", "--request-deadline", "1s"],
        );
        let before = proxy.resident_bytes();
        let mut client = proxy.connect();
        let mut direct = good.connect();
        let watch = Stopwatch::start();
        let mut served = 0;
        for number in 0..6 {
            let key = format!("key:{number}");
            let reply = client.try_call(&["SET", &key, "v"]);
            if direct.call(&["EXISTS", &key]) == Reply::Integer(1) {
                assert_eq!(reply.expect("a reply"), Reply::ok(), "{shown}: {key}");
                served += 1;
            } else {
                // Nonsense must not reach the client as if it were its answer, unless it could not be told apart.
                let reply = reply.unwrap_or_else(|error| panic!("{shown}: {error}"));
                let is_plain = matches!(reply, Reply::Simple(_));
                assert!(
                    is_plain || reply.error_text().is_some(),
                    "{shown}: {reply:?}"
                );
            }
        }
        assert!(served > 0, "both shards have keys among six");
        assert!(proxy.is_alive(), "{shown}: {}", proxy.output());
        let growth = proxy.resident_bytes().saturating_sub(before);
        assert!(growth < GROWTH, "{shown}: grew by {growth}");
        assert!(
            watch.elapsed() < Duration::from_secs(30),
            "{shown}: {:?}",
            watch.elapsed()
        );
    }
}
