//! The document as text: what is there → what takes its place. Pure.
//! Invariants: what comes out reads back equal and obeys the rules; it is one version on from what it takes the place of; what a person has said about keys that
//! may stay behind is kept.

use std::path::Path;

use shared::topology::text::{self, Document};
use shared::topology::{Topology, Version, rules};

use crate::error::{CasError, StoreError};

/// What `text` says; `place` is named in problems.
pub(crate) fn read(place: &Path, text: &str) -> Result<Document, StoreError> {
    Ok(text::read(place, text)?)
}

/// The text of a first document.
pub(crate) fn first(topology: &Topology) -> Result<String, CasError> {
    obeys(topology)?;
    Ok(text::print(topology))
}

/// The text that takes the place of `there`.
pub(crate) fn next(
    place: &Path,
    there: &str,
    expected: Version,
    next: &Topology,
) -> Result<String, CasError> {
    assert_eq!(next.version, expected.next(), "one change, one version");
    obeys(next)?;
    let there = read(place, there).map_err(CasError::NotDone)?;
    if there.topology.version != expected {
        return Err(CasError::Lost);
    }
    Ok(text::print_document(&Document {
        topology: next.clone(),
        key_loss_accepted_at: there.key_loss_accepted_at,
    }))
}

fn obeys(topology: &Topology) -> Result<(), CasError> {
    let violations = rules::violations(topology);
    if violations.is_empty() {
        Ok(())
    } else {
        Err(CasError::Rules(violations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::topology::{ACCEPTANCE, Address, Node, NodeId, NodeKind};

    fn topology() -> Topology {
        let node = Node {
            id: NodeId::numbered(1),
            address: Address::loopback(7001),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        Topology::initial(vec![node], 0).unwrap()
    }

    fn second() -> Topology {
        Topology {
            version: Version(2),
            ..topology()
        }
    }

    #[test]
    fn the_next_document_follows_the_one_that_was_expected() {
        let place = Path::new("t.toml");
        let there = first(&topology()).unwrap();
        let made = next(place, &there, Version(1), &second()).unwrap();
        assert_eq!(read(place, &made).unwrap().topology, second());
        let late = next(place, &made, Version(1), &second());
        assert!(matches!(late, Err(CasError::Lost)), "{late:?}");
        let torn = next(place, &there[..there.len() / 2], Version(1), &second());
        assert!(matches!(torn, Err(CasError::NotDone(_))), "{torn:?}");
    }

    #[test]
    fn what_a_person_has_accepted_is_kept() {
        let place = Path::new("t.toml");
        let there = format!("{ACCEPTANCE} = 1\n{}", first(&topology()).unwrap());
        let made = next(place, &there, Version(1), &second()).unwrap();
        let made = read(place, &made).unwrap();
        assert_eq!(made.key_loss_accepted_at, Some(Version(1)));
    }

    #[test]
    fn a_document_that_nobody_could_read_is_refused() {
        let mut broken = second();
        broken.shards.clear();
        let there = first(&topology()).unwrap();
        let refused = next(Path::new("t.toml"), &there, Version(1), &broken);
        assert!(matches!(refused, Err(CasError::Rules(_))), "{refused:?}");
        assert!(matches!(first(&broken), Err(CasError::Rules(_))));
    }
}
