//! [`Backlog`]: the end of the log in memory, from which followers are fed and go on after they were away.
//! Pure. Invariants: what is kept is the last of the log without a gap; what some follower still needs is not forgotten.

use std::collections::VecDeque;

/// Bytes of a block: what is forgotten at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// The end of a log.
#[derive(Debug)]
pub struct Backlog {
    /// Full ones, but for the last.
    blocks: VecDeque<Vec<u8>>,
    /// Where the first block begins in the log.
    start: u64,
    /// Where the log ends.
    end: u64,
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

    /// The log goes on.
    pub fn append(&mut self, mut bytes: &[u8]) {
        self.end += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.blocks.back_mut();
            let room = room.filter(|block| block.len() < BLOCK_BYTES);
            let Some(block) = room else {
                self.blocks.push_back(Vec::with_capacity(BLOCK_BYTES));
                continue;
            };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(now);
            bytes = later;
        }
    }

    /// What stands behind `offset`, as far as it lies in one piece; nothing at the end, and where it is not kept.
    #[must_use]
    pub fn behind(&self, offset: u64) -> &[u8] {
        let Some(ahead) = offset.checked_sub(self.start) else {
            return &[];
        };
        let Ok(ahead) = usize::try_from(ahead) else {
            return &[];
        };
        let block = self.blocks.get(ahead / BLOCK_BYTES);
        let rest = block.and_then(|block| block.get(ahead % BLOCK_BYTES..));
        rest.unwrap_or_default()
    }

    /// Forgets what is more than `keep` bytes old, but nothing behind `needed`.
    pub fn forget(&mut self, keep: u64, needed: u64) {
        let until = self.end.saturating_sub(keep).min(needed);
        while let Some(block) = self.blocks.front()
            && block.len() == BLOCK_BYTES
            && self.start + block.len() as u64 <= until
        {
            self.start += block.len() as u64;
            self.blocks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, Backlog};

    /// The byte that stands at an offset.
    fn byte_at(offset: u64) -> u8 {
        (offset * 7 % 251) as u8
    }

    fn append(backlog: &mut Backlog, count: usize) {
        let from = backlog.end();
        let bytes: Vec<u8> = (from..from + count as u64).map(byte_at).collect();
        backlog.append(&bytes);
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
}
