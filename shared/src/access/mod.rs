//! Who may run what: users, the rules that make them, and what they decide; Redis' ACL.
//! Pure: told the settings, says yes or no. Never: keeps a client, reads a file, has a clock or dice of its own.
//! Invariant: node and proxy decide alike, for both ask here.
//!
//! - [`Users`], [`User`]: everybody, one of them. [`Login`]: as whom a client has come in, with the one flag that is looked at per command.
//! - [`Denied`], [`Refused`]: what a user may not, and what is said then. [`AccessLog`]: what was refused.
//! - [`answer`]: the answers to ACL; [`Changed`] says whose clients are to hear of it.

mod answer;
mod command_set;
mod decide;
mod describe;
mod file;
mod log;
mod login;
mod password;
mod rule;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;

pub use answer::{AccessDesk, AfterAccess, answer, secret_args};
pub use decide::Denied;
pub use file::without_passwords;
pub use log::{AccessLog, Context, Reason, Refusal};
pub use login::{Login, Refused};
pub use password::PasswordDice;
pub use selector::ChannelsByDefault;
pub use user::{DEFAULT_USER, User};
pub use users::{Changed, MOST_USERS, Users};
