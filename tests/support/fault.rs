//! Faults on purpose: a relay that delays, holds or cuts what flows between two parties.
//! (Processes are paused, killed and restarted by [`super::servers::Server`].) Touches only sockets it opened.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::eventually::pause;

/// How often a held relay looks whether it may go on.
const HELD_LOOK: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
struct Settings {
    reply_delay_ms: AtomicU64,
    requests_held: AtomicBool,
    replies_held: AtomicBool,
    stopped: AtomicBool,
    generation: AtomicU64,
}

/// What becomes of the bytes that a client sends: a new filter for each connection.
pub(crate) type Filter = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

/// A TCP relay in front of a server: a slow shard, a silent one, a torn connection.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Where to connect instead of the server.
    pub(crate) address: SocketAddr,
    settings: Arc<Settings>,
}

impl Relay {
    /// A relay to `target` that hinders nothing yet.
    pub(crate) fn start(target: SocketAddr) -> Self {
        Self::start_with(target, || Box::new(<[u8]>::to_vec))
    }

    /// The same with a filter of requests.
    pub(crate) fn start_with(target: SocketAddr, filter: fn() -> Filter) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let settings = Arc::new(Settings::default());
        let shared = Arc::clone(&settings);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) {
                    join(client, server, filter(), &shared);
                }
            }
        });
        Self { address, settings }
    }

    /// Every chunk of replies waits this long before it is passed on.
    pub(crate) fn delay_replies(&self, delay_ms: u64) {
        self.settings
            .reply_delay_ms
            .store(delay_ms, Ordering::Relaxed);
    }

    /// Nothing passes until [`Self::release`]; connections stay open.
    pub(crate) fn hold(&self) {
        self.hold_requests();
        self.hold_replies();
    }

    /// Nothing passes to the server; what it says does.
    pub(crate) fn hold_requests(&self) {
        self.settings.requests_held.store(true, Ordering::Relaxed);
    }

    /// Nothing passes from the server; it hears all.
    pub(crate) fn hold_replies(&self) {
        self.settings.replies_held.store(true, Ordering::Relaxed);
    }

    /// What was held passes again.
    pub(crate) fn release(&self) {
        self.settings.requests_held.store(false, Ordering::Relaxed);
        self.settings.replies_held.store(false, Ordering::Relaxed);
    }

    /// Closes every connection that is open now; new ones are accepted.
    pub(crate) fn cut(&self) {
        self.settings.generation.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.settings.stopped.store(true, Ordering::Relaxed);
        self.cut();
        // Wakes the thread that accepts; whether it could be reached does not matter, it ends with the process.
        drop(TcpStream::connect(self.address));
    }
}

/// Copies both ways, each in a thread of its own, until one side closes or the relay is cut.
fn join(client: TcpStream, server: TcpStream, filter: Filter, settings: &Arc<Settings>) {
    let generation = settings.generation.load(Ordering::Relaxed);
    let directions: [(_, _, _, Filter); 2] = [
        (client.try_clone(), server.try_clone(), false, filter),
        (Ok(server), Ok(client), true, Box::new(<[u8]>::to_vec)),
    ];
    for (from, to, replies, filter) in directions {
        let (Ok(from), Ok(to)) = (from, to) else {
            return;
        };
        let settings = Arc::clone(settings);
        thread::spawn(move || {
            copy(&from, &to, replies, filter, generation, &settings);
            // Both directions end together: a half-open relay is no fault that a test asks for.
            drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
        });
    }
}

fn copy(
    mut from: &TcpStream,
    mut to: &TcpStream,
    replies: bool,
    mut filter: Filter,
    generation: u64,
    settings: &Settings,
) {
    let held = match replies {
        true => &settings.replies_held,
        false => &settings.requests_held,
    };
    let mut buffer = vec![0; 64 * 1024];
    // Wakes often enough to notice a cut.
    if from
        .set_read_timeout(Some(Duration::from_millis(20)))
        .is_err()
        || to.set_nodelay(true).is_err()
    {
        return;
    }
    loop {
        let read = from.read(&mut buffer);
        if settings.generation.load(Ordering::Relaxed) != generation {
            return;
        }
        let length = match read {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        };
        while held.load(Ordering::Relaxed) {
            pause(HELD_LOOK);
            if settings.generation.load(Ordering::Relaxed) != generation {
                return;
            }
        }
        let delay_ms = settings.reply_delay_ms.load(Ordering::Relaxed);
        if replies && delay_ms > 0 {
            pause(Duration::from_millis(delay_ms));
        }
        if to.write_all(&filter(&buffer[..length])).is_err() {
            return;
        }
    }
}
