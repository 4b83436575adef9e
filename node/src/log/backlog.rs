//! [`Backlog`]: the end of the log in memory, from which followers are fed and go on after they were away.
//! Pure. Invariants: what is kept is the last of the log without a gap; what some follower still needs is not forgotten.

use crate::store::{PieceRef, Pieces, SharedBytes};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a block: what is forgotten at once.
const BLOCK_BYTES: usize = 64 * 1024;
/// Bytes of shared pieces that are copied at once, so that who shares them may have them alone.
const COPIED_AT_ONCE: usize = 4 * BLOCK_BYTES;

/// The end of a log.
#[derive(Debug)]
pub struct Backlog {
    /// In the order of the log, without a gap.
    blocks: VecDeque<Block>,
    /// Where the first block begins in the log.
    start: u64,
    /// Where the log ends.
    end: u64,
}

/// A part of the log.
#[derive(Debug)]
struct Block {
    /// Where it begins in the log.
    start: u64,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    /// So many at most: the last block is written on.
    Own(Vec<u8>),
    /// As they came, and others have them too.
    Shared(SharedBytes),
}

impl Block {
    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(bytes) => bytes,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes().len() as u64
    }
}

impl Backlog {
    /// Of a log that ends at `end`; nothing of it is kept so far.
    #[must_use]
    pub fn new(end: u64) -> Self {
        Self {
            blocks: VecDeque::new(),
            start: end,
            end,
        }
    }

    /// From which offset on all is kept.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Where the log ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.end - self.start
    }

    /// Whether all behind this offset is kept.
    #[must_use]
    pub fn reaches(&self, offset: u64) -> bool {
        (self.start..=self.end).contains(&offset)
    }

    /// The log goes on. What of it is shared already is not copied.
    pub fn append(&mut self, pieces: &Pieces) {
        for piece in pieces.iter() {
            match piece {
                PieceRef::Shared(shared) => {
                    self.blocks.push_back(Block {
                        start: self.end,
                        bytes: Bytes::Shared(shared.clone()),
                    });
                    self.end += shared.len() as u64;
                }
                PieceRef::Own(own) => self.append_copy(own),
            }
        }
    }

    fn append_copy(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let last = self.blocks.back_mut();
            let room = last.and_then(|block| match &mut block.bytes {
                Bytes::Own(own) if own.len() < BLOCK_BYTES => Some(own),
                _ => None,
            });
            let Some(block) = room else {
                self.blocks.push_back(Block {
                    start: self.end,
                    bytes: Bytes::Own(Vec::with_capacity(BLOCK_BYTES)),
                });
                continue;
            };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(now);
            self.end += now.len() as u64;
            bytes = later;
        }
    }

    /// What stands behind `offset`, as far as it lies in one piece; nothing at the end, and where it is not kept.
    #[must_use]
    pub fn behind(&self, offset: u64) -> &[u8] {
        let number = self.blocks.partition_point(|block| block.end() <= offset);
        let block = self.blocks.get(number);
        let rest = block.and_then(|block| {
            let ahead = usize::try_from(offset.checked_sub(block.start)?).ok()?;
            block.bytes().get(ahead..)
        });
        rest.unwrap_or_default()
    }

    /// How many bytes stand behind `offset`, without the longest value that is shared: whoever is to get one has so much to get at once, and it costs no more for that.
    #[must_use]
    pub fn piled_up_behind(&self, offset: u64) -> u64 {
        let first = self.blocks.partition_point(|block| block.end() <= offset);
        let shared = self.blocks.range(first..).map(|block| match &block.bytes {
            Bytes::Own(_) => 0,
            Bytes::Shared(bytes) => bytes.len() as u64,
        });
        let all = self.end.saturating_sub(offset);
        all.saturating_sub(shared.max().unwrap_or(0))
    }

    /// Forgets what is more than `keep` bytes old, but nothing behind `needed`; of what is shared, and that nobody needs, a little is copied. To be called now and
    /// then; who has called gives back what is not shared any more.
    pub fn forget(&mut self, keep: u64, needed: u64) -> Vec<Arc<Vec<u8>>> {
        let until = self.end.saturating_sub(keep).min(needed);
        let mut released = Vec::new();
        while let Some(block) = self.blocks.front_mut() {
            let end = block.end();
            match &mut block.bytes {
                Bytes::Own(own) if own.len() < BLOCK_BYTES && end == self.end => break,
                Bytes::Shared(shared) if block.start < until && until < end => {
                    shared.advance(usize::try_from(until - block.start).unwrap_or(0));
                    block.start = until;
                    break;
                }
                _ if end > until => break,
                _ => {}
            }
            let block = self.blocks.pop_front();
            released.extend(block.and_then(Block::into_buffer));
        }
        let first = self.blocks.front();
        self.start = first.map_or(self.end, |block| block.start);
        self.copy_some(needed, &mut released);
        released
    }

    /// Copies some of the first piece that is shared, if nobody needs any of it.
    fn copy_some(&mut self, needed: u64, released: &mut Vec<Arc<Vec<u8>>>) {
        let mut left = COPIED_AT_ONCE;
        while left > 0 {
            let is_shared = |block: &Block| matches!(block.bytes, Bytes::Shared(_));
            let Some(number) = self.blocks.iter().position(is_shared) else {
                return;
            };
            let block = &mut self.blocks[number];
            let (start, end) = (block.start, block.end());
            let Bytes::Shared(shared) = &mut block.bytes else {
                return;
            };
            if end > needed {
                return;
            }
            let count = shared.len().min(BLOCK_BYTES);
            let copy = Bytes::Own(shared[..count].to_vec());
            shared.advance(count);
            block.start += count as u64;
            if block.start == end {
                let copied = std::mem::replace(&mut block.bytes, copy);
                block.start = start;
                if let Bytes::Shared(shared) = copied {
                    released.push(shared.into_buffer());
                }
            } else {
                self.blocks.insert(number, Block { start, bytes: copy });
            }
            left = left.saturating_sub(count);
        }
    }
}

impl Block {
    fn into_buffer(self) -> Option<Arc<Vec<u8>>> {
        match self.bytes {
            Bytes::Own(_) => None,
            Bytes::Shared(bytes) => Some(bytes.into_buffer()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, Backlog, COPIED_AT_ONCE};
    use crate::store::{Pieces, SHARED_LEAST_BYTES, SharedBytes};
    use std::sync::Arc;

    /// The byte that stands at an offset.
    fn byte_at(offset: u64) -> u8 {
        (offset * 7 % 251) as u8
    }

    fn append(backlog: &mut Backlog, count: usize) {
        let from = backlog.end();
        let bytes: Vec<u8> = (from..from + count as u64).map(byte_at).collect();
        backlog.append(&Pieces::from(bytes));
    }

    fn read(backlog: &Backlog, mut offset: u64) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = backlog.behind(offset);
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(piece);
            offset += piece.len() as u64;
        }
    }

    #[test]
    fn all_that_was_appended_is_read_from_wherever_one_begins() {
        for start in [0, 1_000_003] {
            let mut backlog = Backlog::new(start);
            for count in [1, 0, BLOCK_BYTES - 1, 3 * BLOCK_BYTES, 17, BLOCK_BYTES, 5] {
                append(&mut backlog, count);
                for offset in [start, start + 1, backlog.end() - 1, backlog.end()] {
                    let expected: Vec<u8> = (offset..backlog.end()).map(byte_at).collect();
                    assert_eq!(read(&backlog, offset), expected);
                }
            }
        }
    }

    #[test]
    fn what_is_old_is_forgotten_but_not_what_is_needed() {
        let mut backlog = Backlog::new(0);
        let block = BLOCK_BYTES as u64;
        append(&mut backlog, 10 * BLOCK_BYTES + 100);
        backlog.forget(block, 2 * block + 5);
        assert_eq!(backlog.start(), 2 * block, "somebody needs it");
        assert!(!backlog.reaches(2 * block - 1) && backlog.reaches(2 * block));
        assert!(backlog.behind(2 * block - 1).is_empty());
        backlog.forget(3 * block, u64::MAX);
        assert_eq!(backlog.start(), 7 * block);
        backlog.forget(0, u64::MAX);
        assert_eq!(backlog.kept_bytes(), 100, "what is written on is kept");
        let expected: Vec<u8> = (10 * block..backlog.end()).map(byte_at).collect();
        assert_eq!(read(&backlog, 10 * block), expected);
        assert!(backlog.reaches(backlog.end()) && !backlog.reaches(backlog.end() + 1));
    }

    /// The log goes on in a buffer that others have.
    fn append_shared(backlog: &mut Backlog, count: usize) -> Arc<Vec<u8>> {
        let from = backlog.end();
        let bytes = (from..from + count as u64).map(byte_at).collect();
        let buffer: Arc<Vec<u8>> = Arc::new(bytes);
        let mut pieces = Pieces::default();
        pieces.share(SharedBytes::new(Arc::clone(&buffer), 0..count));
        backlog.append(&pieces);
        buffer
    }

    fn check(backlog: &Backlog) {
        let (start, end) = (backlog.start(), backlog.end());
        for offset in [start, start + 1, (start + end) / 2, end - 1, end] {
            let expected: Vec<u8> = (offset..end).map(byte_at).collect();
            assert_eq!(read(backlog, offset), expected);
        }
    }

    #[test]
    fn what_is_large_is_not_copied_before_all_have_it_and_then_a_little_at_a_time() {
        const LARGE: usize = 10 * SHARED_LEAST_BYTES + 3;
        let mut backlog = Backlog::new(77);
        append(&mut backlog, 1_000);
        let buffer = append_shared(&mut backlog, LARGE);
        append(&mut backlog, 1_000);
        let place = backlog.behind(1_077).as_ptr();
        assert_eq!(place, buffer.as_ptr(), "it lies where it came");
        let end = backlog.end();
        let keep = LARGE as u64 / 2;
        for _ in 0..100 {
            assert!(backlog.forget(keep, 5_000).is_empty());
            check(&backlog);
        }
        assert_eq!(backlog.start(), 5_000, "somebody needs the rest");
        let piled_up = backlog.piled_up_behind(5_000);
        assert_eq!(piled_up, 1_000, "one long value does not count");
        assert_eq!(Arc::strong_count(&buffer), 2);
        let mut calls = 0;
        while backlog.forget(keep, u64::MAX).is_empty() {
            check(&backlog);
            assert_eq!(backlog.start(), end - keep);
            calls += 1;
        }
        assert!(calls >= LARGE / 2 / COPIED_AT_ONCE - 1, "{calls} calls");
        assert_eq!(
            Arc::strong_count(&buffer),
            1,
            "nothing of it is shared any more"
        );
        check(&backlog);
        append(&mut backlog, 3 * BLOCK_BYTES);
        check(&backlog);
    }

    #[test]
    fn what_is_large_and_old_is_given_back_at_once() {
        let mut backlog = Backlog::new(0);
        let buffer = append_shared(&mut backlog, SHARED_LEAST_BYTES);
        append(&mut backlog, 2 * BLOCK_BYTES);
        let released = backlog.forget(10, u64::MAX);
        assert!(Arc::ptr_eq(&released[0], &buffer));
        assert_eq!(backlog.start(), (SHARED_LEAST_BYTES + BLOCK_BYTES) as u64);
        check(&backlog);
    }
}
