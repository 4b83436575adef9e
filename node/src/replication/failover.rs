//! FAILOVER, carried out: whoever has all is asked to take over; this node follows it then, or goes on to lead where that fails.
//! Never: decides who may take over (`node_state::Failover`). Invariant: writes wait from the command on until it is known who leads.

use super::handshake::LinkError;
use super::{follow, lead, no_numbers};
use crate::node_state::{FailoverStep, Place};
use crate::shell::{Core, Shell};
use shared::resp::ErrorReply;
use std::rc::Rc;
use tracing::{info, warn};

/// Looks after a handover, as often as the tick comes.
pub(super) fn look_after(shell: &Rc<Shell>) {
    let now_ms = shell.clock.wall_ms();
    let step = {
        let core = &mut *shell.core.borrow_mut();
        let Some(failover) = &core.node.replication.failover else {
            return;
        };
        // What a command over very much has begun still comes.
        if core.node.hold.is_some() || core.store.effects().is_within_unit() {
            return;
        }
        failover.step(&core.node.replication, now_ms)
    };
    match step {
        FailoverStep::Wait => {}
        FailoverStep::GiveUp => {
            warn!("FAILOVER is given up: no follower has come to have all in time");
            end(shell, &mut shell.core.borrow_mut());
        }
        FailoverStep::Ask(place) => ask(shell, place),
    }
}

/// This one is to take over: the node follows it.
fn ask(shell: &Rc<Shell>, place: Place) {
    info!(target = %place.host, port = place.port, "FAILOVER: it is asked to take over");
    {
        let replication = &mut shell.core.borrow_mut().node.replication;
        if let Some(failover) = &mut replication.failover {
            failover.is_in_progress = true;
        }
        replication.wanted = Some(place);
    }
    let shell = Rc::clone(shell);
    tokio::task::spawn_local(async move { follow(&shell).await });
}

/// Who was asked to take over has answered, or could not be reached: then it is asked again, until somebody ends that.
pub(super) fn answered<T>(shell: &Shell, answer: &Result<T, LinkError>) {
    let is_asked = {
        let failover = &shell.core.borrow().node.replication.failover;
        failover
            .as_ref()
            .is_some_and(|failover| failover.is_in_progress)
    };
    if !is_asked {
        return;
    }
    match answer {
        Ok(_) => {
            info!("FAILOVER: it has taken over");
            end(shell, &mut shell.core.borrow_mut());
        }
        Err(error) if error.refuses_the_log() => {
            warn!(reason = %error, "FAILOVER is given up: who should take over refuses");
            if let Err(error) = abort(shell) {
                warn!(%error, "the node goes on as a follower");
            }
        }
        Err(_) => {}
    }
}

/// FAILOVER ABORT: the node goes on to lead.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn abort(shell: &Shell) -> Result<(), ErrorReply> {
    let was_asked = {
        let core = &mut *shell.core.borrow_mut();
        let failover = core.node.replication.failover.take();
        // It may not have begun to follow.
        core.node.replication.wanted = None;
        end(shell, core);
        failover.is_some_and(|failover| failover.is_in_progress)
    };
    if was_asked {
        lead(shell).map_err(no_numbers)?;
    }
    Ok(())
}

/// It is known who leads: writes go on, or are refused.
fn end(shell: &Shell, core: &mut Core) {
    core.node.replication.failover = None;
    core.node.pause.hold_writes(false);
    let until_ms = core.node.keeps_all_until_ms();
    core.store.keep_all_until(until_ms);
    shell.pause_changed.notify_waiters();
}
