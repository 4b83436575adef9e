//! What one client has chosen: protocol, database, name, whether it has authenticated.
//! Pure.

use crate::store::DbIndex;
use shared::resp::Protocol;

/// One client's choices.
#[derive(Debug)]
pub struct ClientState {
    /// Unique in this process, counted from 1.
    pub id: u64,
    /// Chosen with HELLO.
    pub protocol: Protocol,
    /// Chosen with SELECT.
    pub db: DbIndex,
}
