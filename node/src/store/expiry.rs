//! The sweep: removes keys whose time has come, and parts of their values, without waiting for somebody to ask for them.
//! Pure: the caller says what time it is and how much may be done.
//!
//! Every page of a slab knows a lower bound of its entries' expiries, so a pass reads only pages in which something may be due. A pass goes through all classes from their last entry to their first: an entry that is moved into a hole meanwhile came from behind and has been seen.
//! A pass begins at most two seconds after the one before and is over within half of that, as long as there is time to remove what is due; so nothing dead
//! stays for five, even if there is so much of it that removing takes two more.
//! An entry is due when it is dead, or when the first of its value's parts that end by themselves has ended. Parts go some at a time.
//! Beside it goes a slower walk that keeps access marks from wrapping round (see `access`).

use super::access::{AccessClock, WALK_PERIOD_MS};
use super::database::Database;
use super::slab::{CLASS_COUNT, ClassId, Handle};

/// Passes begin no further apart than this with any number of keys.
const LONGEST_PASS_MS: u64 = 2000;

/// … and no closer than this, so that a few busy pages are not read over and over.
const SHORTEST_PASS_MS: u64 = 500;

/// In between they are a millisecond apart per so many keys: a second for a million.
const KEYS_PER_PASS_MS: usize = 1000;

/// What removing a key costs, in entries looked at: some 250 ns against a few.
const REMOVAL_COST: usize = 16;

/// What a handle that the index moves costs, in entries looked at.
const MOVE_COST: usize = 4;

/// What a part of a value that goes costs, in entries looked at: it goes from the value and from the order of ends.
const PART_COST: usize = 64;

/// Parts of one value that go at once.
const PARTS_AT_ONCE: usize = 32;

/// What the sweep does to what has ended.
pub(super) trait Ending {
    /// Takes an entry away.
    fn remove(&mut self, database: &mut Database, handle: Handle);

    /// Takes away up to `limit` parts of its value that have ended; how many there were.
    fn end_parts(&mut self, database: &mut Database, handle: Handle, limit: usize) -> usize;

    /// Whether what has ended of its value is to stay for now: somebody reads it a piece at a time.
    fn spares(&self, database: &Database, handle: Handle) -> bool;
}

/// How far the sweep of one database has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct SweepState {
    /// When the pass began.
    started_ms: u64,
    /// Class and page (counted within the class) to come next; positions below `position` of the page are left.
    class: usize,
    page: u32,
    position: Option<u32>,
    /// Pages done in this pass.
    done: u64,
    ttl_sum: u64,
    ttl_count: u64,
    average_ttl_ms: u64,
    ageing: Ageing,
}

/// How far the walk over access marks has come.
#[derive(Clone, Copy, Debug, Default)]
struct Ageing {
    started_ms: u64,
    class: usize,
    page: u32,
    done: u64,
}

impl Default for SweepState {
    fn default() -> Self {
        Self {
            started_ms: 0,
            class: CLASS_COUNT,
            page: 0,
            position: None,
            done: 0,
            ttl_sum: 0,
            ttl_count: 0,
            average_ttl_ms: 0,
            ageing: Ageing::default(),
        }
    }
}

impl SweepState {
    /// INFO's `avg_ttl`, from the last pass.
    pub(super) fn average_ttl_ms(&self) -> u64 {
        self.average_ttl_ms
    }

    /// Whether a page is half done: its bound holds only for that half.
    #[cfg(test)]
    pub(super) fn is_within_a_page(&self) -> bool {
        self.position.is_some()
    }
}

/// What the sweep may still do, and what it did.
#[derive(Clone, Copy, Debug)]
pub(super) struct SweepBudget {
    pub(super) left: usize,
    pub(super) visited: usize,
    pub(super) removed: usize,
    pub(super) longest_stay_ms: u64,
}

impl SweepBudget {
    pub(super) fn new(entries: usize) -> Self {
        Self {
            left: entries,
            visited: 0,
            removed: 0,
            longest_stay_ms: 0,
        }
    }

    pub(super) fn spend(&mut self, entries: usize) {
        self.left = self.left.saturating_sub(entries);
    }
}

/// Continues the pass over one database as far as time has gone on and the budget allows; `ending` takes away what has ended. `true` when it lags behind.
pub(super) fn sweep(
    database: &mut Database,
    now_ms: u64,
    budget: &mut SweepBudget,
    ending: &mut dyn Ending,
) -> bool {
    if !database.has_expiries() {
        database.sweep.class = CLASS_COUNT;
        database.sweep.average_ttl_ms = 0;
        return false;
    }
    let length_ms = pass_length_ms(database.len());
    if database.sweep.class == CLASS_COUNT {
        if database.sweep.started_ms + length_ms > now_ms && database.sweep.started_ms <= now_ms {
            return false;
        }
        begin(database, now_ms);
    }
    let pages: u64 = ClassId::all()
        .map(|class| u64::from(database.slabs().pages_of(class)))
        .sum();
    let elapsed_ms = now_ms.saturating_sub(database.sweep.started_ms);
    let due = if elapsed_ms >= length_ms / 2 {
        u64::MAX
    } else {
        pages * elapsed_ms / (length_ms / 2) + 1
    };
    while database.sweep.class < CLASS_COUNT && database.sweep.done < due {
        if budget.left == 0 {
            return true;
        }
        step(database, now_ms, budget, ending);
    }
    false
}

fn pass_length_ms(keys: usize) -> u64 {
    ((keys / KEYS_PER_PASS_MS) as u64).clamp(SHORTEST_PASS_MS, LONGEST_PASS_MS)
}

fn begin(database: &mut Database, now_ms: u64) {
    let page = first_page(database, 0);
    let state = &mut database.sweep;
    state.started_ms = now_ms;
    state.class = 0;
    state.position = None;
    state.done = 0;
    state.page = page;
}

fn first_page(database: &Database, class: usize) -> u32 {
    ClassId::new(class).map_or(0, |class| database.slabs().pages_of(class))
}

/// Does a page, or the part of it that the budget allows, or goes on to the next class.
fn step(database: &mut Database, now_ms: u64, budget: &mut SweepBudget, ending: &mut dyn Ending) {
    let mut state = database.sweep;
    let Some(class) = ClassId::new(state.class) else {
        return;
    };
    // The class may have shrunk since.
    let pages = database.slabs().pages_of(class);
    if state.page > pages {
        state.page = pages;
        state.position = None;
    }
    if state.page == 0 {
        database.sweep.class += 1;
        database.sweep.page = first_page(database, state.class + 1);
        database.sweep.position = None;
        if database.sweep.class == CLASS_COUNT {
            finish(database);
        }
        return;
    }
    let nth = state.page - 1;
    let from = nth * class.per_page();
    let end = (from + class.per_page()).min(database.slabs().places(class));
    if state.position.is_none() {
        budget.spend(1);
        sample_ttl(database, class, from, now_ms);
        if database.slabs().earliest_expiry(class, nth) > now_ms {
            next_page(database, nth);
            return;
        }
        database.slabs_mut().forget_expiries(class, nth);
    }
    let mut position = state.position.unwrap_or(end).min(end).max(from);
    while position > from {
        if budget.left == 0 {
            database.sweep.position = Some(position);
            database.sweep.page = state.page;
            return;
        }
        position -= 1;
        budget.spend(1);
        budget.visited += 1;
        if !visit(database, class, position, now_ms, budget, ending) {
            position += 1;
        }
        // Removals may have taken the end of the class away.
        position = position.min(database.slabs().places(class));
    }
    next_page(database, nth);
}

fn next_page(database: &mut Database, nth: u32) {
    database.sweep.page = nth;
    database.sweep.position = None;
    database.sweep.done += 1;
}

/// Does what is to be done for one entry; `false` when more is than there was budget for.
fn visit(
    database: &mut Database,
    class: ClassId,
    position: u32,
    now_ms: u64,
    budget: &mut SweepBudget,
    ending: &mut dyn Ending,
) -> bool {
    if position >= database.slabs().places(class) {
        return true;
    }
    let handle = database.slabs().place(class, position);
    if database.entry(handle).kind().is_none() {
        return true;
    }
    let Some(at) = database.wakes_at(handle) else {
        return true;
    };
    if at > now_ms {
        database.slabs_mut().note_expiry(handle, at);
        return true;
    }
    match database.dies_at(handle) {
        Some(died_at) if died_at <= now_ms => {
            let moved_before = database.moved();
            ending.remove(database, handle);
            budget.removed += 1;
            budget.longest_stay_ms = budget.longest_stay_ms.max(now_ms - died_at);
            // In a storm all leaves reach the point where they merge at about the same time.
            let moved = usize::try_from(database.moved() - moved_before).unwrap_or(usize::MAX);
            budget.spend(REMOVAL_COST + moved * MOVE_COST);
            true
        }
        _ if ending.spares(database, handle) => {
            database.slabs_mut().note_expiry(handle, at);
            true
        }
        _ => {
            let ended = ending.end_parts(database, handle, PARTS_AT_ONCE);
            budget.longest_stay_ms = budget.longest_stay_ms.max(now_ms - at);
            budget.spend(ended.max(1) * PART_COST);
            ended < PARTS_AT_ONCE
        }
    }
}

/// One entry per page is enough of a sample: the first that expires among these many.
const SAMPLE_TRIES: u32 = 8;

fn sample_ttl(database: &mut Database, class: ClassId, from: u32, now_ms: u64) {
    let slabs = database.slabs();
    let end = slabs.places(class).min(from + SAMPLE_TRIES);
    let mut entries = (from..end).map(|position| database.entry(slabs.place(class, position)));
    let expiry = entries.find_map(|entry| entry.kind().and(entry.expiry()));
    if let Some(at) = expiry {
        let sum = &mut database.sweep.ttl_sum;
        // Some expiries are so late that two of them are beyond 64 bits.
        *sum = sum.saturating_add(at.saturating_sub(now_ms));
        database.sweep.ttl_count += 1;
    }
}

fn finish(database: &mut Database) {
    let state = &mut database.sweep;
    if let Some(average) = state.ttl_sum.checked_div(state.ttl_count) {
        state.average_ttl_ms = average;
    }
    state.ttl_sum = 0;
    state.ttl_count = 0;
}

/// Continues the walk over access marks: as many pages as time has gone on.
pub(super) fn age(
    database: &mut Database,
    now_ms: u64,
    clock: &AccessClock,
    budget: &mut SweepBudget,
) {
    if database.len() == 0 {
        return;
    }
    let pages: u64 = ClassId::all()
        .map(|class| u64::from(database.slabs().pages_of(class)))
        .sum();
    let mut state = database.sweep.ageing;
    if state.started_ms == 0 || state.started_ms > now_ms {
        state.started_ms = now_ms;
    }
    let due = (pages * (now_ms - state.started_ms) / WALK_PERIOD_MS).min(pages);
    while state.done < due && state.class < CLASS_COUNT && budget.left > 0 {
        let Some(class) = ClassId::new(state.class) else {
            break;
        };
        if state.page >= database.slabs().pages_of(class) {
            state.class += 1;
            state.page = 0;
            continue;
        }
        age_page(database, class, state.page, clock, budget);
        state.page += 1;
        state.done += 1;
    }
    if now_ms - state.started_ms >= WALK_PERIOD_MS && budget.left > 0 {
        state = Ageing {
            started_ms: now_ms,
            ..Ageing::default()
        };
    }
    database.sweep.ageing = state;
}

fn age_page(
    database: &mut Database,
    class: ClassId,
    nth: u32,
    clock: &AccessClock,
    budget: &mut SweepBudget,
) {
    let from = nth * class.per_page();
    let end = (from + class.per_page()).min(database.slabs().places(class));
    for position in from..end {
        let handle = database.slabs().place(class, position);
        database.slabs_mut().freshen(handle, class);
        let entry = database.entry(handle);
        if entry.kind().is_some() {
            let mark = clock.aged(entry.mark());
            database.set_mark(handle, mark);
        }
    }
    budget.spend((end - from) as usize);
    budget.visited += (end - from) as usize;
}
