//! INFO's section on whom this node follows, and who follows it.
//! Pure.

use super::super::Call;
use super::lines;
use crate::log::Backlog;
use crate::node_state::{FollowerState, Leader, Link, NO_ID, failover_state};
use std::fmt::Display;

pub(super) fn replication(call: &Call<'_>, text: &mut String) {
    let known = &call.node.replication;
    let role = match known.leader() {
        Some(_) => "slave",
        None => "master",
    };
    lines(text, "Replication", &[("role", &role)]);
    if let Some(leader) = known.leader() {
        following(call, leader, text);
    }
    let followers = known.followers();
    lines(text, "", &[("connected_slaves", &followers.len())]);
    let hot = &call.node.settings.hot.replication;
    if known.leader().is_none() && hot.least_followers > 0 {
        let good = known.count_good(call.now_ms, hot.most_lag_ms);
        lines(text, "", &[("min_slaves_good_slaves", &good)]);
    }
    for (number, follower) in followers.iter().enumerate() {
        let state = match follower.state {
            FollowerState::Waits => "wait_bgsave",
            FollowerState::Copies => "send_bulk",
            FollowerState::Online => "online",
        };
        let (host, port) = (&follower.place.host, follower.place.port);
        let offset = follower.acknowledged;
        let lag = call.now_ms.saturating_sub(follower.heard_ms) / 1_000;
        let about = format!("ip={host},port={port},state={state},offset={offset},lag={lag}");
        lines(text, "", &[(&format!("slave{number}"), &about)]);
    }
    let (former, until) = match known.former() {
        Some((former, until)) => (former, i64::try_from(until + 1).unwrap_or(i64::MAX)),
        None => (NO_ID, -1),
    };
    let backlog = known.backlog();
    let first = backlog.map_or(0, |backlog| backlog.start() + 1);
    let kept = backlog.map_or(0, Backlog::kept_bytes);
    lines(
        text,
        "",
        &[
            (
                "master_failover_state",
                &failover_state(known.failover.as_ref()),
            ),
            ("master_replid", &known.id()),
            ("master_replid2", &former),
            ("master_repl_offset", &known.offset()),
            ("second_repl_offset", &until),
            ("repl_backlog_active", &u8::from(backlog.is_some())),
            ("repl_backlog_size", &hot.backlog_bytes),
            ("repl_backlog_first_byte_offset", &first),
            ("repl_backlog_histlen", &kept),
        ],
    );
}

fn following(call: &Call<'_>, leader: &Leader, text: &mut String) {
    let is_up = leader.link == Link::Connected;
    let seconds_since = |at_ms: u64| call.now_ms.saturating_sub(at_ms) / 1_000;
    let silent: &dyn Display = match is_up {
        true => &seconds_since(leader.heard_ms),
        false => &-1,
    };
    let is_syncing = matches!(leader.link, Link::Syncing { .. });
    let offset = call.node.replication.offset();
    lines(
        text,
        "",
        &[
            ("master_host", &leader.place.host),
            ("master_port", &leader.place.port),
            ("master_link_status", &if is_up { "up" } else { "down" }),
            ("master_last_io_seconds_ago", silent),
            ("master_sync_in_progress", &u8::from(is_syncing)),
            ("slave_read_repl_offset", &offset),
            ("slave_repl_offset", &offset),
        ],
    );
    if let Link::Syncing {
        total_bytes,
        read_bytes,
    } = leader.link
    {
        let total = total_bytes.unwrap_or(0);
        let left = total.saturating_sub(read_bytes);
        let percent = match total {
            0 => 0.0,
            _ => 100.0 * read_bytes as f64 / total as f64,
        };
        lines(
            text,
            "",
            &[
                ("master_sync_total_bytes", &total),
                ("master_sync_read_bytes", &read_bytes),
                ("master_sync_left_bytes", &left),
                ("master_sync_perc", &format!("{percent:.2}")),
                (
                    "master_sync_last_io_seconds_ago",
                    &seconds_since(leader.heard_ms),
                ),
            ],
        );
    }
    if !is_up {
        let down: &dyn Display = match leader.down_since_ms {
            Some(at_ms) => &seconds_since(at_ms),
            None => &-1,
        };
        lines(text, "", &[("master_link_down_since_seconds", down)]);
    }
    let is_read_only = call.node.settings.hot.replication.is_read_only;
    lines(
        text,
        "",
        &[
            ("slave_priority", &100),
            ("slave_read_only", &u8::from(is_read_only)),
            ("replica_announced", &1),
        ],
    );
}
