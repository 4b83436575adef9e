//! The patterns that a channel's name matches.
//! Pure. Bound: [`MOST_COMPARISONS`] for one message, however many patterns there are: what would need more is not delivered to those whose patterns are compared
//! last, which is told ([`Matches::gave_up`]). No client that means well comes near it.

use super::subscriptions::{Named, Subscribers};
use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::rc::Rc;

/// Comparisons of bytes for one message: a few milliseconds.
const MOST_COMPARISONS: usize = 1 << 22;

/// Patterns that match, one after the other.
#[derive(Debug)]
pub struct Matches<'a, K> {
    patterns: Iter<'a, Rc<[u8]>, Named<K>>,
    channel: &'a [u8],
    /// Comparisons that may still be made.
    left: usize,
}

impl<'a, K> Matches<'a, K> {
    pub(super) fn new(patterns: &'a BTreeMap<Rc<[u8]>, Named<K>>, channel: &'a [u8]) -> Self {
        Self {
            patterns: patterns.iter(),
            channel,
            left: MOST_COMPARISONS,
        }
    }

    /// Whether some patterns were not compared to their end.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.left == 0
    }
}

impl<'a, K> Iterator for Matches<'a, K> {
    type Item = (&'a [u8], &'a Subscribers<K>);

    fn next(&mut self) -> Option<Self::Item> {
        for (pattern, named) in self.patterns.by_ref() {
            let Some(glob) = &named.glob else {
                continue;
            };
            // What is wrong with one is the bound, and then it is the bound of all.
            if glob.matches_within(self.channel, &mut self.left) == Ok(true) {
                return Some((pattern, &named.subscribers));
            }
        }
        None
    }
}
