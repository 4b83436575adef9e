//! What clients and the one who disturbs them know of each other, and the telephone of every client: over whichever proxy is there, with an answer that says
//! whether something was done, was not, or may have been.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use shared::slot::{SLOT_COUNT, SlotId};

use crate::support::eventually::{Stopwatch, eventually_within, pause};
use crate::support::{Client, Reply, encode};

/// After so long without a reply a client is stuck: more than any deadline of a proxy.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(25);

/// Pause after a connection that could not be made, or a refusal.
const AGAIN: Duration = Duration::from_millis(5);

/// First words of errors that say that nothing was done.
const REFUSALS: [&str; 5] = [
    "CLUSTERDOWN",
    "LOADING",
    "READONLY",
    "EXECABORT",
    "MASTERDOWN",
];

/// The run.
pub(super) struct World {
    pub(super) proxies: Vec<SocketAddr>,
    /// A hash tag of each shard.
    pub(super) tags: Vec<String>,
    watch: Stopwatch,
    /// Nobody makes anything new.
    ends: AtomicBool,
    /// Everything that there will be is there.
    all_is_made: AtomicBool,
    /// What each client was told.
    progress: Vec<AtomicU64>,
}

impl World {
    pub(super) fn new(proxies: Vec<SocketAddr>, shards: usize, clients: usize) -> Self {
        let tag_of = |shard: usize| {
            let slots = usize::from(SLOT_COUNT) / shards;
            let is_of = |tag: &String| {
                let slot = usize::from(SlotId::of_key(tag.as_bytes()).number());
                (shard * slots..(shard + 1) * slots).contains(&slot)
            };
            (0..).map(|number| format!("t{number}")).find(is_of)
        };
        Self {
            proxies,
            tags: (0..shards)
                .map(|shard| tag_of(shard).expect("one of a few"))
                .collect(),
            watch: Stopwatch::start(),
            ends: AtomicBool::new(false),
            all_is_made: AtomicBool::new(false),
            progress: (0..clients).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::SeqCst);
    }

    pub(super) fn ends(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    pub(super) fn all_is_made(&self) {
        self.all_is_made.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_all_made(&self) -> bool {
        self.all_is_made.load(Ordering::SeqCst)
    }

    pub(super) fn gets_on(&self, client: usize) {
        // Who asks at the end has no part in the run.
        if let Some(count) = self.progress.get(client) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often clients were told something.
    pub(super) fn told(&self) -> Vec<u64> {
        let progress = self.progress.iter();
        progress
            .map(|count| count.load(Ordering::Relaxed))
            .collect()
    }

    /// Waits until every client has been told something new.
    pub(super) fn everybody_gets_on(&self) {
        let before = self.told();
        eventually_within(STUCK_AFTER, "every client gets on", || {
            let now = self.told();
            self.ends() || now.iter().zip(&before).all(|(now, before)| now > before)
        });
    }
}

/// Ends the run for all when the thread that holds it fails.
pub(super) struct EndsRun<'a>(pub(super) &'a World);

impl Drop for EndsRun<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end();
            self.0.all_is_made();
        }
    }
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was done, and this is the reply.
    Reply(Reply),
    /// It was not done.
    Refused,
    /// It may have been done.
    Unknown,
}

/// A client that looks for another proxy when its own is gone.
pub(super) struct Caller<'a> {
    pub(super) world: &'a World,
    pub(super) name: usize,
    client: Option<Client>,
    /// Connections made so far.
    connections: usize,
    attempts: usize,
}

impl<'a> Caller<'a> {
    pub(super) fn new(world: &'a World, name: usize) -> Self {
        Self {
            world,
            name,
            client: None,
            connections: 0,
            attempts: name,
        }
    }

    /// The connection, and which one of its connections it is; another proxy is asked each time that there is none.
    pub(super) fn connection(&mut self) -> Option<(usize, &mut Client)> {
        if self.client.is_none() {
            self.attempts += 1;
            let proxies = &self.world.proxies;
            match Client::try_connect(proxies[self.attempts % proxies.len()]) {
                Ok(client) => {
                    client.set_read_deadline(STUCK_AFTER);
                    self.connections += 1;
                    self.client = Some(client);
                }
                Err(_) => pause(AGAIN),
            }
        }
        let number = self.connections;
        self.client.as_mut().map(|client| (number, client))
    }

    /// The connection is of no use any more; one that was silent too long fails the test.
    pub(super) fn is_lost(&mut self, error: &io::Error) {
        let is_stuck = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        );
        assert!(!is_stuck, "client {} is stuck", self.name);
        // The end of the connection may come within a line.
        let is_wrong = error.kind() == io::ErrorKind::InvalidData
            && !error.to_string().contains("line without end");
        assert!(!is_wrong, "client {}: {error}", self.name);
        self.client = None;
    }

    /// Asks, and is told.
    pub(super) fn tell(&mut self, words: &[&str]) -> Told {
        self.tell_all(&[words], None)
    }

    /// The commands in one write; what the last one was told is told. Nothing is sent when the connection is another one than this.
    pub(super) fn tell_all(&mut self, commands: &[&[&str]], over: Option<usize>) -> Told {
        let Some((number, client)) = self.connection() else {
            return Told::Refused;
        };
        if over.is_some_and(|over| over != number) {
            return Told::Refused;
        }
        let bytes: Vec<u8> = commands.iter().flat_map(|words| encode(words)).collect();
        let mut told = client.send(&bytes).and_then(|()| client.receive());
        for _ in 1..commands.len() {
            told = told.and_then(|_| client.receive());
        }
        match told {
            Err(error) => {
                self.is_lost(&error);
                Told::Unknown
            }
            Ok(reply) => {
                self.world.gets_on(self.name);
                judge(reply, commands)
            }
        }
    }

    /// The reply, however long it takes; for what may be asked again.
    pub(super) fn insist(&mut self, words: &[&str]) -> Reply {
        let mut found = None;
        eventually_within(STUCK_AFTER, "it is answered", || {
            if let Told::Reply(reply) = self.tell(words) {
                found = Some(reply);
            }
            found.is_some()
        });
        found.expect("just found")
    }
}

fn judge(reply: Reply, commands: &[&[&str]]) -> Told {
    let Some(text) = reply.error_text() else {
        return Told::Reply(reply);
    };
    let word = text.split(' ').next().unwrap_or_default();
    match word {
        "UNKNOWN" => Told::Unknown,
        "NOSCRIPT" => Told::Reply(reply),
        word if REFUSALS.contains(&word) => {
            pause(AGAIN);
            Told::Refused
        }
        _ => panic!("{commands:?} was answered with {text}"),
    }
}
