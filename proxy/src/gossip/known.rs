//! The other proxies that are heard now, and where their admin listeners are: for whoever asks all of them something.
//! Holds a lock for the time of a copy. Never: asks anybody. Bound: as many as gossip hears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use shared::topology::ProxyId;

/// The list; all threads of a proxy share it.
#[derive(Debug, Default)]
pub(crate) struct KnownProxies(Mutex<BTreeMap<ProxyId, SocketAddr>>);

impl KnownProxies {
    /// These are heard now.
    pub(crate) fn set(&self, proxies: BTreeMap<ProxyId, SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = proxies;
    }

    /// Those that are.
    pub(crate) fn get(&self) -> BTreeMap<ProxyId, SocketAddr> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}
