//! The door: every change of a key passes here, once, when it has been made, and all who must know of it are told: the effects for the log and the followers, whoever listens to the key, and who wants to hear of events.
//! Pure. Never: changes a key itself. Invariants: effects stand in the order of the changes, so the end of an expired or evicted key stands where it happened; while nobody records, listens or wants events, a change costs one branch.

mod changed;
mod effects;
mod events;
mod listeners;

pub use changed::TakenKeys;
pub use effects::{Effects, Wording};
pub use events::{EXPIRE, Event, EventClass, EventClasses, EventName, Naming, TakenEvents};
pub use listeners::{Change, Listener, TooManyInterests, Touch};

use super::key::{DbIndex, Key, KeyHash};
use super::pieces::Pieces;
use super::value::Texts;
use changed::ChangedKeys;
use events::Events;
use listeners::Listeners;
use shared::command::CommandId;
use shared::resp::Args;
use shared::slot::SlotId;
use std::sync::Arc;

/// Where changes are told.
#[derive(Debug, Default)]
pub(super) struct Door {
    effects: Effects,
    listeners: Listeners,
    /// Which slots were written, where somebody wants to know and while there are effects.
    written: Option<WrittenSlots>,
    events: Events,
    changed: ChangedKeys,
    /// Whether anybody records, listens, or wants to hear of events or of changed keys.
    has_hearers: bool,
}

/// Slots whose keys have changed since the last taking. As many entries as there are effects that were not taken, at most.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WrittenSlots {
    /// In the order of the changes.
    pub slots: Vec<SlotId>,
    /// All have, at once.
    pub all: bool,
}

impl WrittenSlots {
    fn note(&mut self, key: &[u8]) {
        let slot = SlotId::of_key(key);
        if self.slots.last() != Some(&slot) {
            self.slots.push(slot);
        }
    }
}

/// A command's name as the first word of an effect.
pub(super) fn word(command: CommandId) -> &'static [u8] {
    command.name().as_bytes()
}

impl Door {
    /// What was recorded and counted.
    #[inline]
    pub(super) fn effects(&self) -> &Effects {
        &self.effects
    }

    /// From now on effects are kept.
    pub(super) fn start_recording(&mut self) {
        self.effects.start_recording();
        self.has_hearers = true;
    }

    /// From now on they are not.
    pub(super) fn stop_recording(&mut self) {
        self.effects.stop_recording();
        self.note_hearers();
    }

    /// See [`super::Store::go_on_with`].
    pub(super) fn go_on_with(&mut self, selected: DbIndex) {
        self.effects.go_on_with(selected);
    }

    /// See [`super::Store::begin_increment`].
    pub(super) fn forget_selected(&mut self) {
        self.effects.forget_selected();
    }

    /// See [`Effects`].
    pub(super) fn take_effects(&mut self) -> Pieces {
        self.effects.take()
    }

    /// See [`super::Store::offer`].
    pub(super) fn offer(&mut self, buffer: &Arc<Vec<u8>>) {
        self.effects.offer(buffer);
    }

    /// Ends the offer.
    pub(super) fn withdraw(&mut self) {
        self.effects.withdraw();
    }

    /// See [`super::Store::note_written_slots`].
    pub(super) fn note_written_slots(&mut self, notes: bool) {
        self.written = notes.then(WrittenSlots::default);
    }

    /// See [`super::Store::take_written_slots`].
    pub(super) fn take_written_slots(&mut self) -> Option<WrittenSlots> {
        self.written.as_mut().map(std::mem::take)
    }

    /// See [`super::Store::record_message`].
    pub(super) fn record_message(&mut self, db: DbIndex, args: Args<'_>) {
        self.effects.append_worded(db, Wording::Verbatim(args));
    }

    /// See [`super::Store::begin_unit`].
    pub(super) fn begin_unit(&mut self) {
        self.effects.begin_unit();
    }

    /// See [`super::Store::end_unit`].
    pub(super) fn end_unit(&mut self) {
        self.effects.end_unit();
    }

    /// Whether a change need not even be described.
    #[inline]
    pub(super) fn has_hearers(&self) -> bool {
        self.has_hearers
    }

    /// Somebody changed a key as `change` says, which was not there before if it `is_new`; `tell` says how to the effects.
    #[inline]
    pub(super) fn changed(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        change: Change,
        is_new: bool,
        tell: impl FnOnce(&mut Effects),
    ) {
        self.effects.count(1);
        if self.has_hearers {
            self.tell(db, key, change, is_new, tell);
        }
    }

    /// A key went because somebody wanted it to.
    #[inline]
    pub(super) fn deleted(&mut self, db: DbIndex, key: Key<'_>) {
        self.effects.count(1);
        if self.has_hearers {
            self.gone(db, key, Change::Deleted);
        }
    }

    /// A key went by itself, as `change` says: not one of the changes that clients asked for.
    #[cold]
    pub(super) fn gone(&mut self, db: DbIndex, key: Key<'_>, change: Change) {
        self.tell(db, key, change, false, |effects| {
            effects.append_words(db, &[word(CommandId::Del), key.bytes]);
        });
    }

    /// Parts of a key's value went by themselves: not one of the changes that clients asked for.
    #[cold]
    pub(super) fn ended(&mut self, db: DbIndex, key: Key<'_>, names: &Texts) {
        let mut words = vec![word(CommandId::Hdel), key.bytes];
        words.extend(names.iter());
        self.effects.append_words(db, &words);
        self.listeners.touch(db, key.hash, Change::Written);
        self.changed.note(key.bytes);
        self.note_written(key);
        if self.events.are_on() {
            self.events.fields_expired(db, key);
        }
    }

    /// A key's value stands under another name now, which may have been taken; `names`: what is told of the old name, and of the new one.
    pub(super) fn renamed(
        &mut self,
        from: (DbIndex, Key<'_>),
        to: (DbIndex, Key<'_>),
        names: [&'static str; 2],
        tell: impl FnOnce(&mut Effects),
    ) {
        self.effects.count(1);
        if self.has_hearers {
            tell(&mut self.effects);
            self.listeners.touch(from.0, from.1.hash, Change::Deleted);
            self.listeners.touch(to.0, to.1.hash, Change::Written);
            for (_, key) in [from, to] {
                self.changed.note(key.bytes);
                self.note_written(key);
            }
            if self.events.are_on() {
                self.events.renamed(from, to, names);
            }
        }
    }

    #[inline(never)]
    fn tell(
        &mut self,
        db: DbIndex,
        key: Key<'_>,
        change: Change,
        is_new: bool,
        tell: impl FnOnce(&mut Effects),
    ) {
        tell(&mut self.effects);
        self.listeners.touch(db, key.hash, change);
        self.changed.note(key.bytes);
        self.note_written(key);
        if self.events.are_on() {
            self.events.changed(db, key, change, is_new);
        }
    }

    /// The key's slot was written, if somebody wants to know.
    fn note_written(&mut self, key: Key<'_>) {
        if let Some(written) = &mut self.written
            && self.effects.is_recording()
        {
            written.note(key.bytes);
        }
    }

    /// A new value, of which [`Door::changed`] has told, was given an expiry.
    #[inline]
    pub(super) fn put_with_expiry(&mut self, db: DbIndex, key: Key<'_>) {
        if self.events.are_on() {
            self.events.put_with_expiry(db, key);
        }
    }

    /// Whether events are told, so that it is worth saying what they are called.
    #[inline]
    pub(super) fn tells_events(&self) -> bool {
        self.events.are_on()
    }

    /// What is told from now on.
    pub(super) fn set_event_classes(&mut self, classes: EventClasses) {
        self.events.set_classes(classes);
        self.note_hearers();
    }

    /// Whether keys that change are noted by name.
    pub(super) fn note_changed_keys(&mut self, is_on: bool) {
        self.changed.set_on(is_on);
        self.note_hearers();
    }

    /// Whether there are some that were not taken.
    #[inline]
    pub(super) fn has_changed_keys(&self) -> bool {
        self.changed.are_noted()
    }

    /// Those.
    pub(super) fn take_changed_keys(&mut self) -> TakenKeys {
        self.changed.take()
    }

    /// Whether there are some to tell.
    #[inline]
    pub(super) fn has_events(&self) -> bool {
        self.events.are_noted()
    }

    /// Where what [`Door`] does not hear of by changes is told.
    pub(super) fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    /// `removed` keys went at once, and `tell` says how; what listeners hear of it [`Door::settle`] is told.
    pub(super) fn swept_out(&mut self, removed: usize, tell: impl FnOnce(&mut Effects)) {
        self.effects.count(removed as u64);
        tell(&mut self.effects);
        self.changed.note_all();
        if let Some(written) = &mut self.written {
            written.all = true;
        }
    }

    /// A whole database became another one: `became` says what that means for a key of this hash, `None` when it neither was nor is there.
    pub(super) fn settle(&mut self, db: DbIndex, became: impl Fn(KeyHash) -> Option<Change>) {
        self.listeners.touch_all(db, became);
        self.note_hearers();
    }

    /// See [`super::Store::listen`].
    pub(super) fn listen(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        listener: Listener,
    ) -> Result<(), TooManyInterests> {
        self.listeners.listen(db, hash, listener)?;
        self.has_hearers = true;
        Ok(())
    }

    /// See [`super::Store::ignore`].
    pub(super) fn ignore(&mut self, db: DbIndex, hash: KeyHash, listener: Listener) {
        self.listeners.ignore(db, hash, listener);
        self.note_hearers();
    }

    /// See [`super::Store::take_touched`].
    pub(super) fn take_touched(&mut self) -> std::vec::Drain<'_, Touch> {
        self.note_hearers();
        self.listeners.take_touched()
    }

    fn note_hearers(&mut self) {
        self.has_hearers = self.effects.is_recording()
            || !self.listeners.is_empty()
            || self.events.are_on()
            || self.changed.is_on();
    }

    /// Bytes that listeners take.
    pub(super) fn bytes(&self) -> usize {
        self.listeners.bytes()
    }
}
