//! A connection behind which somebody follows: a snapshot where that is needed, then the log as it grows; what comes back says how much of it has arrived.
//! Never: runs a command of who follows. Invariants: the stream is the log's bytes from the promised offset on, without a gap; whoever takes less than comes is cut
//! at a named bound (`client-output-buffer-limit replica`), or when nothing was heard for `repl-timeout` ([`crate::replication::look_after`]).

use super::frames::Frames;
use super::transfer::go_on_later;
use super::{Connection, Ending};
use crate::client::WaitsFor;
use crate::commands::hear;
use crate::disk::{read_beside, read_part, spool_path};
use crate::node_state::{
    ClientKey, Feeding, Follower, FollowerState, NodeState, OrderNumber, Place,
};
use crate::replication::{lead, no_numbers};
use crate::saving;
use crate::shell::Shell;
use crate::store::DbIndex;
use protocol::{Acknowledgement, Offset, Position, Sync};
use shared::resp::{
    Args, ErrorReply, FailoverRefusal, RequestBatch, RequestLimits, RequestScanner, is_word,
    parse_integer,
};
use shared::throttle::Throttle;
use shared::topology::{Epoch, Incarnation};
use std::future::{Future, poll_fn};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

/// How often who waits for a snapshot is told that it is still being made.
const STILL_MADE: Duration = Duration::from_secs(1);
/// More bytes that are no whole message are not what followers send.
const MOST_HEARD_BYTES: usize = 64 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 4 * 1024;
/// Messages that are looked at together.
const MESSAGES: usize = 64;
/// Bytes of the log's files that are read at once.
const READ_FROM_DISK: usize = 256 * 1024;
/// Where the disk is behind, it is looked again so much later.
const STILL_WRITTEN: Duration = Duration::from_millis(10);
/// Bytes that one write is given: a piece of the log may be very long.
const WRITTEN_AT_ONCE: usize = 256 * 1024;
/// Bytes sent before others have their turn.
const SENT_AT_ONCE: usize = 1024 * 1024;
/// While the node ends, how often it is looked whether all others have gone.
const LAST_LOOKS: Duration = Duration::from_millis(10);

/// A follower's place among the others, left however its connection ends.
struct Presence {
    shell: Rc<Shell>,
    client: ClientKey,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let node = &mut self.shell.core.borrow_mut().node;
        if let Some(life) = node.replication.left(self.client)
            && let Some(replica) = node.member.replica_mut()
        {
            replica.left(life);
        }
        self.shell.followed.notify_waiters();
    }
}

/// Where a snapshot lies; what is there goes with it.
enum SnapshotPlace {
    /// In the node's own folder.
    Kept(PathBuf),
    /// In one that the system gives, which goes by itself.
    Lent(tempfile::TempDir),
}

impl Drop for SnapshotPlace {
    fn drop(&mut self) {
        if let Self::Kept(path) = self {
            // It may not have come to be; what is left goes with the next start.
            std::fs::remove_file(path).ok();
        }
    }
}

/// A place for one snapshot, removed with it.
struct Spool(Option<SnapshotPlace>);

impl Spool {
    fn new(shell: &Shell, number: u64) -> io::Result<Self> {
        match &shell.folder {
            Some(folder) => {
                let path = spool_path(folder.path(), number);
                Ok(Self(Some(SnapshotPlace::Kept(path))))
            }
            None => Ok(Self(Some(SnapshotPlace::Lent(tempfile::tempdir()?)))),
        }
    }

    fn path(&self) -> PathBuf {
        match &self.0 {
            Some(SnapshotPlace::Kept(path)) => path.clone(),
            Some(SnapshotPlace::Lent(folder)) => folder.path().join("sync.rdb"),
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // To remove a long file takes its time; where the runtime ends, and runs nothing any more, it goes at once.
        let place = self.0.take();
        spawn_blocking(move || drop(place));
    }
}

/// What a follower says.
struct Ear {
    scanner: RequestScanner,
    batch: RequestBatch,
}

impl Connection {
    /// Feeds who follows, until one of both ends.
    pub(super) async fn feed(&mut self, feeding: Feeding) -> Ending {
        let (feeding, life) = match self.admit_member(feeding).await {
            Ok(admitted) => admitted,
            Err(ending) => return ending,
        };
        let presence = self.begin_feeding(feeding, life);
        self.frames = life.map(|_| Box::default());
        let Err(ending) = self.feed_until_end(feeding).await;
        drop(presence);
        ending
    }

    /// How a member of the same shard gets the log, if this node leads it as that believes; others as they have asked.
    async fn admit_member(
        &mut self,
        feeding: Feeding,
    ) -> Result<(Feeding, Option<Incarnation>), Ending> {
        let number = match feeding {
            Feeding::Member(number) => number,
            Feeding::TakeOver(offset) => return self.take_over(offset).await,
            Feeding::Continue(_) | Feeding::Full => return Ok((feeding, None)),
        };
        let answer = answer_member(&mut self.shell.core.borrow_mut().node, number);
        match answer {
            Ok((feeding, life)) => Ok((feeding, Some(life))),
            Err(error) => {
                self.send(format!("-{error}\r\n").as_bytes()).await?;
                Err(Ending::Orderly)
            }
        }
    }

    /// Whom this node has followed follows it from now on.
    async fn take_over(
        &mut self,
        offset: Option<u64>,
    ) -> Result<(Feeding, Option<Incarnation>), Ending> {
        let id = {
            let replication = &self.shell.core.borrow().node.replication;
            // It may have stopped to follow meanwhile.
            replication.leader().map(|_| replication.id().to_owned())
        };
        let led = match &id {
            Some(_) => lead(&self.shell).map_err(no_numbers),
            None => Err(ErrorReply::Failover(FailoverRefusal::ToLeader)),
        };
        if let Err(error) = led {
            self.send(format!("-{error}\r\n").as_bytes()).await?;
            return Err(Ending::Orderly);
        }
        let node = &mut self.shell.core.borrow_mut().node;
        let feeding = node
            .replication
            .feeding(id.unwrap_or_default().as_bytes(), offset);
        match feeding {
            Feeding::Continue(_) => node.stats.partial_syncs += 1,
            _ => node.stats.full_syncs += 1,
        }
        info!("leads: whom it has followed has handed over");
        Ok((feeding, None))
    }

    fn begin_feeding(&mut self, feeding: Feeding, life: Option<Incarnation>) -> Presence {
        // What it sent behind its request are messages of a follower.
        self.left = None;
        let finished = self.scanner.finished_bytes().min(self.input.len());
        self.input.drain(..finished);
        let now_ms = self.shell.clock.wall_ms();
        let core = &mut *self.shell.core.borrow_mut();
        let client = core.node.clients.at(self.client);
        client.traffic.waits = Some(WaitsFor::Log);
        let session = client.session.as_deref();
        let announced = session.map(|session| session.announced_host.as_str());
        let host = match announced {
            Some(host) if !host.is_empty() => host.to_owned(),
            _ => host_of(&client.identity.address).to_owned(),
        };
        let port = session.map_or(0, |session| session.listening_port);
        let (state, sent) = match feeding {
            Feeding::Continue(offset) => (FollowerState::Online, offset),
            Feeding::Full | Feeding::Member(_) | Feeding::TakeOver(_) => {
                (FollowerState::Waits, u64::MAX)
            }
        };
        let is_member = life.is_some();
        info!(follower = %host, port, ?feeding, is_member, "somebody follows");
        let mut databases = (0..core.store.databases()).map(DbIndex);
        let has_timed = databases.any(|db| core.store.len_timed(db) > 0);
        static TIMED: Throttle = Throttle::new();
        if matches!(feeding, Feeding::Full)
            && !is_member
            && has_timed
            && let Some(left_out) = TIMED.admit(self.shell.clock.wall_ms())
        {
            warn!(follower = %host, port, left_out, "the copy has hashes of which fields end, in Redis 7.4's form: Redis before that and Valkey cannot read it, and ask for it again and again; take the ends away first (HPERSIST), or copy to a newer Redis or a node");
        }
        core.node.replication.joined(Follower {
            client: self.client,
            place: Place { host, port },
            life,
            state,
            sent,
            acknowledged: 0,
            on_disk: 0,
            heard_ms: now_ms,
        });
        Presence {
            shell: Rc::clone(&self.shell),
            client: self.client,
        }
    }

    async fn feed_until_end(
        &mut self,
        feeding: Feeding,
    ) -> Result<std::convert::Infallible, Ending> {
        match feeding {
            Feeding::Continue(offset) => {
                let id = self.shell.core.borrow().node.replication.id().to_owned();
                let line = match self.frames {
                    Some(_) => format!("+CONTINUE {id} {offset}\r\n"),
                    None => format!("+CONTINUE {id}\r\n"),
                };
                self.send(line.as_bytes()).await?;
            }
            Feeding::Full | Feeding::Member(_) | Feeding::TakeOver(_) => {
                self.send_snapshot().await?;
            }
        }
        self.note_follower(|follower| follower.state = FollowerState::Online);
        self.send_log().await
    }

    fn note_follower(&self, note: impl FnOnce(&mut Follower)) {
        let now_ms = self.shell.clock.wall_ms();
        let node = &mut self.shell.core.borrow_mut().node;
        if let Some(client) = node.clients.get_mut(self.client) {
            client.traffic.last_active_ms = now_ms;
        }
        if let Some(follower) = node.replication.follower_mut(self.client) {
            follower.heard_ms = now_ms;
            note(follower);
        }
    }

    /// All of these bytes; each that goes shows that it is there.
    async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Ending> {
        while !bytes.is_empty() {
            let some = &bytes[..bytes.len().min(SENT_AT_ONCE)];
            let sent = poll_fn(|context| self.socket.poll_write(context, some)).await?;
            if sent == 0 {
                return Err(Ending::Gone);
            }
            bytes = &bytes[sent..];
            self.note_follower(|_| {});
            self.shell.core.borrow_mut().node.stats.output_bytes += sent as u64;
        }
        Ok(())
    }

    async fn send_snapshot(&mut self) -> Result<(), Ending> {
        let spool = Spool::new(&self.shell, self.client.id());
        let spool = spool.map_err(|error| {
            warn!(%error, "there is no place for a follower's snapshot");
            Ending::Cut
        })?;
        let spool = Rc::new(spool);
        let bytes = self.make_snapshot(Rc::clone(&spool)).await?;
        self.send(format!("${bytes}\r\n").as_bytes()).await?;
        self.send_file(&spool.path()).await
    }

    /// Has a snapshot made, and tells the follower from where the log goes on; how long it is.
    async fn make_snapshot(&mut self, spool: Rc<Spool>) -> Result<u64, Ending> {
        let (begun, mut offset) = oneshot::channel();
        let (shell, client) = (Rc::clone(&self.shell), self.client);
        let pinned = Rc::clone(&self.shell);
        // It comes to its end whatever becomes of the connection.
        let mut making = tokio::task::spawn_local(async move {
            let note = |offset: u64| {
                // Nobody listens who has gone.
                begun.send(offset).ok();
            };
            let is_there = || {
                let followers = &shell.core.borrow().node.replication;
                followers
                    .followers()
                    .iter()
                    .any(|follower| follower.client == client)
            };
            // The file goes with the last who has it.
            saving::spool(&shell, spool.path(), is_there, note).await
        });
        let mut is_told = false;
        loop {
            tokio::select! {
                biased;
                Ok(offset) = &mut offset, if !is_told => {
                    is_told = true;
                    let id = pin_log(&pinned, client, offset);
                    self.send(format!("+FULLRESYNC {id} {offset}\r\n").as_bytes()).await?;
                }
                made = &mut making => {
                    return match made {
                        Ok(Ok(written)) => Ok(written.bytes),
                        // Why not has been said.
                        Ok(Err(_)) | Err(_) => Err(Ending::Cut),
                    };
                }
                () = tokio::time::sleep(STILL_MADE) => self.send(b"\n").await?,
            }
        }
    }

    async fn send_file(&mut self, path: &Path) -> Result<(), Ending> {
        let opened = read_beside(&self.shell.disk, path);
        let unreadable = |error: io::Error| {
            warn!(%error, "a follower's snapshot cannot be read");
            Ending::Cut
        };
        let (mut chunks, _) = opened.map_err(unreadable)?;
        while let Some(chunk) = chunks.recv().await {
            self.send(&chunk.map_err(unreadable)?).await?;
        }
        Ok(())
    }

    /// The log from where the follower is, for ever.
    async fn send_log(&mut self) -> Result<std::convert::Infallible, Ending> {
        let mut ear = Ear {
            scanner: RequestScanner::new(RequestLimits::UNAUTHENTICATED),
            batch: RequestBatch::default(),
        };
        let shell = Rc::clone(&self.shell);
        loop {
            self.send_from_disk(&mut ear).await?;
            let mut grown = pin!(shell.log_grown.notified());
            // What grows from here on is noticed.
            grown.as_mut().enable();
            let last_look = tokio::time::sleep(LAST_LOOKS);
            let mut last_look = pin!(last_look);
            poll_fn(|context| {
                if self.poll_hear(context, &mut ear)?.is_ready() {
                    return Poll::Ready(Ok::<(), Ending>(()));
                }
                if self.poll_send_log(context)?.is_pending() {
                    return Poll::Pending;
                }
                if shell.is_stopping() {
                    if others_have_gone(&shell) {
                        return Poll::Ready(Err(Ending::Orderly));
                    }
                    return last_look.as_mut().poll(context).map(Ok);
                }
                grown.as_mut().poll(context).map(Ok)
            })
            .await?;
        }
    }

    /// What is not kept in memory any more is read from the log's files, as far as it is there.
    async fn send_from_disk(&mut self, ear: &mut Ear) -> Result<(), Ending> {
        loop {
            let Some((sent, path, start)) = self.place_on_disk()? else {
                return Ok(());
            };
            let read = read_part(path, sent - start, READ_FROM_DISK).await;
            let part = read.map_err(|error| {
                warn!(%error, "a follower needs a part of the log that cannot be read");
                Ending::Cut
            })?;
            if part.is_empty() {
                // What is in memory no more is soon there.
                tokio::time::sleep(STILL_WRITTEN).await;
            }
            if let Some(frames) = &self.frames {
                let head = frames.head(&self.shell.core.borrow().node, part.len())?;
                self.send(head.as_bytes()).await?;
            }
            self.send(&part).await?;
            self.note_follower(|follower| follower.sent = sent + part.len() as u64);
            let heard = poll_fn(|context| Poll::Ready(self.poll_hear(context, ear))).await;
            // Nothing may have come.
            heard.map(drop)?;
        }
    }

    /// Where the follower's place is in the log's files, if it is not in memory.
    fn place_on_disk(&self) -> Result<Option<(u64, PathBuf, u64)>, Ending> {
        let core = self.shell.core.borrow();
        let replication = &core.node.replication;
        let mut followers = replication.followers().iter();
        let own = followers.find(|follower| follower.client == self.client);
        let sent = own.ok_or(Ending::Cut)?.sent;
        let in_memory = replication.backlog();
        if in_memory.is_some_and(|backlog| backlog.reaches(sent)) {
            return Ok(None);
        }
        let log = self.shell.log.borrow();
        let found = log.as_ref().and_then(|log| log.file_at(sent));
        match found {
            Some((path, start)) => Ok(Some((sent, path, start))),
            None => {
                warn!(
                    client = self.client.id(),
                    "a follower needs what is not kept any more"
                );
                Err(Ending::Cut)
            }
        }
    }

    /// Sends frames as long as there is something to tell; ready when all is told.
    fn poll_send_frames(
        &mut self,
        context: &mut Context<'_>,
        mut frames: Box<Frames>,
    ) -> Result<Poll<()>, Ending> {
        let mut at_once = 0;
        let result = loop {
            if frames.rest().is_empty() {
                let core = &mut *self.shell.core.borrow_mut();
                let node = &mut core.node;
                let follower = node.replication.followers().iter();
                let mut follower = follower.filter(|follower| follower.client == self.client);
                let Some((life, sent)) = follower.next().map(|one| (one.life, one.sent)) else {
                    break Err(Ending::Cut);
                };
                let taken = match frames.next(node, life, sent) {
                    Ok(taken) => taken,
                    Err(ending) => break Err(ending),
                };
                if let Some(follower) = node.replication.follower_mut(self.client) {
                    follower.sent += taken;
                }
                if frames.rest().is_empty() {
                    break Ok(Poll::Ready(()));
                }
            }
            if at_once > SENT_AT_ONCE {
                go_on_later(context);
                break Ok(Poll::Pending);
            }
            match self.socket.poll_write(context, frames.rest()) {
                Poll::Ready(Ok(0)) => break Err(Ending::Gone),
                Poll::Ready(Ok(count)) => {
                    frames.written += count;
                    at_once += count;
                }
                Poll::Ready(Err(error)) => break Err(error.into()),
                Poll::Pending => break Ok(Poll::Pending),
            }
        };
        self.shell.core.borrow_mut().node.stats.output_bytes += at_once as u64;
        self.frames = Some(frames);
        result
    }

    /// Sends what there is; ready when it has all.
    fn poll_send_log(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Ending> {
        if let Some(frames) = self.frames.take() {
            return self.poll_send_frames(context, frames);
        }
        let core = &mut *self.shell.core.borrow_mut();
        let replication = &mut core.node.replication;
        let Some(mut sent) = replication
            .follower_mut(self.client)
            .map(|follower| follower.sent)
        else {
            return Err(Ending::Cut);
        };
        let mut at_once = 0;
        let result = loop {
            let Some(backlog) = replication.backlog().filter(|log| log.reaches(sent)) else {
                warn!(
                    client = self.client.id(),
                    "a follower needs what is not kept any more"
                );
                return Err(Ending::Cut);
            };
            let bytes = backlog.behind(sent);
            let bytes = &bytes[..bytes.len().min(WRITTEN_AT_ONCE)];
            if bytes.is_empty() {
                break Poll::Ready(());
            }
            if at_once > SENT_AT_ONCE {
                go_on_later(context);
                break Poll::Pending;
            }
            match self.socket.poll_write(context, bytes)? {
                Poll::Ready(0) => return Err(Ending::Gone),
                Poll::Ready(count) => {
                    sent += count as u64;
                    at_once += count;
                }
                Poll::Pending => break Poll::Pending,
            }
        };
        if let Some(follower) = replication.follower_mut(self.client) {
            follower.sent = sent;
        }
        core.node.stats.output_bytes += at_once as u64;
        Ok(result)
    }

    /// Takes in what the follower says; ready when there may be more.
    fn poll_hear(&mut self, context: &mut Context<'_>, ear: &mut Ear) -> Result<Poll<()>, Ending> {
        self.understand(ear)?;
        self.input.reserve(READ_BYTES);
        let read = self.socket.poll_read_behind(context, &mut self.input)?;
        match read {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(0) => Err(Ending::Gone),
            Poll::Ready(_) => Ok(Poll::Ready(())),
        }
    }

    fn understand(&mut self, ear: &mut Ear) -> Result<(), Ending> {
        loop {
            ear.batch.clear();
            let scanned = ear.scanner.scan(&mut self.input, &mut ear.batch, MESSAGES);
            for request in ear.batch.requests() {
                let args = ear.batch.args(&self.input, request);
                if let (Some(_), Some(heard)) = (&self.frames, hear(args)) {
                    acknowledge(&self.shell, self.client, &heard);
                }
            }
            let (mut acknowledged, mut on_disk) = (None, 0);
            for request in ear.batch.requests() {
                let (offset, written) = said(ear.batch.args(&self.input, request));
                acknowledged = acknowledged.max(offset);
                on_disk = on_disk.max(written.unwrap_or(0));
            }
            let has_said = !ear.batch.requests().is_empty();
            let finished = ear.scanner.finished_bytes();
            if finished > 0 {
                // Also empty lines, which say that it is still there.
                self.input.drain(..finished);
                ear.scanner.dropped(finished);
                self.note_follower(|follower| {
                    let all = acknowledged.unwrap_or(0);
                    follower.acknowledged = follower.acknowledged.max(all);
                    follower.on_disk = follower.on_disk.max(on_disk);
                });
            }
            if acknowledged.is_some() {
                self.shell.followed.notify_waiters();
            }
            if scanned.is_err() || self.input.len() > MOST_HEARD_BYTES {
                warn!(
                    client = self.client.id(),
                    "cut: says something else than followers do"
                );
                return Err(Ending::Cut);
            }
            if !has_said {
                return Ok(());
            }
        }
    }
}

/// Up to where a follower says that it has the log, and has it on its disk (`REPLCONF ACK offset [FACK offset]`, `NODE ACK …`).
fn said(args: Args<'_>) -> (Option<u64>, Option<u64>) {
    if let Some(heard) = hear(args) {
        return (Some(heard.offset.0), None);
    }
    let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| is_word(arg, word));
    if !(is(0, "replconf") && is(1, "ack")) {
        return (None, None);
    }
    let offset = |at: usize| u64::try_from(parse_integer(args.get(at)?)?).ok();
    let on_disk = offset(4).filter(|_| is(3, "fack"));
    (offset(2), on_disk)
}

/// A member of the same shard has more than before.
fn acknowledge(shell: &Shell, client: ClientKey, heard: &Acknowledgement) {
    let core = &mut *shell.core.borrow_mut();
    let end = Offset(core.node.replication.offset());
    let follower = core.node.replication.follower_mut(client);
    let (Some(replica), Some(follower)) = (core.node.member.replica_mut(), follower) else {
        return;
    };
    if follower.life != Some(heard.follower) {
        // It has thrown its copy away for this one.
        if let Some(before) = follower.life.replace(heard.follower) {
            replica.left(before);
        }
        replica.connected(heard.follower);
    }
    replica.acknowledged(heard, end);
    shell.commit(core);
}

/// What a member of the same shard is answered: how it gets the log, and in which life it asks.
fn answer_member(
    node: &mut NodeState,
    number: OrderNumber,
) -> Result<(Feeding, Incarnation), ErrorReply> {
    let mut ask = node.member.ask(number).ok_or(ErrorReply::Syntax)?;
    if let Some(shard) = node.member.shard().filter(|shard| **shard != ask.shard) {
        return Err(ErrorReply::BelongsTo(shard.to_string().into()));
    }
    let replication = &node.replication;
    let end = Offset(replication.offset());
    // What no epoch names is told apart by the log's name.
    let is_nameless = |position: &Position| {
        position.last_epoch == Epoch(0)
            && position.offset > Offset(0)
            && replication.feeding(ask.log.as_bytes(), Some(position.offset.0)) == Feeding::Full
    };
    if ask.handshake.position.as_ref().is_some_and(is_nameless) {
        ask.handshake.position = None;
    }
    let epochs = node.member.epochs().clone();
    let life = node.member.incarnation();
    let replica = node.member.replica_mut().ok_or(ErrorReply::OtherRole)?;
    let (seen_epoch, seen_rev) = (replica.seen_epoch(), replica.seen_rev());
    if ask.handshake.leader != life {
        return Err(ErrorReply::StaleLife(life.0));
    }
    let sync = replica
        .answer(&ask.handshake, &epochs, end)
        .ok_or(ErrorReply::StaleEpoch(seen_epoch.0, seen_rev.0))?;
    let feeding = match sync {
        Sync::Continue(offset) if node.replication.keeps(offset.0) => Feeding::Continue(offset.0),
        Sync::Continue(_) | Sync::Full => Feeding::Full,
    };
    match feeding {
        Feeding::Continue(_) => node.stats.partial_syncs += 1,
        _ => node.stats.full_syncs += 1,
    }
    Ok((feeding, ask.handshake.follower))
}

/// What the log will go on with for this follower is kept from now on; how the log is called.
fn pin_log(shell: &Shell, client: ClientKey, offset: u64) -> String {
    let replication = &mut shell.core.borrow_mut().node.replication;
    if let Some(follower) = replication.follower_mut(client) {
        follower.state = FollowerState::Copies;
        follower.sent = offset;
    }
    replication.id().to_owned()
}

/// Whether nobody is left but those who follow.
fn others_have_gone(shell: &Shell) -> bool {
    let core = shell.core.borrow();
    let mut clients = core.node.clients.iter();
    clients.all(|client| client.traffic.waits == Some(WaitsFor::Log))
}

/// The host of `host:port`.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
