//! What the admin listeners of nodes and proxies have in common: sockets that nobody can take from the others, metrics as text, what the system says of the process.
//! Never: knows what is counted, or what a page is about; that is for whoever serves it.
//!
//! ```text
//!  listener            accepts, few at a time and none for ever
//!  process             what the system knows of this process
//!  text ◇              metrics as Prometheus reads them
//! ```

mod listener;
mod process;
mod text;

pub use listener::{AdminListener, Peer};
pub use process::{most_open_files, open_files, resident_bytes};
pub use text::{Family, Kind, Page, Samples, Value};

/// What the text of metrics is called over HTTP.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4";
