//! Commands of many strings at once: MGET, MSET, MSETNX.
//! Pure.

use crate::commands::arguments::{check_reply, reply_optional, string};
use crate::commands::key_by_key::{FIRST_KEY, KeyByKey, at_once};
use crate::commands::piecewise::{PIECE_BYTES, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::{ExpiryChange, StringEdit};
use shared::resp::ErrorReply;
use std::ops::Range;

/// MGET key …: keys of other types count as absent.
pub(super) static MGET: KeyByKey = KeyByKey {
    begin: |call| {
        begin_values(call);
        Ok(())
    },
    unless: None,
    treat: reply_each,
    end: |_, _| {},
};

/// MSET key value …
pub(super) static MSET: KeyByKey = KeyByKey {
    begin: expect_pairs,
    unless: None,
    treat: set_pairs,
    end: |call, _| call.reply.ok(),
};

/// MSETNX key value …: all or none.
pub(super) static MSETNX: KeyByKey = KeyByKey {
    begin: expect_pairs,
    unless: Some(find_pairs),
    treat: set_pairs,
    end: |call, set| call.reply.integer(i64::from(set > 0)),
};

pub(super) fn mget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    show(call, |call| {
        begin_values(call);
        Ok(Values { next: FIRST_KEY })
    })
}

fn begin_values(call: &mut Call<'_>) {
    call.reply.array(call.args.len() - FIRST_KEY);
}

/// Values of few enough keys to be looked up in one turn, if they are not long.
#[derive(Debug)]
struct Values {
    /// The argument that is next.
    next: usize,
}

impl Piecewise for Values {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (from, to) = (self.next, call.args.len());
        self.next = reply_some(call, from..to, PIECE_BYTES)?;
        Ok(if self.next < to {
            Progress::More
        } else {
            Progress::Over
        })
    }
}

pub(super) fn mset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &MSET)
}

pub(super) fn msetnx(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    at_once(call, &MSETNX)
}

fn reply_each(call: &mut Call<'_>, keys: Range<usize>) -> Result<usize, ErrorReply> {
    let count = keys.len();
    let mut rest = keys;
    while !rest.is_empty() {
        rest.start = reply_some(call, rest.clone(), PIECE_BYTES)?;
    }
    Ok(count)
}

/// Shows values until they are so many bytes; where to go on.
fn reply_some(call: &mut Call<'_>, keys: Range<usize>, bytes: usize) -> Result<usize, ErrorReply> {
    let db = call.db();
    let end = keys.end;
    let start = call.reply.position();
    for index in keys {
        let key = call.key(index);
        let value = string(call.store.get(db, key)).unwrap_or(None);
        reply_optional(&mut call.reply, value);
        // A short request may name a long value a thousand times.
        if call.reply.position() - start > bytes {
            check_reply(call)?;
            return Ok(index + 1);
        }
    }
    Ok(end)
}

fn expect_pairs(call: &mut Call<'_>) -> Result<(), ErrorReply> {
    if call.args.len() % 2 == 1 {
        Ok(())
    } else {
        Err(ErrorReply::Arity(call.spec.name.into()))
    }
}

fn find_pairs(call: &mut Call<'_>, pairs: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    let mut keys = pairs.step_by(2);
    let found = keys.any(|index| {
        let key = call.key(index);
        call.store.exists(db, key)
    });
    Ok(usize::from(found))
}

fn set_pairs(call: &mut Call<'_>, pairs: Range<usize>) -> Result<usize, ErrorReply> {
    let db = call.db();
    for index in pairs.clone().step_by(2) {
        let key = call.key(index);
        let value = call.args.at(index + 1);
        // Not even Redis undoes the pairs before one for which there is no room.
        StringEdit::put(call.store.slot(db, key), value, ExpiryChange::Clear)?;
    }
    Ok(pairs.len() / 2)
}
