//! What a client may choose of its own connection, and ask about others': HELLO, AUTH, SELECT, CLIENT.
//! Pure: arguments in, a value that says what is asked for or the error that Redis gives out. Never: holds a client's state; node and proxy keep their own and
//! apply the value to it.
//! Invariant: a command that is refused has changed nothing, for a value comes only of arguments that are right as a whole.
//!
//! - [`Hello`], [`read_auth`], [`read_database`]: who speaks, how, about which database.
//! - [`ClientName`], [`LibraryFact`]: what it calls itself, within [`LONGEST_NAME_BYTES`].
//! - [`Replies`]: which replies it wants to hear. [`Notices`]: what it is told of what is to come. [`Pause`], [`Unblock`]: what it does to others.
//! - [`KillFilter`], [`ListFilter`], [`ClientLine`]: whom it means, and how one client is shown. [`foreign`]: what is spoken by those who are no clients.

mod filter;
mod foreign;
mod hello;
mod line;
mod name;
mod notices;
mod pause;
mod replies;

pub use filter::{ClientType, KillFilter, ListFilter, ListedClient};
pub use foreign::foreign;
pub use hello::{Hello, LoginRefused, read_auth, read_database, secret_args};
pub use line::{ClientLine, client_bytes};
pub use name::{ClientName, LONGEST_NAME_BYTES, LibraryFact};
pub use notices::Notices;
pub use pause::{Pause, PauseKind, Unblock};
pub use replies::{Replies, ReplyWish};

#[cfg(test)]
mod testing;
