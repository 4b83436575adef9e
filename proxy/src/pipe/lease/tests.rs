//! A lease from its opening to its end, with the bytes of a node that the test plays. Never: a socket.

use super::*;
use crate::pipe::set::{PipeLimits, PipeSet};
use crate::pipe::{Class, Pledge, Role};
use crate::topology::testing::topology_of;
use shared::config::Secret;
use shared::resp::Protocol;
use shared::topology::{ShardIndex, Version};

const LANE: Lane = Lane {
    role: Role::Primary(Pledge::Async),
    class: Class::Common,
    tells: crate::pipe::Tells::Nothing,
    protocol: Protocol::Resp2,
    database: 0,
};

/// Leases of one node, and clients.
struct Case {
    pipes: PipeSet,
    leases: Leases,
    clients: Slab<()>,
}

impl Case {
    fn new(most: usize) -> Self {
        let mut pipes = PipeSet::new(PipeLimits {
            databases: 16,
            queue_bytes: 1_000,
            queue_requests: 10,
            node_deadline: std::time::Duration::from_secs(1),
            takeover_deadline: std::time::Duration::from_secs(1),
            ask_followers: false,
            zone: None,
        });
        pipes.follow(&topology_of(&["a"]), Fence::of);
        Self {
            pipes,
            leases: Leases::new(most),
            clients: Slab::new(),
        }
    }

    /// A lease of a new client for this database; `None` when there is none to be had.
    fn take(&mut self, database: u16) -> Option<(LeaseKey, Key)> {
        let client = self.clients.insert(());
        let node = self.pipes.primary(ShardIndex::new(0).unwrap());
        let lane = Lane { database, ..LANE };
        let way = LeaseWay::to(node, lane);
        let place = Place::Anywhere;
        let reused = self.leases.reuse(&way, client, place);
        let key = reused.or_else(|| {
            let words = node.first_words(lane, None, Secret::new(""), Version(1));
            self.leases.open(way, node, words, client, place)
        });
        key.map(|key| (key, client))
    }

    fn open(&mut self, database: u16) -> (LeaseKey, Key) {
        let (key, client) = self.take(database).expect("there is one");
        assert_eq!(self.leases.opened(key, None), Some(client));
        (key, client)
    }

    fn state(&mut self, key: LeaseKey) -> &'static str {
        match self.leases.get_mut(key).map(|lease| &lease.state) {
            None => "gone",
            Some(State::Opening) => "opening",
            Some(State::Open) => "open",
            Some(State::Asked(_)) => "asked",
            Some(State::Answered(_)) => "answered",
            Some(State::Lost(Loss::Unsent)) => "unsent",
            Some(State::Lost(Loss::Sent)) => "sent",
            Some(State::Lost(Loss::TooLarge)) => "too large",
        }
    }
}

fn ask(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PING\r\n");
}

const PONG: Bytes = Bytes::from_static(b"+PONG\r\n");

#[test]
fn the_last_reply_is_the_answer_and_its_owner_is_told_once() {
    let mut case = Case::new(9);
    let (key, client) = case.open(0);
    case.leases.ask(key, 2, ask);
    assert_eq!(case.leases.replied(key, Bytes::new(), 0), Ok(None));
    assert_eq!(case.leases.replied(key, PONG, 0), Ok(Some(client)));
    assert_eq!(case.leases.replied(key, PONG, 0), Err(Unasked));
    assert_eq!(case.leases.get_mut(key).unwrap().take_answer(), PONG);
    assert_eq!(case.state(key), "open");
    assert_eq!(case.leases.replied(key, PONG, 0), Err(Unasked));
}

#[test]
fn what_was_under_way_is_told_from_what_was_never_sent() {
    let mut case = Case::new(9);
    let (opening, client) = case.take(0).unwrap();
    assert_eq!(case.leases.lost(opening), Some(client));
    assert_eq!(case.state(opening), "unsent");
    assert_eq!(case.leases.opened(opening, None), None, "too late");
    let (unwritten, _) = case.open(0);
    case.leases.ask(unwritten, 1, ask);
    case.leases.lost(unwritten);
    assert_eq!(case.state(unwritten), "unsent");
    let (written, _) = case.open(0);
    case.leases.ask(written, 1, ask);
    case.leases.get_mut(written).unwrap().wrote(1);
    case.leases.lost(written);
    assert_eq!(case.state(written), "sent");
    let (answered, _) = case.open(0);
    case.leases.ask(answered, 1, ask);
    case.leases.replied(answered, PONG, 0).unwrap();
    case.leases.lost(answered);
    assert_eq!(case.state(answered), "answered");
    assert_eq!(case.leases.get_mut(answered).unwrap().take_answer(), PONG);
    case.leases.give_back(answered, false, 0);
    assert_eq!(case.state(answered), "gone", "it is not used again");
}

#[test]
fn a_large_request_is_not_kept_and_counts_as_sent() {
    let mut case = Case::new(9);
    let (key, _) = case.open(0);
    case.leases
        .ask(key, 1, |out| out.resize(KEPT_BYTES * 2, b'x'));
    let lease = case.leases.get_mut(key).unwrap();
    lease.wrote(KEPT_BYTES * 2);
    assert!(lease.unwritten().is_empty() && lease.out.capacity() < KEPT_BYTES);
    case.leases.lost(key);
    assert_eq!(case.state(key), "sent");
}

#[test]
fn what_is_given_back_clean_is_used_again_for_the_same_and_what_is_not_is_closed() {
    let mut case = Case::new(9);
    let (clean, _) = case.open(0);
    case.leases.give_back(clean, false, 0);
    let (other, _) = case.take(1).unwrap();
    assert_ne!(other, clean, "it speaks of another database");
    assert_eq!(case.take(0).unwrap().0, clean);
    case.leases.ask(clean, 1, ask);
    case.leases.give_back(clean, false, 0);
    assert_eq!(case.state(clean), "gone", "something is under way");
    let (watching, _) = case.open(0);
    case.leases.give_back(watching, true, 0);
    assert_ne!(case.take(0).unwrap().0, watching, "it watches still");
    let said = case.leases.get_mut(watching).unwrap().unwritten().to_vec();
    assert_eq!(said, b"*1\r\n$7\r\nUNWATCH\r\n");
    let ok = Bytes::from_static(b"+OK\r\n");
    assert_eq!(case.leases.replied(watching, ok, 0), Ok(None));
    assert_eq!(case.take(0).unwrap().0, watching);
    let (spent, _) = case.open(0);
    case.leases.get_mut(spent).unwrap().is_spent = true;
    case.leases.give_back(spent, false, 0);
    assert_eq!(case.state(spent), "gone");
}

#[test]
fn there_are_no_more_than_there_may_be_and_idle_ones_make_room() {
    let mut case = Case::new(2);
    let (first, _) = case.open(0);
    case.open(0);
    assert!(case.take(0).is_none());
    case.leases.give_back(first, false, 0);
    assert!(case.take(1).is_some(), "another way, for an idle one");
    assert_eq!(case.state(first), "gone");
    assert_eq!(case.leases.len(), 2);
    let mut case = Case::new(1);
    let (opening, _) = case.take(0).unwrap();
    case.leases.give_back(opening, false, 0);
    assert!(case.take(0).is_none(), "it is being opened still");
    assert_eq!(case.leases.opened(opening, None), None);
    case.leases.left(opening);
    assert!(case.take(0).is_some());
}

#[test]
fn time_ends_what_is_idle_and_tells_of_what_is_late() {
    let mut case = Case::new(9);
    let (idle, _) = case.open(0);
    let (late, client) = case.open(0);
    case.leases.give_back(idle, false, 1_000);
    case.leases.get_mut(late).unwrap().end_ms = Some(5_000);
    assert_eq!(case.leases.tick(4_999), []);
    assert_eq!(case.state(idle), "open");
    assert_eq!(case.leases.tick(1_000 + IDLE_MS), [late]);
    assert_eq!(case.state(idle), "gone");
    assert_eq!(case.leases.lost(late), Some(client));
    assert_eq!(case.leases.tick(1_000 + IDLE_MS), [], "once");
}
