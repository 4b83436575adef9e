//! Which slots change hands between two topologies in such a way that their keys stay behind. Pure.
//! Keys do not travel with their slots yet: a slot's keys are within reach afterwards only where a node leads it that had them before.

use super::{
    KeyPrefix, LAST_DATABASE, Node, Placement, Shard, ShardIndex, SlotMap, Topology, Version,
};
use crate::slot::{SlotId, SlotSet};
use std::collections::HashMap;

/// The key of a topology file that says that keys may stay behind.
pub const ACCEPTANCE: &str = "key-loss-accepted-at-version";

/// What a step from one topology to another would put out of reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "version {from} → {to}: {}, and their keys do not travel: they would stay behind, out of reach; where this is meant, write {ACCEPTANCE} = {to} above the first table of the file",
    self.what()
)]
pub struct KeyLoss {
    /// The version in use.
    pub from: Version,
    /// The version that would follow.
    pub to: Version,
    /// The slots.
    pub slots: SlotSet,
    /// Keys that would have another slot, and with it another shard.
    pub keys: Vec<KeyPrefix>,
    /// The same of all keys of these databases.
    pub databases: Vec<u16>,
}

impl KeyLoss {
    fn what(&self) -> String {
        let mut what = Vec::new();
        if !self.slots.is_empty() {
            what.push(format!("{} slots change hands", self.slots.len()));
        }
        if !self.keys.is_empty() {
            let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
            what.push(format!("keys {} get another slot", keys.join(" ")));
        }
        if !self.databases.is_empty() {
            let databases: Vec<String> = self.databases.iter().map(u16::to_string).collect();
            what.push(format!(
                "all keys of database {} get another slot",
                databases.join(" ")
            ));
        }
        what.join(", ")
    }
}

/// The slots that `new` gives to a node which, by `old`, does not hold their keys while others do: those of another shard, also where two shards exchange
/// their primaries. A node that is new in its old shard's place is no such case: it replaces one that is gone.
#[must_use]
pub fn key_loss(old: &Topology, new: &Topology) -> Option<KeyLoss> {
    let (before, after) = (SlotMap::of(old)?, SlotMap::of(new)?);
    let mut judged: HashMap<(ShardIndex, ShardIndex), bool> = HashMap::new();
    let all = SlotSet::full();
    let lost = all.iter().filter(|&slot: &SlotId| {
        let owners = (before.owner(slot), after.owner(slot));
        *judged.entry(owners).or_insert_with(|| {
            let shards = (
                &old.shards[owners.0.as_usize()],
                &new.shards[owners.1.as_usize()],
            );
            loses_keys((old, shards.0), (new, shards.1))
        })
    });
    let slots: SlotSet = lost.collect();
    let (keys, databases) = match old.shards.len() == 1 && new.shards.len() == 1 {
        // Where there is one shard, and was, slots make no difference.
        true => (Vec::new(), Vec::new()),
        false => (moved_keys(old, new), moved_databases(old, new)),
    };
    let is_some = !slots.is_empty() || !keys.is_empty() || !databases.is_empty();
    is_some.then_some(KeyLoss {
        from: old.version,
        to: new.version,
        slots,
        keys,
        databases,
    })
}

/// Patterns of which the keys have one slot in one of the two and another, or several, in the other; in databases that have no slot of their own.
fn moved_keys(old: &Topology, new: &Topology) -> Vec<KeyPrefix> {
    let placements = [old, new].map(|topology| Placement::new(&topology.colocations));
    let rules = old.colocations.iter().chain(&new.colocations);
    let mut patterns: Vec<&KeyPrefix> = rules.flat_map(|rule| &rule.keys).collect();
    patterns.sort_unstable();
    patterns.dedup();
    let is_moved = |pattern: &&KeyPrefix| {
        let slots = placements
            .each_ref()
            .map(|placement| placement.colocated(pattern.prefix().as_bytes()));
        slots[0] != slots[1]
    };
    patterns.into_iter().filter(is_moved).cloned().collect()
}

/// Databases of which the keys have one slot in one of the two and another, or several, in the other.
fn moved_databases(old: &Topology, new: &Topology) -> Vec<u16> {
    let placements = [old, new].map(|topology| Placement::new(&topology.colocations));
    let is_moved = |database: &u16| {
        let slots = placements
            .each_ref()
            .map(|placement| placement.of_database(*database));
        slots[0] != slots[1]
    };
    (0..=u16::from(LAST_DATABASE)).filter(is_moved).collect()
}

/// Whether a slot's keys stay behind that goes from the one shard to the other.
fn loses_keys((old, before): (&Topology, &Shard), (new, after): (&Topology, &Shard)) -> bool {
    let Some(leader) = new.node(&after.primary) else {
        return false;
    };
    let holds = |shard: &Shard| {
        shard
            .members()
            .any(|id| old.node(id).is_some_and(|node| is_same(node, leader)))
    };
    if holds(before) {
        return false;
    }
    let is_of_another = old
        .shards
        .iter()
        .any(|shard| shard.id != before.id && holds(shard));
    before.id != after.id || is_of_another
}

/// A node keeps its name when it gets another address, and its keys when it gets another name.
fn is_same(old: &Node, new: &Node) -> bool {
    old.id == new.id || old.address == new.address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Colocation, sample};

    fn check(change: impl FnOnce(&mut Topology), lost: &str) {
        let old = sample::two_shards();
        let mut new = old.clone();
        new.version = Version(2);
        change(&mut new);
        let slots = key_loss(&old, &new).map_or_else(String::new, |loss| loss.slots.to_string());
        assert_eq!(slots, lost);
    }

    #[test]
    fn keys_stay_behind_where_a_slot_goes_to_a_node_that_does_not_hold_them() {
        check(|_| {}, "");
        let move_slots = |new: &mut Topology| {
            new.shards[0].slots = "0-99 201-8191".parse().unwrap();
            new.shards[1].slots = "100-200 8192-16383".parse().unwrap();
        };
        check(move_slots, "100-200");
        check(
            |new| {
                let primary = new.shards[0].primary.clone();
                new.shards[0].primary = new.shards[1].primary.clone();
                new.shards[1].primary = primary;
                for shard in &mut new.shards {
                    shard.in_sync = [(shard.primary.clone(), None)].into();
                    shard.learners.clear();
                }
            },
            "0-16383",
        );
        check(
            |new| {
                let gone = new.shards.remove(1);
                new.shards[0].slots = new.shards[0].slots.union(&gone.slots);
            },
            "8192-16383",
        );
    }

    #[test]
    fn keys_stay_within_reach_where_who_leads_holds_them() {
        // A follower takes over.
        check(|new| new.shards[0].primary = "n2".parse().unwrap(), "");
        // Another name for the shard, another for the node, another address.
        check(|new| new.shards[0].id = "s9".parse().unwrap(), "");
        check(
            |new| {
                new.nodes[2].id = "n9".parse().unwrap();
                new.shards[1].primary = "n9".parse().unwrap();
            },
            "",
        );
        check(
            |new| new.nodes[2].address = crate::topology::Address::loopback(9),
            "",
        );
        // A new node in the place of one that is gone.
        check(
            |new| {
                new.nodes[2] = sample::node(7);
                new.shards[1].primary = "n7".parse().unwrap();
            },
            "",
        );
    }

    #[test]
    fn keys_that_get_another_slot_stay_behind() {
        let rule = |name: &str, keys: &[&str]| Colocation {
            name: name.to_owned(),
            keys: keys.iter().map(|key| key.parse().unwrap()).collect(),
            databases: Vec::new(),
        };
        let mut old = sample::two_shards();
        old.colocations = vec![rule("a", &["a:*", "b:*"]), rule("c", &["c:*"])];
        let mut new = old.clone();
        new.version = Version(2);
        assert_eq!(key_loss(&old, &new), None);
        // `b:` to another slot, `c:` to none, `d:` from none; `a:x` is nothing new within `a:`.
        new.colocations = vec![rule("a", &["a:*", "a:x*"]), rule("b", &["b:*", "d:*"])];
        let loss = key_loss(&old, &new).expect("keys move").to_string();
        let expected =
            "version 1 → 2: keys b:* c:* d:* get another slot, and their keys do not travel";
        assert!(loss.starts_with(expected), "{loss}");
        for topology in [&mut old, &mut new] {
            topology.shards.truncate(1);
            topology.shards[0].slots = SlotSet::full();
        }
        assert_eq!(key_loss(&old, &new), None, "one shard has all slots");
    }

    #[test]
    fn keys_of_a_database_that_gets_another_slot_stay_behind() {
        let rule = |name: &str, databases: &[u8]| Colocation {
            name: name.to_owned(),
            keys: Vec::new(),
            databases: databases.to_vec(),
        };
        let mut old = sample::two_shards();
        old.colocations = vec![rule("a", &[0, 1, 2]), rule("b", &[3])];
        let mut new = old.clone();
        new.version = Version(2);
        // 1 to another slot, 2 to none, 7 from none; the order of rules says nothing.
        new.colocations = vec![rule("b", &[3, 1]), rule("a", &[7, 0])];
        let loss = key_loss(&old, &new).expect("keys move").to_string();
        let expected = "version 1 → 2: all keys of database 1 2 7 get another slot, and";
        assert!(loss.starts_with(expected), "{loss}");
        new.colocations = vec![rule("b", &[3]), rule("a", &[2, 1, 0])];
        assert_eq!(key_loss(&old, &new), None);
    }

    #[test]
    fn it_says_what_to_write() {
        let loss = KeyLoss {
            from: Version(6),
            to: Version(7),
            slots: "0-99".parse().unwrap(),
            keys: Vec::new(),
            databases: Vec::new(),
        };
        assert_eq!(
            loss.to_string(),
            "version 6 → 7: 100 slots change hands, and their keys do not travel: they would stay behind, out of reach; where this is meant, write key-loss-accepted-at-version = 7 above the first table of the file"
        );
    }
}
