//! What CLIENT TRACKING and CLIENT CACHING refuse: [`TrackingError`], a part of [`ErrorReply`](super::ErrorReply).
//! Pure.

use super::{ErrorReply, UserText};

/// An error of CLIENT TRACKING and CLIENT CACHING whose text is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackingError {
    /// Two times REDIRECT.
    #[error("ERR A client can only redirect to a single other client")]
    OneRedirection,
    /// REDIRECT to nobody.
    #[error("ERR The client ID you want redirect to does not exist")]
    NoSuchClient,
    /// Prefixes of keys that are read.
    #[error("ERR PREFIX option requires BCAST mode to be enabled")]
    PrefixWithoutBroadcast,
    /// From reads to prefixes, or back.
    #[error(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
    )]
    SwitchesBroadcast,
    /// Reads that are chosen, of one who is told by prefix.
    #[error("ERR OPTIN and OPTOUT are not compatible with BCAST")]
    ChoiceOfBroadcast,
    /// Both ways of choosing.
    #[error("ERR You can't specify both OPTIN mode and OPTOUT mode")]
    BothChoices,
    /// From one way of choosing to the other.
    #[error(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
    )]
    SwitchesChoice,
    /// CLIENT CACHING of one who has not asked to choose.
    #[error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
    )]
    NotTracking,
    /// CLIENT CACHING YES.
    #[error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")]
    NotOptIn,
    /// CLIENT CACHING NO.
    #[error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")]
    NotOptOut,
    /// Ours: Redis takes any number, and compares each with each.
    #[error("ERR too many prefixes of one client; a shorter one stands for all that begin with it")]
    TooManyPrefixes,
}

impl ErrorReply {
    /// A prefix of keys that begins another one of the same client, or is begun by it.
    #[must_use]
    pub fn overlapping_prefix(given: &[u8], existing: &[u8]) -> Self {
        Self::prefixes(given, "' overlaps with an existing prefix '", existing)
    }

    /// The same of two that are given together.
    #[must_use]
    pub fn overlapping_prefixes(given: &[u8], other: &[u8]) -> Self {
        Self::prefixes(given, "' overlaps with another provided prefix '", other)
    }

    fn prefixes(one: &[u8], between: &str, other: &[u8]) -> Self {
        let after = "'. Prefixes for a single client must not overlap.";
        let first = UserText::around("ERR Prefix '", one, between);
        let second = UserText::around("", other, after);
        Self::Quoting([first.as_bytes(), second.as_bytes()].concat().into())
    }
}
