//! What clients' requests show of the nodes: connections that fail. For whoever watches nodes; nobody waits for it.
//! Never: blocks, allocates per request, decides what it means. Bound: [`MOST_WAITING`]; what is more is lost, and shows again.

use protocol::detector::Failure;
use shared::topology::NodeId;
use tokio::sync::mpsc;

use crate::pipe::PipeError;

/// Sightings that may wait.
const MOST_WAITING: usize = 256;

/// What was seen of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// A connection has failed.
    Failed(NodeId, Failure),
    /// It obeys another epoch than ours, or has begun another life: the topology in use may be old.
    Fenced,
}

/// Where threads tell what they see.
#[derive(Clone, Debug)]
pub(crate) struct Sightings(mpsc::Sender<Sighting>);

/// Both ends.
pub(crate) fn sightings() -> (Sightings, mpsc::Receiver<Sighting>) {
    let (seen, told) = mpsc::channel(MOST_WAITING);
    (Sightings(seen), told)
}

impl Sightings {
    /// A connection to the node was lost, or could not be opened.
    pub(crate) fn tell(&self, node: &NodeId, error: &PipeError) {
        if let Some(sighting) = meaning(node, error) {
            // Nobody listens where nobody watches.
            self.0.try_send(sighting).ok();
        }
    }
}

fn meaning(node: &NodeId, error: &PipeError) -> Option<Sighting> {
    let failure = match error {
        error if error.is_about_fence() => return Some(Sighting::Fenced),
        PipeError::Io(error) => failure(error),
        PipeError::Closed => Failure::Reset,
        PipeError::ConnectTimeout { .. } | PipeError::Silent { .. } => Failure::Timeout,
        _ => return None,
    };
    Some(Sighting::Failed(node.clone(), failure))
}

/// How a connection failed, in the detector's words.
pub(crate) fn failure(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => Failure::Refused,
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Failure::Timeout
        }
        _ => Failure::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn what_threads_see_is_told_and_never_waited_for() {
        let (sightings, mut told) = sightings();
        let node = NodeId::numbered(1);
        let refused = PipeError::Io(ErrorKind::ConnectionRefused.into());
        let fenced = PipeError::Refused {
            command: "NODE FENCE",
            reply: "STALEEPOCH 2 2".to_owned(),
        };
        for error in [&refused, &PipeError::Closed, &fenced, &PipeError::Replaced] {
            sightings.tell(&node, error);
        }
        let failed = |failure| Sighting::Failed(node.clone(), failure);
        assert_eq!(told.try_recv(), Ok(failed(Failure::Refused)));
        assert_eq!(told.try_recv(), Ok(failed(Failure::Reset)));
        assert_eq!(told.try_recv(), Ok(Sighting::Fenced));
        assert!(told.try_recv().is_err());
        for _ in 0..2 * MOST_WAITING {
            sightings.tell(&node, &refused);
        }
        assert_eq!(told.len(), MOST_WAITING);
    }
}
