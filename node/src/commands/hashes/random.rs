//! HRANDFIELD.
//! Pure.

use super::hash;
use crate::commands::arguments::{check_reply, is_word, reply_string};
use crate::commands::chosen::{Choice, Chosen, Drawing, count};
use crate::commands::piecewise::{self, PIECE_ELEMENTS, Piecewise, Progress};
use crate::commands::{Action, Call};
use crate::store::{HashRef, Position, StringRef, below};
use shared::resp::{ErrorReply, Protocol, ReplyWriter};

/// Of a hash most of whose fields are over and not swept yet, up to so many of those are looked at. Where there are more, some that are not over may be missed, for work is bounded.
const MOST_PASSED_BY: u64 = 1024;
/// Then so many are drawn, and chosen from.
const FEW: u64 = 64;

/// How a field is shown.
type Show = fn(&mut ReplyWriter<'_>, StringRef<'_>, StringRef<'_>);

/// HRANDFIELD key \[count \[WITHVALUES\]\]
pub(super) fn hrandfield(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    if call.args.len() == 2 {
        let mut chance = call.store.draw_seed();
        let hash = hash(call.store.get(db, key))?;
        let drawn = hash.and_then(|hash| hash.at(hash.random(&mut chance)?));
        match drawn {
            Some((field, _)) => reply_string(&mut call.reply, field),
            None => call.reply.null(),
        }
        return Ok(Action::Continue);
    }
    let count = count(call.args.at(2))?;
    let with_values = match call.args.len() {
        3 => false,
        4 if is_word(call.args.at(3), "WITHVALUES") => true,
        _ => return Err(ErrorReply::Syntax),
    };
    if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(ErrorReply::PairsOutOfRange);
    }
    let fields = hash(call.store.get(db, key))?.map_or(0, HashRef::fields);
    if fields == 0 || count == 0 {
        call.reply.array(0);
        return Ok(Action::Continue);
    }
    let shown = match count {
        ..0 => count.unsigned_abs(),
        _ => count.unsigned_abs().min(fields),
    };
    let pairs_apart = call.reply.protocol() == Protocol::Resp3;
    let style = match (with_values, pairs_apart) {
        (false, _) => Style::new(show_field, 1),
        (true, false) => Style::new(show_both, 2),
        (true, true) => Style::new(show_pair, 1),
    };
    if count < 0 {
        return piecewise::show(call, |call| {
            style.head(&mut call.reply, shown);
            let (chance, left) = (call.store.draw_seed(), shown);
            Ok(Drawn {
                style,
                chance,
                left,
            })
        });
    }
    let ends = hash(call.store.look(db, key))?.and_then(HashRef::earliest_end);
    if ends.is_some() {
        // Fields may go between two pieces, and places change then.
        choose(call, shown, fields, style)?;
        return Ok(Action::Continue);
    }
    piecewise::show(call, |call| {
        style.head(&mut call.reply, shown);
        Ok(Choosing {
            style,
            chance: call.store.draw_seed(),
            chosen: Chosen::new(shown, fields),
        })
    })
}

/// Different fields, of which none ends, on their way into a reply.
#[derive(Debug)]
struct Choosing {
    style: Style,
    chance: u64,
    chosen: Chosen,
}

impl Piecewise for Choosing {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let Some(hash) = hash(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let Self {
            style,
            chance,
            chosen,
        } = self;
        let (show, reply) = (style.show, &mut call.reply);
        let mut progress = Progress::More;
        match chosen {
            Chosen::Walk(selection, from) => {
                let next = hash.walk(*from, PIECE_ELEMENTS, |field, value| {
                    let selection = selection.as_mut();
                    if selection.is_none_or(|selection| selection.takes_next(chance)) {
                        show(reply, field, value);
                    }
                });
                match next {
                    Some(next) => *from = next,
                    None => progress = Progress::Over,
                }
            }
            Chosen::Draw(drawing) => {
                if drawing.go_on(PIECE_ELEMENTS, || hash.random(chance)) {
                    let drawing = std::mem::replace(drawing, Drawing::new(0));
                    *chosen = Chosen::Show(drawing.into_drawn(), 0);
                } else {
                    progress = Progress::Long;
                }
            }
            Chosen::Show(drawn, shown) => {
                let end = drawn.len().min(*shown + PIECE_ELEMENTS);
                for place in &drawn[*shown..end] {
                    if let Some((field, value)) = hash.at(*place) {
                        show(reply, field, value);
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

/// How fields are shown, and in how many words each.
#[derive(Clone, Copy, Debug)]
struct Style {
    show: Show,
    words: u64,
}

impl Style {
    fn new(show: Show, words: u64) -> Self {
        Self { show, words }
    }

    /// The head of a reply with so many fields.
    fn head(self, reply: &mut ReplyWriter<'_>, fields: u64) {
        let words = usize::try_from(fields.saturating_mul(self.words));
        reply.array(words.unwrap_or(usize::MAX));
    }
}

/// Fields that are drawn one after the other, the same one perhaps more than once.
#[derive(Debug)]
struct Drawn {
    style: Style,
    chance: u64,
    left: u64,
}

impl Piecewise for Drawn {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let Some(hash) = hash(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let chance = &mut self.chance;
        // Drawn anew in each piece, for places change when fields go.
        let few = match passed_by(hash) {
            0..=MOST_PASSED_BY => Vec::new(),
            _ => Choice::drawn(FEW, || hash.random(chance)),
        };
        let mut last = None;
        let some = self.left.min(PIECE_ELEMENTS as u64);
        for _ in 0..some {
            let place = match few.len() as u64 {
                0 => hash.random(chance),
                some => {
                    let nth = usize::try_from(below(chance, some));
                    few.get(nth.unwrap_or(0)).copied()
                }
            };
            let drawn = place.and_then(|place| hash.at(place));
            last = drawn.or(last).or_else(|| any(hash));
            let Some((field, value)) = last else {
                return Ok(Progress::Anew);
            };
            (self.style.show)(&mut call.reply, field, value);
        }
        check_reply(call)?;
        self.left -= some;
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}

fn show_field(reply: &mut ReplyWriter<'_>, field: StringRef<'_>, _: StringRef<'_>) {
    reply_string(reply, field);
}

fn show_both(reply: &mut ReplyWriter<'_>, field: StringRef<'_>, value: StringRef<'_>) {
    reply_string(reply, field);
    reply_string(reply, value);
}

fn show_pair(reply: &mut ReplyWriter<'_>, field: StringRef<'_>, value: StringRef<'_>) {
    reply.array(2);
    show_both(reply, field, value);
}

/// Fields that are over and in the way of draws: none where enough others are there.
fn passed_by(hash: HashRef<'_>) -> u64 {
    let hidden = hash.hidden();
    if hidden <= hash.fields() { 0 } else { hidden }
}

/// Some field where draws met none: it is one of few among few.
fn any(hash: HashRef<'_>) -> Option<(StringRef<'_>, StringRef<'_>)> {
    let mut found = None;
    hash.walk(Position::default(), usize::MAX, |field, value| {
        found = Some((field, value));
    });
    found
}

fn choose(call: &mut Call<'_>, count: u64, fields: u64, style: Style) -> Result<(), ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut chance = call.store.draw_seed();
    let Some(hash) = hash(call.store.look(db, key))? else {
        return Ok(());
    };
    let all = Position::default();
    let choice = match passed_by(hash) {
        0 => Choice::of(count, fields, &mut chance, |chance| hash.random(chance)),
        1..=MOST_PASSED_BY => Choice::walked(count, fields),
        _ => Choice::Drawn(Choice::drawn(count, || hash.random(&mut chance))),
    };
    let count = match &choice {
        Choice::Drawn(drawn) => drawn.len() as u64,
        Choice::All | Choice::Walk(_) => count,
    };
    style.head(&mut call.reply, count);
    let show = style.show;
    match choice {
        Choice::All => {
            hash.walk(all, usize::MAX, |field, value| {
                show(&mut call.reply, field, value);
            });
        }
        Choice::Walk(mut selection) => {
            hash.walk(all, usize::MAX, |field, value| {
                if selection.takes_next(&mut chance) {
                    show(&mut call.reply, field, value);
                }
            });
        }
        Choice::Drawn(drawn) => {
            for (field, value) in drawn.into_iter().filter_map(|place| hash.at(place)) {
                show(&mut call.reply, field, value);
            }
        }
    }
    check_reply(call)
}
