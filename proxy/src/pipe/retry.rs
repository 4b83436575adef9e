//! May a parcel whose connection was lost be sent again? The only place where that is decided.
//! Pure. Invariants: a write of which the node may have seen a byte is never sent twice; what is one is sent again, or fails, as a whole; a read never sees what
//! its client wrote after it.

use shared::command::Retry;

use super::parcel::Parcel;

/// How often a read is sent: enough to outlive a node's restart and one more accident, few enough not to follow a poisonous request around.
const MOST_ATTEMPTS: u8 = 3;

/// What becomes of a parcel without its replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays in line and is sent when the node is back, or fails at its deadline.
    SendAgain,
    /// It certainly changed nothing; the client may send it again.
    NotApplied,
    /// Nobody knows whether it was executed.
    Unknown,
}

/// The fate of a parcel of whose bytes at least one was now `sent`, or none. `before_write`: behind it is a write of the same client, perhaps of the same
/// key, that was sent and may have been executed, so that the answer to a second try might tell of it.
pub(crate) fn fate(parcel: &Parcel, sent: bool, before_write: bool) -> Fate {
    // Of what is one, a part that was answered cannot be taken back.
    let may_repeat = parcel.retry == Retry::Safe
        && parcel.attempts + 1 < MOST_ATTEMPTS
        && parcel.is_whole()
        && !before_write;
    if !sent || may_repeat {
        Fate::SendAgain
    } else {
        end(parcel, sent)
    }
}

/// What is true for a parcel that is given up.
pub(crate) fn end(parcel: &Parcel, sent: bool) -> Fate {
    match parcel.retry {
        Retry::Never if sent => Fate::Unknown,
        Retry::Never | Retry::Safe => Fate::NotApplied,
    }
}

/// The fate of what a client waits for over a lease that is lost; `repeatable`: it takes nothing, and means the same the next time. A node that was asked to wait and has
/// not answered may have served the client in that very moment: what it has popped for it is gone then, so that only what takes nothing is asked again.
pub(crate) fn fate_of_waiting(repeatable: bool, sent: bool, attempts: u8) -> Fate {
    match (sent, repeatable) {
        (false, _) => Fate::SendAgain,
        (true, true) if attempts + 1 < MOST_ATTEMPTS => Fate::SendAgain,
        (true, true) => Fate::NotApplied,
        (true, false) => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parcel::Target;
    use super::*;
    use crate::route::Place;
    use shared::clock::Stopwatch;
    use shared::command::CommandId;

    fn parcel(command: CommandId, attempts: u8) -> Parcel {
        let started = Stopwatch::new().read();
        let mut parcel = Parcel::new(Target::Nobody, Place::Anywhere, command, 3, started);
        parcel.attempts = attempts;
        parcel
    }

    #[test]
    fn writes_that_were_sent_are_never_sent_again() {
        for attempts in 0..3 {
            let write = parcel(CommandId::Set, attempts);
            assert_eq!(fate(&write, true, false), Fate::Unknown);
            assert_eq!(fate(&write, false, false), Fate::SendAgain);
            assert_eq!(end(&write, true), Fate::Unknown);
            assert_eq!(end(&write, false), Fate::NotApplied);
            let read = parcel(CommandId::Get, attempts);
            assert_eq!(fate(&read, false, true), Fate::SendAgain);
            assert_eq!(fate(&read, true, true), Fate::NotApplied);
            assert_eq!(end(&read, true), Fate::NotApplied);
        }
    }

    #[test]
    fn what_may_have_been_popped_for_nobody_is_not_asked_again() {
        for attempts in 0..4 {
            assert_eq!(fate_of_waiting(false, true, attempts), Fate::Unknown);
            assert_eq!(fate_of_waiting(false, false, attempts), Fate::SendAgain);
        }
        assert_eq!(fate_of_waiting(true, true, 0), Fate::SendAgain);
        assert_eq!(fate_of_waiting(true, true, 2), Fate::NotApplied);
    }

    #[test]
    fn reads_are_repeated_but_not_for_ever() {
        for (attempts, expected) in [
            (0, Fate::SendAgain),
            (1, Fate::SendAgain),
            (2, Fate::NotApplied),
            (200, Fate::NotApplied),
        ] {
            assert_eq!(
                fate(&parcel(CommandId::Get, attempts), true, false),
                expected
            );
        }
    }

    #[test]
    fn what_is_one_is_repeated_as_a_whole_or_not_at_all() {
        for (command, when_begun) in [
            (CommandId::Get, Fate::NotApplied),
            (CommandId::Set, Fate::Unknown),
        ] {
            let mut transaction = parcel(command, 0);
            transaction.is_indivisible = true;
            let may_repeat = transaction.retry == Retry::Safe;
            let unanswered = fate(&transaction, true, false);
            assert_eq!(unanswered == Fate::SendAgain, may_repeat);
            assert_eq!(fate(&transaction, false, false), Fate::SendAgain);
            transaction.answer(1);
            assert_eq!(fate(&transaction, true, false), when_begun);
        }
        let mut run = parcel(CommandId::Get, 0);
        run.answer(1);
        assert_eq!(fate(&run, true, false), Fate::SendAgain, "its rest");
    }
}
