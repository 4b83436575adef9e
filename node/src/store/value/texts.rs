//! [`Texts`]: copies of elements, one behind the other, for what reads and writes collections in turn.
//! Pure.

use crate::store::StringRef;

/// Some texts in two buffers that are used again.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// One more.
    pub fn push(&mut self, text: StringRef<'_>) {
        match text {
            StringRef::Bytes(bytes) => self.bytes.extend_from_slice(bytes),
            StringRef::Integer(number) => {
                let mut digits = itoa::Buffer::new();
                self.bytes
                    .extend_from_slice(digits.format(number).as_bytes());
            }
        }
        self.ends.push(self.bytes.len());
    }

    /// Bytes of all of them.
    #[must_use]
    pub(super) fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that the two buffers take.
    #[must_use]
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The one at this place.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn get(&self, nth: usize) -> &[u8] {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[nth]]
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|nth| self.get(nth))
    }
}
