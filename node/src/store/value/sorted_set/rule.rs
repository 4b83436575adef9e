//! What an addition to a sorted set may do, and what it does then.
//! Pure.

use crate::store::value::frame::ordered;

/// Which members an addition may touch (ZADD's NX and XX).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existence {
    /// All.
    #[default]
    Any,
    /// Those that are not there.
    New,
    /// Those that are there.
    Old,
}

/// Which new scores of an old member are taken (ZADD's GT and LT).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// All.
    #[default]
    Any,
    /// Greater ones.
    Greater,
    /// Lesser ones.
    Less,
}

/// What an addition may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddRule {
    /// To whom.
    pub existence: Existence,
    /// With which score.
    pub comparison: Comparison,
    /// Whether the number is added to the score that is there.
    pub increments: bool,
}

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    /// It is new, with this score.
    New(f64),
    /// It has this score now.
    Changed(f64),
    /// It had this score already.
    Same(f64),
    /// The rule did not allow it.
    Refused,
    /// The sum of both infinities: nothing has changed.
    NotANumber,
}

/// What becomes of a member with the score `old` that is to have or gain `score`.
pub(super) fn decide(old: Option<f64>, score: f64, rule: AddRule) -> Added {
    let Some(old) = old else {
        return match rule.existence {
            Existence::Old => Added::Refused,
            Existence::Any | Existence::New => Added::New(score),
        };
    };
    if rule.existence == Existence::New {
        return Added::Refused;
    }
    let score = if rule.increments { old + score } else { score };
    if score.is_nan() {
        return Added::NotANumber;
    }
    let is_refused = match rule.comparison {
        Comparison::Any => false,
        Comparison::Greater => score <= old,
        Comparison::Less => score >= old,
    };
    if is_refused {
        Added::Refused
    } else if ordered(score) == ordered(old) {
        Added::Same(score)
    } else {
        Added::Changed(score)
    }
}
