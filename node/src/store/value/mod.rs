//! What keys hold: a folder per type, each with a read face (`…Ref`) and a write face (`…Edit`). Nobody else knows what a type's bytes mean.
//! Pure. Invariant: WRONGTYPE comes from a face, and from nowhere else.
//!
//! How a type is added, say the hash:
//!
//! 1. Its [`Kind`](super::Kind) is there already; its flavours (two bits beside the kind) are constants of its folder, made with `Form::new`. Collections need none: what OBJECT ENCODING is to say stands in their blob or object ([`encoding_name`] reads it).
//! 2. `value/hash/mod.rs`: the structure, a blob or leaves, with its verbs. `keep.rs`: what the store asks of it ([`Large`](super::object::Large), `Collection`): its bytes to the byte, a copy, how a slice of it is freed, where an element's memory is asked for ahead. The store then counts it, copies it between databases and frees it; `blob` says which kind's blobs refer to what.
//! 3. `read.rs`: the read face `HashRef<'a>`, made by `HashRef::of(value)`, which says [`WrongType`](super::WrongType) where it is something else.
//! 4. `edit.rs`: the write face `HashEdit<'a>`, made by `HashEdit::of(slot, limits)` where nothing is or what is there is a hash. Each of its verbs is one call of `collection::edit`, which takes the blob from the entry or the object, lets the closure change it, puts it where it belongs, removes the key when nothing is left, and tells the door when the closure says `Edited::Changed`. The wording is how the log says it: `Wording::Verbatim` where the command is deterministic, else the words that are.
//! 5. Handlers: `HashRef::of(call.store.get(db, key))`, `HashEdit::of(call.store.slot(db, key), limits)?.set(field, value, wording)`. They never write effects.
//! 6. The property tests of `execute` and `log` learn the type's commands, and `store/tests/collection.rs` what ends a key of it.
//!
//! The structures that large collections are made of:
//!
//! ```text
//! hash, set ─ table ─ linear ┐                     (a hash of which fields end: a sorted_set of their names by time beside them)
//! sorted_set ┬ tree          ├─ leaves (blocks by number, long strings) ─ slabs, extents
//!            └ member_index ─┤
//! list, stream ─ tree        ┘   block, codes, frame, packed: how elements lie in a block; past: a table as it was
//! ```

pub(in crate::store) mod blob;
mod block;
mod chance;
mod codes;
mod collection;
mod elements;
mod encoding;
mod frame;
mod hash;
mod leaves;
mod limits;
mod linear;
mod list;
mod maker;
mod member_index;
mod members;
mod packed;
mod past;
mod set;
mod sorted_set;
mod stream;
mod string;
mod table;
mod texts;
mod tree;

pub use chance::below;
pub use codes::Strings;
pub use elements::Position;
pub use encoding::encoding_name;
pub use hash::{Ended, ExpiryRule, FieldExpiry, Hash, HashEdit, HashRef, HashView, Put};
pub(in crate::store) use hash::{TIMED, UNTIMED};
pub use leaves::Leaves;
pub(in crate::store) use leaves::Pools;
pub use limits::Limits;
pub use list::{List, ListEdit, ListEnd, ListMaker, ListRef, ListView};
pub use maker::{CollectionMaker, Element};
pub use members::MemberList;
pub use set::{Set, SetEdit, SetEncoding, SetMaker, SetRef, SetView};
pub use sorted_set::{
    AddRule, Added, Bound, Comparison, Existence, MemberScan, ScoreEnd, ScoredPlace, ScoredRef,
    SortedSet, SortedSetEdit, SortedSetMaker, SortedSetRef, SortedSetView, Tally,
};
pub use stream::{
    Claim, ClaimRule, ConsumerRef, EntryRef, EntryTexts, GroupEdit, GroupPosition, GroupRef,
    NodeEntry, NodeLimits, PendingEntry, Reading, StreamEdit, StreamId, StreamIdText, StreamMaker,
    StreamNode, StreamRef, Sweep, SweepEnd, Totals, Trim, TrimTo,
};
pub use string::{StringEdit, StringEncoding, StringRef};
pub use texts::Texts;
