//! The command line: what `--help` shows, and arguments as values. Flags of settings are made from the lists in [`shared::config`],
//! so that each is written once. What `switchyard topology` takes is in [`topology_args`](crate::topology_args). Never: opens a file, a socket, or decides anything.

use crate::seen::{EventArguments, ExplainArguments, ListArguments, LookArguments};
use crate::topology_args::{TopologyCommand, UsersCommand};
use clap::{Arg, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use shared::config::{
    ByteCount, NodeConfig, ProxyConfig, SettingValue, Settings, describe, parse_duration,
    print_duration,
};
use shared::topology::{Address, MAX_COPIES};
use std::ffi::OsString;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use switchyard::{EXIT_CODES, MOST_NODES};

const EXAMPLES: &str = "\
Examples:
  switchyard up                              a node, its follower and a proxy, at 127.0.0.1:6379
  switchyard up --shards 3 --maxmemory 3gb   three shards of 1 GiB and a follower each, one address
  switchyard node --listen 127.0.0.1:7001    a node by itself: a good Redis server
  switchyard topology init --node 127.0.0.1:7001 --output topology.toml
  switchyard proxy --topology topology.toml --listen 0.0.0.0:6379 --requirepass secret";

/// How the values of settings are written.
const UNITS: &str = "\
BYTES: a whole number of bytes, or one with b, kb, mb, gb or tb (1kb is 1024): 64mb.
DURATION: a whole number of seconds, or one with us, ms, s, m, h or d: 250ms.
A flag beats its environment variable, which beats the file, which beats the default.";

/// One Redis address in front of many plain cache nodes.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) log: LogArguments,
}

/// Where `--help` shows what every command takes: it would stand between a command's own flags otherwise.
const BEHIND_ALL_OTHERS: usize = 900;

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// What is logged to standard error: off, error, warn, info, debug or trace; also by part, as in "info,proxy=debug".
    #[arg(
        long,
        global = true,
        display_order = BEHIND_ALL_OTHERS,
        env = "SWITCHYARD_LOG",
        value_name = "LEVELS",
        default_value = "info"
    )]
    pub(crate) log: String,

    /// How log lines look.
    #[arg(
        long,
        global = true,
        display_order = BEHIND_ALL_OTHERS,
        env = "SWITCHYARD_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

impl LogArguments {
    /// The format as it is written on the command line.
    pub(crate) fn format_name(&self) -> String {
        let value = self.log_format.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What servers take besides: a file for their log.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogFileArguments {
    /// A file for the log in place of standard error. When it is full or old it becomes FILE.1, that one FILE.2, and so on.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_LOG_FILE")]
    pub(crate) log_file: Option<PathBuf>,

    /// Bytes at which the log's file is full, as in "100mb"; at least 4kb.
    #[arg(long, value_name = "BYTES", env = "SWITCHYARD_LOG_MAX_SIZE", default_value = "100mb", value_parser = log_size)]
    pub(crate) log_max_size: u64,

    /// Age at which the log's file is old, as in "1d"; "0s" never.
    #[arg(long, value_name = "DURATION", env = "SWITCHYARD_LOG_MAX_AGE", default_value = "1d", value_parser = parse_duration)]
    pub(crate) log_max_age: Duration,

    /// Files that are kept beside the one that is written.
    #[arg(long, value_name = "NUMBER", env = "SWITCHYARD_LOG_KEEP", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub(crate) log_keep: u32,
}

impl LogFileArguments {
    /// The same for a child of this name: /var/log/switchyard.n1.log in place of /var/log/switchyard.log.
    pub(crate) fn for_child(&self, name: &str) -> Vec<OsString> {
        let Some(file) = &self.log_file else {
            return Vec::new();
        };
        let end = file.extension().map_or_else(
            || name.to_owned(),
            |end| format!("{name}.{}", end.to_string_lossy()),
        );
        let pairs: [(&str, OsString); 4] = [
            ("--log-file", file.with_extension(end).into()),
            ("--log-max-size", self.log_max_size.to_string().into()),
            ("--log-max-age", print_duration(self.log_max_age).into()),
            ("--log-keep", self.log_keep.to_string().into()),
        ];
        let words = pairs.into_iter();
        words
            .flat_map(|(flag, value)| [flag.into(), value])
            .collect()
    }
}

/// Below it a line alone would fill a file.
const LEAST_LOG_BYTES: u64 = 4_096;

fn log_size(text: &str) -> Result<u64, String> {
    let ByteCount(bytes) = SettingValue::parse(text)?;
    if bytes < LEAST_LOG_BYTES {
        return Err(format!("{text} is too little; it is at least 4kb"));
    }
    Ok(bytes)
}

/// What to be.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A local cluster: nodes and a proxy in this process, or as its children.
    Up(UpArguments),
    /// A cache node: one thread, one keyspace. By itself a good single Redis server.
    Node(ServerArguments<NodeConfig>),
    /// A proxy in front of the nodes that a topology file names.
    Proxy(ServerArguments<ProxyConfig>),
    /// Make, check, show and compare topologies, in files or etcd; show and change what running proxies follow.
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// Shows the users that all proxies of a topology share, and puts others in their place.
    #[command(subcommand)]
    Users(UsersCommand),
    /// How a running proxy, its shards and its nodes are.
    Status(LookArguments),
    /// The same once a second, on the whole terminal; q ends it.
    Top(LookArguments),
    /// What has happened at a running proxy: failovers, topologies, reloads, refusals, nodes lost and back.
    Events(EventArguments),
    /// The clients of a running proxy.
    Clients(ListArguments),
    /// Slow commands of all shards behind a running proxy, newest first.
    Slowlog(ListArguments),
    /// Where a command would go through a running proxy, and why it would be refused. It is not carried out.
    Explain(ExplainArguments),
    /// Whether a node or proxy answers a PING in time: exit code 0, or 69 and the reason. For health checks.
    Check(CheckArguments),
}

/// `switchyard up`.
#[derive(Debug, Args)]
#[command(
    after_help = format!("Any other setting of nodes and proxy: --node NAME=VALUE, --proxy NAME=VALUE, the environment, or --config; \
    `switchyard node --help` and `switchyard proxy --help` list them. Where nodes listen and which topology the proxy follows is up to `up`.\n\n{UNITS}")
)]
pub(crate) struct UpArguments {
    /// Where clients connect; port 0 takes a free one [default: 127.0.0.1:6379].
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,

    /// Shards: 1 to 64.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) shards: u16,

    /// Copies of each shard besides its primary, each a node of its own: 0 to 7. A follower takes the place of a primary that is lost. At most 128 nodes in all.
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_FOLLOWERS, value_parser = clap::value_parser!(u16).range(0..=MOST_FOLLOWERS))]
    pub(crate) followers: u16,

    /// Threads of the proxy, at most 1024; 0 takes one per core [default: 0].
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<String>,

    /// Where /metrics, /healthz, /readyz and /topology are served over HTTP, and orders of `switchyard topology` are taken; "off" nowhere
    /// [default: 127.0.0.1:9121].
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) admin: Option<String>,

    /// Most bytes that keys, values and their index may take in one copy of all data, as in "3gb": each shard gets an equal share, and every follower as
    /// much as its primary, so that the machine needs it once per copy (for one number per node: --node maxmemory=BYTES); 0 sets no bound [default: 0].
    #[arg(long, value_name = "BYTES")]
    pub(crate) maxmemory: Option<String>,

    /// A folder in which the nodes keep their data, each in a folder of its own in it: n1, n2 …, beside their topology; "off" keeps nothing [default: off].
    #[arg(long, value_name = "FILE")]
    pub(crate) data_dir: Option<String>,

    /// Runs nodes and proxy as child processes; their ids and addresses are printed. A node that crashes is started again, with what its --data-dir
    /// has, or empty, and follows who leads its shard by then; a proxy that crashes is started again, and the nodes keep their keys.
    #[arg(long)]
    pub(crate) processes: bool,

    /// A TOML file with the sections [node] and [proxy].
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// A setting of every node, as in "maxmemory-policy=allkeys-lru". May be repeated.
    #[arg(long = "node", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) node_settings: Vec<(String, String)>,

    /// A setting of the proxy, as in "request-deadline=5s". May be repeated.
    #[arg(long = "proxy", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) proxy_settings: Vec<(String, String)>,

    #[command(flatten)]
    pub(crate) log_file: LogFileArguments,
}

/// `switchyard node` and `switchyard proxy`.
#[derive(Debug, Args)]
#[command(after_help = UNITS)]
pub(crate) struct ServerArguments<C: Settings + Send + Sync + 'static> {
    /// A TOML file with the section of this server; config/ has complete ones.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Prints all settings as they would be used, as a commented file without passwords, and ends.
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Ends when its standard input is closed, and so with the process that started it, at the latest.
    #[arg(long, hide = true)]
    pub(crate) stop_with_parent: bool,

    /// The file that CONFIG REWRITE changes where --config is a temporary one.
    #[arg(long, hide = true, value_name = "FILE", requires = "stop_with_parent")]
    pub(crate) rewrite_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) log_file: LogFileArguments,

    #[command(flatten)]
    pub(crate) settings: SettingFlags<C>,
}

/// `switchyard check`.
#[derive(Args, Clone)]
pub(crate) struct CheckArguments {
    /// Whom to ask.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: Address,

    /// How long connecting and all replies may take together, as in "500ms"; at least 1ms.
    #[arg(long, value_name = "DURATION", default_value = "3s")]
    pub(crate) deadline: Deadline,

    /// Password to send with AUTH first; the environment keeps it out of lists of processes.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "SWITCHYARD_CHECK_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,

    /// Asks over TLS, and trusts whoever the certificates in this PEM file have signed for.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca_file: Option<PathBuf>,

    /// The name that the server's certificate must have [default: the host of the address].
    #[arg(long, value_name = "NAME", requires = "tls_ca_file")]
    pub(crate) tls_server_name: Option<String>,
}

impl fmt::Debug for CheckArguments {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CheckArguments")
            .field("address", &self.address)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// A span of time above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) time: Duration,
}

impl FromStr for Deadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = parse_duration(text)?;
        if time < SHORTEST_DEADLINE {
            return Err(format!(
                "{text} is too short; it is at least {}",
                print_duration(SHORTEST_DEADLINE)
            ));
        }
        Ok(Self { time })
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&print_duration(self.time))
    }
}

/// Below it nobody could pass.
const SHORTEST_DEADLINE: Duration = Duration::from_millis(1);

/// Flags that had another name, which still works.
const FORMER_NAMES: &[(&str, &str)] = &[("admin", "admin-listen")];

/// The flags of all settings of `C`, those that were given, by name.
#[derive(Debug)]
pub(crate) struct SettingFlags<C> {
    pub(crate) given: Vec<(String, String)>,
    settings: PhantomData<C>,
}

impl<C: Settings + Send + Sync> ServerArguments<C> {
    /// The file that CONFIG REWRITE changes.
    pub(crate) fn file_to_rewrite(&self) -> Option<&PathBuf> {
        if self.stop_with_parent {
            self.rewrite_file.as_ref()
        } else {
            self.config.as_ref()
        }
    }
}

impl<C: Settings> Args for SettingFlags<C> {
    fn augment_args(command: clap::Command) -> clap::Command {
        let defaults = C::default();
        let flags = C::table().iter().map(|setting| {
            let default = defaults.get(setting.name).unwrap_or_default();
            let environment = setting.environment(C::SECTION);
            let help = format!(
                "{} [default: {default}] [env: {environment}]",
                describe(setting)
            );
            let flag = Arg::new(setting.name)
                .long(setting.name)
                .value_name(setting.shape)
                .help_heading(setting.group)
                .help(help);
            match FORMER_NAMES.iter().find(|(name, _)| *name == setting.name) {
                Some((_, former)) => flag.alias(*former),
                None => flag,
            }
        });
        command.args(flags)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<C: Settings> FromArgMatches for SettingFlags<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = C::table().iter().filter_map(|setting| {
            let value = matches.get_one::<String>(setting.name)?;
            Some((setting.name.to_owned(), value.clone()))
        });
        Ok(Self {
            given: given.collect(),
            settings: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Settings that `up` makes itself: of whom, which, and what to do instead.
const OWN_SETTINGS: &[(&str, &str, &str)] = &[
    (
        "node",
        "listen",
        "each node of `up` takes a free port of the loopback interface; start nodes by themselves with `switchyard node`",
    ),
    (
        "node",
        "join",
        "the nodes of `up` are in its own topology; start a spare one with `switchyard node --join HOST:PORT`",
    ),
    (
        "proxy",
        "topology",
        "`up` makes the topology of its nodes; for another one start the proxy by itself with `switchyard proxy`",
    ),
    (
        "proxy",
        "node-password",
        "it is the nodes' own password; set that with --node requirepass=PASSWORD",
    ),
];

/// Most followers of a shard.
const MOST_FOLLOWERS: i64 = MAX_COPIES as i64 - 1;

/// Followers of a shard where nobody says.
const DEFAULT_FOLLOWERS: u16 = 1;

impl UpArguments {
    /// What contradicts what: settings that would be passed over in silence, and more nodes than there may be.
    pub(crate) fn contradictions(&self) -> Result<(), String> {
        let nodes = usize::from(self.shards) * (usize::from(self.followers) + 1);
        if nodes > MOST_NODES {
            return Err(format!(
                "--shards {} --followers {}: these are {nodes} nodes; {MOST_NODES} are the most",
                self.shards, self.followers
            ));
        }
        let all = [
            ("node", &self.node_settings),
            ("proxy", &self.proxy_settings),
        ];
        for (server, settings) in all {
            for (place, (name, value)) in settings.iter().enumerate() {
                let given = format!("--{server} {}", shown(server, name, value));
                let own = OWN_SETTINGS
                    .iter()
                    .find(|(of, setting, _)| *of == server && setting == name);
                if let Some((_, _, instead)) = own {
                    return Err(format!("{given}: {instead}"));
                }
                if self.says_beside(server, name) {
                    return Err(format!(
                        "{given} beside --{name}: both set it; leave one out"
                    ));
                }
                if settings[..place].iter().any(|(before, _)| before == name) {
                    return Err(format!("{given}: {name} is given twice; leave one out"));
                }
            }
        }
        Ok(())
    }

    /// Whether a flag of `up` itself sets this.
    fn says_beside(&self, server: &str, name: &str) -> bool {
        match (server, name) {
            ("node", "maxmemory") => self.maxmemory.is_some(),
            ("node", "data-dir") => self.data_dir.is_some(),
            ("proxy", "listen") => self.listen.is_some(),
            ("proxy", "threads") => self.threads.is_some(),
            ("proxy", "admin") => self.admin.is_some(),
            _ => false,
        }
    }

    /// Whether `--proxy` sets this.
    pub(crate) fn says_of_proxy(&self, name: &str) -> bool {
        self.proxy_settings.iter().any(|(given, _)| given == name)
    }

    /// What the flags say about the nodes; none says it twice.
    pub(crate) fn node_flags(&self) -> Vec<(String, String)> {
        let mut flags = self.node_settings.clone();
        flags.extend(named("maxmemory", self.maxmemory.as_deref()));
        flags.extend(named("data-dir", self.data_dir.as_deref()));
        flags
    }

    /// What the flags say about the proxy; none says it twice.
    pub(crate) fn proxy_flags(&self) -> Vec<(String, String)> {
        let mut flags = self.proxy_settings.clone();
        flags.extend(named("listen", self.listen.as_deref()));
        flags.extend(named("threads", self.threads.as_deref()));
        flags.extend(named("admin", self.admin.as_deref()));
        flags
    }
}

/// A setting as it was given, but for a password, which is not said again.
fn shown(server: &str, name: &str, value: &str) -> String {
    let setting = match server {
        "node" => NodeConfig::find(name),
        _ => ProxyConfig::find(name),
    };
    match setting {
        Some(setting) if setting.secret => name.to_owned(),
        _ => format!("{name}={value}"),
    }
}

fn named(name: &str, value: Option<&str>) -> Option<(String, String)> {
    value.map(|value| (name.to_owned(), value.to_owned()))
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, as in maxmemory=64mb".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_admin_listener_is_where_proxies_have_it() {
        let line = "switchyard topology show";
        let Command::Topology(TopologyCommand::Show { admin, .. }) = parse(line).unwrap().command
        else {
            panic!("not show");
        };
        assert_eq!(admin.address(), Address::loopback(9121));
    }

    #[test]
    fn up_has_the_flags_that_people_need_and_takes_any_other_setting() {
        let line = "switchyard up --listen 127.0.0.1:1 --shards 3 --followers 0 --threads 2 --admin off --maxmemory 1gb --processes \
                    --node hz=20 --proxy request-deadline=5s";
        let Command::Up(up) = parse(line).unwrap().command else {
            panic!("not up");
        };
        assert_eq!((up.shards, up.followers, up.processes), (3, 0, true));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            up.node_flags(),
            [pair("hz", "20"), pair("maxmemory", "1gb")]
        );
        assert_eq!(up.contradictions(), Ok(()));
        assert_eq!(
            up.proxy_flags(),
            [
                pair("request-deadline", "5s"),
                pair("listen", "127.0.0.1:1"),
                pair("threads", "2"),
                pair("admin", "off")
            ]
        );
    }

    #[test]
    fn every_setting_is_a_flag_with_its_text() {
        fn check<C: Settings>(name: &str) {
            let mut command = Arguments::command();
            let command = command.find_subcommand_mut(name).unwrap();
            let help = command.render_long_help().to_string();
            for setting in C::table() {
                assert!(
                    help.contains(&format!("--{} <", setting.name)),
                    "{}",
                    setting.name
                );
                assert!(help.contains(&setting.environment(C::SECTION)));
            }
        }
        check::<NodeConfig>("node");
        check::<ProxyConfig>("proxy");
        let mut command = Arguments::command();
        let up = command.find_subcommand_mut("up").unwrap();
        assert!(up.render_long_help().to_string().contains(UNITS));
    }

    #[test]
    fn each_child_has_a_file_of_its_own_for_its_log() {
        let check = |line: &str, expected: &str| {
            let Command::Up(up) = parse(line).unwrap().command else {
                panic!("not up");
            };
            let words: Vec<String> = up
                .log_file
                .for_child("n1")
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect();
            assert_eq!(words.join(" "), expected, "{line}");
        };
        check("switchyard up", "");
        check(
            "switchyard up --log-file /var/log/a.log --log-max-size 1mb --log-max-age 90m --log-keep 3",
            "--log-file /var/log/a.n1.log --log-max-size 1048576 --log-max-age 90m --log-keep 3",
        );
        check(
            "switchyard up --log-file log",
            "--log-file log.n1 --log-max-size 104857600 --log-max-age 1d --log-keep 10",
        );
        assert!(parse("switchyard up --log-max-size 1kb").is_err());
    }

    #[test]
    fn flags_of_settings_arrive_by_name() {
        let line =
            "switchyard proxy --topology t.toml --tls-listen 127.0.0.1:1 --admin off --log debug";
        let Command::Proxy(proxy) = parse(line).unwrap().command else {
            panic!("not proxy");
        };
        let names: Vec<&str> = proxy
            .settings
            .given
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["tls-listen", "admin", "topology"]);
    }

    #[test]
    fn what_is_mistyped_is_refused() {
        for line in [
            "switchyard",
            "switchyard upp",
            "switchyard node --lisen 127.0.0.1:1",
            "switchyard up --shards 0",
            "switchyard up --followers 8",
            "switchyard up --node hz",
            "switchyard topology init",
            "switchyard topology init --node 6379",
            "switchyard topology init --node 127.0.0.1:1 --force",
            "switchyard topology show t.toml --watch",
            "switchyard topology show etcd://",
            "switchyard topology check etcd://a:1,",
            "switchyard topology put t.toml",
            "switchyard topology put --to t.toml",
            "switchyard topology get",
            "switchyard topology failover",
            "switchyard topology failover s*",
            "switchyard topology failover s1 --epoch x",
            "switchyard topology failover s1 --epoch 1 --accept-loss",
            "switchyard topology failover s1 --proof off",
            "switchyard topology failover s1 --yes",
            "switchyard topology failover s1 --accept-loss --to n2",
            "switchyard explain",
            "switchyard explain --database 256 GET a",
            "switchyard events --after x",
            "switchyard clients --limit -1",
            "switchyard status s1",
            "switchyard check",
            "switchyard check 6379",
            "switchyard check 127.0.0.1:1 --deadline 3y",
            "switchyard check 127.0.0.1:1 --deadline 0s",
            "switchyard check 127.0.0.1:1 --tls-server-name a",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
