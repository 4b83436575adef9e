//! The few things that must be read out of a node's reply: is it an error, an integer, which elements has it.
//! Pure. Reads only replies that [`ReplyScanner`] has found to be complete.

use shared::resp::{ReplyScanner, parse_integer};

/// Whether it is an error.
#[inline]
pub(crate) fn is_error(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'-' | b'!'))
}

/// Whether it is a null of either protocol.
pub(crate) fn is_null(reply: &[u8]) -> bool {
    matches!(reply, b"$-1\r\n" | b"*-1\r\n" | b"_\r\n")
}

/// The value of an integer.
pub(crate) fn integer(reply: &[u8]) -> Option<i64> {
    parse_integer(reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?)
}

/// The value of a double in the shape of either protocol.
pub(crate) fn double(reply: &[u8]) -> Option<f64> {
    let text = match reply.strip_prefix(b",") {
        Some(line) => line.strip_suffix(b"\r\n")?,
        None => bulk(reply)?,
    };
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An unsigned number without a sign, as cursors are written.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The bytes of a bulk or verbatim string.
pub(crate) fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let (marker, header_end) = (reply.first()?, line_end(reply)?);
    let text = reply.get(header_end..reply.len().checked_sub(2)?)?;
    match marker {
        b'$' => Some(text),
        // `txt:` before the text.
        b'=' => text.get(4..),
        _ => None,
    }
}

/// Where the line behind the first one begins.
fn line_end(reply: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', reply).map(|at| at + 1)
}

/// Where the bulk string ends that begins here. What was scanned as a whole need not be scanned again to be cut.
fn string_end(reply: &[u8]) -> Option<usize> {
    let digits = reply.get(1..)?;
    let mut length = 0_usize;
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                let digit = usize::from(byte - b'0');
                length = length.checked_mul(10)?.checked_add(digit)?;
            }
            // The marker, the digits, two line ends.
            _ => return length.checked_add(1 + at + 2 + 2),
        }
    }
    None
}

/// The elements of an array, a set or a push; of a map, keys and values in turn.
#[derive(Debug)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Elements<'a> {
    /// `None` when it has none: an integer, a string, a null.
    pub(crate) fn of(reply: &'a [u8]) -> Option<Self> {
        let width = match reply.first()? {
            b'*' | b'~' | b'>' => 1,
            b'%' => 2,
            _ => return None,
        };
        let end = line_end(reply)?;
        let count: usize = std::str::from_utf8(reply.get(1..end.checked_sub(2)?)?)
            .ok()?
            .parse()
            .ok()?;
        Some(Self {
            rest: &reply[end..],
            left: count.checked_mul(width)?,
        })
    }

    /// Those that are still to come, as they lie.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// How many are still to come.
    pub(crate) fn len(&self) -> usize {
        self.left
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let end = match self.rest {
            [b'$', b'0'..=b'9', ..] => string_end(self.rest)?,
            rest => ReplyScanner::default().scan(rest).ok().flatten()?,
        };
        if end > self.rest.len() {
            return None;
        }
        let (element, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_far_as_needed() {
        assert!(is_error(b"-ERR x\r\n") && is_error(b"!5\r\nERR x\r\n") && !is_error(b"+OK\r\n"));
        assert!(is_null(b"_\r\n") && is_null(b"$-1\r\n") && !is_null(b"$0\r\n\r\n"));
        assert_eq!(integer(b":-12\r\n"), Some(-12));
        assert_eq!(integer(b"+12\r\n"), None);
        assert_eq!(bulk(b"$3\r\na\r\n\r\n"), Some(&b"a\r\n"[..]));
        assert_eq!(bulk(b"=7\r\ntxt:abc\r\n"), Some(&b"abc"[..]));
        assert_eq!(bulk(b"$-1\r\n"), None);
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"-1"), None);
        assert_eq!(decimal(b""), None);
        assert_eq!(double(b",-inf\r\n"), Some(f64::NEG_INFINITY));
        assert_eq!(double(b"$5\r\n1e+20\r\n"), Some(1e20));
        assert_eq!(double(b":1\r\n"), None);
    }

    #[test]
    fn elements_come_one_by_one() {
        let check = |reply: &[u8], expected: &[&[u8]]| {
            let elements: Vec<&[u8]> = Elements::of(reply).unwrap().collect();
            assert_eq!(elements, expected);
        };
        check(b"*0\r\n", &[]);
        check(
            b"*4\r\n$0\r\n\r\n$10\r\n0123\r\n6789\r\n$-1\r\n$1\r\na\r\n",
            &[
                b"$0\r\n\r\n",
                b"$10\r\n0123\r\n6789\r\n",
                b"$-1\r\n",
                b"$1\r\na\r\n",
            ],
        );
        check(b"*1\r\n$5\r\nab\r\n", &[]);
        check(
            b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
            &[b"*1\r\n:1\r\n", b"$1\r\na\r\n"],
        );
        check(b"%1\r\n+a\r\n:1\r\n", &[b"+a\r\n", b":1\r\n"]);
        assert!(Elements::of(b"*-1\r\n").is_none());
        assert!(Elements::of(b":1\r\n").is_none());
    }
}
