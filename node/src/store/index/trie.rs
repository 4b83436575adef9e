//! [`Trie`]: directory, records and lines of all leaves, kept in step.
//! Invariant: the directory leads to where a leaf's lines are; the arena knows whose they are; the record knows what the leaf covers.

use super::arena::Arena;
use super::directory::Directory;
use super::leaf::{LeafAt, LeafSize};
use super::line::{IN_LIST, Line};
use crate::store::chunked::Chunked;
use crate::store::error::StoreFull;
use crate::store::slab::Handle;

/// A handle that found no place in its leaf's lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) hash: u64,
    pub(super) handle: Handle,
}

/// Names a leaf wherever its lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordId(pub(super) u32);

/// What is known of a leaf beside its lines.
#[derive(Debug)]
pub(super) struct LeafRecord {
    /// The first `depth` bits that its hashes share; zeros below.
    pub(super) prefix: u32,
    pub(super) at: LeafAt,
    /// Handles in lines.
    pub(super) count: u16,
    pub(super) depth: u8,
    #[expect(
        clippy::box_collection,
        reason = "nearly always absent; one word instead of three keeps records small"
    )]
    pub(super) list: Option<Box<Vec<Listed>>>,
}

/// All that exists only once a key does.
#[derive(Debug)]
pub(super) struct Trie {
    pub(super) directory: Directory,
    pub(super) records: Chunked<LeafRecord>,
    /// Of small leaves, and of large ones.
    pub(super) arenas: [Arena; 2],
    list_bytes: usize,
    /// Handles that were moved to other lines so far.
    pub(super) moved: u64,
}

/// The part of a hash that the directory looks at: the upper half.
#[inline]
pub(super) fn path(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Trie {
    /// One empty leaf.
    pub(super) fn new() -> Result<Self, StoreFull> {
        let mut small = Arena::new(LeafSize::Small);
        small.ensure(1)?;
        let mut records = Chunked::new();
        let at = small.add(RecordId(0));
        let first = records.add(LeafRecord {
            prefix: 0,
            at,
            count: 0,
            depth: 0,
            list: None,
        });
        debug_assert_eq!(first, 0, "as the arena was told");
        Ok(Self {
            directory: Directory::new(at),
            records,
            arenas: [small, Arena::new(LeafSize::Large)],
            list_bytes: 0,
            moved: 0,
        })
    }

    /// The leaf of a hash.
    #[inline]
    pub(super) fn leaf(&self, hash: u64) -> LeafAt {
        self.directory.leaf(path(hash))
    }

    /// Where the search for a hash's leaf begins, to prefetch it.
    #[inline]
    pub(super) fn root_address(&self, hash: u64) -> *const u8 {
        self.directory.root_address(path(hash))
    }

    #[inline]
    fn arena(&self, size: LeafSize) -> &Arena {
        &self.arenas[size as usize]
    }

    /// Its lines.
    #[inline]
    pub(super) fn lines(&self, leaf: LeafAt) -> &[Line] {
        self.arenas[leaf.size_number()].lines(leaf)
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn lines_mut(&mut self, leaf: LeafAt) -> &mut [Line] {
        self.arenas[leaf.size_number()].lines_mut(leaf)
    }

    /// Where one of its lines lies, to prefetch it.
    #[inline]
    pub(super) fn line_address(&self, leaf: LeafAt, line: usize) -> Option<*const u8> {
        self.arenas[leaf.size_number()].line_address(leaf, line)
    }

    /// Whose lines these are.
    pub(super) fn record_id(&self, leaf: LeafAt) -> RecordId {
        self.arena(leaf.size()).owner(leaf)
    }

    /// What is known of a leaf.
    #[inline]
    pub(super) fn record(&self, leaf: LeafAt) -> &LeafRecord {
        self.records.get(self.record_id(leaf).0)
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn record_mut(&mut self, leaf: LeafAt) -> &mut LeafRecord {
        let id = self.record_id(leaf);
        self.records.get_mut(id.0)
    }

    /// What found no place in a leaf's lines.
    pub(super) fn list(&self, leaf: LeafAt) -> &[Listed] {
        self.record(leaf).list.as_ref().map_or(&[], |list| list)
    }

    /// Adds to the list of a leaf.
    pub(super) fn push_to_list(&mut self, leaf: LeafAt, hash: u64, handle: Handle) {
        let home = leaf.size().home(hash);
        self.lines_mut(leaf)[home].say(IN_LIST);
        let list = self.record_mut(leaf).list.get_or_insert_default();
        let before = list.capacity();
        list.push(Listed { hash, handle });
        let grown = list.capacity() - before;
        self.list_bytes += grown * size_of::<Listed>();
    }

    /// Lets a place of the list hold another handle.
    pub(super) fn replace_in_list(&mut self, leaf: LeafAt, at: usize, handle: Handle) {
        if let Some(list) = self.record_mut(leaf).list.as_mut() {
            list[at].handle = handle;
        }
    }

    /// Removes from the list of a leaf.
    pub(super) fn remove_from_list(&mut self, leaf: LeafAt, at: usize) {
        let record = self.record_mut(leaf);
        let Some(list) = record.list.as_mut() else {
            return;
        };
        list.swap_remove(at);
        if list.is_empty() {
            let freed = list.capacity() * size_of::<Listed>();
            record.list = None;
            self.list_bytes -= freed;
        }
    }

    /// Takes the whole list of a leaf.
    pub(super) fn take_list(&mut self, id: RecordId) -> Vec<Listed> {
        let list = self.records.get_mut(id.0).list.take();
        let list = list.map_or_else(Vec::new, |list| *list);
        self.list_bytes -= list.capacity() * size_of::<Listed>();
        list
    }

    /// Bytes taken by what leads to entries.
    pub(super) fn bytes(&self) -> usize {
        self.directory.bytes()
            + self.records.bytes()
            + self.arenas.iter().map(Arena::bytes).sum::<usize>()
            + self.list_bytes
    }

    /// Bytes kept beside that.
    pub(super) fn overhead_bytes(&self) -> usize {
        self.arenas.iter().map(Arena::overhead_bytes).sum()
    }
}
