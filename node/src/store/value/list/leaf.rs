//! A block of elements in order: a leaf of a list's tree, or a whole small list.
//! Pure.
//!
//! ```text
//! count 2 | codes n | elements
//! ```

use crate::store::value::block::{Block, COUNT_BYTES, close, count, open, set_count};
use crate::store::value::codes::{Encoded, Stored, Strings, code_len, show_strings, sum_of_first};
use crate::store::value::leaves::Leaves;

/// A block without elements.
pub(super) const EMPTY: [u8; COUNT_BYTES] = [0; COUNT_BYTES];

#[inline]
fn codes(bytes: &[u8]) -> &[u8] {
    &bytes[COUNT_BYTES..COUNT_BYTES + count(bytes)]
}

/// Where element `nth` begins; the end for the one behind the last.
#[inline]
fn offset(bytes: &[u8], nth: usize) -> usize {
    COUNT_BYTES + count(bytes) + sum_of_first(&bytes[COUNT_BYTES..], nth)
}

#[inline]
fn element_at(bytes: &[u8], nth: usize, at: usize) -> Stored<'_> {
    let code = codes(bytes)[nth];
    Stored {
        code,
        bytes: &bytes[at..at + code_len(code)],
    }
}

/// An element.
#[inline]
pub(super) fn element(bytes: &[u8], nth: usize) -> Stored<'_> {
    element_at(bytes, nth, offset(bytes, nth))
}

/// The elements from `from` on up to `end`.
#[inline]
pub(super) fn elements(bytes: &[u8], from: usize, end: usize) -> impl Iterator<Item = Stored<'_>> {
    let mut rest = &bytes[offset(bytes, from)..];
    codes(bytes)[from..end].iter().map(move |&code| {
        let bytes;
        (bytes, rest) = rest.split_at(code_len(code));
        Stored { code, bytes }
    })
}

/// Shows the elements from `from` on up to `end`.
pub(super) fn show_elements<'a>(
    leaves: &'a Leaves,
    bytes: &'a [u8],
    from: usize,
    end: usize,
    strings: &mut impl Strings,
) {
    let elements = &bytes[offset(bytes, from)..];
    let whole = |element| leaves.show(element);
    show_strings(&codes(bytes)[from..end], elements, whole, strings);
}

/// The elements before `end` down to `from`.
#[inline]
pub(super) fn elements_reversed(
    bytes: &[u8],
    from: usize,
    end: usize,
) -> impl Iterator<Item = Stored<'_>> {
    let mut at = offset(bytes, end);
    (from..end).rev().map(move |nth| {
        at -= code_len(codes(bytes)[nth]);
        element_at(bytes, nth, at)
    })
}

/// Bytes that an element adds.
pub(super) fn cost(element: &Encoded<'_>) -> usize {
    1 + code_len(element.code)
}

/// Puts an element at place `nth`.
#[inline]
pub(super) fn insert(block: &mut impl Block, nth: usize, element: &Encoded<'_>) {
    let bytes = block.bytes();
    let (len, before) = (code_len(element.code), count(bytes));
    let at = match nth {
        0 => COUNT_BYTES + before,
        last if last == before => bytes.len(),
        _ => offset(bytes, nth),
    };
    open(block, [(COUNT_BYTES + nth, 1), (at, len)]);
    let bytes = block.bytes_mut();
    set_count(bytes, before + 1);
    bytes[COUNT_BYTES + nth] = element.code;
    bytes[at + 1..at + 1 + len].copy_from_slice(element.bytes());
}

/// Takes the elements from `from` on up to `end` out.
#[inline]
pub(super) fn remove(block: &mut impl Block, from: usize, end: usize) {
    let bytes = block.bytes();
    let (begin_at, end_at) = (offset(bytes, from), offset(bytes, end));
    let left = count(bytes) - (end - from);
    set_count(block.bytes_mut(), left);
    let gaps = [
        (COUNT_BYTES + from, end - from),
        (begin_at, end_at - begin_at),
    ];
    close(block, gaps);
}

/// Writes another element at place `nth`.
pub(super) fn replace(block: &mut impl Block, nth: usize, element: &Encoded<'_>) {
    let bytes = block.bytes();
    let at = offset(bytes, nth);
    let (old, new) = (code_len(codes(bytes)[nth]), code_len(element.code));
    if new > old {
        open(block, [(at, new - old)]);
    } else if new < old {
        close(block, [(at, old - new)]);
    }
    let bytes = block.bytes_mut();
    bytes[COUNT_BYTES + nth] = element.code;
    bytes[at..at + new].copy_from_slice(element.bytes());
}

/// Appends the elements of `other` from `from` on.
pub(super) fn append(block: &mut impl Block, other: &[u8], from: usize) {
    let more = &codes(other)[from..];
    let elements = &other[offset(other, from)..];
    let len = block.bytes().len();
    let before = count(block.bytes());
    let end_of_codes = COUNT_BYTES + before;
    open(block, [(end_of_codes, more.len()), (len, elements.len())]);
    let bytes = block.bytes_mut();
    set_count(bytes, before + more.len());
    bytes[end_of_codes..end_of_codes + more.len()].copy_from_slice(more);
    bytes[len + more.len()..].copy_from_slice(elements);
}
