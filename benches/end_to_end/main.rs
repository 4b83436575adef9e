//! Prints the figures that Switchyard is to reach, measured here and now, side by side with the peers found on this machine.
//!
//! `cargo bench --bench end_to_end -- [node] [proxy] [flat] [sessions] [tls] [memory] [pauses] [expiry] [idle] [hostile] [types] [turns] [whole] [kept] [--quick] [--runs N] [--seconds S] [--shape NAME]`; without names: all.
//! Every figure is a ratio to a peer measured in the same run, in alternation, or CPU time per request of the server, because throughput
//! of one binary varies twofold within an hour on a shared machine. [`section`] says what is measured; `benches/README.md` says how, and keeps the last results.

mod bystander;
mod collections;
mod compare;
mod load;
mod machine;
mod peers;
mod section;
#[expect(dead_code, reason = "shared with the system tests; each uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;

use std::time::Duration;

use table::Table;

/// What is to be measured, and how thoroughly.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Rounds of alternation; figures are medians of them.
    pub(crate) runs: usize,
    /// Aimed length of one run of the load generator.
    pub(crate) length: Duration,
    /// Keys present while load runs.
    pub(crate) keys: usize,
    /// Numbers of keys at which memory is measured.
    pub(crate) memory_keys: Vec<usize>,
    /// Keys to which a node grows while its pauses are watched.
    pub(crate) growth_keys: usize,
    /// Elements of a collection, at most.
    pub(crate) elements: usize,
    /// Of collections, attacks and parts of `kept`, those whose name begins so alone.
    pub(crate) shape: String,
    /// Names of the sections that run; empty for all.
    sections: Vec<String>,
}

impl Settings {
    fn thorough() -> Self {
        Self {
            runs: 5,
            length: Duration::from_secs(2),
            keys: 1_000_000,
            memory_keys: vec![1_000_000, 5_000_000],
            growth_keys: 5_000_000,
            elements: 5_000_000,
            shape: String::new(),
            sections: Vec::new(),
        }
    }

    /// A look in a few minutes; its figures are not for the record.
    fn quick() -> Self {
        Self {
            runs: 3,
            length: Duration::from_millis(500),
            keys: 1_000_000,
            memory_keys: vec![1_000_000],
            growth_keys: 1_000_000,
            elements: 1_000_000,
            shape: String::new(),
            sections: Vec::new(),
        }
    }

    fn from_arguments(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let words: Vec<String> = arguments.filter(|word| word != "--bench").collect();
        let mut settings = match words.iter().any(|word| word == "--quick") {
            true => Self::quick(),
            false => Self::thorough(),
        };
        let mut words = words.into_iter().filter(|word| word != "--quick");
        while let Some(word) = words.next() {
            match word.as_str() {
                "--runs" => settings.runs = number(words.next())?,
                "--shape" => settings.shape = words.next().ok_or("a shape is missing")?,
                "--seconds" => settings.length = Duration::from_secs(number(words.next())?),
                name if section::ALL.iter().any(|(known, _)| *known == name) => {
                    settings.sections.push(word);
                }
                other => {
                    let known: Vec<&str> = section::ALL.iter().map(|(name, _)| *name).collect();
                    return Err(format!(
                        "unknown section {other}; there are {}",
                        known.join(", ")
                    ));
                }
            }
        }
        Ok(settings)
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }
}

fn number<T: std::str::FromStr>(word: Option<String>) -> Result<T, String> {
    let word = word.ok_or("a number is missing")?;
    word.parse().map_err(|_| format!("{word} is not a number"))
}

fn main() {
    let settings = match Settings::from_arguments(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("{problem}");
            std::process::exit(64);
        }
    };
    let mut table = Table::new();
    table.note(&machine::description());
    table.note(&peers::description());
    for (name, measure) in section::ALL {
        if settings.wants(name) {
            table.heading(name);
            measure(&settings, &mut table);
        }
    }
    table.summary();
}
