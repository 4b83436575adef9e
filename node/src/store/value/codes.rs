//! How one element is written: a code byte that says length and meaning, and bytes elsewhere in the block.
//! Pure.
//!
//! ```text
//! code 0–239    a string of so many bytes
//! code 240–247  an integer, canonical decimal as text: 1–8 bytes, little-endian, sign-extended
//! code 251      a longer string, which lies elsewhere: 12 bytes, see `Elsewhere`
//! ```
//! Where element `i` begins is the sum of the lengths before it: no table of offsets. Arrays of codes are read eight at a time.

use super::block::{put_u32, u32_at};
use crate::store::StringRef;
use shared::resp::parse_integer;

/// The longest string that stands in a block itself, and what is subtracted from a greater code for its length.
const SPECIAL: u8 = 239;

/// The code of a string that lies elsewhere.
pub(super) const ELSEWHERE: u8 = SPECIAL + 12;

/// Every byte one.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Bytes that an element of this code takes.
#[inline]
pub(super) fn code_len(code: u8) -> usize {
    usize::from(if code > SPECIAL { code - SPECIAL } else { code })
}

/// Where a long string lies. Its length says in what: see [`super::Leaves`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// Of a leaf or an extent.
    pub(super) number: u32,
    /// Bytes of the string, at most 512 MiB.
    pub(super) len: u32,
    /// The low half of its hash, so that moving its element never reads it.
    pub(super) hash: u32,
}

impl Elsewhere {
    /// From its twelve bytes.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self {
            number: u32_at(bytes, 0),
            len: u32_at(bytes, 4),
            hash: u32_at(bytes, 8),
        }
    }
}

/// An element as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoded<'a> {
    pub(super) code: u8,
    small: [u8; 12],
    text: &'a [u8],
}

impl Encoded<'static> {
    /// As long as any that lies elsewhere.
    pub(super) const ANY_ELSEWHERE: Self = Self {
        code: ELSEWHERE,
        small: [0; 12],
        text: &[],
    };
}

impl<'a> Encoded<'a> {
    /// An element that stands in the block; `None` when it is too long for that.
    #[inline]
    pub(super) fn inline(text: &'a [u8]) -> Option<Self> {
        let mut small = [0; 12];
        if let Some(number) = parse_integer(text) {
            let code = Self::integer(number, &mut small);
            return Some(Self { code, small, text });
        }
        Self::inline_text(text)
    }

    /// The same of a string that is not to be read as an integer.
    #[inline]
    pub(super) fn inline_text(text: &'a [u8]) -> Option<Self> {
        let code = u8::try_from(text.len()).ok()?;
        let small = [0; 12];
        (code <= SPECIAL).then_some(Self { code, small, text })
    }

    /// A string that lies elsewhere.
    pub(super) fn elsewhere(place: Elsewhere) -> Self {
        let mut small = [0; 12];
        put_u32(&mut small, 0, place.number);
        put_u32(&mut small, 4, place.len);
        put_u32(&mut small, 8, place.hash);
        Self {
            code: ELSEWHERE,
            small,
            text: &[],
        }
    }

    #[inline]
    fn integer(number: i64, small: &mut [u8; 12]) -> u8 {
        let magnitude = if number < 0 { !number } else { number };
        // One bit more than the magnitude, for the sign.
        let bits = 65 - magnitude.leading_zeros();
        small[..8].copy_from_slice(&number.to_le_bytes());
        SPECIAL + u8::try_from(bits.div_ceil(8)).unwrap_or(8)
    }

    /// Its bytes in the block.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.code > SPECIAL {
            &self.small[..code_len(self.code)]
        } else {
            self.text
        }
    }
}

/// An element as it was found in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    pub(super) code: u8,
    pub(super) bytes: &'a [u8],
}

impl<'a> Stored<'a> {
    /// No bytes: the value of what has none.
    pub(super) const EMPTY: Self = Self {
        code: 0,
        bytes: &[],
    };

    /// Where its string is when it is not here.
    #[inline]
    pub(super) fn elsewhere(self) -> Option<Elsewhere> {
        (self.code == ELSEWHERE).then(|| Elsewhere::read(self.bytes))
    }

    /// The integer or string that stands here; meaningless for one that lies elsewhere.
    #[inline]
    pub(super) fn here(self) -> StringRef<'a> {
        if self.code <= SPECIAL {
            return StringRef::Bytes(self.bytes);
        }
        StringRef::Integer(integer(self.bytes))
    }
}

/// Who is shown strings in order.
pub trait Strings {
    /// The next one.
    fn one(&mut self, string: StringRef<'_>);

    /// The next ones, of `each` bytes, at least one, one behind the other in `bytes`.
    fn several(&mut self, bytes: &[u8], each: usize);
}

/// Shows elements of these codes, which lie one behind the other from the beginning of `bytes` on: those of one length together.
pub(super) fn show_strings<'a>(
    mut codes: &[u8],
    mut bytes: &'a [u8],
    whole: impl Fn(Stored<'a>) -> StringRef<'a>,
    strings: &mut impl Strings,
) {
    while let Some(&code) = codes.first() {
        let alike = match code {
            1..=SPECIAL => codes.iter().take_while(|other| **other == code).count(),
            _ => 1,
        };
        let (some, rest) = bytes.split_at(alike * code_len(code));
        if alike > 1 {
            strings.several(some, code_len(code));
        } else {
            let element = Stored { code, bytes: some };
            strings.one(whole(element));
        }
        (codes, bytes) = (&codes[alike..], rest);
    }
}

/// The integer of these bytes, 8 at most.
#[inline]
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|&top| top & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    i64::from_le_bytes(wide)
}

/// The lengths that eight codes stand for, in pairs: four sums of 16 bits.
#[inline]
fn lengths_of(codes: u64) -> u64 {
    // Codes above the longest string have their four top bits set.
    let special = codes & (codes << 1) & (codes << 2) & (codes << 3) & (ONES << 7);
    let lengths = codes - (special >> 7) * u64::from(SPECIAL);
    (lengths & 0x00ff_00ff_00ff_00ff) + ((lengths >> 8) & 0x00ff_00ff_00ff_00ff)
}

/// The sum of the lengths that these codes stand for.
#[inline]
pub(super) fn sum_of_lengths(codes: &[u8]) -> usize {
    sum_of_first(codes, codes.len())
}

/// The same of the first `count` of them. Where eight bytes more follow, which is nearly always so among the codes of a block, the last word is read whole.
#[inline]
pub(super) fn sum_of_first(codes: &[u8], count: usize) -> usize {
    let (words, rest) = codes[..count].as_chunks::<8>();
    let mut pairs = 0_u64;
    for word in words {
        pairs += lengths_of(u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let whole = word(codes, count - rest.len(), 0);
        // A code of zero is no bytes long.
        pairs += lengths_of(whole & !(!0 << (8 * rest.len())));
    }
    // A block's bytes fit in each of the four.
    let sum = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    usize::try_from(sum).unwrap_or(0)
}

/// Places of `wanted` among the bytes, ascending.
#[inline]
pub(super) fn places_of(wanted: u8, bytes: &[u8]) -> Places<'_> {
    Places {
        wanted: u64::from(wanted) * ONES,
        bytes,
        base: 0,
        found: 0,
        next: 0,
    }
}

/// See [`places_of`].
#[derive(Debug)]
pub(super) struct Places<'a> {
    wanted: u64,
    bytes: &'a [u8],
    /// Where the word that `found` speaks of begins, and where the next one does.
    base: usize,
    next: usize,
    /// The top bit of each byte that is equal.
    found: u64,
}

/// The eight bytes at `at`, what is missing at the end filled with `filler`.
#[inline]
fn word(bytes: &[u8], at: usize, filler: u64) -> u64 {
    let rest = &bytes[at..];
    if let Some(chunk) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*chunk);
    }
    let mut padded = filler.to_le_bytes();
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from_le_bytes(padded)
}

impl Iterator for Places<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        while self.found == 0 {
            if self.next >= self.bytes.len() {
                return None;
            }
            self.base = self.next;
            self.next += 8;
            // Zero where equal; filler is unequal.
            let differing = word(self.bytes, self.base, !self.wanted) ^ self.wanted;
            self.found = !(((differing & LOW) + LOW) | differing | LOW);
        }
        let place = self.base + (self.found.trailing_zeros() / 8) as usize;
        self.found &= self.found - 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ELSEWHERE, Elsewhere, Encoded, Stored, code_len, places_of, sum_of_first, sum_of_lengths,
    };
    use crate::store::StringRef;
    use crate::store::hash::splitmix;

    fn stored<'a>(encoded: &'a Encoded<'_>) -> Stored<'a> {
        Stored {
            code: encoded.code,
            bytes: encoded.bytes(),
        }
    }

    #[test]
    fn integers_take_as_few_bytes_as_they_need_and_come_back() {
        let mut numbers = vec![0, 1, -1, 127, 128, -128, -129, i64::MAX, i64::MIN];
        for shift in 0..63 {
            for near in [-1, 0, 1] {
                numbers.push((1_i64 << shift) + near);
                numbers.push(-(1_i64 << shift) + near);
            }
        }
        for number in numbers {
            let text = number.to_string();
            let encoded = Encoded::inline(text.as_bytes()).unwrap();
            let bytes = encoded.bytes();
            assert_eq!(bytes.len(), code_len(encoded.code));
            assert_eq!(stored(&encoded).here(), StringRef::Integer(number));
            let narrow = 8 * u32::try_from(bytes.len()).unwrap() - 8;
            let fits = narrow > 0 && (number << (64 - narrow)) >> (64 - narrow) == number;
            assert!(!fits, "{number} in {} bytes", bytes.len());
        }
    }

    #[test]
    fn strings_stay_what_they_are() {
        for text in [&b""[..], b"\0", b"-0", b"01", b"abc", &[b'x'; 239]] {
            let encoded = Encoded::inline(text).unwrap();
            assert_eq!(stored(&encoded).here(), StringRef::Bytes(text));
        }
        assert!(Encoded::inline(&[b'x'; 240]).is_none());
        let place = Elsewhere {
            number: 7,
            len: 1 << 29,
            hash: 0xdead_beef,
        };
        let encoded = Encoded::elsewhere(place);
        assert_eq!(encoded.code, ELSEWHERE);
        assert_eq!(stored(&encoded).elsewhere(), Some(place));
    }

    #[test]
    fn words_of_codes_are_read_as_single_ones() {
        let mut chance = 5;
        for len in 0..300 {
            let codes: Vec<u8> = (0..len)
                .map(|_| splitmix(&mut chance).to_le_bytes()[0])
                .collect();
            // As many as a block has room for.
            let codes = &codes[..len.min(16)];
            let sum: usize = codes.iter().map(|&code| code_len(code)).sum();
            assert_eq!(sum_of_lengths(codes), sum, "{codes:?}");
            let behind = [codes, &[255; 9]].concat();
            assert_eq!(sum_of_first(&behind, codes.len()), sum, "{codes:?}");
            let few: Vec<u8> = codes
                .iter()
                .map(|code| (code % 3).wrapping_sub(2))
                .collect();
            for wanted in [0, 1, 254, 255] {
                let plain: Vec<usize> = (0..few.len()).filter(|&nth| few[nth] == wanted).collect();
                assert_eq!(places_of(wanted, &few).collect::<Vec<_>>(), plain);
            }
        }
        let ones = vec![1; 4000];
        assert_eq!(sum_of_lengths(&ones), 4000);
        assert_eq!(places_of(1, &ones).count(), 4000);
    }
}
