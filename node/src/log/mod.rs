//! What commands changed, for the log and the followers. The store's door writes it down (`store/door`); here stands the law that it replays, how its files are read, and which they are.
//! Pure.
//!
//! The log is addressed by offset: so many bytes since its birth. On disk it is Redis 7's: a base, which is a snapshot, and increments, each of commands; `manifest` names them and says at which offset each increment begins.
//! What is one (a long command) stands between MULTI and EXEC, and is replayed as a whole or not at all.

mod backlog;
mod epochs;
mod follow;
mod manifest;
mod read;

pub use backlog::Backlog;
pub(crate) use epochs::{epoch_mark, epoch_of_mark, print_epochs, read_epochs};
pub(crate) use follow::{Next, Stream};
pub use manifest::ManifestFault;
pub(crate) use manifest::{MOST_BYTES as MOST_MANIFEST_BYTES, Manifest};
pub(crate) use read::{Found, LogFault, LogReader};

pub use crate::store::{Effects, Wording};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::{everything, line, play};
