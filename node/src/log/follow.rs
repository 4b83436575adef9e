//! [`Stream`]: the commands of another server's log out of the bytes that it sends, as they come.
//! Pure. Never: runs a command. Invariant: what is given out is whole: of a unit (MULTI … EXEC) all commands at once, or none.

use super::read::{FOUND_AT_ONCE, LogFault, scanner};
use shared::resp::{Args, RequestBatch, RequestScanner};
use std::ops::Range;

/// More bytes of a single command than this are not held: the longest has less.
const MOST_HELD_BYTES: usize = 1 << 30;

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These of the batch, all whole.
    Commands(Range<usize>),
    /// More bytes are needed.
    Hungry,
}

/// A log that is being received.
#[derive(Debug)]
pub(crate) struct Stream {
    held: Vec<u8>,
    scanner: RequestScanner,
    batch: RequestBatch,
    /// Requests of the batch that were given out.
    given: usize,
    /// Requests that were looked at.
    seen: usize,
    is_in_unit: bool,
}

impl Stream {
    /// Before the first byte.
    pub(crate) fn new() -> Self {
        Self {
            held: Vec::new(),
            scanner: scanner(),
            batch: RequestBatch::default(),
            given: 0,
            seen: 0,
            is_in_unit: false,
        }
    }

    /// Where the next bytes are to be put behind those that are there. What was given out is done with.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.given == self.batch.requests().len() {
            // Empty lines behind the last request are told with the next one.
            let last = self.batch.requests().last();
            let done = last.map_or(0, |last| last.end as usize);
            self.batch.clear();
            (self.given, self.seen) = (0, 0);
            self.held.drain(..done);
            self.scanner.dropped(done);
        }
        &mut self.held
    }

    /// Memory of what has come and is not done with.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.held.capacity() + self.batch.kept_bytes()
    }

    /// How many bytes are expected at least to end what has begun.
    pub(crate) fn expected_bytes(&self) -> usize {
        self.scanner.expected_bytes()
    }

    /// The arguments of a request that was given out.
    pub(crate) fn args(&self, number: usize) -> Args<'_> {
        let request = &self.batch.requests()[number];
        self.batch.args(&self.held, request)
    }

    /// Length of a request that was given out.
    pub(crate) fn request_bytes(&self, number: usize) -> usize {
        let request = &self.batch.requests()[number];
        (request.end - request.start) as usize
    }

    /// The bytes of these requests as they came, with what stood between them.
    pub(crate) fn bytes(&self, requests: Range<usize>) -> &[u8] {
        let all = self.batch.requests();
        let end_of = |number: usize| all[number].end as usize;
        let start = match requests.start {
            0 => 0,
            first => end_of(first - 1),
        };
        match requests.end {
            0 => &[],
            end => &self.held[start..end_of(end - 1)],
        }
    }

    /// Finds what is next. Of a unit whose end has not come no more than `most_unit_bytes` are held.
    ///
    /// # Errors
    /// What came is no log, or more of one than is held.
    pub(crate) fn find(&mut self, most_unit_bytes: usize) -> Result<Next, LogFault> {
        loop {
            if let Some(found) = self.look() {
                return Ok(Next::Commands(found));
            }
            let known = self.batch.requests().len();
            let scanned = self
                .scanner
                .scan(&mut self.held, &mut self.batch, FOUND_AT_ONCE);
            if self.batch.requests().len() > known {
                continue;
            }
            scanned.map_err(|_| LogFault::Broken)?;
            if self.is_in_unit && self.held.len() > most_unit_bytes {
                return Err(LogFault::UnitTooLong {
                    most_bytes: most_unit_bytes,
                });
            }
            if self.held.len() > MOST_HELD_BYTES.max(most_unit_bytes) {
                return Err(LogFault::TooLong);
            }
            return Ok(Next::Hungry);
        }
    }

    /// Of the requests that were found, those that are whole and were not given out.
    fn look(&mut self) -> Option<Range<usize>> {
        let mut whole = self.given;
        while let Some(request) = self.batch.requests().get(self.seen) {
            let name = self.batch.args(&self.held, request).get(0);
            let name = name.unwrap_or_default();
            if name.eq_ignore_ascii_case(b"multi") {
                if whole > self.given {
                    // What stands before a unit goes first.
                    break;
                }
                self.is_in_unit = true;
            } else if name.eq_ignore_ascii_case(b"exec") {
                self.is_in_unit = false;
            }
            self.seen += 1;
            if !self.is_in_unit {
                whole = self.seen;
                if name.eq_ignore_ascii_case(b"exec") {
                    break;
                }
            }
        }
        let found = self.given..whole;
        self.given = whole;
        (!found.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Stream};
    use crate::log::LogFault;

    const NO_BOUND: usize = usize::MAX;

    fn command(words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let bulks: String = words
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()))
            .collect();
        format!("*{}\r\n{bulks}", words.len())
    }

    /// What is given out, as names, and all bytes of it.
    fn read(bytes: &str, chunk: usize) -> (Vec<Vec<String>>, String) {
        let mut stream = Stream::new();
        let (mut rows, mut all) = (Vec::new(), String::new());
        for chunk in bytes.as_bytes().chunks(chunk) {
            stream.room().extend_from_slice(chunk);
            while let Next::Commands(range) = stream.find(NO_BOUND).expect("a log") {
                let names = range.clone().map(|number| {
                    let name = stream.args(number).at(0).to_vec();
                    String::from_utf8(name).expect("text")
                });
                rows.push(names.collect());
                all += std::str::from_utf8(stream.bytes(range)).expect("text");
            }
        }
        (rows, all)
    }

    #[test]
    fn a_unit_is_given_out_as_a_whole_and_alone() {
        let lines = ["a 1", "b 2", "MULTI", "c", "d", "exec", "e", "multi", "f"];
        let log: String = lines.iter().map(|line| command(line)).collect();
        let whole: String = lines[..7].iter().map(|line| command(line)).collect();
        for chunk in [1, 7, 10_000] {
            let (rows, all) = read(&log, chunk);
            let units: Vec<_> = rows.iter().filter(|row| row.len() > 2).collect();
            assert_eq!(units, [&["MULTI", "c", "d", "exec"]], "{chunk}");
            assert_eq!(rows.concat(), ["a", "b", "MULTI", "c", "d", "exec", "e"]);
            assert_eq!(all, whole);
        }
    }

    #[test]
    fn every_byte_is_given_out_also_those_between_commands() {
        let log = format!("\r\n{}\r\n\r\n{}", command("a 1"), command("b"));
        for chunk in [1, 3, 10_000] {
            assert_eq!(read(&log, chunk).1, log, "{chunk}");
        }
    }

    proptest::proptest! {
        /// Whatever comes, nothing panics, and what is given out is what came.
        #[test]
        fn any_bytes_are_a_log_or_none(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "*1\r\n$5\r\nMULTI\r\n", "*1\r\n$4\r\nEXEC\r\n", "*2\r\n$1\r\na\r\n$0\r\n\r\n",
                    "\r\n", "*", "$", "-1\r\n", "*0\r\n", "inline words\r\n", "\0", "*3\r\n$3\r\nset\r\n",
                ]),
                0..30,
            ),
            chunk in 1_usize..40,
        ) {
            let bytes = pieces.concat();
            let mut stream = Stream::new();
            let mut given = Vec::new();
            'all: for chunk in bytes.as_bytes().chunks(chunk) {
                stream.room().extend_from_slice(chunk);
                loop {
                    match stream.find(NO_BOUND) {
                        Ok(Next::Commands(range)) => given.extend_from_slice(stream.bytes(range)),
                        Ok(Next::Hungry) => break,
                        Err(_) => break 'all,
                    }
                }
            }
            proptest::prop_assert!(bytes.as_bytes().starts_with(&given));
        }
    }

    #[test]
    fn what_is_no_log_is_told() {
        let mut stream = Stream::new();
        stream.room().extend_from_slice(b"*1\r\n$x\r\n");
        assert_eq!(stream.find(NO_BOUND), Err(LogFault::Broken));
    }

    #[test]
    fn a_unit_is_held_up_to_its_bound_and_a_command_beyond_it() {
        let (begin, part) = (command("multi"), command("set a 12345"));
        let bound = begin.len() + 2 * part.len();
        let mut stream = Stream::new();
        let mut add = |bytes: &str| {
            stream.room().extend_from_slice(bytes.as_bytes());
            stream.find(bound)
        };
        assert_eq!(add(&format!("{begin}{part}{part}")), Ok(Next::Hungry));
        let too_long = LogFault::UnitTooLong { most_bytes: bound };
        assert_eq!(add("*"), Err(too_long));
        let whole = format!("{begin}{part}{part}{}", command("exec"));
        assert!(whole.len() > bound);
        let mut stream = Stream::new();
        stream.room().extend_from_slice(whole.as_bytes());
        assert_eq!(stream.find(bound), Ok(Next::Commands(0..4)), "it has ended");
        let long = command(&format!("set a {}", "x".repeat(2 * bound)));
        let mut stream = Stream::new();
        stream
            .room()
            .extend_from_slice(&long.as_bytes()[..long.len() - 1]);
        assert_eq!(stream.find(bound), Ok(Next::Hungry), "it is no unit");
        assert!(stream.memory_bytes() >= long.len() - 1);
    }
}
