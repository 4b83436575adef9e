//! Networks of their own for nodes and proxies, on one bridge, so that each direction between any two of them can be cut without a word: packets go to an
//! address that nobody has. Needs Linux, `ip` and `unshare`, and the right to make namespaces; all of it goes with the process that made it.
//! Touches: nothing outside its namespaces.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::Reply;
use crate::support::eventually::{eventually, pause};
use crate::support::servers::{SWITCHYARD, Server};

/// Tells a test that it runs in namespaces of its own.
const INSIDE: &str = "SWITCHYARD_INSIDE";

/// The port of every server: each has an address of its own.
const PORT: u16 = 7_000;

/// A link address that nobody has: what is sent there is lost.
const NOBODY: &str = "02:00:00:00:00:01";

/// Who has a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Node(usize),
    Proxy(usize),
}

impl Place {
    fn name(self) -> String {
        match self {
            Self::Node(number) => format!("node{number}"),
            Self::Proxy(number) => format!("proxy{number}"),
        }
    }

    fn address(self) -> Ipv4Addr {
        let last = match self {
            Self::Node(number) => 10 + number,
            Self::Proxy(number) => 100 + number,
        };
        Ipv4Addr::new(
            10,
            77,
            0,
            u8::try_from(last).expect("few nodes and proxies"),
        )
    }
}

/// The bridge, in the namespace of the test, which reaches all places.
pub(super) struct Space;

impl Space {
    /// Builds the bridge. Only where [`is_inside`] said so.
    pub(super) fn build() -> Self {
        assert!(std::env::var_os(INSIDE).is_some(), "namespaces of its own");
        // `ip netns` keeps its names there.
        run(&["mount", "-t", "tmpfs", "tmpfs", "/run"]);
        ip("link add bridge type bridge");
        ip("link set bridge up");
        ip("addr add 10.77.0.1/24 dev bridge");
        Self
    }

    /// Starts a server in a network of its own.
    pub(super) fn start(
        &self,
        place: Place,
        arguments: impl Fn(SocketAddr, &Path) -> Vec<String>,
    ) -> Server {
        let (name, address) = (place.name(), place.address());
        ip(&format!("netns add {name}"));
        ip(&format!(
            "link add to-{name} type veth peer name eth0 netns {name}"
        ));
        ip(&format!("link set to-{name} master bridge up"));
        ip(&format!("-n {name} addr add {address}/24 dev eth0"));
        ip(&format!("-n {name} link set eth0 up"));
        ip(&format!("-n {name} link set lo up"));
        let address = SocketAddr::from((address, PORT));
        Server::start_at(address, "ip", |address, folder| {
            let within = ["netns", "exec", &name, SWITCHYARD].map(str::to_owned);
            let own = arguments(address, folder);
            let open = ["--protected-mode", "false"].map(str::to_owned);
            within.into_iter().chain(own).chain(open).collect()
        })
    }

    /// Nothing passes from one place to the other any more; the other way it does.
    pub(super) fn cut(&self, from: Place, to: Place) {
        let (name, address) = (from.name(), to.address());
        ip(&format!(
            "-n {name} neigh replace {address} lladdr {NOBODY} dev eth0 nud permanent"
        ));
    }

    /// All passes again that was cut.
    pub(super) fn join(&self, from: Place, to: Place) {
        let (name, address) = (from.name(), to.address());
        ip(&format!("-n {name} neigh del {address} dev eth0"));
    }
}

/// Runs a program that must not fail.
pub(super) fn run(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", words[0]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
}

fn ip(words: &str) {
    let words = words.split(' ');
    run(&std::iter::once("ip").chain(words).collect::<Vec<_>>());
}

/// Runs this test again in namespaces of its own. True in that run; false in the one that started it, which has nothing more to do, or has said why it cannot.
pub(super) fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return true;
    }
    let namespaces = ["--net", "--mount", "--propagation", "private"];
    let unshare = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(namespaces).args(words);
        command
    };
    let tried = unshare(&["ip", "link", "add", "try", "type", "bridge"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            eprintln!("skipped: no network namespaces here: {}", said.trim());
            return false;
        }
        Err(error) => {
            eprintln!("skipped: no network namespaces without `unshare`: {error}");
            return false;
        }
    }
    let program = std::env::current_exe().expect("this program");
    let program = program.display().to_string();
    let status = unshare(&[&program, test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare was there a moment ago");
    assert!(status.success(), "{test} in its namespaces: {status}");
    false
}

#[test]
fn what_is_cut_does_not_pass_in_one_direction_alone() {
    if !is_inside("histories::space::what_is_cut_does_not_pass_in_one_direction_alone") {
        return;
    }
    let space = Space::build();
    let places = [Place::Node(0), Place::Node(1)];
    let start = |place| {
        space.start(place, |address, _| {
            ["node", "--listen", &address.to_string()]
                .map(str::to_owned)
                .to_vec()
        })
    };
    let [leader, follower] = places.map(start);
    let mut writes = leader.connect();
    let mut reads = follower.connect();
    reads.call(&[
        "REPLICAOF",
        &leader.address.ip().to_string(),
        &PORT.to_string(),
    ]);
    let mut is_there = |value: &str| {
        writes.call(&["SET", "k", value]);
        eventually("it is copied", || {
            reads.call(&["GET", "k"]) == Reply::bulk(value)
        });
    };
    is_there("1");
    space.cut(places[0], places[1]);
    assert_eq!(leader.connect().call(&["SET", "k", "2"]), Reply::ok());
    pause(Duration::from_millis(300));
    assert_eq!(follower.connect().call(&["GET", "k"]), Reply::bulk("1"));
    space.join(places[0], places[1]);
    is_there("3");
}
