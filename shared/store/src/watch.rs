//! What is in the store, told whenever it changes.
//! Reaches: a task that looks, and a place for one thing that it has seen. Never: looks itself; says in a log what it hands on.
//! Invariants: nothing is told twice in a row; what is told last is what was there last, however slow who listens is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shared::topology::text::Document;
use tokio::sync::{Notify, mpsc};

use crate::error::{StoreError, in_one_line};
use crate::task::Task;

/// Hears of every change of the document, or of another text of the store, or of the newest when there were several; goes on by itself after whatever is wrong. Ends when it is dropped.
#[derive(Debug)]
pub struct Watch<T = Document> {
    seen: mpsc::Receiver<Result<T, StoreError>>,
    again: Arc<Notify>,
    looks: Looks,
    _task: Task,
}

/// How often the store has answered a watch. Cloning gives the same count.
#[derive(Clone, Debug, Default)]
pub struct Looks(Arc<AtomicU64>);

impl Looks {
    /// The number of answers since the watch began, news or not.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a text means; the place is named in problems.
pub(crate) type Reading<T> = fn(&Path, &str) -> Result<T, StoreError>;

/// A text of which the store knows nothing else.
pub(crate) fn as_it_is(_place: &Path, text: &str) -> Result<String, StoreError> {
    Ok(text.to_owned())
}

impl<T> Watch<T> {
    /// Lets `look` run, on the runtime of the caller.
    pub(crate) fn start<F>(
        place: PathBuf,
        read: Reading<T>,
        look: impl FnOnce(Feed<T>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // One place: who is slow gets what was seen first and then the newest.
        let (hand_on, seen) = mpsc::channel(1);
        let again = Arc::new(Notify::new());
        let looks = Looks::default();
        let feed = Feed {
            hand_on,
            looks: looks.clone(),
            again: Arc::clone(&again),
            judge: Judge::new(place, read),
        };
        Self {
            seen,
            again,
            looks,
            _task: Task::start(look(feed)),
        }
    }

    /// The first time what is there, then what is there instead: a document, or why there is none, each once. After a problem the document comes again even
    /// if it is the old one. A version comes once, and versions rise, as long as all who write go through the store; of what people write by hand the
    /// caller is the judge. `None` when the runtime ends. Nothing is lost when the caller stops waiting.
    pub async fn next(&mut self) -> Option<Result<T, StoreError>> {
        self.seen.recv().await
    }

    /// How often the store has answered.
    #[must_use]
    pub fn looks(&self) -> Looks {
        self.looks.clone()
    }

    /// Looks now, and tells what is there even if it was told before.
    pub fn look_again(&self) {
        self.again.notify_one();
    }
}

/// The other end of a [`Watch`], for who looks.
pub(crate) struct Feed<T> {
    hand_on: mpsc::Sender<Result<T, StoreError>>,
    looks: Looks,
    again: Arc<Notify>,
    judge: Judge<T>,
}

/// Nobody listens any more.
pub(crate) struct NobodyListens;

impl<T> Feed<T> {
    /// Hands on what was seen, if it is another thing than before, and says whether it was. Waits for who listens.
    pub(crate) async fn see(
        &mut self,
        look: Result<String, StoreError>,
    ) -> Result<bool, NobodyListens> {
        if look.is_ok() {
            self.looks.0.fetch_add(1, Ordering::Relaxed);
        }
        let Some(news) = self.judge.news(look) else {
            return Ok(false);
        };
        let sent = self.hand_on.send(news).await;
        sent.map(|()| true).map_err(|_| NobodyListens)
    }

    /// Resolves when somebody wants to be told again; what is seen next is news then.
    pub(crate) async fn asked_again(&mut self) {
        self.again.notified().await;
        self.judge.told = None;
    }
}

/// Whether what is seen is news. Pure.
struct Judge<T> {
    place: PathBuf,
    read: Reading<T>,
    told: Option<Told>,
}

/// What was told last.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// What this text says, or what is wrong with it.
    Text(String),
    /// It cannot be read, for this reason.
    Problem(String),
}

impl<T> Judge<T> {
    fn new(place: PathBuf, read: Reading<T>) -> Self {
        Self {
            place,
            read,
            told: None,
        }
    }

    fn news(&mut self, look: Result<String, StoreError>) -> Option<Result<T, StoreError>> {
        let seen = match &look {
            Ok(text) => Told::Text(text.clone()),
            Err(error) => Told::Problem(in_one_line(error)),
        };
        if self.told.as_ref() == Some(&seen) {
            return None;
        }
        self.told = Some(seen);
        Some(look.and_then(|text| (self.read)(&self.place, &text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use shared::config::FileError;

    const GOOD: &str = "version = 7\n[[node]]\nid = \"n1\"\naddress = \"127.0.0.1:7001\"\n[[shard]]\nid = \"s1\"\nprimary = \"n1\"\nslots = \"0-16383\"\n";

    #[test]
    fn what_is_seen_is_told_once_and_again_after_something_else() {
        let path = PathBuf::from("t.toml");
        let mut judge = Judge::new(path.clone(), document::read);
        let missing = || Err(FileError::Missing(path.clone()).into());
        let mut look = |text: Option<&str>| {
            let news = judge.news(text.map_or_else(missing, |text| Ok(text.to_owned())));
            news.map(|news| match news {
                Ok(document) => document.topology.version.to_string(),
                Err(error) => in_one_line(&error),
            })
        };
        let seven = Some("7".to_owned());
        let gone = Some("t.toml: there is no such file".to_owned());
        assert_eq!(look(Some(GOOD)), seven);
        assert_eq!(look(Some(GOOD)), None);
        assert_eq!(look(None), gone);
        assert_eq!(look(None), None);
        assert_eq!(look(Some(GOOD)), seven, "it is in order again");
        let wrong = look(Some("version = 8")).unwrap();
        assert!(wrong.starts_with("t.toml: slots 0-16383"), "{wrong}");
        assert_eq!(look(Some("version = 8")), None);
        assert_eq!(look(Some(&GOOD.replace('7', "8"))).as_deref(), Some("8"));
    }
}
