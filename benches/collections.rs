//! Hashes, sets, sorted sets and lists alone, without keys and replies: bytes per element, nanoseconds per operation, the longest operations while one grows and is freed. A run at full size: `cargo bench -p switchyard-node --bench collections -- 1000000`; without a number it is small; a name of a part runs that alone.
//! Times are CPU time of the one thread, page faults included. Memory is the process's resident set, with jemalloc as in the product.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench talks to people and stops where it fails"
)]

use node::store::{
    AddRule, Bound, Hash, Leaves, Limits, List, Position, Set, SortedSet, StringRef,
};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Operations per measured pass, and passes of which the best counts where nothing changes.
const OPERATIONS: u64 = 200_000;
const PASSES: u64 = 3;

/// As Redis' defaults; blobs of half a slab entry.
const LIMITS: Limits = Limits {
    entries: 512,
    element_bytes: 64,
    blob_bytes: 2048,
};

/// Operations slower than these are counted.
const SLOW_NS: [u64; 4] = [20_000, 50_000, 100_000, 1_000_000];

/// Each part runs in a process of its own, so that none inherits the memory of another.
type Part = (&'static str, fn(u64));

const PARTS: [Part; 10] = [
    ("set16", |count| all::<Members>(count, 0)),
    ("setint", |count| all::<Members>(count, 1)),
    ("hash16", |count| all::<Fields>(count, 16)),
    ("hash100", |count| all::<Fields>(count, 100)),
    ("zdouble", |count| all::<Scores>(count, 0)),
    ("zinteger", |count| all::<Scores>(count, 1)),
    ("zequal", |count| all::<Scores>(count, 2)),
    ("list16", |count| lists(count, 16)),
    ("list100", |count| lists(count, 100)),
    ("small", |_| small()),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.iter().find_map(|word| word.parse().ok());
    let count = count.unwrap_or(50_000);
    let wanted = |name: &str| words.iter().any(|word| word == name);
    if let Some((_, run)) = PARTS.iter().find(|(name, _)| wanted(name)) {
        return run(count);
    }
    println!("{count} elements; ns are CPU time, making the element included");
    let this = std::env::current_exe().unwrap();
    for (name, _) in PARTS {
        println!("{name}");
        let run = std::process::Command::new(&this)
            .args([name, &count.to_string()])
            .status();
        assert!(run.unwrap().success(), "{name}");
    }
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

/// Sixteen bytes that share nothing: hexadecimal digits behind an `x`, so that none is a number.
fn name(number: u64) -> [u8; 16] {
    let mut name = [b'x'; 16];
    let mut rest = mix(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    for digit in name[1..].iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(rest & 15).unwrap()];
        rest >>= 4;
    }
    name
}

#[expect(clippy::cast_precision_loss, reason = "printed with one digit")]
fn per(bytes: u64, count: u64) -> f64 {
    bytes as f64 / count as f64
}

/// A collection of elements that are known by number.
trait Collection {
    /// An empty one of a kind.
    fn new(kind: usize) -> Self;
    /// Adds an element, or writes it again.
    fn put(&mut self, leaves: &mut Leaves, number: u64);
    /// Whether the element is there.
    fn has(&self, leaves: &Leaves, number: u64) -> bool;
    fn remove(&mut self, leaves: &mut Leaves, number: u64) -> bool;
    /// Reads all, and says how many there are.
    fn read(&self, leaves: &Leaves) -> u64;
    fn free_some(&mut self, leaves: &mut Leaves) -> bool;
    fn bytes(&self, leaves: &Leaves) -> u64;
    /// What only this collection does.
    fn more(&mut self, _leaves: &mut Leaves, _count: u64) {}
}

/// A set; kind 1 has integers of 31 bits.
struct Members {
    set: Set,
    kind: usize,
}

impl Members {
    fn member<T>(kind: usize, number: u64, work: impl FnOnce(&[u8]) -> T) -> T {
        if kind == 0 {
            return work(&name(number));
        }
        let mut text = itoa::Buffer::new();
        work(text.format(mix(number) >> 33).as_bytes())
    }
}

impl Collection for Members {
    fn new(kind: usize) -> Self {
        let set = Set::default();
        Self { set, kind }
    }

    fn put(&mut self, leaves: &mut Leaves, number: u64) {
        Self::member(self.kind, number, |member| {
            self.set.add(leaves, member, &LIMITS).unwrap();
        });
    }

    fn has(&self, leaves: &Leaves, number: u64) -> bool {
        let view = self.set.view();
        Self::member(self.kind, number, |member| view.contains(leaves, member))
    }

    fn remove(&mut self, leaves: &mut Leaves, number: u64) -> bool {
        Self::member(self.kind, number, |member| self.set.remove(leaves, member))
    }

    fn read(&self, leaves: &Leaves) -> u64 {
        let (mut seen, mut next) = (0, Some(Position::default()));
        while let Some(from) = next {
            next = self.set.view().walk(leaves, from, 1000, |member| {
                black_box(member);
                seen += 1;
            });
        }
        seen
    }

    fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        self.set.free_some(leaves)
    }

    fn bytes(&self, leaves: &Leaves) -> u64 {
        self.set.view().bytes(leaves)
    }
}

/// A hash with values of so many bytes.
struct Fields {
    hash: Hash,
    value_bytes: usize,
}

impl Collection for Fields {
    fn new(value_bytes: usize) -> Self {
        let hash = Hash::default();
        Self { hash, value_bytes }
    }

    fn put(&mut self, leaves: &mut Leaves, number: u64) {
        let mut value = [b'v'; 100];
        value[0] = b'a' + u8::try_from(number % 26).unwrap();
        let value = &value[..self.value_bytes];
        self.hash
            .set(leaves, &name(number), value, &LIMITS)
            .unwrap();
    }

    fn has(&self, leaves: &Leaves, number: u64) -> bool {
        self.hash.view().get(leaves, &name(number)).is_some()
    }

    fn remove(&mut self, leaves: &mut Leaves, number: u64) -> bool {
        self.hash.remove(leaves, &name(number))
    }

    fn read(&self, leaves: &Leaves) -> u64 {
        let (mut seen, mut next) = (0, Some(Position::default()));
        while let Some(from) = next {
            next = self.hash.view().walk(leaves, from, 1000, |field, value| {
                black_box((field, value));
                seen += 1;
            });
        }
        seen
    }

    fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        self.hash.free_some(leaves)
    }

    fn bytes(&self, leaves: &Leaves) -> u64 {
        self.hash.view().bytes(leaves)
    }

    fn more(&mut self, leaves: &mut Leaves, count: u64) {
        changes("overwrite, same size", |nth| {
            self.put(leaves, mix(nth) % count);
        });
    }
}

/// A sorted set; scores of kind 0 are random doubles, of 1 integers below a million, of 2 equal.
struct Scores {
    set: SortedSet,
    kind: usize,
}

impl Scores {
    #[expect(clippy::cast_precision_loss, reason = "any score will do")]
    fn score(kind: usize, number: u64) -> f64 {
        match kind {
            0 => (mix(number + 7) >> 11) as f64 / (1_u64 << 53) as f64,
            1 => (mix(number + 7) % 1_000_000) as f64,
            _ => 1.0,
        }
    }

    fn add(&mut self, leaves: &mut Leaves, number: u64, score: f64) {
        let rule = AddRule::default();
        self.set
            .add(leaves, score, &name(number), rule, &LIMITS)
            .unwrap();
    }
}

impl Collection for Scores {
    fn new(kind: usize) -> Self {
        let set = SortedSet::default();
        Self { set, kind }
    }

    fn put(&mut self, leaves: &mut Leaves, number: u64) {
        self.add(leaves, number, Self::score(self.kind, number));
    }

    fn has(&self, leaves: &Leaves, number: u64) -> bool {
        self.set.view().score(leaves, &name(number)).is_some()
    }

    fn remove(&mut self, leaves: &mut Leaves, number: u64) -> bool {
        self.set.remove(leaves, &name(number)).is_some()
    }

    fn read(&self, leaves: &Leaves) -> u64 {
        let mut seen = 0;
        let len = self.set.view().len();
        for from in (0..len).step_by(1000) {
            self.set.view().walk(leaves, from, 1000, |member, score| {
                black_box((member, score));
                seen += 1;
            });
        }
        seen
    }

    fn free_some(&mut self, leaves: &mut Leaves) -> bool {
        self.set.free_some(leaves)
    }

    fn bytes(&self, leaves: &Leaves) -> u64 {
        self.set.view().bytes(leaves)
    }

    fn more(&mut self, leaves: &mut Leaves, count: u64) {
        let view = self.set.view();
        reads("rank", |nth| {
            assert!(view.rank(leaves, &name(mix(nth) % count)).is_some());
        });
        reads("count by score", |nth| {
            let bound = Bound::BeforeScore(Self::score(self.kind, nth));
            black_box(view.rank_of_bound(leaves, bound));
        });
        reads("range of 100 by rank", |nth| {
            if nth.is_multiple_of(16) {
                view.walk(leaves, mix(nth) % count, 100, |member, score| {
                    black_box((member, score));
                });
            }
        });
        println!("  (of which one in 16 is a range)");
        if self.kind < 2 {
            let kind = self.kind;
            changes("new score", |nth| {
                self.add(leaves, mix(nth) % count, Self::score(kind, nth + count));
            });
        }
    }
}

/// The best of some passes of something that changes nothing.
fn reads(title: &str, mut work: impl FnMut(u64)) {
    let mut best = u64::MAX;
    for pass in 0..PASSES {
        let start = cpu_ns();
        for nth in 0..OPERATIONS {
            work(nth + pass * 1_000_003);
        }
        best = best.min(cpu_ns() - start);
    }
    println!("  {title}: {} ns", best / OPERATIONS);
}

/// One pass of something that does.
fn changes(title: &str, mut work: impl FnMut(u64)) {
    let start = cpu_ns();
    for nth in 0..OPERATIONS {
        work(nth);
    }
    println!("  {title}: {} ns", (cpu_ns() - start) / OPERATIONS);
}

/// Counts slow operations and keeps the longest.
#[derive(Default)]
struct Pauses {
    longest: u64,
    slow: [u64; SLOW_NS.len()],
}

impl Pauses {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = cpu_ns();
        let done = work();
        let took = cpu_ns() - start;
        self.longest = self.longest.max(took);
        for (count, bound) in self.slow.iter_mut().zip(SLOW_NS) {
            *count += u64::from(took > bound);
        }
        done
    }

    fn print(&self, title: &str) {
        let [first, second, third, fourth] = self.slow;
        println!(
            "  {title}: longest {} µs; > 20 µs {first}, > 50 {second}, > 100 {third}, > 1000 {fourth}",
            self.longest / 1000
        );
    }
}

/// Everything about one collection.
fn all<T: Collection>(count: u64, kind: usize) {
    let before = resident_bytes();
    let mut leaves = Leaves::new(42);
    let mut collection = T::new(kind);
    let mut pauses = Pauses::default();
    let mut worst = 0.0_f64;
    for number in 0..count {
        pauses.time(|| collection.put(&mut leaves, number));
        if number > count / 5 && number.is_multiple_of((count / 50).max(1)) {
            worst = worst.max(per(resident_bytes() - before, number + 1));
        }
    }
    println!(
        "  {:.1} B each resident, worst {worst:.1}; {:.1} said",
        per(resident_bytes() - before, count),
        per(collection.bytes(&leaves), count),
    );
    pauses.print("growing");
    reads("hit", |nth| {
        black_box(collection.has(&leaves, mix(nth) % count));
    });
    reads("miss", |nth| {
        black_box(collection.has(&leaves, mix(nth) % count + count * 2));
    });
    let start = cpu_ns();
    let seen = collection.read(&leaves);
    println!("  read all: {} ns each", (cpu_ns() - start) / seen);
    collection.more(&mut leaves, count);
    let added = OPERATIONS.min(count);
    let start = cpu_ns();
    for number in count..count + added {
        collection.put(&mut leaves, number);
    }
    println!("  insert: {} ns", (cpu_ns() - start) / added);
    let start = cpu_ns();
    for number in count..count + added {
        collection.remove(&mut leaves, number);
    }
    println!("  remove: {} ns", (cpu_ns() - start) / added);
    let left = (0..count).filter(|number| mix(*number) % 10 < 3).count() as u64;
    for number in (0..count).filter(|number| mix(*number) % 10 >= 3) {
        collection.remove(&mut leaves, number);
    }
    println!(
        "  after 70 % are removed: {:.1} B each resident, {:.1} said",
        per(resident_bytes() - before, left),
        per(collection.bytes(&leaves), left),
    );
    let mut pauses = Pauses::default();
    while pauses.time(|| collection.free_some(&mut leaves)) {}
    pauses.print("freeing");
    assert_eq!(leaves.live_bytes(), 0);
}

/// Lists, which have positions instead of names.
fn lists(count: u64, bytes: usize) {
    let before = resident_bytes();
    let mut leaves = Leaves::new(42);
    let mut list = List::default();
    let element = |number: u64| {
        let mut element = [b'e'; 100];
        element[..16].copy_from_slice(&name(number));
        element
    };
    for number in 0..count {
        let element = element(number);
        list.push_back(&mut leaves, &element[..bytes], &LIMITS)
            .unwrap();
    }
    println!(
        "  {:.1} B each resident; {:.1} said",
        per(resident_bytes() - before, count),
        per(list.view().bytes(&leaves), count),
    );
    let view = list.view();
    reads("get in the middle", |nth| {
        black_box(view.get(&leaves, count / 2 + nth % 100));
    });
    reads("get anywhere", |nth| {
        black_box(view.get(&leaves, mix(nth) % count));
    });
    reads("range of 100", |nth| {
        if nth.is_multiple_of(16) {
            view.walk(&leaves, mix(nth) % count, 100, |element| {
                black_box(element);
            });
        }
    });
    println!("  (of which one in 16 is a range)");
    let push = element(1);
    let push = &push[..bytes];
    changes("push back", |_| {
        list.push_back(&mut leaves, push, &LIMITS).unwrap();
    });
    changes("push front", |_| {
        list.push_front(&mut leaves, push, &LIMITS).unwrap();
    });
    let look = |value: StringRef<'_>| {
        black_box(value);
    };
    changes("pop front", |_| {
        list.pop_front(&mut leaves, look);
    });
    changes("pop back", |_| {
        list.pop_back(&mut leaves, look);
    });
    changes("insert in the middle", |_| {
        list.insert(&mut leaves, count / 2, push, &LIMITS).unwrap();
    });
    changes("remove in the middle", |_| {
        list.remove_from(&mut leaves, count / 2, 1);
    });
    let mut pauses = Pauses::default();
    while pauses.time(|| list.free_some(&mut leaves)) {}
    pauses.print("freeing");
    assert_eq!(leaves.live_bytes(), 0);
}

/// Small collections in one blob.
fn small() {
    for fields in [10, 50, 128] {
        let mut leaves = Leaves::new(42);
        let limits = Limits {
            blob_bytes: Limits::MOST_BLOB_BYTES,
            ..LIMITS
        };
        let (mut hash, mut set) = (Hash::default(), SortedSet::default());
        let rule = AddRule::default();
        for number in 0..fields {
            let field = name(number);
            hash.set(&mut leaves, &field, &field, &limits).unwrap();
            let score = f64::from(u32::try_from(number).unwrap());
            set.add(&mut leaves, score, &field, rule, &limits).unwrap();
        }
        println!(
            "  {fields}: {:.1} B a pair of 16 + 16, {:.1} a member of 16 with an integer",
            per(hash.view().bytes(&leaves), fields),
            per(set.view().bytes(&leaves), fields),
        );
        reads("HGET", |nth| {
            black_box(hash.view().get(&leaves, &name(mix(nth) % fields)));
        });
        reads("HGET of none", |nth| {
            black_box(hash.view().get(&leaves, &name(nth + fields)));
        });
        changes("HSET", |nth| {
            let field = name(mix(nth) % fields);
            hash.set(&mut leaves, &field, &name(nth), &limits).unwrap();
        });
        reads("ZSCORE", |nth| {
            black_box(set.view().score(&leaves, &name(mix(nth) % fields)));
        });
        changes("ZADD", |nth| {
            let score = f64::from(u32::try_from(nth % 1000).unwrap());
            let member = name(mix(nth) % fields);
            set.add(&mut leaves, score, &member, rule, &limits).unwrap();
        });
    }
}
