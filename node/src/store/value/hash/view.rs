//! [`HashView`]: a hash to be read, as it is at a moment.
//! Pure. Invariant: a field that is over is not seen, whether the sweep has met it or not.

use super::{ElementsRef, Expiries, Leaves, Position};
use crate::store::StringRef;

/// Draws among fields of which some are over.
const RANDOM_TRIES: usize = 64;

/// Fields that are looked at in order when those draws met none that is seen: a third of a millisecond.
const RANDOM_WALK: usize = 512;

/// A hash to be read.
#[derive(Clone, Copy, Debug)]
pub struct HashView<'a> {
    elements: ElementsRef<'a, true>,
    expiries: Option<&'a Expiries>,
    /// Unix milliseconds; 0 where nothing is over yet.
    now_ms: u64,
}

impl<'a> HashView<'a> {
    /// The hash of a blob, wherever that lies.
    #[must_use]
    pub fn of_blob(blob: &'a [u8]) -> Self {
        Self {
            elements: ElementsRef::Packed(blob),
            expiries: None,
            now_ms: 0,
        }
    }

    /// Of these fields, which end then.
    #[inline]
    pub(super) fn new(elements: ElementsRef<'a, true>, expiries: Option<&'a Expiries>) -> Self {
        Self {
            elements,
            expiries,
            now_ms: 0,
        }
    }

    /// As it is at this moment (Unix milliseconds): fields that are over by then are not seen.
    #[inline]
    #[must_use]
    pub fn at_moment(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    /// What hides some of the fields: `None` where all that there are are seen.
    #[inline]
    fn hiding(self) -> Option<&'a Expiries> {
        self.expiries
            .filter(|expiries| expiries.earliest_ms() <= self.now_ms)
    }

    /// Whether a field that is there is not seen.
    #[inline]
    fn is_hidden(self, leaves: &Leaves, field: StringRef<'_>) -> bool {
        let Some(expiries) = self.hiding() else {
            return false;
        };
        let end = expiries.at_shown(leaves, field);
        end.is_some_and(|at_ms| at_ms <= self.now_ms)
    }

    /// When a field that was shown ends.
    pub(super) fn end_of(self, leaves: &Leaves, field: StringRef<'_>) -> Option<u64> {
        self.expiries?.at_shown(leaves, field)
    }

    /// When a field ends; `None` where it does not, or is not there.
    #[must_use]
    pub fn expiry(self, leaves: &Leaves, field: &[u8]) -> Option<u64> {
        self.expiries?.at(leaves, field)
    }

    /// How many fields end by themselves, whether they are over or not.
    #[must_use]
    pub fn ending(self) -> u64 {
        self.expiries.map_or(0, Expiries::len)
    }

    /// When the first of them ends.
    #[must_use]
    pub fn earliest_end(self) -> Option<u64> {
        self.expiries.map(Expiries::earliest_ms)
    }

    /// How many fields there are, seen or not.
    #[inline]
    #[must_use]
    pub fn len(self) -> u64 {
        self.elements.len()
    }

    /// How many are seen.
    #[inline]
    #[must_use]
    pub fn seen(self, leaves: &Leaves) -> u64 {
        let hidden = self
            .hiding()
            .map_or(0, |expiries| expiries.over(leaves, self.now_ms));
        self.len().saturating_sub(hidden)
    }

    /// Whether there are none, which a key's hash never is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether OBJECT ENCODING says `hashtable`, not `listpack`.
    #[must_use]
    pub fn is_hashtable_by_name(self) -> bool {
        self.elements.is_large_by_name()
    }

    /// A field's value.
    #[inline]
    #[must_use]
    pub fn get(self, leaves: &'a Leaves, field: &[u8]) -> Option<StringRef<'a>> {
        let value = self.elements.get(leaves, &leaves.sought(field))?;
        let is_hidden = self
            .hiding()
            .is_some_and(|expiries| expiries.is_over(leaves, field, self.now_ms));
        (!is_hidden).then(|| leaves.show(value))
    }

    /// Asks for the memory where a field would be.
    #[inline]
    pub fn prefetch(self, leaves: &Leaves, field: &[u8]) {
        self.elements.prefetch(leaves, &leaves.sought(field));
    }

    /// HSCAN's step: shows some fields, says the next cursor, 0 at the end. A field that is there from the first call to the last is shown at least once.
    pub fn scan(
        self,
        leaves: &Leaves,
        cursor: u32,
        mut show: impl FnMut(StringRef<'_>, StringRef<'_>),
    ) -> u32 {
        self.elements.scan(leaves, cursor, |pair| {
            let field = leaves.show(pair.key);
            if !self.is_hidden(leaves, field) {
                show(field, leaves.show(pair.value));
            }
        })
    }

    /// Where a field stands, each as likely. Where nearly all are over and not swept yet, the next one that is not is taken, or none is found, for work is bounded.
    pub fn random(self, leaves: &Leaves, chance: &mut u64) -> Option<Position> {
        let drawn = self.elements.random(leaves, chance)?;
        if self.hiding().is_none() {
            return Some(drawn);
        }
        let mut drawn = Some(drawn);
        for _ in 0..RANDOM_TRIES {
            let place = drawn?;
            if self.is_seen_at(leaves, place) {
                return Some(place);
            }
            drawn = self.elements.random(leaves, chance);
        }
        let mut place = drawn?;
        for _ in 0..RANDOM_WALK {
            if self.is_seen_at(leaves, place) {
                return Some(place);
            }
            let next = self.elements.walk(leaves, place, 1, |_| {});
            place = next.unwrap_or_default();
        }
        None
    }

    fn is_seen_at(self, leaves: &Leaves, place: Position) -> bool {
        let field = self.elements.at(leaves, place);
        field.is_some_and(|pair| !self.is_hidden(leaves, leaves.show(pair.key)))
    }

    /// The field at a position, and its value.
    pub fn at(
        self,
        leaves: &'a Leaves,
        position: Position,
    ) -> Option<(StringRef<'a>, StringRef<'a>)> {
        let pair = self.elements.at(leaves, position)?;
        Some((leaves.show(pair.key), leaves.show(pair.value)))
    }

    /// Looks at up to `limit` fields from a position on, shows those that are seen (small hashes: in the order in which they came), and says where to go on, `None` at the end. The hash must not change between the steps.
    pub fn walk(
        self,
        leaves: &'a Leaves,
        from: Position,
        limit: usize,
        mut show: impl FnMut(StringRef<'a>, StringRef<'a>),
    ) -> Option<Position> {
        self.elements.walk(leaves, from, limit, |pair| {
            let field = leaves.show(pair.key);
            if !self.is_hidden(leaves, field) {
                show(field, leaves.show(pair.value));
            }
        })
    }

    /// Bytes taken, exactly.
    #[must_use]
    pub fn bytes(self, leaves: &Leaves) -> u64 {
        let expiries = self
            .expiries
            .map_or(0, |expiries| expiries.own_bytes() + expiries.leaf_bytes());
        self.elements.bytes(leaves) + expiries
    }
}
