//! Switchyard: one Redis address in front of many plain cache nodes.
//!
//! - [`LocalCluster`]: shards × nodes and a proxy in this process: the one way `switchyard up`, tests and benches start a cluster.
//! - [`ChildCluster`]: the same as child processes.
//! - [`ClusterPlan`]: what both are made of. [`Events`]: what happens to either. [`Leaders`]: whether they serve their clients yet.
//! - [`listen`]: opens listening sockets before anything starts. [`open_files`]: whether there are enough of them.
//! - [`signals`]: SIGTERM, SIGINT and SIGHUP. [`Failure`]: why the process ends, and its exit code.

mod children;
mod events;
mod failure;
mod folder;
mod home;
mod leaders;
mod listen;
pub mod open_files;
mod plan;
pub mod signals;
mod up;

pub use children::{ChildCluster, READY, Restart};
pub use events::{Event, Events};
pub use failure::{EXIT_CODES, Failure};
pub use leaders::{LOOK_EVERY, Leaders, Standing, in_words};
pub use listen::listen;
pub use plan::{ClusterPlan, MOST_NODES};
pub use up::{LocalCluster, metrics_at, served_at};

use shared::topology::{Address, ClusterId, InitialError, Node, NodeId, NodeKind, Topology};
use std::io;

/// Nodes `n1`, `n2` … at `addresses`, as shards of one primary and as many `followers` each.
///
/// # Errors
/// When the addresses do not divide evenly, are none, or one stands there twice.
pub fn initial_topology(addresses: &[Address], followers: usize) -> Result<Topology, InitialError> {
    let nodes = addresses.iter().enumerate().map(|(place, address)| Node {
        id: node_id(place),
        address: address.clone(),
        kind: NodeKind::Switchyard,
        zone: None,
    });
    Topology::initial(nodes.collect(), followers)
}

/// A name that no other cluster has.
///
/// # Errors
/// The system gives no random numbers.
pub fn new_cluster() -> Result<ClusterId, Failure> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| Failure::System {
        what: "draw a name for the cluster",
        source: io::Error::other(error.to_string()),
    })?;
    Ok(ClusterId::drawn(bytes))
}

/// `n1` for the first.
fn node_id(place: usize) -> NodeId {
    NodeId::numbered(place + 1)
}
