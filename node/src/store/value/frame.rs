//! Scores as numbers that keep their order, and [`Frame`]: what all scores of a block have in common, written once.
//! Pure.
//!
//! A frame is the leading bytes that all have, and how many bytes follow for each; bytes behind those are zeros in the score (ones in a negative one's ordered form) and are not written at all. Equal scores take nothing, integers one to three bytes.
//!
//! ```text
//! 1: leading bytes, high half; bytes of each score, low half | the leading bytes
//! ```

/// The number whose order among its like is the score's among scores. Negative zero is zero.
#[inline]
pub(super) fn ordered(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

/// The score of such a number.
#[inline]
pub(super) fn score_of(ordered: u64) -> f64 {
    f64::from_bits(if ordered >> 63 == 1 {
        ordered & !(1 << 63)
    } else {
        !ordered
    })
}

/// How the scores of a block are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    lead: usize,
    width: usize,
    base: u64,
}

/// The leading bytes of a number.
#[inline]
fn leading(bytes: usize) -> u64 {
    if bytes == 0 {
        0
    } else {
        !0 << (64 - 8 * bytes)
    }
}

/// The same number, with zeros where a frame does not write.
#[inline]
fn trailing_zeros(ordered: u64) -> u64 {
    if ordered >> 63 == 1 {
        ordered
    } else {
        !ordered
    }
}

impl Frame {
    /// The narrowest frame of these.
    pub(super) fn of(mut scores: impl Iterator<Item = u64>) -> Self {
        let Some(base) = scores.next() else {
            return Self {
                lead: 8,
                width: 0,
                base: 0,
            };
        };
        let (mut differing, mut tails) = (0, trailing_zeros(base));
        for score in scores {
            differing |= score ^ base;
            tails |= trailing_zeros(score);
        }
        let lead = (differing.leading_zeros() / 8) as usize;
        let unwritten = ((tails.trailing_zeros() / 8) as usize).min(8 - lead);
        Self {
            lead,
            width: 8 - lead - unwritten,
            base: base & leading(lead),
        }
    }

    /// The frame at the front of these bytes.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Self {
        let lead = usize::from(bytes[0] >> 4).min(8);
        let width = usize::from(bytes[0] & 0xf).min(8 - lead);
        let base = wide(&bytes[1..]) & leading(lead);
        Self { lead, width, base }
    }

    /// Writes it there.
    pub(super) fn write(self, bytes: &mut [u8]) {
        let [.., both] = (self.lead << 4 | self.width).to_be_bytes();
        bytes[0] = both;
        bytes[1..=self.lead].copy_from_slice(&self.base.to_be_bytes()[..self.lead]);
    }

    /// Bytes that it takes itself.
    #[inline]
    pub(super) fn len(self) -> usize {
        1 + self.lead
    }

    /// Bytes of each score.
    #[inline]
    pub(super) fn width(self) -> usize {
        self.width
    }

    /// The `nth` score of those that begin at the front of these bytes.
    #[inline]
    pub(super) fn get(self, bytes: &[u8], nth: usize) -> u64 {
        let mut score = self.base;
        let unwritten = 8 * (8 - self.lead - self.width);
        if self.width > 0 {
            let own = wide(&bytes[nth * self.width..]) >> (64 - 8 * self.width);
            score |= own << unwritten;
        }
        if score >> 63 == 0 && unwritten > 0 {
            score |= !0 >> (64 - unwritten);
        }
        score
    }

    /// Writes the `nth` score, which fits.
    #[inline]
    pub(super) fn put(self, bytes: &mut [u8], nth: usize, score: u64) {
        let own = &score.to_be_bytes()[self.lead..self.lead + self.width];
        bytes[nth * self.width..][..self.width].copy_from_slice(own);
    }

    /// Whether a score can be written so.
    #[inline]
    pub(super) fn fits(self, score: u64) -> bool {
        let unwritten = 8 * (8 - self.lead - self.width);
        if (score ^ self.base) & leading(self.lead) != 0 {
            return false;
        }
        unwritten == 0 || trailing_zeros(score) & (!0 >> (64 - unwritten)) == 0
    }
}

/// The eight bytes at the front, big-endian; zeros for those that are not there.
#[inline]
fn wide(bytes: &[u8]) -> u64 {
    if let Some(chunk) = bytes.first_chunk::<8>() {
        return u64::from_be_bytes(*chunk);
    }
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_be_bytes(padded)
}

#[cfg(test)]
mod tests {
    use super::{Frame, ordered, score_of};

    fn check(scores: &[f64], width: usize) {
        let numbers: Vec<u64> = scores.iter().map(|&score| ordered(score)).collect();
        let frame = Frame::of(numbers.iter().copied());
        assert_eq!(frame.width(), width, "{scores:?}");
        let mut bytes = vec![0; frame.len() + numbers.len() * frame.width()];
        frame.write(&mut bytes);
        assert_eq!(Frame::read(&bytes), frame);
        for (nth, &number) in numbers.iter().enumerate() {
            assert!(frame.fits(number));
            frame.put(&mut bytes[frame.len()..], nth, number);
        }
        for (nth, &score) in scores.iter().enumerate() {
            let back = score_of(frame.get(&bytes[frame.len()..], nth));
            assert_eq!(back.to_bits(), (score + 0.0).to_bits(), "{scores:?}");
        }
    }

    #[test]
    fn scores_come_back_and_take_few_bytes() {
        check(&[], 0);
        check(&[1.5; 9], 0);
        check(&[-1.5; 9], 0);
        check(&[0.0, -0.0], 0);
        check(&[1.0, 2.0, 3.0], 2);
        check(&[1000.0, 1001.0, 1015.0], 1);
        check(&[-1000.0, -1001.0, -1015.0], 1);
        check(&[f64::INFINITY, f64::NEG_INFINITY], 2);
        check(&[f64::INFINITY, 1e300], 8);
        check(&[f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 5e-324], 8);
        check(&[0.1, 0.2, 0.3], 7);
        check(&[f64::MAX, f64::MIN, -0.0, 0.0], 8);
    }

    #[test]
    fn numbers_keep_the_order_of_scores() {
        let scores = [
            f64::NEG_INFINITY,
            -1e300,
            -1.0,
            -5e-324,
            -0.0,
            5e-324,
            1.0,
            1e300,
            f64::INFINITY,
        ];
        assert!(scores.map(ordered).is_sorted_by(|a, b| a < b));
        assert_eq!(ordered(-0.0), ordered(0.0));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let frame = Frame::of([1000.0, 1001.0].into_iter().map(ordered));
        assert!(frame.fits(ordered(1002.0)));
        for other in [1000.1, 0.0, -1000.0, f64::INFINITY, 5e-324] {
            assert!(!frame.fits(ordered(other)), "{other}");
        }
    }
}
