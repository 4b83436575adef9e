//! The word "read your files again", from whoever caught a SIGHUP to the services that watch files.
//! Never: reads a file. Words that come while one is being obeyed are one word.

use tokio::sync::watch;

/// Says the word.
#[derive(Clone, Debug)]
pub struct Reloading(watch::Sender<()>);

/// Hears it.
#[derive(Debug)]
pub(crate) struct ReloadWatch(watch::Receiver<()>);

impl Reloading {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Topology and certificates are read again, whether they have changed or not.
    pub fn read_again(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn watch(&self) -> ReloadWatch {
        ReloadWatch(self.0.subscribe())
    }
}

impl ReloadWatch {
    /// Resolves at the next word; never once nobody can say it any more.
    pub(crate) async fn told(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
