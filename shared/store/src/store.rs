//! The store of the topology, and of the users that proxies share, whichever it is.
//! Decides nothing: each kind has its own file.

use std::time::Duration;

use shared::config::{TopologyAccess, TopologyPlace};
use shared::topology::text::Document;
use shared::topology::{Address, ProxyId, Topology, Version};

use crate::announcement::{Announcement, LiveProxy};
use crate::document::Acceptance;
use crate::error::{CasError, EtcdError, StoreError};
use crate::etcd::{EtcdSettings, EtcdStore, EtcdTls, EtcdUser};
use crate::file::FileStore;
use crate::gossip_key::GossipKey;
use crate::leadership::Leadership;
use crate::watch::Watch;

/// Where the topology is kept. Cloning is cheap, and gives the same store. Everything is to be called on a runtime of tokio with its timer and its sockets.
#[derive(Clone, Debug)]
pub enum TopologyStore {
    /// A file, for proxies of one host.
    File(FileStore),
    /// etcd, for proxies of many hosts.
    Etcd(EtcdStore),
}

/// How long etcd remembers a proxy that it does not hear from: the shortest that it grants. Whoever takes the place of a proxy that has died waits for the end of its lease.
const LEASE: Duration = Duration::from_secs(2);

impl TopologyStore {
    /// The store at this place. Connects to nobody yet. What else does not go together is the caller's to refuse: [`TopologyAccess::conflicts`].
    ///
    /// # Errors
    /// A file of TLS is missing, or cannot be used.
    pub fn at(place: &TopologyPlace, access: &TopologyAccess) -> Result<Self, StoreError> {
        match place {
            TopologyPlace::File(path) => Ok(Self::File(FileStore::new(path))),
            TopologyPlace::Etcd {
                endpoints,
                prefix,
                is_tls,
            } => {
                let pair = access.cert_file.clone().zip(access.key_file.clone());
                if *is_tls && access.ca_file.is_none() {
                    return Err(EtcdError::NobodyTrusted.into());
                }
                let ca_file = access.ca_file.clone().filter(|_| *is_tls);
                let settings = EtcdSettings {
                    prefix: prefix.clone(),
                    lease: LEASE,
                    user: access.user.clone().map(|name| EtcdUser {
                        name,
                        password: access.password.clone(),
                    }),
                    tls: ca_file.map(|ca_file| EtcdTls { ca_file, pair }),
                    ..EtcdSettings::new(endpoints.clone())
                };
                Ok(Self::Etcd(EtcdStore::new(settings)?))
            }
        }
    }

    /// The newest document: every change that was acknowledged before this was called is in it.
    ///
    /// # Errors
    /// It cannot be read, or is no topology.
    pub async fn load(&self) -> Result<Document, StoreError> {
        match self {
            Self::File(file) => file.load().await,
            Self::Etcd(etcd) => etcd.load().await,
        }
    }

    /// Puts a first document where none is.
    ///
    /// # Errors
    /// [`CasError`]; [`CasError::Lost`] where there is something already.
    pub async fn create(&self, first: &Topology) -> Result<(), CasError> {
        match self {
            Self::File(file) => file.create(first).await,
            Self::Etcd(etcd) => etcd.create(first).await,
        }
    }

    /// Puts `next` in the place of the document if that has the version `expected`, in one step. What a person has written there about keys that may
    /// stay behind is kept. A caller that stops waiting does not know whether it was done.
    ///
    /// # Errors
    /// [`CasError`], which says whether it may have been done.
    ///
    /// # Panics
    /// When `next` is not one version on.
    pub async fn compare_and_set(
        &self,
        expected: Version,
        next: &Topology,
    ) -> Result<(), CasError> {
        self.change(expected, next, Acceptance::Kept).await
    }

    /// As [`Self::compare_and_set`], for what a person has written: also what the document says about keys that may stay behind takes the place of what is there.
    ///
    /// # Errors
    /// [`CasError`], as there.
    ///
    /// # Panics
    /// When `next` is not one version on.
    pub async fn put(&self, expected: Version, next: &Document) -> Result<(), CasError> {
        let acceptance = Acceptance::Written(next.key_loss_accepted_at);
        self.change(expected, &next.topology, acceptance).await
    }

    async fn change(
        &self,
        expected: Version,
        next: &Topology,
        acceptance: Acceptance,
    ) -> Result<(), CasError> {
        match self {
            Self::File(file) => file.compare_and_set(expected, next, acceptance).await,
            Self::Etcd(etcd) => etcd.compare_and_set(expected, next, acceptance).await,
        }
    }

    /// What is there, whenever it changes.
    #[must_use]
    pub fn watch(&self) -> Watch {
        match self {
            Self::File(file) => file.watch(),
            Self::Etcd(etcd) => etcd.watch(),
        }
    }

    /// The text of the users that all proxies of this store share, if somebody has put one there. What it means is not known here.
    ///
    /// # Errors
    /// The store cannot be reached, or holds no text there.
    pub async fn users(&self) -> Result<Option<String>, StoreError> {
        match self {
            Self::File(file) => file.users().await,
            Self::Etcd(etcd) => etcd.users().await,
        }
    }

    /// Puts these users in the place of `over`, in one step; `None`: where nothing is.
    ///
    /// # Errors
    /// [`CasError`]; [`CasError::Lost`] where something else is there.
    pub async fn put_users(&self, over: Option<&str>, text: &str) -> Result<(), CasError> {
        match self {
            Self::File(file) => file.put_users(over, text).await,
            Self::Etcd(etcd) => etcd.put_users(over, text).await,
        }
    }

    /// The users, whenever they change. Where there are none that is told as an error.
    #[must_use]
    pub fn watch_users(&self) -> Watch<String> {
        match self {
            Self::File(file) => file.watch_users(),
            Self::Etcd(etcd) => etcd.watch_users(),
        }
    }

    /// Puts this proxy on the list of those that live, as soon as the store can be reached, and keeps it there. `gossip` is where other proxies reach its
    /// gossip, if it takes part.
    #[must_use]
    pub fn announce(
        &self,
        proxy: &ProxyId,
        applied: Version,
        gossip: Option<&Address>,
    ) -> Announcement {
        match self {
            Self::File(file) => file.announce(proxy, applied, gossip),
            Self::Etcd(etcd) => etcd.announce(proxy, applied, gossip),
        }
    }

    /// What all proxies of this store know, and nobody else. Whoever asks first draws it; it is the same from then on.
    ///
    /// # Errors
    /// The store cannot be reached, or written where there is none yet; what is in its place is no key.
    pub async fn gossip_key(&self) -> Result<GossipKey, StoreError> {
        match self {
            Self::File(file) => file.gossip_key().await,
            Self::Etcd(etcd) => etcd.gossip_key().await,
        }
    }

    /// The proxies that live, in the order of their names.
    ///
    /// # Errors
    /// The store cannot be reached, or the list holds what is not understood.
    pub async fn live_proxies(&self) -> Result<Vec<LiveProxy>, StoreError> {
        match self {
            Self::File(file) => file.live_proxies().await,
            Self::Etcd(etcd) => etcd.live_proxies().await,
        }
    }

    /// Leads if nobody else does; `None` when somebody does.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn try_to_lead(&self, proxy: &ProxyId) -> Result<Option<Leadership>, StoreError> {
        match self {
            Self::File(file) => Ok(file.try_to_lead().await?.map(Leadership::of_file)),
            Self::Etcd(etcd) => Ok(etcd.try_to_lead(proxy).await?.map(Leadership::of_etcd)),
        }
    }
}
