//! Nodes that say where they are: proxies take note of those who know the nodes' password, and nodes keep the name by which proxies call them.

use std::fs;

use crate::snapshots::{data, start_keeper};
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, start_node, start_proxy, topology_path};
use crate::support::{Client, Reply};

/// What the node's log says when a proxy has taken note of it.
const LISTED: &str = "which has this node in its topology";

/// How often the log says it.
fn says(node: &Server, words: &str) -> usize {
    node.output().matches(words).count()
}

fn call(client: &mut Client, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let reply = client.call(&words);
    reply.error_text().unwrap_or_else(|| reply.text())
}

#[test]
fn a_proxy_takes_note_of_nodes_and_forwards_nothing_of_it() {
    let node = start_node(&["--requirepass", "back"]);
    let further = ["--node-password", "back", "--requirepass", "front"];
    let proxy = start_proxy(&[node.address], &further);
    let mut client = proxy.connect();
    let announce = "NODE ANNOUNCE n7 10.0.0.7 6380 zone-a back";
    assert!(call(&mut client, announce).starts_with("NOAUTH "));
    assert_eq!(call(&mut client, "AUTH front"), "OK");
    let said = call(&mut client, announce);
    assert!(
        said.starts_with("ERR this proxy looks after no shards"),
        "{said}"
    );
    assert_eq!(
        call(&mut client, "node announce n0 h 1 - back"),
        "OK listed"
    );
    for (line, begin) in [
        ("NODE ANNOUNCE n7 10.0.0.7 6380 -", "WRONGPASS "),
        ("NODE ANNOUNCE n7 10.0.0.7 6380 - front", "WRONGPASS "),
        (
            "NODE ANNOUNCE n7 10.0.0.7 x - back",
            "ERR NODE ANNOUNCE takes ",
        ),
        ("NODE STATUS", "ERR 'node' is not possible through a proxy"),
        (
            "NODE FENCE s0 1 1 n0@0000000000000001",
            "ERR 'node' is not possible through a proxy",
        ),
        ("NODE", "ERR wrong number of arguments"),
    ] {
        let said = call(&mut client, line);
        assert!(said.starts_with(begin), "{line}: {said}");
    }
    // The node has not heard of any of it, and does not know it.
    let mut client = node.connect();
    assert_eq!(call(&mut client, "AUTH back"), "OK");
    assert!(call(&mut client, announce).starts_with("ERR unknown subcommand"));
}

#[test]
fn a_proxy_takes_note_of_a_bounded_number_of_nodes() {
    let node = start_node(&[]);
    let proxy = start_proxy(&[node.address], &[]);
    // One that wants a follower, and takes nobody whom it cannot ask.
    let file = topology_path(proxy.folder());
    let text = fs::read_to_string(&file).expect("a topology");
    let wanted = text.replace("version = 1", "version = 2") + "copies = 2\n";
    fs::write(&file, wanted).expect("written");
    let mut client = proxy.connect();
    eventually("the proxy looks after the shard", || {
        call(&mut client, "NODE ANNOUNCE s0 h 1 -") == "OK spare"
    });
    for number in 0..5_000 {
        let said = call(&mut client, &format!("NODE ANNOUNCE s{number} h 1 -"));
        assert!(
            said == "OK spare" || said.starts_with("TRYAGAIN "),
            "{said}"
        );
    }
    assert_eq!(call(&mut client, "PING"), "PONG");
}

#[test]
fn a_node_says_where_it_is_and_says_it_again_to_a_proxy_that_comes_back() {
    let node = start_node(&["--requirepass", "back"]);
    let further = ["--node-password", "back", "--requirepass", "front"];
    let mut proxy = start_proxy(&[node.address], &further);
    let join = proxy.address.to_string();
    let join = ["--requirepass", "back", "--join", &join, "--join-password"];
    // It has the name of one that the topology lists.
    let spare = start_node(&[&join[..], &["front", "--name", "n0"]].concat());
    eventually("the proxy has taken note", || says(&spare, LISTED) == 1);
    let unknown = start_node(&[&join[..], &["wrong"]].concat());
    eventually("it is refused", || {
        says(&unknown, "refuses: WRONGPASS") == 1
    });
    assert_eq!(says(&unknown, LISTED), 0);
    proxy.kill();
    eventually("it says that once", || {
        says(&spare, "it is tried again") >= 1
    });
    proxy.restart();
    eventually("the proxy has taken note again", || {
        says(&spare, LISTED) == 2
    });
    eventually("it is refused again", || {
        says(&unknown, "refuses: WRONGPASS") == 2
    });
}

#[test]
fn a_node_of_a_shard_keeps_the_name_by_which_its_proxies_call_it() {
    let mut member = start_keeper(&[]);
    let name_file = data(member.folder()).join("switchyard.name");
    assert!(!name_file.exists(), "nobody has asked for one");
    let life = {
        let status = member.connect().call(&["NODE", "STATUS"]);
        let elements: Vec<String> = status.elements().iter().map(Reply::text).collect();
        let at = elements.iter().position(|word| word == "life");
        elements[at.expect("a life") + 1].clone()
    };
    let fence = format!("NODE FENCE s0 1 1 n0@{life}");
    let reply = member.connect().call(&fence.split(' ').collect::<Vec<_>>());
    assert!(reply.error_text().is_none(), "{reply:?}");
    assert_eq!(fs::read_to_string(&name_file).expect("a name"), "n0\n");
    member.kill();
    // At another address, and with another name if it could choose.
    let proxy = start_proxy(&[member.address], &[]);
    let (join, folder) = (proxy.address.to_string(), data(member.folder()));
    let node = Server::start(SWITCHYARD, |address, _| {
        let (address, folder) = (address.to_string(), folder.display().to_string());
        let words = [
            "node",
            "--listen",
            &address,
            "--data-dir",
            &folder,
            "--join",
            &join,
            "--name",
            "n7",
        ];
        words.map(str::to_owned).to_vec()
    });
    eventually("it is known again", || says(&node, LISTED) == 1);
    assert!(node.output().contains("name=n0"), "{}", node.output());
}
