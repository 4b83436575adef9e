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

/// Settings that redis.conf counts in something smaller or larger than seconds. A number alone would mean something else than there, so it needs its unit.
const COUNTED_OTHERWISE: &[(&str, &str)] = &[
    ("slowlog-log-slower-than", "us"),
    ("latency-monitor-threshold", "ms"),
    ("lfu-decay-time", "m"),
];

/// Where settings come from, besides their defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Whose file it is.
    pub readers: Readers,
    /// Environment variables, as `std::env::vars_os` gives them; those of others are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags by the name of their setting.
    pub flags: Vec<(String, String)>,
}

/// Who reads a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readers {
    /// One server alone: a file that has only the section of the other was not meant for it.
    #[default]
    One,
    /// Node and proxy each read their own section.
    Both,
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
            readers: Readers::One,
            environment: texts.collect(),
            flags,
        }
    }

    /// The file is that of a node and a proxy together.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.readers = Readers::Both;
        self
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
    let mut layers = Layers::<C>::new();
    if let Some((path, text)) = &file {
        layers.add_file(path, text, sources.readers);
    }
    layers.add_environment(&sources.environment);
    layers.add_flags(&sources.flags);
    layers.finish().map_err(LoadError::Problems)
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
        layers.add_file(path, text, Readers::Both);
    }
    layers.add_environment(environment);
    layers.add_flags(flags);
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

    fn add_file(&mut self, path: &Path, text: &str, readers: Readers) {
        let Some((table, lines)) = document::parse(path, text, &mut self.problems) else {
            return;
        };
        let top = TableReader::root(&table, &lines);
        let hint = |name: &str| match C::find(name) {
            Some(_) => format!("; write [{}] on a line above it", C::SECTION),
            None => did_you_mean(name, SECTIONS.iter().copied()),
        };
        top.refuse_unknown_with(SECTIONS, hint, &mut self.problems);
        let Some(section) = top.table(C::SECTION, &mut self.problems) else {
            let other = SECTIONS.iter().find(|other| top.has(other));
            if let (Readers::One, Some(other)) = (readers, other) {
                let own = C::SECTION;
                self.problems.add(
                    top.origin,
                    format!("has no section [{own}], only [{other}]: it is for `switchyard {other} --config`; for a {own} write [{own}] above its settings"),
                );
            }
            return;
        };
        let names: Vec<&str> = C::table().iter().map(|setting| setting.name).collect();
        let tables = C::table().iter().filter_map(|setting| setting.table);
        let known: Vec<&str> = names
            .iter()
            .copied()
            .chain(tables.map(|(name, _)| name))
            .collect();
        section.refuse_unknown(&known, &mut self.problems);
        for name in names {
            if let Some(value) = section.scalar(name, &mut self.problems) {
                self.set(name, &value.text, value.origin);
            }
        }
        for setting in C::table() {
            self.add_tables(setting, &section);
        }
    }

    /// A list that stands in the file as tables.
    fn add_tables(&mut self, setting: &Setting, section: &TableReader<'_, '_>) {
        let Some((table, columns)) = setting.table else {
            return;
        };
        let rows = section.tables(table, &mut self.problems);
        let Some(first) = rows.first() else {
            return;
        };
        if section.has(setting.name) {
            let text = format!(
                "stands beside \"{}\", which says the same in one line; leave one out",
                setting.name
            );
            self.problems.add(first.origin.clone(), text);
            return;
        }
        let mut elements = Vec::new();
        for row in &rows {
            // Each by itself, so that what is wrong is told where it stands.
            let element = self.element(columns, row);
            match element.map(|text| C::default().set(setting.name, &text).map(|()| text)) {
                None => {}
                Some(Ok(text)) => elements.push(text),
                Some(Err(error)) => self.problems.add(row.origin.clone(), error),
            }
        }
        if elements.len() == rows.len() {
            self.set(setting.name, &elements.join("; "), first.origin.clone());
        }
    }

    /// The text of one element of a list.
    fn element(&mut self, columns: &[&str], row: &TableReader<'_, '_>) -> Option<String> {
        let (first, others) = columns.split_first()?;
        row.refuse_unknown(columns, &mut self.problems);
        let first = row.required(first, &mut self.problems)?;
        if first
            .text
            .contains(|letter: char| letter.is_whitespace() || letter == ';')
        {
            let text = format!(
                "\"{}\" has a blank or a semicolon in it; write ?, which stands for any letter",
                first.text
            );
            self.problems.add(first.origin, text);
            return None;
        }
        let mut element = first.text;
        for name in others {
            if let Some(value) = row.scalar(name, &mut self.problems) {
                element += &format!(" {name}={}", value.text);
            }
        }
        Some(element)
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

    fn add_flags(&mut self, flags: &[(String, String)]) {
        for (place, (name, text)) in flags.iter().enumerate() {
            if flags[..place].iter().any(|(before, _)| before == name) {
                let origin = Origin::Flag(name.clone());
                self.problems.add(origin, "is given twice; leave one out");
            } else {
                self.add_flag(name, text);
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
        let result = needs_unit(name, text).and_then(|()| self.settings.set(name, text));
        match result {
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

/// Refuses a number alone where it would not mean what it means in redis.conf.
fn needs_unit(name: &str, text: &str) -> Result<(), String> {
    let text = text.trim();
    let is_bare = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    match COUNTED_OTHERWISE
        .iter()
        .find(|(counted, _)| *counted == name)
    {
        Some((_, unit)) if is_bare && text != "0" => Err(format!(
            "\"{text}\" has no unit, and redis.conf counts this one in {unit}; write \"{text}{unit}\", or what you mean"
        )),
        _ => Ok(()),
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
timeout = \"300y\"
latency-monitor-threshold = 100
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
node.toml:4: timeout: \"300y\" has an unknown unit; it may be ns, us, ms, s, m, h or d
node.toml:5: latency-monitor-threshold: \"100\" has no unit, and redis.conf counts this one in ms; write \"100ms\", or what you mean
node.toml:6: maxmemory-policy: \"allkeys-lruu\" is not one of noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-fifo, allkeys-s3fifo, allkeys-sieve; did you mean \"allkeys-lru\"?
node.toml:7: \"listen\" in [node] cannot be of type array
node.toml:8: unknown key \"nodes\" in the top level; did you mean \"node\"?
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
    fn a_number_alone_is_bytes_of_memory_and_seconds_of_time() {
        let file = "[node]\nmaxmemory = 100\ntimeout = 300\nlfu-decay-time = 0\n";
        let config = node(file, &[], &[("tcp-keepalive", "60")]).unwrap();
        assert_eq!(config.maxmemory, ByteCount(100));
        assert_eq!(config.timeout, Duration::from_secs(300));
        assert_eq!(config.tcp_keepalive, Duration::from_secs(60));
        let check = |name: &str, value: &str, hint: &str| {
            let problem = node("", &[], &[(name, value)]).unwrap_err();
            assert!(problem.contains(hint), "{problem}");
        };
        check("slowlog-log-slower-than", "10000", "write \"10000us\"");
        check("latency-monitor-threshold", "100", "write \"100ms\"");
        check("lfu-decay-time", "1", "write \"1m\"");
    }

    #[test]
    fn a_flag_given_twice_is_refused() {
        assert_eq!(
            node("", &[], &[("hz", "20"), ("hz", "30")]).unwrap_err(),
            "--hz: is given twice; leave one out"
        );
    }

    #[test]
    fn a_proxy_needs_some_address_and_a_certificate_somebody_to_show_it_to() {
        let check = |flags: &[(&str, &str)], text: &str| {
            let problems = resolve::<ProxyConfig>(None, &[], &pairs(flags));
            let problems = problems.map_or_else(|problems| problems.to_string(), |_| String::new());
            assert_eq!(problems, text);
        };
        check(
            &[("listen", "off")],
            "--listen: neither listen nor tls-listen names an address, so no client could connect; set one to HOST:PORT",
        );
        check(
            &[("tls-cert-file", "c.pem"), ("tls-key-file", "k.pem")],
            "\
--tls-cert-file: tls-cert-file without tls-listen: nobody would be shown it; set tls-listen to HOST:PORT
--tls-key-file: tls-key-file without tls-listen: nobody would be shown it; set tls-listen to HOST:PORT",
        );
        let tls = [
            ("listen", "off"),
            ("tls-listen", "127.0.0.1:1"),
            ("tls-cert-file", "c.pem"),
            ("tls-key-file", "k.pem"),
        ];
        check(&tls, "");
        check(
            &[("gossip", "0.0.0.0:7000")],
            "--gossip: gossip at 0.0.0.0:7000 is on all addresses of this machine, and other proxies must be told one; set gossip-advertise to it",
        );
        let [everywhere, here] = [("gossip", "[::]:7000"), ("gossip-advertise", "10.0.0.1:0")];
        check(&[everywhere, here], "");
        check(
            &[("gossip", "off"), here],
            "--gossip: gossip-advertise without gossip: nobody would be told; set gossip to HOST:PORT",
        );
        check(
            &[("gossip-advertise", "0.0.0.0:1")],
            "--gossip-advertise: gossip-advertise is 0.0.0.0:1, which is no address that anybody reaches",
        );
    }

    #[test]
    fn a_node_that_joins_nobody_has_nothing_to_say_to_proxies() {
        for (name, value) in [
            ("name", "n7"),
            ("zone", "z1"),
            ("announce", "h:1"),
            ("join-password", "x"),
        ] {
            assert_eq!(
                node("", &[], &[(name, value)]).unwrap_err(),
                format!(
                    "--{name}: {name} without join: no proxy is told; set join to HOST:PORT of one"
                )
            );
            assert!(node("", &[], &[("join", "h:1"), (name, value)]).is_ok());
        }
        assert_eq!(
            node("", &[], &[("join", "h:1"), ("announce", "0.0.0.0:1")]).unwrap_err(),
            "--announce: announce is 0.0.0.0:1, and nobody reaches a node there; name an address of this machine"
        );
    }

    #[test]
    fn a_log_is_kept_somewhere() {
        assert_eq!(
            node("", &[], &[("appendonly", "true")]).unwrap_err(),
            "--appendonly: appendonly without data-dir: the log would be kept nowhere; set data-dir to a folder, or leave appendonly out"
        );
        assert!(node("", &[], &[("appendonly", "true"), ("data-dir", "d")]).is_ok());
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

    fn proxy(file: &str, flags: &[(&str, &str)]) -> Result<String, String> {
        let file = Some((Path::new("proxy.toml"), file));
        resolve::<ProxyConfig>(file, &[], &pairs(flags))
            .map(|config| config.get("policies").unwrap())
            .map_err(|problems: Problems| problems.to_string())
    }

    #[test]
    fn a_list_may_stand_in_a_file_as_tables_or_in_one_line() {
        let tables = "\
[proxy]
acks = \"async\"
[[proxy.policy]]
keys = \"cart:*\"
acks = \"in-sync\"
[[proxy.policy]]
keys = \"s?\"
read-from = \"follower\"
acks = \"async\"
";
        let expected = "cart:* acks=in-sync; s? acks=async read-from=follower";
        assert_eq!(proxy(tables, &[]).unwrap(), expected);
        let line = format!("[proxy]\npolicies = \"{expected}\"\n");
        assert_eq!(proxy(&line, &[]).unwrap(), expected);
        let other = [("policies", "x acks=async")];
        assert_eq!(proxy(tables, &other).unwrap(), "x acks=async");
    }

    #[test]
    fn what_is_wrong_with_a_table_of_a_list_is_told_where_it_stands() {
        let file = "\
[proxy]
[[proxy.policy]]
keys = \"a b\"
acks = \"async\"
[[proxy.policy]]
acks = \"async\"
[[proxy.policy]]
keys = \"k\"
ack = \"async\"
[[proxy.policy]]
keys = \"k\"
acks = \"asinc\"
";
        assert_eq!(
            proxy(file, &[]).unwrap_err(),
            "\
proxy.toml:3: \"a b\" has a blank or a semicolon in it; write ?, which stands for any letter
proxy.toml:5: \"keys\" is missing in [[proxy.policy]]
proxy.toml:7: nothing is said of \"k\"; write acks=WORD or read-from=WORD behind it
proxy.toml:9: unknown key \"ack\" in [[proxy.policy]]; did you mean \"acks\"?
proxy.toml:10: \"asinc\" is not one of async, in-sync; did you mean \"async\"?"
        );
        let both = "[proxy]\npolicies = \"a acks=async\"\n[[proxy.policy]]\nkeys = \"k\"\nacks = \"async\"\n";
        assert_eq!(
            proxy(both, &[]).unwrap_err(),
            "proxy.toml:3: stands beside \"policies\", which says the same in one line; leave one out"
        );
        let no_list = "[proxy]\npolicy = 1\n";
        assert!(
            proxy(no_list, &[])
                .unwrap_err()
                .contains("is not a list of tables")
        );
    }
}
