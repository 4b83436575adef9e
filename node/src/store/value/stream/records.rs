//! [`Records`]: something short and of one length for each of many identifiers, leaves in a tree: who waits for which entry.
//! Pure. Never: takes a step whose size depends on how many there are, but for what it is told to show.
//!
//! ```text
//! count 2 | identifier 16, record WIDTH, … in the order of the identifiers
//! ```

use super::StreamId;
use super::entries::separator;
use super::id::ID_BYTES;
use crate::store::StoreFull;
use crate::store::value::block::{Block, COUNT_BYTES, close, count, count32, open, set_count};
use crate::store::value::leaves::{LeafId, Leaves};
use crate::store::value::tree::{Key, Path, Tree};

/// Bytes beyond which a leaf takes no more records.
const TARGET: usize = 1024;

/// Cache lines asked for of a leaf before it is searched.
const PREFETCHED_LINES: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Records<const WIDTH: usize> {
    tree: Option<Tree>,
    count: u64,
}

/// Where the `nth` record of a leaf begins.
#[inline]
fn place<const WIDTH: usize>(nth: usize) -> usize {
    COUNT_BYTES + nth * (ID_BYTES + WIDTH)
}

#[inline]
fn id_at<const WIDTH: usize>(bytes: &[u8], nth: usize) -> StreamId {
    StreamId::read(&bytes[place::<WIDTH>(nth)..])
}

#[inline]
fn record_at<const WIDTH: usize>(bytes: &[u8], nth: usize) -> [u8; WIDTH] {
    let record = &bytes[place::<WIDTH>(nth) + ID_BYTES..];
    record.first_chunk::<WIDTH>().map_or([0; WIDTH], |it| *it)
}

/// Where an identifier is in a leaf, or would be.
#[inline]
fn search<const WIDTH: usize>(bytes: &[u8], id: StreamId) -> Result<usize, usize> {
    let (mut low, mut high) = (0, count(bytes));
    while low < high {
        let middle = low.midpoint(high);
        match id_at::<WIDTH>(bytes, middle).cmp(&id) {
            std::cmp::Ordering::Equal => return Ok(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Err(low)
}

fn path_to(tree: &Tree, leaves: &Leaves, id: StreamId) -> Path {
    let text = id.seq.to_be_bytes();
    let (score, text) = (id.ms, &text[..]);
    let path = tree.find(leaves, Key { score, text });
    leaves.prefetch(path.leaf(), PREFETCHED_LINES);
    path
}

impl<const WIDTH: usize> Records<WIDTH> {
    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// The record of an identifier.
    pub(super) fn get(&self, leaves: &Leaves, id: StreamId) -> Option<[u8; WIDTH]> {
        let path = path_to(self.tree.as_ref()?, leaves, id);
        let bytes = leaves.bytes(path.leaf());
        let nth = search::<WIDTH>(bytes, id).ok()?;
        Some(record_at(bytes, nth))
    }

    /// Writes a record, whether there was one or not.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub(super) fn put(
        &mut self,
        leaves: &mut Leaves,
        id: StreamId,
        record: [u8; WIDTH],
    ) -> Result<(), StoreFull> {
        loop {
            leaves.reserve()?;
            let Some(tree) = &self.tree else {
                let leaf = alloc_empty(leaves);
                self.tree = Some(Tree::by_key(leaf));
                continue;
            };
            let path = path_to(tree, leaves, id);
            let leaf = path.leaf();
            let bytes = leaves.bytes(leaf);
            let nth = match search::<WIDTH>(bytes, id) {
                Ok(nth) => {
                    let at = place::<WIDTH>(nth) + ID_BYTES;
                    leaves.bytes_mut(leaf)[at..at + WIDTH].copy_from_slice(&record);
                    return Ok(());
                }
                Err(nth) => nth,
            };
            let is_full = place::<WIDTH>(count(bytes) + 1) > TARGET;
            if !is_full {
                insert(&mut leaves.block(leaf), nth, id, record);
                tree.add(leaves, &path, 1);
                self.count += 1;
                return Ok(());
            }
            // What comes in its order leaves full leaves behind.
            let is_behind_all = nth == count(bytes) && tree.is_last(leaves, &path);
            let at = if is_behind_all {
                nth - 1
            } else {
                nth.max(2) / 2
            };
            self.part(leaves, &path, at);
        }
    }

    /// Parts a leaf of two records or more before the `at`th, which is not the first. Room is reserved.
    fn part(&mut self, leaves: &mut Leaves, path: &Path, at: usize) {
        let Some(tree) = &mut self.tree else {
            return;
        };
        let id = path.leaf();
        let mut scratch = leaves.borrow_scratch();
        scratch.extend_from_slice(leaves.bytes(id));
        let records = count(&scratch);
        let begin = place::<WIDTH>(at);
        let right = leaves.alloc(COUNT_BYTES + scratch.len() - begin);
        let bytes = leaves.bytes_mut(right);
        bytes[COUNT_BYTES..].copy_from_slice(&scratch[begin..]);
        bytes[..COUNT_BYTES].fill(0);
        set_count(bytes, records - at);
        let mut block = leaves.block(id);
        set_count(block.bytes_mut(), at);
        block.resize(begin);
        let (before, first) = (
            id_at::<WIDTH>(&scratch, at - 1),
            id_at::<WIDTH>(&scratch, at),
        );
        leaves.return_scratch(scratch);
        let sizes = (count32(at), count32(records - at));
        tree.split_leaf(leaves, path, right, sizes, separator(before, first));
    }

    /// Removes a record; whether there was one.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, id: StreamId) -> bool {
        let Some(tree) = &mut self.tree else {
            return false;
        };
        let path = path_to(tree, leaves, id);
        let leaf = path.leaf();
        let Ok(nth) = search::<WIDTH>(leaves.bytes(leaf), id) else {
            return false;
        };
        let mut block = leaves.block(leaf);
        let left = count(block.bytes()) - 1;
        set_count(block.bytes_mut(), left);
        close(
            &mut block,
            [(place::<WIDTH>(nth), place::<WIDTH>(1) - COUNT_BYTES)],
        );
        tree.add(leaves, &path, -1);
        self.count -= 1;
        if left > 0 {
            self.merge(leaves, &path);
            return true;
        }
        if !tree.remove_leaf(leaves, &path) {
            self.tree = None;
        }
        leaves.free(leaf);
        true
    }

    /// Merges a short leaf with the one to its right when both are. Without memory for it a later removal does it.
    fn merge(&mut self, leaves: &mut Leaves, path: &Path) {
        let Some(tree) = &mut self.tree else {
            return;
        };
        let len = leaves.bytes(path.leaf()).len();
        if len >= TARGET * 2 / 5 {
            return;
        }
        let Some(sibling) = tree.sibling(leaves, path) else {
            return;
        };
        let right = sibling.leaf();
        if len + leaves.bytes(right).len() > TARGET * 7 / 10 || leaves.reserve().is_err() {
            return;
        }
        let mut scratch = leaves.borrow_scratch();
        scratch.extend_from_slice(leaves.bytes(right));
        let moved = count(&scratch);
        let mut block = leaves.block(path.leaf());
        let before = count(block.bytes());
        block.resize(len + scratch.len() - COUNT_BYTES);
        set_count(block.bytes_mut(), before + moved);
        block.bytes_mut()[len..].copy_from_slice(&scratch[COUNT_BYTES..]);
        leaves.return_scratch(scratch);
        let moved = count32(moved).cast_signed();
        tree.add(leaves, &sibling, -moved);
        tree.add(leaves, path, moved);
        leaves.free(right);
        tree.remove_leaf(leaves, &sibling);
    }

    /// Shows records from an identifier on for as long as `show` wants more.
    pub(super) fn walk(
        &self,
        leaves: &Leaves,
        from: StreamId,
        show: &mut dyn FnMut(StreamId, [u8; WIDTH]) -> bool,
    ) {
        let Some(tree) = &self.tree else {
            return;
        };
        let mut path = path_to(tree, leaves, from);
        loop {
            let bytes = leaves.bytes(path.leaf());
            let (Ok(begin) | Err(begin)) = search::<WIDTH>(bytes, from);
            for nth in begin..count(bytes) {
                if !show(id_at::<WIDTH>(bytes, nth), record_at(bytes, nth)) {
                    return;
                }
            }
            if !tree.next(leaves, &mut path) {
                return;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
        }
    }

    /// Some of them from an identifier on, for who changes them between; how many.
    pub(super) fn some(
        &self,
        leaves: &Leaves,
        from: StreamId,
        found: &mut [(StreamId, [u8; WIDTH])],
    ) -> usize {
        let mut filled = 0;
        if !found.is_empty() {
            self.walk(leaves, from, &mut |id, record| {
                found[filled] = (id, record);
                filled += 1;
                filled < found.len()
            });
        }
        filled
    }

    /// The first and the last identifier.
    pub(super) fn ends(&self, leaves: &Leaves) -> Option<(StreamId, StreamId)> {
        let tree = self.tree.as_ref()?;
        let (first, _) = tree.find_rank(leaves, 0);
        let (last, _) = tree.find_rank(leaves, self.count);
        let bytes = leaves.bytes(last.leaf());
        let behind = count(bytes).checked_sub(1)?;
        let first = id_at::<WIDTH>(leaves.bytes(first.leaf()), 0);
        Some((first, id_at::<WIDTH>(bytes, behind)))
    }

    /// Frees up to `limit` leaves; how many there were.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> usize {
        for freed in 0..limit {
            let Some(tree) = &mut self.tree else {
                return freed;
            };
            let (id, is_more) = tree.pop_last(leaves);
            leaves.free(id);
            if !is_more {
                self.tree = None;
            }
        }
        limit
    }

    #[cfg(test)]
    pub(super) fn check(&self, leaves: &Leaves) {
        let counted = self.tree.as_ref().map_or(0, |tree| {
            tree.check(leaves, &|bytes| {
                let ids: Vec<_> = (0..count(bytes))
                    .map(|nth| id_at::<WIDTH>(bytes, nth))
                    .collect();
                assert!(ids.is_sorted_by(|one, next| one < next));
                ids.len() as u64
            })
        });
        assert_eq!(counted, self.count);
    }
}

fn alloc_empty(leaves: &mut Leaves) -> LeafId {
    let leaf = leaves.alloc(COUNT_BYTES);
    leaves.bytes_mut(leaf).fill(0);
    leaf
}

fn insert<const WIDTH: usize>(
    block: &mut impl Block,
    nth: usize,
    id: StreamId,
    record: [u8; WIDTH],
) {
    let at = place::<WIDTH>(nth);
    let before = count(block.bytes());
    open(block, [(at, ID_BYTES + WIDTH)]);
    let bytes = block.bytes_mut();
    set_count(bytes, before + 1);
    bytes[at..at + ID_BYTES].copy_from_slice(&id.to_bytes());
    bytes[at + ID_BYTES..at + ID_BYTES + WIDTH].copy_from_slice(&record);
}
