//! [`Entries`]: the entries of a stream, leaves in a tree by identifier.
//! Pure. Never: takes a step whose size depends on how many entries there are, but for what it is told to remove or to show.
//! Invariants: no leaf is without entries but the first, where a trim ended within it behind the last entry that was not removed before, as in Redis; without any leaf there is no tree.

use super::draft::Draft;
use super::leaf::{self, Beginning, LeafRef};
use super::{EntryRef, NodeLimits, StreamId};
use crate::store::StoreFull;
use crate::store::value::block::count32;
use crate::store::value::codes::{Elsewhere, Encoded};
use crate::store::value::leaves::{LeafId, Leaves, MAX_LEAF_BYTES};
use crate::store::value::limits::FREED_AT_ONCE;
use crate::store::value::tree::{Key, Outer, Path, Separator, Tree};
use shared::resp::Args;

/// Cache lines asked for of a leaf before it is searched.
const PREFETCHED_LINES: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) tree: Option<Tree>,
    back: Outer,
    pub(super) len: u64,
    pub(super) leaves: u64,
    /// Of leaves, nodes and what lies elsewhere.
    pub(super) bytes: u64,
    /// The first entry there is; the least identifier without entries.
    pub(super) first: StreamId,
}

/// The way to the leaf where an entry is, if it is anywhere.
pub(super) fn path_to(tree: &Tree, leaves: &Leaves, id: StreamId) -> Path {
    let text = id.seq.to_be_bytes();
    let (score, text) = (id.ms, &text[..]);
    let path = tree.find(leaves, Key { score, text });
    leaves.prefetch(path.leaf(), PREFETCHED_LINES);
    path
}

/// What stands between two neighbours: the sequence only where milliseconds do not part them.
pub(super) fn separator(before: StreamId, id: StreamId) -> Separator {
    let seq = id.seq.to_be_bytes();
    let text = if before.ms == id.ms { &seq[..] } else { &[] };
    match Encoded::inline_text(text) {
        Some(text) => Separator::new(id.ms, &text),
        None => unreachable!("eight bytes stand in a node"),
    }
}

impl Entries {
    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many leaves there are, which are Redis' nodes.
    pub(super) fn nodes(&self) -> u64 {
        self.leaves
    }

    /// Bytes taken of the database's leaves.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lets entries be changed, and counts what they take.
    pub(super) fn counted<R>(
        &mut self,
        leaves: &mut Leaves,
        change: impl FnOnce(&mut Self, &mut Leaves) -> R,
    ) -> R {
        let before = leaves.live_bytes();
        let result = change(self, leaves);
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        result
    }

    /// The first one; the least identifier when there is none.
    pub(super) fn first(&self) -> StreamId {
        self.first
    }

    /// The last one.
    pub(super) fn last(&self, leaves: &Leaves) -> Option<StreamId> {
        let path = self.last_path(leaves)?;
        LeafRef::of(leaves, path.leaf()).last()
    }

    /// The last one that was put here, whether it was removed since or not.
    pub(super) fn last_put(&self, leaves: &Leaves) -> Option<StreamId> {
        let path = self.last_path(leaves)?;
        Some(LeafRef::of(leaves, path.leaf()).last_put())
    }

    pub(super) fn last_path(&self, leaves: &Leaves) -> Option<Path> {
        self.tree.as_ref().map(|tree| tree.last(leaves))
    }

    /// Appends an entry whose identifier is greater than all: names and values alternate in `record`.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub(super) fn append(
        &mut self,
        leaves: &mut Leaves,
        id: StreamId,
        record: Args<'_>,
        limits: NodeLimits,
    ) -> Result<(), StoreFull> {
        leaves.reserve()?;
        let draft = Draft::of(leaves, record);
        let mut entry = leaves.borrow_scratch();
        let appended = self.counted(leaves, |entries, leaves| {
            entries.append_draft(leaves, id, &draft, limits, &mut entry)
        });
        leaves.return_scratch(entry);
        draft.end(leaves);
        appended?;
        if self.len == 0 {
            self.first = id;
        }
        self.len += 1;
        Ok(())
    }

    fn append_draft(
        &mut self,
        leaves: &mut Leaves,
        id: StreamId,
        draft: &Draft,
        limits: NodeLimits,
        entry: &mut Vec<u8>,
    ) -> Result<(), StoreFull> {
        if let Some(tree) = &self.tree {
            let last = self.back.leaf(leaves, tree, false);
            let leaf = LeafRef::of(leaves, last);
            let (first, differs) = (leaf.first, draft.differs_from(leaf));
            let entries = leaf.count() as u64 + leaf.removed();
            let room = MAX_LEAF_BYTES - leaf.len();
            // It may be less where no entry is left, and XSETID went back.
            if id >= first
                && limits.have_room(leaf.packed(), entries, draft.text_bytes)
                && draft
                    .write(leaves, first, id, differs, room, entry)?
                    .is_some()
            {
                let packed = draft.packed_entry(first, id, differs);
                leaf::append(&mut leaves.block(last), id, entry, packed);
                self.back.count(tree, 1);
                return Ok(());
            }
        }
        let right = Self::new_leaf(leaves, id, draft, entry)?;
        self.link(leaves, right, 1, id);
        Ok(())
    }

    /// The tree learns what it does not know of its last leaf, and may change.
    pub(super) fn settle(&mut self, leaves: &mut Leaves) {
        match &self.tree {
            Some(tree) => self.back.settle(leaves, tree, false),
            None => self.back = Outer::default(),
        }
    }

    /// A leaf of so many entries stands behind all others; `id` is its first one, or will be. Room is reserved.
    pub(super) fn link(&mut self, leaves: &mut Leaves, right: LeafId, entries: u32, id: StreamId) {
        self.settle(leaves);
        match (self.last_path(leaves), &mut self.tree) {
            (Some(path), Some(tree)) => {
                let left = LeafRef::of(leaves, path.leaf());
                let sizes = (count32(left.count()), entries);
                let before = left.last().unwrap_or(StreamId::MIN);
                tree.split_leaf(leaves, &path, right, sizes, separator(before, id));
            }
            _ => self.tree = Some(Tree::by_key(right)),
        }
        self.leaves += 1;
    }

    /// A leaf of one entry. Room is reserved.
    fn new_leaf(
        leaves: &mut Leaves,
        id: StreamId,
        draft: &Draft,
        buffer: &mut Vec<u8>,
    ) -> Result<LeafId, StoreFull> {
        let are_elsewhere = draft.leaf_names(leaves, buffer)?;
        let mut bytes = leaves.borrow_scratch();
        let beginning = Beginning {
            first: id,
            names: draft.count,
            texts: buffer,
            are_elsewhere,
        };
        leaf::write_empty(&mut bytes, &beginning);
        let room = MAX_LEAF_BYTES - bytes.len();
        if let Err(full) = draft.write(leaves, id, id, false, room, buffer) {
            let names = LeafRef::of_bytes(leaves, &bytes).names_elsewhere();
            names
                .into_iter()
                .for_each(|place| leaves.discard_long(place));
            leaves.return_scratch(bytes);
            return Err(full);
        }
        let packed = draft.packed_node() + draft.packed_entry(id, id, false);
        leaf::append(&mut bytes, id, buffer, packed);
        let leaf = leaves.alloc(bytes.len());
        leaves.bytes_mut(leaf).copy_from_slice(&bytes);
        leaves.return_scratch(bytes);
        Ok(leaf)
    }

    /// The entry of this identifier.
    pub(super) fn get<'a>(&self, leaves: &'a Leaves, id: StreamId) -> Option<EntryRef<'a>> {
        let path = path_to(self.tree.as_ref()?, leaves, id);
        let leaf = LeafRef::of(leaves, path.leaf());
        let entry = leaf.entries().find(|entry| entry.id >= id)?;
        (entry.id == id).then(|| leaf.show(&entry))
    }

    /// How many stand before this identifier.
    pub(super) fn rank(&self, leaves: &Leaves, id: StreamId) -> u64 {
        let Some(tree) = &self.tree else {
            return 0;
        };
        let path = path_to(tree, leaves, id);
        let leaf = LeafRef::of(leaves, path.leaf());
        let before = leaf.entries().take_while(|entry| entry.id < id).count();
        tree.rank(leaves, &path) + before as u64
    }

    /// Removes an entry; whether it was there.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, id: StreamId) -> bool {
        let Some(tree) = &self.tree else {
            return false;
        };
        let path = path_to(tree, leaves, id);
        let leaf = LeafRef::of(leaves, path.leaf());
        let found = leaf.entries().find(|entry| entry.id >= id);
        let Some(entry) = found.filter(|entry| entry.id == id) else {
            return false;
        };
        let is_only = leaf.count() == 1;
        self.counted(leaves, |entries, leaves| {
            if is_only {
                entries.remove_leaf(leaves, &path);
            } else {
                entries.cut(leaves, &path, (entry.begin, entry.end), 1);
            }
        });
        if id == self.first {
            self.find_first(leaves);
        }
        true
    }

    /// Takes some entries out of a leaf, which stays.
    fn cut(
        &mut self,
        leaves: &mut Leaves,
        path: &Path,
        (begin, end): (usize, usize),
        entries: usize,
    ) {
        self.settle(leaves);
        let leaf = LeafRef::of(leaves, path.leaf());
        let gone = leaf
            .references()
            .into_iter()
            .filter(|(at, _)| (begin..end).contains(at));
        let gone: Vec<Elsewhere> = gone.map(|(_, place)| place).collect();
        for place in gone {
            leaves.discard_long(place);
        }
        leaf::remove(&mut leaves.block(path.leaf()), begin, end, entries);
        if let Some(tree) = &self.tree {
            tree.add(leaves, path, -count32(entries).cast_signed());
        }
        self.len -= entries as u64;
    }

    /// Gives a leaf up with all its entries.
    fn remove_leaf(&mut self, leaves: &mut Leaves, path: &Path) {
        self.settle(leaves);
        let entries = LeafRef::of(leaves, path.leaf()).count();
        discard_strings(leaves, path.leaf());
        if let Some(tree) = &mut self.tree {
            tree.add(leaves, path, -count32(entries).cast_signed());
            if !tree.remove_leaf(leaves, path) {
                self.tree = None;
            }
        }
        leaves.free(path.leaf());
        self.leaves -= 1;
        self.len -= entries as u64;
    }

    fn find_first(&mut self, leaves: &Leaves) {
        self.first = StreamId::MIN;
        let first = &mut self.first;
        let mut note = |entry: EntryRef<'_>| {
            *first = entry.id;
            false
        };
        if let Some(tree) = &self.tree {
            walk_from(tree, leaves, StreamId::MIN, StreamId::MAX, &mut note);
        }
    }

    /// Removes entries from the front for as long as `chooses` says so; how many. It is shown a leaf, and how many entries there are, and says how many of the leaf's it wants to go. Of many leaves most go to `released`, which is empty, to be freed by somebody else.
    pub(super) fn trim(
        &mut self,
        leaves: &mut Leaves,
        released: &mut Self,
        mut chooses: impl FnMut(LeafRef<'_>, u64) -> Cut,
    ) -> u64 {
        let before = self.len;
        let mut freed = 0;
        while let Some(tree) = &self.tree {
            // By rank one without entries would not be found.
            let path = path_to(tree, leaves, StreamId::MIN);
            let leaf = LeafRef::of(leaves, path.leaf());
            match chooses(leaf, self.len) {
                Cut::Nothing => break,
                // Without memory for the others' tree it is freed here.
                Cut::All if freed >= FREED_AT_ONCE && leaves.reserve().is_ok() => {
                    released.take_over(self, leaves, &path);
                    continue;
                }
                Cut::All => {
                    self.counted(leaves, |this, leaves| this.remove_leaf(leaves, &path));
                    freed += 1;
                }
                Cut::First(wanted) => {
                    self.counted(leaves, |this, leaves| this.cut_front(leaves, &path, wanted));
                    break;
                }
            }
        }
        if self.len != before {
            self.find_first(leaves);
        }
        before - self.len
    }

    /// Takes some entries out at the front of a leaf.
    fn cut_front(&mut self, leaves: &mut Leaves, path: &Path, wanted: usize) {
        let leaf = LeafRef::of(leaves, path.leaf());
        let mut entries = leaf.entries().take(wanted);
        if let Some(first) = entries.next() {
            let end = entries.last().map_or(first.end, |last| last.end);
            self.cut(leaves, path, (first.begin, end), wanted);
        }
    }

    /// Takes the first leaf of others, and with it what it refers to, behind its own. They are not to be read any more, so nothing parts them. Room is reserved.
    fn take_over(&mut self, others: &mut Self, leaves: &mut Leaves, path: &Path) {
        let leaf = LeafRef::of(leaves, path.leaf());
        let entries = count32(leaf.count());
        let references = leaf.references();
        let elsewhere = references.iter().map(|(_, place)| leaves.long_cost(*place));
        let bytes = leaves.cost(path.leaf()) + elsewhere.sum::<u64>();
        self.settle(leaves);
        others.settle(leaves);
        others.counted(leaves, |others, leaves| {
            if let Some(tree) = &mut others.tree {
                tree.add(leaves, path, -entries.cast_signed());
                if !tree.remove_leaf(leaves, path) {
                    others.tree = None;
                }
            }
        });
        others.leaves -= 1;
        others.len -= u64::from(entries);
        others.bytes -= bytes;
        self.counted(leaves, |this, leaves| {
            let last = this.last_path(leaves);
            match (last, &mut this.tree) {
                (Some(last), Some(tree)) => {
                    let left = count32(LeafRef::of(leaves, last.leaf()).count());
                    let sizes = (left, entries);
                    tree.split_leaf(leaves, &last, path.leaf(), sizes, Separator::LEAST);
                }
                _ => this.tree = Some(Tree::by_rank(path.leaf())),
            }
        });
        self.leaves += 1;
        self.len += u64::from(entries);
        self.bytes += bytes;
    }

    /// Shows entries between two identifiers for as long as `show` wants more.
    pub(super) fn walk<'a>(
        &self,
        leaves: &'a Leaves,
        (from, to): (StreamId, StreamId),
        show: &mut dyn FnMut(EntryRef<'a>) -> bool,
    ) {
        if let Some(tree) = &self.tree {
            walk_from(tree, leaves, from, to, show);
        }
    }

    /// The same from the upper one downwards.
    pub(super) fn walk_back<'a>(
        &self,
        leaves: &'a Leaves,
        (from, to): (StreamId, StreamId),
        show: &mut dyn FnMut(EntryRef<'a>) -> bool,
    ) {
        let Some(tree) = &self.tree else {
            return;
        };
        let mut path = path_to(tree, leaves, to);
        let mut lying = Vec::new();
        loop {
            let leaf = LeafRef::of(leaves, path.leaf());
            lying.clear();
            lying.extend(leaf.entries().take_while(|entry| entry.id <= to));
            for entry in lying.iter().rev() {
                if entry.id < from || !show(leaf.show(entry)) {
                    return;
                }
            }
            if !tree.previous(leaves, &mut path) {
                return;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
        }
    }

    /// Frees up to `limit` leaves; says whether any is left.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        self.counted(leaves, |entries, leaves| {
            for _ in 0..limit {
                let Some(tree) = &mut entries.tree else {
                    break;
                };
                let (id, is_more) = tree.pop_last(leaves);
                discard_strings(leaves, id);
                leaves.free(id);
                if !is_more {
                    entries.tree = None;
                }
            }
        });
        self.tree.is_some()
    }

    #[cfg(test)]
    pub(super) fn check(&self, leaves: &Leaves) {
        let more = i64::from(self.back.more());
        let counted = self.tree.as_ref().map_or(0, |tree| {
            let last = leaves.bytes(tree.last(leaves).leaf());
            tree.check(leaves, &|bytes| {
                let leaf = LeafRef::of_bytes(leaves, bytes);
                assert_eq!(leaf.entries().count(), leaf.count());
                assert!(leaf.count() > 0 || leaf.first < self.first || self.len == 0);
                let unknown = if std::ptr::eq(bytes, last) { more } else { 0 };
                (leaf.count() as u64).wrapping_add_signed(-unknown)
            })
        });
        assert_eq!(counted.wrapping_add_signed(more), self.len);
        assert_eq!(self.tree.is_none(), self.leaves == 0);
    }
}

/// What is to go of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// None of it, nor of any behind it.
    Nothing,
    /// It goes as a whole, and the next one is looked at.
    All,
    /// So many of its entries, and none behind it.
    First(usize),
}

fn walk_from<'a>(
    tree: &Tree,
    leaves: &'a Leaves,
    from: StreamId,
    to: StreamId,
    show: &mut dyn FnMut(EntryRef<'a>) -> bool,
) {
    let mut path = path_to(tree, leaves, from);
    loop {
        let leaf = LeafRef::of(leaves, path.leaf());
        for entry in leaf.entries().skip_while(|entry| entry.id < from) {
            if entry.id > to || !show(leaf.show(&entry)) {
                return;
            }
        }
        if !tree.next(leaves, &mut path) {
            return;
        }
        leaves.prefetch(path.leaf(), PREFETCHED_LINES);
    }
}

/// Gives up what a leaf keeps elsewhere.
fn discard_strings(leaves: &mut Leaves, id: LeafId) {
    let references = LeafRef::of(leaves, id).references();
    for (_, place) in references {
        leaves.discard_long(place);
    }
}
