//! [`Group`]: consumers that share a stream, how far they are, and which entries they have not acknowledged.
//! Pure. Invariants: every pending entry is in the group's records and in those of the one consumer that it names; consumers and groups stand in the order of their names.

use super::StreamId;
use super::records::Records;
use crate::store::StoreFull;
use crate::store::value::leaves::{Leaves, Pools};

/// Bytes of a delivery where it is kept.
pub(super) const DELIVERY_BYTES: usize = 4 + 6 + 8;

/// Records that are copied, or given up with a consumer, between two looks at the others.
const AT_ONCE: usize = 64;

/// An entry that was given to a consumer and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Whose it is.
    pub(super) consumer: ConsumerNumber,
    /// When it was given out last, Unix milliseconds; 48 bits.
    pub(super) at_ms: u64,
    /// How often it was.
    pub(super) count: u64,
}

/// Nobody's number: of an entry whose consumer is not known yet.
pub(super) const NOBODY: ConsumerNumber = ConsumerNumber(u32::MAX);

/// The greatest moment that a delivery keeps, Unix milliseconds.
pub(super) const MOST_MS: u64 = (1 << 48) - 1;

/// Names a consumer within its group for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConsumerNumber(pub(super) u32);

impl Delivery {
    fn to_bytes(self) -> [u8; DELIVERY_BYTES] {
        let mut bytes = [0; DELIVERY_BYTES];
        bytes[..4].copy_from_slice(&self.consumer.0.to_le_bytes());
        bytes[4..10].copy_from_slice(&self.at_ms.to_le_bytes()[..6]);
        bytes[10..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: [u8; DELIVERY_BYTES]) -> Self {
        let number = |from: usize, end: usize| {
            let mut wide = [0; 8];
            wide[..end - from].copy_from_slice(&bytes[from..end]);
            u64::from_le_bytes(wide)
        };
        let consumer = u32::try_from(number(0, 4)).unwrap_or(u32::MAX);
        Self {
            consumer: ConsumerNumber(consumer),
            at_ms: number(4, 10),
            count: number(10, 18),
        }
    }
}

/// One reader of a group.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) name: Box<[u8]>,
    /// When it was last heard of, Unix milliseconds.
    pub(super) seen_ms: u64,
    pub(super) pending: Records<0>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Box<[u8]>,
    /// The last entry that was given out.
    pub(super) last_id: StreamId,
    /// How many entries were read of all that there ever were; `None` where nobody can tell.
    pub(super) entries_read: Option<u64>,
    pub(super) pending: Records<DELIVERY_BYTES>,
    consumers: Vec<Option<Box<Consumer>>>,
    /// Numbers in the order of the names; those that are free.
    by_name: Vec<ConsumerNumber>,
    free: Vec<ConsumerNumber>,
    /// Of all consumers.
    name_bytes: u64,
    /// Bytes of its leaves and its consumers'; counted by its stream.
    pub(super) leaf_bytes: u64,
}

impl Group {
    /// One without consumers.
    pub(super) fn new(name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            name: name.into(),
            last_id,
            entries_read,
            pending: Records::default(),
            consumers: Vec::new(),
            by_name: Vec::new(),
            free: Vec::new(),
            name_bytes: 0,
            leaf_bytes: 0,
        }
    }

    /// Bytes taken beside leaves, its own included.
    pub(super) fn heap_bytes(&self) -> u64 {
        let numbers =
            (self.by_name.capacity() + self.free.capacity()) * size_of::<ConsumerNumber>();
        let places = self.consumers.capacity() * size_of::<Option<Box<Consumer>>>();
        let consumers = self.by_name.len() * size_of::<Consumer>();
        let own = size_of::<Self>() + self.name.len();
        (own + numbers + places + consumers) as u64 + self.name_bytes
    }

    /// How many consumers there are.
    pub(super) fn consumers(&self) -> usize {
        self.by_name.len()
    }

    /// All of them in the order of their names.
    pub(super) fn each_consumer(&self) -> impl Iterator<Item = &Consumer> {
        self.by_name
            .iter()
            .filter_map(|number| self.consumer(*number))
    }

    /// The one at this place in the order of their names.
    pub(super) fn nth_consumer(&self, nth: usize) -> Option<&Consumer> {
        self.consumer(*self.by_name.get(nth)?)
    }

    /// A consumer that is there.
    pub(super) fn consumer(&self, number: ConsumerNumber) -> Option<&Consumer> {
        self.consumers.get(number.0 as usize)?.as_deref()
    }

    fn consumer_mut(&mut self, number: ConsumerNumber) -> Option<&mut Consumer> {
        self.consumers.get_mut(number.0 as usize)?.as_deref_mut()
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|number| {
            let other = self.consumer(*number).map_or(&[][..], |one| &one.name);
            other.cmp(name)
        })
    }

    /// The consumer of this name.
    pub(super) fn find_consumer(&self, name: &[u8]) -> Option<ConsumerNumber> {
        let nth = self.search(name).ok()?;
        Some(self.by_name[nth])
    }

    /// The consumer of this name, who was heard of now; whether it is new.
    pub(super) fn greet_consumer(&mut self, name: &[u8], now_ms: u64) -> (ConsumerNumber, bool) {
        let nth = match self.search(name) {
            Ok(nth) => {
                let number = self.by_name[nth];
                if let Some(consumer) = self.consumer_mut(number) {
                    consumer.seen_ms = now_ms;
                }
                return (number, false);
            }
            Err(nth) => nth,
        };
        let consumer = Box::new(Consumer {
            name: name.into(),
            seen_ms: now_ms,
            pending: Records::default(),
        });
        let number = self.free.pop().unwrap_or_else(|| {
            // There is memory for fewer than 2³².
            let number = u32::try_from(self.consumers.len()).unwrap_or(u32::MAX);
            self.consumers.push(None);
            ConsumerNumber(number)
        });
        self.consumers[number.0 as usize] = Some(consumer);
        self.by_name.insert(nth, number);
        self.name_bytes += name.len() as u64;
        (number, true)
    }

    /// Takes a consumer out with all that it has not acknowledged; how much that was, `None` where there is no such consumer.
    pub(super) fn remove_consumer(&mut self, leaves: &mut Leaves, name: &[u8]) -> Option<u64> {
        let nth = self.search(name).ok()?;
        let number = self.by_name.remove(nth);
        let mut consumer = self.consumers[number.0 as usize].take()?;
        self.free.push(number);
        self.name_bytes -= name.len() as u64;
        let pending = consumer.pending.len();
        let mut found = [(StreamId::MIN, []); AT_ONCE];
        let mut from = Some(StreamId::MIN);
        while let Some(start) = from {
            let some = consumer.pending.some(leaves, start, &mut found);
            for (id, _) in &found[..some] {
                self.pending.remove(leaves, *id);
            }
            let last = found[..some].last();
            from = last.and_then(|(id, _)| id.next());
        }
        consumer.pending.free(leaves, usize::MAX);
        Some(pending)
    }

    /// Who has an entry, if it is pending.
    pub(super) fn delivery(&self, leaves: &Leaves, id: StreamId) -> Option<Delivery> {
        self.pending.get(leaves, id).map(Delivery::read)
    }

    /// An entry is pending whose consumer is not known yet.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub(super) fn note_pending(
        &mut self,
        leaves: &mut Leaves,
        id: StreamId,
        delivery: Delivery,
    ) -> Result<(), StoreFull> {
        self.pending.put(leaves, id, delivery.to_bytes())
    }

    /// An entry was given to a consumer, whoever had it before.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub(super) fn deliver(
        &mut self,
        leaves: &mut Leaves,
        id: StreamId,
        delivery: Delivery,
    ) -> Result<(), StoreFull> {
        let before = self.delivery(leaves, id).map(|before| before.consumer);
        if before != Some(delivery.consumer) {
            let Some(consumer) = self.consumer_mut(delivery.consumer) else {
                return Ok(());
            };
            consumer.pending.put(leaves, id, [])?;
        }
        if let Err(full) = self.pending.put(leaves, id, delivery.to_bytes()) {
            if before != Some(delivery.consumer) {
                self.forget(leaves, id, delivery.consumer);
            }
            return Err(full);
        }
        if let Some(before) = before.filter(|before| *before != delivery.consumer) {
            self.forget(leaves, id, before);
        }
        Ok(())
    }

    fn forget(&mut self, leaves: &mut Leaves, id: StreamId, consumer: ConsumerNumber) {
        if let Some(consumer) = self.consumer_mut(consumer) {
            consumer.pending.remove(leaves, id);
        }
    }

    /// An entry is not pending any more; whether it was.
    pub(super) fn settle(&mut self, leaves: &mut Leaves, id: StreamId) -> bool {
        let Some(delivery) = self.delivery(leaves, id) else {
            return false;
        };
        self.forget(leaves, id, delivery.consumer);
        self.pending.remove(leaves, id)
    }

    /// Frees up to `limit` leaves; says whether anything is left.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        let mut left = limit - self.pending.free(leaves, limit);
        while left > 0 {
            let Some(last) = self.by_name.last() else {
                return false;
            };
            let slot = &mut self.consumers[last.0 as usize];
            let consumer = slot.as_deref_mut();
            let freed = consumer.map_or(0, |consumer| consumer.pending.free(leaves, left));
            if freed < left
                && let Some(gone) = slot.take()
            {
                self.name_bytes -= gone.name.len() as u64;
                self.by_name.pop();
            }
            // A consumer counts as a leaf itself.
            left = left.saturating_sub(freed.max(1));
        }
        true
    }

    /// A copy, whose consumers have the same numbers.
    ///
    /// # Errors
    /// [`StoreFull`], with what is to be freed of it.
    pub(super) fn copy(&self, pools: &mut Pools<'_>) -> (Self, Result<(), StoreFull>) {
        let mut copy = Self::new(&self.name, self.last_id, self.entries_read);
        for slot in &self.consumers {
            copy.consumers.push(slot.as_ref().map(|consumer| {
                Box::new(Consumer {
                    name: consumer.name.clone(),
                    seen_ms: consumer.seen_ms,
                    pending: Records::default(),
                })
            }));
        }
        copy.by_name.clone_from(&self.by_name);
        copy.free.clone_from(&self.free);
        copy.name_bytes = self.name_bytes;
        let mut found = [(StreamId::MIN, [0; DELIVERY_BYTES]); AT_ONCE];
        let mut from = Some(StreamId::MIN);
        while let Some(start) = from {
            let some = self.pending.some(pools.from(), start, &mut found);
            for (id, record) in &found[..some] {
                let copied = copy.deliver(pools.to(), *id, Delivery::read(*record));
                if let Err(full) = copied {
                    return (copy, Err(full));
                }
            }
            let last = found[..some].last();
            from = last.and_then(|(id, _)| id.next());
        }
        (copy, Ok(()))
    }

    #[cfg(test)]
    pub(super) fn check(&self, leaves: &Leaves) {
        self.pending.check(leaves);
        let mut pending = 0;
        for consumer in self.each_consumer() {
            consumer.pending.check(leaves);
            consumer.pending.walk(leaves, StreamId::MIN, &mut |id, _| {
                let delivery = self.delivery(leaves, id).expect("it is pending");
                let owner = self.consumer(delivery.consumer).expect("it is there");
                assert!(std::ptr::eq(owner, consumer));
                true
            });
            pending += consumer.pending.len();
        }
        assert_eq!(pending, self.pending.len());
    }
}
