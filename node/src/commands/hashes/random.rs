//! HRANDFIELD.
//! Pure.

use super::hash;
use crate::commands::arguments::{check_reply, is_word, reply_string};
use crate::commands::chosen::{Choice, count};
use crate::commands::{Action, Call};
use crate::store::{HashRef, Position, StringRef};
use shared::resp::{ErrorReply, Protocol, ReplyWriter};

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
    let (show, words): (Show, u64) = match (with_values, pairs_apart) {
        (false, _) => (show_field, 1),
        (true, false) => (show_both, 2),
        (true, true) => (show_pair, 1),
    };
    let words = usize::try_from(shown.saturating_mul(words));
    call.reply.array(words.unwrap_or(usize::MAX));
    if count < 0 {
        draw_with_repetitions(call, shown, show)?;
    } else {
        choose(call, shown, fields, show)?;
    }
    Ok(Action::Continue)
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

fn draw_with_repetitions(call: &mut Call<'_>, count: u64, show: Show) -> Result<(), ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let most = call.node.settings.hot.output_limit.most_bytes();
    let mut chance = call.store.draw_seed();
    let Some(hash) = hash(call.store.look(db, key))? else {
        return Ok(());
    };
    for _ in 0..count {
        let drawn = hash.random(&mut chance);
        if let Some((field, value)) = drawn.and_then(|place| hash.at(place)) {
            show(&mut call.reply, field, value);
        }
        if call.reply.position() > most {
            return Err(ErrorReply::ReplyTooLong);
        }
    }
    Ok(())
}

fn choose(call: &mut Call<'_>, count: u64, fields: u64, show: Show) -> Result<(), ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let mut chance = call.store.draw_seed();
    let Some(hash) = hash(call.store.look(db, key))? else {
        return Ok(());
    };
    let all = Position::default();
    match Choice::of(count, fields, &mut chance, |chance| hash.random(chance)) {
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
