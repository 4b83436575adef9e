//! How large a request may be, and what a client is told when it is larger.
//! Pure. The texts are those of Redis 7.0, word for word, but for what is ours.

use super::ArgRange;

/// Redis' limits on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Longest argument, bytes (`proto-max-bulk-len`).
    pub bulk_bytes: u32,
    /// Most arguments.
    pub args: u32,
    /// Longest inline request or header line, bytes without its line end.
    pub inline_bytes: u32,
    /// The client has still to authenticate: what is beyond these limits, but not beyond those of the authenticated, has texts of its own.
    pub before_auth: bool,
}

impl RequestLimits {
    /// For everybody who may run commands. Arguments are as many as Redis takes: what bounds them is the bytes that they come in, six at least, for nothing is
    /// taken for those that are only announced.
    pub const AUTHENTICATED: Self = Self {
        bulk_bytes: 512 * 1024 * 1024,
        args: i32::MAX as u32,
        inline_bytes: 64 * 1024,
        before_auth: false,
    };

    /// Before AUTH a stranger must not make us buffer much.
    pub const UNAUTHENTICATED: Self = Self {
        bulk_bytes: 16 * 1024,
        args: 10,
        inline_bytes: 64 * 1024,
        before_auth: true,
    };

    /// What is wrong with a request of `args` arguments, which are as long as `ranges`.
    pub(super) fn fault(self, args: usize, ranges: &[ArgRange]) -> Option<ProtocolError> {
        if args > self.args as usize {
            let args = i64::try_from(args).unwrap_or(i64::MAX);
            return Some(self.too_many_args(args));
        }
        let longest = ranges.iter().map(|range| range.len).max()?;
        (longest > self.bulk_bytes).then(|| self.too_long_bulk(i64::from(longest)))
    }

    /// What `value` arguments are told when there may not be so many.
    pub(super) fn too_many_args(self, value: i64) -> ProtocolError {
        if self.before_auth && value <= i64::from(Self::AUTHENTICATED.args) {
            ProtocolError::UnauthenticatedMultibulkLength
        } else {
            ProtocolError::InvalidMultibulkLength
        }
    }

    /// What an argument of `value` bytes is told when it may not be so long.
    pub(super) fn too_long_bulk(self, value: i64) -> ProtocolError {
        if self.before_auth && value <= i64::from(Self::AUTHENTICATED.bulk_bytes) {
            ProtocolError::UnauthenticatedBulkLength
        } else {
            ProtocolError::InvalidBulkLength
        }
    }
}

/// Why a connection cannot go on. [`super::super::ErrorReply::Protocol`] says it to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The number after `*` is none, or too large.
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The number after `$` is none, negative, or too large.
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// More than ten arguments before AUTH.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// An argument above 16 KB before AUTH.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An argument must begin with `$`. The byte goes out as it came, unless it is a line end.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedDollar(u8),
    /// 64 KB without a line end.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// 64 KB after `*` without a line end.
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// 64 KB after `$` without a line end.
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// What a load balancer sends where it should not. Ours.
    #[error(
        "Protocol error: this is a header of the PROXY protocol, and proxies take it from addresses in proxy-protocol-from alone"
    )]
    ProxyHeader,
    /// A quote that is never closed, or closed in the middle of a word.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
}
