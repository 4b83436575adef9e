//! The log while the node serves: who waits for it is let go, or cut where it cannot be written; it is begun and ended as `appendonly` says, and rewritten when it has grown.
//! Never: holds the thread for the disk.

use crate::disk::{LogWriter, Recording, Syncing};
use crate::node_state::ClientKey;
use crate::saving;
use crate::settings::Hot;
use crate::shell::{Core, Shell};
use std::collections::BTreeSet;
use std::rc::Rc;
use tracing::{info, warn};

/// After a rewrite that failed, the next one is not begun before.
const TRY_AGAIN_MS: u64 = 5_000;

/// Lets go whoever waited for the log, whenever it has come further.
pub(crate) async fn deliver(shell: Rc<Shell>) {
    loop {
        shell.log_progress.notified().await;
        let core = &mut *shell.core.borrow_mut();
        shell.release(core);
        shell.log_reached.notify_waiters();
    }
}

/// Gives the thread that writes the log what clients' turns have recorded: woken by the first of them, it has its own turn behind all that were ready with it, so that one wake-up and one write do for all.
pub(crate) async fn hand_over(shell: Rc<Shell>) {
    loop {
        shell.log_pending.notified().await;
        shell.hand_over_log();
    }
}

/// Looks after the log, as often as the tick comes.
pub(crate) fn look_after(shell: &Rc<Shell>) {
    give_up(shell);
    let now_ms = shell.clock.wall_ms();
    let wants = {
        let core = &mut *shell.core.borrow_mut();
        if core.node.persistence.loading.is_some() || shell.folder.is_none() {
            return;
        }
        shell.record(core);
        wanted(shell, core, now_ms)
    };
    match wants {
        Wanted::Nothing => {}
        Wanted::Begin => begin(shell),
        Wanted::End => end(shell),
        Wanted::Rewrite => {
            tokio::task::spawn_local(saving::rewrite_in_background(Rc::clone(shell)));
        }
    }
}

/// Whoever waits for a log that cannot be written is cut: nobody can say when it will be, and whether what they wrote outlasts a crash until then.
fn give_up(shell: &Shell) {
    let now_ms = shell.clock.monotonic_ms();
    let cut: Vec<u64> = {
        let mut log = shell.log.borrow_mut();
        let Some(log) = log.as_mut() else {
            return;
        };
        let was_given_up = log.is_given_up;
        let waiting = log.give_up(now_ms);
        if log.is_given_up && !was_given_up {
            shell.log_reached.notify_waiters();
        }
        waiting.into_iter().map(ClientKey::id).collect()
    };
    if cut.is_empty() {
        return;
    }
    let clients = cut.iter().collect::<BTreeSet<_>>().len();
    warn!(
        clients,
        "cut: their replies wait for a log that cannot be written"
    );
    shell.cut(&cut);
}

enum Wanted {
    Nothing,
    Begin,
    End,
    Rewrite,
}

fn wanted(shell: &Shell, core: &mut Core, now_ms: u64) -> Wanted {
    let hot = &core.node.settings.hot;
    let mut log = shell.log.borrow_mut();
    let Some(log) = log.as_mut() else {
        return match hot.append_only {
            true => Wanted::Begin,
            false => Wanted::Nothing,
        };
    };
    core.node.replication.on_disk_from = log.kept_from();
    let persistence = &mut core.node.persistence;
    if !hot.append_only {
        return match persistence.saving {
            // What is being written counts on it.
            Some(_) => Wanted::Nothing,
            None => Wanted::End,
        };
    }
    log.set_sync(Syncing::of(&hot.append_sync));
    (persistence.log_bytes, persistence.log_base_bytes) = log.sizes();
    if persistence.saving.is_some() {
        return Wanted::Nothing;
    }
    let has_waited = now_ms > persistence.last_rewrite_try_ms + TRY_AGAIN_MS;
    let may_try = has_waited || !persistence.has_rewrite_failed;
    let has_grown = has_grown(hot, persistence.log_bytes, persistence.log_base_bytes);
    if may_try && (log.needs_rewrite() || has_grown || persistence.is_rewrite_scheduled) {
        return Wanted::Rewrite;
    }
    Wanted::Nothing
}

/// Whether the log is so much longer than it was after the last rewrite.
fn has_grown(hot: &Hot, bytes: u64, base_bytes: u64) -> bool {
    let grown = bytes.saturating_sub(base_bytes);
    hot.rewrite_percent > 0
        && bytes > hot.rewrite_least_bytes
        && u128::from(grown) * 100
            >= u128::from(base_bytes.max(1)) * u128::from(hot.rewrite_percent)
}

/// `appendonly yes` while the node serves: a rewrite follows, and from its end on the log counts.
pub(crate) fn begin(shell: &Shell) {
    if let Err(error) = shell.begin_log() {
        warn!(%error, "the log cannot be begun");
    }
}

/// `appendonly no` while the node serves.
fn end(shell: &Shell) {
    let core = &mut *shell.core.borrow_mut();
    shell.record(core);
    if core.node.replication.backlog().is_none() {
        core.store.stop_recording();
    }
    let Some(log) = shell.log.take() else {
        return;
    };
    core.node.persistence.has_log = false;
    core.node.replication.on_disk_from = None;
    core.node.persistence.log_failure = None;
    core.node.persistence.settle();
    finish_beside(log.into_writer());
    // Nobody waits for a log that is no more.
    shell.release_all(core);
    shell.log_reached.notify_waiters();
    info!("the log has ended, as appendonly says; its files stay");
}

fn finish_beside(writer: LogWriter) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || writer.finish())
}

/// The node's end: all that was recorded is brought to disk.
pub(crate) async fn finish(shell: &Shell) {
    let log: Option<Recording> = {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        shell.log.take()
    };
    if let Some(log) = log {
        // It has said what went wrong.
        finish_beside(log.into_writer()).await.ok();
    }
}
