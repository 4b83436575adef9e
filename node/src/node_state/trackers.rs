//! CLIENT TRACKING: whoever keeps what it has read is told when that has changed, or goes for want of room.
//! Pure: the bytes lie in the clients' outboxes then, and the shell wakes them, some at a time.
//! Bound: one for whom more would wait than `client-output-buffer-limit pubsub` allows is cut; keys that are remembered, by `tracking-table-max-keys`.

use super::NodeState;
use super::clients::{Clients, Delivery};
use super::letter::Letter;
use crate::client::Session;
use crate::stats::Stats;
use crate::store::TakenKeys;
use shared::resp::Protocol;
use shared::tracking::{Author, By, Mode, Tracking};

/// Whose turn it is: its number, and what it has chosen.
pub type Caller<'a> = (u64, &'a Session);

/// Keys that have changed, for those who are told on whose behalf and for all others.
struct Letters<'a> {
    plain: Letter<'a>,
    authored: Option<Letter<'a>>,
}

impl<'a> Letters<'a> {
    fn new(keys: Option<&'a [&'a [u8]]>, author: Option<Author>) -> Self {
        let authored = keys.zip(author);
        Self {
            plain: Letter::changed(keys),
            authored: authored.map(|(keys, author)| Letter::changed_for(keys, author)),
        }
    }
}

/// Who tells the clients.
struct Teller<'a> {
    clients: &'a mut Clients,
    stats: &'a mut Stats,
    most_bytes: usize,
    caller: Option<Caller<'a>>,
    /// Clients that nobody can be told for.
    broken: Vec<u64>,
}

impl Teller<'_> {
    /// A letter for a client, or for whom it redirects to.
    fn tell(&mut self, client: u64, mode: &Mode, letters: &mut Letters<'_>) {
        let redirect = mode.redirect();
        let receiver = if redirect == 0 { client } else { redirect };
        let Some((protocol, is_subscriber)) = self.is_spoken_to(receiver) else {
            if redirect != 0 {
                self.tell_broken(client, redirect);
            }
            return;
        };
        // In RESP2 a reply and a message cannot be told apart.
        if protocol == Protocol::Resp2 && !(redirect != 0 && is_subscriber) {
            return;
        }
        let is_own = self.caller.is_some_and(|(caller, _)| caller == client);
        let letter = match &mut letters.authored {
            Some(authored) if self.hears_authors(receiver) => authored,
            _ => &mut letters.plain,
        };
        letter.set_behind(is_own);
        self.deliver(receiver, letter);
    }

    /// How a client is spoken to, and whether it has subscribed to anything.
    fn is_spoken_to(&mut self, client: u64) -> Option<(Protocol, bool)> {
        let session = self.session_of(client)?;
        Some((session.spoken_to(), session.subscribed.are_any()))
    }

    /// Whether it is told on whose behalf keys were changed.
    fn hears_authors(&mut self, client: u64) -> bool {
        let session = self.session_of(client);
        session.is_some_and(|session| session.hears_pushes)
    }

    fn session_of(&mut self, client: u64) -> Option<&Session> {
        let key = self.clients.key_of(client)?;
        let session = self.clients.get_mut(key)?.session.as_deref();
        // Of whose turn it is, it is out.
        session.or(self.caller.map(|(_, session)| session))
    }

    /// Who was to be told in the client's place has gone.
    fn tell_broken(&mut self, client: u64, redirect: u64) {
        self.broken.push(client);
        let spoken_to = self.is_spoken_to(client);
        if let Some((Protocol::Resp3, _)) = spoken_to {
            self.deliver(client, &mut Letter::nobody_there(redirect));
        }
    }

    fn deliver(&mut self, client: u64, letter: &mut Letter<'_>) {
        let Some(key) = self.clients.key_of(client) else {
            return;
        };
        let caller = self
            .caller
            .map_or(Protocol::Resp2, |(_, session)| session.spoken_to());
        match self.clients.deliver(key, letter, caller, self.most_bytes) {
            Delivery::Done(bytes) => self.stats.output_bytes += bytes as u64,
            Delivery::Cut => self.stats.output_limit_disconnections += 1,
            Delivery::Gone => {}
        }
    }
}

impl NodeState {
    fn with_teller(
        &mut self,
        caller: Option<Caller<'_>>,
        work: impl FnOnce(&mut Tracking<u64>, &mut Teller<'_>),
    ) {
        let Self {
            tracking,
            clients,
            stats,
            settings,
            ..
        } = self;
        let mut teller = Teller {
            clients,
            stats,
            most_bytes: settings.hot.pubsub_output_limit.most_bytes(),
            caller,
            broken: Vec::new(),
        };
        work(tracking, &mut teller);
        let broken = teller.broken;
        broken
            .into_iter()
            .for_each(|client| tracking.note_broken(client));
    }

    /// Keys have changed: whoever has read them is told now, whoever hears of their prefixes at the end of the turn.
    #[cold]
    pub fn tell_trackers(&mut self, changed: &TakenKeys, caller: Option<Caller<'_>>) {
        let by = By {
            client: caller.map(|(client, _)| client),
            author: caller.and_then(|(_, session)| session.acts_for),
        };
        self.with_teller(caller, |tracking, teller| {
            for key in changed.iter() {
                let keys = [key];
                let mut letters = Letters::new(Some(&keys), by.author);
                tracking.changed_under_prefixes(key, by);
                tracking.changed(key, by.client, |client, mode| {
                    teller.tell(client, mode, &mut letters);
                });
            }
            if changed.all {
                let mut letters = Letters::new(None, None);
                tracking.all_changed(|client, mode| teller.tell(client, mode, &mut letters));
            }
        });
    }

    /// Tells whoever hears of prefixes what has changed since the last time.
    #[cold]
    pub fn broadcast_changes(&mut self, caller: Option<Caller<'_>>) {
        self.with_teller(caller, |tracking, teller| {
            for broadcast in tracking.take_broadcasts() {
                let keys: Vec<&[u8]> = broadcast.keys.iter().map(|(key, _)| &**key).collect();
                let by_author = broadcast.keys_by_author();
                let mut letters = Letters::new(Some(&keys), None);
                for client in &broadcast.clients {
                    let Some(mode) = tracking.mode(*client) else {
                        continue;
                    };
                    if mode.is_without_own() {
                        let others: Vec<&[u8]> = broadcast.keys_without(*client).collect();
                        if !others.is_empty() {
                            let mut letters = Letters::new(Some(&others), None);
                            teller.tell(*client, mode, &mut letters);
                        }
                    } else if let Some(by_author) = &by_author
                        && teller.hears_authors(*client)
                    {
                        for (author, keys) in by_author {
                            let mut letters = Letters::new(Some(keys), *author);
                            teller.tell(*client, mode, &mut letters);
                        }
                    } else {
                        teller.tell(*client, mode, &mut letters);
                    }
                }
            }
        });
    }

    /// The caller has read these keys, of which it wants to be told. Others go for them, and that is told.
    pub fn remember_reads<'k>(
        &mut self,
        (client, session): Caller<'_>,
        keys: impl Iterator<Item = &'k [u8]>,
    ) {
        let most_keys = self.settings.hot.most_tracked_keys;
        self.with_teller(Some((client, session)), |tracking, teller| {
            for key in keys {
                tracking.remember(client, key);
                while let Some((key, readers)) = tracking.take_one_beyond(most_keys) {
                    let keys = [&*key];
                    let mut letters = Letters::new(Some(&keys), None);
                    for reader in readers {
                        if let Some(mode) = tracking.mode(reader) {
                            teller.tell(reader, mode, &mut letters);
                        }
                    }
                }
            }
        });
    }
}
