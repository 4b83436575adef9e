//! Zipmaps: what Redis before 2.6 packed small hashes in.
//! Pure.
//!
//! ```text
//! fields 1, 254 where they are more | fields with their values | 0xff
//! field: length 1 or 5 | bytes        value: length 1 or 5 | bytes left unused behind 1 | bytes | those
//! ```

use crate::rdb::fault::Fault;
use crate::rdb::source::Source;
use crate::store::StringRef;

const END: u8 = 0xff;
/// So many fields or more are not counted in the head; a length from here on stands in the four bytes behind.
const LONG: u8 = 254;

/// Where a walk stands.
#[derive(Debug)]
pub(in crate::rdb) struct Walk {
    at: usize,
    is_value: bool,
    fields: usize,
    /// As the head has it.
    said: u8,
}

impl Walk {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Fault> {
        match bytes {
            [said, .., END] => Ok(Self {
                at: 1,
                is_value: false,
                fields: 0,
                said: *said,
            }),
            _ => Err(Fault::Broken),
        }
    }

    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<StringRef<'a>>, Fault> {
        let elements = &bytes[..bytes.len() - 1];
        if self.at == elements.len() && !self.is_value {
            let is_counted = self.said == LONG || usize::from(self.said) == self.fields;
            return if is_counted {
                Ok(None)
            } else {
                Err(Fault::Broken)
            };
        }
        let mut source = Source::new(elements, self.at);
        let len = match source.byte()? {
            END if !self.is_value => return Err(Fault::Broken),
            LONG.. => u32::from_le_bytes(source.array()?),
            short => short.into(),
        };
        let unused = if self.is_value { source.byte()? } else { 0 };
        let text = source.take(len.into())?;
        source.take(unused.into())?;
        self.at = source.at();
        self.fields += usize::from(!self.is_value);
        self.is_value = !self.is_value;
        Ok(Some(StringRef::Bytes(text)))
    }
}
