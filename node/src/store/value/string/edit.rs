//! Strings to be written: as a whole, or where they lie.
//! Pure. Never: bounds a string's length; that is its caller's (`proto-max-bulk-len`).

use super::integer::IntegerBytes;
use super::{EDITED, INTEGER, StringRef, TEXT};
use crate::store::content::{Body, Content, Value};
use crate::store::door::{Effects, Wording, word};
use crate::store::entry::Form;
use crate::store::error::{StoreFull, WrongType};
use crate::store::key::DbIndex;
use crate::store::slot::{Edited, Editing, ExpiryChange, Slot};
use shared::command::CommandId;
use shared::resp::parse_integer;
use std::sync::Arc;

/// A string to be written, or a key where nothing is.
#[derive(Debug)]
pub struct StringEdit<'a> {
    slot: Slot<'a>,
}

impl<'a> StringEdit<'a> {
    /// The string at a key, or the place where one may be made.
    ///
    /// # Errors
    /// [`WrongType`]: something else is there.
    #[inline]
    pub fn of(slot: Slot<'a>) -> Result<Self, WrongType> {
        if let Some(value) = slot.value() {
            StringRef::of(value)?;
        }
        Ok(Self { slot })
    }

    /// What is there.
    ///
    /// # Errors
    /// [`WrongType`]; but that was seen when the face was made.
    pub fn value(&self) -> Result<Option<StringRef<'_>>, WrongType> {
        self.slot.value().map(StringRef::of).transpose()
    }

    /// Puts a string in the place of whatever is at a key; canonical integers are kept as such.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    #[inline]
    pub fn put(slot: Slot<'a>, value: &[u8], expiry: ExpiryChange) -> Result<(), StoreFull> {
        match parse_integer(value) {
            Some(number) => put_integer(slot, number, value, expiry),
            None => Self::put_text(slot, value, expiry),
        }
    }

    /// The same, but text stays text even where it spells an integer, as OBJECT ENCODING shows (INCRBYFLOAT).
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    #[inline]
    pub fn put_text(slot: Slot<'a>, value: &[u8], expiry: ExpiryChange) -> Result<(), StoreFull> {
        let content = Content {
            form: TEXT,
            body: Body::Bytes(value),
        };
        slot.put(content, expiry, |effects, db, key| {
            tell_set(effects, db, key, value, expiry);
        })
    }

    /// Puts bytes that were made by a command in the place of whatever is at a key, told as `wording`: shown as `raw`, and they never expire.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn put_made(slot: Slot<'a>, value: Vec<u8>, wording: Wording<'_>) -> Result<(), StoreFull> {
        put_owned(slot, EDITED, value, ExpiryChange::Clear, wording)
    }

    /// Puts a string that was read from elsewhere in the place of whatever is at a key, told as `wording`; canonical integers are kept as such.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn put_loaded(
        slot: Slot<'a>,
        value: Vec<u8>,
        expiry: ExpiryChange,
        wording: Wording<'_>,
    ) -> Result<(), StoreFull> {
        let Some(number) = parse_integer(&value) else {
            return put_owned(slot, TEXT, value, expiry, wording);
        };
        let bytes = IntegerBytes::new(number);
        let content = Content {
            form: INTEGER,
            body: Body::Bytes(bytes.as_bytes()),
        };
        slot.put(content, expiry, |effects, db, _| {
            effects.append_worded(db, wording);
        })
    }

    /// Puts an integer in the place of what is there; the expiry stays.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_integer(self, number: i64) -> Result<(), StoreFull> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        put_integer(self.slot, number, digits, ExpiryChange::Keep)
    }

    /// Puts text in the place of what is there; the expiry stays.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn set_text(self, text: &[u8]) -> Result<(), StoreFull> {
        Self::put_text(self.slot, text, ExpiryChange::Keep)
    }

    /// Puts bytes that a command made of what is there in its place, told as `wording`: shown as `raw`, and the expiry stays.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn remake(self, value: &[u8], wording: Wording<'_>) -> Result<(), StoreFull> {
        let content = Content {
            form: EDITED,
            body: Body::Bytes(value),
        };
        self.slot
            .put(content, ExpiryChange::Keep, |effects, db, _| {
                effects.append_worded(db, wording);
            })
    }

    /// Adds bytes at the end; gives the new length. Amortised O(added bytes). Where nothing is, they are put as they are.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn append(self, addition: &[u8]) -> Result<usize, StoreFull> {
        let Some(old_len) = self.slot.value().map(len_of) else {
            Self::put(self.slot, addition, ExpiryChange::Clear)?;
            return Ok(addition.len());
        };
        let words = [word(CommandId::Append), self.slot.key.bytes, addition];
        self.slot.change(Wording::Words(&words), |editing| {
            make_bytes(editing, old_len + addition.len())?;
            let bytes = editing.bytes_mut();
            bytes[old_len..].copy_from_slice(addition);
            Ok(Edited::Changed(bytes.len()))
        })
    }

    /// Writes bytes from `offset` on, over what is there; gives the new length. What lies between the end and `offset` becomes zeros.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn write_at(self, offset: usize, part: &[u8]) -> Result<usize, StoreFull> {
        let mut digits = itoa::Buffer::new();
        let at = digits.format(offset).as_bytes();
        let words = [word(CommandId::Setrange), self.slot.key.bytes, at, part];
        self.slot.change(Wording::Words(&words), |editing| {
            let end = offset + part.len();
            make_bytes(editing, end)?;
            let bytes = editing.bytes_mut();
            bytes[offset..end].copy_from_slice(part);
            Ok(Edited::Changed(bytes.len()))
        })
    }

    /// Shows `edit` the bytes, at least `min_len` of them, to be changed where they lie, and gives what it says of them. The door is told, as `wording`, if `edit` says that it changed any, or if there were fewer before.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn edit_bytes<R>(
        self,
        min_len: usize,
        wording: Wording<'_>,
        edit: impl FnOnce(&mut [u8]) -> (bool, R),
    ) -> Result<R, StoreFull> {
        self.slot.change(wording, |editing| {
            let is_new = editing.value().is_none();
            let old_len = make_bytes(editing, min_len)?;
            let (is_changed, result) = edit(editing.bytes_mut());
            Ok(if is_changed || is_new || old_len < min_len {
                Edited::Changed(result)
            } else {
                Edited::Same(result)
            })
        })
    }
}

/// A long value is kept where it is.
fn put_owned(
    mut slot: Slot<'_>,
    form: Form,
    value: Vec<u8>,
    expiry: ExpiryChange,
    wording: Wording<'_>,
) -> Result<(), StoreFull> {
    let value = Arc::new(value);
    slot.store.offer(slot.db, Arc::clone(&value));
    let content = Content {
        form,
        body: Body::Bytes(&value),
    };
    let put = slot.again().put(content, expiry, |effects, db, _| {
        effects.append_worded(db, wording);
    });
    slot.store.withdraw(slot.db);
    put
}

fn put_integer(
    slot: Slot<'_>,
    number: i64,
    digits: &[u8],
    expiry: ExpiryChange,
) -> Result<(), StoreFull> {
    let bytes = IntegerBytes::new(number);
    let content = Content {
        form: INTEGER,
        body: Body::Bytes(bytes.as_bytes()),
    };
    slot.put(content, expiry, |effects, db, key| {
        tell_set(effects, db, key, digits, expiry);
    })
}

fn len_of(value: Value<'_>) -> usize {
    StringRef::of(value).map_or(0, StringRef::len)
}

/// Makes what is there bytes that were edited, an integer its digits, with zeros up to `min_len`; gives the length before.
fn make_bytes(editing: &mut Editing<'_, '_>, min_len: usize) -> Result<usize, StoreFull> {
    let Some(value) = editing.value() else {
        editing.create(Content {
            form: EDITED,
            body: Body::Padded(&[], min_len),
        })?;
        return Ok(0);
    };
    if let Ok(StringRef::Integer(number)) = StringRef::of(value) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        editing.replace(Content {
            form: EDITED,
            body: Body::Padded(digits, digits.len().max(min_len)),
        })?;
        return Ok(digits.len());
    }
    let old_len = value.bytes().len();
    if old_len < min_len {
        editing.resize(min_len)?;
    } else {
        editing.own_bytes()?;
    }
    editing.set_form(EDITED);
    Ok(old_len)
}

/// `SET key value`, with what becomes of the expiry.
fn tell_set(effects: &mut Effects, db: DbIndex, key: &[u8], value: &[u8], expiry: ExpiryChange) {
    let set = word(CommandId::Set);
    match expiry {
        ExpiryChange::Clear => effects.append_words(db, &[set, key, value]),
        ExpiryChange::Keep => effects.append_words(db, &[set, key, value, b"KEEPTTL"]),
        ExpiryChange::At(at) => {
            let mut digits = itoa::Buffer::new();
            let at = digits.format(at).as_bytes();
            effects.append_words(db, &[set, key, value, b"PXAT", at]);
        }
    }
}
