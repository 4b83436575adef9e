//! Walks over a large sorted set, by rank both ways, and in the order of hashes.
//! Pure.

use super::large::{Large, PREFETCHED_LINES};
use super::leaf::View;
use crate::store::value::block::{count, index};
use crate::store::value::codes::Stored;
use crate::store::value::leaves::Leaves;
use crate::store::value::member_index::Trace;
use crate::store::value::tree::Key;

impl Large {
    /// Shows members from a rank on, forwards; up to `limit`.
    pub(super) fn walk<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        show: &mut dyn FnMut(Stored<'a>, u64),
    ) {
        let mut left = limit.min(self.count.saturating_sub(from));
        if left == 0 {
            return;
        }
        let (mut path, mut nth) = self.tree.find_rank(leaves, from);
        loop {
            let view = View::new(leaves.bytes(path.leaf()));
            let end = view.count.min(nth.saturating_add(index(left)));
            for (member, score) in view.members(nth, end) {
                show(member, score);
            }
            left -= (end - nth) as u64;
            nth = 0;
            if left == 0 || !self.tree.next(leaves, &mut path) {
                return;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
        }
    }

    /// Shows members from a rank on, backwards; up to `limit`.
    pub(super) fn walk_back<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        show: &mut dyn FnMut(Stored<'a>, u64),
    ) {
        let from = from.min(self.count.saturating_sub(1));
        let mut left = limit.min(from + 1).min(self.count);
        if left == 0 {
            return;
        }
        let (mut path, nth) = self.tree.find_rank(leaves, from);
        let mut end = nth + 1;
        loop {
            let view = View::new(leaves.bytes(path.leaf()));
            let begin = end.saturating_sub(index(left));
            for (member, score) in view.members_reversed(begin, end) {
                show(member, score);
            }
            left -= (end - begin) as u64;
            if left == 0 || !self.tree.previous(leaves, &mut path) {
                return;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
            end = count(leaves.bytes(path.leaf()));
        }
    }

    /// A step of a scan in the order of hashes. The members are looked up by their scores: among equal ones each is asked whether it is meant.
    pub(super) fn scan(
        &self,
        leaves: &Leaves,
        cursor: u32,
        show: &mut dyn FnMut(Stored<'_>, u64),
    ) -> u32 {
        let mut traces = Vec::new();
        let next = self.index.scan(leaves, cursor, &mut traces);
        for equal in traces.chunk_by(|one, other| one.score == other.score) {
            self.show_traces(leaves, equal, show);
        }
        next
    }

    /// Shows the members that these traces, of one score, are of.
    fn show_traces(
        &self,
        leaves: &Leaves,
        traces: &[Trace],
        show: &mut dyn FnMut(Stored<'_>, u64),
    ) {
        let score = traces[0].score;
        let mut path = self.tree.find(leaves, Key { score, text: b"" });
        let first = View::new(leaves.bytes(path.leaf()));
        let mut nth = first.before(leaves, Key { score, text: b"" });
        let mut left = traces.len();
        loop {
            let view = View::new(leaves.bytes(path.leaf()));
            for (member, own) in view.members(nth, view.count) {
                if own != score || left == 0 {
                    return;
                }
                let hash = leaves.hash_of(member);
                if traces.iter().any(|trace| trace.is(hash)) {
                    show(member, score);
                    left -= 1;
                }
            }
            nth = 0;
            if !self.tree.next(leaves, &mut path) {
                return;
            }
        }
    }
}
