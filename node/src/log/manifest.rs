//! [`Manifest`]: which files make up the log, in the text that Redis 7 has for it: a base and increments, each with a number.
//! Pure. Invariant: numbers of each kind grow from line to line; what is printed is read as the same.
//!
//! `startoffset` and `preamble` behind an increment are ours: how many bytes of the log came before it, and how many at its beginning are no part of it. Redis and its tools pass it by; where it is missing, for Redis wrote the file, increments are counted from 0.

use std::fmt::Write as _;

/// Longest manifest that is read: a thousand increments have a tenth of it.
pub(crate) const MOST_BYTES: u64 = 1 << 20;

/// The number of a file among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence(pub(crate) u64);

impl Sequence {
    /// The one behind it.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An increment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Increment {
    pub(crate) name: String,
    pub(crate) sequence: Sequence,
    /// The log's bytes before it; `None` where nobody says.
    pub(crate) start: Option<u64>,
    /// So many bytes at its beginning are no part of the log: those that stand there in the log stand in the file before.
    pub(crate) preamble: u64,
}

impl Increment {
    /// At which offset its first byte stands that is a part of the log.
    pub(crate) fn first(&self) -> Option<u64> {
        Some(self.start?.saturating_add(self.preamble))
    }
}

/// A base, or what is not needed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) sequence: Sequence,
}

/// All files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) base: Option<Part>,
    pub(crate) increments: Vec<Increment>,
    /// To be removed.
    pub(crate) history: Vec<Part>,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ManifestFault {
    /// Counted from one; 0 is the whole.
    pub line: usize,
    /// What it is.
    pub what: &'static str,
}

impl Manifest {
    /// The name of the manifest of a log with this `appendfilename`.
    pub(crate) fn file_name(prefix: &str) -> String {
        format!("{prefix}.manifest")
    }

    /// The base that a rewrite makes: its number and name.
    pub(crate) fn next_base(&self, prefix: &str) -> Part {
        let last = self.base.iter().chain(&self.history);
        let last = last.map(|part| part.sequence).max();
        let sequence = last.unwrap_or(Sequence(0)).next();
        let name = format!("{prefix}.{}.base.rdb", sequence.0);
        Part { name, sequence }
    }

    /// The increment behind all that are here, for what comes behind this offset of the log; so many bytes stand before that.
    pub(crate) fn next_increment(&self, prefix: &str, end: u64, preamble: u64) -> Increment {
        let last = self.increments.iter().map(|part| part.sequence);
        let old = self
            .history
            .iter()
            .filter(|part| part.name.contains(".incr."));
        let last = last.chain(old.map(|part| part.sequence)).max();
        let sequence = last.unwrap_or(Sequence(0)).next();
        let name = format!("{prefix}.{}.incr.aof", sequence.0);
        // So many bytes of the log have come before that those behind the preamble stand at their offsets.
        let start = Some(end.saturating_sub(preamble));
        Increment {
            name,
            sequence,
            start,
            preamble,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub(crate) fn read(text: &str) -> Result<Self, ManifestFault> {
        let mut manifest = Self::default();
        for (nth, line) in text.lines().enumerate() {
            let fault = |what| ManifestFault {
                line: nth + 1,
                what,
            };
            if line.starts_with('#') {
                continue;
            }
            manifest.take(line).map_err(fault)?;
        }
        if manifest == Self::default() {
            let what = "it names no file";
            return Err(ManifestFault { line: 0, what });
        }
        Ok(manifest)
    }

    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.len() < 6 || words.len() % 2 == 1 {
            return Err("it is no list of names and values");
        }
        let value = |name: &str| {
            let mut pairs = words.chunks_exact(2);
            let pair = pairs.find(|pair| pair[0].eq_ignore_ascii_case(name));
            pair.map(|pair| pair[1])
        };
        let number = |text: &str| text.parse::<u64>().ok();
        let name = value("file").ok_or("it names no file")?.trim_matches('"');
        if name.contains('/') || name.is_empty() {
            return Err("a file has a name without a folder");
        }
        let name = name.to_owned();
        let sequence = value("seq").and_then(number).filter(|number| *number > 0);
        let sequence = Sequence(sequence.ok_or("seq is no number")?);
        let part = Part { name, sequence };
        match value("type").ok_or("it has no type")? {
            "b" if self.base.is_some() => return Err("there is a second base"),
            "b" => self.base = Some(part),
            "h" => self.history.push(part),
            "i" => {
                let last = self.increments.last();
                if last.is_some_and(|last| last.sequence >= sequence) {
                    return Err("increments do not stand in their order");
                }
                let start = value("startoffset").and_then(number);
                let preamble = value("preamble").and_then(number).unwrap_or(0);
                let Part { name, sequence } = part;
                self.increments.push(Increment {
                    name,
                    sequence,
                    start,
                    preamble,
                });
            }
            _ => return Err("its type is none of b, i and h"),
        }
        Ok(())
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, sequence: Sequence, kind: char, further: &str| {
            // Writing to memory cannot fail.
            writeln!(text, "file {name} seq {} type {kind}{further}", sequence.0).ok();
        };
        if let Some(part) = &self.base {
            line(&part.name, part.sequence, 'b', "");
        }
        for part in &self.history {
            line(&part.name, part.sequence, 'h', "");
        }
        for part in &self.increments {
            let mut further = part
                .start
                .map(|start| format!(" startoffset {start}"))
                .unwrap_or_default();
            if part.preamble > 0 {
                write!(further, " preamble {}", part.preamble).ok();
            }
            line(&part.name, part.sequence, 'i', &further);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Manifest, ManifestFault, Part, Sequence};

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_as_redis_writes_it() {
        let text = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                    file appendonly.aof.1.base.rdb seq 1 type h\n\
                    file appendonly.aof.4.incr.aof seq 4 type i startoffset 1200\n\
                    file appendonly.aof.5.incr.aof seq 5 type i startoffset 1300 preamble 23\n";
        let manifest = Manifest::read(text).expect("a manifest");
        assert_eq!(manifest.text(), text);
        assert_eq!(manifest.next_base("a").name, "a.3.base.rdb");
        assert_eq!(manifest.increments[1].first(), Some(1_323));
        let next = manifest.next_increment("a", 30, 23);
        assert_eq!((next.name.as_str(), next.start), ("a.6.incr.aof", Some(7)));
        let redis = "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n";
        let manifest = Manifest::read(redis).expect("a manifest");
        let base = Part {
            name: "a.1.base.rdb".to_owned(),
            sequence: Sequence(1),
        };
        assert_eq!(manifest.base, Some(base));
        assert_eq!(manifest.increments[0].start, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line) in [
            ("", 0),
            ("zork\n", 1),
            ("file a seq 1 type x\n", 1),
            ("file a seq 1 type b\nfile b seq 2 type b\n", 2),
            ("file a seq 2 type i\nfile b seq 2 type i\n", 2),
            ("file ../a seq 2 type i\n", 1),
            ("file a seq 0 type i\n", 1),
        ] {
            let found = Manifest::read(text);
            let found = found.map_err(|ManifestFault { line, .. }| line);
            assert_eq!(found, Err(line), "{text}");
        }
    }
}
