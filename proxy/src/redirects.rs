//! Clients that are told in the place of others (CLIENT TRACKING … REDIRECT): where each client of the proxy is, and what is on its way to those of other threads.
//! Pure but for the lock around the list, which nobody takes who carries out requests on keys, and for a count of what a thread has not taken yet.
//! Invariants: words for one thread come in their order; what is told of changes is told, or all is told to have changed, and nothing is left out.
//! Bounds: what waits for a thread, and what lies there ([`MOST_BYTES`] each). Beyond that whoever is to be told of keys is told once to forget all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::slab::Key;

/// Most bytes of words that wait for a thread, and of those that it has been sent and has not heard yet.
const MOST_BYTES: usize = 1 << 20;

/// What a word takes beside its keys.
const WORD_BYTES: usize = 64;

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientPlace {
    /// Which thread serves it.
    pub(crate) thread: usize,
    /// What it is called there.
    pub(crate) key: Key,
}

/// Where all clients of the proxy are, by number.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts(Mutex<HashMap<u64, ClientPlace>>);

impl Whereabouts {
    /// A client has come.
    pub(crate) fn enter(&self, id: u64, place: ClientPlace) {
        self.list().insert(id, place);
    }

    /// It has gone.
    pub(crate) fn leave(&self, id: u64) {
        self.list().remove(&id);
    }

    /// Where it is, if it is there.
    pub(crate) fn find(&self, id: u64) -> Option<ClientPlace> {
        self.list().get(&id).copied()
    }

    fn list(&self) -> MutexGuard<'_, HashMap<u64, ClientPlace>> {
        // A line is there or is not, whoever panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys that have changed; `None`: any may have.
pub(crate) type ChangedKeys = Option<Vec<Box<[u8]>>>;

/// What one thread tells another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A client there is told of changes.
    Changed {
        /// The client.
        to: Key,
        /// In whose place; these are the thread's that says it.
        trackers: Vec<Key>,
        /// What has changed.
        keys: ChangedKeys,
    },
    /// Clients there cannot be told for: who was to be told in their place has gone.
    NobodyThere {
        /// The clients.
        trackers: Vec<Key>,
        /// What that one was called at the thread that says it.
        to: Key,
    },
}

impl Word {
    fn bytes(&self) -> usize {
        let (Self::Changed { trackers, .. } | Self::NobodyThere { trackers, .. }) = self;
        let keys = match self {
            Self::Changed {
                keys: Some(keys), ..
            } => keys
                .iter()
                .map(|key| key.len() + size_of::<Box<[u8]>>())
                .sum(),
            _ => 0,
        };
        WORD_BYTES + keys + size_of_val(&trackers[..])
    }
}

/// Words on their way to a thread.
#[derive(Debug)]
pub(crate) struct Words {
    /// The thread that says them.
    pub(crate) from: usize,
    /// In their order.
    pub(crate) words: Vec<Word>,
    bytes: usize,
    lying: Arc<AtomicUsize>,
}

impl Drop for Words {
    fn drop(&mut self) {
        self.lying.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Words for one thread.
#[derive(Debug, Default)]
struct Way {
    waiting: Vec<Word>,
    bytes: usize,
    /// Whom to tell that all has changed, and in whose place; before what waits.
    all: BTreeMap<Key, BTreeSet<Key>>,
    /// Bytes that the thread has been sent and has not heard.
    lying: Arc<AtomicUsize>,
}

impl Way {
    fn is_ready(&self) -> bool {
        let has_some = !self.waiting.is_empty() || !self.all.is_empty();
        has_some && self.lying.load(Ordering::Relaxed) < MOST_BYTES
    }

    fn tell(&mut self, word: Word) {
        if let Word::Changed { to, trackers, .. } = &word
            && let Some(known) = self.all.get_mut(to)
        {
            known.extend(trackers);
            return;
        }
        self.bytes += word.bytes();
        self.waiting.push(word);
        if self.bytes > MOST_BYTES {
            self.shorten();
        }
    }

    /// Whoever is to be told of keys is told of all.
    fn shorten(&mut self) {
        let mut gone: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        for word in std::mem::take(&mut self.waiting) {
            let (list, to, trackers) = match word {
                Word::Changed { to, trackers, .. } => (&mut self.all, to, trackers),
                Word::NobodyThere { to, trackers } => (&mut gone, to, trackers),
            };
            list.entry(to).or_default().extend(trackers);
        }
        let gone = gone.into_iter().map(|(to, trackers)| Word::NobodyThere {
            trackers: trackers.into_iter().collect(),
            to,
        });
        self.waiting = gone.collect();
        // What is left is no more than clients, and does not count.
        self.bytes = 0;
    }

    fn take(&mut self, from: usize) -> Words {
        let all = std::mem::take(&mut self.all).into_iter();
        let all = all.map(|(to, trackers)| Word::Changed {
            to,
            trackers: trackers.into_iter().collect(),
            keys: None,
        });
        let words: Vec<Word> = all.chain(std::mem::take(&mut self.waiting)).collect();
        let bytes = words.iter().map(Word::bytes).sum();
        self.bytes = 0;
        self.lying.fetch_add(bytes, Ordering::Relaxed);
        Words {
            from,
            words,
            bytes,
            lying: Arc::clone(&self.lying),
        }
    }
}

/// What a thread has to tell others.
#[derive(Debug)]
pub(crate) struct Redirects {
    /// Which thread it is.
    pub(crate) thread: usize,
    ways: Vec<Way>,
    has_news: bool,
}

impl Redirects {
    /// Of one of so many threads.
    pub(crate) fn new(thread: usize, threads: usize) -> Self {
        Self {
            thread,
            ways: (0..threads).map(|_| Way::default()).collect(),
            has_news: false,
        }
    }

    /// Something for another thread.
    pub(crate) fn tell(&mut self, thread: usize, word: Word) {
        if let Some(way) = self.ways.get_mut(thread) {
            way.tell(word);
            self.has_news = true;
        }
    }

    /// What could not be sent may be by now.
    pub(crate) fn look_again(&mut self) {
        self.has_news |= self.ways.iter().any(Way::is_ready);
    }

    /// Whether there is something to send.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// Threads that can be sent something; each is named once for all that came since.
    pub(crate) fn take_ready(&mut self) -> Vec<usize> {
        if !std::mem::take(&mut self.has_news) {
            return Vec::new();
        }
        let ready = self.ways.iter().enumerate();
        let ready = ready.filter(|(_, way)| way.is_ready());
        ready.map(|(thread, _)| thread).collect()
    }

    /// What is to be sent there.
    pub(crate) fn take(&mut self, thread: usize) -> Words {
        self.ways[thread].take(self.thread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    fn keys(count: usize) -> Vec<Key> {
        let mut slab = Slab::new();
        (0..count).map(|number| slab.insert(number)).collect()
    }

    fn changed(to: Key, tracker: Key, key: &str) -> Word {
        Word::Changed {
            to,
            trackers: vec![tracker],
            keys: Some(vec![key.as_bytes().into()]),
        }
    }

    #[test]
    fn words_come_in_their_order_and_what_would_be_too_much_becomes_all() {
        let clients = keys(4);
        let mut redirects = Redirects::new(0, 2);
        assert!(redirects.take_ready().is_empty());
        redirects.tell(1, changed(clients[0], clients[2], "a"));
        redirects.tell(1, changed(clients[1], clients[2], "b"));
        assert_eq!(redirects.take_ready(), [1]);
        assert!(redirects.take_ready().is_empty(), "once");
        let words = redirects.take(1);
        let expected = [
            changed(clients[0], clients[2], "a"),
            changed(clients[1], clients[2], "b"),
        ];
        assert_eq!((words.from, &words.words[..]), (0, &expected[..]));
        drop(words);
        let gone = Word::NobodyThere {
            trackers: vec![clients[3]],
            to: clients[1],
        };
        redirects.tell(1, gone);
        let long = "k".repeat(1_000);
        for _ in 0..2_000 {
            redirects.tell(1, changed(clients[0], clients[2], &long));
        }
        redirects.tell(1, changed(clients[0], clients[3], "c"));
        redirects.tell(1, changed(clients[1], clients[2], "d"));
        let words = redirects.take(1);
        let all = Word::Changed {
            to: clients[0],
            trackers: vec![clients[2], clients[3]],
            keys: None,
        };
        assert_eq!(words.words[0], all);
        let gone = Word::NobodyThere {
            trackers: vec![clients[3]],
            to: clients[1],
        };
        assert_eq!(words.words[1], gone, "is told");
        assert_eq!(words.words[2], changed(clients[1], clients[2], "d"));
        assert_eq!(words.words.len(), 3);
    }

    #[test]
    fn a_thread_that_hears_nothing_is_sent_no_more_than_the_bound() {
        let clients = keys(2);
        let mut redirects = Redirects::new(0, 2);
        let long = "k".repeat(MOST_BYTES / 2);
        let mut lying = Vec::new();
        for _ in 0..3 {
            redirects.tell(1, changed(clients[0], clients[1], &long));
            for thread in redirects.take_ready() {
                lying.push(redirects.take(thread));
            }
        }
        assert_eq!(lying.len(), 2);
        redirects.look_again();
        assert!(redirects.take_ready().is_empty());
        lying.clear();
        redirects.look_again();
        assert_eq!(redirects.take_ready(), [1]);
    }

    #[test]
    fn clients_are_found_by_their_numbers_while_they_are_there() {
        let whereabouts = Whereabouts::default();
        let key = keys(1)[0];
        let place = ClientPlace { thread: 3, key };
        whereabouts.enter(7, place);
        assert_eq!(whereabouts.find(7), Some(place));
        assert_eq!(whereabouts.find(8), None);
        whereabouts.leave(7);
        assert_eq!(whereabouts.find(7), None);
    }
}
