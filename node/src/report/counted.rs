//! What is counted: commands, errors, clients, bytes, processor time.
//! Pure. Where `redis_exporter` has the same number, it means the same.

use crate::node_state::NodeState;
use crate::stats::CommandStats;
use pages::{Samples, Value};
use shared::command::CommandId;
use shared::pubsub::Topic;
use shared::resp::REDIS_VERSION;
use shared::topology::ClusterId;

/// All but commands.
pub(super) fn put(node: &NodeState, now_ms: u64, out: &mut Samples) {
    identity(node, now_ms, out);
    clients(node, out);
    traffic(node, out);
    processor(node, out);
    scripts(node, out);
    for (prefix, count) in node.stats.errors() {
        out.counter_of(
            "switchyard_node_errors_total",
            "Error replies by their first word.",
            vec![("error", String::from_utf8_lossy(prefix).into_owned())],
            count,
        );
    }
}

/// A command that has come.
pub(super) fn put_command(id: CommandId, stats: &CommandStats, out: &mut Samples) {
    if stats.calls == 0 && stats.rejected == 0 && stats.failed == 0 {
        return;
    }
    let labels = || vec![("command", id.name().to_owned())];
    out.counter_of(
        "switchyard_node_commands_total",
        "Commands that ran.",
        labels(),
        stats.calls,
    );
    out.counter_of(
        "switchyard_node_commands_duration_seconds_total",
        "Time that commands took.",
        labels(),
        Value::Nanoseconds(stats.total_ns),
    );
    out.counter_of(
        "switchyard_node_commands_rejected_total",
        "Commands that were refused before they ran.",
        labels(),
        stats.rejected,
    );
    out.counter_of(
        "switchyard_node_commands_failed_total",
        "Commands that ran and answered with an error.",
        labels(),
        stats.failed,
    );
}

fn identity(node: &NodeState, now_ms: u64, out: &mut Samples) {
    let identity = &node.identity;
    let name = node.member.name().map(ToString::to_string);
    let shard = node.member.shard().map(ToString::to_string);
    // By the name that metrics of proxies have for it.
    let shard = shard.map(|told| match ClusterId::of_told(&told) {
        Some((shard, _)) => shard.to_owned(),
        None => told,
    });
    out.gauge_of(
        "switchyard_node_build_info",
        "1, with the version of this program, that of Redis as which it shows itself, and how proxies call the node and its shard, once they do.",
        vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("redis_version", REDIS_VERSION.to_owned()),
            ("name", name.unwrap_or_default()),
            ("shard", shard.unwrap_or_default()),
        ],
        1_u64,
    );
    out.gauge(
        "switchyard_node_start_time_seconds",
        "When the node was started, Unix seconds.",
        Value::Milliseconds(identity.started_ms),
    );
    let age_ms = now_ms.saturating_sub(identity.started_ms);
    out.gauge(
        "switchyard_node_uptime_seconds",
        "How long ago that was.",
        Value::Milliseconds(age_ms),
    );
}

fn clients(node: &NodeState, out: &mut Samples) {
    let clients = &node.clients;
    out.gauge(
        "switchyard_node_clients",
        "Clients connected; a proxy's connections and followers are some.",
        clients.len(),
    );
    out.gauge(
        "switchyard_node_clients_limit",
        "Clients that may be connected (maxclients).",
        node.settings.hot.max_clients,
    );
    out.gauge(
        "switchyard_node_clients_blocked",
        "Clients of these that wait for a key.",
        clients.blocked(),
    );
    out.gauge(
        "switchyard_node_clients_tracking",
        "Clients of these that are told of changes of keys (CLIENT TRACKING); a proxy's connection that does it for its clients is one.",
        node.tracking.clients(),
    );
    out.gauge(
        "switchyard_node_tracked_keys",
        "Keys that somebody is to be told of when they change.",
        node.tracking.keys(),
    );
    for (topic, name) in [
        (Topic::Channel, "channel"),
        (Topic::Pattern, "pattern"),
        (Topic::ShardChannel, "shard_channel"),
    ] {
        out.gauge_of(
            "switchyard_node_subscribed",
            "Channels, patterns and channels of shards that somebody has subscribed to.",
            vec![("kind", name.to_owned())],
            node.subscriptions.count(topic),
        );
    }
    out.counter(
        "switchyard_node_connections_total",
        "Connections that were accepted, those included that were turned away.",
        node.stats.connections,
    );
    out.counter(
        "switchyard_node_rejected_connections_total",
        "Connections that were turned away: beyond maxclients, or by protected mode.",
        node.stats.rejected_connections,
    );
}

fn traffic(node: &NodeState, out: &mut Samples) {
    let stats = &node.stats;
    out.counter(
        "switchyard_node_received_bytes_total",
        "Bytes that came from clients.",
        stats.input_bytes,
    );
    out.counter(
        "switchyard_node_sent_bytes_total",
        "Bytes of replies for clients.",
        stats.output_bytes,
    );
    out.counter(
        "switchyard_node_error_replies_total",
        "Error replies.",
        stats.error_replies,
    );
    let cut = "Clients that were closed because they did not read their replies, or because of a request beyond client-query-buffer-limit.";
    for (limit, count) in [
        ("output", stats.output_limit_disconnections),
        ("input", stats.input_limit_disconnections),
    ] {
        let labels = vec![("limit", limit.to_owned())];
        out.counter_of("switchyard_node_clients_cut_total", cut, labels, count);
    }
    let denied = &stats.denied;
    for (what, count) in [
        ("auth", denied.auth),
        ("command", denied.command),
        ("key", denied.key),
        ("channel", denied.channel),
    ] {
        out.counter_of(
            "switchyard_node_access_denied_total",
            "Refusals by ACL rules: to come in, of a command, a key, a channel.",
            vec![("what", what.to_owned())],
            count,
        );
    }
}

fn processor(node: &NodeState, out: &mut Samples) {
    let time = &node.stats.processor;
    let mut put = |name, help, user_ms, system_ms| {
        for (mode, ms) in [("user", user_ms), ("system", system_ms)] {
            let labels = vec![("mode", mode.to_owned())];
            out.counter_of(name, help, labels, Value::Milliseconds(ms));
        }
    };
    put(
        "switchyard_node_cpu_seconds_total",
        "Processor time of the process; with switchyard up that of all nodes and the proxy.",
        time.user_ms,
        time.system_ms,
    );
    put(
        "switchyard_node_thread_cpu_seconds_total",
        "Processor time of the node's one thread that serves; it takes a second in each when it is busy all the time.",
        time.own_user_ms,
        time.own_system_ms,
    );
}

fn scripts(node: &NodeState, out: &mut Samples) {
    let scripts = &node.scripts;
    out.gauge(
        "switchyard_node_scripts",
        "Scripts that are kept for EVALSHA.",
        scripts.count(),
    );
    out.gauge(
        "switchyard_node_functions",
        "Functions of all libraries.",
        scripts.libraries.count_functions(),
    );
    out.gauge(
        "switchyard_node_slowlog_entries",
        "Commands that the slow log holds.",
        node.slowlog.iter().len(),
    );
}
