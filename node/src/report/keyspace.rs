//! Keys and where their bytes are.
//! Pure. Where `redis_exporter` has the same number, it means the same.

use crate::log::Backlog;
use crate::node_state::NodeState;
use crate::store::{DbIndex, Store};
use pages::{Samples, Value};

pub(super) fn put(store: &Store, node: &NodeState, out: &mut Samples) {
    databases(store, out);
    lookups(store, node, out);
    memory(store, node, out);
}

/// The first database, and the others that have keys: 255 at most.
fn databases(store: &Store, out: &mut Samples) {
    let is_shown = |number: &u8| *number == 0 || store.len(DbIndex(*number)) > 0;
    for number in (0..store.databases()).filter(is_shown) {
        let db = DbIndex(number);
        let labels = || vec![("db", format!("db{number}"))];
        out.gauge_of("switchyard_node_db_keys", "Keys.", labels(), store.len(db));
        out.gauge_of(
            "switchyard_node_db_keys_expiring",
            "Keys of these that expire.",
            labels(),
            store.len_expiring(db),
        );
        out.gauge_of(
            "switchyard_node_db_avg_ttl_seconds",
            "How long keys that expire have left, on average, as far as the sweep has looked.",
            labels(),
            Value::Milliseconds(store.average_ttl_ms(db)),
        );
    }
}

fn lookups(store: &Store, node: &NodeState, out: &mut Samples) {
    let counters = store.counters();
    out.counter(
        "switchyard_node_keyspace_hits_total",
        "Keys that reading commands found.",
        counters.keyspace_hits,
    );
    out.counter(
        "switchyard_node_keyspace_misses_total",
        "Keys that reading commands did not find.",
        counters.keyspace_misses,
    );
    out.counter(
        "switchyard_node_expired_keys_total",
        "Keys that went because their time had come.",
        counters.expired_keys,
    );
    out.counter(
        "switchyard_node_expired_fields_total",
        "Fields of hashes that went because their time had come.",
        counters.expired_subkeys,
    );
    out.counter(
        "switchyard_node_evicted_keys_total",
        "Keys that went to make room below maxmemory.",
        counters.evicted_keys,
    );
    out.counter(
        "switchyard_node_expiry_seconds_total",
        "Time that the sweep for expired keys took.",
        Value::Nanoseconds(node.stats.sweep_ns),
    );
    out.counter(
        "switchyard_node_over_maxmemory_seconds_total",
        "Time during which memory was beyond maxmemory.",
        Value::Nanoseconds(node.stats.over_memory_ns),
    );
}

fn memory(store: &Store, node: &NodeState, out: &mut Samples) {
    let memory = store.memory();
    let clients = node.stats.client_bytes;
    let used = memory.used() + clients;
    let dataset = memory.entries + memory.extents + memory.objects;
    let scripts = &node.scripts;
    let of_scripts = scripts.kept_bytes()
        + scripts.evaluator_bytes()
        + scripts.libraries.text_bytes()
        + scripts.libraries.machine_bytes();
    let backlog = node.replication.backlog().map_or(0, Backlog::kept_bytes);
    let policy = node.settings.hot.eviction.policy.name();
    let peak = node.stats.peak_memory.max(used);
    let facts: [(&'static str, &'static str, u64); 9] = [
        (
            "switchyard_node_memory_used_bytes",
            "Memory of keys, values, their index and clients (used_memory).",
            used,
        ),
        (
            "switchyard_node_memory_counted_bytes",
            "What of that counts against maxmemory: all but clients.",
            memory.used(),
        ),
        (
            "switchyard_node_memory_dataset_bytes",
            "Memory of keys and values.",
            dataset,
        ),
        (
            "switchyard_node_memory_overhead_bytes",
            "Memory in use that is no key and no value.",
            used - dataset,
        ),
        (
            "switchyard_node_memory_clients_bytes",
            "Memory of clients and their buffers, as of the last second.",
            clients,
        ),
        (
            "switchyard_node_memory_scripts_bytes",
            "Memory of scripts, functions and the machines that run them.",
            of_scripts as u64,
        ),
        (
            "switchyard_node_memory_backlog_bytes",
            "Memory of the end of the log that is kept for followers.",
            backlog,
        ),
        (
            "switchyard_node_memory_peak_bytes",
            "The most that switchyard_node_memory_used_bytes was.",
            peak,
        ),
        (
            "switchyard_node_memory_resident_bytes",
            "Resident memory of the process; with switchyard up that of all nodes and the proxy.",
            node.stats.resident_bytes,
        ),
    ];
    for (name, help, bytes) in facts {
        out.gauge(name, help, bytes);
    }
    out.gauge_of(
        "switchyard_node_memory_max_bytes",
        "What keys, values and their index may take (maxmemory), with what goes then (maxmemory-policy); 0 sets no bound.",
        vec![("policy", policy.to_owned())],
        node.settings.hot.max_memory,
    );
}
