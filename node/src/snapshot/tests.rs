//! A snapshot is of one moment, whatever happens while it is taken; and what it is written as is read as the same.

use super::{Piece, Snapshot};
use crate::commands::testing::TestNode;
use crate::log::everything;
use crate::rdb::{FileFault, FileReader, Loading, Made, Taken, crc64, write_sum};
use crate::store::Store;
use proptest::prelude::*;

/// What the shell does: pieces one behind the other, what is aside where it is joined.
#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    aside: Vec<u8>,
}

impl File {
    fn take(&mut self, store: &mut Store) {
        let snapshot = Snapshot::of(store).expect("one is taken");
        assert_eq!(snapshot.fault(), None);
        while let Some(piece) = snapshot.next_piece() {
            match piece {
                Piece::File(bytes) => self.bytes.extend_from_slice(&bytes),
                Piece::Aside(bytes) => self.aside.extend_from_slice(&bytes),
                Piece::Join => self.bytes.append(&mut self.aside),
            }
        }
    }

    fn finish(mut self, store: &mut Store) -> Vec<u8> {
        Snapshot::of(store).expect("one is taken").end();
        self.take(store);
        store.end_capture();
        assert!(self.aside.is_empty());
        let sum = crc64(0, &self.bytes);
        write_sum(&mut self.bytes, sum);
        self.bytes
    }
}

fn begin(node: &mut TestNode) -> File {
    let has_timed = (0..16).any(|db| node.store.len_timed(crate::store::DbIndex(db)) > 0);
    let made = Made {
        redis_version: "7.2.4",
        has_timed,
        ..Made::default()
    };
    Snapshot::begin(&mut node.store, &made, true);
    File::default()
}

/// Strings that do not pack, of lengths at which they are shown in parts and what is written of them is taken away in between.
#[test]
fn long_strings_come_back_whether_they_pack_or_not() {
    let mut state = 7_u64;
    let mut noise = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_le_bytes()[7]
    };
    for length in [60_000, 300_000, 1_000_000, 5_000_000] {
        let random: Vec<u8> = (0..length).map(&mut noise).collect();
        let digits: Vec<u8> = random
            .iter()
            .map(|byte| b"0123456789abcdef"[usize::from(byte % 16)])
            .collect();
        let mut node = TestNode::new();
        for (name, value) in [("random", &random), ("digits", &digits)] {
            node.run_bytes(&[&b"SET"[..], name.as_bytes(), value]);
            node.run_bytes(&[&b"HSET"[..], b"hash", name.as_bytes(), value]);
            node.run_bytes(&[&b"RPUSH"[..], b"list", value, b"x"]);
        }
        let file = saved(&mut node);
        let mut read = load(&file, 64 * 1024).expect("it is read");
        assert!(everything(&mut read) == everything(&mut node), "{length}");
    }
}

/// All of it at once.
fn saved(node: &mut TestNode) -> Vec<u8> {
    let mut file = begin(node);
    while node.store.capture_some(64) {
        file.take(&mut node.store);
    }
    file.finish(&mut node.store)
}

/// Reads a file that comes in chunks of so many bytes.
fn load(file: &[u8], chunk: usize) -> Result<TestNode, (u64, FileFault)> {
    let mut node = TestNode::with_seed(8);
    let small = node.node.settings.hot.small;
    let taken = Taken {
        limits: &|kind| small.of_kind(kind),
        now_ms: 0,
    };
    let mut reader = FileReader::new();
    let mut chunks = file.chunks(chunk);
    loop {
        match reader.go_on(&mut node.store, taken) {
            Ok(Loading::Goes) => {}
            Ok(Loading::Over) => return Ok(node),
            Ok(Loading::Hungry) => match chunks.next() {
                Some(chunk) => reader.feed(chunk),
                None => reader.end(),
            },
            Err(fault) => return Err((reader.offset(), fault)),
        }
    }
}

/// Keys of all types, some of them large.
fn fill(node: &mut TestNode, large: usize) {
    let long = "x".repeat(300_000);
    node.send("SET string value");
    node.send("SET number -17 PX 100000");
    node.run(&["SET", "long", &long]);
    for number in 0..large {
        node.send(&format!("HSET hash f{number} v{number}"));
        node.send(&format!("RPUSH list e{number}"));
        node.send(&format!("SADD set m{number}"));
        node.send(&format!("ZADD zset {number} m{number}"));
        node.send(&format!("XADD stream {}-1 f{number} v{number}", number + 1));
    }
    node.send("SADD integers 1 2 3 70000");
    node.send("HSET small a 1 b 2");
    node.send("RPUSH short a b c");
    node.send("XGROUP CREATE stream g 0");
    node.send("XREADGROUP GROUP g c COUNT 5 STREAMS stream >");
    node.send("SELECT 1");
    node.send("HSET timed a 1 b 2");
    node.send("HPEXPIRE timed 500000 FIELDS 1 a");
    node.send("SET elsewhere 1");
    node.send("SELECT 0");
}

#[test]
fn a_file_is_read_as_what_was_saved_however_it_is_cut() {
    let mut node = TestNode::new();
    fill(&mut node, 3_000);
    let file = saved(&mut node);
    let before = everything(&mut node);
    for chunk in [1_000, 65_536, 262_144, usize::MAX] {
        let mut again = load(&file, chunk).expect("a good file");
        assert_eq!(everything(&mut again), before, "{chunk}");
    }
}

#[test]
fn a_file_that_was_cut_or_changed_is_refused() {
    let mut node = TestNode::new();
    fill(&mut node, 300);
    let file = saved(&mut node);
    for len in (0..file.len()).step_by(997) {
        let refused = load(&file[..len], 4_096).err();
        assert!(refused.is_some(), "cut at {len}");
    }
    for at in (0..file.len()).step_by(331) {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        let refused = load(&changed, 4_096).err();
        assert!(refused.is_some(), "changed at {at}");
    }
    let mut longer = file.clone();
    longer.push(0);
    let refused = load(&longer, 4_096).err().map(|(_, fault)| fault);
    assert_eq!(refused, Some(FileFault::Behind));
}

#[test]
fn a_large_value_keeps_its_writers_waiting_and_nobody_else() {
    let mut node = TestNode::new();
    fill(&mut node, 3_000);
    let before = everything(&mut node);
    let mut file = begin(&mut node);
    let key = |store: &Store, name: &'static [u8]| crate::store::Key {
        bytes: name,
        hash: store.hash(name),
    };
    let db = crate::store::DbIndex(0);
    let hash = key(&node.store, b"hash");
    assert!(node.store.is_waited_for(db, hash, false));
    let string = key(&node.store, b"string");
    assert!(!node.store.is_waited_for(db, string, false));
    node.send("SET string other");
    node.send("DEL short");
    let mut steps = 0;
    while node.store.is_waited_for(db, hash, false) {
        assert!(node.store.capture_some(64));
        steps += 1;
    }
    // It came next, and in parts.
    assert!((2..200).contains(&steps), "{steps}");
    assert!(node.store.has_released());
    node.send("HSET hash f1 other");
    while node.store.capture_some(64) {}
    let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
    assert_eq!(everything(&mut again), before);
}

fn file_of(file: &mut File, node: &mut TestNode) -> Vec<u8> {
    std::mem::take(file).finish(&mut node.store)
}

#[test]
fn whatever_becomes_of_a_database_it_is_saved_as_it_was() {
    for line in ["FLUSHALL", "SWAPDB 0 1", "FLUSHDB"] {
        let mut node = TestNode::new();
        fill(&mut node, 2_000);
        let before = everything(&mut node);
        let mut file = begin(&mut node);
        for _ in 0..20 {
            assert!(node.store.capture_some(8));
        }
        node.send(line);
        fill(&mut node, 100);
        node.send("SWAPDB 0 1");
        while node.store.capture_some(8) {
            file.take(&mut node.store);
        }
        let mut again = load(&file.finish(&mut node.store), 65_536).expect("a good file");
        assert_eq!(everything(&mut again), before, "{line}");
    }
}

/// Numbers that only look like chance.
fn draws(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    }
}

fn named(store: &Store, bytes: &'static [u8]) -> crate::store::Key<'static> {
    let hash = store.hash(bytes);
    crate::store::Key { bytes, hash }
}

#[test]
fn elements_of_large_hashes_and_sets_change_while_they_are_shown() {
    let db = crate::store::DbIndex(0);
    for seed in 0..12 {
        let mut draw = draws(seed);
        let mut node = TestNode::new();
        fill(&mut node, 4_000);
        let before = everything(&mut node);
        let mut file = begin(&mut node);
        // From change to change a lot is shown, or hardly anything; there come to be more elements, or few are left.
        let (steps, grows) = ([0, 1, 2, 40][draw(4)], draw(2) == 0);
        for _ in 0..6_000 {
            for _ in 0..draw(steps + 1) {
                node.store.capture_some(3);
            }
            let number = draw(if grows { 40_000 } else { 4_000 });
            match (draw(8), grows) {
                (0, _) => node.send(&format!("HSET hash f{number} other")),
                (1, _) => node.send(&format!("HINCRBY hash n{number} 1")),
                (2 | 3, true) => node.send(&format!("SADD set m{number} n{number}")),
                (2 | 3, false) => node.send(&format!("SREM set m{number}")),
                (4, true) => node.send(&format!("HSET hash g{number} v h{number} v")),
                (4 | 5, false) => node.send(&format!("HDEL hash f{number}")),
                (6, _) => node.send("SPOP set"),
                _ => node.send(&format!("SMOVE set hash2 m{number}")),
            };
            file.take(&mut node.store);
        }
        let hash = named(&node.store, b"hash");
        node.store.is_waited_for(db, hash, true);
        while node.store.capture_some(3) {}
        let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
        assert!(everything(&mut again) == before, "{seed}");
        let used = node.store.used_memory();
        node.send("DEL hash");
        assert!(node.store.used_memory() < used);
    }
}

#[test]
fn who_changes_elements_waits_only_while_too_much_is_remembered() {
    let db = crate::store::DbIndex(0);
    let mut node = TestNode::new();
    fill(&mut node, 20_000);
    let before = everything(&mut node);
    let mut file = begin(&mut node);
    let [hash, set, list] = [&b"hash"[..], b"set", b"list"].map(|name| named(&node.store, name));
    assert!(!node.store.is_waited_for(db, hash, true));
    assert!(!node.store.is_waited_for(db, set, true));
    assert!(node.store.is_waited_for(db, list, true));
    let mut number = 0;
    while number < 20_000 && !node.store.is_waited_for(db, hash, true) {
        node.send(&format!("HSET hash f{number} other"));
        assert!(Snapshot::of(&mut node.store).expect("one").waiting_bytes() < 4_096);
        number += 1;
    }
    // A part of its leaves has been put aside.
    assert!((20..20_000).contains(&number), "{number}");
    let mut steps = 0;
    while node.store.is_waited_for(db, hash, true) {
        assert!(node.store.capture_some(3));
        steps += 1;
        assert!(steps < 1_000, "it comes next");
    }
    assert!(node.store.has_released());
    node.send("HSET hash f1 again");
    assert!(
        node.store.is_waited_for(db, hash, false),
        "not to be removed"
    );
    while node.store.capture_some(3) {}
    let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
    assert!(everything(&mut again) == before);
}

#[test]
fn a_hash_that_is_emptied_removed_or_left_alone_while_it_is_shown_is_whole_and_forgotten() {
    for line in [
        "",
        "DEL hash",
        "RENAME hash other",
        "RENAME list hash",
        "RENAME long hash",
        "COPY list hash REPLACE",
        "SET hash x",
        "FLUSHALL",
        "SWAPDB 0 1",
    ] {
        let mut node = TestNode::new();
        fill(&mut node, 3_000);
        let before = everything(&mut node);
        let mut file = begin(&mut node);
        for number in 0..3_000 {
            if number % 500 == 3 {
                node.store.capture_some(3);
            }
            if line.is_empty() || number < 1_000 {
                node.send(&format!("HDEL hash f{number}"));
                node.send(&format!("SREM set m{number}"));
            }
        }
        if !line.is_empty() {
            node.send(line);
        }
        while node.store.capture_some(3) {}
        let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
        assert!(everything(&mut again) == before, "{line}");
        // One that is given up leaves nothing behind, and the next one is of its own moment.
        begin(&mut again);
        again.send("HSET hash f1 other");
        again.send("HPEXPIRE hash 900000 FIELDS 1 f2");
        again.store.end_capture();
        let before = everything(&mut again);
        let mut file = begin(&mut again);
        again.send("HSET hash f1 third");
        again.send("SADD set more");
        while again.store.capture_some(3) {}
        let mut third = load(&file_of(&mut file, &mut again), 65_536).expect("a good file");
        assert!(everything(&mut third) == before, "{line}");
    }
}

#[test]
fn a_hash_that_has_become_small_is_shown_as_it_was() {
    for left in [1, 20, 200] {
        let mut node = TestNode::new();
        fill(&mut node, 3_000);
        let before = everything(&mut node);
        let mut file = begin(&mut node);
        for number in left..3_000 {
            node.send(&format!("HDEL hash f{number}"));
            node.send(&format!("SREM set m{number}"));
        }
        // The last change that makes them small is the last one before they are met.
        while node.store.capture_some(3) {}
        let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
        assert!(everything(&mut again) == before, "{left}");
    }
}

#[test]
fn a_hash_that_ends_while_it_remembers_leaves_nothing_behind() {
    for (is_met, is_given_up) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut node = TestNode::new();
        fill(&mut node, 3_000);
        node.send("PEXPIRE hash 1000");
        let mut file = begin(&mut node);
        node.send("HSET hash f1 other");
        node.send("SADD set other");
        node.advance_ms(2_000);
        if is_met {
            node.send("HLEN hash");
            node.send("HSET hash a b");
        }
        if is_given_up {
            node.store.end_capture();
            file = begin(&mut node);
        }
        while node.store.capture_some(3) {}
        let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
        again.advance_ms(2_000);
        assert!(again.store.len(crate::store::DbIndex(0)) >= 8);
    }
}

#[test]
fn what_is_half_shown_and_changed_all_the_same_is_whole() {
    let mut node = TestNode::new();
    fill(&mut node, 3_000);
    let before = everything(&mut node);
    for line in [
        "DEL hash",
        "HDEL hash f7",
        "RENAME hash other",
        "SET hash x",
        "PEXPIRE hash 5000",
        "MOVE hash 3",
    ] {
        let mut file = begin(&mut node);
        let db = crate::store::DbIndex(0);
        let bytes = &b"hash"[..];
        let hash = node.store.hash(bytes);
        let key = crate::store::Key { bytes, hash };
        node.store.is_waited_for(db, key, false);
        for _ in 0..3 {
            assert!(node.store.capture_some(8));
        }
        node.send(line);
        while node.store.capture_some(8) {}
        let mut again = load(&file_of(&mut file, &mut node), 65_536).expect("a good file");
        assert_eq!(everything(&mut again), before, "{line}");
        node = again;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_snapshot_is_of_one_moment_whatever_happens_meanwhile(
        history in prop::collection::vec(crate::log::line(), 1..80),
        meanwhile in prop::collection::vec((crate::log::line(), 0..4_usize), 0..80),
        chunk in 500..100_000_usize,
    ) {
        let mut node = TestNode::new();
        for line in &history {
            crate::log::play(&mut node, line);
        }
        let before = everything(&mut node);
        let mut file = begin(&mut node);
        for (line, steps) in &meanwhile {
            for _ in 0..*steps {
                node.store.capture_some(3);
            }
            file.take(&mut node.store);
            crate::log::play(&mut node, line);
        }
        while node.store.capture_some(3) {}
        let bytes = file.finish(&mut node.store);
        let mut again = load(&bytes, chunk).expect("a good file");
        // What has expired since is in neither.
        again.advance_ms(node.now_ms - again.now_ms);
        let now_ms = node.now_ms;
        let lives = |expiry: &Option<u64>| expiry.is_none_or(|at| at > now_ms);
        let after = everything(&mut again);
        let kept: std::collections::BTreeMap<_, _> = before
            .into_iter()
            .filter(|(_, (_, expiry))| lives(expiry))
            .filter(|(_, (value, _))| !value.starts_with(b"hash"))
            .collect();
        let found: std::collections::BTreeMap<_, _> = after
            .into_iter()
            .filter(|(_, (value, _))| !value.starts_with(b"hash"))
            .collect();
        prop_assert_eq!(kept, found);
    }

    #[test]
    fn a_snapshot_and_what_was_recorded_since_make_the_same_keyspace(
        history in prop::collection::vec(crate::log::line(), 1..60),
        meanwhile in prop::collection::vec((crate::log::line(), 0..4_usize), 0..60),
    ) {
        let mut node = TestNode::new();
        for line in &history {
            crate::log::play(&mut node, line);
        }
        node.store.start_recording();
        let mut file = begin(&mut node);
        for (line, steps) in &meanwhile {
            for _ in 0..*steps {
                node.store.capture_some(3);
            }
            file.take(&mut node.store);
            crate::log::play(&mut node, line);
        }
        while node.store.capture_some(3) {}
        let bytes = file.finish(&mut node.store);
        let mut log = node.store.take_effects().into_bytes();
        // Its clock stands: keys go when the log says so.
        let mut again = load(&bytes, 65_536).expect("a good file");
        // The marks of units are unknown to it, and no harm: all are whole.
        again.run_stream(&mut log);
        again.advance_ms(node.now_ms - again.now_ms);
        prop_assert_eq!(everything(&mut node), everything(&mut again));
    }
}
