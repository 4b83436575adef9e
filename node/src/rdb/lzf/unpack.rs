//! [`Unpacking`]: a packed string on its way back.
//! Pure. Invariant: what has been unpacked is never longer than was said, whatever the bytes are.

use super::{LEAST_MATCH, MOST_LITERALS, SHORT_MATCH};
use crate::rdb::fault::Fault;
use crate::rdb::source::Source;
use std::ops::Range;

/// Where the packed bytes are, how far they have been read, and how long the string is to be.
#[derive(Clone, Debug)]
pub(in crate::rdb) struct Unpacking {
    packed: Range<usize>,
    len: usize,
}

impl Unpacking {
    /// The string of `len` bytes that is packed at these places of the payload.
    pub(in crate::rdb) fn new(packed: Range<usize>, len: usize) -> Self {
        Self { packed, len }
    }

    /// Unpacks some `budget` bytes to the end of `out`, where nothing else stands; whether that was the end.
    ///
    /// # Errors
    /// [`Fault::Broken`]: it is no such string.
    pub(in crate::rdb) fn go_on(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        budget: usize,
    ) -> Result<bool, Fault> {
        let enough = out.len().saturating_add(budget).min(self.len);
        let packed = payload.get(..self.packed.end).ok_or(Fault::Broken)?;
        let mut source = Source::new(packed, self.packed.start);
        while out.len() < enough && source.at() < packed.len() {
            step(&mut source, out, self.len)?;
        }
        self.packed.start = source.at();
        let is_read = source.at() == packed.len();
        match (is_read, out.len() == self.len) {
            (true, true) => Ok(true),
            (false, false) => Ok(false),
            _ => Err(Fault::Broken),
        }
    }
}

/// One run of bytes, or one reference. What would be beyond `most` is refused.
fn step(source: &mut Source<'_>, out: &mut Vec<u8>, most: usize) -> Result<(), Fault> {
    let head = usize::from(source.byte()?);
    let room = most - out.len();
    if head < MOST_LITERALS {
        let run = source.take(head as u64 + 1)?;
        if run.len() > room {
            return Err(Fault::Broken);
        }
        out.extend_from_slice(run);
        return Ok(());
    }
    let mut len = (head >> 5) + LEAST_MATCH - 1;
    if len > SHORT_MATCH {
        len += usize::from(source.byte()?);
    }
    let distance = ((head & 0x1f) << 8 | usize::from(source.byte()?)) + 1;
    if len > room || distance > out.len() {
        return Err(Fault::Broken);
    }
    // A reference may reach into what it is only about to write: it repeats then.
    while len > 0 {
        let start = out.len() - distance;
        let some = len.min(distance);
        out.extend_from_within(start..start + some);
        len -= some;
    }
    Ok(())
}
