//! Where does a reply end? Scans RESP2 and RESP3 without decoding; iterative, depth-capped, resumable at any byte.
//! Pure. Never allocates; never reads a byte twice; the contents of bulk strings are never read at all.

use super::number::parse_integer;

/// Aggregates inside each other that are still believed. Redis' own replies (COMMAND DOCS) need about ten.
pub const MAX_DEPTH: usize = 32;

/// Longest bulk string or line in a reply, bytes: what Redis' `proto-max-bulk-len` allows a value to be.
pub const MAX_REPLY_STRING_BYTES: usize = 512 * 1024 * 1024;

/// Most elements that an aggregate may announce: as many keys as a Redis database can hold.
const MAX_ELEMENTS: i64 = 1 << 32;

/// Why bytes from a node are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// No type of RESP begins with this byte.
    #[error("a reply cannot begin with '{}'", .0.escape_ascii())]
    UnknownType(u8),
    /// Streamed strings and aggregates of RESP3, which no Redis sends.
    #[error("streamed replies are not supported")]
    Streamed,
    /// The number in a header is none, or negative where that means nothing.
    #[error("invalid length in a reply")]
    InvalidLength,
    /// Longer than [`MAX_REPLY_STRING_BYTES`].
    #[error("a string of a reply is too long")]
    TooLong,
    /// More elements than a Redis can hold.
    #[error("a reply announces too many elements")]
    TooManyElements,
    /// Deeper than [`MAX_DEPTH`].
    #[error("a reply is nested too deeply")]
    TooDeep,
    /// CR LF is not where it should be.
    #[error("a line end is missing in a reply")]
    MissingLineEnd,
}

/// Finds the end of the next reply in a growing buffer.
#[derive(Debug, Default)]
pub struct ReplyScanner {
    /// The next byte to look at; 0 when no reply has been begun.
    position: usize,
    /// Up to here the line that begins at `position` is known to have no end.
    searched: usize,
    /// Elements missing on each level of aggregates that is open.
    missing: [u64; MAX_DEPTH],
    /// Levels open.
    depth: usize,
}

impl ReplyScanner {
    /// Scans `bytes`, which start at the first byte of a reply and are the same as last time, or longer.
    /// `Some(end)`: the reply is `bytes[..end]`, and the scanner is ready for the next one. `None`: more bytes are needed.
    ///
    /// Attributes belong to the reply that follows them. After an error the scanner is of no more use.
    ///
    /// # Errors
    /// [`ReplyError`]: not RESP, too deep, or too large.
    #[inline]
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        if self.position == 0
            && let Some(end) = short_reply(bytes)
        {
            self.searched = 0;
            return Ok(Some(end));
        }
        self.scan_elements(bytes)
    }

    /// Element by element until the reply is complete.
    fn scan_elements(&mut self, bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        loop {
            let Some(opens) = self.element(bytes)? else {
                return Ok(None);
            };
            match opens {
                Element::Attribute(0) => continue,
                Element::Attribute(elements) => {
                    self.open(elements)?;
                    continue;
                }
                Element::Aggregate(elements) if elements > 0 => {
                    self.count_down();
                    self.open(elements)?;
                    continue;
                }
                Element::Aggregate(_) | Element::Single => self.count_down(),
            }
            if self.close_full_levels() {
                let end = self.position;
                self.position = 0;
                self.searched = 0;
                return Ok(Some(end));
            }
        }
    }
}

/// What was read at `position`.
enum Element {
    /// Complete in itself.
    Single,
    /// An aggregate of so many elements.
    Aggregate(u64),
    /// An attribute of so many elements; what it describes is still to come.
    Attribute(u64),
}

impl ReplyScanner {
    /// Reads what is at `position`, and moves behind it. `None`: it is not complete, and nothing moved but `searched`.
    fn element(&mut self, bytes: &[u8]) -> Result<Option<Element>, ReplyError> {
        let rest = bytes.get(self.position..).unwrap_or_default();
        let Some(marker) = rest.first() else {
            return Ok(None);
        };
        match marker {
            b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' => {
                Ok(self.line_end(bytes)?.map(|end| {
                    self.position = end + 2;
                    Element::Single
                }))
            }
            b'$' | b'=' | b'!' => self.string(bytes),
            b'*' | b'~' | b'>' => self.aggregate(bytes, 1),
            b'%' | b'|' => self.aggregate(bytes, 2),
            b';' | b'.' => Err(ReplyError::Streamed),
            other => Err(ReplyError::UnknownType(*other)),
        }
    }

    /// A string with its length before it.
    fn string(&mut self, bytes: &[u8]) -> Result<Option<Element>, ReplyError> {
        let Some(end) = self.line_end(bytes)? else {
            return Ok(None);
        };
        let header = &bytes[self.position..end];
        let length = match length_of(header)? {
            -1 if header.first() == Some(&b'$') => {
                self.position = end + 2;
                return Ok(Some(Element::Single));
            }
            length => usize::try_from(length).map_err(|_| ReplyError::InvalidLength)?,
        };
        if length > MAX_REPLY_STRING_BYTES {
            return Err(ReplyError::TooLong);
        }
        let string_end = end + 2 + length;
        match bytes.get(string_end..string_end + 2) {
            Some(b"\r\n") => {
                self.position = string_end + 2;
                Ok(Some(Element::Single))
            }
            Some(_) => Err(ReplyError::MissingLineEnd),
            None => Ok(None),
        }
    }

    /// The head of an aggregate that has `width` elements for each that it announces.
    fn aggregate(&mut self, bytes: &[u8], width: u64) -> Result<Option<Element>, ReplyError> {
        let Some(end) = self.line_end(bytes)? else {
            return Ok(None);
        };
        let header = &bytes[self.position..end];
        let count = length_of(header)?;
        self.position = end + 2;
        if count > MAX_ELEMENTS {
            return Err(ReplyError::TooManyElements);
        }
        match (header.first(), u64::try_from(count)) {
            (Some(b'|'), Ok(count)) => Ok(Some(Element::Attribute(count * width))),
            (_, Ok(count)) => Ok(Some(Element::Aggregate(count * width))),
            (Some(b'*'), Err(_)) if count == -1 => Ok(Some(Element::Single)),
            _ => Err(ReplyError::InvalidLength),
        }
    }

    /// The index of the CR that ends the line at `position`, once its LF is there too. Looks only at bytes not looked at before.
    fn line_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        let from = self.searched.max(self.position);
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(index) = memchr::memchr(b'\r', rest) else {
            self.searched = bytes.len();
            if bytes.len().saturating_sub(self.position) > MAX_REPLY_STRING_BYTES {
                return Err(ReplyError::TooLong);
            }
            return Ok(None);
        };
        let end = from + index;
        self.searched = end;
        match bytes.get(end + 1) {
            Some(b'\n') => Ok(Some(end)),
            Some(_) => Err(ReplyError::MissingLineEnd),
            None => Ok(None),
        }
    }

    fn open(&mut self, elements: u64) -> Result<(), ReplyError> {
        let level = self
            .missing
            .get_mut(self.depth)
            .ok_or(ReplyError::TooDeep)?;
        *level = elements;
        self.depth += 1;
        Ok(())
    }

    fn count_down(&mut self) {
        if let Some(level) = self.depth.checked_sub(1) {
            self.missing[level] -= 1;
        }
    }

    /// Leaves the levels to which nothing is missing; whether that was the whole reply.
    fn close_full_levels(&mut self) -> bool {
        while let Some(level) = self.depth.checked_sub(1) {
            if self.missing[level] > 0 {
                return false;
            }
            self.depth = level;
        }
        true
    }
}

/// The number in the header of a string or an aggregate.
fn length_of(header: &[u8]) -> Result<i64, ReplyError> {
    match header {
        [_, b'?'] => Err(ReplyError::Streamed),
        [_, digits @ ..] => parse_integer(digits).ok_or(ReplyError::InvalidLength),
        [] => Err(ReplyError::InvalidLength),
    }
}

/// The end of a reply of one of the forms that most replies have, if it is complete: a line, or a string below 1000 bytes.
#[inline(always)]
fn short_reply(bytes: &[u8]) -> Option<usize> {
    let (header, length) = match bytes {
        [b'$', ones @ b'0'..=b'9', b'\r', b'\n', ..] => (4, usize::from(ones - b'0')),
        [
            b'$',
            tens @ b'1'..=b'9',
            ones @ b'0'..=b'9',
            b'\r',
            b'\n',
            ..,
        ] => (5, usize::from(tens - b'0') * 10 + usize::from(ones - b'0')),
        [b'+', b'O', b'K', b'\r', b'\n', ..] | [b'$', b'-', b'1', b'\r', b'\n', ..] => {
            return Some(5);
        }
        [b':', b'0'..=b'9', b'\r', b'\n', ..] => return Some(4),
        _ => return None,
    };
    let end = header + length + 2;
    (bytes.get(end - 2..end)? == b"\r\n").then_some(end)
}
