//! [`HashEdit`] where fields end by themselves: ends that are set and taken away, fields that are read and go, fields that are set with their end.
//! Pure. Invariant: effects name Unix time in milliseconds, and only fields that changed.

use super::{Ended, ExpiryRule, FieldExpiry, Hash, HashEdit};
use crate::store::StringRef;
use crate::store::door::{Effects, word};
use crate::store::error::StoreFull;
use crate::store::key::DbIndex;
use crate::store::slot::{Edited, ExpiryChange};
use crate::store::value::collection::edit;
use shared::command::CommandId;
use shared::resp::Args;

/// Fields that changed, by the arguments that name them, and whether there was room for all.
#[derive(Debug)]
struct Changed {
    fields: Vec<usize>,
    /// One that went since there was no room for its end.
    dropped: Option<usize>,
    result: Result<(), StoreFull>,
}

impl Changed {
    fn none() -> Self {
        Self {
            fields: Vec::new(),
            dropped: None,
            result: Ok(()),
        }
    }

    fn edited(self) -> Edited<Self> {
        if self.fields.is_empty() && self.dropped.is_none() {
            Edited::Same(self)
        } else {
            Edited::Changed(self)
        }
    }

    /// Tells these words, how many fields follow, and then of each as many arguments as `each` says.
    fn tell(
        &self,
        effects: &mut Effects,
        db: DbIndex,
        words: &[&[u8]],
        args: Args<'_>,
        each: usize,
    ) {
        if self.fields.is_empty() {
            return;
        }
        let count = self.fields.len().to_string();
        let mut words = words.to_vec();
        words.extend([&b"FIELDS"[..], count.as_bytes()]);
        words.extend(self.named(args, each));
        effects.append_words(db, &words);
    }

    /// Tells that they went.
    fn tell_gone(&self, effects: &mut Effects, db: DbIndex, key: &[u8], args: Args<'_>) {
        if self.fields.is_empty() {
            return;
        }
        let mut words = vec![word(CommandId::Hdel), key];
        words.extend(self.named(args, 1));
        effects.append_words(db, &words);
    }

    fn named<'a>(&self, args: Args<'a>, each: usize) -> impl Iterator<Item = &'a [u8]> {
        let places = self.fields.iter().flat_map(move |at| *at..at + each);
        places.map(move |at| args.at(at))
    }
}

impl HashEdit<'_> {
    /// Lets the fields that the arguments from `first` on name end at `at_ms`, as far as the rule allows; at once where that is past. Says of each what became of it.
    ///
    /// # Errors
    /// [`StoreFull`]; what came before the field for which there was no room is done, and told.
    pub fn expire(
        mut self,
        args: Args<'_>,
        first: usize,
        at_ms: u64,
        rule: ExpiryRule,
        mut show: impl FnMut(Ended),
    ) -> Result<(), StoreFull> {
        self.end_over(args.iter_from(first));
        let now_ms = self.slot.now_ms();
        let changed = edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| {
                let mut changed = Changed::none();
                for at in first..args.len() {
                    match hash.expire(tools.leaves, args.at(at), at_ms, now_ms, rule) {
                        Ok(ended) => {
                            if matches!(ended, Ended::Later | Ended::Now) {
                                changed.fields.push(at);
                            }
                            show(ended);
                        }
                        Err(full) => {
                            changed.result = Err(full);
                            break;
                        }
                    }
                }
                changed.edited()
            },
            |effects, db, key, changed| {
                if at_ms <= now_ms {
                    changed.tell_gone(effects, db, key, args);
                } else {
                    let at = at_ms.to_string();
                    let words = [word(CommandId::Hpexpireat), key, at.as_bytes()];
                    changed.tell(effects, db, &words, args, 1);
                }
            },
        )?;
        changed.result
    }

    /// Lets the fields that the arguments from `first` on name not end by themselves; says of each when it was to.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn persist(
        mut self,
        args: Args<'_>,
        first: usize,
        mut show: impl FnMut(FieldExpiry),
    ) -> Result<(), StoreFull> {
        self.end_over(args.iter_from(first));
        edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| {
                let mut changed = Changed::none();
                for at in first..args.len() {
                    let field = args.at(at);
                    let before = hash.expiry(tools.leaves, field);
                    if hash.persist(tools.leaves, field) {
                        changed.fields.push(at);
                    }
                    show(before);
                }
                changed.edited()
            },
            |effects, db, key, changed| {
                let words = [word(CommandId::Hpersist), key];
                changed.tell(effects, db, &words, args, 1);
            },
        )?;
        Ok(())
    }

    /// Shows the values of the fields that the arguments from `first` on name, and removes them.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn take(
        mut self,
        args: Args<'_>,
        first: usize,
        mut show: impl FnMut(Option<StringRef<'_>>),
    ) -> Result<(), StoreFull> {
        self.end_over(args.iter_from(first));
        edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| {
                let mut changed = Changed::none();
                for at in first..args.len() {
                    show(hash.view().get(tools.leaves, args.at(at)));
                    if hash.remove(tools.leaves, args.at(at)) {
                        changed.fields.push(at);
                    }
                }
                changed.edited()
            },
            |effects, db, key, changed| changed.tell_gone(effects, db, key, args),
        )?;
        Ok(())
    }

    /// Gives fields values, pairs among the arguments from `first` on, and ends; with one that is past they go.
    ///
    /// # Errors
    /// [`StoreFull`]; the pairs before the one for which there was no room are set, and told. Where there was room for a value alone, its field is gone.
    pub fn set_timed(
        mut self,
        args: Args<'_>,
        first: usize,
        expiry: ExpiryChange,
    ) -> Result<(), StoreFull> {
        self.end_over(args.iter_from(first).step_by(2));
        let now_ms = self.slot.now_ms();
        let is_past = matches!(expiry, ExpiryChange::At(at_ms) if at_ms <= now_ms);
        let changed = edit(
            self.slot,
            self.limits,
            |hash: &mut Hash, tools| {
                let mut changed = Changed::none();
                for at in (first..args.len() - 1).step_by(2) {
                    let (field, value) = (args.at(at), args.at(at + 1));
                    if is_past {
                        if hash.remove(tools.leaves, field) {
                            changed.fields.push(at);
                        }
                        continue;
                    }
                    let set = hash.set_keeping(tools.leaves, field, value, &tools.limits);
                    if let Err(full) = set {
                        changed.result = Err(full);
                        break;
                    }
                    if let Err(full) = hash.change_expiry(tools.leaves, field, expiry, now_ms) {
                        hash.remove(tools.leaves, field);
                        changed.dropped = Some(at);
                        changed.result = Err(full);
                        break;
                    }
                    changed.fields.push(at);
                }
                changed.edited()
            },
            |effects, db, key, changed| {
                if is_past {
                    changed.tell_gone(effects, db, key, args);
                    return;
                }
                let hsetex = word(CommandId::Hsetex);
                match expiry {
                    ExpiryChange::Clear => changed.tell(effects, db, &[hsetex, key], args, 2),
                    ExpiryChange::Keep => {
                        changed.tell(effects, db, &[hsetex, key, b"KEEPTTL"], args, 2);
                    }
                    ExpiryChange::At(at_ms) => {
                        let at = at_ms.to_string();
                        let words = [hsetex, key, b"PXAT", at.as_bytes()];
                        changed.tell(effects, db, &words, args, 2);
                    }
                }
                if let Some(at) = changed.dropped {
                    effects.append_words(db, &[word(CommandId::Hdel), key, args.at(at)]);
                }
            },
        )?;
        changed.result
    }
}
