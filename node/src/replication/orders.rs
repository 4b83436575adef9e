//! What proxies order, carried out: the node leads, follows, waits for others, or stops doing so.
//! Never: decides whether an order may pass (`protocol::Replica`). Invariants: what was to be acknowledged is not any more once the node leads no more; what says to
//! which shard the data belong, and how the document calls the node, is on disk before the first order of that shard is carried out; what is one is not torn by an order.

use super::{finish_unit, following, next_order, no_numbers, random_id, stop_following};
use crate::log::epoch_mark;
use crate::node_state::{ClientKey, NodeState, Order, OrderNumber, Place};
use crate::shell::{Core, Shell};
use crate::store::DbIndex;
use protocol::{Action, Offset, Refusal, Replica, What};
use shared::resp::ErrorReply;
use shared::topology::{Epoch, NodeId};
use std::rc::Rc;
use std::time::Duration;
use tracing::{info, warn};

/// Longest time that a primary is held, whatever is asked.
const MOST_HELD: Duration = Duration::from_secs(5);
/// How long what has begun may take before a primary is held.
const LONGEST_TO_HOLD: Duration = Duration::from_millis(100);
const AT_WORK: &str = "BUSY a script, a transaction or a command over very many keys is at work; the node goes on as it is";

/// Carries an order out.
///
/// # Errors
/// Why it is not.
pub(crate) async fn obey(
    shell: &Rc<Shell>,
    number: OrderNumber,
    client: ClientKey,
) -> Result<What<NodeId>, ErrorReply> {
    let order = shell.core.borrow_mut().node.member.order(number);
    let order = order.ok_or(ErrorReply::Syntax)?;
    mark_folder(shell, &order).await?;
    if changes_who_serves(&shell.core.borrow().node, &order) {
        let begun = wait_for_what_has_begun(shell);
        match &order.instruction.what {
            // Whoever asks hears nothing else of this node meanwhile, and would take it for gone.
            What::Hold { .. } => {
                let waited = tokio::time::timeout(LONGEST_TO_HOLD, begun).await;
                waited.map_err(|_| ErrorReply::Text(AT_WORK.into()))?;
            }
            _ => begun.await,
        }
    }
    if shell.core.borrow().node.replication.failover.is_some() {
        // From now on others decide who leads.
        super::failover::abort(shell)?;
    }
    // What this node has is what it will be asked for.
    finish_unit(shell);
    let actions = {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        check_belonging(&core.node, &order)?;
        let life = core.node.member.incarnation();
        if order.instruction.incarnation != life {
            return Err(ErrorReply::StaleLife(life.0));
        }
        begin_log(shell, core);
        let end = Offset(core.node.replication.offset());
        let replica = core.node.member.ordered(&order);
        let actions = replica.obey(&order.instruction, end);
        core.node.member.settle();
        // Who does not lead leaves it to others to say when keys end.
        let until_ms = core.node.keeps_all_until_ms();
        core.store.keep_all_until(until_ms);
        actions
    };
    for action in &actions {
        act(shell, &order, action)?;
    }
    match &order.instruction.what {
        What::Fence => bind(shell, client, &order),
        What::Hold { most_ms } => hold(shell, *most_ms),
        What::Follow { .. } => follow_again(shell, order.leader.clone()),
        What::Promote(_) | What::InSync(_) | What::Join(_) => {}
    }
    let core = &mut *shell.core.borrow_mut();
    shell.look_after_slot_writes(core);
    shell.commit(core);
    // Followers hear of the newer version.
    shell.log_grown.notify_waiters();
    Ok(order.instruction.what)
}

/// Whether the node may serve others afterwards than before, or nobody.
fn changes_who_serves(node: &NodeState, order: &Order) -> bool {
    let seen = node.member.replica().map(Replica::seen_epoch);
    match &order.instruction.what {
        What::Hold { .. } | What::Promote(_) | What::Follow { .. } => true,
        What::Fence | What::InSync(_) | What::Join(_) => {
            seen.is_some_and(|seen| order.instruction.epoch > seen)
        }
    }
}

/// What is one, and a part of which has been done, is done as a whole by a node that serves: its rest would be refused, and who asked for it would be told that nothing of
/// it was done. A script that has only read is refused its first change then, and nothing has come of it.
async fn wait_for_what_has_begun(shell: &Shell) {
    loop {
        let unheld = shell.unheld.notified();
        let has_begun = {
            let core = &*shell.core.borrow();
            let units = core.store.effects().units();
            let script = core.node.scripts.under_way.as_ref();
            let has_only_read = script.is_some_and(|script| !script.has_written);
            units > 1 || units == 1 && !has_only_read
        };
        if !has_begun {
            return;
        }
        unheld.await;
    }
}

/// A node has the keys of one shard for good.
fn check_belonging(node: &NodeState, order: &Order) -> Result<(), ErrorReply> {
    match node.member.shard() {
        Some(shard) if *shard != order.shard => {
            Err(ErrorReply::BelongsTo(shard.to_string().into()))
        }
        _ => Ok(()),
    }
}

/// The node's folder says whose data it has, before anything is done for that shard.
async fn mark_folder(shell: &Shell, order: &Order) -> Result<(), ErrorReply> {
    let (is_new, is_renamed) = {
        let node = &shell.core.borrow().node;
        check_belonging(node, order)?;
        let member = &node.member;
        // Another life's order changes nothing, and marks nothing.
        let is_ours = member.incarnation() == order.instruction.incarnation;
        (
            is_ours && member.shard().is_none(),
            is_ours && member.name() != Some(&order.me),
        )
    };
    let Some(folder) = shell.folder.as_ref().filter(|_| is_new || is_renamed) else {
        return Ok(());
    };
    let name = is_renamed.then(|| (folder.name_file(), order.me.to_string()));
    let shard = is_new.then(|| (folder.shard_file(), order.shard.to_string()));
    // The name first: a folder that belongs to a shard says whose it is.
    let files = [name, shard];
    let writing = move || {
        let mut files = files.into_iter().flatten();
        files.try_for_each(|(path, word)| shared::config::replace_file(&path, &format!("{word}\n")))
    };
    let written = tokio::task::spawn_blocking(writing).await;
    let reason = match written {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    warn!(%reason, "an order is refused: what says whose data are in the folder cannot be written");
    Err(ErrorReply::Text(format!("ERR {reason}").into()))
}

/// What is in the keyspace and in no log is told from what is in one: such a log begins behind its first byte, which nobody has.
fn begin_log(shell: &Shell, core: &mut Core) {
    let has_keys = (0..core.store.databases()).any(|db| !core.store.is_empty(DbIndex(db)));
    if core.node.replication.offset() == 0 && has_keys && core.node.member.replica().is_none() {
        core.node.replication.start_at(1);
        if let Some(log) = &mut *shell.log.borrow_mut() {
            log.jump(1);
        }
    }
}

fn act(shell: &Rc<Shell>, order: &Order, action: &Action) -> Result<(), ErrorReply> {
    match action {
        Action::EndRole(role) => {
            info!(epoch = %role.epoch, "leads or follows at this epoch no more");
            next_order(shell);
            stop_following(shell);
            shell.release_all_waiting();
            let waiting: Vec<u64> = {
                let core = &mut *shell.core.borrow_mut();
                core.store.note_written_slots(false);
                let member = &mut core.node.member;
                member.end_slot_writes();
                let waiting = member.forget_waiting().into_iter();
                waiting.map(ClientKey::id).collect()
            };
            // Whether what they wrote is on others nobody can say now. Of everybody else all has been answered: they are refused from now on, and nothing of theirs is lost.
            shell.cut(&waiting);
            shell.followed.notify_waiters();
            Ok(())
        }
        Action::TakeRole(_) if matches!(order.instruction.what, What::Promote(_)) => {
            lead(shell, order.instruction.epoch)
        }
        Action::Refuse(refusal) => Err(match refusal {
            Refusal::StaleIncarnation(life) => ErrorReply::StaleLife(life.0),
            Refusal::StaleEpoch { epoch, rev } => ErrorReply::StaleEpoch(epoch.0, rev.0),
            Refusal::OtherRole => ErrorReply::OtherRole,
        }),
        Action::TakeRole(_) | Action::Replace | Action::Add | Action::Accept => Ok(()),
    }
}

/// The node leads: its log goes on with an entry of the new epoch.
fn lead(shell: &Shell, epoch: Epoch) -> Result<(), ErrorReply> {
    let id = random_id().map_err(no_numbers)?;
    next_order(shell);
    stop_following(shell);
    let core = &mut *shell.core.borrow_mut();
    core.node.replication.lead(id);
    core.node.replication.keep_backlog();
    let until_ms = core.node.keeps_all_until_ms();
    core.store.keep_all_until(until_ms);
    core.store.start_recording();
    core.store.begin_increment();
    let end = core.node.replication.offset();
    core.node.member.begin_epoch(epoch, end);
    shell.append(core, epoch_mark(epoch).into(), false);
    shell.unheld.notify_waiters();
    info!(%epoch, offset = end, "leads its shard");
    Ok(())
}

/// A client's pipe speaks at this epoch from now on.
fn bind(shell: &Shell, client: ClientKey, fence: &Order) {
    let clients = &mut shell.core.borrow_mut().node.clients;
    let session = clients
        .get_mut(client)
        .and_then(|client| client.session.as_mut());
    if let Some(session) = session {
        session.fence_epoch = fence.instruction.epoch.0;
        session.waits_for_followers = fence.waits_for_followers;
        session.reads_linearizable = fence.reads_linearizable;
    }
}

/// Goes on by itself when the time is over.
fn hold(shell: &Rc<Shell>, most_ms: u64) {
    let time = Duration::from_millis(most_ms).min(MOST_HELD);
    let shell = Rc::clone(shell);
    let number = shell.holds.get() + 1;
    shell.holds.set(number);
    tokio::task::spawn_local(async move {
        tokio::time::sleep(time).await;
        if shell.holds.get() != number {
            // A later order counts.
            return;
        }
        let member = &mut shell.core.borrow_mut().node.member;
        if let Some(replica) = member.replica_mut() {
            replica.go_on();
        }
        member.settle();
    });
}

/// The leader is asked for its log, if that is not being done already.
fn follow_again(shell: &Rc<Shell>, leader: Option<Place>) {
    let Some(place) = leader else {
        return;
    };
    {
        let core = &mut *shell.core.borrow_mut();
        let followed = core.node.replication.leader();
        let is_same = followed.is_some_and(|leader| leader.place == place);
        let is_running = shell.following.borrow().is_some();
        if is_same && is_running {
            // It learns of its permission when it asks the next time.
            return;
        }
    }
    next_order(shell);
    stop_following(shell);
    shell.release_all_waiting();
    {
        let core = &mut *shell.core.borrow_mut();
        core.node.replication.follow(place.clone());
        core.store.stop_recording();
        let until_ms = core.node.keeps_all_until_ms();
        core.store.keep_all_until(until_ms);
    }
    info!(leader = %place.host, port = place.port, "follows, as it was ordered");
    shell
        .following
        .replace(Some(following::start(shell, place)));
}
