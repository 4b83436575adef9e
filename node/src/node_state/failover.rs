//! [`Failover`]: the leadership is handed to a follower in an orderly way (FAILOVER): writes wait until it has all there is, then this node follows it.
//! Pure: the shell carries it out. Invariant: nobody takes over who lacks something of the log, unless that is forced.

use super::{FollowerState, Place, Replication};

/// A handover under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// Who is to take over; `None`: whoever has all first.
    pub target: Option<Place>,
    /// When it is given up, or forced, Unix milliseconds.
    pub until_ms: Option<u64>,
    /// Whether the target takes over then though it lacks something.
    pub is_forced: bool,
    /// The target is being asked to take over.
    pub is_in_progress: bool,
}

/// What is to be done about a handover now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverStep {
    /// Nothing yet.
    Wait,
    /// This one is asked to take over.
    Ask(Place),
    /// It has taken too long.
    GiveUp,
}

impl Failover {
    /// What is to be done at this moment.
    #[must_use]
    pub fn step(&self, replication: &Replication, now_ms: u64) -> FailoverStep {
        if self.is_in_progress {
            return FailoverStep::Wait;
        }
        if self.until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
            return match &self.target {
                Some(target) if self.is_forced => FailoverStep::Ask(target.clone()),
                _ => FailoverStep::GiveUp,
            };
        }
        let mut followers = replication.followers().iter();
        let successor = followers.find(|follower| {
            let is_meant = self
                .target
                .as_ref()
                .is_none_or(|target| *target == follower.place);
            let has_all = follower.acknowledged == replication.offset();
            is_meant && has_all && follower.state == FollowerState::Online
        });
        successor.map_or(FailoverStep::Wait, |successor| {
            FailoverStep::Ask(successor.place.clone())
        })
    }
}

/// What `master_failover_state` of INFO is called.
#[must_use]
pub fn failover_state(failover: Option<&Failover>) -> &'static str {
    match failover {
        None => "no-failover",
        Some(failover) if failover.is_in_progress => "failover-in-progress",
        Some(_) => "waiting-for-sync",
    }
}

#[cfg(test)]
mod tests {
    use super::{Failover, FailoverStep, failover_state};
    use crate::node_state::{Clients, Follower, FollowerState, Place, Replication};
    use crate::store::Pieces;

    fn place(port: u16) -> Place {
        Place {
            host: "h".to_owned(),
            port,
        }
    }

    /// A leader whose log ends at 10, and followers that have said that they have so much.
    fn leader(acknowledged: &[u64]) -> Replication {
        let mut clients = Clients::default();
        let mut replication = Replication::new("a".to_owned());
        replication.append(&Pieces::from(b"0123456789".to_vec()));
        for (port, acknowledged) in (1..).zip(acknowledged) {
            let id = clients.next_id();
            let identity = crate::client::Identity::new(id, 0);
            replication.joined(Follower {
                client: clients.enter(identity, crate::client::Session::default()),
                place: place(port),
                life: None,
                state: FollowerState::Online,
                sent: 10,
                acknowledged: *acknowledged,
                on_disk: 0,
                heard_ms: 0,
            });
        }
        replication
    }

    #[test]
    fn who_has_all_takes_over_and_nobody_else_unless_forced() {
        let failover = |target: Option<u16>, is_forced| Failover {
            target: target.map(place),
            until_ms: Some(1_000),
            is_forced,
            is_in_progress: false,
        };
        let ask = |port| FailoverStep::Ask(place(port));
        let log = leader(&[9, 10]);
        for (target, is_forced, now_ms, step) in [
            (None, false, 999, ask(2)),
            (Some(2), false, 999, ask(2)),
            (Some(1), false, 999, FailoverStep::Wait),
            (Some(1), true, 999, FailoverStep::Wait),
            (Some(3), false, 999, FailoverStep::Wait),
            (Some(1), false, 1_000, FailoverStep::GiveUp),
            (None, false, 1_000, FailoverStep::GiveUp),
            (Some(1), true, 1_000, ask(1)),
        ] {
            let found = failover(target, is_forced).step(&log, now_ms);
            assert_eq!(found, step, "{target:?} {is_forced} {now_ms}");
        }
        let endless = Failover {
            until_ms: None,
            ..failover(Some(1), false)
        };
        assert_eq!(endless.step(&log, u64::MAX), FailoverStep::Wait);
        let asked = Failover {
            is_in_progress: true,
            ..failover(None, false)
        };
        assert_eq!(asked.step(&log, 5_000), FailoverStep::Wait);
        assert_eq!(
            failover(None, false).step(&leader(&[]), 0),
            FailoverStep::Wait
        );
        let states = [None, Some(&endless), Some(&asked)].map(failover_state);
        assert_eq!(
            states,
            ["no-failover", "waiting-for-sync", "failover-in-progress"]
        );
    }
}
