//! What a node says over a relay's connection: messages, confirmations, answers.
//! Pure.

use shared::pubsub::Topic;
use shared::resp::ReplyError;

use crate::route::reply::{Elements, bulk};

/// A whole frame, by what it means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Push<'a> {
    /// A message for all who have subscribed to this name: a channel, or a pattern that matches one.
    Message {
        /// What the name is.
        topic: Topic,
        /// It.
        name: &'a [u8],
    },
    /// The answer to a PING.
    Pong,
    /// Something was refused.
    Refused(&'a [u8]),
    /// A subscription has begun or ended, or a count was taken note of.
    Noted,
}

/// Reads a frame, which is whole.
///
/// # Errors
/// A push is none that can be.
pub(crate) fn read(frame: &[u8]) -> Result<Push<'_>, ReplyError> {
    Ok(match frame.first() {
        Some(b'>') => {
            let mut elements = Elements::of(frame).ok_or(ReplyError::InvalidValue(b'>'))?;
            let mut word = || elements.next().and_then(bulk);
            let topic = match word() {
                Some(b"message") => Topic::Channel,
                Some(b"pmessage") => Topic::Pattern,
                Some(b"smessage") => Topic::ShardChannel,
                _ => return Ok(Push::Noted),
            };
            let name = word().ok_or(ReplyError::InvalidValue(b'>'))?;
            Push::Message { topic, name }
        }
        Some(b'-' | b'!') => Push::Refused(frame[1..].trim_ascii_end()),
        Some(b'+') if frame.starts_with(b"+PONG") => Push::Pong,
        _ => Push::Noted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_mean_what_they_say() {
        let message = |topic, name| Ok(Push::Message { topic, name });
        for (frame, expected) in [
            (
                &b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nx\r\n\r\n"[..],
                message(Topic::Channel, &b"a"[..]),
            ),
            (
                b">4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$0\r\n\r\n",
                message(Topic::Pattern, b"a*"),
            ),
            (
                b">3\r\n$8\r\nsmessage\r\n$0\r\n\r\n$0\r\n\r\n",
                message(Topic::ShardChannel, b""),
            ),
            (
                b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
                Ok(Push::Noted),
            ),
            (b">0\r\n", Ok(Push::Noted)),
            (b"+PONG\r\n", Ok(Push::Pong)),
            (b"+OK\r\n", Ok(Push::Noted)),
            (b"-ERR no\r\n", Ok(Push::Refused(b"ERR no"))),
            (
                b">1\r\n$7\r\nmessage\r\n",
                Err(ReplyError::InvalidValue(b'>')),
            ),
        ] {
            assert_eq!(read(frame), expected, "{}", frame.escape_ascii());
        }
    }
}
