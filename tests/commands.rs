//! The everyday commands through the `redis` crate's client and through raw sockets: on a node, and through a proxy over one and three shards.
//! Breadth is the business of `compatibility`; here a person can read what a client does on an ordinary day.

use std::collections::HashSet;
use std::net::SocketAddr;

use redis::{Commands, ConnectionLike};

use crate::support::servers::{Cluster, start_node};
use crate::support::{Client, Reply};

/// Runs `check` on a fresh node and through fresh proxies over one and three shards.
fn on_every_kind(check: impl Fn(SocketAddr)) {
    let node = start_node(&[]);
    check(node.address);
    for shards in [1, 3] {
        let cluster = Cluster::start(shards);
        check(cluster.proxy.address);
    }
}

fn library_client(address: SocketAddr, protocol: &str) -> redis::Connection {
    redis::Client::open(format!("redis://{address}/?protocol={protocol}"))
        .expect("a valid address")
        .get_connection()
        .expect("the library connects")
}

#[test]
fn the_redis_library_works_in_both_protocols() {
    on_every_kind(|address| {
        for protocol in ["resp2", "resp3"] {
            let mut client = library_client(address, protocol);
            let _: () = client.set("greeting", "hello").expect("SET");
            assert_eq!(client.get("greeting"), Ok("hello".to_owned()));
            assert_eq!(client.get("nothing"), Ok(None::<String>));
            assert_eq!(client.incr("visits", 5), Ok(5));
            let _: () = client
                .mset(&[("one", 1), ("two", 2), ("three", 3)])
                .expect("MSET");
            assert_eq!(
                client.mget(&["three", "nothing", "one"]),
                Ok((Some(3), None::<i64>, Some(1)))
            );
            assert_eq!(client.expire("one", 100), Ok(true));
            let ttl: i64 = client.ttl("one").expect("TTL");
            assert!((90..=100).contains(&ttl), "{ttl}");
            assert_eq!(client.exists(&["one", "two", "nothing"]), Ok(2));
            assert_eq!(
                client.del(&["one", "two", "three", "visits", "greeting"]),
                Ok(5)
            );
            assert!(client.check_connection());
        }
    });
}

#[test]
fn a_pipeline_of_the_library_gets_its_replies_in_order() {
    on_every_kind(|address| {
        let mut client = library_client(address, "resp2");
        let mut pipeline = redis::pipe();
        for number in 0..500 {
            pipeline.set(format!("key:{number}"), number).ignore();
            pipeline.get(format!("key:{number}"));
        }
        let values: Vec<i64> = pipeline.query(&mut client).expect("pipeline");
        assert_eq!(values, (0..500).collect::<Vec<i64>>());
    });
}

#[test]
fn a_scan_of_the_library_finds_every_key() {
    on_every_kind(|address| {
        let mut client = library_client(address, "resp3");
        for number in 0..1000 {
            let _: () = client.set(format!("scan:{number}"), number).expect("SET");
        }
        let found: HashSet<String> = client
            .scan_match("scan:*")
            .expect("SCAN")
            .map(|key| key.expect("a key"))
            .collect();
        assert_eq!(found.len(), 1000);
    });
}

#[test]
fn what_clients_say_on_connecting_is_understood() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        let hello = client.call_words("HELLO 3");
        let names: Vec<String> = hello
            .elements()
            .iter()
            .step_by(2)
            .map(Reply::text)
            .collect();
        for name in [
            "server", "version", "proto", "id", "mode", "role", "modules",
        ] {
            assert!(names.contains(&name.to_owned()), "{name} in {hello:?}");
        }
        let is_ok = |reply: Reply| assert_eq!(reply, Reply::ok());
        is_ok(client.call_words("CLIENT SETNAME worker-1"));
        is_ok(client.call_words("CLIENT SETINFO LIB-NAME a-library"));
        is_ok(client.call_words("CLIENT SETINFO LIB-VER 1.2.3"));
        is_ok(client.call_words("SELECT 1"));
        is_ok(client.call_words("SELECT 0"));
        // Newer clients try it: a proxy tells them before their connection goes, and after a node's error they go on.
        let told = client.call_words("CLIENT MAINT_NOTIFICATIONS ON");
        assert!(
            told == Reply::ok() || told.error_text().is_some(),
            "{told:?}"
        );
        let info = client.call_words("INFO").text();
        assert!(info.contains("\nloading:0\r\n"), "{info}");
        assert!(info.contains("\nredis_version:7."), "{info}");
        assert!(client.call_words("COMMAND COUNT").integer() > 60);
        assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    });
}

#[test]
fn inline_commands_work() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        client
            .send(b"SET inline \"two words\"\r\nGET inline\r\nPING\n")
            .expect("sent");
        assert_eq!(client.receive().expect("SET"), Reply::ok());
        assert_eq!(client.receive().expect("GET"), Reply::bulk("two words"));
        assert_eq!(
            client.receive().expect("PING"),
            Reply::Simple(b"PONG".to_vec())
        );
    });
}

#[test]
fn values_of_every_size_come_back_as_they_went() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        for length in [
            0, 1, 44, 45, 255, 256, 4095, 4096, 16_384, 65_536, 1_000_000, 20_000_000,
        ] {
            let value: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let set = [b"SET".to_vec(), b"sized".to_vec(), value.clone()];
            assert_eq!(client.call(&set), Reply::ok());
            assert_eq!(
                client.call_words("STRLEN sized"),
                Reply::Integer(i64::try_from(length).expect("small"))
            );
            assert!(
                client.call_words("GET sized") == Reply::Bulk(value.clone()),
                "{length} bytes"
            );
            // Edited where it lies, and read in the same write as it is replaced.
            let longer = Reply::Integer(i64::try_from(length + 1).expect("small"));
            assert_eq!(client.call_words("APPEND sized x"), longer);
            assert_eq!(
                client.call_words("GETRANGE sized -1 -1"),
                Reply::Bulk(b"x".to_vec())
            );
            let replies =
                client.pipeline(&[set.to_vec(), [b"GET".to_vec(), b"sized".to_vec()].to_vec()]);
            assert!(
                replies == [Reply::ok(), Reply::Bulk(value)],
                "{length} bytes in a pipeline"
            );
        }
    });
}

/// Sends commands one by one and compares the replies, integers and bulks as text.
fn expect(client: &mut Client, script: &[(&str, &str)]) {
    for (line, expected) in script {
        let reply = client.call_words(line);
        let text = match &reply {
            Reply::Array(elements) => {
                let texts: Vec<String> = elements.iter().map(Reply::text).collect();
                texts.join(" ")
            }
            Reply::Error(_) => reply.error_text().unwrap_or_default(),
            Reply::Integer(number) => number.to_string(),
            other => other.text(),
        };
        assert_eq!(text, *expected, "{line}");
    }
}

#[test]
fn sketches_count_what_they_have_seen() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        let mut add: Vec<String> = ["PFADD", "{s}:many"].map(str::to_owned).into();
        add.extend((0..5_000).map(|number| format!("visitor:{number}")));
        assert_eq!(client.call(&add), Reply::Integer(1));
        expect(
            &mut client,
            &[
                ("PFADD {s}:few a b c", "1"),
                ("PFADD {s}:few a", "0"),
                ("PFCOUNT {s}:few", "3"),
                ("PFCOUNT {s}:many", "5016"),
                ("PFMERGE {s}:all {s}:few {s}:many", "OK"),
                ("PFCOUNT {s}:all", "5018"),
                ("PFCOUNT {s}:few {s}:many", "5018"),
                ("PFDEBUG ENCODING {s}:all", "dense"),
                ("PFSELFTEST", "OK"),
            ],
        );
    });
}

#[test]
fn places_are_found_and_stored() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        expect(
            &mut client,
            &[
                (
                    "GEOADD {g}:it 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
                    "2",
                ),
                ("GEODIST {g}:it Palermo Catania km", "166.2742"),
                ("GEOHASH {g}:it Palermo", "sqc8b49rny0"),
                (
                    "GEOSEARCH {g}:it FROMLONLAT 15 37 BYRADIUS 200 km ASC",
                    "Catania Palermo",
                ),
                (
                    "GEOSEARCHSTORE {g}:near {g}:it FROMLONLAT 15 37 BYBOX 150 150 km",
                    "1",
                ),
                (
                    "GEORADIUSBYMEMBER {g}:it Palermo 200 km STOREDIST {g}:far",
                    "2",
                ),
                ("ZRANGE {g}:far 0 -1", "Palermo Catania"),
                ("ZRANGE {g}:near 0 -1", "Catania"),
            ],
        );
    });
}

#[test]
fn elements_are_sorted() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        let mut push: Vec<String> = ["RPUSH", "{o}:many"].map(str::to_owned).into();
        push.extend((0..3_000).rev().map(|number| number.to_string()));
        assert_eq!(client.call(&push), Reply::Integer(3_000));
        expect(
            &mut client,
            &[
                ("SORT {o}:many LIMIT 0 3", "0 1 2"),
                ("SORT_RO {o}:many ALPHA DESC LIMIT 0 2", "999 998"),
                ("SORT {o}:many DESC STORE {o}:sorted", "3000"),
                ("LINDEX {o}:sorted 0", "2999"),
                ("MSET {o}:w:1 3 {o}:w:2 2 {o}:w:3 1", "OK"),
                ("SADD {o}:few 1 2 3", "3"),
                ("SORT {o}:few BY {o}:w:* GET # GET {o}:w:*", "3 1 2 2 1 3"),
            ],
        );
    });
}

#[test]
fn a_lock_is_given_back_by_whom_it_belongs_to() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        expect(
            &mut client,
            &[
                ("SET lock mine NX PX 100000", "OK"),
                ("DELIFEQ lock yours", "0"),
                ("SET lock mine IFEQ mine PX 200000", "OK"),
                ("DELIFEQ lock mine", "1"),
                ("EXISTS lock", "0"),
            ],
        );
    });
}

#[test]
fn a_stream_is_written_by_one_and_shared_by_a_group() {
    on_every_kind(|address| {
        let mut writer = Client::connect(address);
        let created = writer.call_words("XGROUP CREATE {jobs}1 workers $ MKSTREAM");
        assert_eq!(created, Reply::ok());
        let ids: Vec<String> = (0..250)
            .map(|number| {
                writer
                    .call_words(&format!("XADD {{jobs}}1 * job {number}"))
                    .text()
            })
            .collect();
        assert_eq!(writer.call_words("XLEN {jobs}1"), Reply::Integer(250));
        let mut worker = Client::connect(address);
        let read = "XREADGROUP GROUP workers one COUNT 100 STREAMS {jobs}1 >";
        let batch = worker.call_words(read);
        let entries = batch.elements()[0].elements()[1].elements();
        assert_eq!(entries.len(), 100);
        assert_eq!(entries[99].elements()[0].text(), ids[99]);
        let done = format!("XACK {{jobs}}1 workers {}", ids[..40].join(" "));
        assert_eq!(worker.call_words(&done), Reply::Integer(40));
        let mut other = Client::connect(address);
        let claimed = other.call_words("XAUTOCLAIM {jobs}1 workers two 0 0 COUNT 50 JUSTID");
        assert_eq!(claimed.elements()[0].text(), ids[90]);
        assert_eq!(claimed.elements()[1].elements().len(), 50);
        let pending = other.call_words("XPENDING {jobs}1 workers");
        assert_eq!(pending.elements()[0], Reply::Integer(60));
        // Two streams of one hash tag, read together.
        other.call_words("XADD {jobs}2 5-1 job last");
        let both = other.call_words("XREAD COUNT 1 STREAMS {jobs}1 {jobs}2 0 0");
        assert_eq!(both.elements().len(), 2);
        let help = other.call_words("XINFO HELP");
        assert!(help.elements().len() > 3, "{help:?}");
    });
}

#[test]
fn unknown_commands_get_an_error_and_the_connection_lives() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        assert_eq!(
            client
                .call_words("NOSUCHCOMMAND a b")
                .error_text()
                .expect("an error"),
            "ERR unknown command 'NOSUCHCOMMAND', with args beginning with: 'a' 'b' "
        );
        assert_eq!(
            client.call_words("GET").error_text().expect("an error"),
            "ERR wrong number of arguments for 'get' command"
        );
        assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    });
}

#[test]
fn a_password_is_asked_for() {
    let node = start_node(&["--requirepass", "open sesame"]);
    let mut client = node.connect();
    let refused = client.call_words("GET k").error_text().expect("refused");
    assert_eq!(refused, "NOAUTH Authentication required.");
    let wrong = client
        .call(&["AUTH", "guess"])
        .error_text()
        .expect("refused");
    assert!(wrong.starts_with("WRONGPASS "), "{wrong}");
    assert_eq!(client.call(&["AUTH", "open sesame"]), Reply::ok());
    assert!(client.call_words("GET k").is_null());
    let mut third = node.connect();
    let hello = third.call(&["HELLO", "3", "AUTH", "default", "open sesame"]);
    assert!(matches!(hello, Reply::Map(_)), "{hello:?}");
}

#[test]
fn whatever_answers_a_command_its_reply_is_heard_or_not() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        // Answered here, by one shard, by every shard, by any shard, by the threads.
        for unheard in [
            "PING",
            "GET none",
            "DBSIZE",
            "INFO",
            "CONFIG GET maxmemory",
            "SLOWLOG GET",
            "SLOWLOG LEN",
            "LATENCY LATEST",
            "MEMORY DOCTOR",
            "LOLWUT",
            "CLIENT LIST",
            "CLIENT REPLY SKIP",
            "CLIENT REPLY zork",
            "ZORK",
        ] {
            let mut lines = format!("CLIENT REPLY SKIP\r\n{unheard}\r\n");
            if unheard == "CLIENT REPLY SKIP" {
                lines.push_str("GET none\r\n");
            }
            lines.push_str("ECHO heard\r\n");
            client.send(lines.as_bytes()).expect("sent");
            assert_eq!(
                client.receive().expect("a reply"),
                Reply::bulk("heard"),
                "{unheard}"
            );
        }
        client
            .send(b"CLIENT REPLY OFF\r\nINFO\r\nPING\r\nCLIENT REPLY ON\r\nECHO heard\r\n")
            .expect("sent");
        assert_eq!(
            client.receive().expect("a reply"),
            Reply::Simple(b"OK".to_vec())
        );
        assert_eq!(client.receive().expect("a reply"), Reply::bulk("heard"));
    });
}

#[test]
fn what_is_dumped_is_restored_under_another_name() {
    on_every_kind(|address| {
        let mut client = Client::connect(address);
        client.call_words("RPUSH list a 12 c");
        client.call_words("ZADD scores 1.5 a -inf b");
        client.call_words("SET text hello");
        for (key, read, expected) in [
            ("list", "LRANGE copy 0 -1", vec!["a", "12", "c"]),
            ("scores", "ZRANGE copy 0 -1", vec!["b", "a"]),
            ("text", "MGET copy", vec!["hello"]),
        ] {
            let Reply::Bulk(payload) = client.call(&["DUMP", key]) else {
                panic!("no payload of {key}");
            };
            let words: [&[u8]; 5] = [b"RESTORE", b"copy", b"100000", &payload, b"REPLACE"];
            assert_eq!(client.call(&words), Reply::ok());
            let busy = client.call(&words[..4]).error_text().expect("it is there");
            assert_eq!(busy, "BUSYKEY Target key name already exists.");
            let elements: Vec<Reply> = expected.iter().map(Reply::bulk).collect();
            assert_eq!(client.call_words(read), Reply::Array(elements));
            let ttl = client.call_words("TTL copy").integer();
            assert!((50..=100).contains(&ttl), "{ttl}");
        }
        assert!(client.call_words("DUMP none").is_null());
        let broken = client
            .call_words("RESTORE copy 0 zork REPLACE")
            .error_text();
        let expected = "ERR DUMP payload version or checksum are wrong";
        assert_eq!(broken.as_deref(), Some(expected));
    });
}
