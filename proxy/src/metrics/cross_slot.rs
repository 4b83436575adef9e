//! Which keys clients have asked for together although they lie in several slots, by what they begin with: those that were refused most often.
//! Pure. Bound: [`MOST_PAIRS`]; where there would be more, a new pair takes the place, and the count, of the one that was refused least, as Space-Saving does (Metwally,
//! Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005). So no count is too small, and each says how much it may be too great.

use std::sync::Arc;

use shared::slot::prefix_of;

/// Most pairs that are told apart.
const MOST_PAIRS: usize = 256;

/// Two beginnings of keys, the first one first in the order of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// What the keys begin with.
    pub(crate) prefixes: [Box<[u8]>; 2],
    /// Two that were refused.
    pub(crate) keys: [Box<[u8]>; 2],
    /// How often, at most.
    pub(crate) count: u64,
    /// By how much that may be too great.
    pub(crate) over: u64,
}

/// What was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrossSlots {
    /// How often, in all.
    pub(crate) refused: u64,
    /// Shared with who has asked for it.
    pairs: Arc<Vec<Pair>>,
}

impl CrossSlots {
    /// Two keys were refused.
    pub(crate) fn note(&mut self, keys: [&[u8]; 2]) {
        self.refused += 1;
        let mut keys = keys;
        if prefix_of(keys[1]) < prefix_of(keys[0]) {
            keys.swap(0, 1);
        }
        let prefixes = keys.map(prefix_of);
        self.count(prefixes, keys, (1, 0));
    }

    /// The same, as often as another thread says.
    pub(crate) fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        for pair in &*other.pairs {
            let prefixes = pair.prefixes.each_ref().map(|prefix| &**prefix);
            let keys = pair.keys.each_ref().map(|key| &**key);
            self.count(prefixes, keys, (pair.count, pair.over));
        }
    }

    /// All pairs, those first that were refused most often.
    pub(crate) fn worst_first(&self) -> Vec<&Pair> {
        let mut pairs: Vec<&Pair> = self.pairs.iter().collect();
        pairs.sort_by(|one, other| {
            let by_count = other.count.cmp(&one.count);
            by_count.then_with(|| one.prefixes.cmp(&other.prefixes))
        });
        pairs
    }

    fn count(&mut self, prefixes: [&[u8]; 2], keys: [&[u8]; 2], (count, over): (u64, u64)) {
        let pairs = Arc::make_mut(&mut self.pairs);
        let is_meant = |pair: &&mut Pair| {
            *pair.prefixes[0] == *prefixes[0] && *pair.prefixes[1] == *prefixes[1]
        };
        if let Some(pair) = pairs.iter_mut().find(is_meant) {
            pair.count += count;
            pair.over += over;
            return;
        }
        let mut before = 0;
        if pairs.len() >= MOST_PAIRS {
            let all = pairs.iter().enumerate();
            if let Some((place, _)) = all.min_by_key(|(_, pair)| pair.count) {
                before = pairs.swap_remove(place).count;
            }
        }
        pairs.push(Pair {
            prefixes: prefixes.map(Into::into),
            keys: keys.map(Into::into),
            count: before + count,
            over: before + over,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(slots: &CrossSlots) -> Vec<(String, u64, u64)> {
        let words = |pair: &Pair| {
            let prefixes = pair
                .prefixes
                .each_ref()
                .map(|prefix| String::from_utf8_lossy(prefix));
            (prefixes.join(" "), pair.count, pair.over)
        };
        slots.worst_first().into_iter().map(words).collect()
    }

    #[test]
    fn pairs_are_counted_by_what_they_begin_with_in_either_order() {
        let mut slots = CrossSlots::default();
        slots.note([b"order:1", b"stock:9"]);
        slots.note([b"stock:1", b"order:2"]);
        slots.note([b"user:1", b"user:2"]);
        let mut others = CrossSlots::default();
        others.note([b"stock:1", b"order:2"]);
        others.note([b"a", b"b"]);
        slots.add(&others);
        assert_eq!(slots.refused, 5);
        let expected = [
            ("order: stock:", 3, 0),
            ("a b", 1, 0),
            ("user: user:", 1, 0),
        ];
        let expected = expected.map(|(pair, count, over)| (pair.to_owned(), count, over));
        assert_eq!(shown(&slots), expected);
        assert_eq!(&*slots.worst_first()[0].keys[1], b"stock:9");
    }

    #[test]
    fn what_is_refused_often_is_found_among_very_many_that_are_not() {
        let mut slots = CrossSlots::default();
        for number in 0..20_000 {
            slots.note([format!("x{number}:1").as_bytes(), b"y:1"]);
            if number % 50 == 0 {
                slots.note([b"often:1", b"together:1"]);
            }
        }
        let pairs = shown(&slots);
        assert_eq!((slots.refused, pairs.len()), (20_400, MOST_PAIRS));
        let (pair, count, over) = &pairs[0];
        assert_eq!(pair, "often: together:");
        assert!((400..=400 + over).contains(count), "{count} {over}");
        // Space-Saving: no count is off by more than this.
        assert!(pairs.iter().all(|(_, _, over)| *over <= 20_400 / 256));
    }

    #[test]
    fn who_has_asked_keeps_what_was_when_it_asked() {
        let mut slots = CrossSlots::default();
        slots.note([b"a:1", b"b:1"]);
        let before = slots.clone();
        slots.note([b"a:1", b"b:1"]);
        assert_eq!((shown(&before)[0].1, shown(&slots)[0].1), (1, 2));
    }
}
