//! CLIENT TRACKING … REDIRECT: another client is told, as at a Redis server, whichever threads of a proxy serve both.

use std::net::SocketAddr;

use crate::support::eventually::eventually;
use crate::support::servers::{Cluster, start_node, start_proxy};
use crate::support::{Client, Reply, encode, redis_server};

/// A client that speaks so, and its number.
fn client(address: SocketAddr, version: &str) -> (Client, i64) {
    let mut client = Client::connect(address);
    client.call(&["HELLO", version]);
    let id = client.call_words("CLIENT ID").integer();
    (client, id)
}

/// What a client is told that listens on the channel.
fn message(keys: &[&str]) -> Reply {
    Reply::Array(vec![
        Reply::bulk("message"),
        Reply::bulk("__redis__:invalidate"),
        Reply::Array(keys.iter().map(|key| Reply::bulk(*key)).collect()),
    ])
}

/// What one is told that speaks RESP3.
fn push(keys: &[&str]) -> Reply {
    Reply::Push(vec![
        Reply::bulk("invalidate"),
        Reply::Array(keys.iter().map(|key| Reply::bulk(*key)).collect()),
    ])
}

/// Everything that is told of `id` in places that show whom it redirects to.
fn shown(reader: &mut Client) -> Vec<String> {
    let info = reader.call_words("CLIENT TRACKINGINFO");
    let redirect = reader.call_words("CLIENT GETREDIR");
    let line = reader.call_words("CLIENT INFO").text();
    let words = line.split(' ');
    let some = words.filter(|word| word.starts_with("flags=") || word.starts_with("redir="));
    let mut all = vec![format!("{info:?}"), format!("{redirect:?}")];
    all.extend(some.map(str::to_owned));
    all
}

/// Servers of every kind behind which nobody can see a difference, each with its name.
fn each_server(check: impl Fn(&str, SocketAddr)) {
    if let Some(redis) = redis_server::start(&[]) {
        check("redis", redis.address);
    }
    check("a node", start_node(&[]).address);
    let one = Cluster::start_with(1, &[], &["--threads", "1"]);
    check("one thread", one.proxy.address);
    let three = Cluster::start_with(3, &[], &["--threads", "3"]);
    check("three threads", three.proxy.address);
}

#[test]
fn another_client_is_told_on_the_channel_or_by_pushes() {
    each_server(|name, address| {
        for version in ["2", "3"] {
            let (mut target, id) = client(address, version);
            let (mut writer, _) = client(address, "2");
            let (mut reader, _) = client(address, "2");
            let told = |target: &mut Client, keys: &[&str]| {
                let expected = if version == "2" {
                    message(keys)
                } else {
                    push(keys)
                };
                assert_eq!(
                    target.receive().expect("told"),
                    expected,
                    "{name} {version}"
                );
            };
            if version == "2" {
                target.call_words("SUBSCRIBE __redis__:invalidate");
            }
            let on = format!("CLIENT TRACKING ON REDIRECT {id}");
            assert_eq!(reader.call_words(&on), Reply::ok(), "{name}");
            assert_eq!(reader.call_words("CLIENT GETREDIR"), Reply::Integer(id));
            reader.call_words("MGET {t}a {t}b");
            writer.call_words("SET {t}a 1");
            told(&mut target, &["{t}a"]);
            writer.call_words("MSET {t}a 2 {t}b 2");
            told(&mut target, &["{t}b"]);
            reader.call_words("GET {t}a");
            assert_eq!(reader.call_words("SET {t}a 3"), Reply::ok());
            told(&mut target, &["{t}a"]);
            reader.call_words("MULTI");
            reader.call_words("GET {t}a");
            assert_eq!(reader.call_words("EXEC").elements().len(), 1);
            writer.call_words("DEL {t}a");
            told(&mut target, &["{t}a"]);
            assert_eq!(reader.call_words("CLIENT TRACKING OFF"), Reply::ok());
            assert_eq!(reader.call_words("CLIENT GETREDIR"), Reply::Integer(-1));
            let on = format!("CLIENT TRACKING ON BCAST PREFIX {{t}} REDIRECT {id}");
            assert_eq!(reader.call_words(&on), Reply::ok(), "{name}");
            // A proxy that has just opened the way says that it knows nothing of the time before.
            let told_all = |reply: &Reply| match reply {
                Reply::Array(words) | Reply::Push(words) => {
                    words.last().is_some_and(Reply::is_null)
                }
                _ => false,
            };
            writer.call_words("MSET {t}y 1 {t}x 1");
            let mut next = target.receive().expect("told");
            while told_all(&next) {
                next = target.receive().expect("told");
            }
            let both = ["{t}x", "{t}y"];
            let expected = if version == "2" {
                message(&both)
            } else {
                push(&both)
            };
            assert_eq!(next, expected, "{name} {version}");
        }
    });
}

#[test]
fn whom_nobody_can_tell_for_is_told_that() {
    each_server(|name, address| {
        for version in ["2", "3"] {
            let (target, id) = client(address, "3");
            let (mut writer, _) = client(address, "2");
            let (mut reader, _) = client(address, version);
            for (line, refused) in [
                ("REDIRECT 999999", "does not exist"),
                ("REDIRECT 0", "does not exist"),
                ("REDIRECT -1", "does not exist"),
                ("REDIRECT x", "not an integer"),
                ("REDIRECT", "syntax error"),
            ] {
                let reply = reader.call_words(&format!("CLIENT TRACKING ON {line}"));
                let text = reply.error_text().expect("an error");
                assert!(text.contains(refused), "{name} {line}: {text}");
            }
            let on = format!("CLIENT TRACKING ON REDIRECT {id}");
            assert_eq!(reader.call_words(&on), Reply::ok());
            let before = shown(&mut reader);
            assert_eq!(before[2], "flags=t", "{name}");
            drop(target);
            eventually("it has gone", || {
                let line = writer.call_words(&format!("CLIENT LIST ID {id}")).text();
                line.trim().is_empty()
            });
            reader.call_words("GET {t}a");
            writer.call_words("SET {t}a 1");
            if version == "3" {
                let broken = Reply::Push(vec![
                    Reply::bulk("tracking-redir-broken"),
                    Reply::Integer(id),
                ]);
                assert_eq!(reader.receive().expect("told"), broken, "{name}");
            }
            eventually("it is seen", || shown(&mut reader)[2] == "flags=tR");
            let now = shown(&mut reader);
            assert!(now[0].contains("broken_redirect"), "{name}: {now:?}");
            assert_eq!(now[3], format!("redir={id}"), "{name}");
            let gone = reader.call_words(&on).error_text().expect("an error");
            assert!(gone.contains("does not exist"), "{name}: {gone}");
            assert_eq!(reader.call_words("CLIENT TRACKING ON"), Reply::ok());
            assert_eq!(shown(&mut reader)[2..4], ["flags=t", "redir=0"], "{name}");
        }
    });
}

#[test]
fn one_is_told_for_many_and_not_for_who_wants_it_no_more() {
    let cluster = Cluster::start_with(2, &[], &["--threads", "3"]);
    let address = cluster.proxy.address;
    let (mut target, id) = client(address, "2");
    target.call_words("SUBSCRIBE __redis__:invalidate");
    let mut writer = cluster.connect();
    let mut readers: Vec<Client> = (0..30).map(|_| cluster.connect()).collect();
    let on = format!("CLIENT TRACKING ON REDIRECT {id}");
    for (number, reader) in readers.iter_mut().enumerate() {
        assert_eq!(reader.call_words(&on), Reply::ok());
        reader.call(&["MGET", "shared", &format!("k{number}")]);
    }
    // Once by each thread, and not once for each reader.
    writer.call_words("SET shared 1");
    for number in 0..30 {
        writer.call(&["SET", &format!("k{number}"), "1"]);
    }
    let mut seen: Vec<String> = Vec::new();
    while seen.iter().filter(|key| key.starts_with('k')).count() < 30 {
        match target.receive().expect("told") {
            Reply::Array(words) => {
                let keys = words[2].elements();
                seen.extend(keys.iter().map(Reply::text));
            }
            other => panic!("{other:?}"),
        }
    }
    let shared = seen.iter().filter(|key| *key == "shared").count();
    assert!((1..=3).contains(&shared), "{shared}");
    // Of what comes now nobody is to be told.
    for (number, reader) in readers.iter_mut().enumerate() {
        reader.call(&["GET", &format!("k{number}")]);
        assert_eq!(reader.call_words("CLIENT TRACKING OFF"), Reply::ok());
    }
    for number in 0..30 {
        writer.call(&["SET", &format!("k{number}"), "2"]);
    }
    let mut last = cluster.connect();
    assert_eq!(last.call_words(&on), Reply::ok());
    last.call(&["GET", "last"]);
    writer.call(&["SET", "last", "1"]);
    assert_eq!(target.receive().expect("told"), message(&["last"]));
}

#[test]
fn who_does_not_take_what_it_is_told_for_others_is_cut() {
    let limits = ["--threads", "2", "--client-output-hard-limit", "2mb"];
    let cluster = Cluster::start_with(1, &[], &limits);
    let (mut target, id) = client(cluster.proxy.address, "2");
    target.call_words("SUBSCRIBE __redis__:invalidate");
    let mut readers = [cluster.connect(), cluster.connect()];
    let on = format!("CLIENT TRACKING ON REDIRECT {id}");
    for reader in &mut readers {
        assert_eq!(reader.call_words(&on), Reply::ok());
    }
    let mut writer = cluster.connect();
    let key = "k".repeat(100_000);
    eventually("it is cut, and they hear of it", || {
        for _ in 0..20 {
            for reader in &mut readers {
                reader.call(&["GET", &key]);
            }
            writer.call(&["SET", &key, "1"]);
        }
        readers
            .iter_mut()
            .all(|reader| shown(reader)[2] == "flags=tR")
    });
    let list = writer.call_words(&format!("CLIENT LIST ID {id}")).text();
    assert_eq!(list.trim(), "");
}

#[test]
fn a_server_of_another_kind_tells_nothing_in_resp2_and_nothing_is_believed() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let proxy = start_proxy(&[redis.address], &["--threads", "2"]);
    let topology = crate::support::servers::topology_path(proxy.folder());
    let text = std::fs::read_to_string(&topology).expect("text");
    let text = text.replace("version = 1", "version = 2");
    let address = format!("address = \"{}\"", redis.address);
    let text = text.replace(&address, &format!("{address}\nkind = \"redis\""));
    std::fs::write(&topology, text).expect("written");
    let mut writer = proxy.connect();
    let (mut target, id) = client(proxy.address, "2");
    target.call_words("SUBSCRIBE __redis__:invalidate");
    let mut reader = proxy.connect();
    eventually("the kind is known", || {
        let info = writer.call_words("INFO proxy").text();
        info.contains("topology_version:2\r\n")
    });
    let on = format!("CLIENT TRACKING ON REDIRECT {id}");
    assert_eq!(reader.call_words(&on), Reply::ok());
    reader.send(&encode(&["GET", "a"])).expect("sent");
    assert!(reader.receive().expect("an answer").is_null());
    assert_eq!(target.receive().expect("told at once"), message(&["a"]));
}
