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
    /// A time to live, or a deadline, that is not positive or beyond 64 bits; the command's name.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpireTime(&'static str),
    /// EXPIRE and friends: an option that they do not have.
    #[error("ERR Unsupported option {0}")]
    UnsupportedExpireOption(String),
    /// EXPIRE and friends.
    #[error("ERR NX and XX, GT or LT options at the same time are not compatible")]
    ExpireNxConflict,
    /// EXPIRE and friends.
    #[error("ERR GT and LT options at the same time are not compatible")]
    ExpireGtLtConflict,
    /// RENAME of nothing.
    #[error("ERR no such key")]
    NoSuchKey,
    /// COPY and MOVE onto itself.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// COPY and SELECT: there is no such database.
    #[error("ERR DB index is out of range")]
    DbIndexOutOfRange,
    /// MOVE: there is no such database.
    #[error("ERR value is out of range")]
    ValueOutOfRange,
    /// An argument should have been a 32-bit integer.
    #[error("ERR value is out of range, value must between -2147483648 and 2147483647")]
    NotInteger32,
    /// SCAN and friends.
    #[error("ERR invalid cursor")]
    InvalidCursor,
    /// OBJECT FREQ under a policy that keeps no frequencies.
    #[error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
    )]
    FrequencyNotTracked,
    /// OBJECT IDLETIME under a policy that keeps frequencies instead.
    #[error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
    )]
    IdleTimeNotTracked,
    /// INCR and friends.
    #[error("ERR increment or decrement would overflow")]
    IncrementOverflow,
    /// DECRBY by the one number that has no positive counterpart.
    #[error("ERR decrement would overflow")]
    DecrementOverflow,
    /// INCRBYFLOAT.
    #[error("ERR increment would produce NaN or Infinity")]
    IncrementNotFinite,
    /// APPEND and SETRANGE.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// SETRANGE before the first byte.
    #[error("ERR offset is out of range")]
    OffsetOutOfRange,
    /// LCS of something else.
    #[error("ERR The specified keys must contain string values")]
    LcsNotStrings,
    /// LCS LEN IDX.
    #[error("ERR If you want both the length and indexes, please just use IDX.")]
    LcsLenAndIdx,
    /// LCS of strings so long that their table would be.
    #[error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")]
    LcsTooLong,
    /// SETBIT, GETBIT, BITFIELD.
    #[error("ERR bit offset is not an integer or out of range")]
    BitOffset,
    /// SETBIT of neither 0 nor 1.
    #[error("ERR bit is not an integer or out of range")]
    BitValue,
    /// BITPOS of neither 0 nor 1.
    #[error("ERR The bit argument must be 1 or 0.")]
    BitArgument,
    /// BITOP NOT of many.
    #[error("ERR BITOP NOT must be called with a single source key.")]
    BitNotOfMany,
    /// BITFIELD: an integer type that is none.
    #[error(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    )]
    BitFieldType,
    /// BITFIELD OVERFLOW of an unknown kind.
    #[error("ERR Invalid OVERFLOW type specified")]
    BitFieldOverflow,
    /// BITFIELD_RO that would write.
    #[error("ERR BITFIELD_RO only supports the GET subcommand")]
    BitFieldReadOnly,
    /// Wrong number of arguments for `name` (lower case, `container|sub` for subcommands).
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// The connection cannot go on.
    #[error("ERR {0}")]
    Protocol(#[from] ProtocolError),
    /// No such command; `beginning` quotes the first of its arguments.
    #[error("ERR unknown command '{name}', with args beginning with: {beginning}")]
    UnknownCommand {
        /// As the client wrote it, cut.
        name: Box<str>,
        /// Each argument in quotes and followed by a blank, cut.
        beginning: Box<str>,
    },
    /// No such subcommand of `container` (upper case).
    #[error("ERR unknown subcommand '{subcommand}'. Try {container} HELP.")]
    UnknownSubcommand {
        /// As the client wrote it, cut.
        subcommand: Box<str>,
        /// The command that has subcommands.
        container: Box<str>,
    },
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
