//! [`Shape`]: what is searched, a circle or a box, and the cells that cover it.
//! Pure. Invariant: the cells are those that Redis looks at, in its order, which is that of a reply nobody sorts.

use super::cell::{Area, Cell, Span};
use super::point::{EARTH_RADIUS, Point, Unit};

/// Metres: half of the equator as the Mercator projection has it.
const HALF_EQUATOR: f64 = 20_037_726.37;

/// Most halvings of a cell that is searched.
const MOST_STEPS: i32 = 26;

/// Degrees from the equator beyond which cells are so narrow that larger ones are needed.
const NARROW_FROM: [f64; 2] = [66.0, 80.0];

/// A cell and its neighbours, in the order in which they are looked at: so many to the east, so many to the north.
const NEIGHBOURHOOD: [(i32, i32); 9] = [
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
];

/// How far from the centre, in the shape's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    Radius(f64),
    Box { width: f64, height: f64 },
}

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) centre: Point,
    pub(super) extent: Extent,
    pub(super) unit: Unit,
}

impl Shape {
    /// Metres from the centre to a point, if that lies in the shape.
    pub(super) fn distance(&self, point: Point) -> Option<f64> {
        let Self {
            centre,
            extent,
            unit: Unit { metres },
        } = *self;
        match extent {
            Extent::Radius(radius) => {
                let distance = centre.distance(point);
                (distance <= radius * metres).then_some(distance)
            }
            Extent::Box { width, height } => {
                let (width, height) = (width * metres, height * metres);
                let of_same_latitude = Point {
                    latitude: point.latitude,
                    ..centre
                };
                let is_outside = point.distance_north(centre) > height / 2.0
                    || point.distance(of_same_latitude) > width / 2.0;
                (!is_outside).then(|| centre.distance(point))
            }
        }
    }

    /// Parallels and meridians around the shape.
    fn bounds(&self) -> Area {
        let Point {
            longitude,
            latitude,
        } = self.centre;
        let metres = self.unit.metres;
        let (width, height) = match self.extent {
            Extent::Radius(radius) => (metres * radius, metres * radius),
            Extent::Box { width, height } => (metres * (width / 2.0), metres * (height / 2.0)),
        };
        let north = degrees(height / EARTH_RADIUS);
        // Where meridians are nearest to each other.
        let narrowest = if latitude < 0.0 {
            latitude - north
        } else {
            latitude + north
        };
        let east = degrees(width / EARTH_RADIUS / narrowest.to_radians().cos());
        Area {
            longitude: Span {
                least: longitude - east,
                most: longitude + east,
            },
            latitude: Span {
                least: latitude - north,
                most: latitude + north,
            },
        }
    }

    /// How often the world is halved to get cells of which nine cover the shape, in most cases.
    fn steps(&self) -> u8 {
        let range = match self.extent {
            Extent::Radius(radius) => radius,
            Extent::Box { width, height } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (width * width + height * height).sqrt()
            }
        };
        let mut range = range * self.unit.metres;
        if range == 0.0 {
            return MOST_STEPS.to_le_bytes()[0];
        }
        let mut steps = -1;
        while range < HALF_EQUATOR {
            range *= 2.0;
            steps += 1;
        }
        let latitude = self.centre.latitude.abs();
        steps -= NARROW_FROM
            .iter()
            .map(|from| i32::from(latitude > *from))
            .sum::<i32>();
        steps.clamp(1, MOST_STEPS).to_le_bytes()[0]
    }

    /// The cells in which the shape's points lie.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut steps = self.steps();
        let mut cell = Cell::around(self.centre, steps);
        if steps > 1 && !are_covered(cell, &bounds) {
            steps -= 1;
            cell = Cell::around(self.centre, steps);
        }
        let area = cell.area();
        let is_useless = |east: i32, north: i32| {
            steps >= 2
                && ((north < 0 && area.latitude.least < bounds.latitude.least)
                    || (north > 0 && area.latitude.most > bounds.latitude.most)
                    || (east < 0 && area.longitude.least < bounds.longitude.least)
                    || (east > 0 && area.longitude.most > bounds.longitude.most))
        };
        let mut cells = vec![cell];
        for (east, north) in NEIGHBOURHOOD.into_iter().skip(1) {
            if is_useless(east, north) {
                continue;
            }
            let neighbour = cell.neighbour(east, north);
            // Of very large cells there are so few that neighbours on both sides are the same.
            let is_looked_at = cells.len() > 1 && cells.last() == Some(&neighbour);
            if !is_looked_at {
                cells.push(neighbour);
            }
        }
        cells
    }
}

/// Whether a cell and its neighbours reach as far as the bounds.
fn are_covered(cell: Cell, bounds: &Area) -> bool {
    let area = |east: i32, north: i32| cell.neighbour(east, north).area();
    let is_beyond = area(0, 1).latitude.most < bounds.latitude.most
        || area(0, -1).latitude.least > bounds.latitude.least
        || area(1, 0).longitude.most < bounds.longitude.most
        || area(-1, 0).longitude.least > bounds.longitude.least;
    !is_beyond
}

/// Radians in degrees, computed as Redis does.
fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}
