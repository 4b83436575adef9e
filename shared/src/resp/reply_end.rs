//! Where does a reply end? Scans RESP2 and RESP3 without decoding; iterative, depth-capped, resumable at any byte.
//! Pure.

/// Why bytes from a node are not a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {}

/// Finds the end of the next reply in a growing buffer.
#[derive(Debug, Default)]
pub struct ReplyScanner {}

impl ReplyScanner {
    /// Scans `bytes`, which start at the first byte of a reply and are the same as last time, or longer.
    /// `Some(end)`: the reply is `bytes[..end]`, and the scanner is ready for the next one. `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`ReplyError`]: not RESP, too deep, or too large.
    pub fn scan(&mut self, _bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        todo!("owned by resp")
    }
}
