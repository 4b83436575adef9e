//! Names and numbers of the topology, each a type of its own so that they cannot be mixed. Pure.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name of a node, a shard or a zone.
pub const LONGEST_NAME: usize = 64;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a name; it has 1 to 64 letters, digits, dots, dashes or underscores")]
pub struct NameError(String);

fn checked(text: &str) -> Result<Arc<str>, NameError> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let fits = !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(letters);
    fits.then(|| Arc::from(text))
        .ok_or_else(|| NameError(text.chars().take(LONGEST_NAME).collect()))
}

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name's letters.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    )+};
}

names! {
    /// A node's name, unique in its topology: `n1`. Cloning is cheap.
    NodeId;
    /// A shard's name, unique in its topology: `s1`. Cloning is cheap.
    ShardId;
    /// A proxy's name, unique among those that share a topology. Cloning is cheap.
    ProxyId;
    /// Where a node stands: what can fail together.
    Zone;
}

impl NodeId {
    /// `n1` for 1.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        Self(Arc::from(format!("n{number}")))
    }
}

impl ShardId {
    /// `s1` for 1.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        Self(Arc::from(format!("s{number}")))
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// Where counting begins.
            pub const FIRST: Self = Self(1);

            /// One further. Stays where it is at the end of 64 bits, which no counting reaches.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    )+};
}

counters! {
    /// Counts the changes of a topology document: one more per change.
    Version;
    /// Counts a shard's changes of leadership and of ownership.
    Epoch;
}

/// 64 random bits that a node draws when it starts with an empty or recovered keyspace; only equality is ever asked. Prints as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// Why a text is no incarnation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an incarnation is 16 hexadecimal digits")]
pub struct IncarnationError;

impl FromStr for Incarnation {
    type Err = IncarnationError;

    fn from_str(text: &str) -> Result<Self, IncarnationError> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(bits) if digits => Ok(Self(bits)),
            _ => Err(IncarnationError),
        }
    }
}

/// How much of the slots a shard is to get, relative to the others; 1 to 10000, 100 unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// The greatest weight: the ring has a few points per 100, and must stay small.
    pub const MAX: u16 = 10_000;

    /// `Some` for 1 to 10000.
    #[must_use]
    pub fn new(weight: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&weight).then_some(Self(weight))
    }

    /// 1 to 10000.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(100)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_words() {
        let check = |text: &str, good: bool| {
            assert_eq!(text.parse::<NodeId>().is_ok(), good, "{text:?}");
        };
        check("n1", true);
        check("cache-7.eu_west", true);
        check("", false);
        check("a b", false);
        check("n\u{e9}", false);
        check(&"x".repeat(64), true);
        check(&"x".repeat(65), false);
    }

    #[test]
    fn incarnations_are_sixteen_hexadecimal_digits() {
        let number = Incarnation(0xABC);
        assert_eq!(number.to_string(), "0000000000000abc");
        assert_eq!("0000000000000abc".parse(), Ok(number));
        assert_eq!("abc".parse::<Incarnation>(), Err(IncarnationError));
        assert_eq!(
            "+000000000000abc".parse::<Incarnation>(),
            Err(IncarnationError)
        );
    }
}
