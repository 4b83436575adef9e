//! Requests on their way to one node: their bytes are kept until the reply is here, for a lost connection may mean sending them again.
//! Pure: says what to write next and takes note of what was written and answered.
//! Invariants: a request is cut nowhere but by the network; requests leave in the order in which they were appended; a buffer that is shared is never written to.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;

use shared::resp::{RequestBatch, RequestLimits, RequestScanner};

use crate::buffers::Buffers;

/// A chunk that has grown beyond this is not appended to any more, so that its buffer can be used again by others.
const CHUNK_BYTES: usize = 48 * 1024;

/// Most chunks handed to one write.
pub(crate) const CHUNKS_PER_WRITE: usize = 16;

/// Requests that were appended between two writes.
#[derive(Debug)]
struct Chunk {
    bytes: ChunkBytes,
    requests: u32,
    answered: u32,
}

/// Where the requests of a chunk lie.
#[derive(Debug)]
enum ChunkBytes {
    /// Copied one behind the other.
    Own(Vec<u8>),
    /// In the buffer in which they came, which nobody changes any more.
    Shared(Rc<Vec<u8>>, Range<usize>),
}

impl ChunkBytes {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(buffer, range) => &buffer[range.clone()],
        }
    }

    /// Bytes that are kept for it.
    #[inline]
    fn held(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.len(),
            Self::Shared(buffer, _) => buffer.capacity(),
        }
    }

    fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(..) => self.as_slice().to_vec(),
        }
    }
}

/// A queue of requests.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    chunks: VecDeque<Chunk>,
    /// The first chunk that has not been written completely.
    sending: usize,
    /// Bytes of that chunk handed to the kernel.
    sent: usize,
    /// Bytes kept for all chunks.
    bytes: usize,
    /// Requests without a reply.
    requests: usize,
}

/// A request without a reply, when its connection was lost.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// Where its frame lies in the bytes of its chunk.
    pub(crate) frame: Range<usize>,
    /// Whether any of its bytes was handed to the kernel: then nobody knows whether the node has executed it.
    pub(crate) sent: bool,
}

impl SendQueue {
    /// Bytes kept.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Requests without a reply.
    #[inline]
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// Appends `count` complete requests.
    #[inline]
    pub(crate) fn append(&mut self, frames: &[u8], count: u32, buffers: &mut Buffers) {
        self.append_with(count, buffers, |out| out.extend_from_slice(frames));
    }

    /// Appends the `count` complete requests that `write` appends to the buffer it is given.
    #[inline]
    pub(crate) fn append_with(
        &mut self,
        count: u32,
        buffers: &mut Buffers,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.requests += count as usize;
        let first_untouched = self.sending + usize::from(self.sent > 0);
        if self.chunks.len() > first_untouched
            && let Some(Chunk {
                bytes: ChunkBytes::Own(bytes),
                requests,
                ..
            }) = self.chunks.back_mut()
            && bytes.len() < CHUNK_BYTES
        {
            let before = bytes.len();
            write(bytes);
            *requests += count;
            self.bytes += bytes.len() - before;
            return;
        }
        let mut bytes = buffers.take();
        write(&mut bytes);
        self.push(ChunkBytes::Own(bytes), count);
    }

    /// Appends `count` complete requests that stay where they are: in this range of `buffer`.
    pub(crate) fn append_shared(&mut self, buffer: Rc<Vec<u8>>, range: Range<usize>, count: u32) {
        self.requests += count as usize;
        self.push(ChunkBytes::Shared(buffer, range), count);
    }

    fn push(&mut self, bytes: ChunkBytes, requests: u32) {
        self.bytes += bytes.held();
        self.chunks.push_back(Chunk {
            bytes,
            requests,
            answered: 0,
        });
    }

    /// Whether something is still to be written.
    #[inline]
    pub(crate) fn wants_to_send(&self) -> bool {
        self.sending < self.chunks.len()
    }

    /// What to write next, first to last; the number of slices filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; CHUNKS_PER_WRITE]) -> usize {
        let mut skip = self.sent;
        let mut filled = 0;
        for (place, chunk) in slices.iter_mut().zip(self.chunks.iter().skip(self.sending)) {
            *place = IoSlice::new(&chunk.bytes.as_slice()[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// Takes note that `count` bytes were handed to the kernel.
    pub(crate) fn advance(&mut self, count: usize, buffers: &mut Buffers) {
        self.sent += count;
        let length_of = |chunk: &Chunk| chunk.bytes.as_slice().len();
        while let Some(length) = self.chunks.get(self.sending).map(length_of)
            && self.sent >= length
        {
            self.sent -= length;
            self.sending += 1;
        }
        self.drop_done(buffers);
    }

    /// Takes note that the first `count` requests without a reply have got one.
    pub(crate) fn answered(&mut self, count: u32, buffers: &mut Buffers) {
        debug_assert!(count as usize <= self.requests, "replies answer requests");
        self.requests -= count as usize;
        let mut left = count;
        for chunk in &mut self.chunks {
            let here = left.min(chunk.requests - chunk.answered);
            chunk.answered += here;
            left -= here;
            if left == 0 {
                break;
            }
        }
        self.drop_done(buffers);
    }

    /// Gives back the chunks at the front that are sent and answered.
    fn drop_done(&mut self, buffers: &mut Buffers) {
        while self.sending > 0
            && let Some(first) = self.chunks.front()
            && first.answered == first.requests
        {
            self.sending -= 1;
            if let Some(done) = self.chunks.pop_front() {
                self.bytes -= done.bytes.held();
                if let ChunkBytes::Own(bytes) = done.bytes {
                    buffers.give_back(bytes);
                }
            }
        }
    }

    /// Takes everything out because the connection was lost: `visit` gets each request without a reply, in order.
    pub(crate) fn take_unanswered(&mut self, mut visit: impl FnMut(&[u8], &Unanswered)) {
        let queue = std::mem::take(self);
        let mut batch = RequestBatch::default();
        for (index, chunk) in queue.chunks.into_iter().enumerate() {
            let (requests, answered) = (chunk.requests as usize, chunk.answered as usize);
            let mut bytes = chunk.bytes.into_vec();
            batch.clear();
            let scanned = RequestScanner::new(OWN_LIMITS).scan(&mut bytes, &mut batch, usize::MAX);
            assert!(
                scanned.is_ok() && batch.requests().len() == requests,
                "chunks hold whole requests that were scanned before"
            );
            for request in batch.requests().iter().skip(answered) {
                let frame = request.start as usize..request.end as usize;
                let sent =
                    index < queue.sending || (index == queue.sending && frame.start < queue.sent);
                visit(&bytes, &Unanswered { frame, sent });
            }
        }
    }
}

/// What is in a queue has passed its client's limits already.
const OWN_LIMITS: RequestLimits = RequestLimits {
    bulk_bytes: u32::MAX,
    args: u32::MAX,
    ..RequestLimits::AUTHENTICATED
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(number: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        shared::resp::encode_request(
            &mut frame,
            [b"ECHO".to_vec(), number.to_string().into_bytes()],
        );
        frame
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn what_is_unanswered_is_known_after_any_writes_and_replies(
            steps in proptest::collection::vec((0u8..4, 1usize..40), 1..60),
        ) {
            let mut buffers = Buffers::default();
            let mut queue = SendQueue::default();
            let mut wire = Vec::new();
            let mut ends = Vec::new();
            let (mut appended, mut written, mut answered) = (0usize, 0usize, 0usize);
            for (kind, amount) in steps {
                match kind {
                    0 => {
                        for _ in 0..amount % 5 {
                            let frame = request(appended);
                            wire.extend_from_slice(&frame);
                            ends.push(wire.len());
                            queue.append(&frame, 1, &mut buffers);
                            appended += 1;
                        }
                    }
                    3 => {
                        // Others' bytes lie before and behind them.
                        let mut buffer = b"before".to_vec();
                        let start = buffer.len();
                        let count = 1 + amount % 3;
                        for _ in 0..count {
                            buffer.extend_from_slice(&request(appended));
                            ends.push(wire.len() + buffer.len() - start);
                            appended += 1;
                        }
                        wire.extend_from_slice(&buffer[start..]);
                        let range = start..buffer.len();
                        buffer.extend_from_slice(b"behind");
                        queue.append_shared(Rc::new(buffer), range, u32::try_from(count).unwrap());
                    }
                    1 => {
                        let mut slices = [IoSlice::new(&[]); CHUNKS_PER_WRITE];
                        let filled = queue.slices(&mut slices);
                        let bytes: Vec<u8> =
                            slices[..filled].iter().flat_map(|slice| slice.iter().copied()).take(amount).collect();
                        prop_assert_eq!(&bytes[..], &wire[written..written + bytes.len()]);
                        written += bytes.len();
                        queue.advance(bytes.len(), &mut buffers);
                    }
                    _ => {
                        // Nodes answer what they have received whole.
                        let whole = ends.iter().filter(|end| **end <= written).count();
                        let count = (whole - answered).min(amount);
                        answered += count;
                        queue.answered(u32::try_from(count).unwrap(), &mut buffers);
                    }
                }
                prop_assert_eq!(queue.requests(), appended - answered);
                prop_assert_eq!(queue.wants_to_send(), written < wire.len());
            }
            let mut number = answered;
            let mut wrong = None;
            queue.take_unanswered(|bytes, unanswered| {
                let start = number.checked_sub(1).map_or(0, |before| ends[before]);
                if bytes[unanswered.frame.clone()] != request(number)[..] || unanswered.sent != (start < written) {
                    wrong.get_or_insert(number);
                }
                number += 1;
            });
            prop_assert_eq!(wrong, None);
            prop_assert_eq!(number, appended);
            prop_assert_eq!(queue.bytes(), 0);
        }
    }
}
