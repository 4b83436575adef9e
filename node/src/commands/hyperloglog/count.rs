//! PFCOUNT and PFMERGE: how many elements sketches have seen, together, and a sketch that has seen what they have; at once or, with many of them, some at a time with other clients' commands
//! between.
//! Pure. Invariant: a count that was computed is kept in the sketch, and that is a change like any other.

use super::sketch_of;
use crate::commands::arguments::string;
use crate::commands::{Action, Call};
use crate::store::{StringEdit, StringEncoding, StringRef, Wording};
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply};
use shared::sketch::{Encoding, Registers, Sketch, keep_count};

/// Index of the first sketch that is read. (PFMERGE reads its destination as well.)
const FIRST_SKETCH: usize = 1;
/// With more sketches than these, others have their turns in between: one takes 20 µs.
const UNDIVIDED_SKETCHES: usize = 24;
/// Sketches united between two looks at the stopwatch.
const SKETCHES_PER_STEP: usize = 8;

/// PFCOUNT key …
pub(super) fn pfcount(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > FIRST_SKETCH + 1 {
        return at_once(call);
    }
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(call.args));
    let Some(value) = call.store.get(db, key) else {
        call.reply.integer(0);
        return Ok(Action::Continue);
    };
    let is_embedded = StringEncoding::of(value)? == StringEncoding::Embedded;
    let sketch = sketch_of(StringRef::of(value)?)?;
    let kept = sketch.kept_count();
    let count = kept.map_or_else(|| sketch.count(), Ok);
    let new = count.ok().filter(|_| kept.is_none());
    // It is a string that was edited even where nothing is new, for OBJECT ENCODING.
    if new.is_some() || is_embedded {
        let string = StringEdit::of(call.store.slot(db, key))?;
        string.edit_bytes(0, as_asked, |sketch| {
            if let Some(count) = new {
                keep_count(sketch, count);
            }
            (new.is_some(), ())
        })?;
    }
    call.reply.integer(count?.cast_signed());
    Ok(Action::Continue)
}

/// PFMERGE destination [source …]
pub(super) fn pfmerge(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call)
}

fn at_once(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut union = Union::new();
    while union.next < call.args.len() {
        union.unite_next(call)?;
    }
    union.end(call, Wording::Verbatim(call.args))?;
    Ok(Action::Continue)
}

/// Sketches that are united.
#[derive(Debug)]
pub(crate) struct Union {
    registers: Registers,
    /// One of them is dense.
    is_dense: bool,
    next: usize,
}

impl Union {
    /// Whether this PFCOUNT or PFMERGE has so much to do.
    pub(crate) fn is_long(args: Args<'_>) -> bool {
        args.len() > FIRST_SKETCH + UNDIVIDED_SKETCHES
    }

    /// Of none yet.
    pub(crate) fn new() -> Self {
        Self {
            registers: Registers::default(),
            is_dense: false,
            next: FIRST_SKETCH,
        }
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        for _ in 0..SKETCHES_PER_STEP {
            if self.next == call.args.len() {
                // A source may have expired since it was read: whoever replays the command would not see it.
                self.end_telling_all(call)?;
                return Ok(true);
            }
            self.unite_next(call)?;
        }
        Ok(false)
    }

    fn unite_next(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        let (db, key) = (call.db(), call.key(self.next));
        self.next += 1;
        if let Some(value) = string(call.store.get(db, key))? {
            let sketch = sketch_of(value)?;
            self.is_dense |= sketch.encoding() == Encoding::Dense;
            self.registers.raise(sketch)?;
        }
        Ok(())
    }

    fn end(&self, call: &mut Call<'_>, wording: Wording<'_>) -> Result<(), ErrorReply> {
        if call.spec.id == CommandId::Pfcount {
            call.reply.integer(self.registers.count().cast_signed());
            return Ok(());
        }
        let sketch = self.merged(call)?;
        self.put(call, &sketch, wording)
    }

    fn end_telling_all(&self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        if call.spec.id == CommandId::Pfcount {
            return self.end(call, Wording::Told);
        }
        let sketch = self.merged(call)?;
        let set = CommandId::Set.name().as_bytes();
        let words = [set, call.args.at(1), sketch.bytes(), b"KEEPTTL"];
        self.put(call, &sketch, Wording::Words(&words))
    }

    /// What the destination becomes.
    fn merged(&self, call: &mut Call<'_>) -> Result<Sketch, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let most_sparse_bytes = call.node.settings.hot.sparse_sketch_bytes;
        let mut sketch = match string(call.store.peek(db, key))? {
            Some(value) => Sketch::copy(sketch_of(value)?),
            None => Sketch::default(),
        };
        if self.is_dense {
            sketch.make_dense()?;
        }
        for rise in self.registers.rises() {
            sketch.raise(rise, most_sparse_bytes)?;
        }
        sketch.forget_count();
        Ok(sketch)
    }

    fn put(
        &self,
        call: &mut Call<'_>,
        sketch: &Sketch,
        wording: Wording<'_>,
    ) -> Result<(), ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let string = StringEdit::of(call.store.slot(db, key))?;
        string.remake(sketch.bytes(), wording)?;
        call.reply.ok();
        Ok(())
    }
}
