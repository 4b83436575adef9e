//! Reads requests and replies as they pass between clients and nodes: whole ones, which were scanned before.
//! Pure. Never: copies them. Bounds: [`MOST_ARGS`] of a request are looked at; what is not of the expected form ends the look.

use shared::resp::{ArgRange, ReplyScanner, parse_integer};

/// Arguments of one request that are looked at: keys behind them are not counted.
pub(super) const MOST_ARGS: usize = 1_024;

/// Requests of a client to one node that were answered one after the other, and the answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passing<'a> {
    /// Requests, one behind the other.
    pub(crate) requests: &'a [u8],
    /// How many there are.
    pub(crate) total: u32,
    /// Those of them, from the first one on, that were answered before.
    pub(crate) before: u32,
    /// Those behind these that are answered now, at least one.
    pub(crate) count: u32,
    /// The answers.
    pub(crate) replies: Replies<'a>,
    /// The database of all of them.
    pub(crate) database: u32,
}

/// Answers as they are here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Replies<'a> {
    /// One behind the other.
    Here(&'a [u8]),
    /// One of so many bytes, which has gone on its way in pieces.
    Flown(usize),
}

/// What a node has said to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// This.
    Whole(&'a [u8]),
    /// So many bytes of something.
    Bytes(usize),
}

/// What is in an answer to somebody who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Something,
    Nothing,
    /// It does not say: a number, a status, an error.
    Unsaid,
}

impl<'a> Answer<'a> {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Whole(reply) => reply.len(),
            Self::Bytes(bytes) => bytes,
        }
    }

    pub(super) fn found(self) -> Found {
        match self {
            Self::Whole([b'_', ..] | [b'$' | b'*', b'-', ..] | [b'*' | b'%' | b'~', b'0', ..]) => {
                Found::Nothing
            }
            Self::Bytes(_) | Self::Whole([b'$' | b'*' | b'%' | b'~' | b'=', ..]) => {
                Found::Something
            }
            Self::Whole(_) => Found::Unsaid,
        }
    }

    /// Whether it is nothing at all.
    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Whole([b'_', ..] | [b'$' | b'*', b'-', ..]))
    }

    /// The elements of an array; none of another answer.
    pub(super) fn elements(self) -> Elements<'a> {
        let rest = match self {
            Self::Whole(reply @ [b'*', ..]) => header(reply).map(|(_, behind)| &reply[behind..]),
            _ => None,
        };
        Elements {
            rest: rest.unwrap_or_default(),
        }
    }
}

/// Replies behind each other.
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = ReplyScanner::default().scan(self.rest).ok()??;
        let (reply, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(reply)
    }
}

/// Requests with their answers, one after the other.
pub(super) struct Walk<'a> {
    requests: &'a [u8],
    left: u32,
    replies: Elements<'a>,
    flown: Option<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(passing: &Passing<'a>) -> Self {
        let (replies, flown) = match passing.replies {
            Replies::Here(replies) => (replies, None),
            Replies::Flown(bytes) => (&[][..], Some(bytes)),
        };
        let mut walk = Self {
            requests: passing.requests,
            left: passing.total,
            replies: Elements { rest: replies },
            flown,
        };
        for _ in 0..passing.before {
            walk.request();
        }
        walk
    }

    /// Passes over so many.
    pub(super) fn skip(&mut self, count: u64) {
        for _ in 0..count {
            self.request();
            self.replies.next();
        }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<(&'a [u8], Answer<'a>)> {
        let request = self.request()?;
        let answer = match self.flown {
            Some(bytes) => Answer::Bytes(bytes),
            None => Answer::Whole(self.replies.next()?),
        };
        Some((request, answer))
    }

    fn request(&mut self) -> Option<&'a [u8]> {
        // Where the last one ends need not be searched.
        let end = match self.left {
            0 => return None,
            1 => self.requests.len(),
            _ => end_of_request(self.requests)?,
        };
        self.left -= 1;
        let (request, rest) = self.requests.split_at(end);
        self.requests = rest;
        Some(request)
    }
}

/// The first arguments of a request, [`MOST_ARGS`] at most.
pub(super) fn first_arguments(request: &[u8], ranges: &mut Vec<ArgRange>) {
    ranges.clear();
    let Some((count, mut at)) = header(request) else {
        return;
    };
    for _ in 0..count.min(MOST_ARGS) {
        let Some(range) = argument(request, at) else {
            return;
        };
        ranges.push(range);
        at = end_of(range);
    }
}

/// Where the request ends that stands first.
fn end_of_request(requests: &[u8]) -> Option<usize> {
    let (count, mut at) = header(requests)?;
    for _ in 0..count {
        at = end_of(argument(requests, at)?);
    }
    Some(at)
}

fn argument(request: &[u8], at: usize) -> Option<ArgRange> {
    let (length, behind) = header(request.get(at..)?)?;
    let start = at + behind;
    // With its line end.
    request.get(start..start.checked_add(length)?.checked_add(2)?)?;
    Some(ArgRange::new(start, length))
}

fn end_of(range: ArgRange) -> usize {
    range.start as usize + range.len as usize + 2
}

/// The number behind a marker, and where what follows it begins.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    if let [_, digit @ b'0'..=b'9', b'\r', b'\n', ..] = bytes {
        return Some((usize::from(digit - b'0'), 4));
    }
    let end = bytes
        .iter()
        .take(MOST_DIGITS)
        .position(|byte| *byte == b'\r')?;
    let number = parse_integer(bytes.get(1..end)?)?;
    Some((usize::try_from(number).ok()?, end + 2))
}

/// A marker, the digits of a 64-bit integer, and a line end.
const MOST_DIGITS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::{Args, encode_request};

    fn requests(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            encode_request(&mut bytes, line.split(' ').collect::<Vec<_>>());
        }
        bytes
    }

    #[test]
    fn each_request_is_shown_with_its_answer() {
        let bytes = requests(&["GET a", "GET longer-than-ten", "SET b 1", "GET c"]);
        let passing = Passing {
            requests: &bytes,
            total: 4,
            before: 1,
            count: 3,
            replies: Replies::Here(b"$1\r\n1\r\n+OK\r\n*2\r\n$1\r\nx\r\n$-1\r\n"),
            database: 0,
        };
        let mut walk = Walk::new(&passing);
        let mut shown = Vec::new();
        let mut ranges = Vec::new();
        while let Some((request, answer)) = walk.next() {
            first_arguments(request, &mut ranges);
            let key = Args::new(request, &ranges).at(1);
            shown.push((String::from_utf8_lossy(key).into_owned(), answer.bytes()));
        }
        let expected = [("longer-than-ten", 7), ("b", 5), ("c", 16)];
        assert_eq!(shown, expected.map(|(key, bytes)| (key.to_owned(), bytes)));
        let mut walk = Walk::new(&passing);
        walk.skip(2);
        let (_, answer) = walk.next().expect("the last one");
        let elements: Vec<&[u8]> = answer.elements().collect();
        assert_eq!(elements, [&b"$1\r\nx\r\n"[..], b"$-1\r\n"]);
        assert_eq!(walk.next(), None);
    }

    #[test]
    fn what_an_answer_says() {
        let check = |reply: &[u8], expected: Found| {
            assert_eq!(
                Answer::Whole(reply).found(),
                expected,
                "{}",
                reply.escape_ascii()
            );
        };
        for nothing in [
            &b"$-1\r\n"[..],
            b"*-1\r\n",
            b"_\r\n",
            b"*0\r\n",
            b"%0\r\n",
            b"~0\r\n",
        ] {
            check(nothing, Found::Nothing);
        }
        for something in [
            &b"$0\r\n\r\n"[..],
            b"*1\r\n:1\r\n",
            b"%1\r\n",
            b"~12\r\n",
            b"=5\r\n",
        ] {
            check(something, Found::Something);
        }
        for unsaid in [
            &b":0\r\n"[..],
            b"+OK\r\n",
            b"-ERR\r\n",
            b"#t\r\n",
            b",1\r\n",
            b"",
        ] {
            check(unsaid, Found::Unsaid);
        }
        assert_eq!(Answer::Bytes(5).found(), Found::Something);
    }

    #[test]
    fn rubbish_ends_the_look_and_harms_nobody() {
        let mut ranges = Vec::new();
        for rubbish in [
            &b""[..],
            b"*",
            b"*2\r\n$3\r\nGET\r\n",
            b"*1\r\n$99999999999999999999\r\n",
            b"*1\r\n$9223372036854775807\r\nx",
            b"PING\r\n",
            b"*-1\r\n",
        ] {
            first_arguments(rubbish, &mut ranges);
            assert!(ranges.len() <= 1, "{}", rubbish.escape_ascii());
            let passing = Passing {
                requests: rubbish,
                total: 3,
                before: 0,
                count: 3,
                replies: Replies::Here(b"$5\r\nab"),
                database: 0,
            };
            let mut walk = Walk::new(&passing);
            walk.skip(1);
            assert_eq!(walk.next(), None);
        }
    }

    #[test]
    fn of_very_many_arguments_the_first_are_read() {
        let line = vec!["x"; 5_000].join(" ");
        let bytes = requests(&[&line]);
        let mut ranges = Vec::new();
        first_arguments(&bytes, &mut ranges);
        assert_eq!(ranges.len(), MOST_ARGS);
    }
}
