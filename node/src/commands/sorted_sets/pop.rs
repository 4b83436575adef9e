//! Commands that take members from the ends: ZPOPMIN, ZPOPMAX, ZMPOP.
//! Pure.

use super::{MembersReply, Telling};
use crate::commands::arguments::{is_word, positive};
use crate::commands::counted_keys::CountedKeys;
use crate::commands::piecewise::{Piecewise, Progress};
use crate::commands::{Action, Call};
use crate::store::{ScoreEnd, SortedSetEdit, SortedSetRef, StringRef, Wording};
use shared::command::CommandId;
use shared::resp::{ErrorReply, ReplyWriter};

/// With more members, others have their turns in between: so many are told and taken in half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 256;
/// Members that are told between two looks at the time, and that go.
const TOLD_AT_ONCE: u64 = 128;
const REMOVED_AT_ONCE: u64 = 64;

/// ZPOPMIN key [count]
pub(super) fn zpopmin(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ScoreEnd::Least)
}

/// ZPOPMAX key [count]
pub(super) fn zpopmax(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    pop(call, ScoreEnd::Greatest)
}

fn pop(call: &mut Call<'_>, end: ScoreEnd) -> Result<Action, ErrorReply> {
    let (count, telling) = match call.args.len() {
        // One member is told flat, with its score, in RESP3 as well.
        2 => (1, Telling::Flat),
        3 => (positive(call.args.at(2))?, Telling::WithScores),
        _ => return Err(ErrorReply::Syntax),
    };
    let key = call.key(1);
    let as_asked = Wording::Verbatim(call.args);
    let db = call.db();
    let most = call.node.settings.hot.output_limit.most_bytes();
    let edit = SortedSetEdit::of(call.store.slot(db, key))?;
    let Some(set) = edit.set().filter(|_| count > 0) else {
        call.reply.array(0);
        return Ok(Action::Continue);
    };
    if count.min(set.len()) > UNDIVIDED_MEMBERS || call.is_piecewise {
        let popping = Popping::new(1, end, count.min(set.len()), telling);
        return Ok(Action::Piecewise(Box::new(popping)));
    }
    let count = show(set, end, count, telling, &mut call.reply, most)?;
    edit.pop(end, count, as_asked)?;
    Ok(Action::Continue)
}

/// Up to `count` members as a reply; how many there were.
fn show(
    set: SortedSetRef<'_>,
    end: ScoreEnd,
    count: u64,
    telling: Telling,
    reply: &mut ReplyWriter<'_>,
    most: usize,
) -> Result<u64, ErrorReply> {
    let count = count.min(set.len());
    let mut reply = MembersReply::begin(reply, most, telling, count);
    set.show(end, count, |member, score| reply.member(member, score));
    reply.reply.finish()?;
    Ok(count)
}

/// ZMPOP numkeys key … MIN|MAX [COUNT count]
pub(super) fn zmpop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = CountedKeys::at(call, 1)?;
    let (end, count) = keys.end_and_count(call, end_of)?;
    if let Some(action) = pop_from_first(call, &keys, end, count)? {
        return Ok(action);
    }
    call.reply.null_array();
    Ok(Action::Continue)
}

/// Takes up to so many members of the first set that there is; `None` where there is none.
pub(super) fn pop_from_first(
    call: &mut Call<'_>,
    keys: &CountedKeys,
    end: ScoreEnd,
    count: u64,
) -> Result<Option<Action>, ErrorReply> {
    let (db, most) = (call.db(), call.node.settings.hot.output_limit.most_bytes());
    for index in keys.places() {
        let key = call.key(index);
        let edit = SortedSetEdit::of(call.store.slot(db, key))?;
        let Some(set) = edit.set() else { continue };
        if count.min(set.len()) > UNDIVIDED_MEMBERS || call.is_piecewise {
            let popping = Popping::new(index, end, count.min(set.len()), Telling::Pairs);
            return Ok(Some(Action::Piecewise(Box::new(popping))));
        }
        call.reply.array(2);
        call.reply.bulk(key.bytes);
        let count = show(set, end, count, Telling::Pairs, &mut call.reply, most)?;
        let mut digits = itoa::Buffer::new();
        let words = [pop_at(end), key.bytes, digits.format(count).as_bytes()];
        edit.pop(end, count, Wording::Words(&words))?;
        return Ok(Some(Action::Continue));
    }
    Ok(None)
}

/// Members at an end of a set on their way out: told first, for a reply may be too long, and nothing goes then. Should the set go while they are told, the command begins
/// anew; should it go later, what was told went before.
#[derive(Debug)]
struct Popping {
    key_at: usize,
    end: ScoreEnd,
    telling: Telling,
    /// How many there were to tell, how many are told, and how many are to go.
    count: u64,
    told: u64,
    left: u64,
}

impl Popping {
    /// The set has at least so many members.
    fn new(key_at: usize, end: ScoreEnd, count: u64, telling: Telling) -> Self {
        Self {
            key_at,
            end,
            telling,
            count,
            told: 0,
            left: count,
        }
    }

    /// Tells some members; `false` when there is no set any more.
    fn tell_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let (db, key) = (call.db(), call.key(self.key_at));
        let most = call.node.settings.hot.output_limit.most_bytes();
        let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
            return Ok(false);
        };
        if self.told == 0 {
            if self.telling == Telling::Pairs {
                call.reply.array(2);
                call.reply.bulk(key.bytes);
            }
            MembersReply::begin(&mut call.reply, most, self.telling, self.count);
        }
        let mut reply = MembersReply::go_on(&mut call.reply, most, self.telling);
        let some = TOLD_AT_ONCE.min(self.count - self.told);
        let show = |member: StringRef<'_>, score| reply.member(member, score);
        match self.end {
            ScoreEnd::Least => set.walk(self.told, some, show),
            ScoreEnd::Greatest => {
                let last = set.len().saturating_sub(self.told + 1);
                set.walk_back(last, some, show);
            }
        }
        reply.reply.finish()?;
        self.told += some;
        Ok(true)
    }
}

impl Piecewise for Popping {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.told < self.count {
            return Ok(match self.tell_on(call)? {
                true => Progress::More,
                false => Progress::Anew,
            });
        }
        let (db, key) = (call.db(), call.key(self.key_at));
        let set = SortedSetEdit::of(call.store.slot(db, key))?;
        let len = set.len();
        let some = match len {
            0 => return Ok(Progress::Over),
            // As a whole it is freed in slices.
            len if self.left >= len => len,
            _ => self.left.min(REMOVED_AT_ONCE),
        };
        let mut digits = itoa::Buffer::new();
        let words = [pop_at(self.end), key.bytes, digits.format(some).as_bytes()];
        set.pop(self.end, some, Wording::Words(&words))?;
        self.left = self.left.saturating_sub(some);
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}

/// `MIN` or `MAX`.
pub(super) fn end_of(argument: &[u8]) -> Result<ScoreEnd, ErrorReply> {
    if is_word(argument, "MIN") {
        Ok(ScoreEnd::Least)
    } else if is_word(argument, "MAX") {
        Ok(ScoreEnd::Greatest)
    } else {
        Err(ErrorReply::Syntax)
    }
}

/// The command that takes from this end.
pub(super) fn pop_at(end: ScoreEnd) -> &'static [u8] {
    let command = match end {
        ScoreEnd::Least => CommandId::Zpopmin,
        ScoreEnd::Greatest => CommandId::Zpopmax,
    };
    command.name().as_bytes()
}
