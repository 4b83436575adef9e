//! What operators ask of the watcher, and what they hear. Never: waits.

use protocol::controller::{Announced, Change, Event, Notice, Reason};
use shared::topology::{NodeId, ShardId};

use super::super::requests::{Lasting, Refusal, Request, Seen, Shown, Spare};
use super::super::told;
use super::Watcher;

impl Watcher {
    /// What an operator asks for. Whoever leads: what is asked of this proxy this proxy does, for the store decides between several.
    pub(in crate::control) fn asked(&mut self, request: Request) {
        let (shard, event, answer) = match request {
            Request::Show(answer) => {
                // Who does not wait any more does not mind.
                answer.send(self.shown()).ok();
                return;
            }
            Request::FailOver {
                shard,
                to,
                at,
                answer,
            } => {
                let event = Event::FailOver {
                    shard: shard.clone(),
                    to,
                    at,
                };
                (shard, event, answer)
            }
            Request::AcceptLoss {
                shard,
                proof,
                answer,
            } => {
                let proof = proof.to_string();
                let event = Event::AcceptLoss {
                    shard: shard.clone(),
                    proof,
                };
                (shard, event, answer)
            }
        };
        // Who does not wait any more hinders nobody.
        self.asked.retain(|_, answer| !answer.is_closed());
        let refusal = if !self.guards() {
            Some(Refusal::NobodyThere)
        } else if !self.may_write() {
            Some(Refusal::NoStore)
        } else if self.asked.contains_key(&shard) {
            Some(Refusal::NotDone(told::refused(Reason::Busy).to_owned()))
        } else {
            None
        };
        match refusal {
            Some(refusal) => {
                answer.send(Err(refusal)).ok();
            }
            None => {
                self.stand_in_for(&shard);
                self.asked.insert(shard, answer);
                self.step(event);
            }
        }
    }

    /// An operator hears what came of a request.
    pub(super) fn answer(&mut self, notice: &Notice<ShardId, NodeId>) {
        let (shard, outcome) = match notice {
            Notice::Changed(
                version,
                Change::Promoted(shard, node, _) | Change::LossAccepted(shard, node),
            ) => (
                shard,
                Ok(format!("{node} leads {shard} since version {version}")),
            ),
            Notice::Refused(shard, reason) => {
                let why = told::refused(*reason).to_owned();
                (shard, Err(Refusal::NotDone(why)))
            }
            _ => return,
        };
        if let Some(answer) = self.asked.remove(shard) {
            answer.send(outcome).ok();
        }
    }

    fn shown(&self) -> Shown {
        let seen = |node: NodeId| {
            let seen = Seen {
                status: self.nodes.last_status(&node).cloned(),
                is_down: self.detector.suspicion(&node).is_some(),
            };
            (node, seen)
        };
        let now_ms = self.now_ms();
        let told = self.matters.told();
        let matters = told.map(|(matter, since_ms)| Lasting {
            matter: matter.clone(),
            for_ms: now_ms.saturating_sub(since_ms),
        });
        let spare = |(node, announced): (&NodeId, &Announced)| Spare {
            node: node.clone(),
            address: announced.address.clone(),
            is_down: self.detector.suspicion(node).is_some(),
        };
        Shown {
            topology: self.newest.clone(),
            is_controller: self.election.leads(),
            nodes: self.nodes.names().into_iter().map(seen).collect(),
            spares: self.sorted.spare.iter().map(spare).collect(),
            matters: matters.collect(),
            counts: self.counts.clone(),
            store: Some(self.store_seen),
            now_ms,
        }
    }
}
