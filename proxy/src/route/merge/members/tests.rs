//! Each operation with replies as nodes send them. Random commands against a model are in [`crate::route::combine`].

use std::fmt::Write as _;

use super::super::{Part, Parts, Plan, merge};
use super::*;

/// A blank stands for a line end, `_` for a blank.
fn merged(operation: Operation, told: Told, protocol: Protocol, replies: &[&str]) -> String {
    let parts: Vec<Part> = replies
        .iter()
        .map(|text| Part::Reply(Bytes::from(text.replace(' ', "\r\n").replace('_', " "))))
        .collect();
    let shards = vec!["s".into(); parts.len()];
    let mut out = Pieces::new(Vec::new(), protocol);
    let plan = Plan::Combined(Making { operation, told });
    merge(&plan, &Parts::of(&parts, &shards, 1), &mut out);
    let text = String::from_utf8(out.into_vec().concat()).unwrap();
    text.replace("\r\n", " ")
}

const A_B: &str = "*2 $1 a $1 b ";
const B_C: &str = "*2 $1 b $1 c ";

#[test]
fn sets_are_made_of_members() {
    let check = |operation, expected: &str| {
        let reply = merged(operation, Told::Members, Protocol::Resp2, &[A_B, B_C]);
        assert_eq!(reply, expected, "{operation:?}");
        let sets = [A_B, B_C].map(|set| set.replace('*', "~"));
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let reply = merged(operation, Told::Members, Protocol::Resp3, &sets);
        assert_eq!(reply, expected.replace('*', "~"), "{operation:?}");
    };
    check(Operation::Union, "*3 $1 a $1 b $1 c ");
    check(Operation::Intersection, "*1 $1 b ");
    check(Operation::Difference, "*1 $1 a ");
}

#[test]
fn members_are_counted_to_a_limit() {
    let check = |limit, expected: &str| {
        let told = Told::Count { limit };
        let both = "*3 $1 a $1 b $1 c ";
        let replies = [both, both];
        let reply = merged(Operation::Intersection, told, Protocol::Resp2, &replies);
        assert_eq!(reply, expected, "LIMIT {limit}");
    };
    check(0, ":3 ");
    check(2, ":2 ");
    check(u64::MAX, ":3 ");
}

#[test]
fn scores_become_one_and_give_the_order() {
    let check = |operation, aggregate, with_scores, expected: (&str, &str)| {
        let told = Told::Scores {
            aggregate,
            with_scores,
        };
        let flat = ["*4 $1 b $1 1 $1 a $4 10.5 ", "*4 $1 c $1 1 $1 b $3 inf "];
        assert_eq!(
            merged(operation, told, Protocol::Resp2, &flat),
            expected.0,
            "{operation:?} {aggregate:?}"
        );
        let pairs = [
            "*2 *2 $1 b ,1 *2 $1 a ,10.5 ",
            "*2 *2 $1 c ,1 *2 $1 b ,inf ",
        ];
        assert_eq!(
            merged(operation, told, Protocol::Resp3, &pairs),
            expected.1,
            "{operation:?} {aggregate:?}"
        );
    };
    use Aggregate::{Greatest, Least, Sum};
    check(
        Operation::Union,
        Sum,
        true,
        (
            "*6 $1 c $1 1 $1 a $4 10.5 $1 b $3 inf ",
            "*3 *2 $1 c ,1 *2 $1 a ,10.5 *2 $1 b ,inf ",
        ),
    );
    let members = "*3 $1 b $1 c $1 a ";
    check(Operation::Union, Least, false, (members, members));
    check(
        Operation::Intersection,
        Greatest,
        true,
        ("*2 $1 b $3 inf ", "*1 *2 $1 b ,inf "),
    );
}

#[test]
fn infinities_that_cancel_each_other_out_are_zero() {
    let told = Told::Scores {
        aggregate: Aggregate::Sum,
        with_scores: true,
    };
    let parts = ["*2 $1 a $3 inf ", "*2 $1 a $4 -inf "];
    for operation in [Operation::Union, Operation::Intersection] {
        let reply = merged(operation, told, Protocol::Resp2, &parts);
        assert_eq!(reply, "*2 $1 a $1 0 ");
    }
}

#[test]
fn of_the_other_shards_a_difference_has_no_scores() {
    let told = Told::Scores {
        aggregate: Aggregate::Sum,
        with_scores: true,
    };
    let parts = ["*4 $1 a $1 1 $1 b $1 2 ", "*1 $1 a ", "*0 "];
    let reply = merged(Operation::Difference, told, Protocol::Resp2, &parts);
    assert_eq!(reply, "*2 $1 b $1 2 ");
}

#[test]
fn an_error_is_said_as_its_node_said_it_and_types_come_first() {
    let told = Told::Members;
    let replies = [A_B, "-ERR_syntax ", "-WRONGTYPE_x ", "-WRONGTYPE_y "];
    let reply = merged(Operation::Union, told, Protocol::Resp2, &replies);
    assert_eq!(reply, "-WRONGTYPE x ");
}

#[test]
fn too_many_members_are_refused() {
    let set = |count: usize| {
        let mut text = format!("*{count} ");
        for number in 0..count {
            write!(text, "${} {number} ", number.to_string().len()).unwrap();
        }
        text
    };
    let check = |count: usize, expected: &str| {
        let parts = [&set(MOST_MEMBERS / 2)[..], &set(count)];
        let reply = merged(Operation::Union, Told::Members, Protocol::Resp2, &parts);
        assert!(reply.starts_with(expected), "{}", &reply[..40]);
    };
    check(MOST_MEMBERS / 2, "*5000 ");
    check(MOST_MEMBERS / 2 + 1, "-ERR the sets of several shards ");
}

#[test]
fn what_is_no_set_is_not_understood() {
    let reply = merged(
        Operation::Union,
        Told::Members,
        Protocol::Resp2,
        &[A_B, ":1 "],
    );
    assert!(reply.starts_with("-ERR a shard's reply"), "{reply}");
}

/// A measurement, not a test: the longest that a merge takes.
#[test]
#[ignore = "prints how long the largest merges take"]
fn the_time_of_the_largest_merges() {
    let part = |from: usize, fraction: &str| {
        let half = MOST_MEMBERS / 2;
        let mut text = format!("*{} ", half * 2);
        for number in from..from + half {
            let (member, score) = (format!("member:{number}"), format!("{number}{fraction}"));
            write!(text, "${} {member} ", member.len()).unwrap();
            write!(text, "${} {score} ", score.len()).unwrap();
        }
        text.replace(' ', "\r\n")
    };
    for (name, fraction, shift) in [
        ("integers, all in both", "", 0),
        ("fractions, all in both", ".10000000000000001", 0),
        (
            "fractions, none in both",
            ".10000000000000001",
            MOST_MEMBERS,
        ),
    ] {
        let parts = [part(0, fraction), part(shift, fraction)].map(Bytes::from);
        let making = Making {
            operation: Operation::Union,
            told: Told::Scores {
                aggregate: Aggregate::Sum,
                with_scores: true,
            },
        };
        let clock = shared::clock::Stopwatch::new();
        let mut best = u64::MAX;
        for _ in 0..50 {
            let began = clock.read();
            let mut out = Pieces::new(Vec::new(), Protocol::Resp2);
            make(making, &[&parts[0], &parts[1]], &mut out).unwrap();
            best = best.min(clock.since_ns(began));
        }
        eprintln!("{name}: {} µs", best / 1000);
    }
}
