//! Whom the node follows, who follows it, and what it is in its shard.
//! Pure. Where `redis_exporter` has the same number, it means the same.

use super::MOST_FOLLOWERS;
use crate::node_state::{Follower, FollowerState, Leader, Link, NodeState};
use pages::{Samples, Value};
use protocol::{Duty, Replica};
use shared::topology::NodeId;

/// What a node is, one of which it is.
const ROLES: [&str; 3] = ["primary", "follower", "waiting"];

pub(super) fn put(node: &NodeState, now_ms: u64, out: &mut Samples) {
    let role = role(node);
    for other in ROLES {
        out.gauge_of(
            "switchyard_node_role",
            "What the node is: 1 for one of primary, follower and waiting (for an order of its shard's proxies).",
            vec![("role", other.to_owned())],
            role == other,
        );
    }
    let epoch = node.member.replica().and_then(Replica::role_epoch);
    out.gauge(
        "switchyard_node_epoch",
        "Epoch of the shard at which it is that; 0 of a node without a shard.",
        epoch.map_or(0, |epoch| epoch.0),
    );
    out.gauge(
        "switchyard_node_replication_offset_bytes",
        "Where the log of changes ends: bytes since it began.",
        node.replication.offset(),
    );
    if let Some(leader) = node.replication.leader() {
        following(leader, now_ms, out);
    }
    followers(node, now_ms, out);
    let stats = &node.stats;
    for (kind, count) in [
        ("full", stats.full_syncs),
        ("partial", stats.partial_syncs),
        ("partial_refused", stats.refused_partial_syncs),
    ] {
        out.counter_of(
            "switchyard_node_syncs_total",
            "How followers got the log: after a whole copy (full), or from where they were (partial); partial_refused asked for that and needed a copy.",
            vec![("kind", kind.to_owned())],
            count,
        );
    }
}

fn role(node: &NodeState) -> &'static str {
    let member = &node.member;
    match (member.replica().map(Replica::duty), member.shard()) {
        (Some(Duty::Following(_)), _) => "follower",
        (Some(Duty::Waiting), _) | (None, Some(_)) => "waiting",
        (None, None) if node.replication.leader().is_some() => "follower",
        (Some(Duty::Leading(_)), _) | (None, None) => "primary",
    }
}

fn following(leader: &Leader, now_ms: u64, out: &mut Samples) {
    let silent_ms = now_ms.saturating_sub(leader.heard_ms);
    out.gauge(
        "switchyard_node_leader_connected",
        "Of a follower: whether it gets its leader's log.",
        leader.link == Link::Connected,
    );
    out.gauge(
        "switchyard_node_leader_copying",
        "Of a follower: whether it copies its leader's keys.",
        matches!(leader.link, Link::Syncing { .. }),
    );
    out.gauge(
        "switchyard_node_leader_silence_seconds",
        "Of a follower: how long ago it has heard from its leader.",
        Value::Milliseconds(silent_ms),
    );
}

fn followers(node: &NodeState, now_ms: u64, out: &mut Samples) {
    let known = &node.replication;
    let followers = known.followers();
    out.gauge(
        "switchyard_node_followers",
        "Followers that are connected.",
        followers.len(),
    );
    out.gauge(
        "switchyard_node_followers_in_sync",
        "Followers whose word acknowledged writes wait for; of a node without a shard those that get the log.",
        in_sync(node),
    );
    let end = known.offset();
    for follower in shown(followers) {
        let place = &follower.place;
        let labels = || vec![("follower", format!("{}:{}", place.host, place.port))];
        out.gauge_of(
            "switchyard_node_follower_lag_bytes",
            "Bytes of the log that a follower has not acknowledged yet.",
            labels(),
            end.saturating_sub(follower.acknowledged),
        );
        out.gauge_of(
            "switchyard_node_follower_silence_seconds",
            "How long ago a follower was heard; they speak every second.",
            labels(),
            Value::Milliseconds(now_ms.saturating_sub(follower.heard_ms)),
        );
    }
}

/// The last connection of each place, for a follower that comes again may be there twice for a moment.
fn shown(followers: &[Follower]) -> impl Iterator<Item = &Follower> {
    let is_last = |(at, follower): &(usize, &Follower)| {
        let mut later = followers[at + 1..].iter();
        later.all(|other| other.place != follower.place)
    };
    let last = followers.iter().enumerate().filter(is_last);
    last.map(|(_, follower)| follower).take(MOST_FOLLOWERS)
}

fn in_sync(node: &NodeState) -> usize {
    let is_online = |follower: &&Follower| follower.state == FollowerState::Online;
    let Some(replica) = node.member.replica() else {
        return node
            .replication
            .followers()
            .iter()
            .filter(is_online)
            .count();
    };
    others_waited_for(node, replica)
}

/// All that are waited for but the node itself.
fn others_waited_for(node: &NodeState, replica: &Replica<NodeId>) -> usize {
    let status = replica.status(node.member.position(node.replication.offset()));
    let others = status.leading.map(|leading| {
        let others = leading.waits_for.iter();
        others.filter(|other| *other != replica.me()).count()
    });
    others.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{put, role};
    use crate::node_state::{Follower, FollowerState, Link, NodeState, Place};
    use crate::store::Pieces;
    use pages::{Page, Samples};

    fn page(node: &NodeState) -> String {
        let (mut samples, mut page) = (Samples::default(), Page::default());
        put(node, 10_000, &mut samples);
        page.put(&samples);
        page.into_text()
    }

    fn check(node: &NodeState, lines: &[&str]) {
        let page = page(node);
        for line in lines {
            let line = format!("switchyard_node_{line}");
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn a_node_says_what_it_is_and_how_far_others_are() {
        let mut node = NodeState::default();
        check(
            &node,
            &["role{role=\"primary\"} 1", "followers 0", "epoch 0"],
        );
        let identity = crate::client::Identity::new(1, 0);
        let session = crate::client::Session::default();
        let client = node.clients.enter(identity, session);
        node.replication.keep_backlog();
        node.replication.append(&Pieces::from(vec![b'x'; 100]));
        for acknowledged in [1, 40] {
            node.replication.joined(Follower {
                client,
                place: Place {
                    host: "h".to_owned(),
                    port: 7,
                },
                life: None,
                state: FollowerState::Online,
                sent: 100,
                acknowledged,
                on_disk: 0,
                heard_ms: 8_500,
            });
        }
        let lag = "follower_lag_bytes{follower=\"h:7\"}";
        check(
            &node,
            &[
                "follower_silence_seconds{follower=\"h:7\"} 1.500",
                &format!("{lag} 60"),
                "replication_offset_bytes 100",
            ],
        );
        assert_eq!(
            page(&node).matches(lag).count(),
            1,
            "one series, one number"
        );
    }

    #[test]
    fn a_follower_says_how_it_stands_with_its_leader() {
        let mut node = NodeState::default();
        node.replication.follow(Place::default());
        node.replication.set_link(Link::Connected, 9_000);
        check(
            &node,
            &[
                "leader_connected 1",
                "leader_copying 0",
                "leader_silence_seconds 1.000",
                "role{role=\"primary\"} 0",
                "role{role=\"follower\"} 1",
            ],
        );
        let mut marked = NodeState::default();
        marked.member.belong("s1".parse().expect("a name"));
        assert_eq!(role(&marked), "waiting");
    }
}
