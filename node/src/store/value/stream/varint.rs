//! Numbers in as few bytes as they need: seven bits a byte, the lowest first, the top bit says that there are more.
//! Pure.

/// Bits of a number beside two flags in its first byte.
const BITS_BESIDE_FLAGS: u32 = 5;

/// Says that another byte follows.
const MORE: u8 = 0x80;

/// The lowest bits of a number as a byte.
fn low(number: u64, bits: u32) -> u8 {
    let [byte, ..] = (number & ((1 << bits) - 1)).to_le_bytes();
    byte
}

/// Appends a number.
pub(super) fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >> 7 > 0 {
        out.push(low(number, 7) | MORE);
        number >>= 7;
    }
    out.push(low(number, 7));
}

/// Appends a number with two flags (`0..4`) in its first byte.
pub(super) fn push_flagged(out: &mut Vec<u8>, flags: u8, number: u64) {
    let first = low(number, BITS_BESIDE_FLAGS) << 2 | flags;
    let rest = number >> BITS_BESIDE_FLAGS;
    if rest == 0 {
        out.push(first);
    } else {
        out.push(first | MORE);
        push(out, rest);
    }
}

/// The number at `at`, which goes on behind it.
#[inline]
pub(super) fn read(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & !MORE) << shift;
        if byte & MORE == 0 {
            return number;
        }
        shift += 7;
    }
}

/// The flags and the number at `at`.
#[inline]
pub(super) fn read_flagged(bytes: &[u8], at: &mut usize) -> (u8, u64) {
    let first = bytes[*at];
    *at += 1;
    let number = u64::from((first & !MORE) >> 2);
    let rest = match first & MORE {
        0 => 0,
        _ => read(bytes, at) << BITS_BESIDE_FLAGS,
    };
    (first & 3, number | rest)
}

#[cfg(test)]
mod tests {
    use super::{push, push_flagged, read, read_flagged};

    #[test]
    fn numbers_come_back() {
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]);
        for number in edges.chain([u64::MAX]) {
            let mut out = vec![0xff];
            push(&mut out, number);
            let flags = out.len().to_le_bytes()[0] & 3;
            push_flagged(&mut out, flags, number);
            let mut at = 1;
            assert_eq!(read(&out, &mut at), number);
            assert_eq!(read_flagged(&out, &mut at), (flags, number));
            assert_eq!(at, out.len());
        }
    }
}
