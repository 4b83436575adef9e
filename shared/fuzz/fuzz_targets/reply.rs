//! Any bytes to the reply scanner and the decoder: they must not panic, must find the same end however the bytes arrive,
//! and must agree with the oracle wherever both accept. (The oracle also looks at values, so it may refuse more.)
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_protocol::{resp2, resp3};
use shared::resp::{ReplyError, ReplyScanner, decode, decode_scanned};

/// Scans `bytes` as they arrive, `piece` at a time.
fn scan(bytes: &[u8], piece: usize) -> Result<Option<usize>, ReplyError> {
    let mut scanner = ReplyScanner::default();
    let ends = (0..bytes.len()).step_by(piece).skip(1);
    for end in ends.chain([bytes.len()]) {
        match scanner.scan(&bytes[..end]) {
            Ok(None) => {}
            found => return found,
        }
    }
    Ok(None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let ours = ReplyScanner::default().scan(bytes);
    assert_eq!(scan(bytes, usize::from(piece).max(1)), ours);

    if let Ok(ours) = ours {
        let is_resp2 = !bytes.iter().any(|byte| b"_#,(!=%~>|".contains(byte));
        if let (true, Ok(oracle)) = (is_resp2, resp2::decode::decode(bytes)) {
            assert_eq!(ours, oracle.map(|(_, end)| end));
        }
        // The oracle recurses once per level and has no bound: what may be too deep for it never gets there.
        let levels = bytes.iter().filter(|byte| b"*%~>|".contains(byte)).count();
        if levels < 1000
            && let Ok(oracle) = resp3::decode::complete::decode(bytes)
        {
            assert_eq!(ours, oracle.map(|(_, end)| end));
        }
    }
    if let Ok(Some((frame, end))) = decode(bytes) {
        assert_eq!(ours, Ok(Some(end)));
        let mut written = Vec::new();
        frame.write(&mut written);
        assert_eq!(decode_scanned(&written), Ok(frame));
    }
});
