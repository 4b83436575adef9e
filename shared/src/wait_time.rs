//! How long a command that waits is to wait, and what WAIT and WAITAOF wait for, as their clients write it: read once, for a node that waits and for a proxy that waits
//! before one.
//! Pure.

use crate::long_double::LongDouble;
use crate::resp::{Args, ErrorReply, WaitError, integer};

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

/// Where all that is written is to be (WAIT, WAITAOF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// At how many followers.
    pub followers: usize,
    /// Of WAITAOF: on their disks, and whether on that of the node that is asked, too.
    pub on_disk: Option<bool>,
    /// Milliseconds after which it is over in any case; 0 for never.
    pub timeout_ms: u64,
}

impl Awaited {
    /// Of WAIT number timeout.
    ///
    /// # Errors
    /// One of them is no number, or a wrong one, in the words of Redis.
    pub fn by_wait(args: Args<'_>) -> Result<Self, ErrorReply> {
        let count = integer(args.at(1))?;
        Ok(Self {
            followers: usize::try_from(count.max(0)).unwrap_or(usize::MAX),
            on_disk: None,
            timeout_ms: milliseconds(args.at(2))?,
        })
    }

    /// Of WAITAOF numlocal numreplicas timeout, as in Redis 7.2.
    ///
    /// # Errors
    /// As of WAIT.
    pub fn by_waitaof(args: Args<'_>) -> Result<Self, ErrorReply> {
        let own = match integer(args.at(1))? {
            0 => false,
            1 => true,
            _ => return Err(WaitError::LocalCount.into()),
        };
        let count = integer(args.at(2)).map_err(|_| ErrorReply::NotPositive)?;
        Ok(Self {
            followers: usize::try_from(count).map_err(|_| ErrorReply::NotPositive)?,
            on_disk: Some(own),
            timeout_ms: milliseconds(args.at(3))?,
        })
    }
}
