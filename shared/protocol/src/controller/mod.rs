//! The part of a proxy that changes the topology: it asks nodes, sends them the orders that the document implies, and changes the document when a shard has no
//! primary, a follower is gone or has caught up, copies are missing, or an operator wants it.
//! Pure, `step(event, now) -> actions`. Never: talks to a node or the store, reads a clock, or is needed for safety: what it proposes is allowed by
//! [`Membership`] on evidence that was asked for after the document was loaded, and the store's compare-and-set decides between several controllers.
//! Invariants: one compare-and-set at a time, from the version that the evidence is of; after one that was lost or has no known end nothing is proposed before
//! the document was loaded again; who is not elected asks, orders and proposes nothing.
//!
//! A change of one shard makes the evidence about all others old, for the document has one version. So that many shards that fail at once do not hinder each other,
//! a proposal carries all that can be done for any shard; and changes that are not urgent wait for a while after the last, or for an urgent one that they may go with.
//!
//! `document` what is read and written, `topology` where it stands. `knowledge` what is known, and since when; `lives` whose lives are short. `urgent`, `gentle`, `planned` what is to be done. `orders` what nodes
//! are told and asked. `notice`, `conditions` what people hear.

mod conditions;
mod document;
mod gentle;
mod knowledge;
mod lives;
mod notice;
mod orders;
mod planned;
mod proposed;
mod settings;
mod topology;
mod urgent;

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Epoch, Version};

pub use self::document::{Announced, Document, Entry, Proposal};
use self::knowledge::Knowledge;
pub use self::notice::{Change, Condition, Notice, Reason, Why};
use self::planned::{Next, Planned};
use self::proposed::Proposed;
pub use self::settings::Settings;
use crate::member::Membership;
use crate::opinion::Verdict;
use crate::replica::{Instruction, Status};

/// What happens to a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<S: Ord, N: Ord> {
    /// This proxy is the controller from now on.
    Elected,
    /// It is not any more, or does not know.
    Deposed,
    /// The document, as it was loaded or as the store has told of a change; an older one than is known changes nothing.
    Loaded(Document<S, N>),
    /// The store does not answer.
    StoreLost,
    /// It answers again.
    StoreBack,
    /// The compare-and-set from this version has been carried out.
    Won(Version),
    /// Another one was before it, and nothing of it was written.
    Lost(Version),
    /// Nobody knows what has become of it, or will. Every compare-and-set has one of the three ends.
    Unclear(Version),
    /// A node has answered what it was asked for while `version` was the newest that was known: [`Action::Ask`].
    Answered {
        /// The node.
        node: N,
        /// The version that came with the question.
        version: Version,
        /// What it says.
        status: Status<N>,
    },
    /// A node could not be asked, or did not answer in time.
    Unreachable(N),
    /// What the live proxies think.
    Verdict(Verdict<N>),
    /// A node wants to be used. Gossip repeats it, so that it may come before there is a document.
    Announced(N, Announced),
    /// It does not any more.
    Withdrawn(N),
    /// An operator wants another node to lead a shard, this one or any that may; nothing is lost, and no client sees an error.
    FailOver {
        /// The shard.
        shard: S,
        /// Who is to lead.
        to: Option<N>,
        /// The epoch by which the shard was led when it was asked for: whoever has been answered by another change since then does not cause a second one.
        at: Epoch,
    },
    /// An operator accepts that a shard of which nobody who is in sync answers loses what only those had.
    AcceptLoss {
        /// The shard.
        shard: S,
        /// In the operator's words: why the nodes that do not answer cannot be alive. It is recorded.
        proof: String,
    },
    /// Time has passed; every 10 to 50 ms.
    Tick,
}

/// What a controller wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<S: Ord, N: Ord> {
    /// Load the document from the store, not from a copy.
    Load,
    /// Ask a node for its status, and give the version back with the answer.
    Ask {
        /// The node.
        node: N,
        /// The version that is the newest known now.
        version: Version,
    },
    /// Send an order to a node. It may come late, twice or never.
    Send {
        /// The node.
        node: N,
        /// Its shard.
        shard: S,
        /// The order.
        order: Instruction<N>,
    },
    /// Write this if its version is still the newest.
    CompareAndSet(Proposal<S, N>),
    /// Tell people.
    Tell(Notice<S, N>),
}

/// The part of a proxy that changes the topology.
#[derive(Clone, Debug)]
pub struct Controller<S: Ord, N: Ord> {
    settings: Settings,
    is_elected: bool,
    is_store_there: bool,
    known: Option<Knowledge<S, N>>,
    pending: Option<Pending<S, N>>,
    /// Since when the document is waited for.
    loading_ms: Option<u64>,
    planned: BTreeMap<S, Planned<N>>,
    losses: BTreeMap<S, Accepted>,
    conditions: BTreeSet<Condition<S, N>>,
    /// When something last happened here.
    last_ms: u64,
}

/// A compare-and-set under way, and what people are told when it is won.
#[derive(Clone, Debug)]
struct Pending<S: Ord, N: Ord> {
    proposal: Proposal<S, N>,
    changes: Vec<Change<S, N>>,
}

/// A loss that an operator accepts.
#[derive(Clone, Debug)]
struct Accepted {
    proof: String,
    began_ms: u64,
}

/// How long the document is waited for before it is asked for again.
const LOAD_AGAIN_MS: u64 = 500;

/// Who has stood still for so long knows nothing of what lasts: nobody was asked meanwhile.
const SLEEP_MS: u64 = 1_000;

/// A primary is held for so long while the store is asked to put another one in its place: longer than a store may take.
const LONGEST_HOLD_MS: u64 = 5_000;

/// A HOLD of so long ends one that was longer.
const LET_GO_MS: u64 = 1;

/// Between two questions to the nodes of a shard whose clients are held.
const ASK_HELD_MS: u64 = 10;

/// Most nodes whose wish to be used is remembered.
const MOST_ANNOUNCED: usize = 1_024;

impl<S: Clone + Ord, N: Clone + Ord> Controller<S, N> {
    /// Not elected, and without a document. Settings that are out of their ranges are the caller's to refuse: [`Settings::problems`].
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            is_elected: false,
            is_store_there: true,
            known: None,
            pending: None,
            loading_ms: None,
            planned: BTreeMap::new(),
            losses: BTreeMap::new(),
            conditions: BTreeSet::new(),
            last_ms: 0,
        }
    }

    /// The newest document that is known.
    #[must_use]
    pub fn document(&self) -> Option<&Document<S, N>> {
        self.known.as_ref().map(|known| &known.document)
    }

    /// Takes note of what happens, and says what to do. `now_ms` never falls.
    pub fn step(&mut self, event: Event<S, N>, now_ms: u64) -> Vec<Action<S, N>> {
        let mut actions = Vec::new();
        let has_slept = now_ms.saturating_sub(self.last_ms) >= SLEEP_MS;
        self.last_ms = self.last_ms.max(now_ms);
        if let Some(known) = self.known.as_mut().filter(|_| has_slept) {
            known.begin(now_ms);
        }
        match event {
            Event::Elected => {
                self.is_elected = true;
                if let Some(known) = &mut self.known {
                    known.begin(now_ms);
                }
                self.load(now_ms, &mut actions);
            }
            Event::Deposed => {
                self.is_elected = false;
                self.planned.clear();
                self.losses.clear();
                self.conditions.clear();
            }
            Event::Loaded(document) => self.loaded(document, now_ms, &mut actions),
            Event::StoreLost => self.is_store_there = false,
            Event::StoreBack => {
                self.is_store_there = true;
                self.load(now_ms, &mut actions);
            }
            Event::Won(from) => self.won(from, now_ms, &mut actions),
            Event::Lost(from) | Event::Unclear(from) => {
                let pending = self
                    .pending
                    .take_if(|pending| pending.proposal.from == from);
                if let (Some(pending), Event::Lost(_)) = (pending, &event) {
                    self.let_go(&pending, &mut actions);
                }
                self.load(now_ms, &mut actions);
            }
            Event::Answered {
                node,
                version,
                status,
            } => self.answered(&node, version, status, now_ms, &mut actions),
            Event::FailOver { shard, to, at } => {
                self.plan(shard, Planned::new(to, at, now_ms), now_ms, &mut actions);
            }
            Event::AcceptLoss { shard, proof } => {
                let began_ms = now_ms;
                self.losses.insert(shard, Accepted { proof, began_ms });
            }
            Event::Tick => self.tick(now_ms, &mut actions),
            Event::Unreachable(_)
            | Event::Verdict(_)
            | Event::Announced(..)
            | Event::Withdrawn(_) => self.note(event, now_ms),
        }
        actions
    }

    /// Nothing was written: clients that are held for it go on.
    fn let_go(&mut self, pending: &Pending<S, N>, actions: &mut Vec<Action<S, N>>) {
        let Some(known) = &self.known else {
            return;
        };
        for shard in pending.proposal.shards.keys() {
            if let Some(planned) = self.planned.get_mut(shard)
                && planned.hold.take().is_some()
            {
                orders::hold(known, shard, LET_GO_MS, actions);
            }
        }
    }

    /// What only adds to what is known.
    fn note(&mut self, event: Event<S, N>, now_ms: u64) {
        let Some(known) = &mut self.known else {
            return;
        };
        match event {
            Event::Unreachable(node) => known.miss(&node),
            Event::Verdict(verdict) => known.judge(verdict, now_ms),
            Event::Announced(node, announced) if known.announced.len() < MOST_ANNOUNCED => {
                known.announce(node, announced, now_ms);
            }
            Event::Withdrawn(node) => {
                known.announced.remove(&node);
                known.meet_nodes(now_ms);
            }
            _ => {}
        }
    }

    fn load(&mut self, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        self.loading_ms = Some(now_ms);
        actions.push(Action::Load);
    }

    fn loaded(&mut self, document: Document<S, N>, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let version = self.known.as_ref().map(Knowledge::version);
        if version.is_some_and(|version| document.version < version) {
            // It is asked for again: see `tick`.
            return;
        }
        self.loading_ms = None;
        if version == Some(document.version) {
            return;
        }
        self.adopt(document, now_ms, actions);
    }

    /// A newer document: everybody is told what it says, and asked again.
    fn adopt(&mut self, document: Document<S, N>, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        match &mut self.known {
            Some(known) => known.load(document, now_ms),
            None => self.known = Some(Knowledge::new(self.settings, document, now_ms)),
        }
        let Some(known) = self.known.as_mut().filter(|_| self.is_elected) else {
            return;
        };
        let members: Vec<N> = known.home.keys().cloned().collect();
        for node in members {
            orders::order(known, &node, now_ms, actions);
        }
        orders::ask(known, now_ms, |_| 0, actions);
    }

    fn won(&mut self, from: Version, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let is_it = |pending: &mut Pending<S, N>| pending.proposal.from == from;
        let Some(pending) = self.pending.take_if(is_it) else {
            return;
        };
        let next = self
            .document()
            .and_then(|document| document.with(&pending.proposal));
        let version = from.next();
        for change in pending.changes {
            if let Change::Promoted(shard, _, _) = &change {
                self.planned.remove(shard);
            }
            actions.push(Action::Tell(Notice::Changed(version, change)));
        }
        for shard in pending.proposal.losses.keys() {
            self.losses.remove(shard);
        }
        // Otherwise a newer one was loaded meanwhile, and says more.
        if let Some(document) = next {
            self.adopt(document, now_ms, actions);
        }
    }

    fn answered(
        &mut self,
        node: &N,
        version: Version,
        status: Status<N>,
        now_ms: u64,
        actions: &mut Vec<Action<S, N>>,
    ) {
        let Some(known) = &mut self.known else {
            return;
        };
        known.hear(node, version, status, now_ms);
        if !self.is_elected {
            return;
        }
        orders::order(known, node, now_ms, actions);
        let shard = known.home.get(node).cloned();
        let is_urgent = |shard: &S| urgent::urgent(known, shard, now_ms).is_some();
        if shard.as_ref().is_some_and(is_urgent) {
            self.propose(now_ms, actions);
        }
        if let Some(shard) = shard {
            self.go_on_with(&shard, now_ms, actions);
        }
    }

    fn tick(&mut self, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let is_late = |since: u64| now_ms.saturating_sub(since) >= LOAD_AGAIN_MS;
        if self.is_store_there && self.loading_ms.is_some_and(is_late) {
            self.load(now_ms, actions);
        }
        if !self.is_elected {
            return;
        }
        self.propose(now_ms, actions);
        let wanted: Vec<S> = self.planned.keys().cloned().collect();
        for shard in wanted {
            self.go_on_with(&shard, now_ms, actions);
        }
        self.accept_losses(now_ms, actions);
        self.watch_conditions(now_ms, actions);
        let Some(known) = &mut self.known else {
            return;
        };
        let shards = self.planned.keys();
        let held = shards.filter_map(|shard| known.membership(shard));
        let held: BTreeSet<N> = held.flat_map(Membership::nodes).collect();
        let usual = self.settings.ask_ms;
        let pause = |node: &N| {
            if held.contains(node) {
                ASK_HELD_MS
            } else {
                usual
            }
        };
        orders::ask(known, now_ms, pause, actions);
    }

    /// Whether a compare-and-set may begin.
    fn may_propose(&self) -> bool {
        let is_free = self.pending.is_none() && self.loading_ms.is_none();
        self.is_elected && self.is_store_there && is_free
    }

    /// Proposes all that is to be done, if something is due.
    fn propose(&mut self, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let Some(known) = self.known.as_ref().filter(|_| self.may_propose()) else {
            return;
        };
        let mut proposed = Vec::new();
        let (mut busy, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for shard in known.document.shards.keys() {
            if let Some(one) = urgent::urgent(known, shard, now_ms) {
                busy.insert(shard.clone());
                proposed.push((shard.clone(), one));
            }
        }
        let waited_ms = now_ms.saturating_sub(known.loaded_ms);
        // A change under way counts on its version; one that waits for a follower may be waiting for this very change.
        let is_held = self.planned.values().any(|planned| planned.hold.is_some());
        let is_time = waited_ms >= self.settings.gentle_ms && !is_held;
        if proposed.is_empty() && !is_time {
            return;
        }
        let mut rises = false;
        for shard in known.document.shards.keys() {
            if busy.contains(shard) {
                continue;
            }
            if let Some(one) = gentle::gentle(known, shard, &taken, now_ms) {
                if let Change::Attached(_, node) = &one.change {
                    taken.insert(node.clone());
                }
                proposed.push((shard.clone(), one));
            } else {
                rises |= gentle::needs_new_version(known, shard, now_ms);
            }
        }
        if rises || !proposed.is_empty() {
            self.compare_and_set(proposed, actions);
        }
    }

    fn compare_and_set(
        &mut self,
        proposed: Vec<(S, Proposed<S, N>)>,
        actions: &mut Vec<Action<S, N>>,
    ) {
        let Some(known) = &self.known else {
            return;
        };
        let mut pending = Pending {
            proposal: Proposal {
                from: known.version(),
                shards: BTreeMap::new(),
                nodes: BTreeMap::new(),
                losses: BTreeMap::new(),
            },
            changes: Vec::new(),
        };
        for (shard, one) in proposed {
            let proposal = &mut pending.proposal;
            assert_eq!(
                one.membership.version,
                proposal.from.next(),
                "one change of a shard per version"
            );
            proposal.shards.insert(shard.clone(), one.membership);
            proposal.nodes.extend(one.node);
            proposal.losses.extend(one.loss.map(|proof| (shard, proof)));
            pending.changes.push(one.change);
        }
        actions.push(Action::CompareAndSet(pending.proposal.clone()));
        self.pending = Some(pending);
    }

    fn plan(
        &mut self,
        shard: S,
        planned: Planned<N>,
        now_ms: u64,
        actions: &mut Vec<Action<S, N>>,
    ) {
        let is_known = self
            .known
            .as_ref()
            .is_some_and(|known| known.document.shards.contains_key(&shard));
        let reason = if !is_known {
            Reason::UnknownShard
        } else if self.planned.contains_key(&shard) {
            Reason::Busy
        } else {
            self.planned.insert(shard.clone(), planned);
            return self.go_on_with(&shard, now_ms, actions);
        };
        actions.push(Action::Tell(Notice::Refused(shard, reason)));
    }

    /// The next step of a planned change, if one is due.
    fn go_on_with(&mut self, shard: &S, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let may_propose = self.may_propose();
        let is_pending = |pending: &Pending<S, N>| pending.proposal.shards.contains_key(shard);
        if self.pending.as_ref().is_some_and(is_pending) {
            // It is on its way: what has become of it is told when that is known.
            return;
        }
        let (Some(known), Some(planned)) = (&mut self.known, self.planned.get_mut(shard)) else {
            return;
        };
        match planned.next(known, shard, now_ms) {
            Next::Hold(order) if may_propose => {
                planned.hold = Some((known.version(), now_ms));
                if let Some(entry) = known.document.shards.get(shard) {
                    let node = entry.membership.primary.node.clone();
                    let shard = shard.clone();
                    actions.push(Action::Send { node, shard, order });
                }
            }
            Next::Switch(proposed) if may_propose => {
                // What it carries out from here on would be lost, and the store may take its time.
                if planned.hold.is_some() {
                    orders::hold(known, shard, LONGEST_HOLD_MS, actions);
                }
                self.compare_and_set(vec![(shard.clone(), proposed)], actions);
            }
            // Nobody is held for a store that does not answer.
            Next::Wait | Next::Hold(_) | Next::Switch(_) => {}
            Next::GiveUp(reason) => {
                self.planned.remove(shard);
                let refused = Notice::Refused(shard.clone(), reason);
                actions.push(Action::Tell(refused));
            }
        }
    }

    /// Carries out what operators have accepted, once everybody has had time to answer.
    fn accept_losses(&mut self, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let Some(known) = self.known.as_ref().filter(|_| self.may_propose()) else {
            return;
        };
        let patience = self.settings.request_ms;
        let has_waited = |since: u64| now_ms.saturating_sub(since) >= patience;
        let due = self.losses.iter().find(|(_, accepted)| {
            has_waited(accepted.began_ms) && now_ms >= known.loaded_ms + self.settings.gather_ms
        });
        let Some((shard, accepted)) = due else {
            return;
        };
        let (shard, proof) = (shard.clone(), accepted.proof.clone());
        match urgent::accept_loss(known, &shard, proof) {
            Ok(proposed) => self.compare_and_set(vec![(shard, proposed)], actions),
            Err(reason) => {
                self.losses.remove(&shard);
                actions.push(Action::Tell(Notice::Refused(shard, reason)));
            }
        }
    }

    /// Tells of what begins and ends.
    fn watch_conditions(&mut self, now_ms: u64, actions: &mut Vec<Action<S, N>>) {
        let Some(known) = &self.known else {
            return;
        };
        // Just loaded: nothing is known yet, and what was so is taken to be so.
        if now_ms < known.loaded_ms + self.settings.gentle_ms {
            return;
        }
        let conditions = conditions::conditions(known, now_ms);
        let begun = conditions.difference(&self.conditions);
        let begun = begun.map(|one| Notice::Begins(one.clone()));
        let ended = self.conditions.difference(&conditions);
        let ended = ended.map(|one| Notice::Ends(one.clone()));
        actions.extend(begun.chain(ended).map(Action::Tell));
        self.conditions = conditions;
    }
}

#[cfg(test)]
mod tests;
