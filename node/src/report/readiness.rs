//! Is the node of use? What /readyz says.
//! Pure.

use crate::node_state::{Link, NodeState, Persistence};
use protocol::{Duty, Replica};

/// The answer: why the node should not be used now, a line each; none where it should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    reasons: Vec<String>,
}

impl Readiness {
    /// Not of use for one reason.
    #[must_use]
    pub fn not(reason: &str) -> Self {
        Self {
            reasons: vec![reason.to_owned()],
        }
    }

    /// Whether it is of use.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The answer in words, whole lines.
    #[must_use]
    pub fn text(&self) -> String {
        if self.is_ready() {
            return "ready\n".to_owned();
        }
        self.reasons
            .iter()
            .map(|reason| format!("{reason}\n"))
            .collect()
    }
}

/// What stands in the way, by what the node knows of itself.
pub(super) fn of(node: &NodeState) -> Readiness {
    let known = &node.persistence;
    let reasons = [
        loading(known),
        script(node),
        writes(node),
        following(node),
        order(node),
    ];
    Readiness {
        reasons: reasons.into_iter().flatten().collect(),
    }
}

fn loading(known: &Persistence) -> Option<String> {
    let progress = known.loading?;
    let percent = (progress.read_bytes.saturating_mul(100)).checked_div(progress.total_bytes);
    let percent = percent.unwrap_or_default().min(100);
    Some(match progress.is_copy {
        true => format!("copies its leader's keys: {percent} %"),
        false => format!("loading: {percent} % of its data are read"),
    })
}

fn script(node: &NodeState) -> Option<String> {
    let is_busy = node.scripts.is_busy();
    is_busy.then(|| {
        "clients are told BUSY: a script has been running for longer than busy-reply-threshold; SCRIPT KILL or FUNCTION KILL ends it"
            .to_owned()
    })
}

fn writes(node: &NodeState) -> Option<String> {
    if let Some(failure) = &node.persistence.log_failure {
        return Some(format!(
            "writes are refused: the log cannot be written: {failure}"
        ));
    }
    node.saves_fail()
        .then(|| "writes are refused: the last snapshot failed; the node's log says why".to_owned())
}

fn following(node: &NodeState) -> Option<String> {
    let leader = node.replication.leader()?;
    let place = format!("{}:{}", leader.place.host, leader.place.port);
    match leader.link {
        Link::Connected => {
            let position = node.member.position(node.replication.offset());
            let status = node
                .member
                .replica()
                .map(|replica| replica.status(position));
            let is_torn = status.is_some_and(|status| status.needs_sync || status.is_syncing);
            is_torn.then(|| format!("not in sync: it must copy the keys of its leader {place}"))
        }
        Link::Syncing { .. } if node.persistence.loading.is_some() => None,
        Link::Syncing { .. } => Some(format!(
            "not in sync: it copies the keys of its leader {place}"
        )),
        Link::Connect | Link::Connecting => Some(format!(
            "not in sync: it is not connected to its leader {place}"
        )),
    }
}

fn order(node: &NodeState) -> Option<String> {
    let member = &node.member;
    let shard = member.shard()?;
    match member.replica().map(Replica::duty) {
        Some(Duty::Leading(_) | Duty::Following(_)) => None,
        Some(Duty::Waiting) | None => Some(format!(
            "belongs to shard {shard} and waits for an order of its proxies"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::node_state::{Link, LoadProgress, NodeState, Place};

    fn check(change: impl FnOnce(&mut NodeState), expected: &str) {
        let mut node = NodeState::default();
        change(&mut node);
        let found = of(&node);
        assert_eq!(found.text(), expected);
        assert_eq!(found.is_ready(), expected == "ready\n");
    }

    fn follow(node: &mut NodeState, link: Link) {
        node.replication.follow(Place {
            host: "h".to_owned(),
            port: 7,
        });
        node.replication.set_link(link, 1);
    }

    #[test]
    fn what_stands_in_the_way_is_said() {
        check(|_| {}, "ready\n");
        let half = LoadProgress {
            total_bytes: 200,
            read_bytes: 101,
            ..LoadProgress::default()
        };
        check(
            |node| node.persistence.loading = Some(half),
            "loading: 50 % of its data are read\n",
        );
        check(
            |node| node.persistence.log_failure = Some("disk full".to_owned()),
            "writes are refused: the log cannot be written: disk full\n",
        );
        check(
            |node| {
                node.persistence.has_save_failed = true;
                node.settings.preset("save", "3600 1");
            },
            "writes are refused: the last snapshot failed; the node's log says why\n",
        );
        check(
            |node| node.member.belong("s1".parse().expect("a name")),
            "belongs to shard s1 and waits for an order of its proxies\n",
        );
    }

    #[test]
    fn a_follower_is_of_use_when_it_gets_the_log() {
        check(|node| follow(node, Link::Connected), "ready\n");
        check(
            |node| follow(node, Link::Connecting),
            "not in sync: it is not connected to its leader h:7\n",
        );
        let copies = Link::Syncing {
            total_bytes: None,
            read_bytes: 0,
        };
        check(
            |node| follow(node, copies),
            "not in sync: it copies the keys of its leader h:7\n",
        );
    }
}
