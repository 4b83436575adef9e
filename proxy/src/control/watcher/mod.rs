//! All that the control service knows, and what it does about what happens: the shell around detector, opinion and controller.
//! Reaches: nodes by their links, the store in tasks, the topology that threads route by. Never: waits.
//! [`operators`] what they ask. [`plain`] shards of plain servers. [`writing`] what is written. [`standing_in`] when whoever leads does nothing.
//! Invariants: every compare-and-set that was begun has one end that is told; the controller knows no document that the threads do not route by.

mod operators;
mod plain;
mod standing_in;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::controller::{self, Action, Controller, Document as Known, Event, Notice};
use protocol::detector::{self, Detector};
use protocol::opinion::{self, Opinion, Standing};
use shared::throttle::Throttle;
use shared::topology::text::Document;
use shared::topology::{Address, NodeId, NodeKind, ProxyId, Shard, ShardId, Topology, Version};
use store::{Announcement, Looks, StoreError, TopologyStore, in_one_line};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::standing_in::StandIn;
use self::writing::Trouble;
use super::bringing::Bringing;
use super::comparing::{self, Comparing};
use super::counts::Counts;
use super::election::Election;
use super::libraries::Differing;
use super::link::{Answer, Heard};
use super::matters::{self, Matter, Matters};
use super::nodes::Nodes;
use super::others::Others;
use super::plain::PlainShards;
use super::requests::{self, Refusal};
use super::settings::Settling;
use super::spares::{Sorted, Spares};
use super::store_seen::StoreSeen;
use super::{Done, told};
use crate::events::{Kind, News};
use crate::facts::ProxyShared;
use crate::gossip;
use crate::sightings::Sighting;
use crate::topology::Publisher;

/// The others are told what this proxy sees every so many ticks.
const TICKS_PER_ROUND: u64 = 5;

/// Between two looks at the store because nodes obey another epoch.
const LOAD_PAUSE_MS: u64 = 100;

/// How often time passes while shards are looked after.
const TICK: Duration = Duration::from_millis(20);

/// … and while none is.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// Answers that may wait to be looked at.
const MOST_HEARD: usize = 1_024;

/// What comes from tasks that the watcher has started.
pub(in crate::control) struct Ends {
    pub(in crate::control) heard: mpsc::Receiver<Heard>,
    pub(in crate::control) done: mpsc::Receiver<Done>,
}

/// All that the control service knows.
pub(in crate::control) struct Watcher {
    shared: Arc<ProxyShared>,
    store: Arc<TopologyStore>,
    publisher: Publisher,
    me: ProxyId,
    /// What the threads route by.
    newest: Topology,
    nodes: Nodes,
    detector: Detector<NodeId>,
    opinion: Opinion<ProxyId, NodeId>,
    controller: Controller<ShardId, NodeId>,
    plain: PlainShards,
    election: Election,
    bringing: Bringing,
    /// Whether all shards have the same functions, looked at by who leads, or by all where nobody need lead.
    comparing: Option<Comparing>,
    /// Where they have not.
    differing: Differing,
    /// Settings of primaries that their followers are to have, brought by who leads.
    settling: Settling,
    stand_in: StandIn,
    announcement: Option<Announcement>,
    others: Option<Others>,
    spares: Spares,
    /// What the topology makes of them.
    sorted: Sorted,
    /// Operators who wait until something is done for a shard.
    asked: BTreeMap<ShardId, requests::Answer>,
    done: mpsc::Sender<Done>,
    heartbeat: u64,
    /// For how many rounds nodes have obeyed a later epoch than the topology names.
    outdated_rounds: u64,
    /// The topology lists members of guarded shards without their lives.
    has_nameless: bool,
    is_adopting: bool,
    /// A plain server that is to lead is being written into the topology.
    is_promoting: bool,
    /// Shards for which acks in-sync was said to be without effect.
    without_effect: String,
    /// Since when members of unknown lives are asked.
    adopting_since_ms: Option<u64>,
    /// Shards that cannot be taken over.
    not_adopted: BTreeSet<Matter>,
    /// Nodes that have the keys of another shard than the topology says.
    misplaced: BTreeMap<NodeId, Matter>,
    /// What the controller waits for.
    waits: BTreeSet<controller::Condition<ShardId, NodeId>>,
    /// All that lasts.
    matters: Matters,
    counts: Counts,
    store_seen: StoreSeen,
    /// How often the store has answered whoever watches it.
    looks: Looks,
    is_store_there: bool,
    trouble: Trouble,
    /// When the document was last loaded for what clients' requests had shown.
    loaded_ms: u64,
    next_tick: Instant,
}

impl Watcher {
    pub(in crate::control) fn new(
        shared: Arc<ProxyShared>,
        store: Arc<TopologyStore>,
        publisher: Publisher,
        looks: Looks,
    ) -> (Self, Ends) {
        let (hear, heard) = mpsc::channel(MOST_HEARD);
        let (done, ends) = mpsc::channel(MOST_HEARD);
        let me = shared.name();
        let mut watcher = Self {
            newest: shared.topology.load().topology.clone(),
            nodes: Nodes::new(hear),
            detector: Detector::new(detector::Settings::DEFAULT),
            opinion: Opinion::new(opinion::Settings::DEFAULT),
            controller: Controller::new(controller::Settings::DEFAULT),
            plain: PlainShards::default(),
            election: Election::new(me.clone(), Arc::clone(&store)),
            bringing: Bringing::default(),
            comparing: None,
            differing: Differing::new(),
            settling: Settling::default(),
            stand_in: StandIn::new(&shared.run_id),
            announcement: None,
            others: None,
            spares: Spares::default(),
            sorted: Sorted::default(),
            asked: BTreeMap::new(),
            done,
            heartbeat: 0,
            outdated_rounds: 0,
            has_nameless: false,
            is_adopting: false,
            is_promoting: false,
            without_effect: String::new(),
            adopting_since_ms: None,
            not_adopted: BTreeSet::new(),
            misplaced: BTreeMap::new(),
            waits: BTreeSet::new(),
            matters: Matters::default(),
            counts: Counts::default(),
            store_seen: StoreSeen::new(shared.clock.monotonic_ms()),
            looks,
            is_store_there: true,
            trouble: Trouble::default(),
            loaded_ms: 0,
            next_tick: Instant::now(),
            shared,
            store,
            publisher,
            me,
        };
        watcher.follow(watcher.newest.clone());
        if !watcher.guards() {
            watcher.compare_functions();
        }
        (watcher, Ends { heard, done: ends })
    }

    fn now_ms(&self) -> u64 {
        self.shared.clock.monotonic_ms()
    }

    fn tell(&self, news: News) {
        self.shared.events.tell(news);
    }

    /// Whether there is a shard to be looked after.
    fn guards(&self) -> bool {
        self.newest.shards.iter().any(Shard::is_guarded)
    }

    /// When time is to pass next.
    pub(in crate::control) fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Somebody wants to hear again what is wrong.
    pub(in crate::control) fn say_again(&mut self) {
        self.publisher.say_again();
        self.matters.say_again();
    }

    /// What the store has.
    pub(in crate::control) fn seen(&mut self, seen: Result<Document, StoreError>) {
        let now_ms = self.now_ms();
        // Answers before this one are no sign of life after it.
        self.store_seen.count(self.looks.answers(), now_ms);
        match &seen {
            Ok(_) | Err(StoreError::Text(_)) => self.store_seen.answered(now_ms),
            Err(_) => self.store_seen.is_silent(now_ms),
        }
        let is_there = !matches!(&seen, Err(StoreError::Etcd(_)));
        if is_there != self.is_store_there {
            self.is_store_there = is_there;
            self.step(if is_there {
                Event::StoreBack
            } else {
                Event::StoreLost
            });
        }
        let is_late = |document: &Document| document.topology.version < self.newest.version;
        if self.shared.config.topology.file().is_none() && seen.as_ref().is_ok_and(is_late) {
            // It was written before what this proxy has put there.
            return;
        }
        if let Some(topology) = self.publisher.take_up(seen) {
            self.follow(topology);
        }
    }

    /// The threads route by this now.
    fn follow(&mut self, topology: Topology) {
        let now_ms = self.now_ms();
        if topology.version > self.newest.version {
            self.adopting_since_ms = None;
        }
        let before = std::mem::replace(&mut self.newest, topology);
        self.bringing.follow(&before, &self.newest, &self.shared);
        let compares = self.comparing.as_ref();
        let is_outdated = compares.is_some_and(|comparing| comparing.is_outdated(&self.newest));
        if is_outdated || self.acts() && comparing::began_anew(&before, &self.newest) {
            self.compare_functions();
        }
        self.settling.follow(&self.newest);
        self.has_nameless = has_nameless(&self.newest);
        self.follow_plain(now_ms);
        if let Some(announcement) = &self.announcement {
            announcement.set_applied(self.newest.version);
        }
        self.sorted = self.spares.sorted(&self.newest);
        self.watch_nodes(now_ms);
        if self.guards() {
            self.step(Event::Loaded(Known::of(&self.newest)));
            self.next_tick = Instant::now();
        }
    }

    /// Looks whether all shards have the same functions, and brings what some lack.
    fn compare_functions(&mut self) {
        self.differing.clear();
        self.comparing = Comparing::start(&self.newest, &self.shared, self.done.clone());
    }

    fn watch_nodes(&mut self, now_ms: u64) {
        let mut of_interest = of_interest(&self.newest);
        if self.guards() {
            for (node, announced) in &self.sorted.spare {
                let place = (announced.address.clone(), NodeKind::Switchyard);
                of_interest.insert(node.clone(), place);
            }
        }
        let cluster = self.newest.cluster.as_ref();
        self.nodes
            .follow(&of_interest, cluster, &self.shared.config);
        let names = self.nodes.names();
        self.detect(detector::Event::Watch(names), now_ms);
    }

    /// A node has come to this proxy and wants to be used.
    pub(in crate::control) fn announced(&mut self, node: NodeId, announced: controller::Announced) {
        let now_ms = self.now_ms();
        if self.guards() && self.spares.came(node.clone(), announced.clone(), now_ms) {
            self.others().tell_of(node, Some(announced));
        }
    }

    /// Nodes that want to be used, as far as they are known now.
    fn look_at_spares(&mut self, now_ms: u64) {
        for node in self.spares.forget_gone(now_ms) {
            self.others().tell_of(node, None);
        }
        let sorted = self.spares.sorted(&self.newest);
        let before = std::mem::replace(&mut self.sorted, sorted);
        if before.spare != self.sorted.spare {
            self.watch_nodes(now_ms);
        }
        for (node, address) in &self.sorted.moved {
            let is_new = before.moved.get(node) != Some(address);
            static TWINS: Throttle = Throttle::new();
            if is_new
                && self.detector.suspicion(node).is_none()
                && let Some(left_out) = TWINS.admit(self.shared.clock.wall_ms())
            {
                tracing::warn!(%node, %address, left_out, "a node comes under a name that is listed at another address, where it answers: give one of them another --name and a folder of its own");
            }
        }
        for (node, announced) in &self.sorted.spare {
            if !before.spare.contains_key(node) {
                let address = &announced.address;
                let words = format!("a spare node is there, at {address}");
                self.tell(News::info(Kind::Membership, words).of_node(node));
            }
        }
        for node in before.spare.into_keys() {
            if !self.sorted.spare.contains_key(&node) {
                self.step(Event::Withdrawn(node));
            }
        }
        // The controller hears it again and again: it may have had no document.
        for (node, announced) in self.sorted.spare.clone() {
            self.step(Event::Announced(node, announced));
        }
    }

    /// What a node has answered, or that it has not.
    pub(in crate::control) fn heard(&mut self, heard: Heard) {
        let now_ms = self.now_ms();
        let Some((node, answer)) = self.nodes.hear(heard) else {
            return;
        };
        match answer {
            // It lives, but not as what it is to be.
            Answer::Said(said, _) if self.is_misplaced(&node, said.shard.as_ref()) => {
                let event = detector::Event::ProbeFailed(node.clone(), detector::Failure::Reset);
                self.detect(event, now_ms);
                self.step(Event::Unreachable(node));
            }
            Answer::Said(said, version) => {
                self.detect(detector::Event::ProbeAnswered(node.clone()), now_ms);
                self.settle(&node);
                let status = said.status;
                self.step(Event::Answered {
                    node,
                    version,
                    status,
                });
            }
            Answer::Plain(part) => {
                self.detect(detector::Event::ProbeAnswered(node.clone()), now_ms);
                self.plain.heard(node, part, now_ms);
            }
            // It lives, but who reads its data serves nobody: that is no sign of life to those who wait.
            Answer::Refused(text) if text.starts_with(LOADING) => {
                let event = detector::Event::ProbeFailed(node, detector::Failure::Reset);
                self.detect(event, now_ms);
            }
            Answer::Refused(_) => {
                self.counts.refused += 1;
                self.detect(detector::Event::ProbeAnswered(node), now_ms);
            }
            Answer::Obeyed => {
                self.detect(detector::Event::ProbeAnswered(node), now_ms);
            }
            Answer::Failed(failure) => {
                let event = detector::Event::ProbeFailed(node.clone(), failure);
                self.detect(event, now_ms);
                self.plain.lost(&node);
                self.step(Event::Unreachable(node));
            }
        }
    }

    /// Whether a node has the keys of another shard than the topology says, of which people hear as long as it is so.
    fn is_misplaced(&mut self, node: &NodeId, has: Option<&ShardId>) -> bool {
        let mut shards = self.newest.guarded_shards();
        let listed = shards.find(|shard| shard.members().any(|member| member == node));
        let other = listed.zip(has).filter(|(shard, has)| shard.id != **has);
        let Some((shard, has)) = other else {
            self.misplaced.remove(node);
            return false;
        };
        let words = format!(
            "{node}, which the topology lists in shard {}, has the keys of shard {has}: it was started on the folder of another node, or of another cluster; give it its own folder, or an empty one",
            shard.id
        );
        let matter = Matter::NotAdopted(shard.id.clone(), words);
        self.misplaced.insert(node.clone(), matter);
        true
    }

    /// What clients' requests have shown.
    pub(in crate::control) fn sighted(&mut self, sighting: Sighting) {
        let now_ms = self.now_ms();
        match sighting {
            Sighting::Failed(node, failure) => {
                self.bringing.lost(&node, &self.newest, &self.shared);
                self.detect(detector::Event::DataFailed(node, failure), now_ms);
            }
            // Every pipe of every thread says so, again and again.
            Sighting::Fenced if now_ms.saturating_sub(self.loaded_ms) >= LOAD_PAUSE_MS => {
                self.loaded_ms = now_ms;
                self.load();
            }
            Sighting::Fenced => {}
        }
    }

    /// Time has passed.
    pub(in crate::control) fn tick(&mut self) {
        let pause = if self.guards() { TICK } else { IDLE_TICK };
        self.next_tick = Instant::now() + pause;
        let now_ms = self.now_ms();
        self.store_seen.count(self.looks.answers(), now_ms);
        if !self.guards() {
            self.look_at_matters(now_ms);
            return;
        }
        self.probe(now_ms);
        self.detect(detector::Event::Tick, now_ms);
        self.heartbeat += 1;
        let view = self.detector.view(self.heartbeat, now_ms);
        let (mut all, mut needed) = match self.controller.document() {
            Some(document) => document.nodes_and_needed(),
            None => (BTreeSet::new(), BTreeSet::new()),
        };
        for node in self.newest.plain_shards().flat_map(Shard::members) {
            all.insert(node.clone());
            needed.insert(node.clone());
        }
        let (all, needed) = (&all, &needed);
        let nodes = opinion::Nodes { all, needed };
        let verdict = self.opinion.verdict(&view, &nodes, now_ms);
        let is_cut_off = verdict.standing == Standing::CutOff;
        if self.heartbeat.is_multiple_of(TICKS_PER_ROUND) {
            self.others().tell(view);
            self.look_at_spares(now_ms);
            self.look_at_epochs();
            self.look_at_matters(now_ms);
        }
        self.look_at_plain(&verdict, now_ms);
        self.step(Event::Verdict(verdict));
        self.elect(is_cut_off, now_ms);
        self.try_writing_again(now_ms);
        self.step(Event::Tick);
        self.adopt_lives();
    }

    /// The others are spoken to from when there is something to look after.
    fn others(&mut self) -> &Others {
        self.others.get_or_insert_with(|| {
            let (store, done) = (Arc::clone(&self.store), self.done.clone());
            Others::start(self.me.clone(), &self.shared.config, store, done)
        })
    }

    /// What the other proxies say.
    fn hear_others(&mut self, heard: gossip::Heard) {
        let now_ms = self.now_ms();
        self.shared.others.set(heard.admins);
        for (proxy, view) in heard.views {
            self.opinion.step(opinion::Event::View(proxy, view), now_ms);
        }
        self.spares.were_told(heard.spares);
        for proxy in heard.left {
            self.opinion.step(opinion::Event::Left(proxy), now_ms);
        }
    }

    /// Asks every node that nobody has asked for a while.
    fn probe(&mut self, now_ms: u64) {
        let interval_ms = detector::Settings::DEFAULT.interval_ms;
        for node in self.nodes.unasked_for(interval_ms, now_ms) {
            self.ask(node, self.newest.version, now_ms);
        }
    }

    fn ask(&mut self, node: NodeId, version: Version, now_ms: u64) {
        if self.nodes.ask(&node, version, now_ms) {
            self.detect(detector::Event::ProbeSent(node), now_ms);
        }
    }

    fn detect(&mut self, event: detector::Event<NodeId>, now_ms: u64) {
        for action in self.detector.step(event, now_ms) {
            match action {
                detector::Action::Suspect(node, suspicion) => {
                    let silent_ms = now_ms.saturating_sub(suspicion.heard_ms);
                    let cause = match suspicion.cause {
                        detector::Cause::Silence => "it is silent",
                        detector::Cause::Refusals => "it refuses connections",
                    };
                    if self.sorted.spare.contains_key(&node) {
                        tracing::debug!(%node, silent_ms, cause, "spare node is taken for gone");
                    } else {
                        let words =
                            format!("node is taken for gone: {cause}, heard {silent_ms} ms ago");
                        self.tell(News::warning(Kind::NodeLost, words).of_node(&node));
                    }
                }
                detector::Action::Trust(node) => {
                    self.tell(News::info(Kind::NodeBack, "node is heard again").of_node(&node));
                }
            }
        }
    }

    fn elect(&mut self, is_cut_off: bool, now_ms: u64) {
        if self.election.has_ended() {
            self.depose();
        }
        if !is_cut_off {
            self.election.stand(now_ms, &self.done);
            self.look_at_leader(now_ms);
        } else if self.election.leads() {
            self.election.resign(now_ms);
            self.depose();
        }
    }

    /// Whether this proxy may change the topology now: it leads, or stands in for one that does nothing.
    fn acts(&self) -> bool {
        self.election.leads() || self.stand_in.stands()
    }

    fn depose(&mut self) {
        for (_, answer) in std::mem::take(&mut self.asked) {
            answer.send(Err(Refusal::NotController(None))).ok();
        }
        self.stand_in.ends();
        self.waits.clear();
        self.comparing = None;
        self.differing.clear();
        self.settling.end();
        self.matters.forget_waits();
        let words = "another proxy may change the topology now";
        self.tell(News::info(Kind::Leadership, words));
        self.step(Event::Deposed);
    }

    /// Looks whether a node's shard has the same settings everywhere.
    fn settle(&mut self, node: &NodeId) {
        if self.acts() {
            let last_said = |node: &NodeId| self.nodes.last_said(node);
            self.settling
                .look(node, &self.newest, last_said, &self.shared);
        }
    }

    /// Lets the controller know, and does what it wants.
    fn step(&mut self, event: Event<ShardId, NodeId>) {
        let now_ms = self.now_ms();
        for action in self.controller.step(event, now_ms) {
            match action {
                Action::Load => self.load(),
                Action::Ask { node, version } => self.ask(node, version, now_ms),
                Action::Send { node, shard, order } => {
                    let version = self.newest.version;
                    self.nodes.order(&node, &shard, &order, version);
                }
                Action::CompareAndSet(proposal) => self.propose(&proposal),
                Action::Tell(notice) => {
                    told::tell(&notice, &self.shared.events);
                    self.note(&notice);
                    self.answer(&notice);
                }
            }
        }
    }

    /// Takes note of what machines read.
    fn note(&mut self, notice: &Notice<ShardId, NodeId>) {
        match notice {
            Notice::Changed(_, change) => self.counts.changed(change),
            Notice::Begins(condition) => {
                self.waits.insert(condition.clone());
            }
            Notice::Ends(condition) => {
                self.waits.remove(condition);
            }
            Notice::Refused(..) => {}
        }
    }

    /// Tells of what lasts, and of what is over.
    fn look_at_matters(&mut self, now_ms: u64) {
        let nodes = &self.nodes;
        let mut now = matters::of_shards(&self.newest, |node| nodes.last_status(node));
        now.extend(self.waits.iter().cloned().map(Matter::Waits));
        now.extend(self.not_adopted.iter().cloned());
        let newest = &self.newest;
        self.misplaced.retain(|node, _| newest.node(node).is_some());
        now.extend(self.misplaced.values().cloned());
        let leaderless = self.plain.leaderless().cloned();
        now.extend(leaderless.map(Matter::PlainLeaderless));
        now.extend(matters::functions_differ(&self.differing));
        if self.store_seen.away_since_ms.is_some() {
            now.insert(Matter::StoreAway);
        }
        let not_written = self.trouble.said().map(str::to_owned);
        now.extend(not_written.map(Matter::NotWritten));
        for telling in self.matters.look(&now, now_ms) {
            matters::tell(&telling, &self.shared.events);
        }
    }

    fn load(&self) {
        let (store, done) = (Arc::clone(&self.store), self.done.clone());
        tokio::spawn(async move {
            let loaded = store.load().await;
            done.send(Done::Loaded(loaded)).await.ok();
        });
    }

    /// What a task has come to.
    pub(in crate::control) fn done(&mut self, done: Done) {
        match done {
            Done::Loaded(Ok(document)) => {
                self.store_seen.answered(self.now_ms());
                if document.topology.version >= self.newest.version {
                    self.seen(Ok(document));
                }
            }
            Done::Loaded(Err(error)) => {
                tracing::debug!(problem = in_one_line(&error), "topology cannot be loaded");
            }
            Done::HeardAt(address) => {
                let address = address.map(Address::from);
                let version = self.newest.version;
                let announced = self.store.announce(&self.me, version, address.as_ref());
                self.announcement = Some(announced);
            }
            Done::Heard(heard) => self.hear_others(heard),
            Done::Led(led) => {
                if self.election.tried(led) {
                    self.stand_in.ends();
                    let words = "this proxy changes the topology from now on";
                    self.tell(News::info(Kind::Leadership, words));
                    self.step(Event::Elected);
                    self.compare_functions();
                }
            }
            Done::Compared(differing) => self.differing = differing,
            Done::Set(from, next, purpose, end) => self.was_set(from, *next, purpose, &end),
        }
    }

    /// The proxy ends: others are told at once.
    pub(in crate::control) async fn leave(mut self) {
        self.election.leave().await;
        if let Some(others) = self.others.take() {
            others.leave().await;
        }
        if let Some(announcement) = self.announcement.take() {
            announcement.withdraw().await;
        }
    }
}

/// How a node begins that reads its data.
const LOADING: &str = "LOADING ";

/// Whether a shard that is looked after has a member of which nobody knows the life.
fn has_nameless(topology: &Topology) -> bool {
    let guarded = topology.guarded_shards();
    let mut lives = guarded.flat_map(|shard| shard.in_sync.values().chain(shard.learners.values()));
    lives.any(Option::is_none)
}

/// The nodes that are watched: those that a controller may give something to do, and those of shards that nobody has taken over yet.
fn of_interest(topology: &Topology) -> BTreeMap<NodeId, (Address, NodeKind)> {
    let (guarded, others): (Vec<_>, Vec<_>) =
        topology.shards.iter().partition(|shard| shard.is_guarded());
    if guarded.is_empty() {
        return BTreeMap::new();
    }
    let left_alone: BTreeSet<&NodeId> = others.iter().flat_map(|shard| shard.members()).collect();
    let nodes = topology.nodes.iter();
    let plain: BTreeSet<&NodeId> = topology.plain_shards().flat_map(Shard::members).collect();
    let nodes = nodes.filter(|node| match node.kind {
        NodeKind::Switchyard => !left_alone.contains(&node.id),
        NodeKind::Redis => plain.contains(&node.id),
    });
    nodes
        .map(|node| (node.id.clone(), (node.address.clone(), node.kind)))
        .collect()
}
