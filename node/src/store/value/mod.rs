//! What a key may hold, and how it is shown to commands; below, the structures that hold collections.
//! Pure.
//!
//! ```text
//! hash, set ─ table ─ linear ┐
//! sorted_set ┬ tree          ├─ leaves (blocks by number, long strings) ─ slabs, extents
//!            └ member_index ─┤
//! list ─ tree                ┘   block, codes, frame, packed: how elements lie in a block
//! ```

mod block;
mod chance;
mod codes;
mod elements;
mod frame;
mod hash;
mod leaves;
mod limits;
mod linear;
mod list;
mod member_index;
mod packed;
mod set;
mod sorted_set;
mod table;
mod tree;

pub use elements::Position;
pub use hash::{Hash, HashRef, Put};
pub use leaves::Leaves;
pub use limits::Limits;
pub use list::{List, ListRef};
pub use set::{Set, SetEncoding, SetRef};
pub use sorted_set::{AddRule, Added, Bound, Comparison, Existence, SortedSet, SortedSetRef};

/// A value as it is stored. More types join with later issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    String(StringValue<'a>),
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringValue<'a> {
    /// Canonical decimal of a 64-bit integer (Redis' `int` encoding).
    Integer(i64),
    /// Any other bytes.
    Bytes(&'a [u8]),
}

/// What OBJECT ENCODING says of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringEncoding {
    /// `int`
    Integer,
    /// `embstr`: at most 44 bytes, never edited in place.
    Embedded,
    /// `raw`
    Raw,
}

/// The longest string that Redis shows as `embstr`.
pub(super) const EMBEDDED_LIMIT_BYTES: usize = 44;

/// What becomes of a key's expiry when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// It stays.
    Keep,
    /// There is none afterwards.
    Clear,
    /// Unix time in milliseconds.
    At(u64),
}

/// What eviction and OBJECT know about the use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Seconds since the last access (LRU policies), resolution as stored.
    pub idle_seconds: u64,
    /// Redis' logarithmic frequency counter (LFU policies).
    pub frequency: u8,
}

/// The keyspace has no place left for an entry: all handles of the database are taken, or the system gave no memory. Nothing was changed.
/// Clients see it as the reply to a command beyond `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keyspace is full")]
pub struct StoreFull;

impl From<StoreFull> for shared::resp::ErrorReply {
    fn from(_: StoreFull) -> Self {
        Self::OutOfMemory
    }
}

/// The longest canonical decimal of an `i64`: `-9223372036854775808`.
const LONGEST_INTEGER: usize = 20;

/// The integer that `bytes` is the canonical decimal of: no `+`, no leading zero, no `-0`.
#[must_use]
pub fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > LONGEST_INTEGER {
        return None;
    }
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Summed as a negative number, whose range is the greater one.
    let mut sum = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum = sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative {
        Some(sum)
    } else {
        sum.checked_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::canonical_integer;

    #[test]
    fn only_canonical_decimals_are_integers() {
        for number in [0, 1, -1, 10, 99_999, i64::MAX, i64::MIN, -100] {
            assert_eq!(
                canonical_integer(number.to_string().as_bytes()),
                Some(number)
            );
        }
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "01",
            "00",
            " 1",
            "1 ",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "123456789012345678901",
        ] {
            assert_eq!(canonical_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
