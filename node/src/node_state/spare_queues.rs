//! Room in which clients have queued commands behind MULTI, kept for those who come next: a transaction needs three vectors, and most are short.
//! Pure. Never: looks at what is queued. Bounds: [`MOST_SPARE`] queues of [`MOST_BYTES`] each; what is more goes back to the allocator.

use crate::client::Transaction;

/// As many are kept: most transactions come whole in one write, so that hardly more than one is open at a time.
const MOST_SPARE: usize = 16;

/// With more room, bytes, a queue is not kept.
const MOST_BYTES: usize = 16 * 1024;

/// Queues that are empty.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "sessions hold theirs in a box, which is what is kept"
)]
pub struct SpareQueues {
    spare: Vec<Box<Transaction>>,
}

impl SpareQueues {
    /// An empty queue, with room if one is at hand.
    pub fn take(&mut self) -> Box<Transaction> {
        self.spare.pop().unwrap_or_default()
    }

    /// A queue is over.
    pub fn give(&mut self, mut queue: Box<Transaction>) {
        if self.spare.len() < MOST_SPARE && queue.memory_bytes() <= MOST_BYTES {
            queue.clear();
            self.spare.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, MOST_SPARE, SpareQueues};
    use crate::client::Transaction;
    use shared::command;
    use shared::resp::{ArgRange, Args};

    fn queue_of(bytes: usize) -> Box<Transaction> {
        let value = [b"GET".to_vec(), vec![b'k'; bytes]].concat();
        let ranges = [ArgRange::new(0, 3), ArgRange::new(3, bytes)];
        let mut queue = Box::<Transaction>::default();
        let args = Args::new(&value, &ranges);
        queue.push(command::resolve(args).unwrap(), args);
        queue.spoil();
        queue
    }

    #[test]
    fn a_queue_that_comes_again_is_empty_and_has_its_room() {
        let mut spare = SpareQueues::default();
        spare.give(queue_of(100));
        let queue = spare.take();
        assert_eq!((queue.len(), queue.is_spoiled()), (0, false));
        assert!(queue.memory_bytes() >= 100);
        assert_eq!(spare.take().memory_bytes(), 0);
    }

    #[test]
    fn few_are_kept_and_none_that_is_large() {
        let mut spare = SpareQueues::default();
        spare.give(queue_of(MOST_BYTES));
        assert!(spare.spare.is_empty());
        for _ in 0..=MOST_SPARE {
            spare.give(queue_of(1));
        }
        assert_eq!(spare.spare.len(), MOST_SPARE);
    }
}
