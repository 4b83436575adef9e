//! The clients' registry: who is connected, what is on its way to each, and whom to cut.
//! Pure: the shell puts clients in and takes them out; a handler that kills one only leaves its number here.
//! Invariant: everybody who is connected is in; of a client whose commands run right now only its session is out.

use super::letter::Letter;
use crate::client::{Client, CopiesWait, ErrandTicket, Identity, Offset, Session};
use shared::resp::Protocol;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Names a connected client for as long as it is connected, and nobody afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    id: u64,
    place: usize,
}

impl ClientKey {
    /// The client's number.
    #[must_use]
    pub fn id(self) -> u64 {
        self.id
    }
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// So many bytes wait for the client now that did not before.
    Done(usize),
    /// They would have been more than it may leave unread: it is to be cut.
    Cut,
    /// It is not there any more, or is about to go.
    Gone,
}

/// All connected clients.
#[derive(Debug, Default)]
pub struct Clients {
    places: Vec<Option<Box<Client>>>,
    free: Vec<usize>,
    connected: usize,
    last_id: u64,
    condemned: Vec<u64>,
    /// Where the clients are, by their numbers.
    by_id: BTreeMap<u64, usize>,
    /// Who has been sent something and has not heard of it yet; each once.
    to_wake: VecDeque<ClientKey>,
    /// What the client whose turn it is has been sent meanwhile: its place is before its reply.
    own_messages: Vec<u8>,
    /// The same, where their place is behind it.
    own_lines: Vec<u8>,
    /// A client has ended the waiting of another one for its followers, and the shell does not know yet.
    has_ended_waiting: bool,
    /// Whose replies wait for the log, and until when: offsets grow.
    held: VecDeque<(Offset, ClientKey)>,
}

impl Clients {
    /// A number for a new client: 1, 2, …
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Takes a new client in.
    pub fn enter(&mut self, identity: Identity, session: Session) -> ClientKey {
        self.connected += 1;
        let id = identity.id;
        let client = Some(Box::new(Client::new(identity, session)));
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place] = client;
                place
            }
            None => {
                self.places.push(client);
                self.places.len() - 1
            }
        };
        self.by_id.insert(id, place);
        ClientKey { id, place }
    }

    /// Who has this number, if anybody does.
    #[must_use]
    pub fn key_of(&self, id: u64) -> Option<ClientKey> {
        let place = *self.by_id.get(&id)?;
        Some(ClientKey { place, id })
    }

    /// The client, if it is still connected.
    #[must_use]
    pub fn get_mut(&mut self, key: ClientKey) -> Option<&mut Client> {
        let client = self.places.get_mut(key.place)?.as_deref_mut()?;
        (client.identity.id == key.id).then_some(client)
    }

    /// The client.
    ///
    /// # Panics
    /// When it has gone: whoever asks keeps it here.
    #[must_use]
    pub fn at(&mut self, key: ClientKey) -> &mut Client {
        self.get_mut(key).expect("a connected client")
    }

    /// Takes the session of a client out while its commands run.
    ///
    /// # Panics
    /// When it is out already: two turns of one client at once are a mistake of the shell.
    pub fn take_session(&mut self, key: ClientKey) -> Box<Session> {
        let session = self.at(key).session.take();
        session.expect("a client runs one batch at a time")
    }

    /// Puts it back.
    pub fn put_back(&mut self, key: ClientKey, session: Box<Session>) {
        let place = &mut self.at(key).session;
        debug_assert!(place.is_none(), "it was taken out");
        *place = Some(session);
    }

    /// The client has gone.
    ///
    /// # Panics
    /// When it had gone already: a mistake of the shell.
    pub fn leave(&mut self, key: ClientKey) {
        assert!(self.get_mut(key).is_some(), "a client leaves once");
        self.places[key.place] = None;
        self.by_id.remove(&key.id);
        self.free.push(key.place);
        self.connected -= 1;
    }

    /// How many are connected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connected
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connected == 0
    }

    /// All clients, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().filter_map(Option::as_deref)
    }

    /// Shows every client, in no order.
    pub fn each(&mut self, show: impl FnMut(&mut Client)) {
        let clients = self.places.iter_mut().filter_map(Option::as_deref_mut);
        clients.for_each(show);
    }

    /// Shows what every client has chosen whose commands do not run right now, in no order.
    pub fn each_session(&mut self, mut show: impl FnMut(&mut Session, ClientKey)) {
        for (place, client) in self.places.iter_mut().enumerate() {
            let Some(client) = client else { continue };
            let id = client.identity.id;
            if let Some(session) = client.session.as_deref_mut() {
                show(session, ClientKey { id, place });
            }
        }
    }

    /// All clients with what they have chosen, in no order; `own` is the session that is out, for its turn is the present one.
    pub fn with_sessions<'a>(
        &'a self,
        own: &'a Session,
    ) -> impl Iterator<Item = (&'a Client, &'a Session)> {
        self.iter()
            .map(move |client| (client, client.session.as_deref().unwrap_or(own)))
    }

    /// Bytes that all of them cost; of a client whose commands run, without its names.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let own = Session::default();
        let clients = self.with_sessions(&own);
        clients
            .map(|(client, session)| client.memory_bytes(session) as u64)
            .sum()
    }

    /// How many wait with a command that may not run yet.
    #[must_use]
    pub fn blocked(&self) -> usize {
        let is_blocked = |client: &&Client| client.traffic.is_blocked();
        self.iter().filter(is_blocked).count()
    }

    /// Ends the waiting of a client for its followers; whether it waited.
    pub fn end_copies_wait(&mut self, key: ClientKey, how: CopiesWait) -> bool {
        let client = self.get_mut(key);
        let Some(wait @ CopiesWait::Lasts) = client.and_then(|client| client.copies_wait.as_mut())
        else {
            return false;
        };
        *wait = how;
        self.has_ended_waiting = true;
        true
    }

    /// Whether that has happened since it was asked last.
    #[inline]
    pub fn take_ended_waiting(&mut self) -> bool {
        std::mem::take(&mut self.has_ended_waiting)
    }

    /// A message for a client, put between whole replies, unless more than `most_bytes` would wait for it then. `caller`: how the client whose turn it is is spoken to.
    pub fn deliver(
        &mut self,
        key: ClientKey,
        letter: &mut Letter<'_>,
        caller: Protocol,
        most_bytes: usize,
    ) -> Delivery {
        let own_bytes = self.own_messages.len() + self.own_lines.len();
        let Some(client) = self.get_mut(key).filter(|client| !client.is_condemned) else {
            return Delivery::Gone;
        };
        let is_own = client.session.is_none();
        let mut waiting = client.outbox.len();
        if is_own {
            // What it sends itself is not there yet.
            waiting += own_bytes;
        }
        // What nobody may take is not written.
        if waiting.saturating_add(letter.word_bytes()) > most_bytes {
            self.condemn_at(key);
            return Delivery::Cut;
        }
        let session = client.session.as_deref();
        let protocol = session.map(Session::spoken_to);
        let (is_behind, waits) = (letter.stands_behind(), letter.waits_for_replies());
        let message = letter.for_protocol(protocol.unwrap_or(caller));
        let bytes = message.len();
        if waiting + bytes > most_bytes {
            self.condemn_at(key);
            return Delivery::Cut;
        }
        if protocol.is_none() {
            let message = Rc::clone(message);
            match is_behind {
                true => self.own_lines.extend_from_slice(&message),
                false => self.own_messages.extend_from_slice(&message),
            }
            return Delivery::Done(bytes);
        }
        match waits {
            true => client.outbox.push_behind(message),
            false => client.outbox.push_shared(message),
        }
        if !client.is_to_wake {
            client.is_to_wake = true;
            self.to_wake.push_back(key);
        }
        Delivery::Done(bytes)
    }

    /// What a client has been sent while it had its turn, where no reply of that stood behind it.
    pub fn send(&mut self, id: u64, [messages, lines]: &[Vec<u8>; 2]) {
        let client = self.key_of(id).and_then(|key| self.get_mut(key));
        if let Some(client) = client {
            client.outbox.push(messages);
            client.outbox.push_behind(lines);
            client.outbox.wake();
        }
    }

    /// The same, known by its key.
    fn condemn_at(&mut self, key: ClientKey) {
        self.at(key).is_condemned = true;
        self.condemn(key.id);
    }

    /// Whether somebody has been sent something and has not heard of it yet.
    #[inline]
    #[must_use]
    pub fn are_to_wake(&self) -> bool {
        !self.to_wake.is_empty()
    }

    /// Some of those, `most` of them: to be woken now.
    pub fn take_to_wake(&mut self, most: usize) -> Vec<ClientKey> {
        let count = most.min(self.to_wake.len());
        let some: Vec<ClientKey> = self.to_wake.drain(..count).collect();
        for key in &some {
            if let Some(client) = self.get_mut(*key) {
                client.is_to_wake = false;
            }
        }
        some
    }

    /// What the client whose turn it is has been sent meanwhile.
    #[inline]
    #[must_use]
    pub fn has_own_messages(&self) -> bool {
        !(self.own_messages.is_empty() && self.own_lines.is_empty())
    }

    /// Takes that: what stands before its reply, and what behind.
    #[must_use]
    pub fn take_own_messages(&mut self) -> [Vec<u8>; 2] {
        let before = std::mem::take(&mut self.own_messages);
        [before, std::mem::take(&mut self.own_lines)]
    }

    /// What the client is told from now on waits until the log has come to `offset`. Offsets never go back.
    pub fn hold_until(&mut self, key: ClientKey, offset: Offset) {
        debug_assert!(self.held.back().is_none_or(|(last, _)| *last <= offset));
        self.at(key).outbox.hold_until(offset);
        self.held.push_back((offset, key));
    }

    /// The log has come to `offset`: replies that waited for it may go. Costs nothing when none did.
    pub fn reached(&mut self, offset: Offset) {
        while let Some((wanted, key)) = self.held.front().copied()
            && wanted <= offset
        {
            self.held.pop_front();
            if let Some(client) = self.get_mut(key) {
                client.outbox.reached(offset);
            }
        }
    }

    /// The errand of a client is done; its reply, if the client is still there.
    pub fn answer(&mut self, key: ClientKey, errand: ErrandTicket, reply: Vec<u8>) {
        if let Some(client) = self.get_mut(key) {
            client.outbox.answer(errand, reply);
        }
    }

    /// The same of a long reply.
    pub fn answer_in_pieces(&mut self, key: ClientKey, errand: ErrandTicket, pieces: Vec<Vec<u8>>) {
        if let Some(client) = self.get_mut(key) {
            client.outbox.answer_in_pieces(errand, pieces);
        }
    }

    /// The connection of client `id` is to be cut; the shell does it after the present batch.
    pub fn condemn(&mut self, id: u64) {
        self.condemned.push(id);
    }

    /// Whom to cut, each told once.
    pub fn take_condemned(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.condemned)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clients, Delivery, Letter};
    use crate::client::{Identity, Offset, Session};
    use shared::resp::Protocol;

    #[test]
    fn a_key_means_one_client_and_nobody_after_it() {
        let mut clients = Clients::default();
        let enter = |clients: &mut Clients| {
            let id = clients.next_id();
            clients.enter(Identity::new(id, 0), Session::default())
        };
        let first = enter(&mut clients);
        let second = enter(&mut clients);
        assert_eq!((first.id(), second.id(), clients.len()), (1, 2, 2));
        let session = clients.take_session(first);
        assert_eq!(clients.with_sessions(&session).count(), 2);
        clients.put_back(first, session);
        assert_eq!(clients.key_of(2), Some(second));
        clients.leave(second);
        assert_eq!(clients.key_of(2), None);
        let third = enter(&mut clients);
        assert_eq!((third.place, clients.len()), (second.place, 2));
        assert!(clients.get_mut(second).is_none());
        assert_eq!(clients.key_of(2), None);
        assert_eq!(clients.key_of(3), Some(third));
        let mut letter = Letter::new(&[b"message"]);
        let delivered = clients.deliver(second, &mut letter, Protocol::Resp2, 100);
        assert_eq!(delivered, Delivery::Gone);
        assert!(clients.at(third).outbox.is_empty());
    }

    #[test]
    fn replies_go_when_the_log_is_there_and_who_takes_no_messages_is_cut() {
        let mut clients = Clients::default();
        let keys = [1, 2].map(|id| clients.enter(Identity::new(id, 0), Session::default()));
        // `*1`, `$1` and `m` with their line ends.
        let deliver = |clients: &mut Clients, key| {
            clients.deliver(key, &mut Letter::new(&[b"m"]), Protocol::Resp2, 12)
        };
        for (key, offset) in keys.into_iter().zip([5, 7]) {
            clients.hold_until(key, Offset(offset));
            assert_eq!(deliver(&mut clients, key), Delivery::Done(11));
        }
        let ready = |clients: &mut Clients| keys.map(|key| clients.at(key).outbox.ready().len());
        assert_eq!(ready(&mut clients), [0, 0]);
        clients.reached(Offset(6));
        assert_eq!(ready(&mut clients), [11, 0]);
        clients.leave(keys[0]);
        clients.reached(Offset(7));
        assert_eq!(clients.at(keys[1]).outbox.ready(), b"*1\r\n$1\r\nm\r\n");
        assert!(clients.take_condemned().is_empty());
        assert_eq!(deliver(&mut clients, keys[1]), Delivery::Cut);
        assert_eq!(deliver(&mut clients, keys[1]), Delivery::Gone);
        assert_eq!(clients.take_condemned(), [2]);
    }

    #[test]
    fn who_has_its_turn_gets_its_messages_with_its_replies() {
        let mut clients = Clients::default();
        let key = clients.enter(Identity::new(1, 0), Session::default());
        let session = clients.take_session(key);
        let mut letter = Letter::new(&[b"m"]);
        let delivered = clients.deliver(key, &mut letter, Protocol::Resp3, 100);
        assert_eq!(delivered, Delivery::Done(11));
        assert!(clients.has_own_messages() && !clients.are_to_wake());
        let delivered = clients.deliver(key, &mut Letter::line(b"+l"), Protocol::Resp3, 100);
        assert_eq!(delivered, Delivery::Done(2));
        let own = clients.take_own_messages();
        assert_eq!(own, [&b">1\r\n$1\r\nm\r\n"[..], b"+l"]);
        clients.put_back(key, session);
        let delivered = clients.deliver(key, &mut letter, Protocol::Resp3, 100);
        assert_eq!(delivered, Delivery::Done(11));
        assert!(!clients.has_own_messages() && clients.are_to_wake());
    }
}
