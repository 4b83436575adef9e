//! The admin listener: is it alive, is it ready, and what has it done.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::{Server, free_address, start_node, start_proxy};

/// Status code and body of `GET path`.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).expect("the admin listener");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
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
    let proxy = start_proxy(nodes, &["--admin-listen", &admin.to_string()]);
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
    assert_eq!(get(admin, "/nothing-here").0, 404);
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
