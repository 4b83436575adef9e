//! [`TextReader`]: a string on its way out of a payload.
//! Pure. Invariant: nothing is allocated for a length that is only said: bytes are there, or have been unpacked.

use super::{INTEGER_8, INTEGER_16, INTEGER_32, PACKED, TREATED_AT_ONCE};
use crate::rdb::fault::Fault;
use crate::rdb::length::{self, Length};
use crate::rdb::lzf::{MOST_GROWTH, Unpacking};
use crate::rdb::source::Source;
use crate::store::StringRef;
use std::ops::Range;

/// A string that is being read, or has been. It serves for one after the other.
#[derive(Debug, Default)]
pub(in crate::rdb) struct TextReader {
    place: Place,
    /// What was unpacked.
    unpacked: Vec<u8>,
}

/// Where the string is.
#[derive(Debug, Default)]
enum Place {
    /// It has not begun.
    #[default]
    Nowhere,
    Integer(i64),
    Payload(Range<usize>),
    Unpacking(Unpacking),
    Unpacked,
}

impl TextReader {
    /// Goes on reading the string that stands next; whether it is there as a whole. `room` says how many bytes may still be unpacked, which become fewer.
    ///
    /// # Errors
    /// [`Fault::Broken`]: it is no string. [`Fault::TooLong`]: there is no room for it.
    pub(in crate::rdb) fn read(
        &mut self,
        payload: &[u8],
        source: &mut Source<'_>,
        room: &mut u64,
    ) -> Result<bool, Fault> {
        if !self.is_unpacking() {
            self.begin(source, room)?;
        }
        if let Place::Unpacking(unpacking) = &mut self.place {
            if !unpacking.go_on(payload, &mut self.unpacked, TREATED_AT_ONCE)? {
                return Ok(false);
            }
            self.place = Place::Unpacked;
        }
        Ok(true)
    }

    fn begin(&mut self, source: &mut Source<'_>, room: &mut u64) -> Result<(), Fault> {
        self.place = match length::read(source)? {
            Length::Plain(len) => Place::Payload(source.range(len)?),
            Length::Form(INTEGER_8) => Place::Integer(i8::from_le_bytes(source.array()?).into()),
            Length::Form(INTEGER_16) => Place::Integer(i16::from_le_bytes(source.array()?).into()),
            Length::Form(INTEGER_32) => Place::Integer(i32::from_le_bytes(source.array()?).into()),
            Length::Form(PACKED) => {
                let packed_len = length::read_count(source)?;
                let len = length::read_count(source)?;
                let packed = source.range(packed_len)?;
                if packed.is_empty() || len > packed_len.saturating_mul(MOST_GROWTH) {
                    return Err(Fault::Broken);
                }
                *room = room.checked_sub(len).ok_or(Fault::TooLong)?;
                let len = usize::try_from(len).map_err(|_| Fault::TooLong)?;
                self.unpacked.clear();
                Place::Unpacking(Unpacking::new(packed, len))
            }
            Length::Form(_) => return Err(Fault::Broken),
        };
        Ok(())
    }

    /// The next string is another one, whatever became of this.
    pub(in crate::rdb) fn forget(&mut self) {
        self.place = Place::Nowhere;
    }

    /// Whether a string is here in part.
    pub(in crate::rdb) fn is_unpacking(&self) -> bool {
        matches!(self.place, Place::Unpacking(_))
    }

    /// The string, once it is there.
    pub(in crate::rdb) fn get<'a>(&'a self, payload: &'a [u8]) -> StringRef<'a> {
        match &self.place {
            Place::Nowhere | Place::Unpacking(_) => StringRef::Bytes(&[]),
            Place::Integer(number) => StringRef::Integer(*number),
            Place::Payload(range) => {
                StringRef::Bytes(payload.get(range.clone()).unwrap_or_default())
            }
            Place::Unpacked => StringRef::Bytes(&self.unpacked),
        }
    }

    /// The string's bytes, once it is there, of which an integer has none that anybody packs elements in.
    pub(in crate::rdb) fn bytes<'a>(&'a self, payload: &'a [u8]) -> &'a [u8] {
        match self.get(payload) {
            StringRef::Bytes(bytes) => bytes,
            StringRef::Integer(_) => &[],
        }
    }

    /// The unpacked string as a buffer of its own; `None` where it was not packed.
    pub(in crate::rdb) fn take_unpacked(&mut self) -> Option<Vec<u8>> {
        let is_unpacked = matches!(self.place, Place::Unpacked);
        is_unpacked.then(|| std::mem::take(&mut self.unpacked))
    }
}

/// How long the next string is, but for integers; it counts as read.
///
/// # Errors
/// [`Fault::Broken`]: it is no string.
pub(in crate::rdb) fn skip(source: &mut Source<'_>) -> Result<u64, Fault> {
    match length::read(source)? {
        Length::Plain(len) => {
            source.range(len)?;
            Ok(len)
        }
        Length::Form(PACKED) => {
            let packed_len = length::read_count(source)?;
            let len = length::read_count(source)?;
            source.range(packed_len)?;
            Ok(len)
        }
        Length::Form(number @ INTEGER_8..=INTEGER_32) => {
            source.range(1 << number)?;
            Ok(0)
        }
        Length::Form(_) => Err(Fault::Broken),
    }
}
