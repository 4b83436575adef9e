//! [`Stream`]: the commands of another server's log out of the bytes that it sends, as they come.
//! Pure. Never: runs a command. Invariant: what is given out is whole: of a unit (MULTI … EXEC) all commands at once, or none.

use super::read::{FOUND_AT_ONCE, LogFault, scanner};
use crate::store::{Pieces, SHARED_LEAST_BYTES, SharedBytes};
use shared::resp::{Args, Request, RequestBatch, RequestScanner};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// More bytes of a single command than this are not held: the longest has less.
const MOST_HELD_BYTES: usize = 1 << 30;

/// A buffer that has so many bytes of whole requests is put aside as it is, and a new one begins: a long unit is not moved again and again.
const FULL_BYTES: usize = 1024 * 1024;

/// Room is made at once for so much of what is announced: an argument as long as any may be, and what stands around it.
const MOST_ROOM_BYTES: usize = (512 << 20) + 64 * 1024;

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These, all whole.
    Commands(Range<usize>),
    /// More bytes are needed.
    Hungry,
}

/// A log that is being received. A large request has a buffer of its own, which whoever applies it may keep.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Buffers in which all is whole and nothing is changed any more, in order.
    full: VecDeque<Full>,
    /// Memory of them.
    full_bytes: usize,
    /// What comes.
    held: Vec<u8>,
    scanner: RequestScanner,
    /// The requests in it; the first of them is the one of this number.
    batch: RequestBatch,
    first: usize,
    /// Requests that were given out.
    given: usize,
    /// Requests that were looked at.
    seen: usize,
    is_in_unit: bool,
}

/// A buffer with whole requests.
#[derive(Debug)]
struct Full {
    buffer: Arc<Vec<u8>>,
    batch: RequestBatch,
    /// The number of its first request.
    first: usize,
}

/// Where requests are.
#[derive(Clone, Copy)]
struct Place<'a> {
    bytes: &'a [u8],
    /// The buffer, where it is not changed any more.
    buffer: Option<&'a Arc<Vec<u8>>>,
    batch: &'a RequestBatch,
    first: usize,
}

impl<'a> Place<'a> {
    fn request(&self, number: usize) -> &'a Request {
        &self.batch.requests()[number - self.first]
    }

    fn end(&self) -> usize {
        self.first + self.batch.requests().len()
    }
}

impl Stream {
    /// Before the first byte.
    pub(crate) fn new() -> Self {
        Self {
            full: VecDeque::new(),
            full_bytes: 0,
            held: Vec::new(),
            scanner: scanner(),
            batch: RequestBatch::default(),
            first: 0,
            given: 0,
            seen: 0,
            is_in_unit: false,
        }
    }

    /// Where the next bytes are to be put behind those that are there, with room for so many, and for the rest of what has begun. What was given out is done with.
    pub(crate) fn room(&mut self, count: usize) -> &mut Vec<u8> {
        if self.given == self.known() {
            self.forget_given();
        } else if self.scanner.finished_bytes() > 0
            && (self.scanner.finished_bytes() >= FULL_BYTES
                || self.scanner.expected_bytes() >= SHARED_LEAST_BYTES)
        {
            self.put_aside();
        }
        if self.held.capacity() - self.held.len() < count {
            let expected = self.scanner.expected_bytes().min(MOST_ROOM_BYTES);
            let more = expected.max(self.held.len() / 2) + count;
            if self.held.try_reserve_exact(more).is_err() {
                // Then it grows in smaller steps, as long as there is memory.
                self.held.reserve_exact(count);
            }
        }
        &mut self.held
    }

    /// Requests that were found.
    fn known(&self) -> usize {
        self.first + self.batch.requests().len()
    }

    fn forget_given(&mut self) {
        self.full.clear();
        self.full_bytes = 0;
        // Empty lines behind the last request are told with the next one.
        let last = self.batch.requests().last();
        let done = last.map_or(0, |last| last.end as usize);
        self.batch.clear();
        (self.first, self.given, self.seen) = (0, 0, 0);
        let rest = self.held.len() - done;
        if done > 0 && self.held.capacity() > FULL_BYTES.max(2 * rest) {
            // The room that a long request needed goes with it.
            self.held = self.held[done..].to_vec();
        } else {
            self.held.drain(..done);
        }
        self.scanner.dropped(done);
    }

    /// The whole requests keep the buffer that they are in, and what has begun behind them gets another.
    fn put_aside(&mut self) {
        let Some(end) = self.batch.requests().last().map(|last| last.end as usize) else {
            return;
        };
        let rest = self.held[end..].to_vec();
        let mut buffer = std::mem::replace(&mut self.held, rest);
        buffer.truncate(end);
        self.scanner.dropped(end);
        self.full_bytes += buffer.capacity() + self.batch.kept_bytes();
        let first = self.first;
        self.first = self.known();
        self.full.push_back(Full {
            buffer: Arc::new(buffer),
            batch: std::mem::take(&mut self.batch),
            first,
        });
    }

    /// Memory of what has come and is not done with.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.full_bytes + self.held.capacity() + self.batch.kept_bytes()
    }

    /// Bytes of what has come and is not done with.
    fn held_bytes(&self) -> usize {
        let full = self.full.iter().map(|full| full.buffer.len());
        full.sum::<usize>() + self.held.len()
    }

    fn place(&self, number: usize) -> Place<'_> {
        if number >= self.first {
            return Place {
                bytes: &self.held,
                buffer: None,
                batch: &self.batch,
                first: self.first,
            };
        }
        let behind = self.full.partition_point(|full| full.first <= number);
        let full = &self.full[behind - 1];
        Place {
            bytes: &full.buffer,
            buffer: Some(&full.buffer),
            batch: &full.batch,
            first: full.first,
        }
    }

    /// The arguments of a request that was given out.
    pub(crate) fn args(&self, number: usize) -> Args<'_> {
        let place = self.place(number);
        place.batch.args(place.bytes, place.request(number))
    }

    /// Length of a request that was given out.
    pub(crate) fn request_bytes(&self, number: usize) -> usize {
        let request = self.place(number).request(number);
        (request.end - request.start) as usize
    }

    /// The buffer of a request that was given out, if that is large: what lies there may stay there.
    pub(crate) fn buffer(&self, number: usize) -> Option<&Arc<Vec<u8>>> {
        let place = self.place(number);
        let request = place.request(number);
        let is_large = (request.end - request.start) as usize >= SHARED_LEAST_BYTES;
        place.buffer.filter(|_| is_large)
    }

    /// The bytes of these requests as they came, with what stood between them.
    pub(crate) fn bytes(&self, requests: Range<usize>) -> Pieces {
        let mut bytes = Pieces::default();
        let mut next = requests.start;
        while next < requests.end {
            let place = self.place(next);
            let last = requests.end.min(place.end()) - 1;
            let start = match next - place.first {
                0 => 0,
                _ => place.request(next - 1).end as usize,
            };
            let part = start..place.request(last).end as usize;
            match place.buffer {
                Some(buffer) => bytes.share(SharedBytes::new(Arc::clone(buffer), part)),
                None => bytes.extend(&place.bytes[part]),
            }
            next = last + 1;
        }
        bytes
    }

    /// Finds what is next. Of a unit whose end has not come no more than `most_unit_bytes` are held.
    ///
    /// # Errors
    /// What came is no log, or more of one than is held.
    pub(crate) fn find(&mut self, most_unit_bytes: usize) -> Result<Next, LogFault> {
        loop {
            if let Some(found) = self.look() {
                if self.scanner.finished_bytes() >= FULL_BYTES {
                    self.put_aside();
                }
                return Ok(Next::Commands(found));
            }
            let known = self.known();
            let scanned = self
                .scanner
                .scan(&mut self.held, &mut self.batch, FOUND_AT_ONCE);
            if self.known() > known {
                continue;
            }
            scanned.map_err(|_| LogFault::Broken)?;
            let held_bytes = self.held_bytes();
            if self.is_in_unit && held_bytes > most_unit_bytes {
                return Err(LogFault::UnitTooLong {
                    most_bytes: most_unit_bytes,
                });
            }
            if held_bytes > MOST_HELD_BYTES.max(most_unit_bytes) {
                return Err(LogFault::TooLong);
            }
            return Ok(Next::Hungry);
        }
    }

    /// Of the requests that were found, those that are whole and were not given out.
    fn look(&mut self) -> Option<Range<usize>> {
        let mut whole = self.given;
        while self.seen < self.known() {
            let name = self.args(self.seen).get(0).unwrap_or_default();
            let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
            let (begins, ends) = (is(b"multi"), is(b"exec"));
            if begins {
                if whole > self.given {
                    // What stands before a unit goes first.
                    break;
                }
                self.is_in_unit = true;
            } else if ends {
                self.is_in_unit = false;
            }
            self.seen += 1;
            if !self.is_in_unit {
                whole = self.seen;
                if ends {
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
    use std::ops::Range;

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
            stream.room(chunk.len()).extend_from_slice(chunk);
            while let Next::Commands(range) = stream.find(NO_BOUND).expect("a log") {
                let names = range.clone().map(|number| {
                    let name = stream.args(number).at(0).to_vec();
                    String::from_utf8(name).expect("text")
                });
                rows.push(names.collect());
                all += &String::from_utf8(stream.bytes(range).into_bytes()).expect("text");
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
                stream.room(chunk.len()).extend_from_slice(chunk);
                loop {
                    match stream.find(NO_BOUND) {
                        Ok(Next::Commands(range)) => given.extend(stream.bytes(range).into_bytes()),
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
        stream.room(0).extend_from_slice(b"*1\r\n$x\r\n");
        assert_eq!(stream.find(NO_BOUND), Err(LogFault::Broken));
    }

    #[test]
    fn a_unit_is_held_up_to_its_bound_and_a_command_beyond_it() {
        let (begin, part) = (command("multi"), command("set a 12345"));
        let bound = begin.len() + 2 * part.len();
        let mut stream = Stream::new();
        let mut add = |bytes: &str| {
            stream.room(0).extend_from_slice(bytes.as_bytes());
            stream.find(bound)
        };
        assert_eq!(add(&format!("{begin}{part}{part}")), Ok(Next::Hungry));
        let too_long = LogFault::UnitTooLong { most_bytes: bound };
        assert_eq!(add("*"), Err(too_long));
        let whole = format!("{begin}{part}{part}{}", command("exec"));
        assert!(whole.len() > bound);
        let mut stream = Stream::new();
        stream.room(0).extend_from_slice(whole.as_bytes());
        assert_eq!(stream.find(bound), Ok(Next::Commands(0..4)), "it has ended");
        let long = command(&format!("set a {}", "x".repeat(2 * bound)));
        let mut stream = Stream::new();
        stream
            .room(long.len())
            .extend_from_slice(&long.as_bytes()[..long.len() - 1]);
        assert_eq!(stream.find(bound), Ok(Next::Hungry), "it is no unit");
        assert!(stream.memory_bytes() >= long.len() - 1);
    }

    /// What one read brings.
    const READ: usize = 256 * 1024;

    /// All of these bytes come, as from a socket; the commands that are found.
    fn receive(stream: &mut Stream, log: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for read in log.chunks(READ) {
            stream.room(read.len()).extend_from_slice(read);
            while let Next::Commands(range) = stream.find(NO_BOUND).expect("a log") {
                found.push(range);
            }
        }
        found
    }

    #[test]
    fn a_large_value_lies_in_one_buffer_that_is_hardly_longer_and_is_shared_from_there() {
        const LARGE: usize = 40_000_000;
        let (before, value) = (command("set a 1"), "x".repeat(LARGE));
        let (large, after) = (command(&format!("set b {value}")), command("set c 2"));
        for before in [String::new(), before.repeat(3), before.repeat(30_000)] {
            let log = [&before[..], &large, &after].concat();
            let mut stream = Stream::new();
            let mut moved = 0;
            let mut capacity = 0;
            let mut found = Vec::new();
            for read in log.as_bytes().chunks(READ) {
                let room = stream.room(read.len());
                if room.capacity() != capacity {
                    moved += room.len();
                    capacity = room.capacity();
                }
                room.extend_from_slice(read);
                assert_eq!(room.capacity(), capacity, "there was room");
                while let Next::Commands(range) = stream.find(NO_BOUND).expect("a log") {
                    found.push(range.end - 1);
                    let last = stream.args(range.end - 1).at(1);
                    if last == b"b" {
                        check_large(&stream, range, LARGE);
                    }
                }
            }
            assert!(moved <= 8 * READ, "{moved} bytes are moved");
            assert!(stream.memory_bytes() >= LARGE, "it is still here");
            stream.room(READ);
            assert!(
                stream.memory_bytes() < 8 * READ,
                "what was given out has gone"
            );
        }
    }

    fn check_large(stream: &Stream, range: Range<usize>, bytes: usize) {
        let number = range.end - 1;
        let value = stream.args(number).at(2).as_ptr().addr();
        let buffer = stream.buffer(number).expect("it has one");
        let start = buffer.as_ptr().addr();
        assert!((start..start + buffer.len()).contains(&value));
        let idle = buffer.capacity() - bytes;
        assert!(idle <= 3 * READ, "{idle} bytes are idle");
        let shared = stream.bytes(number..number + 1);
        let is_there = shared.iter().any(|piece| {
            let start = piece.as_ptr().addr();
            (start..start + piece.len()).contains(&value)
        });
        assert!(is_there, "the log has it where it came");
        assert!(stream.memory_bytes() < bytes + 8 * READ);
    }

    #[test]
    fn of_a_unit_each_large_value_has_a_buffer_of_its_own() {
        const LARGE: usize = 3_000_000;
        let large: Vec<String> = (0..10)
            .map(|number| command(&format!("set k{number} {}", "x".repeat(LARGE))))
            .collect();
        let small = command("set s 1").repeat(100_000);
        let log = [
            command("multi"),
            small.clone(),
            large.concat(),
            small,
            command("exec"),
        ];
        let log = log.concat();
        let mut stream = Stream::new();
        let found = receive(&mut stream, log.as_bytes());
        let all = 2 * 100_000 + 12;
        assert_eq!(found, std::slice::from_ref(&(0..all)), "all of it at once");
        let large = (0..all).filter(|number| stream.request_bytes(*number) > LARGE);
        let mut buffers: Vec<*const u8> = large
            .map(|number| {
                let buffer = stream.buffer(number).expect("it has one");
                assert!(buffer.capacity() < LARGE + LARGE / 4);
                buffer.as_ptr()
            })
            .collect();
        buffers.sort_unstable();
        buffers.dedup();
        assert_eq!(buffers.len(), 10);
        assert!(stream.bytes(0..all).into_bytes() == log.as_bytes());
        let parts = [0..7, 7..100_005, 100_005..100_006, 100_006..all];
        let parts: Vec<Vec<u8>> = parts.map(|part| stream.bytes(part).into_bytes()).into();
        assert!(parts.concat() == log.as_bytes());
    }
}
