//! What nodes are told over pipes for nobody: which keys are their shards', and words between requests of which nobody hears the answer.
//! Reaches: the pipes' lines. Invariant: where a script's request stands in a line, its node has been told before by which topology it is asked.

use shared::command::CommandId;
use shared::resp::encode_request;
use shared::topology::ShardIndex;

use super::Exchange;
use crate::pipe::lane::Lane;
use crate::pipe::set::PipeNumber;
use crate::pipe::{Parcel, Target};
use crate::route::{self, Place};

/// What a shard has that is alone.
const ALL_SLOTS: &str = "0-16383";

impl Exchange {
    /// The node of this pipe is told which keys are its shard's, unless it knows: scripts that come behind are asked by that.
    pub(crate) fn tell_keys(&mut self, number: PipeNumber) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        if !pipe.is_open || node.is_plain || pipe.told_keys == node.local_keys {
            return;
        }
        pipe.told_keys.clone_from(&node.local_keys);
        let request = node.local_keys.clone();
        self.say_unasked(number, |out| match request {
            Some(request) => out.extend_from_slice(&request),
            None => encode_request(out, ["NODE", "KEYS", ALL_SLOTS]),
        });
    }

    /// The primaries keep their keys for so long as they are, as one server does that holds up its clients.
    pub(super) fn tell_to_keep(&mut self, lane: Lane, for_ms: u64) {
        let said_ms = self.clock.wall_ms().to_string();
        let for_ms = for_ms.to_string();
        let words = ["NODE", "KEEP", &for_ms, &said_ms];
        let shards: Vec<ShardIndex> = route::all_shards(&self.snapshot).collect();
        for shard in shards {
            if self.pipes.primary(shard).is_plain {
                continue;
            }
            let number = self.pipes.pipe_to(shard, lane, 0);
            let place = Place::Shard(self.pipes.primary(shard).shard_index);
            let began = self.receivers.stopwatch.read();
            let parcel = Parcel::new(Target::Nobody, place, CommandId::Ping, 1, began);
            let write = |out: &mut Vec<u8>| encode_request(out, words);
            let buffers = &mut self.receivers.buffers;
            self.pipes.line(number).append_with(parcel, buffers, write);
        }
    }

    /// Says something over a pipe that is open, of which nobody hears the answer.
    pub(super) fn say_unasked(&mut self, number: PipeNumber, write: impl FnOnce(&mut Vec<u8>)) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        if !pipe.is_open || !node.is_current {
            return;
        }
        let place = Place::Shard(node.shard_index);
        let began = self.receivers.stopwatch.read();
        let parcel = Parcel::new(Target::Nobody, place, CommandId::Ping, 1, began);
        let buffers = &mut self.receivers.buffers;
        self.pipes.line(number).append_with(parcel, buffers, write);
    }
}
