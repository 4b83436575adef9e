//! Recorded histories, checked: clients write down all that they ask and are told while nodes, proxies and the net fail under them; no key may behave as no
//! single copy would, nothing acknowledged be lost, nothing done twice.
//!
//! ```text
//!  plain     nodes without followers      kills     primaries killed under load, and what that costs      peers   the same of others
//!  switches  another node leads because somebody asked for it
//!  faults    everything that may go wrong, drawn by dice     unfenced  what is found when nobody is fenced
//!  stage     what is tested: nodes, proxies, etcd     space     networks that can be cut     clients   who asks, and writes it down
//!  verdict ◇ what a history shows: search ◇ (registers, counters), logs ◇     service ◇  gaps and latencies, for the report
//!  history ◇ what was asked and told
//! ```
//!
//! A command that was refused (`CLUSTERDOWN` …) changed nothing; one that was cut off, or answered with `UNKNOWN`, may be done at any time, or never.
//! `SWITCHYARD_ROUNDS` makes the runs longer, `SWITCHYARD_SEED` repeats what clients ask and what is done to them, though not how the two meet.

mod checker;
mod clients;
mod faults;
mod history;
mod kills;
mod logs;
mod peers;
mod plain;
mod search;
mod service;
mod space;
pub(crate) mod stage;
mod switches;
mod unfenced;
mod verdict;

use self::clients::Recorded;
use self::service::{Span, acknowledgements, latencies, longest_gap};
use self::verdict::Verdict;

/// `SWITCHYARD_ROUNDS`, or so many.
fn rounds(short: usize) -> usize {
    rounds_wanted().unwrap_or(short)
}

/// `SWITCHYARD_ROUNDS`, if somebody asks for a long run.
fn rounds_wanted() -> Option<usize> {
    let text = std::env::var("SWITCHYARD_ROUNDS").ok()?;
    Some(text.parse().expect("a number of rounds"))
}

/// What a run was like, for whoever reads its output.
fn print(recorded: &Recorded, verdict: &Verdict) {
    eprintln!("{verdict}\n{}", recorded.troubles());
    let all = latencies(&recorded.history);
    eprintln!("answered commands: {all}");
    let end = recorded.history.iter().map(|it| it.answered).max();
    for (shard, moments) in acknowledgements(&recorded.history) {
        let whole = Span {
            from: 0,
            to: end.unwrap_or(0),
        };
        let gap = longest_gap(&moments, whole) / 1_000_000;
        eprintln!("shard {shard}: at most {gap} ms without an acknowledged write");
    }
}
