//! The keys of which the largest requests and replies were seen.
//! Pure. Bounds: [`MOST_KEYS`], those that were largest; [`STAYS_MS`] without being seen so large.

use std::collections::HashMap;

use super::name::{Name, Named};

/// Most keys.
const MOST_KEYS: usize = 128;

/// How long a key stays of which nothing as large is seen any more.
pub(crate) const STAYS_MS: u64 = 3_600_000;

/// What was seen of one key.
#[derive(Clone, Debug)]
pub(crate) struct Big {
    /// The key.
    pub(crate) name: Name,
    /// Bytes of the largest request or reply.
    pub(crate) bytes: usize,
    /// Whether that was a reply.
    pub(crate) is_reply: bool,
    /// The command.
    pub(crate) command: &'static str,
    /// When it was seen last, monotonic milliseconds.
    pub(crate) seen_ms: u64,
}

/// Some size that was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Bytes.
    pub(crate) bytes: usize,
    /// Of a reply.
    pub(crate) is_reply: bool,
    /// The command.
    pub(crate) command: &'static str,
    /// When, monotonic milliseconds.
    pub(crate) seen_ms: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Biggest {
    keys: Vec<Big>,
    /// The smallest of their sizes.
    least: usize,
}

impl Biggest {
    /// This size was seen of a key.
    pub(crate) fn note(&mut self, named: Named<'_>, size: Size) {
        // Most requests are no larger than what is here, and are not looked for.
        if self.keys.len() >= MOST_KEYS && size.bytes <= self.least {
            return;
        }
        let is_it = |big: &&mut Big| big.name.hash() == named.hash();
        if let Some(known) = self.keys.iter_mut().find(is_it) {
            if size.bytes < known.bytes {
                return;
            }
            known.become_of(size);
        } else {
            if self.keys.len() >= MOST_KEYS {
                let all = self.keys.iter().enumerate();
                if let Some((place, _)) = all.min_by_key(|(_, big)| big.bytes) {
                    self.keys.swap_remove(place);
                }
            }
            self.keys.push(Big::new(named.keep(), size));
        }
        self.look_for_least();
    }

    /// Forgets what was seen too long ago.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        let before = self.keys.len();
        self.keys
            .retain(|big| now_ms.saturating_sub(big.seen_ms) < STAYS_MS);
        if self.keys.len() < before {
            self.look_for_least();
        }
    }

    /// All, in no order.
    pub(crate) fn all(&self) -> &[Big] {
        &self.keys
    }

    fn look_for_least(&mut self) {
        self.least = self.keys.iter().map(|big| big.bytes).min().unwrap_or(0);
    }
}

impl Big {
    fn new(name: Name, size: Size) -> Self {
        Self {
            name,
            bytes: size.bytes,
            is_reply: size.is_reply,
            command: size.command,
            seen_ms: size.seen_ms,
        }
    }

    fn become_of(&mut self, size: Size) {
        self.bytes = size.bytes;
        self.is_reply = size.is_reply;
        self.command = size.command;
        self.seen_ms = size.seen_ms;
    }

    /// What several have seen: of each key the largest; the largest key first.
    pub(crate) fn merged<'a>(all: impl Iterator<Item = &'a Self>) -> Vec<Self> {
        let mut largest: HashMap<u64, &Self> = HashMap::new();
        for big in all {
            let known = largest.entry(big.name.hash()).or_insert(big);
            if (big.bytes, big.seen_ms) > (known.bytes, known.seen_ms) {
                *known = big;
            }
        }
        let mut merged: Vec<Self> = largest.into_values().cloned().collect();
        merged.sort_by(|one, other| {
            let by_bytes = other.bytes.cmp(&one.bytes);
            by_bytes.then_with(|| one.name.text().cmp(other.name.text()))
        });
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(bytes: usize, seen_ms: u64) -> Size {
        Size {
            bytes,
            is_reply: false,
            command: "set",
            seen_ms,
        }
    }

    fn shown(biggest: &Biggest) -> Vec<(String, usize)> {
        let merged = Big::merged(biggest.all().iter());
        let shown = merged.iter().map(|big| (big.name.shown(), big.bytes));
        shown.collect()
    }

    #[test]
    fn the_largest_stay_whatever_else_comes() {
        let mut biggest = Biggest::default();
        for number in 0..10_000_usize {
            let name = format!("k{number}");
            biggest.note(Named::new(name.as_bytes(), 0), size(number * 7 % 10_007, 0));
        }
        let found = shown(&biggest);
        assert_eq!(found.len(), MOST_KEYS);
        let mut sizes: Vec<usize> = (0..10_000).map(|number| number * 7 % 10_007).collect();
        sizes.sort_unstable();
        let expected: Vec<usize> = sizes.into_iter().rev().take(MOST_KEYS).collect();
        let found: Vec<usize> = found.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn of_a_key_the_largest_counts_until_it_was_too_long_ago() {
        let mut biggest = Biggest::default();
        let key = Named::new(b"a", 0);
        biggest.note(key, size(100, 0));
        biggest.note(key, size(10, STAYS_MS / 2));
        biggest.note(Named::new(b"b", 0), size(5, STAYS_MS / 2));
        let all = || [("a".to_owned(), 100), ("b".to_owned(), 5)];
        assert_eq!(shown(&biggest), all());
        biggest.tick(STAYS_MS - 1);
        assert_eq!(shown(&biggest), all());
        biggest.tick(STAYS_MS);
        assert_eq!(shown(&biggest), [("b".to_owned(), 5)]);
    }
}
