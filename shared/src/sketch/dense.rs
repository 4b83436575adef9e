//! Registers of six bits each, one behind the other, the lowest bits first.
//! Pure. Invariant: a register that would lie beyond the bytes reads as zero and is not written.

use super::element::Rise;

/// What six bits hold.
const MOST: u16 = 63;

/// The lowest bits of four registers in the bytes in which they begin.
const SHIFTS: [u32; 4] = [0, 6, 4, 2];

/// Where a register begins: its byte, and its lowest bit there.
fn place(register: usize) -> (usize, u32) {
    // Four registers take three bytes.
    (
        register / 4 * 3 + register % 4 * 6 / 8,
        SHIFTS[register % 4],
    )
}

/// The two bytes from here on in which a register lies.
fn pair(registers: &[u8], byte: usize) -> u16 {
    let at = |index: usize| registers.get(index).copied().unwrap_or(0);
    u16::from_le_bytes([at(byte), at(byte + 1)])
}

/// What a register has.
pub(super) fn get(registers: &[u8], register: usize) -> u8 {
    let (byte, shift) = place(register);
    (pair(registers, byte) >> shift & MOST).to_le_bytes()[0]
}

/// Writes a register; of the count its lowest six bits.
pub(super) fn set(registers: &mut [u8], register: usize, count: u8) {
    let (byte, shift) = place(register);
    let count = u16::from(count) & MOST;
    let new = pair(registers, byte) & !(MOST << shift) | count << shift;
    for (at, new) in new.to_le_bytes().into_iter().enumerate() {
        if let Some(old) = registers.get_mut(byte + at) {
            *old = new;
        }
    }
}

/// Raises a register; whether it was lower.
pub fn raise(registers: &mut [u8], rise: Rise) -> bool {
    let is_lower = get(registers, rise.register) < rise.count;
    if is_lower {
        set(registers, rise.register, rise.count);
    }
    is_lower
}

/// All registers in their order: four in three bytes.
pub(super) fn all(registers: &[u8]) -> impl Iterator<Item = u8> {
    registers.chunks_exact(3).flat_map(|three| {
        let bits = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        [0, 6, 12, 18].map(|shift| (bits >> shift & u32::from(MOST)).to_le_bytes()[0])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{DENSE_BYTES, REGISTERS};

    #[test]
    fn each_register_is_its_own() {
        let mut registers = vec![0; DENSE_BYTES];
        let count = |register: usize| u8::try_from(register * 7 % 64).unwrap();
        for register in (0..REGISTERS).rev() {
            set(&mut registers, register, count(register));
        }
        let expected: Vec<u8> = (0..REGISTERS).map(count).collect();
        let got: Vec<u8> = (0..REGISTERS).map(|nth| get(&registers, nth)).collect();
        assert_eq!(got, expected);
        assert_eq!(all(&registers).collect::<Vec<u8>>(), expected);
        let rise = Rise {
            register: 5,
            count: 35,
        };
        assert!(!raise(&mut registers, rise));
        let rise = Rise {
            register: 5,
            count: 36,
        };
        assert!(raise(&mut registers, rise));
        assert_eq!(get(&registers, 5), 36);
        assert_eq!((get(&registers, 4), get(&registers, 6)), (28, 42));
    }
}
