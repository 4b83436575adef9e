//! Losses of acknowledged writes that an operator has accepted, as the document keeps them. Pure.

use super::{ShardId, Topology, Version};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Most accepted losses that a document keeps; the oldest go first.
pub const MAX_LOSSES: usize = 32;

/// Longest proof, in bytes.
pub const LONGEST_PROOF: usize = 500;

/// A loss of acknowledged writes that an operator has accepted for a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The version by which it was accepted.
    pub version: Version,
    /// The shard, which may be gone by now.
    pub shard: ShardId,
    /// Why the nodes that did not answer could not be alive.
    pub proof: Proof,
}

/// An operator's words about why nodes that do not answer cannot be alive: one line of 1 to [`LONGEST_PROOF`] bytes. Cloning is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof(Arc<str>);

impl Proof {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is nothing in it.
    #[error("a proof says in words why the nodes that do not answer cannot be alive")]
    Empty,
    /// It is too long to be kept.
    #[error("a proof has at most {LONGEST_PROOF} bytes, and not {0}")]
    TooLong(usize),
    /// It is more than a line, or moves the cursor of whoever reads it.
    #[error("a proof is one line, without control characters")]
    NotOneLine,
}

impl FromStr for Proof {
    type Err = ProofError;

    /// Blanks around it are left out.
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let text = text.trim();
        let breaks_lines =
            |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
        match text.len() {
            0 => Err(ProofError::Empty),
            1..=LONGEST_PROOF if text.contains(breaks_lines) => Err(ProofError::NotOneLine),
            1..=LONGEST_PROOF => Ok(Self(Arc::from(text))),
            length => Err(ProofError::TooLong(length)),
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, out)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            shard,
            proof,
        } = self;
        write!(
            out,
            "acknowledged writes of shard {shard} were given up at version {version}: \"{proof}\""
        )
    }
}

impl Topology {
    /// Keeps that at this version, the topology's own, a loss of `shard` is accepted; beyond [`MAX_LOSSES`] the oldest is forgotten.
    pub fn record_loss(&mut self, shard: ShardId, proof: Proof) {
        let version = self.version;
        let loss = Loss {
            version,
            shard,
            proof,
        };
        let forgotten = (self.losses.len() + 1).saturating_sub(MAX_LOSSES);
        self.losses.drain(..forgotten);
        self.losses.push(loss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::sample;

    fn check(text: &str, expected: &str) {
        let outcome = text.parse::<Proof>();
        let words = outcome.map_or_else(|error| error.to_string(), |proof| proof.to_string());
        assert_eq!(words, expected, "{text:?}");
    }

    #[test]
    fn a_proof_is_one_line_of_words() {
        check(
            " rack 7 burnt; power is off\n",
            "rack 7 burnt; power is off",
        );
        let empty = "a proof says in words why the nodes that do not answer cannot be alive";
        check("", empty);
        check(" \n", empty);
        for wrong in ["a\nb", "a\u{1b}[2Jb", "a\u{2028}b", "a\u{85}b", "a\0b"] {
            check(wrong, "a proof is one line, without control characters");
        }
        let longest = "x".repeat(LONGEST_PROOF);
        check(&longest, &longest);
        check(
            &"x".repeat(LONGEST_PROOF + 1),
            "a proof has at most 500 bytes, and not 501",
        );
    }

    #[test]
    fn the_oldest_losses_are_forgotten() {
        let mut topology = sample::two_shards();
        for number in 0..40_u64 {
            topology.version = Version(number + 1);
            topology.record_loss(ShardId::numbered(1), "off".parse().unwrap());
        }
        assert_eq!(topology.losses.len(), MAX_LOSSES);
        assert_eq!(topology.losses[0].version, Version(9));
        assert_eq!(topology.losses[MAX_LOSSES - 1].version, Version(40));
    }
}
