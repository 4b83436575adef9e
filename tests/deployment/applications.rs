//! Applications that load the deployment: each has a connection that it opens again when it breaks, and counts what it sees.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::eventually::{PATIENCE, Stopwatch, eventually, pause};
use crate::support::{Client, Reply};

/// Requests that must have passed before the next fault, so that each phase has seen load.
const REQUESTS_PER_PHASE: u64 = 2_000;

/// Rounds of an application over one connection; then it takes a new one: soon after a proxy came back both have clients, and soon after one has said
/// that it stops it has none.
const ROUNDS_PER_CONNECTION: u64 = 50;

/// What applications have seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) stop: AtomicBool,
    answered: AtomicU64,
    /// Requests that were asked again over a new connection.
    pub(super) reconnects: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl Seen {
    pub(super) fn take_errors(&self) -> Vec<String> {
        std::mem::take(&mut *self.errors.lock().expect("nobody panicked with it"))
    }

    /// Returns when the applications have got that many more answers.
    pub(super) fn wait_for_load(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("the load goes on", || {
            self.answered.load(Ordering::Relaxed) >= before + REQUESTS_PER_PHASE
        });
    }
}

/// An application with a connection that it opens again when it breaks, and that asks again what was not answered.
pub(super) fn application(number: usize, address: SocketAddr, seen: &Seen) {
    let mut connection = None;
    let mut turn = 0_u64;
    while !seen.stop.load(Ordering::Relaxed) {
        let key = format!("application:{number}:{}", turn % 100);
        let value = format!("{turn}");
        let set = insist(&mut connection, address, &["SET", &key, &value], seen);
        let get = insist(&mut connection, address, &["GET", &key], seen);
        if let (Reply::Simple(_), Reply::Bulk(found)) = (&set, &get) {
            assert_eq!(
                String::from_utf8_lossy(found),
                value,
                "{key}: its own write"
            );
        }
        for reply in [set, get] {
            seen.answered.fetch_add(1, Ordering::Relaxed);
            if let Reply::Error(error) = reply {
                let error = String::from_utf8_lossy(&error).into_owned();
                seen.errors
                    .lock()
                    .expect("nobody panicked with it")
                    .push(error);
            }
        }
        turn += 1;
        if turn.is_multiple_of(ROUNDS_PER_CONNECTION) {
            connection = None;
        }
    }
}

/// Asks until there is a reply, over a new connection when the old one broke.
fn insist(
    connection: &mut Option<Client>,
    address: SocketAddr,
    words: &[&str],
    seen: &Seen,
) -> Reply {
    let watch = Stopwatch::start();
    loop {
        let client = match connection.take() {
            Some(client) => Ok(client),
            None => Client::try_connect(address),
        };
        let outcome = client.and_then(|mut client| {
            let reply = client.try_call(words)?;
            Ok((client, reply))
        });
        match outcome {
            Ok((client, reply)) => {
                *connection = Some(client);
                return reply;
            }
            Err(error) => {
                seen.reconnects.fetch_add(1, Ordering::Relaxed);
                assert!(watch.elapsed() < PATIENCE, "{words:?}: {error}");
            }
        }
    }
}

/// Keys of every shard.
const SPREAD: &[&str] = &[
    "MGET", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15",
];

/// One that errs all the time, so that there are errors of every kind to show, and asks all shards at once; what it is told is none of the applications'
/// business.
pub(super) fn erring_application(address: SocketAddr, seen: &Seen) {
    let mut connection = None;
    let nobody_counts = Seen::default();
    while !seen.stop.load(Ordering::Relaxed) {
        for words in [
            &["SET", "text", "no number"][..],
            &["INCR", "text"],
            &["NO-SUCH-COMMAND"],
            SPREAD,
        ] {
            insist(&mut connection, address, words, &nobody_counts);
        }
        pause(Duration::from_millis(20));
    }
}
