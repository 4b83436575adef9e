//! The process frame.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread::JoinHandle;

use shared::config::ProxyConfig;
use shared::topology::Topology;
use tokio::sync::mpsc;

use crate::thread::{Order, run_thread};
use crate::topology::LiveTopology;

/// What all threads of a proxy share.
#[derive(Debug)]
pub(crate) struct ProxyShared {
    pub(crate) config: ProxyConfig,
    pub(crate) topology: LiveTopology,
    pub(crate) clients: AtomicUsize,
    pub(crate) next_client: AtomicU64,
}

impl ProxyShared {
    /// Longest argument.
    pub(crate) fn bulk_bytes(&self) -> u32 {
        u32::try_from(self.config.proto_max_bulk_len.0).unwrap_or(u32::MAX)
    }
}

/// A running proxy.
pub struct ProxyHandle {
    local_addr: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

impl ProxyHandle {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

/// temp
pub fn start(config: ProxyConfig, topology: Topology) -> std::io::Result<ProxyHandle> {
    let listener = TcpListener::bind(config.listen.pair())?;
    let local_addr = listener.local_addr()?;
    let count = config.threads.max(1);
    let proxy = Arc::new(ProxyShared {
        config,
        topology: LiveTopology::new(topology).unwrap(),
        clients: AtomicUsize::new(0),
        next_client: AtomicU64::new(1),
    });
    let mut threads = Vec::new();
    let mut senders = Vec::new();
    for _ in 0..count {
        let (tx, rx) = mpsc::channel(1024);
        senders.push(tx);
        let proxy = Arc::clone(&proxy);
        threads.push(std::thread::spawn(move || run_thread(proxy, rx).unwrap()));
    }
    threads.push(std::thread::spawn(move || {
        for i in 0.. {
            let Ok((stream, peer)) = listener.accept() else { continue };
            let _ = senders[i % senders.len()].blocking_send(Order::Serve(stream, peer));
        }
    }));
    Ok(ProxyHandle { local_addr, threads })
}
