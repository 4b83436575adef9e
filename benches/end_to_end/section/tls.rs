//! What TLS adds at the proxy: the same load on the same proxy's plain and encrypted listener.

use crate::Settings;
use crate::compare::alternate;
use crate::load::{Cell, fill};
use crate::peers;
use crate::table::{Table, digits};

pub(super) fn measure(settings: &Settings, table: &mut Table) {
    let (plain, encrypted) = (peers::proxy(2, &[]), peers::tls_proxy(2));
    fill(plain.address, settings.keys);
    // Its plain listener: only the load is to be encrypted.
    fill(encrypted.front.address, settings.keys);
    for (pipeline, goal) in [(1, 1.2), (16, 0.15)] {
        let cell = Cell::new("get", pipeline);
        let rounds = alternate(&[&plain, &encrypted], cell, settings);
        let own: Vec<f64> = rounds
            .iter()
            .map(|rounds| rounds.median(|figures| figures.own_us))
            .collect();
        table.at_most(
            &format!("TLS at the proxy, {}: CPU per request more", cell.name()),
            goal,
            own[1] - own[0],
            " us",
        );
        let figure = format!("{} / {} us", digits(own[0]), digits(own[1]));
        table.figure("  plain / TLS", &figure);
    }
}
