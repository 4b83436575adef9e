//! What an error that a node replies means for the request: for its client, or for us?
//! Pure. Looked at for replies that begin with `-` alone.

/// What becomes of a request that was answered by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The client gets the error.
    Deliver,
    /// The node was not asked by the one whom it obeys now, and has done nothing: first words anew, and the request goes where it belongs by then.
    FenceAnew,
}

/// An order of an older epoch than the newest that the node has seen.
const STALE_EPOCH: &[u8] = b"-STALEEPOCH ";

/// Reads the beginning of an error.
#[cold]
pub(crate) fn verdict(error: &[u8]) -> Verdict {
    if error.starts_with(STALE_EPOCH) {
        Verdict::FenceAnew
    } else {
        Verdict::Deliver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_the_clients_but_for_those_about_the_pipe() {
        let check = |error: &[u8], expected| assert_eq!(verdict(error), expected);
        check(b"-STALEEPOCH 3 is older than 4\r\n", Verdict::FenceAnew);
        check(b"-STALEEPOCHS\r\n", Verdict::Deliver);
        check(b"-ERR STALEEPOCH 3\r\n", Verdict::Deliver);
        check(b"-WRONGTYPE Operation\r\n", Verdict::Deliver);
        check(b"-\r\n", Verdict::Deliver);
    }
}
