//! Shards of plain Redis servers: what is wanted for them is written and told.
//! Reaches: the store, the links. Never: decides what is wanted ([`super::super::plain`] does). Invariant: a follower is told to lead only by a topology that says
//! so, which this proxy has seen in the store.

use protocol::opinion::Verdict;
use shared::config::Acks;
use shared::topology::{NodeId, Shard};

use super::super::Purpose;
use super::super::plain::{Wanted, promoted};
use super::Watcher;
use crate::events::{Kind, News};

impl Watcher {
    /// Another topology holds.
    pub(super) fn follow_plain(&mut self, now_ms: u64) {
        self.plain.follow(&self.newest, now_ms);
        let shards: Vec<String> = self
            .newest
            .plain_shards()
            .map(|it| it.id.to_string())
            .collect();
        let shards = shards.join(" ");
        let config = &self.shared.config;
        let usual = config.rule();
        let mut rules = config.policies.0.iter().map(|policy| usual.with(policy));
        let wants_more = usual.acks == Acks::InSync || rules.any(|rule| rule.acks == Acks::InSync);
        if wants_more && !shards.is_empty() && shards != self.without_effect {
            tracing::error!(
                shards,
                "acks in-sync is without effect on shards of plain Redis servers: their primaries acknowledge what no follower has"
            );
        }
        self.without_effect = shards;
    }

    /// Does for these shards what is to be done, if this proxy may.
    pub(super) fn look_at_plain(&mut self, verdict: &Verdict<NodeId>, now_ms: u64) {
        if !self.acts() || !self.may_write() {
            return;
        }
        let is_down = |node: &NodeId| verdict.down.contains(node);
        for wanted in self.plain.wanted(&self.newest, is_down, now_ms) {
            match wanted {
                Wanted::Promote(..) if self.is_promoting => {}
                Wanted::Promote(shard, node) => {
                    if let Some(next) = promoted(&self.newest, &shard, &node) {
                        let version = next.version;
                        let words = "this plain server is to lead, for its primary is down; what only that one had is lost";
                        let news = News::warning(Kind::Failover, words).of_shard(&shard);
                        self.tell(news.of_node(&node).at_version(version.0));
                        self.is_promoting = true;
                        self.set(next, Purpose::Plain);
                    }
                }
                Wanted::Tell(node, leader) => {
                    let words = Wanted::words(leader.as_ref());
                    tracing::info!(%node, order = words.join(" "), "plain server is told");
                    self.nodes.tell(&node, words, self.newest.version);
                }
            }
        }
    }

    /// Whether the primary of a shard of plain servers does not answer.
    pub(super) fn lacks_plain_primary(&self) -> bool {
        let mut shards = self.newest.plain_shards();
        shards.any(|shard: &Shard| self.detector.suspicion(&shard.primary).is_some())
    }
}
