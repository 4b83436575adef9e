//! [`Chunked`]: a growing array that never moves what it holds, so that it grows without a pause.
//! Pure.

/// Items per chunk: few enough that an almost empty database costs little.
const CHUNK: usize = 64;

/// An array in chunks, with a list of free numbers.
#[derive(Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
}

impl<T> Chunked<T> {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Keeps an item and says its number.
    pub(super) fn add(&mut self, item: T) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.get_mut(number) = item;
            return number;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunks = self.chunks.len();
        let last = &mut self.chunks[chunks - 1];
        last.push(item);
        u32::try_from((chunks - 1) * CHUNK + last.len() - 1).unwrap_or(u32::MAX)
    }

    /// The number may be given to another item.
    pub(super) fn release(&mut self, number: u32) {
        self.free.push(number);
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}
