//! TLS on the proxy's client listener: the same answers, in the same order, as without.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::{SWITCHYARD, Server, free_address, start_node, start_proxy};
use crate::support::{Client, Reply, encode};

struct TlsProxy {
    _node: Server,
    proxy: Server,
    files: tempfile::TempDir,
    tls_address: SocketAddr,
    certificate: CertificateDer<'static>,
}

/// A certificate for localhost, written with its key into `folder`.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    fs::write(folder.join("certificate.pem"), made.cert.pem()).expect("written");
    made.cert.der().clone()
}

/// A certificate that may sign others, in the place of the one for localhost.
fn write_authority(folder: &Path) {
    let mut made = CertificateParams::new(["localhost".to_owned()]).expect("names");
    made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = made.self_signed(&key).expect("a certificate");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
    fs::write(folder.join("certificate.pem"), certificate.pem()).expect("written");
}

fn start() -> TlsProxy {
    start_with(&[])
}

fn start_with(further: &[&str]) -> TlsProxy {
    let files = tempfile::TempDir::with_prefix("switchyard-test-").expect("a temporary folder");
    let certificate = write_certificate(files.path());
    let file = |name: &str| files.path().join(name).display().to_string();
    let node = start_node(&[]);
    let tls_address = free_address();
    let (listen, certificate_file) = (tls_address.to_string(), file("certificate.pem"));
    let key_file = file("key.pem");
    let mut arguments = vec!["--tls-listen", &listen];
    arguments.extend(["--tls-cert-file", &certificate_file]);
    arguments.extend(["--tls-key-file", &key_file]);
    arguments.extend(further);
    let proxy = start_proxy(&[node.address], &arguments);
    TlsProxy {
        _node: node,
        proxy,
        files,
        tls_address,
        certificate,
    }
}

type TlsSocket = StreamOwned<ClientConnection, TcpStream>;

/// Both that there are.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

impl TlsProxy {
    fn connect(&self) -> Client<TlsSocket> {
        Client::over(self.socket(&self.certificate, &VERSIONS))
    }

    /// A connection that trusts this certificate alone; the handshake comes with the first bytes.
    fn socket(
        &self,
        certificate: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsSocket {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(settings), name).expect("a session");
        let socket = TcpStream::connect(self.tls_address).expect("the TLS listener");
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        socket.set_nodelay(true).expect("a socket");
        StreamOwned::new(session, socket)
    }

    /// Whether a new client that trusts `certificate` alone is served.
    fn shows(&self, certificate: &CertificateDer<'static>) -> bool {
        let mut socket = self.socket(certificate, &VERSIONS);
        let mut pong = [0; 7];
        socket.write_all(b"PING\r\n").is_ok() && socket.read_exact(&mut pong).is_ok()
    }
}

/// All that comes until the end, which must be TLS' own: without close_notify reading fails.
fn read_to_goodbye(socket: &mut TlsSocket) -> String {
    let mut text = String::new();
    socket
        .read_to_string(&mut text)
        .expect("the other side says goodbye");
    text
}

#[test]
fn check_asks_over_tls_and_trusts_only_whom_it_is_told_to() {
    let system = start();
    let file = |name: &str| system.files.path().join(name);
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    fs::write(file("stranger.pem"), stranger.cert.pem()).expect("written");
    let ask = |ca: &str, name: &str| {
        let output = Command::new(SWITCHYARD)
            .args(["check", &system.tls_address.to_string()])
            .arg("--tls-ca-file")
            .arg(file(ca))
            .args(["--tls-server-name", name])
            .output()
            .expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let check = |ca: &str, name: &str, code: i32, words: &str| {
        let (status, said) = ask(ca, name);
        assert_eq!(status, Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    };
    check("certificate.pem", "localhost", 0, ": PONG\n");
    check("certificate.pem", "elsewhere", 69, "not valid for name");
    let unsigned = "its certificate is not trusted: none of those in --tls-ca-file has signed it";
    check("stranger.pem", "localhost", 69, unsigned);
    // As `openssl req -x509` makes one that nobody told what it is for.
    let authority = "its certificate is not trusted: it is an authority's (CA:TRUE), and shown as a server's; \
                     make it anew with basicConstraints=critical,CA:FALSE\n";
    write_authority(system.files.path());
    system.proxy.hang_up();
    eventually("check says what is wrong with an authority's", || {
        let (status, said) = ask("certificate.pem", "localhost");
        status == Some(69) && said.contains(authority)
    });
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

#[test]
fn whatever_ends_a_client_tls_says_goodbye() {
    for version in VERSIONS {
        let mut system = start_with(&["--timeout", "2s"]);
        let open = || {
            let mut socket = system.socket(&system.certificate, &[version]);
            socket.write_all(b"CLIENT ID\r\n").expect("sent");
            let mut id = Vec::new();
            while !id.ends_with(b"\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).expect("a reply");
                id.push(byte[0]);
            }
            let id = String::from_utf8(id).expect("text");
            (socket, id.trim().trim_start_matches(':').to_owned())
        };
        let (mut silent, _) = open();
        let (mut polite, _) = open();
        polite.write_all(b"QUIT\r\n").expect("sent");
        assert_eq!(read_to_goodbye(&mut polite), "+OK\r\n");
        let (mut wrong, _) = open();
        wrong.write_all(b"*1\r\n:3\r\n").expect("sent");
        let error = read_to_goodbye(&mut wrong);
        assert!(error.starts_with("-ERR Protocol error"), "{error}");
        let (mut killed, id) = open();
        let verdict = system.proxy.connect().call(&["CLIENT", "KILL", "ID", &id]);
        assert_eq!(verdict, Reply::Integer(1));
        assert_eq!(read_to_goodbye(&mut killed), "");
        assert_eq!(read_to_goodbye(&mut silent), "", "the timeout");
        let (mut last, _) = open();
        system.proxy.ask_to_stop();
        assert_eq!(read_to_goodbye(&mut last), "", "the end of the proxy");
        system.proxy.wait_for_exit(Duration::from_secs(30));
    }
}

#[test]
fn who_is_not_taken_in_hears_it_over_tls() {
    for version in VERSIONS {
        let system = start_with(&["--maxclients", "1"]);
        let mut only = None;
        // The harness' own connection may not be gone yet.
        eventually("one client is taken in", || {
            let mut client = system.connect();
            let pong = client.try_call(&["PING"]);
            let is_in = pong.is_ok_and(|reply| reply == Reply::Simple(b"PONG".to_vec()));
            only = Some(client);
            is_in
        });
        let mut refused = system.socket(&system.certificate, &[version]);
        // What it says before it knows takes nothing from what it hears.
        refused.write_all(b"PING\r\n").expect("sent");
        assert_eq!(
            read_to_goodbye(&mut refused),
            "-ERR max number of clients reached\r\n"
        );
        drop(only);
    }
}

#[test]
fn a_certificate_that_changes_is_shown_and_a_bad_one_is_not() {
    let system = start();
    let mut old_client = system.connect();
    assert_eq!(old_client.call_words("SET k v"), Reply::ok());
    assert!(system.shows(&system.certificate));

    let second = write_certificate(system.files.path());
    eventually("new clients are shown the new one", || {
        system.shows(&second)
    });
    assert!(!system.shows(&system.certificate));
    assert_eq!(old_client.call_words("GET k"), Reply::bulk("v"));

    let key = system.files.path().join("key.pem");
    let good_key = fs::read_to_string(&key).expect("read");
    fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").expect("written");
    eventually("the log says what is wrong", || {
        let log = system.proxy.output();
        log.contains("certificate not used; the one in use stays")
            && log.contains("the private key is encrypted")
    });
    assert!(system.shows(&second));
    fs::write(&key, good_key).expect("written");

    let third = write_certificate(system.files.path());
    system.proxy.hang_up();
    eventually("SIGHUP has it read", || system.shows(&third));
    let log = system.proxy.output();
    assert!(
        log.contains("SIGHUP: topology and certificates are read again"),
        "{log}"
    );
}
