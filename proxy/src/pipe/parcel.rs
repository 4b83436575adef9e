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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;
    use proptest::prelude::*;
    use shared::clock::Stopwatch;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn every_request_leaves_once_and_in_order_however_replies_arrive(
            steps in proptest::collection::vec((0u8..4, 1u32..6, any::<bool>()), 1..80),
        ) {
            let started = Stopwatch::new().read();
            let mut slab = Slab::new();
            let clients = [slab.insert(()), slab.insert(())];
            let mut in_flight = InFlight::default();
            let mut next = [0u64; 2];
            let mut expected = VecDeque::new();
            for (kind, count, joins) in steps {
                let target = match kind {
                    0 | 1 => {
                        let who = usize::from(kind);
                        // Numbers are left out between places.
                        next[who] += u64::from(!joins);
                        let first = next[who];
                        next[who] += u64::from(count);
                        Some((Target::Client { client: clients[who], first }, count))
                    }
                    2 => Some((Target::Part { gather: clients[0], part: 7 }, 1)),
                    _ => None,
                };
                if let Some((target, count)) = target {
                    let command = if count > 4 { CommandId::Set } else { CommandId::Get };
                    in_flight.push(Waiter { target, started, count, command, attempts: 0 });
                    for offset in 0..u64::from(count) {
                        expected.push_back(match target {
                            Target::Client { client, first } => {
                                (Target::Client { client, first: first + offset }, command)
                            }
                            part @ Target::Part { .. } => (part, command),
                        });
                    }
                    continue;
                }
                let Some(first) = in_flight.first() else { continue };
                let taken = in_flight.take(count.min(first.count));
                for offset in 0..u64::from(taken.count) {
                    let (target, command) = expected.pop_front().unwrap();
                    let got = match taken.target {
                        Target::Client { client, first } => Target::Client { client, first: first + offset },
                        part @ Target::Part { .. } => part,
                    };
                    prop_assert_eq!(got, target);
                    prop_assert_eq!(taken.command, command);
                }
            }
            while let Some(first) = in_flight.first() {
                let all = first.count;
                for _ in 0..in_flight.take(all).count {
                    expected.pop_front().unwrap();
                }
            }
            prop_assert!(expected.is_empty());
        }
    }
}
