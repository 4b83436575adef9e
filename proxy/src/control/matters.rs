//! What lasts and people should know of: told when it has held for a while, and again when it is over. What comes and goes within moments is not told.
//! Pure but for the events that are told. Invariants: what is told to begin is told to end, once each; nobody hears of what has held for less than [`AFTER_MS`].

use std::collections::{BTreeMap, BTreeSet};

use protocol::Status;
use protocol::controller::Condition;
use shared::topology::{Epoch, NodeId, Shard, ShardId, Topology};

use super::libraries::Differing;
use super::told;
use crate::events::{Events, Kind, News};

/// It is told when it has held for so long.
const AFTER_MS: u64 = 1_000;

/// Something that lasts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Matter {
    /// The controller waits for it.
    Waits(Condition<ShardId, NodeId>),
    /// A shard is not looked after, for this reason.
    NotAdopted(ShardId, String),
    /// All copies of a shard were empty when this node began to lead it by this epoch, and others had led it before.
    BeganEmpty(ShardId, NodeId, Epoch),
    /// The primary of a shard of plain servers is gone, and nobody may lead it.
    PlainLeaderless(ShardId),
    /// Shards have different texts of a library of functions: which has which, in words.
    FunctionsDiffer(String, String),
    /// The topology's store does not answer.
    StoreAway,
    /// The topology cannot be written, for this reason.
    NotWritten(String),
}

impl Matter {
    /// What it is called where machines read it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Waits(Condition::Standing(_)) => "too_many_look_down",
            Self::Waits(Condition::Leaderless(_)) | Self::PlainLeaderless(_) => "leaderless",
            Self::Waits(Condition::TooFewInSync(_)) => "too_few_in_sync",
            Self::Waits(Condition::CopiesMissing(_)) => "copies_missing",
            Self::Waits(Condition::Restless(..)) => "restless_node",
            Self::NotAdopted(..) => "not_looked_after",
            Self::BeganEmpty(..) => "all_copies_empty",
            Self::FunctionsDiffer(..) => "functions_differ",
            Self::StoreAway => "store_away",
            Self::NotWritten(_) => "topology_not_written",
        }
    }

    /// The shard that it is about.
    pub(crate) fn shard(&self) -> Option<&ShardId> {
        match self {
            Self::Waits(
                Condition::Leaderless(shard)
                | Condition::TooFewInSync(shard)
                | Condition::CopiesMissing(shard)
                | Condition::Restless(shard, _),
            )
            | Self::NotAdopted(shard, _)
            | Self::BeganEmpty(shard, ..)
            | Self::PlainLeaderless(shard) => Some(shard),
            Self::Waits(Condition::Standing(_))
            | Self::FunctionsDiffer(..)
            | Self::StoreAway
            | Self::NotWritten(_) => None,
        }
    }

    /// For people.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Waits(condition) => told::lasting(condition),
            Self::NotAdopted(shard, why) => format!("shard {shard} is not looked after: {why}"),
            Self::BeganEmpty(shard, node, epoch) => format!(
                "all copies of shard {shard} were empty when {node} began to lead it at epoch {epoch}: whatever it had held before is gone; this is said until another node leads"
            ),
            Self::PlainLeaderless(shard) => format!(
                "shard {shard} has no primary, and none of its plain servers may lead: none that answers has had a copy of it (a follower needs its password as masterauth), or the last failover was less than five seconds ago; start the primary again"
            ),
            Self::FunctionsDiffer(library, which) => format!(
                "the library {library} of functions is not the same everywhere: one text at {which}; what FCALL does depends on the shard of its keys. Load the right one anew: FUNCTION LOAD REPLACE"
            ),
            Self::StoreAway => "the topology's store does not answer: traffic goes on by the topology in use, and nobody can change it, not even when a primary is lost".to_owned(),
            Self::NotWritten(why) => format!("the topology cannot be written: {why}"),
        }
    }

    /// Whoever finds it out logs it at once.
    fn is_said_elsewhere(&self) -> bool {
        matches!(self, Self::StoreAway | Self::NotWritten(_))
    }
}

/// The shard whose copies were all empty when its primary began to lead, though it had been led before.
pub(super) fn began_empty(shard: &Shard, leads: Option<&Status<NodeId>>) -> Option<Matter> {
    let life = shard.in_sync.get(&shard.primary).copied().flatten()?;
    let status = leads.filter(|status| status.incarnation == life)?;
    let leading = status.leading.as_ref()?;
    let is_empty = leading.start.0 == 0 && shard.epoch > Epoch::FIRST;
    let role = status.role.filter(|role| role.epoch == shard.epoch);
    (is_empty && role.is_some())
        .then(|| Matter::BeganEmpty(shard.id.clone(), shard.primary.clone(), shard.epoch))
}

/// Libraries that shards have in different texts.
pub(super) fn functions_differ(differing: &Differing) -> impl Iterator<Item = Matter> {
    differing.iter().map(|(library, groups)| {
        let names = |group: &Vec<ShardId>| -> String {
            let names: Vec<&str> = group.iter().map(ShardId::as_str).collect();
            names.join(", ")
        };
        let groups: Vec<String> = groups.iter().map(names).collect();
        Matter::FunctionsDiffer(library.clone(), groups.join("; another one at "))
    })
}

/// All that is so in a topology, by what its nodes say.
pub(super) fn of_shards<'a>(
    topology: &Topology,
    status_of: impl Fn(&NodeId) -> Option<&'a Status<NodeId>>,
) -> BTreeSet<Matter> {
    let guarded = topology.shards.iter().filter(|shard| shard.is_guarded());
    guarded
        .filter_map(|shard| began_empty(shard, status_of(&shard.primary)))
        .collect()
}

/// Since when something holds.
#[derive(Clone, Copy, Debug)]
struct Since {
    ms: u64,
    is_told: bool,
}

/// What people hear.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Telling {
    Begins(Matter),
    Ends(Matter),
}

/// All that holds, and since when.
#[derive(Debug, Default)]
pub(super) struct Matters(BTreeMap<Matter, Since>);

impl Matters {
    /// These hold now, and no others. What is to be told.
    pub(super) fn look(&mut self, now: &BTreeSet<Matter>, now_ms: u64) -> Vec<Telling> {
        let mut telling = Vec::new();
        self.0.retain(|matter, since| {
            let holds = now.contains(matter);
            if !holds && since.is_told {
                telling.push(Telling::Ends(matter.clone()));
            }
            holds
        });
        for matter in now {
            let begins = Since {
                ms: now_ms,
                is_told: false,
            };
            let since = self.0.entry(matter.clone()).or_insert(begins);
            if !since.is_told && now_ms.saturating_sub(since.ms) >= AFTER_MS {
                since.is_told = true;
                telling.push(Telling::Begins(matter.clone()));
            }
        }
        telling
    }

    /// What has held long enough to be told, and since when.
    pub(super) fn told(&self) -> impl Iterator<Item = (&Matter, u64)> {
        let told = self.0.iter().filter(|(_, since)| since.is_told);
        told.map(|(matter, since)| (matter, since.ms))
    }

    /// Somebody wants to hear again what holds.
    pub(super) fn say_again(&mut self) {
        self.0.values_mut().for_each(|since| since.is_told = false);
    }

    /// Nobody here knows any more what the controller waits for: another proxy does.
    pub(super) fn forget_waits(&mut self) {
        self.0
            .retain(|matter, _| !matches!(matter, Matter::Waits(_)));
    }
}

/// Tells it.
pub(super) fn tell(telling: &Telling, events: &Events) {
    let (matter, news) = match telling {
        Telling::Begins(matter) | Telling::Ends(matter) if matter.is_said_elsewhere() => return,
        Telling::Begins(matter @ Matter::NotAdopted(..)) => {
            (matter, News::error(Kind::ConditionBegan, matter.words()))
        }
        Telling::Begins(matter) => (matter, News::warning(Kind::ConditionBegan, matter.words())),
        Telling::Ends(matter) => {
            let words = format!("over: {}", matter.words());
            (matter, News::info(Kind::ConditionOver, words))
        }
    };
    events.tell(match matter.shard() {
        Some(shard) => news.of_shard(shard),
        None => news,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{LeadingStatus, Offset, Position, Role, RoleKind};
    use shared::topology::{Address, Incarnation, Node, NodeKind, Version};

    fn short(number: usize) -> Matter {
        Matter::Waits(Condition::TooFewInSync(ShardId::numbered(number)))
    }

    #[test]
    fn what_comes_and_goes_within_moments_is_not_told_and_what_was_told_ends_at_once() {
        let mut matters = Matters::default();
        let (one, none) = ([short(1)].into(), BTreeSet::new());
        assert_eq!(matters.look(&one, 0), []);
        assert_eq!(matters.look(&one, AFTER_MS - 1), []);
        assert_eq!(matters.look(&none, AFTER_MS), []);
        assert_eq!(matters.look(&one, AFTER_MS), [], "it began anew");
        assert_eq!(matters.told().count(), 0);
        let begins = [Telling::Begins(short(1))];
        assert_eq!(matters.look(&one, 2 * AFTER_MS), begins);
        assert_eq!(matters.look(&one, 3 * AFTER_MS), [], "once");
        let told: Vec<_> = matters.told().collect();
        assert_eq!(told, [(&short(1), AFTER_MS)]);
        matters.say_again();
        assert_eq!(matters.look(&one, 3 * AFTER_MS), begins, "somebody asks");
        assert_eq!(matters.look(&none, 3 * AFTER_MS), [Telling::Ends(short(1))]);
        assert_eq!(matters.look(&none, 4 * AFTER_MS), []);
    }

    #[test]
    fn what_another_proxy_waits_for_does_not_end_here() {
        let mut matters = Matters::default();
        let both = [short(1), Matter::StoreAway].into();
        matters.look(&both, 0);
        assert_eq!(matters.look(&both, AFTER_MS).len(), 2);
        matters.forget_waits();
        let away = [Matter::StoreAway].into();
        assert_eq!(matters.look(&away, AFTER_MS), []);
        let ends = [Telling::Ends(Matter::StoreAway)];
        assert_eq!(matters.look(&BTreeSet::new(), AFTER_MS), ends);
    }

    #[test]
    fn a_shard_that_began_with_nothing_is_one_that_had_been_led_before() {
        let node = |number: u16| Node {
            id: NodeId::numbered(number.into()),
            address: Address::loopback(7000 + number),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        let mut topology = Topology::initial(vec![node(1), node(2)], 1).unwrap();
        let shard = &mut topology.shards[0];
        shard.in_sync = [(NodeId::numbered(1), Some(Incarnation(1)))].into();
        let status = |life: u64, epoch: u64, start: u64| Status {
            incarnation: Incarnation(life),
            role: Some(Role {
                kind: RoleKind::Primary,
                epoch: Epoch(epoch),
            }),
            seen_epoch: Epoch(epoch),
            seen_rev: Version(2),
            position: Position {
                last_epoch: Epoch(epoch),
                offset: Offset(900),
            },
            is_syncing: false,
            needs_sync: false,
            cannot_write: false,
            leading: Some(LeadingStatus {
                applied_rev: Version(2),
                start: Offset(start),
                commit: None,
                waits_for: BTreeSet::new(),
                blocked_on: BTreeSet::new(),
                joined: BTreeSet::new(),
                held: None,
                others: Vec::new(),
            }),
        };
        let mut check = |epoch: u64, said: Option<Status<NodeId>>, expected: bool| {
            topology.shards[0].epoch = Epoch(epoch);
            let found = of_shards(&topology, |_| said.as_ref());
            assert_eq!(!found.is_empty(), expected, "{epoch} {said:?}");
        };
        check(1, Some(status(1, 1, 0)), false);
        check(2, Some(status(1, 2, 0)), true);
        check(2, Some(status(1, 2, 1)), false);
        check(2, Some(status(1, 1, 0)), false);
        check(2, Some(status(9, 2, 0)), false);
        check(2, None, false);
    }
}
