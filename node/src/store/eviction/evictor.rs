//! Carries a policy out: finds the entry that goes.
//! Pure. The store removes it.

use super::draw::{Draws, below, draw_expiring};
use super::pool::{Candidate, Pool};
use super::s3fifo::{Ghosts, Verdict};
use super::sieve::Hand;
use super::{EvictionPolicy, fifo, lfu, lru, random, s3fifo, ttl};
use crate::store::access::AccessClock;
use crate::store::database::{Database, Found};
use crate::store::entry::Entry;
use crate::store::key::KeyHash;
use crate::store::slab::Handle;

/// Candidates looked at again before an eviction gives up: more than the pool holds.
const ROUNDS: u32 = 20;

/// State of eviction between two calls.
#[derive(Debug)]
pub(in crate::store) struct Evictor {
    chance: u64,
    pool: Pool,
    ghosts: Ghosts,
    hand: Hand,
    /// Reused: what was drawn, and its marks.
    handles: Vec<Handle>,
    marks: Vec<u16>,
}

impl Evictor {
    /// With a seed of its own.
    pub(in crate::store) fn new(seed: u64) -> Self {
        Self {
            chance: seed,
            pool: Pool::default(),
            ghosts: Ghosts::default(),
            hand: Hand::default(),
            handles: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Another policy: what was noted for the old one is forgotten.
    pub(in crate::store) fn reset(&mut self) {
        self.pool.clear();
        self.ghosts = Ghosts::default();
        self.hand = Hand::default();
    }

    /// Whether a key that is added now should go to S3-FIFO's main queue at once.
    #[inline]
    pub(in crate::store) fn recall(&mut self, hash: KeyHash) -> bool {
        self.ghosts.recall(hash)
    }

    /// Bytes taken.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.ghosts.bytes()
    }

    /// The entry that goes, and its database. `None` when nothing may go.
    pub(in crate::store) fn choose(
        &mut self,
        databases: &mut [Database],
        clock: &AccessClock,
    ) -> Option<(usize, Found)> {
        match clock.settings().policy {
            EvictionPolicy::NoEviction => None,
            EvictionPolicy::AllKeysSieve => {
                let (at, handle) = self.hand.next(databases)?;
                Some((at, databases[at].found_at(handle)?))
            }
            EvictionPolicy::AllKeysS3Fifo => self.choose_s3fifo(databases, clock),
            _ => self.choose_by_score(databases, clock),
        }
    }

    /// Which database, each as likely as the number of keys in it that may go.
    fn draw_database(&mut self, databases: &[Database], volatile: bool) -> Option<usize> {
        let weight = |database: &Database| {
            let keys = if volatile {
                database.expiring()
            } else {
                database.len()
            };
            keys as u64
        };
        let mut nth = below(&mut self.chance, databases.iter().map(weight).sum());
        for (at, database) in databases.iter().enumerate() {
            if nth < weight(database) {
                return Some(at);
            }
            nth -= weight(database);
        }
        None
    }

    fn choose_by_score(
        &mut self,
        databases: &mut [Database],
        clock: &AccessClock,
    ) -> Option<(usize, Found)> {
        let policy = clock.settings().policy;
        let volatile = policy.is_volatile();
        let mut last = None;
        for _ in 0..ROUNDS {
            let drawn = self.fill_pool(databases, clock);
            let Some(best) = self.pool.take() else {
                drawn?;
                continue;
            };
            let at = usize::from(best.database);
            let database = databases.get(at)?;
            let Some(found) = database.find_hash(best.hash) else {
                continue;
            };
            let entry = database.entry(found.handle);
            if volatile && entry.expiry().is_none() {
                continue;
            }
            if score(policy, entry, clock) >= best.score {
                return Some((at, found));
            }
            // Used since it was drawn: no longer what it was chosen for.
            last = Some((at, found));
        }
        last
    }

    /// Offers some drawn entries to the pool; `None` when none was met.
    fn fill_pool(&mut self, databases: &mut [Database], clock: &AccessClock) -> Option<()> {
        let settings = clock.settings();
        let samples = match settings.policy {
            EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom => random::SAMPLES,
            _ => settings.samples.clamp(1, SAMPLES_AT_MOST),
        };
        let volatile = settings.policy.is_volatile();
        let at = self.draw_database(databases, volatile)?;
        let mut handles = std::mem::take(&mut self.handles);
        handles.clear();
        if volatile {
            let database = &mut databases[at];
            let draws = (0..samples).map_while(|_| draw_expiring(database, &mut self.chance));
            handles.extend(draws);
        } else {
            let draws = Draws::new(&databases[at])?;
            handles.extend((0..samples).filter_map(|_| draws.draw(&mut self.chance)));
        }
        let database = &mut databases[at];
        for &handle in &handles {
            database.freshen(handle);
            self.pool.offer(Candidate {
                database: u8::try_from(at).unwrap_or(u8::MAX),
                hash: database.hash_of(handle),
                score: score(settings.policy, database.entry(handle), clock),
            });
        }
        let met = !handles.is_empty();
        self.handles = handles;
        met.then_some(())
    }

    fn choose_s3fifo(
        &mut self,
        databases: &mut [Database],
        clock: &AccessClock,
    ) -> Option<(usize, Found)> {
        let mut last = None;
        let keys = databases.iter().map(Database::len).sum();
        for _ in 0..ROUNDS {
            let at = self.draw_database(databases, false)?;
            let database = &mut databases[at];
            let draws = Draws::new(database)?;
            self.handles.clear();
            self.marks.clear();
            let drawn = (0..s3fifo::SAMPLES).filter_map(|_| draws.draw(&mut self.chance));
            self.handles.extend(drawn);
            for &handle in &self.handles {
                database.freshen(handle);
                self.marks.push(database.entry(handle).mark());
            }
            let Some(chosen) = s3fifo::choose(&self.marks, clock.ticks()) else {
                continue;
            };
            let handle = self.handles[chosen];
            match s3fifo::judge(self.marks[chosen], clock.ticks()) {
                Verdict::EvictSmall => {
                    let hash = database.hash_of(handle);
                    self.ghosts.remember(hash, keys);
                    return Some((at, database.found_at(handle)?));
                }
                Verdict::EvictMain => return Some((at, database.found_at(handle)?)),
                Verdict::Keep(mark) => {
                    database.set_mark(handle, mark);
                    last = Some((at, handle));
                }
            }
        }
        // All that were met are in use: the last of them goes.
        let (at, handle) = last?;
        Some((at, databases[at].found_at(handle)?))
    }
}

/// `maxmemory-samples` ends here.
const SAMPLES_AT_MOST: u32 = 64;

fn score(policy: EvictionPolicy, entry: Entry<'_>, clock: &AccessClock) -> u64 {
    match policy {
        EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru => lru::score(entry, clock),
        EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => lfu::score(entry, clock),
        EvictionPolicy::VolatileTtl => ttl::score(entry),
        EvictionPolicy::AllKeysFifo => fifo::score(entry, clock),
        _ => random::score(),
    }
}
