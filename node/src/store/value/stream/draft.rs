//! [`Draft`]: an entry that is to be appended.
//! Pure.

use super::id::StreamId;
use super::leaf::{ELSEWHERE_BYTES, IS_ELSEWHERE, LeafRef, OWN_NAMES};
use super::{body, listpack, varint};
use crate::store::StoreFull;
use crate::store::value::leaves::Leaves;
use shared::resp::Args;

/// Longer texts of an entry lie elsewhere, so that a leaf has room for several.
const MOST_BYTES_HERE: usize = 512;

/// What a client gave, or a payload.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) count: u64,
    pub(super) names: Vec<u8>,
    values: Vec<u8>,
    /// Bytes of all texts together.
    pub(super) text_bytes: u64,
    packed_names: u64,
    packed_values: u64,
}

impl Draft {
    /// Of names and values that alternate.
    pub(super) fn of(leaves: &mut Leaves, record: Args<'_>) -> Self {
        let mut draft = Self {
            count: record.len() as u64 / 2,
            names: leaves.borrow_scratch(),
            values: leaves.borrow_scratch(),
            ..Self::default()
        };
        let mut texts = record.iter_from(0);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            draft.push_name(name);
            draft.push_value(value);
        }
        draft
    }

    /// One name more; how many there are is for the caller to say.
    pub(super) fn push_name(&mut self, name: &[u8]) {
        body::push(&mut self.names, name);
        self.text_bytes += name.len() as u64;
        self.packed_names += listpack::text(name);
    }

    /// One value more.
    pub(super) fn push_value(&mut self, value: &[u8]) {
        body::push(&mut self.values, value);
        self.text_bytes += value.len() as u64;
        self.packed_values += listpack::text(value);
    }

    /// Forgets all but its buffers.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
        *self = Self {
            names: std::mem::take(&mut self.names),
            values: std::mem::take(&mut self.values),
            ..Self::default()
        };
    }

    /// Gives its buffers back.
    pub(super) fn end(self, leaves: &mut Leaves) {
        leaves.return_scratch(self.names);
        leaves.return_scratch(self.values);
    }

    /// Bytes of Redis' node that begins with this entry, without its counts and entries.
    pub(super) fn packed_node(&self) -> u64 {
        listpack::node(self.count.cast_signed(), self.packed_names)
    }

    /// Bytes of the entry in Redis' node.
    pub(super) fn packed_entry(&self, first: StreamId, id: StreamId, has_own_names: bool) -> u64 {
        let ms = id.ms.wrapping_sub(first.ms).cast_signed();
        let seq = id.seq.wrapping_sub(first.seq).cast_signed();
        let own_names = has_own_names.then_some(self.packed_names);
        let count = self.count.cast_signed();
        listpack::entry((ms, seq), count, own_names, self.packed_values)
    }

    /// The entry as it stands in a leaf that has `room` bytes; `None` when it does not fit. What is too long is kept elsewhere.
    pub(super) fn write(
        &self,
        leaves: &mut Leaves,
        first: StreamId,
        id: StreamId,
        has_own_names: bool,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<()>, StoreFull> {
        out.clear();
        let ms = id.ms - first.ms;
        let seq = if ms == 0 { id.seq - first.seq } else { id.seq };
        let flags = if has_own_names { OWN_NAMES } else { 0 };
        varint::push_flagged(out, flags, ms);
        varint::push(out, seq);
        let begin = out.len();
        if has_own_names {
            varint::push(out, self.count);
            varint::push(out, self.names.len() as u64);
            out.extend_from_slice(&self.names);
        }
        out.extend_from_slice(&self.values);
        if out.len() - begin <= MOST_BYTES_HERE && out.len() <= room {
            return Ok(Some(()));
        }
        if begin + ELSEWHERE_BYTES > room {
            return Ok(None);
        }
        let place = leaves.keep(&out[begin..], 0)?;
        out.truncate(begin);
        out.extend_from_slice(place.bytes());
        out[0] |= IS_ELSEWHERE;
        Ok(Some(()))
    }

    /// The names as a new leaf has them, and whether they lie elsewhere.
    pub(super) fn leaf_names(
        &self,
        leaves: &mut Leaves,
        out: &mut Vec<u8>,
    ) -> Result<bool, StoreFull> {
        out.clear();
        if self.names.len() <= MOST_BYTES_HERE {
            out.extend_from_slice(&self.names);
            return Ok(false);
        }
        let place = leaves.keep(&self.names, 0)?;
        out.extend_from_slice(place.bytes());
        Ok(true)
    }

    /// Whether it has names of its own in this leaf.
    pub(super) fn differs_from(&self, leaf: LeafRef<'_>) -> bool {
        !leaf.has_names(&self.names)
    }
}
