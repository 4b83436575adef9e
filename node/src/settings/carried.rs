//! What was changed by CONFIG SET while the node runs and belongs to the data, not to this process: a shard's copies are to have it too, for any of them may lead.
//! Pure. Never: what the node was started with, secrets, addresses, folders.

use super::special;
use super::table::Parameter;
use super::{Kind, PARAMETERS, Settings};
use crate::rdb::crc64;

/// Parameters of one process or machine: how it is reached, what it logs, how it ends.
const OF_THIS_NODE: &[&str] = &[
    "bind-source-addr",
    "loglevel",
    "maxclients",
    "oom-score-adj",
    "oom-score-adj-values",
    "proc-title-template",
    "protected-mode",
    "shutdown-on-sigint",
    "shutdown-on-sigterm",
    "shutdown-timeout",
    "tcp-keepalive",
    "timeout",
];

/// Beginnings of the names of others of that kind.
const FAMILIES_OF_THIS_NODE: &[&str] = &["cluster-", "replica-", "tls-"];

impl Parameter {
    /// Whether all copies of a shard have it in common.
    fn is_of_the_shard(&self) -> bool {
        let is_own = OF_THIS_NODE.contains(&self.name)
            || (FAMILIES_OF_THIS_NODE.iter()).any(|family| self.name.starts_with(family));
        !is_own && !self.kind.is_read_only() && !matches!(self.kind, Kind::Secret)
    }
}

impl Settings {
    /// Names, and values that CONFIG SET takes, of what clients have set and other copies are to have.
    pub fn carried(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        let changed = self.changed.iter().copied();
        let changed = changed.filter(|index| PARAMETERS[*index].is_of_the_shard());
        changed.map(|index| (PARAMETERS[index].name, self.value_to_set(index)))
    }

    /// What CONFIG SET would have to be given for the value of a row.
    pub(super) fn value_to_set(&self, index: usize) -> Vec<u8> {
        let mut value = self.values[index].clone();
        if matches!(PARAMETERS[index].kind, Kind::KeyspaceEvents)
            && self.tells_new_keys
            && !special::asks_for_new_keys(&value)
        {
            value.push(b'n');
        }
        value
    }

    /// A number that is the same at nodes where the same was set; `None` where nothing was.
    #[must_use]
    pub fn carried_digest(&self) -> Option<u64> {
        let mut digest = None;
        for (name, value) in self.carried() {
            for part in [name.as_bytes(), &value] {
                let length = part.len().to_le_bytes();
                digest = Some(crc64(crc64(digest.unwrap_or_default(), &length), part));
            }
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &mut Settings, name: &str, value: &str) {
        let pairs = [(name.as_bytes(), value.as_bytes())];
        settings.set(pairs.into_iter()).expect("a good value");
    }

    fn carried(settings: &Settings) -> Vec<(&'static str, String)> {
        let pairs = settings.carried();
        pairs
            .map(|(name, value)| (name, String::from_utf8(value).expect("text")))
            .collect()
    }

    #[test]
    fn what_clients_set_is_carried_and_what_is_of_the_process_is_not() {
        let mut settings = Settings::default();
        settings.preset("maxmemory-samples", "7");
        assert_eq!(carried(&settings), []);
        assert_eq!(settings.carried_digest(), None);
        for (name, value) in [
            ("maxclients", "77"),
            ("requirepass", "secret"),
            ("replica-priority", "7"),
            ("slave-read-only", "no"),
            ("timeout", "7"),
        ] {
            set(&mut settings, name, value);
        }
        assert_eq!(settings.carried_digest(), None);
        set(&mut settings, "maxmemory", "10mb");
        set(&mut settings, "hash-max-ziplist-value", "9");
        set(&mut settings, "notify-keyspace-events", "KEAn");
        let expected = [
            ("hash-max-listpack-value", "9"),
            ("maxmemory", "10485760"),
            ("notify-keyspace-events", "AKEn"),
        ];
        assert_eq!(
            carried(&settings),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn another_node_that_takes_them_has_the_same_digest() {
        let (mut one, mut other) = (Settings::default(), Settings::default());
        set(&mut one, "maxmemory-policy", "allkeys-lru");
        set(&mut one, "notify-keyspace-events", "Exn");
        set(&mut one, "client-output-buffer-limit", "pubsub 1mb 0 0");
        assert_ne!(one.carried_digest(), other.carried_digest());
        for (name, value) in one.carried() {
            let pairs = [(name.as_bytes(), &*value)];
            other
                .set(pairs.into_iter())
                .expect("what a node has itself");
        }
        assert_eq!(one.carried_digest(), other.carried_digest());
        set(&mut other, "maxmemory-policy", "allkeys-lfu");
        assert_ne!(one.carried_digest(), other.carried_digest());
        // What is said again as it was at the start is said all the same.
        set(&mut other, "maxmemory-policy", "noeviction");
        assert!(carried(&other).contains(&("maxmemory-policy", "noeviction".to_owned())));
    }
}
