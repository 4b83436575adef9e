//! Lists against `Vec`, small and large.

use super::*;
use crate::store::value::chance::below;
use std::collections::VecDeque;

const LIMITS: Limits = Limits {
    entries: 0,
    element_bytes: 0,
    blob_bytes: 3000,
};

const AT_ONCE_LARGE: Limits = Limits {
    blob_bytes: 0,
    ..LIMITS
};

/// Hostile and ordinary elements.
fn text(number: u64) -> Vec<u8> {
    match number % 9 {
        0 => number.to_string().into_bytes(),
        1 => vec![0; index(number % 30)],
        2 if number.is_multiple_of(5) => vec![b'l'; 230 + index(number % 30)],
        3 if number.is_multiple_of(31) => vec![b'm'; 4080 + index(number % 30)],
        _ => format!("element {number}").into_bytes(),
    }
}

fn owned(value: StringRef<'_>) -> Vec<u8> {
    match value {
        StringRef::Integer(number) => number.to_string().into_bytes(),
        StringRef::Bytes(bytes) => bytes.to_vec(),
    }
}

fn check_reads(list: &List, leaves: &Leaves, plain: &[Vec<u8>], chance: &mut u64) {
    if let Form::Large(large) = &list.form {
        large.check(leaves);
    }
    let mut all = Vec::new();
    list.view()
        .walk(leaves, 0, u64::MAX, |element| all.push(owned(element)));
    assert_eq!(all, plain);
    let len = plain.len() as u64;
    let (from, limit) = (below(chance, len + 2), below(chance, len + 2));
    let mut middle = Vec::new();
    list.view()
        .walk(leaves, from, limit, |element| middle.push(owned(element)));
    let expected = plain.iter().skip(index(from)).take(index(limit));
    assert!(middle.iter().eq(expected));
    let mut back = Vec::new();
    list.view()
        .walk_back(leaves, from, limit, |element| back.push(owned(element)));
    let first = index(from + 1).min(plain.len());
    let expected = plain[..first].iter().rev().take(index(limit));
    assert!(back.iter().eq(expected), "{from} {limit} of {len}");

    let wanted = text(below(chance, 200));
    let sought = leaves.sought(&wanted);
    let among = from..from.saturating_add(limit);
    for end in [ListEnd::Front, ListEnd::Back] {
        let mut found = Vec::new();
        list.view()
            .find_some(leaves, &sought, end, among.clone(), &mut found);
        let mut places: Vec<usize> = (0..plain.len()).collect();
        if end == ListEnd::Back {
            places.reverse();
        }
        let some = places.into_iter().skip(index(from)).take(index(limit));
        let equal = some.filter(|place| plain[*place] == wanted);
        assert!(found.into_iter().eq(equal.map(|place| place as u64)));
    }
}

fn check(seed: u64, limits: &Limits, most: usize) {
    let mut chance = seed;
    let mut leaves = Leaves::new(seed);
    let mut list = List::default();
    let mut plain: Vec<Vec<u8>> = Vec::new();
    for step in 0..30_000_u64 {
        let grows = step % 10_000 < 5000 && plain.len() < most;
        let element = text(below(&mut chance, 200));
        let len = plain.len() as u64;
        match below(&mut chance, 10) {
            0 | 1 if grows => {
                list.push_front(&mut leaves, &element, limits).unwrap();
                plain.insert(0, element);
            }
            2 | 3 if grows => {
                list.push_back(&mut leaves, &element, limits).unwrap();
                plain.push(element);
            }
            4..=7 if grows => {
                let at = below(&mut chance, len + 1);
                list.insert(&mut leaves, at, &element, limits).unwrap();
                plain.insert(index(at), element);
            }
            0 | 1 => {
                let mut popped = None;
                let is_there = list.pop_front(&mut leaves, |value| popped = Some(owned(value)));
                let expected = (!plain.is_empty()).then(|| plain.remove(0));
                assert_eq!((is_there, popped), (expected.is_some(), expected));
            }
            2 | 3 => {
                let mut popped = None;
                let is_there = list.pop_back(&mut leaves, |value| popped = Some(owned(value)));
                let expected = plain.pop();
                assert_eq!((is_there, popped), (expected.is_some(), expected));
            }
            4..=6 => {
                let (at, limit) = (below(&mut chance, len + 1), below(&mut chance, 5));
                let removed = list.remove_from(&mut leaves, at, limit);
                let end = index(at + limit).min(plain.len());
                assert_eq!(plain.drain(index(at)..end).count() as u64, removed);
            }
            _ => {
                let at = below(&mut chance, len + 1);
                let is_there = list.set(&mut leaves, at, &element, limits).unwrap();
                assert_eq!(is_there, at < len);
                if is_there {
                    plain[index(at)] = element;
                }
            }
        }
        assert_eq!(list.view().len(), plain.len() as u64);
        let at = below(&mut chance, plain.len() as u64 + 1);
        let element = list.view().get(&leaves, at).map(owned);
        assert_eq!(element.as_ref(), plain.get(index(at)));
        if step % 500 == 0 {
            check_reads(&list, &leaves, &plain, &mut chance);
        }
        let own = match &list.form {
            Form::Packed(blob) => blob.len(),
            Form::Large(_) => size_of::<Large>(),
        };
        let all = leaves.live_bytes() + own as u64;
        assert_eq!(list.view().bytes(&leaves), all);
    }
    while list.free_some(&mut leaves) {}
    assert_eq!(leaves.live_bytes(), 0, "all is given back");
}

#[test]
fn any_operations_leave_what_a_vector_would() {
    check(1, &LIMITS, 50);
    check(2, &LIMITS, 4000);
    check(3, &AT_ONCE_LARGE, 30);
    check(4, &AT_ONCE_LARGE, 4000);
}

#[test]
fn a_long_list_is_trimmed_by_leaves() {
    let mut leaves = Leaves::new(1);
    let mut list = List::default();
    for number in 0..50_000 {
        let element = format!("element {number}");
        list.push_back(&mut leaves, element.as_bytes(), &LIMITS)
            .unwrap();
    }
    assert_eq!(list.remove_from(&mut leaves, 40_000, u64::MAX), 10_000);
    assert_eq!(list.remove_from(&mut leaves, 0, 39_990), 39_990);
    let mut left = Vec::new();
    list.view()
        .walk(&leaves, 0, 100, |element| left.push(owned(element)));
    assert!((0..10).all(|n| left[n] == format!("element {}", 39_990 + n).into_bytes()));
    assert_eq!(left.len(), 10);
    assert!(list.view().bytes(&leaves) < 3000);
}

#[test]
fn a_queue_that_stays_short_keeps_its_blocks_few() {
    let mut leaves = Leaves::new(1);
    let mut list = List::default();
    for number in 0..100_000_u32 {
        list.push_back(&mut leaves, &number.to_be_bytes(), &LIMITS)
            .unwrap();
        if list.view().len() > 1000 {
            assert!(list.pop_front(&mut leaves, |_| {}));
        }
    }
    assert!(list.view().bytes(&leaves) < 12_000);
}

/// Elements of a length that ten of fill a leaf, so that there are nodes above nodes soon.
fn wide_text(number: u64) -> Vec<u8> {
    format!("{number:0200}").into_bytes()
}

/// Every operation in rows, at the ends mostly: trees of three levels, that grow and shrink at either end.
fn check_rows(seed: u64, rows: u64) {
    let mut chance = seed;
    let mut leaves = Leaves::new(seed);
    let mut list = List::default();
    let mut plain = VecDeque::new();
    let mut most = 0;
    for row in 0..rows {
        let grows = row % 40 < 25;
        let kind = below(&mut chance, 12) + if grows { 0 } else { 12 };
        for _ in 0..below(&mut chance, 3000) {
            let len = plain.len() as u64;
            let at = below(&mut chance, len + 1);
            match kind {
                0..=6 => {
                    let element = wide_text(len);
                    list.push_front(&mut leaves, &element, &LIMITS).unwrap();
                    plain.push_front(element);
                }
                7 | 8 | 12 => {
                    let element = wide_text(len);
                    list.push_back(&mut leaves, &element, &LIMITS).unwrap();
                    plain.push_back(element);
                }
                9 | 10 | 13 => {
                    let element = wide_text(len);
                    list.insert(&mut leaves, at, &element, &LIMITS).unwrap();
                    plain.insert(index(at), element);
                }
                11 | 14..=17 => {
                    let mut popped = None;
                    list.pop_front(&mut leaves, |value| popped = Some(owned(value)));
                    assert_eq!(popped, plain.pop_front());
                }
                18..=21 => {
                    let mut popped = None;
                    list.pop_back(&mut leaves, |value| popped = Some(owned(value)));
                    assert_eq!(popped, plain.pop_back());
                }
                _ => {
                    let removed = list.remove_from(&mut leaves, at, 2);
                    let end = index(at + 2).min(plain.len());
                    assert_eq!(plain.drain(index(at)..end).count() as u64, removed);
                }
            }
        }
        most = most.max(plain.len());
        check_reads(&list, &leaves, plain.make_contiguous(), &mut chance);
        for _ in 0..200 {
            let at = below(&mut chance, plain.len() as u64 + 1);
            let element = list.view().get(&leaves, at).map(owned);
            assert_eq!(element.as_ref(), plain.get(index(at)));
        }
    }
    assert!(most > 25_000, "the list was long: {most}");
    while list.free_some(&mut leaves) {}
    assert_eq!(leaves.live_bytes(), 0, "all is given back");
}

#[test]
fn a_list_of_many_nodes_is_right_after_rows_at_either_end() {
    check_rows(5, 80);
    check_rows(6, 80);
}

#[test]
fn every_rank_is_right_after_pushes_at_one_end_alone() {
    for end in [ListEnd::Front, ListEnd::Back] {
        let mut leaves = Leaves::new(1);
        let mut list = List::default();
        for number in 0..60_000_u64 {
            let element = wide_text(number);
            match end {
                ListEnd::Front => list.push_front(&mut leaves, &element, &LIMITS).unwrap(),
                ListEnd::Back => list.push_back(&mut leaves, &element, &LIMITS).unwrap(),
            }
        }
        for rank in 0..60_000 {
            let number = match end {
                ListEnd::Front => 59_999 - rank,
                ListEnd::Back => rank,
            };
            let element = list.view().get(&leaves, rank).map(owned);
            assert_eq!(element, Some(wide_text(number)), "{end:?} {rank}");
        }
        if let Form::Large(large) = &list.form {
            large.check(&leaves);
        }
    }
}

#[test]
fn short_elements_become_long_ones_wherever_they_stand() {
    for (count, short) in [(700, 0), (1000, 1), (3000, 5), (20_000, 0)] {
        for long in [12, 100, 239, 240, 5000] {
            for order in 0..3 {
                let mut leaves = Leaves::new(1);
                let mut list = List::default();
                for _ in 0..count {
                    list.push_back(&mut leaves, &vec![b's'; short], &LIMITS)
                        .unwrap();
                }
                // From the front, from the back, and so that it meets each leaf now and then.
                let step = if long == 5000 { 100 } else { 1 };
                for nth in (0..count).step_by(step) {
                    let at = match order {
                        0 => nth,
                        1 => count - 1 - nth,
                        _ => nth * 7919 % count,
                    };
                    let set = list.set(&mut leaves, at, &vec![b'l'; long], &LIMITS);
                    assert_eq!(set, Ok(true), "{count} {long} {order}");
                }
                if let Form::Large(large) = &list.form {
                    large.check(&leaves);
                }
                let mut found = 0;
                list.view().walk(&leaves, 0, u64::MAX, |element| {
                    found += usize::from(owned(element).len() == long);
                });
                assert_eq!(found as u64, count.div_ceil(step as u64));
                while list.free_some(&mut leaves) {}
                assert_eq!(leaves.live_bytes(), 0, "all is given back");
            }
        }
    }
}
