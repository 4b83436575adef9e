//! What CONFIG GET and CONFIG SET know: every parameter of Redis 7.0, and what those mean that mean something here.
//! Pure. Invariant: [`Hot`] always says what the values say; all pairs of one CONFIG SET take effect, or none.

mod carried;
mod kind;
mod rewrite;
mod special;
mod start;
mod table;

pub use kind::{Complaint, Kind};
pub use special::OutputLimit;
pub(crate) use special::short_decimal;
pub use start::Start;
pub use table::{PARAMETERS, Parameter};

use crate::store::{EventClasses, EvictionSettings, Kind as StoreKind, Limits, NodeLimits};
use shared::access::ChannelsByDefault;
use shared::config::{DebugCommand, Secret, parse_size};
use shared::resp::{ErrorReply, parse_integer};
use std::collections::BTreeSet;

/// Most keys that eviction looks at for one that goes; more would not choose better.
const MOST_SAMPLES: u32 = 64;
/// Bounds of `hz`, as Redis clamps it.
const HZ: std::ops::RangeInclusive<i64> = 1..=500;

/// Smallest `repl-backlog-size`, to which Redis corrects a smaller one.
const LEAST_BACKLOG_BYTES: u64 = 16 << 10;

/// The values of all parameters.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As CONFIG GET shows them; in the order of [`PARAMETERS`].
    values: Vec<Vec<u8>>,
    /// Which of them were set while the node runs.
    changed: BTreeSet<usize>,
    /// Whether the node keeps data on disk.
    has_data: bool,
    /// Whether `notify-keyspace-events` was set with an `n`, which its value does not always show.
    tells_new_keys: bool,
    /// What the node looks at while it works.
    pub hot: Hot,
}

/// Parameters that do something, in the form in which they are needed.
#[derive(Clone, Debug)]
pub struct Hot {
    /// `slowlog-log-slower-than`, µs; negative is never.
    pub slowlog_threshold_us: i64,
    /// `slowlog-max-len`
    pub slowlog_max_len: usize,
    /// `latency-monitor-threshold`, ms; 0 is off.
    pub latency_threshold_ms: u64,
    /// `latency-tracking`
    pub latency_tracking: bool,
    /// `latency-tracking-info-percentiles`
    pub latency_percentiles: Vec<f64>,
    /// `maxmemory`, bytes; 0 is none.
    pub max_memory: u64,
    /// `maxmemory-policy` and its company.
    pub eviction: EvictionSettings,
    /// `maxclients`
    pub max_clients: usize,
    /// `notify-keyspace-events`
    pub events: EventClasses,
    /// `timeout`, seconds; 0 is never.
    pub idle_timeout_seconds: u64,
    /// `tcp-keepalive`, seconds; 0 is never.
    pub tcp_keepalive_seconds: u64,
    /// `acl-pubsub-default`
    pub channels_by_default: ChannelsByDefault,
    /// `acllog-max-len`
    pub access_log_max_len: usize,
    /// `requirepass`; empty asks for none.
    pub password: Secret,
    /// `tracking-table-max-keys`; 0 is no bound.
    pub most_tracked_keys: usize,
    /// `client-output-buffer-limit` of normal clients.
    pub output_limit: OutputLimit,
    /// The same of subscribers.
    pub pubsub_output_limit: OutputLimit,
    /// `client-query-buffer-limit`
    pub input_limit_bytes: usize,
    /// `proto-max-bulk-len`
    pub bulk_bytes: u64,
    /// `lua-memory-limit`: what all values of scripts together may take, and of functions.
    pub lua_memory_bytes: usize,
    /// `busy-reply-threshold`, ms: how long a script runs until others are told.
    pub busy_after_ms: u64,
    /// `hll-sparse-max-bytes`
    pub sparse_sketch_bytes: usize,
    /// Until when collections are small by name.
    pub small: SmallCollections,
    /// When nodes of streams are full (`stream-node-max-bytes`, `stream-node-max-entries`).
    pub stream_nodes: NodeLimits,
    /// `hz`
    pub hz: u64,
    /// `protected-mode`
    pub protected_mode: bool,
    /// `enable-debug-command`
    pub debug_command: DebugCommand,
    /// `save`: seconds and changes.
    pub save_points: Vec<(u64, u64)>,
    /// `stop-writes-on-bgsave-error`
    pub stops_writes: bool,
    /// `rdbcompression`
    pub packs_snapshots: bool,
    /// `appendonly`
    pub append_only: bool,
    /// `appendfsync`
    pub append_sync: Vec<u8>,
    /// `auto-aof-rewrite-percentage`
    pub rewrite_percent: u64,
    /// `auto-aof-rewrite-min-size`
    pub rewrite_least_bytes: u64,
    /// `aof-load-truncated`
    pub cuts_torn_log: bool,
    /// What a node that follows or is followed looks at.
    pub replication: ReplicationSettings,
}

/// Parameters of following and being followed.
#[derive(Clone, Debug)]
pub struct ReplicationSettings {
    /// `repl-backlog-size`: bytes of the log that are kept for followers who were away.
    pub backlog_bytes: u64,
    /// `repl-backlog-ttl`, ms: how long they are kept when nobody follows; 0 is for ever.
    pub backlog_kept_ms: u64,
    /// `repl-timeout`, ms: how long either side may be silent.
    pub timeout_ms: u64,
    /// `repl-ping-replica-period`, ms: how often a leader with nothing to say says something.
    pub ping_every_ms: u64,
    /// `client-output-buffer-limit` of followers: how much of the log may wait for one; 0 is no bound.
    pub most_waiting_bytes: u64,
    /// `replica-read-only`
    pub is_read_only: bool,
    /// `replica-serve-stale-data`
    pub serves_stale: bool,
    /// `min-replicas-to-write`; 0 asks for none.
    pub least_followers: usize,
    /// `min-replicas-max-lag`, ms
    pub most_lag_ms: u64,
    /// `masteruser`; empty is the default user.
    pub leader_user: String,
    /// `masterauth`; empty is none.
    pub leader_password: Secret,
    /// `replica-announce-ip`; empty is the address of the connection.
    pub announced_host: String,
    /// `replica-announce-port`; 0 is the port where the node listens.
    pub announced_port: u16,
}

impl ReplicationSettings {
    fn of(values: &Values<'_>) -> Self {
        let text = |name| String::from_utf8_lossy(values.text(name)).into_owned();
        let ms = |name| values.unsigned(name).saturating_mul(1_000);
        let [_, followers, _] =
            special::read_output_limits(values.text("client-output-buffer-limit"));
        Self {
            backlog_bytes: values.unsigned("repl-backlog-size"),
            backlog_kept_ms: ms("repl-backlog-ttl"),
            timeout_ms: ms("repl-timeout"),
            ping_every_ms: ms("repl-ping-replica-period"),
            most_waiting_bytes: followers.hard_bytes,
            is_read_only: values.is_on("replica-read-only"),
            serves_stale: values.is_on("replica-serve-stale-data"),
            least_followers: values.size("min-replicas-to-write"),
            most_lag_ms: ms("min-replicas-max-lag"),
            leader_user: text("masteruser"),
            leader_password: Secret::new(text("masterauth")),
            announced_host: text("replica-announce-ip"),
            announced_port: u16::try_from(values.unsigned("replica-announce-port")).unwrap_or(0),
        }
    }
}

/// A list has no name that depends on its size.
const OF_LISTS: Limits = Limits {
    entries: u64::MAX,
    element_bytes: usize::MAX,
    blob_bytes: Limits::MOST_BLOB_BYTES,
};

/// Until when collections are small, as OBJECT ENCODING tells it.
#[derive(Clone, Copy, Debug)]
pub struct SmallCollections {
    /// `hash-max-listpack-entries`, `hash-max-listpack-value`
    pub hash: Limits,
    /// `set-max-intset-entries`
    pub set: Limits,
    /// `zset-max-listpack-entries`, `zset-max-listpack-value`
    pub sorted_set: Limits,
}

impl SmallCollections {
    /// Until when a collection of this kind is.
    #[must_use]
    pub fn of_kind(&self, kind: StoreKind) -> Limits {
        match kind {
            StoreKind::Hash => self.hash,
            StoreKind::Set => self.set,
            StoreKind::SortedSet => self.sorted_set,
            StoreKind::List | StoreKind::String | StoreKind::Stream => OF_LISTS,
        }
    }

    fn of(values: &Values<'_>) -> Self {
        let limits = |entries, element_bytes| Limits {
            entries: values.unsigned(entries),
            element_bytes,
            blob_bytes: Limits::MOST_BLOB_BYTES,
        };
        Self {
            hash: limits(
                "hash-max-listpack-entries",
                values.size("hash-max-listpack-value"),
            ),
            set: limits("set-max-intset-entries", usize::MAX),
            sorted_set: limits(
                "zset-max-listpack-entries",
                values.size("zset-max-listpack-value"),
            ),
        }
    }
}

/// Why a CONFIG SET did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no such parameter.
    Unknown(Vec<u8>),
    /// Something is wrong with one of the pairs.
    Failed {
        /// The parameter as the client wrote it.
        name: Vec<u8>,
        /// What is wrong.
        complaint: Complaint,
    },
}

impl From<SetError> for ErrorReply {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Unknown(name) => Self::unknown_setting(&name),
            SetError::Failed { name, complaint } => Self::setting_refused(&name, &complaint),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let values: Vec<Vec<u8>> = PARAMETERS.iter().map(|row| row.default.into()).collect();
        let hot = Hot::of(&Values(&values));
        Self {
            values,
            changed: BTreeSet::new(),
            has_data: false,
            tells_new_keys: false,
            hot,
        }
    }
}

impl Settings {
    /// The value of the parameter called `name`, as CONFIG GET shows it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        Values(&self.values).find(name)
    }

    /// Whether the node keeps data on disk.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.has_data
    }

    /// `shutdown-timeout`, which is looked at once.
    #[must_use]
    pub fn shutdown_seconds(&self) -> u64 {
        Values(&self.values).unsigned("shutdown-timeout")
    }

    /// All parameters with their values, under their names and then under their older names.
    pub fn shown(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        PARAMETERS
            .iter()
            .zip(&self.values)
            .flat_map(|(row, value)| {
                std::iter::once(row.name)
                    .chain(row.alias)
                    .map(move |name| (name, value.as_slice()))
            })
    }

    /// Gives a parameter its value at the start of the node, read-only ones too.
    ///
    /// # Panics
    /// When there is no such parameter: a mistake of ours.
    pub fn preset(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let index = PARAMETERS
            .iter()
            .position(|row| row.name == name)
            .unwrap_or_else(|| panic!("no parameter {name}"));
        self.values[index] = value.into();
        self.refresh();
    }

    /// CONFIG SET: all pairs or none.
    ///
    /// # Errors
    /// The first name that is wrong, whatever is wrong with it; if none is, the first value.
    pub fn set<'a>(
        &mut self,
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> Result<(), SetError> {
        let mut rows = Vec::new();
        for (name, _) in pairs.clone() {
            let Some(index) = PARAMETERS.iter().position(|row| row.is_called(name)) else {
                return Err(SetError::Unknown(name.to_vec()));
            };
            let kind = PARAMETERS[index].kind;
            let refusal = if kind.is_read_only() {
                kind.parse(b"", b"").err()
            } else if rows.contains(&(index, called_by_alias(index, name))) {
                Some("duplicate parameter".into())
            } else {
                None
            };
            if let Some(complaint) = refusal {
                return Err(SetError::Failed {
                    name: name.to_vec(),
                    complaint,
                });
            }
            rows.push((index, called_by_alias(index, name)));
        }
        let mut values = self.values.clone();
        let mut tells_new_keys = self.tells_new_keys;
        for ((index, _), (name, value)) in rows.iter().copied().zip(pairs) {
            values[index] = PARAMETERS[index]
                .parse(&values[index], value, self.has_data)
                .map_err(|complaint| SetError::Failed {
                    // As the table spells it, unlike the refusals above: so does Redis.
                    name: PARAMETERS[index].name_for(name).as_bytes().to_vec(),
                    complaint,
                })?;
            if matches!(PARAMETERS[index].kind, Kind::KeyspaceEvents) {
                tells_new_keys = special::asks_for_new_keys(value);
            }
        }
        self.values = values;
        self.tells_new_keys = tells_new_keys;
        self.changed
            .extend(rows.into_iter().map(|(index, _)| index));
        self.refresh();
        self.clamp();
        Ok(())
    }

    fn refresh(&mut self) {
        self.hot = Hot::of(&Values(&self.values));
        if self.tells_new_keys {
            self.hot.events = self.hot.events.with_new_keys();
        }
    }

    /// Values that Redis accepts and then corrects.
    fn clamp(&mut self) {
        let hz = self.hot.hz.to_string();
        if self.get("hz") != Some(hz.as_bytes()) {
            self.preset("hz", hz);
        }
        let backlog_bytes = Values(&self.values).unsigned("repl-backlog-size");
        if backlog_bytes < LEAST_BACKLOG_BYTES {
            self.preset("repl-backlog-size", LEAST_BACKLOG_BYTES.to_string());
        }
    }
}

/// A name and its older name are two parameters to Redis' search for duplicates.
fn called_by_alias(index: usize, name: &[u8]) -> bool {
    !PARAMETERS[index].name.as_bytes().eq_ignore_ascii_case(name)
}

/// Values in the order of [`PARAMETERS`], found by name.
struct Values<'a>(&'a [Vec<u8>]);

impl<'a> Values<'a> {
    fn find(&self, name: &str) -> Option<&'a [u8]> {
        let index = PARAMETERS.iter().position(|row| row.name == name)?;
        self.0.get(index).map(Vec::as_slice)
    }

    fn text(&self, name: &str) -> &'a [u8] {
        let found = self.find(name);
        debug_assert!(found.is_some(), "no parameter {name}");
        found.unwrap_or_default()
    }

    fn integer(&self, name: &str) -> i64 {
        parse_integer(self.text(name)).unwrap_or_default()
    }

    fn unsigned(&self, name: &str) -> u64 {
        parse_size(self.text(name)).unwrap_or_default()
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.unsigned(name)).unwrap_or(usize::MAX)
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.unsigned(name)).unwrap_or(u32::MAX)
    }

    fn is_on(&self, name: &str) -> bool {
        self.text(name) == b"yes"
    }
}

impl Hot {
    fn of(values: &Values<'_>) -> Self {
        let policy = std::str::from_utf8(values.text("maxmemory-policy")).unwrap_or_default();
        let percentiles = std::str::from_utf8(values.text("latency-tracking-info-percentiles"));
        let [normal, _, pubsub] =
            special::read_output_limits(values.text("client-output-buffer-limit"));
        Self {
            slowlog_threshold_us: values.integer("slowlog-log-slower-than"),
            slowlog_max_len: values.size("slowlog-max-len"),
            latency_threshold_ms: values.unsigned("latency-monitor-threshold"),
            latency_tracking: values.is_on("latency-tracking"),
            latency_percentiles: percentiles
                .unwrap_or_default()
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect(),
            max_memory: values.unsigned("maxmemory"),
            eviction: EvictionSettings {
                policy: policy.parse().unwrap_or_default(),
                samples: values.small("maxmemory-samples").clamp(1, MOST_SAMPLES),
                lfu_log_factor: values.small("lfu-log-factor"),
                lfu_decay_minutes: values.small("lfu-decay-time"),
            },
            max_clients: values.size("maxclients"),
            events: EventClasses::of_letters(values.text("notify-keyspace-events")),
            idle_timeout_seconds: values.unsigned("timeout"),
            tcp_keepalive_seconds: values.unsigned("tcp-keepalive"),
            channels_by_default: match values.text("acl-pubsub-default") {
                b"allchannels" => ChannelsByDefault::All,
                _ => ChannelsByDefault::None,
            },
            access_log_max_len: values.size("acllog-max-len"),
            password: Secret::new(String::from_utf8_lossy(values.text("requirepass"))),
            most_tracked_keys: values.size("tracking-table-max-keys"),
            output_limit: normal,
            pubsub_output_limit: pubsub,
            input_limit_bytes: values.size("client-query-buffer-limit"),
            bulk_bytes: values.unsigned("proto-max-bulk-len"),
            lua_memory_bytes: values.size("lua-memory-limit"),
            busy_after_ms: values.unsigned("busy-reply-threshold"),
            sparse_sketch_bytes: values.size("hll-sparse-max-bytes"),
            small: SmallCollections::of(values),
            stream_nodes: NodeLimits {
                bytes: values.unsigned("stream-node-max-bytes"),
                entries: values.unsigned("stream-node-max-entries"),
            },
            hz: values
                .integer("hz")
                .clamp(*HZ.start(), *HZ.end())
                .unsigned_abs(),
            protected_mode: values.is_on("protected-mode"),
            debug_command: match values.text("enable-debug-command") {
                b"yes" => DebugCommand::Yes,
                b"local" => DebugCommand::Local,
                _ => DebugCommand::No,
            },
            save_points: special::read_save_points(values.text("save")),
            stops_writes: values.is_on("stop-writes-on-bgsave-error"),
            packs_snapshots: values.is_on("rdbcompression"),
            append_only: values.is_on("appendonly"),
            append_sync: values.text("appendfsync").to_vec(),
            rewrite_percent: values.unsigned("auto-aof-rewrite-percentage"),
            rewrite_least_bytes: values.unsigned("auto-aof-rewrite-min-size"),
            cuts_torn_log: values.is_on("aof-load-truncated"),
            replication: ReplicationSettings::of(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SetError, Settings};
    use crate::store::EvictionPolicy;
    use shared::resp::ErrorReply;

    fn set(settings: &mut Settings, pairs: &[(&str, &str)]) -> Result<(), String> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        settings
            .set(pairs)
            .map_err(|error: SetError| ErrorReply::from(error).to_string())
    }

    #[test]
    fn all_pairs_take_effect_or_none() {
        let mut settings = Settings::default();
        let wrong = set(
            &mut settings,
            &[("maxmemory", "1gb"), ("maxmemory-samples", "0")],
        );
        assert_eq!(
            wrong,
            Err("ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - argument must be between 1 and 2147483647 inclusive".into())
        );
        assert_eq!(settings.hot.max_memory, 0);
        let right = set(
            &mut settings,
            &[("MAXMEMORY", "1gb"), ("maxmemory-policy", "AllKeys-LFU")],
        );
        assert_eq!(right, Ok(()));
        assert_eq!(settings.hot.max_memory, 1 << 30);
        assert_eq!(settings.hot.eviction.policy, EvictionPolicy::AllKeysLfu);
        assert_eq!(settings.get("maxmemory-policy"), Some(&b"allkeys-lfu"[..]));
    }

    #[test]
    fn the_first_wrong_name_is_told_and_an_alias_is_no_duplicate() {
        let mut settings = Settings::default();
        let check = |settings: &mut Settings, pairs: &[(&str, &str)], text: &str| {
            assert_eq!(set(settings, pairs), Err(text.into()));
        };
        check(
            &mut settings,
            &[("zork", "1"), ("port", "1"), ("hz", "1"), ("hz", "2")],
            "ERR Unknown option or number of arguments for CONFIG SET - 'zork'",
        );
        check(
            &mut settings,
            &[("dir", "1"), ("zork", "1")],
            "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config",
        );
        check(
            &mut settings,
            &[("hz", "x"), ("hz", "2"), ("zork", "1"), ("port", "1")],
            "ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter",
        );
        check(
            &mut settings,
            &[("hz", "x"), ("zork\0y", "1")],
            "ERR Unknown option or number of arguments for CONFIG SET - 'zork'",
        );
        check(
            &mut settings,
            &[("port", "1")],
            "ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config",
        );
        check(
            &mut settings,
            &[("hz", "1"), ("HZ", "2")],
            "ERR CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter",
        );
        let both = [("slave-priority", "1"), ("replica-priority", "2")];
        assert_eq!(set(&mut settings, &both), Ok(()));
        assert_eq!(settings.get("replica-priority"), Some(&b"2"[..]));
    }

    #[test]
    fn what_is_not_there_yet_is_not_promised() {
        let mut settings = Settings::default();
        for (name, value, end) in [
            (
                "appendonly",
                "yes",
                "this node keeps nothing on disk: it was started without --data-dir",
            ),
            (
                "save",
                "3600 1",
                "this node keeps nothing on disk: it was started without --data-dir",
            ),
            ("maxmemory-clients", "5%", "bound each of them"),
            ("tls-port", "6380", "TLS ends at the proxy"),
        ] {
            let before = settings.get(name).map(<[u8]>::to_vec);
            let refused = set(&mut settings, &[("hz", "20"), (name, value)]);
            let text = refused.expect_err(name);
            assert!(
                text.contains(&format!("'{name}'")) && text.ends_with(end),
                "{text}"
            );
            assert_eq!(settings.get(name).map(<[u8]>::to_vec), before);
        }
        assert_eq!(settings.get("hz"), Some(&b"10"[..]));
        for (name, value) in [
            ("appendonly", "NO"),
            ("save", ""),
            ("notify-keyspace-events", "KEA"),
            ("min-replicas-to-write", "1"),
            ("maxmemory-clients", "0"),
            ("tls-port", "0"),
        ] {
            assert_eq!(set(&mut settings, &[(name, value)]), Ok(()), "{name}");
        }
        // Not shown, and told all the same; until it is set anew.
        for (letters, shown) in [("KEAn", "AKE"), ("KEA", "AKE"), ("Kn", "nK")] {
            assert_eq!(
                set(&mut settings, &[("notify-keyspace-events", letters)]),
                Ok(())
            );
            assert_eq!(
                settings.get("notify-keyspace-events"),
                Some(shown.as_bytes())
            );
            let is_told = settings.hot.events == settings.hot.events.with_new_keys();
            assert_eq!(is_told, letters.contains('n'), "{letters}");
        }
        // What is wrong in Redis' eyes is told in its words.
        let wrong = set(&mut settings, &[("appendonly", "perhaps")]);
        assert!(wrong.is_err_and(|text| text.ends_with("argument must be 'yes' or 'no'")));
    }

    #[test]
    fn values_are_corrected_to_what_they_may_be() {
        let mut settings = Settings::default();
        assert_eq!(set(&mut settings, &[("repl-backlog-size", "1kb")]), Ok(()));
        assert_eq!(settings.get("repl-backlog-size"), Some(&b"16384"[..]));
        assert_eq!(set(&mut settings, &[("hz", "1000")]), Ok(()));
        assert_eq!(settings.get("hz"), Some(&b"500"[..]));
    }
}
