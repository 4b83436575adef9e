//! Arguments for the tests of this room. Pure.

use crate::resp::{ArgRange, Args};

/// Runs `with` on the words of `line`; `_` in a word stands for a blank.
pub(super) fn with_args<T>(line: &str, with: impl FnOnce(Args<'_>) -> T) -> T {
    let mut buffer = Vec::new();
    let mut ranges = Vec::new();
    for word in line.split(' ') {
        ranges.push(ArgRange::new(buffer.len(), word.len()));
        buffer.extend_from_slice(word.replace('_', " ").as_bytes());
    }
    with(Args::new(&buffer, &ranges))
}
