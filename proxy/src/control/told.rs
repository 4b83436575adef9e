//! What the controller does and waits for, in words.
//! Pure but for the events that are told.

use protocol::controller::{Change, Condition, Notice, Reason, Why};
use protocol::opinion::Standing;
use shared::topology::{NodeId, ShardId};

use crate::events::{Events, Kind, News};

/// Tells it.
pub(super) fn tell(notice: &Notice<ShardId, NodeId>, events: &Events) {
    match notice {
        Notice::Changed(version, change) => {
            let (shard, what) = changed(change);
            let news = match change {
                // As an operator has ordered it, and without loss.
                Change::Promoted(.., Why::Planned) => News::info(Kind::Failover, what),
                Change::Promoted(..) | Change::Recovered(..) | Change::LossAccepted(..) => {
                    News::warning(Kind::Failover, what)
                }
                _ => News::info(Kind::Membership, what),
            };
            events.tell(news.of_shard(shard).at_version(version.0));
        }
        // It is told when it has lasted for a while: see `matters`.
        Notice::Begins(_) | Notice::Ends(_) => {}
        Notice::Refused(shard, reason) => {
            let words = format!("request refused: {}", refused(*reason));
            events.tell(News::warning(Kind::Failover, words).of_shard(shard));
        }
    }
}

fn changed(change: &Change<ShardId, NodeId>) -> (&ShardId, String) {
    match change {
        Change::Promoted(shard, node, why) => (
            shard,
            format!("{node} leads now, for its primary {}", reason(*why)),
        ),
        Change::Recovered(shard, node) => (
            shard,
            format!(
                "all who were in sync have restarted: {node} has most of what they have kept, and leads now; what none of them had on disk is lost"
            ),
        ),
        Change::LossAccepted(shard, node) => (
            shard,
            format!(
                "{node} leads now, and what only others had is lost, as an operator has accepted"
            ),
        ),
        Change::Shrunk(shard, node, why) => (
            shard,
            format!("{node} is not waited for any more: it {}", reason(*why)),
        ),
        Change::Grown(shard, node) => (shard, format!("{node} is in sync")),
        Change::Registered(shard, node) => (shard, format!("{node} is there and copies")),
        Change::Attached(shard, node) => (shard, format!("{node}, which was spare, copies now")),
        Change::Dismissed(shard, node) => (
            shard,
            format!("{node} was gone for long, has been replaced, and is listed no more"),
        ),
    }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Restarted => "has restarted",
        Why::Down => "is down",
        Why::HoldsUp => "holds its primary up",
        Why::NeedsSync => "cannot go on from what it has",
        Why::Planned => "is to be relieved",
    }
}

/// What lasts.
pub(super) fn lasting(condition: &Condition<ShardId, NodeId>) -> String {
    match condition {
        Condition::Standing(Standing::Braked) => {
            "too many nodes look down at once to act on it: rather the network than they".to_owned()
        }
        Condition::Standing(_) => {
            "most nodes look down from here: rather this proxy is cut off".to_owned()
        }
        Condition::Leaderless(shard) => format!(
            "shard {shard} has no primary, and nobody may lead it: it waits for nodes that were in sync; if they are gone for good: switchyard topology failover {shard} --accept-loss; where a node that is in sync answers, it is min-in-sync that keeps it from going on alone: lower that in the topology"
        ),
        Condition::TooFewInSync(shard) => format!(
            "shard {shard} waits for a follower, for fewer than its min-in-sync would be left without it"
        ),
        Condition::CopiesMissing(shard) => {
            format!("shard {shard} lacks copies, and no spare node is there")
        }
        Condition::Restless(shard, node) => format!(
            "node {node} of shard {shard} says another life again and again, as one that crashes and is started again does: its lives are taken up at ever longer intervals; look into its log"
        ),
    }
}

/// Why a request is not carried out.
pub(super) fn refused(reason: Reason) -> &'static str {
    match reason {
        Reason::UnknownShard => "there is no such shard that proxies look after",
        Reason::Busy => "another request for it is under way",
        Reason::LedAnew => {
            "it has got another primary since this was asked for, and is not given one more; look at the topology"
        }
        Reason::TooFewInSync => {
            "its primary is gone, and without it fewer nodes would be in sync than its min-in-sync asks for: start the primary again, or lower min-in-sync in the topology"
        }
        Reason::NotInTime => "nobody who could lead was ready in time, and nothing has changed",
        Reason::NothingIsLost => "nothing need be lost: a node that is in sync answers",
        Reason::NobodyAnswers => "nobody answers who has a whole copy",
    }
}
