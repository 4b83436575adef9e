//! Each rule with replies as nodes send them, and what is said when a part fails.

use shared::command::MissingShard;
use shared::resp::Protocol;

use super::*;

fn said(text: &str) -> Part {
    Part::Reply(Bytes::copy_from_slice(text.as_bytes()))
}

fn merged(plan: &Plan, parts: &[Part]) -> String {
    let shards: Vec<Box<str>> = (1..=parts.len())
        .map(|number| format!("s{number}").into())
        .collect();
    let mut out = Pieces::new(Vec::new(), Protocol::Resp2);
    merge(plan, &Parts::of(parts, &shards, 1), &mut out);
    String::from_utf8(out.into_vec().concat()).unwrap()
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
        Merge::EveryOne,
        &["*2\r\n:1\r\n:1\r\n", "*2\r\n:1\r\n:0\r\n"],
        "*2\r\n:1\r\n:0\r\n",
    );
}

#[test]
fn where_one_is_enough_a_shard_that_says_nothing_is_told_before_those_that_have_nothing() {
    let plan = Plan::Table {
        rule: Merge::AnyOk,
        change: Change::None,
    };
    let parts = [said("-NOTBUSY none\r\n"), Part::Down("s2".into())];
    let told = merged(&plan, &parts);
    assert!(
        told.starts_with("-CLUSTERDOWN ") && told.contains("s2"),
        "{told}"
    );
    let parts = [Part::Down("s1".into()), said("+OK\r\n")];
    assert_eq!(merged(&plan, &parts), "+OK\r\n");
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
fn settings_of_the_proxy_replace_those_of_nodes() {
    let own = vec![("port", "6379".to_owned())];
    let parts = [
        said("*4\r\n$4\r\nport\r\n$1\r\n1\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"),
        Part::Down("s2".into()),
    ];
    // What some have together is not what all have.
    assert_eq!(
        merged(&Plan::ConfigGet(own), &parts),
        "*2\r\n$4\r\nport\r\n$4\r\n6379\r\n"
    );
    let only = said("*2\r\n$9\r\nmaxmemory\r\n$1\r\n9\r\n");
    let plan = Plan::WithoutLost(Box::new(Plan::ConfigGet(Vec::new())));
    let alone = merged(&plan, &[only.clone(), Part::Down("s2".into())]);
    assert!(alone.starts_with("-CLUSTERDOWN shard s2 "), "{alone}");
    let sum = merged(&plan, &[only.clone(), only]);
    assert_eq!(sum, "*2\r\n$9\r\nmaxmemory\r\n$2\r\n18\r\n");
}

#[test]
fn a_random_key_is_as_likely_as_any_other_whatever_its_shard() {
    // Shards of 10, 0, 990 and 3,000 keys; each draw is one of the shard's keys, so only shards are counted.
    let sizes = [10_u64, 0, 990, 3_000];
    let shards: Vec<Box<str>> = (0..8)
        .map(|number| format!("s{}", number % 4).into())
        .collect();
    let parts: Vec<Part> = (0..4)
        .map(|shard| match sizes[shard] {
            0 => said("$-1\r\n"),
            _ => said(&format!("$1\r\n{shard}\r\n")),
        })
        .chain(sizes.iter().map(|size| said(&format!(":{size}\r\n"))))
        .collect();
    const DRAWS: u32 = 40_000;
    let mut seen = [0_u32; 4];
    let mut dice: u64 = 1;
    for _ in 0..DRAWS {
        // SplitMix64.
        dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (dice ^ dice >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut out = Pieces::new(Vec::new(), Protocol::Resp2);
        merge(
            &Plan::AnyKey,
            &Parts::of(&parts, &shards, mixed ^ mixed >> 31),
            &mut out,
        );
        let reply = out.into_vec().concat();
        seen[usize::from(reply[4] - b'0')] += 1;
    }
    assert_eq!(seen[1], 0, "it has no key");
    let chi_square: f64 = [0, 2, 3]
        .map(|shard| {
            let expected = f64::from(DRAWS) * sizes[shard] as f64 / 4_000.0;
            (f64::from(seen[shard]) - expected).powi(2) / expected
        })
        .iter()
        .sum();
    // Two degrees of freedom: more than this has a probability of one in a million.
    assert!(chi_square < 27.6, "{seen:?}: {chi_square}");
}

#[test]
fn a_random_key_of_nothing_is_null() {
    let parts = [
        said("$-1\r\n"),
        said("$-1\r\n"),
        said(":0\r\n"),
        said(":0\r\n"),
    ];
    assert_eq!(merged(&Plan::AnyKey, &parts), "$-1\r\n");
    // A key that came between the two questions.
    let parts = [said("$1\r\na\r\n"), said(":0\r\n")];
    assert_eq!(merged(&Plan::AnyKey, &parts), "$1\r\na\r\n");
}

/// An entry of a node's slow log.
fn entry(id: i64, seconds: i64, command: &str) -> String {
    format!(
        "*3\r\n:{id}\r\n:{seconds}\r\n${}\r\n{command}\r\n",
        command.len()
    )
}

fn log(entries: &[String]) -> Part {
    said(&format!("*{}\r\n{}", entries.len(), entries.concat()))
}

fn most(count: usize) -> Part {
    let text = count.to_string();
    said(&format!(
        "*2\r\n$15\r\nslowlog-max-len\r\n${}\r\n{text}\r\n",
        text.len()
    ))
}

#[test]
fn slow_logs_become_one_with_its_own_ids_in_order_of_time() {
    let first = log(&[entry(9, 105, "d"), entry(8, 103, "c"), entry(7, 103, "b")]);
    let second = log(&[entry(9, 104, "y"), entry(8, 103, "x")]);
    let shown = |plan: &Plan, limit: usize| -> Vec<(i64, String)> {
        let parts = [first.clone(), second.clone(), most(limit), most(limit)];
        let reply = merged(plan, &parts);
        let entries = Elements::of(reply.as_bytes()).unwrap();
        entries
            .map(|entry| {
                let mut fields = Elements::of(entry).unwrap();
                let id = fields.next().and_then(reply::integer).unwrap();
                let command = fields.nth(1).and_then(reply::bulk).unwrap();
                (id, String::from_utf8_lossy(command).into_owned())
            })
            .collect()
    };
    let all = shown(&Plan::SlowlogGet(-1), 128);
    let commands: String = all.iter().map(|(_, command)| &**command).collect();
    assert_eq!(commands, "dyxcb");
    assert!(all.windows(2).all(|pair| pair[0].0 > pair[1].0), "{all:?}");
    assert!(all.iter().all(|(id, _)| *id < 1 << 53));
    assert_eq!(shown(&Plan::SlowlogGet(2), 128), all[..2], "ids stay");
    assert_eq!(
        shown(&Plan::SlowlogGet(-1), 3),
        all[..3],
        "as long as the setting says"
    );
    let lengths = [said(":3\r\n"), said(":2\r\n")];
    let length = |limit: usize| {
        merged(
            &Plan::SlowlogLen,
            &[
                lengths[0].clone(),
                lengths[1].clone(),
                most(limit),
                most(limit),
            ],
        )
    };
    assert_eq!((&*length(128), &*length(4)), (":5\r\n", ":4\r\n"));
    // One shard's log is shown as it is.
    let parts = [second.clone(), most(128)];
    assert!(merged(&Plan::SlowlogGet(1), &parts).starts_with("*1\r\n*3\r\n:9\r\n:104\r\n"));
}

#[test]
fn what_does_without_the_lost_is_what_the_others_say() {
    let down = || Part::Down("s2".into());
    let len = Plan::SlowlogLen.with_missing(MissingShard::LeftOut);
    let parts = [said(":3\r\n"), down(), most(9), down()];
    assert_eq!(merged(&len, &parts), ":3\r\n");
    // Half of what it was asked is not enough.
    let parts = [said(":3\r\n"), said(":2\r\n"), most(9), down()];
    assert_eq!(merged(&len, &parts), ":3\r\n");
    let get = Plan::SlowlogGet(-1).with_missing(MissingShard::LeftOut);
    let parts = [down(), log(&[entry(1, 7, "a")]), down(), most(9)];
    let with_all = [log(&[]), log(&[entry(1, 7, "a")]), most(9), most(9)];
    assert_eq!(merged(&get, &parts), merged(&get, &with_all), "ids stay");
    // Nobody is there.
    let parts = [down(), down(), down(), down()];
    assert!(merged(&len, &parts).starts_with("-CLUSTERDOWN shard s1 "));
    assert!(
        merged(
            &Plan::SlowlogLen,
            &[said(":3\r\n"), down(), most(9), down()]
        )
        .starts_with("-CLUSTERDOWN shard s2 ")
    );
}

#[test]
fn a_node_that_refuses_the_password_is_not_called_down() {
    let plan = Plan::Table {
        rule: Merge::Sum,
        change: Change::None,
    };
    let reply = merged(&plan, &[said(":1\r\n"), Part::Barred("s2".into())]);
    assert!(
        reply.starts_with("-CLUSTERDOWN the node of shard s2 refuses the proxy's password"),
        "{reply}"
    );
}

#[test]
fn a_limit_of_all_shards_is_what_they_have_together() {
    let said_of = |bytes: &str| {
        said(&format!(
            "*4\r\n$2\r\nhz\r\n$2\r\n10\r\n$9\r\nmaxmemory\r\n${}\r\n{bytes}\r\n",
            bytes.len()
        ))
    };
    let plan = Plan::ConfigGet(Vec::new());
    assert_eq!(
        merged(&plan, &[said_of("100"), said_of("200")]),
        "*4\r\n$2\r\nhz\r\n$2\r\n10\r\n$9\r\nmaxmemory\r\n$3\r\n300\r\n"
    );
    assert!(merged(&plan, &[said_of("100"), said_of("0")]).ends_with("$1\r\n0\r\n"));
    // A name that was asked for in full comes back as it was written.
    let written = said("*2\r\n$9\r\nmaXmEmORy\r\n$3\r\n100\r\n");
    let both = merged(&plan, &[written.clone(), written]);
    assert_eq!(both, "*2\r\n$9\r\nmaXmEmORy\r\n$3\r\n200\r\n");
}
