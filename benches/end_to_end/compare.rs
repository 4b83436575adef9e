//! Alternation: A B A B …, cell by cell, so that whatever disturbs the machine disturbs all alike; medians of figures and of ratios in the same round.

use crate::Settings;
use crate::load::{Cell, Figures, run};
use crate::peers::Target;

/// The figures of one target in one cell, a value per round.
pub(crate) struct Rounds(Vec<Figures>);

impl Rounds {
    /// Median of a figure.
    pub(crate) fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.0.iter().map(figure).collect())
    }

    /// Median of the ratios of a figure to the same figure of `other`, round by round.
    pub(crate) fn ratio(&self, other: &Self, figure: impl Fn(&Figures) -> f64) -> f64 {
        let pairs = self.0.iter().zip(&other.0);
        median(
            pairs
                .map(|(own, other)| figure(own) / figure(other))
                .collect(),
        )
    }
}

/// Runs a cell on all targets in turn, round after round.
pub(crate) fn alternate(targets: &[&Target], cell: Cell, settings: &Settings) -> Vec<Rounds> {
    let mut rounds: Vec<Rounds> = targets.iter().map(|_| Rounds(Vec::new())).collect();
    for _ in 0..settings.runs {
        for (target, rounds) in targets.iter().zip(&mut rounds) {
            rounds
                .0
                .push(run(target, cell, settings.keys, settings.length));
        }
    }
    rounds
}

/// The middle value; not a number when there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
