//! Commands that read hashes: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HEXISTS, HSTRLEN.
//! Pure.

use super::hash;
use crate::commands::arguments::{check_reply, reply_count, reply_optional, reply_string};
use crate::commands::piecewise::{PIECE_BYTES, PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::{HashRef, Position, StringRef};
use shared::resp::ErrorReply;

/// Fields that HMGET looks up in one turn, and in a piece of one that has more.
const UNDIVIDED_FIELDS: usize = 4 * FIELDS_PER_PIECE;
const FIELDS_PER_PIECE: usize = 512;

/// HGET key field
pub(super) fn hget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, field) = (call.db(), call.key(1), call.args.at(2));
    let hash = hash(call.store.get(db, key))?;
    let value = hash.and_then(|hash| hash.get(field));
    reply_optional(&mut call.reply, value);
    Ok(Action::Continue)
}

/// HMGET key field …
pub(super) fn hmget(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > UNDIVIDED_FIELDS && !call.is_piecewise {
        // It goes piecewise whatever the values are.
        let (next, exists, began_ms) = (2, false, call.now_ms);
        let chosen = Chosen {
            next,
            exists,
            began_ms,
        };
        return Ok(Action::Piecewise(Box::new(chosen)));
    }
    show(call, |call| {
        let (db, key) = (call.db(), call.key(1));
        let exists = hash(call.store.get(db, key))?.is_some();
        call.reply.array(call.args.len() - 2);
        Ok(Chosen {
            next: 2,
            exists,
            began_ms: call.now_ms,
        })
    })
}

/// Values of fields that are named.
#[derive(Debug)]
struct Chosen {
    /// The argument that is next.
    next: usize,
    exists: bool,
    /// The moment that it is the reply of.
    began_ms: u64,
}

impl Piecewise for Chosen {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let hash = hash(call.store.look(db, key))?;
        if hash.is_some() != self.exists {
            return Ok(Progress::Anew);
        }
        let hash = hash.map(|hash| hash.at_moment(self.began_ms));
        let start = call.reply.position();
        let end = call.args.len().min(self.next + FIELDS_PER_PIECE);
        while self.next < end {
            let value = hash.and_then(|hash| hash.get(call.args.at(self.next)));
            reply_optional(&mut call.reply, value);
            self.next += 1;
            // A short request may name a long value a thousand times.
            if call.reply.position() - start > PIECE_BYTES {
                check_reply(call)?;
                return Ok(Progress::More);
            }
        }
        check_reply(call)?;
        Ok(match end < call.args.len() {
            true => Progress::More,
            false => Progress::Over,
        })
    }
}

/// HLEN key
pub(super) fn hlen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let fields = hash(call.store.get(db, key))?.map_or(0, HashRef::fields);
    call.reply
        .integer(i64::try_from(fields).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// HEXISTS key field
pub(super) fn hexists(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, field) = (call.db(), call.key(1), call.args.at(2));
    let hash = hash(call.store.get(db, key))?;
    let exists = hash.is_some_and(|hash| hash.get(field).is_some());
    call.reply.integer(i64::from(exists));
    Ok(Action::Continue)
}

/// HSTRLEN key field
pub(super) fn hstrlen(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key, field) = (call.db(), call.key(1), call.args.at(2));
    let hash = hash(call.store.get(db, key))?;
    let value = hash.and_then(|hash| hash.get(field));
    reply_count(&mut call.reply, value.map_or(0, StringRef::len));
    Ok(Action::Continue)
}

/// What is shown of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Both,
    Field,
    Value,
}

/// HGETALL key
pub(super) fn hgetall(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    show(call, |call| All::begin(call, Part::Both))
}

/// HKEYS key
pub(super) fn hkeys(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    show(call, |call| All::begin(call, Part::Field))
}

/// HVALS key
pub(super) fn hvals(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    show(call, |call| All::begin(call, Part::Value))
}

/// Where the next fields are.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Of a hash of which no field ends.
    Walk(Position),
    /// Of one from which fields that are over may go meanwhile, which a cursor survives. It shows each field once, for none comes.
    Scan(u32),
    /// Nowhere.
    Over,
}

/// With more fields that are over and not swept yet a reply goes piece by piece, however short it is.
const MOST_PASSED_BY: u64 = 4096;

/// Steps of a scan in one piece.
const PIECE_STEPS: usize = 8;

/// All fields of the hash at the first key.
#[derive(Debug)]
struct All {
    part: Part,
    next: Next,
    /// Very many fields are passed by.
    is_long: bool,
    /// The moment that it is the reply of.
    began_ms: u64,
}

impl All {
    fn begin(call: &mut Call<'_>, part: Part) -> Result<Self, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let hash = hash(call.store.get(db, key))?;
        let fields = hash.map_or(0, HashRef::fields);
        let count = usize::try_from(fields).unwrap_or(usize::MAX);
        match part {
            Part::Both => call.reply.map(count),
            Part::Field | Part::Value => call.reply.array(count),
        }
        let next = match hash {
            None => Next::Over,
            Some(hash) if hash.earliest_end().is_some() => Next::Scan(0),
            Some(_) => Next::Walk(Position::default()),
        };
        Ok(Self {
            part,
            next,
            is_long: hash.is_some_and(|hash| hash.hidden() > MOST_PASSED_BY),
            began_ms: call.now_ms,
        })
    }
}

impl Piecewise for All {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if matches!(self.next, Next::Over) {
            return Ok(Progress::Over);
        }
        let (db, key) = (call.db(), call.key(1));
        let Some(hash) = hash(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let hash = hash.at_moment(self.began_ms);
        let reply = &mut call.reply;
        let (part, mut shown) = (self.part, 0);
        let mut show = |field: StringRef<'_>, value: StringRef<'_>| {
            shown += 1;
            if part != Part::Value {
                reply_string(reply, field);
            }
            if part != Part::Field {
                reply_string(reply, value);
            }
            shown
        };
        self.next = match self.next {
            Next::Over => Next::Over,
            Next::Walk(from) => {
                let next = hash.walk(from, PIECE_ELEMENTS, |field, value| {
                    show(field, value);
                });
                next.map_or(Next::Over, Next::Walk)
            }
            Next::Scan(from) => scan_piece(hash, from, show),
        };
        check_reply(call)?;
        Ok(match self.next {
            Next::Over => Progress::Over,
            _ if self.is_long => Progress::Long,
            _ => Progress::More,
        })
    }
}

/// Shows the fields of a few steps of a scan; `show` says how many it has shown.
fn scan_piece(
    hash: HashRef<'_>,
    from: u32,
    mut show: impl FnMut(StringRef<'_>, StringRef<'_>) -> usize,
) -> Next {
    let mut cursor = from;
    for _ in 0..PIECE_STEPS {
        let mut shown = 0;
        cursor = hash.scan(cursor, |field, value| shown = show(field, value));
        if cursor == 0 {
            return Next::Over;
        }
        if shown >= PIECE_ELEMENTS {
            break;
        }
    }
    Next::Scan(cursor)
}
