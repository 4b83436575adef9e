//! The table's columns on where a command runs: who serves it, where a proxy sends it, how several replies become one, whether it may be sent twice, what must
//! be over before it.
//! Pure.

use super::CommandId;

/// Where a proxy sends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the shard of its keys, which must all lie in one slot. Without keys (`EVAL … 0`) or with arguments in which none can be found: to any shard.
    ByKey,
    /// As `ByKey`; the shard is given the script, if it may not have it.
    Script,
    /// To the shard of its first argument, which is a channel.
    ByChannel,
    /// One sub-command per shard: each takes the keys (with what belongs to them) that live there.
    Split,
    /// To the shard that owns all its keys. Where several do, each is asked what it makes of its own, or has.
    Combined,
    /// To every shard.
    EveryShard,
    /// Shard after shard, by cursor.
    Walked,
    /// Answered by the proxy itself, from what it knows or has gathered.
    Local,
    /// On a connection of the client's own: it blocks, or it leaves a state behind.
    Leased,
    /// As `Leased` when an option says BLOCK, else as `ByKey`.
    LeasedIfBlock,
    /// Opens, runs or drops the client's queue of commands.
    Transaction,
    /// Changes what the client is subscribed to.
    Subscribed,
    /// To a shard the proxy may choose: there are no keys and every shard would do.
    AnyShard,
    /// Makes no sense through a proxy; a clear error.
    Refused,
}

/// How the replies of several shards become one. Unless said otherwise, one error among them is the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// There is only one reply.
    Single,
    /// Elements go back to the places of their keys.
    KeyOrder,
    /// Integers are added.
    Sum,
    /// The smallest integer.
    Least,
    /// All say the same (`OK`, a script's digest): the first reply, or the first error.
    AllOk,
    /// It concerns one shard, nobody knows which: the first reply that is no error, or the first error.
    AnyOk,
    /// Arrays of 0 and 1, place by place: 1 where every shard says 1.
    EveryOne,
    /// Arrays are joined.
    Concat,
    /// Arrays of names, each with a count behind it: the counts of each name are added.
    Counts,
    /// One of the non-null replies, drawn by chance, each shard as likely as it has keys.
    AnyNonNull,
    /// Members of all shards' sets, from which one set is made.
    OneSet(Combination),
    /// Sketches, one of each key, which are united and counted; what each key is asked.
    OneSketch(CommandId),
}

/// A command that makes one set of those at several keys, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// What is made of the sets.
    pub operation: Operation,
    /// What of it is told.
    pub telling: Telling,
    /// What the shard of the first key is asked.
    pub first: CommandId,
    /// What the others are asked.
    pub others: CommandId,
}

/// What is made of several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Members of any.
    Union,
    /// Members of all.
    Intersection,
    /// Members of the first that are in no other.
    Difference,
}

/// What is told of a set that a command has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Its members, in any order.
    Members,
    /// Its members in the order of their scores, and the scores when they are asked for.
    Scores,
    /// How many there are.
    Count,
}

/// What a proxy says of a command for every shard, or for any, when a shard cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingShard {
    /// The command fails with an error that names the shard: without its part the reply would be untrue, or the work half done.
    Fails,
    /// The reply is of use without it: it tells how the shards fare that are there. When none is, the command fails.
    LeftOut,
}

/// May a proxy send the command again when its connection broke before a reply came?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It changes nothing: again, without a word.
    Safe,
    /// It may have been applied: the client is told so.
    Never,
}

/// Who has a handler for a command today. To the others it is unknown. A container is served through its subcommands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Nobody yet.
    Nowhere,
    /// A node, and so a proxy, which sends it on or answers it.
    Everywhere,
    /// A proxy alone, of what it is itself.
    ByProxy,
}

/// Which of a client's other commands must be over, because they may go over other pipes and none must overtake the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// None: pipes keep the order that matters.
    Never,
    /// Earlier ones, before it begins: later ones may go over other pipes.
    Before,
    /// Earlier ones before it begins, and later ones begin when it is over: it changes what other databases hold.
    Around,
}
