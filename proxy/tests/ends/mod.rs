//! How a client's connection ends: with all its replies where it is sent away, and without more memory than it may take.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{eventually, key_of, pause, pipes_stand, settings, start};
use shared::config::ByteCount;

/// A reply that is more than sockets hold.
const LONG_BYTES: usize = 9_000_000;

#[test]
fn who_says_goodbye_and_more_still_gets_all_replies() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let long = format!("GETRANGE k 0 {LONG_BYTES}");
    client.send(&[&long, &long, "QUIT"]);
    // More than is read with what comes before it, so that it lies there when the proxy closes.
    client.send_bytes(&b"*1\r\n$4\r\nPING\r\n".repeat(20_000));
    for _ in 0..2 {
        // Slow enough for the last bytes to wait in the kernel.
        pause(Duration::from_millis(200));
        let reply = client.reply().expect("the connection lives");
        assert!(reply.len() > LONG_BYTES);
    }
    assert_eq!(client.reply().as_deref(), Some("+OK\r\n"));
    assert_eq!(client.reply(), None);
    proxy.stop().unwrap();
}

#[test]
fn who_asks_for_more_while_the_proxy_stops_still_gets_what_was_asked_before() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let address = proxy.client_address();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&[&format!("GETRANGE k{number} 0 {LONG_BYTES}")]);
    }
    eventually("all is asked", || node.log().len() == 4);
    let stopping = std::thread::spawn(move || proxy.stop());
    eventually("it takes nobody any more", || {
        std::net::TcpStream::connect(address).is_err()
    });
    for client in &mut clients {
        client.send(&["PING", "PING"]);
    }
    pause(Duration::from_millis(300));
    for client in &mut clients {
        let reply = client.reply().expect("the reply that it waits for");
        assert!(reply.len() > LONG_BYTES);
        assert_eq!(client.reply(), None, "and nothing else");
    }
    drop(clients);
    stopping.join().unwrap().unwrap();
}

#[test]
fn who_reads_slowly_and_sends_again_after_a_while_still_gets_all_replies() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect_with_window(proxy.client_address(), 4 << 10);
    client.send(&[&format!("GETRANGE k 0 {LONG_BYTES}"), "QUIT"]);
    let more = b"*1\r\n$4\r\nPING\r\n".repeat(2_000);
    for _ in 0..3 {
        // Longer than what counts as silence.
        pause(Duration::from_millis(1_200));
        client.send_bytes(&more);
    }
    let reply = client.reply().expect("the connection lives");
    assert_eq!(reply.len(), LONG_BYTES + "$9000000\r\n\r\n".len());
    assert_eq!(client.reply().as_deref(), Some("+OK\r\n"));
    assert_eq!(client.reply(), None);
    proxy.stop().unwrap();
}

#[test]
fn a_node_works_no_longer_for_those_who_have_gone() {
    let node = FakeNode::start();
    let mut config = settings();
    config.threads = 1;
    let proxy = start(config, &[&node]);
    let mut bystander = Client::connect(proxy.client_address());
    assert_eq!(bystander.ask("SET k v"), "+OK\r\n");
    pipes_stand(&node);
    let before = node.connections();
    let mut greedy: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for client in &mut greedy {
        client.send(&["GETRANGE k 0 50000000"; 8]);
    }
    eventually("they are asked", || node.log().len() > 1);
    for client in greedy {
        client.reset();
    }
    eventually("it is told so", || node.connections() > before);
    assert_eq!(bystander.ask("GET k"), "$1\r\nk\r\n");
    let asked = node.log().len();
    assert!(asked < 30, "{asked} commands reached the node");
    proxy.stop().unwrap();
}

#[test]
fn a_reply_of_parts_that_is_too_large_is_not_gathered_before_that_is_known() {
    let (here, there) = (FakeNode::start(), FakeNode::start());
    let mut config = settings();
    config.threads = 1;
    config.client_output_hard_limit = ByteCount(4 << 20);
    let proxy = start(config, &[&here, &there]);
    let (left, right) = (key_of(0, 2, 1), key_of(1, 2, 1));
    let mut client = Client::connect(proxy.client_address());
    for (one, other) in [
        (20_000_000, 5),
        (3_000_000, 3_000_000),
        (6_000_000, 6_000_000),
    ] {
        for (node, bytes) in [(&here, one), (&there, other)] {
            let part = "x".repeat(bytes);
            node.behave(Manner::Says(
                format!("*1\r\n${bytes}\r\n{part}\r\n").into_bytes(),
            ));
        }
        let reply = client.ask(&format!("MGET {left} {right}"));
        assert!(
            reply.starts_with("-ERR the reply would be more than client-output-hard-limit"),
            "{one} and {other} bytes: {}",
            &reply[..reply.len().min(80)]
        );
    }
    for node in [&here, &there] {
        node.behave(Manner::Good);
    }
    let line = format!("GET {left}");
    assert_eq!(client.ask(&line), format!("${}\r\n{left}\r\n", left.len()));
    assert_eq!(client.ask("PING"), "+PONG\r\n");
    proxy.stop().unwrap();
}

/// Bytes of a part of a reply.
const PART_BYTES: usize = 1_000_000;

#[test]
fn parts_of_replies_are_counted_and_bounded() {
    let (here, there) = (FakeNode::start(), FakeNode::start());
    let part = "x".repeat(PART_BYTES);
    for node in [&here, &there] {
        node.behave(Manner::Says(b"*1\r\n$1\r\nx\r\n".to_vec()));
    }
    let mut config = settings();
    config.threads = 1;
    config.client_output_hard_limit = ByteCount(4 << 20);
    let proxy = start(config, &[&here, &there]);
    let mut client = Client::connect(proxy.client_address());
    let line = format!("MGET {} {}", key_of(0, 2, 1), key_of(1, 2, 1));
    // It is known for short replies, so that many are under way at once.
    assert_eq!(client.ask(&line), "*2\r\n$1\r\nx\r\n$1\r\nx\r\n");
    here.behave(Manner::Says(
        format!("*1\r\n${PART_BYTES}\r\n{part}\r\n").into_bytes(),
    ));
    there.behave(Manner::Mute);
    client.send(&vec![&*line; 150]);
    // Closed for what is kept for it, long before its commands fail.
    assert_eq!(client.reply(), None);
    proxy.stop().unwrap();
}

#[test]
fn of_a_client_of_whom_nothing_is_known_one_command_of_several_parts_is_sent_at_a_time() {
    let (here, there) = (FakeNode::start(), FakeNode::start());
    there.behave(Manner::Mute);
    let mut config = settings();
    config.threads = 1;
    config.request_deadline = Duration::from_millis(300);
    let proxy = start(config, &[&here, &there]);
    let mut client = Client::connect(proxy.client_address());
    let line = format!("MGET {} {}", key_of(0, 2, 1), key_of(1, 2, 1));
    client.send(&vec![&*line; 150]);
    eventually("it is sent", || !here.log().is_empty());
    pause(Duration::from_millis(50));
    assert_eq!(here.log().len(), 1);
    let error = client.reply().unwrap();
    assert!(
        error.starts_with("-CLUSTERDOWN shard s1 did not reply within request-deadline; "),
        "{error}"
    );
    proxy.stop().unwrap();
}

#[test]
fn all_clients_together_have_a_bound_and_the_largest_go() {
    let node = FakeNode::start();
    let mut config = settings();
    config.clients_buffer_limit = ByteCount(24 << 20);
    let proxy = start(config, &[&node]);
    let mut modest = Client::connect(proxy.client_address());
    let mut boss = Client::connect(proxy.client_address());
    modest.send(&["GETRANGE k 0 200000"]);
    let mut greedy: Vec<Client> = (0..4)
        .map(|_| Client::connect(proxy.client_address()))
        .collect();
    for client in &mut greedy {
        // Each may have it for itself.
        client.send(&["GETRANGE k 0 30000000"]);
    }
    eventually("they are closed", || {
        boss.ask("CLIENT LIST").matches("id=").count() <= 3
    });
    assert_eq!(modest.reply().map(|reply| reply.len()), Some(200_011));
    assert_eq!(modest.ask("GET k"), "$1\r\nk\r\n");
    let cut = greedy.iter_mut().filter_map(Client::reply).count();
    assert!(cut <= 1, "{cut} of them have their reply");
    proxy.stop().unwrap();
}
