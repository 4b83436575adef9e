//! [`LogReader`]: the commands of a log out of the bytes of its files, as they come.
//! Pure. Never: runs a command. Invariant: a unit that does not end in the file is no part of what is whole.

use shared::resp::{RequestBatch, RequestLimits, RequestScanner, make_room};
use std::sync::Arc;

/// Commands that are found at once.
pub(super) const FOUND_AT_ONCE: usize = 256;
/// Room that a long command needed is given back when it is more than this.
const MOST_SPARE_BYTES: usize = 4 * 1024 * 1024;
/// Longest argument: as long as any string may be.
const MOST_ARGUMENT: u32 = 512 << 20;

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Commands, in the batch that was given.
    Commands,
    /// More bytes are needed, or to hear that there are none.
    Hungry,
    /// There are none.
    Over,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogFault {
    /// Something else stands where a command should.
    #[error("what stands there is no command")]
    Broken,
    /// It ends within a command, or within a unit.
    #[error("the file is cut short")]
    Cut,
    /// A command, or a unit, that nobody could take.
    #[error("what belongs together is too long")]
    TooLong,
    /// A leader's unit that is longer than this node takes.
    #[error(
        "a transaction has more than {most_bytes} bytes, which client-query-buffer-limit allows here"
    )]
    UnitTooLong {
        /// What it takes.
        most_bytes: usize,
    },
}

/// What finds commands in a log.
pub(super) fn scanner() -> RequestScanner {
    RequestScanner::new(RequestLimits {
        bulk_bytes: MOST_ARGUMENT,
        ..RequestLimits::AUTHENTICATED
    })
}

/// A file of the log that is being read.
#[derive(Debug)]
pub(crate) struct LogReader {
    /// Whoever makes its commands happen again may keep it.
    held: Arc<Vec<u8>>,
    scanner: RequestScanner,
    /// Where the first byte that is held stands in the file.
    base: u64,
    has_ended: bool,
    is_in_unit: bool,
    whole: u64,
}

impl LogReader {
    /// Before the first byte.
    pub(crate) fn new() -> Self {
        Self {
            held: Arc::default(),
            scanner: scanner(),
            base: 0,
            has_ended: false,
            is_in_unit: false,
            whole: 0,
        }
    }

    /// The next bytes. Commands that were found before are done with.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let expected = self.scanner.expected_bytes();
        let finished = self.scanner.finished_bytes();
        if finished > 0 {
            self.scanner.dropped(finished);
            self.base += finished as u64;
        }
        let is_kept = Arc::get_mut(&mut self.held).is_none();
        if is_kept || self.held.capacity() > MOST_SPARE_BYTES && finished > 0 {
            // What is kept, and the room that a long command needed, goes with it.
            self.held = Arc::new(self.held[finished..].to_vec());
        } else if finished > 0 {
            Arc::make_mut(&mut self.held).drain(..finished);
        }
        let held = Arc::make_mut(&mut self.held);
        make_room(held, expected.max(bytes.len()), bytes.len().max(1));
        held.extend_from_slice(bytes);
    }

    /// There are no more.
    pub(crate) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The bytes that commands which were found stand in.
    pub(crate) fn bytes(&self) -> &Arc<Vec<u8>> {
        &self.held
    }

    /// Where a byte of those stands in the file.
    pub(crate) fn offset_of(&self, at: u32) -> u64 {
        self.base + u64::from(at)
    }

    /// How far the file is whole: the end of the last command, or unit.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// Finds the next commands.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(crate) fn find(&mut self, batch: &mut RequestBatch) -> Result<Found, (u64, LogFault)> {
        batch.clear();
        if Arc::get_mut(&mut self.held).is_none() {
            self.feed(&[]);
        }
        let held = Arc::make_mut(&mut self.held);
        let scanned = self.scanner.scan(held, batch, FOUND_AT_ONCE);
        for request in batch.requests() {
            let first = self.held.get(request.start as usize);
            match first {
                Some(b'*') => {}
                // A note, such as the time.
                Some(b'#') if !self.is_in_unit => {}
                _ => {
                    let at = self.base + u64::from(request.start);
                    return Err((at, LogFault::Broken));
                }
            }
            let args = batch.args(&self.held, request);
            let name = args.get(0).unwrap_or_default();
            if name.eq_ignore_ascii_case(b"multi") {
                self.is_in_unit = true;
            } else if name.eq_ignore_ascii_case(b"exec") {
                self.is_in_unit = false;
            }
            if !self.is_in_unit {
                self.whole = self.base + u64::from(request.end);
            }
        }
        if !batch.requests().is_empty() {
            return Ok(Found::Commands);
        }
        let at = self.base + self.scanner.finished_bytes() as u64;
        if scanned.is_err() {
            return Err((at, LogFault::Broken));
        }
        if !self.has_ended {
            return Ok(Found::Hungry);
        }
        if self.scanner.finished_bytes() < self.held.len() || self.is_in_unit {
            return Err((self.whole, LogFault::Cut));
        }
        Ok(Found::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, LogFault, LogReader};
    use shared::resp::RequestBatch;
    use std::sync::Arc;

    const LOG: &str = "*2\r\n$6\r\nselect\r\n$1\r\n0\r\n*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n";
    const UNIT: &str = "*1\r\n$5\r\nmulti\r\n*2\r\n$3\r\ndel\r\n$1\r\na\r\n*1\r\n$4\r\nexec\r\n";

    /// The names of all commands and how far the file is whole, or what is wrong.
    fn read(file: &str, chunk: usize) -> Result<(Vec<String>, u64), (u64, LogFault)> {
        let mut reader = LogReader::new();
        let mut batch = RequestBatch::default();
        let mut chunks = file.as_bytes().chunks(chunk);
        let mut names = Vec::new();
        loop {
            match reader.find(&mut batch)? {
                Found::Commands => {
                    for request in batch.requests() {
                        let args = batch.args(reader.bytes(), request);
                        names.push(String::from_utf8_lossy(args.at(0)).into_owned());
                    }
                }
                Found::Hungry => match chunks.next() {
                    Some(chunk) => reader.feed(chunk),
                    None => reader.end(),
                },
                Found::Over => return Ok((names, reader.whole())),
            }
        }
    }

    #[test]
    fn commands_are_found_however_the_file_comes() {
        let file = format!("#TS:1\r\n{LOG}{UNIT}");
        for chunk in [1, 7, 1_000] {
            let (names, whole) = read(&file, chunk).expect("a log");
            let expected = ["#TS:1", "select", "set", "multi", "del", "exec"];
            assert_eq!(names, expected);
            assert_eq!(whole, file.len() as u64);
        }
        assert_eq!(read("", 1), Ok((Vec::new(), 0)));
    }

    #[test]
    fn a_torn_end_is_told_from_what_is_no_log() {
        let file = format!("{LOG}{UNIT}");
        let select = 23;
        for len in 1..file.len() {
            let found = read(&file[..len], 5);
            let whole = if len < select {
                0
            } else if len < LOG.len() {
                select as u64
            } else {
                LOG.len() as u64
            };
            if len == select || len == LOG.len() {
                assert!(found.is_ok(), "{len}");
            } else {
                assert_eq!(found, Err((whole, LogFault::Cut)), "{len}");
            }
        }
        let zork = format!("{LOG}zork\r\n");
        let broken = Err((LOG.len() as u64, LogFault::Broken));
        assert_eq!(read(&zork, 9), broken);
        assert_eq!(read(&format!("{LOG}*x\r\n"), 9), broken);
    }

    #[test]
    fn a_long_value_lies_in_one_buffer_that_whoever_wants_may_keep() {
        const LARGE: usize = 20_000_000;
        let value = "x".repeat(LARGE);
        let long = format!("*3\r\n$3\r\nset\r\n$1\r\nb\r\n${LARGE}\r\n{value}\r\n");
        let file = [LOG, &long, LOG, &long, LOG].concat();
        let (mut reader, mut batch) = (LogReader::new(), RequestBatch::default());
        let mut chunks = file.as_bytes().chunks(256 * 1024);
        let (mut commands, mut kept) = (0, Vec::new());
        loop {
            match reader.find(&mut batch).expect("a log") {
                Found::Commands => {
                    commands += batch.requests().len();
                    for request in batch.requests() {
                        let args = batch.args(reader.bytes(), request);
                        if args.at(1) == b"b" {
                            let buffer = Arc::clone(reader.bytes());
                            assert!(buffer.capacity() < LARGE + LARGE / 4);
                            kept.push((args.at(2).as_ptr(), buffer));
                        }
                    }
                }
                Found::Hungry => match chunks.next() {
                    Some(chunk) => reader.feed(chunk),
                    None => reader.end(),
                },
                Found::Over => break,
            }
        }
        assert_eq!((commands, reader.whole()), (8, file.len() as u64));
        assert!(
            reader.bytes().capacity() < LARGE / 4,
            "nothing long is here"
        );
        for (place, buffer) in kept {
            let at = place.addr() - buffer.as_ptr().addr();
            assert!(buffer[at..at + LARGE] == *value.as_bytes(), "as it was");
            assert_eq!(Arc::strong_count(&buffer), 1);
        }
    }
}
