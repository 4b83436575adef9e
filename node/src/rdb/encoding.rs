//! [`Encoding`]: the first byte of a value, which says what it is and how it lies behind.
//! Pure.

use crate::store::Kind;

/// How a value lies in bytes. The numbers are Redis' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One string.
    String,
    /// A count, then elements.
    List,
    /// A count, then members.
    Set,
    /// A count, then members, each with its score as text.
    SortedSetText,
    /// A count, then fields, each with its value.
    Hash,
    /// A count, then members, each with its score as a binary double.
    SortedSet,
    /// A zipmap: hashes of Redis before 2.6.
    HashZipmap,
    /// A ziplist: small lists of Redis before 3.2.
    ListZiplist,
    /// An intset.
    SetIntset,
    /// A ziplist: small sorted sets of Redis before 7.0.
    SortedSetZiplist,
    /// A ziplist: small hashes of Redis before 7.0.
    HashZiplist,
    /// A count, then ziplists: lists of Redis before 7.0.
    ListZiplists,
    /// A listpack.
    HashListpack,
    /// A listpack.
    SortedSetListpack,
    /// A count, then nodes: a listpack or one long element each.
    ListNodes,
    /// A listpack: small sets of Redis 7.2.
    SetListpack,
    /// A count, then nodes, each of an identifier and a listpack; what there was of entries; groups: streams of Redis before 7.0.
    StreamListpacks,
    /// The same with the entries that there ever were, and those that groups have read: streams of Redis 7.0.
    StreamListpacks2,
    /// The same with the moments at which consumers last got anything: streams of Redis 7.2.
    StreamListpacks3,
    /// A count, then fields, each before its value and the moment at which it ends: hashes of Valkey 9 of which some fields end.
    HashEnds,
    /// When the first field ends, a count, then fields, each behind when it ends and before its value: hashes of Redis 7.4 of which some fields end.
    HashTimed,
    /// When the first field ends, then a listpack of fields, values and ends: small ones of them.
    HashTimedListpack,
}

impl Encoding {
    /// The encoding of this number; `None` for what is no value, and for those of modules (6, 7).
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::String,
            1 => Self::List,
            2 => Self::Set,
            3 => Self::SortedSetText,
            4 => Self::Hash,
            5 => Self::SortedSet,
            9 => Self::HashZipmap,
            10 => Self::ListZiplist,
            11 => Self::SetIntset,
            12 => Self::SortedSetZiplist,
            13 => Self::HashZiplist,
            14 => Self::ListZiplists,
            16 => Self::HashListpack,
            17 => Self::SortedSetListpack,
            18 => Self::ListNodes,
            15 => Self::StreamListpacks,
            19 => Self::StreamListpacks2,
            20 => Self::SetListpack,
            21 => Self::StreamListpacks3,
            22 => Self::HashEnds,
            24 => Self::HashTimed,
            25 => Self::HashTimedListpack,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::String => 0,
            Self::List => 1,
            Self::Set => 2,
            Self::SortedSetText => 3,
            Self::Hash => 4,
            Self::SortedSet => 5,
            Self::HashZipmap => 9,
            Self::ListZiplist => 10,
            Self::SetIntset => 11,
            Self::SortedSetZiplist => 12,
            Self::HashZiplist => 13,
            Self::ListZiplists => 14,
            Self::HashListpack => 16,
            Self::SortedSetListpack => 17,
            Self::ListNodes => 18,
            Self::SetListpack => 20,
            Self::StreamListpacks => 15,
            Self::StreamListpacks2 => 19,
            Self::StreamListpacks3 => 21,
            Self::HashEnds => 22,
            Self::HashTimed => 24,
            Self::HashTimedListpack => 25,
        }
    }

    /// What it holds.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::String => Kind::String,
            Self::List | Self::ListZiplist | Self::ListZiplists | Self::ListNodes => Kind::List,
            Self::Set | Self::SetIntset | Self::SetListpack => Kind::Set,
            Self::Hash
            | Self::HashZipmap
            | Self::HashZiplist
            | Self::HashListpack
            | Self::HashEnds
            | Self::HashTimed
            | Self::HashTimedListpack => Kind::Hash,
            Self::SortedSet
            | Self::SortedSetText
            | Self::SortedSetZiplist
            | Self::SortedSetListpack => Kind::SortedSet,
            Self::StreamListpacks | Self::StreamListpacks2 | Self::StreamListpacks3 => Kind::Stream,
        }
    }

    /// Whether the moment at which the first field ends stands before all else.
    pub(super) fn is_timed(self) -> bool {
        matches!(self, Self::HashTimed | Self::HashTimedListpack)
    }

    /// Whether Redis looks only at how many elements there are, not at their lengths, when it decides whether a value of this encoding stays small by name.
    pub(super) fn stays_packed(self) -> bool {
        matches!(
            self,
            Self::HashListpack
                | Self::HashTimedListpack
                | Self::HashZiplist
                | Self::SortedSetListpack
                | Self::SortedSetZiplist
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding;

    #[test]
    fn numbers_and_encodings_are_two_names_for_the_same() {
        let known = (0..=u8::MAX).filter_map(Encoding::of);
        assert_eq!(known.clone().count(), 22);
        for encoding in known {
            assert_eq!(Encoding::of(encoding.number()), Some(encoding));
        }
    }
}
