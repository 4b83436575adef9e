//! [`Table`]: a large hash or set: packed leaves found by linear hashing.
//! Pure. Never: takes a step whose size depends on how many elements there are.

use super::block::{count, count32, index};
use super::chance::below;
use super::codes::{Encoded, Stored};
use super::elements::Position;
use super::leaves::{LeafId, Leaves, MAX_LEAF_BYTES, Sought, fingerprint, low_half};
use super::linear::{DIRECTORY_STEPS, Directory};
use super::packed::{self, Pair, Parts};
use super::past::Past;
use super::texts::Texts;
use crate::store::StoreFull;
use crate::store::object::{Ahead, Purpose, Remembering};

/// Bytes that leaves are to have on average: room for this many elements, within bounds that were measured.
const ELEMENTS_AIMED_AT: u64 = 24;
const LEAST_TARGET: u64 = 512;
const MOST_TARGET: u64 = 1536;

/// More elements than this on average split a leaf too, however small they are: integers. A leaf whose turn to be split comes last has twice as many before. All values of a hash may become references, of 12 bytes.
const fn most_elements<const VALUES: bool>() -> u64 {
    if VALUES { 64 } else { 128 }
}

/// Cache lines asked for before a leaf is read.
const PREFETCHED_LINES: usize = 5;

/// Bytes at the front of a leaf in which fingerprints and codes stand, most likely.
const fn front_bytes<const VALUES: bool>() -> usize {
    if VALUES { 128 } else { 96 }
}

/// The step of looking ahead that reads the fronts of leaves.
const ELEMENT_STEP: usize = DIRECTORY_STEPS + 1;

/// Elements by hash.
#[derive(Debug)]
pub(super) struct Table<const VALUES: bool> {
    directory: Directory,
    count: u64,
    /// Bytes that the leaves hold.
    used: u64,
    /// As many elements as any leaf ever had: the bound of random choices.
    most: u64,
    /// What it was, while somebody takes that.
    past: Option<Box<Past>>,
}

impl<const VALUES: bool> Table<VALUES> {
    /// The table whose first leaf is this one.
    pub(super) fn from_leaf(leaf: LeafId, bytes: &[u8]) -> Self {
        let count = count(bytes) as u64;
        Self {
            directory: Directory::new(leaf),
            count,
            used: bytes.len() as u64,
            most: count,
            past: None,
        }
    }

    /// How many elements there are.
    #[inline]
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// Bytes of leaves and long strings, read from all of them.
    pub(super) fn cost(&self, leaves: &Leaves) -> u64 {
        (0..self.directory.len())
            .map(|position| self.directory.leaf(position))
            .map(|id| leaves.cost(id) + packed::long_bytes::<VALUES>(leaves.bytes(id), leaves))
            .sum()
    }

    /// Bytes of its directory, and of what it remembers.
    pub(super) fn directory_bytes(&self) -> u64 {
        let past = self.past.as_ref().map_or(0, |past| past.bytes());
        self.directory.bytes() + past
    }

    #[inline]
    fn leaf_of(&self, hash: u64) -> LeafId {
        let position = self.directory.position(low_half(hash));
        self.directory.leaf(position)
    }

    /// Asks for the memory of elements: the way to their leaves, the front of those, then what that says.
    pub(super) fn look_ahead(&self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        match step {
            0..DIRECTORY_STEPS => self.directory.look_ahead(leaves, elements, step, u32::MAX),
            DIRECTORY_STEPS => {
                for element in elements {
                    leaves.prefetch_bytes(LeafId(element.leaf), 0..front_bytes::<VALUES>());
                }
            }
            ELEMENT_STEP => {
                for element in elements {
                    prefetch_element::<VALUES>(leaves, element);
                }
            }
            _ => {}
        }
    }

    /// Asks for the memory of an element's leaf.
    #[inline]
    pub(super) fn prefetch(&self, leaves: &Leaves, sought: &Sought<'_>) {
        leaves.prefetch(self.leaf_of(sought.hash), PREFETCHED_LINES);
    }

    #[inline]
    fn find(&self, leaves: &Leaves, sought: &Sought<'_>) -> (LeafId, Option<packed::Place>) {
        let id = self.leaf_of(sought.hash);
        leaves.prefetch(id, PREFETCHED_LINES);
        let found = packed::find::<VALUES>(
            leaves.bytes(id),
            sought.fingerprint(),
            sought.code(),
            |key| sought.is(leaves, key),
        );
        (id, found)
    }

    /// An element's value.
    #[inline]
    pub(super) fn get<'a>(&self, leaves: &'a Leaves, sought: &Sought<'_>) -> Option<Stored<'a>> {
        let (id, found) = self.find(leaves, sought);
        Some(packed::pair::<VALUES>(leaves.bytes(id), found?).value)
    }

    /// Adds an element, or gives it another value; says whether it is new. A set's element that is there stays, and its `value` is nothing.
    pub(super) fn put(
        &mut self,
        leaves: &mut Leaves,
        sought: &Sought<'_>,
        value: &Encoded<'_>,
    ) -> Result<bool, StoreFull> {
        let (mut id, found) = self.find(leaves, sought);
        if let Some(place) = found {
            if VALUES {
                self.before_change(leaves, sought);
                let used = self.used;
                self.replace(leaves, (id, place), sought, value)?;
                if self.used > used {
                    self.keep_up(leaves);
                }
            }
            return Ok(false);
        }
        self.before_change(leaves, sought);
        let key = leaves.encode_sought(sought)?;
        let cost = packed::cost::<VALUES>(&key, value);
        if leaves.bytes(id).len() + cost > MAX_LEAF_BYTES {
            match self.make_room(leaves, sought, cost) {
                Ok(with_room) => id = with_room,
                Err(full) => {
                    leaves.discard(Stored {
                        code: key.code,
                        bytes: key.bytes(),
                    });
                    return Err(full);
                }
            }
        }
        packed::append::<VALUES>(&mut leaves.block(id), sought.fingerprint(), &key, value);
        self.used += cost as u64;
        self.count += 1;
        self.most = self.most.max(count(leaves.bytes(id)) as u64);
        self.keep_up(leaves);
        Ok(true)
    }

    /// Splits a leaf when there are fewer than the elements need. Room is reserved.
    pub(super) fn keep_up(&mut self, leaves: &mut Leaves) {
        let target = self.target();
        if self.used > self.room(target) || self.count > self.room(most_elements::<VALUES>()) {
            self.split(leaves);
        }
    }

    fn replace(
        &mut self,
        leaves: &mut Leaves,
        (mut id, mut place): (LeafId, packed::Place),
        sought: &Sought<'_>,
        value: &Encoded<'_>,
    ) -> Result<(), StoreFull> {
        let more = value.bytes().len();
        if leaves.bytes(id).len() + more > MAX_LEAF_BYTES {
            self.make_room(leaves, sought, more)?;
            // What stands before it may have gone elsewhere.
            let (leaf, Some(found)) = self.find(leaves, sought) else {
                return Ok(());
            };
            (id, place) = (leaf, found);
        }
        let before = leaves.bytes(id).len();
        let old = packed::pair::<true>(leaves.bytes(id), place).value;
        let old = old.elsewhere();
        packed::replace(&mut leaves.block(id), place, value);
        self.used = self.used - before as u64 + leaves.bytes(id).len() as u64;
        if let Some(place) = old {
            leaves.discard_long(place);
        }
        Ok(())
    }

    /// Makes sure that the leaf of an element has room for `more` bytes, by moving its longest strings elsewhere; which leaf that is now. Leaves are split in a fixed order, so one of them may be long for a while.
    #[cold]
    fn make_room(
        &mut self,
        leaves: &mut Leaves,
        sought: &Sought<'_>,
        more: usize,
    ) -> Result<LeafId, StoreFull> {
        loop {
            let id = self.leaf_of(sought.hash);
            let before = leaves.bytes(id).len();
            if before + more <= MAX_LEAF_BYTES {
                return Ok(id);
            }
            let Some(longest) = packed::longest::<VALUES>(leaves.bytes(id)) else {
                // By far more elements than on average. Hashes are seeded, so that hardly happens, but its turn has to come now.
                leaves.reserve()?;
                self.split(leaves);
                continue;
            };
            let mut text = leaves.borrow_scratch();
            text.extend_from_slice(longest.text(leaves.bytes(id)));
            let hash = low_half(leaves.sought(&text).hash);
            let kept = leaves.keep(&text, hash);
            leaves.return_scratch(text);
            longest.move_to(&mut leaves.block(id), &kept?);
            self.used = self.used - before as u64 + leaves.bytes(id).len() as u64;
        }
    }

    /// Takes an element out.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, sought: &Sought<'_>) -> bool {
        let (id, Some(place)) = self.find(leaves, sought) else {
            return false;
        };
        self.before_change(leaves, sought);
        let before = leaves.bytes(id).len();
        let gone = packed::pair::<VALUES>(leaves.bytes(id), place);
        let long = [gone.key.elsewhere(), gone.value.elsewhere()];
        packed::remove::<VALUES>(&mut leaves.block(id), place);
        self.used = self.used - before as u64 + leaves.bytes(id).len() as u64;
        self.count -= 1;
        for place in long.into_iter().flatten() {
            leaves.discard_long(place);
        }
        self.shrink(leaves);
        true
    }

    /// Bytes that leaves are to have on average.
    fn target(&self) -> u64 {
        let wanted = self.used * ELEMENTS_AIMED_AT / self.count.max(1);
        wanted.clamp(LEAST_TARGET, MOST_TARGET)
    }

    /// So much of something per leaf, in all.
    fn room(&self, each: u64) -> u64 {
        u64::from(self.directory.len()) * each
    }

    fn split(&mut self, leaves: &mut Leaves) {
        let (old, bit) = self.directory.next_split();
        let before = leaves.bytes(old).len();
        let mut stay = Parts::<VALUES>::borrow(leaves);
        let mut go = Parts::<VALUES>::borrow(leaves);
        for pair in packed::pairs::<VALUES>(leaves.bytes(old), 0) {
            if leaves.low_hash(pair.key) & bit == 0 {
                stay.push(pair);
            } else {
                go.push(pair);
            }
        }
        stay.write(&mut leaves.block(old));
        let new = leaves.alloc(go.len());
        go.write(&mut leaves.block(new));
        self.used = self.used - before as u64 + (stay.len() + go.len()) as u64;
        stay.give_back(leaves);
        go.give_back(leaves);
        self.directory.push(new);
    }

    /// Merges the last leaf back when there are more than the elements need. When there is no memory or no room for that, a later removal does it.
    fn shrink(&mut self, leaves: &mut Leaves) {
        if self.count == 0 {
            self.most = 0;
        }
        let leaf_count = u64::from(self.directory.len());
        let room = |each: u64| (leaf_count - 1) * each / 4 * 3;
        let is_needed =
            self.used >= room(self.target()) || self.count >= room(most_elements::<VALUES>());
        if leaf_count == 1 || is_needed || leaves.reserve().is_err() {
            return;
        }
        let (last, first) = self.directory.next_merge();
        let before = leaves.bytes(last).len() + leaves.bytes(first).len();
        if before > MAX_LEAF_BYTES {
            return;
        }
        let mut all = Parts::<VALUES>::borrow(leaves);
        for id in [first, last] {
            for pair in packed::pairs::<VALUES>(leaves.bytes(id), 0) {
                all.push(pair);
            }
        }
        leaves.free(last);
        all.write(&mut leaves.block(first));
        self.used = self.used - before as u64 + all.len() as u64;
        all.give_back(leaves);
        self.most = self.most.max(count(leaves.bytes(first)) as u64);
        self.directory.pop();
    }

    /// Shows the elements of one leaf, from the cursor `from` on, and says the next cursor, 0 at the end. Whatever is there from the first call to the last is shown, whether the table grows or shrinks meanwhile: cursors are hashes with their bits reversed, so leaves come in the order in which splits part them.
    pub(super) fn scan(&self, leaves: &Leaves, from: u32, mut show: impl FnMut(Pair<'_>)) -> u32 {
        let position = self.directory.position(from.reverse_bits());
        let id = self.directory.leaf(position);
        let is_whole = position.reverse_bits() == from;
        for pair in packed::pairs::<VALUES>(leaves.bytes(id), 0) {
            if is_whole || leaves.low_hash(pair.key).reverse_bits() >= from {
                show(pair);
            }
        }
        match self.directory.depth(position) {
            0 => 0,
            depth => position.reverse_bits().wrapping_add(1 << (32 - depth)),
        }
    }

    /// Where an element stands, each as likely: a leaf at random and a place below a bound in it, until there is one.
    pub(super) fn random(&self, leaves: &Leaves, chance: &mut u64) -> Option<Position> {
        if self.count == 0 {
            return None;
        }
        loop {
            let leaf = below(chance, u64::from(self.directory.len()));
            let leaf = count32(index(leaf));
            let nth = below(chance, self.most);
            if index(nth) < count(leaves.bytes(self.directory.leaf(leaf))) {
                let nth = count32(index(nth));
                return Some(Position { leaf, nth });
            }
        }
    }

    /// The element at a position.
    pub(super) fn at<'a>(&self, leaves: &'a Leaves, position: Position) -> Option<Pair<'a>> {
        let leaf = self.directory.leaf(position.leaf);
        packed::pairs::<VALUES>(leaves.bytes(leaf), position.nth as usize).next()
    }

    /// Shows up to `limit` elements from a position on; where the next one is, `None` at the end. Positions hold until the table changes.
    pub(super) fn walk<'a>(
        &self,
        leaves: &'a Leaves,
        from: Position,
        limit: usize,
        mut show: impl FnMut(Pair<'a>),
    ) -> Option<Position> {
        let (mut leaf, mut nth) = (from.leaf, from.nth as usize);
        let mut left = limit;
        while leaf < self.directory.len() {
            if leaf + 1 < self.directory.len() {
                leaves.prefetch(self.directory.leaf(leaf + 1), PREFETCHED_LINES);
            }
            let mut pairs = packed::pairs::<VALUES>(leaves.bytes(self.directory.leaf(leaf)), nth);
            for pair in pairs.by_ref().take(left) {
                show(pair);
                left -= 1;
                nth += 1;
            }
            if left == 0 && pairs.next().is_some() {
                let nth = count32(nth);
                return Some(Position { leaf, nth });
            }
            (leaf, nth) = (leaf + 1, 0);
        }
        None
    }

    /// An element is about to change, to come or to go: what is remembered of its part is put aside.
    #[inline]
    fn before_change(&mut self, leaves: &mut Leaves, sought: &Sought<'_>) {
        if self.past.is_some() {
            self.put_aside(leaves, low_half(sought.hash));
        }
    }

    #[cold]
    fn put_aside(&mut self, leaves: &mut Leaves, hash: u32) {
        let Some(past) = &mut self.past else {
            return;
        };
        let part = past.part(hash);
        if past.has(part) {
            return;
        }
        past.note(part);
        let (before, parts) = (past.early_bytes(), past.parts());
        show_part::<VALUES>(&self.directory, (part, parts), leaves, past.early());
        leaves.count_remembered(before, past.early_bytes());
    }

    /// Frees up to `limit` leaves, and the long strings of theirs; says whether any is left.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        for _ in 0..limit {
            let Some(id) = self.directory.pop() else {
                return false;
            };
            self.count = self.count.saturating_sub(count(leaves.bytes(id)) as u64);
            discard_all::<VALUES>(leaves, id);
        }
        self.directory.len() > 0
    }
}

impl<const VALUES: bool> Remembering for Table<VALUES> {
    fn remember(&mut self) {
        let (len, level) = (self.count, self.directory.level());
        self.past
            .get_or_insert_with(|| Box::new(Past::new(len, level)));
    }

    fn remembered(&self) -> Option<u64> {
        self.past.as_ref().map(|past| past.len())
    }

    fn early_bytes(&self) -> u64 {
        self.past.as_ref().map_or(0, |past| past.early_bytes())
    }

    fn recall(&mut self, leaves: &mut Leaves, texts: &mut Texts) -> bool {
        texts.clear();
        let Some(past) = &mut self.past else {
            return false;
        };
        let before = past.early_bytes();
        if before > 0 || !past.early().is_empty() {
            std::mem::swap(past.early(), texts);
            leaves.count_remembered(before, 0);
            return true;
        }
        let Some(part) = past.take_next() else {
            return false;
        };
        // Leaves lie anywhere: the next one is on its way while this one is shown.
        let next = self.directory.position(part + 1);
        leaves.prefetch(self.directory.leaf(next), PREFETCHED_LINES);
        show_part::<VALUES>(&self.directory, (part, past.parts()), leaves, texts);
        true
    }

    fn forget(&mut self, leaves: &mut Leaves) {
        if let Some(past) = self.past.take() {
            leaves.count_remembered(past.early_bytes(), 0);
        }
    }
}

/// Appends the elements whose hashes have these low bits: of a hash fields and values by turns.
fn show_part<const VALUES: bool>(
    directory: &Directory,
    (part, parts): (u32, u32),
    leaves: &Leaves,
    texts: &mut Texts,
) {
    let are_others_there = directory.level() < parts.ilog2();
    for leaf in directory.leaves_of(part, parts) {
        for pair in packed::pairs::<VALUES>(leaves.bytes(leaf), 0) {
            if are_others_there && leaves.low_hash(pair.key) & (parts - 1) != part {
                continue;
            }
            texts.push(leaves.show(pair.key));
            if VALUES {
                texts.push(leaves.show(pair.value));
            }
        }
    }
}

/// Asks for what a command will read or write of a leaf whose front is in cache.
#[inline]
fn prefetch_element<const VALUES: bool>(leaves: &Leaves, element: &Ahead<'_>) {
    let id = LeafId(element.leaf);
    let bytes = leaves.bytes(id);
    let expected = packed::expect::<VALUES>(bytes, fingerprint(element.hash));
    match (expected, element.purpose) {
        (Some(place), Purpose::Read | Purpose::Put) => leaves.prefetch_bytes(id, place),
        (None, Purpose::Read | Purpose::Remove) => {}
        // All that stands behind moves.
        (Some(_), Purpose::Remove) | (None, Purpose::Put) => {
            leaves.prefetch_bytes(id, 0..bytes.len());
        }
    }
}

/// Frees a leaf and the long strings of its elements.
fn discard_all<const VALUES: bool>(leaves: &mut Leaves, id: LeafId) {
    let mut bytes = leaves.borrow_scratch();
    bytes.extend_from_slice(leaves.bytes(id));
    for pair in packed::pairs::<VALUES>(&bytes, 0) {
        leaves.discard(pair.key);
        leaves.discard(pair.value);
    }
    leaves.return_scratch(bytes);
    leaves.free(id);
}
