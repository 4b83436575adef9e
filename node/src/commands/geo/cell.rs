//! [`Cell`]: the world as a grid that is halved again and again, and the scores under which sorted sets hold places: the bits of a cell of 26 halvings each way, longitudes and latitudes in turn.
//! Pure. Invariant: every score stands for a place, also one that no place was written under, as in Redis.

use super::point::Point;

/// Halvings of the cells whose bits are scores.
const FINEST: u8 = 26;
/// Bits of a score.
const SCORE_BITS: u8 = 2 * FINEST;

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Degrees.
pub(super) const LONGITUDES: Span = Span {
    least: -180.0,
    most: 180.0,
};

/// Degrees: near the poles the grid ends.
pub(super) const LATITUDES: Span = Span {
    least: -85.051_128_78,
    most: 85.051_128_78,
};

/// Degrees, as geohashes of others count them.
const ALL_LATITUDES: Span = Span {
    least: -90.0,
    most: 90.0,
};

/// What lies between two meridians and two parallels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) longitude: Span,
    pub(super) latitude: Span,
}

/// A cell of a grid of 4^step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    bits: u64,
    step: u8,
}

impl Span {
    /// Whether a number lies in it.
    pub(super) fn contains(self, number: f64) -> bool {
        (self.least..=self.most).contains(&number)
    }

    /// Where a number lies, counted in 2^-step of the span.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 2^26, for the number lies in the span"
    )]
    fn part(self, number: f64, step: u8) -> u32 {
        let offset = (number - self.least) / (self.most - self.least);
        (offset * parts(step)) as u32
    }

    /// The stretch of one part.
    fn stretch(self, part: u32, step: u8) -> Self {
        let at = |part: u32| self.least + f64::from(part) / parts(step) * (self.most - self.least);
        Self {
            least: at(part),
            most: at(part.wrapping_add(1)),
        }
    }

    /// Its middle, not beyond the ends of `whole`.
    fn middle(self, whole: Self) -> f64 {
        f64::midpoint(self.least, self.most).clamp(whole.least, whole.most)
    }
}

/// 2^step.
fn parts(step: u8) -> f64 {
    f64::from(1_u32 << step)
}

impl Cell {
    /// The cell that a point lies in.
    pub(super) fn around(point: Point, step: u8) -> Self {
        Self::within(LATITUDES, point, step)
    }

    /// The same of a grid that reaches to other latitudes.
    fn within(latitudes: Span, point: Point, step: u8) -> Self {
        let (longitude, latitude) = (
            LONGITUDES.part(point.longitude, step),
            latitudes.part(point.latitude, step),
        );
        Self {
            bits: spread(latitude) | spread(longitude) << 1,
            step,
        }
    }

    /// The score of a point.
    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53 only at the easternmost meridian, where Redis rounds as well"
    )]
    pub(super) fn score(point: Point) -> f64 {
        Self::around(point, FINEST).bits as f64
    }

    /// The cell of a score.
    pub(super) fn of_score(score: f64) -> Self {
        Self {
            bits: bits_of(score),
            step: FINEST,
        }
    }

    /// Parts of the longitudes and of the latitudes.
    fn column_and_row(self) -> (u32, u32) {
        (gathered(self.bits >> 1), gathered(self.bits))
    }

    /// What lies in it.
    pub(super) fn area(self) -> Area {
        let (column, row) = self.column_and_row();
        Area {
            longitude: LONGITUDES.stretch(column, self.step),
            latitude: LATITUDES.stretch(row, self.step),
        }
    }

    /// Its middle.
    pub(super) fn middle(self) -> Point {
        let Area {
            longitude,
            latitude,
        } = self.area();
        Point {
            longitude: longitude.middle(LONGITUDES),
            latitude: latitude.middle(LATITUDES),
        }
    }

    /// The cell so many columns to the east and rows to the north, on the other side of the world where it ends.
    pub(super) fn neighbour(self, east: i32, north: i32) -> Self {
        let (column, row) = self.column_and_row();
        let last = (1_u32 << self.step) - 1;
        let moved = |part: u32, by: i32| match by {
            // Not cut either: at the easternmost meridian a column more than there are is asked for.
            0 => part,
            _ => part.wrapping_add_signed(by) & last,
        };
        Self {
            bits: spread(moved(row, north)) | spread(moved(column, east)) << 1,
            step: self.step,
        }
    }

    /// The scores of the places in it: from the first up to, and without, the second.
    #[expect(
        clippy::cast_precision_loss,
        reason = "powers of two and their multiples below 2^54"
    )]
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = SCORE_BITS - 2 * self.step;
        let first = self.bits << shift;
        let end = (self.bits + 1) << shift;
        (first as f64, end as f64)
    }
}

/// 2^63.
const BEYOND_SIGNED: f64 = 9_223_372_036_854_775_808.0;

/// A score as a whole number, whatever it is, as a conversion of the C language gives it on these machines.
pub(super) fn whole(score: f64) -> i64 {
    if (-BEYOND_SIGNED..BEYOND_SIGNED).contains(&score) {
        #[expect(clippy::cast_possible_truncation, reason = "that is what is imitated")]
        let whole = score as i64;
        whole
    } else {
        i64::MIN
    }
}

/// The same without a sign.
fn bits_of(score: f64) -> u64 {
    if score >= BEYOND_SIGNED {
        whole(score - BEYOND_SIGNED).cast_unsigned() ^ 1 << 63
    } else {
        whole(score).cast_unsigned()
    }
}

/// Spreads bits over the even places. (Sean Anderson, "Bit twiddling hacks": interleave bits by binary magic numbers.)
fn spread(part: u32) -> u64 {
    let mut bits = u64::from(part);
    for (shift, mask) in SPREADS.iter().rev() {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Undoes [`spread`]; what stands at the odd places is lost.
fn gathered(bits: u64) -> u32 {
    let mut bits = bits & SPREADS[0].1;
    for (at, (shift, _)) in SPREADS.iter().enumerate() {
        let mask = SPREADS
            .get(at + 1)
            .map_or(u64::from(u32::MAX), |(_, mask)| *mask);
        bits = (bits | bits >> shift) & mask;
    }
    u32::try_from(bits).unwrap_or(0)
}

/// How far groups of bits move, and where they stand then.
const SPREADS: [(u32, u64); 5] = [
    (1, 0x5555_5555_5555_5555),
    (2, 0x3333_3333_3333_3333),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (8, 0x00ff_00ff_00ff_00ff),
    (16, 0x0000_ffff_0000_ffff),
];

/// Letters of a geohash.
pub(super) const GEOHASH_LEN: usize = 11;

/// The geohash of a point, in letters, as others write them too. The last letter stands for bits that no score has.
pub(super) fn geohash(point: Point) -> [u8; GEOHASH_LEN] {
    const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::within(ALL_LATITUDES, point, FINEST).bits;
    let mut text = [LETTERS[0]; GEOHASH_LEN];
    for (letter, shift) in text[..GEOHASH_LEN - 1]
        .iter_mut()
        .zip((2..48).rev().step_by(5))
    {
        let number = usize::try_from(bits >> shift & 0x1f);
        *letter = LETTERS[number.unwrap_or(0)];
    }
    text
}
