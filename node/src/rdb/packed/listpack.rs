//! Listpacks: what Redis 7 packs small collections and the nodes of lists in.
//! Pure.
//!
//! ```text
//! bytes in all 4 | elements 2, all ones where they are more | elements | 0xff
//! element: head with the beginning of a length or an integer | the rest | how long the two are, to be read backwards
//! ```

use super::integer_24;
use crate::rdb::fault::Fault;
use crate::rdb::source::Source;
use crate::store::StringRef;
use shared::resp::parse_integer;

const HEAD_BYTES: usize = 6;
const END: u8 = 0xff;
/// So many elements or more are not counted in the head.
const UNCOUNTED: u16 = u16::MAX;
/// No listpack is longer: Redis' own bound.
const MOST_BYTES: usize = 1 << 30;

const IS_TEXT_6_BITS: u8 = 0x80;
const IS_INTEGER_13_BITS: u8 = 0xc0;
const IS_TEXT_12_BITS: u8 = 0xe0;
const TEXT_32_BITS: u8 = 0xf0;
const INTEGER_16: u8 = 0xf1;
const INTEGER_24: u8 = 0xf2;
const INTEGER_32: u8 = 0xf3;
const INTEGER_64: u8 = 0xf4;

/// Where a walk stands.
#[derive(Debug)]
pub(in crate::rdb) struct Walk {
    at: usize,
    count: usize,
    /// As the head has it.
    said: u16,
}

impl Walk {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Fault> {
        let mut head = Source::new(bytes, 0);
        let len = u32::from_le_bytes(head.array()?);
        let said = u16::from_le_bytes(head.array()?);
        let is_sound = len as usize == bytes.len() && bytes.len() > HEAD_BYTES;
        if !is_sound || bytes.last() != Some(&END) {
            return Err(Fault::Broken);
        }
        Ok(Self {
            at: HEAD_BYTES,
            count: 0,
            said,
        })
    }

    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<StringRef<'a>>, Fault> {
        // The end byte is no part of an element.
        let elements = &bytes[..bytes.len() - 1];
        if self.at == elements.len() {
            let is_counted = self.said == UNCOUNTED || usize::from(self.said) == self.count;
            return if is_counted {
                Ok(None)
            } else {
                Err(Fault::Broken)
            };
        }
        let mut source = Source::new(elements, self.at);
        let element = read(&mut source)?;
        let len = source.at() - self.at;
        source.take(BackLength::new(len).len as u64)?;
        if back_length(&elements[..source.at()]) != Some(len) {
            return Err(Fault::Broken);
        }
        self.at = source.at();
        self.count += 1;
        Ok(Some(element))
    }
}

fn read<'a>(source: &mut Source<'a>) -> Result<StringRef<'a>, Fault> {
    let head = source.byte()?;
    let low = |mask: u8| u16::from(head & mask);
    let text_len: u64 = match head {
        0..IS_TEXT_6_BITS => return Ok(StringRef::Integer(head.into())),
        IS_TEXT_6_BITS..IS_INTEGER_13_BITS => low(0x3f).into(),
        IS_INTEGER_13_BITS..IS_TEXT_12_BITS => {
            let number = low(0x1f) << 8 | u16::from(source.byte()?);
            // The sign is the highest of thirteen bits.
            return Ok(StringRef::Integer(
                ((number << 3).cast_signed() >> 3).into(),
            ));
        }
        IS_TEXT_12_BITS..TEXT_32_BITS => (low(0x0f) << 8 | u16::from(source.byte()?)).into(),
        TEXT_32_BITS => u32::from_le_bytes(source.array()?).into(),
        _ => return integer(head, source).map(StringRef::Integer),
    };
    source.take(text_len).map(StringRef::Bytes)
}

fn integer(head: u8, source: &mut Source<'_>) -> Result<i64, Fault> {
    Ok(match head {
        INTEGER_16 => i16::from_le_bytes(source.array()?).into(),
        INTEGER_24 => integer_24(source.array()?),
        INTEGER_32 => i32::from_le_bytes(source.array()?).into(),
        INTEGER_64 => i64::from_le_bytes(source.array()?),
        _ => return Err(Fault::Broken),
    })
}

/// Bytes of the longest length behind an element.
const MOST_BACK_BYTES: usize = 5;

/// The length behind an element: seven bits a byte, the highest first; all but the first byte say that another stands before.
struct BackLength {
    bytes: [u8; MOST_BACK_BYTES],
    len: usize,
}

impl BackLength {
    fn new(len: usize) -> Self {
        let needed = match len {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => MOST_BACK_BYTES,
        };
        let mut bytes = [0; MOST_BACK_BYTES];
        for (nth, byte) in bytes.iter_mut().enumerate().take(needed) {
            let [low, ..] = (len >> (7 * (needed - 1 - nth))).to_le_bytes();
            *byte = if nth == 0 { low & 0x7f } else { low | 0x80 };
        }
        Self { bytes, len: needed }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The length that stands at the end of these bytes, read backwards, as Redis does: what says that another byte stands before it may be the end of the element itself.
fn back_length(bytes: &[u8]) -> Option<usize> {
    let mut len = 0;
    for (nth, byte) in bytes.iter().rev().take(MOST_BACK_BYTES).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            return Some(len);
        }
    }
    None
}

/// Bytes of a text of so many as an element.
pub(in crate::rdb) fn len_of_text(len: usize) -> usize {
    let head = match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    };
    head + len + BackLength::new(head + len).len
}

/// A listpack that is being written.
#[derive(Debug)]
pub(in crate::rdb) struct ListpackWriter {
    bytes: Vec<u8>,
    count: usize,
}

impl ListpackWriter {
    /// One without elements.
    pub(in crate::rdb) fn new() -> Self {
        Self {
            bytes: vec![0; HEAD_BYTES],
            count: 0,
        }
    }

    /// Forgets all.
    pub(in crate::rdb) fn clear(&mut self) {
        self.bytes.truncate(HEAD_BYTES);
        self.count = 0;
    }

    /// How many elements there are.
    pub(in crate::rdb) fn count(&self) -> usize {
        self.count
    }

    /// How long it is so far.
    pub(in crate::rdb) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an element.
    ///
    /// # Errors
    /// [`Fault::TooLong`]: no listpack may be as long as this one would be.
    pub(in crate::rdb) fn push(&mut self, element: &[u8]) -> Result<(), Fault> {
        match parse_integer(element) {
            Some(number) => self.push_as_it_is(StringRef::Integer(number)),
            None => self.push_as_it_is(StringRef::Bytes(element)),
        }
    }

    /// Adds an element, a number or a text that says none.
    ///
    /// # Errors
    /// [`Fault::TooLong`]: no listpack may be as long as this one would be.
    pub(in crate::rdb) fn push_as_it_is(&mut self, element: StringRef<'_>) -> Result<(), Fault> {
        let start = self.bytes.len();
        if element.len() > MOST_BYTES.saturating_sub(start) {
            return Err(Fault::TooLong);
        }
        match element {
            StringRef::Integer(number) => self.push_integer(number),
            StringRef::Bytes(text) => self.push_text(text),
        }
        let back = BackLength::new(self.bytes.len() - start);
        self.bytes.extend_from_slice(back.as_bytes());
        self.count += 1;
        Ok(())
    }

    fn push_integer(&mut self, number: i64) {
        let all = number.to_le_bytes();
        let [low, high, ..] = all;
        let magnitude = if number < 0 { !number } else { number };
        let (head, len) = match magnitude {
            0..128 if number >= 0 => return self.bytes.push(low),
            0..0x1000 => {
                self.bytes
                    .extend_from_slice(&[IS_INTEGER_13_BITS | high & 0x1f, low]);
                return;
            }
            0x1000..0x8000 => (INTEGER_16, 2),
            0x8000..0x80_0000 => (INTEGER_24, 3),
            0x80_0000..0x8000_0000 => (INTEGER_32, 4),
            _ => (INTEGER_64, 8),
        };
        self.bytes.push(head);
        self.bytes.extend_from_slice(&all[..len]);
    }

    fn push_text(&mut self, text: &[u8]) {
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
        let [low, high, ..] = len;
        match text.len() {
            0..64 => self.bytes.push(IS_TEXT_6_BITS | low),
            64..4096 => self.bytes.extend_from_slice(&[IS_TEXT_12_BITS | high, low]),
            _ => {
                self.bytes.push(TEXT_32_BITS);
                self.bytes.extend_from_slice(&len);
            }
        }
        self.bytes.extend_from_slice(text);
    }

    /// The whole, with head and end; elements are no longer added.
    pub(in crate::rdb) fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes[4..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
        &self.bytes
    }

    /// What [`Self::finish`] gave.
    pub(in crate::rdb) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
