//! May a command whose connection was lost be sent again? The only place where that is decided.
//! Pure. Invariant: a write of which the node may have seen a byte is never sent twice.

use shared::command::Retry;

/// How often a read is sent: enough to outlive a node's restart and one more accident, few enough not to follow a poisonous request around.
const MOST_ATTEMPTS: u8 = 3;

/// What becomes of a command without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays in line and is sent when the node is back, or fails at its deadline.
    SendAgain,
    /// It certainly changed nothing; the client may send it again.
    NotApplied,
    /// Nobody knows whether it was executed.
    Unknown,
}

/// The fate of a command that has been sent `attempts` times before, and whose bytes were now `sent` (at least one of them), or not.
pub(crate) fn fate(retry: Retry, sent: bool, attempts: u8) -> Fate {
    match (sent, retry) {
        (false, _) => Fate::SendAgain,
        (true, Retry::Safe) if attempts + 1 < MOST_ATTEMPTS => Fate::SendAgain,
        (true, Retry::Safe) => Fate::NotApplied,
        (true, Retry::Never) => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_that_were_sent_are_never_sent_again() {
        for attempts in 0..10 {
            assert_eq!(fate(Retry::Never, true, attempts), Fate::Unknown);
            assert_eq!(fate(Retry::Never, false, attempts), Fate::SendAgain);
            assert_eq!(fate(Retry::Safe, false, attempts), Fate::SendAgain);
        }
    }

    #[test]
    fn reads_are_repeated_but_not_for_ever() {
        assert_eq!(fate(Retry::Safe, true, 0), Fate::SendAgain);
        assert_eq!(fate(Retry::Safe, true, 1), Fate::SendAgain);
        assert_eq!(fate(Retry::Safe, true, 2), Fate::NotApplied);
        assert_eq!(fate(Retry::Safe, true, 200), Fate::NotApplied);
    }
}
