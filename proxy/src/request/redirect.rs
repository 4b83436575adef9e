//! Clients are told what has changed: each itself, or who is told in its place (CLIENT TRACKING … REDIRECT), at this thread or another one.
//! Reaches: the clients' outlets, and what waits for other threads ([`crate::redirects`]). Never: decides who is to be told ([`shared::tracking`] does).
//! Invariants: what is told at a time is told to one client once, in however many others' places; whose place-holder has gone learns that when something would be told.
//! What is behind a reply of the one who has read is told when that reply is on its way out: its own connection and that of who is told for it are two, and either may be the faster one.

use std::collections::BTreeMap;

use shared::resp::{Protocol, ReplyWriter};
use shared::tracking::{CHANNEL, Mode};

use super::Exchange;
use super::receivers::Receivers;
use crate::client::ReplyBytes;
use crate::redirects::{ClientPlace, Word, Words};
use crate::slab::Key;

/// Keys that have changed, as each kind of client hears it.
pub(super) struct Told<'a> {
    /// `None`: any may have.
    keys: Option<&'a [&'a [u8]]>,
    push: Vec<u8>,
    message: Vec<u8>,
}

impl<'a> Told<'a> {
    fn new(keys: Option<&'a [&'a [u8]]>) -> Self {
        Self {
            keys,
            push: Vec::new(),
            message: Vec::new(),
        }
    }

    /// Written when it is needed first.
    fn to(&mut self, protocol: Protocol) -> &[u8] {
        let bytes = match protocol {
            Protocol::Resp3 => &mut self.push,
            Protocol::Resp2 => &mut self.message,
        };
        if bytes.is_empty() {
            let mut writer = ReplyWriter::new(bytes, protocol);
            match protocol {
                Protocol::Resp3 => {
                    writer.push(2);
                    writer.bulk(b"invalidate");
                }
                Protocol::Resp2 => {
                    writer.array(3);
                    writer.bulk(b"message");
                    writer.bulk(CHANNEL);
                }
            }
            match self.keys {
                Some(keys) => {
                    writer.array(keys.len());
                    keys.iter().for_each(|key| writer.bulk(key));
                }
                None => writer.null(),
            }
        }
        bytes
    }
}

impl Receivers {
    /// Clients that are to be told, or those in their places, are told that these keys have changed; `None`: any may have.
    pub(super) fn tell_all(&mut self, clients: &[Key], keys: Option<&[&[u8]]>) {
        let mut told = Told::new(keys);
        let mut redirected: BTreeMap<ClientPlace, Vec<Key>> = BTreeMap::new();
        for client in clients {
            let Some(outlet) = self.outlets.get(*client) else {
                continue;
            };
            match outlet.redirect {
                Some(place) => redirected.entry(place).or_default().push(*client),
                // In RESP2 a reply and a message cannot be told apart.
                None if outlet.protocol == Protocol::Resp2 => {}
                None => self.say(*client, told.to(Protocol::Resp3)),
            }
        }
        let thread = self.redirects.thread;
        for (place, trackers) in redirected {
            if place.thread != thread {
                let keys = keys.map(|keys| keys.iter().map(|key| (*key).into()).collect());
                let to = place.key;
                let word = Word::Changed { to, trackers, keys };
                self.redirects.tell(place.thread, word);
            } else if !self.tell_in_place(place.key, &mut told) {
                self.nobody_there(place, &trackers);
            }
        }
    }

    /// Puts a message for a client between its replies.
    fn say(&mut self, client: Key, message: &[u8]) {
        if let Some(outlet) = self.outlets.get_mut(client) {
            outlet
                .queue
                .message(ReplyBytes::Lent(message), &mut self.buffers);
            self.stats.messages += 1;
            self.mark_dirty(client);
        }
    }

    /// A client is told in another one's place, if it listens; `false`: it has gone.
    fn tell_in_place(&mut self, client: Key, told: &mut Told<'_>) -> bool {
        let Some(outlet) = self.outlets.get(client) else {
            return false;
        };
        let protocol = outlet.protocol;
        if protocol == Protocol::Resp3 || outlet.is_subscriber {
            self.say(client, told.to(protocol));
        }
        true
    }

    /// Who was to be told in the place of these clients has gone.
    fn nobody_there(&mut self, place: ClientPlace, trackers: &[Key]) {
        for tracker in trackers {
            let Some(outlet) = self.outlets.get(*tracker) else {
                continue;
            };
            // It may have chosen another one meanwhile.
            if outlet.redirect != Some(place) {
                continue;
            }
            let speaks_pushes = outlet.protocol == Protocol::Resp3;
            self.tracking.note_broken(*tracker);
            if speaks_pushes {
                let id = self.tracking.mode(*tracker).map_or(0, Mode::redirect);
                let mut bytes = Vec::new();
                let mut writer = ReplyWriter::new(&mut bytes, Protocol::Resp3);
                writer.push(2);
                writer.bulk(b"tracking-redir-broken");
                writer.integer(i64::try_from(id).unwrap_or(i64::MAX));
                self.say(*tracker, &bytes);
            }
        }
    }

    /// Words that this thread has for another one are heard by nobody: all of its clients have gone.
    pub(crate) fn nobody_heard(&mut self, words: &Words, thread: usize) {
        for word in &words.words {
            if let Word::Changed { to, trackers, .. } = word {
                let place = ClientPlace { thread, key: *to };
                self.nobody_there(place, trackers);
            }
        }
    }
}

impl Exchange {
    /// Another thread has something to tell clients of this one.
    pub(crate) fn hear_words(&mut self, words: &Words) {
        let receivers = &mut self.receivers;
        for word in &words.words {
            match word {
                Word::Changed { to, trackers, keys } => {
                    let keys: Option<Vec<&[u8]>> = keys
                        .as_ref()
                        .map(|keys| keys.iter().map(|key| &**key).collect());
                    if !receivers.tell_in_place(*to, &mut Told::new(keys.as_deref())) {
                        let trackers = trackers.clone();
                        let word = Word::NobodyThere { trackers, to: *to };
                        receivers.redirects.tell(words.from, word);
                    }
                }
                Word::NobodyThere { trackers, to } => {
                    let place = ClientPlace {
                        thread: words.from,
                        key: *to,
                    };
                    receivers.nobody_there(place, trackers);
                }
            }
        }
    }
}
