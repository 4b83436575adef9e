//! Ten thousand clients that say nothing: they cost little, and each is answered when it speaks.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::eventually::eventually;
use crate::support::servers::{Cluster, Server, start_node};
use crate::support::{Client, Reply};

/// What ten thousand idle clients on a proxy may take.
const PROXY_BYTES: u64 = 200 * 1024 * 1024;

/// As many clients as asked for, or as the limit of open files allows; a smaller number is printed with the reason.
pub(crate) fn affordable_clients(wanted: usize) -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    // Some files for everything else; the servers inherit the same limit.
    let affordable = usize::try_from(hard)
        .unwrap_or(usize::MAX)
        .saturating_sub(500);
    if affordable < wanted {
        eprintln!("only {affordable} of {wanted} clients: the limit of open files is {hard}");
    }
    affordable.min(wanted)
}

fn answers_all(server: &Server, count: usize) -> u64 {
    let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    }
    for client in clients.iter_mut().rev().step_by(7) {
        assert!(client.call_words("GET nothing").is_null());
    }
    server.resident_bytes()
}

#[test]
fn ten_thousand_idle_clients_of_a_proxy_are_served_in_bounded_memory() {
    // Before the servers start: they inherit the raised limit. One below maxclients, for the proxy is asked for its health too.
    let count = affordable_clients(9_990);
    let cluster = Cluster::start(1);
    let resident = answers_all(&cluster.proxy, count);
    eprintln!("{count} clients: {} MiB resident", resident / 1024 / 1024);
    assert!(resident < PROXY_BYTES, "{resident} bytes");
    assert_eq!(
        cluster.connect().call_words("PING"),
        Reply::Simple(b"PONG".to_vec())
    );
}

#[test]
fn ten_thousand_idle_clients_of_a_node_are_served_in_bounded_memory() {
    let count = affordable_clients(9_990);
    let node = start_node(&[]);
    let resident = answers_all(&node, count);
    eprintln!("{count} clients: {} MiB resident", resident / 1024 / 1024);
    assert!(resident < PROXY_BYTES, "{resident} bytes");
}

#[test]
fn one_client_too_many_is_told_so_and_the_others_stay() {
    let node = start_node(&["--maxclients", "50"]);
    let pong = Reply::Simple(b"PONG".to_vec());
    let mut clients: Vec<Client> = Vec::new();
    // The connection that found the node ready may not be gone yet.
    eventually("fifty clients fit", || {
        clients.clear();
        clients = (0..50).map(|_| node.connect()).collect();
        clients
            .iter_mut()
            .all(|client| client.call_words("PING") == pong)
    });
    let mut refused = node.connect();
    let text = refused.receive().expect("a reply").error_text();
    assert_eq!(text.expect("an error"), "ERR max number of clients reached");
    assert!(refused.is_closed_by_server());
    for client in &mut clients {
        assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    }
}

#[test]
fn a_client_that_is_silent_too_long_is_closed() {
    let node = start_node(&["--timeout", "1s"]);
    let mut silent = node.connect();
    assert!(silent.is_closed_by_server());
}
