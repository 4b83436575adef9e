//! Clients of a load balancer that speaks the PROXY protocol, version 2, as a proxy sees them: plain and with TLS, whole and in single bytes; and what is refused.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::watched::{admin_of, get};
use super::{Server, command};

const PATIENCE: Duration = Duration::from_secs(30);

/// That of a client at 192.0.2.7:8080.
const HEADER: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x1f\x90\x18\xeb";

/// That of a load balancer which speaks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

const CLIENT_INFO: &[u8] = b"CLIENT INFO\r\n";

/// A proxy with these flags, and the node behind it.
fn start(folder: &Path, flags: &str) -> (Server, Server) {
    let node = Server::start(command("node --listen 127.0.0.1:0"));
    let topology = folder.join("topology.toml").display().to_string();
    let init = format!(
        "topology init --node {} --output {topology}",
        node.address()
    );
    assert!(command(&init).status().expect("it runs").success());
    let proxy = Server::start(command(&format!(
        "proxy --topology {topology} --threads 1 --gossip off {flags}"
    )));
    (proxy, node)
}

fn connect(proxy: &Server) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// One line of what is answered to CLIENT INFO behind these bytes.
fn info(proxy: &Server, header: &[u8]) -> String {
    let mut stream = connect(proxy);
    stream
        .write_all(&[header, CLIENT_INFO].concat())
        .expect("it reads");
    read_info(&mut stream)
}

fn read_info(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    while answer.iter().filter(|byte| **byte == b'\n').count() < 2 {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        answer.push(byte[0]);
    }
    String::from_utf8(answer).expect("text")
}

/// All that comes until the end.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn who_is_named_says_whose_each_connection_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--admin off --listen 127.0.0.1:0 --proxy-protocol-from 10.0.0.0/8,127.0.0.1 --maxclients 50 --protected-mode false";
    let (proxy, _node) = start(folder.path(), flags);
    let told = info(&proxy, HEADER);
    assert!(told.contains(" addr=192.0.2.7:8080 "), "{told}");
    // A health check.
    let told = info(&proxy, LOCAL);
    assert!(told.contains(" addr=127.0.0.1:"), "{told}");
    // Byte by byte, and the first request with the last byte.
    let mut slow = connect(&proxy);
    for byte in HEADER {
        slow.write_all(&[*byte]).expect("it reads");
    }
    slow.write_all(CLIENT_INFO).expect("it reads");
    assert!(read_info(&mut slow).contains(" addr=192.0.2.7:8080 "));
    for rubbish in [
        CLIENT_INFO.repeat(2),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 6379\r\n".to_vec(),
        [&HEADER[..13], &[0xff; 3], CLIENT_INFO].concat(),
        [&HEADER[..14], &[0xff, 0xff], CLIENT_INFO].concat(),
    ] {
        let mut stream = connect(&proxy);
        stream.write_all(&rubbish).expect("it reads");
        let told = rest(stream);
        assert!(
            told.starts_with(
                "-ERR connections from here begin with a header of the PROXY protocol"
            ),
            "{rubbish:?}: {told}"
        );
        assert_eq!(told.matches('\n').count(), 1, "{told}");
    }
    // Who says nothing is not waited for, and holds nobody up meanwhile.
    let silent: Vec<TcpStream> = (0..100).map(|_| connect(&proxy)).collect();
    assert!(info(&proxy, HEADER).contains(" addr=192.0.2.7:8080 "));
    for stream in silent {
        assert!(rest(stream).starts_with("-ERR connections from here begin"));
    }
}

#[test]
fn protected_mode_and_the_log_of_refusals_are_about_the_client_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--admin off --listen 127.0.0.1:0 --proxy-protocol-from 127.0.0.1";
    let (proxy, _node) = start(folder.path(), flags);
    let mut stream = connect(&proxy);
    stream
        .write_all(&[HEADER, CLIENT_INFO].concat())
        .expect("it reads");
    let told = rest(stream);
    assert!(told.starts_with("-DENIED "), "{told}");
    let folder = tempfile::tempdir().expect("a folder");
    let flags =
        "--admin off --listen 127.0.0.1:0 --proxy-protocol-from 127.0.0.1 --requirepass secret";
    let (proxy, _node) = start(folder.path(), flags);
    let mut stream = connect(&proxy);
    let wrong = [HEADER, b"AUTH wrong\r\nAUTH secret\r\nACL LOG\r\nQUIT\r\n"].concat();
    stream.write_all(&wrong).expect("it reads");
    let told = rest(stream);
    assert!(told.contains("addr=192.0.2.7:8080"), "{told}");
}

#[test]
fn others_are_not_believed() {
    for flags in ["", " --proxy-protocol-from 10.0.0.0/8"] {
        let folder = tempfile::tempdir().expect("a folder");
        let flags = format!("--admin off --listen 127.0.0.1:0{flags}");
        let (proxy, _node) = start(folder.path(), &flags);
        let told = info(&proxy, b"");
        assert!(told.contains(" addr=127.0.0.1:"), "{told}");
        let mut stream = connect(&proxy);
        stream
            .write_all(&[HEADER, CLIENT_INFO].concat())
            .expect("it reads");
        let told = rest(stream);
        let expected = "-ERR Protocol error: this is a header of the PROXY protocol, and proxies take it from addresses in proxy-protocol-from alone\r\n";
        assert_eq!(told, expected);
    }
}

#[test]
fn the_header_stands_before_the_handshake_of_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
    let (cert_file, key_file) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    fs::write(&cert_file, key.cert.pem()).expect("written");
    fs::write(&key_file, key.signing_key.serialize_pem()).expect("written");
    let flags = format!(
        "--admin 127.0.0.1:0 --listen off --tls-listen 127.0.0.1:0 --tls-cert-file {} --tls-key-file {} --proxy-protocol-from 127.0.0.1 --protected-mode false",
        cert_file.display(),
        key_file.display()
    );
    let (proxy, _node) = start(folder.path(), &flags);
    let ready = proxy.lines.last().expect("a line");
    let (address, _) = ready
        .strip_prefix("ready: clients at ")
        .and_then(|rest| rest.split_once(' '))
        .expect(ready);
    let (_, page) = get(admin_of(ready), "/metrics");
    let expiry = format!(
        "switchyard_proxy_certificate_expiry_timestamp_seconds{{listener=\"tls-listen\",file=\"{}\"}} ",
        cert_file.display()
    );
    let ends = page.lines().find_map(|line| line.strip_prefix(&expiry));
    // The year 4096.
    assert_eq!(ends, Some("67090118400"), "{page}");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream.write_all(HEADER).expect("it reads");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(key.cert.der().clone()).expect("a root");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name);
    let mut stream = rustls::StreamOwned::new(session.expect("a session"), stream);
    stream.write_all(CLIENT_INFO).expect("it reads");
    let told = read_info(&mut stream);
    assert!(told.contains(" addr=192.0.2.7:8080 "), "{told}");
    // Who begins with TLS at once is closed, and hears nothing that is no TLS.
    let mut other = TcpStream::connect(address).expect("it listens");
    other.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    other
        .write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0])
        .expect("it reads");
    assert_eq!(rest(other), "");
}
