//! What one thread counts: plain numbers without atomics, copied when the admin listener asks.
//! [`histogram`] ◇ durations in buckets. [`readiness`] ◇ what /readyz says. [`thread_report`] ◇ what a thread says about itself.
//!
//! Counting costs one lookup per run of requests, not per request; the clock is read once per batch.

pub(crate) mod cross_slot;
pub(crate) mod histogram;
pub(crate) mod readiness;
pub(crate) mod thread_report;

use cross_slot::CrossSlots;
use histogram::Histogram;
use shared::command::CommandId;

use crate::route::Outcome;

/// Requests of one kind that ended.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Replies that were no errors.
    pub(crate) replies: u64,
    /// Replies that were errors.
    pub(crate) errors: u64,
    /// Refused because the shard was down.
    pub(crate) down: u64,
    /// Lost on the way.
    pub(crate) unknown: u64,
    /// Whose clients had gone.
    pub(crate) left: u64,
    /// From reading a request to its end, whatever that was.
    pub(crate) latency: Histogram,
}

impl Cell {
    /// Without a count.
    pub(crate) fn new() -> Self {
        Self {
            replies: 0,
            errors: 0,
            down: 0,
            unknown: 0,
            left: 0,
            latency: Histogram::new(),
        }
    }

    fn record(&mut self, count: u32, outcome: Outcome, elapsed_ns: u64) {
        let place = match outcome {
            Outcome::Whole => &mut self.replies,
            Outcome::Error => &mut self.errors,
            Outcome::ShardDown => &mut self.down,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Left => &mut self.left,
        };
        *place += u64::from(count);
        self.latency.record(elapsed_ns, u64::from(count));
    }

    /// Adds all that another one has.
    pub(crate) fn add(&mut self, other: &Self) {
        self.replies += other.replies;
        self.errors += other.errors;
        self.down += other.down;
        self.unknown += other.unknown;
        self.left += other.left;
        self.latency.add(&other.latency);
    }
}

/// A shard's cells by command; most stay empty.
type Row = Vec<Option<Box<Cell>>>;

/// All counters of a thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadStats {
    /// Of clients' requests that one shard answered: by shard, then by command.
    rows: Vec<Row>,
    /// Of clients' requests that several shards answered, by command.
    of_several: Row,
    /// Of the parts of these, by shard.
    parts: Vec<Cell>,
    /// Clients' requests that were answered or refused here.
    pub(crate) local: u64,
    /// Those that got an error of the proxy's own and were certainly not applied.
    pub(crate) refused: u64,
    /// Clients' requests that ended, all together, each once.
    pub(crate) requests: u64,
    /// Error replies that clients were given, whoever said them.
    pub(crate) error_replies: u64,
    /// Those that were refused because keys lie in several slots.
    pub(crate) cross_slots: CrossSlots,
    /// Messages of channels that clients were sent.
    pub(crate) messages: u64,
    /// Connections to nodes that were lost.
    pub(crate) pipes_lost: u64,
    /// Bytes of requests that came from clients.
    pub(crate) received_bytes: u64,
    /// Bytes of replies that clients took.
    pub(crate) sent_bytes: u64,
}

impl ThreadStats {
    /// `count` replies came from a node, `errors` of them errors.
    #[inline]
    pub(crate) fn record(
        &mut self,
        command: CommandId,
        shard: usize,
        count: u32,
        errors: u32,
        elapsed_ns: u64,
    ) {
        self.requests += u64::from(count);
        let cell = self.cell(command, Some(shard));
        cell.replies += u64::from(count - errors);
        cell.errors += u64::from(errors);
        cell.latency.record(elapsed_ns, u64::from(count));
    }

    /// `count` requests ended without a reply of one node; of several shards when none is named.
    pub(crate) fn record_end(
        &mut self,
        command: CommandId,
        shard: Option<usize>,
        count: u32,
        outcome: Outcome,
        elapsed_ns: u64,
    ) {
        self.requests += u64::from(count);
        if outcome == Outcome::ShardDown {
            self.refused += u64::from(count);
        }
        self.cell(command, shard).record(count, outcome, elapsed_ns);
    }

    /// A shard's part of a request ended.
    pub(crate) fn record_part(&mut self, shard: usize, outcome: Outcome, elapsed_ns: u64) {
        if shard >= self.parts.len() {
            self.parts.resize_with(shard + 1, Cell::new);
        }
        self.parts[shard].record(1, outcome, elapsed_ns);
    }

    /// Answered here.
    pub(crate) fn record_local(&mut self) {
        self.requests += 1;
        self.local += 1;
    }

    /// Refused here, by an error that its client wants to hear or not.
    pub(crate) fn record_refused(&mut self, is_heard: bool) {
        self.record_local();
        self.refused += 1;
        self.error_replies += u64::from(is_heard);
    }

    /// Every cell of clients' requests that has counted something: shard (`None`: several), command, cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Option<usize>, CommandId, &Cell)> {
        let rows = self.rows.iter().enumerate();
        let rows = rows.map(|(shard, row)| (Some(shard), row));
        rows.chain([(None, &self.of_several)])
            .flat_map(|(shard, row)| {
                CommandId::ALL
                    .iter()
                    .zip(row)
                    .filter_map(move |(id, cell)| cell.as_ref().map(|cell| (shard, *id, &**cell)))
            })
    }

    /// The cell of each shard's parts.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, &Cell)> {
        self.parts.iter().enumerate()
    }

    #[inline]
    fn cell(&mut self, command: CommandId, shard: Option<usize>) -> &mut Cell {
        let row = match shard {
            Some(shard) => {
                if shard >= self.rows.len() {
                    self.rows.resize_with(shard + 1, Row::new);
                }
                &mut self.rows[shard]
            }
            None => &mut self.of_several,
        };
        if row.is_empty() {
            row.resize(CommandId::COUNT, None);
        }
        row[command as usize].get_or_insert_with(|| Box::new(Cell::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_apart() {
        let mut stats = ThreadStats::default();
        stats.record(CommandId::Get, 1, 5, 2, 4_000);
        stats.record_end(CommandId::Get, Some(1), 3, Outcome::ShardDown, 4_000);
        stats.record_end(CommandId::Set, Some(0), 1, Outcome::Unknown, 4_000);
        stats.record_end(CommandId::Mget, None, 1, Outcome::Whole, 4_000);
        for shard in 0..2 {
            stats.record_part(shard, Outcome::Whole, 4_000);
        }
        stats.record_refused(true);
        stats.record_refused(false);
        let cells: Vec<_> = stats
            .cells()
            .map(|(shard, id, cell)| {
                (
                    shard,
                    id,
                    cell.replies,
                    cell.errors,
                    cell.down,
                    cell.unknown,
                )
            })
            .collect();
        assert_eq!(
            cells,
            [
                (Some(0), CommandId::Set, 0, 0, 0, 1),
                (Some(1), CommandId::Get, 3, 2, 3, 0),
                (None, CommandId::Mget, 1, 0, 0, 0)
            ]
        );
        let ends: u64 = stats.cells().map(|(_, _, cell)| cell.latency.count()).sum();
        assert_eq!(
            (stats.requests, stats.local, stats.refused),
            (12, 2, 5),
            "parts are no requests"
        );
        assert_eq!(ends + stats.local, stats.requests);
        assert_eq!(stats.error_replies, 1);
    }
}
