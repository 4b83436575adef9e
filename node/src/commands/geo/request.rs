//! [`Request`]: what a search asks for: GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and the forms of these that only read.
//! Pure. Invariant: of several faults of a request the one is told that Redis tells.

use super::point::{Point, Unit};
use super::read::point_of;
use super::shape::{Extent, Shape};
use crate::commands::arguments::{integer, is_word};
use crate::commands::double::double;
use crate::store::SortedSetRef;
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply};

/// In which order places are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    NearestFirst,
    FarthestFirst,
}

/// What is told of a place beside its name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Details {
    pub(super) distance: bool,
    pub(super) score: bool,
    pub(super) point: bool,
}

/// Where places are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Destination {
    /// Which argument is the key.
    pub(super) key: usize,
    /// Their distances are the scores, not where they are.
    pub(super) by_distance: bool,
}

/// What a search asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// `None` where there is nothing to be searched.
    pub(super) shape: Option<Shape>,
    pub(super) order: Option<Order>,
    pub(super) details: Details,
    pub(super) destination: Option<Destination>,
    /// How many places are told; 0: all.
    pub(super) count: usize,
    /// As soon as so many are found, whichever they are.
    pub(super) is_any: bool,
}

/// What a command's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// GEORADIUS, and whether it may store.
    OfPoint(bool),
    /// GEORADIUSBYMEMBER, and whether it may store.
    OfMember(bool),
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchAndStore,
}

impl Form {
    fn of(id: CommandId) -> Self {
        match id {
            CommandId::Georadius => Self::OfPoint(true),
            CommandId::GeoradiusRo => Self::OfPoint(false),
            CommandId::Georadiusbymember => Self::OfMember(true),
            CommandId::GeoradiusbymemberRo => Self::OfMember(false),
            CommandId::Geosearchstore => Self::SearchAndStore,
            _ => Self::Search,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchAndStore)
    }

    fn may_name_destination(self) -> bool {
        matches!(self, Self::OfPoint(true) | Self::OfMember(true))
    }

    /// Where the options begin.
    fn first_option(self) -> usize {
        match self {
            Self::OfPoint(_) => 6,
            Self::OfMember(_) => 5,
            Self::Search => 2,
            Self::SearchAndStore => 3,
        }
    }
}

/// Which argument is the key of the set that is searched.
pub(super) fn source(id: CommandId) -> usize {
    match Form::of(id) {
        Form::SearchAndStore => 2,
        _ => 1,
    }
}

/// A request that is being read.
struct Parser<'a> {
    form: Form,
    args: Args<'a>,
    set: Option<SortedSetRef<'a>>,
    centre: Option<Point>,
    has_member: bool,
    extent: Option<(Extent, Unit)>,
    request: Request,
}

impl Request {
    /// Reads the arguments of `id`, when `set` is what is searched.
    pub(super) fn parse(
        id: CommandId,
        args: Args<'_>,
        set: Option<SortedSetRef<'_>>,
    ) -> Result<Self, ErrorReply> {
        let mut parser = Parser {
            form: Form::of(id),
            args,
            set,
            centre: None,
            has_member: false,
            extent: None,
            request: Self {
                shape: None,
                order: None,
                details: Details::default(),
                destination: None,
                count: 0,
                is_any: false,
            },
        };
        parser.read_fixed()?;
        let mut at = parser.form.first_option();
        while at < args.len() {
            at = parser.read_option(at)?;
        }
        parser.end()
    }
}

impl Parser<'_> {
    /// Reads what stands at fixed places.
    fn read_fixed(&mut self) -> Result<(), ErrorReply> {
        let radius_at = match self.form {
            Form::OfPoint(_) => {
                self.centre = Some(Point::parse(self.args, 2)?);
                4
            }
            // Nobody knows where the member is; then the radius is not looked at either.
            Form::OfMember(_) if self.set.is_none() => return Ok(()),
            Form::OfMember(_) => {
                self.read_member(2)?;
                3
            }
            Form::Search => return Ok(()),
            Form::SearchAndStore => {
                self.request.destination = Some(Destination {
                    key: 1,
                    by_distance: false,
                });
                return Ok(());
            }
        };
        self.read_radius(radius_at)
    }

    fn read_member(&mut self, at: usize) -> Result<(), ErrorReply> {
        self.has_member = true;
        if let Some(set) = self.set {
            let point = point_of(set, self.args.at(at));
            self.centre = Some(point.ok_or(ErrorReply::GeoMember)?);
        }
        Ok(())
    }

    fn read_radius(&mut self, at: usize) -> Result<(), ErrorReply> {
        let radius = double(self.args.at(at)).ok_or(ErrorReply::GeoRadiusNotNumeric)?;
        if radius < 0.0 {
            return Err(ErrorReply::GeoRadiusNegative);
        }
        let unit = Unit::parse(self.args.at(at + 1))?;
        self.extent = Some((Extent::Radius(radius), unit));
        Ok(())
    }

    fn read_box(&mut self, at: usize) -> Result<(), ErrorReply> {
        let width = double(self.args.at(at)).ok_or(ErrorReply::GeoWidthNotNumeric)?;
        let height = double(self.args.at(at + 1)).ok_or(ErrorReply::GeoHeightNotNumeric)?;
        if width < 0.0 || height < 0.0 {
            return Err(ErrorReply::GeoBoxNegative);
        }
        let unit = Unit::parse(self.args.at(at + 2))?;
        self.extent = Some((Extent::Box { width, height }, unit));
        Ok(())
    }

    /// Reads the option at an argument; where the next one is.
    fn read_option(&mut self, at: usize) -> Result<usize, ErrorReply> {
        let word = self.args.at(at);
        let request = &mut self.request;
        match word {
            _ if is_word(word, "WITHDIST") => request.details.distance = true,
            _ if is_word(word, "WITHHASH") => request.details.score = true,
            _ if is_word(word, "WITHCOORD") => request.details.point = true,
            _ if is_word(word, "ANY") => request.is_any = true,
            _ if is_word(word, "ASC") => request.order = Some(Order::NearestFirst),
            _ if is_word(word, "DESC") => request.order = Some(Order::FarthestFirst),
            _ if is_word(word, "COUNT") && at + 1 < self.args.len() => {
                let count = integer(self.args.at(at + 1))?;
                request.count = usize::try_from(count)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or(ErrorReply::CountTooSmall)?;
                return Ok(at + 2);
            }
            _ if self.form.is_search() => return self.read_search_option(at),
            _ => return self.read_radius_option(at),
        }
        Ok(at + 1)
    }

    /// What only GEORADIUS and GEORADIUSBYMEMBER have.
    fn read_radius_option(&mut self, at: usize) -> Result<usize, ErrorReply> {
        let word = self.args.at(at);
        let by_distance = is_word(word, "STOREDIST");
        if !(by_distance || is_word(word, "STORE"))
            || !self.form.may_name_destination()
            || at + 1 >= self.args.len()
        {
            return Err(ErrorReply::Syntax);
        }
        self.request.destination = Some(Destination {
            key: at + 1,
            by_distance,
        });
        Ok(at + 2)
    }

    /// What only GEOSEARCH and GEOSEARCHSTORE have.
    fn read_search_option(&mut self, at: usize) -> Result<usize, ErrorReply> {
        let word = self.args.at(at);
        let behind = self.args.len() - at - 1;
        let has_point = self.centre.is_some() && !self.has_member;
        let (has_radius, has_box) = match self.extent {
            None => (false, false),
            Some((Extent::Radius(_), _)) => (true, false),
            Some((Extent::Box { .. }, _)) => (false, true),
        };
        if is_word(word, "FROMMEMBER") && behind >= 1 && !has_point {
            self.read_member(at + 1)?;
            return Ok(at + 2);
        }
        if is_word(word, "FROMLONLAT") && behind >= 2 && !self.has_member {
            self.centre = Some(Point::parse(self.args, at + 1)?);
            return Ok(at + 3);
        }
        if is_word(word, "BYRADIUS") && behind >= 2 && !has_box {
            self.read_radius(at + 1)?;
            return Ok(at + 3);
        }
        if is_word(word, "BYBOX") && behind >= 3 && !has_radius {
            self.read_box(at + 1)?;
            return Ok(at + 4);
        }
        match &mut self.request.destination {
            Some(destination) if is_word(word, "STOREDIST") => {
                destination.by_distance = true;
                Ok(at + 1)
            }
            _ => Err(ErrorReply::Syntax),
        }
    }

    /// Whether the options go together.
    fn end(self) -> Result<Request, ErrorReply> {
        let Self {
            form,
            args,
            mut request,
            ..
        } = self;
        let Details {
            distance,
            score,
            point,
        } = request.details;
        if request.destination.is_some() && (distance || score || point) {
            return Err(ErrorReply::GeoStoreAndDetails(match form {
                Form::SearchAndStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            }));
        }
        if form.is_search() && self.centre.is_none() && !self.has_member {
            return Err(ErrorReply::no_centre_of_search(args.at(0)));
        }
        if form.is_search() && self.extent.is_none() {
            return Err(ErrorReply::no_extent_of_search(args.at(0)));
        }
        if request.is_any && request.count == 0 {
            return Err(ErrorReply::GeoAnyWithoutCount);
        }
        request.shape = match (self.set, self.centre, self.extent) {
            (Some(_), Some(centre), Some((extent, unit))) => Some(Shape {
                centre,
                extent,
                unit,
            }),
            _ => None,
        };
        // Which are the nearest can be said only when all are known.
        if request.count > 0 && !request.is_any {
            request.order = request.order.or(Some(Order::NearestFirst));
        }
        Ok(request)
    }
}
