//! Values → bytes: replies in the shapes of a protocol version, and requests.
//! Pure; appends to a buffer that the caller owns and reuses. Invariant: no value can break the framing.

use super::ErrorReply;
use super::bulk::{Bulks, encode_bulk};
use super::long_reply::{Before, LongReply, put_over};
use super::number::write_double;
use std::ops::Range;

/// Which protocol a client has chosen with HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The default.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// Appends replies to `out` in the shapes of `protocol`.
#[derive(Debug)]
pub struct ReplyWriter<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    /// What stands before `out`, of a reply in pieces.
    before: Option<&'a mut Before>,
}

/// A head still to be written, for a count that is known only afterwards. See [`ReplyWriter::array_later`].
#[derive(Debug)]
#[must_use = "without its head the reply is broken; give it to `finish`"]
pub struct LaterHead {
    position: usize,
    kind: Aggregate,
}

/// The aggregates that a reply can be.
#[derive(Clone, Copy, Debug)]
enum Aggregate {
    Array,
    Map,
    Set,
    Push,
}

impl<'a> ReplyWriter<'a> {
    /// A writer at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self {
            out,
            protocol,
            before: None,
        }
    }

    /// A writer at the end of a reply in pieces.
    pub fn go_on(reply: &'a mut LongReply, protocol: Protocol) -> Self {
        Self {
            out: &mut reply.last,
            protocol,
            before: Some(&mut reply.before),
        }
    }

    /// The protocol in which it writes.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Later replies are in this protocol (HELLO).
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Bytes in the buffer so far, of a reply in pieces in all of them.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.bytes_before() + self.out.len()
    }

    #[inline]
    fn bytes_before(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.bytes)
    }

    /// Takes back all that was written after `position`.
    pub fn truncate(&mut self, position: usize) {
        if let Some(before) = &mut self.before {
            while position < before.bytes
                && let Some(piece) = before.take_last()
            {
                *self.out = piece;
            }
        }
        let position = position.saturating_sub(self.bytes_before());
        self.out.truncate(position);
    }

    /// Appends bytes that already are RESP.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends a whole reply that is RESP already; where nothing stands before it, it is kept as it is.
    pub fn whole(&mut self, reply: Vec<u8>) {
        if self.out.is_empty() {
            *self.out = reply;
        } else {
            self.raw(&reply);
        }
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `+text`. Line ends inside become blanks.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.line(text.as_bytes());
    }

    /// `-PREFIX text`. Line ends inside become blanks.
    pub fn error(&mut self, error: &ErrorReply) {
        self.out.push(b'-');
        error.write_text(self.out);
        self.raw(b"\r\n");
    }

    /// `:n`.
    pub fn integer(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(digit @ 0..=9) => self.raw(&[b':', b'0' + digit, b'\r', b'\n']),
            _ => {
                self.out.push(b':');
                self.raw(itoa::Buffer::new().format(value).as_bytes());
                self.raw(b"\r\n");
            }
        }
    }

    /// `$len bytes`.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        encode_bulk(self.out, bytes);
    }

    /// Many of them, written in a row.
    #[inline]
    pub fn bulks(&mut self) -> Bulks<'_> {
        Bulks::new(self.out)
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// `$-1`, or `_` in RESP3.
    pub fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"$-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// `*-1`, or `_` in RESP3.
    pub fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"*-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// The head of an array of `len` elements.
    pub fn array(&mut self, len: usize) {
        write_head(self.out, b'*', len);
    }

    /// The head of a map of `pairs` pairs: `%pairs`, or an array of twice as many.
    pub fn map(&mut self, pairs: usize) {
        self.aggregate(Aggregate::Map, pairs);
    }

    /// The head of a set: `~len`, or an array.
    pub fn set(&mut self, len: usize) {
        self.aggregate(Aggregate::Set, len);
    }

    /// The head of a push message: `>len`, or an array.
    pub fn push(&mut self, len: usize) {
        self.aggregate(Aggregate::Push, len);
    }

    /// The head of an attribute of `pairs` pairs, which precedes the reply it describes. RESP3 only, for RESP2 has no place for it.
    ///
    /// # Panics
    /// In RESP2: the caller's mistake.
    pub fn attribute(&mut self, pairs: usize) {
        assert_eq!(self.protocol, Protocol::Resp3, "RESP2 has no attributes");
        write_head(self.out, b'|', pairs);
    }

    /// An array whose length is known only when its elements have been written: [`Self::finish`] puts the head before them.
    pub fn array_later(&mut self) -> LaterHead {
        self.later(Aggregate::Array)
    }

    /// As [`Self::array_later`], for a map (count in pairs).
    pub fn map_later(&mut self) -> LaterHead {
        self.later(Aggregate::Map)
    }

    /// As [`Self::array_later`], for a set.
    pub fn set_later(&mut self) -> LaterHead {
        self.later(Aggregate::Set)
    }

    /// Writes the head for `count` elements (pairs for a map) before all that was written since. Inner heads are finished before outer ones.
    ///
    /// # Panics
    /// When what was written since has been taken back together with the head's place, or a piece of the reply has ended since.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "consumed: a head is written once"
    )]
    pub fn finish(&mut self, head: LaterHead, count: usize) {
        let LaterHead { position, kind } = head;
        let position = position
            .checked_sub(self.bytes_before())
            .expect("a head is finished before its piece ends");
        let end = self.out.len();
        let place = position..position + PLACEHOLDER.len();
        assert!(place.end <= end, "the place of the head is gone");
        self.aggregate(kind, count);
        if self.out.len() - end == PLACEHOLDER.len() {
            self.out.copy_within(end.., position);
            self.out.truncate(end);
        } else {
            let written = self.out.split_off(end);
            self.out.splice(place, written);
        }
    }

    /// Puts bytes that are RESP already in the place of others: a head that was estimated.
    ///
    /// # Panics
    /// When those were not written: the caller's mistake.
    pub fn replace(&mut self, place: Range<usize>, bytes: &[u8]) {
        let before = self.bytes_before();
        if place.start >= before {
            put_over(self.out, place.start - before..place.end - before, bytes);
        } else if let Some(before) = &mut self.before {
            before.replace(place, bytes);
        }
    }

    /// Moves what was written from `from` on before all that was written from `to` on: for what is known last but stands first (SCAN's cursor).
    ///
    /// # Panics
    /// When `to ≤ from ≤` [`Self::position`] does not hold, or a piece of the reply has ended since: the caller's mistake.
    pub fn move_back(&mut self, from: usize, to: usize) {
        let before = self.bytes_before();
        let (from, to) = (from - before, to - before);
        let moved = self.out.len() - from;
        self.out[to..].rotate_right(moved);
    }

    /// `,value`, or a bulk string with 17 significant digits as Redis prints them.
    pub fn double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(LONGEST_DOUBLE);
        write_double(&mut text, value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(&text),
            Protocol::Resp3 => {
                self.out.push(b',');
                self.line(&text);
            }
        }
    }

    /// A double whose text is known already: `,text`, or a bulk string.
    pub fn double_text(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b',');
                self.line(text.as_bytes());
            }
        }
    }

    /// `#t` / `#f`, or `:1` / `:0`.
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.protocol, value) {
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        });
    }

    /// `(digits`, or a bulk string. `digits` is a decimal integer of any length.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b'(');
                self.line(digits.as_bytes());
            }
        }
    }

    /// `=len txt:…` (format is 3 bytes, such as `txt`), or a bulk string.
    ///
    /// # Panics
    /// When the format is not 3 bytes: the caller's mistake.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert_eq!(format.len(), 3, "a verbatim format is 3 bytes");
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                write_head(self.out, b'=', text.len() + 4);
                self.raw(format.as_bytes());
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// The rest of a line, whose bytes may be a user's.
    fn line(&mut self, text: &[u8]) {
        let start = self.out.len();
        self.raw(text);
        blank_line_ends(&mut self.out[start..]);
        self.raw(b"\r\n");
    }

    fn aggregate(&mut self, kind: Aggregate, count: usize) {
        let (marker, count) = match (self.protocol, kind) {
            (Protocol::Resp2, Aggregate::Map) => (b'*', count * 2),
            (Protocol::Resp3, Aggregate::Map) => (b'%', count),
            (Protocol::Resp3, Aggregate::Set) => (b'~', count),
            (Protocol::Resp3, Aggregate::Push) => (b'>', count),
            (_, Aggregate::Array) | (Protocol::Resp2, Aggregate::Set | Aggregate::Push) => {
                (b'*', count)
            }
        };
        write_head(self.out, marker, count);
    }

    fn later(&mut self, kind: Aggregate) -> LaterHead {
        let position = self.position();
        self.raw(PLACEHOLDER);
        LaterHead { position, kind }
    }
}

/// Room for the head of up to nine elements; longer heads push what follows aside.
const PLACEHOLDER: &[u8; 4] = b"*0\r\n";

/// `-1.7976931348623157e+308`.
const LONGEST_DOUBLE: usize = 24;

/// Appends a request in the multibulk form: what a proxy sends for a split or an inline command, and what the log stores.
pub fn encode_request<I>(out: &mut Vec<u8>, args: I)
where
    I: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<[u8]>>,
{
    let args = args.into_iter();
    encode_request_head(out, args.len());
    for arg in args {
        encode_bulk(out, arg.as_ref());
    }
}

/// Appends what stands before the arguments of a request that has so many.
pub fn encode_request_head(out: &mut Vec<u8>, args: usize) {
    write_head(out, b'*', args);
}

/// Line ends in a line would end it: they become blanks, as in Redis.
pub(super) fn blank_line_ends(line: &mut [u8]) {
    let mut from = 0;
    while let Some(index) = memchr::memchr2(b'\r', b'\n', &line[from..]) {
        line[from + index] = b' ';
        from += index + 1;
    }
}

/// `marker`, a length, a line end.
#[inline]
pub(super) fn write_head(out: &mut Vec<u8>, marker: u8, len: usize) {
    match u8::try_from(len) {
        Ok(ones @ 0..=9) => out.extend_from_slice(&[marker, b'0' + ones, b'\r', b'\n']),
        Ok(tens @ 10..=99) => {
            out.extend_from_slice(&[marker, b'0' + tens / 10, b'0' + tens % 10, b'\r', b'\n']);
        }
        _ => {
            out.push(marker);
            out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `write` writes in each protocol.
    fn check(write: impl Fn(&mut ReplyWriter<'_>), resp2: &str, resp3: &str) {
        for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut out = b"before".to_vec();
            write(&mut ReplyWriter::new(&mut out, protocol));
            let written = out.strip_prefix(b"before").unwrap();
            assert_eq!(
                written.escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string()
            );
        }
    }

    fn check_both(write: impl Fn(&mut ReplyWriter<'_>), expected: &str) {
        check(write, expected, expected);
    }

    #[test]
    fn what_both_protocols_have_is_the_same_in_both() {
        check_both(
            |reply| {
                reply.ok();
            },
            "+OK\r\n",
        );
        check_both(|reply| reply.simple("PONG"), "+PONG\r\n");
        check_both(
            |reply| reply.error(&ErrorReply::Syntax),
            "-ERR syntax error\r\n",
        );
        for value in [0, 7, 9, 10, 99, 100, -1, i64::MAX, i64::MIN] {
            check_both(|reply| reply.integer(value), &format!(":{value}\r\n"));
            let text = value.to_string();
            check_both(
                |reply| reply.bulk_integer(value),
                &format!("${}\r\n{text}\r\n", text.len()),
            );
        }
        for length in [0, 1, 9, 10, 42, 99, 100, 255, 256, 1000, 70_000] {
            let text = "x".repeat(length);
            check_both(
                |reply| reply.bulk(text.as_bytes()),
                &format!("${length}\r\n{text}\r\n"),
            );
            check_both(|reply| reply.array(length), &format!("*{length}\r\n"));
        }
    }

    #[test]
    fn an_estimated_head_is_replaced() {
        for (estimate, head) in [
            (3, "*3\r\n"),
            (2, "*3\r\n"),
            (3, "*12\r\n"),
            (1000, "*0\r\n"),
        ] {
            let write = |reply: &mut ReplyWriter<'_>| {
                let start = reply.position();
                reply.array(estimate);
                let place = start..reply.position();
                reply.integer(5);
                reply.replace(place, head.as_bytes());
            };
            check_both(write, &format!("{head}:5\r\n"));
        }
    }

    #[test]
    fn what_resp2_lacks_it_says_otherwise() {
        check(
            |reply| {
                reply.null();
            },
            "$-1\r\n",
            "_\r\n",
        );
        check(
            |reply| {
                reply.null_array();
            },
            "*-1\r\n",
            "_\r\n",
        );
        check(|reply| reply.map(3), "*6\r\n", "%3\r\n");
        check(|reply| reply.set(3), "*3\r\n", "~3\r\n");
        check(|reply| reply.push(3), "*3\r\n", ">3\r\n");
        check(|reply| reply.boolean(true), ":1\r\n", "#t\r\n");
        check(|reply| reply.boolean(false), ":0\r\n", "#f\r\n");
        check(
            |reply| reply.double(0.1),
            "$19\r\n0.10000000000000001\r\n",
            ",0.10000000000000001\r\n",
        );
        check(|reply| reply.double(3.0), "$1\r\n3\r\n", ",3\r\n");
        check(
            |reply| reply.double(f64::NEG_INFINITY),
            "$4\r\n-inf\r\n",
            ",-inf\r\n",
        );
        check(|reply| reply.big_number("123"), "$3\r\n123\r\n", "(123\r\n");
        check(
            |reply| reply.verbatim("txt", b"a\r\nb"),
            "$4\r\na\r\nb\r\n",
            "=8\r\ntxt:a\r\nb\r\n",
        );
    }

    #[test]
    fn line_ends_inside_a_line_become_blanks() {
        check_both(|reply| reply.simple("a\r\nb\n"), "+a  b \r\n");
    }

    #[test]
    fn a_head_may_come_after_its_elements() {
        for count in [0, 1, 9, 10, 11, 1000] {
            let write = |reply: &mut ReplyWriter<'_>, later: bool| {
                let head = later.then(|| reply.map_later());
                if !later {
                    reply.map(count);
                }
                for key in 0..i64::try_from(count).unwrap() {
                    reply.integer(key);
                    let inner = later.then(|| reply.array_later());
                    if !later {
                        reply.array(2);
                    }
                    reply.bulk(b"a");
                    reply.bulk(b"b");
                    if let Some(inner) = inner {
                        reply.finish(inner, 2);
                    }
                }
                if let Some(head) = head {
                    reply.finish(head, count);
                }
            };
            for protocol in [Protocol::Resp2, Protocol::Resp3] {
                let mut now = Vec::new();
                write(&mut ReplyWriter::new(&mut now, protocol), false);
                let mut later = Vec::new();
                write(&mut ReplyWriter::new(&mut later, protocol), true);
                assert_eq!(now, later);
            }
        }
    }

    #[test]
    fn requests_are_multibulk() {
        let mut out = Vec::new();
        encode_request(&mut out, ["SET", "k", "v w"]);
        encode_request(&mut out, [b"PING".to_vec()]);
        assert_eq!(
            out,
            b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nv w\r\n*1\r\n$4\r\nPING\r\n"
        );
    }
}
