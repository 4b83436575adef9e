use proptest::prelude::*;

use super::*;
use crate::resp::encode_request;

type Scanned = (Vec<Vec<Vec<u8>>>, Vec<u8>, Option<ProtocolError>);

/// Scans `input` cut into pieces that end at `cuts`; the requests, what is left, and the fault.
fn scan_in_pieces(input: &[u8], cuts: &[usize], limits: RequestLimits) -> Scanned {
    let mut scanner = RequestScanner::new(limits);
    let mut batch = RequestBatch::default();
    let mut buffer = Vec::new();
    let mut requests = Vec::new();
    let mut from = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        buffer.extend_from_slice(&input[from..end]);
        from = end;
        let result = scanner.scan(&mut buffer, &mut batch, usize::MAX);
        for request in batch.requests() {
            let args = batch.args(&buffer, request);
            requests.push(args.iter_from(0).map(<[u8]>::to_vec).collect());
        }
        if let Err(fault) = result {
            assert_eq!(
                scanner.scan(&mut buffer, &mut batch, usize::MAX),
                Err(fault),
                "a fault stays"
            );
            return (requests, Vec::new(), Some(fault));
        }
        let finished = scanner.finished_bytes();
        buffer.drain(..finished);
        scanner.dropped(finished);
        batch.clear();
    }
    (requests, buffer, None)
}

/// What `input` is, whole and cut at any one byte.
fn check(input: &[u8], expected: &[&[&[u8]]], rest: &[u8], fault: Option<ProtocolError>) {
    check_within(RequestLimits::AUTHENTICATED, input, expected, rest, fault);
}

fn check_within(
    limits: RequestLimits,
    input: &[u8],
    expected: &[&[&[u8]]],
    rest: &[u8],
    fault: Option<ProtocolError>,
) {
    for cut in 0..=input.len().min(200) {
        let (requests, left, found) = scan_in_pieces(input, &[cut], limits);
        let shown = input.escape_ascii();
        assert_eq!(requests, expected, "{shown} cut at {cut}");
        assert_eq!(left, rest, "{shown} cut at {cut}");
        assert_eq!(found, fault, "{shown} cut at {cut}");
    }
}

/// Nothing but a fault comes of `input`.
fn check_fault(input: &[u8], fault: ProtocolError) {
    check(input, &[], b"", Some(fault));
}

#[test]
fn multibulk_requests_are_found_whole_and_cut_anywhere() {
    check(b"", &[], b"", None);
    check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], b"", None);
    check(
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nabcdefghijkl\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n*2\r\n$3\r\nGE",
        &[&[b"SET", b"k", b"abcdefghijkl"], &[b"GET", b""]],
        b"*2\r\n$3\r\nGE",
        None,
    );
    check(b"*1\r\n$0\r\n\r\n", &[&[b""]], b"", None);
}

#[test]
fn what_asks_for_nothing_is_skipped() {
    check(
        b"\r\n*0\r\n*-5\r\n   \r\nPING\r\n\n*-9223372036854775808\r\n*1\r\n$4\r\nPING\r\n*0\r\n",
        &[&[b"PING"], &[b"PING"]],
        b"",
        None,
    );
}

#[test]
fn bytes_where_redis_does_not_look_are_accepted_but_not_forwarded() {
    let cases: [(&[u8], bool); 6] = [
        (b"*1\r\n$4\r\nPING\r\n", false),
        (b"*1\rx$4\r\nPING\r\n", true),
        (b"*1\r\n$4\rxPING\r\n", true),
        (b"*1\r\n$4\r\nPINGxx", true),
        (b"PING\r\n", true),
        (b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", true),
    ];
    for (input, inline) in cases {
        for cut in 0..input.len() {
            let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
            let mut batch = RequestBatch::default();
            for end in [cut, input.len()] {
                let mut buffer = input[..end].to_vec();
                assert_eq!(scanner.scan(&mut buffer, &mut batch, 1), Ok(()));
            }
            let shown = input.escape_ascii();
            assert_eq!(batch.requests()[0].inline, inline, "{shown} cut at {cut}");
        }
    }
    check(
        b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
        &[&[b"PING"], &[b"PING"]],
        b"",
        None,
    );
}

#[test]
fn headers_that_are_no_numbers_get_redis_own_words() {
    for header in [
        "*abc",
        "*",
        "*1 ",
        "*+1",
        "*01",
        "*-0",
        "*1\n",
        "*2147483648",
        "*4294967297",
    ] {
        check_fault(
            format!("{header}\r\n").as_bytes(),
            ProtocolError::InvalidMultibulkLength,
        );
    }
    for header in [
        "$-1",
        "$abc",
        "$",
        "$04",
        "$536870913",
        "$99999999999999999999",
    ] {
        check_fault(
            format!("*1\r\n{header}\r\n").as_bytes(),
            ProtocolError::InvalidBulkLength,
        );
    }
    check_fault(b"*1\r\nx\r\n", ProtocolError::ExpectedDollar(b'x'));
    check_fault(b"*1\r\n\xff\r\n", ProtocolError::ExpectedDollar(0xff));
    check_fault(b"*1\r\n\r\n", ProtocolError::ExpectedDollar(b'\r'));
    // The requests before a fault count.
    check(
        b"PING\r\n*2\r\n$3\r\nGET\r\n:1\r\n",
        &[&[b"PING"]],
        b"",
        Some(ProtocolError::ExpectedDollar(b':')),
    );
}

#[test]
fn nothing_is_taken_for_arguments_that_are_only_announced() {
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    let mut input = b"*2147483647\r\n$4\r\nMGET\r\n$1\r\nk\r\n".to_vec();
    for _ in 0..100 {
        assert!(scanner.scan(&mut input, &mut batch, 1).is_ok());
        assert!(batch.requests().is_empty() && scanner.is_within_request());
        input.extend_from_slice(b"$1\r\nk\r\n");
    }
    assert!(scanner.partial_capacity() < 10_000);
}

#[test]
fn strangers_may_send_little() {
    let check = |input: &[u8], fault| {
        check_within(RequestLimits::UNAUTHENTICATED, input, &[], b"", Some(fault));
    };
    check(b"*11\r\n", ProtocolError::UnauthenticatedMultibulkLength);
    check(
        b"*1048577\r\n",
        ProtocolError::UnauthenticatedMultibulkLength,
    );
    check(b"*2147483648\r\n", ProtocolError::InvalidMultibulkLength);
    check(
        b"*1\r\n$16385\r\n",
        ProtocolError::UnauthenticatedBulkLength,
    );
    check(b"*1\r\n$536870913\r\n", ProtocolError::InvalidBulkLength);
    for within in [b"*10\r\n".as_slice(), b"*1\r\n$16384\r\n"] {
        check_within(RequestLimits::UNAUTHENTICATED, within, &[], within, None);
    }
}

#[test]
fn what_follows_an_auth_is_under_the_new_limits() {
    let mut buffer = b"*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*11\r\n".to_vec();
    let mut scanner = RequestScanner::new(RequestLimits::UNAUTHENTICATED);
    let mut batch = RequestBatch::default();
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 1), Ok(()));
    assert_eq!(batch.requests().len(), 1);
    scanner.set_limits(RequestLimits::AUTHENTICATED);
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 1), Ok(()));
    assert!(scanner.is_within_request());
}

#[test]
fn what_was_found_is_held_against_limits_that_changed_before_it() {
    let long = [
        b"*2\r\n$3\r\nGET\r\n$20000\r\n".as_slice(),
        &[b'k'; 20_000],
        b"\r\n",
    ]
    .concat();
    let mut buffer = [
        b"*1\r\n$5\r\nRESET\r\n*1\r\n$4\r\nPING\r\n",
        long.as_slice(),
    ]
    .concat();
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 9), Ok(()));
    assert_eq!(batch.requests().len(), 3);
    scanner.set_limits_behind(RequestLimits::UNAUTHENTICATED, &mut batch, 1);
    assert_eq!(batch.requests().len(), 2);
    assert_eq!(scanner.finished_bytes(), buffer.len() - long.len());
    let fault = Err(ProtocolError::UnauthenticatedBulkLength);
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 9), fault);
    // What had been executed before is not judged, and one under way is looked at anew, whichever way the limits go.
    let begun = b"*1\r\n$5\r\nRESET\r\n*12\r\n$1\r\na\r\n";
    let within = [(RequestLimits::AUTHENTICATED, Ok(()))];
    let beyond = (
        RequestLimits::UNAUTHENTICATED,
        Err(ProtocolError::UnauthenticatedMultibulkLength),
    );
    for (limits, expected) in within.into_iter().chain([beyond]) {
        for before in [RequestLimits::AUTHENTICATED, RequestLimits::UNAUTHENTICATED] {
            let mut buffer = begun.to_vec();
            let mut scanner = RequestScanner::new(before);
            batch.clear();
            scanner.scan(&mut buffer, &mut batch, 9).ok();
            assert_eq!(batch.requests().len(), 1);
            scanner.set_limits_behind(limits, &mut batch, 1);
            assert_eq!(scanner.scan(&mut buffer, &mut batch, 9), expected);
        }
    }
}

#[test]
fn lines_without_end_are_refused_at_64_kilobytes() {
    let filler = vec![b'1'; 64 * 1024 + 1];
    for (start, fault) in [
        ("", ProtocolError::TooBigInline),
        ("*", ProtocolError::TooBigMultibulkCount),
        ("*1\r\n$", ProtocolError::TooBigBulkCount),
        ("*1\r\n", ProtocolError::TooBigBulkCount),
        // Redis searches a C string: what is behind the NUL byte is not found.
        ("\0\r\n", ProtocolError::TooBigInline),
        ("*1\0\r\n", ProtocolError::TooBigMultibulkCount),
    ] {
        let input = [start.as_bytes(), &filler, b"\r\n"].concat();
        for cuts in [vec![], vec![3, 1000, 65000], vec![65530, 65538]] {
            let found = scan_in_pieces(&input, &cuts, RequestLimits::AUTHENTICATED);
            assert_eq!(found.2, Some(fault), "{start:?} cut at {cuts:?}");
        }
    }
    let longest = [&filler[..64 * 1024], b"\nPING\n"].concat();
    let found = scan_in_pieces(&longest, &[], RequestLimits::AUTHENTICATED);
    assert_eq!((found.0.len(), found.2), (2, None));
}

#[test]
fn inline_requests_are_unquoted_as_redis_does() {
    let cases: [(&[u8], &[&[u8]]); 13] = [
        (b"PING\n", &[b"PING"]),
        (b"  PING  \r\n", &[b"PING"]),
        (
            b"set  k \"a b\\x41\\n\\q\\\"\" 'x\\'y\\n'\t\r\n",
            &[b"set", b"k", b"a bA\nq\"", b"x'y\\n"],
        ),
        (b"ECHO a\"b\"\r\n", &[b"ECHO", b"ab"]),
        (b"ECHO a'b'\r\n", &[b"ECHO", b"ab"]),
        (b"\"\"\r\n", &[b""]),
        (b"ECHO \"\\xzz\"\r\n", &[b"ECHO", b"xzz"]),
        (b"ECHO \"\\x4\"\r\n", &[b"ECHO", b"x4"]),
        (
            b"ECHO \"\\x00\\xfF\\a\\b\\t\\r\"\r\n",
            &[b"ECHO", b"\0\xff\x07\x08\t\r"],
        ),
        (b"ECHO\ta\x0b\r\n", &[b"ECHO", b"a\x0b"]),
        (b"\x0b\x0cECHO \"a\"\x0bb\r\n", &[b"ECHO", b"a", b"b"]),
        (b"ECHO a\rb\r\n", &[b"ECHO", b"a", b"b"]),
        (b"PING\r\r\n", &[b"PING"]),
    ];
    for (input, expected) in cases {
        check(input, &[expected], b"", None);
    }
    for input in [
        b"\"abc\"d\r\n".as_slice(),
        b"\"abc\r\n",
        b"'abc\r\n",
        b"'abc'd\r\n",
        b"ECHO a\"b\"c\r\n",
        b"ECHO \"a\\\r\n",
        b"ECHO \"\r\n\"\r\n",
        b"ECHO \"\\\"\r\n",
    ] {
        check_fault(input, ProtocolError::UnbalancedQuotes);
    }
}

#[test]
fn a_header_of_the_proxy_protocol_is_told_and_nothing_else_behind_a_nul_byte() {
    let header = b"\r\n\r\n\0\r\nQUIT\n";
    check_fault(header, ProtocolError::ProxyHeader);
    check(&header[..11], &[], b"\0\r\nQUIT", None);
    for waits in [b"\0\r\nQUIT\r\n".as_slice(), b"PING\0\r\nQUIT\n"] {
        check(waits, &[], waits, None);
    }
}

#[test]
fn no_more_requests_than_asked_for_are_handed_out() {
    let mut buffer = b"PING\r\n*1\r\n$4\r\nPING\r\n*0\r\nPING\r\nbad\"\r\n".to_vec();
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    for (finished, requests) in [(6, 1), (20, 2), (30, 3)] {
        assert_eq!(scanner.scan(&mut buffer, &mut batch, 1), Ok(()));
        assert_eq!(scanner.finished_bytes(), finished);
        assert_eq!(batch.requests().len(), requests);
    }
    assert_eq!(
        scanner.scan(&mut buffer, &mut batch, 1),
        Err(ProtocolError::UnbalancedQuotes)
    );
}

#[test]
fn a_request_says_how_much_of_it_is_to_come() {
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    let mut buffer = b"PING\r\n*2\r\n$3\r\nGET\r\n$1000\r\nabc".to_vec();
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 10), Ok(()));
    assert_eq!(scanner.expected_bytes(), 999);
    buffer.drain(..6);
    scanner.dropped(6);
    assert_eq!(scanner.expected_bytes(), 999);
    buffer.extend_from_slice(&[b'x'; 999]);
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 10), Ok(()));
    assert_eq!(scanner.expected_bytes(), 0);
    assert_eq!(batch.requests().len(), 2);
    // A thousand of ten bytes each, of which ten are here with the name.
    buffer = b"*1001\r\n$3\r\nDEL\r\n".to_vec();
    buffer.extend(b"$4\r\nkeys\r\n".repeat(9));
    scanner.dropped(scanner.finished_bytes());
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 10), Ok(()));
    let expected = scanner.expected_bytes();
    assert!((10 * 991..15 * 991).contains(&expected), "{expected}");
}

#[test]
fn a_request_in_two_reads_leaves_the_batch_its_room() {
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    let whole = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n".repeat(1_000);
    let mut buffer = whole.clone();
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 10_000), Ok(()));
    let room = batch.args.as_ptr();
    for cut in [5, 15, 20] {
        scanner.dropped(scanner.finished_bytes());
        batch.clear();
        buffer = whole[..cut].to_vec();
        assert_eq!(scanner.scan(&mut buffer, &mut batch, 10_000), Ok(()));
        buffer = whole.clone();
        assert_eq!(scanner.scan(&mut buffer, &mut batch, 10_000), Ok(()));
        assert_eq!(batch.requests().len(), 1_000);
        assert_eq!(batch.args.as_ptr(), room, "cut at {cut}");
    }
}

#[test]
fn announced_arguments_cost_nothing_before_they_come() {
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    let mut buffer = b"*1048576\r\n".to_vec();
    for _ in 0..100 {
        buffer.extend_from_slice(b"$1\r\na\r\n");
    }
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 10), Ok(()));
    assert!(batch.args.capacity() < 1000);
    for _ in 100..1024 * 1024 {
        buffer.extend_from_slice(b"$1\r\na\r\n");
    }
    assert_eq!(scanner.scan(&mut buffer, &mut batch, 10), Ok(()));
    assert_eq!(batch.requests()[0].arg_count, 1024 * 1024);
    batch.clear();
    assert!(batch.args.capacity() <= KEPT_ARGS);
}

/// Pieces from which streams are made that nearly are requests.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            b"*1\r\n".to_vec(), b"*2\r\n".to_vec(), b"*10\r\n".to_vec(), b"*0\r\n".to_vec(), b"*-1\r\n".to_vec(),
            b"$0\r\n\r\n".to_vec(), b"$1\r\na\r\n".to_vec(), b"$3\r\nabc\r\n".to_vec(), b"$12\r\n".to_vec(), b"abcdefghijkl\r\n".to_vec(),
            b"PING\r\n".to_vec(), b"ECHO \"a b\" 'c\\'d'\r\n".to_vec(), b"\r\n".to_vec(), b"\n".to_vec(), b"*".to_vec(), b"$".to_vec(), b"\"".to_vec(), b"\\x4".to_vec(),
        ]),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Bytes, and places to cut them.
fn cut_soup() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    soup().prop_flat_map(|bytes| {
        let cuts = prop::collection::vec(0..=bytes.len(), 0..6).prop_map(|mut cuts| {
            cuts.sort_unstable();
            cuts
        });
        (Just(bytes), cuts)
    })
}

fn requests() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let arg = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 90..110),
        1 => prop::collection::vec(any::<u8>(), 990..1010),
    ];
    prop::collection::vec(prop::collection::vec(arg, 1..12), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn pieces_give_what_the_whole_gives((bytes, cuts) in cut_soup()) {
        for limits in [RequestLimits::AUTHENTICATED, RequestLimits::UNAUTHENTICATED] {
            let whole = scan_in_pieces(&bytes, &[], limits);
            prop_assert_eq!(&scan_in_pieces(&bytes, &cuts, limits), &whole);
            let all: Vec<usize> = (0..bytes.len()).collect();
            prop_assert_eq!(&scan_in_pieces(&bytes, &all, limits), &whole);
        }
    }

    #[test]
    fn encoded_requests_are_read_back(requests in requests(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let mut bytes = Vec::new();
        for request in &requests {
            encode_request(&mut bytes, request);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let (found, rest, fault) = scan_in_pieces(&bytes, &cuts, RequestLimits::AUTHENTICATED);
        prop_assert_eq!(found, requests);
        prop_assert_eq!((rest, fault), (Vec::new(), None));
    }

    #[test]
    fn a_canonical_frame_is_what_the_oracle_reads(bytes in soup()) {
        let mut buffer = bytes.clone();
        let mut batch = RequestBatch::default();
        let result = RequestScanner::new(RequestLimits::AUTHENTICATED).scan(&mut buffer, &mut batch, usize::MAX);
        prop_assert!(result.is_ok() || batch.requests().iter().all(|request| request.end as usize <= bytes.len()));
        for request in batch.requests().iter().filter(|request| !request.inline) {
            let frame = &bytes[request.start as usize..request.end as usize];
            let (oracle, end) = redis_protocol::resp2::decode::decode(frame).unwrap().unwrap();
            prop_assert_eq!(end, frame.len());
            let args = batch.args(&buffer, request).iter_from(0);
            let expected = args.map(|arg| redis_protocol::resp2::types::OwnedFrame::BulkString(arg.to_vec())).collect();
            prop_assert_eq!(oracle, redis_protocol::resp2::types::OwnedFrame::Array(expected));
        }
    }
}

#[test]
fn a_part_of_the_arguments_is_a_shorter_request() {
    let text = b"zadd key 1 one 2 two last";
    let words = text.split(|byte| *byte == b' ');
    let mut start = 0;
    let all: Vec<ArgRange> = words
        .map(|word| {
            let range = ArgRange::new(start, word.len());
            start += word.len() + 1;
            range
        })
        .collect();
    let (args, mut ranges) = (Args::new(text, &all), vec![ArgRange::default()]);
    for (first, some, last, expected) in [
        (2, 4..6, 6, "zadd key 2 two last"),
        (2, 2..4, 7, "zadd key 1 one"),
        (0, 3..3, 7, ""),
    ] {
        let part = args.part(first, some, last, &mut ranges);
        let words: Vec<&[u8]> = part.iter_from(0).collect();
        assert_eq!(words.join(&b' '), expected.as_bytes());
    }
}
