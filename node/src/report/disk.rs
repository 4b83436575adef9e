//! The data on disk: what is read at the start, the snapshot, the log.
//! Pure. Where `redis_exporter` has the same number, it means the same.

use crate::node_state::{NodeState, Persistence};
use crate::store::Store;
use pages::{Samples, Value};

pub(super) fn put(store: &Store, node: &NodeState, out: &mut Samples) {
    let known = &node.persistence;
    loading(known, out);
    let changes = store.effects().changes();
    snapshot(known, changes, out);
    log(known, out);
    out.gauge(
        "switchyard_node_writes_refused",
        "Whether writes are refused because of the disk (MISCONF): 1 or 0.",
        known.log_failure.is_some() || node.saves_fail(),
    );
}

fn loading(known: &Persistence, out: &mut Samples) {
    out.gauge(
        "switchyard_node_loading",
        "Whether the node reads its data, or copies its leader's: 1 or 0.",
        known.loading.is_some(),
    );
    let progress = known.loading.unwrap_or_default();
    out.gauge(
        "switchyard_node_loading_expected_bytes",
        "Bytes that are to be read, while the node loads.",
        progress.total_bytes,
    );
    out.gauge(
        "switchyard_node_loading_read_bytes",
        "Bytes of these that have been read.",
        progress.read_bytes,
    );
}

fn snapshot(known: &Persistence, changes: u64, out: &mut Samples) {
    let is_saving = known.saving.is_some() && !known.is_rewriting;
    out.gauge(
        "switchyard_node_snapshot_last_save_timestamp_seconds",
        "When the last good snapshot was taken, or the node started, Unix seconds.",
        known.last_save_seconds,
    );
    out.gauge(
        "switchyard_node_snapshot_last_duration_seconds",
        "How long the last snapshot took; 0 before the first.",
        known.last_save_took_seconds.unwrap_or_default(),
    );
    out.gauge(
        "switchyard_node_snapshot_last_ok",
        "Whether the last snapshot was written: 1 or 0.",
        !known.has_save_failed,
    );
    out.gauge(
        "switchyard_node_snapshot_in_progress",
        "Whether one is being taken: 1 or 0.",
        is_saving,
    );
    out.gauge(
        "switchyard_node_snapshot_changes_since_last_save",
        "Changes that no snapshot has.",
        changes.saturating_sub(known.saved_changes),
    );
    out.counter(
        "switchyard_node_snapshots_total",
        "Snapshots that were taken.",
        known.saves,
    );
}

fn log(known: &Persistence, out: &mut Samples) {
    let facts: [(&'static str, &'static str, Value); 8] = [
        (
            "switchyard_node_log_enabled",
            "Whether there is a log (appendonly): 1 or 0.",
            known.has_log.into(),
        ),
        (
            "switchyard_node_log_size_bytes",
            "Bytes of the log's files.",
            known.log_bytes.into(),
        ),
        (
            "switchyard_node_log_base_size_bytes",
            "What they were after the last rewrite.",
            known.log_base_bytes.into(),
        ),
        (
            "switchyard_node_log_pending_bytes",
            "Bytes of the log that wait to be written.",
            known.log_queued_bytes.into(),
        ),
        (
            "switchyard_node_log_last_write_ok",
            "Whether the log is written and brought to disk: 1 or 0.",
            known.log_failure.is_none().into(),
        ),
        (
            "switchyard_node_log_last_rewrite_ok",
            "Whether the last rewrite was good: 1 or 0.",
            (!known.has_rewrite_failed).into(),
        ),
        (
            "switchyard_node_log_rewrite_in_progress",
            "Whether the log is being rewritten: 1 or 0.",
            known.is_rewriting.into(),
        ),
        (
            "switchyard_node_log_last_rewrite_duration_seconds",
            "How long the last rewrite took; 0 before the first.",
            known.last_rewrite_took_seconds.unwrap_or_default().into(),
        ),
    ];
    for (name, help, value) in facts {
        out.gauge(name, help, value);
    }
    out.counter(
        "switchyard_node_log_rewrites_total",
        "Rewrites of the log.",
        known.rewrites,
    );
}

#[cfg(test)]
mod tests {
    use super::put;
    use crate::node_state::NodeState;
    use crate::store::Store;
    use pages::{Page, Samples};

    fn check(change: impl FnOnce(&mut NodeState), lines: &[&str]) {
        let (store, mut node) = (Store::new(16, 1), NodeState::default());
        change(&mut node);
        let (mut samples, mut page) = (Samples::default(), Page::default());
        put(&store, &node, &mut samples);
        page.put(&samples);
        let page = page.into_text();
        for line in lines {
            let line = format!("switchyard_node_{line}");
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn what_failed_is_told_as_not_ok() {
        let good = [
            "snapshot_last_ok 1",
            "log_last_write_ok 1",
            "log_last_rewrite_ok 1",
            "writes_refused 0",
            "log_enabled 0",
        ];
        check(|_| {}, &good);
        let fail = |node: &mut NodeState| {
            node.persistence.has_log = true;
            node.persistence.has_save_failed = true;
            node.persistence.has_rewrite_failed = true;
            node.persistence.log_failure = Some("full".to_owned());
        };
        let bad = [
            "snapshot_last_ok 0",
            "log_last_write_ok 0",
            "log_last_rewrite_ok 0",
            "writes_refused 1",
            "log_enabled 1",
        ];
        check(fail, &bad);
    }
}
