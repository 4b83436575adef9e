//! What is said about users and their rights, in the words of Redis 7.0 but for what is ours.
//! Pure.

use super::ErrorReply;
use super::user_text::UserText;

/// Bytes of the name of a category that Redis prints at most.
const LONGEST_CATEGORY: usize = 128;

/// An error of ACL, or of whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Who comes from a network in `proxy-protocol-from` without the header that such connections begin with; how many seconds it may take. Ours.
    #[error(
        "ERR connections from here begin with a header of the PROXY protocol, version 2, within {0} s, for this address is named in proxy-protocol-from"
    )]
    NoProxyHeader(u64),
    /// A command that the user may not run; its name.
    #[error("NOPERM this user has no permissions to run the '{0}' command")]
    Command(&'static str),
    /// A command on keys that it may not use.
    #[error("NOPERM this user has no permissions to access one of the keys used as arguments")]
    Keys,
    /// A command on channels that it may not use.
    #[error("NOPERM this user has no permissions to access one of the channels used as arguments")]
    Channels,
    /// A command that was queued when it was still allowed; why it is no more.
    #[error(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: {0}"
    )]
    ChangedSinceQueued(&'static str),
    /// A command that a script asks for on behalf of a user; why that may not.
    #[error("ERR The user executing the script {0}")]
    InScript(&'static str),
    /// SORT of keys by others, any of which it might be; the option.
    #[error("ERR {0} option of SORT denied due to insufficient ACL permissions.")]
    SortPattern(&'static str),
    /// ACL SETUSER.
    #[error("ERR Usernames can't contain spaces or null characters")]
    UserName,
    /// ACL SETUSER of one more. Ours: Redis has no bound.
    #[error("ERR there are as many users as there may be")]
    TooManyUsers,
    /// ACL DELUSER.
    #[error("ERR The 'default' user cannot be removed")]
    DefaultUserStays,
    /// ACL LOAD and ACL SAVE.
    #[error(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
    )]
    NoFile,
    /// ACL SAVE.
    #[error(
        "ERR There was an error trying to save the ACLs. Please check the server logs for more information"
    )]
    NotSaved,
    /// ACL GENPASS.
    #[error(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
    )]
    PasswordBits,
}

impl ErrorReply {
    /// ACL SETUSER: a rule that is wrong, and what is wrong with it.
    #[must_use]
    pub fn rule_refused(rule: &[u8], reason: &str) -> Self {
        Self::Quoting(UserText::around(
            "ERR Error in ACL SETUSER modifier '",
            rule,
            &format!("': {reason}"),
        ))
    }

    /// ACL SETUSER: a selector that never ends; how it begins.
    #[must_use]
    pub fn unmatched_parenthesis(rule: &[u8]) -> Self {
        Self::Quoting(UserText::around(
            "ERR Unmatched parenthesis in acl selector starting at '",
            rule,
            "'.",
        ))
    }

    /// ACL DRYRUN.
    #[must_use]
    pub fn user_not_found(name: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR User '", name, "' not found"))
    }

    /// ACL DRYRUN.
    #[must_use]
    pub fn command_not_found(name: &[u8]) -> Self {
        Self::Quoting(UserText::around("ERR Command '", name, "' not found"))
    }

    /// ACL CAT.
    #[must_use]
    pub fn unknown_category(word: &[u8]) -> Self {
        let shown = word.get(..LONGEST_CATEGORY).unwrap_or(word);
        Self::Quoting(UserText::around("ERR Unknown category '", shown, "'"))
    }

    /// ACL LOAD: all that is wrong with the file.
    #[must_use]
    pub fn users_not_loaded(what: &str) -> Self {
        Self::Quoting(UserText::around("ERR ", what.as_bytes(), ""))
    }
}
