//! How a hash is kept by the store: in a blob or as an object.
//! Pure.

use super::{Elements, Form, Hash, Leaves, TIMED, UNTIMED};
use crate::store::object::{Ahead, Copying, Large, Remembering};
use crate::store::value::collection::Collection;
use crate::store::value::elements::Position;
use crate::store::value::leaves::Pools;
use crate::store::value::packed;
use crate::store::value::texts::Texts;
use crate::store::{Kind, StoreFull};

impl Large for Hash {
    fn own_bytes(&self) -> u64 {
        let expiries = self.expiries.as_ref().map_or(0, |expiries| {
            size_of::<Self>() as u64 + self.elements.blob_room() + expiries.own_bytes()
        });
        self.elements.table_bytes()[0] + expiries
    }

    fn leaf_bytes(&self) -> u64 {
        let expiries = self.expiries.as_ref();
        let expiries = expiries.map_or(0, |expiries| expiries.leaf_bytes());
        self.elements.table_bytes()[1] + self.long_bytes + expiries
    }

    fn payload(&self) -> u64 {
        self.leaf_bytes() + self.elements.blob_room()
    }

    fn look_ahead(&self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        self.elements.view().look_ahead(leaves, elements, step);
    }

    fn copy_slice(&self, copying: &mut Copying, pools: &mut Pools<'_>) -> Result<bool, StoreFull> {
        let (copy, next) = copying.made();
        self.copy_some(copy, next, pools)
    }

    fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        !self.free_some(leaves)
    }

    fn remembering(&mut self) -> Option<&mut dyn Remembering> {
        // When fields end would have to be remembered as well.
        self.elements.remembering(self.expiries.is_none())
    }

    fn next_end_ms(&self) -> Option<u64> {
        self.view().earliest_end()
    }

    fn last_end_ms(&self, leaves: &Leaves) -> Option<u64> {
        let expiries = self.expiries.as_ref()?;
        let all_end = expiries.len() == self.elements.view().len();
        all_end.then(|| expiries.latest_ms(leaves))
    }

    fn end_parts(&mut self, leaves: &mut Leaves, now_ms: u64, limit: usize, names: &mut Texts) {
        self.end_some(leaves, now_ms, limit, names);
    }

    fn take_small(&mut self, most_bytes: usize) -> Option<Vec<u8>> {
        if self.blob()?.len() > most_bytes {
            return None;
        }
        let blob = self.take_blob();
        *self = Self::default();
        blob
    }
}

impl Collection for Hash {
    const KIND: Kind = Kind::Hash;

    fn empty_in(mut buffer: Vec<u8>) -> Self {
        buffer.extend_from_slice(&packed::EMPTY);
        Self::from_blob(buffer)
    }

    fn from_blob(blob: Vec<u8>) -> Self {
        Self {
            elements: Elements::Packed(blob),
            expiries: None,
            long_bytes: 0,
        }
    }

    fn take_blob(&mut self) -> Option<Vec<u8>> {
        match self.expiries {
            None => self.elements.take_blob(),
            Some(_) => None,
        }
    }

    fn form(&self) -> Form {
        match self.expiries {
            None => UNTIMED,
            Some(_) => TIMED,
        }
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn long_bytes(blob: &[u8], leaves: &Leaves) -> u64 {
        packed::long_bytes::<true>(blob, leaves)
    }

    fn copy_some(
        &self,
        copy: &mut Self,
        next: &mut Position,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull> {
        if copy.elements.view().len() < self.elements.view().len() {
            let are_there = self.elements.copy_some(&mut copy.elements, next, pools)?;
            return Ok(are_there && self.expiries.is_none());
        }
        let Some(expiries) = &self.expiries else {
            return Ok(true);
        };
        let made = copy.expiries.get_or_insert_with(Box::default);
        let are_there = expiries.copy_some(made, pools)?;
        if are_there {
            copy.weigh(pools.to());
        }
        Ok(are_there)
    }
}
