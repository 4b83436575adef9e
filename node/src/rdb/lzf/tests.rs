use super::*;
use crate::rdb::fault::Fault;
use proptest::prelude::*;

/// Packs in pieces of `budget` bytes.
fn pack(packer: &mut Packer, input: &[u8], budget: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut packing = packer.begin(input.len());
    while !packing.go_on(packer, input, &mut out, budget) {}
    out
}

fn unpack(packed: &[u8], len: usize, budget: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut unpacking = Unpacking::new(0..packed.len(), len);
    while !unpacking.go_on(packed, &mut out, budget)? {}
    Ok(out)
}

#[test]
fn what_is_packed_comes_back() {
    let mut packer = Packer::new(1 << 20);
    let mut text = b"the quick brown fox jumps over the lazy dog; ".repeat(40);
    text.extend((0..=255_u8).cycle().take(20_000));
    text.extend([7; 1000]);
    for budget in [1, 3, 100, usize::MAX] {
        let packed = pack(&mut packer, &text, budget);
        assert!(packed.len() * 4 < text.len(), "{}", packed.len());
        for step in [1, 300, usize::MAX] {
            assert_eq!(unpack(&packed, text.len(), step), Ok(text.clone()));
        }
    }
    let zeros = vec![0; 1 << 20];
    let packed = pack(&mut packer, &zeros, usize::MAX);
    assert!(packed.len() as u64 * MOST_GROWTH >= zeros.len() as u64);
    assert_eq!(unpack(&packed, zeros.len(), 1 << 16), Ok(zeros));
}

/// As liblzf's own packer wrote them, by way of a redis-server.
#[test]
fn what_others_packed_is_understood() {
    let packed = b"\x01aa\xe0\x20\x00\x01aa";
    assert_eq!(unpack(packed, 45, 64), Ok(vec![b'a'; 45]));
}

#[test]
fn lies_are_refused() {
    let packed = b"\x02abc\x20\x02";
    assert_eq!(unpack(packed, 6, 64), Ok(b"abcabc".to_vec()));
    for len in [0, 3, 5, 7, 1 << 40] {
        assert_eq!(unpack(packed, len, 64), Err(Fault::Broken), "{len}");
    }
    for end in 0..packed.len() {
        assert_eq!(unpack(&packed[..end], 6, 64), Err(Fault::Broken), "{end}");
    }
    // A reference to before the beginning.
    assert_eq!(unpack(b"\x02abc\x20\x03", 6, 64), Err(Fault::Broken));
}

proptest! {
    #[test]
    fn any_string_comes_back(
        texts in prop::collection::vec(prop::collection::vec(0..4_u8, 0..700), 1..8),
        budget in 1..900_usize,
    ) {
        let mut packer = Packer::new(2);
        for text in texts {
            let packed = pack(&mut packer, &text, budget);
            prop_assert_eq!(unpack(&packed, text.len(), budget), Ok(text));
        }
    }

    #[test]
    fn any_bytes_are_unpacked_or_refused(packed in prop::collection::vec(any::<u8>(), 0..200), len in 0..3000_usize) {
        if let Ok(text) = unpack(&packed, len, 64) {
            prop_assert_eq!(text.len(), len);
        }
    }
}
