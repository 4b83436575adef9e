//! Whom a primary waits for, what all of these have, and which reads may be answered.
//! Pure. Invariants: commit never falls while this node leads at its epoch; who is waited for is forgotten only by a newer document; an acknowledgement of
//! another life counts for nobody.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Epoch, Incarnation, Version};

use super::LeadingStatus;
use crate::member::Member;
use crate::position::Offset;

/// A primary's part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leading<N: Ord> {
    /// The version of the last PROMOTE or INSYNC.
    applied_rev: Version,
    /// Where its log ended when it was promoted.
    start: Offset,
    /// All before it is on everybody that is waited for; `None` when not known.
    commit: Option<Offset>,
    /// Who is waited for besides itself.
    waits_for: BTreeSet<Member<N>>,
    /// Those who are connected, or were at this epoch.
    followers: BTreeMap<Incarnation, FollowerState>,
    /// Reads that have been asked for so far; each is answered when its number is confirmed.
    asked: u64,
    /// It carries out no commands, by a HOLD of this version.
    held: Option<Version>,
}

/// What is known of a follower at this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FollowerState {
    /// It has all before this; `None` before it has said so.
    pub offset: Option<Offset>,
    /// The newest version of the document that it has seen.
    pub rev: Version,
    /// Reads up to this number were asked for before it said that it still follows.
    pub confirmed: u64,
}

impl FollowerState {
    /// One that has said nothing yet.
    const NEW: Self = Self {
        offset: None,
        rev: Version(0),
        confirmed: 0,
    };
}

/// What a follower says of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Acknowledgement {
    /// The epoch of its role.
    pub epoch: Epoch,
    /// Its life.
    pub follower: Incarnation,
    /// It has all before this.
    pub offset: Offset,
    /// The newest version of the document that it has seen.
    pub rev: Version,
    /// The greatest number of reads that it was asked to confirm.
    pub confirms: u64,
}

impl<N: Clone + Ord> Leading<N> {
    pub(super) fn new(rev: Version, waits_for: BTreeSet<Member<N>>, end: Offset) -> Self {
        let mut leading = Self {
            applied_rev: rev,
            start: end,
            commit: None,
            waits_for,
            followers: BTreeMap::new(),
            asked: 0,
            held: None,
        };
        leading.advance(end);
        leading
    }

    /// The version of the last PROMOTE or INSYNC.
    pub fn applied_rev(&self) -> Version {
        self.applied_rev
    }

    /// All before it is on everybody that is waited for; `None` when not known.
    pub fn commit(&self) -> Option<Offset> {
        self.commit
    }

    /// Where its log ended when it was promoted: what comes before has no known offset of its own, and counts as written there.
    pub fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn is_connected(&self, follower: Incarnation) -> bool {
        self.followers.contains_key(&follower)
    }

    pub(super) fn connected(&mut self, follower: Incarnation) {
        self.followers.entry(follower).or_insert(FollowerState::NEW);
    }

    /// A follower's connection has ended; whether it is waited for does not change.
    pub fn left(&mut self, follower: Incarnation) {
        if !self.waits_for_life(follower) {
            self.followers.remove(&follower);
        }
    }

    fn waits_for_life(&self, follower: Incarnation) -> bool {
        self.waits_for
            .iter()
            .any(|member| member.incarnation == follower)
    }

    /// By a document of version `rev`. The same version again may only add.
    pub(super) fn wait_for(&mut self, rev: Version, members: BTreeSet<Member<N>>, end: Offset) {
        if rev > self.applied_rev {
            self.applied_rev = rev;
            self.waits_for = members;
            self.held = None;
        } else {
            self.waits_for.extend(members);
        }
        self.advance(end);
    }

    pub(super) fn join(&mut self, member: Member<N>, end: Offset) {
        self.waits_for.insert(member);
        self.advance(end);
    }

    /// By the document that it has applied.
    pub(super) fn hold(&mut self) {
        self.held = Some(self.applied_rev);
    }

    pub(super) fn go_on(&mut self) {
        self.held = None;
    }

    pub(super) fn held(&self) -> Option<Version> {
        self.held
    }

    pub(super) fn acknowledged(&mut self, heard: &Acknowledgement, end: Offset) -> bool {
        let Some(state) = self.followers.get_mut(&heard.follower) else {
            return false;
        };
        // Messages may be late; what a life has, it keeps.
        state.offset = state.offset.max(Some(heard.offset));
        state.rev = state.rev.max(heard.rev);
        state.confirmed = state.confirmed.max(heard.confirms);
        self.advance(end);
        true
    }

    /// Commit is what everybody has that is waited for.
    pub(super) fn advance(&mut self, end: Offset) {
        let mut all_have = Some(end);
        for member in &self.waits_for {
            let state = self.followers.get(&member.incarnation);
            // `None` is less than any offset.
            all_have = all_have.min(state.and_then(|state| state.offset));
        }
        self.commit = self.commit.max(all_have);
    }

    /// A read has come. Its number: it may be answered when that is confirmed.
    pub fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// The number that batches ask followers to confirm.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Reads up to this number are confirmed by this life of a follower.
    pub fn confirmed_by(&self, follower: Incarnation) -> u64 {
        let state = self.followers.get(&follower);
        state.map_or(0, |state| state.confirmed)
    }

    /// Reads up to this number are confirmed by everybody that is waited for.
    pub fn confirmed(&self) -> u64 {
        let confirmed = |member: &Member<N>| self.confirmed_by(member.incarnation);
        let least = self.waits_for.iter().map(confirmed).min();
        least.unwrap_or(self.asked)
    }

    /// Whether the read of this number may be answered that saw a write which ends at `seen`; `None`: one from before this node led.
    pub fn may_answer(&self, number: u64, seen: Option<Offset>) -> bool {
        let seen = seen.unwrap_or(self.start);
        self.commit.is_some_and(|commit| commit >= seen) && self.confirmed() >= number
    }

    /// Whether a member that is waited for has all that makes it as good as this node.
    fn has_joined(&self, member: &Member<N>) -> bool {
        let Some(state) = self.followers.get(&member.incarnation) else {
            return false;
        };
        let least = self.start.max(self.commit.unwrap_or_default());
        state.offset.is_some_and(|offset| offset >= least) && state.rev >= self.applied_rev
    }

    pub(super) fn status(&self, end: Offset) -> LeadingStatus<N> {
        let offset_of = |member: &&Member<N>| {
            let state = self.followers.get(&member.incarnation);
            state.and_then(|state| state.offset)
        };
        let all = || self.waits_for.iter();
        let others = self.followers.iter();
        LeadingStatus {
            applied_rev: self.applied_rev,
            start: self.start,
            commit: self.commit,
            waits_for: self.waits_for.clone(),
            blocked_on: all()
                .filter(|member| offset_of(member) < Some(end) && offset_of(member) <= self.commit)
                .cloned()
                .collect(),
            joined: all()
                .filter(|member| self.has_joined(member))
                .cloned()
                .collect(),
            others: others
                .filter(|(life, state)| {
                    state.rev >= self.applied_rev && !self.waits_for_life(**life)
                })
                .map(|(life, state)| (*life, state.offset.unwrap_or_default()))
                .collect(),
            held: self.held,
        }
    }
}
