//! Clients that ask for it are told what is about to happen to them: that their proxy stops, that a shard fails over.

use crate::support::servers::{Cluster, start_node, start_proxy};
use crate::support::{Client, Reply};

const ON: &str = "CLIENT MAINT_NOTIFICATIONS ON";

/// A client that speaks RESP3 and has asked to be told.
fn asking(mut client: Client, words: &str) -> Client {
    client.call_words("HELLO 3");
    assert_eq!(client.call_words(words), Reply::ok(), "{words}");
    client
}

/// The words of a push; a number is a word.
fn pushed(client: &mut Client) -> Vec<String> {
    let push = client.receive().expect("a push");
    let Reply::Push(words) = push else {
        panic!("{push:?}");
    };
    let word = |word: &Reply| match word {
        Reply::Null => "null".to_owned(),
        Reply::Integer(number) => number.to_string(),
        other => other.text(),
    };
    words.iter().map(word).collect()
}

#[test]
fn who_asks_for_it_is_told_that_the_proxy_stops() {
    let node = start_node(&[]);
    let further = [
        "--drain-delay",
        "8s",
        "--moving-endpoint",
        "cache.example:6379",
    ];
    let mut proxy = start_proxy(&[node.address], &further);
    let mut unnamed = asking(proxy.connect(), &format!("{ON} moving-endpoint-type none"));
    let mut named = asking(
        proxy.connect(),
        &format!("{ON} moving-endpoint-type internal-ip"),
    );
    let mut silent = asking(proxy.connect(), "CLIENT MAINT_NOTIFICATIONS OFF");
    let mut old = proxy.connect();
    let refused = old.call_words(ON).error_text().expect("an error");
    assert!(refused.contains("RESP3"), "{refused}");
    let mut reset = asking(proxy.connect(), ON);
    reset.call_words("RESET");
    proxy.ask_to_stop();
    let told = pushed(&mut unnamed);
    assert_eq!(told[0], "MOVING");
    assert_eq!(told[2..], ["6", "null"], "{told:?}");
    // The same to all, so that who has several connections hears of it once.
    assert_eq!(
        pushed(&mut named),
        ["MOVING", &told[1], "6", "cache.example:6379"]
    );
    // Who comes now is told in time; who has been told is not told again.
    let mut late = asking(proxy.connect(), ON);
    let later = pushed(&mut late);
    assert_eq!((later[0].as_str(), later[2].as_str()), ("MOVING", "4"));
    assert_ne!(later[1], told[1]);
    for client in [&mut unnamed, &mut named, &mut silent, &mut old, &mut reset] {
        let reply = client.call_words("GET a");
        assert!(reply.is_null(), "{reply:?}");
    }
    assert!(
        proxy
            .wait_for_exit(std::time::Duration::from_secs(30))
            .success()
    );
}

#[test]
fn where_no_address_is_known_who_wants_one_is_told_nothing() {
    let node = start_node(&[]);
    let proxy = start_proxy(&[node.address], &["--drain-delay", "4s"]);
    let mut unnamed = asking(proxy.connect(), ON);
    let mut named = asking(
        proxy.connect(),
        &format!("{ON} moving-endpoint-type external-ip"),
    );
    proxy.ask_to_stop();
    assert_eq!(pushed(&mut unnamed)[2..], ["3", "null"]);
    let reply = named.call_words("GET a");
    assert!(reply.is_null(), "{reply:?}");
}

#[test]
fn who_asks_for_it_is_told_while_a_primary_is_away() {
    let mut cluster = Cluster::start(2);
    let mut client = asking(
        cluster.connect(),
        &format!("{ON} moving-endpoint-type external-ip"),
    );
    cluster.nodes[0].kill();
    let begun = pushed(&mut client);
    assert_eq!(begun[0], "FAILING_OVER");
    assert_eq!(begun[2], "3");
    // Who asks meanwhile is told at once, behind the reply.
    let mut late = asking(cluster.connect(), ON);
    assert_eq!(pushed(&mut late)[0], "FAILING_OVER");
    cluster.nodes[0].restart();
    for client in [&mut client, &mut late] {
        let over = pushed(client);
        assert_eq!(over[0], "FAILED_OVER");
        assert!(over.len() == 2 && over[1] != begun[1], "{over:?}");
    }
}
