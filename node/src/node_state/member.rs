//! [`Member`]: this node as a member of a shard: what proxies have ordered, which epochs its log has, and who waits until followers have what was written.
//! Pure: what it means is decided in `protocol::Replica`; the shell carries it out. Invariants: a node that was never ordered or fenced is a plain server; whoever
//! waits for followers is answered when all of them have it, and never once this node leads no more.

use super::{ClientKey, Place, Seen, SeenInTurn, SlotWrites};
use protocol::{Duty, EpochTable, Handshake, Instruction, Offset, Position, Replica};
use shared::topology::{Epoch, Incarnation, NodeId, ShardId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// No proxy's pipe is fenced at this epoch: data are asked for in vain.
pub const SERVES_NOBODY: u64 = u64::MAX;
/// The epoch of a pipe of which a command was refused: no other passes before it is fenced again.
pub const REFUSED: u64 = u64::MAX - 1;
/// The epoch of pipes that are not fenced, and of a node that is no member.
pub const PLAIN: u64 = 0;
/// Epochs of the log that are remembered: who has an older beginning of it copies anew.
const MOST_EPOCHS: usize = 100;

/// Orders, and questions, that are under way at a time; an older one is given up.
const MOST_ORDERS: usize = 256;

/// An order as it came.
#[derive(Clone, Debug)]
pub struct Order {
    /// The shard that it is about.
    pub shard: ShardId,
    /// How the document calls this node.
    pub me: NodeId,
    /// What is to be done.
    pub instruction: Instruction<NodeId>,
    /// Where the leader is, of an order to follow.
    pub leader: Option<Place>,
    /// Of a FENCE: whether replies to writes wait for the followers that are in sync.
    pub waits_for_followers: bool,
    /// Of such a FENCE: whether replies wait also until these have said that they still follow.
    pub reads_linearizable: bool,
}

/// A follower asks for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The shard that it believes to be this node's.
    pub shard: ShardId,
    /// What the protocol needs.
    pub handshake: Handshake,
    /// What it calls the log that it has.
    pub log: String,
}

/// Names an order, or a question, until it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderNumber(u64);

/// This node as a member of a shard.
#[derive(Debug)]
pub struct Member {
    /// What compares with the epoch of a client's pipe: that at which this node leads, [`SERVES_NOBODY`], or [`PLAIN`].
    pub serving_epoch: u64,
    /// What the replies of the present turn tell of, where its client waits for followers.
    pub seen: SeenInTurn,
    incarnation: Incarnation,
    shard: Option<ShardId>,
    name: Option<NodeId>,
    replica: Option<Replica<NodeId>>,
    epochs: EpochTable,
    orders: BTreeMap<u64, Order>,
    asks: BTreeMap<u64, Ask>,
    last_order: u64,
    /// Whose replies wait for followers, and until they have which offset.
    waiting: BTreeSet<(u64, ClientKey)>,
    /// Whose replies wait until followers confirm that they follow, and for which question: numbers grow.
    reading: VecDeque<(u64, ClientKey)>,
    slot_writes: Option<SlotWrites>,
}

impl Member {
    /// A node that has just started: a new life.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Self {
        Self {
            serving_epoch: PLAIN,
            incarnation,
            shard: None,
            name: None,
            replica: None,
            epochs: EpochTable::default(),
            orders: BTreeMap::new(),
            asks: BTreeMap::new(),
            last_order: 0,
            waiting: BTreeSet::new(),
            reading: VecDeque::new(),
            seen: SeenInTurn::default(),
            slot_writes: None,
        }
    }

    /// Its present life.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The shard whose keys it has.
    #[must_use]
    pub fn shard(&self) -> Option<&ShardId> {
        self.shard.as_ref()
    }

    /// How the document calls it, or how it would be called; not known where nobody asks for it.
    #[must_use]
    pub fn name(&self) -> Option<&NodeId> {
        self.name.as_ref()
    }

    /// That is its name.
    pub fn call(&mut self, name: NodeId) {
        self.name = Some(name);
    }

    /// What it is there, once somebody has said so.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica<NodeId>> {
        self.replica.as_ref()
    }

    /// The same, to be changed; [`Member::settle`] comes behind it.
    pub fn replica_mut(&mut self) -> Option<&mut Replica<NodeId>> {
        self.replica.as_mut()
    }

    /// The epochs of the log.
    #[must_use]
    pub fn epochs(&self) -> &EpochTable {
        &self.epochs
    }

    /// Its data belong to this shard: it waits for orders.
    pub fn belong(&mut self, shard: ShardId) {
        self.shard = Some(shard);
        self.settle();
    }

    /// The log has these epochs, and no others.
    pub fn set_epochs(&mut self, epochs: EpochTable) {
        self.epochs = epochs;
    }

    /// An entry of this epoch stands at `at`, and what comes behind it is of that epoch.
    ///
    /// A log whose epochs do not rise is not one that was ever led: such an entry says nothing.
    pub fn begin_epoch(&mut self, epoch: Epoch, at: u64) {
        if self.epochs.newest().is_none_or(|newest| newest < epoch) {
            self.epochs.append(epoch, Offset(at));
            self.epochs.keep_last(MOST_EPOCHS);
        }
    }

    /// How far the log has come that ends at `end`.
    #[must_use]
    pub fn position(&self, end: u64) -> Position {
        self.epochs.position(Offset(end))
    }

    /// Takes an order that is to be carried out.
    pub fn take_order(&mut self, order: Order) -> OrderNumber {
        self.last_order += 1;
        while self.orders.len() >= MOST_ORDERS {
            self.orders.pop_first();
        }
        self.orders.insert(self.last_order, order);
        OrderNumber(self.last_order)
    }

    /// Gives it back.
    pub fn order(&mut self, number: OrderNumber) -> Option<Order> {
        self.orders.remove(&number.0)
    }

    /// Takes a follower's question that is to be answered.
    pub fn take_ask(&mut self, ask: Ask) -> OrderNumber {
        self.last_order += 1;
        while self.asks.len() >= MOST_ORDERS {
            // Its connection has ended before it was looked at.
            self.asks.pop_first();
        }
        self.asks.insert(self.last_order, ask);
        OrderNumber(self.last_order)
    }

    /// Gives it back.
    pub fn ask(&mut self, number: OrderNumber) -> Option<Ask> {
        self.asks.remove(&number.0)
    }

    /// The member that orders are about, made with the first of them.
    pub fn ordered(&mut self, order: &Order) -> &mut Replica<NodeId> {
        self.shard.get_or_insert_with(|| order.shard.clone());
        self.name = Some(order.me.clone());
        let (node, incarnation) = (order.me.clone(), self.incarnation);
        self.replica
            .get_or_insert_with(|| Replica::new(protocol::Member { node, incarnation }))
    }

    /// The copy that was here goes: a new life.
    pub fn renew(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
    }

    /// Puts [`Member::serving_epoch`] right after a change.
    pub fn settle(&mut self) {
        let led = |replica: &Replica<NodeId>| {
            let epoch = replica.role_epoch()?;
            replica.admits(epoch).then_some(epoch.0)
        };
        self.serving_epoch = match (&self.replica, &self.shard) {
            (Some(replica), _) => led(replica).unwrap_or(SERVES_NOBODY),
            (None, Some(_)) => SERVES_NOBODY,
            (None, None) => PLAIN,
        };
    }

    /// Whether it is a member of a shard and does not lead it at the newest epoch that it has seen.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match (&self.replica, &self.shard) {
            (Some(replica), _) => replica.serving_epoch().is_none(),
            (None, shard) => shard.is_some(),
        }
    }

    /// The log has grown up to `end`.
    pub fn appended(&mut self, end: u64) {
        if let Some(replica) = &mut self.replica {
            replica.appended(Offset(end));
        }
    }

    /// All before it is on everybody that is waited for; `None` where that is not known, or this node does not lead.
    #[must_use]
    pub fn commit(&self) -> Option<u64> {
        match self.replica.as_ref()?.duty() {
            Duty::Leading(leading) => leading.commit().map(|commit| commit.0),
            Duty::Waiting | Duty::Following(_) => None,
        }
    }

    /// Whether a reply that tells of the log up to `end` has to wait for followers.
    #[must_use]
    pub fn waits(&self, end: u64) -> bool {
        self.commit().is_none_or(|commit| commit < end)
    }

    /// Where the last write to each slot ends is known from now on, of a log that ends at `end`.
    pub fn begin_slot_writes(&mut self, end: u64) {
        self.slot_writes = Some(SlotWrites::new(end));
    }

    /// Nobody wants to know that any more.
    pub fn end_slot_writes(&mut self) {
        self.slot_writes = None;
    }

    /// Where the last write to each slot ends, while somebody wants to know.
    pub fn slot_writes_mut(&mut self) -> Option<&mut SlotWrites> {
        self.slot_writes.as_mut()
    }

    /// Up to where followers must have the log that ends at `end` before a reply that tells of `seen` goes out.
    #[must_use]
    pub fn needed(&self, seen: Seen, end: u64) -> u64 {
        match &self.slot_writes {
            Some(writes) => writes.needed(seen, end),
            None => end,
        }
    }

    /// A client's replies wait until followers have all before `until`.
    pub fn note_waiting(&mut self, until: u64, client: ClientKey) {
        self.waiting.insert((until, client));
    }

    /// Clients whose replies have come free, and up to where followers have all.
    pub fn released(&mut self) -> (u64, Vec<ClientKey>) {
        let Some(commit) = self.commit() else {
            return (0, Vec::new());
        };
        let mut free = Vec::new();
        while let Some((until, client)) = self.waiting.pop_first() {
            if until > commit {
                self.waiting.insert((until, client));
                break;
            }
            free.push(client);
        }
        (commit, free)
    }

    /// A command has been carried out whose reply waits until followers have confirmed that they follow: the number of the question; `None` where nobody can be asked.
    pub fn ask_for_read(&mut self) -> Option<u64> {
        self.replica.as_mut()?.ask_for_read()
    }

    /// Questions up to this number have been answered by everybody that is waited for; 0 where this node does not lead.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        match self.replica.as_ref().map(Replica::duty) {
            Some(Duty::Leading(leading)) => leading.confirmed(),
            _ => 0,
        }
    }

    /// A client's replies wait for the answer to this question.
    pub fn note_reading(&mut self, number: u64, client: ClientKey) {
        self.reading.push_back((number, client));
    }

    /// Clients whose replies have come free by it, and up to which question all are answered.
    pub fn released_reads(&mut self) -> (u64, Vec<ClientKey>) {
        let confirmed = self.confirmed();
        let free = self.reading.iter();
        let free = free.take_while(|(number, _)| *number <= confirmed).count();
        let free = self.reading.drain(..free).map(|(_, client)| client);
        (confirmed, free.collect())
    }

    /// It leads no more: those whose replies wait will not get them. Who they are.
    pub fn forget_waiting(&mut self) -> BTreeSet<ClientKey> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let reading = std::mem::take(&mut self.reading).into_iter();
        let reading = reading.map(|(_, client)| client);
        waiting.map(|(_, client)| client).chain(reading).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Member, Order, PLAIN, SERVES_NOBODY};
    use protocol::{Acknowledgement, Instruction, Offset, What};
    use shared::topology::{Epoch, Incarnation, Version};

    fn order(epoch: u64, what: What<shared::topology::NodeId>) -> Order {
        Order {
            shard: "s1".parse().expect("a name"),
            me: "n1".parse().expect("a name"),
            instruction: Instruction {
                epoch: Epoch(epoch),
                rev: Version(epoch),
                incarnation: Incarnation(1),
                what,
            },
            leader: None,
            waits_for_followers: false,
            reads_linearizable: false,
        }
    }

    fn obey(member: &mut Member, order: &Order, end: u64) {
        member.ordered(order).obey(&order.instruction, Offset(end));
        member.settle();
    }

    fn life(name: &str, life: u64) -> protocol::Member<shared::topology::NodeId> {
        protocol::Member {
            node: name.parse().expect("a name"),
            incarnation: Incarnation(life),
        }
    }

    #[test]
    fn it_serves_at_the_epoch_at_which_it_leads_and_at_no_other() {
        let mut member = Member::new(Incarnation(1));
        assert_eq!(member.serving_epoch, PLAIN);
        obey(&mut member, &order(3, What::Fence), 0);
        assert_eq!(member.serving_epoch, SERVES_NOBODY, "it has no orders yet");
        let alone = [life("n1", 1)].into();
        obey(&mut member, &order(3, What::Promote(alone)), 0);
        assert_eq!(member.serving_epoch, 3);
        obey(&mut member, &order(4, What::Fence), 0);
        assert_eq!(member.serving_epoch, SERVES_NOBODY);
        let mut marked = Member::new(Incarnation(1));
        marked.belong("s1".parse().expect("a name"));
        assert_eq!(marked.serving_epoch, SERVES_NOBODY);
    }

    #[test]
    fn replies_wait_for_those_who_are_in_sync() {
        let mut clients = crate::node_state::Clients::default();
        let identity = crate::client::Identity::new(1, 0);
        let client = clients.enter(identity, crate::client::Session::default());
        let mut member = Member::new(Incarnation(1));
        let both = [life("n1", 1), life("n2", 7)].into();
        obey(&mut member, &order(1, What::Promote(both)), 0);
        member.replica_mut().expect("it").connected(Incarnation(7));
        member.appended(10);
        assert!(member.waits(10));
        member.note_waiting(10, client);
        let mut acknowledge = |offset| {
            let heard = Acknowledgement {
                epoch: Epoch(1),
                follower: Incarnation(7),
                offset: Offset(offset),
                rev: Version(1),
                confirms: 0,
            };
            let replica = member.replica_mut().expect("it");
            assert!(replica.acknowledged(&heard, Offset(10)));
            member.released()
        };
        assert_eq!(acknowledge(9), (9, Vec::new()));
        assert_eq!(acknowledge(10), (10, vec![client]));
        assert!(!member.waits(10));
    }
}
