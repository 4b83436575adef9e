//! Blocks against plain vectors.

use super::*;
use crate::store::hash::splitmix;

fn below(chance: &mut u64, bound: u64) -> usize {
    usize::try_from(splitmix(chance) % bound).unwrap()
}

fn filled(chance: &mut u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![splitmix(chance).to_le_bytes()[0]; len];
    for byte in bytes.iter_mut().take(20) {
        *byte = splitmix(chance).to_le_bytes()[0];
    }
    bytes
}

#[test]
fn blocks_keep_their_bytes_while_others_come_and_go() {
    let mut chance = 1;
    let mut leaves = Leaves::new(1);
    let mut plain: Vec<(LeafId, Vec<u8>)> = Vec::new();
    for step in 0..60_000_u64 {
        leaves.reserve().unwrap();
        let growing = step % 20_000 < 10_000;
        let choice = below(&mut chance, 10);
        if plain.is_empty() || choice < if growing { 4 } else { 1 } {
            let len = below(&mut chance, if choice == 0 { 4091 } else { 600 });
            let id = leaves.alloc(len);
            let bytes = filled(&mut chance, len);
            leaves.bytes_mut(id).copy_from_slice(&bytes);
            plain.push((id, bytes));
        } else if choice < 7 {
            let nth = below(&mut chance, plain.len() as u64);
            let len = below(&mut chance, 700);
            let (id, bytes) = &mut plain[nth];
            leaves.block(*id).resize(len);
            let same = len.min(bytes.len());
            assert_eq!(leaves.bytes(*id)[..same], bytes[..same]);
            *bytes = filled(&mut chance, len);
            leaves.bytes_mut(*id).copy_from_slice(bytes);
        } else {
            let nth = below(&mut chance, plain.len() as u64);
            let (id, bytes) = plain.swap_remove(nth);
            assert_eq!(leaves.bytes(id), bytes);
            leaves.free(id);
        }
    }
    for (id, bytes) in plain {
        assert_eq!(leaves.bytes(id), bytes);
        leaves.free(id);
    }
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn what_lives_is_counted_with_its_class_and_number() {
    let mut leaves = Leaves::new(1);
    leaves.reserve().unwrap();
    let id = leaves.alloc(10);
    assert_eq!(leaves.live_bytes(), 16 + 4);
    leaves.block(id).resize(300);
    // 306 bytes lie in a class of 320: steps of 32 from 256 on.
    assert_eq!(leaves.live_bytes(), 320 + 4);
    leaves.free(id);
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn long_strings_lie_in_blocks_or_extents_and_come_back() {
    let mut leaves = Leaves::new(3);
    for len in [0, 1, 239, 240, 4090, 4091, 100_000, 1 << 20] {
        let text = vec![b'x'; len];
        let encoded = leaves.encode(&text).unwrap();
        let stored = Stored {
            code: encoded.code,
            bytes: encoded.bytes(),
        };
        assert_eq!(leaves.show(stored), StringRef::Bytes(&text));
        let sought = leaves.sought(&text);
        assert_eq!(sought.code(), encoded.code);
        assert!(sought.is(&leaves, stored));
        assert_eq!(leaves.low_hash(stored), low_half(sought.hash));
        let mut other = text.clone();
        if let Some(last) = other.last_mut() {
            *last = b'y';
            assert!(!leaves.sought(&other).is(&leaves, stored));
        }
        leaves.discard(stored);
        assert_eq!(leaves.live_bytes(), 0, "{len}");
    }
}

#[test]
fn a_full_store_says_so_when_room_is_reserved_and_shrinking_still_works() {
    let mut leaves = Leaves::with_limit(1, 80);
    let mut ids = Vec::new();
    while leaves.reserve().is_ok() {
        ids.push(leaves.alloc(4000));
    }
    assert!(ids.len() > 200);
    // Use up what is kept for removals as well.
    while leaves.slabs.reserve(1).is_ok() {
        ids.push(leaves.alloc(4000));
    }
    for &id in &ids {
        leaves.bytes_mut(id)[..2].copy_from_slice(&id.0.to_le_bytes()[..2]);
        leaves.block(id).resize(100);
    }
    for &id in &ids {
        assert_eq!(leaves.bytes(id)[..2], id.0.to_le_bytes()[..2]);
        leaves.free(id);
    }
    assert_eq!(leaves.live_bytes(), 0);
}
