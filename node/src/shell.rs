//! What all tasks of a node share: the keyspace, the state, the buffers that every turn uses anew.
//! One thread, so `RefCell`s and no locks. Invariant: nothing here stays borrowed across an await.

use crate::client::{Client, Identity, Offset, Session, Until};
use crate::commands::FinalSave;
use crate::commands::{
    Release, forget_transaction, forget_waiting, forget_watched, release, stop_tracking,
};
use crate::departures::Departures;
use crate::disk::{
    Begin, DataFolder, Disk, Files, LogWriter, Recording, Syncing, SystemDisk, log_folder,
};
use crate::execute::{Executor, Turn};
use crate::log::Manifest;
use crate::node_state::{ClientKey, NodeState, Seen};
use crate::settings::Start;
use crate::store::{Pieces, Store};
use protocol::Replica;
use shared::clock::{Clock, Stopwatch};
use shared::command;
use shared::resp::{Args, Protocol, RequestBatch};
use shared::topology::Epoch;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;

/// Bytes that one read may bring: a deep pipeline fits, and so does the second cache.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;
/// Where the log is in the node's folder, and how the names of its files begin (`appenddirname`, `appendfilename`).
pub(crate) const LOG_FOLDER: &str = "appendonlydir";
pub(crate) const LOG_PREFIX: &str = "appendonly.aof";
/// Room for replies kept between turns; more is given back after a large one.
const KEPT_OUTPUT_BYTES: usize = 1024 * 1024;
/// Buffers kept besides, for clients whose replies leave together: as many as the runtime lets run between two looks at the sockets.
const SPARE_OUTPUTS: usize = 64;
/// The largest of them, bytes.
const SPARE_OUTPUT_BYTES: usize = 16 * 1024;

/// The commands' world: what a turn borrows as a whole.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) node: NodeState,
    pub(crate) executor: Executor,
}

/// Buffers that belong to nobody between two turns.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Every connection reads into this one, and keeps only what is incomplete.
    pub(crate) input: Vec<u8>,
    /// The requests found in it.
    pub(crate) batch: RequestBatch,
    /// Their replies, until they are written.
    pub(crate) output: Vec<u8>,
    /// Empty buffers for the replies of others, none large.
    spare_outputs: Vec<Vec<u8>>,
}

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; SCRATCH_BYTES],
            batch: RequestBatch::default(),
            output: Vec::new(),
            spare_outputs: Vec::with_capacity(SPARE_OUTPUTS),
        }
    }

    /// Sees to it that `output` has room, if there is any to be had: the last one may still be with replies that have not been written.
    #[inline]
    pub(crate) fn provide_output(&mut self) {
        if self.output.capacity() == 0 {
            self.output = self.spare_outputs.pop().unwrap_or_default();
        }
    }

    /// Keeps a buffer of replies that have been written for the next ones; of a large one, a part.
    pub(crate) fn keep_output(&mut self, mut buffer: Vec<u8>) {
        if self.output.capacity() == 0 {
            buffer.clear();
            buffer.shrink_to(KEPT_OUTPUT_BYTES);
            self.output = buffer;
        } else if self.spare_outputs.len() < SPARE_OUTPUTS
            && buffer.capacity() <= SPARE_OUTPUT_BYTES
        {
            buffer.clear();
            self.spare_outputs.push(buffer);
        }
    }
}

/// A task that follows a leader.
pub(crate) struct Following {
    pub(crate) task: AbortHandle,
    /// Applies the rest of what is one, when its beginning has been.
    pub(crate) finish: Rc<dyn Fn(&Shell)>,
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Following").finish_non_exhaustive()
    }
}

/// What all tasks of a node share.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) core: RefCell<Core>,
    pub(crate) scratch: RefCell<Scratch>,
    pub(crate) clock: Clock,
    /// Sockets to be closed.
    pub(crate) departures: Rc<Departures>,
    /// Connections by the numbers of their clients, to cut them.
    tasks: RefCell<HashMap<u64, AbortHandle>>,
    /// A connection has ended.
    pub(crate) left: Notify,
    /// The pause is another one, or over.
    pub(crate) pause_changed: Notify,
    /// A command over many keys is over.
    pub(crate) unheld: Notify,
    /// SHUTDOWN was called.
    pub(crate) shutdown: Notify,
    /// Whether it is to save what has changed.
    pub(crate) final_save: Cell<FinalSave>,
    /// A snapshot has come to its end, good or bad.
    pub(crate) saved: Notify,
    /// Where files are.
    pub(crate) disk: Arc<dyn Disk>,
    /// The node's own folder, if it keeps data.
    pub(crate) folder: Option<DataFolder>,
    /// The log, if there is one.
    pub(crate) log: RefCell<Option<Recording>>,
    /// Something is recorded that the thread that writes it has not got.
    pub(crate) log_pending: Notify,
    /// That thread has come further.
    pub(crate) log_progress: Arc<Notify>,
    /// Who waited for it has been let go.
    pub(crate) log_reached: Notify,
    /// More has been sent to clients than was let out at once.
    pub(crate) messages: Notify,
    /// There is more of the log, for followers.
    pub(crate) log_grown: Notify,
    /// A follower has more than before, or has gone.
    pub(crate) followed: Notify,
    /// What follows this node's leader, if it has one.
    pub(crate) following: RefCell<Option<Following>>,
    /// One more per order to follow somebody, or nobody: who has waited looks whether its own is still the last.
    pub(crate) follow_orders: Cell<u64>,
    /// One more per order to hold.
    pub(crate) holds: Cell<u64>,
    /// Held while the settings are written to their file.
    pub(crate) rewriting: Mutex<()>,
    stopping: Cell<bool>,
    /// With what the node started.
    pub(crate) start: Start,
}

impl Shell {
    pub(crate) fn new(start: Start, store: Store, node: NodeState, clock: Clock) -> Self {
        Self {
            core: RefCell::new(Core {
                store,
                node,
                executor: Executor::new(Stopwatch::new()),
            }),
            scratch: RefCell::new(Scratch::new()),
            clock,
            departures: Rc::new(Departures::new()),
            tasks: RefCell::new(HashMap::new()),
            left: Notify::new(),
            pause_changed: Notify::new(),
            unheld: Notify::new(),
            shutdown: Notify::new(),
            final_save: Cell::new(FinalSave::IfUsual),
            saved: Notify::new(),
            disk: Arc::new(SystemDisk),
            folder: None,
            log: RefCell::new(None),
            log_pending: Notify::new(),
            log_progress: Arc::new(Notify::new()),
            log_reached: Notify::new(),
            messages: Notify::new(),
            log_grown: Notify::new(),
            followed: Notify::new(),
            following: RefCell::new(None),
            follow_orders: Cell::new(0),
            holds: Cell::new(0),
            rewriting: Mutex::new(()),
            stopping: Cell::new(false),
            start,
        }
    }

    /// Remembers how to cut a client.
    pub(crate) fn register(&self, client_id: u64, task: AbortHandle) {
        self.tasks.borrow_mut().insert(client_id, task);
    }

    /// A client has gone.
    pub(crate) fn leave(&self, key: ClientKey) {
        self.tasks.borrow_mut().remove(&key.id());
        {
            let core = &mut *self.core.borrow_mut();
            forget_waiting(&mut core.store, &mut core.node, key);
            let session = core.node.clients.at(key).session.take();
            if let Some(mut session) = session {
                forget_transaction(&mut core.node, &mut session);
                forget_watched(&mut core.store, &mut core.node, &mut session, key.id());
            }
            core.node.leave(key);
            stop_tracking(&mut core.store, &mut core.node, key.id());
            self.send_out(core);
        }
        self.left.notify_one();
    }

    /// Cuts the clients that a command or a tick condemned. Their tasks end at their next await, so nobody is cut in the middle of a turn.
    pub(crate) fn cut(&self, condemned: &[u64]) {
        let tasks = self.tasks.borrow();
        for task in condemned.iter().filter_map(|id| tasks.get(id)) {
            task.abort();
        }
    }

    /// Runs `work` with a client's session, which is out of the registry meanwhile.
    pub(crate) fn with_client<T>(
        &self,
        key: ClientKey,
        work: impl FnOnce(&mut Executor, &mut Turn<'_>) -> T,
    ) -> T {
        let (identity, mut session) = {
            let clients = &mut self.core.borrow_mut().node.clients;
            let identity = Rc::clone(&clients.at(key).identity);
            (identity, clients.take_session(key))
        };
        let result = self.with_turn(&identity, &mut session, work);
        self.core.borrow_mut().node.clients.put_back(key, session);
        result
    }

    /// Runs `work` with a session that is not in the registry.
    pub(crate) fn with_turn<T>(
        &self,
        identity: &Identity,
        session: &mut Session,
        work: impl FnOnce(&mut Executor, &mut Turn<'_>) -> T,
    ) -> T {
        let core = &mut *self.core.borrow_mut();
        core.node.now_us = self.clock.wall_us();
        let now_ms = core.node.now_us / 1_000;
        core.store.set_now(now_ms);
        let mut turn = Turn {
            store: &mut core.store,
            node: &mut core.node,
            identity,
            session,
            now_ms,
        };
        let result = work(&mut core.executor, &mut turn);
        if turn.store.has_news() {
            turn.tell_news();
        }
        if turn.node.tracking.has_broadcasts() {
            let caller = (identity.id, &*turn.session);
            turn.node.broadcast_changes(Some(caller));
        }
        self.record(core);
        let clients = &mut core.node.clients;
        if clients.take_ended_waiting() {
            self.followed.notify_waiters();
        }
        if clients.has_own_messages() {
            let own = clients.take_own_messages();
            clients.send(identity.id, &own);
        }
        self.send_out(core);
        result
    }

    /// Who waited for what has been changed since the last time is served, it goes into the log, and who was served is answered.
    #[inline]
    pub(crate) fn record(&self, core: &mut Core) {
        tell_news(core);
        if core.node.blocked.is_any() {
            self.serve(core);
            return;
        }
        self.record_changes(core);
    }

    /// Serves those who wait for a key, and sends their answers.
    #[inline(never)]
    fn serve(&self, core: &mut Core) {
        let now_ms = self.clock.wall_ms();
        core.node.blocked.look_again();
        core.executor.serve(&mut core.store, &mut core.node, now_ms);
        tell_news(core);
        let before = self.log_end();
        self.record_changes(core);
        for answer in core.node.blocked.take_answers() {
            let Some(client) = core.node.clients.get_mut(answer.client) else {
                continue;
            };
            client.is_parting |= answer.closes;
            let at = client.outbox.reply_late(&answer.reply);
            core.node.stats.output_bytes += answer.reply.len() as u64;
            // Exactly as if the command had come at this moment.
            let end = if answer.writes { before } else { u64::MAX };
            self.hold_replies_of(core, answer.client, at, end);
            hold_for_followers_of(core, answer.client, at);
        }
    }

    /// The client's waiting is over.
    pub(crate) fn release_waiting(&self, client: ClientKey, why: Release) {
        let core = &mut *self.core.borrow_mut();
        release(&mut core.store, &mut core.node, client, why);
        self.serve(core);
    }

    /// The node is something else from now on: nobody waits any more for keys that it had.
    pub(crate) fn release_all_waiting(&self) {
        let core = &mut *self.core.borrow_mut();
        for client in core.node.blocked.clients() {
            release(
                &mut core.store,
                &mut core.node,
                client,
                Release::RoleChanged,
            );
        }
        self.record(core);
    }

    #[inline]
    fn record_changes(&self, core: &mut Core) {
        if core.store.effects().is_recording() {
            self.record_now(core);
        }
    }

    #[inline(never)]
    fn record_now(&self, core: &mut Core) {
        let bytes = core.store.take_effects();
        let is_in_unit = core.store.effects().is_within_unit();
        self.append(core, bytes, is_in_unit);
        if let Some(written) = core.store.take_written_slots()
            && let Some(writes) = core.node.member.slot_writes_mut()
        {
            let end = core.node.replication.offset();
            let all = written.all.then_some(Seen::All);
            let slots = written.slots.into_iter().map(Seen::Slot);
            all.into_iter()
                .chain(slots)
                .for_each(|seen| writes.wrote(seen, end));
        }
    }

    /// Where the last write to each slot ends is known as long as the node leads a shard and somebody waits for its followers.
    pub(crate) fn look_after_slot_writes(&self, core: &mut Core) {
        let member = &core.node.member;
        let leads = member.replica().and_then(Replica::serving_epoch).is_some();
        let waits = |client: &Client| {
            let session = client.session.as_ref();
            session.is_some_and(|session| session.waits_for_followers)
        };
        let is_wanted = leads && core.node.clients.iter().any(waits);
        if is_wanted == core.node.member.slot_writes_mut().is_some() {
            return;
        }
        // What is not in the log yet was written before this began.
        self.record(core);
        core.store.note_written_slots(is_wanted);
        match is_wanted {
            true => {
                let end = core.node.replication.offset();
                core.node.member.begin_slot_writes(end);
            }
            false => core.node.member.end_slot_writes(),
        }
    }

    /// The log goes on with these bytes; `is_in_unit`: what they end with is a part of something that is one.
    pub(crate) fn append(&self, core: &mut Core, bytes: Pieces, is_in_unit: bool) {
        // Those who feed followers and the thread that writes have the same.
        let bytes = bytes.shared();
        let is_new = !bytes.is_empty();
        core.node.replication.note_unit(is_in_unit);
        if is_new {
            core.node.replication.append(&bytes);
            let end = core.node.replication.offset();
            core.node.member.appended(end);
            self.log_grown.notify_waiters();
        }
        if let Some(log) = &mut *self.log.borrow_mut() {
            log.append(bytes, is_in_unit);
            if is_new {
                // Also where it has been handed over: how much waits is looked at then.
                self.log_pending.notify_one();
            }
        }
    }

    /// The thread that writes the log gets what all turns since the last time have recorded.
    pub(crate) fn hand_over_log(&self) {
        if let Some(log) = &mut *self.log.borrow_mut() {
            let persistence = &mut self.core.borrow_mut().node.persistence;
            persistence.log_queued_bytes = log.hand_over();
            persistence.settle();
        }
    }

    /// Where the log ends; 0 where there is none.
    pub(crate) fn log_end(&self) -> u64 {
        self.log.borrow().as_ref().map_or(0, Recording::end)
    }

    /// What a client has been answered from byte `at` of its waiting replies on, since the log ended at `end`, goes out when all that has been recorded is safe.
    pub(crate) fn hold_replies(&self, client: ClientKey, at: usize, end: u64) {
        self.hold_replies_of(&mut self.core.borrow_mut(), client, at, end);
    }

    fn hold_replies_of(&self, core: &mut Core, client: ClientKey, at: usize, end: u64) {
        let mut log = self.log.borrow_mut();
        let Some(log) = log.as_mut() else {
            return;
        };
        // What CONFIG SET has just said holds for what comes next.
        let sync = Syncing::of(&core.node.settings.hot.append_sync);
        log.set_sync(sync);
        // While nobody waits for it nothing is changed but by time: keys that are over, what is remembered of a count.
        let changed = log.end() > end && log.given_up_since().is_none();
        if let Some(until) = log.reply_waits(changed) {
            let clients = &mut core.node.clients;
            clients
                .at(client)
                .outbox
                .hold_since(at, Until::Offset(until));
            log.note_waiting(until, client);
        }
    }

    /// What a client that waits for followers has been answered in this turn goes out when they have what it tells of.
    pub(crate) fn hold_for_followers(&self, client: ClientKey) {
        let NodeState {
            member,
            clients,
            replication,
            ..
        } = &mut self.core.borrow_mut().node;
        if member.seen.is_empty() {
            return;
        }
        let end = replication.offset();
        let in_registry = clients.at(client);
        let session = in_registry.session.as_ref();
        let mut asks = session.is_some_and(|session| session.reads_linearizable);
        let outbox = &mut in_registry.outbox;
        let mut seen = std::mem::take(&mut member.seen);
        let mut held = None;
        for (at, seen) in seen.take() {
            if std::mem::take(&mut asks) {
                // What nobody can be asked is told to nobody.
                let number = member.ask_for_read().unwrap_or(u64::MAX);
                if member.confirmed() < number {
                    outbox.hold_since(at, Until::Confirmed(number));
                    member.note_reading(number, client);
                    self.log_grown.notify_waiters();
                }
            }
            let needed = member.needed(seen, end);
            // What stands behind waits with it in any case.
            if held < Some(needed) && member.waits(needed) {
                outbox.hold_since(at, Until::Commit(Offset(needed)));
                member.note_waiting(needed, client);
                held = Some(needed);
            }
        }
        member.seen = seen;
    }

    /// Lets clients go whose replies have waited for followers as long as they must.
    pub(crate) fn commit(&self, core: &mut Core) {
        self.followed.notify_waiters();
        let (commit, released) = core.node.member.released();
        for client in released {
            if let Some(client) = core.node.clients.get_mut(client) {
                client.outbox.committed(Offset(commit));
            }
        }
        let (confirmed, released) = core.node.member.released_reads();
        for client in released {
            if let Some(client) = core.node.clients.get_mut(client) {
                client.outbox.confirmed(confirmed);
            }
        }
    }

    /// Waits until followers have what a command that has just been carried out tells of, if this client wants that; `false` where the node leads no more at the epoch of the client's pipe: then there is no reply.
    pub(crate) async fn on_followers(&self, session: &Session, args: Args<'_>) -> bool {
        if !session.waits_for_followers {
            return true;
        }
        let end = self.needed(args);
        let mut question = None;
        loop {
            let followed = self.followed.notified();
            {
                let member = &mut self.core.borrow_mut().node.member;
                let leads = member.replica().and_then(Replica::serving_epoch);
                if leads != Some(Epoch(session.fence_epoch)) {
                    return false;
                }
                if session.reads_linearizable && question.is_none() {
                    question = member.ask_for_read();
                    self.log_grown.notify_waiters();
                }
                let is_confirmed = !session.reads_linearizable
                    || question.is_some_and(|number| number <= member.confirmed());
                if is_confirmed && !member.waits(end) {
                    return true;
                }
            }
            followed.await;
        }
    }

    /// Up to where followers must have the log before somebody is told of what this command, which is over, has seen.
    fn needed(&self, args: Args<'_>) -> u64 {
        let node = &self.core.borrow().node;
        let end = node.replication.offset();
        let Ok(spec) = command::resolve(args) else {
            return end;
        };
        let mut needed = 0;
        Seen::of(spec, args, |seen| {
            needed = needed.max(node.member.needed(seen, end));
        });
        needed
    }

    /// Waits until all that has been recorded is safe, if replies wait for that, also those of commands that `changed` nothing.
    pub(crate) async fn recorded(&self, changed: bool) {
        loop {
            let reached = self.log_reached.notified();
            match self.log.borrow().as_ref() {
                Some(log) if log.reply_waits(changed).is_some() => {}
                _ => return,
            }
            reached.await;
        }
    }

    /// The same for one whose client is cut where that takes too long: then `false`. One that began when nobody waited any more (`given_up`: see [`Recording::given_up_since`]) has changed nothing.
    pub(crate) async fn recorded_or_given_up(&self, changed: bool, given_up: Option<u64>) -> bool {
        loop {
            let reached = self.log_reached.notified();
            match self.log.borrow().as_ref() {
                Some(log) if log.reply_waits(changed).is_none() => return true,
                Some(log) if log.is_given_up => return log.given_up_since() == given_up,
                Some(_) => {}
                None => return true,
            }
            reached.await;
        }
    }

    /// See [`Recording::given_up_since`].
    pub(crate) fn given_up_since(&self) -> Option<u64> {
        self.log.borrow().as_ref()?.given_up_since()
    }

    /// Up to where the log is on disk; `None` where there is none that counts.
    pub(crate) fn on_disk(&self) -> Option<u64> {
        self.log.borrow().as_ref().and_then(Recording::on_disk)
    }

    /// Whether what is recorded counts, where there is a log on disk that replies wait for.
    pub(crate) fn log_counts(&self) -> bool {
        let is_wanted = self.folder.is_some() && self.core.borrow().node.settings.hot.append_only;
        match self.log.borrow().as_ref() {
            Some(log) => log.counts(),
            None => !is_wanted,
        }
    }

    /// Lets clients go whose replies have waited for the log as long as they must.
    pub(crate) fn release(&self, core: &mut Core) {
        let mut log = self.log.borrow_mut();
        let Some(log) = log.as_mut() else {
            return;
        };
        let (reached, released) = log.released();
        for client in released {
            if let Some(client) = core.node.clients.get_mut(client) {
                client.outbox.reached(reached);
            }
        }
        let persistence = &mut core.node.persistence;
        persistence.log_failure = log.failure();
        persistence.log_queued_bytes = log.queued_bytes();
        persistence.settle();
    }

    /// Lets all clients go that wait for the log.
    pub(crate) fn release_all(&self, core: &mut Core) {
        core.node
            .clients
            .each(|client| client.outbox.reached(Offset(u64::MAX)));
    }

    /// A log without files begins; a rewrite makes it count.
    pub(crate) fn begin_log(&self) -> std::io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let (name, prefix) = (LOG_FOLDER, LOG_PREFIX);
        let (folder, _) = log_folder(folder.path(), name, prefix);
        std::fs::create_dir_all(&folder)?;
        let end = self.core.borrow().node.replication.offset();
        let files = Files {
            folder,
            prefix: prefix.to_owned(),
            manifest: Manifest::default(),
            end,
            full_bytes: 0,
            last_bytes: 0,
        };
        let sync = Syncing::of(&self.core.borrow().node.settings.hot.append_sync);
        let begin = Begin {
            file: None,
            offset: end,
            sync,
        };
        self.go_on_with_log(files, begin)
    }

    /// The log goes on in these files.
    pub(crate) fn go_on_with_log(&self, files: Files, begin: Begin) -> std::io::Result<()> {
        let progress = Arc::clone(&self.log_progress);
        let sync = begin.sync;
        let writer = LogWriter::start(self.disk.clone(), self.clock.clone(), begin, progress)?;
        self.log.replace(Some(Recording::new(writer, files, sync)));
        let core = &mut *self.core.borrow_mut();
        if core.node.replication.leader().is_none() {
            core.store.start_recording();
            core.store.begin_increment();
        }
        core.node.persistence.has_log = true;
        Ok(())
    }

    /// From now on connections end once their replies are written.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
        self.log_grown.notify_waiters();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }
}

/// Tells of what happened to keys outside of clients' turns.
#[inline]
fn tell_news(core: &mut Core) {
    if core.store.has_news() || core.node.tracking.has_broadcasts() {
        tell_news_now(core);
    }
}

#[cold]
fn tell_news_now(core: &mut Core) {
    let events = core.store.take_events();
    core.node.tell_events(&events, Protocol::default());
    let changed = core.store.take_changed_keys();
    core.node.tell_trackers(&changed, None);
    core.node.broadcast_changes(None);
}

/// What a client that had waited was answered, from byte `at` of its waiting replies on, goes out when its followers have all there is, if it wants that.
fn hold_for_followers_of(core: &mut Core, client: ClientKey, at: usize) {
    let node = &mut core.node;
    let end = node.replication.offset();
    let in_registry = node.clients.at(client);
    let session = in_registry.session.as_ref();
    let serving = node.member.serving_epoch;
    let wants = |session: &Session| session.waits_for_followers && session.fence_epoch == serving;
    if session.is_some_and(|session| wants(session)) && node.member.waits(end) {
        let until = Until::Commit(Offset(end));
        in_registry.outbox.hold_since(at, until);
        node.member.note_waiting(end, client);
    }
}
