//! How a stream is written, step by step: nodes, what there was of entries, groups.
//! Pure.

use super::node;
use super::steps::write_text;
use crate::rdb::fault::Fault;
use crate::rdb::length::Written;
use crate::rdb::lzf::Packer;
use crate::rdb::packed::ListpackWriter;
use crate::rdb::text::TextWriter;
use crate::store::{GroupRef, StreamId, StreamRef, StringRef};

/// Entries that are pending, written at once.
const WRITTEN_AT_ONCE: u64 = 256;

/// A node, a group or a consumer takes as long as so many bytes of a string.
const PART_BYTES: usize = 512;

/// A stream that is being written.
#[derive(Debug, Default)]
pub(super) struct StreamSaver {
    stage: Stage,
    /// An entry of the node that was written last.
    node: Option<StreamId>,
    /// The group that is next, or under way, and its consumer.
    group: usize,
    consumer: usize,
    /// The pending entry that is next, if any may be.
    pending: Option<StreamId>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// A node's head, and its listpack made.
    #[default]
    Node,
    /// The listpack.
    Pack,
    /// What there was of entries, and how many groups there are.
    Totals,
    /// A group's name, and how far it is.
    Group,
    /// Entries that are pending.
    Pending,
    /// A consumer's name, and when it was last heard of.
    Consumer,
    /// Entries that it has not acknowledged.
    Owned,
    /// Nothing.
    Over,
}

/// What is written with, and where to.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    pub(super) text: &'a mut Option<TextWriter>,
    pub(super) listpack: &'a mut ListpackWriter,
    pub(super) packer: &'a mut Packer,
    pub(super) out: &'a mut Vec<u8>,
}

impl Pen<'_> {
    fn text(&mut self, text: &[u8]) -> bool {
        let text = StringRef::Bytes(text);
        write_text(self.text, text, self.packer, self.out)
    }

    fn count(&mut self, count: u64) {
        self.out.extend_from_slice(Written::new(count).as_bytes());
    }

    fn id(&mut self, id: StreamId) {
        self.count(id.ms);
        self.count(id.seq);
    }

    fn moment(&mut self, ms: u64) {
        self.out.extend_from_slice(&ms.to_le_bytes());
    }
}

impl StreamSaver {
    /// Whether all of it is written.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// A small part of the work; how many bytes it treated.
    ///
    /// # Errors
    /// [`Fault::TooLong`]: there is no payload for such a stream.
    pub(super) fn step(&mut self, stream: StreamRef<'_>, mut pen: Pen<'_>) -> Result<usize, Fault> {
        let before = pen.out.len();
        match self.stage {
            Stage::Node => return self.pack_node(stream, &mut pen),
            Stage::Pack => {
                let listpack = StringRef::Bytes(pen.listpack.bytes());
                if write_text(pen.text, listpack, pen.packer, pen.out) {
                    self.stage = Stage::Node;
                }
                return Ok(pen.listpack.len());
            }
            Stage::Totals => {
                write_totals(stream, &mut pen);
                self.next_group(stream, 0);
            }
            _ => match stream.group_at(self.group) {
                Some(group) => self.write_of_group(stream, group, &mut pen),
                None => self.stage = Stage::Over,
            },
        }
        Ok(PART_BYTES + pen.out.len().saturating_sub(before))
    }

    /// Makes the listpack of the next node; how long that is.
    fn pack_node(&mut self, stream: StreamRef<'_>, pen: &mut Pen<'_>) -> Result<usize, Fault> {
        pen.listpack.clear();
        let Some(node) = stream.node_behind(self.node) else {
            self.stage = Stage::Totals;
            return Ok(0);
        };
        let first = node.first_id().to_bytes();
        pen.count(first.len() as u64);
        pen.out.extend_from_slice(&first);
        node::write(node, pen.listpack)?;
        self.node = Some(node.last_id());
        self.stage = Stage::Pack;
        Ok(pen.listpack.len())
    }

    fn next_group(&mut self, stream: StreamRef<'_>, nth: usize) {
        self.group = nth;
        self.stage = if nth < stream.group_count() {
            Stage::Group
        } else {
            Stage::Over
        };
    }

    fn write_of_group(&mut self, stream: StreamRef<'_>, group: GroupRef<'_>, pen: &mut Pen<'_>) {
        match self.stage {
            Stage::Group => {
                if pen.text(group.name()) {
                    pen.id(group.last_id());
                    pen.count(group.entries_read().unwrap_or(u64::MAX));
                    pen.count(group.pending_count());
                    self.pending = Some(StreamId::MIN);
                    self.stage = Stage::Pending;
                }
            }
            Stage::Pending => {
                self.write_pending(group, pen);
                if self.pending.is_none() {
                    pen.count(group.consumer_count() as u64);
                    self.next_consumer(stream, group, 0);
                }
            }
            Stage::Consumer => self.begin_consumer(group, pen),
            _ => {
                self.write_owned(group, pen);
                if self.pending.is_none() {
                    self.next_consumer(stream, group, self.consumer + 1);
                }
            }
        }
    }

    fn next_consumer(&mut self, stream: StreamRef<'_>, group: GroupRef<'_>, nth: usize) {
        self.consumer = nth;
        if nth < group.consumer_count() {
            self.stage = Stage::Consumer;
        } else {
            self.next_group(stream, self.group + 1);
        }
    }

    fn write_pending(&mut self, group: GroupRef<'_>, pen: &mut Pen<'_>) {
        let Some(from) = self.pending.take() else {
            return;
        };
        let mut left = WRITTEN_AT_ONCE;
        group.walk_pending(from, |entry| {
            pen.out.extend_from_slice(&entry.id.to_bytes());
            pen.moment(entry.at_ms);
            pen.count(entry.count);
            left -= 1;
            if left == 0 {
                self.pending = entry.id.next();
            }
            left > 0
        });
    }

    fn begin_consumer(&mut self, group: GroupRef<'_>, pen: &mut Pen<'_>) {
        let consumer = group.consumer_at(self.consumer);
        if let Some(consumer) = consumer
            && pen.text(consumer.name())
        {
            pen.moment(consumer.seen_ms());
            pen.count(consumer.pending_count());
            self.pending = Some(StreamId::MIN);
            self.stage = Stage::Owned;
        }
    }

    fn write_owned(&mut self, group: GroupRef<'_>, pen: &mut Pen<'_>) {
        let consumer = group.consumer_at(self.consumer);
        let (Some(consumer), Some(from)) = (consumer, self.pending.take()) else {
            return;
        };
        let mut left = WRITTEN_AT_ONCE;
        group.walk_pending_of(consumer, from, |entry| {
            pen.out.extend_from_slice(&entry.id.to_bytes());
            left -= 1;
            if left == 0 {
                self.pending = entry.id.next();
            }
            left > 0
        });
    }
}

fn write_totals(stream: StreamRef<'_>, pen: &mut Pen<'_>) {
    pen.count(stream.len());
    pen.id(stream.last_id());
    pen.id(stream.first_entry());
    pen.id(stream.max_deleted_id());
    pen.count(stream.entries_added());
    pen.count(stream.group_count() as u64);
}
