//! What a value is and where it lies: [`Kind`], [`Form`], [`Place`].
//! Pure.

/// The type of a value, in four bits of an entry. 0 is a hole; 7 to 14 are for kinds to come, 15 for what is no key's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes, or an integer.
    String = 1,
    /// Elements in the order in which they were put.
    List = 2,
    /// Members without order.
    Set = 3,
    /// Fields with values.
    Hash = 4,
    /// Members in the order of their scores.
    SortedSet = 5,
    /// Records in the order of their identifiers.
    Stream = 6,
}

impl Kind {
    /// The kind of this number; `None` when there is none.
    #[inline]
    pub(in crate::store) fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::String,
            2 => Self::List,
            3 => Self::Set,
            4 => Self::Hash,
            5 => Self::SortedSet,
            6 => Self::Stream,
            _ => return None,
        })
    }

    /// What TYPE calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::SortedSet => "zset",
            Self::Stream => "stream",
        }
    }
}

/// Kind and flavour. A flavour is what a kind tells of a value beside its bytes (a string: integer, edited), in two bits that only the kind's own faces know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Form(pub(super) u8);

/// Bits below the flavour.
const FLAVOUR_AT: u32 = 4;

impl Form {
    /// A kind in one of its flavours, `0..4`.
    pub(in crate::store) const fn new(kind: Kind, flavour: u8) -> Self {
        assert!(flavour < 4, "two bits");
        Self(kind as u8 | flavour << FLAVOUR_AT)
    }

    /// The flavour, `0..4`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "strings tell their forms apart as a whole")
    )]
    #[inline]
    pub(in crate::store) fn flavour(self) -> u8 {
        self.0 >> FLAVOUR_AT
    }

    /// Where these bits of a flavour stand.
    #[inline]
    pub(super) const fn flavour_bits(flavour: u8) -> u8 {
        flavour << FLAVOUR_AT
    }
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::store) enum Place {
    /// In the entry.
    Inline = 0,
    /// In an extent: bytes too many for an entry.
    Extent = 1,
    /// In an object: a large structure.
    Object = 2,
}
