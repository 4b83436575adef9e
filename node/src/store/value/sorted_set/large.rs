//! A large sorted set: members once, in a tree by (score, text); their scores by hash in an index.
//! Pure. Never: takes a step whose size depends on how many members there are, but for a scan among equal scores.

use super::leaf::{self, Parts, View};
use crate::store::object::Ahead;
use crate::store::value::block::{count, count32};
use crate::store::value::codes::{Encoded, Stored};
use crate::store::value::frame::ordered;
use crate::store::value::leaves::{LeafId, Leaves, MAX_LEAF_BYTES, Sought};
use crate::store::value::member_index::{INDEX_STEPS, MemberIndex, Spot};
use crate::store::value::tree::{Key, Path, Separator, Tree};
use crate::store::{StoreFull, StringRef};

/// Bytes at which a leaf is split.
const TARGET: usize = 768;

/// Cache lines asked for before a leaf is searched.
pub(super) const PREFETCHED_LINES: usize = 12;

/// The same of a leaf, or of the node above it, long before: fewer, for others are asked for as well.
const AHEAD_LINES: usize = 9;

/// See the module.
#[derive(Debug)]
pub(super) struct Large {
    pub(super) tree: Tree,
    pub(super) index: MemberIndex,
    pub(super) count: u64,
    /// Of leaves, nodes and long strings.
    bytes: u64,
    pub(super) large_by_name: bool,
}

/// A member that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    spot: Spot,
    path: Path,
    nth: usize,
}

/// Where a member will stand, in a leaf that has room for it.
struct Room {
    path: Path,
    nth: usize,
    was_split: bool,
}

impl Found {
    /// Its score, in the ordered form.
    pub(super) fn score(&self) -> u64 {
        self.spot.score
    }
}

impl Large {
    /// The members of a small one. Room is reserved.
    pub(super) fn from_blob(leaves: &mut Leaves, blob: &[u8]) -> Result<Self, StoreFull> {
        let view = View::new(blob);
        let before = leaves.live_bytes();
        let mut index = MemberIndex::new(leaves);
        for (member, score) in view.members(0, view.count) {
            let hash = leaves.hash_of(member);
            if let Err(full) = leaves
                .reserve()
                .and_then(|()| index.insert(leaves, hash, score))
            {
                while index.free(leaves, 1) {}
                return Err(full);
            }
        }
        let first = leaves.alloc(0);
        let parts = Parts::of(view, 0, view.count).into_leaf();
        parts.write(&mut leaves.block(first));
        let longs: u64 = view
            .members(0, view.count)
            .filter_map(|(member, _)| member.elsewhere())
            .map(|place| leaves.long_cost(place))
            .sum();
        Ok(Self {
            tree: Tree::by_key(first),
            index,
            count: view.count as u64,
            bytes: longs + leaves.live_bytes() - before,
            large_by_name: leaf::is_large_by_name(blob),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// Of them, those in leaves.
    pub(super) fn leaf_bytes(&self) -> u64 {
        self.bytes
    }

    /// All bytes taken.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + self.index.directory_bytes() + size_of::<Self>() as u64
    }

    /// Asks for the memory of a member's entry in the index.
    pub(super) fn prefetch(&self, leaves: &Leaves, sought: &Sought<'_>) {
        self.index.prefetch(leaves, sought.hash);
    }

    /// Asks for the memory of members: their entries in the index step by step, then the nodes above their leaves in the tree, and those; where they are to have other scores, for both places.
    pub(super) fn look_ahead(&self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        if step < INDEX_STEPS {
            return self.index.look_ahead(leaves, elements, step);
        }
        let is_first = step == INDEX_STEPS;
        for element in elements {
            let text = element.text;
            if is_first {
                // The first one of that hash, which most likely is the one.
                let spot = self.index.search(leaves, element.hash, |_| true);
                element.own_score = spot.map(|spot| spot.score);
            }
            let ahead = |score, node: &mut u32| {
                let key = Key { score, text };
                let block = match is_first {
                    true => self.tree.expect_node(leaves, key),
                    false => self.tree.expect_leaf(leaves, LeafId(*node), key),
                };
                *node = block.0;
                leaves.prefetch(block, AHEAD_LINES);
            };
            if let Some(score) = element.own_score {
                ahead(score, &mut element.leaf);
            }
            if let Some(score) = element.score {
                ahead(ordered(score), &mut element.other);
            }
        }
    }

    /// Where a member of this score is or would be.
    #[inline]
    fn place(
        &self,
        leaves: &Leaves,
        score: u64,
        sought: &Sought<'_>,
    ) -> (Path, Result<usize, usize>) {
        let text = sought.text;
        let path = self.tree.find(leaves, Key { score, text });
        leaves.prefetch(path.leaf(), PREFETCHED_LINES);
        let view = View::new(leaves.bytes(path.leaf()));
        (path, view.place(leaves, score, sought))
    }

    /// A member.
    #[inline]
    pub(super) fn find(&self, leaves: &Leaves, sought: &Sought<'_>) -> Option<Found> {
        let mut at = None;
        let spot = self.index.find(leaves, sought.hash, |score| {
            let (path, place) = self.place(leaves, score, sought);
            at = place.ok().map(|nth| (path, nth));
            at.is_some()
        })?;
        let (path, nth) = at?;
        Some(Found { spot, path, nth })
    }

    /// The rank of a member.
    #[inline]
    pub(super) fn rank_of(&self, leaves: &Leaves, found: &Found) -> u64 {
        self.tree.rank(leaves, &found.path) + found.nth as u64
    }

    /// How many members stand before a key.
    pub(super) fn before(&self, leaves: &Leaves, key: Key<'_>) -> u64 {
        let path = self.tree.find(leaves, key);
        let view = View::new(leaves.bytes(path.leaf()));
        self.tree.rank(leaves, &path) + view.before(leaves, key) as u64
    }

    /// Adds a member that is not there. Room is reserved.
    pub(super) fn add(
        &mut self,
        leaves: &mut Leaves,
        score: u64,
        sought: &Sought<'_>,
    ) -> Result<(), StoreFull> {
        let before = leaves.live_bytes();
        let member = leaves.encode_sought(sought)?;
        let added = self.add_kept(leaves, score, sought, &member);
        if added.is_err() {
            leaves.discard(Stored {
                code: member.code,
                bytes: member.bytes(),
            });
        }
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        added
    }

    fn add_kept(
        &mut self,
        leaves: &mut Leaves,
        score: u64,
        sought: &Sought<'_>,
        member: &Encoded<'_>,
    ) -> Result<(), StoreFull> {
        let room = self.make_room(leaves, score, sought, member)?;
        self.index.insert(leaves, sought.hash, score)?;
        self.insert(leaves, &room.path, room.nth, score, member);
        self.count += 1;
        Ok(())
    }

    /// Gives a member another score. Room is reserved.
    pub(super) fn change(
        &mut self,
        leaves: &mut Leaves,
        found: Found,
        score: u64,
        sought: &Sought<'_>,
    ) -> Result<(), StoreFull> {
        let before = leaves.live_bytes();
        let member = View::new(leaves.bytes(found.path.leaf())).member(found.nth);
        let member = match (member.elsewhere(), sought.inline) {
            (None, Some(inline)) => inline,
            (Some(place), _) => Encoded::elsewhere(place),
            (None, None) => return Err(StoreFull),
        };
        let room = self.make_room(leaves, score, sought, &member)?;
        let (mut path, mut nth) = (found.path, found.nth);
        if room.was_split {
            let (moved, place) = self.place(leaves, found.spot.score, sought);
            let (Ok(new_nth) | Err(new_nth)) = place;
            (path, nth) = (moved, new_nth);
        }
        let had_leaves_gone = self.take_out(leaves, &path, nth);
        self.index.update(leaves, found.spot, score);
        let (to, to_nth) = if had_leaves_gone {
            let (to, place) = self.place(leaves, score, sought);
            let (Ok(nth) | Err(nth)) = place;
            (to, nth)
        } else {
            // Where it stood before is a place less.
            let is_behind = room.path.leaf() == path.leaf() && room.nth > nth;
            (room.path, room.nth - usize::from(is_behind))
        };
        self.insert(leaves, &to, to_nth, score, &member);
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        Ok(())
    }

    /// Splits the leaf that a member will go to until it has room: scores that had much in common may take eight times the bytes with one that has not.
    fn make_room(
        &mut self,
        leaves: &mut Leaves,
        score: u64,
        sought: &Sought<'_>,
        member: &Encoded<'_>,
    ) -> Result<Room, StoreFull> {
        let mut was_split = false;
        loop {
            let (path, place) = self.place(leaves, score, sought);
            let view = View::new(leaves.bytes(path.leaf()));
            if view.len_with(score, member) <= MAX_LEAF_BYTES || view.count < 2 {
                let (Ok(nth) | Err(nth)) = place;
                return Ok(Room {
                    path,
                    nth,
                    was_split,
                });
            }
            let half = view.count / 2;
            self.split(leaves, &path, half)?;
            was_split = true;
            leaves.reserve()?;
        }
    }

    fn insert(
        &mut self,
        leaves: &mut Leaves,
        path: &Path,
        nth: usize,
        score: u64,
        member: &Encoded<'_>,
    ) {
        let id = path.leaf();
        leaf::insert(&mut leaves.block(id), nth, 0, score, member);
        self.tree.add(leaves, path, 1);
        let bytes = leaves.bytes(id);
        let members = count(bytes);
        if bytes.len() > TARGET && members > 1 {
            let is_last = nth + 1 == members && self.tree.is_last(leaves, path);
            let at = if is_last { nth } else { members / 2 };
            // Without memory for it the leaf stays long until the next insertion.
            leaves
                .reserve()
                .and_then(|()| self.split(leaves, path, at))
                .unwrap_or(());
        }
    }

    /// Parts a leaf: the members from `at` on go to a new one.
    fn split(&mut self, leaves: &mut Leaves, path: &Path, at: usize) -> Result<(), StoreFull> {
        let id = path.leaf();
        let view = View::new(leaves.bytes(id));
        let members = view.count;
        let (stay, go) = (Parts::of(view, 0, at), Parts::of(view, at, members));
        let separator = separator(leaves, id, at)?;
        stay.write(&mut leaves.block(id));
        let right = leaves.alloc(0);
        go.write(&mut leaves.block(right));
        let sizes = (count32(at), count32(members - at));
        self.tree.split_leaf(leaves, path, right, sizes, separator);
        Ok(())
    }

    /// Takes a member out; what it keeps elsewhere stays. Says whether a leaf went: other ways lead to the others then.
    fn take_out(&mut self, leaves: &mut Leaves, path: &Path, nth: usize) -> bool {
        let id = path.leaf();
        leaf::remove(&mut leaves.block(id), nth);
        self.tree.add(leaves, path, -1);
        let bytes = leaves.bytes(id);
        if count(bytes) == 0 {
            let went = self.tree.remove_leaf(leaves, path);
            if went {
                leaves.free(id);
            }
            return went;
        }
        bytes.len() < TARGET * 2 / 5 && self.merge(leaves, path)
    }

    /// Merges a short leaf with the one to its right when both are; whether they were.
    fn merge(&mut self, leaves: &mut Leaves, path: &Path) -> bool {
        let Some(sibling) = self.tree.sibling(leaves, path) else {
            return false;
        };
        let (left, right) = (path.leaf(), sibling.leaf());
        let view = View::new(leaves.bytes(left));
        let other = View::new(leaves.bytes(right));
        let moved = count32(other.count).cast_signed();
        if leaves.bytes(left).len() + leaves.bytes(right).len() > TARGET * 7 / 10 {
            return false;
        }
        let mut parts = Parts::of(view, 0, view.count);
        parts.append(other, 0, other.count);
        // Scores of both together may need more bytes each.
        if parts.len() > TARGET * 9 / 10 || leaves.reserve().is_err() {
            return false;
        }
        parts.write(&mut leaves.block(left));
        self.tree.add(leaves, &sibling, -moved);
        self.tree.add(leaves, path, moved);
        leaves.free(right);
        self.tree.remove_leaf(leaves, &sibling);
        true
    }

    /// Takes a member out for good.
    pub(super) fn remove(&mut self, leaves: &mut Leaves, found: Found) {
        let before = leaves.live_bytes();
        let member = View::new(leaves.bytes(found.path.leaf())).member(found.nth);
        let long = member.elsewhere();
        self.index.remove(leaves, found.spot);
        self.take_out(leaves, &found.path, found.nth);
        if let Some(place) = long {
            leaves.discard_long(place);
        }
        self.count -= 1;
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
    }

    /// The member of a rank.
    pub(super) fn at_rank(&self, leaves: &Leaves, rank: u64) -> Option<Found> {
        if rank >= self.count {
            return None;
        }
        let (path, nth) = self.tree.find_rank(leaves, rank);
        let view = View::new(leaves.bytes(path.leaf()));
        let (member, score) = (view.member(nth), view.score(nth));
        let mut at = None;
        let spot = self.index.find(leaves, leaves.hash_of(member), |other| {
            // The score is known, and of members with the same hash and score any will do for the index.
            at = (other == score).then_some((path, nth));
            at.is_some()
        })?;
        Some(Found { spot, path, nth })
    }

    /// Frees up to `limit` leaves; says whether any is left.
    pub(super) fn free(&mut self, leaves: &mut Leaves, limit: usize) -> bool {
        let before = leaves.live_bytes();
        let mut is_left = true;
        if !self.index.free(leaves, limit) {
            for _ in 0..limit {
                let (id, is_more) = self.tree.pop_last(leaves);
                let bytes = leaves.bytes(id).to_vec();
                let view = View::new(&bytes);
                for (member, _) in view.members(0, view.count) {
                    leaves.discard(member);
                }
                leaves.free(id);
                is_left = is_more;
                if !is_left {
                    break;
                }
            }
        }
        self.bytes = (self.bytes + leaves.live_bytes()).saturating_sub(before);
        is_left
    }

    #[cfg(test)]
    pub(super) fn check(&self, leaves: &Leaves) {
        let members = self
            .tree
            .check(leaves, &|bytes| View::new(bytes).count as u64);
        assert_eq!(members, self.count);
        let mut last: Option<(u64, Vec<u8>)> = None;
        self.walk(leaves, 0, u64::MAX, &mut |member, score| {
            if let Some((before, text)) = &last {
                let order = before
                    .cmp(&score)
                    .then_with(|| leaf::compare(leaves, member, text).reverse());
                assert!(order.is_lt(), "in order, each once");
            }
            let text = match leaves.show(member) {
                StringRef::Bytes(bytes) => bytes.to_vec(),
                StringRef::Integer(number) => number.to_string().into_bytes(),
            };
            last = Some((score, text));
        });
    }
}

/// The shortest key that parts the members before `at` from those behind: a score where scores differ, else as much of the member's text as the one before does not share.
fn separator(leaves: &mut Leaves, id: LeafId, at: usize) -> Result<Separator, StoreFull> {
    let view = View::new(leaves.bytes(id));
    let score = view.score(at);
    let mut text = Vec::new();
    if view.score(at - 1) == score {
        let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
        let before = shown(leaves, view.member(at - 1), &mut digits.0);
        let first = shown(leaves, view.member(at), &mut digits.1);
        let shared = before.iter().zip(first).take_while(|(a, b)| a == b).count();
        text.extend_from_slice(&first[..=shared]);
    }
    let text = leaves.encode_text(&text)?;
    Ok(Separator::new(score, &text))
}

fn shown<'a>(leaves: &'a Leaves, member: Stored<'a>, digits: &'a mut itoa::Buffer) -> &'a [u8] {
    match leaves.show(member) {
        StringRef::Bytes(bytes) => bytes,
        StringRef::Integer(number) => digits.format(number).as_bytes(),
    }
}
