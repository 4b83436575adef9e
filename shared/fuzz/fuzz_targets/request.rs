//! Any bytes to the request scanner: it must not panic, must find the same requests however the bytes are cut,
//! and must read what the oracle reads in every frame that a proxy would forward.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};
use shared::resp::{ProtocolError, RequestBatch, RequestLimits, RequestScanner};

type Found = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Scans `input` in pieces of `piece` bytes, as a connection does.
fn scan(input: &[u8], piece: usize, limits: RequestLimits) -> Found {
    let mut scanner = RequestScanner::new(limits);
    let mut batch = RequestBatch::default();
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    for bytes in input.chunks(piece) {
        buffer.extend_from_slice(bytes);
        let before = buffer.clone();
        let result = scanner.scan(&mut buffer, &mut batch, usize::MAX);
        for request in batch.requests() {
            let args = batch.args(&buffer, request);
            if !request.inline {
                let frame = &before[request.start as usize..request.end as usize];
                let (oracle, end) = decode(frame).unwrap().unwrap();
                assert_eq!(end, frame.len());
                let bulks = args
                    .iter_from(0)
                    .map(|arg| OwnedFrame::BulkString(arg.to_vec()));
                assert_eq!(oracle, OwnedFrame::Array(bulks.collect()));
            }
            found.push(args.iter_from(0).map(<[u8]>::to_vec).collect());
        }
        if let Err(fault) = result {
            return (found, Some(fault));
        }
        let finished = scanner.finished_bytes();
        buffer.drain(..finished);
        scanner.dropped(finished);
        batch.clear();
    }
    (found, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    for limits in [RequestLimits::AUTHENTICATED, RequestLimits::UNAUTHENTICATED] {
        let whole = scan(bytes, bytes.len().max(1), limits);
        assert_eq!(scan(bytes, usize::from(piece).max(1), limits), whole);
    }
});
