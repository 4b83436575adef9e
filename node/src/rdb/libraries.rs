//! Libraries of functions as a payload: what FUNCTION DUMP gives and FUNCTION RESTORE takes.
//! Pure.

use super::crc64::crc64;
use super::file::FUNCTION;
use super::length::Written;
use super::seal::{VERSION, is_read};
use super::source::Source;
use super::text::TextReader;
use shared::resp::{ErrorReply, ScriptError};

/// Bytes behind the texts: version and checksum.
const SEAL_BYTES: usize = 10;

/// These texts as a payload.
#[must_use]
pub fn write_libraries(texts: &[Box<[u8]>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for text in texts {
        payload.push(FUNCTION);
        payload.extend_from_slice(Written::new(text.len() as u64).as_bytes());
        payload.extend_from_slice(text);
    }
    payload.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64(0, &payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

/// The texts of a payload.
///
/// # Errors
/// It is none, or one of something else.
pub fn read_libraries(payload: &[u8]) -> Result<Vec<Vec<u8>>, ErrorReply> {
    let split = payload.split_last_chunk::<8>();
    let (sealed, sum) = split.ok_or(ErrorReply::PayloadSeal)?;
    let (body, version) = sealed
        .split_last_chunk::<2>()
        .ok_or(ErrorReply::PayloadSeal)?;
    let is_known = is_read(u16::from_le_bytes(*version));
    if !is_known || crc64(0, sealed) != u64::from_le_bytes(*sum) {
        return Err(ErrorReply::PayloadSeal);
    }
    debug_assert_eq!(payload.len(), body.len() + SEAL_BYTES);
    let mut texts = Vec::new();
    let mut source = Source::new(body, 0);
    while source.at() < body.len() {
        let kind = source.byte().map_err(|_| ErrorReply::PayloadSeal)?;
        if kind != FUNCTION {
            return Err(ScriptError::NotAFunction.into());
        }
        let mut reader = TextReader::default();
        let mut room = u64::MAX;
        let mut read = || reader.read(body, &mut source, &mut room);
        while !read().map_err(|_| ErrorReply::PayloadSeal)? {}
        texts.push(reader.bytes(body).to_vec());
    }
    Ok(texts)
}
