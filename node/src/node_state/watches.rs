//! Keys that proxies watch for their clients (NODE WATCH), each client's under a name that its proxy has drawn, whichever connection it asks over.
//! Pure. Never: listens to a key. Invariants: a watch is known until it is used, forgotten, or the connection over which it last came has gone; it is whole only while the
//! node leads at the epoch at which it began, and when every WATCH that its client has sent has been carried out.

use crate::client::Watched;
use std::collections::{BTreeSet, HashMap, hash_map::Entry};

/// Names of watches have this bit, numbers of clients have not: both listen to keys.
const NAME_BIT: u64 = 1 << 63;

/// What a watch takes beside its keys, bytes.
const WATCH_BYTES: usize = size_of::<(WatchName, Watch)>() + size_of::<(u64, WatchName)>();

/// The name of a watch, unique at the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchName(u64);

impl WatchName {
    /// A number of 63 bits; `None` for any other.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        let number = u64::try_from(number).ok()?;
        Some(Self(number | NAME_BIT))
    }

    /// As whom it listens to keys.
    #[must_use]
    pub fn listener(self) -> u64 {
        self.0
    }
}

/// A watch as its proxy knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxiedWatch {
    /// Its name.
    pub name: WatchName,
    /// How many WATCH its client has sent, one or more.
    pub times: u32,
}

/// One client's watch as it is known here.
#[derive(Debug)]
struct Watch {
    watched: Watched,
    /// How many WATCH have been carried out.
    times: u32,
    /// The number of the connection over which it last came.
    connection: u64,
    /// The epoch at which the node led then.
    epoch: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Watches {
    by_name: HashMap<WatchName, Watch>,
    of_connections: BTreeSet<(u64, WatchName)>,
    /// Connections that have gone and have left some.
    gone: Vec<u64>,
    /// Bytes of the keys.
    key_bytes: usize,
}

impl Watches {
    /// A WATCH comes over this connection; `false`: one that came before it is not known, so that nothing can become of the watch. One that has been carried out may
    /// come again.
    #[must_use]
    pub fn admit(&mut self, said: ProxiedWatch, connection: u64, epoch: u64) -> bool {
        let watch = match self.by_name.entry(said.name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) if said.times == 1 => place.insert(Watch {
                watched: Watched::default(),
                times: 0,
                connection,
                epoch,
            }),
            Entry::Vacant(_) => return false,
        };
        self.of_connections.remove(&(watch.connection, said.name));
        watch.connection = connection;
        self.of_connections.insert((connection, said.name));
        said.times <= watch.times.saturating_add(1)
    }

    /// Lets `change` add keys to a watch that is known.
    pub fn add(&mut self, name: WatchName, change: impl FnOnce(&mut Watched)) {
        if let Some(watch) = self.by_name.get_mut(&name) {
            let before = watch.watched.memory_bytes();
            change(&mut watch.watched);
            self.key_bytes += watch.watched.memory_bytes() - before;
        }
    }

    /// A WATCH has been carried out.
    pub fn carried_out(&mut self, said: ProxiedWatch) {
        if let Some(watch) = self.by_name.get_mut(&said.name) {
            watch.times = watch.times.max(said.times);
        }
    }

    /// The keys of a watch, if it is whole.
    #[must_use]
    pub fn whole(&self, said: ProxiedWatch, epoch: u64) -> Option<&Watched> {
        let watch = self.by_name.get(&said.name)?;
        (watch.times == said.times && watch.epoch == epoch).then_some(&watch.watched)
    }

    /// It is over: its keys, to be listened to no more.
    pub fn forget(&mut self, name: WatchName) -> Option<Watched> {
        let watch = self.by_name.remove(&name)?;
        self.of_connections.remove(&(watch.connection, name));
        self.key_bytes -= watch.watched.memory_bytes();
        Some(watch.watched)
    }

    /// A connection has gone: nobody will say what is to become of the watches that came over it, and they go by and by ([`Self::abandoned`]).
    pub fn leave(&mut self, connection: u64) {
        if self.first_of(connection).is_some() {
            self.gone.push(connection);
        }
    }

    /// One that came over a connection that has gone.
    pub fn abandoned(&mut self) -> Option<WatchName> {
        while let Some(connection) = self.gone.last() {
            if let Some(name) = self.first_of(*connection) {
                return Some(name);
            }
            self.gone.pop();
        }
        None
    }

    fn first_of(&self, connection: u64) -> Option<WatchName> {
        let lowest = (connection, WatchName(0));
        let (of, name) = self.of_connections.range(lowest..).next()?;
        (*of == connection).then_some(*name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Bytes taken.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.len() * WATCH_BYTES + self.key_bytes) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{ProxiedWatch, WatchName, Watches};
    use crate::store::DbIndex;

    fn said(number: i64, times: u32) -> ProxiedWatch {
        let name = WatchName::new(number).expect("it has 63 bits");
        ProxiedWatch { name, times }
    }

    #[test]
    fn names_are_no_numbers_of_clients() {
        assert_eq!(WatchName::new(-1), None);
        let names = [0, i64::MAX].map(|number| WatchName::new(number).unwrap().listener());
        assert_eq!(names, [1 << 63, u64::MAX]);
    }

    #[test]
    fn a_watch_is_whole_when_all_was_heard_at_the_same_epoch() {
        let mut watches = Watches::default();
        assert!(!watches.admit(said(1, 2), 7, 3), "the first was not heard");
        assert!(watches.is_empty());
        assert!(watches.admit(said(1, 1), 7, 3) && !watches.admit(said(1, 2), 7, 3));
        assert!(watches.whole(said(1, 1), 3).is_none());
        watches.carried_out(said(1, 1));
        assert!(watches.admit(said(1, 1), 8, 4));
        watches.carried_out(said(1, 1));
        assert!(watches.whole(said(1, 1), 3).is_some(), "it came again");
        assert!(watches.whole(said(1, 1), 4).is_none());
        assert!(watches.whole(said(1, 2), 3).is_none());
        assert!(watches.admit(said(1, 2), 8, 4));
        watches.carried_out(said(1, 2));
        assert!(watches.whole(said(1, 1), 3).is_none());
        assert!(watches.whole(said(1, 2), 3).is_some());
        // The connection over which it came last is the one that counts.
        watches.leave(7);
        assert_eq!(watches.abandoned(), None);
        watches.leave(8);
        assert_eq!(watches.abandoned(), Some(said(1, 2).name));
    }

    #[test]
    fn what_a_connection_leaves_goes_one_by_one_and_nothing_else() {
        let mut watches = Watches::default();
        for (number, connection) in [(1, 7), (2, 8), (3, 7)] {
            let name = said(number, 1).name;
            assert!(watches.admit(said(number, 1), connection, 0));
            watches.add(name, |watched| watched.insert(DbIndex(0), b"key", true));
        }
        watches.leave(9);
        assert_eq!(watches.abandoned(), None);
        watches.leave(7);
        assert!(watches.memory_bytes() > 0);
        for number in [1, 3] {
            let name = watches.abandoned().expect("another one");
            assert_eq!(name, said(number, 1).name);
            assert_eq!(watches.forget(name).map(|watched| watched.len()), Some(1));
        }
        assert_eq!((watches.abandoned(), watches.len()), (None, 1));
        watches.forget(said(2, 1).name);
        assert_eq!((watches.memory_bytes(), watches.is_empty()), (0, true));
    }
}
