//! What this proxy knows of the topology: [`live`] publishes it to the threads, [`file`] watches where it is written.

pub(crate) mod file;
pub(crate) mod live;

pub(crate) use file::{TopologyWatch, load_topology};
pub use live::{LiveTopology, StaleTopology};
pub(crate) use live::Snapshot;
