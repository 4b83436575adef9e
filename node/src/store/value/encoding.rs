//! What OBJECT ENCODING says of a value: Redis' names at its moments, whatever lies where.
//! Pure.

use super::collection::{Lying, lying};
use super::{Hash, HashView, Set, SetEncoding, SetView, SortedSet, SortedSetView, StringEncoding};
use crate::store::{Kind, Value, WrongType};

/// The name of a value's encoding.
#[must_use]
pub fn encoding_name(value: Value<'_>) -> &'static str {
    // No reader refuses a value of its own kind.
    name(value).unwrap_or("raw")
}

fn name(value: Value<'_>) -> Result<&'static str, WrongType> {
    Ok(match value.kind() {
        Kind::String => match StringEncoding::of(value)? {
            StringEncoding::Integer => "int",
            StringEncoding::Embedded => "embstr",
            StringEncoding::Raw => "raw",
        },
        Kind::List => "quicklist",
        Kind::Set => {
            let set = match lying::<Set>(value)? {
                Lying::Blob(blob) => SetView::of_blob(blob),
                Lying::Object(set) => set.view(),
            };
            match set.encoding() {
                SetEncoding::Integers => "intset",
                SetEncoding::Table => "hashtable",
            }
        }
        Kind::Hash => {
            let hash = match lying::<Hash>(value)? {
                Lying::Blob(blob) => HashView::of_blob(blob),
                Lying::Object(hash) => hash.view(),
            };
            if hash.is_hashtable_by_name() {
                "hashtable"
            } else if hash.earliest_end().is_some() {
                "listpackex"
            } else {
                "listpack"
            }
        }
        Kind::SortedSet => {
            let set = match lying::<SortedSet>(value)? {
                Lying::Blob(blob) => SortedSetView::of_blob(blob),
                Lying::Object(set) => set.view(),
            };
            if set.is_skiplist_by_name() {
                "skiplist"
            } else {
                "listpack"
            }
        }
        Kind::Stream => "stream",
    })
}
