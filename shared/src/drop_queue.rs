//! [`DropQueue`]: things that are dropped later and a few at a time, because dropping many at once would hold up everybody.
//! Pure. Invariant: no more wait than the bound; beyond it things are dropped at once.

use std::cell::RefCell;
use std::collections::VecDeque;

/// Things that wait to be dropped, of one thread.
#[derive(Debug)]
pub struct DropQueue<T> {
    waiting: RefCell<VecDeque<T>>,
    bound: usize,
    at_once: usize,
}

impl<T> DropQueue<T> {
    /// None yet; at most `bound` ever wait, and `at_once` of them are dropped at a time.
    #[must_use]
    pub fn new(bound: usize, at_once: usize) -> Self {
        Self {
            waiting: RefCell::default(),
            bound,
            at_once,
        }
    }

    /// Drops `thing` later; `false` when it has been dropped at once because too many wait.
    pub fn push(&self, thing: T) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let has_room = waiting.len() < self.bound;
        if has_room {
            waiting.push_back(thing);
        }
        has_room
    }

    /// Drops some, those that came first; whether more are waiting.
    pub fn drop_some(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let some = waiting.len().min(self.at_once);
        drop(waiting.drain(..some));
        if waiting.is_empty() {
            // What a crowd took goes back.
            waiting.shrink_to(self.at_once);
        }
        !waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::DropQueue;
    use std::rc::Rc;

    #[test]
    fn a_few_go_at_a_time_and_what_is_too_much_goes_at_once() {
        let thing = Rc::new(());
        let queue = DropQueue::new(5, 2);
        for number in 0..7 {
            assert_eq!(queue.push(Rc::clone(&thing)), number < 5);
        }
        let left = || Rc::strong_count(&thing) - 1;
        assert_eq!(left(), 5);
        assert!(queue.drop_some());
        assert_eq!(left(), 3);
        assert!(queue.drop_some());
        assert!(!queue.drop_some());
        assert_eq!(left(), 0);
        assert!(!queue.drop_some());
    }
}
