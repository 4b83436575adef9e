//! `switchyard up | node | proxy`: settings in, a server that runs until it is told to stop.

use crate::args::{LogArguments, ServerArguments, UpArguments};
use crate::log::Log;
use crate::{answer, say};
use node::{Sockets, Start};
use proxy::Proxy;
use shared::config::{
    ByteCount, LoadError, NodeConfig, Origin, ProxyConfig, Settings, Sources, load, render,
};
use shared::topology::Address;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;
use switchyard::{
    ChildCluster, ClusterPlan, Event, Events, Failure, LOOK_EVERY, Leaders, LocalCluster, READY,
    Restart, Standing, in_words, listen, metrics_at, open_files, served_at, signals,
};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// `switchyard node`.
pub(crate) fn node(arguments: &ServerArguments<NodeConfig>, log: &Log) -> Result<(), Failure> {
    let Some(config) = settings(arguments)? else {
        return Ok(());
    };
    open_files::make_room(
        open_files::least_for_node(),
        open_files::wanted_for_node(&config),
    )?;
    let listener = listen("listen", &config.listen, config.tcp_backlog)?;
    let admin = config.admin.as_ref();
    let admin = admin.map(|address| listen("admin", address, config.tcp_backlog));
    let admin = admin.transpose()?;
    let address_of = |listener: &TcpListener| {
        listener.local_addr().map_err(|source| Failure::System {
            what: "read a socket's address",
            source,
        })
    };
    let mut served_at = address_of(&listener)?.to_string();
    if let Some(admin) = &admin {
        served_at.push_str(&metrics_at(&address_of(admin)?));
    }
    let mut stopped = stop_on_signal(arguments.stop_with_parent, log, || {
        info!("SIGHUP: a node reads no file again; CONFIG SET changes its settings");
    })?;
    let is_ready = || say(&format!("{READY}{served_at}"));
    let told = async move {
        stopped.wait_for(|&stop| stop).await.ok();
    };
    let start = Start {
        config,
        config_file: arguments.file_to_rewrite().map(whole_path).transpose()?,
    };
    let sockets = Sockets {
        clients: listener,
        admin,
    };
    node::run(start, sockets, is_ready, told)
        .map(drop)
        .map_err(|error| Failure::node("the node", error))
}

/// `switchyard proxy`.
pub(crate) fn proxy(arguments: &ServerArguments<ProxyConfig>, log: &Log) -> Result<(), Failure> {
    let Some(config) = settings(arguments)? else {
        return Ok(());
    };
    // What it wants beyond that, the proxy asks for itself.
    let least = open_files::least_for_proxy(&config);
    open_files::make_room(least, least)?;
    let proxy = Proxy::bind(config)?;
    let reloading = proxy.reloading();
    let stopped = stop_on_signal(arguments.stop_with_parent, log, move || {
        tell_reload();
        reloading.read_again();
    })?;
    say(&format!("{READY}{}", served_at(&proxy)));
    Ok(proxy.run(stopped)?)
}

/// `switchyard up`.
pub(crate) fn up(
    arguments: &UpArguments,
    log_arguments: &LogArguments,
    log: &Log,
) -> Result<(), Failure> {
    arguments.contradictions().map_err(Failure::Usage)?;
    let plan = plan(arguments)?;
    let memory = memory_in_words(&plan);
    let places = Places::of(&plan);
    if arguments.processes {
        let format = log_arguments.format_name();
        let levels = log_arguments.log.as_str();
        let first = ["--log", levels, "--log-format", format.as_str()];
        let mut cluster =
            ChildCluster::start(plan, &first, |name| arguments.log_file.for_child(name))?;
        let events = cluster.events();
        signals::listen(stopper(events.sender()), events.reloader(), log.levels())?;
        for (name, id, address) in cluster.processes() {
            say_process(&cluster, name, id, address, &places);
        }
        let mut opening = Opening::new(cluster.leaders(), &places);
        opening.lines = ready(&cluster.topology_file(), &memory, cluster.served_at());
        watch_over_children(&mut cluster, opening, &places)?;
        cluster.stop()
    } else {
        let least = open_files::least_for_cluster(&plan);
        open_files::make_room(least, least)?;
        let cluster = LocalCluster::start(plan)?;
        let events = cluster.events();
        signals::listen(stopper(events.sender()), events.reloader(), log.levels())?;
        let admins = cluster.node_admin_addresses();
        for ((number, address), admin) in (1..).zip(cluster.node_addresses()).zip(admins) {
            let name = format!("node n{number}");
            let metrics = admin.map_or_else(String::new, |admin| metrics_at(&admin));
            let whose = places.of_node(&name);
            say(&format!("{name}: at {address}{whose}{metrics}"));
        }
        let mut opening = Opening::new(cluster.leaders(), &places);
        opening.lines = ready(&cluster.topology_file(), &memory, cluster.served_at());
        watch_over(&cluster, opening, &places)?;
        cluster.stop()
    }
}

/// The settings of nodes and proxy, or the problems of both.
fn plan(arguments: &UpArguments) -> Result<ClusterPlan, Failure> {
    let sources = |flags| Sources::of_process(arguments.config.clone(), flags).shared();
    let node = load::<NodeConfig>(&sources(arguments.node_flags()))
        .map_err(|error| as_given("node", &arguments.node_settings, error));
    let proxy = load::<ProxyConfig>(&sources(arguments.proxy_flags()))
        .map_err(|error| as_given("proxy", &arguments.proxy_settings, error));
    match (node, proxy) {
        (Ok(mut node), Ok(proxy)) => {
            if arguments.says_of_proxy("databases") && proxy.databases > node.databases {
                return Err(Failure::Usage(format!(
                    "--proxy databases={}: the nodes have {}; give them as many with --node databases={0}",
                    proxy.databases, node.databases
                )));
            }
            if arguments.maxmemory.is_some() {
                node.maxmemory = share(node.maxmemory, arguments.shards);
            }
            let node_file = arguments.config.as_deref().map(whole_path).transpose()?;
            let plan = ClusterPlan {
                shards: arguments.shards,
                followers: arguments.followers,
                node,
                node_file,
                proxy,
            };
            if !plan.has_ports() {
                return Err(Failure::Usage(format!(
                    "--node admin: {} nodes have ports one behind the other from there on, and the last is 65535; begin lower",
                    plan.nodes()
                )));
            }
            Ok(plan)
        }
        (Err(LoadError::Problems(node)), Err(LoadError::Problems(proxy))) => {
            Err(LoadError::Problems(node.merged(proxy)).into())
        }
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    }
}

/// What is wrong, named as it was written: a setting that came by `--node NAME=VALUE` is no flag of its own.
fn as_given(server: &str, settings: &[(String, String)], error: LoadError) -> LoadError {
    let name = |origin| match origin {
        Origin::Flag(name) if settings.iter().any(|(given, _)| *given == name) => {
            Origin::Flag(format!("{server} {name}"))
        }
        other => other,
    };
    match error {
        LoadError::Problems(problems) => LoadError::Problems(problems.named(name)),
        other => other,
    }
}

/// What each of `shards` nodes gets of `all`. Nothing stays nothing, which means no bound; something never becomes it.
fn share(all: ByteCount, shards: u16) -> ByteCount {
    ByteCount((all.0 / u64::from(shards)).max(all.0.min(1)))
}

/// `3gb in all, 1gb for each of 3 nodes`; with followers `3gb in each of 2 copies, 1gb for each of 6 nodes`.
fn memory_in_words(plan: &ClusterPlan) -> String {
    let (each, nodes) = (plan.node.maxmemory, plan.nodes());
    if each.0 == 0 {
        return "no bound, see --maxmemory".to_owned();
    }
    let all = ByteCount(each.0.saturating_mul(u64::from(plan.shards)));
    match (nodes, plan.copies()) {
        (1, _) => format!("{all} in all, for 1 node"),
        (_, 1) => format!("{all} in all, {each} for each of {nodes} nodes"),
        (_, copies) => {
            format!("{all} in each of {copies} copies, {each} for each of {nodes} nodes")
        }
    }
}

/// The end of what `up` says when it serves.
fn ready(topology_file: &Path, memory: &str, served_at: &str) -> Vec<String> {
    vec![
        format!("topology: {}", topology_file.display()),
        format!("maxmemory: {memory}"),
        format!("{READY}{served_at}"),
    ]
}

/// Whose each node is, where shards have followers: `, of shard s1` by `node n1`.
struct Places(BTreeMap<String, String>);

impl Places {
    fn of(plan: &ClusterPlan) -> Self {
        let followed = (0..plan.nodes()).filter(|_| plan.copies() > 1);
        let whose = followed.map(|place| {
            let shard = plan.shard_at(place);
            (
                format!("node n{}", place + 1),
                format!(", of shard {shard}"),
            )
        });
        Self(whose.collect())
    }

    fn of_node(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn has_followers(&self) -> bool {
        !self.0.is_empty()
    }
}

fn say_process(cluster: &ChildCluster, name: &str, id: u32, address: &Address, places: &Places) {
    let whose = places.of_node(name);
    let metrics = cluster.node_metrics(name).unwrap_or_default();
    say(&format!(
        "{name}: process {id}, at {address}{whose}{metrics}"
    ));
}

/// Says that clients are served, once they are.
struct Opening {
    /// Nobody once that is said.
    leaders: Option<Leaders>,
    has_followers: bool,
    lines: Vec<String>,
}

impl Opening {
    fn new(leaders: Leaders, places: &Places) -> Self {
        Self {
            leaders: Some(leaders),
            has_followers: places.has_followers(),
            lines: Vec::new(),
        }
    }

    /// What happens next, if anything does before it is time to look again, or before `longest`.
    fn next(
        &mut self,
        events: &Events,
        longest: Option<Duration>,
    ) -> Result<Option<Event>, Failure> {
        let Some(leaders) = &mut self.leaders else {
            return Ok(match longest {
                None => Some(events.wait()),
                Some(longest) => events.wait_for(longest),
            });
        };
        match leaders.look() {
            Standing::Waiting(missing) if self.has_followers => {
                if leaders.is_time_to_say(&missing)? {
                    let who = in_words(&missing);
                    say(&format!("waiting: {who} no primary yet"));
                }
                Ok(events.wait_for(LOOK_EVERY))
            }
            _ => {
                self.leaders = None;
                self.lines.drain(..).for_each(|line| say(&line));
                Ok(None)
            }
        }
    }
}

/// From the root, for the file is still meant when somebody else reads the path.
fn whole_path(path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|source| Failure::System {
        what: "find its own folder",
        source,
    })
}

/// Waits until the cluster is to stop. A node that crashed is started again with what it had on disk, or without its keys, a proxy that did with all of them where they were.
fn watch_over_children(
    cluster: &mut ChildCluster,
    mut opening: Opening,
    places: &Places,
) -> Result<(), Failure> {
    loop {
        while let Some((name, restart)) = cluster.start_due() {
            tell_restart(cluster, &name, &restart, places);
        }
        let longest = cluster.until_due();
        let Some(event) = opening.next(cluster.events(), longest)? else {
            continue;
        };
        match event {
            Event::Reload => {
                tell_reload();
                cluster.reload();
            }
            Event::ProxyEnded(Err(failure)) => {
                let reason = failure.in_words();
                error!(reason, "the proxy ended");
                let (id, address) = cluster.start_proxy_again(failure)?;
                warn!("proxy started again; the nodes have kept their keys");
                say_process(cluster, "proxy", id, &address, places);
            }
            Event::ProxyEnded(Ok(())) => {
                let (id, address) = cluster.start_drained_proxy_again()?;
                info!("the proxy has let its clients go, and is started again");
                say_process(cluster, "proxy", id, &address, places);
            }
            event => match looked_at(event, places) {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(None) => {}
                ControlFlow::Continue(Some((name, failure))) => {
                    let restart = cluster.start_again(&name, failure)?;
                    tell_restart(cluster, &name, &restart, places);
                }
            },
        }
    }
}

fn tell_restart(cluster: &ChildCluster, name: &str, restart: &Restart, places: &Places) {
    match restart {
        Restart::Started(id, address) => {
            if cluster.keeps_data() {
                warn!(node = name, "started again, with what it had on disk");
            } else {
                warn!(node = name, "started again, empty");
            }
            say_process(cluster, name, *id, address, places);
        }
        Restart::Later(pause) => {
            let seconds = pause.as_secs();
            warn!(
                node = name,
                seconds, "crashes again and again; it is started after a pause"
            );
        }
    }
}

/// Waits until the cluster is to stop. A node that ends takes its keys with it where nobody follows it; the others go on.
fn watch_over(
    cluster: &LocalCluster,
    mut opening: Opening,
    places: &Places,
) -> Result<(), Failure> {
    loop {
        let Some(event) = opening.next(cluster.events(), None)? else {
            continue;
        };
        match event {
            Event::Reload => {
                tell_reload();
                cluster.reloading().read_again();
            }
            event => {
                if let ControlFlow::Break(outcome) = looked_at(event, places) {
                    return outcome;
                }
            }
        }
    }
}

fn tell_reload() {
    info!("SIGHUP: topology and certificates are read again");
}

/// Whether the cluster is to stop; else the node that failed, if one did. What happened to nodes is in the log.
fn looked_at(
    event: Event,
    places: &Places,
) -> ControlFlow<Result<(), Failure>, Option<(String, Failure)>> {
    let has_followers = places.has_followers();
    match event {
        Event::Stop => ControlFlow::Break(Ok(())),
        Event::Reload => ControlFlow::Continue(None),
        Event::ProxyEnded(outcome) => ControlFlow::Break(outcome),
        Event::NodeEnded(name, Ok(())) if has_followers => {
            warn!(node = name, "told to stop; the others of its shard go on");
            ControlFlow::Continue(None)
        }
        Event::NodeEnded(name, Ok(())) => {
            warn!(node = name, "told to stop; its keys are out of reach");
            ControlFlow::Continue(None)
        }
        Event::NodeEnded(name, Err(failure)) => {
            let reason = failure.in_words();
            if has_followers {
                error!(node = name, reason, "ended; the others of its shard go on");
            } else {
                error!(node = name, reason, "ended, and its keys are lost");
            }
            ControlFlow::Continue(Some((name, failure)))
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
        answer(render(&config).trim_end())?;
        return Ok(None);
    }
    Ok(Some(config))
}

/// Says `true` when the process is to stop: at the first signal, or when its parent says so.
fn stop_on_signal(
    with_parent: bool,
    log: &Log,
    on_hangup: impl Fn() + Send + 'static,
) -> Result<watch::Receiver<bool>, Failure> {
    let (stop, stopped) = watch::channel(false);
    let on_stop = move || {
        stop.send_replace(true);
    };
    if with_parent {
        signals::listen_as_child(on_stop, on_hangup, log.levels())?;
    } else {
        signals::listen(on_stop, on_hangup, log.levels())?;
    }
    Ok(stopped)
}
