//! Commands over many keys, cut into one sub-command per shard.
//! Pure. Invariant: every key is in exactly one part, parts keep the order of the keys, and what belongs to a key (MSET's value) goes with it.

use std::ops::Range;

use shared::command::{CommandSpec, Merge};
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::topology::{ShardIndex, Version};

use super::merge::{Change, Plan};
use crate::topology::{Snapshot, Within};

/// How the keys of one command spread over the shards; reused from command to command.
#[derive(Debug, Default)]
pub(crate) struct Split {
    /// The shard of each key, in the order of the keys.
    owners: Vec<ShardIndex>,
    /// The shards that own keys, in the order in which they first appear, with the number of their keys.
    parts: Vec<(ShardIndex, usize)>,
    /// The argument that is the first of these keys.
    first: usize,
}

/// Where the first key stands in every command that is split; the name is before it.
pub(crate) const FIRST_KEY: usize = 1;

impl Split {
    /// Finds the owner of each key. `Some`: that shard owns them all, and the request can be forwarded as it is.
    ///
    /// # Errors
    /// The keys' values are not complete.
    pub(crate) fn plan(
        &mut self,
        spec: &CommandSpec,
        args: Args<'_>,
        snapshot: Within<'_>,
    ) -> Result<Option<ShardIndex>, ErrorReply> {
        if snapshot.is_one_shard() {
            return Ok(Some(super::any_shard()));
        }
        is_complete(spec, args)?;
        self.plan_keys(spec, args, FIRST_KEY..args.len(), snapshot);
        Ok(match self.parts[..] {
            [(only, _)] => Some(only),
            _ => None,
        })
    }

    /// Finds the owner of each key among these arguments of a complete command; the first of them is a key.
    pub(crate) fn plan_keys(
        &mut self,
        spec: &CommandSpec,
        args: Args<'_>,
        keys: Range<usize>,
        snapshot: Within<'_>,
    ) {
        self.owners.clear();
        self.parts.clear();
        self.first = keys.start;
        for at in keys.step_by(spec.key_step()) {
            let owner = snapshot.owner(snapshot.slot_of(args.at(at)));
            self.owners.push(owner);
            match self.parts.iter_mut().find(|(shard, _)| *shard == owner) {
                Some((_, keys)) => *keys += 1,
                None => self.parts.push((owner, 1)),
            }
        }
    }

    /// The arguments that are keys of `shard`, where nothing stands between keys.
    pub(crate) fn keys_of(&self, shard: ShardIndex) -> impl Iterator<Item = usize> + Clone {
        let places = self.owners.iter().zip(self.first..);
        places.filter_map(move |(owner, at)| (*owner == shard).then_some(at))
    }

    /// The shard of each key, in the order of the keys.
    pub(crate) fn owners(&self) -> impl Iterator<Item = ShardIndex> {
        self.owners.iter().copied()
    }

    /// The shards that get a part, in the order of the parts.
    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardIndex> {
        self.parts.iter().map(|(shard, _)| *shard)
    }

    /// How the replies of the parts become one.
    pub(crate) fn merge_plan(&self, spec: &CommandSpec) -> Plan {
        if spec.merge != Merge::KeyOrder {
            return Plan::Table {
                rule: spec.merge,
                change: Change::of(spec),
            };
        }
        let part_of = |owner: &ShardIndex| {
            let part = self
                .parts
                .iter()
                .position(|(shard, _)| shard == owner)
                .unwrap_or_default();
            u16::try_from(part).unwrap_or(u16::MAX)
        };
        Plan::KeyOrder(self.owners.iter().map(part_of).collect())
    }

    /// Appends the sub-command for `shard`.
    pub(crate) fn encode(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        shard: ShardIndex,
        out: &mut Vec<u8>,
    ) {
        let step = spec.key_step();
        let keys = self
            .parts
            .iter()
            .find(|(owner, _)| *owner == shard)
            .map_or(0, |(_, keys)| *keys);
        let protocol = shared::resp::Protocol::Resp2;
        // A request is an array of bulk strings.
        let mut request = ReplyWriter::new(out, protocol);
        request.array(FIRST_KEY + keys * step);
        request.bulk(args.at(0));
        for (owner, at) in self.owners.iter().zip((self.first..).step_by(step)) {
            if *owner == shard {
                for arg in at..at + step {
                    request.bulk(args.at(arg));
                }
            }
        }
    }
}

/// A search, some keys at a time, for the one shard that owns all keys of a command with very many.
#[derive(Debug)]
pub(crate) struct Search {
    /// What was found holds for this topology alone.
    version: Version,
    /// The first key that was not looked at.
    next: usize,
    /// Who owns those that were.
    owner: Option<ShardIndex>,
}

/// What a [`Search`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This shard owns all keys.
    One(ShardIndex),
    /// There are two owners at least.
    Several,
    /// Up to now there is one; more keys are to be looked at.
    NotYet,
}

impl Search {
    /// One that has not begun.
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        Self {
            version: snapshot.version(),
            next: FIRST_KEY,
            owner: None,
        }
    }

    /// Whether it can go on by this topology.
    pub(crate) fn goes_by(&self, snapshot: &Snapshot) -> bool {
        self.version == snapshot.version()
    }

    /// Looks at the next keys, `most` of them.
    ///
    /// # Errors
    /// The keys' values are not complete.
    pub(crate) fn go_on(
        &mut self,
        spec: &CommandSpec,
        args: Args<'_>,
        snapshot: Within<'_>,
        most: usize,
    ) -> Result<Found, ErrorReply> {
        if snapshot.is_one_shard() {
            return Ok(Found::One(super::any_shard()));
        }
        is_complete(spec, args)?;
        let step = spec.key_step();
        let end = args.len().min(self.next + most * step);
        for at in (self.next..end).step_by(step) {
            let owner = snapshot.owner(snapshot.slot_of(args.at(at)));
            if *self.owner.get_or_insert(owner) != owner {
                return Ok(Found::Several);
            }
        }
        self.next = end;
        Ok(match self.owner {
            Some(owner) if end == args.len() => Found::One(owner),
            _ => Found::NotYet,
        })
    }
}

/// Each key has what belongs to it.
fn is_complete(spec: &CommandSpec, args: Args<'_>) -> Result<(), ErrorReply> {
    if (args.len() - FIRST_KEY).is_multiple_of(spec.key_step()) {
        Ok(())
    } else {
        Err(ErrorReply::Arity(spec.name.into()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::topology::testing::topology_of;
    use proptest::prelude::*;
    use shared::command;
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

    /// The words of each request in `bytes`.
    pub(in crate::route) fn requests(mut bytes: Vec<u8>) -> Vec<Vec<Vec<u8>>> {
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut bytes, &mut batch, usize::MAX)
            .unwrap();
        let words = |request| {
            batch
                .args(&bytes, request)
                .iter_from(0)
                .map(<[u8]>::to_vec)
                .collect()
        };
        batch.requests().iter().map(words).collect()
    }

    fn check(
        name: &str,
        step: usize,
        keys: &[Vec<u8>],
        shards: &[&str],
    ) -> Result<(), TestCaseError> {
        let snapshot = topology_of(shards);
        let mut words = vec![name.as_bytes().to_vec()];
        for (number, key) in keys.iter().enumerate() {
            words.push(key.clone());
            words.extend((1..step).map(|_| format!("value{number}").into_bytes()));
        }
        let mut frame = Vec::new();
        encode_request(&mut frame, &words);
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        let spec = command::resolve(args).unwrap();
        let mut split = Split::default();
        let owner = |key: &[u8]| snapshot.owner(snapshot.within(0).slot_of(key));
        let only = split.plan(spec, args, snapshot.within(0)).unwrap();
        for most in [1, 3, 100] {
            let mut search = Search::new(&snapshot);
            let found = loop {
                match search.go_on(spec, args, snapshot.within(0), most).unwrap() {
                    Found::NotYet => {}
                    found => break found,
                }
            };
            prop_assert_eq!(found, only.map_or(Found::Several, Found::One));
        }
        if let Some(only) = only {
            prop_assert!(keys.iter().all(|key| owner(key) == only));
            return Ok(());
        }
        let mut parts: Vec<_> = Vec::new();
        for shard in split.shards() {
            let mut out = Vec::new();
            split.encode(spec, args, shard, &mut out);
            let part = requests(out).remove(0);
            prop_assert_eq!(&part[0], name.as_bytes());
            prop_assert!(part[1..].chunks(step).all(|pair| owner(&pair[0]) == shard));
            parts.push(
                part[1..]
                    .chunks(step)
                    .map(<[Vec<u8>]>::to_vec)
                    .collect::<Vec<_>>()
                    .into_iter(),
            );
        }
        // Taken up again in the order of the keys, the parts are the whole.
        let places: Vec<_> = split.shards().collect();
        for pair in words[1..].chunks(step) {
            let part = places
                .iter()
                .position(|shard| *shard == owner(&pair[0]))
                .unwrap();
            prop_assert_eq!(parts[part].next().unwrap(), pair);
        }
        prop_assert!(parts.iter_mut().all(|part| part.next().is_none()));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn every_key_is_in_one_part_with_what_belongs_to_it(
            keys in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 1..20),
        ) {
            check("MGET", 1, &keys, &["a", "b", "c"])?;
            check("MSET", 2, &keys, &["a", "b", "c"])?;
            check("del", 1, &keys, &["a"])?;
        }
    }

    #[test]
    fn a_value_that_is_missing_is_noticed_before_anything_is_sent() {
        let snapshot = topology_of(&["a", "b"]);
        let mut frame = Vec::new();
        encode_request(&mut frame, ["MSET", "a", "1", "b"]);
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        let spec = command::resolve(args).unwrap();
        let error = Split::default()
            .plan(spec, args, snapshot.within(0))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "ERR wrong number of arguments for 'mset' command"
        );
    }
}
