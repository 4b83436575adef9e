//! [`Source`]: bytes that are read from the front.
//! Pure. Invariant: no more is read than is there.

use super::fault::Fault;
use std::ops::Range;

/// Bytes, and how far they have been read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What it means that they end.
    end: Fault,
}

impl<'a> Source<'a> {
    /// What is left of `bytes` from `at` on.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        let end = Fault::Broken;
        Self { bytes, at, end }
    }

    /// The same of bytes behind which more may come: reading on is [`Fault::Cut`].
    pub(super) fn beginning(bytes: &'a [u8], at: usize) -> Self {
        let end = Fault::Cut;
        Self { bytes, at, end }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Where the next byte stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the next `len` bytes stand, which count as read.
    pub(super) fn range(&mut self, len: u64) -> Result<Range<usize>, Fault> {
        let len = usize::try_from(len).map_err(|_| Fault::Broken)?;
        let end = self.at.checked_add(len).ok_or(Fault::Broken)?;
        if end > self.bytes.len() {
            return Err(self.end);
        }
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next `LEN` bytes.
    pub(super) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Fault> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let array = left.first_chunk::<LEN>().ok_or(self.end)?;
        self.at += LEN;
        Ok(*array)
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], Fault> {
        let range = self.range(len)?;
        Ok(&self.bytes[range])
    }
}
