//! PFDEBUG: the inside of a sketch. PFSELFTEST: whether sketches count as they should.
//! Pure. Bound: the self-test takes less than a millisecond; Redis' own goes on for seconds, in which nobody else is served.

use super::sketch_of;
use crate::commands::arguments::{is_word, string};
use crate::commands::{Action, Call};
use crate::store::{StringEdit, Wording};
use shared::resp::ErrorReply;
use shared::sketch::{Encoding, REGISTERS, Registers, Rise, Sketch, SketchRef};

/// Elements of the self-test.
const TESTED_ELEMENTS: u32 = 1_000;
/// The estimates of that many differ by 0.8 % on average.
const MOST_ERROR_PERCENT: u64 = 5;
/// While an estimate is tested sketches become dense at this size.
const TESTED_SPARSE_BYTES: usize = 1_000;

/// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
pub(super) fn pfdebug(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, word) = (call.db(), call.key(2), call.args.at(1));
    let value = string(call.store.get(db, key))?.ok_or(ErrorReply::SpecifiedKeyMissing)?;
    sketch_of(value)?;
    // Looking inside makes a string that was edited of it, for OBJECT ENCODING.
    let sketch = StringEdit::of(call.store.slot(db, key))?;
    sketch.edit_bytes(0, Wording::Told, |_| (false, ()))?;
    let value = string(call.store.peek(db, key))?.ok_or(ErrorReply::SpecifiedKeyMissing)?;
    let sketch = sketch_of(value)?;
    if is_word(word, "GETREG") {
        let mut registers = Registers::default();
        registers.raise(sketch)?;
        make_dense(call)?;
        call.reply.array(REGISTERS);
        for count in registers.counts() {
            call.reply.integer(i64::from(*count));
        }
    } else if is_word(word, "DECODE") {
        let codes = sketch.codes()?.ok_or(ErrorReply::SketchNotSparse)?;
        call.reply.bulk(codes.as_bytes());
    } else if is_word(word, "ENCODING") {
        let name = sketch.encoding().name();
        call.reply.simple(name);
    } else if is_word(word, "TODENSE") {
        let is_changed = make_dense(call)?;
        call.reply.integer(i64::from(is_changed));
    } else {
        return Err(ErrorReply::unknown_sketch_subcommand(word));
    }
    Ok(Action::Continue)
}

/// Writes the registers of the sketch out; whether they were not before.
fn make_dense(call: &mut Call<'_>) -> Result<bool, ErrorReply> {
    let (db, key) = (call.db(), call.key(2));
    let string = StringEdit::of(call.store.slot(db, key))?;
    let sketch = match string.value()?.map(sketch_of).transpose()? {
        Some(sketch) if sketch.encoding() == Encoding::Sparse => sketch,
        _ => return Ok(false),
    };
    let mut sketch = Sketch::copy(sketch);
    sketch.make_dense()?;
    string.remake(sketch.bytes(), Wording::Verbatim(call.args))?;
    Ok(true)
}

/// PFSELFTEST
pub(super) fn pfselftest(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (mut sparse, mut dense) = (Sketch::default(), Sketch::default());
    dense.make_dense()?;
    for number in 0..TESTED_ELEMENTS {
        let rise = Rise::of(&number.to_le_bytes());
        let raised =
            [&mut sparse, &mut dense].map(|sketch| sketch.raise(rise, TESTED_SPARSE_BYTES));
        if raised[0] != raised[1] {
            return Err(ErrorReply::SketchTestFailed);
        }
    }
    let counts = [&sparse, &dense].map(|sketch| {
        let sketch = SketchRef::of(sketch.bytes())?;
        Ok::<u64, ErrorReply>(sketch.count()?)
    });
    let [sparse, dense] = counts;
    let (sparse, dense) = (sparse?, dense?);
    let expected = u64::from(TESTED_ELEMENTS);
    if sparse != dense || dense.abs_diff(expected) * 100 > expected * MOST_ERROR_PERCENT {
        return Err(ErrorReply::SketchTestFailed);
    }
    call.reply.ok();
    Ok(Action::Continue)
}
