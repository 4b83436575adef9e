//! TOML text as tables whose every value knows its line. Pure.
//! Problems are gathered, so that one reading reports all of them.

use super::problem::{Origin, Problems, did_you_mean};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Where the lines of a text begin.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    starts: Vec<usize>,
}

impl Lines {
    fn of(path: &Path, text: &str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            path: path.to_path_buf(),
            starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    /// The file and line of what begins at `span`.
    pub(crate) fn origin(&self, span: &Range<usize>) -> Origin {
        let line = self.starts.partition_point(|&start| start <= span.start);
        Origin::line(&self.path, line.max(1))
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Origin {
        Origin::File(self.path.clone(), None)
    }
}

/// Reads `text`. `None` when it is no TOML: the first place where it is not becomes a problem, for what a reader makes of the text behind it is guesswork.
pub(crate) fn parse<'t>(
    path: &Path,
    text: &'t str,
    problems: &mut Problems,
) -> Option<(DeTable<'t>, Lines)> {
    let lines = Lines::of(path, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let first = errors
        .into_iter()
        .min_by_key(|error| error.span().map(|span| span.start));
    if let Some(error) = first {
        // Only the message: the full text would show the line, which may hold a password.
        let message = error.message().replace('\n', ", ");
        let origin = match error.span() {
            Some(span) => lines.origin(&span),
            None => lines.whole(),
        };
        problems.add(origin, format!("not TOML: {message}"));
        return None;
    }
    Some((table.into_inner(), lines))
}

/// Reads the keys of one table.
pub(crate) struct TableReader<'a, 't> {
    /// `[[node]]`: what errors call the table.
    label: String,
    table: &'a DeTable<'t>,
    lines: &'a Lines,
    /// Where the table begins.
    pub(crate) origin: Origin,
}

/// A value as text with its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

impl<'a, 't> TableReader<'a, 't> {
    /// The whole document.
    pub(crate) fn root(table: &'a DeTable<'t>, lines: &'a Lines) -> Self {
        Self {
            label: "the top level".to_owned(),
            table,
            lines,
            origin: lines.whole(),
        }
    }

    /// Every key that is not one of `known` becomes a problem.
    pub(crate) fn refuse_unknown(&self, known: &[&str], problems: &mut Problems) {
        self.refuse_unknown_with(
            known,
            |name| did_you_mean(name, known.iter().copied()),
            problems,
        );
    }

    /// The same, `hint` saying of each what may help.
    pub(crate) fn refuse_unknown_with(
        &self,
        known: &[&str],
        hint: impl Fn(&str) -> String,
        problems: &mut Problems,
    ) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let hint = hint(name);
                problems.add(
                    self.lines.origin(&key.span()),
                    format!("unknown key \"{name}\" in {}{hint}", self.label),
                );
            }
        }
    }

    /// Whether there is such a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of `key` as text, if it is there.
    pub(crate) fn scalar(&self, key: &str, problems: &mut Problems) -> Option<Placed> {
        let value = self.table.get(key)?;
        let origin = self.lines.origin(&value.span());
        let text = scalar_text(value.get_ref());
        if text.is_none() {
            let kind = value.get_ref().type_str();
            problems.add(
                origin.clone(),
                format!("\"{key}\" in {} cannot be of type {kind}", self.label),
            );
        }
        text.map(|text| Placed { text, origin })
    }

    /// As [`Self::scalar`], but it must be there.
    pub(crate) fn required(&self, key: &str, problems: &mut Problems) -> Option<Placed> {
        if !self.table.contains_key(key) {
            problems.add(
                self.origin.clone(),
                format!("\"{key}\" is missing in {}", self.label),
            );
        }
        self.scalar(key, problems)
    }

    /// The values under `key`, of which there may be one or a list.
    pub(crate) fn scalars(&self, key: &str, problems: &mut Problems) -> Vec<Placed> {
        let Some(items) = self
            .table
            .get(key)
            .and_then(|value| value.get_ref().as_array())
        else {
            return self.scalar(key, problems).into_iter().collect();
        };
        let mut found = Vec::new();
        for item in items {
            let origin = self.lines.origin(&item.span());
            match scalar_text(item.get_ref()) {
                Some(text) => found.push(Placed { text, origin }),
                None => {
                    let kind = item.get_ref().type_str();
                    let label = &self.label;
                    problems.add(
                        origin,
                        format!("\"{key}\" in {label} cannot hold something of type {kind}"),
                    );
                }
            }
        }
        found
    }

    /// The list of texts under `key`, if it is there.
    pub(crate) fn list(&self, key: &str, problems: &mut Problems) -> Option<Vec<Placed>> {
        let value = self.table.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            problems.add(
                self.lines.origin(&value.span()),
                format!(
                    "\"{key}\" in {} is not a list; write [\"…\", \"…\"]",
                    self.label
                ),
            );
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            let origin = self.lines.origin(&item.span());
            match item.get_ref().as_str() {
                Some(text) => texts.push(Placed {
                    text: text.to_owned(),
                    origin,
                }),
                None => problems.add(
                    origin,
                    format!(
                        "\"{key}\" in {} holds something that is not a text",
                        self.label
                    ),
                ),
            }
        }
        Some(texts)
    }

    /// The table `[key]`, if it is there.
    pub(crate) fn table(&self, key: &str, problems: &mut Problems) -> Option<TableReader<'a, 't>> {
        let (name, value) = self.table.get_key_value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            problems.add(
                self.lines.origin(&name.span()),
                format!("\"{key}\" is not a table; write [{key}] on a line of its own"),
            );
            return None;
        };
        Some(self.inner(format!("[{key}]"), table, &name.span()))
    }

    /// The tables `[[key]]`, none if there are none.
    pub(crate) fn tables(&self, key: &str, problems: &mut Problems) -> Vec<TableReader<'a, 't>> {
        let Some((name, value)) = self.table.get_key_value(key) else {
            return Vec::new();
        };
        let not_tables = format!("\"{key}\" is not a list of tables; write [[{key}]] above each");
        let Some(items) = value.get_ref().as_array() else {
            problems.add(self.lines.origin(&name.span()), not_tables);
            return Vec::new();
        };
        let mut tables = Vec::new();
        let within = self
            .label
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'));
        let label = match within {
            Some(within) => format!("[[{within}.{key}]]"),
            None => format!("[[{key}]]"),
        };
        for item in items {
            match item.get_ref().as_table() {
                Some(table) => tables.push(self.inner(label.clone(), table, &item.span())),
                None => problems.add(self.lines.origin(&item.span()), not_tables.clone()),
            }
        }
        tables
    }

    fn inner(
        &self,
        label: String,
        table: &'a DeTable<'t>,
        span: &Range<usize>,
    ) -> TableReader<'a, 't> {
        TableReader {
            label,
            table,
            lines: self.lines,
            origin: self.lines.origin(span),
        }
    }
}

/// A string as it is, an integer in decimal digits, a boolean as its word; nothing else has one obvious text.
fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            // Left as written when it does not fit, so that the error shows it.
            let parsed = i128::from_str_radix(number.as_str(), number.radix());
            Some(parsed.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A text in TOML's quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
