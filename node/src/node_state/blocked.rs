//! [`Blocked`]: which clients wait for which keys, in the order in which they came; keys that may have something for them; and answers that are to be sent.
//! Pure. Never: looks at a key, or runs a command.
//! Invariants: a key for which somebody waits is listened to ([`Listener::Waiters`]), or is among those that are looked at next; a client waits with one command at most;
//! there are [`MOST_PLACES`] places at most.

use super::ClientKey;
use crate::client::{WaitKind, Waiting};
use crate::store::{DbIndex, Key, KeyHash, Listener, Store, TooManyInterests};
use std::collections::{BTreeMap, VecDeque};

/// Places of clients at keys at a time: as many as there are interests.
const MOST_PLACES: usize = 1 << 20;

/// Where a client waits: database, hash of the key, for what, its turn, and which of its keys that is. In this order, so that those who wait for the same of one key
/// lie together, the first one before the others.
type Place = (DbIndex, u64, WaitKind, u64, u32);

/// A client that waits for a key.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    /// Who it is.
    pub client: ClientKey,
    /// What it waits for.
    pub kind: WaitKind,
    /// Its turn.
    turn: u64,
    /// Which of its command's keys this is, from 0 on.
    pub nth: usize,
}

/// The reply to a command that has waited.
#[derive(Debug)]
pub struct Answer {
    /// Whose it was.
    pub client: ClientKey,
    /// Empty when the client does not want one.
    pub reply: Vec<u8>,
    /// The command may have changed something.
    pub writes: bool,
    /// The connection ends with this reply.
    pub closes: bool,
}

/// All who wait.
#[derive(Debug, Default)]
pub struct Blocked {
    places: BTreeMap<Place, ClientKey>,
    turns: u64,
    /// Keys that have changed, in the order in which they did.
    ready: VecDeque<(DbIndex, KeyHash)>,
    /// Of those, keys that could not be looked at.
    put_off: VecDeque<(DbIndex, KeyHash)>,
    answers: Vec<Answer>,
}

impl Blocked {
    /// Whether there is anything to do, or may be: `false` nearly always.
    #[inline]
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.places.is_empty() || !self.answers.is_empty()
    }

    /// Whether a key is to be looked at.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A client waits from now on, behind all others; its command gets its turn.
    ///
    /// # Errors
    /// Too many wait, or listen; it does not wait then.
    pub fn enter(
        &mut self,
        store: &mut Store,
        db: DbIndex,
        client: ClientKey,
        waiting: &mut Waiting,
    ) -> Result<(), TooManyInterests> {
        if waiting.key_count() > MOST_PLACES - self.places.len().min(MOST_PLACES) {
            return Err(TooManyInterests);
        }
        self.turns += 1;
        waiting.turn = self.turns;
        for (entered, key) in (0..).zip(waiting.keys()) {
            if !self.has_waiters(db, key.hash) && store.listen(db, key, Listener::Waiters).is_err()
            {
                self.leave_some(store, db, waiting, entered);
                return Err(TooManyInterests);
            }
            let place = (db, key.hash.0, waiting.kind, waiting.turn, entered);
            self.places.insert(place, client);
        }
        Ok(())
    }

    /// It waits no more.
    pub fn leave(&mut self, store: &mut Store, db: DbIndex, waiting: &Waiting) {
        self.leave_some(store, db, waiting, u32::MAX);
    }

    fn leave_some(&mut self, store: &mut Store, db: DbIndex, waiting: &Waiting, count: u32) {
        for (nth, key) in (0..count).zip(waiting.keys()) {
            let place = (db, key.hash.0, waiting.kind, waiting.turn, nth);
            self.places.remove(&place);
            if !self.has_waiters(db, key.hash) {
                store.ignore(db, key, Listener::Waiters);
            }
        }
    }

    fn has_waiters(&self, db: DbIndex, hash: KeyHash) -> bool {
        self.first(db, hash).is_some()
    }

    /// Who waits for a key: of each kind those who came first before the others.
    #[must_use]
    pub fn first(&self, db: DbIndex, hash: KeyHash) -> Option<Waiter> {
        self.at(db, hash, (WaitKind::FIRST, 0))
    }

    /// The one behind another.
    #[must_use]
    pub fn next(&self, db: DbIndex, hash: KeyHash, waiter: Waiter) -> Option<Waiter> {
        self.at(db, hash, (waiter.kind, waiter.turn + 1))
    }

    /// The first of those behind another who wait for something else.
    #[must_use]
    pub fn next_kind(&self, db: DbIndex, hash: KeyHash, waiter: Waiter) -> Option<Waiter> {
        self.at(db, hash, (waiter.kind, u64::MAX))
    }

    fn at(&self, db: DbIndex, hash: KeyHash, from: (WaitKind, u64)) -> Option<Waiter> {
        let from = (db, hash.0, from.0, from.1, 0);
        let (place, client) = self.places.range(from..).next()?;
        let &(of_db, of_hash, kind, turn, nth) = place;
        ((of_db, of_hash) == (db, hash.0)).then_some(Waiter {
            client: *client,
            kind,
            turn,
            nth: nth as usize,
        })
    }

    /// All who wait, each once.
    #[must_use]
    pub fn clients(&self) -> Vec<ClientKey> {
        let firsts = self.places.iter().filter(|(place, _)| place.4 == 0);
        firsts.map(|(_, client)| *client).collect()
    }

    /// A key for which somebody waits has changed.
    pub(super) fn changed(&mut self, db: DbIndex, hash: KeyHash) {
        self.ready.push_back((db, hash));
    }

    /// The next key to be looked at.
    pub fn take_ready(&mut self) -> Option<(DbIndex, KeyHash)> {
        self.ready.pop_front()
    }

    /// A key that cannot be looked at now.
    pub fn put_off(&mut self, db: DbIndex, hash: KeyHash) {
        self.put_off.push_back((db, hash));
    }

    /// Keys that were put off are to be looked at again, before all others.
    pub fn look_again(&mut self) {
        while let Some(key) = self.put_off.pop_back() {
            self.ready.push_front(key);
        }
    }

    /// A key has been looked at: whoever waits for it still wants to hear of its next change.
    pub fn looked_at(&mut self, store: &mut Store, db: DbIndex, hash: KeyHash) {
        if !self.has_waiters(db, hash) {
            return;
        }
        let key = Key { bytes: b"", hash };
        if store.listen(db, key, Listener::Waiters).is_err() {
            // Others have taken the room meanwhile: it is looked at by and by.
            self.put_off(db, hash);
        }
    }

    /// A reply that is to be sent.
    pub fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// All that are to be sent.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Whether nothing is left of anybody.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
            && self.ready.is_empty()
            && self.put_off.is_empty()
            && self.answers.is_empty()
    }
}
