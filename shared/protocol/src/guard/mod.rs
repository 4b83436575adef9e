//! What a node lets pass: of orders those of its own life, of the newest epoch and of a document not older than the last; of commands those of the epoch at
//! which it leads.
//! Pure. Never: carries an order out, waits for followers, remembers anything across a restart.
//! Invariants, each of them tried from every state that can be reached: the role's epoch is the seen epoch; the seen epoch and revision of a life never fall;
//! no command is served under another epoch than that of the role; an order that is repeated changes nothing.

use shared::topology::{Epoch, Incarnation, Version};

/// What a node remembers of orders, in memory alone: a restart forgets it, and orders to the former life no longer fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guard {
    incarnation: Incarnation,
    seen_epoch: Epoch,
    seen_rev: Version,
    role: Option<Role>,
}

/// What a node is, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// What it is.
    pub kind: RoleKind,
    /// At which epoch.
    pub epoch: Epoch,
}

/// What a node can be. One that has no role yet waits for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleKind {
    /// It leads its shard.
    Primary,
    /// It follows this life of another node.
    Follower(Incarnation),
}

/// Something that happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An order arrives.
    Order(Order),
    /// A command arrives over a pipe that was fenced at this epoch.
    Command(Epoch),
    /// The node starts, or throws its keyspace away: a new life.
    Restart(Incarnation),
}

/// An order, and what every order carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What it is about.
    pub kind: OrderKind,
    /// The shard's epoch in the document that it comes from.
    pub epoch: Epoch,
    /// The version of that document.
    pub rev: Version,
    /// The life of the node that it is for.
    pub incarnation: Incarnation,
}

/// What an order is about, as far as it matters to whether it may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// FENCE: binds a pipe to the epoch.
    Fence,
    /// PROMOTE: lead.
    Promote,
    /// FOLLOW: follow this life of another node.
    Follow(Incarnation),
    /// INSYNC and the other orders that only the primary of exactly this epoch can carry out.
    ToPrimary,
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The role of a lower epoch ends at once: a primary acknowledges nothing more, a follower cuts its stream.
    EndRole(Role),
    /// The node has this role from now on.
    TakeRole(Role),
    /// The order passes; it comes from a newer document than the last, so what it says replaces what stood.
    Replace,
    /// The order passes; it comes from the same document as the last, so it may only add to what must be waited for.
    Add,
    /// The pipe is bound, or the command runs.
    Accept,
    /// Nothing of the order or the command is done, and the sender is told why.
    Refuse(Refusal),
}

/// Why something does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `-STALEINCARNATION`: it is for another life of the node. The one that it has.
    StaleIncarnation(Incarnation),
    /// `-STALEEPOCH`: it is older than what has been seen, or the node has seen an epoch at which it has no orders yet.
    StaleEpoch {
        /// The newest epoch seen.
        epoch: Epoch,
        /// The newest revision seen.
        rev: Version,
    },
    /// The node is something else at this epoch.
    OtherRole,
}

impl Guard {
    /// A node that has just started: it waits for an order.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            seen_epoch: Epoch(0),
            seen_rev: Version(0),
            role: None,
        }
    }

    /// What it is now, if it is anything.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The newest epoch that it has seen.
    #[must_use]
    pub fn seen_epoch(&self) -> Epoch {
        self.seen_epoch
    }

    /// The newest version of the document that it has seen at that epoch.
    #[must_use]
    pub fn seen_rev(&self) -> Version {
        self.seen_rev
    }

    /// The node throws its copy away for another one: a new life in the same role. Orders to the former no longer fit.
    pub(crate) fn renew(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
    }

    /// A batch of a leader's log, of this epoch and version: whether a follower takes it, which then has seen that version.
    pub(crate) fn hear(&mut self, epoch: Epoch, rev: Version) -> bool {
        let follows = self.role.is_some_and(|role| role.epoch == epoch);
        let is_heard = follows && epoch == self.seen_epoch;
        if is_heard {
            self.seen_rev = self.seen_rev.max(rev);
        }
        is_heard
    }

    /// Takes note of what happens, and says what to do about it.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Restart(incarnation) => {
                let ended = self.role.map(Action::EndRole);
                *self = Self::new(incarnation);
                ended.into_iter().collect()
            }
            Event::Command(epoch) => vec![self.answer(self.admits(epoch))],
            Event::Order(order) => self.order(order),
        }
    }

    /// Whether a command runs whose pipe was fenced at `epoch`: the node leads at that epoch, and has seen none above it.
    #[inline]
    #[must_use]
    pub fn admits(&self, epoch: Epoch) -> bool {
        let leads = Role {
            kind: RoleKind::Primary,
            epoch: self.seen_epoch,
        };
        epoch == self.seen_epoch && self.role == Some(leads)
    }

    fn order(&mut self, order: Order) -> Vec<Action> {
        if order.incarnation != self.incarnation {
            let refusal = Refusal::StaleIncarnation(self.incarnation);
            return vec![Action::Refuse(refusal)];
        }
        if order.epoch < self.seen_epoch {
            return vec![self.answer(false)];
        }
        let mut actions = Vec::new();
        let is_newer_epoch = order.epoch > self.seen_epoch;
        if is_newer_epoch {
            self.seen_epoch = order.epoch;
            actions.extend(self.role.take().map(Action::EndRole));
        }
        if order.kind == OrderKind::Fence {
            // It says nothing about the document's other parts, so the order that it comes with is not older for it.
            actions.push(Action::Accept);
            return actions;
        }
        if !is_newer_epoch && order.rev < self.seen_rev {
            return vec![self.answer(false)];
        }
        let is_newer_rev = order.rev > self.seen_rev;
        actions.extend(self.apply(order, is_newer_rev));
        actions
    }

    /// An order that is not stale.
    fn apply(&mut self, order: Order, is_newer_rev: bool) -> Vec<Action> {
        let wanted = match order.kind {
            OrderKind::Follow(leader) => RoleKind::Follower(leader),
            OrderKind::Fence | OrderKind::Promote | OrderKind::ToPrimary => RoleKind::Primary,
        };
        let may_take = match (order.kind, self.role.map(|role| role.kind)) {
            (OrderKind::Promote | OrderKind::Follow(_), None) => true,
            // Another leader at the same epoch, by a newer document.
            (OrderKind::Follow(_), Some(RoleKind::Follower(_))) => is_newer_rev,
            _ => false,
        };
        let role = Role {
            kind: wanted,
            epoch: order.epoch,
        };
        let mut actions = Vec::new();
        if self.role != Some(role) {
            if !may_take {
                return vec![Action::Refuse(Refusal::OtherRole)];
            }
            self.role = Some(role);
            actions.push(Action::TakeRole(role));
        }
        let is_first = !actions.is_empty();
        self.seen_rev = self.seen_rev.max(order.rev);
        actions.push(if is_first || is_newer_rev {
            Action::Replace
        } else {
            Action::Add
        });
        actions
    }

    fn answer(&self, is_admitted: bool) -> Action {
        if is_admitted {
            Action::Accept
        } else {
            Action::Refuse(Refusal::StaleEpoch {
                epoch: self.seen_epoch,
                rev: self.seen_rev,
            })
        }
    }
}

#[cfg(test)]
mod tests;
