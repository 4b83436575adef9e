//! What was compared and what differed, by command.
//! Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::compare::name;
use super::draw::Request;
use crate::support::Reply;
use crate::support::reply::shown;

/// Differences of one command.
#[derive(Debug, Default)]
struct Differences {
    count: usize,
    examples: Vec<String>,
}

/// Examples shown per command: the first is seldom the clearest.
const EXAMPLES: usize = 3;

/// Counts and examples of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    compared: usize,
    dumps: usize,
    by_command: BTreeMap<String, Differences>,
    allowed: BTreeMap<&'static str, usize>,
}

impl Report {
    /// One more reply was compared.
    pub(super) fn count_reply(&mut self) {
        self.compared += 1;
    }

    /// One more time every key was compared.
    pub(super) fn count_dump(&mut self) {
        self.dumps += 1;
    }

    /// A difference that the table allows.
    pub(super) fn count_allowed(&mut self, reason: &'static str) {
        *self.allowed.entry(reason).or_default() += 1;
    }

    /// Replies compared so far.
    pub(super) fn compared(&self) -> usize {
        self.compared
    }

    /// Replies and keys that differed.
    pub(super) fn differences(&self) -> usize {
        self.by_command.values().map(|found| found.count).sum()
    }

    /// A reply that differs.
    pub(super) fn add_reply(&mut self, request: &Request, ours: &Reply, redis: &Reply) {
        let words: Vec<String> = request
            .iter()
            .map(|word| format!("\"{}\"", shown(word)))
            .collect();
        self.add(
            &name(request),
            format!(
                "{}\n      ours  {ours:?}\n      redis {redis:?}",
                words.join(" ")
            ),
        );
    }

    /// A difference that is not about one reply.
    pub(super) fn add(&mut self, about: &str, example: String) {
        let found = self.by_command.entry(about.to_owned()).or_default();
        found.count += 1;
        if found.examples.len() < EXAMPLES {
            found.examples.push(example);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} replies and {} times every key compared: {} differences",
            self.compared,
            self.dumps,
            self.differences()
        )?;
        for (reason, count) in &self.allowed {
            writeln!(f, "  allowed {count} times: {reason}")?;
        }
        for (command, found) in &self.by_command {
            writeln!(f, "  {command}: {} times", found.count)?;
            for example in &found.examples {
                writeln!(f, "    {example}")?;
            }
        }
        Ok(())
    }
}
