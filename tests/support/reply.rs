//! One reply of RESP2 or RESP3 as a value, read without loss: two replies are equal exactly when their bytes are.
//! Reads from a stream; decides nothing. Written apart from the product's own codec on purpose.

use std::fmt;
use std::io::{self, BufRead, Read};

/// Deepest nesting that a test reads; Redis itself nests no deeper than 6.
const DEPTH: usize = 32;

/// Most bytes or elements that a test believes in a header.
const LENGTH: i64 = 512 * 1024 * 1024;

/// A reply with its type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reply {
    /// `+text`
    Simple(Vec<u8>),
    /// `-text`
    Error(Vec<u8>),
    /// `:n`
    Integer(i64),
    /// `$len bytes`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*len …`
    Array(Vec<Reply>),
    /// `%len …`, keys and values in turn.
    Map(Vec<Reply>),
    /// `~len …`
    Set(Vec<Reply>),
    /// `>len …`
    Push(Vec<Reply>),
    /// `,text`
    Double(Vec<u8>),
    /// `#t` or `#f`
    Boolean(bool),
    /// `=len fmt:text`, format included.
    Verbatim(Vec<u8>),
    /// `(digits`
    BigNumber(Vec<u8>),
}

impl Reply {
    /// `+OK`
    pub(crate) fn ok() -> Self {
        Self::Simple(b"OK".to_vec())
    }

    /// A bulk string.
    pub(crate) fn bulk(text: impl AsRef<[u8]>) -> Self {
        Self::Bulk(text.as_ref().to_vec())
    }

    /// The text of an error, if it is one.
    pub(crate) fn error_text(&self) -> Option<String> {
        match self {
            Self::Error(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        }
    }

    /// The bytes of a string of any kind; panics for everything else.
    pub(crate) fn text(&self) -> String {
        let bytes = match self {
            Self::Simple(text) | Self::Bulk(text) | Self::Error(text) | Self::Double(text) => text,
            Self::Verbatim(text) => text.get(4..).unwrap_or_default(),
            other => panic!("not a string: {other:?}"),
        };
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The integer; panics for everything else.
    pub(crate) fn integer(&self) -> i64 {
        match self {
            Self::Integer(value) => *value,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// The elements of an array, set, push or map; panics for everything else.
    pub(crate) fn elements(&self) -> &[Reply] {
        match self {
            Self::Array(elements)
            | Self::Set(elements)
            | Self::Push(elements)
            | Self::Map(elements) => elements,
            other => panic!("not an aggregate: {other:?}"),
        }
    }

    /// Whether it is a null of any kind.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::NullBulk | Self::NullArray | Self::Null)
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// The stream's own; `UnexpectedEof` when it ended; `InvalidData` for what is not RESP or not in its canonical form.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Self> {
        Self::read_nested(stream, 0)
    }

    fn read_nested(stream: &mut impl BufRead, depth: usize) -> io::Result<Self> {
        if depth > DEPTH {
            return Err(invalid("nested too deep", b""));
        }
        let line = read_line(stream)?;
        let (kind, rest) = line
            .split_first()
            .ok_or_else(|| invalid("empty line", &line))?;
        let elements = |stream: &mut _, per_item: i64| -> io::Result<Vec<Self>> {
            let count = length(rest)? * per_item;
            (0..count)
                .map(|_| Self::read_nested(stream, depth + 1))
                .collect()
        };
        Ok(match kind {
            b'+' => Self::Simple(rest.to_vec()),
            b'-' => Self::Error(rest.to_vec()),
            b':' => Self::Integer(number(rest)?),
            b'$' if rest == b"-1" => Self::NullBulk,
            b'$' => Self::Bulk(read_bulk(stream, length(rest)?)?),
            b'*' if rest == b"-1" => Self::NullArray,
            b'*' => Self::Array(elements(stream, 1)?),
            b'_' if rest.is_empty() => Self::Null,
            b'%' => Self::Map(elements(stream, 2)?),
            b'~' => Self::Set(elements(stream, 1)?),
            b'>' => Self::Push(elements(stream, 1)?),
            b',' => Self::Double(rest.to_vec()),
            b'#' if rest == b"t" => Self::Boolean(true),
            b'#' if rest == b"f" => Self::Boolean(false),
            b'=' => Self::Verbatim(read_bulk(stream, length(rest)?)?),
            b'(' => Self::BigNumber(rest.to_vec()),
            _ => return Err(invalid("not a reply", &line)),
        })
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(line.to_vec()),
        None => Err(invalid("line without end", &line)),
    }
}

fn read_bulk(stream: &mut impl BufRead, length: i64) -> io::Result<Vec<u8>> {
    let length = u64::try_from(length).expect("checked by length()");
    let mut bytes = Vec::new();
    stream.take(length + 2).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length + 2 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if !bytes.ends_with(b"\r\n") {
        return Err(invalid("bulk without end", &bytes));
    }
    bytes.truncate(bytes.len() - 2);
    Ok(bytes)
}

fn number(text: &[u8]) -> io::Result<i64> {
    let parsed = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<i64>().ok().filter(|n| n.to_string() == text));
    parsed.ok_or_else(|| invalid("not a canonical integer", text))
}

fn length(text: &[u8]) -> io::Result<i64> {
    match number(text)? {
        length @ 0..=LENGTH => Ok(length),
        _ => Err(invalid("length out of range", text)),
    }
}

fn invalid(what: &str, bytes: &[u8]) -> io::Error {
    let shown = bytes.get(..200).unwrap_or(bytes);
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what}: {:?}", String::from_utf8_lossy(shown)),
    )
}

impl fmt::Debug for Reply {
    /// Close to what `redis-cli` prints, with the type; long strings are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = |open: &str, elements: &[Self]| {
            write!(f, "{open}")?;
            for (index, element) in elements.iter().enumerate() {
                if index == 40 {
                    write!(f, ", … {} in all", elements.len())?;
                    break;
                }
                write!(f, "{}{element:?}", if index > 0 { ", " } else { "" })?;
            }
            write!(f, "]")
        };
        match self {
            Self::Simple(text) => write!(f, "+{}", shown(text)),
            Self::Error(text) => write!(f, "-{}", shown(text)),
            Self::Integer(value) => write!(f, ":{value}"),
            Self::Bulk(text) => write!(f, "\"{}\"", shown(text)),
            Self::NullBulk => write!(f, "$-1"),
            Self::NullArray => write!(f, "*-1"),
            Self::Null => write!(f, "_"),
            Self::Array(elements) => list("[", elements),
            Self::Map(elements) => list("%[", elements),
            Self::Set(elements) => list("~[", elements),
            Self::Push(elements) => list(">[", elements),
            Self::Double(text) => write!(f, ",{}", shown(text)),
            Self::Boolean(value) => write!(f, "#{value}"),
            Self::Verbatim(text) => write!(f, "={}", shown(text)),
            Self::BigNumber(text) => write!(f, "({}", shown(text)),
        }
    }
}

/// Bytes as people read them, cut after 300.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let cut = bytes.get(..300).unwrap_or(bytes);
    let mut text = cut.escape_ascii().to_string();
    if cut.len() < bytes.len() {
        text.push_str(&format!("… {} bytes", bytes.len()));
    }
    text
}

#[test]
fn replies_of_every_type_are_read_without_loss() {
    let check = |bytes: &[u8], expected: &str| {
        let reply = Reply::read(&mut io::BufReader::new(bytes));
        let got = reply.map_or_else(|error| error.to_string(), |reply| format!("{reply:?}"));
        assert_eq!(got, expected);
    };
    check(b"+OK\r\n", "+OK");
    check(b"*2\r\n$2\r\nab\r\n:-7\r\n", "[\"ab\", :-7]");
    check(b"%1\r\n+a\r\n_\r\n", "%[+a, _]");
    check(b"=6\r\ntxt:ab\r\n", "=txt:ab");
    check(b"*-1\r\n", "*-1");
    check(b"$-1\r\n", "$-1");
    check(b":+5\r\n", "not a canonical integer: \"+5\"");
    check(b"$3\r\nabcd\r\n", "bulk without end: \"abcd\\r\"");
    check(b"!boom\r\n", "not a reply: \"!boom\"");
}
