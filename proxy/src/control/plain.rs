//! Shards of plain Redis or Valkey servers: what such servers say of themselves, and what is to be done when a primary is gone or a server has another part than
//! the topology says.
//! Pure. Nothing here is safe as it is with nodes: such a server obeys no epoch, so that a primary which is cut off goes on, and what it acknowledges meanwhile is
//! lost when it follows again. Invariants: whoever is promoted has had the data of the primary that is gone, and the greatest offset of those that answer; nobody
//! is told to follow a server that does not lead yet.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Address, NodeId, Shard, ShardId, Topology};

/// After a failover, or the first sight of a shard, its primary is not replaced for so long.
const COOL_DOWN_MS: u64 = 5_000;

/// What was told is told again after so long, if it has not come to pass.
const TELL_AGAIN_MS: u64 = 500;

/// What a server says under INFO replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Whom it follows; nobody when it leads.
    pub(super) leader: Option<Address>,
    /// How far it has got in what its primary, or it itself, has written.
    pub(super) offset: u64,
    /// It has had a whole copy of whom it follows.
    pub(super) has_copy: bool,
}

impl Part {
    /// Reads the text; `None` when it is not understood.
    pub(super) fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let number = |name: &str| value(name)?.parse().ok();
        match value("role")? {
            "master" => Some(Self {
                leader: None,
                offset: number("master_repl_offset")?,
                has_copy: true,
            }),
            "slave" => {
                let (host, port) = (value("master_host")?, value("master_port")?);
                let host = match host.contains(':') {
                    true => format!("[{host}]"),
                    false => host.to_owned(),
                };
                let is_up = value("master_link_status") == Some("up");
                // -1: the link to this primary has never stood.
                let since: Option<i64> = value("master_link_down_since_seconds")
                    .and_then(|seconds| seconds.parse().ok());
                let is_copying = value("master_sync_in_progress") == Some("1");
                Some(Self {
                    leader: Some(format!("{host}:{port}").parse().ok()?),
                    offset: number("slave_repl_offset")?,
                    has_copy: (is_up || since.is_some_and(|since| since >= 0)) && !is_copying,
                })
            }
            _ => None,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// This follower is to lead its shard: first in the topology, then by being told.
    Promote(ShardId, NodeId),
    /// This server is to follow that address, or to lead.
    Tell(NodeId, Option<Address>),
}

impl Wanted {
    /// The words for a server.
    pub(super) fn words(leader: Option<&Address>) -> Vec<String> {
        let (host, port) = match leader {
            Some(address) => (address.host().to_owned(), address.port().to_string()),
            None => ("NO".to_owned(), "ONE".to_owned()),
        };
        vec!["REPLICAOF".to_owned(), host, port]
    }
}

/// What is remembered of the shards of plain servers.
#[derive(Debug, Default)]
pub(super) struct PlainShards {
    /// What each server said last, and when.
    said: BTreeMap<NodeId, (Part, u64)>,
    /// The primary of each shard, and since when it is known as that.
    primaries: BTreeMap<ShardId, (NodeId, u64)>,
    /// Since when a shard's primary is gone.
    gone: BTreeMap<ShardId, u64>,
    /// Shards whose primary is gone, and whom nobody may lead.
    leaderless: BTreeSet<ShardId>,
    /// What a server was told last, and when.
    told: BTreeMap<NodeId, (Option<Address>, u64)>,
}

impl PlainShards {
    /// Another topology holds.
    pub(super) fn follow(&mut self, topology: &Topology, now_ms: u64) {
        let shards: BTreeMap<&ShardId, &Shard> = topology
            .plain_shards()
            .map(|shard| (&shard.id, shard))
            .collect();
        let members: BTreeSet<&NodeId> = shards.values().flat_map(|it| it.members()).collect();
        self.said.retain(|node, _| members.contains(node));
        self.told.retain(|node, _| members.contains(node));
        self.gone.retain(|shard, _| shards.contains_key(shard));
        self.primaries.retain(|id, _| shards.contains_key(id));
        for (id, shard) in shards {
            let known = self.primaries.get(id).map(|(node, _)| node);
            if known != Some(&shard.primary) {
                // The first primary that is known may be replaced at once.
                let since_ms = known.map_or(0, |_| now_ms.max(1));
                self.primaries
                    .insert(id.clone(), (shard.primary.clone(), since_ms));
                self.gone.remove(id);
            }
        }
    }

    /// A server has said what it is.
    pub(super) fn heard(&mut self, node: NodeId, part: Part, now_ms: u64) {
        self.said.insert(node, (part, now_ms));
    }

    /// Shards whose primary is gone, and whom nobody may lead.
    pub(super) fn leaderless(&self) -> impl Iterator<Item = &ShardId> {
        self.leaderless.iter()
    }

    /// A server cannot be reached: what it said before is worth nothing.
    pub(super) fn lost(&mut self, node: &NodeId) {
        self.said.remove(node);
    }

    /// What is to be done now. `is_down`: all proxies that count hold a server for gone, and may act on it.
    pub(super) fn wanted(
        &mut self,
        topology: &Topology,
        is_down: impl Fn(&NodeId) -> bool,
        now_ms: u64,
    ) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        self.leaderless.clear();
        for shard in topology.plain_shards() {
            if !is_down(&shard.primary) {
                self.gone.remove(&shard.id);
                self.put_right(topology, shard, now_ms, &mut wanted);
                continue;
            }
            let gone_ms = *self.gone.entry(shard.id.clone()).or_insert(now_ms);
            let since_ms = self.primaries.get(&shard.id).map_or(0, |(_, since)| *since);
            let is_cool = since_ms == 0 || now_ms.saturating_sub(since_ms) >= COOL_DOWN_MS;
            let successor = self.successor(topology, shard, gone_ms, &is_down);
            match successor.filter(|_| is_cool) {
                Some(node) => wanted.push(Wanted::Promote(shard.id.clone(), node)),
                None => {
                    self.leaderless.insert(shard.id.clone());
                }
            }
        }
        wanted
    }

    /// The follower with the greatest offset, once all that are there have said what they have since the primary was missed.
    fn successor(
        &self,
        topology: &Topology,
        shard: &Shard,
        gone_ms: u64,
        is_down: impl Fn(&NodeId) -> bool,
    ) -> Option<NodeId> {
        let primary = &topology.node(&shard.primary)?.address;
        let mut best: Option<(u64, &NodeId)> = None;
        for node in shard.followers().filter(|node| !is_down(node)) {
            let Some((part, said_ms)) = self.said.get(node) else {
                // It has failed, and is not taken for gone by all yet: the others go on without it.
                continue;
            };
            if *said_ms <= gone_ms {
                return None;
            }
            let follows = part.leader.as_ref() == Some(primary);
            let is_better = best.is_none_or(|(offset, _)| part.offset > offset);
            if follows && part.has_copy && is_better {
                best = Some((part.offset, node));
            }
        }
        best.map(|(_, node)| node.clone())
    }

    /// Who leads is told to, then the others are told to follow.
    fn put_right(
        &mut self,
        topology: &Topology,
        shard: &Shard,
        now_ms: u64,
        wanted: &mut Vec<Wanted>,
    ) {
        let Some(primary) = topology.node(&shard.primary) else {
            return;
        };
        let Some((part, _)) = self.said.get(&shard.primary) else {
            return;
        };
        if part.leader.is_some() {
            return self.tell(&shard.primary, None, now_ms, wanted);
        }
        for node in shard.followers() {
            let follows = |(part, _): &(Part, u64)| part.leader.as_ref() == Some(&primary.address);
            if self.said.get(node).is_some_and(|said| !follows(said)) {
                self.tell(node, Some(&primary.address), now_ms, wanted);
            }
        }
    }

    fn tell(
        &mut self,
        node: &NodeId,
        leader: Option<&Address>,
        now_ms: u64,
        wanted: &mut Vec<Wanted>,
    ) {
        let is_recent = self.told.get(node).is_some_and(|(before, at_ms)| {
            before.as_ref() == leader && now_ms.saturating_sub(*at_ms) < TELL_AGAIN_MS
        });
        if !is_recent {
            self.told.insert(node.clone(), (leader.cloned(), now_ms));
            wanted.push(Wanted::Tell(node.clone(), leader.cloned()));
        }
    }
}

/// The topology in which `node` leads a shard of plain servers instead of whoever does.
pub(super) fn promoted(now: &Topology, id: &ShardId, node: &NodeId) -> Option<Topology> {
    let mut next = now.clone();
    next.version = now.version.next();
    let shard = next.shards.iter_mut().find(|shard| shard.id == *id)?;
    let mut others: Vec<NodeId> = shard.members().cloned().collect();
    others.retain(|other| other != node);
    shard.epoch = shard.epoch.next();
    shard.primary = node.clone();
    shard.in_sync = [(node.clone(), None)].into();
    shard.learners = others.into_iter().map(|other| (other, None)).collect();
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::plain_topology;
    use shared::topology::{Epoch, Node, NodeKind, Version, rules};

    fn id(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    /// Shard `a` of three servers: `n-a` at port 1 leads, `f2` and `f3` follow.
    fn topology() -> Topology {
        let mut topology = plain_topology(&["a"], &[Address::loopback(1)]);
        topology.nodes[0].kind = NodeKind::Redis;
        for port in [2, 3] {
            let node = id(&format!("f{port}"));
            topology.shards[0].learners.insert(node.clone(), None);
            topology.nodes.push(Node {
                id: node,
                address: Address::loopback(port),
                kind: NodeKind::Redis,
                zone: None,
            });
        }
        topology.shards[0].copies = 3;
        topology
    }

    fn follows(port: u16, offset: u64) -> Part {
        Part {
            leader: Some(Address::loopback(port)),
            offset,
            has_copy: true,
        }
    }

    fn leads() -> Part {
        Part {
            leader: None,
            offset: 7,
            has_copy: true,
        }
    }

    fn heard(shards: &mut PlainShards, now_ms: u64, parts: [(&str, Option<Part>); 3]) {
        for (node, part) in parts {
            match part {
                Some(part) => shards.heard(id(node), part, now_ms),
                None => shards.lost(&id(node)),
            }
        }
    }

    fn promote(node: &str) -> Vec<Wanted> {
        vec![Wanted::Promote("a".parse().unwrap(), id(node))]
    }

    #[test]
    fn what_redis_says_is_read() {
        let leads =
            "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_repl_offset:42\r\n";
        let expected = Part {
            leader: None,
            offset: 42,
            has_copy: true,
        };
        assert_eq!(Part::read(leads), Some(expected));
        let of = |status: &str| {
            Part::read(&format!(
                "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:1\r\n{status}slave_repl_offset:9\r\nmaster_repl_offset:11\r\n"
            ))
        };
        let copied = Some(follows(1, 9));
        let empty = copied.clone().map(|part| Part {
            has_copy: false,
            ..part
        });
        for (status, expected) in [
            (
                "master_link_status:up\r\nmaster_sync_in_progress:0\r\n",
                &copied,
            ),
            (
                "master_link_status:down\r\nmaster_sync_in_progress:0\r\nmaster_link_down_since_seconds:3\r\n",
                &copied,
            ),
            (
                "master_link_status:down\r\nmaster_sync_in_progress:0\r\nmaster_link_down_since_seconds:0\r\n",
                &copied,
            ),
            (
                "master_link_status:down\r\nmaster_sync_in_progress:0\r\nmaster_link_down_since_seconds:-1\r\n",
                &empty,
            ),
            (
                "master_link_status:down\r\nmaster_sync_in_progress:1\r\nmaster_link_down_since_seconds:3\r\n",
                &empty,
            ),
        ] {
            assert_eq!(of(status), *expected, "{status}");
        }
        let v6 = "role:slave\nmaster_host:::1\nmaster_port:1\nslave_repl_offset:1\n";
        let address = Part::read(v6).unwrap().leader.unwrap();
        assert_eq!((address.host(), address.port()), ("::1", 1));
        for rubbish in [
            "",
            "role:king\r\nmaster_repl_offset:1\r\n",
            "role:master\r\n",
            "role:master\r\nmaster_repl_offset:-1\r\n",
            "role:slave\r\nmaster_host:x y\r\nmaster_port:1\r\nslave_repl_offset:1\r\n",
            "role:slave\r\nmaster_host:h\r\nmaster_port:99999\r\nslave_repl_offset:1\r\n",
        ] {
            assert_eq!(Part::read(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn the_follower_with_most_leads_once_all_that_answer_have_said_so_since() {
        let topology = topology();
        let mut shards = PlainShards::default();
        shards.follow(&topology, 100);
        let before = [
            ("n-a", None),
            ("f2", Some(follows(1, 90))),
            ("f3", Some(follows(1, 80))),
        ];
        heard(&mut shards, 1_000, before);
        let is_down = |node: &NodeId| *node == id("n-a");
        assert_eq!(shards.wanted(&topology, is_down, 1_000), []);
        shards.heard(id("f3"), follows(1, 95), 1_001);
        assert_eq!(
            shards.wanted(&topology, is_down, 1_001),
            [],
            "f2 may have more by now"
        );
        shards.heard(id("f2"), follows(1, 94), 1_002);
        assert_eq!(shards.wanted(&topology, is_down, 1_002), promote("f3"));
        // Nobody waits for one that fails.
        shards.lost(&id("f3"));
        assert_eq!(shards.wanted(&topology, is_down, 1_003), promote("f2"));
    }

    #[test]
    fn who_has_no_copy_of_the_primary_is_not_promoted() {
        let topology = topology();
        let is_down = |node: &NodeId| *node == id("n-a");
        let empty = Part {
            has_copy: false,
            ..follows(1, 99)
        };
        for part in [Some(empty), Some(follows(9, 99)), Some(leads()), None] {
            let mut shards = PlainShards::default();
            shards.follow(&topology, 0);
            shards.wanted(&topology, is_down, 10);
            heard(
                &mut shards,
                20,
                [("n-a", None), ("f2", part.clone()), ("f3", None)],
            );
            assert_eq!(shards.wanted(&topology, is_down, 30), [], "{part:?}");
            shards.heard(id("f3"), follows(1, 1), 30);
            assert_eq!(shards.wanted(&topology, is_down, 30), promote("f3"));
        }
    }

    #[test]
    fn a_primary_is_not_replaced_just_after_it_was_promoted() {
        let now = topology();
        let shard: ShardId = "a".parse().unwrap();
        let mut shards = PlainShards::default();
        shards.follow(&now, 100);
        let next = promoted(&now, &shard, &id("f2")).unwrap();
        shards.follow(&next, 1_000);
        let is_down = |node: &NodeId| *node == id("f2");
        assert_eq!(shards.wanted(&next, is_down, 1_000), []);
        heard(
            &mut shards,
            1_001,
            [("n-a", None), ("f2", None), ("f3", Some(follows(2, 1)))],
        );
        assert_eq!(shards.wanted(&next, is_down, 1_000 + COOL_DOWN_MS - 1), []);
        assert_eq!(
            shards.wanted(&next, is_down, 1_000 + COOL_DOWN_MS),
            promote("f3")
        );
    }

    #[test]
    fn the_topology_is_put_right_first_at_the_primary_and_said_again_after_a_while() {
        let topology = topology();
        let mut shards = PlainShards::default();
        shards.follow(&topology, 0);
        let nobody = |_: &NodeId| false;
        let tell =
            |node: &str, leader: Option<u16>| Wanted::Tell(id(node), leader.map(Address::loopback));
        heard(
            &mut shards,
            1,
            [
                ("n-a", Some(follows(2, 5))),
                ("f2", Some(leads())),
                ("f3", None),
            ],
        );
        assert_eq!(shards.wanted(&topology, nobody, 10), [tell("n-a", None)]);
        assert_eq!(shards.wanted(&topology, nobody, 10 + TELL_AGAIN_MS - 1), []);
        assert_eq!(
            shards.wanted(&topology, nobody, 10 + TELL_AGAIN_MS),
            [tell("n-a", None)]
        );
        heard(
            &mut shards,
            2,
            [
                ("n-a", Some(leads())),
                ("f2", Some(leads())),
                ("f3", Some(follows(2, 1))),
            ],
        );
        let both = [tell("f2", Some(1)), tell("f3", Some(1))];
        assert_eq!(shards.wanted(&topology, nobody, 20), both);
        shards.heard(id("f2"), follows(1, 1), 3);
        shards.heard(id("f3"), follows(1, 1), 3);
        assert_eq!(shards.wanted(&topology, nobody, 2_000), []);
        // Nobody is told to follow who does not answer.
        shards.heard(id("f2"), leads(), 4);
        shards.lost(&id("n-a"));
        assert_eq!(shards.wanted(&topology, nobody, 4_000), []);
    }

    #[test]
    fn the_next_topology_obeys_every_rule() {
        let now = topology();
        let next = promoted(&now, &"a".parse().unwrap(), &id("f3")).unwrap();
        assert_eq!(rules::violations(&next), []);
        let shard = &next.shards[0];
        assert_eq!((next.version, shard.epoch), (Version(2), Epoch(2)));
        assert_eq!(shard.primary, id("f3"));
        assert_eq!(shard.members().count(), 3);
        assert!(promoted(&now, &"b".parse().unwrap(), &id("f3")).is_none());
    }

    #[test]
    fn words_are_those_of_redis() {
        let address: Address = "[::1]:7".parse().unwrap();
        assert_eq!(Wanted::words(Some(&address)), ["REPLICAOF", "::1", "7"]);
        assert_eq!(Wanted::words(None), ["REPLICAOF", "NO", "ONE"]);
    }
}
