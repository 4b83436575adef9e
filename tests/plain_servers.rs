//! Shards of plain Redis servers behind a proxy: when the primary is gone a follower leads, and who comes back follows.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::replication::told;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, topology_path};
use crate::support::{Client, Reply, redis_server};

/// Two Redis servers, of which the first leads to begin with, and the proxy that looks after them; nothing where none is installed.
struct Pair {
    servers: Vec<Server>,
    proxy: Server,
}

fn topology_of(addresses: &[SocketAddr], more: &str) -> String {
    let mut text = "version = 1\n".to_owned();
    for (number, address) in addresses.iter().enumerate() {
        text +=
            &format!("\n[[node]]\nid = \"r{number}\"\naddress = \"{address}\"\nkind = \"redis\"\n");
    }
    text += "\n[[shard]]\nid = \"s0\"\nepoch = 1\nprimary = \"r0\"\nin-sync = [\"r0\"]\nlearners = [\"r1\"]\nslots = \"0-16383\"\n";
    text + more
}

impl Pair {
    fn start(further: &[&str]) -> Option<Self> {
        let servers = vec![redis_server::start(&[])?, redis_server::start(&[])?];
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
        let proxy = Server::start(SWITCHYARD, |address, folder| {
            let topology = topology_path(folder);
            fs::write(&topology, topology_of(&addresses, ""))
                .expect("a file in a temporary folder");
            let (address, topology) = (address.to_string(), topology.display().to_string());
            let words = ["proxy", "--threads", "1", "--admin", "off", "--listen"];
            let words = words
                .into_iter()
                .chain([&*address, "--topology", &topology]);
            let words = words.chain(further.iter().copied());
            words.map(str::to_owned).collect()
        });
        let pair = Self { servers, proxy };
        pair.await_follower(1);
        Some(pair)
    }

    fn connect(&self, server: usize) -> Client {
        self.servers[server].connect()
    }

    /// Until this one follows the other, and has its copy.
    fn await_follower(&self, follower: usize) {
        let leader = self.servers[1 - follower].address.port().to_string();
        let mut client = self.connect(follower);
        eventually("it follows", || {
            told(&mut client, "replication", "role") == "slave"
                && told(&mut client, "replication", "master_port") == leader
                && told(&mut client, "replication", "master_link_status") == "up"
        });
    }

    fn role(&self, server: usize) -> String {
        told(&mut self.connect(server), "replication", "role")
    }
}

fn is_written(client: &mut Client, key: &str, value: &str) -> bool {
    client.call(&["SET", key, value]) == Reply::ok()
}

#[test]
fn a_follower_leads_when_the_primary_is_killed_and_who_comes_back_follows() {
    let Some(mut pair) = Pair::start(&[]) else {
        return;
    };
    let mut client = pair.proxy.connect();
    assert!(is_written(&mut client, "k", "1"));
    let mut follower = pair.connect(1);
    eventually("the follower has it", || {
        follower.call(&["GET", "k"]) == Reply::bulk("1")
    });
    pair.servers[0].kill();
    // What is asked from now on waits until another one leads.
    assert_eq!(client.call(&["SET", "k", "2"]), Reply::ok());
    assert_eq!(client.call(&["GET", "k"]), Reply::bulk("2"));
    assert_eq!(pair.role(1), "master");
    let text = fs::read_to_string(topology_path(pair.proxy.folder())).expect("the topology");
    assert!(
        text.contains("primary = \"r1\"") && text.contains("epoch = 2"),
        "{text}"
    );
    // It comes back as a primary, and empty.
    pair.servers[0].restart();
    pair.await_follower(0);
    assert!(is_written(&mut client, "k", "3"));
    let mut back = pair.connect(0);
    eventually("it has all", || {
        back.call(&["GET", "k"]) == Reply::bulk("3")
    });
    assert_eq!(pair.role(1), "master");
}

#[test]
fn what_followers_of_a_plain_server_have_is_waited_for() {
    let Some(pair) = Pair::start(&[]) else {
        return;
    };
    let mut client = pair.proxy.connect();
    assert!(is_written(&mut client, "k", "1"));
    assert_eq!(client.call_words("WAIT 1 10000"), Reply::Integer(1));
    pair.servers[1].freeze();
    // It was this client's write, though it went over another connection.
    assert!(is_written(&mut client, "k", "2"));
    assert_eq!(client.call_words("WAIT 1 200"), Reply::Integer(0));
    pair.servers[1].thaw();
    assert_eq!(client.call_words("WAIT 1 10000"), Reply::Integer(1));
    assert_eq!(pair.connect(1).call(&["GET", "k"]), Reply::bulk("2"));
}

#[test]
fn a_primary_that_stands_still_is_replaced_and_follows_when_it_goes_on() {
    let Some(pair) = Pair::start(&["--read-from", "follower", "--acks", "in-sync"]) else {
        return;
    };
    let says = pair.proxy.output();
    assert!(says.contains("acks in-sync is without effect"), "{says}");
    let mut client = pair.proxy.connect();
    assert!(is_written(&mut client, "k", "1"));
    eventually("a follower answers reads", || {
        client.call(&["GET", "k"]);
        let line = told(&mut pair.connect(1), "commandstats", "cmdstat_get");
        line.starts_with("calls=")
    });
    pair.servers[0].freeze();
    eventually("another one leads", || is_written(&mut client, "k", "2"));
    assert_eq!(client.call(&["GET", "k"]), Reply::bulk("2"));
    pair.servers[0].thaw();
    pair.await_follower(0);
    assert!(is_written(&mut client, "k", "3"));
    eventually("the one that came back answers reads", || {
        assert!(client.call(&["GET", "none"]).is_null());
        let line = told(&mut pair.connect(0), "commandstats", "cmdstat_get");
        line.starts_with("calls=")
    });
}

#[test]
fn what_is_not_promised_of_plain_servers_is_said_and_what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("topology.toml");
    let addresses = [7_001, 7_002].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let check = |text: &str| {
        fs::write(&path, text).expect("a file in a temporary folder");
        let mut check = Command::new(SWITCHYARD);
        let output = check
            .args(["topology", "check"])
            .arg(&path)
            .output()
            .expect("the binary runs");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (is_good, text) = check(&topology_of(&addresses, ""));
    assert!(is_good, "{text}");
    for said in [
        "two may lead",
        "is lost",
        "acks = \"in-sync\"",
        "without effect",
    ] {
        assert!(text.contains(said), "{text}");
    }
    let (is_good, text) = check(&topology_of(&addresses, "min-in-sync = 2\n"));
    assert!(
        !is_good && text.contains("min-in-sync can only be 1"),
        "{text}"
    );
    let mixed = topology_of(&addresses, "").replacen("kind = \"redis\"", "", 1);
    let (is_good, text) = check(&mixed);
    assert!(
        !is_good && text.contains("of another kind than its primary"),
        "{text}"
    );
}
