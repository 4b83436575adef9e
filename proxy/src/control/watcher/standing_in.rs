//! When the proxy that leads does nothing: it hangs, or its lease has not ended yet. Another one does its work for a while; the store decides between both.
//! Never: safety. Invariant: nobody stands in while the topology changes, and for no longer than [`LONGEST_MS`] at a time.

use protocol::controller::Event;
use shared::topology::{ShardId, Topology, Version};

use super::Watcher;
use crate::events::{Kind, News};

/// A shard that has had no primary for so long, though nothing was written meanwhile, is taken care of by those who do not lead.
const IDLE_MS: u64 = 3_000;

/// Proxies do not all begin at the same moment.
const SPREAD_MS: u64 = 1_000;

/// For so long at a time.
const LONGEST_MS: u64 = 10_000;

/// Whether this proxy stands in.
#[derive(Debug)]
pub(super) struct StandIn {
    patience_ms: u64,
    /// Something is to be done, by this version, and has been since then.
    idle: Option<(Version, u64)>,
    /// Since when this proxy does it.
    since_ms: Option<u64>,
}

impl StandIn {
    /// `name` spreads proxies over time.
    pub(super) fn new(name: &str) -> Self {
        let sum: u64 = name.bytes().map(u64::from).sum();
        Self {
            patience_ms: IDLE_MS + sum * 37 % SPREAD_MS,
            idle: None,
            since_ms: None,
        }
    }

    /// Whether it does.
    pub(super) fn stands(&self) -> bool {
        self.since_ms.is_some()
    }

    /// It leads, or may do nothing.
    pub(super) fn ends(&mut self) {
        self.since_ms = None;
        self.idle = None;
    }

    /// It does, from now on. Whether it did not before.
    fn begins(&mut self, now_ms: u64) -> bool {
        self.since_ms.replace(now_ms).is_none()
    }

    /// Something is to be done, or not, by this version. Whether it is time to do it.
    fn look(&mut self, version: Version, is_wanted: bool, now_ms: u64) -> bool {
        let before = self.idle.filter(|(of, _)| *of == version);
        self.idle = is_wanted.then(|| before.unwrap_or((version, now_ms)));
        self.idle
            .is_some_and(|(_, since_ms)| now_ms.saturating_sub(since_ms) >= self.patience_ms)
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.since_ms
            .is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= LONGEST_MS)
    }
}

impl Watcher {
    /// Whether whoever leads does what is to be done.
    pub(super) fn look_at_leader(&mut self, now_ms: u64) {
        if self.election.leads() {
            return;
        }
        let is_wanted = self.lacks_primary(&self.newest) || self.lacks_plain_primary();
        let is_time = self.stand_in.look(self.newest.version, is_wanted, now_ms);
        if self.stand_in.is_over(now_ms) {
            self.depose();
        } else if is_time && self.stand_in.begins(now_ms) {
            let words = "a shard has no primary, and the proxy that changes the topology does nothing: this one does, for a while";
            self.tell(News::warning(Kind::Leadership, words));
            self.step(Event::Elected);
        }
    }

    /// An operator wants something done for a shard: whoever leads, it is done here.
    pub(super) fn stand_in_for(&mut self, shard: &ShardId) {
        let now_ms = self.now_ms();
        if !self.election.leads() && self.stand_in.begins(now_ms) {
            let words = "this proxy changes the topology for an operator, for a while";
            self.tell(News::info(Kind::Leadership, words).of_shard(shard));
            self.step(Event::Elected);
        }
    }

    /// Whether the primary of a shard does not answer, or lives another life than the one that leads.
    fn lacks_primary(&self, topology: &Topology) -> bool {
        let mut guarded = topology.guarded_shards();
        guarded.any(|shard| {
            let life = shard.in_sync.get(&shard.primary).copied().flatten();
            let status = self.nodes.last_status(&shard.primary);
            let is_other = status
                .zip(life)
                .is_some_and(|(status, life)| status.incarnation != life);
            is_other || self.detector.suspicion(&shard.primary).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads_is_given_time_and_every_change_of_the_topology_is_a_sign_of_it() {
        let mut stand_in = StandIn::new("");
        let mut look =
            |version, is_wanted, now_ms| stand_in.look(Version(version), is_wanted, now_ms);
        assert!(!look(1, true, 0));
        assert!(!look(1, true, IDLE_MS - 1));
        assert!(!look(2, true, IDLE_MS), "somebody has changed something");
        assert!(!look(2, false, 2 * IDLE_MS - 1));
        assert!(!look(2, true, 3 * IDLE_MS));
        assert!(look(2, true, 4 * IDLE_MS));
    }

    #[test]
    fn it_ends_by_itself() {
        let mut stand_in = StandIn::new("");
        assert!(stand_in.begins(5));
        assert!(!stand_in.begins(6), "it does already");
        assert!(!stand_in.is_over(LONGEST_MS));
        assert!(stand_in.is_over(LONGEST_MS + 6));
        stand_in.ends();
        assert!(!stand_in.stands() && !stand_in.is_over(u64::MAX));
    }
}
