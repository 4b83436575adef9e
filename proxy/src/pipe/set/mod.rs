//! The pipes of one thread: one per node (as it is fenced) and lane, opened when first needed.
//! Pure: whoever runs the thread starts a task for each pipe in [`PipeSet::take_unstarted`].
//! Invariant: as long as a pipe keeps its number, requests appended to it are answered in the order in which they were appended.

use std::sync::Arc;
use std::time::Duration;

use shared::topology::{
    Address, Node, NodeId, NodeKind, Shard, ShardId, ShardIndex, Topology, Zone,
};

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

    /// With the shard as nodes call it.
    fn told(self, topology: &Topology) -> Self {
        match self {
            Self::Held(mut fence) => {
                fence.shard = topology.told(&fence.shard);
                Self::Held(fence)
            }
            other => other,
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
    /// Which keys are its shard's, as it is told; nothing where they all are.
    pub(crate) local_keys: Option<Arc<[u8]>>,
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
            local_keys: None,
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
                self.take_part(index, wanted, snapshot);
            }
            known.is_none()
        });
        for wanted in wanted {
            let index = self.add_node(&wanted);
            self.take_part(index, &wanted, snapshot);
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

    /// Every primary, and then the followers that may be asked. Nodes know their shard by the cluster's name as well.
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
                fence: fence(shard, node).told(&snapshot.topology),
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
    fn take_part(&mut self, index: usize, wanted: &Wanted<'_>, snapshot: &Snapshot) {
        let shard = &snapshot.topology.shards[wanted.shard_index];
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
        node.local_keys = snapshot.local_keys(wanted.shard_index);
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
                && node.is_plain == (wanted.node.kind == NodeKind::Redis)
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
mod tests;
mod words;
