use super::{ErrandTicket, Offset, Outbox, Until};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// A turn that replies `replies`.
fn turn(outbox: &mut Outbox, replies: &[u8]) {
    let mut bytes = outbox.lend(&mut Vec::new());
    bytes.extend_from_slice(replies);
    outbox.take_back(bytes);
}

/// Writes at most `most` bytes of what is ready.
fn write(outbox: &mut Outbox, most: usize) -> Vec<u8> {
    let ready = outbox.ready();
    let written = ready[..ready.len().min(most)].to_vec();
    outbox.wrote(written.len());
    outbox.compact();
    written
}

fn write_all(outbox: &mut Outbox) -> String {
    String::from_utf8(write(outbox, usize::MAX)).expect("text")
}

#[test]
fn a_reply_waits_for_its_offset_and_later_ones_stay_behind_it() {
    let mut outbox = Outbox::default();
    turn(&mut outbox, b"a ");
    outbox.hold_until(Offset(10));
    turn(&mut outbox, b"b ");
    outbox.hold_until(Offset(20));
    turn(&mut outbox, b"c ");
    outbox.push(b"message ");
    assert_eq!(write_all(&mut outbox), "a ");
    outbox.reached(Offset(9));
    assert_eq!((write_all(&mut outbox).as_str(), outbox.len()), ("", 12));
    outbox.reached(Offset(10));
    assert_eq!(write_all(&mut outbox), "b ");
    turn(&mut outbox, b"d");
    assert_eq!(write_all(&mut outbox), "");
    outbox.reached(Offset(25));
    assert_eq!(write_all(&mut outbox), "c message d");
    assert!(outbox.is_empty());
}

#[test]
fn the_reply_of_an_errand_stands_where_it_was_asked_for() {
    let mut outbox = Outbox::default();
    turn(&mut outbox, b"a ");
    let first = outbox.hold_for_errand();
    turn(&mut outbox, b"b ");
    let second = outbox.hold_for_errand();
    turn(&mut outbox, b"c ");
    outbox.answer(second, b"second ".to_vec());
    assert_eq!(write_all(&mut outbox), "a ");
    assert!(outbox.awaits(first) && !outbox.awaits(second));
    outbox.answer(first, b"first ".to_vec());
    assert_eq!(write_all(&mut outbox), "first b second c ");
    outbox.answer(first, b"again".to_vec());
    assert!(outbox.is_empty(), "an errand is done once");
}

#[test]
fn a_message_stands_between_whole_replies_and_before_those_to_come() {
    let mut outbox = Outbox::default();
    // A turn is under way: the message comes behind its replies.
    let mut bytes = outbox.lend(&mut Vec::new());
    bytes.extend_from_slice(b"half ");
    outbox.push(b"message ");
    bytes.extend_from_slice(b"other-half ");
    outbox.take_back(bytes);
    assert_eq!(write_all(&mut outbox), "half other-half message ");
    let errand = outbox.hold_for_errand();
    outbox.push(b"early ");
    assert_eq!(write_all(&mut outbox), "early ");
    outbox.answer(errand, b"reply ".to_vec());
    outbox.push(b"late");
    assert_eq!(write_all(&mut outbox), "reply late");
}

#[test]
fn what_is_with_a_turn_still_waits() {
    let mut outbox = Outbox::default();
    turn(&mut outbox, b"ready ");
    outbox.hold_until(Offset(10));
    turn(&mut outbox, b"held, and more than was written ");
    assert_eq!(write_all(&mut outbox), "ready ");
    let waiting = outbox.len();
    let mut bytes = outbox.lend(&mut Vec::new());
    assert_eq!(outbox.len(), waiting);
    bytes.extend_from_slice(b"more ");
    outbox.push(b"message ");
    assert_eq!(outbox.len(), waiting + "message ".len());
    outbox.take_back(bytes);
    assert_eq!(outbox.len(), waiting + "more message ".len());
}

#[test]
fn whoever_may_write_more_is_woken() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let mut outbox = Outbox::default();
    outbox.wake_with(&Waker::from(Arc::clone(&count)));
    let mut check = |expected, what: &dyn Fn(&mut Outbox)| {
        what(&mut outbox);
        assert_eq!(count.0.swap(0, Ordering::Relaxed), expected);
    };
    check(0, &|outbox| outbox.push(b"message"));
    check(1, &|outbox| outbox.wake());
    check(0, &|outbox| outbox.hold_until(Offset(5)));
    check(0, &|outbox| outbox.reached(Offset(4)));
    check(1, &|outbox| outbox.reached(Offset(5)));
    check(1, &|outbox| {
        let errand = outbox.hold_for_errand();
        outbox.answer(errand, Vec::new());
    });
}

#[derive(Clone, Debug)]
enum Event {
    Turn(usize),
    TurnWithMessage(usize),
    Message,
    HoldUntil(u64),
    HoldForErrand,
    Reached(u64),
    Answer(usize),
    Write(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0..4_usize).prop_map(Event::Turn),
        1 => (1..3_usize).prop_map(Event::TurnWithMessage),
        2 => Just(Event::Message),
        1 => (1..9_u64).prop_map(Event::HoldUntil),
        1 => Just(Event::HoldForErrand),
        1 => (1..9_u64).prop_map(Event::Reached),
        2 => (0..4_usize).prop_map(Event::Answer),
        3 => (1..40_usize).prop_map(Event::Write),
    ];
    prop::collection::vec(event, 0..60)
}

/// The same, piece by piece.
#[derive(Debug, Default)]
struct Model {
    pieces: Vec<Piece>,
    numbered: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Bytes(String),
    Gate(Until),
}

impl Model {
    fn piece(&mut self) -> String {
        self.numbered += 1;
        format!("<{}>", self.numbered)
    }

    fn message(&mut self, message: String) {
        let is_errand = |piece: &&Piece| matches!(piece, Piece::Gate(Until::Errand(_)));
        let to_come = self.pieces.iter().rev().take_while(is_errand).count();
        let place = self.pieces.len() - to_come;
        self.pieces.insert(place, Piece::Bytes(message));
    }

    fn waiting_errands(&self) -> Vec<ErrandTicket> {
        let errand = |piece: &Piece| match piece {
            Piece::Gate(Until::Errand(ticket)) => Some(*ticket),
            _ => None,
        };
        self.pieces.iter().filter_map(errand).collect()
    }

    /// All that may go out, which leaves the model.
    fn ready(&mut self) -> String {
        let is_gate = |piece: &Piece| matches!(piece, Piece::Gate(_));
        let end = self.pieces.iter().position(is_gate);
        let end = end.unwrap_or(self.pieces.len());
        let bytes = self.pieces.drain(..end).map(|piece| match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::Gate(_) => unreachable!("gates end what is ready"),
        });
        bytes.collect()
    }
}

proptest! {
    #[test]
    fn every_byte_goes_out_once_and_in_order(events in events()) {
        let (mut outbox, mut model) = (Outbox::default(), Model::default());
        let (mut written, mut allowed) = (Vec::new(), String::new());
        for event in events {
            match event {
                Event::Turn(replies) => {
                    let pieces: Vec<String> = (0..replies).map(|_| model.piece()).collect();
                    turn(&mut outbox, pieces.concat().as_bytes());
                    // A turn without replies leaves no piece behind which a message would have to stand.
                    if !pieces.is_empty() {
                        model.pieces.push(Piece::Bytes(pieces.concat()));
                    }
                }
                Event::TurnWithMessage(replies) => {
                    let (reply, message) = (model.piece().repeat(replies), model.piece());
                    let mut bytes = outbox.lend(&mut Vec::new());
                    outbox.push(message.as_bytes());
                    bytes.extend_from_slice(reply.as_bytes());
                    outbox.take_back(bytes);
                    model.pieces.push(Piece::Bytes(reply));
                    model.message(message);
                }
                Event::Message => {
                    let message = model.piece();
                    outbox.push(message.as_bytes());
                    model.message(message);
                }
                Event::HoldUntil(offset) => {
                    outbox.hold_until(Offset(offset));
                    model.pieces.push(Piece::Gate(Until::Offset(Offset(offset))));
                }
                Event::HoldForErrand => {
                    let ticket = outbox.hold_for_errand();
                    model.pieces.push(Piece::Gate(Until::Errand(ticket)));
                }
                Event::Reached(offset) => {
                    outbox.reached(Offset(offset));
                    model.pieces.retain(|piece| match piece {
                        Piece::Gate(Until::Offset(wanted)) => wanted.0 > offset,
                        _ => true,
                    });
                }
                Event::Answer(which) => {
                    if let Some(ticket) = model.waiting_errands().get(which).copied() {
                        let reply = model.piece();
                        outbox.answer(ticket, reply.clone().into_bytes());
                        let gate = Piece::Gate(Until::Errand(ticket));
                        let place = model.pieces.iter().position(|piece| *piece == gate);
                        model.pieces[place.unwrap()] = Piece::Bytes(reply);
                    }
                }
                Event::Write(most) => written.extend(write(&mut outbox, most)),
            }
            allowed.push_str(&model.ready());
            let mut so_far = written.clone();
            so_far.extend_from_slice(outbox.ready());
            prop_assert_eq!(String::from_utf8_lossy(&so_far), allowed.as_str());
        }
    }
}

#[test]
fn a_long_reply_in_pieces_stands_where_it_was_asked_for() {
    for written in 0..=3 {
        let mut outbox = Outbox::default();
        turn(&mut outbox, b"abc");
        let long = outbox.hold_for_errand();
        let mut seen = write(&mut outbox, written);
        turn(&mut outbox, b"d");
        let later = outbox.hold_for_errand();
        turn(&mut outbox, b"e");
        let pieces = [&b"one "[..], b"two ", b"three "].map(<[u8]>::to_vec);
        outbox.answer_in_pieces(long, pieces.to_vec());
        assert_eq!(outbox.len(), 3 - written + 14 + 2);
        outbox.push(b"message ");
        for _ in 0..40 {
            seen.extend(write(&mut outbox, 2));
        }
        assert_eq!(seen, b"abcone two three d");
        outbox.answer_in_pieces(later, vec![b"last ".to_vec()]);
        for _ in 0..40 {
            seen.extend(write(&mut outbox, 2));
        }
        let seen = String::from_utf8(seen).expect("text");
        assert_eq!(seen, "abcone two three dlast emessage ");
        assert!(outbox.is_empty() && outbox.give_buffer().is_some());
    }
}

#[test]
fn a_long_reply_behind_one_that_waits_is_kept() {
    let mut outbox = Outbox::default();
    outbox.hold_until(Offset(5));
    turn(&mut outbox, b"a ");
    let long = outbox.hold_for_errand();
    outbox.answer_in_pieces(long, vec![b"b ".to_vec(), b"c ".to_vec()]);
    assert_eq!(write_all(&mut outbox), "");
    outbox.reached(Offset(5));
    assert_eq!(write_all(&mut outbox), "a b c ");
}

#[test]
fn what_tells_of_a_later_moment_waits_for_replies_that_are_still_to_come() {
    let mut outbox = Outbox::default();
    turn(&mut outbox, b"a ");
    let reply = outbox.hold_for_errand();
    outbox.push(b"message ");
    outbox.push_behind(b"changed ");
    outbox.push(b"another ");
    assert_eq!(write_all(&mut outbox), "a message ");
    outbox.answer(reply, b"older ".to_vec());
    assert_eq!(write_all(&mut outbox), "older changed another ");
}
