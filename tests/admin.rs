//! The admin listener: is it alive, is it ready, and what has it done.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::idle::affordable_clients;
use crate::support::eventually::{PATIENCE, Stopwatch, eventually};
use crate::support::servers::{Cluster, Server, free_address, start_node, start_proxy};
use crate::support::{Client, Reply, encode};

/// Status code and body of `GET path`.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, "GET", path, "", "")
}

/// Status code and body of a request with further headers, each with its line end.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String) {
    let mut socket = TcpStream::connect(address).expect("the admin listener");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    socket.write_all(request.as_bytes()).expect("sent");
    let mut reply = String::new();
    socket.read_to_string(&mut reply).expect("a reply");
    let status = reply.split(' ').nth(1).expect("a status line");
    let body = reply
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (status.parse().expect("a status"), body.unwrap_or_default())
}

fn with_admin(nodes: &[SocketAddr]) -> (Server, SocketAddr) {
    let admin = free_address();
    let proxy = start_proxy(nodes, &["--admin", &admin.to_string()]);
    (proxy, admin)
}

/// The sum of all samples whose line contains each of `parts`.
fn sum(metrics: &str, parts: &[&str]) -> f64 {
    metrics
        .lines()
        .filter(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[test]
fn a_proxy_tells_its_health_and_whether_it_is_ready() {
    let node = start_node(&[]);
    let (_proxy, admin) = with_admin(&[node.address]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    assert_eq!(get(admin, "/healthz").0, 200);
    let (status, body) = get(admin, "/nothing-here");
    assert_eq!(status, 404);
    assert!(body.contains("/metrics"), "{body}");
    assert!(get(admin, "/").1.contains("<title>Switchyard</title>"));
}

#[test]
fn a_proxy_shows_its_topology() {
    let node = start_node(&[]);
    let (_proxy, admin) = with_admin(&[node.address]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    let (status, json) = get(admin, "/topology");
    assert_eq!(status, 200, "{json}");
    let shown: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(shown["version"], 1);
    assert_eq!(shown["shards"][0]["members"][0]["node"], "n0");
    assert_eq!(shown["nodes"][0]["address"], node.address.to_string());
    let (status, table) = get(admin, "/topology?as=table");
    assert_eq!(status, 200, "{table}");
    let line = format!("\n  primary  n0 at {}\n", node.address);
    assert!(table.contains(&line), "{table}");
    assert_eq!(get(admin, "/topology?as=picture").0, 400);
    assert_eq!(get(admin, "/topology?is=table").0, 400);
}

#[test]
fn orders_are_taken_from_operators_alone() {
    const ORDER: &str = "X-Switchyard: yes\r\n";
    let node = start_node(&[]);
    let admin = free_address();
    let text = admin.to_string();
    let further = ["--admin", &text, "--requirepass", "sesame"];
    let _proxy = start_proxy(&[node.address], &further);
    let post = |path: &str, headers: &str, body: &str, status: u16, words: &str| {
        let (got, text) = ask(admin, "POST", path, headers, body);
        assert_eq!(got, status, "{path} {headers}: {text}");
        assert!(text.contains(words), "{path} {headers}: {text}");
    };
    let (failover, loss) = (
        "/topology/failover?shard=s0",
        "/topology/accept-loss?shard=s0",
    );
    eventually("ready", || get(admin, "/readyz").0 == 200);
    for path in [failover, loss] {
        post(path, "", "off", 403, "X-Switchyard: yes");
        let page = format!("{ORDER}Origin: http://a.example\r\n");
        post(path, &page, "off", 403, "web pages");
        post(path, ORDER, "off", 401, "Bearer");
        let wrong = format!("{ORDER}Authorization: Bearer simsim\r\n");
        post(path, &wrong, "off", 401, "Bearer");
        assert_eq!(get(admin, path).0, 405);
    }
    let right = format!("{ORDER}Authorization: Bearer sesame\r\n");
    post(failover, &right, "", 409, "a single plain node");
    post(loss, &right, "off", 409, "a single plain node");
    for (path, status, words) in [
        ("/topology/failover?shard=s7", 404, "no shard s7"),
        ("/topology/failover?shard=s%37", 400, "not a name"),
        ("/topology/failover", 400, "say which shard"),
        ("/topology/failover?shard=s0&from=n1", 400, "each once"),
    ] {
        post(path, &right, "", status, words);
    }
    for (body, status, words) in [
        ("", 400, "says in words why"),
        ("a\nb", 400, "one line"),
        ("\u{1b}[2J", 400, "one line"),
    ] {
        post(loss, &right, body, status, words);
    }
    post(loss, &right, &"x".repeat(2_000), 413, "longer than");
    post(loss, &right, &"x".repeat(550), 400, "at most 500 bytes");
}

#[test]
fn a_proxy_that_leaves_says_so_before_it_turns_anybody_away() {
    let node = start_node(&[]);
    let admin = free_address();
    let text = admin.to_string();
    let mut proxy = start_proxy(&[node.address], &["--admin", &text, "--drain-delay", "3s"]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    let mut early = proxy.connect();
    assert_eq!(early.call_words("SET k v"), Reply::ok());
    proxy.ask_to_stop();
    let watch = Stopwatch::start();
    eventually("not ready", || {
        get(admin, "/readyz") == (503, "stopping\n".to_owned())
    });
    let mut late = proxy.connect();
    for client in [&mut early, &mut late] {
        assert_eq!(client.call_words("GET k"), Reply::bulk("v"));
    }
    eventually("both are counted", || {
        get(admin, "/metrics")
            .1
            .contains("switchyard_proxy_clients 2")
    });
    assert!(early.is_closed_by_server() && late.is_closed_by_server());
    eventually("nobody listens", || {
        let refused = TcpStream::connect(proxy.address).map(drop);
        refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    assert!(
        watch.elapsed().as_secs() >= 2,
        "not before the delay is over"
    );
    assert!(proxy.wait_for_exit(PATIENCE).success());
}

#[test]
fn a_proxy_that_reaches_no_shard_is_not_ready() {
    let (mut node, other) = (start_node(&[]), start_node(&[]));
    let (_proxy, admin) = with_admin(&[node.address, other.address]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    drop(other);
    eventually("one shard is lost", || {
        get(admin, "/readyz")
            == (
                200,
                "ok: 1 of 2 shards can be reached; out of reach: s1\n".to_owned(),
            )
    });
    node.kill();
    eventually("not ready", || get(admin, "/readyz").0 == 503);
    node.restart();
    eventually("ready again", || get(admin, "/readyz").0 == 200);
}

#[test]
fn a_wrong_password_is_called_one() {
    let node = start_node(&["--requirepass", "right"]);
    let admin = free_address();
    let admin_text = admin.to_string();
    let further = [
        "--admin",
        &admin_text,
        "--node-password",
        "wrong",
        "--node-deadline",
        "50ms",
    ];
    let proxy = start_proxy(&[node.address], &further);
    let mut client = proxy.connect();
    for command in ["GET a", "DBSIZE"] {
        eventually("the client is told why", || {
            let error = client.call_words(command).error_text().expect("an error");
            error.starts_with("CLUSTERDOWN the node of shard s0 refuses the proxy's password")
        });
    }
    // What threads have said is shown for a moment.
    eventually("not ready, and why", || {
        let (status, text) = get(admin, "/readyz");
        status == 503 && text.contains("refuses the proxy's password")
    });
    assert!(proxy.output().contains("set node-password"));
}

#[test]
fn what_is_refused_is_counted() {
    let (node, mut other) = (start_node(&[]), start_node(&[]));
    let (proxy, admin) = with_admin(&[node.address, other.address]);
    let mut client = proxy.connect();
    other.kill();
    eventually("lost", || get(admin, "/readyz").1.contains("out of reach"));
    eventually("it fails at once", || {
        client.call_words("DBSIZE").error_text().is_some()
    });
    let refused = || {
        let (_, metrics) = get(admin, "/metrics");
        sum(&metrics, &["switchyard_proxy_refused_requests_total"])
    };
    let mut before = refused();
    for command in [
        "NOSUCH a",
        "GET",
        "SELECT 9999",
        "HELLO 9",
        "RENAME a b",
        "SHUTDOWN",
        "CONFIG SET port 1",
        "DBSIZE",
    ] {
        assert!(
            client.call_words(command).error_text().is_some(),
            "{command}"
        );
        eventually(command, || refused() >= before + 1.0);
        before = refused();
    }
}

/// What a proxy has counted, or is to have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    requests: u64,
    errors: u64,
}

/// What the page says; that all requests are either local or for nodes, and timed, holds on every page.
fn counted(admin: SocketAddr) -> Counted {
    let (_, metrics) = get(admin, "/metrics");
    let all = |name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        let values = lines.map(|line| line.rsplit(' ').next().and_then(|value| value.parse().ok()));
        values
            .map(|value: Option<u64>| value.expect("a count"))
            .sum()
    };
    let requests = all("switchyard_proxy_requests_total ");
    let commands = all("switchyard_proxy_commands_total{");
    assert_eq!(
        requests,
        commands + all("switchyard_proxy_local_requests_total ")
    );
    let timed = all("switchyard_proxy_command_duration_seconds_count{");
    assert_eq!(timed, commands, "those that failed are timed as well");
    let errors = all("switchyard_proxy_error_replies_total ");
    Counted { requests, errors }
}

/// A client that keeps count of what it asks and is told.
struct Counting {
    client: Client,
    admin: SocketAddr,
    expected: Counted,
}

impl Counting {
    fn ask(&mut self, words: &str) -> Reply {
        let reply = self.client.call_words(words);
        self.expected.requests += 1;
        self.expected.errors += u64::from(reply.error_text().is_some());
        reply
    }

    /// So many requests more that the client is told so many errors for, and the page says the same.
    fn settle(&mut self, what: &str, requests: u64, errors: u64) {
        self.expected.requests += requests;
        self.expected.errors += errors;
        let mut last = self.expected;
        eventually(&format!("{what} is counted"), || {
            last = counted(self.admin);
            last.requests >= self.expected.requests
        });
        assert_eq!(last, self.expected, "{what}");
    }

    fn check(&mut self, words: &str, is_error: bool) {
        let reply = self.ask(words);
        assert_eq!(reply.error_text().is_some(), is_error, "{words}: {reply:?}");
        self.settle(words.split(' ').next().unwrap_or_default(), 0, 0);
    }
}

#[test]
fn each_request_is_counted_once_with_what_its_client_saw() {
    let admin = free_address();
    let admin_text = admin.to_string();
    let for_proxy = [
        "--admin",
        &admin_text,
        "--client-output-hard-limit",
        "2mb",
        "--client-output-soft-limit",
        "1mb",
        "--node-deadline",
        "200ms",
    ];
    let mut cluster = Cluster::start_with(3, &[], &for_proxy);
    let keys: Vec<String> = (0..3)
        .map(|shard| cluster.keys_on(shard, 1).remove(0))
        .collect();
    let mut client = cluster.connect();
    for key in &keys {
        assert_eq!(client.call(&["SET", key, "text"]), Reply::ok());
    }
    // What the threads have said may be a tenth of a second old: a page that knows of this request knows of all before it.
    assert_eq!(client.call(&["STRLEN", &keys[0]]), Reply::Integer(4));
    eventually("a page is new", || {
        get(admin, "/metrics").1.contains("command=\"strlen\"")
    });
    let mut counting = Counting {
        client,
        admin,
        expected: counted(admin),
    };
    let [one, two, three] = [&keys[0], &keys[1], &keys[2]];
    let many = (0..3_000).map(|number| format!(" key:{number}"));
    for words in [
        "PING",
        &format!("GET {one}"),
        &format!("MGET {one} {two} {three}"),
        &format!("MGET{}", many.collect::<String>()),
        &format!("DEL no:{one} no:{two} no:{three}"),
        "INFO",
        "DBSIZE",
        "CLIENT LIST",
        "RANDOMKEY",
        "SLOWLOG LEN",
        "CONFIG GET maxmemory",
        "SCAN 0",
    ] {
        counting.check(words, false);
    }
    for words in [
        &format!("INCR {one}"),
        &format!("SUNION {one} {two} {three}"),
        "NO-SUCH-COMMAND",
        "MSET a",
        "CLIENT KILL 1.2.3.4:5",
    ] {
        counting.check(words, true);
    }
    counted_beside_replies(&mut counting, &cluster, one);
    for key in &keys {
        counting.client.call(&["SET", key, &"v".repeat(900_000)]);
    }
    counting.settle("SET of large values", 3, 0);
    counting.check(&format!("MGET {one} {two} {three}"), true);
    counted_without_a_node(&mut counting, &mut cluster);
}

/// Errors that nobody hears, and errors that are no replies to a command.
fn counted_beside_replies(counting: &mut Counting, cluster: &Cluster, text: &str) {
    let quiet = [
        encode(&["CLIENT", "REPLY", "OFF"]),
        encode(&["INCR", text]),
        encode(&["NO-SUCH-COMMAND"]),
        encode(&["CLIENT", "REPLY", "ON"]),
    ];
    counting.client.send(&quiet.concat()).expect("sent");
    assert_eq!(counting.client.receive().expect("a reply"), Reply::ok());
    counting.settle("what nobody hears", 4, 0);
    let mut stranger = cluster.connect();
    stranger.send(b"*1\r\n$zz\r\n").expect("sent");
    assert!(stranger.receive().expect("a reply").error_text().is_some());
    counting.settle("a protocol error", 1, 1);
}

/// What needs all shards fails, once; what does without those that are lost does not.
fn counted_without_a_node(counting: &mut Counting, cluster: &mut Cluster) {
    cluster.nodes[2].kill();
    eventually("it fails", || counting.ask("DBSIZE").error_text().is_some());
    counting.settle("DBSIZE while a node is lost", 0, 0);
    for words in [
        "INFO",
        "INFO memory",
        "SLOWLOG LEN",
        "CONFIG GET maxmemory-policy",
        "LATENCY LATEST",
    ] {
        counting.check(words, false);
    }
    counting.check("DBSIZE", true);
    // A sum over all shards.
    counting.check("CONFIG GET maxmemory", true);
}

#[test]
fn metrics_are_true_to_the_end_of_a_proxy() {
    let node = start_node(&[]);
    let admin = free_address();
    let text = admin.to_string();
    let mut proxy = start_proxy(&[node.address], &["--admin", &text, "--threads", "2"]);
    let mut slow = proxy.connect();
    let value = "v".repeat(7 << 20);
    assert_eq!(slow.call(&["SET", "large", &value]), Reply::ok());
    slow.send(&encode(&["GET", "large"]).repeat(2))
        .expect("sent");
    slow.socket().peek(&mut [0]).expect("the first byte");
    let before = counted(admin);
    proxy.ask_to_stop();
    // The thread without clients ends at once; the other one when its client has taken its replies.
    eventually("a thread has ended", || {
        get(admin, "/metrics")
            .1
            .contains("\nswitchyard_proxy_threads 1\n")
    });
    let (_, metrics) = get(admin, "/metrics");
    for line in ["clients 1", "threads 1", "threads_silent 0"] {
        let line = format!("\nswitchyard_proxy_{line}\n");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    assert!(counted(admin).requests >= before.requests, "{before:?}");
    for _ in 0..2 {
        assert_eq!(slow.receive().expect("a whole reply"), Reply::bulk(&value));
    }
    assert!(proxy.wait_for_exit(PATIENCE).success());
}

#[test]
fn metrics_count_what_was_served() {
    let node = start_node(&[]);
    let (proxy, admin) = with_admin(&[node.address]);
    let mut client = proxy.connect();
    for number in 0..500 {
        client.call(&["SET", &format!("key:{number}"), "v"]);
        client.call(&["GET", &format!("key:{number}")]);
    }
    client.call_words("INCR key:1");
    eventually("the counters show the load", || {
        let (status, metrics) = get(admin, "/metrics");
        assert_eq!(status, 200);
        let counted = |command: &str| sum(&metrics, &["_count", &format!("\"{command}\"")]);
        counted("get") >= 500.0 && counted("set") >= 500.0
    });
    let (_, metrics) = get(admin, "/metrics");
    for line in metrics
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let value = line.rsplit(' ').next().expect("a sample");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(!metrics.contains("key:1"), "no keys of users in metrics");
}

#[test]
fn rubbish_on_the_admin_port_hurts_nobody() {
    let node = start_node(&[]);
    let (mut proxy, admin) = with_admin(&[node.address]);
    for bytes in [
        &b"\x16\x03\x01\x00\xff"[..],
        b"*1\r\n$4\r\nPING\r\n",
        &[0; 100_000],
    ] {
        let mut socket = TcpStream::connect(admin).expect("the admin listener");
        // It may be closed before all is written.
        drop(socket.write_all(bytes));
    }
    assert_eq!(get(admin, "/healthz").0, 200);
    assert!(proxy.is_alive());
}

/// The admin listener answers, and so does the proxy itself.
fn others_are_served(proxy: &Server, admin: SocketAddr) {
    assert_eq!(get(admin, "/healthz").0, 200);
    assert_eq!(get(admin, "/readyz").0, 200);
    let pong = proxy.connect().call_words("PING");
    assert_eq!(pong, Reply::Simple(b"PONG".to_vec()));
}

/// What the proxy may grow by, whatever the admin listener is sent: 64 connections with half a megabyte of headers, and the machinery's own.
const ADMIN_GROWTH: u64 = 64 * 1024 * 1024;

#[test]
fn five_thousand_connections_that_say_little_keep_nobody_out() {
    let count = affordable_clients(5_000);
    let node = start_node(&[]);
    let (proxy, admin) = with_admin(&[node.address]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    let before = proxy.resident_bytes();
    // Half a request each, and a header more from time to time.
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..count {
        let mut socket = TcpStream::connect(admin).expect("accepted, or waits to be");
        // Those that came first may be cut already.
        drop(socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"));
        slow.push(socket);
        if number % 500 == 0 {
            others_are_served(&proxy, admin);
        }
    }
    for socket in &mut slow {
        drop(socket.write_all(b"X-More: 1\r\n"));
    }
    others_are_served(&proxy, admin);
    // They made place for others, the first that came first.
    let first = &mut slow[0];
    first.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let end = first.read(&mut [0; 100]);
    let is_cut = match &end {
        Ok(length) => *length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(is_cut, "{end:?}");
    let growth = proxy.resident_bytes().saturating_sub(before);
    assert!(growth < ADMIN_GROWTH, "grew by {growth}");
}

#[test]
fn headers_without_end_are_cut_off() {
    let node = start_node(&[]);
    let (proxy, admin) = with_admin(&[node.address]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    let before = proxy.resident_bytes();
    let endless = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 1_000_000]].concat();
    let many = [
        b"GET / HTTP/1.1\r\n".as_slice(),
        &b"X: y\r\n".repeat(100_000),
    ]
    .concat();
    for bytes in [endless, many] {
        let mut sockets: Vec<TcpStream> = (0..100)
            .map(|_| TcpStream::connect(admin).expect("the admin listener"))
            .collect();
        let mut cut = 0;
        for socket in &mut sockets {
            socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
            socket
                .set_write_timeout(Some(PATIENCE))
                .expect("a deadline");
            // Refused, or cut for somebody who came later, before it has all been sent.
            drop(socket.write_all(&bytes));
            let mut answer = Vec::new();
            drop(socket.read_to_end(&mut answer));
            let answer = String::from_utf8_lossy(&answer);
            assert!(!answer.contains(" 200 "), "{answer}");
            cut += 1;
        }
        assert_eq!(cut, 100);
        others_are_served(&proxy, admin);
    }
    let growth = proxy.resident_bytes().saturating_sub(before);
    assert!(growth < ADMIN_GROWTH, "grew by {growth}");
}

#[test]
fn pages_asked_for_without_pause_hold_up_no_client() {
    let node = start_node(&[]);
    let (proxy, admin) = with_admin(&[node.address]);
    eventually("ready", || get(admin, "/readyz").0 == 200);
    const PAGES: u64 = 50;
    let pages = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..PAGES {
                    assert_eq!(get(admin, "/metrics").0, 200);
                    pages.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut client = proxy.connect();
        let mut served = 0;
        while served < 100 || pages.load(Ordering::Relaxed) < PAGES {
            let pong = client.call_words("PING");
            assert_eq!(pong, Reply::Simple(b"PONG".to_vec()));
            served += 1;
        }
    });
}

#[test]
fn every_metric_says_what_it_counts_and_in_what_unit() {
    let node = start_node(&[]);
    let (proxy, admin) = with_admin(&[node.address]);
    proxy.connect().call_words("SET key value");
    eventually("the counters show the load", || {
        get(admin, "/metrics").1.contains("_count{")
    });
    let (_, metrics) = get(admin, "/metrics");
    let after = |start: &str| -> Vec<(String, String)> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(start));
        let pairs = lines.filter_map(|line| line.split_once(' '));
        pairs
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
            .collect()
    };
    let (helps, types) = (after("# HELP "), after("# TYPE "));
    assert!(types.len() > 10, "{metrics}");
    for (name, kind) in &types {
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        assert!(name.starts_with("switchyard_proxy_"), "{name}");
        let help = helps.iter().filter(|(helped, _)| helped == name).count();
        assert_eq!(help, 1, "{name} has one HELP line");
    }
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let of = |(family, kind): &(String, String)| {
            let rest = name.strip_prefix(family.as_str());
            let parts: &[&str] = if kind == "histogram" {
                &["_bucket", "_sum", "_count"]
            } else {
                &[""]
            };
            rest.is_some_and(|rest| parts.contains(&rest))
        };
        assert!(name.is_empty() || types.iter().any(of), "{line}");
    }
}

#[test]
fn strangers_write_one_line_a_second_into_the_log_with_an_address() {
    const STRANGERS: usize = 300;
    let node = start_node(&[]);
    let (proxy, _) = with_admin(&[node.address]);
    for server in [&node, &proxy] {
        let watch = Stopwatch::start();
        for _ in 0..STRANGERS {
            let mut client = Client::connect(server.address);
            client
                .send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .expect("sent");
            assert!(client.is_closed_by_server());
        }
        let most = watch.elapsed().as_secs() + 2;
        let log = server.output();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("speaks HTTP"))
            .collect();
        let count = u64::try_from(lines.len()).expect("few");
        assert!((1..=most).contains(&count), "{count} lines: {log}");
        for line in lines {
            assert!(
                line.contains("peer=") && line.contains("127.0.0.1:"),
                "{line}"
            );
            assert!(line.contains("left_out="), "{line}");
        }
    }
}
