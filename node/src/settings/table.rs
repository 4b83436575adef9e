//! Every parameter of CONFIG, one row each: the names, defaults and ranges of Redis 7.0.
//! Pure data. What a value does here is in [`super::Hot`]; a parameter that is not named there is validated, remembered and given back.

use super::kind::{Complaint, Kind};

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// As CONFIG GET shows it.
    pub name: &'static str,
    /// Its older name, shown and understood as well.
    pub alias: Option<&'static str>,
    /// As CONFIG GET shows it when nothing was set.
    pub default: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Where the node does not have yet what another value than the default would ask for: what is said then, behind the ` - ` of the error.
    pub missing: Option<&'static str>,
    /// Whether that is so only where the node keeps no data on disk.
    pub needs_data: bool,
}

/// Largest value of Redis' 64-bit parameters.
const MOST: i64 = i64::MAX;
/// Largest value of its 32-bit ones.
const MOST_INT: i64 = i32::MAX as i64;
/// Smallest value of its 32-bit ones.
const LEAST_INT: i64 = i32::MIN as i64;
/// Largest `client-query-buffer-limit`: requests are found by offsets of 32 bits, and a read more must fit behind it. Redis takes any.
const MOST_INPUT: i64 = 3 << 30;
/// Largest `proto-max-bulk-len`: Redis' own default; Redis takes any.
const MOST_ARGUMENT: i64 = 512 << 20;
/// Redis' policies in its order, then ours.
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "allkeys-fifo",
    "allkeys-s3fifo",
    "allkeys-sieve",
    "noeviction",
];

/// Holes are filled all the time; there is no such switch. Clients know the beginning of Redis' own text.
const NO_DEFRAGMENTATION: &str = "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc like the one shipped by default with the Redis source distribution";
/// TLS ends at the proxy.
const NO_TLS: &str = "Unable to update TLS configuration. Check server logs.";

/// What is not there yet; said instead of accepted, for somebody may rely on it.
const NO_DATA: &str = "this node keeps nothing on disk: it was started without --data-dir";
const NO_CLIENT_EVICTION: &str = "clients are not evicted yet: client-output-buffer-limit and client-query-buffer-limit bound each of them";
const NO_LOG_LEVEL: &str = "how much the log says is chosen at the start, by --log";
const NO_OOM_SCORE: &str = "a node leaves its oom_score_adj to whoever starts it";
const NO_TLS_PORT: &str = "a node has no TLS port: TLS ends at the proxy";

const fn parameter(name: &'static str, default: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        alias: None,
        default,
        kind,
        missing: None,
        needs_data: false,
    }
}

const fn fixed(name: &'static str, default: &'static str) -> Parameter {
    parameter(name, default, Kind::Fixed)
}

const fn protected(name: &'static str, default: &'static str) -> Parameter {
    parameter(name, default, Kind::Protected)
}

const fn switch(name: &'static str, default: &'static str) -> Parameter {
    parameter(name, default, Kind::Switch)
}

const fn number(name: &'static str, default: &'static str, least: i64, most: i64) -> Parameter {
    parameter(name, default, Kind::Number { least, most })
}

const fn memory(name: &'static str, default: &'static str, least: i64, most: i64) -> Parameter {
    // `-1` is 2^64 - 1: as much as 64 bits hold.
    let kind = Kind::Memory {
        least: least as u64,
        most: most as u64,
    };
    parameter(name, default, kind)
}

const fn choice(
    name: &'static str,
    default: &'static str,
    words: &'static [&'static str],
) -> Parameter {
    parameter(name, default, Kind::Choice(words))
}

const fn text(name: &'static str, default: &'static str) -> Parameter {
    parameter(name, default, Kind::Text)
}

const fn secret(name: &'static str, default: &'static str) -> Parameter {
    parameter(name, default, Kind::Secret)
}

impl Parameter {
    const fn also(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn missing(mut self, complaint: &'static str) -> Self {
        self.missing = Some(complaint);
        self
    }

    const fn needs_data(mut self) -> Self {
        self.needs_data = true;
        self.missing(NO_DATA)
    }

    /// `value` as CONFIG GET will show it, given that it shows `current` now, of a node that keeps data on disk if it `has_data`.
    ///
    /// # Errors
    /// Redis' complaint, or that there is no such thing yet.
    pub fn parse(
        &self,
        current: &[u8],
        value: &[u8],
        has_data: bool,
    ) -> Result<Vec<u8>, Complaint> {
        let value = self.kind.parse(current, value)?;
        let missing = self.missing.filter(|_| !(self.needs_data && has_data));
        match missing {
            Some(complaint) if value != self.default.as_bytes() => Err(complaint.into()),
            _ => Ok(value),
        }
    }

    /// Whether `name` means this one, in any letter case.
    #[must_use]
    pub fn is_called(&self, name: &[u8]) -> bool {
        let same = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
        same(self.name) || self.alias.is_some_and(same)
    }

    /// Its name, or its older one when it was called by that.
    pub fn name_for(&self, called: &[u8]) -> &'static str {
        match self.alias {
            Some(alias) if alias.as_bytes().eq_ignore_ascii_case(called) => alias,
            _ => self.name,
        }
    }
}

/// All parameters, by name.
#[rustfmt::skip] // One row, one line.
pub const PARAMETERS: &[Parameter] = &[
    choice("acl-pubsub-default", "resetchannels", &["allchannels", "resetchannels"]),
    fixed("aclfile", ""),
    number("acllog-max-len", "128", 0, MOST),
    number("active-defrag-cycle-max", "25", 1, 99),
    number("active-defrag-cycle-min", "1", 1, 99),
    memory("active-defrag-ignore-bytes", "104857600", 1, MOST),
    number("active-defrag-max-scan-fields", "1000", 1, MOST),
    number("active-defrag-threshold-lower", "10", 0, 1000),
    number("active-defrag-threshold-upper", "100", 0, 1000),
    number("active-expire-effort", "1", 1, 10),
    parameter("activedefrag", "no", Kind::AlwaysOff(NO_DEFRAGMENTATION)),
    switch("activerehashing", "yes"),
    fixed("always-show-logo", "no"),
    switch("aof-disable-auto-gc", "no"),
    switch("aof-load-truncated", "yes"),
    switch("aof-rewrite-incremental-fsync", "yes"),
    switch("aof-timestamp-enabled", "no"),
    switch("aof-use-rdb-preamble", "yes"),
    fixed("aof_rewrite_cpulist", ""),
    fixed("appenddirname", "appendonlydir"),
    fixed("appendfilename", "appendonly.aof"),
    choice("appendfsync", "everysec", &["everysec", "always", "no"]),
    switch("appendonly", "no").needs_data(),
    memory("auto-aof-rewrite-min-size", "67108864", 0, MOST),
    number("auto-aof-rewrite-percentage", "100", 0, MOST_INT),
    fixed("bgsave_cpulist", ""),
    fixed("bind", ""),
    text("bind-source-addr", ""),
    fixed("bio_cpulist", ""),
    number("busy-reply-threshold", "5000", 0, MOST).also("lua-time-limit"),
    parameter("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", Kind::OutputLimits),
    memory("client-query-buffer-limit", "1073741824", 1_048_576, MOST_INPUT),
    switch("cluster-allow-pubsubshard-when-down", "yes"),
    switch("cluster-allow-reads-when-down", "no"),
    switch("cluster-allow-replica-migration", "yes"),
    number("cluster-announce-bus-port", "0", 0, 65535),
    parameter("cluster-announce-hostname", "", Kind::HostName),
    text("cluster-announce-ip", ""),
    number("cluster-announce-port", "0", 0, 65535),
    number("cluster-announce-tls-port", "0", 0, 65535),
    fixed("cluster-config-file", "nodes.conf"),
    fixed("cluster-enabled", "no"),
    memory("cluster-link-sendbuf-limit", "0", 0, -1),
    number("cluster-migration-barrier", "1", 0, MOST_INT),
    number("cluster-node-timeout", "15000", 0, MOST),
    fixed("cluster-port", "0"),
    choice("cluster-preferred-endpoint-type", "ip", &["ip", "hostname", "unknown-endpoint"]),
    switch("cluster-replica-no-failover", "no").also("cluster-slave-no-failover"),
    number("cluster-replica-validity-factor", "10", 0, MOST_INT).also("cluster-slave-validity-factor"),
    switch("cluster-require-full-coverage", "yes"),
    switch("crash-log-enabled", "yes"),
    switch("crash-memcheck-enabled", "yes"),
    fixed("daemonize", "no"),
    fixed("databases", "16"),
    protected("dbfilename", "dump.rdb"),
    protected("dir", ""),
    fixed("disable-thp", "yes"),
    switch("dynamic-hz", "yes"),
    fixed("enable-debug-command", "no"),
    fixed("enable-module-command", "no"),
    fixed("enable-protected-configs", "no"),
    number("hash-max-listpack-entries", "512", 0, MOST).also("hash-max-ziplist-entries"),
    memory("hash-max-listpack-value", "64", 0, MOST).also("hash-max-ziplist-value"),
    memory("hll-sparse-max-bytes", "3000", 0, MOST),
    number("hz", "10", 0, MOST_INT),
    text("ignore-warnings", ""),
    fixed("io-threads", "1"),
    fixed("io-threads-do-reads", "no"),
    switch("jemalloc-bg-thread", "yes"),
    number("latency-monitor-threshold", "0", 0, MOST),
    switch("latency-tracking", "yes"),
    parameter("latency-tracking-info-percentiles", "50 99 99.9", Kind::Percentiles),
    switch("lazyfree-lazy-eviction", "no"),
    switch("lazyfree-lazy-expire", "no"),
    switch("lazyfree-lazy-server-del", "no"),
    switch("lazyfree-lazy-user-del", "no"),
    switch("lazyfree-lazy-user-flush", "no"),
    number("lfu-decay-time", "1", 0, MOST_INT),
    number("lfu-log-factor", "10", 0, MOST_INT),
    number("list-compress-depth", "0", 0, MOST_INT),
    number("list-max-listpack-size", "-2", LEAST_INT, MOST_INT).also("list-max-ziplist-size"),
    fixed("logfile", ""),
    choice("loglevel", "notice", &["debug", "verbose", "notice", "warning"]).missing(NO_LOG_LEVEL),
    secret("masterauth", ""),
    secret("masteruser", ""),
    memory("lua-memory-limit", "268435456", 16_777_216, 1 << 40),
    number("maxclients", "10000", 1, 4294967295),
    memory("maxmemory", "0", 0, -1),
    parameter("maxmemory-clients", "0", Kind::MemoryOrPercent).missing(NO_CLIENT_EVICTION),
    number("maxmemory-eviction-tenacity", "10", 0, 100),
    choice("maxmemory-policy", "noeviction", POLICIES),
    number("maxmemory-samples", "5", 1, MOST_INT),
    number("min-replicas-max-lag", "10", 0, MOST_INT).also("min-slaves-max-lag"),
    number("min-replicas-to-write", "0", 0, MOST_INT).also("min-slaves-to-write"),
    switch("no-appendfsync-on-rewrite", "no"),
    parameter("notify-keyspace-events", "", Kind::KeyspaceEvents),
    choice("oom-score-adj", "no", &["no", "yes", "relative", "absolute"]).missing(NO_OOM_SCORE),
    parameter("oom-score-adj-values", "0 200 800", Kind::OomScores),
    fixed("pidfile", ""),
    fixed("port", "0"),
    parameter("proc-title-template", "{title} {listen-addr} {server-mode}", Kind::Text),
    choice("propagation-error-behavior", "ignore", &["ignore", "panic", "panic-on-replicas"]),
    switch("protected-mode", "yes"),
    memory("proto-max-bulk-len", "536870912", 1_048_576, MOST_ARGUMENT),
    switch("rdb-del-sync-files", "no"),
    switch("rdb-save-incremental-fsync", "yes"),
    fixed("rdbchecksum", "yes"),
    switch("rdbcompression", "yes"),
    memory("repl-backlog-size", "1048576", 1, MOST),
    number("repl-backlog-ttl", "3600", 0, MOST),
    switch("repl-disable-tcp-nodelay", "no"),
    choice("repl-diskless-load", "disabled", &["disabled", "on-empty-db", "swapdb"]),
    switch("repl-diskless-sync", "yes"),
    number("repl-diskless-sync-delay", "5", 0, MOST_INT),
    number("repl-diskless-sync-max-replicas", "0", 0, MOST_INT),
    number("repl-ping-replica-period", "10", 1, MOST_INT).also("repl-ping-slave-period"),
    number("repl-timeout", "60", 1, MOST_INT),
    text("replica-announce-ip", "").also("slave-announce-ip"),
    number("replica-announce-port", "0", 0, 65535).also("slave-announce-port"),
    switch("replica-announced", "yes"),
    switch("replica-ignore-disk-write-errors", "no"),
    switch("replica-ignore-maxmemory", "yes").also("slave-ignore-maxmemory"),
    switch("replica-lazy-flush", "no").also("slave-lazy-flush"),
    number("replica-priority", "100", 0, MOST_INT).also("slave-priority"),
    switch("replica-read-only", "yes").also("slave-read-only"),
    switch("replica-serve-stale-data", "yes").also("slave-serve-stale-data"),
    fixed("replicaof", "").also("slaveof"),
    secret("requirepass", ""),
    choice("sanitize-dump-payload", "no", &["no", "yes", "clients"]),
    parameter("save", "", Kind::SavePoints).needs_data(),
    fixed("server_cpulist", ""),
    number("set-max-intset-entries", "512", 0, MOST),
    fixed("set-proc-title", "yes"),
    choice("shutdown-on-sigint", "default", &["default", "save", "nosave", "now", "force"]),
    choice("shutdown-on-sigterm", "default", &["default", "save", "nosave", "now", "force"]),
    number("shutdown-timeout", "10", 0, MOST_INT),
    number("slowlog-log-slower-than", "10000", -1, MOST),
    number("slowlog-max-len", "128", 0, MOST),
    fixed("socket-mark-id", "0"),
    switch("stop-writes-on-bgsave-error", "yes"),
    memory("stream-node-max-bytes", "4096", 0, MOST),
    number("stream-node-max-entries", "100", 0, MOST),
    fixed("supervised", "no"),
    fixed("syslog-enabled", "no"),
    fixed("syslog-facility", "local0"),
    fixed("syslog-ident", "redis"),
    fixed("tcp-backlog", "511"),
    number("tcp-keepalive", "300", 0, MOST_INT),
    number("timeout", "0", 0, MOST_INT),
    choice("tls-auth-clients", "yes", &["no", "yes", "optional"]),
    text("tls-ca-cert-dir", "").missing(NO_TLS_PORT),
    text("tls-ca-cert-file", "").missing(NO_TLS_PORT),
    text("tls-cert-file", "").missing(NO_TLS_PORT),
    text("tls-ciphers", "").missing(NO_TLS_PORT),
    text("tls-ciphersuites", "").missing(NO_TLS_PORT),
    text("tls-client-cert-file", "").missing(NO_TLS_PORT),
    text("tls-client-key-file", "").missing(NO_TLS_PORT),
    secret("tls-client-key-file-pass", "").missing(NO_TLS_PORT),
    parameter("tls-cluster", "no", Kind::AlwaysOff(NO_TLS)),
    text("tls-dh-params-file", "").missing(NO_TLS_PORT),
    text("tls-key-file", "").missing(NO_TLS_PORT),
    secret("tls-key-file-pass", "").missing(NO_TLS_PORT),
    number("tls-port", "0", 0, 65535).missing(NO_TLS_PORT),
    switch("tls-prefer-server-ciphers", "no"),
    text("tls-protocols", "").missing(NO_TLS_PORT),
    parameter("tls-replication", "no", Kind::AlwaysOff(NO_TLS)),
    number("tls-session-cache-size", "20480", 0, MOST_INT),
    number("tls-session-cache-timeout", "300", 0, MOST_INT),
    switch("tls-session-caching", "yes"),
    number("tracking-table-max-keys", "1000000", 0, MOST),
    fixed("unixsocket", ""),
    fixed("unixsocketperm", "0"),
    number("zset-max-listpack-entries", "128", 0, MOST).also("zset-max-ziplist-entries"),
    memory("zset-max-listpack-value", "64", 0, MOST).also("zset-max-ziplist-value"),
];

#[cfg(test)]
mod tests {
    use super::PARAMETERS;

    #[test]
    fn names_are_unique_and_defaults_are_valid() {
        let mut names: Vec<&str> = PARAMETERS
            .iter()
            .flat_map(|row| std::iter::once(row.name).chain(row.alias))
            .collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(
            names.len(),
            193,
            "as many as a Redis 7.0 has, and lua-memory-limit"
        );
        for row in PARAMETERS {
            let parsed = row.parse(row.default.as_bytes(), row.default.as_bytes(), false);
            if let Ok(canonical) = parsed {
                assert_eq!(canonical, row.default.as_bytes(), "{}", row.name);
            } else {
                assert!(row.kind.is_read_only(), "{}", row.name);
            }
        }
    }
}
