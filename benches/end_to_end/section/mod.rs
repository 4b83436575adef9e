//! What is measured, a section a file; each can be asked for by its name.

mod expiry;
mod flat;
mod hostile;
mod idle;
mod kept;
mod memory;
mod node;
mod pauses;
mod proxy;
mod sessions;
mod tls;
mod turns;
mod types;
mod whole;

use crate::Settings;
use crate::table::Table;

/// Name of a section, and what it does.
type Section = (&'static str, fn(&Settings, &mut Table));

/// All sections in the order in which they run.
pub(crate) const ALL: &[Section] = &[
    ("node", node::measure),
    ("proxy", proxy::measure),
    ("flat", flat::measure),
    ("sessions", sessions::measure),
    ("tls", tls::measure),
    ("memory", memory::measure),
    ("pauses", pauses::measure),
    ("expiry", expiry::measure),
    ("idle", idle::measure),
    ("hostile", hostile::measure),
    ("types", types::measure),
    ("turns", turns::measure),
    ("whole", whole::measure),
    ("kept", kept::measure),
];
