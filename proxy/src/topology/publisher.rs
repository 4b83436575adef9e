//! What the store says of the topology, published to the threads that route by it.
//! Reaches: the [`LiveTopology`]. Never: reads or writes the store by itself, but for the first look at a start.
//! Invariants: a document that cannot be used is reported once and changes nothing; slots whose keys would stay behind change hands only where the document says
//! that this is meant.

use shared::config::{FileError, Problems, ProxyConfig, SettingValue as _, TopologyPlace};
use shared::topology::text::Document;
use shared::topology::{EpochStands, KeyLoss, Topology, epoch_stands, key_loss};
use store::{StoreError, TopologyStore, in_one_line};

use super::live::{LiveTopology, StaleTopology};

/// Why a topology is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is there is no topology.
    #[error(transparent)]
    Text(#[from] Problems),
    /// There is none to be had.
    #[error(transparent)]
    Store(StoreError),
    /// It is one that does not follow the one in use.
    #[error(transparent)]
    Stale(#[from] StaleTopology),
    /// Nodes would obey nobody by it.
    #[error(transparent)]
    EpochStands(#[from] EpochStands),
    /// Taking it up would put keys out of reach, and it does not say that this is meant.
    #[error(transparent)]
    KeyLoss(#[from] KeyLoss),
}

impl From<StoreError> for TopologyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::File(error) => Self::File(error),
            StoreError::Text(problems) => Self::Text(problems),
            other => Self::Store(other),
        }
    }
}

/// Reads the topology to start with. There is none to compare it with, so no slot changes hands.
///
/// # Errors
/// It cannot be read, or is something else; all problems are reported together.
pub(crate) fn load_topology(config: &ProxyConfig) -> Result<Topology, TopologyError> {
    let store = TopologyStore::at(&config.topology, &config.topology_access())?;
    // On a thread of its own: the caller may be on a runtime.
    let look = move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().ok()?;
        Some(runtime.block_on(store.load()))
    };
    let looked = std::thread::scope(|scope| scope.spawn(look).join());
    match looked {
        Ok(Some(Ok(document))) => Ok(document.topology),
        Ok(Some(Err(error))) => Err(error.into()),
        Ok(None) | Err(_) => Err(TopologyError::Store(StoreError::Ending)),
    }
}

/// Publishes what the store says.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Where that is, for people.
    place: String,
    topology: LiveTopology,
    /// What the log says is wrong.
    said: Option<String>,
}

impl Publisher {
    /// Publishes to `topology` what is at `place`.
    pub(crate) fn new(place: &TopologyPlace, topology: LiveTopology) -> Self {
        Self {
            place: place.print(),
            topology,
            said: None,
        }
    }

    /// What is wrong is said again: somebody asks.
    pub(crate) fn say_again(&mut self) {
        self.said = None;
    }

    /// Publishes what was seen, if it can be used; it is given back when it is the one in use then.
    pub(crate) fn take_up(&mut self, seen: Result<Document, StoreError>) -> Option<Topology> {
        let is_away = matches!(&seen, Err(StoreError::Etcd(_)));
        let (problem, used) = match seen {
            Ok(document) => match self.publish(document) {
                Ok(topology) => (None, Some(topology)),
                Err(error) => (Some(in_one_line(&error)), None),
            },
            Err(error) => (Some(in_one_line(&error)), None),
        };
        if problem != self.said {
            let place = &self.place;
            match &problem {
                Some(problem) if is_away => {
                    tracing::warn!(%place, %problem, "the topology's store is away: traffic goes on by the topology in use, and nobody can change it, not even when a primary is lost");
                }
                Some(problem) => {
                    tracing::warn!(%place, %problem, "topology not used; the one in use stays");
                }
                None => tracing::info!(%place, "the topology is in order again"),
            }
            self.said = problem;
        }
        used
    }

    fn publish(&self, document: Document) -> Result<Topology, TopologyError> {
        let current = self.topology.load();
        let loss = key_loss(&current.topology, &document.topology);
        if let Some(loss) = &loss
            && loss.to > loss.from
            && !document.accepts(loss)
        {
            return Err(loss.clone().into());
        }
        let version = document.topology.version;
        if version > current.version()
            && let Some(stands) = epoch_stands(&current.topology, &document.topology)
        {
            return Err(stands.into());
        }
        let is_new = self.topology.publish(document.topology.clone())?;
        match loss {
            _ if !is_new => {}
            None => tracing::info!(%version, "topology published"),
            Some(loss) => tracing::warn!(
                %version,
                slots = loss.slots.len(),
                keys = loss.keys.len(),
                databases = loss.databases.len(),
                "topology published as it asks: slots change hands, and their keys stay behind, out of reach"
            ),
        }
        Ok(document.topology)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::topology::text;
    use std::path::PathBuf;

    #[test]
    fn the_log_says_what_is_wrong_once_and_when_it_is_over() {
        let path = PathBuf::from("/nowhere/t.toml");
        let topology = crate::topology::testing::topology_of(&["a"])
            .topology
            .clone();
        let live = LiveTopology::new(topology.clone()).unwrap();
        let mut publisher = Publisher::new(&path.clone().into(), live);
        let mut look = |text: Option<&str>| {
            let seen = match text {
                Some(text) => text::read(&path, text).map_err(StoreError::from),
                None => Err(FileError::Missing(path.clone()).into()),
            };
            publisher.take_up(seen);
            publisher.said.clone()
        };
        let good = text::print(&topology);
        assert!(look(None).unwrap().contains("there is no such file"));
        assert_eq!(look(Some(&good)), None);
        let bad = look(Some("nodes = 1")).unwrap();
        assert_eq!(bad.lines().count(), 1, "a record of the log is one line");
        assert!(look(None).unwrap().contains("there is no such file"));
        let again = look(Some("nodes = 1"));
        assert_eq!(again, Some(bad), "though nothing in it has changed");
        assert_eq!(look(Some(&good)), None);
        let mut old = topology.clone();
        old.shards[0].epoch = old.shards[0].epoch.next();
        let stale = look(Some(&text::print(&old))).unwrap();
        assert!(stale.contains("is not newer than version 1"), "{stale}");
    }
}
