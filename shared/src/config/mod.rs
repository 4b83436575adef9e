//! Settings of node and proxy: built-in defaults < TOML file < environment < flag.
//! [`node`] and [`proxy`] list them, each once; [`units`] reads "64mb" and "250ms"; [`problem`] is what a person sees when something is wrong.
//! Reads a file when told to, never the environment or the arguments by itself. All problems are reported together.

pub(crate) mod document;
mod file;
mod load;
mod networks;
mod node;
mod policy;
mod problem;
mod proxy;
mod render;
mod secret;
mod sentinel_name;
mod settings;
mod topology_access;
mod topology_place;
mod units;
mod value;

pub use document::quoted;
pub use file::{
    Draft, FileError, LONGEST_FILE_BYTES, create_file, create_private_file, read_file,
    replace_file, replace_private_file,
};
pub use load::{LoadError, Readers, Sources, load, resolve};
pub use networks::Networks;
pub use node::{AclPubsubDefault, AppendFsync, DebugCommand, MaxmemoryPolicy, NodeConfig};
pub use policy::{Acks, LONGEST_PATTERN, MOST_POLICIES, Policies, Policy, ReadFrom, Rule};
pub use problem::{Origin, Problem, Problems, did_you_mean};
pub use proxy::{PresentAs, ProxyConfig, UsersIn};
pub use render::{describe, render};
pub use secret::Secret;
pub use sentinel_name::SentinelName;
pub use settings::{Conflict, Setting, Settings, environment_prefix};
pub use topology_access::{TopologyAccess, UserName};
pub use topology_place::TopologyPlace;
pub use units::{
    ByteCount, ConfigPairs, FileName, SavePoints, parse_duration, parse_size, print_duration,
};
pub use value::SettingValue;
pub(crate) use value::parse_choice;
