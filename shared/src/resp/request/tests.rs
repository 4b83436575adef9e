use super::*;

/// Scans `input` cut into pieces that end at `cuts`; the requests, what is left, and the fault.
fn scan_in_pieces(
    input: &[u8],
    cuts: &[usize],
    limits: RequestLimits,
) -> (Vec<Vec<Vec<u8>>>, Vec<u8>, Option<ProtocolError>) {
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
    for cut in 0..=input.len() {
        let (requests, left, found) = scan_in_pieces(input, &[cut], RequestLimits::AUTHENTICATED);
        let shown = input.escape_ascii();
        assert_eq!(requests, expected, "{shown} cut at {cut}");
        assert_eq!(left, rest, "{shown} cut at {cut}");
        assert_eq!(found, fault, "{shown} cut at {cut}");
    }
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
    check(
        b"\r\n*0\r\n*-5\r\n   \r\nPING\r\n*1\r\n$4\r\nPING\r\n",
        &[&[b"PING"], &[b"PING"]],
        b"",
        None,
    );
}

#[test]
fn inline_requests_are_unquoted_as_redis_does() {
    check(b"PING\n", &[&[b"PING"]], b"", None);
    check(
        b"  set  k \"a b\\x41\\n\\q\\\"\" 'x\\'y\\n'\t\r\nPI",
        &[&[b"set", b"k", b"a bA\nq\"", b"x'y\\n"]],
        b"PI",
        None,
    );
    check(b"ECHO a\"b\"\r\n", &[&[b"ECHO", b"ab"]], b"", None);
    check(b"\"\"\r\n", &[&[b""]], b"", None);
    check(
        b"\"abc\"d\r\n",
        &[],
        b"",
        Some(ProtocolError::UnbalancedQuotes),
    );
}
