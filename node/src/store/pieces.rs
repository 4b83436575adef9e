//! [`Pieces`]: bytes of the log on their way, of which large parts stay in the buffers in which they were received.
//! Pure. Invariants: the pieces in order are the bytes; nobody changes a buffer of which somebody has a part.

use std::ops::{Deref, Range};
use std::sync::Arc;

/// Parts of at least so many bytes are not copied: below, a copy costs less than what keeps a buffer alive.
pub(crate) const SHARED_LEAST_BYTES: usize = 256 * 1024;

/// A part of a buffer that others have too.
#[derive(Clone, Debug)]
pub struct SharedBytes {
    buffer: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl SharedBytes {
    /// These of a buffer's bytes.
    ///
    /// # Panics
    /// When it has not so many: the caller's mistake.
    #[must_use]
    pub fn new(buffer: Arc<Vec<u8>>, range: Range<usize>) -> Self {
        assert!(range.end <= buffer.len(), "they lie in the buffer");
        Self { buffer, range }
    }

    /// The part of `buffer` at which `bytes` lie, if they do.
    #[must_use]
    pub(super) fn find(buffer: &Arc<Vec<u8>>, bytes: &[u8]) -> Option<Self> {
        let start = bytes.as_ptr().addr();
        let start = start.checked_sub(buffer.as_ptr().addr())?;
        let end = start.checked_add(bytes.len())?;
        (end <= buffer.len()).then(|| Self::new(Arc::clone(buffer), start..end))
    }

    /// Gives up the first bytes.
    ///
    /// # Panics
    /// When there are not so many: the caller's mistake.
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "no more than there are");
        self.range.start += count;
    }

    /// The buffer, for whoever is the last to have it.
    #[must_use]
    pub fn into_buffer(self) -> Arc<Vec<u8>> {
        self.buffer
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

/// One of [`Pieces`].
#[derive(Debug)]
pub enum Piece {
    /// Nobody else's.
    Own(Vec<u8>),
    /// Of a buffer that others have too.
    Shared(SharedBytes),
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// The same, lent.
#[derive(Clone, Copy, Debug)]
pub enum PieceRef<'a> {
    /// Nobody else's.
    Own(&'a [u8]),
    /// Of a buffer that others have too.
    Shared(&'a SharedBytes),
}

impl Deref for PieceRef<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Bytes in pieces.
#[derive(Debug, Default)]
pub struct Pieces {
    before: Vec<Piece>,
    before_bytes: usize,
    /// What is written on; all there is, as long as nothing is large.
    last: Vec<u8>,
}

impl From<Vec<u8>> for Pieces {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            last: bytes,
            ..Self::default()
        }
    }
}

impl Pieces {
    /// How many bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.before_bytes + self.last.len()
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where to write on.
    #[inline]
    pub(super) fn last(&mut self) -> &mut Vec<u8> {
        &mut self.last
    }

    /// Takes back what was written behind `len` bytes.
    ///
    /// # Panics
    /// When a piece was added since: the caller's mistake.
    pub(super) fn truncate(&mut self, len: usize) {
        let last = len.checked_sub(self.before_bytes);
        self.last.truncate(last.expect("what is written on"));
    }

    fn push(&mut self, piece: Piece) {
        let last = std::mem::take(&mut self.last);
        for piece in [Piece::Own(last), piece] {
            if !piece.is_empty() {
                self.before_bytes += piece.len();
                self.before.push(piece);
            }
        }
    }

    /// Goes on with these bytes, which are copied where they are few.
    pub fn share(&mut self, bytes: SharedBytes) {
        if bytes.len() < SHARED_LEAST_BYTES {
            self.last.extend_from_slice(&bytes);
        } else {
            self.push(Piece::Shared(bytes));
        }
    }

    /// Goes on with these bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
    }

    /// Goes on with others.
    pub fn append(&mut self, others: Self) {
        if self.is_empty() {
            *self = others;
            return;
        }
        for piece in others.into_pieces() {
            match piece {
                Piece::Own(bytes) if bytes.len() < SHARED_LEAST_BYTES => {
                    self.last.extend_from_slice(&bytes);
                }
                piece => self.push(piece),
            }
        }
    }

    /// The same, of which no large piece is copied by whoever wants to have it as well.
    #[must_use]
    pub fn shared(self) -> Self {
        let is_large =
            |piece: &Piece| matches!(piece, Piece::Own(own) if own.len() >= SHARED_LEAST_BYTES);
        if self.last.len() < SHARED_LEAST_BYTES && !self.before.iter().any(is_large) {
            return self;
        }
        let mut shared = Self::default();
        for piece in self.into_pieces() {
            match piece {
                Piece::Own(own) => {
                    let all = 0..own.len();
                    shared.share(SharedBytes::new(Arc::new(own), all));
                }
                piece @ Piece::Shared(_) => shared.push(piece),
            }
        }
        shared
    }

    /// One after the other, none of them empty.
    pub fn into_pieces(self) -> impl Iterator<Item = Piece> {
        let last = Some(self.last).filter(|last| !last.is_empty());
        self.before.into_iter().chain(last.map(Piece::Own))
    }

    /// The same, lent.
    pub fn iter(&self) -> impl Iterator<Item = PieceRef<'_>> {
        let before = self.before.iter().map(|piece| match piece {
            Piece::Own(bytes) => PieceRef::Own(bytes),
            Piece::Shared(bytes) => PieceRef::Shared(bytes),
        });
        let last = Some(&self.last[..]).filter(|last| !last.is_empty());
        before.chain(last.map(PieceRef::Own))
    }

    /// All of them as one.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        if self.before.is_empty() {
            return self.last;
        }
        let mut all = Vec::with_capacity(self.len());
        self.into_pieces()
            .for_each(|piece| all.extend_from_slice(&piece));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, PieceRef, Pieces, SHARED_LEAST_BYTES, SharedBytes};
    use std::sync::Arc;

    fn large(byte: u8) -> Arc<Vec<u8>> {
        Arc::new(vec![byte; SHARED_LEAST_BYTES + 2])
    }

    #[test]
    fn what_is_large_stays_where_it_is_and_the_rest_is_one_with_what_stands_beside() {
        let (one, two) = (large(1), large(2));
        let mut pieces = Pieces::from(vec![0; 3]);
        pieces.share(SharedBytes::new(Arc::clone(&one), 1..one.len()));
        pieces.extend(&[7]);
        pieces.share(SharedBytes::new(Arc::clone(&two), 2..5));
        let mut others = Pieces::default();
        others.append(Pieces::from(vec![8]));
        others.share(SharedBytes::new(Arc::clone(&two), 0..two.len()));
        pieces.append(others);
        let places = pieces.iter().map(|piece| match piece {
            PieceRef::Shared(shared) => shared.as_ptr().addr(),
            PieceRef::Own(own) => own.len(),
        });
        let at = |buffer: &Arc<Vec<u8>>, index| buffer.as_ptr().addr() + index;
        assert_eq!(places.collect::<Vec<_>>(), [3, at(&one, 1), 5, at(&two, 0)]);
        let expected = [&[0; 3], &one[1..], &[7, 2, 2, 2, 8], &two].concat();
        assert_eq!(pieces.len(), expected.len());
        assert_eq!(pieces.into_bytes(), expected);
    }

    #[test]
    fn large_pieces_are_shared_without_a_copy() {
        let bytes = vec![3; SHARED_LEAST_BYTES];
        let place = bytes.as_ptr();
        let shared = Pieces::from(bytes).shared();
        assert_eq!(shared.len(), SHARED_LEAST_BYTES);
        let pieces: Vec<Piece> = shared.into_pieces().collect();
        let [Piece::Shared(piece)] = &pieces[..] else {
            panic!("{} pieces", pieces.len());
        };
        assert_eq!(piece.as_ptr(), place);
        let small = Pieces::from(vec![1]).shared();
        let is_own = |piece: PieceRef<'_>| matches!(piece, PieceRef::Own(_));
        assert!(small.iter().all(is_own));
    }

    #[test]
    fn what_was_written_last_is_taken_back() {
        let mut pieces = Pieces::default();
        pieces.share(SharedBytes::new(large(1), 0..SHARED_LEAST_BYTES));
        pieces.extend(b"abc");
        pieces.truncate(SHARED_LEAST_BYTES + 1);
        assert_eq!(pieces.into_bytes().last(), Some(&b'a'));
    }
}
