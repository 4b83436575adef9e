//! The index alone, with hashes made up.

use super::directory::{Directory, MAX_DEPTH};
use super::leaf::{LeafAt, LeafSize};
use super::{HashSource, Index};
use crate::store::hash::splitmix;
use crate::store::key::KeyHash;
use crate::store::slab::Handle;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Hashes by handle.
#[derive(Default)]
struct Hashes(RefCell<HashMap<u32, u64>>);

impl HashSource for Hashes {
    fn hash_of(&self, handle: Handle) -> u64 {
        self.0.borrow()[&handle.0]
    }

    fn prefetch(&self, _handle: Handle) {}
}

impl Hashes {
    fn add(&self, number: u32, hash: u64) -> (KeyHash, Handle) {
        self.0.borrow_mut().insert(number, hash);
        (KeyHash(hash), Handle(number))
    }
}

fn check(hash_of: impl Fn(u32) -> u64, count: u32) {
    let hashes = Hashes::default();
    let mut index = Index::new();
    for number in 0..count {
        let (hash, handle) = hashes.add(number, hash_of(number));
        index.insert(hash, handle, &hashes).unwrap();
    }
    assert_eq!(index.len(), count as usize);
    for number in 0..count {
        let (hash, handle) = (KeyHash(hash_of(number)), Handle(number));
        let place = index.find_handle(hash, handle).unwrap();
        // Handles move when entries do.
        let elsewhere = hashes.add(number + count, hash.0).1;
        index.replace(place, elsewhere);
        assert!(index.find_handle(hash, handle).is_none());
        index.replace(place, handle);
    }
    let mut seen = HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = index.scan(cursor, 100, &hashes, &mut |handle| {
            assert!(seen.insert(handle.0), "once while nothing changes");
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), count as usize);
    for number in 0..count {
        let (hash, handle) = (KeyHash(hash_of(number)), Handle(number));
        let place = index.find_handle(hash, handle).unwrap();
        index.remove(place, &hashes);
        assert!(index.find_handle(hash, handle).is_none());
    }
    assert_eq!(index.len(), 0);
    // One leaf, the directory, and what is kept for the next.
    assert!(index.bytes() < 120_000, "{}", index.bytes());
}

#[test]
fn hashes_of_any_shape_are_found_walked_and_removed() {
    let random = |number: u32| splitmix(&mut u64::from(number));
    check(random, 50_000);
    // One slot: the directory grows nodes.
    check(|number| random(number) >> 14 | 77 << 50, 50_000);
    // All bits of the directory equal: no split can part them.
    check(|number| random(number) & 0xffff_ffff, 3000);
    // One home and fingerprint, parted by the directory.
    check(|number| random(number) << 32, 20_000);
    // Equal altogether.
    check(|_| 0x1234_5678_9abc_def0, 1500);
    // The two ends.
    check(|number| if number % 2 == 0 { 0 } else { u64::MAX }, 300);
}

#[test]
fn the_directory_leads_every_path_to_its_leaf() {
    let leaf = |position| LeafAt::new(LeafSize::Small, position);
    let mut directory = Directory::new(leaf(0));
    // Splits the leaf of path 0 down to the deepest: leaf n covers the other half at depth n.
    for depth in 1..=MAX_DEPTH {
        directory.assign(1 << (u32::BITS - depth), depth, leaf(depth));
        directory.assign(0, depth, leaf(100 + depth));
    }
    for depth in 1..=MAX_DEPTH {
        let first = 1_u32 << (u32::BITS - depth);
        let last = first + (first - 1);
        for path in [first, first + (last - first) / 2, last] {
            assert_eq!(directory.leaf(path), leaf(depth), "{path:#x}");
        }
    }
    assert_eq!(directory.leaf(1), leaf(100 + MAX_DEPTH));
    let grown = directory.bytes();
    // And back.
    for depth in (0..MAX_DEPTH).rev() {
        directory.assign(0, depth, leaf(200 + depth));
        assert_eq!(directory.leaf(0), leaf(200 + depth));
    }
    for path in [0, 1, 1 << 20, 1 << 31, u32::MAX] {
        assert_eq!(directory.leaf(path), leaf(200));
    }
    // Freed nodes are used again.
    for depth in 1..=MAX_DEPTH {
        directory.assign(1 << (u32::BITS - depth), depth, leaf(depth));
        directory.assign(0, depth, leaf(100 + depth));
    }
    let list_of_free = 100;
    assert!(directory.bytes() <= grown + list_of_free);
}
