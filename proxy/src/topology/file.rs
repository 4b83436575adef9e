//! The topology in a file: loaded at the start, and again whenever the file changes.
//! Reaches: the file, the [`LiveTopology`]. Never: writes the file.
//! Invariant: a file that cannot be used is reported once and changes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::config::read_file;
use shared::topology::{Topology, text};
use tokio::sync::mpsc;

use super::live::LiveTopology;
use crate::server::ProxyError;

/// The file is read this often even if nobody says that it changed: some file systems do not tell.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// Events of one change come in a bunch; they are waited for so that the file is read once.
const SETTLE: Duration = Duration::from_millis(5);

/// Reads the topology.
///
/// # Errors
/// The file cannot be read, or holds something else; all problems are reported together.
pub(crate) fn load_topology(path: &Path) -> Result<Topology, ProxyError> {
    let content = read_file(path)?;
    Ok(text::parse(path, &content)?)
}

/// A file to be watched.
#[derive(Debug)]
pub(crate) struct TopologyWatch {
    path: PathBuf,
}

impl TopologyWatch {
    /// Watches this file.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The service that publishes what the file says.
    pub(crate) fn service(self, topology: LiveTopology) -> TopologyService {
        TopologyService {
            path: self.path,
            topology,
        }
    }
}

/// Publishes the file's topology whenever it changes.
pub(crate) struct TopologyService {
    path: PathBuf,
    topology: LiveTopology,
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
        let mut last_text = None;
        let mut last_problem = String::new();
        loop {
            self.read_once(&mut last_text, &mut last_problem);
            tokio::select! {
                _ = shutdown.changed() => return,
                Some(()) = changes.recv() => tokio::time::sleep(SETTLE).await,
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
    fn read_once(&self, last_text: &mut Option<String>, last_problem: &mut String) {
        let content = read_file(&self.path).map_err(ProxyError::from);
        if let Ok(content) = &content
            && last_text.as_ref() == Some(content)
        {
            return;
        }
        let published = content.and_then(|content| {
            let topology = text::parse(&self.path, &content);
            *last_text = Some(content);
            let topology = topology?;
            let version = topology.version;
            Ok((version, self.topology.publish(topology)?))
        });
        match published {
            Ok((version, true)) => tracing::info!(%version, "topology published"),
            Ok((_, false)) => {}
            Err(error) => {
                let problem = error.to_string();
                if problem != *last_problem {
                    tracing::warn!(path = %self.path.display(), %problem, "topology file not used; the topology in use stays");
                    *last_problem = problem;
                }
                return;
            }
        }
        last_problem.clear();
    }
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
