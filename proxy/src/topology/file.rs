//! The topology in a file: loaded at the start, and again whenever it changes.

use std::path::PathBuf;

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TopologyFileError {
    /// It cannot be read.
    #[error("cannot read topology file {path}")]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}
