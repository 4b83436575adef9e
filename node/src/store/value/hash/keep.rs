//! How a hash is kept by the store: in a blob or as an object.
//! Pure.

use super::{Elements, Hash, Leaves};
use crate::store::object::Large;
use crate::store::value::collection::Collection;
use crate::store::value::leaves::Pools;
use crate::store::value::packed;
use crate::store::{Kind, StoreFull};

impl Large for Hash {
    fn own_bytes(&self) -> u64 {
        self.elements.table_bytes()[0]
    }

    fn leaf_bytes(&self) -> u64 {
        self.elements.table_bytes()[1]
    }

    fn payload(&self) -> u64 {
        self.leaf_bytes()
    }

    fn copied(&self, pools: &mut Pools<'_>) -> Result<Box<dyn Large>, StoreFull> {
        Ok(Box::new(self.copy(pools)?))
    }

    fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        !self.free_some(leaves)
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
        }
    }

    fn take_blob(&mut self) -> Option<Vec<u8>> {
        self.elements.take_blob()
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn long_bytes(blob: &[u8], leaves: &Leaves) -> u64 {
        packed::long_bytes::<true>(blob, leaves)
    }

    fn copy(&self, pools: &mut Pools<'_>) -> Result<Self, StoreFull> {
        let elements = self.elements.copy(pools)?;
        Ok(Self { elements })
    }
}
