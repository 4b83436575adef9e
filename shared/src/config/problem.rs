//! What is wrong with a file, an environment variable or a flag: where, what, and what next. Pure.
//! All problems of one input are gathered and reported together.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value, or a problem, comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A built-in default.
    Default,
    /// A file, at a line counted from 1; without a line when it concerns the whole file.
    File(PathBuf, Option<usize>),
    /// An environment variable.
    Environment(String),
    /// A command line flag, without its dashes.
    Flag(String),
}

impl Origin {
    /// A line of a file.
    #[must_use]
    pub fn line(path: &Path, line: usize) -> Self {
        Self::File(path.to_path_buf(), Some(line))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File(path, None) => write!(out, "{}", path.display()),
            Self::File(path, Some(line)) => write!(out, "{}:{line}", path.display()),
            Self::Environment(variable) => out.write_str(variable),
            Self::Flag(flag) => write!(out, "--{flag}"),
        }
    }
}

/// One problem: `proxy.toml:14: unknown key "listn" in [proxy]; did you mean "listen"?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// What it is, and what may help.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.origin, self.text)
    }
}

/// Every problem that was found, in the order of the input; never empty when it is an error. Prints one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// No problem so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one more.
    pub fn add(&mut self, origin: Origin, text: impl Into<String>) {
        self.0.push(Problem {
            origin,
            text: text.into(),
        });
    }

    /// The problems of both, those that both have once.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        for problem in other.0 {
            if !self.0.contains(&problem) {
                self.0.push(problem);
            }
        }
        self.0.sort_by(|left, right| left.origin.cmp(&right.origin));
        self
    }

    /// The problems, with other names for where they come from.
    #[must_use]
    pub fn named(mut self, name: impl Fn(Origin) -> Origin) -> Self {
        for problem in &mut self.0 {
            problem.origin = name(problem.origin.clone());
        }
        self
    }

    /// Notes all of these.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems, in the order of the input.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// `value` when there is no problem.
    ///
    /// # Errors
    /// These problems, lines of files in ascending order.
    pub fn or_value<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|left, right| left.origin.cmp(&right.origin));
        Err(self)
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// `; did you mean "listen"?` when one of `known` is close to `word`, else nothing.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // Words longer than any name are nothing that was mistyped, and comparing costs the product of the lengths.
    const LONGEST_WORD: usize = 64;
    if word.len() > LONGEST_WORD {
        return String::new();
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let word = plain(word);
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &plain(candidate));
            (distance, candidate)
        })
        // A third of the letters may be wrong: more is another word.
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min()
        .map(|(_, candidate)| format!("; did you mean \"{candidate}\"?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_suggested_and_strange_ones_are_not() {
        let check = |word: &str, hint: &str| {
            assert_eq!(
                did_you_mean(word, ["listen", "maxmemory", "maxmemory-policy", "hz"]),
                hint,
                "hint for {word:?}"
            );
        };
        check("listn", "; did you mean \"listen\"?");
        check("lisetn", "; did you mean \"listen\"?");
        check("MaxMemory", "; did you mean \"maxmemory\"?");
        check("maxmemory_policy", "; did you mean \"maxmemory-policy\"?");
        check("port", "");
        check("", "");
        check(&"x".repeat(1_000_000), "");
    }

    #[test]
    fn problems_print_one_per_line_in_the_order_of_the_file() {
        let path = Path::new("proxy.toml");
        let mut problems = Problems::new();
        problems.add(Origin::Flag("threads".to_owned()), "too many");
        problems.add(Origin::line(path, 14), "unknown key");
        problems.add(Origin::line(path, 3), "bad value");
        assert_eq!(
            problems.or_value(()).unwrap_err().to_string(),
            "proxy.toml:3: bad value\nproxy.toml:14: unknown key\n--threads: too many"
        );
        assert_eq!(Problems::new().or_value(7), Ok(7));
    }
}
