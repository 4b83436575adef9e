//! A cache node: one thread owns one compact keyspace and executes every command on it.
//!
//! Data's path: socket → [`shared::resp::RequestScanner`] → [`execute`] (gates: known, arity, auth, memory, held keys) → [`commands`] → [`store`] → [`shared::resp::ReplyWriter`] → socket, one write per batch.
//! Never imports the proxy; they meet on the wire.

pub mod client;
pub mod commands;
mod connection;
mod departures;
mod errand;
pub mod execute;
pub mod log;
pub mod node_state;
mod processor;
mod server;
pub mod settings;
mod shell;
pub mod stats;
pub mod store;
mod tick;

pub use server::{NodeError, NodeExit, run, serve};
pub use settings::Start;
