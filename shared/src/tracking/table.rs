//! Which keys have been read, and by whom.
//! Pure. Bound: keys by number and bytes; of one key's readers those who have gone are looked for whenever there are twice as many as the last time.

use crate::pubsub::Subscribers;
use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::ops::Bound;

/// What all keys that are remembered may take, bytes. Redis has no bound.
pub const MOST_KEY_BYTES: usize = 256 << 20;
/// What a key takes beside its name: its place, and its first reader.
const KEY_BYTES: usize = 72;
/// What another reader takes.
const READER_BYTES: usize = 16;
/// With so many readers, those who have gone are looked for.
const CROWDED: usize = 64;

/// Who has read which key: a tree, which never has to be made anew as a whole.
#[derive(Debug)]
pub(super) struct Table<K> {
    keys: BTreeMap<Box<[u8]>, Subscribers<K>>,
    items: usize,
    name_bytes: usize,
    /// The key that had to go last; the one behind it is next.
    hand: Box<[u8]>,
}

/// Keys dropped at a time: some tenths of a millisecond.
const DROPPED_AT_ONCE: usize = 2_048;

/// A table that is of no use any more.
#[derive(Debug)]
pub(super) struct DroppedTable<K>(IntoIter<Box<[u8]>, Subscribers<K>>);

impl<K> DroppedTable<K> {
    /// Drops some; whether that was the rest.
    pub(super) fn drop_some(&mut self) -> bool {
        self.0.by_ref().take(DROPPED_AT_ONCE).for_each(drop);
        self.0.len() == 0
    }
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            items: 0,
            name_bytes: 0,
            hand: Box::default(),
        }
    }
}

impl<K: Copy + Ord> Table<K> {
    /// A client has read a key; `is_there` says whether one still is.
    pub(super) fn remember(&mut self, client: K, key: &[u8], is_there: impl Fn(K) -> bool) {
        let Some(readers) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), Subscribers::One(client));
            self.items += 1;
            self.name_bytes += key.len();
            return;
        };
        let before = readers.len();
        readers.add(client);
        if readers.len() == before {
            return;
        }
        self.items += 1;
        if readers.len() >= CROWDED && readers.len().is_power_of_two() {
            let gone: Vec<K> = readers.iter().filter(|each| !is_there(*each)).collect();
            self.items -= gone.len();
            for each in gone {
                readers.remove(each);
            }
        }
    }

    /// Who had read a key, which is forgotten.
    pub(super) fn take(&mut self, key: &[u8]) -> Option<Subscribers<K>> {
        let (name, readers) = self.keys.remove_entry(key)?;
        self.forgot(&name, &readers);
        Some(readers)
    }

    /// One of the keys, if there are more than `most` (0 is no bound) or they take more than they may; it is forgotten.
    pub(super) fn take_one_beyond(&mut self, most: usize) -> Option<(Box<[u8]>, Subscribers<K>)> {
        let is_over = (most > 0 && self.keys.len() > most) || self.bytes() > MOST_KEY_BYTES;
        if !is_over {
            return None;
        }
        let behind = (Bound::Excluded(&*self.hand), Bound::Unbounded);
        let next = self.keys.range::<[u8], _>(behind).next();
        let next = next.or_else(|| self.keys.first_key_value());
        let (name, readers) = self.keys.remove_entry(&next?.0.clone())?;
        self.hand.clone_from(&name);
        self.forgot(&name, &readers);
        Some((name, readers))
    }

    fn forgot(&mut self, name: &[u8], readers: &Subscribers<K>) {
        self.items -= readers.len();
        self.name_bytes -= name.len();
    }

    /// What is left of it, to be dropped.
    pub(super) fn into_dropped(self) -> DroppedTable<K> {
        DroppedTable(self.keys.into_iter())
    }

    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn items(&self) -> usize {
        self.items
    }

    pub(super) fn bytes(&self) -> usize {
        self.name_bytes + self.keys.len() * KEY_BYTES + self.items * READER_BYTES
    }
}
