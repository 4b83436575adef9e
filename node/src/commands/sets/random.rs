//! Commands that take or show members by chance: SPOP, SRANDMEMBER.
//! Pure.

use super::change::edit;
use super::read::All;
use super::set;
use crate::commands::arguments::{check_reply, reply_string};
use crate::commands::chosen::{Chosen, Drawing, count, positive_count};
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, carry_out, show};
use crate::commands::{Action, Call};
use crate::store::SetRef;
use shared::resp::ErrorReply;

/// SPOP key \[count\]
pub(super) fn spop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let key = call.key(1);
    let mut chance = call.store.draw_seed();
    let count = match call.args.len() {
        2 => None,
        3 => Some(positive_count(call.args.at(2))?),
        _ => return Err(ErrorReply::Syntax),
    };
    let Some(count) = count else {
        let popped = edit(call, key)?.pop(1, 1, &mut chance)?;
        if popped.is_empty() {
            call.reply.null();
        } else {
            call.reply.bulk(popped.get(0));
        }
        return Ok(Action::Continue);
    };
    let members = edit(call, key)?.set()?.map_or(0, SetRef::members);
    let popping = Popping {
        chance,
        count: count.min(members),
        popped: 0,
        is_begun: false,
        all: (count >= members).then(All::of_members),
    };
    let is_long = popping.count > UNDIVIDED_MEMBERS;
    carry_out(call, popping, is_long)
}

/// With more members, others have their turns in between: so many are taken and told in half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 512;

/// A SPOP of some members under way. Should the set go meanwhile, the command begins anew, and finds nothing.
#[derive(Debug)]
struct Popping {
    chance: u64,
    count: u64,
    popped: u64,
    /// The head of the reply is there.
    is_begun: bool,
    /// All members are taken: told first, and then the key goes.
    all: Option<All>,
}

impl Piecewise for Popping {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        if !self.is_begun {
            self.is_begun = true;
            let count = usize::try_from(self.count).unwrap_or(usize::MAX);
            call.reply.set(count);
        }
        if self.count == 0 {
            return Ok(Progress::Over);
        }
        if let Some(all) = &mut self.all {
            let progress = all.go_on(call)?;
            if progress == Progress::Over {
                call.store.remove(db, key);
            }
            return Ok(progress);
        }
        let some = (self.count - self.popped).min(PIECE_ELEMENTS as u64);
        let set = edit(call, key)?;
        if set.set()?.is_none() {
            return Ok(Progress::Anew);
        }
        let popped = set.pop(some, self.popped + some, &mut self.chance)?;
        for member in popped.iter() {
            call.reply.bulk(member);
        }
        self.popped += some;
        Ok(match self.popped < self.count {
            true => Progress::More,
            false => Progress::Over,
        })
    }
}

/// SRANDMEMBER key \[count\]
pub(super) fn srandmember(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    if call.args.len() == 2 {
        let mut chance = call.store.draw_seed();
        let set = set(call.store.get(db, key))?;
        let drawn = set.and_then(|set| set.at(set.random(&mut chance)?));
        match drawn {
            Some(member) => reply_string(&mut call.reply, member),
            None => call.reply.null(),
        }
        return Ok(Action::Continue);
    }
    if call.args.len() > 3 {
        return Err(ErrorReply::Syntax);
    }
    let count = count(call.args.at(2))?;
    let members = set(call.store.get(db, key))?.map_or(0, SetRef::members);
    if members == 0 || count == 0 {
        call.reply.array(0);
        return Ok(Action::Continue);
    }
    if count < 0 {
        let left = count.unsigned_abs();
        return show(call, |call| {
            call.reply
                .array(usize::try_from(left).unwrap_or(usize::MAX));
            let chance = call.store.draw_seed();
            Ok(Drawn { chance, left })
        });
    }
    let shown = count.unsigned_abs().min(members);
    show(call, |call| {
        call.reply
            .array(usize::try_from(shown).unwrap_or(usize::MAX));
        Ok(Choosing {
            chance: call.store.draw_seed(),
            chosen: Chosen::new(shown, members),
        })
    })
}

/// Members that are drawn one after the other, the same one perhaps more than once.
#[derive(Debug)]
struct Drawn {
    chance: u64,
    left: u64,
}

impl Piecewise for Drawn {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let Some(set) = set(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let some = self.left.min(PIECE_ELEMENTS as u64);
        for _ in 0..some {
            let drawn = set.random(&mut self.chance);
            if let Some(member) = drawn.and_then(|place| set.at(place)) {
                reply_string(&mut call.reply, member);
            }
        }
        check_reply(call)?;
        self.left -= some;
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}

/// Different members on their way into a reply.
#[derive(Debug)]
struct Choosing {
    chance: u64,
    chosen: Chosen,
}

impl Piecewise for Choosing {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let Some(set) = set(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let Self { chance, chosen } = self;
        let reply = &mut call.reply;
        let mut progress = Progress::More;
        match chosen {
            Chosen::Walk(selection, from) => {
                let next = set.walk(*from, PIECE_ELEMENTS, |member| {
                    let selection = selection.as_mut();
                    if selection.is_none_or(|selection| selection.takes_next(chance)) {
                        reply_string(reply, member);
                    }
                });
                match next {
                    Some(next) => *from = next,
                    None => progress = Progress::Over,
                }
            }
            Chosen::Draw(drawing) => {
                if drawing.go_on(PIECE_ELEMENTS, || set.random(chance)) {
                    let drawing = std::mem::replace(drawing, Drawing::new(0));
                    *chosen = Chosen::Show(drawing.into_drawn(), 0);
                } else {
                    progress = Progress::Long;
                }
            }
            Chosen::Show(drawn, shown) => {
                let end = drawn.len().min(*shown + PIECE_ELEMENTS);
                for place in &drawn[*shown..end] {
                    if let Some(member) = set.at(*place) {
                        reply_string(reply, member);
                    }
                }
                *shown = end;
                if end == drawn.len() {
                    progress = Progress::Over;
                }
            }
        }
        check_reply(call)?;
        Ok(progress)
    }
}
