//! Fields that end, against a map of values and moments, under a clock that the test moves.

use super::*;
use crate::store::object::Large;
use crate::store::value::leaves::Pools;
use crate::store::value::texts::Texts;

type Plain = HashMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

/// A hash, what it should be, and what time it is.
struct Pair {
    hash: Hash,
    leaves: Leaves,
    plain: Plain,
    now_ms: u64,
    chance: u64,
}

fn is_seen(end: Option<u64>, now_ms: u64) -> bool {
    end.is_none_or(|at_ms| at_ms > now_ms)
}

impl Pair {
    fn new(seed: u64) -> Self {
        Self {
            hash: Hash::default(),
            leaves: Leaves::new(seed),
            plain: Plain::new(),
            now_ms: 1 << 40,
            chance: seed,
        }
    }

    fn draw(&mut self, bound: u64) -> u64 {
        below(&mut self.chance, bound)
    }

    /// Whoever writes a field ends it first where it is over.
    fn end(&mut self, field: &[u8]) {
        let now_ms = self.now_ms;
        let is_over = |(_, end): &(Vec<u8>, Option<u64>)| !is_seen(*end, now_ms);
        let expected = self.plain.get(field).is_some_and(is_over);
        assert_eq!(self.hash.end(&mut self.leaves, field, now_ms), expected);
        if expected {
            self.plain.remove(field);
        }
    }

    fn step(&mut self, keys: u64, limits: &Limits, growing: bool) {
        let field = text(self.draw(keys));
        self.end(&field);
        let before = self.plain.get(&field).map(|(_, end)| *end);
        match self.draw(10) {
            0..=2 if growing => {
                let value = text(self.draw(1 << 20));
                let put = self.hash.set(&mut self.leaves, &field, &value, limits);
                assert_eq!(put == Ok(Put::Replaced), before.is_some());
                self.plain.insert(field, (value, None));
            }
            3 if growing => {
                let value = text(self.draw(1 << 20));
                let put = self
                    .hash
                    .set_keeping(&mut self.leaves, &field, &value, limits);
                assert_eq!(put == Ok(Put::Replaced), before.is_some());
                self.plain.insert(field, (value, before.flatten()));
            }
            4..=7 => self.expire(&field, before),
            8 => {
                let did = self.hash.persist(&mut self.leaves, &field);
                assert_eq!(did, before.flatten().is_some());
                if let Some((_, end)) = self.plain.get_mut(&field) {
                    *end = None;
                }
            }
            _ => {
                let is_gone = self.hash.remove(&mut self.leaves, &field);
                assert_eq!(is_gone, self.plain.remove(&field).is_some());
            }
        }
        match self.draw(40) {
            0 => self.now_ms += self.draw(3000),
            1 => self.sweep(),
            _ => {}
        }
    }

    fn expire(&mut self, field: &[u8], before: Option<Option<u64>>) {
        let at_ms = self.now_ms + self.draw(20_000) - 200;
        let (rule, allowed) = match self.draw(8) {
            0 => (ExpiryRule::IfNone, before == Some(None)),
            1 => (ExpiryRule::IfSome, before.flatten().is_some()),
            2 => (
                ExpiryRule::IfLater,
                before.flatten().is_some_and(|end| at_ms > end),
            ),
            3 => (
                ExpiryRule::IfEarlier,
                before.flatten().is_none_or(|end| at_ms < end),
            ),
            _ => (ExpiryRule::Always, true),
        };
        let expected = match before {
            None => Ended::NoField,
            Some(_) if !allowed => Ended::Refused,
            Some(_) if at_ms <= self.now_ms => Ended::Now,
            Some(_) => Ended::Later,
        };
        let ended = self
            .hash
            .expire(&mut self.leaves, field, at_ms, self.now_ms, rule);
        assert_eq!(ended, Ok(expected));
        match expected {
            Ended::Now => drop(self.plain.remove(field)),
            Ended::Later => self.plain.get_mut(field).unwrap().1 = Some(at_ms),
            Ended::NoField | Ended::Refused => {}
        }
    }

    /// Some that are over go, the earliest first.
    fn sweep(&mut self) {
        let limit = usize::try_from(self.draw(40)).unwrap();
        let mut names = Texts::default();
        self.hash
            .end_some(&mut self.leaves, self.now_ms, limit, &mut names);
        let mut over: Vec<u64> = self.plain.values().filter_map(|(_, end)| *end).collect();
        over.retain(|at_ms| *at_ms <= self.now_ms);
        over.sort_unstable();
        assert_eq!(names.len(), over.len().min(limit));
        for (nth, name) in names.iter().enumerate() {
            let (_, end) = self.plain.remove(name).expect("a field");
            assert_eq!(end, Some(over[nth]));
        }
    }

    fn check(&self, field: &[u8]) {
        let view = self.hash.view().at_moment(self.now_ms);
        let expected = self.plain.get(field);
        let seen = expected.filter(|(_, end)| is_seen(*end, self.now_ms));
        let value = view.get(&self.leaves, field).map(owned);
        assert_eq!(value.as_ref(), seen.map(|(value, _)| value));
        let end = expected.and_then(|(_, end)| *end);
        assert_eq!(view.expiry(&self.leaves, field), end);
        assert_eq!(view.len(), self.plain.len() as u64);
    }

    fn check_all(&mut self) {
        let view = self.hash.view().at_moment(self.now_ms);
        let seen: HashMap<_, _> = self
            .plain
            .iter()
            .filter(|(_, (_, end))| is_seen(*end, self.now_ms))
            .map(|(field, (value, _))| (field.clone(), value.clone()))
            .collect();
        assert_eq!(view.seen(&self.leaves), seen.len() as u64);
        let mut found = HashMap::new();
        let mut next = Some(Position::default());
        while let Some(from) = next {
            next = view.walk(&self.leaves, from, 7, |field, value| {
                found.insert(owned(field), owned(value));
            });
        }
        assert_eq!(found, seen);
        let (mut scanned, mut cursor) = (HashSet::new(), 0);
        loop {
            cursor = view.scan(&self.leaves, cursor, |field, _| {
                scanned.insert(owned(field));
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, seen.keys().cloned().collect());
        if let Some(place) = view.random(&self.leaves, &mut self.chance) {
            let (field, _) = view.at(&self.leaves, place).unwrap();
            assert!(seen.contains_key(&owned(field)));
        }
        let ends = self.plain.values().filter_map(|(_, end)| *end);
        assert_eq!(view.ending(), ends.clone().count() as u64);
        assert_eq!(view.earliest_end(), ends.clone().min());
        let all_end = view.ending() == view.len();
        let last = ends.max().filter(|_| all_end);
        assert_eq!(self.hash.last_end_ms(&self.leaves), last);
        // What it says it takes of the leaves is what lives there.
        if self.hash.blob().is_none() {
            assert_eq!(self.hash.leaf_bytes(), self.leaves.live_bytes());
        }
    }

    fn free(mut self) {
        free_all(&mut self.hash, &mut self.leaves);
        assert_eq!(self.leaves.live_bytes(), 0, "all is given back");
    }
}

#[test]
fn any_operations_and_moments_leave_what_a_map_would() {
    for (seed, limits, keys) in [
        (1, LIMITS, 40),
        (2, LIMITS, 3000),
        (3, AT_ONCE_LARGE, 100),
        (4, AT_ONCE_LARGE, 10_000),
    ] {
        let mut pair = Pair::new(seed);
        for step in 0..50_000_u64 {
            pair.step(keys, &limits, step % 20_000 < 13_000);
            let field = text(pair.draw(keys));
            pair.check(&field);
            if step % 2500 == 0 {
                pair.check_all();
            }
        }
        pair.check_all();
        pair.free();
    }
}

#[test]
fn a_copy_has_the_same_fields_and_ends_in_memory_of_its_own() {
    for (seed, limits, keys) in [(5, LIMITS, 30), (6, LIMITS, 3000), (7, AT_ONCE_LARGE, 50)] {
        let mut pair = Pair::new(seed);
        for _ in 0..6000 {
            pair.step(keys, &limits, true);
        }
        let mut others = Leaves::new(seed);
        let mut pools = Pools::Two(&pair.leaves, &mut others);
        let hash = Collection::copy(&pair.hash, &mut pools).unwrap();
        let mut copy = Pair {
            hash,
            leaves: others,
            plain: pair.plain.clone(),
            ..Pair::new(seed)
        };
        copy.now_ms = pair.now_ms;
        pair.free();
        copy.check_all();
        for _ in 0..6000 {
            copy.step(keys, &limits, false);
        }
        copy.check_all();
        copy.free();
    }
}

#[test]
fn a_hash_without_ends_takes_not_a_byte_for_them() {
    let (mut leaves, mut never) = (Leaves::new(1), Hash::default());
    let mut once = Hash::default();
    for number in 0..5000 {
        let field = text(number);
        never.set(&mut leaves, &field, b"v", &LIMITS).unwrap();
    }
    let alone = leaves.live_bytes();
    for number in 0..5000 {
        let field = text(number);
        once.set(&mut leaves, &field, b"v", &LIMITS).unwrap();
    }
    for number in 0..5000 {
        let at_ms = 1000 + number;
        let ended = once.expire(&mut leaves, &text(number), at_ms, 1, ExpiryRule::Always);
        assert_eq!(ended, Ok(Ended::Later));
    }
    assert!(leaves.live_bytes() > 2 * alone);
    for number in 0..5000 {
        once.persist(&mut leaves, &text(number));
    }
    assert_eq!(leaves.live_bytes(), 2 * alone);
    assert_eq!(once.own_bytes(), never.own_bytes());
    free_all(&mut never, &mut leaves);
    free_all(&mut once, &mut leaves);
    assert_eq!(leaves.live_bytes(), 0);
}

#[test]
fn a_random_field_is_found_among_many_that_are_over() {
    let (mut leaves, mut hash) = (Leaves::new(1), Hash::default());
    for number in 0..500 {
        let field = format!("f{number}");
        hash.set(&mut leaves, field.as_bytes(), b"v", &LIMITS)
            .unwrap();
        if number != 123 {
            let (field, rule) = (field.as_bytes(), ExpiryRule::Always);
            hash.expire(&mut leaves, field, 10, 1, rule).unwrap();
        }
    }
    let view = hash.view().at_moment(10);
    let mut chance = 3;
    for _ in 0..50 {
        let place = view.random(&leaves, &mut chance).expect("one is left");
        let (field, _) = view.at(&leaves, place).unwrap();
        assert_eq!(owned(field), b"f123");
    }
    free_all(&mut hash, &mut leaves);
}

#[test]
fn an_end_costs_little_beside_its_field() {
    const FIELDS: u64 = 50_000;
    let (mut leaves, mut hash) = (Leaves::new(1), Hash::default());
    let name = |number: u64| format!("field:{number:010}").into_bytes();
    for number in 0..FIELDS {
        hash.set(&mut leaves, &name(number), b"v", &LIMITS).unwrap();
    }
    let without = hash.view().bytes(&leaves);
    let mut chance = 9;
    for number in 0..FIELDS {
        let at_ms = 1_800_000_000_000 + below(&mut chance, 1 << 30);
        let ended = hash.expire(&mut leaves, &name(number), at_ms, 1, ExpiryRule::Always);
        assert_eq!(ended, Ok(Ended::Later));
    }
    let each = (hash.view().bytes(&leaves) - without) / FIELDS;
    eprintln!("{each} bytes for the end of a field with a name of 16");
    assert!((16..=45).contains(&each), "{each}");
    free_all(&mut hash, &mut leaves);
}
