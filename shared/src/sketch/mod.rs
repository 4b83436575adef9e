//! A HyperLogLog in Redis' own bytes: a header, and 16,384 registers either sparse, as runs, or dense, six bits each.
//! Pure. Never: takes bytes for a sketch unseen; a client may have written them. Invariant: the bytes are those that redis-server 7.0 has after the same commands.
//!
//! ```text
//!  "HYLL"  encoding  0 0 0   count, little-endian; its highest bit: not to be used      registers
//!   4       1        3       8                                                          …
//! ```

mod dense;
mod element;
mod estimate;
mod sparse;

pub use dense::raise as raise_dense;
pub use element::Rise;

use crate::resp::ErrorReply;
use estimate::{Histogram, estimate};
use sparse::{Mark, Raised};

/// Bits of a hash that name a register.
const INDEX_BITS: u32 = 14;
/// The others.
const TAIL_BITS: u32 = 50;
/// Registers of a sketch.
pub const REGISTERS: usize = 1 << INDEX_BITS;

const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
/// Bytes before the registers.
pub const HEADER_BYTES: usize = 16;
/// Bytes of dense registers, which a sketch has at most, as a rule.
pub const DENSE_BYTES: usize = REGISTERS * 6 / 8;
/// The highest bit of the count.
const IS_OLD: u8 = 0x80;
/// Codes of one sketch that are shown: no valid one has more.
const MOST_SHOWN_BYTES: usize = 2 * REGISTERS;

/// The codes of a sketch are not those of 16,384 registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupted;

impl From<Corrupted> for ErrorReply {
    fn from(_: Corrupted) -> Self {
        Self::SketchCorrupted
    }
}

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits each.
    Dense,
    /// As runs.
    Sparse,
}

impl Encoding {
    fn byte(self) -> u8 {
        match self {
            Self::Dense => 0,
            Self::Sparse => 1,
        }
    }

    /// What PFDEBUG ENCODING calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
        }
    }
}

/// A sketch to be read.
#[derive(Clone, Copy, Debug)]
pub struct SketchRef<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl<'a> SketchRef<'a> {
    /// The sketch that these bytes are, as far as the header tells.
    ///
    /// # Errors
    /// [`ErrorReply::NotASketch`]: they are none.
    pub fn of(bytes: &'a [u8]) -> Result<Self, ErrorReply> {
        let is_sketch = bytes.len() >= HEADER_BYTES && bytes.starts_with(MAGIC);
        let encoding = match bytes.get(ENCODING_AT) {
            Some(0) if bytes.len() == HEADER_BYTES + DENSE_BYTES => Encoding::Dense,
            Some(1) => Encoding::Sparse,
            _ => return Err(ErrorReply::NotASketch),
        };
        if !is_sketch {
            return Err(ErrorReply::NotASketch);
        }
        Ok(Self { bytes, encoding })
    }

    /// How its registers are written.
    #[must_use]
    pub fn encoding(self) -> Encoding {
        self.encoding
    }

    /// The count that was kept, if nothing has changed since.
    #[must_use]
    pub fn kept_count(self) -> Option<u64> {
        let count = self.bytes[COUNT_AT..].first_chunk::<8>()?;
        (count[7] & IS_OLD == 0).then(|| u64::from_le_bytes(*count))
    }

    /// How many elements it has seen, by its registers.
    ///
    /// # Errors
    /// [`Corrupted`]
    pub fn count(self) -> Result<u64, Corrupted> {
        let mut histogram: Histogram = [0; 64];
        match self.encoding {
            Encoding::Dense => {
                for count in dense::all(&self.bytes[HEADER_BYTES..]) {
                    histogram[usize::from(count)] += 1;
                }
            }
            Encoding::Sparse => {
                histogram[0] = u32::try_from(REGISTERS).unwrap_or(0);
                sparse::walk(self.bytes, |_, registers, count| {
                    let registers = u32::try_from(registers).unwrap_or(0);
                    histogram[0] -= registers;
                    histogram[usize::from(count)] += registers;
                })?;
            }
        }
        Ok(estimate(&histogram))
    }

    /// PFDEBUG DECODE: the codes of a sparse sketch in words; `None` of a dense one.
    ///
    /// # Errors
    /// [`Corrupted`]
    pub fn codes(self) -> Result<Option<String>, Corrupted> {
        use std::fmt::Write as _;
        if self.encoding == Encoding::Dense {
            return Ok(None);
        }
        if self.bytes.len() > HEADER_BYTES + MOST_SHOWN_BYTES {
            return Err(Corrupted);
        }
        let mut text = String::new();
        for run in sparse::runs(self.bytes) {
            let shown = match run {
                sparse::Run {
                    count: 0,
                    bytes: 1,
                    registers,
                } => write!(text, "z:{registers} "),
                sparse::Run {
                    count: 0,
                    registers,
                    ..
                } => write!(text, "Z:{registers} "),
                sparse::Run {
                    count, registers, ..
                } => write!(text, "v:{count},{registers} "),
            };
            if shown.is_err() {
                unreachable!("writing to memory cannot fail");
            }
        }
        text.truncate(text.trim_end().len());
        Ok(Some(text))
    }
}

/// The registers of several sketches, of each the highest.
#[derive(Debug)]
pub struct Registers(Box<[u8]>);

impl Default for Registers {
    /// All zero.
    fn default() -> Self {
        Self(vec![0; REGISTERS].into())
    }
}

impl Registers {
    /// Raises all to what a sketch has.
    ///
    /// # Errors
    /// [`Corrupted`]; some are raised then.
    pub fn raise(&mut self, sketch: SketchRef<'_>) -> Result<(), Corrupted> {
        match sketch.encoding {
            Encoding::Dense => {
                let counts = dense::all(&sketch.bytes[HEADER_BYTES..]);
                for (register, count) in self.0.iter_mut().zip(counts) {
                    *register = (*register).max(count);
                }
                Ok(())
            }
            Encoding::Sparse => sparse::walk(sketch.bytes, |first, registers, count| {
                for register in &mut self.0[first..first + registers] {
                    *register = (*register).max(count);
                }
            }),
        }
    }

    /// How many elements the sketches have seen together.
    #[must_use]
    pub fn count(&self) -> u64 {
        let mut histogram: Histogram = [0; 64];
        for count in &self.0 {
            histogram[usize::from(*count) % 64] += 1;
        }
        estimate(&histogram)
    }

    /// What each register has.
    #[must_use]
    pub fn counts(&self) -> &[u8] {
        &self.0
    }

    /// Those that are not zero.
    pub fn rises(&self) -> impl Iterator<Item = Rise> {
        let counts = self.0.iter().copied().enumerate();
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(register, count)| Rise { register, count })
    }
}

/// A sketch to be changed.
#[derive(Debug)]
pub struct Sketch {
    bytes: Vec<u8>,
    mark: Mark,
}

impl Default for Sketch {
    /// One that has seen nothing.
    fn default() -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[ENCODING_AT] = Encoding::Sparse.byte();
        // All registers are one run of zeros.
        bytes.extend_from_slice(&[0x7f, 0xff]);
        Self {
            bytes,
            mark: Mark::default(),
        }
    }
}

impl Sketch {
    /// A copy.
    #[must_use]
    pub fn copy(sketch: SketchRef<'_>) -> Self {
        Self {
            bytes: sketch.bytes.to_vec(),
            mark: Mark::default(),
        }
    }

    /// As a string keeps it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether its registers are written out.
    #[must_use]
    pub fn is_dense(&self) -> bool {
        self.bytes[ENCODING_AT] == Encoding::Dense.byte()
    }

    /// Raises a register; whether it was lower. A sparse sketch of more than `most_sparse_bytes` would become a dense one.
    ///
    /// # Errors
    /// [`Corrupted`]; nothing was changed.
    pub fn raise(&mut self, rise: Rise, most_sparse_bytes: usize) -> Result<bool, Corrupted> {
        if !self.is_dense() {
            match sparse::raise(&mut self.bytes, rise, most_sparse_bytes, &mut self.mark)? {
                Raised::Not => return Ok(false),
                Raised::Here => return Ok(true),
                Raised::TooMuch => self.make_dense()?,
            }
        }
        Ok(dense::raise(&mut self.bytes[HEADER_BYTES..], rise))
    }

    /// Writes the registers out. What the header says of the count stays.
    ///
    /// # Errors
    /// [`Corrupted`]; nothing was changed.
    pub fn make_dense(&mut self) -> Result<(), Corrupted> {
        if self.is_dense() {
            return Ok(());
        }
        let mut dense = self.bytes[..HEADER_BYTES].to_vec();
        dense.resize(HEADER_BYTES + DENSE_BYTES, 0);
        dense[ENCODING_AT] = Encoding::Dense.byte();
        let registers = &mut dense[HEADER_BYTES..];
        sparse::walk(&self.bytes, |first, count_of, count| {
            for register in first..first + count_of {
                dense::set(registers, register, count);
            }
        })?;
        self.bytes = dense;
        Ok(())
    }

    /// The kept count is no longer true.
    pub fn forget_count(&mut self) {
        forget_count(&mut self.bytes);
    }
}

/// The count that is kept in the bytes of a sketch is no longer true.
pub fn forget_count(sketch: &mut [u8]) {
    if let Some(highest) = sketch.get_mut(HEADER_BYTES - 1) {
        *highest |= IS_OLD;
    }
}

/// Keeps a count in the bytes of a sketch.
pub fn keep_count(sketch: &mut [u8], count: u64) {
    if let Some(place) = sketch.get_mut(COUNT_AT..HEADER_BYTES) {
        place.copy_from_slice(&count.to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
