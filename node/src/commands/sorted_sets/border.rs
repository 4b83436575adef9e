//! Borders of ranges as clients write them: scores such as `(1.5` and `+inf`, texts such as `[a`, `(a`, `-`, `+`.
//! Pure.

use crate::commands::double::border;
use crate::store::{Bound, SortedSetRef};
use shared::resp::ErrorReply;

/// Which members are meant: from one border to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Borders<'a> {
    begin: Bound<'a>,
    end: Bound<'a>,
}

impl<'a> Borders<'a> {
    /// Scores from a least to a greatest one.
    pub(super) fn of_scores(least: &[u8], most: &[u8]) -> Result<Self, ErrorReply> {
        let score = |text: &[u8]| {
            let (is_open, digits) = match text {
                [b'(', rest @ ..] => (true, rest),
                _ => (false, text),
            };
            border(digits)
                .map(|score| (score, is_open))
                .ok_or(ErrorReply::ScoreBorder)
        };
        let ((least, is_open), (most, ends_open)) = (score(least)?, score(most)?);
        Ok(Self {
            begin: if is_open {
                Bound::AfterScore(least)
            } else {
                Bound::BeforeScore(least)
            },
            end: if ends_open {
                Bound::BeforeScore(most)
            } else {
                Bound::AfterScore(most)
            },
        })
    }

    /// Texts from a first to a last one, among members of equal scores.
    pub(super) fn of_texts(first: &'a [u8], last: &'a [u8]) -> Result<Self, ErrorReply> {
        Ok(Self {
            begin: text_border(first, Bound::BeforeText, Bound::AfterText)?,
            end: text_border(last, Bound::AfterText, Bound::BeforeText)?,
        })
    }

    /// The ranks between the borders: the first, and how many.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> (u64, u64) {
        let begin = set.rank_of_bound(self.begin);
        let end = set.rank_of_bound(self.end);
        (begin, end.saturating_sub(begin))
    }
}

fn text_border<'a>(
    text: &'a [u8],
    closed: fn(&'a [u8]) -> Bound<'a>,
    open: fn(&'a [u8]) -> Bound<'a>,
) -> Result<Bound<'a>, ErrorReply> {
    match text {
        // Redis reads a C string here.
        [b'-'] | [b'-', 0, ..] => Ok(Bound::First),
        [b'+'] | [b'+', 0, ..] => Ok(Bound::Last),
        [b'[', text @ ..] => Ok(closed(text)),
        [b'(', text @ ..] => Ok(open(text)),
        _ => Err(ErrorReply::TextBorder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(least: &str, most: &str) -> Result<Borders<'static>, ErrorReply> {
        Borders::of_scores(least.as_bytes(), most.as_bytes())
    }

    #[test]
    fn scores_bound_ranges_open_or_closed() {
        for (least, most, begin, end) in [
            ("1", "2", Bound::BeforeScore(1.0), Bound::AfterScore(2.0)),
            ("(1", "(2", Bound::AfterScore(1.0), Bound::BeforeScore(2.0)),
            (
                "-inf",
                "(+Inf",
                Bound::BeforeScore(f64::NEG_INFINITY),
                Bound::BeforeScore(f64::INFINITY),
            ),
            ("(", "", Bound::AfterScore(0.0), Bound::AfterScore(0.0)),
        ] {
            assert_eq!(scores(least, most), Ok(Borders { begin, end }));
        }
        for (least, most) in [("a", "1"), ("1", "nan"), ("((1", "2"), ("[1", "2")] {
            assert_eq!(scores(least, most), Err(ErrorReply::ScoreBorder));
        }
    }

    #[test]
    fn texts_bound_ranges_open_or_closed() {
        let texts = |first: &'static str, last: &'static str| {
            Borders::of_texts(first.as_bytes(), last.as_bytes())
        };
        for (first, last, begin, end) in [
            ("[a", "[b", Bound::BeforeText(b"a"), Bound::AfterText(b"b")),
            ("(a", "(", Bound::AfterText(b"a"), Bound::BeforeText(b"")),
            ("-", "+", Bound::First, Bound::Last),
            ("+", "-\0x", Bound::Last, Bound::First),
        ] {
            assert_eq!(texts(first, last), Ok(Borders { begin, end }));
        }
        for text in ["", "a", "-a", "++"] {
            assert_eq!(texts(text, "+"), Err(ErrorReply::TextBorder));
            assert_eq!(texts("-", text), Err(ErrorReply::TextBorder));
        }
    }
}
