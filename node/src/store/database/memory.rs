//! What a database takes: in all, and by key.
//! Invariant: what is counted is what a walk over all entries finds.

use super::{Database, Handle};
use crate::store::content::{Outside, Value};
use crate::store::counters::MemoryUse;
use crate::store::entry::{Entry, Kind};
use crate::store::slab::HOLE_SHARE;
use crate::store::value::{TIMED, blob};

/// The index of a nearly empty database is not the cost of its only key.
const INDEX_SHARE_AT_MOST: u64 = 16;

/// What holes among so many bytes of entries may take.
fn hole_room(live_bytes: u64) -> u64 {
    live_bytes / u64::from(HOLE_SHARE)
}

impl Database {
    /// Bytes of key and value, as clients gave them.
    #[inline]
    pub(in crate::store) fn payload(&self, entry: Entry<'_>) -> u64 {
        let extents = &self.outside.extents;
        let key = match entry.long_key() {
            Some(long) => extents.get(long.extent).len(),
            None => entry.key_part().len() as u64,
        };
        let value = match (entry.extent(), entry.object()) {
            (Some(id), _) => extents.get(id).len(),
            (_, Some(id)) => self.outside.objects.get(id).payload(),
            (None, None) => entry.value_part().len() as u64,
        };
        key + value
    }

    #[inline]
    pub(super) fn account_added(&mut self, handle: Handle) {
        let entry = self.entry(handle);
        let (expires, is_timed) = (entry.expiry().is_some(), entry.form() == TIMED);
        self.dataset += self.payload(entry);
        self.expiring += usize::from(expires);
        self.timed += usize::from(is_timed);
        if (expires || is_timed)
            && let Some(at) = self.wakes_at(handle)
        {
            self.slabs.note_expiry(handle, at);
        }
    }

    #[inline]
    pub(super) fn account_removed(&mut self, handle: Handle) {
        let entry = self.entry(handle);
        let (expires, is_timed) = (entry.expiry().is_some(), entry.form() == TIMED);
        self.dataset -= self.payload(entry);
        self.expiring -= usize::from(expires);
        self.timed -= usize::from(is_timed);
    }

    /// Bytes of the long strings that a packed collection refers to.
    fn long_bytes(&self, entry: Entry<'_>) -> u64 {
        match entry.kind() {
            Some(kind) if kind != Kind::String => {
                let value = Value {
                    entry,
                    outside: &self.outside,
                    now_ms: 0,
                };
                blob::long_bytes(kind, value.bytes(), &self.outside.leaves)
            }
            _ => 0,
        }
    }

    /// Bytes that an entry costs: its place, what of it lies outside, its share of the index.
    pub(in crate::store) fn cost(&self, handle: Handle) -> usize {
        let entry = self.entry(handle);
        let extents = &self.outside.extents;
        let cost_of = |id| extents.get(id).cost();
        let key = entry.long_key().map_or(0, |long| cost_of(long.extent));
        let value = entry.extent().map_or(0, cost_of);
        let object = entry.object();
        let object = object.map_or(0, |id| {
            let object = self.outside.objects.get(id);
            object.own_bytes() + object.leaf_bytes()
        });
        let share = self.index.bytes() / (self.len() as u64).max(1);
        let long = self.long_bytes(entry);
        let outside = key + value + object + long + share.min(INDEX_SHARE_AT_MOST);
        entry.class().bytes() + usize::try_from(outside).unwrap_or(usize::MAX)
    }

    /// Adds this database's memory to `memory`.
    pub(in crate::store) fn add_memory(&self, memory: &mut MemoryUse) {
        let Self {
            slabs,
            index,
            outside,
            ..
        } = self;
        memory.entries += slabs.live_bytes();
        memory.extents += outside.extents.bytes();
        memory.objects += outside.objects.bytes() + outside.leaves.live_bytes();
        memory.index += index.bytes();
        let holes = hole_room(slabs.live_bytes());
        memory.holes += holes;
        memory.overhead += slabs.overhead_bytes().saturating_sub(holes) + index.overhead_bytes();
        memory.overhead += outside.extents.table_bytes() + outside.objects.table_bytes();
        memory.overhead += outside.leaves.overhead_bytes();
        memory.dataset += self.dataset;
    }

    /// What counts against `maxmemory`.
    pub(in crate::store) fn used_memory(&self) -> u64 {
        let live = self.slabs.live_bytes();
        live + hole_room(live) + self.outside_bytes() + self.index.bytes()
    }

    /// Bytes of what does not fit into entries.
    pub(in crate::store) fn outside_bytes(&self) -> u64 {
        let Outside {
            extents,
            objects,
            leaves,
        } = &self.outside;
        extents.bytes() + objects.bytes() + leaves.live_bytes()
    }
}
