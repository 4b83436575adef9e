//! What a leader sends: its keys, then its log, which is applied, kept and acknowledged as it comes.
//! Never: lets anything else change the keyspace meanwhile. Invariants: what is kept as this node's log are the leader's own bytes, and they have been applied; a unit
//! is seen by clients as a whole or not at all; a copy that is not complete is not taken for one, whenever it breaks off.

use super::handshake::{self, Asked, Begin, LinkError, Me};
use super::{random_id, random_life};
use crate::client::{Identity, Session};
use crate::execute::{Asked as AskedCommand, Origin, Stop, Turn};
use crate::loading::is_passed_by;
use crate::log::{Next, Stream, epoch_of_mark, read_epochs};
use crate::node_state::{Link, LoadProgress, MOST_QUEUED_BYTES, NodeState, Place};
use crate::rdb::{FileReader, Loading, Taken};
use crate::shell::{Core, Shell};
use crate::store::DbIndex;
use protocol::{Batch, Duty, Offset, Sync};
use shared::command::{self, CommandSpec};
use shared::resp::{encode_request, make_room};
use shared::throttle::Throttle;
use shared::topology::{Epoch, NodeId, Version};
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
    let question = question(&shell.core.borrow(), &me)?;
    let asked = handshake::ask(place, &me, question.as_deref(), &settings).await?;
    let Asked {
        mut stream,
        begin,
        mut rest,
    } = asked;
    let patience = Duration::from_millis(settings.timeout_ms.max(1));
    admit(shell, &begin, me.offset)?;
    match begin {
        Begin::Continue { id } => {
            if let Some(id) = id {
                shell.core.borrow_mut().node.replication.renamed(id);
            }
            info!(offset = me.offset, "goes on with the leader's log");
        }
        Begin::Full { id, offset } => {
            let copy = Copy::begin(shell, patience).await?;
            let epochs;
            (rest, epochs) = copy.take(&mut stream, rest).await?;
            copy.end(id, offset, &epochs)?;
            applier.session.db = DbIndex::default();
        }
    }
    let now_ms = shell.clock.wall_ms();
    {
        let core = &mut *shell.core.borrow_mut();
        core.node.replication.set_link(Link::Connected, now_ms);
        core.node.replication.keep_backlog();
    }
    let mut voice = Voice {
        stream,
        frames: question.map(|_| Frames::default()),
        heard: rest,
        unsaid: Vec::new(),
        patience,
    };
    applier.apply_all(shell, &mut voice).await
}

/// How a member of a shard asks for the log of its leader; `None` for a node that follows on its own.
fn question(core: &Core, me: &Me) -> Result<Option<Vec<String>>, LinkError> {
    let member = &core.node.member;
    let (Some(replica), Some(shard)) = (member.replica(), member.shard()) else {
        return Ok(None);
    };
    let asks = replica.ask(member.position(me.offset));
    let asks = asks.ok_or(LinkError::NotOrdered)?;
    let Duty::Following(following) = replica.duty() else {
        return Err(LinkError::NotOrdered);
    };
    // Keys that are in no log are the beginning of none.
    let has_keys = (0..core.store.databases()).any(|db| !core.store.is_empty(DbIndex(db)));
    let is_foreign = me.offset == 0 && has_keys;
    let position = asks.position.filter(|_| !is_foreign);
    let (last_epoch, offset) = match position {
        Some(position) => (
            position.last_epoch.to_string(),
            position.offset.0.to_string(),
        ),
        None => ("-".to_owned(), "-".to_owned()),
    };
    let named =
        |member: &protocol::Member<NodeId>| format!("{}@{}", member.node, member.incarnation);
    Ok(Some(vec![
        "NODE".to_owned(),
        "SYNC".to_owned(),
        shard.to_string(),
        asks.epoch.to_string(),
        asks.seen_rev.to_string(),
        named(replica.me()),
        named(following.leader()),
        me.id.clone(),
        last_epoch,
        offset,
    ]))
}

/// A member of a shard throws its copy away only where it may, and is another life from then on.
fn admit(shell: &Shell, begin: &Begin, end: u64) -> Result<(), LinkError> {
    let life = random_life().map_err(|_| LinkError::Random)?;
    let member = &mut shell.core.borrow_mut().node.member;
    let Some(replica) = member.replica_mut() else {
        return Ok(());
    };
    let sync = match begin {
        Begin::Continue { .. } => Sync::Continue(Offset(end)),
        Begin::Full { .. } => Sync::Full,
    };
    let begun = replica.begin(sync, life);
    begun.map_err(|_| LinkError::NoPermission)?;
    if sync == Sync::Full {
        member.renew(life);
    }
    member.settle();
    Ok(())
}

/// The frames in which a leader sends its log to members of its shard.
#[derive(Default)]
struct Frames {
    /// Bytes of the present frame that are still to come.
    left: usize,
    /// The greatest number that the leader has asked to confirm.
    confirms: u64,
}

/// Longest line before a frame.
const MOST_HEAD_BYTES: usize = 128;

impl Frames {
    /// Moves what there is of the log to `room`; `heard` is what has come. `takes` says whether a frame counts.
    fn unpack(
        &mut self,
        heard: &mut Vec<u8>,
        room: &mut Vec<u8>,
        mut takes: impl FnMut(Epoch, Version) -> bool,
    ) -> Result<(), LinkError> {
        let mut at = 0;
        loop {
            let rest = &heard[at..];
            if self.left > 0 {
                let now = rest.len().min(self.left);
                room.extend_from_slice(&rest[..now]);
                self.left -= now;
                at += now;
                if self.left > 0 {
                    break;
                }
                continue;
            }
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > MOST_HEAD_BYTES {
                    return Err(LinkError::Strange("a frame has no head".to_owned()));
                }
                break;
            };
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            at += end + 1;
            let strange = || LinkError::Strange(format!("{head} is no head of a frame"));
            let numbers = head.trim_end().strip_prefix('@').ok_or_else(strange)?;
            let numbers: Option<Vec<u64>> = numbers
                .split(' ')
                .map(|number| number.parse().ok())
                .collect();
            let Some(&[epoch, rev, confirms, length]) = numbers.as_deref() else {
                return Err(strange());
            };
            if !takes(Epoch(epoch), Version(rev)) {
                return Err(LinkError::NotOrdered);
            }
            self.confirms = self.confirms.max(confirms);
            self.left = usize::try_from(length).map_err(|_| strange())?;
        }
        heard.drain(..at);
        Ok(())
    }
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
            replication.on_disk_from = None;
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

    /// Takes all keys, and gives back what came behind them, and the epochs of the log that goes on from there.
    async fn take(
        &self,
        stream: &mut TcpStream,
        heard: Vec<u8>,
    ) -> Result<(Vec<u8>, String), LinkError> {
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
        Ok((held, reader.loaded().epochs.clone()))
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
    fn end(&self, id: String, offset: u64, epochs: &str) -> Result<(), LinkError> {
        let epochs = read_epochs(epochs);
        let epochs = epochs.ok_or_else(|| LinkError::Broken("the epochs of its log".to_owned()))?;
        self.is_whole.set(true);
        let core = &mut *self.shell.core.borrow_mut();
        core.node.member.set_epochs(epochs);
        if let Some(replica) = core.node.member.replica_mut() {
            replica.synced();
        }
        core.node.replication.copied(id, offset);
        core.store.go_on_with(DbIndex::default());
        if let Some(log) = &mut *self.shell.log.borrow_mut() {
            log.jump(offset);
        }
        core.node.persistence.loading = None;
        core.node.persistence.settle();
        Ok(())
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
    /// Of a leader of the same shard.
    frames: Option<Frames>,
    /// What came and was not looked at.
    heard: Vec<u8>,
    unsaid: Vec<u8>,
    patience: Duration,
}

impl Voice {
    /// Says how far this node is, as far as it goes; what does not go now goes before what is said next.
    fn say(&mut self, node: &NodeState) -> io::Result<()> {
        let offset = node.replication.offset();
        if self.unsaid.is_empty()
            && let Some(frames) = &self.frames
        {
            let replica = node.member.replica();
            let heard =
                replica.and_then(|replica| replica.acknowledge(Offset(offset), frames.confirms));
            let Some(heard) = heard else {
                return Ok(());
            };
            let words = [
                "NODE".to_owned(),
                "ACK".to_owned(),
                heard.epoch.to_string(),
                heard.follower.to_string(),
                heard.offset.0.to_string(),
                heard.rev.to_string(),
                heard.confirms.to_string(),
            ];
            encode_request(&mut self.unsaid, words.iter().map(String::as_bytes));
        } else if self.unsaid.is_empty() {
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
    /// Those with which an epoch begins.
    epochs: Vec<(usize, Epoch)>,
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
            self.understand(shell, voice)?;
            self.apply_whole(shell).await?;
            // What is acknowledged is as safe as it is to be.
            shell.recorded(true).await;
            if shell.log_counts() {
                voice.say(&shell.core.borrow().node)?;
            }
            let room = match voice.frames {
                Some(_) => &mut voice.heard,
                None => {
                    let bytes = self.stream.expected_bytes();
                    let room = self.stream.room();
                    make_room(room, bytes, READ_BYTES);
                    room
                }
            };
            room.reserve(READ_BYTES);
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

    /// What has come of the log goes where it is applied from.
    fn understand(&mut self, shell: &Shell, voice: &mut Voice) -> Result<(), LinkError> {
        if voice.heard.is_empty() {
            return Ok(());
        }
        let room = self.stream.room();
        let Some(frames) = &mut voice.frames else {
            room.append(&mut voice.heard);
            return Ok(());
        };
        frames.unpack(&mut voice.heard, room, |epoch, rev| {
            let member = &mut shell.core.borrow_mut().node.member;
            let Some(replica) = member.replica_mut() else {
                return false;
            };
            let Duty::Following(following) = replica.duty() else {
                return false;
            };
            let leader = following.leader().incarnation;
            replica.takes(Batch { leader, epoch, rev })
        })
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
                    epochs: Vec::new(),
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
            let offset = core.node.replication.offset();
            for (number, epoch) in pending.epochs.drain(..) {
                let before = self.stream.bytes(kept.start..number).len() as u64;
                core.node.member.begin_epoch(epoch, offset + before);
            }
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
            if let Some(epoch) = epoch_of_mark(args) {
                pending.epochs.push((pending.next, epoch));
            } else if !is_passed_by(args) {
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
    use super::{Frames, Length, ready_bytes};

    #[test]
    fn frames_are_unpacked_however_they_come() {
        let all = b"@1 2 0 5\r\nhello@1 3 7 0\r\n@1 3 7 6\r\n world";
        for chunk in [1, 3, 100] {
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            let (mut room, mut revs) = (Vec::new(), Vec::new());
            for bytes in all.chunks(chunk) {
                heard.extend_from_slice(bytes);
                let takes = |_, rev: super::Version| {
                    revs.push(rev.0);
                    true
                };
                frames.unpack(&mut heard, &mut room, takes).expect("frames");
            }
            assert_eq!(room, b"hello world", "{chunk}");
            assert_eq!((revs, frames.confirms), (vec![2, 3, 3], 7));
        }
    }

    #[test]
    fn what_is_no_frame_and_a_frame_of_another_epoch_are_refused() {
        let unpack = |bytes: &[u8], takes: bool| {
            let mut frames = Frames::default();
            frames.unpack(&mut bytes.to_vec(), &mut Vec::new(), |_, _| takes)
        };
        assert!(unpack(b"@1 2 3 4\r\n", false).is_err());
        for wrong in [
            "@1 2 3\r\n",
            "1 2 3 4\r\n",
            "@1 2 3 x\r\n",
            "@1 2 3 4 5\r\n",
        ] {
            assert!(unpack(wrong.as_bytes(), true).is_err(), "{wrong}");
        }
        assert!(unpack(&[b'@'; 200], true).is_err());
    }

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
