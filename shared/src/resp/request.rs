//! Client bytes → requests whose arguments are ranges into the read buffer; multibulk and inline, pipelined, resumable at any byte.
//! Pure. Never copies or allocates an argument; never reads a byte twice but the few of a header line cut in two.

/// Where an argument lies in the buffer that was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ArgRange {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
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

    /// All arguments from `first` on.
    pub fn iter_from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
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
    /// Came in the inline form: its bytes are not a multibulk frame and must be encoded before they are forwarded.
    pub inline: bool,
}

/// The complete requests found in a buffer; reused from batch to batch so that scanning does not allocate.
#[derive(Debug, Default)]
pub struct RequestBatch {
    args: Vec<ArgRange>,
    requests: Vec<Request>,
}

impl RequestBatch {
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

    /// Forgets the requests, keeps (bounded) capacity.
    pub fn clear(&mut self) {
        self.args.clear();
        self.requests.clear();
    }
}

/// Redis' limits on a request (`proto-max-bulk-len` and the constants of its `networking.c` page).
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Longest argument, bytes.
    pub bulk_bytes: u32,
    /// Most arguments.
    pub args: u32,
    /// Longest inline request or header line, bytes.
    pub inline_bytes: u32,
}

/// Why a connection cannot go on; the text is Redis' own (`Protocol error: …`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {}

/// Finds requests in a growing buffer; remembers where it stopped, also in the middle of a request.
#[derive(Debug)]
pub struct RequestScanner {}

impl RequestScanner {
    /// A scanner at the start of a stream.
    #[must_use]
    pub fn new(_limits: RequestLimits) -> Self {
        todo!("owned by resp")
    }

    /// Other limits from the next header on (after AUTH).
    pub fn set_limits(&mut self, _limits: RequestLimits) {
        todo!("owned by resp")
    }

    /// Appends the complete requests in `buffer` to `batch`, at most `max_requests`; empty lines and `*0` are skipped as Redis does.
    /// Inline arguments are unquoted in place. Requests before a fault are in `batch` when the error is returned.
    ///
    /// # Errors
    /// [`ProtocolError`]: the stream is beyond repair; say so and close.
    pub fn scan(
        &mut self,
        _buffer: &mut [u8],
        _batch: &mut RequestBatch,
        _max_requests: usize,
    ) -> Result<(), ProtocolError> {
        todo!("owned by resp")
    }

    /// Bytes at the front of the buffer that belong to requests already handed out (or skipped); the caller drops them, then calls [`Self::dropped`].
    #[must_use]
    pub fn finished_bytes(&self) -> usize {
        todo!("owned by resp")
    }

    /// The caller dropped the first `bytes` of the buffer; `bytes <= finished_bytes()`.
    pub fn dropped(&mut self, _bytes: usize) {
        todo!("owned by resp")
    }

    /// How many more bytes the argument under way certainly needs: what to reserve before the next read. 0 when unknown.
    #[must_use]
    pub fn missing_bytes(&self) -> usize {
        todo!("owned by resp")
    }
}
