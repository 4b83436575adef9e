//! What all tasks of a node share: the keyspace, the state, the buffers that every turn uses anew.
//! One thread, so `RefCell`s and no locks. Invariant: nothing here stays borrowed across an await.

use crate::client_state::ClientState;
use crate::departures::Departures;
use crate::execute::{Executor, Turn};
use crate::node_state::{ClientPlace, NodeState};
use crate::server::Start;
use crate::store::Store;
use shared::clock::{Clock, Stopwatch};
use shared::config::{FileError, read_file, replace_file};
use shared::resp::{ErrorReply, RequestBatch};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tracing::warn;

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

    /// Empties the replies and gives back what a large one took.
    pub(crate) fn clear_output(&mut self) {
        self.output.clear();
        self.output.shrink_to(KEPT_OUTPUT_BYTES);
    }
}

/// What all tasks of a node share.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) core: RefCell<Core>,
    pub(crate) scratch: RefCell<Scratch>,
    pub(crate) clock: Clock,
    /// Sockets to be closed.
    pub(crate) departures: Departures,
    /// Connections by the numbers of their clients, to cut them.
    tasks: RefCell<HashMap<u64, AbortHandle>>,
    /// A connection has ended.
    pub(crate) left: Notify,
    /// The pause may be over.
    pub(crate) unpaused: Notify,
    /// A command over many keys is over.
    pub(crate) unheld: Notify,
    /// SHUTDOWN was called.
    pub(crate) shutdown: Notify,
    stopping: Cell<bool>,
    start: Start,
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
            departures: Departures::new(),
            tasks: RefCell::new(HashMap::new()),
            left: Notify::new(),
            unpaused: Notify::new(),
            unheld: Notify::new(),
            shutdown: Notify::new(),
            stopping: Cell::new(false),
            start,
        }
    }

    /// Remembers how to cut a client.
    pub(crate) fn register(&self, client_id: u64, task: AbortHandle) {
        self.tasks.borrow_mut().insert(client_id, task);
    }

    /// A client has gone.
    pub(crate) fn leave(&self, client_id: u64, place: ClientPlace) {
        self.tasks.borrow_mut().remove(&client_id);
        self.core.borrow_mut().node.clients.leave(place);
        self.left.notify_one();
    }

    /// Cuts the clients that a command or a tick condemned. Their tasks end at their next await, so nobody is cut in the middle of a turn.
    pub(crate) fn cut(&self, condemned: &[u64]) {
        let tasks = self.tasks.borrow();
        for task in condemned.iter().filter_map(|id| tasks.get(id)) {
            task.abort();
        }
    }

    /// Runs `work` on a client's state, which is out of the registry meanwhile.
    pub(crate) fn with_client<T>(
        &self,
        place: ClientPlace,
        work: impl FnOnce(&mut Executor, &mut Turn<'_>) -> T,
    ) -> T {
        let mut client = self.core.borrow_mut().node.clients.take(place);
        let result = self.with_turn(&mut client, work);
        self.core.borrow_mut().node.clients.put_back(place, client);
        result
    }

    /// Runs `work` for a client whose state is not in the registry.
    pub(crate) fn with_turn<T>(
        &self,
        client: &mut ClientState,
        work: impl FnOnce(&mut Executor, &mut Turn<'_>) -> T,
    ) -> T {
        let core = &mut *self.core.borrow_mut();
        core.node.now_us = self.clock.wall_us();
        let now_ms = core.node.now_us / 1_000;
        core.store.set_now(now_ms);
        let mut turn = Turn {
            store: &mut core.store,
            node: &mut core.node,
            client,
            now_ms,
        };
        work(&mut core.executor, &mut turn)
    }

    /// Holds up the whole node, as DEBUG SLEEP is meant to.
    #[expect(
        clippy::disallowed_methods,
        reason = "stalling everybody is the purpose of the command"
    )]
    pub(crate) fn stall(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// CONFIG REWRITE. Blocks for as long as a small file takes, as in Redis.
    pub(crate) fn rewrite_config(&self, node: &NodeState) -> Result<(), ErrorReply> {
        let Some(path) = &self.start.config_file else {
            return Err(ErrorReply::NoConfigFile);
        };
        let in_words = |error: FileError| match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let result = read_file(path)
            .map_err(in_words)
            .and_then(|text| node.settings.rewritten(path, &text, &self.start.config))
            .and_then(|text| replace_file(path, &text).map_err(in_words));
        result.map_err(|reason| {
            warn!(%reason, "settings were not written");
            ErrorReply::Text(format!("ERR Rewriting config file: {reason}").into())
        })
    }

    /// From now on connections end once their replies are written.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }
}
