//! The line against a plain model: what was appended, written, answered, and what is left when the connection is lost.

use std::collections::VecDeque;

use super::*;
use crate::route::Place;
use crate::slab::{Key, Slab};
use proptest::prelude::*;
use shared::clock::{Reading, Stopwatch};
use shared::command::CommandId;
use shared::slot::SlotId;

fn request(number: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    shared::resp::encode_request(
        &mut frame,
        [b"ECHO".to_vec(), number.to_string().into_bytes()],
    );
    frame
}

fn requests(numbers: Range<u64>) -> Vec<u8> {
    numbers.flat_map(request).collect()
}

/// A request as the model knows it: who waits, its number there, and its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    client: Key,
    first: u64,
    wire: u64,
    end: usize,
    is_one: bool,
}

struct Model {
    line: Line,
    buffers: Buffers,
    started: Reading,
    clients: [Key; 2],
    next: [u64; 2],
    wire: Vec<u8>,
    appended: u64,
    written: usize,
    waiting: VecDeque<Known>,
}

impl Model {
    fn new() -> Self {
        let mut slab = Slab::new();
        Self {
            line: Line::default(),
            buffers: Buffers::default(),
            started: Stopwatch::new().read(),
            clients: [slab.insert(()), slab.insert(())],
            next: [0; 2],
            wire: Vec::new(),
            appended: 0,
            written: 0,
            waiting: VecDeque::new(),
        }
    }

    fn append(&mut self, who: usize, count: u32, is_one: bool, is_shared: bool) {
        // Numbers are left out between runs that are not to join.
        self.next[who] += u64::from(is_one);
        let (client, first) = (self.clients[who], self.next[who]);
        self.next[who] += u64::from(count);
        let target = Target::Client { client, first };
        let place = Place::Slot(SlotId::new(u16::from(is_shared)).unwrap());
        let mut parcel = Parcel::new(target, place, CommandId::Get, count, self.started);
        parcel.is_indivisible = is_one;
        let numbers = self.appended..self.appended + u64::from(count);
        let bytes = requests(numbers.clone());
        for (offset, wire) in (0..).zip(numbers) {
            self.wire.extend(request(wire));
            let (first, end) = (first + offset, self.wire.len());
            self.waiting.push_back(Known {
                client,
                first,
                wire,
                end,
                is_one,
            });
        }
        self.appended += u64::from(count);
        if is_shared {
            // Others' bytes lie before and behind them.
            let buffer = [b"before", &bytes[..], b"behind"].concat();
            let range = 6..6 + bytes.len();
            self.line.append_shared(parcel, Rc::new(buffer), range);
        } else {
            let buffers = &mut self.buffers;
            self.line
                .append_with(parcel, buffers, |out| out.extend_from_slice(&bytes));
        }
    }

    fn write(&mut self, most: usize) {
        let mut slices = [IoSlice::new(&[]); CHUNKS_PER_WRITE];
        let filled = self.line.slices(&mut slices);
        let all = slices[..filled]
            .iter()
            .flat_map(|slice| slice.iter().copied());
        let bytes: Vec<u8> = all.take(most).collect();
        assert_eq!(bytes, &self.wire[self.written..self.written + bytes.len()]);
        self.written += bytes.len();
        self.line.advance(bytes.len(), &mut self.buffers);
    }

    /// Nodes answer what they have received whole.
    fn answer(&mut self, most: u32) {
        let Some(first) = self.line.first().copied() else {
            return;
        };
        let whole = self
            .waiting
            .iter()
            .take_while(|known| known.end <= self.written);
        let count = u32::try_from(whole.count())
            .unwrap()
            .min(first.count)
            .min(most);
        if count == 0 {
            return;
        }
        let parcel = self.line.answer(count);
        self.line.drop_done(&mut self.buffers);
        self.leave(&parcel);
    }

    /// The requests of a parcel leave the model, in order.
    fn leave(&mut self, parcel: &Parcel) -> Vec<Known> {
        let Target::Client { client, first } = parcel.target else {
            panic!("all are clients");
        };
        let take = |offset| {
            let known = self.waiting.pop_front().unwrap();
            assert_eq!((known.client, known.first), (client, first + offset));
            known
        };
        (0..u64::from(parcel.count)).map(take).collect()
    }

    fn check_recovered(&mut self, recovered: &Recovered) {
        let known = self.leave(&recovered.parcel);
        let start = |known: &Known| known.end - request(known.wire).len();
        let is_one = recovered.parcel.is_indivisible;
        for known in &known {
            assert_eq!(known.is_one, is_one);
            if !is_one {
                assert_eq!(recovered.sent, start(known) < self.written, "{known:?}");
            }
        }
        if !is_one || recovered.parcel.answered == 0 {
            let numbers = known[0].wire..known[0].wire + known.len() as u64;
            assert_eq!(recovered.bytes, requests(numbers));
        }
        if is_one {
            // What is answered of it was sent.
            let is_begun = recovered.parcel.answered > 0 || start(&known[0]) < self.written;
            assert_eq!(recovered.sent, is_begun);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_unanswered_is_known_after_any_writes_and_replies(
        steps in proptest::collection::vec((0u8..7, 1usize..60), 1..80),
        ends_unsent in any::<bool>(),
    ) {
        let mut model = Model::new();
        for (kind, amount) in steps {
            let count = u32::try_from(1 + amount % 4).unwrap();
            match kind {
                0 | 1 => model.append(usize::from(kind), count, false, false),
                2 => model.append(amount % 2, count, true, false),
                3 => model.append(amount % 2, count, amount % 3 == 0, true),
                4 | 5 => model.write(amount),
                _ => model.answer(count),
            }
            prop_assert_eq!(model.line.requests(), model.waiting.len());
            prop_assert_eq!(model.line.wants_to_send(), model.written < model.wire.len());
        }
        if ends_unsent {
            // What was begun stays, and is written and answered to its end.
            let unsent = model.line.take_unsent();
            let stays = model.line.requests();
            let mut last = model.waiting.split_off(stays);
            prop_assert_eq!(model.line.is_owed(), stays > 0);
            model.wire.truncate(model.waiting.back().map_or(model.written, |known| known.end));
            while model.line.wants_to_send() {
                model.write(7);
            }
            while stays > 0 && !model.waiting.is_empty() {
                model.answer(3);
            }
            prop_assert!(!model.line.is_owed());
            prop_assert_eq!(model.line.bytes(), 0);
            model.waiting.append(&mut last);
            model.written = 0;
            for recovered in &unsent {
                prop_assert!(!recovered.sent);
                model.check_recovered(recovered);
            }
        } else {
            for recovered in model.line.take_all() {
                model.check_recovered(&recovered);
            }
        }
        prop_assert!(model.waiting.is_empty());
        prop_assert_eq!((model.line.bytes(), model.line.requests()), (0, 0));
    }
}

#[test]
fn a_run_over_several_slots_is_cut_into_its_requests_and_what_is_one_is_not() {
    let mut model = Model::new();
    model.append(0, 3, false, false);
    model.append(0, 2, false, false);
    model.append(1, 2, true, false);
    let taken = model.line.take_unsent();
    assert_eq!(taken.len(), 2, "runs that follow each other are one parcel");
    let pieces: Vec<Recovered> = taken
        .into_iter()
        .flat_map(Recovered::into_requests)
        .collect();
    let counts: Vec<u32> = pieces.iter().map(|piece| piece.parcel.count).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 2]);
    for piece in &pieces {
        model.check_recovered(piece);
    }
}

#[test]
fn what_is_refused_comes_back_request_by_request() {
    let mut model = Model::new();
    model.append(0, 4, false, false);
    model.append(1, 1, false, true);
    model.write(1_000);
    model.answer(1);
    for wire in 1..5 {
        let recovered = model.line.take_back();
        assert_eq!(
            (recovered.parcel.count, recovered.bytes),
            (1, request(wire))
        );
        model.line.drop_done(&mut model.buffers);
    }
    assert_eq!((model.line.bytes(), model.line.requests()), (0, 0));
    assert!(!model.line.is_owed());
}

#[test]
fn whoever_is_late_is_told_and_what_was_not_sent_of_it_never_will_be() {
    let mut model = Model::new();
    model.append(0, 2, false, false);
    model.append(1, 1, false, false);
    model.write(5);
    model.append(0, 1, true, false);
    model.append(1, 1, true, false);
    let late = model.clients[0];
    let is_late =
        |parcel: &Parcel| matches!(parcel.target, Target::Client { client, .. } if client == late);
    let mut told = Vec::new();
    model
        .line
        .give_up(&mut model.buffers, is_late, |parcel, sent| {
            told.push((parcel.count, sent));
            Target::Nobody
        });
    assert_eq!(told, [(1, true), (1, false), (1, false)]);
    model
        .line
        .give_up(&mut model.buffers, is_late, |_, _| panic!("once"));
    let rest = model.line.take_all();
    let kept: Vec<(Target, Vec<u8>)> = rest
        .into_iter()
        .map(|recovered| (recovered.parcel.target, recovered.bytes))
        .collect();
    let first = |number: u64| Target::Client {
        client: model.clients[1],
        first: number,
    };
    assert_eq!(
        kept,
        [
            (Target::Nobody, request(0)),
            (first(0), request(2)),
            (first(2), request(4)),
        ]
    );
}

#[test]
fn what_nobody_waits_for_leaves_the_line_as_far_as_it_was_not_sent() {
    let mut model = Model::new();
    for _ in 0..3 {
        model.append(0, 2, false, false);
        model.append(1, 1, false, false);
    }
    let first = request(0).len();
    model.line.advance(first, &mut model.buffers);
    let [gone, here] = model.clients;
    let is_of = |client: Key| move |parcel: &Parcel| matches!(parcel.target, Target::Client { client: who, .. } if who == client);
    assert_eq!(
        model.line.sent_for(is_of(gone)),
        Some(2),
        "as a parcel, they were sent"
    );
    let mut told = 0;
    model
        .line
        .drop_unsent(&mut model.buffers, is_of(gone), |parcel| {
            told += parcel.count;
        });
    assert_eq!(told, 5, "all but the one that was sent");
    assert_eq!(model.line.sent_for(is_of(gone)), Some(1));
    assert_eq!(
        model.line.sent_for(is_of(here)),
        Some(0),
        "the other one is a read"
    );
    let left = model.line.take_all();
    let of_here = left.iter().filter(|left| is_of(here)(&left.parcel));
    let of_here: u32 = of_here.map(|left| left.parcel.count).sum();
    let all: u32 = left.iter().map(|left| left.parcel.count).sum();
    assert_eq!((all, of_here), (4, 3));
    // A write of who is here and was sent cannot be taken back; one of who has gone was promised to nobody.
    let target = Target::Client {
        client: gone,
        first: 100,
    };
    let place = Place::Slot(SlotId::new(0).unwrap());
    let write = Parcel::new(target, place, CommandId::Set, 1, model.started);
    let mut line = Line::default();
    line.append_with(write, &mut model.buffers, |out| out.extend(request(7)));
    assert_eq!(line.sent_for(is_of(gone)), Some(0), "nothing was sent");
    line.advance(1, &mut model.buffers);
    assert_eq!(line.sent_for(is_of(gone)), Some(1));
    assert_eq!(line.sent_for(is_of(here)), None);
}
