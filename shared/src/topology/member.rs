//! A node in one of its lives: how members of a shard are named. Pure.

use super::{Incarnation, NameError, NodeId};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Nodes with the life in which each is meant; `None` where nobody has asked yet, as in files that are written by hand.
pub type Lives = BTreeMap<NodeId, Option<Incarnation>>;

/// A node in one of its lives. Prints as `n1@00000000000000ab`, or as `n1` where no life is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// Its life.
    pub incarnation: Option<Incarnation>,
}

impl Member {
    /// Everybody in `lives`, in the order of names.
    pub fn all(lives: &Lives) -> impl Iterator<Item = Self> {
        lives.iter().map(|(node, incarnation)| Self {
            node: node.clone(),
            incarnation: *incarnation,
        })
    }
}

/// Why a text is no member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// There is no incarnation in it, and it is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What stands around the `@` is no name, or no incarnation.
    #[error("\"{0}\" is not a node, nor a node and its incarnation: NAME@16 hexadecimal digits")]
    Life(String),
}

/// Longest text that an error repeats, in characters.
const MOST_SHOWN: usize = 100;

impl FromStr for Member {
    type Err = MemberError;

    fn from_str(text: &str) -> Result<Self, MemberError> {
        let Some((node, incarnation)) = text.split_once('@') else {
            let (node, incarnation) = (text.parse()?, None);
            return Ok(Self { node, incarnation });
        };
        match (node.parse(), incarnation.parse()) {
            (Ok(node), Ok(incarnation)) => Ok(Self {
                node,
                incarnation: Some(incarnation),
            }),
            _ => Err(MemberError::Life(text.chars().take(MOST_SHOWN).collect())),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(out)?;
        match self.incarnation {
            Some(incarnation) => write!(out, "@{incarnation}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, node: &str, life: Option<u64>) {
        let member: Member = text.parse().unwrap();
        assert_eq!(member.node.as_str(), node);
        assert_eq!(member.incarnation, life.map(Incarnation));
        assert_eq!(member.to_string(), text);
    }

    #[test]
    fn a_member_is_a_node_and_perhaps_its_life() {
        check("n1", "n1", None);
        check("cache-7.eu@00000000000000ab", "cache-7.eu", Some(0xAB));
        for wrong in ["", "@", "n1@", "@00000000000000ab", "n1@ab", "n1@x@y"] {
            assert!(wrong.parse::<Member>().is_err(), "{wrong}");
        }
    }
}
