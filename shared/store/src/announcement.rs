//! That a proxy is alive, which version it has applied, for whoever waits until all have, and where it hears what others see.
//! Reaches: a task that keeps it so. Never: safety. Who is cut off from the store is not on the list, and may live all the same.

use shared::topology::{Address, ProxyId, Version};
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
    /// Where other proxies reach its gossip, if it takes part.
    pub gossip: Option<Address>,
}

impl LiveProxy {
    /// What the store keeps of it beside its name: the version, and behind a space the address if there is one.
    pub(crate) fn to_line(applied: Version, gossip: Option<&Address>) -> String {
        match gossip {
            Some(gossip) => format!("{applied} {gossip}"),
            None => applied.to_string(),
        }
    }

    /// Reads what [`Self::to_line`] has written.
    pub(crate) fn of_line(id: ProxyId, line: &str) -> Option<Self> {
        let (version, gossip) = match line.trim_end().split_once(' ') {
            Some((version, gossip)) => (version, Some(gossip.parse().ok()?)),
            None => (line.trim_end(), None),
        };
        let applied = Version(version.parse().ok()?);
        Some(Self {
            id,
            applied,
            gossip,
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_the_version_and_perhaps_where_gossip_is_heard() {
        let check = |line: &str, expected: Option<(u64, Option<&str>)>| {
            let id: ProxyId = "p1".parse().unwrap();
            let expected = expected.map(|(version, gossip)| LiveProxy {
                id: id.clone(),
                applied: Version(version),
                gossip: gossip.map(|gossip| gossip.parse().unwrap()),
            });
            assert_eq!(LiveProxy::of_line(id, line), expected, "{line:?}");
            if let Some(LiveProxy {
                applied, gossip, ..
            }) = expected
            {
                let written = LiveProxy::to_line(applied, gossip.as_ref());
                assert_eq!(written, line.trim_end());
            }
        };
        check("7", Some((7, None)));
        check("7\n", Some((7, None)));
        check("7 10.0.0.1:7000\n", Some((7, Some("10.0.0.1:7000"))));
        check("7 [::1]:7000", Some((7, Some("[::1]:7000"))));
        for wrong in ["", "\n", "x", "-1", "7 nowhere", "7 a:1 b:2"] {
            check(wrong, None);
        }
    }
}
