//! Replies of about 100 MB, read fast and slowly: what they cost node and proxy, and what somebody else waits meanwhile.

use std::time::Duration;

use super::turns::read_to_its_end;
use crate::Settings;
use crate::bystander::watched;
use crate::collections::{self, Shape, fill};
use crate::peers::{self, Target};
use crate::support::Client;
use crate::table::{Table, digits};

/// What a bystander may wait 99 of 100 times, milliseconds.
const GOAL_MS: f64 = 5.0;

/// What a proxy may grow by, MB: its bound for what one client has not read yet, and what is on its way.
const PROXY_GOAL_MB: f64 = 100.0;

/// Rest of a slow reader after each 256 KiB: 13 MB a second.
const REST: Duration = Duration::from_millis(20);

/// A collection, of so many elements, and the command that reads all of it: a reply of 100 to 110 MB.
const ALL: [(Shape, usize, &str); 3] = [
    (collections::LONG_HASH, 800_000, "HGETALL c:0"),
    (collections::SET, 4_500_000, "SMEMBERS c:0"),
    (collections::LONG_LIST, 950_000, "LRANGE c:0 0 -1"),
];

pub(super) fn measure(_: &Settings, table: &mut Table) {
    for (shape, elements, command) in ALL {
        for target in [peers::node(), peers::proxy(1, &[]), peers::redis()] {
            let mut client = Client::connect(target.address);
            fill(&mut client, shape, "c", 0..elements, elements);
            for (reader, rest) in [("fast", Duration::ZERO), ("slow", REST)] {
                let what = format!("{command}, {}, a {reader} reader", target.name);
                print(&target, &what, command, rest, table);
            }
        }
    }
}

fn print(target: &Target, what: &str, command: &str, rest: Duration, table: &mut Table) {
    let seen = watched(target, Duration::from_millis(10), |address| {
        read_to_its_end(address, command, rest);
    });
    let waits = seen.waits;
    let mb = |value: f64| format!("{} MB", digits(value));
    if target.name.starts_with("switchyard") {
        table.at_most(what, GOAL_MS, waits.p99_ms, " ms, p99");
    } else {
        table.figure(what, &format!("{} ms, p99", digits(waits.p99_ms)));
    }
    let greatest = [waits.greatest_ms, waits.own_ms].map(digits).join(", ");
    table.figure(
        "  the greatest, the server's own",
        &format!("{greatest} ms"),
    );
    if target.behind.is_empty() {
        table.figure("  grown by", &mb(seen.grown_mb));
    } else {
        table.at_most("  grown by", PROXY_GOAL_MB, seen.grown_mb, " MB");
        table.figure("  the node behind it by", &mb(seen.behind_mb));
    }
}
