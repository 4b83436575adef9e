//! [`GroupRef`]: a group of a stream's consumers, to be read.
//! Pure.

use super::group::{Consumer, Delivery, Group};
use super::{History, StreamId};
use crate::store::value::leaves::Leaves;

/// A group, to be read.
#[derive(Clone, Copy, Debug)]
pub struct GroupRef<'a> {
    group: &'a Group,
    history: History<'a>,
    leaves: &'a Leaves,
}

/// A consumer, to be read.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerRef<'a> {
    consumer: &'a Consumer,
}

/// An entry that was given to a consumer and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct PendingEntry<'a> {
    /// Which one.
    pub id: StreamId,
    /// Whose it is.
    pub consumer: &'a [u8],
    /// When it was given out last, Unix milliseconds.
    pub at_ms: u64,
    /// How often it was.
    pub count: u64,
}

impl<'a> GroupRef<'a> {
    pub(super) fn of(group: &'a Group, history: History<'a>, leaves: &'a Leaves) -> Self {
        Self {
            group,
            history,
            leaves,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        &self.group.name
    }

    /// The last entry that was given out.
    #[must_use]
    pub fn last_id(self) -> StreamId {
        self.group.last_id
    }

    /// How many entries were read; `None` where nobody can tell.
    #[must_use]
    pub fn entries_read(self) -> Option<u64> {
        self.group.entries_read
    }

    /// How many entries are still to be read; `None` where nobody can tell.
    #[must_use]
    pub fn lag(self) -> Option<i64> {
        self.history.lag(self.group)
    }

    /// How many entries are pending.
    #[must_use]
    pub fn pending_count(self) -> u64 {
        self.group.pending.len()
    }

    /// The first and the last entry that are pending.
    #[must_use]
    pub fn pending_ends(self) -> Option<(StreamId, StreamId)> {
        self.group.pending.ends(self.leaves)
    }

    /// How many consumers there are.
    #[must_use]
    pub fn consumer_count(self) -> usize {
        self.group.consumers()
    }

    /// All consumers in the order of their names.
    pub fn consumers(self) -> impl Iterator<Item = ConsumerRef<'a>> {
        let consumers = self.group.each_consumer();
        consumers.map(|consumer| ConsumerRef { consumer })
    }

    /// The consumer at this place in the order of their names.
    #[must_use]
    pub fn consumer_at(self, nth: usize) -> Option<ConsumerRef<'a>> {
        let consumer = self.group.nth_consumer(nth)?;
        Some(ConsumerRef { consumer })
    }

    /// The consumer of this name.
    #[must_use]
    pub fn consumer(self, name: &[u8]) -> Option<ConsumerRef<'a>> {
        let number = self.group.find_consumer(name)?;
        let consumer = self.group.consumer(number)?;
        Some(ConsumerRef { consumer })
    }

    /// Shows what is pending from an identifier on for as long as `show` wants more.
    pub fn walk_pending(self, from: StreamId, mut show: impl FnMut(PendingEntry<'a>) -> bool) {
        let pending = &self.group.pending;
        pending.walk(self.leaves, from, &mut |id, record| {
            show(self.pending_entry(id, Delivery::read(record)))
        });
    }

    /// The same of one consumer.
    pub fn walk_pending_of(
        self,
        consumer: ConsumerRef<'a>,
        from: StreamId,
        mut show: impl FnMut(PendingEntry<'a>) -> bool,
    ) {
        let pending = &consumer.consumer.pending;
        pending.walk(self.leaves, from, &mut |id, _| {
            let delivery = self.group.delivery(self.leaves, id);
            // What a consumer has its group has.
            delivery.is_none_or(|delivery| show(self.pending_entry(id, delivery)))
        });
    }

    fn pending_entry(self, id: StreamId, delivery: Delivery) -> PendingEntry<'a> {
        let consumer = self.group.consumer(delivery.consumer);
        PendingEntry {
            id,
            consumer: consumer.map_or(&[], |consumer| &consumer.name),
            at_ms: delivery.at_ms,
            count: delivery.count,
        }
    }
}

impl<'a> ConsumerRef<'a> {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        &self.consumer.name
    }

    /// When it was last heard of, Unix milliseconds.
    #[must_use]
    pub fn seen_ms(self) -> u64 {
        self.consumer.seen_ms
    }

    /// How many entries it has not acknowledged.
    #[must_use]
    pub fn pending_count(self) -> u64 {
        self.consumer.pending.len()
    }
}
