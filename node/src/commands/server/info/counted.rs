//! INFO's sections of counters: of the node, by command, by error, by database.
//! Pure.

use super::super::Call;
use super::lines;
use crate::settings::short_decimal;
use crate::store::DbIndex;
use shared::command;
use shared::pubsub::Topic;
use std::fmt::Write;

fn kilobytes(bytes: u64) -> String {
    format!("{}.{:02}", bytes / 1_024, bytes % 1_024 * 100 / 1_024)
}

pub(super) fn stats(call: &Call<'_>, text: &mut String) {
    let stats = &call.node.stats;
    let store = call.store.counters();
    lines(
        text,
        "Stats",
        &[
            ("total_connections_received", &stats.connections),
            ("total_commands_processed", &stats.commands),
            (
                "instantaneous_ops_per_sec",
                &stats.command_rate.per_second(),
            ),
            ("total_net_input_bytes", &stats.input_bytes),
            ("total_net_output_bytes", &stats.output_bytes),
            ("total_net_repl_input_bytes", &0),
            ("total_net_repl_output_bytes", &0),
            (
                "instantaneous_input_kbps",
                &kilobytes(stats.input_rate.per_second()),
            ),
            (
                "instantaneous_output_kbps",
                &kilobytes(stats.output_rate.per_second()),
            ),
            ("instantaneous_input_repl_kbps", &"0.00"),
            ("instantaneous_output_repl_kbps", &"0.00"),
            ("rejected_connections", &stats.rejected_connections),
            ("sync_full", &stats.full_syncs),
            ("sync_partial_ok", &stats.partial_syncs),
            ("sync_partial_err", &stats.refused_partial_syncs),
            ("expired_keys", &store.expired_keys),
            ("expired_subkeys", &store.expired_subkeys),
            ("expired_longest_stay_ms", &store.expired_longest_stay_ms),
            ("expired_stale_perc", &"0.00"),
            ("expired_time_cap_reached_count", &stats.sweep_cut),
            (
                "expire_cycle_cpu_milliseconds",
                &(stats.sweep_ns / 1_000_000),
            ),
            ("evicted_keys", &store.evicted_keys),
            ("evicted_clients", &0),
            (
                "total_eviction_exceeded_time",
                &(stats.over_memory_ns / 1_000_000),
            ),
            ("current_eviction_exceeded_time", &0),
            ("keyspace_hits", &store.keyspace_hits),
            ("keyspace_misses", &store.keyspace_misses),
        ],
    );
    let subscriptions = &call.node.subscriptions;
    lines(
        text,
        "",
        &[
            ("pubsub_channels", &subscriptions.count(Topic::Channel)),
            ("pubsub_patterns", &subscriptions.count(Topic::Pattern)),
            (
                "pubsubshard_channels",
                &subscriptions.count(Topic::ShardChannel),
            ),
        ],
    );
    let absent = [
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "unexpected_error_replies",
    ];
    for name in absent {
        lines(text, "", &[(name, &0)]);
    }
    let tracking = &call.node.tracking;
    lines(
        text,
        "",
        &[
            ("tracking_total_keys", &tracking.keys()),
            ("tracking_total_items", &tracking.items()),
            ("tracking_total_prefixes", &tracking.prefixes()),
            ("total_error_replies", &stats.error_replies),
            ("dump_payload_sanitizations", &0),
            ("total_reads_processed", &stats.reads),
            ("total_writes_processed", &stats.writes),
            ("io_threaded_reads_processed", &0),
            ("io_threaded_writes_processed", &0),
            ("reply_buffer_shrinks", &0),
            ("reply_buffer_expands", &0),
            (
                "client_query_buffer_limit_disconnections",
                &stats.input_limit_disconnections,
            ),
            (
                "client_output_buffer_limit_disconnections",
                &stats.output_limit_disconnections,
            ),
            ("acl_access_denied_auth", &stats.denied.auth),
            ("acl_access_denied_cmd", &stats.denied.command),
            ("acl_access_denied_key", &stats.denied.key),
            ("acl_access_denied_channel", &stats.denied.channel),
        ],
    );
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn commands(call: &Call<'_>, text: &mut String) {
    lines(text, "Commandstats", &[]);
    for spec in command::all() {
        let stats = call.node.stats.command(spec.id);
        if stats.calls == 0 && stats.rejected == 0 && stats.failed == 0 {
            continue;
        }
        let us = stats.total_ns / 1_000;
        let each_ns = stats.total_ns.checked_div(stats.calls).unwrap_or(0);
        let _ = write!(
            text,
            "cmdstat_{}:calls={},usec={us},usec_per_call={}.{:02},rejected_calls={},failed_calls={}\r\n",
            spec.name,
            stats.calls,
            each_ns / 1_000,
            each_ns % 1_000 / 10,
            stats.rejected,
            stats.failed,
        );
    }
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn errors(call: &Call<'_>, text: &mut String) {
    lines(text, "Errorstats", &[]);
    for (prefix, count) in call.node.stats.errors() {
        let prefix = String::from_utf8_lossy(prefix);
        let _ = write!(text, "errorstat_{prefix}:count={count}\r\n");
    }
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn latencies(call: &Call<'_>, text: &mut String) {
    lines(text, "Latencystats", &[]);
    let percentiles = &call.node.settings.hot.latency_percentiles;
    for spec in command::all() {
        let Some(durations) = &call.node.stats.command(spec.id).durations else {
            continue;
        };
        let shown: Vec<String> = percentiles
            .iter()
            .map(|percent| {
                let ns = durations.percentile_ns(*percent);
                let name = short_decimal(*percent);
                format!("p{name}={}.{:03}", ns / 1_000, ns % 1_000)
            })
            .collect();
        let _ = write!(
            text,
            "latency_percentiles_usec_{}:{}\r\n",
            spec.name,
            shown.join(",")
        );
    }
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn keyspace(call: &Call<'_>, text: &mut String) {
    lines(text, "Keyspace", &[]);
    for number in 0..call.store.databases() {
        let db = DbIndex(number);
        let keys = call.store.len(db);
        if keys > 0 {
            let expiring = call.store.len_expiring(db);
            let average = call.store.average_ttl_ms(db);
            let timed = call.store.len_timed(db);
            let _ = write!(
                text,
                "db{number}:keys={keys},expires={expiring},avg_ttl={average},subexpiry={timed}\r\n"
            );
        }
    }
}
