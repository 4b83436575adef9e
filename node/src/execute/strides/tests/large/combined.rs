//! Large collections that are combined, or copied to another place.

use super::{members, node_with_two_of_each, strings};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn large_sets_are_combined_as_small_ones_are() {
    for count in [10, 100, 2_000] {
        let mut node = node_with_two_of_each(count);
        let one: BTreeSet<String> = members(0..count).into_iter().collect();
        let two: BTreeSet<String> = members(count / 2..count / 2 + count).into_iter().collect();
        for (command, expected) in [
            ("UNION", one.union(&two).cloned().collect::<BTreeSet<_>>()),
            ("INTER", one.intersection(&two).cloned().collect()),
            ("DIFF", one.difference(&two).cloned().collect()),
        ] {
            let told = node.send(&format!("S{command} set:one none set:two"));
            let empty = command == "INTER";
            let told: BTreeSet<String> = strings(&told).into_iter().map(str::to_owned).collect();
            assert!(
                told == if empty {
                    BTreeSet::new()
                } else {
                    expected.clone()
                },
                "{command}"
            );
            let told = node.send(&format!("S{command} set:one set:two"));
            let told: BTreeSet<String> = strings(&told).into_iter().map(str::to_owned).collect();
            assert!(told == expected, "{command} of {count}");
            let stored = node.send(&format!("S{command}STORE stored set:one set:two"));
            assert_eq!(
                stored,
                format!(":{}\r\n", expected.len()),
                "{command} of {count}"
            );
            let told = node.send("SMEMBERS stored");
            let told: BTreeSet<String> = strings(&told).into_iter().map(str::to_owned).collect();
            assert!(told == expected, "{command}STORE of {count}");
        }
        // Many others: all of the first are looked at, and taken away.
        let many = "set:two ".repeat(9);
        let told = node.send(&format!("SDIFF set:one {}", many.trim_end()));
        assert_eq!(strings(&told).len(), count / 2);
        for (limit, expected) in [(0, count / 2), (3, 3), (count, count / 2)] {
            let counted = node.send(&format!("SINTERCARD 2 set:one set:two LIMIT {limit}"));
            assert_eq!(counted, format!(":{expected}\r\n"));
            let counted = node.send(&format!("ZINTERCARD 2 zset:one set:two LIMIT {limit}"));
            assert_eq!(counted, format!(":{expected}\r\n"));
        }
    }
}

#[test]
fn large_sorted_sets_are_combined_as_small_ones_are() {
    for count in [10, 100, 2_000] {
        let mut node = node_with_two_of_each(count);
        let scores = |numbers: std::ops::Range<usize>| -> BTreeMap<String, usize> {
            let scored = numbers.map(|number| (format!("member:{number}"), number * 7919 % 1_000));
            scored.collect()
        };
        let (one, two) = (scores(0..count), scores(count / 2..count / 2 + count));
        let mut union = one.clone();
        for (member, score) in &two {
            *union.entry(member.clone()).or_insert(0) += score * 2;
        }
        for (member, score) in &mut union {
            // The members of the first one alone have the weight 1, which is theirs already.
            if !two.contains_key(member) {
                *score = one[member];
            }
        }
        let in_both = |member: &String| one.contains_key(member) && two.contains_key(member);
        let intersection = union
            .clone()
            .into_iter()
            .filter(|(member, _)| in_both(member));
        let difference = one
            .clone()
            .into_iter()
            .filter(|(member, _)| !in_both(member));
        for (command, options, expected) in [
            ("UNION", " WEIGHTS 1 2", union.clone()),
            ("INTER", " WEIGHTS 1 2", intersection.collect()),
            ("DIFF", "", difference.collect()),
        ] {
            let mut expected: Vec<(usize, String)> = expected
                .into_iter()
                .map(|(member, score)| (score, member))
                .collect();
            expected.sort();
            let expected: Vec<String> = expected
                .into_iter()
                .flat_map(|(score, member)| [member, score.to_string()])
                .collect();
            let told = node.send(&format!(
                "Z{command} 2 zset:one zset:two{options} WITHSCORES"
            ));
            assert!(strings(&told) == expected, "{command} of {count}");
            let stored = node.send(&format!(
                "Z{command}STORE stored 2 zset:one zset:two{options}"
            ));
            assert_eq!(stored, format!(":{}\r\n", expected.len() / 2));
            let told = node.send("ZRANGE stored 0 -1 WITHSCORES");
            assert!(strings(&told) == expected, "{command}STORE of {count}");
        }
        let stored = node.send("ZRANGESTORE part zset:one 3 -2 REV");
        assert_eq!(stored, format!(":{}\r\n", count - 4));
        let (part, all) = (
            node.send("ZRANGE part 0 -1"),
            node.send("ZRANGE zset:one 1 -4"),
        );
        assert_eq!(part, all);
    }
}

#[test]
fn large_collections_are_copied_and_moved_whole() {
    for count in [100, 3_000] {
        let mut node = node_with_two_of_each(count);
        node.send("XGROUP CREATE stream:one group 0");
        node.send("XREADGROUP GROUP group me COUNT 500 STREAMS stream:one >");
        node.send("XDEL stream:one 7-1");
        node.send("ZADD zset:one 0.5 x");
        let show = |key: &str| match key.split(':').next() {
            Some("set") => format!("SSCAN {key} 0 COUNT 100000"),
            Some("zset") => format!("ZRANGE {key} 0 -1 WITHSCORES"),
            Some("hash") => format!("HGETALL {key}"),
            Some("list") => format!("LRANGE {key} 0 -1"),
            _ => format!("XINFO STREAM {key} FULL COUNT 0"),
        };
        let sorted = |reply: &str| {
            let mut lines: Vec<String> = reply.split("\r\n").map(str::to_owned).collect();
            lines.sort();
            lines
        };
        for key in ["set:one", "zset:one", "hash:one", "list:one", "stream:one"] {
            let original = sorted(&node.send(&show(key)));
            node.send(&format!("PEXPIRE {key} 100000"));
            let copy = key.replace("one", "copy");
            let encoding = node.send(&format!("OBJECT ENCODING {key}"));
            assert_eq!(node.send(&format!("COPY {key} {copy}")), ":1\r\n");
            assert!(
                sorted(&node.send(&show(&copy))) == original,
                "{copy} of {count}"
            );
            assert_eq!(node.send(&format!("OBJECT ENCODING {copy}")), encoding);
            assert_eq!(node.send(&format!("PTTL {copy}")), ":100000\r\n");
            assert_eq!(node.send(&format!("COPY {key} {copy}")), ":0\r\n");
            assert_eq!(
                node.send(&format!("COPY {key} {copy} DB 1 REPLACE")),
                ":1\r\n"
            );
            assert_eq!(node.send(&format!("MOVE {key} 1")), ":1\r\n");
            assert_eq!(node.send(&format!("EXISTS {key}")), ":0\r\n");
            node.send("SELECT 1");
            assert!(
                sorted(&node.send(&show(key))) == original,
                "{key} of {count}, moved"
            );
            assert!(
                sorted(&node.send(&show(&copy))) == original,
                "{copy} in another database"
            );
            assert_eq!(node.send(&format!("PTTL {key}")), ":100000\r\n");
            node.send("SELECT 0");
        }
    }
}
