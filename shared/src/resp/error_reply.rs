//! Every error that a client can see: prefix, text, what to do. Texts that Redis has are Redis' own, word for word, for clients match on them.
//! Pure.

use std::borrow::Cow;

use super::encode::blank_line_ends;
use super::request::ProtocolError;

/// An error reply; `Display` gives the text without the leading `-` and without the line end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorReply {
    /// A subcommand or option is not where it may be.
    #[error("ERR syntax error")]
    Syntax,
    /// An argument should have been a 64-bit integer.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// `INCRBYFLOAT` and friends.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// A command that may add data, refused because memory is at its limit.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// Wrong number of arguments for `name` (lower case, `container|sub` for subcommands).
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// The connection cannot go on.
    #[error("ERR {0}")]
    Protocol(#[from] ProtocolError),
    /// A text of its own that stands in just one place.
    #[error("{0}")]
    Text(Cow<'static, str>),
}

impl ErrorReply {
    /// Appends what stands between `-` and the line end. Line ends inside become blanks.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let start = out.len();
        #[expect(
            clippy::let_underscore_must_use,
            reason = "writing to memory cannot fail"
        )]
        let _ = write!(out, "{self}");
        blank_line_ends(&mut out[start..]);
    }
}
