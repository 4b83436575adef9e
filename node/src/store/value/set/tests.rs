//! Sets against `BTreeSet`, integers and others, small and large.

use super::*;
use crate::store::value::collection::Collection;
use std::collections::{BTreeSet, HashMap};

const LIMITS: Limits = Limits {
    entries: 512,
    element_bytes: 64,
    blob_bytes: 3000,
};

fn owned(value: StringRef<'_>) -> Vec<u8> {
    match value {
        StringRef::Integer(number) => number.to_string().into_bytes(),
        StringRef::Bytes(bytes) => bytes.to_vec(),
    }
}

/// Integers of all widths, both signs.
fn integer(number: u64) -> Vec<u8> {
    let wide = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
    (wide >> (number % 64)).to_string().into_bytes()
}

fn mixed(number: u64) -> Vec<u8> {
    match number % 5 {
        0 => integer(number),
        1 => vec![0; usize::try_from(number % 300).unwrap()],
        _ => format!("member:{number}").into_bytes(),
    }
}

fn members(set: &Set, leaves: &Leaves) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut next = Some(Position::default());
    while let Some(from) = next {
        let show = |member| found.push(owned(member));
        next = set.view().walk(leaves, from, 5, show);
    }
    found
}

fn check(seed: u64, names: u64, text: fn(u64) -> Vec<u8>, limits: &Limits) {
    let mut chance = seed;
    let mut leaves = Leaves::new(seed);
    let mut set = Set::default();
    let mut plain = BTreeSet::new();
    for step in 0..40_000_u64 {
        let adds = if step % 10_000 < 5000 { 7 } else { 2 };
        let member = text(below(&mut chance, names));
        match below(&mut chance, 10) {
            0 if plain.len() > 3 => {
                let mut taken = Texts::default();
                assert!(set.pop(&mut leaves, &mut chance, &mut taken));
                assert!(plain.remove(taken.get(0)), "what was there is taken");
            }
            choice if choice < adds => {
                let is_new = set.add(&mut leaves, &member, limits).unwrap();
                assert_eq!(is_new, plain.insert(member));
            }
            _ => {
                let is_gone = set.remove(&mut leaves, &member);
                assert_eq!(is_gone, plain.remove(&member));
            }
        }
        let member = text(below(&mut chance, names));
        assert_eq!(
            set.view().contains(&leaves, &member),
            plain.contains(&member)
        );
        assert_eq!(set.view().len(), plain.len() as u64);
        if step % 2500 == 0 {
            let mut found = members(&set, &leaves);
            found.sort();
            assert!(found.iter().eq(&plain));
            let mut scanned = BTreeSet::new();
            let mut cursor = 0;
            loop {
                cursor = set.view().scan(&leaves, cursor, |member| {
                    scanned.insert(owned(member));
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(scanned, plain);
        }
    }
    while set.free_some(&mut leaves) {}
    assert_eq!(leaves.live_bytes(), 0, "all is given back");
}

#[test]
fn any_operations_leave_what_an_ordered_set_would() {
    check(1, 300, integer, &LIMITS);
    check(2, 5000, integer, &LIMITS);
    check(3, 60, mixed, &LIMITS);
    check(4, 8000, mixed, &LIMITS);
    let at_once_large = Limits {
        entries: 0,
        blob_bytes: 0,
        ..LIMITS
    };
    check(5, 3000, mixed, &at_once_large);
}

#[test]
fn integers_stay_sorted_and_named_so_until_there_are_too_many_or_others() {
    let mut leaves = Leaves::new(1);
    let mut set = Set::default();
    for number in (0..512).rev() {
        let member = (number * 1_000_000_007_i64 - 1_000_000).to_string();
        assert!(set.add(&mut leaves, member.as_bytes(), &LIMITS).unwrap());
    }
    assert_eq!(set.view().encoding(), SetEncoding::Integers);
    let shown = members(&set, &leaves);
    let numbers: Vec<i64> = shown
        .iter()
        .map(|text| parse_integer(text).unwrap())
        .collect();
    assert!(numbers.is_sorted());
    assert!(set.view().bytes(&leaves) <= 512 * 5 + 3, "five bytes each");
    assert!(set.add(&mut leaves, b"7", &LIMITS).unwrap());
    assert_eq!(set.view().encoding(), SetEncoding::Table);
    assert_eq!(set.view().len(), 513);

    let mut few = Set::default();
    few.add(&mut leaves, b"1", &LIMITS).unwrap();
    few.add(&mut leaves, b"01", &LIMITS).unwrap();
    assert_eq!(few.view().encoding(), SetEncoding::Table);
    assert!(few.remove(&mut leaves, b"01"));
    assert_eq!(few.view().encoding(), SetEncoding::Table);
    let again = Set::from_blob(few.blob().unwrap().to_vec());
    assert_eq!(again.view().encoding(), SetEncoding::Table);
    assert!(again.view().contains(&leaves, b"1"));
}

#[test]
fn popped_members_are_each_as_likely() {
    let mut counts: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut chance = 3;
    let mut leaves = Leaves::new(1);
    for _ in 0..2000 {
        let mut set = Set::default();
        for number in 0..20 {
            set.add(&mut leaves, format!("m{number}").as_bytes(), &LIMITS)
                .unwrap();
        }
        let mut taken = Texts::default();
        assert!(set.pop(&mut leaves, &mut chance, &mut taken));
        *counts.entry(taken.get(0).to_vec()).or_default() += 1;
    }
    let sum: f64 = counts
        .values()
        .map(|&count| (f64::from(count) - 100.0).powi(2) / 100.0)
        .sum();
    // 19 degrees of freedom: beyond 50 once in ten thousand seeds.
    assert!(counts.len() == 20 && sum < 50.0, "{sum}");
}
