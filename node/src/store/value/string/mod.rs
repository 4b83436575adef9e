//! Strings: an integer, or bytes in the entry or an extent.
//! Pure.

mod edit;
mod integer;

pub use edit::StringEdit;

use crate::store::content::Value;
use crate::store::entry::{Form, Kind};
use crate::store::error::WrongType;
use integer::integer_of;

/// The longest string that Redis shows as `embstr`.
const EMBEDDED_LIMIT_BYTES: usize = 44;

/// The flavour's bit of an integer: its value part is 0 to 8 bytes, little-endian, sign-extended.
const INTEGER_BIT: u8 = 0b01;

/// The flavour's bit of bytes that were edited in place: shown as `raw` whatever their length.
const EDITED_BIT: u8 = 0b10;

const TEXT: Form = Form::new(Kind::String, 0);
const INTEGER: Form = Form::new(Kind::String, INTEGER_BIT);
const EDITED: Form = Form::new(Kind::String, EDITED_BIT);

/// A string to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringRef<'a> {
    /// Canonical decimal of a 64-bit integer (Redis' `int` encoding).
    Integer(i64),
    /// Any other bytes.
    Bytes(&'a [u8]),
}

/// What OBJECT ENCODING says of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringEncoding {
    /// `int`
    Integer,
    /// `embstr`: at most 44 bytes, never edited in place.
    Embedded,
    /// `raw`
    Raw,
}

impl<'a> StringRef<'a> {
    /// The string that a value is.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    #[inline]
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        // The common case is one comparison.
        if value.is_inline(TEXT, EDITED_BIT) {
            return Ok(Self::Bytes(value.inline_bytes()));
        }
        Self::of_other(value)
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Integer(number) => itoa::Buffer::new().format(number).len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::Bytes(b"")
    }

    #[inline(never)]
    fn of_other(value: Value<'a>) -> Result<Self, WrongType> {
        if value.kind() != Kind::String {
            return Err(WrongType);
        }
        Ok(if value.form() == INTEGER {
            Self::Integer(integer_of(value.bytes()))
        } else {
            Self::Bytes(value.bytes())
        })
    }
}

impl StringEncoding {
    /// How the string that a value is is kept.
    ///
    /// # Errors
    /// [`WrongType`]: it is none.
    pub fn of(value: Value<'_>) -> Result<Self, WrongType> {
        Ok(match StringRef::of(value)? {
            StringRef::Integer(_) => Self::Integer,
            StringRef::Bytes(bytes)
                if value.form() != EDITED && bytes.len() <= EMBEDDED_LIMIT_BYTES =>
            {
                Self::Embedded
            }
            StringRef::Bytes(_) => Self::Raw,
        })
    }
}
