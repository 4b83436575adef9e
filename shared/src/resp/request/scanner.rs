//! The state machine behind [`RequestScanner`]: where are we in the stream, and what is still missing?
//! Pure. Invariant: `finished <= position`, and everything in `partial` counts from `finished`, so that dropping bytes is a subtraction.

use super::inline::split_words;
use super::room::make_room_for_args;
use super::{ArgRange, ProtocolError, Request, RequestBatch, RequestLimits};
use crate::resp::number::{parse_integer, short_header};

/// Ranges that the scanner keeps room for once a large request is complete.
const KEPT_PARTIAL_ARGS: usize = 1024;

/// Finds requests in a growing buffer; remembers where it stopped, also in the middle of a request.
///
/// The caller's turn: read → [`scan`](Self::scan) → execute the batch → drop [`finished_bytes`](Self::finished_bytes) from the front of the buffer →
/// [`dropped`](Self::dropped) → `batch.clear()`. Ranges of a batch are good until bytes are dropped. Bytes that were not dropped stay as they are.
#[derive(Debug)]
pub struct RequestScanner {
    limits: RequestLimits,
    /// Where the next request, or the one under way, begins.
    finished: usize,
    /// The next byte to look at.
    position: usize,
    /// Length of the buffer at the last scan.
    buffered: usize,
    /// Up to here the line that begins at `position` is known to have no end.
    searched: usize,
    /// Arguments still missing from the request under way; 0 between requests.
    args_left: u32,
    /// Length of the argument whose first byte is at `position`, once its header has been read.
    bulk: Option<u32>,
    /// All bytes between the arguments of the request under way were what they should be.
    canonical: bool,
    /// Arguments of the request under way, their starts counted from `finished`; empty unless a scan ended within a request.
    partial: Vec<ArgRange>,
    /// Said again on every scan: the stream is beyond repair.
    fault: Option<ProtocolError>,
}

/// What one attempt to read a request came to.
enum Step {
    /// It is in the batch.
    Complete,
    /// Something that asks for nothing: an empty line, `*0`.
    Skipped,
    /// More bytes are needed.
    Incomplete,
}

/// Where a line ends.
enum Line {
    /// At this index (of the CR of a header, or the LF of an inline request).
    End(usize),
    /// Not in the buffer yet.
    Open,
    /// Longer than any line may be.
    TooLong,
}

impl RequestScanner {
    /// Bytes that it keeps beside the buffer that it looks at: what it knows of a request that is not whole.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.partial.capacity() * size_of::<ArgRange>()
    }

    /// A scanner at the start of a stream.
    #[must_use]
    pub fn new(limits: RequestLimits) -> Self {
        Self {
            limits,
            finished: 0,
            position: 0,
            buffered: 0,
            searched: 0,
            args_left: 0,
            bulk: None,
            canonical: true,
            partial: Vec::new(),
            fault: None,
        }
    }

    /// Other limits from the next header on (after AUTH). Whoever is not authenticated should be scanned with `max_requests` 1,
    /// for what follows an AUTH in the same read is already under the new limits.
    pub fn set_limits(&mut self, limits: RequestLimits) {
        self.limits = limits;
    }

    /// Other limits from request `next` of `batch` on, which were all found by this scanner: from the first of them that is now too large on, none is left,
    /// and the next scan says why. The request under way is held against the new limits as well, and so is one that was too large before.
    pub fn set_limits_behind(
        &mut self,
        limits: RequestLimits,
        batch: &mut RequestBatch,
        next: usize,
    ) {
        self.limits = limits;
        let rest = batch.requests.iter().enumerate().skip(next);
        let beyond = rest
            .filter(|(_, request)| !request.inline)
            .find_map(|(index, request)| {
                let ranges =
                    &batch.args[request.first_arg as usize..][..request.arg_count as usize];
                Some((index, limits.fault(request.arg_count as usize, ranges)?))
            });
        self.fault = None;
        if let Some((index, fault)) = beyond {
            // It is still to be answered for.
            self.finished = batch.requests[index].start as usize;
            self.fault = Some(fault);
            batch.requests.truncate(index);
        }
        // From its first byte; what was found of it would be found again.
        self.position = self.finished;
        self.searched = self.finished;
        self.args_left = 0;
        self.bulk = None;
        self.partial.clear();
    }

    /// Appends the complete requests in `buffer` to `batch`, at most `max_requests`; empty lines and `*0` are skipped as Redis does.
    /// Inline arguments are unquoted in place. Requests before a fault are in `batch` when the error is returned.
    ///
    /// # Errors
    /// [`ProtocolError`]: the stream is beyond repair; say so and close.
    ///
    /// # Panics
    /// When the buffer is 4 GiB or more: the caller bounds it far below.
    pub fn scan(
        &mut self,
        buffer: &mut [u8],
        batch: &mut RequestBatch,
        max_requests: usize,
    ) -> Result<(), ProtocolError> {
        assert!(
            u32::try_from(buffer.len()).is_ok(),
            "ranges are 32 bits; read buffers are bounded far below"
        );
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.buffered = buffer.len();
        let enough = batch.requests.len().saturating_add(max_requests);
        while batch.requests.len() < enough {
            match self.next_request(buffer, batch) {
                Ok(Step::Complete | Step::Skipped) => {}
                Ok(Step::Incomplete) => break,
                Err(fault) => {
                    self.fault = Some(fault);
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    /// Bytes at the front of the buffer that belong to requests already handed out (or skipped); the caller drops them, then calls [`Self::dropped`].
    #[must_use]
    pub fn finished_bytes(&self) -> usize {
        self.finished
    }

    /// The caller dropped the first `bytes` of the buffer.
    ///
    /// # Panics
    /// When `bytes` is more than [`Self::finished_bytes`]: the caller's mistake, not the client's.
    pub fn dropped(&mut self, bytes: usize) {
        assert!(
            bytes <= self.finished,
            "bytes of a request under way are still needed"
        );
        self.finished -= bytes;
        self.position -= bytes;
        self.buffered -= bytes;
        self.searched = self.searched.saturating_sub(bytes);
    }

    /// How many more bytes than at the last scan the request under way will have: exact for the argument that has begun, and for others a quarter more than if
    /// they were as long as those before. 0 when nothing is known.
    #[must_use]
    pub fn expected_bytes(&self) -> usize {
        let present = self.bulk.map_or(0, |length| {
            (self.position + length as usize + 2).saturating_sub(self.buffered)
        });
        let begun = usize::from(self.bulk.is_some());
        let others = (self.args_left as usize).saturating_sub(begun);
        let read = self.position - self.finished;
        let each = match self.partial.len() {
            0 => 0,
            args => (read + read / 4) / args,
        };
        present.saturating_add(others.saturating_mul(each))
    }

    /// Whether a scan ended within a request, so that the bytes behind [`Self::finished_bytes`] are part of one.
    #[must_use]
    pub fn is_within_request(&self) -> bool {
        self.args_left > 0
    }

    /// Ranges for which there is room while a request is under way.
    #[cfg(test)]
    pub(super) fn partial_capacity(&self) -> usize {
        self.partial.capacity()
    }

    fn next_request(
        &mut self,
        buffer: &mut [u8],
        batch: &mut RequestBatch,
    ) -> Result<Step, ProtocolError> {
        if self.args_left > 0 {
            return self.go_on(buffer, batch);
        }
        match buffer.get(self.position) {
            None => Ok(Step::Incomplete),
            Some(b'*') => self.multibulk(buffer, batch),
            Some(_) => self.inline(buffer, batch),
        }
    }

    /// A request that begins with `*`, from its first byte.
    fn multibulk(
        &mut self,
        buffer: &[u8],
        batch: &mut RequestBatch,
    ) -> Result<Step, ProtocolError> {
        let count = match short_header(&buffer[self.position..], b'*') {
            Some((count, length)) => {
                self.position += length;
                self.canonical = true;
                i64::from(count)
            }
            None => match self.long_multibulk_header(buffer)? {
                Some(count) => count,
                None => return Ok(Step::Incomplete),
            },
        };
        if count <= 0 {
            self.skip();
            return Ok(Step::Skipped);
        }
        self.args_left = u32::try_from(count)
            .ok()
            .filter(|count| *count <= self.limits.args)
            .ok_or_else(|| self.limits.too_many_args(count))?;

        let first_arg = batch.args.len();
        match self.arguments(buffer, &mut batch.args, 0) {
            Ok(true) => {
                self.complete(batch, first_arg);
                return Ok(Step::Complete);
            }
            Ok(false) => {}
            Err(fault) => {
                batch.args.truncate(first_arg);
                return Err(fault);
            }
        }
        // The batch will be cleared and the buffer compacted before the rest is here.
        let base = narrow(self.finished);
        self.partial
            .extend(batch.args.drain(first_arg..).map(|range| ArgRange {
                start: range.start - base,
                len: range.len,
            }));
        Ok(Step::Incomplete)
    }

    /// A request that an earlier scan could not complete.
    fn go_on(&mut self, buffer: &[u8], batch: &mut RequestBatch) -> Result<Step, ProtocolError> {
        let mut partial = std::mem::take(&mut self.partial);
        make_room_for_args(&mut partial, self.args_left as usize);
        let complete = self.arguments(buffer, &mut partial, self.finished);
        self.partial = partial;
        if !complete? {
            return Ok(Step::Incomplete);
        }
        let base = narrow(self.finished);
        let in_buffer = |range: ArgRange| ArgRange {
            start: range.start + base,
            len: range.len,
        };
        let first_arg = batch.args.len();
        if first_arg == 0 && self.partial.len() > batch.args.capacity() {
            // More than the batch has room for: a million of them should not be moved.
            std::mem::swap(&mut batch.args, &mut self.partial);
            if base > 0 {
                let ranges = batch.args.iter_mut();
                ranges.for_each(|range| *range = in_buffer(*range));
            }
        } else {
            let ranges = self.partial.drain(..);
            batch.args.extend(ranges.map(in_buffer));
        }
        self.partial.shrink_to(KEPT_PARTIAL_ARGS);
        self.complete(batch, first_arg);
        Ok(Step::Complete)
    }

    /// Reads arguments while they are complete, appending their ranges counted from `base`. Whether none is left.
    fn arguments(
        &mut self,
        buffer: &[u8],
        ranges: &mut Vec<ArgRange>,
        base: usize,
    ) -> Result<bool, ProtocolError> {
        if self.bulk.is_none() {
            self.short_arguments(buffer, ranges, base);
        }
        while self.args_left > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => match self.bulk_header(buffer)? {
                    Some(length) => length,
                    None => return Ok(false),
                },
            };
            let end = self.position + length as usize;
            // As in Redis, any two bytes may stand behind an argument; such a frame is just not fit to be forwarded as it is.
            let Some(behind) = buffer.get(end..end + 2) else {
                self.bulk = Some(length);
                return Ok(false);
            };
            self.canonical &= behind == b"\r\n";
            ranges.push(ArgRange {
                start: narrow(self.position - base),
                len: length,
            });
            self.bulk = None;
            self.args_left -= 1;
            self.position = end + 2;
        }
        Ok(true)
    }

    /// Reads arguments as long as they are what nearly all arguments are: complete and canonical. What stops it is left to [`Self::arguments`].
    #[inline]
    fn short_arguments(&mut self, buffer: &[u8], ranges: &mut Vec<ArgRange>, base: usize) {
        let mut position = self.position;
        let mut args_left = self.args_left;
        while args_left > 0 {
            let rest = buffer.get(position..).unwrap_or_default();
            let Some((length, header)) = short_header(rest, b'$') else {
                break;
            };
            let start = position + header;
            let end = start + length as usize;
            let behind = buffer.get(end..).and_then(<[u8]>::first_chunk);
            if length > self.limits.bulk_bytes || behind != Some(b"\r\n") {
                break;
            }
            ranges.push(ArgRange {
                start: narrow(start - base),
                len: length,
            });
            args_left -= 1;
            position = end + 2;
        }
        self.position = position;
        self.args_left = args_left;
    }

    /// The length of the argument whose header is at `position`; moves behind the header.
    fn bulk_header(&mut self, buffer: &[u8]) -> Result<Option<u32>, ProtocolError> {
        let rest = buffer.get(self.position..).unwrap_or_default();
        let length = match short_header(rest, b'$') {
            Some((length, header)) => {
                self.position += header;
                i64::from(length)
            }
            None => match self.long_bulk_header(buffer)? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        u32::try_from(length)
            .ok()
            .filter(|length| *length <= self.limits.bulk_bytes)
            .map(Some)
            .ok_or_else(|| self.limits.too_long_bulk(length))
    }

    #[cold]
    fn long_multibulk_header(&mut self, buffer: &[u8]) -> Result<Option<i64>, ProtocolError> {
        let end = match self.find_line_end(buffer, b'\r') {
            Line::End(end) => end,
            Line::Open => return Ok(None),
            Line::TooLong => return Err(ProtocolError::TooBigMultibulkCount),
        };
        let Some(behind) = buffer.get(end + 1) else {
            return Ok(None);
        };
        let count = parse_integer(&buffer[self.position + 1..end])
            .ok_or(ProtocolError::InvalidMultibulkLength)?;
        self.canonical = *behind == b'\n';
        self.position = end + 2;
        self.searched = self.position;
        Ok(Some(count))
    }

    #[inline(never)]
    fn long_bulk_header(&mut self, buffer: &[u8]) -> Result<Option<i64>, ProtocolError> {
        let end = match self.find_line_end(buffer, b'\r') {
            Line::End(end) => end,
            Line::Open => return Ok(None),
            Line::TooLong => return Err(ProtocolError::TooBigBulkCount),
        };
        let Some(behind) = buffer.get(end + 1) else {
            return Ok(None);
        };
        let length = match &buffer[self.position..end] {
            [b'$', digits @ ..] => parse_integer(digits).filter(|length| *length >= 0),
            // An empty line: what stands where `$` should be is its CR.
            [] => return Err(ProtocolError::ExpectedDollar(b'\r')),
            [other, ..] => return Err(ProtocolError::ExpectedDollar(*other)),
        };
        let length = length.ok_or(ProtocolError::InvalidBulkLength)?;
        self.canonical &= *behind == b'\n';
        self.position = end + 2;
        self.searched = self.position;
        Ok(Some(length))
    }

    /// A request in the inline form, or an empty line.
    #[cold]
    fn inline(
        &mut self,
        buffer: &mut [u8],
        batch: &mut RequestBatch,
    ) -> Result<Step, ProtocolError> {
        let end = match self.find_line_end(buffer, b'\n') {
            Line::End(end) => end,
            // Redis waits for more of it, for ever.
            Line::Open if self.is_proxy_header(buffer) => return Err(ProtocolError::ProxyHeader),
            Line::Open => return Ok(Step::Incomplete),
            Line::TooLong => return Err(ProtocolError::TooBigInline),
        };
        let text = &buffer[self.position..end];
        let text_end = end - usize::from(text.last() == Some(&b'\r'));
        let first_arg = batch.args.len();
        let words = split_words(buffer, self.position, text_end, &mut batch.args);
        if words.is_none() {
            batch.args.truncate(first_arg);
            return Err(ProtocolError::UnbalancedQuotes);
        }
        self.position = end + 1;
        if batch.args.len() == first_arg {
            self.skip();
            return Ok(Step::Skipped);
        }
        self.canonical = false;
        self.complete(batch, first_arg);
        Ok(Step::Complete)
    }

    /// Whether what begins at `position` is what the PROXY protocol, version 2, has behind two empty lines.
    fn is_proxy_header(&self, buffer: &[u8]) -> bool {
        let rest = buffer.get(self.position..).unwrap_or_default();
        rest.starts_with(b"\0\r\nQUIT\n")
    }

    /// Looks for `end` in the line that begins at `position`, from where the last search stopped.
    /// Redis looks for it as in a C string: behind a NUL byte it finds nothing, and the line only ends by being too long.
    fn find_line_end(&mut self, buffer: &[u8], end: u8) -> Line {
        let from = self.searched.max(self.position);
        let rest = buffer.get(from..).unwrap_or_default();
        let found = memchr::memchr2(end, 0, rest).map(|index| from + index);
        self.searched = found.unwrap_or(buffer.len());
        let longest = self.limits.inline_bytes as usize;
        match found {
            Some(index) if buffer[index] == end => {
                if index - self.position > longest {
                    Line::TooLong
                } else {
                    Line::End(index)
                }
            }
            _ if buffer.len().saturating_sub(self.position) > longest => Line::TooLong,
            _ => Line::Open,
        }
    }

    /// Hands out the request whose arguments are at the end of the batch, and which ends at `position`.
    fn complete(&mut self, batch: &mut RequestBatch, first_arg: usize) {
        batch.requests.push(Request {
            first_arg: narrow(first_arg),
            arg_count: narrow(batch.args.len() - first_arg),
            start: narrow(self.finished),
            end: narrow(self.position),
            inline: !self.canonical,
        });
        self.skip();
    }

    /// What ends at `position` is done with.
    fn skip(&mut self) {
        self.finished = self.position;
        self.searched = self.position;
    }
}

/// A position in a buffer that `scan` has found to be below 4 GiB.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "scan asserts that every position fits"
)]
fn narrow(position: usize) -> u32 {
    position as u32
}
