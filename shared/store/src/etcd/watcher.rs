//! Looks at the document, or another text, whenever etcd says that it changes.
//! Reaches: etcd. A watch only says that there is something new; the document itself is always read by a majority, so that it never goes back.
//! Invariants: a watch begins behind what was read before, so nothing falls between the two; where it breaks, is refused or its revision is compacted away, the
//! document is read anew; a silent watch is found out by reading now and then.

use std::time::Duration;

use shared::backoff::Backoff;
use tokio::time::sleep;

use super::http::Stream;
use super::messages;
use super::{Entry, EtcdStore, dice};
use crate::error::{EtcdError, StoreError};
use crate::said::Said;
use crate::watch::{Feed, NobodyListens};

/// The document is read this often even if nobody says that it changed: a member may hang with all connections open.
const POLL_EVERY: Duration = Duration::from_secs(5);

/// Pauses after what went wrong.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Looks until nobody listens.
pub(super) async fn run<T: Send>(etcd: EtcdStore, key: String, feed: Feed<T>) {
    let mut watcher = Watcher {
        etcd,
        key,
        feed,
        stream: None,
        was_told: false,
        pauses: Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE),
        said: Said::default(),
    };
    while watcher.turn().await.is_ok() {}
}

struct Watcher<T> {
    etcd: EtcdStore,
    /// Under which it lies.
    key: String,
    feed: Feed<T>,
    /// The watch, and the place of the member that it is from.
    stream: Option<(Stream, usize)>,
    /// Whether the watch has said that there is something new.
    was_told: bool,
    pauses: Backoff,
    said: Said,
}

/// Why to look again.
enum Reason {
    /// It is time, or somebody asks.
    Due,
    /// The watch says that something is new.
    News,
    /// The watch has ended.
    Cut,
}

impl<T> Watcher<T> {
    /// Looks, tells, and waits for a reason to look again.
    async fn turn(&mut self) -> Result<(), NobodyListens> {
        let (is_news, next) = match self.etcd.entry(&self.key).await {
            Ok(Entry { text, revision, .. }) => {
                (self.feed.see(Ok(text)).await?, Some(revision + 1))
            }
            Err(error) => (self.feed.see(Err(StoreError::from(error))).await?, None),
        };
        let was_told = std::mem::take(&mut self.was_told);
        if was_told && !is_news {
            // A watch that says so again and again without a reason must not keep us busy.
            self.pause().await;
        }
        match next {
            Some(next) => self.listen_from(next).await,
            None => self.stream = None,
        }
        match self.wait().await {
            Reason::Due => self.pauses.reset(),
            Reason::News => {
                self.stream = None;
                self.was_told = true;
            }
            Reason::Cut => {
                self.stream = None;
                self.pause().await;
            }
        }
        Ok(())
    }

    /// Watches from this revision on, unless a watch is open at the member that answers.
    async fn listen_from(&mut self, next: i64) {
        let preferred = self.etcd.gateway.preferred();
        if self
            .stream
            .as_ref()
            .is_some_and(|(_, place)| *place == preferred)
        {
            return;
        }
        let question = messages::watch(&self.key, next);
        let begun = self.etcd.gateway.listen(&question).await;
        self.stream = begun.map_err(|error| self.note(&error)).ok();
        if self.stream.is_some() && self.said.over() {
            tracing::info!(key = self.key, "what etcd holds is watched again");
        }
    }

    fn note(&mut self, error: &EtcdError) {
        if let Some(problem) = self.said.news(error) {
            tracing::warn!(
                problem,
                key = self.key,
                "what etcd holds cannot be watched; it is read every few seconds"
            );
        }
    }

    async fn wait(&mut self) -> Reason {
        let Some((stream, _)) = &mut self.stream else {
            return Reason::Cut;
        };
        tokio::select! {
            has_more = stream.has_more() => if has_more { Reason::News } else { Reason::Cut },
            () = self.feed.asked_again() => Reason::Due,
            () = sleep(POLL_EVERY) => Reason::Due,
        }
    }

    /// Waits after what went wrong, or until somebody asks.
    async fn pause(&mut self) {
        let pause = self.pauses.after_failure(dice());
        tokio::select! {
            () = sleep(pause) => {}
            () = self.feed.asked_again() => {}
        }
    }
}
