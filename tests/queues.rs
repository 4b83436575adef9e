//! BLPOP and its kind over keys of several shards: the keys in their order, each element to one client, whoever dies meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::leases::{await_owner, begin, block, blocked, give_all_to, popped, told};
use crate::support::eventually::{Stopwatch, eventually};
use crate::support::servers::Cluster;
use crate::support::{Client, Reply};

/// A key of each shard.
fn keys(cluster: &Cluster) -> Vec<String> {
    (0..cluster.nodes.len())
        .map(|node| {
            let key = cluster.keys_on(node, 1).remove(0);
            cluster.connect().call(&["DEL", &key]);
            key
        })
        .collect()
}

#[test]
fn keys_of_several_shards_are_asked_in_their_order_and_awaited_together() {
    let cluster = Cluster::start(3);
    let keys = keys(&cluster);
    let [first, second, third] = [&*keys[0], &*keys[1], &*keys[2]];
    let mut other = cluster.connect();
    for key in [third, second] {
        other.call(&["RPUSH", key, "1", "2"]);
    }
    let mut client = cluster.connect();
    let all = format!("{first} {second} {third}");
    for expected in [popped(second, "1"), popped(second, "2"), popped(third, "1")] {
        assert_eq!(client.call_words(&format!("BLPOP {all} 0")), expected);
    }
    assert_eq!(
        client.call_words(&format!("BRPOP {all} 1")),
        popped(third, "2")
    );
    for key in &keys {
        let mut waiting = block(&cluster, &format!("BLPOP {all} 0"));
        // A key of another type ends nothing once the waiting has begun.
        let before = if *key == keys[0] { second } else { first };
        other.call(&["SET", before, "no list"]);
        other.call(&["RPUSH", key, "x", "y"]);
        assert_eq!(told(&mut waiting), popped(key, "x"));
        assert_eq!(other.call(&["LPOP", key]), Reply::bulk("y"));
        other.call(&["DEL", before]);
    }
    other.call(&["SET", first, "no list"]);
    let error = client.call_words(&format!("BLPOP {all} 0")).error_text();
    assert!(error.is_some_and(|text| text.starts_with("WRONGTYPE ")));
    other.call(&["DEL", first]);
    let began = Stopwatch::start();
    assert!(client.call_words(&format!("BLPOP {all} 0.7")).is_null());
    assert!(began.elapsed() >= Duration::from_millis(700));
    for (timeout, expected) in [
        ("x", "ERR timeout is not a float or out of range"),
        ("-1", "ERR timeout is negative"),
    ] {
        let error = client
            .call_words(&format!("BLPOP {all} {timeout}"))
            .error_text();
        assert_eq!(error.as_deref(), Some(expected));
    }
    let mut waiting = block(&cluster, &format!("BZPOPMAX {all} 0"));
    other.call(&["ZADD", third, "1", "a", "2", "b"]);
    let elements: Vec<String> = told(&mut waiting)
        .elements()
        .iter()
        .map(Reply::text)
        .collect();
    assert_eq!(elements, [third, "b", "2"]);
    eventually("nobody waits", || {
        blocked(&cluster.proxy) == 0 && cluster.nodes.iter().all(|node| blocked(node) == 0)
    });
}

#[test]
fn who_waits_for_several_shards_goes_and_is_unblocked_as_any_other() {
    let cluster = Cluster::start(3);
    let all = keys(&cluster).join(" ");
    let nobody_waits = || {
        eventually("nobody waits", || {
            blocked(&cluster.proxy) == 0 && cluster.nodes.iter().all(|node| blocked(node) == 0)
        });
    };
    drop(block(&cluster, &format!("BRPOP {all} 0")));
    nobody_waits();
    let mut other = cluster.connect();
    for (how, is_error) in [("TIMEOUT", false), ("ERROR", true)] {
        let mut client = cluster.connect();
        let id = client.call_words("CLIENT ID").integer();
        begin(&mut client, &format!("BRPOP {all} 0"));
        eventually("it waits", || blocked(&cluster.proxy) == 1);
        assert_eq!(
            other.call_words(&format!("CLIENT UNBLOCK {id} {how}")),
            Reply::Integer(1)
        );
        let reply = told(&mut client);
        assert_eq!(reply.is_null(), !is_error);
        assert_eq!(reply.error_text().is_some(), is_error);
        nobody_waits();
    }
}

#[test]
fn who_waits_for_several_shards_follows_its_keys() {
    let cluster = Cluster::start(2);
    // Slots of these are of the first half and of the second.
    let line = "BLPOP {b}low {a}high 0";
    for (version, owner) in [(2, 0), (3, 1), (4, 0)] {
        let mut waiting = block(&cluster, line);
        give_all_to(&cluster, version, owner);
        await_owner(&cluster, owner);
        let key = ["{b}low", "{a}high"][owner];
        cluster.connect().call(&["RPUSH", key, "x"]);
        assert_eq!(told(&mut waiting), popped(key, "x"));
    }
    eventually("nobody waits", || {
        cluster.nodes.iter().all(|node| blocked(node) == 0)
    });
}

/// Pops until it is told to end; what it has got, and how often it was told that nobody knows.
fn worker(mut client: Client, line: &str, ends: &AtomicBool) -> (Vec<String>, usize) {
    let (mut got, mut unknown) = (Vec::new(), 0);
    loop {
        match client.call_words(line) {
            Reply::Array(pair) => got.push(pair[1].text()),
            Reply::Error(text) => unknown += usize::from(text.starts_with(b"UNKNOWN ")),
            _ if ends.load(Ordering::Relaxed) => return (got, unknown),
            _ => {}
        }
    }
}

#[test]
fn each_element_goes_to_one_of_many_workers_and_each_queue_in_order() {
    let cluster = Cluster::start(3);
    let keys = keys(&cluster);
    let line = format!("BLPOP {} 0.3", keys.join(" "));
    let ends = AtomicBool::new(false);
    const EACH: usize = 300;
    let got: Vec<Vec<String>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let client = cluster.connect();
                scope.spawn(|| worker(client, &line, &ends).0)
            })
            .collect();
        let pushers: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(queue, key)| {
                let mut client = cluster.connect();
                scope.spawn(move || {
                    for number in 0..EACH {
                        client.call(&["RPUSH", key, &format!("{queue}:{number:05}")]);
                    }
                })
            })
            .collect();
        for pusher in pushers {
            pusher.join().expect("it has pushed");
        }
        ends.store(true, Ordering::Relaxed);
        let workers = workers.into_iter();
        workers
            .map(|worker| worker.join().expect("it has worked"))
            .collect()
    });
    for of_one in &got {
        for queue in 0..keys.len() {
            let start = format!("{queue}:");
            let of_queue: Vec<&String> = of_one
                .iter()
                .filter(|got| got.starts_with(&start))
                .collect();
            assert!(of_queue.is_sorted(), "{of_queue:?}");
        }
    }
    let all: Vec<String> = got.concat();
    assert_eq!(all.len(), EACH * keys.len());
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn connections_that_are_cut_lose_and_double_nothing() {
    let cluster = Cluster::start(3);
    let keys = keys(&cluster);
    let line = format!("BRPOP {} 0.3", keys.join(" "));
    let ends = AtomicBool::new(false);
    const ALL: usize = 600;
    let (got, unknown) = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let client = cluster.connect();
                scope.spawn(|| worker(client, &line, &ends))
            })
            .collect();
        let cutter = scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for node in &cluster.nodes {
                    // All but its own: pipes and connections of clients alike.
                    node.connect()
                        .call_words("CLIENT KILL TYPE normal SKIPME yes");
                }
                thread::yield_now();
            }
        });
        for number in 0..ALL {
            // Past the proxy, so that each is certainly pushed once.
            let node = number % keys.len();
            loop {
                let mut client = cluster.nodes[node].connect();
                let value = number.to_string();
                if push_once(&mut client, &keys[node], &value) {
                    break;
                }
            }
        }
        ends.store(true, Ordering::Relaxed);
        cutter.join().expect("it has cut");
        let workers = workers
            .into_iter()
            .map(|worker| worker.join().expect("it has worked"));
        workers.fold((Vec::new(), 0), |(mut all, unknown), (got, more)| {
            all.extend(got);
            (all, unknown + more)
        })
    });
    let mut left = 0;
    for (node, key) in cluster.nodes.iter().zip(&keys) {
        left += usize::try_from(node.connect().call(&["LLEN", key]).integer()).expect("small");
    }
    let distinct: BTreeSet<&String> = got.iter().collect();
    assert_eq!(distinct.len(), got.len(), "nobody gets one twice");
    assert!(
        got.len() + left + unknown >= ALL,
        "{} {left} {unknown}",
        got.len()
    );
    assert!(got.len() > ALL / 2, "most arrive: {}", got.len());
}

/// Pushes a value that was not pushed before; whether it is there, or was.
fn push_once(client: &mut Client, key: &str, value: &str) -> bool {
    // The connection may be cut before or behind it: SADD in the same transaction says which.
    let seen = client.try_call(&["SISMEMBER", "pushed", value]);
    match seen {
        Ok(Reply::Integer(1)) => return true,
        Ok(_) => {}
        Err(_) => return false,
    }
    for words in [
        &["MULTI"][..],
        &["SADD", "pushed", value],
        &["RPUSH", key, value],
        &["EXEC"],
    ] {
        if client.try_call(words).is_err() {
            return false;
        }
    }
    true
}
