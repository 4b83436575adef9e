//! REPLCONF, PSYNC, WAIT and WAITAOF: what a follower says of itself, how it gets the log, and who waits until it has it.
//! Pure: the shell feeds followers.

use super::{Action, Call, Errand, integer, is_word};
use crate::node_state::{Feeding, Link, SERVES_NOBODY};
use shared::resp::{ErrorReply, FailoverRefusal, WaitError};
use shared::wait_time::Awaited;

/// REPLCONF option value \[option value …\]
///
/// What is said of a stream that has begun (`ACK`) comes from one that gets it: elsewhere it means nothing, and is not answered, as in Redis.
pub(super) fn configure(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    if args.len().is_multiple_of(2) {
        return Err(ErrorReply::Syntax);
    }
    for at in (1..args.len()).step_by(2) {
        let (option, value) = (args.at(at), args.at(at + 1));
        if is_word(option, "listening-port") {
            let port = integer(value)?;
            call.session.listening_port = u16::try_from(port).unwrap_or(0);
        } else if is_word(option, "ip-address") {
            let is_plain = value.iter().all(u8::is_ascii_graphic);
            if value.len() > MOST_ADDRESS_BYTES || !is_plain {
                return Err(ErrorReply::Syntax);
            }
            call.session.announced_host = String::from_utf8_lossy(value).into_owned();
        } else if is_word(option, "ack") || is_word(option, "getack") {
            return Ok(Action::Continue);
        } else if !is_known(option) {
            return Err(ErrorReply::unrecognized_replconf_option(option));
        }
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// Longest address that a follower may give itself, as in Redis.
const MOST_ADDRESS_BYTES: usize = 255;

/// What followers say of themselves that changes nothing here: they all get the same.
fn is_known(option: &[u8]) -> bool {
    ["capa", "version", "rdb-only", "rdb-filter-only"]
        .iter()
        .any(|known| is_word(option, known))
}

/// PSYNC replication-id offset \[FAILOVER\]
pub(super) fn synchronise(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let option = call.args.get(3);
    if option.is_some_and(|option| is_word(option, "failover")) {
        return take_over(call);
    }
    let replication = &call.node.replication;
    if replication.failover.is_some() {
        return Err(ErrorReply::Failover(FailoverRefusal::Sync));
    }
    let leader = replication.leader();
    let waits = call.node.member.serving_epoch == SERVES_NOBODY && leader.is_none();
    if waits {
        // What it has is nobody's before it was told what it is.
        return Err(ErrorReply::NoLeaderLink);
    }
    if leader.is_some_and(|leader| leader.link != Link::Connected) {
        return Err(ErrorReply::NoLeaderLink);
    }
    let offset = offset_asked(call)?;
    let feeding = replication.feeding(call.args.at(1), offset);
    let stats = &mut call.node.stats;
    match feeding {
        Feeding::Continue(_) => stats.partial_syncs += 1,
        Feeding::Full => {
            stats.full_syncs += 1;
            stats.refused_partial_syncs += u64::from(call.args.at(1) != b"?");
        }
        Feeding::Member(_) | Feeding::TakeOver(_) => {}
    }
    Ok(Action::Feed(feeding))
}

/// It says which byte it wants next, and counts from one.
fn offset_asked(call: &Call<'_>) -> Result<Option<u64>, ErrorReply> {
    let next = integer(call.args.at(2))?;
    Ok(next
        .checked_sub(1)
        .and_then(|before| u64::try_from(before).ok()))
}

/// PSYNC … FAILOVER: the leader of this node hands over to it.
fn take_over(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.node.member.shard().is_some() {
        return Err(ErrorReply::Failover(FailoverRefusal::OfMember));
    }
    let replication = &call.node.replication;
    if replication.leader().is_none() {
        return Err(ErrorReply::Failover(FailoverRefusal::ToLeader));
    }
    if !call
        .args
        .at(1)
        .eq_ignore_ascii_case(replication.id().as_bytes())
    {
        return Err(ErrorReply::Failover(FailoverRefusal::OfOtherLog));
    }
    let offset = offset_asked(call)?;
    Ok(Action::Feed(Feeding::TakeOver(offset)))
}

/// WAIT number timeout
pub(super) fn wait(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.node.replication.leader().is_some() {
        return Err(ErrorReply::WaitAtFollower);
    }
    let awaited = Awaited::by_wait(call.args)?;
    Ok(Action::Errand(Errand::WaitForFollowers(awaited)))
}

/// WAITAOF numlocal numreplicas timeout, as in Redis 7.2.
pub(super) fn wait_for_disks(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let awaited = Awaited::by_waitaof(call.args)?;
    if call.node.replication.leader().is_some() {
        return Err(WaitError::AofAtFollower.into());
    }
    if awaited.on_disk == Some(true) && !call.node.settings.hot.append_only {
        return Err(ErrorReply::Wait(WaitError::WithoutLog));
    }
    Ok(Action::Errand(Errand::WaitForFollowers(awaited)))
}
