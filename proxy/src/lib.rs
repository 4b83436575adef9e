//! The stateless proxy: routes clients to nodes over shared, pipelined connections. All it knows can be rebuilt from the topology; it can be killed at any time.
//! Never imports the node; they meet on the wire.
//!
//! # Floors
//!
//! ```text
//!  process    server, acceptor, tls · admin, metrics · control: store, nodes, failover · facts, counters, events, pause, orders, sightings
//!  thread     ProxyThread: the runtime, tasks of clients and pipes, flush, ticks, orders; the only place that holds sockets
//!  request    Exchange: outlets, pipes and what they are routed by; Turn: one client's requests on their way; replies on their way back; opens no socket
//!  pure ◇     client (work, outlet, reply queue) · pipe (lane, parcel, line, set, reach, retry, verdict) · channels (relay, push) · route · topology::live · slab, buffers, heat
//! ```
//!
//! A floor knows those below it and none above.
//!
//! # Threads
//!
//! ```text
//!  [process] pingora's Server ─ its acceptor: one service: accepts, deals round-robin ─┐
//!     │                         [control] follows store and nodes ─► [topology::live] arc-swap
//!     └ drain, end              [admin] /metrics /api/v1 the page    │               │
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
//!  client ──read──► scratch ─► RequestScanner ─► table row ─► keys ─► slot ─► shard        [thread::clients, request::{batch, turn}, route ◇]
//!                                                                       │
//!            a place in the client's reply queue is taken ◄─────────────┤                  [client::outlet ◇]
//!            the client's own bytes are appended to the pipe's line ◄───┘                  [request::forward, pipe::{parcel, line} ◇]
//!                                             │
//!               flusher, at the end of the turn: one write per pipe ──────► node           [thread::pipes]
//!                                                                             │
//!  client ◄─one write per turn── output ◄─ reply queue ◄─ ReplyScanner ◄──read┘            [thread::pipes, request::{replies, receivers}]
//! ```
//!
//! A client is taken out of its place for its turn, and put back behind it; what others need of it meanwhile, its *outlet*, stays where they find it. Requests
//! that follow each other from one client to one pipe travel as one *parcel*: one copy, one record of who waits, one copy of the replies. A large one is
//! handed over in the buffer in which it came. Nothing is decoded, locked or allocated per request on this path. `request::fan_out` cuts commands over many
//! keys into parts, `request::gather` collects them, `route::merge` makes one reply of them; very many keys are taken in rounds (`request::rounds`), each when
//! the one before it is answered. `here` answers what needs no node, and decides as what the proxy shows itself.
//!
//! # States
//!
//! ```text
//!  a request   read ─► held by its client (what it waits for: client::work) ─► in line ─► sent ─► answered
//!                                        newest topology: routed again ◄─────┘  ▲       │
//!                              node down beyond its deadline: CLUSTERDOWN       └ a read ┴ a write, connection lost: UNKNOWN   [pipe::retry ◇]
//!                              its own deadline over, from reading it: CLUSTERDOWN or UNKNOWN, wherever it is                  [request::again]
//!  a pipe      wanted ─► connecting, first words ─► open ─► lost ─► (pause) connecting …    closed when its node left the topology and it is empty
//!  a lease     Opening ─► Open ─► Asked ─► Answered ─► Open … given back, idle, or ended; Lost at any time: nothing was sent, or something may have arrived   [pipe::lease ◇]
//!  a client    (TLS) ─► stranger ─► authenticated ─► Reading ⇄ Waiting (for …) ─► Ending (last replies) ─► gone
//! ```
//!
//! # What must hold, and where
//!
//! - Replies in request order, each exactly once: `client::reply_queue`, whatever `pipe::retry` decides; a message between whole replies only.
//! - Two commands of one client on one key never overtake each other: one pipe per node (as it is fenced) and lane; a change of any of these waits for the
//!   replies that are still missing (`request::turn`), and so does a change of the topology. A connection that is given up is reset, and cut at the node by
//!   the first words of the next (`pipe::handshake`).
//! - A command that waits at a node, and WATCH at a Redis server, have a connection of their client's own, over which one thing at a time is asked; all that the client asked before is
//!   answered by then, and nothing that it asks later is sent before (`request::{blocking, copies, watch}`).
//! - What has not been sent is routed by the newest topology, always (`request::again`). A node that does not lead its shard at the epoch of a pipe refuses what
//!   comes over it, and all behind it (`pipe::handshake`, `pipe::verdict`): that was not applied, and goes where the next topology says.
//! - Whoever waits is registered with what he waits for, and is let go on by it or by the clock, once (`request::waiting`).
//! - One place says whether a reply is heard (`request::turn`).
//! - A key that is void stays void: late replies find nobody (`slab`).
//! - A client's request is counted once, with what the client was told (`request::receivers`); no counter falls, and nobody who asks a thread waits longer
//!   than a bound for one that hangs (`admin::threads`, `orders`).
//! - Nobody holds a thread: a turn ends by time, by the bytes written and by the replies that wait (`request::turn`, `thread::clients`, `thread::pipes`),
//!   commands over very many keys go on in rounds (`route::rounds`), large values are not copied (`client::received`),
//!   sockets are closed a few at a time (`thread::departures`), and what is large, or may be, travels by pipes of its own (`pipe::lane`, `Class`).
//! - Who is sent away is told that nothing more comes, and what it still sends is read away for a while: a socket that is closed over unread bytes loses what
//!   the client has not got (`thread::departures`). What a thread finds to be asked after it stood still is not begun for clients that have closed meanwhile
//!   (`thread::tick`).
//! - Bounds, each with a name: reads and requests per turn, input (also what is sent ahead) and output per client, requests under way per client (fewer as
//!   their replies are longer: `client::reply_queue`), bytes and requests per pipe, clients, what is kept for all of them, orders per thread. What happens at each is written beside it;
//!   their values are settings of `[proxy]`.
//!
//! Keys of one command must lie in one slot when there are several shards, also if one shard owns both slots, for slots may move. With one shard all is allowed
//! that a plain Redis allows.
//!
//! SLOWLOG is that of the shards, merged by time; LATENCY and MEMORY reports that cannot be added up are the first shard's.

mod access;
mod admin;
mod buffers;
mod channels;
mod client;
mod control;
mod counters;
mod dice;
mod events;
mod facts;
mod gossip;
mod heat;
mod here;
mod metrics;
mod monitors;
mod orders;
mod pause;
mod pipe;
mod process;
mod redirects;
mod reload;
mod request;
mod route;
mod scripts;
mod sightings;
mod slab;
mod thread;
mod tls;
mod topology;

pub use process::{Proxy, ProxyError, ProxyHandle};
pub use reload::Reloading;
pub use tls::TlsError;
pub use topology::{LiveTopology, StaleTopology, TopologyError};
