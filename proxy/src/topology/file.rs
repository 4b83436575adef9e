//! The topology in a file: loaded at the start, and again whenever the file changes.
//! Reaches: the file, the [`LiveTopology`]. Never: writes the file.
//! Invariants: nobody waits for a file but the thread that reads it, not even the end; a file that cannot be used is reported once and changes nothing; slots whose keys would stay behind change hands only where the file says
//! that this is meant.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::config::{FileError, Problems, read_file};
use shared::topology::{KeyLoss, Topology, key_loss, text};
use tokio::sync::mpsc;

use super::live::{LiveTopology, StaleTopology};
use crate::reload::ReloadWatch;

/// The file is read this often even if nobody says that it changed: some file systems do not tell.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// Events of one change come in a bunch; they are waited for so that the file is read once.
const SETTLE: Duration = Duration::from_millis(5);

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
        let (changed, mut changes) = mpsc::channel(1);
        let watcher = watch_folder(&self.path, changed);
        if let Err(error) = &watcher {
            tracing::warn!(path = %self.path.display(), %error, "the topology file cannot be watched; it is read every two seconds");
        }
        let mut known = Known::default();
        loop {
            let path = self.path.clone();
            tokio::select! {
                _ = shutdown.changed() => return,
                Ok(content) = tokio::task::spawn_blocking(move || read_file(&path)) => {
                    self.take_up(content, &mut known);
                }
            }
            tokio::select! {
                _ = shutdown.changed() => return,
                Some(()) = changes.recv() => tokio::time::sleep(SETTLE).await,
                () = self.reload.told() => {
                    // What is wrong with it is said again: somebody asked.
                    known = Known::default();
                }
                () = tokio::time::sleep(POLL_EVERY) => {}
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

    fn take_up(&self, content: Result<String, FileError>, known: &mut Known) {
        let problem = match content {
            Ok(text) if known.text.as_ref() == Some(&text) => known.of_text.clone(),
            Ok(text) => {
                known.of_text = self.publish(&text).err().map(|error| in_one_line(&error));
                known.text = Some(text);
                known.of_text.clone()
            }
            Err(error) => Some(in_one_line(&error.into())),
        };
        if problem == known.said {
            return;
        }
        let path = self.path.display();
        match &problem {
            Some(problem) => {
                tracing::warn!(%path, %problem, "topology file not used; the topology in use stays");
            }
            None => tracing::info!(%path, "the topology file is in order again"),
        }
        known.said = problem;
    }

    fn publish(&self, content: &str) -> Result<(), TopologyFileError> {
        let document = text::read(&self.path, content)?;
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

/// What is known of the file.
#[derive(Default)]
struct Known {
    /// What it held when it could be read last.
    text: Option<String>,
    /// What is wrong with that.
    of_text: Option<String>,
    /// What the log says is wrong.
    said: Option<String>,
}

/// Problems of a file stand on a line each; a record of the log is one line, with the causes.
fn in_one_line(error: &TopologyFileError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line.replace('\n', "; ")
}

/// Watches the folder: a file that is replaced is another file, and a watch on the old one would see nothing.
fn watch_folder(path: &Path, changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let name = path.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns_us = event.is_ok_and(|event| {
            !matches!(event.kind, notify::EventKind::Access(_))
                && event
                    .paths
                    .iter()
                    .any(|path| path.file_name() == name.as_deref())
        });
        if concerns_us {
            // Full means that a read is due anyway.
            changed.try_send(()).ok();
        }
    })?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::Reloading;

    #[test]
    fn whatever_is_wrong_is_one_line_of_the_log() {
        let problems = text::read(Path::new("t.toml"), "nodes = 1\nshards = 2\n").unwrap_err();
        let error = TopologyFileError::from(problems);
        assert!(error.to_string().lines().count() > 2, "{error}");
        assert_eq!(in_one_line(&error).lines().count(), 1);
        assert_eq!(
            in_one_line(&error).matches("; ").count() + 1,
            error.to_string().replace("; ", "\n").lines().count()
        );
    }

    #[test]
    fn the_log_says_what_is_wrong_once_and_when_it_is_over() {
        let unreadable = FileError::Unreadable {
            path: "/t.toml".into(),
            source: std::io::ErrorKind::PermissionDenied.into(),
        };
        let line = in_one_line(&unreadable.into());
        assert_eq!(line, "/t.toml: cannot be read: permission denied");
        let path = PathBuf::from("/nowhere/t.toml");
        let topology = crate::topology::testing::topology_of(&["a"])
            .topology
            .clone();
        let live = LiveTopology::new(topology.clone()).unwrap();
        let service = TopologyService::new(path.clone(), live, Reloading::new().watch());
        let mut known = Known::default();
        let mut look = |text: Option<&str>| {
            let content = text.map_or_else(|| read_file(&path), |text| Ok(text.to_owned()));
            service.take_up(content, &mut known);
            known.said.clone()
        };
        let good = text::print(&topology);
        assert!(look(None).unwrap().contains("there is no such file"));
        assert_eq!(look(Some(&good)), None);
        let bad = look(Some("nodes = 1")).unwrap();
        assert!(look(None).unwrap().contains("there is no such file"));
        let again = look(Some("nodes = 1"));
        assert_eq!(again, Some(bad), "though nothing in it has changed");
        assert_eq!(look(Some(&good)), None);
    }
}
