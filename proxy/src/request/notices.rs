//! What clients that asked for it are told of what is about to happen to them: that this proxy stops, and that a shard has no primary that can be reached.
//! Never: decides when a proxy stops, or who leads. Invariants: nobody is told twice to move over one connection; who is told that a shard fails over is told the end of it.
//! Bound: [`LONGEST_MS`] of a failover; one that lasts longer is over for clients, whose patience is theirs again.

use shared::resp::{Protocol, ReplyWriter};
use shared::session::Notices;

use super::Exchange;
use crate::client::{Outlet, ReplyBytes};
use crate::orders::Moving;
use crate::slab::Key;

/// How long clients are patient because of a failover, milliseconds: ten times what one takes.
const LONGEST_MS: u64 = 30_000;

/// Whether a shard fails over.
#[derive(Debug, Default)]
pub(crate) enum FailingOver {
    /// All primaries can be reached.
    #[default]
    Not,
    /// Since then (monotonic milliseconds), as clients were told.
    Since(u64),
    /// For so long that clients were told it is over.
    TooLong,
}

/// Pushed, or not, by what a client wants.
fn pushed(outlet: &Outlet) -> bool {
    outlet.notices != Notices::Off && outlet.protocol == Protocol::Resp3
}

/// Words and numbers as a push.
fn push_of(name: &str, numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ReplyWriter::new(&mut bytes, Protocol::Resp3);
    writer.push(1 + numbers.len());
    head(&mut writer, name, numbers);
    bytes
}

fn head(writer: &mut ReplyWriter<'_>, name: &str, numbers: &[u64]) {
    writer.bulk(name.as_bytes());
    for number in numbers {
        writer.integer(i64::try_from(*number).unwrap_or(i64::MAX));
    }
}

/// MOVING, with an address or without.
fn moving_push(moving: Moving, address: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ReplyWriter::new(&mut bytes, Protocol::Resp3);
    writer.push(4);
    head(&mut writer, "MOVING", &[moving.number, moving.seconds]);
    match address {
        Some(address) => writer.bulk(address.as_bytes()),
        None => writer.null(),
    }
    bytes
}

impl Exchange {
    /// This proxy stops: whoever wants to know, and has not been told, is. Who wants an address is told nothing where none is known (`moving-endpoint`), for some
    /// clients do not survive that.
    pub(crate) fn tell_moving(&mut self, moving: Moving) {
        let address = self.proxy.config.moving_endpoint.as_ref();
        let address = address.map(ToString::to_string);
        let named = address
            .as_deref()
            .map(|address| moving_push(moving, Some(address)));
        let unnamed = moving_push(moving, None);
        self.tell_notices(|outlet| {
            let push = match outlet.notices {
                Notices::WithAddress => named.as_deref()?,
                _ => &unnamed,
            };
            let is_new = !std::mem::replace(&mut outlet.is_told_to_move, true);
            is_new.then_some(push)
        });
    }

    /// Primaries are lost, or are there again.
    pub(crate) fn tick_notices(&mut self) {
        let is_lost = self.pipes.primaries().any(|node| node.reach.is_lost());
        let now_ms = self.tick_ms;
        match (&self.failing_over, is_lost) {
            (FailingOver::Not, false) | (FailingOver::TooLong, true) => {}
            (FailingOver::Not, true) => {
                self.failing_over = FailingOver::Since(now_ms);
                let push = self.failing_push();
                self.tell_notices(|_| Some(&push));
            }
            (FailingOver::Since(since_ms), true) => {
                if now_ms.saturating_sub(*since_ms) >= LONGEST_MS {
                    self.failing_over = FailingOver::TooLong;
                    self.tell_failed_over();
                }
            }
            (FailingOver::Since(_), false) => {
                self.failing_over = FailingOver::Not;
                self.tell_failed_over();
            }
            (FailingOver::TooLong, false) => self.failing_over = FailingOver::Not,
        }
    }

    /// A client wants to be told from now on, or not any more.
    pub(super) fn choose_notices(&mut self, client: Key, notices: Notices) {
        self.receivers.outlet(client).notices = notices;
        if matches!(self.failing_over, FailingOver::Since(_)) {
            let push = self.failing_push();
            self.tell_notice(client, |_| Some(&push));
        }
    }

    fn failing_push(&self) -> Vec<u8> {
        let seconds = self.proxy.config.takeover_deadline.as_secs().max(1);
        push_of("FAILING_OVER", &[self.proxy.next_notice(), seconds])
    }

    fn tell_failed_over(&mut self) {
        let push = push_of("FAILED_OVER", &[self.proxy.next_notice()]);
        self.tell_notices(|_| Some(&push));
    }

    fn tell_notices<'a>(&mut self, mut push: impl FnMut(&mut Outlet) -> Option<&'a [u8]>) {
        let outlets = self.receivers.outlets.iter();
        let told = outlets.filter(|(_, outlet)| pushed(outlet));
        let clients: Vec<Key> = told.map(|(key, _)| key).collect();
        for client in clients {
            self.tell_notice(client, &mut push);
        }
    }

    fn tell_notice<'a>(&mut self, client: Key, push: impl FnOnce(&mut Outlet) -> Option<&'a [u8]>) {
        let receivers = &mut self.receivers;
        let Some(outlet) = receivers.outlets.get_mut(client) else {
            return;
        };
        if !pushed(outlet) {
            return;
        }
        if let Some(message) = push(outlet) {
            let message = ReplyBytes::Lent(message);
            outlet.queue.message(message, &mut receivers.buffers);
            receivers.stats.messages += 1;
            receivers.mark_dirty(client);
        }
    }
}
