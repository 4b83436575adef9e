//! The clients' registry: who is connected, and whom to cut.
//! Pure: the shell puts clients in and takes them out; a handler that kills one only leaves its number here.
//! Invariant: a client whose commands run right now is out of its place; everybody else is in.

use crate::client_state::ClientState;

/// A client's place in the registry; free to be given away again after [`Clients::leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientPlace(usize);

/// All connected clients.
#[derive(Debug, Default)]
pub struct Clients {
    places: Vec<Place>,
    free: Vec<usize>,
    connected: usize,
    last_id: u64,
    condemned: Vec<u64>,
}

#[derive(Debug, Default)]
struct Place {
    taken: bool,
    client: Option<Box<ClientState>>,
}

impl Clients {
    /// A number for a new client: 1, 2, …
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Gives a new client its place.
    pub fn enter(&mut self, client: Box<ClientState>) -> ClientPlace {
        self.connected += 1;
        let place = Place {
            taken: true,
            client: Some(client),
        };
        if let Some(index) = self.free.pop() {
            self.places[index] = place;
            ClientPlace(index)
        } else {
            self.places.push(place);
            ClientPlace(self.places.len() - 1)
        }
    }

    /// Takes a client out while its commands run.
    ///
    /// # Panics
    /// When it is out already: two turns of one client at once are a mistake of the shell.
    pub fn take(&mut self, place: ClientPlace) -> Box<ClientState> {
        self.places[place.0]
            .client
            .take()
            .expect("a client runs one batch at a time")
    }

    /// Puts it back.
    pub fn put_back(&mut self, place: ClientPlace, client: Box<ClientState>) {
        debug_assert!(self.places[place.0].taken && self.places[place.0].client.is_none());
        self.places[place.0].client = Some(client);
    }

    /// The client at `place`, between its turns.
    ///
    /// # Panics
    /// When it is out: its turn is not over.
    pub fn at(&mut self, place: ClientPlace) -> &mut ClientState {
        self.places[place.0]
            .client
            .as_deref_mut()
            .expect("a client is in between its turns")
    }

    /// The client has gone.
    ///
    /// # Panics
    /// When it had gone already: a mistake of the shell.
    pub fn leave(&mut self, place: ClientPlace) {
        assert!(self.places[place.0].taken, "a client leaves once");
        self.places[place.0] = Place::default();
        self.free.push(place.0);
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

    /// All clients that are in, in no order; the one whose command runs is not among them.
    pub fn iter(&self) -> impl Iterator<Item = &ClientState> {
        self.places
            .iter()
            .filter_map(|place| place.client.as_deref())
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut ClientState> {
        self.places
            .iter_mut()
            .filter_map(|place| place.client.as_deref_mut())
    }

    /// The connection of client `id` is to be cut; the shell does it after the present batch.
    pub fn condemn(&mut self, id: u64) {
        self.condemned.push(id);
    }

    /// Whom to cut, each told once.
    pub fn take_condemned(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.condemned)
    }

    /// Whether there is anybody to cut.
    #[must_use]
    pub fn has_condemned(&self) -> bool {
        !self.condemned.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Clients;
    use crate::client_state::ClientState;

    #[test]
    fn places_are_given_again_and_the_running_client_is_out() {
        let mut clients = Clients::default();
        let first_id = clients.next_id();
        let first = clients.enter(Box::new(ClientState::new(first_id, 0)));
        let second_id = clients.next_id();
        let second = clients.enter(Box::new(ClientState::new(second_id, 0)));
        assert_eq!((first_id, second_id, clients.len()), (1, 2, 2));
        let running = clients.take(first);
        assert_eq!(
            clients.iter().map(|client| client.id).collect::<Vec<_>>(),
            [2]
        );
        clients.put_back(first, running);
        clients.leave(second);
        let third = clients.enter(Box::new(ClientState::new(9, 0)));
        assert_eq!((third, clients.len()), (second, 2));
    }
}
