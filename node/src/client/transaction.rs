//! Commands that a client has queued behind MULTI, until EXEC runs them; and the keys that it watches.
//! Pure. Never: runs a command, decides whether one may be queued. Invariant: what is queued are whole commands with their rows, whose arity has been checked.

use crate::store::DbIndex;
use shared::command::CommandSpec;
use shared::resp::{ArgRange, Args};
use std::collections::BTreeMap;

/// What a watched key takes beside its name, bytes: its places in the client's list and in that of who listens.
const WATCHED_KEY_BYTES: usize = 64;

/// A client's queue. Arguments are kept one behind the other, without what stood between them.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    bytes: Vec<u8>,
    ranges: Vec<ArgRange>,
    commands: Vec<Queued>,
    is_spoiled: bool,
}

/// One command of the queue.
#[derive(Clone, Copy, Debug)]
struct Queued {
    spec: &'static CommandSpec,
    first_arg: usize,
}

impl Transaction {
    /// Puts a command behind the others.
    ///
    /// # Panics
    /// Beyond 4 GiB ([`Self::memory_bytes`] is held against a bound before).
    pub fn push(&mut self, spec: &'static CommandSpec, args: Args<'_>) {
        self.commands.push(Queued {
            spec,
            first_arg: self.ranges.len(),
        });
        for argument in args.iter_from(0) {
            self.ranges
                .push(ArgRange::new(self.bytes.len(), argument.len()));
            self.bytes.extend_from_slice(argument);
        }
    }

    /// As if nothing had been queued; its room stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ranges.clear();
        self.commands.clear();
        self.is_spoiled = false;
    }

    /// Command `index` and its arguments, if there are so many.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(&'static CommandSpec, Args<'_>)> {
        let queued = self.commands.get(index)?;
        let next = self.commands.get(index + 1);
        let end = next.map_or(self.ranges.len(), |next| next.first_arg);
        let ranges = &self.ranges[queued.first_arg..end];
        Some((queued.spec, Args::new(&self.bytes, ranges)))
    }

    /// All commands in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static CommandSpec, Args<'_>)> {
        (0..).map_while(|index| self.get(index))
    }

    /// How many commands are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// A command could not be queued: EXEC will run none.
    pub fn spoil(&mut self) {
        self.is_spoiled = true;
    }

    /// Whether EXEC will run none.
    #[must_use]
    pub fn is_spoiled(&self) -> bool {
        self.is_spoiled
    }

    /// Bytes taken.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.ranges.capacity() * size_of::<ArgRange>()
            + self.commands.capacity() * size_of::<Queued>()
    }

    /// Bytes that another command would add.
    #[must_use]
    pub fn bytes_of(args: Args<'_>) -> usize {
        let arguments: usize = args.iter_from(0).map(<[u8]>::len).sum();
        arguments + args.len() * size_of::<ArgRange>() + size_of::<Queued>()
    }
}

/// Keys that a client watches, each once, and whether they were there when it began.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    keys: BTreeMap<(DbIndex, Box<[u8]>), bool>,
    bytes: usize,
}

impl Watched {
    /// One more, unless it is among them.
    pub fn insert(&mut self, db: DbIndex, key: &[u8], is_there: bool) {
        let place = self.keys.entry((db, key.into()));
        place.or_insert_with(|| {
            self.bytes += key.len() + WATCHED_KEY_BYTES;
            is_there
        });
    }

    /// All of them, and whether each was there.
    pub fn iter(&self) -> impl Iterator<Item = (DbIndex, &[u8], bool)> {
        let keys = self.keys.iter();
        keys.map(|((db, key), was_there)| (*db, &**key, *was_there))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes taken.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Transaction, Watched};
    use crate::store::DbIndex;
    use shared::command;
    use shared::resp::{ArgRange, Args};

    #[test]
    fn commands_come_back_as_they_were_queued() {
        let mut queue = Transaction::default();
        let bytes = b"GETkeySETkv";
        let range = |start, len| ArgRange::new(start, len);
        let get = [range(0, 3), range(3, 3)];
        let set = [range(6, 3), range(9, 1), range(10, 1), range(0, 0)];
        for ranges in [&get[..], &set[..]] {
            let args = Args::new(bytes, ranges);
            let spec = command::lookup(args.at(0)).unwrap();
            queue.push(spec, args);
        }
        let told: Vec<_> = queue
            .iter()
            .map(|(spec, args)| {
                (
                    spec.name,
                    args.iter_from(0).map(<[u8]>::to_vec).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("get", vec![b"GET".to_vec(), b"key".to_vec()]),
                (
                    "set",
                    vec![b"SET".to_vec(), b"k".to_vec(), b"v".to_vec(), vec![]]
                ),
            ]
        );
        assert_eq!((queue.len(), queue.is_spoiled()), (2, false));
    }

    #[test]
    fn a_key_is_watched_once_in_each_database() {
        let mut watched = Watched::default();
        for db in [0, 0, 1] {
            watched.insert(DbIndex(db), b"k", db == 1);
        }
        let keys: Vec<_> = watched.iter().collect();
        assert_eq!(
            keys,
            [(DbIndex(0), &b"k"[..], false), (DbIndex(1), b"k", true)]
        );
    }
}
