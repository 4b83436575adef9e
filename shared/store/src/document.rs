//! The document as text: what is there → what takes its place. Pure.
//! Invariants: what comes out reads back equal and obeys the rules; its version is greater than that of what it takes the place of, one on as a rule; what a person has said about keys that
//! may stay behind is kept, unless it is a person who writes.

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

/// What the next document says about keys that may stay behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// What the one before it says: a proxy changes something else.
    Kept,
    /// This: a person has written it.
    Written(Option<Version>),
}

/// The text that takes the place of `there`.
pub(crate) fn next(
    place: &Path,
    there: &str,
    expected: Version,
    (next, acceptance): (&Topology, Acceptance),
) -> Result<String, CasError> {
    assert!(next.version > expected, "a change is a newer version");
    obeys(next)?;
    let there = read(place, there).map_err(CasError::NotDone)?;
    if there.topology.version != expected {
        return Err(CasError::Lost);
    }
    Ok(text::print_document(&Document {
        topology: next.clone(),
        key_loss_accepted_at: match acceptance {
            Acceptance::Kept => there.key_loss_accepted_at,
            Acceptance::Written(version) => version,
        },
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
        let made = next(place, &there, Version(1), (&second(), Acceptance::Kept)).unwrap();
        assert_eq!(read(place, &made).unwrap().topology, second());
        let late = next(place, &made, Version(1), (&second(), Acceptance::Kept));
        assert!(matches!(late, Err(CasError::Lost)), "{late:?}");
        let torn = next(
            place,
            &there[..there.len() / 2],
            Version(1),
            (&second(), Acceptance::Kept),
        );
        assert!(matches!(torn, Err(CasError::NotDone(_))), "{torn:?}");
    }

    #[test]
    fn what_a_person_has_accepted_is_kept() {
        let place = Path::new("t.toml");
        let there = format!("{ACCEPTANCE} = 1\n{}", first(&topology()).unwrap());
        let made = next(place, &there, Version(1), (&second(), Acceptance::Kept)).unwrap();
        let made = read(place, &made).unwrap();
        assert_eq!(made.key_loss_accepted_at, Some(Version(1)));
        for written in [None, Some(Version(2))] {
            let second = second();
            let next = next(
                place,
                &there,
                Version(1),
                (&second, Acceptance::Written(written)),
            );
            let made = read(place, &next.unwrap()).unwrap();
            assert_eq!(made.key_loss_accepted_at, written, "a person has written");
        }
    }

    #[test]
    fn a_document_that_nobody_could_read_is_refused() {
        let mut broken = second();
        broken.shards.clear();
        let there = first(&topology()).unwrap();
        let refused = next(
            Path::new("t.toml"),
            &there,
            Version(1),
            (&broken, Acceptance::Kept),
        );
        assert!(matches!(refused, Err(CasError::Rules(_))), "{refused:?}");
        assert!(matches!(first(&broken), Err(CasError::Rules(_))));
    }
}
