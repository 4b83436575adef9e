//! What ends by itself: entries by their expiry, and parts of values (fields of hashes) that have ends of their own.
//! Knows nothing of time: moments are told. Invariant: an entry's page knows no later moment than the first at which anything of it ends.

use super::{Database, Found, Marks};
use crate::store::content::{Body, Content};
use crate::store::entry::{self, Entry};
use crate::store::reclaim::Reclaimer;
use crate::store::slab::Handle;
use crate::store::value::{TIMED, UNTIMED};

/// The earlier of two moments.
#[inline]
fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Database {
    /// Keys of which parts end by themselves.
    pub(in crate::store) fn timed(&self) -> usize {
        self.timed
    }

    /// Whether anything ends by itself.
    #[inline]
    pub(in crate::store) fn has_expiries(&self) -> bool {
        self.expiring | self.timed > 0
    }

    /// Whether the time of an entry has come, or that of all its parts.
    #[inline]
    pub(in crate::store) fn is_dead(&self, handle: Handle, now_ms: u64) -> bool {
        let entry = self.entry(handle);
        entry.is_dead(now_ms) || entry.form() == TIMED && self.is_spent(entry, now_ms)
    }

    #[inline(never)]
    fn is_spent(&self, entry: Entry<'_>, now_ms: u64) -> bool {
        let is_over = |at: u64| at <= now_ms;
        self.next_end(entry).is_some_and(is_over) && self.last_end(entry).is_some_and(is_over)
    }

    /// When the first part of an entry's value ends that does so by itself.
    fn next_end(&self, entry: Entry<'_>) -> Option<u64> {
        if entry.form() != TIMED {
            return None;
        }
        let object = self.outside.objects.get(entry.object()?);
        object.next_end_ms()
    }

    /// When all of its parts will have ended.
    fn last_end(&self, entry: Entry<'_>) -> Option<u64> {
        let object = self.outside.objects.get(entry.object()?);
        object.last_end_ms(&self.outside.leaves)
    }

    /// When an entry is dead, by its own expiry or by those of its parts.
    pub(in crate::store) fn dies_at(&self, handle: Handle) -> Option<u64> {
        let entry = self.entry(handle);
        let parts = (entry.form() == TIMED).then(|| self.last_end(entry));
        earlier(entry.expiry(), parts.flatten())
    }

    /// When the sweep has something to do for an entry.
    #[inline]
    pub(in crate::store) fn wakes_at(&self, handle: Handle) -> Option<u64> {
        let entry = self.entry(handle);
        earlier(entry.expiry(), self.next_end(entry))
    }

    /// Whether parts of its value have ended.
    #[inline]
    pub(in crate::store) fn has_ended_parts(&self, handle: Handle, now_ms: u64) -> bool {
        let next = self.next_end(self.entry(handle));
        next.is_some_and(|at| at <= now_ms)
    }

    /// After the object of an entry was changed: whether any of its parts ends by itself shows in its form, when the next one does in its page, and a small one of which none does stands in the entry again. Says where the entry is then.
    pub(in crate::store) fn settle(&mut self, found: Found, reclaimer: &mut Reclaimer) -> Found {
        let entry = self.entry(found.handle);
        let (Some(id), was_timed) = (entry.object(), entry.form() == TIMED) else {
            return found;
        };
        let is_timed = self.outside.objects.get(id).next_end_ms().is_some();
        if is_timed != was_timed {
            self.set_form(found, if is_timed { TIMED } else { UNTIMED });
            self.timed = self.timed - usize::from(was_timed) + usize::from(is_timed);
        }
        if let Some(at) = self.wakes_at(found.handle) {
            self.slabs.note_expiry(found.handle, at);
        }
        if was_timed && !is_timed {
            return self.take_back(found, reclaimer);
        }
        found
    }

    /// Lets an object that is small enough be bytes of its entry again.
    fn take_back(&mut self, found: Found, reclaimer: &mut Reclaimer) -> Found {
        // An object is as good: without room it stays one.
        if self.slabs.reserve(1).is_err() {
            return found;
        }
        let entry = self.entry(found.handle);
        let marks = Marks {
            expiry: entry.expiry(),
            mark: entry.mark(),
        };
        let most_bytes = entry::most_value_bytes(self.key(found.handle).len());
        let small = self.edit_object(found, |object, _| object.take_small(most_bytes));
        let Some(blob) = small.flatten() else {
            return found;
        };
        let body = Body::Bytes(&blob);
        let form = UNTIMED;
        match self.overwrite_elsewhere(found, Content { form, body }, marks, reclaimer) {
            Ok(handle) => Found { handle, ..found },
            Err(_) => {
                debug_assert!(false, "room was reserved");
                found
            }
        }
    }
}
