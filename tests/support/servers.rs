//! Servers as child processes of the test: nodes and proxies of the built binary, on free ports of the loopback, with temporary folders.
//! Each is stopped by its own process id when its value goes. Never: a fixed port, a process that the test did not start.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::eventually::{Stopwatch, eventually, eventually_within, now_nanoseconds, pause};
use super::standing::stands;
use super::{Client, Reply};

/// The binary that cargo built for these tests.
pub(crate) const SWITCHYARD: &str = env!("CARGO_BIN_EXE_switchyard");

/// Until a server answers; generous, for several test processes share the machine.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A free port may be taken by somebody else before the server binds it; then another one is drawn.
const START_ATTEMPTS: usize = 4;

/// A running (or killed) server process.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    program: PathBuf,
    arguments: Vec<String>,
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts `program` with what `arguments` makes of a free address and the server's own folder; returns when it answers a PING and has read
    /// what there is in its folder.
    pub(crate) fn start(
        program: impl AsRef<Path>,
        arguments: impl Fn(SocketAddr, &Path) -> Vec<String>,
    ) -> Self {
        let mut last = String::new();
        for _ in 0..START_ATTEMPTS {
            match Self::try_start(free_address(), program.as_ref(), &arguments) {
                Ok(server) => return server,
                Err(output) => last = output,
            }
        }
        panic!("{} did not start: {last}", program.as_ref().display());
    }

    /// The same at an address that nobody else can take: one of a network of the test's own.
    pub(crate) fn start_at(
        address: SocketAddr,
        program: impl AsRef<Path>,
        arguments: impl Fn(SocketAddr, &Path) -> Vec<String>,
    ) -> Self {
        let started = Self::try_start(address, program.as_ref(), arguments);
        started.unwrap_or_else(|output| panic!("no start at {address}: {output}"))
    }

    fn try_start(
        address: SocketAddr,
        program: &Path,
        arguments: impl Fn(SocketAddr, &Path) -> Vec<String>,
    ) -> Result<Self, String> {
        let folder = TempDir::with_prefix("switchyard-test-").expect("a temporary folder");
        let arguments = arguments(address, folder.path());
        let child = spawn(program, &arguments, folder.path());
        let mut server = Self {
            address,
            program: program.to_path_buf(),
            arguments,
            child,
            folder,
        };
        // Even an empty folder takes a moment.
        server.wait_until_it_answers(|reply| !is_loading(reply))?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, is_ready: impl Fn(&Reply) -> bool) -> Result<(), String> {
        let watch = Stopwatch::start();
        while watch.elapsed() < START_DEADLINE {
            if let Some(status) = self.child.try_wait().expect("own child") {
                return Err(format!("{status}, {}", self.output()));
            }
            let reply =
                Client::try_connect(self.address).and_then(|mut client| client.try_call(&["PING"]));
            let answered = reply.is_ok_and(|reply| is_ready(&reply));
            if answered {
                return Ok(());
            }
            pause(Duration::from_millis(10));
        }
        Err(format!("no answer, {}", self.output()))
    }

    /// What it has written to its standard output and error.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }

    /// Its temporary folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to it.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("own child");
        self.child.wait().expect("own child");
    }

    /// The same command line again, after [`Self::kill`]; returns when it answers, be it that it still loads.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, &self.arguments, self.folder.path());
        if let Err(output) = self.wait_until_it_answers(|_| true) {
            panic!("no restart: {output}");
        }
    }

    /// The same after [`Self::kill`], at another address and with further arguments, which stay.
    pub(crate) fn restart_elsewhere(&mut self, further: &[&str]) {
        let before = self.address.to_string();
        self.address = free_address();
        for argument in &mut self.arguments {
            if *argument == before {
                *argument = self.address.to_string();
            }
        }
        for word in further {
            if !self.arguments.iter().any(|known| known == word) {
                self.arguments.push((*word).to_owned());
            }
        }
        self.restart();
    }

    /// SIGSTOP: it keeps its sockets and says nothing. Returns when all of its threads stand.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        eventually("it stands", || stands(self.pid()));
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGHUP; returns at once.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// SIGTERM; returns at once.
    pub(crate) fn ask_to_stop(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Waits for its end.
    pub(crate) fn wait_for_exit(&mut self, deadline: Duration) -> ExitStatus {
        let mut status = None;
        let child = &mut self.child;
        eventually_within(deadline, "the process ends", || {
            status = child.try_wait().expect("own child");
            status.is_some()
        });
        status.expect("ended")
    }

    /// Whether the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("own child").is_none()
    }

    /// Resident memory, bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("alive");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("a process has resident memory");
        let kibibytes = line.trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().expect("a number") * 1024
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("process ids are small");
        kill(Pid::from_raw(pid), signal).expect("own child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let tail = output.len().saturating_sub(4000);
            let tail = output.get(tail..).unwrap_or(&output);
            eprintln!("--- output of {:?}:\n{tail}\n---", self.arguments);
        }
        // Either may fail when it is gone already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_loading(reply: &Reply) -> bool {
    reply
        .error_text()
        .is_some_and(|text| text.starts_with("LOADING "))
}

fn spawn(program: &Path, arguments: &[String], folder: &Path) -> Child {
    let output = File::options()
        .create(true)
        .append(true)
        .open(folder.join("output"))
        .expect("a file in a temporary folder");
    Command::new(program)
        .args(arguments)
        // What it would leave behind when it is killed goes with its folder.
        .env("TMPDIR", folder)
        .current_dir(folder)
        // Where it panicked says enough; a backtrace would push that out of what is shown.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a file clones"))
        .stderr(output)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Ports are drawn below the range from which the kernel takes those of outgoing connections, which would race with a server that starts.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 22_000;

/// An address on the loopback that nobody listens on, and that is given to no other test as long as this process lives: another server there
/// would answer in place of the one that is meant. The datagram socket of the same number, which no server uses, stands for that.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes start at places of their own, so that they seldom try the same port.
    let start =
        (now_nanoseconds() / 1000 + u64::from(std::process::id()) * 7919) % u64::from(PORTS);
    let start = u16::try_from(start).expect("below PORTS");
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + (start.wrapping_add(step) % PORTS);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(reserved) = UdpSocket::bind(address) else {
            continue;
        };
        if TcpListener::bind(address).is_ok() {
            std::mem::forget(reserved);
            return address;
        }
    }
}

/// A node by itself, with further arguments of `switchyard node`.
pub(crate) fn start_node(further: &[&str]) -> Server {
    Server::start(SWITCHYARD, |address, _| {
        let mut arguments = words(&["node", "--listen", &address.to_string()]);
        arguments.extend(words(further));
        arguments
    })
}

/// A proxy over servers that answer at `nodes`, one shard each, with further arguments of `switchyard proxy`.
pub(crate) fn start_proxy(nodes: &[SocketAddr], further: &[&str]) -> Server {
    start_proxy_by(nodes, further, "")
}

/// The same with further tables of the topology.
fn start_proxy_by(nodes: &[SocketAddr], further: &[&str], tables: &str) -> Server {
    Server::start(SWITCHYARD, |address, folder| {
        let topology = topology_path(folder);
        publish(&topology, 1, "", nodes, &even_slots(nodes.len()));
        append(&topology, tables);
        let listen = address.to_string();
        let file = topology.display().to_string();
        let mut arguments = words(&["proxy", "--listen", &listen, "--topology", &file]);
        if !further.contains(&"--admin") {
            // Its default is a fixed port.
            arguments.extend(words(&["--admin", "off"]));
        }
        arguments.extend(words(further));
        arguments
    })
}

/// Where the topology of a proxy started by [`start_proxy`] lies.
pub(crate) fn topology_path(folder: &Path) -> PathBuf {
    folder.join("topology.toml")
}

/// All slots in `shards` parts of about the same size.
pub(crate) fn even_slots(shards: usize) -> Vec<String> {
    const SLOTS: usize = 16_384;
    let start = |shard: usize| shard * SLOTS / shards;
    let range = |shard: usize| format!("{}-{}", start(shard), start(shard + 1) - 1);
    (0..shards).map(range).collect()
}

/// Puts a topology in place at once, as an operator's tools do: shard `i` has node `i` and the slots `slots[i]`.
pub(crate) fn write_topology(path: &Path, version: u64, nodes: &[SocketAddr], slots: &[String]) {
    publish(path, version, "", nodes, slots);
}

/// The same for a version that gives slots to other shards and says that their keys may stay behind.
pub(crate) fn write_topology_that_loses_keys(
    path: &Path,
    version: u64,
    nodes: &[SocketAddr],
    slots: &[String],
) {
    let acceptance = format!("key-loss-accepted-at-version = {version}\n");
    publish(path, version, &acceptance, nodes, slots);
}

fn publish(path: &Path, version: u64, more: &str, nodes: &[SocketAddr], slots: &[String]) {
    let mut text = format!("version = {version}\n{more}");
    for (number, address) in nodes.iter().enumerate() {
        text += &format!("\n[[node]]\nid = \"n{number}\"\naddress = \"{address}\"\n");
    }
    for (number, slots) in slots.iter().enumerate() {
        text += &format!(
            "\n[[shard]]\nid = \"s{number}\"\nepoch = {version}\nprimary = \"n{number}\"\nin-sync = [\"n{number}\"]\nslots = \"{slots}\"\n"
        );
    }
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("a file in a temporary folder");
    fs::rename(&beside, path).expect("a rename in a temporary folder");
}

fn append(path: &Path, tables: &str) {
    let mut text = fs::read_to_string(path).expect("it was written");
    text += tables;
    fs::write(path, text).expect("a file in a temporary folder");
}

/// A proxy with its nodes, one per shard.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The proxy that clients connect to.
    pub(crate) proxy: Server,
    /// The nodes, in the order of their shards.
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    /// `shards` nodes and a proxy over them.
    pub(crate) fn start(shards: usize) -> Self {
        Self::start_with(shards, &[], &[])
    }

    /// The same with further arguments for each node and for the proxy.
    pub(crate) fn start_with(shards: usize, for_nodes: &[&str], for_proxy: &[&str]) -> Self {
        let nodes: Vec<Server> = (0..shards).map(|_| start_node(for_nodes)).collect();
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
        let proxy = start_proxy(&addresses, for_proxy);
        Self { proxy, nodes }
    }

    /// The same with further tables of the topology.
    pub(crate) fn start_by(shards: usize, tables: &str, for_proxy: &[&str]) -> Self {
        let nodes: Vec<Server> = (0..shards).map(|_| start_node(&[])).collect();
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
        let proxy = start_proxy_by(&addresses, for_proxy, tables);
        Self { proxy, nodes }
    }

    /// A new connection to the proxy.
    pub(crate) fn connect(&self) -> Client {
        self.proxy.connect()
    }

    /// `count` keys that live on the shard of node `index`, found by asking the node itself.
    pub(crate) fn keys_on(&self, index: usize, count: usize) -> Vec<String> {
        let mut through_proxy = self.connect();
        let mut node = self.nodes[index].connect();
        let mut keys = Vec::new();
        // With n shards one key in n fits; a hundred tries for each is far beyond chance.
        for number in 0..count * 100 * self.nodes.len() {
            let key = format!("key-of-shard-{index}:{number}");
            assert_eq!(through_proxy.call(&["SET", &key, "here"]).text(), "OK");
            if node.call(&["DEL", &key]).integer() == 1 {
                keys.push(key);
                if keys.len() == count {
                    return keys;
                }
            } else {
                through_proxy.call(&["DEL", &key]);
            }
        }
        panic!("shard {index} owns too few keys: {}", keys.len());
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
