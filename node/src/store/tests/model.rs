//! Random operations on both keyspaces.

use super::*;
use crate::store::ExpectedEntries;
use proptest::prelude::*;

struct Pair {
    real: Store,
    plain: PlainStore,
    chance: u64,
    now_ms: u64,
}

const DATABASES: u8 = 3;

impl Pair {
    fn new(seed: u64) -> Self {
        let mut pair = Self {
            real: Store::new(DATABASES, seed),
            plain: PlainStore::new(DATABASES),
            chance: seed,
            now_ms: NOON,
        };
        pair.pass(0);
        pair
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.real.set_now(self.now_ms);
        self.plain.set_now(self.now_ms);
    }

    fn draw(&mut self, bound: u64) -> u64 {
        below(&mut self.chance, bound)
    }

    /// Keys of all lengths, the same ones again and again.
    fn name(&mut self, keys: u64) -> Vec<u8> {
        let number = self.draw(keys);
        match number % 50 {
            0 => vec![b'l'; 1000 + usize::try_from(number % 200).unwrap()],
            1..=5 => format!("{{tag}}{number}").into_bytes(),
            6 => format!("{number}{}", "x".repeat(200)).into_bytes(),
            _ => numbered(number),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let number = splitmix(&mut self.chance);
        match self.draw(20) {
            0..=4 => (number.cast_signed() >> (number % 64))
                .to_string()
                .into_bytes(),
            5..=15 => vec![b'v'; usize::try_from(number % 100).unwrap()],
            16 | 17 => vec![b'w'; usize::try_from(number % 1000).unwrap()],
            18 => vec![b'y'; 4000 + usize::try_from(number % 100).unwrap()],
            _ => vec![b'z'; usize::try_from(number % 10_000).unwrap()],
        }
    }

    fn db(&mut self) -> DbIndex {
        DbIndex(if self.draw(10) < 8 {
            0
        } else {
            self.draw(3).to_le_bytes()[0]
        })
    }

    fn expiry(&mut self) -> ExpiryChange {
        match self.draw(4) {
            0 => ExpiryChange::Keep,
            1 => ExpiryChange::At(self.now_ms + self.draw(10_000)),
            _ => ExpiryChange::Clear,
        }
    }

    /// One random operation; `writes` of ten add keys.
    fn step(&mut self, keys: u64, writes: u64) {
        let db = self.db();
        let name = self.name(keys);
        let (real, plain) = (self.real.hash(&name), self.plain.hash(&name));
        let ours = Key {
            bytes: &name,
            hash: real,
        };
        let theirs = Key {
            bytes: &name,
            hash: plain,
        };
        if self.draw(10) < writes {
            let (value, expiry) = (self.value(), self.expiry());
            set(&mut self.real, db, ours, &value, expiry).unwrap();
            self.plain.set(db, theirs, &value, expiry);
        }
        match self.draw(26) {
            0..=3 => {
                assert_eq!(self.real.remove(db, ours), self.plain.remove(db, theirs));
            }
            4..=8 => {
                assert_eq!(string(self.real.get(db, ours)), self.plain.get(db, theirs));
            }
            9 => {
                let at = (self.draw(2) == 0).then(|| self.now_ms + self.draw(20_000));
                let (one, other) = (
                    self.real.set_expiry(db, ours, at),
                    self.plain.set_expiry(db, theirs, at),
                );
                assert_eq!(one, Ok(other));
            }
            10 => assert_eq!(self.real.expiry(db, ours), self.plain.expiry(db, theirs)),
            11 | 12 => self.edit(db, ours, theirs),
            13 => self.copy(db, ours, theirs, keys),
            14 => {
                let number = splitmix(&mut self.chance).cast_signed();
                let string = StringEdit::of(self.real.slot(db, ours)).unwrap();
                string.set_integer(number).unwrap();
                self.plain
                    .set_integer(db, theirs, number, ExpiryChange::Keep);
            }
            20 => {
                let text = self.draw(1000).to_string();
                let expiry = self.expiry();
                let slot = self.real.slot(db, ours);
                StringEdit::put_text(slot, text.as_bytes(), expiry).unwrap();
                self.plain.set_text(db, theirs, text.as_bytes(), expiry);
            }
            21 => self.rename(db, ours, theirs, keys),
            15 => self.pass(20),
            16 => {
                let budget = usize::try_from(self.draw(2000)).unwrap();
                self.real.expire_step(budget);
            }
            17 => {
                let other = self.db();
                if self.draw(50) == 0 {
                    self.real.swap(DB, db, other);
                    self.plain.swap(db, other);
                }
            }
            18 if self.draw(3000) == 0 => {
                let cleared = self.real.len(db);
                assert_eq!(self.real.clear(db), cleared);
                self.plain.clear(db);
            }
            19 => self.random_key(db),
            _ => {
                assert_eq!(
                    encoding(&mut self.real, db, ours),
                    self.plain.string_encoding(db, theirs)
                );
            }
        }
        self.real.prefetch_path(db, ours.hash);
        self.real.prefetch_line(db, ours.hash);
        let mut expected = ExpectedEntries::default();
        if !self.real.expect_entry(db, ours.hash, &mut expected) {
            self.real.expect_stray(db, ours.hash, &mut expected);
        }
        self.real.prefetch_expected(db, &mut expected);
        assert_eq!(
            string(self.real.peek(db, ours)),
            self.plain.peek(db, theirs)
        );
        assert_eq!(
            self.real.usage(db, ours).map(|usage| usage.idle_seconds),
            self.plain.usage(db, theirs).map(|usage| usage.idle_seconds)
        );
    }

    fn edit(&mut self, db: DbIndex, ours: Key<'_>, theirs: Key<'_>) {
        let len = match self.draw(10) {
            0 => 6000,
            1 => 4000,
            _ => self.draw(200),
        };
        let len = usize::try_from(len).unwrap();
        let other = self.plain.string_mut(db, theirs, len).unwrap();
        let edited = edit(&mut self.real, db, ours, len, |one| {
            assert_eq!(one, other);
            if let Some(at) = len.checked_sub(1) {
                one[at] = b'e';
                other[at] = b'e';
            }
        });
        edited.unwrap();
    }

    fn copy(&mut self, db: DbIndex, ours: Key<'_>, theirs: Key<'_>, keys: u64) {
        let (to_db, to) = (self.db(), self.name(keys));
        let (our_hash, their_hash) = (self.real.hash(&to), self.plain.hash(&to));
        let same = db == to_db && to == ours.bytes;
        let to = to.as_slice();
        let one = self.real.copy(
            db,
            ours,
            to_db,
            Key {
                bytes: to,
                hash: our_hash,
            },
        );
        if !same {
            let to = Key {
                bytes: to,
                hash: their_hash,
            };
            let other = self.plain.copy(db, theirs, to_db, to);
            assert_eq!(one, Ok(other));
        }
    }

    fn rename(&mut self, db: DbIndex, ours: Key<'_>, theirs: Key<'_>, keys: u64) {
        let (to_db, to) = (self.db(), self.name(keys));
        let moves = db != to_db;
        let to = if moves { ours.bytes } else { &to };
        if !moves && to == ours.bytes {
            return;
        }
        let (our_to, their_to) = (
            Key {
                bytes: to,
                hash: self.real.hash(to),
            },
            Key {
                bytes: to,
                hash: self.plain.hash(to),
            },
        );
        let one = if moves {
            self.real.move_key(db, ours, to_db)
        } else {
            self.real.rename(db, ours, our_to)
        };
        let is_taken = moves && self.plain.peek(to_db, their_to).is_some();
        let other = !is_taken && self.plain.copy(db, theirs, to_db, their_to);
        if other {
            self.plain.remove(db, theirs);
        }
        assert_eq!(one, Ok(other));
        assert_eq!(
            string(self.real.peek(to_db, our_to)),
            self.plain.peek(to_db, their_to)
        );
    }

    fn random_key(&mut self, db: DbIndex) {
        let mut name = Vec::new();
        if self.real.random_key(db, &mut name) {
            let hash = self.plain.hash(&name);
            let name = Key { bytes: &name, hash };
            assert!(self.plain.peek(db, name).is_some(), "it lives");
        } else {
            self.plain.expire_step(usize::MAX);
            assert_eq!(self.plain.len(db), 0);
        }
    }

    /// Lets the sweep end its pass.
    fn sweep(&mut self) {
        for _ in 0..100 {
            self.pass(100);
            while self.real.expire_step(EXPIRE_SLICE).again {}
        }
    }

    /// Keys that the sweep has not met yet: none was due long ago.
    fn dead(&self, db: DbIndex) -> usize {
        let slabs = self.real.database(db).slabs();
        let places = ClassId::all()
            .flat_map(|class| (0..slabs.places(class)).map(move |at| slabs.place(class, at)))
            .filter(|&handle| !slabs.is_hole(handle));
        let expiries = places.filter_map(|handle| self.real.database(db).entry(handle).expiry());
        let dead: Vec<u64> = expiries.filter(|&at| at <= self.now_ms).collect();
        assert!(dead.iter().all(|at| at + 5000 > self.now_ms));
        dead.len()
    }

    fn check_all(&mut self) {
        self.sweep();
        self.plain.expire_step(usize::MAX);
        check_books(&self.real);
        for db in (0..DATABASES).map(DbIndex) {
            let dead = self.dead(db);
            assert_eq!(self.real.len(db) - dead, self.plain.len(db));
            assert_eq!(
                self.real.len_expiring(db) - dead,
                self.plain.len_expiring(db)
            );
            let mut ours = HashMap::new();
            let mut cursor = 0;
            loop {
                cursor = self.real.scan(db, cursor, 10, &mut |name, value| {
                    let twice = ours.insert(name.to_vec(), owned(StringRef::of(value).unwrap()));
                    assert_eq!(twice, None, "nothing moves, so nothing is seen twice");
                });
                if cursor == 0 {
                    break;
                }
            }
            let mut theirs = HashMap::new();
            self.plain.scan(db, 0, usize::MAX, &mut |name, value| {
                theirs.insert(name.to_vec(), owned(value));
            });
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn random_operations_agree_while_the_keyspace_grows_and_shrinks() {
    let mut pair = Pair::new(11);
    for (keys, writes, steps) in [
        (200, 5, 5000),
        (100_000, 9, 150_000),
        (100_000, 0, 400_000),
        (30_000, 5, 50_000),
    ] {
        for _ in 0..steps {
            pair.step(keys, writes);
        }
        pair.check_all();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn short_runs_agree_with_any_seed(seed: u64, keys in 1_u64..2000, writes in 0_u64..10) {
        let mut pair = Pair::new(seed);
        for _ in 0..3000 {
            pair.step(keys, writes);
        }
        pair.check_all();
    }
}
