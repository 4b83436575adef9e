//! The keyspace alone: nanoseconds per operation, bytes per key, the longest operation while growing. A run at full size: `cargo bench -p switchyard-node --bench store -- 5000000`; without a number it is small.
//! Times are CPU time of the one thread, page faults included. Memory is the process's resident set, with jemalloc as in the product.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench talks to people and stops where it fails"
)]

use node::store::{
    DbIndex, EXPIRE_SLICE, Eviction, EvictionPolicy, EvictionSettings, ExpectedEntries,
    ExpiryChange, Key, KeyHash, Store, StringEdit, Wording,
};
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const DB: DbIndex = DbIndex(0);
const NOON: u64 = 1_795_176_000_000;

/// Operations per measured pass, and passes of which the best counts.
const OPERATIONS: u64 = 300_000;
const PASSES: u32 = 3;

/// Operations slower than this are counted.
const SLOW_NS: u64 = 100_000;

/// Each part runs in a process of its own, so that none inherits the memory of another.
type Part = (&'static str, fn(u64));

const PARTS: [Part; 10] = [
    ("short", |keys| memory(Shape::Short, keys)),
    ("ttl", |keys| memory(Shape::ShortWithTtl, keys)),
    ("long", |keys| memory(Shape::Long, keys)),
    ("counter", |keys| memory(Shape::Counter, keys)),
    ("speed", speed),
    ("pauses", pauses),
    ("hot", |keys| hot_slot(keys * 3 / 5)),
    ("churn", churn),
    ("evict", evict),
    ("hits", hits),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let keys = words.iter().find_map(|word| word.parse().ok());
    let keys = keys.unwrap_or(200_000);
    let wanted = |name: &str| words.iter().any(|word| word == name);
    if let Some((_, run)) = PARTS.iter().find(|(name, _)| wanted(name)) {
        return run(keys);
    }
    println!("{keys} keys; ns are CPU time");
    let this = std::env::current_exe().unwrap();
    for (name, _) in PARTS {
        let run = std::process::Command::new(&this)
            .args([name, &keys.to_string()])
            .status();
        assert!(run.unwrap().success(), "{name}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// 16-byte keys, numbers below 100 000.
    Counter,
    /// 16 + 32 bytes.
    Short,
    /// The same with an expiry.
    ShortWithTtl,
    /// 16 + 100 bytes.
    Long,
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap()
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// `k` and fifteen digits, without an allocation.
fn name(number: u64) -> [u8; 16] {
    let mut name = *b"k000000000000000";
    let mut rest = number;
    for digit in name[1..].iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap();
        rest /= 10;
    }
    name
}

fn value(number: u64, buffer: &mut [u8]) {
    for (at, byte) in buffer.iter_mut().enumerate() {
        *byte = b'a' + u8::try_from((number + at as u64) % 26).unwrap();
    }
}

fn put(store: &mut Store, number: u64, shape: Shape) {
    let name = name(number);
    let hash = store.hash(&name);
    let key = Key { bytes: &name, hash };
    let mut buffer = [0; 100];
    value(number, &mut buffer);
    let written = match shape {
        Shape::Counter => {
            let count = i64::try_from(mix(number) % 100_000).unwrap();
            let string = StringEdit::of(store.slot(DB, key)).unwrap();
            string.set_integer(count)
        }
        Shape::Short => StringEdit::put(store.slot(DB, key), &buffer[..32], ExpiryChange::Clear),
        Shape::ShortWithTtl => {
            let expiry = ExpiryChange::At(NOON + 100_000_000);
            StringEdit::put(store.slot(DB, key), &buffer[..32], expiry)
        }
        Shape::Long => StringEdit::put(store.slot(DB, key), &buffer, ExpiryChange::Clear),
    };
    written.unwrap();
}

fn new_store() -> Store {
    let mut store = Store::new(16, 42);
    store.set_now(NOON);
    store
}

/// Fills a store and says what a key costs, at the end and at the worst moment of the last four fifths.
fn memory(shape: Shape, keys: u64) {
    let before = resident_bytes();
    let mut store = new_store();
    let (mut worst, mut worst_at) = (0.0_f64, 0);
    for number in 0..keys {
        put(&mut store, number, shape);
        if number >= keys / 5 && number.is_multiple_of((keys / 100).max(1)) {
            let bytes = per_key(resident_bytes() - before, number + 1);
            if bytes > worst {
                (worst, worst_at) = (bytes, number + 1);
            }
        }
    }
    let now = per_key(resident_bytes() - before, keys);
    let memory = store.memory();
    println!(
        "memory {shape:?}: {now:.1} B/key resident, worst {worst:.1} at {worst_at}; entries {:.1}, index {:.2}, overhead {:.2}",
        per_key(memory.entries, keys),
        per_key(memory.index, keys),
        per_key(memory.overhead, keys),
    );
    drop(store);
}

#[expect(clippy::cast_precision_loss, reason = "printed with one digit")]
fn per_key(bytes: u64, keys: u64) -> f64 {
    bytes as f64 / keys as f64
}

/// As a node does for the commands of one window.
fn ask_ahead(store: &Store, hashes: &[KeyHash]) {
    for &hash in hashes {
        store.prefetch_line(DB, hash);
    }
    let mut expected = ExpectedEntries::default();
    let mut strays = Vec::new();
    for &hash in hashes {
        if !store.expect_entry(DB, hash, &mut expected) {
            strays.push(hash);
        }
    }
    store.prefetch_expected(DB, &mut expected);
    for hash in strays {
        store.expect_stray(DB, hash, &mut expected);
    }
    store.prefetch_expected(DB, &mut expected);
}

/// The best of some passes over random keys, in batches; `work` gets a key, its number and hash.
fn measure(
    store: &mut Store,
    title: &str,
    keys: u64,
    batch: usize,
    passes: u32,
    work: &mut dyn FnMut(&mut Store, Key<'_>, u64),
) {
    let mut best = u64::MAX;
    let mut numbers = vec![0; batch];
    let mut names = vec![[0; 16]; batch];
    let mut hashes: Vec<KeyHash> = Vec::new();
    for pass in 0..passes {
        let start = cpu_ns();
        for round in 0..OPERATIONS / batch as u64 {
            hashes.clear();
            for at in 0..batch {
                let draw =
                    mix((round * batch as u64 + at as u64) * 7 + u64::from(pass) * 1_000_003);
                numbers[at] = draw % keys;
                names[at] = name(numbers[at]);
                let hash = store.hash(&names[at]);
                if batch > 1 {
                    store.prefetch_path(DB, hash);
                }
                hashes.push(hash);
            }
            if batch > 1 {
                ask_ahead(store, &hashes);
            }
            for at in 0..batch {
                let key = Key {
                    bytes: &names[at],
                    hash: hashes[at],
                };
                work(store, key, numbers[at]);
            }
        }
        best = best.min(cpu_ns() - start);
    }
    println!("{title}, batches of {batch}: {} ns", best / OPERATIONS);
}

fn hits(keys: u64) {
    let mut store = new_store();
    for number in 0..keys {
        put(&mut store, number, Shape::Short);
    }
    measure(
        &mut store,
        "hit",
        keys,
        100,
        PASSES,
        &mut |store, key, _| {
            assert!(std::hint::black_box(store.get(DB, key)).is_some());
        },
    );
}

fn speed(keys: u64) {
    let mut store = new_store();
    for number in 0..keys {
        put(&mut store, number, Shape::Short);
    }
    let mut loop_only = u64::MAX;
    for pass in 0..PASSES {
        let start = cpu_ns();
        let mut sum = 0;
        for round in 0..OPERATIONS {
            let number = mix(round * 7 + u64::from(pass)) % keys;
            sum += u64::from(std::hint::black_box(name(number))[15]);
        }
        std::hint::black_box(sum);
        loop_only = loop_only.min(cpu_ns() - start);
    }
    println!(
        "making a key (part of each figure below): {} ns",
        loop_only / OPERATIONS
    );
    let start = cpu_ns();
    let mut sum = 0;
    for round in 0..OPERATIONS {
        sum ^= mix(round) % keys;
        std::hint::black_box(store.hash(std::hint::black_box(b"k000000000012345")));
    }
    std::hint::black_box(sum);
    println!(
        "hash of a 16-byte key: {:.1} ns",
        per_key(cpu_ns() - start, OPERATIONS)
    );
    for batch in [1, 16, 100] {
        measure(
            &mut store,
            "hit",
            keys,
            batch,
            PASSES,
            &mut |store, key, _| {
                assert!(std::hint::black_box(store.get(DB, key)).is_some());
            },
        );
    }
    for batch in [1, 100] {
        measure(
            &mut store,
            "overwrite",
            keys,
            batch,
            PASSES,
            &mut |store, key, number| {
                let mut buffer = [0; 32];
                value(number + 1, &mut buffer);
                StringEdit::put(store.slot(DB, key), &buffer, ExpiryChange::Clear).unwrap();
            },
        );
    }
    for batch in [1, 100] {
        measure(
            &mut store,
            "miss",
            keys,
            batch,
            PASSES,
            &mut |store, key, _| {
                let mut other = [0; 16];
                other.copy_from_slice(key.bytes);
                other[0] = b'm';
                let key = Key {
                    bytes: &other,
                    hash: key.hash,
                };
                assert!(std::hint::black_box(store.get(DB, key)).is_none());
            },
        );
    }
    for batch in [1, 100] {
        let mut next = keys * u64::try_from(batch).unwrap() + keys;
        measure(
            &mut store,
            "insert (its own hash, one miss)",
            keys,
            batch,
            1,
            &mut |store, _, _| {
                put(store, next, Shape::Short);
                next += 1;
            },
        );
    }
    measure(
        &mut store,
        "delete (a third misses)",
        keys,
        1,
        1,
        &mut |store, key, _| {
            store.remove(DB, key);
        },
    );
    measure(
        &mut store,
        "delete (a third misses)",
        keys,
        100,
        1,
        &mut |store, key, _| {
            store.remove(DB, key);
        },
    );
}

/// What single operations took.
#[derive(Default)]
struct Longest {
    longest_ns: u64,
    slow: u64,
}

impl Longest {
    fn time(&mut self, work: impl FnOnce()) {
        let start = cpu_ns();
        work();
        let took = cpu_ns() - start;
        self.longest_ns = self.longest_ns.max(took);
        self.slow += u64::from(took > SLOW_NS);
    }

    fn print(&self, title: &str) {
        println!(
            "{title}: longest {} µs, {} above {} µs",
            self.longest_ns / 1000,
            self.slow,
            SLOW_NS / 1000
        );
    }
}

fn pauses(keys: u64) {
    let mut store = new_store();
    let mut longest = Longest::default();
    for number in 0..keys {
        longest.time(|| put(&mut store, number, Shape::ShortWithTtl));
    }
    longest.print("growing");
    let mut longest = Longest::default();
    let (mut now_ms, mut spent, mut slices) = (NOON + 100_000_000, 0, 0);
    while !store.is_empty(DB) {
        store.set_now(now_ms);
        let start = cpu_ns();
        loop {
            let mut again = false;
            longest.time(|| again = store.expire_step(EXPIRE_SLICE).again);
            slices += 1;
            if !again {
                break;
            }
        }
        spent += cpu_ns() - start;
        now_ms += 100;
    }
    longest.print("a slice of an expiry storm");
    println!(
        "expiry storm: {} ms of CPU in {slices} slices, over after {} ms",
        spent / 1_000_000,
        now_ms - NOON - 100_000_000
    );
    for number in 0..keys {
        put(&mut store, number, Shape::Short);
    }
    let mut longest = Longest::default();
    for number in 0..keys * 7 / 10 {
        let name = name(number);
        let hash = store.hash(&name);
        longest.time(|| {
            store.remove(DB, Key { bytes: &name, hash });
        });
    }
    longest.print("deleting");
    let mut longest = Longest::default();
    longest.time(|| {
        store.clear(DB);
    });
    longest.print("clearing");
    let mut longest = Longest::default();
    for number in 0..8 {
        let name = name(number);
        let hash = store.hash(&name);
        let key = Key { bytes: &name, hash };
        let string = StringEdit::of(store.slot(DB, key)).unwrap();
        let filled = string.edit_bytes(LARGE_BYTES, Wording::Words(&[]), |bytes| {
            bytes.fill(1);
            (true, ())
        });
        filled.unwrap();
        longest.time(|| {
            store.remove(DB, Key { bytes: &name, hash });
        });
    }
    longest.print("deleting values of 64 MiB");
}

const LARGE_BYTES: usize = 64 << 20;

/// Writes four times as much as fits, under each policy: what an eviction costs, and what is resident.
fn evict(keys: u64) {
    for policy in EvictionPolicy::all().filter(|&policy| policy != EvictionPolicy::NoEviction) {
        let before = resident_bytes();
        let mut store = new_store();
        store.set_eviction(EvictionSettings {
            policy,
            ..EvictionSettings::default()
        });
        let limit = keys * 40;
        let mut longest = Longest::default();
        let mut buffer = [0; 200];
        let mut spent = 0;
        let mut most_resident = 0;
        for number in 0..keys {
            let name = name(number);
            let hash = store.hash(&name);
            let key = Key { bytes: &name, hash };
            let len = usize::try_from(mix(number) % 200).unwrap();
            value(number, &mut buffer);
            let expiry = ExpiryChange::At(NOON + 100_000_000 + number);
            StringEdit::put(store.slot(DB, key), &buffer[..len], expiry).unwrap();
            while store.used_memory() > limit {
                let start = cpu_ns();
                longest.time(|| assert_ne!(store.evict_one(), Eviction::Nothing));
                spent += cpu_ns() - start;
            }
            if number.is_multiple_of(keys / 20 + 1) {
                most_resident = most_resident.max(resident_bytes() - before);
            }
        }
        let count = store.counters().evicted_keys.max(1);
        println!(
            "{}: {} ns an eviction, resident at most {:.3} of the limit, {} keys left",
            policy.name(),
            spent / count,
            per_key(most_resident, limit),
            store.len(DB)
        );
        longest.print(policy.name());
    }
}

fn hot_slot(keys: u64) {
    let mut store = new_store();
    let mut longest = Longest::default();
    let start = cpu_ns();
    for number in 0..keys {
        let name = format!("{{hot}}{number:011}");
        let hash = store.hash(name.as_bytes());
        let key = Key {
            bytes: name.as_bytes(),
            hash,
        };
        longest.time(|| {
            StringEdit::put(store.slot(DB, key), b"a value", ExpiryChange::Clear).unwrap();
        });
    }
    let each = (cpu_ns() - start) / keys;
    longest.print(&format!("one slot of {keys} keys, {each} ns each"));
}

/// Overwrites of changing size, then deletes of 70 %.
fn churn(keys: u64) {
    let before = resident_bytes();
    let mut store = new_store();
    for number in 0..keys {
        put(&mut store, number, Shape::Short);
    }
    let start = cpu_ns();
    let mut buffer = [0; 100];
    for round in 0..keys {
        let draw = mix(round * 11 + 5);
        value(draw, &mut buffer);
        let name = name(draw % keys);
        let key = Key {
            bytes: &name,
            hash: store.hash(&name),
        };
        let len = usize::try_from(8 + mix(draw) % 93).unwrap();
        StringEdit::put(store.slot(DB, key), &buffer[..len], ExpiryChange::Clear).unwrap();
    }
    let each = (cpu_ns() - start) / keys;
    report("overwritten by 8 to 100 bytes", &store, before, each);
    let start = cpu_ns();
    for number in 0..keys {
        if mix(number) % 10 < 7 {
            let name = name(number);
            let hash = store.hash(&name);
            store.remove(DB, Key { bytes: &name, hash });
        }
    }
    let each = (cpu_ns() - start) * 10 / keys / 7;
    report("then 70 % deleted", &store, before, each);
    std::thread::sleep(std::time::Duration::from_secs(11));
    report("eleven seconds later", &store, before, 0);
}

#[expect(clippy::cast_precision_loss, reason = "printed with two digits")]
fn report(title: &str, store: &Store, before: u64, each_ns: u64) {
    let keys = store.len(DB) as u64;
    let memory = store.memory();
    let resident = resident_bytes() - before;
    println!(
        "{title}: {:.1} B/key resident; entries {:.1}, index {:.1}; resident/(entries+index) {:.2}; {each_ns} ns each",
        per_key(resident, keys),
        per_key(memory.entries, keys),
        per_key(memory.index, keys),
        resident as f64 / memory.used() as f64,
    );
}
