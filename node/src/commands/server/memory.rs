//! MEMORY: where the bytes are.
//! Pure: the store and the registry say; what only the system knows was noted by the tick.

use super::super::arguments::{integer, is_word};
use super::{Action, Call};
use crate::store::{DbIndex, Store};
use shared::resp::ErrorReply;
use std::fmt::Write;

/// INFO's `mem_allocator`: keys live in pages of the node's own.
pub(super) const ALLOCATOR: &str = "slabs";
/// Below this much there is nothing to diagnose, bytes.
const DOCTOR_LEAST_BYTES: u64 = 5 * 1024 * 1024;
/// Overhead worth a word, in percent of what is used.
const DOCTOR_OVERHEAD_PERCENT: u64 = 40;

/// Bytes of client buffers and state.
pub(super) fn clients_bytes(call: &Call<'_>) -> u64 {
    let clients = call.node.clients.with_sessions(call.session);
    let bytes = clients.map(|(client, session)| client.memory_bytes(session));
    let kept = bytes.sum::<usize>() + call.node.tracking.bytes();
    kept as u64 + call.node.replication.held_bytes
}

/// `used_memory`: everything that keys and clients cost. No peak is ever told that is lower than one told before.
pub(super) fn note_peak(call: &mut Call<'_>) {
    let used = call.store.used_memory() + clients_bytes(call);
    let peak = &mut call.node.stats.peak_memory;
    *peak = (*peak).max(used);
}

/// Keys of all databases.
fn all_keys(store: &Store) -> u64 {
    (0..store.databases())
        .map(|number| store.len(DbIndex(number)) as u64)
        .sum()
}

/// MEMORY USAGE key \[SAMPLES count\]
pub(super) fn usage(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut index = 3;
    while let Some(option) = call.args.get(index) {
        let Some(count) = call
            .args
            .get(index + 1)
            .filter(|_| is_word(option, "samples"))
        else {
            return Err(ErrorReply::Syntax);
        };
        if integer(count)? < 0 {
            return Err(ErrorReply::Syntax);
        }
        index += 2;
    }
    match call.store.key_bytes(call.db(), call.key(2)) {
        None => call.reply.null(),
        Some(bytes) => call.reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX)),
    }
    Ok(Action::Continue)
}

/// MEMORY STATS
pub(super) fn stats(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    note_peak(call);
    let memory = call.store.memory();
    let clients = clients_bytes(call);
    let keys = all_keys(call.store);
    let total = memory.used() + clients;
    let dataset = memory.entries + memory.extents + memory.objects;
    let overhead = total - dataset;
    let peak = call.node.stats.peak_memory;
    let resident = call.node.stats.resident_bytes;
    let scripts = &call.node.scripts;
    let libraries = &scripts.libraries;
    let counts = [
        ("peak.allocated", peak),
        ("total.allocated", total),
        ("startup.allocated", 0),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        (
            "lua.caches",
            (scripts.kept_bytes() + scripts.evaluator_bytes()) as u64,
        ),
        (
            "functions.caches",
            (libraries.text_bytes() + libraries.machine_bytes()) as u64,
        ),
        ("overhead.total", overhead),
        ("keys.count", keys),
        ("keys.bytes-per-key", total.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", dataset),
    ];
    let ratios = [
        ("dataset.percentage", 100.0 * ratio(dataset, total)),
        ("peak.percentage", 100.0 * ratio(total, peak)),
    ];
    let last = [
        ("allocator.allocated", total),
        ("allocator.active", total + memory.overhead),
        ("allocator.resident", resident),
    ];
    let head = call.reply.map_later();
    for (name, count) in counts.iter().chain(&last) {
        call.reply.bulk(name.as_bytes());
        call.reply
            .integer(i64::try_from(*count).unwrap_or(i64::MAX));
    }
    let wasted = resident.saturating_sub(total);
    let fragmentation = [
        (
            "allocator-fragmentation",
            ratio(total + memory.overhead, total),
            memory.overhead,
        ),
        ("allocator-rss", ratio(resident, total), wasted),
        ("rss-overhead", 1.0, 0),
    ];
    for (name, value) in &ratios {
        call.reply.bulk(name.as_bytes());
        call.reply.double(*value);
    }
    for (name, share, bytes) in &fragmentation {
        call.reply.bulk(format!("{name}.ratio").as_bytes());
        call.reply.double(*share);
        call.reply.bulk(format!("{name}.bytes").as_bytes());
        call.reply
            .integer(i64::try_from(*bytes).unwrap_or(i64::MAX));
    }
    call.reply.bulk(b"fragmentation");
    call.reply.double(ratio(resident, total));
    call.reply.bulk(b"fragmentation.bytes");
    call.reply
        .integer(i64::try_from(wasted).unwrap_or(i64::MAX));
    let databases = database_overheads(call);
    let pairs = counts.len() + last.len() + ratios.len() + 2 * fragmentation.len() + 2 + databases;
    call.reply.finish(head, pairs);
    Ok(Action::Continue)
}

/// One map for each database with keys; how many there were. One index serves keys and expiries, and its bytes are not kept by database.
fn database_overheads(call: &mut Call<'_>) -> usize {
    let mut databases = 0;
    for number in 0..call.store.databases() {
        if call.store.len(DbIndex(number)) > 0 {
            call.reply.bulk(format!("db.{number}").as_bytes());
            call.reply.map(3);
            for table in ["main", "expires", "slot-to-keys"] {
                call.reply
                    .bulk(format!("overhead.hashtable.{table}").as_bytes());
                call.reply.integer(0);
            }
            databases += 1;
        }
    }
    databases
}

pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// MEMORY DOCTOR
pub(super) fn doctor(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let memory = call.store.memory();
    let used = memory.used();
    let clients = clients_bytes(call);
    let text = if used + memory.overhead + clients < DOCTOR_LEAST_BYTES {
        "So little memory is used that there is nothing to diagnose.\n".to_owned()
    } else if memory.overhead * 100 > used * DOCTOR_OVERHEAD_PERCENT {
        format!(
            "{} bytes of pages are part-filled or kept for later: many keys were deleted lately. They go back step by step.\n",
            memory.overhead
        )
    } else if clients > used {
        format!(
            "Clients cost {clients} bytes, more than the keys do. CLIENT LIST shows which (omem, qbuf).\n"
        )
    } else {
        "No trouble found.\n".to_owned()
    };
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

/// MEMORY MALLOC-STATS
#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn malloc_stats(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let memory = call.store.memory();
    let mut text = String::new();
    for (name, bytes) in [
        ("entries", memory.entries),
        ("holes", memory.holes),
        ("extents", memory.extents),
        ("objects", memory.objects),
        ("index", memory.index),
        ("ghosts", memory.ghosts),
        ("overhead", memory.overhead),
        ("keys and values as given", memory.dataset),
        ("clients", clients_bytes(call)),
        ("resident, whole process", call.node.stats.resident_bytes),
    ] {
        let _ = writeln!(text, "{name}: {bytes}");
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

/// MEMORY PURGE: free pages go back by themselves, so there is nothing to do.
pub(super) fn purge(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.reply.ok();
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn the_peak_never_falls() {
        let mut node = TestNode::new();
        let peak = |node: &mut TestNode| -> u64 {
            let text = node.send("INFO memory");
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("used_memory_peak:"));
            line.and_then(|number| number.parse().ok()).expect("told")
        };
        let empty = peak(&mut node);
        node.run(&["SET", "a", &"v".repeat(1_000_000)]);
        let full = peak(&mut node);
        assert!(full >= empty + 1_000_000);
        node.send("FLUSHALL");
        assert_eq!(peak(&mut node), full);
        node.send("CONFIG RESETSTAT");
        assert_eq!(peak(&mut node), full);
        let stats = node.send("MEMORY STATS");
        assert!(
            stats.contains(&format!("peak.allocated\r\n:{full}\r\n")),
            "{stats}"
        );
    }

    #[test]
    fn usage_counts_bytes_of_keys_that_are_there() {
        let mut node = TestNode::new();
        node.send("SET a b");
        assert!(node.send("MEMORY USAGE a").starts_with(':'));
        assert_eq!(node.send("MEMORY USAGE zork SAMPLES 5"), "$-1\r\n");
        assert_eq!(node.send("MEMORY USAGE a SAMPLES"), "-ERR syntax error\r\n");
        assert_eq!(
            node.send("MEMORY USAGE a SAMPLES -1"),
            "-ERR syntax error\r\n"
        );
        assert_eq!(
            node.send("MEMORY USAGE a SAMPLES x"),
            "-ERR value is not an integer or out of range\r\n"
        );
        assert_eq!(node.send("MEMORY PURGE"), "+OK\r\n");
        assert!(
            node.send("MEMORY STATS")
                .contains("$10\r\nkeys.count\r\n:1\r\n")
        );
    }
}
