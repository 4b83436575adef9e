//! Where does a request go? Knows only the command table, the topology and the request.
//! Pure.
//!
//! - here: the shard of a command's keys. [`split`]: one part per shard. [`combine`]: sets of several shards. [`merge`]: parts → one reply.
//!   [`rounds`]: very many keys, some at a time. [`scan`]: SCAN's cursor.
//! - [`outcome`]: what became of a request. [`info`]: INFO of all shards. [`totals`]: limits that they have together. [`reply`]: what must be read out of a node's reply.
//! - [`transaction`]: what may be queued behind MULTI. [`databases`]: what concerns two of them.
//!
//! What needs no node is answered in [`crate::here`], which imports this room and is not imported by it.
//!
//! Keys of one command must lie in one slot, as in Redis Cluster: slots may move, so two slots of one shard are no promise.
//! Where there is only one shard nothing moves, and everything is allowed that a plain Redis allows.

pub(crate) mod combine;
pub(crate) mod databases;
pub(crate) mod info;
pub(crate) mod merge;
mod outcome;
mod place;
pub(crate) mod reply;
pub(crate) mod rounds;
pub(crate) mod scan;
pub(crate) mod split;
pub(crate) mod totals;
pub(crate) mod transaction;

pub(crate) use outcome::Outcome;
pub(crate) use place::Place;
pub(crate) use split::Split;

use shared::command::{self, CommandId, CommandSpec, Merge};
use shared::resp::{Args, ErrorReply, RequestBatch, RequestLimits, RequestScanner, is_word};
use shared::slot::SlotId;
use shared::topology::{OfAll, ShardIndex};

use crate::topology::{Snapshot, Within};

/// The row of a command that is served.
#[inline]
pub(crate) fn resolve(args: Args<'_>) -> Result<&'static CommandSpec, ErrorReply> {
    command::resolve_served(args, CommandSpec::is_served_by_proxy)
}

/// Whether the row is one of Redis Cluster, which nodes do not serve.
pub(crate) fn is_of_clusters(id: CommandId) -> bool {
    command::spec(id).container() == Some(CommandId::Cluster)
        || matches!(
            id,
            CommandId::Asking | CommandId::Readonly | CommandId::Readwrite
        )
}

/// In what a time to wait is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// With a fraction.
    Seconds,
    /// Whole.
    Milliseconds,
}

/// Which argument of a command that waits says how long, and in what.
pub(crate) fn timeout_at(spec: &CommandSpec, args: Args<'_>) -> Option<(usize, TimeUnit)> {
    match spec.id {
        CommandId::Xread | CommandId::Xreadgroup => {
            block_at(args).map(|at| (at + 1, TimeUnit::Milliseconds))
        }
        CommandId::Blmpop | CommandId::Bzmpop => Some((1, TimeUnit::Seconds)),
        CommandId::Wait | CommandId::Waitaof => Some((args.len() - 1, TimeUnit::Milliseconds)),
        _ => Some((args.len() - 1, TimeUnit::Seconds)),
    }
}

/// Whether an XREAD or XREADGROUP may wait: one of its options says BLOCK.
pub(crate) fn blocks(args: Args<'_>) -> bool {
    block_at(args).is_some()
}

fn block_at(args: Args<'_>) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        if is_word(word, "BLOCK") {
            return Some(at);
        }
        let values = [("NOACK", 0), ("COUNT", 1), ("GROUP", 2)];
        let option = values.iter().find(|(name, _)| is_word(word, name));
        let Some((_, values)) = option else {
            // The streams, or what no node takes.
            return None;
        };
        at += 1 + values;
    }
    None
}

/// The shard of commands for which every shard would do.
pub(crate) fn any_shard() -> ShardIndex {
    ShardIndex::new(0).expect("0 is below the number of shards that a topology may have")
}

/// How the replies of every shard become one.
pub(crate) fn plan(spec: &CommandSpec) -> merge::Plan {
    if spec.merge == Merge::AnyNonNull {
        return merge::Plan::AnyKey;
    }
    merge::Plan::Table {
        rule: spec.merge,
        change: merge::Change::of(spec),
    }
}

/// Every shard of the topology.
pub(crate) fn all_shards(snapshot: &Snapshot) -> impl Iterator<Item = ShardIndex> + use<> {
    (0..snapshot.shard_count()).filter_map(ShardIndex::new)
}

/// The shard that owns the command's keys, any shard when it has none; and where the command belongs whatever becomes of the topology.
///
/// # Errors
/// `CROSSSLOT`: there are several shards, and the keys lie in several slots.
#[inline]
pub(crate) fn shard_of(
    spec: &CommandSpec,
    args: Args<'_>,
    snapshot: Within<'_>,
) -> Result<(ShardIndex, Place), ErrorReply> {
    if snapshot.is_one_shard() {
        // Slots are not looked at; should the topology grow before the command is sent, its keys are.
        return Ok((any_shard(), Place::Keys));
    }
    if snapshot.databases_differ() {
        databases::check(spec, args, snapshot)?;
    }
    let mut first: Option<(SlotId, usize)> = None;
    let mut stray = None;
    spec.for_each_key(args, |at| {
        let slot = slot_of_key(spec, args, at, snapshot);
        match first {
            None => first = Some((slot, at)),
            Some((expected, _)) if expected != slot => stray = stray.or(Some(at)),
            Some(_) => {}
        }
    });
    match (first, stray) {
        (Some((slot, _)), None) => {
            check_patterns(spec, args, slot, snapshot)?;
            Ok((snapshot.owner(slot), Place::Slot(slot)))
        }
        (None, _) => Ok(home(snapshot)),
        (Some((slot, _)), Some(_)) if is_broken(spec, args) => {
            Ok((snapshot.owner(slot), Place::Slot(slot)))
        }
        (Some((_, one)), Some(other)) => Err(cross_slot(spec, args, one, other)),
    }
}

/// Where what has no keys belongs: with all keys of its database, if these are in one place, for it may find some by itself.
pub(crate) fn home(snapshot: Within<'_>) -> (ShardIndex, Place) {
    match snapshot.home() {
        Some(slot) if !snapshot.is_one_shard() => (snapshot.owner(slot), Place::Slot(slot)),
        _ => (any_shard(), Place::Anywhere),
    }
}

/// The slot of a key that a command names; the copy that COPY makes may be in another database.
#[inline]
pub(crate) fn slot_of_key(
    spec: &CommandSpec,
    args: Args<'_>,
    at: usize,
    snapshot: Within<'_>,
) -> SlotId {
    match spec.id {
        CommandId::Copy if at > 1 => databases::of_copy(args, snapshot).slot_of(args.at(at)),
        _ => snapshot.slot_of(args.at(at)),
    }
}

/// Whether what the patterns of a SORT stand for lies in the slot of what is sorted: their hash tag says so.
fn check_patterns(
    spec: &CommandSpec,
    args: Args<'_>,
    slot: SlotId,
    snapshot: Within<'_>,
) -> Result<(), ErrorReply> {
    let mut stray = None;
    spec.for_each_key_pattern(args, |at| {
        let pattern = args.at(at);
        let find = |wanted: u8| pattern.iter().position(|byte| *byte == wanted);
        // Without a star it stands for no key. One before or in the tag may make another tag of it.
        let is_stray = find(b'*').is_some_and(|star| {
            match snapshot.of_all(&pattern[..star]) {
                OfAll::Nothing => {}
                OfAll::Slot(colocated) => return colocated != slot,
                OfAll::Several => return true,
            }
            let is_fixed = find(b'{').is_some_and(|open| open < star)
                && find(b'}').is_some_and(|close| close < star);
            !is_fixed || snapshot.slot_of(pattern) != slot
        });
        if is_stray {
            stray = stray.or(Some(at));
        }
    });
    match stray {
        None => Ok(()),
        Some(at) if is_word(args.at(at - 1), "BY") => Err(ErrorReply::SortPattern("BY")),
        Some(_) => Err(ErrorReply::SortPattern("GET")),
    }
}

/// Whether a node will refuse the command whatever its keys hold, because the number of keys is not true or an option is none; that is to be said before it
/// is said of arguments that they are keys.
#[cold]
fn is_broken(spec: &CommandSpec, args: Args<'_>) -> bool {
    let keys = spec.counted_keys(args);
    keys.is_some_and(|keys| spec.for_each_option(args, &keys, |_, _| {}).is_err())
}

/// Where a value is missing it is not known which arguments are keys, and Redis complains of their number.
#[cold]
fn cross_slot(spec: &CommandSpec, args: Args<'_>, one: usize, other: usize) -> ErrorReply {
    if spec.key_step() > 1 && !(args.len() - 1).is_multiple_of(spec.key_step()) {
        return ErrorReply::Arity(spec.name.into());
    }
    ErrorReply::cross_slot(args.at(one), args.at(other))
}

/// What is said to a command that makes no sense through a proxy.
pub(crate) fn refused(spec: &CommandSpec) -> ErrorReply {
    ErrorReply::Text(
        format!(
            "ERR '{}' is not possible through a proxy",
            spec.name.replace('|', " ")
        )
        .into(),
    )
}

/// The shard that owns the keys of a request that was routed before, any shard when it has none; `None` when they are not on one shard any more.
#[cold]
pub(crate) fn owner_of_frame(
    spec: &CommandSpec,
    frame: &mut [u8],
    snapshot: Within<'_>,
) -> Option<ShardIndex> {
    let limits = RequestLimits {
        bulk_bytes: u32::MAX,
        args: u32::MAX,
        ..RequestLimits::AUTHENTICATED
    };
    let mut batch = RequestBatch::default();
    RequestScanner::new(limits)
        .scan(frame, &mut batch, 1)
        .ok()?;
    let request = *batch.requests().first()?;
    let args = batch.args(frame, &request);
    let mut owner = None;
    let mut is_one = true;
    spec.for_each_key(args, |at| {
        let shard = snapshot.owner(slot_of_key(spec, args, at, snapshot));
        is_one &= *owner.get_or_insert(shard) == shard;
    });
    is_one.then(|| owner.unwrap_or_else(any_shard))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::topology_of;
    use shared::resp::encode_request;

    fn routed(line: &str, shards: &[&str]) -> Result<usize, String> {
        let mut frame = Vec::new();
        encode_request(&mut frame, line.split(' ').collect::<Vec<_>>());
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        let spec = resolve(args).map_err(|error| error.to_string())?;
        let (shard, _) = shard_of(spec, args, topology_of(shards).within(0))
            .map_err(|error| error.to_string())?;
        Ok(shard.as_usize())
    }

    #[test]
    fn patterns_of_sort_must_stand_for_keys_of_its_slot() {
        let three = ["a", "b", "c"];
        let denied = |option: &str| {
            Err(ErrorReply::SortPattern(if option == "BY" { "BY" } else { "GET" }).to_string())
        };
        for (line, expected) in [
            ("SORT {foo}l", Ok(2)),
            ("SORT {foo}l BY nosort GET # GET constant", Ok(2)),
            (
                "SORT {foo}l BY {foo}w:* GET {foo}h:*->f STORE {foo}d",
                Ok(2),
            ),
            ("SORT_RO {foo}l BY w:*", denied("BY")),
            ("SORT {foo}l BY {foo}w:* GET *{foo}", denied("GET")),
            ("SORT {foo}l GET {b}*", denied("GET")),
            ("SORT {foo}l GET {foo*}", denied("GET")),
            ("SORT {foo}l GET {}{foo}*", denied("GET")),
        ] {
            assert_eq!(routed(line, &three), expected, "{line}");
        }
        assert_eq!(routed("SORT l BY w:* GET o:*", &["a"]), Ok(0));
    }

    #[test]
    fn keys_decide_and_several_must_lie_in_one_slot() {
        let three = ["a", "b", "c"];
        // Slots 12182 and 3300.
        assert_eq!(routed("GET foo", &three), Ok(2));
        assert_eq!(routed("set b 1", &three), Ok(0));
        assert_eq!(routed("RENAME {foo}1 {foo}2", &three), Ok(2));
        assert_eq!(
            routed("RENAME foo b", &three),
            Err(ErrorReply::cross_slot(b"foo", b"b").to_string())
        );
        assert!(
            routed("BITOP AND {x}d {x}1 y", &three)
                .unwrap_err()
                .contains("'{x}d' and 'y';")
        );
        assert_eq!(
            routed("MSETNX {x}a 1 {x}b 2 stray", &three),
            Err("ERR wrong number of arguments for 'msetnx' command".to_owned())
        );
        // One shard: as plain Redis.
        assert_eq!(routed("RENAME foo b", &["a"]), Ok(0));
    }

    #[test]
    fn a_number_of_keys_that_takes_options_for_keys_is_left_to_a_node() {
        let three = ["a", "b", "c"];
        for line in [
            "LMPOP 2 foo LEFT",
            "LMPOP 3 foo LEFT COUNT 2",
            "ZMPOP 2 foo MIN COUNT 1",
            "ZUNIONSTORE foo 2 {foo}2 WEIGHTS 1",
            "ZDIFFSTORE foo 1 {foo}2 b",
        ] {
            assert!(routed(line, &three).is_ok(), "{line}");
        }
        for line in [
            "LMPOP 2 foo b LEFT",
            "ZMPOP 2 foo b max count 1",
            "ZUNIONSTORE foo 1 b WEIGHTS x",
            "ZDIFFSTORE foo 1 b",
            "SUNIONSTORE foo b",
        ] {
            let error = routed(line, &three).unwrap_err();
            assert!(error.starts_with("CROSSSLOT "), "{line}: {error}");
        }
    }

    #[test]
    fn what_is_not_served_is_unknown() {
        assert!(
            routed("MIGRATE h 1 k 0 1", &["a"])
                .unwrap_err()
                .starts_with("ERR unknown command 'MIGRATE'")
        );
        assert!(
            routed("CLIENT ZORK ON", &["a"])
                .unwrap_err()
                .starts_with("ERR unknown subcommand 'ZORK'")
        );
    }

    #[test]
    fn a_request_is_routed_again_only_as_a_whole() {
        let snapshot = topology_of(&["a", "b"]);
        let check = |line: &str, expected: Option<usize>| {
            let mut frame = Vec::new();
            encode_request(&mut frame, line.split(' ').collect::<Vec<_>>());
            let spec = command::lookup(line.split(' ').next().unwrap().as_bytes()).unwrap();
            let owner = owner_of_frame(spec, &mut frame, snapshot.within(0));
            assert_eq!(owner.map(ShardIndex::as_usize), expected, "{line}");
        };
        check("GET foo", Some(1));
        check("MGET foo {foo}2", Some(1));
        check("MGET foo b", None);
        check("DBSIZE", Some(0));
    }
}
