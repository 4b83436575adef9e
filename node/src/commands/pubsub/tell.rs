//! PUBSUB: what has been subscribed to.
//! Pure. A long list is shown a piece at a time; a name that comes or goes meanwhile may be in it or not.

use super::{Action, Call};
use crate::commands::piecewise::{EstimatedHead, PIECE_ELEMENTS, Piecewise, Progress, show};
use crate::commands::scan_options::Pattern;
use shared::pubsub::{Topic, topic_of};
use shared::resp::ErrorReply;
use std::rc::Rc;

/// Most names in one request: looking each up takes a millisecond in all. Ours: Redis takes any number.
const MOST_NAMES: usize = 16 * 1024;
/// Names that are looked at in one turn.
const UNDIVIDED_NAMES: usize = 4 * 1024;

/// PUBSUB CHANNELS \[pattern\], PUBSUB SHARDCHANNELS \[pattern\]
pub(super) fn names(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() > 3 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("PUBSUB", word));
    }
    show(call, Names::begin)
}

/// PUBSUB NUMSUB \[channel …\], PUBSUB SHARDNUMSUB \[shardchannel …\]
pub(super) fn subscribers(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let topic = topic_of(call.spec.id);
    let names = call.args.len() - 2;
    if names > MOST_NAMES {
        return Err(ErrorReply::TooManyNames);
    }
    call.reply.array(2 * names);
    for name in call.args.iter_from(2) {
        let count = call.node.subscriptions.listeners(topic, name);
        call.reply.bulk(name);
        call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }
    Ok(Action::Continue)
}

/// PUBSUB NUMPAT
pub(super) fn patterns(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let count = call.node.subscriptions.count(Topic::Pattern);
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// A list of names under way.
#[derive(Debug)]
struct Names {
    topic: Topic,
    pattern: Pattern,
    head: Option<EstimatedHead>,
    looked_at: usize,
    /// The name that was looked at last.
    last: Option<Rc<[u8]>>,
}

impl Names {
    fn begin(call: &mut Call<'_>) -> Result<Self, ErrorReply> {
        let topic = topic_of(call.spec.id);
        let pattern = Pattern::new(call.args.get(2).unwrap_or(b"*"))?;
        let all = call.node.subscriptions.count(topic);
        let estimate = match call.args.get(2) {
            None => all as u64,
            // Few, perhaps; whatever it is, the head is put right.
            Some(_) => 0,
        };
        let head = EstimatedHead::write(&mut call.reply, estimate);
        Ok(Self {
            topic,
            pattern,
            head: Some(head),
            looked_at: 0,
            last: None,
        })
    }
}

impl Piecewise for Names {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let Some(mut head) = self.head.take() else {
            return Ok(Progress::Over);
        };
        let behind = call
            .node
            .subscriptions
            .names_behind(self.topic, self.last.as_deref());
        let mut fault = None;
        let mut looked_at = 0;
        let mut last = None;
        for name in behind.take(PIECE_ELEMENTS) {
            if self.pattern.matches(name, &mut fault) {
                call.reply.bulk(name);
                head.count += 1;
            }
            looked_at += 1;
            last = Some(Rc::clone(name));
        }
        fault.map_or(Ok(()), Err)?;
        if looked_at < PIECE_ELEMENTS {
            head.end(&mut call.reply);
            return Ok(Progress::Over);
        }
        self.last = last;
        self.head = Some(head);
        self.looked_at += looked_at;
        // Of very many none may match, so that the reply does not grow.
        Ok(match self.looked_at > UNDIVIDED_NAMES {
            true => Progress::Long,
            false => Progress::More,
        })
    }
}
