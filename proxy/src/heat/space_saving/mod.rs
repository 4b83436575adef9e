//! Which of very many names come most often, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in
//! Data Streams, 2005), with weights that decay. A new name takes the place, and the count, of the one that has come least.
//! Pure. Invariants: no count is too small, but for what [`FORGOTTEN_BELOW`] says; each says by how much it may be too great, which is no more than all that came divided by the number of counters; who
//! is not here has come no more than [`SpaceSaving::least`].

use std::collections::HashMap;

use super::name::{HashedAlready, Name, Named};

/// A count that has decayed to less is forgotten, and so is what stood behind it.
const FORGOTTEN_BELOW: f64 = 1.0 / 1024.0;

/// What went to and fro for a name. Decays as counts do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Amounts {
    /// Bytes of requests.
    pub(crate) request_bytes: f64,
    /// Bytes of replies.
    pub(crate) reply_bytes: f64,
    /// Reads that were answered with something.
    pub(crate) hits: f64,
    /// Reads that were answered with nothing.
    pub(crate) misses: f64,
}

impl Amounts {
    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.request_bytes += other.request_bytes;
        self.reply_bytes += other.reply_bytes;
        self.hits += other.hits;
        self.misses += other.misses;
    }

    /// Bytes in both directions.
    pub(crate) fn bytes(&self) -> f64 {
        self.request_bytes + self.reply_bytes
    }

    fn scale(&mut self, factor: f64) {
        self.request_bytes *= factor;
        self.reply_bytes *= factor;
        self.hits *= factor;
        self.misses *= factor;
    }
}

/// What is known of one name.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    /// Of whom.
    pub(crate) name: Name,
    /// How much has come, at most.
    pub(crate) count: f64,
    /// By how much that may be too great.
    pub(crate) over: f64,
    /// What came with it, since it has its place.
    pub(crate) amounts: Amounts,
    /// Its place in the heap.
    at: usize,
}

/// A bounded number of counters.
#[derive(Debug)]
pub(crate) struct SpaceSaving {
    most: usize,
    counters: Vec<Counter>,
    /// Numbers of counters: none has more than those at twice its place and the one behind.
    heap: Vec<usize>,
    /// Where the counter of a name is, by its hash.
    places: HashMap<u64, usize, HashedAlready>,
    total: f64,
}

/// The same as plain data, for who wants to see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// All counters, in no order.
    pub(crate) counters: Vec<Counter>,
    /// Who is not among them has come no more than so often.
    pub(crate) least: f64,
    /// All that came.
    pub(crate) total: f64,
}

impl SpaceSaving {
    /// With so many counters at most, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            counters: Vec::new(),
            heap: Vec::new(),
            places: HashMap::default(),
            total: 0.0,
        }
    }

    /// A name has come, with so much weight (more than 0).
    pub(crate) fn add(&mut self, named: Named<'_>, weight: f64, amounts: &Amounts) {
        self.total += weight;
        if let Some(place) = self.places.get(&named.hash()) {
            let counter = &mut self.counters[*place];
            counter.count += weight;
            counter.amounts.add(amounts);
            let at = counter.at;
            return self.sink(at);
        }
        if self.counters.len() < self.most {
            let place = self.counters.len();
            self.counters.push(Counter {
                name: named.keep(),
                count: weight,
                over: 0.0,
                amounts: *amounts,
                at: place,
            });
            self.heap.push(place);
            self.places.insert(named.hash(), place);
            return self.rise(place);
        }
        let place = self.heap[0];
        let counter = &mut self.counters[place];
        self.places.remove(&counter.name.hash());
        self.places.insert(named.hash(), place);
        counter.name = named.keep();
        counter.over = counter.count;
        counter.count += weight;
        counter.amounts = *amounts;
        self.sink(0);
    }

    /// Time has passed: all that came counts for so much less. What has become next to nothing is forgotten.
    pub(crate) fn decay(&mut self, factor: f64) {
        self.total *= factor;
        for counter in &mut self.counters {
            counter.count *= factor;
            counter.over *= factor;
            counter.amounts.scale(factor);
        }
        if self.least_count() < FORGOTTEN_BELOW {
            self.forget();
        }
    }

    /// What is known now.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            counters: self.counters.clone(),
            least: self.least(),
            total: self.total,
        }
    }

    /// How often who has no counter may have come.
    pub(crate) fn least(&self) -> f64 {
        match self.counters.len() < self.most {
            true => 0.0,
            false => self.least_count(),
        }
    }

    fn least_count(&self) -> f64 {
        let first = self.heap.first();
        first.map_or(f64::INFINITY, |place| self.counters[*place].count)
    }

    #[cold]
    fn forget(&mut self) {
        self.counters
            .retain(|counter| counter.count >= FORGOTTEN_BELOW);
        // In order of their counts they are a heap.
        self.counters
            .sort_by(|one, other| one.count.total_cmp(&other.count));
        self.places.clear();
        for (place, counter) in self.counters.iter_mut().enumerate() {
            counter.at = place;
            self.places.insert(counter.name.hash(), place);
        }
        self.heap = (0..self.counters.len()).collect();
    }

    fn count_at(&self, at: usize) -> f64 {
        self.counters[self.heap[at]].count
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.counters[self.heap[one]].at = one;
        self.counters[self.heap[other]].at = other;
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.count_at(at) < self.count_at((at - 1) / 2) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= self.heap.len() {
                return;
            }
            let is_right = right < self.heap.len() && self.count_at(right) < self.count_at(left);
            let lesser = if is_right { right } else { left };
            if self.count_at(at) <= self.count_at(lesser) {
                return;
            }
            self.swap(at, lesser);
            at = lesser;
        }
    }
}

impl Summary {
    /// What several have seen of different parts of what came: for a name that one of them does not know it counts as often as it may have come there. So the invariants of one hold
    /// for all (Agarwal and others: Mergeable Summaries, 2012). The greatest first, of those that have certainly come so often.
    pub(crate) fn merged<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let least: f64 = all.clone().map(|summary| summary.least).sum();
        let mut merged: HashMap<u64, Counter> = HashMap::new();
        for summary in all.clone() {
            for counter in &summary.counters {
                let known = merged
                    .entry(counter.name.hash())
                    .or_insert_with(|| Counter {
                        name: counter.name.clone(),
                        count: least,
                        over: least,
                        amounts: Amounts::default(),
                        at: 0,
                    });
                known.count += counter.count - summary.least;
                known.over += counter.over - summary.least;
                known.amounts.add(&counter.amounts);
            }
        }
        let mut counters: Vec<Counter> = merged.into_values().collect();
        counters.sort_by(|one, other| {
            let certain = |counter: &Counter| counter.count - counter.over;
            let by_certain = certain(other).total_cmp(&certain(one));
            by_certain.then_with(|| one.name.text().cmp(other.name.text()))
        });
        Self {
            counters,
            least,
            total: all.map(|summary| summary.total).sum(),
        }
    }
}

#[cfg(test)]
mod tests;
