//! MONITOR: who among a thread's clients watches, and the lines on their way to those who watch at other threads.
//! Pure but for the atomics by which threads know of each other's monitors. Invariants: lines of one thread come in their order; of those that one thread has for
//! another, at most one order lies there.
//! Bounds: so many monitors of a thread ([`MOST_MONITORS`]), so many bytes that wait for a thread ([`MOST_WAITING_BYTES`]); when there would be more, all its monitors
//! are cut, for a line that is left out would make what they see untrue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use shared::monitor::Shown;

use crate::slab::Key;

/// Most monitors of one thread: each is sent every command.
pub(crate) const MOST_MONITORS: usize = 64;

/// Most bytes of lines that wait until a thread takes them: more than the commands of one turn of all clients come to.
const MOST_WAITING_BYTES: usize = 32 << 20;

/// Lines that another thread is sent, with a token by which it is seen that it has taken them.
#[derive(Debug)]
pub(crate) struct ShownLines {
    /// The lines.
    pub(crate) text: Bytes,
    _token: Arc<()>,
}

/// What all threads know of the monitors of one.
#[derive(Debug, Default)]
pub(crate) struct MonitorsThere {
    clients: AtomicUsize,
    are_behind: AtomicBool,
}

impl MonitorsThere {
    /// Whether there are any.
    pub(crate) fn are_any(&self) -> bool {
        self.clients.load(Ordering::Acquire) > 0
    }

    /// There are so many now.
    pub(crate) fn note(&self, clients: usize) {
        self.clients.store(clients, Ordering::Release);
    }

    /// They did not get what they should have got.
    pub(crate) fn leave_behind(&self) {
        self.are_behind.store(true, Ordering::Relaxed);
    }

    /// Whether that is so, once.
    pub(crate) fn take_behind(&self) -> bool {
        self.are_behind.load(Ordering::Relaxed) && self.are_behind.swap(false, Ordering::Relaxed)
    }
}

/// Lines for one thread.
#[derive(Debug, Default)]
struct Way {
    waiting: Vec<u8>,
    /// Others have it as long as the last lines are on their way.
    token: Arc<()>,
}

/// What a thread has to do with MONITOR.
#[derive(Debug)]
pub(crate) struct Monitors {
    /// Those among its own clients.
    clients: Vec<Key>,
    /// To each thread, this one too.
    ways: Vec<Way>,
    /// The line of the present command; reused.
    line: Vec<u8>,
    has_news: bool,
}

impl Monitors {
    /// Of one of so many threads; nobody watches.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            clients: Vec::new(),
            ways: (0..threads).map(|_| Way::default()).collect(),
            line: Vec::new(),
            has_news: false,
        }
    }

    /// A client watches from now on; `false`: there are too many that do.
    pub(crate) fn begin(&mut self, client: Key) -> bool {
        let has_room = self.clients.len() < MOST_MONITORS;
        if has_room {
            self.clients.push(client);
        }
        has_room
    }

    /// A client watches no more; whether it did.
    pub(crate) fn end(&mut self, client: Key) -> bool {
        let before = self.clients.len();
        self.clients.retain(|other| *other != client);
        self.clients.len() < before
    }

    /// Who watches.
    pub(crate) fn clients(&self) -> &[Key] {
        &self.clients
    }

    /// A command is shown to those who watch, at the threads of which that is known.
    pub(crate) fn show<'a>(
        &mut self,
        shown: &Shown<'_>,
        there: impl Fn(usize) -> Option<&'a MonitorsThere>,
    ) {
        self.line.clear();
        shown.write(&mut self.line);
        for (thread, way) in self.ways.iter_mut().enumerate() {
            let Some(there) = there(thread).filter(|there| there.are_any()) else {
                way.waiting = Vec::new();
                continue;
            };
            if way.waiting.len() + self.line.len() > MOST_WAITING_BYTES {
                way.waiting = Vec::new();
                there.leave_behind();
            }
            way.waiting.extend_from_slice(&self.line);
            self.has_news = true;
        }
    }

    /// What could not be sent may be by now.
    pub(crate) fn look_again(&mut self) {
        let is_ready = self.ready().next().is_some();
        self.has_news |= is_ready;
    }

    /// Whether there is something to send, once.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Whether there is something to send.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// Threads for which something waits that they may be sent now: they have taken what came before.
    pub(crate) fn ready(&self) -> impl Iterator<Item = usize> {
        let ways = self.ways.iter().enumerate();
        ways.filter(|(_, way)| !way.waiting.is_empty() && Arc::strong_count(&way.token) == 1)
            .map(|(thread, _)| thread)
    }

    /// What waits for a thread.
    pub(crate) fn take(&mut self, thread: usize) -> ShownLines {
        let way = &mut self.ways[thread];
        ShownLines {
            text: std::mem::take(&mut way.waiting).into(),
            _token: Arc::clone(&way.token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;
    use shared::resp::{ArgRange, Args};

    fn show(monitors: &mut Monitors, there: &[MonitorsThere], length: usize) {
        let bytes = vec![b'x'; length];
        let ranges = [ArgRange::new(0, length)];
        let shown = Shown {
            now_us: 1_000_000,
            database: 0,
            source: &"a:1",
            args: Args::new(&bytes, &ranges),
            hides: &|_| false,
        };
        monitors.show(&shown, |thread| there.get(thread));
    }

    fn threads(count: usize) -> (Monitors, Vec<MonitorsThere>) {
        let there = (0..count).map(|_| MonitorsThere::default()).collect();
        (Monitors::new(count), there)
    }

    #[test]
    fn a_thread_is_sent_more_when_it_has_taken_what_came_before() {
        let (mut monitors, there) = threads(3);
        show(&mut monitors, &there, 1);
        assert!(!monitors.has_news(), "nobody watches");
        there[1].note(1);
        show(&mut monitors, &there, 1);
        assert!(monitors.take_news() && !monitors.take_news());
        assert_eq!(monitors.ready().collect::<Vec<_>>(), [1]);
        let first = monitors.take(1);
        assert_eq!(&*first.text, b"+1.000000 [0 a:1] \"x\"\r\n");
        show(&mut monitors, &there, 2);
        show(&mut monitors, &there, 3);
        assert_eq!(monitors.ready().count(), 0, "it has not taken the first");
        drop(first);
        assert_eq!(monitors.ready().collect::<Vec<_>>(), [1]);
        let text = monitors.take(1).text;
        assert!(text.ends_with(b"\"xx\"\r\n+1.000000 [0 a:1] \"xxx\"\r\n"));
        assert_eq!(monitors.ready().count(), 0);
    }

    #[test]
    fn monitors_of_a_thread_that_takes_nothing_are_cut_and_little_is_kept() {
        let (mut monitors, there) = threads(2);
        there[0].note(2);
        there[1].note(1);
        for _ in 0..MOST_WAITING_BYTES / 65_536 {
            let taken = monitors.ready().find(|thread| *thread == 0);
            taken.map(|thread| monitors.take(thread));
            show(&mut monitors, &there, 65_536);
        }
        assert!(there[1].take_behind(), "it took nothing");
        assert!(!there[1].take_behind(), "once");
        assert!(!there[0].take_behind());
        assert!(monitors.ways[1].waiting.len() < 200_000);
    }

    #[test]
    fn a_thread_has_so_many_monitors_and_no_more() {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..=MOST_MONITORS).map(|_| slab.insert(())).collect();
        let (mut monitors, _) = threads(1);
        assert!(keys[1..].iter().all(|key| monitors.begin(*key)));
        assert!(!monitors.begin(keys[0]));
        assert!(monitors.end(keys[1]) && !monitors.end(keys[1]));
        assert!(monitors.begin(keys[0]));
    }
}
