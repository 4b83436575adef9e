//! Draws entries by chance from where they lie.
//! Pure.

use crate::store::database::Database;
use crate::store::hash::splitmix;
use crate::store::slab::{CLASS_COUNT, ClassId, Handle};

/// Places tried before a draw gives up on holes: at most one place in 32 is one.
const HOLE_TRIES: u32 = 8;

/// Places tried for an entry that expires, before pages are asked which have one.
const EXPIRING_TRIES: u32 = 16;

/// Pages read in vain, whose bound was out of date: some 3 µs each. It is corrected, so the next draw does not read them again.
const PAGES_READ: u32 = 32;

/// A number below `bound`, each as likely; 0 when the bound is.
pub(in crate::store) fn below(chance: &mut u64, bound: u64) -> u64 {
    let product = u128::from(splitmix(chance)) * u128::from(bound);
    u64::try_from(product >> 64).unwrap_or(0)
}

fn below_u32(chance: &mut u64, bound: u32) -> u32 {
    u32::try_from(below(chance, u64::from(bound))).unwrap_or(0)
}

/// Draws from one database, which must not change meanwhile.
pub(in crate::store) struct Draws<'a> {
    database: &'a Database,
    /// The classes that have entries, and where each one ends if all places are numbered.
    ends: [(u64, ClassId); CLASS_COUNT],
    classes: usize,
    places: u64,
}

impl<'a> Draws<'a> {
    /// From this one.
    pub(in crate::store) fn new(database: &'a Database) -> Option<Self> {
        let mut draws = Self {
            database,
            ends: [(0, ClassId::new(0)?); CLASS_COUNT],
            classes: 0,
            places: 0,
        };
        for class in ClassId::all() {
            let places = database.slabs().places(class);
            if places > 0 {
                draws.places += u64::from(places);
                draws.ends[draws.classes] = (draws.places, class);
                draws.classes += 1;
            }
        }
        (draws.places > 0).then_some(draws)
    }

    /// Any entry, expired or not, each as likely.
    pub(in crate::store) fn draw(&self, chance: &mut u64) -> Option<Handle> {
        let slabs = self.database.slabs();
        for _ in 0..HOLE_TRIES {
            let nth = below(chance, self.places);
            let classes = &self.ends[..self.classes];
            let (end, class) = *classes.iter().find(|(end, _)| nth < *end)?;
            let from_end = u32::try_from(end - nth).ok()?;
            let handle = slabs.place(class, slabs.places(class) - from_end);
            if !slabs.is_hole(handle) {
                return Some(handle);
            }
        }
        None
    }
}

/// An entry that has an expiry. `None` when there is none; or, rarely, when the few there are were not met within the bounds: the next call looks elsewhere.
pub(super) fn draw_expiring(database: &mut Database, chance: &mut u64) -> Option<Handle> {
    if database.expiring() == 0 {
        return None;
    }
    let draws = Draws::new(database)?;
    for _ in 0..EXPIRING_TRIES {
        let handle = draws.draw(chance)?;
        if database.entry(handle).expiry().is_some() {
            return Some(handle);
        }
    }
    let pages: u32 = ClassId::all()
        .map(|class| database.slabs().pages_of(class))
        .sum();
    let mut read = 0;
    let start = below_u32(chance, pages);
    let mut walk = PageWalk::new(database, start);
    // A nanosecond each: some 80 µs in 5 GiB.
    for _ in 0..pages {
        let (class, nth) = walk.next(database)?;
        if database.slabs().earliest_expiry(class, nth) == u64::MAX {
            continue;
        }
        if let Some(handle) = expiring_in_page(database, class, nth, chance) {
            return Some(handle);
        }
        database.slabs_mut().forget_expiries(class, nth);
        read += 1;
        if read == PAGES_READ {
            return None;
        }
    }
    None
}

fn expiring_in_page(
    database: &Database,
    class: ClassId,
    nth: u32,
    chance: &mut u64,
) -> Option<Handle> {
    let slabs = database.slabs();
    let from = nth * class.per_page();
    let end = (from + class.per_page()).min(slabs.places(class));
    let len = end.checked_sub(from)?;
    let start = below_u32(chance, len);
    (0..len)
        .map(|step| slabs.place(class, from + (start + step) % len))
        .find(|&handle| {
            let entry = database.entry(handle);
            entry.kind().is_some() && entry.expiry().is_some()
        })
}

/// All pages of a database one after the other, round and round.
struct PageWalk {
    class: usize,
    nth: u32,
}

impl PageWalk {
    /// Starts at page number `start` of all.
    fn new(database: &Database, start: u32) -> Self {
        let mut nth = start;
        for class in ClassId::all() {
            let pages = database.slabs().pages_of(class);
            if nth < pages {
                return Self {
                    class: class.number(),
                    nth,
                };
            }
            nth -= pages;
        }
        Self { class: 0, nth: 0 }
    }

    fn next(&mut self, database: &Database) -> Option<(ClassId, u32)> {
        for _ in 0..=CLASS_COUNT {
            let class = ClassId::new(self.class)?;
            if self.nth < database.slabs().pages_of(class) {
                self.nth += 1;
                return Some((class, self.nth - 1));
            }
            self.class = (self.class + 1) % CLASS_COUNT;
            self.nth = 0;
        }
        None
    }
}
