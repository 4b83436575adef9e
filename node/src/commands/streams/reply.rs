//! [`EntriesReply`]: entries of streams as replies.
//! Pure. Invariant: the reply passes its bound by one entry at most.

use crate::commands::arguments::reply_count_64;
use crate::store::{EntryRef, StreamId, StringRef};
use shared::resp::{Bulks, ErrorReply, LaterHead, ReplyWriter};

/// An identifier as a reply.
pub(super) fn reply_id(reply: &mut ReplyWriter<'_>, id: StreamId) {
    reply.bulk(id.text().as_bytes());
}

/// An identifier with the fields of its entry, or a null where it is there no more.
pub(super) fn reply_entry(reply: &mut ReplyWriter<'_>, id: StreamId, entry: Option<EntryRef<'_>>) {
    match entry {
        Some(entry) => push_entry(&mut reply.bulks(), entry),
        None => {
            reply.array(2);
            reply_id(reply, id);
            reply.null_array();
        }
    }
}

/// An entry, with its identifier and its fields, perhaps among many in a row.
pub(super) fn push_entry(bulks: &mut Bulks<'_>, entry: EntryRef<'_>) {
    bulks.array(2);
    bulks.push(entry.id.text().as_bytes());
    let texts = entry.count.saturating_mul(2);
    bulks.array(usize::try_from(texts).unwrap_or(usize::MAX));
    for (name, value) in entry.fields() {
        for text in [name, value] {
            match text {
                StringRef::Integer(number) => bulks.push_integer(number),
                StringRef::Bytes(bytes) => bulks.push(bytes),
            }
        }
    }
}

/// The head of an array of so many.
pub(super) fn reply_array(reply: &mut ReplyWriter<'_>, count: u64) {
    reply.array(usize::try_from(count).unwrap_or(usize::MAX));
}

/// A number that may be unknown.
pub(super) fn reply_known(reply: &mut ReplyWriter<'_>, number: Option<i64>) {
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}

/// A name with a count.
pub(super) fn reply_named_count(reply: &mut ReplyWriter<'_>, name: &str, count: u64) {
    reply.bulk(name.as_bytes());
    reply_count_64(reply, count);
}

/// A name with an identifier.
pub(super) fn reply_named_id(reply: &mut ReplyWriter<'_>, name: &str, id: StreamId) {
    reply.bulk(name.as_bytes());
    reply_id(reply, id);
}

/// An array of as many elements as come, until it is too long.
#[derive(Debug)]
pub(super) struct EntriesReply<'a, 'b> {
    reply: &'a mut ReplyWriter<'b>,
    head: LaterHead,
    count: usize,
    /// Bytes of the whole reply, and elements.
    most_bytes: usize,
    most: u64,
}

impl<'a, 'b> EntriesReply<'a, 'b> {
    /// Up to `most` elements.
    pub(super) fn begin(reply: &'a mut ReplyWriter<'b>, most_bytes: usize, most: u64) -> Self {
        let head = reply.array_later();
        Self {
            reply,
            head,
            count: 0,
            most_bytes,
            most,
        }
    }

    /// One more element; whether there may be another.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut ReplyWriter<'b>)) -> bool {
        write(self.reply);
        self.count += 1;
        !self.is_too_long() && (self.count as u64) < self.most
    }

    /// Whether its bound is passed.
    pub(super) fn is_too_long(&self) -> bool {
        self.reply.position() > self.most_bytes
    }

    /// The end of what is as long as it may be; how many elements there are.
    pub(super) fn end(self) -> usize {
        self.reply.finish(self.head, self.count);
        self.count
    }

    /// The end of what is of no use in part.
    pub(super) fn finish(self) -> Result<(), ErrorReply> {
        if self.is_too_long() {
            return Err(ErrorReply::ReplyTooLong);
        }
        self.end();
        Ok(())
    }
}
