//! [`ScoredRef`]: a sorted set at a key, or a set, whose members count as scored 1 (ZUNION and friends).
//! Pure.

use super::SortedSetRef;
use crate::store::value::SetRef;
use crate::store::value::elements::Position;
use crate::store::{Kind, StringRef, Value, WrongType};

/// Members shown before a walk looks whether it is to go on.
const SHOWN_AT_ONCE: u64 = 128;
const PLAIN_AT_ONCE: usize = 128;

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

    /// Shows the members as long as `show` says that it wants more.
    pub fn walk(self, mut show: impl FnMut(StringRef<'a>, f64) -> bool) {
        let mut is_wanted = true;
        let mut show = |member, score| {
            is_wanted = is_wanted && show(member, score);
            is_wanted
        };
        match self.form {
            Form::Sorted(set) => {
                let mut first = 0;
                let mut is_wanted = true;
                while is_wanted && first < set.len() {
                    set.walk(first, SHOWN_AT_ONCE, |member, score| {
                        is_wanted = show(member, score);
                    });
                    first += SHOWN_AT_ONCE;
                }
            }
            Form::Plain(set) => {
                let mut next = Some(Position::default());
                let mut is_wanted = true;
                while is_wanted && let Some(at) = next {
                    next = set.walk(at, PLAIN_AT_ONCE, |member| {
                        is_wanted = show(member, 1.0);
                    });
                }
            }
        }
    }
}
