//! What commands on streams refuse: [`StreamError`], a part of [`ErrorReply`](super::ErrorReply).
//! Pure.

/// An error of XADD and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// An identifier that is none.
    #[error("ERR Invalid stream ID specified as stream command argument")]
    InvalidId,
    /// Nothing is behind the greatest identifier.
    #[error("ERR invalid start ID for the interval")]
    InvalidStart,
    /// Nothing is before the least identifier.
    #[error("ERR invalid end ID for the interval")]
    InvalidEnd,
    /// XADD 0-0.
    #[error("ERR The ID specified in XADD must be greater than 0-0")]
    ZeroId,
    /// XADD.
    #[error("ERR The ID specified in XADD is equal or smaller than the target stream top item")]
    NotGreater,
    /// XADD behind the greatest identifier.
    #[error("ERR The stream has exhausted the last possible ID, unable to add more items")]
    Exhausted,
    /// XADD of more than a node can be long, or of one more than a millisecond has.
    #[error("ERR Elements are too large to be stored")]
    TooLarge,
    /// XADD and XTRIM.
    #[error("ERR The MAXLEN argument must be >= 0.")]
    MaxLenNegative,
    /// XADD and XTRIM.
    #[error("ERR The LIMIT argument must be >= 0.")]
    TrimLimitNegative,
    /// XADD and XTRIM.
    #[error("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")]
    TwoTrims,
    /// XADD and XTRIM.
    #[error("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")]
    LimitOfNoTrim,
    /// XADD and XTRIM.
    #[error("ERR syntax error, LIMIT cannot be used without the special ~ option")]
    LimitOfExactTrim,
    /// XTRIM of nothing.
    #[error("ERR syntax error, XTRIM must be called with a trimming strategy")]
    NoTrim,
    /// XREAD and XREADGROUP.
    #[error(
        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
    )]
    Unbalanced,
    /// XREAD GROUP.
    #[error("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")]
    GroupOfNoGroup,
    /// XREAD NOACK.
    #[error("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")]
    NoAckOfNoGroup,
    /// XREADGROUP.
    #[error("ERR Missing GROUP option for XREADGROUP")]
    MissingGroup,
    /// XREADGROUP.
    #[error(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
    )]
    LastIdOfGroup,
    /// XREAD.
    #[error(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
    )]
    NewIdOfNoGroup,
    /// XGROUP where no stream is.
    #[error(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
    )]
    GroupOfNoStream,
    /// XGROUP CREATE and SETID.
    #[error("ERR value for ENTRIESREAD must be positive or -1")]
    EntriesRead,
    /// XGROUP CREATE.
    #[error("BUSYGROUP Consumer Group name already exists")]
    BusyGroup,
    /// XSETID.
    #[error("ERR entries_added must be positive")]
    EntriesAddedNegative,
    /// XSETID.
    #[error("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")]
    BelowMaxDeleted,
    /// XSETID.
    #[error("ERR The ID specified in XSETID is smaller than the target stream top item")]
    BelowTopItem,
    /// XSETID.
    #[error("ERR The entries_added specified in XSETID is smaller than the target stream length")]
    BelowLength,
    /// XCLAIM and XAUTOCLAIM: the command's name.
    #[error("ERR Invalid min-idle-time argument for {0}")]
    MinIdle(&'static str),
    /// XCLAIM: the option's name.
    #[error("ERR Invalid {0} option argument for XCLAIM")]
    ClaimOption(&'static str),
}
