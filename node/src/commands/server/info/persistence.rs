//! INFO's section on the data on disk.
//! Pure.

use super::super::Call;
use super::lines;

pub(super) fn persistence(call: &Call<'_>, text: &mut String) {
    let known = &call.node.persistence;
    let changes = call.store.effects().changes();
    let (since_start, is_saving) = (call.now_ms, known.saving.is_some());
    let percent = |part: u64, whole: u64| match whole {
        0 => 0.0,
        _ => 100.0 * part as f64 / whole as f64,
    };
    let seconds =
        |took: Option<u64>| took.map_or(-1, |seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let took = seconds(known.last_save_took_seconds);
    let rewrite_took = seconds(known.last_rewrite_took_seconds);
    let status = |has_failed: bool| if has_failed { "err" } else { "ok" };
    let takes = known.saving.map_or(-1, |saving| {
        i64::try_from(since_start.saturating_sub(saving.started_ms) / 1_000).unwrap_or(i64::MAX)
    });
    let (keys_done, keys) = known
        .saving
        .map_or((0, 0), |saving| (saving.keys_done, saving.keys));
    lines(
        text,
        "Persistence",
        &[
            ("loading", &u8::from(known.loading.is_some())),
            ("async_loading", &0),
            ("current_cow_peak", &0),
            ("current_cow_size", &0),
            ("current_cow_size_age", &0),
            ("current_fork_perc", &"0.00"),
            ("current_save_keys_processed", &keys_done),
            ("current_save_keys_total", &keys),
            (
                "rdb_changes_since_last_save",
                &changes.saturating_sub(known.saved_changes),
            ),
            (
                "rdb_bgsave_in_progress",
                &u8::from(is_saving && !known.is_rewriting),
            ),
            ("rdb_last_save_time", &known.last_save_seconds),
            ("rdb_last_bgsave_status", &status(known.has_save_failed)),
            ("rdb_last_bgsave_time_sec", &took),
            (
                "rdb_current_bgsave_time_sec",
                &if known.is_rewriting { -1 } else { takes },
            ),
            ("rdb_saves", &known.saves),
            ("rdb_last_cow_size", &0),
            ("rdb_last_load_keys_expired", &known.loaded_expired),
            ("rdb_last_load_keys_loaded", &known.loaded_keys),
            ("aof_enabled", &u8::from(known.has_log)),
            ("aof_rewrite_in_progress", &u8::from(known.is_rewriting)),
            (
                "aof_rewrite_scheduled",
                &u8::from(known.is_rewrite_scheduled),
            ),
            ("aof_last_rewrite_time_sec", &rewrite_took),
            (
                "aof_current_rewrite_time_sec",
                &if known.is_rewriting { takes } else { -1 },
            ),
            (
                "aof_last_bgrewrite_status",
                &status(known.has_rewrite_failed),
            ),
            ("aof_rewrites", &known.rewrites),
            ("aof_rewrites_consecutive_failures", &known.failed_rewrites),
            (
                "aof_last_write_status",
                &status(known.log_failure.is_some()),
            ),
            ("aof_last_cow_size", &0),
            ("module_fork_in_progress", &0),
            ("module_fork_last_cow_size", &0),
        ],
    );
    if known.has_log {
        lines(
            text,
            "",
            &[
                ("aof_current_size", &known.log_bytes),
                ("aof_base_size", &known.log_base_bytes),
                ("aof_pending_rewrite", &0),
                ("aof_buffer_length", &known.log_queued_bytes),
                ("aof_pending_bio_fsync", &0),
                ("aof_delayed_fsync", &0),
            ],
        );
    }
    if let Some(loading) = known.loading {
        let seconds = (call.now_ms / 1_000).saturating_sub(loading.started_seconds);
        let left_bytes = loading.total_bytes.saturating_sub(loading.read_bytes);
        let left_seconds = match loading.read_bytes {
            0 => 1,
            read => seconds.saturating_mul(left_bytes) / read,
        };
        let percent = percent(loading.read_bytes, loading.total_bytes);
        lines(
            text,
            "",
            &[
                ("loading_start_time", &loading.started_seconds),
                ("loading_total_bytes", &loading.total_bytes),
                ("loading_rdb_used_mem", &loading.used_memory),
                ("loading_loaded_bytes", &loading.read_bytes),
                ("loading_loaded_perc", &format!("{percent:.2}")),
                ("loading_eta_seconds", &left_seconds),
            ],
        );
    }
}
