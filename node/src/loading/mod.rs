//! The start of a node that keeps its data: the log or the snapshot in its folder is read while clients are told `LOADING`.
//! Never: starts with nothing where there was something that cannot be read. Invariant: what is read is in the keyspace as a whole before the first command that looks at a key.

mod replay;

pub(crate) use replay::{is_message, is_passed_by};

use crate::disk::{Disk, read_beside};
use crate::log::{ManifestFault, read_epochs};
use crate::node_state::LoadProgress;
use crate::rdb::{FileFault, FileReader, Loaded, Loading, Taken};
use crate::saving;
use crate::shell::{Core, Shell};
use crate::store::DbIndex;
use shared::topology::ShardId;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;
use tracing::{info, warn};

/// How long a slice of the work holds the thread, ns: others are only told that the node loads.
const SLICE_NS: u64 = 1_000_000;
/// How often the log says how far a long load is.
const SAID_EVERY_MS: u64 = 5_000;

/// Why a node does not start with its data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The system does not give the file.
    #[error("{}: cannot be read; the node does not start without its data", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error(
        "{}: at byte {offset}: {fault}. Nothing has been changed. Put a good copy in its place, or move it away to start without what is in it",
        path.display()
    )]
    Broken {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        fault: FileFault,
    },
    /// A file of the log is not.
    #[error(
        "{}: at byte {offset}: {what}. Nothing has been changed. Put a good copy of the whole folder in its place; or cut the file there (truncate --size {offset}) to start without what follows",
        path.display()
    )]
    Log {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The list of the log's files is not.
    #[error("{}: {fault}. Nothing has been changed. Put a good copy in its place", path.display())]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: ManifestFault,
    },
    /// The log could not be begun.
    #[error("{}: the log cannot be begun: {reason}", path.display())]
    NoLog {
        /// The node's folder.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Reads what is in the node's folder, if it has one: the log, if it keeps one and there is one, else the snapshot.
///
/// # Errors
/// [`LoadError`]: the node must not go on.
pub(crate) async fn load(shell: &Rc<Shell>) -> Result<(), LoadError> {
    let Some(folder) = &shell.folder else {
        return Ok(());
    };
    // Whoever asks meanwhile is told.
    begin(shell, 0);
    folder.remove_unfinished(shell.disk.as_ref());
    read_shard(shell, &folder.shard_file())?;
    let wants_log = shell.start.config.appendonly;
    let log = match wants_log {
        true => replay::find(folder.path())?,
        false => None,
    };
    if !wants_log && replay::find(folder.path()).is_ok_and(|log| log.is_some()) {
        warn!(folder = %folder.path().display(), "there is a log in the folder, which is not read: appendonly is no");
    }
    let started_ms = shell.clock.monotonic_ms();
    let loaded = match log {
        Some(log) => replay::replay(shell, log).await?,
        None => load_snapshot(shell, folder.path()).await?,
    };
    end(shell, &loaded, shell.clock.monotonic_ms() - started_ms);
    if wants_log && shell.log.borrow().is_none() {
        begin_log(shell, folder.path()).await?;
    }
    let persistence = &mut shell.core.borrow_mut().node.persistence;
    persistence.loading = None;
    persistence.settle();
    Ok(())
}

async fn load_snapshot(shell: &Shell, folder: &Path) -> Result<Loaded, LoadError> {
    let path = folder.join(shell.start.config.dbfilename.as_str());
    let Some((chunks, total_bytes)) = open(&shell.disk, &path)? else {
        info!(folder = %folder.display(), "node starts without keys: there is no data in its folder");
        return Ok(Loaded::default());
    };
    begin(shell, total_bytes);
    // As a member of a shard it goes on from where the snapshot was taken.
    let is_member = shell.core.borrow().node.member.shard().is_some();
    let loaded = read_snapshot(shell, &path, chunks, !is_member).await?;
    if let Some(offset) = loaded.log_offset.filter(|_| is_member) {
        set_epochs(shell, &loaded);
        let core = &mut *shell.core.borrow_mut();
        core.node.replication.start_at(offset);
        let db = known_db(core, loaded.log_db);
        core.store.go_on_with(db);
    }
    Ok(loaded)
}

/// A database that a file names, or the first where there is none of this number.
fn known_db(core: &Core, number: u8) -> DbIndex {
    match number < core.store.databases() {
        true => DbIndex(number),
        false => DbIndex::default(),
    }
}

/// The epochs of the log, as far as a snapshot has it.
fn set_epochs(shell: &Shell, loaded: &Loaded) {
    let epochs = read_epochs(&loaded.epochs).unwrap_or_default();
    shell.core.borrow_mut().node.member.set_epochs(epochs);
}

/// To which shard the data in the folder belong, if proxies have said so.
fn read_shard(shell: &Shell, path: &Path) -> Result<(), LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    let shard = text.trim().parse::<ShardId>();
    let shard = shard.map_err(|error| unreadable(io::Error::other(error.to_string())))?;
    info!(%shard, "the data belong to a shard: the node serves nobody before its proxies have said what it is");
    let core = &mut *shell.core.borrow_mut();
    core.node.member.belong(shard);
    let until_ms = core.node.keeps_all_until_ms();
    core.store.keep_all_until(until_ms);
    Ok(())
}

/// A log where there was none begins with all there is, before anybody is served.
async fn begin_log(shell: &Shell, folder: &Path) -> Result<(), LoadError> {
    let failed = |reason: String| LoadError::NoLog {
        path: folder.to_path_buf(),
        reason,
    };
    shell
        .begin_log()
        .map_err(|error| failed(error.to_string()))?;
    let written = saving::rewrite(shell).await;
    written.map_err(|error| failed(error.to_string()))
}

type Chunks = Receiver<io::Result<Vec<u8>>>;

/// `None` where there is no such file.
fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Option<(Chunks, u64)>, LoadError> {
    match read_beside(disk, path) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LoadError::Unreadable {
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn begin(shell: &Shell, total_bytes: u64) {
    let core = &mut *shell.core.borrow_mut();
    let persistence = &mut core.node.persistence;
    persistence.loading = Some(LoadProgress {
        started_seconds: shell.clock.wall_ms() / 1_000,
        total_bytes,
        read_bytes: 0,
        used_memory: core.store.used_memory(),
        is_copy: false,
    });
    persistence.settle();
}

/// Notes what was read.
fn end(shell: &Shell, loaded: &Loaded, took_ms: u64) {
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    core.store.set_now(now_ms);
    let persistence = &mut core.node.persistence;
    persistence.loaded_keys = loaded.keys;
    persistence.loaded_expired = loaded.expired;
    persistence.saved_changes = core.store.effects().changes();
    let bytes = persistence.loading.map_or(0, |loading| loading.read_bytes);
    let (keys, expired, made_by) = (loaded.keys, loaded.expired, &loaded.made_by);
    if bytes > 0 {
        info!(keys, expired, bytes, took_ms, %made_by, "data is loaded");
    }
}

/// The libraries of a snapshot are those of the node.
pub(crate) fn take_libraries(core: &mut Core, loaded: &Loaded) {
    let most_bytes = core.node.settings.hot.lua_memory_bytes;
    let scripts = &mut core.node.scripts;
    scripts.set_bound(most_bytes);
    let kept = scripts.libraries.restore_texts(&loaded.libraries);
    if kept < loaded.libraries.len() {
        let lost = loaded.libraries.len() - kept;
        warn!(lost, "libraries of functions in the snapshot are none here");
    }
}

/// Reads a whole snapshot into the keyspace. If `leaves_out`, keys whose time has come are left out.
async fn read_snapshot(
    shell: &Shell,
    path: &Path,
    mut chunks: Chunks,
    leaves_out: bool,
) -> Result<Loaded, LoadError> {
    let mut reader = FileReader::new();
    let mut said_ms = shell.clock.monotonic_ms();
    let broken = |offset, fault| LoadError::Broken {
        path: path.to_path_buf(),
        offset,
        fault,
    };
    loop {
        match slice(shell, &mut reader, leaves_out) {
            Ok(Loading::Goes) => tokio::task::yield_now().await,
            Ok(Loading::Over) => {
                let loaded = reader.loaded().clone();
                take_libraries(&mut shell.core.borrow_mut(), &loaded);
                return Ok(loaded);
            }
            Ok(Loading::Hungry) => match chunks.recv().await {
                Some(Ok(chunk)) => {
                    note_read(shell, chunk.len());
                    reader.feed(&chunk);
                    let now_ms = shell.clock.monotonic_ms();
                    if now_ms - said_ms > SAID_EVERY_MS {
                        said_ms = now_ms;
                        say_progress(shell, reader.loaded());
                    }
                }
                Some(Err(source)) => {
                    return Err(LoadError::Unreadable {
                        path: path.to_path_buf(),
                        source,
                    });
                }
                None => reader.end(),
            },
            Err(fault) => return Err(broken(reader.offset(), fault)),
        }
    }
}

fn slice(shell: &Shell, reader: &mut FileReader, leaves_out: bool) -> Result<Loading, FileFault> {
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    core.store.set_now(now_ms);
    if !leaves_out {
        // What has ended goes when the log says so.
        core.store.stand_still();
    }
    let small = core.node.settings.hot.small;
    let taken = Taken {
        limits: &|kind| small.of_kind(kind),
        now_ms: if leaves_out { now_ms } else { 0 },
    };
    let watch = core.executor.watch().clone();
    let began = watch.read();
    loop {
        let loading = reader.go_on(&mut core.store, taken)?;
        if loading != Loading::Goes || watch.since_ns(began) > SLICE_NS {
            return Ok(loading);
        }
    }
}

fn note_read(shell: &Shell, bytes: usize) {
    let persistence = &mut shell.core.borrow_mut().node.persistence;
    if let Some(loading) = &mut persistence.loading {
        loading.read_bytes += bytes as u64;
    }
}

fn say_progress(shell: &Shell, loaded: &Loaded) {
    let core = shell.core.borrow();
    if let Some(loading) = core.node.persistence.loading {
        let (read, of) = (loading.read_bytes, loading.total_bytes);
        info!(read, of, keys = loaded.keys, "data is being loaded");
    }
}
