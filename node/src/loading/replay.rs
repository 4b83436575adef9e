//! The log at the start: its base is read, then its commands happen again.
//! Invariants: what stands between MULTI and EXEC happens as a whole or not at all; no time comes meanwhile, for keys go when the log says so; a file that is torn at its end is cut there, and nothing else is.

use super::{Chunks, LoadError, begin, known_db, note_read, open, read_snapshot, set_epochs};
use crate::client::{Identity, Session};
use crate::disk::{Begin, Files, Syncing, log_folder};
use crate::execute::{Asked, BATCH_REQUESTS, Executor, Origin, Turn};
use crate::log::{Found, LogFault, LogReader, MOST_MANIFEST_BYTES, Manifest, epoch_of_mark};
use crate::rdb::Loaded;
use crate::shell::{Core, LOG_FOLDER, LOG_PREFIX, Shell};
use crate::store::{DbIndex, SHARED_LEAST_BYTES};
use shared::command::CommandSpec;
use shared::resp::{Args, ErrorReply, RequestBatch};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{info, warn};

/// How long commands happen again before others are told that the node loads, ns.
const SLICE_NS: u64 = 1_000_000;

/// What is on disk of a log.
pub(super) struct OnDisk {
    folder: PathBuf,
    manifest: Manifest,
}

/// The log in the node's folder; `None` where there is none.
///
/// # Errors
/// Its manifest cannot be read.
pub(super) fn find(folder: &Path) -> Result<Option<OnDisk>, LoadError> {
    let (folder, path) = log_folder(folder, LOG_FOLDER, LOG_PREFIX);
    let unreadable = |source| LoadError::Unreadable {
        path: path.clone(),
        source,
    };
    let len = match fs::metadata(&path) {
        Ok(about) => about.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if len > MOST_MANIFEST_BYTES {
        return Err(unreadable(io::Error::other(
            "it is too long for a manifest",
        )));
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    let manifest = Manifest::read(&text).map_err(|fault| LoadError::Manifest {
        path: path.clone(),
        fault,
    })?;
    Ok(Some(OnDisk { folder, manifest }))
}

/// Reads a log into the keyspace, and lets it go on from its end.
///
/// # Errors
/// [`LoadError`]
pub(super) async fn replay(shell: &Shell, found: OnDisk) -> Result<Loaded, LoadError> {
    let OnDisk { folder, manifest } = found;
    let total_bytes = sizes(&folder, &manifest)?;
    begin(shell, total_bytes);
    let mut loaded = Loaded::default();
    let mut full_bytes = 0;
    let mut end = 0;
    if let Some(base) = &manifest.base {
        let path = folder.join(&base.name);
        let (chunks, bytes) = open_part(shell, &path)?;
        loaded = read_snapshot(shell, &path, chunks, false).await?;
        end = loaded.log_offset.unwrap_or(0);
        full_bytes += bytes;
    }
    set_epochs(shell, &loaded);
    let mut db = known_db(&shell.core.borrow(), loaded.log_db);
    let mut commands = 0;
    let mut last_bytes = 0;
    for (nth, increment) in manifest.increments.iter().enumerate() {
        let path = folder.join(&increment.name);
        let is_last = nth + 1 == manifest.increments.len();
        let (chunks, bytes) = open_part(shell, &path)?;
        let len = if is_last {
            whole(shell, &path, chunks, bytes).await?
        } else {
            bytes
        };
        let (chunks, _) = open_part(shell, &path)?;
        let start = increment.start.unwrap_or(end);
        let again = happen_again(shell, &path, chunks, (start, len)).await?;
        commands += again.0;
        db = again.1;
        end = start.saturating_add(len);
        full_bytes += last_bytes;
        last_bytes = len;
    }
    shell.core.borrow_mut().store.go_on_with(db);
    info!(commands, "commands of the log have happened again");
    go_on(shell, &folder, manifest, (end, full_bytes, last_bytes))?;
    Ok(loaded)
}

fn open_part(shell: &Shell, path: &Path) -> Result<(Chunks, u64), LoadError> {
    let opened = open(&shell.disk, path)?;
    opened.ok_or_else(|| LoadError::Unreadable {
        path: path.to_path_buf(),
        source: io::Error::new(io::ErrorKind::NotFound, "the log's manifest names it"),
    })
}

fn sizes(folder: &Path, manifest: &Manifest) -> Result<u64, LoadError> {
    let names = manifest.base.iter().map(|part| &part.name);
    let increments = manifest.increments.iter().map(|part| &part.name);
    let paths = names.chain(increments).map(|name| folder.join(name));
    let sizes = paths.map(|path| {
        let about = fs::metadata(&path);
        about
            .map(|about| about.len())
            .map_err(|source| LoadError::Unreadable { path, source })
    });
    sizes.sum()
}

/// How far the last increment is whole. What is torn off is cut later, when all before it has happened again.
async fn whole(
    shell: &Shell,
    path: &Path,
    mut chunks: Chunks,
    bytes: u64,
) -> Result<u64, LoadError> {
    let mut reader = LogReader::new();
    let mut batch = RequestBatch::default();
    loop {
        match reader.find(&mut batch) {
            Ok(Found::Commands) => {}
            Ok(Found::Over) => return Ok(reader.whole()),
            Ok(Found::Hungry) => match chunks.recv().await {
                Some(chunk) => reader.feed(&chunk.map_err(unreadable(path))?),
                None => reader.end(),
            },
            Err((whole, LogFault::Cut)) => {
                let cuts = shell.core.borrow().node.settings.hot.cuts_torn_log;
                if !cuts {
                    return Err(broken(path, whole, LogFault::Cut));
                }
                let (file, lost) = (path.display(), bytes - whole);
                warn!(%file, whole, lost, "the log breaks off in its last command, as after a crash: what is behind the last whole one is cut off");
                return Ok(whole);
            }
            Err((at, fault)) => return Err(broken(path, at, fault)),
        }
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_path_buf();
    move |source| LoadError::Unreadable { path, source }
}

fn broken(path: &Path, offset: u64, fault: LogFault) -> LoadError {
    LoadError::Log {
        path: path.to_path_buf(),
        offset,
        what: fault.to_string(),
    }
}

/// The first `len` bytes of an increment, which begins at `start` of the log, happen again; how many commands they are, and which database the last one meant.
async fn happen_again(
    shell: &Shell,
    path: &Path,
    mut chunks: Chunks,
    (start, len): (u64, u64),
) -> Result<(u64, DbIndex), LoadError> {
    let mut again = Again::new(shell, start);
    let mut left = len;
    loop {
        let found = again.reader.find(&mut again.batch);
        match found.map_err(|(at, fault)| broken(path, at, fault))? {
            Found::Over => return Ok((again.commands, again.session.db)),
            Found::Commands => {
                if again.slice(shell, path)? {
                    tokio::task::yield_now().await;
                }
            }
            Found::Hungry => match chunks.recv().await {
                Some(chunk) if left > 0 => {
                    let mut chunk = chunk.map_err(unreadable(path))?;
                    let bytes = usize::try_from(left).unwrap_or(usize::MAX);
                    chunk.truncate(bytes);
                    left -= chunk.len() as u64;
                    note_read(shell, chunk.len());
                    again.reader.feed(&chunk);
                }
                _ => again.reader.end(),
            },
        }
    }
}

/// Commands of one file that happen again.
struct Again {
    reader: LogReader,
    batch: RequestBatch,
    identity: Identity,
    session: Session,
    /// Where the file begins in the log.
    start: u64,
    commands: u64,
    began: shared::clock::Reading,
}

impl Again {
    fn new(shell: &Shell, start: u64) -> Self {
        let now_ms = shell.clock.wall_ms();
        Self {
            reader: LogReader::new(),
            batch: RequestBatch::default(),
            identity: Identity::new(0, now_ms),
            session: Session::default(),
            start,
            commands: 0,
            began: shell.core.borrow().executor.watch().read(),
        }
    }

    /// What was found happens; whether it is the others' turn.
    fn slice(&mut self, shell: &Shell, path: &Path) -> Result<bool, LoadError> {
        let core = &mut *shell.core.borrow_mut();
        core.store.stand_still();
        core.node.now_us = 0;
        core.node.applied_at_ms = shell.clock.wall_ms();
        for first in (0..self.batch.requests().len()).step_by(BATCH_REQUESTS) {
            self.window(core, path, first)?;
        }
        let watch = core.executor.watch();
        let is_over = watch.since_ns(self.began) > SLICE_NS;
        if is_over {
            self.began = watch.read();
        }
        Ok(is_over)
    }

    /// Commands from this one on happen, of which memory is asked for what they need: a log comes in no order that a cache would know.
    fn window(&mut self, core: &mut Core, path: &Path, first: usize) -> Result<(), LoadError> {
        let requests = &self.batch.requests()[first..];
        let requests = &requests[..requests.len().min(BATCH_REQUESTS)];
        let args_of = |nth: usize| self.batch.args(self.reader.bytes(), &requests[nth]);
        let db = self.session.db;
        let window = (core.executor).ask_ahead(&core.store, db, requests.len(), args_of);
        let mut reply = Vec::new();
        for (nth, request) in requests.iter().enumerate() {
            let args = args_of(nth);
            if is_passed_by(args) {
                if let Some(epoch) = epoch_of_mark(args) {
                    let at = self.start + self.reader.offset_of(request.start);
                    core.node.member.begin_epoch(epoch, at);
                }
                continue;
            }
            self.commands += 1;
            let (row, hashes) = window.of(nth);
            let asked = Asked {
                args,
                hashes,
                request_bytes: (request.end - request.start) as usize,
            };
            reply.clear();
            let session = &mut self.session;
            let db = session.db;
            let is_large = asked.request_bytes >= SHARED_LEAST_BYTES;
            if is_large {
                core.store.offer(db, Arc::clone(self.reader.bytes()));
            }
            perform(core, (&self.identity, session), row, asked, &mut reply);
            if is_large {
                core.store.withdraw(db);
            }
            if reply.starts_with(b"-") {
                let said = String::from_utf8_lossy(&reply);
                return Err(LoadError::Log {
                    path: path.to_path_buf(),
                    offset: self.reader.offset_of(request.start),
                    what: format!("a command cannot happen again: {}", said[1..].trim_end()),
                });
            }
        }
        core.executor.give_back(window);
        Ok(())
    }
}

/// What changes no key: notes, the marks of units (all of which are whole), what a leader says to its followers, messages.
pub(crate) fn is_passed_by(args: Args<'_>) -> bool {
    let name = args.get(0).unwrap_or_default();
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    name.starts_with(b"#")
        || is_message(args)
        || ["multi", "exec", "ping", "replconf"]
            .iter()
            .any(|word| is(word))
}

/// What a leader tells whoever has subscribed at its followers.
pub(crate) fn is_message(args: Args<'_>) -> bool {
    let name = args.get(0).unwrap_or_default();
    ["publish", "spublish"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

fn perform(
    core: &mut Core,
    (identity, session): (&Identity, &mut Session),
    row: Result<&'static CommandSpec, ErrorReply>,
    asked: Asked<'_>,
    reply: &mut Vec<u8>,
) {
    let mut turn = Turn {
        store: &mut core.store,
        node: &mut core.node,
        identity,
        session,
        now_ms: 0,
    };
    let executor: &mut Executor = &mut core.executor;
    // How it ended shows in the reply.
    executor.perform(&mut turn, Origin::Log, row, asked, reply);
    // It has been told when it happened.
    turn.store.take_events();
}

/// The log goes on where it ended.
fn go_on(
    shell: &Shell,
    folder: &Path,
    manifest: Manifest,
    (end, full_bytes, last_bytes): (u64, u64, u64),
) -> Result<(), LoadError> {
    let file = match manifest.increments.last() {
        Some(last) => {
            let path = folder.join(&last.name);
            let file = shell.disk.reopen(&path, last_bytes);
            Some((file.map_err(unreadable(&path))?, last_bytes))
        }
        None => None,
    };
    let sync = Syncing::of(&shell.core.borrow().node.settings.hot.append_sync);
    let begin = Begin {
        file,
        offset: end,
        sync,
    };
    let files = Files {
        folder: folder.to_path_buf(),
        prefix: LOG_PREFIX.to_owned(),
        manifest,
        end,
        full_bytes,
        last_bytes,
    };
    shell.core.borrow_mut().node.replication.start_at(end);
    let started = shell.go_on_with_log(files, begin);
    started.map_err(unreadable(folder))
}
