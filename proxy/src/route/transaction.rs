//! May a command be part of a transaction, and what does it concern? All keys of a transaction lie in one slot, as those of one command do; where there is only one
//! shard, they may lie anywhere.
//! Pure.

use shared::command::{CommandFlags, CommandId, CommandSpec, Retry, Route};
use shared::resp::{Args, ErrorReply, TransactionError};
use shared::slot::SlotId;

use super::{shard_of, slot_of_key};
use crate::topology::{Snapshot, Within};

/// What a command of a transaction concerns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concerns<'a> {
    /// The slot of its keys, and the first of them.
    pub(crate) slot: Option<(SlotId, &'a [u8])>,
    /// One of its keys that lies in another slot than the first, or than those before.
    pub(crate) stray: Option<&'a [u8]>,
    /// Whether it may be sent twice.
    pub(crate) retry: Retry,
    /// Whether it may change a key.
    pub(crate) may_write: bool,
}

/// What a command concerns that is to join others, of which all keys lie in the slot of `before`.
///
/// # Errors
/// It can be no part of a transaction through a proxy, or not of this one.
pub(crate) fn concerns<'a>(
    spec: &CommandSpec,
    args: Args<'a>,
    before: Option<(SlotId, &[u8])>,
    snapshot: Within<'_>,
) -> Result<Concerns<'a>, ErrorReply> {
    if spec.flags.contains(CommandFlags::NO_MULTI) {
        return Err(ErrorReply::Transaction(TransactionError::NotInTransaction));
    }
    check_route(spec, &snapshot)?;
    shard_of(spec, args, snapshot)?;
    let (mut slot, mut stray) = (None, None);
    spec.for_each_key(args, |at| {
        let key = args.at(at);
        let of_key = slot_of_key(spec, args, at, snapshot);
        let (expected, _) = *slot.get_or_insert((of_key, key));
        if expected != of_key {
            stray = stray.or(Some(key));
        }
    });
    let apart = match (before, slot) {
        (Some((expected, first)), Some((found, key))) if expected != found => Some((first, key)),
        _ => None,
    };
    if let Some((first, key)) = apart
        && !snapshot.is_one_shard()
    {
        return Err(ErrorReply::cross_slot(first, key));
    }
    Ok(Concerns {
        slot,
        stray: stray.or(apart.map(|(_, key)| key)),
        retry: spec.retry,
        may_write: spec.may_write(),
    })
}

fn check_route(spec: &CommandSpec, snapshot: &Snapshot) -> Result<(), ErrorReply> {
    match spec.route {
        Route::ByKey
        | Route::Script
        | Route::ByChannel
        | Route::Split
        | Route::Combined
        | Route::Leased
        | Route::LeasedIfBlock => Ok(()),
        // What a node says of itself is what the proxy would say.
        // There it forgets what is forgotten in any case.
        Route::Transaction if spec.id == CommandId::Unwatch => Ok(()),
        Route::Local if matches!(spec.id, CommandId::Ping | CommandId::Echo | CommandId::Time) => {
            Ok(())
        }
        Route::EveryShard | Route::Walked | Route::AnyShard
            if spec.flags.contains(CommandFlags::READ) || spec.may_write() =>
        {
            match snapshot.is_one_shard() {
                true => Ok(()),
                false => Err(not_here(spec, "concerns every shard")),
            }
        }
        _ => Err(not_here(spec, "is answered by the proxy")),
    }
}

fn not_here(spec: &CommandSpec, why: &str) -> ErrorReply {
    let name = spec.name.replace('|', " ");
    let text = format!("ERR '{name}' {why} and cannot be part of a transaction; send it outside");
    ErrorReply::Text(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::topology_of;
    use shared::command;
    use shared::resp::ArgRange;

    fn check(words: &[&str], before: Option<&[u8]>, shards: usize) -> Result<(bool, bool), String> {
        let bytes = words.concat();
        let mut start = 0;
        let ranges: Vec<ArgRange> = words
            .iter()
            .map(|word| {
                start += word.len();
                ArgRange::new(start - word.len(), word.len())
            })
            .collect();
        let args = Args::new(bytes.as_bytes(), &ranges);
        let spec = command::resolve(args).unwrap();
        let snapshot = topology_of(&["a", "b", "c"][..shards]);
        let before = before.map(|key| (SlotId::of_key(key), key));
        concerns(spec, args, before, snapshot.within(0))
            .map(|concerns| (concerns.slot.is_some(), concerns.stray.is_some()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_lie_in_one_slot_where_there_are_several_shards() {
        let same = Some(&b"{a}1"[..]);
        assert_eq!(check(&["SET", "{a}2", "v"], same, 3), Ok((true, false)));
        assert_eq!(check(&["DEL", "{a}2", "a"], same, 3), Ok((true, false)));
        assert_eq!(check(&["PING"], same, 3), Ok((false, false)));
        for words in [
            &["SET", "b", "v"][..],
            &["DEL", "a", "b"],
            &["MGET", "b", "a"],
        ] {
            let refused = check(words, same, 3).unwrap_err();
            assert!(refused.starts_with("CROSSSLOT "), "{refused}");
            assert_eq!(check(words, same, 1), Ok((true, true)));
        }
        assert!(check(&["DEL", "a", "b"], None, 3).is_err());
        assert_eq!(check(&["DEL", "a", "b"], None, 1), Ok((true, true)));
    }

    #[test]
    fn what_is_not_about_keys_of_one_shard_stays_outside() {
        for words in [&["DBSIZE"][..], &["FLUSHALL"], &["KEYS", "*"]] {
            assert!(check(words, None, 2).is_err(), "{words:?}");
            assert_eq!(check(words, None, 1), Ok((false, false)), "{words:?}");
        }
        for words in [
            &["CLIENT", "ID"][..],
            &["SELECT", "1"],
            &["CONFIG", "GET", "save"],
            &["HELLO", "3"],
            &["INFO"],
            &["SAVE"],
        ] {
            assert!(check(words, None, 1).is_err(), "{words:?}");
        }
    }
}
