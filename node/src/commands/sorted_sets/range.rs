//! Commands that tell a range of members, or store it: ZRANGE and its older forms, ZRANGESTORE.
//! Pure.

use super::border::Borders;
use super::{MembersReply, Telling};
use crate::commands::arguments::{integer, is_word, places, reply_count_64};
use crate::commands::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, carry_out, show};
use crate::commands::{Action, Call};
use crate::store::{MemberList, SortedSetMaker, SortedSetRef, StringRef, Strings};
use shared::resp::{Args, ErrorReply};

/// What a range is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Rank,
    Score,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The rank that is next when so many have been walked over.
    fn behind(self, from: u64, walked: u64) -> u64 {
        match self {
            Self::Up => from + walked,
            // Behind the last one there is no next.
            Self::Down => from.saturating_sub(walked),
        }
    }
}

/// What a command's name says of its range; options may say the rest.
#[derive(Clone, Copy, Debug)]
struct Form {
    axis: Option<Axis>,
    direction: Option<Direction>,
    /// Which argument names the set.
    source: usize,
}

const ANY: Form = Form {
    axis: None,
    direction: None,
    source: 1,
};

/// Which members are meant, in which order.
#[derive(Debug)]
struct Range<'a> {
    span: Span<'a>,
    direction: Direction,
    offset: i64,
    /// Below zero: no limit.
    limit: i64,
    with_scores: bool,
}

#[derive(Debug)]
enum Span<'a> {
    Ranks(i64, i64),
    Between(Borders<'a>),
}

/// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
pub(super) fn zrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_range(call, ANY)
}

/// ZREVRANGE key start stop [WITHSCORES]
pub(super) fn zrevrange(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_range(call, known(Axis::Rank, Direction::Down))
}

/// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
pub(super) fn zrangebyscore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_range(call, known(Axis::Score, Direction::Up))
}

/// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
pub(super) fn zrevrangebyscore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_range(call, known(Axis::Score, Direction::Down))
}

/// ZRANGEBYLEX key min max [LIMIT offset count]
pub(super) fn zrangebylex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_range(call, known(Axis::Text, Direction::Up))
}

/// ZREVRANGEBYLEX key max min [LIMIT offset count]
pub(super) fn zrevrangebylex(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    reply_range(call, known(Axis::Text, Direction::Down))
}

fn known(axis: Axis, direction: Direction) -> Form {
    Form {
        axis: Some(axis),
        direction: Some(direction),
        ..ANY
    }
}

fn reply_range(call: &mut Call<'_>, form: Form) -> Result<Action, ErrorReply> {
    let range = Range::parse(call.args, form, true)?;
    show(call, |call| {
        let (db, key) = (call.db(), call.key(1));
        let most = call.node.settings.hot.output_limit.most_bytes();
        let set = SortedSetRef::there(call.store.get(db, key))?;
        let (next, left) = set.map_or((0, 0), |set| range.ranks(set));
        let telling = Telling::of(range.with_scores);
        MembersReply::begin(&mut call.reply, most, telling, left);
        Ok(Shown {
            direction: range.direction,
            telling,
            next,
            left,
        })
    })
}

/// Members of the set at the first key, rank by rank.
#[derive(Debug)]
struct Shown {
    direction: Direction,
    telling: Telling,
    next: u64,
    left: u64,
}

impl Piecewise for Shown {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if self.left == 0 {
            return Ok(Progress::Over);
        }
        let (db, key) = (call.db(), call.key(1));
        let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
            return Ok(Progress::Anew);
        };
        let piece = self.left.min(PIECE_ELEMENTS as u64);
        let most = call.node.settings.hot.output_limit.most_bytes();
        let mut reply = MembersReply::go_on(&mut call.reply, most, self.telling);
        match self.telling {
            // Apart, so that no score is read for nothing.
            Telling::Members => {
                let members = &mut reply.reply.strings();
                match self.direction {
                    Direction::Up => set.show_strings(self.next, piece, members),
                    Direction::Down => {
                        set.walk_back(self.next, piece, |member, _| members.one(member));
                    }
                }
            }
            _ => walk(self.direction, set, self.next, piece, |member, score| {
                reply.member(member, score);
            }),
        }
        reply.reply.finish()?;
        self.left -= piece;
        self.next = self.direction.behind(self.next, piece);
        Ok(match self.left {
            0 => Progress::Over,
            _ => Progress::More,
        })
    }
}

fn walk<'b>(
    direction: Direction,
    set: SortedSetRef<'b>,
    from: u64,
    count: u64,
    show: impl FnMut(StringRef<'b>, f64),
) {
    match direction {
        Direction::Up => set.walk(from, count, show),
        Direction::Down => set.walk_back(from, count, show),
    }
}

/// ZRANGESTORE destination source start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count]
pub(super) fn zrangestore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let form = Form { source: 2, ..ANY };
    let range = Range::parse(call.args, form, false)?;
    let (db, source) = (call.db(), call.key(2));
    let set = SortedSetRef::there(call.store.get(db, source))?;
    let (next, left) = set.map_or((0, 0), |set| range.ranks(set));
    let stored = Stored {
        direction: range.direction,
        next,
        left,
        maker: None,
    };
    carry_out(call, stored, left > UNDIVIDED_MEMBERS)
}

/// With more members, others have their turns while ZRANGESTORE stores them: so many take half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 512;

/// Members of the set at the second key on their way into that at the first.
#[derive(Debug)]
struct Stored {
    direction: Direction,
    next: u64,
    left: u64,
    /// None before the first step.
    maker: Option<SortedSetMaker>,
}

impl Piecewise for Stored {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (db, destination, source) = (call.db(), call.key(1), call.key(2));
        let limits = call.node.settings.hot.small.sorted_set;
        let maker = self.maker.take();
        let mut maker = maker.unwrap_or_else(|| SortedSetMaker::new(db, destination.bytes, limits));
        let piece = self.left.min(PIECE_ELEMENTS as u64);
        if piece > 0 {
            let Ok(Some(set)) = SortedSetRef::there(call.store.look(db, source)) else {
                maker.drop(call.store);
                return Ok(Progress::Anew);
            };
            let mut some = MemberList::default();
            walk(self.direction, set, self.next, piece, |member, score| {
                some.push(member, score);
            });
            for (score, member) in some.range(0..some.len()) {
                if let Err(full) = maker.add(call.store, member, score) {
                    maker.drop(call.store);
                    return Err(full.into());
                }
            }
            self.next = self.direction.behind(self.next, piece);
            self.left -= piece;
        }
        if self.left > 0 {
            self.maker = Some(maker);
            return Ok(Progress::More);
        }
        let stored = maker.put(call.store, destination)?;
        reply_count_64(&mut call.reply, stored);
        Ok(Progress::Over)
    }
}

impl<'a> Range<'a> {
    fn parse(args: Args<'a>, form: Form, may_tell_scores: bool) -> Result<Self, ErrorReply> {
        let Form {
            mut axis,
            mut direction,
            source,
        } = form;
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut index = source + 3;
        while index < args.len() {
            match args.at(index) {
                word if may_tell_scores && is_word(word, "WITHSCORES") => with_scores = true,
                word if is_word(word, "LIMIT") && index + 2 < args.len() => {
                    offset = integer(args.at(index + 1))?;
                    limit = integer(args.at(index + 2))?;
                    index += 2;
                }
                word if direction.is_none() && is_word(word, "REV") => {
                    direction = Some(Direction::Down);
                }
                word if axis.is_none() && is_word(word, "BYLEX") => axis = Some(Axis::Text),
                word if axis.is_none() && is_word(word, "BYSCORE") => axis = Some(Axis::Score),
                _ => return Err(ErrorReply::Syntax),
            }
            index += 1;
        }
        let (axis, direction) = (
            axis.unwrap_or(Axis::Rank),
            direction.unwrap_or(Direction::Up),
        );
        if limit != -1 && axis == Axis::Rank {
            return Err(ErrorReply::RangeLimitOfRanks);
        }
        if with_scores && axis == Axis::Text {
            return Err(ErrorReply::RangeScoresOfTexts);
        }
        Ok(Self {
            span: Span::parse(axis, direction, args.at(source + 1), args.at(source + 2))?,
            direction,
            offset,
            limit,
            with_scores,
        })
    }

    /// The rank at which the walk begins, and how many members it shows.
    fn ranks(&self, set: SortedSetRef<'_>) -> (u64, u64) {
        let len = set.len();
        let (first, all, skipped, limit) = match &self.span {
            // Counted in the direction of the walk.
            Span::Ranks(start, stop) => {
                let (skipped, count) = places(*start, *stop, len).unwrap_or((0, 0));
                (0, len, skipped, count)
            }
            Span::Between(borders) => {
                let (first, all) = borders.ranks(set);
                // A negative offset passes over everything.
                let skipped = u64::try_from(self.offset).unwrap_or(all);
                (
                    first,
                    all,
                    skipped,
                    u64::try_from(self.limit).unwrap_or(all),
                )
            }
        };
        let Some(left @ 1..) = all.checked_sub(skipped) else {
            return (0, 0);
        };
        let from = match self.direction {
            Direction::Up => first + skipped,
            Direction::Down => first + left - 1,
        };
        (from, left.min(limit))
    }
}

impl<'a> Span<'a> {
    /// Borders are given from the one at which the walk begins; ranks are counted from there.
    fn parse(
        axis: Axis,
        direction: Direction,
        begin: &'a [u8],
        end: &'a [u8],
    ) -> Result<Self, ErrorReply> {
        let (least, most) = match direction {
            Direction::Up => (begin, end),
            Direction::Down => (end, begin),
        };
        Ok(match axis {
            Axis::Rank => Self::Ranks(integer(begin)?, integer(end)?),
            Axis::Score => Self::Between(Borders::of_scores(least, most)?),
            Axis::Text => Self::Between(Borders::of_texts(least, most)?),
        })
    }
}
