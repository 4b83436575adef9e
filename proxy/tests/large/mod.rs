//! Large requests through the proxy, before nodes that do as they are told.

use crate::support::client::Client;
use crate::support::node::{FakeNode, Manner};
use crate::support::{eventually, settings, start};
use shared::resp::encode_request;

fn frame(words: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_request(&mut out, words);
    out
}

#[test]
fn a_large_request_that_was_handed_over_is_repeated_or_unknown_when_its_node_is_lost() {
    let node = FakeNode::start();
    let proxy = start(settings(), &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let large = "x".repeat(1_500_000);
    let (write, read) = (frame(&["SET", "handed", &large]), frame(&["GET", &large]));
    let answer = format!("$1500000\r\n{large}\r\n");
    node.behave(Manner::Mute);
    for request in [&write, &read] {
        let received = node.log().len();
        // What follows has begun to arrive in the same buffer.
        client.send_bytes(&[&request[..], b"*2\r\n$3\r\nG"].concat());
        eventually("the request arrives", || node.log().len() > received);
        node.kill();
        node.behave(Manner::Good);
        node.come_back();
        client.send_bytes(b"ET\r\n$5\r\nafter\r\n");
        let first = client.reply().unwrap();
        if request == &write {
            assert!(
                first.starts_with("-UNKNOWN shard s0 did not reply"),
                "{first}"
            );
        } else {
            assert!(first == answer, "a read is sent again, whole");
        }
        assert_eq!(client.reply().unwrap(), "$5\r\nafter\r\n");
        node.behave(Manner::Mute);
    }
    let count = |start: &str| {
        node.log()
            .iter()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!((count("SET handed"), count("GET xxx")), (1, 2));
    proxy.stop().unwrap();
}

#[test]
fn large_requests_keep_their_order_with_small_ones_when_the_line_is_full() {
    let node = FakeNode::start();
    let mut config = settings();
    config.pipe_queue_bytes = shared::config::ByteCount(64 << 10);
    let proxy = start(config, &[&node]);
    let mut client = Client::connect(proxy.client_address());
    let value = "v".repeat(700_000);
    let mut bytes = Vec::new();
    for number in 0..8 {
        bytes.extend_from_slice(&frame(&["SET", &format!("large{number}"), &value]));
        for small in 0..3 {
            bytes.extend_from_slice(&frame(&["GET", &format!("small{number}-{small}")]));
        }
    }
    client.send_bytes(&bytes);
    let mut expected = Vec::new();
    for number in 0..8 {
        assert_eq!(client.reply().unwrap(), "+OK\r\n");
        expected.push(format!("SET large{number} {value}"));
        for small in 0..3 {
            let key = format!("small{number}-{small}");
            assert_eq!(client.reply().unwrap(), format!("$8\r\n{key}\r\n"));
            expected.push(format!("GET {key}"));
        }
    }
    assert!(node.log() == expected, "each request once, in order, whole");
    proxy.stop().unwrap();
}
