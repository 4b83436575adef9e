//! Entries that change hands: those that a consumer names (XCLAIM), or those that were pending for too long (XAUTOCLAIM).
//! Pure. Invariant: what is pending and is there no more ceases to be pending when it is met.

use super::group::{DELIVERY_BYTES, Delivery};
use super::group_change::GroupChange;
use super::group_edit::{AT_ONCE, GroupEdit, Work};
use super::{EntryRef, StreamId};
use crate::store::StoreFull;

/// Which entries change hands, and what is noted of them.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRule {
    /// Only those that were given out so long ago.
    pub min_idle_ms: u64,
    /// When they count as given out, Unix milliseconds.
    pub at_ms: u64,
    /// How often they count as given out; once more than before where nothing is said.
    pub count: Option<u64>,
    /// Whether taking them counts.
    pub counts: bool,
    /// Also those that nobody has.
    pub is_forced: bool,
}

/// XCLAIM.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// To whom.
    pub consumer: &'a [u8],
    /// Which.
    pub rule: ClaimRule,
    /// The group is here at least.
    pub last_id: StreamId,
    /// Unix milliseconds.
    pub now_ms: u64,
}

/// XAUTOCLAIM.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// To whom.
    pub consumer: &'a [u8],
    /// Which.
    pub rule: ClaimRule,
    /// The first that may change hands.
    pub from: StreamId,
    /// Most entries that are named in the reply.
    pub limit: u64,
    /// Most pending entries that are looked at.
    pub looks: u64,
    /// Unix milliseconds.
    pub now_ms: u64,
}

/// Where XAUTOCLAIM ended, or a part of it.
#[derive(Debug, Default)]
pub struct SweepEnd {
    /// The next one that is pending; the least identifier when there is none.
    pub next: StreamId,
    /// Those that were pending and are there no more.
    pub removed: Vec<StreamId>,
    /// How many entries were named, and how many looked at.
    pub named: u64,
    /// See there.
    pub looked_at: u64,
}

impl ClaimRule {
    /// What is noted of an entry that somebody has, or nobody; `None` when it does not change hands.
    fn apply(self, before: Option<Delivery>, now_ms: u64) -> Option<u64> {
        let count = match before {
            // The first time counts as such before it is claimed.
            None => self.is_forced.then_some(1)?,
            Some(delivery) if now_ms.saturating_sub(delivery.at_ms) < self.min_idle_ms => {
                return None;
            }
            Some(delivery) => delivery.count,
        };
        let taken = count.wrapping_add(u64::from(self.counts));
        Some(self.count.unwrap_or(taken))
    }
}

impl GroupEdit<'_, '_> {
    /// Gives named entries to a consumer, and shows those that change hands for as long as `show` wants more.
    ///
    /// # Errors
    /// [`StoreFull`]; what was given before stays given.
    pub fn claim(
        self,
        claim: Claim<'_>,
        ids: &[StreamId],
        show: &mut dyn FnMut(EntryRef<'_>) -> bool,
    ) -> Result<(), StoreFull> {
        self.work(claim.consumer, |work| {
            if claim.last_id > work.group.last_id {
                work.group.last_id = claim.last_id;
                let position = GroupChange::position(work.group);
                work.note(position);
            }
            for id in ids {
                let before = work.group.delivery(work.leaves, *id);
                let Some(entry) = work.entries().get(work.leaves, *id) else {
                    work.settle(*id);
                    continue;
                };
                let Some(count) = claim.rule.apply(before, claim.now_ms) else {
                    continue;
                };
                let wants_more = show(entry);
                give(
                    work,
                    claim.consumer,
                    *id,
                    (claim.rule.at_ms, count),
                    claim.now_ms,
                )?;
                if !wants_more {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Gives pending entries to a consumer in their order, and shows them for as long as `show` wants more.
    ///
    /// # Errors
    /// [`StoreFull`]; what was given before stays given.
    pub fn sweep(
        self,
        sweep: Sweep<'_>,
        show: &mut dyn FnMut(EntryRef<'_>) -> bool,
    ) -> Result<SweepEnd, StoreFull> {
        self.work(sweep.consumer, |work| sweep_through(work, sweep, show))
    }
}

fn give(
    work: &mut Work<'_>,
    consumer: &[u8],
    id: StreamId,
    (at_ms, count): (u64, u64),
    now_ms: u64,
) -> Result<(), StoreFull> {
    let consumer = work.greet(consumer, now_ms);
    let delivery = Delivery {
        consumer,
        at_ms,
        count,
    };
    work.give(id, delivery)
}

fn sweep_through(
    work: &mut Work<'_>,
    sweep: Sweep<'_>,
    show: &mut dyn FnMut(EntryRef<'_>) -> bool,
) -> Result<SweepEnd, StoreFull> {
    let mut end = SweepEnd::default();
    let mut left = sweep.limit;
    let mut looks = sweep.looks;
    let mut found = [(StreamId::MIN, [0; DELIVERY_BYTES]); AT_ONCE];
    let mut from = Some(sweep.from);
    while let Some(start) = from.filter(|_| left > 0 && looks > 0) {
        let some = work.group.pending.some(work.leaves, start, &mut found);
        from = None;
        for (id, record) in &found[..some] {
            if left == 0 || looks == 0 {
                break;
            }
            looks -= 1;
            from = id.next();
            let Some(entry) = work.entries().get(work.leaves, *id) else {
                work.settle(*id);
                end.removed.push(*id);
                end.named += 1;
                left -= 1;
                continue;
            };
            let before = Some(Delivery::read(*record));
            let Some(count) = sweep.rule.apply(before, sweep.now_ms) else {
                continue;
            };
            end.named += 1;
            left -= 1;
            if !show(entry) {
                left = 0;
            }
            give(
                work,
                sweep.consumer,
                *id,
                (sweep.rule.at_ms, count),
                sweep.now_ms,
            )?;
        }
    }
    end.looked_at = sweep.looks - looks;
    let mut next = [(StreamId::MIN, [0; DELIVERY_BYTES])];
    if let Some(from) = from
        && work.group.pending.some(work.leaves, from, &mut next) > 0
    {
        end.next = next[0].0;
    }
    Ok(end)
}
