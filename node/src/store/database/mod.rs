//! One database: index, slabs and extents kept in step.
//! Knows nothing of time: what is expired is its caller's to say. Never: lets a handle out that it frees in the same call.
//! Invariant: every live place of a slab stands exactly once in the index, under its key's hash.

mod write;

use crate::store::counters::MemoryUse;
use crate::store::entry::{self, Entry, Form, LONGEST_INLINE_KEY};
use crate::store::expiry::SweepState;
use crate::store::extent::Extents;
use crate::store::hash::KeyHasher;
use crate::store::index::{HashSource, Index, Place, Wanted};
use crate::store::key::{Key, KeyHash};
use crate::store::reclaim::Reclaimer;
use crate::store::slab::{ClassId, Handle, Slabs};
use crate::store::value::{EMBEDDED_LIMIT_BYTES, StringEncoding, StringValue, Value};
use shared::resp::parse_integer;
use std::sync::Arc;

/// Moves per filling of holes: as many as can be asked for ahead.
const FILL_BATCH: usize = 16;

/// An entry that was found: its place in the index, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) place: Place,
    pub(in crate::store) handle: Handle,
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum NewValue<'a> {
    /// An integer.
    Integer(i64),
    /// Other bytes.
    Bytes(&'a [u8]),
    /// Bytes edited in place: shown as `raw` whatever their length; zeros follow up to `len`.
    Edited {
        /// What it begins with.
        bytes: &'a [u8],
        /// No less than `bytes`.
        len: usize,
    },
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
    extents: Extents,
    expiring: usize,
    dataset: u64,
    /// Reused for entries that are moved by way of a copy.
    scratch: Vec<u8>,
    /// How far the sweep has come.
    pub(in crate::store) sweep: SweepState,
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
        if entry.has_long_key() {
            entry.long_key_hash()
        } else {
            self.hasher.hash(entry.key_part()).0
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
        let extent = entry.extent().map(|id| self.extents.get(id));
        entry.has_long_key()
            && entry.long_key_hash() == self.hash.0
            && extent.is_some_and(|extent| extent.key() == self.bytes)
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

#[inline]
fn value_of<'a>(entry: Entry<'a>, extents: &'a Extents) -> Value<'a> {
    if entry.form() == Some(Form::Bytes) {
        return Value::String(StringValue::Bytes(entry.value_part()));
    }
    other_value(entry, extents)
}

/// The value of an entry in any other form; apart, so that the common case stays small.
#[inline(never)]
fn other_value<'a>(entry: Entry<'a>, extents: &'a Extents) -> Value<'a> {
    Value::String(match entry.form() {
        Some(Form::Integer) => StringValue::Integer(entry.integer()),
        Some(Form::Bytes) | None => StringValue::Bytes(entry.value_part()),
        Some(Form::Extent) => StringValue::Bytes(extent_value(entry, extents)),
        Some(Form::IntegerExtent) => {
            let digits = extent_value(entry, extents);
            StringValue::Integer(parse_integer(digits).unwrap_or(0))
        }
    })
}

fn extent_value<'a>(entry: Entry<'_>, extents: &'a Extents) -> &'a [u8] {
    entry.extent().map_or(&[], |id| extents.get(id).value())
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

impl Database {
    /// Without keys and almost without memory.
    pub(in crate::store) fn new(hasher: KeyHasher, page_limit: u32) -> Self {
        Self {
            hasher,
            index: Index::new(),
            slabs: Slabs::new(page_limit),
            extents: Extents::new(),
            expiring: 0,
            dataset: 0,
            scratch: Vec::new(),
            sweep: SweepState::default(),
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

    /// See [`Extents::offer`].
    pub(in crate::store) fn offer(&mut self, buffer: Arc<Vec<u8>>) {
        self.extents.offer(buffer);
    }

    /// Ends the offer.
    pub(in crate::store) fn withdraw(&mut self) {
        self.extents.withdraw();
    }

    /// The entry of a key, expired or not.
    #[inline(never)]
    pub(in crate::store) fn find(&self, key: Key<'_>) -> Option<Found> {
        let wanted = WantedKey {
            slabs: &self.slabs,
            extents: &self.extents,
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
        if entry.has_long_key()
            && let Some(id) = entry.extent()
        {
            return self.extents.get(id).key();
        }
        entry.key_part()
    }

    /// The value of a live entry.
    #[inline]
    pub(in crate::store) fn value(&self, handle: Handle) -> Value<'_> {
        value_of(self.entry(handle), &self.extents)
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
        value_of(Entry::new(bytes), &self.extents)
    }

    #[inline]
    pub(in crate::store) fn set_mark(&mut self, handle: Handle, mark: u16) {
        // Most reads of a hot key find the mark as it should be: no need to make its line dirty.
        if self.entry(handle).mark() != mark {
            entry::set_mark(self.slabs.bytes_mut(handle), mark);
        }
    }

    /// What OBJECT ENCODING says.
    pub(in crate::store) fn encoding(&self, handle: Handle) -> StringEncoding {
        let entry = self.entry(handle);
        let is_short = || extent_value(entry, &self.extents).len() <= EMBEDDED_LIMIT_BYTES;
        // A short value has an extent when its key is long.
        if entry.form() == Some(Form::Extent) && !entry.is_edited() && is_short() {
            return StringEncoding::Embedded;
        }
        entry.encoding()
    }

    /// Removes an entry and all that belongs to it.
    pub(in crate::store) fn remove(&mut self, found: Found, reclaimer: &mut Reclaimer) {
        let extent = self.entry(found.handle).extent();
        self.remove_entry(found);
        if let Some(id) = extent {
            self.extents.remove(id, reclaimer);
        }
    }

    /// Removes an entry; its extent is the caller's.
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
            if let Some(at) = self.entry(from).expiry() {
                self.slabs.note_expiry(to, at);
            }
            self.index.replace(found.place, to);
            self.slabs.fill(class, from, to);
        }
    }

    /// Bytes of key and value.
    #[inline]
    pub(in crate::store) fn payload(&self, entry: Entry<'_>) -> u64 {
        let in_slab = match entry.extent() {
            Some(id) => {
                let key_in_slab = if entry.has_long_key() {
                    0
                } else {
                    entry.key_part().len()
                };
                return self.extents.get(id).len() + key_in_slab as u64;
            }
            None => entry.key_part().len() + entry.value_part().len(),
        };
        in_slab as u64
    }

    #[inline]
    fn account_added(&mut self, handle: Handle) {
        let entry = self.entry(handle);
        let expiry = entry.expiry();
        self.dataset += self.payload(entry);
        if let Some(at) = expiry {
            self.expiring += 1;
            self.slabs.note_expiry(handle, at);
        }
    }

    #[inline]
    fn account_removed(&mut self, handle: Handle) {
        let entry = self.entry(handle);
        let expires = entry.expiry().is_some();
        self.dataset -= self.payload(entry);
        self.expiring -= usize::from(expires);
    }

    /// Bytes that an entry costs: its place, its extent, its share of the index.
    pub(in crate::store) fn cost(&self, handle: Handle) -> usize {
        let entry = self.entry(handle);
        let extent = entry.extent().map_or(0, |id| self.extents.get(id).cost());
        let share = self.index.bytes() / (self.len() as u64).max(1);
        entry.class().bytes()
            + usize::try_from(extent + share.min(INDEX_SHARE_AT_MOST)).unwrap_or(usize::MAX)
    }

    /// Adds this database's memory to `memory`.
    pub(in crate::store) fn add_memory(&self, memory: &mut MemoryUse) {
        memory.entries += self.slabs.live_bytes();
        memory.extents += self.extents.bytes();
        memory.index += self.index.bytes();
        memory.overhead +=
            self.slabs.overhead_bytes() + self.extents.table_bytes() + self.index.overhead_bytes();
        memory.dataset += self.dataset;
    }

    /// What counts against `maxmemory`.
    pub(in crate::store) fn used_memory(&self) -> u64 {
        self.slabs.live_bytes() + self.extents.bytes() + self.index.bytes()
    }

    /// Bytes of long values and keys.
    pub(in crate::store) fn extent_bytes(&self) -> u64 {
        self.extents.bytes()
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

/// The index of a nearly empty database is not the cost of its only key.
const INDEX_SHARE_AT_MOST: u64 = 16;
