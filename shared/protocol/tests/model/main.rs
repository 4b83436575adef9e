//! The protocol of one shard, checked: nodes that lead and follow, a document that is changed by compare-and-set, messages that are late, lost and doubled,
//! nodes that restart with all, some or nothing of their logs. What decides is the code of the crate; the world here only moves messages and logs.
//!
//! Three runs: every state of small worlds (`exhaustive`), long random walks of larger ones (`walks`), and the same with one rule broken (`broken`), where the
//! checker must find a loss: if it does not, it sees nothing.

mod broken;
mod exhaustive;
mod mail;
mod size;
mod walks;
mod world;
