//! How large a world may become, and which rule is broken in it.

/// How large a world may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) nodes: u8,
    pub(crate) writes: u8,
    pub(crate) changes: u64,
    pub(crate) restarts: u8,
    pub(crate) reads: bool,
}

/// A rule that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// There is no fence: a node goes on taking the log of a leader of an older epoch, and says so to it.
    Fence,
    /// A follower is in sync before anybody waits for it.
    GrowFirst,
    /// A primary stops waiting before the document says so.
    ShrinkLater,
    /// Recovering does not wait for all.
    RecoverEarly,
    /// Acknowledged is what the primary has.
    Alone,
    /// Reads are answered without asking followers.
    ReadAlone,
}
