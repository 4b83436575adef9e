//! One run of `redis-benchmark`, and filling with keys.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::machine::{LOAD_CPU, cpu_nanoseconds};
use crate::peers::Target;
use crate::support::{Client, Reply, encode};

/// Connections of the load generator.
const CLIENTS: usize = 50;

/// Bytes of a value.
const VALUE_BYTES: usize = 32;

/// What is asked, and how many requests are sent at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// `get`, `set`, `incr`, `mget10` or `mset10`; or a command as it is, in words, with `__rand_int__` where a number is drawn.
    pub(crate) command: &'static str,
    /// Requests in flight per connection.
    pub(crate) pipeline: usize,
    /// How much work it is, in GETs; only an aim.
    pub(crate) weight: f64,
    /// Connections of the load generator.
    pub(crate) clients: usize,
}

/// What the load generator saw in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Requests sent.
    pub(crate) requests: usize,
    /// Requests per second.
    pub(crate) per_second: f64,
    /// Median of latency, milliseconds.
    pub(crate) p50_ms: f64,
    /// 99th percentile of latency, milliseconds.
    pub(crate) p99_ms: f64,
}

impl Seen {
    /// Microseconds per request of what took so many nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds with a few digits")]
    pub(crate) fn us_each(&self, nanoseconds: u64) -> f64 {
        nanoseconds as f64 / 1000.0 / self.requests as f64
    }
}

/// Figures of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Requests per second.
    pub(crate) per_second: f64,
    /// 99th percentile of latency, milliseconds.
    pub(crate) p99_ms: f64,
    /// CPU microseconds per request of the process that clients are connected to.
    pub(crate) own_us: f64,
    /// The same with all that stands behind it.
    pub(crate) all_us: f64,
}

impl Cell {
    /// One of the commands with a name.
    pub(crate) fn new(command: &'static str, pipeline: usize) -> Self {
        let weight = if command.ends_with("10") { 5.0 } else { 1.0 };
        Self {
            command,
            pipeline,
            weight,
            clients: CLIENTS,
        }
    }

    /// So many requests that a run takes about `length`; only an aim.
    fn requests(self, length: Duration) -> usize {
        let per_second = match self.pipeline {
            1 => 100_000.0,
            2..=50 => 800_000.0,
            _ => 1_300_000.0,
        };
        let weight = if self.pipeline == 1 {
            1.0 + self.weight / 5.0
        } else {
            self.weight
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some millions at most"
        )]
        let count = (per_second / weight * length.as_secs_f64()) as usize;
        count.max(20_000)
    }

    /// As printed.
    pub(crate) fn name(self) -> String {
        let name = self.command.split(' ').next().unwrap_or_default();
        format!("{} P{}", name.to_uppercase(), self.pipeline)
    }
}

/// Loads `target` with `cell` for about `length`.
pub(crate) fn run(target: &Target, cell: Cell, keys: usize, length: Duration) -> Figures {
    let pids = target.pids();
    let before = (cpu_nanoseconds(&pids[..1]), cpu_nanoseconds(&pids));
    let seen = ask(target, cell, keys, length);
    let after = (cpu_nanoseconds(&pids[..1]), cpu_nanoseconds(&pids));
    Figures {
        per_second: seen.per_second,
        p99_ms: seen.p99_ms,
        own_us: seen.us_each(after.0 - before.0),
        all_us: seen.us_each(after.1 - before.1),
    }
}

/// The same, whoever's CPU time counts.
pub(crate) fn ask(target: &Target, cell: Cell, keys: usize, length: Duration) -> Seen {
    let requests = cell.requests(length);
    let mut command = Command::new("taskset");
    command.args([
        "-c",
        LOAD_CPU,
        "redis-benchmark",
        "--csv",
        "--precision",
        "3",
    ]);
    let numbers = [
        ("-p", usize::from(target.address.port())),
        ("-n", requests),
        ("-c", cell.clients),
        ("-P", cell.pipeline),
        ("-d", VALUE_BYTES),
        ("-r", keys),
    ];
    for (flag, number) in numbers {
        command.args([flag, &number.to_string()]);
    }
    if target.tls {
        command.args(["--tls", "--insecure"]);
    }
    let value = "x".repeat(VALUE_BYTES);
    match cell.command {
        "mget10" => command.arg("mget").args(["key:__rand_int__"; 10]),
        "mset10" => command
            .arg("mset")
            .args([["key:__rand_int__", &value]; 10].concat()),
        words if words.contains(' ') => command.args(words.split(' ')),
        name => command.args(["-t", name]),
    };
    let output = command
        .output()
        .expect("redis-benchmark and taskset are installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let [per_second, p50_ms, p99_ms] = parse(&text).unwrap_or_else(|| {
        panic!(
            "{} {}: {text} {}",
            target.name,
            cell.name(),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    Seen {
        requests,
        per_second,
        p50_ms,
        p99_ms,
    }
}

/// Requests per second, median and 99th percentile of the last line: name, rps, average, least, p50, p95, p99, most.
fn parse(csv: &str) -> Option<[f64; 3]> {
    let line = csv.lines().rfind(|line| line.split("\",\"").count() == 8)?;
    let fields: Vec<&str> = line.trim_matches('"').split("\",\"").collect();
    let number = |nth: usize| fields[nth].parse::<f64>().ok();
    Some([number(1)?, number(4)?, number(6)?]).filter(|[per_second, ..]| *per_second > 0.0)
}

/// Every key that `redis-benchmark -r keys` draws, once.
pub(crate) fn fill(address: SocketAddr, keys: usize) {
    let mut client = Client::connect(address);
    let value = "x".repeat(VALUE_BYTES);
    fill_with(&mut client, keys, 1000, |number| {
        encode(&["SET", &format!("key:{number:012}"), &value])
    });
}

/// Sends `count` commands, `batch` in a write, and checks that none is refused.
pub(crate) fn fill_with(
    client: &mut Client,
    count: usize,
    batch: usize,
    command: impl Fn(usize) -> Vec<u8>,
) {
    for start in (0..count).step_by(batch) {
        let numbers = start..(start + batch).min(count);
        send_and_check(client, numbers, &command);
    }
}

/// Sends the commands of these numbers in one write, and reads their replies.
pub(crate) fn send_and_check(
    client: &mut Client,
    numbers: std::ops::Range<usize>,
    command: &impl Fn(usize) -> Vec<u8>,
) {
    let bytes: Vec<u8> = numbers.clone().flat_map(command).collect();
    client.send(&bytes).expect("sent");
    for _ in numbers {
        let reply = client.receive().expect("a reply");
        assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
    }
}
