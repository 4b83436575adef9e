//! Bytes on their way to one client: small replies copied one behind the other, large ones kept as they came.
//! Pure: says what to write next and takes note of what was written.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use crate::buffers::Buffers;

/// Most pieces handed to one write.
pub(crate) const SLICES_PER_WRITE: usize = 16;

/// From here on small replies go into another buffer.
const TAIL_BYTES: usize = 48 * 1024;

/// A reply, or several that stand one behind the other.
#[derive(Debug)]
pub(crate) enum ReplyBytes<'a> {
    /// Small, lies in a buffer that will be used again: to be copied.
    Lent(&'a [u8]),
    /// Large, has a buffer of its own.
    Own(Bytes),
}

impl ReplyBytes<'_> {
    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Lent(bytes) => bytes.len(),
            Self::Own(bytes) => bytes.len(),
        }
    }
}

/// A queue of bytes.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// What comes before `tail`.
    chain: VecDeque<Bytes>,
    /// Small replies, appended as they come.
    tail: Vec<u8>,
    /// Bytes already written of the first piece.
    written: usize,
    /// Bytes not yet written.
    bytes: usize,
}

impl Output {
    /// Bytes not yet written.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Whether all was written.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Room that its buffer has besides what is in it.
    pub(crate) fn spare_bytes(&self) -> usize {
        self.tail.capacity() - self.tail.len()
    }

    /// Appends replies that wait for others, in a buffer no larger than they need: there may be thousands like it.
    pub(crate) fn keep(&mut self, reply: ReplyBytes<'_>) {
        self.bytes += reply.len();
        match reply {
            ReplyBytes::Lent(bytes) => self.tail.extend_from_slice(bytes),
            ReplyBytes::Own(bytes) => {
                self.seal_tail();
                self.chain.push_back(bytes);
            }
        }
    }

    /// The same for what `write` appends to the buffer that it is given.
    pub(crate) fn keep_with<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let before = self.tail.len();
        let result = write(&mut self.tail);
        self.bytes += self.tail.len() - before;
        result
    }

    /// Appends replies.
    #[inline]
    pub(crate) fn push(&mut self, reply: ReplyBytes<'_>, buffers: &mut Buffers) {
        self.bytes += reply.len();
        match reply {
            ReplyBytes::Lent(bytes) => self.tail(buffers).extend_from_slice(bytes),
            ReplyBytes::Own(bytes) => {
                self.seal_tail();
                self.chain.push_back(bytes);
            }
        }
    }

    /// Appends what `write` appends to the buffer that it is given.
    pub(crate) fn write_with<R>(
        &mut self,
        buffers: &mut Buffers,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        let tail = self.tail(buffers);
        let before = tail.len();
        let result = write(tail);
        let added = tail.len() - before;
        self.bytes += added;
        result
    }

    /// Appends all of `other`, of which nothing has been written yet.
    pub(crate) fn append(&mut self, mut other: Self, buffers: &mut Buffers) {
        debug_assert_eq!(other.written, 0, "a reply that waits is not being written");
        if other.chain.is_empty() {
            self.push(ReplyBytes::Lent(&other.tail), buffers);
            buffers.give_back(other.tail);
            return;
        }
        self.seal_tail();
        self.bytes += other.bytes;
        self.chain.append(&mut other.chain);
        if other.tail.is_empty() {
            buffers.give_back(other.tail);
        } else {
            self.tail = other.tail;
        }
    }

    /// What to write next, first to last; the number of slices filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_PER_WRITE]) -> usize {
        let pieces = self.chain.iter().map(|piece| &piece[..]);
        let tail = (!self.tail.is_empty()).then_some(&self.tail[..]);
        let mut skip = self.written;
        let mut filled = 0;
        for (place, piece) in slices.iter_mut().zip(pieces.chain(tail)) {
            *place = IoSlice::new(&piece[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// The one piece there is, when there is only one: the common case, which needs no vectored write.
    #[inline]
    pub(crate) fn single(&self) -> Option<&[u8]> {
        self.chain.is_empty().then(|| &self.tail[self.written..])
    }

    /// Takes note that `count` bytes were written.
    pub(crate) fn advance(&mut self, count: usize, buffers: &mut Buffers) {
        debug_assert!(count <= self.bytes, "written was what there is to write");
        self.bytes -= count;
        let mut done = self.written + count;
        while let Some(first) = self.chain.front() {
            if done < first.len() {
                self.written = done;
                return;
            }
            done -= first.len();
            self.chain.pop_front();
        }
        if done == self.tail.len() {
            self.written = 0;
            buffers.give_back(std::mem::take(&mut self.tail));
        } else {
            self.written = done;
        }
    }

    /// The buffer at the end, with capacity if the pool has some. A long one is left as it is and another one begun: to make it longer would copy it.
    #[inline]
    fn tail(&mut self, buffers: &mut Buffers) -> &mut Vec<u8> {
        if self.tail.len() >= TAIL_BYTES {
            self.seal_tail();
        }
        if self.tail.capacity() == 0 {
            self.tail = buffers.take();
        }
        &mut self.tail
    }

    /// Moves the small replies into the chain, so that something large can follow.
    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chain
                .push_back(Bytes::from(std::mem::take(&mut self.tail)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(output: &mut Output, buffers: &mut Buffers, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !output.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
            let filled = output.slices(&mut slices);
            let piece: Vec<u8> = slices[..filled]
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .take(step)
                .collect();
            all.extend_from_slice(&piece);
            output.advance(piece.len(), buffers);
        }
        all
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came_whatever_the_size_of_writes() {
        for step in 1..12 {
            let mut buffers = Buffers::default();
            let mut output = Output::default();
            output.push(ReplyBytes::Lent(b"abc"), &mut buffers);
            output.push(ReplyBytes::Own(Bytes::from_static(b"DEFGH")), &mut buffers);
            output.push(ReplyBytes::Lent(b"ij"), &mut buffers);
            let mut later = Output::default();
            later.push(ReplyBytes::Own(Bytes::from_static(b"KL")), &mut buffers);
            later.write_with(&mut buffers, |out| out.extend_from_slice(b"m"));
            output.append(later, &mut buffers);
            assert_eq!(output.len(), 13);
            assert_eq!(
                drain(&mut output, &mut buffers, step),
                b"abcDEFGHijKLm",
                "step {step}"
            );
            output.push(ReplyBytes::Lent(b"again"), &mut buffers);
            assert_eq!(output.single(), Some(&b"again"[..]));
            assert_eq!(drain(&mut output, &mut buffers, step), b"again");
        }
    }
}
