//! Elements chosen by chance: how many, and which of how many.
//! Pure: chance comes from a seed.

use super::arguments::integer;
use crate::store::{Position, below};
use shared::resp::ErrorReply;
use std::collections::HashSet;

/// From this share of all on (one in …) elements are chosen in one walk over all: drawing would too often meet one again.
const WALKED_SHARE: u64 = 3;

/// Draws in a row of what was drawn before: of less than a third of all, not in the age of the world.
const MOST_AGAIN: u32 = 100;

/// The count of SRANDMEMBER, HRANDFIELD, ZRANDMEMBER; a negative one allows repetitions.
pub(super) fn count(argument: &[u8]) -> Result<i64, ErrorReply> {
    match integer(argument)? {
        i64::MIN => Err(ErrorReply::CountOutOfRange),
        count => Ok(count),
    }
}

/// The count of SPOP, LPOP, ZPOPMIN.
pub(super) fn positive_count(argument: &[u8]) -> Result<u64, ErrorReply> {
    let count = integer(argument).ok();
    let count = count.and_then(|count| u64::try_from(count).ok());
    count.ok_or(ErrorReply::NotPositive)
}

/// How some different elements of many are chosen, each choice as likely.
#[derive(Debug)]
pub(super) enum Choice {
    /// All of them.
    All,
    /// In a walk over all.
    Walk(Selection),
    /// Drawn, and shown in the order in which they were.
    Drawn(Vec<Position>),
}

impl Choice {
    /// `count` of `len` elements, without draws.
    pub(super) fn walked(count: u64, len: u64) -> Self {
        if count >= len {
            return Self::All;
        }
        Self::Walk(Selection { wanted: count, len })
    }

    /// Up to `count` different elements whose places `draw` draws, until it finds none or one too often again.
    pub(super) fn drawn(count: u64, mut draw: impl FnMut() -> Option<Position>) -> Vec<Position> {
        let mut drawing = Drawing::new(count);
        while !drawing.go_on(usize::MAX, &mut draw) {}
        drawing.into_drawn()
    }

    /// `count` of `len` elements, whose places `draw` draws.
    pub(super) fn of(
        count: u64,
        len: u64,
        chance: &mut u64,
        mut draw: impl FnMut(&mut u64) -> Option<Position>,
    ) -> Self {
        if count >= len || count * WALKED_SHARE > len {
            return Self::walked(count, len);
        }
        Self::Drawn(Self::drawn(count, || draw(chance)))
    }
}

/// Different elements that are drawn some at a time.
#[derive(Debug)]
pub(super) struct Drawing {
    wanted: u64,
    seen: HashSet<Position>,
    drawn: Vec<Position>,
    /// Draws in a row of what was drawn before.
    again: u32,
}

impl Drawing {
    /// So many, none of them yet.
    pub(super) fn new(wanted: u64) -> Self {
        Self {
            wanted,
            seen: HashSet::new(),
            drawn: Vec::new(),
            again: 0,
        }
    }

    /// Draws up to `limit` times; whether all are there, or `draw` finds none or one too often again.
    pub(super) fn go_on(
        &mut self,
        limit: usize,
        mut draw: impl FnMut() -> Option<Position>,
    ) -> bool {
        for _ in 0..limit {
            if self.drawn.len() as u64 >= self.wanted || self.again >= MOST_AGAIN {
                return true;
            }
            let Some(position) = draw() else {
                return true;
            };
            if self.seen.insert(position) {
                self.drawn.push(position);
                self.again = 0;
            } else {
                self.again += 1;
            }
        }
        false
    }

    /// Those that were drawn, in that order.
    pub(super) fn into_drawn(self) -> Vec<Position> {
        self.drawn
    }
}

/// How far elements that are chosen have come on their way into a reply.
#[derive(Debug)]
pub(super) enum Chosen {
    /// In a walk over all, of which some are chosen, or all.
    Walk(Option<Selection>, Position),
    /// They are still being drawn.
    Draw(Drawing),
    /// Those that were drawn; so many have been shown.
    Show(Vec<Position>, usize),
}

impl Chosen {
    /// `count` of `len` elements, none of them chosen yet.
    pub(super) fn new(count: u64, len: u64) -> Self {
        if count >= len {
            return Self::Walk(None, Position::default());
        }
        if count * WALKED_SHARE > len {
            let selection = Selection { wanted: count, len };
            return Self::Walk(Some(selection), Position::default());
        }
        Self::Draw(Drawing::new(count))
    }
}

/// So many of those that are still to come: each subset as likely (Knuth's algorithm S).
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    wanted: u64,
    len: u64,
}

impl Selection {
    /// Whether the next one is chosen.
    pub(super) fn takes_next(&mut self, chance: &mut u64) -> bool {
        let takes = below(chance, self.len) < self.wanted;
        self.wanted -= u64::from(takes);
        self.len -= 1;
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Position};
    use crate::store::below;

    /// How often each of twenty elements is chosen when `count` are, in 2,000 choices.
    fn counts(count: u64) -> [u32; 20] {
        let mut counts = [0; 20];
        let mut chance = 11;
        for _ in 0..2000 {
            let choice = Choice::of(count, 20, &mut chance, |chance| {
                let nth = u32::try_from(below(chance, 20)).ok()?;
                Some(Position::nth(nth))
            });
            match choice {
                Choice::All => counts.iter_mut().for_each(|count| *count += 1),
                Choice::Walk(mut selection) => {
                    for count in &mut counts {
                        *count += u32::from(selection.takes_next(&mut chance));
                    }
                }
                Choice::Drawn(drawn) => {
                    for position in drawn {
                        let nth = (0..20).position(|nth| Position::nth(nth) == position);
                        counts[nth.expect("one of twenty")] += 1;
                    }
                }
            }
        }
        counts
    }

    #[test]
    fn so_many_different_ones_are_chosen_and_each_as_likely() {
        for count in [1_u32, 3, 6, 7, 13, 19, 20, 30] {
            let chosen = count.min(20);
            let counts = counts(u64::from(count));
            assert_eq!(counts.iter().sum::<u32>(), chosen * 2000);
            let expected = f64::from(chosen) * 100.0;
            let squares = counts.map(|count| (f64::from(count) - expected).powi(2) / expected);
            // 19 degrees of freedom: beyond 50 once in ten thousand seeds.
            assert!(squares.iter().sum::<f64>() < 50.0, "{count}: {counts:?}");
        }
    }
}
