//! How a value is written, step by step.
//! Pure.

use super::stream::Pen;
use super::{Saver, Source, Stage, Walk, bytes_of};
use crate::rdb::encoding::Encoding;
use crate::rdb::fault::Fault;
use crate::rdb::length::Written;
use crate::rdb::lzf::Packer;
use crate::rdb::packed::write_intset;
use crate::rdb::text::TextWriter;
use crate::store::{MoreElements, StreamRef, StringRef, Value};
use shared::resp::{parse_integer, write_double};

/// Bytes that are written between two looks at the time, each element counted as [`ELEMENT_BYTES`] at least: some 100 µs.
const TREATED_AT_ONCE: usize = 32 * 1024;
/// An element takes as long as so many bytes of a long one.
const ELEMENT_BYTES: usize = 128;
/// Looking at fields of which none is written, for all are over, takes as long as so many bytes.
const PASSED_BY: usize = 8 * ELEMENT_BYTES;
/// A node of a list takes elements up to this length: Redis' own default.
const NODE_BYTES: usize = 8 * 1024;
/// The container of a node that is a listpack.
const MANY_ELEMENTS: u64 = 2;

impl Saver {
    /// Goes on for a while with the value that it began with, at the end of `out`; whether all of it is written.
    ///
    /// # Errors
    /// [`Fault::TooLong`]: there is no payload for such a value.
    pub fn go_on(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        self.go_on_from(&mut Source::Value(value), out)
    }

    /// The same with elements that come apart.
    ///
    /// # Errors
    /// None that such elements have.
    pub fn go_on_apart(
        &mut self,
        more: MoreElements<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        self.go_on_from(&mut Source::Apart(more), out)
    }

    fn go_on_from(
        &mut self,
        source: &mut Source<'_, '_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let mut treated = 0;
        while treated < TREATED_AT_ONCE && self.stage != Stage::Over {
            let step = match source {
                Source::Value(value) => self.step(*value, out)?,
                Source::Apart(more) => {
                    let has_more = self.batch.next().is_some() || self.batch.take(&mut **more);
                    self.write_next(has_more, out)
                }
            };
            treated += step.max(ELEMENT_BYTES);
        }
        Ok(self.stage == Stage::Over)
    }

    /// A small part of the work; how many bytes it treated.
    fn step(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> Result<usize, Fault> {
        match self.stage {
            Stage::String => {
                // Its kind was looked at.
                let text = StringRef::of(value).map_err(|_| Fault::Broken)?;
                if write_text(&mut self.text, text, &mut self.packer, out) {
                    self.stage = Stage::Over;
                }
                Ok(TREATED_AT_ONCE)
            }
            Stage::Elements => self.write_element(value, out),
            Stage::Packing => self.pack_element(value),
            Stage::Pack => {
                if self.write_pack(out) {
                    self.end_pack();
                }
                Ok(TREATED_AT_ONCE)
            }
            Stage::Stream => self.write_stream(value, out),
            Stage::Over => Ok(0),
        }
    }

    /// Copies the next elements when those that were copied are written; `false` at the end.
    fn has_element(&mut self, value: Value<'_>, ascends: bool) -> Result<bool, Fault> {
        if self.batch.next().is_none() {
            let filled = self.batch.fill(value, self.walk, ascends, self.began_ms);
            self.walk = filled.map_err(|_| Fault::Broken)?;
        }
        Ok(self.batch.next().is_some())
    }

    fn write_element(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> Result<usize, Fault> {
        let has_more = self.has_element(value, false)? || !matches!(self.walk, Walk::End);
        Ok(self.write_next(has_more, out))
    }

    /// Goes on with the next element of the batch, if there is one; that was all of them where there is none and no more come.
    fn write_next(&mut self, has_more: bool, out: &mut Vec<u8>) -> usize {
        if self.batch.next().is_none() {
            if !has_more {
                self.stage = Stage::Over;
            }
            return PASSED_BY;
        }
        if self.text.is_none()
            && let Some(end) = self.batch.end_of_next()
        {
            // From the earliest on, counted from one: nought is never.
            let end = end.map_or(0, |at_ms| at_ms.saturating_sub(self.earliest_end_ms) + 1);
            out.extend_from_slice(Written::new(end).as_bytes());
        }
        let Some((text, score)) = self.batch.next() else {
            return 0;
        };
        let text = StringRef::Bytes(text);
        if !write_text(&mut self.text, text, &mut self.packer, out) {
            return TREATED_AT_ONCE;
        }
        if let Some(score) = score {
            out.extend_from_slice(&score.to_bits().to_le_bytes());
        }
        let len = text.len();
        self.batch.advance();
        len
    }

    fn write_stream(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> Result<usize, Fault> {
        let stream = StreamRef::of(value).map_err(|_| Fault::Broken)?;
        let pen = Pen {
            text: &mut self.text,
            listpack: &mut self.listpack,
            packer: &mut self.packer,
            out,
        };
        let treated = self.stream.step(stream, pen)?;
        if self.stream.is_over() {
            self.stage = Stage::Over;
        }
        Ok(treated)
    }

    /// Takes the next element into the listpack, or finds it full.
    fn pack_element(&mut self, value: Value<'_>) -> Result<usize, Fault> {
        if self.encoding == Encoding::SetIntset {
            return self.pack_integers(value);
        }
        if !self.has_element(value, true)? {
            self.listpack.finish();
            self.stage = Stage::Pack;
            return Ok(0);
        }
        let Some((text, score)) = self.batch.next() else {
            return Ok(0);
        };
        let is_full = self.listpack.count() > 0 && self.listpack.len() + text.len() > NODE_BYTES;
        if self.encoding == Encoding::ListNodes && is_full {
            self.listpack.finish();
            self.stage = Stage::Pack;
            return Ok(0);
        }
        let len = text.len();
        self.listpack.push(text)?;
        if let Some(score) = score {
            let mut text = Vec::with_capacity(24);
            write_double(&mut text, score);
            self.listpack.push(&text)?;
        }
        self.batch.advance();
        Ok(len)
    }

    /// Takes the next members of a set of integers, which are few.
    fn pack_integers(&mut self, value: Value<'_>) -> Result<usize, Fault> {
        while self.has_element(value, true)? {
            let number = self.batch.next().and_then(|(text, _)| parse_integer(text));
            self.integers.extend(number);
            self.batch.advance();
        }
        self.integers.sort_unstable();
        self.stage = Stage::Pack;
        Ok(TREATED_AT_ONCE)
    }

    /// Goes on with the string in which elements are packed; whether all of it is written.
    fn write_pack(&mut self, out: &mut Vec<u8>) -> bool {
        if self.encoding == Encoding::SetIntset {
            let intset = write_intset(&self.integers);
            let text = StringRef::Bytes(&intset);
            return write_text(&mut self.text, text, &mut self.packer, out);
        }
        if self.encoding == Encoding::ListNodes && self.text.is_none() {
            out.extend_from_slice(Written::new(MANY_ELEMENTS).as_bytes());
        }
        let text = StringRef::Bytes(self.listpack.bytes());
        write_text(&mut self.text, text, &mut self.packer, out)
    }

    /// Behind what is packed: another node of a list, or the end.
    fn end_pack(&mut self) {
        if self.encoding != Encoding::ListNodes {
            self.stage = Stage::Over;
            return;
        }
        self.count += 1;
        self.listpack.clear();
        let has_more = self.batch.next().is_some() || !matches!(self.walk, Walk::End);
        self.stage = if has_more {
            Stage::Packing
        } else {
            Stage::Over
        };
    }
}

/// Goes on with a string, of which `writer` knows how much is written already; whether all of it is.
pub(super) fn write_text(
    writer: &mut Option<TextWriter>,
    text: StringRef<'_>,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> bool {
    let mut going = match writer.take() {
        Some(going) => going,
        None => TextWriter::begin(text, packer, out),
    };
    let is_over = going.go_on(bytes_of(text), packer, out);
    if !is_over {
        *writer = Some(going);
    }
    is_over
}
