//! The pipes of one thread: one per node, database, class and protocol version, opened when first needed.
//! Does no I/O: whoever runs the thread starts a task for each pipe in [`PipeSet::take_unstarted`].
//! Invariant: as long as a pipe keeps its number, requests appended to it are answered in the order in which they were appended.

use std::ops::Range;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use bytes::BytesMut;
use shared::resp::{ErrorReply, Protocol, ReplyScanner};
use shared::topology::{Address, Node, NodeId, ShardIndex};
use tokio::net::TcpStream;

use super::error::PipeError;
use super::line::SendQueue;
use super::parcel::{InFlight, Waiter};
use crate::buffers::Buffers;
use crate::pipe::reach::Reach;
use crate::slab::Key;
use crate::topology::Snapshot;

/// What a pipe is used for. Policies will add others: reads from followers, writes that wait for the in-sync set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Reads and writes of the primary, acknowledged by it alone.
    Primary,
    /// The same of clients whose requests or replies are large: a pipe of their own, so that nobody else's wait behind them.
    Bulk,
}

/// The number of classes.
const CLASSES: usize = 2;

/// The number of protocol versions: nodes shape replies by it, so each has pipes of its own.
const PROTOCOLS: usize = 2;

/// What is agreed with the node when a pipe is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// What it is used for.
    pub(crate) class: Class,
    /// The version in which the node answers.
    pub(crate) protocol: Protocol,
    /// The database that the requests mean.
    pub(crate) database: u16,
}

impl Lane {
    /// A node's lanes are numbered.
    #[inline]
    fn number(self, databases: usize) -> usize {
        let class = match self.class {
            Class::Primary => 0,
            Class::Bulk => 1,
        };
        let protocol = match self.protocol {
            Protocol::Resp2 => 0,
            Protocol::Resp3 => 1,
        };
        (class * PROTOCOLS + protocol) * databases + usize::from(self.database)
    }
}

/// The number of a pipe.
pub(crate) type PipeNumber = u32;

/// In a node's list of lanes: not open.
const NO_PIPE: PipeNumber = PipeNumber::MAX;

/// A connection to a node, or the line that waits for one.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Index of its node.
    pub(crate) node: usize,
    /// What was agreed with the node.
    pub(crate) lane: Lane,
    /// The requests; what was sent is kept until it is answered.
    pub(crate) line: SendQueue,
    /// Those who wait for the answers.
    pub(crate) in_flight: InFlight,
    /// Open and agreed upon.
    pub(crate) stream: Option<TcpStream>,
    /// The beginning of a reply that has not arrived completely.
    pub(crate) begun: BytesMut,
    /// Finds the ends of replies.
    pub(crate) scanner: ReplyScanner,
    /// Wakes the task that owns the connection.
    pub(crate) waker: Option<Waker>,
    /// Something was appended since the last write.
    pub(crate) is_dirty: bool,
    /// Clients that wait for room in the line.
    pub(crate) crowd: Vec<Key>,
    /// Found to be of no more use by somebody else than its task, which is to end it.
    pub(crate) doom: Option<PipeError>,
    /// When a write could not be completed: nothing is tried until the kernel has room again.
    pub(crate) is_write_blocked: bool,
}

/// A node, and the pipes to it.
#[derive(Debug)]
pub(crate) struct NodeEntry {
    /// Its name.
    pub(crate) id: NodeId,
    /// Where it listens.
    pub(crate) address: Address,
    /// The shard whose primary it is, or was; errors name it.
    pub(crate) shard: Box<str>,
    /// That shard's place in [`PipeSet::shard_names`], for the counters.
    pub(crate) shard_index: usize,
    /// Whether it can be reached.
    pub(crate) reach: Reach,
    /// Whether it still is the primary of a shard; if not, its pipes end once they are empty.
    pub(crate) is_current: bool,
    /// Pipe numbers by lane.
    lanes: Vec<PipeNumber>,
}

/// What is said to a request before it is appended.
pub(crate) enum Admission {
    /// There is room for so many requests (at least one).
    Room(u32),
    /// The line is full; wait until it is shorter.
    Full,
    /// The node is down.
    Down(ErrorReply),
}

/// Bounds and times of all pipes.
#[derive(Clone, Debug)]
pub(crate) struct PipeLimits {
    /// Databases that clients may select.
    pub(crate) databases: u16,
    /// Most bytes kept per pipe, but for a single request that is larger.
    pub(crate) queue_bytes: usize,
    /// Most requests per pipe.
    pub(crate) queue_requests: usize,
    /// How long requests wait for a node that cannot be reached.
    pub(crate) node_deadline: Duration,
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
            shard_names: Vec::new(),
            unstarted: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// Follows the topology: learns its nodes, and takes note of those that lead no shard any more.
    pub(crate) fn follow(&mut self, snapshot: &Snapshot) {
        for node in &mut self.nodes {
            node.is_current = false;
        }
        let shards = &snapshot.topology.shards;
        self.primaries = vec![usize::MAX; shards.len()];
        // Those that stay are marked first, so that a new node cannot be put into the place of one that is still needed.
        for pass in [Self::find_node, Self::add_node] {
            for (shard_index, shard) in shards.iter().enumerate() {
                if self.primaries[shard_index] != usize::MAX {
                    continue;
                }
                let Some(primary) = snapshot.topology.node(&shard.primary) else {
                    unreachable!("rules: a shard's primary is a node of the topology");
                };
                let Some(index) = pass(self, primary) else {
                    continue;
                };
                let name = shard.id.as_str();
                let known = self.shard_names.iter().position(|known| **known == *name);
                let label = known.unwrap_or_else(|| {
                    self.shard_names.push(name.into());
                    self.shard_names.len() - 1
                });
                let node = &mut self.nodes[index];
                node.is_current = true;
                node.shard_index = label;
                node.shard = name.into();
                self.primaries[shard_index] = index;
            }
        }
    }

    fn find_node(&mut self, wanted: &Node) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.id == wanted.id && node.address == wanted.address)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "one of two passes with the same face"
    )]
    fn add_node(&mut self, new: &Node) -> Option<usize> {
        let entry = NodeEntry {
            id: new.id.clone(),
            address: new.address.clone(),
            shard: Box::default(),
            shard_index: 0,
            reach: Reach::default(),
            is_current: true,
            lanes: vec![NO_PIPE; CLASSES * PROTOCOLS * usize::from(self.limits.databases)],
        };
        let unused =
            |node: &NodeEntry| !node.is_current && node.lanes.iter().all(|pipe| *pipe == NO_PIPE);
        if let Some(index) = self.nodes.iter().position(unused) {
            self.nodes[index] = entry;
            return Some(index);
        }
        self.nodes.push(entry);
        Some(self.nodes.len() - 1)
    }

    /// The pipe to the primary of `shard`, opened if need be.
    #[inline]
    pub(crate) fn pipe_to(&mut self, shard: ShardIndex, lane: Lane) -> PipeNumber {
        let node = self.primaries[shard.as_usize()];
        let lane_number = lane.number(usize::from(self.limits.databases));
        match self.nodes[node].lanes[lane_number] {
            NO_PIPE => self.open(node, lane, lane_number),
            pipe => pipe,
        }
    }

    #[cold]
    fn open(&mut self, node: usize, lane: Lane, lane_number: usize) -> PipeNumber {
        let pipe = Box::new(Pipe {
            node,
            lane,
            line: SendQueue::default(),
            in_flight: InFlight::default(),
            stream: None,
            begun: BytesMut::new(),
            scanner: ReplyScanner::default(),
            waker: None,
            is_dirty: false,
            crowd: Vec::new(),
            doom: None,
            is_write_blocked: false,
        });
        let number = self.free.pop().unwrap_or_else(|| {
            self.pipes.push(None);
            PipeNumber::try_from(self.pipes.len() - 1)
                .expect("nodes and lanes are bounded far below 2^32")
        });
        self.pipes[number as usize] = Some(pipe);
        self.nodes[node].lanes[lane_number] = number;
        self.unstarted.push(number);
        number
    }

    /// Removes a pipe in which nothing is left.
    pub(crate) fn close(&mut self, number: PipeNumber) {
        let Some(pipe) = self.pipes[number as usize].take() else {
            return;
        };
        assert!(
            pipe.in_flight.is_empty() && pipe.line.requests() == 0,
            "nobody waits for a pipe that is closed"
        );
        let lane = pipe.lane.number(usize::from(self.limits.databases));
        self.nodes[pipe.node].lanes[lane] = NO_PIPE;
        self.free.push(number);
    }

    /// Whether requests for this pipe may be appended to its line.
    #[inline]
    pub(crate) fn admit(&mut self, number: PipeNumber, now_ms: u64) -> Admission {
        let limits = &self.limits;
        let Some(pipe) = &self.pipes[number as usize] else {
            unreachable!("only open pipes are asked");
        };
        let node = &self.nodes[pipe.node];
        if pipe.stream.is_none() && !node.reach.waits(now_ms, limits.node_deadline) {
            return Admission::Down(node.down());
        }
        let waiting = pipe.line.requests();
        if waiting >= limits.queue_requests || pipe.line.bytes() >= limits.queue_bytes {
            return Admission::Full;
        }
        let room = (limits.queue_requests - waiting).min(REQUESTS_PER_ADMISSION);
        Admission::Room(u32::try_from(room).unwrap_or(u32::MAX))
    }

    /// Appends `count` complete requests, for whose replies `waiter` waits.
    #[inline]
    pub(crate) fn append(
        &mut self,
        number: PipeNumber,
        frames: &[u8],
        waiter: Waiter,
        buffers: &mut Buffers,
    ) {
        self.append_with(number, waiter, buffers, |out| out.extend_from_slice(frames));
    }

    /// Appends the requests that `write` writes, as many as `waiter` counts.
    #[inline]
    pub(crate) fn append_with(
        &mut self,
        number: PipeNumber,
        waiter: Waiter,
        buffers: &mut Buffers,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.push_waiter(number, waiter)
            .append_with(waiter.count, buffers, write);
    }

    /// Appends complete requests, as many as `waiter` counts, that stay where they are: in this range of `buffer`.
    pub(crate) fn append_shared(
        &mut self,
        number: PipeNumber,
        buffer: Rc<Vec<u8>>,
        range: Range<usize>,
        waiter: Waiter,
    ) {
        self.push_waiter(number, waiter)
            .append_shared(buffer, range, waiter.count);
    }

    /// The line to which the requests that `waiter` waits for are to be appended.
    #[inline]
    fn push_waiter(&mut self, number: PipeNumber, waiter: Waiter) -> &mut SendQueue {
        let Some(pipe) = &mut self.pipes[number as usize] else {
            unreachable!("only open pipes are appended to");
        };
        pipe.in_flight.push(waiter);
        if !pipe.is_dirty {
            pipe.is_dirty = true;
            self.dirty.push(number);
        }
        &mut pipe.line
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

/// Requests of one client that are appended before the bounds of the line are looked at again.
const REQUESTS_PER_ADMISSION: usize = 512;

impl NodeEntry {
    /// What clients are told when a command was certainly not executed.
    pub(crate) fn down(&self) -> ErrorReply {
        ErrorReply::ShardDown {
            shard: self.shard.clone(),
        }
    }
}
