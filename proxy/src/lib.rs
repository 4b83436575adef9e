//! The stateless proxy: routes clients to nodes over shared, pipelined connections. All it knows can be rebuilt from the topology; it can be killed at any time.
//! Never imports the node; they meet on the wire.
//!
//! # Threads
//!
//! ```text
//!  [server] pingora's Server ── [acceptor] one service: accepts, deals round-robin ──┐
//!     │                         [topology::file] watches the file ─► [topology::live] arc-swap
//!     └ drain, end              [admin] /metrics /healthz /readyz    │               │
//!                                                                    ▼ read          ▼ sockets
//!   proxy thread 0 ─────────── proxy thread 1 ─────────── … each: runtime, clients, pipes, counters [thread]
//! ```
//!
//! A thread is a small proxy of its own: one value (`thread`) behind a `RefCell`, borrowed for one turn of a task and never across an await. Nothing of it is
//! shared but the topology and a few atomics that no request waits for. Threads take orders over a bounded channel: a new client, a report, CLIENT LIST, stop.
//!
//! # The path of a request
//!
//! ```text
//!  client ──read──► scratch ─► RequestScanner ─► table row ─► keys ─► slot ─► shard        [thread::clients, request, route ◇]
//!                                                                       │
//!            a place in the client's reply queue is taken ◄─────────────┤                  [client::reply_queue ◇]
//!            the client's own bytes are appended to the pipe's line ◄───┘                  [pipe::line ◇, pipe::parcel ◇]
//!                                             │
//!               flusher, at the end of the turn: one write per pipe ──────► node           [thread]
//!                                                                             │
//!  client ◄─one write per turn── output ◄─ reply queue ◄─ ReplyScanner ◄──read┘            [thread::pipes, request::receivers]
//! ```
//!
//! Requests that follow each other from one client to one pipe travel as a *run*: one copy, one record of who waits, one copy of the replies. A large run is
//! handed over in the buffer in which it came. Nothing is decoded, locked or allocated per request on this path. `fan_out` cuts commands over many keys into
//! parts, `gather` collects them, `route::merge` makes one reply of them; very many keys are taken in rounds (`route::rounds`), each when the one before it is
//! answered. `route::local` answers what needs no node.
//!
//! # States
//!
//! ```text
//!  a request   read ─► held by its client (pause, full line, barrier) ─► in line ─► sent ─► answered
//!                                                                         │  ▲       │
//!                              node down beyond its deadline: CLUSTERDOWN ┘  └ a read ┴ a write, connection lost: UNKNOWN   [pipe::retry ◇, pipe::reach ◇]
//!  a pipe      wanted ─► connecting, first words ─► open ─► lost ─► (pause) connecting …    closed when its node left the topology and it is empty
//!  a client    (TLS) ─► stranger ─► authenticated ─► reading ⇄ stopped (bounds) ─► ending (last replies) ─► gone
//! ```
//!
//! # What must hold, and where
//!
//! - Replies in request order, each exactly once: `client::reply_queue`, whatever `retry` decides.
//! - Two commands of one client on one key never overtake each other: one pipe per node, database and protocol; a change of any of these waits for the
//!   replies that are still missing (`dispatch`), and so does a change of the topology.
//! - A key that is void stays void: late replies find nobody (`slab`).
//! - Nobody holds a thread: a turn ends by time, by the bytes written and by the replies that wait (`dispatch`, `client::connection`, `pipe::connection`),
//!   commands over very many keys go on in rounds (`route::rounds`), large values are not copied (`client::received`),
//!   sockets are closed a few at a time (`departures`), and what is large travels by pipes of its own (`pipe::set`, `Class::Bulk`).
//! - Bounds, each with a name: reads and requests per turn, input and output per client, requests under way per client, bytes and requests per pipe, clients,
//!   orders per thread. What happens at each is written beside it; their values are settings of `[proxy]`.
//!
//! Keys of one command must lie in one slot when there are several shards, also if one shard owns both slots, for slots may move. With one shard all is allowed
//! that a plain Redis allows.
//!
//! SLOWLOG is that of the shards, merged by time; LATENCY and MEMORY reports that cannot be added up are the first shard's.

mod acceptor;
mod admin;
mod buffers;
mod client;
mod dice;
mod metrics;
mod pipe;
mod request;
mod route;
mod server;
mod slab;
mod thread;
mod tls;
mod topology;

pub use server::{Proxy, ProxyError, ProxyHandle};
pub use tls::TlsError;
pub use topology::{LiveTopology, StaleTopology};
