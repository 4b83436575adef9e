//! [`GroupEdit`]: a group of the stream at a key, to be changed, and told to the door.
//! Pure. Invariant: an entry is given out after it was shown, and none is shown that is not, unless memory ran out: then its consumer finds it among those that were given to it, or the group gives it out again.

use super::entries::Entries;
use super::group::{ConsumerNumber, Delivery, Group};
use super::group_change::{GroupChange, Names, tell};
use super::{EntryRef, History, StreamEdit, StreamId};
use crate::store::StoreFull;
use crate::store::door::Wording;
use crate::store::slot::Edited;
use crate::store::value::leaves::Leaves;

/// Entries that are shown between two changes.
pub(super) const AT_ONCE: usize = 64;

/// A group that is there, to be changed.
#[derive(Debug)]
pub struct GroupEdit<'a, 'b> {
    edit: StreamEdit<'a>,
    name: &'b [u8],
}

/// How a consumer reads.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Who reads.
    pub consumer: &'a [u8],
    /// Most entries.
    pub limit: u64,
    /// Whether entries are pending until they are acknowledged.
    pub is_acknowledged: bool,
    /// Unix milliseconds.
    pub now_ms: u64,
}

/// A group under way, and what is to be told of it.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) group: &'a mut Group,
    pub(super) history: History<'a>,
    pub(super) leaves: &'a mut Leaves,
    is_told: bool,
    is_changed: bool,
    changes: Vec<GroupChange>,
}

impl Work<'_> {
    /// Something was changed.
    pub(super) fn note(&mut self, change: GroupChange) {
        self.is_changed = true;
        if self.is_told {
            self.changes.push(change);
        }
    }

    /// The consumer of the command, made where there is none.
    pub(super) fn greet(&mut self, name: &[u8], now_ms: u64) -> ConsumerNumber {
        let (number, is_new) = self.group.greet_consumer(name, now_ms);
        if is_new {
            self.note(GroupChange::NewConsumer);
        }
        number
    }

    /// Gives an entry to a consumer.
    pub(super) fn give(&mut self, id: StreamId, delivery: Delivery) -> Result<(), StoreFull> {
        self.group.deliver(self.leaves, id, delivery)?;
        self.note(GroupChange::Given {
            id,
            at_ms: delivery.at_ms,
            count: delivery.count,
        });
        Ok(())
    }

    /// An entry is not pending any more.
    pub(super) fn settle(&mut self, id: StreamId) {
        if self.group.settle(self.leaves, id) {
            self.note(GroupChange::Settled(id));
        }
    }

    /// The entries of the stream.
    pub(super) fn entries(&self) -> &Entries {
        self.history.entries
    }
}

impl<'a, 'b> GroupEdit<'a, 'b> {
    /// The group of this name; the caller knows that there is one.
    #[must_use]
    pub fn of(edit: StreamEdit<'a>, name: &'b [u8]) -> Self {
        Self { edit, name }
    }

    /// Says how far the group is.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_position(
        self,
        last_id: StreamId,
        entries_read: Option<u64>,
        wording: Wording<'_>,
    ) -> Result<(), StoreFull> {
        self.change_as(wording, (), |group, _| {
            group.last_id = last_id;
            group.entries_read = entries_read;
            Edited::Changed(())
        })
    }

    /// Makes a consumer; `false` when there is one of this name.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn create_consumer(
        self,
        name: &[u8],
        now_ms: u64,
        wording: Wording<'_>,
    ) -> Result<bool, StoreFull> {
        self.change_as(wording, false, |group, _| {
            if group.find_consumer(name).is_some() {
                return Edited::Same(false);
            }
            group.greet_consumer(name, now_ms);
            Edited::Changed(true)
        })
    }

    /// Drops a consumer with all that it has not acknowledged; how much that was.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remove_consumer(self, name: &[u8], wording: Wording<'_>) -> Result<u64, StoreFull> {
        self.change_as(wording, 0, |group, leaves| {
            match group.remove_consumer(leaves, name) {
                Some(pending) => Edited::Changed(pending),
                None => Edited::Same(0),
            }
        })
    }

    /// Entries are done with; how many were pending.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn acknowledge(self, ids: &[StreamId], wording: Wording<'_>) -> Result<u64, StoreFull> {
        self.change_as(wording, 0, |group, leaves| {
            let settled = ids.iter().filter(|id| group.settle(leaves, **id));
            match settled.count() as u64 {
                0 => Edited::Same(0),
                settled => Edited::Changed(settled),
            }
        })
    }

    /// Gives entries to a consumer that no consumer was given yet, for as long as `show` wants more.
    ///
    /// # Errors
    /// [`StoreFull`]; what was given out before stays given.
    pub fn read(
        self,
        reading: Reading<'_>,
        show: &mut dyn FnMut(EntryRef<'_>) -> bool,
    ) -> Result<(), StoreFull> {
        self.work(reading.consumer, |work| give_new(work, reading, show))
    }

    /// Shows a consumer what it was given from an identifier on and has not acknowledged, without its fields where it is there no more, for as long as `show` wants more. Counts as giving it again.
    ///
    /// # Errors
    /// [`StoreFull`]; what was counted before stays counted.
    pub fn reread(
        self,
        reading: Reading<'_>,
        from: Option<StreamId>,
        show: &mut dyn FnMut(StreamId, Option<EntryRef<'_>>) -> bool,
    ) -> Result<(), StoreFull> {
        self.work(reading.consumer, |work| {
            give_again(work, reading, from, show)
        })
    }

    fn change_as<R>(
        self,
        wording: Wording<'_>,
        without: R,
        change: impl FnOnce(&mut Group, &mut Leaves) -> Edited<R>,
    ) -> Result<R, StoreFull> {
        let name = self.name;
        self.edit.change_as(wording, |stream, leaves| {
            let changed =
                stream.change_group(leaves, name, |group, _, leaves| change(group, leaves));
            changed.unwrap_or(Edited::Same(without))
        })
    }

    /// Lets `act` work on the group, and tells what it noted.
    pub(super) fn work<R: Default>(
        self,
        consumer: &[u8],
        act: impl FnOnce(&mut Work<'_>) -> Result<R, StoreFull>,
    ) -> Result<R, StoreFull> {
        let name = self.name;
        let done = self.edit.change(
            |stream, means| {
                let is_told = means.is_told;
                let done = stream.change_group(means.leaves, name, |group, history, leaves| {
                    let mut work = Work {
                        group,
                        history,
                        leaves,
                        is_told,
                        is_changed: false,
                        changes: Vec::new(),
                    };
                    let result = act(&mut work);
                    (result, work.is_changed, work.changes)
                });
                let (result, is_changed, changes) =
                    done.unwrap_or_else(|| (Ok(R::default()), false, Vec::new()));
                let told = (result, changes);
                Ok(if is_changed {
                    Edited::Changed(told)
                } else {
                    Edited::Same(told)
                })
            },
            |effects, db, key, (_, changes)| {
                let group = name;
                tell(effects, db, key, Names { group, consumer }, changes);
            },
        );
        done?.0
    }
}

fn give_new(
    work: &mut Work<'_>,
    reading: Reading<'_>,
    show: &mut dyn FnMut(EntryRef<'_>) -> bool,
) -> Result<(), StoreFull> {
    let consumer = work.greet(reading.consumer, reading.now_ms);
    let mut from = work.group.last_id.next();
    let mut left = reading.limit;
    let mut given = Ok(());
    let mut is_moved = false;
    while let Some(start) = from.filter(|_| left > 0) {
        let mut ids = [StreamId::MIN; AT_ONCE];
        let (mut shown, mut wants_more) = (0, true);
        let most = AT_ONCE.min(usize::try_from(left).unwrap_or(AT_ONCE));
        let range = (start, StreamId::MAX);
        work.entries().walk(work.leaves, range, &mut |entry| {
            ids[shown] = entry.id;
            shown += 1;
            wants_more = show(entry);
            wants_more && shown < most
        });
        for id in &ids[..shown] {
            move_on(work, *id);
            is_moved = true;
            if reading.is_acknowledged {
                let (at_ms, count) = (reading.now_ms, 1);
                let delivery = Delivery {
                    consumer,
                    at_ms,
                    count,
                };
                given = given.and_then(|()| work.give(*id, delivery));
            }
        }
        left -= shown as u64;
        let is_over = shown < most || !wants_more || given.is_err();
        from = ids[..shown].last().and_then(|id| id.next());
        from = from.filter(|_| !is_over);
    }
    if is_moved {
        let position = GroupChange::position(work.group);
        work.note(position);
    }
    given
}

/// The group has given this entry out, which is behind all that it gave before.
fn move_on(work: &mut Work<'_>, id: StreamId) {
    let (group, history) = (&mut *work.group, work.history);
    match group.entries_read {
        Some(read) if !history.has_gaps_from(id) => {
            group.entries_read = Some(read.wrapping_add(1));
        }
        _ if history.entries_added > 0 => group.entries_read = history.entries_up_to(id),
        _ => {}
    }
    group.last_id = id;
}

fn give_again(
    work: &mut Work<'_>,
    reading: Reading<'_>,
    mut from: Option<StreamId>,
    show: &mut dyn FnMut(StreamId, Option<EntryRef<'_>>) -> bool,
) -> Result<(), StoreFull> {
    let number = work.greet(reading.consumer, reading.now_ms);
    let mut left = reading.limit;
    let mut found = [(StreamId::MIN, []); AT_ONCE];
    while let Some(start) = from {
        let most = AT_ONCE.min(usize::try_from(left).unwrap_or(AT_ONCE));
        let consumer = work.group.consumer(number);
        let some = consumer.map_or(0, |consumer| {
            consumer
                .pending
                .some(work.leaves, start, &mut found[..most])
        });
        for (id, _) in &found[..some] {
            let entry = work.entries().get(work.leaves, *id);
            let is_there = entry.is_some();
            let wants_more = show(*id, entry);
            let delivery = work.group.delivery(work.leaves, *id);
            if let Some(delivery) = delivery.filter(|_| is_there) {
                let again = Delivery {
                    at_ms: reading.now_ms,
                    count: delivery.count.wrapping_add(1),
                    ..delivery
                };
                work.give(*id, again)?;
            }
            if !wants_more {
                return Ok(());
            }
        }
        left -= some as u64;
        let last = found[..some].last();
        from = last.and_then(|(id, _)| id.next()).filter(|_| left > 0);
    }
    Ok(())
}
