//! Being the one proxy that changes things, for a while.
//! Never: safety. It is for order; two may believe that they lead, and compare-and-set lets one of them win.

use crate::etcd::Candidate;
use crate::file::Lock;

/// This process leads, until it resigns, dies, or [`Self::holds`] no more.
#[derive(Debug)]
pub struct Leadership(Held);

#[derive(Debug)]
enum Held {
    /// As long as the process lives.
    File(Lock),
    /// As long as etcd hears from it.
    Etcd(Candidate),
}

impl Leadership {
    pub(crate) fn of_file(lock: Lock) -> Self {
        Self(Held::File(lock))
    }

    pub(crate) fn of_etcd(candidate: Candidate) -> Self {
        Self(Held::Etcd(candidate))
    }

    /// Whether this process leads, as far as it knows without asking. Once `false`, it stays so: drop it and try again.
    #[must_use]
    pub fn holds(&self) -> bool {
        match &self.0 {
            Held::File(_) => true,
            Held::Etcd(candidate) => candidate.holds(),
        }
    }

    /// Lets another one lead, at once if the store can be reached. Dropping it does the same to a file, and later to etcd, when the lease ends.
    pub async fn resign(self) {
        match self.0 {
            Held::File(lock) => drop(lock),
            Held::Etcd(candidate) => candidate.resign().await,
        }
    }
}
