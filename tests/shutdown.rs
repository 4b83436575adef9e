//! SIGTERM: what was asked is answered, then the process ends with 0.

use std::time::Duration;

use crate::support::servers::{Cluster, SWITCHYARD, Server, start_node};
use crate::support::{Client, Reply, encode};

const SOON: Duration = Duration::from_secs(30);

fn ends_well(server: &mut Server) {
    let status = server.wait_for_exit(SOON);
    assert!(status.success(), "{status}: {}", server.output());
}

#[test]
fn a_node_ends_with_zero() {
    let mut node = start_node(&[]);
    node.connect().call_words("SET k v");
    node.ask_to_stop();
    ends_well(&mut node);
}

#[test]
fn a_proxy_answers_what_it_was_asked_and_ends_with_zero() {
    let mut cluster = Cluster::start(3);
    let mut idle = cluster.connect();
    assert_eq!(idle.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    let mut busy = cluster.connect();
    let commands: Vec<u8> = (0..2_000)
        .flat_map(|number| encode(&["SET", &format!("key:{number}"), "v"]))
        .collect();
    busy.send(&commands).expect("sent");
    // The first reply shows that the proxy has them in hand.
    assert_eq!(busy.receive().expect("a reply"), Reply::ok());
    cluster.proxy.ask_to_stop();
    let mut answered = 1;
    while let Ok(reply) = busy.receive() {
        assert_eq!(reply, Reply::ok());
        answered += 1;
    }
    eprintln!("{answered} of 2000 answered before the end");
    assert!(idle.is_closed_by_server());
    ends_well(&mut cluster.proxy);
    // What was answered was done, and nothing was done twice; what was read but not answered may be either.
    let present: i64 = cluster
        .nodes
        .iter()
        .map(|node| node.connect().call_words("DBSIZE").integer())
        .sum();
    assert!(
        (answered..=2_000).contains(&present),
        "{answered} answered, {present} present"
    );
}

#[test]
fn a_local_cluster_ends_with_zero() {
    for further in [&[][..], &["--processes"]] {
        let mut up = Server::start(SWITCHYARD, |address, _| {
            let listen = address.to_string();
            let mut arguments = vec!["up", "--listen", &listen, "--shards", "2", "--admin", "off"];
            arguments.extend(further);
            arguments.iter().map(ToString::to_string).collect()
        });
        assert_eq!(up.connect().call_words("SET k v"), Reply::ok());
        let ready = |line: &str| line.starts_with("ready");
        assert!(up.output().lines().any(ready), "{}", up.output());
        up.ask_to_stop();
        ends_well(&mut up);
    }
}

#[test]
fn the_command_stops_a_node_as_the_signal_does() {
    let mut node = start_node(&[]);
    let mut client: Client = node.connect();
    // No reply: the connection closes.
    client.send(&encode(&["SHUTDOWN", "NOSAVE"])).expect("sent");
    assert!(client.is_closed_by_server());
    ends_well(&mut node);
}
