//! Searches: which places lie in a circle or a box, told or stored; at once or, over many, a part at a time with other clients' commands between.
//! Pure. Invariant: what is found was there at one moment: should the set go meanwhile (nobody else may change it), the search begins anew.

use super::cell::{self, Cell};
use super::point::{Point, distance_text};
use super::read::reply_point;
use super::request::{Destination, Order, Request, source};
use super::shape::Shape;
use crate::commands::arguments::{check_reply, reply_count_64};
use crate::commands::merge_sort::MergeSort;
use crate::commands::{Action, Call};
use crate::store::{Bound, DbIndex, Key, SortedSetMaker, SortedSetRef, Store, Texts};
use shared::command::CommandId;
use shared::resp::{Args, ErrorReply};
use std::cmp::Ordering;

/// With more members in the cells that are looked at, others have their turns in between: so many are looked at, sorted and told in half a millisecond.
const UNDIVIDED_MEMBERS: u64 = 512;
/// Members looked at, told or stored between two looks at the stopwatch.
const MEMBERS_PER_STEP: usize = 128;
/// Arguments of one search: more than all its options, each several times.
const MOST_ARGUMENTS: usize = 1_024;

/// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH],
/// and its kind.
pub(super) fn search(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut work = None;
    while !Search::go_on(&mut work, call)? {}
    Ok(Action::Continue)
}

/// A place that was found.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Metres.
    distance: f64,
    score: f64,
    point: Point,
}

/// Ranks that are looked at: the next, and where they end.
type Ranks = (u64, u64);

/// A search under way.
#[derive(Debug)]
pub(crate) struct Search {
    request: Request,
    shape: Shape,
    /// Members of the set.
    len: u64,
    /// Of each cell; those that were looked at are gone.
    ranks: Vec<Ranks>,
    found: Vec<Found>,
    names: Texts,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Looking,
    Sorting(MergeSort),
    /// Everything is found; so many places are told or stored.
    Telling(Option<MergeSort>, Option<SortedSetMaker>, usize),
}

impl Search {
    /// Whether this search has so much to look at.
    pub(crate) fn is_long(store: &mut Store, db: DbIndex, id: CommandId, args: Args<'_>) -> bool {
        let bytes = args.at(source(id));
        let hash = store.hash(bytes);
        let value = store.peek(db, Key { bytes, hash });
        let Ok(Some(set)) = SortedSetRef::there(value) else {
            return false;
        };
        if set.len() <= UNDIVIDED_MEMBERS || args.len() > MOST_ARGUMENTS {
            return false;
        }
        let shape = Request::parse(id, args, Some(set)).map(|request| request.shape);
        let Ok(Some(shape)) = shape else {
            return false;
        };
        let members = ranks(set, &shape).into_iter().map(|(next, end)| end - next);
        members.sum::<u64>() > UNDIVIDED_MEMBERS
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(work: &mut Option<Self>, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let Some(search) = work else {
            *work = Self::begin(call)?;
            return Ok(work.is_none());
        };
        match &mut search.stage {
            Stage::Looking => {
                if !search.look_on(call) {
                    *work = None;
                }
            }
            Stage::Sorting(sort) => {
                let (found, order) = (&search.found, search.request.order);
                if sort.go_on(|one, other| compare(&found[one], &found[other], order)) {
                    let sorted = std::mem::replace(sort, MergeSort::new(0));
                    search.stage = search.request.telling(call, Some(sorted));
                }
            }
            Stage::Telling(..) => return search.tell_on(call),
        }
        Ok(false)
    }

    /// `None` when there is nothing to be searched, and that was the reply.
    fn begin(call: &mut Call<'_>) -> Result<Option<Self>, ErrorReply> {
        if call.args.len() > MOST_ARGUMENTS {
            return Err(ErrorReply::TooManyArguments(call.spec.name));
        }
        let (db, key) = (call.db(), call.key(source(call.spec.id)));
        let set = SortedSetRef::there(call.store.get(db, key))?;
        let request = Request::parse(call.spec.id, call.args, set)?;
        if let (Some(set), Some(shape)) = (set, request.shape) {
            return Ok(Some(Self {
                request,
                shape,
                len: set.len(),
                ranks: ranks(set, &shape),
                found: Vec::new(),
                names: Texts::default(),
                stage: Stage::Looking,
            }));
        }
        match request.destination {
            Some(destination) => {
                let key = call.key(destination.key);
                call.store.remove(db, key);
                call.reply.integer(0);
            }
            None => call.reply.array(0),
        }
        Ok(None)
    }

    /// Looks at some members; `false` when the set is no longer what it was.
    fn look_on(&mut self, call: &mut Call<'_>) -> bool {
        let (db, key) = (call.db(), call.key(source(call.spec.id)));
        let set = call.store.look(db, key).map(SortedSetRef::of);
        let Some(Ok(set)) = set.filter(|set| set.is_ok_and(|set| set.len() == self.len)) else {
            return false;
        };
        let (shape, most) = (self.shape, self.most_found());
        let mut left = MEMBERS_PER_STEP as u64;
        while left > 0
            && self.found.len() < most
            && let Some((next, end)) = self.ranks.first_mut()
        {
            let count = left.min(*end - *next);
            let (found, names) = (&mut self.found, &mut self.names);
            set.walk(*next, count, |member, score| {
                let point = Cell::of_score(score).middle();
                if found.len() < most
                    && let Some(distance) = shape.distance(point)
                {
                    names.push(member);
                    found.push(Found {
                        distance,
                        score,
                        point,
                    });
                }
            });
            left -= count;
            *next += count;
            if next == end {
                self.ranks.remove(0);
            }
        }
        if self.ranks.is_empty() || self.found.len() >= most {
            self.stage = match self.request.order {
                Some(_) => Stage::Sorting(MergeSort::new(self.found.len())),
                None => self.request.telling(call, None),
            };
        }
        true
    }

    /// After so many no more are looked for.
    fn most_found(&self) -> usize {
        if self.request.is_any {
            self.request.count
        } else {
            usize::MAX
        }
    }

    /// How many places are told.
    fn told(&self) -> usize {
        match self.request.count {
            0 => self.found.len(),
            count => count.min(self.found.len()),
        }
    }

    /// Tells or stores some places; whether these were the last.
    fn tell_on(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let told = self.told();
        let Stage::Telling(order, maker, next) = &mut self.stage else {
            return Ok(true);
        };
        if *next == 0 && maker.is_none() {
            call.reply.array(told);
        }
        let end = told.min(*next + MEMBERS_PER_STEP);
        for nth in *next..end {
            let place = match order {
                Some(order) => order.at(nth).unwrap_or(nth),
                None => nth,
            };
            let (found, name) = (self.found[place], self.names.get(place));
            let distance = found.distance / self.shape.unit.metres;
            match maker {
                Some(making) => {
                    let by_distance = self.request.destination.is_some_and(|to| to.by_distance);
                    let score = if by_distance { distance } else { found.score };
                    if let Err(full) = making.add(call.store, name, score) {
                        if let Some(maker) = maker.take() {
                            maker.drop(call.store);
                        }
                        return Err(full.into());
                    }
                }
                None => self.request.tell(call, name, &found, distance),
            }
        }
        *next = end;
        if end < told {
            check_reply(call)?;
            return Ok(false);
        }
        if let (Some(maker), Some(Destination { key, .. })) =
            (maker.take(), self.request.destination)
        {
            let key = call.key(key);
            let stored = maker.put(call.store, key)?;
            reply_count_64(&mut call.reply, stored);
        }
        check_reply(call)?;
        Ok(true)
    }
}

impl Request {
    /// The last stage, when places are found and in order.
    fn telling(&self, call: &Call<'_>, order: Option<MergeSort>) -> Stage {
        let limits = call.node.settings.hot.small.sorted_set;
        let maker = self.destination.map(|destination| {
            let key = call.args.at(destination.key);
            SortedSetMaker::new(call.db(), key, limits)
        });
        Stage::Telling(order, maker, 0)
    }

    /// A place as a reply.
    fn tell(&self, call: &mut Call<'_>, name: &[u8], found: &Found, distance: f64) {
        let details = self.details;
        let reply = &mut call.reply;
        let count = [details.distance, details.score, details.point].map(usize::from);
        let count = count.into_iter().sum::<usize>();
        if count > 0 {
            reply.array(1 + count);
        }
        reply.bulk(name);
        if details.distance {
            reply.bulk(distance_text(distance).as_bytes());
        }
        if details.score {
            reply.integer(cell::whole(found.score));
        }
        if details.point {
            reply_point(reply, found.point);
        }
    }
}

fn compare(one: &Found, other: &Found, order: Option<Order>) -> Ordering {
    let nearer = one.distance.total_cmp(&other.distance);
    match order {
        Some(Order::FarthestFirst) => nearer.reverse(),
        _ => nearer,
    }
}

/// Where members of the shape's cells stand.
fn ranks(set: SortedSetRef<'_>, shape: &Shape) -> Vec<Ranks> {
    let cells = shape.cells().into_iter();
    let ranks = cells.map(|cell| {
        let (first, end) = cell.scores();
        let rank = |score| set.rank_of_bound(Bound::BeforeScore(score));
        (rank(first), rank(end))
    });
    ranks.filter(|(next, end)| next < end).collect()
}
