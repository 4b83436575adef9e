//! [`CollectionMaker`]: a collection of any type that is made aside, element by element, and then put in the place of whatever is at a key.
//! Pure. Invariant: what it takes is its database's memory, and is counted there, until it is put or given up.

use super::collection::{Collection, put_made};
use super::limits::Limits;
use super::{AddRule, Added, ExpiryRule, Hash, List, Put, Set, SortedSet};
use crate::store::door::Wording;
use crate::store::entry::most_value_bytes;
use crate::store::key::{DbIndex, Key};
use crate::store::keyspace::Store;
use crate::store::{Kind, StoreFull, StringRef};

/// An element of a collection, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element<'a> {
    /// Of a list or a set.
    Text(StringRef<'a>),
    /// Of a hash: a field and its value.
    Field(StringRef<'a>, StringRef<'a>),
    /// The same, and when it ends, Unix milliseconds in 48 bits.
    FieldUntil(StringRef<'a>, StringRef<'a>, u64),
    /// Of a sorted set: a member and its score.
    Scored(StringRef<'a>, f64),
}

impl Element<'_> {
    /// Bytes of its strings.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "nobody asks whether an element has none"
    )]
    pub fn len(self) -> usize {
        match self {
            Self::Text(text) | Self::Scored(text, _) => text.len(),
            Self::Field(field, value) | Self::FieldUntil(field, value, _) => {
                field.len() + value.len()
            }
        }
    }
}

/// A collection that is made aside, in a database's memory.
#[derive(Debug)]
#[must_use = "its memory is the database's until it is put or given up"]
pub struct CollectionMaker {
    made: Made,
    db: DbIndex,
    limits: Limits,
}

#[derive(Debug)]
enum Made {
    List(List),
    Set(Set),
    Hash(Hash),
    SortedSet(SortedSet),
}

/// A string's bytes, an integer's digits printed into `digits`.
fn bytes_of<'a>(text: StringRef<'a>, digits: &'a mut itoa::Buffer) -> &'a [u8] {
    match text {
        StringRef::Bytes(bytes) => bytes,
        StringRef::Integer(number) => digits.format(number).as_bytes(),
    }
}

impl CollectionMaker {
    /// One of this kind without elements, for this key of `db`; `None` for a kind that is no collection, or is made in parts of its own ([`StreamMaker`](super::StreamMaker)).
    #[must_use]
    pub fn new(kind: Kind, db: DbIndex, key: &[u8], mut limits: Limits) -> Option<Self> {
        limits.blob_bytes = most_value_bytes(key.len()).min(Limits::MOST_BLOB_BYTES);
        let made = match kind {
            Kind::List => Made::List(List::default()),
            Kind::Set => Made::Set(Set::default()),
            Kind::Hash => Made::Hash(Hash::default()),
            Kind::SortedSet => Made::SortedSet(SortedSet::default()),
            Kind::String | Kind::Stream => return None,
        };
        Some(Self { made, db, limits })
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.made {
            Made::List(list) => list.view().is_empty(),
            Made::Set(set) => set.view().is_empty(),
            Made::Hash(hash) => hash.view().is_empty(),
            Made::SortedSet(set) => set.view().is_empty(),
        }
    }

    /// Adds an element, to a list behind all others. `false` when it is there already, or is none of this collection: of another type, or with a score that is no number.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    pub fn add(&mut self, store: &mut Store, element: Element<'_>) -> Result<bool, StoreFull> {
        let leaves = store.database_mut(self.db).leaves_mut();
        let (mut digits, mut more_digits) = (itoa::Buffer::new(), itoa::Buffer::new());
        let limits = &self.limits;
        match (&mut self.made, element) {
            (Made::List(list), Element::Text(text)) => {
                list.push_back(leaves, bytes_of(text, &mut digits), limits)?;
                Ok(true)
            }
            (Made::Set(set), Element::Text(text)) => {
                set.add(leaves, bytes_of(text, &mut digits), limits)
            }
            (Made::Hash(hash), Element::Field(field, value)) => {
                let field = bytes_of(field, &mut digits);
                let value = bytes_of(value, &mut more_digits);
                Ok(hash.set(leaves, field, value, limits)? == Put::Added)
            }
            (Made::Hash(hash), Element::FieldUntil(field, value, at_ms)) => {
                let field = bytes_of(field, &mut digits);
                let value = bytes_of(value, &mut more_digits);
                let put = hash.set(leaves, field, value, limits)?;
                // One that is past is over, and goes as any that is.
                hash.expire(leaves, field, at_ms, 0, ExpiryRule::Always)?;
                Ok(put == Put::Added)
            }
            (Made::SortedSet(set), Element::Scored(member, score)) if !score.is_nan() => {
                let member = bytes_of(member, &mut digits);
                let added = set.add(leaves, score, member, AddRule::default(), limits)?;
                Ok(matches!(added, Added::New(_)))
            }
            _ => Ok(false),
        }
    }

    /// Puts it in the place of whatever is at a key of its database, to live until `expiry`, and tells the door as `wording`; without elements there is no key then.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed, and it is freed.
    pub fn put(
        self,
        store: &mut Store,
        key: Key<'_>,
        expiry: Option<u64>,
        wording: Wording<'_>,
    ) -> Result<(), StoreFull> {
        match self.made {
            Made::List(list) => put(store, self.db, key, list, expiry, wording),
            Made::Set(set) => put(store, self.db, key, set, expiry, wording),
            Made::Hash(hash) => put(store, self.db, key, hash, expiry, wording),
            Made::SortedSet(set) => put(store, self.db, key, set, expiry, wording),
        }
    }

    /// Frees it, a part at a time: what is left of a large one goes with what waits to be freed.
    pub fn give_up(self, store: &mut Store) {
        let database = store.database_mut(self.db);
        match self.made {
            Made::List(list) => database.give_up(Box::new(list)),
            Made::Set(set) => database.give_up(Box::new(set)),
            Made::Hash(hash) => database.give_up(Box::new(hash)),
            Made::SortedSet(set) => database.give_up(Box::new(set)),
        }
    }
}

fn put<C: Collection>(
    store: &mut Store,
    db: DbIndex,
    key: Key<'_>,
    collection: C,
    expiry: Option<u64>,
    wording: Wording<'_>,
) -> Result<(), StoreFull> {
    put_made(
        store.slot(db, key),
        collection,
        expiry,
        |effects, db, _, ()| {
            effects.append_worded(db, wording);
        },
    )
}
