//! Parcels that leave a line without their replies, with their bytes; where the requests in these lie.
//! Pure. Invariant: what was answered does not leave again; what is one leaves as one.

use std::ops::Range;

use shared::resp::{RequestBatch, RequestLimits, RequestScanner};

use crate::pipe::parcel::Parcel;

/// A parcel taken out of a line, with its bytes.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// What it is.
    pub(crate) parcel: Parcel,
    /// Its requests.
    pub(crate) bytes: Vec<u8>,
    /// Whether any of its bytes was handed to the kernel: then nobody knows whether the node has executed it.
    pub(crate) sent: bool,
}

/// A parcel that leaves its line, of whose bytes the first `sent` were: without the requests that were answered, and in two where only some were sent.
pub(super) fn recover(parcel: Parcel, bytes: Vec<u8>, sent: usize, taken: &mut Vec<Recovered>) {
    let is_sent = sent > 0;
    let is_whole = sent == 0 || sent >= bytes.len();
    if parcel.is_indivisible || (parcel.answered == 0 && (is_whole || parcel.count == 1)) {
        taken.push(Recovered {
            parcel,
            bytes,
            sent: is_sent,
        });
        return;
    }
    let frames = &frames(&bytes)[parcel.answered as usize..];
    let begun = frames.iter().take_while(|frame| frame.start < sent).count();
    let mut skipped = 0;
    for (piece, is_sent) in [(&frames[..begun], true), (&frames[begun..], false)] {
        if let ([first, ..], [.., last]) = (piece, piece) {
            let bytes = bytes[first.start..last.end].to_vec();
            let count = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            taken.push(Recovered {
                parcel: parcel.piece(skipped, count, bytes.len()),
                bytes,
                sent: is_sent,
            });
            skipped += count;
        }
    }
}

impl Recovered {
    /// Each request as a parcel of its own, unless they are one.
    #[cold]
    pub(crate) fn into_requests(self) -> Vec<Self> {
        if self.parcel.count == 1 || self.parcel.is_indivisible {
            return vec![self];
        }
        let single = |(place, frame): (u32, Range<usize>)| Self {
            parcel: self.parcel.piece(place, 1, frame.len()),
            bytes: self.bytes[frame].to_vec(),
            sent: self.sent,
        };
        (0..).zip(frames(&self.bytes)).map(single).collect()
    }
}

/// Where the requests of a run lie.
pub(super) fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut bytes = bytes.to_vec();
    let mut batch = RequestBatch::default();
    let scanned = RequestScanner::new(OWN_LIMITS).scan(&mut bytes, &mut batch, usize::MAX);
    assert!(
        scanned.is_ok(),
        "parcels hold whole requests that were scanned before"
    );
    let frame = |request: &shared::resp::Request| request.start as usize..request.end as usize;
    batch.requests().iter().map(frame).collect()
}

/// What is in a line has passed its client's limits already.
const OWN_LIMITS: RequestLimits = RequestLimits {
    bulk_bytes: u32::MAX,
    args: u32::MAX,
    ..RequestLimits::AUTHENTICATED
};
