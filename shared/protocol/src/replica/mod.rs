//! A node as a member of a shard: what orders make of it, what it takes from its leader, what it lets its followers have, and what it acknowledges.
//! Pure. Never: holds the log (its end and its epochs are passed in), sends, waits, draws an incarnation.
//! Invariants: an order is applied whole or not at all; a copy is destroyed only with a permission that the document gave to this very life; what is acknowledged
//! is on every member that is waited for; commit never falls within an epoch.
//!
//! [`primary`] who is waited for, and what all of these have. [`follower`] whom it follows, and whether it may throw its copy away.

mod follower;
mod primary;

use std::collections::BTreeSet;

use shared::topology::{Epoch, Incarnation, Version};

pub use self::follower::{Following, SyncRefusal};
pub use self::primary::{Acknowledgement, FollowerState, Leading};
use crate::epochs::EpochTable;
use crate::guard::{Action, Event, Guard, Order, OrderKind, Refusal, Role};
use crate::member::Member;
use crate::position::{Offset, Position};

/// An order, and what every order carries (`NODE …`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instruction<N: Ord> {
    /// The shard's epoch in the document that it comes from.
    pub epoch: Epoch,
    /// The version of that document.
    pub rev: Version,
    /// The life of the node that it is for.
    pub incarnation: Incarnation,
    /// What is to be done.
    pub what: What<N>,
}

/// What a node is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What<N: Ord> {
    /// Bind a pipe to the epoch.
    Fence,
    /// Lead, and wait for these, itself among them.
    Promote(BTreeSet<Member<N>>),
    /// Wait for these from now on, itself among them, and for nobody else.
    InSync(BTreeSet<Member<N>>),
    /// Wait for this one as well.
    Join(Member<N>),
    /// Carry out no more commands, so that what is under way ends and nothing new begins: a planned change of the primary comes.
    Hold {
        /// It goes on by itself after so many milliseconds, or by an order of a newer document: nothing but the ease of the change depends on it.
        most_ms: u64,
    },
    /// Follow this life of another node.
    Follow {
        /// Whom.
        leader: Member<N>,
        /// The document lists the receiver's very life as one that copies: it may throw its copy away.
        may_wipe: bool,
    },
}

/// What a node is, in its shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Duty<N: Ord> {
    /// It waits for an order, and serves nobody.
    Waiting,
    /// It follows.
    Following(Following<N>),
    /// It leads.
    Leading(Leading<N>),
}

/// A node as a member of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica<N: Ord> {
    me: Member<N>,
    guard: Guard,
    duty: Duty<N>,
    /// A full sync has begun and is not complete: what is here is no copy of anything.
    is_syncing: bool,
}

/// What a node says of itself (`NODE STATUS`): never refused, at no epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status<N: Ord> {
    /// Its life.
    pub incarnation: Incarnation,
    /// What it is, and at which epoch.
    pub role: Option<Role>,
    /// The newest epoch that it has seen.
    pub seen_epoch: Epoch,
    /// The newest version of the document that it has seen.
    pub seen_rev: Version,
    /// Where its log ends.
    pub position: Position,
    /// A full sync is not complete.
    pub is_syncing: bool,
    /// It follows, cannot continue, and has no permission to copy anew.
    pub needs_sync: bool,
    /// It refuses writes, for it cannot bring them to disk: who knows of its disk puts that in.
    pub cannot_write: bool,
    /// What a primary adds.
    pub leading: Option<LeadingStatus<N>>,
}

/// What a primary says of those whom it leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeadingStatus<N: Ord> {
    /// The version of the last PROMOTE or INSYNC.
    pub applied_rev: Version,
    /// Where its log ended when it was promoted.
    pub start: Offset,
    /// All before it is on everybody that is waited for; `None` when that is not known yet.
    pub commit: Option<Offset>,
    /// Those who are waited for.
    pub waits_for: BTreeSet<Member<N>>,
    /// Those of them that hold commit up: they lack something, and none of the others has said that it has less.
    pub blocked_on: BTreeSet<Member<N>>,
    /// Those who have joined: they may be listed as in sync.
    pub joined: BTreeSet<Member<N>>,
    /// Those who are not waited for and have said something since they saw the version that is applied, with what they have: it is known of them that the
    /// connection works in both directions now.
    pub others: Vec<(Incarnation, Offset)>,
    /// It carries out no commands, by a HOLD of this version.
    pub held: Option<Version>,
}

impl<N: Clone + Ord> Replica<N> {
    /// A node that has just started: it waits for an order, whatever it was before.
    #[must_use]
    pub fn new(me: Member<N>) -> Self {
        Self {
            guard: Guard::new(me.incarnation),
            me,
            duty: Duty::Waiting,
            is_syncing: false,
        }
    }

    /// Its present life.
    #[must_use]
    pub fn me(&self) -> &Member<N> {
        &self.me
    }

    /// What it is.
    #[must_use]
    pub fn duty(&self) -> &Duty<N> {
        &self.duty
    }

    /// Whether a command runs whose pipe was fenced at `epoch`.
    #[inline]
    #[must_use]
    pub fn admits(&self, epoch: Epoch) -> bool {
        self.guard.admits(epoch) && !self.is_held()
    }

    /// The time of a HOLD is over; the caller has measured it.
    pub fn go_on(&mut self) {
        if let Duty::Leading(leading) = &mut self.duty {
            leading.go_on();
        }
    }

    fn is_held(&self) -> bool {
        matches!(&self.duty, Duty::Leading(leading) if leading.held().is_some())
    }

    /// The epoch at which it leads, if it does: it acknowledges what it has carried out, also while it is held.
    #[must_use]
    pub fn serving_epoch(&self) -> Option<Epoch> {
        let role = self.guard.role()?;
        self.guard.admits(role.epoch).then_some(role.epoch)
    }

    /// The newest epoch that it has seen.
    #[must_use]
    pub fn seen_epoch(&self) -> Epoch {
        self.guard.seen_epoch()
    }

    /// The newest version of the document that it has seen at that epoch.
    #[must_use]
    pub fn seen_rev(&self) -> Version {
        self.guard.seen_rev()
    }

    /// The epoch of its role.
    #[must_use]
    pub fn role_epoch(&self) -> Option<Epoch> {
        self.guard.role().map(|role| role.epoch)
    }

    /// A read has come to a node that serves. Its number: see [`Leading::may_answer`].
    pub fn ask_for_read(&mut self) -> Option<u64> {
        self.serving_epoch()?;
        let Duty::Leading(leading) = &mut self.duty else {
            return None;
        };
        leading.held().is_none().then(|| leading.ask())
    }

    /// A follower that copies anew has this life from now on.
    pub fn connected(&mut self, follower: Incarnation) {
        if let Duty::Leading(leading) = &mut self.duty {
            leading.connected(follower);
        }
    }

    /// A follower's connection has ended; whether it is waited for does not change.
    pub fn left(&mut self, follower: Incarnation) {
        if let Duty::Leading(leading) = &mut self.duty {
            leading.left(follower);
        }
    }

    /// Obeys, or says why not. `end` is where its log ends.
    pub fn obey(&mut self, order: &Instruction<N>, end: Offset) -> Vec<Action> {
        let kind = self.kind_of(order);
        let mut actions = self.guard.step(Event::Order(Order {
            kind: kind.unwrap_or(OrderKind::Fence),
            epoch: order.epoch,
            rev: order.rev,
            incarnation: order.incarnation,
        }));
        if actions
            .iter()
            .any(|action| matches!(action, Action::EndRole(_)))
        {
            self.duty = Duty::Waiting;
        }
        if actions
            .iter()
            .any(|action| matches!(action, Action::Refuse(_)))
        {
            return actions;
        }
        if kind.is_none() {
            // A new epoch counts all the same: it ended what the node was.
            actions.retain(|action| *action != Action::Accept);
            actions.push(Action::Refuse(Refusal::OtherRole));
            return actions;
        }
        match &order.what {
            What::Fence => {}
            What::Promote(in_sync) => self.lead(order.rev, in_sync, end, &actions),
            What::InSync(in_sync) => {
                if let Duty::Leading(leading) = &mut self.duty {
                    leading.wait_for(order.rev, others(&self.me, in_sync), end);
                }
            }
            What::Join(member) => {
                if let Duty::Leading(leading) = &mut self.duty {
                    leading.join(member.clone(), end);
                }
            }
            What::Hold { .. } => {
                if let Duty::Leading(leading) = &mut self.duty {
                    leading.hold();
                }
            }
            What::Follow { leader, may_wipe } => self.follow(leader, *may_wipe, &actions),
        }
        actions
    }

    /// How the guard is to look at an order; `None` when this node cannot carry it out at all.
    fn kind_of(&self, order: &Instruction<N>) -> Option<OrderKind> {
        match &order.what {
            What::Fence => Some(OrderKind::Fence),
            // What it has is half a copy.
            What::Promote(_) if self.is_syncing => None,
            What::Promote(_) => Some(OrderKind::Promote),
            What::Follow { leader, .. } => Some(OrderKind::Follow(leader.incarnation)),
            What::InSync(_) | What::Join(_) | What::Hold { .. } => {
                let Duty::Leading(leading) = &self.duty else {
                    return None;
                };
                let applied = leading.applied_rev();
                let fits = match &order.what {
                    What::Join(member) => {
                        order.rev == applied && leading.is_connected(member.incarnation)
                    }
                    What::Hold { .. } => order.rev == applied,
                    // The same document again changes nothing, but it is no lie to say so.
                    _ => order.rev >= applied,
                };
                fits.then_some(OrderKind::ToPrimary)
            }
        }
    }

    fn lead(
        &mut self,
        rev: Version,
        in_sync: &BTreeSet<Member<N>>,
        end: Offset,
        actions: &[Action],
    ) {
        let takes = |action: &Action| matches!(action, Action::TakeRole(_));
        match &mut self.duty {
            // Equal: it leads by this document already, and may only wait for more.
            Duty::Leading(leading) if !actions.iter().any(takes) => {
                leading.wait_for(rev, others(&self.me, in_sync), end);
            }
            duty => *duty = Duty::Leading(Leading::new(rev, others(&self.me, in_sync), end)),
        }
    }

    fn follow(&mut self, leader: &Member<N>, may_wipe: bool, actions: &[Action]) {
        match &mut self.duty {
            Duty::Following(following) if following.leader() == leader => {
                if actions.contains(&Action::Replace) {
                    following.permit(may_wipe);
                }
            }
            duty => *duty = Duty::Following(Following::new(leader.clone(), may_wipe)),
        }
    }

    /// What a follower says when it asks for the log of its leader; `None` when it follows nobody, or has seen an epoch beyond that of its role.
    #[must_use]
    pub fn ask(&self, position: Position) -> Option<Handshake> {
        let Duty::Following(following) = &self.duty else {
            return None;
        };
        Some(Handshake {
            epoch: self.guard.role()?.epoch,
            follower: self.me.incarnation,
            leader: following.leader().incarnation,
            // Half a copy is the beginning of nothing.
            position: (!self.is_syncing).then_some(position),
            seen_rev: self.guard.seen_rev(),
        })
    }

    /// What a leader answers; `log` are the epochs of its log, which ends at `end`. `None`: it does not lead at that epoch, or in that life.
    pub fn answer(&mut self, asked: &Handshake, log: &EpochTable, end: Offset) -> Option<Sync> {
        let is_meant = asked.leader == self.me.incarnation && self.guard.admits(asked.epoch);
        let Duty::Leading(leading) = &mut self.duty else {
            return None;
        };
        if !is_meant {
            return None;
        }
        leading.connected(asked.follower);
        match asked.position {
            Some(position) if log.continues(position, end) => Some(Sync::Continue(position.offset)),
            _ => Some(Sync::Full),
        }
    }

    /// The follower is told how it goes on.
    ///
    /// # Errors
    /// It may not: it keeps what it has, and stays without a stream.
    pub fn begin(&mut self, sync: Sync, next_life: Incarnation) -> Result<(), SyncRefusal> {
        let Duty::Following(following) = &mut self.duty else {
            return Err(SyncRefusal::FollowsNobody);
        };
        match sync {
            Sync::Continue(_) => following.continued(),
            Sync::Full => {
                if !(self.is_syncing || following.may_wipe()) {
                    following.refused();
                    return Err(SyncRefusal::NoPermission);
                }
                following.continued();
                self.is_syncing = true;
                self.me.incarnation = next_life;
                self.guard.renew(next_life);
            }
        }
        Ok(())
    }

    /// Snapshot and stream of a full sync are complete.
    pub fn synced(&mut self) {
        self.is_syncing = false;
    }

    /// What is here is no copy of anything any more: a part of something that is one was lost on its way.
    pub fn tear(&mut self) {
        self.is_syncing = true;
    }

    /// Whether a full sync is under way.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        self.is_syncing
    }

    /// Whether a batch of the leader's log counts: asked for every batch, and not once per connection.
    pub fn takes(&mut self, batch: Batch) -> bool {
        let Duty::Following(following) = &self.duty else {
            return false;
        };
        following.leader().incarnation == batch.leader && self.guard.hear(batch.epoch, batch.rev)
    }

    /// What it says to its leader when it has all before `end`, in answer to a batch of this epoch.
    #[must_use]
    pub fn acknowledge(&self, end: Offset, confirms: u64) -> Option<Acknowledgement> {
        let Duty::Following(_) = &self.duty else {
            return None;
        };
        Some(Acknowledgement {
            epoch: self.guard.role()?.epoch,
            follower: self.me.incarnation,
            offset: end,
            rev: self.guard.seen_rev(),
            confirms,
        })
    }

    /// The leader hears that a follower has more. Whether it counts.
    pub fn acknowledged(&mut self, heard: &Acknowledgement, end: Offset) -> bool {
        if !self.guard.admits(heard.epoch) {
            return false;
        }
        let Duty::Leading(leading) = &mut self.duty else {
            return false;
        };
        leading.acknowledged(heard, end)
    }

    /// The log has grown up to `end`.
    pub fn appended(&mut self, end: Offset) {
        if let Duty::Leading(leading) = &mut self.duty {
            leading.advance(end);
        }
    }

    /// What it says of itself; `position` is that of its log.
    #[must_use]
    pub fn status(&self, position: Position) -> Status<N> {
        self.status_in_unit(position, position.offset)
    }

    /// The same while something is in the log that is one and not over, and began at `whole`: followers acknowledge it when they have its end, so that nobody is
    /// late who has what was before.
    #[must_use]
    pub fn status_in_unit(&self, position: Position, whole: Offset) -> Status<N> {
        let leading = match &self.duty {
            Duty::Leading(leading) if self.serving_epoch().is_some() => Some(leading),
            _ => None,
        };
        Status {
            incarnation: self.me.incarnation,
            role: self.guard.role(),
            seen_epoch: self.guard.seen_epoch(),
            seen_rev: self.guard.seen_rev(),
            position,
            is_syncing: self.is_syncing,
            needs_sync: match &self.duty {
                Duty::Following(following) => following.needs_sync(),
                _ => false,
            },
            cannot_write: false,
            leading: leading.map(|leading| leading.status(whole)),
        }
    }
}

/// What a follower says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handshake {
    /// The epoch of its role.
    pub epoch: Epoch,
    /// Its life.
    pub follower: Incarnation,
    /// The life of the leader that it was told to follow.
    pub leader: Incarnation,
    /// Where its log ends; `None` when what it has is half a copy.
    pub position: Option<Position>,
    /// The newest version of the document that it has seen.
    pub seen_rev: Version,
}

/// How a follower gets its leader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sync {
    /// From this offset on.
    Continue(Offset),
    /// As a snapshot, and what comes behind it.
    Full,
}

/// What every batch of a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The life of the leader.
    pub leader: Incarnation,
    /// The epoch at which it leads.
    pub epoch: Epoch,
    /// The version that it has applied.
    pub rev: Version,
}

/// All of a set but this node.
fn others<N: Clone + Ord>(me: &Member<N>, all: &BTreeSet<Member<N>>) -> BTreeSet<Member<N>> {
    all.iter()
        .filter(|member| member.node != me.node)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests;
