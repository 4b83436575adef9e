//! One request to one member of etcd, over a connection of its own: changes and heartbeats are a few a second at most, and a fresh connection is never a dead one.
//! Reaches: a socket, and a task that drives it and ends with it. Never: tries again, or tries somebody else.
//! Invariants: everything ends in time; no answer is longer than [`MOST_ANSWER_BYTES`].

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use shared::topology::Address;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::messages::{self, Message};
use super::tls::Tls;
use crate::error::EtcdError;
use crate::task::Task;

/// Longest answer: what etcd takes as one request, as base64, and what is around it.
const MOST_ANSWER_BYTES: usize = 4 << 20;

/// Longest first line of a watch, which holds no value.
const MOST_FIRST_LINE_BYTES: usize = 64 << 10;

/// So much of etcd's words is repeated, in characters.
const MOST_WORDS: usize = 300;

/// A watch whose member has lost the others is to end instead of being silent.
const REQUIRE_LEADER: &str = "grpc-metadata-hasleader";

/// How an answer is read; it says what is wrong with one that is not understood.
pub(super) type Read<T> = fn(&Value) -> Result<T, &'static str>;

/// A connection that nothing was sent over yet.
pub(super) struct Connection {
    endpoint: Address,
    token: Option<String>,
    sender: SendRequest<Full<Bytes>>,
    driver: Task,
}

/// HTTP over a socket that is there; the task ends with the connection.
async fn begin<S>(socket: S) -> io::Result<(SendRequest<Full<Bytes>>, Task)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let begun = handshake(TokioIo::new(socket)).await;
    let (sender, connection) = begun.map_err(io::Error::other)?;
    let driver = Task::start(async {
        // What is wrong with it, who waits for the answer is told as well.
        connection.await.ok();
    });
    Ok((sender, driver))
}

impl Connection {
    /// Connects within `longest`. However it fails, nothing was sent.
    pub(super) async fn open(
        endpoint: &Address,
        tls: Option<&Tls>,
        longest: Duration,
    ) -> Result<Self, EtcdError> {
        let unreachable = |source| EtcdError::Unreachable {
            endpoint: endpoint.clone(),
            source,
        };
        let open = async {
            let socket = TcpStream::connect(endpoint.pair()).await?;
            socket.set_nodelay(true)?;
            match tls {
                Some(tls) => begin(tls.greet(endpoint, socket).await?).await,
                None => begin(socket).await,
            }
        };
        let (sender, driver) = timeout(longest, open)
            .await
            .map_err(|_| unreachable(io::ErrorKind::TimedOut.into()))?
            .map_err(unreachable)?;
        Ok(Self {
            endpoint: endpoint.clone(),
            token: None,
            sender,
            driver,
        })
    }

    /// With what stands for a user and a password.
    pub(super) fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// Asks, and waits for the whole answer, `longest` at most.
    pub(super) async fn ask<T>(
        mut self,
        message: &Message,
        read: Read<T>,
        longest: Duration,
    ) -> Result<T, EtcdError> {
        let endpoint = self.endpoint.clone();
        let ask = async {
            let response = self.send(message).await?;
            let is_well = response.status().is_success();
            let body = Limited::new(response.into_body(), MOST_ANSWER_BYTES);
            let bytes = body.collect().await.map_err(|e| self.broken(e))?.to_bytes();
            let answer = understand(&self.endpoint, &bytes, is_well)?;
            read(&answer).map_err(|what| not_understood(&self.endpoint, what))
        };
        let silent = |_| EtcdError::silent(&endpoint, longest);
        timeout(longest, ask).await.map_err(silent)?
    }

    /// Asks to watch, and waits for the beginning of an answer that goes on: `longest` at most for its first line.
    pub(super) async fn listen(
        mut self,
        message: &Message,
        longest: Duration,
    ) -> Result<Stream, EtcdError> {
        let endpoint = self.endpoint.clone();
        let begin = async {
            let response = self.send(message).await?;
            let is_well = response.status().is_success();
            let mut body = response.into_body();
            let mut line = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|e| self.broken(e.into()))?;
                line.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if line.contains(&b'\n') || line.len() > MOST_FIRST_LINE_BYTES {
                    break;
                }
            }
            let end = line.iter().position(|&byte| byte == b'\n');
            let (first, behind) = line.split_at(end.unwrap_or(line.len()));
            let first = understand(&self.endpoint, first, is_well)?;
            let begun = messages::read_watch_begun(&first);
            begun.map_err(|what| not_understood(&self.endpoint, what))?;
            Ok((body, behind.len() > 1))
        };
        let silent = |_| EtcdError::silent(&endpoint, longest);
        let (body, has_more) = timeout(longest, begin).await.map_err(silent)??;
        Ok(Stream {
            has_more,
            body,
            _sender: self.sender,
            _driver: self.driver,
        })
    }

    async fn send(&mut self, message: &Message) -> Result<Response<Incoming>, EtcdError> {
        let mut request = Request::post(message.path)
            .header(HOST, self.endpoint.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header(REQUIRE_LEADER, "true");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request
            .body(Full::new(Bytes::from(message.body.to_string())))
            .map_err(|error| self.broken(error.into()))?;
        let sent = self.sender.send_request(request).await;
        sent.map_err(|error| self.broken(error.into()))
    }

    fn broken(&self, source: Box<dyn std::error::Error + Send + Sync>) -> EtcdError {
        EtcdError::Broken {
            endpoint: self.endpoint.clone(),
            source,
        }
    }
}

/// A watch that has begun, and goes on for as long as this is kept.
pub(super) struct Stream {
    /// Whether more than that has come already.
    has_more: bool,
    body: Incoming,
    _sender: SendRequest<Full<Bytes>>,
    _driver: Task,
}

impl Stream {
    /// Waits for more of it. `false` when it has ended, or has broken.
    pub(super) async fn has_more(&mut self) -> bool {
        if std::mem::take(&mut self.has_more) {
            return true;
        }
        matches!(self.body.frame().await, Some(Ok(_)))
    }
}

fn understand(endpoint: &Address, bytes: &[u8], is_well: bool) -> Result<Value, EtcdError> {
    let answer: Value = serde_json::from_slice(bytes)
        .map_err(|error| not_understood(endpoint, format!("it is not JSON: {error}")))?;
    match messages::read_refusal(&answer) {
        Some((code, words)) => Err(EtcdError::Refused {
            endpoint: endpoint.clone(),
            code,
            message: words.chars().take(MOST_WORDS).collect(),
        }),
        None if is_well => Ok(answer),
        None => Err(not_understood(endpoint, "an error without its code")),
    }
}

fn not_understood(endpoint: &Address, what: impl Into<String>) -> EtcdError {
    EtcdError::NotUnderstood {
        endpoint: endpoint.clone(),
        what: what.into(),
    }
}
