//! How long commands take, at one reading of the stopwatch per command or less.
//! Pure but for the stopwatch. Never: decides anything about a command.
//! Small quick commands of a batch share a reading; the time between two readings is divided evenly among them. A command that is not quick, or whose
//! request or reply is large, gets readings of its own; and so does every command while the slow log or the latency monitor asks for fine times.

use crate::node_state::NodeState;
use shared::clock::{Reading, Stopwatch};
use shared::command::CommandId;

/// Most commands that share a reading: at 10 ns a reading, more would not be noticed.
const GROUP: usize = 8;
/// Below this threshold of the slow log (µs) every command is timed alone: quick commands could be slow in its eyes.
const FINE_SLOWLOG_US: i64 = 1_000;
/// Requests and replies from this length on (bytes) are timed alone.
pub(super) const LARGE_BYTES: usize = 4_096;
/// What a command that shared a reading with a large one is charged at most: the rest of the time is the large one's.
const QUICK_NS: u64 = 1_000;

/// Times the commands of a batch.
#[derive(Debug)]
pub(super) struct Timing {
    watch: Stopwatch,
    mark: Reading,
    group: [CommandId; GROUP],
    members: usize,
    limit: usize,
}

impl Timing {
    pub(super) fn new(watch: Stopwatch) -> Self {
        let mark = watch.read();
        Self {
            watch,
            mark,
            group: [CommandId::ALL[0]; GROUP],
            members: 0,
            limit: GROUP,
        }
    }

    pub(super) fn watch(&self) -> &Stopwatch {
        &self.watch
    }

    /// A batch begins.
    pub(super) fn start(&mut self, node: &NodeState) {
        let slowlog_us = node.settings.hot.slowlog_threshold_us;
        let fine = (0..FINE_SLOWLOG_US).contains(&slowlog_us);
        self.limit = if fine { 1 } else { GROUP };
        self.members = 0;
        self.mark = self.watch.read();
    }

    /// A command that wants readings of its own is about to run.
    pub(super) fn before_alone(&mut self, node: &mut NodeState) {
        if self.members > 0 {
            self.close(node);
        }
    }

    /// `id` has run. `Some(nanoseconds)` when it was timed alone, or so much time went by that it stands out.
    pub(super) fn after(
        &mut self,
        id: CommandId,
        alone: bool,
        node: &mut NodeState,
    ) -> Option<u64> {
        self.group[self.members] = id;
        self.members += 1;
        if !alone && self.members < self.limit {
            return None;
        }
        let now = self.watch.read();
        let elapsed_ns = self.watch.between_ns(self.mark, now);
        self.mark = now;
        let others = self.members - 1;
        let each_ns = if others == 0 {
            0
        } else {
            (elapsed_ns / self.members as u64).min(QUICK_NS)
        };
        for other in &self.group[..others] {
            node.stats.command_took(*other, each_ns);
        }
        self.members = 0;
        let own_ns = elapsed_ns - each_ns * others as u64;
        node.stats.command_took(id, own_ns);
        Some(own_ns)
    }

    /// A script has run for so long, its commands, which are timed by themselves, among it.
    pub(super) fn after_script(&mut self, id: CommandId, took_ns: u64, node: &mut NodeState) {
        self.close(node);
        self.mark = self.watch.read();
        node.stats.command_took(id, took_ns);
    }

    /// Ends the group: the time since the last reading is divided evenly.
    pub(super) fn close(&mut self, node: &mut NodeState) {
        if self.members == 0 {
            return;
        }
        let now = self.watch.read();
        let each_ns = self.watch.between_ns(self.mark, now) / self.members as u64;
        self.mark = now;
        for id in &self.group[..self.members] {
            node.stats.command_took(*id, each_ns);
        }
        self.members = 0;
    }
}
