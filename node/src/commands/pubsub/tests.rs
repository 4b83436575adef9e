use crate::client::{Identity, Session};
use crate::commands::testing::TestNode;
use crate::node_state::ClientKey;
use shared::resp::Protocol;

/// Another client, which hears what is published.
fn enter(node: &mut TestNode, protocol: Protocol) -> ClientKey {
    let id = node.node.clients.next_id();
    let session = Session {
        protocol,
        ..Session::default()
    };
    node.node.clients.enter(Identity::new(id, 0), session)
}

/// What lies ready for it, which it takes.
fn take(node: &mut TestNode, client: ClientKey) -> String {
    let outbox = &mut node.node.clients.at(client).outbox;
    let mut all = Vec::new();
    while !outbox.ready().is_empty() {
        all.extend_from_slice(outbox.ready());
        let bytes = outbox.ready().len();
        outbox.wrote(bytes);
    }
    String::from_utf8_lossy(&all).replace("\r\n", " ")
}

#[test]
fn every_name_is_answered_with_how_many_there_are_now() {
    let mut node = TestNode::new();
    node.expect(&[
        (
            "SUBSCRIBE a b a",
            "*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2 *3 $9 subscribe $1 a :2",
        ),
        ("PSUBSCRIBE a*", "*3 $10 psubscribe $2 a* :3"),
        ("SSUBSCRIBE a", "*3 $10 ssubscribe $1 a :1"),
        ("UNSUBSCRIBE zork", "*3 $11 unsubscribe $4 zork :3"),
        (
            "UNSUBSCRIBE",
            "*3 $11 unsubscribe $1 a :2 *3 $11 unsubscribe $1 b :1",
        ),
        ("UNSUBSCRIBE", "*3 $11 unsubscribe $-1 :1"),
        (
            "PUNSUBSCRIBE a* a*",
            "*3 $12 punsubscribe $2 a* :0 *3 $12 punsubscribe $2 a* :0",
        ),
        ("PUNSUBSCRIBE", "*3 $12 punsubscribe $-1 :0"),
        ("SUNSUBSCRIBE", "*3 $12 sunsubscribe $1 a :0"),
        ("SUNSUBSCRIBE", "*3 $12 sunsubscribe $-1 :0"),
        ("GET a", "$-1"),
    ]);
    assert!(node.node.subscriptions.is_empty());
    let mut node = TestNode::new_resp3();
    node.expect(&[
        ("SUBSCRIBE a", ">3 $9 subscribe $1 a :1"),
        ("SUNSUBSCRIBE", ">3 $12 sunsubscribe _ :0"),
        ("GET a", "_"),
    ]);
}

#[test]
fn a_subscriber_that_speaks_resp2_has_only_to_do_with_its_subscriptions() {
    let mut node = TestNode::new();
    let refused = |name: &str| {
        format!(
            "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )
    };
    for topic in ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"] {
        node.send(&format!("{topic} a"));
        node.expect(&[
            ("GET a", &refused("get")),
            ("CONFIG GET *", &refused("config|get")),
            ("HELLO 3", &refused("hello")),
            ("PUBLISH a b", &refused("publish")),
            ("GET", "-ERR wrong number of arguments for 'get' command"),
            ("PING", "*2 $4 pong $0 "),
            ("PING x", "*2 $4 pong $1 x"),
            (
                "PING x y",
                "-ERR wrong number of arguments for 'ping' command",
            ),
            ("RESET", "+RESET"),
            ("PING", "+PONG"),
        ]);
        assert!(node.node.subscriptions.is_empty());
    }
    node.expect(&[
        ("HELLO 3", &node_greeting(3)),
        ("SUBSCRIBE a", ">3 $9 subscribe $1 a :1"),
    ]);
    node.expect(&[
        ("PING", "+PONG"),
        ("GET a", "_"),
        ("HELLO 2", &node_greeting(2)),
        ("GET a", &refused("get")),
    ]);
}

fn node_greeting(protocol: u8) -> String {
    let mut node = TestNode::new();
    let greeting = node.send(&format!("HELLO {protocol}"));
    greeting.trim_end().replace("\r\n", " ")
}

#[test]
fn messages_come_before_the_reply_and_whatever_the_client_wants_to_hear() {
    let mut node = TestNode::new_resp3();
    let other = enter(&mut node, Protocol::Resp2);
    let subscribed = node
        .node
        .subscriptions
        .subscribe(other, shared::pubsub::Topic::Pattern, b"*");
    assert!(subscribed.is_ok());
    node.expect(&[
        ("SUBSCRIBE a", ">3 $9 subscribe $1 a :1"),
        ("PUBLISH a x", ">3 $7 message $1 a $1 x :2"),
        ("CLIENT REPLY OFF", ""),
        ("PUBLISH a y", ">3 $7 message $1 a $1 y"),
        ("SUBSCRIBE b", ">3 $9 subscribe $1 b :2"),
        ("PING", ""),
        ("CLIENT REPLY ON", "+OK"),
        ("SPUBLISH a z", ":0"),
        ("PUBLISH c z", ":1"),
    ]);
    let expected = ["a $1 x", "a $1 y", "c $1 z"]
        .map(|end| format!("*4 $8 pmessage $1 * $1 {end} "))
        .concat();
    assert_eq!(take(&mut node, other), expected);
}

#[test]
fn who_has_subscribed_is_told() {
    let mut node = TestNode::new_resp3();
    let other = enter(&mut node, Protocol::Resp2);
    let topic = shared::pubsub::Topic::Channel;
    let subscribed = node.node.subscriptions.subscribe(other, topic, b"b");
    assert!(subscribed.is_ok());
    node.send("SUBSCRIBE b ac ab");
    node.send("SSUBSCRIBE s");
    node.send("PSUBSCRIBE b* c*");
    let unknown =
        "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.";
    node.expect(&[
        ("PUBSUB CHANNELS", "*3 $2 ab $2 ac $1 b"),
        ("PUBSUB CHANNELS a*", "*2 $2 ab $2 ac"),
        ("PUBSUB CHANNELS zork", "*0"),
        ("PUBSUB CHANNELS a b", unknown),
        ("PUBSUB SHARDCHANNELS", "*1 $1 s"),
        ("PUBSUB NUMSUB b ab zork", "*6 $1 b :2 $2 ab :1 $4 zork :0"),
        ("PUBSUB NUMSUB", "*0"),
        ("PUBSUB SHARDNUMSUB s b", "*4 $1 s :1 $1 b :0"),
        ("PUBSUB NUMPAT", ":2"),
        (
            "PUBSUB ZORK",
            "-ERR unknown subcommand 'ZORK'. Try PUBSUB HELP.",
        ),
    ]);
    let info = node.send("INFO stats");
    for line in [
        "pubsub_channels:3",
        "pubsub_patterns:2",
        "pubsubshard_channels:1",
    ] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line}");
    }
    let line = node.send("CLIENT INFO");
    assert!(
        line.contains(" flags=P db=0 sub=3 psub=2 ssub=1 "),
        "{line}"
    );
    let list = node.send("CLIENT LIST TYPE pubsub");
    assert!(list.contains("id=1 ") && !list.contains("id=2 "), "{list}");
    assert_eq!(node.send("CLIENT KILL TYPE normal"), ":1\r\n");
    assert_eq!(node.send("CLIENT KILL TYPE pubsub SKIPME no"), ":1\r\n");
}

#[test]
fn very_many_names_are_treated_with_others_in_between() {
    let mut node = TestNode::new_resp3();
    let names: Vec<String> = (0..5_000).map(|number| format!("n{number:04}")).collect();
    let request = |name: &str| -> Vec<String> {
        let words = std::iter::once(name.to_owned());
        words.chain(names.iter().cloned()).collect()
    };
    let answered = node.run(&request("SUBSCRIBE"));
    assert_eq!(answered.matches("subscribe").count(), 5_000);
    assert!(answered.ends_with("$5\r\nn4999\r\n:5000\r\n"));
    let listed = node.send("PUBSUB CHANNELS n*");
    assert!(listed.starts_with("*5000\r\n$5\r\nn0000\r\n"));
    assert_eq!(listed.matches("$5\r\n").count(), 5_000);
    assert_eq!(node.send("PUBSUB CHANNELS n499*").matches("$5").count(), 10);
    let answered = node.send("UNSUBSCRIBE");
    assert_eq!(answered.matches("unsubscribe").count(), 5_000);
    assert!(answered.ends_with("$5\r\nn4999\r\n:0\r\n"));
    assert_eq!(
        node.send("UNSUBSCRIBE"),
        ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n"
    );
    node.run(&request("SSUBSCRIBE"));
    let answered = node.run(&request("SUNSUBSCRIBE"));
    assert_eq!(answered.matches("sunsubscribe").count(), 5_000);
    node.run(&request("PSUBSCRIBE"));
    assert_eq!(node.send("RESET"), "+RESET\r\n");
    assert!(node.node.subscriptions.is_empty());
}

#[test]
fn what_is_too_much_is_said_and_what_came_before_stays() {
    let mut node = TestNode::new_resp3();
    let long = "x".repeat(shared::glob::LONGEST_PATTERN_BYTES + 1);
    let answered = node.send(&format!("PSUBSCRIBE a {long} b"));
    assert_eq!(
        answered,
        ">3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n-ERR the pattern has more than 65536 bytes\r\n"
    );
    node.expect(&[
        ("PSUBSCRIBE b", ">3 $10 psubscribe $1 b :2"),
        ("PUBSUB NUMPAT", ":2"),
    ]);
}
