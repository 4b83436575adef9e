//! Who hears of which prefixes, and which keys that begin so have changed since they were told last.
//! Pure. Bound: what has changed is taken after each turn, so there is no more of it than one turn changes.

use super::author::{Author, By};
use std::collections::{BTreeMap, BTreeSet};

/// Who hears of one prefix, and of what.
#[derive(Debug)]
struct Prefix<K> {
    clients: BTreeSet<K>,
    /// Keys that have changed, with whose command did it last.
    changed: BTreeMap<Box<[u8]>, By<K>>,
}

/// Keys of one prefix that have changed, and who hears of them.
#[derive(Debug)]
pub struct Broadcast<K> {
    /// In order.
    pub clients: Vec<K>,
    /// In order, with whose command changed each last.
    pub keys: Vec<(Box<[u8]>, By<K>)>,
}

impl<K: Copy + Ord> Broadcast<K> {
    /// The keys, without those that this client has changed itself.
    pub fn keys_without(&self, client: K) -> impl Iterator<Item = &[u8]> {
        let is_others = move |by: &By<K>| by.client != Some(client);
        let others = self.keys.iter().filter(move |(_, by)| is_others(by));
        others.map(|(key, _)| &**key)
    }

    /// The keys, apart by the author of their last change; `None`: none has one.
    #[must_use]
    pub fn keys_by_author(&self) -> Option<BTreeMap<Option<Author>, Vec<&[u8]>>> {
        if self.keys.iter().all(|(_, by)| by.author.is_none()) {
            return None;
        }
        let mut all: BTreeMap<Option<Author>, Vec<&[u8]>> = BTreeMap::new();
        for (key, by) in &self.keys {
            all.entry(by.author).or_default().push(key);
        }
        Some(all)
    }
}

/// All prefixes.
#[derive(Debug)]
pub(super) struct Broadcasts<K> {
    prefixes: BTreeMap<Box<[u8]>, Prefix<K>>,
    /// How many of them have each length: a key is looked up under each.
    lengths: BTreeMap<usize, usize>,
    /// Of some of them keys have changed.
    has_changed: bool,
}

impl<K> Default for Broadcasts<K> {
    fn default() -> Self {
        Self {
            prefixes: BTreeMap::new(),
            lengths: BTreeMap::new(),
            has_changed: false,
        }
    }
}

impl<K: Copy + Ord> Broadcasts<K> {
    /// A client hears of these.
    pub(super) fn add<'a>(&mut self, client: K, prefixes: impl Iterator<Item = &'a [u8]>) {
        for prefix in prefixes {
            if let Some(known) = self.prefixes.get_mut(prefix) {
                known.clients.insert(client);
                continue;
            }
            *self.lengths.entry(prefix.len()).or_default() += 1;
            let new = Prefix {
                clients: BTreeSet::from([client]),
                changed: BTreeMap::new(),
            };
            self.prefixes.insert(prefix.into(), new);
        }
    }

    /// It does no more.
    pub(super) fn remove<'a>(&mut self, client: K, prefixes: impl Iterator<Item = &'a [u8]>) {
        for prefix in prefixes {
            let Some(known) = self.prefixes.get_mut(prefix) else {
                continue;
            };
            known.clients.remove(&client);
            if !known.clients.is_empty() {
                continue;
            }
            self.prefixes.remove(prefix);
            if let Some(count) = self.lengths.get_mut(&prefix.len()) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&prefix.len());
                }
            }
        }
    }

    /// A key has changed.
    pub(super) fn changed(&mut self, key: &[u8], by: By<K>) {
        for length in self.lengths.range(..=key.len()).map(|(length, _)| *length) {
            if let Some(prefix) = self.prefixes.get_mut(&key[..length]) {
                prefix.changed.insert(key.into(), by);
                self.has_changed = true;
            }
        }
    }

    pub(super) fn are_any_changed(&self) -> bool {
        self.has_changed
    }

    /// What has changed since the last time.
    pub(super) fn take(&mut self) -> Vec<Broadcast<K>> {
        if !std::mem::take(&mut self.has_changed) {
            return Vec::new();
        }
        let all = self.prefixes.values_mut();
        let changed = all.filter(|prefix| !prefix.changed.is_empty());
        changed
            .map(|prefix| Broadcast {
                clients: prefix.clients.iter().copied().collect(),
                keys: std::mem::take(&mut prefix.changed).into_iter().collect(),
            })
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.prefixes.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let each = self
            .prefixes
            .iter()
            .map(|(name, prefix)| name.len() + size_of::<Prefix<K>>() + 32 * prefix.clients.len());
        each.sum()
    }
}
