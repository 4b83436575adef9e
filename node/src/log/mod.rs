//! What commands changed, for the log and the followers. The store's door writes it down (`store/door`); here stands the law that it replays.
//! Pure.

pub use crate::store::{Effects, Wording};

#[cfg(test)]
mod tests;
