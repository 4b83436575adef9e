//! Leases: connections to shards' primaries of which each belongs to one client for a while, because what the client asks may wait at the node (BLPOP and the like) or
//! leaves something behind there (WATCH).
//! Pure: whoever runs the thread opens what is in [`Leases::take_unstarted`], writes what waits, and says what came.
//!
//! ```text
//!  Opening ─► Open ─► Asked ─► Answered ─► Open …        given back: idle, for the next client, or ended
//!     │        │        │
//!     └────────┴────────┴──► Lost: nothing has been sent │ something may have arrived
//! ```
//!
//! Invariants: a lease has one owner at most, and asks one thing at a time; what is given back has nothing under way and watches nothing, or is ended; there are
//! no more than [`Leases::new`] was told but for those about to close.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use shared::topology::{Address, NodeId};

use super::Lane;
use super::handshake::{ConnectionName, FirstWords};
use super::set::{Fence, NodeEntry};
use crate::route::Place;
use crate::slab::{Key, Slab};

/// Leases that nobody has at the moment and that stay open all the same: for clients that wait again and again.
const MOST_IDLE: usize = 256;

/// How long, milliseconds.
const IDLE_MS: u64 = 10_000;

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaseKey(Key);

/// Where a lease leads, and as what its node is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseWay {
    node: NodeId,
    address: Address,
    fence: Fence,
    /// Which keys are its shard's, as it was told.
    local_keys: Option<Arc<[u8]>>,
    /// It is a redis-server, which takes no orders.
    pub(crate) is_plain: bool,
    /// What was agreed.
    pub(crate) lane: Lane,
}

impl LeaseWay {
    /// To this node.
    pub(crate) fn to(node: &NodeEntry, lane: Lane) -> Self {
        Self {
            node: node.id.clone(),
            address: node.address.clone(),
            fence: node.fence.clone(),
            local_keys: node.local_keys.clone(),
            is_plain: node.is_plain,
            lane,
        }
    }

    /// Whether it is this node, obeying as it does, to which it leads.
    pub(crate) fn leads_to(&self, node: &NodeEntry) -> bool {
        self.node == node.id && self.address == node.address && self.fence == node.fence
    }
}

/// What a lease is doing.
#[derive(Debug)]
pub(crate) enum State {
    /// It is being opened, and agreed upon.
    Opening,
    /// Nothing is under way.
    Open,
    /// So many replies are missing; the last one is the answer.
    Asked(usize),
    /// The answer is here.
    Answered(Bytes),
    /// It is of no more use.
    Lost(Loss),
}

/// What is true for what was under way over a lease that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Not a byte of it was sent.
    Unsent,
    /// The node may have seen it, and done it.
    Sent,
    /// The node has answered more than any client may have waiting.
    TooLarge,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Where it leads.
    pub(crate) way: LeaseWay,
    /// The shard that its node leads; errors name it.
    pub(crate) shard: Box<str>,
    /// That shard's place among those that counters know.
    pub(crate) label: usize,
    /// What its owner has it for: when that belongs elsewhere, the lease is of no more use.
    pub(crate) place: Place,
    owner: Option<Key>,
    state: State,
    /// What is to be said when it is opened; taken by whoever does.
    words: Option<FirstWords>,
    /// Somebody is opening it, or reads from it.
    is_connecting: bool,
    /// What the node calls it.
    name: Option<ConnectionName>,
    out: Vec<u8>,
    written: usize,
    /// The reply before the answer, of what was asked last.
    before: Option<Bytes>,
    /// Then what is under way is given up, monotonic milliseconds.
    pub(crate) end_ms: Option<u64>,
    /// What is under way may wait at the node for as long as its client wants.
    pub(crate) may_wait: bool,
    /// The node was asked to end the waiting, for reasons of ours.
    pub(crate) is_cut_short: bool,
    /// It is not to be used again.
    pub(crate) is_spent: bool,
}

impl Lease {
    /// What it is doing.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> Option<Key> {
        self.owner
    }

    /// What the node calls it, once it is open.
    pub(crate) fn name(&self) -> Option<&ConnectionName> {
        self.name.as_ref()
    }

    /// What is to be written.
    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.out[self.written..]
    }

    /// So much of it was.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written == self.out.len() && self.out.capacity() > KEPT_BYTES {
            self.out = Vec::new();
            // Something was sent, whatever was kept of it.
            self.out.push(0);
            self.written = 1;
        }
    }

    fn loss(&self) -> Loss {
        match self.state {
            State::Asked(_) if self.written > 0 => Loss::Sent,
            _ => Loss::Unsent,
        }
    }

    /// The reply before the answer, if that was asked for and has come, whatever has become of the answer.
    pub(crate) fn take_before(&mut self) -> Option<Bytes> {
        self.before.take()
    }

    /// The answer, which is there: nothing is under way from now on.
    pub(crate) fn take_answer(&mut self) -> Bytes {
        match std::mem::replace(&mut self.state, State::Open) {
            State::Answered(answer) => answer,
            other => {
                self.state = other;
                Bytes::new()
            }
        }
    }
}

/// Larger requests are not kept once they are written.
const KEPT_BYTES: usize = 16 * 1024;

/// What a node is told over a connection of its own about one that waits there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Errand {
    /// Where.
    pub(crate) address: Address,
    /// CLIENT UNBLOCK of this number …
    pub(crate) id: u64,
    /// … so that an error is the reply.
    pub(crate) with_error: bool,
}

/// All leases of a thread.
#[derive(Debug)]
pub(crate) struct Leases {
    all: Slab<Lease>,
    idle: VecDeque<(LeaseKey, u64)>,
    unstarted: Vec<LeaseKey>,
    dirty: Vec<LeaseKey>,
    errands: Vec<Errand>,
    most: usize,
}

impl Leases {
    /// None; at most so many at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            all: Slab::new(),
            idle: VecDeque::new(),
            unstarted: Vec::new(),
            dirty: Vec::new(),
            errands: Vec::new(),
            most,
        }
    }

    /// How many there may be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// An idle one that leads this way belongs to `owner` from now on.
    pub(crate) fn reuse(&mut self, way: &LeaseWay, owner: Key, place: Place) -> Option<LeaseKey> {
        let leads =
            |(key, _): &(LeaseKey, u64)| self.all.get(key.0).is_some_and(|lease| lease.way == *way);
        // The youngest: those that nobody needs grow old.
        let at = self.idle.iter().rposition(leads)?;
        let (key, _) = self.idle.remove(at)?;
        let lease = self.all.get_mut(key.0)?;
        lease.owner = Some(owner);
        lease.place = place;
        Some(key)
    }

    /// A new one that leads to this node; `None` when there are as many as there may be.
    pub(crate) fn open(
        &mut self,
        way: LeaseWay,
        node: &NodeEntry,
        words: FirstWords,
        owner: Key,
        place: Place,
    ) -> Option<LeaseKey> {
        if self.all.len() >= self.most {
            let (oldest, _) = self.idle.pop_front()?;
            self.end(oldest);
        }
        let key = LeaseKey(self.all.insert(Lease {
            way,
            shard: node.shard.clone(),
            label: node.shard_index,
            place,
            owner: Some(owner),
            state: State::Opening,
            words: Some(words),
            is_connecting: true,
            name: None,
            out: Vec::new(),
            written: 0,
            before: None,
            end_ms: None,
            may_wait: false,
            is_cut_short: false,
            is_spent: false,
        }));
        self.unstarted.push(key);
        Some(key)
    }

    /// The lease of this key, unless it has ended.
    pub(crate) fn get_mut(&mut self, key: LeaseKey) -> Option<&mut Lease> {
        self.all.get_mut(key.0)
    }

    /// All of them.
    pub(crate) fn keys(&self) -> Vec<LeaseKey> {
        self.all.keys().into_iter().map(LeaseKey).collect()
    }

    /// Something is asked over one that is open; the last of `replies` is the answer.
    pub(crate) fn ask(
        &mut self,
        key: LeaseKey,
        replies: usize,
        request: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(lease) = self.all.get_mut(key.0) else {
            return;
        };
        debug_assert!(matches!(lease.state, State::Open), "one thing at a time");
        lease.out.clear();
        lease.written = 0;
        lease.before = None;
        request(&mut lease.out);
        lease.state = State::Asked(replies);
        self.dirty.push(key);
    }

    /// Its owner needs it no more. What watches is asked to forget that before somebody else has it.
    pub(crate) fn give_back(&mut self, key: LeaseKey, watches: bool, now_ms: u64) {
        let Some(lease) = self.all.get_mut(key.0) else {
            return;
        };
        lease.owner = None;
        lease.end_ms = None;
        lease.may_wait = false;
        lease.is_cut_short = false;
        lease.before = None;
        if !matches!(lease.state, State::Open) || lease.is_spent {
            return self.end(key);
        }
        if watches {
            lease.end_ms = Some(now_ms.saturating_add(IDLE_MS));
            return self.ask(key, 1, |out| shared::resp::encode_request(out, ["UNWATCH"]));
        }
        self.idle.push_back((key, now_ms));
        if self.idle.len() > MOST_IDLE
            && let Some((oldest, _)) = self.idle.pop_front()
        {
            self.end(oldest);
        }
    }

    /// It is closed, whatever is under way.
    pub(crate) fn end(&mut self, key: LeaseKey) {
        self.idle.retain(|(idle, _)| *idle != key);
        let Some(lease) = self.all.get_mut(key.0) else {
            return;
        };
        lease.owner = None;
        if lease.is_connecting {
            // It counts until whoever opens it gives it up: connections under way are bounded as well.
            lease.state = State::Lost(Loss::Unsent);
        } else {
            self.all.remove(key.0);
        }
        self.dirty.push(key);
    }

    /// What is to be said to open it, and where; `None` when nobody wants it any more.
    pub(crate) fn take_words(&mut self, key: LeaseKey) -> Option<(Address, FirstWords)> {
        let lease = self.all.get_mut(key.0)?;
        let words = lease.words.take()?;
        matches!(lease.state, State::Opening).then(|| (lease.way.address.clone(), words))
    }

    /// It is open. Whose it is; `None`: nobody wants it any more.
    pub(crate) fn opened(&mut self, key: LeaseKey, name: Option<ConnectionName>) -> Option<Key> {
        let lease = self.all.get_mut(key.0)?;
        lease.is_connecting = false;
        if !matches!(lease.state, State::Opening) {
            return None;
        }
        lease.name = name;
        lease.state = State::Open;
        lease.owner
    }

    /// A whole reply has come; who is to be told. An error: nobody has asked for it.
    pub(crate) fn replied(
        &mut self,
        key: LeaseKey,
        reply: Bytes,
        now_ms: u64,
    ) -> Result<Option<Key>, Unasked> {
        let Some(lease) = self.all.get_mut(key.0) else {
            return Ok(None);
        };
        match &mut lease.state {
            State::Asked(missing) if *missing > 1 => {
                *missing -= 1;
                lease.before = Some(reply);
                Ok(None)
            }
            State::Asked(_) if lease.owner.is_some() => {
                lease.state = State::Answered(reply);
                lease.end_ms = None;
                Ok(lease.owner)
            }
            State::Asked(_) => {
                lease.state = State::Open;
                self.give_back(key, false, now_ms);
                Ok(None)
            }
            _ => Err(Unasked),
        }
    }

    /// It is of no more use; who is to be told.
    pub(crate) fn lost(&mut self, key: LeaseKey) -> Option<Key> {
        let loss = self.all.get(key.0)?.loss();
        self.lost_with(key, loss)
    }

    /// The same, and this is true for what was under way.
    pub(crate) fn lost_with(&mut self, key: LeaseKey, loss: Loss) -> Option<Key> {
        let lease = self.all.get_mut(key.0)?;
        lease.is_spent = true;
        match lease.state {
            State::Answered(_) | State::Lost(_) => {}
            _ => lease.state = State::Lost(loss),
        }
        lease.end_ms = None;
        self.dirty.push(key);
        let owner = lease.owner;
        if owner.is_none() {
            self.end(key);
        }
        owner
    }

    /// Whoever opened it, or read from it, does so no longer.
    pub(crate) fn left(&mut self, key: LeaseKey) {
        if let Some(lease) = self.all.get_mut(key.0) {
            lease.is_connecting = false;
            if lease.owner.is_none() {
                self.end(key);
            }
        }
    }

    /// Ends what has been idle for too long; gives those whose time is over.
    pub(crate) fn tick(&mut self, now_ms: u64) -> Vec<LeaseKey> {
        while let Some((key, since_ms)) = self.idle.front().copied()
            && now_ms.saturating_sub(since_ms) >= IDLE_MS
        {
            self.end(key);
        }
        if self.all.len() == self.idle.len() {
            return Vec::new();
        }
        let mut over = self.keys();
        over.retain(|key| {
            let end_ms = self.all.get(key.0).and_then(|lease| lease.end_ms);
            end_ms.is_some_and(|end_ms| now_ms >= end_ms)
        });
        over
    }

    /// The node is to end the waiting of this lease; whether it can be told.
    pub(crate) fn cut_short(&mut self, key: LeaseKey, with_error: bool) -> bool {
        let Some(lease) = self.all.get_mut(key.0) else {
            return false;
        };
        // When the word arrives late, the connection is not to be somebody else's by then.
        lease.is_spent = true;
        let Some(name) = &lease.name else {
            return false;
        };
        self.errands.push(Errand {
            address: lease.way.address.clone(),
            id: name.id(),
            with_error,
        });
        true
    }

    /// Leases that are to be opened.
    pub(crate) fn take_unstarted(&mut self) -> Vec<LeaseKey> {
        std::mem::take(&mut self.unstarted)
    }

    /// Leases at which whoever has the connection is to look.
    pub(crate) fn take_dirty(&mut self) -> Vec<LeaseKey> {
        std::mem::take(&mut self.dirty)
    }

    /// What is to be told to nodes.
    pub(crate) fn take_errands(&mut self) -> Vec<Errand> {
        std::mem::take(&mut self.errands)
    }

    /// Whether there is something of the kind.
    #[inline]
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.unstarted.is_empty() || !self.errands.is_empty()
    }
}

/// A reply that nobody has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unasked;

#[cfg(test)]
mod tests;
