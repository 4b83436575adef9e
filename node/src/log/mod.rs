//! What commands changed, for the log and the followers.

mod effect;

pub use effect::{EffectMark, Effects};
