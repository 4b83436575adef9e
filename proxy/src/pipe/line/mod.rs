//! Parcels on their way to one node: their bytes are kept until the replies are here, for a lost connection may mean sending them again.
//! Pure: says what to write next and takes note of what was written and answered.
//! Invariants: a parcel is cut nowhere but where the network has cut it; parcels leave in the order in which they were appended; a buffer that is shared is never written to.
//!
//! Bytes are looked at again only when a connection is lost, or what was not sent is taken out, in the middle of a run, or a run over several slots is routed
//! again.

mod recovered;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;

pub(crate) use self::recovered::Recovered;
use self::recovered::{frames, recover};
use crate::buffers::Buffers;
use crate::pipe::parcel::{Parcel, Target};
use crate::pipe::retry::{Fate, fate};

/// A chunk that has grown beyond this is not appended to any more, so that its buffer can be used again by others.
const CHUNK_BYTES: usize = 48 * 1024;

/// Most chunks handed to one write.
pub(crate) const CHUNKS_PER_WRITE: usize = 16;

/// Parcels that were appended between two writes.
#[derive(Debug)]
struct Chunk {
    bytes: ChunkBytes,
    /// Those that have not been answered; the last of them ends with the chunk.
    parcels: u32,
    /// Bytes before the first of them.
    passed: usize,
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

    /// Keeps the first `length` bytes.
    fn truncate(&mut self, length: usize) {
        match self {
            Self::Own(bytes) => bytes.truncate(length),
            Self::Shared(_, range) => range.end = range.end.min(range.start + length),
        }
    }
}

/// A queue of parcels.
#[derive(Debug, Default)]
pub(crate) struct Line {
    chunks: VecDeque<Chunk>,
    /// Those without all their replies.
    parcels: VecDeque<Parcel>,
    /// The first chunk that has not been written completely.
    sending: usize,
    /// Bytes of that chunk handed to the kernel.
    sent: usize,
    /// Bytes kept for all chunks.
    bytes: usize,
    /// Requests without a reply.
    requests: usize,
}

/// Where a parcel of which not all was sent was cut.
enum Cut {
    /// Nowhere: all of its requests have begun, or they are one.
    Nowhere,
    /// In two; the first was sent, at least in part.
    Within,
    /// At this offset of its chunk, behind requests that are answered.
    AtAnswers(usize),
}

impl Line {
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

    /// Whether something was handed to the kernel that has no reply yet.
    #[inline]
    pub(crate) fn is_owed(&self) -> bool {
        self.sending > 0 || self.sent > 0
    }

    /// Appends a parcel, whose complete requests `write` appends to the buffer it is given.
    #[inline]
    pub(crate) fn append_with(
        &mut self,
        mut parcel: Parcel,
        buffers: &mut Buffers,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.requests += parcel.count as usize;
        let first_untouched = self.sending + usize::from(self.sent > 0);
        if self.chunks.len() > first_untouched
            && let Some(chunk) = self.chunks.back_mut()
            && let ChunkBytes::Own(bytes) = &mut chunk.bytes
            && bytes.len() < CHUNK_BYTES
        {
            let before = bytes.len();
            write(bytes);
            parcel.bytes = bytes.len() - before;
            self.bytes += parcel.bytes;
            if chunk.parcels == 0
                || !self
                    .parcels
                    .back_mut()
                    .is_some_and(|last| last.absorb(&parcel))
            {
                chunk.parcels += 1;
                self.parcels.push_back(parcel);
            }
            return;
        }
        let mut bytes = buffers.take();
        write(&mut bytes);
        parcel.bytes = bytes.len();
        self.push(ChunkBytes::Own(bytes), parcel);
    }

    /// Appends a parcel whose requests stay where they are: in this range of `buffer`.
    pub(crate) fn append_shared(
        &mut self,
        mut parcel: Parcel,
        buffer: Rc<Vec<u8>>,
        range: Range<usize>,
    ) {
        self.requests += parcel.count as usize;
        parcel.bytes = range.len();
        self.push(ChunkBytes::Shared(buffer, range), parcel);
    }

    /// Appends a parcel that was taken out of a line.
    pub(crate) fn append_again(&mut self, recovered: &Recovered, buffers: &mut Buffers) {
        self.append_with(recovered.parcel, buffers, |out| {
            out.extend_from_slice(&recovered.bytes);
        });
    }

    fn push(&mut self, bytes: ChunkBytes, parcel: Parcel) {
        self.bytes += bytes.held();
        self.parcels.push_back(parcel);
        self.chunks.push_back(Chunk {
            bytes,
            parcels: 1,
            passed: 0,
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

    /// The parcel that the next reply is for.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Parcel> {
        self.parcels.front()
    }

    /// The requests of the first parcel, also those of them that are answered.
    pub(crate) fn first_requests(&self) -> &[u8] {
        let first = self.parcels.front().map_or(0, |parcel| parcel.bytes);
        let chunk = self.chunks.iter().find(|chunk| chunk.parcels > 0);
        chunk.map_or(&[][..], |chunk| {
            &chunk.bytes.as_slice()[chunk.passed..][..first]
        })
    }

    /// The reply to the first request goes on its way before it is whole.
    pub(crate) fn begin_reply(&mut self) {
        if let Some(first) = self.parcels.front_mut() {
            first.is_begun = true;
        }
    }

    /// The first `count` requests of the first parcel have got their replies; they leave. [`Self::drop_done`] is to follow.
    ///
    /// # Panics
    /// When the first parcel waits for fewer replies.
    #[inline]
    pub(crate) fn answer(&mut self, count: u32) -> Parcel {
        let first = self
            .parcels
            .front_mut()
            .expect("somebody waits for this reply");
        assert!(
            count > 0 && count <= first.count,
            "replies go to one parcel at a time"
        );
        self.requests -= count as usize;
        if count < first.count {
            return first.answer(count);
        }
        let whole = *first;
        self.parcels.pop_front();
        if let Some(chunk) = self.chunks.iter_mut().find(|chunk| chunk.parcels > 0) {
            chunk.parcels -= 1;
            chunk.passed += whole.bytes;
        }
        whole
    }

    /// Gives back the chunks at the front that are sent and answered.
    #[inline]
    pub(crate) fn drop_done(&mut self, buffers: &mut Buffers) {
        while self.sending > 0
            && let Some(first) = self.chunks.front()
            && first.parcels == 0
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

    /// The first request without a reply, which got one that is not for its client: it leaves. [`Self::drop_done`] is to follow.
    ///
    /// # Panics
    /// When there is none.
    #[cold]
    pub(crate) fn take_back(&mut self) -> Recovered {
        let first = *self.first().expect("somebody waits for this reply");
        let bytes = self.first_requests();
        let frame = match (first.count, first.answered) {
            (1, 0) => 0..bytes.len(),
            (_, answered) => frames(bytes).swap_remove(answered as usize),
        };
        let bytes = bytes[frame].to_vec();
        self.answer(1);
        Recovered {
            parcel: first.piece(0, 1, bytes.len()),
            bytes,
            sent: true,
        }
    }

    /// Takes out all requests of which no byte was sent; of what is one, none if some was.
    #[cold]
    pub(crate) fn take_unsent(&mut self) -> Vec<Recovered> {
        let sent_chunks = self.chunks.iter().take(self.sending);
        let mut before: usize = sent_chunks.map(|chunk| chunk.parcels as usize).sum();
        let mut sent = self.sent;
        for at in self.sending..self.chunks.len() {
            let (mut parcels, mut offset) = (self.chunks[at].parcels, self.chunks[at].passed);
            let mut stays = 0;
            while stays < parcels && offset < sent {
                match self.cut(at, before, offset, sent) {
                    Cut::Nowhere => {}
                    Cut::Within => parcels += 1,
                    Cut::AtAnswers(end) => {
                        offset = end;
                        break;
                    }
                }
                offset += self.parcels[before].bytes;
                before += 1;
                stays += 1;
            }
            if stays < parcels {
                return self.split_off(at, stays, offset, before);
            }
            sent = 0;
        }
        Vec::new()
    }

    /// Cuts the parcel at this place, which lies at `offset` of chunk `at`, behind the last of its requests that begins before `sent`.
    fn cut(&mut self, at: usize, place: usize, offset: usize, sent: usize) -> Cut {
        let parcel = self.parcels[place];
        if offset + parcel.bytes <= sent || parcel.count == 1 || parcel.is_indivisible {
            return Cut::Nowhere;
        }
        let chunk = &mut self.chunks[at];
        let frames = frames(&chunk.bytes.as_slice()[offset..][..parcel.bytes]);
        let begun = frames.partition_point(|frame| offset + frame.start < sent);
        let (Some(next), Some(stays)) = (
            frames.get(begun),
            begun.checked_sub(parcel.answered as usize),
        ) else {
            return Cut::Nowhere;
        };
        let stays = u32::try_from(stays).unwrap_or(u32::MAX);
        let rest = parcel.piece(stays, parcel.count - stays, parcel.bytes - next.start);
        if stays == 0 {
            // All that was sent of it is answered.
            chunk.passed = offset + next.start;
            self.parcels[place] = rest;
            return Cut::AtAnswers(chunk.passed);
        }
        chunk.parcels += 1;
        self.parcels[place].count = stays;
        self.parcels[place].bytes = next.start;
        self.parcels.insert(place + 1, rest);
        Cut::Within
    }

    /// Takes out what begins at `offset` of chunk `at`, of which `stays` parcels stay, `before` in all.
    fn split_off(&mut self, at: usize, stays: u32, offset: usize, before: usize) -> Vec<Recovered> {
        let mut parcels = self.parcels.split_off(before).into_iter();
        let mut taken = Vec::with_capacity(parcels.len());
        let mut first = offset;
        let mut kept = stays;
        for chunk in self.chunks.iter().skip(at) {
            let mut start = first.max(chunk.passed);
            for parcel in parcels.by_ref().take((chunk.parcels - kept) as usize) {
                let end = start + parcel.bytes;
                let bytes = chunk.bytes.as_slice()[start..end].to_vec();
                recover(parcel, bytes, 0, &mut taken);
                start = end;
            }
            (first, kept) = (0, 0);
        }
        self.chunks.truncate(at + usize::from(offset > 0));
        if let Some(chunk) = self.chunks.get_mut(at) {
            chunk.parcels = stays;
            chunk.bytes.truncate(offset);
            if at == self.sending && self.sent >= offset {
                self.sending += 1;
                self.sent = 0;
            }
        }
        while self.sending > 0 && self.chunks.front().is_some_and(|chunk| chunk.parcels == 0) {
            self.chunks.pop_front();
            self.sending -= 1;
        }
        self.bytes = self.chunks.iter().map(|chunk| chunk.bytes.held()).sum();
        self.requests = self
            .parcels
            .iter()
            .map(|parcel| parcel.count as usize)
            .sum();
        taken
    }

    /// Takes everything out because the connection was lost, in order; a run of which only the beginning was sent is two parcels from here on.
    #[cold]
    pub(crate) fn take_all(&mut self) -> Vec<Recovered> {
        let line = std::mem::take(self);
        let mut parcels = line.parcels.into_iter();
        let mut taken = Vec::new();
        for (at, chunk) in line.chunks.iter().enumerate() {
            let sent_here = match at.cmp(&line.sending) {
                std::cmp::Ordering::Less => usize::MAX,
                std::cmp::Ordering::Equal => line.sent,
                std::cmp::Ordering::Greater => 0,
            };
            let mut start = chunk.passed;
            for parcel in parcels.by_ref().take(chunk.parcels as usize) {
                let end = start + parcel.bytes;
                let bytes = chunk.bytes.as_slice()[start..end].to_vec();
                recover(parcel, bytes, sent_here.saturating_sub(start), &mut taken);
                start = end;
            }
        }
        taken
    }

    /// Whoever waits for a parcel that `is_late` is `told` (with whether some of it was sent): what was not sent never will be, and the replies to the rest go
    /// where `told` says.
    pub(crate) fn give_up(
        &mut self,
        buffers: &mut Buffers,
        is_late: impl Fn(&Parcel) -> bool,
        mut told: impl FnMut(Parcel, bool) -> Target,
    ) {
        // A reply that comes is not late.
        let is_late =
            |parcel: &Parcel| parcel.target.is_waiting() && !parcel.is_begun && is_late(parcel);
        if !self.parcels.iter().any(is_late) {
            return;
        }
        let unsent = self.take_unsent();
        for parcel in self.parcels.iter_mut().filter(|parcel| is_late(parcel)) {
            parcel.target = told(*parcel, true);
        }
        for recovered in unsent {
            if is_late(&recovered.parcel) {
                told(recovered.parcel, false);
            } else {
                self.append_again(&recovered, buffers);
            }
        }
    }

    /// Whoever waits for a parcel that `is_over` and of which nothing was sent is `told`: it never will be.
    pub(crate) fn drop_unsent(
        &mut self,
        buffers: &mut Buffers,
        is_over: impl Fn(&Parcel) -> bool,
        mut told: impl FnMut(Parcel),
    ) {
        let is_over = |parcel: &Parcel| parcel.target.is_waiting() && is_over(parcel);
        // The last of those that were begun may be a run of which some were not.
        let first = self.begun().saturating_sub(1);
        if !self.wants_to_send() || !self.parcels.iter().skip(first).any(is_over) {
            return;
        }
        for recovered in self.take_unsent() {
            if is_over(&recovered.parcel) {
                told(recovered.parcel);
            } else {
                self.append_again(&recovered, buffers);
            }
        }
    }

    /// Parcels of which something was sent, and that are not answered.
    fn begun(&self) -> usize {
        let whole = self.chunks.iter().take(self.sending);
        let mut begun: usize = whole.map(|chunk| chunk.parcels as usize).sum();
        let half = self.chunks.get(self.sending);
        let mut offset = half.map_or(0, |chunk| chunk.passed);
        while offset < self.sent
            && let Some(parcel) = self.parcels.get(begun)
        {
            offset += parcel.bytes;
            begun += 1;
        }
        begun
    }

    /// How many of the requests that were sent and not answered `nobody` waits for any more; `None` when some of the others cannot be sent again. A write counts as
    /// the rest: whoever has gone without waiting for its reply has been promised nothing, and one of them would keep the node at work for all that were left.
    pub(crate) fn sent_for(&self, nobody: impl Fn(&Parcel) -> bool) -> Option<usize> {
        let mut for_nobody = 0;
        for parcel in self.parcels.iter().take(self.begun()) {
            if nobody(parcel) {
                for_nobody += parcel.count as usize;
            } else if parcel.is_begun || fate(parcel, true, false) != Fate::SendAgain {
                return None;
            }
        }
        Some(for_nobody)
    }
}

#[cfg(test)]
mod tests;
