//! What this proxy knows of the topology: [`live`] holds it for the threads, [`publisher`] puts there what the store says.

pub(crate) mod live;
mod publisher;

pub use live::{LiveTopology, StaleTopology};
pub(crate) use live::{Snapshot, Within};
pub use publisher::TopologyError;
pub(crate) use publisher::{Publisher, ask_apart, load_topology};

#[cfg(test)]
pub(crate) mod testing;
