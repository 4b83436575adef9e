//! A cache node: one thread owns one compact keyspace and executes every command on it. Never imports the proxy; they meet on the wire.
//!
//! # Floors
//!
//! ```text
//!  server            accepts, admits, stops                                   process
//!  admin             metrics and health over HTTP                             a thread of its own, which asks for a report
//!  connection  tick  sockets: read, write, wait; periodic jobs in slices      tasks of one thread
//!  errand            what only the shell can do for a command
//!  recording         the log while the node serves: who waits for it, when it is rewritten
//!  replication       whom the node follows: asks, copies, applies, acknowledges; who waits for followers
//!  joining           a proxy is told where the node is
//!  loading  saving   the data on disk: read at the start, saved while others are served
//!  shell             one value behind a `RefCell`, borrowed for one turn      [deliveries, departures, socket, disk, processor beside it]
//!  ─────────────────────────────────────────────────────────────────────────  nothing below opens a socket or a file, or reads a clock
//!  report ◇          what the node says of itself in metrics
//!  execute ◇         perform(origin): gates → handler; batches, strides, scripts
//!  commands ◇        handlers: a reply or an error, and what is to come later
//!  node_state ◇      settings, stats, clients in their registry, subscriptions, slow log, pause, held keys
//!  client ◇  log ◇   identity, session, traffic, outbox                       what changed, as commands
//!  snapshot ◇        the keyspace of one moment, as the pieces of a file
//!  rdb ◇             values as bytes: DUMP and RESTORE; the file around them
//!  store ◇           the keyspace; `unsafe` in its index and slabs alone
//! ```
//!
//! Imports go down. A handler does not know who asked for it beyond identity and session; `execute` does not know sockets; the store does not know commands.
//!
//! # The path of a request
//!
//! ```text
//!  client ──read──► scratch ─► RequestScanner ─► batch of 128 ─► table row ─► keys hashed; lines, entries, elements asked for ahead   [connection::turn, execute::batch]
//!                                                                  │
//!              gates: DEBUG, password, pause, memory, keys at work, so much to do ◄┘                                          [execute::gates]
//!                  │ open                      │ not yet                      │ refused
//!               handler ─► store            the connection waits           an error is the reply
//!                  │        └► effects       [connection::wait]                                                               [commands, store, log]
//!               reply, encoded straight into the client's own buffer
//!                  │
//!  client ◄─one write per turn── outbox ◄──┤ (what is held stays, with all that is behind it)                                 [client::outbox]
//!                                          └── messages of other clients, replies of errands and of long commands
//! ```
//!
//! Nothing is decoded, locked or allocated per request on this path: the buffers belong to the shell and are lent for a turn. A large value stays in the buffer
//! in which it came (`Store::offer`).
//!
//! # States
//!
//! ```text
//!  a client    stranger ─► authenticated ─► reads, runs ⇄ waits (pause, keys, an errand, its own replies) ─► last replies ─► gone
//!  a command   found ─► admitted ─► run ─► replied        run in strides, others between, keys held ─► replied through the outbox
//!                └ not yet ┘          └ an errand of the shell ─► replied through the outbox
//!  a reply     lent buffer ─► outbox ─► ready ─► written      held until an offset of the log, or until an errand is done ─► ready
//! ```
//!
//! # What must hold, and where
//!
//! - Replies in request order, each exactly once; a message of somebody else only between whole replies: `client::outbox` (property test).
//! - A command happens at one moment: everything on one thread, and what takes strides keeps others from its keys (`execute::strides`); in the effects it is a unit.
//! - Replaying the effects of any history makes the same keyspace: `log`, `execute::perform` with `Origin::Log` (property test).
//! - With `appendfsync always` no reply leaves before what it answers is on disk: `disk::recording`, `client::outbox`; an fsync that failed is never taken for done: `disk::log_writer` (a disk that breaks at any moment).
//! - A snapshot is of one moment: what is about to change is taken before it does (`Store::before_change`, property test), and no moment lies within a command (`saving`).
//! - While clients are paused the keyspace stays as it is: no write (`gates`), no expiry, no eviction (`tick`, `Store::keep_all_until`).
//! - A script holds all keys from the moment at which it is put aside to its end; it sees one moment, and what it changes is one unit: `execute::script`. Its memory and its stack have bounds: crate `lua`.
//! - Whoever waits is registered with what it waits for, is woken by it at that moment, is not taken for idle, and is read meanwhile: `connection::wait`.
//! - Nobody holds the thread: a turn ends by commands (1,024), time (0.5 ms) and replies (256 KiB) (`connection::turn`), and writes a MiB at most (`connection::transfer`); keys and elements by the thousand, large
//!   collections and strings by the megabyte are treated in strides (`execute::strides`); jobs go in slices of 0.2 ms (`tick`); sockets are closed 32 at a time (`departures`); files are written
//!   beside the thread (`errand`).
//! - A message for many is put into all outboxes at once, in order, and who gets it is woken some at a time: `node_state::publishing`, `deliveries`. What a client subscribes to is counted, and
//!   bounded: `node_state::subscriptions`.
//! - What a client holds back is bounded: requests by `client-query-buffer-limit`, replies by `client-output-buffer-limit` (above the soft limit none of its
//!   commands runs; above the hard one it is cut; so is one in whose traffic nothing moves), names by `client::MOST_NAME_BYTES`, arguments and bytes of a request
//!   by `RequestLimits`, which follow the client's state from request to request.

mod admin;
pub mod client;
pub mod commands;
mod connection;
mod deliveries;
mod departures;
mod disk;
mod errand;
pub mod execute;
mod joining;
mod loading;
pub mod log;
pub mod node_state;
mod processor;
pub mod rdb;
mod recording;
mod replication;
pub mod report;
mod saving;
mod server;
pub mod settings;
mod shell;
pub mod snapshot;
mod socket;
pub mod stats;
pub mod store;
mod tick;

pub use disk::{FolderError, SHARD_MARK};
pub use loading::LoadError;
pub use server::{NodeError, NodeExit, Sockets, run, serve};
pub use settings::Start;
