//! A node that was started with `join` tells a proxy once a second that it is there, under which name and where: it is a spare one, or a member of a shard that may
//! have come back at another address.
//! Reaches: one connection to that proxy, as a client of it; the node's state to read its name. Never: changes anything of the node; is needed for what it serves.
//! Invariants: every wait has an end; what is wrong is in the log once, and so is that it is well again; nothing runs where `join` is off.
//!
//! `words` ◇ what is said, and what the answer means.

mod words;

use crate::shell::Shell;
use shared::backoff::Backoff;
use shared::topology::{Address, NodeId};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};
use words::{Announcing, Answer};

/// Between two announcements.
const EVERY: Duration = Duration::from_secs(1);
/// How long a proxy may take to accept a connection, or to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pauses after a failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Longest line that a proxy may answer.
const MOST_LINE_BYTES: usize = 4 * 1024;

/// Why no proxy hears of the node.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    /// The network.
    #[error("cannot be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// It takes too long.
    #[error("does not answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// It closed.
    #[error("has closed the connection")]
    Closed,
    /// It says no.
    #[error("refuses: {0}")]
    Refused(String),
    /// It does not speak as a proxy does.
    #[error("answers without an end, or what no proxy says")]
    Strange,
    /// The node's folder belongs to a shard and does not say under which name.
    #[error(
        "is not told, for the data in the node's folder belong to a shard, and nothing says under which name; set --name to what the topology calls this node"
    )]
    Nameless,
}

/// Announces the node for as long as it lives; returns at once when it is not to.
pub(crate) async fn run(shell: Rc<Shell>) {
    let Some(join) = shell.start.config.join.clone() else {
        return;
    };
    let mut pauses = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
    let mut said = Said::default();
    loop {
        let error = announce(&shell, &join, &mut pauses, &mut said).await;
        said.problem(&join, &error);
        let dice = RandomState::new().hash_one(0);
        sleep(pauses.after_failure(dice)).await;
    }
}

/// What is in the log, so that it is not said twice.
#[derive(Debug, Default)]
struct Said {
    problem: Option<String>,
    answer: Option<Answer>,
}

impl Said {
    fn problem(&mut self, join: &Address, error: &JoinError) {
        let words = error.to_string();
        if self.problem.as_ref() != Some(&words) {
            warn!(proxy = %join, "the proxy {words}; it is tried again");
            self.problem = Some(words);
            self.answer = None;
        }
    }

    fn answer(&mut self, join: &Address, announcing: &Announcing, answer: Answer) {
        self.problem = None;
        if self.answer == Some(answer) {
            return;
        }
        self.answer = Some(answer);
        let Announcing { name, address, .. } = announcing;
        match answer {
            Answer::Listed => {
                info!(proxy = %join, %name, %address, "announced to a proxy, which has this node in its topology");
            }
            Answer::Spare => {
                info!(proxy = %join, %name, %address, "announced to a proxy as a spare node");
            }
        }
    }
}

/// Announces the node until that fails.
async fn announce(
    shell: &Shell,
    join: &Address,
    pauses: &mut Backoff,
    said: &mut Said,
) -> JoinError {
    let mut proxy = match Talk::begin(shell, join).await {
        Ok(proxy) => proxy,
        Err(error) => return error,
    };
    let mut rounds = interval(EVERY);
    // After a standstill one is enough.
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let Some(announcing) = announcing(shell, proxy.local) else {
            return JoinError::Nameless;
        };
        let line = match proxy.say(&announcing.words()).await {
            Ok(line) => line,
            Err(error) => return error,
        };
        match words::understand(&line) {
            Ok(answer) => {
                pauses.reset();
                said.answer(join, &announcing, answer);
            }
            Err(error) => return error,
        }
    }
}

/// What the node says of itself, to whom it speaks from `local`; `None` while it has no name.
fn announcing(shell: &Shell, local: SocketAddr) -> Option<Announcing> {
    let config = &shell.start.config;
    let node = &shell.core.borrow().node;
    let name: NodeId = node.member.name()?.clone();
    let password = node.settings.get("requirepass").unwrap_or_default();
    Some(Announcing {
        name,
        address: words::address(
            &config.listen.with_port(node.identity.port),
            config.announce.as_ref(),
            local,
        ),
        zone: config.zone.clone(),
        password: password.to_vec(),
    })
}

/// A connection to the proxy.
struct Talk {
    stream: TcpStream,
    local: SocketAddr,
    heard: Vec<u8>,
}

impl Talk {
    async fn begin(shell: &Shell, join: &Address) -> Result<Self, JoinError> {
        let connected = timeout(PATIENCE, TcpStream::connect(join.pair())).await;
        let stream = connected.map_err(|_| JoinError::Slow)??;
        stream.set_nodelay(true)?;
        let mut talk = Self {
            local: stream.local_addr()?,
            stream,
            heard: Vec::new(),
        };
        let password = &shell.start.config.join_password;
        if !password.is_empty() {
            let words = words::authenticate(password.reveal());
            words::accepted(&talk.say(&words).await?)?;
        }
        Ok(talk)
    }

    /// Says it, and gives the answer's line.
    async fn say(&mut self, words: &[u8]) -> Result<String, JoinError> {
        let said_and_heard = async {
            self.stream.write_all(words).await?;
            loop {
                if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.heard.drain(..=end).collect();
                    return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                if self.heard.len() > MOST_LINE_BYTES {
                    return Err(JoinError::Strange);
                }
                if self.stream.read_buf(&mut self.heard).await? == 0 {
                    return Err(JoinError::Closed);
                }
            }
        };
        timeout(PATIENCE, said_and_heard)
            .await
            .unwrap_or(Err(JoinError::Slow))
    }
}

#[cfg(test)]
mod tests;
