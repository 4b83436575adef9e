//! INFO's sections on the node itself: who it is, its clients, memory, the parts it does not have.
//! Pure.

use super::super::memory::{clients_bytes, ratio};
use super::super::{Call, memory as memory_command};
use super::{human, lines};
use crate::log::Backlog;
use shared::resp::REDIS_VERSION;

/// Resolution of the clock that access marks follow, as Redis tells it: seconds, 24 bits.
const LRU_CLOCK_BITS: u32 = 24;

fn two_decimals(number: f64) -> String {
    format!("{number:.2}")
}

pub(super) fn server(call: &Call<'_>, text: &mut String) {
    let identity = &call.node.identity;
    let uptime_seconds = call.now_ms.saturating_sub(identity.started_ms) / 1_000;
    let hz = call.node.settings.hot.hz;
    let lru_clock = (call.now_ms / 1_000) & ((1 << LRU_CLOCK_BITS) - 1);
    lines(
        text,
        "Server",
        &[
            ("redis_version", &REDIS_VERSION),
            ("switchyard_version", &env!("CARGO_PKG_VERSION")),
            ("redis_git_sha1", &"00000000"),
            ("redis_git_dirty", &0),
            ("redis_build_id", &"0000000000000000"),
            ("redis_mode", &"standalone"),
            ("os", &identity.system),
            ("arch_bits", &usize::BITS),
            ("monotonic_clock", &"POSIX clock_gettime"),
            ("multiplexing_api", &"epoll"),
            ("atomicvar_api", &"c11-builtin"),
            ("gcc_version", &"0.0.0"),
            ("process_id", &identity.process_id),
            ("process_supervised", &"no"),
            ("run_id", &identity.run_id),
            ("tcp_port", &identity.port),
            ("server_time_usec", &call.node.now_us),
            ("uptime_in_seconds", &uptime_seconds),
            ("uptime_in_days", &(uptime_seconds / 86_400)),
            ("hz", &hz),
            ("configured_hz", &hz),
            ("lru_clock", &lru_clock),
            ("executable", &identity.executable),
            ("config_file", &identity.config_file),
            ("io_threads_active", &0),
        ],
    );
}

pub(super) fn clients(call: &Call<'_>, text: &mut String) {
    let clients = &call.node.clients;
    let longest_input = clients.iter().map(|client| client.traffic.input_bytes);
    let longest_output = clients.iter().map(|client| client.outbox.len());
    // Those of proxies that share a connection count each.
    let sessions = clients.with_sessions(call.session);
    let watching = sessions
        .filter(|(_, session)| session.watched.is_some())
        .count()
        + call.node.watches.len();
    lines(
        text,
        "Clients",
        &[
            ("connected_clients", &clients.len()),
            ("cluster_connections", &0),
            ("maxclients", &call.node.settings.hot.max_clients),
            (
                "client_recent_max_input_buffer",
                &longest_input.max().unwrap_or(0),
            ),
            (
                "client_recent_max_output_buffer",
                &longest_output.max().unwrap_or(0),
            ),
            ("blocked_clients", &clients.blocked()),
            ("tracking_clients", &call.node.tracking.clients()),
            ("watching_clients", &watching),
            ("clients_in_timeout_table", &0),
        ],
    );
}

pub(super) fn memory(call: &Call<'_>, text: &mut String) {
    let memory = call.store.memory();
    let clients = clients_bytes(call);
    let used = memory.used() + clients;
    let active = used + memory.overhead;
    let peak = call.node.stats.peak_memory;
    let dataset = memory.entries + memory.extents + memory.objects;
    let overhead = used - dataset;
    let resident = call.node.stats.resident_bytes;
    let system = call.node.identity.system_memory_bytes;
    let hot = &call.node.settings.hot;
    let backlog = call
        .node
        .replication
        .backlog()
        .map_or(0, Backlog::kept_bytes);
    let percent = |part, whole| format!("{:.2}%", 100.0 * ratio(part, whole));
    lines(
        text,
        "Memory",
        &[
            ("used_memory", &used),
            ("used_memory_human", &human(used)),
            ("used_memory_rss", &resident),
            ("used_memory_rss_human", &human(resident)),
            ("used_memory_peak", &peak),
            ("used_memory_peak_human", &human(peak)),
            ("used_memory_peak_perc", &percent(used, peak)),
            ("used_memory_overhead", &overhead),
            ("used_memory_startup", &0),
            ("used_memory_dataset", &dataset),
            ("used_memory_dataset_perc", &percent(dataset, used)),
            ("allocator_allocated", &used),
            ("allocator_active", &active),
            ("allocator_resident", &resident),
            ("total_system_memory", &system),
            ("total_system_memory_human", &human(system)),
        ],
    );
    scripts(call, text);
    let wasted = resident.saturating_sub(used);
    lines(
        text,
        "",
        &[
            ("maxmemory", &hot.max_memory),
            ("maxmemory_human", &human(hot.max_memory)),
            ("maxmemory_policy", &hot.eviction.policy.name()),
            ("allocator_frag_ratio", &two_decimals(ratio(active, used))),
            ("allocator_frag_bytes", &memory.overhead),
            ("allocator_rss_ratio", &two_decimals(ratio(resident, used))),
            ("allocator_rss_bytes", &wasted),
            ("rss_overhead_ratio", &two_decimals(1.0)),
            ("rss_overhead_bytes", &0),
            (
                "mem_fragmentation_ratio",
                &two_decimals(ratio(resident, used)),
            ),
            ("mem_fragmentation_bytes", &wasted),
            // What does not count against maxmemory.
            ("mem_not_counted_for_evict", &clients),
            ("mem_replication_backlog", &backlog),
            ("mem_total_replication_buffers", &backlog),
            ("mem_clients_slaves", &0),
            ("mem_clients_normal", &clients),
            ("mem_cluster_links", &0),
            ("mem_aof_buffer", &0),
            ("mem_allocator", &memory_command::ALLOCATOR),
            ("active_defrag_running", &0),
            ("lazyfree_pending_objects", &0),
            ("lazyfreed_objects", &0),
        ],
    );
}

pub(super) fn cpu(call: &Call<'_>, text: &mut String) {
    let usage = &call.node.stats.processor;
    let seconds = |ms: u64| format!("{}.{:03}000", ms / 1_000, ms % 1_000);
    lines(
        text,
        "CPU",
        &[
            ("used_cpu_sys", &seconds(usage.system_ms)),
            ("used_cpu_user", &seconds(usage.user_ms)),
            ("used_cpu_sys_children", &"0.000000"),
            ("used_cpu_user_children", &"0.000000"),
            ("used_cpu_sys_main_thread", &seconds(usage.own_system_ms)),
            ("used_cpu_user_main_thread", &seconds(usage.own_user_ms)),
        ],
    );
}

pub(super) fn modules(_call: &Call<'_>, text: &mut String) {
    lines(text, "Modules", &[]);
}

pub(super) fn cluster(_call: &Call<'_>, text: &mut String) {
    lines(text, "Cluster", &[("cluster_enabled", &0)]);
}
/// What scripts and functions take.
fn scripts(call: &Call<'_>, text: &mut String) {
    let scripts = &call.node.scripts;
    let libraries = &scripts.libraries;
    let evaluator = scripts.evaluator_bytes() as u64;
    let functions = libraries.machine_bytes() as u64;
    let texts = scripts.kept_bytes() as u64;
    let library_texts = libraries.text_bytes() as u64;
    let (machines, all_texts) = (evaluator + functions, texts + library_texts);
    lines(
        text,
        "",
        &[
            ("used_memory_lua", &evaluator),
            ("used_memory_vm_eval", &evaluator),
            ("used_memory_lua_human", &human(evaluator)),
            ("used_memory_scripts_eval", &texts),
            ("number_of_cached_scripts", &scripts.count()),
            ("number_of_functions", &libraries.count_functions()),
            ("number_of_libraries", &libraries.iter().len()),
            ("used_memory_vm_functions", &functions),
            ("used_memory_vm_total", &machines),
            ("used_memory_vm_total_human", &human(machines)),
            ("used_memory_functions", &library_texts),
            ("used_memory_scripts", &all_texts),
            ("used_memory_scripts_human", &human(all_texts)),
        ],
    );
}
