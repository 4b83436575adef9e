//! A client may write all before it reads anything; whoever waits is seen to wait, is not taken for idle, and goes on when it may.

use std::io::Write;
use std::time::Duration;

use crate::support::eventually::{eventually, pause};
use crate::support::servers::{Cluster, start_node};
use crate::support::{Client, Reply, encode};

/// Sends everything, reads nothing before all of it has been taken.
fn send_all_first(client: &mut Client, bytes: &[u8]) {
    let mut sender = client.sender();
    sender
        .set_write_timeout(Some(Duration::from_secs(30)))
        .expect("a deadline");
    sender.write_all(bytes).expect("all is taken");
}

#[test]
fn a_client_may_write_a_large_value_before_it_reads_large_ones() {
    let node = start_node(&[]);
    let mut client = node.connect();
    let value = "v".repeat(10_000_000);
    assert_eq!(client.call(&["SET", "large", &value]), Reply::ok());
    let mut bytes = encode(&["GET", "large"]).repeat(8);
    let larger = "w".repeat(60_000_000);
    bytes.extend(encode(&["SET", "larger", &larger]));
    send_all_first(&mut client, &bytes);
    for _ in 0..8 {
        assert_eq!(client.receive().expect("a reply").text().len(), value.len());
    }
    assert_eq!(client.receive().expect("a reply"), Reply::ok());
    let length = i64::try_from(larger.len()).expect("small");
    assert_eq!(client.call_words("STRLEN larger").integer(), length);
}

#[test]
fn the_stall_clock_stands_still_while_a_client_sends() {
    let node = start_node(&[
        "--client-output-soft-limit",
        "1mb",
        "--client-output-stall",
        "1s",
    ]);
    let mut client = node.connect();
    let value = "v".repeat(10_000_000);
    assert_eq!(client.call(&["SET", "large", &value]), Reply::ok());
    client
        .send(&encode(&["GET", "large"]).repeat(2))
        .expect("sent");
    // Much longer than a client may stand still.
    const ROUNDS: usize = 20;
    for _ in 0..ROUNDS {
        client.send(&encode(&["PING"])).expect("sent");
        pause(Duration::from_millis(200));
    }
    for _ in 0..2 {
        assert_eq!(client.receive().expect("a reply").text().len(), value.len());
    }
    for _ in 0..ROUNDS {
        let pong = Reply::Simple(b"PONG".to_vec());
        assert_eq!(client.receive().expect("a reply"), pong);
    }
}

#[test]
fn a_client_may_write_hundreds_of_thousands_of_requests_before_it_reads() {
    const COUNT: usize = 400_000;
    let node = start_node(&[]);
    let mut client = node.connect();
    let value = "v".repeat(200);
    assert_eq!(client.call(&["SET", "key", &value]), Reply::ok());
    send_all_first(&mut client, &encode(&["GET", "key"]).repeat(COUNT));
    for _ in 0..COUNT {
        assert_eq!(
            client.receive().expect("a reply"),
            Reply::bulk(value.clone())
        );
    }
    // Its buffers are gone.
    let list = client.call_words("CLIENT LIST").text();
    assert!(list.contains(" omem=0 "), "{list}");
}

#[test]
fn who_waits_for_the_end_of_a_pause_is_seen_and_goes_on_with_it() {
    let node = start_node(&[]);
    let mut operator = node.connect();
    assert_eq!(
        operator.call_words("CLIENT PAUSE 600000 WRITE"),
        Reply::ok()
    );
    let mut writer = node.connect();
    writer.call_words("CLIENT SETNAME writer");
    writer.send(&encode(&["SET", "a", "1"])).expect("sent");
    eventually("it is seen to wait", || {
        let clients = operator.call_words("INFO clients").text();
        clients.contains("blocked_clients:1\r\n")
    });
    let list = operator.call_words("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains("name=writer"));
    assert!(
        line.is_some_and(|line| line.contains(" flags=b ")),
        "{list}"
    );
    // What it sends meanwhile is taken in and shown.
    writer.send(&encode(&["APPEND", "a", "2"])).expect("sent");
    eventually("what waits is counted", || {
        let list = operator.call_words("CLIENT LIST").text();
        let line = list.lines().find(|line| line.contains("name=writer"));
        line.is_some_and(|line| !line.contains(" qbuf=0 "))
    });
    // Another pause in the place of this one, told in one write: the old end means nothing any more.
    let mut bytes = encode(&["CLIENT", "UNPAUSE"]);
    bytes.extend(encode(&["CLIENT", "PAUSE", "10", "WRITE"]));
    operator.send(&bytes).expect("sent");
    assert_eq!(writer.receive().expect("woken"), Reply::ok());
    assert_eq!(writer.receive().expect("and the next"), Reply::Integer(2));
    let clients = operator.receive().and_then(|_| operator.receive());
    assert_eq!(clients.expect("a reply"), Reply::ok());
    let clients = operator.call_words("INFO clients").text();
    assert!(clients.contains("blocked_clients:0\r\n"), "{clients}");
}

#[test]
fn who_hangs_up_its_sending_side_gets_all_replies_first() {
    let node = start_node(&[]);
    let mut client = node.connect();
    let value = "v".repeat(10_000_000);
    assert_eq!(client.call(&["SET", "large", &value]), Reply::ok());
    send_all_first(&mut client, &encode(&["GET", "large"]).repeat(4));
    client
        .socket()
        .shutdown(std::net::Shutdown::Write)
        .expect("hung up");
    for _ in 0..4 {
        assert_eq!(client.receive().expect("a reply").text().len(), value.len());
    }
    assert!(client.is_closed_by_server());
}

#[test]
fn limits_follow_the_state_at_each_request() {
    let node = start_node(&["--requirepass", "secret"]);
    let large = "v".repeat(20_000);
    let auth = encode(&["AUTH", "secret"]);
    let set = encode(&["SET", "a", &large]);
    let reset = encode(&["RESET"]);
    let mut client = Client::connect(node.address);
    client
        .send(&[&auth[..], &set, &reset, &set, &auth].concat())
        .expect("sent");
    assert_eq!(client.receive().expect("a reply"), Reply::ok());
    assert_eq!(client.receive().expect("a reply"), Reply::ok());
    assert_eq!(
        client.receive().expect("a reply"),
        Reply::Simple(b"RESET".to_vec())
    );
    let refused = client.receive().expect("a reply");
    assert_eq!(
        refused.error_text().as_deref(),
        Some("ERR Protocol error: unauthenticated bulk length")
    );
    assert!(client.is_closed_by_server());
    // Limits that are moved hold for what was sent with the order to move them.
    let mut client = Client::connect(node.address);
    assert_eq!(client.call_words("AUTH secret"), Reply::ok());
    let two_mb = "v".repeat(2_000_000);
    let lower = encode(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]);
    let raise = encode(&["CONFIG", "SET", "proto-max-bulk-len", "4mb"]);
    let set = encode(&["SET", "b", &two_mb]);
    client
        .send(&[&lower[..], &raise, &set].concat())
        .expect("sent");
    for _ in 0..3 {
        assert_eq!(client.receive().expect("a reply"), Reply::ok());
    }
    // The announcement is enough to be refused; who is cut while he sends might not hear why.
    let announced = &set[..set.len() - two_mb.len() - 2];
    client
        .send(&[&lower[..], announced].concat())
        .expect("sent");
    assert_eq!(client.receive().expect("a reply"), Reply::ok());
    let refused = client.receive().expect("a reply");
    assert_eq!(
        refused.error_text().as_deref(),
        Some("ERR Protocol error: invalid bulk length")
    );
}

#[test]
fn what_changes_a_session_is_never_refused_for_its_deadline() {
    let cluster = Cluster::start_with(1, &[], &["--request-deadline", "100ms"]);
    let mut operator = cluster.connect();
    let mut client = cluster.connect();
    client.call_words("SELECT 1");
    let pause = operator.call_words("CLIENT PAUSE 1000 ALL");
    assert_eq!(pause, Reply::ok());
    let mut bytes = encode(&["SELECT", "3"]);
    bytes.extend(encode(&["GET", "a"]));
    bytes.extend(encode(&["HELLO", "3"]));
    client.send(&bytes).expect("sent");
    // Were it refused, what follows would be carried out in the database before.
    assert_eq!(client.receive().expect("a reply"), Reply::ok());
    // Its own deadline is over as well; it may be in time still, and changes nothing.
    client.receive().expect("a reply");
    let hello = client.receive().expect("a reply");
    assert!(matches!(hello, Reply::Map(_)), "{hello:?}");
    let info = client.call_words("CLIENT INFO").text();
    assert!(info.contains(" db=3 "), "{info}");
}

#[test]
fn nothing_goes_by_itself_while_clients_are_paused() {
    let cluster = Cluster::start(2);
    let mut client = cluster.connect();
    let keys = [0, 1].map(|shard| cluster.keys_on(shard, 1).remove(0));
    let mut nodes = [0, 1].map(|shard| cluster.nodes[shard].connect());
    for node in &mut nodes {
        node.call_words("FLUSHALL");
    }
    for key in &keys {
        assert_eq!(client.call(&["SET", key, "v", "PX", "150"]), Reply::ok());
    }
    let pause = client.call_words("CLIENT PAUSE 60000 WRITE");
    assert_eq!(pause, Reply::ok());
    for key in &keys {
        eventually("its time is over", || client.call(&["GET", key]).is_null());
    }
    // A sweep comes ten times a second.
    crate::support::eventually::pause(Duration::from_millis(500));
    for node in &mut nodes {
        assert_eq!(node.call_words("DBSIZE"), Reply::Integer(1));
    }
    assert_eq!(client.call_words("CLIENT UNPAUSE"), Reply::ok());
    for node in &mut nodes {
        eventually("it goes", || node.call_words("DBSIZE") == Reply::Integer(0));
    }
}
