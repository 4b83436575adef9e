//! How a set is kept by the store: in a blob or as an object.
//! Pure.

use super::{Elements, Form, INTEGERS, Leaves, Set, has_flag, integers};
use crate::store::object::{Ahead, Copying, Large, Remembering};
use crate::store::value::collection::Collection;
use crate::store::value::elements::Position;
use crate::store::value::leaves::Pools;
use crate::store::value::packed;
use crate::store::{Kind, StoreFull};

impl Set {
    /// Bytes of an object beside its leaves, and of them.
    fn table_bytes(&self) -> [u64; 2] {
        match &self.form {
            Form::Integers(_) => [0, 0],
            Form::Elements(elements) => elements.table_bytes(),
        }
    }
}

impl Large for Set {
    fn own_bytes(&self) -> u64 {
        self.table_bytes()[0]
    }

    fn leaf_bytes(&self) -> u64 {
        self.table_bytes()[1]
    }

    fn payload(&self) -> u64 {
        self.leaf_bytes()
    }

    fn look_ahead(&self, leaves: &Leaves, elements: &mut [Ahead<'_>], step: usize) {
        if let Form::Elements(all) = &self.form {
            all.view().look_ahead(leaves, elements, step);
        }
    }

    fn copy_slice(&self, copying: &mut Copying, pools: &mut Pools<'_>) -> Result<bool, StoreFull> {
        let (copy, next) = copying.made();
        self.copy_some(copy, next, pools)
    }

    fn remembering(&mut self) -> Option<&mut dyn Remembering> {
        match &mut self.form {
            Form::Integers(_) => None,
            Form::Elements(elements) => elements.remembering(true),
        }
    }

    fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        !self.free_some(leaves)
    }
}

impl Collection for Set {
    const KIND: Kind = Kind::Set;

    fn empty_in(mut buffer: Vec<u8>) -> Self {
        integers::write_empty(&mut buffer, INTEGERS);
        Self {
            form: Form::Integers(buffer),
        }
    }

    fn from_blob(blob: Vec<u8>) -> Self {
        let form = if has_flag(&blob, INTEGERS) {
            Form::Integers(blob)
        } else {
            Form::Elements(Elements::Packed(blob))
        };
        Self { form }
    }

    fn take_blob(&mut self) -> Option<Vec<u8>> {
        match &mut self.form {
            Form::Integers(blob) => Some(std::mem::take(blob)),
            Form::Elements(elements) => elements.take_blob(),
        }
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn long_bytes(blob: &[u8], leaves: &Leaves) -> u64 {
        if has_flag(blob, INTEGERS) {
            return 0;
        }
        packed::long_bytes::<false>(blob, leaves)
    }

    fn copy_some(
        &self,
        copy: &mut Self,
        next: &mut Position,
        pools: &mut Pools<'_>,
    ) -> Result<bool, StoreFull> {
        let elements = match &self.form {
            Form::Integers(blob) => {
                copy.form = Form::Integers(blob.clone());
                return Ok(true);
            }
            Form::Elements(elements) => elements,
        };
        if let Form::Integers(_) = &copy.form {
            copy.form = Form::Elements(Elements::new());
        }
        match &mut copy.form {
            Form::Elements(copy) => elements.copy_some(copy, next, pools),
            Form::Integers(_) => Ok(true),
        }
    }
}
