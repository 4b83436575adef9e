//! [`TextWriter`]: a string on its way into a payload, in the shortest of its forms, as Redis chooses it.
//! Pure.

use super::{INTEGER_8, INTEGER_16, INTEGER_32, PACKED, TREATED_AT_ONCE};
use crate::rdb::length::{Written, write_form};
use crate::rdb::lzf::{Packer, Packing};
use crate::store::StringRef;
use shared::resp::parse_integer;

/// Longer strings are not looked at for an integer: `-2147483648` has eleven bytes.
const MOST_DIGITS: usize = 11;
/// Shorter strings are not packed.
const LEAST_PACKED: usize = 21;
/// Nor are longer ones: what is being packed is held as a whole.
const MOST_PACKED: usize = 4 << 20;
/// Bytes that packing has to save.
const LEAST_SAVED: usize = 4;
/// Room for the length of a packed string, which is known only afterwards: for as long ones as there are.
const LENGTH_ROOM: usize = 5;

/// A string that is being written.
#[derive(Debug)]
pub(in crate::rdb) enum TextWriter {
    /// It is being packed.
    Packing {
        /// Where it begins in the output.
        begin: usize,
        /// Where its packed bytes begin there.
        from: usize,
        packing: Packing,
    },
    /// It is being copied, from here on.
    Plain(usize),
    /// All is written.
    Over,
}

impl TextWriter {
    /// Begins to write a string at the end of `out`; its bytes are shown to [`Self::go_on`].
    pub(in crate::rdb) fn begin(
        text: StringRef<'_>,
        packer: &mut Packer,
        out: &mut Vec<u8>,
    ) -> Self {
        let bytes = match text {
            StringRef::Integer(number) => {
                write_integer(number, out);
                return Self::Over;
            }
            StringRef::Bytes(bytes) => bytes,
        };
        if bytes.len() <= MOST_DIGITS
            && let Some(number) = parse_integer(bytes)
        {
            write_integer(number, out);
            return Self::Over;
        }
        let is_packed = (LEAST_PACKED..=MOST_PACKED).contains(&bytes.len());
        if !is_packed || packer.is_off() {
            out.extend_from_slice(Written::new(bytes.len() as u64).as_bytes());
            return Self::Plain(0);
        }
        let begin = out.len();
        write_form(out, PACKED);
        out.extend_from_slice(&[0; LENGTH_ROOM]);
        out.extend_from_slice(Written::new(bytes.len() as u64).as_bytes());
        Self::Packing {
            begin,
            from: out.len(),
            packing: packer.begin(bytes.len()),
        }
    }

    /// Goes on with a piece of the string; whether all of it is written.
    pub(in crate::rdb) fn go_on(
        &mut self,
        bytes: &[u8],
        packer: &mut Packer,
        out: &mut Vec<u8>,
    ) -> bool {
        match self {
            Self::Over => {}
            Self::Plain(at) => {
                let end = bytes.len().min(at.saturating_add(TREATED_AT_ONCE));
                out.extend_from_slice(bytes.get(*at..end).unwrap_or_default());
                *at = end;
                if end == bytes.len() {
                    *self = Self::Over;
                }
            }
            Self::Packing {
                begin,
                from,
                packing,
            } => {
                let is_packed = packing.go_on(packer, bytes, out, TREATED_AT_ONCE);
                let packed_len = out.len() - *from;
                if packed_len > bytes.len().saturating_sub(LEAST_SAVED) {
                    // Not worth it.
                    out.truncate(*begin);
                    out.extend_from_slice(Written::new(bytes.len() as u64).as_bytes());
                    *self = Self::Plain(0);
                } else if is_packed {
                    write_packed_len(packed_len as u64, *begin + 1, out);
                    *self = Self::Over;
                }
            }
        }
        matches!(self, Self::Over)
    }

    /// Writes a whole string.
    #[cfg(test)]
    pub(in crate::rdb) fn write(text: StringRef<'_>, packer: &mut Packer, out: &mut Vec<u8>) {
        let bytes = match text {
            StringRef::Bytes(bytes) => bytes,
            StringRef::Integer(_) => &[],
        };
        let mut writer = Self::begin(text, packer, out);
        while !writer.go_on(bytes, packer, out) {}
    }
}

/// An integer of 32 bits in as few bytes as it needs, a longer one as its digits.
fn write_integer(number: i64, out: &mut Vec<u8>) {
    if let Ok(short) = i8::try_from(number) {
        write_form(out, INTEGER_8);
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(short) = i16::try_from(number) {
        write_form(out, INTEGER_16);
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(short) = i32::try_from(number) {
        write_form(out, INTEGER_32);
        out.extend_from_slice(&short.to_le_bytes());
    } else {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        out.extend_from_slice(Written::new(digits.len() as u64).as_bytes());
        out.extend_from_slice(digits);
    }
}

/// Writes how long the packed bytes are where room was left at `at`. What is not needed of it goes: it is needed as a whole from 16 KiB on, so little is moved.
fn write_packed_len(packed_len: u64, at: usize, out: &mut Vec<u8>) {
    let len = Written::new(packed_len);
    let len = len.as_bytes();
    let unneeded = LENGTH_ROOM.saturating_sub(len.len());
    out.drain(at..at + unneeded);
    out[at..at + len.len()].copy_from_slice(len);
}
