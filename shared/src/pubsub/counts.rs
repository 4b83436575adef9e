//! To how much a client has subscribed; the names are in [`super::Subscriptions`].
//! Pure.

/// One client's subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// SUBSCRIBE.
    pub channels: usize,
    /// PSUBSCRIBE.
    pub patterns: usize,
    /// SSUBSCRIBE.
    pub shard_channels: usize,
    /// What they take.
    pub bytes: usize,
}

impl SubscriptionCounts {
    /// Whether there are any: the client is a subscriber, to whom other limits apply.
    #[inline]
    #[must_use]
    pub fn are_any(&self) -> bool {
        self.bytes > 0
    }
}
