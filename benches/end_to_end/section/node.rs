//! A node against a redis-server: CPU per request, as a ratio.

use crate::Settings;
use crate::compare::alternate;
use crate::load::{Cell, fill};
use crate::peers;
use crate::table::{Table, digits};

/// Command, pipeline, and the ratio to reach.
const CELLS: &[(&str, usize, f64)] = &[
    ("get", 1, 0.88),
    ("get", 16, 0.50),
    ("get", 100, 0.20),
    ("set", 1, 0.88),
    ("set", 16, 0.50),
    ("set", 100, 0.20),
    ("incr", 16, 0.70),
    ("mset10", 16, 0.70),
    ("mget10", 16, 0.70),
];

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let (redis, node, valkey) = (peers::redis(), peers::node(), peers::valkey());
    let mut targets = vec![&redis, &node];
    targets.extend(valkey.as_ref());
    for target in &targets {
        fill(target.address, settings.keys);
    }
    for &(command, pipeline, goal) in CELLS {
        let cell = Cell::new(command, pipeline);
        let rounds = alternate(&targets, cell, settings);
        let name = cell.name();
        let own = |figures: &crate::load::Figures| figures.own_us;
        table.at_most(
            &format!("node {name}: CPU / redis"),
            goal,
            rounds[1].ratio(&rounds[0], own),
            " x",
        );
        for (target, rounds) in targets.iter().zip(&rounds) {
            let figure = format!("{} us", digits(rounds.median(own)));
            let rate = rounds.median(|figures| figures.per_second) / 1000.0;
            table.figure(
                &format!("  {}: CPU per request, {rate:.0} k/s", target.name),
                &figure,
            );
        }
    }
}
