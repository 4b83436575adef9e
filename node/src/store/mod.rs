//! The keyspace: sole owner of all keys; a lookup never returns an expired one.
//! Pure: time comes in through [`Store::set_now`], chance from a seeded generator. One exception: large memory is given back on a side thread, which never sees the keyspace.
//!
//! ```text
//! Store ─┬─ Database ─┬─ index    hash → handle: a trie by slot over small hash tables of cache lines
//!        │  (16)      ├─ slab     handle → entry: dense arrays of pages, one per size class; holes are filled from the end
//!        │            ├─ extent   number → key longer than 1 KiB, value longer than 4 KiB
//!        │            └─ object   number → large structure
//!        ├─ door      every change is told: to the log, and to who listens
//!        ├─ pieces    how it is told to the log: large words stay where they were received
//!        ├─ capture   the keyspace of one moment, taken while it changes
//!        ├─ access    16 bits in each entry: when or how often it was used
//!        ├─ expiry    the sweep; on access every lookup looks for itself
//!        └─ eviction  which key goes when memory is short
//! ```
//!
//! - From below: [`entry`] and places ([`slab`], [`extent`], [`object`]) → [`database`] → [`door`], [`capture`] → [`keyspace`], [`slot`], [`rename`], [`copy_in_parts`], [`upkeep`] → [`value`], where the types are.
//! - [`entry`]: an entry's bytes. [`hash`]: keys to numbers. [`keyspace`]: reading keys. [`slot`]: writing them. [`upkeep`]: all that happens to many keys at once.
//! - A batch: [`Store::hash`] and [`Store::prefetch_path`] for all keys, [`Store::prefetch_line`] for all, [`Store::expect_entry`] for all (and [`Store::expect_stray`] where that says `false`), [`Store::prefetch_expected`], then, for elements of large collections, [`Store::prefetch_elements`] step by step, then the commands.

mod access;
mod ahead;
mod capture;
mod chunked;
mod content;
mod copy_in_parts;
mod counters;
mod database;
mod door;
mod entry;
mod error;
mod eviction;
mod expiry;
mod extent;
mod hash;
mod index;
mod key;
mod keyspace;
mod object;
mod pieces;
#[cfg(test)]
mod plain;
mod reclaim;
mod rename;
mod slab;
mod slot;
mod upkeep;
mod value;

pub use ahead::{ELEMENT_STEPS, ExpectedEntries, ExpectedObject};
pub use capture::{Keeper, Kept, KeptApart, MoreElements, Showing};
pub use content::Value;
pub use copy_in_parts::{CopyProgress, ValueCopy};
pub use counters::{ExpireStep, MemoryUse, StoreCounters};
pub use door::{
    Change, EXPIRE, Effects, Event, EventClass, EventClasses, EventName, Listener, Naming,
    TakenEvents, TakenKeys, TooManyInterests, Touch, Wording, WrittenSlots,
};
pub use entry::Kind;
pub use error::{StoreFull, WrongType};
pub use eviction::{EvictionPolicy, EvictionSettings, UnknownPolicy};
pub use key::{DbIndex, Key, KeyHash};
pub use keyspace::{Store, Usage};
pub use object::{Ahead, Purpose};
pub(crate) use pieces::SHARED_LEAST_BYTES;
pub use pieces::{Piece, PieceRef, Pieces, SharedBytes};
pub use slot::{ExpiryChange, Slot};
pub use upkeep::{EXPIRE_SLICE, Eviction};
pub use value::{
    AddRule, Added, Bound, CollectionMaker, Comparison, Element, Ended, Existence, ExpiryRule,
    FieldExpiry, Hash, HashEdit, HashRef, HashView, Leaves, Limits, List, ListEdit, ListEnd,
    ListMaker, ListRef, ListView, MemberList, MemberScan, Position, Put, ScoreEnd, ScoredPlace,
    ScoredRef, Set, SetEdit, SetEncoding, SetMaker, SetRef, SetView, SortedSet, SortedSetEdit,
    SortedSetMaker, SortedSetRef, SortedSetView, Tally, Texts, below, encoding_name,
};
pub use value::{
    Claim, ClaimRule, ConsumerRef, EntryRef, EntryTexts, GroupEdit, GroupPosition, GroupRef,
    NodeEntry, NodeLimits, PendingEntry, Reading, StreamEdit, StreamId, StreamIdText, StreamMaker,
    StreamNode, StreamRef, Sweep, SweepEnd, Totals, Trim, TrimTo,
};
pub use value::{StringEdit, StringEncoding, StringRef, Strings};

#[cfg(test)]
mod tests;
