//! FAILOVER: the leadership goes to a follower, without a write that is lost or refused for long.
//! Pure: the shell looks after it from tick to tick (`replication::failover`).

use super::{Action, Call, Errand, integer, is_word};
use crate::node_state::{Failover, FollowerState, Place};
use shared::resp::{Args, ErrorReply, FailoverRefusal};

/// The words of FAILOVER.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    target: Option<(Vec<u8>, i64)>,
    timeout_ms: Option<u64>,
    is_forced: bool,
    is_abort: bool,
}

impl Wanted {
    fn of(args: Args<'_>) -> Result<Self, ErrorReply> {
        let mut wanted = Self::default();
        let mut at = 1;
        while at < args.len() {
            let word = args.at(at);
            let follow = args.len() - at - 1;
            if is_word(word, "timeout") && follow >= 1 && wanted.timeout_ms.is_none() {
                let timeout = integer(args.at(at + 1))?;
                let timeout = u64::try_from(timeout).ok().filter(|timeout| *timeout > 0);
                wanted.timeout_ms = Some(timeout.ok_or(FailoverRefusal::Timeout)?);
                at += 1;
            } else if is_word(word, "to") && follow >= 2 && wanted.target.is_none() {
                let port = integer(args.at(at + 2))?;
                wanted.target = Some((args.at(at + 1).to_vec(), port));
                at += 2;
            } else if is_word(word, "abort") && args.len() == 2 {
                wanted.is_abort = true;
            } else if is_word(word, "force") && !wanted.is_forced {
                wanted.is_forced = true;
            } else {
                return Err(ErrorReply::Syntax);
            }
            at += 1;
        }
        Ok(wanted)
    }
}

/// FAILOVER \[TO host port \[FORCE\]\] \[ABORT\] \[TIMEOUT milliseconds\]
pub(super) fn fail_over(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.node.member.shard().is_some() {
        return Err(ErrorReply::Failover(FailoverRefusal::OfMember));
    }
    let wanted = Wanted::of(call.args)?;
    let replication = &call.node.replication;
    match (replication.failover.is_some(), wanted.is_abort) {
        (true, true) => return Ok(Action::Errand(Errand::AbortFailover)),
        (true, false) => return Err(ErrorReply::Failover(FailoverRefusal::InProgress)),
        (false, true) => return Err(ErrorReply::Failover(FailoverRefusal::None)),
        (false, false) => {}
    }
    if replication.leader().is_some() {
        return Err(ErrorReply::Failover(FailoverRefusal::AtFollower));
    }
    if replication.followers().is_empty() {
        return Err(ErrorReply::Failover(FailoverRefusal::Alone));
    }
    if wanted.is_forced && (wanted.timeout_ms.is_none() || wanted.target.is_none()) {
        return Err(ErrorReply::Failover(FailoverRefusal::Force));
    }
    let target = match &wanted.target {
        Some((host, port)) => Some(connected(call, host, *port)?),
        None => None,
    };
    call.node.replication.failover = Some(Failover {
        target,
        until_ms: wanted
            .timeout_ms
            .map(|timeout_ms| call.now_ms.saturating_add(timeout_ms)),
        is_forced: wanted.is_forced,
        is_in_progress: false,
    });
    call.node.pause.hold_writes(true);
    call.store.keep_all_until(call.node.keeps_all_until_ms());
    call.reply.ok();
    Ok(Action::Continue)
}

/// The follower that is reached there, if it gets the log.
fn connected(call: &Call<'_>, host: &[u8], port: i64) -> Result<Place, ErrorReply> {
    let mut followers = call.node.replication.followers().iter();
    let found = followers.find(|follower| {
        follower.place.host.as_bytes() == host && i64::from(follower.place.port) == port
    });
    let follower = found.ok_or(FailoverRefusal::Target)?;
    match follower.state {
        FollowerState::Online => Ok(follower.place.clone()),
        FollowerState::Waits | FollowerState::Copies => {
            Err(ErrorReply::Failover(FailoverRefusal::TargetAway))
        }
    }
}
