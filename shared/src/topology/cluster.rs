//! Which cluster a topology is of, so that nodes tell its shards from those of another one that are called the same.
//! Pure.
//!
//! Nodes, and the folders of their data, know a shard by its name and the cluster's: `s1.3f9c21ab`. A node with the keys of another cluster's `s1` obeys nobody here,
//! and nobody replaces what it has.

use super::{LONGEST_NAME, ShardId, Topology};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name of a cluster.
pub const LONGEST_CLUSTER: usize = 16;

/// A cluster's name. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterId(Arc<str>);

/// Why a text is no cluster's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no name of a cluster; it has 1 to {LONGEST_CLUSTER} small letters and digits")]
pub struct ClusterIdError(String);

impl ClusterId {
    /// One that no other cluster has, as far as these numbers were drawn by chance.
    #[must_use]
    pub fn drawn(bytes: [u8; 4]) -> Self {
        Self(format!("{:08x}", u32::from_be_bytes(bytes)).into())
    }

    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How nodes call a shard of this cluster; its own name where that is too long for both.
    #[must_use]
    pub fn told(&self, shard: &ShardId) -> ShardId {
        format!("{shard}.{self}")
            .parse()
            .unwrap_or_else(|_| shard.clone())
    }

    /// The shard of this cluster that nodes call so; another cluster's stays as it is called.
    #[must_use]
    pub fn untold(&self, told: &ShardId) -> ShardId {
        let own = told.as_str().strip_suffix(self.as_str());
        let own = own.and_then(|name| name.strip_suffix('.'));
        own.and_then(|name| name.parse().ok())
            .unwrap_or_else(|| told.clone())
    }

    /// Whether a shard's name leaves room for this one.
    #[must_use]
    pub fn fits(&self, shard: &ShardId) -> bool {
        shard.as_str().len() + 1 + self.0.len() <= LONGEST_NAME
    }

    /// The cluster of a shard as nodes call it, if it is of one.
    #[must_use]
    pub fn of_told(told: &str) -> Option<(&str, Self)> {
        let (shard, cluster) = told.rsplit_once('.')?;
        Some((shard, cluster.parse().ok()?))
    }
}

impl FromStr for ClusterId {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, ClusterIdError> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=LONGEST_CLUSTER).contains(&text.len()) && text.bytes().all(letters);
        fits.then(|| Self(text.into()))
            .ok_or_else(|| ClusterIdError(text.chars().take(LONGEST_NAME).collect()))
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Topology {
    /// How nodes call a shard.
    #[must_use]
    pub fn told(&self, shard: &ShardId) -> ShardId {
        match &self.cluster {
            Some(cluster) => cluster.told(shard),
            None => shard.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_of_two_clusters_are_told_apart() {
        let ours = ClusterId::drawn([0x3f, 0x9c, 0x21, 0xab]);
        let other: ClusterId = "other".parse().unwrap();
        let shard = ShardId::numbered(1);
        let told = ours.told(&shard);
        assert_eq!(told.as_str(), "s1.3f9c21ab");
        assert_eq!(ours.untold(&told), shard);
        assert_eq!(other.untold(&told), told, "it is another's");
        assert_eq!(ours.untold(&shard), shard, "of one that has no name");
        assert_eq!(
            ClusterId::of_told(told.as_str()),
            Some(("s1", ours.clone()))
        );
        assert_eq!(ClusterId::of_told("s1"), None);
        let long: ShardId = "x".repeat(LONGEST_NAME).parse().unwrap();
        assert!(!ours.fits(&long) && ours.fits(&shard));
        for text in ["", "A", "a.b", "a-b", "12345678901234567"] {
            assert!(text.parse::<ClusterId>().is_err(), "{text}");
        }
    }
}
