//! TLS on the proxy's client listener: the same answers, in the same order, as without.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::eventually::PATIENCE;
use crate::support::servers::{SWITCHYARD, Server, free_address, start_node, start_proxy};
use crate::support::{Client, Reply, encode};

struct TlsProxy {
    _node: Server,
    proxy: Server,
    files: tempfile::TempDir,
    tls_address: SocketAddr,
    certificate: CertificateDer<'static>,
}

fn start() -> TlsProxy {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = tempfile::TempDir::with_prefix("switchyard-test-").expect("a temporary folder");
    let certificate_file = files.path().join("certificate.pem");
    let key_file = files.path().join("key.pem");
    fs::write(&certificate_file, made.cert.pem()).expect("written");
    fs::write(&key_file, made.signing_key.serialize_pem()).expect("written");
    let node = start_node(&[]);
    let tls_address = free_address();
    let proxy = start_proxy(
        &[node.address],
        &[
            "--tls-listen",
            &tls_address.to_string(),
            "--tls-cert-file",
            &certificate_file.display().to_string(),
            "--tls-key-file",
            &key_file.display().to_string(),
        ],
    );
    TlsProxy {
        _node: node,
        proxy,
        files,
        tls_address,
        certificate: made.cert.der().clone(),
    }
}

impl TlsProxy {
    fn connect(&self) -> Client<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(settings), name).expect("a session");
        let socket = TcpStream::connect(self.tls_address).expect("the TLS listener");
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        socket.set_nodelay(true).expect("a socket");
        Client::over(StreamOwned::new(session, socket))
    }
}

#[test]
fn check_asks_over_tls_and_trusts_only_whom_it_is_told_to() {
    let system = start();
    let file = |name: &str| system.files.path().join(name);
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    fs::write(file("stranger.pem"), stranger.cert.pem()).expect("written");
    let check = |ca: &str, name: &str, code: i32, words: &str| {
        let output = Command::new(SWITCHYARD)
            .args(["check", &system.tls_address.to_string()])
            .arg("--tls-ca-file")
            .arg(file(ca))
            .args(["--tls-server-name", name])
            .output()
            .expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    };
    check("certificate.pem", "localhost", 0, ": PONG\n");
    check("certificate.pem", "elsewhere", 69, "not valid for name");
    check("stranger.pem", "localhost", 69, "invalid peer certificate");
}

#[test]
fn commands_pipelines_and_large_values_work_over_tls() {
    let system = start();
    let mut client = system.connect();
    assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
    assert_eq!(client.call_words("SET k v"), Reply::ok());
    let commands: Vec<Vec<Vec<u8>>> = (0..2_000)
        .map(|number| vec![b"ECHO".to_vec(), format!("{number}").into_bytes()])
        .collect();
    for (number, reply) in client.pipeline(&commands).into_iter().enumerate() {
        assert_eq!(reply, Reply::bulk(number.to_string()));
    }
    let large: Vec<u8> = (0..=u8::MAX).cycle().take(3_000_000).collect();
    let set = [b"SET".to_vec(), b"large".to_vec(), large.clone()];
    assert_eq!(client.call(&set), Reply::ok());
    assert!(client.call_words("GET large") == Reply::Bulk(large));
    // What came in over TLS is there without it, too.
    assert_eq!(system.proxy.connect().call_words("GET k"), Reply::bulk("v"));
}

#[test]
fn plain_bytes_on_the_tls_port_hurt_nobody() {
    let mut system = start();
    let mut plain = Client::connect(system.tls_address);
    plain.send(&encode(&["PING"])).expect("sent");
    assert!(plain.is_closed_by_server());
    // A handshake that never goes on.
    let mut halted = Client::connect(system.tls_address);
    halted.send(&[0x16, 0x03, 0x01]).expect("sent");
    assert_eq!(
        system.connect().call_words("PING"),
        Reply::Simple(b"PONG".to_vec())
    );
    assert!(system.proxy.is_alive());
}

#[test]
fn many_tls_clients_are_served_at_once() {
    let system = start();
    let mut clients: Vec<_> = (0..100).map(|_| system.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let number = number.to_string();
        assert_eq!(client.call(&["SET", &number, &number]), Reply::ok());
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let number = number.to_string();
        assert_eq!(client.call(&["GET", &number]), Reply::bulk(&number));
    }
}
