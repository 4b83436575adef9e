//! Whom a follower follows, and whether it may throw its copy away for that.
//! Pure. Invariants: a permission is spent by the first sync that succeeds, and replaced by every newer order; one that has begun to get its leader's log takes
//! none, until it was told that it cannot go on: a permission that lies unused would outlive the document that gave it.

use crate::member::Member;

/// A follower's part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Following<N> {
    leader: Member<N>,
    may_wipe: bool,
    needs_sync: bool,
    /// It gets, or has got, the log of this leader.
    has_begun: bool,
}

/// Why a follower does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncRefusal {
    /// It follows nobody any more.
    FollowsNobody,
    /// Its copy would be lost, and nobody has said that it may be.
    NoPermission,
}

impl<N> Following<N> {
    pub(super) fn new(leader: Member<N>, may_wipe: bool) -> Self {
        Self {
            leader,
            may_wipe,
            needs_sync: false,
            has_begun: false,
        }
    }

    /// Whom it follows.
    pub fn leader(&self) -> &Member<N> {
        &self.leader
    }

    pub(super) fn may_wipe(&self) -> bool {
        self.may_wipe
    }

    /// It cannot go on, and may not copy anew.
    pub(super) fn needs_sync(&self) -> bool {
        self.needs_sync && !self.may_wipe
    }

    pub(super) fn permit(&mut self, may_wipe: bool) {
        self.may_wipe = may_wipe && (self.needs_sync || !self.has_begun);
    }

    /// It has begun to get its leader's log: the permission is spent.
    pub(super) fn continued(&mut self) {
        self.may_wipe = false;
        self.needs_sync = false;
        self.has_begun = true;
    }

    /// It would have to copy anew, and may not.
    pub(super) fn refused(&mut self) {
        self.needs_sync = true;
    }
}
