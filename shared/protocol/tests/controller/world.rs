//! Everything that is simulated, and the clock: what is sent arrives later, or not, or twice; what happens is in the order of time, and depends on the seed alone.
//! Decides nothing: nodes and proxies run the crate's code. What must hold is looked at wherever it could be broken: [`checks`](crate::checks).

use std::collections::{BTreeMap, BTreeSet};

use protocol::controller::{Action, Announced, Document, Entry, Proposal};
use protocol::detector::Event as Sense;
use protocol::{Instruction, Member, Membership, Status, View, What};
use shared::topology::{Epoch, Incarnation, Version, Zone};

use crate::checks::Checks;
use crate::dice::Dice;
use crate::node::{Letters, Node, State, Talk};
use crate::proxy::{Actions, Happens, Proxy};
use crate::setup::{Ambush, Broken, Setup, Spot};

pub(crate) const LEASE_MS: u64 = 1_000;

/// What arrives, or comes to pass.
#[derive(Clone, Debug)]
pub(crate) enum Thing {
    Trouble(usize),
    Thaw(u8),
    StoreBack,
    NodeTick(u8),
    ProxyTick(u8),
    Client(u8),
    At(Spot, Spot, u64, Message),
    /// A compare-and-set has had no answer for long.
    Late(u8, u64, Version),
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Probe,
    Probed,
    Refused,
    Ask(Version),
    Says(Version, Box<Status<u8>>),
    Order(u8, Box<Instruction<u8>>),
    Talk(Talk),
    Write(Epoch, Incarnation, u32),
    Wrote,
    Gossip(View<u8>),
    Load,
    Document(Document<u8, u8>),
    Set(Box<Proposal<u8, u8>>),
    Outcome(Version, bool),
    Apply(u64),
    Applied(u64, bool),
}

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) dice: Dice,
    pub(crate) now_us: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) document: Document<u8, u8>,
    pub(crate) is_store_away: bool,
    leader: Option<(u8, u64, u64)>,
    pub(crate) cuts: BTreeSet<(Spot, Spot)>,
    /// When the last of what nodes said to each other arrives: a connection keeps its order.
    last_us: BTreeMap<(Spot, Spot), u64>,
    pub(crate) next_life: u64,
    pub(crate) ambush: Option<(u32, Ambush)>,
    /// Per shard: the write that is under way, and since when.
    open: Vec<Option<(u32, u64)>>,
    next_write: u32,
    things: BTreeMap<(u64, u64), Thing>,
    order: u64,
    pub(crate) checks: Checks,
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(setup: Setup, seed: u64, is_traced: bool) -> Self {
        let mut dice = Dice(seed);
        let life = |node: u8| Member {
            node,
            incarnation: Incarnation(u64::from(node) + 1),
        };
        let document = birth(&setup, life);
        let nodes = (0..setup.nodes()).map(|node| Node::new(life(node), &setup));
        let proxies = (0..setup.proxies).map(|at| Proxy::new(&setup, u64::from(at) + 1));
        let mut world = Self {
            nodes: nodes.collect(),
            proxies: proxies.collect(),
            document,
            is_store_away: false,
            leader: None,
            cuts: BTreeSet::new(),
            last_us: BTreeMap::new(),
            next_life: 1_000,
            ambush: None,
            open: vec![None; usize::from(setup.shards)],
            next_write: 1,
            things: BTreeMap::new(),
            order: 0,
            checks: Checks::new(setup.shards),
            trace: is_traced.then(Vec::new),
            now_us: 0,
            dice: Dice(0),
            setup,
        };
        for at in 0..world.setup.troubles.len() {
            let when_ms = world.setup.troubles[at].0;
            world.later(when_ms * 1_000, Thing::Trouble(at));
        }
        for node in 0..world.setup.nodes() {
            world.later(dice.between(0, 25_000), Thing::NodeTick(node));
        }
        for proxy in 0..world.setup.proxies {
            world.later(dice.between(0, 100_000), Thing::ProxyTick(proxy));
        }
        for shard in 0..world.setup.shards {
            world.later(dice.between(0, 30_000), Thing::Client(shard));
        }
        world.dice = dice;
        world
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us / 1_000
    }

    pub(crate) fn node(&mut self, at: u8) -> &mut Node {
        &mut self.nodes[usize::from(at)]
    }

    pub(crate) fn proxy(&mut self, at: u8) -> &mut Proxy {
        &mut self.proxies[usize::from(at)]
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        let now_us = self.now_us;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", now_us as f64 / 1_000.0, what()));
        }
    }

    pub(crate) fn later(&mut self, in_us: u64, thing: Thing) {
        self.order += 1;
        self.things.insert((self.now_us + in_us, self.order), thing);
    }

    /// Goes on until this time, or until something is wrong.
    pub(crate) fn run_until(&mut self, until_ms: u64) {
        while self.checks.fault.is_none()
            && let Some(entry) = self.things.first_entry()
            && entry.key().0 <= until_ms * 1_000
        {
            let ((now_us, _), thing) = entry.remove_entry();
            self.now_us = now_us;
            self.happen(thing);
        }
        self.now_us = self.now_us.max(until_ms * 1_000);
    }

    fn happen(&mut self, thing: Thing) {
        match thing {
            Thing::Trouble(at) => self.trouble(self.setup.troubles[at].1),
            Thing::StoreBack => self.is_store_away = false,
            Thing::Thaw(at) => {
                let now_us = self.now_us;
                let node = self.node(at);
                if matches!(node.state, State::Frozen(until_us) if until_us <= now_us) {
                    node.state = State::Up;
                }
            }
            Thing::NodeTick(at) => {
                self.later(25_000, Thing::NodeTick(at));
                let now_us = self.now_us;
                let node = self.node(at);
                if node.state == State::Up {
                    let letters = node.tick(now_us);
                    self.post(at, letters);
                    self.settle(at);
                }
            }
            Thing::ProxyTick(at) => self.proxy_tick(at),
            Thing::Client(shard) => self.client(shard),
            Thing::At(from, to, life, message) => self.arrive(from, to, life, message),
            Thing::Late(at, life, from) => {
                let now_ms = self.now_ms();
                let proxy = self.proxy(at);
                if proxy.is_up && proxy.life == life {
                    let actions = proxy.ended(from, Happens::Unclear(from), now_ms);
                    self.act(at, actions);
                }
            }
        }
    }

    /// Sends a message, if nothing is in its way.
    pub(crate) fn send(&mut self, from: Spot, to: Spot, message: &Message) {
        let is_cut = self.cuts.contains(&(from, to));
        let lost = self.setup.lost;
        if is_cut || self.dice.thousandth(lost) {
            return;
        }
        let life = match to {
            Spot::Proxy(at) => self.proxy(at).life,
            _ => 0,
        };
        let times = 1 + u8::from(self.dice.thousandth(lost));
        for _ in 0..times {
            let mut delay_us = self.dice.between(200, 2_000);
            if let (Message::Probed, Spot::Node(node)) = (message, from) {
                let busy_us = self.node(node).busy_ms * 1_000;
                delay_us += self.dice.between(0, busy_us + 1);
            }
            if let Message::Talk(_) = message {
                let last_us = self.last_us.entry((from, to)).or_insert(0);
                *last_us = (self.now_us + delay_us).max(*last_us + 1);
                delay_us = *last_us - self.now_us;
            }
            self.later(delay_us, Thing::At(from, to, life, message.clone()));
        }
    }

    pub(crate) fn post(&mut self, from: u8, letters: Letters) {
        for (to, talk) in letters {
            self.send(Spot::Node(from), Spot::Node(to), &Message::Talk(talk));
        }
    }

    fn arrive(&mut self, from: Spot, to: Spot, life: u64, message: Message) {
        match to {
            Spot::Node(at) => match self.node(at).state {
                State::Up => self.at_node(from, at, message),
                State::Frozen(until_us) => {
                    let wait_us = until_us.saturating_sub(self.now_us) + 1;
                    self.later(wait_us, Thing::At(from, to, life, message));
                }
                State::Down { refuses: true } if !matches!(message, Message::Talk(_)) => {
                    self.send(to, from, &Message::Refused);
                }
                State::Down { .. } => {}
            },
            Spot::Proxy(at) => {
                let now_us = self.now_us;
                let proxy = self.proxy(at);
                if !proxy.is_up || proxy.life != life {
                    return;
                }
                let wait_us = proxy.frozen_until_us.saturating_sub(now_us);
                if wait_us > 0 {
                    self.later(wait_us + 1, Thing::At(from, to, life, message));
                } else {
                    self.at_proxy(from, at, message);
                }
            }
            Spot::Store => self.at_store(from, message),
        }
    }

    fn at_node(&mut self, from: Spot, at: u8, message: Message) {
        let (now_us, here) = (self.now_us, Spot::Node(at));
        match message {
            Message::Probe => self.send(here, from, &Message::Probed),
            Message::Ask(version) => {
                let status = Box::new(self.node(at).status());
                self.send(here, from, &Message::Says(version, status));
            }
            Message::Order(shard, order) => {
                self.node(at).shard = shard;
                let letters = self.node(at).obey(&order, now_us);
                self.say(|| format!("node {at} obeys {order:?}"));
                self.checks.served(at, &self.nodes[usize::from(at)], now_us);
                self.post(at, letters);
            }
            Message::Talk(talk) => {
                let Spot::Node(other) = from else { return };
                let chance = self.dice.between(0, u64::MAX / 2);
                match self.node(at).hear(other, talk, now_us, chance) {
                    Ok(letters) => self.post(at, letters),
                    Err(fault) => self.checks.fail(fault),
                }
            }
            Message::Write(epoch, life, write) => {
                let Spot::Proxy(proxy) = from else { return };
                let node = self.node(at);
                let is_meant = node.replica.me().incarnation == life;
                if is_meant && node.write(epoch, write, proxy) {
                    let letters = node.after_write(now_us);
                    self.post(at, letters);
                } else {
                    // Not applied: the proxy lets it wait, and sends it again.
                    self.close(write);
                }
            }
            _ => {}
        }
        self.settle(at);
    }

    /// Acknowledges what may be.
    fn settle(&mut self, at: u8) {
        let now_us = self.now_us;
        let node = &mut self.nodes[usize::from(at)];
        for (write, proxy) in self.checks.settle(at, node, now_us) {
            self.close(write);
            self.send(Spot::Node(at), Spot::Proxy(proxy), &Message::Wrote);
        }
    }

    fn close(&mut self, write: u32) {
        for open in &mut self.open {
            open.take_if(|(open, _)| *open == write);
        }
    }

    fn at_proxy(&mut self, from: Spot, at: u8, message: Message) {
        let now_ms = self.now_ms();
        let proxy = &mut self.proxies[usize::from(at)];
        let actions = match (message, from) {
            (Message::Probed, Spot::Node(node)) => {
                proxy.senses(Sense::ProbeAnswered(node), now_ms);
                Vec::new()
            }
            (Message::Wrote, Spot::Node(node)) => {
                proxy.senses(Sense::DataAnswered(node), now_ms);
                Vec::new()
            }
            (Message::Refused, Spot::Node(node)) => {
                proxy.refused(node, now_ms);
                proxy.happens(Happens::Unreachable(node), now_ms)
            }
            (Message::Says(version, status), Spot::Node(node)) => {
                let status = *status;
                let event = Happens::Answered {
                    node,
                    version,
                    status,
                };
                proxy.happens(event, now_ms)
            }
            (Message::Gossip(view), Spot::Proxy(other)) => {
                proxy.gossip(other, view, now_ms);
                Vec::new()
            }
            (Message::Document(document), _) => proxy.loaded(document, now_ms),
            (Message::Outcome(from, true), _) => proxy.ended(from, Happens::Won(from), now_ms),
            (Message::Outcome(from, false), _) => proxy.ended(from, Happens::Lost(from), now_ms),
            (Message::Applied(asked_ms, is_won), _) => proxy.elected(asked_ms, is_won, now_ms),
            _ => Vec::new(),
        };
        self.act(at, actions);
    }

    fn at_store(&mut self, from: Spot, message: Message) {
        let Spot::Proxy(proxy) = from else { return };
        if self.is_store_away {
            return;
        }
        let answer = match message {
            Message::Load => Message::Document(self.document.clone()),
            Message::Apply(asked_ms) => {
                let (life, now_ms) = (self.proxy(proxy).life, self.now_ms());
                let is_free = self.leader.is_none_or(|(holder, its_life, until_ms)| {
                    (holder, its_life) == (proxy, life) || now_ms >= until_ms
                });
                if is_free {
                    self.leader = Some((proxy, life, now_ms + LEASE_MS));
                }
                Message::Applied(asked_ms, is_free)
            }
            Message::Set(mut proposal) => {
                let from = proposal.from;
                if self.setup.broken == Broken::Compare {
                    proposal.from = self.document.version;
                }
                let next = self.document.with(&proposal);
                let is_won = next.is_some();
                if let Some(next) = next {
                    self.say(|| format!("proxy {proxy} writes {proposal:?}"));
                    self.checks.written(&self.document, &next);
                    self.document = next;
                    for other in 0..self.setup.proxies {
                        let news = Message::Document(self.document.clone());
                        self.send(Spot::Store, Spot::Proxy(other), &news);
                    }
                }
                Message::Outcome(from, is_won)
            }
            _ => return,
        };
        self.send(Spot::Store, from, &answer);
    }

    fn proxy_tick(&mut self, at: u8) {
        self.later(20_000, Thing::ProxyTick(at));
        let (now_us, now_ms) = (self.now_us, self.now_ms());
        let proxy = self.proxy(at);
        if !proxy.is_up || proxy.frozen_until_us > now_us {
            return;
        }
        let actions = proxy.tick(now_ms);
        let ticks = proxy.ticks;
        self.act(at, actions);
        let here = Spot::Proxy(at);
        if ticks % 10 == 1 {
            self.send(here, Spot::Store, &Message::Apply(now_ms));
        }
        if ticks % 50 == 1 {
            self.send(here, Spot::Store, &Message::Load);
            self.announce(at);
        }
        if !ticks.is_multiple_of(5) {
            return;
        }
        for node in 0..self.setup.nodes() {
            self.proxy(at).senses(Sense::ProbeSent(node), now_ms);
            self.send(here, Spot::Node(node), &Message::Probe);
        }
        let view = self.proxy(at).view(now_ms);
        for other in (0..self.setup.proxies).filter(|other| *other != at) {
            self.send(here, Spot::Proxy(other), &Message::Gossip(view.clone()));
        }
    }

    /// Spares want to be used.
    fn announce(&mut self, at: u8) {
        let now_ms = self.now_ms();
        for node in self.setup.shards * self.setup.copies..self.setup.nodes() {
            let event = Happens::Announced(node, announced(node));
            self.proxy(at).happens(event, now_ms);
        }
    }

    /// A proxy's controller wants these things done.
    pub(crate) fn act(&mut self, at: u8, actions: Actions) {
        for action in actions {
            if !self.proxy(at).is_up {
                return;
            }
            let is_counted = !matches!(action, Action::Ask { .. });
            if let Some((left, ambush)) = self.ambush.filter(|_| is_counted) {
                self.ambush = left.checked_sub(1).map(|left| (left, ambush));
                if left == 0 {
                    self.say(|| format!("{ambush:?} before {action:?} of proxy {at}"));
                    match ambush {
                        Ambush::Kill => return self.kill_proxy(at),
                        Ambush::StoreAway(for_ms) => {
                            self.is_store_away = true;
                            self.later(for_ms * 1_000, Thing::StoreBack);
                        }
                    }
                }
            }
            self.carry_out(at, action);
        }
    }

    fn carry_out(&mut self, at: u8, action: Action<u8, u8>) {
        let (here, life) = (Spot::Proxy(at), self.proxy(at).life);
        match action {
            Action::Load => self.send(here, Spot::Store, &Message::Load),
            Action::Ask { node, version } => {
                self.send(here, Spot::Node(node), &Message::Ask(version));
            }
            Action::Send { node, shard, order } => {
                if self.setup.broken == Broken::Join && matches!(order.what, What::Join(_)) {
                    return;
                }
                let order = Message::Order(shard, Box::new(order));
                self.send(here, Spot::Node(node), &order);
            }
            Action::CompareAndSet(proposal) => {
                self.say(|| format!("proxy {at} proposes {proposal:?}"));
                self.proxy(at).open = Some(proposal.from);
                self.later(400_000, Thing::Late(at, life, proposal.from));
                let proposal = Message::Set(Box::new(proposal));
                self.send(here, Spot::Store, &proposal);
            }
            Action::Tell(notice) => {
                self.say(|| format!("proxy {at} tells {notice:?}"));
                self.checks.notices.push(notice);
            }
        }
    }

    /// One client per shard, that writes, waits for its answer, and goes on after a while without one.
    fn client(&mut self, shard: u8) {
        let pause_us = self.dice.between(5_000, 30_000);
        self.later(pause_us, Thing::Client(shard));
        let (now_us, proxies) = (self.now_us, self.setup.proxies);
        let proxy = self.dice.below(proxies);
        let open = &mut self.open[usize::from(shard)];
        open.take_if(|(_, since_us)| now_us - *since_us > 50_000);
        if open.is_some() {
            return;
        }
        let known = self.proxy(proxy);
        let Some(document) = known.controller.document().filter(|_| known.is_up) else {
            return;
        };
        let membership = &document.shards[&shard].membership;
        let (primary, epoch) = (membership.primary, membership.epoch);
        let write = self.next_write;
        self.next_write += 1;
        self.open[usize::from(shard)] = Some((write, now_us));
        let message = Message::Write(epoch, primary.incarnation, write);
        self.send(Spot::Proxy(proxy), Spot::Node(primary.node), &message);
    }
}

fn birth(setup: &Setup, life: impl Fn(u8) -> Member<u8>) -> Document<u8, u8> {
    let shard = |shard: u8| {
        let first = shard * setup.copies;
        let membership = Membership {
            version: Version(1),
            epoch: Epoch(1),
            primary: life(first),
            in_sync: (first..first + setup.copies).map(&life).collect(),
            learners: BTreeSet::new(),
        };
        let entry = Entry {
            membership,
            copies: usize::from(setup.copies),
            min_in_sync: usize::from(setup.min_in_sync),
        };
        (shard, entry)
    };
    let nodes = 0..setup.shards * setup.copies;
    Document {
        version: Version(1),
        shards: (0..setup.shards).map(shard).collect(),
        nodes: nodes.map(|node| (node, Some(zone(node)))).collect(),
    }
}

fn zone(node: u8) -> Zone {
    let name = if node.is_multiple_of(2) { "a" } else { "b" };
    name.parse().expect("a name")
}

fn announced(node: u8) -> Announced {
    Announced {
        address: format!("127.0.0.1:{}", 7_000 + u16::from(node))
            .parse()
            .expect("an address"),
        zone: Some(zone(node)),
    }
}
