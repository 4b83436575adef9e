//! XINFO STREAM FULL behind its totals: the first entries, and all groups with what is pending, a piece at a time.
//! Pure.

use super::info::reply_progress;
use super::reply::{reply_array, reply_entry, reply_id, reply_named_count};
use crate::commands::Call;
use crate::commands::arguments::{check_reply, reply_count_64};
use crate::commands::piecewise::{PIECE_BYTES, PIECE_ELEMENTS, Piecewise, Progress};
use crate::store::{GroupRef, PendingEntry, StreamId, StreamRef};
use shared::resp::{ErrorReply, ReplyWriter};

/// What is shown next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Entries of the stream.
    Entries,
    /// The head of the group of this number.
    Group(usize),
    /// What is pending in that group.
    Pending(usize),
    /// The head of a group's consumer of this number.
    Consumer(usize, usize),
    /// What is pending for that one.
    PendingOf(usize, usize),
}

/// How far the reply has come.
#[derive(Debug)]
pub(super) struct Full {
    /// Elements of each list, at most.
    most: u64,
    next: Next,
    /// Of the list that is shown: where it goes on, and how many are still to come.
    from: StreamId,
    left: u64,
}

impl Full {
    /// Up to `most` of each list; the heads of the reply and of its `entries` are written.
    pub(super) fn new(most: u64, entries: u64) -> Self {
        Self {
            most,
            next: Next::Entries,
            from: StreamId::MIN,
            left: entries,
        }
    }

    /// The head of a list of so many, which is shown next.
    fn begin(&mut self, reply: &mut ReplyWriter<'_>, next: Next, all: u64) {
        self.next = next;
        self.from = StreamId::MIN;
        self.left = all.min(self.most);
        reply_array(reply, self.left);
    }

    /// Elements of a list from `from` on, as `walk` shows them one by one; whether the list is over.
    fn show_some(
        &mut self,
        reply: &mut ReplyWriter<'_>,
        walk: impl FnOnce(
            StreamId,
            &mut dyn FnMut(&mut ReplyWriter<'_>, StreamId) -> bool,
            &mut ReplyWriter<'_>,
        ),
    ) -> bool {
        let start = reply.position();
        let most = self.left.min(PIECE_ELEMENTS as u64);
        let (mut shown, mut last) = (0, None);
        if most > 0 {
            let mut count = |reply: &mut ReplyWriter<'_>, id: StreamId| {
                (shown, last) = (shown + 1, Some(id));
                shown < most && reply.position() - start < PIECE_BYTES
            };
            walk(self.from, &mut count, reply);
        }
        self.left -= shown;
        match last.and_then(StreamId::next) {
            Some(next) if self.left > 0 => {
                self.from = next;
                false
            }
            _ => true,
        }
    }

    /// Shows the head of a group; `None` when there is no such.
    fn begin_group(&mut self, reply: &mut ReplyWriter<'_>, nth: usize, group: GroupRef<'_>) {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(group.name());
        reply_progress(reply, group);
        reply_named_count(reply, "pel-count", group.pending_count());
        reply.bulk(b"pending");
        self.begin(reply, Next::Pending(nth), group.pending_count());
    }

    /// Shows the next part of a group.
    fn go_on_with(&mut self, reply: &mut ReplyWriter<'_>, stream: StreamRef<'_>) -> Option<()> {
        match self.next {
            Next::Entries => {
                let is_over = self.show_some(reply, |from, count, reply| {
                    stream.walk(from, StreamId::MAX, |entry| {
                        reply_entry(reply, entry.id, Some(entry));
                        count(reply, entry.id)
                    });
                });
                if is_over {
                    reply.bulk(b"groups");
                    reply.array(stream.group_count());
                    self.next = Next::Group(0);
                }
            }
            Next::Group(nth) => self.begin_group(reply, nth, stream.group_at(nth)?),
            Next::Pending(nth) => {
                let group = stream.group_at(nth)?;
                let is_over = self.show_some(reply, |from, count, reply| {
                    group.walk_pending(from, |entry| {
                        reply.array(4);
                        reply_id(reply, entry.id);
                        reply.bulk(entry.consumer);
                        reply_delivery(reply, &entry);
                        count(reply, entry.id)
                    });
                });
                if is_over {
                    reply.bulk(b"consumers");
                    reply.array(group.consumer_count());
                    self.next = Next::Consumer(nth, 0);
                }
            }
            Next::Consumer(group, nth) => {
                let Some(consumer) = stream.group_at(group)?.consumer_at(nth) else {
                    self.next = Next::Group(group + 1);
                    return Some(());
                };
                reply.map(4);
                reply.bulk(b"name");
                reply.bulk(consumer.name());
                reply_named_count(reply, "seen-time", consumer.seen_ms());
                reply_named_count(reply, "pel-count", consumer.pending_count());
                reply.bulk(b"pending");
                let next = Next::PendingOf(group, nth);
                self.begin(reply, next, consumer.pending_count());
            }
            Next::PendingOf(group, nth) => {
                let of = stream.group_at(group)?;
                let consumer = of.consumer_at(nth)?;
                let is_over = self.show_some(reply, |from, count, reply| {
                    of.walk_pending_of(consumer, from, |entry| {
                        reply.array(3);
                        reply_id(reply, entry.id);
                        reply_delivery(reply, &entry);
                        count(reply, entry.id)
                    });
                });
                if is_over {
                    self.next = Next::Consumer(group, nth + 1);
                }
            }
        }
        Some(())
    }
}

/// When a pending entry was given out last, and how often it was.
fn reply_delivery(reply: &mut ReplyWriter<'_>, entry: &PendingEntry<'_>) {
    reply_count_64(reply, entry.at_ms);
    reply.integer(entry.count.cast_signed());
}

impl Piecewise for Full {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(2));
        let Some(stream) = StreamRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let is_more = self.go_on_with(&mut call.reply, stream).is_some();
        check_reply(call)?;
        Ok(match is_more {
            true => Progress::More,
            // There is no group of that number.
            false => Progress::Over,
        })
    }
}
