//! NODE STATUS: what a node says of itself, whoever asks.
//! Pure. Names and values in turns, all of them texts.

use super::Call;
use crate::node_state::NodeState;
use protocol::{Duty, LeadingStatus, Member, Offset, RoleKind, Status};
use shared::resp::ReplyWriter;
use shared::topology::NodeId;
use std::collections::BTreeSet;

/// NODE STATUS
pub(super) fn status(call: &mut Call<'_>) {
    write(call.node, &mut call.reply);
}

/// NODE SETTINGS
pub(super) fn settings(call: &mut Call<'_>) {
    let head = call.reply.map_later();
    let mut pairs = 0;
    for (name, value) in call.node.settings.carried() {
        call.reply.bulk(name.as_bytes());
        call.reply.bulk(&value);
        pairs += 1;
    }
    call.reply.finish(head, pairs);
}

/// The same as NODE STATUS, as the reply to an order.
pub(crate) fn write(node: &NodeState, reply: &mut ReplyWriter<'_>) {
    let member = &node.member;
    let position = member.position(node.replication.offset());
    let whole = Offset(node.replication.whole());
    let replica = member.replica();
    let status = replica.map(|replica| replica.status_in_unit(position, whole));
    let mut facts = vec![
        ("life", member.incarnation().to_string()),
        (
            "shard",
            member.shard().map(ToString::to_string).unwrap_or_default(),
        ),
        ("last-epoch", position.last_epoch.to_string()),
        ("offset", position.offset.0.to_string()),
    ];
    if let Some(status) = &status {
        of_member(status, &mut facts);
    }
    if let Some(replica) = member.replica()
        && let Duty::Following(following) = replica.duty()
    {
        facts.push(("leader", named(following.leader())));
    }
    let cannot_write = node.saves_fail() || node.persistence.log_failure.is_some();
    facts.push(("cannot-write", yes(cannot_write)));
    if let Some(digest) = node.settings.carried_digest() {
        facts.push(("settings", format!("{digest:016x}")));
    }
    reply.map(facts.len());
    for (name, text) in facts {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn of_member(status: &Status<NodeId>, facts: &mut Vec<(&'static str, String)>) {
    let role = match status.role.map(|role| role.kind) {
        None => "waiting",
        Some(RoleKind::Primary) => "primary",
        Some(RoleKind::Follower(_)) => "follower",
    };
    facts.extend([
        ("role", role.to_owned()),
        (
            "role-epoch",
            status.role.map_or(0, |role| role.epoch.0).to_string(),
        ),
        ("seen-epoch", status.seen_epoch.to_string()),
        ("seen-rev", status.seen_rev.to_string()),
        ("syncing", yes(status.is_syncing)),
        ("needs-sync", yes(status.needs_sync)),
    ]);
    if let Some(leading) = &status.leading {
        of_leader(leading, facts);
    }
}

fn of_leader(leading: &LeadingStatus<NodeId>, facts: &mut Vec<(&'static str, String)>) {
    let others = leading.others.iter();
    let others: Vec<String> = others
        .map(|(life, offset)| format!("{life}:{}", offset.0))
        .collect();
    facts.extend([
        ("applied-rev", leading.applied_rev.to_string()),
        ("start", leading.start.0.to_string()),
        (
            "commit",
            leading
                .commit
                .map(|commit| commit.0.to_string())
                .unwrap_or_default(),
        ),
        (
            "held",
            leading.held.map(|rev| rev.to_string()).unwrap_or_default(),
        ),
        ("waits-for", all(&leading.waits_for)),
        ("blocked-on", all(&leading.blocked_on)),
        ("joined", all(&leading.joined)),
        ("others", others.join(" ")),
    ]);
}

fn all(members: &BTreeSet<Member<NodeId>>) -> String {
    let members: Vec<String> = members.iter().map(named).collect();
    members.join(" ")
}

fn named(member: &Member<NodeId>) -> String {
    format!("{}@{}", member.node, member.incarnation)
}
