//! What a controller tells people: what it has done, and what it waits for.
//! Pure.

use shared::topology::Version;

use crate::opinion::Standing;

/// Something that people may want to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice<S, N> {
    /// This version has been written, and in it:
    Changed(Version, Change<S, N>),
    /// This is so from now on.
    Begins(Condition<S, N>),
    /// This is so no more.
    Ends(Condition<S, N>),
    /// A request of an operator is not carried out.
    Refused(S, Reason),
}

/// A change of a shard that has been written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change<S, N> {
    /// Another node leads.
    Promoted(S, N, Why),
    /// All who were in sync have restarted: the node with most leads.
    Recovered(S, N),
    /// The node with most of those that answer leads, and what only others had is lost: an operator has accepted that.
    LossAccepted(S, N),
    /// A node is not waited for any more.
    Shrunk(S, N, Why),
    /// A node is in sync.
    Grown(S, N),
    /// The present life of a node is listed as one that copies.
    Registered(S, N),
    /// A spare node has become one that copies.
    Attached(S, N),
    /// A node that was gone has been replaced, and is listed no more.
    Dismissed(S, N),
}

/// Why a node leads, or is waited for, no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It says itself that it has restarted.
    Restarted,
    /// The proxies hold it for down.
    Down,
    /// It holds its primary up.
    HoldsUp,
    /// It cannot go on from what it has.
    NeedsSync,
    /// An operator wanted it.
    Planned,
}

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition<S, N> {
    /// Nobody acts on what is seen.
    Standing(Standing),
    /// The primary is gone and nobody may lead: it waits for nodes that were in sync, or for an operator who accepts a loss.
    Leaderless(S),
    /// A node is gone, and without it fewer would be in sync than the shard must have.
    TooFewInSync(S),
    /// Copies are missing, and no spare is there.
    CopiesMissing(S),
    /// A node of the shard lives another life again and again; the next ones are taken up after a pause.
    Restless(S, N),
}

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// There is no such shard.
    UnknownShard,
    /// Another request for this shard is under way.
    Busy,
    /// The shard has got another primary since it was asked for.
    LedAnew,
    /// The primary is gone, and without it fewer would be in sync than the shard must have.
    TooFewInSync,
    /// Nobody who could lead was ready in time; clients go on with the old primary.
    NotInTime,
    /// Nothing need be lost: somebody who is in sync answers.
    NothingIsLost,
    /// Nobody answers who has a whole copy.
    NobodyAnswers,
}
