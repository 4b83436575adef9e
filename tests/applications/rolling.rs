//! A rolling restart of two proxies behind HAProxy, while clients work that have no retries of their own and understand MOVING: they see no error.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use super::assert_content;
use super::packages::scripts_for;
use crate::admin::get;
use crate::support::eventually::eventually;
use crate::support::servers::{Server, free_address, start_node, start_proxy};

/// Until clients are told after a quarter of it, HAProxy has asked /readyz ten times.
const DRAIN_DELAY: &str = "4s";

/// The delay, and what the last clients take.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// A balancer, ended when it goes.
struct Balancer {
    child: Child,
    _folder: TempDir,
}

impl Balancer {
    /// In front of proxies, each with its admin listener; `None` where there is no HAProxy.
    fn start(address: SocketAddr, proxies: &[(SocketAddr, SocketAddr)]) -> Option<Self> {
        let is_there = Command::new("haproxy").arg("-v").output().is_ok();
        if !is_there {
            eprintln!(
                "SKIPPED: haproxy is not installed; as root on Debian 12, apt-get install haproxy"
            );
            return None;
        }
        let mut text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\nfrontend in\n bind {address}\n default_backend out\n\
             backend out\n balance leastconn\n option httpchk GET /readyz\n default-server check inter 100ms fall 1 rise 1\n"
        );
        for (number, (proxy, admin)) in proxies.iter().enumerate() {
            text.push_str(&format!(
                " server p{number} {proxy} port {}\n",
                admin.port()
            ));
        }
        let folder = tempdir().expect("a temporary folder");
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).expect("a file in a temporary folder");
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(Self {
            child: child.expect("it runs"),
            _folder: folder,
        })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn sees_no_error(script: &str) {
    let script = &format!("rolling/{script}");
    let Some(scripts) = scripts_for(script) else {
        return;
    };
    let node = start_node(&[]);
    let address = free_address();
    let start = || {
        let admin = free_address();
        let (text, balancer) = (admin.to_string(), address.to_string());
        let further = [
            "--admin",
            &text,
            "--drain-delay",
            DRAIN_DELAY,
            "--moving-endpoint",
            &balancer,
        ];
        (start_proxy(&[node.address], &further), admin)
    };
    let mut proxies: [(Server, SocketAddr); 2] = [start(), start()];
    let ends: Vec<_> = proxies
        .iter()
        .map(|(proxy, admin)| (proxy.address, *admin))
        .collect();
    let Some(_balancer) = Balancer::start(address, &ends) else {
        return;
    };
    eventually("HAProxy leads to a proxy", || {
        let client = crate::support::Client::try_connect(address);
        client.is_ok_and(|mut client| client.try_call(&["PING"]).is_ok())
    });
    let mut child = scripts
        .command(script, &address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    let is_at_work = said
        .next()
        .is_some_and(|line| line.is_ok_and(|line| line == "at work"));
    for (proxy, admin) in &mut proxies {
        // A fault ends it early, and is told below.
        if !is_at_work || child.try_wait().expect("own child").is_some() {
            break;
        }
        proxy.ask_to_stop();
        assert!(proxy.wait_for_exit(ENDS_WITHIN).success());
        proxy.restart();
        eventually("it is ready again", || get(*admin, "/readyz").0 == 200);
    }
    drop(child.stdin.take());
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    let output = child.wait_with_output().expect("own child");
    let output = Output {
        stdout: rest.join("\n").into_bytes(),
        ..output
    };
    assert_content(&output, script, &address.to_string());
}

#[test]
fn redis_py_is_told_to_move() {
    sees_no_error("redis_py.py");
}

#[test]
fn node_redis_is_told_to_move() {
    sees_no_error("node_redis.mjs");
}
