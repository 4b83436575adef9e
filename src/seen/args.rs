//! What `switchyard status | top | slowlog | clients | events | explain` take.
//! Never: opens a socket, or decides anything.

use crate::topology_args::AdminArguments;
use clap::Args;

/// What all of them take.
#[derive(Debug, Args)]
pub(crate) struct LookArguments {
    /// As JSON, as the proxy's API has it.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) admin: AdminArguments,
}

/// `switchyard slowlog` and `switchyard clients`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) limit: u32,

    #[command(flatten)]
    pub(crate) look: LookArguments,
}

/// `switchyard events`.
#[derive(Debug, Args)]
pub(crate) struct EventArguments {
    /// The newest so many; a proxy keeps 1024.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) limit: u32,

    /// Only what has a greater number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) after: u64,

    /// Goes on, with what happens from then on, until it is told to stop.
    #[arg(long)]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) look: LookArguments,
}

/// `switchyard explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The database in which it would be said.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) database: u8,

    /// The user who would say it.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) user: String,

    #[command(flatten)]
    pub(crate) look: LookArguments,

    /// The command with its arguments; what stands behind its first word is the command's.
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<String>,
}
