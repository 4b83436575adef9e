//! [`ScoredRef`]: a sorted set at a key, or a set, whose members count as scored 1 (ZUNION and friends).
//! Pure.

use super::SortedSetRef;
use crate::store::value::SetRef;
use crate::store::value::elements::Position;
use crate::store::{Kind, StringRef, Value, WrongType};

/// Where a walk over such members goes on: a rank, or a position.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScoredPlace {
    rank: u64,
    position: Position,
}

/// Members with scores.
#[derive(Clone, Copy, Debug)]
pub struct ScoredRef<'a> {
    form: Form<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Sorted(SortedSetRef<'a>),
    Plain(SetRef<'a>),
}

impl<'a> ScoredRef<'a> {
    /// The members that a value has.
    ///
    /// # Errors
    /// [`WrongType`]: it is neither.
    pub fn of(value: Value<'a>) -> Result<Self, WrongType> {
        let form = if value.kind() == Kind::Set {
            Form::Plain(SetRef::of(value)?)
        } else {
            Form::Sorted(SortedSetRef::of(value)?)
        };
        Ok(Self { form })
    }

    /// How many there are: never none.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a key's collection is never empty"
    )]
    pub fn len(self) -> u64 {
        match self.form {
            Form::Sorted(set) => set.len(),
            Form::Plain(set) => set.members(),
        }
    }

    /// A member's score.
    #[must_use]
    pub fn score(self, member: StringRef<'_>) -> Option<f64> {
        let mut digits = itoa::Buffer::new();
        let text = match member {
            StringRef::Bytes(bytes) => bytes,
            StringRef::Integer(number) => digits.format(number).as_bytes(),
        };
        match self.form {
            Form::Sorted(set) => set.score(text),
            Form::Plain(set) => set.contains(text).then_some(1.0),
        }
    }

    /// Shows up to `limit` members from a place on; where the walk goes on, if there are more.
    pub fn walk(
        self,
        from: ScoredPlace,
        limit: usize,
        mut show: impl FnMut(StringRef<'a>, f64),
    ) -> Option<ScoredPlace> {
        match self.form {
            Form::Sorted(set) => {
                let next = from.rank + limit as u64;
                set.walk(from.rank, limit as u64, show);
                (next < set.len()).then_some(ScoredPlace { rank: next, ..from })
            }
            Form::Plain(set) => {
                let next = set.walk(from.position, limit, |member| show(member, 1.0));
                next.map(|position| ScoredPlace { position, ..from })
            }
        }
    }
}
