//! Each rule with replies as nodes send them, and what is said when a part fails.

use super::*;

fn said(text: &str) -> Part {
    Part::Reply(text.as_bytes().to_vec())
}

fn merged(plan: &Plan, parts: &[Part]) -> String {
    let shards: Vec<Box<str>> = (1..=parts.len())
        .map(|number| format!("s{number}").into())
        .collect();
    let parts = Parts {
        parts,
        shards: &shards,
        chance: 1,
    };
    let mut out = Vec::new();
    merge(plan, parts, Protocol::Resp2, &mut out);
    String::from_utf8(out).unwrap()
}

fn check(rule: Merge, replies: &[&str], expected: &str) {
    let parts: Vec<Part> = replies.iter().map(|text| said(text)).collect();
    let plan = Plan::Table {
        rule,
        change: Change::None,
    };
    assert_eq!(merged(&plan, &parts), expected, "{rule:?} of {replies:?}");
}

#[test]
fn each_rule_makes_one_reply() {
    check(Merge::Sum, &[":1\r\n", ":2\r\n"], ":3\r\n");
    check(Merge::Least, &[":5\r\n", ":2\r\n"], ":2\r\n");
    check(Merge::AllOk, &["+OK\r\n", "+OK\r\n"], "+OK\r\n");
    check(Merge::AnyOk, &["-ERR no such key\r\n", "+a\r\n"], "+a\r\n");
    check(
        Merge::AnyOk,
        &["-ERR no such key\r\n", "-ERR x\r\n"],
        "-ERR no such key\r\n",
    );
    check(
        Merge::Concat,
        &["*1\r\n$1\r\na\r\n", "*0\r\n", "*1\r\n$1\r\nb\r\n"],
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    );
    check(
        Merge::AnyNonNull,
        &["$-1\r\n", "$1\r\na\r\n"],
        "$1\r\na\r\n",
    );
    check(Merge::AnyNonNull, &["$-1\r\n", "$-1\r\n"], "$-1\r\n");
    check(
        Merge::EveryOne,
        &["*2\r\n:1\r\n:1\r\n", "*2\r\n:1\r\n:0\r\n"],
        "*2\r\n:1\r\n:0\r\n",
    );
}

#[test]
fn elements_go_back_to_the_places_of_their_keys() {
    let plan = Plan::KeyOrder(vec![1, 0, 1]);
    let parts = [said("*1\r\n$1\r\nb\r\n"), said("*2\r\n$1\r\na\r\n$-1\r\n")];
    assert_eq!(merged(&plan, &parts), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n");
    let short = [said("*1\r\n$1\r\nb\r\n"), said("*1\r\n$1\r\na\r\n")];
    assert!(merged(&plan, &short).starts_with("-ERR a shard's reply"));
}

#[test]
fn one_failed_part_fails_the_whole_and_its_shard_is_named() {
    let read = Plan::Table {
        rule: Merge::Sum,
        change: Change::None,
    };
    let write = Plan::Table {
        rule: Merge::Sum,
        change: Change::Share,
    };
    let ok = || said(":1\r\n");
    let down = || Part::Down("s2".into());
    let unknown = || Part::Unknown("s2".into());
    let starts = |plan: &Plan, parts: &[Part], expected: &str| {
        let text = merged(plan, parts);
        assert!(
            text.starts_with(expected),
            "{text} should start with {expected}"
        );
    };
    starts(&read, &[ok(), down()], "-CLUSTERDOWN shard s2 ");
    starts(&read, &[ok(), unknown()], "-UNKNOWN shard s2 did not reply");
    starts(
        &write,
        &[ok(), down()],
        "-UNKNOWN shard s2 failed; the command may have been applied in part",
    );
    starts(
        &write,
        &[ok(), unknown()],
        "-UNKNOWN shard s2 failed; the command may have been applied in part",
    );
    // Nothing was done anywhere: the truth is the better news.
    starts(
        &write,
        &[Part::Down("s1".into()), down()],
        "-CLUSTERDOWN shard s1 ",
    );
    starts(
        &write,
        &[Part::Down("s1".into()), unknown()],
        "-UNKNOWN shard s2 did not reply",
    );
    starts(
        &write,
        &[ok(), said("-OOM full\r\n")],
        "-OOM full (shard s2; the command may have been applied in part)\r\n",
    );
    starts(
        &read,
        &[said("-ERR x\r\n"), said("-ERR x\r\n")],
        "-ERR x\r\n",
    );
    // In a later round, even one part that failed leaves half a change.
    let later = write.behind_others();
    starts(
        &later,
        &[Part::Down("s1".into())],
        "-UNKNOWN shard s1 failed; the command may have been applied in part",
    );
    starts(
        &later,
        &[said("-OOM full\r\n"), said("-OOM full\r\n")],
        "-OOM full (shard s1; the command may have been applied in part)\r\n",
    );
    starts(&later, &[ok()], ":1\r\n");
    starts(
        &read.behind_others(),
        &[ok(), down()],
        "-CLUSTERDOWN shard s2 ",
    );
}

#[test]
fn slow_commands_of_all_shards_come_newest_first() {
    let entry = |time: u8| format!("*3\r\n:0\r\n:{time}\r\n:5\r\n");
    let parts = [
        said(&format!("*2\r\n{}{}", entry(9), entry(1))),
        said(&format!("*1\r\n{}", entry(5))),
    ];
    assert_eq!(
        merged(&Plan::SlowlogGet(2), &parts),
        format!("*2\r\n{}{}", entry(9), entry(5))
    );
    assert_eq!(
        merged(&Plan::SlowlogGet(-1), &parts),
        format!("*3\r\n{}{}{}", entry(9), entry(5), entry(1))
    );
}

#[test]
fn settings_of_the_proxy_replace_those_of_nodes() {
    let own = vec![("port", "6379".to_owned())];
    let parts = [
        said("*4\r\n$4\r\nport\r\n$1\r\n1\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"),
        Part::Down("s2".into()),
    ];
    assert_eq!(
        merged(&Plan::ConfigGet(own), &parts),
        "*4\r\n$4\r\nport\r\n$4\r\n6379\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"
    );
}
