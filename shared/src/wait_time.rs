//! How long a command that waits is to wait, as its client writes it: read once, for a node that waits and for a proxy that waits before one.
//! Pure.

use crate::long_double::LongDouble;
use crate::resp::{ErrorReply, WaitError, integer};

/// Seconds, with a fraction, as milliseconds, rounded up; 0 for ever. As in Redis what is beyond 64 bits counts as negative.
///
/// # Errors
/// It is no number, or negative, in the words of Redis.
pub fn seconds(argument: &[u8]) -> Result<u64, ErrorReply> {
    let seconds = LongDouble::parse(argument).ok_or(WaitError::NotFloat)?;
    seconds
        .thousandfold_rounded_up()
        .and_then(|ms| u64::try_from(ms).ok())
        .ok_or(ErrorReply::TimeoutNegative)
}

/// Milliseconds; 0 for ever.
///
/// # Errors
/// It is no integer, or negative, in the words of Redis.
pub fn milliseconds(argument: &[u8]) -> Result<u64, ErrorReply> {
    let ms = integer(argument).map_err(|_| ErrorReply::TimeoutNotInteger)?;
    u64::try_from(ms).map_err(|_| ErrorReply::TimeoutNegative)
}
