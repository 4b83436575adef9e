//! What one thread counts: plain numbers without atomics, copied when the admin listener asks.
//! [`histogram`] ◇ durations in buckets. [`readiness`] ◇ what /readyz says. [`thread_report`] ◇ what a thread says about itself.
//!
//! Counting costs one lookup per run of requests, not per request; the clock is read once per batch.

pub(crate) mod histogram;
pub(crate) mod readiness;
pub(crate) mod thread_report;

use histogram::Histogram;
use shared::command::CommandId;

/// Why a command was not answered by its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its shard could not be reached.
    ShardDown,
    /// It was sent and no reply came.
    Unknown,
}

/// One command at one shard.
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
    /// From reading a request to having its reply.
    pub(crate) latency: Histogram,
}

impl Cell {
    fn new() -> Self {
        Self {
            replies: 0,
            errors: 0,
            down: 0,
            unknown: 0,
            latency: Histogram::new(),
        }
    }

    /// Adds all that another one has.
    pub(crate) fn add(&mut self, other: &Self) {
        self.replies += other.replies;
        self.errors += other.errors;
        self.down += other.down;
        self.unknown += other.unknown;
        self.latency.add(&other.latency);
    }
}

/// A shard's cells by command; most stay empty.
type Row = Vec<Option<Box<Cell>>>;

/// All counters of a thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadStats {
    /// By shard, then by command.
    rows: Vec<Row>,
    /// Commands that were answered or refused here.
    pub(crate) local: u64,
    /// Commands that got an error of the proxy's own and were certainly not executed.
    pub(crate) refused: u64,
    /// Requests that ended, all together.
    pub(crate) requests: u64,
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
        let cell = self.cell(command, shard);
        cell.replies += u64::from(count - errors);
        cell.errors += u64::from(errors);
        cell.latency.record(elapsed_ns / 1_000, u64::from(count));
    }

    /// `count` commands got no reply.
    pub(crate) fn record_failure(
        &mut self,
        command: CommandId,
        shard: usize,
        count: u32,
        outcome: Outcome,
    ) {
        self.requests += u64::from(count);
        let cell = self.cell(command, shard);
        match outcome {
            Outcome::ShardDown => {
                cell.down += u64::from(count);
                self.refused += u64::from(count);
            }
            Outcome::Unknown => cell.unknown += u64::from(count),
        }
    }

    /// Answered here.
    pub(crate) fn record_local(&mut self) {
        self.requests += 1;
        self.local += 1;
    }

    /// Refused here.
    pub(crate) fn record_refused(&mut self) {
        self.record_local();
        self.refused += 1;
    }

    /// Every cell that has counted something: shard, command, cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (usize, CommandId, &Cell)> {
        self.rows.iter().enumerate().flat_map(|(shard, row)| {
            CommandId::ALL
                .iter()
                .zip(row)
                .filter_map(move |(id, cell)| cell.as_ref().map(|cell| (shard, *id, &**cell)))
        })
    }

    #[inline]
    fn cell(&mut self, command: CommandId, shard: usize) -> &mut Cell {
        if shard >= self.rows.len() {
            self.rows
                .resize_with(shard + 1, || vec![None; CommandId::COUNT]);
        }
        self.rows[shard][command as usize].get_or_insert_with(|| Box::new(Cell::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_apart() {
        let mut stats = ThreadStats::default();
        stats.record(CommandId::Get, 1, 5, 2, 4_000);
        stats.record_failure(CommandId::Get, 1, 3, Outcome::ShardDown);
        stats.record_failure(CommandId::Set, 0, 1, Outcome::Unknown);
        stats.record_refused();
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
                (0, CommandId::Set, 0, 0, 0, 1),
                (1, CommandId::Get, 3, 2, 3, 0)
            ]
        );
        assert_eq!((stats.requests, stats.local, stats.refused), (10, 1, 4));
    }
}
