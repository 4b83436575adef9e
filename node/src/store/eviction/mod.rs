//! Which key goes when memory is short: the policies, and [`Evictor`], which carries them out.
//! Pure: chance comes from a seeded generator. Never: a list of keys; entries are drawn from the slabs where they lie, and 16 bits in each say how it was used.
//! Invariant: work per eviction is bounded, whatever the keyspace looks like.

mod draw;
mod evictor;
mod fifo;
mod lfu;
mod lru;
mod pool;
pub(super) mod queue_mark;
mod random;
mod s3fifo;
mod sieve;
mod ttl;

pub(super) use draw::Draws;
pub(super) use evictor::Evictor;
pub(super) use queue_mark::Ticks;

use std::str::FromStr;

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EvictionPolicy {
    /// Nothing goes; writes are refused.
    #[default]
    NoEviction,
    /// The key that was not used for the longest time.
    AllKeysLru,
    /// The same among keys that have an expiry.
    VolatileLru,
    /// The key that is used least often.
    AllKeysLfu,
    /// The same among keys that have an expiry.
    VolatileLfu,
    /// Any key.
    AllKeysRandom,
    /// Any key that has an expiry.
    VolatileRandom,
    /// The key that expires soonest.
    VolatileTtl,
    /// The key that was written first.
    AllKeysFifo,
    /// Quick demotion of keys that were never used again.
    AllKeysS3Fifo,
    /// Lazy promotion: keys used since the hand's last visit stay.
    AllKeysSieve,
}

/// Every policy with its name in the configuration.
const NAMES: [(EvictionPolicy, &str); 11] = [
    (EvictionPolicy::VolatileLru, "volatile-lru"),
    (EvictionPolicy::VolatileLfu, "volatile-lfu"),
    (EvictionPolicy::VolatileRandom, "volatile-random"),
    (EvictionPolicy::VolatileTtl, "volatile-ttl"),
    (EvictionPolicy::AllKeysLru, "allkeys-lru"),
    (EvictionPolicy::AllKeysLfu, "allkeys-lfu"),
    (EvictionPolicy::AllKeysRandom, "allkeys-random"),
    (EvictionPolicy::AllKeysFifo, "allkeys-fifo"),
    (EvictionPolicy::AllKeysS3Fifo, "allkeys-s3fifo"),
    (EvictionPolicy::AllKeysSieve, "allkeys-sieve"),
    (EvictionPolicy::NoEviction, "noeviction"),
];

impl EvictionPolicy {
    /// All policies, in the order in which Redis lists its own.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(policy, _)| *policy)
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(policy, _)| *policy == self)
            .map_or("noeviction", |(_, name)| name)
    }

    /// Whether access marks count use (LFU) rather than time: OBJECT FREQ works then, OBJECT IDLETIME does not.
    #[must_use]
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::AllKeysLfu | Self::VolatileLfu)
    }

    /// Whether only keys that have an expiry may go.
    #[must_use]
    pub fn is_volatile(self) -> bool {
        matches!(
            self,
            Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl
        )
    }
}

/// There is no policy of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown eviction policy")]
pub struct UnknownPolicy;

impl FromStr for EvictionPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        NAMES
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(policy, _)| *policy)
            .ok_or(UnknownPolicy)
    }
}

/// What steers access marks and eviction; the names are Redis' settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionSettings {
    /// `maxmemory-policy`.
    pub policy: EvictionPolicy,
    /// `maxmemory-samples`, 1..=64.
    pub samples: u32,
    /// `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`, minutes; 0 means never.
    pub lfu_decay_minutes: u32,
}

impl Default for EvictionSettings {
    fn default() -> Self {
        Self {
            policy: EvictionPolicy::NoEviction,
            samples: 5,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EvictionPolicy, UnknownPolicy};

    #[test]
    fn every_policy_is_found_by_its_name() {
        for policy in EvictionPolicy::all() {
            assert_eq!(policy.name().parse(), Ok(policy));
        }
        assert_eq!("lru".parse::<EvictionPolicy>(), Err(UnknownPolicy));
    }
}
