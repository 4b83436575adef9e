//! Values → reply bytes, per protocol version.
//! Pure; appends to a buffer that the caller owns and reuses.

use super::ErrorReply;

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
}

impl<'a> ReplyWriter<'a> {
    /// A writer at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
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

    /// Bytes in the buffer so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back all that was written after `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Appends bytes that already are RESP.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `+text`; no line ends inside.
    pub fn simple(&mut self, _text: &str) {
        todo!("owned by resp")
    }

    /// `-PREFIX text`.
    pub fn error(&mut self, _error: &ErrorReply) {
        todo!("owned by resp")
    }

    /// `:n`.
    pub fn integer(&mut self, _value: i64) {
        todo!("owned by resp")
    }

    /// `$len bytes`.
    pub fn bulk(&mut self, _bytes: &[u8]) {
        todo!("owned by resp")
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, _value: i64) {
        todo!("owned by resp")
    }

    /// `$-1`, or `_` in RESP3.
    pub fn null(&mut self) {
        todo!("owned by resp")
    }

    /// `*-1`, or `_` in RESP3.
    pub fn null_array(&mut self) {
        todo!("owned by resp")
    }

    /// The head of an array of `len` elements.
    pub fn array(&mut self, _len: usize) {
        todo!("owned by resp")
    }

    /// The head of a map of `pairs` pairs: `%pairs`, or an array of twice as many.
    pub fn map(&mut self, _pairs: usize) {
        todo!("owned by resp")
    }

    /// The head of a set: `~len`, or an array.
    pub fn set(&mut self, _len: usize) {
        todo!("owned by resp")
    }

    /// The head of a push message: `>len`, or an array.
    pub fn push(&mut self, _len: usize) {
        todo!("owned by resp")
    }

    /// `,value`, or a bulk string with 17 significant digits as Redis prints them.
    pub fn double(&mut self, _value: f64) {
        todo!("owned by resp")
    }

    /// `#t` / `#f`, or `:1` / `:0`.
    pub fn boolean(&mut self, _value: bool) {
        todo!("owned by resp")
    }

    /// `=len txt:…` (format is 3 bytes, such as `txt`), or a bulk string.
    pub fn verbatim(&mut self, _format: &str, _text: &[u8]) {
        todo!("owned by resp")
    }
}
