//! A cluster in this process: shards × nodes and a proxy, each node on a thread and runtime of its own.
//!
//! Every socket is bound before the first thread starts, so that a taken port stops nothing half-way. The proxy follows its topology in a file,
//! as it would anywhere else; change that file and the cluster follows.
//! Invariant: when [`LocalCluster::stop`] returns, every thread has ended; the proxy first, so that its clients get their replies.

use crate::home::Home;
use crate::{ClusterPlan, Event, Events, Failure, Leaders, listen};
use node::{NodeExit, Sockets, Start};
use proxy::{Proxy, Reloading};
use shared::clock::Clock;
use shared::config::ProxyConfig;
use shared::topology::{Address, Topology};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// Why operators cannot have its proxy drained.
const NO_DRAIN: &str = "this proxy is one process with its nodes, which would end with it and take their keys along; end `switchyard up` itself, or run `up --processes`";

/// A cluster in this process.
#[derive(Debug)]
pub struct LocalCluster {
    served_at: String,
    nodes: Vec<NodeThread>,
    proxy: ProxyThread,
    events: Events,
    home: Home,
    /// As it was before anybody was started.
    start: Topology,
    reloading: Reloading,
}

#[derive(Debug)]
struct NodeThread {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct ProxyThread {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl LocalCluster {
    /// Starts nodes and proxy. Clients are served when this returns; where there are followers, as soon as [`Leaders`] says so.
    ///
    /// # Errors
    /// A taken port, data of a cluster of another shape, or what the operating system refuses. Nothing is left running then.
    pub fn start(plan: ClusterPlan) -> Result<Self, Failure> {
        let plan = plan.harmonised();
        let home = Home::take(&plan)?;
        let listeners: Vec<TcpListener> = (0..plan.nodes())
            .map(|_| listen("listen", &Address::loopback(0), plan.node.tcp_backlog))
            .collect::<Result<_, _>>()?;
        let admins = (0..plan.nodes()).map(|place| {
            let address = plan.admin_address(place);
            let listen = |address| listen("admin", &address, plan.node.tcp_backlog);
            address.map(listen).transpose()
        });
        let admins: Vec<Option<TcpListener>> = admins.collect::<Result<_, _>>()?;
        let addresses = listeners
            .iter()
            .map(|listener| listener.local_addr().map(Address::from))
            .collect::<io::Result<Vec<Address>>>()
            .map_err(|source| Failure::System {
                what: "read a socket's address",
                source,
            })?;
        let start = home.settle(&plan, &addresses)?;
        let proxy = Proxy::bind(ProxyConfig {
            topology: home.topology_file().into(),
            ..plan.proxy.clone()
        })?
        .undrained(NO_DRAIN);
        let served_at = served_at(&proxy);
        let reloading = proxy.reloading();
        let events = Events::new();
        let mut nodes = Vec::new();
        for (place, (listener, admin)) in listeners.into_iter().zip(admins).enumerate() {
            let mut config = plan.node.clone();
            config.data_dir = plan.data_folder(place);
            let node = Start {
                config,
                config_file: plan.node_file.clone(),
            };
            let sockets = Sockets {
                clients: listener,
                admin,
            };
            nodes.push(start_node(place, node, sockets, events.sender())?);
        }
        let proxy = start_proxy(proxy, events.sender())?;
        Ok(Self {
            served_at,
            nodes,
            proxy,
            events,
            home,
            start,
            reloading,
        })
    }

    /// Where clients connect, and what else is served; see [`served_at`].
    #[must_use]
    pub fn served_at(&self) -> &str {
        &self.served_at
    }

    /// Where the nodes listen, in the order of their names.
    #[must_use]
    pub fn node_addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// Where each node serves metrics and health, if it does, in the same order.
    #[must_use]
    pub fn node_admin_addresses(&self) -> Vec<Option<SocketAddr>> {
        self.nodes.iter().map(|node| node.admin).collect()
    }

    /// The topology file that the proxy follows.
    #[must_use]
    pub fn topology_file(&self) -> PathBuf {
        self.home.topology_file()
    }

    /// Who says when clients are served.
    #[must_use]
    pub fn leaders(&self) -> Leaders {
        Leaders::new(self.topology_file(), self.start.clone(), Clock::system())
    }

    /// What makes its proxy read topology and certificates again.
    #[must_use]
    pub fn reloading(&self) -> Reloading {
        self.reloading.clone()
    }

    /// What happens to it.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Lets clients get their replies, then ends the proxy, then the nodes.
    ///
    /// # Errors
    /// What the proxy or a node failed with at its end.
    pub fn stop(self) -> Result<(), Failure> {
        self.proxy.stop.send_replace(true);
        let mut panicked = self.proxy.thread.join().is_err();
        for node in &self.nodes {
            node.stop.send_replace(true);
        }
        for node in self.nodes {
            panicked |= node.thread.join().is_err();
        }
        match self.events.into_failure() {
            Some(failure) => Err(failure),
            None if panicked => Err(Failure::Panicked),
            None => Ok(()),
        }
    }
}

/// `127.0.0.1:6379, TLS at 127.0.0.1:6380, metrics at http://127.0.0.1:9121/metrics`; with TLS alone it begins `127.0.0.1:6380 with TLS`.
#[must_use]
pub fn served_at(proxy: &Proxy) -> String {
    let mut text = match (proxy.plain_address(), proxy.tls_address()) {
        (Some(plain), Some(tls)) => format!("{plain}, TLS at {tls}"),
        (Some(plain), None) => plain.to_string(),
        (None, Some(tls)) => format!("{tls} with TLS"),
        // A proxy without both does not start.
        (None, None) => String::new(),
    };
    if let Some(address) = proxy.admin_address() {
        text.push_str(&metrics_at(&address));
    }
    text
}

/// `, metrics at http://127.0.0.1:9121/metrics`, behind what else is served.
#[must_use]
pub fn metrics_at(address: &SocketAddr) -> String {
    format!(", {METRICS_AT}{address}{METRICS}")
}

/// What stands before and behind the address at which metrics are.
pub(crate) const METRICS_AT: &str = "metrics at http://";
pub(crate) const METRICS: &str = "/metrics";

fn start_node(
    place: usize,
    start: Start,
    sockets: Sockets,
    events: Sender<Event>,
) -> Result<NodeThread, Failure> {
    let failed = |source| Failure::System {
        what: "start a node",
        source,
    };
    let name = format!("node {}", crate::node_id(place));
    let address = sockets.clients.local_addr().map_err(failed)?;
    let admin = sockets.admin.as_ref().map(TcpListener::local_addr);
    let admin = admin.transpose().map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let thread = thread::Builder::new().name(name.clone());
    let run = move || {
        let outcome = node::run(start, sockets, || {}, told(stopped));
        let outcome = match outcome {
            Ok(NodeExit::Told | NodeExit::Shutdown) => Ok(()),
            Err(error) => Err(Failure::node(&name, error)),
        };
        // Nobody listens any more once the cluster is gone.
        events.send(Event::NodeEnded(name, outcome)).ok();
    };
    let thread = thread.spawn(run).map_err(failed)?;
    Ok(NodeThread {
        address,
        admin,
        stop,
        thread,
    })
}

fn start_proxy(proxy: Proxy, events: Sender<Event>) -> Result<ProxyThread, Failure> {
    let (stop, stopped) = watch::channel(false);
    let run = move || {
        let outcome = proxy.run(stopped).map_err(Failure::from);
        events.send(Event::ProxyEnded(outcome)).ok();
    };
    let thread = thread::Builder::new().name("proxy".to_owned());
    let thread = thread.spawn(run).map_err(|source| Failure::System {
        what: "start the proxy",
        source,
    })?;
    Ok(ProxyThread { stop, thread })
}

/// Resolves when `stopped` says so, or whoever could say so is gone.
pub(crate) async fn told(mut stopped: watch::Receiver<bool>) {
    stopped.wait_for(|&stop| stop).await.ok();
}
