//! Ten thousand idle clients on a proxy: what they take, and how soon each is answered.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Settings;
use crate::peers;
use crate::support::Client;
use crate::support::eventually::Stopwatch;
use crate::table::{Table, digits};

const CLIENTS: usize = 9_990;

pub(super) fn measure(_settings: &Settings, table: &mut Table) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let affordable = usize::try_from(hard)
        .unwrap_or(usize::MAX)
        .saturating_sub(500);
    let count = CLIENTS.min(affordable);
    if count < CLIENTS {
        table.note(&format!(
            "only {count} clients: the limit of open files is {hard}"
        ));
    }
    for (target, is_ours) in [(peers::proxy(1, &[]), true), (peers::redis(), false)] {
        let mut clients: Vec<Client> = (0..count).map(|_| target.front.connect()).collect();
        let mut waits = Vec::with_capacity(count);
        for client in &mut clients {
            let watch = Stopwatch::start();
            client.call_words("PING");
            waits.push(watch.elapsed().as_secs_f64() * 1000.0);
        }
        waits.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "megabytes with a few digits")]
        let resident = target.front.resident_bytes() as f64 / 1024.0 / 1024.0;
        let p99 = waits[count - 1 - count / 100];
        let longest = waits[count - 1];
        let what = format!("{}, {count} idle clients", target.name);
        if is_ours {
            table.at_most(&format!("{what}: resident"), 200.0, resident, " MB");
            table.at_most(&format!("{what}: p99 of PING"), 5.0, p99, " ms");
        } else {
            table.figure(
                &format!("  {what}: resident"),
                &format!("{} MB", digits(resident)),
            );
            table.figure("  p99 of PING", &format!("{} ms", digits(p99)));
        }
        table.figure("  longest PING", &format!("{} ms", digits(longest)));
    }
}
