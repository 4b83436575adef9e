//! The last word to a client that is not taken in, in the language that it speaks: who came for TLS gets it over TLS.
//! Never: reads what such a client says. Bounds: [`MOST_GREETED`] handshakes for the sake of a refusal at a time; beyond them TLS clients are closed without
//! a word.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use shared::resp::{ErrorReply, Protocol, ReplyWriter};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use crate::tls::{TlsFront, TlsStream};

/// A handshake costs more than a refusal is worth: a crowd that is turned away must not hold up the acceptor.
const MOST_GREETED: usize = 64;

/// How long a refused TLS client may take to hear its last word.
const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

/// Refuses clients.
pub(super) struct Refusals {
    greeted: Arc<Semaphore>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self {
            greeted: Arc::new(Semaphore::new(MOST_GREETED)),
        }
    }

    /// One line, if the kernel takes it, and the end.
    pub(super) fn refuse_plain(&self, mut stream: TcpStream, error: &ErrorReply) {
        // A client that cannot even take this will see that the connection is closed.
        stream.write_all(&line(error)).ok();
    }

    /// A handshake, the line and TLS' own goodbye, on a task of its own.
    pub(super) fn refuse_tls(&self, front: TlsFront, stream: TcpStream, error: &ErrorReply) {
        let Ok(permit) = Arc::clone(&self.greeted).try_acquire_owned() else {
            return;
        };
        let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
            return;
        };
        let line = line(error);
        tokio::spawn(async move {
            if let Some(stream) = front.greet(stream).await {
                let farewell = say_goodbye(stream, &line);
                // Whoever takes longer does not want to hear it.
                tokio::time::timeout(LONGEST_FAREWELL, farewell).await.ok();
            }
            drop(permit);
        });
    }
}

fn line(error: &ErrorReply) -> Vec<u8> {
    let mut line = Vec::new();
    ReplyWriter::new(&mut line, Protocol::Resp2).error(error);
    line
}

/// Waits for the client's end as well: closing over what it has sent meanwhile would be a reset, which takes the line with it.
async fn say_goodbye(mut stream: TlsStream, line: &[u8]) {
    if stream.write_all(line).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut unheard = [0; 1024];
    while stream
        .read(&mut unheard)
        .await
        .is_ok_and(|length| length > 0)
    {}
}
