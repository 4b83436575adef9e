//! The deployment on loopback under load: proxies that drain or hang, a primary that is stopped, the dashboard's queries against the Prometheus that has
//! watched it. Each fact has one deadline; phases follow each other in one test, for starting takes seconds.

use std::fs;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::alerts::TABLES;
use super::applications::{Seen, application, erring_application};
use super::dashboard::queries;
use super::running::{Deployment, fetch};
use super::text;
use crate::support::eventually::eventually;
use crate::support::{Client, Reply, encode};

/// Applications that load the deployment.
const APPLICATIONS: usize = 4;

/// Clients that keep their connections, with replies that they have not read; so many that each proxy has some.
const SLOW_CLIENTS: usize = 8;

/// Two replies of it are more than sockets hold, and less than `client-output-hard-limit`.
const LARGE_BYTES: usize = 7 << 20;

/// Panels that show trouble or a moment: nothing there is a good answer too.
const MAY_BE_ZERO: &[&str] = &[
    "Alerts that fire",
    "Bytes kept for clients",
    "Bytes on their way to nodes",
    "Changes since the last snapshot",
    "Conditions that hold",
    "Connections refused",
    "Connections that wait or watch",
    "Errors of commands",
    "Evicted keys",
    "Expired keys",
    "Failovers",
    "Keys",
    "Lag by follower",
    "Lag of each follower",
    "Lag of followers",
    "Lost",
    "Messages of channels",
    "Nodes taken for gone",
    "Refusals of nodes",
    "Refused and lost requests",
    "Requests held for each shard",
    "Requests that wait",
    "Requests that wait for a takeover",
    "Shards out of reach",
    "Spare nodes",
    "Subscribed again",
    "Waiting for the disk",
];

/// No answer is the best one there.
const MAY_BE_EMPTY: &str = "Each condition";

/// Shown only while a condition holds, or where there is TLS.
const SELDOM_THERE: &[&str] = &[
    "switchyard_proxy_condition",
    "switchyard_proxy_certificate_expiry_timestamp_seconds",
];

/// Range of rates in queries: longer than two scrapes, so that a rate has two samples from the start.
const RATE_INTERVAL: &str = "30s";

/// A moment in which nothing comes from who has nothing to say.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Clients that have asked for two large values each and read nothing yet.
fn slow_clients(deployment: &Deployment) -> Vec<Client> {
    let mut client = Client::connect(deployment.haproxy());
    let value = "v".repeat(LARGE_BYTES);
    assert_eq!(client.call(&["SET", "large", &value]), Reply::ok());
    let slow = (0..SLOW_CLIENTS).map(|_| {
        let mut client = Client::connect(deployment.haproxy());
        client
            .send(&encode(&["GET", "large"]).repeat(2))
            .expect("sent");
        client.socket().peek(&mut [0]).expect("the first byte");
        client
    });
    slow.collect()
}

/// Whether the connection has ended in order; panics when it broke.
fn has_ended(client: &mut Client) -> bool {
    client.set_read_deadline(A_MOMENT);
    let error = client.receive().expect_err("nothing was asked");
    let kind = error.kind();
    assert!(
        [ErrorKind::UnexpectedEof, ErrorKind::WouldBlock].contains(&kind),
        "{error}"
    );
    kind == ErrorKind::UnexpectedEof
}

/// Stops and starts each proxy in turn under load. Who connects now and then sees nothing of it; who stays gets the replies that were under way, whole,
/// and then an end in order.
fn drain_each_proxy(deployment: &Deployment, seen: &Seen) {
    for number in [1, 2] {
        let name = format!("proxy{number}");
        let own = deployment.address(10 + number, 6379);
        let before = seen.reconnects.load(Ordering::Relaxed);
        let mut slow = slow_clients(deployment);
        let mut idle = Client::connect(own);
        assert_eq!(idle.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
        thread::scope(|scope| {
            let stopping = scope.spawn(|| deployment.script(&["stop", &name]));
            // It has nothing to wait for: the drain begins with its end.
            idle.receive().expect_err("nothing was asked");
            // Only now do they read: what a killed proxy had not sent is missing.
            for client in &mut slow {
                for _ in 0..2 {
                    let reply = client.receive().expect("a whole reply");
                    assert!(matches!(reply, Reply::Bulk(value) if value.len() == LARGE_BYTES));
                }
            }
            stopping.join().expect("it stops");
        });
        seen.wait_for_load();
        let ended = slow
            .iter_mut()
            .map(has_ended)
            .filter(|ended| *ended)
            .count();
        let reconnects = seen.reconnects.load(Ordering::Relaxed) - before;
        deployment.script(&["start", &name]);
        // HAProxy sends new clients to it again.
        let mut held = Vec::new();
        eventually("the proxy that came back gets clients", || {
            held.extend(Client::try_connect(deployment.haproxy()));
            deployment.clients_of_proxy(number) > 1
        });
        eprintln!(
            "{name} stopped and started: {reconnects} broken requests, {ended} of {SLOW_CLIENTS} slow clients let go with all their replies"
        );
        assert!(
            (1..SLOW_CLIENTS).contains(&ended),
            "each proxy had some of {SLOW_CLIENTS}, {name} {ended}"
        );
        assert_eq!(reconnects, 0, "{name}: nobody's request is cut by a drain");
        assert_eq!(seen.take_errors(), Vec::<String>::new(), "{name}");
    }
}

/// Stops the primary of a shard under load: its follower leads, and what applications were told to be written is there (they look themselves). Started
/// again it has everything, too.
fn stop_a_primary(deployment: &Deployment, seen: &Seen) {
    let both_say = |series: &str, wanted: u64| {
        [1, 2].map(|proxy| deployment.said_by_proxy(proxy, series)) == [Some(wanted); 2]
    };
    let epoch = r#"switchyard_proxy_shard_epoch{shard="s2"}"#;
    let in_sync = r#"switchyard_proxy_shard_copies_in_sync{shard="s2"}"#;
    eventually("there is a follower", || both_say(in_sync, 2));
    assert!(both_say(epoch, 1));
    deployment.script(&["stop", "node2"]);
    eventually("its follower leads", || both_say(epoch, 2));
    seen.wait_for_load();
    let errors = seen.take_errors();
    eprintln!("node2 stopped: {} error replies: {errors:?}", errors.len());
    for error in errors {
        let prefix = error.split(' ').next().unwrap_or_default();
        assert!(
            ["CLUSTERDOWN", "UNKNOWN"].contains(&prefix) && error.contains("s2"),
            "{error}"
        );
    }
    deployment.script(&["start", "node2"]);
    eventually("it has everything again", || both_say(in_sync, 2));
    seen.wait_for_load();
    assert_eq!(seen.take_errors(), Vec::<String>::new());
}

/// Every query of the dashboard has an answer, of numbers, and none is zero under load that the panel shows.
fn ask_every_query(deployment: &Deployment) {
    for query in queries(RATE_INTERVAL) {
        let may_be_zero = MAY_BE_ZERO.contains(&query.panel.as_str());
        let mut values = Vec::new();
        let fact = format!("{}: {} has an answer", query.panel, query.expression);
        eventually(&fact, || {
            values = deployment.ask_prometheus(&query.expression);
            let is_there = !values.is_empty() || query.panel == MAY_BE_EMPTY;
            is_there
                && values.iter().all(|value| value.is_finite())
                && (may_be_zero || values.is_empty() || values.iter().any(|value| *value > 0.0))
        });
        eprintln!("{}: {} → {values:?}", query.panel, query.expression);
    }
}

/// Prometheus' own check of a page.
fn promtool_takes(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let mut input = promtool.stdin.take().expect("piped");
    input.write_all(page.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
}

/// Series that a node has at most, whatever it is asked: some for each command that has come, and few besides.
const MOST_SERIES_OF_A_NODE: usize = 6_000;

fn check_metrics(deployment: &Deployment) {
    let page = |last| fetch(deployment.address(last, 9121), "/metrics").expect("a page");
    let proxy = page(11);
    promtool_takes(&proxy);
    // Those that lead, and those that follow.
    let mut nodes = String::new();
    for node in 1..=6 {
        let page = page(node);
        promtool_takes(&page);
        let series = page.lines().filter(|line| !line.starts_with('#')).count();
        assert!(series < MOST_SERIES_OF_A_NODE, "{series}");
        nodes += &page;
    }
    for table in TABLES {
        let source = text(table);
        let words = source.split('"').skip(1).step_by(2);
        let is_name = |word: &str| {
            word.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let names = words.filter(|word| word.starts_with("switchyard_") && is_name(word));
        // The tests in those files say what names begin with, too.
        for name in names.filter(|name| !name.ends_with('_')) {
            let pages = match name.starts_with("switchyard_node_") {
                true => &nodes,
                false => &proxy,
            };
            assert!(
                pages.contains(&format!("# TYPE {name} ")) || SELDOM_THERE.contains(&name),
                "{name} is described and never shown"
            );
        }
    }
    for node in 1..=6 {
        let ready = fetch(deployment.address(node, 9121), "/readyz");
        assert_eq!(ready.expect("it is ready"), "ready\n", "node{node}");
    }
}

/// Who connects through HAProxy is who a proxy shows, and not HAProxy; and who says so for himself is not believed.
fn show_who_is_there(deployment: &Deployment) {
    let mut client = Client::connect(deployment.haproxy());
    let own = client
        .socket()
        .local_addr()
        .expect("an address")
        .to_string();
    let Reply::Bulk(line) = client.call_words("CLIENT INFO") else {
        panic!("no line");
    };
    let line = String::from_utf8(line).expect("text");
    assert!(line.contains(&format!(" addr={own} ")), "{own}: {line}");
    let mut stranger = Client::connect(deployment.address(11, 6379));
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x1f\x90\x18\xeb";
    stranger.send(header).expect("sent");
    assert!(matches!(stranger.receive(), Ok(Reply::Error(_))));
    stranger.receive().expect_err("closed");
}

#[test]
fn the_deployment_serves_while_proxies_and_a_primary_come_and_go_and_its_dashboards_show_it() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    let seen = Seen::default();
    let address = deployment.haproxy();
    thread::scope(|scope| {
        for number in 0..APPLICATIONS {
            let seen = &seen;
            scope.spawn(move || application(number, address, seen));
        }
        scope.spawn(|| erring_application(address, &seen));
        // Whatever fails in here, the applications end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("HAProxy finds somebody ready", || {
                fetch(deployment.address(21, 8404), "/healthz").is_ok()
            });
            seen.wait_for_load();
            show_who_is_there(&deployment);
            drain_each_proxy(&deployment, &seen);
            stop_a_primary(&deployment, &seen);
            ask_every_query(&deployment);
            check_metrics(&deployment);
        }));
        seen.stop.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

/// The panel's expression, and the same as a plain count since the start.
fn errors_that_clients_saw() -> (String, String) {
    let mut panel = queries(RATE_INTERVAL).into_iter();
    let rate = panel.find(|query| query.panel == "Errors that clients saw");
    let rate = rate.expect("a panel").expression;
    let count = rate
        .replace("rate(", "(")
        .replace(&format!("[{RATE_INTERVAL}]"), "");
    (rate, count)
}

#[test]
fn each_error_that_a_client_saw_is_counted_once() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    let (rate, count) = errors_that_clients_saw();
    eventually("both proxies are watched", || {
        deployment.ask_prometheus("sum(rate(switchyard_proxy_requests_total[30s]) * 0 + 1)")
            == [2.0]
    });
    assert_eq!(
        deployment.ask_prometheus(&rate),
        [0.0],
        "no error, and no gap"
    );
    assert_eq!(deployment.ask_prometheus(&count), [0.0]);

    let mut client = Client::connect(deployment.haproxy());
    let mut errors = 0_u32;
    let mut ask = |words: &str| {
        if matches!(client.call_words(words), Reply::Error(_)) {
            errors += 1;
        }
    };
    ask("SET text word");
    // A burst of a command that no proxy has had before, and then silence.
    for _ in 0..500 {
        ask("LPUSH text element");
    }
    eventually("the panel shows the burst", || {
        deployment.ask_prometheus(&rate)[0] > 0.0
    });
    for _ in 0..7 {
        ask("INCR text");
    }
    for _ in 0..5 {
        ask("NO-SUCH-COMMAND");
    }
    // Both of a shard.
    deployment.script(&["stop", "node5"]);
    deployment.script(&["stop", "node2"]);
    for number in 0..30 {
        ask(&format!("GET key:{number}"));
    }
    assert!(errors > 512, "some keys were on the node");
    let expected = f64::from(errors);
    eventually("as many errors as the client was told", || {
        deployment.ask_prometheus(&count) == [expected]
    });
}

/// Whether every thread of a process is stopped by a signal.
fn stands_still(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it is there");
    threads.flatten().all(|thread| {
        let state = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // Behind its name, which stands in parentheses.
        state
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

#[test]
fn clients_of_a_proxy_that_hangs_are_cut_off_and_served_by_the_other() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    let mut clients: Vec<Client> = (0..SLOW_CLIENTS)
        .map(|_| Client::connect(deployment.haproxy()))
        .collect();
    for client in &mut clients {
        assert_eq!(client.call_words("SET key v"), Reply::ok());
    }
    let process = deployment.process("proxy1");
    kill(process, Signal::SIGSTOP).expect("it runs");
    eventually("all its threads stand still", || stands_still(process));
    for client in &mut clients {
        client.send(&encode(&["GET", "key"])).expect("sent");
    }
    let answers = clients.iter_mut().map(|client| match client.receive() {
        Ok(reply) => Some(reply),
        Err(error) => {
            let hung = error.kind() == ErrorKind::WouldBlock;
            assert!(!hung, "neither served nor cut off");
            None
        }
    });
    let (served, cut): (Vec<_>, Vec<_>) = answers.partition(Option::is_some);
    assert!(!served.is_empty() && !cut.is_empty(), "each proxy had some");
    for _ in 0..SLOW_CLIENTS {
        let mut client = Client::connect(deployment.haproxy());
        assert_eq!(client.call_words("GET key"), Reply::bulk("v"));
    }
    kill(process, Signal::SIGCONT).expect("it is there");
    eventually("it gets clients again", || {
        clients.extend(Client::try_connect(deployment.haproxy()));
        deployment.clients_of_proxy(1) > 1
    });
}

#[test]
fn passwords_of_the_environment_reach_applications_proxies_and_nodes() {
    let passwords = &[
        ("APPLICATIONS_PASSWORD", "sesame"),
        ("NODES_PASSWORD", "inner"),
    ];
    let Some(deployment) = Deployment::start(passwords) else {
        return;
    };
    for (address, password) in [
        (deployment.haproxy(), "sesame"),
        (deployment.address(1, 6379), "inner"),
    ] {
        let mut client = Client::connect(address);
        let refused = client.call_words("GET a");
        assert!(
            matches!(&refused, Reply::Error(text) if text.starts_with(b"NOAUTH")),
            "{refused:?}"
        );
        assert_eq!(client.call(&["AUTH", password]), Reply::ok());
    }
    let mut client = Client::connect(deployment.haproxy());
    client.call_words("AUTH sesame");
    for number in 0..100 {
        assert_eq!(
            client.call(&["SET", &format!("key:{number}"), "v"]),
            Reply::ok()
        );
    }
}
