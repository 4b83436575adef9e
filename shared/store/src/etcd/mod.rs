//! The topology in etcd, for proxies of many hosts.
//! Reaches: etcd, by its JSON gateway, which every etcd since 3.4 serves on its port for clients; the Rust clients that speak gRPC need protoc to be built. As
//! a user where it asks for one, over TLS where it speaks that; otherwise etcd stands in a network of its own.
//! Invariants: a document is read by a majority of etcd, never from one member's memory; it takes another's place only if that is still the very entry that was
//! read; every call ends within a few deadlines; while etcd is away nothing else stops.

mod gateway;
mod http;
mod identity;
mod keys;
mod lease;
mod messages;
mod presence;
mod tls;
mod watcher;

pub use identity::EtcdUser;
pub(crate) use lease::Candidate;
pub use tls::EtcdTls;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::topology::text::Document;
use shared::topology::{Address, ProxyId, Topology, Version};

use crate::announcement::{Announcement, LiveProxy};
use crate::document::{self, Acceptance};
use crate::error::{CasError, EtcdError, StoreError};
use crate::gossip_key::GossipKey;
use crate::watch::{Watch, as_it_is};
use gateway::Gateway;
use keys::Keys;
use messages::{Condition, Put};
use tls::Tls;

/// Longest document: with a default of 1.5 MiB for a whole request, etcd takes this with room for what is around it.
pub const MOST_DOCUMENT_BYTES: usize = 1 << 20;

/// How etcd is reached.
#[derive(Clone, Debug)]
pub struct EtcdSettings {
    /// The members, any number of them; the next is asked where one does not answer.
    pub endpoints: Vec<Address>,
    /// How our keys begin; `/` is added at its end where it is missing.
    pub prefix: String,
    /// How long a question, or an order, may take.
    pub deadline: Duration,
    /// How long etcd remembers a proxy that it does not hear from; whole seconds, and etcd has a shortest of about two.
    pub lease: Duration,
    /// As whom etcd is asked; as nobody where there is none.
    pub user: Option<EtcdUser>,
    /// With what TLS is spoken; without TLS where there is nothing.
    pub tls: Option<EtcdTls>,
}

impl EtcdSettings {
    /// The usual ones: `/switchyard/`, three seconds, ten seconds, as nobody, without TLS.
    #[must_use]
    pub fn new(endpoints: Vec<Address>) -> Self {
        Self {
            endpoints,
            prefix: "/switchyard/".to_owned(),
            deadline: Duration::from_secs(3),
            lease: Duration::from_secs(10),
            user: None,
            tls: None,
        }
    }
}

/// A topology in etcd. Cloning gives the same one.
#[derive(Clone, Debug)]
pub struct EtcdStore {
    gateway: Arc<Gateway>,
    keys: Arc<Keys>,
    lease: Duration,
    clock: Clock,
}

/// The document's entry as it was read.
struct Entry {
    text: String,
    /// etcd's count of changes at which this text was put there.
    changed_at: i64,
    /// etcd's count of changes when it was read.
    revision: i64,
}

impl EtcdStore {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// [`EtcdError::NoEndpoint`]; files of TLS that cannot be used.
    pub fn new(settings: EtcdSettings) -> Result<Self, EtcdError> {
        let EtcdSettings {
            endpoints,
            prefix,
            deadline,
            lease,
            user,
            tls,
        } = settings;
        if endpoints.is_empty() {
            return Err(EtcdError::NoEndpoint);
        }
        let clock = Clock::system();
        let tls = tls
            .map(|files| Tls::read(files, clock.clone()))
            .transpose()?;
        let gateway = Gateway::new(endpoints, deadline).with(tls, user);
        Ok(Self {
            gateway: Arc::new(gateway),
            keys: Arc::new(Keys::new(prefix)),
            lease,
            clock,
        })
    }

    pub(crate) async fn load(&self) -> Result<Document, StoreError> {
        let entry = self.entry(self.keys.topology()).await?;
        document::read(&self.place(), &entry.text)
    }

    pub(crate) async fn create(&self, first: &Topology) -> Result<(), CasError> {
        let text = document::first(first)?;
        self.put_if(self.keys.topology(), Condition::IsMissing, text)
            .await
    }

    pub(crate) async fn compare_and_set(
        &self,
        expected: Version,
        next: &Topology,
        acceptance: Acceptance,
    ) -> Result<(), CasError> {
        let key = self.keys.topology();
        let there = self.entry(key).await.map_err(CasError::not_done)?;
        let text = document::next(&self.place(), &there.text, expected, (next, acceptance))?;
        self.put_if(key, Condition::ChangedAt(there.changed_at), text)
            .await
    }

    pub(crate) async fn users(&self) -> Result<Option<String>, StoreError> {
        Ok(self.users_there().await?.map(|entry| entry.text))
    }

    pub(crate) async fn put_users(&self, over: Option<&str>, text: &str) -> Result<(), CasError> {
        let there = self.users_there().await.map_err(CasError::not_done)?;
        if there.as_ref().map(|entry| &*entry.text) != over {
            return Err(CasError::Lost);
        }
        let condition = there.map_or(Condition::IsMissing, |entry| {
            Condition::ChangedAt(entry.changed_at)
        });
        self.put_if(self.keys.users(), condition, text.to_owned())
            .await
    }

    async fn users_there(&self) -> Result<Option<Entry>, EtcdError> {
        match self.entry(self.keys.users()).await {
            Ok(entry) => Ok(Some(entry)),
            Err(EtcdError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn watch_users(&self) -> Watch<String> {
        let (etcd, key) = (self.clone(), self.keys.users().to_owned());
        let place = PathBuf::from(format!("etcd:{key}"));
        Watch::start(place, as_it_is, |feed| watcher::run(etcd, key, feed))
    }

    pub(crate) fn watch(&self) -> Watch {
        let (etcd, key) = (self.clone(), self.keys.topology().to_owned());
        Watch::start(self.place(), document::read, |feed| {
            watcher::run(etcd, key, feed)
        })
    }

    pub(crate) fn announce(
        &self,
        proxy: &ProxyId,
        applied: Version,
        gossip: Option<&Address>,
    ) -> Announcement {
        let (etcd, proxy, gossip) = (self.clone(), proxy.clone(), gossip.cloned());
        Announcement::start(applied, |versions| {
            presence::keep(etcd, proxy, gossip, versions)
        })
    }

    pub(crate) async fn gossip_key(&self) -> Result<GossipKey, StoreError> {
        let key = self.keys.gossip_key();
        let mut found = self.gateway.read(messages::range(key)).await?;
        if found.entries.is_empty() {
            let drawn = GossipKey::draw().ok_or(StoreError::NoDice)?;
            let put = Put {
                key,
                value: &drawn.to_line(),
                lease: None,
            };
            // Whoever was faster, and whatever became of an answer that was lost: what is there now counts.
            self.gateway.put_if(Condition::IsMissing, &put).await.ok();
            found = self.gateway.read(messages::range(key)).await?;
        }
        let line = found
            .entries
            .first()
            .and_then(|entry| std::str::from_utf8(&entry.value).ok());
        let read = line.and_then(GossipKey::of_line);
        let foreign = || EtcdError::Foreign {
            key: key.to_owned(),
            what: "it is no key of gossip",
        };
        Ok(read.ok_or_else(foreign)?)
    }

    pub(crate) async fn live_proxies(&self) -> Result<Vec<LiveProxy>, StoreError> {
        Ok(presence::list(self).await?)
    }

    pub(crate) async fn try_to_lead(
        &self,
        proxy: &ProxyId,
    ) -> Result<Option<Candidate>, StoreError> {
        Ok(Candidate::stand(self, proxy).await?)
    }

    /// What stands in the place of the document, in the problems of a text.
    fn place(&self) -> PathBuf {
        PathBuf::from(format!("etcd:{}", self.keys.topology()))
    }

    async fn entry(&self, key: &str) -> Result<Entry, EtcdError> {
        let found = self.gateway.read(messages::range(key)).await?;
        let revision = found.revision;
        let Some(it) = found.entries.into_iter().next() else {
            return Err(EtcdError::Missing {
                key: key.to_owned(),
            });
        };
        let text = String::from_utf8(it.value).map_err(|_| EtcdError::Foreign {
            key: key.to_owned(),
            what: "it is not text (UTF-8)",
        })?;
        Ok(Entry {
            text,
            changed_at: it.changed_at,
            revision,
        })
    }

    async fn put_if(&self, key: &str, condition: Condition, text: String) -> Result<(), CasError> {
        let (bytes, most) = (text.len(), MOST_DOCUMENT_BYTES);
        if bytes > most {
            return Err(CasError::not_done(EtcdError::TooLong { bytes, most }));
        }
        let put = Put {
            key,
            value: &text,
            lease: None,
        };
        match self.gateway.put_if(condition, &put).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CasError::Lost),
            Err(error) if error.did_nothing() => Err(CasError::not_done(error)),
            Err(error) => Err(CasError::unknown(error)),
        }
    }
}

/// Any 64 bits, for pauses.
fn dice() -> u64 {
    RandomState::new().hash_one(0)
}
