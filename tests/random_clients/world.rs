//! What the threads of a run know of each other: who leads what and since when, who lives, who waits, what has happened.
//! Touches: atomics and the list of events. Invariant: what has begun is announced before it is done, and what is over after it is.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::model::{SHARDS, Span};
use crate::support::eventually::Stopwatch;

/// Events that are kept to be shown when something fails.
const EVENTS: usize = 60;

/// How far a client is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Replies that it has got.
    pub(super) replies: AtomicU64,
    /// What it has sent or received in all, whole or not.
    activity: AtomicU64,
    /// It sends or receives.
    waits: AtomicBool,
}

impl Progress {
    /// Whatever `call` does is waiting.
    pub(super) fn while_waiting<T>(&self, call: impl FnOnce() -> T) -> T {
        self.waits.store(true, Ordering::SeqCst);
        let result = call();
        self.activity.fetch_add(1, Ordering::SeqCst);
        self.waits.store(false, Ordering::SeqCst);
        result
    }
}

/// The deaths of a node.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    pub(super) begun: AtomicU64,
    pub(super) over: AtomicU64,
    /// The number of the death in which it lies; 0 while it lives.
    pub(super) present: AtomicU64,
    /// The newest version that was in use in a death, and the number of that death.
    overtaken: Mutex<(u64, u64)>,
}

impl Deaths {
    /// A version is in use, and the node may be dead.
    pub(super) fn version_in_use(&self, version: u64) {
        let death = self.present.load(Ordering::SeqCst);
        *self.overtaken.lock().expect("nobody fails here") = (version, death);
    }

    /// The version before which nothing was sent to the node that had to be sent in this death, or later.
    fn first_version(&self, death: u64) -> u64 {
        let (version, of_death) = *self.overtaken.lock().expect("nobody fails here");
        if death > 0 && of_death == death {
            version
        } else {
            0
        }
    }
}

/// All of that.
#[derive(Debug)]
pub(super) struct World {
    /// Nobody begins anything more.
    pub(super) ends: AtomicBool,
    /// Nobody pauses clients.
    pub(super) is_calm: AtomicBool,
    /// The newest version of the topology that may be in use.
    pub(super) version: AtomicU64,
    /// The newest that is for certain.
    pub(super) version_in_use: AtomicU64,
    pub(super) deaths: [Deaths; SHARDS],
    pub(super) clients: Vec<Progress>,
    /// Replies that refuse a command or say that nobody knows.
    pub(super) refusals: AtomicU64,
    started: Stopwatch,
    events: Mutex<VecDeque<String>>,
}

impl World {
    pub(super) fn new(clients: usize, version: u64) -> Self {
        Self {
            ends: AtomicBool::new(false),
            is_calm: AtomicBool::new(false),
            version: AtomicU64::new(version),
            version_in_use: AtomicU64::new(version),
            deaths: Default::default(),
            clients: (0..clients).map(|_| Progress::default()).collect(),
            refusals: AtomicU64::new(0),
            started: Stopwatch::start(),
            events: Mutex::default(),
        }
    }

    pub(super) fn ends(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    /// A command that is sent now, and answered a moment later.
    pub(super) fn now(&self) -> Span {
        let deaths = |of: fn(&Deaths) -> &AtomicU64| {
            std::array::from_fn(|node| of(&self.deaths[node]).load(Ordering::SeqCst))
        };
        Span {
            from: self.version_in_use.load(Ordering::SeqCst),
            to: self.version.load(Ordering::SeqCst),
            deaths_before: deaths(|node| &node.over),
            deaths_by_end: deaths(|node| &node.begun),
            dead_in: deaths(|node| &node.present),
            first_version: [0; SHARDS],
        }
    }

    /// From when a command was sent until now.
    pub(super) fn since(&self, sent: &Span) -> Span {
        let now = self.now();
        Span {
            to: now.to,
            deaths_by_end: now.deaths_by_end,
            first_version: std::array::from_fn(|node| {
                self.deaths[node].first_version(sent.dead_in[node])
            }),
            ..*sent
        }
    }

    /// Seconds since the beginning, as printed.
    pub(super) fn time(&self) -> String {
        format!("{:9.3}", self.started.elapsed().as_secs_f64())
    }

    /// Whether the run has lasted so long.
    pub(super) fn lasts(&self, seconds: u64) -> bool {
        self.started.elapsed().as_secs() < seconds
    }

    /// Something happens to the cluster.
    pub(super) fn note(&self, event: impl Display) {
        let mut events = self.events.lock().expect("nobody fails while he notes");
        if events.len() == EVENTS {
            events.pop_front();
        }
        events.push_back(format!("{} {event}", self.time()));
    }

    /// What has happened, a line each.
    pub(super) fn events(&self) -> String {
        let events = self.events.lock().expect("nobody fails while he notes");
        events
            .iter()
            .fold(String::new(), |text, event| text + event + "\n")
    }

    /// How many replies each client has got.
    pub(super) fn replies(&self) -> Vec<u64> {
        let replies = |client: &Progress| client.replies.load(Ordering::SeqCst);
        self.clients.iter().map(replies).collect()
    }

    /// What all clients have done, when all of them wait.
    pub(super) fn activity_of_waiting(&self) -> Option<Vec<u64>> {
        let activity = |client: &Progress| {
            let waits = client.waits.load(Ordering::SeqCst);
            waits.then(|| client.activity.load(Ordering::SeqCst))
        };
        self.clients.iter().map(activity).collect()
    }
}
