//! What node and proxy agree on; they never import each other and meet on the wire.
//!
//! - [`resp`]: requests and replies as bytes: scanning, encoding, every error text.
//! - [`command`]: the one table of commands, and the answers read from it. [`session`]: HELLO, AUTH, SELECT, CLIENT read once, for both sides to apply.
//!   [`access`]: who may run what. [`users_file`]: users on disk.
//! - [`slot`]: key → slot. [`topology`]: slots → shards → nodes.
//! - [`config`]: settings from file, environment and flags. [`clock`]: the only door through which time enters. [`backoff`]: how long to wait before trying again. [`glob`]: patterns as in KEYS. [`sketch`]: what a HyperLogLog remembers. [`drop_queue`]: dropping many things a few at a time. [`durations`]: the bounds that histograms show. [`open_files`]: the limit of open files. [`pubsub`]: who has subscribed to what. [`tracking`]: who is told of which keys' changes. [`long_double`]: the numbers in which Redis adds. [`wait_time`]: how long a command waits. [`moderation`]: how long a busy loop waits between turns. [`monitor`]: what MONITOR shows. [`socket`]: how one listens. [`throttle`]: log lines that strangers provoke.
//!
//! Pure but for [`config`] (reads a file when told to), [`users_file`] (the same), [`clock`] (reads the clock), [`open_files`] (changes what the process may open) and [`socket`] (opens listening sockets).

pub mod access;
pub mod backoff;
pub mod clock;
pub mod command;
pub mod config;
pub mod drop_queue;
pub mod durations;
pub mod glob;
pub mod long_double;
pub mod moderation;
pub mod monitor;
pub mod open_files;
pub mod pubsub;
pub mod resp;
pub mod session;
pub mod sketch;
pub mod slot;
pub mod socket;
pub mod throttle;
pub mod topology;
pub mod tracking;
pub mod users_file;
pub mod wait_time;
