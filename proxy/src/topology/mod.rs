//! What this proxy knows of the topology: [`live`] publishes it to the threads, [`file`] watches where it is written.

pub(crate) mod file;
pub(crate) mod live;

pub use file::TopologyFileError;
pub(crate) use file::{TopologyService, load_topology};
pub(crate) use live::Snapshot;
pub use live::{LiveTopology, StaleTopology};

#[cfg(test)]
pub(crate) mod testing;
