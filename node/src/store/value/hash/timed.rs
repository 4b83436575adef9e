//! Fields that end by themselves: what sets, takes away and carries out their ends.
//! Pure: the caller says what time it is.

use super::{Expiries, Hash, Leaves};
use crate::store::StoreFull;
use crate::store::slot::ExpiryChange;
use crate::store::value::texts::Texts;

/// When a field's new end is taken (NX, XX, GT and LT of HEXPIRE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiryRule {
    /// Always.
    #[default]
    Always,
    /// Where it has none.
    IfNone,
    /// Where it has one.
    IfSome,
    /// Where it has one, and the new one is later.
    IfLater,
    /// Where it has none, or the new one is earlier.
    IfEarlier,
}

impl ExpiryRule {
    fn allows(self, before: Option<u64>, at_ms: u64) -> bool {
        match (self, before) {
            (Self::Always, _)
            | (Self::IfNone | Self::IfEarlier, None)
            | (Self::IfSome, Some(_)) => true,
            (Self::IfNone, Some(_)) | (Self::IfSome | Self::IfLater, None) => false,
            (Self::IfLater, Some(before)) => at_ms > before,
            (Self::IfEarlier, Some(before)) => at_ms < before,
        }
    }
}

/// What became of a field that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is no such field.
    NoField,
    /// The rule forbids it.
    Refused,
    /// It ends then.
    Later,
    /// Its time has come already: it is gone.
    Now,
}

/// When a field ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpiry {
    /// There is no such field.
    NoField,
    /// By itself never.
    Never,
    /// Then, Unix milliseconds.
    At(u64),
}

impl Hash {
    /// Lets a field end at `at_ms`, at once where that is not behind `now_ms`.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    pub fn expire(
        &mut self,
        leaves: &mut Leaves,
        field: &[u8],
        at_ms: u64,
        now_ms: u64,
        rule: ExpiryRule,
    ) -> Result<Ended, StoreFull> {
        if self.view().get(leaves, field).is_none() {
            return Ok(Ended::NoField);
        }
        if !rule.allows(self.view().expiry(leaves, field), at_ms) {
            return Ok(Ended::Refused);
        }
        if at_ms <= now_ms {
            self.remove(leaves, field);
            return Ok(Ended::Now);
        }
        match &mut self.expiries {
            Some(expiries) => expiries.put(leaves, field, at_ms)?,
            None => {
                let expiries = Expiries::of(leaves, field, at_ms)?;
                self.expiries = Some(Box::new(expiries));
                self.elements.shrink();
                self.weigh(leaves);
            }
        }
        Ok(Ended::Later)
    }

    /// From now on a field does not end by itself; whether it did.
    pub fn persist(&mut self, leaves: &mut Leaves, field: &[u8]) -> bool {
        let Some(expiries) = &mut self.expiries else {
            return false;
        };
        let did = expiries.remove(leaves, field);
        self.forget_none(leaves);
        did
    }

    /// What becomes of a field's end when it is set.
    pub(super) fn change_expiry(
        &mut self,
        leaves: &mut Leaves,
        field: &[u8],
        expiry: ExpiryChange,
        now_ms: u64,
    ) -> Result<(), StoreFull> {
        match expiry {
            ExpiryChange::Keep => {}
            ExpiryChange::Clear => {
                self.persist(leaves, field);
            }
            ExpiryChange::At(at_ms) => {
                self.expire(leaves, field, at_ms, now_ms, ExpiryRule::Always)?;
            }
        }
        Ok(())
    }

    /// When a field ends.
    pub(super) fn expiry(&self, leaves: &Leaves, field: &[u8]) -> FieldExpiry {
        let view = self.view();
        match (view.get(leaves, field), view.expiry(leaves, field)) {
            (None, _) => FieldExpiry::NoField,
            (Some(_), None) => FieldExpiry::Never,
            (Some(_), Some(at_ms)) => FieldExpiry::At(at_ms),
        }
    }

    /// Takes a field out that is over by then; whether it was there and over.
    pub(super) fn end(&mut self, leaves: &mut Leaves, field: &[u8], now_ms: u64) -> bool {
        let expiries = self.expiries.as_ref();
        let is_over = expiries.is_some_and(|expiries| expiries.is_over(leaves, field, now_ms));
        is_over && self.remove(leaves, field)
    }

    /// Takes out up to `limit` fields that are over by then, and names them.
    pub(super) fn end_some(
        &mut self,
        leaves: &mut Leaves,
        now_ms: u64,
        limit: usize,
        names: &mut Texts,
    ) {
        let Some(expiries) = &mut self.expiries else {
            return;
        };
        let first = names.len();
        expiries.take_over(leaves, now_ms, limit, names);
        for nth in first..names.len() {
            let sought = leaves.sought(names.get(nth));
            self.elements.remove(leaves, &sought);
        }
        self.weigh(leaves);
        self.forget_none(leaves);
    }

    /// Expiries of no field are none.
    fn forget_none(&mut self, leaves: &mut Leaves) {
        if let Some(expiries) = &mut self.expiries
            && expiries.is_empty()
        {
            while expiries.free_some(leaves) {}
            self.expiries = None;
            self.long_bytes = 0;
        }
    }
}
