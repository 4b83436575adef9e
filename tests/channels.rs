//! Channels through a proxy: who has subscribed gets every message once and in order, whoever publishes it and wherever its shard lies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;

use crate::support::eventually::eventually;
use crate::support::servers::{self, Cluster};
use crate::support::{Client, Reply, encode};

/// A subscriber that has been told so.
fn subscriber(address: SocketAddr, line: &str) -> Client {
    let mut client = Client::connect(address);
    let names = line.split(' ').count() - 1;
    client
        .send(&encode(&line.split(' ').collect::<Vec<_>>()))
        .expect("sent");
    for _ in 0..names {
        client.receive().expect("subscribed");
    }
    client
}

fn words(reply: &Reply) -> Vec<String> {
    reply.elements().iter().map(Reply::text).collect()
}

#[test]
fn all_who_have_subscribed_get_each_message_once_and_in_order() {
    const CHANNELS: usize = 7;
    const MESSAGES: usize = 300;
    let cluster = Cluster::start_with(3, &[], &["--threads", "3"]);
    let address = cluster.proxy.address;
    let all: Vec<String> = (0..CHANNELS).map(|number| format!("c{number}")).collect();
    let by_name: Vec<Client> = (0..20)
        .map(|_| subscriber(address, &format!("SUBSCRIBE {}", all.join(" "))))
        .collect();
    let by_pattern: Vec<Client> = (0..10)
        .map(|_| subscriber(address, "PSUBSCRIBE c*"))
        .collect();
    let publishers: Vec<_> = all
        .iter()
        .map(|channel| {
            let (channel, mut client) = (channel.clone(), cluster.connect());
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    let number = number.to_string();
                    let receivers = client.call(&["PUBLISH", &channel, &number]);
                    assert_eq!(
                        receivers,
                        Reply::Integer(30),
                        "all of them, by whatever thread"
                    );
                }
            })
        })
        .collect();
    for (client, at) in by_name
        .into_iter()
        .map(|client| (client, 1))
        .chain(by_pattern.into_iter().map(|client| (client, 2)))
    {
        let mut client = client;
        let mut next: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..CHANNELS * MESSAGES {
            let message = words(&client.receive().expect("a message"));
            let expected = next.entry(message[at].clone()).or_default();
            assert_eq!(message[at + 1], expected.to_string(), "{message:?}");
            *expected += 1;
        }
        // Nothing comes twice.
        client.send(&encode(&["PING"])).expect("sent");
        assert_eq!(words(&client.receive().expect("pong"))[0], "pong");
    }
    for publisher in publishers {
        publisher.join().expect("counted by all");
    }
}

#[test]
fn who_listens_is_counted_over_threads_and_proxies() {
    let cluster = Cluster::start_with(2, &[], &["--threads", "2"]);
    let nodes: Vec<SocketAddr> = cluster.nodes.iter().map(|node| node.address).collect();
    let other = servers::start_proxy(&nodes, &[]);
    let mut here: Vec<Client> = (0..5)
        .map(|_| subscriber(cluster.proxy.address, "SUBSCRIBE a b"))
        .collect();
    let _there = subscriber(other.address, "SUBSCRIBE b");
    let _patterns = subscriber(other.address, "PSUBSCRIBE ?");
    let _shard = subscriber(other.address, "SSUBSCRIBE a b");
    let mut client = cluster.connect();
    let numsub = |a: i64, b: i64| {
        Reply::Array(vec![
            Reply::bulk("a"),
            Reply::Integer(a),
            Reply::bulk("b"),
            Reply::Integer(b),
            Reply::bulk("zork"),
            Reply::Integer(0),
        ])
    };
    assert_eq!(client.call_words("PUBSUB NUMSUB a b zork"), numsub(5, 6));
    assert_eq!(
        client.call_words("PUBSUB SHARDNUMSUB a b zork"),
        numsub(1, 1)
    );
    assert_eq!(client.call_words("PUBSUB NUMPAT"), Reply::Integer(1));
    for (line, expected) in [("PUBSUB CHANNELS", 2), ("PUBSUB SHARDCHANNELS ?", 2)] {
        let names = words(&client.call_words(line));
        assert_eq!(names.len(), expected, "{line}: {names:?}");
    }
    assert_eq!(client.call_words("PUBLISH b x"), Reply::Integer(7));
    assert_eq!(client.call_words("SPUBLISH a x"), Reply::Integer(1));
    // Who unsubscribes is told when nodes know.
    here[0].receive().expect("the message");
    here[0].call_words("UNSUBSCRIBE b");
    assert_eq!(client.call_words("PUBSUB NUMSUB a b zork"), numsub(5, 5));
    here.clear();
    eventually("who has gone is not counted", || {
        client.call_words("PUBSUB NUMSUB a b zork") == numsub(0, 1)
    });
    let list = client.call_words("CLIENT LIST TYPE pubsub");
    assert_eq!(list.text(), "", "none here");
}

#[test]
fn messages_of_a_transaction_and_of_keys_come_from_whatever_shard() {
    let cluster = Cluster::start(3);
    let mut client = cluster.connect();
    client.call_words("CONFIG SET notify-keyspace-events KEA");
    let mut listener = subscriber(cluster.proxy.address, "SUBSCRIBE news __keyevent@0__:set");
    for tag in 0..20 {
        client.call_words("MULTI");
        client.call_words(&format!("SET {{{tag}}}k v"));
        client.call_words(&format!("PUBLISH news {tag}"));
        let reply = client.call_words("EXEC");
        assert_eq!(reply.elements()[1], Reply::Integer(1));
        let heard: Vec<Vec<String>> = (0..2)
            .map(|_| words(&listener.receive().expect("heard")))
            .collect();
        let key = format!("{{{tag}}}k");
        assert!(heard.contains(&vec!["message".into(), "news".into(), tag.to_string()]));
        assert!(heard.contains(&vec!["message".into(), "__keyevent@0__:set".into(), key]));
    }
}

#[test]
fn who_has_subscribed_stays_so_when_a_shard_goes_and_comes() {
    let mut cluster = Cluster::start(2);
    let mut listener = subscriber(cluster.proxy.address, "PSUBSCRIBE *");
    let mut client = cluster.connect();
    cluster.nodes[1].kill();
    // Who subscribes meanwhile does not wait for it.
    let mut late = subscriber(cluster.proxy.address, "SUBSCRIBE foo");
    cluster.nodes[1].restart();
    // The slot of `foo` is the second shard's.
    eventually("messages come again", || {
        client.call_words("PUBLISH foo x") == Reply::Integer(2)
    });
    for listener in [&mut listener, &mut late] {
        let message = words(&listener.receive().expect("a message"));
        assert!(
            message.ends_with(&["foo".to_owned(), "x".to_owned()]),
            "{message:?}"
        );
    }
}

#[test]
fn a_subscriber_that_takes_nothing_is_cut_and_the_others_get_all() {
    let limits = [
        "--client-output-hard-limit",
        "1mb",
        "--client-output-soft-limit",
        "512kb",
    ];
    let cluster = Cluster::start_with(2, &[], &limits);
    let mut slow = subscriber(cluster.proxy.address, "SUBSCRIBE a");
    let quick = subscriber(cluster.proxy.address, "SUBSCRIBE a");
    let reader = thread::spawn(move || {
        let mut quick = quick;
        for _ in 0..400 {
            quick.receive().expect("every message");
        }
    });
    let mut client = cluster.connect();
    let payload = "x".repeat(100_000);
    for _ in 0..400 {
        client.call(&["PUBLISH", "a", &payload]);
    }
    reader.join().expect("all came");
    eventually("the slow one is cut", || {
        client.call_words("PUBSUB NUMSUB a").elements()[1] == Reply::Integer(1)
            || client.call_words("PUBSUB NUMSUB a").elements()[1] == Reply::Integer(0)
    });
    while slow.receive().is_ok() {}
    assert!(slow.is_closed_by_server());
}

#[test]
fn very_many_names_in_one_command_are_answered_in_turn() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    let names: Vec<String> = (0..5_000).map(|number| format!("n{number}")).collect();
    let mut line = vec!["SUBSCRIBE".to_owned()];
    line.extend(names.iter().cloned());
    client.send(&encode(&line)).expect("sent");
    client.send(&encode(&["PING", "behind"])).expect("sent");
    for (at, name) in names.iter().enumerate() {
        let answer = client.receive().expect("an answer");
        assert_eq!(answer.elements()[1].text(), *name);
        assert_eq!(
            answer.elements()[2].integer(),
            i64::try_from(at + 1).expect("small")
        );
    }
    assert_eq!(words(&client.receive().expect("pong")), ["pong", "behind"]);
    client.send(&encode(&["UNSUBSCRIBE"])).expect("sent");
    for left in (0..5_000).rev() {
        assert_eq!(
            client.receive().expect("an answer").elements()[2],
            Reply::Integer(left)
        );
    }
    assert_eq!(client.call_words("GET a"), Reply::NullBulk);
    client.send(&encode(&line)).expect("sent");
    for _ in 0..5_000 {
        client.receive().expect("an answer");
    }
    assert_eq!(client.call_words("RESET"), Reply::Simple(b"RESET".to_vec()));
    let mut other = cluster.connect();
    eventually("nothing is left", || {
        other.call_words("PUBSUB CHANNELS").elements().is_empty()
    });
}
