//! The settings with which a node starts: what the configuration says, in CONFIG's words.
//! Pure.

use super::{SetError, Settings};
use shared::config::NodeConfig;
use std::path::PathBuf;
use std::time::Duration;

/// With what a node starts. A [`NodeConfig`] alone will do.
#[derive(Clone, Debug)]
pub struct Start {
    /// The settings.
    pub config: NodeConfig,
    /// The file they came from, for CONFIG REWRITE.
    pub config_file: Option<PathBuf>,
}

impl From<NodeConfig> for Start {
    fn from(config: NodeConfig) -> Self {
        Self {
            config,
            config_file: None,
        }
    }
}

impl Settings {
    /// The defaults of Redis, then what `config` says.
    #[must_use]
    pub fn at_start(config: &NodeConfig, port: u16) -> Self {
        let yes_or_no = |on: bool| if on { "yes" } else { "no" };
        let output_limit = format!(
            "normal {} {} {} slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            config.client_output_hard_limit.0,
            config.client_output_soft_limit.0,
            whole(config.client_output_stall, SECOND),
        );
        let slower_than = config
            .slowlog_log_slower_than
            .map_or_else(|| "-1".to_owned(), |least| whole(least, MICROSECOND));
        let given: [(&str, String); 26] = [
            ("port", port.to_string()),
            ("bind", config.listen.host().to_owned()),
            ("tcp-backlog", config.tcp_backlog.to_string()),
            ("tcp-keepalive", whole(config.tcp_keepalive, SECOND)),
            ("protected-mode", yes_or_no(config.protected_mode).into()),
            ("requirepass", config.requirepass.reveal().to_owned()),
            ("masterauth", config.masterauth.reveal().to_owned()),
            (
                "aclfile",
                config
                    .aclfile
                    .as_ref()
                    .map_or_else(String::new, |path| path.display().to_string()),
            ),
            ("acllog-max-len", config.acllog_max_len.to_string()),
            ("acl-pubsub-default", config.acl_pubsub_default.to_string()),
            ("maxclients", config.maxclients.to_string()),
            ("timeout", whole(config.timeout, SECOND)),
            (
                "client-query-buffer-limit",
                config.client_query_buffer_limit.0.to_string(),
            ),
            (
                "proto-max-bulk-len",
                config.proto_max_bulk_len.0.to_string(),
            ),
            ("client-output-buffer-limit", output_limit),
            (
                "enable-debug-command",
                config.enable_debug_command.to_string(),
            ),
            ("databases", config.databases.to_string()),
            ("maxmemory", config.maxmemory.0.to_string()),
            ("maxmemory-policy", config.maxmemory_policy.to_string()),
            ("maxmemory-samples", config.maxmemory_samples.to_string()),
            ("lfu-log-factor", config.lfu_log_factor.to_string()),
            ("lfu-decay-time", whole(config.lfu_decay_time, SECOND * 60)),
            ("hz", config.hz.to_string()),
            (
                "shutdown-timeout",
                config.shutdown_grace.as_secs().to_string(),
            ),
            ("slowlog-log-slower-than", slower_than),
            ("slowlog-max-len", config.slowlog_max_len.to_string()),
        ];
        let mut settings = Self::default();
        for (name, value) in given {
            settings.preset(name, value);
        }
        settings.keep_data(config);
        settings.preset(
            "latency-monitor-threshold",
            whole(config.latency_monitor_threshold, MILLISECOND),
        );
        settings
    }

    /// Then what `config` says in CONFIG's own words, as if it had been the default.
    ///
    /// # Errors
    /// The name that is wrong, or the value.
    pub fn start_with(&mut self, config: &NodeConfig) -> Result<(), SetError> {
        let pairs = config.config_set.0.iter();
        let set = self.set(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        self.changed.clear();
        set
    }

    /// What concerns the data on disk, where there is any.
    fn keep_data(&mut self, config: &NodeConfig) {
        let yes_or_no = |on: bool| if on { "yes" } else { "no" };
        self.preset("rdbcompression", yes_or_no(config.rdbcompression));
        let stops = yes_or_no(config.stop_writes_on_bgsave_error);
        self.preset("stop-writes-on-bgsave-error", stops);
        self.preset("dbfilename", config.dbfilename.as_str());
        self.preset("appendfsync", config.appendfsync.to_string());
        let cuts = yes_or_no(config.aof_load_truncated);
        self.preset("aof-load-truncated", cuts);
        let percent = config.auto_aof_rewrite_percentage.to_string();
        self.preset("auto-aof-rewrite-percentage", percent);
        let least = config.auto_aof_rewrite_min_size.0.to_string();
        self.preset("auto-aof-rewrite-min-size", least);
        let Some(folder) = &config.data_dir else {
            return;
        };
        self.has_data = true;
        self.preset("dir", folder.display().to_string());
        self.preset("save", config.save.to_string());
        self.preset("appendonly", yes_or_no(config.appendonly));
    }
}

const MICROSECOND: Duration = Duration::from_micros(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// How many units, as Redis counts; a part of one counts as one, for none means something else: never, or always.
fn whole(duration: Duration, unit: Duration) -> String {
    duration.as_nanos().div_ceil(unit.as_nanos()).to_string()
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use shared::config::NodeConfig;

    #[test]
    fn the_defaults_of_the_configuration_are_shown_in_redis_words() {
        let settings = Settings::at_start(&NodeConfig::default(), 6380);
        let check = |name: &str, value: &str| {
            assert_eq!(settings.get(name), Some(value.as_bytes()), "{name}");
        };
        check("port", "6380");
        check("maxmemory-policy", "noeviction");
        check("slowlog-log-slower-than", "10000");
        check("proto-max-bulk-len", "536870912");
        check("lfu-decay-time", "1");
        check("client-query-buffer-limit", "1073741824");
        assert_eq!(settings.hot.output_limit.hard_bytes, 1 << 30);
    }
}
