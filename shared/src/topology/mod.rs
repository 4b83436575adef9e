//! The one document that says where every key lives: slots → shards → nodes.

mod address;

pub use address::{Address, AddressError};
