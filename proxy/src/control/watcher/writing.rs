//! What the watcher has written into the topology, and what comes of it.
//! Reaches: the store, in tasks. Invariants: of every compare-and-set one end is told; a store that cannot be written is not asked all the time.

use std::sync::Arc;

use protocol::controller::{Event, Proposal};
use shared::topology::text::Document;
use shared::topology::{NodeId, ShardId, Topology, Version};
use store::{CasError, in_one_line};

use super::super::adopt::{NotAdopted, adopt, moved, raised};
use super::super::matters::Matter;
use super::super::{Done, Purpose};
use super::Watcher;
use crate::events::{Kind, News};

/// When a change could not be written, the next is tried after so long.
const WRITE_AGAIN_MS: u64 = 1_000;

/// A shard whose members' lives nobody knows is taken over without those that have not been heard for so long.
const ADOPT_WITHOUT_MS: u64 = 5_000;

/// A node that has come from elsewhere is looked for there when nobody has answered where it is listed for so long.
const MOVED_AFTER_MS: u64 = 10_000;

/// So many rounds, some seconds, a change of the topology may take to come everywhere.
const OUTDATED_ROUNDS: u64 = 30;

/// That the store could not be written.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Until it has been written, what the log says about it.
    said: Option<String>,
    /// Since when nothing is tried.
    since_ms: Option<u64>,
}

impl Trouble {
    /// It could not; whether that is to be said.
    fn begins(&mut self, problem: &str, now_ms: u64) -> bool {
        self.since_ms = Some(now_ms);
        let is_news = self.said.as_deref() != Some(problem);
        self.said = Some(problem.to_owned());
        is_news
    }

    /// What is wrong, until it has been written.
    pub(super) fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// Whether nothing is tried now.
    fn waits(&self) -> bool {
        self.since_ms.is_some()
    }

    /// Whether it is time to try again; once.
    fn is_time(&mut self, now_ms: u64) -> bool {
        let is_over = |since_ms: &mut u64| now_ms.saturating_sub(*since_ms) >= WRITE_AGAIN_MS;
        self.since_ms.take_if(is_over).is_some()
    }
}

impl Watcher {
    pub(super) fn propose(&mut self, proposal: &Proposal<ShardId, NodeId>) {
        match proposal.put_into(&self.newest) {
            Some(next) => self.set(next, Purpose::Proposal),
            // The threads route by another version than the controller has seen.
            None => self.step(Event::Lost(proposal.from)),
        }
    }

    pub(super) fn set(&self, next: Topology, purpose: Purpose) {
        let from = self.newest.version;
        let (store, done) = (Arc::clone(&self.store), self.done.clone());
        tokio::spawn(async move {
            let set = store.compare_and_set(from, &next).await;
            let set = Done::Set(from, Box::new(next), purpose, set);
            done.send(set).await.ok();
        });
    }

    pub(super) fn was_set(
        &mut self,
        from: Version,
        next: Topology,
        purpose: Purpose,
        end: &Result<(), CasError>,
    ) {
        let event = match end {
            Ok(()) => Event::Won(from),
            Err(CasError::Unknown(_)) => Event::Unclear(from),
            Err(CasError::Lost | CasError::Rules(_) | CasError::NotDone(_)) => Event::Lost(from),
        };
        match end {
            Ok(()) | Err(CasError::Lost) => self.store_seen.answered(self.now_ms()),
            Err(_) => {}
        }
        match end {
            Ok(()) => self.trouble = Trouble::default(),
            Err(CasError::Lost) => tracing::debug!(%from, "another change was faster"),
            Err(error) => self.cannot_write(&in_one_line(error)),
        }
        match purpose {
            Purpose::Proposal => self.step(event),
            Purpose::Plain => {
                self.is_promoting = false;
                if end.is_err() {
                    self.load();
                }
            }
            Purpose::Adoption => {
                self.is_adopting = false;
                if end.is_err() {
                    self.load();
                }
            }
        }
        if end.is_ok() {
            let written = Document {
                topology: next,
                key_loss_accepted_at: None,
            };
            self.seen(Ok(written));
        }
    }

    /// Nothing more is tried for a while, so that a store that cannot be written is not asked all the time.
    fn cannot_write(&mut self, problem: &str) {
        let now_ms = self.now_ms();
        if self.trouble.begins(problem, now_ms) {
            let words =
                format!("the topology is not changed; it is tried again every second: {problem}");
            self.tell(News::warning(Kind::TopologyRefused, words));
        }
        self.step(Event::StoreLost);
    }

    pub(super) fn try_writing_again(&mut self, now_ms: u64) {
        if self.trouble.is_time(now_ms) {
            self.step(Event::StoreBack);
        }
    }

    pub(super) fn may_write(&self) -> bool {
        self.is_store_there && !self.trouble.waits()
    }

    /// Raises, when that lasts, epochs that are below what nodes obey.
    pub(super) fn look_at_epochs(&mut self) {
        let next = raised(&self.newest, &self.nodes.said_at(self.newest.version));
        self.outdated_rounds = next.as_ref().map_or(0, |_| self.outdated_rounds + 1);
        let is_time = self.outdated_rounds >= OUTDATED_ROUNDS;
        let may_write = self.acts() && !self.is_adopting && self.may_write();
        let Some(next) = next.filter(|_| is_time && may_write) else {
            return;
        };
        self.outdated_rounds = 0;
        self.is_adopting = true;
        let words = "nodes obey later epochs than the topology names, as when an old one is put in its place: those with most of each such shard lead it now, above these epochs";
        self.tell(News::error(Kind::Failover, words).at_version(next.version.0));
        self.set(next, Purpose::Adoption);
    }

    /// Writes the lives of members that the topology does not know, and the addresses of those that have come from elsewhere.
    pub(super) fn adopt_lives(&mut self) {
        let now_ms = self.now_ms();
        let is_wanted = self.has_nameless || !self.sorted.moved.is_empty();
        if !is_wanted || self.is_adopting || !self.acts() || !self.may_write() {
            return;
        }
        let since_ms = *self.adopting_since_ms.get_or_insert(now_ms);
        let has_waited = now_ms.saturating_sub(since_ms) >= ADOPT_WITHOUT_MS;
        let heard = self.nodes.said_at(self.newest.version);
        let (next, problems) = adopt(&self.newest, &heard, has_waited);
        let matter =
            |problem: &NotAdopted| Matter::NotAdopted(problem.shard().clone(), problem.to_string());
        self.not_adopted = problems.iter().map(matter).collect();
        // Where nobody has answered at the old address for long: it is a name that says who came, and two may have it.
        let is_gone = |node: &NodeId| {
            let suspicion = self.detector.suspicion(node);
            suspicion.is_some_and(|it| now_ms.saturating_sub(it.heard_ms) >= MOVED_AFTER_MS)
        };
        let next = next.or_else(|| moved(&self.newest, &self.sorted.moved, is_gone));
        if let Some(next) = next {
            self.is_adopting = true;
            let words = "lives and addresses of nodes are written into the topology";
            self.tell(News::info(Kind::Membership, words).at_version(next.version.0));
            self.set(next, Purpose::Adoption);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_tried_again_after_a_while_and_said_once() {
        let mut trouble = Trouble::default();
        assert!(!trouble.waits());
        assert!(trouble.begins("the disk is full", 0));
        assert!(trouble.waits());
        assert!(!trouble.is_time(WRITE_AGAIN_MS - 1));
        assert!(trouble.is_time(WRITE_AGAIN_MS));
        assert!(!trouble.waits(), "whoever has something to write may");
        assert!(!trouble.is_time(2 * WRITE_AGAIN_MS), "nothing was tried");
        assert!(!trouble.begins("the disk is full", 2 * WRITE_AGAIN_MS));
        assert!(trouble.begins("it is locked", 3 * WRITE_AGAIN_MS));
    }
}
