//! A million keys that expire in the same millisecond: when are they gone, and what do other clients notice?

use std::time::Duration;

use crate::Settings;
use crate::load::fill_with;
use crate::machine::cpu_nanoseconds;
use crate::peers;
use crate::support::encode;
use crate::support::eventually::{Stopwatch, now_nanoseconds, pause};
use crate::table::{Table, digits};

const KEYS: usize = 1_000_000;

/// Longer than filling takes.
const FILL_MS: u64 = 15_000;

/// Gives up: then the figure says so.
const AT_MOST: Duration = Duration::from_secs(60);

pub(super) fn measure(_settings: &Settings, table: &mut Table) {
    for (target, goal) in [(peers::node(), Some(5.0)), (peers::redis(), None)] {
        let mut client = target.front.connect();
        let moment = now_nanoseconds() / 1_000_000 + FILL_MS;
        let text = moment.to_string();
        fill_with(&mut client, KEYS, 1000, |number| {
            encode(&[
                "SET",
                &format!("key:{number:012}"),
                "0123456789abcdef",
                "PXAT",
                &text,
            ])
        });
        pause(Duration::from_millis(
            moment.saturating_sub(now_nanoseconds() / 1_000_000),
        ));
        let watch = Stopwatch::start();
        let pids = target.pids();
        let cpu_before = cpu_nanoseconds(&pids);
        let mut longest = Duration::ZERO;
        let gone_after = loop {
            let asked = Stopwatch::start();
            let left = client.call_words("DBSIZE").integer();
            longest = longest.max(asked.elapsed());
            if left == 0 || watch.elapsed() > AT_MOST {
                break watch.elapsed().as_secs_f64();
            }
            pause(Duration::from_millis(5));
        };
        let what = format!("{}: 1 M keys gone after they expired", target.name);
        match goal {
            Some(goal) => table.at_most(&what, goal, gone_after, " s"),
            None => table.figure(&format!("  {what}"), &format!("{} s", digits(gone_after))),
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds with a few digits")]
        let cpu_ms = (cpu_nanoseconds(&pids) - cpu_before) as f64 / 1e6;
        let waited = longest.as_secs_f64() * 1000.0;
        table.figure(
            "  longest reply meanwhile; CPU in all",
            &format!("{}; {} ms", digits(waited), digits(cpu_ms)),
        );
    }
}
