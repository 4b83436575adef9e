//! A drill for whoever is on call, under load: a node is killed, a proxy is drained and started again, a member of etcd is killed. What clients were told, what
//! the page shows (`switchyard status` asks for the same), which events and alerts there were, and when: `--no-capture` tells the story.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use super::applications::{Seen, application};
use super::running::{Deployment, fetch};
use crate::support::eventually::{Stopwatch, eventually, pause};

/// Applications that load the deployment.
const APPLICATIONS: usize = 3;

/// Between two looks at events and alerts.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What has been seen, in order.
struct Story {
    began: Stopwatch,
    lines: Mutex<Vec<String>>,
}

impl Story {
    fn tell(&self, line: &str) {
        let at_ms = self.began.elapsed().as_millis();
        eprintln!("{:>4}.{:01} s  {line}", at_ms / 1_000, at_ms % 1_000 / 100);
        self.lines.lock().expect("no panic").push(line.to_owned());
    }

    fn has(&self, parts: &[&str]) -> bool {
        let lines = self.lines.lock().expect("no panic");
        lines
            .iter()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

/// What a proxy's API answers, as the page asks it.
fn api(deployment: &Deployment, proxy: u8, request: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(deployment.address(10 + proxy, 9121))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.write_all(request.as_bytes())?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
    match head.contains(" 200 ") {
        true => Ok(body.to_owned()),
        false => Err(std::io::Error::other(reply.clone())),
    }
}

/// Tells each new event of both proxies and each alert that comes, goes or begins to fire.
fn watch(deployment: &Deployment, story: &Story, is_over: &AtomicBool) {
    let mut told = [0_u64; 2];
    let mut alerts = BTreeMap::new();
    while !is_over.load(Ordering::Relaxed) {
        for (proxy, told) in (1..).zip(&mut told) {
            let request =
                format!("GET /api/v1/events?after={told} HTTP/1.0\r\nX-Switchyard: yes\r\n\r\n");
            // One that is stopped says nothing, and begins anew.
            let Ok(answer) = api(deployment, proxy, &request) else {
                *told = 0;
                continue;
            };
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            for event in answer["events"].as_array().expect("a list") {
                let (kind, text) = (&event["kind"], &event["text"]);
                let shard = event["shard"].as_str().unwrap_or_default();
                story.tell(&format!("proxy{proxy} event {kind} {shard}: {text}"));
            }
            *told = answer["last_event"].as_u64().expect("a number");
        }
        let now = states_of_alerts(deployment);
        for (name, state) in &now {
            if alerts.get(name) != Some(state) {
                story.tell(&format!("alert {name}: {state}"));
            }
        }
        for name in alerts.keys().filter(|name| !now.contains_key(*name)) {
            story.tell(&format!("alert {name}: over"));
        }
        alerts = now;
        pause(LOOK_EVERY);
    }
}

fn states_of_alerts(deployment: &Deployment) -> BTreeMap<String, String> {
    let address = deployment.address(31, deployment.prometheus_port);
    let body = fetch(address, "/api/v1/alerts").expect("Prometheus answers");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let alerts = answer["data"]["alerts"].as_array().expect("alerts");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    alerts
        .iter()
        .map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["state"])))
        .collect()
}

/// What somebody on call would look at.
fn show_status(deployment: &Deployment, story: &Story, proxy: u8) {
    let address = deployment.address(10 + proxy, 9121).to_string();
    let output = Command::new(deployment.binary())
        .args(["status", "--admin", &address])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // What it held when it was there is nothing that it holds.
        let is_down = line.starts_with("n2 ") && line.contains(" down ");
        assert!(!is_down || line.ends_with('-'), "{line}");
        story.tell(&format!("  status: {line}"));
    }
}

/// What clients were told since it was last asked: each kind of error, how often, and how many requests were asked again.
fn tell_errors(seen: &Seen, story: &Story) -> BTreeSet<String> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for error in seen.take_errors() {
        *kinds.entry(error).or_default() += 1;
    }
    if kinds.is_empty() {
        story.tell("clients: no error");
    }
    for (error, count) in &kinds {
        story.tell(&format!("clients: {count} times {error}"));
    }
    let again = seen.reconnects.swap(0, Ordering::Relaxed);
    if again > 0 {
        story.tell(&format!(
            "clients: {again} requests asked again over a new connection"
        ));
    }
    kinds.into_keys().collect()
}

fn kill_node(deployment: &Deployment, story: &Story, seen: &Seen) {
    story.tell("node2, primary of s2: kill -9");
    kill(deployment.process("node2"), Signal::SIGKILL).expect("it runs");
    eventually("the failover is told of", || {
        story.has(&["event \"failover\" s2"])
    });
    eventually("the alert comes", || story.has(&["alert Failover"]));
    seen.wait_for_load();
    show_status(deployment, story, 1);
    for error in tell_errors(seen, story) {
        let kind = error.split(' ').next().unwrap_or_default();
        assert!(
            ["CLUSTERDOWN", "UNKNOWN"].contains(&kind) && error.contains("s2"),
            "{error}"
        );
    }
    story.tell("node2: started again");
    deployment.script(&["start", "node2"]);
    eventually("it has everything", || {
        let series = r#"switchyard_proxy_shard_copies_in_sync{shard="s2"}"#;
        deployment.said_by_proxy(1, series) == Some(2)
    });
    show_status(deployment, story, 1);
}

fn drain_proxy(deployment: &Deployment, story: &Story, seen: &Seen) {
    story.tell("proxy1: POST /api/v1/actions/drain");
    let order = "POST /api/v1/actions/drain HTTP/1.0\r\nX-Switchyard: yes\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let done = api(deployment, 1, order).expect("it is done");
    story.tell(&format!("proxy1 says: {}", done.trim()));
    let process = deployment.process("proxy1");
    eventually("it ends", || kill(process, None).is_err());
    story.tell("proxy1: has ended");
    seen.wait_for_load();
    story.tell("proxy1: started again");
    deployment.script(&["start", "proxy1"]);
    eventually("it has clients", || deployment.clients_of_proxy(1) > 1);
    story.tell("proxy1: has clients");
    let errors = tell_errors(seen, story);
    assert_eq!(errors, BTreeSet::new(), "nobody notices");
}

fn kill_member_of_etcd(deployment: &Deployment, story: &Story, seen: &Seen) {
    story.tell("etcd1: kill -9");
    kill(deployment.process("etcd1"), Signal::SIGKILL).expect("it runs");
    eventually("the alert comes", || story.has(&["alert EtcdMemberDown"]));
    seen.wait_for_load();
    story.tell("etcd1: started again");
    deployment.script(&["start", "etcd1"]);
    eventually("the alert is over", || {
        story.has(&["alert EtcdMemberDown: over"])
    });
    let errors = tell_errors(seen, story);
    assert_eq!(errors, BTreeSet::new(), "nobody notices");
    show_status(deployment, story, 2);
}

#[test]
fn whoever_is_on_call_hears_of_everything_and_clients_of_what_they_must() {
    let Some(deployment) = Deployment::start(&[]) else {
        return;
    };
    let (seen, is_over) = (Seen::default(), AtomicBool::new(false));
    let story = Story {
        began: Stopwatch::start(),
        lines: Mutex::default(),
    };
    let address = deployment.haproxy();
    eventually("HAProxy finds somebody ready", || {
        fetch(deployment.address(21, 8404), "/healthz").is_ok()
    });
    thread::scope(|scope| {
        for number in 0..APPLICATIONS {
            let seen = &seen;
            scope.spawn(move || application(number, address, seen));
        }
        scope.spawn(|| watch(&deployment, &story, &is_over));
        // Whatever fails in here, the others end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("Prometheus has looked twice at both proxies", || {
                let rate = "sum(rate(switchyard_proxy_requests_total[30s]) * 0 + 1)";
                deployment.ask_prometheus(rate) == [2.0]
            });
            seen.wait_for_load();
            tell_errors(&seen, &story);
            kill_node(&deployment, &story, &seen);
            drain_proxy(&deployment, &story, &seen);
            kill_member_of_etcd(&deployment, &story, &seen);
        }));
        seen.stop.store(true, Ordering::Relaxed);
        is_over.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}
