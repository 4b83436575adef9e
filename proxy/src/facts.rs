//! What all threads of a proxy share: facts that do not change, the topology, counters, events, the pause, and a way to each thread.
//! Never on the data path but for atomics and the topology, which are read without a lock.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use shared::clock::Clock;
use shared::config::ProxyConfig;
use shared::topology::ProxyId;

use crate::access::LiveAccess;
use crate::counters::Counters;
use crate::events::Events;
use crate::gossip::{Announcements, KnownProxies};
use crate::heat::shown::AllSeen;
use crate::orders::ThreadContact;
use crate::pause::Pause;
use crate::redirects::Whereabouts;
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
    /// Where each client is.
    pub(crate) whereabouts: Whereabouts,
    /// What has happened.
    pub(crate) events: Events,
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

/// Digits of 64 bits.
const DRAWN_DIGITS: usize = 16;

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

    /// What nobody else has drawn, as far as chance goes: the beginning of the run's name.
    pub(crate) fn drawn(&self) -> u64 {
        let digits = self.run_id.get(..DRAWN_DIGITS).unwrap_or_default();
        u64::from_str_radix(digits, 16).unwrap_or_default()
    }

    /// The number of the next notice to clients: none that another life of this proxy, or another proxy, is likely to have used just now.
    pub(crate) fn next_notice(&self) -> u64 {
        let before = self.counters.notices.fetch_add(1, Ordering::Relaxed);
        self.started_ms + before
    }

    /// What all threads have seen pass most. It names keys of clients.
    pub(crate) fn all_seen(&self) -> AllSeen {
        let threads = self.threads.iter();
        let seen = threads.map(|thread| thread.seen.load_full()).collect();
        AllSeen::new(self.config.hot_keys_sample, seen)
    }

    /// Longest argument.
    pub(crate) fn bulk_bytes(&self) -> u32 {
        u32::try_from(self.config.proto_max_bulk_len.0).unwrap_or(u32::MAX)
    }
}
