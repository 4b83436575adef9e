//! What must hold at every moment: one order of what clients were told, one node that acknowledges per epoch, a commit that never falls.

use std::collections::BTreeMap;

use protocol::Offset;
use protocol::controller::{Document, Notice};
use shared::topology::{Epoch, Incarnation};

use crate::node::{Entry, Node};

pub(crate) struct Checks {
    /// Something that must never happen has.
    pub(crate) fault: Option<&'static str>,
    /// Per shard: the longest log of which the last write was acknowledged.
    pub(crate) told: Vec<Vec<Entry>>,
    /// Per shard: when a write was last acknowledged.
    pub(crate) acknowledged_us: Vec<u64>,
    /// The longest time between two acknowledged writes of a shard, in microseconds.
    pub(crate) longest_us: u64,
    /// Who acknowledged at which epoch of a shard.
    leaders: BTreeMap<(usize, Epoch), (u8, Incarnation)>,
    commits: BTreeMap<(u8, Incarnation, Epoch), Offset>,
    /// When a node first served at an epoch.
    pub(crate) served_us: BTreeMap<(u8, Epoch), u64>,
    pub(crate) notices: Vec<Notice<u8, u8>>,
    /// Changes of leadership that were written.
    pub(crate) promotions: u64,
    pub(crate) changes: u64,
    pub(crate) acknowledged: u64,
}

impl Checks {
    pub(crate) fn new(shards: u8) -> Self {
        let shards = usize::from(shards);
        Self {
            fault: None,
            told: vec![Vec::new(); shards],
            acknowledged_us: vec![0; shards],
            longest_us: 0,
            leaders: BTreeMap::new(),
            commits: BTreeMap::new(),
            served_us: BTreeMap::new(),
            notices: Vec::new(),
            promotions: 0,
            changes: 0,
            acknowledged: 0,
        }
    }

    pub(crate) fn fail(&mut self, fault: &'static str) {
        self.fault = self.fault.or(Some(fault));
    }

    pub(crate) fn served(&mut self, at: u8, node: &Node, now_us: u64) {
        if let Some(epoch) = node.replica.serving_epoch() {
            self.served_us.entry((at, epoch)).or_insert(now_us);
        }
    }

    pub(crate) fn written(&mut self, before: &Document<u8, u8>, after: &Document<u8, u8>) {
        self.changes += 1;
        for (shard, entry) in &after.shards {
            let was = &before.shards[shard].membership;
            if was.epoch != entry.membership.epoch {
                self.promotions += 1;
            }
        }
    }

    /// What a node may acknowledge now: the writes, and the proxies that they came from.
    pub(crate) fn settle(&mut self, at: u8, node: &mut Node, now_us: u64) -> Vec<(u32, u8)> {
        let mut done = Vec::new();
        let (Some(epoch), Some(commit)) = (node.replica.serving_epoch(), node.commit()) else {
            return done;
        };
        let me = *node.replica.me();
        let last = self
            .commits
            .entry((at, me.incarnation, epoch))
            .or_insert(commit);
        if *last > commit {
            self.fail("commit has fallen");
            return done;
        }
        *last = commit;
        while let Some(first) = node.owed.first_entry()
            && *first.key() as u64 <= commit.0
        {
            let (end, (write, proxy)) = first.remove_entry();
            let shard = usize::from(node.shard);
            self.tell(shard, &node.log[..end]);
            let leader = (me.node, me.incarnation);
            if *self.leaders.entry((shard, epoch)).or_insert(leader) != leader {
                self.fail("two nodes acknowledge at one epoch");
            }
            let pause_us = now_us - self.acknowledged_us[shard];
            self.longest_us = self.longest_us.max(pause_us);
            self.acknowledged_us[shard] = now_us;
            self.acknowledged += 1;
            done.push((write, proxy));
        }
        done
    }

    /// Clients have learned of all of this: there is one order for ever.
    fn tell(&mut self, shard: usize, log: &[Entry]) {
        let told = &mut self.told[shard];
        let common = told.len().min(log.len());
        if told[..common] != log[..common] {
            self.fail("what clients were told has no single order");
            return;
        }
        told.extend_from_slice(&log[common..]);
    }
}
