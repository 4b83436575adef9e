//! What a leader sends: its keys, then its log, which is applied, kept and acknowledged as it comes.
//! Never: lets anything else change the keyspace meanwhile. Invariants: what is kept as this node's log are the leader's own bytes, and they have been applied; a unit
//! is seen by clients as a whole or not at all.

use super::copy::Copy;
use super::frames::Frames;
use super::handshake::{self, Asked, Begin, LinkError, Me};
use super::{failover, random_id, random_life};
use crate::client::{Identity, Session};
use crate::execute::{Asked as AskedCommand, BATCH_REQUESTS, Origin, Stop, Turn, Window};
use crate::loading::{is_message, is_passed_by};
use crate::log::{Next, Stream, epoch_of_mark};
use crate::node_state::{Link, MOST_QUEUED_BYTES, NodeState, Place};
use crate::shell::{Core, Following, Shell};
use crate::store::DbIndex;
use bytes::BufMut as _;
use protocol::{Batch, Duty, Offset, Sync};
use shared::backoff::Backoff;
use shared::resp::{Args, encode_request};
use shared::throttle::Throttle;
use shared::topology::{Epoch, NodeId};
use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tracing::{error, info, warn};

/// Pauses after connections that broke, or leaders that did not lead yet.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a leader is told how far this node is, though nothing has come.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// How long a slice of the work holds the thread, ns.
const SLICE_NS: u64 = 500_000;
/// So many bytes of a unit are held whatever the settings say.
const LEAST_UNIT_BYTES: usize = 1 << 30;
/// Bytes read at once: they are moved and looked at in a tenth of a millisecond.
const READ_BYTES: usize = 256 * 1024;
/// When so many have come, others have their turn before the next are read.
const MUCH_BYTES: usize = 64 * 1024;

/// Begins to follow.
pub(super) fn start(shell: &Rc<Shell>, place: Place) -> Following {
    let applier = Rc::new(RefCell::new(Applier::new(shell)));
    let task = follow(Rc::clone(shell), place, Rc::clone(&applier));
    Following {
        task: tokio::task::spawn_local(task).abort_handle(),
        finish: Rc::new(move |shell| applier.borrow_mut().finish(shell)),
    }
}

/// Follows for ever.
async fn follow(shell: Rc<Shell>, place: Place, applier: Rc<RefCell<Applier>>) {
    let mut pauses = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
    loop {
        let Err(failed) = follow_once(&shell, &place, &applier).await;
        applier.borrow_mut().finish(&shell);
        {
            let now_ms = shell.clock.wall_ms();
            let core = &mut *shell.core.borrow_mut();
            let leader = core.node.replication.leader();
            if leader.is_some_and(|leader| leader.link == Link::Connected) {
                pauses.reset();
            }
            core.node.replication.set_link(Link::Connect, now_ms);
            core.node.replication.is_within_unit = false;
            core.node.replication.held_bytes = 0;
            static BROKEN: Throttle = Throttle::new();
            if let Some(left_out) = BROKEN.admit(now_ms) {
                let (leader, port) = (&place.host, place.port);
                warn!(%leader, port, reason = %failed, left_out, "the leader's log is not had; it is asked again");
            }
        }
        shell.unheld.notify_waiters();
        applier.borrow_mut().stream = Stream::new();
        let dice = RandomState::new().hash_one(0);
        tokio::time::sleep(pauses.after_failure(dice)).await;
    }
}

async fn follow_once(
    shell: &Shell,
    place: &Place,
    applier: &RefCell<Applier>,
) -> Result<std::convert::Infallible, LinkError> {
    let (me, mut settings) = {
        let now_ms = shell.clock.wall_ms();
        let core = &mut *shell.core.borrow_mut();
        core.node.replication.set_link(Link::Connecting, now_ms);
        let replication = &core.node.replication;
        let me = Me {
            port: core.node.identity.port,
            id: replication.id().to_owned(),
            offset: replication.offset(),
            hands_over: replication
                .failover
                .as_ref()
                .is_some_and(|failover| failover.is_in_progress),
        };
        (me, core.node.settings.hot.replication.clone())
    };
    let question = question(&shell.core.borrow(), &me)?;
    if question.is_some() && settings.leader_password.is_empty() {
        // Members of a shard are asked by the same proxies with the same password.
        settings.leader_password = shell.core.borrow().node.settings.hot.password.clone();
    }
    let asked = handshake::ask(place, &me, question.as_deref(), &settings).await;
    failover::answered(shell, &asked);
    let Asked {
        mut stream,
        begin,
        mut rest,
    } = asked?;
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
            let loaded;
            (rest, loaded) = copy.take(&mut stream, rest).await?;
            applier.borrow_mut().session.db = copy.end(id, offset, &loaded)?;
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
        told_on_disk: 0,
        patience,
    };
    apply_all(applier, shell, &mut voice).await
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

/// What is said to the leader.
struct Voice {
    stream: TcpStream,
    /// Of a leader of the same shard.
    frames: Option<Frames>,
    /// What came and was not looked at.
    heard: Vec<u8>,
    unsaid: Vec<u8>,
    /// The leader has been told that this node has so much of its log on disk.
    told_on_disk: u64,
    patience: Duration,
}

impl Voice {
    /// Says how far this node is, as far as it goes; what does not go now goes before what is said next.
    fn say(&mut self, node: &NodeState, on_disk: Option<u64>) -> io::Result<()> {
        if self.unsaid.is_empty() && !self.put_into_words(node, on_disk) {
            return Ok(());
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

impl Voice {
    /// What is said next; `false`: nothing, for the leader is not followed any more.
    fn put_into_words(&mut self, node: &NodeState, on_disk: Option<u64>) -> bool {
        let offset = node.replication.offset();
        if let Some(frames) = &self.frames {
            let replica = node.member.replica();
            let heard =
                replica.and_then(|replica| replica.acknowledge(Offset(offset), frames.confirms));
            let Some(heard) = heard else {
                return false;
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
        }
        if self.frames.is_some() && on_disk.is_none() {
            return true;
        }
        let mut words = vec!["REPLCONF".to_owned(), "ACK".to_owned(), offset.to_string()];
        if let Some(on_disk) = on_disk {
            self.told_on_disk = on_disk;
            words.extend(["FACK".to_owned(), on_disk.to_string()]);
        }
        encode_request(&mut self.unsaid, words.iter().map(String::as_bytes));
        true
    }

    /// Waits until more has come, or more is on disk here, or it is time to speak again.
    async fn listen(
        &mut self,
        shell: &Shell,
        heard: &mut tokio::time::Instant,
    ) -> Result<(), LinkError> {
        let time_to_speak = tokio::time::sleep(SAY_EVERY);
        let mut time_to_speak = pin!(time_to_speak);
        // A follower is behind by much, or will be: it reads much at once, and says and syncs that once.
        self.heard.reserve(READ_BYTES);
        let mut room = (&mut self.heard).limit(READ_BYTES);
        loop {
            tokio::select! {
                read = self.stream.read_buf(&mut room) => {
                    if read? == 0 {
                        return Err(LinkError::Closed);
                    }
                    *heard = tokio::time::Instant::now();
                    let now_ms = shell.clock.wall_ms();
                    shell.core.borrow_mut().node.replication.heard(now_ms);
                    return Ok(());
                }
                () = shell.log_reached.notified() => {
                    if shell.on_disk().is_some_and(|on_disk| on_disk > self.told_on_disk) {
                        return Ok(());
                    }
                }
                () = &mut time_to_speak => {
                    // It speaks when its own tick comes.
                    if heard.elapsed() > self.patience + SAY_EVERY {
                        return Err(LinkError::Silent);
                    }
                    return Ok(());
                }
            }
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

    /// What has come of the log goes where it is applied from.
    fn understand(&mut self, shell: &Shell, voice: &mut Voice) -> Result<(), LinkError> {
        if voice.heard.is_empty() {
            return Ok(());
        }
        let room = self.stream.room(voice.heard.len());
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

    /// Nothing more comes: of what is one, and has been applied in part, the rest is applied. Where that cannot be, what is here is no copy any more.
    fn finish(&mut self, shell: &Shell) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if !pending.is_unit || pending.next == pending.unkept.start {
            return;
        }
        self.pending = Some(pending);
        let core = &mut *shell.core.borrow_mut();
        core.store.stand_still();
        core.node.now_us = 0;
        core.node.applied_at_ms = shell.clock.wall_ms();
        let applied = self.apply_pending(core, || false);
        if matches!(applied, Ok(Applied::All)) {
            self.keep(shell, core);
            return;
        }
        self.pending = None;
        error!(
            "a part of a transaction is here, and its rest is not: the leader's keys are copied anew"
        );
        if let Some(replica) = core.node.member.replica_mut() {
            replica.tear();
        }
        if let Ok(id) = random_id() {
            core.node.replication.forget_log(id);
        }
    }

    fn slice(&mut self, shell: &Shell) -> Result<Applied, LinkError> {
        let core = &mut *shell.core.borrow_mut();
        // Keys end when the leader says so.
        core.store.stand_still();
        core.node.now_us = 0;
        core.node.applied_at_ms = shell.clock.wall_ms();
        let watch = core.executor.watch().clone();
        let began = watch.read();
        loop {
            if self.pending.is_none() {
                // A small request may have large effects: less than this is never refused, or the leader would be asked for it for ever.
                let limit = core.node.settings.hot.input_limit_bytes;
                let most_unit_bytes = limit.max(LEAST_UNIT_BYTES);
                let next = self.stream.find(most_unit_bytes);
                core.node.replication.held_bytes = self.stream.memory_bytes() as u64;
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
            // Others may read here, and wait for more.
            shell.record(core);
            shell.send_out(core);
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
            let bytes = self.stream.bytes(kept);
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
        loop {
            let next = match &self.pending {
                Some(pending) if pending.next < pending.unkept.end => {
                    let last = pending.next.saturating_add(BATCH_REQUESTS);
                    pending.next..last.min(pending.unkept.end)
                }
                _ => return Ok(Applied::All),
            };
            let args_of = |nth: usize| self.stream.args(next.start + nth);
            let db = self.session.db;
            let window = (core.executor).ask_ahead(&core.store, db, next.len(), args_of);
            let applied = self.apply_window(core, &window, next, &is_late);
            core.executor.give_back(window);
            match applied? {
                Applied::All => {}
                applied => return Ok(applied),
            }
        }
    }

    /// Applies commands of which memory has been asked for what they need.
    fn apply_window(
        &mut self,
        core: &mut Core,
        window: &Window,
        commands: Range<usize>,
        is_late: impl Fn() -> bool,
    ) -> Result<Applied, LinkError> {
        let Some(pending) = &mut self.pending else {
            return Ok(Applied::All);
        };
        for (nth, number) in commands.enumerate() {
            let args = self.stream.args(number);
            if let Some(epoch) = epoch_of_mark(args) {
                pending.epochs.push((number, epoch));
            } else if is_message(args) || !is_passed_by(args) {
                let (row, hashes) = window.of(nth);
                let mut turn = Turn {
                    store: &mut core.store,
                    node: &mut core.node,
                    identity: &self.identity,
                    session: &mut self.session,
                    now_ms: 0,
                };
                let asked = AskedCommand {
                    args,
                    hashes,
                    request_bytes: self.stream.request_bytes(number),
                };
                self.reply.clear();
                let executor = &mut core.executor;
                let reply = &mut self.reply;
                let db = turn.session.db;
                let buffer = self.stream.buffer(number);
                if let Some(buffer) = buffer {
                    turn.store.offer(db, Arc::clone(buffer));
                }
                let stop = executor.perform(&mut turn, Origin::Leader, row, asked, reply);
                if buffer.is_some() {
                    turn.store.withdraw(db);
                }
                if let Stop::NotYet(_) = stop {
                    return Ok(Applied::Waits);
                }
                if turn.store.has_news() {
                    turn.tell_news();
                }
                if reply.starts_with(b"-") {
                    refused(core, args, reply)?;
                }
            }
            pending.next = number + 1;
            if is_late() {
                let is_over = pending.next == pending.unkept.end;
                return Ok(if is_over { Applied::All } else { Applied::Some });
            }
        }
        Ok(Applied::All)
    }
}

/// A command of the leader that cannot be carried out here: the keys are not the same. A member of a shard is no copy then; others go on, as Redis does, and say so.
fn refused(core: &mut Core, args: Args<'_>, reply: &[u8]) -> Result<(), LinkError> {
    let name = args.get(0).unwrap_or_default().escape_ascii();
    let said = String::from_utf8_lossy(&reply[1..]);
    let reason = format!("{name}: {}", said.trim_end());
    if let Some(replica) = core.node.member.replica_mut() {
        replica.tear();
        return Err(LinkError::Broken(reason));
    }
    let heard_ms = core
        .node
        .replication
        .leader()
        .map_or(0, |leader| leader.heard_ms);
    static REFUSED: Throttle = Throttle::new();
    if let Some(left_out) = REFUSED.admit(heard_ms) {
        error!(%reason, left_out, "a command of the leader fails here: the keys are not the same as there; to copy them anew, REPLICAOF NO ONE and follow again");
    }
    Ok(())
}

async fn apply_all(
    applier: &RefCell<Applier>,
    shell: &Shell,
    voice: &mut Voice,
) -> Result<std::convert::Infallible, LinkError> {
    let mut heard = tokio::time::Instant::now();
    loop {
        applier.borrow_mut().understand(shell, voice)?;
        apply_whole(applier, shell).await?;
        // What is acknowledged is as safe as it is to be.
        shell.recorded(true).await;
        if shell.log_counts() {
            voice.say(&shell.core.borrow().node, shell.on_disk())?;
        }
        voice.listen(shell, &mut heard).await?;
        if voice.heard.len() >= MUCH_BYTES {
            // More may be there already, for as long as a long value comes.
            tokio::task::yield_now().await;
        }
    }
}

/// Applies all that is whole of what has come.
async fn apply_whole(applier: &RefCell<Applier>, shell: &Shell) -> Result<(), LinkError> {
    loop {
        let unheld = shell.unheld.notified();
        let applied = applier.borrow_mut().slice(shell)?;
        match applied {
            Applied::All => break,
            Applied::Some => tokio::task::yield_now().await,
            Applied::Waits => unheld.await,
        }
    }
    shell.unheld.notify_waiters();
    // A disk that is slower than the leader is waited for.
    loop {
        let reached = shell.log_reached.notified();
        shell.hand_over_log();
        let queued = shell.core.borrow().node.persistence.log_queued_bytes;
        if queued <= MOST_QUEUED_BYTES {
            return Ok(());
        }
        reached.await;
    }
}
