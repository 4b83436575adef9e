//! A node's own admin listener: what it serves, what it says when something stands in the way, and that nobody can take it from the others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Server, command};

const PATIENCE: Duration = Duration::from_secs(30);

/// The address behind `metrics at http://` in a line.
pub(super) fn admin_of(line: &str) -> &str {
    let (_, url) = line.split_once("metrics at http://").expect(line);
    url.strip_suffix("/metrics").expect(line)
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream
}

/// Status line and body of what `GET path` is answered with.
pub(super) fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.lines().next().expect("a status");
    (status.to_owned(), body.to_owned())
}

/// What is answered until it is what is wanted.
fn eventually(fact: &str, is_so: impl Fn() -> bool) {
    let found = (0..3_000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        is_so()
    });
    assert!(found, "never: {fact}");
}

#[test]
fn a_node_serves_metrics_and_health_where_it_is_told() {
    let line = "node --listen 127.0.0.1:0 --admin 127.0.0.1:0";
    let node = Server::start(command(line));
    let admin = admin_of(node.lines.last().expect("a line")).to_owned();
    node.ask(
        b"SET key value\r\nGET key\r\nGET none\r\nLPOP key\r\n",
        b"+OK\r\n$5\r\nvalue\r\n$-1\r\n-WRONGTYPE",
    );
    let (status, page) = get(&admin, "/metrics");
    assert!(status.contains(" 200 "), "{status}");
    for line in [
        "switchyard_node_commands_total{command=\"get\"} 2",
        "switchyard_node_commands_failed_total{command=\"lpop\"} 1",
        "switchyard_node_command_duration_seconds_count{command=\"get\"} 2",
        "switchyard_node_errors_total{error=\"WRONGTYPE\"} 1",
        "switchyard_node_db_keys{db=\"db0\"} 1",
        "switchyard_node_keyspace_hits_total 1",
        "switchyard_node_keyspace_misses_total 1",
        "switchyard_node_role{role=\"primary\"} 1",
        "switchyard_node_thread_answers 1",
        "switchyard_node_memory_max_bytes{policy=\"noeviction\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    promtool_takes(&page);
    assert_eq!(get(&admin, "/healthz").1, "ok\n");
    let (status, text) = get(&admin, "/readyz");
    assert_eq!((status.contains(" 200 "), text.as_str()), (true, "ready\n"));
    for path in ["/", "/topology", "/../etc/passwd"] {
        assert!(get(&admin, path).0.contains(" 404 "), "{path}");
    }
}

fn promtool_takes(page: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("skipped: Prometheus' own check of the page: there is no promtool");
        return;
    };
    let mut input = promtool.stdin.take().expect("piped");
    input.write_all(page.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
}

#[test]
fn what_stands_in_the_way_is_said_until_it_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let line = format!(
        "node --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data-dir {}",
        data.display()
    );
    let node = Server::start(command(&line));
    let admin = admin_of(node.lines.last().expect("a line")).to_owned();
    let says = |text: &str| {
        eventually(text, || {
            let (status, body) = get(&admin, "/readyz");
            body == text && status.contains(" 503 ") == (text != "ready\n")
        });
    };
    says("ready\n");
    // Where the snapshot is to be put stands something else.
    std::fs::create_dir(data.join("dump.rdb")).expect("a folder");
    node.ask(
        b"SET key value\r\nBGSAVE\r\n",
        b"+OK\r\n+Background saving started\r\n",
    );
    says("writes are refused: the last snapshot failed; the node's log says why\n");
    node.ask(b"SET key value\r\n", b"-MISCONF");
    let (_, page) = get(&admin, "/metrics");
    for line in [
        "switchyard_node_snapshot_last_ok 0",
        "switchyard_node_writes_refused 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}");
    }
    std::fs::remove_dir(data.join("dump.rdb")).expect("removed");
    node.ask(b"BGSAVE\r\n", b"+Background saving started\r\n");
    says("ready\n");
    // Nobody listens there.
    node.ask(b"REPLICAOF 127.0.0.1 1\r\n", b"+OK\r\n");
    says("not in sync: it is not connected to its leader 127.0.0.1:1\n");
    node.ask(b"REPLICAOF NO ONE\r\n", b"+OK\r\n");
    says("ready\n");
}

#[test]
fn a_thread_that_hangs_is_told_apart_from_a_process_that_is_gone() {
    let line = "node --listen 127.0.0.1:0 --admin 127.0.0.1:0 --enable-debug-command yes";
    let node = Server::start(command(line));
    let admin = admin_of(node.lines.last().expect("a line"));
    assert_eq!(get(admin, "/readyz").1, "ready\n");
    let mut client = connect(node.address());
    client.write_all(b"DEBUG SLEEP 30\r\n").expect("it reads");
    eventually("it hangs", || get(admin, "/readyz").0.contains(" 503 "));
    let (_, text) = get(admin, "/readyz");
    assert_eq!(text, "the thread that serves does not answer\n");
    assert_eq!(get(admin, "/healthz").1, "ok\n");
    let (_, page) = get(admin, "/metrics");
    assert!(page.contains("\nswitchyard_node_thread_answers 0\n"));
    assert!(
        page.contains("\nswitchyard_node_clients_limit "),
        "what it said last"
    );
}

#[test]
fn nobody_takes_it_from_the_others() {
    let line = "node --listen 127.0.0.1:0 --admin 127.0.0.1:0";
    let node = Server::start(command(line));
    let admin = admin_of(node.lines.last().expect("a line"));
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut stream = connect(admin);
        let rubbish: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET /metrics HTTP/1.1\r\nX: ",
            _ => &[0xff; 2_000],
        };
        // It may be cut already.
        stream.write_all(rubbish).ok();
        silent.push(stream);
    }
    assert_eq!(get(admin, "/healthz").1, "ok\n");
    node.ask(b"PING\r\n", b"+PONG\r\n");
}

#[test]
fn each_node_of_a_cluster_has_a_port_of_its_own() {
    for further in ["", " --processes"] {
        let up = Server::start(command(&format!(
            "up --listen 127.0.0.1:0 --threads 1 --admin off --node admin=127.0.0.1:0{further}"
        )));
        let nodes = up.lines.iter().filter(|line| line.starts_with("node n"));
        let admins: Vec<&str> = nodes.map(|line| admin_of(line)).collect();
        assert_eq!(admins.len(), 2, "{:?}", up.lines);
        for (admin, name) in admins.iter().zip(["n1", "n2"]) {
            // Proxies call it so.
            let called = format!("name=\"{name}\",shard=\"s1\"");
            eventually(&called, || get(admin, "/metrics").1.contains(&called));
        }
    }
    let output = command("up --node admin=127.0.0.1:65535").output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the last is 65535"), "{told}");
}
