//! What a node says over a relay's connection: messages, confirmations, answers.
//! Pure.

use shared::pubsub::Topic;
use shared::resp::ReplyError;
use shared::tracking::Author;

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

/// Keys of which a node says that they have changed.
#[derive(Debug)]
pub(crate) enum Changed<'a> {
    /// All of them.
    All,
    /// These; what is no string is none.
    Keys(ChangedKeys<'a>),
}

/// Those keys, one after the other.
#[derive(Debug)]
pub(crate) struct ChangedKeys<'a>(Elements<'a>);

impl<'a> Iterator for ChangedKeys<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.find_map(bulk)
    }
}

/// Reads a push, which is whole, and on whose behalf that was, where the node says it; `None` when it says something else.
pub(crate) fn changed(frame: &[u8]) -> Option<(Changed<'_>, Option<Author>)> {
    let mut elements = Elements::of(frame)?;
    if elements.next().and_then(bulk) != Some(b"invalidate") {
        return None;
    }
    let keys = Elements::of(elements.next()?);
    let author = elements.next().and_then(bulk).and_then(Author::read);
    let changed = keys.map_or(Changed::All, |keys| Changed::Keys(ChangedKeys(keys)));
    Some((changed, author))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_of_some_keys_or_of_all() {
        let keys = |frame: &'static [u8]| match changed(frame) {
            Some((Changed::Keys(keys), _)) => keys.map(String::from_utf8_lossy).collect(),
            Some((Changed::All, _)) => vec!["all".into()],
            None => vec!["something else".into()],
        };
        let some = b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n";
        assert_eq!(keys(some), ["a", ""]);
        assert_eq!(keys(b">2\r\n$10\r\ninvalidate\r\n_\r\n"), ["all"]);
        let author = Author::new(1, 2);
        let own = format!(">3\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n$32\r\n{author}\r\n");
        let read = changed(own.as_bytes()).map(|(_, author)| author);
        assert_eq!(read, Some(Some(author)));
        assert_eq!(keys(b">2\r\n$10\r\ninvalidate\r\n*0\r\n").len(), 0);
        assert_eq!(keys(b">1\r\n$10\r\ninvalidate\r\n"), ["something else"]);
        assert_eq!(keys(b">2\r\n$7\r\nmessage\r\n_\r\n"), ["something else"]);
    }

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
