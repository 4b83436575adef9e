//! A reply that is put together: small things are copied one behind the other, large ones stay where they came in.
//! Pure. Invariant: what was shared is never copied, so a merged reply takes little more memory than the parts it is made of.

use bytes::Bytes;
use shared::resp::{Protocol, ReplyWriter};

/// Elements from this size on are shared instead of copied: a write takes sixteen pieces, and small ones would make it thin.
const SHARED_BYTES: usize = 16 * 1024;

/// Bytes in pieces.
#[derive(Debug)]
pub(crate) struct Pieces {
    protocol: Protocol,
    /// What comes before `tail`.
    sealed: Vec<Bytes>,
    sealed_bytes: usize,
    tail: Vec<u8>,
}

impl Pieces {
    /// Nothing yet; small things will be written to this buffer, in this protocol.
    pub(crate) fn new(tail: Vec<u8>, protocol: Protocol) -> Self {
        debug_assert!(tail.is_empty(), "a buffer that is lent is empty");
        Self {
            protocol,
            sealed: Vec::new(),
            sealed_bytes: 0,
            tail,
        }
    }

    /// Appends small things.
    pub(crate) fn writer(&mut self) -> ReplyWriter<'_> {
        ReplyWriter::new(&mut self.tail, self.protocol)
    }

    /// Appends a reply, or an element of one, that lies within `whole`.
    pub(crate) fn share(&mut self, whole: &Bytes, part: &[u8]) {
        if part.len() < SHARED_BYTES {
            self.tail.extend_from_slice(part);
            return;
        }
        self.seal_tail();
        self.sealed_bytes += part.len();
        self.sealed.push(whole.slice_ref(part));
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.sealed.clear();
        self.sealed_bytes = 0;
        self.tail.clear();
    }

    /// Bytes in all pieces.
    pub(crate) fn len(&self) -> usize {
        self.sealed_bytes + self.tail.len()
    }

    /// The first piece; headers, numbers and errors lie in it as a whole.
    pub(crate) fn first(&self) -> &[u8] {
        self.sealed.first().map_or(&self.tail, |first| first)
    }

    /// What comes first, and the buffer with the end.
    pub(crate) fn into_parts(self) -> (Vec<Bytes>, Vec<u8>) {
        (self.sealed, self.tail)
    }

    /// All pieces, in order.
    pub(crate) fn into_vec(mut self) -> Vec<Bytes> {
        self.seal_tail();
        self.sealed
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.sealed_bytes += self.tail.len();
            self.sealed.push(std::mem::take(&mut self.tail).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_elements_stay_where_they_are_and_the_order_holds() {
        let whole = Bytes::from(vec![b'x'; SHARED_BYTES + 10]);
        let mut pieces = Pieces::new(Vec::new(), Protocol::Resp2);
        pieces.writer().array(2);
        pieces.share(&whole, &whole[5..]);
        pieces.share(&whole, &whole[..3]);
        assert_eq!(pieces.first(), b"*2\r\n");
        assert_eq!(pieces.len(), 4 + SHARED_BYTES + 5 + 3);
        let all = pieces.into_vec();
        assert_eq!(all[1].as_ptr(), whole[5..].as_ptr(), "not copied");
        assert_eq!(&all[2][..], b"xxx");
    }
}
