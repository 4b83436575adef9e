//! What happens from outside, and what is drawn by chance.

use std::collections::BTreeSet;

use shared::topology::{Epoch, Incarnation};

use crate::dice::Dice;
use crate::node::State;
use crate::proxy::{Happens, Proxy};
use crate::setup::{Ambush, Disk, Setup, Spot, Trouble};
use crate::world::{Thing, World};

impl World {
    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        self.say(|| format!("{trouble:?}"));
        let now_us = self.now_us;
        match trouble {
            Trouble::Kill {
                node,
                refuses,
                disk,
            } => {
                if matches!(self.node(node).state, State::Down { .. }) {
                    return;
                }
                let disk = if self.may_lose(node) {
                    disk
                } else {
                    Disk::Whole
                };
                let chance = self.dice.between(0, u64::MAX / 2);
                self.node(node).die(refuses, disk, chance);
            }
            Trouble::Start(node) => self.start(node),
            Trouble::Freeze(Spot::Node(node), for_ms) => {
                if self.node(node).state == State::Up {
                    self.node(node).state = State::Frozen(now_us + for_ms * 1_000);
                    self.later(for_ms * 1_000, Thing::Thaw(node));
                }
            }
            Trouble::Freeze(Spot::Proxy(proxy), for_ms) => {
                self.proxy(proxy).frozen_until_us = now_us + for_ms * 1_000;
            }
            Trouble::Freeze(Spot::Store, _) => {}
            Trouble::Cut(from, to) => {
                self.cuts.insert((from, to));
            }
            Trouble::Join(from, to) => {
                self.cuts.remove(&(from, to));
            }
            Trouble::Isolate(proxy) => {
                let pairs = self.around(proxy);
                self.cuts.extend(pairs);
            }
            Trouble::Rejoin(proxy) => {
                for pair in self.around(proxy) {
                    self.cuts.remove(&pair);
                }
            }
            Trouble::KillProxy(proxy) => self.kill_proxy(proxy),
            Trouble::KillController => {
                if let Some(proxy) = self.controller() {
                    self.kill_proxy(proxy);
                }
            }
            Trouble::StartProxy(proxy) => self.start_proxy(proxy),
            Trouble::StoreAway => self.is_store_away = true,
            Trouble::StoreBack => self.is_store_away = false,
            Trouble::Ambush(actions, ambush) => self.ambush = Some((actions, ambush)),
            Trouble::FailOver(shard) => self.fail_over(shard),
            Trouble::Busy(node, most_ms) => self.node(node).busy_ms = most_ms,
        }
    }

    pub(crate) fn kill_proxy(&mut self, at: u8) {
        let proxy = self.proxy(at);
        proxy.is_up = false;
        proxy.frozen_until_us = 0;
    }

    fn start_proxy(&mut self, at: u8) {
        if self.proxy(at).is_up {
            return;
        }
        self.next_life += 1;
        *self.proxy(at) = Proxy::new(&self.setup.clone(), self.next_life);
    }

    fn start(&mut self, node: u8) {
        if matches!(self.node(node).state, State::Down { .. }) {
            self.next_life += 1;
            let life = Incarnation(self.next_life);
            self.node(node).start(life);
        }
    }

    fn fail_over(&mut self, shard: u8) {
        let now_ms = self.now_ms();
        if let Some(at) = self.controller() {
            let document = self.proxy(at).controller.document();
            let led = document.and_then(|document| document.shards.get(&shard));
            let epoch = led.map_or(Epoch::FIRST, |entry| entry.membership.epoch);
            let event = Happens::FailOver {
                shard,
                to: None,
                at: epoch,
            };
            let actions = self.proxy(at).happens(event, now_ms);
            self.act(at, actions);
        }
    }

    fn controller(&self) -> Option<u8> {
        let is_it = |at: &u8| {
            let proxy = &self.proxies[usize::from(*at)];
            proxy.is_up && proxy.is_elected()
        };
        (0..self.setup.proxies).find(is_it)
    }

    fn around(&self, proxy: u8) -> Vec<(Spot, Spot)> {
        let here = Spot::Proxy(proxy);
        let nodes = (0..self.setup.nodes()).map(Spot::Node);
        let proxies = (0..self.setup.proxies).map(Spot::Proxy);
        let others: Vec<Spot> = nodes.chain(proxies).filter(|spot| *spot != here).collect();
        let both = |spot: &Spot| [(here, *spot), (*spot, here)];
        others.iter().flat_map(both).collect()
    }

    /// Whether a node may lose its log without anything being lost in truth: another one, alive in the life that is listed, is in sync by the document.
    fn may_lose(&self, node: u8) -> bool {
        let mut shards = self.document.shards.values();
        let Some(entry) = shards.find(|entry| entry.membership.nodes().contains(&node)) else {
            return true;
        };
        entry.membership.in_sync.iter().any(|member| {
            let other = &self.nodes[usize::from(member.node)];
            let is_up = !matches!(other.state, State::Down { .. });
            // One that has thrown its copy away for another one has not failed: it has obeyed.
            let began_anew = other.replica.me().incarnation.0 >= 1_000_000;
            let lives = *other.replica.me() == *member || began_anew;
            member.node != node && is_up && lives
        })
    }

    /// Everything works again from now on.
    pub(crate) fn end_troubles(&mut self) {
        self.say(|| "all is well again".to_owned());
        self.cuts.clear();
        self.is_store_away = false;
        self.ambush = None;
        for node in 0..self.setup.nodes() {
            self.start(node);
            if let State::Frozen(_) = self.node(node).state {
                self.node(node).state = State::Up;
            }
            self.node(node).busy_ms = 0;
        }
        for proxy in 0..self.setup.proxies {
            self.start_proxy(proxy);
            self.proxy(proxy).frozen_until_us = 0;
        }
    }

    /// Whether each shard serves, all its copies are in sync, and clients have been answered after `since_us`.
    pub(crate) fn is_well(&self, since_us: u64) -> bool {
        self.document.shards.iter().all(|(shard, entry)| {
            let membership = &entry.membership;
            let primary = &self.nodes[usize::from(membership.primary.node)];
            let serves = primary.replica.serving_epoch() == Some(membership.epoch)
                && *primary.replica.me() == membership.primary;
            let alive = |node: &u8| self.nodes[usize::from(*node)].state == State::Up;
            let in_sync: BTreeSet<u8> = membership.in_sync.iter().map(|one| one.node).collect();
            serves
                && in_sync.iter().all(alive)
                && in_sync.len() >= entry.copies
                && in_sync.len() == membership.nodes().len()
                && self.checks.acknowledged_us[usize::from(*shard)] > since_us
        })
    }
}

/// Anything, at any time between a second and five.
pub(crate) fn draw(mut setup: Setup, dice: &mut Dice) -> Setup {
    let (nodes, proxies) = (setup.nodes(), setup.proxies);
    setup.are_zealous = dice.thousandth(200);
    setup.lost = if dice.thousandth(500) {
        0
    } else {
        dice.between(0, 20)
    };
    setup.forgets = [0, 0, 13, 2][usize::from(dice.below(4))];
    for _ in 0..dice.between(1, 10) {
        let at_ms = dice.between(1_000, 4_900);
        let (node, proxy) = (dice.below(nodes), dice.below(proxies));
        let (begins, ends) = match dice.between(0, 12) {
            0..=3 => (kill(node, dice), Some(Trouble::Start(node))),
            4 => (
                Trouble::Freeze(Spot::Node(node), dice.between(50, 2_500)),
                None,
            ),
            5 => (
                Trouble::Freeze(Spot::Proxy(proxy), dice.between(50, 2_500)),
                None,
            ),
            6 | 7 => {
                let (from, to) = (spot(&setup, dice), spot(&setup, dice));
                (Trouble::Cut(from, to), Some(Trouble::Join(from, to)))
            }
            8 => (Trouble::Isolate(proxy), Some(Trouble::Rejoin(proxy))),
            9 => {
                let first = if dice.thousandth(500) {
                    Trouble::KillProxy(proxy)
                } else {
                    Trouble::Ambush(u32::from(dice.below(12)), Ambush::Kill)
                };
                (first, Some(Trouble::StartProxy(proxy)))
            }
            10 => (Trouble::StoreAway, Some(Trouble::StoreBack)),
            _ => (Trouble::FailOver(dice.below(setup.shards)), None),
        };
        setup = setup.with(at_ms, begins);
        if let Some(ends) = ends {
            setup = setup.with(at_ms + dice.between(10, 2_500), ends);
        }
    }
    setup
}

fn kill(node: u8, dice: &mut Dice) -> Trouble {
    Trouble::Kill {
        node,
        refuses: dice.thousandth(600),
        disk: [Disk::Whole, Disk::Cut, Disk::Empty][usize::from(dice.below(3))],
    }
}

fn spot(setup: &Setup, dice: &mut Dice) -> Spot {
    match dice.between(0, 10) {
        0..=5 => Spot::Node(dice.below(setup.nodes())),
        6..=8 => Spot::Proxy(dice.below(setup.proxies)),
        _ => Spot::Store,
    }
}
