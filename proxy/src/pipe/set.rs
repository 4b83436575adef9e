//! The pipes of one thread: one per node (as it is fenced) and lane, opened when first needed.
//! Pure: whoever runs the thread starts a task for each pipe in [`PipeSet::take_unstarted`].
//! Invariant: as long as a pipe keeps its number, requests appended to it are answered in the order in which they were appended.

use std::time::Duration;

use shared::topology::{Address, Node, NodeId, NodeKind, Shard, ShardId, ShardIndex, Zone};

use super::Pipe;
use super::handshake::Following;
use super::lane::{Lane, Role};
use super::line::Line;
use super::reach::Reach;
use crate::topology::Snapshot;

/// The number of a pipe.
pub(crate) type PipeNumber = u32;

/// In a node's list of lanes: not open.
const NO_PIPE: PipeNumber = PipeNumber::MAX;

/// As whom a node obeys us. The shard's epoch and the node's life: another one is another pipe, and the old one drains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// It was never told: it is no member of a shard, or nobody knows its life yet.
    Unfenced,
    /// As the primary of this shard in this epoch.
    Held(protocol::Fence<ShardId>),
    /// As a follower: it is not told anything, and asked whether it is one.
    Follows(Following),
}

impl Fence {
    /// What the topology says of a shard's primary.
    pub(crate) fn of(shard: &Shard, node: &Node) -> Self {
        match shard.in_sync.get(&node.id) {
            Some(Some(incarnation)) => Self::Held(protocol::Fence {
                shard: shard.id.clone(),
                epoch: shard.epoch,
                incarnation: *incarnation,
            }),
            _ => Self::Unfenced,
        }
    }

    /// What the topology says of one of a shard's followers; `None` where it may not be asked.
    pub(crate) fn of_follower(shard: &Shard, node: &Node) -> Option<Self> {
        match (node.kind, shard.in_sync.get(&node.id)) {
            (NodeKind::Switchyard, Some(Some(incarnation))) => {
                Some(Self::Follows(Following::InSync(*incarnation)))
            }
            (NodeKind::Switchyard, _) => None,
            (NodeKind::Redis, _) => Some(Self::Follows(Following::Plain)),
        }
    }

    /// Whether somebody else may take the node's place while it lives.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}

/// A node, and the pipes to it.
#[derive(Debug)]
pub(crate) struct NodeEntry {
    /// Its name.
    pub(crate) id: NodeId,
    /// Where it listens.
    pub(crate) address: Address,
    /// As whom it obeys.
    pub(crate) fence: Fence,
    /// Others have what was acknowledged, and may take its place.
    pub(crate) has_deputy: bool,
    /// The shard whose primary it is, or was; errors name it.
    pub(crate) shard: Box<str>,
    /// That shard's place in [`PipeSet::shard_names`], for the counters.
    pub(crate) shard_index: usize,
    /// Whether it can be reached.
    pub(crate) reach: Reach,
    /// Whether it still is the primary of a shard; if not, its pipes end once they are empty.
    pub(crate) is_current: bool,
    /// It is a Redis or Valkey server.
    pub(crate) is_plain: bool,
    /// Pipe numbers by lane, as far as one was ever open.
    lanes: Vec<PipeNumber>,
}

impl NodeEntry {
    /// One without pipes.
    fn new(node: &Node, fence: Fence) -> Self {
        Self {
            id: node.id.clone(),
            address: node.address.clone(),
            fence,
            has_deputy: false,
            is_plain: node.kind == NodeKind::Redis,
            shard: Box::default(),
            shard_index: 0,
            reach: Reach::default(),
            is_current: true,
            lanes: Vec::new(),
        }
    }

    /// Whether another one may lead in its stead although it lives.
    pub(crate) fn may_be_replaced(&self) -> bool {
        self.fence.is_held() || self.is_plain && self.has_deputy
    }

    /// The pipe of this lane, if one is open.
    #[inline]
    fn pipe(&self, lane_number: usize) -> PipeNumber {
        self.lanes.get(lane_number).copied().unwrap_or(NO_PIPE)
    }

    fn set_pipe(&mut self, lane_number: usize, pipe: PipeNumber) {
        if lane_number >= self.lanes.len() {
            self.lanes.resize(lane_number + 1, NO_PIPE);
        }
        self.lanes[lane_number] = pipe;
    }
}

/// A node that a topology wants pipes to.
struct Wanted<'a> {
    shard_index: usize,
    node: &'a Node,
    fence: Fence,
    is_primary: bool,
}

/// A shard's followers that may be asked.
#[derive(Debug, Default)]
struct Followers {
    all: Vec<usize>,
    /// Those in our zone; none where the primary is there.
    near: Vec<usize>,
}

/// What is said to a request before it is appended.
pub(crate) enum Admission {
    /// There is room for so many requests (at least one).
    Room(u32),
    /// The line is full; wait until it is shorter.
    Full,
    /// The node is down.
    Down,
    /// The node refuses the lane, and says this.
    Refused(Box<str>),
}

/// Bounds and times of all pipes.
#[derive(Clone, Debug)]
pub(crate) struct PipeLimits {
    /// Databases that clients may select.
    pub(crate) databases: u16,
    /// Most bytes kept per pipe, but for a single request that is larger; all pipes together keep no more than [`FULL_LINES`] times as much, and with large
    /// requests that are alone in their lines [`MOST_LINES`] times, those apart of which each keeps little.
    pub(crate) queue_bytes: usize,
    /// Most requests per pipe.
    pub(crate) queue_requests: usize,
    /// How long requests wait for a node that cannot be reached.
    pub(crate) node_deadline: Duration,
    /// The same where another node may take its place.
    pub(crate) takeover_deadline: Duration,
    /// Whether followers are asked, too.
    pub(crate) ask_followers: bool,
    /// Where we are.
    pub(crate) zone: Option<Zone>,
}

impl PipeLimits {
    /// How long requests wait for this node.
    fn patience(&self, node: &NodeEntry) -> Duration {
        if node.has_deputy {
            self.takeover_deadline.max(self.node_deadline)
        } else {
            self.node_deadline
        }
    }
}

/// All pipes of one thread.
#[derive(Debug)]
pub(crate) struct PipeSet {
    limits: PipeLimits,
    pipes: Vec<Option<Box<Pipe>>>,
    free: Vec<PipeNumber>,
    nodes: Vec<NodeEntry>,
    /// The primary of each shard.
    primaries: Vec<usize>,
    /// The followers of each shard.
    followers: Vec<Followers>,
    /// Every shard that there was, in the order in which they appeared; counters go by this order.
    shard_names: Vec<Box<str>>,
    /// Pipes without a task.
    unstarted: Vec<PipeNumber>,
    /// Pipes with something to write.
    dirty: Vec<PipeNumber>,
}

impl PipeSet {
    /// Without pipes.
    pub(crate) fn new(limits: PipeLimits) -> Self {
        Self {
            limits,
            pipes: Vec::new(),
            free: Vec::new(),
            nodes: Vec::new(),
            primaries: Vec::new(),
            followers: Vec::new(),
            shard_names: Vec::new(),
            unstarted: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// Follows the topology: learns its nodes, and takes note of those that have no part in a shard any more.
    pub(crate) fn follow(&mut self, snapshot: &Snapshot, fence: impl Fn(&Shard, &Node) -> Fence) {
        let had_part: Vec<bool> = self.nodes.iter().map(|node| node.is_current).collect();
        for node in &mut self.nodes {
            node.is_current = false;
        }
        let shards = &snapshot.topology.shards;
        self.primaries = vec![usize::MAX; shards.len()];
        self.followers.clear();
        self.followers.resize_with(shards.len(), Followers::default);
        let mut wanted = self.wanted(snapshot, fence);
        // Those that stay are marked first, so that a new node cannot be put into the place of one that is still needed.
        wanted.retain(|wanted| {
            let known = self.find_node(wanted);
            if let Some(index) = known {
                if had_part.get(index) == Some(&false) {
                    // What was known of it when it last had a part is long out of date.
                    self.nodes[index].reach = Reach::default();
                }
                self.take_part(index, wanted, &shards[wanted.shard_index]);
            }
            known.is_none()
        });
        for wanted in wanted {
            let index = self.add_node(&wanted);
            self.take_part(index, &wanted, &shards[wanted.shard_index]);
        }
        for (shard, followers) in shards.iter().zip(&mut self.followers) {
            let is_near = |id: &NodeId| {
                let node = snapshot.topology.node(id);
                self.limits.zone.is_some() && node.is_some_and(|node| node.zone == self.limits.zone)
            };
            followers.all.sort_unstable();
            if !is_near(&shard.primary) {
                let near = followers.all.iter().copied();
                followers.near = near
                    .filter(|index| is_near(&self.nodes[*index].id))
                    .collect();
            }
        }
    }

    /// Every primary, and then the followers that may be asked.
    fn wanted<'a>(
        &self,
        snapshot: &'a Snapshot,
        fence: impl Fn(&Shard, &Node) -> Fence,
    ) -> Vec<Wanted<'a>> {
        let mut wanted = Vec::new();
        let shards = || snapshot.topology.shards.iter().enumerate();
        for (shard_index, shard) in shards() {
            let Some(node) = snapshot.topology.node(&shard.primary) else {
                unreachable!("rules: a shard's primary is a node of the topology");
            };
            wanted.push(Wanted {
                shard_index,
                node,
                fence: fence(shard, node),
                is_primary: true,
            });
        }
        for (shard_index, shard) in shards().filter(|_| self.limits.ask_followers) {
            wanted.extend(shard.followers().filter_map(|id| {
                let node = snapshot.topology.node(id)?;
                Some(Wanted {
                    shard_index,
                    node,
                    fence: Fence::of_follower(shard, node)?,
                    is_primary: false,
                })
            }));
        }
        wanted
    }

    /// The node of this number is what the topology says of it.
    fn take_part(&mut self, index: usize, wanted: &Wanted<'_>, shard: &Shard) {
        let name = shard.id.as_str();
        let known = self.shard_names.iter().position(|known| **known == *name);
        let label = known.unwrap_or_else(|| {
            self.shard_names.push(name.into());
            self.shard_names.len() - 1
        });
        let node = &mut self.nodes[index];
        node.is_current = true;
        node.has_deputy = match node.is_plain {
            true => wanted.is_primary && shard.is_guarded(),
            false => node.fence.is_held() && shard.in_sync.len() > 1,
        };
        node.shard_index = label;
        node.shard = name.into();
        if wanted.is_primary {
            self.primaries[wanted.shard_index] = index;
        } else {
            self.followers[wanted.shard_index].all.push(index);
        }
    }

    fn find_node(&self, wanted: &Wanted<'_>) -> Option<usize> {
        self.nodes.iter().position(|node| {
            node.id == wanted.node.id
                && node.address == wanted.node.address
                && node.fence == wanted.fence
        })
    }

    fn add_node(&mut self, wanted: &Wanted<'_>) -> usize {
        let entry = NodeEntry::new(wanted.node, wanted.fence.clone());
        let unused =
            |node: &NodeEntry| !node.is_current && node.lanes.iter().all(|pipe| *pipe == NO_PIPE);
        if let Some(index) = self.nodes.iter().position(unused) {
            self.nodes[index] = entry;
            return index;
        }
        self.nodes.push(entry);
        self.nodes.len() - 1
    }

    /// The pipe to the node that has this role in `shard`, opened if need be. Of several followers `chance` decides; the primary is asked where none can be.
    #[inline]
    pub(crate) fn pipe_to(
        &mut self,
        shard: ShardIndex,
        mut lane: Lane,
        chance: usize,
    ) -> PipeNumber {
        let follower = match lane.role {
            Role::Primary(_) => None,
            _ => self.follower(shard, lane, chance),
        };
        let node = follower.unwrap_or_else(|| {
            lane.role = lane.role.at_primary();
            self.primaries[shard.as_usize()]
        });
        let lane_number = lane.number(self.limits.databases);
        match self.nodes[node].pipe(lane_number) {
            NO_PIPE => self.open(node, lane, lane_number),
            pipe => pipe,
        }
    }

    /// A follower of `shard` that can be asked, the same for the same `chance` as long as it can.
    fn follower(&self, shard: ShardIndex, lane: Lane, chance: usize) -> Option<usize> {
        let followers = &self.followers[shard.as_usize()];
        let candidates = match lane.role {
            Role::Nearest(_) => &followers.near,
            _ => &followers.all,
        };
        let first = chance.checked_rem(candidates.len())?;
        let (before, behind) = candidates.split_at(first);
        let lane_number = lane.number(self.limits.databases);
        let mut in_turn = behind.iter().chain(before).copied();
        in_turn.find(|index| {
            let node = &self.nodes[*index];
            let pipe = self.pipes.get(node.pipe(lane_number) as usize);
            let pipe = pipe.and_then(Option::as_deref);
            !node.reach.is_lost() && pipe.is_none_or(Pipe::can_be_asked)
        })
    }

    #[cold]
    fn open(&mut self, node: usize, lane: Lane, lane_number: usize) -> PipeNumber {
        let pipe = Box::new(Pipe::new(node, lane));
        let number = self.free.pop().unwrap_or_else(|| {
            self.pipes.push(None);
            PipeNumber::try_from(self.pipes.len() - 1)
                .expect("nodes and lanes are bounded far below 2^32")
        });
        self.pipes[number as usize] = Some(pipe);
        self.nodes[node].set_pipe(lane_number, number);
        self.unstarted.push(number);
        number
    }

    /// Removes a pipe in which nothing is left.
    pub(crate) fn close(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes[number as usize].take() else {
            return;
        };
        assert!(
            pipe.is_empty() && pipe.crowd.is_empty(),
            "nobody waits for a pipe that is closed"
        );
        let lane = pipe.lane.number(self.limits.databases);
        self.nodes[pipe.node].set_pipe(lane, NO_PIPE);
        self.free.push(number);
    }

    /// Whether requests for this pipe may be appended to its line, the first of which has about so many bytes.
    #[inline]
    pub(crate) fn admit(&mut self, number: PipeNumber, bytes: usize, now_ms: u64) -> Admission {
        let limits = &self.limits;
        let Some(pipe) = &self.pipes[number as usize] else {
            unreachable!("only open pipes are asked");
        };
        let node = &self.nodes[pipe.node];
        if !pipe.is_open {
            if let Some(refusal) = &pipe.refusal {
                return Admission::Refused(refusal.clone());
            }
            if !node.reach.waits(now_ms, limits.patience(node)) {
                return Admission::Down;
            }
        }
        if !pipe.aside.parcels.is_empty() {
            // Until these have gone where they belong, nobody else comes.
            return Admission::Full;
        }
        let room = self.requests_left(pipe, bytes).min(REQUESTS_PER_ADMISSION);
        match u32::try_from(room).unwrap_or(u32::MAX) {
            0 => Admission::Full,
            room => Admission::Room(room),
        }
    }

    /// Whether the line of this pipe, if it is one, takes another short request.
    pub(crate) fn has_room(&self, number: PipeNumber) -> bool {
        let pipe = self.pipes.get(number as usize).and_then(Option::as_deref);
        pipe.is_some_and(|pipe| pipe.aside.parcels.is_empty() && self.requests_left(pipe, 0) > 0)
    }

    /// Requests for which there is room in a line, the first of which has so many bytes.
    #[inline]
    fn requests_left(&self, pipe: &Pipe, bytes: usize) -> usize {
        if !self.has_room_for(pipe, bytes) {
            return 0;
        }
        let limit = self.limits.queue_requests;
        limit.saturating_sub(pipe.line.requests())
    }

    /// Whether a line takes a request of so many bytes. A short one takes a short one whatever stands in others, so that who waits for a node waits for no other
    /// one; one that is empty takes a large one, as long as the others do not hold far too much.
    #[inline]
    fn has_room_for(&self, pipe: &Pipe, bytes: usize) -> bool {
        let limit = self.limits.queue_bytes;
        let before = pipe.line.bytes();
        if before.saturating_add(bytes) < limit / SHORT_LINE {
            return true;
        }
        let all: usize = self.iter().map(|pipe| pipe.line.bytes()).sum();
        let with_it = all.saturating_add(bytes);
        before < limit
            && (all < limit
                || with_it <= limit.saturating_mul(FULL_LINES)
                || before == 0 && with_it <= limit.saturating_mul(MOST_LINES))
    }

    /// Bytes that may follow in a line.
    #[inline]
    fn bytes_left_in(&self, pipe: &Pipe) -> usize {
        let limit = self.limits.queue_bytes;
        let bytes = pipe.line.bytes();
        let short = (limit / SHORT_LINE).saturating_sub(bytes);
        if short > 0 {
            return short;
        }
        let all: usize = self.iter().map(|pipe| pipe.line.bytes()).sum();
        let left = limit.saturating_mul(FULL_LINES).saturating_sub(all);
        limit.saturating_sub(bytes).min(left)
    }

    /// Bytes for which there is room in the line of an open pipe.
    #[inline]
    pub(crate) fn bytes_left(&self, number: PipeNumber) -> u32 {
        let Some(pipe) = &self.pipes[number as usize] else {
            unreachable!("only open pipes are asked");
        };
        u32::try_from(self.bytes_left_in(pipe)).unwrap_or(u32::MAX)
    }

    /// The line of an open pipe, to which something is to be appended.
    #[inline]
    pub(crate) fn line(&mut self, number: PipeNumber) -> &mut Line {
        let Some(pipe) = &mut self.pipes[number as usize] else {
            unreachable!("only open pipes are appended to");
        };
        if !pipe.is_dirty {
            pipe.is_dirty = true;
            self.dirty.push(number);
        }
        &mut pipe.line
    }

    /// Its task is to look at it.
    pub(crate) fn mark_dirty(&mut self, number: PipeNumber) {
        if let Some(pipe) = self
            .pipes
            .get_mut(number as usize)
            .and_then(Option::as_deref_mut)
            && !pipe.is_dirty
        {
            pipe.is_dirty = true;
            self.dirty.push(number);
        }
    }

    /// The shard that counters know by this number, if it is one of the topology still.
    pub(crate) fn shard_of_label(&self, label: usize) -> Option<ShardIndex> {
        let is_it = |index: &usize| self.nodes[*index].shard_index == label;
        ShardIndex::new(self.primaries.iter().position(is_it)?)
    }

    /// The pipe of this number, unless it was closed.
    #[inline]
    pub(crate) fn get_mut(&mut self, number: PipeNumber) -> Option<&mut Pipe> {
        self.pipes.get_mut(number as usize)?.as_deref_mut()
    }

    /// The pipe and its node.
    #[inline]
    pub(crate) fn with_node(&mut self, number: PipeNumber) -> Option<(&mut Pipe, &mut NodeEntry)> {
        let pipe = self.pipes.get_mut(number as usize)?.as_deref_mut()?;
        let node = &mut self.nodes[pipe.node];
        Some((pipe, node))
    }

    /// Whether a follower cannot be asked over this pipe at present, so that its line goes to somebody else.
    pub(crate) fn is_to_be_left(&self, number: PipeNumber) -> bool {
        let pipe = self.pipes.get(number as usize).and_then(Option::as_deref);
        pipe.is_some_and(|pipe| {
            let is_lost = self.nodes[pipe.node].reach.is_lost();
            pipe.lane.role.is_reader() && !pipe.is_open && (is_lost || pipe.refusal.is_some())
        })
    }

    /// Whether requests for a pipe without connection wait for its node no longer.
    pub(crate) fn is_down(&self, number: PipeNumber, now_ms: u64) -> bool {
        let pipe = self.pipes.get(number as usize).and_then(Option::as_deref);
        pipe.is_some_and(|pipe| {
            let node = &self.nodes[pipe.node];
            !pipe.is_open && !node.reach.waits(now_ms, self.limits.patience(node))
        })
    }

    /// Whether both lead to the same node.
    pub(crate) fn share_node(&self, one: PipeNumber, other: PipeNumber) -> bool {
        let node_of = |number: PipeNumber| {
            let pipe = self.pipes.get(number as usize)?.as_deref()?;
            Some(pipe.node)
        };
        node_of(one).is_some_and(|node| node_of(other) == Some(node))
    }

    /// Every pipe.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pipe> {
        self.pipes.iter().flatten().map(|pipe| &**pipe)
    }

    /// The numbers of all pipes.
    pub(crate) fn numbers(&self) -> Vec<PipeNumber> {
        (0..)
            .zip(&self.pipes)
            .filter(|(_, pipe)| pipe.is_some())
            .map(|(number, _)| number)
            .collect()
    }

    /// The primary of `shard`.
    pub(crate) fn primary(&self, shard: ShardIndex) -> &NodeEntry {
        &self.nodes[self.primaries[shard.as_usize()]]
    }

    /// The primary of every shard of the topology.
    pub(crate) fn primaries(&self) -> impl Iterator<Item = &NodeEntry> {
        self.primaries.iter().map(|index| &self.nodes[*index])
    }

    /// For every shard of the topology, how many requests wait until there is a way to its primary.
    pub(crate) fn waiting(&self) -> Vec<(Box<str>, usize)> {
        let shards = self.primaries().map(|node| (node.shard.clone(), 0));
        let mut waiting: Vec<(Box<str>, usize)> = shards.collect();
        for pipe in self.iter().filter(|pipe| !pipe.is_open) {
            let shard = &self.nodes[pipe.node].shard;
            if let Some((_, count)) = waiting.iter_mut().find(|(name, _)| name == shard) {
                *count += pipe.line.requests() + pipe.aside.requests();
            }
        }
        waiting
    }

    /// The shards that counters are kept for.
    pub(crate) fn shard_names(&self) -> &[Box<str>] {
        &self.shard_names
    }

    /// Pipes for which a task is to be started.
    pub(crate) fn take_unstarted(&mut self) -> Vec<PipeNumber> {
        std::mem::take(&mut self.unstarted)
    }

    /// Whether some pipe has something to write.
    #[inline]
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// A pipe with something to write; it counts as clean from now on.
    #[inline]
    pub(crate) fn next_dirty(&mut self) -> Option<PipeNumber> {
        while let Some(number) = self.dirty.pop() {
            if let Some(pipe) = self.get_mut(number) {
                pipe.is_dirty = false;
                return Some(number);
            }
        }
        None
    }
}

/// All lines of a thread are kept as small as so many full ones: many nodes may hang at once, each with several lanes.
const FULL_LINES: usize = 4;

/// … but for a large request in an empty line: then as so many.
const MOST_LINES: usize = 16;

/// A line that has less than this part of the bytes that it may have is short.
const SHORT_LINE: usize = 16;

/// Requests of one client that are appended before the bounds of the line are looked at again.
const REQUESTS_PER_ADMISSION: usize = 512;

#[cfg(test)]
mod tests {
    use super::super::{Class, Pledge};
    use super::*;
    use crate::pipe::PipeError;
    use crate::topology::testing::{plain_topology, snapshot_of, topology_of};
    use shared::resp::Protocol;
    use shared::topology::{Epoch, Incarnation, Topology};

    const LANE: Lane = Lane {
        role: Role::Primary(Pledge::Async),
        class: Class::Common,
        protocol: Protocol::Resp2,
        database: 0,
    };

    fn pipes() -> PipeSet {
        PipeSet::new(PipeLimits {
            databases: 16,
            queue_bytes: 1_000,
            queue_requests: 10,
            node_deadline: Duration::ZERO,
            takeover_deadline: Duration::ZERO,
            ask_followers: true,
            zone: Some("here".parse().unwrap()),
        })
    }

    #[test]
    fn another_epoch_is_another_pipe_and_the_old_one_drains() {
        let snapshot = topology_of(&["a"]);
        let fence = |epoch: u64| {
            move |shard: &Shard, _: &Node| {
                Fence::Held(protocol::Fence {
                    shard: shard.id.clone(),
                    epoch: Epoch(epoch),
                    incarnation: Incarnation(7),
                })
            }
        };
        let shard = ShardIndex::new(0).unwrap();
        let mut pipes = pipes();
        pipes.follow(&snapshot, fence(1));
        let old = pipes.pipe_to(shard, LANE, 0);
        pipes.follow(&snapshot, fence(1));
        assert_eq!(pipes.pipe_to(shard, LANE, 0), old, "nothing has changed");
        pipes.follow(&snapshot, fence(2));
        let new = pipes.pipe_to(shard, LANE, 0);
        assert_ne!(new, old);
        let (_, node) = pipes.with_node(old).unwrap();
        assert!(!node.is_current, "it ends when it is empty");
        assert!(pipes.with_node(new).unwrap().1.is_current);
        pipes.close(old);
        pipes.follow(&snapshot, fence(1));
        assert_ne!(pipes.pipe_to(shard, LANE, 0), new);
    }

    #[test]
    fn all_lines_together_have_a_bound_and_short_ones_have_room_all_the_same() {
        let mut pipes = PipeSet::new(PipeLimits {
            queue_bytes: 16_000,
            queue_requests: 1_000,
            ..pipes().limits
        });
        pipes.follow(&topology_of(&["a"]), Fence::of);
        let mut numbers: Vec<PipeNumber> = Vec::new();
        for database in 0..10 {
            let lane = Lane { database, ..LANE };
            numbers.push(pipes.pipe_to(ShardIndex::new(0).unwrap(), lane, 0));
        }
        let fill = |pipes: &mut PipeSet, number: PipeNumber| {
            let mut buffers = crate::buffers::Buffers::default();
            while pipes.has_room(number) {
                let started = shared::clock::Stopwatch::new().read();
                let command = shared::command::CommandId::Set;
                let place = crate::route::Place::Anywhere;
                let parcel = crate::pipe::Parcel::new(
                    crate::pipe::Target::Nobody,
                    place,
                    command,
                    1,
                    started,
                );
                pipes
                    .line(number)
                    .append_with(parcel, &mut buffers, |out| out.extend([0; 500]));
            }
            pipes.get_mut(number).unwrap().line.bytes()
        };
        let lengths: Vec<usize> = numbers
            .iter()
            .map(|number| fill(&mut pipes, *number))
            .collect();
        assert_eq!(lengths[..4], [16_000; 4]);
        assert_eq!(lengths[4..], [1_000; 6]);
        assert_eq!(pipes.bytes_left(numbers[9]), 0);
    }

    #[test]
    fn each_lane_has_its_pipe() {
        let mut pipes = pipes();
        pipes.follow(&topology_of(&["a", "b"]), Fence::of);
        let mut numbers = Vec::new();
        for shard in [0, 1].map(|index| ShardIndex::new(index).unwrap()) {
            for class in [Class::Common, Class::Bulk] {
                for protocol in [Protocol::Resp2, Protocol::Resp3] {
                    for database in [0, 15] {
                        let lane = Lane {
                            class,
                            protocol,
                            database,
                            ..LANE
                        };
                        numbers.push(pipes.pipe_to(shard, lane, 0));
                        assert_eq!(pipes.pipe_to(shard, lane, 0), numbers[numbers.len() - 1]);
                    }
                }
            }
        }
        assert_eq!(numbers, (0..16).collect::<Vec<_>>());
        assert_eq!(pipes.take_unstarted(), numbers);
    }

    /// A shard that `n-a` leads, with three others: two in sync in known lives, of which the second is in our zone, and one that learns.
    fn with_followers() -> Topology {
        let mut topology = plain_topology(&["a"], &[Address::loopback(1)]);
        for (name, zone) in [("f1", "there"), ("f2", "here"), ("l", "here")] {
            topology.nodes.push(Node {
                id: name.parse().unwrap(),
                address: Address::loopback(2),
                kind: NodeKind::Switchyard,
                zone: Some(zone.parse().unwrap()),
            });
        }
        let shard = &mut topology.shards[0];
        shard.in_sync = [("n-a", 1), ("f1", 2), ("f2", 3)]
            .map(|(name, life)| (name.parse().unwrap(), Some(Incarnation(life))))
            .into();
        shard.learners = [("l".parse().unwrap(), Some(Incarnation(4)))].into();
        shard.copies = 4;
        topology
    }

    fn next(topology: &mut Topology) -> Snapshot {
        topology.version = topology.version.next();
        snapshot_of(topology.clone())
    }

    /// Whom a pipe leads to.
    fn asked(pipes: &mut PipeSet, role: Role, chance: usize) -> String {
        let lane = Lane { role, ..LANE };
        let number = pipes.pipe_to(ShardIndex::new(0).unwrap(), lane, chance);
        pipes.with_node(number).unwrap().1.id.to_string()
    }

    const FOLLOWER: Role = Role::Follower(Pledge::InSync);
    const NEAREST: Role = Role::Nearest(Pledge::Async);

    #[test]
    fn reads_are_spread_over_followers_that_are_in_sync_and_go_to_the_primary_without_them() {
        let mut topology = with_followers();
        let mut pipes = pipes();
        pipes.follow(&next(&mut topology), Fence::of);
        let spread: Vec<String> = (0..4)
            .map(|chance| asked(&mut pipes, FOLLOWER, chance))
            .collect();
        assert_eq!(spread, ["f1", "f2", "f1", "f2"]);
        assert_eq!(asked(&mut pipes, Role::Primary(Pledge::InSync), 1), "n-a");
        let lane = Lane {
            role: FOLLOWER,
            ..LANE
        };
        let shard = ShardIndex::new(0).unwrap();
        let first = pipes.pipe_to(shard, lane, 0);
        let (_, node) = pipes.with_node(first).unwrap();
        let fence = Fence::Follows(Following::InSync(Incarnation(2)));
        assert_eq!(node.fence, fence);
        node.reach.lost(5);
        assert!(pipes.is_to_be_left(first));
        assert_eq!(asked(&mut pipes, FOLLOWER, 0), "f2");
        let second = pipes.pipe_to(shard, lane, 1);
        pipes.get_mut(second).unwrap().doom = Some(PipeError::Unready);
        assert_eq!(asked(&mut pipes, FOLLOWER, 0), "n-a");
        let at_primary = pipes.pipe_to(shard, lane, 0);
        let role = pipes.get_mut(at_primary).unwrap().lane.role;
        assert_eq!(
            role,
            Role::Primary(Pledge::InSync),
            "the way of writes of the same keys"
        );
        assert!(!pipes.is_to_be_left(at_primary));
        pipes.with_node(first).unwrap().1.reach.connected();
        assert_eq!(asked(&mut pipes, FOLLOWER, 1), "f1");
    }

    #[test]
    fn the_nearest_is_in_our_zone_and_the_primary_where_nobody_is() {
        let mut topology = with_followers();
        let mut pipes = pipes();
        let mut check = |topology: &mut Topology, expected: &str| {
            pipes.follow(&next(topology), Fence::of);
            for chance in 0..3 {
                assert_eq!(asked(&mut pipes, NEAREST, chance), expected);
            }
        };
        check(&mut topology, "f2");
        topology.nodes[0].zone = Some("here".parse().unwrap());
        check(&mut topology, "n-a");
        topology.nodes[0].zone = None;
        topology.nodes[2].zone = None;
        check(&mut topology, "n-a");
    }

    #[test]
    fn a_follower_that_leads_or_lives_anew_is_asked_by_another_pipe() {
        let mut topology = with_followers();
        let mut pipes = pipes();
        pipes.follow(&next(&mut topology), Fence::of);
        let lane = Lane {
            role: FOLLOWER,
            ..LANE
        };
        let shard = ShardIndex::new(0).unwrap();
        let before = pipes.pipe_to(shard, lane, 0);
        let life = topology.shards[0]
            .in_sync
            .get_mut(&"f1".parse().unwrap())
            .unwrap();
        *life = Some(Incarnation(9));
        pipes.follow(&next(&mut topology), Fence::of);
        // They stand in the order in which they came to be known.
        let after = pipes.pipe_to(shard, lane, 1);
        assert_eq!(pipes.with_node(after).unwrap().1.id.as_str(), "f1");
        assert_ne!(before, after);
        assert!(!pipes.with_node(before).unwrap().1.is_current);
        topology.shards[0].primary = "f1".parse().unwrap();
        topology.shards[0].epoch = Epoch(2);
        pipes.follow(&next(&mut topology), Fence::of);
        assert!(!pipes.with_node(after).unwrap().1.is_current);
        assert_eq!(asked(&mut pipes, Role::Primary(Pledge::Async), 0), "f1");
        let spread: Vec<String> = (0..2)
            .map(|chance| asked(&mut pipes, FOLLOWER, chance))
            .collect();
        assert_eq!(spread, ["f2", "n-a"]);
        // A life that nobody knows is not asked.
        topology.shards[0]
            .in_sync
            .insert("f2".parse().unwrap(), None);
        pipes.follow(&next(&mut topology), Fence::of);
        assert_eq!(asked(&mut pipes, FOLLOWER, 0), "n-a");
        assert_eq!(asked(&mut pipes, FOLLOWER, 1), "n-a");
    }

    #[test]
    fn plain_servers_are_asked_whether_they_follow_and_may_be_replaced_where_there_are_several() {
        let mut topology = with_followers();
        let mut pipes = pipes();
        for node in &mut topology.nodes {
            node.kind = NodeKind::Redis;
        }
        topology.shards[0].in_sync = [("n-a".parse().unwrap(), None)].into();
        let learners = ["f1", "f2", "l"].map(|name| (name.parse().unwrap(), None));
        topology.shards[0].learners = learners.into();
        pipes.follow(&next(&mut topology), Fence::of);
        let lane = Lane {
            role: FOLLOWER,
            ..LANE
        };
        let shard = ShardIndex::new(0).unwrap();
        let follower = pipes.pipe_to(shard, lane, 0);
        let (_, node) = pipes.with_node(follower).unwrap();
        assert_eq!(node.fence, Fence::Follows(Following::Plain));
        assert!(!node.may_be_replaced());
        let primary = pipes.primary(shard);
        assert_eq!(primary.fence, Fence::Unfenced);
        assert!(primary.has_deputy && primary.may_be_replaced());
        topology.shards[0].learners.clear();
        topology.shards[0].copies = 1;
        pipes.follow(&next(&mut topology), Fence::of);
        assert!(!pipes.primary(shard).may_be_replaced());
        assert_eq!(asked(&mut pipes, FOLLOWER, 0), "n-a");
    }

    #[test]
    fn nobody_connects_to_followers_where_no_policy_asks_them() {
        let mut pipes = PipeSet::new(PipeLimits {
            ask_followers: false,
            ..pipes().limits
        });
        pipes.follow(&next(&mut with_followers()), Fence::of);
        assert_eq!(pipes.nodes.len(), 1);
    }
}
