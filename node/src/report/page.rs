//! A report as the page that Prometheus reads.
//! Pure.

use super::{Durations, Report, bounds};
use pages::{Page, Samples};

const COMMANDS: (&str, &str) = (
    "switchyard_node_command_duration_seconds",
    "Time that a command took on the node's thread, of those that have run (latency-tracking).",
);

const SYNCS: (&str, &str) = (
    "switchyard_node_log_fsync_duration_seconds",
    "Time that bringing the log to disk took.",
);

impl Report {
    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        self.page_with(&Samples::default())
    }

    /// The same, with what somebody else has to say.
    #[must_use]
    pub fn page_with(&self, more: &Samples) -> String {
        let mut page = Page::default();
        page.put(&self.samples);
        page.put(more);
        let (name, help) = COMMANDS;
        page.histograms(name, help);
        for (id, durations) in &self.commands {
            let labels = [("command", id.name())];
            histogram(name, &labels, durations, &mut page);
        }
        if let Some(durations) = &self.syncs {
            let (name, help) = SYNCS;
            page.histograms(name, help);
            histogram(name, &[], durations, &mut page);
        }
        page.into_text()
    }
}

fn histogram(
    name: &'static str,
    labels: &[(&'static str, &str)],
    durations: &Durations,
    page: &mut Page,
) {
    let buckets = bounds().zip(durations.up_to.iter().copied());
    page.histogram(name, labels, buckets, durations.count, durations.sum_ns);
}
