//! MULTI … EXEC at a node and through a proxy: one reply, all or nothing, nobody else's commands between.

use std::thread;

use crate::support::servers::Cluster;
use crate::support::{Client, Reply, encode};

fn queued(client: &mut Client, lines: &[&str]) {
    assert_eq!(client.call_words("MULTI"), Reply::ok());
    for line in lines {
        let reply = client.call_words(line);
        assert_eq!(reply, Reply::Simple(b"QUEUED".to_vec()), "{line}");
    }
}

#[test]
fn through_a_proxy_a_transaction_is_one_request_to_the_shard_of_its_keys() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    for tag in 0..50 {
        let lines = [
            format!("SET {{{tag}}}a 1"),
            format!("INCR {{{tag}}}a"),
            format!("MGET {{{tag}}}a {{{tag}}}b"),
            "PING".to_owned(),
        ];
        queued(&mut client, &lines.each_ref().map(String::as_str));
        let reply = client.call_words("EXEC");
        let values = Reply::Array(vec![Reply::bulk("2"), Reply::NullBulk]);
        let pong = Reply::Simple(b"PONG".to_vec());
        assert_eq!(
            reply,
            Reply::Array(vec![Reply::ok(), Reply::Integer(2), values, pong])
        );
    }
    // Another shard's key ends it before anything has run, and is named.
    queued(&mut client, &["SET {x}1 v"]);
    let error = client.call_words("SET {y}1 v").text();
    assert!(
        error.starts_with("CROSSSLOT ") && error.contains("{x}1") && error.contains("{y}1"),
        "{error}"
    );
    let aborted = "EXECABORT Transaction discarded because of previous errors.";
    assert_eq!(client.call_words("EXEC").text(), aborted);
    assert_eq!(client.call_words("GET {x}1"), Reply::NullBulk);
    for line in [
        "DBSIZE",
        "CLIENT ID",
        "SELECT 1",
        "SUBSCRIBE c",
        "NODE STATUS",
    ] {
        queued(&mut client, &[]);
        let reply = client.call_words(line);
        assert!(matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
        assert_eq!(client.call_words("EXEC").text(), aborted, "{line}");
    }
    assert_eq!(client.call_words("EXEC").text(), "ERR EXEC without MULTI");
}

#[test]
fn many_transactions_in_one_write_are_answered_in_order() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    let mut bytes = Vec::new();
    for number in 0..2_000 {
        let key = format!("k{}", number % 97);
        let number = number.to_string();
        for words in [
            &["MULTI"][..],
            &["SET", &key, &number],
            &["GET", &key],
            &["EXEC"],
            &["GET", &key],
        ] {
            bytes.extend(encode(words));
        }
    }
    client.send(&bytes).unwrap();
    for number in 0..2_000 {
        let value = Reply::bulk(number.to_string());
        assert_eq!(client.receive().unwrap(), Reply::ok());
        for _ in 0..2 {
            assert_eq!(client.receive().unwrap(), Reply::Simple(b"QUEUED".to_vec()));
        }
        assert_eq!(
            client.receive().unwrap(),
            Reply::Array(vec![Reply::ok(), value.clone()])
        );
        assert_eq!(client.receive().unwrap(), value);
    }
}

#[test]
fn nobody_sees_half_of_a_transaction() {
    let cluster = Cluster::start(2);
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let mut client = cluster.connect();
            thread::spawn(move || {
                for round in 0..500 {
                    let value = format!("{writer}:{round}");
                    let lines: Vec<String> = (0..20)
                        .map(|key| format!("SET {{t}}{key} {value}"))
                        .collect();
                    queued(
                        &mut client,
                        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
                    );
                    assert_eq!(client.call_words("EXEC").elements().len(), 20);
                }
            })
        })
        .collect();
    let mut reader = cluster.connect();
    let all: Vec<String> = (0..20).map(|key| format!("{{t}}{key}")).collect();
    let mut mget = vec!["MGET"];
    mget.extend(all.iter().map(String::as_str));
    let mut seen = 0;
    while !writers.iter().all(thread::JoinHandle::is_finished) {
        let values = reader.call(&mget);
        let first = &values.elements()[0];
        assert!(
            values.elements().iter().all(|value| value == first),
            "{values:?}"
        );
        seen += 1;
    }
    assert!(seen > 10, "it has been looked");
    for writer in writers {
        writer.join().unwrap();
    }
}
