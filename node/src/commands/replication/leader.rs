//! REPLICAOF and ROLE: whom this node follows.
//! Pure: the shell connects.

use super::{Action, Call, Errand, is_word};
use crate::node_state::{FollowerState, Link, Place};
use shared::resp::{ErrorReply, FailoverRefusal};

/// REPLICAOF host port, REPLICAOF NO ONE
pub(super) fn replica_of(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if let Some(shard) = call.node.member.shard() {
        return Err(ErrorReply::BelongsTo(shard.to_string().into()));
    }
    if call.node.replication.failover.is_some() {
        return Err(ErrorReply::Failover(FailoverRefusal::OtherLeader));
    }
    let (host, port) = (call.args.at(1), call.args.at(2));
    if is_word(host, "no") && is_word(port, "one") {
        if call.node.replication.leader().is_none() {
            call.reply.ok();
            return Ok(Action::Continue);
        }
        return Ok(Action::Errand(Errand::Lead));
    }
    let port = std::str::from_utf8(port).ok();
    let port = port.and_then(|port| port.parse::<u16>().ok());
    let port = port.ok_or(ErrorReply::LeaderPort)?;
    let host = String::from_utf8_lossy(host).into_owned();
    let place = Place { host, port };
    let leader = call.node.replication.leader();
    if leader.is_some_and(|leader| leader.place == place) {
        call.reply
            .simple("OK Already connected to specified master");
        return Ok(Action::Continue);
    }
    call.node.replication.wanted = Some(place);
    Ok(Action::Errand(Errand::Follow))
}

/// ROLE
pub(super) fn role(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let replication = &call.node.replication;
    let reply = &mut call.reply;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let Some(leader) = replication.leader() else {
        let is_online = |state: FollowerState| state == FollowerState::Online;
        let followers = replication.followers().iter();
        let online = followers.filter(|follower| is_online(follower.state));
        reply.array(3);
        reply.bulk(b"master");
        reply.integer(number(replication.offset()));
        reply.array(online.clone().count());
        for follower in online {
            reply.array(3);
            reply.bulk(follower.place.host.as_bytes());
            reply.bulk_integer(follower.place.port.into());
            reply.bulk_integer(number(follower.acknowledged));
        }
        return Ok(Action::Continue);
    };
    let (state, offset) = match leader.link {
        Link::Connect => ("connect", -1),
        Link::Connecting => ("connecting", -1),
        Link::Syncing { .. } => ("sync", -1),
        Link::Connected => ("connected", number(replication.offset())),
    };
    reply.array(5);
    reply.bulk(b"slave");
    reply.bulk(leader.place.host.as_bytes());
    reply.integer(leader.place.port.into());
    reply.bulk(state.as_bytes());
    reply.integer(offset);
    Ok(Action::Continue)
}
