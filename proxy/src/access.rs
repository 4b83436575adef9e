//! Who may do what at this proxy: users swapped whole, read without a lock, the same for all threads.
//! Never: reads a file.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use shared::access::Users;

/// The users in use.
#[derive(Debug)]
pub(crate) struct LiveAccess {
    users: ArcSwap<Users>,
}

impl LiveAccess {
    /// Begins with these.
    pub(crate) fn new(users: Users) -> Self {
        Self {
            users: ArcSwap::from_pointee(users),
        }
    }

    /// Everybody.
    pub(crate) fn users(&self) -> Guard<Arc<Users>> {
        self.users.load()
    }
}
