//! ZRANDMEMBER.
//! Pure: chance comes from the store's seeded generator.

use super::{MembersReply, Telling};
use crate::commands::arguments::{is_word, reply_optional};
use crate::commands::chosen::count;
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::{Action, Call};
use crate::store::{SortedSetRef, below};
use shared::resp::ErrorReply;
use std::collections::{BTreeSet, btree_set};

/// ZRANDMEMBER key [count [WITHSCORES]]: a negative count may draw a member more than once.
pub(super) fn zrandmember(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 2 {
        return many(call);
    }
    let (db, key) = (call.db(), call.key(1));
    let mut chance = call.store.draw_seed();
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let drawn = set.and_then(|set| set.random(&mut chance));
    reply_optional(&mut call.reply, drawn.map(|(member, _)| member));
    Ok(Action::Continue)
}

/// How many are asked for, and how they are told.
fn parse(call: &Call<'_>) -> Result<(i64, Telling), ErrorReply> {
    let count = count(call.args.at(2))?;
    let telling = match call.args.len() {
        3 => Telling::Members,
        4 if is_word(call.args.at(3), "WITHSCORES") => Telling::WithScores,
        _ => return Err(ErrorReply::Syntax),
    };
    // Twice as many must be countable.
    if telling == Telling::WithScores && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(ErrorReply::PairsOutOfRange);
    }
    Ok((count, telling))
}

fn many(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (count, telling) = parse(call)?;
    let (db, key) = (call.db(), call.key(1));
    let most = call.node.settings.hot.output_limit.most_bytes();
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let Some(set) = set.filter(|_| count != 0) else {
        call.reply.array(0);
        return Ok(Action::Continue);
    };
    if count < 0 {
        return show(call, |call| {
            let (chance, left) = (call.store.draw_seed(), count.unsigned_abs());
            MembersReply::begin(&mut call.reply, most, telling, left);
            Ok(Drawn {
                telling,
                chance,
                left,
            })
        });
    }
    let len = set.len();
    let told = count.unsigned_abs().min(len);
    show(call, |call| {
        MembersReply::begin(&mut call.reply, most, telling, told);
        Ok(Choosing {
            telling,
            chance: call.store.draw_seed(),
            stage: match told == len {
                true => Stage::All(len),
                false => Stage::Choosing(Sample::new(told, len)),
            },
        })
    })
}

/// Different members on their way into a reply.
#[derive(Debug)]
struct Choosing {
    telling: Telling,
    chance: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// As Redis tells all: from the greatest on; so many are left.
    All(u64),
    /// Ranks are still being chosen.
    Choosing(Sample),
    /// These are still to be told.
    Telling(btree_set::IntoIter<u64>),
}

impl Piecewise for Choosing {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let most = call.node.settings.hot.output_limit.most_bytes();
        let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let mut reply = MembersReply::go_on(&mut call.reply, most, self.telling);
        let mut progress = Progress::More;
        match &mut self.stage {
            Stage::All(left) => {
                let some = (*left).min(PIECE_ELEMENTS as u64);
                set.walk_back(left.saturating_sub(1), some, |member, score| {
                    reply.member(member, score);
                });
                *left -= some;
                if *left == 0 {
                    progress = Progress::Over;
                }
            }
            Stage::Choosing(sample) => match sample.go_on(PIECE_ELEMENTS, &mut self.chance) {
                Some(ranks) => self.stage = Stage::Telling(ranks.into_iter()),
                None => progress = Progress::Long,
            },
            Stage::Telling(ranks) => {
                for rank in ranks.by_ref().take(PIECE_ELEMENTS) {
                    set.walk(rank, 1, |member, score| reply.member(member, score));
                }
                if ranks.len() == 0 {
                    progress = Progress::Over;
                }
            }
        }
        reply.reply.finish()?;
        Ok(progress)
    }
}

/// Ranks that are chosen, each choice as likely (Floyd's algorithm: Bentley, "Programming Pearls: a sample of brilliance", 1987).
#[derive(Debug)]
struct Sample {
    next: u64,
    len: u64,
    ranks: BTreeSet<u64>,
}

impl Sample {
    /// `some` of `len`.
    fn new(some: u64, len: u64) -> Self {
        Self {
            next: len.saturating_sub(some),
            len,
            ranks: BTreeSet::new(),
        }
    }

    /// Chooses up to `limit` of them; all, when they are there.
    fn go_on(&mut self, limit: usize, chance: &mut u64) -> Option<BTreeSet<u64>> {
        let end = self.len.min(self.next + limit as u64);
        for last in self.next..end {
            let rank = below(chance, last + 1);
            if !self.ranks.insert(rank) {
                self.ranks.insert(last);
            }
        }
        self.next = end;
        (end == self.len).then(|| std::mem::take(&mut self.ranks))
    }
}

/// Members that are drawn one after the other, the same one perhaps more than once.
#[derive(Debug)]
struct Drawn {
    telling: Telling,
    chance: u64,
    left: u64,
}

impl Piecewise for Drawn {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let most = call.node.settings.hot.output_limit.most_bytes();
        let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let some = self.left.min(PIECE_ELEMENTS as u64);
        let mut reply = MembersReply::go_on(&mut call.reply, most, self.telling);
        for _ in 0..some {
            if let Some((member, score)) = set.random(&mut self.chance) {
                reply.member(member, score);
            }
        }
        reply.reply.finish()?;
        self.left -= some;
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}
