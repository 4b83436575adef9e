//! Ziplists: what Redis before 7.0 packed small collections and the nodes of lists in.
//! Pure.
//!
//! ```text
//! bytes in all 4 | where the last element begins 4 | elements 2, all ones where they are more | elements | 0xff
//! element: how long the one before is, 1 or 5 | head with the beginning of a length or an integer | the rest
//! ```

use super::integer_24;
use crate::rdb::fault::Fault;
use crate::rdb::source::Source;
use crate::store::StringRef;

const HEAD_BYTES: usize = 10;
const END: u8 = 0xff;
/// So many elements or more are not counted in the head.
const UNCOUNTED: u16 = u16::MAX;
/// The length before an element stands in the four bytes behind.
const LONG_BEFORE: u8 = 0xfe;

const INTEGER_16: u8 = 0xc0;
const INTEGER_32: u8 = 0xd0;
const INTEGER_64: u8 = 0xe0;
const INTEGER_24: u8 = 0xf0;
const INTEGER_8: u8 = 0xfe;
/// The heads from here on are integers from 0 on.
const FIRST_SMALL_INTEGER: u8 = 0xf1;
const LAST_SMALL_INTEGER: u8 = 0xfd;

/// Where a walk stands.
#[derive(Debug)]
pub(in crate::rdb) struct Walk {
    at: usize,
    /// How long the element before is.
    before: usize,
    count: usize,
    /// As the head has it.
    said: u16,
    /// Where the last element begins, as the head has it.
    last: usize,
}

impl Walk {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Fault> {
        let mut head = Source::new(bytes, 0);
        let len = u32::from_le_bytes(head.array()?);
        let last = u32::from_le_bytes(head.array()?);
        let said = u16::from_le_bytes(head.array()?);
        let is_sound = len as usize == bytes.len() && bytes.len() > HEAD_BYTES;
        if !is_sound || bytes.last() != Some(&END) {
            return Err(Fault::Broken);
        }
        Ok(Self {
            at: HEAD_BYTES,
            before: 0,
            count: 0,
            said,
            last: last as usize,
        })
    }

    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<StringRef<'a>>, Fault> {
        let elements = &bytes[..bytes.len() - 1];
        if self.at == elements.len() {
            let is_counted = self.said == UNCOUNTED || usize::from(self.said) == self.count;
            let is_last = self.at - self.before == self.last;
            let is_sound = is_counted && is_last;
            return if is_sound {
                Ok(None)
            } else {
                Err(Fault::Broken)
            };
        }
        let mut source = Source::new(elements, self.at);
        let before = match source.byte()? {
            LONG_BEFORE => u32::from_le_bytes(source.array()?) as usize,
            END => return Err(Fault::Broken),
            short => short.into(),
        };
        if before != self.before {
            return Err(Fault::Broken);
        }
        let element = read(&mut source)?;
        self.before = source.at() - self.at;
        self.at = source.at();
        self.count += 1;
        Ok(Some(element))
    }
}

fn read<'a>(source: &mut Source<'a>) -> Result<StringRef<'a>, Fault> {
    let head = source.byte()?;
    let text_len: u64 = match head {
        0..0x40 => head.into(),
        0x40..0x80 => (u16::from(head & 0x3f) << 8 | u16::from(source.byte()?)).into(),
        0x80..0xc0 => u32::from_be_bytes(source.array()?).into(),
        _ => return integer(head, source).map(StringRef::Integer),
    };
    source.take(text_len).map(StringRef::Bytes)
}

fn integer(head: u8, source: &mut Source<'_>) -> Result<i64, Fault> {
    Ok(match head {
        INTEGER_8 => i8::from_le_bytes(source.array()?).into(),
        INTEGER_16 => i16::from_le_bytes(source.array()?).into(),
        INTEGER_24 => integer_24(source.array()?),
        INTEGER_32 => i32::from_le_bytes(source.array()?).into(),
        INTEGER_64 => i64::from_le_bytes(source.array()?),
        FIRST_SMALL_INTEGER..=LAST_SMALL_INTEGER => (head - FIRST_SMALL_INTEGER).into(),
        _ => return Err(Fault::Broken),
    })
}
