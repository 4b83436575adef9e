//! What is known of the topology and its nodes: as JSON for machines, as a table for people.
//! Pure.

use protocol::{RoleKind, Status};
use shared::config::ByteCount;
use shared::topology::table::{Place, table};
use shared::topology::{Member, NodeId, NodeKind, Shard};

use super::described::TopologyDescribed;
use crate::control::requests::Shown;

/// What a lag is rounded up to in the table, and then to powers of two: whoever looks on sees what matters, and not every byte.
const LEAST_LAG: u64 = 1_024;

/// For people. It changes when something changes that people want to see.
pub(super) fn as_table(shown: &Shown) -> String {
    let mut text = table(&shown.topology, |shard, place, member| {
        note(shown, shard, place, member)
    });
    for spare in &shown.spares {
        let (node, address) = (&spare.node, &spare.address);
        let down = if spare.is_down { ", down" } else { "" };
        text.push_str(&format!("\nspare {node} at {address}{down}"));
    }
    for lasting in &shown.matters {
        let (words, since) = (lasting.matter.words(), roughly(lasting.for_ms));
        text.push_str(&format!("\ncondition for {since}: {words}"));
    }
    text.push('\n');
    text
}

/// A time as people say it, and such that whoever looks on does not see it change every moment.
fn roughly(ms: u64) -> String {
    match ms / 1_000 {
        0..60 => "less than a minute".to_owned(),
        seconds @ 60..3_600 => format!("{} minutes or more", seconds / 60),
        seconds => format!("{} hours or more", seconds / 3_600),
    }
}

/// For machines.
pub(super) fn as_json(shown: &Shown) -> String {
    let text = serde_json::to_string(&TopologyDescribed::of(shown));
    match text {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("names, numbers and lists of them are JSON: {error}"),
    }
}

/// What a node said last of itself.
pub(super) fn status_of<'a>(shown: &'a Shown, node: &NodeId) -> Option<&'a Status<NodeId>> {
    shown.nodes.get(node)?.status.as_ref()
}

/// Whether it lives the life that is listed.
pub(super) fn is_its_life(member: &Member, status: &Status<NodeId>) -> bool {
    member.incarnation == Some(status.incarnation)
}

/// What a follower lacks of what its primary has; nothing where either has not been heard in the life that is listed, or the follower has no whole copy.
pub(super) fn lag_bytes(shown: &Shown, shard: &Shard, member: &Member) -> Option<u64> {
    let own = status_of(shown, &member.node)?;
    let leader = status_of(shown, &shard.primary)?;
    let listed = *shard.in_sync.get(&shard.primary)?;
    let is_meant =
        listed == Some(leader.incarnation) && is_its_life(member, own) && !own.is_syncing;
    let is_leading = member.node == shard.primary;
    let lag = leader.position.offset.0.checked_sub(own.position.offset.0);
    (is_meant && !is_leading).then_some(lag).flatten()
}

/// What is worth knowing of a member beside what the topology says.
fn note(shown: &Shown, shard: &Shard, place: Place, member: &Member) -> Option<String> {
    let seen = shown
        .nodes
        .get(&member.node)
        .filter(|_| shard.is_guarded())?;
    if seen.is_down {
        return Some("down".to_owned());
    }
    if shown.topology.kind_of(shard) == NodeKind::Redis {
        // It says nothing of lives and epochs.
        return None;
    }
    let Some(status) = &seen.status else {
        return Some("not heard yet".to_owned());
    };
    if member.incarnation.is_some() && !is_its_life(member, status) {
        return Some("restarted since".to_owned());
    }
    if place == Place::Primary {
        let leads = |kind, epoch| kind == RoleKind::Primary && epoch == shard.epoch;
        let role = status.role.filter(|role| leads(role.kind, role.epoch));
        return role.is_none().then(|| "not leading yet".to_owned());
    }
    if status.is_syncing {
        return Some("copying".to_owned());
    }
    if status.needs_sync {
        return Some("must copy anew".to_owned());
    }
    if !is_connected(shown, shard, member) {
        return Some("does not get its primary's log".to_owned());
    }
    lag_bytes(shown, shard, member).map(|lag| match lag {
        0 => "lag 0".to_owned(),
        lag => {
            let bound = lag.max(LEAST_LAG).checked_next_power_of_two();
            format!("lag up to {}", ByteCount(bound.unwrap_or(u64::MAX)))
        }
    })
}

/// Whether the primary has heard that this life of the node follows it; yes where it has said nothing of those who do.
fn is_connected(shown: &Shown, shard: &Shard, member: &Member) -> bool {
    let leading = status_of(shown, &shard.primary).and_then(|status| status.leading.as_ref());
    let (Some(leading), Some(life)) = (leading, member.incarnation) else {
        return true;
    };
    let mut waits_for = leading.waits_for.iter();
    let mut others = leading.others.iter();
    waits_for.any(|other| other.incarnation == life) || others.any(|(other, _)| *other == life)
}

/// What is known of a shard with two followers.
#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::control::requests::Seen;
    use protocol::{Offset, Position, Role};
    use shared::topology::{Address, Epoch, Incarnation, Node, Topology, Version};

    pub(in crate::admin) fn status(life: u64, kind: RoleKind, offset: u64) -> Status<NodeId> {
        Status {
            incarnation: Incarnation(life),
            role: Some(Role {
                kind,
                epoch: Epoch::FIRST,
            }),
            seen_epoch: Epoch::FIRST,
            seen_rev: Version::FIRST,
            position: Position {
                last_epoch: Epoch::FIRST,
                offset: Offset(offset),
            },
            is_syncing: false,
            needs_sync: false,
            cannot_write: false,
            leading: None,
        }
    }

    /// n1 leads s1 in life 1, n2 is in sync in life 2, n3 copies in life 3; all have been heard.
    pub(in crate::admin) fn shown() -> Shown {
        let node = |number: u16| Node {
            id: NodeId::numbered(number.into()),
            address: Address::loopback(7000 + number),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        let mut topology = Topology::initial((1..=3).map(node).collect(), 2).unwrap();
        let shard = &mut topology.shards[0];
        let life = |number: usize| (NodeId::numbered(number), Some(Incarnation(number as u64)));
        shard.in_sync = [life(1), life(2)].into();
        shard.learners = [life(3)].into();
        let follows = RoleKind::Follower(Incarnation(1));
        let seen = |number: usize, kind: RoleKind, offset: u64| {
            let status = Some(status(number as u64, kind, offset));
            let is_down = false;
            (NodeId::numbered(number), Seen { status, is_down })
        };
        Shown {
            is_controller: true,
            nodes: [
                seen(1, RoleKind::Primary, 10_000),
                seen(2, follows, 10_000),
                seen(3, follows, 4_000),
            ]
            .into(),
            ..Shown::of(topology)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::shown;
    use super::*;
    use crate::control::matters::Matter;
    use crate::control::requests::{Lasting, Seen, Spare};
    use protocol::Offset;
    use serde_json::{Value, json};
    use shared::topology::{Address, Incarnation};

    fn check(change: impl FnOnce(&mut Shown), expected: [&str; 3]) {
        let mut shown = shown();
        change(&mut shown);
        let text = as_table(&shown);
        let found: Vec<&str> = text.lines().skip(3).take(3).collect();
        for (line, expected) in found.iter().zip(expected) {
            let note = line.rsplit_once("incarnation ").unwrap().1;
            let note = note.split_once(", ").map_or("", |(_, note)| note);
            assert_eq!(note, expected, "{text}");
        }
    }

    fn seen(shown: &mut Shown, number: usize) -> &mut Seen {
        shown.nodes.get_mut(&NodeId::numbered(number)).unwrap()
    }

    fn said(shown: &mut Shown, number: usize) -> &mut Status<NodeId> {
        seen(shown, number).status.as_mut().unwrap()
    }

    #[test]
    fn people_see_what_matters_of_each_node() {
        check(|_| {}, ["", "lag 0", "lag up to 8kb"]);
        check(
            |shown| {
                said(shown, 2).position.offset = Offset(9_999);
                said(shown, 3).is_syncing = true;
            },
            ["", "lag up to 1kb", "copying"],
        );
        check(
            |shown| {
                seen(shown, 1).is_down = true;
                said(shown, 2).incarnation = Incarnation(9);
                seen(shown, 3).status = None;
            },
            ["down", "restarted since", "not heard yet"],
        );
        check(
            |shown| {
                said(shown, 1).role = None;
                said(shown, 3).needs_sync = true;
            },
            ["not leading yet", "lag 0", "must copy anew"],
        );
        // A former life of the primary says nothing about who follows the present one.
        check(
            |shown| said(shown, 1).incarnation = Incarnation(9),
            ["restarted since", "", ""],
        );
        check(|shown| shown.nodes.clear(), ["", "", ""]);
    }

    #[test]
    fn machines_get_all_of_it() {
        let mut shown = shown();
        let shard = shown.topology.shards[0].id.clone();
        shown
            .topology
            .record_loss(shard, "it \"burnt\"".parse().unwrap());
        seen(&mut shown, 2).status = None;
        let value: Value = serde_json::from_str(&as_json(&shown)).unwrap();
        assert_eq!(value["version"], 1);
        assert_eq!(value["losses"][0]["proof"], "it \"burnt\"");
        let shard = &value["shards"][0];
        assert_eq!(shard["copies"], 3);
        assert_eq!(
            shard["members"][2],
            json!({
                "node": "n3", "place": "learner", "incarnation": "0000000000000003",
                "is_alive": true, "lag_bytes": 6_000,
            })
        );
        assert_eq!(shard["members"][1]["is_alive"], Value::Null);
        assert_eq!(value["nodes"][0]["said"]["role"]["kind"], "primary");
        assert_eq!(value["nodes"][1]["said"], Value::Null);
        assert_eq!(value["nodes"][2]["shard"], "s1");
    }

    #[test]
    fn spares_and_what_lasts_stand_below_the_shards() {
        let mut shown = shown();
        shown.spares.push(Spare {
            node: NodeId::numbered(8),
            address: Address::loopback(7_008),
            is_down: true,
        });
        shown.matters.push(Lasting {
            matter: Matter::StoreAway,
            for_ms: 130_000,
        });
        let text = as_table(&shown);
        let below: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(below[1], "spare n8 at 127.0.0.1:7008, down");
        let expected = "condition for 2 minutes or more: the topology's store does not answer";
        assert!(below[0].starts_with(expected), "{text}");
        let value: Value = serde_json::from_str(&as_json(&shown)).unwrap();
        assert_eq!(value["conditions"][0]["condition"], "store_away");
        assert_eq!(value["conditions"][0]["for_ms"], 130_000);
        assert_eq!(value["spares"][0]["id"], "n8");
        assert_eq!(value["store"], Value::Null);
    }

    #[test]
    fn a_time_is_said_as_people_say_it() {
        let check = |ms: u64, expected: &str| assert_eq!(roughly(ms), expected);
        check(0, "less than a minute");
        check(59_999, "less than a minute");
        check(60_000, "1 minutes or more");
        check(3_599_999, "59 minutes or more");
        check(3_600_000, "1 hours or more");
        check(u64::MAX, "5124095576030 hours or more");
    }
}
