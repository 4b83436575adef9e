//! What the checker explores.
//! Deliveries keep no order and may repeat: a message that was sent once can arrive at any later time, and again. A stream between two nodes keeps its order,
//! as a connection does, and breaks at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use protocol::{
    Acknowledgement, Batch, Duty, EpochTable, Evidence, Instruction, Member, Membership, Offset,
    Position, Replica, Status, Sync, What,
};
use shared::topology::{Epoch, Incarnation, Version};

use crate::mail::{AckKey, OrderTo, key_of, of_key};
use crate::size::{Broken, Size};

/// A node, by its place.
pub(crate) type Node = u8;

/// A write, by its number.
pub(crate) type Write = u8;

/// One node: what it remembers, and its log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) replica: Replica<Node>,
    pub(crate) log: Vec<(Epoch, Write)>,
    /// Writes of clients that it has appended itself and not acknowledged, by offset, in this life and epoch.
    unanswered: BTreeSet<usize>,
    /// From whom it gets a log, as of which life of both and which epoch.
    stream: Option<Stream>,
    /// A read under way: its number, how much of the log it saw, what had been acknowledged when it came.
    read: Option<(u64, usize, BTreeSet<Write>)>,
}

/// A batch, what follows in the log, and the read that it asks to confirm.
type Sent = (Batch, Vec<(Epoch, Write)>, u64);

/// A connection from a leader to a follower.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stream {
    leader: Member<Node>,
    epoch: Epoch,
    /// A snapshot is on its way.
    is_full: bool,
    /// Batches that were sent and have not arrived.
    batches: Vec<Sent>,
    /// How far the leader has sent.
    sent: usize,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) document: Membership<Node>,
    pub(crate) places: Vec<Place>,
    /// Orders that were sent, to be delivered at any time.
    orders: BTreeSet<OrderTo>,
    /// What followers said, to be delivered at any time.
    heard: BTreeSet<(Node, AckKey)>,
    /// What was learned under the present version.
    evidence: BTreeMap<Node, Status<Node>>,
    /// What clients were told is done.
    pub(crate) acknowledged: BTreeSet<Write>,
    /// The longest log of which the last write was acknowledged, or read.
    history: Vec<(Epoch, Write)>,
    /// Lives that have ended because the node has failed.
    ended: BTreeSet<u64>,
    next_write: Write,
    next_life: u64,
    restarts: u8,
    /// Something that must never happen has.
    pub(crate) fault: Option<&'static str>,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A client writes at a node that serves.
    Write(Node),
    /// A node tells a client that its write is done.
    Acknowledge(Node),
    /// A client reads at a node that serves.
    Read(Node),
    /// A node answers the read.
    Answer(Node),
    /// Somebody asks a node for its status.
    Ask(Node),
    /// What the document says is sent to a node of which a status is known.
    Send(Node),
    /// The primary is told to wait for a follower that copies.
    SendJoin(Member<Node>),
    /// An order arrives, the one of this place in the set.
    Deliver(usize),
    /// A follower connects to its leader.
    Connect(Node),
    /// The leader of a follower sends what it has.
    Batch(Node),
    /// What was sent to a follower arrives, a batch or a snapshot.
    Arrive(Node),
    /// An acknowledgement arrives, the one of this place in the set.
    Hear(usize),
    /// The document changes.
    Register(Node),
    Promote(Node),
    Shrink(Member<Node>),
    Grow(Member<Node>),
    Recover,
    /// A node starts again with so many entries of its log.
    Restart(Node, usize),
}

impl Place {
    fn new(me: Member<Node>) -> Self {
        Self {
            replica: Replica::new(me),
            log: Vec::new(),
            unanswered: BTreeSet::new(),
            stream: None,
            read: None,
        }
    }

    fn end(&self) -> Offset {
        Offset(self.log.len() as u64)
    }

    fn epochs(&self) -> EpochTable {
        let mut table = EpochTable::default();
        for (at, (epoch, _)) in self.log.iter().enumerate() {
            table.append(*epoch, Offset(at as u64));
        }
        table
    }

    fn position(&self) -> Position {
        self.epochs().position(self.end())
    }

    fn writes(&self, length: usize) -> BTreeSet<Write> {
        self.log[..length].iter().map(|(_, write)| *write).collect()
    }
}

impl World {
    pub(crate) fn new(size: Size) -> Self {
        let member = |node: Node| Member {
            node,
            incarnation: Incarnation(u64::from(node)),
        };
        let document = Membership {
            version: Version(1),
            epoch: Epoch(1),
            primary: member(0),
            in_sync: (0..size.nodes.min(2)).map(member).collect(),
            learners: (2..size.nodes).map(member).collect(),
        };
        let mut world = Self {
            places: (0..size.nodes)
                .map(|node| Place::new(member(node)))
                .collect(),
            document,
            orders: BTreeSet::new(),
            heard: BTreeSet::new(),
            evidence: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            history: Vec::new(),
            ended: BTreeSet::new(),
            next_write: 1,
            next_life: u64::from(size.nodes),
            restarts: 0,
            fault: None,
        };
        // The first orders have arrived: what is of interest comes after them.
        for node in 0..size.nodes {
            let place = &mut world.places[usize::from(node)];
            let status = place.replica.status(place.position());
            if let Some(order) = world.document.orders(&node, &status) {
                let end = place.end();
                place.replica.obey(&order, end);
            }
        }
        world
    }

    fn place(&mut self, node: Node) -> &mut Place {
        &mut self.places[usize::from(node)]
    }

    /// Everything that can happen.
    pub(crate) fn steps(&self, size: Size) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.fault.is_some() {
            return steps;
        }
        for (at, place) in (0..).zip(&self.places) {
            let serves = place.replica.serving_epoch().is_some();
            if serves && self.next_write <= size.writes {
                steps.push(Step::Write(at));
            }
            if !place.unanswered.is_empty() {
                steps.push(Step::Acknowledge(at));
            }
            if size.reads && serves && place.read.is_none() && !self.acknowledged.is_empty() {
                steps.push(Step::Read(at));
            }
            if place.read.is_some() {
                steps.push(Step::Answer(at));
            }
            let status = place.replica.status(place.position());
            if self.evidence.get(&at) != Some(&status) {
                steps.push(Step::Ask(at));
            }
            if let Some(known) = self.evidence.get(&at) {
                steps.push(Step::Send(at));
                if at == self.document.primary.node {
                    let learners = self.document.learners.iter();
                    let ready =
                        learners.filter(|one| self.document.order_to_join(known, one).is_some());
                    steps.extend(ready.map(|one| Step::SendJoin(*one)));
                }
            }
            match &place.stream {
                None if matches!(place.replica.duty(), Duty::Following(_)) => {
                    steps.push(Step::Connect(at));
                }
                None => {}
                Some(stream) => {
                    if !stream.batches.is_empty() {
                        steps.push(Step::Arrive(at));
                    }
                    if stream.batches.len() < 2 {
                        steps.push(Step::Batch(at));
                    }
                }
            }
            if self.restarts < size.restarts {
                let whole = place.log.len();
                steps.push(Step::Restart(at, whole));
                if whole > 0 && self.may_lose(at) {
                    steps.push(Step::Restart(at, 0));
                }
            }
        }
        steps.extend((0..self.orders.len()).map(Step::Deliver));
        steps.extend((0..self.heard.len()).map(Step::Hear));
        if self.document.version.0 <= size.changes {
            let nodes = 0..size.nodes;
            steps.extend(nodes.clone().map(Step::Register));
            steps.extend(nodes.map(Step::Promote));
            steps.extend(self.document.in_sync.iter().copied().map(Step::Shrink));
            steps.extend(self.document.learners.iter().copied().map(Step::Grow));
            steps.push(Step::Recover);
        }
        steps
    }

    /// Whether a node may lose its log without anything being lost in truth: another living one is in sync by the document.
    fn may_lose(&self, node: Node) -> bool {
        // One that has thrown its copy away for another one has not failed: it has obeyed.
        let lives = |member: &&Member<Node>| !self.ended.contains(&member.incarnation.0);
        let others = self.document.in_sync.iter().filter(|one| one.node != node);
        others.filter(lives).count() > 0
    }

    /// What comes of a step; `None` when it comes to nothing.
    pub(crate) fn after(&self, step: &Step, broken: Broken) -> Option<Self> {
        let mut next = self.clone();
        next.take(step, broken)?;
        (next != *self).then_some(next)
    }

    fn take(&mut self, step: &Step, broken: Broken) -> Option<()> {
        match step {
            Step::Write(node) => self.write(*node),
            Step::Acknowledge(node) => self.acknowledge(*node, broken),
            Step::Read(node) => self.read(*node),
            Step::Answer(node) => self.answer(*node, broken),
            Step::Ask(node) => {
                let place = self.place(*node);
                let status = place.replica.status(place.position());
                self.evidence.insert(*node, status);
                Some(())
            }
            Step::Send(node) => {
                let order = self.document.orders(node, self.evidence.get(node)?)?;
                self.send(*node, order);
                Some(())
            }
            Step::SendJoin(learner) => {
                let primary = self.document.primary.node;
                let order = self
                    .document
                    .order_to_join(self.evidence.get(&primary)?, learner)?;
                self.send(primary, order);
                Some(())
            }
            Step::Deliver(at) => {
                let order = self.orders.iter().nth(*at)?.clone();
                self.deliver(order.node, &order.order, broken);
                Some(())
            }
            Step::Connect(node) => self.connect(*node),
            Step::Batch(node) => self.batch(*node),
            Step::Arrive(node) => self.arrive(*node, broken),
            Step::Hear(at) => {
                let (leader, key) = *self.heard.iter().nth(*at)?;
                let place = self.place(leader);
                let end = place.end();
                place.replica.acknowledged(&of_key(key), end).then_some(())
            }
            Step::Restart(node, kept) => {
                self.restart(*node, *kept);
                Some(())
            }
            change => self.change(change, broken),
        }
    }

    fn write(&mut self, node: Node) -> Option<()> {
        let write = self.next_write;
        let place = self.place(node);
        let epoch = place.replica.serving_epoch()?;
        place.log.push((epoch, write));
        let end = place.end();
        place.unanswered.insert(place.log.len());
        place.replica.appended(end);
        self.next_write += 1;
        Some(())
    }

    fn acknowledge(&mut self, node: Node, broken: Broken) -> Option<()> {
        let place = self.place(node);
        let end = *place.unanswered.first()?;
        let Duty::Leading(leading) = place.replica.duty() else {
            return None;
        };
        let is_alone = broken == Broken::Alone;
        if place.replica.serving_epoch().is_none() && !is_alone {
            return None;
        }
        let committed = match broken {
            Broken::Alone => place.end(),
            _ => leading.commit()?,
        };
        if committed.0 < end as u64 {
            return None;
        }
        place.unanswered.remove(&end);
        let (_, write) = place.log[end - 1];
        let told = place.log[..end].to_vec();
        self.tell(told);
        self.acknowledged.insert(write);
        Some(())
    }

    /// Clients have learned of all of this, whether by their own writes or by reading: there is one order for ever.
    fn tell(&mut self, told: Vec<(Epoch, Write)>) {
        // Another node may have told of more by now: then this is the beginning of that.
        let (shorter, longer) = if told.len() < self.history.len() {
            (told, std::mem::take(&mut self.history))
        } else {
            (std::mem::take(&mut self.history), told)
        };
        if !longer.starts_with(&shorter) {
            self.fault = Some("what clients were told has no single order");
        }
        self.history = longer;
    }

    fn read(&mut self, node: Node) -> Option<()> {
        let acknowledged = self.acknowledged.clone();
        let place = self.place(node);
        let mut replica = place.replica.clone();
        let number = replica.ask_for_read()?;
        place.replica = replica;
        place.read = Some((number, place.log.len(), acknowledged));
        Some(())
    }

    fn answer(&mut self, node: Node, broken: Broken) -> Option<()> {
        let place = self.place(node);
        let (number, length, before) = place.read.clone()?;
        place.replica.serving_epoch()?;
        let Duty::Leading(leading) = place.replica.duty() else {
            return None;
        };
        let own = length as u64 > leading.start().0;
        let seen = own.then_some(Offset(length as u64));
        let may = match broken {
            Broken::ReadAlone => leading.commit().is_some(),
            _ => leading.may_answer(number, seen),
        };
        if !may {
            return None;
        }
        place.read = None;
        if !place.writes(length).is_superset(&before) {
            self.fault = Some("a read did not see a write that was acknowledged before it came");
            return Some(());
        }
        let told = place.log[..length].to_vec();
        self.tell(told);
        Some(())
    }

    fn send(&mut self, node: Node, order: Instruction<Node>) {
        self.orders.insert(OrderTo { node, order });
    }

    fn deliver(&mut self, node: Node, order: &Instruction<Node>, broken: Broken) {
        let place = self.place(node);
        let end = place.end();
        let before = place.replica.clone();
        let mut order = order.clone();
        if broken == Broken::ShrinkLater
            && let What::Promote(members) | What::InSync(members) = &mut order.what
        {
            members.retain(|member| member.node == node);
        }
        place.replica.obey(&order, end);
        let is_another = match (before.duty(), place.replica.duty()) {
            (Duty::Following(one), Duty::Following(other)) => {
                one.leader() != other.leader() || before.role_epoch() != place.replica.role_epoch()
            }
            (Duty::Leading(_), Duty::Leading(_)) => {
                before.role_epoch() != place.replica.role_epoch()
            }
            _ => true,
        };
        if is_another {
            if broken != Broken::Fence {
                place.stream = None;
            }
            place.unanswered.clear();
            place.read = None;
        }
    }

    fn connect(&mut self, node: Node) -> Option<()> {
        let position = self.places[usize::from(node)].position();
        let place = self.place(node);
        let Duty::Following(following) = place.replica.duty() else {
            return None;
        };
        let leader = *following.leader();
        let asked = place.replica.ask(position)?;
        let at_leader = self.place(leader.node);
        let (epochs, end) = (at_leader.epochs(), at_leader.end());
        let sync = at_leader.replica.answer(&asked, &epochs, end)?;
        let life = Incarnation(self.next_life);
        let place = self.place(node);
        if place.replica.begin(sync, life).is_err() {
            return Some(());
        }
        let sent = match sync {
            Sync::Continue(offset) => usize::try_from(offset.0).unwrap_or(usize::MAX),
            Sync::Full => {
                place.log.clear();
                self.next_life += 1;
                0
            }
        };
        self.place(node).stream = Some(Stream {
            leader,
            epoch: asked.epoch,
            is_full: sync == Sync::Full,
            batches: Vec::new(),
            sent,
        });
        if sync == Sync::Full {
            // The snapshot's stream is that of the new life.
            let me = self.place(node).replica.me().incarnation;
            self.place(leader.node).replica.connected(me);
        }
        Some(())
    }

    fn batch(&mut self, node: Node) -> Option<()> {
        let stream = self.place(node).stream.clone()?;
        let leader = self.place(stream.leader.node);
        if *leader.replica.me() != stream.leader
            || leader.replica.serving_epoch() != Some(stream.epoch)
        {
            // Its connections ended with its role.
            self.place(node).stream = None;
            return Some(());
        }
        let Duty::Leading(leading) = leader.replica.duty() else {
            return None;
        };
        let batch = Batch {
            leader: stream.leader.incarnation,
            epoch: stream.epoch,
            rev: leading.applied_rev(),
        };
        let asked = leading.asked();
        let entries = leader.log[stream.sent.min(leader.log.len())..].to_vec();
        let sent = leader.log.len();
        let stream = self.place(node).stream.as_mut()?;
        if stream
            .batches
            .last()
            .is_some_and(|last| (last.0, last.2) == (batch, asked))
            && entries.is_empty()
        {
            return None;
        }
        stream.batches.push((batch, entries, asked));
        stream.sent = sent;
        Some(())
    }

    fn arrive(&mut self, node: Node, broken: Broken) -> Option<()> {
        let place = self.place(node);
        let mut stream = place.stream.take()?;
        if stream.batches.is_empty() {
            place.stream = Some(stream);
            return None;
        }
        let (batch, entries, asked) = stream.batches.remove(0);
        let is_taken = place.replica.takes(batch) || broken == Broken::Fence;
        if !is_taken {
            return Some(());
        }
        let newest = place.log.last().map(|(epoch, _)| *epoch);
        if entries
            .first()
            .is_some_and(|(epoch, _)| newest > Some(*epoch))
        {
            self.fault = Some("an entry of an older epoch stands behind one of a newer one");
            return Some(());
        }
        place.log.extend(entries);
        if stream.is_full {
            stream.is_full = false;
            place.replica.synced();
        }
        let end = place.end();
        let leader = stream.leader.node;
        place.stream = Some(stream);
        let heard = place.replica.acknowledge(end, asked);
        let heard = match heard {
            Some(heard) => heard,
            None if broken == Broken::Fence => Acknowledgement {
                epoch: batch.epoch,
                follower: place.replica.me().incarnation,
                offset: end,
                rev: batch.rev,
                confirms: asked,
            },
            None => return Some(()),
        };
        let heard = if broken == Broken::Fence {
            Acknowledgement {
                epoch: batch.epoch,
                ..heard
            }
        } else {
            heard
        };
        self.heard.insert((leader, key_of(&heard)));
        Some(())
    }

    fn change(&mut self, step: &Step, broken: Broken) -> Option<()> {
        let mut evidence = Evidence::new(self.document.version);
        evidence.statuses = self.evidence.clone();
        let document = &self.document;
        let next = match step {
            Step::Register(node) => document.register(&evidence, node),
            Step::Promote(node) => document.promote(&evidence, node),
            Step::Shrink(member) => document.shrink(member),
            Step::Grow(member) if broken == Broken::GrowFirst => {
                let mut next = document.clone();
                next.version = Version(next.version.0 + 1);
                next.learners.remove(member);
                next.in_sync.insert(*member);
                Ok(next)
            }
            Step::Grow(member) => document.grow(&evidence, member),
            Step::Recover if broken == Broken::RecoverEarly => {
                let mut document = document.clone();
                let heard = |member: &Member<Node>| self.evidence.contains_key(&member.node);
                document.in_sync.retain(heard);
                document.recover(&evidence, &document.nodes())
            }
            _ => document.recover(&evidence, &BTreeSet::new()),
        };
        self.document = next.ok()?;
        self.evidence.clear();
        Some(())
    }

    fn restart(&mut self, node: Node, kept: usize) {
        let life = Incarnation(self.next_life);
        self.next_life += 1;
        self.restarts += 1;
        let ended = self.place(node).replica.me().incarnation.0;
        self.ended.insert(ended);
        let place = self.place(node);
        let mut log = std::mem::take(&mut place.log);
        log.truncate(kept);
        if place.replica.is_syncing() {
            log.clear();
        }
        *place = Place::new(Member {
            node,
            incarnation: life,
        });
        place.log = log;
    }
}

impl fmt::Display for World {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = &self.document;
        writeln!(
            out,
            "document {} epoch {} primary {:?} in sync {:?} learners {:?} acknowledged {:?}",
            document.version.0,
            document.epoch.0,
            document.primary,
            document.in_sync,
            document.learners,
            self.acknowledged
        )?;
        for place in &self.places {
            writeln!(
                out,
                "  {:?} {:?} log {:?}",
                place.replica.me(),
                place.replica.duty(),
                place.log
            )?;
        }
        Ok(())
    }
}
