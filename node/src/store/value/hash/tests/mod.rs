//! Hashes against `HashMap`, small and large side by side.

mod timed;

use super::*;
use crate::store::StringRef;
use crate::store::value::chance::below;
use crate::store::value::collection::Collection;
use std::collections::{HashMap, HashSet};

const LIMITS: Limits = Limits {
    entries: 128,
    element_bytes: 64,
    blob_bytes: 4000,
};

/// Never packed, and never small by name.
const AT_ONCE_LARGE: Limits = Limits {
    entries: 0,
    element_bytes: 0,
    blob_bytes: 0,
};

/// Hostile and ordinary texts, the same for the same number.
fn text(number: u64) -> Vec<u8> {
    match number % 23 {
        0 => number.to_string().into_bytes(),
        1 => format!("-{number}").into_bytes(),
        2 => vec![0; usize::try_from(number % 40).unwrap()],
        3 => format!("{number}\0").into_bytes(),
        4 if number.is_multiple_of(9) => vec![b'l'; usize::try_from(200 + number % 100).unwrap()],
        5 if number.is_multiple_of(31) => vec![b'm'; usize::try_from(4000 + number % 200).unwrap()],
        6 => format!("0{number}").into_bytes(),
        _ => format!("field:{number:012}").into_bytes(),
    }
}

fn owned(value: StringRef<'_>) -> Vec<u8> {
    match value {
        StringRef::Integer(number) => number.to_string().into_bytes(),
        StringRef::Bytes(bytes) => bytes.to_vec(),
    }
}

fn contents(hash: &Hash, leaves: &Leaves, step: usize) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut found = HashMap::new();
    let mut next = Some(Position::default());
    while let Some(from) = next {
        next = hash.view().walk(leaves, from, step, |field, value| {
            let before = found.insert(owned(field), owned(value));
            assert!(before.is_none(), "shown twice");
        });
    }
    found
}

fn free_all(hash: &mut Hash, leaves: &mut Leaves) {
    while hash.free_some(leaves) {}
}

#[test]
fn any_operations_leave_what_a_map_would() {
    for (seed, limits, keys) in [
        (1, LIMITS, 40),
        (2, LIMITS, 3000),
        (3, AT_ONCE_LARGE, 100),
        (4, AT_ONCE_LARGE, 20_000),
    ] {
        let mut chance = seed;
        let mut leaves = Leaves::new(seed);
        let mut hash = Hash::default();
        let mut plain: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for step in 0..60_000_u64 {
            let growing = step % 20_000 < 10_000;
            let field = text(below(&mut chance, keys));
            if below(&mut chance, 10) < if growing { 7 } else { 2 } {
                let value = text(below(&mut chance, 1 << 20));
                let put = hash.set(&mut leaves, &field, &value, &limits).unwrap();
                let was_there = plain.insert(field, value).is_some();
                assert_eq!(put == Put::Replaced, was_there);
            } else {
                let is_gone = hash.remove(&mut leaves, &field);
                assert_eq!(is_gone, plain.remove(&field).is_some());
            }
            let field = text(below(&mut chance, keys));
            let value = hash.view().get(&leaves, &field).map(owned);
            assert_eq!(value.as_ref(), plain.get(&field));
            assert_eq!(hash.view().len(), plain.len() as u64);
            if step % 5000 == 0 {
                assert_eq!(contents(&hash, &leaves, 7), plain);
            }
        }
        free_all(&mut hash, &mut leaves);
        assert_eq!(leaves.live_bytes(), 0, "all is given back");
    }
}

#[test]
fn what_a_hash_says_it_takes_is_what_lives() {
    let mut leaves = Leaves::new(9);
    let mut hash = Hash::default();
    let mut chance = 9;
    for _ in 0..20_000 {
        let field = text(below(&mut chance, 5000));
        hash.set(&mut leaves, &field, &field, &LIMITS).unwrap();
        hash.remove(&mut leaves, &text(below(&mut chance, 5000)));
        let own = match &hash.elements {
            Elements::Packed(blob) => blob.len() as u64,
            Elements::Table(_) => hash.view().bytes(&leaves) - leaves.live_bytes(),
        };
        assert!(own < 8000, "directory and counters: {own}");
        assert_eq!(hash.view().bytes(&leaves), leaves.live_bytes() + own);
    }
}

#[test]
fn a_scan_shows_all_that_stays_while_leaves_split_and_merge() {
    let mut chance = 5;
    for round in 0..20 {
        let mut leaves = Leaves::new(round);
        let mut hash = Hash::default();
        let lasting: HashSet<Vec<u8>> = (0..300).map(|n| text(n * 23 + 7)).collect();
        for field in &lasting {
            hash.set(&mut leaves, field, b"v", &LIMITS).unwrap();
        }
        let passing = |n: u64| format!("passing:{n}").into_bytes();
        let mut highest = 0;
        if round % 2 == 0 {
            for _ in 0..30_000 {
                highest += 1;
                hash.set(&mut leaves, &passing(highest), b"v", &LIMITS)
                    .unwrap();
            }
        }
        let mut seen = HashSet::new();
        let mut cursor = 0;
        loop {
            cursor = hash.view().scan(&leaves, cursor, |field, _| {
                seen.insert(owned(field));
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..below(&mut chance, 400) {
                if round % 2 == 0 {
                    hash.remove(&mut leaves, &passing(highest));
                    highest = highest.saturating_sub(1);
                } else if highest < 30_000 {
                    highest += 1;
                    hash.set(&mut leaves, &passing(highest), b"v", &LIMITS)
                        .unwrap();
                }
            }
        }
        assert!(lasting.is_subset(&seen), "round {round}");
    }
}

#[test]
fn a_scan_of_a_hash_at_rest_shows_each_field_once() {
    let mut leaves = Leaves::new(5);
    let mut hash = Hash::default();
    for number in 0..5000 {
        let field = format!("f{number}");
        hash.set(&mut leaves, field.as_bytes(), b"v", &LIMITS)
            .unwrap();
    }
    let (mut shown, mut cursor) = (0, 0);
    loop {
        cursor = hash.view().scan(&leaves, cursor, |_, _| shown += 1);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(shown, 5000);
}

/// The sum of squares for `draws` over `fields` fields, whose mean is `fields - 1`, its deviation √(2 × that).
fn chi_square(hash: &Hash, leaves: &Leaves, fields: u32, draws: u32) -> f64 {
    let mut counts: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut chance = 77;
    for _ in 0..draws {
        let place = hash.view().random(leaves, &mut chance).unwrap();
        let (field, _) = hash.view().at(leaves, place).unwrap();
        *counts.entry(owned(field)).or_default() += 1;
    }
    let expected = f64::from(draws) / f64::from(fields);
    let drawn: f64 = counts
        .values()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    let never = f64::from(fields) - f64::from(u32::try_from(counts.len()).unwrap());
    drawn + never * expected
}

#[test]
fn random_choices_are_uniform_in_small_large_and_shrunken_hashes() {
    for (grown, left) in [(50, 50), (2000, 2000), (20_000, 700), (2000, 60)] {
        let mut leaves = Leaves::new(11);
        let mut hash = Hash::default();
        let name = |n: u32| format!("f:{n}").into_bytes();
        for number in 0..grown {
            hash.set(&mut leaves, &name(number), b"v", &LIMITS).unwrap();
        }
        for number in left..grown {
            assert!(hash.remove(&mut leaves, &name(number)));
        }
        let sum = chi_square(&hash, &leaves, left, left * 60);
        let freedom = f64::from(left - 1);
        let deviation = (2.0 * freedom).sqrt();
        assert!((sum - freedom).abs() < 5.0 * deviation, "{left}: {sum}");
    }
}

#[test]
fn small_hashes_keep_their_order_and_their_name_until_a_limit() {
    let mut leaves = Leaves::new(1);
    let mut hash = Hash::default();
    for number in 0..128 {
        let field = format!("f{number}");
        hash.set(&mut leaves, field.as_bytes(), b"1", &LIMITS)
            .unwrap();
    }
    let mut fields = Vec::new();
    let end = hash
        .view()
        .walk(&leaves, Position::default(), 1000, |field, _| {
            fields.push(owned(field));
        });
    assert_eq!(end, None);
    assert!((0..128).all(|n| fields[n] == format!("f{n}").into_bytes()));
    assert!(!hash.view().is_hashtable_by_name());
    hash.set(&mut leaves, b"one more", b"1", &LIMITS).unwrap();
    assert!(hash.view().is_hashtable_by_name());
    assert!(hash.blob().is_some(), "by name alone");
    hash.remove(&mut leaves, b"one more");
    assert!(hash.view().is_hashtable_by_name(), "names never go back");

    let copy = Hash::from_blob(hash.blob().unwrap().to_vec());
    assert!(copy.view().is_hashtable_by_name());
    assert_eq!(contents(&copy, &leaves, 3), contents(&hash, &leaves, 1000));
}

#[test]
fn a_large_hash_of_short_fields_is_a_listpack_by_name_within_the_limits() {
    let limits = Limits {
        entries: 512,
        ..LIMITS
    };
    let mut leaves = Leaves::new(1);
    let mut hash = Hash::default();
    for number in 0..512 {
        let field = format!("a field of some length {number}");
        hash.set(&mut leaves, field.as_bytes(), b"1", &limits)
            .unwrap();
    }
    assert!(hash.blob().is_none() && !hash.view().is_hashtable_by_name());
    hash.set(&mut leaves, &[b'x'; 65], b"1", &limits).unwrap();
    assert!(hash.view().is_hashtable_by_name());
}

#[test]
fn leaves_of_long_values_stay_within_their_bound() {
    let mut leaves = Leaves::new(1);
    let mut hash = Hash::default();
    for number in 0..3000_u32 {
        let field = format!("f{number}");
        let value = vec![b'v'; 239];
        hash.set(&mut leaves, field.as_bytes(), &value, &LIMITS)
            .unwrap();
    }
    for number in 0..3000_u32 {
        let field = vec![b'f'; usize::try_from(100 + number % 139).unwrap()];
        hash.set(&mut leaves, &field, &[b'w'; 200], &LIMITS)
            .unwrap();
        let field = format!("f{number}");
        let value = hash.view().get(&leaves, field.as_bytes()).map(owned);
        assert_eq!(value.unwrap().len(), 239);
    }
    free_all(&mut hash, &mut leaves);
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn a_leaf_that_is_too_long_keeps_its_longest_strings_elsewhere() {
    let mut leaves = Leaves::new(1);
    let mut hash = Hash::default();
    // Names that no split of the first ten bits parts.
    let together = |leaves: &Leaves, name: &[u8]| leaves.sought(name).hash & 0x3ff == 5;
    let names: Vec<Vec<u8>> = (0..200_000_u32)
        .map(|number| format!("{number:0>100}").into_bytes())
        .filter(|name| together(&leaves, name))
        .take(60)
        .collect();
    assert_eq!(names.len(), 60);
    let value = |round: usize| vec![b'a' + u8::try_from(round).unwrap(); 100 + round];
    for number in 0..1000 {
        let field = format!("f{number}");
        hash.set(&mut leaves, field.as_bytes(), b"1", &LIMITS)
            .unwrap();
    }
    for round in 0..3 {
        for name in &names {
            hash.set(&mut leaves, name, &value(round), &LIMITS).unwrap();
        }
        for name in &names {
            let found = hash.view().get(&leaves, name).map(owned);
            assert_eq!(found, Some(value(round)));
        }
        let own = hash.view().bytes(&leaves) - leaves.live_bytes();
        assert!(own < 8000, "directory and counters: {own}");
    }
    // More than a leaf could hold, so some are elsewhere; all come back and all is given back.
    assert_eq!(contents(&hash, &leaves, 9).len(), 1060);
    for name in &names {
        assert!(hash.remove(&mut leaves, name));
        assert_eq!(hash.view().get(&leaves, name), None);
    }
    free_all(&mut hash, &mut leaves);
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn a_full_store_refuses_a_field_and_keeps_what_there_is() {
    let mut leaves = Leaves::with_limit(1, 120);
    let mut hash = Hash::default();
    let mut plain = HashMap::new();
    let mut number = 0;
    loop {
        let field = text(number * 23 + 7);
        let value = vec![b'v'; 300 + usize::try_from(number % 100).unwrap()];
        match hash.set(&mut leaves, &field, &value, &LIMITS) {
            Ok(_) => plain.insert(field, value),
            Err(StoreFull) => break,
        };
        number += 1;
    }
    assert!(plain.len() > 500);
    assert_eq!(contents(&hash, &leaves, 50), plain);
    for field in plain.keys() {
        assert!(hash.remove(&mut leaves, field));
    }
    free_all(&mut hash, &mut leaves);
    assert_eq!(leaves.live_bytes(), 0);
}

/// As one does who reads all fields, and then writes them in the order in which they came: one leaf grows after the other, whosever turn it is to be split.
#[test]
fn short_values_become_long_ones_in_the_order_of_the_leaves() {
    for fields in [500, 2000, 4095, 8000, 12_900, 16_384] {
        for (name_bytes, value_bytes) in [(0, 100), (4, 239), (12, 13), (20, 300)] {
            let mut leaves = Leaves::new(fields);
            let mut hash = Hash::default();
            for number in 0..fields {
                let field = format!("{number:0name_bytes$}");
                hash.set(&mut leaves, field.as_bytes(), b"", &LIMITS)
                    .unwrap();
            }
            let mut order = Vec::new();
            let mut next = Some(Position::default());
            while let Some(from) = next {
                next = hash
                    .view()
                    .walk(&leaves, from, 9, |field, _| order.push(owned(field)));
            }
            assert_eq!(order.len() as u64, fields);
            let value = vec![b'v'; value_bytes];
            for field in &order {
                let put = hash.set(&mut leaves, field, &value, &LIMITS);
                assert_eq!(put, Ok(Put::Replaced), "{fields} {name_bytes}");
            }
            assert!(
                contents(&hash, &leaves, 50)
                    .values()
                    .all(|has| *has == value)
            );
            free_all(&mut hash, &mut leaves);
            assert_eq!(leaves.live_bytes(), 0, "all is given back");
        }
    }
}
