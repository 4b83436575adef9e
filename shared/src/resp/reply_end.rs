//! Where does a reply end? Scans RESP2 and RESP3 without decoding; iterative, resumable at any byte; how deep aggregates lie in each other costs nothing, for only the elements that are missing are counted.
//! Pure. Never allocates; never reads a byte twice; the contents of bulk strings are never read at all.

use super::number::{parse_integer, short_header};

/// Aggregates inside each other that are decoded. Redis' own replies (COMMAND DOCS) need about ten; those of scripts, which nobody decodes here, may have thousands.
pub const MAX_DEPTH: usize = 32;

/// Longest bulk string or line in a reply, bytes: what Redis' `proto-max-bulk-len` allows a value to be, and what a BITFIELD that begins in its last byte adds.
pub const MAX_REPLY_STRING_BYTES: usize = 512 * 1024 * 1024 + 8;

/// Most elements that an aggregate may announce: as many keys as a Redis database can hold.
const MAX_ELEMENTS: i64 = 1 << 32;

/// Up to here the line end of an integer is searched byte by byte.
const LONGEST_SHORT_LINE: usize = 12;

/// What every verbatim string begins with: `txt:`.
const VERBATIM_FORMAT_BYTES: usize = 4;

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
    /// Deeper than [`MAX_DEPTH`]; only decoding minds.
    #[error("a reply is nested too deeply")]
    TooDeep,
    /// The text behind this marker does not mean what it should; only decoding looks at it.
    #[error("invalid value behind '{}' in a reply", .0.escape_ascii())]
    InvalidValue(u8),
    /// CR LF is not where it should be.
    #[error("a line end is missing in a reply")]
    MissingLineEnd,
}

/// Finds the end of the next reply in a growing buffer.
#[derive(Clone, Debug, Default)]
pub struct ReplyScanner {
    /// The next byte to look at.
    position: usize,
    /// A reply has been begun.
    is_begun: bool,
    /// At `position` is a string, or the rest of one, whose content goes on for so many bytes.
    string_left: Option<usize>,
    /// Up to here the line that begins at `position` is known to have no end.
    searched: usize,
    /// Elements that are missing, of all aggregates that are open; the reply itself is one.
    missing: u64,
}

impl ReplyScanner {
    /// Scans `bytes`, which start at the first byte of a reply (behind those that [`Self::pass`] gave away) and are the same as last time, or longer.
    /// `Some(end)`: the reply is `bytes[..end]`, and the scanner is ready for the next one. `None`: more bytes are needed.
    ///
    /// Attributes belong to the reply that follows them. After an error the scanner, like its connection, is of no more use.
    ///
    /// # Errors
    /// [`ReplyError`]: not RESP, or too large.
    #[inline]
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        if !self.is_begun
            && let Some(end) = short_reply(bytes)
        {
            self.searched = 0;
            return Ok(Some(end));
        }
        self.scan_elements(bytes)
    }

    /// Element by element until the reply is complete.
    fn scan_elements(&mut self, bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        if !self.is_begun {
            self.is_begun = true;
            self.missing = 1;
        }
        loop {
            match self.element(bytes)? {
                None => return Ok(None),
                Some(Element::Single) => self.missing -= 1,
                Some(Element::Aggregate(elements)) => {
                    self.missing -= 1;
                    self.open(elements)?;
                }
                // What the attribute describes is still missing.
                Some(Element::Attribute(elements)) => self.open(elements)?,
            }
            if self.missing == 0 {
                let end = self.position;
                self.position = 0;
                self.is_begun = false;
                self.searched = 0;
                return Ok(Some(end));
            }
        }
    }

    /// Where the string ends in the middle of which the bytes that were scanned end, its line end included.
    #[must_use]
    pub fn expected_bytes(&self) -> Option<usize> {
        self.string_left.map(|left| self.position + left + 2)
    }

    /// Of `length` bytes that were scanned and have no end yet, so many need not be seen again: they may go on to whoever waits for them, and the next scan
    /// begins behind them. Fewer than `length`.
    pub fn pass(&mut self, length: usize) -> usize {
        let known = self.position + self.string_left.unwrap_or(0);
        let passed = known.min(length.saturating_sub(1));
        if let Some(left) = &mut self.string_left {
            *left -= passed.saturating_sub(self.position);
        }
        self.position = self.position.saturating_sub(passed);
        self.searched = self.searched.saturating_sub(passed);
        passed
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
    /// Reads what is at `position`, and moves behind it. `None`: it is not complete; of a string no more than its head is passed.
    fn element(&mut self, bytes: &[u8]) -> Result<Option<Element>, ReplyError> {
        if let Some(left) = self.string_left {
            return self.string_end(bytes, left);
        }
        let rest = bytes.get(self.position..).unwrap_or_default();
        if let Some(length) = short_reply(rest) {
            self.position += length;
            return Ok(Some(Element::Single));
        }
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
        if header.first() == Some(&b'=') && length < VERBATIM_FORMAT_BYTES {
            return Err(ReplyError::InvalidLength);
        }
        self.position = end + 2;
        self.string_end(bytes, length)
    }

    /// The end of the string at `position` of which `left` bytes of content are to come.
    fn string_end(&mut self, bytes: &[u8], left: usize) -> Result<Option<Element>, ReplyError> {
        let end = self.position + left;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {
                self.string_left = None;
                self.position = end + 2;
                Ok(Some(Element::Single))
            }
            Some(_) => Err(ReplyError::MissingLineEnd),
            None => {
                self.string_left = Some(left);
                Ok(None)
            }
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
        let missing = self.missing.checked_add(elements);
        self.missing = missing.ok_or(ReplyError::TooManyElements)?;
        Ok(())
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

/// The end of what is at the front of `bytes` if it has one of the forms that most replies have, and is complete: a string, or a short line.
#[inline(always)]
fn short_reply(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'+', b'O', b'K', b'\r', b'\n', ..] | [b'$', b'-', b'1', b'\r', b'\n', ..] => Some(5),
        [b'$', ..] => {
            let (length, header) = short_header(bytes, b'$')?;
            let end = header + length as usize;
            (bytes.get(end..)?.first_chunk() == Some(b"\r\n")).then_some(end + 2)
        }
        [b':', rest @ ..] => {
            // Numbers are short: a loop is faster than a search that has to be called.
            let end = rest
                .iter()
                .take(LONGEST_SHORT_LINE)
                .position(|byte| *byte == b'\r')?;
            (*rest.get(end + 1)? == b'\n').then_some(end + 3)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of `input`, whole and arriving byte by byte.
    fn check(input: &[u8], expected: Result<Option<usize>, ReplyError>) {
        let shown = input.escape_ascii();
        let whole = ReplyScanner::default().scan(input);
        assert_eq!(whole, expected, "{shown}");
        let mut scanner = ReplyScanner::default();
        let mut found = Ok(None);
        for end in 0..=input.len() {
            found = scanner.scan(&input[..end]);
            if found != Ok(None) {
                break;
            }
        }
        assert_eq!(found, expected, "{shown} byte by byte");
    }

    #[test]
    fn replies_of_every_type_end_where_they_end() {
        for reply in [
            "+OK\r\n",
            "+\r\n",
            "-ERR no\r\n",
            ":1\r\n",
            ":-123456\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "$0\r\n\r\n",
            "$3\r\nabc\r\n",
            "$12\r\nabcdefghi\r\nj\r\n",
            "*0\r\n",
            "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
            "*2\r\n*0\r\n*2\r\n*-1\r\n$-1\r\n",
            "_\r\n",
            "#t\r\n",
            ",1.5\r\n",
            "(123456789012345678901234567890\r\n",
            "!5\r\nERR x\r\n",
            "=7\r\ntxt:abc\r\n",
            "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n",
            "~2\r\n:1\r\n:2\r\n",
            ">2\r\n+message\r\n+x\r\n",
            "|1\r\n+ttl\r\n:10\r\n$1\r\na\r\n",
            "|0\r\n+OK\r\n",
            "|1\r\n+a\r\n*0\r\n|2\r\n+a\r\n:1\r\n+b\r\n:2\r\n*2\r\n|1\r\n+x\r\n+y\r\n:1\r\n:2\r\n",
            "*1\r\n|1\r\n+a\r\n%1\r\n+b\r\n+c\r\n%0\r\n",
        ] {
            check(reply.as_bytes(), Ok(Some(reply.len())));
            check(
                format!("{reply}+NEXT\r\n").as_bytes(),
                Ok(Some(reply.len())),
            );
            for end in 0..reply.len() {
                check(&reply.as_bytes()[..end], Ok(None));
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        let cases: [(&str, ReplyError); 17] = [
            ("=3\r\n", ReplyError::InvalidLength),
            ("PONG\r\n", ReplyError::UnknownType(b'P')),
            ("\r\n", ReplyError::UnknownType(b'\r')),
            ("$?\r\n", ReplyError::Streamed),
            ("*?\r\n", ReplyError::Streamed),
            (";4\r\n", ReplyError::Streamed),
            (".\r\n", ReplyError::Streamed),
            ("$-2\r\n", ReplyError::InvalidLength),
            ("$abc\r\n", ReplyError::InvalidLength),
            ("*-2\r\n", ReplyError::InvalidLength),
            ("%-1\r\n", ReplyError::InvalidLength),
            ("!-1\r\n", ReplyError::InvalidLength),
            ("$536870921\r\n", ReplyError::TooLong),
            ("*4294967297\r\n", ReplyError::TooManyElements),
            ("%9223372036854775807\r\n", ReplyError::TooManyElements),
            ("+a\rb\r\n", ReplyError::MissingLineEnd),
            ("$1\r\nabc", ReplyError::MissingLineEnd),
        ];
        for (input, error) in cases {
            check(input.as_bytes(), Err(error));
        }
    }

    #[test]
    fn nesting_costs_nothing() {
        for depth in [MAX_DEPTH, MAX_DEPTH + 1, 8_000] {
            let nested = [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
            check(&nested, Ok(Some(nested.len())));
        }
        check(&b"|1\r\n".repeat(8_000), Ok(None));
    }

    #[test]
    fn announced_elements_do_not_multiply() {
        let input = b"*4294967296\r\n".repeat(MAX_DEPTH);
        assert_eq!(ReplyScanner::default().scan(&input), Ok(None));
    }

    #[test]
    fn a_scanner_finds_one_reply_after_the_other() {
        let mut scanner = ReplyScanner::default();
        let input = b"+OK\r\n*2\r\n:1\r\n$1\r\na\r\n$3\r\nabc\r\n:5\r\n$-1\r\n+PONG\r\n";
        let mut rest = input.as_slice();
        let mut ends = Vec::new();
        while let Ok(Some(end)) = scanner.scan(rest) {
            ends.push(end);
            rest = &rest[end..];
        }
        assert_eq!(ends, [5, 15, 9, 4, 5, 7]);
        assert_eq!(rest, b"");
    }
}
