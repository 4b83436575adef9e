//! [`BoundedReply`]: the elements of a collection as a reply, up to what a client may have waiting.
//! Pure. Invariant: the reply passes its bound by one element at most, and is an error then.

use super::arguments::reply_string;
use crate::store::{StringRef, Strings};
use shared::resp::{Bulks, ErrorReply, ReplyWriter};

/// A reply whose length depends on what is stored.
#[derive(Debug)]
pub(super) struct BoundedReply<'a, 'b> {
    reply: &'a mut ReplyWriter<'b>,
    most: usize,
}

impl<'a, 'b> BoundedReply<'a, 'b> {
    /// Goes on with `reply` until that has `most` bytes.
    pub(super) fn new(reply: &'a mut ReplyWriter<'b>, most: usize) -> Self {
        Self { reply, most }
    }

    /// Whether nothing more is written.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.reply.position() > self.most
    }

    /// The head of an array.
    pub(super) fn array(&mut self, len: u64) {
        self.reply.array(usize::try_from(len).unwrap_or(usize::MAX));
    }

    /// An element.
    #[inline]
    pub(super) fn string(&mut self, value: StringRef<'_>) {
        if !self.is_full() {
            reply_string(self.reply, value);
        }
    }

    /// Elements one behind the other, which is cheaper.
    pub(super) fn strings(&mut self) -> BoundedStrings<'_> {
        let before = self.reply.position();
        let bulks = self.reply.bulks();
        BoundedStrings {
            before: before - bulks.end(),
            bulks,
            most: self.most,
        }
    }

    /// A number.
    pub(super) fn double(&mut self, value: f64) {
        if !self.is_full() {
            self.reply.double(value);
        }
    }

    /// The end: an error when not all was written.
    pub(super) fn finish(self) -> Result<(), ErrorReply> {
        if self.is_full() {
            return Err(ErrorReply::ReplyTooLong);
        }
        Ok(())
    }
}

/// Elements in a row.
#[derive(Debug)]
pub(super) struct BoundedStrings<'a> {
    bulks: Bulks<'a>,
    /// Bytes of the reply that are not in their buffer.
    before: usize,
    most: usize,
}

impl Strings for BoundedStrings<'_> {
    #[inline]
    fn one(&mut self, value: StringRef<'_>) {
        if self.before + self.bulks.end() > self.most {
            return;
        }
        match value {
            StringRef::Integer(number) => self.bulks.push_integer(number),
            StringRef::Bytes(bytes) => self.bulks.push(bytes),
        }
    }

    fn several(&mut self, bytes: &[u8], each: usize) {
        let all = bytes.len() / each * Bulks::length_of(each);
        if self.before + self.bulks.end() + all <= self.most {
            self.bulks.push_several(bytes, each);
        } else {
            let texts = bytes.chunks_exact(each);
            texts.for_each(|text| self.one(StringRef::Bytes(text)));
        }
    }
}
