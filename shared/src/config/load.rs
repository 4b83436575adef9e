//! Puts the settings of all sources on top of each other: built-in default < file < environment < flag.
//! Values in, settings or problems out; [`load`] alone opens the file. All problems of all sources are reported together.

use super::document::{self, TableReader};
use super::file::{FileError, read_file};
use super::problem::{Origin, Problems, did_you_mean};
use super::settings::{Setting, Settings, environment_prefix};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Sections that a file may have: one file can serve node and proxy.
const SECTIONS: &[&str] = &["node", "proxy"];

/// Where settings come from, besides their defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables, as `std::env::vars_os` gives them; those of others are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags by the name of their setting.
    pub flags: Vec<(String, String)>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in file, environment or flags is wrong.
    #[error("{0}")]
    Problems(Problems),
}

impl Sources {
    /// The file given, the environment of this process, and `flags`. Variables that are no text are passed over.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            file,
            environment: texts.collect(),
            flags,
        }
    }
}

/// The settings that `sources` make.
///
/// # Errors
/// The file cannot be read, or every problem of all sources.
pub fn load<C: Settings>(sources: &Sources) -> Result<C, LoadError> {
    let file = match &sources.file {
        Some(path) => Some((path.as_path(), read_file(path)?)),
        None => None,
    };
    let file = file.as_ref().map(|(path, text)| (*path, text.as_str()));
    resolve(file, &sources.environment, &sources.flags).map_err(LoadError::Problems)
}

/// The settings that a file's text, the environment and flags make.
///
/// # Errors
/// Every problem of all three.
pub fn resolve<C: Settings>(
    file: Option<(&Path, &str)>,
    environment: &[(String, String)],
    flags: &[(String, String)],
) -> Result<C, Problems> {
    let mut layers = Layers::<C>::new();
    if let Some((path, text)) = file {
        layers.add_file(path, text);
    }
    layers.add_environment(environment);
    for (name, text) in flags {
        layers.add_flag(name, text);
    }
    layers.finish()
}

/// Settings under construction: each knows who set it last.
struct Layers<C> {
    settings: C,
    origins: HashMap<String, Origin>,
    problems: Problems,
}

impl<C: Settings> Layers<C> {
    fn new() -> Self {
        Self {
            settings: C::default(),
            origins: HashMap::new(),
            problems: Problems::new(),
        }
    }

    fn add_file(&mut self, path: &Path, text: &str) {
        let (table, lines) = document::parse(path, text, &mut self.problems);
        let top = TableReader::root(&table, &lines);
        top.refuse_unknown(SECTIONS, &mut self.problems);
        let Some(section) = top.table(C::SECTION, &mut self.problems) else {
            return;
        };
        let names: Vec<&str> = C::table().iter().map(|setting| setting.name).collect();
        section.refuse_unknown(&names, &mut self.problems);
        for name in names {
            if let Some(value) = section.scalar(name, &mut self.problems) {
                self.set(name, &value.text, value.origin);
            }
        }
    }

    fn add_environment(&mut self, environment: &[(String, String)]) {
        let prefix = environment_prefix(C::SECTION);
        let known: Vec<(String, &Setting)> = C::table()
            .iter()
            .map(|setting| (setting.environment(C::SECTION), setting))
            .collect();
        for (variable, text) in environment {
            if !variable.starts_with(&prefix) {
                continue;
            }
            let origin = Origin::Environment(variable.clone());
            let found = known.iter().find(|(name, _)| name == variable);
            if let Some((_, setting)) = found {
                self.set(setting.name, text, origin);
            } else {
                let hint = did_you_mean(variable, known.iter().map(|(name, _)| name.as_str()));
                let text = format!("there is no such setting of the {}{hint}", C::SECTION);
                self.problems.add(origin, text);
            }
        }
    }

    fn add_flag(&mut self, name: &str, text: &str) {
        let origin = Origin::Flag(name.to_owned());
        if C::find(name).is_some() {
            self.set(name, text, origin);
        } else {
            let hint = did_you_mean(name, C::table().iter().map(|setting| setting.name));
            let text = format!("there is no such setting of the {}{hint}", C::SECTION);
            self.problems.add(origin, text);
        }
    }

    fn set(&mut self, name: &str, text: &str, origin: Origin) {
        match self.settings.set(name, text) {
            Ok(()) => {
                self.origins.insert(name.to_owned(), origin);
            }
            // A flag's origin names the setting already, and so does a variable's.
            Err(error) if matches!(origin, Origin::File(..)) => {
                self.problems.add(origin, format!("{name}: {error}"));
            }
            Err(error) => self.problems.add(origin, error),
        }
    }

    fn finish(mut self) -> Result<C, Problems> {
        for conflict in self.settings.conflicts() {
            let mut origins = conflict.between.iter();
            let set = origins.find_map(|&name| self.origins.get(name).cloned());
            self.problems
                .add(set.unwrap_or(Origin::Default), conflict.text);
        }
        self.problems.or_value(self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ByteCount, MaxmemoryPolicy, NodeConfig, ProxyConfig};
    use super::*;
    use std::time::Duration;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(name, text): &(&str, &str)| (name.to_owned(), text.to_owned());
        pairs.iter().map(owned).collect()
    }

    fn node(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<NodeConfig, String> {
        let file = Some((Path::new("node.toml"), file));
        resolve(file, &pairs(environment), &pairs(flags))
            .map_err(|problems: Problems| problems.to_string())
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let file = "[node]\nmaxmemory = \"1mb\"\nhz = 20\ntimeout = \"5s\"\n";
        let environment = [
            ("SWITCHYARD_NODE_MAXMEMORY", "2mb"),
            ("SWITCHYARD_NODE_HZ", "30"),
            ("SWITCHYARD_PROXY_LISTEN", "not for us"),
            ("PATH", "/bin"),
        ];
        let config = node(file, &environment, &[("maxmemory", "3mb")]).unwrap();
        assert_eq!(config.maxmemory, ByteCount(3 << 20));
        assert_eq!(config.hz, 30);
        assert_eq!(config.timeout, Duration::from_secs(5));
        assert_eq!(config.databases, 16);
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_place() {
        let file = "\
[node]
maxmemroy = \"1mb\"
hz = 1000
timeout = 300
maxmemory-policy = \"allkeys-lruu\"
listen = [\"a\", \"b\"]
[nodes]
";
        let environment = [("SWITCHYARD_NODE_MAXMEMRY", "2mb")];
        let flags = [("databases", "x"), ("nothing", "1")];
        assert_eq!(
            node(file, &environment, &flags).unwrap_err(),
            "\
node.toml:2: unknown key \"maxmemroy\" in [node]; did you mean \"maxmemory\"?
node.toml:3: hz: 1000 is out of range; it may be 1 to 500
node.toml:4: timeout: \"300\" has no unit; write \"300s\" or \"300ms\"
node.toml:5: maxmemory-policy: \"allkeys-lruu\" is not one of noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-fifo, allkeys-s3fifo, allkeys-sieve; did you mean \"allkeys-lru\"?
node.toml:6: \"listen\" in [node] cannot be of type array
node.toml:7: unknown key \"nodes\" in the top level; did you mean \"node\"?
SWITCHYARD_NODE_MAXMEMRY: there is no such setting of the node; did you mean \"SWITCHYARD_NODE_MAXMEMORY\"?
--databases: \"x\" is not a whole number up to 255
--nothing: there is no such setting of the node"
        );
    }

    #[test]
    fn settings_that_contradict_each_other_are_told_where_they_were_set() {
        let check = |file: &str, expected: &str| {
            assert_eq!(node(file, &[], &[]).unwrap_err(), expected);
        };
        check(
            "[node]\n\nclient-output-soft-limit = \"2gb\"\n",
            "node.toml:3: client-output-soft-limit (2gb) is more than client-output-hard-limit (1gb)",
        );
        check(
            "[node]\nclient-output-soft-limit = \"4mb\"\nclient-output-hard-limit = \"2mb\"\n",
            "node.toml:2: client-output-soft-limit (4mb) is more than client-output-hard-limit (2mb)",
        );
        check(
            "[node]\nclient-query-buffer-limit = \"2mb\"\n",
            "node.toml:2: proto-max-bulk-len (512mb) is more than client-query-buffer-limit (2mb)",
        );
        let flags = pairs(&[("tls-listen", "127.0.0.1:6379")]);
        let problems = resolve::<ProxyConfig>(None, &[], &flags).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "\
--tls-listen: tls-listen needs tls-cert-file
--tls-listen: tls-listen needs tls-key-file
--tls-listen: listen and tls-listen are the same address"
        );
    }

    #[test]
    fn one_file_may_hold_both_sections_and_each_reads_its_own() {
        let file = "[node]\nhz = 1\n[proxy]\nthreads = 3\n";
        assert_eq!(node(file, &[], &[]).unwrap().hz, 1);
        let file = Some((Path::new("both.toml"), file));
        let proxy: ProxyConfig = resolve(file, &[], &[]).unwrap();
        assert_eq!(proxy.threads, 3);
    }

    #[test]
    fn a_password_shows_in_no_problem() {
        let text = "[node]\nrequirepass = \"open sesame\"\nrequirepass = \"open sesame\"\nx = = \"open sesame\"\n";
        let problems = node(text, &[], &[]).unwrap_err();
        assert!(!problems.contains("sesame"), "{problems}");
        let config = node("[node]\nrequirepass = \"open sesame\"\n", &[], &[]).unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
        assert!(config.requirepass.matches(b"open sesame"));
    }

    #[test]
    fn a_choice_may_be_spelled_in_any_case() {
        let config = node("", &[], &[("maxmemory-policy", "AllKeys-LRU")]).unwrap();
        assert_eq!(config.maxmemory_policy, MaxmemoryPolicy::AllKeysLru);
    }
}
