//! Names of nodes, and cutting proxies off from each other, for tests.

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use shared::topology::NodeId;

/// Many names.
pub(super) fn names(names: impl IntoIterator<Item = String>) -> BTreeSet<NodeId> {
    let names = names.into_iter();
    names.map(|name| name.parse().unwrap()).collect()
}

/// Whom a proxy neither hears nor reaches. Cloning gives the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<Mutex<HashSet<SocketAddr>>>);

impl Cut {
    pub(super) fn set(&self, others: impl IntoIterator<Item = SocketAddr>) {
        *self.0.lock().unwrap() = others.into_iter().collect();
    }

    pub(super) fn holds(&self, other: SocketAddr) -> bool {
        self.0.lock().unwrap().contains(&other)
    }
}
