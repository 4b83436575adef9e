//! What a node knows beside its keys: settings, counters, the clients' registry, the slow log.
//! Pure: the shell tells it what happened.

/// Everything of a node but its keyspace.
#[derive(Debug, Default)]
pub struct NodeState {}
