//! The nodes as this proxy watches them: a link to each, what it said last, when it was asked.
//! Reaches: the links. Never: decides what an answer means.
//! Invariants: who is not of interest any more has no link; an answer over a former link is not taken for one of the present one.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Instruction, Status};
use shared::config::ProxyConfig;
use shared::topology::{Address, ClusterId, NodeId, NodeKind, ShardId, Version};
use tokio::sync::mpsc;

use super::link::{Answer, Heard, Link, Question, Way};
use super::words::{self, Said};

/// One node.
#[derive(Debug)]
struct Watched {
    link: Link,
    /// When it was asked last, monotonic milliseconds.
    asked_ms: Option<u64>,
    /// What it said last, asked while that version was the newest.
    said: Option<(Version, Box<Said>)>,
    /// What it refused last, so that the log says it once.
    refused: Option<String>,
}

/// All nodes that are of interest.
#[derive(Debug)]
pub(super) struct Nodes {
    watched: BTreeMap<NodeId, Watched>,
    links: u64,
    /// What nodes add to the names of shards.
    cluster: Option<ClusterId>,
    heard: mpsc::Sender<Heard>,
}

impl Nodes {
    /// Nobody; answers come over `heard`.
    pub(super) fn new(heard: mpsc::Sender<Heard>) -> Self {
        Self {
            watched: BTreeMap::new(),
            links: 0,
            cluster: None,
            heard,
        }
    }

    /// Watches these, where and what they are now, and no others; they are of this cluster.
    pub(super) fn follow(
        &mut self,
        all: &BTreeMap<NodeId, (Address, NodeKind)>,
        cluster: Option<&ClusterId>,
        config: &ProxyConfig,
    ) {
        self.cluster = cluster.cloned();
        self.watched.retain(|node, watched| {
            let link = &watched.link;
            all.get(node)
                .is_some_and(|(address, kind)| *address == link.address && *kind == link.kind)
        });
        for (node, (address, kind)) in all {
            if self.watched.contains_key(node) {
                continue;
            }
            self.links += 1;
            let way = Way {
                node: node.clone(),
                address: address.clone(),
                kind: *kind,
                password: config.node_password.clone(),
                connect_timeout: config.connect_timeout,
            };
            let link = Link::start(way, self.links, self.heard.clone());
            let watched = Watched {
                link,
                asked_ms: None,
                said: None,
                refused: None,
            };
            self.watched.insert(node.clone(), watched);
        }
    }

    /// Everybody's name.
    pub(super) fn names(&self) -> BTreeSet<NodeId> {
        self.watched.keys().cloned().collect()
    }

    /// Those who have not been asked for so long.
    pub(super) fn unasked_for(&self, pause_ms: u64, now_ms: u64) -> Vec<NodeId> {
        let is_due = |watched: &Watched| {
            let is_long_ago = |asked_ms: u64| now_ms.saturating_sub(asked_ms) >= pause_ms;
            watched.asked_ms.is_none_or(is_long_ago)
        };
        let due = self.watched.iter().filter(|(_, watched)| is_due(watched));
        due.map(|(node, _)| node.clone()).collect()
    }

    /// Asks a node what it is. Whether there is one of this name.
    pub(super) fn ask(&mut self, node: &NodeId, version: Version, now_ms: u64) -> bool {
        let Some(watched) = self.watched.get_mut(node) else {
            return false;
        };
        watched.asked_ms = Some(now_ms);
        // Where too much waits already the node is silent, and that shows.
        watched.link.say(Question {
            order: None,
            version,
        });
        true
    }

    /// Sends an order.
    pub(super) fn order(
        &mut self,
        node: &NodeId,
        shard: &ShardId,
        order: &Instruction<NodeId>,
        version: Version,
    ) {
        let leader = match &order.what {
            protocol::What::Follow { leader, .. } => self.watched.get(&leader.node),
            _ => None,
        };
        let leader = leader.map(|watched| watched.link.address.clone());
        let told = self.cluster.as_ref().map(|cluster| cluster.told(shard));
        let told = told.as_ref().unwrap_or(shard);
        let words = words::order(node, told, order, leader.as_ref());
        if let (Some(watched), Some(words)) = (self.watched.get(node), words) {
            tracing::debug!(%node, %shard, order = words.join(" "), "order sent");
            // It is sent again until the node says that it has been carried out.
            watched.link.say(Question {
                order: Some(words),
                version,
            });
        }
    }

    /// Sends words to a plain server.
    pub(super) fn tell(&self, node: &NodeId, words: Vec<String>, version: Version) {
        if let Some(watched) = self.watched.get(node) {
            watched.link.say(Question {
                order: Some(words),
                version,
            });
        }
    }

    /// Takes note of an answer; `None` when it came over a former link.
    pub(super) fn hear(&mut self, heard: Heard) -> Option<(NodeId, Answer)> {
        let (node, number, mut answer) = heard;
        let cluster = self.cluster.as_ref();
        let watched = self.watched.get_mut(&node)?;
        if watched.link.number != number {
            return None;
        }
        match &mut answer {
            Answer::Said(said, version) => {
                if let (Some(cluster), Some(shard)) = (cluster, &mut said.shard) {
                    *shard = cluster.untold(shard);
                }
                watched.said = Some((*version, said.clone()));
            }
            Answer::Refused(text) => {
                if watched.refused.as_ref() != Some(text) {
                    tracing::debug!(%node, %text, "node refuses");
                    watched.refused = Some(text.clone());
                }
            }
            Answer::Plain(_) | Answer::Obeyed | Answer::Failed(_) => {}
        }
        Some((node, answer))
    }

    /// What was said while this version was the newest.
    pub(super) fn said_at(&self, version: Version) -> BTreeMap<&NodeId, &Said> {
        let said = self.watched.iter().filter_map(|(node, watched)| {
            let (at, said) = watched.said.as_ref()?;
            (*at == version).then_some((node, &**said))
        });
        said.collect()
    }

    /// All that a node said last of itself.
    pub(super) fn last_said(&self, node: &NodeId) -> Option<&Said> {
        let (_, said) = self.watched.get(node)?.said.as_ref()?;
        Some(said)
    }

    /// What a node said last of itself as a member.
    pub(super) fn last_status(&self, node: &NodeId) -> Option<&Status<NodeId>> {
        self.last_said(node).map(|said| &said.status)
    }
}
