//! What the parts of this module say about each other's work, and what `redis-protocol` says about it.

use proptest::prelude::*;
use redis_protocol::{resp2, resp3};

use super::*;

/// Frames that a Redis could send.
fn frame(resp3: bool) -> impl Strategy<Value = Frame> {
    let text = || "[ -~]{0,12}".prop_map(String::into_bytes);
    let bytes = || {
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..12),
            1 => prop::collection::vec(any::<u8>(), 95..105),
        ]
    };
    let of_both = prop_oneof![
        text().prop_map(Frame::Simple),
        text().prop_map(Frame::Error),
        any::<i64>().prop_map(Frame::Integer),
        bytes().prop_map(Frame::Bulk),
    ];
    let leaf = if resp3 {
        prop_oneof![
            4 => of_both,
            1 => Just(Frame::Null),
            1 => any::<bool>().prop_map(Frame::Boolean),
            1 => bytes().prop_map(Frame::BulkError),
            1 => bytes().prop_map(|text| Frame::Verbatim(*b"txt", text)),
            1 => (-1e9..1e9f64).prop_map(|value| Frame::Double(format!("{value}").into_bytes())),
            1 => "[1-9][0-9]{20,30}".prop_map(|digits| Frame::BigNumber(digits.into_bytes())),
        ]
        .boxed()
    } else {
        prop_oneof![6 => of_both, 1 => Just(Frame::NullBulk), 1 => Just(Frame::NullArray)].boxed()
    };
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let elements = prop::collection::vec(inner.clone(), 0..5);
        let pairs = || prop::collection::vec((inner.clone(), inner.clone()), 1..4);
        if resp3 {
            prop_oneof![
                2 => elements.clone().prop_map(Frame::Array),
                1 => elements.clone().prop_map(Frame::Set),
                1 => elements.prop_map(Frame::Push),
                1 => pairs().prop_map(Frame::Map),
                1 => (pairs(), inner.clone()).prop_map(|(pairs, reply)| match reply {
                    // Attributes in a row are read as one.
                    Frame::Attributed(..) => reply,
                    reply => Frame::Attributed(pairs, Box::new(reply)),
                }),
            ]
            .boxed()
        } else {
            elements.prop_map(Frame::Array).boxed()
        }
    })
}

/// Pieces from which streams are made that nearly are replies.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "+OK\r\n",
        "-ERR x\r\n",
        ":1\r\n",
        ":x\r\n",
        "$-1\r\n",
        "$0\r\n\r\n",
        "$3\r\nabc\r\n",
        "$12\r\n",
        "abcdefghijkl\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n",
        "*3\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "(123\r\n",
        "!5\r\nERR x\r\n",
        "=7\r\ntxt:abc\r\n",
        "%1\r\n",
        "~2\r\n",
        ">1\r\n",
        "|1\r\n",
        "\r\n",
        "\r",
        "\n",
        "$",
        "*",
        "1",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(pieces.map(|piece| piece.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// What the oracle must say where we say `ours`: it looks at values too, so it may refuse more, but never finds another end.
fn agrees(
    ours: Result<Option<usize>, ReplyError>,
    oracle: Result<Option<usize>, redis_protocol::error::RedisProtocolError>,
) -> bool {
    match (ours, oracle) {
        (Ok(ours), Ok(oracle)) => ours == oracle,
        (Ok(_), Err(_)) | (Err(_), _) => true,
    }
}

fn resp2_end(bytes: &[u8]) -> Result<Option<usize>, redis_protocol::error::RedisProtocolError> {
    Ok(resp2::decode::decode(bytes)?.map(|(_, end)| end))
}

fn resp3_end(bytes: &[u8]) -> Result<Option<usize>, redis_protocol::error::RedisProtocolError> {
    Ok(resp3::decode::complete::decode(bytes)?.map(|(_, end)| end))
}

/// Scans a stream that arrives in pieces; the ends of its replies.
fn scan_in_pieces(stream: &[u8], cuts: &[usize]) -> Vec<usize> {
    let mut scanner = ReplyScanner::default();
    let mut start = 0;
    let mut ends = Vec::new();
    for end in cuts.iter().copied().chain([stream.len()]) {
        while let Some(length) = scanner.scan(&stream[start..end]).unwrap() {
            start += length;
            ends.push(start);
        }
    }
    ends
}

/// The same when all that may be handed on is, at every cut.
fn scan_and_pass(stream: &[u8], cuts: &[usize]) -> Vec<usize> {
    let mut scanner = ReplyScanner::default();
    let mut start = 0;
    let mut ends = Vec::new();
    for end in cuts.iter().copied().chain([stream.len()]) {
        if start > end {
            continue;
        }
        while let Some(length) = scanner.scan(&stream[start..end]).unwrap() {
            start += length;
            ends.push(start);
        }
        let passed = scanner.pass(end - start);
        assert!(passed < (end - start).max(1), "something stays");
        start += passed;
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_frame_survives_writing_and_decoding(frame in prop_oneof![frame(false), frame(true)]) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        prop_assert_eq!(decode_scanned(&bytes), Ok(frame.clone()));
        for end in 0..bytes.len() {
            prop_assert_eq!(decode(&bytes[..end]), Ok(None));
        }
        let length = bytes.len();
        bytes.extend_from_slice(b"+NEXT\r\n");
        prop_assert_eq!(decode(&bytes), Ok(Some((frame, length))));
    }

    #[test]
    fn replies_end_where_the_oracle_says(two in frame(false), three in frame(true)) {
        let mut bytes = Vec::new();
        two.write(&mut bytes);
        prop_assert_eq!(resp2_end(&bytes).unwrap(), Some(bytes.len()));
        prop_assert_eq!(ReplyScanner::default().scan(&bytes), Ok(Some(bytes.len())));

        bytes.clear();
        three.write(&mut bytes);
        prop_assert!(agrees(ReplyScanner::default().scan(&bytes), resp3_end(&bytes)));
        prop_assert_eq!(ReplyScanner::default().scan(&bytes), Ok(Some(bytes.len())));
    }

    #[test]
    fn a_stream_in_pieces_has_the_same_ends(
        frames in prop::collection::vec(prop_oneof![frame(false), frame(true)], 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for frame in &frames {
            frame.write(&mut stream);
            expected.push(stream.len());
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&scan_in_pieces(&stream, &cuts), &expected);
        prop_assert_eq!(&scan_and_pass(&stream, &cuts), &expected);
        let all: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(&scan_in_pieces(&stream, &all), &expected);
        prop_assert_eq!(&scan_and_pass(&stream, &all), &expected);
    }

    #[test]
    fn nearly_replies_are_judged_as_the_oracle_does(bytes in soup()) {
        let ours = ReplyScanner::default().scan(&bytes);
        let is_resp2 = !bytes.iter().any(|byte| b"_#,(!=%~>|".contains(byte));
        if is_resp2 {
            prop_assert!(agrees(ours, resp2_end(&bytes)), "{} {ours:?}", bytes.escape_ascii());
        }
        prop_assert!(agrees(ours, resp3_end(&bytes)), "{} {ours:?}", bytes.escape_ascii());
        if let Ok(Some((frame, end))) = decode(&bytes) {
            prop_assert_eq!(ours, Ok(Some(end)));
            let mut written = Vec::new();
            frame.write(&mut written);
            // A second decoding shows that nothing was lost, also where `:+1` or several attributes are written more simply.
            prop_assert_eq!(decode_scanned(&written), Ok(frame));
        }
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Some((_, end))) = decode(&bytes) {
            prop_assert!(end <= bytes.len());
        }
    }
}
