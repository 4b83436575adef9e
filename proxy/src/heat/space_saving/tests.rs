//! The counters against exact counts: streams of Zipf's kind and hostile ones, weights, decay, several threads put together.

use super::*;
use crate::dice::Dice;

/// Exact counts beside the summary.
struct Both {
    saving: SpaceSaving,
    exact: HashMap<String, f64>,
    most: usize,
}

impl Both {
    fn new(most: usize) -> Self {
        Self {
            saving: SpaceSaving::new(most),
            exact: HashMap::new(),
            most,
        }
    }

    fn add(&mut self, name: &str, weight: f64) {
        let named = Named::new(name.as_bytes(), 0);
        self.saving.add(named, weight, &Amounts::default());
        *self.exact.entry(name.to_owned()).or_default() += weight;
    }

    fn decay(&mut self, factor: f64) {
        self.saving.decay(factor);
        for count in self.exact.values_mut() {
            *count *= factor;
        }
    }

    fn check(&self) {
        let heap = &self.saving.heap;
        for at in 1..heap.len() {
            assert!(self.saving.count_at((at - 1) / 2) <= self.saving.count_at(at));
        }
        check(&self.saving.summary(), &self.exact, self.most);
    }
}

/// What Space-Saving promises.
fn check(summary: &Summary, exact: &HashMap<String, f64>, most: usize) {
    let all: f64 = exact.values().sum();
    // Of what was added up in another order.
    let slack = 1e-6 * all + FORGOTTEN_BELOW;
    assert!((summary.total - all).abs() <= slack);
    let bound = all / most as f64 + slack;
    assert!(summary.least <= bound, "{} {bound}", summary.least);
    let mut counted = HashMap::new();
    for counter in &summary.counters {
        let name = counter.name.shown();
        let true_count = exact.get(&name).copied().unwrap_or_default();
        assert!(counter.count >= true_count - slack, "{name} is too small");
        assert!(
            counter.count - counter.over <= true_count + slack,
            "{name}: {} - {} is more than {true_count}",
            counter.count,
            counter.over
        );
        assert!(counter.over <= bound, "{name}: {} {bound}", counter.over);
        assert!(counted.insert(name, ()).is_none(), "each has one counter");
    }
    for (name, count) in exact {
        let is_here = counted.contains_key(name);
        assert!(
            is_here || *count <= summary.least + slack,
            "{name}: {count}"
        );
        assert!(is_here || *count <= bound, "{name} is missing: {count}");
    }
}

/// A number below `many`, the small ones most often: the number n as often as 1 / (n + 1).
fn zipf(dice: &mut Dice, many: u64) -> u64 {
    let even = (dice.throw() >> 11) as f64 / (1_u64 << 53) as f64;
    // The inverse of the logarithm, near enough.
    let number = ((many as f64 + 1.0).ln() * even).exp() - 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and many"
    )]
    let number = number as u64;
    number.min(many - 1)
}

#[test]
fn what_comes_often_is_found_and_no_count_is_off_by_more_than_it_says() {
    for (most, many) in [(1, 10), (7, 100), (64, 10_000), (256, 100_000)] {
        let mut dice = Dice::new();
        let mut both = Both::new(most);
        for _ in 0..30_000 {
            let name = format!("k{}", zipf(&mut dice, many));
            both.add(&name, 1.0);
        }
        both.check();
        assert_eq!(both.saving.counters.len(), most);
    }
}

#[test]
fn nobody_can_hide_what_comes_often() {
    // A frequent one between very many that come once, which take each other's places; and as many as there are counters, and one more, by turns.
    for hidden in [20, 60] {
        let mut both = Both::new(64);
        for number in 0..20_000 {
            both.add(&format!("once{number}"), 1.0);
            if number % hidden == 0 {
                both.add("often", 1.0);
            }
        }
        both.check();
        let summary = both.saving.summary();
        assert!(summary.counters.iter().any(|it| it.name.text() == b"often"));
    }
    let mut both = Both::new(64);
    for number in 0..20_000 {
        both.add(&format!("turn{}", number % 65), 1.0);
    }
    both.check();
}

#[test]
fn weights_and_decay_keep_what_is_promised() {
    let mut dice = Dice::new();
    let mut both = Both::new(32);
    for round in 0..20_000 {
        let name = format!("k{}", zipf(&mut dice, 5_000));
        both.add(&name, (1 + dice.throw() % 1_000) as f64);
        if round % 100 == 0 {
            both.decay(0.9);
        }
        if round % 1_000 == 0 {
            both.check();
        }
    }
    both.check();
}

#[test]
fn what_was_hot_is_forgotten() {
    let mut both = Both::new(16);
    for _ in 0..1_000 {
        both.add("yesterday", 1.0);
    }
    for _ in 0..10 {
        both.decay(0.5);
        both.add("today", 1.0);
    }
    let first = Summary::merged([both.saving.summary()].iter());
    assert_eq!(first.counters[0].name.text(), b"today");
    for _ in 0..11 {
        both.decay(0.5);
    }
    assert!(both.saving.counters.is_empty() && both.saving.places.is_empty());
    both.add("new", 1.0);
    assert_eq!(both.saving.summary().counters[0].count, 1.0);
}

#[test]
fn amounts_are_those_of_the_name_that_has_the_place() {
    let mut saving = SpaceSaving::new(1);
    let amounts = Amounts {
        request_bytes: 10.0,
        reply_bytes: 4.0,
        hits: 1.0,
        misses: 0.0,
    };
    for name in ["a", "a", "b"] {
        saving.add(Named::new(name.as_bytes(), 0), 1.0, &amounts);
    }
    let counter = &saving.summary().counters[0];
    assert_eq!((counter.count, counter.over), (3.0, 2.0));
    assert_eq!(counter.amounts, amounts);
    saving.decay(0.5);
    let counter = &saving.summary().counters[0];
    assert_eq!((counter.count, counter.amounts.bytes()), (1.5, 7.0));
}

#[test]
fn what_threads_have_seen_apart_is_as_certain_together() {
    let mut dice = Dice::new();
    let mut threads: Vec<Both> = (0..3).map(|_| Both::new(40)).collect();
    for round in 0..30_000_u64 {
        let number = zipf(&mut dice, 3_000);
        // Two see other keys than the third.
        let thread = match number % 4 {
            0 => 2,
            _ => round % 2,
        };
        let name = format!("k{number}");
        threads[usize::try_from(thread).unwrap()].add(&name, 1.0);
    }
    let mut exact: HashMap<String, f64> = HashMap::new();
    for thread in &threads {
        for (name, count) in &thread.exact {
            *exact.entry(name.clone()).or_default() += count;
        }
    }
    let summaries: Vec<Summary> = threads.iter().map(|it| it.saving.summary()).collect();
    let merged = Summary::merged(summaries.iter());
    check(&merged, &exact, 40);
    let certain = |counter: &Counter| counter.count - counter.over;
    assert!(
        merged
            .counters
            .is_sorted_by(|one, other| certain(one) >= certain(other))
    );
    assert_eq!(merged.counters[0].name.text(), b"k0");
}
