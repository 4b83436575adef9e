//! What keys hold: a folder per type, each with a read face (`…Ref`) and a write face (`…Edit`). Nobody else knows what a type's bytes mean.
//! Pure. Invariant: WRONGTYPE comes from a face, and from nowhere else.
//!
//! How a type is added, say the hash:
//!
//! 1. Its [`Kind`](super::Kind) is there already; its flavours (two bits beside the kind, such as what OBJECT ENCODING is to say) are constants of its folder, made with `Form::new`.
//! 2. `value/hash/mod.rs`: the read face `HashRef<'a>`, made by `HashRef::of(value)`: it looks at `value.kind()` and says [`WrongType`](super::WrongType), else it reads `value.bytes()` (the packed form, in the entry) or `value.object()` (the large form, downcast).
//! 3. `value/hash/edit.rs`: the write face `HashEdit<'a>`, made by `HashEdit::of(slot)` where nothing is or what is there is a hash. Each of its verbs is one call of `slot.change(wording, |editing| …)`, which tells the door when the closure says `Edited::Changed`.
//!    In it: `create` (a first blob), `bytes_mut`, `resize`, `splice` (a range replaced by another, longer or shorter: the blob moves between classes by itself), `set_form`, `fits_inline` before growth, `become_object` where it would not fit, `edit_object`, and `remove` when the last element has gone. The wording is how the log says it: `Wording::Verbatim` where the command is deterministic, else the words that are.
//! 4. The large form implements [`Large`](super::object::Large): its bytes to the byte, a copy, and how a slice of it is freed. The store then counts it, moves it between databases and frees it.
//! 5. Handlers: `HashRef::of(call.store.get(db, key))`, `HashEdit::of(call.store.slot(db, key))?.set(field, value)`. They never write effects.
//! 6. The plain keyspace of the tests (`store/plain.rs`) learns the type as well, and the model test compares the two.
//!
//! The structures that large collections are made of:
//!
//! ```text
//! hash, set ─ table ─ linear ┐
//! sorted_set ┬ tree          ├─ leaves (blocks by number, long strings) ─ slabs, extents
//!            └ member_index ─┤
//! list ─ tree                ┘   block, codes, frame, packed: how elements lie in a block
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
mod member_index;
mod members;
mod packed;
mod set;
mod sorted_set;
mod string;
mod table;
mod texts;
mod tree;

pub use chance::below;
pub use elements::Position;
pub use encoding::encoding_name;
pub use hash::{Hash, HashEdit, HashRef, HashView, Put};
pub use leaves::Leaves;
pub(in crate::store) use leaves::Pools;
pub use limits::Limits;
pub use list::{List, ListEdit, ListEnd, ListRef, ListSide, ListView};
pub use members::MemberList;
pub use set::{Set, SetEdit, SetEncoding, SetMaker, SetRef, SetView};
pub use sorted_set::{
    AddRule, Added, Bound, Comparison, Existence, ScoreEnd, ScoredRef, SortedSet, SortedSetEdit,
    SortedSetRef, SortedSetView, Tally,
};
pub use string::{StringEdit, StringEncoding, StringRef};
pub use texts::Texts;
