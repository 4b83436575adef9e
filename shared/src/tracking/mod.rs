//! Clients that keep what they read, and are told when it is not so any more (CLIENT TRACKING): how each wants it, who has read which key, who hears of which
//! prefix. At a node and at a proxy alike. <https://redis.io/docs/latest/develop/reference/client-side-caching/>
//! Pure. Never: sends anything; knows what a client is beyond the key under which its owner keeps it.
//! Invariants: who is told of a key's change is told once for all that it has read of it; who has stopped is told nothing.
//! Bounds: keys that are remembered, by number (the owner's) and by bytes ([`MOST_KEY_BYTES`]); prefixes of one client ([`MOST_PREFIXES`], [`MOST_PREFIX_BYTES`]); a table that is of no use any more goes some keys at a time ([`Tracking::forget_some`]). What is remembered no
//! longer is told as if it had changed.

mod author;
mod broadcast;
mod mode;
mod table;
#[cfg(test)]
mod tests;

pub use author::{Author, By};
pub use broadcast::Broadcast;
pub use mode::{MOST_PREFIX_BYTES, MOST_PREFIXES, Mode, TrackingWish, write_info};
pub use table::MOST_KEY_BYTES;

use crate::command::{CommandFlags, CommandSpec};
use crate::resp::{ErrorReply, TrackingError};
use broadcast::Broadcasts;
use std::collections::BTreeMap;
use table::{DroppedTable, Table};

/// The channel on which a subscriber that speaks RESP2 is told.
pub const CHANNEL: &[u8] = b"__redis__:invalidate";

/// All clients of one place that are told.
#[derive(Debug)]
pub struct Tracking<K> {
    modes: BTreeMap<K, Mode>,
    table: Table<K>,
    broadcasts: Broadcasts<K>,
    /// Tables that are of no use any more.
    dropped: Vec<DroppedTable<K>>,
}

impl<K> Default for Tracking<K> {
    fn default() -> Self {
        Self {
            modes: BTreeMap::new(),
            table: Table::default(),
            broadcasts: Broadcasts::default(),
            dropped: Vec::new(),
        }
    }
}

impl<K: Copy + Ord> Tracking<K> {
    /// Whether anybody is told of anything.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.modes.is_empty()
    }

    /// How a client wants it, if it does.
    #[must_use]
    pub fn mode(&self, client: K) -> Option<&Mode> {
        self.modes.get(&client)
    }

    /// CLIENT TRACKING.
    ///
    /// # Errors
    /// What cannot be changed in what the client has; nothing has been changed then.
    pub fn apply(&mut self, client: K, wish: &TrackingWish) -> Result<(), ErrorReply> {
        let Some(mode) = Mode::changed(self.modes.get(&client), wish)? else {
            self.stop(client);
            return Ok(());
        };
        self.broadcasts.add(client, mode.prefixes());
        self.modes.insert(client, mode);
        Ok(())
    }

    /// A client is told no more, or has gone.
    pub fn stop(&mut self, client: K) {
        let Some(mode) = self.modes.remove(&client) else {
            return;
        };
        self.broadcasts.remove(client, mode.prefixes());
        if self.modes.is_empty() {
            self.drop_table();
        }
    }

    /// CLIENT CACHING: what its next command reads is remembered, or is not.
    ///
    /// # Errors
    /// It has not asked to choose, or not so.
    pub fn choose(&mut self, client: K, wants: bool) -> Result<(), ErrorReply> {
        let mode = self.modes.get_mut(&client);
        let mode = mode.ok_or(ErrorReply::Tracking(TrackingError::NotTracking))?;
        Ok(mode.choose(wants)?)
    }

    /// A client's command is over: what it has chosen by CLIENT CACHING was for that, or for the transaction in which it is.
    pub fn command_over(&mut self, client: K, spec: &CommandSpec, is_in_transaction: bool) {
        if !is_in_transaction
            && !spec.name.starts_with("client|")
            && let Some(mode) = self.modes.get_mut(&client)
        {
            mode.forget_choice();
        }
    }

    /// Whether what a client's command reads is remembered.
    #[must_use]
    pub fn wants(&self, client: K, spec: &CommandSpec) -> bool {
        spec.flags.contains(CommandFlags::READ)
            && self.modes.get(&client).is_some_and(Mode::wants_reads)
    }

    /// A client has read a key of which it [wants](Self::wants) to be told. Whoever says so looks whether another one [has to go](Self::take_one_beyond) for it.
    pub fn remember(&mut self, client: K, key: &[u8]) {
        let modes = &self.modes;
        self.table
            .remember(client, key, |other| modes.contains_key(&other));
    }

    /// One of the keys, if more than `most_keys` (0 is no bound) are remembered, or they take more than [`MOST_KEY_BYTES`]: it is forgotten, and who has read it is told as if it had changed.
    pub fn take_one_beyond(&mut self, most_keys: usize) -> Option<(Box<[u8]>, Vec<K>)> {
        let (key, readers) = self.table.take_one_beyond(most_keys)?;
        let are_there = |reader: &K| {
            let mode = self.modes.get(reader);
            mode.is_some_and(|mode| !mode.is_broadcast())
        };
        Some((key, readers.iter().filter(are_there).collect()))
    }

    /// A key has changed, by the command of `by` if it was a client's: whoever hears of its prefix will be told ([`Self::take_broadcasts`]).
    pub fn changed_under_prefixes(&mut self, key: &[u8], by: By<K>) {
        self.broadcasts.changed(key, by);
    }

    /// The same for whoever has read it, who is shown to `tell`, in order.
    pub fn changed(&mut self, key: &[u8], by: Option<K>, mut tell: impl FnMut(K, &Mode)) {
        let Some(readers) = self.table.take(key) else {
            return;
        };
        for reader in readers.iter() {
            // Who has changed from reads to prefixes has stopped in between.
            let mode = self.modes.get(&reader);
            let Some(mode) = mode.filter(|mode| !mode.is_broadcast()) else {
                continue;
            };
            if !(mode.is_without_own() && by == Some(reader)) {
                tell(reader, mode);
            }
        }
    }

    /// All keys have changed: everybody is shown to `tell`, in order.
    pub fn all_changed(&mut self, mut tell: impl FnMut(K, &Mode)) {
        self.drop_table();
        for (client, mode) in &self.modes {
            tell(*client, mode);
        }
    }

    fn drop_table(&mut self) {
        if self.table.keys() > 0 {
            self.dropped
                .push(std::mem::take(&mut self.table).into_dropped());
        }
    }

    /// Whether there are tables of which some is to be dropped.
    #[inline]
    #[must_use]
    pub fn has_some_to_forget(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// Drops some of what is of no use any more; whether there is more.
    pub fn forget_some(&mut self) -> bool {
        if let Some(table) = self.dropped.last_mut()
            && table.drop_some()
        {
            self.dropped.pop();
        }
        self.has_some_to_forget()
    }

    /// Whether keys have changed of whose prefixes somebody hears.
    #[inline]
    #[must_use]
    pub fn has_broadcasts(&self) -> bool {
        self.broadcasts.are_any_changed()
    }

    /// Those, by prefix.
    pub fn take_broadcasts(&mut self) -> Vec<Broadcast<K>> {
        self.broadcasts.take()
    }

    /// Nobody whom this one redirects to is there any more.
    pub fn note_broken(&mut self, client: K) {
        if let Some(mode) = self.modes.get_mut(&client) {
            mode.note_broken();
        }
    }

    /// Clients that are told (`tracking_clients`).
    #[must_use]
    pub fn clients(&self) -> usize {
        self.modes.len()
    }

    /// Keys that are remembered (`tracking_total_keys`).
    #[must_use]
    pub fn keys(&self) -> usize {
        self.table.keys()
    }

    /// Readers of all of them (`tracking_total_items`).
    #[must_use]
    pub fn items(&self) -> usize {
        self.table.items()
    }

    /// Prefixes of which somebody hears (`tracking_total_prefixes`).
    #[must_use]
    pub fn prefixes(&self) -> usize {
        self.broadcasts.len()
    }

    /// What all of it takes, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let modes: usize = self.modes.values().map(Mode::bytes).sum();
        modes + self.table.bytes() + self.broadcasts.bytes()
    }
}
