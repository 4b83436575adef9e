//! One database: index, slabs and extents kept in step.
//! Knows nothing of time: what is expired is its caller's to say. Never: lets a handle out that it frees in the same call.
//! Invariant: every live place of a slab stands exactly once in the index, under its key's hash.

mod capture;
mod ends;
mod memory;
mod resize;
mod write;

pub(in crate::store) use resize::Copied;

use capture::Capture;

use crate::store::content::{Outside, Value};
use crate::store::entry::{self, Entry, Kind, LONGEST_INLINE_KEY};
use crate::store::expiry::SweepState;
use crate::store::extent::{ExtentId, Extents};
use crate::store::hash::KeyHasher;
use crate::store::index::{HashSource, Index, Place, Wanted};
use crate::store::key::{Key, KeyHash};
use crate::store::object::{Ahead, ObjectId, Objects};
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, Slabs};
use crate::store::value::{Leaves, blob};
use std::sync::Arc;

/// Moves per filling of holes: as many as can be asked for ahead.
const FILL_BATCH: usize = 16;

/// An entry that was found: its place in the index, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) place: Place,
    pub(in crate::store) handle: Handle,
}

/// What an entry says beside key and value.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Marks {
    pub(in crate::store) expiry: Option<u64>,
    pub(in crate::store) mark: u16,
}

/// One database.
#[derive(Debug)]
pub(in crate::store) struct Database {
    hasher: KeyHasher,
    index: Index,
    slabs: Slabs,
    outside: Outside,
    expiring: usize,
    /// Keys of which parts end by themselves.
    timed: usize,
    dataset: u64,
    /// Reused for entries that are moved by way of a copy.
    scratch: Vec<u8>,
    /// Reused for values that are moved by way of a copy.
    kept: Vec<u8>,
    /// How far the sweep has come.
    pub(in crate::store) sweep: SweepState,
    /// What a snapshot has of it.
    capture: Option<Box<Capture>>,
}

/// Hashes for the index, of keys where they lie.
struct Keys<'a> {
    hasher: &'a KeyHasher,
    slabs: &'a Slabs,
}

impl HashSource for Keys<'_> {
    #[inline]
    fn hash_of(&self, handle: Handle) -> u64 {
        let entry = Entry::new(self.slabs.bytes(handle));
        match entry.long_key() {
            Some(long) => long.hash.0,
            None => self.hasher.hash(entry.key_part()).0,
        }
    }

    #[inline]
    fn prefetch(&self, handle: Handle) {
        self.slabs.prefetch_front(handle);
    }
}

/// Looks for the entry of a key.
#[derive(Clone, Copy)]
struct WantedKey<'a> {
    slabs: &'a Slabs,
    extents: &'a Extents,
    bytes: &'a [u8],
    hash: KeyHash,
}

impl Wanted for WantedKey<'_> {
    #[inline(always)]
    fn is_it(&self, handle: Handle) -> bool {
        let entry = Entry::new(self.slabs.bytes(handle));
        if self.bytes.len() <= LONGEST_INLINE_KEY {
            return entry.has_short_key(self.bytes);
        }
        entry.long_key().is_some_and(|long| {
            long.hash == self.hash && self.extents.get(long.extent).bytes() == self.bytes
        })
    }
}

/// Looks for any entry of a hash.
#[derive(Clone, Copy)]
struct WantedHash<'a> {
    database: &'a Database,
    hash: KeyHash,
}

impl Wanted for WantedHash<'_> {
    fn is_it(&self, handle: Handle) -> bool {
        self.database.hash_of(handle) == self.hash
    }
}

macro_rules! keys {
    ($database:ident) => {
        Keys {
            hasher: &$database.hasher,
            slabs: &$database.slabs,
        }
    };
}

use keys;

/// What of an entry lies outside of it.
#[derive(Clone, Copy, Debug)]
struct Belongings {
    long_key: Option<ExtentId>,
    extent: Option<ExtentId>,
    object: Option<ObjectId>,
}

impl Belongings {
    #[inline]
    fn of(entry: Entry<'_>) -> Self {
        Self {
            long_key: entry.long_key().map(|long| long.extent),
            extent: entry.extent(),
            object: entry.object(),
        }
    }
}

impl Database {
    /// Without keys and almost without memory.
    pub(in crate::store) fn new(hasher: KeyHasher, page_limit: u32) -> Self {
        Self {
            hasher,
            index: Index::new(),
            slabs: Slabs::new(page_limit),
            outside: Outside {
                extents: Extents::new(),
                objects: Objects::new(),
                leaves: Leaves::of(hasher, page_limit),
            },
            expiring: 0,
            timed: 0,
            dataset: 0,
            scratch: Vec::new(),
            kept: Vec::new(),
            sweep: SweepState::default(),
            capture: None,
        }
    }

    #[inline]
    pub(in crate::store) fn len(&self) -> usize {
        self.index.len()
    }

    /// Handles that the index has moved so far.
    pub(in crate::store) fn moved(&self) -> u64 {
        self.index.moved()
    }

    /// Keys that have an expiry.
    #[inline]
    pub(in crate::store) fn expiring(&self) -> usize {
        self.expiring
    }

    #[inline]
    pub(in crate::store) fn prefetch_path(&self, hash: KeyHash) {
        self.index.prefetch_path(hash);
    }

    #[inline]
    pub(in crate::store) fn prefetch_line(&self, hash: KeyHash) {
        self.index.prefetch_line(hash);
    }

    #[inline]
    pub(in crate::store) fn expect_entries(
        &self,
        hash: KeyHash,
        expect: impl FnMut(Handle),
    ) -> bool {
        self.index.expect_entries(hash, expect)
    }

    #[inline(never)]
    pub(in crate::store) fn expect_strays(&self, hash: KeyHash, expect: impl FnMut(Handle)) {
        self.index.expect_strays(hash, expect);
    }

    #[inline]
    pub(in crate::store) fn prefetch_entry(&self, handle: Handle) {
        self.slabs.prefetch(handle);
    }

    /// See [`Large::look_ahead`](crate::store::object::Large::look_ahead).
    #[inline]
    pub(in crate::store) fn look_ahead(
        &self,
        id: ObjectId,
        elements: &mut [Ahead<'_>],
        step: usize,
    ) {
        let Outside {
            objects, leaves, ..
        } = &self.outside;
        objects.get(id).look_ahead(leaves, elements, step);
    }

    /// See [`Extents::offer`].
    pub(in crate::store) fn offer(&mut self, buffer: Arc<Vec<u8>>) {
        self.outside.extents.offer(buffer);
    }

    /// Ends the offer.
    pub(in crate::store) fn withdraw(&mut self) {
        self.outside.extents.withdraw();
    }

    /// The entry of a key, expired or not.
    #[inline(never)]
    pub(in crate::store) fn find(&self, key: Key<'_>) -> Option<Found> {
        let wanted = WantedKey {
            slabs: &self.slabs,
            extents: &self.outside.extents,
            bytes: key.bytes,
            hash: key.hash,
        };
        self.index
            .find(key.hash, wanted)
            .map(|(place, handle)| Found { place, handle })
    }

    /// Some entry of this hash; there is hardly ever a second one.
    pub(in crate::store) fn find_hash(&self, hash: KeyHash) -> Option<Found> {
        let wanted = WantedHash {
            database: self,
            hash,
        };
        self.index
            .find(hash, wanted)
            .map(|(place, handle)| Found { place, handle })
    }

    /// What is known of a live handle that came from a walk over the slabs.
    pub(in crate::store) fn found_at(&self, handle: Handle) -> Option<Found> {
        let place = self.index.find_handle(self.hash_of(handle), handle)?;
        Some(Found { place, handle })
    }

    pub(in crate::store) fn hash_of(&self, handle: Handle) -> KeyHash {
        KeyHash(keys!(self).hash_of(handle))
    }

    #[inline]
    pub(in crate::store) fn entry(&self, handle: Handle) -> Entry<'_> {
        Entry::new(self.slabs.bytes(handle))
    }

    /// The key of a live entry.
    pub(in crate::store) fn key(&self, handle: Handle) -> &[u8] {
        let entry = self.entry(handle);
        match entry.long_key() {
            Some(long) => self.outside.extents.get(long.extent).bytes(),
            None => entry.key_part(),
        }
    }

    /// The value of a live entry.
    #[inline]
    pub(in crate::store) fn value(&self, handle: Handle) -> Value<'_> {
        Value {
            entry: self.entry(handle),
            outside: &self.outside,
            now_ms: 0,
        }
    }

    /// The value of a live entry, whose mark is changed as `mark` says.
    #[inline]
    pub(in crate::store) fn read(
        &mut self,
        handle: Handle,
        mark: impl FnOnce(u16) -> u16,
    ) -> Value<'_> {
        let bytes = self.slabs.bytes_mut(handle);
        let old = Entry::new(bytes).mark();
        let new = mark(old);
        // Most reads of a hot key find the mark as it should be: no need to make its line dirty.
        if new != old {
            entry::set_mark(bytes, new);
        }
        Value {
            entry: Entry::new(bytes),
            outside: &self.outside,
            now_ms: 0,
        }
    }

    #[inline]
    pub(in crate::store) fn set_mark(&mut self, handle: Handle, mark: u16) {
        // Most reads of a hot key find the mark as it should be: no need to make its line dirty.
        if self.entry(handle).mark() != mark {
            entry::set_mark(self.slabs.bytes_mut(handle), mark);
        }
    }

    /// Marks mean something else from now on: see [`Slabs::restart_marks`].
    pub(in crate::store) fn restart_marks(&mut self, mark: u16) {
        self.slabs.restart_marks(mark);
    }

    /// Sees to it that the mark of an entry is of the present meaning. Whoever found or drew an entry calls this before its mark is read.
    #[inline]
    pub(in crate::store) fn freshen(&mut self, handle: Handle) {
        if self.slabs.has_stale_marks() {
            let class = self.entry(handle).class();
            self.slabs.freshen(handle, class);
        }
    }

    /// Removes an entry and all that belongs to it.
    #[inline]
    pub(in crate::store) fn remove(&mut self, found: Found, reclaimer: &mut Reclaimer) {
        if self.entry(found.handle).kind() != Some(Kind::String) {
            self.free_long_strings(found.handle);
        }
        self.remove_husk(found, reclaimer);
    }

    /// The same, but the long strings of a packed collection are the caller's: it freed them, or has them in another place.
    pub(in crate::store) fn remove_husk(&mut self, found: Found, reclaimer: &mut Reclaimer) {
        let outside = Belongings::of(self.entry(found.handle));
        self.remove_entry(found);
        self.drop_belongings(outside, reclaimer);
    }

    /// Frees what the blob of a collection refers to.
    #[inline(never)]
    fn free_long_strings(&mut self, handle: Handle) {
        let Outside {
            extents, leaves, ..
        } = &mut self.outside;
        let entry = Entry::new(self.slabs.bytes(handle));
        let bytes = match (entry.place(), entry.extent()) {
            (entry::Place::Inline, _) => entry.value_part(),
            (_, Some(id)) => extents.get(id).bytes(),
            (_, None) => return,
        };
        if let Some(kind) = entry.kind() {
            blob::free(kind, bytes, leaves);
        }
    }

    #[inline]
    fn drop_belongings(&mut self, outside: Belongings, reclaimer: &mut Reclaimer) {
        for id in [outside.long_key, outside.extent].into_iter().flatten() {
            self.outside.extents.remove(id, reclaimer);
        }
        if let Some(id) = outside.object {
            self.forget_past(id);
            self.outside.objects.remove(id);
        }
    }

    /// Removes an entry; what lies outside is the caller's.
    fn remove_entry(&mut self, found: Found) {
        let class = self.entry(found.handle).class();
        self.account_removed(found.handle);
        self.index.remove(found.place, &keys!(self));
        self.free_place(found.handle, class);
    }

    fn free_place(&mut self, handle: Handle, class: ClassId) {
        self.slabs.free(handle, class);
        if self.slabs.needs_filling(class) {
            self.fill_holes(class);
        }
    }

    /// Moves some of a class's last entries into its holes.
    fn fill_holes(&mut self, class: ClassId) {
        // First the index lines of all of them are asked for: each would else be waited for in turn.
        let places = self.slabs.places(class);
        for back in 1..=u32::try_from(FILL_BATCH).unwrap_or(0).min(places) {
            let handle = self.slabs.place(class, places - back);
            if !self.slabs.is_hole(handle) {
                self.index.prefetch_line(self.hash_of(handle));
            }
        }
        for _ in 0..FILL_BATCH {
            let Some((from, to)) = self.slabs.next_fill(class) else {
                return;
            };
            let Some(found) = self.found_at(from) else {
                debug_assert!(false, "a live place stands in the index");
                return;
            };
            if let Some(at) = self.wakes_at(from) {
                self.slabs.note_expiry(to, at);
            }
            self.index.replace(found.place, to);
            self.carry_capture(from, to, false);
            self.slabs.fill(class, from, to);
        }
    }

    /// Entries in slabs, to be walked.
    pub(in crate::store) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    /// The same, to be marked.
    pub(in crate::store) fn slabs_mut(&mut self) -> &mut Slabs {
        &mut self.slabs
    }

    /// One step of SCAN: see [`Index::scan`].
    pub(in crate::store) fn scan(
        &self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(Handle),
    ) -> u64 {
        self.index.scan(cursor, count, &keys!(self), visit)
    }
}
