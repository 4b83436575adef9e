//! Bytes in which requests are found: lent for one turn, or the client's own, which a pipe may keep.
//! Pure. Invariant: a buffer that somebody else keeps is never changed.

use std::ops::Range;
use std::rc::Rc;

use shared::resp::RequestScanner;

/// Requests that follow each other are handed over as they lie when they are at least so many bytes; fewer are copied faster than they are shared.
const HANDED_OVER_BYTES: usize = 256 * 1024;

/// Bytes of requests that are done with, and are kept before others that are not, as long as these are more.
const MOST_DONE_BYTES: usize = 256 * 1024;

/// What a turn works on.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    /// The thread's buffer for reading.
    Lent(&'a mut [u8]),
    /// A buffer of the client's own, and what was read behind it while somebody else kept it.
    Own(&'a mut Rc<Vec<u8>>, &'a mut Vec<u8>),
}

impl Received<'_> {
    /// The bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Own(bytes, _) => bytes,
        }
    }

    /// The client's own buffer.
    #[inline]
    pub(crate) fn own(&self) -> Option<&Rc<Vec<u8>>> {
        match self {
            Self::Lent(_) => None,
            Self::Own(bytes, _) => Some(bytes),
        }
    }

    /// The bytes to look for more requests, when all that were found have been carried out. What `scanner` has not finished goes on in another buffer when
    /// somebody keeps this one, or when most of it is done with.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, scanner: &mut RequestScanner) -> &mut [u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Own(bytes, ahead) => {
                let finished = scanner.finished_bytes();
                if let Some(own) = Rc::get_mut(bytes)
                    && finished >= MOST_DONE_BYTES
                    && finished * 2 >= own.len()
                {
                    own.drain(..finished);
                    scanner.dropped(finished);
                } else if Rc::get_mut(bytes).is_none() {
                    **bytes = Rc::new(bytes[finished..].to_vec());
                    scanner.dropped(finished);
                }
                let own = Rc::make_mut(&mut **bytes);
                own.append(ahead);
                own.as_mut_slice()
            }
        }
    }
}

/// Whether requests in this range are handed over with their whole `buffer`: they are large, and little else is kept with them.
#[inline]
pub(crate) fn is_handed_over(buffer: &Vec<u8>, range: &Range<usize>) -> bool {
    range.len() >= HANDED_OVER_BYTES && range.len() * 2 >= buffer.capacity()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::{RequestBatch, RequestLimits};

    #[test]
    fn what_is_behind_finished_requests_leaves_a_buffer_that_is_kept() {
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        let mut batch = RequestBatch::default();
        let mut buffer = Rc::new(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI".to_vec());
        let before = buffer.as_ptr();
        let mut nothing = Vec::new();
        let mut alone = Received::Own(&mut buffer, &mut nothing);
        let bytes = alone.bytes_mut(&mut scanner);
        assert_eq!(bytes.as_ptr(), before, "nobody else has it");
        scanner.scan(bytes, &mut batch, 1).unwrap();
        let mut ahead = b"N".to_vec();
        let mut received = Received::Own(&mut buffer, &mut ahead);
        let kept = Rc::clone(received.own().unwrap());
        let rest = received.bytes_mut(&mut scanner);
        assert_eq!(rest, b"*1\r\n$4\r\nPIN", "with what was read meanwhile");
        batch.clear();
        scanner.scan(rest, &mut batch, 1).unwrap();
        assert!(batch.requests().is_empty() && scanner.is_within_request());
        assert!(ahead.is_empty());
        assert_eq!(kept.len(), 24);
        assert_eq!(Rc::strong_count(&kept), 1);
    }

    #[test]
    fn large_requests_take_their_buffer_with_them_unless_that_would_waste_much() {
        let mut buffer = Vec::with_capacity(HANDED_OVER_BYTES * 3);
        buffer.resize(HANDED_OVER_BYTES * 2, 0);
        assert!(is_handed_over(&buffer, &(0..HANDED_OVER_BYTES * 2)));
        assert!(
            !is_handed_over(&buffer, &(0..HANDED_OVER_BYTES)),
            "half of it is not used"
        );
        buffer.shrink_to_fit();
        assert!(is_handed_over(&buffer, &(0..HANDED_OVER_BYTES)));
        assert!(
            !is_handed_over(&buffer, &(0..HANDED_OVER_BYTES - 1)),
            "small"
        );
    }
}
