//! Our proxy with one thread over two nodes: its own CPU, together with its nodes against a bare redis-server, and its p99; other proxies beside it.

use crate::Settings;
use crate::compare::alternate;
use crate::load::{Cell, Figures, fill};
use crate::peers;
use crate::table::{Table, digits};

struct Goals {
    command: &'static str,
    pipeline: usize,
    own_us: f64,
    /// With its nodes, against a bare redis-server.
    ratio: Option<f64>,
    /// p99 against a bare redis-server.
    p99: Option<f64>,
}

const CELLS: &[Goals] = &[
    Goals {
        command: "get",
        pipeline: 1,
        own_us: 6.2,
        ratio: Some(1.05),
        p99: Some(1.5),
    },
    Goals {
        command: "get",
        pipeline: 16,
        own_us: 0.6,
        ratio: Some(0.80),
        p99: Some(1.5),
    },
    Goals {
        command: "get",
        pipeline: 100,
        own_us: 0.15,
        ratio: Some(0.35),
        p99: None,
    },
    Goals {
        command: "set",
        pipeline: 1,
        own_us: 6.2,
        ratio: Some(1.05),
        p99: None,
    },
    Goals {
        command: "set",
        pipeline: 16,
        own_us: 0.6,
        ratio: Some(0.80),
        p99: None,
    },
    Goals {
        command: "set",
        pipeline: 100,
        own_us: 0.15,
        ratio: Some(0.35),
        p99: None,
    },
    Goals {
        command: "mget10",
        pipeline: 1,
        own_us: 9.0,
        ratio: None,
        p99: None,
    },
    Goals {
        command: "mget10",
        pipeline: 16,
        own_us: 3.5,
        ratio: None,
        p99: None,
    },
];

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let (redis, ours) = (peers::redis(), peers::proxy(2, &[]));
    let others = peers::other_proxies();
    let mut targets = vec![&redis, &ours];
    targets.extend(&others);
    for target in &targets {
        fill(target.address, settings.keys);
    }
    for goals in CELLS {
        let cell = Cell::new(goals.command, goals.pipeline);
        let rounds = alternate(&targets, cell, settings);
        let name = cell.name();
        let all = |figures: &Figures| figures.all_us;
        table.at_most(
            &format!("proxy {name}: its own CPU per request"),
            goals.own_us,
            rounds[1].median(|figures| figures.own_us),
            " us",
        );
        if let Some(goal) = goals.ratio {
            let ratio = rounds[1].ratio(&rounds[0], all);
            table.at_most(
                &format!("proxy {name}: with its nodes / bare redis"),
                goal,
                ratio,
                " x",
            );
        }
        if let Some(goal) = goals.p99 {
            let ratio = rounds[1].ratio(&rounds[0], |figures| figures.p99_ms);
            table.at_most(
                &format!("proxy {name}: p99 / bare redis"),
                goal,
                ratio,
                " x",
            );
        }
        for (target, rounds) in targets.iter().zip(&rounds) {
            let own = digits(rounds.median(|figures| figures.own_us));
            let figure = format!("{own} ({}) us", digits(rounds.median(all)));
            let rate = rounds.median(|figures| figures.per_second) / 1000.0;
            let p99 = rounds.median(|figures| figures.p99_ms);
            table.figure(
                &format!(
                    "  {}: own (with servers), {rate:.0} k/s, p99 {p99:.2} ms",
                    target.name
                ),
                &figure,
            );
        }
    }
}
