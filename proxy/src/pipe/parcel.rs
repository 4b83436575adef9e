//! The unit of a pipe: requests of one client that travel, are lost, repeated and routed again together.
//! Pure. Invariant: whoever waits for a parcel gets exactly as many replies as it holds requests.

use shared::clock::Reading;
use shared::command::{self, CommandId, Retry};

use super::set::PipeNumber;
use crate::route::Place;
use crate::slab::Key;

/// Who gets the replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The requests of a client from this number on.
    Client {
        /// The client; it may be gone by then.
        client: Key,
        /// Number of the first request in the client's reply queue.
        first: u64,
    },
    /// A part of a command that several nodes answer.
    Part {
        /// The collector; it may be gone by then.
        gather: Key,
        /// Which part.
        part: u16,
    },
    /// Who asked has been told that it was in vain; a reply that comes after all is dropped.
    Nobody,
    /// The same for writes, of which the client was told that nobody knows ([`super::late`]): a reply settles that.
    Late {
        /// Who asked.
        client: Key,
        /// The pipe that carries them.
        pipe: PipeNumber,
    },
}

impl Target {
    /// Whether somebody waits for the replies.
    #[inline]
    pub(crate) fn is_waiting(self) -> bool {
        !matches!(self, Self::Nobody | Self::Late { .. })
    }
}

/// Consecutive requests of one client, or one part of a command. Its bytes lie in a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parcel {
    /// Who waits.
    pub(crate) target: Target,
    /// Where it belongs.
    pub(crate) place: Place,
    /// When the requests were read; their deadline begins here, however often they are sent.
    pub(crate) started: Reading,
    /// Requests without a reply.
    pub(crate) count: u32,
    /// Requests before these that have got theirs.
    pub(super) answered: u32,
    /// Bytes of all its requests.
    pub(super) bytes: usize,
    /// What they are.
    pub(crate) command: CommandId,
    /// Whether it may be sent again when nobody knows whether it was executed.
    pub(crate) retry: Retry,
    /// How often it was sent before, without a reply.
    pub(crate) attempts: u8,
    /// The reply to its first request has begun on its way: whatever becomes of the rest, nothing else can be said instead.
    pub(crate) is_begun: bool,
    /// Its requests are one (a transaction): sent again, or failed, as a whole.
    pub(crate) is_indivisible: bool,
}

impl Parcel {
    /// Requests that may part ways.
    #[inline]
    pub(crate) fn new(
        target: Target,
        place: Place,
        command: CommandId,
        count: u32,
        started: Reading,
    ) -> Self {
        Self {
            target,
            place,
            started,
            count,
            answered: 0,
            bytes: 0,
            command,
            retry: command::spec(command).retry,
            attempts: 0,
            is_begun: false,
            is_indivisible: false,
        }
    }

    /// Bytes of all its requests, also of those that are answered.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Requests of it that are answered.
    pub(crate) fn answered(&self) -> u32 {
        self.answered
    }

    /// Whether it may be sent (again) as it is: nothing was answered of what is one.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_indivisible || self.answered == 0
    }

    /// Takes `next` in, if that simply continues this one.
    #[inline]
    pub(super) fn absorb(&mut self, next: &Self) -> bool {
        let (
            Target::Client { client, first },
            Target::Client {
                client: next_client,
                first: next_first,
            },
        ) = (self.target, next.target)
        else {
            return false;
        };
        let continues = client == next_client
            && first + u64::from(self.count) == next_first
            && self.command == next.command
            && self.attempts == next.attempts
            && self.started == next.started
            && !(self.is_indivisible || next.is_indivisible);
        if continues {
            self.count += next.count;
            self.bytes += next.bytes;
            self.place = self.place.joined(next.place);
        }
        continues
    }

    /// Takes the first `count` requests off: they have their replies.
    #[inline]
    pub(super) fn answer(&mut self, count: u32) -> Self {
        let front = Self { count, ..*self };
        self.is_begun = false;
        self.skip(count);
        self.answered += count;
        front
    }

    /// The first `count` requests go.
    #[inline]
    fn skip(&mut self, count: u32) {
        self.count -= count;
        if let Target::Client { first, .. } = &mut self.target {
            *first += u64::from(count);
        }
    }

    /// `count` of the unanswered requests behind the first `skipped`, of so many bytes, as a parcel of their own.
    pub(super) fn piece(&self, skipped: u32, count: u32, bytes: usize) -> Self {
        let mut piece = *self;
        piece.is_begun &= skipped == 0;
        piece.skip(skipped);
        Self {
            count,
            answered: 0,
            bytes,
            ..piece
        }
    }
}
