//! TLS towards etcd: whose certificates are trusted, and which one is shown. rustls with ring.
//! Reaches: the files that the settings name; again now and then, for certificates end and are made anew.
//! Invariant: what is used is a set that fits; files that cannot be used any more leave the set before.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use shared::clock::Clock;
use shared::config::read_file;
use shared::topology::Address;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{EtcdError, in_one_line};

/// The files are read again when they were read so long ago, for the next connection.
const READ_AGAIN_MS: u64 = 10_000;

/// The files of TLS towards etcd, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdTls {
    /// Certificates of whoever may have signed those of the members.
    pub ca_file: PathBuf,
    /// The certificate chain that is shown, and its key.
    pub pair: Option<(PathBuf, PathBuf)>,
}

/// What connections are made with.
#[derive(Clone)]
pub(super) struct Tls {
    files: EtcdTls,
    clock: Clock,
    made: Arc<Mutex<Made>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(out)
    }
}

struct Made {
    settings: Arc<ClientConfig>,
    /// Of the texts that they were made from.
    fingerprint: u64,
    read_ms: u64,
    /// What the log says is wrong with the files now.
    said: Option<String>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn read(files: EtcdTls, clock: Clock) -> Result<Self, EtcdError> {
        let (settings, fingerprint) = settings(&files)?;
        let made = Made {
            settings: Arc::new(settings),
            fingerprint,
            read_ms: clock.monotonic_ms(),
            said: None,
        };
        Ok(Self {
            files,
            clock,
            made: Arc::new(Mutex::new(made)),
        })
    }

    /// Agrees with a member.
    pub(super) async fn greet(
        &self,
        endpoint: &Address,
        socket: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(endpoint.host().to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.settings().await);
        connector.connect(name, socket).await
    }

    async fn settings(&self) -> Arc<ClientConfig> {
        let now_ms = self.clock.monotonic_ms();
        let (before, is_old) = self.with_made(|made| {
            let is_old = now_ms.saturating_sub(made.read_ms) >= READ_AGAIN_MS;
            if is_old {
                // Whoever comes meanwhile goes on with what is there.
                made.read_ms = now_ms;
            }
            (Arc::clone(&made.settings), is_old)
        });
        if !is_old {
            return before;
        }
        let files = self.files.clone();
        match spawn_blocking(move || settings(&files)).await {
            Ok(Ok((new, fingerprint))) => self.with_made(|made| {
                made.said = None;
                // The old ones know sessions that can be resumed.
                if made.fingerprint != fingerprint {
                    made.fingerprint = fingerprint;
                    made.settings = Arc::new(new);
                }
                Arc::clone(&made.settings)
            }),
            Ok(Err(error)) => {
                self.note(&in_one_line(&error));
                before
            }
            Err(_) => before,
        }
    }

    fn note(&self, problem: &str) {
        let is_news = self.with_made(|made| {
            let before = made.said.replace(problem.to_owned());
            before.as_deref() != Some(problem)
        });
        if is_news {
            tracing::warn!(
                problem,
                "the files of TLS towards etcd cannot be used; those that were read before stay in use"
            );
        }
    }

    fn with_made<T>(&self, look: impl FnOnce(&mut Made) -> T) -> T {
        look(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What connections are made with, by what is in the files now; and a fingerprint of that.
fn settings(files: &EtcdTls) -> Result<(ClientConfig, u64), EtcdError> {
    let mut fingerprint = DefaultHasher::new();
    let mut text_of = |path: &Path| {
        let text = read_file(path).map_err(|error| EtcdError::Unreadable(Box::new(error)))?;
        text.hash(&mut fingerprint);
        Ok::<String, EtcdError>(text)
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca_file, &text_of(&files.ca_file)?)? {
        let added = roots.add(certificate);
        added.map_err(|error| unfit(&files.ca_file, error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&files.ca_file, error))?
        .with_root_certificates(roots);
    let settings = match &files.pair {
        None => settings.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate, &text_of(certificate)?)?;
            let text = text_of(key)?;
            let secret = PrivateKeyDer::from_pem_slice(text.as_bytes())
                .map_err(|_| unfit(key, "holds no private key in PEM form, or an encrypted one"))?;
            settings
                .with_client_auth_cert(chain, secret)
                .map_err(|error| unfit(certificate, error))?
        }
    };
    Ok((settings, fingerprint.finish()))
}

fn certificates(path: &Path, text: &str) -> Result<Vec<CertificateDer<'static>>, EtcdError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let all = all.map_err(|error| unfit(path, error))?;
    if all.is_empty() {
        return Err(unfit(path, "holds no certificate in PEM form"));
    }
    Ok(all)
}

fn unfit(path: &Path, what: impl fmt::Display) -> EtcdError {
    EtcdError::Unfit {
        path: path.to_path_buf(),
        what: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let said = || {
            let files = EtcdTls {
                ca_file: path.clone(),
                pair: None,
            };
            let refused = Tls::read(files, Clock::system()).unwrap_err();
            in_one_line(&refused).replace(&path.display().to_string(), "ca.pem")
        };
        assert_eq!(said(), "ca.pem: there is no such file");
        for rubbish in [
            "",
            "nothing\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            std::fs::write(&path, rubbish).unwrap();
            assert_eq!(said(), "ca.pem: holds no certificate in PEM form");
        }
        let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        std::fs::write(&path, torn).unwrap();
        assert!(said().starts_with("ca.pem: "), "{}", said());
    }
}
