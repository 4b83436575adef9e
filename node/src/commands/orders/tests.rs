use super::super::testing::TestNode;
use crate::commands::Errand;
use crate::execute::Stop;
use protocol::{Offset, What};

const ME: &str = "n1@0000000000000000";
const OTHER: &str = "n2@00000000000000aa";

/// What the shell does with an order, as far as it is pure.
fn obey(node: &mut TestNode, line: &str) {
    node.send(line);
    let Stop::Errand {
        errand: Errand::Obey(number),
        ..
    } = node.stop
    else {
        panic!("{line}: {:?}", node.stop)
    };
    let end = node.node.replication.offset();
    let member = &mut node.node.member;
    let order = member.order(number).expect("it");
    member.ordered(&order).obey(&order.instruction, Offset(end));
    member.settle();
}

#[test]
fn words_that_are_no_order_are_errors_that_name_them() {
    let mut node = TestNode::new();
    let mut check = |line: &str, what: &str| {
        let reply = node.send(line);
        assert_eq!(reply, format!("-ERR NODE: {what}\r\n"), "{line}");
    };
    check("NODE FENCE", "shard is missing");
    check("NODE FENCE s1 x", "epoch is none");
    check(
        "NODE FENCE s1 1 1 n1",
        "the node is not of the form name@life",
    );
    check("NODE FENCE s1 1 1 n1@12", "the node has no life");
    check(
        &format!("NODE FENCE s1 0 1 {ME}"),
        "epoch is none: the first is 1",
    );
    check(
        &format!("NODE FENCE s1 {} 1 {ME}", u64::MAX),
        "epoch is out of range",
    );
    check(&format!("NODE PROMOTE s1 1 1 {ME}"), "a member is missing");
    check(
        &format!("NODE FOLLOW s1 1 1 {ME} {OTHER} host 70000"),
        "port is none",
    );
    let zork = format!("NODE FENCE s1 1 1 {ME} ZORK");
    assert_eq!(node.send(&zork), "-ERR syntax error\r\n");
    assert!(
        node.send("NODE ZORK")
            .starts_with("-ERR unknown subcommand")
    );
}

#[test]
fn orders_are_understood() {
    let mut node = TestNode::new();
    let mut ordered = |line: &str| {
        node.send(line);
        let Stop::Errand {
            errand: Errand::Obey(number),
            ..
        } = node.stop
        else {
            panic!("{line}")
        };
        node.node.member.order(number).expect("it")
    };
    let order = ordered(&format!("NODE FENCE s1 3 4 {ME} in-sync"));
    assert!(order.waits_for_followers && order.instruction.what == What::Fence);
    assert!(!order.reads_linearizable);
    for (words, waits, is_linearizable) in [
        ("", false, false),
        ("acks in-sync", true, false),
        ("in-sync linearizable", true, true),
        ("IN-SYNC READS LINEARIZABLE", true, true),
        ("acks in-sync reads linearizable", true, true),
    ] {
        let order = ordered(format!("NODE FENCE s1 3 4 {ME} {words}").trim_end());
        let understood = (order.waits_for_followers, order.reads_linearizable);
        assert_eq!(understood, (waits, is_linearizable), "{words}");
    }
    let order = ordered(&format!("NODE FOLLOW s1 3 4 {ME} {OTHER} h 7000 MAY-WIPE"));
    let What::Follow { may_wipe, .. } = order.instruction.what else {
        panic!("FOLLOW")
    };
    assert!(may_wipe);
    assert_eq!(order.leader.expect("a place").port, 7_000);
    let order = ordered(&format!("NODE PROMOTE s1 3 4 {ME} {ME} {OTHER}"));
    let What::Promote(members) = order.instruction.what else {
        panic!("PROMOTE")
    };
    assert_eq!(members.len(), 2);
}

#[test]
fn a_fence_with_other_words_is_an_error() {
    let mut node = TestNode::new();
    for words in [
        "acks",
        "acks async",
        "linearizable",
        "reads linearizable",
        "in-sync reads",
        "in-sync reads x",
        "in-sync linearizable x",
        "in-sync in-sync",
        "acks acks in-sync",
    ] {
        let line = format!("NODE FENCE s1 3 4 {ME} {words}");
        assert_eq!(node.send(&line), "-ERR syntax error\r\n", "{words}");
    }
}

#[test]
fn data_are_served_at_the_epoch_at_which_the_node_leads() {
    let mut node = TestNode::new();
    node.send("SET a 1");
    obey(&mut node, &format!("NODE FENCE s1 1 1 {ME}"));
    node.session.fence_epoch = 1;
    let stale = "-STALEEPOCH 1 0 ";
    let since = "NODE SINCE XREAD BLOCK 0 STREAMS s $";
    for line in ["GET a", "SET a 2", "DBSIZE", "FLUSHALL", since] {
        assert!(node.send(line).starts_with(stale), "{line}");
    }
    assert_eq!(node.send("PING"), "+PONG\r\n");
    obey(&mut node, &format!("NODE PROMOTE s1 1 1 {ME} {ME}"));
    node.session.fence_epoch = 1;
    assert_eq!(node.send("GET a"), "$1\r\n1\r\n");
    assert_eq!(node.send(since), "*1\r\n$3\r\n0-0\r\n");
    // Who is not fenced asks for itself.
    node.session.fence_epoch = 0;
    assert_eq!(node.send("SET a 2"), "+OK\r\n");
    node.session.fence_epoch = 1;
    obey(&mut node, &format!("NODE FENCE s1 2 2 {ME}"));
    assert!(node.send("GET a").starts_with("-STALEEPOCH 2 "));
    obey(&mut node, &format!("NODE PROMOTE s1 2 2 {ME} {ME}"));
    let behind = node.send("GET a");
    assert!(
        behind.starts_with("-STALEEPOCH 2 "),
        "it was sent behind one that is sent again: {behind}"
    );
    node.session.fence_epoch = 2;
    assert_eq!(node.send("GET a"), "$1\r\n2\r\n");
    obey(&mut node, &format!("NODE FENCE s1 3 3 {ME}"));
    node.session.fence_epoch = 0;
    assert!(node.send("GET a").starts_with("-STALEEPOCH 3 "));
    assert!(
        node.send("REPLICAOF h 1")
            .starts_with("-ERR this node belongs to shard s1")
    );
}

#[test]
fn a_status_tells_what_a_node_is() {
    let mut node = TestNode::new();
    let status = node.send("NODE STATUS");
    assert!(
        status.contains("life\r\n$16\r\n0000000000000000\r\n"),
        "{status}"
    );
    obey(&mut node, &format!("NODE PROMOTE s1 7 9 {ME} {ME} {OTHER}"));
    let status = node.send("NODE STATUS");
    for part in [
        "primary",
        "role-epoch\r\n$1\r\n7",
        "applied-rev\r\n$1\r\n9",
        OTHER,
    ] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert!(node.send("NODE STATUS x").starts_with("-ERR"));
    assert!(
        node.send("NODE STATUS")
            .ends_with("cannot-write\r\n$2\r\nno\r\n")
    );
    node.node.persistence.log_failure = Some("no space".to_owned());
    node.node.persistence.settle();
    assert!(
        node.send("NODE STATUS")
            .ends_with("cannot-write\r\n$3\r\nyes\r\n")
    );
}

#[test]
fn settings_are_taken_by_who_follows_their_leader_alone() {
    let mut node = TestNode::new();
    let take = |life: &str| format!("NODE TAKE n2@{life} slowlog-max-len 7 hz 0 zork 1");
    let life = "0000000000000002";
    assert!(node.send(&take(life)).starts_with('-'));
    obey(
        &mut node,
        &format!("NODE FOLLOW s1 1 1 {ME} n2@{life} 127.0.0.1 7002"),
    );
    assert!(node.send(&take("0000000000000003")).starts_with('-'));
    assert!(
        node.send("NODE TAKE n2@0000000000000002 hz")
            .starts_with('-')
    );
    node.expect(&[(
        "CONFIG GET slowlog-max-len",
        "*2 $15 slowlog-max-len $3 128",
    )]);
    let refused = node.send(&take(life));
    assert!(refused.starts_with("*1\r\n"), "{refused}");
    assert!(refused.contains("zork"), "{refused}");
    node.expect(&[("CONFIG GET slowlog-max-len", "*2 $15 slowlog-max-len $1 7")]);
    let told = node.send("NODE SETTINGS");
    assert!(
        told.contains("slowlog-max-len") && told.contains("hz"),
        "{told}"
    );
}
