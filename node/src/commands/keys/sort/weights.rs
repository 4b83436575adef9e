//! [`Weights`]: what elements are compared by.
//! Pure.

use super::options::Options;
use super::pattern::Pattern;
use crate::commands::double::{until_nul, weight};
use crate::store::{StringRef, Texts};
use shared::resp::{Args, ErrorReply};
use std::cmp::Ordering;

/// What the elements before a place are compared by.
#[derive(Debug)]
pub(super) enum Weights {
    /// Numbers. Equal ones are compared by the elements themselves.
    Numbers(Vec<f64>),
    /// The elements as texts.
    Elements,
    /// Texts found elsewhere, empty where nothing was found.
    Texts { texts: Texts, is_there: Vec<bool> },
}

impl Weights {
    /// None yet, of the kind that the options ask for.
    pub(super) fn new(options: &Options) -> Self {
        match (options.is_of_texts, options.by) {
            (false, _) => Self::Numbers(Vec::new()),
            (true, None) => Self::Elements,
            (true, Some(_)) => Self::Texts {
                texts: Texts::default(),
                is_there: Vec::new(),
            },
        }
    }

    /// The next element's.
    pub(super) fn push(&mut self, found: Option<StringRef<'_>>) -> Result<(), ErrorReply> {
        match self {
            Self::Numbers(numbers) => numbers.push(match found {
                None => 0.0,
                #[expect(clippy::cast_precision_loss, reason = "as Redis does it")]
                Some(StringRef::Integer(number)) => number as f64,
                Some(StringRef::Bytes(text)) => weight(text).ok_or(ErrorReply::SortNotNumeric)?,
            }),
            Self::Elements => {}
            Self::Texts { texts, is_there } => {
                is_there.push(found.is_some());
                texts.push(found.unwrap_or(StringRef::Bytes(b"")));
            }
        }
        Ok(())
    }

    /// Which of two elements comes first.
    pub(super) fn compare(
        &self,
        options: &Options,
        elements: &Texts,
        one: usize,
        other: usize,
    ) -> Ordering {
        let order = match self {
            Self::Numbers(numbers) => {
                let by_number = numbers[one].partial_cmp(&numbers[other]);
                let by_number = by_number.unwrap_or(Ordering::Equal);
                by_number.then_with(|| elements.get(one).cmp(elements.get(other)))
            }
            Self::Elements => compare_texts(options, elements.get(one), elements.get(other)),
            Self::Texts { texts, is_there } => {
                let by_presence = is_there[one].cmp(&is_there[other]);
                by_presence.then_with(|| compare_texts(options, texts.get(one), texts.get(other)))
            }
        };
        if options.is_descending {
            order.reverse()
        } else {
            order
        }
    }
}

/// What is told is compared up to a NUL byte, as by the C library in the C locale; what is stored is compared whole.
fn compare_texts(options: &Options, one: &[u8], other: &[u8]) -> Ordering {
    if options.destination.is_some() {
        one.cmp(other)
    } else {
        until_nul(one).cmp(until_nul(other))
    }
}

/// Where what elements are compared by is found; `None`: nowhere has to be looked.
pub(super) fn pattern<'a>(
    options: &Options,
    weights: &Weights,
    args: Args<'a>,
) -> Option<Pattern<'a>> {
    match (options.by, weights) {
        (_, Weights::Elements) => None,
        (Some(by), _) => Some(Pattern::parse(args.at(by))),
        (None, _) => Some(Pattern::Element),
    }
}
