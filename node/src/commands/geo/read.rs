//! Commands that tell where places are: GEOPOS, GEODIST, GEOHASH.
//! Pure.

use super::cell::{self, Cell};
use super::point::{Point, Unit, coordinate_text, distance_text};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::{Action, Call};
use crate::store::SortedSetRef;
use shared::resp::{ErrorReply, ReplyWriter};

/// GEOPOS key [member …]
pub(super) fn geopos(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    treat(call, members(call), |call| {
        reply_each(call, |reply, point| match point {
            Some(point) => reply_point(reply, point),
            None => reply.null_array(),
        })
    })
}

/// GEOHASH key [member …]
pub(super) fn geohash(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    treat(call, members(call), |call| {
        reply_each(call, |reply, point| match point {
            Some(point) => reply.bulk(&cell::geohash(point)),
            None => reply.null(),
        })
    })
}

/// The members that are told of, each by itself.
fn members(call: &Call<'_>) -> Elements {
    Elements::from(call.args, 2, Told::Each)
}

/// An array of what `tell` says of each member.
fn reply_each(
    call: &mut Call<'_>,
    tell: fn(&mut ReplyWriter<'_>, Option<Point>),
) -> Result<Action, ErrorReply> {
    let (db, key) = (call.db(), call.key(1));
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let members = call.args.iter_from(2);
    call.reply.array(members.len());
    for member in members {
        tell(&mut call.reply, set.and_then(|set| point_of(set, member)));
    }
    Ok(Action::Continue)
}

/// Where a member is.
pub(super) fn point_of(set: SortedSetRef<'_>, member: &[u8]) -> Option<Point> {
    set.score(member)
        .map(|score| Cell::of_score(score).middle())
}

/// Longitude and latitude as a reply.
pub(super) fn reply_point(reply: &mut ReplyWriter<'_>, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        reply.double_text(&coordinate_text(degrees));
    }
}

/// GEODIST key member1 member2 [M | KM | FT | MI]
pub(super) fn geodist(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let unit = match call.args.len() {
        4 => Unit::METRE,
        5 => Unit::parse(call.args.at(4))?,
        _ => return Err(ErrorReply::Syntax),
    };
    let (db, key) = (call.db(), call.key(1));
    let set = SortedSetRef::there(call.store.get(db, key))?;
    let ends = set.and_then(|set| {
        let at = |index: usize| point_of(set, call.args.at(index));
        Some((at(2)?, at(3)?))
    });
    match ends {
        Some((one, other)) => {
            let text = distance_text(one.distance(other) / unit.metres);
            call.reply.bulk(text.as_bytes());
        }
        None => call.reply.null(),
    }
    Ok(Action::Continue)
}
