//! [`Pools`]: the leaves that a copy is read from, and those that it is written to.
//! Pure.

use super::Leaves;

/// Leaves of one database or of two.
#[derive(Debug)]
pub(in crate::store) enum Pools<'a> {
    /// The copy stays in its database.
    One(&'a mut Leaves),
    /// From, to.
    Two(&'a Leaves, &'a mut Leaves),
}

impl Pools<'_> {
    /// Where the original is.
    pub(in crate::store) fn from(&self) -> &Leaves {
        match self {
            Self::One(leaves) => leaves,
            Self::Two(from, _) => from,
        }
    }

    /// Where the copy is to be.
    pub(in crate::store) fn to(&mut self) -> &mut Leaves {
        match self {
            Self::One(leaves) | Self::Two(_, leaves) => leaves,
        }
    }
}
