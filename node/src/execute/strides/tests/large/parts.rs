//! Parts of large collections that are found, told, or go.

use super::{members, node_with_two_of_each, pairs, strings, words};
use crate::commands::testing::TestNode;
use std::collections::BTreeSet;

#[test]
fn elements_of_long_lists_are_found_and_go_as_those_of_short_ones_do() {
    for count in [10, 900, 6_000] {
        let mut node = TestNode::new();
        // Every third one is `a`, the others differ.
        let element = |nth: usize| match nth % 3 {
            0 => "a".to_owned(),
            _ => format!("element:{nth}"),
        };
        let all: Vec<String> = (0..count).map(element).collect();
        let fill = |node: &mut TestNode| {
            node.send("DEL list");
            node.run(&words("RPUSH list", all.clone()));
        };
        let places: Vec<usize> = (0..count).step_by(3).collect();
        let integers = |places: &mut dyn Iterator<Item = &usize>| {
            let places: Vec<String> = places.map(|place| format!(":{place}\r\n")).collect();
            format!("*{}\r\n{}", places.len(), places.concat())
        };
        let elements = |node: &mut TestNode| -> Vec<String> {
            let reply = node.send("LRANGE list 0 -1");
            strings(&reply).into_iter().map(str::to_owned).collect()
        };
        fill(&mut node);
        for (command, expected) in [
            ("LPOS list a COUNT 0", integers(&mut places.iter())),
            (
                "LPOS list a COUNT 0 RANK -2",
                integers(&mut places.iter().rev().skip(1)),
            ),
            (
                "LPOS list a COUNT 2 RANK 2",
                integers(&mut places[1..3].iter()),
            ),
            (
                "LPOS list a COUNT 0 MAXLEN 7",
                integers(&mut places[..3].iter()),
            ),
            (
                "LPOS list a RANK -1",
                format!(":{}\r\n", places[places.len() - 1]),
            ),
            ("LPOS list none", "$-1\r\n".to_owned()),
            ("LINSERT list BEFORE none x", ":-1\r\n".to_owned()),
        ] {
            assert!(node.send(command) == expected, "{command} of {count}");
        }
        let last = format!("element:{}", count - 1 - usize::from((count - 1) % 3 == 0));
        let len = node.send(&format!("LINSERT list AFTER {last} x"));
        assert_eq!(len, format!(":{}\r\n", count + 1));
        let place = node.send("LPOS list x");
        let after = node.send(&format!("LPOS list {last}"));
        let number = |reply: &str| reply[1..].trim_end().parse::<usize>().expect("a number");
        assert_eq!(number(&place), number(&after) + 1);
        for (limit, first, end) in [
            (0, 0, places.len()),
            (2, 0, 2),
            (-2, places.len() - 2, places.len()),
        ] {
            fill(&mut node);
            let removed = node.send(&format!("LREM list {limit} a"));
            assert_eq!(removed, format!(":{}\r\n", end - first));
            let gone = &places[first..end];
            let left = all
                .iter()
                .enumerate()
                .filter(|(nth, _)| !gone.contains(nth));
            assert!(
                left.map(|(_, left)| left).eq(elements(&mut node).iter()),
                "{limit} of {count}"
            );
        }
        fill(&mut node);
        assert_eq!(node.send("LTRIM list 2 -3"), "+OK\r\n");
        assert!(elements(&mut node) == all[2..count - 2]);
        let half = count / 2;
        let popped = node.send(&format!("RPOP list {half}"));
        let expected = all[..count - 2].iter().rev().take(half);
        assert!(strings(&popped).iter().eq(expected));
        let popped = node.send(&format!("LMPOP 2 none list LEFT COUNT {count}"));
        assert_eq!(strings(&popped).len(), 1 + count - 4 - half);
        node.expect(&[("EXISTS list", ":0")]);
    }
}

#[test]
fn members_of_large_sets_go_as_those_of_small_ones_do() {
    for count in [20, 3_000] {
        let mut node = TestNode::new();
        let all = || pairs(count, |number| format!("{number:05}"));
        let half = count / 2;
        let rest = |node: &mut TestNode| {
            let reply = node.send("ZRANGE zset 0 -1");
            let rest = strings(&reply).into_iter().map(str::to_owned);
            rest.collect::<Vec<_>>()
        };
        for (command, gone) in [
            (format!("ZREMRANGEBYRANK zset 1 {half}"), 1..half + 1),
            (format!("ZREMRANGEBYSCORE zset 2 ({half}"), 2..half),
            (format!("ZPOPMIN zset {half}"), 0..half),
            (format!("ZPOPMAX zset {half}"), count - half..count),
            (
                format!("ZMPOP 2 none zset MAX COUNT {half}"),
                count - half..count,
            ),
            (format!("ZREMRANGEBYRANK zset 0 {count}"), 0..count),
            (format!("ZPOPMIN zset {}", 2 * count), 0..count),
        ] {
            node.send("DEL zset");
            node.run(&words("ZADD zset", all()));
            let reply = node.send(&command);
            if command.starts_with("ZREM") {
                assert_eq!(reply, format!(":{}\r\n", gone.len()), "{command}");
            } else {
                let mut told: Vec<&str> = strings(&reply);
                told.retain(|word| word.starts_with("member"));
                let mut expected = members(gone.clone());
                if command.contains("MAX") {
                    expected.reverse();
                }
                assert!(told == expected, "{command}");
            }
            let left = (0..count).filter(|number| !gone.contains(number));
            assert!(rest(&mut node) == members(left), "{command}");
        }
        for taken in [1, half, count - 1, count, 2 * count] {
            node.send("DEL set");
            node.run(&words("SADD set", members(0..count)));
            let reply = node.send(&format!("SPOP set {taken}"));
            let told: BTreeSet<&str> = strings(&reply).into_iter().collect();
            assert_eq!(told.len(), taken.min(count), "each once");
            assert!(told.iter().all(|member| member.starts_with("member:")));
            let left = count - taken.min(count);
            node.expect(&[("SCARD set", &format!(":{left}"))]);
        }
    }
}

#[test]
fn a_scan_of_all_shows_each_element_once() {
    let count = 3_000;
    let mut node = node_with_two_of_each(count);
    for (line, words) in [
        ("SSCAN set:one 0 COUNT 5000", count),
        ("HSCAN hash:one 0 COUNT 3000", 2 * count),
        ("ZSCAN zset:one 0 COUNT 5000", 2 * count),
        ("SSCAN set:one 0 COUNT 5000 MATCH member:1?", 10),
        ("HSCAN hash:one 0 COUNT 5000 MATCH nothing", 0),
        ("ZSCAN none 0 COUNT 5000", 0),
    ] {
        let reply = node.send(line);
        let head = format!("*2\r\n$1\r\n0\r\n*{words}\r\n");
        assert!(
            reply.starts_with(&head),
            "{line}: {}",
            &reply[..40.min(reply.len())]
        );
        let mut scanner = shared::resp::ReplyScanner::default();
        let end = scanner.scan(reply.as_bytes()).expect("a reply");
        assert_eq!(end, Some(reply.len()), "{line}");
    }
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    for _ in 0..count {
        let reply = node.send(&format!("SSCAN set:one {cursor} COUNT 700"));
        let mut told = strings(&reply).into_iter();
        told.next().expect("a cursor").clone_into(&mut cursor);
        seen.extend(told.map(str::to_owned));
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), count);
}

#[test]
fn long_replies_of_streams_are_whole() {
    for count in [50, 5_000] {
        let mut node = TestNode::new();
        node.send("XGROUP CREATE stream group 0 MKSTREAM");
        for number in 1..=count {
            node.run(&[
                "XADD",
                "stream",
                &format!("{number}-0"),
                "f",
                &"v".repeat(90),
            ]);
        }
        for gone in [1, 7, count / 2, count] {
            node.send(&format!("XDEL stream {gone}-0"));
        }
        let ids: Vec<String> = (1..=count)
            .filter(|number| ![1, 7, count / 2, count].contains(number))
            .map(|number| format!("{number}-0"))
            .collect();
        let told = |reply: &str| -> Vec<String> {
            let strings = strings(reply).into_iter();
            let ids = strings.filter(|word| word.ends_with("-0"));
            ids.map(str::to_owned).collect()
        };
        let check = |node: &mut TestNode, line: &str, expected: &[String]| {
            let reply = node.send(line);
            let mut scanner = shared::resp::ReplyScanner::default();
            let end = scanner.scan(reply.as_bytes()).expect("a reply");
            assert_eq!(end, Some(reply.len()), "{line} of {count}");
            assert!(told(&reply) == expected, "{line} of {count}");
        };
        let back: Vec<String> = ids.iter().rev().cloned().collect();
        let len = ids.len();
        check(&mut node, "XRANGE stream - +", &ids);
        check(&mut node, "XREVRANGE stream + -", &back);
        check(
            &mut node,
            &format!("XRANGE stream 3 {count} COUNT {}", len - 9),
            &ids[1..len - 8],
        );
        check(&mut node, "XREVRANGE stream (9-0 2", &back[len - 6..]);
        check(&mut node, "XREAD STREAMS none stream 0 0", &ids);
        check(&mut node, "XREAD COUNT 30 STREAMS stream 8", &ids[6..36]);
        check(
            &mut node,
            "XREADGROUP GROUP group me STREAMS stream >",
            &ids,
        );
        check(
            &mut node,
            "XREADGROUP GROUP group me STREAMS stream 0",
            &ids,
        );
        check(
            &mut node,
            "XREADGROUP GROUP group me STREAMS stream 8",
            &ids[6..],
        );
        check(
            &mut node,
            "XREADGROUP GROUP group me COUNT 9 STREAMS stream 8",
            &ids[6..15],
        );
        check(&mut node, "XPENDING stream group - + 10000", &ids);
        check(&mut node, "XPENDING stream group 8 + 20 me", &ids[5..25]);
        check(
            &mut node,
            "XPENDING stream group IDLE 100000 - + 10000",
            &[],
        );
        check(&mut node, "XPENDING stream group - + 10000 nobody", &[]);
        node.expect(&[
            ("XREADGROUP GROUP group me STREAMS stream >", "*-1"),
            ("XREAD STREAMS stream none $ 0", "*-1"),
            (
                "XREADGROUP GROUP group you STREAMS stream 0",
                "*1 *2 $6 stream *0",
            ),
            ("XRANGE none - +", "*0"),
        ]);
        let behind = |next: &str, ids: &[String]| [&[next.to_owned()], ids].concat();
        let claimed = behind(&ids[30], &ids[..30]);
        check(
            &mut node,
            "XAUTOCLAIM stream group you 0 0 COUNT 30",
            &claimed,
        );
        let claimed = behind("0-0", &ids[5..]);
        check(
            &mut node,
            "XAUTOCLAIM stream group you 0 8 COUNT 10000 JUSTID",
            &claimed,
        );
        let dropped = format!(":{len}\r\n");
        assert_eq!(node.send("XGROUP DELCONSUMER stream group you"), dropped);
        check(&mut node, "XPENDING stream group - + 10000", &[]);
        node.expect(&[("XGROUP DELCONSUMER stream group you", ":0")]);
        node.send("XGROUP SETID stream group 0");
        check(
            &mut node,
            "XREADGROUP GROUP group me STREAMS stream >",
            &ids,
        );
        node.send("XTRIM stream MAXLEN 0");
        let gone = behind("0-0", &ids);
        check(
            &mut node,
            "XAUTOCLAIM stream group me 0 0 COUNT 10000",
            &gone,
        );
        assert!(node.send("XPENDING stream group").starts_with("*4\r\n:0"));
    }
}

#[test]
fn as_many_are_drawn_as_are_asked_for() {
    let mut node = node_with_two_of_each(2_000);
    for (line, words) in [
        ("SRANDMEMBER set:one -30000", 30_000),
        ("HRANDFIELD hash:one -30000 WITHVALUES", 60_000),
        ("ZRANDMEMBER zset:one -30000 WITHSCORES", 60_000),
        ("SRANDMEMBER set:one -3", 3),
        ("SRANDMEMBER set:one 3000", 2_000),
        ("SRANDMEMBER set:one 1900", 1_900),
        ("SRANDMEMBER set:one 400", 400),
        ("HRANDFIELD hash:one 1500 WITHVALUES", 3_000),
        ("HRANDFIELD hash:one 400", 400),
        ("ZRANDMEMBER zset:one 1200", 1_200),
        ("ZRANDMEMBER zset:one 5000 WITHSCORES", 4_000),
    ] {
        let reply = node.send(line);
        assert!(reply.starts_with(&format!("*{words}\r\n")), "{line}");
        assert_eq!(strings(&reply).len(), words, "{line}");
    }
}
