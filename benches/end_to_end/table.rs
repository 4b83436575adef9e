//! The output: a line per figure with its goal, and whether it was met. Prints as it goes, so that a stopped run has shown what it knows.
#![expect(clippy::print_stdout, reason = "its output is what a benchmark is for")]

/// Lines printed so far, counted.
#[derive(Debug, Default)]
pub(crate) struct Table {
    met: usize,
    missed: Vec<String>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A line of text.
    pub(crate) fn note(&mut self, text: &str) {
        println!("# {text}");
    }

    /// The name of a section, and the names of the columns.
    pub(crate) fn heading(&mut self, section: &str) {
        println!(
            "\n{:<58} {:>12} {:>12}  met",
            format!("== {section}"),
            "goal",
            "figure"
        );
    }

    /// A figure that has no goal of its own, but helps to read the others.
    pub(crate) fn figure(&mut self, what: &str, figure: &str) {
        println!("{what:<58} {:>12} {figure:>12}", "");
    }

    /// A figure that is to be at most `goal`.
    pub(crate) fn at_most(&mut self, what: &str, goal: f64, figure: f64, unit: &str) {
        let met = figure <= goal;
        let shown = |value: f64| format!("{}{unit}", digits(value));
        let goal = format!("<= {}", shown(goal));
        let verdict = if met { "yes" } else { "NO" };
        println!("{what:<58} {goal:>12} {:>12}  {verdict}", shown(figure));
        if met {
            self.met += 1;
        } else {
            self.missed
                .push(format!("{what}: {} instead of {goal}", shown(figure)));
        }
    }

    /// How many goals were met, and which were not.
    pub(crate) fn summary(&self) {
        println!("\n{} goals met, {} missed", self.met, self.missed.len());
        for missed in &self.missed {
            println!("  {missed}");
        }
    }
}

/// Three digits that matter.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        magnitude if magnitude >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
