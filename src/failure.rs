//! Why the process ends, in one line, and with which exit code (sysexits.h).

use proxy::{ProxyError, TlsError, TopologyError};
use shared::config::{FileError, LoadError, Problems};
use shared::topology::{Address, InitialError, Version};
use std::io;
use std::path::PathBuf;

/// Why the process ends.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments contradict each other, or ask for what is not there yet.
    #[error("{0}")]
    Usage(String),
    /// A topology is wrong; every problem stands on a line of its own.
    #[error(transparent)]
    Data(#[from] Problems),
    /// A topology is right, but not to be put in the place of another.
    #[error("{0}: {1}")]
    Step(String, String),
    /// A first topology is to be put where one is.
    #[error("{0}: holds version {1} already; it was left as it is")]
    Taken(String, Version),
    /// Nothing is where a topology is looked for.
    #[error(
        "{0}: there is no topology yet; put one there: switchyard topology init --node HOST:PORT --output {0}"
    )]
    Absent(String),
    /// The place of a topology cannot be reached, or holds something else.
    #[error("{0}")]
    Store(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nodes do not make a topology.
    #[error(transparent)]
    Initial(#[from] InitialError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A proxy has no topology file.
    #[error("{file}: there is no such file; it says which nodes there are. Make one: switchyard topology init --node HOST:PORT --output {file}; or name another with --topology", file = .0.display())]
    NoTopology(PathBuf),
    /// Settings are wrong; every problem stands on a line of its own.
    #[error(transparent)]
    Settings(LoadError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}{}", hint(source, setting))]
    Listen {
        /// The address.
        address: Address,
        /// The setting that names it: `listen`.
        setting: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The folder of data is another cluster's.
    #[error("{}: another cluster uses this folder; stop that one, or name another folder with --data-dir", .0.display())]
    InUse(PathBuf),
    /// Shards have no primary: `shard s1 has`; for so many minutes.
    #[error("{0} no primary after {1} minutes; the log says why")]
    NotLed(String, u64),
    /// Too few files may be open for what is to be started.
    #[error(
        "only {limit} files may be open, and {least} are the least that this needs; raise the limit, as in: ulimit -n 1024"
    )]
    OpenFiles {
        /// How many may be.
        limit: u64,
        /// How many must be.
        least: u64,
    },
    /// An answer cannot be written to standard output.
    #[error("cannot write the answer to standard output")]
    Output(#[source] io::Error),
    /// The operating system refuses something else.
    #[error("cannot {what}")]
    System {
        /// What was tried: `start a thread`.
        what: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// A node ended in an error.
    #[error("{name} failed")]
    Node {
        /// Which: `node n1`.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(TlsError),
    /// The file of users is wrong, or cannot be read.
    #[error("{0}; correct the file, or name another with --aclfile")]
    Users(String),
    /// A name or a value of `config-set` is none that CONFIG SET takes.
    #[error("config-set: {0}; CONFIG GET * of a running node lists names and values")]
    ConfigSet(String),
    /// Users in a topology's store are wrong, or cannot be had.
    #[error("{0}")]
    SharedUsers(String),
    /// There are no users where they are looked for.
    #[error("{0}: there are no users yet; put some there: switchyard users put FILE --to {0}")]
    NoUsers(String),
    /// The proxy cannot start, or ended in an error.
    #[error("the proxy failed")]
    Proxy(#[source] ProxyError),
    /// A server that was to answer a PING does not pass.
    #[error("{address}")]
    Unwell {
        /// Who was asked.
        address: Address,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Our own mistake.
    #[error("a thread panicked; this is a mistake of the program, please report it")]
    Panicked,
    /// A child process ended before it served, or by itself.
    #[error("{name} ended: {outcome}")]
    Child {
        /// Which: `node n1`.
        name: String,
        /// How: `exit status: 69`.
        outcome: String,
        /// Its exit code, if it had one.
        code: Option<u8>,
    },
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::File(error) => Self::File(error),
            problems @ LoadError::Problems(_) => Self::Settings(problems),
        }
    }
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        match error {
            ProxyError::Listen {
                address,
                setting,
                source,
            } => Self::Listen {
                address,
                setting,
                source,
            },
            ProxyError::TopologyStore(TopologyError::File(FileError::Missing(file))) => {
                Self::NoTopology(file)
            }
            ProxyError::TopologyStore(TopologyError::File(error))
            | ProxyError::Tls(TlsError::File(error)) => Self::File(error),
            ProxyError::Tls(error) => Self::Tls(error),
            ProxyError::TopologyStore(TopologyError::Text(problems)) => Self::Data(problems),
            ProxyError::TopologyStore(TopologyError::Store(error)) => {
                let what = "there is no topology to be had where --topology names one; see that etcd serves there";
                Self::Store(what.to_owned(), Box::new(error))
            }
            ProxyError::Users(problems) => Self::Users(problems),
            ProxyError::System { what, source } => Self::System { what, source },
            error @ ProxyError::UsersOfStore(_) => Self::SharedUsers(error.to_string()),
            error => Self::Proxy(error),
        }
    }
}

/// What a person can do about the socket of `setting` that does not open.
fn hint(error: &io::Error, setting: &str) -> String {
    let instead = match setting {
        "admin" | "tls-listen" => format!("with --{setting}, or none with --{setting} off"),
        _ => format!("with --{setting}"),
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(": another process listens there; stop it or choose another port {instead}")
        }
        io::ErrorKind::PermissionDenied => {
            format!(": ports below 1024 need a privilege; choose a higher one {instead}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(": no interface of this machine has that address; choose another {instead}")
        }
        _ => format!("; it is what --{setting} names"),
    }
}

/// Exit codes as in sysexits.h.
mod code {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const NO_INPUT: u8 = 66;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const SOFTWARE: u8 = 70;
    pub(super) const SYSTEM: u8 = 71;
    pub(super) const CANNOT_CREATE: u8 = 73;
    pub(super) const OUTPUT: u8 = 74;
    pub(super) const NO_PERMISSION: u8 = 77;
    pub(super) const CONFIG: u8 = 78;
}

/// What `--help` says about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0   stopped by SIGTERM or SIGINT, clients drained
  64  wrong arguments                   71  the operating system refuses something
  65  a topology file is wrong          73  a file cannot be written
  66  a file is missing or unreadable   74  standard output cannot be written
  69  port taken; no PONG; no etcd      77  no permission for that port
  70  a node or proxy failed            78  a setting, certificate or aclfile is wrong
  130, 143  ended at once by SIGINT or SIGTERM, a second or more after the first";

impl Failure {
    /// The exit code, 64 to 78 as in sysexits.h.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => code::USAGE,
            Self::Data(_)
            | Self::Step(..)
            | Self::Initial(_)
            | Self::Proxy(ProxyError::Topology(_)) => code::DATA,
            Self::File(error) => match error {
                FileError::Missing(_) | FileError::Unreadable { .. } | FileError::NoFile { .. } => {
                    code::NO_INPUT
                }
                FileError::TooLong(_) | FileError::NotText(_) => code::DATA,
                FileError::Unwritable { .. } | FileError::Exists(_) => code::CANNOT_CREATE,
            },
            Self::NoTopology(_) | Self::Absent(_) | Self::NoUsers(_) => code::NO_INPUT,
            Self::Taken(..) => code::CANNOT_CREATE,
            Self::Settings(_)
            | Self::Tls(_)
            | Self::Users(_)
            | Self::SharedUsers(_)
            | Self::ConfigSet(_) => code::CONFIG,
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => code::NO_PERMISSION,
                _ => code::UNAVAILABLE,
            },
            Self::Unwell { .. } | Self::Store(..) | Self::InUse(_) | Self::NotLed(..) => {
                code::UNAVAILABLE
            }
            Self::System { .. } | Self::OpenFiles { .. } => code::SYSTEM,
            Self::Output(_) => code::OUTPUT,
            Self::Node { .. } | Self::Proxy(_) | Self::Panicked => code::SOFTWARE,
            Self::Child { code, .. } => code.unwrap_or(code::SOFTWARE),
        }
    }

    /// A node's error under its name.
    #[must_use]
    pub fn node(name: &str, source: node::NodeError) -> Self {
        match source {
            node::NodeError::Users(problems) => Self::Users(problems),
            node::NodeError::ConfigSet(problem) => Self::ConfigSet(problem),
            source => Self::Node {
                name: name.to_owned(),
                source: Box::new(source),
            },
        }
    }

    /// Whether a first topology was to be put where one is.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Taken(..) | Self::File(FileError::Exists(_)))
    }

    /// Whether somebody has said the reason already: a child process, in its own words.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Child { code: Some(code), .. } if *code >= code::USAGE)
    }

    /// The failure with its causes: one line, but for lists of problems.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_one_line_with_its_cause_and_what_to_do() {
        let failure = Failure::Listen {
            address: Address::loopback(6379),
            setting: "listen",
            source: io::Error::from(io::ErrorKind::AddrInUse),
        };
        assert_eq!(
            failure.in_words(),
            "cannot listen on 127.0.0.1:6379: another process listens there; stop it or choose another port with --listen: address in use"
        );
        assert_eq!(failure.exit_code(), 69);
    }

    #[test]
    fn a_child_ends_its_parent_with_its_own_code() {
        let child = |code| Failure::Child {
            name: "node n1".to_owned(),
            outcome: "exit status: 69".to_owned(),
            code,
        };
        assert_eq!(child(Some(69)).exit_code(), 69);
        assert_eq!(child(None).exit_code(), 70);
    }
}
