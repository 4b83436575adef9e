//! Lengths and counts: one byte up to 63, two up to 16,383, five up to 32 bits, nine beyond. The bits that are left over say that no length follows, but a string in a form of its own.
//! Pure.

use super::fault::Fault;
use super::source::Source;

/// The most that stands in one byte, with two bits for the form.
const ONE_BYTE: u64 = 0x3f;
/// The most that stands in two bytes.
const TWO_BYTES: u64 = 0x3fff;
/// Two bytes: the upper six bits, then the lower eight.
const IS_TWO_BYTES: u8 = 0x40;
/// Four bytes follow, the highest first.
const IS_32_BITS: u8 = 0x80;
/// Eight bytes follow, the highest first.
const IS_64_BITS: u8 = 0x81;
/// A form of string, whose number is in the lower six bits.
const IS_FORM: u8 = 0xc0;

/// What stands where a length is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// A length.
    Plain(u64),
    /// A string follows in the form of this number.
    Form(u8),
}

/// Reads what stands where a length is expected.
pub(super) fn read(source: &mut Source<'_>) -> Result<Length, Fault> {
    let first = source.byte()?;
    let low = u64::from(first) & ONE_BYTE;
    Ok(match first & IS_FORM {
        0 => Length::Plain(low),
        IS_TWO_BYTES => Length::Plain(low << 8 | u64::from(source.byte()?)),
        IS_FORM => Length::Form(first & 0x3f),
        _ if first == IS_32_BITS => Length::Plain(u32::from_be_bytes(source.array()?).into()),
        _ if first == IS_64_BITS => Length::Plain(u64::from_be_bytes(source.array()?)),
        _ => return Err(Fault::Broken),
    })
}

/// Reads how many elements follow. The number of a form is taken for a count, as Redis does.
pub(super) fn read_count(source: &mut Source<'_>) -> Result<u64, Fault> {
    Ok(match read(source)? {
        Length::Plain(count) => count,
        Length::Form(number) => number.into(),
    })
}

/// Bytes that a length takes at most.
pub(super) const MOST_BYTES: usize = 9;

/// A length as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    bytes: [u8; MOST_BYTES],
    len: usize,
}

impl Written {
    /// In as few bytes as it needs.
    pub(super) fn new(length: u64) -> Self {
        let mut bytes = [0; MOST_BYTES];
        let [.., second, last] = length.to_be_bytes();
        let len = if length <= ONE_BYTE {
            bytes[0] = last;
            1
        } else if length <= TWO_BYTES {
            bytes[0] = IS_TWO_BYTES | second;
            bytes[1] = last;
            2
        } else if let Ok(short) = u32::try_from(length) {
            bytes[0] = IS_32_BITS;
            bytes[1..5].copy_from_slice(&short.to_be_bytes());
            5
        } else {
            bytes[0] = IS_64_BITS;
            bytes[1..].copy_from_slice(&length.to_be_bytes());
            MOST_BYTES
        };
        Self { bytes, len }
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Appends the byte that announces a string in the form of this number.
pub(super) fn write_form(out: &mut Vec<u8>, number: u8) {
    out.push(IS_FORM | number);
}

#[cfg(test)]
mod tests {
    use super::{Fault, Length, Source, Written, read, read_count};

    #[test]
    fn lengths_are_read_as_they_were_written() {
        for (length, bytes) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 5),
            (u64::from(u32::MAX), 5),
            (u64::from(u32::MAX) + 1, 9),
            (u64::MAX, 9),
        ] {
            let written = Written::new(length);
            assert_eq!(written.as_bytes().len(), bytes, "{length}");
            let mut source = Source::new(written.as_bytes(), 0);
            assert_eq!(read(&mut source), Ok(Length::Plain(length)));
            assert_eq!(source.at(), bytes);
            for end in 0..bytes {
                let mut cut = Source::new(&written.as_bytes()[..end], 0);
                assert_eq!(read(&mut cut), Err(Fault::Broken));
            }
        }
    }

    #[test]
    fn what_is_no_length_is_refused_or_names_a_form() {
        for first in 0x82..0xc0 {
            let bytes = [first, 0, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(read(&mut Source::new(&bytes, 0)), Err(Fault::Broken));
        }
        assert_eq!(read(&mut Source::new(&[0xc3], 0)), Ok(Length::Form(3)));
        assert_eq!(read_count(&mut Source::new(&[0xc3], 0)), Ok(3));
    }
}
