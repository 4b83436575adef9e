//! Pairs the replies of one pipe with those who wait for them: a node answers in the order in which it was asked.
//! Pure. Invariant: every request pushed is taken out exactly once, in order.

use std::collections::VecDeque;

use shared::clock::Reading;
use shared::command::CommandId;

use crate::slab::Key;

/// Who gets the next replies of a pipe.
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
}

/// Consecutive requests of one client, or one part of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    /// Who waits.
    pub(crate) target: Target,
    /// When the requests were read.
    pub(crate) started: Reading,
    /// How many requests.
    pub(crate) count: u32,
    /// What they are.
    pub(crate) command: CommandId,
    /// How often they were sent before, without a reply.
    pub(crate) attempts: u8,
}

impl Waiter {
    /// Whether `next` simply continues this run.
    #[inline]
    fn continues_with(&self, next: &Self) -> bool {
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
        client == next_client
            && first + u64::from(self.count) == next_first
            && self.command == next.command
            && self.attempts == next.attempts
            && self.started == next.started
    }

    /// Takes the first `count` requests off.
    #[inline]
    fn split_off_front(&mut self, count: u32) -> Self {
        let front = Self { count, ..*self };
        self.count -= count;
        if let Target::Client { first, .. } = &mut self.target {
            *first += u64::from(count);
        }
        front
    }
}

/// Those who wait for the replies of one pipe.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    waiters: VecDeque<Waiter>,
}

impl InFlight {
    /// Waits behind all others.
    #[inline]
    pub(crate) fn push(&mut self, waiter: Waiter) {
        if let Some(last) = self.waiters.back_mut()
            && last.continues_with(&waiter)
        {
            last.count += waiter.count;
            return;
        }
        self.waiters.push_back(waiter);
    }

    /// Who gets the next reply.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Waiter> {
        self.waiters.front()
    }

    /// The first `count` requests of the first waiter are answered; they leave.
    ///
    /// # Panics
    /// When the first waiter waits for fewer replies.
    #[inline]
    pub(crate) fn take(&mut self, count: u32) -> Waiter {
        let first = self
            .waiters
            .front_mut()
            .expect("somebody waits for this reply");
        assert!(
            count > 0 && count <= first.count,
            "replies go to one waiter at a time"
        );
        if count < first.count {
            return first.split_off_front(count);
        }
        let whole = *first;
        self.waiters.pop_front();
        whole
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }
}
