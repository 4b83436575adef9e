//! Bytes → [`Frame`], where speed is not the point: what a proxy merges or translates, and what tests read.
//! Pure. Own code, because the `redis-protocol` crate recurses without bound, loses the order of maps and the doubles of sets, and takes RESP2's nulls for streams;
//! it is the oracle in tests. Invariant: [`ReplyScanner`] has seen a reply whole before it is decoded, so depth and counts are bounded by what has really arrived.

use super::number::parse_integer;
use super::{MAX_DEPTH, ReplyError, ReplyScanner};

/// A reply as a value. Keeps every difference that the wire makes, so that [`Frame::write`] gives the same bytes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// `+text`.
    Simple(Vec<u8>),
    /// `-PREFIX text`.
    Error(Vec<u8>),
    /// `!len`: an error that may contain line ends.
    BulkError(Vec<u8>),
    /// `:n`.
    Integer(i64),
    /// `$len`.
    Bulk(Vec<u8>),
    /// `=len`: three bytes of format, and the text.
    Verbatim([u8; 3], Vec<u8>),
    /// `,text`: the number as it was written; see [`Frame::as_double`].
    Double(Vec<u8>),
    /// `(digits`.
    BigNumber(Vec<u8>),
    /// `#t`, `#f`.
    Boolean(bool),
    /// `_`.
    Null,
    /// `$-1`.
    NullBulk,
    /// `*-1`.
    NullArray,
    /// `*len`.
    Array(Vec<Frame>),
    /// `~len`, in the order of the wire.
    Set(Vec<Frame>),
    /// `>len`.
    Push(Vec<Frame>),
    /// `%len`, in the order of the wire.
    Map(Vec<(Frame, Frame)>),
    /// `|len` and the reply that it describes. Several attributes in a row are one.
    Attributed(Vec<(Frame, Frame)>, Box<Frame>),
}

/// Decodes the first reply in `bytes`: it, and where it ends. `None`: it is not complete.
///
/// # Errors
/// [`ReplyError`]: not RESP, or beyond the bounds of [`ReplyScanner`].
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame, usize)>, ReplyError> {
    let Some(end) = ReplyScanner::default().scan(bytes)? else {
        return Ok(None);
    };
    decode_scanned(&bytes[..end]).map(|frame| Some((frame, end)))
}

/// Decodes exactly one reply, such as a [`ReplyScanner`] has cut out.
///
/// # Errors
/// [`ReplyError`]: not RESP, incomplete, or more than one reply.
pub fn decode_scanned(reply: &[u8]) -> Result<Frame, ReplyError> {
    // A second scan of what was scanned is cheap, and makes this safe for everybody.
    if ReplyScanner::default().scan(reply)? != Some(reply.len()) {
        return Err(ReplyError::InvalidLength);
    }
    Decoder { rest: reply }.frame(0)
}

impl Frame {
    /// The bytes of a string of any kind, or of an error or number as it was written; `None` for all else.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(bytes)
            | Self::Error(bytes)
            | Self::BulkError(bytes)
            | Self::Bulk(bytes)
            | Self::Verbatim(_, bytes)
            | Self::Double(bytes)
            | Self::BigNumber(bytes) => Some(bytes),
            Self::Attributed(_, reply) => reply.as_bytes(),
            _ => None,
        }
    }

    /// The number, also where it is written as a string.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            other => parse_integer(other.as_bytes()?),
        }
    }

    /// The number, also where it is an integer or written as a string.
    #[must_use]
    pub fn as_double(&self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a double holds what a double can"
            )]
            Self::Integer(value) => Some(*value as f64),
            other => std::str::from_utf8(other.as_bytes()?).ok()?.parse().ok(),
        }
    }

    /// The elements of an array, a set or a push message.
    #[must_use]
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Some(elements),
            Self::Attributed(_, reply) => reply.as_elements(),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push message, by value; of a map, keys and values by turns, as RESP2 would send them.
    #[must_use]
    pub fn into_elements(self) -> Option<Vec<Self>> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Some(elements),
            Self::Map(pairs) => Some(
                pairs
                    .into_iter()
                    .flat_map(|(key, value)| [key, value])
                    .collect(),
            ),
            Self::Attributed(_, reply) => reply.into_elements(),
            _ => None,
        }
    }

    /// Whether it is an error, of either kind.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self {
            Self::Error(_) | Self::BulkError(_) => true,
            Self::Attributed(_, reply) => reply.is_error(),
            _ => false,
        }
    }

    /// Whether it is one of the three nulls.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null | Self::NullBulk | Self::NullArray => true,
            Self::Attributed(_, reply) => reply.is_null(),
            _ => false,
        }
    }

    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Simple(text) => write_line(out, b'+', text),
            Self::Error(text) => write_line(out, b'-', text),
            Self::Integer(value) => {
                write_line(out, b':', itoa::Buffer::new().format(*value).as_bytes());
            }
            Self::Double(text) => write_line(out, b',', text),
            Self::BigNumber(digits) => write_line(out, b'(', digits),
            Self::Boolean(value) => write_line(out, b'#', if *value { b"t" } else { b"f" }),
            Self::Null => write_line(out, b'_', b""),
            Self::NullBulk => write_line(out, b'$', b"-1"),
            Self::NullArray => write_line(out, b'*', b"-1"),
            Self::Bulk(bytes) => write_string(out, b'$', &[bytes]),
            Self::BulkError(bytes) => write_string(out, b'!', &[bytes]),
            Self::Verbatim(format, text) => write_string(out, b'=', &[format, b":", text]),
            Self::Array(elements) => write_elements(out, b'*', elements),
            Self::Set(elements) => write_elements(out, b'~', elements),
            Self::Push(elements) => write_elements(out, b'>', elements),
            Self::Map(pairs) => write_pairs(out, b'%', pairs),
            Self::Attributed(pairs, reply) => {
                write_pairs(out, b'|', pairs);
                reply.write(out);
            }
        }
    }
}

/// Reads one complete reply from front to back.
struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// The next element, `depth` levels down.
    fn frame(&mut self, depth: usize) -> Result<Frame, ReplyError> {
        if depth > MAX_DEPTH {
            return Err(ReplyError::TooDeep);
        }
        let (marker, line) = self.line()?;
        let invalid = ReplyError::InvalidValue(marker);
        match marker {
            b'+' => Ok(Frame::Simple(line.to_vec())),
            b'-' => Ok(Frame::Error(line.to_vec())),
            b':' => parse_reply_integer(line).map(Frame::Integer).ok_or(invalid),
            b',' => Ok(Frame::Double(line.to_vec())),
            b'(' => Ok(Frame::BigNumber(line.to_vec())),
            b'#' => match line {
                b"t" => Ok(Frame::Boolean(true)),
                b"f" => Ok(Frame::Boolean(false)),
                _ => Err(invalid),
            },
            b'_' if line.is_empty() => Ok(Frame::Null),
            b'$' if line == b"-1" => Ok(Frame::NullBulk),
            b'*' if line == b"-1" => Ok(Frame::NullArray),
            b'$' => Ok(Frame::Bulk(self.string(line)?.to_vec())),
            b'!' => Ok(Frame::BulkError(self.string(line)?.to_vec())),
            b'=' => match self.string(line)? {
                [a, b, c, b':', text @ ..] => Ok(Frame::Verbatim([*a, *b, *c], text.to_vec())),
                _ => Err(invalid),
            },
            b'*' => self.elements(line, depth).map(Frame::Array),
            b'~' => self.elements(line, depth).map(Frame::Set),
            b'>' => self.elements(line, depth).map(Frame::Push),
            b'%' => self.pairs(line, depth).map(Frame::Map),
            b'|' => self.attributed(line, depth),
            _ => Err(invalid),
        }
    }

    /// A reply whose first attribute's head has been read. Attributes in a row are gathered in a loop, for nothing bounds how many there are.
    fn attributed(&mut self, line: &[u8], depth: usize) -> Result<Frame, ReplyError> {
        let mut attributes = self.pairs(line, depth)?;
        while self.rest.first() == Some(&b'|') {
            let (_, line) = self.line()?;
            attributes.append(&mut self.pairs(line, depth)?);
        }
        let reply = self.frame(depth)?;
        Ok(Frame::Attributed(attributes, Box::new(reply)))
    }

    fn elements(&mut self, line: &[u8], depth: usize) -> Result<Vec<Frame>, ReplyError> {
        let count = count_of(line)?;
        let mut elements = Vec::with_capacity(self.bounded(count));
        for _ in 0..count {
            elements.push(self.frame(depth + 1)?);
        }
        Ok(elements)
    }

    fn pairs(&mut self, line: &[u8], depth: usize) -> Result<Vec<(Frame, Frame)>, ReplyError> {
        let count = count_of(line)?;
        let mut pairs = Vec::with_capacity(self.bounded(count));
        for _ in 0..count {
            let key = self.frame(depth + 1)?;
            pairs.push((key, self.frame(depth + 1)?));
        }
        Ok(pairs)
    }

    /// What to reserve for `count` elements: each takes at least three bytes of what is left.
    fn bounded(&self, count: usize) -> usize {
        count.min(self.rest.len() / 3)
    }

    /// A string whose length is `line`.
    fn string(&mut self, line: &[u8]) -> Result<&'a [u8], ReplyError> {
        let length = count_of(line)?;
        let (string, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(ReplyError::InvalidLength)?;
        self.rest = rest
            .strip_prefix(b"\r\n")
            .ok_or(ReplyError::MissingLineEnd)?;
        Ok(string)
    }

    /// The marker and the text of the line at the front.
    fn line(&mut self) -> Result<(u8, &'a [u8]), ReplyError> {
        let end = memchr::memchr(b'\r', self.rest).ok_or(ReplyError::MissingLineEnd)?;
        let [marker, line @ ..] = &self.rest[..end] else {
            return Err(ReplyError::MissingLineEnd);
        };
        self.rest = self.rest.get(end + 2..).unwrap_or_default();
        Ok((*marker, line))
    }
}

/// A length or a count.
fn count_of(line: &[u8]) -> Result<usize, ReplyError> {
    parse_integer(line)
        .and_then(|count| usize::try_from(count).ok())
        .ok_or(ReplyError::InvalidLength)
}

/// The number of an integer reply; unlike in requests a `+` may stand before it.
fn parse_reply_integer(line: &[u8]) -> Option<i64> {
    parse_integer(line.strip_prefix(b"+").unwrap_or(line))
}

fn write_line(out: &mut Vec<u8>, marker: u8, text: &[u8]) {
    out.push(marker);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn write_string(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    write_line(out, marker, itoa::Buffer::new().format(length).as_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_elements(out: &mut Vec<u8>, marker: u8, elements: &[Frame]) {
    write_line(
        out,
        marker,
        itoa::Buffer::new().format(elements.len()).as_bytes(),
    );
    for element in elements {
        element.write(out);
    }
}

fn write_pairs(out: &mut Vec<u8>, marker: u8, pairs: &[(Frame, Frame)]) {
    write_line(
        out,
        marker,
        itoa::Buffer::new().format(pairs.len()).as_bytes(),
    );
    for (key, value) in pairs {
        key.write(out);
        value.write(out);
    }
}
