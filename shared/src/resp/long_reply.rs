//! [`LongReply`]: a reply of any length in pieces, so that none of it is moved as it grows, and each piece can be given back when it has been written.
//! Pure. Invariant: no piece is empty but the last.

use std::ops::Range;

/// From this length on a piece takes no more, bytes: what is written in one go, and given back without being felt.
const PIECE_BYTES: usize = 256 * 1024;

/// Room behind that for what is written before anybody looks again.
const SPARE_BYTES: usize = 64 * 1024;

/// See the module. [`super::ReplyWriter::go_on`] writes it.
#[derive(Debug, Default)]
pub struct LongReply {
    pub(super) before: Before,
    pub(super) last: Vec<u8>,
}

/// The pieces before the last one.
#[derive(Debug, Default)]
pub(super) struct Before {
    pieces: Vec<Vec<u8>>,
    /// Of all of them.
    pub(super) bytes: usize,
}

impl Before {
    /// The last of them, as it was before it ended.
    pub(super) fn take_last(&mut self) -> Option<Vec<u8>> {
        let piece = self.pieces.pop()?;
        self.bytes -= piece.len();
        Some(piece)
    }

    /// Puts bytes in the place of others, which stand in one piece.
    pub(super) fn replace(&mut self, place: Range<usize>, bytes: &[u8]) {
        let mut start = 0;
        for piece in &mut self.pieces {
            let end = start + piece.len();
            if place.start < end {
                put_over(piece, place.start - start..place.end - start, bytes);
                self.bytes = self.bytes + bytes.len() - place.len();
                return;
            }
            start = end;
        }
    }
}

/// Puts `bytes` in the place of others.
pub(super) fn put_over(out: &mut Vec<u8>, place: Range<usize>, bytes: &[u8]) {
    if place.len() == bytes.len() {
        out[place].copy_from_slice(bytes);
    } else {
        out.splice(place, bytes.iter().copied());
    }
}

impl LongReply {
    /// Ends a piece that is long enough: what is written next begins another one. Not while a head is still to be written.
    pub fn end_piece(&mut self) {
        if self.last.len() < PIECE_BYTES {
            return;
        }
        let room = Vec::with_capacity(PIECE_BYTES + SPARE_BYTES);
        let piece = std::mem::replace(&mut self.last, room);
        self.before.bytes += piece.len();
        self.before.pieces.push(piece);
    }

    /// The last piece, where there is no other.
    ///
    /// # Panics
    /// When there is: the caller's mistake.
    pub fn only_piece(&mut self) -> &mut Vec<u8> {
        assert!(self.before.pieces.is_empty(), "a piece has ended");
        &mut self.last
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of all pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.before.bytes + self.last.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether these are its first bytes.
    #[must_use]
    pub fn begins_with(&self, bytes: &[u8]) -> bool {
        let first = self.before.pieces.first().unwrap_or(&self.last);
        first.starts_with(bytes)
    }

    /// All pieces in order.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Vec<u8>> {
        let mut pieces = self.before.pieces;
        if !self.last.is_empty() {
            pieces.push(self.last);
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::{LongReply, PIECE_BYTES};
    use crate::resp::{Protocol, ReplyWriter};

    /// Elements of so many bytes, each a step.
    fn write(reply: &mut LongReply, elements: usize) {
        for _ in 0..elements {
            ReplyWriter::go_on(reply, Protocol::Resp2).bulk(&[b'x'; 1000]);
            reply.end_piece();
        }
    }

    #[test]
    fn pieces_are_what_one_buffer_would_be_and_none_is_moved() {
        let mut reply = LongReply::default();
        let mut writer = ReplyWriter::go_on(&mut reply, Protocol::Resp2);
        writer.array(1);
        let head = 0..writer.position();
        write(&mut reply, 1000);
        // The head was wrong: it stands in the first piece.
        ReplyWriter::go_on(&mut reply, Protocol::Resp2).replace(head, b"*1000\r\n");
        let mut expected = Vec::new();
        let mut writer = ReplyWriter::new(&mut expected, Protocol::Resp2);
        writer.array(1000);
        (0..1000).for_each(|_| writer.bulk(&[b'x'; 1000]));
        let position = ReplyWriter::go_on(&mut reply, Protocol::Resp2).position();
        assert_eq!((position, reply.len()), (expected.len(), expected.len()));
        let pieces = reply.into_pieces();
        assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 2000));
        assert!(pieces.len() > 3);
        assert_eq!(pieces.concat(), expected);
    }

    #[test]
    fn what_is_taken_back_may_reach_over_pieces() {
        let mut reply = LongReply::default();
        write(&mut reply, 100);
        let half = reply.len();
        write(&mut reply, 1000);
        ReplyWriter::go_on(&mut reply, Protocol::Resp2).truncate(half);
        assert_eq!(reply.len(), half);
        write(&mut reply, 1000);
        ReplyWriter::go_on(&mut reply, Protocol::Resp2).truncate(0);
        assert!(reply.is_empty() && reply.into_pieces().is_empty());
    }
}
