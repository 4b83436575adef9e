//! A proxy: the crate's detector, opinion and controller, fed by the simulated clock, and the shell between them: probes, gossip, election.

use std::collections::BTreeSet;

use protocol::View;
use protocol::controller::{self, Action, Controller, Document};
use protocol::detector::{self, Detector, Failure};
use protocol::opinion::{self, Nodes, Opinion};
use shared::topology::Version;

use crate::setup::{Broken, Setup};

pub(crate) type Actions = Vec<Action<u8, u8>>;
pub(crate) type Happens = controller::Event<u8, u8>;

#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) life: u64,
    pub(crate) is_up: bool,
    pub(crate) frozen_until_us: u64,
    detector: Detector<u8>,
    opinion: Opinion<u8, u8>,
    pub(crate) controller: Controller<u8, u8>,
    nodes: (BTreeSet<u8>, BTreeSet<u8>),
    pub(crate) ticks: u64,
    /// It is elected until then.
    elected_until_ms: Option<u64>,
    is_zealous: bool,
    /// The version of the compare-and-set that has no end yet.
    pub(crate) open: Option<Version>,
    is_store_there: bool,
    broken: Broken,
}

impl Proxy {
    pub(crate) fn new(setup: &Setup, life: u64) -> Self {
        Self {
            life,
            is_up: true,
            frozen_until_us: 0,
            detector: Detector::new(setup.detector),
            opinion: Opinion::new(setup.opinion),
            controller: Controller::new(setup.controller),
            nodes: (BTreeSet::new(), BTreeSet::new()),
            ticks: 0,
            elected_until_ms: None,
            is_zealous: setup.are_zealous,
            open: None,
            is_store_there: true,
            broken: setup.broken,
        }
    }

    pub(crate) fn is_elected(&self) -> bool {
        self.elected_until_ms.is_some()
    }

    pub(crate) fn happens(&mut self, event: Happens, now_ms: u64) -> Actions {
        self.controller.step(event, now_ms)
    }

    pub(crate) fn loaded(&mut self, document: Document<u8, u8>, now_ms: u64) -> Actions {
        let actions = self.happens(Happens::Loaded(document), now_ms);
        self.read_document(now_ms);
        actions
    }

    /// Watches the nodes that the newest document lists.
    pub(crate) fn read_document(&mut self, now_ms: u64) {
        if let Some(document) = self.controller.document() {
            self.nodes = document.nodes_and_needed();
        }
        let watch = detector::Event::Watch(self.nodes.0.clone());
        self.detector.step(watch, now_ms);
    }

    /// What is known of a node's connection.
    pub(crate) fn senses(&mut self, event: detector::Event<u8>, now_ms: u64) {
        self.detector.step(event, now_ms);
    }

    pub(crate) fn refused(&mut self, node: u8, now_ms: u64) {
        let event = detector::Event::ProbeFailed(node, Failure::Refused);
        self.detector.step(event, now_ms);
    }

    pub(crate) fn view(&self, now_ms: u64) -> View<u8> {
        // Another life counts anew.
        self.detector.view((self.life << 32) + self.ticks, now_ms)
    }

    pub(crate) fn gossip(&mut self, from: u8, view: View<u8>, now_ms: u64) {
        self.opinion.step(opinion::Event::View(from, view), now_ms);
    }

    /// Every 20 ms.
    pub(crate) fn tick(&mut self, now_ms: u64) -> Actions {
        self.ticks += 1;
        self.detector.step(detector::Event::Tick, now_ms);
        let own = self.view(now_ms);
        let nodes = Nodes {
            all: &self.nodes.0,
            needed: &self.nodes.1,
        };
        let mut verdict = self.opinion.verdict(&own, &nodes, now_ms);
        if self.broken == Broken::Blind {
            verdict.down = own.suspected;
        }
        let mut actions = Vec::new();
        if self.elected_until_ms.is_some_and(|until| now_ms >= until) {
            self.elected_until_ms = None;
            actions.extend(self.happens(Happens::Deposed, now_ms));
        }
        if self.is_zealous && !self.is_elected() {
            self.elected_until_ms = Some(u64::MAX);
            actions.extend(self.happens(Happens::Elected, now_ms));
        }
        actions.extend(self.happens(Happens::Verdict(verdict), now_ms));
        actions.extend(self.happens(Happens::Tick, now_ms));
        actions
    }

    /// The store has answered an application of that time.
    pub(crate) fn elected(&mut self, asked_ms: u64, is_won: bool, now_ms: u64) -> Actions {
        let mut actions = self.hears_store(now_ms);
        let until = asked_ms + crate::world::LEASE_MS - 100;
        if self.is_zealous || until <= now_ms {
            return actions;
        }
        match (is_won, self.is_elected()) {
            (true, was) => {
                self.elected_until_ms = Some(until);
                if !was {
                    actions.extend(self.happens(Happens::Elected, now_ms));
                }
            }
            (false, true) => {
                self.elected_until_ms = None;
                actions.extend(self.happens(Happens::Deposed, now_ms));
            }
            (false, false) => {}
        }
        actions
    }

    fn hears_store(&mut self, now_ms: u64) -> Actions {
        if self.is_store_there {
            return Vec::new();
        }
        self.is_store_there = true;
        self.happens(Happens::StoreBack, now_ms)
    }

    /// The compare-and-set from this version has this end.
    pub(crate) fn ended(&mut self, from: Version, end: Happens, now_ms: u64) -> Actions {
        if self.open != Some(from) {
            return Vec::new();
        }
        self.open = None;
        let is_unclear = matches!(end, Happens::Unclear(_));
        let mut actions = self.happens(end, now_ms);
        if is_unclear {
            self.is_store_there = false;
            actions.extend(self.happens(Happens::StoreLost, now_ms));
        }
        self.read_document(now_ms);
        actions
    }
}
