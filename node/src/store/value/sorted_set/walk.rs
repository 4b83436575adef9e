//! Walks over a large sorted set, by rank both ways, and in the order of hashes.
//! Pure.

use super::large::{Large, PREFETCHED_LINES};
use super::leaf::View;
use crate::store::value::block::{count, index};
use crate::store::value::codes::Stored;
use crate::store::value::leaves::Leaves;
use crate::store::value::member_index::{Trace, low_hash};
use crate::store::value::tree::{Key, Path};

/// Members that are looked at in one part of a step of a scan: a tenth of a millisecond.
const LOOKED_AT_ONCE: u64 = 4096;

/// What a way to a score counts for among them.
const LEAST_LOOKS: u64 = 16;

/// With more members of one score a step of a scan shows more of them.
const LONG_RUN: u64 = 16 * 1024;

/// So many, and those of one leaf of the index.
const GATHERED: usize = 2048;

/// A step of a scan under way. Good until the set changes.
#[derive(Debug)]
pub struct MemberScan {
    /// What is known of the members that are meant, by score.
    traces: Vec<Trace>,
    /// The cursor behind it.
    next: u32,
    /// How many of them have been dealt with.
    done: usize,
    /// Among the members of the next one's score: the rank of the next one to be looked at, and how many are still to be found.
    run: Option<(u64, usize)>,
}

impl MemberScan {
    /// The cursor behind the step.
    pub(super) fn next(&self) -> u32 {
        self.next
    }
}

impl Large {
    /// Shows members from a rank on, forwards; up to `limit`.
    #[inline]
    pub(super) fn walk<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(Stored<'a>, u64),
    ) {
        self.walk_views(leaves, from, limit, |view, from, end| {
            for (member, score) in view.members(from, end) {
                show(member, score);
            }
        });
    }

    /// The same by the leaves that they are in, and their places there.
    #[inline]
    pub(super) fn walk_views<'a>(
        &self,
        leaves: &'a Leaves,
        from: u64,
        limit: u64,
        mut show: impl FnMut(View<'a>, usize, usize),
    ) {
        let mut left = limit.min(self.count.saturating_sub(from));
        if left == 0 {
            return;
        }
        let (mut path, mut nth) = self.tree.find_rank(leaves, from);
        loop {
            let view = View::new(leaves.bytes(path.leaf()));
            let end = view.count.min(nth.saturating_add(index(left)));
            show(view, nth, end);
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
        mut show: impl FnMut(Stored<'a>, u64),
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

    /// Begins a step of a scan in the order of hashes: which members are meant.
    pub(super) fn begin_scan(&self, leaves: &Leaves, cursor: u32) -> MemberScan {
        let mut traces = Vec::new();
        let mut next = self.index.scan(leaves, cursor, &mut traces);
        traces.sort_unstable_by_key(|trace| trace.score);
        if self.longest_run(leaves, &traces) > LONG_RUN {
            // One way through so many equal ones is as long for many members as for few.
            while next != 0 && traces.len() < GATHERED {
                next = self.index.scan(leaves, next, &mut traces);
            }
        }
        traces.sort_unstable_by_key(|trace| (trace.score, trace.hash()));
        MemberScan {
            traces,
            next,
            done: 0,
            run: None,
        }
    }

    /// How many members have the score that most of these have, which stand by score.
    fn longest_run(&self, leaves: &Leaves, traces: &[Trace]) -> u64 {
        let runs = traces.chunk_by(|one, other| one.score == other.score);
        let alike = runs.max_by_key(|run| run.len());
        let Some([first, _, ..]) = alike else {
            return 1;
        };
        let rank = |score| self.before(leaves, Key { score, text: b"" });
        rank(first.score.saturating_add(1)) - rank(first.score)
    }

    /// Goes on with such a step: looks at some members, and shows those that are meant; whether it is over. Members are looked up by their scores: among equal ones each is asked whether it is meant.
    pub(super) fn go_on_scanning(
        &self,
        leaves: &Leaves,
        scan: &mut MemberScan,
        show: &mut dyn FnMut(Stored<'_>, u64),
    ) -> bool {
        let mut looks = LOOKED_AT_ONCE;
        while let Some(first) = scan.traces.get(scan.done) {
            let score = first.score;
            let meant = scan.traces[scan.done..].partition_point(|trace| trace.score == score);
            let meant = &scan.traces[scan.done..scan.done + meant];
            let (place, left) = match scan.run.take() {
                Some((rank, left)) => (self.tree.find_rank(leaves, rank), left),
                None => (self.first_of(leaves, score), meant.len()),
            };
            match self.show_meant(leaves, meant, (place, left), &mut looks, show) {
                None => scan.done += meant.len(),
                run => {
                    scan.run = run;
                    return false;
                }
            }
        }
        true
    }

    /// Where the members of a score begin.
    fn first_of(&self, leaves: &Leaves, score: u64) -> (Path, usize) {
        let key = Key { score, text: b"" };
        let path = self.tree.find(leaves, key);
        let view = View::new(leaves.bytes(path.leaf()));
        (path, view.before(leaves, key))
    }

    /// Shows those members that are meant, all of one score and by hash, from a place on, as long as `looks` last: the rank of the next one and how many are still to be found then, `None` when all were.
    fn show_meant(
        &self,
        leaves: &Leaves,
        meant: &[Trace],
        ((mut path, mut nth), mut left): ((Path, usize), usize),
        looks: &mut u64,
        show: &mut dyn FnMut(Stored<'_>, u64),
    ) -> Option<(u64, usize)> {
        let score = meant.first()?.score;
        *looks = looks.saturating_sub(LEAST_LOOKS);
        loop {
            let view = View::new(leaves.bytes(path.leaf()));
            for (member, own) in view.members(nth, view.count) {
                if own != score || left == 0 {
                    return None;
                }
                if *looks == 0 {
                    return Some((self.tree.rank(leaves, &path) + nth as u64, left));
                }
                (*looks, nth) = (*looks - 1, nth + 1);
                let hash = leaves.hash_of(member);
                let nearest = meant.partition_point(|trace| trace.hash() < low_hash(hash));
                let alike = meant[nearest..].iter();
                let mut alike = alike.take_while(|trace| trace.hash() == low_hash(hash));
                if alike.any(|trace| trace.is(hash)) {
                    show(member, score);
                    left -= 1;
                }
            }
            nth = 0;
            if !self.tree.next(leaves, &mut path) {
                return None;
            }
            leaves.prefetch(path.leaf(), PREFETCHED_LINES);
        }
    }
}
