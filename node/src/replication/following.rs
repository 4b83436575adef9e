//! What a leader sends: its keys, then its log, which is applied, kept and acknowledged as it comes.
//! Never: lets anything else change the keyspace meanwhile. Invariants: what is kept as this node's log are the leader's own bytes, and they have been applied; a unit
//! is seen by clients as a whole or not at all; a copy that is not complete is not taken for one, whenever it breaks off.

use super::handshake::{self, Asked, Begin, LinkError, Me};
use super::random_id;
use crate::client::{Identity, Session};
use crate::execute::{Asked as AskedCommand, Origin, Stop, Turn};
use crate::loading::is_passed_by;
use crate::log::{Next, Stream};
use crate::node_state::{Link, LoadProgress, MOST_QUEUED_BYTES, Place};
use crate::rdb::{FileReader, Loading, Taken};
use crate::shell::{Core, Shell};
use crate::store::DbIndex;
use shared::command::{self, CommandSpec};
use shared::resp::{encode_request, make_room};
use shared::throttle::Throttle;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tracing::{info, warn};

/// After a connection that broke, the next one is tried so much later.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often a leader is told how far this node is, though nothing has come.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// How long a slice of the work holds the thread, ns.
const SLICE_NS: u64 = 500_000;
/// The same of what is loaded: others are only told that the node loads.
const LOAD_SLICE_NS: u64 = 1_000_000;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of the mark behind a snapshot whose length was not known.
const MARK_BYTES: usize = 40;

/// Follows for ever.
pub(super) async fn follow(shell: Rc<Shell>, place: Place) {
    let mut applier = Applier::new(&shell);
    loop {
        let Err(failed) = follow_once(&shell, &place, &mut applier).await;
        {
            let now_ms = shell.clock.wall_ms();
            let core = &mut *shell.core.borrow_mut();
            core.node.replication.set_link(Link::Connect, now_ms);
            core.node.replication.is_within_unit = false;
            static BROKEN: Throttle = Throttle::new();
            if let Some(left_out) = BROKEN.admit(now_ms) {
                let (leader, port) = (&place.host, place.port);
                warn!(%leader, port, reason = %failed, left_out, "the leader's log is not had; it is asked again every second");
            }
        }
        shell.unheld.notify_waiters();
        applier.stream = Stream::new();
        applier.pending = None;
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

async fn follow_once(
    shell: &Shell,
    place: &Place,
    applier: &mut Applier,
) -> Result<std::convert::Infallible, LinkError> {
    let (me, settings) = {
        let now_ms = shell.clock.wall_ms();
        let core = &mut *shell.core.borrow_mut();
        core.node.replication.set_link(Link::Connecting, now_ms);
        let replication = &core.node.replication;
        let me = Me {
            port: core.node.identity.port,
            id: replication.id().to_owned(),
            offset: replication.offset(),
        };
        (me, core.node.settings.hot.replication.clone())
    };
    let asked = handshake::ask(place, &me, &settings).await?;
    let Asked {
        mut stream,
        begin,
        mut rest,
    } = asked;
    let patience = Duration::from_millis(settings.timeout_ms.max(1));
    match begin {
        Begin::Continue { id } => {
            if let Some(id) = id {
                shell.core.borrow_mut().node.replication.renamed(id);
            }
            info!(offset = me.offset, "goes on with the leader's log");
        }
        Begin::Full { id, offset } => {
            let copy = Copy::begin(shell, patience).await?;
            rest = copy.take(&mut stream, rest).await?;
            copy.end(id, offset);
            applier.session.db = DbIndex::default();
        }
    }
    let now_ms = shell.clock.wall_ms();
    {
        let core = &mut *shell.core.borrow_mut();
        core.node.replication.set_link(Link::Connected, now_ms);
        core.node.replication.keep_backlog();
    }
    applier.stream.room().extend_from_slice(&rest);
    let mut voice = Voice {
        stream,
        unsaid: Vec::new(),
        patience,
    };
    applier.apply_all(shell, &mut voice).await
}

/// A copy of a leader's keys that has begun. If it is dropped before its end, there are no keys.
struct Copy<'a> {
    shell: &'a Shell,
    patience: Duration,
    is_whole: std::cell::Cell<bool>,
}

/// How a snapshot ends.
enum Length {
    /// After so many bytes.
    Known(u64),
    /// With this mark.
    Marked(Vec<u8>),
}

impl<'a> Copy<'a> {
    /// All keys go. What they were is a log no more.
    async fn begin(shell: &'a Shell, patience: Duration) -> Result<Self, LinkError> {
        // What is being saved is still what was.
        loop {
            let saved = shell.saved.notified();
            if shell.core.borrow().node.persistence.saving.is_none() {
                break;
            }
            saved.await;
        }
        let id = random_id().map_err(|_| LinkError::Random)?;
        let now_ms = shell.clock.wall_ms();
        let followers = {
            let core = &mut *shell.core.borrow_mut();
            core.store.clear_all(DbIndex::default());
            let replication = &mut core.node.replication;
            replication.copied(id, 0);
            let link = Link::Syncing {
                total_bytes: None,
                read_bytes: 0,
            };
            replication.set_link(link, now_ms);
            if let Some(log) = &mut *shell.log.borrow_mut() {
                log.jump(0);
            }
            core.node.persistence.loading = Some(LoadProgress {
                started_seconds: now_ms / 1_000,
                used_memory: core.store.used_memory(),
                ..LoadProgress::default()
            });
            core.node.persistence.settle();
            let followers = core.node.replication.followers().iter();
            followers.map(|one| one.client.id()).collect::<Vec<u64>>()
        };
        // They would follow what is no more.
        shell.cut(&followers);
        info!("copies the leader's keys");
        Ok(Self {
            shell,
            patience,
            is_whole: std::cell::Cell::new(false),
        })
    }

    /// Takes all keys, and gives back what came behind them.
    async fn take(&self, stream: &mut TcpStream, heard: Vec<u8>) -> Result<Vec<u8>, LinkError> {
        let (length, heard) = self.length(stream, heard).await?;
        let total_bytes = match &length {
            Length::Known(bytes) => Some(*bytes),
            Length::Marked(_) => None,
        };
        let mut reader = FileReader::new();
        let mut held = heard;
        let mut read_bytes = 0;
        loop {
            let (ready, is_over) = ready_bytes(&length, read_bytes, &held);
            let ready = held.drain(..ready).collect::<Vec<u8>>();
            read_bytes += ready.len() as u64;
            self.note(total_bytes, read_bytes);
            if !ready.is_empty() {
                reader.feed(&ready);
            }
            if is_over {
                reader.end();
            }
            while self.slice(&mut reader)? == Loading::Goes {
                tokio::task::yield_now().await;
            }
            if is_over {
                break;
            }
            self.read(stream, &mut held).await?;
        }
        if let Length::Marked(mark) = &length {
            held.drain(..mark.len());
        }
        let (keys, made_by) = (reader.loaded().keys, &reader.loaded().made_by);
        info!(keys, bytes = read_bytes, %made_by, "the leader's keys are copied");
        Ok(held)
    }

    /// The line before a snapshot, behind lines that say that the leader is still there.
    async fn length(
        &self,
        stream: &mut TcpStream,
        mut heard: Vec<u8>,
    ) -> Result<(Length, Vec<u8>), LinkError> {
        loop {
            while let Some(end) = heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = heard.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if line.is_empty() {
                    continue;
                }
                let strange = LinkError::Strange(line.clone());
                let length = line.strip_prefix('$').ok_or(strange)?;
                if let Some(mark) = length.strip_prefix("EOF:") {
                    if mark.len() != MARK_BYTES {
                        return Err(LinkError::Strange(line));
                    }
                    return Ok((Length::Marked(mark.as_bytes().to_vec()), heard));
                }
                let bytes = length.parse().map_err(|_| LinkError::Strange(line))?;
                return Ok((Length::Known(bytes), heard));
            }
            if heard.len() > READ_BYTES {
                let what = "no line comes before its snapshot".to_owned();
                return Err(LinkError::Strange(what));
            }
            self.read(stream, &mut heard).await?;
        }
    }

    async fn read(&self, stream: &mut TcpStream, held: &mut Vec<u8>) -> Result<(), LinkError> {
        held.reserve(READ_BYTES);
        let read = tokio::time::timeout(self.patience, stream.read_buf(held)).await;
        match read.map_err(|_| LinkError::Silent)?? {
            0 => Err(LinkError::Closed),
            _ => Ok(()),
        }
    }

    fn note(&self, total_bytes: Option<u64>, read_bytes: u64) {
        let now_ms = self.shell.clock.wall_ms();
        let node = &mut self.shell.core.borrow_mut().node;
        let link = Link::Syncing {
            total_bytes,
            read_bytes,
        };
        node.replication.set_link(link, now_ms);
        if let Some(loading) = &mut node.persistence.loading {
            loading.total_bytes = total_bytes.unwrap_or(read_bytes);
            loading.read_bytes = read_bytes;
        }
    }

    fn slice(&self, reader: &mut FileReader) -> Result<Loading, LinkError> {
        let core = &mut *self.shell.core.borrow_mut();
        // Keys end when the leader says so.
        core.store.stand_still();
        let small = core.node.settings.hot.small;
        let taken = Taken {
            limits: &|kind| small.of_kind(kind),
            now_ms: 0,
        };
        let watch = core.executor.watch().clone();
        let began = watch.read();
        loop {
            let loading = reader.go_on(&mut core.store, taken);
            let loading = loading.map_err(|fault| {
                LinkError::Broken(format!(
                    "at byte {} of its snapshot: {fault}",
                    reader.offset()
                ))
            })?;
            if loading != Loading::Goes || watch.since_ns(began) > LOAD_SLICE_NS {
                return Ok(loading);
            }
        }
    }

    /// The copy is complete: it is what the leader had at this offset of its log.
    fn end(&self, id: String, offset: u64) {
        self.is_whole.set(true);
        let core = &mut *self.shell.core.borrow_mut();
        core.node.replication.copied(id, offset);
        core.store.go_on_with(DbIndex::default());
        if let Some(log) = &mut *self.shell.log.borrow_mut() {
            log.jump(offset);
        }
        core.node.persistence.loading = None;
        core.node.persistence.settle();
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        if self.is_whole.get() {
            return;
        }
        let core = &mut *self.shell.core.borrow_mut();
        core.store.clear_all(DbIndex::default());
        core.node.persistence.loading = None;
        core.node.persistence.settle();
    }
}

/// How many of the bytes held belong to a snapshot of which so many have come, and whether they are its last.
fn ready_bytes(length: &Length, read_bytes: u64, held: &[u8]) -> (usize, bool) {
    match length {
        Length::Known(bytes) => {
            let left = usize::try_from(bytes - read_bytes).unwrap_or(usize::MAX);
            (left.min(held.len()), left <= held.len())
        }
        // Nothing follows the mark before this node has said that it has all.
        Length::Marked(mark) => (held.len().saturating_sub(mark.len()), held.ends_with(mark)),
    }
}

/// What is said to the leader.
struct Voice {
    stream: TcpStream,
    unsaid: Vec<u8>,
    patience: Duration,
}

impl Voice {
    /// Says how far this node is, as far as it goes; what does not go now goes before what is said next.
    fn say(&mut self, offset: u64) -> io::Result<()> {
        if self.unsaid.is_empty() {
            let offset = offset.to_string();
            let words = [&b"REPLCONF"[..], b"ACK", offset.as_bytes()];
            encode_request(&mut self.unsaid, words);
        }
        match self.stream.try_write(&self.unsaid) {
            Ok(said) => {
                self.unsaid.drain(..said);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How far a slice has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applied {
    /// All that is whole is applied.
    All,
    /// Others have their turn first.
    Some,
    /// Somebody reads what the next command would change.
    Waits,
}

/// Applies a leader's log.
struct Applier {
    identity: Identity,
    session: Session,
    stream: Stream,
    /// Of what was found, what is still to be applied.
    pending: Option<Pending>,
    reply: Vec<u8>,
}

/// Commands that were found.
struct Pending {
    /// Those that are not in the log yet.
    unkept: Range<usize>,
    /// The next of them to be applied.
    next: usize,
    is_unit: bool,
}

impl Applier {
    fn new(shell: &Shell) -> Self {
        let core = shell.core.borrow();
        let db = core.store.effects().selected().unwrap_or_default();
        Self {
            identity: Identity::new(0, shell.clock.wall_ms()),
            session: Session {
                db,
                ..Session::default()
            },
            stream: Stream::new(),
            pending: None,
            reply: Vec::new(),
        }
    }

    async fn apply_all(
        &mut self,
        shell: &Shell,
        voice: &mut Voice,
    ) -> Result<std::convert::Infallible, LinkError> {
        let mut heard = tokio::time::Instant::now();
        loop {
            self.apply_whole(shell).await?;
            // What is acknowledged is as safe as it is to be.
            shell.recorded(true).await;
            let offset = shell.core.borrow().node.replication.offset();
            voice.say(offset)?;
            let bytes = self.stream.expected_bytes();
            let room = self.stream.room();
            make_room(room, bytes, READ_BYTES);
            tokio::select! {
                read = voice.stream.read_buf(room) => {
                    if read? == 0 {
                        return Err(LinkError::Closed);
                    }
                    heard = tokio::time::Instant::now();
                    let now_ms = shell.clock.wall_ms();
                    shell.core.borrow_mut().node.replication.heard(now_ms);
                }
                () = tokio::time::sleep(SAY_EVERY) => {
                    if heard.elapsed() > voice.patience {
                        return Err(LinkError::Silent);
                    }
                }
            }
        }
    }

    /// Applies all that is whole of what has come.
    async fn apply_whole(&mut self, shell: &Shell) -> Result<(), LinkError> {
        loop {
            let unheld = shell.unheld.notified();
            match self.slice(shell)? {
                Applied::All => break,
                Applied::Some => tokio::task::yield_now().await,
                Applied::Waits => unheld.await,
            }
        }
        shell.unheld.notify_waiters();
        // A disk that is slower than the leader is waited for.
        loop {
            let reached = shell.log_reached.notified();
            let queued = shell.core.borrow().node.persistence.log_queued_bytes;
            if queued <= MOST_QUEUED_BYTES {
                return Ok(());
            }
            reached.await;
        }
    }

    fn slice(&mut self, shell: &Shell) -> Result<Applied, LinkError> {
        let core = &mut *shell.core.borrow_mut();
        // Keys end when the leader says so.
        core.store.stand_still();
        core.node.now_us = 0;
        let watch = core.executor.watch().clone();
        let began = watch.read();
        loop {
            if self.pending.is_none() {
                let next = self.stream.find();
                let next = next.map_err(|fault| LinkError::Broken(fault.to_string()))?;
                let Next::Commands(range) = next else {
                    return Ok(Applied::All);
                };
                let first = self.stream.args(range.start).get(0).unwrap_or_default();
                self.pending = Some(Pending {
                    is_unit: first.eq_ignore_ascii_case(b"multi"),
                    next: range.start,
                    unkept: range,
                });
            }
            let applied = self.apply_pending(core, || watch.since_ns(began) > SLICE_NS);
            self.keep(shell, core);
            let applied = applied?;
            if applied != Applied::All {
                return Ok(applied);
            }
        }
    }

    /// What was applied is a part of the log now; of a unit all of it, or nothing.
    fn keep(&mut self, shell: &Shell, core: &mut Core) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        let is_over = pending.next == pending.unkept.end;
        core.node.replication.is_within_unit = pending.is_unit && !is_over;
        if is_over || !pending.is_unit {
            let kept = pending.unkept.start..pending.next;
            pending.unkept.start = pending.next;
            let bytes = self.stream.bytes(kept).to_vec();
            shell.append(core, bytes, false);
            core.store.go_on_with(self.session.db);
        }
        if is_over {
            self.pending = None;
        }
    }

    fn apply_pending(
        &mut self,
        core: &mut Core,
        is_late: impl Fn() -> bool,
    ) -> Result<Applied, LinkError> {
        let Some(pending) = &mut self.pending else {
            return Ok(Applied::All);
        };
        while pending.next < pending.unkept.end {
            let args = self.stream.args(pending.next);
            if !is_passed_by(args) {
                let row = command::resolve_served(args, CommandSpec::is_served_by_node);
                let mut turn = Turn {
                    store: &mut core.store,
                    node: &mut core.node,
                    identity: &self.identity,
                    session: &mut self.session,
                    now_ms: 0,
                };
                let asked = AskedCommand {
                    args,
                    hashes: &[],
                    request_bytes: self.stream.request_bytes(pending.next),
                };
                self.reply.clear();
                let executor = &mut core.executor;
                let reply = &mut self.reply;
                let stop = executor.perform(&mut turn, Origin::Leader, row, asked, reply);
                if let Stop::NotYet(_) = stop {
                    return Ok(Applied::Waits);
                }
                if reply.starts_with(b"-") {
                    let name = args.get(0).unwrap_or_default().escape_ascii();
                    let said = String::from_utf8_lossy(&reply[1..]);
                    return Err(LinkError::Broken(format!("{name}: {}", said.trim_end())));
                }
            }
            pending.next += 1;
            if is_late() {
                let is_over = pending.next == pending.unkept.end;
                return Ok(if is_over { Applied::All } else { Applied::Some });
            }
        }
        Ok(Applied::All)
    }
}

#[cfg(test)]
mod tests {
    use super::{Length, ready_bytes};

    #[test]
    fn a_snapshot_ends_where_its_length_or_its_mark_says() {
        let known = Length::Known(10);
        assert_eq!(ready_bytes(&known, 0, b"12345"), (5, false));
        assert_eq!(ready_bytes(&known, 5, b"12345"), (5, true));
        assert_eq!(ready_bytes(&known, 8, b"12345"), (2, true));
        assert_eq!(ready_bytes(&Length::Known(0), 0, b""), (0, true));
        let marked = Length::Marked(b"end".to_vec());
        assert_eq!(ready_bytes(&marked, 0, b"12345"), (2, false));
        assert_eq!(ready_bytes(&marked, 0, b"en"), (0, false));
        assert_eq!(ready_bytes(&marked, 7, b"12end"), (2, true));
    }
}
