//! The deployment as config/loopback.sh starts it, on addresses of this test's own: started, asked, stopped when it goes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;

use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::{is_there, path};
use crate::support::eventually::{PATIENCE, now_nanoseconds};
use crate::support::servers::{SWITCHYARD, free_address};

/// Variables of passwords and their values.
pub(super) type Passwords = &'static [(&'static str, &'static str)];

/// Passwords that tell each other apart.
pub(super) const PASSWORDS: Passwords = &[
    ("APPLICATIONS_PASSWORD", "of-applications"),
    ("NODES_PASSWORD", "of-nodes"),
];

/// The running deployment; stopped when it goes.
pub(super) struct Deployment {
    network: String,
    pub(super) prometheus_port: u16,
    place: TempDir,
    /// Passwords, as .env would have them.
    passwords: Passwords,
}

impl Deployment {
    /// Everything up; `None`, with the reason printed, where a tool is missing.
    pub(super) fn start(passwords: Passwords) -> Option<Self> {
        let deployment = Self::prepare(passwords)?;
        deployment.script(&["up"]);
        Some(deployment)
    }

    /// Nothing up yet; `None`, with the reason printed, where a tool is missing.
    pub(super) fn prepare(passwords: Passwords) -> Option<Self> {
        let skipped = "the deployment on loopback";
        let tools: &[(&str, &[&str])] = &[
            ("etcd", &["--version"]),
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
        let place = TempDir::with_prefix("switchyard-test-").expect("a temporary folder");
        // Links and relative paths everywhere: they must do as well as any.
        symlink(path("config/loopback.sh"), place.path().join("script")).expect("a link");
        symlink(SWITCHYARD, place.path().join("binary")).expect("a link");
        Some(Self {
            network: format!("127.{}.{}", 64 + draw % 128, 1 + draw / 128 % 250),
            prometheus_port: free_address().port(),
            place,
            passwords,
        })
    }

    /// The script with these arguments, to be run.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.place.path().join("script"));
        command.args(arguments).stdin(Stdio::null());
        command.current_dir(self.place.path());
        command.env("SWITCHYARD", "./binary");
        command.envs(self.passwords.iter().copied());
        // Of no container's business, and of no check's.
        command.env("SWITCHYARD_NODE_MAXMEMORY", "1");
        command.env("SWITCHYARD_LOG", "no level");
        command.env("LOOPBACK_NETWORK", &self.network);
        command.env("LOOPBACK_PROMETHEUS_PORT", self.prometheus_port.to_string());
        command.env("LOOPBACK_FOLDER", "state/");
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the script runs")
    }

    /// Where the script keeps logs and ids.
    pub(super) fn folder(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// The binary as the script calls it.
    pub(super) fn binary(&self) -> PathBuf {
        self.place.path().join("./binary")
    }

    /// The process of a service, by what the script has noted.
    pub(super) fn process(&self, name: &str) -> Pid {
        let file = self.folder().join(format!("{name}.pid"));
        let noted = fs::read_to_string(&file).expect("the script notes it");
        let number = noted.split(' ').next().and_then(|word| word.parse().ok());
        Pid::from_raw(number.expect("a number"))
    }

    /// The script must succeed, without complaints.
    pub(super) fn script(&self, arguments: &[&str]) {
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
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
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

    pub(super) fn address(&self, last: u8, port: u16) -> SocketAddr {
        format!("{}.{last}:{port}", self.network)
            .parse()
            .expect("an address")
    }

    pub(super) fn haproxy(&self) -> SocketAddr {
        self.address(21, 6379)
    }

    /// How many clients proxy `number` has, HAProxy's check among them for a moment of each second.
    pub(super) fn clients_of_proxy(&self, number: u8) -> u64 {
        self.said_by_proxy(number, "switchyard_proxy_clients")
            .unwrap_or_default()
    }

    /// What the page of proxy `number` says of a series that is a whole number.
    pub(super) fn said_by_proxy(&self, number: u8, series: &str) -> Option<u64> {
        let page = fetch(self.address(10 + number, 9121), "/metrics").ok()?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line?.parse().ok()
    }

    /// Alerts that fire, or would if this goes on.
    pub(super) fn alerts(&self) -> BTreeSet<String> {
        let body = fetch(self.address(31, self.prometheus_port), "/api/v1/alerts");
        let answer: Value = serde_json::from_str(&body.expect("an answer")).expect("JSON");
        let alerts = answer["data"]["alerts"].as_array().expect("alerts");
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().map(str::to_owned);
        alerts.iter().filter_map(name).collect()
    }

    /// What Prometheus answers to a query: the values, of which none may be missing.
    pub(super) fn ask_prometheus(&self, expression: &str) -> Vec<f64> {
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
pub(super) fn fetch(address: SocketAddr, path: &str) -> io::Result<String> {
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
