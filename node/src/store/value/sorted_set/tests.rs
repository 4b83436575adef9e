//! Sorted sets against an ordered set and a map, small and large.

use super::*;
use crate::store::value::chance::below;
use crate::store::value::collection::Collection;
use std::collections::{BTreeSet, HashMap, HashSet};

const LIMITS: Limits = Limits {
    entries: 128,
    element_bytes: 64,
    blob_bytes: 3000,
};

const AT_ONCE_LARGE: Limits = Limits {
    entries: 0,
    element_bytes: 0,
    blob_bytes: 0,
};

/// In the order of a sorted set.
type Plain = BTreeSet<(u64, Vec<u8>)>;

fn owned(value: StringRef<'_>) -> Vec<u8> {
    match value {
        StringRef::Integer(number) => number.to_string().into_bytes(),
        StringRef::Bytes(bytes) => bytes.to_vec(),
    }
}

/// Hostile and ordinary members, the same for the same number.
fn text(number: u64) -> Vec<u8> {
    match number % 11 {
        0 => number.to_string().into_bytes(),
        1 => format!("-{number}").into_bytes(),
        2 => vec![0; usize::try_from(number % 30).unwrap()],
        3 => [
            b"user:\0".to_vec(),
            vec![0; usize::try_from(number % 9).unwrap()],
        ]
        .concat(),
        4 => [&vec![b'p'; 300][..], number.to_string().as_bytes()].concat(),
        5 if number.is_multiple_of(13) => {
            let long = vec![b'q'; 4085 + usize::try_from(number % 20).unwrap()];
            [&long[..], number.to_string().as_bytes()].concat()
        }
        6 => vec![b'r'; usize::try_from(number % 250).unwrap()],
        _ => format!("user:{number:09}").into_bytes(),
    }
}

/// Scores of one kind.
fn score(kind: u64, chance: &mut u64) -> f64 {
    let number = below(chance, 1 << 52);
    let small = f64::from(u32::try_from(number % 1000).unwrap());
    match kind {
        0 => 1.0,
        1 => small,
        2 => small / 7.0 - 70.0,
        _ => match number % 12 {
            0 => f64::INFINITY,
            1 => f64::NEG_INFINITY,
            2 => -0.0,
            3 => 0.0,
            4 => 1e300,
            5 => -1e300,
            6 => 5e-324,
            7 => small,
            8 => -small,
            _ => f64::from_bits(number << 10 | 0x3ff),
        },
    }
}

fn shown(set: &SortedSet, leaves: &Leaves, from: u64, limit: u64) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    set.view().walk(leaves, from, limit, |member, score| {
        found.push((ordered(score), owned(member)));
    });
    found
}

fn check_ranges(set: &SortedSet, leaves: &Leaves, plain: &Plain, chance: &mut u64) {
    if let Form::Large(large) = &set.form {
        large.check(leaves);
    }
    let all: Vec<_> = plain.iter().cloned().collect();
    assert_eq!(shown(set, leaves, 0, u64::MAX), all);
    let len = all.len() as u64;
    let (from, limit) = (below(chance, len + 2), below(chance, len + 2));
    let middle = all.iter().skip(index(from)).take(index(limit));
    assert!(shown(set, leaves, from, limit).iter().eq(middle));
    let mut back = Vec::new();
    set.view().walk_back(leaves, from, limit, |member, score| {
        back.push((ordered(score), owned(member)));
    });
    let first = index(from + 1).min(all.len());
    let expected = all[..first].iter().rev().take(index(limit));
    assert!(back.iter().eq(expected), "{from} {limit} of {len}");
    for (bound, is_before) in [
        (score(3, chance), false),
        (score(1, chance), true),
        (f64::INFINITY, false),
        (f64::NEG_INFINITY, true),
    ] {
        let (bound, below_it) = if is_before {
            (Bound::BeforeScore(bound), ordered(bound))
        } else {
            (Bound::AfterScore(bound), ordered(bound) + 1)
        };
        let expected = all.iter().filter(|(score, _)| *score < below_it).count();
        assert_eq!(set.view().rank_of_bound(leaves, bound), expected as u64);
    }
    let mut scanned = HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = set.view().scan(leaves, cursor, |member, score| {
            assert!(scanned.insert((ordered(score), owned(member))));
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(scanned.len(), all.len());
}

fn check(seed: u64, limits: &Limits, members: u64, kind: u64) {
    let mut chance = seed;
    let mut leaves = Leaves::new(seed);
    let mut set = SortedSet::default();
    let mut plain = Plain::new();
    let mut scores: HashMap<Vec<u8>, f64> = HashMap::new();
    for step in 0..24_000_u64 {
        let adds = if step % 8000 < 4000 { 8 } else { 2 };
        let member = text(below(&mut chance, members));
        let choice = below(&mut chance, 12);
        if choice < adds {
            let new = score(kind, &mut chance);
            let added = set.add(&mut leaves, new, &member, AddRule::default(), limits);
            let expected = match scores.insert(member.clone(), new) {
                None => Added::New(new),
                Some(old) if ordered(old) == ordered(new) => Added::Same(new),
                Some(old) => {
                    plain.remove(&(ordered(old), member.clone()));
                    Added::Changed(new)
                }
            };
            assert_eq!(added, Ok(expected));
            plain.insert((ordered(new), member));
        } else if choice == 11 && !plain.is_empty() {
            let rank = below(&mut chance, plain.len() as u64);
            let limit = below(&mut chance, 4);
            let mut gone = Vec::new();
            let removed = set.remove_from(&mut leaves, rank, limit, |member, score| {
                gone.push((ordered(score), owned(member)));
            });
            assert_eq!(removed, gone.len() as u64);
            let expected: Vec<_> = plain
                .iter()
                .skip(index(rank))
                .take(index(limit))
                .cloned()
                .collect();
            assert_eq!(gone, expected);
            for member in &gone {
                plain.remove(member);
                scores.remove(&member.1);
            }
        } else {
            let gone = set.remove(&mut leaves, &member).map(ordered);
            let expected = scores.remove(&member).map(ordered);
            assert_eq!(gone, expected);
            if let Some(score) = expected {
                plain.remove(&(score, member));
            }
        }
        let member = text(below(&mut chance, members));
        let found = set.view().score(&leaves, &member).map(ordered);
        assert_eq!(found, scores.get(&member).map(|&score| ordered(score)));
        assert_eq!(set.view().len(), plain.len() as u64);
        if step % 100 == 0 {
            let rank = set.view().rank(&leaves, &member).map(|rank| rank.0);
            let expected = found.map(|score| plain.range(..(score, member.clone())).count() as u64);
            assert_eq!(rank, expected);
        }
        if step % 1500 == 0 {
            check_ranges(&set, &leaves, &plain, &mut chance);
        }
        let own = match &set.form {
            Form::Packed(blob) => blob.len() as u64,
            Form::Large(large) => large.bytes() - leaves.live_bytes(),
        };
        assert_eq!(set.view().bytes(&leaves), leaves.live_bytes() + own);
        assert!(own < 20_000, "directory and counters: {own}");
    }
    while set.free_some(&mut leaves) {}
    assert_eq!(leaves.live_bytes(), 0, "all is given back");
}

#[test]
fn any_operations_on_small_sets_leave_what_plain_ones_would() {
    for kind in 0..4 {
        check(10 + kind, &LIMITS, 40, kind);
    }
}

#[test]
fn any_operations_on_large_sets_leave_what_plain_ones_would() {
    for kind in 0..4 {
        check(20 + kind, &AT_ONCE_LARGE, 6000, kind);
        check(30 + kind, &LIMITS, 500, kind);
    }
}

#[test]
fn texts_bound_ranges_of_equal_scores() {
    for limits in [LIMITS, AT_ONCE_LARGE] {
        let mut leaves = Leaves::new(2);
        let mut set = SortedSet::default();
        let mut plain = BTreeSet::new();
        let rule = AddRule::default();
        for number in 0..3000 {
            let member = text(number);
            set.add(&mut leaves, -7.5, &member, rule, &limits).unwrap();
            plain.insert(member);
        }
        for number in (0..3000).step_by(7) {
            let member = text(number + 5);
            let view = set.view();
            let before = view.rank_of_bound(&leaves, Bound::BeforeText(&member));
            let after = view.rank_of_bound(&leaves, Bound::AfterText(&member));
            assert_eq!(before, plain.range(..member.clone()).count() as u64);
            assert_eq!(after, plain.range(..=member).count() as u64);
        }
    }
}

#[test]
fn rules_of_additions_are_kept() {
    let mut leaves = Leaves::new(2);
    let mut set = SortedSet::default();
    let mut add = |score, existence, comparison, increments| {
        let rule = AddRule {
            existence,
            comparison,
            increments,
        };
        set.add(&mut leaves, score, b"m", rule, &LIMITS).unwrap()
    };
    use {Comparison as C, Existence as E};
    assert_eq!(add(1.0, E::Old, C::Any, false), Added::Refused);
    assert_eq!(add(1.0, E::New, C::Any, false), Added::New(1.0));
    assert_eq!(add(2.0, E::New, C::Any, false), Added::Refused);
    assert_eq!(add(1.0, E::Any, C::Greater, false), Added::Refused);
    assert_eq!(add(3.0, E::Any, C::Greater, false), Added::Changed(3.0));
    assert_eq!(add(4.0, E::Old, C::Less, false), Added::Refused);
    assert_eq!(add(-1.0, E::Old, C::Less, true), Added::Changed(2.0));
    assert_eq!(add(2.0, E::Any, C::Any, false), Added::Same(2.0));
    let most = f64::INFINITY;
    assert_eq!(add(most, E::Any, C::Any, true), Added::Changed(most));
    assert_eq!(add(-most, E::Any, C::Any, true), Added::NotANumber);
}

#[test]
fn a_scan_shows_all_that_stays_while_scores_change_and_leaves_split_and_merge() {
    let mut chance = 6;
    let rule = AddRule::default();
    for round in 0..6 {
        let mut leaves = Leaves::new(round);
        let mut set = SortedSet::default();
        let lasting: Vec<Vec<u8>> = (0..300).map(|n| format!("l{n}").into_bytes()).collect();
        for member in &lasting {
            set.add(&mut leaves, 5.0, member, rule, &LIMITS).unwrap();
        }
        let passing = |n: u64| format!("passing:{n}").into_bytes();
        let mut highest = 0;
        while round % 2 == 0 && highest < 8000 {
            highest += 1;
            let score = score(2, &mut chance);
            set.add(&mut leaves, score, &passing(highest), rule, &LIMITS)
                .unwrap();
        }
        let mut seen = HashSet::new();
        let mut cursor = 0;
        loop {
            cursor = set.view().scan(&leaves, cursor, |member, _| {
                seen.insert(owned(member));
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..below(&mut chance, 100) {
                let score = score(2, &mut chance);
                if round % 2 == 0 {
                    set.remove(&mut leaves, &passing(highest));
                    highest = highest.saturating_sub(1);
                } else if highest < 8000 {
                    highest += 1;
                    set.add(&mut leaves, score, &passing(highest), rule, &LIMITS)
                        .unwrap();
                }
                let member = &lasting[index(below(&mut chance, 300))];
                set.add(&mut leaves, score, member, rule, &LIMITS).unwrap();
            }
        }
        let missed = lasting.iter().filter(|member| !seen.contains(*member));
        assert_eq!(missed.count(), 0, "round {round}");
    }
}

#[test]
fn a_scan_among_very_many_equal_scores_shows_each_once_in_few_steps_of_many_parts() {
    const MEMBERS: u64 = 40_000;
    let mut leaves = Leaves::new(3);
    let mut set = SortedSet::default();
    for number in 0..MEMBERS {
        let (score, member) = (f64::from(number % 50 == 0), number.to_string());
        let rule = AddRule::default();
        set.add(&mut leaves, score, member.as_bytes(), rule, &LIMITS)
            .unwrap();
    }
    let mut seen = HashSet::new();
    let (mut cursor, mut within) = (0, None);
    let (mut steps, mut parts) = (0, 0);
    loop {
        let next = set
            .view()
            .scan_some(&leaves, cursor, &mut within, |member, _| {
                assert!(seen.insert(owned(member)), "nothing changes meanwhile");
            });
        parts += 1;
        if let Some(next) = next {
            (cursor, steps) = (next, steps + 1);
            if cursor == 0 {
                break;
            }
        }
    }
    assert_eq!(seen.len() as u64, MEMBERS);
    assert!((10..60).contains(&steps), "{steps}");
    assert!(parts > 5 * steps, "{parts} of {steps}");
}

#[test]
fn names_follow_the_limits_and_survive_as_a_blob() {
    let mut leaves = Leaves::new(1);
    let mut set = SortedSet::default();
    let rule = AddRule::default();
    for number in 0..128 {
        let member = format!("m{number}");
        set.add(&mut leaves, 1.0, member.as_bytes(), rule, &LIMITS)
            .unwrap();
    }
    assert!(!set.view().is_skiplist_by_name());
    set.add(&mut leaves, 1.0, b"more", rule, &LIMITS).unwrap();
    set.remove(&mut leaves, b"more");
    assert!(set.view().is_skiplist_by_name());
    let copy = SortedSet::from_blob(set.blob().unwrap().to_vec());
    assert!(copy.view().is_skiplist_by_name());
    assert_eq!(
        shown(&copy, &leaves, 0, 1000),
        shown(&set, &leaves, 0, 1000)
    );
}

#[test]
fn a_full_store_refuses_members_and_keeps_what_there_is() {
    let mut leaves = Leaves::with_limit(1, 120);
    let mut set = SortedSet::default();
    let mut plain: HashMap<Vec<u8>, u64> = HashMap::new();
    let (mut chance, mut refused) = (8, 0);
    let mut number = 0;
    while refused < 300 {
        let member = if refused > 0 && refused % 2 == 0 {
            text(below(&mut chance, number))
        } else {
            number += 1;
            text(number - 1)
        };
        let new = score(3, &mut chance);
        match set.add(&mut leaves, new, &member, AddRule::default(), &LIMITS) {
            Ok(_) => drop(plain.insert(member, ordered(new))),
            Err(StoreFull) => refused += 1,
        }
    }
    assert!(plain.len() > 200);
    let found = shown(&set, &leaves, 0, u64::MAX);
    assert_eq!(found.len(), plain.len());
    assert!(found.iter().all(|(score, member)| plain[member] == *score));
    for member in plain.keys() {
        assert!(set.remove(&mut leaves, member).is_some());
    }
    while set.free_some(&mut leaves) {}
    assert_eq!(leaves.live_bytes(), 0);
}
