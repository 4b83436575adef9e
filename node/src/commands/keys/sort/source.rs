//! [`Source`]: what SORT sorts: a list, a set or a sorted set.
//! Pure.

use crate::store::{
    Kind, ListRef, Position, SetRef, SortedSetRef, StringRef, Texts, Value, WrongType,
};
use std::ops::Range;

/// Elements to be sorted, where they lie.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    List(ListRef<'a>),
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
}

/// Where the next elements are taken from.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// Places of lists and sorted sets.
    places: Range<u64>,
    is_backwards: bool,
    /// The next one of a set.
    position: Option<Position>,
}

impl<'a> Source<'a> {
    /// The elements that a value has.
    ///
    /// # Errors
    /// [`WrongType`]: it has none.
    pub(super) fn of(value: Value<'a>) -> Result<Self, WrongType> {
        Ok(match value.kind() {
            Kind::Set => Self::Set(SetRef::of(value)?),
            Kind::SortedSet => Self::SortedSet(SortedSetRef::of(value)?),
            _ => Self::List(ListRef::of(value)?),
        })
    }

    pub(super) fn len(self) -> u64 {
        match self {
            Self::List(list) => list.len(),
            Self::Set(set) => set.members(),
            Self::SortedSet(set) => set.len(),
        }
    }

    pub(super) fn is_set(self) -> bool {
        matches!(self, Self::Set(_))
    }
}

impl Reader {
    /// Of all elements.
    pub(super) fn of_all(source: Source<'_>) -> Self {
        Self::of_part(source, 0..source.len(), false)
    }

    /// Of a part of those that lie in an order, counted from their end if it is to be read backwards.
    pub(super) fn of_part(source: Source<'_>, part: Range<u64>, is_backwards: bool) -> Self {
        let len = source.len();
        Self {
            places: if is_backwards {
                len - part.end..len - part.start
            } else {
                part
            },
            is_backwards,
            position: Some(Position::default()),
        }
    }

    /// Copies up to `limit` elements; whether there are more.
    pub(super) fn read(&mut self, source: Source<'_>, limit: u64, into: &mut Texts) -> bool {
        let Range { start, end } = self.places;
        let count = limit.min(end - start);
        let mut show = |element: StringRef<'_>| into.push(element);
        match source {
            Source::Set(set) => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                self.position = self
                    .position
                    .and_then(|position| set.walk(position, limit, show));
                return self.position.is_some();
            }
            Source::List(list) if self.is_backwards => {
                list.walk_back(end.saturating_sub(1), count, show);
            }
            Source::List(list) => list.walk(start, count, show),
            Source::SortedSet(set) if self.is_backwards => {
                set.walk_back(end.saturating_sub(1), count, |member, _| show(member));
            }
            Source::SortedSet(set) => set.walk(start, count, |member, _| show(member)),
        }
        self.places = if self.is_backwards {
            start..end - count
        } else {
            start + count..end
        };
        !self.places.is_empty()
    }
}
