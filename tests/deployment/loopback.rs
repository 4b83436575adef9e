//! config/loopback.sh up, on addresses of this test's own: load through HAProxy while a proxy and a node are stopped and started, and the
//! dashboard's queries against the Prometheus that has watched it. Each fact has one deadline; the phases follow each other in one test, for starting takes seconds.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::dashboard::queries;
use super::{is_there, path};
use crate::support::eventually::{PATIENCE, Stopwatch, eventually, now_nanoseconds};
use crate::support::servers::{SWITCHYARD, free_address};
use crate::support::{Client, Reply};

/// Applications that load the deployment.
const APPLICATIONS: usize = 4;

/// Requests that must have passed before the next fault, so that each phase has seen load.
const REQUESTS_PER_PHASE: u64 = 2_000;

/// Rounds of an application over one connection; then it takes a new one, so that both proxies have clients again after each came back.
const ROUNDS_PER_CONNECTION: u64 = 200;

/// Panels that show trouble or a moment: nothing there is a good answer too.
const MAY_BE_ZERO: &[&str] = &[
    "Shards out of reach",
    "Connections refused",
    "Lost",
    "Bytes on their way to nodes",
    "Requests that wait",
];

/// Range of rates in queries: longer than two scrapes, so that a rate has two samples from the start.
const RATE_INTERVAL: &str = "30s";

/// The running deployment; stopped when it goes.
struct Deployment {
    network: String,
    prometheus_port: u16,
    folder: TempDir,
    /// Passwords, as .env would have them.
    passwords: &'static [(&'static str, &'static str)],
}

impl Deployment {
    /// Everything up; `None`, with the reason printed, where a tool is missing.
    fn start(passwords: &'static [(&'static str, &'static str)]) -> Option<Self> {
        let skipped = "the deployment on loopback";
        let tools: &[(&str, &[&str])] = &[
            ("haproxy", &["-v"]),
            ("prometheus", &["--version"]),
            ("promtool", &["--version"]),
            // What the script hides its file of hosts with; some sandboxes forbid it.
            ("unshare", &["--map-root-user", "--mount", "true"]),
        ];
        if !tools
            .iter()
            .all(|(tool, arguments)| is_there(tool, arguments, skipped))
        {
            return None;
        }
        // 127.64.1 to 127.191.250: not where people would run the script, and seldom where another test does.
        let draw = now_nanoseconds() / 1000 + u64::from(std::process::id()) * 7919;
        let deployment = Self {
            network: format!("127.{}.{}", 64 + draw % 128, 1 + draw / 128 % 250),
            prometheus_port: free_address().port(),
            folder: TempDir::with_prefix("switchyard-test-").expect("a temporary folder"),
            passwords,
        };
        deployment.script(&["up"]);
        Some(deployment)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(path("config/loopback.sh"));
        command.args(arguments).stdin(Stdio::null());
        command.env("SWITCHYARD", SWITCHYARD);
        command.envs(self.passwords.iter().copied());
        // Of no container's business.
        command.env("SWITCHYARD_NODE_MAXMEMORY", "1");
        command.env("LOOPBACK_NETWORK", &self.network);
        command.env("LOOPBACK_PROMETHEUS_PORT", self.prometheus_port.to_string());
        command.env("LOOPBACK_FOLDER", self.folder.path());
        command.output().expect("the script runs")
    }

    /// The script must succeed, without complaints.
    fn script(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && errors.is_empty(),
            "{arguments:?}: {errors}{}",
            self.logs()
        );
    }

    /// The last of every log.
    fn logs(&self) -> String {
        let mut all = String::new();
        for entry in fs::read_dir(self.folder.path())
            .expect("a folder")
            .flatten()
        {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "log")
            {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = lines[lines.len().saturating_sub(8)..].join("\n");
                all += &format!("\n--- {}\n{tail}", entry.path().display());
            }
        }
        all
    }

    fn address(&self, last: u8, port: u16) -> SocketAddr {
        format!("{}.{last}:{port}", self.network)
            .parse()
            .expect("an address")
    }

    fn haproxy(&self) -> SocketAddr {
        self.address(21, 6379)
    }

    /// How many clients proxy `number` has.
    fn clients_of_proxy(&self, number: u8) -> u64 {
        let page = fetch(self.address(10 + number, 9121), "/metrics").unwrap_or_default();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("switchyard_proxy_clients "));
        line.and_then(|count| count.parse().ok())
            .unwrap_or_default()
    }

    /// What Prometheus answers to a query: the values, of which none may be missing.
    fn ask_prometheus(&self, expression: &str) -> Vec<f64> {
        let encoded: String = expression
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let address = self.address(31, self.prometheus_port);
        let body =
            fetch(address, &format!("/api/v1/query?query={encoded}")).expect("Prometheus answers");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer["status"], "success", "{expression}: {body}");
        let results = answer["data"]["result"].as_array().expect("a vector");
        let value = |result: &Value| {
            let text = result["value"][1].as_str().expect("a value");
            text.parse().expect("a number, or NaN")
        };
        results.iter().map(value).collect()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.logs());
        }
        let output = self.run(&["down"]);
        // A second panic would hide the first.
        if !thread::panicking() {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

/// The body of `GET path`, which must be answered with 200. HTTP/1.0: not in chunks, and closed at its end.
fn fetch(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply)?;
    match reply.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(io::Error::other(reply)),
    }
}

/// What applications have seen.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answered: AtomicU64,
    reconnects: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl Seen {
    fn take_errors(&self) -> Vec<String> {
        std::mem::take(&mut *self.errors.lock().expect("nobody panicked with it"))
    }

    /// Returns when the applications have got that many more answers.
    fn wait_for_load(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("the load goes on", || {
            self.answered.load(Ordering::Relaxed) >= before + REQUESTS_PER_PHASE
        });
    }
}

/// An application with a connection that it opens again when it breaks, and that asks again what was not answered.
fn application(number: usize, address: SocketAddr, seen: &Seen) {
    let mut connection = None;
    let mut turn = 0_u64;
    while !seen.stop.load(Ordering::Relaxed) {
        let key = format!("application:{number}:{}", turn % 100);
        let value = format!("{turn}");
        let set = insist(&mut connection, address, &["SET", &key, &value], seen);
        let get = insist(&mut connection, address, &["GET", &key], seen);
        if let (Reply::Simple(_), Reply::Bulk(found)) = (&set, &get) {
            assert_eq!(
                String::from_utf8_lossy(found),
                value,
                "{key}: its own write"
            );
        }
        for reply in [set, get] {
            seen.answered.fetch_add(1, Ordering::Relaxed);
            if let Reply::Error(error) = reply {
                let error = String::from_utf8_lossy(&error).into_owned();
                seen.errors
                    .lock()
                    .expect("nobody panicked with it")
                    .push(error);
            }
        }
        turn += 1;
        if turn.is_multiple_of(ROUNDS_PER_CONNECTION) {
            connection = None;
        }
    }
}

/// Asks until there is a reply, over a new connection when the old one broke.
fn insist(
    connection: &mut Option<Client>,
    address: SocketAddr,
    words: &[&str],
    seen: &Seen,
) -> Reply {
    let watch = Stopwatch::start();
    loop {
        let client = match connection.take() {
            Some(client) => Ok(client),
            None => Client::try_connect(address),
        };
        let outcome = client.and_then(|mut client| {
            let reply = client.try_call(words)?;
            Ok((client, reply))
        });
        match outcome {
            Ok((client, reply)) => {
                *connection = Some(client);
                return reply;
            }
            Err(error) => {
                seen.reconnects.fetch_add(1, Ordering::Relaxed);
                assert!(watch.elapsed() < PATIENCE, "{words:?}: {error}");
            }
        }
    }
}

/// One that errs all the time, so that there are errors of every kind to show; what it is told is none of the applications' business.
fn erring_application(address: SocketAddr, seen: &Seen) {
    let mut connection = None;
    let nobody_counts = Seen::default();
    while !seen.stop.load(Ordering::Relaxed) {
        for words in [
            &["SET", "text", "no number"][..],
            &["INCR", "text"],
            &["NO-SUCH-COMMAND"],
        ] {
            insist(&mut connection, address, words, &nobody_counts);
        }
        crate::support::eventually::pause(std::time::Duration::from_millis(20));
    }
}

/// Stops and starts each proxy in turn under load: nobody sees an error who connects again.
fn drain_each_proxy(deployment: &Deployment, seen: &Seen) {
    for number in [1, 2] {
        let name = format!("proxy{number}");
        let before = seen.reconnects.load(Ordering::Relaxed);
        let had = deployment.clients_of_proxy(number);
        deployment.script(&["stop", &name]);
        seen.wait_for_load();
        let reconnects = seen.reconnects.load(Ordering::Relaxed) - before;
        deployment.script(&["start", &name]);
        // HAProxy sends new clients to it again.
        let mut held = Vec::new();
        eventually("the proxy that came back gets clients", || {
            held.extend(Client::try_connect(deployment.haproxy()));
            deployment.clients_of_proxy(number) > 0
        });
        eprintln!(
            "{name} stopped with {had} clients and started: {reconnects} broken connections, no error reply"
        );
        assert_eq!(seen.take_errors(), Vec::<String>::new(), "{name}");
    }
}

/// Stops and starts a node under load: errors for its keys, and for nobody else's; back it is empty and serves.
fn stop_a_node(deployment: &Deployment, seen: &Seen) {
    deployment.script(&["stop", "node2"]);
    let mut errors = Vec::new();
    eventually("keys of the node fail, others do not", || {
        errors.extend(seen.take_errors());
        !errors.is_empty()
    });
    seen.wait_for_load();
    errors.extend(seen.take_errors());
    deployment.script(&["start", "node2"]);
    let mut client = Client::connect(deployment.haproxy());
    eventually("all keys are served again", || {
        (0..100).all(|number| client.call(&["SET", &format!("again:{number}"), "v"]) == Reply::ok())
    });
    errors.extend(seen.take_errors());
    let mut kinds: Vec<&str> = errors.iter().map(String::as_str).collect();
    kinds.sort_unstable();
    kinds.dedup();
    eprintln!(
        "node2 stopped: {} error replies, of these kinds: {kinds:#?}",
        errors.len()
    );
    for error in kinds {
        let prefix = error.split(' ').next().unwrap_or_default();
        assert!(
            ["CLUSTERDOWN", "UNKNOWN"].contains(&prefix) && error.contains("s2"),
            "{error}"
        );
    }
}

/// Every query of the dashboard has an answer, of numbers, and none is zero under load that the panel shows.
fn ask_every_query(deployment: &Deployment) {
    for query in queries(RATE_INTERVAL) {
        let may_be_zero = MAY_BE_ZERO.contains(&query.panel.as_str());
        let mut values = Vec::new();
        let fact = format!("{}: {} has an answer", query.panel, query.expression);
        eventually(&fact, || {
            values = deployment.ask_prometheus(&query.expression);
            !values.is_empty()
                && values.iter().all(|value| value.is_finite())
                && (may_be_zero || values.iter().any(|value| *value > 0.0))
        });
        eprintln!("{}: {} → {values:?}", query.panel, query.expression);
    }
}

fn check_metrics(deployment: &Deployment) {
    let page = fetch(deployment.address(11, 9121), "/metrics").expect("a page");
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

#[test]
fn the_deployment_serves_while_proxies_and_a_node_come_and_go_and_its_dashboard_shows_it() {
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
            drain_each_proxy(&deployment, &seen);
            stop_a_node(&deployment, &seen);
            ask_every_query(&deployment);
            check_metrics(&deployment);
        }));
        seen.stop.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
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
