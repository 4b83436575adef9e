//! The clients' registry: who is connected, what is on its way to each, and whom to cut.
//! Pure: the shell puts clients in and takes them out; a handler that kills one only leaves its number here.
//! Invariant: everybody who is connected is in; of a client whose commands run right now only its session is out.

use crate::client::{Client, ErrandTicket, Identity, Offset, Session};
use std::collections::VecDeque;

/// Names a connected client for as long as it is connected, and nobody afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    place: usize,
    id: u64,
}

impl ClientKey {
    /// The client's number.
    #[must_use]
    pub fn id(self) -> u64 {
        self.id
    }
}

/// All connected clients.
#[derive(Debug, Default)]
pub struct Clients {
    places: Vec<Option<Box<Client>>>,
    free: Vec<usize>,
    connected: usize,
    last_id: u64,
    condemned: Vec<u64>,
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
        ClientKey { place, id }
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

    /// A whole message for a client, put between whole replies; one whose waiting output is then beyond `most_bytes` is to be cut. `false` when it has gone.
    pub fn push(&mut self, key: ClientKey, message: &[u8], most_bytes: usize) -> bool {
        let Some(client) = self.get_mut(key) else {
            return false;
        };
        client.outbox.push(message);
        if client.outbox.len() > most_bytes {
            self.condemn(key.id);
        }
        true
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
    use super::Clients;
    use crate::client::{Identity, Offset, Session};

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
        clients.leave(second);
        let third = enter(&mut clients);
        assert_eq!((third.place, clients.len()), (second.place, 2));
        assert!(clients.get_mut(second).is_none());
        assert!(!clients.push(second, b"message", 100));
        assert!(clients.at(third).outbox.is_empty());
    }

    #[test]
    fn replies_go_when_the_log_is_there_and_who_takes_no_messages_is_cut() {
        let mut clients = Clients::default();
        let keys = [1, 2].map(|id| clients.enter(Identity::new(id, 0), Session::default()));
        for (key, offset) in keys.into_iter().zip([5, 7]) {
            clients.hold_until(key, Offset(offset));
            assert!(clients.push(key, b"message", 10));
        }
        let ready = |clients: &mut Clients| keys.map(|key| clients.at(key).outbox.ready().len());
        assert_eq!(ready(&mut clients), [0, 0]);
        clients.reached(Offset(6));
        assert_eq!(ready(&mut clients), [7, 0]);
        clients.leave(keys[0]);
        clients.reached(Offset(7));
        assert_eq!(clients.at(keys[1]).outbox.ready(), b"message");
        assert!(clients.take_condemned().is_empty());
        assert!(clients.push(keys[1], b"more", 10));
        assert_eq!(clients.take_condemned(), [2]);
    }
}
