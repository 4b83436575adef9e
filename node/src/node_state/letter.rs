//! What many clients are sent alike: written once for each protocol, and kept once for all of them.
//! Pure.

use shared::resp::{Protocol, ReplyWriter};
use shared::tracking::{self, Author};
use std::rc::Rc;

/// A message for many.
#[derive(Debug)]
pub struct Letter<'a> {
    content: Content<'a>,
    stands_behind: bool,
    written: [Option<Rc<Vec<u8>>>; 2],
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    /// A push message: `>` and its words for RESP3, an array for RESP2.
    Words(&'a [&'a [u8]]),
    /// RESP already, the same in both.
    Line(&'a [u8]),
    /// Keys that have changed; `None`: all have. A push message for RESP3, a message of a channel for RESP2.
    Changed(Option<&'a [&'a [u8]]>),
    /// The same, changed on somebody's behalf: a push message.
    ChangedFor(&'a [&'a [u8]], Author),
    /// Who was to be told in a client's place has gone: its number.
    NobodyThere(u64),
}

impl<'a> Letter<'a> {
    /// A push message of these words.
    #[must_use]
    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self {
            content: Content::Words(words),
            stands_behind: false,
            written: [None, None],
        }
    }

    /// These keys have changed, or all (`None`).
    #[must_use]
    pub fn changed(keys: Option<&'a [&'a [u8]]>) -> Self {
        Self {
            content: Content::Changed(keys),
            stands_behind: false,
            written: [None, None],
        }
    }

    /// These keys have changed on this client's behalf; for who [hears pushes](crate::client::Session::hears_pushes).
    #[must_use]
    pub fn changed_for(keys: &'a [&'a [u8]], author: Author) -> Self {
        Self {
            content: Content::ChangedFor(keys, author),
            stands_behind: false,
            written: [None, None],
        }
    }

    /// The client of this number, which was to be told of changed keys, has gone.
    #[must_use]
    pub fn nobody_there(id: u64) -> Self {
        Self {
            content: Content::NobodyThere(id),
            stands_behind: false,
            written: [None, None],
        }
    }

    /// A line that tells of a command which is over: who asked for that gets it behind its reply.
    #[must_use]
    pub fn line(line: &'a [u8]) -> Self {
        Self {
            content: Content::Line(line),
            stands_behind: true,
            written: [None, None],
        }
    }

    /// Whether its place is behind the reply to the command of which it tells, if the two are for the same client.
    #[must_use]
    pub fn stands_behind(&self) -> bool {
        self.stands_behind
    }

    /// Whether replies that are still to come may tell of an older moment than it does, so that it waits for them.
    #[must_use]
    pub fn waits_for_replies(&self) -> bool {
        matches!(self.content, Content::Changed(_) | Content::ChangedFor(..))
    }

    /// It does, or does not.
    pub fn set_behind(&mut self, stands_behind: bool) {
        self.stands_behind = stands_behind;
    }

    /// About as long as it will be: what it says, without the lengths between.
    #[must_use]
    pub fn word_bytes(&self) -> usize {
        match self.content {
            Content::Words(words) => words.iter().map(|word| word.len()).sum(),
            Content::Line(line) => line.len(),
            Content::Changed(keys) => keys.into_iter().flatten().map(|key| key.len()).sum(),
            Content::ChangedFor(keys, _) => keys.iter().map(|key| key.len()).sum(),
            Content::NobodyThere(_) => 0,
        }
    }

    /// As a client of this protocol gets it.
    pub fn for_protocol(&mut self, protocol: Protocol) -> &Rc<Vec<u8>> {
        let content = self.content;
        let place = match protocol {
            Protocol::Resp2 => 0,
            Protocol::Resp3 => 1,
        };
        self.written[place].get_or_insert_with(|| Rc::new(content.write(protocol)))
    }
}

impl Content<'_> {
    fn write(self, protocol: Protocol) -> Vec<u8> {
        match self {
            Self::Words(words) => {
                let mut bytes = Vec::new();
                let mut writer = ReplyWriter::new(&mut bytes, protocol);
                writer.push(words.len());
                words.iter().for_each(|word| writer.bulk(word));
                bytes
            }
            Self::Line(line) => line.to_vec(),
            Self::Changed(keys) => write_changed(keys, protocol),
            Self::ChangedFor(keys, author) => {
                let mut bytes = Vec::new();
                let mut writer = ReplyWriter::new(&mut bytes, protocol);
                writer.push(3);
                writer.bulk(b"invalidate");
                writer.array(keys.len());
                keys.iter().for_each(|key| writer.bulk(key));
                writer.bulk(author.to_string().as_bytes());
                bytes
            }
            Self::NobodyThere(id) => {
                let mut bytes = Vec::new();
                let mut writer = ReplyWriter::new(&mut bytes, protocol);
                writer.push(2);
                writer.bulk(b"tracking-redir-broken");
                writer.integer(i64::try_from(id).unwrap_or(i64::MAX));
                bytes
            }
        }
    }
}

fn write_changed(keys: Option<&[&[u8]]>, protocol: Protocol) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ReplyWriter::new(&mut bytes, protocol);
    match protocol {
        Protocol::Resp3 => {
            writer.push(2);
            writer.bulk(b"invalidate");
        }
        Protocol::Resp2 => {
            writer.array(3);
            writer.bulk(b"message");
            writer.bulk(tracking::CHANNEL);
        }
    }
    match keys {
        Some(keys) => {
            writer.array(keys.len());
            keys.iter().for_each(|key| writer.bulk(key));
        }
        None => writer.null(),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::Letter;
    use shared::resp::Protocol;
    use std::rc::Rc;

    #[test]
    fn a_letter_is_written_once_for_each_protocol() {
        let mut letter = Letter::new(&[b"message", b"a", b""]);
        let both = [Protocol::Resp2, Protocol::Resp3];
        let first = both.map(|protocol| Rc::clone(letter.for_protocol(protocol)));
        assert_eq!(**first[0], *b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$0\r\n\r\n");
        assert_eq!(**first[1], *b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$0\r\n\r\n");
        assert!(Rc::ptr_eq(&first[1], letter.for_protocol(Protocol::Resp3)));
        assert_eq!(letter.word_bytes(), 8);
    }
}
