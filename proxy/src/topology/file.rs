//! The topology in a file: loaded at the start, and again whenever the file changes.
//! Reaches: the file, by the store that watches it; the [`LiveTopology`]. Never: writes the file.
//! Invariants: a file that cannot be used is reported once and changes nothing; slots whose keys would stay behind change hands only where the file says
//! that this is meant.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::config::{FileError, Problems, read_file};
use shared::topology::text::{self, Document};
use shared::topology::{KeyLoss, Topology, key_loss};
use store::{FileStore, StoreError, TopologyStore, in_one_line};

use super::live::{LiveTopology, StaleTopology};
use crate::reload::ReloadWatch;

/// Why a topology file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It does not hold a topology.
    #[error(transparent)]
    Text(#[from] Problems),
    /// It holds one that does not follow the one in use.
    #[error(transparent)]
    Stale(#[from] StaleTopology),
    /// Taking it up would put keys out of reach, and it does not say that this is meant.
    #[error(transparent)]
    KeyLoss(#[from] KeyLoss),
}

/// Reads the topology to start with. There is none to compare it with, so no slot changes hands.
///
/// # Errors
/// The file cannot be read, or holds something else; all problems are reported together.
pub(crate) fn load_topology(path: &Path) -> Result<Topology, TopologyFileError> {
    let content = read_file(path)?;
    Ok(text::parse(path, &content)?)
}

/// Publishes the file's topology whenever it changes.
pub(crate) struct TopologyService {
    path: PathBuf,
    topology: LiveTopology,
    reload: ReloadWatch,
}

#[async_trait]
impl Service for TopologyService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        mut shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let mut watch = TopologyStore::File(FileStore::new(&self.path)).watch();
        let mut said = None;
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                seen = watch.next() => match seen {
                    Some(seen) => self.take_up(seen, &mut said),
                    None => return,
                },
                () = self.reload.told() => {
                    // What is wrong with it is said again: somebody asked.
                    said = None;
                    watch.look_again();
                }
            }
        }
    }

    fn name(&self) -> &str {
        "topology"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

impl TopologyService {
    /// Publishes what `path` holds, now and whenever it changes or somebody says `reload`.
    pub(crate) fn new(path: PathBuf, topology: LiveTopology, reload: ReloadWatch) -> Self {
        Self {
            path,
            topology,
            reload,
        }
    }

    /// `said` is what the log says is wrong.
    fn take_up(&self, seen: Result<Document, StoreError>, said: &mut Option<String>) {
        let problem = match seen {
            Ok(document) => self
                .publish(document)
                .err()
                .map(|error| in_one_line(&error)),
            Err(error) => Some(in_one_line(&error)),
        };
        if problem == *said {
            return;
        }
        let path = self.path.display();
        match &problem {
            Some(problem) => {
                tracing::warn!(%path, %problem, "topology file not used; the topology in use stays");
            }
            None => tracing::info!(%path, "the topology file is in order again"),
        }
        *said = problem;
    }

    fn publish(&self, document: Document) -> Result<(), TopologyFileError> {
        let current = self.topology.load();
        let loss = key_loss(&current.topology, &document.topology);
        if let Some(loss) = &loss
            && loss.to > loss.from
            && !document.accepts(loss)
        {
            return Err(loss.clone().into());
        }
        let version = document.topology.version;
        let is_new = self.topology.publish(document.topology)?;
        match loss {
            _ if !is_new => {}
            None => tracing::info!(%version, "topology published"),
            Some(loss) => tracing::warn!(
                %version,
                slots = loss.slots.len(),
                "topology published as it asks: slots change hands, and their keys stay behind, out of reach"
            ),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::Reloading;

    #[test]
    fn the_log_says_what_is_wrong_once_and_when_it_is_over() {
        let path = PathBuf::from("/nowhere/t.toml");
        let topology = crate::topology::testing::topology_of(&["a"])
            .topology
            .clone();
        let live = LiveTopology::new(topology.clone()).unwrap();
        let service = TopologyService::new(path.clone(), live, Reloading::new().watch());
        let mut said = None;
        let mut look = |text: Option<&str>| {
            let seen = match text {
                Some(text) => text::read(&path, text).map_err(StoreError::from),
                None => Err(FileError::Missing(path.clone()).into()),
            };
            service.take_up(seen, &mut said);
            said.clone()
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
