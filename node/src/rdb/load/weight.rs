//! Whether a payload takes so long to read that others should have their turns meanwhile.
//! Pure. Looks at heads only.

use crate::rdb::encoding::Encoding;
use crate::rdb::fault::Fault;
use crate::rdb::length::read_count;
use crate::rdb::source::Source;
use crate::rdb::text::skip;
use crate::store::Kind;

/// A string of so many bytes is read in a quarter of a millisecond.
const SHORT_STRING_BYTES: u64 = 256 * 1024;
/// Elements of so many bytes are read in half a millisecond, however short they are.
const SHORT_COLLECTION_BYTES: u64 = 4 * 1024;

/// Whether it does.
#[must_use]
pub fn is_long(payload: &[u8]) -> bool {
    let len = payload.len() as u64;
    let encoding = payload.first().and_then(|number| Encoding::of(*number));
    let most = match encoding {
        // It is refused as soon as it has been summed.
        None | Some(Encoding::String) => SHORT_STRING_BYTES,
        Some(_) => SHORT_COLLECTION_BYTES,
    };
    if len > most {
        return true;
    }
    // What is broken comes to its end before that.
    encoding.is_some_and(|encoding| unpacked_bytes(encoding, payload, most).unwrap_or(0) > most)
}

/// Bytes of the strings in whose bytes elements are looked for, or of the one string. Counts to little more than `most`.
fn unpacked_bytes(encoding: Encoding, payload: &[u8], most: u64) -> Result<u64, Fault> {
    let mut source = Source::new(payload, 1);
    if encoding.is_timed() {
        source.take(8)?;
    }
    let mut left = match encoding.form() {
        _ if encoding.kind() == Kind::Stream => return unpacked_nodes(&mut source, most),
        None if encoding != Encoding::String => return Ok(0),
        _ if encoding.has_nodes() => read_count(&mut source)?,
        _ => 1,
    };
    let mut bytes = 0_u64;
    while left > 0 && bytes <= most {
        left -= 1;
        if encoding == Encoding::ListNodes {
            read_count(&mut source)?;
        }
        bytes = bytes.saturating_add(skip(&mut source)?);
    }
    Ok(bytes)
}

/// The same of the nodes of a stream: what stands behind them is not packed.
fn unpacked_nodes(source: &mut Source<'_>, most: u64) -> Result<u64, Fault> {
    let mut left = read_count(source)?;
    let mut bytes = 0_u64;
    while left > 0 && bytes <= most {
        left -= 1;
        let (first, entries) = (skip(source)?, skip(source)?);
        bytes = bytes.saturating_add(first).saturating_add(entries);
    }
    Ok(bytes)
}
