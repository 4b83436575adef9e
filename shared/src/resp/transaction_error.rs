//! Why a transaction, or a command in one, does not run; in the words of Redis 7.0 but for what is ours.
//! Pure.

/// What is said of MULTI and its company.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// MULTI within MULTI.
    #[error("ERR MULTI calls can not be nested")]
    MultiNested,
    /// WATCH within MULTI.
    #[error("ERR WATCH inside MULTI is not allowed")]
    WatchInMulti,
    /// EXEC of nothing.
    #[error("ERR EXEC without MULTI")]
    ExecWithoutMulti,
    /// DISCARD of nothing.
    #[error("ERR DISCARD without MULTI")]
    DiscardWithoutMulti,
    /// A command that cannot be part of a transaction.
    #[error("ERR Command not allowed inside a transaction")]
    NotInTransaction,
    /// A command after which its client would wait for messages.
    #[error("ERR {0} isn't allowed for DENY BLOCKING client")]
    WaitsForMessages(Box<str>),
    /// EXEC behind a command that could not be queued.
    #[error("EXECABORT Transaction discarded because of previous errors.")]
    ExecAborted,
    /// EXEC that cannot run; why.
    #[error("EXECABORT Transaction discarded because of: {0}")]
    ExecRefused(Box<str>),
    /// EXEC whose replies are too many to be kept. Ours: Redis closes the connection, which others share here.
    #[error(
        "ERR the transaction has run, and its replies are more than client-output-buffer-limit allows"
    )]
    ExecTooLong,
    /// NODE EXEC of something that is no request. Ours.
    #[error("ERR NODE EXEC takes whole requests, each an argument")]
    BrokenTransaction,
}

impl super::ErrorReply {
    /// EXEC that cannot run, for this reason.
    #[must_use]
    pub fn exec_refused(why: &str) -> Self {
        TransactionError::ExecRefused(why.into()).into()
    }

    /// A command, by its name, after which its client would wait for messages.
    #[must_use]
    pub fn waits_for_messages(name: &str) -> Self {
        TransactionError::WaitsForMessages(name.to_uppercase().into()).into()
    }
}
