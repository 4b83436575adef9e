//! What all threads of a proxy share: facts that do not change, the topology, counters, the pause, and a way to each thread.
//! Never on the data path but for atomics and the topology, which are read without a lock.

use std::net::SocketAddr;

use shared::clock::Clock;
use shared::config::ProxyConfig;
use shared::topology::ProxyId;

use crate::access::LiveAccess;
use crate::counters::Counters;
use crate::gossip::{Announcements, KnownProxies};
use crate::orders::ThreadContact;
use crate::pause::Pause;
use crate::scripts::ScriptTexts;
use crate::sightings::Sightings;
use crate::tls::TlsFront;
use crate::topology::LiveTopology;

/// What all threads of a proxy share.
#[derive(Debug)]
pub(crate) struct ProxyShared {
    /// Settings.
    pub(crate) config: ProxyConfig,
    /// Who may do what.
    pub(crate) access: LiveAccess,
    /// TLS towards clients.
    pub(crate) tls: Option<TlsFront>,
    /// The clock of all threads, so that their milliseconds mean the same.
    pub(crate) clock: Clock,
    /// When the proxy was started, wall-clock milliseconds.
    pub(crate) started_ms: u64,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// 40 hexadecimal digits, drawn at the start: `run_id`, and the node's name in CLUSTER replies.
    pub(crate) run_id: String,
    /// The topology in use.
    pub(crate) topology: LiveTopology,
    /// What is counted for all threads.
    pub(crate) counters: Counters,
    /// CLIENT PAUSE.
    pub(crate) pause: Pause,
    /// Texts of scripts that have come.
    pub(crate) scripts: ScriptTexts,
    /// Nodes that have announced themselves here.
    pub(crate) announcements: Announcements,
    /// The other proxies.
    pub(crate) others: KnownProxies,
    /// A way to each thread.
    pub(crate) threads: Vec<ThreadContact>,
    /// Where threads tell what they see of the nodes.
    pub(crate) sightings: Sightings,
}

/// Names of proxies are those of one life.
const NAME_DIGITS: usize = 12;

impl ProxyShared {
    /// By which the others know it.
    pub(crate) fn name(&self) -> ProxyId {
        let digits: String = self.run_id.chars().take(NAME_DIGITS).collect();
        match format!("p-{digits}").parse() {
            Ok(name) => name,
            Err(error) => unreachable!("hexadecimal digits are a name: {error}"),
        }
    }

    /// Longest argument.
    pub(crate) fn bulk_bytes(&self) -> u32 {
        u32::try_from(self.config.proto_max_bulk_len.0).unwrap_or(u32::MAX)
    }
}
