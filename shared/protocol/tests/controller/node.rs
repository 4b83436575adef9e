//! A node: the crate's [`Replica`] with a log of numbered writes, what it owes to clients, and its connections to leader and followers.
//! Decides nothing itself: it moves logs as the replica says.

use std::collections::BTreeMap;

use protocol::{
    Acknowledgement, Batch, Duty, EpochTable, Handshake, Instruction, Member, Offset, Position,
    Replica, Status, Sync, What,
};
use shared::topology::{Epoch, Incarnation, Version};

use crate::setup::{Broken, Disk, Setup};

/// An entry of a log.
pub(crate) type Entry = (Epoch, u32);

/// What nodes say to each other.
#[derive(Clone, Debug)]
pub(crate) enum Talk {
    Ask(u64, Handshake),
    Answer(u64, Member<u8>, Epoch, Sync),
    /// The follower has begun: the connection's number, its life, where it goes on, whether it copies anew.
    Began(u64, Incarnation, usize, bool),
    /// The connection's number, where the entries begin, the entries, what is to be confirmed.
    Batch(u64, Batch, usize, Vec<Entry>, u64),
    Heard(Acknowledgement),
}

/// A connection to a follower.
#[derive(Clone, Debug)]
struct Feed {
    connection: u64,
    life: Incarnation,
    epoch: Epoch,
    sent: usize,
    /// A snapshot takes until then.
    ready_us: u64,
}

/// A connection to the leader.
#[derive(Clone, Debug)]
struct Link {
    connection: u64,
    is_full: bool,
    heard_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    Frozen(u64),
    Down { refuses: bool },
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) replica: Replica<u8>,
    /// The shard that the last order named.
    pub(crate) shard: u8,
    pub(crate) log: Vec<Entry>,
    epochs: EpochTable,
    pub(crate) state: State,
    /// Writes that were appended here, in this role, and are not acknowledged: end, write, proxy.
    pub(crate) owed: BTreeMap<usize, (u32, u8)>,
    /// How many were owed when a role ended: clients hear that nobody knows.
    pub(crate) unknown: u64,
    feeds: BTreeMap<u8, Feed>,
    link: Option<Link>,
    /// The number of the question to the leader that is open.
    asking: Option<u64>,
    held_until_us: Option<u64>,
    pub(crate) busy_ms: u64,
    broken: Broken,
    forgets: u64,
    copying_us: u64,
}

/// What a node wants sent to another.
pub(crate) type Letters = Vec<(u8, Talk)>;

impl Node {
    pub(crate) fn new(me: Member<u8>, setup: &Setup) -> Self {
        Self {
            replica: Replica::new(me),
            shard: 0,
            log: Vec::new(),
            epochs: EpochTable::default(),
            state: State::Up,
            owed: BTreeMap::new(),
            unknown: 0,
            feeds: BTreeMap::new(),
            link: None,
            asking: None,
            held_until_us: None,
            busy_ms: 0,
            broken: setup.broken,
            forgets: setup.forgets,
            copying_us: setup.copying_ms * 1_000,
        }
    }

    fn end(&self) -> Offset {
        Offset(self.log.len() as u64)
    }

    pub(crate) fn position(&self) -> Position {
        self.epochs.position(self.end())
    }

    pub(crate) fn status(&self) -> Status<u8> {
        let mut status = self.replica.status(self.position());
        if self.broken == Broken::Half {
            status.is_syncing = false;
            if let Some(leading) = &mut status.leading {
                leading.joined = leading.waits_for.clone();
                let copying = self.feeds.values().map(|feed| (feed.life, self.end()));
                leading.others.extend(copying);
            }
        }
        status
    }

    pub(crate) fn commit(&self) -> Option<Offset> {
        match self.replica.duty() {
            Duty::Leading(_) if self.broken == Broken::Alone => Some(self.end()),
            Duty::Leading(leading) => leading.commit(),
            _ => None,
        }
    }

    fn append(&mut self, entries: &[Entry]) {
        for (epoch, write) in entries {
            self.epochs.append(*epoch, self.end());
            self.log.push((*epoch, *write));
        }
    }

    fn clear(&mut self) {
        self.log.clear();
        self.epochs = EpochTable::default();
    }

    pub(crate) fn obey(&mut self, order: &Instruction<u8>, now_us: u64) -> Letters {
        let before = (self.replica.role_epoch(), self.leader());
        let mut order = order.clone();
        if self.broken == Broken::ShrinkLater
            && let What::Promote(members) | What::InSync(members) = &mut order.what
        {
            let me = self.replica.me().node;
            members.retain(|member| member.node == me);
        }
        if self.broken == Broken::Hold && matches!(order.what, What::Hold { .. }) {
            return Vec::new();
        }
        let end = self.end();
        self.replica.obey(&order, end);
        if let What::Hold { most_ms } = order.what {
            self.held_until_us = Some(now_us + most_ms * 1_000);
        }
        if before != (self.replica.role_epoch(), self.leader()) {
            self.end_role();
        }
        self.connect(now_us, order.rev)
    }

    fn leader(&self) -> Option<Member<u8>> {
        match self.replica.duty() {
            Duty::Following(following) => Some(*following.leader()),
            _ => None,
        }
    }

    fn end_role(&mut self) {
        self.unknown += self.owed.len() as u64;
        self.owed.clear();
        self.feeds.clear();
        self.link = None;
        self.asking = None;
        self.held_until_us = None;
    }

    /// Asks the leader for its log when there is no connection.
    fn connect(&mut self, now_us: u64, salt: Version) -> Letters {
        let is_alive = |link: &Link| now_us.saturating_sub(link.heard_us) < 300_000;
        if self.link.as_ref().is_some_and(is_alive) {
            return Vec::new();
        }
        let (Some(leader), Some(asked)) = (self.leader(), self.replica.ask(self.position())) else {
            return Vec::new();
        };
        self.link = None;
        let number = now_us ^ (salt.0 << 48);
        self.asking = Some(number);
        vec![(leader.node, Talk::Ask(number, asked))]
    }

    /// Every 25 ms.
    pub(crate) fn tick(&mut self, now_us: u64) -> Letters {
        if self.held_until_us.is_some_and(|until| now_us >= until) {
            self.held_until_us = None;
            self.replica.go_on();
        }
        let mut letters = self.feed(now_us);
        letters.extend(self.connect(now_us, Version(0)));
        letters
    }

    /// Sends every follower what it lacks, and the version.
    fn feed(&mut self, now_us: u64) -> Letters {
        let serving = self.replica.serving_epoch();
        let Duty::Leading(leading) = self.replica.duty() else {
            self.feeds.clear();
            return Vec::new();
        };
        self.feeds.retain(|_, feed| Some(feed.epoch) == serving);
        let leader = self.replica.me().incarnation;
        let (rev, asked, log) = (leading.applied_rev(), leading.asked(), &self.log);
        let ready = self
            .feeds
            .iter_mut()
            .filter(|(_, feed)| now_us >= feed.ready_us);
        let letter = |(follower, feed): (&u8, &mut Feed)| {
            let epoch = feed.epoch;
            let batch = Batch { leader, epoch, rev };
            let (from, entries) = (feed.sent, log[feed.sent..].to_vec());
            feed.sent = log.len();
            (
                *follower,
                Talk::Batch(feed.connection, batch, from, entries, asked),
            )
        };
        ready.map(letter).collect()
    }

    /// A client's write arrives. Whether it is carried out.
    pub(crate) fn write(&mut self, epoch: Epoch, write: u32, proxy: u8) -> bool {
        if !self.replica.admits(epoch) {
            return false;
        }
        self.append(&[(epoch, write)]);
        self.owed.insert(self.log.len(), (write, proxy));
        let end = self.end();
        self.replica.appended(end);
        true
    }

    pub(crate) fn after_write(&mut self, now_us: u64) -> Letters {
        self.feed(now_us)
    }

    /// Another node says something. `chance` is drawn anew each time. An error is something that must never happen.
    pub(crate) fn hear(
        &mut self,
        from: u8,
        talk: Talk,
        now_us: u64,
        chance: u64,
    ) -> Result<Letters, &'static str> {
        match talk {
            Talk::Ask(number, asked) => Ok(self.answer(from, number, &asked, chance)),
            Talk::Answer(number, leader, epoch, sync) => {
                Ok(self.begin((number, leader, epoch), sync, now_us, chance))
            }
            Talk::Began(connection, life, from_entry, is_full) => {
                let Some(epoch) = self.replica.serving_epoch() else {
                    return Ok(Vec::new());
                };
                self.replica.connected(life);
                let copying_us = if is_full {
                    20_000 + chance % (self.copying_us - 20_000)
                } else {
                    0
                };
                let feed = Feed {
                    connection,
                    life,
                    epoch,
                    sent: from_entry.min(self.log.len()),
                    ready_us: now_us + copying_us,
                };
                self.feeds.insert(from, feed);
                Ok(self.feed(now_us))
            }
            Talk::Batch(connection, batch, at, entries, asked) => {
                self.take(from, (connection, batch, at, asked), &entries, now_us)
            }
            Talk::Heard(heard) => {
                let end = self.end();
                self.replica.acknowledged(&heard, end);
                Ok(Vec::new())
            }
        }
    }

    fn answer(&mut self, from: u8, number: u64, asked: &Handshake, chance: u64) -> Letters {
        let end = self.end();
        let Some(sync) = self.replica.answer(asked, &self.epochs, end) else {
            return Vec::new();
        };
        // Now and then its log does not reach back so far.
        let is_forgotten = self.forgets > 0 && chance.is_multiple_of(self.forgets);
        let sync = if is_forgotten && end > Offset(0) {
            Sync::Full
        } else {
            sync
        };
        let me = *self.replica.me();
        vec![(from, Talk::Answer(number, me, asked.epoch, sync))]
    }

    fn begin(
        &mut self,
        (number, leader, epoch): (u64, Member<u8>, Epoch),
        sync: Sync,
        now_us: u64,
        chance: u64,
    ) -> Letters {
        let is_awaited = self.asking == Some(number)
            && self.leader() == Some(leader)
            && self.replica.role_epoch() == Some(epoch)
            && self.link.is_none();
        if !is_awaited {
            return Vec::new();
        }
        self.asking = None;
        if let Sync::Continue(offset) = sync
            && offset != self.end()
        {
            return Vec::new();
        }
        let next_life = Incarnation(1_000_000 + chance);
        if self.replica.begin(sync, next_life).is_err() {
            if self.broken == Broken::Wipe {
                self.clear();
            }
            return Vec::new();
        }
        let is_full = sync == Sync::Full;
        if is_full {
            self.clear();
        }
        self.link = Some(Link {
            connection: number,
            is_full,
            // A snapshot takes its time.
            heard_us: now_us + if is_full { self.copying_us } else { 0 },
        });
        let life = self.replica.me().incarnation;
        vec![(
            leader.node,
            Talk::Began(number, life, self.log.len(), is_full),
        )]
    }

    fn take(
        &mut self,
        from: u8,
        (connection, batch, at, asked): (u64, Batch, usize, u64),
        entries: &[Entry],
        now_us: u64,
    ) -> Result<Letters, &'static str> {
        let Some(link) = self
            .link
            .as_mut()
            .filter(|link| link.connection == connection)
        else {
            return Ok(Vec::new());
        };
        if at != self.log.len() || !self.replica.takes(batch) {
            self.link = None;
            return Ok(Vec::new());
        }
        link.heard_us = now_us;
        let is_full = std::mem::take(&mut link.is_full);
        let newest = self.log.last().map(|(epoch, _)| *epoch);
        if entries
            .first()
            .is_some_and(|(epoch, _)| newest > Some(*epoch))
        {
            return Err("an entry of an older epoch stands behind one of a newer one");
        }
        self.append(entries);
        if is_full {
            self.replica.synced();
        }
        let end = self.end();
        let heard = self.replica.acknowledge(end, asked);
        Ok(heard
            .map(|heard| (from, Talk::Heard(heard)))
            .into_iter()
            .collect())
    }

    /// Its process ends; of its disk so much is left.
    pub(crate) fn die(&mut self, refuses: bool, disk: Disk, chance: u64) {
        self.state = State::Down { refuses };
        self.end_role();
        self.link = None;
        let whole = self.log.len() as u64;
        let kept = match disk {
            Disk::Whole => whole,
            Disk::Cut => chance % (whole + 1),
            Disk::Empty => 0,
        };
        let kept = if self.replica.is_syncing() { 0 } else { kept };
        self.log.truncate(usize::try_from(kept).unwrap_or_default());
        self.epochs.cut(Offset(kept));
    }

    /// It starts again, in a new life.
    pub(crate) fn start(&mut self, life: Incarnation) {
        let node = self.replica.me().node;
        let incarnation = match self.broken {
            Broken::Incarnation => self.replica.me().incarnation,
            _ => life,
        };
        self.replica = Replica::new(Member { node, incarnation });
        self.state = State::Up;
        self.busy_ms = 0;
    }
}
