//! How the entries of a stream are copied: leaf by leaf, so that the copy's nodes end where the original's do.
//! Pure.

use super::StreamId;
use super::entries::{Entries, separator};
use super::leaf::LeafRef;
use crate::store::StoreFull;
use crate::store::value::block::count32;
use crate::store::value::codes::Elsewhere;
use crate::store::value::leaves::{LeafId, Pools};
use crate::store::value::tree::Tree;

/// Leaves that are copied in one go.
const COPIED_LEAVES: usize = 16;

impl Entries {
    /// Takes a copy of some leaves of others, those behind which are here already; whether these are all.
    ///
    /// # Errors
    /// [`StoreFull`]; some of them are here then.
    pub(super) fn copy_some(
        &mut self,
        others: &Self,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull> {
        let Some(tree) = others.tree.as_ref().filter(|_| self.len < others.len) else {
            return Ok(true);
        };
        let before = pools.to().live_bytes();
        let (mut path, _) = tree.find_rank(pools.from(), self.len);
        let mut copied = Ok(());
        for _ in 0..COPIED_LEAVES {
            copied = self.append_copy(path.leaf(), pools);
            let is_over = copied.is_err() || self.len == others.len;
            if is_over || !tree.next(pools.from(), &mut path) {
                break;
            }
        }
        self.first = others.first;
        self.bytes += pools.to().live_bytes() - before;
        copied.map(|()| self.len == others.len)
    }

    fn append_copy(&mut self, id: LeafId, pools: &mut Pools<'_>) -> Result<(), StoreFull> {
        let (bytes, entries, first) = copied_leaf(id, pools)?;
        let leaves = pools.to();
        let leaf = leaves.alloc(bytes.len());
        leaves.bytes_mut(leaf).copy_from_slice(&bytes);
        self.settle(leaves);
        let before = self.last(leaves).unwrap_or(StreamId::MIN);
        match (self.last_path(leaves), &mut self.tree) {
            (Some(path), Some(tree)) => {
                let left = LeafRef::of(leaves, path.leaf()).count();
                let sizes = (count32(left), count32(entries));
                tree.split_leaf(leaves, &path, leaf, sizes, separator(before, first));
            }
            _ => self.tree = Some(Tree::by_key(leaf)),
        }
        self.leaves += 1;
        self.len += entries as u64;
        Ok(())
    }
}

/// The bytes of a leaf with strings of their own, how many entries it has, and its first one. Room for it is reserved.
fn copied_leaf(id: LeafId, pools: &mut Pools<'_>) -> Result<(Vec<u8>, usize, StreamId), StoreFull> {
    let from = pools.from();
    let mut bytes = from.bytes(id).to_vec();
    let leaf = LeafRef::of(from, id);
    let (references, entries) = (leaf.references(), leaf.count());
    let first = leaf.entries().next().map_or(leaf.first, |entry| entry.id);
    let mut kept = Vec::with_capacity(references.len());
    let keep_all = || {
        for (at, place) in references {
            let text = pools.from().long(place).to_vec();
            let own = pools.to().keep(&text, 0)?;
            let end = at + own.bytes().len();
            bytes[at..end].copy_from_slice(own.bytes());
            kept.push(Elsewhere::read(own.bytes()));
        }
        pools.to().reserve()
    };
    if let Err(full) = keep_all() {
        for place in kept {
            pools.to().discard_long(place);
        }
        return Err(full);
    }
    Ok((bytes, entries, first))
}
