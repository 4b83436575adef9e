//! `switchyard up | node | proxy`: settings in, a server that runs until it is told to stop.

use crate::args::{LogArguments, ServerArguments, UpArguments};
use crate::say;
use proxy::Proxy;
use shared::config::{LoadError, NodeConfig, ProxyConfig, Settings, Sources, load, render};
use std::sync::mpsc::Sender;
use switchyard::{ChildCluster, ClusterPlan, Event, Failure, LocalCluster, READY, listen, signals};
use tokio::sync::watch;
use tracing::{error, warn};

/// `switchyard node`.
pub(crate) fn node(arguments: &ServerArguments<NodeConfig>) -> Result<(), Failure> {
    let Some(config) = settings(arguments)? else {
        return Ok(());
    };
    let listener = listen(&config.listen, config.tcp_backlog)?;
    let address = listener.local_addr().map_err(|source| Failure::System {
        what: "read a socket's address",
        source,
    })?;
    let mut stopped = stop_on_signal(arguments.stop_with_parent)?;
    // The socket takes connections in already; they are served in a moment.
    say(&format!("{READY}{address}"));
    let told = async move {
        stopped.wait_for(|&stop| stop).await.ok();
    };
    node::run(config, listener, told)
        .map(drop)
        .map_err(|error| Failure::node("the node", error))
}

/// `switchyard proxy`.
pub(crate) fn proxy(arguments: &ServerArguments<ProxyConfig>) -> Result<(), Failure> {
    let Some(config) = settings(arguments)? else {
        return Ok(());
    };
    let proxy = Proxy::bind(config)?;
    let stopped = stop_on_signal(arguments.stop_with_parent)?;
    say(&format!("{READY}{}", proxy_in_words(&proxy)));
    Ok(proxy.run(stopped)?)
}

/// `switchyard up`.
pub(crate) fn up(arguments: &UpArguments, log: &LogArguments) -> Result<(), Failure> {
    if arguments.followers > 0 {
        return Err(Failure::Usage(format!(
            "--followers {}: copies of shards are not there yet; leave it at 0",
            arguments.followers
        )));
    }
    let plan = plan(arguments)?;
    if arguments.processes {
        let format = log.format_name();
        let log = ["--log", log.log.as_str(), "--log-format", format.as_str()];
        let cluster = ChildCluster::start(plan, &log)?;
        signals::on_stop(stopper(cluster.events()))?;
        for (name, id, address) in cluster.processes() {
            say(&format!("{name}: process {id}, at {address}"));
        }
        say(&format!("topology: {}", cluster.topology_file().display()));
        say(&format!("{READY}{}", cluster.client_address()));
        watch_over(|| cluster.next_event())?;
        cluster.stop()
    } else {
        let cluster = LocalCluster::start(plan)?;
        signals::on_stop(stopper(cluster.events()))?;
        for (number, address) in (1..).zip(cluster.node_addresses()) {
            say(&format!("node n{number}: at {address}"));
        }
        say(&format!("topology: {}", cluster.topology_file().display()));
        say(&format!("{READY}{}", cluster.client_address()));
        watch_over(|| cluster.next_event())?;
        cluster.stop()
    }
}

/// The settings of nodes and proxy, or the problems of both.
fn plan(arguments: &UpArguments) -> Result<ClusterPlan, Failure> {
    let sources = |flags| Sources::of_process(arguments.config.clone(), flags);
    let node = load::<NodeConfig>(&sources(arguments.node_flags()));
    let proxy = load::<ProxyConfig>(&sources(arguments.proxy_flags()));
    match (node, proxy) {
        (Ok(node), Ok(proxy)) => Ok(ClusterPlan {
            shards: arguments.shards,
            node,
            proxy,
        }),
        (Err(LoadError::Problems(node)), Err(LoadError::Problems(proxy))) => {
            Err(LoadError::Problems(node.merged(proxy)).into())
        }
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    }
}

/// Waits until the cluster is to stop. A node that ends takes its keys with it; the others go on.
fn watch_over(next_event: impl Fn() -> Event) -> Result<(), Failure> {
    loop {
        match next_event() {
            Event::Stop => return Ok(()),
            Event::NodeEnded(name, Ok(())) => {
                warn!(node = name, "ended; its keys are out of reach");
            }
            Event::NodeEnded(name, Err(failure)) => {
                error!(
                    node = name,
                    reason = failure.in_words(),
                    "ended; its keys are out of reach"
                );
            }
            Event::ProxyEnded(outcome) => return outcome,
        }
    }
}

fn stopper(events: Sender<Event>) -> impl FnOnce() + Send + 'static {
    move || {
        // Nobody waits any more: it has stopped.
        events.send(Event::Stop).ok();
    }
}

/// The settings of one server; `None` when printing them was all that was asked.
fn settings<C: Settings + Send + Sync>(
    arguments: &ServerArguments<C>,
) -> Result<Option<C>, Failure> {
    let flags = arguments.settings.given.clone();
    let config: C = load(&Sources::of_process(arguments.config.clone(), flags))?;
    if arguments.print_config {
        say(render(&config).trim_end());
        return Ok(None);
    }
    Ok(Some(config))
}

/// Says `true` at the first signal.
fn stop_on_signal(with_parent: bool) -> Result<watch::Receiver<bool>, Failure> {
    let (stop, stopped) = watch::channel(false);
    signals::on_stop(move || {
        stop.send_replace(true);
    })?;
    if with_parent {
        signals::stop_with_parent()?;
    }
    Ok(stopped)
}

/// `127.0.0.1:6379, TLS at 127.0.0.1:6380, metrics at http://127.0.0.1:9121/metrics`.
fn proxy_in_words(proxy: &Proxy) -> String {
    let mut text = proxy.client_address().to_string();
    if let Some(address) = proxy.tls_address() {
        text.push_str(&format!(", TLS at {address}"));
    }
    if let Some(address) = proxy.admin_address() {
        text.push_str(&format!(", metrics at http://{address}/metrics"));
    }
    text
}
