//! An inner node of a tree: children, how many elements are below each, and in a keyed tree the separators between them.
//! Pure.
//! Invariant: the first separator is the least of all and stands for nothing, so the first child takes whatever is below the second one.
//!
//! ```text
//! count 2 (flag: keyed) | scores 8n | children 4n | sizes 4n | ends of texts 2n | texts
//! ```
//! Without keys there are children and sizes alone. A separator is a score, and a text where scores are equal at the border; a text that is too long lies elsewhere, which the top bit of its end says.

use crate::store::value::block::{
    Block, COUNT_BYTES, FIRST_FLAG, close, count, count32, has_flag, index, open, put_u16, put_u32,
    set_count, set_flag, short, u16_at, u32_at,
};
use crate::store::value::codes::{ELSEWHERE, Elsewhere, Encoded, Stored};
use crate::store::value::leaves::{LeafId, Leaves};
use std::cmp::Ordering;

const KEYED: u16 = FIRST_FLAG;

/// Most children of a node.
pub(super) const MOST_CHILDREN: usize = 64;

/// A node with long texts is full earlier: so many bytes and one more child fit in a block.
const MOST_BYTES: usize = 3000;

/// Set in the end of a text that lies elsewhere.
const IS_ELSEWHERE: u16 = 1 << 15;

/// Where a node is parted, or a search begins: a score, and a text that is compared when scores are equal.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::value) struct Key<'a> {
    pub(in crate::store::value) score: u64,
    pub(in crate::store::value) text: &'a [u8],
}

/// A separator as it is written.
#[derive(Clone, Debug)]
pub(in crate::store::value) struct Separator {
    pub(super) score: u64,
    /// The text, or where it lies.
    pub(super) bytes: Vec<u8>,
    pub(super) is_elsewhere: bool,
}

impl Separator {
    /// The one that stands for nothing.
    pub(in crate::store::value) const LEAST: Self = Self {
        score: 0,
        bytes: Vec::new(),
        is_elsewhere: false,
    };

    /// From an encoded text.
    pub(in crate::store::value) fn new(score: u64, text: &Encoded<'_>) -> Self {
        Self {
            score,
            bytes: text.bytes().to_vec(),
            is_elsewhere: text.code == ELSEWHERE,
        }
    }

    /// Gives up what lies elsewhere.
    pub(super) fn discard(&self, leaves: &mut Leaves) {
        if self.is_elsewhere {
            leaves.discard(Stored {
                code: ELSEWHERE,
                bytes: &self.bytes,
            });
        }
    }
}

/// One child of a node that is taken apart.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) child: LeafId,
    pub(super) size: u32,
    pub(super) separator: Separator,
}

/// Where the arrays begin.
#[derive(Clone, Copy, Debug)]
struct Layout {
    count: usize,
    is_keyed: bool,
    children: usize,
    sizes: usize,
    ends: usize,
    texts: usize,
}

#[inline]
fn layout(bytes: &[u8]) -> Layout {
    let count = count(bytes);
    let is_keyed = has_flag(bytes, KEYED);
    let children = COUNT_BYTES + usize::from(is_keyed) * 8 * count;
    let ends = children + 8 * count;
    Layout {
        count,
        is_keyed,
        children,
        sizes: children + 4 * count,
        ends,
        texts: ends + usize::from(is_keyed) * 2 * count,
    }
}

impl Layout {
    /// Where the text of a separator begins and ends in the block, and whether it lies elsewhere.
    #[inline]
    fn text(self, bytes: &[u8], nth: usize) -> (usize, usize, bool) {
        let begin = match nth {
            0 => 0,
            _ => u16_at(bytes, self.ends + 2 * (nth - 1)) & !IS_ELSEWHERE,
        };
        let end = u16_at(bytes, self.ends + 2 * nth);
        (
            self.texts + usize::from(begin),
            self.texts + usize::from(end & !IS_ELSEWHERE),
            end & IS_ELSEWHERE != 0,
        )
    }
}

/// The text of a separator.
#[inline]
fn text<'a>(leaves: &'a Leaves, bytes: &'a [u8], layout: Layout, nth: usize) -> &'a [u8] {
    let (begin, end, is_elsewhere) = layout.text(bytes, nth);
    let text = &bytes[begin..end];
    if is_elsewhere {
        leaves.long(Elsewhere::read(text))
    } else {
        text
    }
}

#[inline]
fn scores(bytes: &[u8]) -> &[[u8; 8]] {
    let (scores, _) = bytes[COUNT_BYTES..].as_chunks::<8>();
    &scores[..count(bytes)]
}

/// How many of the ascending numbers are not greater than `bound`. The last of each line is read first, all at once, then one line: a chain of two misses, where halving has six.
#[inline]
fn not_above(scores: &[[u8; 8]], bound: u64) -> usize {
    let mut line = 0;
    for last in scores.chunks_exact(8) {
        line += usize::from(u64::from_le_bytes(last[7]) <= bound);
    }
    let mut count = line * 8;
    for score in scores[count..].iter().take(8) {
        count += usize::from(u64::from_le_bytes(*score) <= bound);
    }
    count
}

/// The child that a key belongs to.
#[inline]
pub(super) fn child_of_key(leaves: &Leaves, bytes: &[u8], key: Key<'_>) -> usize {
    let scores = scores(bytes);
    let mut high = not_above(scores, key.score);
    if high > 1 && u64::from_le_bytes(scores[high - 1]) == key.score {
        let mut low = match key.score {
            0 => 1,
            score => not_above(scores, score - 1).max(1),
        };
        let layout = layout(bytes);
        while low < high {
            let middle = low.midpoint(high);
            if text(leaves, bytes, layout, middle).cmp(key.text) == Ordering::Greater {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        high = low;
    }
    high.saturating_sub(1)
}

/// The child that has the element at `place`, and its place there; the last child for a place behind all. Sizes are added up several at a time.
#[inline]
pub(super) fn child_at(bytes: &[u8], place: u64) -> (usize, u64) {
    let layout = layout(bytes);
    let (sizes, _) = bytes[layout.sizes..].as_chunks::<4>();
    let sizes = &sizes[..layout.count.saturating_sub(1)];
    let (mut nth, mut place) = (0, place);
    for some in sizes.chunks_exact(8) {
        let all = sum(some);
        if place < all {
            break;
        }
        place -= all;
        nth += some.len();
    }
    for size in &sizes[nth..] {
        let size = u64::from(u32::from_le_bytes(*size));
        if place < size {
            break;
        }
        place -= size;
        nth += 1;
    }
    (nth, place)
}

#[inline]
fn sum(sizes: &[[u8; 4]]) -> u64 {
    let sizes = sizes.iter().map(|size| u32::from_le_bytes(*size));
    sizes.map(u64::from).sum()
}

/// Elements below the first `nth` children.
#[inline]
pub(super) fn before(bytes: &[u8], nth: usize) -> u64 {
    let (sizes, _) = bytes[layout(bytes).sizes..].as_chunks::<4>();
    sum(&sizes[..nth])
}

/// Elements below all of them.
pub(super) fn total(bytes: &[u8]) -> u32 {
    count32(index(before(bytes, count(bytes))))
}

/// The `nth` child.
#[inline]
pub(super) fn child(bytes: &[u8], nth: usize) -> LeafId {
    LeafId(u32_at(bytes, layout(bytes).children + 4 * nth))
}

/// How many elements are below a child.
#[inline]
pub(super) fn size(bytes: &[u8], nth: usize) -> u32 {
    u32_at(bytes, layout(bytes).sizes + 4 * nth)
}

/// Changes how many elements are below a child.
#[inline]
pub(super) fn add(bytes: &mut [u8], nth: usize, change: i32) {
    let at = layout(bytes).sizes + 4 * nth;
    let size = u32_at(bytes, at).wrapping_add_signed(change);
    put_u32(bytes, at, size);
}

/// Says how many elements are below a child.
pub(super) fn set_size(bytes: &mut [u8], nth: usize, size: u32) {
    let at = layout(bytes).sizes + 4 * nth;
    put_u32(bytes, at, size);
}

/// Whether it has to be split before another child comes.
pub(super) fn is_full(bytes: &[u8]) -> bool {
    count(bytes) >= MOST_CHILDREN || bytes.len() > MOST_BYTES
}

/// Whether two of them are so small that they should be one.
pub(super) fn fit_together(left: &[u8], right: &[u8]) -> bool {
    count(left) + count(right) <= MOST_CHILDREN * 5 / 8
        && left.len() + right.len() <= MOST_BYTES * 5 / 8
}

/// Adds a child at place `nth`, not the first.
pub(super) fn insert(block: &mut impl Block, nth: usize, row: &Row) {
    let before = layout(block.bytes());
    let (child_at, size_at) = (before.children + 4 * nth, before.sizes + 4 * nth);
    if !before.is_keyed {
        open(block, [(child_at, 4), (size_at, 4)]);
        put_row(block.bytes_mut(), before.count + 1, nth, row);
        return;
    }
    let (begin, ..) = match nth {
        last if last == before.count => (block.bytes().len(), 0, false),
        _ => before.text(block.bytes(), nth),
    };
    let added = row.separator.bytes.len();
    let score_at = COUNT_BYTES + 8 * nth;
    let end_at = before.ends + 2 * nth;
    let gaps = [(score_at, 8), (child_at, 4), (size_at, 4), (end_at, 2)];
    open(block, [gaps[0], gaps[1], gaps[2], gaps[3], (begin, added)]);
    let bytes = block.bytes_mut();
    put_row(bytes, before.count + 1, nth, row);
    bytes[score_at..score_at + 8].copy_from_slice(&row.separator.score.to_le_bytes());
    let layout = layout(bytes);
    let begin = begin - before.texts;
    for later in nth + 1..layout.count {
        let at = layout.ends + 2 * later;
        let end = u16_at(bytes, at) + short(added);
        put_u16(bytes, at, end);
    }
    let flag = u16::from(row.separator.is_elsewhere) * IS_ELSEWHERE;
    put_u16(bytes, layout.ends + 2 * nth, short(begin + added) | flag);
    let at = layout.texts + begin;
    bytes[at..at + added].copy_from_slice(&row.separator.bytes);
}

/// Writes count, child and size of a row whose room is there.
fn put_row(bytes: &mut [u8], count: usize, nth: usize, row: &Row) {
    set_count(bytes, count);
    let layout = layout(bytes);
    put_u32(bytes, layout.children + 4 * nth, row.child.0);
    put_u32(bytes, layout.sizes + 4 * nth, row.size);
}

/// Takes a child out, and gives the separator that goes with it: its own, or the second one when it is the first, for the next child is the first then.
pub(super) fn remove(block: &mut impl Block, nth: usize) -> Separator {
    let bytes = block.bytes();
    let before = layout(bytes);
    let (child_at, size_at) = (before.children + 4 * nth, before.sizes + 4 * nth);
    if !before.is_keyed {
        set_count(block.bytes_mut(), before.count - 1);
        close(block, [(child_at, 4), (size_at, 4)]);
        return Separator::LEAST;
    }
    let parted = if nth == 0 && before.count > 1 { 1 } else { nth };
    let gone = separator(bytes, parted);
    let (begin, end, _) = before.text(bytes, parted);
    let gaps = [
        (COUNT_BYTES + 8 * parted, 8),
        (child_at, 4),
        (size_at, 4),
        (before.ends + 2 * parted, 2),
        (begin, end - begin),
    ];
    set_count(block.bytes_mut(), before.count - 1);
    close(block, gaps);
    let bytes = block.bytes_mut();
    let after = layout(bytes);
    for later in parted..after.count {
        let at = after.ends + 2 * later;
        let end_of_text = u16_at(bytes, at) - short(end - begin);
        put_u16(bytes, at, end_of_text);
    }
    gone
}

/// A copy of a separator.
pub(super) fn separator(bytes: &[u8], nth: usize) -> Separator {
    let layout = layout(bytes);
    if !layout.is_keyed {
        return Separator::LEAST;
    }
    let (begin, end, is_elsewhere) = layout.text(bytes, nth);
    Separator {
        score: u64::from_le_bytes(scores(bytes)[nth]),
        bytes: bytes[begin..end].to_vec(),
        is_elsewhere,
    }
}

/// Takes a node apart.
pub(super) fn rows(bytes: &[u8]) -> Vec<Row> {
    let layout = layout(bytes);
    (0..layout.count)
        .map(|nth| Row {
            child: child(bytes, nth),
            size: u32_at(bytes, layout.sizes + 4 * nth),
            separator: separator(bytes, nth),
        })
        .collect()
}

/// Writes a node of these children; the first one's separator is forgotten.
pub(super) fn write(block: &mut impl Block, is_keyed: bool, rows: &[Row]) {
    let count = rows.len();
    let texts: usize = rows
        .iter()
        .skip(1)
        .map(|row| row.separator.bytes.len())
        .sum();
    let each = if is_keyed { 18 } else { 8 };
    block.resize(COUNT_BYTES + each * count + texts);
    let bytes = block.bytes_mut();
    bytes[..COUNT_BYTES].fill(0);
    set_count(bytes, count);
    if is_keyed {
        set_flag(bytes, KEYED);
    }
    let layout = layout(bytes);
    let mut end = 0;
    for (nth, row) in rows.iter().enumerate() {
        put_u32(bytes, layout.children + 4 * nth, row.child.0);
        put_u32(bytes, layout.sizes + 4 * nth, row.size);
        if !is_keyed {
            continue;
        }
        let least = Separator::LEAST;
        let separator = if nth == 0 { &least } else { &row.separator };
        let at = COUNT_BYTES + 8 * nth;
        bytes[at..at + 8].copy_from_slice(&separator.score.to_le_bytes());
        let text = &separator.bytes;
        bytes[layout.texts + end..][..text.len()].copy_from_slice(text);
        end += text.len();
        let flag = u16::from(separator.is_elsewhere) * IS_ELSEWHERE;
        put_u16(bytes, layout.ends + 2 * nth, short(end) | flag);
    }
}
