//! The limit of open files: raised as far as it may, and looked at before anything starts. A process without a descriptor left can neither
//! accept a client nor say clearly what is wrong.

use crate::{ClusterPlan, Failure};
use shared::config::{NodeConfig, ProxyConfig};
use shared::open_files;
use tracing::warn;

/// Standard streams, signals, the log, a folder, what libraries keep open.
const OF_A_PROCESS: u64 = 20;

/// Listening socket, reactor, a client or the pipes of a few proxy threads.
const OF_A_NODE: u64 = 8;

/// Of a shard with followers: the connection of who looks after it and of who follows, both ends, and what is read for a follower.
const OF_A_MEMBER: u64 = 8;

/// What looks after shards with followers: the store, gossip, a runtime.
const OF_LOOKING_AFTER: u64 = 16;

/// Listening sockets, the watched topology, the reactors of its services.
const OF_A_PROXY: u64 = 20;

/// Reactor, the pipes to a few shards, a client.
const OF_A_PROXY_THREAD: u64 = 12;

/// Of a node's admin listener: socket, reactor, and as many connections as it takes.
const OF_AN_ADMIN: u64 = 72;

/// Files beside those of clients when there are many of these.
const BESIDE_CLIENTS: u64 = 32;

/// Files that a node cannot do without.
#[must_use]
pub fn least_for_node() -> u64 {
    OF_A_PROCESS + OF_A_NODE
}

/// Files that nodes and a proxy in one process cannot do without.
#[must_use]
pub fn least_for_cluster(plan: &ClusterPlan) -> u64 {
    let nodes = plan.nodes() as u64;
    let least = least_for_proxy(&plan.proxy) + OF_A_NODE * nodes;
    if plan.followers == 0 {
        least
    } else {
        least + OF_LOOKING_AFTER + OF_A_MEMBER * nodes
    }
}

/// Files that a proxy cannot do without.
#[must_use]
pub fn least_for_proxy(config: &ProxyConfig) -> u64 {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = match config.threads {
        0 => u64::try_from(cores()).unwrap_or(1),
        threads => u64::from(threads),
    };
    OF_A_PROCESS + OF_A_PROXY + OF_A_PROXY_THREAD * threads
}

/// Files with which a node can keep `maxclients`.
#[must_use]
pub fn wanted_for_node(config: &NodeConfig) -> u64 {
    let admin = if config.admin.is_some() {
        OF_AN_ADMIN
    } else {
        0
    };
    u64::from(config.maxclients) + BESIDE_CLIENTS + admin
}

/// Raises the process' limit towards `wanted`; says so in the log when it stays below.
///
/// # Errors
/// [`Failure::OpenFiles`] when it stays below `least`.
pub fn make_room(least: u64, wanted: u64) -> Result<(), Failure> {
    let Some(limit) = open_files::make_room(wanted) else {
        // Where limits cannot be read, the next file that does not open says so.
        return Ok(());
    };
    if limit < least {
        return Err(Failure::OpenFiles { limit, least });
    }
    if limit < wanted {
        warn!(
            wanted,
            limit, "fewer files may be open than maxclients needs; raise the limit of open files"
        );
    }
    Ok(())
}
