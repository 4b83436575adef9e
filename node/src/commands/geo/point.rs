//! [`Point`]: a place on the earth, as clients write it, and how far it is from another.
//! Pure. Invariant: distances are those of Redis to the last bit: the same operations in the same order on the same machine.

use super::cell::{LATITUDES, LONGITUDES};
use crate::commands::arguments::is_word;
use crate::commands::double::double;
use shared::resp::{Args, ErrorReply};

/// Metres: the mean radius that Redis takes.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

impl Point {
    /// Longitude and latitude, from argument `at` on.
    pub(super) fn parse(args: Args<'_>, at: usize) -> Result<Self, ErrorReply> {
        let number = |at: usize| double(args.at(at)).ok_or(ErrorReply::NotFloat);
        let point = Self {
            longitude: number(at)?,
            latitude: number(at + 1)?,
        };
        let Self {
            longitude,
            latitude,
        } = point;
        if LONGITUDES.contains(longitude) && LATITUDES.contains(latitude) {
            Ok(point)
        } else {
            Err(ErrorReply::not_on_earth(longitude, latitude))
        }
    }

    /// Metres to another point, by the haversine formula.
    pub(super) fn distance(self, other: Self) -> f64 {
        let east = ((other.longitude.to_radians() - self.longitude.to_radians()) / 2.0).sin();
        if east == 0.0 {
            return self.distance_north(other);
        }
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let north = ((there - here) / 2.0).sin();
        let share = north * north + here.cos() * there.cos() * east * east;
        // Rounding may make it more than the whole.
        2.0 * EARTH_RADIUS * share.sqrt().min(1.0).asin()
    }

    /// Metres to another point's parallel.
    pub(super) fn distance_north(self, other: Self) -> f64 {
        EARTH_RADIUS * (other.latitude.to_radians() - self.latitude.to_radians()).abs()
    }
}

/// What distances are told in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) metres: f64,
}

impl Unit {
    pub(super) const METRE: Self = Self { metres: 1.0 };

    /// `m`, `km`, `ft`, `mi`.
    pub(super) fn parse(word: &[u8]) -> Result<Self, ErrorReply> {
        [
            ("m", Self::METRE),
            ("km", Self { metres: 1000.0 }),
            ("ft", Self { metres: 0.3048 }),
            ("mi", Self { metres: 1609.34 }),
        ]
        .into_iter()
        .find(|(name, _)| is_word(word, name))
        .map(|(_, unit)| unit)
        .ok_or(ErrorReply::GeoUnit)
    }
}

/// A distance with four digits behind the point. (Rounded as Redis does it: the product is, half to even.)
pub(super) fn distance_text(distance: f64) -> String {
    const PLACES: f64 = 10_000.0;
    let scaled = (distance * PLACES).round_ties_even();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "distances on earth are neither negative nor large; others are cut"
    )]
    let scaled = scaled as u64;
    format!("{}.{:04}", scaled / 10_000, scaled % 10_000)
}

/// A coordinate with up to 17 digits behind the point.
pub(super) fn coordinate_text(degrees: f64) -> String {
    let text = format!("{degrees:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_redis_writes_them() {
        for (distance, expected) in [
            (0.0, "0.0000"),
            (0.00005, "0.0000"),
            (166_274.151_56, "166274.1516"),
            (7_383_175.264_55, "7383175.2646"),
        ] {
            assert_eq!(distance_text(distance), expected);
        }
        for (degrees, expected) in [
            (0.0, "0"),
            (-1e-20, "0"),
            (-180.0, "-180"),
            (13.361_389_338_970_184, "13.36138933897018433"),
            (1.5, "1.5"),
        ] {
            assert_eq!(coordinate_text(degrees), expected);
        }
    }
}
