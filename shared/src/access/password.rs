//! Passwords as users have them: hashes, from which nobody learns the password; and new ones that nobody guesses.
//! Pure: chance is passed in as a seed. Invariant: no formatting of a hash shows it but [`PasswordHash::hex`].

use std::fmt;
use std::hint::black_box;

use ring::digest::{SHA256, digest};

/// Digits of a hash in text.
const HEX_DIGITS: usize = 64;

/// Bits of one block of what [`PasswordDice`] throws.
const BLOCK_BYTES: usize = 32;

/// SHA-256 of a password.
#[derive(Clone, Copy)]
pub(super) struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// Of a password in plain text.
    pub(super) fn of(password: &[u8]) -> Self {
        Self(sha_256(password))
    }

    /// As `#hash` writes it: 64 digits in lower case.
    pub(super) fn from_hex(text: &[u8]) -> Option<Self> {
        if text.len() != HEX_DIGITS {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(hash))
    }

    /// The same back.
    pub(super) fn hex(self) -> String {
        hex(&self.0)
    }

    /// Whether both are of one password. Takes the same time whatever they are.
    pub(super) fn matches(self, other: Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let differences = pairs.fold(0, |found, (one, two)| black_box(found | (one ^ two)));
        differences == 0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hash)")
    }
}

/// Throws passwords (ACL GENPASS): what comes next nobody can tell who does not know the seed.
#[derive(Clone, Default)]
pub struct PasswordDice {
    seed: [u8; 32],
    thrown: u64,
}

impl PasswordDice {
    /// Begins with 32 bytes that nobody else knows.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, thrown: 0 }
    }

    /// So many hexadecimal digits.
    pub(super) fn throw(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            let mut block = [0; BLOCK_BYTES + 8];
            block[..BLOCK_BYTES].copy_from_slice(&self.seed);
            block[BLOCK_BYTES..].copy_from_slice(&self.thrown.to_le_bytes());
            self.thrown += 1;
            text.push_str(&hex(&sha_256(&block)));
        }
        text.truncate(digits);
        text
    }
}

impl fmt::Debug for PasswordDice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PasswordDice").finish_non_exhaustive()
    }
}

fn sha_256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_every_other_program() {
        let hash = PasswordHash::of(b"pw");
        let text = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
        assert_eq!(hash.hex(), text);
        let read = PasswordHash::from_hex(text.as_bytes()).expect("a hash");
        assert!(read.matches(hash) && !read.matches(PasswordHash::of(b"")));
        for wrong in [
            &text[1..],
            &text.to_uppercase(),
            &format!("{}g", &text[1..]),
        ] {
            assert!(
                PasswordHash::from_hex(wrong.as_bytes()).is_none(),
                "{wrong}"
            );
        }
        assert_eq!(format!("{hash:?}"), "(hash)");
    }

    #[test]
    fn passwords_are_as_long_as_asked_for_and_never_the_same() {
        let mut dice = PasswordDice::new([7; 32]);
        let long = dice.throw(1_024);
        assert_eq!(long.len(), 1_024);
        assert_ne!(long[..64], long[64..128]);
        assert_eq!(dice.throw(1).len(), 1);
        assert_ne!(PasswordDice::new([8; 32]).throw(64), long[..64]);
    }
}
