//! SIGTERM: what was asked is answered, then the process ends with 0.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::eventually::eventually;
use crate::support::servers::{Cluster, SWITCHYARD, Server, start_node, topology_path};
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
        eventually("it says ready", || up.output().lines().any(ready));
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

/// Processes that `up` has started, by what it printed.
fn children(up: &Server) -> Vec<Pid> {
    let output = up.output();
    let ids = output.lines().filter_map(|line| {
        let (_, rest) = line.split_once(": process ")?;
        rest.split(',').next()?.parse().ok()
    });
    ids.map(Pid::from_raw).collect()
}

#[test]
fn a_signal_to_every_process_of_a_cluster_cuts_no_reply() {
    const VALUE_BYTES: usize = 4 << 20;
    const GETS: usize = 16;
    let mut up = Server::start(SWITCHYARD, |address, _| {
        let line = format!("up --listen {address} --shards 2 --admin off --processes");
        line.split(' ').map(str::to_owned).collect()
    });
    let mut client = up.connect();
    let value = "v".repeat(VALUE_BYTES);
    assert_eq!(client.call(&["SET", "k", &value]), Reply::ok());
    client
        .send(&encode(&["GET", "k"]).repeat(GETS))
        .expect("sent");
    // The first shows that the proxy is at them; more than sockets hold is still to come.
    assert!(client.receive().expect("a reply") == Reply::Bulk(value.clone().into_bytes()));
    let children = children(&up);
    assert_eq!(children.len(), 5);
    // As systemd does, and a parent that passes it on.
    for _ in 0..2 {
        for child in &children {
            kill(*child, Signal::SIGTERM).expect("a child of our child");
        }
        up.ask_to_stop();
    }
    let mut whole = 1;
    while let Ok(reply) = client.receive() {
        assert!(reply == Reply::Bulk(value.clone().into_bytes()));
        whole += 1;
    }
    assert!(whole > 1, "{whole}");
    ends_well(&mut up);
}

#[test]
fn a_hangup_ends_nobody() {
    let line = |words: &str| -> Vec<String> { words.split(' ').map(str::to_owned).collect() };
    let mut cluster = Cluster::start(1);
    let mut ups = ["", " --processes"].map(|further| {
        Server::start(SWITCHYARD, |address, _| {
            line(&format!("up --listen {address} --admin off{further}"))
        })
    });
    let again = "topology and certificates are read again";
    let [threads, processes] = &mut ups;
    // The node last: the proxy needs it.
    let servers = [
        (&mut cluster.proxy, again),
        (threads, again),
        (processes, again),
        (&mut cluster.nodes[0], "a node reads no file again"),
    ];
    for (server, words) in servers {
        for _ in 0..3 {
            server.hang_up();
        }
        eventually("it says what it does", || server.output().contains(words));
        assert_eq!(server.connect().call_words("SET k v"), Reply::ok());
        server.ask_to_stop();
        ends_well(server);
    }
}

#[test]
fn a_topology_file_that_has_become_a_pipe_keeps_no_proxy_from_serving_and_ending() {
    let mut cluster = Cluster::start(1);
    let file = topology_path(cluster.proxy.folder());
    let pipe = file.with_extension("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    std::fs::rename(&pipe, &file).expect("a rename in a temporary folder");
    eventually("it is said", || {
        cluster.proxy.output().contains("is a pipe, not a file")
    });
    let mut client = cluster.connect();
    assert_eq!(client.call_words("SET k v"), Reply::ok());
    cluster.proxy.ask_to_stop();
    ends_well(&mut cluster.proxy);
}

#[test]
fn a_script_that_has_written_and_does_not_end_keeps_no_node() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().display().to_string();
    let settings = [
        "--data-dir",
        &folder,
        "--appendonly",
        "true",
        "--save",
        "",
        "--shutdown-grace",
        "200ms",
    ];
    let mut node = start_node(&settings);
    let mut client = node.connect();
    client.call_words("SET before 1");
    client.call_words("CONFIG SET busy-reply-threshold 50");
    let mut looping = node.connect();
    let script = "redis.call('SET', KEYS[1], 1) while true do end";
    let sent = looping.send(&encode(&["EVAL", script, "1", "half"]));
    sent.expect("it takes it");
    eventually("it cannot be killed", || {
        let reply = client.call_words("SCRIPT KILL");
        reply
            .error_text()
            .is_some_and(|text| text.starts_with("UNKILLABLE "))
    });
    node.ask_to_stop();
    ends_well(&mut node);
    node.restart();
    let mut client = node.connect();
    eventually("it has read its log", || {
        client.call_words("EXISTS before") == Reply::Integer(1)
    });
    assert_eq!(client.call_words("EXISTS half"), Reply::Integer(0));
}
