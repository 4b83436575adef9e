//! Which slots a shard takes when it joins or grows, and who takes the slots of one that leaves or shrinks. Pure and deterministic:
//! the same owners and weights give the same answer on every machine, for ever.
//!
//! Consistent hashing (Karger et al., "Consistent Hashing and Random Trees", STOC 1997) with weighted virtual nodes (DeCandia et al.,
//! "Dynamo", SOSP 2007) and bounded load (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018). Slots stand on
//! the ring in their own order, so that what a shard owns prints as few ranges; CRC16 has spread the keys over them already. A shard
//! stands there at points drawn from its name. A slot prefers the next point clockwise, and passes those of shards that have their share.
//!
//! The original places everything anew and lets the bound push slots to and fro between old owners. Here owners are stored, so only what must
//! move does: one that joins takes its share from those above theirs, one that leaves hands its slots to those below.
//! Invariant: a slot that moves does so from or to the shard that changed.

use super::{ShardId, Weight};
use crate::slot::{SLOT_COUNT, SlotId, SlotSet};

/// Points per 100 of weight. Shares are exact whatever their number: points only choose which slots move, so few are enough to take them
/// from, or spread them over, all others alike, and keep ranges few.
const POINTS_PER_100: u32 = 16;

/// Most points of one shard, so that a ring of the most shards at the greatest weight stays small.
const MOST_POINTS: u32 = 256;

/// A shard as the ring sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingShard<'a> {
    /// Its points are drawn from its name.
    pub id: &'a ShardId,
    /// How much it is to own, relative to the others.
    pub weight: Weight,
    /// What it owns now.
    pub slots: &'a SlotSet,
}

/// What moves: for each shard in the order given, the slots that it gains.
pub type Gains = Vec<SlotSet>;

/// The slots that `shards[joining]` takes from the others so that it has its share; nothing else moves. None while it has its share or more.
///
/// # Panics
/// When `joining` is not a place in `shards`.
#[must_use]
pub fn take_share(shards: &[RingShard<'_>], joining: usize) -> Gains {
    let floors = shares(shards, Rounding::Down);
    let mut spare: Vec<usize> = shards
        .iter()
        .zip(&floors)
        .map(|(shard, floor)| shard.slots.len().saturating_sub(*floor))
        .collect();
    spare[joining] = 0;
    let mut wanted = floors[joining].saturating_sub(shards[joining].slots.len());
    let mut owners = vec![joining; usize::from(SLOT_COUNT)];
    for (owner, shard) in shards.iter().enumerate() {
        for slot in shard.slots.iter() {
            owners[usize::from(slot.number())] = owner;
        }
    }
    let mut gains = vec![SlotSet::empty(); shards.len()];
    // Nearest first: those are the slots that the ring would give it.
    for slot in nearest_first(&points(joining, &shards[joining])) {
        if wanted == 0 {
            break;
        }
        let owner = owners[usize::from(slot.number())];
        if spare[owner] > 0 {
            spare[owner] -= 1;
            wanted -= 1;
            gains[joining].insert(slot);
        }
    }
    gains
}

/// Who takes `leaving`, slots that no shard of `shards` owns: each goes to the next point clockwise whose shard is below its share.
/// `shards` are those that stay, their weights count alone. Empty gains when there is none.
#[must_use]
pub fn hand_out(shards: &[RingShard<'_>], leaving: &SlotSet) -> Gains {
    hand_out_but_to(shards, leaving, None)
}

/// The slots that `shards[shrinking]` hands to the others so that it is left with its share; none while it has its share or less.
///
/// # Panics
/// When `shrinking` is not a place in `shards`.
#[must_use]
pub fn give_share(shards: &[RingShard<'_>], shrinking: usize) -> Gains {
    let share = shares(shards, Rounding::Up)[shrinking];
    let surplus = shards[shrinking].slots.len().saturating_sub(share);
    let own = points(shrinking, &shards[shrinking]);
    let mut slots: Vec<SlotId> = nearest_first(&own)
        .filter(|&slot| shards[shrinking].slots.contains(slot))
        .collect();
    // Farthest first: those are the slots that the ring would give it last.
    let leaving: SlotSet = slots.split_off(slots.len() - surplus).into_iter().collect();
    hand_out_but_to(shards, &leaving, Some(shrinking))
}

fn hand_out_but_to(shards: &[RingShard<'_>], leaving: &SlotSet, but: Option<usize>) -> Gains {
    let mut gains = vec![SlotSet::empty(); shards.len()];
    let ceilings = shares(shards, Rounding::Up);
    let mut room: Vec<usize> = shards
        .iter()
        .zip(&ceilings)
        .map(|(shard, ceiling)| ceiling.saturating_sub(shard.slots.len()))
        .collect();
    if let Some(place) = but {
        room[place] = 0;
    }
    let mut ring: Vec<Point> = Vec::new();
    for (place, shard) in shards.iter().enumerate() {
        ring.extend(points(place, shard));
    }
    ring.sort_unstable();
    for slot in leaving.iter() {
        let start = ring.partition_point(|point| point.at < slot.number());
        let clockwise = ring[start..].iter().chain(&ring[..start]);
        // The ceilings add up to every slot at least, so somebody has room unless nobody else is there.
        let Some(taker) = clockwise.map(|point| point.shard).find(|&s| room[s] > 0) else {
            break;
        };
        room[taker] -= 1;
        gains[taker].insert(slot);
    }
    gains
}

/// Where on the ring a shard stands: before which slot, and whose point it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    at: u16,
    /// Breaks ties between points of one place, alike in every order of the shards.
    tie: u64,
    shard: usize,
}

/// The points of one shard, in ascending order.
fn points(place: usize, shard: &RingShard<'_>) -> Vec<Point> {
    let count = (u32::from(shard.weight.get()) * POINTS_PER_100).div_ceil(100);
    let mut points: Vec<Point> = (0..count.min(MOST_POINTS))
        .map(|number| {
            let bits = draw(shard.id.as_str(), number);
            let [high, low, ..] = bits.to_be_bytes();
            Point {
                at: u16::from_be_bytes([high, low]) % SLOT_COUNT,
                tie: bits,
                shard: place,
            }
        })
        .collect();
    points.sort_unstable();
    points
}

/// Every slot once, by its distance clockwise to the next of `points`, which are sorted.
fn nearest_first(points: &[Point]) -> impl Iterator<Item = SlotId> {
    let mut at: Vec<u16> = points.iter().map(|point| point.at).collect();
    at.dedup();
    let before = at.iter().copied().cycle().skip(at.len().saturating_sub(1));
    let arcs: Vec<(u16, u16)> = at
        .iter()
        .zip(before)
        .map(|(&at, before)| match at.wrapping_sub(before) % SLOT_COUNT {
            // The only point: its arc is the whole ring.
            0 => (at, SLOT_COUNT),
            length => (at, length),
        })
        .collect();
    (0..SLOT_COUNT).flat_map(move |distance| {
        let reaching: Vec<SlotId> = arcs
            .iter()
            .filter(|&&(_, length)| distance < length)
            .filter_map(|&(at, _)| SlotId::new((at + SLOT_COUNT - distance) % SLOT_COUNT))
            .collect();
        reaching
    })
}

#[derive(Clone, Copy)]
enum Rounding {
    Down,
    Up,
}

/// How many slots each shard is to own by its weight.
fn shares(shards: &[RingShard<'_>], rounding: Rounding) -> Vec<usize> {
    let weight = |shard: &RingShard<'_>| usize::from(shard.weight.get());
    let total: usize = shards.iter().map(weight).sum();
    let share = |shard| {
        let slots = usize::from(SLOT_COUNT) * weight(shard);
        match rounding {
            Rounding::Down => slots / total,
            Rounding::Up => slots.div_ceil(total),
        }
    };
    shards.iter().map(share).collect()
}

/// 64 bits drawn from a name and a number, the same on every machine: FNV-1a, then the finaliser of SplitMix64, for FNV alone leaves names that
/// differ in their last letter close together.
fn draw(name: &str, number: u32) -> u64 {
    let mut bits: u64 = 0xCBF2_9CE4_8422_2325;
    for byte in name.bytes().chain([0]).chain(number.to_be_bytes()) {
        bits = (bits ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
