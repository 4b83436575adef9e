//! How a sorted set is kept by the store: in a blob or as an object.
//! Pure.

use super::{AddRule, Form, Leaves, Limits, SortedSet, SortedSetView, leaf};
use crate::store::object::{Ahead, Copying, Large};
use crate::store::value::collection::Collection;
use crate::store::value::elements::{COPIED_AT_ONCE, Position};
use crate::store::value::leaves::Pools;
use crate::store::value::texts::Texts;
use crate::store::{Kind, StoreFull};

impl Large for SortedSet {
    fn own_bytes(&self) -> u64 {
        match &self.form {
            Form::Packed(_) => 0,
            Form::Large(large) => size_of::<Self>() as u64 + large.bytes() - large.leaf_bytes(),
        }
    }

    fn leaf_bytes(&self) -> u64 {
        match &self.form {
            Form::Packed(_) => 0,
            Form::Large(large) => large.leaf_bytes(),
        }
    }

    fn payload(&self) -> u64 {
        self.leaf_bytes()
    }

    fn look_ahead(&self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        if let Form::Large(large) = &self.form {
            large.look_ahead(leaves, elements, step);
        }
    }

    fn copy_slice(&self, copying: &mut Copying, pools: &mut Pools<'_>) -> Result<bool, StoreFull> {
        let (copy, next) = copying.made();
        self.copy_some(copy, next, pools)
    }

    fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        !self.free_some(leaves)
    }
}

impl Collection for SortedSet {
    const KIND: Kind = Kind::SortedSet;

    fn empty_in(mut buffer: Vec<u8>) -> Self {
        leaf::write_empty(&mut buffer);
        Self::from_blob(buffer)
    }

    fn from_blob(blob: Vec<u8>) -> Self {
        Self {
            form: Form::Packed(blob),
        }
    }

    fn take_blob(&mut self) -> Option<Vec<u8>> {
        match &mut self.form {
            Form::Packed(blob) => Some(std::mem::take(blob)),
            Form::Large(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn long_bytes(blob: &[u8], leaves: &Leaves) -> u64 {
        SortedSetView::of_blob(blob).bytes(leaves) - blob.len() as u64
    }

    fn copy_some(
        &self,
        copy: &mut Self,
        _: &mut Position,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull> {
        let limits = Limits {
            entries: u64::MAX,
            element_bytes: usize::MAX,
            blob_bytes: match self.form {
                Form::Packed(_) => Limits::MOST_BLOB_BYTES,
                Form::Large(_) => 0,
            },
        };
        let (view, from) = (self.view(), copy.view().len());
        let (mut texts, mut scores) = (Texts::default(), Vec::new());
        let some = COPIED_AT_ONCE as u64;
        view.walk(pools.from(), from, some, |member, score| {
            texts.push(member);
            scores.push(score);
        });
        let leaves = pools.to();
        for (text, score) in texts.iter().zip(&scores) {
            copy.add(leaves, *score, text, AddRule::default(), &limits)?;
        }
        if copy.view().len() < view.len() {
            return Ok(false);
        }
        if view.is_skiplist_by_name() {
            copy.set_large_by_name();
        }
        Ok(true)
    }
}
