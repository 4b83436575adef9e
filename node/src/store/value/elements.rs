//! [`Elements`]: what hashes and sets have in common: one packed blob while small, a table when large, the same verbs for both.
//! Pure.
//! Invariant: a blob that grows beyond its limit becomes the table's first leaf as it is and is parted in two; the leaves that are still too few come with the insertions that follow, one at a time.

use super::Limits;
use super::block::{SECOND_FLAG, count, count32, has_flag, index, set_count, set_flag};
use super::chance::below;
use super::codes::{Encoded, Stored};
use super::leaves::{Leaves, Pools, Sought};
use super::packed::{self, Pair};
use super::table::Table;
use super::texts::Texts;
use crate::store::StoreFull;
use crate::store::object::{Ahead, Remembering};

/// Where a walk over all elements stands. It holds until the collection changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    pub(super) leaf: u32,
    pub(super) nth: u32,
}

impl Position {
    /// Of the element of this number in a small collection.
    #[cfg(test)]
    pub(crate) fn nth(nth: u32) -> Self {
        Self { leaf: 0, nth }
    }
}

/// Set in a blob that is large by name.
pub(super) const LARGE_BY_NAME: u16 = SECOND_FLAG;

/// Elements on their way from one place to another.
pub(super) const COPIED_AT_ONCE: usize = 64;

/// Elements that are longer than this on average are not put aside before they change: a leaf of them would be much.
const REMEMBERED_BYTES: u64 = 1024;

/// The elements of a hash (`VALUES`) or a set, to be changed.
#[derive(Debug)]
pub(super) enum Elements<const VALUES: bool> {
    Packed(Vec<u8>),
    Table(TableWithBytes<VALUES>),
}

/// A table and what it costs.
#[derive(Debug)]
pub(super) struct TableWithBytes<const VALUES: bool> {
    table: Table<VALUES>,
    /// Of its leaves and long strings.
    bytes: u64,
    large_by_name: bool,
}

/// The same, to be read; the blob may lie anywhere.
#[derive(Clone, Copy, Debug)]
pub(super) enum ElementsRef<'a, const VALUES: bool> {
    Packed(&'a [u8]),
    Table(&'a TableWithBytes<VALUES>),
}

impl<const VALUES: bool> Elements<VALUES> {
    /// None.
    pub(super) fn new() -> Self {
        Self::Packed(packed::EMPTY.to_vec())
    }

    /// To be read.
    #[inline]
    pub(super) fn view(&self) -> ElementsRef<'_, VALUES> {
        match self {
            Self::Packed(blob) => ElementsRef::Packed(blob),
            Self::Table(table) => ElementsRef::Table(table),
        }
    }

    /// Adds an element or gives it another value; says whether it is new. A set's value is empty.
    pub(super) fn put(
        &mut self,
        leaves: &mut Leaves,
        sought: &Sought<'_>,
        value: &[u8],
        limits: &Limits,
    ) -> Result<bool, StoreFull> {
        leaves.reserve()?;
        let before = leaves.live_bytes();
        let was_packed = matches!(self, Self::Packed(_));
        let kept = leaves.encode(value)?;
        let is_new = self.put_kept(leaves, sought, &kept, limits);
        if is_new.is_err() {
            leaves.discard(Stored {
                code: kept.code,
                bytes: kept.bytes(),
            });
        }
        if let Self::Table(large) = self {
            large.bytes = if was_packed {
                large.table.cost(leaves)
            } else {
                (large.bytes + leaves.live_bytes()).saturating_sub(before)
            };
        }
        is_new
    }

    fn put_kept(
        &mut self,
        leaves: &mut Leaves,
        sought: &Sought<'_>,
        value: &Encoded<'_>,
        limits: &Limits,
    ) -> Result<bool, StoreFull> {
        let key_bytes = sought.inline.map_or(12, |key| key.bytes().len());
        if let Self::Packed(blob) = self
            && blob.len() + key_bytes + value.bytes().len() + 3 > Limits::MOST_BLOB_BYTES
        {
            self.grow(leaves);
        }
        let blob = match self {
            Self::Table(large) => return large.table.put(leaves, sought, value),
            Self::Packed(blob) => blob,
        };
        let found = find::<VALUES>(blob, leaves, sought);
        match found {
            Some(place) if VALUES => {
                let old = packed::pair::<true>(blob, place).value.elsewhere();
                packed::replace(blob, place, value);
                if let Some(old) = old {
                    leaves.discard_long(old);
                }
            }
            Some(_) => {}
            None => {
                let key = leaves.encode_sought(sought)?;
                packed::append::<VALUES>(blob, sought.fingerprint(), &key, value);
            }
        }
        if blob.len() > limits.blob_bytes {
            self.grow(leaves);
        }
        Ok(found.is_none())
    }

    /// Lets the blob be the first leaf of a table. Room is reserved.
    fn grow(&mut self, leaves: &mut Leaves) {
        let Self::Packed(blob) = self else {
            return;
        };
        let id = leaves.alloc(blob.len());
        let bytes = leaves.bytes_mut(id);
        bytes.copy_from_slice(blob);
        bytes[..packed::EMPTY.len()].copy_from_slice(&packed::EMPTY);
        set_count(bytes, count(blob));
        let large_by_name = has_flag(blob, LARGE_BY_NAME);
        let mut table = Table::from_leaf(id, leaves.bytes(id));
        // A full one of short elements has no room for another, and nothing that could lie elsewhere.
        table.keep_up(leaves);
        *self = Self::Table(TableWithBytes {
            table,
            bytes: 0,
            large_by_name,
        });
    }

    /// From now on large by name.
    pub(super) fn set_large_by_name(&mut self) {
        match self {
            Self::Packed(blob) => set_flag(blob, LARGE_BY_NAME),
            Self::Table(large) => large.large_by_name = true,
        }
    }

    /// The blob while it is small.
    pub(super) fn take_blob(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Packed(blob) => Some(std::mem::take(blob)),
            Self::Table(_) => None,
        }
    }

    /// Gives back what a blob has room for beyond its bytes.
    pub(super) fn shrink(&mut self) {
        if let Self::Packed(blob) = self {
            blob.shrink_to_fit();
        }
    }

    /// Bytes that a blob has room for.
    pub(super) fn blob_room(&self) -> u64 {
        match self {
            Self::Packed(blob) => blob.capacity() as u64,
            Self::Table(_) => 0,
        }
    }

    /// Bytes that a table takes beside its leaves, and of its leaves.
    pub(super) fn table_bytes(&self) -> [u64; 2] {
        match self {
            Self::Packed(_) => [0, 0],
            Self::Table(large) => {
                let own = size_of::<TableWithBytes<VALUES>>() as u64;
                [large.table.directory_bytes() + own, large.bytes]
            }
        }
    }

    /// Copies some of them, from where the walk goes on, to those that hold what stands before; `true` when they hold the same, in the same form.
    pub(super) fn copy_some(
        &self,
        copy: &mut Self,
        next: &mut Position,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull> {
        let view = self.view();
        let limits = Limits {
            entries: u64::MAX,
            element_bytes: usize::MAX,
            blob_bytes: match self {
                Self::Packed(_) => Limits::MOST_BLOB_BYTES,
                Self::Table(_) => 0,
            },
        };
        let mut texts = Texts::default();
        let leaves = pools.from();
        let walked = view.walk(leaves, *next, COPIED_AT_ONCE, |pair| {
            texts.push(leaves.show(pair.key));
            texts.push(leaves.show(pair.value));
        });
        let leaves = pools.to();
        for nth in 0..texts.len() / 2 {
            let sought = leaves.sought(texts.get(2 * nth));
            copy.put(leaves, &sought, texts.get(2 * nth + 1), &limits)?;
        }
        let Some(walked) = walked else {
            if view.is_large_by_name() {
                copy.set_large_by_name();
            }
            return Ok(true);
        };
        *next = walked;
        Ok(false)
    }

    /// Takes an element out.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, sought: &Sought<'_>) -> bool {
        match self {
            Self::Packed(blob) => {
                let Some(place) = find::<VALUES>(blob, leaves, sought) else {
                    return false;
                };
                let gone = packed::pair::<VALUES>(blob, place);
                leaves.discard(gone.key);
                leaves.discard(gone.value);
                packed::remove::<VALUES>(blob, place);
                true
            }
            Self::Table(large) => {
                let before = leaves.live_bytes();
                let is_gone = large.table.remove(leaves, sought);
                large.bytes = (large.bytes + leaves.live_bytes()).saturating_sub(before);
                is_gone
            }
        }
    }

    /// See [`Large::remembering`](crate::store::object::Large::remembering); `may_begin`: where it does not remember yet.
    pub(super) fn remembering(&mut self, may_begin: bool) -> Option<&mut dyn Remembering> {
        let Self::Table(large) = self else {
            return None;
        };
        let are_short = large.bytes <= large.table.len() * REMEMBERED_BYTES;
        // Of others it is said when they are written how many there are of what.
        let can_begin = may_begin && are_short && large.large_by_name;
        (can_begin || large.table.remembered().is_some()).then_some(&mut large.table)
    }

    /// Frees up to `limit` leaves; says whether there is more to free. Nothing else may be asked afterwards.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        match self {
            Self::Packed(blob) => {
                free_blob::<VALUES>(blob, leaves);
                *blob = packed::EMPTY.to_vec();
                false
            }
            Self::Table(large) => {
                let before = leaves.live_bytes();
                let is_left = large.table.free(leaves, limit);
                large.bytes = (large.bytes + leaves.live_bytes()).saturating_sub(before);
                is_left
            }
        }
    }
}

impl<'a, const VALUES: bool> ElementsRef<'a, VALUES> {
    /// How many there are.
    #[inline]
    pub(super) fn len(self) -> u64 {
        match self {
            Self::Packed(blob) => count(blob) as u64,
            Self::Table(large) => large.table.len(),
        }
    }

    /// Whether Redis' names call it large.
    pub(super) fn is_large_by_name(self) -> bool {
        match self {
            Self::Packed(blob) => has_flag(blob, LARGE_BY_NAME),
            Self::Table(large) => large.large_by_name,
        }
    }

    /// An element's value.
    #[inline]
    pub(super) fn get(self, leaves: &'a Leaves, sought: &Sought<'_>) -> Option<Stored<'a>> {
        match self {
            Self::Packed(blob) => {
                let place = find::<VALUES>(blob, leaves, sought)?;
                Some(packed::pair::<VALUES>(blob, place).value)
            }
            Self::Table(large) => large.table.get(leaves, sought),
        }
    }

    /// Asks for the memory where an element would be.
    #[inline]
    pub(super) fn prefetch(self, leaves: &Leaves, sought: &Sought<'_>) {
        if let Self::Table(large) = self {
            large.table.prefetch(leaves, sought);
        }
    }

    /// See [`Table::look_ahead`]; there is nothing to be asked for of a blob.
    #[inline]
    pub(super) fn look_ahead(self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        if let Self::Table(large) = self {
            large.table.look_ahead(leaves, elements, step);
        }
    }

    /// See [`Table::scan`]; a blob is shown whole.
    pub(super) fn scan(self, leaves: &Leaves, from: u32, mut show: impl FnMut(Pair<'_>)) -> u32 {
        match self {
            Self::Packed(blob) => {
                packed::pairs::<VALUES>(blob, 0).for_each(&mut show);
                0
            }
            Self::Table(large) => large.table.scan(leaves, from, show),
        }
    }

    /// Where an element stands, each as likely.
    pub(super) fn random(self, leaves: &Leaves, chance: &mut u64) -> Option<Position> {
        match self {
            Self::Packed(blob) => {
                let nth = below(chance, count(blob) as u64);
                let nth = count32(index(nth));
                (count(blob) > 0).then_some(Position { leaf: 0, nth })
            }
            Self::Table(large) => large.table.random(leaves, chance),
        }
    }

    /// The element at a position.
    pub(super) fn at(self, leaves: &'a Leaves, position: Position) -> Option<Pair<'a>> {
        match self {
            Self::Packed(blob) => packed::pairs::<VALUES>(blob, position.nth as usize).next(),
            Self::Table(large) => large.table.at(leaves, position),
        }
    }

    /// Shows up to `limit` elements from a position on; where the next one is, `None` at the end.
    pub(super) fn walk(
        self,
        leaves: &'a Leaves,
        from: Position,
        limit: usize,
        mut show: impl FnMut(Pair<'a>),
    ) -> Option<Position> {
        match self {
            Self::Packed(blob) => {
                let first = from.nth as usize;
                for pair in packed::pairs::<VALUES>(blob, first).take(limit) {
                    show(pair);
                }
                let nth = first.saturating_add(limit);
                (nth < count(blob)).then(|| Position {
                    leaf: 0,
                    nth: count32(nth),
                })
            }
            Self::Table(large) => large.table.walk(leaves, from, limit, show),
        }
    }

    /// Bytes taken: blocks, long strings, directory; of a blob its own bytes and its long strings.
    pub(super) fn bytes(self, leaves: &Leaves) -> u64 {
        match self {
            Self::Packed(blob) => blob.len() as u64 + packed::long_bytes::<VALUES>(blob, leaves),
            Self::Table(large) => {
                let own = size_of::<TableWithBytes<VALUES>>() as u64;
                large.bytes + large.table.directory_bytes() + own
            }
        }
    }
}

#[inline]
fn find<const VALUES: bool>(
    blob: &[u8],
    leaves: &Leaves,
    sought: &Sought<'_>,
) -> Option<packed::Place> {
    packed::find::<VALUES>(blob, sought.fingerprint(), sought.code(), |key| {
        sought.is(leaves, key)
    })
}

/// Frees the long strings that a blob refers to.
pub(super) fn free_blob<const VALUES: bool>(blob: &[u8], leaves: &mut Leaves) {
    if !packed::has_long::<VALUES>(blob) {
        return;
    }
    for pair in packed::pairs::<VALUES>(blob, 0) {
        leaves.discard(pair.key);
        leaves.discard(pair.value);
    }
}
