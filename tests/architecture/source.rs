//! Source files as text: where they lie, what their heads say, which lines are code.
//! Reads files below the root; never starts anything.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file: its path from the root, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The doc comment at its head.
    pub(crate) fn head(&self) -> String {
        self.text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| line.trim_start_matches("//!").trim())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Whether its head says that it is pure: the word `Pure` at the end of a clause, not `Pure but for …`.
    pub(crate) fn is_pure(&self) -> bool {
        let head = self.head();
        head.match_indices("Pure")
            .any(|(at, word)| head[at + word.len()..].starts_with(['.', ';', ':', ',']))
    }

    /// Its lines of code with their numbers, without comments and without its unit tests.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self
            .text
            .find("#[cfg(test)]\nmod ")
            .unwrap_or(self.text.len());
        self.text[..tests]
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }

    pub(crate) fn is_unit_test(&self) -> bool {
        let path = &self.path;
        path.ends_with("/tests.rs") || path.ends_with("/testing.rs") || path.contains("/tests/")
    }
}

/// Every `.rs` file below the given folders, in order; build products are left out.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let is_product = path.file_name().is_some_and(|name| name == "target");
            let entries = fs::read_dir(&path).expect("a readable folder");
            let entries = entries.map(|entry| entry.expect("an entry").path());
            waiting.extend(entries.filter(|_| !is_product));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root()).expect("below the root");
            found.push(Source {
                path: below.display().to_string(),
                text: fs::read_to_string(&path).expect("a readable file"),
            });
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(!found.is_empty(), "no files in {folders:?}");
    found
}

pub(crate) fn everything() -> Vec<Source> {
    let folders = ["src", "shared", "node", "proxy", "tests", "benches"];
    let there: Vec<&str> = folders
        .into_iter()
        .filter(|folder| root().join(folder).exists())
        .collect();
    sources(&there)
}

/// The product's own code: no tests, no benches, no vendored crate.
pub(crate) fn product() -> Vec<Source> {
    sources(&[
        "src",
        "shared/src",
        "shared/protocol/src",
        "shared/store/src",
        "shared/pages/src",
        "node/src",
        "node/lua/src",
        "proxy/src",
    ])
}

/// Whether `line` has `word` with no letter, digit or underscore before it, nor after it when it ends in one.
pub(crate) fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && (!after || !word.ends_with(is_part))
    })
}

/// The string literals of a line, without their quotes.
pub(crate) fn literals(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}
