//! What nodes say of what they hold (INFO): memory, keys, hits. Asked slowly, over a connection of its own to each.
//! Reaches: sockets, in tasks. Never: on the path of a request; decides whether a node is there.
//! Bounds: [`MOST_AT_A_TIME`] nodes are asked at a time, each within [`PATIENCE`]; an answer has at most [`MOST_ANSWER_BYTES`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use shared::config::ProxyConfig;
use shared::topology::{Address, NodeId, Topology};
use tokio::task::JoinSet;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::control::asking::{Manner, Talk};

/// Nodes that are asked at a time.
const MOST_AT_A_TIME: usize = 16;

/// How long a node may take, connecting included: beyond it, what it said before stands, and gets old.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longest answer.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// What a node says of what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Vitals {
    /// Milliseconds since it said so.
    pub(super) said_ms_ago: u64,
    /// Bytes that `maxmemory` bounds, and what clients take.
    pub(super) used_memory_bytes: Option<u64>,
    /// The bound; 0 where there is none.
    pub(super) maxmemory_bytes: Option<u64>,
    /// Memory of its process.
    pub(super) resident_bytes: Option<u64>,
    /// Keys in all databases.
    pub(super) keys: u64,
    /// Connections to it.
    pub(super) clients: Option<u64>,
    /// Commands that it does, by its own count.
    pub(super) commands_per_second: Option<u64>,
    /// Reads that found a key, since its start.
    pub(super) hits: Option<u64>,
    /// … and that found none.
    pub(super) misses: Option<u64>,
    /// Keys that were evicted, since its start.
    pub(super) evicted_keys: Option<u64>,
    /// Keys that have expired.
    pub(super) expired_keys: Option<u64>,
    /// Seconds since its start.
    pub(super) uptime_s: Option<u64>,
}

impl Vitals {
    /// Of a reply to INFO.
    fn read(text: &str) -> Self {
        let mut vitals = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let place = match name {
                "used_memory" => &mut vitals.used_memory_bytes,
                "maxmemory" => &mut vitals.maxmemory_bytes,
                "used_memory_rss" => &mut vitals.resident_bytes,
                "connected_clients" => &mut vitals.clients,
                "instantaneous_ops_per_sec" => &mut vitals.commands_per_second,
                "keyspace_hits" => &mut vitals.hits,
                "keyspace_misses" => &mut vitals.misses,
                "evicted_keys" => &mut vitals.evicted_keys,
                "expired_keys" => &mut vitals.expired_keys,
                "uptime_in_seconds" => &mut vitals.uptime_s,
                _ => {
                    let count = value
                        .strip_prefix("keys=")
                        .filter(|_| name.starts_with("db"));
                    let count = count.and_then(|rest| rest.split(',').next()?.parse::<u64>().ok());
                    vitals.keys = vitals.keys.saturating_add(count.unwrap_or_default());
                    continue;
                }
            };
            *place = value.parse().ok();
        }
        vitals
    }
}

/// What is known of one node.
#[derive(Debug)]
struct Known {
    address: Address,
    talk: Option<Talk>,
    /// What it said last, and when, monotonic milliseconds.
    said: Option<(u64, Vitals)>,
}

/// What is known of all nodes.
#[derive(Debug, Default)]
pub(super) struct AllVitals(BTreeMap<NodeId, Known>);

impl AllVitals {
    /// Asks all nodes of the topology.
    pub(super) async fn ask(&mut self, topology: &Topology, config: &ProxyConfig, now_ms: u64) {
        self.0.retain(|node, known| {
            let listed = topology.node(node);
            listed.is_some_and(|listed| listed.address == known.address)
        });
        let manner = Manner::of(config);
        let mut asked = JoinSet::new();
        for node in &topology.nodes {
            if asked.len() >= MOST_AT_A_TIME {
                self.take(asked.join_next().await, now_ms);
            }
            let known = self.0.entry(node.id.clone()).or_insert_with(|| Known {
                address: node.address.clone(),
                talk: None,
                said: None,
            });
            let (id, address) = (node.id.clone(), node.address.clone());
            let (talk, manner) = (known.talk.take(), manner.clone());
            asked.spawn(async move {
                let answer = timeout(PATIENCE, look(talk, &address, &manner)).await;
                (id, answer.ok().flatten())
            });
        }
        while !asked.is_empty() {
            self.take(asked.join_next().await, now_ms);
        }
    }

    fn take(&mut self, ended: Option<Result<Looked, tokio::task::JoinError>>, now_ms: u64) {
        if let Some(Ok((node, Some((talk, vitals))))) = ended
            && let Some(known) = self.0.get_mut(&node)
        {
            known.talk = Some(talk);
            known.said = Some((now_ms, vitals));
        }
    }

    /// What each has said last.
    pub(super) fn said(&self) -> BTreeMap<NodeId, (u64, Vitals)> {
        let said = self.0.iter();
        said.filter_map(|(node, known)| Some((node.clone(), known.said.clone()?)))
            .collect()
    }
}

/// Whom was asked, and what came of it.
type Looked = (NodeId, Option<(Talk, Vitals)>);

/// Over the connection that there is, or else over a new one.
async fn look(talk: Option<Talk>, address: &Address, manner: &Manner) -> Option<(Talk, Vitals)> {
    let mut talk = match talk {
        Some(talk) => talk,
        None => manner.connect(address).await.ok()?,
    };
    let reply = talk.ask(&[b"INFO"], MOST_ANSWER_BYTES).await.ok()?;
    if reply.is_error() {
        return None;
    }
    let text = String::from_utf8_lossy(reply.as_bytes()?).into_owned();
    Some((talk, Vitals::read(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_what_it_holds() {
        let text = "# Memory\r\nused_memory:1000\r\nused_memory_human:1K\r\nmaxmemory:0\r\n# Stats\r\nkeyspace_hits:3\r\nkeyspace_misses:x\r\n# Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0\r\ndb3:keys=7,expires=0\r\ndbx:nothing\r\nrubbish\r\n";
        let vitals = Vitals::read(text);
        let expected = Vitals {
            used_memory_bytes: Some(1_000),
            maxmemory_bytes: Some(0),
            hits: Some(3),
            keys: 12,
            ..Vitals::default()
        };
        assert_eq!(vitals, expected);
        assert_eq!(Vitals::read(""), Vitals::default());
    }
}
