//! One shard's part in the subscriptions of a thread: what its primary has been told, what is still to be told, what it has confirmed.
//! Pure. Invariants: over a new connection everything is told anew; a change counts as confirmed when the primary has answered what was sent behind it.
//!
//! ```text
//!  idle ─► opening ─► open ─► (lost) opening ─► down ─► open …      whoever waits for a confirmation waits for relays that open, or are open
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::rc::Rc;

use shared::pubsub::{Subscriptions, Topic};
use shared::resp::encode_request;
use shared::topology::{Address, NodeId};

use crate::pipe::set::Fence;
use crate::slab::Key;

/// Names in one batch of words.
const NAMES_AT_ONCE: usize = 512;

/// Bytes of words from which on a batch ends.
const WORDS_BYTES: usize = 64 * 1024;

/// Changes that are not told yet, above which everything is looked through instead.
const MOST_CHANGES: usize = 64 * 1024;

/// To whom a relay speaks: another one of these is another connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The primary.
    pub(crate) node: NodeId,
    /// Where it listens.
    pub(crate) address: Address,
    /// As whom it obeys.
    pub(crate) fence: Fence,
    /// A Redis or Valkey server, which counts connections and not those for whom they stand.
    pub(crate) is_plain: bool,
}

/// How a relay's connection fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody wants it.
    #[default]
    Idle,
    /// It is being opened, or was lost just now.
    Opening,
    /// Agreed upon.
    Open,
    /// The last attempt has failed; there will be others.
    Down,
}

#[derive(Debug)]
struct Change {
    number: u64,
    topic: Topic,
    name: Rc<[u8]>,
}

/// How far all names have been looked through.
#[derive(Debug, Default)]
struct Sweep {
    topic: usize,
    last: Option<Rc<[u8]>>,
}

/// What is known of one shard.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    state: State,
    target: Option<Target>,
    /// What the primary has been told: for how many each name is.
    said: [BTreeMap<Rc<[u8]>, u32>; 3],
    changes: VecDeque<Change>,
    sweep: Option<Sweep>,
    /// The same of all that was said.
    sweep_of_said: Option<Sweep>,
    /// What each PING that is not answered confirms.
    asked: VecDeque<u64>,
    /// What has been sent and is not answered, in order: whether it is a PING.
    owed: VecDeque<bool>,
    confirmed: u64,
    /// When it was last asked, or last said something, monotonic milliseconds.
    heard_ms: u64,
    /// It is to be given up.
    is_doomed: bool,
    /// Whether it was ever open: what was published while it was not may be lost.
    was_open: bool,
}

impl Relay {
    /// Takes note of the shard's primary.
    pub(super) fn follow(&mut self, target: Target) {
        let is_other = self.target.as_ref().is_some_and(|known| *known != target);
        self.is_doomed |= is_other && self.state != State::Idle;
        if is_other && self.state == State::Down {
            self.state = State::Opening;
        }
        self.target = Some(target);
        // Slots may have moved, and shard channels with them.
        self.sweep = Some(Sweep::default());
    }

    /// To whom it is to speak.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Somebody has subscribed: whether a task is to be started.
    pub(crate) fn begin(&mut self) -> bool {
        let is_idle = self.state == State::Idle;
        if is_idle {
            self.state = State::Opening;
            self.is_doomed = false;
        }
        is_idle
    }

    /// The connection is agreed upon; whether there was one before.
    pub(crate) fn opened(&mut self, now_ms: u64) -> bool {
        self.state = State::Open;
        self.is_doomed = false;
        self.said = Default::default();
        self.changes.clear();
        self.asked.clear();
        self.confirmed = 0;
        self.sweep = Some(Sweep::default());
        self.sweep_of_said = None;
        self.owed.clear();
        self.heard_ms = now_ms;
        std::mem::replace(&mut self.was_open, true)
    }

    /// The connection is lost; it is opened again at once.
    pub(crate) fn lost(&mut self) {
        self.state = State::Opening;
        self.is_doomed = false;
    }

    /// It could not be opened.
    pub(crate) fn not_opened(&mut self) {
        self.state = State::Down;
        self.is_doomed = false;
    }

    /// Whether it is to be given up, because the shard has another primary.
    pub(crate) fn is_doomed(&self) -> bool {
        self.is_doomed
    }

    /// What is confirmed, if changes wait for it at all.
    pub(super) fn holds_up_behind(&self) -> Option<u64> {
        match self.state {
            State::Opening => Some(0),
            State::Open => Some(self.confirmed),
            State::Idle | State::Down => None,
        }
    }

    /// A name has a subscriber more or less.
    pub(super) fn changed(&mut self, number: u64, topic: Topic, name: &Rc<[u8]>) {
        if self.state != State::Open {
            return;
        }
        if self.changes.len() >= MOST_CHANGES {
            self.changes.clear();
            self.sweep = Some(Sweep::default());
            // What is told already and wanted no more is found in what was said.
            self.sweep_of_said = Some(Sweep::default());
        }
        let name = Rc::clone(name);
        self.changes.push_back(Change {
            number,
            topic,
            name,
        });
    }

    /// The primary has answered a PING.
    pub(crate) fn answered(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.owed.pop_front();
        if let Some(confirmed) = self.asked.pop_front() {
            self.confirmed = self.confirmed.max(confirmed);
        }
    }

    /// Something else than a PING has been answered.
    pub(crate) fn noted(&mut self) {
        self.owed.pop_front();
    }

    /// Something was refused: whether it was a PING, so that the connection is of no use. Of a name that is refused nothing is heard here.
    pub(crate) fn refused(&mut self) -> bool {
        self.owed.pop_front().unwrap_or(true)
    }

    /// For how long the primary has owed an answer; `None` where it owes none.
    pub(crate) fn owes_for_ms(&self, now_ms: u64) -> Option<u64> {
        let owes = self.state == State::Open && !self.asked.is_empty();
        owes.then(|| now_ms.saturating_sub(self.heard_ms))
    }

    /// Something has come from it.
    pub(crate) fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// Whether nothing has come from it for so long that it is to be asked whether it is there.
    pub(crate) fn is_quiet(&self, now_ms: u64, after_ms: u64) -> bool {
        self.state == State::Open
            && self.asked.is_empty()
            && now_ms.saturating_sub(self.heard_ms) >= after_ms
    }

    /// Asks whether it is there.
    pub(crate) fn ask(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        if self.asked.is_empty() {
            self.heard_ms = now_ms;
        }
        self.asked.push_back(self.confirmed);
        self.owed.push_back(true);
        encode_request(out, ["PING"]);
    }

    /// Appends what it is to be told next, and a PING; whether there was anything. `wanted`: for how many a name is to be subscribed to.
    pub(super) fn next_words(
        &mut self,
        subscriptions: &Subscriptions<Key>,
        last_change: u64,
        wanted: impl Fn(Topic, &[u8]) -> u32,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let has_work =
            !self.changes.is_empty() || self.sweep.is_some() || self.sweep_of_said.is_some();
        if self.state != State::Open || !has_work {
            return false;
        }
        let mut left = NAMES_AT_ONCE;
        self.sweep_said(&wanted, &mut left, out);
        self.sweep_some(subscriptions, &wanted, &mut left, out);
        let mut number = 0;
        while left > 0
            && out.len() < WORDS_BYTES
            && let Some(change) = self.changes.pop_front()
        {
            left -= 1;
            number = change.number;
            let count = wanted(change.topic, &change.name);
            self.say(change.topic, change.name, count, out);
        }
        let is_sweeping = self.sweep.is_some() || self.sweep_of_said.is_some();
        let confirms = match (is_sweeping, self.changes.is_empty()) {
            (false, true) => last_change,
            (false, false) => number,
            (true, _) => 0,
        };
        if self.asked.is_empty() {
            self.heard_ms = now_ms;
        }
        self.asked.push_back(confirms);
        self.owed.push_back(true);
        encode_request(out, ["PING"]);
        true
    }

    fn sweep_said(
        &mut self,
        wanted: &impl Fn(Topic, &[u8]) -> u32,
        left: &mut usize,
        out: &mut Vec<u8>,
    ) {
        let Some(mut sweep) = self.sweep_of_said.take() else {
            return;
        };
        while let Some(topic) = Topic::ALL.get(sweep.topic).copied() {
            if *left == 0 {
                self.sweep_of_said = Some(sweep);
                return;
            }
            let from = sweep
                .last
                .as_deref()
                .map_or(Bound::Unbounded, Bound::Excluded);
            let said = self.said[topic as usize].range::<[u8], _>((from, Bound::Unbounded));
            let names: Vec<Rc<[u8]>> = said.take(*left).map(|(name, _)| Rc::clone(name)).collect();
            self.say_next(topic, names, &mut sweep, wanted, left, out);
        }
    }

    /// Says of the next `names` of a sweep how often they are wanted, until nothing is left of what may be said at once; fewer than that are the
    /// last of their topic.
    fn say_next(
        &mut self,
        topic: Topic,
        names: Vec<Rc<[u8]>>,
        sweep: &mut Sweep,
        wanted: &impl Fn(Topic, &[u8]) -> u32,
        left: &mut usize,
        out: &mut Vec<u8>,
    ) {
        let is_last = names.len() < *left;
        for name in names {
            let count = wanted(topic, &name);
            self.say(topic, Rc::clone(&name), count, out);
            sweep.last = Some(name);
            *left -= 1;
            if out.len() >= WORDS_BYTES {
                *left = 0;
            }
            if *left == 0 {
                return;
            }
        }
        if is_last {
            sweep.topic += 1;
            sweep.last = None;
        }
    }

    fn sweep_some(
        &mut self,
        subscriptions: &Subscriptions<Key>,
        wanted: &impl Fn(Topic, &[u8]) -> u32,
        left: &mut usize,
        out: &mut Vec<u8>,
    ) {
        let Some(mut sweep) = self.sweep.take() else {
            return;
        };
        while let Some(topic) = Topic::ALL.get(sweep.topic).copied() {
            if *left == 0 {
                self.sweep = Some(sweep);
                return;
            }
            let behind = subscriptions.names_behind(topic, sweep.last.as_deref());
            let names: Vec<Rc<[u8]>> = behind.take(*left).cloned().collect();
            self.say_next(topic, names, &mut sweep, wanted, left, out);
        }
    }

    fn say(&mut self, topic: Topic, name: Rc<[u8]>, count: u32, out: &mut Vec<u8>) {
        let said = &mut self.said[topic as usize];
        let before = said.get(&name).copied().unwrap_or(0);
        if before == count {
            return;
        }
        let (subscribe, unsubscribe): (&[u8], &[u8]) = match topic {
            Topic::Channel => (b"SUBSCRIBE", b"UNSUBSCRIBE"),
            Topic::Pattern => (b"PSUBSCRIBE", b"PUNSUBSCRIBE"),
            Topic::ShardChannel => (b"SSUBSCRIBE", b"SUNSUBSCRIBE"),
        };
        if count == 0 {
            said.remove(&name);
            self.owed.push_back(false);
            return encode_request(out, [unsubscribe, &name]);
        }
        if before == 0 {
            self.owed.push_back(false);
            encode_request(out, [subscribe, &name]);
        }
        let is_plain = self.target.as_ref().is_some_and(|target| target.is_plain);
        // Whoever subscribes counts as one.
        if !is_plain && count != before.max(1) {
            let words: [&[u8]; 5] = [
                b"NODE",
                b"LISTENERS",
                topic.word().as_bytes(),
                &name,
                &count.to_string().into_bytes(),
            ];
            self.owed.push_back(false);
            encode_request(out, words);
        }
        said.insert(name, count);
    }
}
