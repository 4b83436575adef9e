//! The queue against a plain model: a list of replies, filled in any order, read from the front.

use super::*;
use proptest::prelude::*;

fn written(queue: &mut ReplyQueue, buffers: &mut Buffers) -> Vec<u8> {
    let mut all = Vec::new();
    while !queue.output().is_empty() {
        let mut slices = [std::io::IoSlice::new(&[]); super::super::output::SLICES_PER_WRITE];
        let filled = queue.output().slices(&mut slices);
        let piece: Vec<u8> = slices[..filled]
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        all.extend_from_slice(&piece);
        queue.output().advance(piece.len(), buffers);
    }
    all
}

#[test]
fn a_fast_shard_does_not_overtake_a_slow_one() {
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let slow = queue.expect(Source::Pipe(0), 2, false);
    let fast = queue.expect(Source::Pipe(1), 1, false);
    queue.answer(&mut buffers, |out| out.extend_from_slice(b"here"));
    queue.deliver(
        fast,
        1,
        ReplyBytes::Lent(b"fast"),
        Retry::Safe,
        &mut buffers,
    );
    assert!(written(&mut queue, &mut buffers).is_empty());
    assert_eq!(queue.bytes(), 8);
    queue.deliver(
        slow,
        1,
        ReplyBytes::Lent(b"slow1"),
        Retry::Safe,
        &mut buffers,
    );
    assert_eq!(written(&mut queue, &mut buffers), b"slow1");
    queue.deliver(
        slow + 1,
        1,
        ReplyBytes::Lent(b"slow2"),
        Retry::Safe,
        &mut buffers,
    );
    assert_eq!(written(&mut queue, &mut buffers), b"slow2fasthere");
    assert!(queue.is_idle());
    assert_eq!(queue.bytes(), 0);
}

#[test]
fn silent_requests_are_counted_and_not_heard() {
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let silent = queue.expect(Source::Pipe(0), 1, true);
    let loud = queue.expect(Source::Pipe(0), 1, false);
    queue.deliver(
        silent,
        1,
        ReplyBytes::Lent(b"silent"),
        Retry::Safe,
        &mut buffers,
    );
    queue.deliver(
        loud,
        1,
        ReplyBytes::Lent(b"loud"),
        Retry::Safe,
        &mut buffers,
    );
    assert_eq!(written(&mut queue, &mut buffers), b"loud");
}

#[test]
fn a_reply_in_pieces_stands_in_one_place() {
    for is_first in [true, false] {
        let mut buffers = Buffers::default();
        let mut queue = ReplyQueue::default();
        let before = (!is_first).then(|| queue.expect(Source::Pipe(0), 1, false));
        let pieces = queue.expect(Source::Gathered, 1, false);
        let silent = queue.expect(Source::Gathered, 1, true);
        queue.answer(&mut buffers, |out| out.extend_from_slice(b"behind"));
        for number in [silent, pieces] {
            queue.deliver_beginning(number, ReplyBytes::Lent(b"one"), &mut buffers);
            queue.deliver_beginning(number, ReplyBytes::Lent(b"two"), &mut buffers);
            queue.deliver(
                number,
                1,
                ReplyBytes::Lent(b"three"),
                Retry::Safe,
                &mut buffers,
            );
        }
        assert_eq!(queue.bytes(), "onetwothreebehind".len());
        if let Some(before) = before {
            queue.deliver(before, 1, ReplyBytes::Lent(b""), Retry::Safe, &mut buffers);
        }
        assert_eq!(written(&mut queue, &mut buffers), b"onetwothreebehind");
        assert!(queue.is_idle() && queue.bytes() == 0);
    }
}

#[test]
fn a_message_waits_for_the_end_of_a_reply_that_has_begun_and_for_nothing_else() {
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let slow = queue.expect(Source::Gathered, 1, false);
    let next = queue.expect(Source::Gathered, 1, false);
    queue.message(ReplyBytes::Lent(b"<m1>"), &mut buffers);
    assert_eq!(written(&mut queue, &mut buffers), b"<m1>", "requests wait");
    queue.deliver_beginning(next, ReplyBytes::Lent(b"next"), &mut buffers);
    queue.message(ReplyBytes::Lent(b"<m2>"), &mut buffers);
    assert_eq!(written(&mut queue, &mut buffers), b"<m2>");
    queue.deliver(
        slow,
        1,
        ReplyBytes::Lent(b"slow"),
        Retry::Safe,
        &mut buffers,
    );
    queue.message(ReplyBytes::Lent(b"<m3>"), &mut buffers);
    assert_eq!(written(&mut queue, &mut buffers), b"slownext");
    assert_eq!(queue.bytes(), 4, "a message that waits is counted");
    assert!(!queue.is_idle());
    queue.deliver(next, 1, ReplyBytes::Lent(b"end"), Retry::Safe, &mut buffers);
    assert_eq!(written(&mut queue, &mut buffers), b"end<m3>");
    assert!(queue.is_idle());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn messages_stand_between_whole_replies_in_order(
        requests in proptest::collection::vec((0u32..4, any::<bool>(), 0usize..3), 1..40),
        order in proptest::collection::vec((any::<u16>(), any::<bool>()), 200),
    ) {
        let mut buffers = Buffers::default();
        let mut queue = ReplyQueue::default();
        let mut open = Vec::new();
        let mut replies = String::new();
        for (index, (source, silent, pieces)) in requests.iter().enumerate() {
            if *source == 3 {
                let text = format!("<{index}>");
                queue.answer(&mut buffers, |out| out.extend_from_slice(text.as_bytes()));
                replies.push_str(&text);
                continue;
            }
            let source = if *pieces > 0 { Source::Gathered } else { Source::Pipe(*source) };
            let number = queue.expect(source, 1, *silent);
            if !silent {
                replies.push_str(&format!("<{index}{}>", "+".repeat(*pieces)));
            }
            // Whatever is left to come: the beginning, pieces, the end.
            open.push((number, index, *pieces, false));
        }
        let mut got = Vec::new();
        let mut sent = 0;
        for (pick, is_message) in order {
            if is_message {
                queue.message(ReplyBytes::Lent(format!("[{sent}]").as_bytes()), &mut buffers);
                sent += 1;
            } else if !open.is_empty() {
                let place = usize::from(pick) % open.len();
                let (number, index, pieces, begun) = &mut open[place];
                let head = if *begun { String::new() } else { format!("<{index}") };
                if *pieces > 0 {
                    *begun = true;
                    *pieces -= 1;
                    let piece = format!("{head}+");
                    queue.deliver_beginning(*number, ReplyBytes::Lent(piece.as_bytes()), &mut buffers);
                } else {
                    let end = format!("{head}>");
                    queue.deliver(*number, 1, ReplyBytes::Lent(end.as_bytes()), Retry::Safe, &mut buffers);
                    open.remove(place);
                }
            }
            got.extend(written(&mut queue, &mut buffers));
        }
        for (number, index, pieces, begun) in open {
            let head = if begun { String::new() } else { format!("<{index}") };
            let end = format!("{head}{}>", "+".repeat(pieces));
            queue.deliver(number, 1, ReplyBytes::Lent(end.as_bytes()), Retry::Safe, &mut buffers);
        }
        got.extend(written(&mut queue, &mut buffers));
        let got = String::from_utf8(got).unwrap();
        // No message in the middle of a reply; without messages it is the replies; without replies, the messages.
        let (mut others, mut messages, mut is_within) = (String::new(), String::new(), false);
        for piece in got.split_inclusive(['>', ']']) {
            prop_assert!(!(is_within && piece.contains('[')), "{}", got);
            if piece.starts_with('[') { messages.push_str(piece) } else { others.push_str(piece) }
            is_within = !piece.ends_with(['>', ']']);
        }
        prop_assert!(!others.contains('['), "{}", got);
        prop_assert_eq!(others, replies);
        let expected: String = (0..sent).map(|number| format!("[{number}]")).collect();
        prop_assert_eq!(messages, expected);
        prop_assert!(queue.is_idle() && queue.bytes() == 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn replies_leave_in_request_order_each_once(
        requests in proptest::collection::vec((0u32..4, any::<bool>(), 0usize..5), 1..60),
        order in proptest::collection::vec(any::<u16>(), 60),
    ) {
        let mut buffers = Buffers::default();
        let mut queue = ReplyQueue::default();
        let mut open = Vec::new();
        let mut expected = Vec::new();
        let mut got = Vec::new();
        for (index, (source, silent, length)) in requests.iter().enumerate() {
            // Short ones share a buffer, long ones have their own.
            let text = format!("<{index}>").repeat([0, 1, 2, 200, 500][*length]).into_bytes();
            if *source == 3 {
                queue.answer(&mut buffers, |out| out.extend_from_slice(&text));
                expected.extend_from_slice(&text);
                continue;
            }
            let number = queue.expect(Source::Pipe(*source), 1, *silent);
            if !silent {
                expected.extend_from_slice(&text);
            }
            open.push((number, text));
        }
        // Any order at all: a lost pipe answers some at once and repeats others.
        for pick in order {
            if open.is_empty() {
                break;
            }
            let (number, text) = open.remove(usize::from(pick) % open.len());
            let reply = match text.len() % 2 {
                0 => ReplyBytes::Lent(&text),
                _ => ReplyBytes::Own(text.clone().into()),
            };
            queue.deliver(number, 1, reply, Retry::Safe, &mut buffers);
            got.extend(written(&mut queue, &mut buffers));
        }
        got.extend(written(&mut queue, &mut buffers));
        prop_assert_eq!(got, expected);
        prop_assert!(queue.is_idle());
        prop_assert_eq!(queue.bytes(), 0);
    }
}

#[test]
fn replies_that_wait_take_little_more_than_they_are_long() {
    const REPLY: [u8; 1000] = [7; 1000];
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let ends = [0, 100, 110, 120];
    let numbers: Vec<u64> = (0..=120)
        .map(|number| queue.expect(Source::Pipe(number), 1, false))
        .collect();
    let deliver = |queue: &mut ReplyQueue, buffers: &mut Buffers, nth: usize| {
        let reply = ReplyBytes::Lent(&REPLY);
        queue.deliver(numbers[nth], 1, reply, Retry::Safe, buffers);
    };
    for nth in (1..111).filter(|nth| !ends.contains(nth)) {
        deliver(&mut queue, &mut buffers, nth);
    }
    deliver(&mut queue, &mut buffers, 0);
    assert_eq!(written(&mut queue, &mut buffers).len(), 100 * REPLY.len());
    // Nine wait behind one that is missing, and one comes behind another.
    deliver(&mut queue, &mut buffers, 119);
    assert_eq!(queue.bytes(), 10 * REPLY.len());
    assert!(
        queue.spare_bytes() < 30 * REPLY.len(),
        "{}",
        queue.spare_bytes()
    );
    for nth in ends.into_iter().skip(1).chain(111..119) {
        deliver(&mut queue, &mut buffers, nth);
    }
    let rest = written(&mut queue, &mut buffers);
    assert_eq!(rest, [7; 21 * REPLY.len()]);
    assert!(queue.is_idle() && queue.bytes() == 0);
    assert_eq!(queue.spare_bytes(), 0, "all went back");
}

#[test]
fn a_source_with_more_requests_than_a_place_has_numbers_gets_another_place() {
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let mut expected = Vec::new();
    let mut numbers = Vec::new();
    for _ in 0..300 {
        numbers.push(queue.expect(Source::Pipe(0), 1_000, false));
    }
    let last = queue.expect(Source::Pipe(1), 1, false);
    queue.deliver(
        last,
        1,
        ReplyBytes::Lent(b"last"),
        Retry::Safe,
        &mut buffers,
    );
    for (nth, first) in numbers.iter().enumerate() {
        let text = format!("<{nth}>").into_bytes();
        queue.deliver(
            *first,
            1_000,
            ReplyBytes::Lent(&text),
            Retry::Safe,
            &mut buffers,
        );
        expected.extend(text);
    }
    expected.extend(b"last");
    assert_eq!(written(&mut queue, &mut buffers), expected);
    assert!(queue.is_idle());
}

#[test]
fn nothing_goes_out_behind_a_reply_that_was_broken_off() {
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let first = queue.expect(Source::Pipe(0), 1, false);
    let second = queue.expect(Source::Pipe(1), 1, false);
    let third = queue.expect(Source::Pipe(2), 1, false);
    let fourth = queue.expect(Source::Pipe(3), 1, false);
    let lent = ReplyBytes::Lent;
    queue.deliver_beginning(second, lent(b"$9\r\nunseen"), &mut buffers);
    assert!(!queue.break_off(second, &mut buffers), "nobody has seen it");
    queue.deliver(second, 1, lent(b"-ERR\r\n"), Retry::Safe, &mut buffers);
    queue.deliver_beginning(first, lent(b"$9\r\nhalf"), &mut buffers);
    queue.deliver_beginning(third, lent(b"$9\r\nmore"), &mut buffers);
    assert!(queue.break_off(first, &mut buffers));
    assert!(
        queue.break_off(third, &mut buffers),
        "another pipe is lost as well"
    );
    queue.deliver(first, 1, lent(b"-ERR\r\n"), Retry::Safe, &mut buffers);
    queue.answer(&mut buffers, |out| out.extend_from_slice(b"+OK\r\n"));
    queue.message(lent(b">1\r\n+m\r\n"), &mut buffers);
    queue.deliver(third, 1, lent(b"-ERR\r\n"), Retry::Safe, &mut buffers);
    queue.deliver(fourth, 1, lent(b"+OK\r\n"), Retry::Safe, &mut buffers);
    assert_eq!(written(&mut queue, &mut buffers), b"$9\r\nhalf");
    assert!(queue.is_idle());
    assert_eq!(queue.bytes(), 0);
}

#[test]
fn as_many_requests_are_under_way_as_their_replies_are_short() {
    const BYTES: usize = 1 << 20;
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let mut answered = |bytes: usize, times: usize| {
        for _ in 0..times {
            let first = queue.expect(Source::Pipe(0), 4, false);
            let replies = vec![b'r'; bytes * 4];
            queue.deliver(
                first,
                4,
                ReplyBytes::Lent(&replies),
                Retry::Safe,
                &mut buffers,
            );
        }
        queue.requests_for(BYTES, Retry::Safe)
    };
    assert_eq!(answered(0, 0), 8, "nobody knows yet");
    assert_eq!(answered(10_000, 1), 64, "long ones count at once");
    assert_eq!(answered(7, 1), 128, "short ones bit by bit");
    assert_eq!(answered(7, 20), 131_072);
    assert_eq!(answered(10_000_000, 1), 1, "one in any case");
    assert_eq!(
        queue.requests_for(BYTES, Retry::Never),
        8,
        "reads say nothing of writes"
    );
}

#[test]
fn many_replies_of_two_places_by_turns_are_not_copied_again_and_again() {
    const EACH: u32 = 3_000;
    let mut buffers = Buffers::default();
    let mut queue = ReplyQueue::default();
    let missing = queue.expect(Source::Pipe(0), 1, false);
    let places = [1, 2].map(|pipe| queue.expect(Source::Pipe(pipe), EACH, false));
    let mut expected = [Vec::new(), Vec::new()];
    for nth in 0..EACH {
        for (first, expected) in places.iter().zip(&mut expected) {
            let text = format!("{first} {nth:0>100}").into_bytes();
            let number = *first + u64::from(nth);
            queue.deliver(
                number,
                1,
                ReplyBytes::Lent(&text),
                Retry::Safe,
                &mut buffers,
            );
            expected.extend(text);
        }
        // One of them has a queue of its own as soon as it is long; the other grows where it is.
        let most = expected[1].len() + 32 * 1024;
        assert!(queue.kept.len() < most, "{} of {most}", queue.kept.len());
    }
    let reply = ReplyBytes::Lent(b"first");
    queue.deliver(missing, 1, reply, Retry::Safe, &mut buffers);
    let all = [b"first".to_vec(), expected.concat()].concat();
    assert!(written(&mut queue, &mut buffers) == all);
    assert!(queue.is_idle() && queue.bytes() == 0);
}
