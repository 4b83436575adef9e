//! `switchyard check ADDRESS`: whether a server answers a PING in time; one line and an exit code, for health checks of containers and scripts.
//! Opens one connection and closes it. Never: retries, waits beyond the deadline, or shows a password, also where the server says it.
//! Invariant: the deadline holds for all of it together: reading the file of certificates, the name's look-up, connecting, the TLS handshake, every reply.

use crate::args::CheckArguments;
use crate::say;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use shared::config::{Secret, read_file};
use shared::resp::{Frame, ReplyError, decode, encode_request};
use shared::topology::Address;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use switchyard::Failure;

/// Longest reply that is waited for: an error is a line of text, and `+PONG` is shorter still.
const MOST_REPLY_BYTES: usize = 4096;

/// What the library calls a certificate that may sign others and is shown as a server's own.
const AUTHORITY_AS_SERVER: &str = "CaUsedAsEndEntity";

/// Why a server does not pass.
#[derive(Debug, thiserror::Error)]
enum Unwell {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("its certificate is not trusted: {0}")]
    Untrusted(String),
    #[error("it does not speak TLS at this port; it is asked for that because of --tls-ca-file")]
    NotTls(#[source] io::Error),
    #[error("it closed the connection without a reply")]
    Closed,
    #[error("it does not speak the Redis protocol")]
    Foreign(#[source] ReplyError),
    #[error(
        "its reply to {0} is longer than {MOST_REPLY_BYTES} bytes, or another one than {expected}",
        expected = .0.reply()
    )]
    OtherReply(Step),
    #[error("{step} was answered with {text:?}")]
    Refused { step: Step, text: String },
    #[error("no reply within {0}")]
    Deadline(String),
    #[error(
        "no reply within {0}; it may not speak TLS at this port, and is asked for that because of --tls-ca-file"
    )]
    TlsDeadline(String),
}

/// What is said to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Auth,
    Ping,
}

impl Step {
    /// The one reply that passes.
    fn reply(self) -> &'static str {
        match self {
            Self::Auth => "OK",
            Self::Ping => "PONG",
        }
    }
}

/// Of an error that the server said, what may be shown. Some quote what they were sent, whole, cut or escaped: where there is a password that is the error's
/// kind, as long as it looks like one and is nothing of the password's.
fn shown<'a>(error: &'a str, password: &Secret) -> &'a str {
    if password.is_empty() {
        return error;
    }
    let kind = error.split_whitespace().next().unwrap_or_default();
    let is_kind = kind.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_kind && (kind.is_empty() || !password.reveal().contains(kind)) {
        return kind;
    }
    BLANKED
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Auth => "AUTH",
            Self::Ping => "PING",
        })
    }
}

/// What stands where a password would.
const BLANKED: &str = "***";

/// Asks once and says how it went.
pub(crate) fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let failed = |source: Unwell| Failure::Unwell {
        address: arguments.address.clone(),
        source: Box::new(source),
    };
    let (tell, told) = mpsc::sync_channel(1);
    // Reading a file and looking up a name cannot be given a deadline: they go on, on a thread that ends with the process.
    let own = arguments.clone();
    let ask = move || {
        // Nobody listens any more when the deadline has passed.
        tell.send(Question::of(&own).map(Question::ask)).ok();
    };
    thread::Builder::new()
        .name("check".to_owned())
        .spawn(ask)
        .map_err(|source| Failure::System {
            what: "start a thread",
            source,
        })?;
    match told.recv_timeout(arguments.deadline.time) {
        Ok(Ok(Ok(()))) => {
            say(&format!("{}: PONG", arguments.address));
            Ok(())
        }
        Ok(Ok(Err(reason))) => Err(failed(reason)),
        Ok(Err(failure)) => Err(failure),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            let deadline = arguments.deadline.to_string();
            Err(failed(match arguments.tls_ca_file {
                None => Unwell::Deadline(deadline),
                Some(_) => Unwell::TlsDeadline(deadline),
            }))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Failure::Panicked),
    }
}

/// All that is needed to ask.
struct Question {
    address: Address,
    password: Secret,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Question {
    fn of(arguments: &CheckArguments) -> Result<Self, Failure> {
        let tls = match &arguments.tls_ca_file {
            None => None,
            Some(file) => {
                let host = arguments.address.host();
                let name = arguments.tls_server_name.as_deref().unwrap_or(host);
                Some((tls_settings(file)?, server_name(name)?))
            }
        };
        Ok(Self {
            address: arguments.address.clone(),
            password: Secret::new(arguments.password.as_deref().unwrap_or_default()),
            tls,
        })
    }

    /// AUTH where there is a password, and PING.
    fn ask(self) -> Result<(), Unwell> {
        let socket = TcpStream::connect(self.address.pair()).map_err(Unwell::Connect)?;
        match self.tls {
            None => exchange(socket, &self.password),
            Some((settings, name)) => {
                let session = ClientConnection::new(settings, name)
                    .map_err(|error| Unwell::Broken(io::Error::other(error)))?;
                exchange(StreamOwned::new(session, socket), &self.password)
            }
        }
    }
}

fn exchange(mut stream: impl Read + Write, password: &Secret) -> Result<(), Unwell> {
    if !password.is_empty() {
        let words = ["AUTH", password.reveal()];
        call(&mut stream, Step::Auth, &words, password)?;
    }
    call(&mut stream, Step::Ping, &["PING"], password)
}

/// One command, which must get the reply that passes.
fn call(
    stream: &mut (impl Read + Write),
    step: Step,
    words: &[&str],
    password: &Secret,
) -> Result<(), Unwell> {
    let mut request = Vec::new();
    encode_request(&mut request, words);
    stream.write_all(&request).map_err(broken)?;
    let mut reply = Vec::new();
    let mut chunk = [0; 512];
    while reply.len() < MOST_REPLY_BYTES {
        let count = stream.read(&mut chunk).map_err(broken)?;
        if count == 0 {
            return Err(Unwell::Closed);
        }
        reply.extend_from_slice(&chunk[..count]);
        match decode(&reply).map_err(Unwell::Foreign)? {
            None => {}
            Some((Frame::Error(text), _)) => {
                let text = String::from_utf8_lossy(&text);
                let text = shown(&text, password).to_owned();
                return Err(Unwell::Refused { step, text });
            }
            Some((Frame::Simple(text), _)) if text == step.reply().as_bytes() => return Ok(()),
            Some(_) => break,
        }
    }
    Err(Unwell::OtherReply(step))
}

/// Why nothing more comes over a connection. What a person can mend, the certificate, is said in words.
fn broken(error: io::Error) -> Unwell {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = match tls {
        Some(rustls::Error::InvalidCertificate(reason)) => reason,
        Some(rustls::Error::InvalidMessage(_)) => return Unwell::NotTls(error),
        _ => return Unwell::Broken(error),
    };
    Unwell::Untrusted(match reason {
        // The other key of two of the same name, as when a certificate was made anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "none of those in --tls-ca-file has signed it".to_owned(),
        CertificateError::Other(other) if other.to_string() == AUTHORITY_AS_SERVER => {
            "it is an authority's (CA:TRUE), and shown as a server's; make it anew with basicConstraints=critical,CA:FALSE".to_owned()
        }
        other => other.to_string(),
    })
}

/// Trusts the certificates in `file` and nobody else.
fn tls_settings(file: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let wrong = |reason: String| {
        Failure::Usage(format!(
            "--tls-ca-file: {}: {reason}; it must hold certificates in PEM form",
            file.display()
        ))
    };
    let text = read_file(file)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("no certificate in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(settings))
}

fn server_name(name: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(name.to_owned()).map_err(|_| {
        Failure::Usage(format!(
            "--tls-server-name: \"{name}\" is neither a name nor an IP address that a certificate can hold"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a server: what is written goes nowhere, what is read was said before.
    struct Script<'a>(&'a [u8]);

    impl Read for Script<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(into)
        }
    }

    impl Write for Script<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is made of a server that says `said`, asked with `password`.
    fn check(password: &str, said: &[u8], expected: &str) {
        let outcome = exchange(Script(said), &Secret::new(password));
        let words = outcome.map_or_else(|unwell| unwell.to_string(), |()| "well".to_owned());
        assert_eq!(words, expected, "{}", said.escape_ascii());
    }

    #[test]
    fn only_pong_passes() {
        let other = "its reply to PING is longer than 4096 bytes, or another one than PONG";
        check("", b"+PONG\r\n", "well");
        check("", b"", "it closed the connection without a reply");
        check("", b"+PON", "it closed the connection without a reply");
        check("", b"$4\r\nPONG\r\n", other);
        check("", b"+QUEUED\r\n", other);
        check(
            "",
            b"HTTP/1.1 400 Bad Request\r\n",
            "it does not speak the Redis protocol",
        );
        check(
            "",
            b"-NOAUTH Authentication required.\r\n",
            "PING was answered with \"NOAUTH Authentication required.\"",
        );
        let mut endless = b"$9000\r\n".to_vec();
        endless.resize(9000, b'x');
        check("", &endless, other);
    }

    #[test]
    fn only_ok_lets_in() {
        let other = "its reply to AUTH is longer than 4096 bytes, or another one than OK";
        check("sesame", b"+PONG\r\n", other);
        check("sesame", b"$2\r\nOK\r\n", other);
        check("sesame", b":1\r\n", other);
        let mut endless = b"$9000\r\n".to_vec();
        endless.resize(9000, b'x');
        check("sesame", &endless, other);
    }

    #[test]
    fn a_password_that_the_server_says_is_not_shown() {
        check(
            "sesame",
            b"-ERR unknown command 'AUTH', with args beginning with: 'sesame'\r\n",
            "AUTH was answered with \"ERR\"",
        );
        check(
            "sesame",
            b"-sesame is wrong\r\n",
            "AUTH was answered with \"***\"",
        );
        check("sesame", b"-\r\n", "AUTH was answered with \"\"");
        let blanks = "-sesame-open foo";
        for (password, error, expected) in [
            ("sesame", "ERR after AUTH sesame", "ERR"),
            (blanks, blanks, BLANKED),
            (blanks, "sesame-open foo", BLANKED),
            (blanks, "foo", BLANKED),
            ("OPEN SESAME", "OPEN", BLANKED),
            ("OPEN SESAME", "ERR 'OPEN", "ERR"),
            ("", "LOADING Redis is loading", "LOADING Redis is loading"),
        ] {
            assert_eq!(shown(error, &Secret::new(password)), expected, "{error}");
        }
    }
}
