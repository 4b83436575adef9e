//! What handlers of the admin listener share: ways to the threads, to what looks after shards, and to what is kept of the last hour.
//! Never: on the data path; it asks threads for copies of their counters, not more often than [`WORDS_LAST_MS`] says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use shared::topology::NodeId;
use tokio::sync::{Mutex, Semaphore, watch};

use super::guesses::Guesses;
use super::history::History;
use super::permission::{Denied, may_order, password};
use super::report;
use super::threads::{Threads, WORDS_LAST_MS, Word};
use super::totals::{Rates, Totals};
use super::vitals::Vitals;
use crate::control::requests::{Requests, Shown};
use crate::events::{Kind, News};
use crate::facts::ProxyShared;
use crate::reload::Reloading;

/// How long the part that looks after shards may take to say what it knows: it waits for nobody.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// Who looks on is told rates over at least so long, milliseconds: a little less than the second at which streams look.
const LEAST_SPAN_MS: u64 = 900;

/// Beyond it, what was so before is no measure of what is: nobody looked on.
const LONGEST_SPAN_MS: u64 = 10_000;

/// Streams at a time: a few people who look on.
pub(super) const MOST_STREAMS: usize = 16;

/// What an operator may set going.
#[derive(Clone, Debug)]
pub(crate) struct Levers {
    /// Files are read again.
    pub(crate) reloading: Reloading,
    /// Clients are let go, and the proxy ends.
    pub(crate) drain: watch::Sender<bool>,
    /// Why it may not be drained by itself, where it may not.
    pub(crate) no_drain: Option<&'static str>,
}

/// What was so at a moment.
#[derive(Debug)]
struct Moment {
    at_ms: u64,
    totals: Totals,
    rates: Option<Rates>,
}

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) history: History,
    /// What nodes have said last, and when, monotonic milliseconds.
    pub(super) vitals: BTreeMap<NodeId, (u64, Vitals)>,
}

/// What handlers share.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) shared: Arc<ProxyShared>,
    pub(super) leaving: watch::Receiver<bool>,
    pub(super) requests: Requests,
    pub(super) levers: Levers,
    /// One for each stream that may be open.
    pub(super) streams: Arc<Semaphore>,
    /// One request at a time asks the threads.
    threads: Arc<Mutex<Threads>>,
    /// The last page, and when it was made.
    metrics: Arc<Mutex<Option<(u64, String)>>>,
    moment: Arc<std::sync::Mutex<Option<Moment>>>,
    kept: Arc<std::sync::Mutex<Kept>>,
    guesses: Arc<std::sync::Mutex<Guesses>>,
}

impl Desk {
    pub(super) fn new(
        shared: Arc<ProxyShared>,
        leaving: watch::Receiver<bool>,
        requests: Requests,
        levers: Levers,
    ) -> Self {
        Self {
            shared,
            leaving,
            requests,
            levers,
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            threads: Arc::default(),
            metrics: Arc::default(),
            moment: Arc::default(),
            kept: Arc::default(),
            guesses: Arc::default(),
        }
    }

    /// Whether somebody may give orders, and be told what only those are told who may. Wrong passwords are counted.
    pub(super) fn allow(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<(), Denied> {
        let now_ms = self.shared.clock.monotonic_ms();
        let mut guesses = lock(&self.guesses);
        if password(headers).is_some() && !guesses.may_guess(peer.ip(), now_ms) {
            return Err(Denied::TooManyGuesses);
        }
        let (users, protected_mode) = (
            self.shared.access.users(),
            self.shared.config.protected_mode,
        );
        let allowed = may_order(headers, peer.ip(), &users, protected_mode);
        let is_wrong = allowed == Err(Denied::Password) && password(headers).is_some();
        if is_wrong && guesses.wrong(peer.ip(), now_ms) {
            let words = "wrong passwords at the admin listener, one after the other: none is taken from there for a minute";
            let news = News::warning(Kind::Order, words).of_peer(peer);
            self.shared.events.tell(news);
        }
        allowed
    }

    pub(super) async fn words(&self) -> Vec<Word> {
        self.threads.lock().await.words(&self.shared).await
    }

    /// What is known of the topology, its nodes and its store. Where nobody looks after them, or is not heard at once, the topology alone is.
    pub(super) async fn shown(&self) -> Shown {
        let shown = tokio::time::timeout(SHOWN_WITHIN, self.requests.show()).await;
        let known = shown.ok().and_then(Result::ok);
        known.unwrap_or_else(|| Shown::of(self.shared.topology.load().topology.clone()))
    }

    /// The page of metrics, made anew when it is too old.
    pub(super) async fn metrics(&self) -> String {
        let mut last = self.metrics.lock().await;
        let now_ms = self.shared.clock.monotonic_ms();
        if let Some((made_ms, page)) = &*last
            && now_ms < made_ms + WORDS_LAST_MS
        {
            return page.clone();
        }
        let (words, shown) = tokio::join!(self.words(), self.shown());
        let page = report::render(&self.shared, &words, &shown);
        *last = Some((self.shared.clock.monotonic_ms(), page.clone()));
        page
    }

    /// How things go now: since somebody looked last, or if that is long ago, as of the newest sample.
    pub(super) fn rates(&self, words: &[Word]) -> Option<Rates> {
        let now_ms = self.shared.clock.monotonic_ms();
        let mut moment = lock(&self.moment);
        let span_ms = moment
            .as_ref()
            .map(|last| now_ms.saturating_sub(last.at_ms));
        if span_ms.is_none_or(|span_ms| span_ms >= LEAST_SPAN_MS) {
            let totals = Totals::of(words);
            let last = moment.take().zip(span_ms);
            let near = last.filter(|(_, span_ms)| *span_ms <= LONGEST_SPAN_MS);
            let rates = near.map(|(last, span_ms)| totals.since(&last.totals, span_ms));
            *moment = Some(Moment {
                at_ms: now_ms,
                totals,
                rates,
            });
        }
        let rates = moment.as_ref().and_then(|moment| moment.rates.clone());
        drop(moment);
        rates.or_else(|| Some(self.kept().history.last()?.rates.clone()))
    }

    /// What is kept, for a moment.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }

    pub(super) fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic could leave half-done of these is a number that is a little wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
