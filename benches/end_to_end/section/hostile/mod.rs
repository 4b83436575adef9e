//! Clients that mean harm, one attack at a time: how long does a bystander wait meanwhile, and what does the server grow by?
//!
//! A bystander asks PING and GET by turns, the next as soon as the last is answered. Figures of its waits: the one that 99 of 100 stay below, which has a goal;
//! the greatest, which contains whatever else the machine did; the greatest without the time for which it or one of the servers' threads stood in line for a core; and the most CPU time that one
//! thread of the servers used during a wait. The line without an attack shows what the machine adds.

mod attack;
mod lengths;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Settings;
use crate::bystander::{Seen, watched};
use crate::peers::{self, Target};
use crate::table::{Table, digits};

/// What a bystander may wait, milliseconds.
const GOAL_MS: f64 = 5.0;

/// What one attack may make a server grow by; the bound of `tests/hostile.rs`.
const GOAL_MB: f64 = 256.0;

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let makers: [(bool, fn() -> Target); 3] = [
        (true, peers::node),
        (true, || peers::proxy(2, &[])),
        (false, peers::redis),
    ];
    let wanted = |attack: &&attack::Attack| attack.name.starts_with(&settings.shape);
    for attack in (attack::ALL.iter().chain(lengths::ALL)).filter(wanted) {
        for (is_ours, make) in makers {
            let target = make();
            let seen = watched(&target, settings.length, attack.run);
            print(table, &target.name, attack.name, is_ours, &seen);
        }
    }
}

fn print(table: &mut Table, target: &str, attack: &str, is_ours: bool, seen: &Seen) {
    let waits = &seen.waits;
    let what = format!("{target}: {attack}");
    if is_ours {
        table.at_most(&what, GOAL_MS, waits.p99_ms, " ms, p99");
        table.figure(
            "  the greatest",
            &format!("{} ms", digits(waits.greatest_ms)),
        );
        table.at_most(
            "  but for lines for a core",
            GOAL_MS,
            waits.served_ms,
            " ms",
        );
        table.at_most("  the server's own of it", GOAL_MS, waits.own_ms, " ms");
        table.at_most("  grown by", GOAL_MB, seen.grown_mb, " MB");
    } else {
        let ms = |value| format!("{} ms", digits(value));
        table.figure(&what, &format!("{} ms, p99", digits(waits.p99_ms)));
        table.figure("  the greatest", &ms(waits.greatest_ms));
        table.figure("  but for lines for a core", &ms(waits.served_ms));
        table.figure("  the server's own of it", &ms(waits.own_ms));
        table.figure("  grown by", &format!("{} MB", digits(seen.grown_mb)));
    }
    let shown = format!("{} / {} ms", digits(waits.p50_ms), digits(waits.p99_ms));
    table.figure("  p50 / p99 of the waits", &shown);
}
