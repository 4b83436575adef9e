//! Topologies at the places that commands name, a file or etcd: read, created, put in the place of the one before.
//! Reaches: the store, on a runtime of its own for each. Never: decides whether a topology may take another's place; prints.

use crate::topology_args::StoreArguments;
use shared::config::{FileError, SettingValue as _, TopologyAccess, TopologyPlace};
use shared::topology::text::Document;
use shared::topology::{Topology, Version};
use store::{CasError, EtcdError, StoreError, TopologyStore};
use switchyard::Failure;

/// A place and the store that is there.
pub(crate) struct Place {
    name: String,
    store: TopologyStore,
}

impl Place {
    /// Connects to nobody, and opens nothing yet.
    pub(crate) fn open(place: &TopologyPlace, how: &StoreArguments) -> Result<Self, Failure> {
        let (name, mut access) = (place.print(), how.access());
        if place.file().is_some() {
            // Of several places one may be a file.
            access = TopologyAccess::default();
        }
        if let Some(conflict) = access.conflicts(place).first() {
            return Err(Failure::Usage(conflict.text.clone()));
        }
        match TopologyStore::at(place, &access) {
            Ok(store) => Ok(Self { name, store }),
            Err(error) => Err(failed(&name, error)),
        }
    }

    /// As people write it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is there.
    pub(crate) fn read(&self) -> Result<Document, Failure> {
        let read = run(self.store.load())?;
        read.map_err(|error| failed(&self.name, error))
    }

    /// What is there; `None` where nothing is.
    pub(crate) fn read_if_there(&self) -> Result<Option<Document>, Failure> {
        match run(self.store.load())? {
            Ok(document) => Ok(Some(document)),
            Err(
                StoreError::File(FileError::Missing(_))
                | StoreError::Etcd(EtcdError::Missing { .. }),
            ) => Ok(None),
            Err(error) => Err(failed(&self.name, error)),
        }
    }

    /// Puts a first topology there; [`Failure::Taken`] where one is.
    pub(crate) fn create(&self, first: &Topology) -> Result<(), Failure> {
        match run(self.store.create(first))? {
            Err(CasError::Lost) => {
                let there = self.read()?.topology.version;
                Err(Failure::Taken(self.name.clone(), there))
            }
            end => end.map_err(|error| self.not_changed(error)),
        }
    }

    /// Puts a topology in the place of the one of this version.
    pub(crate) fn put(&self, before: Version, next: &Document) -> Result<(), Failure> {
        let end = run(self.store.put(before, next))?;
        end.map_err(|error| self.not_changed(error))
    }

    /// The users that lie beside the topology, if there are any.
    pub(crate) fn users(&self) -> Result<Option<String>, Failure> {
        let read = run(self.store.users())?;
        read.map_err(|error| failed(&self.name, error))
    }

    /// Puts users in the place of those of this text.
    pub(crate) fn put_users(&self, over: Option<&str>, text: &str) -> Result<(), Failure> {
        let end = run(self.store.put_users(over, text))?;
        end.map_err(|error| self.not_changed(error))
    }

    fn not_changed(&self, error: CasError) -> Failure {
        match error {
            CasError::NotDone(error) => failed(&self.name, error),
            error @ (CasError::Lost | CasError::Rules(_)) => {
                Failure::Step(self.name.clone(), error.to_string())
            }
            error @ CasError::Unknown(_) => Failure::Store(self.name.clone(), Box::new(error)),
        }
    }
}

/// Reads the topology at a place.
pub(crate) fn read(place: &TopologyPlace, how: &StoreArguments) -> Result<Document, Failure> {
    Place::open(place, how)?.read()
}

/// What is wrong with a file says its name itself.
fn failed(name: &str, error: StoreError) -> Failure {
    match error {
        StoreError::File(error) => Failure::File(error),
        StoreError::Text(problems) => Failure::Data(problems),
        StoreError::Etcd(EtcdError::Missing { .. }) => Failure::Absent(name.to_owned()),
        error => Failure::Store(name.to_owned(), Box::new(error)),
    }
}

fn run<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    let runtime = runtime.map_err(|source| Failure::System {
        what: "make a runtime",
        source,
    })?;
    Ok(runtime.block_on(work))
}
