//! [`StreamMaker`]: a stream that is made aside, node by node and group by group, and then put in the place of whatever is at a key.
//! Pure. Invariants: what it takes of leaves is its database's memory, and is counted there, until it is put or given up; what it refuses is refused before it is made.

use super::draft::Draft;
use super::entries::Entries;
use super::group::{ConsumerNumber, Delivery, Group, MOST_MS, NOBODY};
use super::leaf::{self, Beginning, LeafRef, Removed};
use super::{Stream, StreamId};
use crate::store::StoreFull;
use crate::store::door::Wording;
use crate::store::entry::{Form, Kind};
use crate::store::key::{DbIndex, Key};
use crate::store::keyspace::Store;
use crate::store::slot::Edited;
use crate::store::value::leaves::{LeafId, Leaves, MAX_LEAF_BYTES};

/// A stream that is made aside, in a database's memory.
#[derive(Debug)]
#[must_use = "its memory is the database's until it is put or given up"]
pub struct StreamMaker {
    db: DbIndex,
    stream: Stream,
    node: Node,
    /// The entry under way, and whether its fields have names of their own.
    entry: Draft,
    has_own_names: bool,
    /// The last entry that is there.
    last: StreamId,
    /// Bytes of names that stand in several leaves and stood in one node.
    repeated_bytes: u64,
    /// The group under way, whose entries find their consumers one after the other.
    group: Option<Box<Group>>,
    consumer: ConsumerNumber,
    owned: u64,
}

/// A node under way.
#[derive(Debug, Default)]
struct Node {
    first: StreamId,
    /// What it has of names, and no values.
    names: Draft,
    /// The leaf that its entries go to.
    leaf: Option<LeafId>,
    /// What was removed before the first entry that is there.
    removed: Removed,
}

/// How far a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupPosition {
    /// So many entries were read; `None` where nobody can tell.
    Read(Option<u64>),
    /// It follows from the entries, as far as it does.
    Unsaid,
}

impl StreamMaker {
    /// One without anything, for a key of `db`.
    pub fn new(db: DbIndex) -> Self {
        Self {
            db,
            stream: Stream::default(),
            node: Node::default(),
            entry: Draft::default(),
            has_own_names: false,
            last: StreamId::MIN,
            repeated_bytes: 0,
            group: None,
            consumer: NOBODY,
            owned: 0,
        }
    }

    /// Begins a node whose entries are counted from `first`; `false` where it is not behind those before.
    pub fn begin_node(&mut self, first: StreamId) -> bool {
        let is_another = self.stream.entries.nodes() == 0 || first != self.node.first;
        self.node.names.clear();
        self.node = Node {
            first,
            names: std::mem::take(&mut self.node.names),
            ..Node::default()
        };
        is_another && (self.is_empty() || first > self.last)
    }

    /// One name more of those that the node's entries have where they have none of their own.
    pub fn push_node_name(&mut self, name: &[u8]) {
        self.node.names.count += 1;
        self.node.names.push_name(name);
    }

    /// Begins an entry of the node, with the node's names.
    pub fn begin_entry(&mut self) {
        self.entry.clear();
        self.entry.count = self.node.names.count;
        self.has_own_names = false;
    }

    /// Begins an entry of the node, with names of its own.
    pub fn begin_entry_of_its_own(&mut self) {
        self.entry.clear();
        self.has_own_names = true;
    }

    /// One name of its own more.
    pub fn push_name(&mut self, name: &[u8]) {
        self.entry.count += 1;
        self.entry.push_name(name);
    }

    /// One value more.
    pub fn push_value(&mut self, value: &[u8]) {
        self.entry.push_value(value);
    }

    /// Ends an entry that is there, with as many values as names; `false` where it is not behind all others.
    ///
    /// # Errors
    /// [`StoreFull`]; it is not there then.
    pub fn end_entry(&mut self, store: &mut Store, id: StreamId) -> Result<bool, StoreFull> {
        if id <= self.last {
            return Ok(false);
        }
        let leaves = store.database_mut(self.db).leaves_mut();
        let (node, draft) = (&mut self.node, &self.entry);
        let entry = Entry {
            id,
            draft,
            has_own_names: self.has_own_names && draft.names != node.names.names,
        };
        let taken = self.stream.entries.counted(leaves, |entries, leaves| {
            let mut buffer = leaves.borrow_scratch();
            let taken = node.take(entries, leaves, entry, &mut buffer);
            leaves.return_scratch(buffer);
            taken
        });
        self.repeated_bytes += taken?;
        self.last = id;
        Ok(true)
    }

    /// Ends an entry that was removed, of which nothing is kept but that it was there.
    pub fn end_removed(&mut self, store: &mut Store, id: StreamId) {
        let first = self.node.first;
        let packed_bytes = self.entry.packed_entry(first, id, self.has_own_names);
        let leaves = store.database_mut(self.db).leaves_mut();
        let removed = Removed {
            count: 1,
            last: id,
            packed_bytes,
        };
        match self.node.leaf {
            Some(leaf) => leaf::note_removed(leaves.bytes_mut(leaf), removed),
            None => {
                let before = &mut self.node.removed;
                before.count += removed.count;
                before.last = removed.last;
                before.packed_bytes += removed.packed_bytes;
            }
        }
    }

    /// Ends the node; `false` where nothing is in it that may be a node.
    ///
    /// # Errors
    /// [`StoreFull`]; it is not there then.
    pub fn end_node(&mut self, store: &mut Store) -> Result<bool, StoreFull> {
        if self.node.leaf.is_some() {
            return Ok(true);
        }
        // The first one alone may have lost all its entries to a trim and stay.
        if self.node.removed.count == 0 || self.stream.entries.nodes() > 0 {
            return Ok(false);
        }
        let leaves = store.database_mut(self.db).leaves_mut();
        let node = &mut self.node;
        self.stream.entries.counted(leaves, |entries, leaves| {
            let mut buffer = leaves.borrow_scratch();
            let opened = node.open(entries, leaves, node.first, StreamId::MIN, &mut buffer);
            leaves.return_scratch(buffer);
            opened.map(|()| true)
        })
    }

    /// Bytes that the entries' names take more than they did in nodes, since a node may be many leaves.
    #[must_use]
    pub fn repeated_bytes(&self) -> u64 {
        self.repeated_bytes
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.stream.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first entry; the least identifier where there is none.
    #[must_use]
    pub fn first_id(&self) -> StreamId {
        self.stream.entries.first()
    }

    /// Says what there was, behind the last entry; `false` where that cannot be.
    pub fn set_totals(
        &mut self,
        last_id: StreamId,
        max_deleted_id: StreamId,
        entries_added: u64,
    ) -> bool {
        self.stream.last_id = last_id;
        self.stream.max_deleted_id = max_deleted_id;
        self.stream.entries_added = entries_added;
        last_id >= self.last && max_deleted_id <= last_id && entries_added >= self.len()
    }

    /// Begins a group; `false` where its name is not behind the names of those before.
    pub fn begin_group(&mut self, name: &[u8], last_id: StreamId, position: GroupPosition) -> bool {
        let is_behind = self
            .stream
            .groups
            .last()
            .is_none_or(|last| *last.name < *name);
        let entries_read = match position {
            GroupPosition::Read(read) => read,
            GroupPosition::Unsaid => self.stream.history().entries_up_to(last_id),
        };
        self.group = Some(Box::new(Group::new(name, last_id, entries_read)));
        self.consumer = NOBODY;
        self.owned = 0;
        is_behind
    }

    /// Adds an entry that is pending, and whose is still to be said; `false` where it is there already, or was given out at no time that there can be.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn add_pending(
        &mut self,
        store: &mut Store,
        id: StreamId,
        at_ms: u64,
        count: u64,
    ) -> Result<bool, StoreFull> {
        if at_ms > MOST_MS {
            return Ok(false);
        }
        self.change_group(store, |group, leaves| {
            if group.delivery(leaves, id).is_some() {
                return Ok(false);
            }
            let delivery = Delivery {
                consumer: NOBODY,
                at_ms,
                count,
            };
            group.note_pending(leaves, id, delivery).map(|()| true)
        })
    }

    /// Begins a consumer of the group; `false` where its name is not behind the names of those before.
    pub fn begin_consumer(&mut self, name: &[u8], seen_ms: u64) -> bool {
        let Some(group) = self.group.as_deref_mut() else {
            return false;
        };
        let last = group.consumers().checked_sub(1);
        let last = last.and_then(|nth| group.nth_consumer(nth));
        let is_behind = last.is_none_or(|last| *last.name < *name);
        if is_behind {
            (self.consumer, _) = group.greet_consumer(name, seen_ms);
        }
        is_behind
    }

    /// Says whose a pending entry is; `false` where it is not pending, or somebody has it.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn own(&mut self, store: &mut Store, id: StreamId) -> Result<bool, StoreFull> {
        let consumer = self.consumer;
        let is_owned = self.change_group(store, |group, leaves| {
            let delivery = group.delivery(leaves, id);
            let Some(free) = delivery.filter(|delivery| delivery.consumer == NOBODY) else {
                return Ok(false);
            };
            let delivery = Delivery { consumer, ..free };
            group.deliver(leaves, id, delivery).map(|()| true)
        })?;
        self.owned += u64::from(is_owned);
        Ok(is_owned)
    }

    /// Ends the group; `false` where an entry is pending that nobody has.
    pub fn end_group(&mut self) -> bool {
        let Some(group) = self.group.take() else {
            return false;
        };
        let is_whole = self.owned == group.pending.len();
        self.stream.adopt(self.stream.groups.len(), group);
        is_whole
    }

    fn change_group(
        &mut self,
        store: &mut Store,
        change: impl FnOnce(&mut Group, &mut Leaves) -> Result<bool, StoreFull>,
    ) -> Result<bool, StoreFull> {
        let leaves = store.database_mut(self.db).leaves_mut();
        let Some(group) = self.group.as_deref_mut() else {
            return Ok(false);
        };
        let before = leaves.live_bytes();
        let changed = change(group, leaves);
        group.leaf_bytes = (group.leaf_bytes + leaves.live_bytes()).saturating_sub(before);
        changed
    }

    /// Puts it in the place of whatever is at a key of its database, to live until `expiry`, and tells the door as `wording`.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed, and it is freed.
    pub fn put(
        self,
        store: &mut Store,
        key: Key<'_>,
        expiry: Option<u64>,
        wording: Wording<'_>,
    ) -> Result<(), StoreFull> {
        let stream = Box::new(self.stream);
        store.slot(self.db, key).change_telling(
            |editing| {
                editing.put_object_over(Form::new(Kind::Stream, 0), stream, expiry)?;
                Ok(Edited::Changed(()))
            },
            |effects, db, _, ()| effects.append_worded(db, wording),
        )
    }

    /// Frees it, a part at a time: what is left of a large one goes with what waits to be freed.
    pub fn give_up(mut self, store: &mut Store) {
        if let Some(group) = self.group.take() {
            self.stream.adopt(self.stream.groups.len(), group);
        }
        store.database_mut(self.db).give_up(Box::new(self.stream));
    }
}

/// An entry that is there.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    id: StreamId,
    draft: &'a Draft,
    /// Whether its fields have other names than the node's.
    has_own_names: bool,
}

impl Node {
    /// Takes an entry behind all others; how many bytes of names stand somewhere once more for it.
    fn take(
        &mut self,
        entries: &mut Entries,
        leaves: &mut Leaves,
        entry: Entry<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<u64, StoreFull> {
        let id = entry.id;
        let mut repeated = 0;
        if self.leaf.is_none() {
            self.open(entries, leaves, self.first.min(id), id, buffer)?;
        } else if append(entries, leaves, entry, buffer)? {
            return Ok(0);
        } else {
            self.open(entries, leaves, id, id, buffer)?;
            repeated = self.names.names.len() as u64;
        }
        // A leaf without entries has room for one.
        append(entries, leaves, entry, buffer)?;
        Ok(repeated)
    }

    /// Opens a leaf behind all others, whose entries are counted from `first`; `next` is the one that comes into it, if any does.
    fn open(
        &mut self,
        entries: &mut Entries,
        leaves: &mut Leaves,
        first: StreamId,
        next: StreamId,
        buffer: &mut Vec<u8>,
    ) -> Result<(), StoreFull> {
        leaves.reserve()?;
        let are_elsewhere = self.names.leaf_names(leaves, buffer)?;
        let mut bytes = leaves.borrow_scratch();
        let beginning = Beginning {
            first,
            names: self.names.count,
            texts: buffer,
            are_elsewhere,
        };
        leaf::write_empty(&mut bytes, &beginning);
        let mut removed = std::mem::take(&mut self.removed);
        removed.packed_bytes += self.names.packed_node();
        leaf::note_removed(&mut bytes, removed);
        let leaf = leaves.alloc(bytes.len());
        leaves.bytes_mut(leaf).copy_from_slice(&bytes);
        leaves.return_scratch(bytes);
        entries.link(leaves, leaf, 0, next);
        self.leaf = Some(leaf);
        Ok(())
    }
}

/// Appends an entry to the last leaf; `false` where that has no room for it.
fn append(
    entries: &mut Entries,
    leaves: &mut Leaves,
    entry: Entry<'_>,
    buffer: &mut Vec<u8>,
) -> Result<bool, StoreFull> {
    leaves.reserve()?;
    let last = entries.last_path(leaves);
    let (Some(path), Some(tree)) = (last, &entries.tree) else {
        return Ok(false);
    };
    let leaf = LeafRef::of(leaves, path.leaf());
    let (first, room) = (leaf.first, MAX_LEAF_BYTES - leaf.len());
    let Entry {
        id,
        draft,
        has_own_names,
    } = entry;
    let written = draft.write(leaves, first, id, has_own_names, room, buffer)?;
    if written.is_none() {
        return Ok(false);
    }
    let packed = draft.packed_entry(first, id, has_own_names);
    leaf::append(&mut leaves.block(path.leaf()), id, buffer, packed);
    tree.add(leaves, &path, 1);
    if entries.len == 0 {
        entries.first = id;
    }
    entries.len += 1;
    Ok(true)
}
