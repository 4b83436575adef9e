//! CONFIG REWRITE: today's settings into the TOML file that the node was started with.
//! Pure: text in, text out. What did not change keeps its line, and comments stay.

use super::Settings;
use shared::config::{NodeConfig, Secret, Settings as _, quoted};

/// Parameters with the setting of the file that stands for them, and the unit in which the file has them.
const PAIRS: &[(&str, &str, &str)] = &[
    ("tcp-keepalive", "tcp-keepalive", "s"),
    ("maxclients", "maxclients", ""),
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
    (
        "latency-monitor-threshold",
        "latency-monitor-threshold",
        "ms",
    ),
];

impl Settings {
    /// `text`, a file that held `config`, with what has been changed since.
    ///
    /// # Errors
    /// A value that the file may not have, as a sentence.
    pub fn rewritten(&self, text: &str, config: &NodeConfig) -> Result<String, String> {
        let now = self.as_config(config)?;
        let mut text = text.to_owned();
        for setting in NodeConfig::table() {
            let value = match setting.secret {
                true if now
                    .requirepass
                    .matches(config.requirepass.reveal().as_bytes()) =>
                {
                    continue;
                }
                true => now.requirepass.reveal().to_owned(),
                false if now.get(setting.name) == config.get(setting.name) => continue,
                false => now.get(setting.name).unwrap_or_default(),
            };
            let value = if setting.quoted {
                quoted(&value)
            } else {
                value
            };
            text = with_line(&text, setting.name, &value);
        }
        Ok(text)
    }

    /// `config` with today's values.
    fn as_config(&self, config: &NodeConfig) -> Result<NodeConfig, String> {
        let mut now = config.clone();
        let mut set = |setting: &str, value: String| {
            now.set(setting, &value)
                .map_err(|wrong| format!("{setting}: {wrong}"))
        };
        for (parameter, setting, unit) in PAIRS {
            let value = String::from_utf8_lossy(self.get(parameter).unwrap_or_default());
            set(setting, format!("{value}{unit}"))?;
        }
        let limit = self.hot.output_limit;
        set("client-output-hard-limit", limit.hard_bytes.to_string())?;
        set("client-output-soft-limit", limit.soft_bytes.to_string())?;
        set("client-output-stall", format!("{}s", limit.soft_seconds))?;
        let slower_than = match self.hot.slowlog_threshold_us {
            ..0 => "off".to_owned(),
            threshold_us => format!("{threshold_us}us"),
        };
        set("slowlog-log-slower-than", slower_than)?;
        set("protected-mode", self.hot.protected_mode.to_string())?;
        now.requirepass = Secret::new(self.hot.password.reveal());
        Ok(now)
    }
}

/// `text` with `name = value` in its section: in place of the line that sets it, or at the section's end.
fn with_line(text: &str, name: &str, value: &str) -> String {
    let heading = format!("[{}]", NodeConfig::SECTION);
    let assignment = format!("{name} = {value}");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let start = match lines.iter().position(|line| line.trim() == heading) {
        Some(index) => index + 1,
        None => {
            lines.push(heading);
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
        Some(offset) => lines[start + offset] = assignment,
        None => {
            let blank = |line: &String| line.trim().is_empty();
            let used = lines[start..end].iter().rposition(|line| !blank(line));
            lines.insert(used.map_or(start, |offset| start + offset + 1), assignment);
        }
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use shared::config::{NodeConfig, Settings as _};

    #[test]
    fn only_what_changed_is_written_and_the_rest_of_the_file_stays() {
        let before = "# mine\n[node]\nmaxmemory = \"1mb\" # small\nhz = 20\n\n[proxy]\nhz = 5\n";
        let mut config = NodeConfig::default();
        config.set("maxmemory", "1mb").expect("valid");
        config.set("hz", "20").expect("valid");
        let mut settings = Settings::at_start(&config, 6380);
        assert_eq!(settings.rewritten(before, &config).as_deref(), Ok(before));
        let pairs: [(&[u8], &[u8]); 4] = [
            (b"maxmemory", b"2gb"),
            (b"timeout", b"90"),
            (b"slowlog-log-slower-than", b"-1"),
            (b"requirepass", b"se\"same"),
        ];
        settings.set(pairs.into_iter()).expect("valid");
        let after = settings.rewritten(before, &config).expect("can be written");
        assert!(
            after.starts_with("# mine\n[node]\nmaxmemory = \"2gb\"\nhz = 20\n"),
            "{after}"
        );
        assert!(after.contains("\ntimeout = \"90s\"\n"), "{after}");
        assert!(
            after.contains("\nslowlog-log-slower-than = \"off\"\n"),
            "{after}"
        );
        assert!(
            after.contains("\nrequirepass = \"se\\\"same\"\n"),
            "{after}"
        );
        assert!(after.ends_with("\n\n[proxy]\nhz = 5\n"), "{after}");
    }

    #[test]
    fn what_the_file_may_not_have_is_said() {
        let config = NodeConfig::default();
        let mut settings = Settings::at_start(&config, 6380);
        let pairs: [(&[u8], &[u8]); 1] = [(b"slowlog-max-len", b"99999999")];
        settings.set(pairs.into_iter()).expect("Redis allows it");
        let wrong = settings
            .rewritten("", &config)
            .expect_err("the file does not");
        assert!(wrong.starts_with("slowlog-max-len: "), "{wrong}");
    }
}
