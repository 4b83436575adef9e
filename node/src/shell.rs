//! What all tasks of a node share: the keyspace, the state, the buffers that every turn uses anew.
//! One thread, so `RefCell`s and no locks. Invariant: nothing here stays borrowed across an await.

use crate::client::{Identity, Session};
use crate::departures::Departures;
use crate::execute::{Executor, Turn};
use crate::node_state::{ClientKey, NodeState};
use crate::settings::Start;
use crate::store::Store;
use shared::clock::{Clock, Stopwatch};
use shared::resp::RequestBatch;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;

/// Bytes that one read may bring: a deep pipeline fits, and so does the second cache.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;
/// Room for replies kept between turns; more is given back after a large one.
const KEPT_OUTPUT_BYTES: usize = 1024 * 1024;

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
}

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; SCRATCH_BYTES],
            batch: RequestBatch::default(),
            output: Vec::new(),
        }
    }

    /// Keeps a buffer of replies that have been written for the next ones; of a large one, a part.
    pub(crate) fn keep_output(&mut self, mut buffer: Vec<u8>) {
        if self.output.capacity() == 0 {
            buffer.clear();
            buffer.shrink_to(KEPT_OUTPUT_BYTES);
            self.output = buffer;
        }
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
        self.core.borrow_mut().node.clients.leave(key);
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
        work(&mut core.executor, &mut turn)
    }

    /// From now on connections end once their replies are written.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }
}
