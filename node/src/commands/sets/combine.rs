//! Commands that combine sets: SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD; at once or, when the sets are large, a part at a time with other clients' commands between.
//! Pure. Invariant: the sets are those of one moment: should one go meanwhile (nobody else may change them), the work begins anew.

use super::sources::{Keep, Sources};
use crate::commands::arguments::{check_reply, integer, is_word, reply_count_64, reply_string};
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, carry_out};
use crate::commands::{Action, Call, FIRST_KEY};
use crate::store::{Position, SetMaker, StringRef, Texts};
use shared::resp::ErrorReply;
use std::ops::Range;

/// With more members that are looked at or looked up, others have their turns in between: so many take half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 1_024;
/// The same of keys.
const UNDIVIDED_KEYS: usize = 1_024;

/// How sets are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

/// What the result is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Its members are told.
    Tell,
    /// They become a key's value.
    Store,
    /// They are counted, up to a limit; 0: all.
    Count(u64),
}

/// How the result is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Members of the first set that count.
    Walk(Keep),
    /// All members of all sets, put together.
    Gather,
    /// All members of the first set, from which those of the others are taken away.
    Subtract,
}

impl Plan {
    /// For sets that were looked at.
    fn of(operation: Operation, sources: &mut Sources) -> Self {
        match operation {
            Operation::Intersection => {
                sources.sort();
                Self::Walk(Keep::InEvery)
            }
            Operation::Union => Self::Gather,
            Operation::Difference => {
                let sets = sources.members().filter(|members| *members > 0).count() as u64;
                let first = sources.members().next().unwrap_or(0);
                let looked_up = first.saturating_mul(sets) / 2;
                // As Redis weighs it: most members are found in the first other set or two.
                if looked_up <= sources.members().sum() {
                    Self::Walk(Keep::InNone)
                } else {
                    Self::Subtract
                }
            }
        }
    }

    /// How many members are looked at or looked up.
    fn looked_at(self, sources: &Sources) -> u64 {
        match self {
            Self::Walk(_) => {
                let walked = sources.members().next().unwrap_or(0);
                walked.saturating_mul(sources.count() as u64)
            }
            Self::Gather | Self::Subtract => sources.members().sum(),
        }
    }
}

/// SINTER key …
pub(super) fn sinter(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(
        call,
        Operation::Intersection,
        Purpose::Tell,
        1..call.args.len(),
    )
}

/// SUNION key …
pub(super) fn sunion(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Union, Purpose::Tell, 1..call.args.len())
}

/// SDIFF key …
pub(super) fn sdiff(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(
        call,
        Operation::Difference,
        Purpose::Tell,
        1..call.args.len(),
    )
}

/// SINTERSTORE destination key …
pub(super) fn sinterstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(
        call,
        Operation::Intersection,
        Purpose::Store,
        2..call.args.len(),
    )
}

/// SUNIONSTORE destination key …
pub(super) fn sunionstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(call, Operation::Union, Purpose::Store, 2..call.args.len())
}

/// SDIFFSTORE destination key …
pub(super) fn sdiffstore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    combine(
        call,
        Operation::Difference,
        Purpose::Store,
        2..call.args.len(),
    )
}

/// SINTERCARD numkeys key … \[LIMIT limit\]
pub(super) fn sintercard(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let keys = integer(args.at(1)).ok().filter(|keys| *keys > 0);
    let keys = keys.ok_or(ErrorReply::KeyCountNotPositive)?;
    let end = usize::try_from(keys)
        .ok()
        .and_then(|keys| keys.checked_add(2));
    let end = end.filter(|end| *end <= args.len());
    let end = end.ok_or(ErrorReply::KeyCountTooLarge)?;
    let mut limit = 0;
    let mut options = args.iter_from(end);
    while let Some(word) = options.next() {
        let argument = options.next().filter(|_| is_word(word, "LIMIT"));
        let number = integer(argument.ok_or(ErrorReply::Syntax)?).ok();
        let number = number.and_then(|number| u64::try_from(number).ok());
        limit = number.ok_or(ErrorReply::LimitNegative)?;
    }
    combine(call, Operation::Intersection, Purpose::Count(limit), 2..end)
}

fn combine(
    call: &mut Call<'_>,
    operation: Operation,
    purpose: Purpose,
    keys: Range<usize>,
) -> Result<Action, ErrorReply> {
    let mut work = Combining {
        operation,
        purpose,
        sources: Sources::of(keys),
        stage: Stage::Looking,
        made: None,
        found: Texts::default(),
        count: 0,
    };
    let is_long = call.is_piecewise || work.sources.count() > UNDIVIDED_KEYS || {
        while matches!(work.stage, Stage::Looking) {
            work.look_on(call)?;
        }
        work.is_long()
    };
    carry_out(call, work, is_long)
}

/// A command under way.
#[derive(Debug)]
struct Combining {
    operation: Operation,
    purpose: Purpose,
    sources: Sources,
    stage: Stage,
    /// The result, where it is stored or put together of many sets.
    made: Option<SetMaker>,
    /// The result, where it is told as it is found; else members on their way.
    found: Texts,
    /// How many members have counted.
    count: u64,
}

#[derive(Debug)]
enum Stage {
    /// The sets are looked at.
    Looking,
    /// Members of this set are read from a position on.
    Reading(Plan, usize, Position),
    /// What was found is told; so many members are.
    Telling(usize),
    /// What was made is told from a position on.
    TellingMade(Option<Position>),
}

impl Combining {
    fn look_on(&mut self, call: &mut Call<'_>) -> Result<(), ErrorReply> {
        if self.sources.look_at_some(call)? {
            let plan = Plan::of(self.operation, &mut self.sources);
            self.stage = Stage::Reading(plan, 0, Position::default());
        }
        Ok(())
    }

    fn is_long(&self) -> bool {
        match self.stage {
            Stage::Reading(plan, ..) => plan.looked_at(&self.sources) > UNDIVIDED_MEMBERS,
            _ => true,
        }
    }

    /// Whether the result is made aside as a set, and not told as it is found.
    fn is_made(&self, plan: Plan) -> bool {
        match self.purpose {
            Purpose::Store => true,
            Purpose::Tell => !matches!(plan, Plan::Walk(_)),
            Purpose::Count(_) => false,
        }
    }

    /// Reads some members.
    fn read_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let Stage::Reading(plan, walked, from) = self.stage else {
            return Ok(Progress::More);
        };
        if self.made.is_none() && self.is_made(plan) {
            let key = match self.purpose {
                Purpose::Store => call.args.at(FIRST_KEY),
                Purpose::Tell | Purpose::Count(_) => b"",
            };
            let limits = call.node.settings.hot.small.set;
            self.made = Some(SetMaker::new(call.db(), key, limits));
        }
        let keep = match plan {
            Plan::Walk(keep) => keep,
            Plan::Gather | Plan::Subtract => Keep::All,
        };
        let before = self.found.len();
        let Ok(next) = self
            .sources
            .read(call, (walked, from), keep, &mut self.found)
        else {
            return Ok(Progress::Anew);
        };
        self.count += (self.found.len() - before) as u64;
        self.take(call, plan == Plan::Subtract && walked > 0)?;
        let has_enough = matches!(self.purpose, Purpose::Count(limit @ 1..) if self.count >= limit);
        let is_last = matches!(plan, Plan::Walk(_)) || walked + 1 == self.sources.count();
        self.stage = match next {
            Some(next) if !has_enough => Stage::Reading(plan, walked, next),
            None if !is_last => Stage::Reading(plan, walked + 1, Position::default()),
            _ => return self.end_reading(call),
        };
        Ok(Progress::More)
    }

    /// What becomes of members that were found.
    fn take(&mut self, call: &mut Call<'_>, are_taken_away: bool) -> Result<(), ErrorReply> {
        if let Some(made) = &mut self.made {
            for member in self.found.iter() {
                if are_taken_away {
                    made.remove_member(call.store, member);
                } else {
                    made.add_member(call.store, member)?;
                }
            }
            self.found.clear();
        } else if matches!(self.purpose, Purpose::Count(_)) {
            self.found.clear();
        }
        Ok(())
    }

    /// All is read.
    fn end_reading(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        match (self.purpose, &self.made) {
            (Purpose::Count(limit), _) => {
                let count = match limit {
                    0 => self.count,
                    limit => self.count.min(limit),
                };
                reply_count_64(&mut call.reply, count);
                return Ok(Progress::Over);
            }
            (Purpose::Tell, None) => {
                call.reply.set(self.found.len());
                self.stage = Stage::Telling(0);
            }
            (Purpose::Tell, Some(made)) => {
                let members = made.members();
                call.reply
                    .set(usize::try_from(members).unwrap_or(usize::MAX));
                self.stage = Stage::TellingMade(Some(Position::default()));
            }
            (Purpose::Store, _) => {
                if let Some(made) = self.made.take() {
                    let (destination, members) = (call.key(FIRST_KEY), made.members());
                    made.put(call.store, destination)?;
                    reply_count_64(&mut call.reply, members);
                }
                return Ok(Progress::Over);
            }
        }
        Ok(Progress::More)
    }

    fn tell_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let is_over = match &mut self.stage {
            Stage::Telling(told) => {
                let end = self.found.len().min(*told + PIECE_ELEMENTS);
                for nth in *told..end {
                    call.reply.bulk(self.found.get(nth));
                }
                *told = end;
                end == self.found.len()
            }
            Stage::TellingMade(next) => {
                if let (Some(made), Some(from)) = (&self.made, *next) {
                    let reply = &mut call.reply;
                    let tell = |member: StringRef<'_>| reply_string(reply, member);
                    *next = made.view(call.store).walk(from, PIECE_ELEMENTS, tell);
                }
                next.is_none()
            }
            Stage::Looking | Stage::Reading(..) => false,
        };
        check_reply(call)?;
        Ok(match is_over {
            true => Progress::Over,
            false => Progress::More,
        })
    }
}

impl Piecewise for Combining {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let progress = match self.stage {
            Stage::Looking => self.look_on(call).map(|()| Progress::More),
            Stage::Reading(..) => self.read_on(call),
            Stage::Telling(_) | Stage::TellingMade(_) => self.tell_on(call),
        };
        if progress != Ok(Progress::More)
            && let Some(made) = self.made.take()
        {
            made.drop(call.store);
        }
        progress
    }
}
