//! What an error that a node replies means for the request: for its client, or for us?
//! Pure. Looked at for replies that begin with `-` alone.

use super::Role;

/// What becomes of a request that was answered by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The client gets the error.
    Deliver,
    /// The node was not asked by the one whom it obeys now, and has done nothing: first words anew, and the request goes where it belongs by then.
    FenceAnew,
    /// A follower cannot answer it now; somebody else can.
    Elsewhere,
}

/// An order of an older epoch than the newest that the node has seen.
const STALE_EPOCH: &[u8] = b"-STALEEPOCH ";

/// What a follower says while it has no whole copy, or none that is fresh enough for its own settings.
const UNREADY: [&[u8]; 3] = [STALE_EPOCH, b"-LOADING ", b"-MASTERDOWN "];

/// Reads the beginning of an error over a pipe of this role. What a plain server says that leads no more (`READONLY`) is its client's: it refuses writes alone, and
/// has answered the reads behind them, so that what comes back would overtake itself.
#[cold]
pub(crate) fn verdict(error: &[u8], role: Role) -> Verdict {
    if role.is_reader() {
        if UNREADY.iter().any(|begin| error.starts_with(begin)) {
            Verdict::Elsewhere
        } else {
            Verdict::Deliver
        }
    } else if error.starts_with(STALE_EPOCH) {
        Verdict::FenceAnew
    } else {
        Verdict::Deliver
    }
}

/// What a node says of a command that waits when it leads no more.
const UNBLOCKED: &[u8] = b"-UNBLOCKED force unblock ";

/// Whether the answer to a command that waits says nothing of what it waited for: it is to be asked again, where that belongs by then. `is_cut_short`: the proxy has ended
/// the waiting for reasons of its own.
pub(crate) fn is_to_be_asked_again(answer: &[u8], is_cut_short: bool) -> bool {
    answer.starts_with(STALE_EPOCH)
        || answer.starts_with(UNBLOCKED)
        || is_cut_short && is_null(answer)
}

/// Whether an answer is that there is none.
pub(crate) fn is_null(answer: &[u8]) -> bool {
    [&b"*-1"[..], b"$-1", b"_"]
        .iter()
        .any(|begin| answer.starts_with(begin))
}

/// Whether a node does not obey at this epoch.
pub(crate) fn is_stale(answer: &[u8]) -> bool {
    answer.starts_with(STALE_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::super::Pledge;
    use super::*;

    #[test]
    fn only_what_says_nothing_of_its_keys_is_asked_again() {
        for (answer, when_cut, else_) in [
            (&b"-STALEEPOCH 3 4\r\n"[..], true, true),
            (
                b"-UNBLOCKED force unblock from blocking operation\r\n",
                true,
                true,
            ),
            (
                b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n",
                false,
                false,
            ),
            (
                b"-UNBLOCKED the stream key no longer exists\r\n",
                false,
                false,
            ),
            (b"*-1\r\n", true, false),
            (b"$-1\r\n", true, false),
            (b"_\r\n", true, false),
            (b"*2\r\n$1\r\na\r\n$1\r\n1\r\n", false, false),
            (b"$1\r\n1\r\n", false, false),
        ] {
            assert_eq!(is_to_be_asked_again(answer, true), when_cut);
            assert_eq!(is_to_be_asked_again(answer, false), else_);
        }
    }

    #[test]
    fn errors_are_the_clients_but_for_those_about_the_pipe() {
        let primary = Role::Primary(Pledge::Async);
        let check = |error: &[u8], expected| assert_eq!(verdict(error, primary), expected);
        check(b"-STALEEPOCH 3 is older than 4\r\n", Verdict::FenceAnew);
        check(b"-STALEEPOCHS\r\n", Verdict::Deliver);
        check(b"-ERR STALEEPOCH 3\r\n", Verdict::Deliver);
        check(b"-WRONGTYPE Operation\r\n", Verdict::Deliver);
        check(b"-\r\n", Verdict::Deliver);
        check(b"-LOADING Redis is loading\r\n", Verdict::Deliver);
        let read_only = b"-READONLY You can't write against a read only replica.\r\n";
        check(read_only, Verdict::Deliver);
        for role in [Role::Follower(Pledge::InSync), Role::Nearest(Pledge::Async)] {
            for (error, expected) in [
                (&b"-STALEEPOCH 3 4\r\n"[..], Verdict::Elsewhere),
                (b"-LOADING Redis is loading\r\n", Verdict::Elsewhere),
                (
                    b"-MASTERDOWN Link with MASTER is down\r\n",
                    Verdict::Elsewhere,
                ),
                (b"-WRONGTYPE Operation\r\n", Verdict::Deliver),
                (b"-LOADINGS\r\n", Verdict::Deliver),
            ] {
                assert_eq!(verdict(error, role), expected);
            }
        }
    }
}
