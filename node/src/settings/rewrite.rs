//! CONFIG REWRITE: today's settings into the TOML file that the node was started with.
//! Pure: text in, text out. What the file says already keeps its line, and comments stay.
//! Invariant: a node that started with the result, and with nothing else, would have today's settings, but for where it listens and where its data is: that is not
//! CONFIG's to change, and the nodes of one `switchyard up` share a file.

use super::{Kind, PARAMETERS, Settings};
use shared::config::{ConfigPairs, NodeConfig, Secret, Settings as _, quoted, resolve};
use std::path::Path;

/// Parameters with the setting of the file that stands for them, and the unit in which the file has them.
const PAIRS: &[(&str, &str, &str)] = &[
    ("tcp-keepalive", "tcp-keepalive", "s"),
    ("maxclients", "maxclients", ""),
    ("acllog-max-len", "acllog-max-len", ""),
    ("acl-pubsub-default", "acl-pubsub-default", ""),
    ("timeout", "timeout", "s"),
    ("client-query-buffer-limit", "client-query-buffer-limit", ""),
    ("proto-max-bulk-len", "proto-max-bulk-len", ""),
    ("maxmemory", "maxmemory", ""),
    ("maxmemory-policy", "maxmemory-policy", ""),
    ("maxmemory-samples", "maxmemory-samples", ""),
    ("lfu-log-factor", "lfu-log-factor", ""),
    ("lfu-decay-time", "lfu-decay-time", "m"),
    ("hz", "hz", ""),
    ("shutdown-timeout", "shutdown-grace", "s"),
    ("slowlog-max-len", "slowlog-max-len", ""),
    ("appendfsync", "appendfsync", ""),
    (
        "auto-aof-rewrite-percentage",
        "auto-aof-rewrite-percentage",
        "",
    ),
    ("auto-aof-rewrite-min-size", "auto-aof-rewrite-min-size", ""),
    (
        "latency-monitor-threshold",
        "latency-monitor-threshold",
        "ms",
    ),
];

/// The parameter of which one class has settings of the file.
const OUTPUT_LIMITS: &str = "client-output-buffer-limit";

/// Parameters that have settings of the file as well, which need more than another name.
const TOLD_OTHERWISE: &[&str] = &[
    "slowlog-log-slower-than",
    "protected-mode",
    "rdbcompression",
    "stop-writes-on-bgsave-error",
    "aof-load-truncated",
    "appendonly",
    "save",
];

impl Settings {
    /// `text`, the file at `path`, with what it does not say of today's settings: those of `config`, with which the node started, and what has
    /// been changed since.
    ///
    /// # Errors
    /// A sentence: a file that is wrong, or one that cannot be changed line by line.
    pub fn rewritten(
        &self,
        path: &Path,
        text: &str,
        config: &NodeConfig,
    ) -> Result<String, String> {
        let held = |text: &str| {
            resolve::<NodeConfig>(Some((path, text)), &[], &[])
                .map_err(|problems| problems.to_string())
        };
        let (before, mut now) = (held(text)?, self.as_config(config));
        now.listen = before.listen.clone();
        // Each of several nodes has a folder of its own in the one that the file names.
        now.data_dir.clone_from(&before.data_dir);
        if let Some(conflict) = now.conflicts().into_iter().next() {
            // Where the data lies may have come from a flag.
            let (path, text) = (path.display(), conflict.text);
            return Err(format!("{path} would be refused: {text}"));
        }
        let mut after = text.to_owned();
        for setting in NodeConfig::table() {
            let secrets = match setting.name {
                "requirepass" => Some((&before.requirepass, &now.requirepass)),
                "masterauth" => Some((&before.masterauth, &now.masterauth)),
                _ => None,
            };
            let value = match secrets {
                Some((before, now)) => (before != now).then(|| now.reveal().to_owned()),
                // No other one can be changed while the node runs.
                None if setting.secret => None,
                None => now
                    .get(setting.name)
                    .filter(|value| before.get(setting.name).as_ref() != Some(value)),
            };
            let Some(value) = value else { continue };
            let value = if setting.quoted {
                quoted(&value)
            } else {
                value
            };
            after = with_line(&after, setting.name, &value);
        }
        // TOML has more ways to set a value than a line each: what is not understood here must not be damaged either.
        match held(&after) {
            Ok(held) if held == now => Ok(after),
            _ => Err(format!(
                "{}: write [{}] with a line for each setting, then try again",
                path.display(),
                NodeConfig::SECTION
            )),
        }
    }

    /// `config` with what has been changed since the node started with it.
    fn as_config(&self, config: &NodeConfig) -> NodeConfig {
        let start = Self::at_start(config, config.listen.port());
        let mut told = Told::of(config);
        for (parameter, setting, unit) in PAIRS {
            let value = self.get(parameter).unwrap_or_default();
            // The file has finer units; what nobody changed must not be rounded.
            if Some(value) != start.get(parameter) {
                let value = String::from_utf8_lossy(value);
                told.tell(parameter, &[(setting, format!("{value}{unit}"))]);
            }
        }
        self.tell_output_limit(&start, &mut told);
        let slower_than = match self.hot.slowlog_threshold_us {
            ..0 => "off".to_owned(),
            threshold_us => format!("{threshold_us}us"),
        };
        let switches = [
            ("slowlog-log-slower-than", slower_than),
            ("protected-mode", self.hot.protected_mode.to_string()),
            ("rdbcompression", self.hot.packs_snapshots.to_string()),
            (
                "stop-writes-on-bgsave-error",
                self.hot.stops_writes.to_string(),
            ),
            ("aof-load-truncated", self.hot.cuts_torn_log.to_string()),
        ];
        for (name, value) in switches {
            told.tell(name, &[(name, value)]);
        }
        if self.has_data {
            let append_only = self.hot.append_only.to_string();
            told.tell("appendonly", &[("appendonly", append_only)]);
            let points = self.get("save").unwrap_or_default();
            let points = String::from_utf8_lossy(points).into_owned();
            told.tell("save", &[("save", points)]);
        }
        let mut now = told.config;
        now.requirepass = Secret::new(self.hot.password.reveal());
        let password = &self.hot.replication.leader_password;
        now.masterauth = Secret::new(password.reveal());
        now.config_set = self.pairs_beside(&start, &told.beside);
        now
    }

    /// What CONFIG has as one parameter is three settings.
    fn tell_output_limit(&self, start: &Self, told: &mut Told) {
        let (limit, before) = (self.hot.output_limit, start.hot.output_limit);
        let settings = [
            (
                "client-output-hard-limit",
                limit.hard_bytes != before.hard_bytes,
                limit.hard_bytes.to_string(),
            ),
            (
                "client-output-soft-limit",
                limit.soft_bytes != before.soft_bytes,
                limit.soft_bytes.to_string(),
            ),
            (
                "client-output-stall",
                limit.soft_seconds != before.soft_seconds,
                format!("{}s", limit.soft_seconds),
            ),
        ];
        let changed = settings
            .into_iter()
            .filter(|(_, is_changed, _)| *is_changed);
        let changed: Vec<_> = changed.map(|(name, _, value)| (name, value)).collect();
        told.tell(OUTPUT_LIMITS, &changed);
    }

    /// What the file has no settings for, or none that may have the value of these parameters, as far as it is not what it would be without.
    fn pairs_beside(&self, start: &Self, without: &[&str]) -> ConfigPairs {
        let has_setting = |name| {
            let has_one = PAIRS.iter().any(|pair| pair.0 == name) || TOLD_OTHERWISE.contains(&name);
            has_one && !without.contains(&name)
        };
        let text = |settings: &Self, index| {
            let bytes = settings.value_to_set(index);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            match text.split_once(" slave ") {
                // What is before has settings.
                Some((_, rest))
                    if PARAMETERS[index].name == OUTPUT_LIMITS
                        && !without.contains(&OUTPUT_LIMITS) =>
                {
                    format!("slave {rest}")
                }
                _ => text,
            }
        };
        let rows = PARAMETERS.iter().enumerate().filter(|(_, row)| {
            let is_ours = !row.kind.is_read_only() && !matches!(row.kind, Kind::Secret);
            is_ours && !has_setting(row.name)
        });
        let pairs = rows.filter_map(|(index, row)| {
            let value = text(self, index);
            (value != text(start, index)).then(|| (row.name.to_owned(), value))
        });
        ConfigPairs(pairs.collect())
    }
}

/// The settings of the file, while they are told.
struct Told {
    config: NodeConfig,
    /// Parameters with a value that their settings may not have.
    beside: Vec<&'static str>,
}

impl Told {
    fn of(config: &NodeConfig) -> Self {
        Self {
            config: config.clone(),
            beside: Vec::new(),
        }
    }

    /// A parameter, by its settings; by its own name if one of them may not have that value, by itself or beside the others.
    fn tell(&mut self, parameter: &'static str, settings: &[(&str, String)]) {
        let mut config = self.config.clone();
        let is_taken = settings
            .iter()
            .all(|(setting, value)| config.set(setting, value).is_ok());
        if is_taken && config.conflicts().len() <= self.config.conflicts().len() {
            self.config = config;
        } else {
            self.beside.push(parameter);
        }
    }
}

/// `text` with `name = value` in its section: in the line that sets it, or at the section's end.
fn with_line(text: &str, name: &str, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let start = match lines.iter().position(|line| is_heading(line)) {
        Some(index) => index + 1,
        None => {
            lines.push(format!("[{}]", NodeConfig::SECTION));
            lines.len()
        }
    };
    let rest = lines[start..].iter();
    let end = rest
        .clone()
        .position(|line| line.trim_start().starts_with('['))
        .map_or(lines.len(), |offset| start + offset);
    let sets_it = |line: &String| {
        let key = line.split('=').next().unwrap_or_default();
        line.contains('=') && key.trim().trim_matches('"') == name
    };
    match lines[start..end].iter().position(sets_it) {
        Some(offset) => {
            let line = &mut lines[start + offset];
            *line = with_value(line, value);
        }
        None => {
            let blank = |line: &String| line.trim().is_empty();
            let used = lines[start..end].iter().rposition(|line| !blank(line));
            let place = used.map_or(start, |offset| start + offset + 1);
            lines.insert(place, format!("{name} = {value}"));
        }
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// `[node]`, with blanks or a comment around it.
fn is_heading(line: &str) -> bool {
    let heading = line.split('#').next().unwrap_or_default().trim();
    let name = heading
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    name.is_some_and(|name| name.trim() == NodeConfig::SECTION)
}

/// An assignment with another value; its blanks and the comment behind it stay.
fn with_value(line: &str, value: &str) -> String {
    let (key, old) = line.split_once('=').unwrap_or((line, ""));
    let blanks = &old[..old.len() - old.trim_start().len()];
    let comment = &old[comment_start(old)..];
    format!("{key}={blanks}{value}{comment}")
}

/// Where the comment behind a value begins, with the blanks before it; the length of `text` when there is none.
fn comment_start(text: &str) -> usize {
    let mut quote = None;
    let mut is_escaped = false;
    for (place, character) in text.char_indices() {
        match (quote, character) {
            _ if is_escaped => is_escaped = false,
            (Some('"'), '\\') => is_escaped = true,
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '#') => return text[..place].trim_end().len(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{OUTPUT_LIMITS, Settings};
    use shared::config::{NodeConfig, Settings as _, resolve};
    use shared::resp::ErrorReply;
    use std::path::Path;

    /// A node that started with `text` and `flags`, and then did what `changes` say.
    fn rewritten(
        text: &str,
        flags: &[(&str, &str)],
        changes: &[(&str, &str)],
    ) -> Result<String, String> {
        let path = Path::new("node.toml");
        let mut config: NodeConfig = resolve(Some((path, text)), &[], &[]).expect("valid");
        for (name, value) in flags {
            config.set(name, value).expect("valid");
        }
        let mut settings = Settings::at_start(&config, 6380);
        settings.start_with(&config).expect("valid");
        let pairs = changes
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        settings.set(pairs).expect("valid");
        settings.rewritten(path, text, &config)
    }

    #[test]
    fn only_what_changed_is_written_and_the_rest_of_the_file_stays() {
        let before = "# mine\n[ node ] # one\n# hz = 1\nmaxmemory   = \"1mb\" # small\nhz=20#fast\nmaxmemory-policy = 'allkeys-lru'\nlfu-decay-time = \"90s\"\n\n[proxy]\nthreads = 5\n";
        assert_eq!(rewritten(before, &[], &[]).as_deref(), Ok(before));
        let changes = [
            ("maxmemory", "2gb"),
            ("hz", "30"),
            ("timeout", "90"),
            ("slowlog-log-slower-than", "-1"),
            ("requirepass", "se\"same#"),
        ];
        assert_eq!(
            rewritten(before, &[], &changes).expect("can be written"),
            "# mine\n[ node ] # one\n# hz = 1\nmaxmemory   = \"2gb\" # small\nhz=30#fast\nmaxmemory-policy = 'allkeys-lru'\nlfu-decay-time = \"90s\"\n\
             requirepass = \"se\\\"same#\"\ntimeout = \"90s\"\nslowlog-log-slower-than = \"off\"\n\n[proxy]\nthreads = 5\n"
        );
    }

    #[test]
    fn what_a_flag_or_a_second_change_says_is_written_as_well() {
        let check = |flags: &[(&str, &str)], changes: &[(&str, &str)], expected: &str| {
            let before = "[node]\nhz = 20 # was \"10\"\n";
            assert_eq!(rewritten(before, flags, changes).as_deref(), Ok(expected));
        };
        check(&[("hz", "30")], &[], "[node]\nhz = 30 # was \"10\"\n");
        // Back to where the node started is a change against what the file says.
        let there_and_back = [("hz", "50"), ("hz", "30")];
        check(
            &[("hz", "30")],
            &there_and_back[..1],
            "[node]\nhz = 50 # was \"10\"\n",
        );
        check(
            &[("hz", "30")],
            &there_and_back[1..],
            "[node]\nhz = 30 # was \"10\"\n",
        );
    }

    #[test]
    fn what_the_file_has_no_setting_for_is_written_in_the_words_of_config() {
        let changes = [
            ("notify-keyspace-events", "KEA"),
            ("hash-max-listpack-entries", "7"),
            ("oom-score-adj-values", "0 100 700"),
            ("client-output-buffer-limit", "pubsub 0 0 0"),
            ("masterauth", "secret"),
        ];
        let once = rewritten("[node]\n", &[], &changes).expect("can be written");
        assert_eq!(
            once,
            "[node]\nmasterauth = \"secret\"\nconfig-set = \"client-output-buffer-limit \\\"slave 268435456 67108864 60 pubsub 0 0 0\\\" \
             hash-max-listpack-entries 7 notify-keyspace-events AKE oom-score-adj-values \\\"0 100 700\\\"\"\n"
        );
        // A node that starts with it has the same, and what goes back to its default is named no more.
        assert_eq!(rewritten(&once, &[], &[]).as_deref(), Ok(&once[..]));
        let back = [
            ("client-output-buffer-limit", "pubsub 33554432 8388608 60"),
            ("oom-score-adj-values", "0 200 800"),
            ("hash-max-listpack-entries", "512"),
            ("masterauth", ""),
        ];
        assert_eq!(
            rewritten(&once, &[], &back).as_deref(),
            Ok("[node]\nmasterauth = \"\"\nconfig-set = \"notify-keyspace-events AKE\"\n")
        );
    }

    #[test]
    fn what_is_set_in_the_words_of_config_is_checked_at_the_start() {
        for (pairs, complaint) in [
            ("zork 1", "zork"),
            ("hz many", "hz"),
            ("databases 3", "databases"),
        ] {
            let mut config = NodeConfig::default();
            config.set("config-set", pairs).expect("words");
            let wrong = Settings::at_start(&config, 1).start_with(&config);
            let text = ErrorReply::from(wrong.expect_err("refused")).to_string();
            assert!(text.contains(complaint), "{text}");
        }
    }

    #[test]
    fn a_setting_that_needs_a_flag_says_so() {
        let flags = [("data-dir", "/data")];
        let refused = rewritten("[node]\n", &flags, &[("appendonly", "yes")]);
        let text = refused.expect_err("where would it be");
        assert!(text.contains("appendonly without data-dir"), "{text}");
    }

    #[test]
    fn a_file_without_the_section_gets_one() {
        for before in ["", "[proxy]\nthreads = 5\n"] {
            assert_eq!(
                rewritten(before, &[], &[("hz", "30")]),
                Ok(format!("{before}[node]\nhz = 30\n"))
            );
        }
    }

    #[test]
    fn a_file_that_lines_do_not_explain_is_left_alone() {
        for before in ["node = { hz = 20 }\n", "node.hz = 20\n"] {
            assert_eq!(
                rewritten(before, &[], &[("hz", "30")]),
                Err(
                    "node.toml: write [node] with a line for each setting, then try again"
                        .to_owned()
                )
            );
        }
    }

    #[test]
    fn what_its_setting_may_not_have_goes_by_the_name_that_config_has() {
        let beyond = [
            ("slowlog-max-len", "9223372036854775807"),
            ("timeout", "2147483647"),
            ("slowlog-log-slower-than", "9223372036854775807"),
            ("latency-monitor-threshold", "9223372036854775807"),
            ("client-query-buffer-limit", "1048576"),
            ("maxmemory-samples", "65"),
        ];
        let after = rewritten("[node]\nhz = 20 # often\n", &[], &beyond).expect("it is taken");
        let pairs = after.lines().find(|line| line.starts_with("config-set"));
        let pairs = pairs.expect("a line");
        for (name, value) in beyond {
            assert!(pairs.contains(&format!("{name} {value}")), "{pairs}");
        }
        assert!(!after.contains("\nslowlog-max-len"), "{after}");
        let limits = rewritten("", &[], &[(OUTPUT_LIMITS, "normal 0 0 0")]);
        let limits = limits.expect("it is what Redis starts with");
        assert!(limits.contains("client-output-buffer-limit") && limits.contains("normal 0 0 0"));
    }
}
