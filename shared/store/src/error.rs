//! Why the store did not do what it was asked for. Pure.
//! Invariant: an error of a change says whether the change may have been made.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use shared::config::{FileError, Problems};
use shared::topology::Address;
use shared::topology::rules::Violation;

/// Why the topology could not be read, or something else about it could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is there is no topology.
    #[error(transparent)]
    Text(#[from] Problems),
    /// Somebody else has held the lock all the time.
    #[error("{}: is held by {} for more than {after_ms} ms", path.display(), holder_in_words(holder.as_ref()))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was tried.
        after_ms: u64,
        /// Who has it, as far as the file says.
        holder: Option<Holder>,
    },
    /// A folder or lock file cannot be used.
    #[error("{}: cannot be used", path.display())]
    Unusable {
        /// Its path.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file of ours holds something else.
    #[error("{}: holds no version; take it away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// In the place of the key that proxies share is something else.
    #[error("{}: holds no key of gossip; take it away, and start all proxies anew", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A key cannot be drawn.
    #[error("the operating system gives no random bytes, so there is no key of gossip")]
    NoDice,
    /// The disk has not done it in time.
    #[error("{}: the disk has not answered for {after_ms} ms", path.display())]
    SlowDisk {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        after_ms: u64,
    },
    /// The process is ending.
    #[error("given up, for the process ends")]
    Ending,
    /// etcd cannot be reached, or does not do it.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
}

/// A process that holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// For how long, milliseconds.
    pub for_ms: u64,
}

fn holder_in_words(holder: Option<&Holder>) -> String {
    match holder {
        None => "another process".to_owned(),
        Some(Holder { pid, for_ms }) => format!(
            "process {pid}, since {} s ago (if it stands still, let it go on, kill -CONT {pid}, or end it, kill -KILL {pid}: the lock ends with it; removing the file would let two write at once)",
            for_ms / 1_000
        ),
    }
}

/// Why etcd did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EtcdError {
    /// There is nobody to ask.
    #[error("no endpoint of etcd is given; name one at least")]
    NoEndpoint,
    /// No connection, so nothing was sent.
    #[error("etcd at {endpoint} cannot be reached")]
    Unreachable {
        /// Whom we tried.
        endpoint: Address,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Connected, and no answer in time.
    #[error("etcd at {endpoint} has not answered for {after_ms} ms")]
    Silent {
        /// Whom we asked.
        endpoint: Address,
        /// How long it was waited for.
        after_ms: u64,
    },
    /// The connection ended before the answer.
    #[error("the connection to etcd at {endpoint} broke before it had answered")]
    Broken {
        /// Whom we asked.
        endpoint: Address,
        /// What the connection says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// etcd answers that it will not, or cannot now.
    #[error("etcd at {endpoint} says: {message}")]
    Refused {
        /// Whom we asked.
        endpoint: Address,
        /// The code of gRPC.
        code: u64,
        /// etcd's words, shortened.
        message: String,
    },
    /// An answer in another shape than etcd's: perhaps somebody else listens there.
    #[error("etcd at {endpoint} answers what is not understood: {what}")]
    NotUnderstood {
        /// Whom we asked.
        endpoint: Address,
        /// What is wrong with it.
        what: String,
    },
    /// It does not take the user and its password, or could not be asked whether it does; so nothing was done.
    #[error("etcd at {endpoint} has not let the user {user} in")]
    NotLetIn {
        /// Whom we asked.
        endpoint: Address,
        /// As whom.
        user: String,
        /// Why not.
        source: Box<EtcdError>,
    },
    /// TLS is asked for, and nothing says whose certificates are good.
    #[error("etcds:// needs topology-ca-file, which says whose certificates are trusted")]
    NobodyTrusted,
    /// A file of TLS cannot be read.
    #[error(transparent)]
    Unreadable(Box<FileError>),
    /// A file of TLS holds something else.
    #[error("{}: {what}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Nobody has answered; the errors in the order of the endpoints.
    #[error("no etcd answers: {}", .0.iter().map(|error| in_one_line(error)).collect::<Vec<_>>().join("; "))]
    Nobody(Vec<EtcdError>),
    /// etcd has not heard from us for too long.
    #[error("the lease has ended before etcd heard from this proxy again")]
    LeaseEnded,
    /// There is no document under the key.
    #[error("etcd has nothing under {key}")]
    Missing {
        /// The key.
        key: String,
    },
    /// What stands under a key is not what we write there.
    #[error("etcd holds under {key} what is not understood: {what}")]
    Foreign {
        /// The key.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A document that etcd would not take.
    #[error(
        "the topology is {bytes} bytes long, and etcd takes {most} at most; shorter names and fewer pieces of slots make it shorter"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        most: usize,
    },
}

impl EtcdError {
    /// Nothing for so long.
    pub(crate) fn silent(endpoint: &Address, after: Duration) -> Self {
        Self::Silent {
            endpoint: endpoint.clone(),
            after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Why a change was not made, or perhaps was.
#[derive(Debug, thiserror::Error)]
pub enum CasError {
    /// Something else is there now. Nothing was changed: load it, and look again.
    #[error("another change was faster; nothing was changed")]
    Lost,
    /// The next document breaks rules, so nobody could read it. Nothing was changed.
    #[error("the next topology breaks rules: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<Violation>),
    /// Surely nothing was changed.
    #[error("nothing was changed")]
    NotDone(#[source] StoreError),
    /// It may have been changed, or may yet be: load it, and look.
    #[error("it is not known whether it was changed")]
    Unknown(#[source] StoreError),
}

impl CasError {
    /// Surely nothing was changed, for this reason.
    pub(crate) fn not_done(reason: impl Into<StoreError>) -> Self {
        Self::NotDone(reason.into())
    }

    /// It may have been changed.
    pub(crate) fn unknown(reason: impl Into<StoreError>) -> Self {
        Self::Unknown(reason.into())
    }
}

/// An error with its causes, as one line of a log.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line.replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn problems_that_stand_on_a_line_each_are_one_line() {
        let text = "nodes = 1\nshards = 2\n";
        let problems = shared::topology::text::read(Path::new("t.toml"), text).unwrap_err();
        let error = StoreError::from(problems);
        assert!(error.to_string().lines().count() > 2, "{error}");
        let line = in_one_line(&error);
        assert_eq!(line, error.to_string().replace('\n', "; "));
        let unreadable = FileError::Unreadable {
            path: "/t.toml".into(),
            source: std::io::ErrorKind::PermissionDenied.into(),
        };
        let line = in_one_line(&StoreError::from(unreadable));
        assert_eq!(line, "/t.toml: cannot be read: permission denied");
    }

    #[test]
    fn an_error_with_its_causes_is_one_line() {
        let unreachable = |port| EtcdError::Unreachable {
            endpoint: Address::loopback(port),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let nobody = EtcdError::Nobody(vec![unreachable(1), unreachable(2)]);
        assert_eq!(
            in_one_line(&CasError::not_done(nobody)),
            "nothing was changed: no etcd answers: etcd at 127.0.0.1:1 cannot be reached: connection refused; etcd at 127.0.0.1:2 cannot be reached: connection refused"
        );
    }
}
