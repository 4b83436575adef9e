//! What a node counts: commands, errors, connections, bytes; and how much of it happened in the last seconds.
//! Pure. Invariant: counters only grow, but for CONFIG RESETSTAT.

mod histogram;
mod rate;

pub use histogram::Histogram;
pub use rate::Rate;

use shared::command::CommandId;
use std::collections::BTreeMap;

/// Most error prefixes that are counted apart; a client cannot invent more than the node's own texts have, this is for certainty.
const ERROR_PREFIXES: usize = 128;

/// What is known of one command's calls.
#[derive(Clone, Debug, Default)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: u64,
    /// Nanoseconds it took in all.
    pub total_ns: u64,
    /// Times it was refused before it ran.
    pub rejected: u64,
    /// Times it ran and answered with an error.
    pub failed: u64,
    /// How long it took, where latency tracking is on.
    pub durations: Option<Histogram>,
}

/// The node's counters.
#[derive(Debug)]
pub struct Stats {
    by_command: Vec<CommandStats>,
    errors: BTreeMap<Vec<u8>, u64>,
    /// Whether durations of commands are kept (`latency-tracking`).
    pub track_latency: bool,
    /// `total_error_replies`
    pub error_replies: u64,
    /// `total_connections_received`
    pub connections: u64,
    /// `rejected_connections`: beyond `maxclients`.
    pub rejected_connections: u64,
    /// `total_commands_processed`
    pub commands: u64,
    /// `total_net_input_bytes`
    pub input_bytes: u64,
    /// `total_net_output_bytes`
    pub output_bytes: u64,
    /// `total_reads_processed`
    pub reads: u64,
    /// `total_writes_processed`
    pub writes: u64,
    /// `acl_access_denied_auth`, `_cmd`, `_key`, `_channel`
    pub denied: Denials,
    /// Clients cut because they did not read their replies (`client_output_buffer_limit_disconnections`).
    pub output_limit_disconnections: u64,
    /// Clients cut because of a request beyond `client-query-buffer-limit`.
    pub input_limit_disconnections: u64,
    /// `sync_full`
    pub full_syncs: u64,
    /// `sync_partial_ok`
    pub partial_syncs: u64,
    /// `sync_partial_err`
    pub refused_partial_syncs: u64,
    /// Commands a second.
    pub command_rate: Rate,
    /// Bytes a second received.
    pub input_rate: Rate,
    /// Bytes a second sent.
    pub output_rate: Rate,
    /// Nanoseconds spent in the expiry sweep.
    pub sweep_ns: u64,
    /// Times the sweep's budget ended before its work did.
    pub sweep_cut: u64,
    /// Nanoseconds during which memory was beyond `maxmemory`, in all.
    pub over_memory_ns: u64,
    /// Largest `used_memory` that was ever told or seen by a tick.
    pub peak_memory: u64,
    /// Bytes that clients cost, noted by the tick.
    pub client_bytes: u64,
    /// Resident bytes of the process, noted by the tick.
    pub resident_bytes: u64,
    /// Processor time, noted by the tick.
    pub processor: ProcessorTime,
}

/// How often users were refused something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Denials {
    /// To come in.
    pub auth: u64,
    /// A command.
    pub command: u64,
    /// A key.
    pub key: u64,
    /// A channel.
    pub channel: u64,
}

/// Processor time in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessorTime {
    /// Of the process, in user space.
    pub user_ms: u64,
    /// Of the process, in the system.
    pub system_ms: u64,
    /// Of the node's thread, in user space.
    pub own_user_ms: u64,
    /// Of the node's thread, in the system.
    pub own_system_ms: u64,
}

impl Default for Stats {
    fn default() -> Self {
        Self::new()
    }
}

impl Stats {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            by_command: vec![CommandStats::default(); CommandId::COUNT],
            errors: BTreeMap::new(),
            track_latency: true,
            error_replies: 0,
            connections: 0,
            rejected_connections: 0,
            commands: 0,
            input_bytes: 0,
            output_bytes: 0,
            reads: 0,
            writes: 0,
            denied: Denials::default(),
            output_limit_disconnections: 0,
            input_limit_disconnections: 0,
            full_syncs: 0,
            partial_syncs: 0,
            refused_partial_syncs: 0,
            command_rate: Rate::default(),
            input_rate: Rate::default(),
            output_rate: Rate::default(),
            sweep_ns: 0,
            sweep_cut: 0,
            over_memory_ns: 0,
            peak_memory: 0,
            client_bytes: 0,
            resident_bytes: 0,
            processor: ProcessorTime::default(),
        }
    }

    /// What is known of `id`.
    #[must_use]
    pub fn command(&self, id: CommandId) -> &CommandStats {
        &self.by_command[id as usize]
    }

    /// A command ran for so long.
    #[inline]
    pub fn command_took(&mut self, id: CommandId, duration_ns: u64) {
        let stats = &mut self.by_command[id as usize];
        stats.calls += 1;
        stats.total_ns += duration_ns;
        if self.track_latency {
            stats.durations.get_or_insert_default().record(duration_ns);
        }
        self.commands += 1;
    }

    /// A command was refused before it ran.
    pub fn command_rejected(&mut self, id: CommandId) {
        self.by_command[id as usize].rejected += 1;
    }

    /// A command ran and answered with an error.
    pub fn command_failed(&mut self, id: CommandId) {
        self.by_command[id as usize].failed += 1;
    }

    /// Counts the error reply at the end of `reply` (`-PREFIX text\r\n`) under its prefix.
    pub fn error_replied(&mut self, reply: &[u8]) {
        self.error_replies += 1;
        let text = reply.strip_prefix(b"-").unwrap_or(reply);
        let end = text
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(text.len());
        let prefix = &text[..end];
        if let Some(count) = self.errors.get_mut(prefix) {
            *count += 1;
        } else if self.errors.len() < ERROR_PREFIXES {
            self.errors.insert(prefix.to_vec(), 1);
        }
    }

    /// Error prefixes with how often they were sent.
    pub fn errors(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.errors
            .iter()
            .map(|(prefix, count)| (prefix.as_slice(), *count))
    }

    /// Forgets the durations of `id`, or of all commands (LATENCY HISTOGRAM goes on from nothing).
    pub fn forget_durations(&mut self) {
        for stats in &mut self.by_command {
            stats.durations = None;
        }
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        *self = Self {
            track_latency: self.track_latency,
            peak_memory: self.peak_memory,
            client_bytes: self.client_bytes,
            resident_bytes: self.resident_bytes,
            processor: self.processor,
            ..Self::new()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Stats;

    #[test]
    fn errors_are_counted_by_their_first_word() {
        let mut stats = Stats::new();
        stats.error_replied(b"-ERR syntax error\r\n");
        stats.error_replied(b"-ERR unknown command\r\n");
        stats.error_replied(b"-NOAUTH Authentication required.\r\n");
        let counted: Vec<_> = stats.errors().collect();
        assert_eq!(counted, [(&b"ERR"[..], 2), (&b"NOAUTH"[..], 1)]);
        assert_eq!(stats.error_replies, 3);
        stats.reset();
        assert_eq!(stats.errors().count(), 0);
    }
}
