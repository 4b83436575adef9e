//! How a node of a stream is written as a listpack.
//! Pure. Invariant: what is read of it is the same node: it has as many removed entries and ends with the same one, though nothing else is known of them, and is as long as Redis' would be, up to [`MOST_PADDING`].

use crate::rdb::fault::Fault;
use crate::rdb::load::{HAS_NODE_NAMES, IS_REMOVED, OTHERS};
use crate::rdb::packed::{ListpackWriter, len_of_text};
use crate::store::{NodeEntry, StreamId, StreamNode, StringRef};

/// Bytes that stand at most for what removed entries had: a node of Redis' default length is full by them.
const MOST_PADDING: usize = 4096;

/// Elements of a removed entry beside [`OTHERS`]: how many fields it has, the one's name, its value.
const REMOVED_ELEMENTS: u64 = 3;

/// Writes a node.
///
/// # Errors
/// [`Fault::TooLong`]: no listpack may be so long.
pub(super) fn write(node: StreamNode<'_>, out: &mut ListpackWriter) -> Result<(), Fault> {
    write_padded(node, &[], out)?;
    let packed_bytes = usize::try_from(node.packed_bytes()).unwrap_or(usize::MAX);
    let missing = packed_bytes.saturating_sub(out.finish().len());
    if node.removed() > 0 && missing > 0 {
        out.clear();
        write_padded(node, &vec![0; padding(missing)], out)?;
        out.finish();
    }
    Ok(())
}

/// The longest text that makes a listpack no more than so many bytes longer than an empty one does.
fn padding(missing: usize) -> usize {
    let empty = len_of_text(0);
    let missing = missing.min(MOST_PADDING);
    let fits = |len: &usize| len_of_text(*len) - empty <= missing;
    (0..=missing).rev().find(fits).unwrap_or(0)
}

fn write_padded(
    node: StreamNode<'_>,
    padding: &[u8],
    out: &mut ListpackWriter,
) -> Result<(), Fault> {
    for count in [node.count(), node.removed(), node.name_count()] {
        push(out, count)?;
    }
    for name in node.names() {
        out.push_as_it_is(name)?;
    }
    push(out, 0)?;
    // The last entry that was put there says where the node ends.
    let ends_removed = node.last_put() != node.last_id();
    if !ends_removed {
        write_removed(node, node.first_id(), padding, out)?;
    }
    for entry in node.entries() {
        write_entry(node.first_id(), entry, out)?;
    }
    if ends_removed {
        write_removed(node, node.last_put(), padding, out)?;
    }
    Ok(())
}

fn write_entry(
    first: StreamId,
    NodeEntry {
        entry,
        has_own_names,
    }: NodeEntry<'_>,
    out: &mut ListpackWriter,
) -> Result<(), Fault> {
    push(out, if has_own_names { 0 } else { HAS_NODE_NAMES })?;
    push_distance(out, first, entry.id)?;
    if !has_own_names {
        for value in entry.values() {
            out.push_as_it_is(value)?;
        }
        return push(out, OTHERS + entry.count);
    }
    push(out, entry.count)?;
    for (name, value) in entry.fields() {
        out.push_as_it_is(name)?;
        out.push_as_it_is(value)?;
    }
    push(out, OTHERS + 1 + 2 * entry.count)
}

/// Entries that are there no more, as ones with one field without name: the first with what is missing of the node's length.
fn write_removed(
    node: StreamNode<'_>,
    id: StreamId,
    mut padding: &[u8],
    out: &mut ListpackWriter,
) -> Result<(), Fault> {
    for _ in 0..node.removed() {
        push(out, IS_REMOVED)?;
        push_distance(out, node.first_id(), id)?;
        push(out, 1)?;
        out.push_as_it_is(StringRef::Bytes(&[]))?;
        out.push_as_it_is(StringRef::Bytes(padding))?;
        push(out, OTHERS + REMOVED_ELEMENTS)?;
        padding = &[];
    }
    Ok(())
}

fn push_distance(out: &mut ListpackWriter, first: StreamId, id: StreamId) -> Result<(), Fault> {
    push(out, id.ms.wrapping_sub(first.ms))?;
    push(out, id.seq.wrapping_sub(first.seq))
}

/// Adds a number; one above 2⁶³ stands for one below 0.
fn push(out: &mut ListpackWriter, number: u64) -> Result<(), Fault> {
    out.push_as_it_is(StringRef::Integer(number.cast_signed()))
}
