//! PFADD: elements that a sketch has seen, all at once or, when they are many, some at a time with other clients' commands between.
//! Pure.

use super::sketch_of;
use crate::commands::{Action, Call};
use crate::store::{StringEdit, Wording};
use shared::resp::{Args, ErrorReply};
use shared::sketch::{Encoding, HEADER_BYTES, Rise, Sketch, forget_count, raise_dense};
use std::ops::Range;

/// Index of the first element.
const FIRST_ELEMENT: usize = 2;
/// With more elements than these, others have their turns in between: a sparse sketch is read from its beginning for each, up to `hll-sparse-max-bytes`, some microseconds.
const UNDIVIDED_ELEMENTS: usize = 256;
/// Elements added between two looks at the stopwatch.
const ELEMENTS_PER_STEP: usize = 64;

/// PFADD key [element …]
pub(super) fn pfadd(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let all = FIRST_ELEMENT..call.args.len();
    let is_changed = add(call, all, Wording::Verbatim(call.args))?;
    call.reply.integer(i64::from(is_changed));
    Ok(Action::Continue)
}

/// Adds some elements; whether the sketch is new, or another one than before.
fn add(
    call: &mut Call<'_>,
    elements: Range<usize>,
    wording: Wording<'_>,
) -> Result<bool, ErrorReply> {
    let (db, key, args) = (call.db(), call.key(1), call.args);
    let most_sparse_bytes = call.node.settings.hot.sparse_sketch_bytes;
    let string = StringEdit::of(call.store.slot(db, key))?;
    let mut rises = elements.map(|at| Rise::of(args.at(at)));
    let (mut sketch, is_new) = match string.value()?.map(sketch_of).transpose()? {
        Some(sketch) if sketch.encoding() == Encoding::Dense => {
            let is_changed = string.edit_bytes(0, wording, |bytes| {
                let (_, registers) = bytes.split_at_mut(HEADER_BYTES);
                let mut is_changed = false;
                for rise in rises {
                    is_changed |= raise_dense(registers, rise);
                }
                if is_changed {
                    forget_count(bytes);
                }
                (is_changed, is_changed)
            })?;
            return Ok(is_changed);
        }
        Some(sketch) => (Sketch::copy(sketch), false),
        None => (Sketch::default(), true),
    };
    let is_changed = rises.try_fold(is_new, |is_changed, rise| {
        let is_raised = sketch.raise(rise, most_sparse_bytes);
        is_raised.map(|is_raised| is_raised || is_changed)
    });
    if is_changed == Ok(true) {
        sketch.forget_count();
        string.remake(sketch.bytes(), wording)?;
    } else {
        // It is a string that was edited all the same, for OBJECT ENCODING.
        string.edit_bytes(0, wording, |_| (false, ()))?;
    }
    Ok(is_changed?)
}

/// A long PFADD under way.
#[derive(Debug)]
pub(crate) struct Addition {
    next: usize,
    is_changed: bool,
}

impl Addition {
    /// Whether this PFADD has so much to do.
    pub(crate) fn is_long(args: Args<'_>) -> bool {
        args.len() > FIRST_ELEMENT + UNDIVIDED_ELEMENTS
    }

    /// One that has not begun.
    pub(crate) fn new() -> Self {
        Self {
            next: FIRST_ELEMENT,
            is_changed: false,
        }
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let args = call.args;
        let end = args.len().min(self.next + ELEMENTS_PER_STEP);
        let some = self.next..end;
        let mut words = vec![call.spec.name.as_bytes(), args.at(1)];
        words.extend(some.clone().map(|at| args.at(at)));
        self.is_changed |= add(call, some, Wording::Words(&words))?;
        self.next = end;
        if end < args.len() {
            return Ok(false);
        }
        call.reply.integer(i64::from(self.is_changed));
        Ok(true)
    }
}
