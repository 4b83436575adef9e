//! The servers that are measured: ours, and the peers that are installed. Each is pinned to the server's CPU and stopped when its value goes.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::SERVER_CPU;
use crate::support::eventually::eventually;
use crate::support::servers::{
    SWITCHYARD, Server, even_slots, free_address, topology_path, write_topology,
};

/// Something that answers RESP, with all the processes whose work it is.
pub(crate) struct Target {
    /// As printed.
    pub(crate) name: String,
    /// Where load goes.
    pub(crate) address: SocketAddr,
    /// The process that clients are connected to.
    pub(crate) front: Server,
    /// What stands behind it: nothing for a server alone.
    pub(crate) behind: Vec<Server>,
    /// Load speaks TLS.
    pub(crate) tls: bool,
}

impl Target {
    fn alone(name: &str, front: Server) -> Self {
        Self {
            name: name.to_owned(),
            address: front.address,
            front,
            behind: Vec::new(),
            tls: false,
        }
    }

    /// Process ids of the front and of all behind it.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let behind = self.behind.iter().map(Server::pid);
        std::iter::once(self.front.pid()).chain(behind).collect()
    }
}

/// Starts `program` pinned to the server's CPU.
fn start_pinned(program: &Path, arguments: impl Fn(SocketAddr, &Path) -> Vec<String>) -> Server {
    Server::start("taskset", |address, folder| {
        let mut all = vec![
            "-c".to_owned(),
            SERVER_CPU.to_owned(),
            program.display().to_string(),
        ];
        all.extend(arguments(address, folder));
        all
    })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Where `program` is on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Which peers are there, with their versions.
pub(crate) fn description() -> String {
    let mut found = Vec::new();
    for program in [
        "redis-server",
        "valkey-server",
        "predixy",
        "nutcracker",
        "haproxy",
    ] {
        match find(program) {
            None => found.push(format!("no {program}")),
            Some(path) => {
                let version = Command::new(path).arg("-v").output();
                let text = version
                    .map(|output| [output.stdout, output.stderr].concat())
                    .unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                found.push(text.lines().next().unwrap_or(program).to_owned());
            }
        }
    }
    format!("peers: {}", found.join("; "))
}

/// A redis-server, or a server with the same command line such as valkey-server.
fn redis_like(program: &str, further: &[&str]) -> Option<Server> {
    let program = find(program)?;
    Some(start_pinned(&program, |address, folder| {
        let mut all = words(&[
            "--port",
            &address.port().to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            &folder.display().to_string(),
        ]);
        all.extend(words(further));
        all
    }))
}

/// The peer that all ratios are to; without it there is nothing to compare with.
pub(crate) fn redis() -> Target {
    redis_with(&[])
}

/// The same with further arguments.
pub(crate) fn redis_with(further: &[&str]) -> Target {
    let server = redis_like("redis-server", further);
    Target::alone(
        "redis",
        server.expect("redis-server is installed (Debian: apt-get install redis-server)"),
    )
}

/// A valkey-server, if it is installed.
pub(crate) fn valkey() -> Option<Target> {
    redis_like("valkey-server", &[]).map(|server| Target::alone("valkey", server))
}

fn pinned_node() -> Server {
    start_pinned(Path::new(SWITCHYARD), |address, _| {
        words(&["node", "--listen", &address.to_string()])
    })
}

/// Our node by itself.
pub(crate) fn node() -> Target {
    Target::alone("switchyard node", pinned_node())
}

/// Our node with a folder for data, and further arguments.
pub(crate) fn node_with_data(further: &[&str]) -> Target {
    let server = start_pinned(Path::new(SWITCHYARD), |address, folder| {
        let data = folder.join("data").display().to_string();
        let listen = address.to_string();
        let mut all = words(&["node", "--listen", &listen, "--data-dir", &data]);
        all.extend(words(&["--save", ""]));
        all.extend(words(further));
        all
    });
    Target::alone("switchyard node", server)
}

/// The same server twice, the second of which follows the first and is part of what stands behind it.
pub(crate) fn followed(mut leader: Target, follower: Target) -> Target {
    let address = leader.address;
    let order = format!("REPLICAOF {} {}", address.ip(), address.port());
    follower.front.connect().call_words(&order);
    eventually("it has all", || {
        let said = follower.front.connect().call_words("INFO replication");
        said.text().contains("master_link_status:up")
    });
    leader.behind.push(follower.front);
    leader
}

/// Our proxy, with one thread, over `nodes` nodes of ours, with further arguments.
pub(crate) fn proxy(nodes: usize, further: &[&str]) -> Target {
    proxy_over(nodes, further, &|path, addresses| {
        write_topology(path, 1, addresses, &even_slots(addresses.len()));
    })
}

/// The same over one shard of two nodes, each of which has all.
pub(crate) fn proxy_of_two_copies(further: &[&str]) -> Target {
    let further = [further, &["--admin", "off"]].concat();
    let target = proxy_over(2, &further, &|path, addresses| {
        let mut text = "version = 1\n".to_owned();
        for (number, address) in addresses.iter().enumerate() {
            text += &format!("[[node]]\nid = \"n{number}\"\naddress = \"{address}\"\n");
        }
        text += "[[shard]]\nid = \"s0\"\nepoch = 1\nprimary = \"n0\"\nin-sync = [\"n0\"]\nlearners = [\"n1\"]\nslots = \"0-16383\"\n";
        fs::write(path, text).expect("a file in a temporary folder");
    });
    let topology = topology_path(target.front.folder());
    eventually("both are in sync", || {
        let text = fs::read_to_string(&topology).unwrap_or_default();
        text.contains("learners = []") || !text.contains("learners")
    });
    target
}

fn proxy_over(nodes: usize, further: &[&str], write: &dyn Fn(&Path, &[SocketAddr])) -> Target {
    let behind: Vec<Server> = (0..nodes).map(|_| pinned_node()).collect();
    let addresses: Vec<SocketAddr> = behind.iter().map(|node| node.address).collect();
    let front = start_pinned(Path::new(SWITCHYARD), |address, folder| {
        let topology = topology_path(folder);
        write(&topology, &addresses);
        let mut all = words(&[
            "proxy",
            "--listen",
            &address.to_string(),
            "--topology",
            &topology.display().to_string(),
            "--threads",
            "1",
        ]);
        if !further.contains(&"--admin") {
            // On, as in real life: its cost is part of the figures.
            all.extend(words(&["--admin", &free_address().to_string()]));
        }
        all.extend(words(further));
        all
    });
    Target {
        name: "switchyard proxy".to_owned(),
        address: front.address,
        front,
        behind,
        tls: false,
    }
}

/// As many shards as are asked for and a proxy with one thread, all in one process, which is pinned nowhere.
pub(crate) fn up(shards: usize) -> Target {
    let server = Server::start(SWITCHYARD, |address, _| {
        words(&[
            "up",
            "--shards",
            &shards.to_string(),
            "--followers",
            "0",
            "--threads",
            "1",
            "--listen",
            &address.to_string(),
            "--admin",
            &free_address().to_string(),
        ])
    });
    Target::alone("switchyard up", server)
}

/// The same proxy, reached over TLS with a certificate made for this run.
pub(crate) fn tls_proxy(nodes: usize) -> Target {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::TempDir::with_prefix("switchyard-bench-")
        .expect("a temporary folder")
        .keep();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&certificate, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let address = free_address();
    let mut target = proxy(
        nodes,
        &[
            "--tls-listen",
            &address.to_string(),
            "--tls-cert-file",
            &certificate.display().to_string(),
            "--tls-key-file",
            &key.display().to_string(),
        ],
    );
    fs::remove_dir_all(&folder).expect("own folder");
    target.name = "switchyard proxy, TLS".to_owned();
    target.address = address;
    target.tls = true;
    target
}

/// The proxies of others that are installed, each over two redis-servers of its own.
pub(crate) fn other_proxies() -> Vec<Target> {
    let makers: [(&str, Configure); 3] = [
        ("predixy", predixy_settings),
        ("nutcracker", twemproxy_settings),
        ("haproxy", haproxy_settings),
    ];
    makers
        .into_iter()
        .filter_map(|(program, configure)| other_proxy(program, configure))
        .collect()
}

/// Address to listen on and addresses of the servers → text of the configuration, and arguments before its path.
type Configure = fn(SocketAddr, &[SocketAddr]) -> (String, &'static [&'static str]);

fn other_proxy(program: &str, configure: Configure) -> Option<Target> {
    let path = find(program)?;
    let behind: Vec<Server> = (0..2)
        .map(|_| redis_like("redis-server", &[]))
        .collect::<Option<_>>()?;
    let servers: Vec<SocketAddr> = behind.iter().map(|server| server.address).collect();
    let front = start_pinned(&path, |address, folder| {
        let (text, before_path) = configure(address, &servers);
        let file = folder.join("settings");
        fs::write(&file, text).expect("a file in a temporary folder");
        let mut all = words(before_path);
        all.push(file.display().to_string());
        all
    });
    Some(Target {
        name: program.to_owned(),
        address: front.address,
        front,
        behind,
        tls: false,
    })
}

fn predixy_settings(
    listen: SocketAddr,
    servers: &[SocketAddr],
) -> (String, &'static [&'static str]) {
    let groups: String = servers
        .iter()
        .enumerate()
        .map(|(number, server)| format!("    Group shard{number} {{\n        + {server}\n    }}\n"))
        .collect();
    let text = format!(
        "Name bench\nBind {listen}\nWorkerThreads 1\nClientTimeout 300\nAuthority {{\n    Auth {{\n        Mode write\n    }}\n}}\n\
         StandaloneServerPool {{\n    Databases 16\n    Hash crc16\n    HashTag \"{{}}\"\n    Distribution modula\n    \
         MasterReadPriority 60\n    RefreshMethod fixed\n{groups}}}\n"
    );
    (text, &[])
}

fn twemproxy_settings(
    listen: SocketAddr,
    servers: &[SocketAddr],
) -> (String, &'static [&'static str]) {
    let list: String = servers
        .iter()
        .map(|server| format!("   - {server}:1\n"))
        .collect();
    let text = format!(
        "bench:\n  listen: {listen}\n  hash: fnv1a_64\n  distribution: modula\n  redis: true\n  servers:\n{list}"
    );
    (text, &["-c"])
}

/// Haproxy does not look into the stream, so it has a single server.
fn haproxy_settings(
    listen: SocketAddr,
    servers: &[SocketAddr],
) -> (String, &'static [&'static str]) {
    let text = format!(
        "global\n  nbthread 1\n  maxconn 8000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n\
         listen bench\n  bind {listen}\n  server one {}\n",
        servers[0]
    );
    (text, &["-db", "-f"])
}
