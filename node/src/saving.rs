//! Snapshots: the keyspace of one moment is shown slice by slice between clients' turns, and written beside the thread.
//! Never: holds the thread for longer than a slice, or begins in the middle of a command's work. Invariant: a snapshot counts when it has its name on disk, and not before.

use crate::commands::FinalSave;
use crate::disk::{DiskError, Order, Recording, Rewrite, SnapshotFile, Written};
use crate::log::print_epochs;
use crate::node_state::SaveProgress;
use crate::rdb::{Fault, LogPlace, Made};
use crate::shell::{Core, Shell};
use crate::snapshot::{Piece, Snapshot};
use crate::store::DbIndex;
use shared::resp::{REDIS_VERSION, encode_request};
use std::error::Error as _;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use tracing::{error, info};

/// Longest time that the keyspace is looked at before clients have their turn.
const SLICE_NS: u64 = 200_000;
/// The same while somebody waits for what is shown. With the turn of a client that writes much, before it or behind, others still wait no longer than a millisecond.
const URGENT_SLICE_NS: u64 = 300_000;
/// Entries that are looked at between two looks at the stopwatch; most are passed by in some nanoseconds.
const LOOKS: usize = 256;
/// Pieces on their way to the thread that writes.
const PIECES: usize = 16;
/// With more bytes waiting, those come first.
const WAITING_BYTES: usize = 256 * 1024;
/// After a snapshot that failed, the next one is not tried before.
const TRY_AGAIN_MS: u64 = 5_000;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// Of the file.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Of a value.
    #[error("a value cannot be written: {0}")]
    Value(Fault),
    /// The system gives no thread, or took it away.
    #[error("the thread that writes ended before its time")]
    Thread,
    /// The log goes on without it.
    #[error("the log's manifest cannot be written")]
    NotCommitted,
    /// There is one already.
    #[error("another snapshot is being taken")]
    Busy,
}

/// Whether the keys should be saved now, by `save` and what has changed.
pub(crate) fn is_due(core: &Core, now_ms: u64) -> bool {
    let (persistence, hot) = (&core.node.persistence, &core.node.settings.hot);
    if !core.node.settings.has_data() || persistence.loading.is_some() || is_busy(core) {
        return false;
    }
    if persistence.has_save_failed && now_ms < persistence.last_try_ms + TRY_AGAIN_MS {
        return false;
    }
    if persistence.is_save_scheduled {
        return true;
    }
    let changes = core.store.effects().changes() - persistence.saved_changes;
    let seconds = (now_ms / 1_000).saturating_sub(persistence.last_save_seconds);
    let points = &hot.save_points;
    points.iter().any(|(least_seconds, least_changes)| {
        seconds > *least_seconds && changes >= (*least_changes).max(1)
    })
}

/// Whether a snapshot is being taken, or is about to be.
fn is_busy(core: &Core) -> bool {
    core.node.persistence.saving.is_some()
}

/// Takes a snapshot, for nobody who waits.
pub(crate) async fn save_in_background(shell: Rc<Shell>) {
    // It has said why.
    save(&shell).await.ok();
}

/// Takes a snapshot into the node's folder; it is on disk then.
///
/// # Errors
/// [`SaveError`], which the log was told.
pub(crate) async fn save(shell: &Shell) -> Result<(), SaveError> {
    let Some(folder) = &shell.folder else {
        return Err(SaveError::Busy);
    };
    if !may_begin(shell) || !reserve(shell, false) {
        return Err(SaveError::Busy);
    }
    wait_for_a_whole(shell).await;
    let name = shell.start.config.dbfilename.as_str();
    let target = folder.path().join(name);
    begin(shell, None);
    let result = write(shell, target).await;
    shell.core.borrow_mut().store.end_capture();
    settle(shell, &result);
    end(shell);
    result.map(drop)
}

/// Rewrites the log, for nobody who waits.
pub(crate) async fn rewrite_in_background(shell: Rc<Shell>) {
    if may_begin(&shell) {
        // It has said why.
        rewrite(&shell).await.ok();
    }
}

/// Makes a new base of the log, and an increment behind it; they count then.
///
/// # Errors
/// [`SaveError`], which the log was told.
pub(crate) async fn rewrite(shell: &Shell) -> Result<(), SaveError> {
    if !reserve(shell, true) {
        return Err(SaveError::Busy);
    }
    wait_for_a_whole(shell).await;
    let rewrite = {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        let mut log = shell.log.borrow_mut();
        // What a leader sends says which database it means when that is another one.
        let preamble = match core.node.replication.leader() {
            Some(_) => selecting(core.store.effects().selected()),
            None => Vec::new(),
        };
        let rewrite = log.as_mut().map(|log| log.begin_rewrite(preamble));
        if core.node.replication.leader().is_none() {
            core.store.begin_increment();
        }
        rewrite
    };
    let result = match rewrite {
        Some(rewrite) => write_base(shell, rewrite).await,
        None => Err(SaveError::Thread),
    };
    shell.core.borrow_mut().store.end_capture();
    settle_rewrite(shell, &result);
    end(shell);
    result.map(drop)
}

/// The command that a log's reader has to know when `selected` is the database of the command before.
fn selecting(selected: Option<DbIndex>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(db) = selected.filter(|db| *db != DbIndex::default()) {
        let number = db.0.to_string();
        encode_request(&mut bytes, [&b"select"[..], number.as_bytes()]);
    }
    bytes
}

/// Takes a snapshot for one that follows, at `target`, where whoever asked for it removes it. `begun` is told at which offset of the log: what comes behind is kept.
/// None is begun that is not wanted any more.
///
/// # Errors
/// [`SaveError`], which the log was told.
pub(crate) async fn spool(
    shell: &Shell,
    target: PathBuf,
    is_wanted: impl Fn() -> bool,
    begun: impl FnOnce(u64),
) -> Result<Written, SaveError> {
    loop {
        let saved = shell.saved.notified();
        if !may_begin(shell) || !is_wanted() {
            return Err(SaveError::Busy);
        }
        if reserve(shell, false) {
            break;
        }
        saved.await;
    }
    wait_for_a_whole(shell).await;
    {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        core.node.replication.keep_backlog();
        if core.node.replication.leader().is_none() {
            core.store.start_recording();
            core.store.begin_increment();
        }
        begun(core.node.replication.offset());
    }
    begin(shell, None);
    let result = write(shell, target).await;
    let core = &mut *shell.core.borrow_mut();
    core.store.end_capture();
    core.node.persistence.saving = None;
    core.node.persistence.settle();
    end(shell);
    if let Err(failed) = &result {
        error!(reason = %in_words(failed), "no snapshot was made for a follower");
    }
    result
}

/// What failed, with its cause.
fn in_words(failed: &SaveError) -> String {
    match failed.source() {
        Some(cause) => format!("{failed}: {cause}"),
        None => failed.to_string(),
    }
}

async fn write_base(shell: &Shell, rewrite: Rewrite) -> Result<Written, SaveError> {
    begin(shell, Some(rewrite.offset));
    let written = write(shell, rewrite.base.clone()).await?;
    {
        let mut log = shell.log.borrow_mut();
        let log = log.as_mut().ok_or(SaveError::Thread)?;
        log.end_rewrite(rewrite, written.bytes);
    }
    loop {
        let reached = shell.log_reached.notified();
        let committed = {
            let mut log = shell.log.borrow_mut();
            log.as_mut().map_or(Some(false), Recording::has_committed)
        };
        match committed {
            Some(true) => return Ok(written),
            Some(false) => return Err(SaveError::NotCommitted),
            None => reached.await,
        }
    }
}

fn end(shell: &Shell) {
    shell.unheld.notify_waiters();
    shell.saved.notify_waiters();
}

/// Not while the node reads its data, of which it has only a part.
fn may_begin(shell: &Shell) -> bool {
    shell.core.borrow().node.persistence.loading.is_none()
}

/// From now on no other snapshot begins; `false` where there is one.
fn reserve(shell: &Shell, is_rewrite: bool) -> bool {
    let core = &mut *shell.core.borrow_mut();
    if is_busy(core) {
        return false;
    }
    let persistence = &mut core.node.persistence;
    persistence.is_rewriting = is_rewrite;
    if is_rewrite {
        persistence.is_rewrite_scheduled = false;
        persistence.last_rewrite_try_ms = shell.clock.wall_ms();
    } else {
        persistence.is_save_scheduled = false;
        persistence.last_try_ms = shell.clock.wall_ms();
    }
    persistence.saving = Some(SaveProgress {
        started_ms: shell.clock.wall_ms(),
        keys: 0,
        keys_done: 0,
        changes: 0,
    });
    persistence.settle();
    true
}

/// Waits until no command is at work that is to be seen as a whole.
pub(crate) async fn wait_for_a_whole(shell: &Shell) {
    loop {
        let unheld = shell.unheld.notified();
        let is_within = {
            let core = shell.core.borrow();
            core.store.effects().is_within_unit() || core.node.replication.is_within_unit
        };
        if !is_within {
            return;
        }
        unheld.await;
    }
}

/// Takes all of what was begun with.
async fn write(shell: &Shell, target: PathBuf) -> Result<Written, SaveError> {
    let disk = shell.disk.clone();
    let (sender, orders) = channel(PIECES);
    let writing = tokio::task::spawn_blocking(move || {
        let file = SnapshotFile::create(disk, &target)?;
        file.write_all(orders)
    });
    let fed = feed(shell, &sender).await;
    if fed.is_ok() {
        // Whether anybody took it shows in what the thread says.
        sender.send(Order::Finish).await.ok();
    }
    drop(sender);
    let written = outcome(writing).await;
    match (fed, written) {
        (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
        (Ok(()), Ok(Some(written))) => Ok(written),
        (Ok(()), Ok(None)) => Err(SaveError::Thread),
    }
}

async fn outcome(
    writing: JoinHandle<Result<Option<Written>, DiskError>>,
) -> Result<Option<Written>, SaveError> {
    match writing.await {
        Ok(written) => Ok(written?),
        Err(_) => Err(SaveError::Thread),
    }
}

/// The moment; of a base, with how much of the log it has.
fn begin(shell: &Shell, base: Option<u64>) {
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    core.store.set_now(now_ms);
    let databases = || (0..core.store.databases()).map(DbIndex);
    let keys: usize = databases().map(|db| core.store.len(db)).sum();
    let made = Made {
        redis_version: REDIS_VERSION,
        at_seconds: now_ms / 1_000,
        used_memory: core.store.used_memory(),
        log: Some(LogPlace {
            id: core.node.replication.id().to_owned(),
            offset: core.node.replication.offset(),
            db: core.store.effects().selected().unwrap_or_default(),
            epochs: print_epochs(core.node.member.epochs()),
        }),
        libraries: core.node.scripts.libraries.texts(),
        is_base: base.is_some(),
        has_timed: databases().any(|db| core.store.len_timed(db) > 0),
        offset: base.unwrap_or(0),
    };
    if let Some(saving) = &mut core.node.persistence.saving {
        saving.keys = keys as u64;
        saving.changes = core.store.effects().changes();
    }
    let packs = core.node.settings.hot.packs_snapshots;
    Snapshot::begin(&mut core.store, &made, packs);
}

/// Shows the keyspace slice by slice, and passes on what comes of it.
async fn feed(shell: &Shell, sender: &Sender<Order>) -> Result<(), SaveError> {
    let mut pieces = Vec::new();
    loop {
        let is_over = slice(shell, &mut pieces)?;
        for piece in pieces.drain(..) {
            // Why nobody takes it the thread says.
            sender
                .send(Order::Write(piece))
                .await
                .map_err(|_| SaveError::Thread)?;
        }
        if is_over {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// A slice of the work; whether it was the last.
fn slice(shell: &Shell, pieces: &mut Vec<Piece>) -> Result<bool, SaveError> {
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    core.store.set_now(now_ms);
    let watch = core.executor.watch().clone();
    let began = watch.read();
    let slice_ns = match core.store.is_capture_urgent() {
        true => URGENT_SLICE_NS,
        false => SLICE_NS,
    };
    let mut goes_on = true;
    while goes_on && watch.since_ns(began) < slice_ns {
        goes_on = core.store.capture_some(LOOKS);
        let snapshot = Snapshot::of(&mut core.store);
        if snapshot.is_none_or(|snapshot| snapshot.waiting_bytes() > WAITING_BYTES) {
            break;
        }
    }
    if core.store.has_released() {
        shell.unheld.notify_waiters();
    }
    let Some(snapshot) = Snapshot::of(&mut core.store) else {
        return Err(SaveError::Thread);
    };
    if let Some(fault) = snapshot.fault() {
        return Err(SaveError::Value(fault));
    }
    if !goes_on {
        snapshot.end();
    }
    while let Some(piece) = snapshot.next_piece() {
        pieces.push(piece);
    }
    if let Some(saving) = &mut core.node.persistence.saving {
        saving.keys_done = snapshot.keys();
    }
    Ok(!goes_on)
}

/// Notes how it went.
fn settle(shell: &Shell, result: &Result<Written, SaveError>) {
    let now_ms = shell.clock.wall_ms();
    let persistence = &mut shell.core.borrow_mut().node.persistence;
    let Some(saving) = persistence.saving.take() else {
        return;
    };
    let took_ms = now_ms.saturating_sub(saving.started_ms);
    persistence.last_save_took_seconds = Some(took_ms / 1_000);
    persistence.has_save_failed = result.is_err();
    match result {
        Ok(written) => {
            persistence.saves += 1;
            persistence.last_save_seconds = now_ms / 1_000;
            persistence.saved_changes = saving.changes;
            let (keys, bytes) = (saving.keys_done, written.bytes);
            info!(keys, bytes, took_ms, "snapshot is saved");
        }
        Err(failed) => {
            let cause = failed.source().map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            error!(reason = %failed, cause, "no snapshot was saved; the one before stays");
        }
    }
    persistence.settle();
}

/// Notes how a rewrite went.
fn settle_rewrite(shell: &Shell, result: &Result<Written, SaveError>) {
    let now_ms = shell.clock.wall_ms();
    let persistence = &mut shell.core.borrow_mut().node.persistence;
    persistence.is_rewriting = false;
    let Some(saving) = persistence.saving.take() else {
        return;
    };
    let took_ms = now_ms.saturating_sub(saving.started_ms);
    persistence.last_rewrite_took_seconds = Some(took_ms / 1_000);
    persistence.has_rewrite_failed = result.is_err();
    match result {
        Ok(written) => {
            persistence.rewrites += 1;
            persistence.failed_rewrites = 0;
            let (keys, bytes) = (saving.keys_done, written.bytes);
            info!(keys, bytes, took_ms, "log is rewritten");
        }
        Err(failed) => {
            persistence.failed_rewrites += 1;
            let cause = failed.source().map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            error!(reason = %failed, cause, "the log was not rewritten; it goes on as it was");
        }
    }
    persistence.settle();
}

/// Before a node stops: saves what has changed since the last snapshot, if that is usual or wanted.
///
/// # Errors
/// [`SaveError`]
pub(crate) async fn save_before_end(shell: &Shell, saves: FinalSave) -> Result<(), SaveError> {
    loop {
        let saved = shell.saved.notified();
        {
            let core = shell.core.borrow();
            let persistence = &core.node.persistence;
            let is_wanted = match saves {
                FinalSave::No => false,
                FinalSave::Yes => true,
                FinalSave::IfUsual => !core.node.settings.hot.save_points.is_empty(),
            };
            let has_changed = core.store.effects().changes() != persistence.saved_changes;
            let may_be = core.node.settings.has_data() && persistence.loading.is_none();
            let is_needed = has_changed || persistence.saves == 0 && saves == FinalSave::Yes;
            if !is_wanted || !may_be || !is_needed {
                return Ok(());
            }
            if !is_busy(&core) {
                break;
            }
        }
        // What is being taken is of an earlier moment.
        saved.await;
    }
    save(shell).await
}
