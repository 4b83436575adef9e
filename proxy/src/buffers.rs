//! Byte buffers that are lent out while there is something in them, so that idle clients and pipes hold none.
//! Pure. Bounds: [`KEPT_BUFFERS`] of at most [`KEPT_BYTES`] each stay allocated per thread.

/// Buffers kept for the next who needs one: about as many as are filled within one turn of the loop.
const KEPT_BUFFERS: usize = 256;

/// A larger buffer goes back to the allocator: it was for one large value, and the next may never come.
const KEPT_BYTES: usize = 64 * 1024;

/// The buffers of one thread that nobody uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    idle: Vec<Vec<u8>>,
}

impl Buffers {
    /// An empty buffer, most likely with some capacity.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.idle.pop().unwrap_or_default()
    }

    /// Takes back a buffer; what is in it is forgotten.
    #[inline]
    pub(crate) fn give_back(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0 && capacity <= KEPT_BYTES && self.idle.len() < KEPT_BUFFERS {
            buffer.clear();
            self.idle.push(buffer);
        }
    }
}
