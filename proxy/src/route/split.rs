//! Commands over many keys, cut into one sub-command per shard.
//! Pure. Invariant: every key is in exactly one part, parts keep the order of the keys, and what belongs to a key (MSET's value) goes with it.

use shared::command::{CommandFlags, CommandSpec, Merge};
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::slot::SlotId;
use shared::topology::ShardIndex;

use super::merge::Plan;
use crate::topology::Snapshot;

/// How the keys of one command spread over the shards; reused from command to command.
#[derive(Debug, Default)]
pub(crate) struct Split {
    /// The shard of each key, in the order of the keys.
    owners: Vec<ShardIndex>,
    /// The shards that own keys, in the order in which they first appear, with the number of their keys.
    parts: Vec<(ShardIndex, usize)>,
}

/// Where the first key stands in every command that is split; the name is before it.
const FIRST_KEY: usize = 1;

impl Split {
    /// Finds the owner of each key. `Some`: that shard owns them all, and the request can be forwarded as it is.
    ///
    /// # Errors
    /// The keys' values are not complete.
    pub(crate) fn plan(
        &mut self,
        spec: &CommandSpec,
        args: Args<'_>,
        snapshot: &Snapshot,
    ) -> Result<Option<ShardIndex>, ErrorReply> {
        if snapshot.is_one_shard() {
            return Ok(Some(super::any_shard()));
        }
        self.owners.clear();
        self.parts.clear();
        let step = spec.key_step();
        if !(args.len() - FIRST_KEY).is_multiple_of(step) {
            return Err(ErrorReply::Arity(spec.name.into()));
        }
        for at in (FIRST_KEY..args.len()).step_by(step) {
            let owner = snapshot.owner(SlotId::of_key(args.at(at)));
            self.owners.push(owner);
            match self.parts.iter_mut().find(|(shard, _)| *shard == owner) {
                Some((_, keys)) => *keys += 1,
                None => self.parts.push((owner, 1)),
            }
        }
        Ok(match self.parts[..] {
            [(only, _)] => Some(only),
            _ => None,
        })
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
                is_write: spec.flags.contains(CommandFlags::WRITE),
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
        for (owner, at) in self
            .owners
            .iter()
            .zip((FIRST_KEY..args.len()).step_by(step))
        {
            if *owner == shard {
                for arg in at..at + step {
                    request.bulk(args.at(arg));
                }
            }
        }
    }
}
