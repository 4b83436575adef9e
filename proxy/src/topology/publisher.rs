//! What the store says of the topology, published to the threads that route by it.
//! Reaches: the [`LiveTopology`]. Never: reads or writes the store by itself, but for the first look at a start.
//! Invariants: a document that cannot be used is reported once and changes nothing; slots whose keys would stay behind change hands only where the document says
//! that this is meant.

use shared::config::{FileError, Problems, ProxyConfig, SettingValue as _, TopologyPlace};
use shared::topology::text::Document;
use shared::topology::{EpochStands, KeyLoss, Topology, epoch_stands, key_loss};
use store::{StoreError, TopologyStore, in_one_line};

use super::live::{LiveTopology, StaleTopology};
use crate::events::{Events, Kind, News};

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
    match ask_apart(async { store.load().await }) {
        Some(Ok(document)) => Ok(document.topology),
        Some(Err(error)) => Err(error.into()),
        None => Err(TopologyError::Store(StoreError::Ending)),
    }
}

/// What a question to the store comes to, asked on a thread and a runtime of its own, for the caller may be on one; `None`: there is none to be had.
pub(crate) fn ask_apart<T: Send>(question: impl Future<Output = T> + Send) -> Option<T> {
    let ask = move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().ok()?;
        Some(runtime.block_on(question))
    };
    let asked = std::thread::scope(|scope| scope.spawn(ask).join());
    asked.ok().flatten()
}

/// Publishes what the store says.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Where that is, for people.
    place: String,
    topology: LiveTopology,
    events: Events,
    /// What was told to be wrong.
    said: Option<String>,
    /// It was that the store is away.
    was_away: bool,
}

impl Publisher {
    /// Publishes to `topology` what is at `place`.
    pub(crate) fn new(place: &TopologyPlace, topology: LiveTopology, events: Events) -> Self {
        Self {
            place: place.print(),
            topology,
            events,
            said: None,
            was_away: false,
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
            self.tell(problem.as_deref(), is_away);
            self.said = problem;
        }
        used
    }

    /// What is wrong now, if anything is.
    fn tell(&mut self, problem: Option<&str>, is_away: bool) {
        let place = &self.place;
        let was_away = std::mem::replace(&mut self.was_away, is_away);
        self.events.tell(match problem {
            Some(problem) if is_away => News::warning(
                Kind::StoreAway,
                format!("the topology's store is away: traffic goes on by the topology in use, and nobody can change it, not even when a primary is lost: {place}: {problem}"),
            ),
            Some(problem) => News::warning(
                Kind::TopologyRefused,
                format!("topology not used; the one in use stays: {place}: {problem}"),
            ),
            None if was_away => {
                News::info(Kind::StoreBack, format!("the topology's store is there again: {place}"))
            }
            None => News::info(
                Kind::TopologyTaken,
                format!("the topology is in order again: {place}"),
            ),
        });
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
            None => {
                let news = News::info(Kind::TopologyTaken, "topology published");
                self.events.tell(news.at_version(version.0));
            }
            Some(loss) => {
                let words = format!(
                    "topology published as it asks: {} slots, {} key patterns and {} databases change hands, and their keys stay behind, out of reach",
                    loss.slots.len(),
                    loss.keys.len(),
                    loss.databases.len()
                );
                let news = News::warning(Kind::TopologyTaken, words);
                self.events.tell(news.at_version(version.0));
            }
        }
        Ok(document.topology)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::Clock;
    use shared::topology::text;
    use std::path::PathBuf;

    #[test]
    fn the_log_says_what_is_wrong_once_and_when_it_is_over() {
        let path = PathBuf::from("/nowhere/t.toml");
        let topology = crate::topology::testing::topology_of(&["a"])
            .topology
            .clone();
        let live = LiveTopology::new(topology.clone()).unwrap();
        let mut publisher =
            Publisher::new(&path.clone().into(), live, Events::new(Clock::system()));
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
