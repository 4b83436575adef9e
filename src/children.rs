//! A cluster of child processes: `switchyard node …` per copy of a shard and `switchyard proxy …`.
//! Settings go to the children as files, passwords by their environment; they stop when their standard input is closed. Invariant: no child outlives this process, however it ends.

use crate::home::Home;
use crate::up::{METRICS, METRICS_AT};
use crate::{ClusterPlan, Event, Events, Failure, Leaders, node_id};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use shared::clock::Clock;
use shared::config::{NodeConfig, ProxyConfig, Secret, Settings, render, replace_file};
use shared::topology::{Address, Shard, Topology};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tracing::{error, warn};

/// How the line begins that a server prints when it serves; the address follows, then nothing or a comma.
pub const READY: &str = "ready: clients at ";

/// How much longer than its own grace a child may take to end before it is killed.
const GRACE_MARGIN: Duration = Duration::from_secs(5);

/// How long a child may take to serve before it counts as failed.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A child that crashes within this time after it was started again is not started a third time: something is wrong that a start does not mend. Where others
/// go on for it, it is started when this time has passed.
const STEADY: Duration = Duration::from_secs(10);

/// A cluster of child processes.
#[derive(Debug)]
pub struct ChildCluster {
    // The proxy stands first so that it is dropped, and so ended, first.
    proxy: Process,
    nodes: Vec<Process>,
    events: Events,
    node_start: NodeStart,
    proxy_start: ProxyStart,
    clock: Clock,
    /// Places of nodes that crash again and again, and when they are started next, monotonic milliseconds; each once.
    later: Vec<(usize, u64)>,
    home: Home,
    /// As it was before anybody was started.
    start: Topology,
}

/// What became of a node that is to be started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It serves: its process id, and where.
    Started(u32, Address),
    /// It is started after so long.
    Later(Duration),
}

/// How every node is started, and started again.
#[derive(Debug)]
struct NodeStart {
    /// What concerns the log.
    arguments: Vec<String>,
    /// Its settings.
    file: PathBuf,
    /// What CONFIG REWRITE changes.
    rewrite_file: Option<PathBuf>,
    password: Secret,
    grace: Duration,
    /// The folder of each, by place, where they keep data.
    data_folders: Vec<PathBuf>,
    /// What says where the log of each goes, by place.
    log_files: Vec<Vec<OsString>>,
}

/// How the proxy is started, and started again.
#[derive(Debug)]
struct ProxyStart {
    /// What concerns the log.
    arguments: Vec<String>,
    /// Its settings.
    file: PathBuf,
    password: Secret,
    node_password: Secret,
    grace: Duration,
    /// What says where its log goes.
    log_file: Vec<OsString>,
}

/// A child that serves, with the thread that waits for its end. Dropped, it is killed.
#[derive(Debug)]
struct Process {
    name: String,
    id: u32,
    address: Address,
    /// Its line that said that it serves, from the address on.
    served_at: String,
    /// When it was started again, monotonic milliseconds.
    restarted_ms: Option<u64>,
    /// How long it may take to end.
    grace: Duration,
    /// Nothing once it has been waited for, for then its id may belong to another process.
    child: Arc<Mutex<Option<Child>>>,
    /// Closed, it is asked to stop.
    input: Option<ChildStdin>,
    ended: Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<()>>,
}

impl ChildCluster {
    /// Starts the children with the program of this process, the first `arguments` being those that concern its log, and those of `log_file` what its file is: of
    /// `n1`, `n2` … and `proxy`. Clients are served when
    /// this returns; where there are followers, as soon as [`Leaders`] says so.
    ///
    /// # Errors
    /// A child ended before it served: then with its exit code; or the data is of a cluster of another shape. Nothing is left running.
    pub fn start(
        plan: ClusterPlan,
        arguments: &[&str],
        log_file: impl Fn(&str) -> Vec<OsString>,
    ) -> Result<Self, Failure> {
        let plan = plan.harmonised();
        let home = Home::take(&plan)?;
        let events = Events::new();
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let node_file = home.file("node.toml");
        replace_file(&node_file, &render(&plan.node))?;
        let node_start = NodeStart {
            arguments: arguments.clone(),
            file: node_file,
            rewrite_file: plan.node_file.clone(),
            password: plan.node.requirepass.clone(),
            grace: plan.node.shutdown_grace,
            log_files: (0..plan.nodes())
                .map(|place| log_file(node_id(place).as_str()))
                .collect(),
            data_folders: (0..plan.nodes())
                .filter_map(|place| plan.data_folder(place))
                .collect(),
        };
        let mut nodes = Vec::new();
        for place in 0..plan.nodes() {
            let admin = plan.admin_address(place).map(|address| address.to_string());
            let listen = Address::loopback(0);
            nodes.push(node_start.start(place, &listen, admin.as_deref(), events.sender())?);
        }
        let addresses: Vec<Address> = nodes.iter().map(|node| node.address.clone()).collect();
        let start = home.settle(&plan, &addresses)?;
        let settings = ProxyConfig {
            topology: home.topology_file().into(),
            ..plan.proxy
        };
        let proxy_start = ProxyStart {
            arguments,
            file: home.file("proxy.toml"),
            password: settings.requirepass.clone(),
            node_password: settings.node_password.clone(),
            grace: settings.drain_delay + settings.shutdown_grace,
            log_file: log_file("proxy"),
        };
        replace_file(&proxy_start.file, &render(&settings))?;
        let proxy = proxy_start.start(&[], events.sender())?;
        Ok(Self {
            proxy,
            nodes,
            events,
            node_start,
            proxy_start,
            clock: Clock::system(),
            later: Vec::new(),
            home,
            start,
        })
    }

    /// Starts the node of this name again, at the address that the topology names. It ended with `failure`. Where others of its shard go on without it, one that
    /// crashes again and again is started with pauses.
    ///
    /// # Errors
    /// Where nobody goes on for it: it does not start, or `failure` again when it crashed too soon after the last time.
    pub fn start_again(&mut self, name: &str, failure: Failure) -> Result<Restart, Failure> {
        let now_ms = self.clock.monotonic_ms();
        let Some(place) = self.nodes.iter().position(|node| node.name == name) else {
            return Err(failure);
        };
        let is_steady = self.nodes[place].may_start_again(now_ms);
        let has_followers = self.start.shards.iter().any(Shard::is_guarded);
        match (has_followers, is_steady) {
            (_, true) => {}
            (true, false) => return Ok(self.postpone(place, now_ms)),
            (false, false) => return Err(failure),
        }
        match self.start_node(place, now_ms) {
            Err(failure) if has_followers => {
                let reason = failure.in_words();
                error!(node = name, reason, "does not start");
                Ok(self.postpone(place, now_ms))
            }
            started => started,
        }
    }

    /// A node whose pause is over, if there is one, and what became of it.
    pub fn start_due(&mut self) -> Option<(String, Restart)> {
        let now_ms = self.clock.monotonic_ms();
        let due = self.later.iter().position(|(_, at_ms)| *at_ms <= now_ms)?;
        let (place, _) = self.later.swap_remove(due);
        let name = self.nodes[place].name.clone();
        let restart = self.start_node(place, now_ms).unwrap_or_else(|failure| {
            let reason = failure.in_words();
            error!(node = name, reason, "does not start");
            self.postpone(place, now_ms)
        });
        Some((name, restart))
    }

    /// How long until the next pause of a node is over, if there is one.
    #[must_use]
    pub fn until_due(&self) -> Option<Duration> {
        let next_ms = self.later.iter().map(|(_, at_ms)| *at_ms).min()?;
        let now_ms = self.clock.monotonic_ms();
        Some(Duration::from_millis(next_ms.saturating_sub(now_ms)))
    }

    fn start_node(&mut self, place: usize, now_ms: u64) -> Result<Restart, Failure> {
        let address = self.nodes[place].address.clone();
        let events = self.events.sender();
        let admin = admin_of(&self.nodes[place].served_at);
        let start = &self.node_start;
        let mut node = start.start(place, &address, admin, events)?;
        node.restarted_ms = Some(now_ms);
        let id = node.id;
        self.nodes[place] = node;
        Ok(Restart::Started(id, address))
    }

    fn postpone(&mut self, place: usize, now_ms: u64) -> Restart {
        let pause_ms = u64::try_from(STEADY.as_millis()).unwrap_or(u64::MAX);
        self.later.retain(|(other, _)| *other != place);
        self.later.push((place, now_ms.saturating_add(pause_ms)));
        Restart::Later(STEADY)
    }

    /// Starts the proxy again, at the addresses that it had. It ended with `failure`; the nodes have kept their keys meanwhile.
    ///
    /// # Errors
    /// It does not start, or `failure` again when it crashed too soon after the last time.
    pub fn start_proxy_again(&mut self, failure: Failure) -> Result<(u32, Address), Failure> {
        let now_ms = self.clock.monotonic_ms();
        if !self.proxy.may_start_again(now_ms) {
            return Err(failure);
        }
        self.start_proxy()?;
        self.proxy.restarted_ms = Some(now_ms);
        Ok((self.proxy.id, self.proxy.address.clone()))
    }

    /// Starts the proxy where it was, after an operator had its clients let go.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_drained_proxy_again(&mut self) -> Result<(u32, Address), Failure> {
        self.start_proxy()?;
        Ok((self.proxy.id, self.proxy.address.clone()))
    }

    fn start_proxy(&mut self) -> Result<(), Failure> {
        let addresses = served_addresses(&self.proxy.served_at);
        self.proxy = self.proxy_start.start(&addresses, self.events.sender())?;
        Ok(())
    }

    /// Whether the nodes have their data on disk.
    #[must_use]
    pub fn keeps_data(&self) -> bool {
        !self.node_start.data_folders.is_empty()
    }

    /// Lets the proxy read topology and certificates again.
    pub fn reload(&self) {
        self.proxy.signal(Signal::SIGHUP);
    }

    /// Where clients connect, and what else is served; see [`crate::served_at`].
    #[must_use]
    pub fn served_at(&self) -> &str {
        &self.proxy.served_at
    }

    /// What is said behind a node's address of where its metrics are, if it serves them.
    #[must_use]
    pub fn node_metrics(&self, name: &str) -> Option<&str> {
        let node = self.nodes.iter().find(|node| node.name == name)?;
        let (address, _) = node.served_at.split_once(", ")?;
        node.served_at.strip_prefix(address)
    }

    /// Name, process id and address of every child, the proxy last.
    pub fn processes(&self) -> impl Iterator<Item = (&str, u32, &Address)> {
        self.nodes
            .iter()
            .chain([&self.proxy])
            .map(|process| (process.name.as_str(), process.id, &process.address))
    }

    /// The topology file that the proxy follows.
    #[must_use]
    pub fn topology_file(&self) -> PathBuf {
        self.home.topology_file()
    }

    /// Who says when clients are served.
    #[must_use]
    pub fn leaders(&self) -> Leaders {
        Leaders::new(self.topology_file(), self.start.clone(), self.clock.clone())
    }

    /// What happens to it.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Ends the proxy, then the nodes, each with its grace.
    ///
    /// # Errors
    /// A child that ended with an error, or had to be killed.
    pub fn stop(mut self) -> Result<(), Failure> {
        self.proxy.stop();
        self.proxy.wait();
        for node in &mut self.nodes {
            node.stop();
        }
        for node in &mut self.nodes {
            node.wait();
        }
        self.events.into_failure().map_or(Ok(()), Err)
    }
}

impl NodeStart {
    /// Starts a node that listens at `address`, and at `admin` for who wants metrics; returns when it serves.
    fn start(
        &self,
        place: usize,
        address: &Address,
        admin: Option<&str>,
        events: Sender<Event>,
    ) -> Result<Process, Failure> {
        let mut command = server::<NodeConfig>(&self.arguments, &self.file)?;
        command.arg("--listen").arg(address.to_string());
        if let Some(admin) = admin {
            command.arg("--admin").arg(admin);
        }
        command.args(self.log_files.get(place).into_iter().flatten());
        if let Some(folder) = self.data_folders.get(place) {
            command.arg("--data-dir").arg(folder);
        }
        if let Some(file) = &self.rewrite_file {
            command.arg("--rewrite-file").arg(file);
        }
        give::<NodeConfig>(&mut command, "requirepass", &self.password);
        let name = format!("node {}", node_id(place));
        Process::start(name, command, self.grace, move |name, end| {
            // Nobody listens any more once the cluster is gone.
            events.send(Event::NodeEnded(name, end)).ok();
        })
    }
}

impl ProxyStart {
    /// Starts the proxy, where the settings say or at these addresses, each with the setting that names it; returns when it serves.
    fn start(&self, addresses: &[(&str, &str)], events: Sender<Event>) -> Result<Process, Failure> {
        let mut command = server::<ProxyConfig>(&self.arguments, &self.file)?;
        command.args(&self.log_file);
        for (setting, address) in addresses {
            command.arg(format!("--{setting}")).arg(address);
        }
        give::<ProxyConfig>(&mut command, "requirepass", &self.password);
        give::<ProxyConfig>(&mut command, "node-password", &self.node_password);
        let name = "proxy".to_owned();
        Process::start(name, command, self.grace, move |_, end| {
            // Nobody listens any more once the cluster is gone.
            events.send(Event::ProxyEnded(end)).ok();
        })
    }
}

/// `switchyard node --config FILE`, or `proxy`, without the settings of this process' environment: the file has them already.
fn server<C: Settings>(arguments: &[String], file: &Path) -> Result<Command, Failure> {
    let program = std::env::current_exe().map_err(|source| Failure::System {
        what: "find its own program",
        source,
    })?;
    let mut command = Command::new(program);
    let prefix = shared::config::environment_prefix(C::SECTION);
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with(&prefix)) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .arg(C::SECTION)
        .arg("--stop-with-parent")
        .arg("--config")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A group of its own: Ctrl-C reaches the parent alone, which then ends the children in order.
        .process_group(0);
    Ok(command)
}

/// Hands a password on where nobody else can read it.
fn give<C: Settings>(command: &mut Command, name: &str, secret: &Secret) {
    if let Some(setting) = C::find(name)
        && !secret.is_empty()
    {
        command.env(
            setting.environment(C::SECTION),
            OsString::from(secret.reveal()),
        );
    }
}

impl Process {
    /// Starts `command` and returns when it says that it serves. `on_end` is told later how it ended.
    fn start(
        name: String,
        mut command: Command,
        grace: Duration,
        on_end: impl FnOnce(String, Result<(), Failure>) + Send + 'static,
    ) -> Result<Self, Failure> {
        let failed = |source| Failure::System {
            what: "start a child process",
            source,
        };
        let mut child = command.spawn().map_err(failed)?;
        let id = child.id();
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let child = Arc::new(Mutex::new(Some(child)));
        let (say_ready, ready) = channel();
        let (say_ended, ended) = channel();
        let (shared_child, title) = (Arc::clone(&child), name.clone());
        let wait = move || {
            if let Some(output) = output {
                read_until_end(output, &say_ready);
            }
            drop(say_ready);
            let status = reap(id, &shared_child);
            // Whoever started it may have given up on it.
            say_ended.send(status).ok();
            let end = outcome(&title, status);
            on_end(title, end);
        };
        let waiter = thread::Builder::new().name(format!("wait-{name}"));
        let waiter = waiter.spawn(wait).map_err(failed);
        // From here on the child is killed whenever this is dropped.
        let mut process = Self {
            name,
            id,
            address: Address::loopback(0),
            served_at: String::new(),
            restarted_ms: None,
            grace,
            child,
            input,
            ended,
            waiter: None,
        };
        process.waiter = Some(waiter?);
        match ready.recv_timeout(START_DEADLINE) {
            Ok((address, served_at)) => {
                process.address = address;
                process.served_at = served_at;
                Ok(process)
            }
            Err(reason) => Err(process.failed_to_start(reason)),
        }
    }

    fn failed_to_start(self, reason: RecvTimeoutError) -> Failure {
        let status = match reason {
            RecvTimeoutError::Timeout => None,
            RecvTimeoutError::Disconnected => self.ended.recv().ok().flatten(),
        };
        match outcome(&self.name, status) {
            Err(failure) if status.is_some() => failure,
            _ => Failure::Child {
                name: self.name.clone(),
                outcome: "it never served".to_owned(),
                code: None,
            },
        }
    }

    /// Whether another start may mend it.
    fn may_start_again(&self, now_ms: u64) -> bool {
        let is_steady = |restarted_ms| Duration::from_millis(now_ms - restarted_ms) > STEADY;
        self.restarted_ms.is_none_or(is_steady)
    }

    /// Asks it to stop.
    fn stop(&mut self) {
        self.input = None;
    }

    /// Waits until it has ended, and ends it when that takes too long.
    fn wait(&mut self) {
        let in_time = self.ended.recv_timeout(self.grace + GRACE_MARGIN);
        if let Err(RecvTimeoutError::Timeout) = in_time {
            warn!(process = self.name, "did not stop in time, killed");
            self.signal(Signal::SIGKILL);
        }
        if let Some(waiter) = self.waiter.take() {
            // It panics nowhere.
            waiter.join().ok();
        }
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Not waited for yet, so the id is still this child's.
        if child.is_some()
            && let Some(id) = process_id(self.id)
        {
            // It may have ended by itself, which is what is wanted.
            kill(id, signal).ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.waiter.is_some() {
            self.signal(Signal::SIGKILL);
            self.wait();
        }
    }
}

fn process_id(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().map(Pid::from_raw)
}

/// Reports the address once the child says that it serves, and reads on so that it never blocks on a full pipe.
fn read_until_end(output: ChildStdout, say_ready: &Sender<(Address, String)>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(ready) = ready(&line) {
            // Whoever started it may have given up on it.
            say_ready.send(ready).ok();
        }
    }
}

/// Where clients connect, and all that is served, of the line that says so.
fn ready(line: &str) -> Option<(Address, String)> {
    let served_at = line.strip_prefix(READY)?;
    let address = served_at.split([',', ' ']).next()?.parse().ok()?;
    Some((address, served_at.to_owned()))
}

/// The addresses in what a proxy says that it serves, each with the setting that names it.
fn served_addresses(served_at: &str) -> Vec<(&'static str, &str)> {
    let mut addresses = Vec::new();
    for (place, part) in served_at.split(", ").enumerate() {
        if let Some(address) = part.strip_suffix(" with TLS") {
            addresses.push(("tls-listen", address));
        } else if let Some(address) = part.strip_prefix("TLS at ") {
            addresses.push(("tls-listen", address));
        } else if let Some(url) = part.strip_prefix(METRICS_AT) {
            addresses.push(("admin", url.trim_end_matches(METRICS)));
        } else if place == 0 {
            addresses.push(("listen", part));
        }
    }
    addresses
}

/// Where it serves metrics, if it does.
fn admin_of(served_at: &str) -> Option<&str> {
    let mut addresses = served_addresses(served_at).into_iter();
    addresses.find_map(|(setting, address)| (setting == "admin").then_some(address))
}

/// Waits until the child has ended, then takes its status while nobody can signal it.
fn reap(id: u32, child: &Mutex<Option<Child>>) -> Option<ExitStatus> {
    if let Some(id) = process_id(id) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(id), flags) == Err(nix::errno::Errno::EINTR) {}
    }
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    child.take().and_then(|mut child| child.wait().ok())
}

/// Exit code 0 is well; everything else is said with the code.
fn outcome(name: &str, status: Option<ExitStatus>) -> Result<(), Failure> {
    let failure = |outcome: String, code| Failure::Child {
        name: name.to_owned(),
        outcome,
        code,
    };
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            // A parent that is killed by nobody cannot end as its child did.
            debug_assert!(code.is_some() || status.signal().is_some());
            Err(failure(status.to_string(), code))
        }
        None => Err(failure("its status is unknown".to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Process, Failure> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Process::start("child".to_owned(), command, Duration::ZERO, |_, _| {})
    }

    #[test]
    fn a_child_serves_once_it_says_so() {
        let child =
            shell("echo starting; echo ready: clients at 127.0.0.1:7, metrics nowhere; exec cat");
        let mut child = child.unwrap();
        assert_eq!(child.address, Address::loopback(7));
        child.stop();
        child.wait();
        assert!(child.child.lock().unwrap().is_none(), "waited for");
    }

    #[test]
    fn a_child_that_ends_before_it_serves_ends_its_parent_with_its_code() {
        let failure = shell("exit 69").unwrap_err();
        assert_eq!(failure.exit_code(), 69);
        assert_eq!(failure.to_string(), "child ended: exit status: 69");
    }

    #[test]
    fn a_child_that_is_forgotten_is_killed() {
        let child = shell("echo ready: clients at 127.0.0.1:7; exec sleep 600").unwrap();
        let process = Arc::clone(&child.child);
        drop(child);
        assert!(process.lock().unwrap().is_none(), "ended and waited for");
    }

    #[test]
    fn a_proxy_gets_the_addresses_that_it_had() {
        let check = |served_at: &str, flags: &[(&str, &str)]| {
            assert_eq!(served_addresses(served_at), flags);
        };
        check("127.0.0.1:7", &[("listen", "127.0.0.1:7")]);
        check(
            "127.0.0.1:7, TLS at 127.0.0.1:8, metrics at http://[::1]:9/metrics",
            &[
                ("listen", "127.0.0.1:7"),
                ("tls-listen", "127.0.0.1:8"),
                ("admin", "[::1]:9"),
            ],
        );
        check("127.0.0.1:8 with TLS", &[("tls-listen", "127.0.0.1:8")]);
    }

    #[test]
    fn the_address_is_read_from_the_line_that_says_ready() {
        let check = |line: &str, port: Option<u16>| {
            assert_eq!(
                ready(line).map(|(address, _)| address.port()),
                port,
                "{line}"
            );
        };
        check("ready: clients at 127.0.0.1:6379", Some(6379));
        check(
            "ready: clients at 127.0.0.1:6379, TLS at 127.0.0.1:6380",
            Some(6379),
        );
        check("ready: clients at nowhere", None);
        check("started", None);
    }
}
