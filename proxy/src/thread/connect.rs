//! Opening a connection to a node: the socket, and the first words over it. Decides nothing about requests.

use std::time::Duration;

use shared::topology::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pipe::PipeError;
use crate::pipe::handshake::{ConnectionName, FirstWords, Handshake};

/// What a task needs to know to open a pipe.
#[derive(Debug)]
pub(super) struct ConnectPlan {
    pub(super) address: Address,
    pub(super) words: FirstWords,
    pub(super) timeout: Duration,
}

/// A connection that is agreed upon, and what the node calls it.
///
/// # Errors
/// Why there is none.
pub(super) async fn connect(
    plan: &ConnectPlan,
) -> Result<(TcpStream, Option<ConnectionName>), PipeError> {
    let attempt = async {
        let mut stream = TcpStream::connect(plan.address.pair()).await?;
        // Requests leave in batches already; waiting for more would only add delay.
        stream.set_nodelay(true)?;
        let mut first_words = Vec::new();
        let mut handshake = Handshake::begin(&plan.words, &mut first_words);
        stream.write_all(&first_words).await?;
        let mut answer = [0; 4096];
        loop {
            let count = stream.read(&mut answer).await?;
            if count == 0 {
                return Err(PipeError::Closed);
            }
            if handshake.take(&answer[..count])? {
                return Ok((stream, handshake.into_name()));
            }
        }
    };
    tokio::time::timeout(plan.timeout, attempt)
        .await
        .unwrap_or_else(|_| {
            Err(PipeError::ConnectTimeout {
                after_ms: plan.timeout.as_millis(),
            })
        })
}
