//! Client bytes → requests whose arguments are ranges into the read buffer; multibulk and inline, pipelined, resumable at any byte.
//! Pure. Never copies or allocates an argument; reads no byte of an argument but those of inline requests.

mod inline;
mod limits;
mod room;
mod scanner;
#[cfg(test)]
mod tests;

pub use inline::split_line;
pub use limits::{ProtocolError, RequestLimits};
pub use room::{READ_AT_ONCE_BYTES, make_room};
pub use scanner::RequestScanner;

use std::ops::Range;

/// Ranges that a batch keeps room for when it is cleared: a full read buffer of small commands.
const KEPT_ARGS: usize = 16 * 1024;

/// Requests that a batch keeps room for when it is cleared.
const KEPT_REQUESTS: usize = 4 * 1024;

/// Where an argument lies in the buffer that was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ArgRange {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

impl ArgRange {
    /// The range of `len` bytes from `start`.
    ///
    /// # Panics
    /// When either is 4 GiB or more: the caller's mistake, for read buffers are far smaller.
    #[must_use]
    pub fn new(start: usize, len: usize) -> Self {
        match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) => Self { start, len },
            _ => panic!("a read buffer is below 4 GiB"),
        }
    }
}

/// The arguments of one request; `args[0]` is the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buffer: &'a [u8],
    ranges: &'a [ArgRange],
}

impl<'a> Args<'a> {
    /// A view of `ranges` in `buffer`; every range lies inside it.
    #[must_use]
    pub fn new(buffer: &'a [u8], ranges: &'a [ArgRange]) -> Self {
        Self { buffer, ranges }
    }

    /// Number of arguments, the name included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is no argument at all (never so for a scanned request).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Argument `index`, if there is one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let range = self.ranges.get(index)?;
        self.buffer
            .get(range.start as usize..range.start as usize + range.len as usize)
    }

    /// Argument `index`, of which arity has already been checked.
    ///
    /// # Panics
    /// When there is none: the caller's mistake, not the client's.
    #[must_use]
    pub fn at(&self, index: usize) -> &'a [u8] {
        let range = self.ranges[index];
        &self.buffer[range.start as usize..][..range.len as usize]
    }

    /// What is behind the first `count` arguments, as arguments of their own (`COMMAND GETKEYS GET a`).
    #[must_use]
    pub fn skip(&self, count: usize) -> Self {
        Self {
            buffer: self.buffer,
            ranges: self.ranges.get(count..).unwrap_or_default(),
        }
    }

    /// The first arguments, some of the others, and those from `last` on, as the arguments of a shorter request: their ranges are put into `ranges`.
    ///
    /// # Panics
    /// When there are not so many: the caller's mistake.
    #[must_use]
    pub fn part<'b>(
        &self,
        first: usize,
        some: Range<usize>,
        last: usize,
        ranges: &'b mut Vec<ArgRange>,
    ) -> Args<'b>
    where
        'a: 'b,
    {
        ranges.clear();
        ranges.extend_from_slice(&self.ranges[..first]);
        ranges.extend_from_slice(&self.ranges[some]);
        ranges.extend_from_slice(&self.ranges[last..]);
        Args {
            buffer: self.buffer,
            ranges,
        }
    }

    /// All arguments from `first` on.
    pub fn iter_from(
        &self,
        first: usize,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let buffer = self.buffer;
        let ranges = self.ranges.get(first..).unwrap_or_default();
        ranges
            .iter()
            .map(move |range| &buffer[range.start as usize..][..range.len as usize])
    }
}

/// One complete request of a [`RequestBatch`].
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Index of its first argument in the batch.
    pub first_arg: u32,
    /// Number of its arguments, at least 1.
    pub arg_count: u32,
    /// First byte of the frame.
    pub start: u32,
    /// One past the last byte of the frame; what a proxy forwards is `start..end`.
    pub end: u32,
    /// Its bytes are not a canonical multibulk frame and must be encoded before they are forwarded: it came in the inline form,
    /// or with other bytes where CR LF should be and Redis does not look.
    pub inline: bool,
}

/// The complete requests found in a buffer; reused from batch to batch so that scanning does not allocate.
#[derive(Debug, Default)]
pub struct RequestBatch {
    args: Vec<ArgRange>,
    requests: Vec<Request>,
}

impl RequestBatch {
    /// Bytes that it takes beside the buffer that was scanned.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.args.capacity() * size_of::<ArgRange>()
            + self.requests.capacity() * size_of::<Request>()
    }

    /// The requests in order of arrival.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The arguments of `request` in the buffer that was scanned.
    #[must_use]
    pub fn args<'a>(&'a self, buffer: &'a [u8], request: &Request) -> Args<'a> {
        Args::new(
            buffer,
            &self.args[request.first_arg as usize..][..request.arg_count as usize],
        )
    }

    /// Forgets all requests behind the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.requests.truncate(count);
    }

    /// Forgets the requests, keeps (bounded) capacity.
    pub fn clear(&mut self) {
        self.args.clear();
        self.args.shrink_to(KEPT_ARGS);
        self.requests.clear();
        self.requests.shrink_to(KEPT_REQUESTS);
    }
}
