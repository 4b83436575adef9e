//! What many clients are sent alike: written once for each protocol, and kept once for all of them.
//! Pure.

use shared::resp::{Protocol, ReplyWriter};
use std::rc::Rc;

/// A push message: `>` and its words for RESP3, an array for RESP2.
#[derive(Debug)]
pub struct Letter<'a> {
    words: &'a [&'a [u8]],
    written: [Option<Rc<Vec<u8>>>; 2],
}

impl<'a> Letter<'a> {
    /// A message of these words.
    #[must_use]
    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self {
            words,
            written: [None, None],
        }
    }

    /// About as long as it will be: what it says, without the lengths between.
    #[must_use]
    pub fn word_bytes(&self) -> usize {
        self.words.iter().map(|word| word.len()).sum()
    }

    /// As a client of this protocol gets it.
    pub fn for_protocol(&mut self, protocol: Protocol) -> &Rc<Vec<u8>> {
        let words = self.words;
        let place = match protocol {
            Protocol::Resp2 => 0,
            Protocol::Resp3 => 1,
        };
        self.written[place].get_or_insert_with(|| {
            let mut bytes = Vec::with_capacity(16 * (words.len() + 1));
            let mut writer = ReplyWriter::new(&mut bytes, protocol);
            writer.push(words.len());
            words.iter().for_each(|word| writer.bulk(word));
            Rc::new(bytes)
        })
    }
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
