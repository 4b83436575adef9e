//! How a leader is asked for its log: PING, AUTH, REPLCONF, PSYNC, as any follower of Redis 7 asks.
//! Never: touches the keyspace. Every wait has an end (`repl-timeout`).

use crate::node_state::Place;
use crate::settings::ReplicationSettings;
use shared::resp::encode_request;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest line that a leader may say.
const MOST_LINE_BYTES: usize = 64 * 1024;
/// How a leader is asked for its log.
const FOR_THE_LOG: &str = "PSYNC";
/// Bytes of a name of a log.
const ID_BYTES: usize = 40;
/// Greatest offset that a log begins to be followed at.
const MOST_OFFSET: u64 = i64::MAX as u64;

/// Why a leader's log is not had.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The network.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// It closed.
    #[error("the leader has closed the connection")]
    Closed,
    /// It said nothing for too long.
    #[error("the leader has said nothing for repl-timeout")]
    Silent,
    /// It refuses.
    #[error("the leader refuses {asked}: {said}")]
    Refused {
        /// What was asked.
        asked: &'static str,
        /// What it said.
        said: String,
    },
    /// It says something else than a Redis server.
    #[error("the leader does not speak as one: {0}")]
    Strange(String),
    /// What it sent cannot be taken.
    #[error("what the leader sent cannot be taken: {0}")]
    Broken(String),
    /// It would throw its copy away, and nobody has said that it may.
    #[error(
        "what is here is no beginning of its log, and must not be thrown away before proxies say so"
    )]
    NoPermission,
    /// Proxies have ordered something else meanwhile.
    #[error("it is not, or no more, ordered to follow this leader at this epoch")]
    NotOrdered,
    /// The system gives no random numbers.
    #[error("cannot draw random numbers")]
    Random,
}

/// How its log is had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// A snapshot comes, behind which the log goes on at the offset, under this name.
    Full {
        /// Its name.
        id: String,
        /// Where it goes on.
        offset: u64,
    },
    /// The log goes on where this node's ends; it may have another name now.
    Continue {
        /// Its name, where it was told.
        id: Option<String>,
    },
}

/// A connection to a leader that has been asked.
pub(super) struct Asked {
    pub(super) stream: TcpStream,
    pub(super) begin: Begin,
    /// What came behind its answer.
    pub(super) rest: Vec<u8>,
}

/// What this node says of itself, and what it has.
pub(super) struct Me {
    pub(super) port: u16,
    pub(super) id: String,
    pub(super) offset: u64,
    /// Whoever is asked is to take over from this node.
    pub(super) hands_over: bool,
}

impl LinkError {
    /// Whether who was asked for its log has refused that.
    pub(super) fn refuses_the_log(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                asked: FOR_THE_LOG,
                ..
            }
        )
    }
}

/// Connects and asks: with `question` as a member of a shard does, else with PSYNC.
///
/// # Errors
/// [`LinkError`]
pub(super) async fn ask(
    place: &Place,
    me: &Me,
    question: Option<&[String]>,
    settings: &ReplicationSettings,
) -> Result<Asked, LinkError> {
    let patience = Duration::from_millis(settings.timeout_ms.max(1));
    let connecting = TcpStream::connect((place.host.as_str(), place.port));
    let connected = tokio::time::timeout(patience, connecting).await;
    let stream = connected.map_err(|_| LinkError::Silent)??;
    stream.set_nodelay(true)?;
    let mut talk = Talk {
        stream,
        heard: Vec::new(),
        patience,
    };
    introduce(&mut talk, me, settings).await?;
    let said = match question {
        Some(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            talk.say("NODE SYNC", &words).await?
        }
        None => {
            let next = (me.offset + 1).to_string();
            let words = [FOR_THE_LOG, &me.id, &next, "FAILOVER"];
            let count = words.len() - usize::from(!me.hands_over);
            talk.say(FOR_THE_LOG, &words[..count]).await?
        }
    };
    let begin = understand(&said)?;
    Ok(Asked {
        stream: talk.stream,
        begin,
        rest: talk.heard,
    })
}

/// Says who it is, and what it understands.
async fn introduce(
    talk: &mut Talk,
    me: &Me,
    settings: &ReplicationSettings,
) -> Result<(), LinkError> {
    let said = talk.say("PING", &["PING"]).await?;
    // A leader whose disk is full refuses writes, and can be followed all the same.
    let may_be_said = [
        "+",
        "-NOAUTH",
        "-NOPERM",
        "-ERR operation not permitted",
        "-MISCONF",
    ];
    if !may_be_said.iter().any(|begin| said.starts_with(begin)) {
        return Err(refused("PING", &said));
    }
    let password = settings.leader_password.reveal();
    if !password.is_empty() {
        let user = settings.leader_user.as_str();
        match user {
            "" => talk.obey("AUTH", &["AUTH", password]).await?,
            _ => talk.obey("AUTH", &["AUTH", user, password]).await?,
        }
    }
    let port = match settings.announced_port {
        0 => me.port,
        port => port,
    };
    let port = port.to_string();
    talk.obey("REPLCONF", &["REPLCONF", "listening-port", &port])
        .await?;
    if !settings.announced_host.is_empty() {
        let host = settings.announced_host.as_str();
        talk.obey("REPLCONF", &["REPLCONF", "ip-address", host])
            .await?;
    }
    // What a leader does not know it ignores.
    talk.say("REPLCONF", &["REPLCONF", "capa", "eof", "capa", "psync2"])
        .await?;
    // A Valkey server sends what is only known there, such as fields that expire, to those alone who say that they read it; others do not know the word.
    talk.say("REPLCONF", &["REPLCONF", "version", READS_AS])
        .await?;
    Ok(())
}

/// The Valkey whose snapshots and log are understood.
const READS_AS: &str = "9.0.0";

/// What the answer to PSYNC means.
fn understand(said: &str) -> Result<Begin, LinkError> {
    let mut words = said.split_ascii_whitespace();
    let strange = || LinkError::Strange(said.to_owned());
    match words.next() {
        Some("+FULLRESYNC") => {
            let id = words.next().filter(|id| id.len() == ID_BYTES);
            let offset = words.next().and_then(|offset| offset.parse().ok());
            // Offsets are counted on, and Redis has them in 63 bits.
            let offset = offset.filter(|offset| *offset <= MOST_OFFSET);
            let (id, offset) = id.zip(offset).ok_or_else(strange)?;
            let id = id.to_owned();
            Ok(Begin::Full { id, offset })
        }
        Some("+CONTINUE") => {
            let id = words.next();
            if id.is_some_and(|id| id.len() != ID_BYTES) {
                return Err(strange());
            }
            let id = id.map(ToOwned::to_owned);
            Ok(Begin::Continue { id })
        }
        Some(word) if word.starts_with('-') => Err(refused(FOR_THE_LOG, said)),
        _ => Err(strange()),
    }
}

fn refused(asked: &'static str, said: &str) -> LinkError {
    LinkError::Refused {
        asked,
        said: said.to_owned(),
    }
}

/// Questions and answers, one after the other.
struct Talk {
    stream: TcpStream,
    heard: Vec<u8>,
    patience: Duration,
}

impl Talk {
    /// Says it, and gives the answer's line.
    async fn say(&mut self, asked: &'static str, words: &[&str]) -> Result<String, LinkError> {
        let mut bytes = Vec::new();
        encode_request(&mut bytes, words.iter().map(|word| word.as_bytes()));
        let patience = self.patience;
        let sent = tokio::time::timeout(patience, self.stream.write_all(&bytes)).await;
        sent.map_err(|_| LinkError::Silent)??;
        loop {
            let line = self.line(asked).await?;
            // While a snapshot is being made for somebody else, a leader says that it is still there.
            if !line.is_empty() {
                return Ok(line);
            }
        }
    }

    /// Says what must be obeyed.
    async fn obey(&mut self, asked: &'static str, words: &[&str]) -> Result<(), LinkError> {
        let said = self.say(asked, words).await?;
        match said.starts_with('+') {
            true => Ok(()),
            false => Err(refused(asked, &said)),
        }
    }

    async fn line(&mut self, asked: &'static str) -> Result<String, LinkError> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(line.trim_end().to_owned());
            }
            if self.heard.len() > MOST_LINE_BYTES {
                let what = format!("its answer to {asked} has no end");
                return Err(LinkError::Strange(what));
            }
            let read = self.stream.read_buf(&mut self.heard);
            let read = tokio::time::timeout(self.patience, read).await;
            if read.map_err(|_| LinkError::Silent)?? == 0 {
                return Err(LinkError::Closed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Begin, understand};

    #[test]
    fn answers_are_understood_or_told() {
        let id = "0123456789012345678901234567890123456789";
        let full = understand(&format!("+FULLRESYNC {id} 17")).expect("an answer");
        let expected = Begin::Full {
            id: id.to_owned(),
            offset: 17,
        };
        assert_eq!(full, expected);
        let renamed = understand(&format!("+CONTINUE {id}")).expect("an answer");
        let expected = Begin::Continue {
            id: Some(id.to_owned()),
        };
        assert_eq!(renamed, expected);
        let continues = understand("+CONTINUE").expect("an answer");
        assert_eq!(continues, Begin::Continue { id: None });
        for wrong in [
            "+OK",
            "+FULLRESYNC x 1",
            "+CONTINUE x",
            "-NOMASTERLINK no",
            "$5",
            "",
        ] {
            assert!(understand(wrong).is_err(), "{wrong}");
        }
        assert!(understand(&format!("+FULLRESYNC {id} -1")).is_err());
        assert!(understand(&format!("+FULLRESYNC {id} {}", u64::MAX)).is_err());
    }
}
