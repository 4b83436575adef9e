//! That a proxy is alive, and which version it has applied, for whoever waits until all have.
//! Reaches: a task that keeps it so. Never: safety. Who is cut off from the store is not on the list, and may live all the same.

use shared::topology::{ProxyId, Version};
use tokio::sync::watch;

use crate::task::Task;

/// Resolves when nobody can say another version any more.
pub(crate) async fn no_more(versions: &mut watch::Receiver<Version>) {
    while versions.changed().await.is_ok() {}
}

/// A proxy that is alive, as far as the store knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LiveProxy {
    /// Its name.
    pub id: ProxyId,
    /// The version that it has applied last.
    pub applied: Version,
}

/// Keeps a proxy on the list of those that live. It goes off the list soon after this is dropped, and when the process dies, however it dies.
#[derive(Debug)]
pub struct Announcement {
    applied: watch::Sender<Version>,
    task: Task,
}

impl Announcement {
    /// Lets `keep` run, on the runtime of the caller, until the versions end.
    pub(crate) fn start<F>(
        applied: Version,
        keep: impl FnOnce(watch::Receiver<Version>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (applied, versions) = watch::channel(applied);
        Self {
            applied,
            task: Task::start(keep(versions)),
        }
    }

    /// The proxy has applied this version. The list says so soon, and at once when the store can be reached.
    pub fn set_applied(&self, version: Version) {
        self.applied.send_replace(version);
    }

    /// Takes the proxy off the list, and waits until that is done or has failed; then the list forgets it by itself.
    pub async fn withdraw(self) {
        let Self { applied, task } = self;
        drop(applied);
        task.ended().await;
    }
}
