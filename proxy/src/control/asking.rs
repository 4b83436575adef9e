//! A connection of one's own to a node, over which one thing at a time is asked: what is no client's business and may take its time.
//! Reaches: one socket. Never: decides what is asked; asks twice.
//! Bounds: [`ANSWER_WITHIN`] for an answer; how long one may be is said by who asks.

use std::time::Duration;

use shared::config::{ProxyConfig, Secret};
use shared::resp::{Frame, ReplyScanner, decode_scanned, encode_request};
use shared::topology::Address;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Most of a refusal that is told on, in characters.
const MOST_SHOWN: usize = 200;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The connection cannot be opened, or broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It takes too long.
    #[error("it does not answer in time")]
    Late,
    /// It ended the connection, or says what is no reply or too long.
    #[error("it closes the connection")]
    Closed,
    /// It refuses.
    #[error("it says {0}")]
    Said(String),
}

/// How nodes are reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manner {
    password: Secret,
    connect_timeout: Duration,
}

impl Manner {
    /// As the settings say.
    pub(crate) fn of(config: &ProxyConfig) -> Self {
        Self {
            password: config.node_password.clone(),
            connect_timeout: config.connect_timeout,
        }
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn connect(&self, address: &Address) -> Result<Talk, Unanswered> {
        let connecting = TcpStream::connect(address.pair());
        let connected = timeout(self.connect_timeout, connecting).await;
        let stream = connected.map_err(|_| Unanswered::Late)??;
        stream.set_nodelay(true)?;
        let mut talk = Talk {
            stream,
            begun: Vec::new(),
        };
        if !self.password.is_empty() {
            let words = [&b"AUTH"[..], self.password.reveal().as_bytes()];
            let reply = talk.ask(&words, MOST_SHOWN).await?;
            if reply.is_error() {
                return Err(said(&reply));
            }
        }
        Ok(talk)
    }
}

/// A connection over which one thing at a time is asked.
#[derive(Debug)]
pub(crate) struct Talk {
    stream: TcpStream,
    begun: Vec<u8>,
}

impl Talk {
    /// The reply, of at most so many bytes. After an error nothing more is to be asked over this connection.
    ///
    /// # Errors
    /// [`Unanswered`]; an error of the node's is a reply.
    pub(crate) async fn ask(
        &mut self,
        words: &[&[u8]],
        most_bytes: usize,
    ) -> Result<Frame, Unanswered> {
        let mut request = Vec::new();
        encode_request(&mut request, words);
        let answer = async {
            self.stream.write_all(&request).await?;
            let mut scanner = ReplyScanner::default();
            loop {
                let scanned = scanner.scan(&self.begun);
                if let Some(end) = scanned.map_err(|_| Unanswered::Closed)? {
                    let frame = decode_scanned(&self.begun[..end]);
                    self.begun.drain(..end);
                    return frame.map_err(|_| Unanswered::Closed);
                }
                let is_too_long = self.begun.len() > most_bytes;
                if is_too_long || self.stream.read_buf(&mut self.begun).await? == 0 {
                    return Err(Unanswered::Closed);
                }
            }
        };
        timeout(ANSWER_WITHIN, answer)
            .await
            .unwrap_or(Err(Unanswered::Late))
    }
}

/// A refusal, in words.
pub(crate) fn said(reply: &Frame) -> Unanswered {
    let text = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default());
    Unanswered::Said(text.chars().take(MOST_SHOWN).collect())
}
