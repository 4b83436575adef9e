//! Very many who wait and very many who listen, at one proxy: each gets what is his, once, also when a primary is killed meanwhile, and a bystander is served.
//! `SWITCHYARD_CROWDS=10` makes them ten times as many; what they cost is printed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use crate::histories::stage::{Plan, Shards as _, Stage};
use crate::idle::affordable_clients;
use crate::leases::{begin, blocked, popped};
use crate::support::eventually::{Stopwatch, eventually};
use crate::support::servers::Server;
use crate::support::{Client, Reply};

/// So many, times [`times`].
const WAITING: usize = 100;
const LISTENING: usize = 1_000;

/// Channels; each is listened to by as many.
const CHANNELS: usize = 10;

/// Most that the proxy may hold for one of either kind, and what it takes by itself.
const BYTES_FOR_EACH: u64 = 40 * 1024;
const BYTES: u64 = 100 * 1024 * 1024;

fn times() -> usize {
    std::env::var("SWITCHYARD_CROWDS").map_or(1, |text| text.parse().expect("a number"))
}

/// How many connections the proxy has to nodes.
fn upstream(stage: &Stage) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", stage.proxies[0].pid())).expect("alive");
    let sockets: BTreeSet<String> = descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let link = link.to_str()?;
            Some(
                link.strip_prefix("socket:[")?
                    .trim_end_matches(']')
                    .to_owned(),
            )
        })
        .collect();
    let ports: Vec<String> = stage
        .nodes
        .iter()
        .map(|node| format!(":{:04X}", node.address.port()))
        .collect();
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let of_proxy = table.lines().skip(1).filter(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_to_node = ports.iter().any(|port| words[2].ends_with(port.as_str()));
        // Established, and its own.
        is_to_node && words[3] == "01" && sockets.contains(words[9])
    });
    of_proxy.count()
}

/// What somebody feels who only reads and writes for so long.
fn bystander(proxy: &Server, length: Duration) -> String {
    let mut client = proxy.connect();
    let (all, mut took) = (Stopwatch::start(), Vec::new());
    while all.elapsed() < length {
        let key = format!("bystander:{}", took.len());
        let one = Stopwatch::start();
        client.call(&["SET", &key, "v"]);
        client.call(&["GET", &key]);
        took.push(one.elapsed());
    }
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    format!(
        "{} times SET and GET: median {:?}, 99 % {:?}, longest {:?}",
        took.len(),
        at(50),
        at(99),
        at(100)
    )
}

fn report(stage: &Stage, what: &str) {
    let proxy = &stage.proxies[0];
    eprintln!(
        "{what}: the proxy holds {} KiB, {} connections to nodes",
        proxy.resident_bytes() / 1024,
        upstream(stage)
    );
    eprintln!("{what}: {}", bystander(proxy, Duration::from_millis(500)));
}

fn list(number: usize) -> String {
    format!("list:{number}")
}

/// One who waits for a list of his own.
fn wait(stage: &Stage, number: usize) -> Client {
    let mut client = stage.proxies[0].connect();
    begin(&mut client, &format!("BLPOP {} 0", list(number)));
    client
}

fn listen(stage: &Stage, number: usize) -> Client {
    let mut client = stage.proxies[0].connect();
    begin(
        &mut client,
        &format!("SUBSCRIBE channel:{}", number % CHANNELS),
    );
    client
}

/// Says something in each channel when all hear, and all hear it, in turn.
fn all_hear(stage: &Stage, listening: &mut [Client], texts: &[String]) {
    let each = i64::try_from(listening.len() / CHANNELS).expect("small");
    let mut publisher = stage.proxies[0].connect();
    for text in texts {
        for channel in 0..CHANNELS {
            let told = publisher.call(&["PUBLISH", &format!("channel:{channel}"), text]);
            assert_eq!(told, Reply::Integer(each), "how many hear it");
        }
    }
    for listener in listening {
        for text in texts {
            let message = listener.receive().expect("a message");
            assert_eq!(message.elements()[2], Reply::bulk(text));
        }
    }
}

/// Until everybody counts as a listener again; what was said meanwhile some have heard.
fn until_all_hear(stage: &Stage, listening: &[Client]) {
    let each = i64::try_from(listening.len() / CHANNELS).expect("small");
    let mut asker = stage.proxies[0].connect();
    eventually("all are subscribed again", || {
        (0..CHANNELS).all(|channel| {
            let told = asker.call(&["PUBSUB", "NUMSUB", &format!("channel:{channel}")]);
            matches!(&told, Reply::Array(parts) if parts[1] == Reply::Integer(each))
        })
    });
}

#[test]
fn very_many_who_wait_and_listen_are_served_by_one_proxy_through_a_promotion() {
    let (many_wait, many_listen) = (WAITING * times(), LISTENING * times());
    let all = many_wait + many_listen;
    // Before the servers start: they inherit the raised limit.
    assert_eq!(affordable_clients(all), all, "open files");
    let most = (all + 100).to_string();
    let mut stage = Stage::start_by(Plan::SMALL, "", &["--maxclients", &most]);
    report(&stage, "nobody");
    let watch = Stopwatch::start();
    let mut waiting: Vec<Client> = (0..many_wait).map(|number| wait(&stage, number)).collect();
    eventually("all wait", || blocked(&stage.proxies[0]) == many_wait);
    report(
        &stage,
        &format!("{many_wait} wait after {:?}", watch.elapsed()),
    );
    let mut listening: Vec<Client> = (0..many_listen)
        .map(|number| listen(&stage, number))
        .collect();
    for listener in &mut listening {
        listener.receive().expect("subscribed");
    }
    report(
        &stage,
        &format!("{many_listen} listen after {:?}", watch.elapsed()),
    );
    let texts =
        |from: usize| -> Vec<String> { (from..from + 5).map(|text| text.to_string()).collect() };
    let watch = Stopwatch::start();
    all_hear(&stage, &mut listening, &texts(0));
    eprintln!(
        "{} messages heard after {:?}",
        many_listen * 5,
        watch.elapsed()
    );

    let primary = stage.leader(0);
    let watch = Stopwatch::start();
    stage.nodes[primary].kill();
    let during = bystander(&stage.proxies[0], Duration::from_secs(1));
    eprintln!("from the kill on: {during}");
    stage.nodes[primary].restart();
    // Who waited there is told that nobody knows, and waits again; the others have waited on.
    let lost = wait_again(&stage, &mut waiting);
    eventually("all wait again", || blocked(&stage.proxies[0]) == many_wait);
    until_all_hear(&stage, &listening);
    eprintln!(
        "{lost} were told UNKNOWN; all wait and listen again {:?} after the kill",
        watch.elapsed()
    );
    assert!(
        lost < many_wait,
        "who waited at the other shard has heard of nothing"
    );
    stage.becomes_whole();
    all_hear(&stage, &mut listening, &texts(5));
    report(&stage, "after the promotion");

    let watch = Stopwatch::start();
    let mut pusher = stage.proxies[0].connect();
    for number in 0..many_wait {
        pusher.call(&["RPUSH", &list(number), "own"]);
    }
    for (number, client) in waiting.iter_mut().enumerate() {
        let told = client.receive().expect("served");
        assert_eq!(told, popped(&list(number), "own"));
    }
    eprintln!("{many_wait} were served in {:?}", watch.elapsed());
    drop((waiting, listening));
    eventually("nobody waits", || {
        let at_nodes: usize = stage.nodes.iter().map(blocked).sum();
        at_nodes + blocked(&stage.proxies[0]) == 0
    });
    report(&stage, "all have gone");
    let held = stage.proxies[0].resident_bytes();
    let bound = BYTES + BYTES_FOR_EACH * u64::try_from(all).expect("small");
    assert!(held < bound, "{held} bytes");
    assert!(stage.proxies[0].is_alive());
}

/// Whoever is told that nobody knows waits again; how many were.
fn wait_again(stage: &Stage, waiting: &mut [Client]) -> usize {
    stage.leader(0);
    let mut lost = 0;
    for (number, client) in waiting.iter_mut().enumerate() {
        let mut first = [0];
        client.socket().set_nonblocking(true).expect("a socket");
        let is_told = client.socket().peek(&mut first).is_ok();
        client.socket().set_nonblocking(false).expect("a socket");
        if is_told {
            let text = client.receive().expect("an error").error_text();
            assert!(text.is_some_and(|text| text.starts_with("UNKNOWN ")));
            begin(client, &format!("BLPOP {} 0", list(number)));
            lost += 1;
        }
    }
    lost
}
