//! Commands of sorted sets.
//! Pure. Invariant: a handler that returns an error has changed nothing.

mod add;
mod blocking;
mod border;
mod combine;
mod pop;
mod random;
mod range;
mod read;
mod remove;
mod scan;
#[cfg(test)]
mod tests;

use super::Handler;
use super::bounded::BoundedReply;
use crate::store::StringRef;
use shared::command::CommandId;
use shared::resp::{Protocol, ReplyWriter};

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Zadd => add::zadd,
        CommandId::Zincrby => add::zincrby,
        CommandId::Zrem => remove::zrem,
        CommandId::Zremrangebyrank => remove::zremrangebyrank,
        CommandId::Zremrangebyscore => remove::zremrangebyscore,
        CommandId::Zremrangebylex => remove::zremrangebylex,
        CommandId::Zcard => read::zcard,
        CommandId::Zscore => read::zscore,
        CommandId::Zmscore => read::zmscore,
        CommandId::Zrank => read::zrank,
        CommandId::Zrevrank => read::zrevrank,
        CommandId::Zcount => read::zcount,
        CommandId::Zlexcount => read::zlexcount,
        CommandId::Zrange => range::zrange,
        CommandId::Zrevrange => range::zrevrange,
        CommandId::Zrangebyscore => range::zrangebyscore,
        CommandId::Zrevrangebyscore => range::zrevrangebyscore,
        CommandId::Zrangebylex => range::zrangebylex,
        CommandId::Zrevrangebylex => range::zrevrangebylex,
        CommandId::Zrangestore => range::zrangestore,
        CommandId::Zpopmin => pop::zpopmin,
        CommandId::Zpopmax => pop::zpopmax,
        CommandId::Zmpop => pop::zmpop,
        CommandId::Bzpopmin => blocking::bzpopmin,
        CommandId::Bzpopmax => blocking::bzpopmax,
        CommandId::Bzmpop => blocking::bzmpop,
        CommandId::Zscan => scan::zscan,
        CommandId::Zrandmember => random::zrandmember,
        CommandId::Zunion => combine::zunion,
        CommandId::Zinter => combine::zinter,
        CommandId::Zdiff => combine::zdiff,
        CommandId::Zunionstore => combine::zunionstore,
        CommandId::Zinterstore => combine::zinterstore,
        CommandId::Zdiffstore => combine::zdiffstore,
        CommandId::Zintercard => combine::zintercard,
        _ => return None,
    })
}

/// How members are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// Alone.
    Members,
    /// Each with its score: in pairs where the protocol has them, else one after the other.
    WithScores,
    /// Each with its score, one after the other, whatever the protocol.
    Flat,
    /// Each in an array with its score, whatever the protocol.
    Pairs,
}

impl Telling {
    /// With scores or without.
    fn of(with_scores: bool) -> Self {
        if with_scores {
            Self::WithScores
        } else {
            Self::Members
        }
    }
}

/// Members as a reply, at most as long as a client may have waiting.
struct MembersReply<'a, 'b> {
    reply: BoundedReply<'a, 'b>,
    has_scores: bool,
    has_pairs: bool,
}

impl<'a, 'b> MembersReply<'a, 'b> {
    /// Begins with the head for `count` members.
    fn begin(reply: &'a mut ReplyWriter<'b>, most: usize, telling: Telling, count: u64) -> Self {
        let mut begun = Self::go_on(reply, most, telling);
        let is_flat = begun.has_scores && !begun.has_pairs;
        begun
            .reply
            .array(count.saturating_mul(1 + u64::from(is_flat)));
        begun
    }

    /// Goes on behind a head and some members.
    fn go_on(reply: &'a mut ReplyWriter<'b>, most: usize, telling: Telling) -> Self {
        let has_scores = telling != Telling::Members;
        let has_pairs = match telling {
            Telling::Members | Telling::Flat => false,
            Telling::WithScores => reply.protocol() == Protocol::Resp3,
            Telling::Pairs => true,
        };
        Self {
            reply: BoundedReply::new(reply, most),
            has_scores,
            has_pairs,
        }
    }

    /// The next member.
    fn member(&mut self, member: StringRef<'_>, score: f64) {
        if self.has_pairs && !self.reply.is_full() {
            self.reply.array(2);
        }
        self.reply.string(member);
        if self.has_scores {
            self.reply.double(score);
        }
    }
}
