//! The keyspace: sole owner of all keys; a lookup never returns an expired one.
//! Pure: time comes in through [`Store::set_now`], chance from a seeded generator. One exception: large memory is given back on a side thread, which never sees the keyspace.
//!
//! ```text
//! Store ─┬─ Database ─┬─ index    hash → handle: a trie by slot over small hash tables of cache lines
//!        │  (16)      ├─ slab     handle → entry: dense arrays of pages, one per size class; holes are filled from the end
//!        │            └─ extent   number → value longer than 4 KiB
//!        ├─ access    16 bits in each entry: when or how often it was used
//!        ├─ expiry    the sweep; on access every lookup looks for itself
//!        └─ eviction  which key goes when memory is short
//! ```
//!
//! - [`entry`]: an entry's bytes. [`hash`]: keys to numbers. [`keyspace`]: reading and writing keys. [`upkeep`]: all that happens to many keys at once.
//! - A batch: [`Store::hash`] and [`Store::prefetch_path`] for all keys, [`Store::prefetch_line`] for all, [`Store::expect_entry`] for all (and [`Store::expect_stray`] where that says `false`), [`Store::prefetch_expected`], then the commands.

mod access;
mod chunked;
mod counters;
mod database;
mod entry;
mod eviction;
mod expiry;
mod extent;
mod hash;
mod index;
mod key;
mod keyspace;
#[cfg(test)]
mod plain;
mod reclaim;
mod slab;
mod upkeep;
mod value;

pub(crate) use entry::LATEST_EXPIRY;

pub use counters::{ExpireStep, MemoryUse, StoreCounters};
pub use eviction::{EvictionPolicy, EvictionSettings, UnknownPolicy};
pub use key::{DbIndex, Key, KeyHash};
pub use keyspace::{ExpectedEntries, Store};
pub use upkeep::EXPIRE_SLICE;
pub use value::{
    AddRule, Added, Bound, Comparison, Existence, Hash, HashRef, Leaves, Limits, List, ListRef,
    Position, Put, Set, SetEncoding, SetRef, SortedSet, SortedSetRef,
};
pub use value::{
    ExpiryChange, StoreFull, StringEncoding, StringValue, Usage, Value, canonical_integer,
};

#[cfg(test)]
mod tests;
